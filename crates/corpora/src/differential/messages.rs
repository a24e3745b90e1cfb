//! Signed messages: changed in every small way, by name and at random; signed by us for libxmlsec1, and the
//! other way.

use std::sync::OnceLock;

use chukei_crypto::{KeyKind, PublicKey, SignatureAlgorithm, Signer};
use chukei_forge::{
    exhaustive::exhaustive,
    mutation::mutations,
    random,
    sign::uri,
    specimen::{Specimen, Suite, World},
};
use chukei_oracle::{Opinion, sign, wheel};
use chukei_xml::{Document, ns};
use chukei_xml_security::Signing;

use super::{Claim, Disagreement, Report};
use crate::{
    document::read_what_was_signed,
    keys::Candidate,
    policy::{Answer, Seen, answer},
};

/// The signers of the valid world in both suites: they sign every message that is not the attacker's.
struct Signers {
    own: Vec<PublicKey>,
    oracle: Vec<Candidate>,
}

fn signers() -> &'static Signers {
    static SIGNERS: OnceLock<Signers> = OnceLock::new();
    SIGNERS.get_or_init(|| {
        let worlds = [World::with(Suite::Rsa, 0), World::with(Suite::P256, 0)];
        let parties = worlds.iter().flat_map(|world| [&world.relay, &world.requester]);
        let own: Vec<PublicKey> = parties.map(|party| party.key.public_key().clone()).collect();
        let oracle = own.iter().map(|key| Candidate::from_spki(key.spki_der(), false)).collect();
        Signers { own, oracle }
    })
}

/// Claim [`Claim::Verifies`].
pub(super) fn accepts_too_much(input: &[u8]) -> Option<String> {
    match answer(input, &signers().own) {
        Answer::Accepts(seen) => wrongly_accepted(input, &seen),
        Answer::Refuses(_) => None,
    }
}

fn wrongly_accepted(input: &[u8], seen: &Seen) -> Option<String> {
    let document = Document::parse(input).expect("an accepted message");
    let root = document.root();
    let read = document.by_id(&seen.id).unwrap_or(root);
    for (index, signature) in document.signatures().enumerate() {
        let parent = signature.parent().map(chukei_xml::Element::id);
        let is_relied_on = parent == Some(read.id())
            || parent == Some(root.id())
            || signature.parent().is_some_and(|parent| parent.is(ns::WSSE.name("Security")));
        let text = String::from_utf8_lossy(input);
        let fits = |key: &PublicKey| (key.kind() == KeyKind::P256) == text.contains(uri::ECDSA_SHA256);
        let keys = signers().own.iter().zip(&signers().oracle).filter(|(own, _)| fits(own));
        let opinions = || keys.clone().map(|(_, key)| key.opinion(input, index));
        if is_relied_on && !opinions().any(|opinion| opinion == Opinion::Valid) {
            let opinions: Vec<Opinion> = opinions().collect();
            return Some(format!("we accept it, libxmlsec1 says {opinions:?} of signature {index}"));
        }
    }
    read_what_was_signed(seen, input).err()
}

/// Every small change of a message, and some octets changed at random.
pub fn run_small_changes(report: &Report, suite: Suite, specimen: Specimen, seed: u64) {
    let world = World::with(suite, seed);
    let mut draft = world.draft(specimen);
    for (_, spec) in &mut draft.signatures {
        // libxmlsec1 has no STR-Transform, so that the token is signed by its own identifier here.
        spec.references.retain(|reference| {
            reference.transforms.iter().all(|transform| transform.algorithm != uri::STR_TRANSFORM)
        });
    }
    let message = draft.sign();
    let sound = message.bytes();
    check_sound(report, &sound, &format!("{suite:?} {specimen:?}"));
    for (name, root) in exhaustive(&message.root) {
        changed(report, root.write().as_bytes(), || format!("{suite:?} {specimen:?}: {name}"));
    }
    for number in 0..400 {
        let bytes = change_octets(&sound, seed ^ number << 32);
        changed(report, &bytes, || format!("{suite:?} {specimen:?}: octets, {number}"));
    }
}

/// Every named deviation.
pub fn run_named(report: &Report, suite: Suite, seed: u64) {
    let world = World::with(suite, seed);
    for mutation in mutations().iter().filter(|mutation| mutation.suites.contains(&suite)) {
        for specimen in mutation.specimens.iter().filter(|specimen| **specimen != Specimen::Soap) {
            let bytes = mutation.apply(&world, *specimen);
            // Beyond this size libxml2 has limits of its own.
            if bytes.len() < 1 << 20 {
                report.count("messages with a named deviation", 1);
                changed(report, &bytes, || format!("{suite:?} {specimen:?}: {}", mutation.name));
            }
        }
    }
}

fn check_sound(report: &Report, bytes: &[u8], name: &str) {
    report.count("messages, sound", 1);
    if !matches!(answer(bytes, &signers().own), Answer::Accepts(_)) {
        report.fault(format!("{name}: a sound message is refused: {}", answer(bytes, &signers().own)));
    }
    report.check(Claim::Verifies, bytes, || name.to_owned());
}

