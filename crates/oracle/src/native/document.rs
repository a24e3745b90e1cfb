//! A libxml2 document: parsed without reading anything but the bytes, walked, written.

use super::ffi;
use super::session::{complaints, session};
use std::ffi::{CStr, CString, c_int};
use std::ptr::{null, null_mut};

pub(crate) fn well_formed(xml: &[u8]) -> Result<bool, String> {
    Ok(session(|| Document::parse_with(xml, ffi::xmlParserOption_XML_PARSE_NONET).is_ok()))
}

pub(crate) fn expand(xml: &[u8]) -> Result<Vec<u8>, String> {
    session(|| {
        let document = Document::parse(xml)?;
        // Without its DTD, because libxml2 adds elements to what it takes for XHTML.
        // SAFETY: the document is valid. Its DTD, null or valid, is freed once out of the tree, when nothing is
        // written any more that could refer to its entities.
        unsafe {
            let dtd = ffi::xmlGetIntSubset(document.0);
            ffi::xmlUnlinkNode(dtd.cast());
            let written = write(|output| document.write_nodes(output));
            if !dtd.is_null() {
                ffi::xmlFreeDtd(dtd);
            }
            written
        }
    })
}

/// An owned libxml2 document. Lives inside one session.
pub(super) struct Document(ffi::xmlDocPtr);

impl Document {
    /// Parses with entities replaced and attribute defaults added, as Canonical XML 1.0 §2.1 asks for.
    pub(super) fn parse(xml: &[u8]) -> Result<Self, String> {
        let local_dtd = ffi::xmlParserOption_XML_PARSE_NOENT | ffi::xmlParserOption_XML_PARSE_DTDATTR;
        Self::parse_with(xml, ffi::xmlParserOption_XML_PARSE_NONET | local_dtd)
    }

    fn parse_with(xml: &[u8], options: ffi::xmlParserOption) -> Result<Self, String> {
        let length = c_int::try_from(xml.len()).map_err(|_| "too long for libxml2")?;
        let options = c_int::try_from(options).map_err(|_| "options")?;
        // SAFETY: no argument.
        let context = unsafe { ffi::xmlNewParserCtxt() };
        if context.is_null() {
            return Err("no parser context".into());
        }
        // SAFETY: the context is fresh, `xml` is valid for `length` bytes and only read; null URL and
        // encoding are permitted; the context is read after parsing and freed once.
        let (document, namespace_well_formed) = unsafe {
            let bytes = xml.as_ptr().cast();
            let document = ffi::xmlCtxtReadMemory(context, bytes, length, null(), null(), options);
            let namespace_well_formed = (*context).nsWellFormed != 0;
            ffi::xmlFreeParserCtxt(context);
            (document, namespace_well_formed)
        };
        if document.is_null() {
            return Err(complaints("not well-formed"));
        }
        let document = Self(document);
        if namespace_well_formed { Ok(document) } else { Err(complaints("not namespace-well-formed")) }
    }

    pub(super) fn as_ptr(&self) -> ffi::xmlDocPtr {
        self.0
    }

    /// Every element in document order.
    pub(super) fn elements(&self) -> Vec<Element> {
        // SAFETY: the document is valid while `self` lives.
        let root = unsafe { ffi::xmlDocGetRootElement(self.0) };
        // SAFETY: null or the root of a valid document.
        unsafe { elements_below(root) }
    }

    /// The whole document in UTF-8.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let (mut bytes, mut length) = (null_mut(), 0);
        // SAFETY: the document is valid; the two places live during the call; libxml2 allocates the bytes.
        unsafe { ffi::xmlDocDumpMemoryEnc(self.0, &raw mut bytes, &raw mut length, c"UTF-8".as_ptr()) };
        // SAFETY: null or `length` bytes, copied and freed once.
        let copy = unsafe { take(bytes, length) };
        copy.ok_or_else(|| complaints("cannot be written"))
    }

    /// Makes the attribute an ID of its element. False if another attribute has the same ID.
    pub(super) fn add_id(&self, attribute: &Attribute) -> bool {
        let Ok(value) = CString::new(attribute.value()) else { return false };
        let value: *const ffi::xmlChar = value.as_ptr().cast();
        // SAFETY: document and attribute belong together and are valid; `value` is a C string that libxml2
        // copies.
        unsafe {
            let known = ffi::xmlGetID(self.0, value);
            if known.is_null() {
                !ffi::xmlAddID(null_mut(), self.0, value, attribute.0).is_null()
            } else {
                known == attribute.0
            }
        }
    }

    /// # Safety
    /// `output` is a valid output buffer.
    unsafe fn write_nodes(&self, output: ffi::xmlOutputBufferPtr) -> c_int {
        // SAFETY: the document is valid, its nodes are only read; the caller vouches for the buffer.
        unsafe {
            let mut node = (*self.0).children;
            while !node.is_null() {
                ffi::xmlNodeDumpOutput(output, self.0, node, 0, 0, c"UTF-8".as_ptr());
                node = (*node).next;
            }
        }
        0
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        // SAFETY: owned by `self` and freed once.
        unsafe { ffi::xmlFreeDoc(self.0) };
    }
}

/// An element of a [`Document`]; not used after the document is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Element(ffi::xmlNodePtr);

impl Element {
    pub(super) fn as_ptr(self) -> ffi::xmlNodePtr {
        self.0
    }

    pub(super) fn has_local_name(self, name: &str) -> bool {
        // SAFETY: an element has a name, which is a C string.
        unsafe { equal((*self.0).name, name) }
    }

