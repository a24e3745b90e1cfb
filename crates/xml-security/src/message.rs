//! What the signature of a SOAP message may point at (WSS SOAP Message Security 1.1 §8; Liberty ID-WSF SOAP Binding
//! 2.0 §6): Body, header blocks, and the tokens and timestamp inside `wsse:Security`.

use chukei_reason::Reason;
use chukei_xml::{Budget, Document, Element, NodeId, XmlError};

use crate::{
    names::*,
    structure::{Targets, Transform, single},
};

pub(crate) struct MessageTargets {
    header: NodeId,
    body: NodeId,
    security: NodeId,
}

impl MessageTargets {
    pub(crate) fn of(document: &Document) -> Result<Self, XmlError> {
        let mut children = document.root().children();
        let header = children.required(HEADER)?;
        let body = children.required(BODY)?;
        children.finish()?;
        // SOAP 1.1 §4.2.2: a block for another actor is not for us.
        let security = single(header, SECURITY)?.filter(|security| security.attribute_in(ACTOR).is_none());
        let security =
            security.ok_or_else(|| header.error(Reason::Unsigned, "wsse:Security for us in the header"))?;
        Ok(Self { header: header.id(), body: body.id(), security: security.id() })
    }

    pub(crate) fn security<'d>(&self, document: &'d Document) -> Result<Element<'d>, XmlError> {
        document
            .element(self.security)
            .ok_or_else(|| document.root().error(Reason::Internal, "wsse:Security"))
    }

    fn wrong(at: Element<'_>) -> XmlError {
        at.error(Reason::ReferenceTarget, "a reference to Body, a header block, a timestamp or a token")
    }
}

impl Targets for MessageTargets {
    fn resolve<'d>(&self, referenced: Element<'d>, transform: Transform) -> Result<Element<'d>, XmlError> {
        let parent = referenced.parent().map(Element::id);
        match transform {
            Transform::Token => {
                let in_key_info = referenced.parent().and_then(Element::parent).and_then(Element::parent);
                let near =
                    parent == Some(self.security) || in_key_info.map(Element::id) == Some(self.security);
                if !referenced.is(SECURITY_TOKEN_REFERENCE) || !near {
                    return Err(Self::wrong(referenced));
                }
                let token = token(referenced)?;
                let stands = token.parent().map(Element::id) == Some(self.security);
                if stands { Ok(token) } else { Err(Self::wrong(token)) }
            }
            _ if referenced.id() == self.body => Ok(referenced),
            // The header block that holds the signature cannot be covered by it.
            _ if referenced.id() == self.security || referenced.is(SIGNATURE) => Err(Self::wrong(referenced)),
            _ if parent == Some(self.header) || parent == Some(self.security) => Ok(referenced),
            _ => Err(Self::wrong(referenced)),
        }
    }

    fn check_count(&self, at: Element<'_>, count: usize, budget: &Budget) -> Result<(), XmlError> {
        if count == 0 {
            return Err(at.error(Reason::Structure, "a Reference"));
        }
        budget.check_references(count).map_err(|kind| at.error(Reason::Limit(kind), "fewer references"))
    }

    fn allows(&self, transform: Transform) -> bool {
        transform != Transform::Enveloped
    }
}

/// The token that a `SecurityTokenReference` names: by `#id`, or a SAML assertion by its identifier.
pub(crate) fn token(reference: Element<'_>) -> Result<Element<'_>, XmlError> {
    let mut children = reference.children();
    let direct = children.optional(TOKEN_REFERENCE)?;
    let by_key = children.optional(KEY_IDENTIFIER)?;
    children.finish()?;
    let id = match (direct, by_key) {
        (Some(direct), None) => direct.attribute("URI").and_then(|uri| uri.strip_prefix('#')),
        (None, Some(key)) if key.attribute("ValueType") == Some(SAML_ID) => Some(key.text()?),
        _ => None,
    };
    let found = id.and_then(|id| reference.by_id(id));
    found.ok_or_else(|| reference.error(Reason::KeyInfo, "a token of this message, by identifier"))
}

/// The entity that a SOAP message says it comes from: `sb:Sender/@providerID`.
pub(crate) fn sender(document: &Document) -> Option<&str> {
    let header = document.root().elements().find(|child| child.is(HEADER))?;
    let sender = header.elements().find(|child| child.is(SENDER))?;
    sender.attribute("providerID")
}

/// Text of the certificate that a `KeyInfo` shows through a token reference.
pub(crate) fn shown_token(key_info: Element<'_>) -> Option<&str> {
    let reference = key_info.elements().find(|child| child.is(SECURITY_TOKEN_REFERENCE))?;
    let token = token(reference).ok().filter(|token| token.is(BINARY_SECURITY_TOKEN))?;
    token.text().ok()
}
