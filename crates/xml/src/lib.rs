//! Bytes → one bounded, namespace-aware tree → exclusive canonical form.
//!
//! ```text
//! &[u8] ─ input: UTF-8, characters, line ends ─ tokens: grammar ─ build: names, namespaces, ids ─▶ Document
//! Document ─ canonical: Exclusive XML Canonicalization 1.0 ─▶ bytes that are digested
//! Document ─ write ─▶ bytes that parse to an equal Document
//! ```
//!
//! **Promises.** A [`Document`] is well-formed XML 1.0 (fifth edition) with Namespaces 1.0, was read once, and is
//! what both the canonicaliser and every reader look at: there is no second parse in which they could differ.
//! Text is one piece between two tags, whatever comments, CDATA sections and references it was written with.
//! Nothing recurses, not even drop, so depth costs no stack. Everything that a sender can multiply is counted by
//! one [`Budget`]. Nothing outside the bytes is ever read.
//!
//! **Refuses**, because no message of the standard has them and each has carried an attack:
//! encodings other than UTF-8, document type declarations (entities, defaulted attributes, external subsets),
//! processing instructions, namespace names that are not absolute URIs (they have no canonical form), reserved
//! `xml:` attributes other than `xml:lang` and `xml:space`, and equal values in two identifier attributes.
//!
//! **Below** are quick-xml's tokenizers, and only they: where a comment, an instruction or a broken tag ends is theirs to
//! say, and debug builds assert that they agree about sound tags, whose end the grammar itself finds. quick-xml leaves
//! about thirty rules of XML to its user; they are in the private modules `input`, `tokens` and `build`.
//!
//! Errors are [`XmlError`]: the [`Reason`](chukei_reason::Reason), the place (line, column, byte span of the input)
//! and what was expected there.

#![forbid(unsafe_code)]

mod budget;
mod build;
mod canonical;
mod chars;
mod document;
mod element;
mod error;
mod input;
pub mod lexical;
mod name;
mod scope;
mod tokens;
mod writer;

pub use budget::{Budget, Limits, Spent};
pub use canonical::{Canonical, Sink};
pub use document::{Document, NodeId};
pub use element::{Attribute, Children, Element, Node};
pub use error::{Position, XmlError};
pub use name::{Name, Namespace, ns};
pub use writer::Writer;
