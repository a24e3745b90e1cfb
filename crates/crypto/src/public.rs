//! Public keys: loaded once, checked once, used often (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7, RFC 5480).

use std::fmt;
use std::sync::Arc;

use openssl::bn::BigNum;
use openssl::pkey::{Id, PKey, PKeyRef, Public};

use crate::pool::{Pool, oaep_context, signature_context};
use crate::strength::check_rsa;
use crate::{
    ContentKey, CryptoError, KeyError, KeyTransport, SignatureAlgorithm, VerifyError, ecdsa, pem, sha256,
};

/// Longer than any key that is accepted: RSA with 4096 bits takes 550 octets.
const MAX_SPKI: usize = 1024;

/// What stands before the point in the one SubjectPublicKeyInfo of a P-256 key: named curve, uncompressed point.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// The same for P-384.
const P384_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04,
];

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA with a modulus of so many bits.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// Elliptic curve P-256 (secp256r1).
    P256,
    /// Elliptic curve P-384 (secp384r1): in certificate paths only, no message is signed with it.
    P384,
}

/// A public key that may be used: decoded once, checked once. Clones share it and its contexts.
#[derive(Clone)]
pub struct PublicKey(Arc<Shared>);

struct Shared {
    key: PKey<Public>,
    kind: KeyKind,
    spki: Vec<u8>,
    spki_sha256: [u8; 32],
    /// For the key's first signature algorithm: PKCS#1 v1.5 for RSA, ECDSA else.
    verifiers: Pool<Public>,
    pss_verifiers: Pool<Public>,
    wrappers: Pool<Public>,
    #[cfg(feature = "danger-fake-crypto")]
    fake: bool,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo in its one spelling, and checks the key's strength.
    ///
    /// # Errors
    /// Every variant of [`KeyError`] that concerns public keys, except [`KeyError::Blocked`]: see [`crate::WeakKeys`].
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        if spki.len() > MAX_SPKI {
            return Err(KeyError::Encoding);
        }
        let kind = if spki.starts_with(P256_PREFIX) {
            Some(KeyKind::P256)
        } else if spki.starts_with(P384_PREFIX) {
            Some(KeyKind::P384)
        } else {
            None
        };
        // OpenSSL refuses a point that is off the curve when it decodes the key.
        let key = PKey::public_key_from_der(spki)
            .map_err(|_| if kind.is_some() { KeyError::Point } else { KeyError::Encoding })?;
        let kind = match kind {
            Some(kind) => {
                let curve = key.ec_key().map_err(|_| KeyError::Kind)?;
                curve.check_key().map_err(|_| KeyError::Point)?;
                kind
            }
            None if key.id() == Id::RSA => {
                let rsa = key.rsa().map_err(|_| KeyError::Kind)?;
                KeyKind::Rsa { bits: check_rsa(rsa.n(), rsa.e())? }
            }
            None => return Err(KeyError::Kind),
        };
        // One key, one spelling: else a list of keys is evaded by spelling a key differently.
        if key.public_key_to_der().ok().as_deref() != Some(spki) {
            return Err(KeyError::Encoding);
        }
        Ok(Self(Arc::new(Shared {
            key,
            kind,
            spki: spki.to_vec(),
            spki_sha256: sha256(spki),
            verifiers: Pool::new(),
            pss_verifiers: Pool::new(),
            wrappers: Pool::new(),
            #[cfg(feature = "danger-fake-crypto")]
            fake: false,
        })))
    }

    /// Reads one PEM block `PUBLIC KEY`.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki_der`].
    pub fn from_spki_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_spki_der(&pem::block(text, "PUBLIC KEY").ok_or(KeyError::Encoding)?)
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of the DER SubjectPublicKeyInfo: the name of the key in lists and logs.
    #[must_use]
    pub fn spki_sha256(&self) -> [u8; 32] {
        self.0.spki_sha256
    }

    /// What the key is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.0.kind
    }

    /// Whether the key is one for this algorithm. Ask before using it, so that no algorithm is ever tried.
    #[must_use]
    pub fn accepts(&self, algorithm: SignatureAlgorithm) -> bool {
        match algorithm {
            SignatureAlgorithm::RsaSha256 | SignatureAlgorithm::RsaPssSha256 => {
                matches!(self.0.kind, KeyKind::Rsa { .. })
            }
            SignatureAlgorithm::EcdsaSha256 => self.0.kind == KeyKind::P256,
        }
    }

    /// Checks that this key made the signature over this digest.
    ///
    /// ECDSA takes `r‖s` of exactly 64 octets (XML Signature 1.1 §6.4.3), RSA exactly the modulus' length.
    ///
    /// # Errors
    /// [`VerifyError::KeyMismatch`] when the key is not one for the algorithm; [`VerifyError::Signature`] else.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        if self.skips_digest() {
            return Ok(());
        }
        if !self.accepts(algorithm) {
            return Err(VerifyError::KeyMismatch);
        }
        match algorithm {
            SignatureAlgorithm::EcdsaSha256 => {
                let der = ecdsa::to_der(signature).ok_or(VerifyError::Signature)?;
                self.run_verify(&self.0.verifiers, algorithm, digest, &der)
            }
            _ if signature.len() != self.0.key.size() => Err(VerifyError::Signature),
            SignatureAlgorithm::RsaSha256 => self.run_verify(&self.0.verifiers, algorithm, digest, signature),
            SignatureAlgorithm::RsaPssSha256 => {
                self.run_verify(&self.0.pss_verifiers, algorithm, digest, signature)
            }
        }
    }

    /// Encrypts a content key, so that only the holder of the private key can open it.
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] when the key is not RSA.
    pub fn wrap(&self, transport: KeyTransport, content: &ContentKey) -> Result<Vec<u8>, CryptoError> {
        let KeyTransport::RsaOaepSha256 = transport;
        if !matches!(self.0.kind, KeyKind::Rsa { .. }) {
            return Err(CryptoError::Algorithm);
        }
        self.0.wrappers.run(
            || oaep_context(&self.0.key, |context| context.encrypt_init()),
            |context| {
                let mut wrapped = vec![0; self.0.key.size()];
                let length = context.encrypt(content.octets(), Some(&mut wrapped))?;
                wrapped.truncate(length);
                Ok(wrapped)
            },
        )
    }

    /// A key whose every signature verifies, for fuzz targets: mutated input gets past the cryptography.
    #[cfg(feature = "danger-fake-crypto")]
    #[must_use]
    pub fn danger_fake() -> Option<Self> {
        let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).ok()?;
        let point = openssl::ec::EcKey::from_public_key(&group, group.generator()).ok()?;
        let spki = PKey::from_ec_key(point).ok()?.public_key_to_der().ok()?;
        let real = Self::from_spki_der(&spki).ok()?;
        Some(Self(Arc::new(Shared { fake: true, ..Arc::into_inner(real.0)? })))
    }

    /// Whether this is a [`PublicKey::danger_fake`].
    #[cfg(feature = "danger-fake-crypto")]
    #[must_use]
    pub fn is_fake(&self) -> bool {
        self.0.fake
    }

    /// Whether digests need not match under this key: never, unless it is the fake key of a fuzz target.
    #[cfg(feature = "danger-fake-crypto")]
    #[must_use]
    pub fn skips_digest(&self) -> bool {
        self.0.fake
    }

    /// Whether digests need not match under this key: never. (A build for fuzzing has a fake key that says otherwise.)
    #[cfg(not(feature = "danger-fake-crypto"))]
    #[must_use]
    #[inline]
    pub const fn skips_digest(&self) -> bool {
        false
    }

    pub(crate) fn library_key(&self) -> &PKeyRef<Public> {
        &self.0.key
    }

    pub(crate) fn modulus(&self) -> Option<BigNum> {
        self.0.key.rsa().ok()?.n().to_owned().ok()
    }

    fn run_verify(
        &self,
        pool: &Pool<Public>,
        algorithm: SignatureAlgorithm,
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        pool.run(
            || signature_context(&self.0.key, algorithm, |context| context.verify_init()),
            |context| if context.verify(digest, signature)? { Ok(()) } else { Err(VerifyError::Signature) },
        )
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, ", self.0.kind)?;
        self.0.spki_sha256.iter().take(8).try_for_each(|octet| write!(f, "{octet:02x}"))?;
        f.write_str("…)")
    }
}
