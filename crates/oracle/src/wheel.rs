//! The Python wheel `xmlsec`, which carries a libxmlsec1 and a libxml2 newer than the system's, in one
//! process.

use crate::{Apex, Opinion};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

const SCRIPT: &str = include_str!("wheel.py");

/// A running interpreter. It answers one request at a time and ends when this is dropped.
pub struct Wheel {
    pipes: Mutex<Pipes>,
    versions: String,
}

/// The wheel of this process, started by whoever asks first; `None` where [`Wheel::start`] gives none.
pub fn shared() -> Option<&'static Wheel> {
    static SHARED: OnceLock<Option<Wheel>> = OnceLock::new();
    SHARED.get_or_init(Wheel::start).as_ref()
}

impl Wheel {
    /// Starts the interpreter that `CHUKEI_PYTHON` names, else that of `target/venv`, else `python3`. Without
    /// `xmlsec` and `lxml` it says `not run` on standard error and gives `None`.
    pub fn start() -> Option<Self> {
        Self::try_start().map_err(|reason| eprintln!("not run: Python wheel xmlsec: {reason}")).ok()
    }

    /// What the wheel is made of, for reports.
    pub fn versions(&self) -> &str {
        &self.versions
    }

    /// As [`crate::verify_at`], the key being a public key or a certificate in PEM.
    pub fn verify(
        &self,
        xml: &[u8],
        key_pem: &[u8],
        id_attributes: &[(&str, &str)],
        index: usize,
    ) -> Opinion {
        let lines: Vec<String> =
            id_attributes.iter().map(|(element, name)| format!("{element} {name}")).collect();
        let ids = lines.join("\n");
        match self.ask("verify", &[xml, key_pem, ids.as_bytes(), index.to_string().as_bytes()]) {
            Answer::Valid => Opinion::Valid,
            Answer::Invalid => Opinion::Invalid,
            Answer::Ok(_) => Opinion::Error("no opinion".into()),
            Answer::Error(text) => Opinion::Error(text),
            Answer::Unsupported(text) => Opinion::Unsupported(text),
        }
    }

    /// As [`crate::sign`].
    ///
    /// # Errors
    /// What the wheel says.
    pub fn sign(&self, template: &[u8], private_key_pem: &[u8]) -> Result<Vec<u8>, String> {
        self.octets("sign", &[template, private_key_pem])
    }

    /// As [`crate::seal_template`].
    ///
    /// # Errors
    /// What the wheel says.
    pub fn encrypt(
        &self,
        template: &[u8],
        plaintext: &[u8],
        public_key_pem: &[u8],
    ) -> Result<Vec<u8>, String> {
        self.octets("encrypt", &[template, plaintext, public_key_pem])
    }

    /// As [`crate::open_encrypted`]. The `xenc:EncryptedKey` may stand inside or beside the
    /// `xenc:EncryptedData`.
    ///
    /// # Errors
    /// What the wheel says.
    pub fn decrypt(&self, xml: &[u8], private_key_pem: &[u8]) -> Result<Vec<u8>, String> {
        self.octets("decrypt", &[xml, private_key_pem])
    }

    /// As [`crate::exclusive_c14n`].
    ///
    /// # Errors
    /// What the wheel says.
    pub fn c14n(&self, xml: &[u8], apex: Apex<'_>, inclusive: &[&str]) -> Result<Vec<u8>, String> {
        let apex = match apex {
            Apex::Document => "document".to_owned(),
            Apex::Element(number) => format!("element {number}"),
            Apex::Id(id) => format!("id {id}"),
        };
        self.octets("c14n", &[xml, apex.as_bytes(), inclusive.join(" ").as_bytes()])
    }

    fn try_start() -> Result<Self, String> {
        let mut command = Command::new(interpreter());
        command.arg("-c").arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", interpreter().display()))?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
        let pipes = Mutex::new(Pipes { child, input: Some(input), output: BufReader::new(output) });
        let mut wheel = Self { pipes, versions: String::new() };
        let versions = wheel
            .octets("versions", &[])
            .map_err(|error| format!("{} without xmlsec and lxml ({error})", interpreter().display()))?;
        wheel.versions = String::from_utf8_lossy(&versions).into_owned();
        Ok(wheel)
    }

    fn octets(&self, verb: &str, arguments: &[&[u8]]) -> Result<Vec<u8>, String> {
        match self.ask(verb, arguments) {
            Answer::Ok(octets) => Ok(octets),
            Answer::Error(text) => Err(text),
            Answer::Unsupported(text) => Err(format!("unsupported: {text}")),
            Answer::Valid | Answer::Invalid => Err("not octets".into()),
        }
    }

    fn ask(&self, verb: &str, arguments: &[&[u8]]) -> Answer {
        let mut request = verb.to_owned();
        for argument in arguments {
            request.push_str(" -");
            push_hex(&mut request, argument);
        }
        request.push('\n');
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        match pipes.exchange(&request) {
            Ok(line) => Answer::read(line.trim_end()),
            Err(error) => Answer::Error(format!("the wheel ended: {error}")),
        }
    }
}

fn interpreter() -> PathBuf {
    if let Some(named) = std::env::var_os("CHUKEI_PYTHON") {
        return named.into();
    }
    let local = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/venv/bin/python3"));
    if local.exists() { local } else { "python3".into() }
}

struct Pipes {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Pipes {
    fn exchange(&mut self, request: &str) -> std::io::Result<String> {
        let input = self.input.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        input.write_all(request.as_bytes())?;
        input.flush()?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.input = None; // the script ends at the end of its input
        let _ended = self.child.wait();
    }
}

enum Answer {
    Valid,
    Invalid,
    Ok(Vec<u8>),
    Error(String),
    Unsupported(String),
}

impl Answer {
    fn read(line: &str) -> Self {
        let (word, hex) = line.split_once(' ').unwrap_or((line, ""));
        let octets = from_hex(hex);
        let text = || String::from_utf8_lossy(octets.as_deref().unwrap_or_default()).into_owned();
        match (word, &octets) {
            ("valid", _) => Self::Valid,
            ("invalid", _) => Self::Invalid,
            ("ok", Some(octets)) => Self::Ok(octets.clone()),
            ("unsupported", _) => Self::Unsupported(text()),
            ("error", _) => Self::Error(text()),
            _ => Self::Error(format!("unreadable answer {line}")),
        }
    }
}

fn push_hex(text: &mut String, octets: &[u8]) {
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
