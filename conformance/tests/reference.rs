//! The mock world, run by the standard, passes everything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use chukei_evidence::Standing;
use support::{Ground, LEDGER, RELAY, REQUESTER, RESPONDER, blemishes, model};

fn passes(role: (&str, &str)) {
    let played = Ground::new().play(role, &[], &[], 1);
    let model = model(&played);
    assert_eq!(model.standing, Standing::Conformant, "{}", blemishes(&model));
}

#[test]
fn the_responder_passes_everything() {
    passes(RESPONDER);
}

#[test]
fn the_relay_passes_everything() {
    passes(RELAY);
}

#[test]
fn the_ledger_passes_everything() {
    passes(LEDGER);
}

#[test]
fn the_requester_passes_everything() {
    passes(REQUESTER);
}
