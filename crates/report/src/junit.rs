//! `junit.xml`: a suite for every area, a test case for every case that ran.
//!
//! What was not reached is a failure here, never a skip: a skip would be green. Only what a baseline expects is skipped.

use std::{collections::BTreeMap, fmt::Write as _};

use chukei_evidence::{CaseResult, Outcome, SentenceResult, Verdict};

use chukei_spec::Role;

use crate::{Report, Words, escape::xml};

type Found<'a> = Vec<(&'a SentenceResult, &'a CaseResult)>;

pub(crate) fn render(report: &Report<'_>, words: &Words<'_>) -> String {
    // By area, then by case and the number of its run.
    let mut areas: BTreeMap<String, BTreeMap<(String, u32), Found<'_>>> = BTreeMap::new();
    for sentence in report.model.sentences.iter().filter(|sentence| sentence.claimed) {
        for result in &sentence.results {
            let (area, name) = match result.case.as_str() {
                "" | "*" => (sentence.id.split('.').next().unwrap_or_default(), sentence.id.as_str()),
                case => (area(case), case),
            };
            let cases = areas.entry(area.replace('/', ".")).or_default();
            cases.entry((name.into(), result.repeat)).or_default().push((sentence, result));
        }
    }
    for broken in &report.model.broken {
        // A case whose judges saw nothing of it still stopped the run.
        areas
            .entry(area(&broken.case).replace('/', "."))
            .or_default()
            .entry((broken.case.clone(), 0))
            .or_default();
    }

    let header = report.transcript.header();
    let mut body = String::new();
    let mut all = Counts::default();
    for (area, cases) in &areas {
        let mut counts = Counts::default();
        let mut text = String::new();
        for ((name, repeat), found) in cases {
            test_case(report, words, (area, name, *repeat), found, &mut counts, &mut text);
        }
        let _ = writeln!(body, "  <testsuite name=\"{}\" {counts}>", xml(area));
        body.push_str(&text);
        body.push_str("  </testsuite>\n");
        all.add(&counts);
    }
    let product = format!("{} ({})", header.product.title(), header.profile);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {all}>\n{body}</testsuites>\n",
        xml(&product)
    )
}

/// The beginning of a case's id: its first word, or the first two when it begins with a role.
fn area(case: &str) -> &str {
    let end = |skip: usize| case.match_indices('/').nth(skip).map_or(case.len(), |(at, _)| at);
    let first = case.get(..end(0)).unwrap_or(case);
    if Role::from_name(first).is_some() { case.get(..end(1)).unwrap_or(case) } else { first }
}

#[derive(Default)]
struct Counts {
    tests: u32,
    failures: u32,
    errors: u32,
    skipped: u32,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tests, failures, errors, skipped } = self;
        write!(
            f,
            "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"0\""
        )
    }
}

impl Counts {
    const fn add(&mut self, other: &Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
    }
}

fn test_case(
    report: &Report<'_>,
    words: &Words<'_>,
    (area, name, repeat): (&str, &str, u32),
    found: &Found<'_>,
    counts: &mut Counts,
    text: &mut String,
) {
    counts.tests += 1;
    let numbered = if repeat == 0 { name.to_owned() } else { format!("{name} #{}", repeat + 1) };
    let _ =
        writeln!(text, "    <testcase classname=\"{}\" name=\"{}\" time=\"0\">", xml(area), xml(&numbered));
    if !found.is_empty() {
        text.push_str("      <properties>\n");
        for (sentence, _) in found {
            let _ = writeln!(text, "        <property name=\"sentence\" value=\"{}\"/>", xml(&sentence.id));
        }
        text.push_str("      </properties>\n");
    }
    let broken: Vec<&str> = report
        .model
        .broken
        .iter()
        .filter(|broken| broken.case == name)
        .map(|broken| broken.what.as_str())
        .collect();
    let is_bad = |result: &CaseResult| matches!(result.outcome, Outcome::Fail | Outcome::Unreached);
    let (expected, bad): (Found<'_>, Found<'_>) = found
        .iter()
        .copied()
        .filter(|(_, result)| is_bad(result))
        .partition(|(sentence, _)| report.is_expected(sentence));
    if !broken.is_empty() {
        counts.errors += 1;
        let message = words.t("outcome.harness-error", &[]);
        let _ = writeln!(
            text,
            "      <error type=\"harness\" message=\"{}\">{}</error>",
            xml(&message),
            xml(&broken.join("\n"))
        );
    } else if let Some((first, result)) = bad.first() {
        counts.failures += 1;
        let kind = match &result.verdict {
            Verdict::Violated { because, .. } => because.code.clone(),
            _ => "unreached".into(),
        };
        let lines: Vec<String> = bad.iter().map(|(sentence, result)| said(words, sentence, result)).collect();
        let message = said(words, first, result);
        let _ = writeln!(
            text,
            "      <failure type=\"{}\" message=\"{}\">{}&#10;{}</failure>",
            xml(&kind),
            xml(&message),
            xml(&lines.join("\n")),
            xml(&report.replay(result))
        );
    } else if let Some((sentence, result)) = expected.first() {
        counts.skipped += 1;
        let _ = writeln!(text, "      <skipped message=\"{}\"/>", xml(&said(words, sentence, result)));
    }
    let warnings: Vec<String> = found
        .iter()
        .filter(|(_, result)| matches!(result.outcome, Outcome::Warn | Outcome::Info))
        .map(|(sentence, result)| said(words, sentence, result))
        .collect();
    if !warnings.is_empty() {
        let _ = writeln!(text, "      <system-out>{}</system-out>", xml(&warnings.join("\n")));
    }
    text.push_str("    </testcase>\n");
}

/// One verdict on one line.
fn said(words: &Words<'_>, sentence: &SentenceResult, result: &CaseResult) -> String {
    let outcome = words.t(&format!("outcome.{}", result.outcome.name()), &[]);
    let why = match &result.verdict {
        Verdict::Pass => String::new(),
        Verdict::Unreached { missing } => words.say(missing),
        Verdict::Violated { because, .. } => format!(
            "{}: {}; {}: {}",
            words.t("label.expected", &[]),
            words.say(&because.expected),
            words.t("label.observed", &[]),
            words.say(&because.observed)
        ),
    };
    format!("{} [{outcome}] {why}", sentence.id)
}
