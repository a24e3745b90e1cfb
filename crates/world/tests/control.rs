//! Test control of running parties (chapter 50 of the standard).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use chukei_world::run::Running;
use chukei_world::{Faults, Options, Plan, World, folder};
use serde_json::{Value, json};
use support::{anywhere, verb, world};

/// Everybody on free ports, with test control; `faults` by party.
fn start(faults: &[(&str, &str)]) -> Running {
    let options = |party: &folder::PartyEntry| {
        let own = faults.iter().filter(|(name, _)| *name == party.name).map(|(_, fault)| *fault);
        let control = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        Options { faults: Faults::named(own).unwrap(), control, ..anywhere() }
    };
    Running::start(world(), options).unwrap()
}

fn call(running: &Running, party: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let control = running.party(party).unwrap().control().unwrap();
    verb(&control, method, path, &if body.is_null() { String::new() } else { body.to_string() })
}

fn get(running: &Running, party: &str, path: &str) -> (u16, Value) {
    call(running, party, "GET", path, &Value::Null)
}

fn post(running: &Running, party: &str, path: &str, body: &Value) -> (u16, Value) {
    call(running, party, "POST", path, body)
}

/// The act that asks insurer-b about the sample person.
fn act(correlation: &str) -> Value {
    let people = world().people().unwrap();
    let number = people.person("seed-sample").unwrap().number("insurer-a").unwrap().value.clone();
    json!({
        "act": "link", "correlation": correlation,
        "scheme": "urn:chukei:1.0:identifier:care-insured", "number": number,
        "wanted": "urn:chukei:1.0:identifier:medical-insured", "target": folder::entity("insurer-b"),
        "purpose": "urn:chukei:1.0:purpose:combined-high-cost",
        "items": ["eligibility", "benefits"], "asOf": "2026-06-01", "via": "direct",
    })
}

/// What becomes of the act.
fn outcome(running: &Running, correlation: &str) -> Value {
    assert_eq!(post(running, "insurer-a", "act", &act(correlation)), (200, json!({})));
    let (status, outcome) = get(running, "insurer-a", &format!("outcome/{correlation}"));
    assert_eq!(status, 200);
    outcome
}

