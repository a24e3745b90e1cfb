//! Times, for a person.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;
use std::time::Instant;
#[test]
#[ignore]
fn times() {
    let t = Instant::now();
    let ground = support::Ground::new();
    println!("world {:?}", t.elapsed());
    for pattern in [
        "message/to",
        "envelope/audience",
        "forged/message/doctype*",
        "forged/envelope/transform*",
        "transport",
        "forged/message/nesting*",
        "linkage",
    ] {
        let t = Instant::now();
        let played = ground.play(support::RESPONDER, &[], &[pattern], 1);
        let cases = played.cases().len();
        let played_in = t.elapsed();
        let t = Instant::now();
        let _ = support::model(&played);
        println!("{pattern}: {cases} cases, played {played_in:?}, judged {:?}", t.elapsed());
    }
}
