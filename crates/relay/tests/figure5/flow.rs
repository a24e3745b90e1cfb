//! The flow itself: ① to ⑥, via the relay, statuses, history.

use chukei_profile::{
    Purpose, Scheme,
    history::{Kind, Range},
    linkage::{Item, Validity},
};
use chukei_reason::Reason;
use chukei_relay::{Ask, PeerAnswer, Person, Step, Whom};
use chukei_xml::lexical::{DateTime, LARGEST_NUMBER};

use crate::world::*;

#[test]
fn a_asks_b_about_a_person_by_its_own_number() {
    let world = World::new();
    let answer = world.linkage(&ask(0), &Item::ALL).unwrap();
    assert_eq!(answer.status.code, "OK");
    let [eligibility] = answer.eligibility.as_slice() else { panic!("one period") };
    assert_eq!((eligibility.from.as_str(), eligibility.validity), ("2008-04-01", Validity::Valid));
    assert_eq!(eligibility.as_of.as_str(), "2026-07-01");
    assert_eq!(answer.benefits[0].amount, Some(90_000));
    // Another person's number differs in width only.
    assert_eq!(world.linkage(&ask(1), &Item::ALL).unwrap().benefits[0].amount, Some(12_000));
    // Only what was asked for.
    let answer = world.linkage(&ask(0), &[Item::Benefits]).unwrap();
    assert!(answer.eligibility.is_empty() && answer.benefits.len() == 1);
}

