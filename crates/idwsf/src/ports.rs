//! What a party needs from outside: memory of what was used, and randomness. Time is always an argument.

use std::fmt;

use chukei_crypto::{CryptoError, UnixTime, random_bytes};

use crate::Refusal;

/// A store that does not answer. What depends on it is refused; nothing is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store does not answer")
    }
}

impl std::error::Error for Unavailable {}

impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self::internal("a store that answers")
    }
}

/// Remembers what was used. One call decides and records, so that of two concurrent uses one is the first.
pub trait ReplayStore: Send + Sync {
    /// Whether `id` of `owner` is used for the first time; if so, it is remembered until `until` at least.
    ///
    /// # Errors
    /// When the store does not answer.
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable>;
}

/// Where identifiers come from.
pub trait Randomness: Send + Sync {
    /// Octets that nobody can predict and that never come again.
    ///
    /// # Errors
    /// When there is no entropy.
    fn octets(&self) -> Result<[u8; 16], CryptoError>;
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn octets(&self) -> Result<[u8; 16], CryptoError> {
        random_bytes()
    }
}

/// A fresh `wsa:MessageID`: a random UUID (RFC 9562 §5.4).
///
/// # Errors
/// `Internal` when there is no entropy.
pub fn message_id(randomness: &dyn Randomness) -> Result<String, Refusal> {
    let digits = hex(randomness)?;
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    let (a, b, c, d, e) = (part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32));
    Ok(format!("urn:uuid:{a}-{b}-4{c}-8{d}-{e}"))
}

/// A fresh XML identifier.
///
/// # Errors
/// `Internal` when there is no entropy.
pub fn xml_id(randomness: &dyn Randomness) -> Result<String, Refusal> {
    Ok(format!("_{}", hex(randomness)?))
}

fn hex(randomness: &dyn Randomness) -> Result<String, Refusal> {
    let octets = randomness.octets().map_err(|_| Refusal::internal("randomness"))?;
    let halves = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    Ok(halves.filter_map(|half| char::from_digit(half.into(), 16)).collect())
}
