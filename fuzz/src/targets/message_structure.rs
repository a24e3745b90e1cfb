//! Signatures over the parts of a SOAP message, with the cryptography out of the way: a part that can be read
//! is a part that a reference covers, and the signer is the sender.

use chukei_reason::Reason;
use chukei_xml::Document;
use chukei_xml_security::Shape;

use crate::{
    parts::{Parts, check_parts},
    signed::{ANYBODY, budget, check_refused_content, fake_trust, verify},
};

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut budget = budget();
    let Ok(document) = Document::parse_within(data, &mut budget) else { return };
    let shape = Shape::message();
    fake_trust(|trust| match verify::<Parts>(&document, &shape, None, trust, &mut budget.clone()) {
        Ok(verified) => {
            check_parts(&document, data, verified.get());
            let header = document.root().elements().next().expect("a header");
            let senders = header.elements().filter_map(|block| block.attribute("providerID"));
            assert!(
                senders.into_iter().any(|sender| sender == verified.signer()),
                "the signer is the sender"
            );
        }
        Err(Some(refusal)) if refusal.reason() == Reason::Key => {
            match verify::<Parts>(&document, &shape, Some(ANYBODY), trust, &mut budget.clone()) {
                Ok(verified) => {
                    check_parts(&document, data, verified.get());
                    assert_eq!(verified.signer(), ANYBODY);
                }
                // An assertion in the message by an unknown issuer.
                Err(Some(refusal)) if refusal.reason() == Reason::Key => {
                    assert!(document.signatures().count() > 1);
                }
                Err(Some(refusal)) => check_refused_content(&refusal),
                Err(None) => panic!("the structure was right before"),
            }
        }
        Err(Some(refusal)) => check_refused_content(&refusal),
        Err(None) => {}
    });
}
