//! Figure 5 over the wire: running parties, real sockets, state on the disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use chukei_ledger::Policy;
use chukei_profile::Scheme;
use chukei_profile::history::Kind;
use chukei_store::Store;
use chukei_world::people::{People, Person};
use chukei_world::run::Running;
use chukei_world::server::Limits;
use chukei_world::{Ending, Faults, Link, Options, Outcome, Pace, Via, folder};
use rusqlite::types::ValueRef;
use support::{HANG, anywhere, world};

fn start(state: &Path) -> Running {
    start_with(state, &[])
}

/// Everybody on free ports; `faults` by party.
fn start_with(state: &Path, faults: &[(&str, &str)]) -> Running {
    let options = |party: &folder::PartyEntry| {
        let own = faults.iter().filter(|(name, _)| *name == party.name).map(|(_, fault)| *fault);
        Options {
            faults: Faults::named(own).unwrap(),
            state: Some(state.to_owned()),
            p256: true,
            // Two hundred at a time on a busy machine: slow is not wrong here.
            limits: Limits { exchange_time: HANG * 4, ..Limits::default() },
            ..anywhere()
        }
    };
    Running::start(world(), options).unwrap()
}

fn people() -> People {
    world().people().unwrap()
}

fn link(person: &Person, requester: &str, target: &str) -> Link {
    let wanted = if person.id == "late-elderly" { Scheme::LateElderly } else { Scheme::MedicalInsured };
    Link::new(person.number(requester).unwrap(), wanted, &folder::entity(target))
}

fn ask(running: &Running, person: &str, requester: &str, target: &str) -> Outcome {
    let people = people();
    running.party(requester).unwrap().link(link(people.person(person).unwrap(), requester, target))
}

/// Amount of the one benefit that was told.
fn amount(outcome: &Outcome) -> Option<u64> {
    outcome.answer.as_ref()?.benefits.first()?.amount
}

#[test]
fn figure_5_from_end_to_end() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    let outcome = running.smoke(world()).unwrap();
    assert_eq!(
        (outcome.state, outcome.code.as_str(), amount(&outcome)),
        (Ending::Accepted, "OK", Some(48_200))
    );
    let told = outcome.answer.unwrap();
    assert_eq!(
        (told.eligibility[0].validity.as_str(), told.eligibility[0].from.as_str()),
        ("valid", "2008-04-01")
    );
    assert_eq!(told.eligibility[0].insurer, folder::entity("insurer-b"));

    // ※ The same through the relay.
    let people = people();
    let sample = people.person("seed-sample").unwrap();
    let relayed = Link { via: Via::Relay, ..link(sample, "insurer-a", "insurer-b") };
    let outcome = running.party("insurer-a").unwrap().link(relayed);
    assert_eq!((outcome.code.as_str(), amount(&outcome)), ("OK", Some(48_200)));

    let history = running.party("portal").unwrap().history(sample.number("portal").unwrap()).unwrap();
    let brief: Vec<_> = history
        .entries
        .iter()
        .map(|e| (e.number, e.kind.name(), e.actor.as_str(), e.outcome.as_str()))
        .collect();
    let (a, b, portal) =
        (&folder::entity("insurer-a"), &folder::entity("insurer-b"), &folder::entity("portal"));
    assert_eq!(
        brief,
        [
            (1, "mapping", a.as_str(), "granted"),
            (2, "disclosure", b.as_str(), "answered"),
            (3, "history", portal.as_str(), "shown"),
            (4, "mapping", a.as_str(), "granted"),
            (5, "disclosure", b.as_str(), "answered"),
            (6, "relayed", a.as_str(), "answered"),
            (7, "history", portal.as_str(), "shown"),
        ]
    );
    running.stop();
}

