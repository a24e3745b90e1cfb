//! Chapter 61: terminals. A rule looks at every visit that can show something; a visit that fails, as it should, stands
//! beside one with a sound card.

use chukei_evidence::{Cases, Exchange, Finding, Judge, Phrase, Pin, Verdict};
use chukei_spec::{Sentence, req};

use super::{Rule, declared, each};
use crate::{
    card::{AUTHENTICATION_CERTIFICATE, AUTHENTICATION_KEY, AUTHENTICATION_PIN, Act, JPKI, What},
    visit::{Visit, contents, visits},
};

pub(super) const JUDGES: &[Judge] = &[
    any(req!("terminal.visit.ends"), ends),
    any(req!("terminal.visit.next"), next),
    any(req!("terminal.visit.true"), is_true),
    any(req!("terminal.select.again"), again),
    any(req!("terminal.card.same"), same),
    any(req!("terminal.read.no-pin"), no_pin),
    declared(req!("terminal.read.whole"), whole),
    declared(req!("terminal.id.digits"), not_accepted),
    declared(req!("terminal.certificate.valid"), not_accepted),
    declared(req!("terminal.login.signs"), signs),
    any(req!("terminal.pin.selected"), selected),
    any(req!("terminal.pin.once"), once),
    declared(req!("terminal.pin.blocked"), blocked),
    any(req!("terminal.pin.hidden"), hidden),
    declared(req!("terminal.signature.verified"), not_accepted),
    any(req!("terminal.result.form"), form),
    declared(req!("terminal.pin.tries"), tries),
];

/// A judge that looks at every case of a terminal: one that shows something is enough, and none may violate.
pub(super) const fn any(sentence: &'static Sentence, rule: Rule) -> Judge {
    Judge { id: sentence.id, sentence, cases: Cases::Any("terminal/"), rule }
}

type Checked = Result<(), Verdict>;

const NOTHING: &str = "missing.visit";

pub(super) fn exit(visit: &Visit) -> Phrase {
    visit.exit.map_or_else(
        || Phrase::plain("observed.not-ended"),
        |exit| Phrase::key("observed.exit", [exit.to_string()]),
    )
}

/// The task was told to be done.
fn done(visit: &Visit) -> Checked {
    if visit.is_done() {
        return Ok(());
    }
    Err(Finding::new("terminal.not-done", Phrase::plain("expected.exit-0"), exit(visit)).at([visit.end]))
}

/// The task was told not to be done.
fn failed(visit: &Visit) -> Checked {
    match visit.exit {
        Some(exit) if exit != 0 => Ok(()),
        _ => Err(Finding::new("terminal.accepted", Phrase::plain("expected.exit-not-0"), exit(visit))
            .at([visit.end])),
    }
}

fn sent(code: &str, act: &Act) -> Verdict {
    Finding::new(code, Phrase::plain("expected.no-command"), act.name()).at([act.seq])
}

fn ends(exchange: &Exchange<'_>) -> Verdict {
    let cut = visits(exchange).into_iter().filter(|visit| visit.acts.iter().any(|act| act.is_unanswered()));
    each(cut, NOTHING, |visit| match visit.exit {
        Some(_) => Ok(()),
        None => Err(Finding::new("terminal.hangs", Phrase::plain("expected.end"), exit(&visit))
            .at([visit.end, visit.seq])),
    })
}

fn next(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let after = visits.iter().zip(visits.iter().skip(1));
    let after = after.filter(|(first, then)| !first.is_done() && then.is_sound());
    each(after, NOTHING, |(_, then)| done(then))
}

fn has_signed(acts: &[Act]) -> bool {
    acts.iter().any(|act| {
        let is_sign = act.what == What::Sign && act.file == Some(AUTHENTICATION_KEY);
        is_sign && act.is_done() && act.verified.contains(&AUTHENTICATION_PIN)
    })
}

/// The card has carried out the task, without a reset in between.
fn carried_out(visit: &Visit) -> Checked {
    let holds = match visit.task.as_str() {
        "read" | "reception" => {
            visit.sessions().any(|acts| contents(acts, AUTHENTICATION_CERTIFICATE).is_some())
        }
        // Without a card; what the relay has granted is another sentence's matter.
        "visible-number" => true,
        _ => visit.sessions().any(has_signed),
    };
    if holds {
        return Ok(());
    }
    let wanted = Phrase::key("expected.task", [visit.task.as_str()]);
    Err(Finding::new("terminal.untrue", wanted, exit(visit)).at([visit.end, visit.seq]))
}

fn is_true(exchange: &Exchange<'_>) -> Verdict {
    let told = visits(exchange).into_iter().filter(Visit::is_done);
    each(told, NOTHING, |visit| carried_out(&visit))
}

/// Whether a command needs an application to be selected.
const fn needs_application(act: &Act) -> bool {
    matches!(act.what, What::File | What::Read(_) | What::Enter(_) | What::Sign)
}

fn again(exchange: &Exchange<'_>) -> Verdict {
    let lost = visits(exchange).into_iter().filter(|visit| visit.acts.iter().any(|act| act.silent));
    each(lost, NOTHING, |visit| {
        let blind = visit.aware().find(|act| needs_application(act) && act.application.is_empty());
        blind.map_or(Ok(()), |act| Err(sent("terminal.not-selected", act)))
    })
}

