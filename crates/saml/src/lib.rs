//! SAML 2.0 assertions, metadata and their processing rules, as far as the standard uses them.
//!
//! [`Assertion`] is what an assertion says, read from the subtree that its own signature covered; whether it may be acted
//! upon is decided above, with [`Conditions`] and [`SubjectConfirmation`] in hand. [`metadata`] is where keys and
//! endpoints come from, and nowhere else.
//!
//! Numbers and names of persons ([`NameId`]) have no `Display`, show nothing in `Debug` and are overwritten when dropped.

#![forbid(unsafe_code)]

mod assertion;
pub mod metadata;
mod name_id;
mod names;

pub use assertion::{
    Assertion, Attribute, Conditions, Subject, SubjectConfirmation, date_time, write_attribute,
};
pub use name_id::NameId;
pub use names::*;
