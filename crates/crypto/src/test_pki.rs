//! TEST keys, certificates and revocation lists with any deviation, for the tests of every crate.
//!
//! Everything here is written octet by octet with its own DER writer, so that a mistake of the reader cannot
//! hide in the tests. With the default RSA authority the same specification gives the same bytes at every
//! run. The names contain `TEST`; the keys are public (`test-keys/README.md`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support stops at its own mistakes"
)]

pub mod fixed;

use std::sync::atomic::{AtomicU32, Ordering};

use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

use crate::{Certificate, Crl, CryptoError, KeyError, KeyKind, PrivateKey, PublicKey, UnixTime, sha256};

/// 2026-01-01T00:00:00Z: when every certificate begins unless its specification says otherwise.
pub const NOT_BEFORE: UnixTime = UnixTime(1_767_225_600);
/// 2026-07-01T00:00:00Z: a time at which every certificate and list is valid unless its specification says
/// otherwise.
pub const NOW: UnixTime = UnixTime(1_782_864_000);
/// 2036-01-01T00:00:00Z: when every certificate ends unless its specification says otherwise.
pub const NOT_AFTER: UnixTime = UnixTime(2_082_758_400);

/// Bits of key usage (RFC 5280 §4.2.1.3), to be combined with `|`.
pub mod key_usage {
    #![allow(missing_docs, reason = "the names are the standard's")]
    pub const DIGITAL_SIGNATURE: u8 = 0x80;
    pub const NON_REPUDIATION: u8 = 0x40;
    pub const KEY_ENCIPHERMENT: u8 = 0x20;
    pub const KEY_CERT_SIGN: u8 = 0x04;
    pub const CRL_SIGN: u8 = 0x02;
}

/// Object identifiers, as content octets.
pub mod oid {
    #![allow(missing_docs, reason = "the names are the standard's")]
    pub const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    pub const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
    pub const EMAIL_PROTECTION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 4];
    pub const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
    /// 2.999.1: an extension that nobody knows.
    pub const UNKNOWN: &[u8] = &[0x88, 0x37, 1];
    /// `issuingDistributionPoint` of a partial or indirect revocation list (RFC 5280 §5.2.5).
    pub const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 29, 28];
    /// `cRLDistributionPoints` (RFC 5280 §4.2.1.13).
    pub const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 29, 31];
}

/// The fixed keys.
pub mod keys {
    use std::sync::OnceLock;

    use crate::PrivateKey;

    /// RSA with 1024 bits, refused at loading.
    pub const RSA1024: &str = include_str!("../test-keys/rsa1024.pem");
    /// RSA with 2048 bits and exponent 3, refused at loading.
    pub const RSA2048_EXPONENT_3: &str = include_str!("../test-keys/rsa2048-exponent3.pem");
    /// A public key with the mark of CVE-2017-15361, refused at loading.
    pub const RSA2048_ROCA: &str = include_str!("../test-keys/rsa2048-roca.pub.pem");
    /// A public key whose primes are one of the first RSA key with 2048 bits and one of the second.
    pub const RSA2048_SIBLING: &str = include_str!("../test-keys/rsa2048-sibling.pub.pem");

    /// The first, second or third RSA key with 2048 bits.
    pub fn rsa2048(number: usize) -> PrivateKey {
        static KEYS: [OnceLock<PrivateKey>; 3] = [const { OnceLock::new() }; 3];
        const PEM: [&str; 3] = [
            include_str!("../test-keys/rsa2048-1.pem"),
            include_str!("../test-keys/rsa2048-2.pem"),
            include_str!("../test-keys/rsa2048-3.pem"),
        ];
        load(&KEYS[number - 1], PEM[number - 1])
    }

    /// The RSA key with 3072 bits.
    pub fn rsa3072() -> PrivateKey {
        static KEY: OnceLock<PrivateKey> = OnceLock::new();
        load(&KEY, include_str!("../test-keys/rsa3072.pem"))
    }

