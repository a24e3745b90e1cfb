//! Certificate revocation lists (RFC 5280 §5): complete lists of direct issuers, handed in by the operator.

use std::fmt;
use std::sync::{Arc, OnceLock};

use chukei_reason::CertificateFault;
use openssl::asn1::Asn1Time;
use openssl::x509::{CrlStatus, X509Crl, X509KeyUsage};

use crate::certificate::{algorithm_oid, encoding, extensions, is_listed, name, signed};
use crate::der::{Der, INTEGER, SEQUENCE};
use crate::name::rfc2253;
use crate::{Certificate, CertificateError, PublicKey, UnixTime, pem};

/// A list of a million certificates takes less.
const MAX: usize = 64 << 20;

/// A revocation list that was read; its signature is checked when it is used. Clones share it.
#[derive(Clone)]
pub struct Crl(Arc<Shared>);

struct Shared {
    crl: X509Crl,
    issuer: Vec<u8>,
    /// The key with which the signature verified, so that a long list is hashed once.
    verified_with: OnceLock<PublicKey>,
}

impl Crl {
    /// Reads one DER CertificateList of version 2.
    ///
    /// Delta and indirect lists and lists for part of the certificates carry critical extensions, and are
    /// refused.
    ///
    /// # Errors
    /// [`CertificateFault::Encoding`], [`CertificateFault::CriticalExtension`], and
    /// [`CertificateFault::Signature`] for a signature algorithm outside the list.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let encoding = || encoding("not the DER of a revocation list");
        if der.len() > MAX {
            return Err(encoding());
        }
        let fields = fields(der).ok_or_else(encoding)?;
        if fields.critical {
            let detail = "revocation list with a critical extension: delta, indirect or partial";
            return Err(CertificateError::new(CertificateFault::CriticalExtension, detail));
        }
        if !is_listed(fields.signature_algorithm) {
            let detail = "revocation list signed with an algorithm outside the list";
            return Err(CertificateError::new(CertificateFault::Signature, detail));
        }
        let crl = X509Crl::from_der(der).map_err(|_| encoding())?;
        Ok(Self(Arc::new(Shared { crl, issuer: fields.issuer.to_vec(), verified_with: OnceLock::new() })))
    }

    /// Reads one PEM block `X509 CRL`.
    ///
    /// # Errors
    /// As [`Crl::from_der`].
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        Self::from_der(&pem::block(text, "X509 CRL").ok_or_else(|| encoding("not one PEM revocation list"))?)
    }

    /// What the list says about a certificate of this issuer at this time; `None` when the list is another
    /// issuer's.
    ///
    /// A revocation counts even when the list is out of date; a clean record does not.
    pub(crate) fn check(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        at: UnixTime,
    ) -> Option<Result<(), CertificateError>> {
        if self.0.issuer != certificate.fields().issuer || !self.is_signed_by(issuer) {
            return None;
        }
        let serial = certificate.x509().serial_number();
        if matches!(self.0.crl.get_by_serial(serial), CrlStatus::Revoked(_)) {
            let detail = format!("{} is revoked", certificate.subject());
            return Some(Err(CertificateError::new(CertificateFault::Revoked, detail)));
        }
        if !self.is_current(at) {
            let detail = format!("the revocation list of {} is not current", certificate.issuer());
            return Some(Err(CertificateError::new(CertificateFault::RevocationUnknown, detail)));
        }
        Some(Ok(()))
    }

    fn is_current(&self, at: UnixTime) -> bool {
        let Ok(at) = Asn1Time::from_unix(at.0) else { return false };
        // Without nextUpdate nobody knows how old the list may get (RFC 5280 §5.1.2.5 demands it).
        self.0.crl.last_update() <= at && self.0.crl.next_update().is_some_and(|next| *next >= at)
    }

    fn is_signed_by(&self, issuer: &Certificate) -> bool {
        let Ok(key) = issuer.public_key() else { return false };
        if self.0.verified_with.get() == Some(&key) {
            return true;
        }
        // RFC 5280 §4.2.1.3: key usage, where present, must say cRLSign.
        let may = issuer.x509().key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::CRL_SIGN));
        let signed = may && self.0.crl.verify(key.library_key()).unwrap_or(false);
        if signed {
            let _first = self.0.verified_with.set(key);
        }
        signed
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl(of {})", rfc2253(&self.0.issuer).unwrap_or_default())
    }
}

struct Fields<'a> {
    issuer: &'a [u8],
    signature_algorithm: &'a [u8],
    critical: bool,
}

fn fields(der: &[u8]) -> Option<Fields<'_>> {
    let (mut tbs, outer_algorithm) = signed(der)?;
    (tbs.take(INTEGER)? == [1]).then_some(())?;
    (tbs.take(SEQUENCE)? == outer_algorithm).then_some(())?;
    let issuer = name(&mut tbs)?;
    tbs.next()?; // thisUpdate
    let mut critical = false;
    // nextUpdate is a time, revokedCertificates a sequence.
    let mut rest = tbs;
    if rest.next().is_some_and(|value| value.tag != SEQUENCE && value.tag != 0xa0) {
        tbs = rest;
    }
    let mut revoked = Der(tbs.take(SEQUENCE).unwrap_or_default());
    while !revoked.is_empty() {
        let mut entry = Der(revoked.take(SEQUENCE)?);
        entry.take(INTEGER)?;
        entry.next()?;
        if let Some(value) = entry.next() {
            critical |= extensions(value.whole)?.iter().any(|extension| extension.critical);
        }
        entry.end()?;
    }
    if let Some(value) = tbs.take(0xa0) {
        critical |= extensions(value)?.iter().any(|extension| extension.critical);
    }
    tbs.end()?;
    Some(Fields { issuer, signature_algorithm: algorithm_oid(outer_algorithm)?, critical })
}