fn code(running: &Running, correlation: &str) -> String {
    outcome(running, correlation)["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_party_says_who_it_is_and_what_it_offers() {
    let running = start(&[("insurer-c", "HidesVerbs")]);
    let (status, relay) = get(&running, "relay", "identity");
    assert_eq!(status, 200);
    assert_eq!(relay["verbs"], json!(["identity", "reset", "trust", "people", "clock", "outcome", "logs"]));
    assert_eq!((&relay["acts"], &relay["role"]), (&json!([]), &json!("relay")));
    assert!(
        relay["product"].as_str().unwrap().contains("TEST") && !relay["build"].as_str().unwrap().is_empty()
    );
    let (_, insurer) = get(&running, "insurer-a", "identity");
    assert_eq!((&insurer["acts"], &insurer["endpoint"]), (&json!(["link"]), &Value::Null));
    assert_eq!(insurer["verbs"].as_array().unwrap().len(), 8);
    assert_eq!(get(&running, "insurer-c", "identity").1["verbs"], json!([]));
    running.stop();
}

#[test]
fn what_is_not_offered_is_501_and_does_nothing() {
    let running = start(&[("insurer-d", "AnswersUnknownVerbs")]);
    let answers = [
        get(&running, "insurer-a", "f3a9c1"),
        get(&running, "insurer-a", "reset"),
        post(&running, "insurer-a", "logs", &json!({})),
        post(&running, "insurer-a", "act", &json!({ "act": "f3a9c1", "correlation": "x" })),
        post(&running, "relay", "act", &act("x")),
        get(&running, "insurer-a", "../v1/identity"),
        get(&running, "insurer-a", ""),
    ];
    assert!(answers.iter().all(|(status, _)| *status == 501), "{answers:?}");
    assert_eq!(get(&running, "insurer-a", "outcome/x").0, 404);
    assert_eq!(get(&running, "insurer-d", "f3a9c1").0, 200, "a party with the fault");
    running.stop();
}

#[test]
fn an_act_leads_to_an_outcome() {
    let running = start(&[]);
    let expected = json!({
        "state": "accepted", "code": "OK",
        "answer": {
            "status": "OK",
            "eligibility": [{
                "scheme": "urn:chukei:1.0:identifier:medical-insured", "insurer": folder::entity("insurer-b"),
                "from": "2008-04-01", "asOf": "2026-06-01", "recordedAt": "2026-01-05T00:00:00Z", "validity": "valid",
            }],
            "benefits": [{ "kind": "high-cost-medical", "from": "2025-08-01", "until": "2026-08-01", "amount": 48200 }],
        },
    });
    assert_eq!(outcome(&running, "4f6c1c2e"), expected);
    // The relay has its own view, by the MessageID that the requester wrote down.
    let (_, logs) = get(&running, "insurer-a", "logs");
    let line = logs["lines"][1].as_str().unwrap();
    let id = line.split("id=\"").nth(1).unwrap().split('"').next().unwrap().replace(':', "%3A");
    assert_eq!(
        get(&running, "relay", &format!("outcome/{id}")),
        (200, json!({ "state": "accepted", "code": "OK" }))
    );

    let via_relay = Value::Object(
        act("via")
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .map(|(name, value)| if name == "via" { (name, json!("relay")) } else { (name, value) })
            .collect(),
    );
    assert_eq!(post(&running, "insurer-a", "act", &via_relay), (200, json!({})));
    assert_eq!(get(&running, "insurer-a", "outcome/via").1["code"], "OK");
    running.stop();
}

#[test]
fn a_body_of_another_form_is_400_and_not_repeated() {
    let running = start(&[]);
    let without = |name: &str| {
        let mut act = act("x");
        act.as_object_mut().unwrap().remove(name);
        act
    };
    let mut extra = act("x");
    extra["name"] = json!("港いろは１２３４");
    for (path, body) in [
        ("act", without("correlation")),
        ("act", without("items")),
        ("act", extra),
        ("clock", json!({})),
        ("clock", json!({ "now": "港いろは１２３４" })),
        ("people", json!({ "people": [{ "id": "港いろは１２３４" }] })),
        ("people", json!({ "people": [], "peple": [] })),
        ("trust", json!({ "federation": "港いろは１２３４" })),
        ("trust", json!({ "metadata": { "relay": "港いろは１２３４" } })),
    ] {
        let (status, answer) = post(&running, "insurer-a", path, &body);
        assert_eq!(status, 400, "{path} {body} {answer}");
        assert!(!answer.to_string().contains('港'), "{answer}");
    }
    // Words that cannot be asked are an outcome, not a mistake in the form.
    let mut odd = act("odd");
    odd["purpose"] = json!("curiosity");
    assert_eq!(post(&running, "insurer-a", "act", &odd).0, 200);
    assert_eq!(
        get(&running, "insurer-a", "outcome/odd").1,
        json!({ "state": "rejected", "code": "InvalidAct" })
    );
    assert_eq!(code(&running, "after"), "OK");
    running.stop();
}

#[test]
fn a_reset_leaves_nothing_behind() {
    for keeps in [false, true] {
        let faults: &[(&str, &str)] =
            if keeps { &[("relay", "ResetKeepsState"), ("insurer-a", "ResetKeepsState")] } else { &[] };
        let running = start(faults);
        let portal = || {
            let people = world().people().unwrap();
            let number = people.person("seed-sample").unwrap().number("portal").unwrap().clone();
            running.party("portal").unwrap().history(&number).unwrap().entries.len()
        };
        assert_eq!(code(&running, "one"), "OK");
        assert_eq!(portal(), 3);
        for party in ["relay", "insurer-a"] {
            assert_eq!(post(&running, party, "reset", &json!({})), (200, json!({})));
        }
        assert_eq!(get(&running, "insurer-a", "outcome/one").0, if keeps { 200 } else { 404 });
        assert_eq!(get(&running, "insurer-a", "logs").1["lines"].as_array().unwrap().is_empty(), !keeps);
        assert_eq!(portal(), if keeps { 4 } else { 1 });
        assert_eq!(code(&running, "two"), "OK");
        running.stop();
    }
}

#[test]
fn other_people_can_be_provisioned() {
    let running = start(&[]);
    let person = |amount: u64| {
        json!({ "people": [{
            "id": "new", "name": "TEST", "kana": "テスト", "born": "1950-01-01",
            "numbers": [
                { "party": "insurer-a", "scheme": "care-insured", "value": act("x")["number"] },
                { "party": "insurer-b", "scheme": "medical-insured", "value": "新１" },
            ],
            "records": [{ "party": "insurer-b", "benefits": [{ "kind": "new", "from": "2026-01-01", "amount": amount }] }],
        }]})
    };
    for amount in [1, 2] {
        for party in ["relay", "insurer-b"] {
            assert_eq!(post(&running, party, "people", &person(amount)), (200, json!({})));
        }
        let told = outcome(&running, "x");
        assert_eq!(told["answer"]["benefits"][0]["amount"], amount);
        assert_eq!(told["answer"]["eligibility"], json!([]));
    }
    // A number without its form: nothing changes.
    let mut wrong = person(3);
    wrong["people"][0]["numbers"][1]["value"] = json!(" ");
    wrong["people"][0]["numbers"][0]["value"] = json!("12");
    assert_eq!(post(&running, "relay", "people", &wrong).0, 400);
    assert_eq!(code(&running, "y"), "OK");
    assert_eq!(post(&running, "relay", "people", &json!({ "people": [] })), (200, json!({})));
    assert_eq!(code(&running, "z"), "NotMember");
    running.stop();
}

#[test]
fn the_clock_of_one_party_can_be_set() {
    let running = start(&[]);
    assert_eq!(code(&running, "now"), "OK");
    assert_eq!(post(&running, "relay", "clock", &json!({ "now": 1_780_000_000 })), (200, json!({})));
    assert_eq!(code(&running, "then"), "PeerFault");
    let (_, logs) = get(&running, "relay", "logs");
    let last = logs["lines"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
    assert!(last.starts_with("2026-05-28T20:26:40Z") && last.contains("outcome=Window"), "{last}");
    assert_eq!(post(&running, "relay", "clock", &json!({ "now": null })), (200, json!({})));
    assert_eq!(code(&running, "again"), "OK");
    // A reset goes back to the clock of the start.
    assert_eq!(post(&running, "relay", "clock", &json!({ "now": 1_780_000_000 })), (200, json!({})));
    assert_eq!(post(&running, "relay", "reset", &json!({})), (200, json!({})));
    assert_eq!(code(&running, "after-reset"), "OK");
    running.stop();
}

#[test]
fn trust_can_be_replaced_and_comes_back_with_a_reset() {
    let running = start(&[]);
    assert_eq!(code(&running, "before"), "OK");
    assert_eq!(post(&running, "relay", "trust", &json!({ "agreements": [] })), (200, json!({})));
    assert_eq!(code(&running, "no-agreement"), "Forbidden");

    // Metadata that the federation did not sign changes nothing.
    let scratch = tempfile::tempdir().unwrap();
    let other = World::generate(&scratch.path().join("other"), Plan { crowd: 1, ..Plan::new(9) }).unwrap();
    let foreign = std::fs::read_to_string(other.dir().join("metadata/relay.xml")).unwrap();
    assert_eq!(post(&running, "insurer-b", "trust", &json!({ "metadata": { "relay": foreign } })).0, 400);
    assert_eq!(post(&running, "relay", "reset", &json!({})).0, 200);
    assert_eq!(code(&running, "as-before"), "OK");

    // Another authority: nobody of this world gets a connection any more.
    let ca = other.ca_pem().unwrap();
    assert_eq!(post(&running, "relay", "trust", &json!({ "ca": ca })), (200, json!({})));
    // Connections from before are kept alive by their holders; a reset of the requester lets go of them.
    assert_eq!(post(&running, "insurer-a", "reset", &json!({})).0, 200);
    let refused = code(&running, "other-authority");
    assert!(refused.starts_with("Transport"), "{refused}");
    assert_eq!(post(&running, "relay", "reset", &json!({})).0, 200);
    assert_eq!(code(&running, "trusted-again"), "OK");
    running.stop();
}

/// domain.md §7 T1: the last good list of trust stays in force, the operator is told, and what is right counts at once.
#[test]
fn a_wrong_list_of_trust_changes_nothing_and_the_next_right_one_counts() {
    let running = start(&[]);
    let scratch = tempfile::tempdir().unwrap();
    let other = World::generate(&scratch.path().join("other"), Plan { crowd: 1, ..Plan::new(9) }).unwrap();
    let read =
        |world: &World| -> BTreeMap<String, String> { world.metadata().unwrap().into_iter().collect() };
    let give = |metadata: &BTreeMap<String, String>| {
        post(&running, "relay", "trust", &json!({ "metadata": metadata })).0
    };
    let own = read(world());
    let with =
        |name: &str, metadata: String| own.clone().into_iter().chain([(name.to_owned(), metadata)]).collect();
    let asker = &own["insurer-a"];
    let old = asker.replace("validUntil=\"2", "validUntil=\"1");
    assert_ne!(*asker, old);
    for wrong in
        [read(&other), with("insurer-a", old), with("insurer-a", asker.replace("</md:EntityDescriptor>", ""))]
    {
        assert_eq!(give(&wrong), 400);
        assert_eq!(code(&running, "the-old-one-counts"), "OK");
    }
    assert_eq!(give(&own), 200);
    assert_eq!(code(&running, "the-new-one-counts"), "OK");

    // Metadata past its validUntil counts for nobody, and again as soon as the clock is right.
    let clock = |at: Value| post(&running, "relay", "clock", &json!({ "now": at })).0;
    assert_eq!(clock(json!(3_800_000_000_i64)), 200);
    assert_ne!(code(&running, "past-its-time"), "OK");
    assert_eq!(clock(Value::Null), 200);
    assert_eq!(code(&running, "in-its-time"), "OK");
    running.stop();
}
