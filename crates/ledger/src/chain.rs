//! What is recorded about a person: entries in a chain, and what stands for each of them in the tree.
//!
//! ```text
//! content + salt ──▶ commitment ─┐
//! chain key ──▶ label ───────────┤
//! number, hash before, dates ────┴──▶ link ──▶ leaf ──▶ hash of the leaf ──▶ next link
//! ```
//!
//! A leaf is a hash of a link, and tells nobody anything. Whoever has the link sees its place in the chain; only with
//! salt and content does the commitment say what was done. A withheld entry is shown as a link alone; so is one whose
//! salt and content were destroyed, and its chain still has no gap.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Hash;

/// For how long salt and content are kept, in seconds: seven years, as long as the records of 番号法23条 (chapter 35,
/// `ledger.entry.kept`).
pub const KEPT: i64 = (7 * 365 + 2) * 86_400;
/// For how long an entry may be withheld, in seconds: three years (`ledger.withhold.until`).
pub const LONGEST_WITHHOLDING: i64 = (3 * 365 + 1) * 86_400;

/// First octet of each thing that is hashed or stands in the tree, so that none can be taken for another.
mod tag {
    pub(super) const ENTRY: u8 = 0x01;
    pub(super) const HEADS: u8 = 0x02;
    pub(super) const COMMITMENT: u8 = 0x20;
    pub(super) const LINK: u8 = 0x21;
    pub(super) const LABEL: u8 = 0x22;
}

/// What the record of a provision of information has to say (番号法23条1項: who asked, who provided, when, which items; and
/// more that a person wants to know). Times are seconds since 1970. Nothing of it names the person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Content {
    /// What was done: `mapping`, `disclosure`, `relayed`, `history`, `login`.
    pub kind: String,
    /// 照会者: entityID of the party that asked.
    pub requester: String,
    /// 提供者: entityID of the party that provides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Handle of the person at the terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// 照会の日時.
    pub requested_at: i64,
    /// 提供の日時; of a carried query, when its outcome was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<i64>,
    /// 特定個人情報の項目: codes of what was asked for or provided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// What for.
    pub purpose: String,
    /// How the person was authenticated: with PIN, without, by the visible number, by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
    /// What became of it: granted, or why not.
    pub outcome: String,
    /// `ID` of the envelope, which the requester and the provider have too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<String>,
}

/// First line of every content.
const FIRST_LINE: &str = "chukei-ledger content 1";

/// A value has a control character, so it could pass for two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprintable {
    /// Which field.
    pub field: &'static str,
}

impl fmt::Display for Unprintable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds a control character", self.field)
    }
}

impl std::error::Error for Unprintable {}

impl Content {
    /// The octets that are committed to: a line for each value, in a fixed order, `name value`.
    ///
    /// # Errors
    /// [`Unprintable`].
    pub fn octets(&self) -> Result<Vec<u8>, Unprintable> {
        let mut text = FIRST_LINE.to_owned();
        let mut line = |field: &'static str, value: Option<&str>| {
            let Some(value) = value else { return Ok(()) };
            if value.contains(char::is_control) {
                return Err(Unprintable { field });
            }
            text.extend(["\n", field, " ", value]);
            Ok(())
        };
        line("kind", Some(&self.kind))?;
        line("requester", Some(&self.requester))?;
        line("provider", self.provider.as_deref())?;
        line("operator", self.operator.as_deref())?;
        line("requestedAt", Some(&self.requested_at.to_string()))?;
        line("answeredAt", self.answered_at.map(|at| at.to_string()).as_deref())?;
        self.items.iter().try_for_each(|item| line("item", Some(item)))?;
        line("purpose", Some(&self.purpose))?;
        line("authentication", self.authentication.as_deref())?;
        line("outcome", Some(&self.outcome))?;
        line("envelope", self.envelope.as_deref())?;
        text.push('\n');
        Ok(text.into_bytes())
    }

    /// When the access was, in seconds since 1970: when it was answered, else when it was asked for.
    #[must_use]
    pub fn at(&self) -> i64 {
        self.answered_at.unwrap_or(self.requested_at)
    }

    /// Reads what [`Content::octets`] gives; `None` for anything else.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let mut lines = text.strip_suffix('\n')?.split('\n').peekable();
        lines.next_if_eq(&FIRST_LINE)?;
        let mut line = |field: &str| {
            let value = lines.peek()?.strip_prefix(field)?.strip_prefix(' ')?;
            lines.next();
            Some(value.to_owned())
        };
        let read = Self {
            kind: line("kind")?,
            requester: line("requester")?,
            provider: line("provider"),
            operator: line("operator"),
            requested_at: line("requestedAt")?.parse().ok()?,
            answered_at: line("answeredAt").map(|at| at.parse()).transpose().ok()?,
            items: std::iter::from_fn(|| line("item")).collect(),
            purpose: line("purpose")?,
            authentication: line("authentication"),
            outcome: line("outcome")?,
            envelope: line("envelope"),
        };
        // Nothing is left over, and each number is in its one spelling.
        (read.octets().as_deref() == Ok(octets)).then_some(read)
    }
}

