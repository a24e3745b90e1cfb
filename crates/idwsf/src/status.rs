//! `lu:Status` (Liberty ID-WSF 2.0 utility schema): two levels at most.

use chukei_reason::Reason;
use chukei_xml::{Element, Name, Writer, XmlError, ns};

/// Codes of the standard.
pub mod code {
    #![allow(
        missing_docs,
        reason = "the names are the codes; chapter 30 of the standard says what each means"
    )]
    pub const OK: &str = "OK";
    pub const PARTIAL: &str = "Partial";
    pub const FAILED: &str = "Failed";
    pub const NO_DATA: &str = "NoData";
    pub const NOT_MEMBER: &str = "NotMember";
    pub const UNREACHABLE: &str = "Unreachable";
    pub const FORBIDDEN: &str = "Forbidden";
    pub const INVALID: &str = "Invalid";
    pub const DUPLICATE: &str = "Duplicate";
}

/// What became of a request, and of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `code`.
    pub code: String,
    /// `ref`: the part that it is about.
    pub reference: Option<String>,
    /// Second level.
    pub parts: Vec<Status>,
}

impl Status {
    /// `lu:Status`.
    pub const NAME: Name = ns::LU.name("Status");

    /// A status without parts.
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), reference: None, parts: Vec::new() }
    }

    /// About this part.
    #[must_use]
    pub fn about(self, reference: &str) -> Self {
        Self { reference: Some(reference.to_owned()), ..self }
    }

    /// Whether it is `OK`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == code::OK
    }

    /// Reads the element.
    ///
    /// # Errors
    /// `Schema` for another content, or more than two levels.
    pub fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let mut status = Self::level(element)?;
        let mut children = element.children();
        while let Some(part) = children.optional(Self::NAME)? {
            part.empty()?;
            status.parts.push(Self::level(part)?);
        }
        children.finish()?;
        Ok(status)
    }

    fn level(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["code", "ref", "comment"])?;
        let code = element.required_attribute("code")?;
        if code.is_empty() {
            return Err(element.error(Reason::Schema, "a status code"));
        }
        let reference = element.attribute("ref").map(str::to_owned);
        Ok(Self { code: code.to_owned(), reference, parts: Vec::new() })
    }

    /// Writes the element.
    pub fn write(&self, w: &mut Writer<'_>) {
        w.open(Self::NAME).attribute("code", &self.code);
        if let Some(reference) = &self.reference {
            w.attribute("ref", reference);
        }
        for part in &self.parts {
            part.write(w);
        }
        w.close();
    }
}
