//! Names of elements and identifiers of SAML 2.0 that the standard uses.

use chukei_xml::{Name, ns};

/// SAML 2.0 core §2.3.3.
pub const ASSERTION: Name = ns::SAML.name("Assertion");
/// SAML 2.0 core §2.2.3.
pub const NAME_ID: Name = ns::SAML.name("NameID");
/// SAML 2.0 core §2.2.4.
pub const ENCRYPTED_ID: Name = ns::SAML.name("EncryptedID");
/// SAML 2.0 core §3.4.1.1.
pub const NAME_ID_POLICY: Name = ns::SAMLP.name("NameIDPolicy");
/// SAML 2.0 metadata §2.3.2.
pub const ENTITY_DESCRIPTOR: Name = ns::MD.name("EntityDescriptor");
/// SAML 2.0 profiles §3.1.
pub const HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
/// SAML 2.0 core §8.3.6: the identifier of a party.
pub const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
/// SAML 2.0 core §8.2.2.
pub const ATTRIBUTE_URI: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
/// SAML 2.0 bindings §3.2.
pub const SOAP_BINDING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/// SAML 2.0 core §2.2.5.
pub const ISSUER: Name = ns::SAML.name("Issuer");
/// SAML 2.0 core §2.
pub const SUBJECT: Name = ns::SAML.name("Subject");
/// SAML 2.0 core §2.
pub const SUBJECT_CONFIRMATION: Name = ns::SAML.name("SubjectConfirmation");
/// SAML 2.0 core §2.
pub const SUBJECT_CONFIRMATION_DATA: Name = ns::SAML.name("SubjectConfirmationData");
/// SAML 2.0 core §2.
pub const CONDITIONS: Name = ns::SAML.name("Conditions");
/// SAML 2.0 core §2.
pub const AUDIENCE_RESTRICTION: Name = ns::SAML.name("AudienceRestriction");
/// SAML 2.0 core §2.
pub const AUDIENCE: Name = ns::SAML.name("Audience");
/// SAML 2.0 core §2.
pub const ONE_TIME_USE: Name = ns::SAML.name("OneTimeUse");
/// SAML 2.0 core §2.
pub const ATTRIBUTE_STATEMENT: Name = ns::SAML.name("AttributeStatement");
pub(crate) const ATTRIBUTE: Name = ns::SAML.name("Attribute");
pub(crate) const ATTRIBUTE_VALUE: Name = ns::SAML.name("AttributeValue");
pub(crate) const SIGNATURE: Name = ns::DS.name("Signature");
/// XML Signature 1.1 §4.5.
pub const KEY_INFO: Name = ns::DS.name("KeyInfo");
/// XML Signature 1.1 §4.5.
pub const X509_DATA: Name = ns::DS.name("X509Data");
/// XML Signature 1.1 §4.5.
pub const X509_CERTIFICATE: Name = ns::DS.name("X509Certificate");
pub(crate) const ATTRIBUTE_AUTHORITY: Name = ns::MD.name("AttributeAuthorityDescriptor");
pub(crate) const KEY_DESCRIPTOR: Name = ns::MD.name("KeyDescriptor");
pub(crate) const ATTRIBUTE_SERVICE: Name = ns::MD.name("AttributeService");
