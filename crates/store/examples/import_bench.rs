//! How long imports take. `ci/bench import` starts it. Every number is invented.
//!
//! usage: `import_bench [--persons N] [--changes N] [--json FILE] [--dir DIR]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement"
)]

use std::fmt::Write;
use std::time::{Duration, Instant};

use chukei_crypto::UnixTime;
use chukei_import::{Expected, File};
use chukei_profile::{Identifier, Scheme};
use chukei_relay::numbers::Level;
use chukei_relay::{MappingStore, Person};
use chukei_store::{Applied, Batch, Outcome, PartyEntry, Registry, Role, SourceEntry, Store};

const SOURCE: &str = "kamogawa-city";
const ENTITY: &str = "https://insurer-x.example.test/";
const NOW: UnixTime = UnixTime(1_790_000_000);
/// Numbers of a person.
const NUMBERS: u64 = 6;
/// Lookups that are timed.
const LOOKUPS: u64 = 100_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| words.iter().position(|word| word == name).map(|at| words[at + 1].clone());
    let count = |name, default| value(name).map_or(default, |n| n.parse().expect("a number"));
    let (persons, changes): (u64, u64) = (count("--persons", 1_000_000), count("--changes", 100_000));
    let folder = match value("--dir") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let folder = folder.unwrap();
    let path = folder.path().join("state.db");
    let store = Store::open(&path).unwrap();
    let party = |code: &str, entity: Option<&str>| PartyEntry {
        code: code.to_owned(),
        entity: entity.map(str::to_owned),
        source: Some(SOURCE.to_owned()),
    };
    let parties = vec![
        party("town", None),
        party("CN=TEST CA", None),
        party("06139992", Some(ENTITY)),
        party("pension", None),
    ];
    let sources = vec![SourceEntry { name: SOURCE.to_owned(), role: Role::Municipality, town: None }];
    store.register(Registry { sources, parties }).unwrap();
    let mut figures = vec![("persons", persons as f64), ("numbers_of_a_person", NUMBERS as f64)];

    let octets = load(persons);
    figures.push(("file_mib", octets.len() as f64 / f64::from(1 << 20)));
    let file = File::open(octets).unwrap();
    let reading =
        timed(|| assert_eq!(file.changes(Level::Strict).filter(Result::is_ok).count() as u64, persons));
    figures.push(("rows_read_per_second", persons as f64 / reading.as_secs_f64()));
    let before = worked();
    let (loading, applied) = apply(&store, file);
    let load_work = worked() - before;
    assert_eq!((applied.persons, applied.added), (persons, persons * NUMBERS));
    figures.push(("first_load_persons_per_second", persons as f64 / loading.as_secs_f64()));
    figures.push(("first_load_rows_per_second", applied.added as f64 / loading.as_secs_f64()));
    figures.push(("first_load_rows_per_second_of_work", applied.added as f64 / load_work));
    figures.push(("octets_of_a_row", octets_of(&path) / applied.added as f64));

    // Persons in no order, as changes come.
    let file =
        File::open(change(persons, changes, store.source(SOURCE).unwrap().unwrap().digest.unwrap())).unwrap();
    let before = worked();
    let (changing, applied) = apply(&store, file);
    let change_work = worked() - before;
    assert_eq!(applied.changes, changes);
    figures.push(("changes", changes as f64));
    figures.push(("changed_persons_per_second", changes as f64 / changing.as_secs_f64()));
    figures.push(("changed_persons_per_second_of_work", changes as f64 / change_work));

    let before = worked();
    let mut lookups = Duration::ZERO;
    for turn in 0..LOOKUPS {
        let person = scattered(turn, persons);
        let number = Identifier::new(Scheme::MedicalInsured, &insured(person)).unwrap();
        lookups += timed(|| {
            let found: Vec<Person> = store.persons(ENTITY, &number, NOW).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(store.numbers(found[0], Scheme::BasicPension, NOW).unwrap().len(), 0);
        });
    }
    figures.push(("lookup_of_a_mapping_us", lookups.as_secs_f64() * 1e6 / LOOKUPS as f64));
    figures.push(("lookup_of_a_mapping_us_of_work", (worked() - before) * 1e6 / LOOKUPS as f64));

    let mut json = String::from("{");
    for (name, figure) in &figures {
        println!("{name:32} {figure:>14.1}");
        let comma = if json.len() > 1 { ", " } else { "" };
        write!(json, "{comma}\"{name}\": {figure}").unwrap();
    }
    if let Some(path) = value("--json") {
        std::fs::write(path, json + "}\n").unwrap();
    }
}

