//! Every small change of a signed message is refused, or leaves what is read as it was signed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use chukei_crypto::UnixTime;
use chukei_forge::{
    exhaustive::exhaustive,
    specimen::{PERSON, Specimen, Suite, World},
};
use chukei_xml::{Budget, Document, Name, XmlError, ns};
use chukei_xml_security::{FromSigned, Shape, Signed, TrustStore, TrustedKey, Unverified};

const ASSERTION: Name = ns::SAML.name("Assertion");

/// Texts and attribute values of everything that can be seen, in order.
#[derive(Debug, PartialEq)]
struct Seen(Vec<String>);

impl FromSigned for Seen {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let mut seen = Vec::new();
        for element in signed.element()?.descendants() {
            seen.push(element.local().to_owned());
            seen.extend(element.attributes().map(|attribute| attribute.value().to_owned()));
            seen.extend(element.text().map(str::to_owned));
        }
        Ok(Self(seen))
    }
}

fn read(world: &World, trust: &TrustStore, xml: &[u8], shape: &Shape) -> Option<Seen> {
    let mut budget = Budget::default();
    let document = Document::parse_within(xml, &mut budget).ok()?;
    let unverified = Unverified::<Seen>::locate(document, shape, &mut budget).ok()?;
    unverified.verify(trust, UnixTime(world.now), &mut budget).ok().map(|verified| verified.into_value())
}

#[test]
fn nothing_else_is_ever_read() {
    let world = World::with(Suite::P256, 11);
    let mut trust = TrustStore::new();
    for party in [&world.relay, &world.requester, &world.responder] {
        trust.add(party.entity_id, TrustedKey::new(party.certificate.public_key().unwrap()));
    }
    let shapes = [
        (Specimen::Assertion, Shape::root(ASSERTION)),
        (Specimen::Response, Shape::child(ns::SAMLP.name("Response"), ASSERTION)),
    ];
    for (specimen, shape) in shapes {
        let message = world.message(specimen);
        let signed = read(&world, &trust, &message.bytes(), &shape).unwrap();
        assert!(signed.0.iter().any(|text| text == PERSON));
        let (mut changes, mut inert) = (0, 0);
        for (name, root) in exhaustive(&message.root) {
            changes += 1;
            if let Some(seen) = read(&world, &trust, root.write().as_bytes(), &shape) {
                assert_eq!(seen, signed, "{specimen:?}: {name}");
                inert += 1;
            }
        }
        // Changes to the certificate shown are inert, for it is only a hint; most others are not.
        assert!(
            changes > 1000 && inert > 0 && inert * 2 < changes,
            "{specimen:?}: {inert} of {changes} inert"
        );
    }
}
