//! Closed lists of algorithms, keys and certificate paths. No other crate calls OpenSSL for a message.
//!
//! # What it promises
//!
//! * **Closed lists.** [`SignatureAlgorithm`], [`DigestAlgorithm`], [`KeyTransport`] and [`ContentCipher`]
//!   hold what the standard allows. Everything else has no value, so no key can be used with it.
//! * **A key is checked once, when it is loaded** ([`PublicKey::from_spki_der`]): DER of the one spelling,
//!   RSA of 2048 to 4096 bits with a sane exponent and without the marks of broken generators, P-256 or P-384
//!   by name with a point on the curve. A [`PublicKey`] in hand is a key that may be used.
//! * **Lengths are fixed here and nowhere else**: 12 octets of IV and 16 of tag for AES-GCM
//!   ([`ContentKey::open`]), 64 octets of `r‖s` for ECDSA, the modulus' length for RSA, OAEP's digest and its
//!   mask generation function each set by name.
//! * **One answer for everything that a ciphertext hides**: [`DecryptError`] is a unit.
//! * **Secrets** have neither `Display` nor a telling `Debug`, and are overwritten when dropped.
//! * **Nothing is fetched.** A path is built from the certificates and lists at hand; the addresses inside
//!   certificates (AIA, distribution points) are not read.
//! * **No clock.** The time of a decision is an argument ([`UnixTime`]).
//!
//! # What it refuses, and why
//!
//! | refused | because |
//! |---|---|
//! | SHA-1, MD5, HMAC, DSA, CBC, `rsa-1_5` | forged, confused or turned into oracles in the field |
//! | RSA outside 2048 to 4096 bits, exponent even or outside 65537 to 2³² | too weak, or burns our time |
//! | ROCA-shaped moduli, small factors, the operator's [`WeakKeys`] | the private key is public |
//! | explicit curve parameters, compressed or off-curve points | chosen-curve and invalid-curve attacks |
//! | ECDSA as DER, `r` or `s` outside `1..n` | a second spelling of one signature; CVE-2022-21449 |
//! | GCM tags below 16 octets | OpenSSL accepts a tag of one octet: 256 guesses |
//! | certificates above 16 KiB, paths above six certificates | time of ours for bytes of a stranger |
//!
//! # Signing elsewhere
//!
//! [`Signer`] and [`Unwrapper`] are what the rest of Chukei asks of a private key. [`KeySigner`] holds the
//! key in memory; a card or a PKCS#11 token implements the same trait.
//!
//! # Speed
//!
//! Setting up an OpenSSL context costs as much as a fifth of an RSA verification, so each key keeps
//! initialised contexts for each algorithm. A context that has seen a failure is thrown away. Reading a key
//! costs as much as verifying with it: read keys when trust is configured, not per message.
//!
//! # Features
//!
//! `test-pki`: TEST certificates and keys, and what makes them. `danger-fake-crypto`: a key whose every signature verifies, for
//! fuzz targets. Neither is on by default, and neither weakens a real key.

#![forbid(unsafe_code)]

mod algorithms;
mod certificate;
mod content;
mod crl;
mod der;
mod digest;
mod ecdsa;
mod error;
mod key_file;
mod name;
mod path;
mod pem;
mod pool;
mod private;
mod public;
mod random;
mod signer;
mod strength;
#[cfg(any(test, feature = "test-pki"))]
pub mod test_pki;
#[cfg(test)]
mod tests;

pub use algorithms::{ContentCipher, DigestAlgorithm, KeyTransport, SignatureAlgorithm};
pub use certificate::{Certificate, UnixTime};
pub use content::ContentKey;
pub use crl::Crl;
pub use digest::{Sha256, sha256};
pub use ecdsa::ecdsa_from_der;
pub use error::{CertificateError, CryptoError, DecryptError, KeyError, VerifyError};
pub use key_file::Identity;
pub use path::{CertificatePath, Purpose, Revocation, TrustAnchors};
pub use private::{PrivateKey, pkcs8_from_pem};
pub use public::{KeyKind, PublicKey};
pub use random::random_bytes;
pub use signer::{KeySigner, Signer, Unwrapper};
pub use strength::{WeakKeys, shared_prime};
/// Octets that are overwritten when dropped: what [`ContentKey::open`] returns.
pub use zeroize::Zeroizing;
