//! Ed25519 (RFC 8032): checkpoints of the access ledger and the cosignatures of its witnesses, because C2SP's formats name
//! it. Messages are signed with the algorithms of `chukei-crypto`, whose keys are of another type.

use std::fmt;

use chukei_crypto::{CryptoError, KeyError, VerifyError, Zeroizing, pkcs8_from_pem};
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::sign::{Signer, Verifier};

/// Encodings of the points of small order, without the sign of x: with such a key, signatures verify that nobody made.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    ends(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    ends(0xec, 0xff, 0x7f),
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
];

const fn ends(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut octets = [between; 32];
    octets[0] = first;
    octets[31] = last;
    octets
}

/// A public key of 32 octets that may be used.
#[derive(Clone)]
pub struct Ed25519PublicKey {
    octets: [u8; 32],
    key: PKey<Public>,
}

impl Ed25519PublicKey {
    /// The key with this encoding (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`KeyError::Point`] for a point of small order; [`KeyError::Encoding`] when the library does not take it.
    pub fn from_octets(octets: [u8; 32]) -> Result<Self, KeyError> {
        let mut unsigned = octets;
        unsigned[31] &= 0x7f;
        if SMALL_ORDER.contains(&unsigned) {
            return Err(KeyError::Point);
        }
        let key = PKey::public_key_from_raw_bytes(&octets, Id::ED25519).map_err(|_| KeyError::Encoding)?;
        Ok(Self { octets, key })
    }

    /// Its encoding.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 32] {
        &self.octets
    }

    /// Verifies a signature over a whole message (RFC 8032 §5.1.7, without a context or a digest before it).
    ///
    /// # Errors
    /// [`VerifyError::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), VerifyError> {
        let mut verifier = Verifier::new_without_digest(&self.key)?;
        if verifier.verify_oneshot(signature, message)? { Ok(()) } else { Err(VerifyError::Signature) }
    }
}

impl PartialEq for Ed25519PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl Eq for Ed25519PublicKey {}

impl fmt::Debug for Ed25519PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519PublicKey(")?;
        self.octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
        f.write_str(")")
    }
}

/// A private key in memory. It has no `Display`, and its `Debug` shows the public key.
#[derive(Clone)]
pub struct Ed25519PrivateKey {
    key: PKey<Private>,
    public: Ed25519PublicKey,
}

impl Ed25519PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`CryptoError::Library`] without entropy.
    pub fn generate() -> Result<Self, CryptoError> {
        Ok(Self::checked(PKey::generate_ed25519()?)?)
    }

    /// The key with this secret of 32 octets (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`KeyError::Encoding`] when the library does not take it.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::checked(PKey::private_key_from_raw_bytes(seed, Id::ED25519).map_err(|_| KeyError::Encoding)?)
    }

    /// Reads one PEM block `PRIVATE KEY` (PKCS#8, RFC 8410).
    ///
    /// # Errors
    /// [`KeyError::Encoding`] for anything else; [`KeyError::Kind`] for a key of another algorithm.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let key = PKey::private_key_from_pkcs8(&pkcs8_from_pem(text)?).map_err(|_| KeyError::Encoding)?;
        if key.id() != Id::ED25519 {
            return Err(KeyError::Kind);
        }
        Self::checked(key)
    }

    /// The key as a PEM block `PRIVATE KEY`, not encrypted.
    ///
    /// # Errors
    /// [`CryptoError::Library`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, CryptoError> {
        let text = String::from_utf8(self.key.private_key_to_pem_pkcs8()?);
        text.map(Zeroizing::new).map_err(|_| KeyError::Encoding.into())
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &Ed25519PublicKey {
        &self.public
    }

    /// Signs a whole message (RFC 8032 §5.1.6).
    ///
    /// # Errors
    /// [`CryptoError::Library`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        let signature = Signer::new_without_digest(&self.key)?.sign_oneshot_to_vec(message)?;
        signature.try_into().map_err(|_| CryptoError::OwnSignature)
    }

    fn checked(key: PKey<Private>) -> Result<Self, KeyError> {
        let octets = key.raw_public_key().map_err(|_| KeyError::Encoding)?;
        let public = Ed25519PublicKey::from_octets(octets.try_into().map_err(|_| KeyError::Encoding)?)?;
        Ok(Self { key, public })
    }
}

