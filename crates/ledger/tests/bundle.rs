//! A person's bundle, and what is found when a relay, or whoever passes it on, lies in it. Every lie is the sound bundle
//! with one thing changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "bundle/times.rs"]
mod times;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use chukei_ledger::bundle::{Bundle, BundleError, Chain, Entry, FORMAT, Heads, VERSION};
use chukei_ledger::chain::{KEPT, commitment, label};
use chukei_ledger::heads::{Page, Pages};
use chukei_ledger::tiles::{Edge, Prover, Tile, Tiles};
use chukei_ledger::{
    Checkpoint, Content, Distrust, Ed25519PrivateKey, Finding, Hash, Head, HeadsLeaf, KeyUse, Link, Policy,
    Seen, Shown, SignerKey, Trust, heads, verify,
};

const RELAY: &str = "relay.example.test/ledger";
const NEXT: &str = "relay.example.test/ledger-2";
const T: i64 = 1_790_000_000;

fn key(seed: u8) -> SignerKey {
    key_of(RELAY, seed)
}

fn key_of(origin: &str, seed: u8) -> SignerKey {
    SignerKey::new(origin, KeyUse::Log, Ed25519PrivateKey::from_seed(&[seed; 32]).unwrap()).unwrap()
}

/// A relay's ledger in memory.
#[derive(Default)]
struct Book {
    edge: Edge,
    full: BTreeMap<(u8, u64), Tile>,
    pages: RefCell<BTreeMap<Vec<u8>, Page>>,
    /// Person's number → entries with the index of the leaf.
    chains: BTreeMap<u8, Vec<(Link, u64, Hash, Content)>>,
    maps: Vec<(HeadsLeaf, u64)>,
    notes: Vec<(u64, String)>,
    /// Who has signed the last of them.
    log: String,
}

impl Tiles for Book {
    type Error = Infallible;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Infallible> {
        let partial =
            || self.edge.partial().into_iter().find(|tile| (tile.level, tile.index) == (level, index));
        let tile = self.full.get(&(level, index)).cloned().or_else(partial).unwrap();
        Ok(tile.hashes[..usize::from(width)].to_vec())
    }
}

impl Pages for Book {
    type Error = Infallible;

    fn page(&self, path: &[u8]) -> Result<Option<Page>, Infallible> {
        Ok(self.pages.borrow().get(path).cloned())
    }
}

impl Book {
    fn push(&mut self, leaf: &[u8]) -> u64 {
        self.full.extend(self.edge.push(Hash::of_leaf(leaf)).into_iter().map(|t| ((t.level, t.index), t)));
        self.edge.size() - 1
    }

    fn chain_key(person: u8) -> Hash {
        Hash([person; 32])
    }

    fn record(&mut self, person: u8, outcome: &str, withheld_until: i64) {
        let at = T + i64::try_from(self.edge.size()).unwrap();
        self.record_until(person, outcome, withheld_until, at.max(withheld_until) + KEPT);
    }

    fn record_until(&mut self, person: u8, outcome: &str, withheld_until: i64, keep_until: i64) {
        let at = T + i64::try_from(self.edge.size()).unwrap();
        let content = Content {
            kind: "mapping".to_owned(),
            requester: "https://insurer-a.example.test/".to_owned(),
            provider: Some("https://insurer-b.example.test/".to_owned()),
            requested_at: at,
            items: vec!["medical-insured".to_owned()],
            purpose: "urn:chukei:1.0:purpose:eligibility-check".to_owned(),
            outcome: outcome.to_owned(),
            ..Content::default()
        };
        let salt = Hash::of(&self.edge.size().to_be_bytes());
        let chain = self.chains.entry(person).or_default();
        let link = Link {
            label: label(&Self::chain_key(person)),
            number: chain.len() as u64 + 1,
            previous: chain.last().map_or(Hash::ZERO, |(link, ..)| link.hash()),
            keep_until,
            withheld_until,
            commitment: commitment(&salt, &content.octets().unwrap()),
        };
        let leaf = self.push(&link.leaf());
        self.chains.get_mut(&person).unwrap().push((link, leaf, salt, content));
    }