#[test]
fn the_number_of_b_stands_nowhere_but_in_the_ciphertext() {
    let world = World::new();
    let asked = world.map(&[ask(0)]);
    let mapped = world.relay(&asked, A);
    let envelope = world.a.take_mapping(asked.pending, &answer(&mapped), NOW).unwrap();
    let envelope = envelope.results.into_iter().next().unwrap().1.unwrap();
    let query = world.a.query(envelope, &Item::ALL, None, NOW).unwrap();
    let Step::Send(notice) = world.b.handle(&request(&query, A), NOW) else { panic!("a notice") };
    let receipt = world.relay(&notice, B);
    let told = world.b.complete(notice.pending, Some(&answer(&receipt)), NOW);
    assert_eq!(told.status, 200);
    for body in [&mapped.body, &query.body, &notice.body, &receipt.body, &told.body] {
        let text = String::from_utf8_lossy(body);
        for hidden in [MEDICAL[0], "１２３４", NAMES[0]] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
    // The requester's own number goes to the relay, and no further.
    assert!(String::from_utf8_lossy(&asked.body).contains(CARE[0]));
    assert!(!String::from_utf8_lossy(&query.body).contains(CARE[0]));
    // Nor does anything that is shown to developers hold one.
    let shown = format!(
        "{:?} {:?} {:?}",
        ask(0),
        query.pending,
        world
            .b
            .records
            .find(
                &number(Scheme::MedicalInsured, MEDICAL[0]),
                &chukei_profile::Date::parse("2026-07-01").unwrap()
            )
            .unwrap()
            .is_some()
    );
    assert!(!shown.contains(CARE[0]) && !shown.contains(MEDICAL[0]));
}

#[test]
fn two_envelopes_of_one_person_have_nothing_in_common() {
    let world = World::new();
    let (one, two) = (world.envelope(&ask(0)), world.envelope(&ask(0)));
    let values = |envelope: &chukei_relay::Envelope| -> Vec<String> {
        let root = envelope.document().root();
        let text = root
            .descendants()
            .filter(|e| ["CipherValue", "SignatureValue", "DigestValue"].contains(&e.local()));
        text.map(|e| e.text().unwrap().to_owned()).chain([envelope.id.clone()]).collect()
    };
    let (one, two) = (values(&one), values(&two));
    assert_eq!(one.len(), 5);
    assert!(one.iter().all(|value| !two.contains(value)));
    // Sizes say nothing either: the numbers differ in length, as octets.
    let other = world.envelope(&ask(1));
    assert_eq!(
        values(&other).iter().map(String::len).collect::<Vec<_>>(),
        two.iter().map(String::len).collect::<Vec<_>>()
    );
}

#[test]
fn every_input_is_answered_and_recorded() {
    let world = World::new();
    world.agreements.set_in_service(C, false).unwrap();
    let late = |person: usize, req_id: &str| Ask {
        req_id: req_id.to_owned(),
        wanted: Scheme::LateElderly,
        target: Some(C.to_owned()),
        ..ask(person)
    };
    let asks = [
        ask(0),
        Ask { target: None, req_id: "anybody".into(), ..ask(1) },
        Ask { req_id: "nobody".into(), whom: number(Scheme::CareInsured, "0000999999").into(), ..ask(0) },
        ask(2),
        late(0, "out-of-service"),
        late(1, "no-member-there"),
        Ask { target: Some(D.to_owned()), req_id: "no-agreement".into(), ..ask(0) },
        Ask { target: Some(RELAY.to_owned()), req_id: "loop".into(), ..ask(0) },
    ];
    let sent = world.map(&asks);
    let reply = world.relay(&sent, A);
    let text = String::from_utf8(reply.body.clone()).unwrap();
    assert!(text.contains("<lu:Status xmlns:lu=\"urn:liberty:util:2006-08\" code=\"Partial\">"), "{text}");
    let mapped = world.a.take_mapping(sent.pending, &answer(&reply), NOW).unwrap();
    let outcomes: Vec<(String, String)> = mapped
        .results
        .into_iter()
        .map(|(req_id, result)| (req_id, result.map_or_else(|code| code, |envelope| envelope.target)))
        .collect();
    let expected = [
        ("r0", B),
        ("anybody", B),
        ("nobody", "NotMember"),
        ("r2", "NotMember"),
        ("out-of-service", "Unreachable"),
        ("no-member-there", "NotMember"),
        ("no-agreement", "Forbidden"),
        ("loop", "Forbidden"),
    ];
    let expected: Vec<(String, String)> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    assert_eq!(outcomes, expected);
    let recorded: Vec<String> = world.log.all().unwrap().into_iter().map(|entry| entry.outcome).collect();
    assert_eq!(
        recorded,
        [
            "granted",
            "granted",
            "NotMember",
            "NotMember",
            "Unreachable",
            "NotMember",
            "Forbidden",
            "Forbidden"
        ]
    );

    // One number of two persons, and two targets for one person, lead to nobody.
    world
        .mappings
        .add(
            chukei_relay::Person(9),
            A,
            number(Scheme::CareInsured, CARE[2]),
            chukei_crypto::UnixTime(0),
            later(1),
        )
        .unwrap();
    world
        .mappings
        .add(
            chukei_relay::Person(1),
            C,
            number(Scheme::MedicalInsured, "別の番号"),
            chukei_crypto::UnixTime(0),
            later(1),
        )
        .unwrap();
    let sent = world.map(&[ask(2), Ask { target: None, ..ask(0) }]);
    let reply = world.relay(&sent, A);
    let mapped = world.a.take_mapping(sent.pending, &answer(&reply), NOW).unwrap();
    assert!(
        mapped
            .results
            .iter()
            .all(|(_, result)| result.as_ref().err().map(String::as_str) == Some("Duplicate"))
    );
    assert!(String::from_utf8(reply.body).unwrap().contains("code=\"Failed\""));
}

#[test]
fn a_query_may_go_through_the_relay() {
    let world = World::new();
    let via = Ask { via_relay: true, ..ask(0) };
    let sent = world.a.query_via_relay(world.envelope(&via), &Item::ALL, None, NOW).unwrap();
    assert_eq!(sent.to, RELAY);
    let Step::Send(forwarded) = world.relay.handle(&request(&sent, A), NOW) else { panic!("forwarded") };
    assert_eq!(forwarded.to, B);
    let told = world.answer_of_b(&forwarded, RELAY);
    let back = world.relay.resume(forwarded.pending, Some(&answer(&told)), NOW);
    let got = world.a.take_answer(sent.pending, &answer(&back), NOW).unwrap();
    assert_eq!(got.benefits[0].amount, Some(90_000));
    // The disclosure is told by B; that it was asked through the relay is A's doing.
    let all = world.log.all().unwrap();
    let brief: Vec<_> =
        all.iter().map(|entry| (entry.kind, entry.actor.as_str(), entry.outcome.as_str())).collect();
    let expected =
        [(Kind::Mapping, A, "granted"), (Kind::Disclosure, B, "answered"), (Kind::Relayed, A, "answered")];
    assert_eq!(brief, expected);
    assert!(all.iter().all(|entry| entry.person == Some(Person(1))));
    assert_eq!(all[2].carried_to.as_deref(), Some(B));
    let last = || world.log.all().unwrap().pop().map(|last| (last.kind, last.outcome));

    // An envelope that does not list the relay is not forwarded, nor accepted from it.
    let plain = world.envelope(&ask(0));
    assert!(!plain.via_relay);
    let refused = world.a.query_via_relay(plain, &Item::ALL, None, NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::HolderOfKey);
    // A responder that refuses, and one that does not answer.
    for (status, body, expected) in
        [(500, told.body.as_slice(), Reason::PeerFault), (200, b"".as_slice(), Reason::Internal)]
    {
        let sent = world.a.query_via_relay(world.envelope(&via), &Item::ALL, None, NOW).unwrap();
        let Step::Send(forwarded) = world.relay.handle(&request(&sent, A), NOW) else { panic!("forwarded") };
        let back = world.relay.resume(forwarded.pending, Some(&PeerAnswer { status, body }), NOW);
        assert_eq!(back.refusal.unwrap().reason(), expected);
        assert!(back.recording.is_some(), "a refusal too leaves when it is recorded");
        let outcome = if status == 500 { "refused" } else { "unsound" };
        assert_eq!(last(), Some((Kind::Relayed, outcome.to_owned())));
    }
    let sent = world.a.query_via_relay(world.envelope(&via), &Item::ALL, None, NOW).unwrap();
    let Step::Send(forwarded) = world.relay.handle(&request(&sent, A), NOW) else { panic!("forwarded") };
    assert_eq!(world.relay.resume(forwarded.pending, None, NOW).status, 500);
    assert_eq!(last(), Some((Kind::Relayed, "no-answer".to_owned())));
    // Somebody else's envelope.
    let sent = world.a.query_via_relay(world.envelope(&via), &Item::ALL, None, NOW).unwrap();
    let stolen = resigned(&sent.body, D, |root| {
        root.find_mut("soap:Header/sb:Sender").set("providerID", D);
        let token = chukei_xml::lexical::encode_base64(certificate(D).der());
        root.find_mut("soap:Header/wsse:Security/wsse:BinarySecurityToken").set_content(&token);
    });
    assert_eq!(world.refused_by_relay(&with_body(&sent, stolen), D), Some(Reason::HolderOfKey));
}

#[test]
fn the_person_sees_everything_in_order() {
    let world = World::new();
    world.linkage(&ask(0), &Item::ALL).unwrap();
    // Refused, and still about the person.
    let sent = world.map(&[Ask { target: Some(D.to_owned()), ..ask(0) }]);
    world.relay(&sent, A);
    world.linkage(&ask(1), &Item::ALL).unwrap();

    for (party, known) in
        [(A, number(Scheme::CareInsured, CARE[0])), (B, number(Scheme::MedicalInsured, MEDICAL[0]))]
    {
        let sent = world.portal.history(party, &known.clone().into(), Range::default(), NOW).unwrap();
        let reply = world.relay(&sent, PORTAL);
        let history = world.portal.take_history(sent.pending, &answer(&reply), NOW).unwrap();
        let seen: Vec<(u64, &str, Kind, &str)> = history
            .entries
            .iter()
            .map(|entry| (entry.number, entry.actor.as_str(), entry.kind, entry.outcome.as_str()))
            .collect();
        assert_eq!(
            seen[..4],
            [
                (1, A, Kind::Mapping, "granted"),
                (2, B, Kind::Disclosure, "answered"),
                (3, A, Kind::Mapping, "Forbidden"),
                (4, PORTAL, Kind::History, "shown"),
            ]
        );
        assert_eq!(history.entries[0].envelope, history.entries[1].envelope);
        assert!(!String::from_utf8(reply.body).unwrap().contains(known.expose()));
    }
    // Nobody's number has an empty history; no number has none; only a portal may ask.
    let nobody = number(Scheme::CareInsured, "0000999999");
    let sent = world.portal.history(A, &nobody.clone().into(), Range::default(), NOW).unwrap();
    let reply = world.relay(&sent, PORTAL);
    assert!(world.portal.take_history(sent.pending, &answer(&reply), NOW).unwrap().entries.is_empty());
    let sent =
        world.a.history(A, &number(Scheme::CareInsured, CARE[0]).into(), Range::default(), NOW).unwrap();
    assert_eq!(world.refused_by_relay(&sent, A), Some(Reason::NotAuthorised));
}

#[test]
fn a_portal_gets_the_part_of_a_history_that_it_asks_for() {
    let world = World::new();
    for _ in 0..4 {
        world.relay(&world.map(&[ask(0)]), A);
    }
    let known: Whom = number(Scheme::CareInsured, CARE[0]).into();
    let seen = |range| {
        let sent = world.portal.history(A, &known, range, NOW).unwrap();
        let reply = world.relay(&sent, PORTAL);
        let history = world.portal.take_history(sent.pending, &answer(&reply), NOW).unwrap();
        let numbers: Vec<u64> = history.entries.iter().map(|entry| entry.number).collect();
        (numbers, history.total)
    };
    let at = |seconds, nanoseconds| Some(DateTime { seconds: NOW.0 + seconds, nanoseconds });
    let all = Range::default();
    // Each look is an entry of its own.
    assert_eq!(seen(all), ((1..=5).collect(), 5));
    assert_eq!(seen(Range { limit: 2, ..all }), (vec![5, 6], 6));
    assert_eq!(seen(Range { limit: 2, before: Some(5), ..all }), (vec![3, 4], 7));
    assert_eq!(seen(Range { before: Some(1), ..all }), (vec![], 8));
    assert_eq!(seen(Range { before: Some(LARGEST_NUMBER), ..all }), ((1..=9).collect(), 9));
    // From a moment on, and before one.
    assert_eq!(seen(Range { from: at(0, 0), until: at(0, 1_000_000), ..all }), ((1..=10).collect(), 10));
    assert_eq!(seen(Range { from: at(0, 1_000_000), ..all }), (vec![], 0));
    assert_eq!(seen(Range { until: at(0, 0), ..all }), (vec![], 0));
    assert_eq!(seen(Range { from: at(-1, 0), until: at(1, 0), before: Some(4), limit: 1 }), (vec![3], 13));
}

#[test]
fn nothing_is_disclosed_without_a_receipt() {
    let world = World::new();
    let step = || {
        let query = world.query();
        let Step::Send(notice) = world.b.handle(&request(&query, A), NOW) else { panic!("a notice") };
        notice
    };
    let notice = step();
    let good = world.relay(&notice, B);
    assert_eq!(world.b.complete(notice.pending, Some(&answer(&good)), NOW).status, 200);
    let refused = |receipt: Option<PeerAnswer<'_>>, pending| {
        let reply = world.b.complete(pending, receipt.as_ref(), NOW);
        assert!(!String::from_utf8(reply.body).unwrap().contains("Eligibility"));
        (reply.status, reply.refusal.unwrap().reason())
    };
    assert_eq!(refused(None, step().pending), (500, Reason::Disclosure));
    // The receipt of another disclosure.
    let replayed = PeerAnswer { status: 200, body: &good.body };
    assert_eq!(refused(Some(replayed), step().pending), (500, Reason::Disclosure));
    let notice = step();
    let good = world.relay(&notice, B);
    let unsigned = String::from_utf8(good.body).unwrap().replace("code=\"OK\"", "code=\"OK\" comment=\"\"");
    let changed = PeerAnswer { status: 200, body: unsigned.as_bytes() };
    assert_eq!(refused(Some(changed), notice.pending), (500, Reason::Disclosure));
}

