//! SOAP 1.1, WS-Addressing, WS-Security and the Liberty ID-WSF 2.0 services that the standard uses.
//!
//! ```text
//! bytes ─ parse ─ shape ─▶ Unverified<Message<B>> ─ verify ─▶ Verified<Message<B>> ─ check ─▶ Accepted<B>
//! Content ─ Compose::sign ─▶ bytes
//! ```
//!
//! **Receiving** is one function, [`Receiver::request`] or [`Receiver::answer`], with one clause per sentence of the
//! standard's chapter on messages. What the one signature did not cover is not read. A message is remembered as used
//! last, when nothing else can refuse it any more. Only [`Accepted`] shows a body.
//!
//! No stage can be skipped, and no answer taken twice; these do not compile:
//!
//! ```compile_fail,E0451
//! use chukei_idwsf::*;
//! fn forge<B>(headers: Headers, body: B) -> Accepted<B> { Accepted { headers, body, sender: String::new() } }
//! ```
//! ```compile_fail,E0616
//! fn peek<B>(message: chukei_idwsf::Message<B>) -> chukei_idwsf::Headers { message.headers }
//! ```
//! ```compile_fail,E0382
//! use chukei_idwsf::*;
//! fn twice(receiver: &Receiver<'_>, awaited: Awaited, answer: &PeerAnswer<'_>, budget: &mut chukei_xml::Budget) {
//!     let _ = receiver.answer::<ims::MappingResponse>(awaited, answer, budget);
//!     let _ = receiver.answer::<ims::MappingResponse>(awaited, answer, budget);
//! }
//! ```
//!
//! **Answering an error** is one table: [`fault()`]. Its bytes depend on nothing that the peer sent.
//!
//! **Feature** `danger-faults`: a [`Checks`] can be told to skip sentences, which is how the mock world gets one fault
//! switch for each. Without the feature there is no such thing, and every check is made.

#![forbid(unsafe_code)]

mod accept;
mod checks;
mod compose;
mod fault;
mod headers;
pub mod ims;
#[cfg(feature = "danger-faults")]
mod lax;
mod names;
mod ports;
mod refusal;
mod soap;
mod status;

pub use accept::{Accepted, Awaited, LONGEST, PeerAnswer, Receiver, Request, SKEW};
pub use checks::Checks;
pub use compose::{Compose, Content};
pub use fault::{Fault, fault};
pub use headers::{Commitment, Headers, Message, Parts, Payload, TargetIdentity, action};
pub use names::ANONYMOUS;
pub use ports::{Randomness, ReplayStore, SystemRandomness, Unavailable, message_id, xml_id};
pub use refusal::Refusal;
pub use status::{Status, code};
