//! A responder that answers after the relay has given up: the answer is nobody's, and the ledger says so once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use chukei_profile::Scheme;
use chukei_profile::history::Kind;
use chukei_store::Store;
use chukei_world::run::Running;
use chukei_world::server::Limits;
use chukei_world::{Ending, Link, Options, Outcome, Via, folder};
use support::{HANG, anywhere, world};

/// How long the relay waits for a responder here; shorter than a store waits for its file.
const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn an_answer_that_comes_too_late_is_recorded_as_none() {
    let state = tempfile::tempdir().unwrap();
    let running = Running::start(world(), |party| {
        let exchange_time = if party.name == "relay" { PATIENCE } else { HANG };
        let limits = Limits { exchange_time, ..Limits::default() };
        Options { state: Some(state.path().to_owned()), limits, ..anywhere() }
    })
    .unwrap();
    let people = world().people().unwrap();
    let sample = people.person("seed-sample").unwrap();
    let number = sample.number("insurer-a").unwrap();
    let to_b = || {
        let link = Link::new(number, Scheme::MedicalInsured, &folder::entity("insurer-b"));
        running.party("insurer-a").unwrap().link(Link { via: Via::Relay, ..link })
    };
    assert_eq!(to_b().code, "OK");
    // Somebody holds the responder's file for longer than the relay waits.
    let rival = rusqlite::Connection::open(state.path().join("insurer-b.db")).unwrap();
    rival.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let late = to_b();
    rival.execute_batch("ROLLBACK").unwrap();
    assert_eq!(late, Outcome { state: Ending::Rejected, code: "PeerFault".to_owned(), answer: None });
    // The responder goes on, and so does the relay.
    assert_eq!(to_b().code, "OK");
    let history = running.party("portal").unwrap().history(sample.number("portal").unwrap()).unwrap();
    running.stop();
    let of = |kind: Kind| {
        let entries = history.entries.iter().filter(move |entry| entry.kind == kind);
        entries.map(|entry| entry.outcome.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(Kind::Relayed), ["answered", "no-answer", "answered"]);
    assert_eq!(of(Kind::Mapping), ["granted"; 3]);
    let store = Store::open(&state.path().join("relay.db")).unwrap();
    assert_eq!(store.count(Kind::Relayed), Ok(3), "nothing came after the answer that was too late");
    assert!(store.fsck(None).unwrap().is_ok());
}
