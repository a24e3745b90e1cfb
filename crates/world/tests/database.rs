//! Relays with their state in one PostgreSQL: figure 5 over the wire, while the database is there, away, and back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../../store/tests/support/server.rs"]
#[allow(dead_code, reason = "the store's tests use more")]
mod server;
mod support;

use std::path::Path;

use chukei_ledger::Policy;
use chukei_profile::Scheme;
use chukei_profile::history::Kind;
use chukei_store::{Location, Store};
use chukei_world::run::Running;
use chukei_world::{Ending, Link, Options, Outcome, Party, folder};
use server::Server;
use support::{anywhere, verb, world};

fn location(server: &Server) -> Location {
    let socket = server.socket().to_str().unwrap().replace('/', "%2F");
    Location::read(Path::new(&format!("postgres://chukei@{socket}/postgres"))).unwrap()
}

fn ask(running: &Running) -> Outcome {
    let people = world().people().unwrap();
    let number = people.person("seed-sample").unwrap().number("insurer-a").unwrap();
    let link = Link::new(number, Scheme::MedicalInsured, &folder::entity("insurer-b"));
    running.party("insurer-a").unwrap().link(link)
}

/// A world whose relay keeps its state in the database.
fn start(server: &Server, state: &Path) -> (Running, Options) {
    let options = Options {
        state: Some(state.to_owned()),
        store: Some(location(server)),
        control: Some(([127, 0, 0, 1], 0).into()),
        ..anywhere()
    };
    (Running::start(world(), |_| options.clone()).unwrap(), options)
}

#[test]
fn a_relay_refuses_while_its_database_is_away_and_goes_on_when_it_is_back() {
    let Some(server) = Server::start() else { return };
    let state = tempfile::tempdir().unwrap();
    let (running, _) = start(&server, state.path());
    assert_eq!(ask(&running).code, "OK");
    for _ in 0..2 {
        server.kill();
        let refused = ask(&running);
        assert_eq!((refused.state, refused.code.as_str()), (Ending::Rejected, "PeerFault"));
        server.restart();
        assert_eq!(ask(&running).code, "OK");
    }
    running.stop();
    let store = Store::open(location(&server)).unwrap();
    let policy = std::fs::read_to_string(state.path().join("relay.ledger.policy")).unwrap();
    let sound = store.fsck(Some(&Policy::parse(&policy).unwrap())).unwrap().unwrap();
    // What was answered is recorded; of what was refused a mapping may be.
    assert_eq!(store.count(Kind::Disclosure), Ok(3));
    assert!(store.count(Kind::Mapping).unwrap() >= 3);
    assert_eq!(sound.leaves, store.last_checkpoint().unwrap().0.size);
}

#[test]
fn two_relays_share_a_database_and_test_control_empties_it() {
    let Some(server) = Server::start() else { return };
    let state = tempfile::tempdir().unwrap();
    let (running, options) = start(&server, state.path());
    assert_eq!(ask(&running).code, "OK");
    let second = Party::start(world(), "relay", options).unwrap();
    let mut peers = running.ready().endpoints;
    peers.insert("relay".to_owned(), second.endpoint().unwrap().to_owned());
    for party in ["insurer-a", "insurer-b"] {
        running.party(party).unwrap().meet(peers.clone()).unwrap();
    }
    second.meet(peers).unwrap();
    assert_eq!(ask(&running).code, "OK");
    let store = Store::open(location(&server)).unwrap();
    // Both relays' entries are in one chain.
    assert_eq!((store.count(Kind::Mapping), store.count(Kind::Disclosure)), (Ok(2), Ok(2)));
    drop(store);

    second.stop();
    let control = running.party("relay").unwrap().control().unwrap();
    assert_eq!(verb(&control, "POST", "reset", "").0, 200);
    let store = Store::open(location(&server)).unwrap();
    assert_eq!((store.count(Kind::Mapping), store.count(Kind::Disclosure)), (Ok(0), Ok(0)));
    drop(store);
    running.party("insurer-a").unwrap().meet(running.ready().endpoints).unwrap();
    running.party("insurer-b").unwrap().meet(running.ready().endpoints).unwrap();
    assert_eq!(ask(&running).code, "OK");
    running.stop();
}
