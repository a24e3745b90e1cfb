//! What a run leaves behind, and what it proves: transcript, verdicts, and the signed bundle of both.
//!
//! ```text
//! Recorder ─▶ Transcript ─ judge(Registry) ─▶ Model ─ pack ─▶ evidence.chukei ─ verify ─▶ Verified
//!               │ one case and its twin
//!               └─▶ Exchange ─ Judge.rule ─▶ Verdict ─ outcome(level) ─▶ Outcome
//! ```
//!
//! **Promises.** Everything here is a function of its arguments: no clock, no socket, no randomness. Equal transcripts
//! give equal models, and equal bytes. Three policies live here, one function each: [`outcome()`] says what a verdict
//! means, [`negative()`] when a negative case passes, [`judge()`] how verdicts become the statement of a run.
//!
//! **Refuses.** Nothing is green by default: what was not reached is [`Verdict::Unreached`], a transcript without a
//! footer is incomplete, and [`verify`] believes no verdict that it has not computed itself.

#![forbid(unsafe_code)]

mod baseline;
mod bundle;
mod case;
mod catalogue;
mod digest;
mod event;
mod exchange;
mod header;
mod key;
mod model;
pub mod mutate;
mod negative;
mod secrets;
mod transcript;
mod verdict;

pub use baseline::{Baseline, BaselineError, Date, Entry, Expected, Measured, Problem, Why};
pub use bundle::{Fault, FileDigest, Manifest, PackError, Trust, Verified, pack, verify};
pub use case::{Case, Cases, Judge, Registry};
pub use catalogue::{Catalogue, CatalogueError, Lang};
pub use digest::sha256_hex;
pub use event::{Body, Event, NoAnswer, Pin, What};
pub use exchange::{Answer, Apdu, Call, Control, Dead, Exchange, Fields, Said, Sent, Shown};
pub use header::{Agreement, Header, Holding, Number, Party, Person, Product, World};
pub use key::{BundleKey, PublicKey};
pub use model::{BrokenCase, CaseResult, Model, SentenceResult, Standing, Totals, judge};
pub use negative::{Seen, negative};
pub use secrets::{Search, Secrets, TooShort};
pub use transcript::{ChainError, ChainFault, RecordError, Recorder, Run, Transcript};
pub use verdict::{Finding, Outcome, Phrase, Place, Verdict, outcome};
