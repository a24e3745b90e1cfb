//! What a person at a terminal needs to know. Plain text; the caller adds colour or not.

use std::fmt::Write as _;

use chukei_evidence::{Outcome, Verdict};

use crate::{Report, Words, cause::missing_groups, escape::one_line, sentence, view::statement};

/// Failing sentences that are written out.
const MOST: usize = 20;

pub(crate) fn render(report: &Report<'_>, words: &Words<'_>) -> String {
    let model = report.model;
    let mut text = String::new();
    let (title, note) = statement(report, words);
    let _ = writeln!(text, "{title}\n{note}\n");
    let counts =
        Outcome::GRAVEST_FIRST.iter().filter(|outcome| model.totals.of(**outcome) > 0).map(|outcome| {
            format!("{} {}", words.t(&format!("outcome.{}", outcome.name()), &[]), model.totals.of(*outcome))
        });
    let sum =
        words.t("summary.sentences", &[&model.sentences.len().to_string(), &model.totals.cases.to_string()]);
    let _ = writeln!(text, "{} ({sum})", counts.collect::<Vec<_>>().join(" · "));

    for broken in &model.broken {
        let _ = writeln!(text, "\n! {}\n  {}", broken.case, one_line(&broken.what));
    }
    let failing: Vec<_> = model.with(Outcome::Fail).chain(model.with(Outcome::Warn)).collect();
    for found in failing.iter().take(MOST) {
        let Some(sentence) = sentence(&found.id) else { continue };
        let known = if report.is_expected(found) { words.t("summary.baseline", &[]) } else { String::new() };
        let label = words.t(&format!("outcome.{}", found.outcome.name()), &[]);
        let _ = writeln!(text, "\n✕ {} [{label}, {}]{known}", found.id, sentence.level.name());
        let worst = found.results.iter().find(|result| result.outcome == found.outcome);
        let Some((result, Verdict::Violated { because, .. })) = worst.map(|result| (result, &result.verdict))
        else {
            continue;
        };
        for (label, value) in [
            ("label.expected", words.say(&because.expected)),
            ("label.observed", words.say(&because.observed)),
        ] {
            let _ = writeln!(text, "  {}: {}", words.t(label, &[]), short(&value));
        }
        if let Some(cause) = because.detail.first() {
            let _ = writeln!(text, "  {}: {}", words.t("label.cause", &[]), short(&words.say(cause)));
        }
        let _ = writeln!(text, "  {}: {}", words.t("summary.replay", &[]), report.replay(result));
    }
    if let Some(more) = failing.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = writeln!(text, "\n{}", words.t("summary.more", &[&more.to_string()]));
    }
    for (missing, sentences) in missing_groups(report, words) {
        let count = words.t("label.requirements", &[&sentences.len().to_string()]);
        let _ = writeln!(text, "\n? {}: {}\n  {count}", words.t("summary.missing", &[]), short(&missing));
        let names: Vec<&str> = sentences.iter().take(4).map(|found| found.id.as_str()).collect();
        let rest = if sentences.len() > 4 { ", …" } else { "" };
        let _ = writeln!(text, "  {}{rest}", names.join(", "));
    }
    if let Some(measured) = report.measured {
        for problem in &measured.problems {
            let _ = writeln!(text, "\n! {}", problem.say(words.lang));
        }
    }
    text
}

/// On one line, and not more than a line or two of it.
fn short(text: &str) -> String {
    const MOST: usize = 140;
    let line = one_line(text);
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
