//! Chapter 34 over the wire: a person logs in with a card and sees the history; a hospital reads the card without a PIN and asks
//! the insurer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use chukei_crypto::{Certificate, PrivateKey, SignatureAlgorithm, Signer, UnixTime, sha256};
use chukei_profile::{
    Purpose, Scheme,
    history::Range,
    login::{
        AccessApplication, By, CardPresentation, Challenged, Context, Given, Login, Patient, Presented,
        SESSION, Shown,
    },
};
use chukei_world::{
    Ending, Link, Options, Via,
    cards::CardFile,
    folder::{self, PartyEntry},
    run::Running,
};
use chukei_xml_security::Signing;
use support::{anywhere, world};

struct Card {
    certificate: Certificate,
    signer: Box<dyn Signer>,
}

fn card(cards: &CardFile, id: &str) -> Card {
    let card = cards.cards.iter().find(|card| card.id == id).unwrap();
    let key = PrivateKey::from_pem(card.key.as_ref().unwrap()).unwrap();
    Card {
        certificate: Certificate::from_pem(&card.certificate).unwrap(),
        signer: Box::new(key.signer(SignatureAlgorithm::RsaSha256).unwrap()),
    }
}

fn now(running: &Running) -> UnixTime {
    running.party("relay").unwrap().clock().now()
}

fn given(running: &Running, party: &str, login: Login, purpose: Purpose) -> Given {
    let answer = running.party(party).unwrap().login(login, purpose).unwrap();
    answer.session.unwrap_or_else(|| panic!("{:?}", answer.status))
}

fn start(possession: bool) -> (tempfile::TempDir, Running) {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().to_owned();
    let options = move |_: &PartyEntry| Options { state: Some(folder.clone()), possession, ..anywhere() };
    (state, Running::start(world(), options).unwrap())
}

#[test]
fn a_person_logs_in_by_an_application_and_sees_that() {
    let (_state, running) = start(false);
    let cards = world().cards().unwrap().unwrap();
    let card = card(&cards, "usual");
    let (relay, portal) = (folder::entity("relay"), folder::entity("portal"));
    let application = AccessApplication::new("_1", now(&running), Purpose::History, &relay, &portal);
    let signing = Signing::new(card.signer.as_ref()).with_certificate(&card.certificate);
    let document = application.sign(&signing).unwrap();
    let login = Login::Application { certificate: card.certificate.der().to_vec(), document };
    let session = given(&running, "portal", login.clone(), Purpose::History);
    assert_eq!(session.context, Context::Application);
    let history = running.party("portal").unwrap().history_of(&session.id, Range::default()).unwrap();
    let told: Vec<_> =
        history.entries.iter().map(|entry| (entry.kind.name(), entry.outcome.as_str())).collect();
    assert_eq!(told, [("login", "application"), ("history", "shown")]);
    // The application is used up, and nobody else's session is any good.
    running.party("portal").unwrap().login(login, Purpose::History).unwrap_err();
    assert!(
        running.party("portal").unwrap().history_of("_unknown", Range::default()).unwrap().entries.is_empty()
    );
    running.stop();
}

/// A reception at the hospital: the card's key signs, or does not.
fn reception(running: &Running, signs: bool) -> Login {
    let cards = world().cards().unwrap().unwrap();
    let (card, staff) = (card(&cards, "usual"), card(&cards, "reception"));
    let challenge = running.party("hospital").unwrap().challenge().unwrap().value;
    let (relay, sender) = (folder::entity("relay"), folder::entity("hospital"));
    let signed = |by, key: &Card| {
        let challenged = Challenged {
            by,
            relay: &relay,
            sender: &sender,
            purpose: Purpose::EligibilityCheck,
            challenge: &challenge,
            subject: sha256(card.certificate.der()),
        };
        challenged.sign(key.signer.as_ref()).unwrap()
    };
    let operator = Shown {
        certificate: staff.certificate.der().to_vec(),
        signature: Some(signed(By::Operator, &staff)),
    };
    let signature = signs.then(|| signed(By::Possession, &card));
    let patient = Patient::Card(Shown { certificate: card.certificate.der().to_vec(), signature });
    Login::Reception { challenge: challenge.clone(), operator, patient }
}

