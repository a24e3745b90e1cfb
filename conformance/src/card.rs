//! What was done with a card, read from its commands and answers (chapter 60).
//!
//! The state that an [`Act`] names is the one that a right card would be in after the answers that this one gave.

use std::collections::BTreeSet;

use chukei_evidence::{Exchange, Pin};

/// AID of the JPKI application.
pub(crate) const JPKI: &[u8] = b"\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01";
/// AID of the National Health Insurance application.
pub(crate) const NHI: &[u8] = b"\xf0KOKUHOAP1";
/// The signature certificate.
pub(crate) const CERTIFICATE: u16 = 0x0001;
/// The certificate of its authority.
pub(crate) const AUTHORITY: u16 = 0x0002;
/// The signature key.
pub(crate) const KEY: u16 = 0x001a;
/// The signature PIN.
pub(crate) const PIN: u16 = 0x001b;
/// The authentication certificate.
pub(crate) const AUTHENTICATION_CERTIFICATE: u16 = 0x000a;
/// The authentication key.
pub(crate) const AUTHENTICATION_KEY: u16 = 0x0017;
/// The authentication PIN.
pub(crate) const AUTHENTICATION_PIN: u16 = 0x0018;
/// The user number.
pub(crate) const NUMBER: u16 = 0x0001;

/// Instructions that chapter 60 knows.
const INSTRUCTIONS: [u8; 5] = [0xa4, 0xb0, 0xd6, 0x20, 0x2a];
/// Classes that chapter 60 knows; their fifth bit says that a command goes on.
const CLASSES: [u8; 2] = [0x00, 0x80];

/// What a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// No command: the card is reset.
    Reset,
    /// SELECT by AID, with or without template.
    Application { template: bool },
    /// SELECT by file identifier.
    File,
    /// READ BINARY from this offset.
    Read(u16),
    /// UPDATE BINARY.
    Write,
    /// VERIFY without data.
    Tries,
    /// VERIFY with a PIN.
    Enter(Pin),
    /// SIGN.
    Sign,
    /// A class that nobody knows.
    Class,
    /// An instruction that nobody knows.
    Instruction,
    /// Wrongly coded lengths.
    Length,
}

/// A command with its answer, and what the card had been told before.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// The event to point at: of the answer, or of the command without one.
    pub(crate) seq: u32,
    pub(crate) what: What,
    /// Whether it is a reset that nobody was told of.
    pub(crate) silent: bool,
    /// The command; octets of a PIN are zero.
    pub(crate) command: Vec<u8>,
    /// AID of the selected application, empty without one.
    pub(crate) application: Vec<u8>,
    /// The selected file.
    pub(crate) file: Option<u16>,
    /// Files of the verified PINs.
    pub(crate) verified: BTreeSet<u16>,
    /// What was answered, without the status word; the answer to reset.
    pub(crate) data: Vec<u8>,
    /// The status word; none when there was no sound answer.
    pub(crate) status: Option<u16>,
}

impl Act {
    /// Whether the command was carried out: 9000, or 6282 at the end of a file.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.status, Some(0x9000 | 0x6282))
    }

    /// Whether a command got no answer, or one without a status word.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.what != What::Reset && self.status.is_none()
    }

    /// What people call the command.
    pub(crate) const fn name(&self) -> &'static str {
        match self.what {
            What::Reset => "RESET",
            What::Application { .. } | What::File => "SELECT",
            What::Read(_) => "READ BINARY",
            What::Write => "UPDATE BINARY",
            What::Tries | What::Enter(_) => "VERIFY",
            What::Sign => "SIGN",
            What::Class | What::Instruction | What::Length => "APDU",
        }
    }

    /// The status word in hexadecimal digits.
    pub(crate) fn word(&self) -> String {
        self.status.map_or_else(|| "–".to_owned(), |status| format!("{status:04X}"))
    }

    /// The number of tries in the status word.
    pub(crate) fn tries(&self) -> Option<u16> {
        self.status.filter(|status| status & 0xfff0 == 0x63c0).map(|status| status & 0x000f)
    }
}

