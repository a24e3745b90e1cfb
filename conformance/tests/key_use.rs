//! What a product does with keys is seen in every role that signs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use chukei_evidence::Outcome;
use support::{Ground, RELAY, REQUESTER, RESPONDER, model, with};

/// Sentences that a mock party with this fault violates in a few valid exchanges.
fn violated(role: (&str, &str), fault: &str, cases: &[&str]) -> Vec<String> {
    let played = Ground::new().play(role, &[fault], cases, 1);
    let model = model(&played);
    assert_eq!(with(&model, Outcome::HarnessError), [""; 0]);
    with(&model, Outcome::Fail).into_iter().map(str::to_owned).collect()
}

#[test]
fn algorithms_of_senders_are_looked_at_in_every_role() {
    for (role, cases) in [
        (RESPONDER, ["query", "linkage/items"]),
        (RELAY, ["mapping", "history"]),
        (REQUESTER, ["link", "control"]),
    ] {
        assert_eq!(violated(role, "SignsWithPss", &cases), ["signature.algorithm.sent"], "{}", role.0);
    }
    let envelopes = violated(RELAY, "SignsEnvelopesWithPss", &["mapping", "history"]);
    assert_eq!(envelopes, ["signature.algorithm.sent"]);
}