#[test]
fn a_hospital_asks_the_insurer_about_a_patient_who_entered_no_pin() {
    let (_state, running) = start(false);
    let session = given(&running, "hospital", reception(&running, false), Purpose::EligibilityCheck);
    assert_eq!(session.context, Context::CardWithoutPin);
    let link = Link {
        scheme: SESSION.to_owned(),
        number: session.id,
        wanted: Scheme::MedicalInsured.uri().to_owned(),
        target: Some(folder::entity("insurer-b")),
        purpose: Purpose::EligibilityCheck.uri().to_owned(),
        items: vec!["eligibility".to_owned()],
        as_of: None,
        via: Via::Direct,
    };
    let outcome = running.party("hospital").unwrap().link(link.clone());
    assert_eq!((outcome.state, outcome.code.as_str()), (Ending::Accepted, "OK"));
    assert_eq!(outcome.answer.unwrap().eligibility[0].validity, "valid");
    // For nothing else.
    let other = Link { purpose: Purpose::BenefitAdjustment.uri().to_owned(), ..link };
    let outcome = running.party("hospital").unwrap().link(other);
    assert_eq!((outcome.state, outcome.code.as_str()), (Ending::Rejected, "Forbidden"));
    running.stop();
}

#[test]
fn a_relay_that_demands_possession_takes_no_copy() {
    let (_state, running) = start(true);
    let hospital = running.party("hospital").unwrap();
    let copied = reception(&running, false);
    hospital.login(copied, Purpose::EligibilityCheck).unwrap_err();
    let session = given(&running, "hospital", reception(&running, true), Purpose::EligibilityCheck);
    assert_eq!(session.context, Context::CardPresent);
    running.stop();
}

/// What a client gets that presents a card, or none, at the door of this URL.
fn present(url: &str, card: Option<&str>, presentation: &CardPresentation) -> (String, String) {
    let cards = world().cards().unwrap().unwrap();
    let entry = card.map(|id| cards.cards.iter().find(|card| card.id == id).unwrap());
    let identity = entry.map(|entry| (entry.key.as_deref().unwrap(), entry.certificate.as_str()));
    let (authority, _) = folder::authority(url).unwrap();
    let mut stream = support::connect(authority.parse().unwrap(), identity).unwrap();
    let body = String::from_utf8(presentation.write().unwrap()).unwrap();
    let head = format!(
        "POST /card HTTP/1.1\r\nHost: {authority}\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let told = support::talk(&mut stream, (head + &body).as_bytes(), 1);
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

#[test]
fn a_person_presents_a_card_over_tls_and_the_portal_logs_in_with_the_ticket() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().to_owned();
    let card_door = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = move |_: &PartyEntry| Options { state: Some(folder.clone()), card_door, ..anywhere() };
    let running = Running::start(world(), options).unwrap();
    let portal = running.party("portal").unwrap();
    let doors = running.ready().card_doors;
    assert_eq!(doors.keys().collect::<Vec<_>>(), ["relay"]);
    let fresh = || {
        let challenge = portal.challenge().unwrap();
        assert_eq!(challenge.door.as_ref(), doors.get("relay"));
        let presentation = CardPresentation {
            challenge: challenge.value,
            portal: folder::entity("portal"),
            purpose: Purpose::History,
        };
        (challenge.door.unwrap(), presentation)
    };
    // The handshake takes any certificate and none; the relay does not, and tells nobody why.
    let (door, presentation) = fresh();
    let mut told: Vec<_> = ["expired", "revoked", "forged", "unknown-issuer", "signature-only", "reception"]
        .map(|card| present(&door, Some(card), &presentation))
        .into();
    told.push(present(&door, None, &presentation));
    assert!(told.iter().all(|one| one.0 == "500" && *one == told[0]), "{told:?}");

    let (status, body) = present(&door, Some("usual"), &presentation);
    assert_eq!(status, "200", "{body}");
    let ticket = Presented::read(body.as_bytes()).unwrap().ticket;
    let login = Login::Ticket { challenge: presentation.challenge, ticket };
    let session = given(&running, "portal", login.clone(), Purpose::History);
    assert_eq!(session.context, Context::TlsClient);
    let history = portal.history_of(&session.id, Range::default()).unwrap();
    let told: Vec<_> =
        history.entries.iter().map(|entry| (entry.kind.name(), entry.outcome.as_str())).collect();
    assert_eq!(told, [("login", "tls-client"), ("history", "shown")]);
    portal.login(login, Purpose::History).unwrap_err();
    let logs = running.party("relay").unwrap().logs();
    assert!(
        logs.iter()
            .any(|line| line.contains("CardPresentation") && line.contains("login.certificate.revoked"))
    );
    running.stop();
}
