//! Chapter 34: what a relay answers to who logs in. (Refusals are judged in `negative`.)

use std::collections::BTreeMap;

use chukei_evidence::{Answer, Exchange, Finding, Judge, Phrase, Place, Seen, Verdict};
use chukei_harness::{face::CARD_DOOR, message::SESSION as SESSION_FORMAT};
use chukei_spec::req;
use chukei_xml::lexical::DateTime;

use super::{
    declared, each,
    history::{Entry, beyond, histories, unrecorded},
    repeated, skew, whole,
};
use crate::{
    login,
    read::{self, Message, attribute, seconds},
    refuse,
};

/// Longest time that a challenge or a session may be good for, in seconds.
const CHALLENGE: i64 = 300;
const SESSION: i64 = 600;
/// Characters that 128 bits take in base64.
const SHORTEST: usize = 22;
/// Hexadecimal digits of a challenge.
const DIGITS: usize = 64;

pub(super) const JUDGES: &[Judge] = &[
    whole(req!("login.challenge.fresh"), challenges),
    whole(req!("login.answer.context"), contexts),
    whole(req!("login.presentation.coarse"), coarse),
    whole(req!("login.presentation.ticket"), tickets),
    declared(req!("login.answer.logged"), granted_logged),
    declared(req!("login.refused.logged"), |exchange| logged(exchange, "login refused")),
    declared(req!("login.withholding.none"), unrecorded),
    declared(req!("login.session.recorded"), ways),
    declared(req!("login.session.foreign"), foreign_use),
    declared(req!("login.session.ended"), ended_use),
    declared(req!("login.certificate.known"), |exchange| refuse::login_refused(exchange, "NotMember")),
    declared(req!("login.visible.known"), |exchange| refuse::login_refused(exchange, "NotMember")),
    declared(req!("login.session.history"), |exchange| refuse::refused_by(exchange, looked)),
];

/// The event of an earlier value that this one equals, or that it differs from in fewer places than half of the characters that it
/// has to have: who knows that one can guess this one, as with numbers that are counted. What is random differs in nearly
/// all, whatever both begin with.
fn counted(seen: &mut Vec<(Vec<u8>, u32)>, value: &str, needed: usize, seq: u32) -> Option<u32> {
    let is_near = |earlier: &[u8]| {
        let differing = earlier.iter().zip(value.as_bytes()).filter(|(one, other)| one != other).count();
        differing.saturating_add(earlier.len().abs_diff(value.len())) < needed.div_euclid(2)
    };
    let near = seen.iter().find(|(earlier, _)| is_near(earlier)).map(|(_, seq)| *seq);
    seen.push((value.as_bytes().to_vec(), seq));
    near
}

/// No value twice, none that can be guessed, none short, none for long.
fn challenges(exchange: &Exchange<'_>) -> Verdict {
    let mut seen = Vec::new();
    let answers = exchange.answers().filter_map(|answer| Some((answer, Message::of(answer.body)?)));
    let given: Vec<_> = answers.filter(|(_, message)| message.kind() == "Challenge").collect();
    let longest = CHALLENGE.saturating_add(skew(exchange));
    each(&given, "missing.a-challenge", |(answer, message)| {
        let content = message.content();
        let text = |name| content.map(|content| attribute(content, name)).unwrap_or_default();
        let value = text("value");
        let wrong = |expected: &str, observed: &str| {
            Err(Finding::new("login.challenge", expected, observed).at([answer.seq]))
        };
        if value.len() != DIGITS || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return wrong("[0-9a-f]{64}", value);
        }
        if let Some(first) = counted(&mut seen, value, DIGITS, answer.seq) {
            return repeated("login.challenge", value, [first, answer.seq]);
        }
        let until = text("notOnOrAfter");
        match seconds(until) {
            Some(until) if until <= answer.at.saturating_add(longest) => Ok(()),
            _ => wrong("notOnOrAfter ≤ 5 min", until),
        }
    })
}

