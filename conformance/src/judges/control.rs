//! Chapter 50: the test-control API.

use chukei_evidence::{Exchange, Finding, Judge, Phrase, Verdict};
use chukei_spec::req;
use serde_json::Value;

use super::{declared, each};
use crate::read::Message;

pub(super) const JUDGES: &[Judge] = &[
    declared(req!("control.identity"), identity),
    declared(req!("control.unknown"), unknown),
    declared(req!("control.reset"), reset),
];

fn identity(exchange: &Exchange<'_>) -> Verdict {
    let asked = exchange.controls().filter(|control| control.verb == "GET /identity");
    each(asked.collect::<Vec<_>>(), "missing.identity", |control| {
        let answer = control.answer.json().unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        let verbs = answer.get("verbs").and_then(Value::as_array);
        let has_verbs = verbs.is_some_and(|verbs| verbs.iter().any(|verb| verb == "identity"));
        let lacking = [("product", text("product")), ("build", text("build")), ("verbs", has_verbs)];
        match lacking.iter().find(|(_, there)| !there) {
            Some((name, _)) => Err(Finding::new("control.identity", *name, "–").at([control.seq])),
            None if control.status != 200 => {
                Err(Finding::new("control.identity", "200", control.status.to_string()).at([control.seq]))
            }
            None => Ok(()),
        }
    })
}

fn unknown(exchange: &Exchange<'_>) -> Verdict {
    let asked = exchange.controls().filter(|control| control.status != 0);
    each(asked.collect::<Vec<_>>(), "missing.control", |control| {
        if control.status == 501 {
            return Ok(());
        }
        Err(Finding::new("control.unknown", "501", control.status.to_string()).at([control.seq]))
    })
}

/// What was used before the reset may be used again after it.
fn reset(exchange: &Exchange<'_>) -> Verdict {
    let resets: Vec<_> = exchange.controls().filter(|control| control.verb == "POST /reset").collect();
    let Some(reset) = resets.first() else { return Verdict::unreached(Phrase::plain("missing.control")) };
    if reset.status != 200 {
        return Finding::new("control.reset", "200", reset.status.to_string()).at([reset.seq]);
    }
    let accepted =
        |body: &chukei_evidence::Body| Message::of(body).is_some_and(|message| message.fault().is_none());
    let mut worked = exchange
        .answers()
        .map(|answer| (answer.seq, answer.status == 200 && accepted(answer.body)))
        .collect::<Vec<_>>();
    worked.extend(exchange.controls().filter(|control| control.verb.contains("outcome")).map(|control| {
        let state = control.answer.json().unwrap_or_default();
        (control.seq, state.get("state").and_then(Value::as_str) == Some("accepted"))
    }));
    let before = worked.iter().filter(|(seq, _)| *seq < reset.seq).any(|(_, accepted)| *accepted);
    if !before {
        return Verdict::unreached(Phrase::plain("missing.an-answer"));
    }
    match worked.iter().find(|(seq, _)| *seq > reset.seq) {
        Some((_, true)) => Verdict::Pass,
        Some((seq, false)) => {
            Finding::new("control.reset", Phrase::plain("expected.as-after-start"), "–").at([*seq])
        }
        None => Verdict::unreached(Phrase::plain("missing.an-answer")),
    }
}
