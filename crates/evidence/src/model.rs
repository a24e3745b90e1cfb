//! From a transcript to verdicts: what every report is a view of.

use std::collections::BTreeMap;

use chukei_spec::{Index, Profile, Sentence};
use serde::{Deserialize, Serialize};

use crate::{
    Case, Cases, Event, Exchange, Header, Judge, Outcome, Phrase, Registry, Run, Transcript, Verdict, What,
    outcome,
};

/// What a run shows, sentence by sentence. A pure function of transcript and registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The statement that the run as a whole allows.
    pub standing: Standing,
    /// Sentences by outcome.
    pub totals: Totals,
    /// What the profile demands and what its features add, in the order of the standard.
    pub sentences: Vec<SentenceResult>,
    /// Where the suite itself failed. The run is void when there is any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<BrokenCase>,
    /// Sentences of the profile that no selected case puts to the test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_selected: Vec<String>,
    /// Sentences of the profile that no run can show; their text says which other evidence replaces a verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
}

/// The statement that a run as a whole allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Every claimed sentence was put to the test, and no MUST is violated.
    Conformant,
    /// The same for what was selected; says nothing about the rest.
    SelectionMet,
    /// At least one MUST is violated.
    Nonconformant,
    /// No MUST is violated, but not every claimed sentence was put to the test.
    Unproven,
    /// The suite failed; the run says nothing.
    Void,
    /// Nothing was judged, or the run did not come to its end.
    Empty,
}

impl Standing {
    /// The exit code of a run.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Conformant | Self::SelectionMet => 0,
            Self::Nonconformant | Self::Unproven => 1,
            Self::Void => 4,
            Self::Empty => 6,
        }
    }

    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conformant => "conformant",
            Self::SelectionMet => "selection-met",
            Self::Nonconformant => "nonconformant",
            Self::Unproven => "unproven",
            Self::Void => "void",
            Self::Empty => "empty",
        }
    }
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Runs of cases.
    pub cases: u32,
    /// Sentences by the name of their outcome.
    pub sentences: BTreeMap<String, u32>,
}

impl Totals {
    /// Sentences with this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u32 {
        self.sentences.get(outcome.name()).copied().unwrap_or(0)
    }
}

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentenceResult {
    /// Its id.
    pub id: String,
    /// Whether the profile, or a claimed feature, demands it.
    pub claimed: bool,
    /// The gravest of its results.
    pub outcome: Outcome,
    /// Whether one case, run more than once, had different verdicts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsteady: bool,
    /// By judge and case.
    pub results: Vec<CaseResult>,
}

/// What one judge says about one run of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseResult {
    /// The judge.
    pub judge: String,
    /// The case; `*` for the whole run.
    pub case: String,
    /// How often the case had run before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeat: u32,
    /// First event of the case, 0 when it did not run.
    pub start: u32,
    /// What the verdict means by the level of the sentence.
    pub outcome: Outcome,
    /// The verdict.
    pub verdict: Verdict,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A case in which the suite itself failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokenCase {
    /// The case.
    pub case: String,
    /// The event.
    pub seq: u32,
    /// What failed.
    pub what: String,
}

impl Model {
    /// Sentences with this outcome.
    pub fn with(&self, outcome: Outcome) -> impl Iterator<Item = &SentenceResult> {
        self.sentences.iter().filter(move |sentence| sentence.outcome == outcome)
    }

    /// The sentence with this id.
    #[must_use]
    pub fn sentence(&self, id: &str) -> Option<&SentenceResult> {
        self.sentences.iter().find(|sentence| sentence.id == id)
    }

    /// The verdicts as they are stored: indented JSON with a final line feed.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Maps have text keys and no value refuses to be written.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

/// Judges a transcript. No clock, no socket, no randomness: equal transcripts give equal models.
#[must_use]
pub fn judge(transcript: &Transcript, registry: &Registry<'_>) -> Model {
    let (header, events) = (transcript.header(), transcript.events());
    let runs = transcript.cases();
    Court {
        header,
        events,
        complete: transcript.complete(),
        registry,
        profile: Index::profile(&header.profile),
        seen: runs.iter().map(|run| Seen::of(run, &runs, header, events)).collect(),
    }
    .model()
}

struct Court<'a> {
    header: &'a Header,
    events: &'a [Event],
    complete: bool,
    registry: &'a Registry<'a>,
    profile: Option<&'static Profile>,
    seen: Vec<Seen<'a>>,
}

