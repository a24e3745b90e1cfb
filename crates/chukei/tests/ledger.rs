//! `chukei ledger` as a person and an operator use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "ledger/checks.rs"]
mod checks;
#[path = "../../store/tests/support/server.rs"]
#[allow(dead_code, reason = "the store's tests use more")]
mod server;
#[path = "ledger/succession.rs"]
mod succession;
mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use chukei_crypto::UnixTime;
use chukei_profile::history::Kind;
use chukei_profile::{Identifier, Purpose, Scheme};
use chukei_relay::{AccessLog, NewEntry, Person};
use chukei_store::{MappingRow, Store};
use support::{Folder, Said};

const A: &str = "https://insurer-a.example.test/";
const ORIGIN: &str = "relay.example.test/ledger";
const NUMBER: &str = "1234567890";

/// A folder with what the tests need.
struct Desk(Folder);

impl Desk {
    /// A relay's state with ten entries about one person.
    fn new() -> Self {
        let desk = Self::empty();
        desk.record(10);
        desk
    }

    /// A relay's state that knows one person.
    fn empty() -> Self {
        let desk = Self(Folder::new());
        let store = desk.store();
        let row = MappingRow {
            person: Person(1),
            party: A.to_owned(),
            number: Identifier::new(Scheme::CareInsured, NUMBER).unwrap(),
            from: UnixTime(0),
            until: UnixTime(i64::MAX),
        };
        store.add_mappings(vec![row]).unwrap();
        drop(store);
        desk
    }

    fn store(&self) -> Store {
        Store::open(&self.0.path.join("relay.db")).unwrap()
    }

    fn record(&self, entries: i64) {
        Self::record_in(&self.store(), entries);
    }

    fn record_in(store: &Store, entries: i64) {
        Self::record_at(store, entries, 1_790_000_000);
    }

    fn record_at(store: &Store, entries: i64, at: i64) {
        let entry = |turn| NewEntry {
            person: Some(Person(1 + turn % 2)),
            at: UnixTime(at + turn),
            actor: A.to_owned(),
            kind: Kind::Mapping,
            outcome: "NotMember".to_owned(),
            purpose: Purpose::CombinedHighCost,
            items: vec![],
            envelope: None,
            target: None,
            carried_to: None,
            asked: None,
            login: None,
            withheld_until: None,
        };
        store.append(&(0..entries * 2).map(entry).collect::<Vec<_>>()).unwrap();
    }

    fn run(&self, lang: &str, words: &[&str], stdin: &str) -> Said {
        self.0.chukei(lang, "ledger", words, stdin)
    }

    fn prove(&self, out: &str, more: &[&str], number: &str) -> Said {
        let scheme = Scheme::CareInsured.uri();
        let words = [
            "prove", "--state", "relay.db", "--key", "log.pem", "--origin", ORIGIN, "--party", A, "--scheme",
            scheme, "--out", out,
        ];
        self.run("en", &[&words, more].concat(), number)
    }

    /// A key, a policy that trusts it, and the person's bundle.
    fn proved() -> Self {
        let desk = Self::new();
        let made = desk.run("en", &["key", "--origin", ORIGIN, "--out", "log.pem"], "");
        assert_eq!(made.code, 0, "{}", made.err);
        fs::write(desk.0.path.join("policy.txt"), format!("{}quorum none\n", made.out)).unwrap();
        let proved = desk.prove("history.json", &[], &format!("{NUMBER}\n"));
        assert_eq!(proved.code, 0, "{}", proved.err);
        desk
    }