    /// The first, second or third P-256 key.
    pub fn p256(number: usize) -> PrivateKey {
        static KEYS: [OnceLock<PrivateKey>; 3] = [const { OnceLock::new() }; 3];
        const PEM: [&str; 3] = [
            include_str!("../test-keys/p256-1.pem"),
            include_str!("../test-keys/p256-2.pem"),
            include_str!("../test-keys/p256-3.pem"),
        ];
        load(&KEYS[number - 1], PEM[number - 1])
    }

    /// The P-384 key.
    pub fn p384() -> PrivateKey {
        static KEY: OnceLock<PrivateKey> = OnceLock::new();
        load(&KEY, include_str!("../test-keys/p384.pem"))
    }

    /// SubjectPublicKeyInfo of a key that [`PrivateKey::from_pem`] refuses, to put into a certificate.
    pub fn weak_spki(pem: &str) -> Vec<u8> {
        let public = openssl::pkey::PKey::public_key_from_pem(pem.as_bytes());
        let private = || openssl::pkey::PKey::private_key_from_pem(pem.as_bytes()).unwrap();
        public.map_or_else(|_| private().public_key_to_der(), |key| key.public_key_to_der()).unwrap()
    }

    /// Loaded once, because loading proves the primes of an RSA key.
    fn load(key: &OnceLock<PrivateKey>, pem: &str) -> PrivateKey {
        key.get_or_init(|| PrivateKey::from_pem(pem).expect("a test key of this crate")).clone()
    }
}

impl PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`CryptoError::Key`] for an RSA size that may not be used; [`CryptoError::Library`] without entropy.
    pub fn generate(kind: KeyKind) -> Result<Self, CryptoError> {
        let key = match kind {
            KeyKind::Rsa { bits } if !(2048..=4096).contains(&bits) => {
                return Err(KeyError::Size { bits }.into());
            }
            KeyKind::Rsa { bits } => PKey::from_rsa(Rsa::generate(bits)?)?,
            KeyKind::P256 => generate_on_curve(Nid::X9_62_PRIME256V1)?,
            KeyKind::P384 => generate_on_curve(Nid::SECP384R1)?,
        };
        Ok(Self::checked(key)?)
    }

    /// The key as a PEM block `PRIVATE KEY`, not encrypted: for the mock world, where keys are written to
    /// files.
    ///
    /// # Errors
    /// [`CryptoError::Library`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, CryptoError> {
        let text = String::from_utf8(self.library_key().private_key_to_pem_pkcs8()?);
        text.map(Zeroizing::new).map_err(|_| KeyError::Encoding.into())
    }
}

/// What a certificate says. Start from [`LeafSpec::new`] or [`LeafSpec::authority`] and deviate in one place.
#[derive(Clone, Debug)]
pub struct LeafSpec {
    /// The common name; country and organisation are fixed.
    pub subject: String,
    /// The title in the subject: the role of a member of staff.
    pub title: Option<String>,
    /// The SubjectPublicKeyInfo, right or wrong.
    pub spki: Vec<u8>,
    /// First valid second.
    pub not_before: UnixTime,
    /// Last valid second.
    pub not_after: UnixTime,
    /// `cA` in basic constraints. A leaf has no basic constraints.
    pub is_ca: bool,
    /// `pathLenConstraint`.
    pub path_length: Option<u8>,
    /// Bits of [`key_usage`]; 0 for no extension.
    pub key_usage: u8,
    /// Identifiers of [`oid`]; empty for no extension.
    pub extended_key_usage: Vec<&'static [u8]>,
    /// The one `dNSName` of `subjectAltName`.
    pub dns_name: Option<String>,
    /// The one permitted `dNSName` subtree of `nameConstraints`.
    pub permitted_dns: Option<String>,
    /// Further extensions.
    pub extensions: Vec<TestExtension>,
    /// Signed with SHA-1.
    pub sha1: bool,
}

