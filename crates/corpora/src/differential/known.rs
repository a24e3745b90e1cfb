//! Disagreements that are understood: each has a rule that takes its cause out of the input, and an input
//! that is committed in `tests/disagreements/` with a line that says who is right and why.

use std::{fs, path::PathBuf};

use serde::Deserialize;

use super::Claim;

/// A rule that recognises a disagreement: without the cause there is none.
struct Rule {
    name: &'static str,
    claim: Claim,
    /// Takes the cause out.
    repair: fn(&str) -> String,
}

const RULES: &[Rule] = &[
    Rule {
        name: "byte-order-mark-inside",
        claim: Claim::Refuses,
        repair: |xml| xml.replace('\u{FEFF}', "x"),
    },
    Rule { name: "nul-behind-root", claim: Claim::Refuses, repair: before_nul },
    Rule { name: "empty-identifier", claim: Claim::Verifies, repair: without_empty_identifiers },
];

/// A committed disagreement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// Its input, beside the list.
    pub file: String,
    /// The claim that it breaks.
    pub claim: String,
    /// The rule that recognises it.
    pub rule: String,
    /// Who is right: `us`, `libxml2` or `libxmlsec1`.
    pub right: String,
    /// Why.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    disagreement: Vec<Committed>,
}

/// The name of the rule that explains how these bytes break the claim.
#[must_use]
pub fn rule_for(claim: Claim, input: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(input).ok()?;
    let explains = |rule: &&Rule| {
        let repaired = (rule.repair)(text);
        rule.claim == claim && repaired != text && claim.broken_by(repaired.as_bytes()).is_none()
    };
    RULES.iter().find(explains).map(|rule| rule.name)
}

/// Names of all rules.
pub fn rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.name)
}

/// The committed disagreements with their inputs.
///
/// # Panics
/// When the list or an input cannot be read.
#[must_use]
pub fn committed() -> Vec<(Committed, Vec<u8>)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/disagreements"));
    let list = fs::read_to_string(folder.join("disagreements.toml")).expect("the list");
    let list: List = toml::from_str(&list).expect("the list of disagreements");
    let input = |entry: &Committed| fs::read(folder.join(&entry.file)).expect("the input of a disagreement");
    list.disagreement.into_iter().map(|entry| (entry.clone(), input(&entry))).collect()
}

fn before_nul(xml: &str) -> String {
    xml.split('\0').next().unwrap_or_default().to_owned()
}

fn without_empty_identifiers(xml: &str) -> String {
    ["ID", "Id", "id", "AssertionID"].iter().fold(xml.to_owned(), |xml, name| {
        xml.replace(&format!("{name}=\"\""), &format!("{name}=\"_was-empty\""))
    })
}