    fn commit(&mut self, at: i64) {
        self.commit_all_but(0, at);
    }

    /// A map that knows nothing of the last entries of anybody: so many.
    fn commit_all_but(&mut self, left: usize, at: i64) {
        let last = self.chains.values().map(|chain| chain[chain.len() - 1 - left].0);
        let all: Vec<Head> =
            last.map(|link| Head { label: link.label, number: link.number, hash: link.hash() }).collect();
        let update = heads::update(self, &all).unwrap();
        self.pages.borrow_mut().extend(update.pages);
        let covered = self.edge.size();
        self.put(HeadsLeaf { at, covered, total: update.root.total, root: update.root.hash });
    }

    fn put(&mut self, values: HeadsLeaf) {
        let leaf = self.push(&values.leaf());
        self.maps.push((values, leaf));
    }

    fn sign(&mut self) {
        self.sign_as(&key(1));
    }

    fn sign_as(&mut self, key: &SignerKey) {
        let (size, origin) = (self.edge.size(), key.verifier().name().to_owned());
        let checkpoint = Checkpoint { origin, size, root: self.edge.root() };
        self.notes.push((size, checkpoint.sign(std::slice::from_ref(key)).unwrap().to_string()));
        self.log = key.verifier().to_string();
    }

    fn bundle(&self, person: u8) -> Bundle {
        let size = self.notes.last().unwrap().0;
        let prover = Prover::new(self, size);
        let entries = self.chains.get(&person).into_iter().flatten().filter(|(_, leaf, ..)| *leaf < size);
        let entries = entries.map(|(link, leaf, salt, content)| Entry {
            number: link.number,
            previous: link.previous,
            keep_until: link.keep_until,
            withheld_until: link.withheld_until,
            commitment: link.commitment,
            salt: Some(*salt),
            content: Some(content.clone()),
            leaf: *leaf,
            inclusion: prover.inclusion(*leaf).unwrap(),
        });
        let (values, leaf) = *self.maps.last().unwrap();
        Bundle {
            format: FORMAT.to_owned(),
            version: VERSION,
            log: self.log.clone(),
            checkpoints: self.notes.iter().map(|(_, note)| note.clone()).collect(),
            consistency: self
                .notes
                .windows(2)
                .map(|pair| Prover::new(self, pair[1].0).consistency(pair[0].0).unwrap())
                .collect(),
            chain: Chain { key: Self::chain_key(person), entries: entries.collect() },
            heads: Heads {
                values,
                leaf,
                inclusion: prover.inclusion(leaf).unwrap(),
                proof: heads::prove(self, &label(&Self::chain_key(person))).unwrap(),
            },
        }
    }
}

/// Three persons, two checkpoints, and at the end a map of heads.
fn book() -> Book {
    let mut book = Book::default();
    for turn in 0..90 {
        book.record([1, 2, 3, 2][turn % 4], "granted", 0);
    }
    book.sign();
    (0..200).for_each(|turn| book.record([2, 1, 2, 3][turn % 4], "NotMember", 0));
    book.record(1, "granted", 0);
    book.record(2, "granted", 0);
    book.commit(T + 1000);
    book.sign();
    book
}

/// The bundle of `example.json`: few entries, one of them withheld.
fn example() -> Bundle {
    let mut book = Book::default();
    for turn in 0..7 {
        book.record([1, 2, 3][turn % 3], "granted", 0);
    }
    book.sign();
    book.record(1, "granted", T + 2000);
    (0..6).for_each(|turn| book.record([1, 2, 4][turn % 3], "NotMember", 0));
    book.record(1, "granted", 0);
    book.commit(T + 1000);
    book.sign();
    let mut bundle = book.bundle(1);
    bundle.chain.entries[3].salt = None;
    bundle.chain.entries[3].content = None;
    bundle
}

/// What was there when a copy was made.
fn copied() -> Book {
    let mut book = Book::default();
    (0..9).for_each(|turn| book.record([1, 2, 3][turn % 3], "granted", 0));
    book.commit(T + 100);
    book.sign();
    book
}