#[test]
fn each_special_person_gets_the_answer_that_is_theirs() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    let to_b = |person: &str| ask(&running, person, "insurer-a", "insurer-b");
    for (person, expected) in [
        ("seed-sample", 48_200),
        ("half-width", 17_300),
        ("inner-space", 23_900),
        ("homonym-1", 71_100),
        ("homonym-2", 72_200),
        ("nine-digits", 9_900),
        ("with-h", 12_300),
        ("late-elderly", 44_000),
        ("both", 61_000),
    ] {
        assert_eq!(amount(&to_b(person)), Some(expected), "{person}");
    }
    assert_eq!(amount(&ask(&running, "both", "insurer-a", "insurer-c")), Some(62_000));
    let no_data = to_b("no-data");
    assert_eq!((no_data.state, no_data.code.as_str(), amount(&no_data)), (Ending::Accepted, "NoData", None));
    for (person, code) in
        [("not-member", "NotMember"), ("former-member", "NotMember"), ("duplicate-1", "Duplicate")]
    {
        assert_eq!(
            to_b(person),
            Outcome { state: Ending::Rejected, code: code.to_owned(), answer: None },
            "{person}"
        );
    }
    assert_eq!(ask(&running, "unreachable", "insurer-a", "insurer-e").code, "Unreachable");
    // No agreement for this pair; for the other there is one, and both of its parties sign with P-256.
    assert_eq!(ask(&running, "other-pair", "insurer-d", "insurer-b").code, "Forbidden");
    assert_eq!(amount(&ask(&running, "other-pair", "insurer-d", "insurer-c")), Some(14_000));
    let unknown = people().unknown[0].clone();
    let outcome = running.party("insurer-a").unwrap().link(Link::new(
        &unknown,
        Scheme::MedicalInsured,
        &folder::entity("insurer-b"),
    ));
    assert_eq!(outcome.code, "NotMember");
    running.stop();
}

/// `CHUKEI_LINKAGES` asks for more.
#[test]
fn two_hundred_at_a_time_leave_one_row_each() {
    const AT_A_TIME: usize = 200;
    let linkages = std::env::var("CHUKEI_LINKAGES").map_or(AT_A_TIME, |count| count.parse().unwrap());
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    let people = people();
    let insured = |person: &&Person| person.id.starts_with("crowd-");
    let crowd: Vec<&Person> = people.people.iter().filter(insured).cycle().take(linkages).collect();
    let one = |person: &&Person| {
        let target = if person.number("insurer-b").is_some() { "insurer-b" } else { "insurer-c" };
        running.party("insurer-a").unwrap().link(link(person, "insurer-a", target))
    };
    let share = |persons: &[&Person]| persons.iter().map(one).collect::<Vec<_>>();
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let shares = crowd.chunks(linkages.div_ceil(AT_A_TIME));
        let threads: Vec<_> = shares.map(|persons| scope.spawn(move || share(persons))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.len(), linkages);
    for (person, outcome) in crowd.iter().zip(&outcomes) {
        let own = person.records[0].benefits[0].amount;
        assert_eq!((outcome.code.as_str(), amount(outcome)), ("OK", own), "{}", person.id);
    }
    assert_eq!(leaked(&people, &logs(&running)), Vec::<&str>::new());
    running.stop();
    let store = Store::open(&state.path().join("relay.db")).unwrap();
    let rows = linkages as u64;
    assert_eq!((store.count(Kind::Mapping), store.count(Kind::Disclosure)), (Ok(rows), Ok(rows)));
}

/// Every line of every log.
fn logs(running: &Running) -> String {
    let names = ["relay", "insurer-a", "insurer-b", "insurer-c", "insurer-d", "portal"];
    names.iter().flat_map(|name| running.party(name).unwrap().logs()).collect::<Vec<_>>().join("\n")
}

/// Numbers and names of the people that stand in the text.
fn leaked<'p>(people: &'p People, text: &str) -> Vec<&'p str> {
    let names = people.people.iter().flat_map(|person| [person.name.as_str(), person.kana.as_str()]);
    people.canaries().chain(names).filter(|canary| text.contains(canary)).collect()
}

