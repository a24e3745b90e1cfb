//! What the HTML shows, in the order in which it shows it. The template only lays it out.

use std::collections::{BTreeMap, BTreeSet};

use chukei_evidence::{
    CaseResult, Lang, Outcome, Place, Product, Run, SentenceResult, Standing, Verdict, What,
};
use chukei_spec::{Index, Sentence};
use chukei_xml::lexical::DateTime;
use serde::Serialize;

use crate::{
    Report, Words,
    cause::missing_groups,
    escape::{one_line, visible},
    facts::facts,
    ladder::{Ladder, ladder},
    message::{self, Shown},
    sentence,
};

#[derive(Serialize)]
pub(crate) struct Page {
    title: String,
    standing: &'static str,
    good: bool,
    statement: String,
    note: String,
    subtitle: Vec<String>,
    totals: Vec<Count>,
    sentences: usize,
    cases: u32,
    contents: Vec<Entry>,
    broken: Vec<Broken>,
    failures: Vec<Card>,
    missing: Vec<Missing>,
    warnings: Vec<Card>,
    infos: Vec<Card>,
    passes: Vec<Area>,
    elsewhere: Vec<Elsewhere>,
    not_claimed: Vec<Plain>,
    not_selected: Vec<Plain>,
    problems: Vec<String>,
    facts: Vec<(String, String)>,
    verify: String,
}

#[derive(Serialize)]
struct Count {
    outcome: &'static str,
    count: u32,
}

#[derive(Serialize)]
struct Entry {
    anchor: &'static str,
    title: String,
    outcome: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct Broken {
    case: String,
    seq: u32,
    what: String,
}

/// A sentence in both languages.
#[derive(Serialize)]
struct Plain {
    id: &'static str,
    level: &'static str,
    strength: String,
    text: &'static str,
    other: &'static str,
    source: String,
    outcome: &'static str,
    /// Cases that put it to the test: the first of them by name, and how many more there are.
    cases: Vec<String>,
    more: usize,
}

#[derive(Serialize)]
struct Missing {
    premise: String,
    sentences: Vec<Plain>,
}

#[derive(Serialize)]
struct Area {
    name: &'static str,
    sentences: Vec<Plain>,
}

#[derive(Serialize)]
struct Elsewhere {
    sentence: Plain,
    evidence: String,
    owner: String,
    why: String,
}

/// A sentence that does not hold.
#[derive(Serialize)]
struct Card {
    sentence: Plain,
    unsteady: bool,
    known: bool,
    hits: Vec<Hit>,
    /// Cases that are named only: the first of them, and how many there are.
    named: Vec<String>,
    more: usize,
    explain: String,
}

/// One case in which it does not hold.
#[derive(Serialize)]
struct Hit {
    case: String,
    deviation: String,
    twin: String,
    judge: String,
    code: String,
    headline: String,
    expected: String,
    observed: String,
    details: Vec<String>,
    messages: Vec<Message>,
    ladder: Option<Ladder>,
    replay: String,
}

#[derive(Serialize)]
struct Message {
    seq: u32,
    /// Shown here for the first time: links lead here.
    first: bool,
    /// Shown earlier in the page.
    again: bool,
    /// No judge points at it: what carries the deviation, shown on demand.
    aside: bool,
    caption: String,
    at: String,
    marks: Vec<(u32, u32)>,
    shown: Shown,
}

/// Cases of one sentence that are shown in full, as long as the page is not long.
const HITS: usize = 3;
/// When messages with so many octets have been shown, a page is long: of further messages only what is near a mark is
/// shown, and of a sentence only one case.
const LONG: usize = 256 * 1024;
/// Cases that are named below a sentence that does not hold.
const NAMES: usize = 24;
/// Cases that are named beside a sentence that holds.
const NAMED: usize = 3;
/// Messages of one case that are shown in full.
const MESSAGES: usize = 2;

pub(crate) fn page(report: &Report<'_>, words: &Words<'_>) -> Page {
    Builder { report, words, runs: report.transcript.cases(), shown: BTreeSet::new(), spent: 0 }.page()
}

/// The statement of the run and what it means.
pub(crate) fn statement(report: &Report<'_>, words: &Words<'_>) -> (String, String) {
    let header = report.transcript.header();
    let product = one_line(&header.product.title());
    let standing = report.model.standing;
    let count = |outcome| {
        let claimed = report.model.with(outcome).filter(|sentence| sentence.claimed);
        claimed.count().to_string()
    };
    let title = words.t(&format!("standing.{}", standing.name()), &[product.trim(), &header.profile]);
    let (failed, unproven) = (count(Outcome::Fail), count(Outcome::Unreached));
    let tested = report.model.sentences.iter().filter(|sentence| sentence.claimed).count().to_string();
    let elsewhere = report.model.elsewhere.len().to_string();
    let features = Index::profile(&header.profile).map_or(&[][..], |profile| profile.features);
    let unclaimed = features.iter().map(|feature| feature.name);
    let unclaimed: Vec<&str> =
        unclaimed.filter(|name| !header.features.iter().any(|claimed| claimed == name)).collect();
    let unclaimed = if unclaimed.is_empty() { "–".to_owned() } else { unclaimed.join(", ") };
    let with: &[&str] = match standing {
        Standing::Conformant => &[&tested, &elsewhere, &unclaimed],
        Standing::Nonconformant => &[&failed, &unproven],
        _ => &[&unproven],
    };
    (title, words.t(&format!("standing-note.{}", standing.name()), with))
}

struct Builder<'a> {
    report: &'a Report<'a>,
    words: &'a Words<'a>,
    runs: Vec<Run<'a>>,
    /// Messages that the page has shown.
    shown: BTreeSet<u32>,
    /// Octets of messages that the page has shown.
    spent: usize,
}

