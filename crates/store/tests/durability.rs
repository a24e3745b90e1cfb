//! What was acknowledged stays: after a stop, after a kill, after a full disk, after somebody else's hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod support;

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use chukei_crypto::UnixTime;
use chukei_profile::history::Kind;
use chukei_profile::{Identifier, Purpose, Scheme};
use chukei_relay::changes::{Action, Assigned, Change, KeyStore, Standing};
use chukei_relay::numbers::{Level, Number, NumberKind};
use chukei_relay::{AccessLog, NewEntry, Person, ReplayStore};
use chukei_store::{
    Batch, Location, MappingRow, Outcome, PartyEntry, Registry, Role, SourceEntry, Store, StoreError,
};
use rusqlite::Connection;
use support::{Place, on_both};

on_both!(
    a_stop_keeps_everything,
    a_kill_loses_nothing_that_was_acknowledged,
    a_kill_in_an_import_leaves_nothing_of_it,
    there_is_no_column_for_what_a_relay_must_not_know,
);

/// What a parent has written for its child.
fn open(written: &str) -> Store {
    Store::open(Location::read(Path::new(written)).unwrap()).unwrap()
}

fn entry(envelope: &str) -> NewEntry {
    NewEntry {
        person: Some(Person(1)),
        at: UnixTime(1_790_000_000),
        actor: "https://insurer-a.example.test/".to_owned(),
        kind: Kind::Mapping,
        outcome: "OK".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec!["eligibility".to_owned()],
        envelope: Some(envelope.to_owned()),
        target: Some("https://insurer-b.example.test/".to_owned()),
        carried_to: None,
        asked: None,
        login: None,
        withheld_until: None,
    }
}

fn a_stop_keeps_everything(place: &Place) {
    let store = place.store();
    store.append(&[entry("_1"), entry("_2")]).unwrap();
    assert!(store.first_use("a", "1", UnixTime(1)).unwrap());
    drop(store);
    let store = place.store();
    assert_eq!(store.history(Person(1)).unwrap().len(), 2);
    assert!(store.issuance("_2").unwrap().is_some());
    assert!(!store.first_use("a", "1", UnixTime(1)).unwrap());
    store.append(&[entry("_3")]).unwrap();
    assert_eq!(store.history(Person(1)).unwrap().last().unwrap().number, 3);
}

/// Not a test of its own: the process that `a_kill_loses_nothing_that_was_acknowledged` kills.
#[test]
fn child_that_is_killed() {
    let Ok(path) = std::env::var("CHUKEI_TEST_KILLED") else { return };
    let store = open(&path);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for turn in 0.. {
                    let id = format!("_{}-{writer}-{turn}", std::process::id());
                    store.append(&[entry(&id)]).unwrap();
                    // Whole lines only: the parent believes what it reads.
                    std::io::stdout().lock().write_all(format!("recorded {id}\n").as_bytes()).unwrap();
                }
            });
        }
    });
}

fn a_kill_loses_nothing_that_was_acknowledged(place: &Place) {
    let mut acknowledged = Vec::new();
    for _ in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_is_killed", "--exact", "--nocapture"])
            .env("CHUKEI_TEST_KILLED", place.written())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut recorded = |line: String| line.strip_prefix("recorded ").map(str::to_owned);
        let before = lines.by_ref().filter_map(&mut recorded).take(60);
        acknowledged.extend(before);
        child.kill().unwrap();
        acknowledged.extend(lines.filter_map(recorded));
        child.wait().unwrap();
    }
    assert!(acknowledged.len() >= 300);
    let store = place.store();
    let history = store.history(Person(1)).unwrap();
    for id in &acknowledged {
        assert!(store.issuance(id).unwrap().is_some(), "{id} was acknowledged and is gone");
    }
    assert!(history.len() >= acknowledged.len());
    let numbers: Vec<_> = history.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, (1..=history.len() as u64).collect::<Vec<_>>());
    assert!(store.fsck(None).unwrap().is_ok());
}

