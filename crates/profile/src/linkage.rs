//! What one insurer asks another about a person, and the answer: eligibility and benefits, never a number or a name.

use std::collections::BTreeSet;

use chukei_idwsf::{Checks, Content, Parts, Payload, Refusal, Status};
use chukei_reason::Reason;
use chukei_xml::{Element, Name, Writer, XmlError, lexical::DateTime, ns};

use crate::{Date, Scheme, read};

/// `ck:LinkageQuery`.
pub const QUERY: Name = ns::CK.name("LinkageQuery");
/// `ck:LinkageAnswer`.
pub const ANSWER: Name = ns::CK.name("LinkageAnswer");
/// `ck:RelayedQuery`.
pub const RELAYED: Name = ns::CK.name("RelayedQuery");
/// Items of one query, at most.
pub const MOST_ITEMS: usize = 8;

const ELIGIBILITY: Name = ns::CK.name("Eligibility");
const BENEFIT: Name = ns::CK.name("Benefit");

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// 資格: whether and since when the person is insured.
    Eligibility,
    /// 給付: what was paid.
    Benefits,
}

impl Item {
    /// Every item.
    pub const ALL: [Self; 2] = [Self::Eligibility, Self::Benefits];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eligibility => "eligibility",
            Self::Benefits => "benefits",
        }
    }

    /// The item of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item| item.name() == name)
    }
}

/// `ck:LinkageQuery`: asks about the person of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// `ck:Item`, as written; [`Query::check`] knows them.
    pub items: Vec<String>,
    /// `asOf`: the day that is asked about; today when it is absent.
    pub as_of: Option<Date>,
    /// `onBehalfOf`: the requester for whom the relay asks.
    pub on_behalf_of: Option<String>,
}

/// `ck:RelayedQuery`: asks the relay to ask `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayedQuery {
    /// `to`: the responder.
    pub to: String,
    /// The query in it.
    pub query: Query,
}

/// `ck:LinkageAnswer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `OK` or `NoData`.
    pub status: Status,
    /// `ck:Eligibility`.
    pub eligibility: Vec<Eligibility>,
    /// `ck:Benefit`.
    pub benefits: Vec<Benefit>,
}

/// `ck:Eligibility`: bi-temporal, as of a day and as recorded at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eligibility {
    /// `scheme`: in which the insurer numbers its insured.
    pub scheme: Scheme,
    /// `insurer`: entity identifier of the insurer.
    pub insurer: String,
    /// `from`: first day of the insurance.
    pub from: Date,
    /// `until`: the first day without it.
    pub until: Option<Date>,
    /// `asOf`: the day that this is about.
    pub as_of: Date,
    /// `recordedAt`: when it was recorded.
    pub recorded_at: DateTime,
    /// `validity`.
    pub validity: Validity,
}

/// Whether the person is insured on the day asked about (interpretation 0035).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// 有効.
    Valid,
    /// 無効.
    Invalid,
}

impl Validity {
    /// Every value, with its name on the wire.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Valid, "valid"), (Self::Invalid, "invalid")];

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(value, _)| *value == self).map(|(_, name)| name).unwrap_or_default()
    }

    /// The value of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, own)| *own == name).map(|(value, _)| value)
    }
}

/// `ck:Benefit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benefit {
    /// `kind`.
    pub kind: String,
    /// `from`: first day of the period.
    pub from: Date,
    /// `until`: the first day after it.
    pub until: Option<Date>,
    /// `amount` in yen.
    pub amount: Option<u64>,
}

impl Query {
    /// A query of these items.
    #[must_use]
    pub fn new(items: &[Item], as_of: Option<Date>) -> Self {
        let items = items.iter().map(|item| item.name().to_owned()).collect();
        Self { items, as_of, on_behalf_of: None }
    }

    /// The items, if they are known and there is none twice.
    ///
    /// # Errors
    /// `Query`.
    pub fn check(&self, checks: &Checks) -> Result<BTreeSet<Item>, Refusal> {
        // [linkage.query.form]
        let items: BTreeSet<Item> = self.items.iter().filter_map(|name| Item::from_name(name)).collect();
        let holds = items.len() == self.items.len() && (1..=MOST_ITEMS).contains(&self.items.len());
        checks.require("linkage.query.form", holds, Reason::Query, "one to eight known items, each once")?;
        Ok(items)
    }

    fn from_element(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["asOf", "onBehalfOf"])?;
        let mut items = Vec::new();
        let mut children = element.children();
        while let Some(item) = children.optional(read::ITEM)? {
            item.only_attributes(&[])?;
            items.push(item.text()?.to_owned());
        }
        children.finish()?;
        let on_behalf_of = element.attribute("onBehalfOf").map(str::to_owned);
        Ok(Self { items, as_of: read::date(element, "asOf")?, on_behalf_of })
    }
}

impl Payload for Query {
    const NAMES: &'static [Name] = &[QUERY];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        Self::from_element(element)
    }

    fn asks_about_a_person(&self) -> bool {
        true
    }

    fn shows_an_envelope(&self) -> bool {
        true
    }
}

impl Content for Query {
    const NAME: Name = QUERY;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(QUERY);
        read::write_date(w, "asOf", self.as_of.as_ref());
        if let Some(requester) = &self.on_behalf_of {
            w.attribute("onBehalfOf", requester);
        }
        for item in &self.items {
            w.element(read::ITEM, item);
        }
        w.close();
    }
}

