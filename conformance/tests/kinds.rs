//! A product that looks at mapping requests alone is found in every other kind of request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use chukei_evidence::Outcome;
use support::{Ground, LEDGER, RELAY, model, with};

/// The kinds of requests whose cases below these areas, `area/kind`, find something in a party with this fault; `-` for mappings.
fn found(role: (&str, &str), fault: &str, areas: &[&str]) -> BTreeSet<String> {
    let model = model(&Ground::new().play(role, &[fault], areas, 1));
    assert_eq!(with(&model, Outcome::HarnessError), [""; 0]);
    let results = model.sentences.iter().flat_map(|sentence| &sentence.results);
    let failed = results.filter(|result| result.outcome == Outcome::Fail);
    let kinds = failed.map(|result| {
        let own = areas.iter().find_map(|area| result.case.split_once(area)).map_or("", |(_, own)| own);
        own.rsplit('/').next().unwrap_or_default().to_owned()
    });
    kinds.collect()
}

fn kinds(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|&kind| kind.to_owned()).collect()
}

#[test]
fn used_message_ids_are_sent_with_every_kind() {
    let areas = ["message/id/again"];
    let of_relay = ["history", "login-application", "login-challenge", "notice", "relayed"];
    assert_eq!(found(RELAY, "RemembersMappingsOnly", &areas), kinds(&of_relay));
    assert_eq!(found(LEDGER, "RemembersMappingsOnly", &areas), kinds(&["ledger-status", "proof"]));
}

#[test]
fn message_ids_that_are_none_are_sent_with_every_kind() {
    let areas = ["message/id/relative"];
    let of_relay = ["history", "login-application", "login-challenge", "notice", "relayed"];
    assert_eq!(found(RELAY, "ChecksMappingsOnly", &areas), kinds(&of_relay));
    assert_eq!(found(LEDGER, "ChecksMappingsOnly", &areas), kinds(&["ledger-status", "proof"]));
}

/// What logs in or is carried has to have a purpose for other reasons too.
#[test]
fn requests_for_no_purpose_are_sent_of_every_kind_that_could_do_without() {
    let areas = ["message/usage-directive/unknown"];
    assert_eq!(found(RELAY, "ChecksMappingsOnly", &areas), kinds(&["history"]));
    assert_eq!(found(LEDGER, "ChecksMappingsOnly", &areas), kinds(&["proof"]));
}
