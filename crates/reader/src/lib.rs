//! Carries cards to software, and makes TEST cards.
//!
//! * A [`Device`] is a reader with its card: [`Device::transmit`] in process, [`Device::serve`] towards pcscd, over
//!   vpcd's TCP port or the AF_UNIX socket of our own PC/SC driver. Both speak the same frames.
//! * [`control`] moves a device by lines of text: insert, eject, fault, state.
//! * [`issue`] fills the slots of a card type with keys, certificates and numbers of a made-up [`Holder`].
//!
//! The keys are TEST keys: whoever knows the seed knows them. [`OpenSsl`] is the only thing here that signs.

#![forbid(unsafe_code)]

mod authority;
pub mod control;
mod der;
mod device;
mod frames;
mod holder;
mod issue;
mod keys;
mod trace;

pub use device::{Address, Device, Seen, Watch};
pub use holder::{ATTRIBUTES, Holder};
pub use issue::{Deviation, IssueError, Issued, IssuedCertificate, Order, issue};
pub use keys::OpenSsl;
pub use trace::Trace;
