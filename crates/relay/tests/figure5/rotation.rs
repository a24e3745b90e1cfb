//! Keys that are replaced while envelopes are under way (domain.md §7 T15): what was made with a key counts as long as the
//! federation lists it, and no longer.

use std::sync::Arc;

use chukei_crypto::{
    Certificate, PrivateKey, SignatureAlgorithm, UnixTime, Unwrapper,
    test_pki::{Ca, LeafSpec},
};
use chukei_profile::{Scheme, linkage::Item};
use chukei_reason::Reason;
use chukei_relay::{Ask, Request};
use chukei_saml::metadata::{Entity, Federation};
use chukei_xml_security::KeyUse;

use crate::world::*;

/// Has the relay's next key: nobody's whom the federation knows.
const NEXT: &str = STRANGER;

/// The federation in which this party has these certificates for this use, and no others for it.
fn listing(party: &str, key_use: KeyUse, certificates: &[&Certificate]) -> Arc<Federation> {
    federation_with(|Entity { id, certificates: listed, .. }| {
        if id == party {
            listed.retain(|(other, _)| *other != key_use);
            listed.extend(certificates.iter().map(|certificate| (key_use, (*certificate).clone())));
        }
    })
}

/// Why B refuses what A presents.
fn refused(world: &World) -> Option<Reason> {
    let sent = world.a.query(world.envelope(&ask(0)), &Item::ALL, None, NOW).unwrap();
    world.refused_by_b(&sent, A)
}

#[test]
fn the_relay_s_signing_key_is_replaced() {
    let relays = |keys: &[&str]| {
        let certificates: Vec<_> = keys.iter().map(|name| certificate(name)).collect();
        listing(RELAY, KeyUse::Signing, &certificates)
    };
    for (made_by, believed, expected) in [
        (RELAY, &[RELAY][..], None),
        (RELAY, &[RELAY, NEXT], None),
        (RELAY, &[NEXT], Some(Reason::Key)),
        (NEXT, &[RELAY], Some(Reason::Key)),
        (NEXT, &[RELAY, NEXT], None),
        (NEXT, &[NEXT], None),
    ] {
        let mut world = World::new();
        let signer = key(made_by).signer(SignatureAlgorithm::EcdsaSha256).unwrap();
        world.relay.party.signer = Arc::new(signer);
        world.relay.party.certificate = certificate(made_by).clone();
        world.a.party.federation = relays(&[RELAY, NEXT]);
        world.b.party.federation = relays(believed);
        assert_eq!(refused(&world), expected, "made by {made_by}, believed {believed:?}");
    }
}

#[test]
fn a_responder_s_decryption_key_is_replaced() {
    let (next_key, next) = next_decryption_key();
    let old = World::new().relay.party.federation.entity(B).unwrap().encryption(NOW).unwrap().clone();
    let opens = |keys: &[&PrivateKey]| -> Vec<Arc<dyn Unwrapper>> {
        keys.iter().map(|key| Arc::new((*key).clone()) as Arc<dyn Unwrapper>).collect()
    };
    let old_key = decryption_key(B);
    for (sealed_for, keys, expected) in [
        (&old, &[old_key][..], None),
        (&old, &[next_key, old_key], None),
        (&old, &[next_key], Some(Reason::Decrypt)),
        (next, &[old_key], Some(Reason::Decrypt)),
        (next, &[next_key, old_key], None),
        (next, &[next_key], None),
    ] {
        let mut world = World::new();
        world.relay.party.federation = listing(B, KeyUse::Encryption, &[sealed_for]);
        world.b.keys = opens(keys);
        assert_eq!(refused(&world), expected, "{} keys", keys.len());
    }
}

#[test]
fn a_requester_s_key_is_replaced_while_it_holds_an_envelope() {
    let requesters = |keys: &[&str]| {
        let certificates: Vec<_> = keys.iter().map(|name| certificate(name)).collect();
        listing(A, KeyUse::Signing, &certificates)
    };
    let mut world = World::new();
    let believed = requesters(&[A, NEXT]);
    world.relay.party.federation = Arc::clone(&believed);
    world.b.party.federation = believed;
    let [first, second] = [world.envelope(&ask(0)), world.envelope(&ask(0))];

    // The envelope is for who holds the key that asked for it; the party with its new key asks for a new one.
    let old = world.a.clone();
    let signer = key(NEXT).signer(SignatureAlgorithm::EcdsaSha256).unwrap();
    world.a.party.signer = Arc::new(signer);
    world.a.party.certificate = certificate(NEXT).clone();
    let sent = world.a.query(first, &Item::ALL, None, NOW).unwrap();
    assert_eq!(world.refused_by_b(&sent, NEXT), Some(Reason::HolderOfKey));
    let sent = old.query(second, &Item::ALL, None, NOW).unwrap();
    assert_eq!(world.refused_by_b(&sent, A), None);
    let sent = world.map(&[ask(0)]);
    assert_eq!(world.relay(&sent, NEXT).refusal.map(|refusal| refusal.reason()), None);
}

/// A certificate that is valid up to this second.
pub fn until(last: UnixTime, key: &PrivateKey) -> Certificate {
    Ca::new("TEST CA").issue(LeafSpec { not_after: last, ..LeafSpec::new("TEST", key.public_key()) })
}

/// [metadata.certificate.window]
#[test]
fn a_signing_key_counts_while_its_certificate_is_valid() {
    for (last, expected) in [(NOW, None), (later(-1), Some(Reason::Key))] {
        assert_eq!(refused_until(World::new(), last), expected, "until {last:?}");
    }
}

/// Why the relay refuses what A signs whose certificate is valid up to this second.
pub fn refused_until(mut world: World, last: UnixTime) -> Option<Reason> {
    let certificate = until(last, key(A));
    world.relay.party.federation = listing(A, KeyUse::Signing, &[&certificate]);
    world.a.party.certificate = certificate.clone();
    let sent = world.map(&[ask(0)]);
    let asked = Request { tls_client: Some(certificate.der()), ..request(&sent, A) };
    reply(world.relay.handle(&asked, NOW)).refusal.map(|refusal| refusal.reason())
}

/// [mapping.unreachable.distinct]: the other inputs are answered.
#[test]
fn a_target_without_a_key_to_seal_for_is_unreachable() {
    let mut world = World::new();
    world.relay.party.federation = listing(B, KeyUse::Encryption, &[]);
    let at_c = Ask { wanted: Scheme::LateElderly, target: Some(C.to_owned()), ..ask(0) };
    let sent = world.map(&[ask(0), Ask { req_id: "c".to_owned(), ..at_c }]);
    let told = world.relay(&sent, A);
    let mapped = world.a.take_mapping(sent.pending, &answer(&told), NOW).unwrap();
    let results: Vec<_> = mapped.results.into_iter().map(|(_, result)| result.err()).collect();
    assert_eq!(results, [Some("Unreachable".to_owned()), None]);
}
