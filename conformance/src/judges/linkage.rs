//! Chapters 32 and 33 for the responder: what it answers, and what it tells the relay before.

use std::collections::{BTreeMap, BTreeSet};

use chukei_evidence::{
    Answer, Call, Exchange, Finding, Holding, Judge, Number, Person, Phrase, Place, Search, Sent, Verdict,
};
use chukei_spec::req;
use chukei_xml::{Document, Element, ns};
use serde_json::Value;

use super::{declared, each, skew, whole};
use crate::{
    read::{self, Message, attribute, text},
    refuse,
};

pub(super) const JUDGES: &[Judge] = &[
    declared(req!("linkage.answer.person"), person),
    declared(req!("envelope.exact-number"), person),
    declared(req!("linkage.answer.no-data"), no_data),
    whole(req!("linkage.answer.no-number"), no_number),
    whole(req!("linkage.answer.no-name"), no_name),
    whole(req!("linkage.answer.items"), items),
    whole(req!("linkage.answer.as-of"), as_of),
    declared(req!("linkage.answer.period"), periods),
    whole(req!("linkage.answer.facts"), as_recorded),
    whole(req!("linkage.disclosure.before-answer"), before_answer),
    whole(req!("linkage.disclosure.content"), content),
    whole(req!("linkage.refusal.no-disclosure"), no_disclosure),
];

/// A query with its answer, if that is a `ck:LinkageAnswer`.
struct Answered<'t> {
    sent: Sent<'t>,
    answer: Answer<'t>,
    request: Message,
    message: Message,
    number: Option<(String, String)>,
}

fn answered<'t>(exchange: &Exchange<'t>) -> Vec<Answered<'t>> {
    let all = exchange.answered().filter_map(|(sent, answer)| {
        let (request, message) = (Message::of(sent.body)?, Message::of(answer.body)?);
        let number = sealed_in(exchange, &request);
        (message.kind() == "LinkageAnswer").then_some(Answered { sent, answer, request, message, number })
    });
    all.collect()
}

/// Scheme and number in the envelope of a query.
fn sealed_in(exchange: &Exchange<'_>, request: &Message) -> Option<(String, String)> {
    let opened = read::open(exchange, *request.envelopes().first()?)?;
    let document = Document::parse(opened.plaintext.trim_ascii_end()).ok()?;
    let root = document.root();
    Some((attribute(root, "Format").to_owned(), text(root)?.to_owned()))
}

/// The person whom the product knows by exactly this number.
fn holder<'t>(exchange: &Exchange<'t>, number: &str) -> Option<&'t Person> {
    let party = &exchange.header().product.party;
    exchange.world().people.iter().find(|person| {
        let own = |own: &Number| own.insurer == *party && own.value == number;
        person.name != "unknown" && person.numbers.iter().any(own)
    })
}

fn facts<'m>(message: &'m Message, name: &'static str) -> Vec<Element<'m>> {
    let content = message.content().into_iter().flat_map(Element::elements);
    content.filter(|child| child.is(ns::CK.name(name))).collect()
}

/// Facts that tell one person from another.
fn amounts(message: &Message) -> BTreeSet<String> {
    facts(message, "Benefit").into_iter().map(|benefit| attribute(benefit, "amount").to_owned()).collect()
}

fn held<'h>(holdings: impl Iterator<Item = &'h Holding>) -> BTreeSet<String> {
    let amount = |holding: &Holding| {
        holding.facts.iter().find(|(name, _)| name == "amount").map(|(_, value)| value.clone())
    };
    holdings.filter_map(amount).collect()
}

