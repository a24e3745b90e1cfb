//! Failures that are known and allowed until a date: `baseline.toml`.
//!
//! ```toml
//! [[expect]]
//! requirement = "envelope.audience.self"     # or: case = "envelope/audience/other"
//! reason = "fixed in 3.3, in test since May"
//! until = 2026-12-31
//! reason_code = "envelope.audience.accepted" # optional: the failure has to be this one
//! ```
//!
//! An entry that is not needed is an error, like one that is needed and expired: the list can only shrink.

use std::fmt;

use chukei_spec::Index;
use chukei_xml::lexical::DateTime;
use serde::Deserialize;

use crate::{CaseResult, Catalogue, Lang, Model, Outcome, Phrase, Registry, Standing, Verdict};

/// A day of the civil calendar, ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: u16,
    /// Month, 1 … 12.
    pub month: u8,
    /// Day, 1 … 31.
    pub day: u8,
}

impl Date {
    /// The day in UTC of a time in seconds since 1970.
    #[must_use]
    pub fn of(seconds: i64) -> Self {
        let text = DateTime { seconds, nanoseconds: 0 }.format();
        let mut parts = text.split(['-', 'T']);
        let mut part = || parts.next().unwrap_or_default();
        let (year, month, day) = (part(), part(), part());
        // Beyond the years that are written with four digits no baseline is valid.
        Self {
            year: year.parse().unwrap_or(u16::MAX),
            month: month.parse().unwrap_or(12),
            day: day.parse().unwrap_or(31),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Its entries in order.
    pub entries: Vec<Entry>,
}

/// One expected failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is expected to fail.
    pub what: Expected,
    /// Why that is known.
    pub reason: String,
    /// Last day on which it is allowed.
    pub until: Date,
    /// The reason code that the failure has to have.
    pub reason_code: Option<String>,
}

/// What an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every result of a sentence.
    Requirement(String),
    /// Every result of a case.
    Case(String),
}

impl Expected {
    fn id(&self) -> &str {
        match self {
            Self::Requirement(id) | Self::Case(id) => id,
        }
    }

    fn covers(&self, sentence: &str, result: &CaseResult) -> bool {
        match self {
            Self::Requirement(id) => id == sentence,
            Self::Case(id) => *id == result.case,
        }
    }
}

/// A mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong; where the file is no TOML, the parser's words.
    pub what: Phrase,
}

impl fmt::Display for BaselineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = Catalogue::builtin().say(&self.what, Lang::En);
        write!(f, "{}:{}: {what}", self.line, self.column)
    }
}

impl std::error::Error for BaselineError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    expect: Vec<toml::Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    requirement: Option<String>,
    case: Option<String>,
    reason: String,
    until: toml::value::Datetime,
    reason_code: Option<String>,
}

impl Baseline {
    /// Reads `baseline.toml`.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let mistake = |offset: usize, what: Phrase| {
            let before = text.get(..offset).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let column = before.get(line_start..).map_or(0, |rest| rest.chars().count()) + 1;
            BaselineError { line: before.matches('\n').count() + 1, column, what }
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let what = Phrase::key("baseline.toml", [error.message()]);
            mistake(error.span().map_or(0, |span| span.start), what)
        })?;
        let entry = |written: toml::Spanned<Written>| {
            let offset = written.span().start;
            let Written { requirement, case, reason, until, reason_code } = written.into_inner();
            let what = match (requirement, case) {
                (Some(id), None) => Expected::Requirement(id),
                (None, Some(id)) => Expected::Case(id),
                _ => return Err(mistake(offset, Phrase::plain("baseline.either"))),
            };
            if reason.trim().is_empty() {
                return Err(mistake(offset, Phrase::plain("baseline.reason")));
            }
            let toml::value::Datetime { date: Some(date), time: None, offset: None } = until else {
                return Err(mistake(offset, Phrase::plain("baseline.until")));
            };
            let until = Date { year: date.year, month: date.month, day: date.day };
            Ok(Entry { line: mistake(offset, Phrase::plain("")).line, what, reason, until, reason_code })
        };
        let entries = file.expect.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// Holds a model against the list, on a given day.
    #[must_use]
    pub fn measure(&self, model: &Model, registry: &Registry<'_>, today: Date) -> Measured {
        let mut measured = Measured {
            standing: model.standing,
            expected: Vec::new(),
            unexpected: Vec::new(),
            problems: Vec::new(),
        };
        for sentence in model.sentences.iter().filter(|sentence| sentence.claimed) {
            let mut open = sentence.results.iter().filter(|result| counts(result.outcome)).peekable();
            if open.peek().is_none() {
                continue;
            }
            let known = open.all(|result| {
                self.entries.iter().any(|entry| {
                    entry.until >= today && entry.what.covers(&sentence.id, result) && entry.is_about(result)
                })
            });
            let list = if known { &mut measured.expected } else { &mut measured.unexpected };
            list.push(sentence.id.clone());
        }
        for entry in &self.entries {
            measured.problems.extend(entry.problem(model, registry, today).map(|why| Problem {
                line: entry.line,
                id: entry.what.id().into(),
                why,
            }));
        }
        measured
    }
}

