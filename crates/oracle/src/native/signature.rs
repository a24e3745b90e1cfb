//! Signatures by libxmlsec1: one key, one context per call, references into the same document only.

use super::document::{Document, Element};
use super::ffi;
use super::session::{complaints, session};
use crate::Opinion;
use std::ffi::CString;
use xmlsec::{XmlSecKey, XmlSecKeyFormat, XmlSecSignatureContext};

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const WSU: &str = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id";
const XSLT: &str = "http://www.w3.org/TR/1999/REC-xslt-19991116";

/// A key of libxmlsec1, public or private.
pub(crate) struct Key(XmlSecKey);

// SAFETY: a key is plain memory of libxmlsec1 without ties to a thread; it is read only inside a session,
// hence by one thread at a time, and its reference to an OpenSSL key is counted atomically when it is
// dropped.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}

impl Key {
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        Self::load(pem, XmlSecKeyFormat::Pem)
    }

    pub(crate) fn from_certificate_pem(pem: &[u8]) -> Result<Self, String> {
        Self::load(pem, XmlSecKeyFormat::CertPem)
    }

    fn load(pem: &[u8], format: XmlSecKeyFormat) -> Result<Self, String> {
        if pem.windows(9).any(|word| word == b"ENCRYPTED") {
            return Err("a key with a password is not loaded".into());
        }
        session(|| {
            XmlSecKey::from_memory(pem, format, None)
                .map(Self)
                .map_err(|error| format!("{error}: {}", complaints("no key")))
        })
    }
}

pub(crate) fn verify(xml: &[u8], key: &Key, id_attributes: &[(&str, &str)], index: usize) -> Opinion {
    session(|| opinion(xml, key, id_attributes, index).unwrap_or_else(Opinion::Error))
}

pub(crate) fn sign(template: &[u8], private_key_pem: &[u8]) -> Result<Vec<u8>, String> {
    let key = Key::from_pem(private_key_pem)?;
    session(|| {
        let document = Document::parse(template)?;
        add_ids(&document, &[("*", "ID"), ("*", "Id"), ("*", "id"), ("*", WSU)])?;
        let signature = find_signature(&document, 0)?;
        let context = context(&key)?;
        // SAFETY: the context has a key and is used once; the node belongs to a document that outlives it.
        let done = unsafe { ffi::xmlSecDSigCtxSign(context.as_ptr(), signature.as_ptr()) };
        if done < 0 {
            return Err(complaints("not signed"));
        }
        drop(context);
        document.to_bytes()
    })
}

fn opinion(xml: &[u8], key: &Key, id_attributes: &[(&str, &str)], index: usize) -> Result<Opinion, String> {
    let document = Document::parse(xml)?;
    add_ids(&document, id_attributes)?;
    let signature = find_signature(&document, index)?;
    let context = context(key)?;
    // SAFETY: the context has a key and is used once; the node belongs to a document that outlives it.
    let (done, status) = unsafe {
        let done = ffi::xmlSecDSigCtxVerify(context.as_ptr(), signature.as_ptr());
        (done, (*context.as_ptr()).status)
    };
    drop(context);
    Ok(match (done, status) {
        (..0, _) => match unsupported(signature) {
            Some(algorithm) => Opinion::Unsupported(algorithm),
            None => Opinion::Error(complaints("not verified")),
        },
        (_, ffi::xmlSecDSigStatus_xmlSecDSigStatusSucceeded) => Opinion::Valid,
        (_, ffi::xmlSecDSigStatus_xmlSecDSigStatusInvalid) => Opinion::Invalid,
        _ => Opinion::Error(complaints("no status")),
    })
}

fn add_ids(document: &Document, id_attributes: &[(&str, &str)]) -> Result<(), String> {
    if id_attributes.is_empty() {
        return Ok(());
    }
    for element in document.elements() {
        for attribute in element.attributes() {
            let is_id = id_attributes.iter().any(|(element_name, name)| {
                (*element_name == "*" || element.has_local_name(element_name))
                    && attribute.has_expanded_name(name)
            });
            if is_id && !document.add_id(&attribute) {
                return Err(format!("duplicate id {}", attribute.value()));
            }
        }
    }
    Ok(())
}

fn find_signature(document: &Document, index: usize) -> Result<Element, String> {
    let mut signatures = document.elements().into_iter().filter(|element| element.is(DSIG, "Signature"));
    signatures.nth(index).ok_or_else(|| format!("no ds:Signature number {index}"))
}

/// A fresh context with this key that follows references into the same document only and has no XSLT.
fn context(key: &Key) -> Result<Context, String> {
    let mut context = XmlSecSignatureContext::new();
    let copy = key.0.clone();
    // SAFETY: only looks whether the copy succeeded.
    if unsafe { copy.as_ptr() }.is_null() {
        std::mem::forget(copy);
        return Err(complaints("key not copied"));
    }
    context.insert_key(copy);
    // SAFETY: the context is valid; the list of transforms is libxmlsec1's own, and is only read.
    unsafe {
        let raw = context.as_ptr();
        (*raw).enabledReferenceUris =
            ffi::xmlSecTransformUriTypeEmpty | ffi::xmlSecTransformUriTypeSameDocument;
        let (all, xslt) = (ffi::xmlSecTransformIdsGet(), ffi::xmlSecTransformXsltGetKlass());
        for position in 0..ffi::xmlSecPtrListGetSize(all) {
            let transform: ffi::xmlSecTransformId = ffi::xmlSecPtrListGetItem(all, position).cast();
            if transform != xslt && ffi::xmlSecDSigCtxEnableReferenceTransform(raw, transform) < 0 {
                return Err(complaints("transform not permitted"));
            }
        }
    }
    Ok(Context(context))
}

/// Lends the raw context without repeating the reason why that is sound.
struct Context(XmlSecSignatureContext);

impl Context {
    fn as_ptr(&self) -> ffi::xmlSecDSigCtxPtr {
        // SAFETY: the pointer is valid while `self` lives; callers do not free it.
        unsafe { self.0.as_ptr() }
    }
}

/// The first algorithm of the signature that libxmlsec1 does not know or may not use here.
fn unsupported(signature: Element) -> Option<String> {
    let names = ["CanonicalizationMethod", "DigestMethod", "SignatureMethod", "Transform"];
    let methods = signature.descendants().into_iter().filter(|e| names.iter().any(|name| e.is(DSIG, name)));
    let algorithms = methods.flat_map(Element::attributes).filter(|a| a.has_expanded_name("Algorithm"));
    let mut refused = algorithms.map(|a| a.value()).filter(|name| name == XSLT || !known(name));
    refused.next()
}

fn known(algorithm: &str) -> bool {
    let Ok(algorithm) = CString::new(algorithm) else { return false };
    let any = ffi::xmlSecTransformUsageAny;
    // SAFETY: the list is libxmlsec1's own and only read, the name is a C string that lives during the call.
    let found = unsafe {
        ffi::xmlSecTransformIdListFindByHref(ffi::xmlSecTransformIdsGet(), algorithm.as_ptr().cast(), any)
    };
    !found.is_null()
}
