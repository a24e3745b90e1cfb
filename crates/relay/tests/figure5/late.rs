//! Faults that only the clock shows.

use std::sync::Arc;

use chukei_crypto::{
    Certificate,
    test_pki::{Ca, LeafSpec, keys},
};
use chukei_idwsf::Checks;
use chukei_profile::{
    Date, Purpose, Scheme,
    linkage::{Eligibility, Item, Validity},
    login::Given,
};
use chukei_reason::Reason;
use chukei_relay::{
    Ask, Mapping, Person, Record, Refusal, Reply, Step, Whom,
    faults::{Fault, Faults},
    memory::MemoryRecords,
};
use chukei_saml::metadata::{Entity, Federation};
use chukei_xml::lexical::DateTime;
use chukei_xml_security::KeyUse;

use crate::{
    login::Desk,
    messages::a_millisecond_more,
    rotation::{refused_until, until},
    withholding::DAY,
    world::*,
};

/// Whether the party takes what is used, or at its end, for new or current; or takes the day for another.
pub fn shows(fault: Fault, faults: &Faults) -> bool {
    let mut world = World::new();
    world.relay.party.faults = faults.clone();
    world.b.party.faults = faults.clone();
    let clean = World::new();
    match fault {
        Fault::ForgetsMessages => {
            let sent = clean.map(&[ask(0)]);
            let at = |at| reply(world.relay.handle(&request(&sent, A), at)).refusal;
            assert!(at(NOW).is_none() && at(NOW).is_some());
            at(later(100)).is_none()
        }
        Fault::ForgetsEnvelopes => {
            let sent = clean.query();
            let at = |id: &str, at| {
                let body = resigned(&sent.body, A, |root| {
                    root.find_mut("soap:Header/wsa:MessageID").set_content(id)
                });
                matches!(world.b.handle(&request(&with_body(&sent, body), A), at), Step::Send(_))
            };
            assert!(at("urn:x:1", NOW) && !at("urn:x:2", NOW));
            at("urn:x:3", later(100))
        }
        Fault::AnswersInUtc | Fault::HoldsInUtc => {
            if fault == Fault::HoldsInUtc {
                world.b.records = begins_on(DAY);
            }
            // One o'clock at night in Japan.
            let at = later(16 * 3600);
            let sent = clean.a.map(&[ask(0)], PURPOSE, at).unwrap();
            let mapped = reply(clean.relay.handle(&request(&sent, A), at));
            let mapped = clean.a.take_mapping(sent.pending, &answer(&mapped), at).unwrap();
            let envelope = mapped.results.into_iter().next().unwrap().1.unwrap();
            let sent = clean.a.query(envelope, &Item::ALL, None, at).unwrap();
            let Step::Send(notice) = world.b.handle(&request(&sent, A), at) else { panic!("no notice") };
            let receipt = reply(clean.relay.handle(&request(&notice, B), at));
            let told = world.b.complete(notice.pending, Some(&answer(&receipt)), at);
            let answer = clean.a.take_answer(sent.pending, &answer(&told), at).unwrap();
            answer.eligibility.iter().all(|own| own.as_of.as_str() == "2026-07-01")
        }
        Fault::MapsInUtc => {
            let new = number(Scheme::CareInsured, "0000123499");
            world.mappings.add(Person(1), A, new.clone(), NOW, later(3600)).unwrap();
            let sent = clean.map(&[Ask { whom: new.into(), ..ask(0) }]);
            let told = reply(world.relay.handle(&request(&sent, A), NOW));
            String::from_utf8_lossy(&told.body).contains("NotMember")
        }
        _ => at_the_desk(fault, faults),
    }
}

/// What is held about the first person, whose insurance begins on this day.
fn begins_on(day: &str) -> Arc<MemoryRecords> {
    let from = Date::parse(day).unwrap();
    let period = Eligibility {
        scheme: Scheme::MedicalInsured,
        insurer: B.to_owned(),
        as_of: from.clone(),
        from,
        until: None,
        recorded_at: DateTime { seconds: NOW.0, nanoseconds: 0 },
        validity: Validity::Valid,
    };
    let record = Record { eligibility: vec![period], benefits: Vec::new(), name: None };
    Arc::new(MemoryRecords { rows: vec![(number(Scheme::MedicalInsured, MEDICAL[0]), record)] })
}

