//! What this standard adds: identifiers, purposes, the envelope, insurer linkage, disclosure and access history.
//!
//! * [`Identifier`]: a number of a person, in the one form of its [`Scheme`], used character by character.
//! * [`envelope`]: that number, sealed for one party, signed by the relay, to be presented once, by one holder, for one
//!   [`Purpose`].
//! * [`login`]: who is there, by card.
//! * [`linkage`], [`disclosure`], [`history`]: what is said about the person afterwards, never with the number.

#![forbid(unsafe_code)]

mod date;
pub mod disclosure;
pub mod envelope;
pub mod history;
mod identifier;
pub mod linkage;
pub mod login;
pub mod proof;
mod purpose;
mod read;

pub use date::Date;
pub use identifier::{Identifier, Malformed, Scheme};
pub use purpose::Purpose;
