//! Fuzz targets. Each is a function of some octets that panics when its crate breaks a promise.
//!
//! `ci/fuzz TARGET SECONDS` runs one with libFuzzer, `ci/fuzz-smoke` all of them for a fixed number of
//! executions, and `cargo test` in this package runs each on every seed and finding. Nothing here is part of
//! the product: trust is in a key that accepts every signature where a target is about what comes before or
//! after the cryptography.

#![forbid(unsafe_code)]

pub mod mutate;
pub mod parts;
pub mod scan;
pub mod seeds;
pub mod signed;
pub mod source;
pub mod targets;
pub mod work;

use targets::*;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its module.
    pub name: &'static str,
    /// Runs it on one input; panics on a finding.
    pub run: fn(&[u8]),
    /// What its inputs are; the directory of `seeds/` that it starts from.
    pub input: &'static str,
    /// Executions in `ci/fuzz-smoke`.
    pub runs: u32,
}

macro_rules! targets {
    ($( $(#[$on:meta])* $name:ident, $input:literal, $runs:literal; )*) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(
            $(#[$on])*
            Target { name: stringify!($name), run: $name::run, input: $input, runs: $runs },
        )*];
    };
}

targets! {
    xml_parse, "xml", 250_000;
    xml_roundtrip, "xml", 200_000;
    c14n_idempotent, "xml", 150_000;
    writer, "program", 200_000;
    dsig_structure, "signed", 80_000;
    dsig_forgery, "signed", 80_000;
    message_structure, "signed", 80_000;
    wss, "program", 15_000;
    xmlenc_open, "sealed", 100_000;
    redirect_query, "query", 150_000;
    base64, "base64", 100_000;
    date_time, "date_time", 150_000;
    certificate, "der", 300_000;
    diagnosis, "signed", 30_000;
    crypto_open, "gcm", 200_000;
    card, "apdu", 100_000;
    #[cfg(feature = "oracle")]
    c14n_differential, "xml", 150_000;
    #[cfg(feature = "oracle")]
    dsig_differential, "signed", 40_000;
}

/// A target with a planted mistake, for the self-test of `ci/fuzz-smoke`.
pub const PLANTED: Target = Target { name: "planted", run: planted::run, input: "planted", runs: 1_000_000 };

/// Whether a target's inputs are XML, which is then also mutated by its structure.
#[must_use]
pub fn is_xml(target: &Target) -> bool {
    matches!(target.input, "xml" | "signed" | "sealed")
}
