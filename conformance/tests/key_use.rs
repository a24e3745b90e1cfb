//! What a product does with keys is seen in every role that signs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use chukei_evidence::{Model, Outcome};
use support::{Ground, RELAY, REQUESTER, RESPONDER, model, with};

/// What is found in a mock party with this fault.
fn violated(role: (&str, &str), fault: &str, cases: &[&str]) -> Model {
    let played = Ground::new().play(role, &[fault], cases, 1);
    let model = model(&played);
    assert_eq!(with(&model, Outcome::HarnessError), [""; 0]);
    model
}

#[test]
fn algorithms_of_senders_are_looked_at_in_every_role() {
    for (role, cases) in [
        (RESPONDER, ["query", "linkage/items"]),
        (RELAY, ["mapping", "history"]),
        (REQUESTER, ["link", "control"]),
    ] {
        let model = violated(role, "SignsWithPss", &cases);
        assert_eq!(with(&model, Outcome::Fail), ["signature.algorithm.sent"], "{}", role.0);
    }
    let model = violated(RELAY, "SignsEnvelopesWithPss", &["mapping", "history"]);
    assert_eq!(with(&model, Outcome::Fail), ["signature.algorithm.sent"]);
}

/// A product that looks at no use takes each of these messages: nothing else is wrong with them.
#[test]
fn signatures_by_keys_for_encryption_are_sent_in_every_role() {
    let message = "signature/key/for-encryption";
    let envelope = "signature/key/envelope-by-key-for-encryption";
    for (role, name, sent) in [
        (RESPONDER, "responder", &[message, envelope][..]),
        (RELAY, "relay", &[message]),
        (REQUESTER, "requester", &[message]),
    ] {
        let model = violated(role, "TakesAnyUse", &["signature/key"]);
        assert_eq!(with(&model, Outcome::Fail), ["key.trust.metadata-only"], "{name}");
        let results = model.sentences.iter().flat_map(|sentence| &sentence.results);
        let taken = results.filter(|result| result.outcome == Outcome::Fail);
        let taken: BTreeSet<String> = taken.map(|result| result.case.to_string()).collect();
        assert_eq!(taken, sent.iter().map(|case| format!("{name}/{case}")).collect(), "{name}");
    }
}
