//! `chukei verify`: whether a bundle holds what it says, without network and without the product.

use chukei_evidence::{Fault, PublicKey, Standing, Trust, Verified};
use chukei_spec::Index;

use crate::{
    args::Verify,
    foreign,
    run::test_key,
    say::{Exit, Failure, Say},
};

/// Recomputes digests, chain and verdicts, and checks the signature.
pub(crate) fn verify(asked: &Verify, say: &Say) -> Result<Exit, Failure> {
    let bytes = std::fs::read(&asked.bundle).map_err(|error| Failure::read(&asked.bundle, &error))?;
    let keys = asked
        .key
        .iter()
        .map(|text| PublicKey::parse(&text.to_ascii_lowercase()).ok_or_else(|| bad_key(text)));
    let keys: Vec<PublicKey> = keys.collect::<Result<_, _>>()?;
    let trust = if keys.is_empty() { Trust::AnyKey } else { Trust::Keys(&keys) };
    match chukei_evidence::verify(&bytes, chukei_conformance::registry(), trust) {
        Ok(verified) => {
            tell(&verified, keys.is_empty(), say);
            // That a selection is met says nothing about the rest.
            let is_shown = !asked.conformant || verified.model.standing == Standing::Conformant;
            Ok(if is_shown { Exit::Conformant } else { Exit::Nonconformant })
        }
        Err(fault) => Err(refused(&fault, say)),
    }
}

fn tell(verified: &Verified, is_any_key: bool, say: &Say) {
    let header = verified.transcript.header();
    let product = &header.product;
    say.result(say.text(
        "verify.holds",
        [
            product.full_title(),
            header.profile.clone(),
            say.text::<&str>(&format!("standing.{}", verified.model.standing.name()), []),
            verified.model.totals.cases.to_string(),
        ],
    ));
    let all = Index::profile(&header.profile).map_or(&[][..], |profile| profile.features);
    let unclaimed = all.iter().map(|feature| feature.name);
    let unclaimed = unclaimed.filter(|name| !header.features.iter().any(|claimed| claimed == name));
    let list = |names: Vec<&str>| if names.is_empty() { "–".to_owned() } else { names.join(", ") };
    let strings = |names: &[String]| list(names.iter().map(String::as_str).collect());
    let claims = [
        strings(&header.features),
        list(unclaimed.collect()),
        strings(&header.selection),
        header.seed.to_string(),
    ];
    say.result(say.text("verify.claims", claims));
    let key = if is_any_key { "verify.any-key" } else { "verify.trusted-key" };
    say.result(say.text(key, [verified.signer.to_string()]));
    let seed = verified.manifest.seed;
    if test_key(seed).is_some_and(|key| key.public() == verified.signer) {
        say.result(say.text("verify.test-key", [seed.to_string()]));
    }
}

pub(crate) fn refused(fault: &Fault, say: &Say) -> Failure {
    Failure::new(Exit::Unverified, "verify.refused", [foreign::say(&fault.phrase(), say.lang)])
}

fn bad_key(text: &str) -> Failure {
    Failure::new(Exit::Usage, "verify.bad-key", [text])
}