#[test]
fn no_log_holds_a_number_or_a_name() {
    let state = tempfile::tempdir().unwrap();
    let people = people();
    let exercise = |running: &Running| {
        running.smoke(world()).unwrap();
        for person in people.people.iter().filter(|person| !person.id.starts_with("crowd-")) {
            let requester = if person.number("insurer-a").is_some() { "insurer-a" } else { "insurer-d" };
            for target in ["insurer-b", "insurer-c"] {
                let _ = running.party(requester).unwrap().link(link(person, requester, target));
            }
        }
        for number in &people.unknown {
            let _ = running.party("portal").unwrap().history(number);
        }
        logs(running)
    };
    let running = start(state.path());
    let text = exercise(&running);
    running.stop();
    assert!(text.lines().count() > 100, "{text}");
    assert!(text.contains("LinkageQuery") && text.contains("DisclosureNotice"), "{text}");
    assert_eq!(leaked(&people, &text), Vec::<&str>::new());

    // The search finds what is there: a party that writes numbers.
    let state = tempfile::tempdir().unwrap();
    let running = start_with(state.path(), &[("insurer-b", "LogsNumber")]);
    let text = exercise(&running);
    running.stop();
    assert!(leaked(&people, &text).contains(&"港いろは１２３４"));
}

#[test]
fn nothing_at_rest_with_the_relay_is_a_name_or_a_benefit() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    running.smoke(world()).unwrap();
    // While it runs, with what is not yet in its place; then what is left. Everything that the relay has written: both
    // databases, their journals and whatever else lies there.
    let text = running.party("relay").unwrap().logs().join("\n") + &at_rest(state.path());
    running.stop();
    let text = text + &at_rest(state.path());
    assert!(text.contains("港いろは１２３４"), "numbers are what a relay maps");
    for person in people().people {
        let known = [&person.name, &person.kana, &person.born];
        assert!(known.iter().all(|known| known.is_empty() || !text.contains(*known)), "{}", person.id);
    }
    assert!(!text.contains("high-cost-medical") && !text.contains("2026-01-05"));
    // The search finds what is there.
    std::fs::write(state.path().join("relay.crash"), &people().people[0].name).unwrap();
    assert!(at_rest(state.path()).contains(&people().people[0].name));
}

/// Every octet of every file of the relay's, and every value of every table.
fn at_rest(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with("relay") {
            continue;
        }
        text += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        if path.extension().is_some_and(|name| name == "db") {
            let tables = dump(&path);
            assert!(!tables.is_empty(), "{}", path.display());
            text += &tables;
        }
    }
    text
}

/// Every value of every table of a database.
fn dump(path: &Path) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut text = String::new();
    for table in tables {
        let mut select = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Text(octets) | ValueRef::Blob(octets) => {
                        text += &String::from_utf8_lossy(octets);
                    }
                    _ => {}
                }
                text.push('\n');
            }
        }
    }
    text
}

#[test]
fn a_relay_makes_the_checkpoints_of_its_ledger_itself() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("relay.db");
    let running = Running::start(world(), |_| Options {
        state: Some(state.path().to_owned()),
        checkpoints: Pace { entries: 1, seconds: 0 },
        ..anywhere()
    })
    .unwrap();
    running.smoke(world()).unwrap();
    // While it runs, soon after its entries.
    let until = Instant::now() + HANG;
    while !running.party("relay").unwrap().logs().iter().any(|line| line.contains("checkpoint")) {
        assert!(Instant::now() < until, "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.stop();

    // At its end, of everything; and the next run goes on with the same key.
    let running = start(state.path());
    running.smoke(world()).unwrap();
    running.stop();
    let store = Store::open(&file).unwrap();
    let policy = std::fs::read_to_string(state.path().join("relay.ledger.policy")).unwrap();
    let sound = store.fsck(Some(&Policy::parse(&policy).unwrap())).unwrap().unwrap();
    assert_eq!(sound.leaves, store.last_checkpoint().unwrap().0.size);
    assert!(sound.checkpoints >= 2 && sound.entries >= 4, "{sound:?}");
}

#[test]
fn without_a_receipt_there_is_no_answer() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    let to_b = || ask(&running, "seed-sample", "insurer-a", "insurer-b");
    assert_eq!(to_b().code, "OK");
    // The responder looks for the relay where nobody is.
    let elsewhere = BTreeMap::from([("relay".to_owned(), "https://127.0.0.1:1/relay".to_owned())]);
    running.party("insurer-b").unwrap().meet(elsewhere).unwrap();
    assert_eq!(to_b(), Outcome { state: Ending::Rejected, code: "PeerFault".to_owned(), answer: None });
    running.stop();
    let store = Store::open(&state.path().join("relay.db")).unwrap();
    assert_eq!((store.count(Kind::Mapping), store.count(Kind::Disclosure)), (Ok(2), Ok(1)));
}

