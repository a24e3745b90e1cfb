//! Identifiers from a seed, so that a run of the suite repeats octet for octet.

use std::sync::{Mutex, PoisonError};

use chukei_crypto::CryptoError;
use chukei_idwsf::{Randomness, SystemRandomness};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::RngCore;

use crate::keys;

/// Where a party's identifiers come from.
#[derive(Debug)]
pub(crate) enum Ids {
    /// The operating system.
    System,
    /// A seed: each party has a stream of its own.
    Seeded(Box<Mutex<ChaCha20Rng>>),
}

impl Ids {
    pub(crate) fn new(seed: Option<u64>, party: &str) -> Self {
        let stream =
            |seed| Self::Seeded(Box::new(Mutex::new(keys::stream(seed, &format!("ids of {party}")))));
        seed.map_or(Self::System, stream)
    }
}

impl Randomness for Ids {
    fn octets(&self) -> Result<[u8; 16], CryptoError> {
        match self {
            Self::System => SystemRandomness.octets(),
            Self::Seeded(stream) => {
                let mut octets = [0; 16];
                stream.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut octets);
                Ok(octets)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_each_party_its_own_identifiers_again() {
        let draw = |seed, party| {
            let ids = Ids::new(seed, party);
            (ids.octets().unwrap(), ids.octets().unwrap())
        };
        let (first, second) = draw(Some(1), "relay");
        assert_ne!(first, second);
        assert_eq!(draw(Some(1), "relay"), (first, second));
        assert_ne!(draw(Some(1), "insurer-a"), (first, second));
        assert_ne!(draw(Some(2), "relay"), (first, second));
        assert_ne!(draw(None, "relay"), draw(None, "relay"));
    }
}