/// About the person of the exact number, or about nobody: insurance begins on days of that person's, and amounts are those of
/// that person.
fn person(exchange: &Exchange<'_>) -> Verdict {
    let party = exchange.header().product.party.clone();
    each(answered(exchange), "missing.an-answer", |answered| {
        let Some((_, number)) = &answered.number else {
            return Err(Verdict::unreached(Phrase::plain("missing.number")));
        };
        let person = holder(exchange, number);
        let asked = answered.request.items();
        let wanted = person.map(|person| held(person.holdings_at(&party, "benefits"))).unwrap_or_default();
        let wanted = if asked.contains(&"benefits") { wanted } else { BTreeSet::new() };
        let found = amounts(&answered.message);
        let periods = facts(&answered.message, "Eligibility");
        let has_data = !periods.is_empty() || !found.is_empty();
        let wrong = |expected: String, observed: String| {
            let places = [Place::from(answered.answer.seq), Place::from(answered.sent.seq)];
            Err(Finding::new("answer.other-person", expected, observed).at(places))
        };
        if found != wanted {
            let join = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
            return wrong(join(&wanted), join(&found));
        }
        let rows = rows(exchange, (number, answered.sent.seq), "eligibility");
        let begun: Vec<&str> = rows.iter().filter_map(|row| row.get("from")).map(String::as_str).collect();
        let mut told = periods.iter().map(|period| attribute(*period, "from"));
        if let Some(other) = told.find(|from| !begun.contains(from)).filter(|_| person.is_some()) {
            return wrong(begun.join(", "), other.to_owned());
        }
        if person.is_none() && has_data {
            return wrong("NoData".into(), answered.message.status().unwrap_or_default().to_owned());
        }
        Ok(())
    })
}

fn no_data(exchange: &Exchange<'_>) -> Verdict {
    let Some(answer) = refuse::answer(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.an-answer"));
    };
    let message = Message::of(answer.body);
    let status = message.as_ref().filter(|m| m.kind() == "LinkageAnswer").and_then(Message::status);
    let is_empty = message
        .as_ref()
        .is_some_and(|m| facts(m, "Eligibility").is_empty() && facts(m, "Benefit").is_empty());
    if status == Some("NoData") && is_empty && answer.status == 200 {
        return Verdict::Pass;
    }
    let observed =
        status.map(str::to_owned).or_else(|| message.map(|m| m.kind().to_owned())).unwrap_or_default();
    Finding::new("answer.not-no-data", "NoData", observed).at([answer.seq])
}

fn no_number(exchange: &Exchange<'_>) -> Verdict {
    each(answered(exchange), "missing.an-answer", |answered| {
        let told = answered.answer.body.text().unwrap_or_default();
        let fields = answered.answer.fields.0.iter().map(|(_, value)| value.as_str());
        let number =
            answered.number.as_ref().map(|(_, number)| number.as_str()).filter(|number| number.len() > 5);
        let Some(number) = number else { return Ok(()) };
        if fields.chain([told]).any(|told| told.contains(number)) {
            let finding = Finding::new("answer.number", Phrase::plain("expected.no-number"), number);
            return Err(finding.at([answered.answer.seq]));
        }
        Ok(())
    })
}

fn no_name(exchange: &Exchange<'_>) -> Verdict {
    let canaries = exchange.world().people.iter().flat_map(|person| &person.canaries);
    let names = canaries.map(|name| name.trim_start_matches("TEST ").trim_start_matches("テスト "));
    let names = Search::values(names);
    each(answered(exchange), "missing.an-answer", |answered| match names.find(answered.answer.body.bytes()) {
        Some(name) => {
            let finding = Finding::new("answer.name", Phrase::plain("expected.no-name"), name);
            Err(finding.at([answered.answer.seq]))
        }
        None => Ok(()),
    })
}

fn items(exchange: &Exchange<'_>) -> Verdict {
    each(answered(exchange), "missing.an-answer", |answered| {
        let asked = answered.request.items();
        for (item, element) in [("eligibility", "Eligibility"), ("benefits", "Benefit")] {
            let given = !facts(&answered.message, element).is_empty();
            let is_held = !due(exchange, &answered, item).is_empty();
            let wanted = asked.contains(&item);
            let wrong = |expected: &str, observed: &str| {
                let finding = Finding::new("answer.items", Phrase::key(expected, [item]), observed);
                Err(finding.at([Place::from(answered.answer.seq), Place::from(answered.sent.seq)]))
            };
            if given && !wanted {
                return wrong("expected.no-item", element);
            }
            if wanted && is_held && !given {
                return wrong("expected.item", "–");
            }
        }
        Ok(())
    })
}

