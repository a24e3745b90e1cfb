//! The committed disagreements are still there, and are what they are said to be.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it did not expect")]

use chukei_corpora::differential::{
    Claim,
    known::{committed, rule_for, rules},
};

#[test]
fn every_disagreement_still_exists_and_has_its_rule() {
    let committed = committed();
    for rule in rules() {
        assert!(committed.iter().any(|(entry, _)| entry.rule == rule), "no input for the rule {rule}");
    }
    for (entry, input) in &committed {
        let claim = Claim::named(&entry.claim).unwrap();
        assert!(["us", "libxml2", "libxmlsec1"].contains(&entry.right.as_str()), "{}", entry.file);
        assert!(!entry.why.is_empty());
        if !chukei_oracle::available() {
            println!("not run: {} without libxml2", entry.file);
            continue;
        }
        assert!(claim.broken_by(input).is_some(), "{} is no disagreement any more", entry.file);
        assert_eq!(rule_for(claim, input), Some(entry.rule.as_str()), "{}", entry.file);
    }
}

#[test]
fn a_rule_does_not_explain_anything_else() {
    if chukei_oracle::available() {
        // Positive case: the same without the cause is no disagreement, and has no rule.
        assert_eq!(Claim::Refuses.broken_by(b"<a>x</a>"), None);
        assert_eq!(rule_for(Claim::Refuses, b"<a>x</a>"), None);
        assert_eq!(rule_for(Claim::Reads, "<a>\u{FEFF}</a>".as_bytes()), None, "another claim");
    }
}
