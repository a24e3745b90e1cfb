//! What only a database has: several processes, a link that is lost, settings, dumps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chukei_crypto::UnixTime;
use chukei_ledger::{Ed25519PrivateKey, KeyUse, SignerKey};
use chukei_profile::history::Kind;
use chukei_profile::{Identifier, Purpose, Scheme};
use chukei_relay::{AccessLog, Agreements, MappingStore, NewEntry, Person, ReplayStore};
use chukei_store::{LedgerError, Location, MappingRow, Store, StoreError};
use support::{Desk, Place, Server, TOWN, X, insured, of, resident, state};

const A: &str = "https://insurer-a.example.test/";
const T: UnixTime = UnixTime(1_790_000_000);
/// Entries that each process records about person 1, and identifiers that each tries to use first.
const EACH: usize = 120;

fn entry(person: i64, envelope: Option<String>) -> NewEntry {
    NewEntry {
        person: Some(Person(person)),
        at: T,
        actor: A.to_owned(),
        kind: Kind::Mapping,
        outcome: "OK".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec!["eligibility".to_owned()],
        target: envelope.as_ref().map(|_| "https://insurer-b.example.test/".to_owned()),
        envelope,
        carried_to: None,
        asked: None,
        login: None,
        withheld_until: None,
    }
}

fn key() -> SignerKey {
    let key = Ed25519PrivateKey::from_seed(&[1; 32]).unwrap();
    SignerKey::new("relay.example.test/ledger", KeyUse::Log, key).unwrap()
}

fn open(written: impl AsRef<Path>) -> Store {
    Store::open(Location::read(written.as_ref()).unwrap()).unwrap()
}

fn mapping(person: i64, number: &str) -> MappingRow {
    let number = Identifier::new(Scheme::CareInsured, number).unwrap();
    MappingRow {
        person: Person(person),
        party: A.to_owned(),
        number,
        from: UnixTime(0),
        until: UnixTime(i64::MAX),
    }
}

/// A server for one test.
fn own_server(test: impl FnOnce(&Server, &Place)) {
    if let Some(server) = Server::start() {
        test(&server, &Place::in_server(&server));
    }
}

/// The same place with another setting of its sessions.
fn with(place: &Place, setting: &str) -> String {
    format!("{}%20-c{}", place.written().display(), setting.replace('=', "%3D"))
}

/// One of the processes of `processes_share_one_ledger`.
#[test]
#[ignore = "one of the others' processes"]
fn child_that_records() {
    let written = std::env::var("CHUKEI_TEST_RECORDS").unwrap();
    let store = open(&written);
    // Both begin at once.
    println!("ready");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for turn in (writer..EACH).step_by(4) {
                    let id = format!("_{}-{turn}", std::process::id());
                    let own = 2 + i64::from(std::process::id());
                    store.append(&[entry(1, Some(id.clone())), entry(own, None)]).unwrap();
                    let first = store.first_use("shared", &turn.to_string(), T).unwrap();
                    println!("recorded {id} {}", if first { format!("first {turn}") } else { String::new() });
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..5 {
                match store.checkpoint(&[key()], T) {
                    Ok(_) | Err(LedgerError::Busy) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    });
}

/// No gap, no number twice, and one first use of each identifier: at the level of isolation that PostgreSQL has by default,
/// and at that of a database that serialises by conflicts.
fn processes_share(place: &Place, written: &str) {
    let mut children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["child_that_records", "--exact", "--ignored", "--nocapture"])
                .env("CHUKEI_TEST_RECORDS", written)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut ears: Vec<_> = children
        .iter_mut()
        .map(|child| BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok))
        .collect();
    for ear in &mut ears {
        assert!(ear.any(|line| line.ends_with("ready")));
    }
    for child in &mut children {
        writeln!(child.stdin.take().unwrap(), "go").unwrap();
    }
    let (mut recorded, mut firsts) = (BTreeSet::new(), Vec::new());
    for line in ears.into_iter().flatten() {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        if let Some(at) = words.iter().position(|word| word.ends_with("recorded")) {
            recorded.insert(words[at + 1].clone());
            firsts.extend(words.get(at + 3).cloned());
        }
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(recorded.len(), 3 * EACH);
    firsts.sort();
    assert_eq!(firsts.len(), EACH, "{firsts:?}");
    firsts.dedup();
    assert_eq!(firsts.len(), EACH, "one first use of each");

    let store = place.store();
    let history = store.history(Person(1)).unwrap();
    let numbers: Vec<_> = history.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, (1..=(3 * EACH) as u64).collect::<Vec<_>>());
    let envelopes: BTreeSet<_> = history.into_iter().filter_map(|entry| entry.envelope).collect();
    assert_eq!(envelopes, recorded);
    store.checkpoint(&[key()], T).unwrap();
    let sound = store.fsck(None).unwrap().unwrap();
    assert_eq!((sound.entries, sound.chains), (6 * EACH as u64, 4));
}

