//! Chukei's side. What is timed as "verify" is everything from the bytes to a typed value, with the tree dropped.

use std::collections::HashSet;
use std::hint::black_box;
use std::time::Duration;

use chukei_crypto::{PrivateKey, PublicKey, SignatureAlgorithm, Signer, UnixTime};
use chukei_reason::Reason;
use chukei_xml::lexical::DateTime;
use chukei_xml::{Budget, Document, Element, Name, Sink, Writer, XmlError, ns};
use chukei_xml_security::{
    FromSigned, Recipient, Sealed, Shape, Signed, Signing, TrustStore, TrustedKey, Unverified,
};

use chukei_bench_side::{Scheme, Side, ThreadTime};

use crate::documents::{Assertion, BEARER, PERSISTENT, SMARTCARD};
use crate::keys::KeyPair;

pub const NAME: &str = "chukei";
const ASSERTION: Name = ns::SAML.name("Assertion");
/// A time in the year that the documents speak of. Whether they are fresh is not asked here.
const NOW: UnixTime = UnixTime(1_790_000_000);

/// A side that takes its inputs by value: the buffers are there before the clock starts, as they would be when a
/// message has arrived, and their end is part of what is timed.
struct Own<F> {
    inputs: Vec<Vec<u8>>,
    run: F,
}

impl<F: FnMut(Vec<u8>) -> Result<Vec<u8>, String>> Side for Own<F> {
    fn name(&self) -> &str {
        NAME
    }

    fn once(&mut self, index: usize) -> Result<Vec<u8>, String> {
        (self.run)(self.inputs[index].clone())
    }

    fn time(&mut self, indices: &[usize]) -> Duration {
        let received: Vec<_> = indices.iter().map(|index| self.inputs[*index].clone()).collect();
        let start = ThreadTime::now();
        for input in received {
            black_box((self.run)(input)).expect("every input was tried before it is timed");
        }
        start.elapsed()
    }
}

/// A side whose inputs are values in memory.
struct Making<F> {
    run: F,
}

impl<F: FnMut(usize) -> Result<Vec<u8>, String>> Side for Making<F> {
    fn name(&self) -> &str {
        NAME
    }

    fn once(&mut self, index: usize) -> Result<Vec<u8>, String> {
        (self.run)(index)
    }
}

/// Strict parse, structure, canonical form, digest, signature, typed read; tree and value dropped.
pub fn verify(pair: &KeyPair, issuers: &[&str], inputs: &[Vec<u8>]) -> Box<dyn Side> {
    let trust = trust(pair, issuers);
    let run = move |input| match receive(input, &trust) {
        Ok(value) => {
            black_box(value);
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    };
    Box::new(Own { inputs: inputs.to_vec(), run })
}

/// The stages of [`verify`] one by one, each with all before it: where its time goes.
pub fn stages(pair: &KeyPair, issuers: &[&str], inputs: &[Vec<u8>]) -> Vec<Box<dyn Side>> {
    let parse = |input: Vec<u8>| {
        let document = Document::parse(input).map_err(|error| error.to_string())?;
        black_box(&document);
        Ok(Vec::new())
    };
    let locate = |input: Vec<u8>| {
        let mut budget = Budget::default();
        let document = Document::parse_within(input, &mut budget).map_err(|error| error.to_string())?;
        let located = Unverified::<AssertionRead>::locate(document, &Shape::root(ASSERTION), &mut budget);
        black_box(&located.map_err(|error| error.to_string())?);
        Ok(Vec::new())
    };
    vec![
        Box::new(Own { inputs: inputs.to_vec(), run: parse }),
        Box::new(Own { inputs: inputs.to_vec(), run: locate }),
        verify(pair, issuers, inputs),
    ]
}

/// The canonical form of trees that are there, without hashing it.
pub fn canonical(inputs: &[Vec<u8>]) -> Box<dyn Side> {
    let documents: Vec<_> =
        inputs.iter().map(|input| Document::parse(input.as_slice()).expect("it is sound")).collect();
    Box::new(Making {
        run: move |index: usize| {
            let document = &documents[index];
            let signature = document.signatures().next().ok_or("it is signed")?;
            let mut sink = Count(0);
            document.canonical(document.root()).omit(signature.id()).write_to(&mut sink);
            let signed_info = signature.elements().next().ok_or("it is complete")?;
            document.canonical(signed_info).write_to(&mut sink);
            black_box(sink.0);
            Ok(Vec::new())
        },
    })
}

/// Takes bytes as a hash does, without being one.
struct Count(usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += black_box(bytes).len();
    }
}

/// From values in memory to the bytes of a signed document.
pub fn sign(pair: &KeyPair, assertions: Vec<Assertion>) -> Box<dyn Side> {
    let key = private_key(pair);
    let algorithm = match pair.scheme {
        Scheme::Rsa => SignatureAlgorithm::RsaSha256,
        Scheme::P256 => SignatureAlgorithm::EcdsaSha256,
    };
    let signer = key.signer(algorithm).expect("the key is one for the algorithm");
    Box::new(Making {
        run: move |index: usize| issue(&assertions[index], &signer).map_err(|error| error.to_string()),
    })
}

