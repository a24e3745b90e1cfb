//! `saml:NameID` (SAML 2.0 core §2.2.2, §2.2.3).

use std::fmt;

use chukei_crypto::Zeroizing;
use chukei_xml::{Element, Writer, XmlError};

use crate::names::NAME_ID;

/// A number or name, with what says whose it is. Compared exactly: no folding, trimming or normalisation.
#[derive(Clone, PartialEq, Eq)]
pub struct NameId {
    /// The number, character by character as it was written.
    pub value: Zeroizing<String>,
    /// `Format`: the scheme of the number.
    pub format: Option<String>,
    /// `NameQualifier`: who assigned, or vouches for, the number.
    pub name_qualifier: Option<String>,
    /// `SPNameQualifier`: for whom the number is.
    pub sp_name_qualifier: Option<String>,
}

impl NameId {
    /// A number of this scheme, not yet qualified.
    #[must_use]
    pub fn new(format: &str, value: &str) -> Self {
        Self {
            value: Zeroizing::new(value.to_owned()),
            format: Some(format.to_owned()),
            name_qualifier: None,
            sp_name_qualifier: None,
        }
    }

    /// Qualified by who assigned or vouches for it.
    #[must_use]
    pub fn by(self, name_qualifier: &str) -> Self {
        Self { name_qualifier: Some(name_qualifier.to_owned()), ..self }
    }

    /// Qualified by whom it is for.
    #[must_use]
    pub fn for_party(self, sp_name_qualifier: &str) -> Self {
        Self { sp_name_qualifier: Some(sp_name_qualifier.to_owned()), ..self }
    }

    /// Reads the element.
    ///
    /// # Errors
    /// `Schema` for content or attributes that it does not have.
    pub fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["Format", "NameQualifier", "SPNameQualifier"])?;
        let attribute = |name| element.attribute(name).map(str::to_owned);
        Ok(Self {
            value: Zeroizing::new(element.text()?.to_owned()),
            format: attribute("Format"),
            name_qualifier: attribute("NameQualifier"),
            sp_name_qualifier: attribute("SPNameQualifier"),
        })
    }

    /// Writes the element.
    pub fn write(&self, w: &mut Writer<'_>) {
        w.open(NAME_ID);
        let attributes = [
            ("Format", &self.format),
            ("NameQualifier", &self.name_qualifier),
            ("SPNameQualifier", &self.sp_name_qualifier),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                w.attribute(name, value);
            }
        }
        if !self.value.is_empty() {
            w.text(&self.value);
        }
        w.close();
    }
}

/// The scheme; never the number.
impl fmt::Debug for NameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameId({:?}, …)", self.format)
    }
}
