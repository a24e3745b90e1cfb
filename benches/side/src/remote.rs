//! A side in another process, driven over its standard input and output.

use std::io::{BufReader, BufWriter, Read, Result, Write, stdin, stdout};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::{Keys, Local, Operation, Run, Scheme, Side};

const ONCE: u8 = 1;
const TIME: u8 = 2;

/// A library that runs in a process of its own.
pub struct Remote {
    name: String,
    child: Child,
    orders: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Remote {
    /// Starts `program` for one operation of one library. `None` when the library has no such operation.
    pub fn start(
        program: &Path,
        name: &str,
        operation: Operation,
        scheme: Scheme,
        keys: &Keys,
        inputs: &[Vec<u8>],
    ) -> Result<Option<Self>> {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = BufWriter::new(child.stdin.take().expect("it is piped"));
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut remote = Self { name: name.to_owned(), child, orders, answers };
        let out = &mut remote.orders;
        put(out, name.as_bytes())?;
        out.write_all(&[operation as u8, scheme as u8])?;
        for key in
            [&keys.private_pem, &keys.private_der, &keys.public_pem, &keys.public_der, &keys.certificate_der]
        {
            put(out, key)?;
        }
        put_number(out, inputs.len() as u64)?;
        inputs.iter().try_for_each(|input| put(out, input))?;
        out.flush()?;
        Ok((get_byte(&mut remote.answers)? == 1).then_some(remote))
    }

    fn ask(&mut self, order: u8, indices: &[usize]) -> Result<()> {
        self.orders.write_all(&[order])?;
        put_number(&mut self.orders, indices.len() as u64)?;
        indices.iter().try_for_each(|index| put_number(&mut self.orders, *index as u64))?;
        self.orders.flush()
    }
}

impl Side for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn once(&mut self, index: usize) -> std::result::Result<Vec<u8>, String> {
        let answer = (|| {
            self.ask(ONCE, &[index])?;
            Ok((get_byte(&mut self.answers)?, get(&mut self.answers)?))
        })();
        match answer {
            Ok((1, output)) => Ok(output),
            Ok((_, error)) => Err(String::from_utf8_lossy(&error).into_owned()),
            Err(error) => Err(broken(&self.name, error)),
        }
    }

    fn time(&mut self, indices: &[usize]) -> Duration {
        let answer = self.ask(TIME, indices).and_then(|()| get_number(&mut self.answers));
        Duration::from_nanos(answer.unwrap_or_else(|error| panic!("{}", broken(&self.name, error))))
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broken(name: &str, error: std::io::Error) -> String {
    format!("the process of {name} broke off: {error}")
}

/// The other end: answers orders for one operation until standard input ends.
pub fn serve(find: impl FnOnce(&str, Operation, Scheme, &Keys) -> Option<Run>) -> Result<()> {
    let (mut orders, mut answers) = (BufReader::new(stdin().lock()), BufWriter::new(stdout().lock()));
    let name = String::from_utf8_lossy(&get(&mut orders)?).into_owned();
    let operations = [Operation::Verify, Operation::Sign, Operation::Seal, Operation::Open];
    let operation = operations[usize::from(get_byte(&mut orders)?)];
    let scheme = [Scheme::Rsa, Scheme::P256][usize::from(get_byte(&mut orders)?)];
    let [private_pem, private_der, public_pem, public_der, certificate_der] =
        [(); 5].map(|()| get(&mut orders).unwrap_or_default());
    let keys = Keys { private_pem, private_der, public_pem, public_der, certificate_der };
    let inputs = (0..get_number(&mut orders)?).map(|_| get(&mut orders)).collect::<Result<Vec<_>>>()?;
    let run = find(&name, operation, scheme, &keys);
    answers.write_all(&[u8::from(run.is_some())])?;
    answers.flush()?;
    let Some(run) = run else { return Ok(()) };
    let mut side = Local::new(&name, &inputs, run);
    while let Ok(order) = get_byte(&mut orders) {
        let indices = (0..get_number(&mut orders)?)
            .map(|_| get_number(&mut orders).map(|index| index as usize))
            .collect::<Result<Vec<_>>>()?;
        if order == TIME {
            put_number(&mut answers, side.time(&indices).as_nanos() as u64)?;
        } else {
            match side.once(indices[0]) {
                Ok(output) => {
                    answers.write_all(&[1])?;
                    put(&mut answers, &output)?;
                }
                Err(error) => {
                    answers.write_all(&[0])?;
                    put(&mut answers, error.as_bytes())?;
                }
            }
        }
        answers.flush()?;
    }
    Ok(())
}

fn put(out: &mut impl Write, bytes: &[u8]) -> Result<()> {
    put_number(out, bytes.len() as u64)?;
    out.write_all(bytes)
}

fn put_number(out: &mut impl Write, number: u64) -> Result<()> {
    out.write_all(&number.to_le_bytes())
}

fn get(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = vec![0; get_number(from)? as usize];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn get_number(from: &mut impl Read) -> Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn get_byte(from: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}
