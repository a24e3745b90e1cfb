//! How a mock party reads a message when one of its checks is switched off. Exists with the feature `danger-faults` only.
//!
//! It looks at the references that stand in the signature, and believes everything else: what some products do.

use chukei_crypto::{SignatureAlgorithm, UnixTime, sha256};
use chukei_reason::Reason;
use chukei_saml::{ASSERTION, Assertion, metadata::Federation};
use chukei_xml::{Budget, Document, Element, Name, Writer, XmlError, lexical::decode_base64, ns};
use chukei_xml_security::{Shape, Unverified};

use crate::{Checks, Receiver, names::*};

/// Sentences whose check is inside the verification of signatures and the reading of their parts.
const INSIDE: [&str; 10] = [
    "envelope.signature.relay",
    "message.body.one-child",
    "message.header.once",
    "message.security.for-receiver",
    "message.signature.covers",
    "message.soap.shape",
    "message.token.certificate",
    "metadata.certificate.window",
    "requester.answer.verified",
    "signature.value.verifies",
];

/// What a party believes that verifies too little.
#[derive(Clone, Copy)]
pub struct Lax<'d> {
    document: &'d Document,
    federation: &'d Federation,
    now: UnixTime,
    believes_assertions: bool,
    pub(crate) believes_any_body: bool,
}

impl<'d> Lax<'d> {
    pub(crate) fn wanted(checks: &Checks) -> bool {
        INSIDE.iter().any(|sentence| checks.skips(sentence))
    }

    pub(crate) fn verify(
        document: &'d Document,
        receiver: &Receiver<'d>,
        signer: &str,
    ) -> Result<Self, XmlError> {
        let checks = receiver.checks;
        let lax = Self {
            document,
            federation: receiver.federation,
            now: receiver.now,
            believes_assertions: checks.skips("envelope.signature.relay"),
            believes_any_body: checks.skips("message.body.one-child"),
        };
        if !checks.skips("signature.value.verifies") && !checks.skips("requester.answer.verified") {
            lax.check_signature(signer)?;
        }
        Ok(lax)
    }

    pub(crate) fn header(&self, name: Name) -> Option<Element<'d>> {
        first(first(self.document.root(), HEADER)?, name)
    }

    pub(crate) fn security(&self, name: Name) -> Option<Element<'d>> {
        first(self.header(SECURITY)?, name)
    }

    pub(crate) fn body(&self) -> Result<Element<'d>, XmlError> {
        let body = first(self.document.root(), BODY);
        body.ok_or_else(|| self.document.root().error(Reason::Soap, "a Body"))
    }

    pub(crate) fn assertion(&self, at: Element<'_>) -> Result<Assertion, XmlError> {
        let mut assertion = Assertion::read(at)?;
        if self.believes_assertions {
            assertion.signer = Some(assertion.issuer.clone());
        } else if first(at, SIGNATURE).is_some() {
            let mut budget = Budget::default();
            let alone = Writer::build(|w| {
                w.graft(at);
            })?;
            let unverified = Unverified::<Assertion>::locate(alone, &Shape::root(ASSERTION), &mut budget)?;
            let verified = unverified.verify(self.federation.trust(), self.now, &mut budget);
            assertion.signer = Some(verified.map_err(|refusal| refusal.error().clone())?.signer().to_owned());
        }
        Ok(assertion)
    }

    fn check_signature(&self, signer: &str) -> Result<(), XmlError> {
        let root = self.document.root();
        let wrong = |reason| move || root.error(reason, "a signature");
        let signature = self.security(SIGNATURE).ok_or_else(wrong(Reason::Unsigned))?;
        let part = |element, local| first(element, ns::DS.name(local)).ok_or_else(wrong(Reason::Structure));
        let signed_info = part(signature, "SignedInfo")?;
        let algorithm = part(signed_info, "SignatureMethod")?.attribute("Algorithm");
        let algorithm =
            algorithm.and_then(SignatureAlgorithm::from_uri).ok_or_else(wrong(Reason::Algorithm))?;
        let value =
            decode_base64(part(signature, "SignatureValue")?.text()?).ok_or_else(wrong(Reason::Base64))?;
        let digest = sha256(&self.document.canonical(signed_info).to_vec());
        let known = self.federation.entity(signer).ok_or_else(wrong(Reason::Key))?;
        let mut keys = known.certificates.iter().filter_map(|(_, certificate)| certificate.public_key().ok());
        if !keys.any(|key| key.verify(algorithm, &digest, &value).is_ok()) {
            return Err(wrong(Reason::Signature)());
        }
        for reference in signed_info.elements().filter(|child| child.is(ns::DS.name("Reference"))) {
            let id = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')).unwrap_or_default();
            let target = self.document.by_id(id).ok_or_else(wrong(Reason::ReferenceTarget))?;
            let form = if target.is(SECURITY_TOKEN_REFERENCE) {
                let named =
                    first(target, ns::WSSE.name("Reference")).and_then(|named| named.attribute("URI"));
                let token =
                    named.and_then(|uri| uri.strip_prefix('#')).and_then(|id| self.document.by_id(id));
                self.document.canonical(token.ok_or_else(wrong(Reason::ReferenceTarget))?).with_apex_default()
            } else {
                self.document.canonical(target)
            };
            let stated = decode_base64(part(reference, "DigestValue")?.text()?);
            if stated.as_deref() != Some(sha256(&form.to_vec()).as_slice()) {
                return Err(wrong(Reason::Digest)());
            }
        }
        Ok(())
    }
}

fn first(parent: Element<'_>, name: Name) -> Option<Element<'_>> {
    parent.elements().find(|child| child.is(name))
}
