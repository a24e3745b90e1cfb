//! Equal seeds, equal clocks: equal runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use chukei_crypto::UnixTime;
use chukei_world::run::Running;
use chukei_world::{Clock, Options};
use support::{anywhere, world};

/// What everybody wrote down in one run with this seed.
fn logs(seed: u64) -> Vec<String> {
    let options =
        |_: &_| Options { seed: Some(seed), clock: Clock::fixed(UnixTime(1_790_000_000)), ..anywhere() };
    let running = Running::start(world(), options).unwrap();
    running.smoke(world()).unwrap();
    let logs = ["relay", "insurer-a", "insurer-b", "portal"].map(|name| running.party(name).unwrap().logs());
    running.stop();
    logs.concat()
}

#[test]
fn a_seed_gives_the_same_identifiers_again() {
    let first = logs(1);
    assert!(first.len() > 8 && first.iter().any(|line| line.contains("urn:uuid:")), "{first:?}");
    assert_eq!(first, logs(1));
    assert_ne!(first, logs(2));
}