/// What was recorded after that, and the log that goes on from the copy.
fn succession() -> (Book, Book) {
    let (mut lost, mut successor) = (copied(), copied());
    lost.record(1, "granted", 0);
    lost.commit(T + 200);
    lost.sign();
    successor.record(2, "granted", 0);
    successor.commit(T + 300);
    successor.sign_as(&key_of(NEXT, 2));
    (lost, successor)
}

fn sound() -> Bundle {
    book().bundle(1)
}

fn judged(bundle: &Bundle) -> Result<Shown, Vec<Finding>> {
    seen_before(bundle, &[])
}

fn seen_before(bundle: &Bundle, seen: &[Seen]) -> Result<Shown, Vec<Finding>> {
    let policy = Policy::of_log(key(1).verifier().clone());
    verify(bundle, Trust::Policy(&policy), seen, bundle.heads.values.at)
}

fn findings(change: impl FnOnce(&mut Bundle)) -> Vec<Finding> {
    let mut bundle = sound();
    change(&mut bundle);
    judged(&bundle).unwrap_err()
}

#[test]
fn a_sound_bundle_verifies_and_survives_its_file() {
    let bundle = sound();
    let shown = judged(&bundle).unwrap();
    assert_eq!((shown.entries, shown.withheld, shown.destroyed), (74, 0, 0));
    assert_eq!(shown.complete_until, T + 1000);
    assert_eq!(shown.trusted.checkpoint.size, 293);
    let json = bundle.json().unwrap();
    assert_eq!(Bundle::parse(json.as_bytes()), Ok(bundle.clone()));
    assert!(verify(&bundle, Trust::Named, &[], T + 1000).is_ok());
    // Somebody about whom nothing is recorded.
    let nobody = book().bundle(9);
    assert_eq!(judged(&nobody).unwrap().entries, 0);
}

/// `ci/gate-ledger` reads these files with a verifier of its own. `CHUKEI_BLESS=1` writes them anew.
#[test]
fn the_examples_are_what_this_release_writes_and_reads() {
    for (name, bundle) in [("example", example()), ("succession", succession().1.bundle(1))] {
        let path = format!("{}/tests/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let json = bundle.json().unwrap();
        if std::env::var_os("CHUKEI_BLESS").is_some() {
            std::fs::write(&path, &json).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), json);
    }
    let shown = judged(&example()).unwrap();
    assert_eq!((shown.entries, shown.withheld), (7, 1));
}

#[test]
fn a_changed_entry_is_found() {
    assert_eq!(
        findings(|b| b.chain.entries[4].content.as_mut().unwrap().outcome = "granted!".to_owned()),
        [Finding::Content { number: 5 }]
    );
    assert_eq!(findings(|b| b.chain.entries[4].salt = Some(Hash::ZERO)), [Finding::Content { number: 5 }]);
    // A commitment to the lie is not the one in the tree, and not the one that the next entry names.
    let lie = |b: &mut Bundle| {
        let entry = &mut b.chain.entries[4];
        entry.content.as_mut().unwrap().outcome = "granted!".to_owned();
        entry.commitment =
            commitment(&entry.salt.unwrap(), &entry.content.as_ref().unwrap().octets().unwrap());
    };
    assert_eq!(findings(lie), [Finding::Inclusion { number: 5 }, Finding::Link { number: 6 }]);
}

#[test]
fn an_omitted_entry_is_found_wherever_it_stood() {
    // In the middle.
    let found = findings(|b| drop(b.chain.entries.remove(9)));
    assert_eq!(found[..2], [Finding::Gap { expected: 10, found: 11 }, Finding::Link { number: 11 }]);
    // At the beginning.
    let found = findings(|b| drop(b.chain.entries.remove(0)));
    assert_eq!(found[..2], [Finding::Gap { expected: 1, found: 2 }, Finding::Link { number: 2 }]);
    // At the end, as if it had not been recorded yet.
    let found = findings(|b| b.chain.entries.truncate(70));
    assert_eq!(found, [Finding::Omitted { shown: 70, committed: 74 }]);
    // All of them, with the proof that another person's chain is not in the map.
    let nothing = book().bundle(9).heads.proof;
    let found = findings(|b| {
        b.chain.entries.clear();
        b.heads.proof = nothing;
    });
    assert_eq!(found, [Finding::HeadsProof]);
}

