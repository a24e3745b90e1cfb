//! `Unverified → Verified`, and back out with a refusal that can be explained.

use std::marker::PhantomData;

use chukei_crypto::{PublicKey, Sha256, UnixTime};
use chukei_reason::Reason;
use chukei_xml::{
    Budget, Canonical, Document, Element, Name, NodeId, Sink, XmlError, lexical::decode_base64,
};

use crate::{
    diagnosis::Diagnosis,
    locate::{Located, Shape},
    message,
    names::*,
    structure::{Reference, SignatureStructure, Transform, certificates, single},
    trust::{Claimed, TrustStore, TrustedKey},
};

/// A value that is read from signed bytes.
pub trait FromSigned: Sized {
    /// Reads the value. All that is visible through `signed` was covered by a valid signature.
    ///
    /// # Errors
    /// `Schema`, `Coverage` or whatever the value demands.
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError>;
}

/// What a signature covered, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'d> {
    element: Element<'d>,
    parts: &'d [NodeId],
}

impl<'d> Signed<'d> {
    /// The signed element, without its signature. Of a SOAP message use [`Self::part`].
    ///
    /// # Errors
    /// `Coverage` for a SOAP message, which is not signed as a whole.
    pub fn element(&self) -> Result<Element<'d>, XmlError> {
        if self.parts.is_empty() {
            return Ok(self.element);
        }
        Err(self.element.error(Reason::Coverage, "parts, for the envelope itself is not signed"))
    }

    /// The header block, security token, timestamp or Body of this name, if the message has it.
    ///
    /// # Errors
    /// `Coverage` when it is there but was not signed, `Structure` when it is there twice.
    pub fn part(&self, name: Name) -> Result<Option<Element<'d>>, XmlError> {
        let envelope = self.element;
        let header = envelope.elements().find(|child| child.is(HEADER));
        let security = header.and_then(|header| header.elements().find(|child| child.is(SECURITY)));
        let mut found = None;
        for parent in [Some(envelope), header, security].into_iter().flatten() {
            if let Some(part) = single(parent, name)?
                && found.replace(part).is_some()
            {
                return Err(part.error(Reason::Structure, format!("one {name}")));
            }
        }
        match found {
            Some(part) if self.parts.binary_search(&part.id()).is_err() => {
                Err(part.error(Reason::Coverage, format!("a signature that covers {name}")))
            }
            found => Ok(found),
        }
    }
}

/// A message whose signatures stand where they belong; nothing is known about its origin, nothing can be read.
#[must_use]
#[derive(Debug)]
pub struct Unverified<T> {
    located: Located,
    value: PhantomData<fn() -> T>,
}

/// A message that was refused after its structure was found right.
#[derive(Debug)]
pub struct Refusal {
    error: XmlError,
    located: Located,
}

/// A value that was read from bytes which a trusted key has signed. Not yet known to be for us, fresh or first.
#[must_use]
#[derive(Debug)]
pub struct Verified<T> {
    value: T,
    signer: String,
    key: [u8; 32],
    _signature: SignatureVerified,
}

/// Proof that a signature was verified. Made in one place.
#[derive(Debug)]
struct SignatureVerified(());

impl SignatureVerified {
    const fn assertion() -> Self {
        Self(())
    }
}

impl<T> Verified<T> {
    /// The value.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// The entity whose key signed.
    #[must_use]
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// SHA-256 of the SubjectPublicKeyInfo of the key that signed; to be compared with the TLS client's.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The value alone; from here on it no longer says that it was signed.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T: FromSigned> Unverified<T> {
    /// Checks where signatures stand and how they are built.
    ///
    /// # Errors
    /// `RootElement`, `AssertionCount`, `Order`, `SignaturePosition`, `Unsigned`, `Structure`, `Algorithm`,
    /// `Transform`, `ReferenceUri`, `ReferenceTarget`, `DuplicateId`, `Base64`, `KeyInfo`, `C14n`, limits.
    pub fn locate(document: Document, shape: &Shape, budget: &mut Budget) -> Result<Self, XmlError> {
        Located::find(document, shape, budget).map(|located| Self { located, value: PhantomData })
    }

