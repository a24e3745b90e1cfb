//! TEST certification authorities of cards.

use chukei_card::{CertificatePlan, Digest};
use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Extension, X509Name, X509NameBuilder};

use crate::der::{oid, time, tlv, unsigned};
use crate::holder::Holder;
use crate::keys;

/// 2006-01-01T00:00:00Z and 2046-01-01T00:00:00Z, between which every authority lives.
const LIFE: (i64, i64) = (1_136_073_600, 2_398_377_600);
/// Arc of the four basic items in `subjectAltName`.
const BASIC_ITEMS: &str = "1.2.392.200149.8.5.5";

/// An authority: its key follows from its name and the seed.
pub(crate) struct Authority {
    key: PKey<Private>,
    pub(crate) certificate: X509,
    digest: Digest,
}

impl Authority {
    /// The authority of this name. `impostor` makes one of the same name with another key.
    pub(crate) fn new(seed: u64, name: &str, digest: Digest, impostor: bool) -> Result<Self, ErrorStack> {
        let purpose = if impostor { "impostor" } else { "authority" };
        let key = keys::rsa(seed, &format!("{purpose}:{name}"), 2048)?;
        let mut subject = X509NameBuilder::new()?;
        for (attribute, value) in [("C", "JP"), ("O", "Chukei TEST"), ("CN", name)] {
            subject.append_entry_by_text(attribute, value)?;
        }
        let subject = subject.build();
        let mut builder = begin(&subject, &subject, 1, LIFE, &key)?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        builder.sign(&key, library(digest))?;
        Ok(Self { key, certificate: builder.build(), digest })
    }

    /// Issues what the plan says. None if the plan or the holder's attributes cannot be written into a certificate.
    pub(crate) fn issue(
        &self,
        plan: &CertificatePlan,
        holder: &Holder,
        serial: u64,
        validity: (i64, i64),
        key: &PKey<Private>,
    ) -> Result<Option<X509>, ErrorStack> {
        let mut subject = X509NameBuilder::new()?;
        for (attribute, value) in &plan.subject {
            let Some(value) = holder.fill(value) else { return Ok(None) };
            subject.append_entry_by_text(attribute, &value)?;
        }
        let issuer = self.certificate.subject_name();
        let mut builder = begin(&subject.build(), issuer, serial, validity, key)?;
        let authority = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(authority)?;
        let mut usage = KeyUsage::new();
        usage.critical().digital_signature();
        if plan.declares {
            usage.non_repudiation();
        }
        builder.append_extension(usage.build()?)?;
        if plan.tls_client {
            builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?;
        }
        if let Some(policy) = &plan.policy {
            let Some(policy) = oid(policy) else { return Ok(None) };
            let value = tlv(0x30, &[&tlv(0x30, &[&policy])]);
            let name = Asn1Object::from_str("2.5.29.32")?;
            let value = Asn1OctetString::new_from_bytes(&value)?;
            builder.append_extension(X509Extension::new_from_der(&name, false, &value)?)?;
        }
        if plan.basic_items {
            let Some(items) = basic_items(holder) else { return Ok(None) };
            let mut names = SubjectAlternativeName::new();
            for (arc, text) in items {
                let name = Asn1Object::from_str(&format!("{BASIC_ITEMS}.{arc}"))?;
                names.other_name2(name, &tlv(0x0c, &[text.as_bytes()]));
            }
            builder.append_extension(names.build(&builder.x509v3_context(Some(&self.certificate), None))?)?;
        }
        builder.sign(&self.key, library(self.digest))?;
        Ok(Some(builder.build()))
    }

    /// The revocation list of this moment (RFC 5280 §5), good as long as the authority, in DER: TEST cards live in files.
    pub(crate) fn revocation_list(&self, now: i64, revoked: &[u64]) -> Result<Vec<u8>, ErrorStack> {
        let arc = match self.digest {
            Digest::Sha256 => 11,
            Digest::Sha1 => 5,
        };
        let rsa = oid(&format!("1.2.840.113549.1.1.{arc}")).unwrap_or_default();
        let algorithm = tlv(0x30, &[&rsa, &[5, 0]]);
        let entry = |serial: &u64| tlv(0x30, &[&unsigned(&serial.to_be_bytes()), &time(now)]);
        let entries: Vec<u8> = revoked.iter().flat_map(entry).collect();
        let entries = if entries.is_empty() { entries } else { tlv(0x30, &[&entries]) };
        let issuer = self.certificate.subject_name().to_der()?;
        let next = time(LIFE.1);
        let list = tlv(0x30, &[&[2, 1, 1], &algorithm, &issuer, &time(now), &next, &entries]);
        let signature = Signer::new(library(self.digest), &self.key)?.sign_oneshot_to_vec(&list)?;
        Ok(tlv(0x30, &[&list, &algorithm, &tlv(0x03, &[&[0], &signature])]))
    }
}

fn begin(
    subject: &X509Name,
    issuer: &openssl::x509::X509NameRef,
    serial: u64,
    validity: (i64, i64),
    key: &PKey<Private>,
) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&*BigNum::from_slice(&serial.to_be_bytes())?)?)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*Asn1Time::from_unix(validity.0)?)?;
    builder.set_not_after(&*Asn1Time::from_unix(validity.1)?)?;
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(identifier)?;
    Ok(builder)
}

fn library(digest: Digest) -> MessageDigest {
    match digest {
        Digest::Sha256 => MessageDigest::sha256(),
        Digest::Sha1 => MessageDigest::sha1(),
    }
}

/// Name, sex, birth date and address with the last arc of their object identifiers. The birth date is one digit of the
/// era and the Gregorian date.
fn basic_items(holder: &Holder) -> Option<[(u8, String); 4]> {
    let born = holder.get("born")?.replace('-', "");
    let eras = [("20190501", 5), ("19890108", 4), ("19261225", 3), ("19120730", 2), ("", 1)];
    let (_, era) = eras.into_iter().find(|(first, _)| born.as_str() >= *first)?;
    let own = |attribute| holder.get(attribute).map(str::to_owned);
    Some([(1, own("name")?), (3, own("sex")?), (4, format!("{era}{born}")), (5, own("address")?)])
}