#[test]
fn an_entry_that_stands_twice_or_in_another_order_is_found() {
    let found = findings(|b| b.chain.entries.insert(3, b.chain.entries[2].clone()));
    assert_eq!(found[..2], [Finding::Gap { expected: 4, found: 3 }, Finding::Link { number: 3 }]);
    let found = findings(|b| b.chain.entries.swap(2, 3));
    assert_eq!(found[0], Finding::Gap { expected: 3, found: 4 });
    assert!(found.contains(&Finding::Order { number: 3 }), "{found:?}");
}

#[test]
fn another_persons_entry_or_chain_is_found() {
    let other = book().bundle(3);
    let found = findings(|b| b.chain.entries[4] = other.chain.entries[4].clone());
    assert!(found.contains(&Finding::Inclusion { number: 5 }), "{found:?}");
    let found = findings(|b| b.chain = other.chain.clone());
    assert!(found.contains(&Finding::HeadsProof), "{found:?}");
    assert!(found.contains(&Finding::Omitted { shown: 72, committed: 74 }) || found.len() == 1, "{found:?}");
}

/// The relay itself books the newest entry nowhere, in a map that it makes and signs for this person alone.
#[test]
fn an_entry_that_is_older_than_the_map_and_not_booked_is_found() {
    let mut book = Book::default();
    (0..4).for_each(|_| book.record(1, "granted", 0));
    let hidden = book.chains.get_mut(&1).unwrap().pop().unwrap();
    book.commit(T + 1000);
    book.chains.get_mut(&1).unwrap().push(hidden);
    book.sign();
    let bundle = book.bundle(1);
    assert_eq!(judged(&bundle), Err(vec![Finding::Unbooked { number: 4 }]));
    // Everybody can see that the counts do not add up.
    assert_ne!(bundle.heads.values.total, bundle.heads.values.covered);
}

/// Entries that came after the map could be left out, and so could all of them where it covers nothing.
#[test]
fn a_map_that_does_not_cover_the_whole_tree_is_found() {
    let short = |change: fn(&mut Book)| {
        let mut book = Book::default();
        (0..8).for_each(|turn| book.record([1, 2][turn % 2], "granted", 0));
        change(&mut book);
        book.sign();
        let mut bundle = book.bundle(1);
        bundle.chain.entries.truncate(4);
        judged(&bundle).map(|shown| shown.entries)
    };
    let late = |book: &mut Book| {
        book.commit(T + 1000);
        (0..5).for_each(|_| book.record(1, "granted", 0));
    };
    assert_eq!(short(late), Err(vec![Finding::HeadsInclusion]));
    // Another map of the same heads at the end, or one of none.
    let stale = |book: &mut Book| {
        book.commit(T + 1000);
        (0..5).for_each(|_| book.record(1, "granted", 0));
        let (values, _) = *book.maps.last().unwrap();
        book.put(HeadsLeaf { at: T + 86_400, ..values });
    };
    assert_eq!(short(stale), Err(vec![Finding::HeadsInclusion]));
    let none = |book: &mut Book| book.put(HeadsLeaf { at: T + 1000, covered: 0, total: 0, root: Hash::ZERO });
    assert!(short(none).unwrap_err().contains(&Finding::HeadsInclusion));
    // Positive case
    assert_eq!(short(|book| book.commit(T + 1000)), Ok(4));
}

#[test]
fn a_map_of_a_time_that_is_still_to_come_is_found() {
    let bundle = sound();
    let policy = Policy::of_log(key(1).verifier().clone());
    let judged = |now| verify(&bundle, Trust::Policy(&policy), &[], now).map(|shown| shown.entries);
    assert_eq!(judged(T + 1000 - 301), Err(vec![Finding::Future { at: T + 1000 }]));
    assert_eq!(judged(T + 1000 - 300), Ok(74));
}

