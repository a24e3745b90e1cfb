//! Status words (ISO/IEC 7816-4 §5.6).

use std::fmt;

/// The two octets that end every answer of a card.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Status {
    /// 9000: done.
    pub const OK: Self = Self(0x9000);
    /// 6282: the file ended before `Le` octets were read.
    pub const END_OF_FILE: Self = Self(0x6282);
    /// 6283: the application is suspended.
    pub const SUSPENDED: Self = Self(0x6283);
    /// 6285: the card is terminated.
    pub const TERMINATED: Self = Self(0x6285);
    /// 6700: length or coding of the command.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// 6881: logical channels are not supported.
    pub const NO_CHANNELS: Self = Self(0x6881);
    /// 6882: secure messaging is not supported.
    pub const NO_SECURE_MESSAGING: Self = Self(0x6882);
    /// 6884: this command cannot be chained.
    pub const NO_CHAINING: Self = Self(0x6884);
    /// 6981: not that kind of file.
    pub const WRONG_FILE_KIND: Self = Self(0x6981);
    /// 6982: the security status does not allow it.
    pub const NOT_ALLOWED: Self = Self(0x6982);
    /// 6985: conditions of use are not satisfied.
    pub const CONDITIONS: Self = Self(0x6985);
    /// 6986: no current file.
    pub const NO_CURRENT_FILE: Self = Self(0x6986);
    /// 6A80: the data field is wrong.
    pub const WRONG_DATA: Self = Self(0x6a80);
    /// 6A82: no such file or application.
    pub const NOT_FOUND: Self = Self(0x6a82);
    /// 6A83: no such record.
    pub const NO_RECORD: Self = Self(0x6a83);
    /// 6A84: no room in the file.
    pub const NO_ROOM: Self = Self(0x6a84);
    /// 6A86: wrong P1 or P2.
    pub const WRONG_PARAMETERS: Self = Self(0x6a86);
    /// 6B00: offset outside the file.
    pub const WRONG_OFFSET: Self = Self(0x6b00);
    /// 6D00: unknown instruction.
    pub const UNKNOWN_INSTRUCTION: Self = Self(0x6d00);
    /// 6E00: unknown class.
    pub const UNKNOWN_CLASS: Self = Self(0x6e00);
    /// 6F00: the card is at fault.
    pub const CARD_FAULT: Self = Self(0x6f00);

    /// 63Cx: so many tries are left (at most 15 can be said).
    #[must_use]
    pub fn tries_left(tries: u8) -> Self {
        Self(0x63c0 | u16::from(tries.min(15)))
    }

    /// 61xx: so many octets wait for GET RESPONSE; 00 for 256 or more.
    #[must_use]
    pub fn more(octets: usize) -> Self {
        Self(0x6100 | u16::from(u8::try_from(octets).unwrap_or(0)))
    }

    /// 6Cxx: ask again with this `Le`; 00 for 256 or more.
    #[must_use]
    pub fn exact_length(octets: usize) -> Self {
        Self(0x6c00 | u16::from(u8::try_from(octets).unwrap_or(0)))
    }

    /// SW1 and SW2.
    #[must_use]
    pub const fn octets(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
