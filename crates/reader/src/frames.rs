//! The frames between a reader driver and a card: two octets of length, big-endian, then so many octets. The driver sends
//! a command APDU, or one octet that moves the power; the card answers commands and [`GET_ATR`] with one frame each.

use std::io::{self, Read, Write};

pub(crate) const POWER_OFF: u8 = 0;
pub(crate) const POWER_ON: u8 = 1;
pub(crate) const RESET: u8 = 2;
pub(crate) const GET_ATR: u8 = 4;

/// The next frame; none when the other side has closed.
pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
    from.read_exact(&mut frame)?;
    Ok(Some(frame))
}

/// Writes a frame at once: two writes would wait for each other's acknowledgement. `promised` octets are more than there
/// are when the card goes away in the middle.
pub(crate) fn write(to: &mut impl Write, frame: &[u8], promised: usize) -> io::Result<()> {
    let length = u16::try_from(promised).map_err(|_| io::Error::other("an answer longer than a frame"))?;
    to.write_all(&[&length.to_be_bytes()[..], frame].concat())
}
