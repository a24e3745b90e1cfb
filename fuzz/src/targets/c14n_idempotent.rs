//! Canonical forms of any part of a document, with any prefix list, against a second canonicaliser.

use chukei_forge::{path, raw};
use chukei_reason::Reason;
use chukei_xml::{Document, Element};

use crate::{
    scan::{Form, canonical, view},
    source::hash,
};

/// Runs the target. Apex, omitted part and prefix list are chosen by a hash of the input.
pub fn run(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    let chosen = hash(data);
    let elements: Vec<Element<'_>> = document.root().descendants().collect();
    let index = chosen as usize % elements.len();
    let apex = elements[index];
    let omitted = (chosen >> 16) as usize % (2 * elements.len());
    let omitted = elements.get(omitted).filter(|part| apex.contains(**part) && part.id() != apex.id());
    let every: Vec<&str> = document.declared_prefixes().take(8).collect();
    let listed = every.iter().enumerate().filter(|(bit, _)| chosen >> (32 + bit) & 1 == 1);
    let listed: Vec<&str> = listed.map(|(_, p)| if p.is_empty() { "#default" } else { p }).collect();
    let prefixes = listed.join(" ");
    let apex_default = prefixes.is_empty() && chosen >> 62 & 1 == 1;

    let form = document.canonical(apex);
    let form = omitted.map_or(form.clone(), |part| form.omit(part.id()));
    let form = if apex_default { form.with_apex_default() } else { form };
    let form = match form.inclusive(&prefixes) {
        Ok(form) => form,
        Err(error) => {
            assert_eq!(error.reason(), Reason::C14n, "a listed prefix is not in scope");
            return;
        }
    };
    let octets = form.to_vec();
    let seen = omitted.filter(|part| part.parent().is_some_and(|p| p.id() == apex.id()));
    let events = canonical(&octets, Form { prefixes: &prefixes, apex_default });
    if omitted.is_none() || seen.is_some() {
        assert_eq!(events, view(seen.map_or(apex, |part| apex.confined(Some(part.id())))));
    }

    if let Ok(again) = Document::parse(octets.as_slice()) {
        let form = again.canonical(again.root());
        let form = if apex_default { form.with_apex_default() } else { form };
        if let Ok(form) = form.inclusive(&prefixes) {
            assert_eq!(form.to_vec(), octets, "canonical octets are their own canonical form");
        }
    }
    second_opinion(
        &document,
        index,
        omitted.map(|part| position(&elements, *part)),
        &prefixes,
        apex_default,
        &octets,
    );
}

fn position(elements: &[Element<'_>], part: Element<'_>) -> usize {
    elements.iter().position(|element| element.id() == part.id()).expect("an element of the document")
}

fn second_opinion(
    document: &Document,
    apex: usize,
    omitted: Option<usize>,
    prefixes: &str,
    apex_default: bool,
    octets: &[u8],
) {
    let text = String::from_utf8(document.write()).expect("UTF-8");
    let root = raw::parse(&text).expect("what was written is read");
    let mut locations = path::inside(&root);
    locations.insert(0, Vec::new());
    let form = chukei_forge::canonical::Form {
        prefixes: prefixes.to_owned(),
        apex_default,
        ..chukei_forge::canonical::Form::default()
    };
    let omitted = omitted.map(|index| locations[index].as_slice());
    let second = form.octets(&root, &locations[apex], omitted);
    assert_eq!(
        String::from_utf8_lossy(&second),
        String::from_utf8_lossy(octets),
        "both canonicalisers agree"
    );
}
