//! Roots and proofs against three others: the definition of RFC 6962 §2.1 written out, the known roots of Certificate
//! Transparency's test data, and the crate `ct-merkle`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use chukei_ledger::Hash;
use chukei_ledger::tiles::{Edge, ProofError, Prover, Tile, Tiles, entries_octets, entries_path, width_of};
use chukei_ledger::tree::{empty_root, extends, includes};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// RFC 6962 §2.1, word for word, on another SHA-256.
mod by_the_rfc {
    use super::*;

    fn sha(parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        hash.finalize().into()
    }

    /// The largest power of two smaller than n.
    fn k(n: usize) -> usize {
        let mut k = 1;
        while k * 2 < n {
            k *= 2;
        }
        k
    }

    pub(super) fn mth(d: &[Vec<u8>]) -> [u8; 32] {
        match d {
            [] => sha(&[]),
            [one] => sha(&[&[0], one]),
            _ => {
                let (left, right) = d.split_at(k(d.len()));
                sha(&[&[1], &mth(left), &mth(right)])
            }
        }
    }

    pub(super) fn path(m: usize, d: &[Vec<u8>]) -> Vec<[u8; 32]> {
        if d.len() == 1 {
            return vec![];
        }
        let k = k(d.len());
        let (left, right) = d.split_at(k);
        let (mut path, last) =
            if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
        path.push(last);
        path
    }

    pub(super) fn proof(m: usize, d: &[Vec<u8>]) -> Vec<[u8; 32]> {
        subproof(m, d, true)
    }

    fn subproof(m: usize, d: &[Vec<u8>], b: bool) -> Vec<[u8; 32]> {
        if m == d.len() {
            return if b { vec![] } else { vec![mth(d)] };
        }
        let k = k(d.len());
        let (left, right) = d.split_at(k);
        let (mut proof, last) = if m <= k {
            (subproof(m, left, b), mth(right))
        } else {
            (subproof(m - k, right, false), mth(left))
        };
        proof.push(last);
        proof
    }
}

/// Every full tile, and the partial ones as of now.
#[derive(Default)]
struct Log {
    edge: Edge,
    full: RefCell<BTreeMap<(u8, u64), Tile>>,
    reads: RefCell<usize>,
}

impl Log {
    fn of(leaves: &[Vec<u8>]) -> Self {
        let mut log = Self::default();
        leaves.iter().for_each(|leaf| log.push(leaf));
        log
    }

    fn push(&mut self, leaf: &[u8]) {
        for tile in self.edge.push(Hash::of_leaf(leaf)) {
            assert_eq!(tile.hashes.len(), 256);
            assert!(self.full.borrow_mut().insert((tile.level, tile.index), tile).is_none());
        }
    }
}

impl Tiles for Log {
    type Error = Infallible;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Infallible> {
        *self.reads.borrow_mut() += 1;
        let full = self.full.borrow().get(&(level, index)).cloned();
        let partial =
            || self.edge.partial().into_iter().find(|tile| (tile.level, tile.index) == (level, index));
        let tile = full.or_else(partial).unwrap();
        Ok(tile.hashes[..usize::from(width)].to_vec())
    }
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("leaf {n}").into_bytes()).collect()
}

fn hashes(all: Vec<[u8; 32]>) -> Vec<Hash> {
    all.into_iter().map(Hash).collect()
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    let leaves: Vec<Vec<u8>> =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
            .iter()
            .map(|hex| {
                (0..hex.len() / 2)
                    .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
                    .collect()
            })
            .collect();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(format!("{:?}", Log::of(&leaves[..size]).edge.root()), *root, "size {size}");
    }
}