/// The same of a relay that logs people in.
fn at_the_desk(fault: Fault, faults: &Faults) -> bool {
    let mut desk = Desk::new();
    desk.world.relay.party.faults = faults.clone();
    let history = |login: &_, at| desk.login(PORTAL, login, Purpose::History, at);
    match fault {
        Fault::ForgetsApplications => {
            let login = desk.application(&desk.usual, |_| {});
            let is_fine = |answer: Result<_, Refusal>| answer.is_ok();
            assert!(is_fine(history(&login, NOW)) && !is_fine(history(&login, NOW)));
            is_fine(history(&login, later(100)))
        }
        Fault::EternalChallenges => history(&desk.response(&desk.usual, |_| {}), later(1000)).is_ok(),
        _ => {
            let check = Purpose::EligibilityCheck;
            let Given { id, until, .. } = desk.session(A, &desk.reception(|_| {}), check);
            let at = later(until.seconds - NOW.0);
            let sent = desk.world.a.map(&[Ask { whom: Whom::Session(id), ..ask(0) }], check, at).unwrap();
            let told = reply(desk.world.relay.handle(&request(&sent, A), at));
            String::from_utf8_lossy(&told.body).contains("<saml:Assertion")
        }
    }
}

#[test]
fn a_party_that_reads_whole_seconds_takes_a_millisecond_more() {
    let taken = |skipped: &[&str]| {
        let mut world = World::new();
        world.b.party.checks = Checks::danger_skipping(skipped.iter().copied());
        let sent = world.query();
        let body = resigned(&sent.body, A, a_millisecond_more);
        world.refused_by_b(&with_body(&sent, body), A)
    };
    assert_eq!(taken(&[]), Some(Reason::Window));
    assert_eq!(taken(&["fractions"]), None);
}

#[test]
fn a_relay_that_skips_the_check_takes_keys_whose_certificate_has_ended() {
    let mut world = World::new();
    world.relay.party.checks = Checks::danger_skipping(["metadata.certificate.window"]);
    assert_eq!(refused_until(world, later(-1)), None);
}

/// B's metadata begins with these certificates.
fn beginning(with: &[(KeyUse, &Certificate)]) -> Arc<Federation> {
    federation_with(|Entity { id, certificates, .. }| {
        if id == B {
            let first = with.iter().map(|(key_use, certificate)| (*key_use, (*certificate).clone()));
            certificates.splice(0..0, first);
        }
    })
}

/// What the relay answers when nothing can be sealed for the first keys of B.
fn mixed(world: &World) -> (World, Mapping, Reply) {
    let curve = Ca::new("TEST CA").issue(LeafSpec::new("TEST", keys::p256(1).public_key()));
    let ended = until(later(-1), &keys::rsa3072());
    let mut relay = world.relay.clone();
    relay.party.federation = beginning(&[(KeyUse::Both, &curve), (KeyUse::Encryption, &ended)]);
    let clean = World::new();
    let sent = clean.map(&[ask(0)]);
    let told = reply(relay.handle(&request(&sent, A), NOW));
    (clean, sent.pending, told)
}

/// Whether the relay seals for another key than the first that can be used.
pub fn seals(fault: Fault, world: &World) -> bool {
    let (clean, pending, told) = mixed(world);
    if fault == Fault::SealsForFirstKey {
        return told.status == 500;
    }
    let mapped = clean.a.take_mapping(pending, &answer(&told), NOW).unwrap();
    let envelope = mapped.results.into_iter().next().unwrap().1.unwrap();
    let sent = clean.a.query(envelope, &Item::ALL, None, NOW).unwrap();
    clean.refused_by_b(&sent, A) == Some(Reason::Decrypt)
}
