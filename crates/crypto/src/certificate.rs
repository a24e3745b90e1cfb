//! Certificates as they are read; whether one may be relied on is decided in [`crate::TrustAnchors`] (RFC
//! 5280 §4).

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use chukei_reason::CertificateFault;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::x509::{X509, X509Ref};

use crate::der::{BIT_STRING, BOOLEAN, Der, INTEGER, OCTET_STRING, OID, SEQUENCE};
use crate::name::{hex, rfc2253};
use crate::{CertificateError, KeyError, PublicKey, pem, sha256};

/// More than any certificate needs; bounds what a stranger can make us decode (DOS-15).
const MAX: usize = 16 * 1024;

/// Signature algorithms of certificates and revocation lists, by the content octets of their identifiers:
/// PKCS#1 v1.5 and ECDSA, each with SHA-256, SHA-384 or SHA-512 (RFC 4055 §5, RFC 5758 §3.2).
const SIGNATURE_ALGORITHMS: &[&[u8]] = &[
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4],
];

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 29, 19];

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixTime(pub i64);

/// A certificate that was read, and not yet one that may be relied on. Clones share it.
#[derive(Clone)]
pub struct Certificate(Arc<Shared>);

struct Shared {
    x509: X509,
    der: Vec<u8>,
    sha256: [u8; 32],
    fields: Fields,
    key: OnceLock<Result<PublicKey, KeyError>>,
}

/// What we read of the TBSCertificate ourselves.
pub(crate) struct Fields {
    serial: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    spki: Vec<u8>,
    pub(crate) signature_algorithm: Vec<u8>,
    pub(crate) is_ca: bool,
}

impl Certificate {
    /// Reads one DER certificate of version 3 and at most 16 KiB.
    ///
    /// # Errors
    /// [`CertificateFault::Encoding`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX {
            return Err(encoding("more than 16 KiB"));
        }
        let fields = fields(der).ok_or_else(|| encoding("not the DER of a version 3 certificate"))?;
        let x509 = X509::from_der(der).map_err(|_| encoding("not the DER of a certificate"))?;
        Ok(Self(Arc::new(Shared {
            x509,
            der: der.to_vec(),
            sha256: sha256(der),
            fields,
            key: OnceLock::new(),
        })))
    }

    /// Reads one PEM block `CERTIFICATE`.
    ///
    /// # Errors
    /// [`CertificateFault::Encoding`].
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        Self::from_der(&pem::block(text, "CERTIFICATE").ok_or_else(|| encoding("not one PEM certificate"))?)
    }

    /// Reads one or more PEM blocks `CERTIFICATE`, in their order.
    ///
    /// # Errors
    /// [`CertificateFault::Encoding`].
    pub fn chain_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::blocks(text, "CERTIFICATE").ok_or_else(|| encoding("not PEM certificates"))?;
        blocks.iter().map(|der| Self::from_der(der)).collect()
    }

    /// The bytes that were read.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// SHA-256 of the bytes: the name of the certificate in metadata, lists and logs.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.0.sha256
    }

    /// The key that the certificate is about. Decoded and checked at the first call.
    ///
    /// # Errors
    /// [`KeyError`] as in [`PublicKey::from_spki_der`].
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        self.0.key.get_or_init(|| PublicKey::from_spki_der(&self.0.fields.spki)).clone()
    }

    /// The seconds in which it is valid (RFC 5280 §4.1.2.5): from its `notBefore` up to, and with, its `notAfter`.
    #[must_use]
    pub fn validity(&self) -> Range<UnixTime> {
        let end = |last: UnixTime| UnixTime(last.0.saturating_add(1));
        let read = || Some(seconds(self.0.x509.not_before())?..end(seconds(self.0.x509.not_after())?));
        read().unwrap_or(UnixTime(0)..UnixTime(0))
    }

    /// The subject as RFC 2253 text, on one line.
    pub fn subject(&self) -> String {
        rfc2253(&self.0.fields.subject).unwrap_or_default()
    }

    /// The title in the subject, if it has exactly one (RFC 5280 §4.1.2.6): the role of a member of staff.
    pub fn subject_title(&self) -> Option<String> {
        let mut titles = self.0.x509.subject_name().entries_by_nid(Nid::TITLE);
        let title = titles.next().filter(|_| titles.next().is_none())?;
        title.data().to_string().ok()
    }

    /// The issuer as RFC 2253 text, on one line.
    pub fn issuer(&self) -> String {
        rfc2253(&self.0.fields.issuer).unwrap_or_default()
    }

    /// The serial number: the content octets of its INTEGER in hexadecimal.
    pub fn serial(&self) -> String {
        hex(&self.0.fields.serial)
    }

    pub(crate) fn x509(&self) -> &X509Ref {
        &self.0.x509
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.0.fields
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} {})", hex(&self.0.sha256), self.subject())
    }
}

