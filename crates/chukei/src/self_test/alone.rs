//! What the self-test of a product without a world needs, whatever its role is.

use std::{collections::BTreeSet, path::Path};

use chukei_conformance::{Case, registry};
use chukei_evidence::{Transcript, judge};
use chukei_harness::Sut;

use super::{EPOCH, features, lost, violated};
use crate::{
    engine::{self, Order},
    say::Failure,
};

/// The seed of every run.
pub(super) const SEED: u64 = 1;

/// Plays every case of a profile. `place` is the part of the product's description that its role has.
pub(super) fn play_alone(
    profile: &str,
    place: &str,
    play: impl FnOnce(&Sut, &Order<'_>, &[&'static Case]) -> Result<Transcript, Failure>,
) -> Result<Transcript, Failure> {
    let known = chukei_spec::Index::profile(profile).ok_or_else(lost)?;
    let text = format!(
        "profile = {profile:?}\nclaims = {:?}\n{place}\
         [product]\nvendor = \"Chukei\"\nname = \"TEST\"\nversion = {:?}\n",
        features(known),
        env!("CARGO_PKG_VERSION"),
    );
    let sut = Sut::parse(&text, Path::new("")).map_err(|fault| Failure::setup(&fault, "self-test"))?;
    let order = Order { select: &[], seed: SEED, epoch: Some(EPOCH), limits: engine::limits() };
    let cases = engine::chosen(&sut, &[])?;
    play(&sut, &order, &cases)
}

/// A product that breaks a rule has to violate these sentences, and no other. Violated sentences are added to `killed`.
pub(super) fn found(
    (role, switch): (&str, &str),
    sentences: &[&str],
    played: &Transcript,
    killed: &mut BTreeSet<String>,
    faults: &mut Vec<String>,
) {
    let failed = violated(&judge(played, registry()));
    let expected: BTreeSet<String> = sentences.iter().map(|&id| id.to_owned()).collect();
    if failed != expected {
        faults.push(format!("{role} {switch}: violated: {failed:?}, not {expected:?}"));
    }
    killed.extend(failed);
}
