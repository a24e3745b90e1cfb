//! Parties as a process: ready line, signals, exit. The process is this test binary, started once more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use chukei_world::folder::Role;
use chukei_world::run::{mock, mock_world};
use chukei_world::{Options, World, WorldError};
use serde_json::Value;
use support::{anywhere, world};

/// Not a test of its own: what the child does.
#[test]
fn child() {
    let Ok(what) = std::env::var("CHUKEI_TEST_CHILD") else { return };
    let world = World::open(std::env::var("CHUKEI_TEST_WORLD").unwrap().as_ref()).unwrap();
    let aloud = Options { aloud: true, ..anywhere() };
    match what.as_str() {
        "world" => mock_world(&world, |_| aloud.clone()).unwrap(),
        name => mock(&world, name, Role::Responder, aloud).unwrap(),
    }
}

fn spawn(what: &str) -> (Child, Value, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env("CHUKEI_TEST_CHILD", what)
        .env("CHUKEI_TEST_WORLD", world().dir())
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