const fn counts(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Fail | Outcome::Unreached | Outcome::Warn)
}

impl Entry {
    fn is_about(&self, result: &CaseResult) -> bool {
        match (&self.reason_code, &result.verdict) {
            (None, _) => true,
            (Some(code), Verdict::Violated { because, .. }) => *code == because.code,
            (Some(_), _) => false,
        }
    }

    fn problem(&self, model: &Model, registry: &Registry<'_>, today: Date) -> Option<Why> {
        let known = match &self.what {
            Expected::Requirement(id) => Index::sentence(id).is_some(),
            Expected::Case(id) => registry.case(id).is_some(),
        };
        if !known {
            return Some(Why::Unknown);
        }
        if self.until < today {
            return Some(Why::Expired(self.until));
        }
        let sentences = model.sentences.iter().filter(|sentence| sentence.claimed);
        let results = sentences.flat_map(|sentence| {
            sentence.results.iter().filter(|result| self.what.covers(&sentence.id, result))
        });
        let results: Vec<&CaseResult> = results.collect();
        if results.is_empty() {
            return Some(Why::Unused);
        }
        let failing: Vec<&&CaseResult> = results.iter().filter(|result| counts(result.outcome)).collect();
        if failing.is_empty() {
            return Some(Why::Stale);
        }
        let code = |result: &CaseResult| match &result.verdict {
            Verdict::Violated { because, .. } => because.code.clone(),
            _ => result.outcome.name().into(),
        };
        let matched = failing.iter().any(|result| self.is_about(result));
        failing.first().filter(|_| !matched).map(|result| Why::OtherReason(code(result)))
    }
}

/// A model held against a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    standing: Standing,
    /// Sentences that fail as expected.
    pub expected: Vec<String>,
    /// Sentences that fail and are not expected to.
    pub unexpected: Vec<String>,
    /// Entries that are wrong.
    pub problems: Vec<Problem>,
}

impl Measured {
    /// The exit code of the run: its own where the baseline changes nothing; 1 for what is not expected; 5 for a baseline
    /// that has to be mended; else 0.
    #[must_use]
    pub fn exit_code(&self, model: &Model) -> u8 {
        let unexpected = |outcome| model.with(outcome).any(|sentence| self.unexpected.contains(&sentence.id));
        match self.standing {
            Standing::Void | Standing::Empty => self.standing.exit_code(),
            _ if unexpected(Outcome::Fail) || unexpected(Outcome::Unreached) => 1,
            _ if !self.problems.is_empty() => 5,
            _ => 0,
        }
    }
}

/// An entry that has to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the entry.
    pub line: usize,
    /// What it names.
    pub id: String,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// There is no such requirement or case.
    Unknown,
    /// It passes now: take the entry out.
    Stale,
    /// It was not judged in this run.
    Unused,
    /// Its date has passed.
    Expired(Date),
    /// It fails, but not for this reason.
    OtherReason(String),
}

impl Problem {
    /// The problem, for [`Catalogue::say`].
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        let line = self.line.to_string();
        let id = self.id.as_str();
        match &self.why {
            Why::Unknown => Phrase::key("baseline.unknown", [&line, id]),
            Why::Stale => Phrase::key("baseline.stale", [&line, id]),
            Why::Unused => Phrase::key("baseline.unused", [&line, id]),
            Why::Expired(date) => Phrase::key("baseline.expired", [&line, id, &date.to_string()]),
            Why::OtherReason(code) => Phrase::key("baseline.other-reason", [&line, id, code]),
        }
    }

    /// The problem in the reader's language.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        Catalogue::builtin().say(&self.phrase(), lang)
    }
}
