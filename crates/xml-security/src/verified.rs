//! `Unverified → Verified`, and back out with a refusal that can be explained.

use std::marker::PhantomData;

use chukei_crypto::{PublicKey, Sha256, UnixTime};
use chukei_reason::Reason;
use chukei_xml::{
    Budget, Canonical, Document, Element, Name, NodeId, Sink, XmlError, lexical::decode_base64,
};

use crate::{
    locate::{Located, Shape},
    message,
    names::*,
    structure::{SignatureStructure, element, over, single, structure},
    trust::{TrustStore, TrustedKey},
};

/// A value that is read from signed bytes.
pub trait FromSigned: Sized {
    /// Reads the value. All that is visible through `signed` was covered by a valid signature.
    ///
    /// # Errors
    /// `Schema`, `Coverage` or whatever the value demands.
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError>;
}

/// What valid signatures covered, and nothing else: from what it gives, no way leads to anything around it.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'d> {
    located: &'d Located,
    proven: &'d [Proven<'d>],
}

/// An element whose signature was verified, and by whose key.
#[derive(Clone, Copy, Debug)]
struct Proven<'d> {
    element: NodeId,
    signature: NodeId,
    signer: &'d str,
}

impl<'d> Signed<'d> {
    /// The signed element, without its signature. Of a SOAP message, which is not signed as a whole, use the parts.
    ///
    /// # Errors
    /// `Coverage` for a SOAP message.
    pub fn element(&self) -> Result<Element<'d>, XmlError> {
        let found = self.view(self.located.target);
        found.ok_or_else(|| {
            self.envelope().error(Reason::Coverage, "parts, for the envelope itself is not signed")
        })
    }

    /// The root element around the signed child, if it carried a signature too.
    pub fn root(&self) -> Option<Element<'d>> {
        self.view(self.envelope().id())
    }

    /// An assertion inside what is visible, without its own signature, and the entity that signed it; `None` when it
    /// carries no signature of its own, and then it says only what the sender of the message claims.
    pub fn assertion(&self, assertion: Element<'_>) -> Option<(Element<'d>, &'d str)> {
        let proven = self.proven.iter().find(|proven| proven.element == assertion.id())?;
        assertion.belongs_to(&self.located.document).then_some(())?;
        self.view(proven.element).map(|element| (element, proven.signer))
    }

    /// Body of a SOAP message.
    ///
    /// # Errors
    /// `Coverage` when it was not signed.
    pub fn body(&self) -> Result<Element<'d>, XmlError> {
        let body = self.part(Some(self.envelope()), BODY)?;
        body.ok_or_else(|| self.envelope().error(Reason::Coverage, "a Body"))
    }

    /// The header block of this name, if the message has it.
    ///
    /// # Errors
    /// `Coverage` when it is there but was not signed, `Structure` when it is there twice.
    pub fn header(&self, name: Name) -> Result<Option<Element<'d>>, XmlError> {
        self.part(single(self.envelope(), HEADER)?, name)
    }

    /// The timestamp or token of this name in `wsse:Security`, if the message has it.
    ///
    /// # Errors
    /// As [`Self::header`].
    pub fn security(&self, name: Name) -> Result<Option<Element<'d>>, XmlError> {
        let header = single(self.envelope(), HEADER)?;
        self.part(header.map(|header| single(header, SECURITY)).transpose()?.flatten(), name)
    }

    fn part(&self, parent: Option<Element<'d>>, name: Name) -> Result<Option<Element<'d>>, XmlError> {
        let Some(part) = parent.map(|parent| single(parent, name)).transpose()?.flatten() else {
            return Ok(None);
        };
        if self.located.parts.binary_search(&part.id()).is_err() {
            return Err(part.error(Reason::Coverage, format!("a signature that covers {name}")));
        }
        Ok(Some(part.confined(None)))
    }

    fn envelope(&self) -> Element<'d> {
        self.located.document.root()
    }

    fn view(&self, node: NodeId) -> Option<Element<'d>> {
        let proven = self.proven.iter().find(|proven| proven.element == node)?;
        Some(self.located.document.element(node)?.confined(Some(proven.signature)))
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
    /// The signer that the caller named.
    signer: Option<String>,
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

impl<T> Verified<T> {
    /// The value.
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// The entity whose key signed.
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// SHA-256 of the SubjectPublicKeyInfo of the key that signed; to be compared with the TLS client's.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The value alone; from here on it no longer says that it was signed.
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
        let located = Located::find(document, shape, budget).map_err(structure)?;
        Ok(Self { located, value: PhantomData })
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
        self.verify_by(None, trust, at, budget)
    }

    /// As [`Self::verify`], with the keys of a signer that the caller knows: metadata names its subject, not its signer.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_by<'s>(
        self,
        signer: impl Into<Option<&'s str>>,
        trust: &TrustStore,
        at: UnixTime,
        budget: &mut Budget,
    ) -> Result<Verified<T>, Box<Refusal>> {
        let signer = signer.into();
        check_and_read(&self.located, signer, trust, at, budget).map_err(|error| {
            Box::new(Refusal { error, signer: signer.map(str::to_owned), located: self.located })
        })
    }
}

