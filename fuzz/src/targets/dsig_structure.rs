//! Enveloped signatures with the cryptography out of the way: whatever passes has the one shape, and what is
//! read is the referenced element and nothing else.

use chukei_reason::Reason;
use chukei_xml::{Document, ns};

use crate::{
    scan::child_text,
    signed::{ANYBODY, Read, budget, check_read, check_refused_content, fake_trust, shapes, verify},
};

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut budget = budget();
    let Ok(document) = Document::parse_within(data, &mut budget) else { return };
    if document.root().is(ns::SOAP.name("Envelope")) {
        return; // the target message_structure
    }
    for shape in shapes(&document) {
        fake_trust(|trust| match verify::<Read>(&document, &shape, None, trust, &mut budget.clone()) {
            Ok(verified) => {
                check_read(&document, data, verified.get());
                let said = verified.get();
                for seen in [Some(&said.target), said.root.as_ref()].into_iter().flatten() {
                    let issuer = child_text(&seen.events, ns::SAML.uri(), "Issuer");
                    assert_eq!(issuer, Some(verified.signer()), "the signer is who the signed issuer says");
                }
            }
            Err(Some(refusal)) if refusal.reason() == Reason::Key => {
                match verify::<Read>(&document, &shape, Some(ANYBODY), trust, &mut budget.clone()) {
                    Ok(verified) => {
                        check_read(&document, data, verified.get());
                        assert_eq!(verified.signer(), ANYBODY);
                    }
                    // Another signer of the root than of what is in it.
                    Err(Some(refusal)) if refusal.reason() == Reason::Key => {
                        assert!(document.signatures().count() == 2);
                    }
                    Err(Some(refusal)) => check_refused_content(&refusal),
                    Err(None) => panic!("the structure was right before"),
                }
            }
            Err(Some(refusal)) => check_refused_content(&refusal),
            Err(None) => {}
        });
    }
}
