//! SHA-256 as a Merkle tree uses it (RFC 6962 §2.1), and how octets are spelled in text.

use std::fmt;

use chukei_xml::lexical::{decode_base64, encode_base64};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// 32 octets: a SHA-256 hash, a label, a salt or a key. In JSON: base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Stands where there is nothing before.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of the octets.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        Self(chukei_crypto::sha256(octets))
    }

    /// Hash of a leaf of the tree: `0x00` before its octets, which keeps it apart from every node.
    #[must_use]
    pub fn of_leaf(octets: &[u8]) -> Self {
        let mut hash = chukei_crypto::Sha256::new();
        hash.update(&[0]);
        hash.update(octets);
        Self(hash.finish())
    }

    /// Hash of a node of the tree: `0x01`, left, right.
    #[must_use]
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let mut octets = [1; 65];
        if let Some((there, rest)) = octets.get_mut(1..).and_then(|both| both.split_at_mut_checked(32)) {
            there.copy_from_slice(&left.0);
            rest.copy_from_slice(&right.0);
        }
        Self::of(&octets)
    }

    /// The octets as a slice of another length than 32 give nothing.
    #[must_use]
    pub fn from_slice(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    /// Bit `at` of the 256, from the first octet's highest one on; `false` beyond.
    #[must_use]
    pub(crate) fn bit(&self, at: usize) -> bool {
        self.0.get(at / 8).is_some_and(|octet| octet >> (7 - at % 8) & 1 == 1)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = octets_of(&text).and_then(|octets| Self::from_slice(&octets));
        octets.ok_or_else(|| de::Error::custom("32 octets in base64 are expected"))
    }
}

/// Octets of base64 (RFC 4648 §4) in its one spelling, without white space.
pub(crate) fn octets_of(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte <= b' ') {
        return None;
    }
    decode_base64(text)
}
