//! The envelope (seed 003 図5, ③ to ⑤): a number, sealed for one party, signed by the relay.
//!
//! A SAML 2.0 assertion whose Subject is an `EncryptedID` (SAML 2.0 core §2.2.4) for the target and is confirmed by
//! holder-of-key (profiles §3.1) of the requester's key. The requester can check that the relay made it, and for whom; it
//! learns that the person belongs to the target, and nothing else. Answers attacks ENV-01 … ENV-14.

mod accept;
mod mint;

pub use accept::{Acceptor, Opened, Presentation};
#[cfg(feature = "danger-faults")]
pub use mint::Danger;
pub use mint::{Issued, Mint};

/// Seconds that an envelope may be good for.
pub const LONGEST: i64 = 300;
/// The plaintext is filled up to a multiple of this, so that a size says nothing.
pub const BLOCK: usize = 512;
/// The version of the standard that an envelope is of.
pub const VERSION: &str = "1.0";
/// Attribute with the purpose.
pub const PURPOSE: &str = "urn:chukei:1.0:attribute:purpose";
/// Attribute with the request: MessageID, `#`, reqID.
pub const REQUEST: &str = "urn:chukei:1.0:attribute:request";
/// Attribute with the version.
pub const VERSION_ATTRIBUTE: &str = "urn:chukei:1.0:attribute:version";