#[test]
fn a_notice_is_taken_from_the_audience_of_an_envelope_of_ours() {
    let world = World::new();
    let notice = || {
        let query = world.query();
        let Step::Send(notice) = world.b.handle(&request(&query, A), NOW) else { panic!("a notice") };
        notice
    };
    assert_eq!(world.refused_by_relay(&notice(), B), None);
    let before = world.log.all().unwrap().len();
    let sent = notice();
    let unknown = resigned(&sent.body, B, |root| {
        root.find_mut("soap:Body/ck:DisclosureNotice").set("envelope", "_unknown");
    });
    assert_eq!(world.refused_by_relay(&with_body(&sent, unknown), B), Some(Reason::NotAuthorised));
    let sent = notice();
    let by_c = resigned(&sent.body, C, |root| {
        root.find_mut("soap:Header/sb:Sender").set("providerID", C);
        let token = chukei_xml::lexical::encode_base64(certificate(C).der());
        root.find_mut("soap:Header/wsse:Security/wsse:BinarySecurityToken").set_content(&token);
    });
    assert_eq!(world.refused_by_relay(&with_body(&sent, by_c), C), Some(Reason::NotAuthorised));
    // Two more mappings, no disclosure.
    let after = world.log.all().unwrap();
    assert!(after.len() == before + 2 && after[before..].iter().all(|entry| entry.kind == Kind::Mapping));
    assert!(after.iter().all(|entry| entry.purpose == Purpose::CombinedHighCost));
}

#[test]
fn a_person_without_data_is_no_fault() {
    let mut world = World::new();
    world.b.records = std::sync::Arc::new(chukei_relay::memory::MemoryRecords::default());
    let answer = world.linkage(&ask(0), &Item::ALL).unwrap();
    assert_eq!((answer.status.code.as_str(), answer.has_data()), ("NoData", false));
    assert_eq!(world.log.all().unwrap()[1].outcome, "no-data");
}

#[test]
fn nothing_is_encrypted_for_a_party_whose_metadata_has_ended() {
    let mut world = World::new();
    let federation = federation_with(|party| {
        if party.id == B {
            party.valid_until = later(60);
        }
    });
    world.relay.party.federation = federation;
    let outcome = |now| {
        let asked = world.a.map(&[ask(0)], PURPOSE, now).unwrap();
        let mapped = reply(world.relay.handle(&request(&asked, A), now));
        let mapped = world.a.take_mapping(asked.pending, &answer(&mapped), now).unwrap();
        mapped.results.into_iter().next().unwrap().1.map(|envelope| envelope.target)
    };
    assert_eq!(outcome(later(59)), Ok(B.to_owned()));
    assert_eq!(outcome(later(60)), Err("Unreachable".to_owned()));
}
