//! SOAP 1.1: what is checked of a document before its signature, because SOAP says so or because the signature's
//! structure needs it. Nothing is read here.

use chukei_reason::Reason;
use chukei_xml::{Document, Element, lexical};

use crate::{Checks, Refusal, names::*};

/// Checks shape, understanding and unity of the header.
pub(crate) fn check(document: &Document, checks: &Checks) -> Result<(), Refusal> {
    // SOAP 1.1 §4; [message.soap.shape]
    let shaped = shape(document);
    checks.require(
        "message.soap.shape",
        shaped.is_some(),
        Reason::Soap,
        "Envelope with one Header, then one Body",
    )?;
    let Some(header) = document.root().elements().find(|child| child.is(HEADER)) else { return Ok(()) };

    // SOAP 1.1 §4.2.3; [message.header.understood]
    let understood = header.elements().all(|block| is_profiled(block) || !must_be_understood(block));
    checks.require(
        "message.header.understood",
        understood,
        Reason::MustUnderstand,
        "no mandatory header block that the standard does not have",
    )?;

    // ID-WSF SOAP Binding 2.0 §5; [message.header.once]
    let once = |parent: Element<'_>, name| parent.elements().filter(|child| child.is(name)).nth(1).is_none();
    let security = header.elements().find(|child| child.is(SECURITY));
    let unique = PROFILED.into_iter().all(|name| once(header, name))
        && security.is_none_or(|security| once(security, TIMESTAMP));
    checks.require("message.header.once", unique, Reason::DuplicateHeader, "each header block once")
}

/// Whether the Body holds a Fault. Looked at before any signature, for a fault carries none.
pub(crate) fn is_fault(document: &Document) -> bool {
    let body = document.root().elements().find(|child| child.is(BODY));
    body.is_some_and(|body| body.elements().any(|child| child.is(SOAP_FAULT)))
}

fn shape(document: &Document) -> Option<()> {
    let root = document.root();
    root.is(ENVELOPE).then_some(())?;
    let mut children = root.children();
    let header = children.required(HEADER).ok()?;
    children.required(BODY).ok()?;
    children.finish().ok()?;
    // A header holds blocks, not text.
    let mut blocks = header.children();
    while blocks.any().ok()?.is_some() {}
    Some(())
}

fn is_profiled(block: Element<'_>) -> bool {
    PROFILED.into_iter().any(|name| block.is(name))
}

fn must_be_understood(block: Element<'_>) -> bool {
    let demanded = block.attribute_in(MUST_UNDERSTAND).map(lexical::trim);
    let for_us = block.attribute_in(ACTOR).is_none_or(|actor| actor.is_empty() || actor == NEXT_ACTOR);
    for_us && matches!(demanded, Some("1" | "true"))
}
