//! What the relay did with a person's numbers, for that person to see. Entries hold no number, name or content.

use chukei_idwsf::{Content, Parts, Payload};
use chukei_reason::Reason;
use chukei_saml::{NAME_ID, NameId};
use chukei_xml::{Element, Name, Writer, XmlError, lexical::DateTime, ns};

use crate::{Purpose, read};

/// `ck:AccessHistoryQuery`.
pub const QUERY: Name = ns::CK.name("AccessHistoryQuery");
/// `ck:AccessHistory`.
pub const HISTORY: Name = ns::CK.name("AccessHistory");
/// Outcome of a mapping that gave an envelope.
pub const GRANTED: &str = "granted";
/// Outcome of a history query.
pub const SHOWN: &str = "shown";

const ENTRY: Name = ns::CK.name("Entry");

/// `ck:AccessHistoryQuery`: a portal asks for the person with this number.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// A number of the person, of any scheme; `NameQualifier` says whose.
    pub name_id: NameId,
}

/// `ck:AccessHistory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// `ck:Entry`, oldest first.
    pub entries: Vec<Entry>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An envelope was asked for.
    Mapping,
    /// A responder disclosed something.
    Disclosure,
    /// The history was looked at.
    History,
    /// Somebody logged in, or was logged in, with a card.
    Login,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Mapping, Self::Disclosure, Self::History, Self::Login];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mapping => "mapping",
            Self::Disclosure => "disclosure",
            Self::History => "history",
            Self::Login => "login",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// `ck:Entry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `number`: from 1, without a gap for each person.
    pub number: u64,
    /// `at`: when.
    pub at: DateTime,
    /// `actor`: the party that asked or disclosed.
    pub actor: String,
    /// `kind`.
    pub kind: Kind,
    /// `outcome`: [`GRANTED`] or a status code, what was disclosed, [`SHOWN`], or the way of a login.
    pub outcome: String,
    /// `purpose`.
    pub purpose: Purpose,
    /// `envelope`: `ID` of the envelope, if there is one.
    pub envelope: Option<String>,
}

impl Payload for HistoryQuery {
    const NAMES: &'static [Name] = &[QUERY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        Ok(Self { name_id: NameId::read(element.only(NAME_ID)?)? })
    }

    fn asks_about_a_person(&self) -> bool {
        true
    }
}

impl Content for HistoryQuery {
    const NAME: Name = QUERY;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(QUERY);
        self.name_id.write(w);
        w.close();
    }
}

impl Payload for History {
    const NAMES: &'static [Name] = &[HISTORY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        let mut entries = Vec::new();
        let mut children = element.children();
        while let Some(entry) = children.optional(ENTRY)? {
            entries.push(Entry::read(entry)?);
        }
        children.finish()?;
        Ok(Self { entries })
    }
}

impl Content for History {
    const NAME: Name = HISTORY;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(HISTORY);
        for entry in &self.entries {
            entry.write(w);
        }
        w.close();
    }
}

impl Entry {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["number", "at", "actor", "kind", "outcome", "purpose", "envelope"])?;
        element.empty()?;
        let wrong = |expected: &'static str| move || element.error(Reason::Schema, expected);
        let text = |name| element.required_attribute(name).map(str::to_owned);
        let number = text("number")?.parse().ok().filter(|number| *number > 0);
        Ok(Self {
            number: number.ok_or_else(wrong("a number from 1"))?,
            at: read::required_date_time(element, "at")?,
            actor: text("actor")?,
            kind: Kind::from_name(&text("kind")?).ok_or_else(wrong("a kind of access"))?,
            outcome: text("outcome")?,
            purpose: Purpose::from_uri(&text("purpose")?).ok_or_else(wrong("a purpose"))?,
            envelope: element.attribute("envelope").map(str::to_owned),
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.open(ENTRY).attribute("number", &self.number.to_string()).attribute("at", &self.at.format());
        w.attribute("actor", &self.actor).attribute("kind", self.kind.name());
        w.attribute("outcome", &self.outcome).attribute("purpose", self.purpose.uri());
        if let Some(envelope) = &self.envelope {
            w.attribute("envelope", envelope);
        }
        w.close();
    }
}
