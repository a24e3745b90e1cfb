//! Chapter 34, TLS client authentication: a card is presented, and a portal logs in with the ticket.

use chukei_crypto::{
    Certificate, UnixTime, Zeroizing,
    test_pki::{Ca, NOT_BEFORE, key_usage},
};
use chukei_idwsf::{Request, code};
use chukei_profile::{
    Purpose,
    history::Kind,
    login::{CardPresentation, Context, Login, LoginAnswer, Presented},
};
use chukei_relay::{Person, Refusal, Reply, changes::Standing};

use crate::login::{Desk, broken, card};
use crate::world::*;

/// A presentation of the usual card with this challenge, and changes.
struct Shown<'a> {
    certificate: Option<&'a Certificate>,
    portal: &'a str,
    purpose: Purpose,
    at: UnixTime,
}

impl Desk {
    fn usually(&self) -> Shown<'_> {
        Shown { certificate: Some(&self.usual), portal: PORTAL, purpose: Purpose::History, at: NOW }
    }

    fn present(&self, challenge: &str, shown: &Shown<'_>) -> Reply {
        let Shown { certificate, portal, purpose, at } = *shown;
        let presentation =
            CardPresentation { challenge: challenge.to_owned(), portal: portal.to_owned(), purpose };
        let body = presentation.write().unwrap();
        let tls_client = certificate.map(Certificate::der);
        self.world.relay.present(&Request { body: &body, soap_action: None, tls_client }, at)
    }

    /// The ticket of the usual presentation.
    pub fn ticket(&self, challenge: &str) -> String {
        given(&self.present(challenge, &self.usually())).ticket.to_string()
    }

    fn log_in(
        &self,
        party: &str,
        challenge: &str,
        ticket: &str,
        at: UnixTime,
    ) -> Result<LoginAnswer, Refusal> {
        self.login(party, &login(challenge, ticket), Purpose::History, at)
    }

    fn recorded(&self) -> Vec<(Option<Person>, String, String)> {
        let entries = self.world.log.all().unwrap();
        let logins = entries.into_iter().filter(|entry| entry.kind == Kind::Login);
        logins.map(|entry| (entry.person, entry.actor, entry.outcome)).collect()
    }
}

fn login(challenge: &str, ticket: &str) -> Login {
    Login::Ticket { challenge: challenge.to_owned(), ticket: Zeroizing::new(ticket.to_owned()) }
}

pub fn given(reply: &Reply) -> Presented {
    assert_eq!(reply.status, 200, "{:?}", reply.refusal);
    Presented::read(&reply.body).unwrap()
}

/// The sentence that this presentation breaks.
fn refused(reply: &Reply) -> &'static str {
    reply.refusal.as_ref().unwrap().sentence()
}

#[test]
fn a_card_that_was_presented_logs_in_once() {
    let desk = Desk::new();
    let challenge = desk.challenge(PORTAL);
    let told = given(&desk.present(&challenge, &desk.usually()));
    assert_eq!(told.until.seconds, NOW.0 + 120, "as long as the challenge");
    assert!(desk.recorded().is_empty(), "nobody is logged in yet");
    let session = desk.session(PORTAL, &login(&challenge, &told.ticket), Purpose::History);
    assert_eq!((session.context, session.until.seconds), (Context::TlsClient, NOW.0 + 600));
    let mut recorded = vec![(Some(Person(1)), PORTAL.to_owned(), "tls-client".to_owned())];
    assert_eq!(desk.recorded(), recorded);
    let again = desk.log_in(PORTAL, &challenge, &told.ticket, NOW);
    assert_eq!(broken(again), "login.challenge.own");
    assert_eq!(desk.recorded(), recorded, "a challenge that is gone names nobody");

    // Another ticket than the one of the challenge, with which a card was presented.
    let (one, two) = (desk.challenge(PORTAL), desk.challenge(PORTAL));
    let (of_one, of_two) = (desk.ticket(&one), desk.ticket(&two));
    assert_ne!(of_one, of_two);
    assert_eq!(broken(desk.log_in(PORTAL, &two, &of_one, NOW)), "login.ticket.given");
    recorded.push((Some(Person(1)), PORTAL.to_owned(), "refused".to_owned()));
    assert_eq!(desk.recorded(), recorded);
    assert_eq!(broken(desk.log_in(PORTAL, &two, &of_two, NOW)), "login.challenge.own", "it is used up");
    desk.session(PORTAL, &login(&one, &of_one), Purpose::History);

    // No card was presented at all.
    let challenge = desk.challenge(PORTAL);
    assert_eq!(broken(desk.log_in(PORTAL, &challenge, &of_one, NOW)), "login.ticket.given");
}

