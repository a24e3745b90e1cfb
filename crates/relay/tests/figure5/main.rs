//! Figure 5 of the seeds from end to end, in memory: requester, relay and responder, each deviation beside its twin.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_wrap,
    unreachable_pub,
    reason = "a test stops at what it did not expect"
)]

mod door;
mod envelopes;
#[cfg(feature = "danger-faults")]
mod faults;
mod flow;
#[cfg(feature = "danger-faults")]
mod late;
mod ledger;
mod login;
mod messages;
mod notices;
mod requester;
mod rotation;
mod sequences;
#[cfg(feature = "danger-faults")]
mod telling;
mod withholding;
mod world;
