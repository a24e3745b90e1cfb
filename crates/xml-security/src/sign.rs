//! Making signatures: build the message with places for digests and value, fill them in, write once.

use chukei_crypto::{Certificate, DigestAlgorithm, Signer};
use chukei_reason::Reason;
use chukei_xml::{Canonical, Document, Name, NodeId, Writer, XmlError};

use crate::{names::*, structure::Transform, verified::Digesting};

/// A key to sign with, and the certificate to show as a hint.
#[derive(Clone, Copy)]
pub struct Signing<'k> {
    signer: &'k dyn Signer,
    certificate: Option<&'k Certificate>,
}

/// A part of a SOAP message that is signed, by identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'p> {
    /// Body, a header block, the timestamp or a token.
    Element(&'p str),
    /// A token through a `SecurityTokenReference`, which has the first identifier; the token has the second.
    Token(&'p str, &'p str),
}

/// Where in a message its signatures go.
pub struct Slot<'k> {
    signing: Signing<'k>,
    pending: Vec<Pending>,
}

struct Pending {
    is_message: bool,
    signature: NodeId,
    signed_info: NodeId,
    value: NodeId,
    /// Identifier of what is digested, how, and the place of the digest.
    digests: Vec<(String, Transform, NodeId)>,
}

impl<'k> Signing<'k> {
    /// Signs with this key and shows no certificate.
    pub const fn new(signer: &'k dyn Signer) -> Self {
        Self { signer, certificate: None }
    }

    /// Shows this certificate in `ds:KeyInfo`.
    #[must_use]
    pub const fn with_certificate(mut self, certificate: &'k Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Builds and signs a document.
    ///
    /// ```
    /// use chukei_crypto::{KeyKind, PrivateKey, SignatureAlgorithm, UnixTime};
    /// use chukei_xml::{Budget, Document, XmlError, ns};
    /// use chukei_xml_security::*;
    ///
    /// struct Issuer(String);
    /// impl FromSigned for Issuer {
    ///     fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
    ///         let issuer = signed.element()?.children().required(ns::SAML.name("Issuer"))?;
    ///         Ok(Self(issuer.text()?.to_owned()))
    ///     }
    /// }
    ///
    /// let key = PrivateKey::generate(KeyKind::P256)?;
    /// let signer = key.signer(SignatureAlgorithm::EcdsaSha256)?;
    /// let assertion = ns::SAML.name("Assertion");
    /// let document = Signing::new(&signer).document(|w, slot| {
    ///     w.open(assertion).attribute("ID", "_1");
    ///     w.element(ns::SAML.name("Issuer"), "https://relay.example.test/");
    ///     slot.enveloped(w, "_1");
    ///     w.close();
    /// })?;
    ///
    /// let mut trust = TrustStore::new();
    /// trust.add("https://relay.example.test/", TrustedKey::new(key.public_key().clone()));
    /// let mut budget = Budget::default();
    /// let received = Document::parse_within(document.write(), &mut budget)?;
    /// let unverified = Unverified::<Issuer>::locate(received, &Shape::root(assertion), &mut budget)?;
    /// let verified = unverified.verify(&trust, UnixTime(1_800_000_000), &mut budget).map_err(|r| r.error().clone())?;
    /// assert_eq!(verified.get().0, verified.signer());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the [`Writer`] refuses; `ReferenceTarget` for an identifier that the document does not have; `Internal`
    /// when the key does not sign.
    pub fn document(
        &self,
        content: impl FnOnce(&mut Writer<'_>, &mut Slot<'k>),
    ) -> Result<Document, XmlError> {
        let mut slot = Slot { signing: *self, pending: Vec::new() };
        let mut document = Writer::build(|w| content(w, &mut slot))?;
        // What stands inside is signed before what stands around it; a message signature may stand before its parts.
        slot.pending.reverse();
        slot.pending.sort_by_key(|pending| pending.is_message);
        for pending in &slot.pending {
            pending.fill(&mut document, self.signer)?;
        }
        Ok(document)
    }
}

impl Slot<'_> {
    /// Writes the signature of the element that is open and has this identifier. Call it at the schema's place:
    /// after `saml:Issuer`, or first.
    pub fn enveloped(&mut self, w: &mut Writer<'_>, id: &str) {
        self.open(w, false, std::iter::once((id, id, Transform::Enveloped)));
        if let Some(certificate) = self.signing.certificate {
            w.open(KEY_INFO).open(X509_DATA);
            w.open(X509_CERTIFICATE).base64(certificate.der()).close().close().close();
        }
        w.close();
    }

