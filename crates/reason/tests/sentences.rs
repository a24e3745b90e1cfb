//! Each reason names a sentence of the standard, and each sentence is there once, in both languages, with a keyword.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path};

use chukei_reason::Reason;

const ROLES: [&str; 9] =
    ["receiver", "sender", "relay", "requester", "responder", "vendor", "card", "terminal", "ledger"];

/// Sentences by identifier: the lines that follow `r[…]`.
fn sentences() -> BTreeMap<String, Vec<String>> {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(spec).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some((id, role)) = line.strip_prefix("r[").and_then(|rest| rest.split_once("] ")) else {
                continue;
            };
            assert!(ROLES.contains(&role), "{}: role of {id}", path.display());
            let body: Vec<_> =
                lines.by_ref().take_while(|line| !line.is_empty()).map(str::to_owned).collect();
            assert!(found.insert(id.to_owned(), body).is_none(), "{id} stands twice");
        }
    }
    found
}

#[test]
fn every_reason_has_its_sentence() {
    let sentences = sentences();
    for reason in Reason::all() {
        assert!(sentences.contains_key(reason.sentence()), "{reason}: no sentence {}", reason.sentence());
    }
    assert!(!sentences.contains_key("xml.nonsense"));
}

#[test]
fn every_sentence_stands_in_both_languages_with_a_keyword() {
    for (id, body) in sentences() {
        let (japanese, english) = match body.as_slice() {
            [japanese, english] => (japanese, english),
            [japanese, english, evidence] if !evidence.contains("MUST") => (japanese, english),
            _ => panic!("{id}: one line of Japanese, one of English"),
        };
        assert!(japanese.contains('。') && !english.contains('。'), "{id}: Japanese first, then English");
        let levels = [
            ("なければならない", "MUST"),
            ("てはなら", "MUST NOT"),
            ("てよい", "MAY"),
            ("べきである", "SHOULD"),
        ];
        assert!(levels.iter().any(|(ja, en)| japanese.contains(ja) && english.contains(en)), "{id}: keyword");
    }
}
