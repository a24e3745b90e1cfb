//! Metadata: what is written is read, one deviation at a time is refused (attacks META-01 … META-08).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use chukei_crypto::{
    Certificate, KeyKind, PrivateKey, PublicKey, SignatureAlgorithm, UnixTime,
    test_pki::{Ca, LeafSpec, NOW, keys},
};
use chukei_forge::{
    raw::{self, Element},
    sign::{Place, SignatureSpec},
};
use chukei_reason::Reason;
use chukei_saml::metadata::{Entity, Federation};
use chukei_xml_security::{KeyUse, Signing};

const ID: &str = "https://insurer-b.example.test/";

struct World {
    federation: PrivateKey,
    entity: Entity,
}

impl World {
    fn new() -> Self {
        let ca = Ca::new("TEST CA");
        let certificate = |key: &PrivateKey| ca.issue(LeafSpec::new("TEST B", key.public_key()));
        let entity = Entity {
            id: ID.to_owned(),
            valid_until: UnixTime(NOW.0 + 1000),
            certificates: vec![
                (KeyUse::Signing, certificate(&keys::p256(1))),
                (KeyUse::Encryption, certificate(&keys::rsa2048(1))),
                (KeyUse::Both, certificate(&keys::rsa2048(2))),
            ],
            endpoint: format!("{ID}soap"),
        };
        Self { federation: keys::p256(3), entity }
    }

    fn bytes(&self) -> Vec<u8> {
        let signer = self.federation.signer(SignatureAlgorithm::EcdsaSha256).unwrap();
        self.entity.write(&Signing::new(&signer)).unwrap()
    }

    fn read(&self, bytes: &[u8]) -> Result<Entity, Reason> {
        Entity::read(bytes, self.federation.public_key(), NOW).map_err(|error| error.reason())
    }

    /// Changed, and signed again by this key.
    fn changed(&self, key: &PrivateKey, change: impl FnOnce(&mut Element)) -> Result<Entity, Reason> {
        let mut root = raw::parse(std::str::from_utf8(&self.bytes()).unwrap()).unwrap();
        root.remove("ds:Signature");
        change(&mut root);
        let id = root.value("ID").unwrap_or("_metadata").to_owned();
        let spec = SignatureSpec { place: Place::First, ..SignatureSpec::enveloped(&id, key) };
        spec.sign(&mut root, ".");
        self.read(root.write().as_bytes())
    }
}

#[test]
fn what_is_written_is_read() {
    let world = World::new();
    assert_eq!(world.read(&world.bytes()), Ok(world.entity.clone()));
    assert_eq!(world.changed(&world.federation, |_| {}), Ok(world.entity.clone()));
    let signing = world.entity.certificates[0].1.der();
    let encryption = world.entity.certificates[1].1.der();
    assert!(world.entity.signs_with(signing) && !world.entity.signs_with(encryption));
    assert_eq!(world.entity.encryption(NOW).unwrap().der(), encryption);
}

#[test]
fn the_first_usable_key_is_encrypted_for() {
    let ca = Ca::new("TEST CA");
    let until = |last: i64, key: &PrivateKey| {
        ca.issue(LeafSpec { not_after: UnixTime(last), ..LeafSpec::new("TEST B", key.public_key()) })
    };
    let ended = until(NOW.0 - 1, &keys::rsa2048(1));
    let [first, second] = [until(NOW.0, &keys::rsa2048(2)), until(NOW.0 + 1, &keys::rsa2048(3))];
    assert_eq!((ended.validity().end, first.validity().contains(&NOW)), (NOW, true));
    let curve = until(NOW.0 + 1, &keys::p256(1));
    let entity = |certificates: &[(KeyUse, &Certificate)]| {
        let certificates = certificates.iter().map(|(own, certificate)| (*own, (*certificate).clone()));
        Entity { certificates: certificates.collect(), ..World::new().entity }
    };
    let sealing = |entity: &Entity, at| entity.encryption(at).map(|found| found.der().to_vec());
    let all = entity(&[
        (KeyUse::Both, &curve),
        (KeyUse::Encryption, &ended),
        (KeyUse::Both, &first),
        (KeyUse::Encryption, &second),
    ]);
    assert_eq!(sealing(&all, NOW).as_deref(), Some(first.der()));
    assert_eq!(sealing(&all, UnixTime(NOW.0 + 1)).as_deref(), Some(second.der()));
    assert_eq!(sealing(&all, UnixTime(NOW.0 + 2)), None);
    assert_eq!(sealing(&entity(&[(KeyUse::Both, &curve), (KeyUse::Signing, &first)]), NOW), None);
}

