//! Private keys in memory: PKCS#8 (RFC 5958).

use std::fmt;
use std::sync::Arc;

use openssl::pkey::{PKey, PKeyRef, Private};
use zeroize::Zeroizing;

use crate::der::{Der, SEQUENCE};
use crate::pool::{Pool, oaep_context};
use crate::{ContentKey, DecryptError, KeyError, KeyKind, KeyTransport, PublicKey, Unwrapper, pem};

/// A private key in memory. It has no `Display`, and its `Debug` shows the public key.
#[derive(Clone)]
pub struct PrivateKey(Arc<Shared>);

struct Shared {
    key: PKey<Private>,
    public: PublicKey,
    unwrappers: Pool<Private>,
}

impl PrivateKey {
    /// Reads a DER PKCS#8 PrivateKeyInfo, and checks the key and its public half.
    ///
    /// # Errors
    /// [`KeyError`]; strength is checked as in [`PublicKey::from_spki_der`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        Der::only(der, SEQUENCE).ok_or(KeyError::Encoding)?;
        Self::checked(PKey::private_key_from_pkcs8(der).map_err(|_| KeyError::Encoding)?)
    }

    /// Reads one PEM block `PRIVATE KEY` (PKCS#8). Blocks that are encrypted or name an algorithm are not
    /// read.
    ///
    /// # Errors
    /// As [`PrivateKey::from_pkcs8_der`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8_der(&pkcs8_from_pem(text)?)
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    pub(crate) fn library_key(&self) -> &PKeyRef<Private> {
        &self.0.key
    }

    pub(crate) fn checked(key: PKey<Private>) -> Result<Self, KeyError> {
        let public = PublicKey::from_spki_der(&key.public_key_to_der().map_err(|_| KeyError::Encoding)?)?;
        let consistent = match public.kind() {
            KeyKind::Rsa { .. } => key.rsa().and_then(|rsa| rsa.check_key()).unwrap_or(false),
            KeyKind::P256 | KeyKind::P384 => key.ec_key().is_ok_and(|key| key.check_key().is_ok()),
        };
        if !consistent {
            return Err(KeyError::Contradiction);
        }
        Ok(Self(Arc::new(Shared { key, public, unwrappers: Pool::new() })))
    }
}

impl Unwrapper for PrivateKey {
    fn unwrap(&self, transport: KeyTransport, wrapped: &[u8]) -> Result<ContentKey, DecryptError> {
        let KeyTransport::RsaOaepSha256 = transport;
        if !matches!(self.0.public.kind(), KeyKind::Rsa { .. }) || wrapped.len() != self.0.key.size() {
            return Err(DecryptError);
        }
        let mut octets = Zeroizing::new(vec![0; self.0.key.size()]);
        let length = self.0.unwrappers.run(
            || oaep_context(&self.0.key, |context| context.decrypt_init()),
            |context| context.decrypt(wrapped, Some(&mut octets)).map_err(DecryptError::from),
        )?;
        ContentKey::from_octets(octets.get(..length).unwrap_or_default())
    }

    fn public_key(&self) -> &PublicKey {
        &self.0.public
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {:?})", self.0.public)
    }
}

/// One PEM block `PRIVATE KEY` as DER (PKCS#8), for keys of other algorithms than those of messages.
///
/// # Errors
/// [`KeyError::Encoding`] for anything else.
pub fn pkcs8_from_pem(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let der = pem::block(text, "PRIVATE KEY").ok_or(KeyError::Encoding)?;
    Der::only(&der, SEQUENCE).ok_or(KeyError::Encoding)?;
    Ok(der)
}