/// The part of the next test that is killed in the middle of an import.
#[test]
fn child_that_is_killed_while_it_imports() {
    let Ok(path) = std::env::var("CHUKEI_TEST_IMPORTS") else { return };
    let store = open(&path);
    let changes = || {
        (0_i64..).map(|n| {
            if n == 2000 {
                println!("half way");
                std::io::stdout().flush().unwrap();
                loop {
                    std::thread::park();
                }
            }
            Ok::<_, Infallible>(newcomer(n))
        })
    };
    store.apply(import(changes)).unwrap();
}

fn newcomer(n: i64) -> Change {
    let kind = NumberKind::from_name("resident-number").unwrap();
    let (number, _) = Number::read(kind, &n.to_string(), Level::Strict).unwrap();
    let key = Assigned { party: "town".to_owned(), number };
    let action = Action::State { numbers: vec![key.clone()], from: UnixTime(0), until: UnixTime(i64::MAX) };
    Change { line: 1, key, version: 1, action }
}

fn import<F>(changes: F) -> Batch<F> {
    Batch {
        source: "town".to_owned(),
        sequence: 1,
        previous: None,
        digest: [1; 32],
        at: UnixTime(0),
        dry_run: false,
        changes,
        progress: Box::new(|_| {}),
    }
}

fn a_kill_in_an_import_leaves_nothing_of_it(place: &Place) {
    let store = place.store();
    let sources = vec![SourceEntry { name: "town".to_owned(), role: Role::Municipality, town: None }];
    let parties = vec![PartyEntry { code: "town".to_owned(), entity: None, source: Some("town".to_owned()) }];
    store.register(Registry { sources, parties }).unwrap();
    drop(store);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_that_is_killed_while_it_imports", "--exact", "--nocapture"])
        .env("CHUKEI_TEST_IMPORTS", place.written())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("half way")));
    child.kill().unwrap();
    child.wait().unwrap();
    let store = place.store();
    assert_eq!((store.mapping_rows(), store.source("town").unwrap().unwrap().next), (Ok(0), 1));
    let done = store.apply(import(|| (0..2001).map(|n| Ok::<_, Infallible>(newcomer(n))))).unwrap();
    assert!(matches!(done, Outcome::Applied(applied) if applied.persons == 2001));
}

/// The copy has everything that was acknowledged before it was begun, and goes on.
#[test]
fn a_state_is_copied_while_it_is_in_use() {
    let place = Place::file();
    let store = place.store();
    let (number, from) = (newcomer(7).key, UnixTime(0));
    let sources = vec![SourceEntry { name: "town".to_owned(), role: Role::Municipality, town: None }];
    let parties = vec![PartyEntry { code: "town".to_owned(), entity: None, source: Some("town".to_owned()) }];
    store.register(Registry { sources, parties }).unwrap();
    let (recorded, stop) = (Mutex::new(0), AtomicBool::new(false));
    let copy = place.path().with_file_name("copy.db");
    let before = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let id = *recorded.lock().unwrap();
                store.append(&[entry(&format!("_{id}"))]).unwrap();
                *recorded.lock().unwrap() += 1;
            }
        });
        while *recorded.lock().unwrap() < 50 {
            std::thread::yield_now();
        }
        store.apply(import(|| (0..2001).map(|n| Ok::<_, Infallible>(newcomer(n))))).unwrap();
        let before = *recorded.lock().unwrap();
        store.backup(&copy).unwrap();
        stop.store(true, Ordering::SeqCst);
        before
    });
    // Nothing that is there is written over.
    assert!(matches!(store.backup(&copy), Err(StoreError::Taken { .. })));
    drop(store);

    let copy = Store::open(&copy).unwrap();
    let history = copy.history(Person(1)).unwrap();
    let recorded = *recorded.lock().unwrap();
    assert!((before..=recorded).contains(&history.len()), "{before}..={recorded}: {}", history.len());
    assert!(matches!(copy.standing(&number, from), Ok(Standing::Current(_))));
    assert_eq!(copy.mapping_rows(), Ok(2001));
    copy.append(&[entry("_after")]).unwrap();
    assert!(copy.fsck(None).unwrap().is_ok());
}

#[test]
fn a_database_is_copied_with_its_own_tool() {
    let Some(place) = Place::schema() else { return };
    let to = tempfile::tempdir().unwrap().path().join("copy.db");
    assert!(matches!(place.store().backup(&to), Err(StoreError::NoFile { .. })));
    assert!(!to.exists());
}