fn apply(store: &Store, file: File) -> (Duration, Applied) {
    let state = store.source(SOURCE).unwrap().unwrap();
    let expected = Expected { source: SOURCE, town: None, sequence: state.next, previous: state.digest };
    assert_eq!(file.check(&expected), []);
    let batch = Batch {
        source: SOURCE.to_owned(),
        sequence: state.next,
        previous: state.digest,
        digest: file.digest(),
        at: NOW,
        dry_run: false,
        changes: move || file.changes(Level::Strict),
        progress: Box::new(|_| {}),
    };
    let begun = Instant::now();
    match store.apply(batch).unwrap() {
        Outcome::Applied(applied) => (begun.elapsed(), applied),
        Outcome::Refused(why) => panic!("{why:?}"),
    }
}

/// Everybody's first row.
fn load(persons: u64) -> Vec<u8> {
    let mut body = format!(
        "H,chukei-import,1,UTF-8,{SOURCE},,1,nabari,\r\nP,住民,town\r\nP,被用者保険,06139992\r\nP,年金,pension\r\n\
         C,SAML固有ID(UserID),電子証明書シリアル番号,電子証明書発行者,住民番号,世帯番号,被保険者記号番号,\
         被用者保険：被保険者証番号,管理番号,国民健康保険：被保険者証番号,公費区分,受給者番号,基礎年金番号,\
         管理バージョン番号,有効期間（開始）,有効期間（終了）\r\n"
    );
    for person in 0..persons {
        let (resident, household, serial) = (person, person / 3, serial(person, 1));
        let (insured, pension) = (insured(person), scattered(person, 10_000_000_000));
        writeln!(
            body,
            "D,u-{resident:09},{serial},CN=TEST CA,{resident:09},{household:09},{insured},,,,,,{pension:010},1,20090401,\r"
        )
        .unwrap();
    }
    sealed(body, persons)
}

/// New certificates, lost cards, and moves to another number.
fn change(persons: u64, changes: u64, previous: [u8; 32]) -> Vec<u8> {
    let previous: String = previous.map(|octet| format!("{octet:02x}")).concat();
    let mut body = format!(
        "H,chukei-import,1,UTF-8,{SOURCE},,2,change,{previous}\r\n\
         C,異動区分,番号種別,付番者,番号,新番号種別,新付番者,新番号,異動日,管理バージョン番号\r\n"
    );
    for turn in 0..changes {
        let person = scattered(turn, persons);
        let (old, new) = (serial(person, 1), serial(person, 2));
        match turn % 2 {
            0 => writeln!(
                body,
                "D,更新,certificate,CN=TEST CA,{old},certificate,CN=TEST CA,{new},20100401,2\r"
            ),
            _ => writeln!(body, "D,停止,certificate,CN=TEST CA,{old},,,,20100401,2\r"),
        }
        .unwrap();
    }
    sealed(body, changes)
}

fn sealed(mut body: String, rows: u64) -> Vec<u8> {
    let digest = chukei_crypto::sha256(body.as_bytes()).map(|octet| format!("{octet:02x}")).concat();
    write!(body, "T,{rows},{digest}\r\n").unwrap();
    body.into_bytes()
}

/// Another place for each place: in no order, and nobody twice.
fn scattered(place: u64, of: u64) -> u64 {
    // The stride has no divisor in common with powers of ten.
    place.wrapping_mul(7_368_787) % of
}

fn insured(person: u64) -> String {
    format!("港い{:09}", scattered(person, 1_000_000_000))
}

fn serial(person: u64, issue: u64) -> String {
    format!("{issue:x}{:016x}", person.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn octets_of(path: &std::path::Path) -> f64 {
    let files = Store::files(path).into_iter();
    files.filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len() as f64).sum()
}

/// Seconds that the process has run on a processor: what it takes on a machine that does nothing else.
fn worked() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}
