//! The ledger in the store: what is recorded is committed to, proved, destroyed in time, and missed when it is gone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use chukei_crypto::UnixTime;
use chukei_ledger::tiles::{Prover, Tile, Tiles};
use chukei_ledger::{Ed25519PrivateKey, Hash, KeyUse, Policy, Seen, SignerKey, Trust, verify};
use chukei_profile::history::Kind;
use chukei_relay::{AccessLog, Commitment, NewEntry, Person};
use chukei_store::{Damage, LedgerError, Store};
use rusqlite::Connection;
use support::{Place, on_both};

on_both!(
    everybody_gets_a_bundle_that_verifies,
    the_record_names_who_asked_and_who_provided,
    withheld_entries_are_proved_and_tell_nothing_before_their_time,
    old_entries_are_destroyed_and_the_proofs_of_the_others_hold,
    old_entries_are_destroyed_behind_many_that_are_kept_for_longer,
    without_its_leaf_no_entry_is_recorded,
    fsck_finds_what_a_hand_has_changed,
    what_is_published_gives_the_root_that_is_signed,
    nothing_is_signed_that_does_not_begin_with_what_was_signed,
    a_clock_that_is_set_back_breaks_nothing,
    a_clock_that_was_ahead_discloses_nothing_withheld,
    nobody_goes_on_with_another_key_or_origin,
    entries_are_recorded_while_checkpoints_are_made,
    who_makes_a_checkpoint_stops_when_another_begins,
);

const A: &str = "https://insurer-a.example.test/";
const B: &str = "https://insurer-b.example.test/";
const T: UnixTime = UnixTime(1_790_000_000);
const YEARS: i64 = 8 * 366 * 86_400;

fn key(seed: u8) -> SignerKey {
    let key = Ed25519PrivateKey::from_seed(&[seed; 32]).unwrap();
    SignerKey::new("relay.example.test/ledger", KeyUse::Log, key).unwrap()
}

fn policy() -> Policy {
    Policy::of_log(key(1).verifier().clone())
}

fn entry(person: i64, at: UnixTime) -> NewEntry {
    NewEntry {
        person: (person > 0).then_some(Person(person)),
        at,
        items: vec!["urn:chukei:1.0:scheme:medical-insured".to_owned()],
        ..support::entry(person)
    }
}

struct Scratch {
    store: Store,
}

fn scratch(place: &Place) -> Scratch {
    Scratch { store: place.store() }
}

impl Scratch {
    fn checkpoint(&self) -> Result<String, LedgerError> {
        self.store.checkpoint(&[key(1)], UnixTime(T.0 + 60))
    }

    fn shown(&self, person: i64, since: &[u64], seen: &[String]) -> (usize, usize) {
        let seen: Vec<Seen> = seen.iter().cloned().map(Seen::Checkpoint).collect();
        let bundle = self.store.bundle(Person(person), since, key(1).verifier()).unwrap();
        let shown = verify(&bundle, Trust::Policy(&policy()), &seen, bundle.heads.values.at).unwrap();
        (shown.entries, shown.destroyed)
    }

    fn damage(&self) -> Vec<Damage> {
        self.store.fsck(Some(&policy())).unwrap().unwrap_err()
    }
}

/// Entries about three persons and about nobody: more than a tile, and than a step of booking.
fn filled(place: &Place, entries: i64) -> Scratch {
    let scratch = scratch(place);
    let all: Vec<NewEntry> = (0..entries).map(|turn| entry(turn % 4, T)).collect();
    all.chunks(1000).for_each(|some| drop(scratch.store.append(some).unwrap()));
    scratch
}

