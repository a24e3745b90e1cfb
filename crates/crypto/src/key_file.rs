//! Private keys as others keep them in files: encrypted PKCS#8 (RFC 5958 §3), PKCS#12 (RFC 7292).

use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;

use crate::{Certificate, KeyError, PrivateKey, pem};

/// What a PKCS#12 file holds.
#[derive(Debug)]
pub struct Identity {
    /// The private key.
    pub key: PrivateKey,
    /// Its certificate.
    pub certificate: Certificate,
    /// The other certificates of the file, in its order.
    pub chain: Vec<Certificate>,
}

impl PrivateKey {
    /// Reads one PEM block `ENCRYPTED PRIVATE KEY` (PKCS#8).
    ///
    /// # Errors
    /// [`KeyError::Passphrase`] when it does not open; else as [`PrivateKey::from_pkcs8_der`].
    pub fn from_encrypted_pem(text: &str, passphrase: &str) -> Result<Self, KeyError> {
        let der = pem::block(text, "ENCRYPTED PRIVATE KEY").ok_or(KeyError::Encoding)?;
        if passphrase.contains('\0') {
            return Err(KeyError::Passphrase); // PBKDF2 does not tell trailing zeros from none
        }
        let key = PKey::private_key_from_pkcs8_callback(&der, |buffer| {
            // A passphrase that is too long for the library becomes an empty one, which opens nothing.
            let room =
                buffer.get_mut(..passphrase.len()).map(|room| room.copy_from_slice(passphrase.as_bytes()));
            Ok(room.map_or(0, |()| passphrase.len()))
        });
        Self::checked(key.map_err(|_| KeyError::Passphrase)?)
    }
}

impl Identity {
    /// Reads a DER PKCS#12 file with one key and its certificate.
    ///
    /// # Errors
    /// [`KeyError`] when it does not open, holds no key or certificate or one that may not be used, or when key and
    /// certificate do not belong together.
    pub fn from_pkcs12(der: &[u8], passphrase: &str) -> Result<Self, KeyError> {
        if passphrase.contains('\0') {
            return Err(KeyError::Passphrase); // the library ends a passphrase there
        }
        let file = Pkcs12::from_der(der).map_err(|_| KeyError::Encoding)?;
        let parsed = file.parse2(passphrase).map_err(|_| KeyError::Passphrase)?;
        let (Some(key), Some(own)) = (parsed.pkey, parsed.cert) else { return Err(KeyError::Encoding) };
        let read = |certificate: &openssl::x509::X509Ref| {
            let der = certificate.to_der().map_err(|_| KeyError::Certificate)?;
            Certificate::from_der(&der).map_err(|_| KeyError::Certificate)
        };
        let (key, certificate) = (PrivateKey::checked(key)?, read(&own)?);
        if certificate.public_key()? != *key.public_key() {
            return Err(KeyError::Contradiction);
        }
        let chain = parsed.ca.iter().flatten().map(read).collect::<Result<_, _>>()?;
        Ok(Self { key, certificate, chain })
    }
}
