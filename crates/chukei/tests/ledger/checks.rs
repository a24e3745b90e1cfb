//! What a witness reads before it signs, and what a proof without entries says.

use std::fs;

use chukei_ledger::tiles::{Edge, Tile, entries_octets, entries_path};
use chukei_ledger::{Checkpoint, Ed25519PrivateKey, Hash, HeadsLeaf, KeyUse, SignerKey};

use super::{Desk, ORIGIN};

/// Entries and maps, of which the last counts so many entries.
fn leaves(total: u64) -> Vec<Vec<u8>> {
    let entry = |number: u8| [&[0x01], [number; 32].as_slice()].concat();
    let map = |covered, total| HeadsLeaf { at: 1_790_000_000, covered, total, root: Hash([9; 32]) }.leaf();
    vec![entry(1), map(1, 1), entry(2), entry(3), map(4, total)]
}

/// A log publishes the first of these leaves.
fn publish(desk: &Desk, key: &SignerKey, leaves: &[Vec<u8>]) {
    let folder = desk.0.path.join("public");
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::of_leaf(leaf)).collect();
    let mut edge = Edge::default();
    hashes.iter().for_each(|hash| drop(edge.push(*hash)));
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: edge.size(), root: edge.root() };
    let signed = checkpoint.sign(std::slice::from_ref(key)).unwrap().to_string();
    let width = hashes.len();
    let tile = Tile { level: 0, index: 0, hashes };
    for (path, octets) in [
        (tile.path(), tile.octets()),
        (entries_path(0, width), entries_octets(leaves).unwrap()),
        ("checkpoint".to_owned(), signed.into_bytes()),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, octets).unwrap();
    }
}

#[test]
fn a_witness_signs_no_tree_whose_maps_count_wrong() {
    let desk = Desk::new();
    let key = SignerKey::new(ORIGIN, KeyUse::Log, Ed25519PrivateKey::generate().unwrap()).unwrap();
    fs::write(desk.0.path.join("policy.txt"), format!("log {}\nquorum none\n", key.verifier())).unwrap();
    let made =
        desk.run("en", &["key", "--witness", "--origin", "relay-2.example.test", "--out", "w.pem"], "");
    assert_eq!(made.code, 0, "{}", made.err);
    let cosign = || {
        let words = ["cosign", "public", "--policy", "policy.txt", "--key", "w.pem"];
        let more = ["--name", "relay-2.example.test", "--memory", "seen", "--out", "cosigned"];
        desk.run("en", &[words, more].concat(), "")
    };
    for first in [0, 2] {
        let _ = fs::remove_file(desk.0.path.join("seen"));
        if first > 0 {
            publish(&desk, &key, &leaves(3)[..first]);
            assert_eq!(cosign().code, 0);
        }
        // More entries than there are, fewer, and a leaf that is neither.
        let mut strange = leaves(3);
        strange[3] = vec![0x03];
        for (wrong, words) in
            [(leaves(4), "leaf 4 does not count the 3"), (leaves(2), "leaf 4 "), (strange, "leaf 3 ")]
        {
            publish(&desk, &key, &wrong);
            let refused = cosign();
            assert!(refused.code == 7 && refused.err.contains(words), "{}", refused.err);
        }
        // Leaves that are not those of the tree.
        publish(&desk, &key, &leaves(3));
        let path = desk.0.path.join("public").join(entries_path(0, 5));
        let mut other = leaves(3);
        other[2][7] ^= 1;
        fs::write(&path, entries_octets(&other).unwrap()).unwrap();
        let refused = cosign();
        assert!(refused.code == 7 && refused.err.contains("the past was changed"), "{}", refused.err);
        fs::remove_file(path).unwrap();
        let refused = cosign();
        assert!(refused.code == 7 && refused.err.contains("missing or damaged"), "{}", refused.err);
        // Positive twin
        publish(&desk, &key, &leaves(3));
        let signed = cosign();
        assert_eq!(signed.code, 0, "{}", signed.err);
    }
}

