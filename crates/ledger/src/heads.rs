//! The map of heads: for each chain, how many entries it has and the hash of the last one's leaf.
//!
//! A binary tree over the bits of the labels. A part of it without labels is empty, one with a single label is that
//! leaf, wherever it stands; every other is a node of two parts. Each part also carries how many entries its chains have
//! together, and a node's hash binds the counts of both sides: the root's count is that of all entries. Whoever counts the leaves, as
//! witnesses do, sees whether each is booked in some chain.
//!
//! It is kept as pages of four levels, sixteen slots each. A change touches one page on each level.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Hash;

/// Slots of a page, as many as a half octet has values.
const SLOTS: usize = 16;
/// Levels of the tree in a page.
const LEVELS: usize = 4;
/// Half octets of a label.
const DEPTH: usize = 64;

/// The head of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Head {
    /// Name of the chain.
    pub label: Hash,
    /// Number of its last entry.
    pub number: u64,
    /// Hash of that entry's leaf.
    pub hash: Hash,
}

/// A part of the map, as the node above sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// Its hash; zeros when it is empty.
    pub hash: Hash,
    /// Entries of its chains together.
    pub total: u64,
}

impl Part {
    /// No chain.
    pub const EMPTY: Self = Self { hash: Hash::ZERO, total: 0 };

    fn of_head(head: &Head) -> Self {
        let octets = [&[0x10], head.label.0.as_slice(), &head.number.to_be_bytes(), &head.hash.0].concat();
        Self { hash: Hash::of(&octets), total: head.number }
    }

    /// `None` when there are more entries than a number can say.
    fn of_node(left: &Self, right: &Self) -> Option<Self> {
        let total = left.total.checked_add(right.total)?;
        let mut octets = [0x11; 81];
        let parts =
            [left.hash.0.as_slice(), &left.total.to_be_bytes(), &right.hash.0, &right.total.to_be_bytes()];
        let mut rest = octets.get_mut(1..)?;
        for part in parts {
            let (place, behind) = rest.split_at_mut_checked(part.len())?;
            place.copy_from_slice(part);
            rest = behind;
        }
        Some(Self { hash: Hash::of(&octets), total })
    }
}

/// That a chain has this head in a map, or is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeadProof {
    /// The head that stands where the chain's belongs: its own, another chain's, or none.
    pub head: Option<Head>,
    /// The parts beside the way from the root to there, the root's side first.
    pub beside: Vec<Part>,
}

impl HeadProof {
    /// The chain's head in the map with this root, where the proof shows it: `Some(None)` for a chain that is not in the
    /// map, `None` for a proof that does not hold.
    #[must_use]
    pub fn verify(&self, label: &Hash, root: &Part) -> Option<Option<Head>> {
        if self.beside.len() > DEPTH * LEVELS {
            return None;
        }
        let is_under_it = |head: &Head| (0..self.beside.len()).all(|at| head.label.bit(at) == label.bit(at));
        let mut part = match &self.head {
            None => Part::EMPTY,
            Some(head) if is_under_it(head) => Part::of_head(head),
            Some(_) => return None,
        };
        for (at, beside) in self.beside.iter().enumerate().rev() {
            part = if label.bit(at) { Part::of_node(beside, &part) } else { Part::of_node(&part, beside) }?;
        }
        (part == *root).then(|| self.head.filter(|head| head.label == *label))
    }
}

/// A slot of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Slot {
    #[default]
    Empty,
    Head(Head),
    /// The page below.
    Page(Part),
}

/// Sixteen slots, for the values of one half octet of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    slots: [Slot; SLOTS],
}

impl Page {
    /// What is stored.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for slot in &self.slots {
            match slot {
                Slot::Empty => octets.push(0),
                Slot::Head(head) => {
                    octets.push(1);
                    octets.extend(head.label.0);
                    octets.extend(head.number.to_be_bytes());
                    octets.extend(head.hash.0);
                }
                Slot::Page(part) => {
                    octets.push(2);
                    octets.extend(part.total.to_be_bytes());
                    octets.extend(part.hash.0);
                }
            }
        }
        octets
    }

    /// Reads what was stored; `None` when it is damaged.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let mut rest = octets;
        let mut page = Self::default();
        for slot in &mut page.slots {
            let (kind, behind) = rest.split_first()?;
            rest = behind;
            *slot = match kind {
                0 => Slot::Empty,
                1 => {
                    let (label, number, hash) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
                    Slot::Head(Head {
                        label: Hash(label),
                        number: u64::from_be_bytes(number),
                        hash: Hash(hash),
                    })
                }
                2 => {
                    let (total, hash) = (take(&mut rest)?, take(&mut rest)?);
                    Slot::Page(Part { total: u64::from_be_bytes(total), hash: Hash(hash) })
                }
                _ => return None,
            };
        }
        rest.is_empty().then_some(page)
    }

    /// The part that the page is, seen from above.
    fn part(&self) -> Option<Part> {
        part_of(&self.slots)
    }

    /// The parts beside the way to a slot, the top first, and whether they end above the slot at a lone head.
    fn beside(&self, slot: usize) -> Option<(Vec<Part>, Slot)> {
        let mut slots = self.slots.as_slice();
        let mut beside = Vec::new();
        while slots.len() > 1 {
            if let Some(lone) = lone(slots) {
                return Some((beside, lone));
            }
            let half = slots.len() / 2;
            let (left, right) = slots.split_at(half);
            let is_right = slot & half != 0;
            beside.push(part_of(if is_right { left } else { right })?);
            slots = if is_right { right } else { left };
        }
        Some((beside, *slots.first()?))
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*first)
}

