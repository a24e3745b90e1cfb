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
