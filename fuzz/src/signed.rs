//! What must hold of a message that was verified, found out a second time and in another way.

use chukei_crypto::{PublicKey, UnixTime, sha256};
use chukei_reason::{LimitKind, Reason};
use chukei_xml::{Budget, Document, Element, Limits, NodeId, XmlError, ns};
use chukei_xml_security::{FromSigned, Refusal, Shape, Signed, TrustStore, TrustedKey, Unverified};

use crate::scan::{Event, Form, canonical, view};

/// A time at which every key counts.
pub const NOW: UnixTime = UnixTime(1_782_864_000);
/// The signer when the message does not name a known one.
pub const ANYBODY: &str = "urn:example:anybody";
/// Who signs the seeds.
pub const SIGNERS: [&str; 3] = [
    "https://relay.example.test/idp",
    "https://insurer-a.example.test/wsc",
    "https://insurer-b.example.test/wsp",
];

/// The five names of identifier attributes.
const IDS: [&str; 4] = ["ID", "Id", "id", "AssertionID"];
const SIGNATURE_METHODS: [&str; 3] = [
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
];
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const STR: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";

thread_local! {
    /// One key, so that it is decoded once.
    static FAKE: PublicKey = PublicKey::danger_fake();
    static FAKE_TRUST: TrustStore = {
        let mut trust = TrustStore::new();
        for entity in SIGNERS.into_iter().chain([ANYBODY]) {
            trust.add(entity, TrustedKey::new(FAKE.with(Clone::clone)));
        }
        trust
    };
}

/// Trust in a key whose every signature and digest is accepted.
pub fn fake_trust<T>(use_it: impl FnOnce(&TrustStore) -> T) -> T {
    FAKE_TRUST.with(use_it)
}

/// The shapes in which a document may be meant.
#[must_use]
pub fn shapes(document: &Document) -> Vec<Shape> {
    let root = document.root();
    let response = ns::SAMLP.name("Response");
    let assertion = ns::SAML.name("Assertion");
    if root.is(ns::SOAP.name("Envelope")) {
        vec![Shape::message()]
    } else if root.is(response) {
        vec![Shape::child(response, assertion), Shape::both(response, assertion)]
    } else if root.is(assertion) {
        vec![Shape::root(assertion)]
    } else {
        vec![Shape::root(ns::MD.name("EntityDescriptor"))]
    }
}

/// What a reader saw of signed elements.
#[derive(Debug)]
pub struct Read {
    /// The element that the shape is about.
    pub target: Seen,
    /// The root around it, if that was signed too.
    pub root: Option<Seen>,
}

/// What a reader saw of one element.
#[derive(Debug)]
pub struct Seen {
    /// Its place in the document.
    pub node: NodeId,
    /// What it said.
    pub events: Vec<Event>,
}

impl FromSigned for Read {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        assert_eq!(signed.body().map(|_| ()).map_err(|error| error.reason()), Err(Reason::Coverage));
        Ok(Self { target: Seen::of(signed.element()?), root: signed.root().map(Seen::of) })
    }
}

impl Seen {
    /// # Panics
    /// When a way leads out of the element.
    #[must_use]
    pub fn of(element: Element<'_>) -> Self {
        assert!(element.parent().is_none() && element.document().is_none(), "no way leads out");
        for inner in element.descendants() {
            let top = std::iter::successors(Some(inner), |inner| inner.parent()).last().map(Element::id);
            assert_eq!(top, Some(element.id()), "no way leads out of what is inside");
            if let Some(found) = inner.attribute("ID").and_then(|id| inner.by_id(id)) {
                assert!(element.contains(found));
            }
        }
        Self { node: element.id(), events: view(element) }
    }
}

/// Checks that what was read is what the document's signatures cover; gives SHA-256 of the canonical octets
/// of it.
///
/// # Panics
/// When it is not.
pub fn check_read(document: &Document, data: &[u8], read: &Read) -> [u8; 32] {
    check_comments(document, data);
    let digest = check_enveloped(document, &read.target);
    let root = document.root();
    assert_eq!(read.root.is_some(), root.elements().any(is_signature), "a signed root is seen");
    if let Some(seen) = &read.root {
        assert_eq!(seen.node, root.id());
        check_enveloped(document, seen);
    }
    for signature in document.signatures() {
        let parent = signature.parent().expect("a parent").id();
        assert!(parent == read.target.node || parent == root.id(), "no other signature anywhere");
    }
    digest
}