/// Each granted login has a session of its own, for ten minutes at most, with the context of its way.
fn contexts(exchange: &Exchange<'_>) -> Verdict {
    let mut seen = Vec::new();
    let granted: Vec<_> = exchange
        .answered()
        .filter_map(|(sent, answer)| Some((sent, answer, Message::of(sent.body)?, Message::of(answer.body)?)))
        .filter(|(_, _, _, message)| message.kind() == "LoginAnswer" && message.status() == Some("OK"))
        .collect();
    let longest = SESSION.saturating_add(skew(exchange));
    each(&granted, "missing.a-login", |(sent, answer, request, message)| {
        let content = message.content();
        let text = |name| content.map(|content| attribute(content, name)).unwrap_or_default();
        let places = [Place::from(answer.seq), Place::from(sent.seq)];
        let wrong = |expected: String, observed: &str| {
            Err(Finding::new("login.answer", expected, observed).at(places))
        };
        let wanted = request.content().and_then(login::context).unwrap_or("–");
        let wanted = format!("urn:chukei:1.0:context:{wanted}");
        if text("context") != wanted {
            return wrong(wanted, text("context"));
        }
        let session = text("session");
        if session.len() < SHORTEST {
            return wrong(format!("session: {SHORTEST}+"), session);
        }
        if let Some(first) = counted(&mut seen, session, SHORTEST, answer.seq) {
            return repeated("login.answer", session, [first, answer.seq]);
        }
        match seconds(text("notOnOrAfter")) {
            Some(until) if until <= answer.at.saturating_add(longest) => Ok(()),
            _ => wrong("notOnOrAfter ≤ 10 min".into(), text("notOnOrAfter")),
        }
    })
}

/// All refusals at the card door are alike.
fn coarse(exchange: &Exchange<'_>) -> Verdict {
    let refused: Vec<_> = exchange
        .answered()
        .filter(|(sent, answer)| sent.url_role == CARD_DOOR && answer.status >= 400)
        .map(|(_, answer)| answer)
        .collect();
    let Some((first, rest)) = refused.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Verdict::unreached(Phrase::plain("missing.two-refusals"));
    };
    each(rest, "missing.two-refusals", |answer| {
        if answer.body == first.body && answer.status == first.status {
            return Ok(());
        }
        let told = |answer: &Answer<'_>| {
            format!("HTTP {} {}", answer.status, answer.body.text().unwrap_or_default())
        };
        let places = [Place::from(answer.seq), Place::from(first.seq)];
        Err(Finding::new("refusal.told-apart", told(first), told(answer)).at(places))
    })
}

/// No ticket twice, none that can be guessed, none short, none for longer than its challenge, or shorter.
fn tickets(exchange: &Exchange<'_>) -> Verdict {
    let mut seen = Vec::new();
    let challenges: Vec<(u32, String, i64)> = exchange
        .answers()
        .filter_map(|answer| {
            let message = Message::of(answer.body).filter(|message| message.kind() == "Challenge")?;
            let text = |name| message.content().map(|content| attribute(content, name).to_owned());
            Some((answer.seq, text("value")?, seconds(&text("notOnOrAfter")?)?))
        })
        .collect();
    let given = exchange
        .answered()
        .filter_map(|(shown, answer)| Some((shown, answer, login::presented(answer.body)?)));
    each(given, "missing.a-ticket", |(shown, answer, (ticket, until))| {
        let wrong = |expected: String, observed: &str| {
            Err(Finding::new("login.ticket", expected, observed).at([answer.seq]))
        };
        if ticket.len() < SHORTEST {
            return wrong(format!("{SHORTEST}+"), &ticket);
        }
        if let Some(first) = counted(&mut seen, &ticket, SHORTEST, answer.seq) {
            return repeated("login.ticket", &ticket, [first, answer.seq]);
        }
        let presented = read::document(shown.body).ok();
        let challenge = presented.as_ref().map(|shown| attribute(shown.root(), "challenge"));
        let is_it =
            |(seq, value, _): &&(u32, String, i64)| *seq < shown.seq && Some(value.as_str()) == challenge;
        match challenges.iter().rev().find(is_it) {
            // What it may not give a ticket for at all is a matter of another sentence.
            Some((_, _, end)) if *end > shown.at && seconds(&until) != Some(*end) => {
                let end = DateTime { seconds: *end, nanoseconds: 0 };
                wrong(format!("notOnOrAfter={}", end.format()), &until)
            }
            _ => Ok(()),
        }
    })
}

/// The later history has the login that was granted, with its way.
fn granted_logged(exchange: &Exchange<'_>) -> Verdict {
    let granted = exchange.answered().find_map(|(sent, answer)| {
        let message = Message::of(answer.body)?;
        let is_granted = message.kind() == "LoginAnswer" && message.status() == Some("OK");
        let request = Message::of(sent.body).filter(|_| is_granted)?;
        request.content().and_then(login::context)
    });
    match granted {
        Some(context) => logged(exchange, &format!("login {context}")),
        None => Verdict::unreached(Phrase::plain("missing.a-login")),
    }
}

/// The later history has this entry beyond the earlier one.
fn logged(exchange: &Exchange<'_>, wanted: &str) -> Verdict {
    let histories = histories(exchange);
    let [before, .., after] = histories.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    let fresh = beyond(&before.entries, &after.entries);
    let fresh: Vec<String> = fresh.map(|entry| format!("{} {}", entry.kind, entry.outcome)).collect();
    if fresh.iter().filter(|entry| *entry == wanted).count() == 1 {
        return Verdict::Pass;
    }
    Finding::new("history.login-missing", wanted, fresh.join("; ")).at([after.seq])
}