/// What stands for these slots without a node: nothing, or a single head.
fn lone(slots: &[Slot]) -> Option<Slot> {
    let mut taken = slots.iter().filter(|slot| **slot != Slot::Empty);
    match (taken.next(), taken.next()) {
        (None, _) => Some(Slot::Empty),
        (Some(Slot::Head(head)), None) => Some(Slot::Head(*head)),
        _ => None,
    }
}

fn part_of(slots: &[Slot]) -> Option<Part> {
    match (lone(slots), slots) {
        (Some(Slot::Head(head)), _) => Some(Part::of_head(&head)),
        (Some(_), _) => Some(Part::EMPTY),
        (None, [Slot::Page(part)]) => Some(*part),
        (None, slots) => {
            let (left, right) = slots.split_at(slots.len() / 2);
            Part::of_node(&part_of(left)?, &part_of(right)?)
        }
    }
}

/// Half octet `at` of a label.
fn half_octet(label: &Hash, at: usize) -> Option<u8> {
    let octet = label.0.get(at / 2)?;
    Some(if at.is_multiple_of(2) { octet >> 4 } else { octet & 15 })
}

/// Where pages come from.
pub trait Pages {
    /// Why one cannot be had.
    type Error;

    /// The page with this name: the half octets that lead to it. `None` where there is none.
    ///
    /// # Errors
    /// When the source does not answer.
    fn page(&self, path: &[u8]) -> Result<Option<Page>, Self::Error>;
}

/// Why the map cannot be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadsError<E> {
    /// The source of pages.
    Source(E),
    /// A page is missing, or the counts overflow: the map is damaged.
    Damaged,
}

/// Pages that have changed, those below before those above, and the root.
#[derive(Clone, Debug)]
pub struct Update {
    /// Name and page.
    pub pages: Vec<(Vec<u8>, Page)>,
    /// The map's root.
    pub root: Part,
}

/// Sets heads of chains. Doing the same once more, after some of its pages were stored, gives the same.
///
/// # Errors
/// [`HeadsError`].
pub fn update<P: Pages>(pages: &P, heads: &[Head]) -> Result<Update, HeadsError<P::Error>> {
    let latest: BTreeMap<Hash, Head> = heads.iter().map(|head| (head.label, *head)).collect();
    let mut changed = Vec::new();
    let heads: Vec<Head> = latest.into_values().collect();
    let root = change(pages, &mut Vec::new(), &heads, &mut changed)?;
    Ok(Update { pages: changed, root })
}

/// Sets heads that all belong under the page at `path`, and gives the part that the page is then.
fn change<P: Pages>(
    pages: &P,
    path: &mut Vec<u8>,
    heads: &[Head],
    changed: &mut Vec<(Vec<u8>, Page)>,
) -> Result<Part, HeadsError<P::Error>> {
    let mut page = pages.page(path).map_err(HeadsError::Source)?.unwrap_or_default();
    let depth = path.len();
    for (value, slot) in (0_u8..).zip(&mut page.slots) {
        let mut here: Vec<Head> =
            heads.iter().filter(|head| half_octet(&head.label, depth) == Some(value)).copied().collect();
        if here.is_empty() {
            continue;
        }
        if let Slot::Head(there) = slot
            && here.iter().all(|head| head.label != there.label)
        {
            here.push(*there);
        }
        *slot = match (&*slot, here.as_slice()) {
            (Slot::Empty | Slot::Head(_), [head]) => Slot::Head(*head),
            _ => {
                path.push(value);
                let part = change(pages, path, &here, changed)?;
                path.pop();
                Slot::Page(part)
            }
        };
    }
    let part = page.part().ok_or(HeadsError::Damaged)?;
    changed.push((path.clone(), page));
    Ok(part)
}

/// The root of the map.
///
/// # Errors
/// [`HeadsError`].
pub fn root<P: Pages>(pages: &P) -> Result<Part, HeadsError<P::Error>> {
    let page = pages.page(&[]).map_err(HeadsError::Source)?.unwrap_or_default();
    page.part().ok_or(HeadsError::Damaged)
}