/// Checks, on the bytes, that no comment stands in a signature.
///
/// # Panics
/// When one does.
pub fn check_comments(document: &Document, data: &[u8]) {
    for signature in document.signatures() {
        let source = String::from_utf8_lossy(&data[signature.position().span]).into_owned();
        assert!(!source.contains("<!--") || source.contains("<![CDATA["), "a comment in a signature");
    }
}

/// Checks one element with an enveloped signature, as [`check_read`] does.
///
/// # Panics
/// When readers saw anything but what was digested.
pub fn check_enveloped(document: &Document, seen: &Seen) -> [u8; 32] {
    let whole = document.element(seen.node).expect("an element");
    let signature = own_signature(whole).expect("one signature in what is read");
    let targets = check_structure(signature);
    let [Target { element, prefixes, transform: ENVELOPED, .. }] = targets.as_slice() else {
        panic!("one enveloped reference");
    };
    assert_eq!(*element, whole.id(), "the reference points at what is read");
    let form = document.canonical(whole).omit(signature.id()).inclusive(prefixes);
    let octets = form.expect("it was digested").to_vec();
    let events = canonical(&octets, Form { prefixes, apex_default: false });
    assert_eq!(events, seen.events, "readers see what was digested");
    sha256(&octets)
}

/// Locates and verifies under one shape.
///
/// # Panics
/// When structure was left for after the cryptography, or a counter is out of bounds.
pub fn verify<T: FromSigned>(
    document: &Document,
    shape: &Shape,
    signer: Option<&str>,
    trust: &TrustStore,
    budget: &mut Budget,
) -> Result<chukei_xml_security::Verified<T>, Option<Box<Refusal>>> {
    let before = budget.spent();
    let located = match Unverified::<T>::locate(document.clone(), shape, budget) {
        Ok(located) => located,
        Err(error) => {
            let cryptographic = matches!(error.reason(), Reason::Key | Reason::Signature | Reason::Decrypt);
            assert!(!cryptographic, "structure before cryptography: {error}");
            assert_eq!(before, budget.spent(), "no work before the structure is right");
            return Err(None);
        }
    };
    let verified = located.verify_by(signer, trust, NOW, budget);
    let spent = budget.spent();
    let too_many = matches!(&verified, Err(r) if r.reason() == Reason::Limit(LimitKind::Operations));
    assert!(spent.operations <= budget.limits().operations || too_many);
    // What is over the limit is one name, value or text.
    let most = budget.limits().canonical + 6 * (spent.bytes as u64 + 64);
    assert!(spent.canonical <= most, "{} canonical octets of {}", spent.canonical, spent.bytes);
    verified.map_err(Some)
}

/// Refused for its content, although the key accepts every signature and digest.
///
/// # Panics
/// When it was refused for anything else.
pub fn check_refused_content(refusal: &Refusal) {
    let of_content = matches!(refusal.reason(), Reason::C14n | Reason::Base64 | Reason::Limit(_));
    assert!(of_content, "{} by a key that accepts everything", refusal.error());
}

/// A budget with so few canonical octets that inputs of the fuzzer's size reach the limit.
#[must_use]
pub fn budget() -> Budget {
    Budget::new(Limits { canonical: 1 << 15, ..Limits::message() })
}

/// One reference, resolved here and not by the product.
#[derive(Debug)]
pub struct Target<'d> {
    /// What is digested.
    pub element: NodeId,
    /// `InclusiveNamespaces PrefixList`.
    pub prefixes: &'d str,
    /// The first transform.
    pub transform: &'static str,
}

