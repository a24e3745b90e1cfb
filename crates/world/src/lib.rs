//! Every party of the mock world, each deviation a named fault switch.
//!
//! * [`folder`]: the world folder, from a seed: authority, keys, certificates, metadata, `world.toml`.
//! * [`people`]: synthetic persons, known in parts to each party.
//! * [`server`], [`client`]: HTTP/1.1 over mutual TLS, limited in everything that a peer decides.

#![forbid(unsafe_code)]

pub mod client;
mod error;
pub mod folder;
mod keys;
pub mod people;
mod pki;
pub mod server;
mod stall;
mod tls;

pub use error::WorldError;
pub use folder::{Plan, World};
pub use tls::TlsIdentity;
