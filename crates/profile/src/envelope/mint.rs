//! Issuing.

use chukei_crypto::{Certificate, PublicKey, UnixTime, Zeroizing};
use chukei_idwsf::{Randomness, Refusal, xml_id};
use chukei_saml::{
    ASSERTION, ATTRIBUTE_STATEMENT, AUDIENCE, AUDIENCE_RESTRICTION, CONDITIONS, ENCRYPTED_ID, ENTITY,
    HOLDER_OF_KEY, ISSUER, KEY_INFO, NameId, ONE_TIME_USE, SUBJECT, SUBJECT_CONFIRMATION,
    SUBJECT_CONFIRMATION_DATA, X509_CERTIFICATE, X509_DATA, write_attribute,
};
use chukei_xml::{Document, Writer, lexical::DateTime, lexical::encode_base64, ns};
use chukei_xml_security::{Recipient, Sealed, Signing};

use super::{BLOCK, LONGEST, PURPOSE, REQUEST, VERSION, VERSION_ATTRIBUTE};
use crate::{Identifier, Purpose};

/// Octets of the longest number as XML: 64 characters, each written as `&amp;`.
const LONGEST_NUMBER: usize = 64 * 5;

/// An envelope to be made.
#[derive(Clone, Copy, Debug)]
pub struct Mint<'a> {
    /// Who issues it: the relay.
    pub relay: &'a str,
    /// Who may present it, and with which key: the requester first, the relay second where it forwards.
    pub holders: &'a [(&'a str, &'a Certificate)],
    /// Whom it is for.
    pub target: &'a str,
    /// The target's key.
    pub key: &'a PublicKey,
    /// The target's number of the person.
    pub identifier: &'a Identifier,
    /// What it is for.
    pub purpose: Purpose,
    /// What it answers: MessageID, `#`, reqID.
    pub request: &'a str,
    /// The time.
    pub now: UnixTime,
    /// What a faulty relay does otherwise.
    #[cfg(feature = "danger-faults")]
    pub danger: Danger<'a>,
}

/// How a mock relay with a fault makes an envelope.
#[cfg(feature = "danger-faults")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Danger<'a> {
    /// Names the relay itself as audience and recipient.
    pub misaddressed: bool,
    /// Stays good for longer than it may.
    pub long: bool,
    /// Leaves OneTimeUse out.
    pub reusable: bool,
    /// Leaves the padding out.
    pub unpadded: bool,
    /// Pads no further than the number needs.
    pub snug: bool,
    /// Tells the number in clear beside the ciphertext.
    pub telling: bool,
    /// Confirms anybody: no certificate of the holder.
    pub holderless: bool,
    /// Qualifies the number for somebody else.
    pub misqualified: bool,
    /// Leaves the request out.
    pub unbound: bool,
    /// Leaves the signature out.
    pub unsigned: bool,
    /// Adds what is the same in every envelope of one person: a digest of the number.
    pub linkable: bool,
    /// Puts the version first.
    pub reordered: bool,
    /// Begins the ID with a digest of the number.
    pub linkable_id: bool,
    /// Uses this `EncryptedID` again.
    pub sealed: Option<&'a Document>,
}

/// Whether the relay has this fault: never, but for a mock relay.
macro_rules! danger {
    ($self:ident.$fault:ident) => {{
        #[cfg(feature = "danger-faults")]
        let has = $self.danger.$fault;
        #[cfg(not(feature = "danger-faults"))]
        let has = false;
        has
    }};
}

/// An envelope that was made.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its `ID`.
    pub id: String,
    /// The signed assertion.
    pub document: Document,
    /// Until when it can be presented.
    pub until: UnixTime,
}