impl fmt::Debug for Ed25519PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519PrivateKey(of {:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use chukei_crypto::{KeyKind, PrivateKey};

    use super::*;

    fn key() -> Ed25519PrivateKey {
        Ed25519PrivateKey::from_seed(&[7; 32]).unwrap()
    }

    /// RFC 8032 §7.1, TEST 1: the empty message.
    #[test]
    fn a_signature_of_the_rfc_comes_out_and_verifies() {
        let octets = |hex: &str| -> Vec<u8> {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        };
        let seed = octets("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = octets("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let key = Ed25519PrivateKey::from_seed(&seed.try_into().unwrap()).unwrap();
        assert_eq!(key.public_key().octets().to_vec(), public);
        let signature = key.sign(b"").unwrap();
        assert_eq!(signature[..4], octets("e5564300")[..]);
        assert_eq!(key.public_key().verify(b"", &signature), Ok(()));
    }

    #[test]
    fn another_message_key_or_signature_is_refused() {
        let signature = key().sign(b"a").unwrap();
        let public = key().public_key().clone();
        assert_eq!(public.verify(b"b", &signature), Err(VerifyError::Signature));
        let other = Ed25519PrivateKey::generate().unwrap();
        assert_eq!(other.public_key().verify(b"a", &signature), Err(VerifyError::Signature));
        for at in [0, 31, 32, 63] {
            let mut changed = signature;
            changed[at] ^= 1;
            assert_eq!(public.verify(b"a", &changed), Err(VerifyError::Signature), "octet {at}");
        }
        // S and S + L are spellings of one number; only the smaller one is a signature (RFC 8032 §5.1.7).
        let order: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut second = signature;
        let mut carry = 0;
        for (octet, add) in second[32..].iter_mut().zip(order) {
            let sum = u16::from(*octet) + u16::from(add) + carry;
            (*octet, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        assert_eq!(public.verify(b"a", &second), Err(VerifyError::Signature));
        // Positive case
        assert_eq!(public.verify(b"a", &signature), Ok(()));
    }

    /// With each listed key, the library accepts a signature that nobody made, for one message in a few.
    #[test]
    fn keys_of_small_order_are_refused_and_would_verify_anything() {
        let mut nobodys = [0; 64];
        nobodys[0] = 1;
        for octets in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut octets = octets;
                octets[31] |= sign;
                assert!(matches!(Ed25519PublicKey::from_octets(octets), Err(KeyError::Point)));
            }
            let key = PKey::public_key_from_raw_bytes(&octets, Id::ED25519).unwrap();
            let unchecked = Ed25519PublicKey { octets, key };
            let accepts = (0..=u8::MAX).any(|message| unchecked.verify(&[message], &nobodys).is_ok());
            assert!(accepts, "{unchecked:?} is not of small order");
        }
        // Positive case
        assert!(Ed25519PublicKey::from_octets(*key().public_key().octets()).is_ok());
    }

    #[test]
    fn a_key_is_read_back_from_its_file_and_other_keys_are_not() {
        let text = key().to_pkcs8_pem().unwrap();
        assert_eq!(Ed25519PrivateKey::from_pem(&text).unwrap().public_key(), key().public_key());
        assert!(!format!("{:?}", key()).contains("0707"));
        let other = PrivateKey::generate(KeyKind::P256).unwrap().to_pkcs8_pem().unwrap();
        assert!(matches!(Ed25519PrivateKey::from_pem(&other), Err(KeyError::Kind)));
        assert!(matches!(Ed25519PrivateKey::from_pem("no key"), Err(KeyError::Encoding)));
        // And messages are not signed with it.
        assert!(matches!(PrivateKey::from_pem(&text), Err(KeyError::Kind | KeyError::Encoding)));
    }
}
