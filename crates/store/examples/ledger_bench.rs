//! How long the ledger takes at a size. `ci/bench ledger` starts it.
//!
//! usage: ledger_bench [--entries N] [--json FILE] [--dir DIR]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chukei_crypto::UnixTime;
use chukei_ledger::{Ed25519PrivateKey, KeyUse, Policy, SignerKey, Trust, verify};
use chukei_profile::Purpose;
use chukei_profile::history::Kind;
use chukei_relay::{AccessLog, NewEntry, Person};
use chukei_store::{Keeper, Pace, Store};

const NOW: UnixTime = UnixTime(1_790_000_000);
/// Entries of one call while the store is filled.
const BATCH: usize = 5000;
/// Entries of each person but those of whom proofs are timed, who have one.
const EACH: i64 = 20;
/// Proofs that are timed.
const PROOFS: i64 = 1000;
/// How long answers are timed, with checkpoints and without.
const LOAD: Duration = Duration::from_secs(10);
/// Requests at a time.
const WRITERS: i64 = 8;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| words.iter().position(|word| word == name).map(|at| words[at + 1].clone());
    let entries: i64 = value("--entries").map_or(10_000_000, |n| n.parse().expect("a number of entries"));
    let folder = match value("--dir") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let folder = folder.unwrap();
    let path = folder.path().join("state.db");
    let store = Store::open(&path).unwrap();
    let key =
        SignerKey::new("relay.example.test/ledger", KeyUse::Log, Ed25519PrivateKey::generate().unwrap())
            .unwrap();
    let mut figures = vec![("entries", entries as f64)];

    // The store is filled person by person, which is fast; under load they come as they like.
    let persons = entries / EACH;
    let every = entries / PROOFS;
    let (mut recording, mut signing) = (Duration::ZERO, Duration::ZERO);
    let mut turn = 0;
    while turn < entries {
        let until = entries.min(turn + i64::try_from(BATCH).unwrap());
        let person = |turn: i64| if turn % every == 0 { -1 - turn / every } else { turn / EACH + 1 };
        let batch: Vec<NewEntry> = (turn..until).map(|turn| entry(person(turn))).collect();
        recording += timed(|| drop(store.append(&batch).unwrap()));
        if (until / 100_000) != (turn / 100_000) {
            signing += timed(|| drop(store.checkpoint(std::slice::from_ref(&key), NOW).unwrap()));
        }
        turn = until;
    }
    signing += timed(|| drop(store.checkpoint(std::slice::from_ref(&key), NOW).unwrap()));
    figures.push(("filled_per_second", entries as f64 / recording.as_secs_f64()));
    figures.push(("booked_and_tiled_per_second", entries as f64 / signing.as_secs_f64()));
    figures.push(("octets_per_entry", size(&path) / entries as f64));

    // Persons with one entry: inclusion of it and of the map of heads, and the place in the map.
    let policy = Policy::of_log(key.verifier().clone());
    let (mut made, mut verified, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for person in (1..=PROOFS).map(|n| Person(-(n * 7 % PROOFS) - 1)) {
        let begun = Instant::now();
        let bundle = store.bundle(person, &[], key.verifier()).unwrap();
        made.push(begun.elapsed());
        assert_eq!(bundle.chain.entries.len(), 1);
        verified.push(timed(|| {
            drop(verify(&bundle, Trust::Policy(&policy), &[], bundle.heads.values.at).unwrap())
        }));
    }
    for person in (1..=100).map(|n| Person(n * 7919 % persons + 1)) {
        whole.push(timed(|| drop(store.bundle(person, &[], key.verifier()).unwrap())));
    }
    quantiles(&mut figures, ["proof_made_us_p50", "proof_made_us_p99", "proof_made_us_max"], made);
    quantiles(
        &mut figures,
        ["proof_verified_us_p50", "proof_verified_us_p99", "proof_verified_us_max"],
        verified,
    );
    quantiles(&mut figures, ["history_of_20_us_p50", "history_of_20_us_p99", "history_of_20_us_max"], whole);

    // Answers wait for their entry; do they wait longer while checkpoints are made?
    let quiet = under_load(&store, persons, None);
    figures.push(("recorded_per_second_alone", quiet.len() as f64 / LOAD.as_secs_f64()));
    quantiles(&mut figures, ["record_us_p50", "record_us_p99", "record_us_max"], quiet);
    let busy = under_load(&store, persons, Some(&Keeper::new(vec![key], Pace::default())));
    figures.push(("recorded_per_second_with_checkpoints", busy.len() as f64 / LOAD.as_secs_f64()));
    quantiles(&mut figures, ["record_busy_us_p50", "record_busy_us_p99", "record_busy_us_max"], busy);

    let lines: Vec<String> =
        figures.iter().map(|(name, value)| format!("  \"{name}\": {value:.1}")).collect();
    let json = format!("{{\n{}\n}}\n", lines.join(",\n"));
    print!("{json}");
    if let Some(file) = value("--json") {
        std::fs::write(file, json).unwrap();
    }
}

fn entry(person: i64) -> NewEntry {
    NewEntry {
        person: Some(Person(person)),
        at: NOW,
        actor: "https://insurer-a.example.test/".to_owned(),
        kind: Kind::Mapping,
        outcome: "urn:liberty:ims:2006-08:status:NotMember".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec!["urn:chukei:1.0:identifier:medical-insured".to_owned()],
        envelope: None,
        target: None,
        carried_to: None,
        asked: None,
        login: None,
        withheld_until: None,
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// How long each entry took, from the call to its being on the disk; with a keeper, checkpoints are made as a
/// relay makes them.
fn under_load(store: &Store, persons: i64, keeper: Option<&Keeper>) -> Vec<Duration> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=WRITERS)
            .map(|writer| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut took = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let person = writer * 1_000_003 + i64::try_from(took.len()).unwrap() * 7919;
                        let one = [entry(person % persons + 1)];
                        took.push(timed(|| drop(store.append(&one).unwrap())));
                    }
                    took
                })
            })
            .collect();
        let begun = Instant::now();
        while begun.elapsed() < LOAD {
            std::thread::sleep(Duration::from_millis(200));
            keeper.map(|keeper| keeper.keep(store, NOW).unwrap());
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    })
}

fn quantiles(figures: &mut Vec<(&'static str, f64)>, names: [&'static str; 3], mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    figures.extend(names.into_iter().zip([at(50), at(99), at(100)]));
}

fn size(path: &Path) -> f64 {
    let octets = ["", "-wal"].map(|suffix| {
        let path = format!("{}{suffix}", path.display());
        std::fs::metadata(path).map_or(0, |file| file.len())
    });
    (octets[0] + octets[1]) as f64
}