#[test]
fn processes_share_one_ledger() {
    if let Some(place) = Place::schema() {
        processes_share(&place, place.written().to_str().unwrap());
    }
}

#[test]
fn processes_share_one_ledger_where_conflicts_serialise() {
    if let Some(place) = Place::schema() {
        processes_share(&place, &with(&place, "default_transaction_isolation=serializable"));
    }
}

#[test]
fn a_killed_database_refuses_and_is_found_again() {
    own_server(|server, place| {
        let store = place.store();
        let number = mapping(1, "1234567890").number;
        store.add_mappings(vec![mapping(1, "1234567890")]).unwrap();
        store.set_agreements(vec![], vec![A.to_owned()], vec![]).unwrap();
        store.append(&[entry(1, None)]).unwrap();
        assert!(store.first_use(A, "before", T).unwrap());
        store.checkpoint(&[key()], T).unwrap();

        server.kill();
        let says = store.append(&[entry(1, None)]).unwrap_err().to_string();
        assert!(says.starts_with("the store does not answer: "), "{says}");
        assert!(says.contains("connect"), "why is told: {says}");
        assert!(store.first_use(A, "while", T).is_err());
        assert!(store.person(A, &number, T).is_err());
        assert!(store.history(Person(1)).is_err());
        assert!(!store.is_portal(A) && !store.in_service(A), "what cannot be asked is not allowed");
        assert!(store.add_mappings(vec![mapping(2, "1234567891")]).is_err());
        assert!(matches!(store.checkpoint(&[key()], T), Err(LedgerError::Unavailable(_))));
        assert!(matches!(store.fsck(None), Err(LedgerError::Unavailable(_))), "what is away is not damaged");

        server.restart();
        assert_eq!(store.history(Person(1)).unwrap().len(), 1);
        store.append(&[entry(1, None)]).unwrap();
        assert!(!store.first_use(A, "before", T).unwrap());
        assert!(store.first_use(A, "while", T).unwrap());
        assert_eq!(store.person(A, &number, T), Ok(Some(Person(1))));
        assert!(store.is_portal(A) && store.in_service(A));
        store.add_mappings(vec![mapping(2, "1234567891")]).unwrap();
        store.checkpoint(&[key()], T).unwrap();
        assert_eq!(store.fsck(None).unwrap().unwrap().entries, 2);
    });
}

#[test]
fn a_database_that_is_killed_under_load_loses_nothing_that_was_acknowledged() {
    own_server(|server, place| {
        let store = &place.store();
        let (stop, acknowledged, refused) =
            (&AtomicBool::new(false), &Mutex::new(vec![]), &AtomicUsize::new(0));
        let so_many = |more: usize| {
            let target = acknowledged.lock().unwrap().len() + more;
            while acknowledged.lock().unwrap().len() < target {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    for turn in 0.. {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        let id = format!("_{writer}-{turn}");
                        match store.append(&[entry(1, Some(id.clone()))]) {
                            Ok(_) => acknowledged.lock().unwrap().push(id),
                            Err(_) => drop(refused.fetch_add(1, Ordering::SeqCst)),
                        }
                    }
                });
            }
            for _ in 0..3 {
                so_many(100);
                server.kill();
                server.restart();
                so_many(1);
            }
            stop.store(true, Ordering::SeqCst);
        });
        let acknowledged = acknowledged.lock().unwrap();
        assert!(refused.load(Ordering::SeqCst) > 0 && acknowledged.len() >= 303);
        for id in &*acknowledged {
            assert!(store.issuance(id).unwrap().is_some(), "{id} was acknowledged and is gone");
        }
        let numbers: Vec<_> = store.history(Person(1)).unwrap().iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        store.checkpoint(&[key()], T).unwrap();
        assert!(store.fsck(None).unwrap().is_ok());
    });
}

/// One that stands still is given up in the end, and nobody waits for ever.
#[test]
fn a_database_that_does_not_answer_counts_as_lost() {
    own_server(|server, place| {
        let store = &place.store();
        store.append(&[entry(1, None)]).unwrap();
        store.history(Person(1)).unwrap();
        server.pause();
        let begun = std::time::Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(store.append(&[entry(1, None)]).is_err()));
            scope.spawn(|| assert!(store.history(Person(1)).is_err()));
        });
        assert!(begun.elapsed().as_secs() < 40, "{:?}", begun.elapsed());
        server.resume();
        store.append(&[entry(1, None)]).unwrap();
        // What was refused is not there, and not in the way.
        assert_eq!(store.history(Person(1)).unwrap().len(), 2);
        assert!(store.fsck(None).unwrap().is_ok());
    });
}