/// From the plaintext to the bytes of an `EncryptedData`.
pub fn seal(pair: &KeyPair, inputs: &[Vec<u8>]) -> Box<dyn Side> {
    let key = PublicKey::from_spki_der(&pair.keys.public_der).expect("the key is sound");
    let inputs = inputs.to_vec();
    Box::new(Making { run: move |index: usize| sealed(&inputs[index], &key) })
}

/// From the bytes of an `EncryptedData` to the document that was in it.
pub fn open(pair: &KeyPair, expected: Name, inputs: &[Vec<u8>]) -> Box<dyn Side> {
    let key = private_key(pair);
    let run = move |input: Vec<u8>| {
        let mut budget = Budget::default();
        let sealed = Document::parse_within(input, &mut budget).map_err(|error| error.to_string())?;
        let opened = chukei_xml_security::open(sealed.root(), expected, &[&key], &mut budget);
        black_box(opened.map_err(|error| error.to_string())?);
        Ok(Vec::new())
    };
    Box::new(Own { inputs: inputs.to_vec(), run })
}

/// Tells what is in an `EncryptedData`, for comparison.
pub fn opener(pair: &KeyPair, expected: Name) -> impl Fn(&[u8]) -> Result<Vec<u8>, String> {
    let key = private_key(pair);
    move |sealed| {
        let mut budget = Budget::default();
        let sealed = Document::parse_within(sealed, &mut budget).map_err(|error| error.to_string())?;
        let opened = chukei_xml_security::open(sealed.root(), expected, &[&key], &mut budget);
        opened.map(|document| document.write()).map_err(|error| error.to_string())
    }
}

/// A plaintext as [`opener`] gives it.
pub fn rewritten(plaintext: &[u8]) -> Vec<u8> {
    Document::parse(plaintext).expect("plaintexts are sound").write()
}

/// A store that trusts one key as that of every issuer.
pub fn trust(pair: &KeyPair, issuers: &[&str]) -> TrustStore {
    let key = PublicKey::from_spki_der(&pair.keys.public_der).expect("the key is sound");
    let mut trust = TrustStore::new();
    for issuer in issuers.iter().collect::<HashSet<_>>() {
        trust.add(*issuer, TrustedKey::new(key.clone()));
    }
    trust
}

/// The value of a document that is signed by somebody in the store.
#[inline(never)]
pub fn receive(input: Vec<u8>, trust: &TrustStore) -> Result<AssertionRead, String> {
    let mut budget = Budget::default();
    let document = Document::parse_within(input, &mut budget).map_err(|error| error.to_string())?;
    let unverified = Unverified::<AssertionRead>::locate(document, &Shape::root(ASSERTION), &mut budget);
    let unverified = unverified.map_err(|error| error.to_string())?;
    let verified =
        unverified.verify(trust, NOW, &mut budget).map_err(|refusal| refusal.error().to_string())?;
    Ok(verified.into_value())
}

fn private_key(pair: &KeyPair) -> PrivateKey {
    let pem = std::str::from_utf8(&pair.keys.private_pem).expect("PEM is text");
    PrivateKey::from_pem(pem).expect("the key is sound")
}

