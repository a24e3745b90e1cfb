//! The bindings of the `xmlsec` crate and the functions that they leave out.

use std::ffi::{c_char, c_int, c_void};
pub(super) use xmlsec::bindings::*;

/// libxml2 `c14n.h`: `xmlC14NIsVisibleCallback`.
pub(super) type IsVisible =
    unsafe extern "C" fn(user_data: *mut c_void, node: xmlNodePtr, parent: xmlNodePtr) -> c_int;

/// libxml2 `c14n.h`: `XML_C14N_EXCLUSIVE_1_0`.
pub(super) const XML_C14N_EXCLUSIVE_1_0: c_int = 1;

/// libxmlsec1 `errors.h`: `xmlSecErrorsCallback`.
pub(super) type ErrorsCallback = unsafe extern "C" fn(
    file: *const c_char,
    line: c_int,
    function: *const c_char,
    object: *const c_char,
    subject: *const c_char,
    reason: c_int,
    message: *const c_char,
);

unsafe extern "C" {
    /// libxml2 `c14n.h`: writes the canonical form of the visible nodes; negative on failure.
    pub(super) fn xmlC14NExecute(
        doc: xmlDocPtr,
        is_visible: Option<IsVisible>,
        user_data: *mut c_void,
        mode: c_int,
        inclusive_ns_prefixes: *mut *mut xmlChar,
        with_comments: c_int,
        buf: xmlOutputBufferPtr,
    ) -> c_int;

    /// libxmlsec1 `errors.h`: where errors are told to.
    pub(super) fn xmlSecErrorsSetCallback(callback: Option<ErrorsCallback>);

    /// libxmlsec1 `io.h`: forgets every way to read a URI.
    pub(super) fn xmlSecIOCleanupCallbacks();

    /// OpenSSL `err.h`: empties the error queue of this thread.
    pub(super) fn ERR_clear_error();
}