pub(crate) fn is_listed(signature_algorithm: &[u8]) -> bool {
    SIGNATURE_ALGORITHMS.contains(&signature_algorithm)
}

/// The object identifier in an AlgorithmIdentifier's content.
pub(crate) fn algorithm_oid(identifier: &[u8]) -> Option<&[u8]> {
    Der(identifier).take(OID)
}

/// One extension of a certificate, a revocation list or an entry of one.
pub(crate) struct Extension<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// Each of `Extensions` (RFC 5280 §4.2), none twice.
pub(crate) fn extensions(list: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut list = Der::only(list, SEQUENCE)?;
    let mut found: Vec<Extension<'_>> = Vec::new();
    while !list.is_empty() {
        let mut extension = Der(list.take(SEQUENCE)?);
        let oid = extension.take(OID)?;
        let critical = default_false(&mut extension)?;
        let value = extension.take(OCTET_STRING)?;
        extension.end()?;
        if found.iter().any(|other| other.oid == oid) {
            return None;
        }
        found.push(Extension { oid, critical, value });
    }
    Some(found)
}

/// A BOOLEAN that is FALSE where it is absent. DER leaves a default value out, so that a written one is TRUE.
fn default_false(fields: &mut Der<'_>) -> Option<bool> {
    match fields.take(BOOLEAN) {
        None => Some(false),
        Some([0xff]) => Some(true),
        Some(_) => None,
    }
}

/// What is signed of a certificate or list, and the identifier of the algorithm outside of it (RFC 5280 §4.1.1, §5.1.1).
pub(crate) fn signed(der: &[u8]) -> Option<(Der<'_>, &[u8])> {
    let mut whole = Der::only(der, SEQUENCE)?;
    let parts = (Der(whole.take(SEQUENCE)?), whole.take(SEQUENCE)?);
    whole.take(BIT_STRING)?;
    whole.end()?;
    Some(parts)
}

/// Seconds since 1970.
fn seconds(time: &Asn1TimeRef) -> Option<UnixTime> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    let days = i64::from(since.days).checked_mul(86_400)?;
    days.checked_add(i64::from(since.secs)).map(UnixTime)
}

/// The next value, which has to be a Name.
pub(crate) fn name<'a>(fields: &mut Der<'a>) -> Option<&'a [u8]> {
    let name = fields.next()?.whole;
    rfc2253(name).is_some().then_some(name)
}

fn fields(der: &[u8]) -> Option<Fields> {
    let (mut tbs, outer_algorithm) = signed(der)?;
    (tbs.take(0xa0)? == [INTEGER, 1, 2]).then_some(())?;
    let serial = tbs.take(INTEGER)?.to_vec();
    (tbs.take(SEQUENCE)? == outer_algorithm).then_some(())?;
    let issuer = name(&mut tbs)?.to_vec();
    tbs.take(SEQUENCE)?;
    let subject = name(&mut tbs)?.to_vec();
    let spki = tbs.next().filter(|spki| spki.tag == SEQUENCE)?.whole.to_vec();
    let extensions = extensions(tbs.take(0xa3)?)?;
    tbs.end()?;
    let is_ca = match extensions.iter().find(|extension| extension.oid == BASIC_CONSTRAINTS) {
        Some(extension) => default_false(&mut Der::only(extension.value, SEQUENCE)?)?,
        None => false,
    };
    let signature_algorithm = algorithm_oid(outer_algorithm)?.to_vec();
    Some(Fields { serial, issuer, subject, spki, signature_algorithm, is_ca })
}

pub(crate) fn encoding(detail: &str) -> CertificateError {
    CertificateError::new(CertificateFault::Encoding, detail)
}
