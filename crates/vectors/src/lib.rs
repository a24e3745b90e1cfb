//! Test vectors: reads them, runs them against the product crates, generates them.
//!
//! ```text
//! generate ──▶ vectors/KIND/ROW.json ──▶ read (unknown fields are errors) ──▶ run ──▶ result, reason, values read
//! ```
//!
//! A vector is one input with one verdict, `valid` or `invalid`. Every invalid one names its **twin**: a
//! valid vector of the same generator without the one deviation, so that a broken generator cannot pass for a
//! working check. Rows are those of the catalogue of bad inputs; `vectors/rows.toml` lists which are
//! required, `ci/gate-attacks` counts them.
//!
//! **Ids are permanent.** `XML-000102` is case 2 of row `XML-01` for ever. The generator keeps what exists
//! and only adds; it refuses to give a published id another meaning.
//!
//! **Adding rows.** One module per prefix under `generate/`, entered in `generate::MODULES`. A module is a
//! function that takes the [`generate::Book`], opens a row, and adds vectors to it; each is compared with the
//! last valid one:
//!
//! ```text
//! let mut row = book.row("XML-01", Kind::XmlParse, Flag::Doctype);
//! row.valid(0, message(""), "no declaration", "宣言なし");
//! row.invalid(1, message("<!DOCTYPE x>"), Reason::Doctype, "empty declaration", "空の宣言");
//! ```
//!
//! Then `cargo run -p chukei-vectors --bin vectors-generate`. A new kind of vector needs a variant of
//! [`Kind`], its fields in [`schema`] and in `vectors/schema.json`, and a function in [`run`].

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "test support: a mistake stops it"
)]

pub mod context;
pub mod generate;
pub mod model;
pub mod rows;
pub mod run;
mod run_security;
pub mod schema;
pub mod store;

pub use schema::{Group, Input, Kind, Outcome, Vector};
