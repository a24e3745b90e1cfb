//! `verdicts.csv`: one line for every verdict.

use chukei_evidence::Verdict;

use crate::{Report, Words, escape::cell, sentence};

const COLUMNS: [&str; 14] = [
    "sentence", "level", "role", "claimed", "outcome", "case", "repeat", "judge", "verdict", "code",
    "expected", "observed", "event", "source",
];

pub(crate) fn render(report: &Report<'_>, words: &Words<'_>) -> String {
    // Without the mark, spreadsheets take the text for Shift_JIS.
    let mut text = format!("\u{feff}{}\r\n", COLUMNS.join(","));
    for result in &report.model.sentences {
        let Some(sentence) = sentence(&result.id) else { continue };
        for case in &result.results {
            let (verdict, code, expected, observed, place) = match &case.verdict {
                Verdict::Pass => ("pass", String::new(), String::new(), String::new(), None),
                Verdict::Unreached { missing } => {
                    ("unreached", String::new(), words.say(missing), String::new(), None)
                }
                Verdict::Violated { because, at } => (
                    "violated",
                    because.code.clone(),
                    words.say(&because.expected),
                    words.say(&because.observed),
                    at.first().map(|place| place.seq),
                ),
            };
            let cells = [
                result.id.clone(),
                sentence.level.name().into(),
                sentence.role.name().into(),
                result.claimed.to_string(),
                case.outcome.name().into(),
                case.case.clone(),
                case.repeat.to_string(),
                case.judge.clone(),
                verdict.into(),
                code,
                expected,
                observed,
                place.map(|seq| seq.to_string()).unwrap_or_default(),
                format!("spec/{}.md:{}", sentence.chapter, sentence.line),
            ];
            text.push_str(&cells.map(|content| cell(&content)).join(","));
            text.push_str("\r\n");
        }
    }
    text
}