#[test]
fn nobody_rewrites_the_history() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("state.db");
    let store = Store::open(&path).unwrap();
    store.append(&[entry("_1"), entry("_2")]).unwrap();
    let hand = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE access SET outcome = 'Forbidden'",
        "DELETE FROM access WHERE number = 2",
        "INSERT INTO access (person, number, at, actor, kind, outcome, purpose) VALUES (1, 4, 0, 'a', 'mapping', 'OK', 'p')",
        "INSERT INTO access (person, number, at, actor, kind, outcome, purpose) VALUES (1, 2, 0, 'a', 'mapping', 'OK', 'p')",
        "INSERT INTO access (person, number, at, actor, kind, outcome, purpose) VALUES (1, NULL, 0, 'a', 'mapping', 'OK', 'p')",
    ] {
        hand.execute(sql, []).unwrap_err();
    }
    assert_eq!(store.history(Person(1)).unwrap().len(), 2);
}

#[test]
fn another_writer_is_waited_for_and_then_nothing_is_acknowledged() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("state.db");
    let store = Store::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.append(&[entry("_1")]).unwrap_err();
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.history(Person(1)), Ok(vec![]));
    store.append(&[entry("_1")]).unwrap();
    assert_eq!(store.history(Person(1)).unwrap().len(), 1);
}

#[test]
fn what_is_no_state_is_not_opened() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("state.db");
    drop(Store::open(&path).unwrap());
    drop(Store::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Newer { version: 99, .. })));

    // Nor does anything of ours get into a database of somebody else.
    let other = scratch.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(matches!(Store::open(&other), Err(StoreError::Foreign { .. })));
    let tables = |path| -> i64 {
        let connection = Connection::open(path).unwrap();
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap()
    };
    assert_eq!((tables(&other), other.with_extension("mappings.db").exists()), (1, false));

    let text = scratch.path().join("text.db");
    std::fs::write(&text, "This is not a database, but long enough to be looked at as one.".repeat(20))
        .unwrap();
    assert!(matches!(Store::open(&text), Err(StoreError::File { .. })));
    assert!(matches!(
        Store::open(&scratch.path().join("no/such/folder/state.db")),
        Err(StoreError::File { .. })
    ));
}

#[test]
fn no_ledger_is_begun_beside_mappings_that_are_in_use() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("one.db");
    let remove = || {
        for file in Store::files(&path).iter().filter(|file| !file.to_string_lossy().contains("mappings")) {
            let _ = std::fs::remove_file(file);
        }
    };
    // Of no use to anybody yet: the process died between making the two.
    drop(Store::open(&path).unwrap());
    remove();
    let number = Identifier::new(Scheme::CareInsured, "1234567890").unwrap();
    let (party, from, until) =
        ("https://insurer-a.example.test/".to_owned(), UnixTime(0), UnixTime(i64::MAX));
    let mapping = MappingRow { person: Person(1), party, number, from, until };
    Store::open(&path).unwrap().add_mappings(vec![mapping]).unwrap();
    remove();
    assert!(matches!(Store::open(&path), Err(StoreError::Alone { .. })));
}

#[test]
fn a_ledger_is_not_opened_without_its_mappings_or_with_another_s() {
    let scratch = tempfile::tempdir().unwrap();
    let (one, two) = (scratch.path().join("one.db"), scratch.path().join("two.db"));
    let (mine, other) = (scratch.path().join("one.mappings.db"), scratch.path().join("two.mappings.db"));
    drop(Store::open(&one).unwrap());
    drop(Store::open(&two).unwrap());
    let kept = std::fs::read(&mine).unwrap();
    std::fs::remove_file(&mine).unwrap();
    assert!(matches!(Store::open(&one), Err(StoreError::Parted { .. })));
    assert!(!mine.exists(), "none is made in its place");
    std::fs::copy(&other, &mine).unwrap();
    assert!(matches!(Store::open(&one), Err(StoreError::Parted { .. })));
    for file in Store::files(&one).iter().filter(|file| file.to_string_lossy().contains("mappings")) {
        let _ = std::fs::remove_file(file);
    }
    std::fs::write(&mine, kept).unwrap();
    drop(Store::open(&one).unwrap());
    drop(Store::open(&two).unwrap());
}

