//! Command APDUs (ISO/IEC 7816-4 §5.2 to §5.4): four cases, short and extended; class; instruction.

use serde::{Deserialize, Serialize};

use crate::Status;

/// A command whose lengths and class are in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Whether further parts of the command follow (CLA bit 5).
    pub chained: bool,
    /// CLA without the chaining bit: 00, or 80 for commands of the card's maker.
    pub class: u8,
    /// INS.
    pub ins: u8,
    /// P1.
    pub p1: u8,
    /// P2.
    pub p2: u8,
    /// The data field.
    pub data: Vec<u8>,
    /// How much may be answered; none without `Le`.
    pub le: Option<Le>,
}

/// The octets that an answer may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Le {
    /// At most so many.
    pub max: usize,
    /// Whether the field is all zeros: as many as there are, and fewer are no surprise.
    pub any: bool,
}

/// What a card can be asked to do. The names are those of card types and fault scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instruction {
    /// 00 A4.
    Select,
    /// 00 B0.
    ReadBinary,
    /// 00 B2.
    ReadRecord,
    /// 00 D6.
    UpdateBinary,
    /// 00 20.
    Verify,
    /// 00 24.
    ChangeReferenceData,
    /// 00 2C.
    ResetRetryCounter,
    /// 80 2A 00 80: the signature command of the JPKI card edge.
    Sign,
    /// 00 87: the signature command of PIV (NIST SP 800-73-4 part 2 §3.2.4).
    GeneralAuthenticate,
    /// 00 CB: PIV objects (NIST SP 800-73-4 part 2 §3.1.2).
    GetData,
    /// 00 C0.
    GetResponse,
}

impl Instruction {
    /// Every instruction with its class, INS and name.
    pub const ALL: [(Self, u8, u8, &'static str); 11] = [
        (Self::Select, 0x00, 0xa4, "select"),
        (Self::ReadBinary, 0x00, 0xb0, "read-binary"),
        (Self::ReadRecord, 0x00, 0xb2, "read-record"),
        (Self::UpdateBinary, 0x00, 0xd6, "update-binary"),
        (Self::Verify, 0x00, 0x20, "verify"),
        (Self::ChangeReferenceData, 0x00, 0x24, "change-reference-data"),
        (Self::ResetRetryCounter, 0x00, 0x2c, "reset-retry-counter"),
        (Self::Sign, 0x80, 0x2a, "sign"),
        (Self::GeneralAuthenticate, 0x00, 0x87, "general-authenticate"),
        (Self::GetData, 0x00, 0xcb, "get-data"),
        (Self::GetResponse, 0x00, 0xc0, "get-response"),
    ];

    /// The instruction with this class and INS.
    ///
    /// # Errors
    /// 6E00 for a known INS in another class, 6D00 for an unknown one.
    pub fn of(class: u8, ins: u8) -> Result<Self, Status> {
        match Self::ALL.into_iter().find(|(_, _, known, _)| *known == ins) {
            None => Err(Status::UNKNOWN_INSTRUCTION),
            Some((instruction, known, ..)) if known == class => Ok(instruction),
            Some(_) => Err(Status::UNKNOWN_CLASS),
        }
    }

    /// The instruction with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entry| entry.3 == name).map(|(instruction, ..)| instruction)
    }

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(|entry| entry.3)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|entry| entry.0 == self).map_or("", |entry| entry.3)
    }
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// 6700 for lengths, 6881, 6882 and 6E00 for the class.
    pub fn parse(octets: &[u8]) -> Result<Self, Status> {
        let (&[cla, ins, p1, p2], body) = octets.split_first_chunk().ok_or(Status::WRONG_LENGTH)?;
        let (data, le) = lengths(body).ok_or(Status::WRONG_LENGTH)?;
        let class = match cla & !CHAINED {
            plain @ (0x00 | 0x80) => plain,
            0x01..=0x03 => return Err(Status::NO_CHANNELS),
            0x04..=0x0f => return Err(Status::NO_SECURE_MESSAGING),
            _ => return Err(Status::UNKNOWN_CLASS),
        };
        Ok(Self { chained: cla & CHAINED != 0, class, ins, p1, p2, data: data.to_vec(), le })
    }

    /// P1 and P2.
    #[must_use]
    pub const fn parameters(&self) -> [u8; 2] {
        [self.p1, self.p2]
    }
}