#[test]
fn what_an_earlier_proof_showed_is_there_still() {
    let mut book = book();
    let (earlier, nothing) = (book.bundle(1), book.bundle(9));
    book.record(1, "granted", 0);
    book.record(9, "granted", 0);
    book.commit(T + 2000);
    book.sign();
    let bundle = book.bundle(1);
    let seen = |earlier: &Bundle| {
        seen_before(&bundle, &[Seen::Bundle(Box::new(earlier.clone()))]).map(|shown| shown.entries)
    };
    assert_eq!(seen(&earlier), Ok(75));
    // Another person's, which is as sound: the person was moved to another chain.
    assert_eq!(seen(&book.bundle(3)), Err(vec![Finding::OtherChain]));
    // Somebody of whom nothing was shown had no chain yet.
    let chain = Chain { key: Hash::ZERO, entries: Vec::new() };
    let nothing = Seen::Bundle(Box::new(Bundle { chain, ..nothing }));
    assert_eq!(seen_before(&book.bundle(9), &[nothing]).map(|shown| shown.entries), Ok(1));
    let changed = |change: fn(&mut Bundle)| {
        let mut earlier = earlier.clone();
        change(&mut earlier);
        seen(&earlier)
    };
    assert_eq!(changed(|b| b.chain.entries[7].keep_until += 1), Err(vec![Finding::Lost { number: 8 }]));
    assert_eq!(changed(|b| b.chain.entries[7].leaf += 1), Err(vec![Finding::Lost { number: 8 }]));
    // More than is there now.
    let more = |b: &mut Bundle| b.chain.entries.extend_from_within(..2);
    assert_eq!(changed(more), Err(vec![Finding::Lost { number: 1 }, Finding::Lost { number: 2 }]));
}

#[test]
fn a_head_of_another_entry_is_found() {
    let mut book = Book::default();
    (0..3).for_each(|_| book.record(1, "granted", 0));
    let sound = book.chains[&1][2].clone();
    book.chains.get_mut(&1).unwrap()[2].0.commitment = Hash::ZERO;
    book.commit(T + 1000);
    book.chains.get_mut(&1).unwrap()[2] = sound;
    book.sign();
    assert_eq!(judged(&book.bundle(1)), Err(vec![Finding::Head { number: 3 }]));
}

#[test]
fn a_map_that_is_not_in_the_tree_is_found() {
    let found = findings(|b| b.heads.values.at += 1);
    assert_eq!(found, [Finding::HeadsInclusion]);
    let found = findings(|b| b.heads.values.total -= 1);
    assert_eq!(found, [Finding::HeadsInclusion, Finding::HeadsProof]);
    let found = findings(|b| b.heads.proof.beside[0].total += 1);
    assert_eq!(found, [Finding::HeadsProof]);
    let found = findings(|b| b.heads.inclusion.truncate(2));
    assert_eq!(found, [Finding::HeadsInclusion]);
}

#[test]
fn an_entry_without_content_is_found_unless_it_is_withheld_or_old() {
    assert_eq!(findings(|b| close(b, 4)), [Finding::Missing { number: 5 }]);
    assert_eq!(findings(|b| b.chain.entries[4].salt = None), [Finding::Missing { number: 5 }]);
    // That it is withheld was committed to, so it cannot be claimed afterwards.
    let claimed = findings(|b| {
        close(b, 4);
        b.chain.entries[4].withheld_until = i64::MAX;
    });
    assert_eq!(claimed[0], Finding::Inclusion { number: 5 });

    // Positive case: withheld until after the map of heads; and after that it is due.
    for (until, expected) in [(T + 2000, Ok(1)), (T + 1000, Err(vec![Finding::Missing { number: 2 }]))] {
        let mut book = Book::default();
        (0..3).for_each(|turn| book.record(1, "granted", if turn == 1 { until } else { 0 }));
        book.commit(T + 1000);
        book.sign();
        let mut bundle = book.bundle(1);
        close(&mut bundle, 1);
        assert_eq!(judged(&bundle).map(|shown| shown.withheld), expected);
    }
    // Positive case: destroyed when its time is over. Younger entries keep their proofs, and the chain has no gap.
    for (at, expected) in [(T + KEPT + 1, Ok(2)), (T + KEPT, Err(vec![Finding::Missing { number: 2 }]))] {
        let mut book = Book::default();
        (0..5).for_each(|_| book.record(1, "granted", 0));
        book.commit(at);
        book.sign();
        let mut bundle = book.bundle(1);
        (0..2).for_each(|entry| close(&mut bundle, entry));
        assert_eq!(judged(&bundle).map(|shown| shown.destroyed), expected);
    }
}

