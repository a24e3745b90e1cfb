//! Chapter 61, a terminal that logs people in at a relay: what it asks of the relay, held against what the card did before.
//! Cards and messages stand in one transcript, so that order and octets decide.

use std::ops::Range;

use chukei_crypto::Certificate;
use chukei_evidence::{Call, Exchange, Finding, Judge, Phrase, Verdict, What as Event};
use chukei_spec::req;
use chukei_xml::{
    Element,
    lexical::{decode_base64, encode_base64},
};

use super::{
    each,
    terminal::{any, exit},
};
use crate::{
    card::{AUTHENTICATION_CERTIFICATE, AUTHENTICATION_KEY, What, octets as hex},
    login::{child, verifies},
    read::{attribute, text},
    visit::{Asked, Visit, contents, visits},
};

pub(super) const JUDGES: &[Judge] = &[
    any(req!("terminal.relay.told"), told),
    any(req!("terminal.relay.certificate"), certificate),
    any(req!("terminal.relay.signature"), signature),
    any(req!("terminal.relay.once"), once),
    any(req!("terminal.relay.session"), session),
    any(req!("terminal.reception.staff-first"), staff_first),
    any(req!("terminal.reception.number"), number),
    any(req!("terminal.reception.operator"), operator),
];

const NOTHING: &str = "missing.login";

/// Octets of the element of this name in a card's answer to a challenge.
fn octets(response: Element<'_>, name: &str) -> Option<Vec<u8>> {
    decode_base64(text(child(response, name)?)?)
}

/// What a card answered to a challenge, in a login.
fn response(login: &Asked) -> Option<Element<'_>> {
    child(login.message.content()?, "Response")
}

fn told(exchange: &Exchange<'_>) -> Verdict {
    let claims = |feature: &str| exchange.header().features.iter().any(|claimed| claimed == feature);
    let (portal, reception) = (claims("portal"), claims("reception"));
    let has_relay = |visit: &Visit| match visit.task.as_str() {
        "login" => portal,
        "reception" | "visible-number" => reception,
        _ => false,
    };
    let concerned = |visit: &Visit| has_relay(visit) && (visit.is_done() || visit.logins().next().is_some());
    let visits = visits(exchange).into_iter().filter(concerned);
    each(visits, NOTHING, |visit| {
        if !visit.is_done() || visit.logins().any(Asked::is_granted) {
            return Ok(());
        }
        let wanted = Phrase::plain("expected.login-refused");
        Err(Finding::new("terminal.login-untrue", wanted, exit(&visit)).at([visit.end, visit.seq]))
    })
}

fn certificate(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    each(logins(&visits), NOTHING, |(visit, login, response)| {
        let before = visit.acts.iter().filter(|act| act.seq < login.seq).cloned().collect::<Vec<_>>();
        let read = before.split(|act| act.what == What::Reset);
        let mut read = read.filter_map(|acts| contents(acts, AUTHENTICATION_CERTIFICATE));
        match octets(response, "Certificate") {
            Some(shown) if read.any(|read| read == shown) => Ok(()),
            _ => Err(sent("terminal.login-certificate", "expected.card-certificate", login)),
        }
    })
}

fn signature(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    each(logins(&visits), NOTHING, |(visit, login, response)| {
        let signed = octets(response, "Signature").zip(challenge(visit, response)).is_some_and(
            |(signature, given)| {
                visit.acts.iter().any(|act| {
                    let is_sign =
                        act.what == What::Sign && act.file == Some(AUTHENTICATION_KEY) && act.is_done();
                    is_sign && act.data == signature && (given..login.seq).contains(&act.seq)
                })
            },
        );
        if signed {
            return Ok(());
        }
        Err(sent("terminal.login-signature", "expected.card-signature", login))
    })
}

fn once(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let refused = visits.iter().filter(|visit| visit.logins().any(|login| login.is_refused));
    each(refused, NOTHING, |visit| match visit.logins().skip_while(|login| !login.is_refused).nth(1) {
        None => Ok(()),
        Some(again) => Err(sent("terminal.login-again", "expected.no-login", again)),
    })
}

fn session(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let given = visits.iter().flat_map(|visit| {
        visit.logins().filter_map(move |login| Some((visit, login.answer.as_ref()?.0, login.session()?)))
    });
    each(given, NOTHING, |(visit, seq, session)| {
        let within = seq..visit.end;
        let removed =
            |event: &&chukei_evidence::Event| within.contains(&event.seq) && event.what == Event::Removed;
        let over = exchange.events().iter().find(removed).map_or(visit.end, |event| event.seq);
        let names = |call: &Call<'_>| call.body.text().is_some_and(|text| text.contains(session));
        let late = exchange.whole().calls().find(|call| call.seq > over && names(call));
        late.map_or(Ok(()), |call| {
            Err(Finding::new("terminal.session-late", Phrase::plain("expected.no-session"), call.to)
                .at([call.seq, over]))
        })
    })
}

