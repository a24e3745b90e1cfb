//! What the reader of a signed or sealed message knows beforehand: the context of a group of vectors.

use serde::{Deserialize, Serialize};

/// What a verifier knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// Where the signature stands and what it covers.
    pub shape: MessageShape,
    /// Time of the decision.
    pub at: String,
    /// Entities and their keys.
    pub trust: Vec<Trusted>,
    /// The signer, where the message does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
}

/// Where the signature of a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageShape {
    /// In a `saml:Assertion` at the root.
    Assertion,
    /// In the one `saml:Assertion` of a `samlp:Response`.
    AssertionInResponse,
    /// In a `samlp:Response` at the root.
    Response,
    /// In both of them.
    Both,
    /// In a `samlp:LogoutRequest` at the root.
    LogoutRequest,
    /// In an `md:EntityDescriptor` at the root.
    Metadata,
    /// In the `wsse:Security` header block of a SOAP message.
    Message,
    /// In the query of an HTTP-Redirect request, over its parameters.
    Query,
}

/// A key of an entity, known beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trusted {
    /// Identifier of the entity.
    pub entity: String,
    /// DER SubjectPublicKeyInfo in base64.
    pub key: String,
    /// The certificate with which the key was registered, DER in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The only use of the key; both uses without it.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub key_use: Option<UseOfKey>,
    /// First time at which the key counts; all earlier ones too without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// First time at which the key no longer counts; never without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// `use` of `md:KeyDescriptor` (SAML 2.0 metadata §2.4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UseOfKey {
    /// Verifies.
    Signing,
    /// Encrypts.
    Encryption,
}

/// What the recipient of a ciphertext knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Path of the element around `xenc:EncryptedData`; `.` for the root.
    pub holder: String,
    /// What the plaintext has to be.
    pub expected: Expected,
    /// The recipient's private keys, DER PKCS#8 in base64. TEST keys, known to everybody.
    pub keys: Vec<String>,
    /// What the plaintext itself is verified with, where it has to be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier: Option<Verifier>,
}

/// The root element of a plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// `saml:NameID`.
    #[serde(rename = "saml:NameID")]
    NameId,
    /// `saml:Assertion`.
    #[serde(rename = "saml:Assertion")]
    Assertion,
}

/// What decides about a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Trust anchors, DER in base64.
    pub anchors: Vec<String>,
    /// Revocation lists at hand, DER in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crls: Vec<String>,
    /// SHA-256 of SubjectPublicKeyInfo of keys that the operator refuses, in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_keys: Vec<String>,
    /// Time of the decision.
    pub at: String,
    /// What the certificate is to be relied on for.
    pub purpose: PurposeOfCertificate,
    /// Whether every certificate below the anchor needs a current list of its issuer.
    pub revocation_required: bool,
}

/// What a certificate is to be relied on for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurposeOfCertificate {
    /// An institution signs messages.
    SignMessages,
    /// A person signs a document with a card.
    SignDocuments,
    /// A TLS client, or an answer to a challenge.
    TlsClient,
    /// A TLS server.
    TlsServer,
    /// A recipient of wrapped keys.
    WrapKeys,
    /// A certification authority.
    SignCertificates,
}

/// What decides about a key that is to be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// SHA-256 of SubjectPublicKeyInfo of keys that the operator refuses, in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_keys: Vec<String>,
    /// Keys that are registered already, DER SubjectPublicKeyInfo in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registered: Vec<String>,
}