fn everybody_gets_a_bundle_that_verifies(place: &Place) {
    let scratch = filled(place, 10_000);
    assert_eq!(scratch.store.bundle(Person(1), &[], key(1).verifier()), Err(LedgerError::NoCheckpoint));
    let first = scratch.checkpoint().unwrap();
    assert_eq!(scratch.checkpoint().unwrap(), first, "nothing was recorded since");
    assert_eq!(scratch.shown(1, &[], &[]), (2500, 0));

    scratch.store.append(&[entry(1, T), entry(9, T)]).unwrap();
    // Not committed to yet, so not shown yet.
    assert_eq!(scratch.shown(1, &[], &[]), (2500, 0));
    let second = scratch.checkpoint().unwrap();
    assert_ne!(second, first);
    assert_eq!(scratch.shown(1, &[10_001], std::slice::from_ref(&first)), (2501, 0));
    assert_eq!(scratch.shown(9, &[10_001, 77, u64::MAX], &[first, second]), (1, 0));
    assert_eq!(scratch.shown(8, &[], &[]), (0, 0), "nothing is recorded about this person");

    let sound = scratch.store.fsck(Some(&policy())).unwrap().unwrap();
    assert_eq!((sound.leaves, sound.entries, sound.chains, sound.checkpoints), (10_004, 10_002, 5, 2));
    let other = Policy::of_log(key(2).verifier().clone());
    assert_eq!(
        scratch.store.fsck(Some(&other)).unwrap(),
        Err(vec![Damage::Checkpoint { size: 10_001 }, Damage::Checkpoint { size: 10_004 }])
    );
    // Another process goes on with the same file.
    let again = place.store();
    again.append(&[entry(1, T)]).unwrap();
    again.checkpoint(&[key(1)], T).unwrap();
    scratch.store.append(&[entry(1, T)]).unwrap();
    scratch.checkpoint().unwrap();
    assert_eq!(scratch.shown(1, &[10_001, 10_006], &[]), (2503, 0));
    assert!(again.fsck(Some(&policy())).unwrap().is_ok());
}

fn the_record_names_who_asked_and_who_provided(place: &Place) {
    let scratch = scratch(place);
    let (envelope, target) = (Some("_e1".to_owned()), Some(B.to_owned()));
    let issued = NewEntry { outcome: "granted".to_owned(), envelope, target, ..entry(1, T) };
    let told = NewEntry {
        at: UnixTime(T.0 + 5),
        actor: B.to_owned(),
        kind: Kind::Disclosure,
        outcome: "answered".to_owned(),
        items: vec!["eligibility".to_owned(), "benefits".to_owned()],
        envelope: Some("_e1".to_owned()),
        carried_to: None,
        asked: Some((A.to_owned(), T)),
        ..entry(1, T)
    };
    let mut receipts = scratch.store.append(&[issued]).unwrap();
    let told = [told];
    receipts.extend(scratch.store.append(&told).unwrap());
    // Who tells it again gets the receipt of the first time.
    assert_eq!(scratch.store.append(&told).unwrap(), receipts[1..]);
    // The same query as the relay carried it, and once more, without an answer.
    let carried = |outcome: &str| NewEntry {
        at: UnixTime(T.0 + 7),
        kind: Kind::Relayed,
        outcome: outcome.to_owned(),
        envelope: Some("_e1".to_owned()),
        carried_to: Some(B.to_owned()),
        asked: Some((A.to_owned(), UnixTime(T.0 + 2))),
        ..entry(1, T)
    };
    receipts.extend(scratch.store.append(&[carried("answered"), carried("no-answer")]).unwrap());
    scratch.checkpoint().unwrap();
    let bundle = scratch.store.bundle(Person(1), &[], key(1).verifier()).unwrap();
    let contents: Vec<_> = bundle.chain.entries.iter().map(|entry| entry.content.clone().unwrap()).collect();
    assert_eq!(contents.len(), 4, "a second notice is no second disclosure");
    let kept = bundle.chain.entries.iter().map(|entry| Commitment(entry.commitment.0));
    assert_eq!(kept.collect::<Vec<_>>(), receipts, "what was promised is in the ledger");
    let both = (A, Some(B));
    assert!(contents.iter().all(|content| (content.requester.as_str(), content.provider.as_deref()) == both));
    assert_eq!((contents[0].requested_at, contents[0].answered_at), (T.0, None));
    assert_eq!((contents[1].requested_at, contents[1].answered_at), (T.0, Some(T.0 + 5)));
    assert_eq!((contents[2].requested_at, contents[2].answered_at), (T.0 + 2, Some(T.0 + 7)));
    assert_eq!((contents[3].requested_at, contents[3].answered_at), (T.0 + 2, Some(T.0 + 7)));
    assert_eq!(contents[1].items, ["eligibility", "benefits"]);
    assert!(scratch.store.fsck(None).unwrap().is_ok());
}

