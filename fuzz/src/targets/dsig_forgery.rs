//! With real keys: whatever verifies says what the seeds said when they were signed.

use std::{collections::HashSet, sync::LazyLock};

use chukei_xml::{Budget, Document};

use crate::{
    parts::{Parts, check_parts},
    seeds::{SIGNED, trust},
    signed::{Read, SIGNERS, check_read, shapes, verify},
};

/// Digests of everything that was signed.
static SAID: LazyLock<HashSet<[u8; 32]>> = LazyLock::new(|| {
    let said = SIGNED.iter().flat_map(|seed| {
        let digests = read(&Document::parse(*seed).expect("a seed"), seed);
        assert!(!digests.is_empty(), "a seed verifies");
        digests
    });
    said.collect()
});

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    for digest in read(&document, data) {
        assert!(SAID.contains(&digest), "something that nobody signed");
    }
}

/// Digests of everything in a document that can be read.
fn read(document: &Document, data: &[u8]) -> Vec<[u8; 32]> {
    let mut digests = Vec::new();
    for shape in shapes(document) {
        // Metadata names no signer.
        for signer in [None, Some(SIGNERS[0])] {
            let mut budget = Budget::default();
            if document.root().local() == "Envelope" {
                let verified = verify::<Parts>(document, &shape, signer, trust(), &mut budget);
                digests
                    .extend(verified.iter().flat_map(|verified| check_parts(document, data, verified.get())));
            } else {
                let verified = verify::<Read>(document, &shape, signer, trust(), &mut budget);
                digests.extend(verified.iter().map(|verified| check_read(document, data, verified.get())));
            }
        }
    }
    digests
}