fn close(bundle: &mut Bundle, at: usize) {
    bundle.chain.entries[at].salt = None;
    bundle.chain.entries[at].content = None;
}

/// There is nowhere to put entries of which there are more than leaves.
#[test]
fn a_map_that_counts_more_entries_than_leaves_is_found() {
    let counted = |number| {
        let mut book = Book::default();
        book.record(1, "granted", 0);
        let head = Head { label: label(&Hash([7; 32])), number, hash: Hash::ZERO };
        let own = book.chains[&1][0].0;
        let own = Head { label: own.label, number: 1, hash: own.hash() };
        // A leaf that is nobody's.
        book.push(&[1]);
        let update = heads::update(&book, &[own, head]).unwrap();
        book.pages.borrow_mut().extend(update.pages);
        let covered = book.edge.size();
        book.put(HeadsLeaf { at: T + 1000, covered, total: update.root.total, root: update.root.hash });
        book.sign();
        judged(&book.bundle(1)).map(|shown| shown.entries)
    };
    assert_eq!(counted(1), Ok(1));
    assert_eq!(counted(2), Err(vec![Finding::HeadsInclusion]));
}

/// What a proof leaves out cannot come later, even when the map of that proof left it out too.
#[test]
fn an_entry_that_was_kept_back_and_slipped_in_later_is_found() {
    let mut book = Book::default();
    (0..2).for_each(|_| book.record(1, "granted", 0));
    book.commit_all_but(1, T + 1000);
    book.sign();
    let mut earlier = book.bundle(1);
    earlier.chain.entries.truncate(1);
    assert!(judged(&earlier).is_ok(), "by itself it looks complete");
    let seen = |bundle: &Bundle| vec![Seen::Bundle(Box::new(bundle.clone()))];

    book.commit(T + 2000);
    book.sign();
    let later = book.bundle(1);
    assert!(judged(&later).is_ok());
    assert_eq!(seen_before(&later, &seen(&earlier)), Err(vec![Finding::Hidden { number: 2 }]));
    // One that showed nothing said that there was nothing, in whatever chain.
    earlier.chain = Chain { key: Hash::ZERO, entries: Vec::new() };
    let hidden = [1, 2].map(|number| Finding::Hidden { number }).to_vec();
    assert_eq!(seen_before(&later, &seen(&earlier)), Err(hidden));

    // Positive twin: recorded after what was seen.
    book.record(1, "granted", 0);
    book.commit(T + 3000);
    book.sign();
    assert!(seen_before(&book.bundle(1), &seen(&later)).is_ok());
}

/// What ends before the end of what was seen is older, and what comes behind its end is not missing in it.
#[test]
fn a_proof_that_is_older_than_what_was_seen_is_called_so() {
    let mut book = book();
    let older = book.bundle(1);
    book.record(1, "granted", 0);
    book.commit(T + 2000);
    book.sign();
    let newer = book.bundle(1);
    let seen = |seen: Seen| seen_before(&older, &[seen]);
    let (size, last) = (293, book.notes.last().unwrap().clone());
    assert_eq!(seen(Seen::Checkpoint(last.1)), Err(vec![Finding::Smaller { size, seen: last.0 }]));
    let of = |bundle: &Bundle| seen(Seen::Bundle(Box::new(bundle.clone())));
    assert_eq!(of(&newer), Err(vec![Finding::Smaller { size, seen: last.0 }]));
    // What has its place before that end has to be there.
    let mut changed = newer.clone();
    changed.chain.entries[7].keep_until += 1;
    assert_eq!(of(&changed), Err(vec![Finding::Smaller { size, seen: last.0 }, Finding::Lost { number: 8 }]));
    assert!(seen_before(&newer, &[Seen::Bundle(Box::new(older.clone()))]).is_ok(), "the other way round");
}