/// Answers are made while the ledger is written, and held back until it is.
#[test]
fn without_its_ledger_the_relay_answers_nothing() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    let to_b = || ask(&running, "seed-sample", "insurer-a", "insurer-b");
    assert_eq!(to_b().code, "OK");
    // Somebody holds the file for longer than the relay waits.
    let rival = rusqlite::Connection::open(state.path().join("relay.db")).unwrap();
    rival.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = to_b();
    rival.execute_batch("ROLLBACK").unwrap();
    assert_eq!(refused, Outcome { state: Ending::Rejected, code: "PeerFault".to_owned(), answer: None });
    assert_eq!(to_b().code, "OK");
    running.stop();
    let store = Store::open(&state.path().join("relay.db")).unwrap();
    assert_eq!((store.count(Kind::Mapping), store.count(Kind::Disclosure)), (Ok(2), Ok(2)));
}

#[test]
fn an_envelope_never_goes_to_somebody_else_at_the_target_s_address() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    let other = running.party("insurer-c").unwrap().endpoint().unwrap().to_owned();
    let mut endpoints = running.ready().endpoints;
    let to_b = || ask(&running, "seed-sample", "insurer-a", "insurer-b");
    assert_eq!(to_b().code, "OK");
    endpoints.insert("insurer-b".to_owned(), other);
    running.party("insurer-a").unwrap().meet(endpoints).unwrap();
    assert_eq!(to_b().code, "TransportIdentity");
    running.stop();
}

#[test]
fn a_stop_under_load_leaves_no_answer_without_its_rows() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path());
    let people = people();
    let crowd: Vec<&Person> = people
        .people
        .iter()
        .filter(|p| p.id.starts_with("crowd-") && p.number("insurer-b").is_some())
        .collect();
    let parties: BTreeMap<&str, _> =
        ["insurer-a", "insurer-b"].into_iter().map(|n| (n, running.party(n).unwrap())).collect();
    let (sender, answered) = std::sync::mpsc::channel();
    let ok = std::thread::scope(|scope| {
        let threads: Vec<_> = crowd
            .chunks(crowd.len().div_ceil(16))
            .map(|part| {
                let (sender, a) = (sender.clone(), parties["insurer-a"]);
                scope.spawn(move || {
                    part.iter()
                        .filter(|person| {
                            let outcome = a.link(link(person, "insurer-a", "insurer-b"));
                            let _ = sender.send(());
                            // Whoever is turned away is told so, by a fault or by the transport.
                            let told =
                                ["OK", "PeerFault", "TransportConnect", "TransportHttp", "TransportTls"];
                            assert!(told.contains(&outcome.code.as_str()), "{}", outcome.code);
                            outcome.code == "OK"
                        })
                        .count()
                })
            })
            .collect();
        for _ in 0..20 {
            answered.recv_timeout(HANG).unwrap();
        }
        parties["insurer-b"].drain();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert!(ok >= 20 && ok < crowd.len(), "{ok} of {}", crowd.len());
    running.stop();
    let store = Store::open(&state.path().join("relay.db")).unwrap();
    let (mapped, told) = (store.count(Kind::Mapping).unwrap(), store.count(Kind::Disclosure).unwrap());
    assert!(mapped == crowd.len() as u64 && told >= ok as u64, "{mapped} {told} {ok}");
}

#[test]
fn state_outlives_a_restart() {
    let state = tempfile::tempdir().unwrap();
    for turn in 1..=2 {
        let running = start(state.path());
        running.smoke(world()).unwrap();
        running.stop();
        let store = Store::open(&state.path().join("relay.db")).unwrap();
        assert_eq!(store.count(Kind::Mapping), Ok(turn));
    }
}

#[test]
fn a_party_with_a_fault_is_wrong_in_that_and_right_in_the_rest() {
    let state = tempfile::tempdir().unwrap();
    let running = start_with(state.path(), &[("insurer-b", "AnswersForAnotherPerson")]);
    let outcome = ask(&running, "seed-sample", "insurer-a", "insurer-b");
    assert_eq!(outcome.code, "OK");
    assert_ne!(amount(&outcome), Some(48_200));
    running.stop();
}
