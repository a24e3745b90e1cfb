//! The one shape of `ds:Signature`. Reads structure and algorithms; touches no key and digests nothing.
//!
//! XML Signature 1.1 §4; what is narrower than there is the standard's chapter on signatures.

use chukei_crypto::{DigestAlgorithm, SignatureAlgorithm};
use chukei_reason::{LimitKind, Reason};
use chukei_xml::{Budget, Canonical, Document, Element, Name, NodeId, XmlError, lexical};

use crate::{
    message::{self, Targets},
    names::*,
};

/// A signature whose structure is right. Places are those of the document that it was read from.
#[derive(Clone, Debug)]
pub struct SignatureStructure {
    /// `ds:Signature`.
    pub node: NodeId,
    signed_info: NodeId,
    /// `InclusiveNamespaces` of the canonicalisation of SignedInfo.
    prefixes: Option<NodeId>,
    /// `SignatureMethod`.
    pub algorithm: SignatureAlgorithm,
    /// Every `Reference`.
    pub references: Vec<Reference>,
    /// `SignatureValue`.
    pub value: Vec<u8>,
    key_info: Option<NodeId>,
}

/// A `ds:Reference` that points where it may.
#[derive(Clone, Debug)]
pub struct Reference {
    /// `ds:Reference`.
    pub node: NodeId,
    /// What is digested.
    pub target: NodeId,
    /// `InclusiveNamespaces` of the transform.
    pub prefixes: Option<NodeId>,
    transform: Transform,
    /// `DigestValue`.
    pub digest: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transform {
    /// Enveloped-signature, then exclusive canonicalisation.
    Enveloped,
    /// Exclusive canonicalisation.
    Plain,
    /// STR-Transform with exclusive canonicalisation; the target is the token, not its reference.
    Token,
}

impl Transform {
    pub(crate) fn apply(self, form: Canonical<'_>, signature: NodeId) -> Canonical<'_> {
        match self {
            Self::Enveloped => form.omit(signature),
            Self::Plain => form,
            Self::Token => form.with_apex_default(),
        }
    }
}

/// Deviations from the schema weigh as `Structure` inside a signature or a ciphertext.
pub(crate) fn structure(error: XmlError) -> XmlError {
    if error.reason() == Reason::Schema { error.with_reason(Reason::Structure) } else { error }
}

/// Makes the error of a limit that was passed.
pub(crate) fn over(at: Element<'_>, expected: &'static str) -> impl FnOnce(LimitKind) -> XmlError {
    move |kind| at.error(Reason::Limit(kind), expected)
}

impl SignatureStructure {
    pub(crate) fn read<'d>(
        signature: Element<'d>,
        targets: Targets<'d>,
        budget: &Budget,
    ) -> Result<Self, XmlError> {
        // Comments are not digested; inside a signature they have only ever served attackers (CVE-2025-29775).
        if signature.has_comment() {
            return Err(signature.error(Reason::Structure, "no comment inside a Signature"));
        }
        signature.only_attributes(&["Id"])?;
        let mut children = signature.children();
        let signed_info = children.required(SIGNED_INFO)?;
        let value = children.required(SIGNATURE_VALUE)?;
        let key_info = children.optional(KEY_INFO)?;
        children.finish()?;

        signed_info.only_attributes(&["Id"])?;
        let mut parts = signed_info.children();
        let method = parts.required(CANONICALIZATION_METHOD)?;
        let prefixes = canonicalization(method)?;
        let method = parts.required(SIGNATURE_METHOD)?;
        let algorithm =
            algorithm(method, SignatureAlgorithm::from_uri, "a signature algorithm of the standard")?;
        let (mut rest, mut count) = (parts.clone(), 0);
        while rest.optional(REFERENCE)?.is_some() {
            count += 1;
        }
        targets.check_count(signed_info, count, budget)?;
        let mut references = Vec::with_capacity(count);
        while let Some(reference) = parts.optional(REFERENCE)? {
            references.push(Reference::read(reference, signature, targets)?);
        }
        parts.finish()?;

        let value_octets = base64(value)?;
        if value_octets.is_empty() {
            return Err(value.error(Reason::Structure, "a signature value"));
        }
        if let Some(key_info) = key_info {
            check_key_info(key_info)?;
        }
        Ok(Self {
            node: signature.id(),
            signed_info: signed_info.id(),
            prefixes,
            algorithm,
            references,
            value: value_octets,
            key_info: key_info.map(Element::id),
        })
    }

