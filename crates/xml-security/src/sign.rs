//! Making signatures: build the message with places for digests and value, fill them in, write once.

use chukei_crypto::{Certificate, DigestAlgorithm, Signer};
use chukei_reason::Reason;
use chukei_xml::{Canonical, Document, NodeId, Writer, XmlError, lexical::encode_base64};

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
        let (signature, signed_info, digests) = self.open(w, &[(id, id, Transform::Enveloped)]);
        let value = self.value(w);
        if let Some(certificate) = self.signing.certificate {
            w.open(KEY_INFO).open(X509_DATA);
            w.element(X509_CERTIFICATE, &encode_base64(certificate.der())).close().close();
        }
        w.close();
        self.pending.push(Pending { is_message: false, signature, signed_info, value, digests });
    }

    /// Writes the signature of a SOAP message over these parts, inside the open `wsse:Security`. The key is named by
    /// a `SecurityTokenReference` with the identifier `reference` to the token with the identifier `token`.
    pub fn message(&mut self, w: &mut Writer<'_>, parts: &[Part<'_>], reference: &str, token: &str) {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| match *part {
                Part::Element(id) => (id, id, Transform::Plain),
                Part::Token(reference, token) => (reference, token, Transform::Token),
            })
            .collect();
        let (signature, signed_info, digests) = self.open(w, &parts);
        let value = self.value(w);
        w.open(KEY_INFO).open(SECURITY_TOKEN_REFERENCE).attribute_in(WSU_ID, reference);
        w.open(TOKEN_REFERENCE)
            .attribute("URI", &format!("#{token}"))
            .attribute("ValueType", X509_V3)
            .close();
        w.close().close().close();
        self.pending.push(Pending { is_message: true, signature, signed_info, value, digests });
    }

    /// Writes the signer's certificate as a token with this identifier, inside the open `wsse:Security`.
    pub fn token(&self, w: &mut Writer<'_>, id: &str) {
        if let Some(certificate) = self.signing.certificate {
            w.open(BINARY_SECURITY_TOKEN).attribute_in(WSU_ID, id);
            w.attribute("EncodingType", BASE64_BINARY).attribute("ValueType", X509_V3);
            w.text(&encode_base64(certificate.der())).close();
        }
    }

    fn open(
        &self,
        w: &mut Writer<'_>,
        references: &[(&str, &str, Transform)],
    ) -> (NodeId, NodeId, Vec<(String, Transform, NodeId)>) {
        let signature = w.open_at(SIGNATURE);
        let signed_info = w.open_at(SIGNED_INFO);
        w.open(CANONICALIZATION_METHOD).attribute("Algorithm", EXC_C14N).close();
        w.open(SIGNATURE_METHOD).attribute("Algorithm", self.signing.signer.algorithm().uri()).close();
        let mut digests = Vec::with_capacity(references.len());
        for (uri, target, transform) in references {
            w.open(REFERENCE).attribute("URI", &format!("#{uri}")).open(TRANSFORMS);
            match transform {
                Transform::Enveloped => {
                    w.open(TRANSFORM).attribute("Algorithm", ENVELOPED).close();
                    w.open(TRANSFORM).attribute("Algorithm", EXC_C14N).close();
                }
                Transform::Plain => {
                    w.open(TRANSFORM).attribute("Algorithm", EXC_C14N).close();
                }
                Transform::Token => {
                    w.open(TRANSFORM).attribute("Algorithm", STR_TRANSFORM).open(TRANSFORMATION_PARAMETERS);
                    w.open(CANONICALIZATION_METHOD).attribute("Algorithm", EXC_C14N).close().close().close();
                }
            }
            w.close().open(DIGEST_METHOD).attribute("Algorithm", DigestAlgorithm::Sha256.uri()).close();
            w.open(DIGEST_VALUE);
            digests.push(((*target).to_owned(), *transform, w.placeholder()));
            w.close().close();
        }
        w.close();
        (signature, signed_info, digests)
    }

    fn value(&self, w: &mut Writer<'_>) -> NodeId {
        w.open(SIGNATURE_VALUE);
        let value = w.placeholder();
        w.close();
        value
    }
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
            let form = document.canonical(target);
            let form = match transform {
                Transform::Enveloped => form.omit(self.signature),
                Transform::Plain => form,
                Transform::Token => form.with_apex_default(),
            };
            let digest = hash(&form);
            document.replace_text(*place, &encode_base64(&digest))?;
        }
        let internal = |document: &Document| document.root().error(Reason::Internal, "a key that signs");
        let signed_info = document.element(self.signed_info).ok_or_else(|| internal(document))?;
        let digest = hash(&document.canonical(signed_info));
        let value = signer.sign(&digest).map_err(|_| internal(document))?;
        document.replace_text(self.value, &encode_base64(&value))
    }
}
