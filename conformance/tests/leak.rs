//! Numbers of people are nowhere but where they have to be.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use chukei_evidence::{Transcript, What};
use support::{Ground, RELAY, REQUESTER, RESPONDER};

/// Numbers long enough not to stand somewhere by chance, with whose they are.
fn canaries(transcript: &Transcript) -> BTreeSet<(String, String)> {
    let people = &transcript.header().world.people;
    let numbers = people.iter().flat_map(|person| &person.numbers);
    numbers
        .filter(|number| number.value.chars().count() > 7)
        .map(|number| (number.insurer.clone(), number.value.clone()))
        .collect()
}

/// What the product has said, as one text for each thing that it has said.
fn said(transcript: &Transcript) -> Vec<String> {
    let said = transcript.events().iter().filter_map(|event| match &event.what {
        What::Answered { headers, body, .. } | What::Called { headers, body, .. } => {
            Some(format!("{headers:?} {}", String::from_utf8_lossy(body.bytes())))
        }
        What::Control { answer, .. } => Some(String::from_utf8_lossy(answer.bytes()).into_owned()),
        _ => None,
    });
    said.collect()
}

fn leaked(role: (&str, &str), faults: &[&str], cases: &[&str]) -> BTreeSet<String> {
    let ground = Ground::new();
    let played = ground.play(role, faults, cases, 1);
    let said = said(&played);
    assert!(said.len() > 10);
    // A requester names its own people to the relay by its own numbers.
    let own = |insurer: &str| role == REQUESTER && insurer == "insurer-a";
    let canaries = canaries(&played);
    assert!(canaries.len() > 10);
    let foreign = canaries.into_iter().filter(|(insurer, _)| !own(insurer)).map(|(_, value)| value);
    foreign.filter(|value| said.iter().any(|said| said.contains(value.as_str()))).collect()
}

#[test]
fn the_reference_tells_no_number() {
    for (role, cases) in [
        (RESPONDER, &["query", "linkage", "envelope/number", "control"][..]),
        (RELAY, &["mapping", "history", "control"][..]),
        (REQUESTER, &["link", "control"][..]),
    ] {
        assert_eq!(leaked(role, &[], cases), BTreeSet::new(), "{}", role.0);
    }
}

#[test]
fn a_product_that_tells_numbers_is_seen() {
    assert!(!leaked(RESPONDER, &["EchoesNumber"], &["query", "linkage"]).is_empty());
    assert!(!leaked(RELAY, &["TellsNumber"], &["mapping"]).is_empty());
    assert!(!leaked(REQUESTER, &["TellsForeignNumber"], &["link"]).is_empty());
}

#[test]
fn the_product_is_not_told_which_case_runs() {
    let ground = Ground::new();
    let played = ground.play(RESPONDER, &[], &["query", "linkage", "envelope"], 1);
    let cases = played.cases();
    let names: Vec<&str> = cases
        .iter()
        .map(|run| run.case.trim_start_matches("responder/"))
        .filter(|name| name.contains('/'))
        .collect();
    assert!(names.len() > 50);
    for event in played.events() {
        let (headers, body) = match &event.what {
            What::Sent { headers, body, .. } | What::Replied { headers, body, .. } => (headers, body),
            _ => continue,
        };
        let told = format!("{headers:?} {}", String::from_utf8_lossy(body.bytes()));
        let name = names.iter().find(|name| told.contains(**name));
        assert_eq!(name, None, "event {}", event.seq);
    }
}