fn withheld_entries_are_proved_and_tell_nothing_before_their_time(place: &Place) {
    let scratch = scratch(place);
    let until = UnixTime(T.0 + 86_400);
    let withheld = |at| NewEntry { withheld_until: Some(until), ..entry(1, at) };
    let all = [entry(1, T), withheld(T), withheld(UnixTime(T.0 + 30)), entry(1, UnixTime(T.0 + 40))];
    let receipts = scratch.store.append(&all).unwrap();
    scratch.checkpoint().unwrap();
    let shown = || {
        let bundle = scratch.store.bundle(Person(1), &[], key(1).verifier()).unwrap();
        let shown = verify(&bundle, Trust::Policy(&policy()), &[], bundle.heads.values.at).unwrap();
        (bundle.chain.entries, shown.withheld)
    };
    let (entries, count) = shown();
    assert_eq!((entries.len(), count), (4, 2));
    let open: Vec<_> = entries.iter().map(|entry| entry.content.is_some() && entry.salt.is_some()).collect();
    assert_eq!(open, [true, false, false, true]);
    let kept: Vec<_> = entries.iter().map(|entry| Commitment(entry.commitment.0)).collect();
    assert_eq!(kept, receipts, "they are committed to like any other");
    // The time for which it is kept does not tell when it was recorded.
    assert_eq!(entries[1].keep_until, entries[2].keep_until);
    assert_eq!(entries[1].keep_until - entries[0].keep_until, 86_400);
    scratch.store.append(&[entry(2, until)]).unwrap();
    scratch.store.checkpoint(&[key(1)], until).unwrap();
    let (entries, count) = shown();
    assert_eq!((entries.iter().filter(|entry| entry.content.is_some()).count(), count), (4, 0));
    assert_eq!(entries[2].content.as_ref().unwrap().requested_at, T.0 + 30);
    assert!(scratch.store.fsck(Some(&policy())).unwrap().is_ok());
}

fn old_entries_are_destroyed_and_the_proofs_of_the_others_hold(place: &Place) {
    let scratch = filled(place, 1200);
    let before = scratch.checkpoint().unwrap();
    let later = UnixTime(T.0 + YEARS);
    scratch.store.append(&[entry(1, later), entry(5, later)]).unwrap();
    assert_eq!(scratch.store.destroy_before(T), Ok(0));
    // By the last map none is old enough yet, and without their contents no proof would hold in its tree.
    assert_eq!(scratch.store.destroy_before(later), Ok(0));
    scratch.store.checkpoint(&[key(1)], later).unwrap();
    assert_eq!(scratch.store.destroy_before(T), Ok(0));
    assert_eq!(scratch.store.destroy_before(later), Ok(1200));
    assert_eq!(scratch.store.destroy_before(later), Ok(0));

    assert_eq!(scratch.shown(1, &[1201], &[before]), (301, 300));
    assert_eq!(scratch.shown(2, &[], &[]), (300, 300));
    assert_eq!(scratch.shown(5, &[], &[]), (1, 0));
    assert_eq!(scratch.store.history(Person(1)).unwrap()[0].number, 301);
    let sound = scratch.store.fsck(Some(&policy())).unwrap().unwrap();
    assert_eq!((sound.entries, sound.destroyed), (1202, 1200));
    // Nothing of them is left in the file.
    scratch.store.append(&[entry(2, later)]).unwrap();
    assert_eq!(scratch.store.history(Person(2)).unwrap()[0].number, 301);
    assert_eq!(place.count("SELECT count(*) FROM leaf WHERE content IS NOT NULL"), 3);
}

