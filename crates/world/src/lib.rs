//! Every party of the mock world, each deviation a named fault switch.
//!
//! * [`folder`]: the world folder, from a seed: authority, keys, certificates, metadata, `world.toml`.
//! * [`people`]: synthetic persons, known in parts to each party.

#![forbid(unsafe_code)]

mod error;
pub mod folder;
mod keys;
pub mod people;
mod pki;

pub use error::WorldError;
pub use folder::{Plan, World};
