//! Chapters 30, 32 and 33 for the relay: what it answers to inputs, what it records, and what it carries.

use std::collections::BTreeMap;

use chukei_evidence::{Answer, Body, Call, Exchange, Finding, Judge, Phrase, Place, Search, Sent, Verdict};
use chukei_spec::req;
use chukei_xml::{Element, ns};
use serde_json::Value;

use super::{
    answers::well_signed,
    declared, each,
    history::{Entry, beyond, histories, unrecorded},
    whole,
};
use crate::{
    read::{Message, attribute, day, inside, text},
    refuse, trust,
};

pub(super) const JUDGES: &[Judge] = &[
    whole(req!("mapping.input.each-answered"), each_answered),
    whole(req!("mapping.status.levels"), levels),
    declared(req!("mapping.input.known"), |exchange| only_status(exchange, "NotMember")),
    declared(req!("mapping.target.member"), |exchange| only_status(exchange, "NotMember")),
    declared(req!("mapping.no-transient"), |exchange| only_status(exchange, "NotMember")),
    declared(req!("mapping.unreachable.distinct"), |exchange| only_status(exchange, "Unreachable")),
    declared(req!("mapping.validity.day"), on_its_days),
    declared(req!("mapping.unambiguous"), |exchange| only_status(exchange, "Duplicate")),
    declared(req!("mapping.agreement.pair"), agreement),
    declared(req!("mapping.agreement.any"), |exchange| only_status(exchange, "Forbidden")),
    declared(req!("mapping.target.agreed"), for_agreed),
    declared(req!("mapping.log.before-answer"), logged),
    declared(req!("disclosure.notice.recorded"), disclosed),
    declared(req!("disclosure.notice.foreign"), unrecorded),
    declared(req!("history.complete"), complete),
    declared(req!("relayed.forward.unchanged"), forwarded),
    declared(req!("relayed.answer.unchanged"), returned),
    declared(req!("relayed.recorded"), relayed),
    declared(req!("disclosure.notice.requester"), unrecorded),
    declared(req!("disclosure.notice.purpose"), unrecorded),
    declared(req!("disclosure.notice.at"), unrecorded),
    declared(req!("disclosure.notice.same"), unrecorded),
    declared(req!("disclosure.notice.again"), again),
];

/// Mapping requests with their answers.
fn mapped<'t>(exchange: &Exchange<'t>) -> Vec<(Sent<'t>, Answer<'t>, Message, Message)> {
    let all = exchange.answered().filter_map(|(sent, answer)| {
        let (request, message) = (Message::of(sent.body)?, Message::of(answer.body)?);
        (message.kind() == "IdentityMappingResponse").then_some((sent, answer, request, message))
    });
    all.collect()
}

fn each_answered(exchange: &Exchange<'_>) -> Verdict {
    each(mapped(exchange), "missing.a-mapping", |(sent, answer, request, message)| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let outputs = message.outputs();
        let statuses = message.statuses();
        for id in outputs.iter().map(|(id, _)| *id).chain(statuses.iter().map(|(id, _)| *id)) {
            let count = counts.entry(id).or_default();
            *count = count.saturating_add(1);
        }
        let inputs: Vec<&str> = request
            .content()
            .into_iter()
            .flat_map(Element::elements)
            .map(|input| attribute(input, "reqID"))
            .collect();
        let places = [Place::from(answer.seq), Place::from(sent.seq)];
        if let Some(id) = inputs.iter().find(|id| counts.get(**id) != Some(&1)) {
            let count = counts.get(id).copied().unwrap_or_default().to_string();
            return Err(Finding::new("mapping.input-unanswered", format!("reqID {id}: 1"), count).at(places));
        }
        match counts.keys().find(|id| !inputs.contains(id)) {
            Some(other) => Err(Finding::new("mapping.input-invented", inputs.join(", "), *other).at(places)),
            None => Ok(()),
        }
    })
}

fn levels(exchange: &Exchange<'_>) -> Verdict {
    each(mapped(exchange), "missing.a-mapping", |(_, answer, request, message)| {
        let inputs = request.content().map_or(0, |content| content.elements().count());
        let granted = message.outputs().len();
        let wanted = match granted {
            0 => "Failed",
            _ if granted == inputs => "OK",
            _ => "Partial",
        };
        let found = message.status().unwrap_or("–");
        if found == wanted {
            Ok(())
        } else {
            Err(Finding::new("mapping.level", wanted, found).at([answer.seq]))
        }
    })
}