fn old_entries_are_destroyed_behind_many_that_are_kept_for_longer(place: &Place) {
    let scratch = scratch(place);
    let until = Some(UnixTime(T.0 + 2 * 366 * 86_400));
    let withheld = NewEntry { withheld_until: until, ..entry(1, T) };
    // More than are looked at at once.
    scratch.store.append(&vec![withheld; 8200]).unwrap();
    scratch.store.append(&[entry(2, T), entry(2, T)]).unwrap();
    let later = UnixTime(T.0 + YEARS);
    scratch.store.append(&vec![entry(3, later); 10]).unwrap();
    scratch.store.checkpoint(&[key(1)], later).unwrap();
    assert_eq!(scratch.store.destroy_before(later), Ok(2));
    assert_eq!(scratch.store.destroy_before(later), Ok(0));
    assert_eq!(scratch.shown(2, &[], &[]), (2, 2));
    // Two years later those whose content was withheld are old enough.
    let later = UnixTime(later.0 + 2 * 366 * 86_400);
    scratch.store.append(&[entry(3, later)]).unwrap();
    scratch.store.checkpoint(&[key(1)], later).unwrap();
    assert_eq!(scratch.store.destroy_before(later), Ok(8200));
}

fn without_its_leaf_no_entry_is_recorded(place: &Place) {
    let scratch = filled(place, 8);
    let twoline = NewEntry { outcome: "OK\nmore".to_owned(), ..entry(1, T) };
    scratch.store.append(&[entry(1, T), twoline]).unwrap_err();
    let broken = if place.is_file() {
        "CREATE TRIGGER broken BEFORE INSERT ON leaf BEGIN SELECT RAISE (ABORT, 'the ledger does not answer'); END"
    } else {
        "ALTER TABLE leaf ADD CONSTRAINT broken CHECK (data = 'the ledger does not answer') NOT VALID"
    };
    place.hand(broken).unwrap();
    scratch.store.append(&[entry(1, T)]).unwrap_err();
    assert_eq!(scratch.store.history(Person(1)).unwrap().len(), 2);
    // Positive case: when the cause is gone, it goes on where it was.
    let mended =
        if place.is_file() { "DROP TRIGGER broken" } else { "ALTER TABLE leaf DROP CONSTRAINT broken" };
    place.hand(mended).unwrap();
    scratch.store.append(&[entry(1, T)]).unwrap();
    assert_eq!(scratch.store.history(Person(1)).unwrap().len(), 3);
    assert!(scratch.store.fsck(None).unwrap().is_ok());
}

#[test]
fn nobody_rewrites_the_ledger() {
    let place = &Place::file();
    let scratch = filled(place, 600);
    scratch.checkpoint().unwrap();
    for sql in [
        "UPDATE leaf SET data = x'00' WHERE leaf = 3",
        "UPDATE leaf SET salt = zeroblob(32)",
        "UPDATE leaf SET keep_until = 0, salt = NULL, content = NULL",
        "DELETE FROM leaf WHERE leaf = 600",
        "INSERT INTO leaf (leaf, data) VALUES (700, x'00')",
        "UPDATE chain SET number = number - 1",
        "UPDATE chain SET key = zeroblob(32)",
        "DELETE FROM chain",
        "UPDATE checkpoint SET note = ''",
        "DELETE FROM checkpoint",
        "DELETE FROM access WHERE number = 1",
        "INSERT INTO access (person, number, at, actor, kind, outcome, purpose) VALUES (1, 151, 0, 'a', 'mapping', 'OK', 'p')",
        "INSERT INTO access (person, number, at, actor, kind, outcome, purpose, leaf) VALUES (1, 151, 0, 'a', 'mapping', 'OK', 'p', 1)",
    ] {
        place.hand(sql).expect_err(sql);
    }
    assert!(scratch.store.fsck(Some(&policy())).unwrap().is_ok());
}

