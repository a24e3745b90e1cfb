//! Signed parts at another place, unsigned ones at theirs (rows XSW-*; Somorovsky et al., USENIX Security 2012).
//!
//! In every message here the signature still verifies over what was signed, wherever that ended up.

use super::{
    ASSERTION,
    Change::{After, Before, Seal, Signature},
    ENVELOPE, Mutation, RESPONSE, SIGNED_RESPONSE, SOAP,
    Verdict::{Above, Inert, Refuse},
    row,
};
use crate::{
    raw::{Element, Message},
    seal::KeyPlace,
    sign::{Place, ReferenceSpec, Target, uri},
    specimen::{Specimen, World},
};

const TARGET: super::Verdict = Refuse("ReferenceTarget");
const STRUCTURE: super::Verdict = Refuse("Structure");
const COUNT: super::Verdict = Refuse("AssertionCount");

pub(super) const MUTATIONS: &[Mutation] = &[
    row(
        "xsw1-original-response-in-signature",
        &["XSW-01"],
        SIGNED_RESPONSE,
        Refuse("SignaturePosition"),
        &[After(|m, world| {
            let original = split_response(m, world);
            m.root.append("ds:Signature", original);
        })],
    ),
    row(
        "xsw2-original-response-before-signature",
        &["XSW-02"],
        SIGNED_RESPONSE,
        Refuse("SignaturePosition"),
        &[After(|m, world| {
            let original = split_response(m, world);
            m.root.insert_before("ds:Signature", original);
        })],
    ),
    row(
        "xsw3-evil-assertion-before",
        &["XSW-03"],
        RESPONSE,
        COUNT,
        &[After(|m, world| {
            m.root.insert_before("saml:Assertion", world.evil_assertion());
        })],
    ),
    row(
        "xsw3-evil-assertion-before-same-id",
        &["XSW-03", "SIG-06"],
        RESPONSE,
        Refuse("DuplicateId"),
        &[After(|m, world| {
            m.root.insert_before("saml:Assertion", same_id(world));
        })],
    ),
    row(
        "xsw4-signed-inside-evil",
        &["XSW-04"],
        RESPONSE,
        Refuse("SignaturePosition"),
        &[After(|m, world| {
            m.root.wrap("saml:Assertion", world.evil_assertion());
        })],
    ),
    row(
        "xsw5-evil-keeps-signature",
        &["XSW-05"],
        RESPONSE,
        COUNT,
        &[After(|m, world| {
            let original = split_assertion(m, world);
            m.root.children.push(original.into());
        })],
    ),
    row(
        "xsw6-original-in-evil-signature",
        &["XSW-06"],
        RESPONSE,
        STRUCTURE,
        &[After(|m, world| {
            let original = split_assertion(m, world);
            m.root.append("saml:Assertion/ds:Signature", original);
        })],
    ),
    row(
        "xsw7-extensions",
        &["XSW-07"],
        RESPONSE,
        Refuse("DuplicateId"),
        &[After(|m, world| {
            let extensions = Element::new("samlp:Extensions").child(same_id(world));
            m.root.insert_before("samlp:Status", extensions);
        })],
    ),
    row(
        "xsw7-original-in-extensions",
        &["XSW-07"],
        RESPONSE,
        TARGET,
        &[After(|m, world| {
            let original = split_assertion(m, world);
            m.root.insert_before("samlp:Status", Element::new("samlp:Extensions").child(original));
        })],
    ),
    row(
        "xsw8-original-in-object",
        &["XSW-08"],
        RESPONSE,
        STRUCTURE,
        &[After(|m, world| {
            let original = split_assertion(m, world);
            m.root.append("saml:Assertion/ds:Signature", Element::new("ds:Object").child(original));
        })],
    ),
    row(
        "xsw9-two-signed-infos",
        &["XSW-09", "SIG-07"],
        ASSERTION,
        STRUCTURE,
        &[After(|m, _| {
            m.root.duplicate("ds:Signature/ds:SignedInfo");
            m.root.find_mut("saml:Subject/saml:NameID").set_content("悪意");
        })],
    ),
    row(
        "xsw9-signed-info-inside-signed-info",
        &["XSW-09", "SIG-07"],
        ASSERTION,
        STRUCTURE,
        &[After(|m, _| {
            let inner = m.root.find("ds:Signature/ds:SignedInfo").clone();
            m.root.append("ds:Signature/ds:SignedInfo", inner);
        })],
    ),
    row(
        "response-in-advice",
        &["XSW-10"],
        SIGNED_RESPONSE,
        Refuse("SignaturePosition"),
        &[After(|m, world| {
            let original = std::mem::replace(&mut m.root, evil_response(world));
            m.root.append("saml:Issuer", original);
        })],
    ),
    row(
        "response-in-status-detail",
        &["XSW-10"],
        SIGNED_RESPONSE,
        Refuse("SignaturePosition"),
        &[After(|m, world| {
            let original = std::mem::replace(&mut m.root, evil_response(world));
            m.root.append("samlp:Status", Element::new("samlp:StatusDetail").child(original));
        })],
    ),
    row(
        "assertion-concealed",
        &["XSW-11"],
        RESPONSE,
        TARGET,
        &[After(|m, world| {
            let original = split_assertion(m, world);
            let advice = Element::new("saml:Advice").child(original);
            m.root.insert_after("saml:Assertion/saml:Conditions", advice);
        })],
    ),
    row(
        "assertion-doubled",
        &["XSW-12", "SIG-06"],
        RESPONSE,
        Refuse("DuplicateId"),
        &[After(|m, _| {
            m.root.duplicate("saml:Assertion");
        })],
    ),
    row(
        "assertion-twice-signed",
        &["XSW-12"],
        RESPONSE,
        COUNT,
        &[After(|m, world| {
            let mut second = world.evil_assertion();
            world.enveloped(&world.id("evil"), &world.relay).sign(&mut second, ".");
            m.root.insert_after("saml:Assertion", second);
        })],
    ),
    row(
        "evil-assertion-behind",
        &["XSW-13"],
        RESPONSE,
        COUNT,
        &[After(|m, world| {
            m.root.insert_after("saml:Assertion", world.evil_assertion());
        })],
    ),
    row(
        "signature-of-metadata",
        &["XSW-14", "META-12"],
        RESPONSE,
        TARGET,
        &[After(|m, world| {
            let mut metadata = world.message(Specimen::Metadata).root;
            let signature = metadata.remove("ds:Signature");
            m.root.replace("saml:Assertion", world.evil_assertion());
            m.root.insert_after("saml:Assertion/saml:Issuer", signature);
            m.root.insert_before("samlp:Status", Element::new("samlp:Extensions").child(metadata));
        })],
    ),
    row(
        "signature-of-assertion-on-request",
        &["XSW-15"],
        ASSERTION,
        Refuse("RootElement"),
        &[After(|m, world| {
            let signature = m.root.remove("ds:Signature");
            let request = Element::new("samlp:LogoutRequest")
                .attribute("xmlns:samlp", "urn:oasis:names:tc:SAML:2.0:protocol")
                .attribute("ID", &world.id("logout"))
                .attribute("Version", "2.0");
            let issuer = m.root.find("saml:Issuer").clone();
            let assertion = std::mem::replace(&mut m.root, request.attribute("xmlns:saml", SAML));
            let extensions = Element::new("samlp:Extensions").child(assertion);
            m.root.children = vec![issuer.into(), signature.into(), extensions.into()];
        })],
    ),
    row(
        "signature-in-status-detail",
        &["XSW-16"],
        RESPONSE,
        Refuse("SignaturePosition"),
        &[After(|m, world| {
            let mut decoy = m.root.find("saml:Assertion/ds:Signature").clone();
            decoy.find_mut("//ds:DigestValue").set_content("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
            m.root.append("samlp:Status", Element::new("samlp:StatusDetail").child(decoy));
            let original = split_assertion(m, world);
            m.root.append("samlp:Status/samlp:StatusDetail", original);
        })],
    ),
    row(
        "two-references-first-good",
        &["XSW-17"],
        RESPONSE,
        STRUCTURE,
        &[
            Before(evil_before),
            Signature(|s, world| s.references.push(ReferenceSpec::detached(&world.id("evil")))),
        ],
    ),
    row(
        "two-references-last-good",
        &["XSW-17"],
        RESPONSE,
        STRUCTURE,
        &[
            Before(evil_before),
            Signature(|s, world| s.references.insert(0, ReferenceSpec::detached(&world.id("evil")))),
        ],
    ),
    row(
        "body-under-header",
        &["XSW-18"],
        SOAP,
        TARGET,
        &[After(|m, world| {
            let mut evil = m.root.find("soap:Body").clone();
            evil.set("wsu:Id", &world.id("evil"));
            evil.find_mut("//saml:NameID").set_content("悪意");
            let original = m.root.replace("soap:Body", evil);
            let wrapper = Element::new("x:Wrapper").attribute("xmlns:x", "urn:evil").child(original);
            m.root.append("soap:Header", wrapper);
        })],
    ),
    row(
        "header-relocated",
        &["XSW-19"],
        SOAP,
        TARGET,
        &[After(|m, world| {
            let mut evil = m.root.find("soap:Header/wsa:To").clone();
            evil.set("wsu:Id", &world.id("evil"));
            evil.set_content("https://evil.example.test/");
            let original = m.root.replace("soap:Header/wsa:To", evil);
            let wrapper = Element::new("x:Wrapper").attribute("xmlns:x", "urn:evil").child(original);
            m.root.append("soap:Header", wrapper);
        })],
    ),
    row(
        "timestamp-relocated",
        &["XSW-19"],
        SOAP,
        TARGET,
        &[After(|m, world| {
            let mut evil = m.root.find("//wsu:Timestamp").clone();
            evil.set("wsu:Id", &world.id("evil"));
            let original = m.root.replace("//wsu:Timestamp", evil);
            let wrapper = Element::new("x:Wrapper").attribute("xmlns:x", "urn:evil").child(original);
            m.root.append("soap:Header/wsse:Security", wrapper);
        })],
    ),
    row(
        "security-twice",
        &["XSW-19", "XSW-20"],
        SOAP,
        STRUCTURE,
        &[After(|m, _| {
            let empty = Element { children: Vec::new(), ..m.root.find("soap:Header/wsse:Security").clone() };
            m.root.insert_before("soap:Header/wsse:Security", empty);
        })],
    ),
    row(
        "security-for-another-actor",
        &["XSW-20"],
        SOAP,
        Above("ReferenceTarget"),
        &[After(|m, _| {
            m.root.find_mut("soap:Header/wsse:Security").set("soap:actor", "urn:evil");
        })],
    ),
    row(
        "encrypted-data-doubled",
        &["XSW-21"],
        ENVELOPE,
        STRUCTURE,
        &[Before(|d, _| {
            d.message.root.duplicate("saml:Subject/saml:EncryptedID/xenc:EncryptedData");
        })],
    ),
    row(
        "encrypted-id-wrapped",
        &["XSW-21"],
        ENVELOPE,
        TARGET,
        &[After(|m, world| {
            // The ciphertext goes on in an assertion of the attacker; the signed original is kept for its digest.
            let mut evil = m.root.clone();
            let mut original = evil.clone();
            original.remove("ds:Signature");
            evil.set("ID", &world.id("evil"));
            evil.find_mut("//saml:Audience").set_content(world.attacker.entity_id);
            evil.insert_after("saml:Conditions", Element::new("saml:Advice").child(original));
            m.root = evil;
        })],
    ),
    row(
        "encrypted-id-in-clear-assertion",
        &["XSW-22"],
        ENVELOPE,
        Refuse("Digest"),
        &[After(|m, world| {
            let clear = world.evil_assertion().find("saml:Subject/saml:NameID").clone();
            m.root.insert_before("saml:Subject/saml:EncryptedID", clear);
        })],
    ),
    row(
        "id-in-two-attributes",
        &["XSW-23", "SIG-06"],
        RESPONSE,
        Refuse("DuplicateId"),
        &[After(|m, world| {
            m.root.set("xmlns:wsu", WSU);
            m.root.find_mut("samlp:Status").set("wsu:Id", &world.id("assertion"));
        })],
    ),
    row(
        "reference-element-scheme",
        &["XSW-24"],
        ASSERTION,
        Refuse("ReferenceUri"),
        &[
            Before(|d, _| d.message.root.set("ID", "element(/1/3)")),
            Signature(|s, _| s.references[0].uri = Some("#element(/1/3)".into())),
        ],
    ),
    row(
        "reference-with-quotes",
        &["XSW-25"],
        ASSERTION,
        Refuse("ReferenceUri"),
        &[
            Before(|d, _| d.message.root.set("ID", "x' or 'a'='a")),
            Signature(|s, _| s.references[0].uri = Some("#x' or 'a'='a".into())),
        ],
    ),
    row(
        "encrypted-assertion-outside",
        &["XSW-26"],
        SIGNED_RESPONSE,
        Refuse("Order"),
        &[After(|m, world| {
            let original = split_response(m, world);
            let mut seal = world.seal();
            seal.wrapper = Some("saml:EncryptedAssertion".into());
            seal.plaintext = m.root.remove("saml:Assertion").write().into_bytes();
            m.root.children.push(seal.seal().into());
            m.root.insert_before("samlp:Status", Element::new("samlp:Extensions").child(original));
        })],
    ),
    row(
        "signature-in-subject",
        &["XSW-27"],
        ASSERTION,
        Refuse("SignaturePosition"),
        &[After(|m, _| {
            let signature = m.root.remove("ds:Signature");
            m.root.append("saml:Subject", signature);
        })],
    ),
    row(
        "signature-behind-subject",
        &["XSW-27"],
        ASSERTION,
        Refuse("SignaturePosition"),
        &[Signature(|s, _| {
            s.place = Place::After("saml:Subject".into());
        })],
    ),
    row(
        "signature-first",
        &["XSW-27"],
        ASSERTION,
        Refuse("SignaturePosition"),
        &[Signature(|s, _| {
            s.place = Place::First;
        })],
    ),
    row(
        "signature-decoy-in-foreign-namespace",
        &["XSW-28"],
        ASSERTION,
        Inert,
        &[Before(|d, _| {
            let decoy = Element::new("ds:Signature")
                .attribute("xmlns:ds", "urn:x")
                .child(Element::new("ds:SignedInfo"));
            d.message.root.find_mut("//saml:AttributeValue").children = vec![decoy.into()];
        })],
    ),
    row(
        "encrypted-key-beside",
        &["XSW-21", "ENC-12"],
        ENVELOPE,
        STRUCTURE,
        &[Seal(|s, _| {
            s.key_place = KeyPlace::Beside;
        })],
    ),
    row(
        "reference-to-child",
        &["XSW-11", "SIG-05"],
        ASSERTION,
        TARGET,
        &[
            Before(|d, world| d.message.root.find_mut("saml:Conditions").set("Id", &world.id("child"))),
            Signature(|s, world| {
                s.references[0].uri = Some(format!("#{}", world.id("child")));
                s.references[0].target = Target::Id(world.id("child"));
            }),
        ],
    ),
    row(
        "signature-by-xpath-position",
        &["XSW-04", "SIG-11"],
        RESPONSE,
        Refuse("Transform"),
        &[Signature(|s, _| {
            s.references[0].transforms[1].algorithm = uri::XPATH_FILTER2.into();
        })],
    ),
];

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// The evil assertion under the identifier of the signed one.
fn same_id(world: &World) -> Element {
    let mut evil = world.evil_assertion();
    evil.set("ID", &world.id("assertion"));
    evil
}

fn evil_response(world: &World) -> Element {
    let mut evil = world.draft(Specimen::Response).message.root;
    evil.set("ID", &world.id("evil-response"));
    evil.replace("saml:Assertion", world.evil_assertion());
    evil
}

/// Makes the response an evil one that keeps the signature, and gives back what was signed.
fn split_response(message: &mut Message, world: &World) -> Element {
    let mut original = std::mem::replace(&mut message.root, evil_response(world));
    let signature = original.remove("ds:Signature");
    message.root.insert_after("saml:Issuer", signature);
    original
}

/// Makes the assertion an evil one that keeps the signature, and gives back what was signed.
fn split_assertion(message: &mut Message, world: &World) -> Element {
    let mut original = message.root.replace("saml:Assertion", world.evil_assertion());
    let signature = original.remove("ds:Signature");
    message.root.insert_after("saml:Assertion/saml:Issuer", signature);
    original
}

fn evil_before(draft: &mut crate::specimen::Draft, world: &World) {
    draft
        .message
        .root
        .insert_before("samlp:Status", Element::new("samlp:Extensions").child(world.evil_assertion()));
}
