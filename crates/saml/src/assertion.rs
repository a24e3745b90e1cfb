//! `saml:Assertion` (SAML 2.0 core §2): what one says, and what its signature covered.

use std::fmt;

use chukei_crypto::UnixTime;
use chukei_reason::Reason;
use chukei_xml::{
    Document, Element, Writer, XmlError,
    lexical::{DateTime, decode_base64},
};
use chukei_xml_security::{FromSigned, Signed};

use crate::{NameId, names::*};

/// An assertion of the one shape that the standard has.
///
/// Whoever holds one knows who signed it, and nothing else: audience, time, confirmation and use are still to be checked.
#[derive(Clone)]
pub struct Assertion {
    /// `ID`.
    pub id: String,
    /// `Version`.
    pub version: String,
    /// `IssueInstant`.
    pub issue_instant: DateTime,
    /// `Issuer`.
    pub issuer: String,
    /// `Subject`.
    pub subject: Subject,
    /// `Conditions`.
    pub conditions: Conditions,
    /// Of the one `AttributeStatement`.
    pub attributes: Vec<Attribute>,
    /// The entity whose key made the assertion's own signature; `None` when it carried none.
    pub signer: Option<String>,
    form: Document,
}

/// `saml:Subject`: an identifier in clear or sealed, and who may present the assertion.
#[derive(Clone)]
pub struct Subject {
    /// `NameID`.
    pub name_id: Option<NameId>,
    /// `EncryptedID`, as a document of its own.
    pub encrypted_id: Option<Document>,
    /// `SubjectConfirmation`.
    pub confirmations: Vec<SubjectConfirmation>,
}

/// `saml:SubjectConfirmation` (SAML 2.0 core §2.4.1.1; profiles §3.1).
#[derive(Clone, Debug)]
pub struct SubjectConfirmation {
    /// `Method`.
    pub method: String,
    /// Entity that confirms: `NameID`.
    pub entity: Option<NameId>,
    /// `Recipient`.
    pub recipient: Option<String>,
    /// `NotBefore`.
    pub not_before: Option<DateTime>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<DateTime>,
    /// DER of each certificate of `ds:KeyInfo`: the keys whose holder confirms.
    pub certificates: Vec<Vec<u8>>,
}

/// `saml:Conditions` (SAML 2.0 core §2.5.1).
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// `NotBefore`.
    pub not_before: Option<DateTime>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<DateTime>,
    /// Audiences of each `AudienceRestriction`.
    pub audiences: Vec<Vec<String>>,
    /// Number of `OneTimeUse`.
    pub one_time_use: usize,
    /// Number of conditions of other kinds.
    pub unknown: usize,
}

/// `saml:Attribute` with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `Name`.
    pub name: String,
    /// `AttributeValue`.
    pub value: String,
}

impl FromSigned for Assertion {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let mut assertion = Self::read(signed.element()?)?;
        assertion.signer = Some(assertion.issuer.clone());
        Ok(assertion)
    }
}

impl Assertion {
    /// The assertion at this place of a signed message. `signer` is set, and the content read from what was digested,
    /// if it carries a signature of its own; its form is kept as it stands in the message, signature included.
    ///
    /// # Errors
    /// `Schema`, `DateTime`, `Base64`.
    pub fn in_message(signed: &Signed<'_>, at: Element<'_>) -> Result<Self, XmlError> {
        let proven = signed.assertion(at);
        let mut assertion = Self::content(proven.map_or(at, |(element, _)| element), copy(at)?)?;
        assertion.signer = proven.map(|(_, signer)| signer.to_owned());
        Ok(assertion)
    }

    /// Reads an assertion, whoever made it: `signer` is `None`.
    ///
    /// # Errors
    /// `Schema`, `DateTime`, `Base64`.
    pub fn read(element: Element<'_>) -> Result<Self, XmlError> {
        Self::content(element, copy(element)?)
    }

    fn content(element: Element<'_>, form: Document) -> Result<Self, XmlError> {
        if !element.is(ASSERTION) {
            return Err(element.error(Reason::Schema, format!("{ASSERTION}")));
        }
        element.only_attributes(&["ID", "Version", "IssueInstant"])?;
        let mut children = element.children();
        let issuer = children.required(ISSUER)?;
        issuer.only_attributes(&[])?;
        // Visible only where nobody has verified it.
        children.optional(SIGNATURE)?;
        let subject = Subject::read(children.required(SUBJECT)?)?;
        let conditions = Conditions::read(children.required(CONDITIONS)?)?;
        let attributes = attributes(children.required(ATTRIBUTE_STATEMENT)?)?;
        children.finish()?;
        Ok(Self {
            id: element.required_attribute("ID")?.to_owned(),
            version: element.required_attribute("Version")?.to_owned(),
            issue_instant: date_time(element, "IssueInstant")?
                .ok_or_else(|| element.error(Reason::Schema, "attribute IssueInstant"))?,
            issuer: issuer.text()?.to_owned(),
            subject,
            conditions,
            attributes,
            signer: None,
            form,
        })
    }

    /// Value of the attribute of this name; `None` unless it is there exactly once.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut same = self.attributes.iter().filter(|attribute| attribute.name == name);
        match (same.next(), same.next()) {
            (Some(attribute), None) => Some(&attribute.value),
            _ => None,
        }
    }

    /// The assertion as it came, signature included, to be forwarded: its canonical form is the same.
    #[must_use]
    pub const fn form(&self) -> &Document {
        &self.form
    }
}

