//! What a TLS client says at the card door of a relay, and what it gets there (chapter 34 of the standard, TLS client
//! authentication).
//!
//! Both are documents of their own, without signature and without a message around them: the connection says whose card
//! it is.

use chukei_crypto::Zeroizing;
use chukei_reason::Reason;
use chukei_xml::{Document, Element, Name, Writer, XmlError, lexical::DateTime, ns};

use super::PORTAL;
use crate::{Purpose, read};

/// `ck:CardPresentation`.
pub const CARD_PRESENTATION: Name = ns::CK.name("CardPresentation");
/// `ck:Presented`.
pub const PRESENTED: Name = ns::CK.name("Presented");

/// `ck:CardPresentation`: a person's client presents the card of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardPresentation {
    /// `challenge`.
    pub challenge: String,
    /// `ck:Portal`: whom the challenge was given to.
    pub portal: String,
    /// `ck:Purpose`.
    pub purpose: Purpose,
}

/// `ck:Presented`: the card was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// `ticket`.
    pub ticket: Zeroizing<String>,
    /// `notOnOrAfter`.
    pub until: DateTime,
}

impl CardPresentation {
    /// Reads a presentation.
    ///
    /// # Errors
    /// Whatever is wrong with the octets or the shape.
    pub fn read(octets: &[u8]) -> Result<Self, XmlError> {
        let document = Document::parse(octets)?;
        let root = named(&document, CARD_PRESENTATION)?;
        root.only_attributes(&["challenge"])?;
        let mut children = root.children();
        let portal = children.required(PORTAL)?;
        portal.only_attributes(&[])?;
        let purpose = read::purpose(children.required(read::PURPOSE)?)?;
        children.finish()?;
        Ok(Self {
            challenge: root.required_attribute("challenge")?.to_owned(),
            portal: portal.text()?.to_owned(),
            purpose,
        })
    }

    /// Writes it.
    ///
    /// # Errors
    /// What the writer refuses.
    pub fn write(&self) -> Result<Vec<u8>, XmlError> {
        let document = Writer::build(|w| {
            w.open(CARD_PRESENTATION).attribute("challenge", &self.challenge);
            w.element(PORTAL, &self.portal).element(read::PURPOSE, self.purpose.uri()).close();
        })?;
        Ok(document.into_bytes())
    }
}

impl Presented {
    /// Reads what a presentation is answered with.
    ///
    /// # Errors
    /// Whatever is wrong with the octets or the shape.
    pub fn read(octets: &[u8]) -> Result<Self, XmlError> {
        let document = Document::parse(octets)?;
        let root = named(&document, PRESENTED)?;
        root.only_attributes(&["ticket", "notOnOrAfter"])?;
        root.empty()?;
        Ok(Self {
            ticket: Zeroizing::new(root.required_attribute("ticket")?.to_owned()),
            until: read::required_date_time(root, "notOnOrAfter")?,
        })
    }

    /// Writes it.
    ///
    /// # Errors
    /// What the writer refuses.
    pub fn write(&self) -> Result<Vec<u8>, XmlError> {
        let document = Writer::build(|w| {
            w.open(PRESENTED).attribute("notOnOrAfter", &self.until.format());
            w.attribute("ticket", &self.ticket).close();
        })?;
        Ok(document.into_bytes())
    }
}

fn named(document: &Document, name: Name) -> Result<Element<'_>, XmlError> {
    let root = document.root();
    if root.is(name) { Ok(root) } else { Err(root.error(Reason::Schema, name.to_string())) }
}
