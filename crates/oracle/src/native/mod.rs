//! libxml2 and libxmlsec1 in process, one call at a time.
//!
//! Built on the bindings of the `xmlsec` crate; [`ffi`] declares what they leave out. Two faults of that
//! crate are kept away from: a key with a password is never loaded (its wrapper frees the password before
//! use), and a signature context serves one call (a second verification on it fails).

mod c14n;
mod document;
mod ffi;
mod session;
mod signature;

pub(crate) use c14n::exclusive_c14n;
pub(crate) use document::{expand, well_formed};
pub(crate) use signature::{Key, sign, verify};

pub(crate) fn versions() -> String {
    let text = |version: &[u8]| String::from_utf8_lossy(version).trim_end_matches('\0').to_owned();
    format!("libxml2 {}, libxmlsec1 {}", text(ffi::LIBXML_DOTTED_VERSION), text(ffi::XMLSEC_VERSION))
}