impl Payload for RelayedQuery {
    const NAMES: &'static [Name] = &[RELAYED];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["to"])?;
        let query = Query::from_element(element.only(QUERY)?)?;
        Ok(Self { to: element.required_attribute("to")?.to_owned(), query })
    }

    fn asks_about_a_person(&self) -> bool {
        true
    }

    fn shows_an_envelope(&self) -> bool {
        true
    }
}

impl Content for RelayedQuery {
    const NAME: Name = RELAYED;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(RELAYED).attribute("to", &self.to);
        self.query.write(w);
        w.close();
    }
}

impl Answer {
    /// An answer with the status that its content has.
    #[must_use]
    pub fn new(eligibility: Vec<Eligibility>, benefits: Vec<Benefit>) -> Self {
        let empty = eligibility.is_empty() && benefits.is_empty();
        let code = if empty { chukei_idwsf::code::NO_DATA } else { chukei_idwsf::code::OK };
        Self { status: Status::new(code), eligibility, benefits }
    }

    /// Whether it holds anything.
    #[must_use]
    pub fn has_data(&self) -> bool {
        !self.eligibility.is_empty() || !self.benefits.is_empty()
    }
}

impl Payload for Answer {
    const NAMES: &'static [Name] = &[ANSWER];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        let mut children = element.children();
        let status = Status::read(children.required(Status::NAME)?)?;
        let (mut eligibility, mut benefits) = (Vec::new(), Vec::new());
        loop {
            if let Some(one) = children.optional(ELIGIBILITY)? {
                eligibility.push(Eligibility::read(one)?);
            } else if let Some(one) = children.optional(BENEFIT)? {
                benefits.push(Benefit::read(one)?);
            } else {
                break;
            }
        }
        children.finish()?;
        Ok(Self { status, eligibility, benefits })
    }
}

impl Content for Answer {
    const NAME: Name = ANSWER;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(ANSWER);
        self.status.write(w);
        for eligibility in &self.eligibility {
            eligibility.write(w);
        }
        for benefit in &self.benefits {
            benefit.write(w);
        }
        w.close();
    }
}

/// What is answered about a day, of all periods of a person's insurance: those that hold the day, else the last one before
/// it as `invalid`.
#[must_use]
pub fn eligibility_on(periods: &[Eligibility], day: &Date) -> Vec<Eligibility> {
    let about =
        |period: &Eligibility, validity| Eligibility { as_of: day.clone(), validity, ..period.clone() };
    let begun = periods.iter().filter(|period| period.from <= *day);
    let (current, past): (Vec<_>, Vec<_>) =
        begun.partition(|period| period.until.as_ref().is_none_or(|until| day < until));
    let last = past.into_iter().max_by_key(|period| (&period.until, &period.from));
    match (current.as_slice(), last) {
        ([], Some(last)) => vec![about(last, Validity::Invalid)],
        _ => current.into_iter().map(|period| about(period, Validity::Valid)).collect(),
    }
}

impl Eligibility {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["scheme", "insurer", "from", "until", "asOf", "recordedAt", "validity"])?;
        element.empty()?;
        let missing = |name: &'static str| move || element.error(Reason::Schema, format!("attribute {name}"));
        let validity = Validity::from_name(element.required_attribute("validity")?);
        let scheme = Scheme::from_uri(element.required_attribute("scheme")?);
        Ok(Self {
            scheme: scheme.ok_or_else(missing("scheme"))?,
            insurer: element.required_attribute("insurer")?.to_owned(),
            from: read::date(element, "from")?.ok_or_else(missing("from"))?,
            until: read::date(element, "until")?,
            as_of: read::date(element, "asOf")?.ok_or_else(missing("asOf"))?,
            recorded_at: read::required_date_time(element, "recordedAt")?,
            validity: validity.ok_or_else(missing("validity"))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.open(ELIGIBILITY);
        read::write_date(w, "asOf", Some(&self.as_of));
        read::write_date(w, "from", Some(&self.from));
        w.attribute("insurer", &self.insurer).attribute("recordedAt", &self.recorded_at.format());
        w.attribute("scheme", self.scheme.uri());
        read::write_date(w, "until", self.until.as_ref());
        w.attribute("validity", self.validity.name());
        w.close();
    }
}

impl Benefit {
    fn read(element: Element<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["kind", "from", "until", "amount"])?;
        element.empty()?;
        let missing = || element.error(Reason::Schema, "attribute from");
        let kind = element.required_attribute("kind")?;
        let is_word = |kind: &str| {
            let letters = kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            letters && (1..=64).contains(&kind.len()) && !kind.starts_with('-') && !kind.ends_with('-')
        };
        if !is_word(kind) {
            return Err(element.error(Reason::Schema, "a word of lower-case letters and hyphens as kind"));
        }
        Ok(Self {
            kind: kind.to_owned(),
            from: read::date(element, "from")?.ok_or_else(missing)?,
            until: read::date(element, "until")?,
            amount: read::number(element, "amount")?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.open(BENEFIT);
        if let Some(amount) = self.amount {
            w.attribute("amount", &amount.to_string());
        }
        read::write_date(w, "from", Some(&self.from));
        w.attribute("kind", &self.kind);
        read::write_date(w, "until", self.until.as_ref());
        w.close();
    }
}
