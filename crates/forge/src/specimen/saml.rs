//! SAML 2.0: assertion, response, envelope, metadata, request.

use chukei_xml::{lexical::encode_base64, ns};

use super::{PERSON, PORTAL, PORTAL_CONSUMER, World};
use crate::{
    raw::{Element, Node},
    seal::SealSpec,
};

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
const SMARTCARD_PKI: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI";
const URI: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// Invented attributes of a person; none of them belongs to anybody.
const ATTRIBUTES: &[(&str, &str, &str)] = &[
    ("insurer-number", "保険者番号", "００１３００１２"),
    ("insured-symbol", "記号", "港・イ"),
    ("insured-number", "番号", "１２３４５６７"),
    ("qualification", "資格区分", "被保険者本人"),
    ("acquired-on", "資格取得年月日", "2024-04-01"),
    ("burden-ratio", "負担割合", "3割 <窓口> & \"一部\""),
    ("municipality", "住所地", "架空県名張市いろは町"),
    ("role", "役割", "person"),
    ("assurance", "保証レベル", "4"),
    ("language", "言語", "ja"),
];

pub(super) fn assertion(world: &World) -> Element {
    let confirmation = Element::new("saml:SubjectConfirmationData")
        .attribute("InResponseTo", &world.id("request"))
        .attribute("NotOnOrAfter", &world.time(300))
        .attribute("Recipient", PORTAL_CONSUMER);
    let context = Element::new("saml:AuthnContextClassRef").text(SMARTCARD_PKI);
    let authn = Element::new("saml:AuthnStatement")
        .attribute("AuthnInstant", &world.time(-5))
        .attribute("SessionIndex", &world.id("session"))
        .child(Element::new("saml:AuthnContext").child(context));
    let name_id = name_id("saml:NameID", world.relay.entity_id, PORTAL, PERSON);
    issued(world, &world.id("assertion"))
        .child(Element::new("saml:Subject").child(name_id).child(confirmed(BEARER, confirmation)))
        .child(conditions(world, PORTAL, None))
        .child(authn)
        .child(attribute_statement(ATTRIBUTES))
}

pub(super) fn response(world: &World) -> Element {
    let code = Element::new("samlp:StatusCode").attribute("Value", SUCCESS);
    Element::declared(ns::SAMLP, "Response")
        .declare(ns::SAML)
        .attribute("ID", &world.id("response"))
        .attribute("Version", "2.0")
        .attribute("IssueInstant", &world.time(0))
        .attribute("Destination", PORTAL_CONSUMER)
        .attribute("InResponseTo", &world.id("request"))
        .child(Element::new("saml:Issuer").text(world.relay.entity_id))
        .child(Element::new("samlp:Status").child(code))
        .child(assertion(world))
}

pub(super) fn envelope(world: &World, seal: &SealSpec) -> Element {
    let certificate =
        Element::new("ds:X509Certificate").text(&encode_base64(world.requester.certificate.der()));
    let key_info = Element::declared(ns::DS, "KeyInfo").child(Element::new("ds:X509Data").child(certificate));
    let confirmation = Element::new("saml:SubjectConfirmationData")
        .attribute("NotOnOrAfter", &world.time(300))
        .attribute("Recipient", world.responder.entity_id)
        .child(key_info);
    let purpose = [("purpose", "照会目的", "eligibility"), ("request", "照会番号", "2026-0701-000123")];
    issued(world, &world.id("envelope"))
        .child(Element::new("saml:Subject").child(seal.seal()).child(confirmed(HOLDER_OF_KEY, confirmation)))
        .child(conditions(world, world.responder.entity_id, Some(Element::new("saml:OneTimeUse"))))
        .child(attribute_statement(&purpose))
}

/// What is sealed: complete on its own, because it is opened on its own.
pub(super) fn sealed_name_id(world: &World) -> Element {
    let name_id = name_id("saml:NameID", world.relay.entity_id, world.responder.entity_id, PERSON);
    Element { attributes: [declaration(), name_id.attributes].concat(), ..name_id }
}

