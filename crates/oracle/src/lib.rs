//! Asks independent implementations what they make of the same bytes.
//!
//! * libxml2 and libxmlsec1 in process, with the feature `libxmlsec1`: [`verify`], [`sign`],
//!   [`exclusive_c14n`], [`well_formed`], [`expand`].
//! * A newer libxmlsec1 as a Python wheel in a process of its own: [`wheel`], [`open_encrypted`],
//!   [`seal_template`]. It knows what the libxmlsec1 1.2 of Debian 12 does not: `xmlenc11#rsa-oaep`, RSA-PSS.
//!
//! An opinion is evidence for tests and never a verdict: libxmlsec1 calls signatures valid that cover
//! nothing, and libxml2 reads documents that our profile refuses. What may be asserted is *we accept ⇒ the
//! oracle says valid* and
//! *both canonical forms are equal*, never the reverse. See [`Opinion`].
//!
//! Nothing is fetched for a document: external entities and DTDs are empty, a reference to anything but the
//! document itself is refused, XSLT is switched off.
//!
//! # Where libxml2 2.9 differs without being right
//! * `&` in a namespace name is written as `&#38;` in the canonical form (Canonical XML 1.0 §2.3 asks for
//!   `&amp;`).
//! * A namespace name that is no URI of RFC 3986 (`http://e/é`, `urn:z"q`) counts as an error.
//! * A NUL after the root element ends the document: what follows is not looked at.
//! * Depth ends near 256 elements, and one text at 10 MB.

#[cfg(not(feature = "libxmlsec1"))]
#[path = "absent.rs"]
mod native;
#[cfg(feature = "libxmlsec1")]
mod native;
pub mod wheel;

/// What an oracle says about a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    /// Every digest and the signature value match, which says nothing about what they cover.
    Valid,
    /// A digest or the signature value does not match.
    Invalid,
    /// The oracle could not come to a result: not well-formed, no signature, broken structure, wrong kind of
    /// key …
    Error(String),
    /// The oracle does not know an algorithm that is asked for, does not permit it here, or is not at hand at
    /// all.
    Unsupported(String),
}

/// Where a canonical form begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apex<'a> {
    /// The document node: the root element and the processing instructions beside it.
    Document,
    /// The element with this number in document order; the root is 0.
    Element(usize),
    /// The first element with an attribute of local name `ID`, `Id` or `id`, in any namespace, that has this
    /// value.
    Id(&'a str),
}

/// A public key, decoded once and used for many verifications.
pub struct TrustedKey(native::Key);

impl TrustedKey {
    /// Reads a `PUBLIC KEY` in PEM (SubjectPublicKeyInfo, RFC 7468 §13).
    ///
    /// # Errors
    /// What the library says if it is none.
    pub fn from_spki_pem(pem: &[u8]) -> Result<Self, String> {
        native::Key::from_pem(pem).map(Self)
    }

    /// Reads the public key of a `CERTIFICATE` in PEM. Nothing in the certificate is checked.
    ///
    /// # Errors
    /// What the library says if it is none.
    pub fn from_certificate_pem(pem: &[u8]) -> Result<Self, String> {
        native::Key::from_certificate_pem(pem).map(Self)
    }
}

/// Whether the in-process oracle is compiled in.
pub fn available() -> bool {
    cfg!(feature = "libxmlsec1")
}

/// The versions of the in-process libraries, for reports.
pub fn versions() -> String {
    native::versions()
}

/// libxmlsec1's opinion of the first `ds:Signature` in document order; see [`verify_at`].
pub fn verify(xml: &[u8], key: &TrustedKey, id_attributes: &[(&str, &str)]) -> Opinion {
    verify_at(xml, key, id_attributes, 0)
}

/// libxmlsec1's opinion of the `ds:Signature` number `index` in document order, with this key and no other:
/// `ds:KeyInfo` is not read.
///
/// `id_attributes` says which attributes are of type ID (XML Signature 1.1 §4.4.3.2): local name of the
/// element, or `*` for any, and name of the attribute, which is `{namespace}local` where it has a namespace.
/// Two equal ids are an error.
pub fn verify_at(xml: &[u8], key: &TrustedKey, id_attributes: &[(&str, &str)], index: usize) -> Opinion {
    native::verify(xml, &key.0, id_attributes, index)
}

/// Fills the first `ds:Signature` of a template (DigestValue and SignatureValue empty) and gives the whole
/// document. Attributes named `ID`, `Id`, `id` or `wsu:Id` are of type ID.
///
/// # Errors
/// What the libraries say.
pub fn sign(template: &[u8], private_key_pem: &[u8]) -> Result<Vec<u8>, String> {
    native::sign(template, private_key_pem)
}

/// libxml2's exclusive canonical form without comments (Exclusive XML Canonicalization 1.0); `inclusive` is
/// the PrefixList of `InclusiveNamespaces`, with `#default` for no prefix.
///
/// # Errors
/// Not well-formed, no such apex, or what libxml2 says.
pub fn exclusive_c14n(xml: &[u8], apex: Apex<'_>, inclusive: &[&str]) -> Result<Vec<u8>, String> {
    native::exclusive_c14n(xml, apex, inclusive)
}

/// Whether libxml2 finds a document well-formed and namespace-well-formed (Namespaces in XML 1.0 §7).
///
/// # Errors
/// Only if libxml2 is not at hand.
pub fn well_formed(xml: &[u8]) -> Result<bool, String> {
    native::well_formed(xml)
}

/// Writes a document without its DTD: attribute defaults of the internal subset are written out, its entities
/// replaced. That makes documents with a DTD usable where a DTD is refused.
///
/// # Errors
/// Not well-formed, which includes entities that expand too far.
pub fn expand(xml: &[u8]) -> Result<Vec<u8>, String> {
    native::expand(xml)
}

/// Opens the first `xenc:EncryptedData` by means of the [`wheel`] and gives back the plaintext octets.
///
/// # Errors
/// The wheel is not at hand, or what it says.
pub fn open_encrypted(xml: &[u8], private_key_pem: &[u8]) -> Result<Vec<u8>, String> {
    wheel::shared().ok_or("no wheel")?.decrypt(xml, private_key_pem)
}

/// Seals `plaintext` by means of the [`wheel`] into the first `xenc:EncryptedData` of a template, whose
/// CipherValues are empty and which has an `xenc:EncryptedKey` for the recipient in its `ds:KeyInfo`. Gives
/// the whole document.
///
/// # Errors
/// The wheel is not at hand, or what it says.
pub fn seal_template(
    template: &[u8],
    plaintext: &[u8],
    recipient_public_pem: &[u8],
) -> Result<Vec<u8>, String> {
    wheel::shared().ok_or("no wheel")?.encrypt(template, plaintext, recipient_public_pem)
}
