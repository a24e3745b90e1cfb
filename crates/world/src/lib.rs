//! The mock world: every party at work, each deviation a named fault switch. For tests and development only.
//!
//! * [`World`]: the world folder, from a seed: authority, keys, certificates, metadata, agreements.
//! * [`people`]: synthetic persons, known in parts to each party.
//! * [`Party::start`]: a relay, responder, requester or portal in a runtime of its own; [`Options`] says with which
//!   [`Faults`], clock, state and test control. Works in a test, in the suite, and as a process ([`run`]).
//! * [`server`], [`client`]: HTTP/1.1 over mutual TLS, limited in everything that a peer decides.
//!
//! ```no_run
//! use chukei_world::{Faults, Options, Party, Plan, World};
//! # fn main() -> Result<(), chukei_world::WorldError> {
//! let world = World::generate("world".as_ref(), Plan::new(7))?;
//! let faults = Faults::named(["skips:envelope.audience.self"])?;
//! let responder = Party::start(&world, "insurer-b", Options { faults, ..Options::default() })?;
//! println!("{:?}", responder.endpoint());
//! responder.stop();
//! # Ok(()) }
//! ```
//!
//! What a party decides is in `chukei-relay`, without sockets; here it is only carried. The switches come from
//! `danger-faults` of the crates below, which no product switches on.

#![forbid(unsafe_code)]

pub mod cards;
mod checkpoints;
pub mod client;
mod clock;
mod control;
mod core;
mod door;
mod error;
mod faults;
pub mod folder;
mod keys;
mod link;
mod log;
mod making;
mod party;
pub mod people;
mod pki;
mod prover;
mod random;
mod register;
pub mod run;
pub mod server;
mod stall;
mod state;
mod steady;
mod tls;

pub use clock::Clock;
pub use error::WorldError;
pub use faults::{FaultName, Faults, fault_names};
pub use folder::{Plan, World};
pub use link::{Ending, Link, Outcome, Shown, ShownBenefit, ShownEligibility, Via};
pub use party::{Handle, Options, Party};
pub use tls::{Clients, TlsIdentity};

pub use chukei_store::{Location, Pace};
