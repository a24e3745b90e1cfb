//! SOAP 1.1 with the ID-WSF 2.0 header blocks, signed with a certificate that is in the message.

use chukei_xml::ns;

use super::{PERSON, World, saml};
use crate::{raw::Element, sign::SignatureSpec, wss};

/// An identity mapping request of the requester to the relay.
pub(super) fn request(world: &World) -> Element {
    let part = |name: &str, label: &str| Element::new(name).attribute("wsu:Id", &world.id(label));
    let timestamp = part("wsu:Timestamp", "timestamp")
        .child(Element::new("wsu:Created").text(&world.time(0)))
        .child(Element::new("wsu:Expires").text(&world.time(120)));
    let security = Element::declared(ns::WSSE, "Security")
        .attribute("soap:mustUnderstand", "1")
        .child(timestamp)
        .child(wss::binary_security_token(&world.id("token"), world.requester.certificate.der()));
    let framework = part("sbf:Framework", "framework").declare(ns::SBF).attribute("version", "2.0");
    let sender =
        part("sb:Sender", "sender").declare(ns::SB).attribute("providerID", world.requester.entity_id);
    let addressing = |local: &str, label: &str, text: &str| {
        part(&format!("wsa:{local}"), label).attribute("soap:mustUnderstand", "1").text(text)
    };
    let message_id = format!("urn:uuid:{}", uuid(&world.id("message")));
    let header = Element::new("soap:Header")
        .child(framework)
        .child(sender)
        .child(addressing("MessageID", "message-id", &message_id))
        .child(addressing("To", "to", "https://relay.example.test/ims"))
        .child(addressing("Action", "action", "urn:liberty:ims:2006-08:IdentityMappingRequest"))
        .child(security);
    Element::declared(ns::SOAP, "Envelope")
        .declare(ns::WSA)
        .declare(ns::WSU)
        .child(header)
        .child(part("soap:Body", "body").child(mapping_request(world)))
}

/// Over Body, every header block and the token.
pub(super) fn signature(world: &World) -> SignatureSpec {
    let parts =
        ["body", "framework", "sender", "message-id", "to", "action", "timestamp"].map(|part| world.id(part));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    wss::signature(&parts, &world.id("token"), &world.id("token-reference"), &world.requester.key)
}

fn mapping_request(world: &World) -> Element {
    let own = saml::name_id("saml:NameID", world.relay.entity_id, world.requester.entity_id, PERSON);
    let policy = Element::new("samlp:NameIDPolicy")
        .attribute("Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted")
        .attribute("SPNameQualifier", world.responder.entity_id);
    let input = Element::new("ims:MappingInput")
        .attribute("reqID", "1")
        .child(Element::declared(ns::SEC, "TokenPolicy").declare(ns::SAMLP).child(policy))
        .child(Element::declared(ns::SEC, "Token").declare(ns::SAML).child(own));
    Element::declared(ns::IMS, "IdentityMappingRequest").child(input)
}

fn uuid(id: &str) -> String {
    let digits = &id[1..];
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