fn fsck_finds_what_a_hand_has_changed(place: &Place) {
    let cases: [(&str, Damage); 16] = [
        (
            "UPDATE leaf SET content = CAST(replace(CAST(content AS TEXT), 'NotMember', 'granted') AS BLOB) WHERE leaf = 3",
            Damage::Content { leaf: 3 },
        ),
        ("UPDATE leaf SET salt = zeroblob(32) WHERE leaf = 3", Damage::Content { leaf: 3 }),
        ("UPDATE leaf SET keep_until = 0 WHERE leaf = 3", Damage::Leaf { leaf: 3 }),
        ("UPDATE leaf SET data = x'01' WHERE leaf = 3", Damage::Leaf { leaf: 3 }),
        (
            "DELETE FROM access WHERE leaf = 599; DELETE FROM leaf WHERE leaf = 599",
            Damage::Leaf { leaf: 599 },
        ),
        ("UPDATE leaf SET previous = zeroblob(31) WHERE leaf = 3", Damage::Leaf { leaf: 3 }),
        ("UPDATE leaf SET data = x'02' WHERE leaf = 600", Damage::Heads { leaf: 600 }),
        ("UPDATE leaf SET data = x'' WHERE leaf = 3", Damage::Leaf { leaf: 3 }),
        ("UPDATE access SET outcome = 'granted' WHERE leaf = 3", Damage::History { leaf: 3 }),
        ("UPDATE access SET number = 1000 WHERE leaf = 3", Damage::History { leaf: 3 }),
        ("DELETE FROM access WHERE leaf = 3", Damage::Entries { history: 599, ledger: 600 }),
        ("UPDATE chain SET number = number - 1 WHERE person = 1", Damage::Chain { number: 150 }),
        (
            "UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND tile = 1",
            Damage::Tile { level: 0, index: 1 },
        ),
        ("UPDATE tile SET hashes = zeroblob(64) WHERE level = 1", Damage::Tile { level: 1, index: 0 }),
        ("UPDATE heads_page SET page = zeroblob(16) WHERE path = x''", Damage::Map),
        ("UPDATE checkpoint SET note = replace(note, 'ledger', 'ladder')", Damage::Checkpoint { size: 601 }),
    ];
    for (sql, expected) in cases {
        Store::erase(&place.location()).unwrap();
        let scratch = filled(place, 600);
        scratch.checkpoint().unwrap();
        assert!(scratch.store.fsck(Some(&policy())).unwrap().is_ok());
        place.force(sql);
        let found = scratch.damage();
        assert!(found.contains(&expected), "{sql}: {found:?}");
    }
}

/// What was published, read as a monitor reads it.
struct Published(PathBuf);

impl Tiles for Published {
    type Error = std::io::Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> std::io::Result<Vec<Hash>> {
        let tile = Tile { level, index, hashes: vec![Hash::ZERO; usize::from(width)] };
        Ok(Tile::hashes_of(&fs::read(self.0.join(tile.path()))?).unwrap())
    }
}

impl Published {
    /// Size of the published tree, if its files give the root that is signed.
    fn size(&self) -> u64 {
        let checkpoint =
            policy().trust(&fs::read_to_string(self.0.join("checkpoint")).unwrap()).unwrap().checkpoint;
        let prover = Prover::new(self, checkpoint.size);
        assert_eq!(prover.root().unwrap(), checkpoint.root);
        checkpoint.size
    }
}

fn what_is_published_gives_the_root_that_is_signed(place: &Place) {
    // Enough for three levels; where that takes long, for two.
    let (entries, files) = if place.is_file() { (70_000, 274 + 2 + 1 + 274) } else { (600, 3 + 1 + 3) };
    let scratch = filled(place, entries);
    let folder = tempfile::tempdir().unwrap();
    let published = Published(folder.path().join("published"));
    assert_eq!(scratch.store.publish(&published.0), Err(LedgerError::NoCheckpoint));
    scratch.checkpoint().unwrap();
    // Tiles of each level, and as many bundles of leaves as there are tiles at level 0.
    assert_eq!(scratch.store.publish(&published.0), Ok(files));
    assert_eq!(published.size(), entries.unsigned_abs() + 1);
    scratch.store.append(&[entry(1, T)]).unwrap();
    scratch.checkpoint().unwrap();
    assert_eq!(scratch.store.publish(&published.0), Ok(2), "what is full stays as it is");
    assert_eq!(published.size(), entries.unsigned_abs() + 3);
    let leaves = fs::read(published.0.join("tile/entries/000")).unwrap();
    assert_eq!((leaves.len(), &leaves[..3]), (256 * 35, [0, 33, 1].as_slice()));
    let tile = published.tile(0, 0, 256).unwrap();
    assert!(leaves.chunks(35).zip(tile).all(|(leaf, hash)| Hash::of_leaf(&leaf[2..]) == hash));

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(scratch.store.publish(&file), Err(LedgerError::Folder { .. })));
}