    /// Writes the signature of a SOAP message over these parts, inside the open `wsse:Security`. The key is named by
    /// a `SecurityTokenReference` with the identifier `reference` to the token with the identifier `token`.
    pub fn message(&mut self, w: &mut Writer<'_>, parts: &[Part<'_>], reference: &str, token: &str) {
        let parts = parts.iter().map(|part| match *part {
            Part::Element(id) => (id, id, Transform::Plain),
            Part::Token(reference, token) => (reference, token, Transform::Token),
        });
        self.open(w, true, parts);
        w.open(KEY_INFO).open(SECURITY_TOKEN_REFERENCE).attribute_in(WSU_ID, reference);
        w.open(TOKEN_REFERENCE).attribute("URI", &["#", token].concat()).attribute("ValueType", X509_V3);
        w.close().close().close().close();
    }

    /// Writes the signer's certificate as a token with this identifier, inside the open `wsse:Security`.
    pub fn token(&self, w: &mut Writer<'_>, id: &str) {
        if let Some(certificate) = self.signing.certificate {
            w.open(BINARY_SECURITY_TOKEN).attribute("EncodingType", BASE64_BINARY);
            w.attribute("ValueType", X509_V3).attribute_in(WSU_ID, id);
            w.base64(certificate.der()).close();
        }
    }

    /// Everything before `KeyInfo`. Each part: the identifier to refer to, that of what is digested, and how.
    fn open<'p>(
        &mut self,
        w: &mut Writer<'_>,
        is_message: bool,
        parts: impl Iterator<Item = (&'p str, &'p str, Transform)>,
    ) {
        let signature = w.open_at(SIGNATURE);
        let signed_info = w.open_at(SIGNED_INFO);
        empty(w, CANONICALIZATION_METHOD, EXC_C14N);
        empty(w, SIGNATURE_METHOD, self.signing.signer.algorithm().uri());
        let mut digests = Vec::with_capacity(1);
        for (uri, target, transform) in parts {
            w.open(REFERENCE).attribute("URI", &["#", uri].concat()).open(TRANSFORMS);
            if transform == Transform::Enveloped {
                empty(w, TRANSFORM, ENVELOPED);
            }
            if transform == Transform::Token {
                w.open(TRANSFORM).attribute("Algorithm", STR_TRANSFORM).open(TRANSFORMATION_PARAMETERS);
                empty(w, CANONICALIZATION_METHOD, EXC_C14N).close().close();
            } else {
                empty(w, TRANSFORM, EXC_C14N);
            }
            empty(w.close(), DIGEST_METHOD, DigestAlgorithm::Sha256.uri()).open(DIGEST_VALUE);
            digests.push((target.to_owned(), transform, w.placeholder(32)));
            w.close().close();
        }
        w.close().open(SIGNATURE_VALUE);
        let value = w.placeholder(self.signing.signer.public_key().signature_length());
        w.close();
        self.pending.push(Pending { is_message, signature, signed_info, value, digests });
    }
}

/// An element with nothing but `Algorithm`.
pub(crate) fn empty<'w, 'b>(w: &'w mut Writer<'b>, name: Name, algorithm: &str) -> &'w mut Writer<'b> {
    w.open(name).attribute("Algorithm", algorithm).close()
}

fn hash(form: &Canonical<'_>) -> [u8; 32] {
    let mut sink = Digesting::up_to(u64::MAX);
    form.write_to(&mut sink);
    sink.finish()
}

impl Pending {
    fn fill(&self, document: &mut Document, signer: &dyn Signer) -> Result<(), XmlError> {
        for (id, transform, place) in &self.digests {
            let target = document.by_id(id);
            let target = target.ok_or_else(|| {
                document.root().error(Reason::ReferenceTarget, format!("an element with the identifier {id}"))
            })?;
            let digest = hash(&transform.apply(document.canonical(target), self.signature));
            document.fill(*place, &digest)?;
        }
        let internal = |document: &Document| document.root().error(Reason::Internal, "a key that signs");
        let signed_info = document.element(self.signed_info).ok_or_else(|| internal(document))?;
        let digest = hash(&document.canonical(signed_info));
        let value = signer.sign(&digest).map_err(|_| internal(document))?;
        document.fill(self.value, &value)
    }
}