/// Any extension at all.
#[derive(Clone, Debug)]
pub struct TestExtension {
    /// Content octets of the object identifier.
    pub oid: Vec<u8>,
    /// Whether it is critical.
    pub critical: bool,
    /// What the OCTET STRING holds.
    pub value: Vec<u8>,
}

/// What a revocation list says.
#[derive(Clone, Debug)]
pub struct CrlSpec {
    /// The revoked certificates.
    pub revoked: Vec<Certificate>,
    /// `thisUpdate`.
    pub this_update: UnixTime,
    /// `nextUpdate`.
    pub next_update: Option<UnixTime>,
    /// Extensions of the list.
    pub extensions: Vec<TestExtension>,
    /// Extensions of each entry.
    pub entry_extensions: Vec<TestExtension>,
    /// Signed with SHA-1.
    pub sha1: bool,
}

/// A TEST certification authority.
pub struct Ca {
    key: PrivateKey,
    certificate: Certificate,
    serial: AtomicU32,
}

impl LeafSpec {
    /// A certificate for signing messages and for TLS as a client.
    pub fn new(subject: &str, key: &PublicKey) -> Self {
        Self {
            subject: subject.to_owned(),
            title: None,
            spki: key.spki_der().to_vec(),
            not_before: NOT_BEFORE,
            not_after: NOT_AFTER,
            is_ca: false,
            path_length: None,
            key_usage: key_usage::DIGITAL_SIGNATURE | key_usage::NON_REPUDIATION,
            extended_key_usage: Vec::new(),
            dns_name: None,
            permitted_dns: None,
            extensions: Vec::new(),
            sha1: false,
        }
    }

    /// A certificate for signing certificates and revocation lists.
    pub fn authority(subject: &str, key: &PublicKey) -> Self {
        Self {
            is_ca: true,
            key_usage: key_usage::KEY_CERT_SIGN | key_usage::CRL_SIGN,
            ..Self::new(subject, key)
        }
    }
}

impl Default for CrlSpec {
    fn default() -> Self {
        Self {
            revoked: Vec::new(),
            this_update: NOT_BEFORE,
            next_update: Some(NOT_AFTER),
            extensions: Vec::new(),
            entry_extensions: Vec::new(),
            sha1: false,
        }
    }
}

impl Ca {
    /// A self-signed authority with the RSA key of 3072 bits. The name must contain `TEST`.
    pub fn new(name: &str) -> Self {
        let key = keys::rsa3072();
        Self::from_spec(LeafSpec::authority(name, key.public_key()), key)
    }

    /// A self-signed authority of this specification and key.
    pub fn from_spec(spec: LeafSpec, key: PrivateKey) -> Self {
        assert!(spec.subject.contains("TEST"), "nobody may take it for a real one");
        let name = name(&spec);
        let der = certificate(&spec, 1, &name, key.public_key(), &key);
        Self { key, certificate: Certificate::from_der(&der).unwrap(), serial: AtomicU32::new(2) }
    }

    /// An authority below this one.
    pub fn subordinate(&self, spec: LeafSpec, key: PrivateKey) -> Self {
        Self { certificate: self.issue(spec), key, serial: AtomicU32::new(2) }
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Issues a certificate with the next serial number.
    pub fn issue(&self, spec: LeafSpec) -> Certificate {
        Certificate::from_der(&self.issue_der(&spec)).expect("a readable certificate")
    }

    /// The same for a certificate that [`Certificate::from_der`] may refuse.
    pub fn issue_der(&self, spec: &LeafSpec) -> Vec<u8> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        certificate(
            spec,
            serial,
            self.certificate.fields().subject.as_slice(),
            self.key.public_key(),
            &self.key,
        )
    }

    /// Issues a revocation list.
    pub fn crl(&self, spec: &CrlSpec) -> Crl {
        Crl::from_der(&self.crl_der(spec)).expect("a readable revocation list")
    }

