//! The judges: pure functions of what was recorded.

mod answers;
mod card;
mod control;
mod envelope_form;
mod faults;
mod history;
mod issuing;
mod ledger;
mod linkage;
mod login;
mod mapping;
mod negative;
mod requester;
mod terminal;
mod terminal_login;
mod withholding;

use chukei_evidence::{Cases, Exchange, Finding, Judge, Phrase, Verdict, What};
use chukei_harness::doctor;
use chukei_spec::Sentence;

/// A rule.
pub(crate) type Rule = fn(&Exchange<'_>) -> Verdict;

/// Every judge.
pub(crate) fn all() -> Vec<Judge> {
    let tables = [
        negative::JUDGES,
        answers::JUDGES,
        faults::JUDGES,
        issuing::JUDGES,
        linkage::JUDGES,
        history::JUDGES,
        mapping::JUDGES,
        requester::JUDGES,
        control::JUDGES,
        card::JUDGES,
        login::JUDGES,
        terminal::JUDGES,
        ledger::JUDGES,
        terminal_login::JUDGES,
        withholding::JUDGES,
    ];
    tables.into_iter().flatten().copied().collect()
}

/// A judge of a sentence, over the cases that declare it.
const fn declared(sentence: &'static Sentence, rule: Rule) -> Judge {
    Judge { id: sentence.id, sentence, cases: Cases::Declared, rule }
}

/// A judge of a sentence, over the whole run.
const fn whole(sentence: &'static Sentence, rule: Rule) -> Judge {
    Judge { id: sentence.id, sentence, cases: Cases::Whole, rule }
}

/// Seconds by which the product's clock may be ahead of what was recorded: hardly any if the suite has set it, else as many
/// as the doctor takes for sound.
fn skew(exchange: &Exchange<'_>) -> i64 {
    const SET: i64 = 2;
    if has_set_clock(exchange) { SET } else { doctor::SKEW }
}

/// Whether the suite has set the product's clock.
fn has_set_clock(exchange: &Exchange<'_>) -> bool {
    let is_clock =
        |what: &What| matches!(what, What::Control { verb, status: 200, .. } if verb == "POST /clock");
    exchange.run().iter().any(|event| is_clock(&event.what))
}

/// A value that has come before: in the first of these messages, and again in the second.
fn repeated(what: &str, value: &str, [first, again]: [u32; 2]) -> Result<(), Verdict> {
    let expected = Phrase::key("expected.another", [first.to_string()]);
    Err(Finding::new(what, expected, value).at([first, again]))
}

/// Passes when every item does; the first that does not says why. Nothing to look at is nothing shown.
fn each<T>(
    items: impl IntoIterator<Item = T>,
    missing: &'static str,
    mut check: impl FnMut(T) -> Result<(), Verdict>,
) -> Verdict {
    let mut any = false;
    for item in items {
        any = true;
        if let Err(verdict) = check(item) {
            return verdict;
        }
    }
    if any { Verdict::Pass } else { Verdict::unreached(Phrase::plain(missing)) }
}
