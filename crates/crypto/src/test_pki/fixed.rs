//! The raw operations below sealing, with nothing random in them, for ciphertexts that are a function of a seed.

use openssl::bn::{BigNum, BigNumContext};
use openssl::symm::{Cipher, encrypt_aead};

use crate::{ContentKey, PublicKey};

/// `block` to the power of the public exponent (RFC 8017 §5.1.1, RSAEP).
#[must_use]
pub fn rsa_public(key: &PublicKey, block: &[u8]) -> Vec<u8> {
    let rsa = key.library_key().rsa().expect("an RSA key");
    let mut power = BigNum::new().unwrap();
    let mut context = BigNumContext::new().unwrap();
    power.mod_exp(&BigNum::from_slice(block).unwrap(), rsa.e(), rsa.n(), &mut context).unwrap();
    power.to_vec_padded(i32::try_from(rsa.size()).unwrap()).unwrap()
}

/// `iv ‖ ciphertext ‖ tag`, as `ContentKey::seal` makes it with an IV of its own.
#[must_use]
pub fn aes256_gcm(key: &[u8; 32], iv: &[u8; 12], plaintext: &[u8]) -> Vec<u8> {
    let mut tag = [0; 16];
    let sealed = encrypt_aead(Cipher::aes_256_gcm(), key, Some(iv), &[], plaintext, &mut tag).unwrap();
    [iv.as_slice(), &sealed, &tag].concat()
}

/// The octets of a content key, for evidence about TEST messages.
#[must_use]
pub fn content_key(key: &ContentKey) -> Vec<u8> {
    key.octets().to_vec()
}
