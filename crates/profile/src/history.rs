//! What the relay did with a person's numbers, for that person to see. Entries hold no number, name or content.

use chukei_idwsf::{Content, Parts, Payload};
use chukei_reason::Reason;
use chukei_saml::{NAME_ID, NameId};
use chukei_xml::{Element, Name, Writer, XmlError, lexical::DateTime, ns};

use crate::{Purpose, login::Context, read};

/// `ck:AccessHistoryQuery`.
pub const QUERY: Name = ns::CK.name("AccessHistoryQuery");
/// `ck:AccessHistory`.
pub const HISTORY: Name = ns::CK.name("AccessHistory");
/// Outcome of a mapping that gave an envelope.
pub const GRANTED: &str = "granted";
/// Outcome of a history query.
pub const SHOWN: &str = "shown";

/// Outcome of a carried query that was answered.
pub const ANSWERED: &str = "answered";
/// Outcome of a carried query that the responder refused.
pub const REFUSED: &str = "refused";
/// Outcome of a carried query that nobody answered in time.
pub const NO_ANSWER: &str = "no-answer";
/// Outcome of a carried query whose answer the relay did not accept.
pub const UNSOUND: &str = "unsound";

const ENTRY: Name = ns::CK.name("Entry");
const WITHHELD_ENTRY: Name = ns::CK.name("WithheldEntry");

/// `ck:AccessHistoryQuery`: a portal asks for the person with this number.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// A number of the person, of any scheme; `NameQualifier` says whose.
    pub name_id: NameId,
    /// Which entries.
    pub range: Range,
}

/// Which entries of a history are asked for: the last `limit` of a period that stand before a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// `from`: entries of this moment and later.
    pub from: Option<DateTime>,
    /// `until`: entries before this moment.
    pub until: Option<DateTime>,
    /// `before`: entries with numbers below this.
    pub before: Option<u64>,
    /// `limit`: how many at most, 1 to [`Range::LIMIT`].
    pub limit: u64,
}

impl Range {
    /// How many entries one answer has at most.
    pub const LIMIT: u64 = 1000;
    const ATTRIBUTES: [&str; 4] = ["from", "until", "before", "limit"];

    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        let wrong = || element.error(Reason::Schema, "1 to 1000 as limit");
        let limit = positive(element, "limit")?.unwrap_or(Self::LIMIT);
        Ok(Self {
            from: chukei_saml::date_time(element, "from")?,
            until: chukei_saml::date_time(element, "until")?,
            before: positive(element, "before")?,
            limit: Some(limit).filter(|limit| *limit <= Self::LIMIT).ok_or_else(wrong)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        if let Some(before) = self.before {
            w.attribute("before", &before.to_string());
        }
        if let Some(from) = self.from {
            w.attribute("from", &from.format());
        }
        if self.limit != Self::LIMIT {
            w.attribute("limit", &self.limit.to_string());
        }
        if let Some(until) = self.until {
            w.attribute("until", &until.format());
        }
    }
}

/// All, as far as they fit into an answer.
impl Default for Range {
    fn default() -> Self {
        Self { from: None, until: None, before: None, limit: Self::LIMIT }
    }
}

/// `ck:AccessHistory`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// `total`: how many entries the period has, listed or not.
    pub total: u64,
    /// `ck:Entry`, oldest first.
    pub entries: Vec<Entry>,
    /// `ck:WithheldEntry`, oldest first; each stands where its number belongs.
    pub withheld: Vec<Withheld>,
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
    /// The relay carried a query to a responder.
    Relayed,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Mapping, Self::Disclosure, Self::History, Self::Login, Self::Relayed];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mapping => "mapping",
            Self::Disclosure => "disclosure",
            Self::History => "history",
            Self::Login => "login",
            Self::Relayed => "relayed",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// `ck:WithheldEntry`: shows nothing for now but that there is an entry (chapter 35).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// `number`, as of any entry.
    pub number: u64,
    /// `until`: when its content is shown.
    pub until: DateTime,
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
    /// `outcome`: [`GRANTED`] or a status code, what was disclosed, [`SHOWN`], the way of a login, or what became of a carried query.
    pub outcome: String,
    /// `purpose`.
    pub purpose: Purpose,
    /// `envelope`: `ID` of the envelope, if there is one.
    pub envelope: Option<String>,
    /// `authentication`: how the person had logged in, if the access was made with a session or is a login.
    pub authentication: Option<Context>,
    /// `operator`: serial number of the certificate of the member of staff, if the login was a reception.
    pub operator: Option<String>,
    /// `withheldUntil`: until when it was withheld from the person, if at all.
    pub withheld_until: Option<DateTime>,
}