#[test]
fn a_log_that_was_rewritten_is_found() {
    // The same size with another content: two people compare, or one compares with what was seen before.
    let mut forked = Book::default();
    for turn in 0..90 {
        forked.record([1, 2, 3, 2][turn % 4], if turn == 40 { "hidden" } else { "granted" }, 0);
    }
    forked.sign();
    let seen = |note: &str| seen_before(&sound(), &[Seen::Checkpoint(note.to_owned())]);
    assert_eq!(seen(&forked.notes[0].1), Err(vec![Finding::Fork { size: 90 }]));
    assert!(seen(&book().notes[0].1).is_ok());
    // The log goes on from the rewritten state, and shows the old checkpoint as if nothing had happened.
    assert_eq!(
        findings(|b| b.checkpoints[0] = forked.notes[0].1.clone()),
        [Finding::Inconsistent { from: 90, to: 293 }]
    );
    // Nothing connects another size.
    let mut shorter = Book::default();
    shorter.record(1, "granted", 0);
    shorter.sign();
    assert_eq!(seen(&shorter.notes[0].1), Err(vec![Finding::Unconnected { size: 1 }]));
    assert_eq!(findings(|b| b.consistency[0][0] = Hash::ZERO), [Finding::Inconsistent { from: 90, to: 293 }]);
    assert!(findings(|b| b.consistency.clear()).contains(&Finding::Checkpoints));
    assert_eq!(findings(|b| b.checkpoints.reverse())[0], Finding::Inconsistent { from: 293, to: 90 });
}

#[test]
fn a_checkpoint_that_is_not_the_logs_is_found() {
    let distrusted = |place, why| vec![Finding::Distrusted { place, why }];
    let changed = |b: &mut Bundle| b.checkpoints[1] = b.checkpoints[1].replacen("\n293\n", "\n292\n", 1);
    assert_eq!(findings(changed), distrusted(2, Distrust::Signature { name: RELAY.to_owned() }));
    assert_eq!(findings(|b| b.checkpoints[0].clear()), distrusted(1, Distrust::Form));
    assert_eq!(findings(|b| b.checkpoints.clear()), [Finding::Checkpoints]);
    let stranger = Policy::of_log(key(2).verifier().clone());
    assert_eq!(
        verify(&sound(), Trust::Policy(&stranger), &[], T + 1000),
        Err(distrusted(2, Distrust::NoKey))
    );
}