/// One run of a case, as judges see it.
struct Seen<'a> {
    case: &'a str,
    repeat: u32,
    exchange: Exchange<'a>,
    broken: bool,
}

impl<'a> Seen<'a> {
    /// The twin is the twin's run with the same number, or else its first.
    fn of(run: &Run<'a>, runs: &[Run<'a>], header: &'a Header, events: &'a [Event]) -> Self {
        let of_case = events.get(run.events.clone()).unwrap_or_default();
        let alone = Exchange::new(header, of_case, None, events);
        let twins = || runs.iter().filter(|other| Some(other.case) == alone.twin_id());
        let twin = twins().find(|other| other.repeat == run.repeat).or_else(|| twins().next());
        let twin = twin.and_then(|twin| events.get(twin.events.clone()));
        let exchange = Exchange::new(header, of_case, twin, events);
        Self { case: run.case, repeat: run.repeat, exchange, broken: exchange.broken().is_some() }
    }

    fn verdict(&self, judge: &Judge) -> Verdict {
        match self.exchange.lacking() {
            Some(missing) => Verdict::unreached(Phrase::key("missing.offer", [missing])),
            None => (judge.rule)(&self.exchange),
        }
    }
}

impl<'a> Court<'a> {
    fn model(&self) -> Model {
        let mut model = Model {
            standing: Standing::Empty,
            totals: Totals::default(),
            sentences: Vec::new(),
            broken: self.broken(),
            not_selected: Vec::new(),
            elsewhere: Vec::new(),
        };
        for (sentence, claimed) in self.sentences() {
            let judges: Vec<&Judge> =
                self.registry.judges.iter().filter(|j| j.sentence.id == sentence.id).collect();
            if judges.is_empty() && !sentence.is_for_suite() {
                model.elsewhere.push(sentence.id.into());
                continue;
            }
            let results = self.results(sentence, &judges, claimed);
            if results.is_empty() {
                model.not_selected.push(sentence.id.into());
                continue;
            }
            model.sentences.push(SentenceResult {
                id: sentence.id.into(),
                claimed,
                outcome: results.iter().map(|result| result.outcome).max().unwrap_or(Outcome::Unreached),
                unsteady: unsteady(&results),
                results,
            });
        }
        model.totals.cases = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        for result in &model.sentences {
            *model.totals.sentences.entry(result.outcome.name().into()).or_default() += 1;
        }
        model.standing = self.standing(&model);
        model
    }

    fn standing(&self, model: &Model) -> Standing {
        let claimed = || model.sentences.iter().filter(|sentence| sentence.claimed);
        let any = |outcome| claimed().any(|sentence| sentence.outcome == outcome);
        if !model.broken.is_empty() || any(Outcome::HarnessError) {
            Standing::Void
        } else if self.seen.is_empty() || claimed().next().is_none() || !self.complete {
            Standing::Empty
        } else if any(Outcome::Fail) {
            Standing::Nonconformant
        } else if any(Outcome::Unreached) {
            Standing::Unproven
        } else if self.header.selection.is_empty() {
            Standing::Conformant
        } else {
            Standing::SelectionMet
        }
    }

    /// What the profile demands and what its features add, each with whether it is claimed.
    fn sentences(&self) -> impl Iterator<Item = (&'static Sentence, bool)> {
        let features: Vec<&str> = self.header.features.iter().map(String::as_str).collect();
        let known = self.profile;
        Index::sentences().iter().filter_map(move |sentence| {
            let profile = known?;
            let mut optional = profile.features.iter().flat_map(|feature| feature.sentences);
            let listed = profile.sentences.contains(&sentence.id) || optional.any(|id| *id == sentence.id);
            listed.then(|| (sentence, profile.claims(sentence.id, &features)))
        })
    }

    /// Empty when nothing of the sentence was selected.
    fn results(&self, sentence: &Sentence, judges: &[&Judge], claimed: bool) -> Vec<CaseResult> {
        if judges.is_empty() {
            let missing = Verdict::unreached(Phrase::key("missing.judge", [sentence.id]));
            return vec![result_of(("", "", sentence), None, claimed, missing)];
        }
        judges.iter().flat_map(|judge| self.results_of(judge, claimed)).collect()
    }

