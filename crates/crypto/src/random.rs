//! Randomness (NIST SP 800-90A generator of OpenSSL, seeded by the operating system).

use crate::CryptoError;

/// Octets that nobody can predict: initialisation vectors, identifiers, challenges.
///
/// # Errors
/// [`CryptoError::Library`] when the generator has no entropy. There is no fallback.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(bytes)
}
