//! A run is a function of suite, seed, epoch and product.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;

use chukei_evidence::{Outcome, Transcript, What};
use support::{Ground, RELAY, REQUESTER, RESPONDER, model};

fn lines(transcript: &Transcript) -> Vec<String> {
    transcript.events().iter().map(|event| format!("{} {} {:?}", event.seq, event.at, event.what)).collect()
}

#[test]
fn equal_seeds_give_equal_transcripts() {
    let ground = Ground::new();
    for (role, cases) in
        [(RESPONDER, ["query", "envelope/audience"]), (REQUESTER, ["link", "requester/answer"])]
    {
        let (one, other) = (ground.play(role, &[], &cases, 7), ground.play(role, &[], &cases, 7));
        assert!(one.events().len() > 20);
        for (one, other) in lines(&one).iter().zip(&lines(&other)) {
            assert_eq!(one, other);
        }
        assert_eq!(one.events().len(), other.events().len());
        let third = ground.play(role, &[], &cases, 8);
        assert_ne!(lines(&one), lines(&third), "the seed decides nothing");
    }
}

/// The relay seals with keys of its own randomness: what it says differs, what is found does not.
#[test]
fn equal_seeds_give_equal_findings() {
    let ground = Ground::new();
    let cases = ["mapping", "message/to"];
    let outcomes = |transcript: &Transcript| -> BTreeMap<String, Outcome> {
        model(transcript).sentences.iter().map(|one| (one.id.clone(), one.outcome)).collect()
    };
    let sent = |transcript: &Transcript| -> Vec<String> {
        let sent = transcript.events().iter().filter_map(|event| match &event.what {
            What::Sent { body, .. } => Some(format!("{body:?}")),
            _ => None,
        });
        sent.collect()
    };
    let (one, other) = (ground.play(RELAY, &[], &cases, 7), ground.play(RELAY, &[], &cases, 7));
    assert_eq!(sent(&one), sent(&other));
    assert_eq!(outcomes(&one), outcomes(&other));
    assert!(sent(&one).len() > 5);
}
