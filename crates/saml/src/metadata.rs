//! Metadata (SAML 2.0 metadata): whom we know, with which keys, and where they are.
//!
//! One shape: an `EntityDescriptor` with `validUntil`, enveloped in the federation's signature, with one
//! `AttributeAuthorityDescriptor` that holds the certificates and the one SOAP endpoint. Keys of a message come from here
//! and nowhere else (attacks META-01 … META-08).

use std::{collections::BTreeMap, ops::Range};

use chukei_crypto::{Certificate, KeyTransport, PublicKey, UnixTime};
use chukei_reason::{CertificateFault, Reason};
use chukei_xml::{Budget, Document, XmlError, lexical::DateTime};
use chukei_xml_security::{FromSigned, KeyUse, Shape, Signed, Signing, TrustStore, TrustedKey, Unverified};

use crate::{assertion::octets, date_time, names::*};

/// The name under which the federation's own key is held while metadata is verified.
const FEDERATION: &str = "urn:chukei:1.0:federation";

/// A party: `md:EntityDescriptor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// `entityID`.
    pub id: String,
    /// `validUntil`.
    pub valid_until: UnixTime,
    /// Certificates of its `KeyDescriptor`s, each with its use.
    pub certificates: Vec<(KeyUse, Certificate)>,
    /// `Location` of its `AttributeService`: where messages for it go, and what `wsa:To` says.
    pub endpoint: String,
}

impl FromSigned for Entity {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let element = signed.element()?;
        element.only_attributes(&["ID", "entityID", "validUntil"])?;
        let valid_until = date_time(element, "validUntil")?;
        let valid_until = valid_until.ok_or_else(|| element.error(Reason::Schema, "attribute validUntil"))?;
        let role = element.only(ATTRIBUTE_AUTHORITY)?;
        role.only_attributes(&["protocolSupportEnumeration"])?;
        let mut children = role.children();
        let mut certificates = Vec::new();
        while let Some(key) = children.optional(KEY_DESCRIPTOR)? {
            key.only_attributes(&["use"])?;
            let key_use = match key.attribute("use") {
                None => KeyUse::Both,
                Some("signing") => KeyUse::Signing,
                Some("encryption") => KeyUse::Encryption,
                Some(_) => return Err(key.error(Reason::Schema, "use=\"signing\" or \"encryption\"")),
            };
            let shown = key.only(KEY_INFO)?.only(X509_DATA)?.only(X509_CERTIFICATE)?;
            let certificate = Certificate::from_der(&octets(shown)?)
                .map_err(|error| shown.error(Reason::Certificate(error.fault), "a readable certificate"))?;
            certificate.public_key().map_err(|_| {
                shown.error(Reason::Certificate(CertificateFault::Key), "a certificate with a usable key")
            })?;
            certificates.push((key_use, certificate));
        }
        let service = children.required(ATTRIBUTE_SERVICE)?;
        children.finish()?;
        service.only_attributes(&["Binding", "Location"])?;
        if service.attribute("Binding") != Some(SOAP_BINDING) {
            return Err(service.error(Reason::Schema, SOAP_BINDING));
        }
        let endpoint = service.required_attribute("Location")?;
        if !endpoint.starts_with("https://") {
            return Err(service.error(Reason::Schema, "an https location"));
        }
        Ok(Self {
            id: element.required_attribute("entityID")?.to_owned(),
            valid_until: UnixTime(valid_until.seconds),
            certificates,
            endpoint: endpoint.to_owned(),
        })
    }
}

impl Entity {
    /// Reads metadata that the federation has signed.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes or the signature; `Schema` for another shape or without `validUntil`; `Window`
    /// when that has passed.
    pub fn read(bytes: &[u8], federation: &PublicKey, now: UnixTime) -> Result<Self, XmlError> {
        let mut budget = Budget::default();
        let mut trust = TrustStore::new();
        trust.add(FEDERATION, TrustedKey::new(federation.clone()));
        let document = Document::parse_within(bytes, &mut budget)?;
        let unverified = Unverified::<Self>::locate(document, &Shape::root(ENTITY_DESCRIPTOR), &mut budget)?;
        let verified = unverified.verify_by(FEDERATION, &trust, now, &mut budget);
        let entity = verified.map_err(|refusal| refusal.error().clone())?.into_value();
        if entity.valid_until <= now {
            return Err(XmlError::in_text(Reason::Window, "metadata whose validUntil is to come", 0..0));
        }
        Ok(entity)
    }

    /// Writes and signs metadata.
    ///
    /// # Errors
    /// What the writer refuses; `Internal` when the key does not sign.
    pub fn write(&self, signing: &Signing<'_>) -> Result<Vec<u8>, XmlError> {
        const ID: &str = "_metadata";
        let document = signing.document(|w, slot| {
            let until = DateTime { seconds: self.valid_until.0, nanoseconds: 0 }.format();
            w.open(ENTITY_DESCRIPTOR).attribute("ID", ID).attribute("entityID", &self.id);
            w.attribute("validUntil", &until);
            slot.enveloped(w, ID);
            w.open(ATTRIBUTE_AUTHORITY).attribute("protocolSupportEnumeration", chukei_xml::ns::SB.uri());
            for (key_use, certificate) in &self.certificates {
                w.open(KEY_DESCRIPTOR);
                match key_use {
                    KeyUse::Signing => drop(w.attribute("use", "signing")),
                    KeyUse::Encryption => drop(w.attribute("use", "encryption")),
                    KeyUse::Both => {}
                }
                w.open(KEY_INFO).open(X509_DATA);
                w.open(X509_CERTIFICATE).base64(certificate.der()).close().close().close().close();
            }
            w.open(ATTRIBUTE_SERVICE).attribute("Binding", SOAP_BINDING);
            w.attribute("Location", &self.endpoint).close();
            w.close().close();
        })?;
        Ok(document.into_bytes())
    }

