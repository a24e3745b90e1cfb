//! Test support: what independent files and independent implementations say about the same bytes.
//!
//! Two commands, each behind a gate:
//!
//! * `corpora` (`ci/gate-corpora`) runs foreign test files through the **mechanism** layer (parse, canonical
//!   form, digest, signature value, ciphertext) and through the **policy** (what an entry point of the product
//!   answers). Most foreign files use algorithms that the standard refuses, so the two verdicts differ on
//!   purpose.
//! * `differential` (`ci/gate-differential`) makes documents and messages, changes them, and holds what we say
//!   about them against libxml2 and libxmlsec1.
//!
//! What is expected never comes from the product: it is in the corpus (expected bytes, digests, names, an
//! index of the algorithms that was made with other tools) or is the opinion of another implementation. Where
//! we differ on purpose, `exceptions.toml` and `tests/disagreements/` say why; one that no longer applies
//! fails the gate.
//!
//! The foreign files are outside of the repository, at `CHUKEI_SHARED/corpora`. Without them nothing runs,
//! and that is said.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test support: a mistake stops it"
)]

pub mod canonical;
pub mod ciphers;
pub mod differential;
pub mod document;
pub mod folder;
pub mod keys;
pub mod mechanism;
pub mod policy;
pub mod rearm;
pub mod tally;
pub mod wycheproof;
