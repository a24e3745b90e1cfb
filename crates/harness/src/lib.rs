//! Drives a product: faces it as its counterparts, keeps seed and clock, finds set-up faults.
//!
//! * [`message`]: the suite's own messages, valid by default, every part a field to bend; [`kit`]: where each starts.
//! * [`face`]: the suite as all counterparts of the product, over mutual TLS; everything is recorded.
//! * [`terminal`]: the suite as the terminal that a card is in; [`visitor`]: as the person who uses a terminal.
//! * [`world`] and [`people`]: the folder that `chukei world` makes.
//! * [`sut`] and [`doctor`]: the description of a product, and what is wrong with a set-up ([`setup`]).
//! * [`seed`] and [`clock`]: what would else be random.
//!
//! Nothing here judges. A product that hangs, closes, or answers garbage gives an event, never a hang.

#![forbid(unsafe_code)]

pub mod clock;
mod control;
pub mod doctor;
pub mod face;
pub mod kit;
pub mod message;
pub mod people;
mod record;
pub mod seed;
pub mod setup;
pub mod sut;
pub mod terminal;
pub mod visitor;
pub mod wire;
pub mod world;

pub use clock::Clock;
pub use doctor::Examination;
pub use face::{Called, Exchanged, Face, Script, Scripted, Target};
pub use kit::Kit;
pub use message::{Draft, Envelope, Input};
pub use record::{Broken, Record};
pub use seed::Ids;
pub use setup::{Fix, Setup};
pub use sut::{CardPlace, Sut, TerminalPlace};
pub use terminal::{Contacts, Pins, Terminal, Unproved};
pub use visitor::{Counter, Task, Visit, Visitor};
pub use wire::{Endpoint, Limits, Reply, Response};
pub use world::World;