/// A hash that says nothing without the salt, which is new for every entry, and everything with it.
#[must_use]
pub fn commitment(salt: &Hash, content: &[u8]) -> Hash {
    tagged(tag::COMMITMENT, &[&salt.0, content])
}

/// The name of a chain in links and in the map of heads: a hash of the chain's key, which the person gets.
#[must_use]
pub fn label(key: &Hash) -> Hash {
    tagged(tag::LABEL, &[&key.0])
}

/// An entry's place in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which chain.
    pub label: Hash,
    /// From 1, without a gap.
    pub number: u64,
    /// Hash of the leaf of the entry before; zeros for number 1.
    pub previous: Hash,
    /// Until when salt and content are kept, in seconds since 1970.
    pub keep_until: i64,
    /// Until when the content is withheld from the person (不開示), in seconds since 1970; 0 where it is not.
    pub withheld_until: i64,
    /// What was done, hidden.
    pub commitment: Hash,
}

impl Link {
    /// The leaf: what stands in the tree.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let hash = tagged(
            tag::LINK,
            &[
                &self.label.0,
                &self.number.to_be_bytes(),
                &self.previous.0,
                &self.keep_until.to_be_bytes(),
                &self.withheld_until.to_be_bytes(),
                &self.commitment.0,
            ],
        );
        [&[tag::ENTRY], hash.0.as_slice()].concat()
    }

    /// Whether this is the leaf of an entry, as anyone can see it.
    #[must_use]
    pub fn is_leaf(leaf: &[u8]) -> bool {
        leaf.len() == 33 && leaf.first() == Some(&tag::ENTRY)
    }

    /// Hash of the leaf: what the next link holds.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of_leaf(&self.leaf())
    }
}

/// A leaf that commits to the heads of all chains. Anyone may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeadsLeaf {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Every entry among the leaves before this index is booked in the map: in a proof that holds, the index of this leaf.
    pub covered: u64,
    /// Entries that are booked; the other leaves before `covered` are leaves like this one.
    pub total: u64,
    /// Root of the map (see [`heads`](crate::heads)).
    pub root: Hash,
}