    /// What is signed: the canonical form of SignedInfo.
    ///
    /// # Errors
    /// `C14n` for a prefix in its PrefixList that is not in scope.
    pub fn canonical_signed_info<'d>(&self, document: &'d Document) -> Result<Canonical<'d>, XmlError> {
        with_prefixes(document.canonical(element(document, self.signed_info)?), document, self.prefixes)
    }

    /// What one of its references digests.
    ///
    /// # Errors
    /// As [`Self::canonical_signed_info`].
    pub fn canonical<'d>(
        &self,
        document: &'d Document,
        reference: &Reference,
    ) -> Result<Canonical<'d>, XmlError> {
        let form = document.canonical(element(document, reference.target)?);
        with_prefixes(reference.transform.apply(form, self.node), document, reference.prefixes)
    }

    /// Certificates that the message shows for this signature, in base64. Nothing more is known about them.
    pub fn hints<'d>(&self, document: &'d Document) -> impl Iterator<Item = &'d str> + use<'d> {
        let key_info = self.key_info.and_then(|node| document.element(node));
        let inline = key_info.into_iter().flat_map(certificates).filter_map(|shown| shown.text().ok());
        inline.chain(key_info.and_then(message::shown_token))
    }
}

impl Reference {
    fn read<'d>(
        reference: Element<'d>,
        signature: Element<'d>,
        targets: Targets<'d>,
    ) -> Result<Self, XmlError> {
        reference.only_attributes(&["Id", "Type", "URI"])?;
        let uri = reference.attribute("URI");
        let fragment = uri.and_then(|uri| uri.strip_prefix('#')).filter(|id| lexical::is_ncname(id));
        let Some(id) = fragment else {
            return Err(reference.error(Reason::ReferenceUri, "URI=\"#\" and the identifier of an element"));
        };
        let mut children = reference.children();
        let transforms = children.optional(TRANSFORMS)?;
        let transforms = transforms.ok_or_else(|| reference.error(Reason::Transform, "Transforms"))?;
        let (transform, prefixes) = read_transforms(transforms)?;
        if !targets.allows(transform) {
            return Err(reference.error(Reason::Transform, "the transforms that belong to this place"));
        }
        let method = children.required(DIGEST_METHOD)?;
        let value = children.required(DIGEST_VALUE)?;
        children.finish()?;
        algorithm(method, DigestAlgorithm::from_uri, "a digest algorithm of the standard")?;
        let digest = base64(value)?.try_into();
        let digest = digest.map_err(|_| value.error(Reason::Digest, "a digest of 32 octets"))?;

        let referenced = signature.by_id(id).ok_or_else(|| {
            reference.error(Reason::ReferenceTarget, "the identifier of an element of this message")
        })?;
        let target = targets.resolve(referenced, transform)?;
        // Attributes that only look like identifiers must not give another reader another target (XML-35).
        if target.lookalike_ids(id) > 1 {
            let expected = "one identifier of this value in the signed element";
            return Err(reference.error(Reason::DuplicateId, expected));
        }
        Ok(Self { node: reference.id(), target: target.id(), prefixes, transform, digest })
    }
}

fn with_prefixes<'d>(
    form: Canonical<'d>,
    document: &'d Document,
    prefixes: Option<NodeId>,
) -> Result<Canonical<'d>, XmlError> {
    let Some(node) = prefixes else { return Ok(form) };
    form.inclusive(element(document, node)?.attribute("PrefixList").unwrap_or_default())
}

pub(crate) fn element(document: &Document, node: NodeId) -> Result<Element<'_>, XmlError> {
    document.element(node).ok_or_else(|| document.root().error(Reason::Internal, "an element"))
}

/// `Algorithm` must be exclusive canonicalisation; gives its `InclusiveNamespaces`.
fn canonicalization(method: Element<'_>) -> Result<Option<NodeId>, XmlError> {
    if method.attribute("Algorithm") != Some(EXC_C14N) {
        return Err(method.error(Reason::Algorithm, "exclusive canonicalisation without comments"));
    }
    inclusive_namespaces(method)
}

/// Exclusive XML Canonicalization 1.0 §3: at most one `InclusiveNamespaces`; the standard allows sixteen prefixes in it.
fn inclusive_namespaces(method: Element<'_>) -> Result<Option<NodeId>, XmlError> {
    method.only_attributes(&["Algorithm"])?;
    let mut children = method.children();
    let list = children.optional(INCLUSIVE_NAMESPACES)?;
    children.finish()?;
    if let Some(list) = list {
        list.only_attributes(&["PrefixList"])?;
        list.empty()?;
        if list.attribute("PrefixList").unwrap_or_default().split_ascii_whitespace().count() > 16 {
            return Err(list.error(Reason::C14n, "at most sixteen prefixes in PrefixList"));
        }
    }
    Ok(list.map(Element::id))
}

