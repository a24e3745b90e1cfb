//! The access ledger: who looked at what a relay knows about a person, so that the person need not take its word.
//!
//! # What it promises
//!
//! * **Nothing is changed.** Every entry is a leaf of a Merkle tree (RFC 6962), published as tiles (C2SP tlog-tiles), whose
//!   size and root the relay signs (C2SP tlog-checkpoint) and witnesses sign with the time (C2SP tlog-cosignature).
//! * **Nothing is left out.** The entries about a person are numbered from 1 without a gap, each holds the hash of the one
//!   before, and a map of all last ones ([`heads`]) is the last leaf of every tree that is proved in. The map also adds up how
//!   many entries there are, so whoever has all leaves sees that none stands in the tree without being booked in a chain.
//! * **Nothing is told.** Leaves are hashes; no identifier is in them. What was done opens only with a salt of its own
//!   ([`chain`]). Withheld entries can be seen to be there. When an entry has been kept long enough its salt and content
//!   are destroyed, and every proof still holds.
//! * **Anybody can check it** with one file ([`bundle`]) and no network ([`verify()`]).
//!
//! It cannot show an access that was never recorded, or recorded in another chain than the person's: the parties that
//! asked and answered have the envelope's `ID`, and compare. Two people who are shown different logs find out when they
//! compare checkpoints, or at once where a witness has to sign.
//!
//! Pure: no socket, file or clock. Tiles and pages come through traits, times are arguments.
//!
//! ```
//! use chukei_ledger::{Hash, tiles::Edge};
//!
//! let mut log = Edge::default();
//! log.push(Hash::of_leaf(b"first"));
//! log.push(Hash::of_leaf(b"second"));
//! assert_eq!(log.root(), Hash::of_node(&Hash::of_leaf(b"first"), &Hash::of_leaf(b"second")));
//! ```

#![forbid(unsafe_code)]

pub mod bundle;
pub mod chain;
mod checkpoint;
mod ed25519;
mod hash;
pub mod heads;
mod note;
pub mod tiles;
pub mod tree;
mod verify;

use std::fmt;

pub use bundle::{Bundle, BundleError};
pub use chain::{Content, HeadsLeaf, Link};
pub use checkpoint::{Checkpoint, Distrust, Policy, Trusted};
pub use ed25519::{Ed25519PrivateKey, Ed25519PublicKey};
pub use hash::Hash;
pub use heads::{Head, HeadProof, Part};
pub use note::{KeyUse, Note, NoteSignature, SignerKey, VerifierKey};
pub use verify::{Finding, Seen, Shown, Trust, goes_on, verify};

/// A policy file of the wrong form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Which line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} is expected", self.line, self.expected)
    }
}

impl std::error::Error for PolicyError {}