impl HeadsLeaf {
    /// What stands in the tree.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let numbers = [self.at.to_be_bytes(), self.covered.to_be_bytes(), self.total.to_be_bytes()].concat();
        [&[tag::HEADS], numbers.as_slice(), &self.root.0].concat()
    }

    /// Reads a leaf; `None` for one that is no such leaf.
    #[must_use]
    pub fn parse(leaf: &[u8]) -> Option<Self> {
        let (first, rest) = leaf.split_first()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (covered, rest) = rest.split_first_chunk()?;
        let (total, root) = rest.split_first_chunk()?;
        let root = Hash::from_slice(root)?;
        let (at, covered, total) =
            (i64::from_be_bytes(*at), u64::from_be_bytes(*covered), u64::from_be_bytes(*total));
        (*first == tag::HEADS).then_some(Self { at, covered, total, root })
    }
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Hash {
    let mut hash = chukei_crypto::Sha256::new();
    hash.update(&[tag]);
    parts.iter().for_each(|part| hash.update(part));
    Hash(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            kind: "mapping".to_owned(),
            requester: "https://insurer-a.example.test/".to_owned(),
            requested_at: 1_790_000_000,
            items: vec!["a".to_owned(), "b".to_owned()],
            purpose: "urn:p".to_owned(),
            outcome: "granted".to_owned(),
            ..Content::default()
        }
    }

    #[test]
    fn every_value_of_a_content_is_committed_to_and_none_can_pass_for_another() {
        let base = content();
        let mut seen = vec![base.octets().unwrap()];
        let text = |value: &str| Some(value.to_owned());
        for changed in [
            Content { kind: "history".to_owned(), ..base.clone() },
            Content { requester: "x".to_owned(), ..base.clone() },
            Content { provider: text("x"), ..base.clone() },
            Content { operator: text("x"), ..base.clone() },
            Content { requested_at: 1, ..base.clone() },
            Content { answered_at: Some(1), ..base.clone() },
            Content { items: vec!["a b".to_owned()], ..base.clone() },
            Content { items: vec!["b".to_owned(), "a".to_owned()], ..base.clone() },
            Content { purpose: "urn:q".to_owned(), ..base.clone() },
            Content { authentication: text("x"), ..base.clone() },
            Content { outcome: "x".to_owned(), ..base.clone() },
            Content { envelope: text("x"), ..base.clone() },
        ] {
            let octets = changed.octets().unwrap();
            assert_eq!(Content::parse(&octets), Some(changed.clone()));
            assert!(!seen.contains(&octets), "{changed:?}");
            seen.push(octets);
        }
        let sound = String::from_utf8(base.octets().unwrap()).unwrap();
        for wrong in [
            sound.trim_end().to_owned(),
            sound.replace("content 1", "content 2"),
            sound.replace("1790000000", "01790000000"),
            sound.replace("kind mapping\n", ""),
            sound.replace("purpose", "purposes"),
            format!("{sound}more x\n"),
            format!("{sound}\n"),
        ] {
            assert_eq!(Content::parse(wrong.as_bytes()), None, "{wrong}");
        }
        let split = Content { outcome: "granted\nenvelope x".to_owned(), ..base };
        assert_eq!(split.octets(), Err(Unprintable { field: "outcome" }));
    }

    #[test]
    fn every_part_of_a_link_is_in_its_leaf_and_no_leaf_is_of_two_kinds() {
        let base = Link {
            label: label(&Hash([1; 32])),
            number: 1,
            previous: Hash::ZERO,
            keep_until: 5,
            withheld_until: 0,
            commitment: commitment(&Hash([2; 32]), &content().octets().unwrap()),
        };
        let other = Hash([3; 32]);
        for changed in [
            Link { label: other, ..base },
            Link { number: 2, ..base },
            Link { previous: other, ..base },
            Link { keep_until: 6, ..base },
            Link { withheld_until: 1, ..base },
            Link { commitment: other, ..base },
        ] {
            assert_ne!(changed.hash(), base.hash());
        }
        assert_eq!(base.leaf().len(), 33);
        assert_eq!(HeadsLeaf::parse(&base.leaf()), None);
        let heads = HeadsLeaf { at: -1, covered: 2, total: 1, root: other };
        assert_eq!(HeadsLeaf::parse(&heads.leaf()), Some(heads));
        assert_eq!(HeadsLeaf::parse(&heads.leaf()[..56]), None);
        assert_ne!(label(&other), commitment(&other, b""), "hashes of different things are different");
    }
}
