//! The tree as tiles (C2SP tlog-tiles): 256 hashes of one level together. They grow, they give roots and proofs, and they
//! have paths and octets under which anyone may publish them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::Hash;

/// Hashes in a full tile.
pub const WIDTH: u16 = 256;
/// Levels of nodes between a tile and the one above it.
const HEIGHT: u32 = 8;

/// A tile: hash `i` of tile `index` at `level` is the root of the `256^level` leaves from
/// `(index * 256 + i) * 256^level` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// 0 for hashes of leaves.
    pub level: u8,
    /// Its place in the level, from 0.
    pub index: u64,
    /// Up to 256 hashes; fewer only at the end of a level.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// Where it is published, under the log's prefix.
    #[must_use]
    pub fn path(&self) -> String {
        path(&self.level.to_string(), self.index, self.hashes.len())
    }

    /// What is published there.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// Hashes of a tile's octets; `None` unless there are 1 to 256 whole ones.
    #[must_use]
    pub fn hashes_of(octets: &[u8]) -> Option<Vec<Hash>> {
        let (hashes, rest) = octets.as_chunks::<32>();
        let whole = rest.is_empty() && (1..=usize::from(WIDTH)).contains(&hashes.len());
        whole.then(|| hashes.iter().copied().map(Hash).collect())
    }
}

/// Where the leaves of a level-0 tile are published.
#[must_use]
pub fn entries_path(index: u64, width: usize) -> String {
    path("entries", index, width)
}

/// An entry bundle: each leaf's octets behind their length in two octets. `None` for a leaf that is too long for that.
#[must_use]
pub fn entries_octets<L: AsRef<[u8]>>(leaves: &[L]) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for leaf in leaves {
        octets.extend(u16::try_from(leaf.as_ref().len()).ok()?.to_be_bytes());
        octets.extend(leaf.as_ref());
    }
    Some(octets)
}

/// The leaves of an entry bundle; `None` unless there are 1 to 256 whole ones.
#[must_use]
pub fn entries_of(mut octets: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut leaves = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk() {
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        leaves.push(leaf.to_vec());
        octets = rest;
    }
    (octets.is_empty() && (1..=usize::from(WIDTH)).contains(&leaves.len())).then_some(leaves)
}

fn path(level: &str, index: u64, width: usize) -> String {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    let partial = if width < usize::from(WIDTH) { format!(".p/{width}") } else { String::new() };
    format!("tile/{level}/{}{partial}", groups.join("/"))
}

/// Hashes that the tile has in a tree of this size: 256, fewer at the end of the level, 0 where it does not exist.
#[must_use]
pub fn width_of(level: u8, index: u64, size: u64) -> u16 {
    let hashes = size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0);
    let here = hashes.saturating_sub(index.saturating_mul(u64::from(WIDTH)));
    u16::try_from(here).unwrap_or(WIDTH).min(WIDTH)
}

/// The growing end of a tree: the partial tile of every level, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The end of a tree that was stored. `None` when a tile is not as wide as the size demands.
    ///
    /// # Errors
    /// Those of the source.
    pub fn load<T: Tiles>(size: u64, tiles: &T) -> Result<Option<Self>, T::Error> {
        let mut levels = Vec::new();
        for level in 0_u8.. {
            let hashes = size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0);
            if hashes == 0 {
                break;
            }
            let index = hashes / u64::from(WIDTH);
            let width = width_of(level, index, size);
            let partial = if width == 0 { Vec::new() } else { tiles.tile(level, index, width)? };
            if partial.len() != usize::from(width) {
                return Ok(None);
            }
            levels.push(partial);
        }
        Ok(Some(Self { size, levels }))
    }

    /// Leaves of the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. What is returned is full now: level 0 first.
    pub fn push(&mut self, leaf: Hash) -> Vec<Tile> {
        self.size += 1;
        let mut full = Vec::new();
        let mut hash = leaf;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let Some(partial) = self.levels.get_mut(at) else { break };
            partial.push(hash);
            if partial.len() < usize::from(WIDTH) {
                break;
            }
            let hashes = std::mem::take(partial);
            hash = root_of(&hashes);
            full.push(Tile { level, index: self.full(level).saturating_sub(1), hashes });
        }
        full
    }

    /// The partial tiles, level 0 first; an empty one is left out.
    #[must_use]
    pub fn partial(&self) -> Vec<Tile> {
        let tiles = (0_u8..).zip(&self.levels).filter(|(_, hashes)| !hashes.is_empty());
        tiles.map(|(level, hashes)| Tile { level, index: self.full(level), hashes: hashes.clone() }).collect()
    }

    /// Full tiles of a level.
    fn full(&self, level: u8) -> u64 {
        self.size.checked_shr(HEIGHT * (u32::from(level) + 1)).unwrap_or(0)
    }

    /// The root of the tree (RFC 6962 §2.1, `MTH`).
    #[must_use]
    pub fn root(&self) -> Hash {
        // Whole subtrees, the smallest first; each takes what is right of it.
        let mut right = None;
        for hashes in &self.levels {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let run = 1 << rest.len().trailing_zeros();
                let (before, last) = rest.split_at(rest.len() - run);
                let root = root_of(last);
                right = Some(right.map_or(root, |right| Hash::of_node(&root, &right)));
                rest = before;
            }
        }
        right.unwrap_or_else(crate::tree::empty_root)
    }
}