    fn verify(&self, lang: &str, file: &str) -> Said {
        self.run(lang, &["verify", file, "--policy", "policy.txt"], "")
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let path: &Path = &self.0.path.join(file);
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
}

#[test]
fn a_person_checks_their_history_and_its_growth() {
    let desk = Desk::proved();
    let shown = desk.verify("en", "history.json");
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.out.contains("size 21: 10 entries"), "{}", shown.out);
    assert!(desk.verify("ja", "history.json").out.contains("項目 10 件"));
    // Without a policy it says what that does not show.
    // Each entry on request, and only then.
    let lines = |lang: &str| {
        let told = desk.run(lang, &["verify", "history.json", "--policy", "policy.txt", "--list"], "").out;
        told.lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for (lang, word) in [("en", "number mapped"), ("ja", "番号の対応付け")] {
        let lines = lines(lang);
        assert!(lines.len() == 10 && lines[0].contains(word), "{lines:?}");
    }
    assert!(!shown.out.contains("number mapped"));
    let named = desk.run("en", &["verify", "history.json"], "");
    assert!(named.code == 0 && named.out.contains("--policy"), "{}", named.out);

    desk.record(5);
    assert_eq!(desk.prove("later.json", &["--since", "21"], NUMBER).code, 0);
    let seen = |file: &str| {
        desk.run("en", &["verify", file, "--policy", "policy.txt", "--seen", "history.json"], "")
    };
    assert_eq!(seen("later.json").code, 0);
    assert_eq!(desk.prove("alone.json", &[], NUMBER).code, 0);
    let alone = seen("alone.json");
    assert!(alone.code == 7 && alone.out.contains("--since 21"), "{} {}", alone.code, alone.out);
    for (lang, told, fix) in [("en", "it is older", "verify the newer"), ("ja", "古い証明", "新しい方を検証")]
    {
        let words = ["verify", "history.json", "--policy", "policy.txt", "--seen", "later.json"];
        let swapped = desk.run(lang, &words, "");
        assert!(swapped.code == 7 && swapped.out.contains(told), "{} {}", swapped.code, swapped.out);
        assert!(swapped.out.lines().count() == 1 && swapped.err.contains(fix), "{}", swapped.err);
    }
}

#[test]
fn a_lie_is_explained_in_both_languages() {
    let desk = Desk::proved();
    let sound = fs::read_to_string(desk.0.path.join("history.json")).unwrap();
    desk.change("history.json", "NotMember", "granted");
    for (lang, words) in [
        ("ja", "項目 1 の内容は、記録されたときのものではありません"),
        ("en", "The content of entry 1 is not what was recorded"),
    ] {
        let found = desk.verify(lang, "history.json");
        assert_eq!(found.code, 7, "{lang}");
        assert!(found.out.contains(words) && found.err.contains("→"), "{lang}: {} {}", found.out, found.err);
    }
    fs::write(desk.0.path.join("history.json"), sound).unwrap();
    assert_eq!(desk.verify("en", "history.json").code, 0);
    // Another log's key.
    let other = desk.run("en", &["key", "--origin", ORIGIN, "--out", "other.pem"], "");
    fs::write(desk.0.path.join("policy.txt"), format!("{}quorum none\n", other.out)).unwrap();
    let found = desk.verify("en", "history.json");
    assert!(found.code == 7 && found.out.contains("not signed by a log that you trust"), "{}", found.out);
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    let desk = Desk::proved();
    desk.change("history.json", "\"salt\"", "\"salty\"");
    let found = desk.verify("en", "history.json");
    assert_eq!(found.code, 2);
    assert!(found.err.contains("history.json is no proof bundle: "), "{}", found.err);
    assert_eq!(desk.verify("en", "absent.json").code, 2);
    fs::write(desk.0.path.join("policy.txt"), "log x\n").unwrap();
    let found = desk.verify("ja", "history.json");
    assert_eq!(found.code, 2);
    assert_eq!(desk.run("en", &["verify", "log.pem"], "").code, 2);
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let desk = Desk::proved();
    assert_eq!(desk.prove("x.json", &[], "1234567891").code, 2, "nobody has this number");
    assert_eq!(desk.prove("x.json", &[], "").code, 2);
    assert_eq!(
        desk.run("en", &["key", "--origin", ORIGIN, "--out", "log.pem"], "").code,
        2,
        "never overwritten"
    );
    assert_eq!(desk.run("en", &["key", "--origin", "a b", "--out", "b.pem"], "").code, 2);
    fs::write(desk.0.path.join("log.pem"), "no key").unwrap();
    assert_eq!(desk.prove("x.json", &[], NUMBER).code, 2);
    assert!(!desk.0.path.join("x.json").exists() && !desk.0.path.join("b.pem").exists());
}

/// A proof, a checkpoint or a key that somebody keeps could not be made again.
#[test]
fn what_somebody_keeps_is_not_written_over() {
    let desk = Desk::proved();
    let read = |file: &str| fs::read(desk.0.path.join(file)).unwrap();
    let (key, proof) = (read("log.pem"), read("history.json"));
    desk.record(5);
    for (lang, told) in [("en", "history.json is there already"), ("ja", "history.json はすでにあります")]
    {
        let scheme = Scheme::CareInsured.uri();
        let words = ["--state", "relay.db", "--key", "log.pem", "--origin", ORIGIN, "--party", A];
        let words = [&["prove"], &words[..], &["--scheme", scheme, "--out", "history.json"]].concat();
        let refused = desk.run(lang, &words, NUMBER);
        assert!(
            refused.code == 2 && refused.err.contains(told) && refused.err.contains('→'),
            "{}",
            refused.err
        );
        let refused = desk.run(lang, &["key", "--origin", ORIGIN, "--out", "log.pem"], "");
        assert!(refused.code == 2 && refused.err.contains("log.pem"), "{}", refused.err);
        let refused = desk.run(lang, &["backup", "--state", "relay.db", "--out", "history.json"], "");
        assert!(refused.code == 2 && refused.err.contains(told), "{}", refused.err);
    }
    assert!(read("log.pem") == key && read("history.json") == proof, "they are as they were");
    assert_eq!(desk.prove("later.json", &[], NUMBER).code, 0);
    assert_eq!(desk.run("en", &["key", "--origin", ORIGIN, "--out", "other.pem"], "").code, 0);
    // What is no file keeps nothing.
    #[cfg(target_os = "linux")]
    {
        let shown = desk.prove("/dev/stdout", &[], NUMBER);
        assert!(shown.code == 0 && shown.out.contains("\"checkpoints\""), "{} {}", shown.out, shown.err);
    }
}

#[test]
fn an_operator_publishes_the_tree() {
    let desk = Desk::proved();
    let words = ["publish", "--state", "relay.db", "--key", "log.pem", "--origin", ORIGIN, "--out"];
    let published = desk.run("en", &[&words, ["public"].as_slice()].concat(), "");
    assert_eq!(published.code, 0, "{}", published.err);
    let seen = desk.run(
        "en",
        &["verify", "history.json", "--policy", "policy.txt", "--seen", "public/checkpoint"],
        "",
    );
    assert_eq!(seen.code, 0, "{}", seen.out);
    assert!(desk.0.path.join("public/tile/0/000.p/21").exists());
    assert_eq!(desk.run("en", &[&words, ["log.pem"].as_slice()].concat(), "").code, 3);
}

#[test]
fn what_was_issued_is_held_against_a_responders_own_list() {
    let desk = Desk::new();
    let b = "https://insurer-b.example.test/";
    let entry = |kind, actor: &str, target: Option<&str>| NewEntry {
        person: Some(Person(1)),
        at: UnixTime(1_790_000_000),
        actor: actor.to_owned(),
        kind,
        outcome: "granted".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec![],
        envelope: Some("_e1".to_owned()),
        target: target.map(str::to_owned),
        carried_to: None,
        asked: None,
        login: None,
        withheld_until: None,
    };
    desk.store().append(&[entry(Kind::Mapping, A, Some(b))]).unwrap();
    let reconcile =
        |lang, more: &[&str]| desk.run(lang, &[&["reconcile", "--state", "relay.db"], more].concat(), "");
    let list = |text: &str| fs::write(desk.0.path.join("list.txt"), text).unwrap();
    let with = ["--responder", b, "--reported", "list.txt"];
    let said = reconcile("en", &[]);
    assert!(
        said.code == 0 && said.out.contains("_e1: not reported (issued 2026-09-21"),
        "{} {}",
        said.out,
        said.err
    );
    // It says that it has disclosed; then it has reported that too.
    list("\n_e1\n");
    let said = reconcile("ja", &with);
    assert!(said.code == 7 && said.out.contains("通知していません"), "{} {}", said.out, said.err);
    desk.store().append(&[entry(Kind::Disclosure, b, None)]).unwrap();
    let said = reconcile("en", &with);
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "1 envelope was issued; of 1, a disclosure was reported.\n")
    );
    list("");
    let said = reconcile("en", &with);
    assert!(
        said.code == 7 && said.out.contains("_e1: reported, and not in the list of https://insurer-b"),
        "{}",
        said.out
    );
    assert_eq!(
        reconcile("en", &["--until", "2026-09-21"]).out,
        "0 envelopes were issued; of 0, a disclosure was reported.\n"
    );
    list("\n_e1 _e2\n");
    let said = reconcile("en", &with);
    assert!(said.code == 2 && said.err.contains("list.txt:2:1"), "{}", said.err);
    assert_eq!(reconcile("en", &["--from", "1.9."]).code, 2);
    // Names that nobody has, and a period without a day, would show differences or none at all.
    list("_e1\n_e9\n");
    for (responder, lang, told) in [
        ("insurer-b", "en", "Did you mean https://insurer-b.example.test/?"),
        ("https://insurer-bb.example.test/", "ja", "https://insurer-b.example.test/ のことですか。"),
        ("nobody", "en", "Give its entityID"),
    ] {
        let said = reconcile(lang, &["--responder", responder, "--reported", "list.txt"]);
        assert!(said.code == 2 && said.err.contains(told), "{responder}: {} {}", said.code, said.err);
        assert!(said.out.is_empty(), "{}", said.out);
    }
    let said = reconcile("en", &with);
    let unissued = "_e9: disclosed by https://insurer-b.example.test/; the relay has not issued it";
    assert!(said.code == 7 && said.out.contains(unissued), "{} {}", said.code, said.out);
    for (from, until, code) in
        [("2026-09-22", "2026-09-21", 2), ("2026-09-21", "2026-09-21", 2), ("2026-09-21", "2026-09-22", 0)]
    {
        assert_eq!(reconcile("en", &["--from", from, "--until", until]).code, code, "{from} {until}");
    }
    assert_eq!(reconcile("en", &["--responder", b]).code, 2);
}

