//! A proof bundle: everything that one person needs to check their history, in one JSON file.
//!
//! | member | what it holds |
//! |---|---|
//! | `format`, `version` | `chukei-ledger-proof`, 1 |
//! | `log` | the log's key as a vkey (C2SP signed-note), for whoever has no policy of their own |
//! | `checkpoints` | signed notes, the sizes growing; everything is proved in the tree of the last |
//! | `consistency` | between each checkpoint and the next, the proof that the newer tree begins with the older |
//! | `chain.key` | the key of the person's chain: its hash is the label in links and in the map |
//! | `chain.entries` | all entries, from number 1 on: `link` values, `leaf` (index in the tree), `inclusion`; `salt` and `content`, unless withheld or destroyed, in whose place `commitment` stands |
//! | `heads` | the newest map of heads: its leaf's values and index, `inclusion`, and `proof` of the chain's place |
//!
//! Hashes, keys and salts are base64 of 32 octets. Times are seconds since 1970. Unknown members are refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Content, Hash, HeadProof, HeadsLeaf, Link};

/// `format` of every bundle.
pub const FORMAT: &str = "chukei-ledger-proof";
/// `version` of this release.
pub const VERSION: u32 = 1;
/// Octets of the largest bundle that is read.
pub const LIMIT: usize = 256 * 1024 * 1024;

/// A proof bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The log's key, as a vkey.
    pub log: String,
    /// Signed notes, the sizes growing.
    pub checkpoints: Vec<String>,
    /// For each checkpoint but the first: the proof from the one before.
    pub consistency: Vec<Vec<Hash>>,
    /// The person's chain.
    pub chain: Chain,
    /// Where it stands in the map of heads.
    pub heads: Heads,
}

/// All entries about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The chain's key.
    pub key: Hash,
    /// The entries, from number 1 on.
    pub entries: Vec<Entry>,
}

/// An entry with its place in chain and tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// As in [`Link`].
    pub number: u64,
    /// As in [`Link`].
    pub previous: Hash,
    /// As in [`Link`].
    pub keep_until: i64,
    /// As in [`Link`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld_until: i64,
    /// As in [`Link`].
    pub commitment: Hash,
    /// What opens the commitment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Hash>,
    /// What was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Index of its leaf in the tree.
    pub leaf: u64,
    /// The proof that it stands there.
    pub inclusion: Vec<Hash>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
const fn is_zero(value: &i64) -> bool {
    *value == 0
}

impl Entry {
    /// Its place in the chain with this label.
    #[must_use]
    pub const fn link(&self, label: Hash) -> Link {
        Link {
            label,
            number: self.number,
            previous: self.previous,
            keep_until: self.keep_until,
            withheld_until: self.withheld_until,
            commitment: self.commitment,
        }
    }
}

/// A map of heads, and the chain's place in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heads {
    /// What the leaf says.
    pub values: HeadsLeaf,
    /// Index of the leaf in the tree.
    pub leaf: u64,
    /// The proof that it stands there.
    pub inclusion: Vec<Hash>,
    /// The chain's place.
    pub proof: HeadProof,
}

/// A file that is no bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// Not JSON, or not of the shape.
    Shape {
        /// Line, from 1; 0 when there is none.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What was expected, in English.
        error: String,
    },
    /// Another format or version.
    Version {
        /// What it says it is.
        found: String,
    },
    /// Larger than [`LIMIT`].
    Size,
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { line, column, error } => write!(f, "{line}:{column}: {error}"),
            Self::Version { found } => write!(f, "{found} instead of {FORMAT} {VERSION}"),
            Self::Size => write!(f, "more than {LIMIT} octets"),
        }
    }
}

impl std::error::Error for BundleError {}

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn parse(json: &[u8]) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Kind {
            format: String,
            version: u32,
        }
        if json.len() > LIMIT {
            return Err(BundleError::Size);
        }
        let shape = |error: serde_json::Error| BundleError::Shape {
            line: error.line(),
            column: error.column(),
            error: error.to_string(),
        };
        // First what it is: a later version may have other members.
        let kind: Kind = serde_json::from_slice(json).map_err(shape)?;
        if (kind.format.as_str(), kind.version) != (FORMAT, VERSION) {
            return Err(BundleError::Version { found: format!("{:.40} {}", kind.format, kind.version) });
        }
        serde_json::from_slice(json).map_err(shape)
    }

    /// The bundle as it is written to a file.
    ///
    /// # Errors
    /// [`BundleError::Shape`] when the serialiser fails.
    pub fn json(&self) -> Result<String, BundleError> {
        let text = serde_json::to_string_pretty(self).map(|text| text + "\n");
        text.map_err(|error| BundleError::Shape { line: 0, column: 0, error: error.to_string() })
    }
}