/// Every field of an assertion, owned, with the times parsed: what has to outlive the message.
#[derive(Debug, PartialEq, Eq)]
pub struct AssertionRead {
    pub id: String,
    pub issue_instant: DateTime,
    pub issuer: String,
    pub name_id: NameId,
    pub confirmation: Confirmation,
    pub not_before: DateTime,
    pub not_on_or_after: DateTime,
    pub audience: String,
    pub authn_instant: DateTime,
    pub session_index: Option<String>,
    pub context: String,
    pub attributes: Vec<(String, Vec<String>)>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct NameId {
    pub format: Option<String>,
    pub name_qualifier: Option<String>,
    pub sp_name_qualifier: Option<String>,
    pub value: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Confirmation {
    pub method: String,
    pub in_response_to: Option<String>,
    pub not_on_or_after: DateTime,
    pub recipient: String,
}

impl FromSigned for AssertionRead {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let assertion = signed.element()?;
        assertion.only_attributes(&["ID", "IssueInstant", "Version"])?;
        let mut children = assertion.children();
        let issuer = children.required(ns::SAML.name("Issuer"))?.text()?.to_owned();

        let mut subject = children.required(ns::SAML.name("Subject"))?.children();
        let name_id = subject.required(ns::SAML.name("NameID"))?;
        let confirmation = subject.required(ns::SAML.name("SubjectConfirmation"))?;
        subject.finish()?;
        let data = confirmation.only(ns::SAML.name("SubjectConfirmationData"))?;
        data.empty()?;

        let conditions = children.required(ns::SAML.name("Conditions"))?;
        let restriction = conditions.only(ns::SAML.name("AudienceRestriction"))?;
        let audience = restriction.only(ns::SAML.name("Audience"))?.text()?.to_owned();

        let statement = children.required(ns::SAML.name("AuthnStatement"))?;
        let context = statement.only(ns::SAML.name("AuthnContext"))?;
        let context = context.only(ns::SAML.name("AuthnContextClassRef"))?.text()?.to_owned();

        let attributes = children.optional(ns::SAML.name("AttributeStatement"))?;
        children.finish()?;
        Ok(Self {
            id: assertion.required_attribute("ID")?.to_owned(),
            issue_instant: time(assertion, "IssueInstant")?,
            issuer,
            name_id: NameId {
                format: owned(name_id, "Format"),
                name_qualifier: owned(name_id, "NameQualifier"),
                sp_name_qualifier: owned(name_id, "SPNameQualifier"),
                value: name_id.text()?.to_owned(),
            },
            confirmation: Confirmation {
                method: confirmation.required_attribute("Method")?.to_owned(),
                in_response_to: owned(data, "InResponseTo"),
                not_on_or_after: time(data, "NotOnOrAfter")?,
                recipient: data.required_attribute("Recipient")?.to_owned(),
            },
            not_before: time(conditions, "NotBefore")?,
            not_on_or_after: time(conditions, "NotOnOrAfter")?,
            audience,
            authn_instant: time(statement, "AuthnInstant")?,
            session_index: owned(statement, "SessionIndex"),
            context,
            attributes: attributes.map(read_attributes).transpose()?.unwrap_or_default(),
        })
    }
}

fn read_attributes(statement: Element<'_>) -> Result<Vec<(String, Vec<String>)>, XmlError> {
    let mut attributes = Vec::new();
    let mut children = statement.children();
    while let Some(attribute) = children.optional(ns::SAML.name("Attribute"))? {
        attribute.only_attributes(&["FriendlyName", "Name", "NameFormat"])?;
        let mut values = Vec::with_capacity(1);
        let mut inner = attribute.children();
        while let Some(value) = inner.optional(ns::SAML.name("AttributeValue"))? {
            values.push(value.text()?.to_owned());
        }
        inner.finish()?;
        attributes.push((attribute.required_attribute("Name")?.to_owned(), values));
    }
    children.finish()?;
    Ok(attributes)
}

fn time(element: Element<'_>, attribute: &'static str) -> Result<DateTime, XmlError> {
    let value = element.required_attribute(attribute)?;
    DateTime::parse(value).ok_or_else(|| element.error(Reason::Schema, "a time in UTC"))
}

fn owned(element: Element<'_>, attribute: &str) -> Option<String> {
    element.attribute(attribute).map(str::to_owned)
}

#[inline(never)]
fn sealed(plaintext: &[u8], key: &PublicKey) -> Result<Vec<u8>, String> {
    let sealed = Sealed::new(plaintext, Recipient { key, name: None }, 512);
    let sealed = sealed.map_err(|error| error.to_string())?;
    Ok(Writer::build(|w| sealed.write(w)).map_err(|error| error.to_string())?.into_bytes())
}

// Not inlined, as the others: a name to give to a profiler.
#[inline(never)]
fn issue(assertion: &Assertion, signer: &dyn Signer) -> Result<Vec<u8>, XmlError> {
    let saml = |local| ns::SAML.name(local);
    let a = assertion;
    let document = Signing::new(signer).document(|w, slot| {
        w.open(ASSERTION).declare(ns::XS).declare(ns::XSI);
        w.attribute("ID", &a.id).attribute("IssueInstant", &a.instant).attribute("Version", "2.0");
        w.element(saml("Issuer"), &a.issuer);
        slot.enveloped(w, &a.id);
        w.open(saml("Subject")).open(saml("NameID")).attribute("Format", PERSISTENT);
        w.attribute("NameQualifier", &a.issuer)
            .attribute("SPNameQualifier", &a.audience)
            .text(&a.name_id)
            .close();
        w.open(saml("SubjectConfirmation")).attribute("Method", BEARER).open(saml("SubjectConfirmationData"));
        w.attribute("InResponseTo", &a.in_response_to).attribute("NotOnOrAfter", &a.not_on_or_after);
        w.attribute("Recipient", &a.recipient).close().close().close();
        w.open(saml("Conditions"))
            .attribute("NotBefore", &a.instant)
            .attribute("NotOnOrAfter", &a.not_on_or_after);
        w.open(saml("AudienceRestriction")).element(saml("Audience"), &a.audience).close().close();
        w.open(saml("AuthnStatement"))
            .attribute("AuthnInstant", &a.instant)
            .attribute("SessionIndex", &a.session);
        w.open(saml("AuthnContext")).element(saml("AuthnContextClassRef"), SMARTCARD).close().close();
        if !a.attributes.is_empty() {
            w.open(saml("AttributeStatement"));
            for attribute in &a.attributes {
                w.open(saml("Attribute")).attribute("FriendlyName", &attribute.friendly);
                w.attribute("Name", &attribute.name).attribute("NameFormat", crate::documents::URI_FORMAT);
                w.open(saml("AttributeValue")).attribute_in(ns::XSI.name("type"), "xs:string");
                w.text(&attribute.value).close().close();
            }
            w.close();
        }
        w.close();
    })?;
    Ok(document.into_bytes())
}
