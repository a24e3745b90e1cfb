//! One signature over many parts of a SOAP message (WSS SOAP Message Security 1.1 §8, X.509 Certificate Token Profile).

use chukei_crypto::PrivateKey;
use chukei_xml::{lexical::encode_base64, ns};

use crate::{
    canonical::Form,
    raw::{Element, Node},
    sign::{ReferenceSpec, SignatureSpec, Target, TransformSpec, uri},
};

/// `ValueType` of a certificate in a `wsse:BinarySecurityToken`.
pub const X509V3: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
/// `EncodingType` of a `wsse:BinarySecurityToken`.
pub const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
/// `ValueType` of a `wsse:KeyIdentifier` that names a SAML 2.0 assertion.
pub const SAML_ID: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID";
/// `wsse11:TokenType` of a SAML 2.0 assertion.
pub const SAML_V2: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";

/// A signature over the parts with these identifiers and over the certificate token, by the key of the token.
#[must_use]
pub fn signature(parts: &[&str], token_id: &str, reference_id: &str, key: &PrivateKey) -> SignatureSpec {
    let mut spec = SignatureSpec::over_nothing(key);
    spec.references = parts.iter().map(|id| ReferenceSpec::detached(id)).collect();
    spec.references.push(token_reference(reference_id, token_id));
    spec.key_info = Some(Element::new("ds:KeyInfo").child(x509_reference(reference_id, token_id)));
    spec
}

/// A reference through the STR Dereference Transform: its URI names the `wsse:SecurityTokenReference`, digested is the
/// token.
#[must_use]
pub fn token_reference(reference_id: &str, token_id: &str) -> ReferenceSpec {
    let method = Element::new("ds:CanonicalizationMethod").attribute("Algorithm", uri::EXC_C14N);
    let parameters = Element::declared(ns::WSSE, "TransformationParameters").child(method);
    ReferenceSpec {
        target: Target::Id(token_id.to_owned()),
        form: Form { apex_default: true, ..Form::default() },
        transforms: vec![TransformSpec {
            algorithm: uri::STR_TRANSFORM.to_owned(),
            content: vec![Node::Element(parameters)],
        }],
        ..ReferenceSpec::detached(reference_id)
    }
}

/// A `wsse:SecurityTokenReference` to a certificate in the same message.
#[must_use]
pub fn x509_reference(reference_id: &str, token_id: &str) -> Element {
    let uri = format!("#{token_id}");
    Element::declared(ns::WSSE, "SecurityTokenReference")
        .declare(ns::WSU)
        .attribute("wsu:Id", reference_id)
        .child(Element::new("wsse:Reference").attribute("URI", &uri).attribute("ValueType", X509V3))
}

/// A `wsse:SecurityTokenReference` to a SAML 2.0 assertion in the same message.
#[must_use]
pub fn saml_reference(reference_id: &str, assertion_id: &str) -> Element {
    Element::declared(ns::WSSE, "SecurityTokenReference")
        .declare(ns::WSU)
        .declare(ns::WSSE11)
        .attribute("wsu:Id", reference_id)
        .attribute("wsse11:TokenType", SAML_V2)
        .child(Element::new("wsse:KeyIdentifier").attribute("ValueType", SAML_ID).text(assertion_id))
}

/// A `wsse:BinarySecurityToken` with a certificate.
#[must_use]
pub fn binary_security_token(token_id: &str, certificate: &[u8]) -> Element {
    Element::declared(ns::WSSE, "BinarySecurityToken")
        .declare(ns::WSU)
        .attribute("wsu:Id", token_id)
        .attribute("EncodingType", BASE64_BINARY)
        .attribute("ValueType", X509V3)
        .text(&encode_base64(certificate))
}
