//! The TEST certification authority and the certificates that it issues: one shape, deterministic from the seed.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Name, X509NameBuilder};

use crate::keys;

/// 2026-01-01T00:00:00Z, when every certificate and every metadata document begins.
pub(crate) const NOT_BEFORE: i64 = 1_767_225_600;
/// 2036-01-01T00:00:00Z, when they end.
pub(crate) const NOT_AFTER: i64 = 2_082_758_400;

/// 2025-01-01T00:00:00Z, when certificates begin that have ended before everything else begins.
const EXPIRED_FROM: i64 = 1_735_689_600;

/// What a certificate is for; decides its key usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Signs messages and identifies its holder in TLS, as client and as server on this machine.
    Sign,
    /// Has content keys wrapped for it.
    Decrypt,
    /// Signs metadata.
    Federation,
}

/// A key and the certificate over it.
pub(crate) struct Issued {
    pub(crate) key: PKey<Private>,
    pub(crate) certificate: X509,
}

impl Issued {
    pub(crate) fn key_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.key.private_key_to_pem_pkcs8()
    }

    pub(crate) fn certificate_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.certificate.to_pem()
    }
}

/// The TEST certification authority. Its key lives in memory while the world is made and is never written.
pub(crate) struct Authority(Issued);

impl Authority {
    pub(crate) fn new(seed: u64) -> Result<Self, ErrorStack> {
        let key = keys::rsa2048(seed, "ca")?;
        let name = name("TEST CA")?;
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*serial(1)?)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_pubkey(&key)?;
        builder.set_not_before(&*Asn1Time::from_unix(NOT_BEFORE)?)?;
        builder.set_not_after(&*Asn1Time::from_unix(NOT_AFTER)?)?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self(Issued { key, certificate: builder.build() }))
    }

    pub(crate) fn certificate_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.0.certificate_pem()
    }

    /// Issues a certificate; `number` is its serial number, so the order of issuance does not matter.
    pub(crate) fn issue(
        &self,
        common_name: &str,
        number: u32,
        usage: Use,
        key: PKey<Private>,
    ) -> Result<Issued, ErrorStack> {
        self.issue_for((NOT_BEFORE, NOT_AFTER), common_name, number, usage, key)
    }

    /// The same for a certificate that has ended before the world begins.
    pub(crate) fn issue_expired(
        &self,
        common_name: &str,
        number: u32,
        usage: Use,
        key: PKey<Private>,
    ) -> Result<Issued, ErrorStack> {
        self.issue_for((EXPIRED_FROM, NOT_BEFORE - 1), common_name, number, usage, key)
    }

    fn issue_for(
        &self,
        (from, until): (i64, i64),
        common_name: &str,
        number: u32,
        usage: Use,
        key: PKey<Private>,
    ) -> Result<Issued, ErrorStack> {
        let authority = &self.0.certificate;
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*serial(number)?)?;
        builder.set_subject_name(&*name(common_name)?)?;
        builder.set_issuer_name(authority.subject_name())?;
        builder.set_pubkey(&key)?;
        builder.set_not_before(&*Asn1Time::from_unix(from)?)?;
        builder.set_not_after(&*Asn1Time::from_unix(until)?)?;
        let key_usage = match usage {
            Use::Sign | Use::Federation => KeyUsage::new().critical().digital_signature().build()?,
            Use::Decrypt => KeyUsage::new().critical().key_encipherment().build()?,
        };
        builder.append_extension(key_usage)?;
        if usage == Use::Sign {
            builder.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build()?)?;
            let names = SubjectAlternativeName::new()
                .dns("localhost")
                .ip("127.0.0.1")
                .build(&builder.x509v3_context(Some(authority), None))?;
            builder.append_extension(names)?;
        }
        let subject = SubjectKeyIdentifier::new().build(&builder.x509v3_context(Some(authority), None))?;
        builder.append_extension(subject)?;
        let issuer = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&builder.x509v3_context(Some(authority), None))?;
        builder.append_extension(issuer)?;
        builder.sign(&self.0.key, MessageDigest::sha256())?;
        Ok(Issued { key, certificate: builder.build() })
    }
}

fn name(common: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("C", "JP")?;
    name.append_entry_by_text("O", "Chukei TEST")?;
    name.append_entry_by_text("CN", common)?;
    Ok(name.build())
}

fn serial(number: u32) -> Result<Asn1Integer, ErrorStack> {
    BigNum::from_u32(number)?.to_asn1_integer()
}

#[cfg(test)]
mod tests {
    use chukei_crypto::{Certificate, Purpose, Revocation, TrustAnchors, UnixTime};

    use super::*;

    fn read(issued: &X509) -> Certificate {
        Certificate::from_der(&issued.to_der().unwrap()).unwrap()
    }

    #[test]
    fn the_product_relies_on_the_certificates_for_their_use_only() {
        let authority = Authority::new(5).unwrap();
        let sign = authority.issue("x TEST", 2, Use::Sign, keys::p256(5, "sign").unwrap()).unwrap();
        let decrypt =
            authority.issue("x TEST", 3, Use::Decrypt, keys::rsa2048(5, "decrypt").unwrap()).unwrap();
        let anchors = TrustAnchors::new(vec![read(&authority.0.certificate)]).unwrap();
        let holds = |certificate: &X509, at, purpose| {
            anchors.validate(&read(certificate), &[], UnixTime(at), purpose, Revocation::IfPresent).is_ok()
        };
        for purpose in [Purpose::SignMessages, Purpose::TlsClient, Purpose::TlsServer] {
            assert!(holds(&sign.certificate, NOT_BEFORE, purpose));
            assert!(holds(&sign.certificate, NOT_AFTER - 1, purpose));
            assert!(!holds(&sign.certificate, NOT_BEFORE - 1, purpose));
            assert!(!holds(&sign.certificate, NOT_AFTER, purpose));
            assert!(!holds(&decrypt.certificate, NOT_BEFORE, purpose));
        }
        assert!(holds(&decrypt.certificate, NOT_BEFORE, Purpose::WrapKeys));
        assert!(!holds(&sign.certificate, NOT_BEFORE, Purpose::WrapKeys));
    }

    #[test]
    fn one_seed_makes_one_certificate() {
        let make = |seed| {
            let authority = Authority::new(seed).unwrap();
            let key = keys::rsa2048(seed, "sign").unwrap();
            authority.issue("x TEST", 2, Use::Sign, key).unwrap().certificate.to_der().unwrap()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }
}