impl Payload for HistoryQuery {
    const NAMES: &'static [Name] = &[QUERY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&Range::ATTRIBUTES)?;
        Ok(Self { name_id: NameId::read(element.only(NAME_ID)?)?, range: Range::read(element)? })
    }

    fn asks_about_a_person(&self) -> bool {
        true
    }
}

impl Content for HistoryQuery {
    const NAME: Name = QUERY;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(QUERY);
        self.range.write(w);
        self.name_id.write(w);
        w.close();
    }
}

impl Payload for History {
    const NAMES: &'static [Name] = &[HISTORY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["total"])?;
        let missing = || element.error(Reason::Schema, "attribute total");
        let total = read::number(element, "total")?.ok_or_else(missing)?;
        let (mut entries, mut withheld) = (Vec::new(), Vec::new());
        let mut children = element.children();
        loop {
            if let Some(entry) = children.optional(ENTRY)? {
                entries.push(Entry::read(entry)?);
            } else if let Some(entry) = children.optional(WITHHELD_ENTRY)? {
                withheld.push(Withheld::read(entry)?);
            } else {
                break;
            }
        }
        children.finish()?;
        Ok(Self { total, entries, withheld })
    }
}

impl Content for History {
    const NAME: Name = HISTORY;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(HISTORY).attribute("total", &self.total.to_string());
        let mut withheld = self.withheld.iter().peekable();
        for entry in &self.entries {
            while let Some(before) = withheld.next_if(|withheld| withheld.number < entry.number) {
                before.write(w);
            }
            entry.write(w);
        }
        withheld.for_each(|withheld| withheld.write(w));
        w.close();
    }
}

impl Entry {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        const ATTRIBUTES: [&str; 10] = [
            "number",
            "at",
            "actor",
            "kind",
            "outcome",
            "purpose",
            "envelope",
            "authentication",
            "operator",
            "withheldUntil",
        ];
        element.only_attributes(&ATTRIBUTES)?;
        element.empty()?;
        let wrong = |expected: &'static str| move || element.error(Reason::Schema, expected);
        let text = |name| element.required_attribute(name).map(str::to_owned);
        let is_serial = |text: &str| {
            let octets = (2..=42).contains(&text.len()) && text.len().is_multiple_of(2);
            octets && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let operator = |text: &str| {
            let serial = Some(text).filter(|text| is_serial(text));
            serial.map(str::to_owned).ok_or_else(wrong("1 to 21 octets in hexadecimal as operator"))
        };
        let context = |name| Context::from_name(name).ok_or_else(wrong("a way to log in"));
        Ok(Self {
            number: number(element)?,
            at: read::required_date_time(element, "at")?,
            actor: text("actor")?,
            kind: Kind::from_name(&text("kind")?).ok_or_else(wrong("a kind of access"))?,
            outcome: text("outcome")?,
            purpose: Purpose::from_uri(&text("purpose")?).ok_or_else(wrong("a purpose"))?,
            envelope: element.attribute("envelope").map(str::to_owned),
            authentication: element.attribute("authentication").map(context).transpose()?,
            operator: element.attribute("operator").map(operator).transpose()?,
            withheld_until: chukei_saml::date_time(element, "withheldUntil")?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.open(ENTRY).attribute("actor", &self.actor).attribute("at", &self.at.format());
        if let Some(context) = self.authentication {
            w.attribute("authentication", context.name());
        }
        if let Some(envelope) = &self.envelope {
            w.attribute("envelope", envelope);
        }
        w.attribute("kind", self.kind.name()).attribute("number", &self.number.to_string());
        if let Some(operator) = &self.operator {
            w.attribute("operator", operator);
        }
        w.attribute("outcome", &self.outcome).attribute("purpose", self.purpose.uri());
        if let Some(until) = self.withheld_until {
            w.attribute("withheldUntil", &until.format());
        }
        w.close();
    }
}

impl Withheld {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["number", "until"])?;
        element.empty()?;
        Ok(Self { number: number(element)?, until: read::required_date_time(element, "until")? })
    }

    fn write(self, w: &mut Writer<'_>) {
        w.open(WITHHELD_ENTRY).attribute("number", &self.number.to_string());
        w.attribute("until", &self.until.format()).close();
    }
}

fn number(element: Element<'_>) -> Result<u64, XmlError> {
    positive(element, "number")?.ok_or_else(|| element.error(Reason::Schema, "attribute number"))
}

fn positive(element: Element<'_>, name: &'static str) -> Result<Option<u64>, XmlError> {
    let wrong = || element.error(Reason::Schema, format!("a number from 1 as {name}"));
    match read::number(element, name)? {
        Some(0) => Err(wrong()),
        number => Ok(number),
    }
}