#[test]
fn a_page_that_rots_is_found() {
    let place = &Place::file();
    let scratch = filled(place, 3000);
    scratch.checkpoint().unwrap();
    drop(scratch);
    let path = place.path();
    let hand = Connection::open(path).unwrap();
    hand.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(hand);
    let mut octets = fs::read(path).unwrap();
    let found = octets.windows(9).rposition(|window| window == b"NotMember").unwrap();
    let page = found / 4096 * 4096;
    octets[page..page + 4096].fill(0x55);
    fs::write(path, octets).unwrap();
    let store = place.store();
    let found = store.fsck(Some(&policy())).unwrap().unwrap_err();
    assert!(matches!(found[0], Damage::File { .. }), "{found:?}");
}

/// A relay that takes the newest entries back cannot get its log signed again, even by itself.
fn nothing_is_signed_that_does_not_begin_with_what_was_signed(place: &Place) {
    for sql in [
        "DELETE FROM access WHERE leaf > 500; DELETE FROM leaf WHERE leaf > 500; UPDATE ledger SET booked = 500, heads = NULL",
        "UPDATE leaf SET data = x'01' WHERE leaf = 599",
    ] {
        Store::erase(&place.location()).unwrap();
        let scratch = filled(place, 600);
        let signed = scratch.checkpoint().unwrap();
        drop(scratch);
        let scratch = Scratch { store: place.store() };
        place.force(sql);
        let refused = scratch.checkpoint().unwrap_err();
        assert!(
            matches!(refused, LedgerError::Diverged { size: 601 } | LedgerError::Damaged),
            "{sql}: {refused:?}"
        );
        assert_eq!(scratch.store.last_checkpoint().unwrap().1, signed);
    }
}

fn a_clock_that_is_set_back_breaks_nothing(place: &Place) {
    let scratch = filled(place, 8);
    scratch.checkpoint().unwrap();
    scratch.store.append(&[entry(1, UnixTime(5))]).unwrap();
    scratch.store.checkpoint(&[key(1)], UnixTime(5)).unwrap();
    let bundle = scratch.store.bundle(Person(1), &[], key(1).verifier()).unwrap();
    assert_eq!(bundle.heads.values.at, 5);
    assert_eq!(scratch.shown(1, &[9], &[]), (3, 0));
}

fn a_clock_that_was_ahead_discloses_nothing_withheld(place: &Place) {
    let scratch = scratch(place);
    scratch.store.append(&[entry(1, T)]).unwrap();
    scratch.store.checkpoint(&[key(1)], UnixTime(T.0 + YEARS)).unwrap();
    let until = UnixTime(T.0 + 86_400);
    scratch.store.append(&[NewEntry { withheld_until: Some(until), ..entry(1, T) }]).unwrap();
    let shown = |at| {
        scratch.store.checkpoint(&[key(1)], at).unwrap();
        let bundle = scratch.store.bundle(Person(1), &[], key(1).verifier()).unwrap();
        (bundle.heads.values.at, bundle.chain.entries[1].content.is_some())
    };
    assert_eq!(shown(T), (T.0, false));
    // The same without a new entry: the clock was ahead when the last map was made.
    assert_eq!(shown(UnixTime(T.0 + YEARS)), (T.0, false), "the tree ends with a map already");
    scratch.store.append(&[entry(2, T)]).unwrap();
    assert_eq!(shown(UnixTime(T.0 + YEARS)), (T.0 + YEARS, true));
    assert_eq!(shown(T), (T.0, false));
    assert_eq!(shown(until), (T.0, false), "nothing is new, and what was shown is shown");
    scratch.store.append(&[entry(2, T)]).unwrap();
    assert_eq!(shown(until), (until.0, true));
    assert!(scratch.store.fsck(Some(&policy())).unwrap().is_ok());
}