    pub(super) fn is(self, namespace: &str, local_name: &str) -> bool {
        // SAFETY: `ns` is null or a valid declaration with a null or valid name.
        self.has_local_name(local_name) && unsafe { in_namespace((*self.0).ns, namespace) }
    }

    pub(super) fn descendants(self) -> Vec<Element> {
        // SAFETY: a valid element.
        unsafe { elements_below(self.0) }
    }

    pub(super) fn attributes(self) -> impl Iterator<Item = Attribute> {
        let pointer = |pointer: ffi::xmlAttrPtr| (!pointer.is_null()).then_some(Attribute(pointer));
        // SAFETY: a valid element; its attributes are a list of valid nodes that ends with null.
        let first = pointer(unsafe { (*self.0).properties });
        // SAFETY: as above.
        std::iter::successors(first, move |attribute| pointer(unsafe { (*attribute.0).next }))
    }
}

/// An attribute of an [`Element`].
pub(super) struct Attribute(ffi::xmlAttrPtr);

impl Attribute {
    pub(super) fn has_local_name(&self, name: &str) -> bool {
        // SAFETY: an attribute has a name, which is a C string.
        unsafe { equal((*self.0).name, name) }
    }

    /// `name` is `local`, or `{namespace}local`.
    pub(super) fn has_expanded_name(&self, name: &str) -> bool {
        let (namespace, local_name) =
            name.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap_or(("", name));
        // SAFETY: `ns` is null or a valid declaration with a null or valid name.
        self.has_local_name(local_name) && unsafe { in_namespace((*self.0).ns, namespace) }
    }

    pub(super) fn value(&self) -> String {
        // SAFETY: a valid attribute; the value is null or a C string that libxml2 allocates, copied and freed
        // once.
        unsafe {
            let value = ffi::xmlNodeListGetString((*self.0).doc, (*self.0).children, 1);
            if value.is_null() {
                return String::new();
            }
            let copy = CStr::from_ptr(value.cast()).to_string_lossy().into_owned();
            free(value);
            copy
        }
    }
}

/// Lets `fill` write into a libxml2 buffer, which it must not free, and gives what was written.
pub(super) fn write(fill: impl FnOnce(ffi::xmlOutputBufferPtr) -> c_int) -> Result<Vec<u8>, String> {
    // SAFETY: both are checked for null and freed once; closing the output flushes into the buffer, which is
    // valid for as many bytes as it says.
    unsafe {
        let buffer = ffi::xmlBufferCreate();
        let output = ffi::xmlOutputBufferCreateBuffer(buffer, null_mut());
        if output.is_null() {
            ffi::xmlBufferFree(buffer);
            return Err("no output buffer".into());
        }
        let filled = fill(output);
        let closed = ffi::xmlOutputBufferClose(output);
        let (start, length) = (ffi::xmlBufferContent(buffer), ffi::xmlBufferLength(buffer));
        let written =
            usize::try_from(length).map(|length| std::slice::from_raw_parts(start, length).to_vec());
        ffi::xmlBufferFree(buffer);
        match written {
            Ok(written) if filled >= 0 && closed >= 0 => Ok(written),
            _ => Err(complaints("cannot be written")),
        }
    }
}

/// `top` and the elements below it in document order, without recursion.
///
/// # Safety
/// `top` is null or a valid element.
unsafe fn elements_below(top: ffi::xmlNodePtr) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut node = top;
    // SAFETY: every pointer comes from the tree of `top`, which is not changed here.
    unsafe {
        while !node.is_null() {
            if (*node).type_ == ffi::xmlElementType_XML_ELEMENT_NODE {
                elements.push(Element(node));
                if !(*node).children.is_null() {
                    node = (*node).children;
                    continue;
                }
            }
            while node != top && (*node).next.is_null() {
                node = (*node).parent;
            }
            node = if node == top { null_mut() } else { (*node).next };
        }
    }
    elements
}

/// # Safety
/// `declaration` is null or valid.
unsafe fn in_namespace(declaration: ffi::xmlNsPtr, namespace: &str) -> bool {
    // SAFETY: the caller's promise; the name of a declaration is null or a C string.
    unsafe {
        declaration.as_ref().map_or(namespace.is_empty(), |declaration| equal(declaration.href, namespace))
    }
}

/// # Safety
/// `text` is null or a C string.
unsafe fn equal(text: *const ffi::xmlChar, to: &str) -> bool {
    if text.is_null() {
        return to.is_empty();
    }
    // SAFETY: not null, and a C string by the caller's promise.
    unsafe { CStr::from_ptr(text.cast()) }.to_bytes() == to.as_bytes()
}

/// # Safety
/// `bytes` is null or allocated by libxml2 with `length` bytes, and not used afterwards.
unsafe fn take(bytes: *mut ffi::xmlChar, length: c_int) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    if bytes.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let copy = unsafe { std::slice::from_raw_parts(bytes, length) }.to_vec();
    // SAFETY: the caller's promise.
    unsafe { free(bytes) };
    Some(copy)
}

/// # Safety
/// `memory` is null or allocated by libxml2, and not used afterwards.
unsafe fn free(memory: *mut ffi::xmlChar) {
    // SAFETY: libxml2's own deallocator, which is set once when it is initialised and accepts null.
    unsafe {
        if let Some(free) = ffi::xmlFree {
            free(memory.cast());
        }
    }
}