/// One status with this code for the one input, and no envelope.
fn only_status(exchange: &Exchange<'_>, wanted: &str) -> Verdict {
    let Some(answer) = refuse::answer(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.an-answer"));
    };
    let message = Message::of(answer.body);
    let codes: Vec<&str> = message.iter().flat_map(|m| m.statuses()).map(|(_, code)| code).collect();
    let envelopes = message.as_ref().map_or(0, |m| m.outputs().len());
    if codes == [wanted] && envelopes == 0 {
        return Verdict::Pass;
    }
    let observed = match (envelopes, message.as_ref()) {
        (0, Some(message)) if message.fault().is_some() => message.kind().to_owned(),
        (0, _) => codes.join(", "),
        _ => "saml:Assertion".to_owned(),
    };
    Finding::new("mapping.other-status", wanted, observed).at([answer.seq])
}

/// An envelope for the one party that the sender has an agreement with, which is insurer C.
fn for_agreed(exchange: &Exchange<'_>) -> Verdict {
    let wanted = entity(exchange, "insurer-c");
    each(mapped(exchange), "missing.a-mapping", |(_, answer, _, message)| {
        let outputs = message.outputs();
        let audiences = outputs.iter().filter_map(|(_, envelope)| {
            text(inside(*envelope, ns::SAML.name("Audience"))?).map(str::to_owned)
        });
        let codes = message.statuses().into_iter().map(|(_, code)| code.to_owned());
        let found: Vec<String> = audiences.chain(codes).collect();
        if found == [wanted.as_str()] {
            return Ok(());
        }
        Err(Finding::new("mapping.other-target", wanted.as_str(), found.join(", ")).at([answer.seq]))
    })
}

/// Where the suite has said from which day until which day somebody is a member, an envelope is issued on those days, and on no
/// others.
fn on_its_days(exchange: &Exchange<'_>) -> Verdict {
    let said = exchange.controls().filter(|control| control.verb == "POST /people" && control.status == 200);
    let said: Vec<(u32, Value)> =
        said.filter_map(|control| Some((control.seq, control.request.json()?))).collect();
    let asked = mapped(exchange).into_iter().filter_map(|(sent, answer, _, message)| {
        let (_, people) = said.iter().rev().find(|(seq, _)| *seq < sent.seq)?;
        let (number, target) = asked_for(exchange, sent.body)?;
        Some((answer, message, is_member(people, &number, &target, &day(sent.at))?))
    });
    let asked: Vec<_> = asked.collect();
    if asked.len() < exchange.sent().count() {
        return Verdict::unreached(Phrase::plain("missing.a-mapping"));
    }
    each(asked, "missing.a-mapping", |(answer, message, is_member)| {
        let codes: Vec<&str> = message.statuses().into_iter().map(|(_, code)| code).collect();
        let observed = if message.outputs().is_empty() { codes.join(", ") } else { "saml:Assertion".into() };
        let expected = if is_member { "saml:Assertion" } else { "NotMember" };
        if observed == expected {
            return Ok(());
        }
        Err(Finding::new("mapping.other-day", expected, observed).at([answer.seq]))
    })
}

/// Whether the person with this number is with the target on this day, as `people.json` says; nothing for another number.
fn is_member(people: &Value, number: &str, target: &str, day: &str) -> Option<bool> {
    let array =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let of_persons = array(people, "people").into_iter().map(|person| array(&person, "numbers"));
    let own = of_persons
        .into_iter()
        .find(|own| own.iter().any(|row| text(row, "value").as_deref() == Some(number)))?;
    let at_target = own.iter().filter(|row| text(row, "party").as_deref() == Some(target));
    let mut periods = at_target.map(|row| (text(row, "from"), text(row, "until")));
    Some(periods.any(|(from, until)| {
        from.is_some_and(|from| from.as_str() <= day) && until.is_none_or(|until| day < until.as_str())
    }))
}

/// The number and the name of the target in a mapping request with one input.
fn asked_for(exchange: &Exchange<'_>, request: &Body) -> Option<(String, String)> {
    let request = Message::of(request)?;
    let inner = |name: &str| request.content()?.descendants().find(|inner| inner.local() == name);
    let number = text(inner("NameID")?)?.to_owned();
    let target = attribute(inner("NameIDPolicy")?, "SPNameQualifier");
    Some((number, exchange.world().entity(target)?.name.clone()))
}

/// Refused as forbidden, by a bend of a valid request or by a pair that is known from the world.
fn agreement(exchange: &Exchange<'_>) -> Verdict {
    if exchange.deviation().is_empty() {
        only_status(exchange, "Forbidden")
    } else {
        refuse::input_refused(exchange, "Forbidden")
    }
}

