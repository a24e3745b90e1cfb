//! Rows of the catalogue that no single input can state.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test, helpers included")]

use chukei_crypto::UnixTime;
use chukei_forge::{
    mutation::named,
    specimen::{Specimen, World},
};
use chukei_reason::Reason;
use chukei_vectors::model::Assertion;
use chukei_xml::{Budget, Document, XmlError};
use chukei_xml_security::{FromSigned, Shape, Signed, TrustStore, TrustedKey, Unverified};

struct Issuer(String);

impl FromSigned for Issuer {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let fields = Assertion::read(signed.element()?)?.0;
        Ok(Self(fields.get("Issuer").cloned().unwrap_or_default()))
    }
}

fn verify(bytes: Vec<u8>, trust: &TrustStore, at: i64) -> Result<String, Reason> {
    let mut budget = Budget::default();
    let document = Document::parse_within(bytes, &mut budget).map_err(|error| error.reason())?;
    let shape = Shape::root(Assertion::NAME);
    let message =
        Unverified::<Issuer>::locate(document, &shape, &mut budget).map_err(|error| error.reason())?;
    let verified = message.verify(trust, UnixTime(at), &mut budget).map_err(|refusal| refusal.reason())?;
    Ok(verified.into_value().0)
}

/// SIG-19: one trust store, one key and its pooled contexts serve many messages; none hears of another.
#[test]
fn verifications_do_not_know_of_each_other() {
    let world = World::new(1);
    let mut trust = TrustStore::new();
    trust.add(
        world.relay.entity_id,
        TrustedKey::new(world.relay.key.public_key().clone()).with_certificate(&world.relay.certificate),
    );
    let good = world.message(Specimen::Assertion).bytes();
    let bad = |name: &str| named(name).unwrap().apply(&world, Specimen::Assertion);
    let inputs = [
        (good.clone(), Ok(world.relay.entity_id.to_owned())),
        (bad("content-tampered"), Err(Reason::Digest)),
        (bad("signature-of-wrong-length"), Err(Reason::Signature)),
        (bad("reference-missing"), Err(Reason::Structure)),
        (b"<a".to_vec(), Err(Reason::NotWellFormed)),
    ];
    // Every message after every other one, itself included.
    for (first, _) in &inputs {
        for (second, expected) in &inputs {
            let _ = verify(first.clone(), &trust, world.now);
            let found = verify(second.clone(), &trust, world.now);
            assert_eq!(&found, expected);
        }
    }
    // And in many threads at once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (input, expected) in inputs.iter().cycle().take(40) {
                    assert_eq!(verify(input.clone(), &trust, world.now).is_ok(), expected.is_ok());
                }
            });
        }
    });
}