#[test]
fn a_ticket_is_good_for_its_portal_purpose_and_time() {
    let desk = Desk::new();
    let fresh = || {
        let challenge = desk.challenge(PORTAL);
        let ticket = desk.ticket(&challenge);
        (challenge, ticket)
    };
    let (challenge, ticket) = fresh();
    assert_eq!(broken(desk.log_in(A, &challenge, &ticket, NOW)), "login.request.sender");
    desk.session(PORTAL, &login(&challenge, &ticket), Purpose::History);
    let (challenge, ticket) = fresh();
    let other = desk.login(PORTAL, &login(&challenge, &ticket), Purpose::EligibilityCheck, NOW);
    assert_eq!(broken(other), "login.ticket.purpose");
    let (challenge, ticket) = fresh();
    assert_eq!(broken(desk.log_in(PORTAL, &challenge, &ticket, later(120))), "login.challenge.own");
    let (challenge, ticket) = fresh();
    desk.log_in(PORTAL, &challenge, &ticket, later(119)).unwrap().session.unwrap();
}

#[test]
fn a_card_is_presented_once_with_a_challenge_of_the_portal() {
    let desk = Desk::new();
    let sentence = "login.presentation.challenge";
    let (usual, other) = (desk.usually(), Shown { portal: A, ..desk.usually() });
    let challenge = desk.challenge(PORTAL);
    assert_eq!(refused(&desk.present(&"0".repeat(64), &usual)), sentence);
    assert_eq!(refused(&desk.present(&challenge, &other)), sentence);
    assert_eq!(refused(&desk.present(&challenge, &Shown { at: later(120), ..desk.usually() })), sentence);
    let ticket = desk.ticket(&challenge);
    assert_eq!(refused(&desk.present(&challenge, &usual)), sentence, "the first card stays");
    desk.session(PORTAL, &login(&challenge, &ticket), Purpose::History);
    assert_eq!(refused(&desk.present(&challenge, &usual)), sentence, "used");
    let refusals = desk.recorded().into_iter().filter(|(_, actor, outcome)| {
        assert_eq!(actor == RELAY, outcome == "refused", "the relay has asked nobody's portal");
        outcome == "refused"
    });
    assert_eq!(refusals.count(), 5);
}