/// What a loss of power leaves in a folder is written once more.
#[test]
fn a_torn_file_is_published_anew() {
    let desk = Desk::proved();
    let publish = || {
        let words =
            ["publish", "--state", "relay.db", "--key", "log.pem", "--origin", ORIGIN, "--out", "public"];
        let said = desk.run("en", &words, "");
        assert_eq!(said.code, 0, "{}", said.err);
    };
    let read = |name: &str| fs::read(desk.0.path.join("public").join(name)).unwrap();
    publish();
    let names = ["tile/0/000.p/21", "tile/entries/000.p/21", "checkpoint"];
    let sound = names.map(read);
    for (name, left) in names.into_iter().zip([31, 0, 0]) {
        let path = desk.0.path.join("public").join(name);
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(left).unwrap();
        publish();
        assert_eq!(names.map(read), sound, "{name}");
    }
    let drafts = fs::read_dir(desk.0.path.join("public")).unwrap();
    assert_eq!(drafts.count(), 2, "the checkpoint and the tiles, and no draft");
}

/// A state whose checkpoints cannot be read tells nobody what it has signed.
#[test]
fn a_damaged_state_is_not_replaced_without_a_checkpoint_that_somebody_has_kept() {
    let desk = Desk::proved();
    assert_eq!(desk.run("en", &["backup", "--state", "relay.db", "--out", "copy.db"], "").code, 0);
    desk.record(1);
    let words = ["publish", "--state", "relay.db", "--key", "log.pem", "--origin", ORIGIN, "--out", "public"];
    assert_eq!(desk.run("en", &words, "").code, 0);
    let path = desk.0.path.join("relay.db");
    let hand = rusqlite::Connection::open(&path).unwrap();
    let page: i64 = hand
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'checkpoint'", [], |row| row.get(0))
        .unwrap();
    let size: i64 = hand.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    hand.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    hand.close().unwrap();
    let mut octets = fs::read(&path).unwrap();
    let from = usize::try_from((page - 1) * size).unwrap();
    octets[from..from + usize::try_from(size).unwrap()].fill(0);
    fs::write(&path, octets).unwrap();

    let restore = |more: &[&str]| {
        let words = ["restore", "--from", "copy.db", "--state", "relay.db", "--replace"];
        desk.run("en", &[&words, more].concat(), "")
    };
    let refused = restore(&[]);
    assert!(refused.code == 2 && refused.err.contains("nothing tells up to where"), "{}", refused.err);
    // Positive twin: what was published tells it, and this log signs nothing more.
    let restored = restore(&["--published", "public/checkpoint"]);
    assert!(restored.code == 0 && restored.out.contains("24"), "{} {}", restored.out, restored.err);
    assert_ne!(desk.run("en", &words, "").code, 0);
}

/// A copy is looked at as a whole.
#[test]
fn damaged_mappings_are_found() {
    let desk = Desk::proved();
    assert_eq!(desk.run("en", &["fsck", "relay.db"], "").code, 0);
    let path = desk.0.path.join("relay.mappings.db");
    let hand = rusqlite::Connection::open(&path).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'mapping'";
    let page: i64 = hand.query_row(sql, [], |row| row.get(0)).unwrap();
    let size: i64 = hand.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    hand.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    hand.close().unwrap();
    let mut octets = fs::read(&path).unwrap();
    let from = usize::try_from((page - 1) * size).unwrap();
    octets[from..from + usize::try_from(size).unwrap()].fill(0);
    fs::write(&path, octets).unwrap();
    let found = desk.run("en", &["fsck", "relay.db"], "");
    assert!(found.code == 7 && found.out.contains("file of the mappings is damaged"), "{}", found.out);
    let copied = desk.run("en", &["backup", "--state", "relay.db", "--out", "copy.db"], "");
    assert_ne!(copied.code, 0, "{}", copied.out);
}

#[test]
fn a_proof_without_entries_says_what_would_be_in_it() {
    let desk = Desk::empty();
    let key = desk.run("en", &["key", "--origin", ORIGIN, "--out", "log.pem"], "");
    fs::write(desk.0.path.join("policy.txt"), format!("{}quorum none\n", key.out)).unwrap();
    assert_eq!(desk.prove("empty.json", &[], super::NUMBER).code, 0);
    let shown = desk.verify("en", "empty.json");
    assert!(shown.code == 0 && shown.out.contains("There is no entry."), "{} {}", shown.out, shown.err);
    let shown = desk.verify("ja", "empty.json");
    assert!(shown.code == 0 && shown.out.contains("項目が一つもありません。"), "{} {}", shown.out, shown.err);
    // Positive twin
    desk.record(1);
    assert_eq!(desk.prove("one.json", &[], super::NUMBER).code, 0);
    let shown = desk.verify("en", "one.json");
    assert!(shown.code == 0 && !shown.out.contains("There is no entry."), "{} {}", shown.out, shown.err);
}
