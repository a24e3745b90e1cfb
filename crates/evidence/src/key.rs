//! Keys that sign evidence: Ed25519.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::{
    digest::{hex, unhex},
    sha256_hex,
};

/// The private key of whoever vouches for a run. Overwritten when dropped, never shown.
pub struct BundleKey(SigningKey);

impl fmt::Debug for BundleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BundleKey").field(&self.public()).finish()
    }
}

impl BundleKey {
    /// The key with this 32-octet seed, which the caller draws from a good source.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a seed of 64 lower-case hexadecimal digits, with a line feed or without: the form of a key file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self::from_seed(&unhex(text.strip_suffix('\n').unwrap_or(text))?))
    }

    /// The public side.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        hex(&self.0.sign(bytes).to_bytes())
    }

    /// The seed, so that a bundle can be searched for it.
    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// The public key of whoever vouches for a run. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0.as_bytes()))
    }
}

impl PublicKey {
    /// Reads 64 lower-case hexadecimal digits, with a line feed or without.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let octets = unhex(text.strip_suffix('\n').unwrap_or(text))?;
        let key = VerifyingKey::from_bytes(&octets).ok().filter(|key| !key.is_weak())?;
        Some(Self(key))
    }

    /// A short name: the first sixteen digits of the SHA-256 of the key.
    #[must_use]
    pub fn id(&self) -> String {
        sha256_hex(self.0.as_bytes()).chars().take(16).collect()
    }

    pub(crate) fn verifies(&self, bytes: &[u8], signature: &str) -> bool {
        let signature = unhex(signature).map(|octets| Signature::from_bytes(&octets));
        signature.is_some_and(|signature| self.0.verify_strict(bytes, &signature).is_ok())
    }
}
