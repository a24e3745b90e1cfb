//! Smart cards as software: APDU in, APDU out. Sans-IO: no socket, file, clock or randomness.
//!
//! * A [`Card`] is an [`Image`] (files, PINs, keys, access rules) and what it remembers between two resets.
//!   [`Card::transmit`] answers every byte string with two octets or more, and never panics.
//! * Kinds of cards are data: [`types`] lists them, and an [`Image`] with filled slots is a personalised card.
//! * Applications stand apart: what is verified in one counts nowhere else, and nothing of one is read from another.
//! * A counter of a PIN rises by the right PIN, by the issuer, and in no other way.
//! * What goes wrong is data too: a [`Slot`] holds a card with its [`Fault`]s, and says what a transport has to do.
//! * RSA is asked of a [`PrivateOperation`], so that this crate knows no library. Keys of 1024 bits and SHA-1 belong to
//!   cards of 2010 and exist nowhere else in Chukei.
//!
//! The card edge follows what open clients of the JPKI application show of it; the specification of the card of 2010 is
//! not public, so behaviour that no client shows is a switch of the image ([`Blocked`], [`WrongLength`], …).
//!
//! ```
//! use chukei_card::{Card, CardKey, PrivateOperation};
//!
//! struct NoKeys;
//! impl PrivateOperation for NoKeys {
//!     fn load(&self, _: &[u8], _: u32) -> Option<Box<dyn CardKey>> {
//!         None
//!     }
//! }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut image = chukei_card::named("kokuho-only").ok_or("no such type")?;
//! image.state = chukei_card::LifeCycle::Activated;
//! let mut card = Card::new(image, &NoKeys)?;
//! assert_eq!(card.transmit(b"\x00\xa4\x04\x0c\x0a\xf0KOKUHOAP1"), [0x90, 0x00]);
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod apdu;
mod card;
mod check;
mod fault;
mod files;
mod hex;
mod image;
mod keys;
mod pins;
mod signing;
mod slot;
mod status;
mod types;

pub use apdu::{Command, Instruction, Le};
pub use card::{Card, UnusableKey};
pub use check::{ImageError, mistake};
pub use fault::{Fault, Mishap, NoFault, Place};
pub use hex::{FileId, Hex};
pub use image::{
    Access, Application, Blocked, CertificatePlan, Characters, Digest, File, Image, Key, LifeCycle, Pin,
    Secret, VerifiedAnswer, WrongLength,
};
pub use keys::{CardKey, PrivateOperation};
pub use slot::{Contact, Reply, Slot};
pub use status::Status;
pub use types::{named, types};