const CHAINED: u8 = 0x10;

/// Data field and `Le` of what follows the header.
fn lengths(body: &[u8]) -> Option<(&[u8], Option<Le>)> {
    match *body {
        [] => Some((&[], None)),
        [le] => Some((&[], Some(short(le)))),
        [0, a, b] => Some((&[], Some(extended(a, b)))),
        [0, a, b, ref rest @ ..] => {
            let (data, le) = rest.split_at_checked(usize::from(u16::from_be_bytes([a, b])))?;
            let le = match *le {
                [] => None,
                [a, b] => Some(extended(a, b)),
                _ => return None,
            };
            (!data.is_empty()).then_some((data, le))
        }
        [0, _] => None,
        [lc, ref rest @ ..] => {
            let (data, le) = rest.split_at_checked(usize::from(lc))?;
            match *le {
                [] => Some((data, None)),
                [le] => Some((data, Some(short(le)))),
                _ => None,
            }
        }
    }
}

const fn short(le: u8) -> Le {
    let max = if le == 0 { 0x100 } else { le as usize };
    Le { max, any: le == 0 }
}

const fn extended(a: u8, b: u8) -> Le {
    let le = u16::from_be_bytes([a, b]);
    let max = if le == 0 { 0x1_0000 } else { le as usize };
    Le { max, any: le == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_cases_short_and_extended() {
        let parse = |body: &[u8]| Command::parse(&[&[0, 0xb0, 1, 2], body].concat());
        let le = |max, any| Some(Le { max, any });
        for (body, data, expected) in [
            (&[][..], &[][..], None),
            (&[0], &[], le(256, true)),
            (&[4], &[], le(4, false)),
            (&[2, 7, 8], &[7, 8], None),
            (&[2, 7, 8, 9], &[7, 8], le(9, false)),
            (&[0, 0, 0], &[], le(65_536, true)),
            (&[0, 1, 2], &[], le(258, false)),
            (&[0, 0, 2, 7, 8], &[7, 8], None),
            (&[0, 0, 2, 7, 8, 1, 0], &[7, 8], le(256, false)),
        ] {
            let command = parse(body).unwrap();
            assert_eq!((command.data.as_slice(), command.le), (data, expected), "{body:?}");
        }
        for bad in [
            &[2, 7][..],
            &[2, 7, 8, 9, 9],
            &[0, 1],
            &[0, 0, 0, 7],
            &[0, 0, 2, 7],
            &[0, 0, 2, 7, 8, 1],
            &[0, 0, 2, 7, 8, 1, 0, 0],
        ] {
            assert_eq!(parse(bad), Err(Status::WRONG_LENGTH), "{bad:?}");
        }
        assert_eq!(Command::parse(&[0, 0xb0, 1]), Err(Status::WRONG_LENGTH));
    }

    #[test]
    fn the_class_has_no_channel_and_no_secure_messaging() {
        let class = |cla| Command::parse(&[cla, 0xb0, 0, 0]).map(|command| (command.class, command.chained));
        assert_eq!(class(0x00), Ok((0, false)));
        assert_eq!(class(0x10), Ok((0, true)));
        assert_eq!(class(0x90), Ok((0x80, true)));
        assert_eq!(class(0x01), Err(Status::NO_CHANNELS));
        assert_eq!(class(0x0c), Err(Status::NO_SECURE_MESSAGING));
        for cla in [0x20, 0x40, 0x84, 0xa0, 0xff] {
            assert_eq!(class(cla), Err(Status::UNKNOWN_CLASS), "{cla:02x}");
        }
        assert_eq!(Instruction::of(0, 0x2a), Err(Status::UNKNOWN_CLASS));
        assert_eq!(Instruction::of(0x80, 0x2a), Ok(Instruction::Sign));
        assert_eq!(Instruction::of(0, 0x84), Err(Status::UNKNOWN_INSTRUCTION));
        for (instruction, .., name) in Instruction::ALL {
            assert_eq!(Instruction::named(name), Some(instruction));
            assert_eq!(instruction.name(), name);
        }
    }
}
