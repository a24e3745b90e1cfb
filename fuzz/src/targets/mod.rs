//! One module for each target.

pub mod base64;
#[cfg(feature = "oracle")]
pub mod c14n_differential;
pub mod c14n_idempotent;
pub mod card;
pub mod certificate;
pub mod crypto_open;
pub mod date_time;
pub mod diagnosis;
#[cfg(feature = "oracle")]
pub mod dsig_differential;
pub mod dsig_forgery;
pub mod dsig_structure;
pub mod message_structure;
pub mod planted;
pub mod redirect_query;
pub mod writer;
pub mod wss;
pub mod xml_parse;
pub mod xml_roundtrip;
pub mod xmlenc_open;