/// Everything that was done in an exchange, in order.
pub(crate) fn acts(exchange: &Exchange<'_>) -> Vec<Act> {
    let mut acts = Vec::new();
    let (mut application, mut file, mut verified) = (Vec::new(), None, BTreeSet::new());
    for apdu in exchange.apdus() {
        let seq = apdu.answer.map_or(apdu.seq, |(seq, _)| seq);
        let answer = apdu.answer.and_then(|(_, text)| octets(text));
        let mut act = Act {
            seq,
            what: What::Reset,
            silent: apdu.silent,
            command: Vec::new(),
            application: application.clone(),
            file,
            verified: verified.clone(),
            data: answer.clone().unwrap_or_default(),
            status: None,
        };
        if let Some(command) = apdu.command {
            act.command = octets(command).unwrap_or_default();
            act.what = classify(&act.command, apdu.pin);
            if let Some((data, status)) = answer.as_deref().and_then(<[u8]>::split_last_chunk) {
                act.data = data.to_vec();
                act.status = Some(u16::from_be_bytes(*status));
            }
        }
        match act.what {
            What::Reset => (application, file, verified) = Default::default(),
            What::Application { .. } if act.is_done() => {
                (file, verified) = Default::default();
                application = data_of(&act.command).to_vec();
            }
            What::File if act.is_done() => {
                file = data_of(&act.command).try_into().ok().map(u16::from_be_bytes)
            }
            What::Enter(Pin::Right) if act.is_done() => verified.extend(file),
            What::Enter(_) => {
                file.map(|file| verified.remove(&file));
            }
            _ => {}
        }
        acts.push(act);
    }
    acts
}

fn classify(command: &[u8], pin: Option<Pin>) -> What {
    let &[class, ins, p1, p2, ref body @ ..] = command else { return What::Length };
    if !CLASSES.contains(&(class & 0xef)) {
        return What::Class;
    }
    if !INSTRUCTIONS.contains(&ins) {
        return What::Instruction;
    }
    if !is_well_coded(body) {
        return What::Length;
    }
    match (ins, pin) {
        (0xa4, _) if p1 == 0x04 => What::Application { template: p2 == 0x00 },
        (0xa4, _) => What::File,
        (0xb0, _) => What::Read(u16::from_be_bytes([p1, p2])),
        (0xd6, _) => What::Write,
        (0x20, Some(pin)) => What::Enter(pin),
        (0x20, None) => What::Tries,
        _ => What::Sign,
    }
}

/// What follows the header: nothing, `Le`, `Lc` and data, or both; short, or extended (ISO/IEC 7816-4 §5.1).
fn is_well_coded(body: &[u8]) -> bool {
    match *body {
        [] | [_] => true,
        [0, _, _] => true,
        [0, high, low, ref rest @ ..] => {
            let lc = usize::from(u16::from_be_bytes([high, low]));
            lc > 0 && (rest.len() == lc || rest.len() == lc + 2)
        }
        [0, ..] => false,
        [lc, ref rest @ ..] => rest.len() == usize::from(lc) || rest.len() == usize::from(lc) + 1,
    }
}

/// The data of a command with short lengths.
pub(crate) fn data_of(command: &[u8]) -> &[u8] {
    match command {
        [_, _, _, _, lc, rest @ ..] => rest.get(..usize::from(*lc)).unwrap_or_default(),
        _ => &[],
    }
}

/// Octets of hexadecimal digits; `**` is zero.
pub(crate) fn octets(text: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match *pair {
        [b'*', b'*'] => Some(0),
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.len().is_multiple_of(2).then(|| text.as_bytes().chunks(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_apart() {
        let well = ["", "00", "0A", "01FF", "01FF00", "000100", "000001FF", "000001FF0000"];
        let badly = ["0AFF", "0000", "01FFFF00", "00000100FF00FF", "0001000000"];
        for body in well {
            assert!(is_well_coded(&octets(body).unwrap()), "{body}");
        }
        for body in badly {
            assert!(!is_well_coded(&octets(body).unwrap()), "{body}");
        }
    }

    #[test]
    fn commands_are_told_apart() {
        let is = |text: &str, pin| classify(&octets(text).unwrap(), pin);
        assert_eq!(is("00A4040C02F0F0", None), What::Application { template: false });
        assert_eq!(is("00A4020C020001", None), What::File);
        assert_eq!(is("00B0010000", None), What::Read(256));
        assert_eq!(
            (is("00200080", None), is("0020008002****", Some(Pin::Right))),
            (What::Tries, What::Enter(Pin::Right))
        );
        assert_eq!(
            (is("60A40000", None), is("00520000", None), is("00A4", None)),
            (What::Class, What::Instruction, What::Length)
        );
        assert_eq!(octets("0"), None);
    }
}