    /// Whether this certificate, as DER, is one that the party signs with.
    #[must_use]
    pub fn signs_with(&self, der: &[u8]) -> bool {
        let mut signing = self.certificates.iter().filter(|(key_use, _)| *key_use != KeyUse::Encryption);
        signing.any(|(_, certificate)| certificate.der() == der)
    }

    /// The certificate of the key to encrypt to this party with: of the first that is for encryption, can be encrypted for, and is
    /// valid now; [metadata.encryption.first-rsa]
    #[must_use]
    pub fn encryption(&self, now: UnixTime) -> Option<&Certificate> {
        let is_usable = |certificate: &Certificate| {
            let key = certificate.public_key();
            let can_wrap = key.is_ok_and(|key| key.wraps(KeyTransport::RsaOaepSha256));
            can_wrap && certificate.validity().contains(&now)
        };
        let mut offered = self.certificates.iter().filter(|(key_use, _)| *key_use != KeyUse::Signing);
        offered.find(|(_, certificate)| is_usable(certificate)).map(|(_, certificate)| certificate)
    }
}

/// Everybody whom we know. Entity identifiers are compared code point by code point.
#[derive(Clone, Debug, Default)]
pub struct Federation {
    entities: BTreeMap<String, Entity>,
    /// Who signs with which certificate, by its DER.
    signers: BTreeMap<Vec<u8>, (String, Certificate)>,
    trust: TrustStore,
}

impl Federation {
    /// Knows nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a party whose metadata was verified. Its keys count until its `validUntil`, and each while its certificate is valid.
    ///
    /// # Errors
    /// `DuplicateId` when the party, or one of its certificates as another's, is already known (META-05).
    pub fn add(&mut self, entity: Entity) -> Result<(), XmlError> {
        let known = entity.certificates.iter().any(|(_, own)| self.owner(own.der()).is_some());
        if known || self.entities.contains_key(&entity.id) {
            return Err(XmlError::in_text(Reason::DuplicateId, "one metadata document for each party", 0..0));
        }
        for (key_use, certificate) in &entity.certificates {
            let key = certificate.public_key().map_err(|_| {
                let reason = Reason::Certificate(CertificateFault::Key);
                XmlError::in_text(reason, "a certificate with a usable key", 0..0)
            })?;
            let key = TrustedKey::new(key).with_certificate(certificate).for_use(*key_use);
            // [metadata.certificate.window], [metadata.valid-until]
            let Range { start, end } = certificate.validity();
            self.trust.add(entity.id.clone(), key.valid(start, end.min(entity.valid_until)));
            if *key_use != KeyUse::Encryption {
                let signer = (entity.id.clone(), certificate.clone());
                self.signers.insert(certificate.der().to_vec(), signer);
            }
        }
        self.entities.insert(entity.id.clone(), entity);
        Ok(())
    }

    /// Two parties, or twice the same one, whose RSA keys share a prime: each breaks the other. To be asked when all are known.
    #[must_use]
    pub fn shared_prime(&self) -> Option<[&str; 2]> {
        let all = self.entities.values().flat_map(|entity| {
            let certificates = entity.certificates.iter().map(|(_, certificate)| certificate);
            certificates.filter_map(|own| Some((entity.id.as_str(), own.public_key().ok()?)))
        });
        let (owners, keys): (Vec<&str>, Vec<PublicKey>) = all.unzip();
        let (one, other) = chukei_crypto::shared_prime(&keys)?;
        Some([owners.get(one)?, owners.get(other)?])
    }

    /// A party by its entity identifier.
    #[must_use]
    pub fn entity(&self, id: &str) -> Option<&Entity> {
        self.entities.get(id)
    }

    /// Everybody, by entity identifier.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.entities.values()
    }

    /// The party that signs with this certificate.
    #[must_use]
    pub fn signer(&self, der: &[u8]) -> Option<&str> {
        self.signers.get(der).map(|(entity, _)| entity.as_str())
    }

    /// The certificate with this DER; `None` if it cannot be read. One of ours is not read again.
    #[must_use]
    pub fn certificate(&self, der: &[u8]) -> Option<Certificate> {
        match self.signers.get(der) {
            Some((_, certificate)) => Some(certificate.clone()),
            None => Certificate::from_der(der).ok(),
        }
    }

    /// The keys of everybody.
    #[must_use]
    pub const fn trust(&self) -> &TrustStore {
        &self.trust
    }

    fn owner(&self, der: &[u8]) -> Option<&Entity> {
        let owns = |entity: &&Entity| entity.certificates.iter().any(|(_, own)| own.der() == der);
        self.entities.values().find(owns)
    }
}
