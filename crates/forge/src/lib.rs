//! Test support: makes any message, legal or not, from raw trees and keys.
//!
//! Everything here works on raw trees and strings, never on the types of the product. A bug in those cannot hide the
//! same bug in the tests that are made with this crate.
//!
//! * [`raw`]: trees that may say anything, and [`path`]s through them.
//! * [`canonical`]: their canonical forms, written a second time.
//! * [`sign`]: signatures in which every part can be replaced; [`wss`]: those of WS-Security; [`redirect`]: those of
//!   query strings.
//! * [`seal`]: ciphertexts in which every part can be replaced.
//! * [`specimen`]: the valid world. A test starts from it and shows one deviation.
//! * [`mutation`]: named deviations, by the rows of the catalogue of attacks, and [`exhaustive`] ones.
//! * [`random`]: documents from a seed, or from a tape of choices that shrinks.
//!
//! A mistake of a test's author panics, so that the test says what happened.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "test support: a mistake of a test's author shall stop the test"
)]

pub mod canonical;
pub mod exhaustive;
pub mod mutation;
pub mod path;
pub mod random;
pub mod raw;
pub mod redirect;
pub mod seal;
pub mod sign;
pub mod specimen;
pub mod wss;