    /// The signer that the message names: `saml:Issuer`, or `sb:Sender` of a SOAP message.
    #[must_use]
    pub fn claimed_signer(&self) -> Option<Claimed<'_>> {
        let document = &self.located.document;
        claimed_signer(document, document.element(self.located.target)?).map(Claimed)
    }

    /// Checks digests and signatures with the keys of the signer that the message names, and reads the value.
    ///
    /// # Errors
    /// `Key`, `Digest`, `Signature`, `C14n`, limits; and what reading the value demands.
    pub fn verify(
        self,
        trust: &TrustStore,
        at: UnixTime,
        budget: &mut Budget,
    ) -> Result<Verified<T>, Box<Refusal>> {
        self.verify_signer(None, trust, at, budget)
    }

    /// As [`Self::verify`], with the keys of a signer that the caller knows: metadata names its subject, not its signer.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_by(
        self,
        signer: &str,
        trust: &TrustStore,
        at: UnixTime,
        budget: &mut Budget,
    ) -> Result<Verified<T>, Box<Refusal>> {
        self.verify_signer(Some(signer), trust, at, budget)
    }

    fn verify_signer(
        self,
        signer: Option<&str>,
        trust: &TrustStore,
        at: UnixTime,
        budget: &mut Budget,
    ) -> Result<Verified<T>, Box<Refusal>> {
        match check_and_read(&self.located, signer, trust, at, budget) {
            Ok(verified) => Ok(verified),
            Err(error) => Err(Box::new(Refusal { error, located: self.located })),
        }
    }
}

impl Refusal {
    /// Why it was refused.
    #[must_use]
    pub const fn error(&self) -> &XmlError {
        &self.error
    }

    /// The ground for refusal.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.error.reason()
    }

    /// Finds out, by trying, what probably went wrong. For people, never for a decision; does work without budget.
    #[must_use]
    pub fn diagnose(&self, trust: &TrustStore) -> Diagnosis {
        Diagnosis::of(self, &self.located, trust)
    }
}

pub(crate) fn claimed_signer<'d>(document: &'d Document, signed: Element<'d>) -> Option<&'d str> {
    if signed.is(ENVELOPE) || signed.is(SECURITY) {
        return message::sender(document);
    }
    signed.elements().find(|child| child.is(ISSUER)).and_then(|issuer| issuer.text().ok())
}

fn check_and_read<T: FromSigned>(
    located: &Located,
    signer: Option<&str>,
    trust: &TrustStore,
    at: UnixTime,
    budget: &mut Budget,
) -> Result<Verified<T>, XmlError> {
    let document = &located.document;
    let mut first = None;
    for signature in &located.signatures {
        let key = check(document, signature, signer, trust, at, budget)?;
        first.get_or_insert(key);
    }
    let root = document.root();
    let (Some((signer, key)), Some(signature)) = (first, located.signatures.first()) else {
        return Err(root.error(Reason::Internal, "a located signature"));
    };
    let target = document.element(located.target).unwrap_or(root).without(signature.node);
    let value = T::read(&Signed { element: target, parts: &located.parts })?;
    Ok(Verified {
        value,
        signer: signer.to_owned(),
        key: key.spki_sha256(),
        _signature: SignatureVerified::assertion(),
    })
}

