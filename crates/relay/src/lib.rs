//! Decides, from a message, a time and its stores, what a party answers and records. Sans-IO: no clock, socket, file or
//! thread; time is an argument, stores are traits.
//!
//! ```text
//!                ① map                    ② ③ handle
//! Requester ───────────────▶ Relay ───────────────────▶ Requester::take_mapping   (one envelope for each input)
//!                ④ query                  ⑤ handle
//! Requester ───────────────▶ Responder ──── notice ───▶ Relay::handle             (recorded, receipted)
//!                            Responder::complete ◀── receipt
//!                ⑥ answer
//! Requester::take_answer ◀── Responder
//! ```
//!
//! [`Relay::handle`] and [`Responder::handle`] take a request and give a [`Step`]: a [`Reply`], or something to be sent to
//! another party first. What waits for an answer is consumed by taking it, so no answer is accepted twice or for another
//! request. What must be recorded is recorded before the reply is made; if a store does not answer, neither do we.
//!
//! An envelope is forwarded once; this does not compile:
//!
//! ```compile_fail,E0382
//! use chukei_relay::{Envelope, Requester};
//! fn twice(requester: &Requester, envelope: Envelope, now: chukei_crypto::UnixTime) {
//!     let _ = requester.query(envelope, &[], None, now);
//!     let _ = requester.query(envelope, &[], None, now);
//! }
//! ```
//!
//! **Feature** `danger-faults`: parties with faults of their own choice, for the mock world. Without it none exist.

#![forbid(unsafe_code)]

/// Whether a mock party has this fault; never, without the feature.
macro_rules! faulty {
    ($party:expr, $fault:ident) => {{
        #[cfg(feature = "danger-faults")]
        let has = $party.faults.has($crate::faults::Fault::$fault);
        #[cfg(not(feature = "danger-faults"))]
        let has = false;
        has
    }};
}

pub mod changes;
#[cfg(feature = "danger-faults")]
pub mod faults;
#[cfg(feature = "danger-faults")]
mod forgetful;
pub mod login;
mod mapping;
pub mod memory;
pub mod numbers;
mod party;
mod ports;
mod recording;
mod relay;
mod relayed;
mod requester;
mod responder;
#[cfg(feature = "danger-faults")]
mod telling;

pub use chukei_idwsf::{
    Awaited, Checks, Commitment, PeerAnswer, Randomness, Refusal, ReplayStore, Request, SystemRandomness,
    Unavailable,
};
pub use party::{Outgoing, Party, Reply, Step};
pub use ports::{
    AccessLog, Agreements, Carried, Disclosed, Issuance, MappingStore, NewEntry, Page, Person, Proofs,
    Record, Recorded, Records,
};
pub use recording::{Ending, Recording};
pub use relay::Relay;
pub use relayed::Relaying;
pub use requester::{Ask, Asking, Envelope, HistoryAsked, Mapped, Mapping, Requester, Whom};
pub use responder::{Disclosing, Responder};
