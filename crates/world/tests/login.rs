//! Chapter 34 over the wire: a person logs in with a card and sees the history; a hospital reads the card without a PIN and asks
//! the insurer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use chukei_crypto::{Certificate, PrivateKey, SignatureAlgorithm, Signer, UnixTime, sha256};
use chukei_profile::{
    Purpose, Scheme,
    login::{AccessApplication, By, Challenged, Context, Given, Login, Patient, SESSION, Shown},
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
    let history = running.party("portal").unwrap().history_of(&session.id).unwrap();
    let told: Vec<_> =
        history.entries.iter().map(|entry| (entry.kind.name(), entry.outcome.as_str())).collect();
    assert_eq!(told, [("login", "application"), ("history", "shown")]);
    // The application is used up, and nobody else's session is any good.
    running.party("portal").unwrap().login(login, Purpose::History).unwrap_err();
    assert!(running.party("portal").unwrap().history_of("_unknown").unwrap().entries.is_empty());
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
