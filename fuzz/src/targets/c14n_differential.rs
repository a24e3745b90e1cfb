//! What we read, libxml2 reads; and both canonical forms are equal.

use chukei_oracle::{Apex, exclusive_c14n, well_formed};
use chukei_xml::{Document, Element};

use crate::source::{STANDARD, hash};

/// Runs the target. Apex and prefix list are chosen by a hash of the input.
pub fn run(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    // libxml2 2.9 holds namespace names to a grammar of URIs, and escapes `&` in them in a way of its own.
    let plain = |name: &str| {
        let rest = name.strip_prefix("urn:");
        rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b':'))
            || STANDARD.iter().any(|known| known.uri() == name)
    };
    let elements: Vec<Element<'_>> = document.root().descendants().collect();
    if !elements.iter().flat_map(|element| element.own_declarations()).all(|(_, name)| plain(name)) {
        return;
    }
    assert_eq!(well_formed(data), Ok(true), "libxml2 refuses what we read");
    let chosen = hash(data);
    let index = chosen as usize % elements.len();
    let every: Vec<&str> = document.declared_prefixes().take(8).collect();
    let listed = every.iter().enumerate().filter(|(bit, _)| chosen >> (32 + bit) & 1 == 1);
    let listed: Vec<&str> = listed.map(|(_, p)| if p.is_empty() { "#default" } else { p }).collect();
    let Ok(form) = document.canonical(elements[index]).inclusive(&listed.join(" ")) else { return };
    let theirs = exclusive_c14n(data, Apex::Element(index), &listed).expect("a canonical form");
    assert_eq!(String::from_utf8_lossy(&form.to_vec()), String::from_utf8_lossy(&theirs), "{listed:?}");
}