#[test]
fn one_deviation_is_refused() {
    let world = World::new();
    assert!(world.read(&world.bytes()).is_ok());
    let text = String::from_utf8(world.bytes()).unwrap();
    assert_eq!(world.read(text.replace("insurer-b", "insurer-x").as_bytes()), Err(Reason::Digest));
    assert_eq!(world.changed(&PrivateKey::generate(KeyKind::P256).unwrap(), |_| {}), Err(Reason::Signature));
    let (before, rest) = text.split_once("<ds:Signature").unwrap();
    let (_, after) = rest.split_once("</ds:Signature>").unwrap();
    assert_eq!(world.read(format!("{before}{after}").as_bytes()), Err(Reason::Unsigned));
    type Change = fn(&mut Element);
    const ROLE: &str = "md:AttributeAuthorityDescriptor";
    let cases: [(&str, Change, Reason); 9] = [
        ("no validUntil", |root| root.unset("validUntil"), Reason::Schema),
        ("validUntil passed", |root| root.set("validUntil", "2026-07-01T00:00:00Z"), Reason::Window),
        ("no entityID", |root| root.unset("entityID"), Reason::Schema),
        ("no role", |root| drop(root.remove(ROLE)), Reason::Schema),
        ("two roles", |root| root.duplicate(ROLE), Reason::Schema),
        (
            "http",
            |root| {
                let service = root.find_mut("md:AttributeAuthorityDescriptor/md:AttributeService");
                service.set("Location", "http://insurer-b.example.test/soap");
            },
            Reason::Schema,
        ),
        (
            "another binding",
            |root| {
                root.find_mut("md:AttributeAuthorityDescriptor/md:AttributeService").set("Binding", "urn:x")
            },
            Reason::Schema,
        ),
        (
            "unknown use",
            |root| root.find_mut("md:AttributeAuthorityDescriptor/md:KeyDescriptor").set("use", "any"),
            Reason::Schema,
        ),
        (
            "weak certificate",
            |root| root.find_mut("//ds:X509Certificate").set_content("AAAA"),
            Reason::Certificate(chukei_reason::CertificateFault::Encoding),
        ),
    ];
    for (name, change, reason) in cases {
        assert_eq!(world.changed(&world.federation, change), Err(reason), "{name}");
    }
}

#[test]
fn keys_that_break_each_other_are_noticed() {
    let world = World::new();
    let mut federation = Federation::new();
    federation.add(world.entity.clone()).unwrap();
    assert_eq!(federation.shared_prime(), None);
    let sibling = PublicKey::from_spki_pem(keys::RSA2048_SIBLING).unwrap();
    let certificate = Ca::new("TEST CA").issue(LeafSpec::new("TEST C", &sibling));
    let id = "https://insurer-c.example.test/";
    let certificates = vec![(KeyUse::Signing, certificate)];
    federation.add(Entity { id: id.to_owned(), certificates, ..world.entity.clone() }).unwrap();
    assert_eq!(federation.shared_prime(), Some([ID, id]));
}

#[test]
fn nobody_is_known_twice() {
    let world = World::new();
    let mut federation = Federation::new();
    federation.add(world.entity.clone()).unwrap();
    let der = world.entity.certificates[0].1.der();
    assert_eq!(federation.signer(der), Some(ID));
    assert_eq!(federation.signer(world.entity.certificates[1].1.der()), None);
    assert_eq!(federation.add(world.entity.clone()).unwrap_err().reason(), Reason::DuplicateId);
    // Another party with one of these certificates.
    let other = Entity { id: "https://insurer-c.example.test/".to_owned(), ..world.entity.clone() };
    assert_eq!(federation.add(other).unwrap_err().reason(), Reason::DuplicateId);
    assert_eq!(federation.entities().count(), 1);
    // Identifiers are compared character by character.
    assert!(federation.entity("https://insurer-b.example.test").is_none());
    assert!(federation.entity("https://INSURER-B.example.test/").is_none());
}