#[test]
fn a_card_is_believed_only_if_everything_about_it_holds_and_nobody_is_told_why_not() {
    let desk = Desk::new();
    let year = 365 * 86_400;
    let spec = |usage| chukei_crypto::test_pki::LeafSpec { key_usage: usage, ..card("TEST Card 9") };
    let expired = chukei_crypto::test_pki::LeafSpec {
        not_before: UnixTime(NOT_BEFORE.0 - year),
        not_after: NOT_BEFORE,
        ..card("TEST Card 2")
    };
    let (expired, signs) = (desk.own(expired), desk.own(spec(key_usage::NON_REPUDIATION)));
    let authenticates = desk.own(spec(key_usage::DIGITAL_SIGNATURE));
    let stranger = Ca::new("TEST Unknown CA").issue(card("TEST Card"));
    desk.register(&stranger, Standing::Current(Person(1)));
    let challenge = desk.challenge(PORTAL);
    let mut told = Vec::new();
    for (certificate, sentence) in [
        (Some(&expired), "login.certificate.path"),
        (Some(&stranger), "login.certificate.path"),
        (Some(&signs), "login.certificate.usage"),
        (None, "login.presentation.proved"),
    ] {
        let reply = desk.present(&challenge, &Shown { certificate, ..desk.usually() });
        assert_eq!(refused(&reply), sentence);
        told.push((reply.status, reply.body));
    }
    let unknown = desk.present("0", &desk.usually());
    told.push((unknown.status, unknown.body));
    for body in [&b"<nothing/>"[..], b"", b"no XML"] {
        let tls_client = Some(desk.usual.der());
        let reply = desk.world.relay.present(&Request { body, soap_action: None, tls_client }, NOW);
        told.push((reply.status, reply.body));
    }
    assert!(told.iter().all(|one| *one == told[0]), "all are told the same");
    given(&desk.present(&challenge, &Shown { certificate: Some(&authenticates), ..desk.usually() }));

    // Whose card it is, the portal is told.
    let renewed = desk.own(card("TEST Card 3"));
    desk.register(&renewed, Standing::Unknown);
    let challenge = desk.challenge(PORTAL);
    let ticket =
        given(&desk.present(&challenge, &Shown { certificate: Some(&renewed), ..desk.usually() })).ticket;
    let answer = desk.log_in(PORTAL, &challenge, &ticket, NOW).unwrap();
    assert_eq!((answer.status.code.as_str(), answer.session), (code::NOT_MEMBER, None));
}

#[test]
fn a_challenge_names_the_door_if_there_is_one() {
    let mut desk = Desk::new();
    let door = |desk: &Desk| {
        let sent = desk.world.portal.challenge(NOW).unwrap();
        let reply = desk.world.relay(&sent, PORTAL);
        desk.world.portal.take_challenge(sent.pending, &answer(&reply), NOW).unwrap().door
    };
    assert_eq!(door(&desk), None);
    let url = "https://relay.example.test:8443/card";
    desk.world.relay.cards.as_mut().unwrap().door = Some(url.to_owned());
    assert_eq!(door(&desk).as_deref(), Some(url));

    // Without cards nobody presents one.
    let challenge = desk.challenge(PORTAL);
    desk.world.relay.cards = None;
    assert_eq!(refused(&desk.present(&challenge, &desk.usually())), "message.body.one-child");
}

#[cfg(feature = "danger-faults")]
pub fn presents_wrongly(fault: chukei_relay::faults::Fault, desk: &Desk) -> bool {
    use chukei_relay::faults::Fault;
    let fresh = || desk.ticket(&desk.challenge(PORTAL));
    match fault {
        Fault::TicketsWithoutCard => {
            let nobody = Shown { certificate: None, ..desk.usually() };
            desk.present(&desk.challenge(PORTAL), &nobody).status == 200
        }
        Fault::SameTicket => fresh() == fresh(),
        Fault::LogsTicket => {
            let challenge = desk.challenge(PORTAL);
            let ticket = desk.ticket(&challenge);
            let sent = desk.world.portal.login(&login(&challenge, &ticket), Purpose::History, NOW).unwrap();
            desk.world.relay(&sent, PORTAL).danger_log == Some(ticket)
        }
        Fault::CountsTickets => crate::login::follow(&fresh(), &fresh()),
        _ => {
            let signs = desk.own(chukei_crypto::test_pki::LeafSpec {
                key_usage: key_usage::NON_REPUDIATION,
                ..card("TEST Card 9")
            });
            let wrong_usage = Shown { certificate: Some(&signs), ..desk.usually() };
            desk.present("0", &desk.usually()).body != desk.present("0", &wrong_usage).body
        }
    }
}
