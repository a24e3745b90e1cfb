//! Chapter 61, a terminal that logs people in at a relay: what it asks of the relay, held against what the card did before.
//! Cards and messages stand in one transcript, so that order and octets decide.

use chukei_evidence::{Exchange, Finding, Judge, Phrase, Verdict, What as Event};
use chukei_spec::req;
use chukei_xml::{Element, lexical::decode_base64};

use super::{
    each,
    terminal::{any, exit},
};
use crate::{
    card::{AUTHENTICATION_CERTIFICATE, AUTHENTICATION_KEY, What},
    login::child,
    read::{attribute, text},
    visit::{Asked, Visit, contents, visits},
};

pub(super) const JUDGES: &[Judge] = &[
    any(req!("terminal.relay.told"), told),
    any(req!("terminal.relay.certificate"), certificate),
    any(req!("terminal.relay.signature"), signature),
    any(req!("terminal.relay.once"), once),
    any(req!("terminal.relay.session"), session),
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
    let is_portal = exchange.header().features.iter().any(|feature| feature == "portal");
    let concerned =
        |visit: &Visit| visit.task == "login" && (visit.is_done() || visit.logins().next().is_some());
    let visits = visits(exchange).into_iter().filter(|visit| is_portal && concerned(visit));
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
        let given = visit.asked.iter().find_map(|asked| {
            let (seq, answer) = asked.answer.as_ref()?;
            let content = answer.content().filter(|_| answer.kind() == "Challenge")?;
            (attribute(content, "value") == attribute(response, "challenge")).then_some(*seq)
        });
        let signed = octets(response, "Signature").zip(given).is_some_and(|(signature, given)| {
            visit.acts.iter().any(|act| {
                let is_sign = act.what == What::Sign && act.file == Some(AUTHENTICATION_KEY) && act.is_done();
                is_sign && act.data == signature && (given..login.seq).contains(&act.seq)
            })
        });
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
        let names =
            |call: &chukei_evidence::Call<'_>| call.body.text().is_some_and(|text| text.contains(session));
        let late = exchange.whole().calls().find(|call| call.seq > over && names(call));
        late.map_or(Ok(()), |call| {
            Err(Finding::new("terminal.session-late", Phrase::plain("expected.no-session"), call.to)
                .at([call.seq, over]))
        })
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
