//! Chapter 32 for the requester: everything that it sends, in the whole run; and its logs.

use chukei_evidence::{Call, Exchange, Finding, Judge, Phrase, Place, Search, Verdict};
use chukei_spec::req;
use chukei_xml::ns;

use super::{answers::REQUIRED, answers::well_signed, declared, each, whole};
use crate::{
    login,
    read::{Message, attribute, inside, stated, text},
    trust,
};

pub(super) const JUDGES: &[Judge] = &[
    whole(req!("requester.query.headers"), headers),
    whole(req!("requester.query.purpose"), purpose),
    whole(req!("requester.no-foreign-number"), no_foreign_number),
    whole(req!("requester.envelope.unchanged"), unchanged),
    whole(req!("requester.envelope.only-target"), only_target),
    declared(req!("privacy.log.no-identifier"), nothing_in_logs),
];

/// Requests of the product.
fn requests<'t>(exchange: &Exchange<'t>) -> Vec<(Call<'t>, Message)> {
    exchange.calls().filter_map(|call| Some((call, Message::of(call.body)?))).collect()
}

fn headers(exchange: &Exchange<'_>) -> Verdict {
    each(requests(exchange), "missing.a-request", |(call, message)| {
        let wrong =
            |what: String, observed: &str| Err(Finding::new("request.header", what, observed).at([call.seq]));
        for name in REQUIRED {
            let count = message.headers(name).len();
            if count != 1 {
                return wrong(name.to_string(), &count.to_string());
            }
        }
        let own = exchange.world().endpoint(call.to, "soap").unwrap_or_default();
        let to = message.header_text(ns::WSA.name("To")).unwrap_or_default();
        if to != own {
            return wrong(format!("wsa:To {own}"), to);
        }
        let action =
            message.content().map(|c| format!("{}:{}", c.namespace(), c.local())).unwrap_or_default();
        let field = call.fields.get("soapaction").unwrap_or_default();
        if message.header_text(ns::WSA.name("Action")) != Some(&action) || field != format!("\"{action}\"") {
            return wrong(format!("SOAPAction \"{action}\""), field);
        }
        if message.purpose().is_none() {
            return wrong("sb:UsageDirective".into(), "0");
        }
        well_signed(exchange, call.body, &message, call.seq)
    })
}

/// Queries with the mapping answer that gave the envelope: the last reply of the relay before, if it was not bent.
fn queries<'t>(exchange: &Exchange<'t>) -> Vec<(Call<'t>, Message, Option<(u32, Message)>)> {
    let all = requests(exchange).into_iter().filter(|(_, message)| !message.envelopes().is_empty());
    all.map(|(call, message)| {
        let id = message
            .envelopes()
            .first()
            .map(|envelope| attribute(*envelope, "ID").to_owned())
            .unwrap_or_default();
        let given = exchange.replies().filter(|reply| reply.seq < call.seq).filter_map(|reply| {
            let given = Message::of(reply.body)?;
            let has = given.outputs().iter().any(|(_, envelope)| attribute(*envelope, "ID") == id);
            has.then_some((reply.seq, given))
        });
        let given = given.last();
        (call, message, given)
    })
    .collect()
}

fn purpose(exchange: &Exchange<'_>) -> Verdict {
    each(queries(exchange), "missing.a-query", |(call, message, _)| {
        let envelope = message.envelopes().first().copied();
        let asked = envelope.and_then(|envelope| stated(envelope, "purpose")).unwrap_or_default();
        let found = message.purpose().unwrap_or_default();
        if found == asked {
            Ok(())
        } else {
            Err(Finding::new("request.purpose", asked, found).at([call.seq]))
        }
    })
}

fn no_foreign_number(exchange: &Exchange<'_>) -> Verdict {
    let party = exchange.header().product.party.as_str();
    let people = &exchange.world().people;
    let own: Vec<&str> = people
        .iter()
        .flat_map(|p| &p.numbers)
        .filter(|n| n.insurer == party)
        .map(|n| n.value.as_str())
        .collect();
    let foreign = people
        .iter()
        .flat_map(|person| &person.numbers)
        .filter(|number| number.insurer != party && number.value.chars().count() > 7)
        .map(|number| number.value.as_str())
        .filter(|value| !own.contains(value));
    let foreign = Search::values(foreign);
    each(requests(exchange), "missing.a-request", |(call, _)| {
        let fields = call.fields.0.iter().map(|(_, value)| value.as_bytes());
        match fields.chain([call.body.bytes()]).find_map(|told| foreign.find(told)) {
            Some(value) => {
                Err(Finding::new("request.foreign-number", Phrase::plain("expected.own-number"), value)
                    .at([call.seq]))
            }
            None => Ok(()),
        }
    })
}