/// XML Signature 1.1 §4 in the one shape of the standard; gives the references.
///
/// # Panics
/// When the signature has another shape.
pub fn check_structure(signature: Element<'_>) -> Vec<Target<'_>> {
    assert!(is_signature(signature));
    let parts = children(signature, ns::DS);
    let names: Vec<_> = parts.iter().map(|part| part.local()).collect();
    assert!(matches!(
        names[..],
        ["SignedInfo", "SignatureValue"] | ["SignedInfo", "SignatureValue", "KeyInfo"]
    ));
    let value = chukei_xml::lexical::decode_base64(parts[1].text().expect("text"));
    assert!(value.is_some_and(|value| !value.is_empty()), "a signature value");
    let signed_info = children(parts[0], ns::DS);
    let [method, signature_method, references @ ..] = signed_info.as_slice() else { panic!("two methods") };
    assert_eq!((method.local(), algorithm(*method)), ("CanonicalizationMethod", EXC_C14N));
    assert_eq!(signature_method.local(), "SignatureMethod");
    assert!(SIGNATURE_METHODS.contains(&algorithm(*signature_method)));
    assert!(!references.is_empty() && references.len() <= 32);
    references.iter().map(|reference| check_reference(*reference)).collect()
}

fn check_reference(reference: Element<'_>) -> Target<'_> {
    let document = reference.document().expect("not confined");
    assert_eq!(reference.local(), "Reference");
    let parts = children(reference, ns::DS);
    let [transforms, method, value] = parts.as_slice() else { panic!("three parts of a reference") };
    assert_eq!((method.local(), algorithm(*method)), ("DigestMethod", SHA256));
    let digest = chukei_xml::lexical::decode_base64(value.text().expect("text")).expect("base64");
    assert_eq!((value.local(), digest.len()), ("DigestValue", 32));
    let id = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')).expect("a fragment");
    let referenced = only_with_id(document, id);
    let transforms = children(*transforms, ns::DS);
    let named: Vec<_> = transforms.iter().map(|transform| algorithm(*transform)).collect();
    let (element, prefixes, transform) = match named[..] {
        [ENVELOPED, EXC_C14N] => (referenced, list_of(transforms[1]), ENVELOPED),
        [EXC_C14N] => (referenced, list_of(transforms[0]), EXC_C14N),
        [STR] => {
            let parameters = transforms[0].elements().next().expect("parameters");
            let method = parameters.elements().next().expect("a method");
            assert_eq!(algorithm(method), EXC_C14N);
            (token(referenced), list_of(method), STR)
        }
        _ => panic!("transforms {named:?}"),
    };
    let inside = |other: &Element<'_>| element.contains(*other);
    let same = with_id(document, id, true).into_iter().filter(inside).count();
    assert!(same <= 1, "nothing in what is signed looks as if it had the same identifier");
    Target { element: element.id(), prefixes, transform }
}

fn list_of(method: Element<'_>) -> &str {
    method.elements().next().and_then(|list| list.attribute("PrefixList")).unwrap_or_default()
}

/// What a `wsse:SecurityTokenReference` names.
fn token(reference: Element<'_>) -> Element<'_> {
    assert!(reference.is(ns::WSSE.name("SecurityTokenReference")));
    let how = reference.elements().next().expect("a reference");
    let id = match how.local() {
        "Reference" => how.attribute("URI").and_then(|uri| uri.strip_prefix('#')).expect("a fragment"),
        "KeyIdentifier" => how.text().expect("text"),
        other => panic!("a token by {other}"),
    };
    only_with_id(reference.document().expect("not confined"), id)
}

/// Where the value of an identifier attribute is this one, by a walk over all attributes.
fn with_id<'d>(document: &'d Document, id: &str, foreign: bool) -> Vec<Element<'d>> {
    let carries = |element: &Element<'_>| {
        element.attributes().any(|a| {
            let own = a.namespace().is_empty() || (a.namespace() == ns::WSU.uri() && a.local() == "Id");
            IDS.contains(&a.local()) && (own || foreign) && a.value() == id
        })
    };
    document.root().descendants().filter(carries).collect()
}

fn only_with_id<'d>(document: &'d Document, id: &str) -> Element<'d> {
    let found = with_id(document, id, false);
    let [one] = found.as_slice() else { panic!("{} elements with the identifier {id}", found.len()) };
    *one
}

fn own_signature(element: Element<'_>) -> Option<Element<'_>> {
    let mut signatures = element.elements().filter(|child| is_signature(*child));
    signatures.next().filter(|_| signatures.next().is_none())
}

fn is_signature(element: Element<'_>) -> bool {
    (element.namespace(), element.local()) == ("http://www.w3.org/2000/09/xmldsig#", "Signature")
}

fn algorithm(element: Element<'_>) -> &str {
    element.attribute("Algorithm").expect("Algorithm")
}

/// Child elements, which are all there is but white space.
fn children(parent: Element<'_>, namespace: chukei_xml::Namespace) -> Vec<Element<'_>> {
    let nodes = parent.nodes().filter_map(|node| match node {
        chukei_xml::Node::Element(element) => Some(element),
        chukei_xml::Node::Text(text) => {
            assert!(text.trim_ascii().is_empty(), "text between elements of a signature");
            None
        }
    });
    let elements: Vec<_> = nodes.collect();
    assert!(elements.iter().all(|element| element.is_in(namespace)));
    elements
}