fn changed(report: &Report, bytes: &[u8], origin: impl FnOnce() -> String) {
    report.count("messages changed", 1);
    let Answer::Accepts(seen) = answer(bytes, &signers().own) else { return };
    report.count("messages changed, accepted all the same", 1);
    if let Some(detail) = wrongly_accepted(bytes, &seen) {
        let (claim, input) = (Claim::Verifies, bytes.to_vec());
        report.disagree(Disagreement { claim, input, detail, origin: origin() });
    }
}

/// A few octets changed, left out, doubled or put in.
fn change_octets(message: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut below = |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % count
    };
    let insertions: [&[u8]; 8] =
        [b" ", b"\n", b"<!---->", b"<![CDATA[]]>", b"&#65;", b"<a/>", b" xmlns:z='urn:z'", b"="];
    let mut bytes = message.to_vec();
    for _ in 0..1 + below(2) {
        let at = below(bytes.len());
        match below(4) {
            0 => bytes[at] = bytes[below(bytes.len())],
            1 => drop(bytes.remove(at)),
            _ => drop(bytes.splice(at..at, insertions[below(8)].iter().copied())),
        }
    }
    bytes
}

/// Messages around random content, signed by us and by libxmlsec1 in our shape.
pub fn run_signing(report: &Report, seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let generated = random::Document::from_seed(seed);
        let Ok(content) = Document::parse(generated.xml.as_bytes()) else { continue };
        for suite in [Suite::Rsa, Suite::P256] {
            let world = World::with(suite, seed);
            ours(report, &world, &content, seed);
            theirs(report, &world, &content, &generated.xml, seed);
        }
    }
}

fn ours(report: &Report, world: &World, content: &Document, seed: u64) {
    let key = &world.relay.key;
    let algorithms = SignatureAlgorithm::ALL.iter().filter(|algorithm| key.public_key().accepts(**algorithm));
    for algorithm in algorithms {
        let is_pss = *algorithm == SignatureAlgorithm::RsaPssSha256;
        if is_pss && wheel::shared().is_none() {
            continue;
        }
        let signer = key.signer(*algorithm).expect("a signer");
        let document = sign_ours(&signer, world, content);
        let bytes = match document {
            Ok(document) => document.write(),
            Err(error) if error.reason() == chukei_reason::Reason::DuplicateId => continue,
            Err(error) => {
                report.fault(format!("seed {seed}: not signed: {error}"));
                continue;
            }
        };
        report.count("messages that we signed", 1);
        let candidate = Candidate::from_spki(key.public_key().spki_der(), false);
        let opinion = candidate.opinion(&bytes, 0);
        if opinion != Opinion::Valid {
            report.fault(format!(
                "seed {seed}, {algorithm:?}: our signature: {opinion:?}\n{}",
                String::from_utf8_lossy(&bytes)
            ));
        }
        check_sound(report, &bytes, &format!("our signature, seed {seed}, {algorithm:?}"));
    }
}

fn sign_ours(
    signer: &dyn Signer,
    world: &World,
    content: &Document,
) -> Result<Document, chukei_xml::XmlError> {
    let signing = Signing::new(signer).with_certificate(&world.relay.certificate);
    signing.document(|w, slot| {
        w.open(ns::SAML.name("Assertion")).attribute("ID", "_signed").attribute("Version", "2.0");
        w.element(ns::SAML.name("Issuer"), world.relay.entity_id);
        slot.enveloped(w, "_signed");
        w.open(ns::SAML.name("AttributeValue")).graft(content.root()).close();
        w.close();
    })
}

/// A template in our shape around the content as it is spelled.
fn theirs(report: &Report, world: &World, content: &Document, xml: &str, seed: u64) {
    let span = content.root().position().span;
    let mut draft = world.draft(Specimen::Assertion);
    draft.message.root.children.push(chukei_forge::raw::Node::Verbatim(xml[span].to_owned()));
    let mut message = draft.sign();
    for value in ["ds:SignedInfo/ds:Reference/ds:DigestValue", "ds:SignatureValue"] {
        message.root.find_mut("ds:Signature").find_mut(value).children.clear();
    }
    if Document::parse(message.bytes()).is_err() {
        return; // an identifier twice
    }
    let pem = world.relay.key.to_pkcs8_pem().expect("a key");
    match sign(&message.bytes(), pem.as_bytes()) {
        Ok(signed) => {
            report.count("messages that libxmlsec1 signed", 1);
            check_sound(report, &signed, &format!("signature of libxmlsec1, seed {seed}"));
        }
        Err(error) => report.fault(format!("seed {seed}: libxmlsec1 does not sign: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_message_breaks_no_claim_and_octets_change() {
        let bytes = World::new(1).message(Specimen::Assertion).bytes();
        assert_eq!(Claim::Reads.broken_by(b"<a"), None);
        if chukei_oracle::available() {
            assert_eq!(Claim::Verifies.broken_by(&bytes), None);
        }
        assert_ne!(change_octets(&bytes, 1), change_octets(&bytes, 2));
    }
}
