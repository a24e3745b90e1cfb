//! A responder tells the relay what it is about to disclose, and gets a receipt, before it answers.

use std::collections::BTreeSet;

use chukei_idwsf::{Content, Parts, Payload, Status};
use chukei_reason::Reason;
use chukei_xml::{Element, Name, Writer, XmlError, lexical::DateTime, ns};

use crate::{Purpose, linkage::Item, read};

/// `ck:DisclosureNotice`.
pub const NOTICE: Name = ns::CK.name("DisclosureNotice");
/// `ck:DisclosureReceipt`.
pub const RECEIPT: Name = ns::CK.name("DisclosureReceipt");

/// What the requester is about to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Data.
    Answered,
    /// That there are none.
    NoData,
}

impl Outcome {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoData => "no-data",
        }
    }

    /// The outcome of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Answered, Self::NoData].into_iter().find(|outcome| outcome.name() == name)
    }
}

/// `ck:DisclosureNotice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `envelope`: `ID` of the envelope.
    pub envelope: String,
    /// `requester`: who asked.
    pub requester: String,
    /// `at`: when.
    pub at: DateTime,
    /// `outcome`.
    pub outcome: Outcome,
    /// `ck:Item`.
    pub items: BTreeSet<Item>,
    /// `ck:Purpose`.
    pub purpose: Purpose,
}

/// `ck:DisclosureReceipt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// `envelope`.
    pub envelope: String,
    /// `lu:Status`.
    pub status: Status,
}

impl Payload for Notice {
    const NAMES: &'static [Name] = &[NOTICE];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["envelope", "requester", "at", "outcome"])?;
        let mut items = BTreeSet::new();
        let mut children = element.children();
        while let Some(item) = children.optional(read::ITEM)? {
            item.only_attributes(&[])?;
            let known = Item::from_name(item.text()?).filter(|known| items.insert(*known));
            known.ok_or_else(|| item.error(Reason::Query, "known items, each once"))?;
        }
        if items.is_empty() {
            return Err(element.error(Reason::Query, "an item"));
        }
        let purpose = read::purpose(children.required(read::PURPOSE)?)?;
        children.finish()?;
        let outcome = Outcome::from_name(element.required_attribute("outcome")?);
        Ok(Self {
            envelope: element.required_attribute("envelope")?.to_owned(),
            requester: element.required_attribute("requester")?.to_owned(),
            at: read::required_date_time(element, "at")?,
            outcome: outcome.ok_or_else(|| element.error(Reason::Schema, "answered or no-data"))?,
            items,
            purpose,
        })
    }
}

impl Content for Notice {
    const NAME: Name = NOTICE;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(NOTICE).attribute("at", &self.at.format()).attribute("envelope", &self.envelope);
        w.attribute("outcome", self.outcome.name()).attribute("requester", &self.requester);
        for item in &self.items {
            w.element(read::ITEM, item.name());
        }
        w.element(read::PURPOSE, self.purpose.uri()).close();
    }
}

impl Payload for Receipt {
    const NAMES: &'static [Name] = &[RECEIPT];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["envelope"])?;
        let status = Status::read(element.only(Status::NAME)?)?;
        Ok(Self { envelope: element.required_attribute("envelope")?.to_owned(), status })
    }
}

impl Content for Receipt {
    const NAME: Name = RECEIPT;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(RECEIPT).attribute("envelope", &self.envelope);
        self.status.write(w);
        w.close();
    }
}