/// Nobody hears of links that were cut while nobody used them.
#[test]
fn links_that_were_cut_are_made_again() {
    own_server(|_, place| {
        let store = place.store();
        store.append(&[entry(1, None)]).unwrap();
        store.history(Person(1)).unwrap();
        for _ in 0..3 {
            let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
            assert!(place.count(cut) >= 2);
            store.append(&[entry(1, None)]).unwrap();
            store.history(Person(1)).unwrap();
            store.add_mappings(vec![]).unwrap();
        }
        assert_eq!(store.history(Person(1)).unwrap().len(), 4);
    });
}

/// Also where waiting for the database could hold up who drives it.
#[test]
fn a_store_may_be_asked_inside_any_runtime() {
    use tokio::runtime::Builder;
    let Some(place) = Place::schema() else { return };
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.build().unwrap();
        let written = place.written();
        let asked = async move {
            let store = open(written);
            store.append(&[entry(1, None)]).unwrap();
            store.history(Person(1)).unwrap().len()
        };
        assert!(runtime.block_on(async { tokio::spawn(asked).await.unwrap() }) > 0);
    }
    assert_eq!(place.store().history(Person(1)).unwrap().len(), 2);
}

#[test]
fn another_writer_is_waited_for_and_then_nothing_is_acknowledged() {
    let Some(place) = Place::schema() else { return };
    let store = place.store();
    let mut other = place.session();
    other.say("BEGIN; UPDATE ledger SET maker = maker;");
    store.append(&[entry(1, None)]).unwrap_err();
    // Mappings have a writer of their own, and nobody waits to read.
    store.add_mappings(vec![mapping(1, "1234567890")]).unwrap();
    assert_eq!(store.history(Person(1)), Ok(vec![]));
    other.say("ROLLBACK;");
    store.append(&[entry(1, None)]).unwrap();
    assert_eq!(store.history(Person(1)).unwrap().len(), 1);

    other.say("BEGIN; UPDATE making SET turn = turn;");
    assert_eq!(store.checkpoint(&[key()], T), Err(LedgerError::Busy));
    other.say("ROLLBACK;");
    store.checkpoint(&[key()], T).unwrap();
}

#[test]
fn tables_are_made_and_brought_up_to_date() {
    let Some(place) = Place::schema() else { return };
    let location = place.location();
    assert_eq!(Store::exists(&location), Ok(false));
    // As a process that was killed at its very beginning has left it.
    place
        .hand("CREATE TABLE chukei (one BIGINT PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL)")
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| drop(place.store()));
        }
    });
    assert_eq!(Store::exists(&location), Ok(true));
    place.store().append(&[entry(1, None)]).unwrap();
    // As the first step has left it.
    place
        .hand("DROP TABLE mapping, past, version, numbering, file, party, source, challenge, session, withholder, carried; ALTER TABLE access DROP COLUMN authentication, DROP COLUMN operator; ALTER TABLE ledger DROP COLUMN lost; UPDATE chukei SET version = 1")
        .unwrap();
    let store = place.store();
    store.add_mappings(vec![mapping(1, "1234567890")]).unwrap();
    store.append(&[entry(1, None)]).unwrap();
    assert_eq!((store.mapping_rows(), store.history(Person(1)).unwrap().len()), (Ok(1), 2));
    drop(store);
    place.hand("UPDATE chukei SET version = 99").unwrap();
    assert!(matches!(Store::open(&location), Err(StoreError::Newer { version: 99, .. })));
    place
        .hand("DROP TABLE carried; ALTER TABLE access DROP COLUMN authentication, DROP COLUMN operator; ALTER TABLE ledger DROP COLUMN lost; UPDATE chukei SET version = 5")
        .unwrap();
    drop(place.store());
    assert_eq!(place.count("SELECT version FROM chukei"), 8);
    Store::erase(&location).unwrap();
    assert_eq!(Store::exists(&location), Ok(false));
    assert_eq!(place.count("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"), 0);
}