impl Refusal {
    /// Why it was refused.
    pub const fn error(&self) -> &XmlError {
        &self.error
    }

    /// The ground for refusal.
    pub const fn reason(&self) -> Reason {
        self.error.reason()
    }

    /// The refused message, to tell people what is wrong with it.
    pub const fn document(&self) -> &Document {
        &self.located.document
    }

    /// Its signatures, right in structure and nothing else.
    pub fn signatures(&self) -> &[SignatureStructure] {
        &self.located.signatures
    }

    /// The signer that the caller named, or else the message names for this signature.
    pub fn named_signer(&self, signature: &SignatureStructure) -> Option<&str> {
        let signed = || self.document().element(signature.node)?.parent();
        self.signer.as_deref().or_else(|| claimed_signer(self.document(), signed()?))
    }
}

/// The signer that the message names: `saml:Issuer`, or `sb:Sender` of a SOAP message. Good for choosing candidate keys.
fn claimed_signer<'d>(document: &'d Document, signed: Element<'d>) -> Option<&'d str> {
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
    let root = document.root();
    let mut proven = Vec::with_capacity(located.signatures.len());
    let mut first = None;
    for signature in &located.signatures {
        let node = element(document, signature.node)?;
        let signed = node.parent().filter(|parent| !parent.is(SECURITY)).unwrap_or(root);
        // A signer that the caller names is that of what is read, not of what comes along in a message.
        let own = signed.id() == located.target;
        let named = signer.filter(|_| own).or_else(|| claimed_signer(document, signed));
        let signer = named.ok_or_else(|| signed.error(Reason::Key, "the name of the signer"))?;
        let key = check(document, signature, signer, trust, at, budget)?;
        let (by, _) = *first.get_or_insert((signer, key));
        if located.parts.is_empty() && by != signer {
            return Err(signed.error(Reason::Key, "signatures of one and the same signer"));
        }
        // The envelope of a SOAP message carries no signature of its own.
        if located.parts.is_empty() || !own {
            proven.push(Proven { element: signed.id(), signature: signature.node, signer });
        }
    }
    let (signer, key) = first.ok_or_else(|| root.error(Reason::Internal, "a located signature"))?;
    let value = T::read(&Signed { located, proven: &proven })?;
    Ok(Verified {
        value,
        signer: signer.to_owned(),
        key: key.spki_sha256(),
        _signature: SignatureVerified(()),
    })
}

/// XML Signature 1.1 §3.2, the signature first: what a stranger says is to be digested is not yet worth digesting.
fn check<'a>(
    document: &Document,
    signature: &SignatureStructure,
    signer: &str,
    trust: &'a TrustStore,
    at: UnixTime,
    budget: &mut Budget,
) -> Result<&'a PublicKey, XmlError> {
    let own = element(document, signature.node)?;
    let mut candidates = trust.candidates(signer, signature.algorithm, at);
    let untrusted = || own.error(Reason::Key, "a signature by a trusted key of the named signer");
    if candidates.is_empty() {
        return Err(untrusted());
    }
    let hints: Vec<&str> = signature.hints(document).collect();
    let shown = |key: &&TrustedKey| hints.iter().any(|hint| key.is_shown_as(hint));
    let known = |hint: &&str| candidates.iter().any(|key| key.is_shown_as(hint));
    if hints.iter().any(|hint| !known(hint) && decode_base64(hint).is_none()) {
        return Err(own.error(Reason::Base64, "canonical base64 as certificate"));
    }
    candidates.sort_by_key(|key| !shown(key));
    let signed_info = digest(signature.canonical_signed_info(document)?, own, budget)?;
    let mut key = None;
    for candidate in &candidates {
        budget.pay_operation().map_err(over(own, "fewer signatures to verify"))?;
        if candidate.key().verify(signature.algorithm, &signed_info, &signature.value).is_ok() {
            key = Some(candidate.key());
            break;
        }
    }
    let stranger = || !hints.is_empty() && !candidates.iter().any(shown);
    let Some(key) = key else {
        let expected = "a signature value made by the signer's key over SignedInfo";
        return Err(if stranger() { untrusted() } else { own.error(Reason::Signature, expected) });
    };
    for reference in &signature.references {
        let at = element(document, reference.node)?;
        let digest = digest(signature.canonical(document, reference)?, at, budget)?;
        if digest != reference.digest && !key.skips_digest() {
            return Err(at.error(Reason::Digest, "the digest of the referenced element as it stands here"));
        }
    }
    Ok(key)
}

fn digest(form: Canonical<'_>, at: Element<'_>, budget: &mut Budget) -> Result<[u8; 32], XmlError> {
    let mut sink = Digesting::up_to(budget.canonical_left());
    form.write_to(&mut sink);
    budget.pay_canonical(sink.octets).map_err(over(at, "a shorter canonical form"))?;
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
