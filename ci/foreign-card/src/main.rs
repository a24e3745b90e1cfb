//! A PIV card that others wrote (Nitrokey's `piv-authenticator`, behind the `apdu-dispatch` of its firmware), in a reader of our
//! pcscd driver. Ours is only what carries octets: frames as vpcd has them, two octets of length and then so many.
//!
//! usage: foreign-card SOCKET FOLDER     the reader's socket; where the card keeps its memory

mod platform;

use std::env;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use apdu_dispatch::dispatch::ApduDispatch;
use apdu_dispatch::interchanges::{Channel, Data};
use piv_authenticator::{Authenticator, Options};

/// T=1; the historical octets say that the card is a TEST card.
const ATR: [u8; 8] = [0x3b, 0x84, 0x01, b'T', b'E', b'S', b'T', 0x93];
/// What stands in a frame of one octet.
const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;
/// Wrong length (ISO/IEC 7816-4 §5.6), for a command that is longer than the card's buffer.
const WRONG_LENGTH: [u8; 2] = [0x67, 0x00];

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let (Some(socket), Some(memory)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: foreign-card SOCKET FOLDER"));
    };
    let mut reader = UnixStream::connect(socket)?;
    while powered(&mut reader, Path::new(&memory))? {}
    Ok(())
}

/// From one change of power to the next. Whether there is a next one: the reader has not hung up.
fn powered(reader: &mut UnixStream, memory: &Path) -> io::Result<bool> {
    platform::with_client(memory, |client| {
        let mut piv = Authenticator::new(client, Options::default());
        let (contact, contactless) = (Channel::new(), Channel::new());
        let taken = || io::Error::other("a channel is in use");
        let (mut terminal, contact) = contact.split().ok_or_else(taken)?;
        let (_, contactless) = contactless.split().ok_or_else(taken)?;
        let mut dispatch = ApduDispatch::new(contact, contactless);
        while let Some(frame) = read(reader)? {
            let answer = match *frame.as_slice() {
                [POWER_OFF | POWER_ON | RESET] => return Ok(true),
                [GET_ATR] => ATR.to_vec(),
                ref command => match Data::from_slice(command) {
                    Ok(command) => {
                        terminal.request(command).map_err(|_| taken())?;
                        dispatch.poll(&mut [&mut piv]);
                        let answer = terminal.take_response();
                        answer.ok_or_else(|| io::Error::other("the card does not answer"))?.to_vec()
                    }
                    Err(_) => WRONG_LENGTH.to_vec(),
                },
            };
            write(reader, &answer)?;
        }
        Ok(false)
    })
}

/// The next frame; none when the reader has hung up.
fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
    from.read_exact(&mut frame)?;
    Ok(Some(frame))
}

fn write(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u16::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_be_bytes()[..], frame].concat())
}