#[test]
fn what_may_lose_what_it_has_acknowledged_is_not_opened() {
    own_server(|server, place| {
        let set = |name: &str, to: &str| {
            place.psql(&format!("ALTER SYSTEM SET {name} = {to}")).unwrap();
            place.psql("SELECT pg_reload_conf()").unwrap();
            while place.psql(&format!("SHOW {name}")).unwrap().trim() != to {}
        };
        for name in ["fsync", "full_page_writes"] {
            set(name, "off");
            let setting = format!("{name}=off");
            let opened = Store::open(place.location());
            assert!(matches!(opened, Err(StoreError::Unsafe { setting: told, .. }) if told == setting));
            set(name, "on");
            drop(place.store());
        }
        // What a session can turn on is turned on.
        let store = open(with(place, "synchronous_commit=off"));
        store.append(&[entry(1, None)]).unwrap();
        server.kill();
        server.restart();
        assert_eq!(store.history(Person(1)).unwrap().len(), 1);
        // Texts of another encoding are not those that were written.
        place.psql("CREATE DATABASE other ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0").unwrap();
        let other = place.written().to_str().unwrap().replace("/postgres?", "/other?");
        let opened = Store::open(Location::read(other.as_ref()).unwrap());
        assert!(matches!(opened, Err(StoreError::Unsafe { .. })), "{opened:?}");
        let nobody = place.written().to_str().unwrap().replace("/postgres?", "/nobody?");
        let opened = Store::open(Location::read(nobody.as_ref()).unwrap());
        assert!(matches!(opened, Err(StoreError::Database { .. })), "{opened:?}");
    });
}

#[test]
fn a_dump_is_restored_into_another_database() {
    own_server(|server, place| {
        let store = place.store();
        store.add_mappings(vec![mapping(1, "1234567890")]).unwrap();
        store.append(&(0..600).map(|turn| entry(turn % 4, None)).collect::<Vec<_>>()).unwrap();
        let note = store.checkpoint(&[key()], T).unwrap();
        let stop = AtomicBool::new(false);
        let dump = server.socket().join("dump.sql");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    store.append(&[entry(1, None)]).unwrap();
                }
            });
            let dumped = Command::new("pg_dump")
                .args(["-U", "chukei", "-d", "postgres", "-n", place.name(), "-h"])
                .arg(server.socket())
                .arg("-f")
                .arg(&dump)
                .status();
            stop.store(true, Ordering::SeqCst);
            assert!(dumped.unwrap().success());
        });
        place.psql("CREATE DATABASE restored").unwrap();
        let restored = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "chukei", "-d", "restored", "-h"])
            .arg(server.socket())
            .arg("-f")
            .arg(&dump)
            .stdout(Stdio::null())
            .status();
        assert!(restored.unwrap().success());
        let copy = open(place.written().to_str().unwrap().replace("/postgres?", "/restored?"));
        let sound = copy.fsck(None).unwrap().unwrap();
        assert!(sound.entries >= 600 && sound.checkpoints == 1);
        assert_eq!(copy.last_checkpoint().unwrap().1, note);
        assert_eq!(copy.person(A, &mapping(1, "1234567890").number, T), Ok(Some(Person(1))));
        // It goes on.
        copy.append(&[entry(1, None)]).unwrap();
        copy.checkpoint(&[key()], T).unwrap();
        assert_eq!(copy.fsck(None).unwrap().unwrap().entries, sound.entries + 1);
    });
}

/// Within the transaction of an import the tables are as small as they were for all that the database has counted: what it
/// plans then must not read the whole table for each row. Also where it has counted a table of a few rows.
#[test]
fn an_import_into_a_small_store_reads_no_table_through() {
    const MANY: i64 = 3000;
    own_server(|server, _| {
        for counts in ["", "ANALYZE"] {
            let place = Place::in_server(server);
            let desk = Desk::new(&place);
            let person = |number: i64| {
                let numbers = [
                    resident(&number.to_string()),
                    of("town", "household", &format!("h{number}")),
                    of("town", "user-id", &format!("u{number}")),
                ];
                state(1, &numbers, 0, i64::MAX)
            };
            for number in 1..=3 {
                desk.apply(TOWN, vec![person(number)]).unwrap();
            }
            place.hand(counts).unwrap();
            let begun = std::time::Instant::now();
            let applied = desk.apply(TOWN, (4..4 + MANY).map(person).collect()).unwrap();
            assert_eq!(applied.persons, MANY as u64);
            println!("{MANY} persons after {counts:?}: {:?}", begun.elapsed());
            // A change that needs more than its own rows still finds them.
            desk.apply(X, vec![state(1, &[insured("x", "1"), resident("7")], 0, i64::MAX)]).unwrap_err();
            drop(desk);
            // What a session did is counted when it has ended.
            let counted = |column: &str, table: &str| {
                place.count(&format!(
                    "SELECT coalesce(sum({column}), 0) FROM {table} WHERE schemaname = current_schema() AND relname = 'mapping'"
                ))
            };
            while counted("n_tup_ins", "pg_stat_user_tables") < 3 * (3 + MANY) {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            let scans = counted("seq_scan", "pg_stat_user_tables");
            let pages = counted(
                "heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit",
                "pg_statio_user_tables",
            );
            println!("{scans} scans, {} pages a person", pages / MANY);
            assert!(scans < 50, "{scans}");
            assert!(pages < 100 * MANY, "{pages}");
        }
    });
}
