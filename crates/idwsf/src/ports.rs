//! What a party needs from outside: memory of what was used, and randomness. Time is always an argument.

use std::{borrow::Cow, fmt};

use chukei_crypto::{CryptoError, UnixTime, random_bytes};

use crate::Refusal;

/// A store that does not answer, and why. What depends on it is refused; nothing is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(Cow<'static, str>);

impl Unavailable {
    /// Why, for who runs the store: in words that hold nothing of a message or a person, for they go into a log.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store does not answer: {}", self.0)
    }
}

impl std::error::Error for Unavailable {}

impl From<Unavailable> for Refusal {
    fn from(unavailable: Unavailable) -> Self {
        Self::because("a store that answers", &unavailable.0)
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
    let mut digits = String::with_capacity(octets.len().saturating_mul(2));
    let halves = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    digits.extend(halves.filter_map(|half| char::from_digit(half.into(), 16)));
    Ok(digits)
}
