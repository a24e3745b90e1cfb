//! アクセス申請書: a document of its own that a person signs with a card, octet by octet as it was signed.

use chukei_crypto::{Certificate, UnixTime};
use chukei_reason::Reason;
use chukei_xml::{Budget, Children, Document, Element, Name, XmlError, lexical::DateTime, ns};
use chukei_xml_security::{FromSigned, Shape, Signed, Signing, TrustStore, TrustedKey, Unverified};

use super::PORTAL;
use crate::{Purpose, read};

/// What the person consents to.
pub const CONSENT: &str = "urn:chukei:1.0:consent:authentication-by-this-signature";
/// Title of every access application.
pub const TITLE: &str = "アクセス申請書";
/// `ck:AccessApplication`.
pub const ACCESS_APPLICATION: Name = ns::CK.name("AccessApplication");
const TITLE_NAME: Name = ns::CK.name("Title");
const APPLIED_AT: Name = ns::CK.name("AppliedAt");
const CONSENT_NAME: Name = ns::CK.name("Consent");
const RELAY: Name = ns::CK.name("Relay");
/// The holder's key signs, and nothing names it: the relay has found it by its certificate.
const HOLDER: &str = "holder";

/// `ck:AccessApplication`: アクセス申請書.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessApplication {
    /// `ID`.
    pub id: String,
    /// `ck:Title`.
    pub title: String,
    /// `ck:AppliedAt`.
    pub at: DateTime,
    /// `ck:Purpose`.
    pub purpose: Purpose,
    /// `ck:Consent`.
    pub consent: String,
    /// `ck:Relay`.
    pub relay: String,
    /// `ck:Portal`.
    pub portal: String,
}

impl AccessApplication {
    /// The usual application.
    #[must_use]
    pub fn new(id: &str, at: UnixTime, purpose: Purpose, relay: &str, portal: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: TITLE.to_owned(),
            at: DateTime { seconds: at.0, nanoseconds: 0 },
            purpose,
            consent: CONSENT.to_owned(),
            relay: relay.to_owned(),
            portal: portal.to_owned(),
        }
    }

    /// Reads an application that the key of this certificate has signed.
    ///
    /// # Errors
    /// Whatever is wrong with the octets, the signature or the shape.
    pub fn read(octets: &[u8], certificate: &Certificate, now: UnixTime) -> Result<Self, XmlError> {
        let mut budget = Budget::default();
        let key = certificate
            .public_key()
            .map_err(|_| XmlError::in_text(Reason::Key, "a key that may sign", 0..0))?;
        let mut trust = TrustStore::new();
        trust.add(HOLDER, TrustedKey::new(key).with_certificate(certificate));
        let document = Document::parse_within(octets, &mut budget)?;
        let shape = Shape::root(ACCESS_APPLICATION);
        let unverified = Unverified::<Self>::locate(document, &shape, &mut budget)?;
        let verified = unverified.verify_by(HOLDER, &trust, now, &mut budget);
        verified.map(|application| application.into_value()).map_err(|refusal| refusal.error().clone())
    }

    /// Writes it and has a card sign it.
    ///
    /// # Errors
    /// `Internal` when the card does not sign; what the writer refuses.
    pub fn sign(&self, signing: &Signing<'_>) -> Result<Vec<u8>, XmlError> {
        let document = signing.document(|w, slot| {
            w.open(ACCESS_APPLICATION).attribute("ID", &self.id);
            slot.enveloped(w, &self.id);
            w.element(TITLE_NAME, &self.title).element(APPLIED_AT, &self.at.format());
            w.element(read::PURPOSE, self.purpose.uri()).element(CONSENT_NAME, &self.consent);
            w.element(RELAY, &self.relay).element(PORTAL, &self.portal).close();
        })?;
        Ok(document.into_bytes())
    }
}

impl FromSigned for AccessApplication {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let element = signed.element()?;
        Self::content(element, element.children())
    }
}

impl AccessApplication {
    /// Reads an application without asking whether anybody has signed it: a fault of a mock relay.
    ///
    /// # Errors
    /// Whatever is wrong with the octets or the shape.
    #[cfg(feature = "danger-faults")]
    pub fn danger_read_unverified(octets: &[u8]) -> Result<Self, XmlError> {
        let document = Document::parse(octets)?;
        let root = document.root();
        let mut children = root.children();
        children.optional(ns::DS.name("Signature"))?;
        Self::content(root, children)
    }

    fn content(element: Element<'_>, mut children: Children<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["ID"])?;
        let mut text = |name| -> Result<String, XmlError> {
            let child = children.required(name)?;
            child.only_attributes(&[])?;
            child.text().map(str::to_owned)
        };
        let (title, at) = (text(TITLE_NAME)?, text(APPLIED_AT)?);
        let (purpose, consent) = (text(read::PURPOSE)?, text(CONSENT_NAME)?);
        let (relay, portal) = (text(RELAY)?, text(PORTAL)?);
        children.finish()?;
        let wrong_time = || element.error(Reason::DateTime, "a date and time in UTC as ck:AppliedAt");
        let wrong_purpose = || element.error(Reason::Purpose, "a purpose of the standard");
        Ok(Self {
            id: element.required_attribute("ID")?.to_owned(),
            title,
            at: DateTime::parse(&at).ok_or_else(wrong_time)?,
            purpose: Purpose::from_uri(&purpose).ok_or_else(wrong_purpose)?,
            consent,
            relay,
            portal,
        })
    }
}