fn as_of(exchange: &Exchange<'_>) -> Verdict {
    let skew = skew(exchange);
    let all = answered(exchange);
    let told: Vec<_> =
        all.iter().flat_map(|a| facts(&a.message, "Eligibility").into_iter().map(move |e| (a, e))).collect();
    each(told, "missing.an-eligibility", |(answered, eligibility)| {
        let day = attribute(eligibility, "asOf");
        let asked = answered.request.content().and_then(|content| content.attribute("asOf"));
        let lacking = [("asOf", day), ("recordedAt", attribute(eligibility, "recordedAt"))];
        if let Some((name, _)) = lacking.iter().find(|(_, value)| value.is_empty()) {
            return Err(Finding::new("answer.as-of", *name, "–").at([answered.answer.seq]));
        }
        // Without a day, that of the answer.
        let days = |at: i64| [at.saturating_sub(skew), at.saturating_add(skew)].map(read::day);
        let is_it = match asked {
            Some(asked) => asked == day,
            None => days(answered.answer.at).iter().any(|today| today == day),
        };
        // Whose insurance it is, and whether it is one of the person's, is a matter of other sentences.
        let own = answered.number.as_ref().map(|(_, number)| number.as_str()).unwrap_or_default();
        let rows = rows(exchange, (own, answered.sent.seq), "eligibility");
        let is_this = |row: &&BTreeMap<String, String>| {
            let has = |name| row.get(name).map(String::as_str) == eligibility.attribute(name);
            has("from") && has("until")
        };
        let mut recorded = rows.iter().filter(is_this).filter_map(|row| row.get("recorded")).peekable();
        let told = attribute(eligibility, "recordedAt");
        let first = recorded.peek().map(|day| format!("{day}T00:00:00Z"));
        let mut times = recorded.map(|day| read::seconds(&format!("{day}T00:00:00Z")));
        if let Some(first) = first.filter(|_| !times.any(|time| time == read::seconds(told))) {
            return Err(Finding::new("answer.as-of", first, told).at([answered.answer.seq]));
        }
        if is_it {
            return Ok(());
        }
        let wanted = asked.map_or_else(|| read::day(answered.answer.at), str::to_owned);
        Err(Finding::new("answer.as-of", wanted, day).at([answered.answer.seq]))
    })
}

/// Scheme and insurer are those of the number, and each benefit is one of the person's.
fn as_recorded(exchange: &Exchange<'_>) -> Verdict {
    let product = exchange.header().product.party.as_str();
    let insurer = exchange.world().party(product).map_or("", |party| party.entity.as_str());
    let opened = answered(exchange).into_iter().filter_map(|answered| {
        let number = answered.number.clone()?;
        Some((answered, number))
    });
    each(opened.collect::<Vec<_>>(), "missing.an-answer", |(answered, (scheme, number))| {
        let wrong = |expected: String, observed: String| {
            let places = [Place::from(answered.answer.seq), Place::from(answered.sent.seq)];
            Err(Finding::new("answer.other-facts", expected, observed).at(places))
        };
        let wanted = format!("{scheme} {insurer}");
        for period in facts(&answered.message, "Eligibility") {
            let found = format!("{} {}", attribute(period, "scheme"), attribute(period, "insurer"));
            if found != wanted {
                return wrong(wanted, found);
            }
        }
        let names = ["kind", "from", "until", "amount"];
        let rows = rows(exchange, (&number, answered.sent.seq), "benefits");
        let held: Vec<String> = rows
            .iter()
            .map(|row| names.map(|name| row.get(name).map_or("–", String::as_str)).join(" "))
            .collect();
        for benefit in facts(&answered.message, "Benefit") {
            let found = names.map(|name| benefit.attribute(name).unwrap_or("–")).join(" ");
            if !held.contains(&found) {
                return wrong(held.join("; "), found);
            }
        }
        Ok(())
    })
}

/// Rows of `people.json` about eligibility or benefits of somebody.
type Rows = Vec<BTreeMap<String, String>>;

