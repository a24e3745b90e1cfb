//! Signs, verifies, seals and opens XML in the one shape that the standard allows.
//!
//! ```text
//! Document ─ locate ─▶ Unverified<T> ─ verify ─▶ Verified<T>        (saml: ─ accept ─▶ Accepted<T>)
//!     ▲                                                 │ Refusal           (diagnosis: ─ of ─▶ Diagnosis)
//!     └──────────────────── open ◀── EncryptedData ─────┘
//! ```
//!
//! **Promises.**
//! * [`Verified`] is made in one place, after structure, digests and signature have been checked, and its value was
//!   read from the very subtree that was digested ([`FromSigned`]); readers cannot see anything else.
//! * Structure before cryptography: every `ds:Signature` of the document stands where the schema has one, has the one
//!   shape, and refers to its own parent ([`Shape`]); before that, no key is touched.
//! * Keys come from the [`TrustStore`] only. `ds:KeyInfo` is a hint which of the signer's keys to try first, and is
//!   never followed or fetched.
//! * What was opened is a [`Document`](chukei_xml::Document) again: decryption makes nothing trustworthy.
//! * Everything between "ciphertext seen" and "plaintext read" is refused with reasons that share one public answer.
//!
//! **Refuses** everything else that XML Signature and XML Encryption can say: other algorithms, transforms,
//! references to anything but the parent (or, in a SOAP message, to header blocks, Body and tokens), `Object`,
//! `Manifest`, several `SignedInfo`, `RetrievalMethod`, `CipherReference`, several recipients.
//!
//! The stages cannot be skipped; these do not compile:
//!
//! ```compile_fail,E0451
//! fn forge(value: String) -> chukei_xml_security::Verified<String> {
//!     chukei_xml_security::Verified { value, signer: String::new(), key: [0; 32], _signature: loop {} }
//! }
//! ```
//! ```compile_fail,E0603
//! let token = chukei_xml_security::verified::SignatureVerified(());
//! ```
//! ```compile_fail,E0616
//! fn peek(message: chukei_xml_security::Unverified<String>) -> chukei_xml::Document {
//!     message.located.document
//! }
//! ```
//! ```compile_fail,E0382
//! use chukei_xml_security::*;
//! fn twice<T: FromSigned>(message: Unverified<T>, trust: &TrustStore, budget: &mut chukei_xml::Budget) {
//!     let at = chukei_crypto::UnixTime(0);
//!     let _ = message.verify(trust, at, budget);
//!     let _ = message.verify(trust, at, budget);
//! }
//! ```

#![forbid(unsafe_code)]

mod encryption;
mod locate;
mod message;
mod names;
mod redirect;
mod sign;
mod structure;
mod trust;
mod verified;

pub use encryption::{Recipient, Sealed, open};
pub use locate::Shape;
pub use redirect::{VerifiedQuery, sign_query, verify_query};
pub use sign::{Part, Signing, Slot};
pub use structure::{Reference, SignatureStructure};
pub use trust::{KeyUse, TrustStore, TrustedKey};
pub use verified::{FromSigned, Refusal, Signed, Unverified, Verified};