    fn results_of(&self, judge: &Judge, claimed: bool) -> Vec<CaseResult> {
        let result = |case: &str, seen: Option<&Seen<'_>>, verdict| {
            result_of((judge.id, case, judge.sentence), seen, claimed, verdict)
        };
        match judge.cases {
            Cases::Whole if self.seen.is_empty() => Vec::new(),
            Cases::Whole => {
                let whole = Exchange::new(self.header, self.events, None, self.events);
                match (judge.rule)(&whole) {
                    // What only a whole run is sure to show was not asked for with a part of it.
                    Verdict::Unreached { .. } if !self.header.selection.is_empty() => Vec::new(),
                    verdict => vec![result("*", None, verdict)],
                }
            }
            Cases::Any(beginning) => {
                let seen = self.seen.iter().filter(|seen| seen.case.starts_with(beginning));
                let all = seen.map(|seen| result(seen.case, Some(seen), seen.verdict(judge))).collect();
                reached_or_one(all)
            }
            Cases::Declared | Cases::Each(_) => {
                let mut results = Vec::new();
                for case in self.needed(judge) {
                    let mut runs = self.seen.iter().filter(|seen| seen.case == case).peekable();
                    if runs.peek().is_none() {
                        let missing = Verdict::unreached(self.not_run(case));
                        results.push(result(case, None, missing));
                    }
                    results.extend(runs.map(|seen| result(case, Some(seen), seen.verdict(judge))));
                }
                results
            }
        }
    }

    /// That a case did not run, with the reason where the product's description has it.
    fn not_run(&self, case: &str) -> Phrase {
        let known = self.registry.cases.iter().find(|known| known.id == case);
        match known.and_then(|known| known.unclaimed(&self.header.features)) {
            Some(feature) => Phrase::key("missing.case-of-feature", [case, feature]),
            None => Phrase::key("missing.case", [case]),
        }
    }

    /// Ids of the cases that the judge has to see, as far as the product's roles have them and they were selected. Those of a feature
    /// that is not claimed count only where nothing else shows the sentence, which then stays unproven.
    fn needed(&self, judge: &Judge) -> Vec<&'a str> {
        let roles = self.profile.map_or(&[][..], |profile| profile.roles);
        let Header { selection, features, .. } = self.header;
        let wanted = |case: &&Case| match judge.cases {
            Cases::Each(ids) => ids.contains(&case.id),
            _ => case.sentences.iter().any(|sentence| sentence.id == judge.sentence.id),
        };
        let cases = self.registry.cases.iter().filter(|case| roles.contains(&case.role)).filter(wanted);
        let cases = cases.filter(|case| selection.is_empty() || selection.iter().any(|s| s == case.id));
        let offered = |case: &&Case| case.unclaimed(features).is_none();
        let (own, others): (Vec<&Case>, Vec<&Case>) = cases.partition(offered);
        let needed = if own.is_empty() { others } else { own };
        needed.into_iter().map(|case| case.id).collect()
    }

    /// Failures of the suite, in cases and outside.
    fn broken(&self) -> Vec<BrokenCase> {
        let mut open = "";
        let mut broken = Vec::new();
        for event in self.events {
            match &event.what {
                What::CaseStart { case, .. } => open = case,
                What::CaseEnd { .. } => open = "",
                What::Broken { what } => {
                    broken.push(BrokenCase { case: open.into(), seq: event.seq, what: what.clone() });
                }
                _ => {}
            }
        }
        broken
    }
}

fn result_of(
    (judge, case, sentence): (&str, &str, &Sentence),
    seen: Option<&Seen<'_>>,
    claimed: bool,
    verdict: Verdict,
) -> CaseResult {
    let broken = seen.is_some_and(|seen| seen.broken);
    CaseResult {
        judge: judge.into(),
        case: case.into(),
        repeat: seen.map_or(0, |seen| seen.repeat),
        start: seen.and_then(|seen| seen.exchange.events().first()).map_or(0, |event| event.seq),
        outcome: if broken { Outcome::HarnessError } else { outcome(sentence.level, &verdict, claimed) },
        verdict,
    }
}

/// Results of a judge for which one reached case is enough: those that were reached, or the first that was not.
fn reached_or_one(mut all: Vec<CaseResult>) -> Vec<CaseResult> {
    if all.iter().any(|result| !result.verdict.is_unreached()) {
        all.retain(|result| !result.verdict.is_unreached());
    } else {
        all.truncate(1);
    }
    all
}

/// Whether two runs of one case have verdicts of different kinds by one judge.
fn unsteady(results: &[CaseResult]) -> bool {
    results.iter().any(|one| {
        results.iter().any(|other| {
            (&one.judge, &one.case) == (&other.judge, &other.case)
                && std::mem::discriminant(&one.verdict) != std::mem::discriminant(&other.verdict)
        })
    })
}