/// What one history has beyond an earlier one, without the looks at the history.
fn added(earlier: &[Entry], later: &[Entry]) -> Vec<Entry> {
    beyond(earlier, later).filter(|entry| entry.kind != "history").cloned().collect()
}

fn entity(exchange: &Exchange<'_>, party: &str) -> String {
    exchange.world().party(party).map(|party| party.entity.clone()).unwrap_or_default()
}

fn granted_in(exchange: &Exchange<'_>) -> String {
    let all = mapped(exchange);
    let mut outputs = all.iter().flat_map(|(_, _, _, message)| message.outputs());
    outputs.next().map(|(_, envelope)| attribute(envelope, "ID").to_owned()).unwrap_or_default()
}

/// After a granted mapping the history has one entry more, about that.
fn logged(exchange: &Exchange<'_>) -> Verdict {
    let histories = histories(exchange);
    let [first, second, ..] = histories.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    let (actor, id) = (entity(exchange, "insurer-a"), granted_in(exchange));
    if id.is_empty() {
        return Verdict::unreached(Phrase::plain("missing.an-envelope"));
    }
    let fresh = added(&first.entries, &second.entries);
    let is_it =
        |entry: &&Entry| entry.kind == "mapping" && entry.actor == actor && entry.outcome == "granted";
    if fresh.iter().filter(is_it).count() == 1 {
        return Verdict::Pass;
    }
    Finding::new("history.mapping-missing", Phrase::plain("expected.mapping-entry"), described(&fresh))
        .at([second.seq])
}

fn described(entries: &[Entry]) -> String {
    let all: Vec<String> = entries.iter().map(|e| format!("{} {} {}", e.kind, e.actor, e.outcome)).collect();
    if all.is_empty() { "–".into() } else { all.join("; ") }
}

/// After a receipt the history has the disclosure.
fn disclosed(exchange: &Exchange<'_>) -> Verdict {
    let histories = histories(exchange);
    let ([.., before, last], id) = (histories.as_slice(), granted_in(exchange)) else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    let receipted = exchange.answers().any(|answer| {
        Message::of(answer.body).is_some_and(|m| m.kind() == "DisclosureReceipt" && m.status() == Some("OK"))
    });
    if !receipted || id.is_empty() {
        return Verdict::unreached(Phrase::plain("missing.a-receipt"));
    }
    let actor = entity(exchange, "insurer-b");
    let fresh = added(&before.entries, &last.entries);
    let is_it =
        |entry: &&Entry| entry.kind == "disclosure" && entry.actor == actor && entry.outcome == "answered";
    if fresh.iter().filter(is_it).count() == 1 {
        return Verdict::Pass;
    }
    Finding::new("history.disclosure-missing", Phrase::plain("expected.disclosure-entry"), described(&fresh))
        .at([last.seq])
}

/// The last notice, which says what the first one said, is receipted too, and adds nothing to the history.
fn again(exchange: &Exchange<'_>) -> Verdict {
    let histories = histories(exchange);
    let [.., before, last] = histories.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    let asked = exchange.answered().filter_map(|(sent, answer)| Some((Message::of(sent.body)?, answer)));
    let notices = asked.filter(|(asked, _)| asked.kind() == "DisclosureNotice").map(|(_, answer)| answer);
    let status = |answer: &Answer<'_>| {
        let told = Message::of(answer.body).filter(|told| told.kind() == "DisclosureReceipt");
        told.and_then(|told| told.status().map(str::to_owned)).unwrap_or_else(|| "–".to_owned())
    };
    let told: Vec<(u32, String)> = notices.map(|answer| (answer.seq, status(&answer))).collect();
    let [(_, first), .., (seq, second)] = told.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.a-receipt"));
    };
    if first != "OK" {
        return Verdict::unreached(Phrase::plain("missing.a-receipt"));
    }
    if second != "OK" {
        return Finding::new("history.not-receipted", "OK", second.as_str()).at([*seq]);
    }
    let fresh = added(&before.entries, &last.entries);
    if fresh.iter().all(|entry| entry.kind != "disclosure") {
        return Verdict::Pass;
    }
    Finding::new("history.noticed-twice", Phrase::plain("expected.no-entry"), described(&fresh))
        .at([last.seq])
}

