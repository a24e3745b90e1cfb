//! A small strict reading of `saml:Assertion` and `samlp:Response` (SAML 2.0 core §2.3, §3.2), closed as the
//! standard closes every schema: what is not named here is refused, except inside `Extensions` and `Advice`,
//! which nobody reads. And of a SOAP message, every part of which has to be signed.

use std::collections::BTreeMap;

use chukei_reason::Reason;
use chukei_xml::{Element, Name, XmlError, lexical, ns};
use chukei_xml_security::Signed;

/// Field → value.
pub type Fields = BTreeMap<String, String>;

/// What is read of an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion(pub Fields);

/// What is read of a response and of the one assertion in it; the assertion's fields begin with `Assertion.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response(pub Fields);

impl Assertion {
    /// Name of the element.
    pub const NAME: Name = ns::SAML.name("Assertion");

    /// Reads it.
    ///
    /// # Errors
    /// `RootElement` for another element, `Schema` for anything outside the model, `DateTime` for a malformed
    /// time.
    pub fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut fields = message_attributes(element, Self::NAME, &["ID", "Version", "IssueInstant"])?;
        let mut children = element.children();
        fields.insert("Issuer".into(), plain_text(children.required(ns::SAML.name("Issuer"))?)?);
        subject(children.required(ns::SAML.name("Subject"))?, &mut fields)?;
        if let Some(element) = children.optional(ns::SAML.name("Conditions"))? {
            conditions(element, &mut fields)?;
        }
        children.optional(ns::SAML.name("Advice"))?;
        if let Some(element) = children.optional(ns::SAML.name("AuthnStatement"))? {
            authn_statement(element, &mut fields)?;
        }
        if let Some(element) = children.optional(ns::SAML.name("AttributeStatement"))? {
            attributes(element, &mut fields)?;
        }
        children.finish()?;
        Ok(Self(fields))
    }
}

impl Response {
    /// Name of the element.
    pub const NAME: Name = ns::SAMLP.name("Response");

    /// Reads it.
    ///
    /// # Errors
    /// As [`Assertion::read`], and `AssertionCount` unless there is exactly one assertion, encrypted ones
    /// included.
    pub fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let allowed = ["ID", "Version", "IssueInstant", "Destination", "InResponseTo"];
        let mut fields = message_attributes(element, Self::NAME, &allowed)?;
        let mut children = element.children();
        fields.insert("Issuer".into(), plain_text(children.required(ns::SAML.name("Issuer"))?)?);
        children.optional(ns::SAMLP.name("Extensions"))?;
        let status = children.required(ns::SAMLP.name("Status"))?;
        status.only_attributes(&[])?;
        let code = status.only(ns::SAMLP.name("StatusCode"))?;
        code.only_attributes(&["Value"])?;
        code.empty()?;
        fields.insert("StatusCode".into(), code.required_attribute("Value")?.to_owned());
        let (plain, sealed) = (Assertion::NAME, ns::SAML.name("EncryptedAssertion"));
        let count = element.elements().filter(|child| child.is(plain) || child.is(sealed)).count();
        if count != 1 {
            return Err(element.error(Reason::AssertionCount, "exactly one assertion"));
        }
        if children.optional(sealed)?.is_none() {
            let assertion = Assertion::read(children.required(plain)?)?;
            fields
                .extend(assertion.0.into_iter().map(|(field, value)| (format!("Assertion.{field}"), value)));
        }
        children.finish()?;
        Ok(Self(fields))
    }
}

/// What is read of a SOAP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(pub Fields);

impl Message {
    /// Name of the element.
    pub const NAME: Name = ns::SOAP.name("Envelope");

    /// Reads it.
    ///
    /// # Errors
    /// `Coverage` for a part that is there but not signed, `Schema` for one that is missing.
    pub fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let body = signed.body()?;
        let there = |part: Option<_>, name: Name| {
            part.ok_or_else(|| body.error(Reason::Schema, format!("{name} beside the Body")))
        };
        for name in [ns::WSU.name("Timestamp"), ns::WSSE.name("BinarySecurityToken")] {
            there(signed.security(name)?, name)?;
        }
        let header = |name: Name| there(signed.header(name)?, name);
        header(ns::SBF.name("Framework"))?;
        let sender = header(ns::SB.name("Sender"))?.required_attribute("providerID")?;
        let mut fields = Fields::from([("Sender".to_owned(), sender.to_owned())]);
        for local in ["To", "Action", "MessageID"] {
            fields.insert(local.into(), header(ns::WSA.name(local))?.text()?.to_owned());
        }
        let name_id = body.descendants().find(|element| element.is(ns::SAML.name("NameID")));
        if let Some(name_id) = name_id {
            fields.insert("NameID".into(), name_id.text()?.to_owned());
        }
        Ok(Self(fields))
    }
}