    /// The same for a list that [`Crl::from_der`] may refuse.
    pub fn crl_der(&self, spec: &CrlSpec) -> Vec<u8> {
        let entries: Vec<Vec<u8>> = spec
            .revoked
            .iter()
            .map(|certificate| {
                let serial = certificate.x509().serial_number().to_bn().unwrap().to_vec();
                let list = extension_list(&spec.entry_extensions);
                let list = if spec.entry_extensions.is_empty() { Vec::new() } else { list };
                tlv(0x30, &[&unsigned(&serial), &time(spec.this_update), &list])
            })
            .collect();
        let revoked = if entries.is_empty() { Vec::new() } else { tlv(0x30, &[&entries.concat()]) };
        let extensions = if spec.extensions.is_empty() {
            Vec::new()
        } else {
            tlv(0xa0, &[&extension_list(&spec.extensions)])
        };
        let algorithm = algorithm(&self.key, spec.sha1);
        let tbs = tlv(
            0x30,
            &[
                &tlv(2, &[&[1]]),
                &algorithm,
                self.certificate.fields().subject.as_slice(),
                &time(spec.this_update),
                &spec.next_update.map(time).unwrap_or_default(),
                &revoked,
                &extensions,
            ],
        );
        signed(&tbs, &algorithm, &self.key, spec.sha1)
    }
}

fn generate_on_curve(curve: Nid) -> Result<PKey<Private>, CryptoError> {
    Ok(PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(curve)?)?)?)
}

fn certificate(
    spec: &LeafSpec,
    serial: u32,
    issuer: &[u8],
    issuer_key: &PublicKey,
    key: &PrivateKey,
) -> Vec<u8> {
    let mut extensions = vec![
        extension(&[0x55, 29, 14], false, tlv(4, &[key_id(&spec.spki).as_slice()])),
        extension(
            &[0x55, 29, 35],
            false,
            tlv(0x30, &[&tlv(0x80, &[key_id(issuer_key.spki_der()).as_slice()])]),
        ),
    ];
    if spec.is_ca || spec.path_length.is_some() {
        let is_ca = if spec.is_ca { tlv(1, &[&[0xff]]) } else { Vec::new() };
        let length = spec.path_length.map(|length| tlv(2, &[&[length]])).unwrap_or_default();
        extensions.push(extension(&[0x55, 29, 19], true, tlv(0x30, &[&is_ca, &length])));
    }
    if spec.key_usage != 0 {
        let unused = u8::try_from(spec.key_usage.trailing_zeros()).unwrap();
        extensions.push(extension(&[0x55, 29, 15], true, tlv(3, &[&[unused, spec.key_usage]])));
    }
    if !spec.extended_key_usage.is_empty() {
        let purposes: Vec<u8> = spec.extended_key_usage.iter().flat_map(|oid| tlv(6, &[oid])).collect();
        extensions.push(extension(&[0x55, 29, 37], false, tlv(0x30, &[&purposes])));
    }
    if let Some(name) = &spec.dns_name {
        extensions.push(extension(&[0x55, 29, 17], false, tlv(0x30, &[&tlv(0x82, &[name.as_bytes()])])));
    }
    if let Some(name) = &spec.permitted_dns {
        let subtree = tlv(0x30, &[&tlv(0x82, &[name.as_bytes()])]);
        extensions.push(extension(&[0x55, 29, 30], true, tlv(0x30, &[&tlv(0xa0, &[&subtree])])));
    }
    extensions.extend(spec.extensions.iter().cloned());
    let algorithm = algorithm(key, spec.sha1);
    let tbs = tlv(
        0x30,
        &[
            &tlv(0xa0, &[&tlv(2, &[&[2]])]),
            &unsigned(&serial.to_be_bytes()),
            &algorithm,
            issuer,
            &tlv(0x30, &[&time(spec.not_before), &time(spec.not_after)]),
            &name(spec),
            &spec.spki,
            &tlv(0xa3, &[&extension_list(&extensions)]),
        ],
    );
    signed(&tbs, &algorithm, key, spec.sha1)
}