fn same(exchange: &Exchange<'_>) -> Verdict {
    let swapped = visits(exchange).into_iter().filter(|visit| visit.task == "login");
    let swapped = swapped.filter_map(|visit| Some((visit.swapped?, visit)));
    each(swapped, NOTHING, |(seq, visit)| {
        let to_other = |act: &&Act| matches!(act.what, What::Enter(_) | What::Sign) && act.seq > seq;
        let other = visit.aware().find(to_other);
        other.map_or(Ok(()), |act| Err(sent("terminal.other-card", act)))
    })
}

fn no_pin(exchange: &Exchange<'_>) -> Verdict {
    let reading =
        visits(exchange).into_iter().filter(|visit| visit.task != "login" && !visit.acts.is_empty());
    each(reading, NOTHING, |visit| {
        let verify = visit.acts.iter().find(|act| matches!(act.what, What::Enter(_) | What::Tries));
        verify.map_or(Ok(()), |act| Err(sent("terminal.pin-not-needed", act)))
    })
}

fn whole(exchange: &Exchange<'_>) -> Verdict {
    each(visits(exchange), NOTHING, |visit| done(&visit))
}

/// Visits with something wrong fail, and those with nothing wrong do not.
fn not_accepted(exchange: &Exchange<'_>) -> Verdict {
    let (sound, wrong): (Vec<Visit>, Vec<Visit>) = visits(exchange).into_iter().partition(Visit::is_sound);
    if sound.is_empty() || wrong.is_empty() {
        return Verdict::unreached(Phrase::plain(NOTHING));
    }
    let checked = sound.iter().try_for_each(done).and_then(|()| wrong.iter().try_for_each(failed));
    checked.err().unwrap_or(Verdict::Pass)
}

fn signs(exchange: &Exchange<'_>) -> Verdict {
    let right = visits(exchange).into_iter().filter(Visit::is_sound);
    each(right, NOTHING, |visit| {
        done(&visit)?;
        carried_out(&visit)
    })
}

fn selected(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    // One that the terminal sent before it could know that the selection is lost is no PIN in the blue.
    let aware = visits.iter().flat_map(Visit::aware).filter(|act| matches!(act.what, What::Enter(_)));
    each(aware, NOTHING, |act| {
        let short = act.command.get(3).is_some_and(|p2| u16::from(*p2) == 0x80 | AUTHENTICATION_PIN);
        if act.application == JPKI && (short || act.file == Some(AUTHENTICATION_PIN)) {
            return Ok(());
        }
        Err(sent("terminal.pin-astray", act))
    })
}

fn once(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange).into_iter().filter(|visit| visit.entered().next().is_some());
    each(visits, NOTHING, |visit| {
        let more = visit.entered().nth(visit.entries.len());
        more.map_or(Ok(()), |act| Err(sent("terminal.pin-again", act)))
    })
}

fn blocked(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let is_blocked = |act: &&Act| matches!(act.status, Some(0x6983 | 0x6984));
    let closed = visits.iter().filter_map(|visit| Some((visit, visit.entered().find(is_blocked)?.seq)));
    each(closed, NOTHING, |(visit, seq)| {
        let again = visit.entered().find(|act| act.seq > seq);
        again.map_or_else(|| failed(visit), |act| Err(sent("terminal.pin-blocked", act)))
    })
}

fn hidden(exchange: &Exchange<'_>) -> Verdict {
    let entered = visits(exchange).into_iter().filter(|visit| visit.entered().next().is_some());
    each(entered, NOTHING, |visit| match visit.shows_pin {
        true => {
            Err(Finding::new("terminal.pin-shown", Phrase::plain("expected.no-pin"), "****").at([visit.end]))
        }
        false => Ok(()),
    })
}

/// The values of `outcome`.
const OUTCOMES: [&str; 5] = ["done", "wrong-pin", "blocked", "refused", "failed"];

fn form(exchange: &Exchange<'_>) -> Verdict {
    // A terminal that had to be ended could not tell anything.
    let ended = visits(exchange).into_iter().filter(|visit| visit.exit.is_some());
    each(ended, NOTHING, |visit| match visit.result() {
        Some((outcome, _))
            if OUTCOMES.contains(&outcome.as_str()) && (outcome == "done") == visit.is_done() =>
        {
            Ok(())
        }
        result => {
            let outcome = result.map_or_else(|| "–".to_owned(), |(outcome, _)| format!("{outcome:?}"));
            let exit = visit.exit.unwrap_or_default().to_string();
            let seen = Phrase::key("observed.outcome", [outcome, exit]);
            Err(Finding::new("terminal.result", Phrase::plain("expected.result"), seen).at([visit.end]))
        }
    })
}

fn tries(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let wrong = visits.iter().filter(|visit| visit.entries.last() == Some(&Pin::Wrong));
    let wrong = wrong.filter_map(|visit| Some((visit, visit.entered().last()?)));
    each(wrong, NOTHING, |(visit, act)| {
        let left = act.tries().ok_or_else(|| Verdict::unreached(Phrase::plain(NOTHING)))?;
        let told = visit.result();
        if told == Some(("wrong-pin".to_owned(), Some(u64::from(left)))) {
            return Ok(());
        }
        let shown = |outcome: &str, tries: Option<u64>| {
            format!("{outcome}, tries {}", tries.map_or_else(|| "–".to_owned(), |tries| tries.to_string()))
        };
        let told = told.map_or_else(|| "–".to_owned(), |(outcome, tries)| shown(&outcome, tries));
        Err(Finding::new("terminal.tries", shown("wrong-pin", Some(left.into())), told)
            .at([visit.end, act.seq]))
    })
}