/// After a carried query the history has one entry more, about that and what became of it.
fn relayed(exchange: &Exchange<'_>) -> Verdict {
    let histories = histories(exchange);
    let ([before, .., after], Some(call)) =
        (histories.as_slice(), exchange.calls().filter(|call| call.to == "insurer-b").last())
    else {
        return Verdict::unreached(Phrase::plain("missing.a-forwarded-query"));
    };
    let asked = exchange.sent().filter_map(|sent| Some((sent, Message::of(sent.body)?)));
    let Some((sent, asked)) = asked.filter(|(_, asked)| asked.kind() == "RelayedQuery").last() else {
        return Verdict::unreached(Phrase::plain("missing.a-query"));
    };
    let envelope = asked.envelopes().first().map(|envelope| attribute(*envelope, "ID").to_owned());
    let wanted = (entity(exchange, sent.from), became(exchange, &call), envelope.unwrap_or_default());
    let fresh = added(&before.entries, &after.entries);
    let carried: Vec<&Entry> = fresh.iter().filter(|entry| entry.kind == "relayed").collect();
    let (actor, outcome, envelope) = &wanted;
    match carried.as_slice() {
        [entry] if (&entry.actor, entry.outcome.as_str(), &entry.envelope) == (actor, outcome, envelope) => {
            Verdict::Pass
        }
        _ => {
            let wanted = format!("relayed {actor} {outcome}");
            Finding::new("history.relayed-missing", wanted, described(&fresh)).at([after.seq])
        }
    }
}

/// What became of a query that the relay carried to the suite's responder.
fn became(exchange: &Exchange<'_>, call: &Call<'_>) -> &'static str {
    let Some(reply) = exchange.reply(call.exchange) else { return "no-answer" };
    let (Some(asked), Some(told)) = (Message::of(call.body), Message::of(reply.body)) else {
        return "unsound";
    };
    let id = |message: &Message, local| message.header_text(ns::WSA.name(local)).map(str::to_owned);
    if told.fault().is_some() {
        "refused"
    } else if id(&told, "RelatesTo") == id(&asked, "MessageID") {
        "answered"
    } else {
        "unsound"
    }
}

/// Numbered from 1 without a gap, with everything that happened in the case, in order.
fn complete(exchange: &Exchange<'_>) -> Verdict {
    let histories = histories(exchange);
    let [first, .., last] = histories.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    // A history that is longer than an answer begins with a later number.
    let begin = last.entries.first().filter(|_| last.is_long()).map_or(1, |first| first.number);
    if let Some((entry, wanted)) =
        last.entries.iter().zip(begin..).find(|(entry, wanted)| entry.number != *wanted)
    {
        return Finding::new("history.gap", wanted.to_string(), entry.number.to_string()).at([last.seq]);
    }
    let looks = beyond(&first.entries, &last.entries).filter(|entry| entry.kind == "history").count();
    if looks.saturating_add(1) < histories.len() {
        return Finding::new("history.look-missing", histories.len().to_string(), looks.to_string())
            .at([last.seq]);
    }
    let wanted = happened(exchange);
    let found: Vec<(String, String)> =
        added(&first.entries, &last.entries).into_iter().map(|entry| (entry.kind, entry.outcome)).collect();
    if found == wanted {
        return Verdict::Pass;
    }
    let join = |list: &[(String, String)]| {
        list.iter().map(|(kind, outcome)| format!("{kind} {outcome}")).collect::<Vec<_>>().join("; ")
    };
    Finding::new("history.incomplete", join(&wanted), join(&found)).at([last.seq])
}

/// Kind and outcome of what the suite did in the case about the person, as answered.
fn happened(exchange: &Exchange<'_>) -> Vec<(String, String)> {
    let mut happened = Vec::new();
    for (_, answer) in exchange.answered() {
        let Some(message) = Message::of(answer.body) else { continue };
        match message.kind() {
            "IdentityMappingResponse" => {
                let granted = message.outputs().len();
                happened.extend((0..granted).map(|_| ("mapping".to_owned(), "granted".to_owned())));
                happened.extend(
                    message.statuses().iter().map(|(_, code)| ("mapping".to_owned(), (*code).to_owned())),
                );
            }
            "LoginAnswer" if message.status() == Some("OK") => {
                let context = message.content().map(|content| attribute(content, "context"));
                let context = context.and_then(|context| context.rsplit(':').next()).unwrap_or_default();
                happened.push(("login".to_owned(), context.to_owned()));
            }
            "LinkageAnswer" => happened.push(("relayed".to_owned(), "answered".to_owned())),
            "DisclosureReceipt" => happened.push(("disclosure".to_owned(), "answered".to_owned())),
            _ => {}
        }
    }
    happened
}