/// Entries of logins, and of what was done with their sessions, say which way it was and who was there.
fn ways(exchange: &Exchange<'_>) -> Verdict {
    let histories = histories(exchange);
    let [before, .., after] = histories.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    let mut sessions = BTreeMap::new();
    let mut wanted = Vec::new();
    for (sent, answer) in exchange.answered().filter(|(_, answer)| answer.seq <= after.seq) {
        let (Some(asked), Some(told)) = (Message::of(sent.body), Message::of(answer.body)) else { continue };
        let (Some(request), Some(content)) = (asked.content(), told.content()) else { continue };
        let kind = match told.kind() {
            "LoginAnswer" if told.status() == Some("OK") => {
                let way = login::context(request).unwrap_or_default();
                let staff = login::operator(request).unwrap_or_default();
                sessions.insert(attribute(content, "session").to_owned(), format!("{way} {staff}"));
                wanted.push(format!("login {way} {staff}"));
                continue;
            }
            "IdentityMappingResponse" if !told.outputs().is_empty() => "mapping",
            "AccessHistory" if content.elements().next().is_some() => "history",
            _ => continue,
        };
        let of_session = request.descendants().find(|inner| attribute(*inner, "Format") == SESSION_FORMAT);
        let way = of_session.and_then(|name_id| sessions.get(read::text(name_id)?));
        wanted.extend(way.map(|way| format!("{kind} {way}")));
    }
    let fresh = beyond(&before.entries, &after.entries).filter(|entry| !entry.authentication.is_empty());
    let found: Vec<String> =
        fresh.map(|entry| format!("{} {} {}", entry.kind, entry.authentication, entry.operator)).collect();
    if wanted.is_empty() {
        return Verdict::unreached(Phrase::plain("missing.a-login"));
    }
    if found == wanted {
        return Verdict::Pass;
    }
    Finding::new("history.way-missing", wanted.join("; "), found.join("; ")).at([after.seq])
}

/// The mapping with a session that was sent between the first history and the last: who sent it, and the new entries of
/// mappings in the last.
fn used<'t>(exchange: &Exchange<'t>) -> Option<(&'t str, Vec<Entry>, u32)> {
    let histories = histories(exchange);
    let [before, .., after] = histories.as_slice() else { return None };
    let (sent, _) = exchange.answered().find(|(sent, answer)| {
        let told = Message::of(answer.body).is_some_and(|told| told.kind() == "IdentityMappingResponse");
        told && sent.body.text().is_some_and(|text| text.contains(SESSION_FORMAT))
    })?;
    let actor = exchange.world().party(sent.from)?.entity.as_str();
    let fresh = beyond(&before.entries, &after.entries).filter(|entry| entry.kind == "mapping");
    Some((actor, fresh.cloned().collect(), after.seq))
}

/// That another party used the session stands in the person's history.
fn foreign_use(exchange: &Exchange<'_>) -> Verdict {
    let Some((actor, fresh, seq)) = used(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    if matches!(fresh.as_slice(), [entry] if entry.actor == actor && entry.outcome == "Forbidden") {
        return Verdict::Pass;
    }
    let wanted = format!("mapping {actor} Forbidden");
    Finding::new("history.mapping-missing", wanted, told(&fresh)).at([seq])
}

/// What was asked with a session after its end does not.
fn ended_use(exchange: &Exchange<'_>) -> Verdict {
    let Some((_, fresh, seq)) = used(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    if fresh.is_empty() {
        return Verdict::Pass;
    }
    Finding::new("history.refused-recorded", Phrase::plain("expected.no-entry"), told(&fresh)).at([seq])
}

fn told(entries: &[Entry]) -> String {
    let all: Vec<String> =
        entries.iter().map(|entry| format!("{} {} {}", entry.kind, entry.actor, entry.outcome)).collect();
    if all.is_empty() { "–".into() } else { all.join("; ") }
}

/// Accepted: entries. Refused: a history without any.
fn looked(exchange: &Exchange<'_>) -> Seen {
    let Some(answer) = refuse::answer(exchange) else { return refuse::answered(exchange) };
    let Some(message) = Message::of(answer.body).filter(|message| message.kind() == "AccessHistory") else {
        return refuse::answered(exchange);
    };
    let at = vec![Place::from(answer.seq)];
    match message.content().map_or(0, |content| content.elements().count()) {
        0 => Seen::Refused(at),
        count => Seen::Accepted { observed: Phrase::key("observed.entries", [count.to_string()]), at },
    }
}
