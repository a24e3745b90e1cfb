//! Writing and signing a message.

use chukei_crypto::UnixTime;
use chukei_xml::{
    Document, Name, Writer, XmlError,
    lexical::{DateTime, encode_base64},
    ns,
};
use chukei_xml_security::{Part, Signing};

use crate::{
    headers::{Commitment, action},
    names::*,
};

/// Content that a message carries.
pub trait Content {
    /// The element that it writes.
    const NAME: Name;

    /// Writes the element.
    fn write(&self, w: &mut Writer<'_>);
}

/// How long a message of ours is good for.
const LIFETIME: i64 = 120;

/// What stands in the header of a message. The signature covers Body, every block, Timestamp and token.
#[derive(Clone, Debug)]
pub struct Compose<'a> {
    /// `sb:Sender`: us.
    pub sender: &'a str,
    /// `wsa:To`.
    pub to: &'a str,
    /// `wsa:MessageID`.
    pub message_id: &'a str,
    /// `wsa:RelatesTo`, of an answer.
    pub relates_to: Option<&'a str>,
    /// `wsu:Created`.
    pub created: UnixTime,
    /// Seconds from `wsu:Created` to `wsu:Expires`.
    pub lifetime: i64,
    /// `ck:Purpose` in `sb:UsageDirective`.
    pub purpose: Option<&'a str>,
    /// What stands in `sb:TargetIdentity`: an envelope, as it came.
    pub target: Option<&'a Document>,
    /// What stands in `ck:Receipts`, of an answer.
    pub receipts: &'a [Commitment],
    /// `until` of `ck:Withholding`, of a request: a day.
    pub withheld_until: Option<&'a str>,
    /// A header block that the signature leaves out: a fault of a mock party.
    #[cfg(feature = "danger-faults")]
    pub danger_unsigned: Option<Name>,
}

impl<'a> Compose<'a> {
    /// A request to this endpoint.
    #[must_use]
    pub const fn request(sender: &'a str, to: &'a str, message_id: &'a str, now: UnixTime) -> Self {
        Self {
            sender,
            to,
            message_id,
            relates_to: None,
            created: now,
            lifetime: LIFETIME,
            purpose: None,
            target: None,
            receipts: &[],
            withheld_until: None,
            #[cfg(feature = "danger-faults")]
            danger_unsigned: None,
        }
    }

    /// An answer to this message.
    #[must_use]
    pub const fn answer(sender: &'a str, request: &'a str, message_id: &'a str, now: UnixTime) -> Self {
        let mut this = Self::request(sender, ANONYMOUS, message_id, now);
        this.relates_to = Some(request);
        this
    }

    /// States a purpose.
    #[must_use]
    pub const fn for_purpose(mut self, purpose: &'a str) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Names whom it is about.
    #[must_use]
    pub const fn about(mut self, target: &'a Document) -> Self {
        self.target = Some(target);
        self
    }

    /// Writes and signs. `signing` has to show its certificate.
    ///
    /// # Errors
    /// What the writer refuses; `Internal` when the key does not sign.
    pub fn sign<C: Content>(&self, content: &C, signing: &Signing<'_>) -> Result<Vec<u8>, XmlError> {
        let document = signing.document(|w, slot| {
            w.open(ENVELOPE).declare(ns::WSA).declare(ns::WSU).declare(ns::SB);
            w.open(HEADER);
            let mut ids = vec!["_body", "_timestamp"];
            let mut block = |w: &mut Writer<'_>, name: Name, id: &'static str, own: &[(&str, &str)]| {
                w.open(name);
                for (name, value) in own {
                    w.attribute(name, value);
                }
                w.attribute_in(WSU_ID, id);
                if !self.leaves_unsigned(name) {
                    ids.push(id);
                }
            };
            block(w, FRAMEWORK, "_framework", &[("version", VERSION)]);
            w.close();
            block(w, SENDER, "_sender", &[("providerID", self.sender)]);
            w.close();
            block(w, MESSAGE_ID, "_message", &[]);
            w.text(self.message_id).close();
            if let Some(request) = self.relates_to {
                block(w, RELATES_TO, "_relates", &[]);
                w.text(request).close();
            }
            block(w, TO, "_to", &[]);
            w.text(self.to).close();
            block(w, ACTION, "_action", &[]);
            w.text(&action(C::NAME)).close();
            if let Some(target) = self.target {
                block(w, TARGET_IDENTITY, "_target", &[]);
                w.graft(target.root()).close();
            }
            if let Some(purpose) = self.purpose {
                block(w, USAGE_DIRECTIVE, "_usage", &[("ref", "_body")]);
                w.element(PURPOSE, purpose).close();
            }
            if !self.receipts.is_empty() {
                block(w, RECEIPTS, "_receipts", &[]);
                for Commitment(octets) in self.receipts {
                    w.open(RECEIPT).attribute("commitment", &encode_base64(octets)).close();
                }
                w.close();
            }
            if let Some(day) = self.withheld_until {
                block(w, WITHHOLDING, "_withholding", &[("until", day)]);
                w.close();
            }
            w.open(SECURITY).attribute_in(MUST_UNDERSTAND, "1");
            let time = |seconds| DateTime { seconds, nanoseconds: 0 }.format();
            w.open(TIMESTAMP).attribute_in(WSU_ID, "_timestamp");
            w.element(CREATED, &time(self.created.0));
            w.element(EXPIRES, &time(self.created.0.saturating_add(self.lifetime))).close();
            slot.token(w, "_token");
            let mut parts: Vec<Part<'_>> = ids.into_iter().map(Part::Element).collect();
            parts.push(Part::Token("_str", "_token"));
            slot.message(w, &parts, "_str", "_token");
            w.close().close();
            w.open(BODY).attribute_in(WSU_ID, "_body");
            content.write(w);
            w.close().close();
        })?;
        Ok(document.into_bytes())
    }

    #[cfg(feature = "danger-faults")]
    fn leaves_unsigned(&self, name: Name) -> bool {
        self.danger_unsigned == Some(name)
    }

    #[cfg(not(feature = "danger-faults"))]
    const fn leaves_unsigned(&self, _: Name) -> bool {
        false
    }
}
