//! Initialises the libraries once, lets one thread in at a time and collects what they complain about.

use super::ffi;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::{Mutex, Once, PoisonError};
use xmlsec::XmlSecSignatureContext;

/// The complaints of one call stay shorter than this.
const COMPLAINTS: usize = 4_000;

thread_local! {
    static COLLECTED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work` with the libraries initialised, alone, and with an empty list of complaints.
pub(super) fn session<T>(work: impl FnOnce() -> T) -> T {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    initialise();
    // SAFETY: stores a function pointer in state that libxml2 keeps per thread; the function lives forever.
    unsafe { ffi::xmlSetStructuredErrorFunc(null_mut(), Some(collect_libxml2)) };
    COLLECTED.with_borrow_mut(String::clear);
    let result = work();
    // SAFETY: takes nothing; the queue belongs to this thread. Other users of OpenSSL must not find our
    // errors.
    unsafe { ffi::ERR_clear_error() };
    result
}

/// What was complained about in this session so far, or `otherwise`.
pub(super) fn complaints(otherwise: &str) -> String {
    COLLECTED.with_borrow(|text| if text.is_empty() { otherwise.to_owned() } else { text.clone() })
}

fn initialise() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: no argument; libxml2 asks for one call before threads use it, and `Once` gives it.
        unsafe { ffi::xmlInitParser() };
        drop(XmlSecSignatureContext::new()); // initialises libxmlsec1 and its OpenSSL part
        // SAFETY: libxmlsec1 is initialised, the functions that are passed live forever, and nothing else of
        // this crate runs. Other users of libxml2 in this process lose external entities as well.
        unsafe {
            ffi::xmlSecErrorsSetCallback(Some(collect_libxmlsec1));
            ffi::xmlSecIOCleanupCallbacks();
            ffi::xmlSetExternalEntityLoader(Some(load_nothing));
        }
    });
}

unsafe extern "C" fn load_nothing(
    _url: *const c_char,
    _id: *const c_char,
    _context: ffi::xmlParserCtxtPtr,
) -> ffi::xmlParserInputPtr {
    null_mut()
}

unsafe extern "C" fn collect_libxml2(_user_data: *mut c_void, error: ffi::xmlErrorPtr) {
    // SAFETY: libxml2 passes null or an error that lives during the call.
    let Some(error) = (unsafe { error.as_ref() }) else { return };
    if error.level < ffi::xmlErrorLevel_XML_ERR_ERROR {
        return;
    }
    // SAFETY: the message is null or a C string owned by the error.
    let message = unsafe { text(error.message) };
    collect(&format!("libxml2 line {}: {}", error.line, message.trim_end()));
}

unsafe extern "C" fn collect_libxmlsec1(
    _file: *const c_char,
    _line: c_int,
    function: *const c_char,
    _object: *const c_char,
    subject: *const c_char,
    reason: c_int,
    message: *const c_char,
) {
    // SAFETY: libxmlsec1 passes null or C strings that live during the call.
    let (function, subject, message) = unsafe { (text(function), text(subject), text(message)) };
    collect(&format!("{function}: {subject}: {message} (reason {reason})"));
}

fn collect(complaint: &str) {
    COLLECTED.with(|text| {
        // Never unwinds: this runs below C code.
        let Ok(mut text) = text.try_borrow_mut() else { return };
        if text.len() + complaint.len() < COMPLAINTS {
            if !text.is_empty() {
                text.push_str("; ");
            }
            text.push_str(complaint);
        }
    });
}

/// # Safety
/// `text` is null or points to a C string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