/// Root of as many hashes as a power of two.
fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => crate::tree::empty_root(),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            Hash::of_node(&root_of(left), &root_of(right))
        }
    }
}

/// Where tiles come from.
pub trait Tiles {
    /// Why one cannot be had.
    type Error;

    /// The first `width` hashes of a tile; fewer where it has fewer.
    ///
    /// # Errors
    /// When the source does not answer.
    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Self::Error>;
}

/// Why a proof cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError<E> {
    /// The source of tiles.
    Source(E),
    /// There is no such leaf, or no such size.
    Range,
    /// A tile is narrower than the size demands.
    Short {
        /// Its level.
        level: u8,
        /// Its place.
        index: u64,
    },
}

/// Makes proofs about the tree of one size. Tiles are read once.
#[derive(Debug)]
pub struct Prover<'t, T: Tiles> {
    tiles: &'t T,
    size: u64,
    read: RefCell<BTreeMap<(u8, u64), Vec<Hash>>>,
}

impl<'t, T: Tiles> Prover<'t, T> {
    /// Of the tree of the first `size` leaves.
    pub const fn new(tiles: &'t T, size: u64) -> Self {
        Self { tiles, size, read: RefCell::new(BTreeMap::new()) }
    }

    /// The root.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn root(&self) -> Result<Hash, ProofError<T::Error>> {
        if self.size == 0 { Ok(crate::tree::empty_root()) } else { self.range(0, self.size) }
    }

    /// The hashes beside the way from leaf `index` to the root (RFC 6962 §2.1.1).
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn inclusion(&self, index: u64) -> Result<Vec<Hash>, ProofError<T::Error>> {
        if index >= self.size {
            return Err(ProofError::Range);
        }
        let (mut start, mut end) = (0, self.size);
        let mut proof = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                proof.push(self.range(middle, end)?);
                end = middle;
            } else {
                proof.push(self.range(start, middle)?);
                start = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// That the tree of the first `from` leaves is the beginning of this one (RFC 6962 §2.1.2).
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn consistency(&self, from: u64) -> Result<Vec<Hash>, ProofError<T::Error>> {
        if from > self.size {
            return Err(ProofError::Range);
        }
        if from == 0 || from == self.size {
            return Ok(Vec::new());
        }
        let (mut start, mut end) = (0, self.size);
        let mut proof = Vec::new();
        // Down to the node that ends where the older tree does.
        while from != end {
            let middle = start + split(end - start);
            if from <= middle {
                proof.push(self.range(middle, end)?);
                end = middle;
            } else {
                proof.push(self.range(start, middle)?);
                start = middle;
            }
        }
        if start > 0 {
            proof.push(self.range(start, end)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// Root of the leaves `start..end`, of which `start` is one that the tree splits at.
    fn range(&self, start: u64, end: u64) -> Result<Hash, ProofError<T::Error>> {
        let length = end - start;
        if length.is_power_of_two() {
            return self.subtree(start, length);
        }
        let middle = start + split(length);
        Ok(Hash::of_node(&self.subtree(start, middle - start)?, &self.range(middle, end)?))
    }

    /// Root of `length` leaves, a power of two that divides `start`: some hashes of one tile.
    fn subtree(&self, start: u64, length: u64) -> Result<Hash, ProofError<T::Error>> {
        let height = length.trailing_zeros();
        let level = u8::try_from(height / HEIGHT).unwrap_or(u8::MAX);
        let first = start >> (HEIGHT * u32::from(level));
        let index = first / u64::from(WIDTH);
        let mut read = self.read.borrow_mut();
        let tile = match read.entry((level, index)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let width = width_of(level, index, self.size);
                new.insert(self.tiles.tile(level, index, width).map_err(ProofError::Source)?)
            }
        };
        let from = usize::try_from(first % u64::from(WIDTH)).map_err(|_| ProofError::Range)?;
        let hashes = tile.get(from..).and_then(|hashes| hashes.get(..1 << (height % HEIGHT)));
        hashes.map(root_of).ok_or(ProofError::Short { level, index })
    }
}

/// The largest power of two below `length`, which is at least 2.
const fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}
