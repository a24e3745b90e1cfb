//! Writing is the exact inverse of reading, and so is the canonical form of what has one.

use chukei_reason::Reason;
use chukei_xml::{Document, Element, Writer};

use crate::scan::{Form, canonical, view};

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    let written = document.write();
    let again = Document::parse(written.as_slice()).expect("what was written is read");
    assert!(again == document, "and equal");
    assert!(same(again.root(), document.root()), "to every reader");
    assert_eq!(again.write(), written, "and written the same again");

    let root = document.root();
    let octets = document.canonical(root).to_vec();
    assert_eq!(canonical(&octets, Form::default()), view(root), "readers see what is canonicalised");
    // More declarations than before may be more nodes than one message may have.
    match Document::parse(octets.as_slice()) {
        Ok(again) => assert_eq!(again.canonical(again.root()).to_vec(), octets),
        Err(error) => assert!(matches!(error.reason(), Reason::Limit(_)), "{error}"),
    }

    for element in root.descendants().take(24) {
        let octets = document.canonical(element).to_vec();
        let copying = Writer::build(|w| {
            w.open_as("w", "urn:w", "w").graft(element).close();
        });
        match copying {
            Ok(grafted) => {
                let copy = grafted.root().elements().next().expect("a copy");
                assert_eq!(grafted.canonical(copy).to_vec(), octets, "a copy has the same canonical form");
            }
            Err(error) => assert!(matches!(error.reason(), Reason::Limit(_)), "{error}"),
        }
    }
}

/// Equal names, attributes, texts and declarations.
fn same(one: Element<'_>, other: Element<'_>) -> bool {
    let declarations = |root: Element<'_>| -> Vec<Vec<(String, String)>> {
        let owned = |(prefix, name): (&str, &str)| (prefix.to_owned(), name.to_owned());
        root.descendants().map(|element| element.own_declarations().map(owned).collect()).collect()
    };
    view(one) == view(other) && declarations(one) == declarations(other)
}
