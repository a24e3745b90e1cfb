//! Octets and file identifiers as card types and images spell them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Octets, written as an even number of hexadecimal digits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Hex {
    /// Reads hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, rest) = text.as_bytes().as_chunks();
        let octet = |[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
        rest.is_empty().then(|| pairs.iter().map(octet).collect::<Option<_>>().map(Self)).flatten()
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hex({self})")
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected an even number of hexadecimal digits"))
    }
}

/// Identifier of an elementary file: two octets, written as four hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(pub u16);

impl FileId {
    /// The short identifier: the low five bits, when nothing else is set and it is one of 1 to 30.
    #[must_use]
    pub fn short(self) -> Option<u8> {
        u8::try_from(self.0).ok().filter(|short| (1..=30).contains(short))
    }
}

impl Serialize for FileId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04x}", self.0))
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Hex::deserialize(deserializer)?.0.as_slice() {
            &[high, low] => Ok(Self(u16::from_be_bytes([high, low]))),
            _ => Err(D::Error::custom("expected a file identifier of four hexadecimal digits")),
        }
    }
}
