//! Content encryption: AES-256-GCM in the layout of XML Encryption 1.1 §5.2.4.

use std::fmt;
use std::sync::OnceLock;

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use zeroize::Zeroizing;

use crate::{CryptoError, DecryptError, random_bytes};

const KEY: usize = 32;
const IV: usize = 12;
const TAG: usize = 16;

/// The key of one `EncryptedData`. Made fresh for each, wrapped for its recipient, overwritten when dropped.
pub struct ContentKey(Zeroizing<[u8; KEY]>);

impl ContentKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`CryptoError::Library`] when the generator has no entropy.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut key = Zeroizing::new([0; KEY]);
        openssl::rand::rand_priv_bytes(&mut *key)?;
        Ok(Self(key))
    }

    /// A key that somebody sent: exactly 32 octets (ENC-11).
    ///
    /// # Errors
    /// [`DecryptError`] for any other length.
    pub fn from_octets(octets: &[u8]) -> Result<Self, DecryptError> {
        octets.try_into().map(|key| Self(Zeroizing::new(key))).map_err(|_| DecryptError)
    }

    /// `iv(12) ‖ ciphertext ‖ tag(16)` with a fresh random IV.
    ///
    /// # Errors
    /// [`CryptoError::Length`] for 2 GiB and more; [`CryptoError::Library`] when the generator has no
    /// entropy.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.seal_filled_up(plaintext, 0)
    }

    /// As [`ContentKey::seal`], with so many spaces behind the plaintext, which is not copied for that.
    ///
    /// # Errors
    /// As [`ContentKey::seal`].
    pub fn seal_filled_up(&self, plaintext: &[u8], spaces: usize) -> Result<Vec<u8>, CryptoError> {
        let length = plaintext.len().saturating_add(spaces);
        i32::try_from(length).map_err(|_| CryptoError::Length)?;
        let iv: [u8; IV] = random_bytes()?;
        let mut sealed = Vec::with_capacity(IV + length + TAG);
        sealed.extend_from_slice(&iv);
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(aes_256_gcm()?), Some(&*self.0), Some(&iv))?;
        context.cipher_update_vec(plaintext, &mut sealed)?;
        context.cipher_update_vec(&vec![b' '; spaces], &mut sealed)?;
        context.cipher_final_vec(&mut sealed)?;
        let mut tag = [0; TAG];
        context.tag(&mut tag)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// The plaintext of `iv(12) ‖ ciphertext ‖ tag(16)`, or nothing at all.
    ///
    /// The three slices are cut here and only here: OpenSSL itself would take a tag of one octet (ENC-05,
    /// ENC-07).
    ///
    /// # Errors
    /// [`DecryptError`] for fewer than 28 octets and for everything that the tag does not vouch for.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        i32::try_from(sealed.len()).map_err(|_| DecryptError)?;
        let (iv, rest) = sealed.split_first_chunk::<IV>().ok_or(DecryptError)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(DecryptError)?;
        // One octet more than the plaintext, so that the library's last step does not reallocate and leave a
        // copy.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(ciphertext.len() + 1));
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(aes_256_gcm()?), Some(&*self.0), Some(iv))?;
        context.set_tag(tag)?;
        context.cipher_update_vec(ciphertext, &mut plaintext)?;
        context.cipher_final_vec(&mut plaintext)?;
        Ok(plaintext)
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &*self.0
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

/// Looked up once: the look-up costs as much as sealing 1 KiB.
fn aes_256_gcm() -> Result<&'static Cipher, ErrorStack> {
    static CIPHER: OnceLock<Cipher> = OnceLock::new();
    match CIPHER.get() {
        Some(cipher) => Ok(cipher),
        None => {
            let cipher = Cipher::fetch(None, "AES-256-GCM", None)?;
            Ok(CIPHER.get_or_init(|| cipher))
        }
    }
}