fn staff_first(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let known = visits.iter().filter(|visit| visit.task == "reception").filter_map(|visit| {
        let mut read = visit.sessions().filter_map(|acts| contents(acts, AUTHENTICATION_CERTIFICATE));
        Some((visit, read.next()?))
    });
    each(known, NOTHING, |(visit, certificate)| {
        let id = Certificate::from_der(&certificate).ok().and_then(|shown| {
            let subject = shown.subject();
            subject.split(',').find_map(|part| part.trim().strip_prefix("CN=")).map(str::to_owned)
        });
        let encoded = encode_base64(&certificate);
        let names = |call: &Call<'_>| {
            let text: String = call.body.text().unwrap_or_default().split_ascii_whitespace().collect();
            text.contains(&encoded) || id.as_ref().is_some_and(|id| text.contains(id))
        };
        let after_staff = |call: &Call<'_>| {
            let login = visit.logins().find(|login| login.seq == call.seq);
            login.is_some_and(|login| {
                staff(login).is_some_and(|staff| has_signed(exchange, visit, login, staff))
            })
        };
        let mut of_visit = exchange.calls().filter(|call| (visit.seq..visit.end).contains(&call.seq));
        let early = of_visit.find(|call| names(call) && !after_staff(call));
        early.map_or(Ok(()), |call| {
            let wanted = Phrase::plain("expected.staff-first");
            Err(Finding::new("terminal.patient-early", wanted, call.to).at([call.seq, visit.seq]))
        })
    })
}

fn number(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let typed = visits.iter().filter_map(|visit| Some((visit, visit.number.as_deref()?)));
    each(typed, NOTHING, |(visit, number)| {
        let names = |call: &Call<'_>| call.body.text().is_some_and(|text| text.contains(number));
        let is_signed = |call: &Call<'_>| {
            let login = visit.logins().find(|login| login.seq == call.seq);
            login.and_then(|login| Some((login, staff(login)?))).is_some_and(
                |(login, (reception, operator))| {
                    let about = child(reception, "VisibleNumber").and_then(text) == Some(number);
                    let signature = child(operator, "Signature");
                    let verifies = signature
                        .is_some_and(|signature| verifies(exchange, login.message.root(), signature));
                    about && verifies && has_signed(exchange, visit, login, (reception, operator))
                },
            )
        };
        let mut of_visit = exchange.calls().filter(|call| (visit.seq..visit.end).contains(&call.seq));
        let early = of_visit.find(|call| names(call) && !is_signed(call));
        early.map_or(Ok(()), |call| {
            let wanted = Phrase::plain("expected.staff-first");
            Err(Finding::new("terminal.patient-early", wanted, call.to).at([call.seq, visit.seq]))
        })
    })
}

fn operator(exchange: &Exchange<'_>) -> Verdict {
    let visits = visits(exchange);
    let received = visits
        .iter()
        .flat_map(|visit| visit.logins().filter_map(move |login| Some((visit, login, staff(login)?))));
    each(received, NOTHING, |(visit, login, (reception, operator))| {
        let shown = octets(operator, "Certificate");
        let is_read = shown.is_some_and(|shown| returned(exchange, visit.seq..login.seq, &shown));
        let signature = child(operator, "Signature");
        let verifies = signature.is_some_and(|signature| verifies(exchange, login.message.root(), signature));
        if is_read && verifies && has_signed(exchange, visit, login, (reception, operator)) {
            return Ok(());
        }
        Err(sent("terminal.login-operator", "expected.token", login))
    })
}

/// `ck:Reception` and `ck:Operator` in a login.
fn staff(login: &Asked) -> Option<(Element<'_>, Element<'_>)> {
    let reception = child(login.message.content()?, "Reception")?;
    Some((reception, child(reception, "Operator")?))
}

/// Whether the token has returned the operator's signature in this visit, after the challenge and before the login.
fn has_signed(
    exchange: &Exchange<'_>,
    visit: &Visit,
    login: &Asked,
    (reception, operator): (Element<'_>, Element<'_>),
) -> bool {
    let signature = octets(operator, "Signature").zip(challenge(visit, reception));
    signature.is_some_and(|(signature, given)| returned(exchange, given..login.seq, &signature))
}

/// Whether a token has returned these octets, in however many parts.
fn returned(exchange: &Exchange<'_>, when: Range<u32>, wanted: &[u8]) -> bool {
    let answers = exchange.token_apdus().filter(|apdu| apdu.command.is_some()).filter_map(|apdu| apdu.answer);
    let told: Vec<u8> = answers
        .filter(|(seq, _)| when.contains(seq))
        .filter_map(|(_, text)| Some(hex(text)?.split_last_chunk::<2>()?.0.to_vec()))
        .flatten()
        .collect();
    !wanted.is_empty() && told.windows(wanted.len()).any(|part| part == wanted)
}

/// The event with which the challenge came that a login answers.
fn challenge(visit: &Visit, login: Element<'_>) -> Option<u32> {
    visit.asked.iter().find_map(|asked| {
        let (seq, answer) = asked.answer.as_ref()?;
        let content = answer.content().filter(|_| answer.kind() == "Challenge")?;
        (attribute(content, "value") == attribute(login, "challenge")).then_some(*seq)
    })
}

/// Every login by a card's answer to a challenge, with its visit.
fn logins(visits: &[Visit]) -> impl Iterator<Item = (&Visit, &Asked, Element<'_>)> {
    visits
        .iter()
        .flat_map(|visit| visit.logins().filter_map(move |login| Some((visit, login, response(login)?))))
}

fn sent(code: &str, wanted: &'static str, asked: &Asked) -> Verdict {
    Finding::new(code, Phrase::plain(wanted), asked.message.kind()).at([asked.seq])
}