#[test]
fn a_witness_signs_what_goes_on_from_what_it_signed_and_nothing_else() {
    let desk = Desk::proved();
    let publish = || {
        let words =
            ["publish", "--state", "relay.db", "--key", "log.pem", "--origin", ORIGIN, "--out", "public"];
        assert_eq!(desk.run("en", &words, "").code, 0);
    };
    let cosign = |lang| {
        let words = ["cosign", "public", "--policy", "policy.txt", "--key", "witness.pem"];
        let more = ["--name", "relay-2.example.test", "--memory", "seen", "--out", "cosigned"];
        desk.run(lang, &[words, more].concat(), "")
    };
    let made =
        desk.run("en", &["key", "--witness", "--origin", "relay-2.example.test", "--out", "witness.pem"], "");
    assert!(made.code == 0 && made.out.starts_with("witness relay-2.example.test "), "{}", made.err);
    publish();
    let first = cosign("en");
    assert!(first.code == 0 && first.out.contains("size 21, the first"), "{} {}", first.out, first.err);
    desk.record(200);
    publish();
    let second = cosign("en");
    assert!(second.code == 0 && second.out.contains("size 422: it goes on"), "{} {}", second.out, second.err);
    // One at a time: two could go on from one checkpoint to two histories.
    let lock = fs::File::open(desk.0.path.join("seen.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let busy = cosign("en");
    assert!(busy.code == 3 && busy.err.contains("Another cosign"), "{}", busy.err);
    drop(lock);
    assert_eq!(cosign("en").code, 0);
    // Who demands the witness has it.
    let log = fs::read_to_string(desk.0.path.join("policy.txt")).unwrap();
    let log = log.lines().next().unwrap();
    let policy = format!("{log}\n{}group g all relay-2.example.test\nquorum g\n", made.out);
    let policy = chukei_ledger::Policy::parse(&policy).unwrap();
    let signed = fs::read_to_string(desk.0.path.join("cosigned")).unwrap();
    assert_eq!(policy.trust(&signed).unwrap().witnesses.len(), 1);
    policy.trust(&fs::read_to_string(desk.0.path.join("public/checkpoint")).unwrap()).unwrap_err();

    // Another history under the same key: of the same size, longer, and shorter.
    let seen = fs::read_to_string(desk.0.path.join("seen")).unwrap();
    let other = Desk::new();
    fs::copy(desk.0.path.join("log.pem"), other.0.path.join("log.pem")).unwrap();
    for (more, words) in
        [(0, "something was cut off"), (200, "the past was changed"), (1000, "the past was changed")]
    {
        other.record(more);
        let words_of = ["publish", "--state", "relay.db", "--key", "log.pem", "--origin", ORIGIN, "--out"];
        let folder = desk.0.path.join("public");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(other.run("en", &[&words_of, [folder.to_str().unwrap()].as_slice()].concat(), "").code, 0);
        let refused = cosign("en");
        assert!(refused.code == 7 && refused.err.contains(words), "{more}: {}", refused.err);
        assert_eq!(fs::read_to_string(desk.0.path.join("seen")).unwrap(), seen, "nothing is signed");
    }
    fs::remove_dir_all(desk.0.path.join("public")).unwrap();
    publish();
    fs::remove_dir_all(desk.0.path.join("public/tile")).unwrap();
    desk.record(1);
    // Nothing new, so nothing has to be proved; then tiles are missing.
    assert_eq!(cosign("ja").code, 0);
    publish();
    let tile = desk.0.path.join("public/tile/0/001.p");
    fs::remove_dir_all(tile).unwrap();
    let refused = cosign("ja");
    assert!(refused.code == 7 && refused.err.contains("タイルがないか"), "{}", refused.err);
    publish();
    assert_eq!(cosign("ja").code, 0);
    // Not signed by the log that is meant.
    desk.change("public/checkpoint", "relay.example", "relay2.example");
    assert_eq!(cosign("en").code, 7);
}

#[test]
fn an_operator_checks_the_whole_ledger() {
    let desk = Desk::proved();
    let words = ["fsck", "relay.db", "--policy", "policy.txt"];
    let sound = desk.run("en", &words, "");
    assert!(sound.code == 0 && sound.out.contains("21 leaves, 20 entries"), "{} {}", sound.out, sound.err);
    let hand = rusqlite::Connection::open(desk.0.path.join("relay.db")).unwrap();
    hand.execute_batch("DROP TRIGGER access_keeps; UPDATE access SET outcome = 'granted' WHERE leaf = 3")
        .unwrap();
    let found = desk.run("ja", &words, "");
    assert!(
        found.code == 7 && found.out.contains("葉 3 の項目は、アクセス履歴と食い違います"),
        "{}",
        found.out
    );
    assert_eq!(desk.run("en", &["fsck", "absent.db"], "").code, 2);
    assert!(!desk.0.path.join("absent.db").exists());
}

#[test]
fn an_operator_copies_a_state_that_is_in_use() {
    let desk = Desk::proved();
    let in_use = desk.store();
    let words = ["backup", "--state", "relay.db", "--out", "copy.db"];
    let copied = desk.run("en", &words, "");
    assert!(
        copied.code == 0 && copied.out.contains("copy.db is a sound copy: 21 leaves, 20 entries"),
        "{} {}",
        copied.out,
        copied.err
    );
    drop(in_use);
    let proved = desk.run("ja", &["fsck", "copy.db", "--policy", "policy.txt"], "");
    assert!(proved.code == 0 && proved.out.contains("異常ありません"), "{} {}", proved.out, proved.err);
    // Nothing is written over.
    assert_ne!(desk.run("en", &words, "").code, 0);
    // A copy that was put back in part is not one.
    fs::remove_file(desk.0.path.join("copy.mappings.db")).unwrap();
    let parted = desk.run("en", &["fsck", "copy.db"], "");
    assert!(parted.code == 3 && parted.err.contains("copy.mappings.db"), "{}", parted.err);
}

/// Half a copy would be taken for one, and would be in the way of the next.
#[test]
fn a_copy_is_whole_or_is_not_there() {
    let desk = Desk::new();
    let words = ["backup", "--state", "relay.db", "--out", "copy.db"];
    let there = |file: &str| desk.0.path.join(file).exists();
    // A journal of an old copy would be played over the new one.
    for (in_the_way, lang, told) in [
        ("copy.mappings.db", "en", "copy.mappings.db is there already"),
        ("copy.db-wal", "ja", "copy.db-wal はすでにあります"),
    ] {
        fs::write(desk.0.path.join(in_the_way), "x").unwrap();
        let refused = desk.run(lang, &words, "");
        assert!(refused.code == 2 && refused.err.contains(told), "{} {}", refused.code, refused.err);
        assert!(!there("copy.db"), "{in_the_way}");
        fs::remove_file(desk.0.path.join(in_the_way)).unwrap();
    }
    // Begun, and not ended.
    let (mappings, away) = (desk.0.path.join("relay.mappings.db"), desk.0.path.join("away"));
    let store = desk.store();
    fs::rename(&mappings, &away).unwrap();
    store.backup(&desk.0.path.join("copy.db")).unwrap_err();
    assert!(!there("copy.db") && !there("copy.mappings.db"));
    fs::rename(&away, &mappings).unwrap();
    drop(store);
    let copied = desk.run("en", &words, "");
    assert_eq!(copied.code, 0, "{}", copied.err);
}

/// What a crash has left beside a state is not played over the one that is put back.
#[test]
fn an_operator_puts_a_copy_back() {
    let desk = Desk::new();
    let path = |file: &str| desk.0.path.join(file);
    assert_eq!(desk.run("en", &["backup", "--state", "relay.db", "--out", "copy.db"], "").code, 0);
    let files = ["relay.db", "relay.db-wal", "relay.db-shm", "relay.mappings.db"];
    let store = desk.store();
    let mode = |file: &str| fs::metadata(path(file)).unwrap().permissions().mode() & 0o777;
    let owner = |file: &str| fs::metadata(path(file)).map(|file| (file.uid(), file.gid())).unwrap();
    for file in ["relay.db", "relay.mappings.db"] {
        fs::set_permissions(path(file), fs::Permissions::from_mode(0o660)).unwrap();
        let _ = chown(path(file), Some(65_534), Some(65_534)); // root may
    }
    let former = owner("relay.db");
    Desk::record_in(&store, 5);
    let restore = |lang: &str, more: &[&str]| {
        desk.run(lang, &[&["restore", "--from", "copy.db", "--state", "relay.db"], more].concat(), "")
    };
    for (lang, told) in [("en", "relay.db is in use"), ("ja", "relay.db は別のプロセスが使っています")]
    {
        let refused = restore(lang, &["--replace"]);
        assert!(refused.code == 3 && refused.err.contains(told), "{} {}", refused.code, refused.err);
    }
    // As a process that was killed leaves it.
    let crashed = files.map(|file| (file, fs::read(path(file)).unwrap()));
    drop(store);
    for (file, octets) in &crashed {
        fs::write(path(file), octets).unwrap();
    }
    let refused = restore("en", &[]);
    assert!(refused.code == 2 && refused.err.contains("relay.db is there already"), "{}", refused.err);
    for (file, octets) in &crashed {
        assert!(fs::read(path(file)).unwrap() == *octets, "{file} is as it was");
    }
    let restored = restore("en", &["--replace"]);
    assert!(
        restored.code == 0 && restored.out.contains("relay.db is restored: 20 leaves, 20 entries"),
        "{} {}",
        restored.out,
        restored.err
    );
    assert_eq!((mode("relay.db"), mode("relay.mappings.db")), (0o660, 0o660), "as they were");
    assert_eq!((owner("relay.db"), owner("relay.mappings.db")), (former, former));
    assert!(!restored.err.contains("chown"), "{}", restored.err);
    let fresh = desk.run("en", &["restore", "--from", "copy.db", "--state", "fresh.db"], "");
    assert!(fresh.code == 0 && fresh.err.contains("chown") && mode("fresh.db") == 0o600, "{}", fresh.err);
    let sound = desk.run("en", &["fsck", "relay.db"], "");
    assert!(sound.code == 0 && sound.out.contains("20 entries"), "{} {}", sound.out, sound.err);
    // What was there is kept, with its journal.
    for (file, octets) in &crashed {
        assert!(fs::read(path(&format!("{file}.replaced"))).unwrap() == *octets, "{file}");
    }
    let left = fs::read_dir(&desk.0.path).unwrap().map(|file| file.unwrap().file_name());
    assert!(!left.into_iter().any(|file| file.to_string_lossy().contains("restoring")));
    // A second time there is no place for what was there, and half a copy is none.
    let refused = restore("ja", &["--replace"]);
    assert!(
        refused.code == 2 && refused.err.contains("relay.db.replaced はすでにあります"),
        "{}",
        refused.err
    );
    fs::remove_file(path("copy.mappings.db")).unwrap();
    let words = ["restore", "--from", "copy.db", "--state", "other.db"];
    for (lang, told) in [("en", "only one of its two files"), ("ja", "片方だけでは")] {
        let refused = desk.run(lang, &words, "");
        assert!(refused.code == 2 && refused.err.contains(told), "{} {}", refused.code, refused.err);
    }
    assert!(!path("other.db").exists());
    assert_eq!(desk.run("en", &["restore", "--from", "absent.db", "--state", "other.db"], "").code, 2);
    let database = ["restore", "--from", "copy.db", "--state", "postgres://a@localhost/b"];
    assert!(desk.run("en", &database, "").err.contains("pg_dump"));
}

#[test]
fn the_file_of_the_mappings_is_told_from_the_state() {
    let desk = Desk::new();
    let words: [(&str, &[&str]); 3] = [
        ("ledger", &["fsck", "relay.mappings.db"]),
        ("ledger", &["reconcile", "--state", "relay.mappings.db"]),
        ("mapping", &["unplaced", "--state", "relay.mappings.db"]),
    ];
    for (command, words) in words {
        for (lang, told) in [
            ("en", "relay.mappings.db is the file of the mappings."),
            ("ja", "relay.mappings.db は対応表のファイルです。"),
        ] {
            let refused = desk.0.chukei(lang, command, words, "");
            assert!(refused.code == 2 && refused.err.contains(told), "{} {}", refused.code, refused.err);
            assert!(refused.err.contains(": relay.db\n"), "{}", refused.err);
        }
    }
    assert_eq!(desk.run("en", &["fsck", "relay.db"], "").code, 0);
}

#[test]
fn a_database_is_named_by_its_url() {
    let desk = Desk(Folder::new());
    let refused = |lang: &str, url: &str, said: &str, code: i32| {
        let told = desk.run(lang, &["fsck", url], "");
        assert!(told.code == code && told.err.contains(said), "{url}: {} {}", told.code, told.err);
        assert!(!told.err.contains("secret"), "{}", told.err);
    };
    let far = "postgres://chukei:secret@db.example.test/relay";
    refused("en", far, "The database on db.example.test is on another machine", 3);
    refused("ja", far, "db.example.test のデータベースは別の計算機にあり", 3);
    refused("en", "postgres://chukei:secret@localhost:port/relay", "not the URL of a database", 2);
    refused("ja", "postgres://chukei:secret@localhost:port/relay", "データベースの URL ではありません", 2);
    refused("en", "postgre://chukei:secret@localhost/relay", "of a database: it begins with none of", 2);
    refused("en", "postgres://chukei:secret@%2Fnowhere/relay", "cannot be used", 3);

    let Some(server) = server::Server::start() else { return };
    let socket = server.socket().to_str().unwrap().replace('/', "%2F");
    let url = format!("postgres://chukei:secret@{socket}/postgres");
    refused("en", &url, "there is no relay's state", 3);
    refused("ja", &url, "中継DBの状態がありません", 3);
    let location = chukei_store::Location::read(Path::new(&url)).unwrap();
    Desk::record_in(&Store::open(&location).unwrap(), 10);
    let sound = desk.run("en", &["fsck", &url], "");
    assert!(sound.code == 0 && sound.out.contains("20 entries"), "{} {}", sound.out, sound.err);
    let copied = desk.run("ja", &["backup", "--state", &url, "--out", "copy.db"], "");
    assert!(copied.code == 2 && copied.err.contains("pg_dump"), "{}", copied.err);
}

#[test]
fn contents_are_destroyed_when_their_time_is_over_and_by_a_day_that_somebody_names() {
    let desk = Desk::empty();
    Desk::record_at(&desk.store(), 3, 1_400_000_000);
    desk.record(10);
    let key = desk.run("en", &["key", "--origin", ORIGIN, "--out", "log.pem"], "");
    fs::write(desk.0.path.join("policy.txt"), format!("{}quorum none\n", key.out)).unwrap();
    let destroy = |before: &str| desk.run("en", &["destroy", "--state", "relay.db", "--before", before], "");
    assert!(
        destroy("2026-01-01").out.contains("Contents destroyed: 0,"),
        "no checkpoint says how old they are"
    );
    assert_eq!(desk.prove("before.json", &[], NUMBER).code, 0);
    let later = destroy("2999-01-01");
    assert_eq!(later.code, 2, "{}", later.err);
    assert_eq!(destroy("yesterday").code, 2);
    assert!(destroy("2020-01-01").out.contains("Contents destroyed: 0,"));
    let done = destroy("2026-01-01");
    assert!(done.code == 0 && done.out.contains("Contents destroyed: 6,"), "{} {}", done.out, done.err);
    assert_eq!(desk.prove("after.json", &[], NUMBER).code, 0);
    let shown = desk.verify("ja", "after.json");
    assert!(shown.code == 0 && shown.out.contains("3 件"), "{} {}", shown.out, shown.err);
    let seen =
        desk.run("en", &["verify", "after.json", "--policy", "policy.txt", "--seen", "before.json"], "");
    assert_eq!(seen.code, 0, "{}", seen.err);
}

#[test]
fn another_key_does_not_go_on_with_a_ledger() {
    let desk = Desk::proved();
    assert_eq!(desk.run("en", &["key", "--origin", ORIGIN, "--out", "other.pem"], "").code, 0);
    desk.record(1);
    let prove = |key: &str, origin: &str| {
        let scheme = Scheme::CareInsured.uri();
        let words = [
            "prove", "--state", "relay.db", "--key", key, "--origin", origin, "--party", A, "--scheme",
            scheme, "--out", "new.json",
        ];
        desk.run("en", &words, NUMBER)
    };
    for (key, origin) in [("other.pem", ORIGIN), ("log.pem", "other.example.test/ledger")] {
        let refused = prove(key, origin);
        assert!(refused.code == 2 && refused.err.contains("has not signed"), "{}", refused.err);
    }
    let published = desk.run(
        "en",
        &["publish", "--state", "relay.db", "--key", "other.pem", "--origin", ORIGIN, "--out", "t"],
        "",
    );
    assert_eq!(published.code, 2, "{}", published.err);
    let unseen = desk.prove("since.json", &["--since", "5"], NUMBER);
    assert!(unseen.code == 2 && unseen.err.contains("size 5"), "{}", unseen.err);
    assert_eq!(prove("log.pem", ORIGIN).code, 0);
    assert_eq!(desk.verify("en", "new.json").code, 0);
}
