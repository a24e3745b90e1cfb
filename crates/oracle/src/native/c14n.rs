//! Exclusive canonical forms by libxml2.

use super::document::{Document, Element, write};
use super::ffi;
use super::session::session;
use crate::Apex;
use std::ffi::{CString, c_int, c_void};
use std::ptr::null_mut;

pub(crate) fn exclusive_c14n(xml: &[u8], apex: Apex<'_>, inclusive: &[&str]) -> Result<Vec<u8>, String> {
    session(|| {
        let document = Document::parse(xml)?;
        let apex = match apex {
            Apex::Document => None,
            Apex::Element(number) => {
                Some(*document.elements().get(number).ok_or_else(|| format!("no element {number}"))?)
            }
            Apex::Id(id) => Some(find_id(&document, id).ok_or_else(|| format!("no id {id}"))?),
        };
        canonical(&document, apex, inclusive)
    })
}

fn find_id(document: &Document, id: &str) -> Option<Element> {
    document.elements().into_iter().find(|element| {
        let names = ["ID", "Id", "id"];
        element.attributes().any(|a| names.iter().any(|name| a.has_local_name(name)) && a.value() == id)
    })
}

fn canonical(document: &Document, apex: Option<Element>, inclusive: &[&str]) -> Result<Vec<u8>, String> {
    let prefixes: Result<Vec<CString>, _> = inclusive.iter().map(|prefix| CString::new(*prefix)).collect();
    let prefixes = prefixes.map_err(|_| "a prefix contains NUL")?;
    let mut list: Vec<*mut ffi::xmlChar> =
        prefixes.iter().map(|prefix| prefix.as_ptr().cast_mut().cast()).collect();
    list.push(null_mut());
    let (is_visible, user_data): (Option<ffi::IsVisible>, *mut c_void) = match apex {
        None => (None, null_mut()),
        Some(apex) => (Some(below_apex), apex.as_ptr().cast()),
    };
    write(|output| {
        // SAFETY: document and output are valid; the list of C strings ends with null, lives during the call
        // and is only read; `below_apex` gets the apex that it expects.
        unsafe {
            ffi::xmlC14NExecute(
                document.as_ptr(),
                is_visible,
                user_data,
                ffi::XML_C14N_EXCLUSIVE_1_0,
                list.as_mut_ptr(),
                0,
                output,
            )
        }
    })
}

/// Whether the apex is the node or above it. Namespace nodes are asked about with their element as `parent`;
/// they are no tree nodes, so only the parent is looked at.
unsafe extern "C" fn below_apex(apex: *mut c_void, node: ffi::xmlNodePtr, parent: ffi::xmlNodePtr) -> c_int {
    let apex: ffi::xmlNodePtr = apex.cast();
    let mut ancestor = if node == apex { node } else { parent };
    while !ancestor.is_null() && ancestor != apex {
        // SAFETY: parents of a tree node are valid tree nodes, up to the document, whose parent is null.
        ancestor = unsafe { (*ancestor).parent };
    }
    c_int::from(!ancestor.is_null())
}