/// What `Algorithm` names, on an element with nothing else.
pub(crate) fn algorithm<T>(
    method: Element<'_>,
    from_uri: impl FnOnce(&str) -> Option<T>,
    expected: &'static str,
) -> Result<T, XmlError> {
    let algorithm = method.attribute("Algorithm").and_then(from_uri);
    let algorithm = algorithm.ok_or_else(|| method.error(Reason::Algorithm, expected))?;
    method.only_attributes(&["Algorithm"])?;
    method.empty()?;
    Ok(algorithm)
}

fn read_transforms(transforms: Element<'_>) -> Result<(Transform, Option<NodeId>), XmlError> {
    let refuse = |at: Element<'_>| {
        let uri = at.attribute("Algorithm").unwrap_or_default();
        let reason = if REFUSED_C14N.contains(&uri) { Reason::Algorithm } else { Reason::Transform };
        Err(at.error(
            reason,
            "enveloped-signature, then exclusive canonicalisation (or STR-Transform for a token)",
        ))
    };
    let mut children = transforms.children();
    let Some(first) = children.optional(TRANSFORM)? else { return refuse(transforms) };
    let second = children.optional(TRANSFORM)?;
    if let Some(more) = children.peek()? {
        return refuse(more);
    }
    let algorithm = |transform: Element<'_>| match transform.attribute("Algorithm") {
        Some(EXC_C14N) => Some(Transform::Plain),
        Some(ENVELOPED) => Some(Transform::Enveloped),
        Some(STR_TRANSFORM) => Some(Transform::Token),
        _ => None,
    };
    match (algorithm(first), second.map(|second| (second, algorithm(second)))) {
        (Some(Transform::Enveloped), Some((c14n, Some(Transform::Plain)))) => {
            first.only_attributes(&["Algorithm"])?;
            first.empty()?;
            Ok((Transform::Enveloped, inclusive_namespaces(c14n)?))
        }
        (Some(Transform::Plain), None) => Ok((Transform::Plain, inclusive_namespaces(first)?)),
        (Some(Transform::Token), None) => {
            first.only_attributes(&["Algorithm"])?;
            let parameters = first.only(TRANSFORMATION_PARAMETERS)?;
            Ok((Transform::Token, canonicalization(parameters.only(CANONICALIZATION_METHOD)?)?))
        }
        (Some(_), Some((second, _))) => refuse(second),
        _ => refuse(first),
    }
}

/// What would have us fetch, derive or follow something, or what we do not know, is no hint.
pub(crate) fn check_key_info(key_info: Element<'_>) -> Result<(), XmlError> {
    if key_info.elements().next().is_none() {
        return Err(key_info.error(Reason::Structure, "a hint in KeyInfo"));
    }
    for child in key_info.elements() {
        if child.is(SECURITY_TOKEN_REFERENCE) {
            // A direct reference stays within the message; other forms are hints that we do not use.
            let leaves = |form: &Element<'_>| {
                form.is(TOKEN_EMBEDDED) || (form.is(TOKEN_REFERENCE) && message::token(child).is_err())
            };
            if let Some(form) = child.elements().find(leaves) {
                return Err(form.error(Reason::KeyInfo, "a token of this message, by identifier"));
            }
        } else if !HINTS.iter().any(|hint| child.is(*hint)) {
            return Err(child.error(Reason::KeyInfo, "a certificate, a name or a token of this message"));
        }
    }
    certificates(key_info).try_for_each(|shown| shown.text().map(|_| ()))
}

/// `X509Certificate` elements of a `KeyInfo`.
pub(crate) fn certificates(key_info: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    let data = key_info.elements().filter(|child| child.is(X509_DATA));
    data.flat_map(|data| data.elements().filter(|child| child.is(X509_CERTIFICATE)))
}

/// Octets of an element that holds base64 and nothing else.
pub(crate) fn base64(element: Element<'_>) -> Result<Vec<u8>, XmlError> {
    element.only_attributes(&["Id"])?;
    let text = element.text()?;
    lexical::decode_base64(text).ok_or_else(|| element.error(Reason::Base64, "canonical base64"))
}

/// The child of this name, which must be the only one of it.
pub(crate) fn single<'d>(parent: Element<'d>, name: Name) -> Result<Option<Element<'d>>, XmlError> {
    let mut same = parent.elements().filter(|child| child.is(name));
    match (same.next(), same.next()) {
        (first, None) => Ok(first),
        (_, Some(second)) => Err(second.error(Reason::Structure, format!("one {name}"))),
    }
}
