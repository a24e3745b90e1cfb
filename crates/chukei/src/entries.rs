//! Entries of the access history as a person reads them: from the relay's answer, and from a proof.

use chukei_ledger::Content;
use chukei_profile::history::{Entry, History};
use chukei_xml::lexical::DateTime;

use crate::say::Say;

/// The entries of a history, in their order, one in a line, with their numbers.
pub(crate) fn of_history(history: &History, say: &Say) -> Vec<(u64, String)> {
    let mut lines = Vec::new();
    for entry in &history.entries {
        let Entry { number, at, actor, kind, outcome, authentication, operator, .. } = entry;
        let way = authentication.map(|context| context.name());
        let done = Done { kind: kind.name(), actor, outcome, way, operator: operator.as_deref() };
        lines.push((*number, done.line(*number, *at, say)));
    }
    for entry in &history.withheld {
        lines.push((entry.number, withheld(entry.number, entry.until, say)));
    }
    lines.sort_by_key(|(number, _)| *number);
    lines
}

/// An entry of a proof. Who did it is who provides something, or else who asked.
pub(crate) fn of_proof(number: u64, content: &Content, say: &Say) -> String {
    let Content { kind, requester, provider, outcome, requested_at, answered_at, .. } = content;
    let is_provided = kind == "disclosure";
    let done = Done {
        kind,
        actor: provider.as_deref().filter(|_| is_provided).unwrap_or(requester),
        outcome,
        way: content.authentication.as_deref(),
        operator: content.operator.as_deref(),
    };
    let at = answered_at.unwrap_or(*requested_at);
    let mut line = done.line(number, DateTime { seconds: at, nanoseconds: 0 }, say);
    if is_provided {
        line.push_str(&say.text("entry.asked", [requester.as_str()]));
    } else if let Some(provider) = provider {
        line.push_str(&say.text("entry.about", [provider.as_str()]));
    }
    if !content.items.is_empty() {
        let last = |item: &String| item.rsplit(':').next().unwrap_or_default().to_owned();
        let items: Vec<String> = content.items.iter().map(last).collect();
        line.push_str(&say.text("entry.items", [items.join(", ")]));
    }
    line
}

/// An entry whose content comes later.
pub(crate) fn withheld(number: u64, until: DateTime, say: &Say) -> String {
    say.text("entry.withheld", [number.to_string(), until.format()])
}

struct Done<'a> {
    kind: &'a str,
    actor: &'a str,
    outcome: &'a str,
    way: Option<&'a str>,
    operator: Option<&'a str>,
}

impl Done<'_> {
    fn line(&self, number: u64, at: DateTime, say: &Say) -> String {
        let kind = say.word("history-kind", self.kind);
        let outcome = say.word("history-outcome", self.outcome);
        let mut line =
            say.text("entry.line", [number.to_string(), at.format(), self.actor.to_owned(), kind, outcome]);
        // The outcome of a login says its way already.
        if let Some(way) = self.way.filter(|way| *way != self.outcome) {
            line.push_str(&say.text("entry.way", [say.word("history-outcome", way)]));
        }
        if let Some(operator) = self.operator {
            line.push_str(&say.text("entry.operator", [operator]));
        }
        line
    }
}
