//! What a card asks of cryptography: the private operation of RSA, and nothing else. Padding is the card's own work.

use crate::card::UnusableKey;
use crate::{Hex, Image};

/// Loads private keys. An implementation stands outside this crate; cards know no library.
pub trait PrivateOperation {
    /// A key from DER PKCS#8; none if it is no RSA key with a modulus of so many bits.
    fn load(&self, pkcs8: &[u8], bits: u32) -> Option<Box<dyn CardKey>>;
}

/// An RSA private key.
pub trait CardKey: Send + Sync {
    /// Octets of the modulus.
    fn modulus_octets(&self) -> usize;

    /// `block ^ d mod n`: as many octets as the modulus has, in and out; none if the block is not below the modulus.
    fn private(&self, block: &[u8]) -> Option<Vec<u8>>;
}

/// The installed keys of a card, in the order of applications and keys.
pub(crate) struct CardKeys(Vec<Vec<Option<Box<dyn CardKey>>>>);

impl CardKeys {
    pub(crate) fn load(image: &Image, cryptography: &dyn PrivateOperation) -> Result<Self, UnusableKey> {
        let load = |key: &crate::Key| match &key.private {
            None => Ok(None),
            Some(private) => {
                let pkcs8 = Hex::parse(&private.get_ref().0);
                let loaded = pkcs8.and_then(|Hex(pkcs8)| cryptography.load(&pkcs8, key.bits));
                loaded.map(Some).ok_or_else(|| UnusableKey { key: key.name.clone() })
            }
        };
        let keys = image.applications.iter().map(|application| application.keys.iter().map(load).collect());
        keys.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn get(&self, application: usize, key: usize) -> Option<&dyn CardKey> {
        self.0.get(application)?.get(key)?.as_deref()
    }
}