/// What the product holds about the person with this number: as the suite has told it, or as the world is.
fn rows(exchange: &Exchange<'_>, (number, before): (&str, u32), item: &str) -> Rows {
    let party = exchange.header().product.party.as_str();
    let controls = exchange.controls().filter(|control| control.seq < before && control.status == 200);
    let last = controls.filter(|control| ["POST /people", "POST /reset"].contains(&control.verb)).last();
    let Some(told) = last.filter(|control| control.verb == "POST /people") else {
        let holdings =
            holder(exchange, number).into_iter().flat_map(|person| person.holdings_at(party, item));
        return holdings.map(|holding| holding.facts.iter().cloned().collect()).collect();
    };
    let told = told.request.json().unwrap_or_default();
    let array =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let is = |row: &Value, name: &str, text: &str| row.get(name).and_then(Value::as_str) == Some(text);
    let own = |person: &Value| {
        array(person, "numbers").iter().any(|row| is(row, "value", number) && is(row, "party", party))
    };
    let person = array(&told, "people").into_iter().find(own);
    let records = person.iter().flat_map(|person| array(person, "records"));
    let rows = records.filter(|record| is(record, "party", party)).flat_map(|record| array(&record, item));
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let facts = |row: Value| {
        let members = row.as_object().cloned().unwrap_or_default();
        members.iter().map(|(name, value)| (name.clone(), text(value))).collect()
    };
    rows.map(facts).collect()
}

/// What has to be answered of an item, in order: of the periods that hold the day, or the last before it; of the benefits
/// that had begun.
fn due(exchange: &Exchange<'_>, answered: &Answered<'_>, item: &str) -> Vec<String> {
    let Some((_, number)) = &answered.number else { return Vec::new() };
    let asked = answered.request.content().and_then(|query| query.attribute("asOf")).map(str::to_owned);
    let day = asked.unwrap_or_else(|| read::day(answered.answer.at));
    let mut begun = rows(exchange, (number, answered.sent.seq), item);
    begun.retain(|row| row.get("from").is_some_and(|from| *from <= day));
    let described = |row: &BTreeMap<String, String>, more: &str| {
        let text = |name: &str| row.get(name).map_or("–", String::as_str).to_owned();
        format!("{} {} {more}", text("from"), text("until"))
    };
    let mut due: Vec<String> = if item == "eligibility" {
        let (current, past): (Rows, Rows) =
            begun.into_iter().partition(|row| row.get("until").is_none_or(|until| day < *until));
        let last = past.iter().max_by_key(|row| (row.get("until"), row.get("from")));
        let last = last.filter(|_| current.is_empty());
        let valid = current.iter().map(|row| described(row, "valid"));
        valid.chain(last.map(|row| described(row, "invalid"))).collect()
    } else {
        begun.iter().map(|row| described(row, row.get("amount").map_or("–", String::as_str))).collect()
    };
    due.sort();
    due
}

/// The facts of the day, and no others.
fn periods(exchange: &Exchange<'_>) -> Verdict {
    each(answered(exchange), "missing.an-answer", |answered| {
        for (item, element, more) in
            [("eligibility", "Eligibility", "validity"), ("benefits", "Benefit", "amount")]
        {
            let wanted = due(exchange, &answered, item);
            let described = |fact: Element<'_>| {
                let text = |name| fact.attribute(name).unwrap_or("–");
                format!("{} {} {}", text("from"), text("until"), text(more))
            };
            let mut found: Vec<String> =
                facts(&answered.message, element).into_iter().map(described).collect();
            found.sort();
            if answered.request.items().contains(&item) && found != wanted {
                let places = [Place::from(answered.answer.seq), Place::from(answered.sent.seq)];
                let finding = Finding::new("answer.other-day", wanted.join("; "), found.join("; "));
                return Err(finding.at(places));
            }
        }
        Ok(())
    })
}

/// The notice about an envelope, before an event.
fn notice<'t>(exchange: &Exchange<'t>, envelope: &str, before: u32) -> Option<(Call<'t>, Message)> {
    let calls = exchange.calls().filter(|call| call.to == "relay" && call.seq < before);
    calls.filter_map(|call| Some((call, Message::of(call.body)?))).find(|(_, message)| {
        let notice = message.content().filter(|content| content.is(ns::CK.name("DisclosureNotice")));
        notice.is_some_and(|notice| attribute(notice, "envelope") == envelope)
    })
}

