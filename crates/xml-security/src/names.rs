//! Element names and algorithm identifiers that this crate reads and writes.

use chukei_xml::{Name, ns};

macro_rules! names {
    ($( $name:ident = $namespace:ident, $local:literal; )*) => {
        $( pub(crate) const $name: Name = ns::$namespace.name($local); )*
    };
}

names! {
    SIGNATURE = DS, "Signature";
    SIGNED_INFO = DS, "SignedInfo";
    CANONICALIZATION_METHOD = DS, "CanonicalizationMethod";
    SIGNATURE_METHOD = DS, "SignatureMethod";
    REFERENCE = DS, "Reference";
    TRANSFORMS = DS, "Transforms";
    TRANSFORM = DS, "Transform";
    DIGEST_METHOD = DS, "DigestMethod";
    DIGEST_VALUE = DS, "DigestValue";
    SIGNATURE_VALUE = DS, "SignatureValue";
    KEY_INFO = DS, "KeyInfo";
    X509_DATA = DS, "X509Data";
    X509_CERTIFICATE = DS, "X509Certificate";
    INCLUSIVE_NAMESPACES = EXC_C14N, "InclusiveNamespaces";

    ENCRYPTED_DATA = XENC, "EncryptedData";
    ENCRYPTED_KEY = XENC, "EncryptedKey";
    ENCRYPTION_METHOD = XENC, "EncryptionMethod";
    CIPHER_DATA = XENC, "CipherData";
    CIPHER_VALUE = XENC, "CipherValue";
    MGF = XENC11, "MGF";

    ASSERTION = SAML, "Assertion";
    ENCRYPTED_ASSERTION = SAML, "EncryptedAssertion";
    ISSUER = SAML, "Issuer";

    ENVELOPE = SOAP, "Envelope";
    HEADER = SOAP, "Header";
    BODY = SOAP, "Body";
    SECURITY = WSSE, "Security";
    SECURITY_TOKEN_REFERENCE = WSSE, "SecurityTokenReference";
    TOKEN_REFERENCE = WSSE, "Reference";
    TOKEN_EMBEDDED = WSSE, "Embedded";
    KEY_IDENTIFIER = WSSE, "KeyIdentifier";
    BINARY_SECURITY_TOKEN = WSSE, "BinarySecurityToken";
    TRANSFORMATION_PARAMETERS = WSSE, "TransformationParameters";
    WSU_ID = WSU, "Id";
    SENDER = SB, "Sender";
    ACTOR = SOAP, "actor";
}

/// What `ds:KeyInfo` may say: XML Signature 1.1 §4.5 without what points elsewhere. Only certificates are looked at.
pub(crate) const HINTS: [Name; 7] = [
    X509_DATA,
    ns::DS.name("KeyName"),
    ns::DS.name("KeyValue"),
    ns::DSIG11.name("DEREncodedKeyValue"),
    ns::DS.name("PGPData"),
    ns::DS.name("SPKIData"),
    ns::DS.name("MgmtData"),
];

/// Exclusive XML Canonicalization 1.0 §5.
pub(crate) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// XML Signature §6.6.4.
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// WSS SOAP Message Security 1.1 §8.3.
pub(crate) const STR_TRANSFORM: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";
/// WSS SAML Token Profile 1.1 §3.4.
pub(crate) const SAML_ID: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID";
/// WSS SOAP Message Security 1.1 §6.3.
pub(crate) const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
/// WSS X.509 Token Profile 1.1 §3.1.
pub(crate) const X509_V3: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
/// XML Encryption §3.1.
pub(crate) const ELEMENT_TYPE: &str = "http://www.w3.org/2001/04/xmlenc#Element";

/// Canonicalisations that exist and are refused as algorithms: with comments, or inclusive.
pub(crate) const REFUSED_C14N: [&str; 5] = [
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "http://www.w3.org/2006/12/xml-c14n11",
    "http://www.w3.org/2006/12/xml-c14n11#WithComments",
];