fn there_is_no_column_for_what_a_relay_must_not_know(place: &Place) {
    drop(place.store());
    let mut columns: Vec<String> = Vec::new();
    if !place.is_file() {
        let sql = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema()";
        columns.extend(place.psql(sql).unwrap().lines().map(str::to_owned));
        // The order of the history is that of its leaves there, and there is one database.
        let own = ["chukei.one", "chukei.version", "making.one", "making.turn"];
        assert!(own.iter().all(|own| columns.iter().any(|column| column == own)));
        columns.retain(|column| !own.contains(&column.as_str()));
        columns.extend(
            [
                "access.sequence",
                "beside.mark",
                "beside.mark",
                "beside.one",
                "beside.one",
                "remembers.agreed",
                "remembers.one",
                "remembers.who",
                "used.place",
            ]
            .map(str::to_owned),
        );
    }
    let files = if place.is_file() {
        vec![place.path().to_owned(), place.path().with_extension("mappings.db")]
    } else {
        vec![]
    };
    for file in files {
        let connection = Connection::open(&file).unwrap();
        let mut found = connection
            .prepare("SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'")
            .unwrap();
        columns.extend(found.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
    }
    columns.retain(|column| !column.starts_with("sqlite_"));
    columns.sort();
    assert_eq!(
        columns,
        [
            "access.actor",
            "access.at",
            "access.authentication",
            "access.envelope",
            "access.kind",
            "access.leaf",
            "access.number",
            "access.operator",
            "access.outcome",
            "access.person",
            "access.purpose",
            "access.sequence",
            "access.target",
            "agreement.purpose",
            "agreement.requester",
            "agreement.target",
            "agreement.via_relay",
            "beside.mark",
            "beside.mark",
            "beside.one",
            "beside.one",
            "carried.at",
            "carried.envelope",
            "carried.id",
            "carried.items",
            "carried.person",
            "carried.purpose",
            "carried.requester",
            "carried.responder",
            "carried.until",
            "carried.withheld_until",
            "chain.chain",
            "chain.hash",
            "chain.key",
            "chain.number",
            "chain.person",
            "challenge.party",
            "challenge.person",
            "challenge.purpose",
            "challenge.ticket",
            "challenge.until",
            "challenge.value",
            "checkpoint.note",
            "checkpoint.size",
            "file.at",
            "file.changes",
            "file.digest",
            "file.sequence",
            "file.source",
            "heads_page.page",
            "heads_page.path",
            "leaf.chain",
            "leaf.commitment",
            "leaf.content",
            "leaf.data",
            "leaf.keep_until",
            "leaf.leaf",
            "leaf.number",
            "leaf.previous",
            "leaf.salt",
            "leaf.withheld_until",
            "ledger.booked",
            "ledger.heads",
            "ledger.lost",
            "ledger.maker",
            "ledger.one",
            "mapping.doubtful",
            "mapping.held_until",
            "mapping.kind",
            "mapping.number",
            "mapping.party",
            "mapping.person",
            "mapping.since",
            "mapping.source",
            "mapping.valid_from",
            "mapping.valid_until",
            "numbering.next",
            "numbering.one",
            "out_of_service.party",
            "party.code",
            "party.entity",
            "party.party",
            "party.source",
            "past.gone",
            "past.gone_by",
            "past.held_until",
            "past.kind",
            "past.number",
            "past.party",
            "past.person",
            "past.place",
            "past.since",
            "past.source",
            "past.valid_from",
            "past.valid_until",
            "portal.party",
            "remembers.agreed",
            "remembers.one",
            "remembers.who",
            "session.context",
            "session.id",
            "session.operator",
            "session.party",
            "session.person",
            "session.purpose",
            "session.until",
            "source.digest",
            "source.name",
            "source.role",
            "source.sequence",
            "source.source",
            "source.town",
            "tile.hashes",
            "tile.level",
            "tile.tile",
            "used.id",
            "used.owner",
            "used.place",
            "used.until",
            "version.at",
            "version.line",
            "version.person",
            "version.sequence",
            "version.source",
            "version.version",
            "version.what",
            "withholder.party",
        ]
    );
}