pub(super) fn metadata(world: &World) -> Element {
    let key = |usage: &str, certificate: &[u8]| {
        let certificate = Element::new("ds:X509Certificate").text(&encode_base64(certificate));
        let key_info =
            Element::declared(ns::DS, "KeyInfo").child(Element::new("ds:X509Data").child(certificate));
        Element::new("md:KeyDescriptor").attribute("use", usage).child(key_info)
    };
    let service = Element::new("md:SingleSignOnService")
        .attribute("Binding", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect")
        .attribute("Location", "https://relay.example.test/sso");
    let role = Element::new("md:IDPSSODescriptor")
        .attribute("protocolSupportEnumeration", ns::SAMLP.uri())
        .child(key("signing", world.relay.certificate.der()))
        .child(key("encryption", world.relay.encryption_certificate.der()))
        .child(Element::new("md:NameIDFormat").text(PERSISTENT))
        .child(service);
    let text = |name: &str, text: &str| Element::new(name).attribute("xml:lang", "ja").text(text);
    let organization = Element::new("md:Organization")
        .child(text("md:OrganizationName", "中継データベース試験機関"))
        .child(text("md:OrganizationDisplayName", "中継DB（TEST）"))
        .child(text("md:OrganizationURL", "https://relay.example.test/"));
    Element::declared(ns::MD, "EntityDescriptor")
        .attribute("ID", &world.id("metadata"))
        .attribute("entityID", world.relay.entity_id)
        .attribute("validUntil", &world.time(7 * 86_400))
        .child(role)
        .child(organization)
}

pub(super) fn authn_request(world: &World) -> Element {
    let policy =
        Element::new("samlp:NameIDPolicy").attribute("Format", PERSISTENT).attribute("AllowCreate", "false");
    Element::declared(ns::SAMLP, "AuthnRequest")
        .declare(ns::SAML)
        .attribute("ID", &world.id("request"))
        .attribute("Version", "2.0")
        .attribute("IssueInstant", &world.time(-30))
        .attribute("Destination", "https://relay.example.test/sso")
        .attribute("AssertionConsumerServiceURL", PORTAL_CONSUMER)
        .child(Element::new("saml:Issuer").text(PORTAL))
        .child(policy)
}

pub(super) fn name_id(element: &str, qualifier: &str, sp_qualifier: &str, value: &str) -> Element {
    Element::new(element)
        .attribute("Format", PERSISTENT)
        .attribute("NameQualifier", qualifier)
        .attribute("SPNameQualifier", sp_qualifier)
        .text(value)
}

fn issued(world: &World, id: &str) -> Element {
    Element::declared(ns::SAML, "Assertion")
        .attribute("ID", id)
        .attribute("Version", "2.0")
        .attribute("IssueInstant", &world.time(0))
        .child(Element::new("saml:Issuer").text(world.relay.entity_id))
}

fn confirmed(method: &str, confirmation: Element) -> Element {
    Element::new("saml:SubjectConfirmation").attribute("Method", method).child(confirmation)
}

fn conditions(world: &World, audience: &str, condition: Option<Element>) -> Element {
    let audience = Element::new("saml:Audience").text(audience);
    Element::new("saml:Conditions")
        .attribute("NotBefore", &world.time(-30))
        .attribute("NotOnOrAfter", &world.time(270))
        .child(Element::new("saml:AudienceRestriction").child(audience))
        .children(condition)
}

fn attribute_statement(attributes: &[(&str, &str, &str)]) -> Element {
    let attributes = attributes.iter().map(|(name, friendly, value)| {
        Element::new("saml:Attribute")
            .attribute("Name", &format!("urn:example:test:attribute:{name}"))
            .attribute("NameFormat", URI)
            .attribute("FriendlyName", friendly)
            .child(Element::new("saml:AttributeValue").text(value))
    });
    Element::new("saml:AttributeStatement").children(attributes.map(Node::Element))
}

fn declaration() -> Vec<(String, String)> {
    Element::new("").declare(ns::SAML).attributes
}
