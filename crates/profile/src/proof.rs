//! The proof of a person's access history (chapter 35): asked for by a portal, checked by the person.

use chukei_idwsf::{Content, Parts, Payload};
use chukei_reason::Reason;
use chukei_saml::{NAME_ID, NameId};
use chukei_xml::{
    Element, Name, Writer, XmlError,
    lexical::{decode_base64, encode_base64},
    ns,
};

/// `ck:AccessProofQuery`.
pub const QUERY: Name = ns::CK.name("AccessProofQuery");
/// `ck:AccessProof`.
pub const PROOF: Name = ns::CK.name("AccessProof");
/// Octets of the largest proof that fits into a message.
pub const LIMIT: usize = 1024 * 1024;

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

impl Payload for ProofQuery {
    const NAMES: &'static [Name] = &[QUERY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["since"])?;
        let wrong = || element.error(Reason::Schema, "the size of a checkpoint");
        let since = element.attribute("since").map(|since| since.parse().map_err(|_| wrong())).transpose()?;
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