impl Mint<'_> {
    /// Seals, writes and signs.
    ///
    /// # Errors
    /// `Internal` when there is no entropy, or a key does not do its work.
    pub fn issue(&self, signing: &Signing<'_>, randomness: &dyn Randomness) -> Result<Issued, Refusal> {
        let mut id = xml_id(randomness)?;
        if danger!(self.linkable_id) {
            let digest = chukei_crypto::sha256(self.identifier.expose().as_bytes());
            let digest: String = digest.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
            id = id.replacen('_', &format!("_{digest}"), 1);
        }
        let sealed = self.sealed()?;
        let length = if danger!(self.long) { LONGEST.saturating_mul(12) } else { LONGEST };
        let until = UnixTime(self.now.0.saturating_add(length));
        let audience = if danger!(self.misaddressed) { self.relay } else { self.target };
        let document = signing.document(|w, slot| {
            w.open(ASSERTION).declare(ns::DS).attribute("ID", &id);
            w.attribute("IssueInstant", &time(self.now)).attribute("Version", "2.0");
            w.element(ISSUER, self.relay);
            if !danger!(self.unsigned) {
                slot.enveloped(w, &id);
            }
            w.open(SUBJECT);
            w.graft(sealed.root());
            for (entity, certificate) in self.holders {
                self.confirmation(w, entity, certificate, audience, until);
            }
            w.close();
            w.open(CONDITIONS)
                .attribute("NotBefore", &time(self.now))
                .attribute("NotOnOrAfter", &time(until));
            w.open(AUDIENCE_RESTRICTION).element(AUDIENCE, audience).close();
            if !danger!(self.reusable) {
                w.open(ONE_TIME_USE).close();
            }
            w.close();
            w.open(ATTRIBUTE_STATEMENT);
            if danger!(self.reordered) {
                write_attribute(w, VERSION_ATTRIBUTE, VERSION);
            }
            write_attribute(w, PURPOSE, self.purpose.uri());
            if !danger!(self.unbound) {
                write_attribute(w, REQUEST, self.request);
            }
            if !danger!(self.reordered) {
                write_attribute(w, VERSION_ATTRIBUTE, VERSION);
            }
            if danger!(self.telling) {
                write_attribute(w, "urn:chukei:1.0:attribute:number", self.identifier.expose());
            }
            if danger!(self.linkable) {
                let digest = encode_base64(&chukei_crypto::sha256(self.identifier.expose().as_bytes()));
                write_attribute(w, "urn:chukei:1.0:attribute:trace", &digest);
            }
            w.close().close();
        })?;
        Ok(Issued { id, document, until })
    }

    fn confirmation(
        &self,
        w: &mut Writer<'_>,
        entity: &str,
        certificate: &Certificate,
        audience: &str,
        until: UnixTime,
    ) {
        w.open(SUBJECT_CONFIRMATION).attribute("Method", HOLDER_OF_KEY);
        NameId::new(ENTITY, entity).write(w);
        w.open(SUBJECT_CONFIRMATION_DATA).attribute("NotOnOrAfter", &time(until));
        w.attribute("Recipient", audience);
        if !danger!(self.holderless) {
            w.open(KEY_INFO).open(X509_DATA);
            w.open(X509_CERTIFICATE).base64(certificate.der()).close().close().close();
        }
        w.close().close();
    }

    /// A `saml:EncryptedID` of its own for every envelope.
    fn sealed(&self) -> Result<Document, Refusal> {
        #[cfg(feature = "danger-faults")]
        if let Some(again) = self.danger.sealed {
            return Ok(again.clone());
        }
        let qualifier = if danger!(self.misqualified) { self.relay } else { self.target };
        let around = NameId::new(self.identifier.scheme().uri(), "").by(self.relay).for_party(qualifier);
        let name_id = NameId { value: Zeroizing::new(self.identifier.expose().to_owned()), ..around.clone() };
        let plaintext = Zeroizing::new(Writer::build(|w| name_id.write(w))?.into_bytes());
        // [envelope.issue.padded], [privacy.ciphertext.size]: as long as with the longest number that there is.
        let longest = Writer::build(|w| around.write(w))?.write().len().saturating_add(LONGEST_NUMBER);
        let longest = if danger!(self.snug) { BLOCK } else { longest };
        let block = longest.checked_next_multiple_of(BLOCK).unwrap_or(BLOCK);
        let recipient = Recipient { key: self.key, name: Some(self.target) };
        let sealed = Sealed::new(&plaintext, recipient, if danger!(self.unpadded) { 1 } else { block });
        let sealed = sealed.map_err(|_| Refusal::internal("a key that seals"))?;
        Ok(Writer::build(|w| {
            w.open(ENCRYPTED_ID);
            sealed.write(w);
            w.close();
        })?)
    }
}

fn time(at: UnixTime) -> String {
    DateTime { seconds: at.0, nanoseconds: 0 }.format()
}