fn envelope_of(request: &Message) -> String {
    request.envelopes().first().map(|envelope| attribute(*envelope, "ID").to_owned()).unwrap_or_default()
}

fn before_answer(exchange: &Exchange<'_>) -> Verdict {
    each(answered(exchange), "missing.an-answer", |answered| {
        let id = envelope_of(&answered.request);
        let receipt = notice(exchange, &id, answered.answer.seq)
            .and_then(|(call, _)| exchange.reply(call.exchange))
            .filter(|reply| reply.seq < answered.answer.seq);
        if receipt.is_some() {
            return Ok(());
        }
        let observed = Phrase::plain("observed.no-receipt");
        Err(Finding::new("disclosure.missing", Phrase::plain("expected.receipt"), observed)
            .at([answered.answer.seq]))
    })
}

fn content(exchange: &Exchange<'_>) -> Verdict {
    let all = answered(exchange);
    let noticed: Vec<_> = all
        .iter()
        .filter_map(|answered| {
            let (call, message) = notice(exchange, &envelope_of(&answered.request), u32::MAX)?;
            Some((answered, call, message))
        })
        .collect();
    each(noticed, "missing.a-notice", |(answered, call, message)| {
        let Some(notice) = message.content() else { return Ok(()) };
        let outcome = if answered.message.status() == Some("NoData") { "no-data" } else { "answered" };
        let envelope = answered.request.envelopes().first().copied();
        let requester = envelope.and_then(|envelope| {
            let first = read::inside(envelope, ns::SAML.name("SubjectConfirmation"))?;
            text(read::inside(first, ns::SAML.name("NameID"))?)
        });
        let purpose = notice.elements().find(|child| child.is(ns::CK.name("Purpose"))).and_then(text);
        let set = |items: Vec<&str>| items.into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
        let wrong = |expected: &str, observed: &str| {
            let places = [Place::from(call.seq), Place::from(answered.sent.seq)];
            Err(Finding::new("disclosure.content", expected, observed).at(places))
        };
        if attribute(notice, "requester") != requester.unwrap_or_default() {
            return wrong(requester.unwrap_or_default(), attribute(notice, "requester"));
        }
        if purpose != answered.request.purpose() {
            return wrong(answered.request.purpose().unwrap_or_default(), purpose.unwrap_or_default());
        }
        if attribute(notice, "outcome") != outcome {
            return wrong(outcome, attribute(notice, "outcome"));
        }
        if set(message.items()) != set(answered.request.items()) {
            return wrong(&answered.request.items().join(", "), &message.items().join(", "));
        }
        Ok(())
    })
}

/// A query that was refused, in a case that bends the query and not what happens after it, has no notice.
fn no_disclosure(exchange: &Exchange<'_>) -> Verdict {
    let refused = exchange.answered().filter(|(sent, answer)| {
        sent.deviates && answer.status >= 400 && Message::of(answer.body).is_some_and(|m| m.fault().is_some())
    });
    each(refused.collect::<Vec<_>>(), "missing.a-refusal", |(sent, answer)| {
        let calls = exchange
            .calls()
            .filter(|call| call.seq > sent.seq && call.seq < answer.seq && call.to == "relay");
        let mut notices = calls.filter(|call| {
            // A receipt that the suite has bent is another matter: the query was in order.
            let bent = exchange.reply(call.exchange).is_none_or(|reply| reply.deviates);
            !bent && call.body.text().is_some_and(|text| text.contains("DisclosureNotice"))
        });
        match notices.next() {
            Some(call) => {
                let finding = Finding::new(
                    "disclosure.of-refusal",
                    Phrase::plain("expected.no-notice"),
                    "DisclosureNotice",
                );
                Err(finding.at([Place::from(call.seq), Place::from(answer.seq)]))
            }
            None => Ok(()),
        }
    })
}