/// The attributes that every SAML message begins with.
fn message_attributes(
    element: Element<'_>,
    name: Name,
    allowed: &[&'static str],
) -> Result<Fields, XmlError> {
    if !element.is(name) {
        return Err(element.error(Reason::RootElement, name.to_string()));
    }
    element.only_attributes(allowed)?;
    let id = element.required_attribute("ID")?;
    if !lexical::is_ncname(id) {
        return Err(element.error(Reason::Schema, "an NCName as ID"));
    }
    if element.required_attribute("Version")? != "2.0" {
        return Err(element.error(Reason::Schema, "Version 2.0"));
    }
    date_time(element, "IssueInstant")?;
    let values = element.attributes().map(|a| (a.local().to_owned(), a.value().to_owned()));
    Ok(values.collect())
}

fn subject(element: Element<'_>, fields: &mut Fields) -> Result<(), XmlError> {
    element.only_attributes(&[])?;
    let mut children = element.children();
    if children.optional(ns::SAML.name("EncryptedID"))?.is_none() {
        let name_id = children.required(ns::SAML.name("NameID"))?;
        name_id.only_attributes(&["Format", "NameQualifier", "SPNameQualifier"])?;
        fields.insert("NameID".into(), name_id.text()?.to_owned());
        for attribute in name_id.attributes() {
            fields.insert(format!("NameID.{}", attribute.local()), attribute.value().to_owned());
        }
    }
    if let Some(confirmation) = children.optional(ns::SAML.name("SubjectConfirmation"))? {
        confirmation.only_attributes(&["Method"])?;
        fields.insert("Method".into(), confirmation.required_attribute("Method")?.to_owned());
        let details = confirmation.only(ns::SAML.name("SubjectConfirmationData"))?;
        details.only_attributes(&["Recipient", "NotOnOrAfter", "InResponseTo"])?;
        fields.insert("Recipient".into(), details.required_attribute("Recipient")?.to_owned());
        date_time(details, "NotOnOrAfter")?;
        let mut inside = details.children();
        inside.optional(ns::DS.name("KeyInfo"))?;
        inside.finish()?;
    }
    children.finish()
}

fn conditions(element: Element<'_>, fields: &mut Fields) -> Result<(), XmlError> {
    element.only_attributes(&["NotBefore", "NotOnOrAfter"])?;
    for name in ["NotBefore", "NotOnOrAfter"] {
        fields.insert(name.into(), date_time(element, name)?.to_owned());
    }
    let mut children = element.children();
    let restriction = children.required(ns::SAML.name("AudienceRestriction"))?;
    restriction.only_attributes(&[])?;
    fields.insert("Audience".into(), plain_text(restriction.only(ns::SAML.name("Audience"))?)?);
    if let Some(once) = children.optional(ns::SAML.name("OneTimeUse"))? {
        once.only_attributes(&[])?;
        once.empty()?;
        fields.insert("OneTimeUse".into(), String::new());
    }
    children.finish()
}

fn authn_statement(element: Element<'_>, fields: &mut Fields) -> Result<(), XmlError> {
    element.only_attributes(&["AuthnInstant", "SessionIndex"])?;
    date_time(element, "AuthnInstant")?;
    let context = element.only(ns::SAML.name("AuthnContext"))?;
    context.only_attributes(&[])?;
    let class = plain_text(context.only(ns::SAML.name("AuthnContextClassRef"))?)?;
    fields.insert("AuthnContextClassRef".into(), class);
    Ok(())
}

fn attributes(element: Element<'_>, fields: &mut Fields) -> Result<(), XmlError> {
    element.only_attributes(&[])?;
    let mut children = element.children();
    while let Some(attribute) = children.optional(ns::SAML.name("Attribute"))? {
        attribute.only_attributes(&["Name", "NameFormat", "FriendlyName"])?;
        let name = attribute.required_attribute("Name")?;
        let value = attribute.only(ns::SAML.name("AttributeValue"))?;
        string_type(value)?;
        let twice = fields.insert(format!("Attribute.{name}"), value.text()?.to_owned()).is_some();
        if twice {
            return Err(attribute.error(Reason::Schema, "each Attribute once"));
        }
    }
    children.finish()
}

/// `xsi:type` may say that a value is a string, and nothing else; no schema location is looked at.
fn string_type(value: Element<'_>) -> Result<(), XmlError> {
    for attribute in value.attributes() {
        let (prefix, local) = attribute.value().split_once(':').unwrap_or(("", attribute.value()));
        let above = std::iter::successors(Some(value), |element| element.parent());
        let bound = above.flat_map(Element::own_declarations).find(|(declared, _)| *declared == prefix);
        let is_type = (attribute.namespace(), attribute.local()) == (ns::XSI.uri(), "type");
        if !is_type || local != "string" || bound.is_none_or(|(_, namespace)| namespace != ns::XS.uri()) {
            return Err(value.error(Reason::Schema, "no attribute but xsi:type=\"xs:string\""));
        }
    }
    Ok(())
}

fn plain_text(element: Element<'_>) -> Result<String, XmlError> {
    element.only_attributes(&[])?;
    Ok(element.text()?.to_owned())
}

fn date_time<'d>(element: Element<'d>, attribute: &'static str) -> Result<&'d str, XmlError> {
    let text = element.required_attribute(attribute)?;
    match lexical::DateTime::parse(text) {
        Some(_) => Ok(text),
        None => Err(element.error(Reason::DateTime, format!("{attribute} as YYYY-MM-DDThh:mm:ssZ"))),
    }
}
