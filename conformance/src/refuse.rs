//! Whether the product did what a message of the suite asked, or refused it; and the rules of negative cases.

use chukei_evidence::{
    Answer, Exchange, Finding, NoAnswer, Phrase, Place, Seen, Sent, Verdict, What, negative,
};

use crate::{facts, login, read::Message};

/// What a case and its twin look like.
pub(crate) type See = fn(&Exchange<'_>) -> Seen;

/// **The rule of every negative case**: what was declared was delivered, and then [`negative`].
pub(crate) fn refused_by(exchange: &Exchange<'_>, see: See) -> Verdict {
    if let Some(missing) = facts::undeclared(exchange) {
        return Verdict::Unreached { missing };
    }
    negative(exchange, "deviation.accepted", see)
}

/// Refused with a fault, or with a HTTP status that says so.
pub(crate) fn refused(exchange: &Exchange<'_>) -> Verdict {
    refused_by(exchange, answered)
}

/// Refused before it was a message: by HTTP, by TLS, or by closing.
pub(crate) fn turned_away(exchange: &Exchange<'_>) -> Verdict {
    refused_by(exchange, connected)
}

/// As [`refused`], and with this faultcode.
pub(crate) fn refused_with_code(exchange: &Exchange<'_>, local: &str) -> Verdict {
    and_fault(exchange, local, |message| message.fault_code().map(|(local, _)| local))
}

/// As [`refused`], and with this code of `lu:Status` in the detail.
pub(crate) fn refused_with_status(exchange: &Exchange<'_>, code: &str) -> Verdict {
    and_fault(exchange, code, |message| message.fault_status())
}

fn and_fault(exchange: &Exchange<'_>, wanted: &str, read: fn(&Message) -> Option<&str>) -> Verdict {
    let verdict = refused(exchange);
    let Some(answer) = answer(exchange).filter(|_| verdict.is_pass()) else { return verdict };
    let message = Message::of(answer.body);
    let found = message.as_ref().and_then(read).unwrap_or("–");
    if found == wanted {
        return Verdict::Pass;
    }
    Finding::new("refusal.other-code", wanted, found).at([answer.seq])
}

/// As [`turned_away`], and with one of these HTTP statuses if with any.
pub(crate) fn turned_away_with(exchange: &Exchange<'_>, statuses: &[u16]) -> Verdict {
    let verdict = turned_away(exchange);
    let Some(answer) = answer(exchange).filter(|_| verdict.is_pass()) else { return verdict };
    if statuses.contains(&answer.status) {
        return Verdict::Pass;
    }
    Finding::new("http.other-status", listed(statuses), answer.status.to_string()).at([answer.seq])
}

/// Refused with one of these HTTP statuses, and with nothing else.
pub(crate) fn answered_with(exchange: &Exchange<'_>, statuses: &[u16]) -> Verdict {
    let verdict = turned_away_with(exchange, statuses);
    let absent = subject(exchange).and_then(|subject| exchange.no_answer(subject));
    match absent.filter(|_| verdict.is_pass()) {
        Some((seq, how)) => Finding::new("http.other-status", listed(statuses), how.name()).at([seq]),
        None => verdict,
    }
}

fn listed(statuses: &[u16]) -> String {
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// Refused per input: a status with this code in the place of an envelope.
pub(crate) fn input_refused(exchange: &Exchange<'_>, code: &str) -> Verdict {
    let verdict = refused_by(exchange, mapped);
    let Some(answer) = answer(exchange).filter(|_| verdict.is_pass()) else { return verdict };
    let message = Message::of(answer.body);
    let codes: Vec<&str> = message.iter().flat_map(|m| m.statuses()).map(|(_, code)| code).collect();
    if codes.as_slice() == [code] {
        return Verdict::Pass;
    }
    Finding::new("mapping.other-status", code, codes.join(", ")).at([answer.seq])
}

/// Refused per login: a status with this code and no session.
pub(crate) fn login_refused(exchange: &Exchange<'_>, code: &str) -> Verdict {
    let verdict = refused_by(exchange, logged_in);
    let Some(answer) = answer(exchange).filter(|_| verdict.is_pass()) else { return verdict };
    let message = Message::of(answer.body);
    let found = message.as_ref().and_then(Message::status).unwrap_or("–");
    if found == code {
        return Verdict::Pass;
    }
    Finding::new("login.other-status", code, found).at([answer.seq])
}

/// The exchange that the case is about: the deviating one, else the last that the suite began and that was no probe. So
/// what a party of the suite answers wrongly to a call shows in what the product answers to whoever asked it.
pub(crate) fn subject(exchange: &Exchange<'_>) -> Option<u32> {
    let deviating = exchange.sent().find(|sent| sent.deviates);
    deviating.or_else(|| last_sent(exchange)).map(|sent| sent.exchange)
}

/// The last message of the suite that was no probe.
pub(crate) fn last_sent<'t>(exchange: &Exchange<'t>) -> Option<Sent<'t>> {
    let is_probe = |number: u32| {
        exchange.events().iter().any(|event| match event.what {
            What::Alive { exchange } => exchange == number,
            What::NotAlive { exchange, .. } => exchange == Some(number),
            _ => false,
        })
    };
    exchange.sent().filter(|sent| !is_probe(sent.exchange)).last()
}

