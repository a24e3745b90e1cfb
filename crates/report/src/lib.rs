//! Renders what a run shows: HTML for people, JSON, JUnit, SARIF and CSV for programs, a summary for the terminal.
//!
//! Every output is a view of one [`Model`] and its [`Transcript`], a pure function of both: equal runs, equal bytes. A
//! report decides nothing; `chukei verify` does not read it.
//!
//! **Text of the product under test stands in every one of them.** [`html`](Report::html) writes it through a template
//! engine that escapes all of it, needs no network and no script, and shows control and bidirectional characters by
//! their numbers. CSV cells never begin a formula, XML gets no character that XML does not have.

#![forbid(unsafe_code)]

mod cause;
mod csv;
mod escape;
mod facts;
mod html;
mod json;
mod junit;
mod ladder;
mod message;
mod sarif;
mod summary;
mod view;

use std::sync::OnceLock;

use chukei_evidence::{
    CaseResult, Catalogue, Exchange, Lang, Measured, Model, Phrase, Run, SentenceResult, Transcript,
};
use chukei_spec::{Index, Sentence};

/// One run, to be rendered.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What it shows.
    pub model: &'a Model,
    /// What happened.
    pub transcript: &'a Transcript,
    /// Texts of reason codes and phrases, in both languages.
    pub catalogue: &'a Catalogue,
    /// Name of the evidence bundle, for the commands that are shown.
    pub bundle: &'a str,
    /// Name of the description of the product, for the same.
    pub sut: &'a str,
    /// The run held against a baseline, if there is one.
    pub measured: Option<&'a Measured>,
}

/// The labels of reports: same keys in both languages.
#[must_use]
pub fn labels() -> &'static Catalogue {
    static LABELS: OnceLock<Catalogue> = OnceLock::new();
    LABELS.get_or_init(|| {
        // A test reads both files; if they could not be read, keys would be shown in place of labels.
        Catalogue::parse(include_str!("../messages/ja.toml"), include_str!("../messages/en.toml"))
            .unwrap_or_default()
    })
}

/// A label. `KEY-one` stands in for `KEY` when its one argument is 1.
pub(crate) fn label<S: Into<String>>(key: &str, with: impl IntoIterator<Item = S>, lang: Lang) -> String {
    let with: Vec<String> = with.into_iter().map(Into::into).collect();
    let single = format!("{key}-one");
    let is_single = with == ["1"] && labels().text(&single, lang).is_some();
    labels().say(&Phrase::key(if is_single { &single } else { key }, with), lang)
}

/// Texts in the reader's language.
pub(crate) struct Words<'a> {
    pub(crate) lang: Lang,
    catalogue: &'a Catalogue,
}

impl Words<'_> {
    /// A label.
    pub(crate) fn t(&self, key: &str, with: &[&str]) -> String {
        label(key, with.iter().copied(), self.lang)
    }

    /// What a judge said.
    pub(crate) fn say(&self, phrase: &Phrase) -> String {
        escape::visible(&self.catalogue.say(phrase, self.lang))
    }

    /// The text of a reason code, if there is one.
    pub(crate) fn code(&self, code: &str) -> Option<String> {
        let builtin = || Catalogue::builtin().text(code, self.lang);
        self.catalogue.text(code, self.lang).or_else(builtin).map(str::to_owned)
    }
}

impl<'a> Report<'a> {
    /// One self-contained HTML file.
    #[must_use]
    pub fn html(&self, lang: Lang) -> String {
        html::render(self, &self.words(lang))
    }

    /// Everything, as JSON with both languages of every sentence.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        json::render(self)
    }

    /// JUnit XML: one test case for every case that ran.
    #[must_use]
    pub fn junit(&self, lang: Lang) -> String {
        junit::render(self, &self.words(lang))
    }

    /// SARIF 2.1.0: the location of a result is the line of the standard.
    #[must_use]
    pub fn sarif(&self, lang: Lang) -> Vec<u8> {
        sarif::render(self, &self.words(lang))
    }

    /// RFC 4180 with a header line: one line for every verdict.
    #[must_use]
    pub fn csv(&self, lang: Lang) -> String {
        csv::render(self, &self.words(lang))
    }

    /// What a person at a terminal needs to know.
    #[must_use]
    pub fn summary(&self, lang: Lang) -> String {
        summary::render(self, &self.words(lang))
    }

    fn words(&self, lang: Lang) -> Words<'a> {
        Words { lang, catalogue: self.catalogue }
    }

    /// What the judges of a result saw; for the whole run, the case of the first place.
    pub(crate) fn exchange(&self, result: &CaseResult, runs: &[Run<'_>]) -> Option<Exchange<'a>> {
        let wanted = match (result.case.as_str(), first_place(result)) {
            ("*", Some(place)) => place,
            ("*", None) => return None,
            _ => result.start,
        };
        let index = usize::try_from(wanted.checked_sub(1)?).ok()?;
        let run = runs.iter().find(|run| run.events.contains(&index))?;
        let events = self.transcript.events();
        Some(Exchange::new(self.transcript.header(), events.get(run.events.clone())?, None, events))
    }

    /// The command that runs the case of a result again; for the whole run, the case of the first place.
    pub(crate) fn replay(&self, result: &CaseResult) -> String {
        let case = match result.case.as_str() {
            "*" => self.exchange(result, &self.transcript.cases()).map_or("", |exchange| exchange.case()),
            case => case,
        };
        let words = ["chukei replay", self.bundle, case, "--sut", self.sut, "--out again"];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether the baseline expects the sentence to fail.
    pub(crate) fn is_expected(&self, sentence: &SentenceResult) -> bool {
        self.measured.is_some_and(|measured| measured.expected.contains(&sentence.id))
    }
}

fn first_place(result: &CaseResult) -> Option<u32> {
    match &result.verdict {
        chukei_evidence::Verdict::Violated { at, .. } => at.first().map(|place| place.seq),
        _ => None,
    }
}

/// The sentence of a result. A model is made from the same standard, so there is one.
pub(crate) fn sentence(id: &str) -> Option<&'static Sentence> {
    Index::sentence(id)
}