/// Where a chain stands in the map.
///
/// # Errors
/// [`HeadsError`].
pub fn prove<P: Pages>(pages: &P, label: &Hash) -> Result<HeadProof, HeadsError<P::Error>> {
    let (mut path, mut beside) = (Vec::new(), Vec::new());
    while let Some(value) = half_octet(label, path.len()) {
        let depth = path.len();
        let page = pages.page(&path).map_err(HeadsError::Source)?;
        let page = match (page, depth) {
            (Some(page), _) => page,
            (None, 0) => Page::default(),
            (None, _) => return Err(HeadsError::Damaged),
        };
        let (parts, slot) = page.beside(usize::from(value)).ok_or(HeadsError::Damaged)?;
        beside.extend(parts);
        match slot {
            Slot::Empty => return Ok(HeadProof { head: None, beside }),
            Slot::Head(head) => return Ok(HeadProof { head: Some(head), beside }),
            Slot::Page(_) => path.push(value),
        }
    }
    Err(HeadsError::Damaged)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct InMemory(RefCell<BTreeMap<Vec<u8>, Vec<u8>>>);

    impl Pages for InMemory {
        type Error = Infallible;

        fn page(&self, path: &[u8]) -> Result<Option<Page>, Infallible> {
            Ok(self.0.borrow().get(path).map(|octets| Page::parse(octets).unwrap()))
        }
    }

    impl InMemory {
        /// Stores the first `count` pages of an update.
        fn store(&self, update: &Update, count: usize) {
            let octets = update.pages.iter().take(count).map(|(path, page)| (path.clone(), page.octets()));
            self.0.borrow_mut().extend(octets);
        }

        fn set(&self, heads: &[Head]) -> Part {
            let update = update(self, heads).unwrap();
            self.store(&update, usize::MAX);
            update.root
        }
    }

    /// The definition, without pages: a part is empty, a lone head, or a node of the two parts by the next bit.
    fn naive(heads: &[Head], depth: usize) -> Part {
        match heads {
            [] => Part::EMPTY,
            [head] => Part::of_head(head),
            more => {
                let (right, left): (Vec<Head>, Vec<Head>) =
                    more.iter().partition(|head| head.label.bit(depth));
                Part::of_node(&naive(&left, depth + 1), &naive(&right, depth + 1)).unwrap()
            }
        }
    }

    fn head(label: Hash, number: u64) -> Head {
        Head { label, number, hash: Hash::of(&number.to_be_bytes()) }
    }

    /// Labels that share few or many of their first bits.
    fn labels() -> impl Strategy<Value = Hash> {
        (any::<[u8; 2]>(), 0_usize..3, any::<u8>()).prop_map(|(ends, zeros, last)| {
            let mut label = [0; 32];
            label[zeros * 15] = ends[0];
            label[31] = ends[1] & last;
            Hash(label)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn pages_hold_the_map_of_the_definition_whatever_the_order_of_changes(
            steps in prop::collection::vec(prop::collection::vec((labels(), 1_u64..1000), 1..12), 1..6),
            crash in 0_usize..8,
        ) {
            let pages = InMemory::default();
            let mut all = BTreeMap::new();
            for step in &steps {
                let heads: Vec<Head> = step.iter().map(|(label, number)| head(*label, *number)).collect();
                // Some pages of the change are stored, and it is done again.
                pages.store(&update(&pages, &heads).unwrap(), crash);
                let made = pages.set(&heads);
                all.extend(heads.iter().map(|head| (head.label, *head)));
                let expected = naive(&all.values().copied().collect::<Vec<_>>(), 0);
                prop_assert_eq!(made, expected);
                prop_assert_eq!(root(&pages), Ok(expected));
                prop_assert_eq!(made.total, all.values().map(|head| head.number).sum::<u64>());
            }
            let made = root(&pages).unwrap();
            for (label, head) in &all {
                let proof = prove(&pages, label).unwrap();
                prop_assert_eq!(proof.verify(label, &made), Some(Some(*head)));
                let mut stale = proof.clone();
                stale.head = Some(Head { number: head.number.saturating_sub(1), ..*head });
                prop_assert_eq!(stale.verify(label, &made), None);
                for at in 0..proof.beside.len() {
                    let mut other = proof.clone();
                    other.beside[at].total += 1;
                    prop_assert_eq!(other.verify(label, &made), None);
                }
            }
            let stranger = Hash([0x5a; 32]);
            let absent = prove(&pages, &stranger).unwrap();
            prop_assert_eq!(absent.verify(&stranger, &made), Some(None));
            // It does not show the absence of a chain that is there.
            let there = *all.keys().next().unwrap();
            prop_assert_ne!(absent.verify(&there, &made), Some(None));
        }
    }

    #[test]
    fn a_damaged_page_is_not_read() {
        let pages = InMemory::default();
        pages.set(&[head(Hash([1; 32]), 1), head(Hash([2; 32]), 2)]);
        let sound = pages.0.borrow().get([0].as_slice()).unwrap().clone();
        for wrong in
            [&sound[1..], &sound[..sound.len() - 1], &[sound.as_slice(), &[0]].concat(), &[3; 16], &[]]
        {
            assert_eq!(Page::parse(wrong), None);
        }
        assert_eq!(Page::parse(&sound).unwrap().octets(), sound);
        pages.0.borrow_mut().remove([0].as_slice());
        assert_eq!(prove(&pages, &Hash([1; 32])), Err(HeadsError::Damaged));
    }
}
