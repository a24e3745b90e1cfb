//! Names of elements and identifiers of SOAP, WS-Addressing, WS-Security and ID-WSF.

use chukei_xml::{Name, ns};

/// The one address of a reply: the connection that the request came on (WS-Addressing 1.0 core §2.1).
pub const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";

pub(crate) const ENVELOPE: Name = ns::SOAP.name("Envelope");
pub(crate) const HEADER: Name = ns::SOAP.name("Header");
pub(crate) const BODY: Name = ns::SOAP.name("Body");
pub(crate) const SOAP_FAULT: Name = ns::SOAP.name("Fault");
pub(crate) const MUST_UNDERSTAND: Name = ns::SOAP.name("mustUnderstand");
pub(crate) const ACTOR: Name = ns::SOAP.name("actor");
pub(crate) const NEXT_ACTOR: &str = "http://schemas.xmlsoap.org/soap/actor/next";
pub(crate) const FRAMEWORK: Name = ns::SBF.name("Framework");
pub(crate) const SENDER: Name = ns::SB.name("Sender");
pub(crate) const TARGET_IDENTITY: Name = ns::SB.name("TargetIdentity");
pub(crate) const USAGE_DIRECTIVE: Name = ns::SB.name("UsageDirective");
pub(crate) const PROCESSING_CONTEXT: Name = ns::SB.name("ProcessingContext");
pub(crate) const MESSAGE_ID: Name = ns::WSA.name("MessageID");
pub(crate) const RELATES_TO: Name = ns::WSA.name("RelatesTo");
pub(crate) const TO: Name = ns::WSA.name("To");
pub(crate) const ACTION: Name = ns::WSA.name("Action");
pub(crate) const REPLY_TO: Name = ns::WSA.name("ReplyTo");
pub(crate) const FAULT_TO: Name = ns::WSA.name("FaultTo");
pub(crate) const ADDRESS: Name = ns::WSA.name("Address");
pub(crate) const SECURITY: Name = ns::WSSE.name("Security");
pub(crate) const BINARY_SECURITY_TOKEN: Name = ns::WSSE.name("BinarySecurityToken");
pub(crate) const SECURITY_TOKEN_REFERENCE: Name = ns::WSSE.name("SecurityTokenReference");
pub(crate) const TIMESTAMP: Name = ns::WSU.name("Timestamp");
pub(crate) const CREATED: Name = ns::WSU.name("Created");
pub(crate) const EXPIRES: Name = ns::WSU.name("Expires");
pub(crate) const WSU_ID: Name = ns::WSU.name("Id");
pub(crate) const SIGNATURE: Name = ns::DS.name("Signature");
pub(crate) const PURPOSE: Name = ns::CK.name("Purpose");
pub(crate) const RECEIPTS: Name = ns::CK.name("Receipts");
pub(crate) const RECEIPT: Name = ns::CK.name("Receipt");
pub(crate) const WITHHOLDING: Name = ns::CK.name("Withholding");

/// Header blocks that the standard knows; each stands at most once.
pub(crate) const PROFILED: [Name; 14] = [
    FRAMEWORK,
    SENDER,
    MESSAGE_ID,
    RELATES_TO,
    TO,
    ACTION,
    REPLY_TO,
    FAULT_TO,
    TARGET_IDENTITY,
    USAGE_DIRECTIVE,
    PROCESSING_CONTEXT,
    RECEIPTS,
    WITHHOLDING,
    SECURITY,
];

/// `RelationshipType` of an answer (WS-Addressing 1.0 core §3.1); also meant when it is absent.
pub(crate) const REPLY: &str = "http://www.w3.org/2005/08/addressing/reply";
/// WSS X.509 Token Profile 1.1 §3.1.
pub(crate) const X509_V3: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
/// WSS SOAP Message Security 1.1 §6.3.
pub(crate) const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
/// Liberty ID-WSF SOAP Binding 2.0 §5.1.
pub(crate) const VERSION: &str = "2.0";