fn unchanged(exchange: &Exchange<'_>) -> Verdict {
    each(queries(exchange), "missing.a-query", |(call, message, given)| {
        let wrong = |observed: &str, places: Vec<Place>| {
            Err(Finding::new("request.envelope-changed", Phrase::plain("expected.unchanged"), observed)
                .at(places))
        };
        let Some((seq, given)) = given else { return wrong("ID", vec![call.seq.into()]) };
        let sent =
            message.envelopes().first().map(|envelope| trust::canonical(message.document(), *envelope));
        let outputs = given.outputs();
        let mut original = outputs.iter().map(|(_, envelope)| trust::canonical(given.document(), *envelope));
        if original.any(|original| Some(&original) == sent.as_ref()) {
            return Ok(());
        }
        wrong("saml:Assertion", vec![call.seq.into(), seq.into()])
    })
}

fn only_target(exchange: &Exchange<'_>) -> Verdict {
    each(queries(exchange), "missing.a-query", |(call, message, _)| {
        let Some(envelope) = message.envelopes().first().copied() else { return Ok(()) };
        let receiver = exchange.world().party(call.to).map_or("", |party| party.entity.as_str());
        let audience = inside(envelope, ns::SAML.name("Audience")).and_then(text).unwrap_or_default();
        let presenters =
            envelope.descendants().filter(|inner| inner.is(ns::SAML.name("SubjectConfirmation")));
        let is_listed = presenters
            .skip(1)
            .any(|second| inside(second, ns::SAML.name("NameID")).and_then(text) == Some(receiver));
        if receiver == audience || (call.to == "relay" && is_listed) {
            return Ok(());
        }
        Err(Finding::new("request.wrong-receiver", audience, receiver).at([call.seq]))
    })
}

/// No number or name of anybody, and no visible number, session or ticket of the case.
fn nothing_in_logs(exchange: &Exchange<'_>) -> Verdict {
    let logs = exchange.controls().filter(|control| control.verb == "GET /logs" && control.status == 200);
    let people = &exchange.world().people;
    let numbers = people
        .iter()
        .flat_map(|person| person.numbers.iter().map(|number| number.value.as_str()))
        .filter(|value| value.chars().count() > 7);
    let names = people.iter().flat_map(|person| &person.canaries);
    let names = names.map(|name| name.trim_start_matches("TEST ").trim_start_matches("テスト "));
    let given = given(exchange);
    let telling = Search::values(numbers.chain(names).chain(given.iter().map(String::as_str)));
    each(logs.collect::<Vec<_>>(), "missing.logs", |logs| {
        let lines = logs.answer.json().unwrap_or_default();
        let lines = lines.get("lines").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        if lines.is_empty() {
            return Err(Verdict::unreached(Phrase::plain("missing.logs")));
        }
        let told: String =
            lines.iter().map(|line| format!("{}\n", line.as_str().unwrap_or_default())).collect();
        match telling.find(told.as_bytes()) {
            Some(number) => {
                Err(Finding::new("log.number", Phrase::plain("expected.no-number"), number).at([logs.seq]))
            }
            None => Ok(()),
        }
    })
}

/// Visible numbers that the product was shown, and sessions and tickets that it gave.
fn given(exchange: &Exchange<'_>) -> Vec<String> {
    let shown = exchange.sent().filter_map(|sent| {
        let message = Message::of(sent.body)?;
        let number = message.content()?.descendants().find(|inner| inner.local() == "VisibleNumber")?;
        text(number).map(str::to_owned)
    });
    let sessions = exchange.answers().filter_map(|answer| {
        let message = Message::of(answer.body)?;
        message.content()?.attribute("session").map(str::to_owned)
    });
    let tickets = exchange.answers().filter_map(|answer| Some(login::presented(answer.body)?.0));
    shown.chain(sessions).chain(tickets).collect()
}