/// Identifier, issuer and signer; content may be a person's.
impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertion({:?}, by {:?}, signed by {:?})", self.id, self.issuer, self.signer)
    }
}

impl Subject {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        let mut children = element.children();
        let name_id = children.optional(NAME_ID)?.map(NameId::read).transpose()?;
        let encrypted_id = children.optional(ENCRYPTED_ID)?;
        let encrypted_id = encrypted_id.map(copy).transpose()?;
        let mut confirmations = Vec::new();
        while let Some(confirmation) = children.optional(SUBJECT_CONFIRMATION)? {
            confirmations.push(SubjectConfirmation::read(confirmation)?);
        }
        children.finish()?;
        Ok(Self { name_id, encrypted_id, confirmations })
    }
}

impl SubjectConfirmation {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["Method"])?;
        let mut children = element.children();
        let entity = children.optional(NAME_ID)?.map(NameId::read).transpose()?;
        let data = children.required(SUBJECT_CONFIRMATION_DATA)?;
        children.finish()?;
        data.only_attributes(&["Recipient", "NotBefore", "NotOnOrAfter"])?;
        let mut inner = data.children();
        let mut certificates = Vec::new();
        while let Some(key_info) = inner.optional(KEY_INFO)? {
            let shown = key_info.only(X509_DATA)?.only(X509_CERTIFICATE)?;
            certificates.push(octets(shown)?);
        }
        inner.finish()?;
        Ok(Self {
            method: element.required_attribute("Method")?.to_owned(),
            entity,
            recipient: data.attribute("Recipient").map(str::to_owned),
            not_before: date_time(data, "NotBefore")?,
            not_on_or_after: date_time(data, "NotOnOrAfter")?,
            certificates,
        })
    }
}

impl Conditions {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["NotBefore", "NotOnOrAfter"])?;
        let mut read = Self {
            not_before: date_time(element, "NotBefore")?,
            not_on_or_after: date_time(element, "NotOnOrAfter")?,
            ..Self::default()
        };
        let mut children = element.children();
        while let Some(condition) = children.any()? {
            if condition.is(AUDIENCE_RESTRICTION) {
                let mut audiences = Vec::new();
                let mut rest = condition.children();
                while let Some(audience) = rest.optional(AUDIENCE)? {
                    audience.only_attributes(&[])?;
                    audiences.push(audience.text()?.to_owned());
                }
                rest.finish()?;
                read.audiences.push(audiences);
            } else if condition.is(ONE_TIME_USE) {
                condition.empty()?;
                read.one_time_use = read.one_time_use.saturating_add(1);
            } else {
                read.unknown = read.unknown.saturating_add(1);
            }
        }
        Ok(read)
    }

    /// Whether `party` is the one audience of the one restriction.
    #[must_use]
    pub fn is_only_for(&self, party: &str) -> bool {
        matches!(self.audiences.as_slice(), [one] if matches!(one.as_slice(), [audience] if audience == party))
    }

    /// Whether both ends are given, `now` is within (the first end may be so many seconds ahead), and they are at most so
    /// many seconds apart.
    #[must_use]
    pub fn is_current(&self, now: UnixTime, skew: i64, longest: i64) -> bool {
        let (Some(from), Some(until)) = (self.not_before, self.not_on_or_after) else { return false };
        let now = DateTime { seconds: now.0, nanoseconds: 0 };
        from <= now.plus(skew) && now < until && from < until && until <= from.plus(longest)
    }
}

fn attributes(statement: Element<'_>) -> Result<Vec<Attribute>, XmlError> {
    statement.only_attributes(&[])?;
    let mut read = Vec::new();
    let mut children = statement.children();
    while let Some(attribute) = children.optional(ATTRIBUTE)? {
        attribute.only_attributes(&["Name", "NameFormat"])?;
        let value = attribute.only(ATTRIBUTE_VALUE)?;
        value.only_attributes(&[])?;
        let name = attribute.required_attribute("Name")?.to_owned();
        read.push(Attribute { name, value: value.text()?.to_owned() });
    }
    children.finish()?;
    Ok(read)
}

/// The element, alone, in a document of its own.
fn copy(element: Element<'_>) -> Result<Document, XmlError> {
    Writer::build(|w| {
        w.graft(element);
    })
}

/// Writes an attribute with one value.
pub fn write_attribute(w: &mut Writer<'_>, name: &str, value: &str) {
    w.open(ATTRIBUTE).attribute("Name", name).attribute("NameFormat", ATTRIBUTE_URI);
    w.element(ATTRIBUTE_VALUE, value).close();
}

/// A date and time in an attribute.
///
/// # Errors
/// `DateTime` when it has another form than the one.
pub fn date_time(element: Element<'_>, attribute: &'static str) -> Result<Option<DateTime>, XmlError> {
    let wrong = || element.error(Reason::DateTime, format!("a date and time in UTC as {attribute}"));
    element.attribute(attribute).map(|text| DateTime::parse(text).ok_or_else(wrong)).transpose()
}

pub(crate) fn octets(element: Element<'_>) -> Result<Vec<u8>, XmlError> {
    element.only_attributes(&[])?;
    decode_base64(element.text()?).ok_or_else(|| element.error(Reason::Base64, "canonical base64"))
}
