//! Small readers that several messages share.

use chukei_reason::Reason;
use chukei_xml::{
    Element, Name, Writer, XmlError,
    lexical::{DateTime, parse_number},
    ns,
};

use crate::{Date, Purpose};

pub(crate) const ITEM: Name = ns::CK.name("Item");
pub(crate) const PURPOSE: Name = ns::CK.name("Purpose");

pub(crate) fn date(element: Element<'_>, attribute: &'static str) -> Result<Option<Date>, XmlError> {
    let wrong = || element.error(Reason::DateTime, format!("a day as {attribute}"));
    element.attribute(attribute).map(|text| Date::parse(text).ok_or_else(wrong)).transpose()
}

/// [xml.integer.form]
pub(crate) fn number(element: Element<'_>, attribute: &'static str) -> Result<Option<u64>, XmlError> {
    let wrong = || element.error(Reason::Schema, format!("a number as {attribute}"));
    element.attribute(attribute).map(|text| parse_number(text).ok_or_else(wrong)).transpose()
}

pub(crate) fn required_date_time(
    element: Element<'_>,
    attribute: &'static str,
) -> Result<DateTime, XmlError> {
    let missing = || element.error(Reason::Schema, format!("attribute {attribute}"));
    chukei_saml::date_time(element, attribute)?.ok_or_else(missing)
}

pub(crate) fn purpose(element: Element<'_>) -> Result<Purpose, XmlError> {
    element.only_attributes(&[])?;
    let wrong = || element.error(Reason::Purpose, "a purpose of the standard");
    Purpose::from_uri(element.text()?).ok_or_else(wrong)
}

pub(crate) fn write_date(w: &mut Writer<'_>, attribute: &str, date: Option<&Date>) {
    if let Some(date) = date {
        w.attribute(attribute, date.as_str());
    }
}
