//! Every finding has a text in both languages.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use chukei_evidence::{Catalogue, Lang};

/// Literals in calls that make findings and phrases.
fn used(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            used(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let literals = text.split('"').skip(1).step_by(2).map(str::to_owned);
        let is_key = |key: &String| {
            let groups = ["missing.", "expected.", "observed."];
            groups.iter().any(|group| key.starts_with(group)) && !key.contains(' ')
        };
        found.extend(literals.filter(is_key));
        for call in ["Finding::new(", "issue.wrong(", "Err(sent(", "repeated("] {
            let after = text.split(call).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
            found.extend(after.filter_map(|rest| rest.split('"').next().map(str::to_owned)));
        }
    }
}

#[test]
fn every_finding_has_a_text_in_both_languages_and_every_text_a_finding() {
    let read = |lang: &str| fs::read_to_string(format!("messages/{lang}.toml")).unwrap();
    // The reader holds keys and arguments of both against each other.
    let catalogue = Catalogue::parse(&read("ja"), &read("en")).unwrap();
    let mut keys = BTreeSet::new();
    used(Path::new("src"), &mut keys);
    assert!(keys.len() > 80, "{}", keys.len());
    let known = |key: &&String| {
        Lang::ALL
            .iter()
            .all(|lang| catalogue.text(key, *lang).or(Catalogue::builtin().text(key, *lang)).is_some())
    };
    let lacking: Vec<&String> = keys.iter().filter(|key| !known(key)).collect();
    assert!(lacking.is_empty(), "no text: {lacking:?}");
    // What the engine itself finds is named there.
    let of_engine = ["product.dead", "deviation.accepted"];
    let idle: Vec<&str> =
        catalogue.keys().filter(|key| !keys.contains(*key) && !of_engine.contains(key)).collect();
    assert!(idle.is_empty(), "no finding: {idle:?}");
}
