//! What a signature may point at: its own parent, or in a SOAP message (WSS SOAP Message Security 1.1 §8; Liberty ID-WSF
//! SOAP Binding 2.0 §6) Body, header blocks, and the tokens and timestamp inside `wsse:Security`.

use chukei_reason::Reason;
use chukei_xml::{Budget, Document, Element, XmlError};

use crate::{
    names::*,
    structure::{Transform, over, single},
};

/// Elements that the references of one signature may point at.
#[derive(Clone, Copy)]
pub(crate) enum Targets<'d> {
    /// An enveloped signature refers to the element that carries it, once.
    Parent(Element<'d>),
    Message {
        header: Element<'d>,
        body: Element<'d>,
        security: Element<'d>,
    },
}

impl<'d> Targets<'d> {
    /// The header `wsse:Security` of a SOAP message, and what a signature in it may point at.
    pub(crate) fn of_message(envelope: Element<'d>) -> Result<(Element<'d>, Self), XmlError> {
        let mut children = envelope.children();
        let header = children.required(HEADER)?;
        let body = children.required(BODY)?;
        children.finish()?;
        // SOAP 1.1 §4.2.2; [message.security.for-receiver]
        let security = single(header, SECURITY)?.filter(|security| security.attribute_in(ACTOR).is_none());
        let security =
            security.ok_or_else(|| header.error(Reason::Unsigned, "wsse:Security for us in the header"))?;
        Ok((security, Self::Message { header, body, security }))
    }

    /// The element that a reference digests when it points at `referenced`.
    pub(crate) fn resolve(
        self,
        referenced: Element<'d>,
        transform: Transform,
    ) -> Result<Element<'d>, XmlError> {
        let is =
            |element: Option<Element<'d>>, other: Element<'d>| element.map(Element::id) == Some(other.id());
        let parent = referenced.parent();
        let mut target = referenced;
        let (allowed, expected) = match self {
            Self::Parent(own) => {
                (is(Some(own), referenced), "a reference to the element that carries the Signature")
            }
            Self::Message { header, body, security } => {
                let allowed = if transform == Transform::Token {
                    let key_info = parent.and_then(Element::parent).and_then(Element::parent);
                    let near = is(parent, security) || is(key_info, security);
                    let reference = near && referenced.is(SECURITY_TOKEN_REFERENCE);
                    if reference {
                        target = token(referenced)?;
                    }
                    reference && is(target.parent(), security)
                } else {
                    // The header block that holds the signature cannot be covered by it.
                    let holder = is(Some(security), referenced) || referenced.is(SIGNATURE);
                    let inside = is(parent, header) || is(parent, security);
                    is(Some(body), referenced) || (inside && !holder)
                };
                (allowed, "a reference to Body, a header block, a timestamp or a token")
            }
        };
        if allowed { Ok(target) } else { Err(target.error(Reason::ReferenceTarget, expected)) }
    }

    /// How many references there may be.
    pub(crate) fn check_count(self, at: Element<'_>, count: usize, budget: &Budget) -> Result<(), XmlError> {
        match (self, count) {
            (Self::Parent(_), 1) => Ok(()),
            (Self::Parent(_), _) => Err(at.error(Reason::Structure, "exactly one Reference")),
            (Self::Message { .. }, 0) => Err(at.error(Reason::Structure, "a Reference")),
            _ => budget.check_references(count).map_err(over(at, "fewer references")),
        }
    }

    /// Whether these transforms fit.
    pub(crate) fn allows(self, transform: Transform) -> bool {
        matches!(self, Self::Parent(_)) == (transform == Transform::Enveloped)
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
