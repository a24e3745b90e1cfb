//! Messages as text, one place each open for a deviation.

/// Namespace declarations of the messages below.
pub const SAML: &str = r#"xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion""#;
/// The same for the protocol.
pub const SAMLP: &str = r#"xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol""#;

/// A short assertion about a person; everything is open for deviations.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Attributes and declarations of the element after those that are always there.
    pub extra: String,
    /// Content of `Issuer`, tags included.
    pub issuer: String,
    /// `Subject`.
    pub subject: String,
    /// `Conditions`.
    pub conditions: String,
    /// `Advice`.
    pub advice: String,
    /// `AuthnStatement`.
    pub authn: String,
    /// `AttributeStatement`.
    pub attributes: String,
}

/// The identifier that every message is about.
pub const NUMBER: &str = "20260001";

impl Default for Assertion {
    fn default() -> Self {
        Self {
            extra: String::new(),
            issuer: "<saml:Issuer>https://relay.example</saml:Issuer>".into(),
            subject: subject(NUMBER),
            conditions:
                "<saml:Conditions NotBefore=\"2026-11-20T00:00:00Z\" NotOnOrAfter=\"2026-11-20T00:05:00Z\">\
                <saml:AudienceRestriction><saml:Audience>https://insurer-b.example</saml:Audience>\
                </saml:AudienceRestriction></saml:Conditions>"
                    .into(),
            advice: String::new(),
            authn: "<saml:AuthnStatement AuthnInstant=\"2026-11-20T00:00:00Z\"><saml:AuthnContext>\
                <saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI\
                </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
                .into(),
            attributes: attributes("", "eligibility"),
        }
    }
}

impl Assertion {
    /// The element.
    #[must_use]
    pub fn xml(&self) -> String {
        let Self { extra, issuer, subject, conditions, advice, authn, attributes } = self;
        format!(
            "<saml:Assertion {SAML} ID=\"_a\" Version=\"2.0\" IssueInstant=\"2026-11-20T00:00:00Z\"{extra}>\
             {issuer}{subject}{conditions}{advice}{authn}{attributes}</saml:Assertion>"
        )
    }
}

/// `Subject` with a `NameID` of this content.
#[must_use]
pub fn subject(name_id: &str) -> String {
    format!("<saml:Subject><saml:NameID>{name_id}</saml:NameID></saml:Subject>")
}

/// `AttributeStatement` with the purpose, its value having these attributes.
#[must_use]
pub fn attributes(extra: &str, purpose: &str) -> String {
    format!(
        "<saml:AttributeStatement><saml:Attribute Name=\"purpose\"><saml:AttributeValue{extra}>{purpose}\
         </saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"
    )
}

/// An assertion that is only about a `NameID` of this content.
#[must_use]
pub fn about(name_id: &str) -> String {
    format!(
        "<saml:Assertion {SAML} ID=\"_a\"><saml:Subject><saml:NameID>{name_id}</saml:NameID></saml:Subject>\
         </saml:Assertion>"
    )
}

/// A response with this `Extensions` and these assertions.
#[must_use]
pub fn response(extensions: &str, assertions: &str) -> String {
    format!(
        "<samlp:Response {SAMLP} {SAML} ID=\"_r\" Version=\"2.0\" IssueInstant=\"2026-11-20T00:00:00Z\">\
         <saml:Issuer>https://relay.example</saml:Issuer>{extensions}<samlp:Status><samlp:StatusCode \
         Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>{assertions}</samlp:Response>"
    )
}