/// A relay lost what it had recorded after a copy was made, and goes on as another log.
#[test]
fn a_successor_shows_what_is_left_and_what_is_lost() {
    let (old, new) = (key(1), key_of(NEXT, 2));
    let ended = || Policy::of_log(old.verifier().clone());
    let policy = Policy::of_log(new.verifier().clone()).after(&ended());
    let judged = |bundle: &Bundle, policy: &Policy, seen: &[Seen]| {
        verify(bundle, Trust::Policy(policy), seen, bundle.heads.values.at).map(|shown| shown.entries)
    };
    let checkpoint = |note: &(u64, String)| Seen::Checkpoint(note.1.clone());

    let (mut lost, mut successor) = succession();
    let bundle = successor.bundle(1);
    // Who last looked when the copy was there already: nothing is missing.
    let seen = [checkpoint(&lost.notes[0]), Seen::Bundle(Box::new(copied().bundle(1)))];
    assert_eq!(judged(&bundle, &policy, &seen), Ok(3));
    // Who looked later: the same size as one of the successor's, and one that it does not have.
    let seen = Seen::Bundle(Box::new(lost.bundle(1)));
    let found = vec![Finding::Ended { size: 12 }, Finding::Lost { number: 4 }];
    assert_eq!(judged(&bundle, &policy, &[seen]), Err(found));
    lost.record(3, "granted", 0);
    lost.sign();
    let ends = Err(vec![Finding::Ended { size: 13 }]);
    assert_eq!(judged(&bundle, &policy, &[checkpoint(&lost.notes[2])]), ends);

    // Only a policy tells that the one log succeeds the other.
    let distrusted = |place| Err(vec![Finding::Distrusted { place, why: Distrust::NoKey }]);
    assert_eq!(judged(&bundle, &Policy::of_log(new.verifier().clone()), &[]), distrusted(1));
    assert_eq!(judged(&bundle, &ended(), &[]), distrusted(2));
    let line = |key: &SignerKey| format!("log {}\n", key.verifier());
    let beside = Policy::parse(&format!("{}{}quorum none\n", line(&new), line(&old))).unwrap();
    let other = |place| Err(vec![Finding::Origin { place }]);
    assert_eq!(judged(&bundle, &beside, &[]), other(1));
    let mut own = bundle.clone();
    drop((own.checkpoints.remove(0), own.consistency.remove(0)));
    assert_eq!(judged(&own, &beside, &[]), Ok(3));
    assert_eq!(judged(&own, &beside, &[checkpoint(&lost.notes[1])]), other(0));
    // Who has the old key cannot go on with it, whatever the tree.
    successor.commit(T + 400);
    successor.sign();
    assert_eq!(judged(&successor.bundle(1), &policy, &[]), distrusted(3));
    successor.commit(T + 500);
    successor.sign_as(&new);
    assert_eq!(judged(&successor.bundle(1), &policy, &[]), other(3));
}

/// A key was replaced, and its checkpoints of before are still held against the log.
#[test]
fn checkpoints_of_a_key_that_was_replaced_count_when_its_policy_is_given() {
    let mut book = Book::default();
    (0..9).for_each(|turn| book.record([1, 2, 3][turn % 3], "granted", 0));
    book.commit(T + 100);
    book.sign();
    book.record(1, "granted", 0);
    book.commit(T + 200);
    book.sign_as(&key(2));
    let bundle = book.bundle(1);
    let policy = |seed| Policy::of_log(key(seed).verifier().clone());
    let judged = |policy| verify(&bundle, Trust::Policy(&policy), &[], T + 200).map(|shown| shown.entries);
    assert_eq!(judged(policy(2)), Err(vec![Finding::Distrusted { place: 1, why: Distrust::NoKey }]));
    assert_eq!(judged(policy(2).after(&policy(1))), Ok(4));
    assert_eq!(judged(policy(2).after(&policy(3).after(&policy(1)))), Ok(4));
    assert_eq!(
        judged(policy(1).after(&policy(2))),
        Err(vec![Finding::Distrusted { place: 2, why: Distrust::NoKey }])
    );
}

#[test]
fn what_is_no_bundle_is_not_read() {
    let json = sound().json().unwrap();
    let shape = |text: &str| match Bundle::parse(text.as_bytes()) {
        Err(BundleError::Shape { line, column, .. }) => (line, column),
        other => panic!("{other:?}"),
    };
    assert_eq!(shape(""), (1, 0));
    assert_eq!(shape("{}"), (1, 2));
    assert_eq!(shape(&json.replacen("\"log\"", "\"lock\"", 1)).0, 4);
    assert!(shape(&json.replacen("\"salt\": \"", "\"salt\": \"A", 1)).0 > 4);
    assert!(shape(&json[..json.len() - 10]).0 > 4);
    assert_eq!(shape(&"[".repeat(100_000)).0, 1);
    let newer = json.replacen("\"version\": 1", "\"version\": 2", 1);
    assert_eq!(Bundle::parse(newer.as_bytes()), Err(BundleError::Version { found: format!("{FORMAT} 2") }));
    // Positive case
    assert!(Bundle::parse(json.as_bytes()).is_ok());
}
