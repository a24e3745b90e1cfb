//! The proof of a person's access history, and the state of the ledger (chapter 35): asked for by a portal or by whoever
//! watches the ledger, checked by the person.

use chukei_idwsf::{Content, Parts, Payload};
use chukei_reason::Reason;
use chukei_saml::{NAME_ID, NameId};
use chukei_xml::{
    Element, Name, Writer, XmlError,
    lexical::{DateTime, decode_base64, encode_base64},
    ns,
};

use crate::read;

/// `ck:AccessProofQuery`.
pub const QUERY: Name = ns::CK.name("AccessProofQuery");
/// `ck:AccessProof`.
pub const PROOF: Name = ns::CK.name("AccessProof");
/// `ck:LedgerStatusQuery`.
pub const STATUS_QUERY: Name = ns::CK.name("LedgerStatusQuery");
/// `ck:LedgerStatus`.
pub const STATUS: Name = ns::CK.name("LedgerStatus");
/// Octets of the largest proof that fits into a message.
pub const LIMIT: usize = 1024 * 1024;

const CHECKPOINT: Name = ns::CK.name("Checkpoint");
const PART: Name = ns::CK.name("Part");
/// Octets in a part: a text of a message has its limit (chapter 14).
const PART_LIMIT: usize = 256 * 1024;

/// `ck:AccessProofQuery`: a portal asks for the person with this number.
#[derive(Clone, Debug)]
pub struct ProofQuery {
    /// A number of the person, of any scheme, or a session.
    pub name_id: NameId,
    /// `since`: size of a checkpoint that was seen before. The proof has to begin with it.
    pub since: Option<u64>,
}

/// `ck:AccessProof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The proof bundle, JSON in UTF-8; empty when the number leads to nobody.
    pub bundle: Vec<u8>,
}

/// `ck:LedgerStatusQuery`: anybody of the federation asks how the ledger stands.
#[derive(Clone, Copy, Debug)]
pub struct StatusQuery;

/// `ck:LedgerStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerStatus {
    /// `from`: time of the oldest entry whose content is kept; that of the answer, if there is none.
    pub from: DateTime,
    /// `until`: time of the answer.
    pub until: DateTime,
    /// `ck:Checkpoint`: a signed C2SP tlog-checkpoint.
    pub checkpoint: Vec<u8>,
}

impl Payload for ProofQuery {
    const NAMES: &'static [Name] = &[QUERY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["since"])?;
        let since = read::number(element, "since")?;
        Ok(Self { name_id: NameId::read(element.only(NAME_ID)?)?, since })
    }

    fn asks_about_a_person(&self) -> bool {
        true
    }
}

impl Content for ProofQuery {
    const NAME: Name = QUERY;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(QUERY);
        if let Some(since) = self.since {
            w.attribute("since", &since.to_string());
        }
        self.name_id.write(w);
        w.close();
    }
}

impl Payload for Proof {
    const NAMES: &'static [Name] = &[PROOF];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        let mut bundle = Vec::new();
        let mut children = element.children();
        while let Some(part) = children.optional(PART)? {
            part.only_attributes(&[])?;
            let octets = decode_base64(part.text()?);
            bundle.extend(octets.ok_or_else(|| part.error(Reason::Base64, "base64"))?);
        }
        children.finish()?;
        Ok(Self { bundle })
    }
}

impl Content for Proof {
    const NAME: Name = PROOF;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(PROOF);
        for part in self.bundle.chunks(PART_LIMIT) {
            w.element(PART, &encode_base64(part));
        }
        w.close();
    }
}

impl Payload for StatusQuery {
    const NAMES: &'static [Name] = &[STATUS_QUERY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        element.empty()?;
        Ok(Self)
    }
}

impl Content for StatusQuery {
    const NAME: Name = STATUS_QUERY;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(STATUS_QUERY).close();
    }
}

impl Payload for LedgerStatus {
    const NAMES: &'static [Name] = &[STATUS];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["from", "until"])?;
        let checkpoint = element.only(CHECKPOINT)?;
        checkpoint.only_attributes(&[])?;
        let octets = decode_base64(checkpoint.text()?);
        Ok(Self {
            from: read::required_date_time(element, "from")?,
            until: read::required_date_time(element, "until")?,
            checkpoint: octets.ok_or_else(|| checkpoint.error(Reason::Base64, "base64"))?,
        })
    }
}

impl Content for LedgerStatus {
    const NAME: Name = STATUS;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(STATUS).attribute("from", &self.from.format()).attribute("until", &self.until.format());
        w.element(CHECKPOINT, &encode_base64(&self.checkpoint)).close();
    }
}