/// XML Signature 1.1 §3.2, the signature first: what a stranger says is to be digested is not yet worth digesting.
fn check<'a>(
    document: &'a Document,
    signature: &SignatureStructure,
    signer: Option<&'a str>,
    trust: &'a TrustStore,
    at: UnixTime,
    budget: &mut Budget,
) -> Result<(&'a str, &'a PublicKey), XmlError> {
    let element = element(document, signature.node)?;
    let signed =
        if element.parent().is_some_and(|p| p.is(SECURITY)) { document.root() } else { parent(element)? };
    let named = signer.or_else(|| claimed_signer(document, signed));
    let signer = named.ok_or_else(|| signed.error(Reason::Key, "the name of the signer"))?;
    let candidates = trust.candidates(signer, signature.algorithm, at);
    let untrusted = || element.error(Reason::Key, "a signature by a trusted key of the named signer");
    candidates.clone().next().ok_or_else(untrusted)?;

    let shown = |key: &TrustedKey| hints(document, signature).any(|hint| key.is_shown_as(hint));
    for hint in hints(document, signature) {
        let known = candidates.clone().any(|key| key.is_shown_as(hint));
        if !known && decode_base64(hint).is_none() {
            return Err(element.error(Reason::Base64, "canonical base64 as certificate"));
        }
    }
    let signed_info = digest(canonical_signed_info(document, signature)?, element, budget)?;
    let hinted = candidates.clone().filter(|key| shown(key));
    let mut key = None;
    for candidate in hinted.chain(candidates.clone().filter(|key| !shown(key))) {
        budget
            .pay_operation()
            .map_err(|kind| element.error(Reason::Limit(kind), "fewer signatures to verify"))?;
        if candidate.key().verify(signature.algorithm, &signed_info, &signature.value).is_ok() {
            key = Some(candidate.key());
            break;
        }
    }
    let stranger = || hints(document, signature).next().is_some() && !candidates.clone().any(shown);
    let Some(key) = key else {
        let expected = "a signature value made by the signer's key over SignedInfo";
        return Err(if stranger() { untrusted() } else { element.error(Reason::Signature, expected) });
    };
    for reference in &signature.references {
        let at = self::element(document, reference.node)?;
        if digest(canonical(document, signature, reference)?, at, budget)? != reference.digest
            && !key.skips_digest()
        {
            return Err(at.error(Reason::Digest, "the digest of the referenced element as it stands here"));
        }
    }
    Ok((signer, key))
}

/// Certificates that the message shows for this signature.
pub(crate) fn hints<'d>(
    document: &'d Document,
    signature: &SignatureStructure,
) -> impl Iterator<Item = &'d str> {
    let key_info = signature.key_info.and_then(|node| document.element(node));
    let inline = key_info.into_iter().flat_map(certificates).filter_map(|shown| shown.text().ok());
    inline.chain(key_info.and_then(message::shown_token))
}

/// What a reference digests.
pub(crate) fn canonical<'d>(
    document: &'d Document,
    signature: &SignatureStructure,
    reference: &Reference,
) -> Result<Canonical<'d>, XmlError> {
    let form = document.canonical(element(document, reference.target)?);
    let form = match reference.transform {
        Transform::Enveloped => form.omit(signature.node),
        Transform::Plain => form,
        Transform::Token => form.with_apex_default(),
    };
    with_prefixes(form, document, reference.prefixes)
}

/// What is signed.
pub(crate) fn canonical_signed_info<'d>(
    document: &'d Document,
    signature: &SignatureStructure,
) -> Result<Canonical<'d>, XmlError> {
    let form = document.canonical(element(document, signature.signed_info)?);
    with_prefixes(form, document, signature.prefixes)
}

fn with_prefixes<'d>(
    form: Canonical<'d>,
    document: &'d Document,
    prefixes: Option<NodeId>,
) -> Result<Canonical<'d>, XmlError> {
    match prefixes {
        None => Ok(form),
        Some(node) => form.inclusive(element(document, node)?.attribute("PrefixList").unwrap_or_default()),
    }
}

fn digest(form: Canonical<'_>, at: Element<'_>, budget: &mut Budget) -> Result<[u8; 32], XmlError> {
    let mut sink = Digesting::up_to(budget.canonical_left());
    form.write_to(&mut sink);
    budget
        .pay_canonical(sink.octets)
        .map_err(|kind| at.error(Reason::Limit(kind), "a shorter canonical form"))?;
    Ok(sink.finish())
}

/// Hashes what is put into it, and takes no more than it was told.
pub(crate) struct Digesting {
    hash: Sha256,
    octets: u64,
    most: u64,
}

impl Digesting {
    pub(crate) fn up_to(most: u64) -> Self {
        Self { hash: Sha256::new(), octets: 0, most }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.hash.finish()
    }
}

impl Sink for Digesting {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.octets = self.octets.saturating_add(bytes.len() as u64);
        self.hash.update(bytes);
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.octets > self.most
    }
}

pub(crate) fn element(document: &Document, node: NodeId) -> Result<Element<'_>, XmlError> {
    document.element(node).ok_or_else(|| document.root().error(Reason::Internal, "an element"))
}

fn parent(element: Element<'_>) -> Result<Element<'_>, XmlError> {
    element.parent().ok_or_else(|| element.error(Reason::Internal, "a parent"))
}
