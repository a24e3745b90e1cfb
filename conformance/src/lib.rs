//! The content of the suite: cases and judges for every role, with the texts of what they find.
//!
//! * [`cases()`]: what the suite does with a product, as tables where possible; [`run()`] plays them in an order of the seed.
//! * [`registry()`]: the same with the judges, for `chukei_evidence::judge` and `verify`. Judges are pure functions of what
//!   was recorded; each names a sentence, which brings the level.
//! * [`catalogue()`]: the texts of findings in Japanese and English.
//!
//! A negative case is a valid message with one declared deviation. Its twin is the same message without it. What was
//! declared is looked for in the delivered bytes (module `facts`) before anything is said about the product.

#![forbid(unsafe_code)]
#![allow(
    clippy::result_large_err,
    clippy::type_complexity,
    reason = "a judge leaves early with its verdict; a finding is made once in a run, and speed is elsewhere"
)]

mod acts;
mod card;
mod case;
mod cases;
mod facts;
mod judges;
mod ledger;
mod login;
mod read;
mod refuse;
mod run;
mod trust;
mod visit;

use std::sync::OnceLock;

use chukei_evidence::{self as evidence, Catalogue, Registry};

pub use case::{Bend, Case, Kind, Play};
pub use ledger::unproved;
pub use run::{SelectError, Stage, header, run, select};

/// Version of the suite.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

struct Suite {
    cases: Vec<Case>,
    about: Vec<evidence::Case>,
    judges: Vec<evidence::Judge>,
}

fn suite() -> &'static Suite {
    static SUITE: OnceLock<Suite> = OnceLock::new();
    SUITE.get_or_init(|| {
        let cases = cases::all();
        let about = cases.iter().map(|case| case.about).collect();
        Suite { cases, about, judges: judges::all() }
    })
}

/// Every case.
#[must_use]
pub fn cases() -> &'static [Case] {
    &suite().cases
}

/// Every case and judge, as evidence is judged by.
#[must_use]
pub fn registry() -> &'static Registry<'static> {
    static REGISTRY: OnceLock<Registry<'static>> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry { suite: VERSION, cases: &suite().about, judges: &suite().judges })
}

/// The texts of findings, in Japanese and English.
#[must_use]
pub fn catalogue() -> &'static Catalogue {
    static TEXTS: OnceLock<Catalogue> = OnceLock::new();
    TEXTS.get_or_init(|| {
        // A test reads both files; if they could not be read, keys would be shown in place of texts.
        Catalogue::parse(include_str!("../messages/ja.toml"), include_str!("../messages/en.toml"))
            .unwrap_or_default()
    })
}
