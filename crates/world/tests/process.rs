//! Parties as a process: ready line, signals, exit. The process is this test binary, started once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use chukei_crypto::UnixTime;
use chukei_profile::Scheme;
use chukei_profile::history::Entry;
use chukei_store::Store;
use chukei_world::folder::Role;
use chukei_world::run::{mock, mock_world};
use chukei_world::{Clock, Ending, Link, Options, Party, Via, World, WorldError, folder};
use serde_json::Value;
use support::{anywhere, world};

/// When the clocks of parties stand still here.
const NOW: i64 = 1_790_000_000;

/// Not a test of its own: what the child does.
#[test]
fn child() {
    let Ok(what) = std::env::var("CHUKEI_TEST_CHILD") else { return };
    let world = World::open(std::env::var("CHUKEI_TEST_WORLD").unwrap().as_ref()).unwrap();
    let aloud = Options { aloud: true, ..anywhere() };
    match what.as_str() {
        "world" => mock_world(&world, |_| aloud.clone()).unwrap(),
        "relay" => {
            let said = |name: &str| std::env::var(name).unwrap();
            let now = UnixTime(said("CHUKEI_TEST_NOW").parse().unwrap());
            let peers = BTreeMap::from([("insurer-b".to_owned(), said("CHUKEI_TEST_INSURER_B"))]);
            let state = Some(said("CHUKEI_TEST_STATE").into());
            let options = Options { state, peers, clock: Clock::fixed(now), ..aloud };
            mock(&world, "relay", Role::Relay, options).unwrap();
        }
        name => mock(&world, name, Role::Responder, aloud).unwrap(),
    }
}

fn spawn(what: &str) -> (Child, Value, BufReader<std::process::ChildStdout>) {
    spawn_with(what, &[])
}

fn spawn_with(what: &str, said: &[(&str, &str)]) -> (Child, Value, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env("CHUKEI_TEST_CHILD", what)
        .env("CHUKEI_TEST_WORLD", world().dir())
        .envs(said.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // The test harness of the child says something first.
    let ready = loop {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the child has ended");
        let json = line.find('{').and_then(|at| line.get(at..)).unwrap_or_default();
        if let Ok(ready) = serde_json::from_str(json) {
            break ready;
        }
    };
    (child, ready, lines)
}

fn stop(mut child: Child, signal: &str) -> String {
    let mut log = child.stderr.take().unwrap();
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    text
}

fn address(url: &Value) -> String {
    url.as_str().unwrap().split('/').nth(2).unwrap().to_owned()
}

#[test]
fn a_world_runs_until_it_is_told_to_stop() {
    let (child, ready, _lines) = spawn("world");
    assert_eq!(ready["smoke"], "OK");
    assert_eq!(ready["endpoints"].as_object().unwrap().len(), 3);
    assert_eq!(ready["control"].as_object().unwrap().len(), 7);
    TcpStream::connect(address(&ready["endpoints"]["relay"])).unwrap();
    TcpStream::connect(address(&ready["control"]["insurer-a"])).unwrap();
    let log = stop(child, "-TERM");
    assert!(log.contains("relay: ") && log.contains("LinkageQuery") && log.ends_with("stopped\n"), "{log}");
    TcpStream::connect(address(&ready["endpoints"]["relay"])).unwrap_err();
    let people = world().people().unwrap();
    assert!(!people.canaries().any(|number| log.contains(number)));
}

#[test]
fn one_party_runs_until_it_is_interrupted() {
    let (child, ready, _lines) = spawn("insurer-b");
    let expected: Vec<_> = ready["endpoints"].as_object().unwrap().keys().collect();
    assert_eq!(expected, ["insurer-b"]);
    TcpStream::connect(address(&ready["endpoints"]["insurer-b"])).unwrap();
    assert!(stop(child, "-INT").ends_with("stopped\n"));
}

/// A relay that is killed while it carries a query: the person sees it all the same, once its time is over.
#[test]
fn a_query_whose_relay_was_killed_has_its_entry() {
    // A responder that takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let insurer_b = format!("https://{}/", silent.local_addr().unwrap());
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().to_str().unwrap();
    let relay = |now: i64| {
        let now = now.to_string();
        let (said, at_b) = (("CHUKEI_TEST_STATE", folder), ("CHUKEI_TEST_INSURER_B", insurer_b.as_str()));
        spawn_with("relay", &[said, at_b, ("CHUKEI_TEST_NOW", &now)])
    };
    let party = |name: &str, now: i64, ready: &Value| {
        let at = ready["endpoints"]["relay"].as_str().unwrap().to_owned();
        let peers = BTreeMap::from([("relay".to_owned(), at), ("insurer-b".to_owned(), insurer_b.clone())]);
        let clock = Clock::fixed(UnixTime(now));
        Party::start(world(), name, Options { peers, clock, ..anywhere() }).unwrap()
    };
    let sample = world().people().unwrap().person("seed-sample").unwrap().clone();
    let history = |now: i64, ready: &Value| {
        let shown = party("portal", now, ready).history(sample.number("portal").unwrap()).unwrap();
        let brief =
            |entry: &Entry| format!("{} {} {}", entry.kind.name(), entry.outcome, entry.at.seconds - NOW);
        shown.entries.iter().map(brief).collect::<Vec<_>>()
    };

    let (mut child, ready, _lines) = relay(NOW);
    let asker = party("insurer-a", NOW, &ready);
    let number = sample.number("insurer-a").unwrap().clone();
    let asked = std::thread::spawn(move || {
        let link = Link::new(&number, Scheme::MedicalInsured, &folder::entity("insurer-b"));
        asker.link(Link { via: Via::Relay, ..link })
    });
    let (carried, _) = silent.accept().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(asked.join().unwrap().state, Ending::Rejected);
    drop(carried);

    // It may still have an outcome, for all that others know.
    let (child, ready, _lines) = relay(NOW + 300);
    assert_eq!(history(NOW + 300, &ready), ["mapping granted 0", "history shown 300"]);
    stop(child, "-TERM");
    let (child, ready, _lines) = relay(NOW + 301);
    let lost = "relayed no-answer 300";
    let shown = ["mapping granted 0", "history shown 300", lost, "history shown 301"];
    assert_eq!(history(NOW + 301, &ready), shown);
    stop(child, "-TERM");
    let store = Store::open(&state.path().join("relay.db")).unwrap();
    assert!(store.fsck(None).unwrap().is_ok());
}

#[test]
fn what_cannot_be_started_says_why() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Options { listen: Some(held.local_addr().unwrap()), ..anywhere() };
    let start = |name: &str, role, options: &Options| mock(world(), name, role, options.clone()).unwrap_err();
    let error = start("insurer-b", Role::Responder, &taken);
    assert!(matches!(error, WorldError::Bind { .. }) && error.exit_code() == 3, "{error}");
    let error = start("insurer-z", Role::Responder, &anywhere());
    assert!(
        matches!(&error, WorldError::Party { known, .. } if known.len() == 9) && error.exit_code() == 2,
        "{error}"
    );
    let error = start("insurer-a", Role::Responder, &anywhere());
    assert!(
        matches!(&error, WorldError::Party { known, .. } if known == &["insurer-b", "insurer-c", "insurer-e"]),
        "{error}"
    );
    let file = held.local_addr().unwrap().to_string();
    let unwritable = Options { state: Some(world().dir().join("world.toml").join(file)), ..anywhere() };
    assert!(matches!(start("insurer-b", Role::Responder, &unwritable), WorldError::Io { .. }));
}