/// Numbers and names of the world's people, as far as they are long enough to stand nowhere by chance.
pub(super) fn telling<'e>(exchange: &Exchange<'e>) -> Search<'e> {
    let people = &exchange.world().people;
    let numbers = people.iter().flat_map(|person| person.numbers.iter().map(|number| number.value.as_str()));
    let names = people.iter().flat_map(|person| person.canaries.iter().map(String::as_str));
    Search::values(numbers.chain(names).filter(|value| value.chars().count() > 7))
}

/// No number or name of anybody.
pub(super) fn no_number(exchange: &Exchange<'_>) -> Verdict {
    let telling = telling(exchange);
    let shown = exchange
        .answers()
        .filter(|answer| Message::of(answer.body).is_some_and(|message| message.kind() == "AccessHistory"));
    each(shown.collect::<Vec<_>>(), "missing.histories", |answer| match telling.find(answer.body.bytes()) {
        Some(value) => {
            Err(Finding::new("history.number", Phrase::plain("expected.no-number"), value).at([answer.seq]))
        }
        None => Ok(()),
    })
}

/// What the relay sent on: the call of insurer B that belongs to the carried query.
fn forwarded(exchange: &Exchange<'_>) -> Verdict {
    let Some(sent) = refuse::last_sent(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.a-query"));
    };
    let Some(call) = exchange.calls().find(|call| call.to == "insurer-b" && call.seq > sent.seq) else {
        return Verdict::unreached(Phrase::plain("missing.a-forwarded-query"));
    };
    let (Some(asked), Some(carried)) = (Message::of(sent.body), Message::of(call.body)) else {
        return Verdict::unreached(Phrase::plain("missing.a-forwarded-query"));
    };
    let wrong = |expected: String, observed: String| {
        Finding::new("relayed.changed", expected, observed).at([Place::from(call.seq), Place::from(sent.seq)])
    };
    if let Err(verdict) = well_signed(exchange, call.body, &carried, call.seq) {
        return verdict;
    }
    let envelope = |message: &Message| {
        let first = message.envelopes().first().copied();
        first.map(|envelope| trust::canonical(message.document(), envelope)).unwrap_or_default()
    };
    if envelope(&asked) != envelope(&carried) {
        return wrong("saml:Assertion".into(), "saml:Assertion *".into());
    }
    let Some(inner) = asked.content().and_then(|content| content.elements().next()) else {
        return Verdict::unreached(Phrase::plain("missing.a-query"));
    };
    let items: Vec<&str> = inner.elements().filter_map(crate::read::text).collect();
    let query = carried.content();
    if items != carried.items() {
        return wrong(items.join(", "), carried.items().join(", "));
    }
    if inner.attribute("asOf") != query.and_then(|query| query.attribute("asOf")) {
        let found = query.map(|query| attribute(query, "asOf")).unwrap_or_default();
        return wrong(format!("asOf {}", attribute(inner, "asOf")), found.to_owned());
    }
    if asked.purpose() != carried.purpose() {
        let purpose = |message: &Message| message.purpose().unwrap_or_default().to_owned();
        return wrong(purpose(&asked), purpose(&carried));
    }
    let principal = entity(exchange, sent.from);
    let found = query.map(|query| attribute(query, "onBehalfOf")).unwrap_or_default();
    if found == principal {
        Verdict::Pass
    } else {
        wrong(format!("onBehalfOf {principal}"), found.to_owned())
    }
}

/// What the relay gave back: the answer of insurer B, unchanged.
fn returned(exchange: &Exchange<'_>) -> Verdict {
    let reply = exchange.calls().filter(|call| call.to == "insurer-b").last();
    let reply = reply.and_then(|call| exchange.reply(call.exchange));
    let (Some(reply), Some(answer)) = (reply, refuse::answer(exchange)) else {
        return Verdict::unreached(Phrase::plain("missing.a-forwarded-query"));
    };
    let (Some(given), Some(returned)) = (Message::of(reply.body), Message::of(answer.body)) else {
        return Verdict::unreached(Phrase::plain("missing.an-answer"));
    };
    let content = |message: &Message| {
        message.content().map(|content| trust::canonical(message.document(), content)).unwrap_or_default()
    };
    if content(&given) == content(&returned)
        && ns::CK.uri() == returned.content().map_or("", Element::namespace)
    {
        return Verdict::Pass;
    }
    let told = |octets: Vec<u8>| String::from_utf8_lossy(&octets).chars().take(400).collect::<String>();
    let places = [Place::from(answer.seq), Place::from(reply.seq)];
    Finding::new("relayed.answer-changed", told(content(&given)), told(content(&returned))).at(places)
}