#[test]
fn all_proofs_of_small_trees_are_those_of_the_rfc_and_hold() {
    let leaves = leaves(70);
    for size in 0..=leaves.len() {
        let tree = &leaves[..size];
        let log = Log::of(tree);
        let root = Hash(by_the_rfc::mth(tree));
        assert_eq!(log.edge.root(), root);
        let prover = Prover::new(&log, size as u64);
        assert_eq!(prover.root(), Ok(root));
        for (index, leaf) in tree.iter().enumerate() {
            let proof = prover.inclusion(index as u64).unwrap();
            assert_eq!(proof, hashes(by_the_rfc::path(index, tree)));
            assert!(includes(&Hash::of_leaf(leaf), index as u64, size as u64, &proof, &root));
        }
        for from in 0..=size {
            let proof = prover.consistency(from as u64).unwrap();
            let old = Hash(by_the_rfc::mth(&leaves[..from]));
            if from > 0 {
                assert_eq!(proof, hashes(by_the_rfc::proof(from, tree)), "{from} to {size}");
            }
            assert!(extends((from as u64, &old), (size as u64, &root), &proof), "{from} to {size}");
        }
        assert_eq!(prover.inclusion(size as u64), Err(ProofError::Range));
        assert_eq!(prover.consistency(size as u64 + 1), Err(ProofError::Range));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Sizes around the borders of tiles, with a level above.
    #[test]
    fn proofs_of_large_trees_are_those_of_the_rfc(
        base in prop::sample::select(vec![255_usize, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 66_000]),
        extra in 0_usize..40,
        at in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let size = base + extra;
        let tree = leaves(size);
        let log = Log::of(&tree);
        let root = Hash(by_the_rfc::mth(&tree));
        prop_assert_eq!(log.edge.root(), root);
        let prover = Prover::new(&log, size as u64);
        let index = at.index(size);
        let proof = prover.inclusion(index as u64).unwrap();
        prop_assert_eq!(&proof, &hashes(by_the_rfc::path(index, &tree)));
        let leaf = Hash::of_leaf(&tree[index]);
        let holds = |index: usize, size: usize, proof: &[Hash]| includes(&leaf, index as u64, size as u64, proof, &root);
        prop_assert!(holds(index, size, &proof));
        prop_assert!(!holds((index + 1) % size, size, &proof));
        let mut changed = proof.clone();
        changed[flip.index(proof.len())].0[0] ^= 1;
        prop_assert!(!holds(index, size, &changed));
        prop_assert!(!holds(index, size, &proof[1..]));
        prop_assert!(!holds(index, size, &[proof.as_slice(), &[root]].concat()));

        let from = 1 + from.index(size);
        let proof = prover.consistency(from as u64).unwrap();
        prop_assert_eq!(&proof, &hashes(by_the_rfc::proof(from, &tree)));
        let old = Hash(by_the_rfc::mth(&tree[..from]));
        let grown = |old: &Hash, proof: &[Hash]| extends((from as u64, old), (size as u64, &root), proof);
        prop_assert!(grown(&old, &proof));
        prop_assert!(!grown(&leaf, &proof));
        prop_assert!(!grown(&old, &[proof.as_slice(), &[root]].concat()));
        if !proof.is_empty() {
            let mut changed = proof.clone();
            changed[flip.index(proof.len())].0[31] ^= 1;
            prop_assert!(!grown(&old, &changed));
            prop_assert!(!grown(&old, &proof[1..]));
        }
        // Each tile is read once, whatever is asked of it.
        prop_assert!(*log.reads.borrow() <= 3 + 2 * 3, "{} reads", log.reads.borrow());
    }

    #[test]
    fn proofs_agree_with_another_implementation(size in 1_usize..700, at in any::<prop::sample::Index>(), from in any::<prop::sample::Index>()) {
        let tree = leaves(size);
        let (log, mut other) = (Log::of(&tree), ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new());
        tree.iter().for_each(|leaf| other.push(leaf.clone()));
        let octets = |hash: &[u8]| Hash::from_slice(hash).unwrap();
        prop_assert_eq!(log.edge.root(), octets(other.root().as_bytes()));
        let prover = Prover::new(&log, size as u64);
        let index = at.index(size);
        let theirs: Vec<Hash> = other.prove_inclusion(index).as_bytes().chunks(32).map(octets).collect();
        prop_assert_eq!(prover.inclusion(index as u64).unwrap(), theirs);
        let from = 1 + from.index(size);
        let theirs: Vec<Hash> = other.prove_consistency(size - from).as_bytes().chunks(32).map(octets).collect();
        prop_assert_eq!(prover.consistency(from as u64).unwrap(), theirs, "{} to {}", from, size);
    }
}

#[test]
fn nothing_is_in_an_empty_tree_and_everything_extends_it() {
    let root = Hash(by_the_rfc::mth(&leaves(3)));
    assert!(!includes(&root, 0, 0, &[], &root));
    assert!(extends((0, &empty_root()), (3, &root), &[]));
    assert!(!extends((0, &root), (3, &root), &[]));
    assert!(!extends((0, &empty_root()), (3, &root), &[root]));
    assert!(!extends((3, &root), (0, &empty_root()), &[]));
    assert!(!extends((3, &root), (3, &empty_root()), &[]));
    // A size that no tree has costs no time and no overflow.
    assert!(!includes(&root, u64::MAX - 1, u64::MAX, &vec![root; 100], &root));
    assert!(!extends((u64::MAX - 1, &root), (u64::MAX, &root), &vec![root; 100]));
    // Positive case
    assert!(extends((3, &root), (3, &root), &[]));
}

#[test]
fn the_edge_is_read_back_from_tiles() {
    for size in [0, 1, 255, 256, 257, 65_536, 65_793, 66_000] {
        let log = Log::of(&leaves(size));
        assert_eq!(Edge::load(size as u64, &log), Ok(Some(log.edge.clone())), "{size}");
    }
    struct Short;
    impl Tiles for Short {
        type Error = ();
        fn tile(&self, _: u8, _: u64, width: u16) -> Result<Vec<Hash>, ()> {
            Ok(vec![Hash::ZERO; usize::from(width) - 1])
        }
    }
    assert_eq!(Edge::load(3, &Short), Ok(None));
    assert_eq!(Prover::new(&Short, 3).root(), Err(ProofError::Short { level: 0, index: 0 }));
}

/// C2SP tlog-tiles: its example of 70,000 leaves, its example of a path, a tree of one full tile.
#[test]
fn tiles_have_the_paths_and_widths_of_the_format() {
    let widths = |size, level| {
        (0..).map(|index| width_of(level, index, size)).take_while(|width| *width > 0).collect::<Vec<_>>()
    };
    assert_eq!(widths(70_000, 0), [vec![256; 273], vec![112]].concat());
    assert_eq!(widths(70_000, 1), [256, 17]);
    assert_eq!(widths(70_000, 2), [1]);
    assert_eq!(widths(70_000, 3), [0_u16; 0]);
    assert_eq!((widths(256, 0), widths(256, 1)), (vec![256], vec![1]));
    assert_eq!(width_of(255, u64::MAX, u64::MAX), 0);

    let tile = |level, index, width| Tile { level, index, hashes: vec![Hash::ZERO; width] };
    assert_eq!(tile(0, 1_234_067, 256).path(), "tile/0/x001/x234/067");
    assert_eq!(tile(2, 0, 1).path(), "tile/2/000.p/1");
    assert_eq!(tile(63, 1000, 255).path(), "tile/63/x001/000.p/255");
    assert_eq!(entries_path(273, 112), "tile/entries/273.p/112");
    assert_eq!(tile(0, 0, 256).octets().len(), 8192);

    let log = Log::of(&leaves(70_000));
    let tile = &log.full.borrow()[&(1, 0)];
    assert_eq!(tile.hashes[1], Hash(by_the_rfc::mth(&leaves(512)[256..])));
    assert_eq!(Tile::hashes_of(&tile.octets()).as_deref(), Some(tile.hashes.as_slice()));
    for wrong in [vec![], vec![0; 31], vec![0; 33], vec![0; 8192 + 32]] {
        assert_eq!(Tile::hashes_of(&wrong), None);
    }
    assert_eq!(entries_octets(&[b"ab".as_slice(), b""]).unwrap(), [0, 2, b'a', b'b', 0, 0]);
    assert_eq!(entries_octets(&[vec![0; 65_536]]), None);
}
