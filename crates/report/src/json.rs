//! `report.json`: the model with the text of its sentences and the facts of the run.

use chukei_evidence::{BrokenCase, CaseResult, Header, Outcome, Product, Standing, Totals, sha256_hex};
use serde::Serialize;

use crate::{Report, sentence};

#[derive(Serialize)]
struct Whole<'a> {
    schema: &'static str,
    standing: Standing,
    exit_code: u8,
    totals: &'a Totals,
    run: Run<'a>,
    sentences: Vec<Line<'a>>,
    broken: &'a [BrokenCase],
    not_selected: &'a [String],
    elsewhere: &'a [String],
    baseline: Option<Baseline<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    suite: &'a str,
    spec: &'a str,
    seed: u64,
    epoch: i64,
    profile: &'a str,
    features: &'a [String],
    selection: &'a [String],
    product: &'a Product,
    complete: bool,
    events: usize,
    transcript_sha256: String,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    role: &'static str,
    level: &'static str,
    ja: &'static str,
    en: &'static str,
    source: String,
    claimed: bool,
    outcome: Outcome,
    unsteady: bool,
    results: &'a [CaseResult],
}

#[derive(Serialize)]
struct Baseline<'a> {
    expected: &'a [String],
    unexpected: &'a [String],
    problems: Vec<Problem<'a>>,
}

#[derive(Serialize)]
struct Problem<'a> {
    line: usize,
    id: &'a str,
    en: String,
    ja: String,
}

pub(crate) fn render(report: &Report<'_>) -> Vec<u8> {
    use chukei_evidence::Lang::{En, Ja};
    let model = report.model;
    let header: &Header = report.transcript.header();
    let sentences = model.sentences.iter().filter_map(|result| {
        let sentence = sentence(&result.id)?;
        Some(Line {
            id: &result.id,
            role: sentence.role.name(),
            level: sentence.level.name(),
            ja: sentence.ja,
            en: sentence.en,
            source: format!("spec/{}.md:{}", sentence.chapter, sentence.line),
            claimed: result.claimed,
            outcome: result.outcome,
            unsteady: result.unsteady,
            results: &result.results,
        })
    });
    let baseline = report.measured.map(|measured| Baseline {
        expected: &measured.expected,
        unexpected: &measured.unexpected,
        problems: measured
            .problems
            .iter()
            .map(|problem| Problem {
                line: problem.line,
                id: &problem.id,
                en: problem.say(En),
                ja: problem.say(Ja),
            })
            .collect(),
    });
    let whole = Whole {
        schema: "chukei-report.v1",
        standing: model.standing,
        exit_code: report.measured.map_or_else(|| model.standing.exit_code(), |m| m.exit_code(model)),
        totals: &model.totals,
        run: Run {
            suite: &header.suite,
            spec: &header.spec,
            seed: header.seed,
            epoch: header.epoch,
            profile: &header.profile,
            features: &header.features,
            selection: &header.selection,
            product: &header.product,
            complete: report.transcript.complete(),
            events: report.transcript.events().len(),
            transcript_sha256: sha256_hex(report.transcript.bytes()),
        },
        sentences: sentences.collect(),
        broken: &model.broken,
        not_selected: &model.not_selected,
        elsewhere: &model.elsewhere,
        baseline,
    };
    // Every key is text and no value refuses to be written.
    let mut json = serde_json::to_vec_pretty(&whole).unwrap_or_default();
    json.push(b'\n');
    json
}