/// The product's answer to the message that the case is about.
pub(crate) fn answer<'t>(exchange: &Exchange<'t>) -> Option<Answer<'t>> {
    exchange.answer(subject(exchange)?)
}

/// Accepted: an answer of the kind that belongs to the request. Refused: a fault, or a HTTP status that refuses.
pub(crate) fn answered(exchange: &Exchange<'_>) -> Seen {
    let Some(answer) = answer(exchange) else { return silent(exchange) };
    let place = || vec![Place::from(answer.seq)];
    match Message::of(answer.body) {
        Some(message) if message.fault().is_some() => Seen::Refused(place()),
        None if answer.status == 200 && login::presented(answer.body).is_some() => {
            Seen::Accepted { observed: Phrase::key("observed.answer", ["Presented", "–"]), at: place() }
        }
        Some(message) if answer.status == 200 => {
            let observed = Phrase::key("observed.answer", [message.kind(), message.status().unwrap_or("–")]);
            Seen::Accepted { observed, at: place() }
        }
        _ if answer.status >= 400 => Seen::Refused(place()),
        _ => Seen::Neither { missing: Phrase::key("missing.readable-answer", [answer.status.to_string()]) },
    }
}

/// As [`answered`]; closing the connection and refusing TLS are visible refusals too.
pub(crate) fn connected(exchange: &Exchange<'_>) -> Seen {
    let absent = subject(exchange).and_then(|subject| exchange.no_answer(subject));
    match absent {
        Some((seq, NoAnswer::TlsRefused | NoAnswer::Closed)) => Seen::Refused(vec![seq.into()]),
        _ => answered(exchange),
    }
}

/// Accepted: an envelope for the one input. Refused: a fault, or a status in its place.
pub(crate) fn mapped(exchange: &Exchange<'_>) -> Seen {
    let Some(answer) = answer(exchange) else { return silent(exchange) };
    let place = || vec![Place::from(answer.seq)];
    let Some(message) = Message::of(answer.body) else { return answered(exchange) };
    if message.kind() != "IdentityMappingResponse" {
        return answered(exchange);
    }
    match (message.outputs().len(), message.statuses().len()) {
        (0, 1..) => Seen::Refused(place()),
        (1.., _) => Seen::Accepted { observed: Phrase::plain("observed.envelope"), at: place() },
        (0, 0) => Seen::Neither { missing: Phrase::plain("missing.output-or-status") },
    }
}

/// Accepted: a session. Refused: a fault, or another status.
pub(crate) fn logged_in(exchange: &Exchange<'_>) -> Seen {
    let Some(answer) = answer(exchange) else { return silent(exchange) };
    match Message::of(answer.body) {
        Some(message) if message.kind() == "LoginAnswer" && message.status() != Some("OK") => {
            Seen::Refused(vec![Place::from(answer.seq)])
        }
        _ => answered(exchange),
    }
}

fn silent(exchange: &Exchange<'_>) -> Seen {
    let how = subject(exchange).and_then(|subject| exchange.no_answer(subject));
    let how = how.map_or("–", |(_, how)| how.name());
    Seen::Neither { missing: Phrase::key("missing.answer", [how]) }
}