fn nobody_goes_on_with_another_key_or_origin(place: &Place) {
    let scratch = filled(place, 8);
    scratch.checkpoint().unwrap();
    scratch.store.append(&[entry(1, T)]).unwrap();
    let elsewhere = Ed25519PrivateKey::from_seed(&[1; 32]).unwrap();
    let elsewhere = SignerKey::new("other.example.test/ledger", KeyUse::Log, elsewhere).unwrap();
    for keys in [vec![key(2)], vec![elsewhere], vec![]] {
        let expected = if keys.is_empty() { LedgerError::Key } else { LedgerError::OtherKey };
        assert_eq!(scratch.store.checkpoint(&keys, T), Err(expected));
    }
    // While a key is replaced by another, both sign; then the new one alone.
    scratch.store.checkpoint(&[key(1), key(2)], T).unwrap();
    scratch.store.append(&[entry(1, T)]).unwrap();
    scratch.store.checkpoint(&[key(2)], T).unwrap();
    scratch.store.append(&[entry(1, T)]).unwrap();
    assert_eq!(scratch.store.checkpoint(&[key(1)], T), Err(LedgerError::OtherKey));
}

fn entries_are_recorded_while_checkpoints_are_made(place: &Place) {
    let scratch = filled(place, 4);
    let (stop, store) = (AtomicBool::new(false), &scratch.store);
    let signed = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut turns = 0;
                    while !stop.load(Ordering::SeqCst) {
                        store.append(&[entry(writer, T), entry(turns % 50, T)]).unwrap();
                        turns += 1;
                    }
                })
            })
            .collect();
        let once_more = |_| {
            store.append(&[entry(3, T)]).unwrap();
            scratch.checkpoint().unwrap()
        };
        let signed: Vec<String> = (0..20).map(once_more).collect();
        stop.store(true, Ordering::SeqCst);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        signed
    });
    scratch.checkpoint().unwrap();
    let sizes: Vec<u64> = signed.iter().map(|note| note.lines().nth(1).unwrap().parse().unwrap()).collect();
    let shown = scratch.shown(2, &sizes, &signed).0;
    assert_eq!(shown, scratch.store.history(Person(2)).unwrap().len());
    let sound = scratch.store.fsck(Some(&policy())).unwrap().unwrap();
    assert!(sound.checkpoints >= 20);
}

/// Another process that begins one, by a hand that says no more than that.
fn who_makes_a_checkpoint_stops_when_another_begins(place: &Place) {
    let scratch = filled(place, 5000);
    let mut is_overtaken = false;
    for _ in 0..50 {
        let has_ended = AtomicBool::new(false);
        let made = std::thread::scope(|scope| {
            let making = scope.spawn(|| {
                let made = scratch.checkpoint();
                has_ended.store(true, Ordering::SeqCst);
                made
            });
            while !has_ended.load(Ordering::SeqCst) {
                place.hand("UPDATE ledger SET maker = maker + 1").unwrap();
            }
            making.join().unwrap()
        });
        assert!(matches!(made, Ok(_) | Err(LedgerError::Busy)), "{made:?}");
        if made == Err(LedgerError::Busy) {
            is_overtaken = true;
            break;
        }
        let more: Vec<_> = (0..1000).map(|turn| entry(turn % 4, T)).collect();
        scratch.store.append(&more).unwrap();
    }
    assert!(is_overtaken, "nobody was overtaken in fifty checkpoints");
    // What was left half done is no harm.
    scratch.checkpoint().unwrap();
    assert!(scratch.store.fsck(Some(&policy())).unwrap().is_ok());
}
