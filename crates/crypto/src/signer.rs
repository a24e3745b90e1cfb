//! What the rest of Chukei asks of a private key, wherever it is kept.

use std::fmt;

use openssl::pkey::Private;

use crate::pool::{Pool, signature_context};
use crate::{
    ContentKey, CryptoError, DecryptError, KeyTransport, PrivateKey, PublicKey, SignatureAlgorithm, ecdsa,
};

/// Signs digests with one key and one algorithm. The key may be in memory, on a card or in a PKCS#11 token.
pub trait Signer: Send + Sync {
    /// The algorithm of every signature that this signer makes.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// Signs a SHA-256 digest. ECDSA gives `r‖s` of 64 octets.
    ///
    /// # Errors
    /// [`CryptoError`] when the device or the library fails.
    fn sign(&self, digest: &[u8; 32]) -> Result<Vec<u8>, CryptoError>;

    /// The key with which the signatures verify.
    fn public_key(&self) -> &PublicKey;
}

/// Opens wrapped content keys. The key may be in memory, on a card or in a PKCS#11 token.
pub trait Unwrapper: Send + Sync {
    /// Opens a content key that was wrapped for this key.
    ///
    /// # Errors
    /// [`DecryptError`] for whatever went wrong.
    fn unwrap(&self, transport: KeyTransport, wrapped: &[u8]) -> Result<ContentKey, DecryptError>;

    /// The key for which content keys are wrapped.
    fn public_key(&self) -> &PublicKey;
}

/// Signs with a [`PrivateKey`] in memory; made by [`PrivateKey::signer`].
pub struct KeySigner {
    key: PrivateKey,
    algorithm: SignatureAlgorithm,
    contexts: Pool<Private>,
}

impl PrivateKey {
    /// A signer with this key and algorithm.
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] when the key is not one for the algorithm.
    pub fn signer(&self, algorithm: SignatureAlgorithm) -> Result<KeySigner, CryptoError> {
        if !self.public_key().accepts(algorithm) {
            return Err(CryptoError::Algorithm);
        }
        Ok(KeySigner { key: self.clone(), algorithm, contexts: Pool::new() })
    }
}

impl Signer for KeySigner {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn sign(&self, digest: &[u8; 32]) -> Result<Vec<u8>, CryptoError> {
        let key = self.key.library_key();
        let mut signature = vec![0; key.size()];
        let length = self.contexts.run(
            || signature_context(key, self.algorithm, |context| context.sign_init()),
            |context| context.sign(digest, Some(&mut signature)),
        )?;
        signature.truncate(length);
        if self.algorithm == SignatureAlgorithm::EcdsaSha256 {
            return ecdsa::ecdsa_from_der(&signature).ok_or(CryptoError::OwnSignature);
        }
        Ok(signature)
    }

    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySigner({:?}, {:?})", self.algorithm, self.key)
    }
}
