//! Public keys: loaded once, checked once, used often (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7, RFC 5480).

use std::fmt;
use std::sync::Arc;

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Public};
use openssl::rsa::Rsa;

use crate::der::{BIT_STRING, Der, INTEGER, SEQUENCE};
use crate::pool::{Pool, oaep_context, signature_context};
use crate::strength::check_rsa;
use crate::{
    ContentKey, CryptoError, KeyError, KeyTransport, SignatureAlgorithm, VerifyError, ecdsa, pem, sha256,
};

/// What stands before the point in the one SubjectPublicKeyInfo of a P-256 key: `id-ecPublicKey`, the named
/// curve, and lengths that only an uncompressed point fits.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same for P-384.
const P384_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// The object identifier `rsaEncryption`; a NULL follows it (RFC 3279 §2.3.1).
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const NULL: &[u8] = &[0x05, 0x00];
/// The first octet of a point with both coordinates (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 0x04;

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
    /// Every variant of [`KeyError`] that concerns public keys, except [`KeyError::Blocked`]: see
    /// [`crate::WeakKeys`].
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        let (kind, key) = if let Some(point) = spki.strip_prefix(P256_PREFIX) {
            (KeyKind::P256, on_curve(Nid::X9_62_PRIME256V1, point)?)
        } else if let Some(point) = spki.strip_prefix(P384_PREFIX) {
            (KeyKind::P384, on_curve(Nid::SECP384R1, point)?)
        } else {
            rsa(spki)?
        };
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
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of the DER SubjectPublicKeyInfo: the name of the key in lists and logs.
    #[must_use]
    pub fn spki_sha256(&self) -> [u8; 32] {
        self.0.spki_sha256
    }

    /// What the key is.
    pub fn kind(&self) -> KeyKind {
        self.0.kind
    }

    /// Octets of a signature by this key, as it stands in messages.
    pub fn signature_length(&self) -> usize {
        match self.0.kind {
            KeyKind::Rsa { .. } => self.0.key.size(),
            KeyKind::P256 => 64,
            KeyKind::P384 => 96,
        }
    }

    /// Whether the key is one for this algorithm. Ask before using it, so that no algorithm is ever tried.
    pub fn accepts(&self, algorithm: SignatureAlgorithm) -> bool {
        if self.skips_digest() {
            return true;
        }
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
    /// [`VerifyError::KeyMismatch`] when the key is not one for the algorithm; [`VerifyError::Signature`]
    /// else.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8; 32],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        if !self.accepts(algorithm) {
            return Err(VerifyError::KeyMismatch);
        }
        if self.skips_digest() {
            return Ok(());
        }
        let der;
        let (pool, signature) = match algorithm {
            SignatureAlgorithm::EcdsaSha256 => {
                der = ecdsa::to_der(signature).ok_or(VerifyError::Signature)?;
                (&self.0.verifiers, der.as_slice())
            }
            _ if signature.len() != self.0.key.size() => return Err(VerifyError::Signature),
            SignatureAlgorithm::RsaSha256 => (&self.0.verifiers, signature),
            SignatureAlgorithm::RsaPssSha256 => (&self.0.pss_verifiers, signature),
        };
        pool.run(
            || signature_context(&self.0.key, algorithm, |context| context.verify_init()),
            |context| if context.verify(digest, signature)? { Ok(()) } else { Err(VerifyError::Signature) },
        )
    }

    /// Whether a content key can be encrypted for this key: it is RSA.
    #[must_use]
    pub fn wraps(&self, transport: KeyTransport) -> bool {
        let KeyTransport::RsaOaepSha256 = transport;
        matches!(self.0.kind, KeyKind::Rsa { .. })
    }

    /// Encrypts a content key, so that only the holder of the private key can open it.
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] when the key is not RSA.
    pub fn wrap(&self, transport: KeyTransport, content: &ContentKey) -> Result<Vec<u8>, CryptoError> {
        if !self.wraps(transport) {
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

    /// A key that is one for every algorithm and whose every signature verifies, so that a fuzzer's mutated
    /// input gets past the cryptography. To be used by fuzz targets only.
    #[cfg(feature = "danger-fake-crypto")]
    #[must_use]
    #[allow(clippy::expect_used, reason = "constant input")]
    pub fn danger_fake() -> Self {
        // The generator of P-256 (FIPS 186-4 §D.1.2.3): nobody's key, since its private key is 1.
        let point = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                     4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        let point = BigNum::from_hex_str(point).expect("a number").to_vec();
        let real =
            Self::from_spki_der(&[P256_PREFIX, &[UNCOMPRESSED], &point].concat()).expect("a point of P-256");
        let shared = Arc::into_inner(real.0).expect("not shared yet");
        Self(Arc::new(Shared { fake: true, ..shared }))
    }

    /// Whether digests need not match under this key: never, unless it is the fake key of a fuzz target,
    /// which exists only in a build for fuzzing.
    #[inline]
    pub fn skips_digest(&self) -> bool {
        #[cfg(feature = "danger-fake-crypto")]
        return self.0.fake;
        #[cfg(not(feature = "danger-fake-crypto"))]
        false
    }

    pub(crate) fn library_key(&self) -> &PKeyRef<Public> {
        &self.0.key
    }

    pub(crate) fn modulus(&self) -> Option<BigNum> {
        self.0.key.rsa().ok()?.n().to_owned().ok()
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

/// The point, if it lies on the curve. Both curves have cofactor 1, so that nothing else is to be checked.
fn on_curve(curve: Nid, point: &[u8]) -> Result<PKey<Public>, KeyError> {
    let group = EcGroup::from_curve_name(curve).map_err(|_| KeyError::Kind)?;
    let octets = usize::try_from(group.degree() / 8).map_err(|_| KeyError::Kind)?;
    if point.first() != Some(&UNCOMPRESSED) || point.len() != 1 + 2 * octets {
        return Err(KeyError::Encoding);
    }
    let on_curve = || {
        let point = EcPoint::from_bytes(&group, point, &mut *BigNumContext::new()?)?;
        PKey::from_ec_key(EcKey::from_public_key(&group, &point)?)
    };
    on_curve().map_err(|_| KeyError::Point)
}

fn rsa(spki: &[u8]) -> Result<(KeyKind, PKey<Public>), KeyError> {
    let (algorithm, key) = algorithm_and_key(spki).ok_or(KeyError::Encoding)?;
    if algorithm.strip_prefix(RSA_ENCRYPTION).ok_or(KeyError::Kind)? != NULL {
        return Err(KeyError::Encoding);
    }
    let (modulus, exponent) = rsa_numbers(key).ok_or(KeyError::Encoding)?;
    let bits = check_rsa(&modulus, &exponent)?;
    let key = Rsa::from_public_components(modulus, exponent).and_then(PKey::from_rsa);
    Ok((KeyKind::Rsa { bits }, key.map_err(|_| KeyError::Encoding)?))
}

/// SubjectPublicKeyInfo (RFC 5280 §4.1).
fn algorithm_and_key(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Der::only(spki, SEQUENCE)?;
    let algorithm = fields.take(SEQUENCE)?;
    let key = fields.take(BIT_STRING)?.strip_prefix(&[0])?;
    fields.end()?;
    Some((algorithm, key))
}

/// RSAPublicKey (RFC 8017 §A.1.1).
fn rsa_numbers(key: &[u8]) -> Option<(BigNum, BigNum)> {
    let mut fields = Der::only(key, SEQUENCE)?;
    let numbers = (positive(fields.take(INTEGER)?)?, positive(fields.take(INTEGER)?)?);
    fields.end()?;
    Some(numbers)
}

/// A positive number in its shortest form.
fn positive(content: &[u8]) -> Option<BigNum> {
    let shortest = match content {
        [0, second, ..] => *second >= 0x80,
        [first, ..] => (1..0x80).contains(first),
        [] => false,
    };
    if shortest { BigNum::from_slice(content).ok() } else { None }
}
