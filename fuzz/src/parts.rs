//! What must hold of a SOAP message that was verified.

use chukei_crypto::sha256;
use chukei_reason::Reason;
use chukei_xml::{Document, Element, Name, Namespace, NodeId, XmlError, ns};
use chukei_xml_security::{FromSigned, Signed};

use crate::{
    scan::{Form, canonical, child_text},
    signed::{Seen, Target, check_comments, check_enveloped, check_structure},
};

const STR: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";
const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Every part that a message of the standard may have.
pub const NAMES: [(Namespace, &str); 15] = [
    (ns::SOAP, "Body"),
    (ns::SOAP, "Header"),
    (ns::SB, "Sender"),
    (ns::SB, "TargetIdentity"),
    (ns::SB, "UsageDirective"),
    (ns::SBF, "Framework"),
    (ns::WSA, "Action"),
    (ns::WSA, "To"),
    (ns::WSA, "MessageID"),
    (ns::WSA, "RelatesTo"),
    (ns::WSSE, "Security"),
    (ns::WSU, "Timestamp"),
    (ns::WSSE, "BinarySecurityToken"),
    (ns::SAML, "Assertion"),
    (ns::DS, "Signature"),
];

/// What a reader saw of the parts of a message.
#[derive(Debug)]
pub struct Parts {
    /// The Body.
    pub body: Result<Option<Seen>, Reason>,
    /// Of each of [`NAMES`] as a header block.
    pub header: Vec<Result<Option<Seen>, Reason>>,
    /// Of each of [`NAMES`] in `wsse:Security`.
    pub security: Vec<Result<Option<Seen>, Reason>>,
    /// Signed assertions in any of these, and who signed them.
    pub assertions: Vec<(Seen, String)>,
}

impl FromSigned for Parts {
    /// # Panics
    /// When a way leads out of a part.
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        assert_eq!(signed.element().map(|_| ()).map_err(|error| error.reason()), Err(Reason::Coverage));
        assert!(signed.root().is_none(), "the envelope itself is not signed");
        let mut assertions = Vec::new();
        let mut seen = |outcome: Result<Option<Element<'_>>, XmlError>| match outcome {
            Ok(part) => Ok(part.map(|part| {
                let inside = part.descendants().filter_map(|inside| signed.assertion(inside));
                assertions.extend(inside.map(|(element, signer)| (Seen::of(element), signer.to_owned())));
                Seen::of(part)
            })),
            Err(error) => {
                assert!(matches!(error.reason(), Reason::Coverage | Reason::Structure), "{error}");
                Err(error.reason())
            }
        };
        let names = NAMES.map(|(namespace, local)| namespace.name(local));
        let body = seen(signed.body().map(Some));
        let header = names.map(|name| seen(signed.header(name))).into();
        let security = names.map(|name| seen(signed.security(name))).into();
        Ok(Self { body, header, security, assertions })
    }
}

/// Checks that what was read is what the signatures of the message cover; gives SHA-256 of the canonical
/// octets of each part.
///
/// # Panics
/// When it is not.
pub fn check_parts(document: &Document, data: &[u8], parts: &Parts) -> Vec<[u8; 32]> {
    check_comments(document, data);
    let child = |parent: Element<'_>, name: Name| -> NodeId {
        let found: Vec<_> = parent.elements().filter(|child| child.is(name)).map(Element::id).collect();
        assert_eq!(found.len(), 1, "one {name}");
        found[0]
    };
    let element = |node: NodeId| document.element(node).expect("an element");
    let envelope = document.root();
    assert!(envelope.is(ns::SOAP.name("Envelope")));
    let header = element(child(envelope, ns::SOAP.name("Header")));
    let security = element(child(header, ns::WSSE.name("Security")));
    let signature = element(child(security, ns::DS.name("Signature")));

    let mut digests = Vec::new();
    let mut check = |outcome: &Result<Option<Seen>, Reason>, parent: Element<'_>, name: Name| {
        if let Ok(Some(seen)) = outcome {
            let part = element(seen.node);
            assert!(
                part.is(name) && part.parent().map(Element::id) == Some(parent.id()),
                "a part in its place"
            );
            digests.push(check_part(document, seen, signature));
        }
    };
    check(&parts.body, envelope, ns::SOAP.name("Body"));
    for (index, (namespace, local)) in NAMES.into_iter().enumerate() {
        check(&parts.header[index], header, namespace.name(local));
        check(&parts.security[index], security, namespace.name(local));
    }
    for (seen, signer) in &parts.assertions {
        digests.push(check_enveloped(document, seen));
        assert_eq!(child_text(&seen.events, ns::SAML.uri(), "Issuer"), Some(signer.as_str()));
    }
    digests
}

fn check_part(document: &Document, seen: &Seen, signature: Element<'_>) -> [u8; 32] {
    let part = document.element(seen.node).expect("an element");
    assert!(!part.contains(signature), "a part does not hold the signature over it");
    let targets = check_structure(signature);
    let mut covering = targets.iter().filter(|target| target.element == part.id());
    let Target { prefixes, transform, .. } = *covering.next().expect("a reference to the part");
    assert!(covering.next().is_none(), "each part once");
    assert!(matches!(transform, EXC_C14N | STR));

    let apex_default = transform == STR;
    let form = document.canonical(part).inclusive(prefixes).expect("it was digested");
    let octets = if apex_default { form.with_apex_default() } else { form }.to_vec();
    let events = canonical(&octets, Form { prefixes, apex_default });
    assert_eq!(events, seen.events, "readers see what was digested");
    sha256(&octets)
}
