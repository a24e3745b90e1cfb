//! Where signatures stand, and where they must. Everything here happens before any key is touched.

use chukei_reason::Reason;
use chukei_xml::{Budget, Document, Element, Name, NodeId, XmlError};

use crate::{
    message::Targets,
    names::*,
    structure::{SignatureStructure, single},
};

/// Which element of a message is read, and which signatures it has to carry.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    root: Name,
    child: Option<Name>,
    signed_root: bool,
}

impl Shape {
    /// The root element carries a signature and is read: an assertion, a request, metadata.
    pub const fn root(name: Name) -> Self {
        Self { root: name, child: None, signed_root: true }
    }

    /// The root element holds exactly one `child`, which carries a signature and is read: an assertion in a Response.
    /// The root may carry a signature too; then both must verify.
    pub const fn child(root: Name, child: Name) -> Self {
        Self { root, child: Some(child), signed_root: false }
    }

    /// As [`Self::child`], and the root has to carry a signature too.
    pub const fn both(root: Name, child: Name) -> Self {
        Self { root, child: Some(child), signed_root: true }
    }

    /// A SOAP message with one signature over Body, header blocks and tokens (WSS SOAP Message Security 1.1 §8).
    pub const fn message() -> Self {
        Self { root: ENVELOPE, child: None, signed_root: false }
    }
}

/// A document whose signatures are where they belong and have the right structure.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) document: Document,
    /// What is read.
    pub(crate) target: NodeId,
    /// The target's signature first.
    pub(crate) signatures: Vec<SignatureStructure>,
    /// Elements that the signature of a SOAP message covers; empty otherwise.
    pub(crate) parts: Vec<NodeId>,
}

impl Located {
    /// Deviations from the schema are the caller's to weigh.
    pub(crate) fn find(document: Document, shape: &Shape, budget: &mut Budget) -> Result<Self, XmlError> {
        let root = document.root();
        if !root.is(shape.root) {
            let sealed = root.is(ENCRYPTED_DATA) || root.is(ENCRYPTED_ASSERTION);
            let reason = if sealed { Reason::Order } else { Reason::RootElement };
            return Err(root.error(reason, format!("{} as root element", shape.root)));
        }
        if shape.root == ENVELOPE {
            return Self::find_message(document, budget);
        }
        let target = match shape.child {
            None => root,
            Some(name) => only_child(root, name)?,
        };
        for signature in document.signatures() {
            check_position(signature, &[target, root])?;
        }
        let mut signatures = Vec::with_capacity(1);
        let around = shape.child.map(|_| (root, shape.signed_root));
        for (element, required) in std::iter::once((target, true)).chain(around) {
            match element.elements().find(|child| child.is(SIGNATURE)) {
                Some(signature) => {
                    signatures.push(SignatureStructure::read(signature, Targets::Parent(element), budget)?);
                }
                None if required => {
                    let expected = format!("a Signature in {}", element.qualified());
                    return Err(element.error(Reason::Unsigned, expected));
                }
                None => {}
            }
        }
        let target = target.id();
        Ok(Self { document, target, signatures, parts: Vec::new() })
    }

    fn find_message(document: Document, budget: &Budget) -> Result<Self, XmlError> {
        let root = document.root();
        let (security, targets) = Targets::of_message(root)?;
        let own = single(security, SIGNATURE)?;
        let own = own.ok_or_else(|| security.error(Reason::Unsigned, "a Signature in wsse:Security"))?;
        let message = SignatureStructure::read(own, targets, budget)?;
        let mut parts: Vec<NodeId> = message.references.iter().map(|reference| reference.target).collect();
        let mut signatures = vec![message];
        for signature in document.signatures().filter(|signature| signature.id() != own.id()) {
            // Assertions in the message bring their own signatures along.
            let assertion = signature.parent().filter(|parent| parent.is(ASSERTION));
            check_position(signature, assertion.as_slice())?;
            let parent = assertion.unwrap_or(own);
            signatures.push(SignatureStructure::read(signature, Targets::Parent(parent), budget)?);
        }
        parts.sort_unstable();
        if !parts.is_sorted_by(|a, b| a < b) {
            return Err(root.error(Reason::Structure, "each part signed once"));
        }
        let target = root.id();
        Ok(Self { document, target, signatures, parts })
    }
}

/// Exactly one child of this name; an encrypted one counts, and is the wrong order of signing and sealing.
fn only_child(root: Element<'_>, name: Name) -> Result<Element<'_>, XmlError> {
    let counts = |child: &Element<'_>| child.is(name) || (name == ASSERTION && child.is(ENCRYPTED_ASSERTION));
    let mut children = root.elements().filter(counts);
    match (children.next(), children.next()) {
        (Some(child), None) if child.is(name) => Ok(child),
        (Some(sealed), None) => Err(sealed.error(Reason::Order, format!("{name}, signed and in clear"))),
        (_, Some(second)) => Err(second.error(Reason::AssertionCount, format!("exactly one {name}"))),
        (None, None) => Err(root.error(Reason::AssertionCount, format!("exactly one {name}"))),
    }
}

/// SAML 2.0 core §5.4.1, metadata §3.1: the signature stands right after the issuer, or first where there is none.
fn check_position(signature: Element<'_>, signable: &[Element<'_>]) -> Result<(), XmlError> {
    let wrong = || signature.error(Reason::SignaturePosition, "a Signature only where the schema has one");
    let parent =
        signature.parent().filter(|parent| signable.iter().any(|element| element.id() == parent.id()));
    let parent = parent.ok_or_else(wrong)?;
    let count = |name| parent.elements().filter(|child| child.is(name)).take(2).count();
    if count(SIGNATURE) > 1 {
        return Err(signature.error(Reason::Structure, "one Signature in an element"));
    }
    let mut before = parent.elements().take_while(|child| child.id() != signature.id());
    match (before.next(), before.next()) {
        (None, _) if count(ISSUER) == 0 => Ok(()),
        (Some(issuer), None) if issuer.is(ISSUER) => Ok(()),
        _ => Err(wrong()),
    }
}