fn signed(tbs: &[u8], algorithm: &[u8], key: &PrivateKey, sha1: bool) -> Vec<u8> {
    let digest = if sha1 { MessageDigest::sha1() } else { MessageDigest::sha256() };
    let mut signer = openssl::sign::Signer::new(digest, key.library_key()).unwrap();
    let signature = signer.sign_oneshot_to_vec(tbs).unwrap();
    tlv(0x30, &[tbs, algorithm, &tlv(3, &[&[0], &signature])])
}

fn algorithm(key: &PrivateKey, sha1: bool) -> Vec<u8> {
    match (key.public_key().kind(), sha1) {
        (KeyKind::Rsa { .. }, true) => {
            tlv(0x30, &[&tlv(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5]]), &[5, 0]])
        }
        (KeyKind::Rsa { .. }, false) => {
            tlv(0x30, &[&tlv(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]]), &[5, 0]])
        }
        (_, true) => tlv(0x30, &[&tlv(6, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]])]),
        (_, false) => tlv(0x30, &[&tlv(6, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]])]),
    }
}

/// `C=JP`, `O=Chukei TEST`, the title if there is one, and the common name.
fn name(spec: &LeafSpec) -> Vec<u8> {
    let attribute = |kind: u8, tag: u8, value: &str| {
        tlv(0x31, &[&tlv(0x30, &[&tlv(6, &[&[0x55, 4, kind]]), &tlv(tag, &[value.as_bytes()])])])
    };
    let title = spec.title.as_deref().map(|title| attribute(12, 0x0c, title)).unwrap_or_default();
    let (country, organisation) = (attribute(6, 0x13, "JP"), attribute(10, 0x0c, "Chukei TEST"));
    tlv(0x30, &[&country, &organisation, &title, &attribute(3, 0x0c, &spec.subject)])
}

/// UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
fn time(at: UnixTime) -> Vec<u8> {
    let (days, seconds) = (at.0.div_euclid(86_400), at.0.rem_euclid(86_400));
    let mut year = 1970;
    let mut left = days;
    let leap = |year: i64| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    while left >= 365 + leap(year) {
        left -= 365 + leap(year);
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let rest = format!("{month:02}{:02}{hour:02}{minute:02}{second:02}Z", left + 1);
    if year < 2050 {
        tlv(0x17, &[format!("{:02}{rest}", year % 100).as_bytes()])
    } else {
        tlv(0x18, &[format!("{year:04}{rest}").as_bytes()])
    }
}

fn key_id(spki: &[u8]) -> Vec<u8> {
    sha256(spki).into_iter().take(20).collect()
}

fn extension(oid: &[u8], critical: bool, value: Vec<u8>) -> TestExtension {
    TestExtension { oid: oid.to_vec(), critical, value }
}

fn extension_list(extensions: &[TestExtension]) -> Vec<u8> {
    let list: Vec<u8> = extensions
        .iter()
        .flat_map(|extension| {
            let critical: &[u8] = if extension.critical { &[1, 1, 0xff] } else { &[] };
            tlv(0x30, &[&tlv(6, &[&extension.oid]), critical, &tlv(4, &[&extension.value])])
        })
        .collect();
    tlv(0x30, &[&list])
}

fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = big_endian.iter().copied().skip_while(|octet| *octet == 0).collect();
    if digits.first().is_none_or(|octet| *octet >= 0x80) {
        tlv(2, &[&[0], &digits])
    } else {
        tlv(2, &[&digits])
    }
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u16::try_from(content.len()).unwrap().to_be_bytes() {
        [0, short] if short < 0x80 => out.push(short),
        [0, one] => out.extend([0x81, one]),
        two => out.extend([&[0x82][..], &two].concat()),
    }
    out.extend(content);
    out
}
