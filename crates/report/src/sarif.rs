//! `results.sarif`: SARIF 2.1.0. A rule is a sentence, and a result is located at its line in `spec/`, so that a failure
//! shows beside the sentence in a code review. Lines of the transcript are related locations.

use chukei_evidence::{Outcome, Place, Verdict};
use serde_json::{Value, json};

use crate::{Report, Words, sentence};

pub(crate) fn render(report: &Report<'_>, words: &Words<'_>) -> Vec<u8> {
    let header = report.transcript.header();
    let mut rules = Vec::new();
    let mut results = Vec::new();
    for found in report.model.sentences.iter().filter(|found| found.claimed) {
        let Some(sentence) = sentence(&found.id) else { continue };
        let index = rules.len();
        let (text, other) = match words.lang {
            chukei_evidence::Lang::Ja => (sentence.ja, sentence.en),
            chukei_evidence::Lang::En => (sentence.en, sentence.ja),
        };
        rules.push(json!({
            "id": sentence.id,
            "shortDescription": { "text": text },
            "fullDescription": { "text": format!("{text}\n{other}") },
            "defaultConfiguration": { "level": if sentence.level.is_mandatory() { "error" } else { "warning" } },
            "properties": { "level": sentence.level.name(), "role": sentence.role.name() },
        }));
        for result in &found.results {
            // "open": neither passed nor failed. A result of that kind has no level.
            let (kind, level) = match result.outcome {
                Outcome::Fail | Outcome::HarnessError => ("fail", "error"),
                Outcome::Warn => ("fail", "warning"),
                Outcome::Info => ("fail", "note"),
                Outcome::Unreached => ("open", "none"),
                Outcome::Pass | Outcome::NotClaimed => continue,
            };
            let (message, places) = match &result.verdict {
                Verdict::Violated { because, at } => (
                    words.t(
                        "summary.deviation",
                        &[
                            &words.t("label.expected", &[]),
                            &words.say(&because.expected),
                            &words.t("label.observed", &[]),
                            &words.say(&because.observed),
                        ],
                    ),
                    at.as_slice(),
                ),
                Verdict::Unreached { missing } => {
                    (format!("{}: {}", words.t("label.missing", &[]), words.say(missing)), &[][..])
                }
                Verdict::Pass => (words.t("outcome.harness-error", &[]), &[][..]),
            };
            let suppressions = if report.is_expected(found) {
                json!([{ "kind": "external", "status": "accepted" }])
            } else {
                json!([])
            };
            results.push(json!({
                "ruleId": sentence.id,
                "ruleIndex": index,
                "kind": kind,
                "level": level,
                "message": { "text": plain(&message) },
                "locations": [location(&format!("spec/{}.md", sentence.chapter), sentence.line)],
                "relatedLocations": places.iter().map(related).collect::<Vec<Value>>(),
                "suppressions": suppressions,
                "partialFingerprints": { "case/v1": format!("{}:{}:{}", sentence.id, result.judge, result.case) },
                "properties": { "case": result.case, "judge": result.judge, "replay": report.replay(result) },
            }));
        }
    }
    let broken = report.model.broken.iter().map(|broken| {
        json!({ "level": "error", "message": { "text": format!("{}: {}", broken.case, broken.what) } })
    });
    let sarif = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "chukei", "version": header.suite, "language": words.lang.tag(), "rules": rules } },
            "automationDetails": { "id": format!("{}/{}", header.profile, header.seed) },
            "invocations": [{
                "executionSuccessful": report.model.broken.is_empty() && report.transcript.complete(),
                "exitCode": report.model.standing.exit_code(),
                "toolExecutionNotifications": broken.collect::<Vec<Value>>(),
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut bytes = serde_json::to_vec_pretty(&sarif).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn location(uri: &str, line: u32) -> Value {
    json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": { "startLine": line } } })
}

/// Text in which a viewer finds no link: `[text](target)` would be one.
fn plain(text: &str) -> String {
    text.replace("](", "] (")
}

/// The line of an event: the header stands before the first.
fn related(place: &Place) -> Value {
    let mut location = location("transcript.jsonl", place.seq.saturating_add(1));
    if let (Some((from, to)), Some(location)) = (place.bytes, location.as_object_mut()) {
        location.insert("message".into(), json!({ "text": format!("body[{from}..{to}]") }));
    }
    location
}