impl Builder<'_> {
    fn page(mut self) -> Page {
        let model = self.report.model;
        let header = self.report.transcript.header();
        let (statement, note) = statement(self.report, self.words);
        let cards = |this: &mut Self, outcome| {
            let found: Vec<&SentenceResult> = model.with(outcome).filter(|found| found.claimed).collect();
            found.into_iter().filter_map(|found| this.card(found)).collect::<Vec<Card>>()
        };
        let failures = cards(&mut self, Outcome::Fail);
        let warnings = cards(&mut self, Outcome::Warn);
        let infos = cards(&mut self, Outcome::Info);
        let missing: Vec<Missing> = missing_groups(self.report, self.words)
            .into_iter()
            .map(|(premise, found)| Missing {
                premise,
                sentences: found.iter().filter_map(|found| self.plain_of(found)).collect(),
            })
            .collect();
        let broken: Vec<Broken> = model
            .broken
            .iter()
            .map(|broken| Broken {
                case: one_line(&broken.case),
                seq: broken.seq,
                what: visible(&broken.what),
            })
            .collect();
        let problems = self.report.measured.map(|measured| {
            measured.problems.iter().map(|problem| visible(&problem.say(self.words.lang))).collect()
        });
        let by_id = |ids: &[String]| -> Vec<Plain> {
            ids.iter().filter_map(|id| sentence(id)).map(|s| self.plain(s, "not-selected")).collect()
        };
        let mut page = Page {
            title: self.words.t("title.page", &[&one_line(&header.product.title())]),
            standing: model.standing.name(),
            good: matches!(model.standing, Standing::Conformant | Standing::SelectionMet),
            statement,
            note,
            subtitle: self.subtitle(),
            totals: Outcome::GRAVEST_FIRST
                .into_iter()
                .map(|outcome| Count { outcome: outcome.name(), count: model.totals.of(outcome) })
                .filter(|count| count.count > 0)
                .collect(),
            sentences: model.sentences.len(),
            cases: model.totals.cases,
            contents: Vec::new(),
            broken,
            failures,
            missing,
            warnings,
            infos,
            passes: self.areas(),
            elsewhere: self.elsewhere(),
            not_claimed: model.with(Outcome::NotClaimed).filter_map(|found| self.plain_of(found)).collect(),
            not_selected: by_id(&model.not_selected),
            problems: problems.unwrap_or_default(),
            facts: facts(self.report, self.words),
            verify: format!("chukei verify {}", self.report.bundle),
        };
        page.contents = self.contents(&page);
        page
    }

    fn contents(&self, page: &Page) -> Vec<Entry> {
        let passes: usize = page.passes.iter().map(|area| area.sentences.len()).sum();
        let missing: usize = page.missing.iter().map(|missing| missing.sentences.len()).sum();
        [
            ("broken", "harness-error", page.broken.len()),
            ("baseline", "warn", page.problems.len()),
            ("failures", "fail", page.failures.len()),
            ("unreached", "unreached", missing),
            ("warnings", "warn", page.warnings.len()),
            ("infos", "info", page.infos.len()),
            ("passes", "pass", passes),
            ("elsewhere", "", page.elsewhere.len()),
            ("not-claimed", "not-claimed", page.not_claimed.len()),
            ("not-selected", "not-claimed", page.not_selected.len()),
        ]
        .into_iter()
        .filter(|(_, _, count)| *count > 0)
        .map(|(anchor, outcome, count)| {
            let title = self.words.t(&format!("contents.{anchor}"), &[]);
            Entry { anchor, title, outcome, count }
        })
        .collect()
    }

    fn subtitle(&self) -> Vec<String> {
        let header = self.report.transcript.header();
        let profile = Index::profile(&header.profile);
        let name = profile.map(|profile| match self.words.lang {
            Lang::Ja => profile.ja,
            Lang::En => profile.en,
        });
        let parts =
            [one_line(&header.product.vendor), name.unwrap_or_default().to_owned(), utc(header.epoch)];
        parts.into_iter().filter(|part| !part.is_empty() && part != Product::UNKNOWN).collect()
    }

    fn plain(&self, sentence: &'static Sentence, outcome: &'static str) -> Plain {
        let (text, other) = match self.words.lang {
            Lang::Ja => (sentence.ja, sentence.en),
            Lang::En => (sentence.en, sentence.ja),
        };
        let strength = match sentence.level.is_mandatory() {
            true => "level.mandatory",
            false if sentence.level == chukei_spec::Level::May => "level.optional",
            false => "level.recommended",
        };
        Plain {
            id: sentence.id,
            level: sentence.level.name(),
            strength: self.words.t(strength, &[]),
            text,
            other,
            source: format!("spec/{}.md:{}", sentence.chapter, sentence.line),
            outcome,
            cases: Vec::new(),
            more: 0,
        }
    }

    fn plain_of(&self, found: &SentenceResult) -> Option<Plain> {
        let reached = || found.results.iter().filter(|result| !result.verdict.is_unreached());
        let plain = self.plain(sentence(&found.id)?, found.outcome.name());
        let cases = reached().take(NAMED).map(|result| self.case_name(result)).collect();
        Some(Plain { cases, more: reached().count().saturating_sub(NAMED), ..plain })
    }

    fn areas(&self) -> Vec<Area> {
        let mut areas: Vec<Area> = Vec::new();
        for found in self.report.model.with(Outcome::Pass) {
            let Some(sentence) = sentence(&found.id) else { continue };
            let Some(plain) = self.plain_of(found) else { continue };
            // A chapter may come back to an area.
            match areas.iter_mut().find(|area| area.name == sentence.area()) {
                Some(area) => area.sentences.push(plain),
                None => areas.push(Area { name: sentence.area(), sentences: vec![plain] }),
            }
        }
        areas
    }

    fn elsewhere(&self) -> Vec<Elsewhere> {
        let row = |id: &String| {
            let found = sentence(id)?;
            let (evidence, owner, why) = match (&found.untestable, found.by_vectors) {
                (Some(untestable), _) => {
                    let why = match self.words.lang {
                        Lang::Ja => untestable.ja,
                        Lang::En => untestable.en,
                    };
                    let owner = self.words.t(&format!("owner.{}", untestable.owner), &[]);
                    (
                        self.words.t(&format!("evidence.{}", untestable.evidence.name()), &[]),
                        owner,
                        why.to_owned(),
                    )
                }
                (None, folder) => {
                    let why = folder.map(|folder| format!("vectors/{folder}")).unwrap_or_default();
                    (self.words.t("evidence.vectors", &[]), self.words.t("owner.vendor", &[]), why)
                }
            };
            Some(Elsewhere { sentence: self.plain(found, ""), evidence, owner, why })
        };
        self.report.model.elsewhere.iter().filter_map(row).collect()
    }

    fn card(&mut self, found: &SentenceResult) -> Option<Card> {
        let plain = self.plain_of(found)?;
        let failing: Vec<&CaseResult> =
            found.results.iter().filter(|result| result.verdict.is_violated()).collect();
        let most = if self.spent > LONG { 1 } else { HITS };
        let hits = failing.iter().take(most).filter_map(|result| self.hit(result)).collect();
        let named = failing.iter().skip(most).take(NAMES).map(|result| self.case_name(result)).collect();
        Some(Card {
            explain: format!("chukei explain {}", plain.id),
            sentence: plain,
            unsteady: found.unsteady,
            known: self.report.is_expected(found),
            hits,
            named,
            more: failing.len().saturating_sub(most),
        })
    }

    fn case_name(&self, result: &CaseResult) -> String {
        match (result.case.as_str(), result.repeat) {
            ("*", _) => self.words.t("label.whole-run", &[]),
            (case, 0) => case.to_owned(),
            (case, repeat) => format!("{case} #{}", repeat + 1),
        }
    }

    fn hit(&mut self, result: &CaseResult) -> Option<Hit> {
        let Verdict::Violated { because, at } = &result.verdict else { return None };
        let exchange = self.report.exchange(result, &self.runs);
        let deviation = exchange.map(|exchange| exchange.deviation()).unwrap_or_default();
        let twin = exchange.and_then(|exchange| exchange.twin_id()).unwrap_or_default();
        let headline = self.words.code(&because.code).unwrap_or_else(|| because.code.clone());
        Some(Hit {
            case: self.case_name(result),
            deviation: visible(deviation),
            twin: visible(twin),
            judge: result.judge.clone(),
            code: because.code.clone(),
            headline,
            expected: self.words.say(&because.expected),
            observed: self.words.say(&because.observed),
            details: because.detail.iter().map(|detail| self.words.say(detail)).collect(),
            messages: self.messages(at, exchange.and_then(|exchange| exchange.delivered())),
            ladder: exchange.and_then(|exchange| ladder(&exchange, at, self.words)),
            replay: self.report.replay(result),
        })
    }

    /// The messages of some places, each once in a page.
    fn messages(&mut self, places: &[Place], delivered: Option<(u32, u32)>) -> Vec<Message> {
        let mut marks: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        let mut order = Vec::new();
        for place in places {
            if !order.contains(&place.seq) {
                order.push(place.seq);
            }
            marks.entry(place.seq).or_default().extend(place.bytes);
        }
        let deviating = delivered.map(|(_, seq)| seq).filter(|seq| !order.contains(seq));
        order.truncate(MESSAGES);
        let mut messages = Vec::new();
        for seq in deviating.into_iter().chain(order) {
            let Some(event) = self.report.transcript.event(seq) else { continue };
            let Some(caption) = self.caption(&event.what) else { continue };
            let marks = marks.remove(&seq).unwrap_or_default();
            // The same message may be marked elsewhere; then it is worth showing again.
            let again = marks.is_empty() && self.shown.contains(&seq);
            let ranges: Vec<_> = marks
                .iter()
                .filter_map(|(from, to)| Some(usize::try_from(*from).ok()?..usize::try_from(*to).ok()?))
                .collect();
            let body = event.what.bodies().last().map_or(&[][..], |body| body.bytes());
            let whole = message::show(if again { &[] } else { body }, &ranges);
            let shown = if self.spent > LONG { whole.thin() } else { whole };
            self.spent = self.spent.saturating_add(shown.bytes);
            let aside = deviating == Some(seq);
            let first = self.shown.insert(seq);
            messages.push(Message { seq, first, again, aside, caption, at: utc(event.at), marks, shown });
        }
        messages
    }

    fn caption(&self, what: &What) -> Option<String> {
        let product = self.words.t("label.product", &[]);
        let terminal = self.report.transcript.header().product.party == "terminal";
        let caption = match what {
            What::Sent { from, method, url_role, .. } => format!("{from} → {product} · {method} {url_role}"),
            What::Answered { exchange, status, .. } => {
                let from = self.report.transcript.events().iter().find_map(|event| match &event.what {
                    What::Sent { exchange: number, from, .. } if number == exchange => Some(from.as_str()),
                    _ => None,
                });
                format!("{product} → {} · HTTP {status}", from.unwrap_or_default())
            }
            What::Called { to, method, path, .. } => format!("{product} → {to} · {method} {path}"),
            What::Replied { exchange, status, .. } => {
                let to = self.report.transcript.events().iter().find_map(|event| match &event.what {
                    What::Called { exchange: number, to, .. } if number == exchange => Some(to.as_str()),
                    _ => None,
                });
                format!("{} → {product} · HTTP {status}", to.unwrap_or_default())
            }
            What::Reset { .. } => format!("{} · ATR", if terminal { "card" } else { product.as_str() }),
            What::Command { token: true, .. } => format!("{product} → token"),
            What::Command { .. } if terminal => format!("{product} → card"),
            What::Responded { .. } if terminal => format!("card → {product}"),
            What::Command { .. } => format!("terminal → {product}"),
            What::Responded { .. } => format!("{product} → terminal"),
            What::Ended { exit, .. } => {
                format!("{product} · exit {}", exit.map_or_else(|| "–".to_owned(), |exit| exit.to_string()))
            }
            What::Control { verb, status, .. } => format!("{verb} · HTTP {status}"),
            _ => return None,
        };
        Some(one_line(&caption))
    }
}

/// `2026-06-01 00:00:00 UTC`.
pub(crate) fn utc(seconds: i64) -> String {
    DateTime { seconds, nanoseconds: 0 }.format().replace('T', " ").replace('Z', " UTC")
}
