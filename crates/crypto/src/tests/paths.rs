//! Certificate paths: one deviation from a valid world in each case (KEY-05, KEY-06).

use chukei_reason::{CertificateFault as Fault, Reason};

use crate::test_pki::{Ca, LeafSpec, NOW, TestExtension, key_usage, keys, oid};
use crate::{
    Certificate, CertificateError, CertificatePath, Purpose, Revocation, TrustAnchors, UnixTime, WeakKeys,
};

/// Root, issuing authority below it, and leaves by the latter.
pub(super) struct World {
    pub(super) root: Ca,
    pub(super) issuing: Ca,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_issuing(issuing_spec())
    }

    pub(super) fn with_issuing(spec: LeafSpec) -> Self {
        let root = Ca::new("TEST Root CA");
        let issuing = root.subordinate(spec, keys::rsa2048(1));
        Self { root, issuing }
    }

    pub(super) fn anchors(&self) -> TrustAnchors {
        TrustAnchors::new(vec![self.root.certificate().clone()]).unwrap()
    }

    fn ask(&self, leaf: &Certificate, purpose: Purpose) -> Result<CertificatePath, CertificateError> {
        let intermediates = [self.issuing.certificate().clone()];
        self.anchors().validate(leaf, &intermediates, NOW, purpose, Revocation::IfPresent)
    }

    /// What becomes of a leaf of this specification when it is to sign messages.
    fn leaf(&self, spec: LeafSpec) -> Result<(), Fault> {
        self.ask(&self.issuing.issue(spec), Purpose::SignMessages).map(|_| ()).map_err(|error| error.fault)
    }
}

pub(super) fn issuing_spec() -> LeafSpec {
    LeafSpec::authority("TEST Issuing CA", keys::rsa2048(1).public_key())
}

pub(super) fn leaf_spec() -> LeafSpec {
    LeafSpec::new("TEST Insurer A", keys::p256(1).public_key())
}

pub(super) fn unknown(critical: bool) -> TestExtension {
    TestExtension { oid: oid::UNKNOWN.to_vec(), critical, value: vec![5, 0] }
}

#[test]
fn a_valid_path_is_shown_from_leaf_to_anchor() {
    let world = World::new();
    let leaf = world.issuing.issue(leaf_spec());
    let path = world.ask(&leaf, Purpose::SignMessages).unwrap();
    assert_eq!(path.leaf(), &leaf);
    let expected = [&leaf, world.issuing.certificate(), world.root.certificate()];
    assert_eq!(path.certificates().iter().collect::<Vec<_>>(), expected);
    assert_eq!(leaf.subject(), "CN=TEST Insurer A,O=Chukei TEST,C=JP");
    assert_eq!(leaf.issuer(), "CN=TEST Issuing CA,O=Chukei TEST,C=JP");
    assert_eq!(leaf.serial(), "02");
    assert_eq!(leaf.public_key().unwrap(), *keys::p256(1).public_key());
    assert_eq!(leaf.sha256(), crate::sha256(leaf.der()));
    // The issuing authority may be the anchor, although it is not self-signed.
    let anchors = TrustAnchors::new(vec![world.issuing.certificate().clone()]).unwrap();
    let path = anchors.validate(&leaf, &[], NOW, Purpose::SignMessages, Revocation::IfPresent).unwrap();
    assert_eq!(path.certificates().len(), 2);
}

#[test]
fn each_deviation_of_a_leaf_has_its_fault() {
    let world = World::new();
    let day = 86_400;
    let weak = |pem| LeafSpec { spki: keys::weak_spki(pem), ..leaf_spec() };
    let authority = LeafSpec {
        is_ca: true,
        key_usage: key_usage::DIGITAL_SIGNATURE | key_usage::KEY_CERT_SIGN,
        ..leaf_spec()
    };
    for (fault, spec) in [
        (Fault::Expired, LeafSpec { not_after: UnixTime(NOW.0 - 1), ..leaf_spec() }),
        // OpenSSL is a second stricter than RFC 5280.
        (Fault::Expired, LeafSpec { not_after: NOW, ..leaf_spec() }),
        (Fault::NotYetValid, LeafSpec { not_before: UnixTime(NOW.0 + day), ..leaf_spec() }),
        (Fault::BasicConstraints, authority),
        (Fault::KeyUsage, LeafSpec { key_usage: 0, ..leaf_spec() }),
        (Fault::KeyUsage, LeafSpec { key_usage: key_usage::KEY_ENCIPHERMENT, ..leaf_spec() }),
        (
            Fault::BasicConstraints,
            LeafSpec { key_usage: key_usage::DIGITAL_SIGNATURE | key_usage::KEY_CERT_SIGN, ..leaf_spec() },
        ),
        (Fault::ExtendedKeyUsage, LeafSpec { extended_key_usage: vec![oid::SERVER_AUTH], ..leaf_spec() }),
        (Fault::ExtendedKeyUsage, LeafSpec { extended_key_usage: vec![oid::UNKNOWN], ..leaf_spec() }),
        (Fault::CriticalExtension, LeafSpec { extensions: vec![unknown(true)], ..leaf_spec() }),
        (Fault::Key, weak(keys::RSA1024)),
        (Fault::Key, weak(keys::RSA2048_EXPONENT_3)),
        (Fault::Key, weak(keys::RSA2048_ROCA)),
        (Fault::Signature, LeafSpec { sha1: true, ..leaf_spec() }),
    ] {
        assert_eq!(world.leaf(spec), Err(fault));
        // Positive case
        assert_eq!(world.leaf(leaf_spec()), Ok(()));
    }
    // What looks odd and is right.
    for spec in [
        LeafSpec { not_before: NOW, not_after: UnixTime(NOW.0 + 1), ..leaf_spec() },
        LeafSpec { not_after: UnixTime(2_600_000_000), ..leaf_spec() }, // GeneralizedTime
        LeafSpec { key_usage: key_usage::NON_REPUDIATION, ..leaf_spec() },
        LeafSpec { extended_key_usage: vec![oid::SERVER_AUTH, oid::CLIENT_AUTH], ..leaf_spec() },
        LeafSpec { extensions: vec![unknown(false)], ..leaf_spec() },
    ] {
        assert_eq!(world.leaf(spec), Ok(()));
    }
}

#[test]
fn each_deviation_of_an_authority_has_its_fault() {
    let fault = |spec| World::with_issuing(spec).leaf(leaf_spec());
    // policyConstraints with requireExplicitPolicy 0 (RFC 5280 §4.2.1.11), where no certificate names a policy.
    let policy = TestExtension { oid: vec![0x55, 29, 36], critical: true, value: vec![0x30, 3, 0x80, 1, 0] };
    for (expected, spec) in [
        (Fault::Expired, LeafSpec { not_after: UnixTime(NOW.0 - 1), ..issuing_spec() }),
        (Fault::NotYetValid, LeafSpec { not_before: UnixTime(NOW.0 + 1), ..issuing_spec() }),
        (
            Fault::BasicConstraints,
            LeafSpec { is_ca: false, key_usage: key_usage::DIGITAL_SIGNATURE, ..issuing_spec() },
        ),
        (Fault::BasicConstraints, LeafSpec { is_ca: false, ..issuing_spec() }),
        (Fault::KeyUsage, LeafSpec { key_usage: key_usage::CRL_SIGN, ..issuing_spec() }),
        (Fault::KeyUsage, LeafSpec { key_usage: 0, ..issuing_spec() }),
        (
            Fault::ExtendedKeyUsage,
            LeafSpec { extended_key_usage: vec![oid::TIME_STAMPING], ..issuing_spec() },
        ),
        (Fault::CriticalExtension, LeafSpec { extensions: vec![unknown(true)], ..issuing_spec() }),
        (Fault::CriticalExtension, LeafSpec { extensions: vec![policy], ..issuing_spec() }),
        (Fault::Signature, LeafSpec { sha1: true, ..issuing_spec() }),
    ] {
        assert_eq!(fault(spec), Err(expected));
        // Positive case
        assert_eq!(fault(issuing_spec()), Ok(()));
    }
}

#[test]
fn a_leaf_is_no_authority() {
    let world = World::new();
    let rogue = world
        .issuing
        .subordinate(LeafSpec::new("TEST leaf as CA", keys::rsa2048(2).public_key()), keys::rsa2048(2));
    let below = rogue.issue(leaf_spec());
    let intermediates = [world.issuing.certificate().clone(), rogue.certificate().clone()];
    let ask = |leaf| {
        let result =
            world.anchors().validate(leaf, &intermediates, NOW, Purpose::SignMessages, Revocation::IfPresent);
        result.map(|_| ()).map_err(|error| error.fault)
    };
    assert_eq!(ask(&below), Err(Fault::BasicConstraints));
    // Positive case
    assert_eq!(ask(rogue.certificate()), Ok(()));
}

#[test]
fn paths_have_a_length() {
    let limited = World::with_issuing(LeafSpec { path_length: Some(0), ..issuing_spec() });
    let free = World::new();
    for (world, expected) in [(&limited, Err(Fault::PathLength)), (&free, Ok(()))] {
        let below = LeafSpec::authority("TEST Sub CA", keys::rsa2048(2).public_key());
        let below = world.issuing.subordinate(below, keys::rsa2048(2));
        let intermediates = [world.issuing.certificate().clone(), below.certificate().clone()];
        let leaf = below.issue(leaf_spec());
        let result = world.anchors().validate(
            &leaf,
            &intermediates,
            NOW,
            Purpose::SignMessages,
            Revocation::IfPresent,
        );
        assert_eq!(result.map(|_| ()).map_err(|error| error.fault), expected);
    }
    // Four authorities between leaf and anchor are taken, five are not.
    for (count, expected) in [(4, Ok(())), (5, Err(Fault::PathLength))] {
        let root = Ca::new("TEST Root CA");
        let mut authorities: Vec<Ca> = Vec::new();
        for depth in 0..count {
            let key = keys::p256(1 + depth % 3);
            let spec = LeafSpec::authority(&format!("TEST CA {depth}"), key.public_key());
            let next = authorities.last().unwrap_or(&root).subordinate(spec, key);
            authorities.push(next);
        }
        let leaf = authorities.last().unwrap().issue(leaf_spec());
        let intermediates: Vec<Certificate> = authorities.iter().map(|ca| ca.certificate().clone()).collect();
        let anchors = TrustAnchors::new(vec![root.certificate().clone()]).unwrap();
        let result =
            anchors.validate(&leaf, &intermediates, NOW, Purpose::SignMessages, Revocation::IfPresent);
        assert_eq!(result.map(|_| ()).map_err(|error| error.fault), expected, "{count} authorities");
    }
}

#[test]
fn names_are_constrained() {
    let world =
        World::with_issuing(LeafSpec { permitted_dns: Some("a.example".to_owned()), ..issuing_spec() });
    let named = |name: &str| LeafSpec { dns_name: Some(name.to_owned()), ..leaf_spec() };
    assert_eq!(world.leaf(named("b.example")), Err(Fault::NameConstraints));
    assert_eq!(world.leaf(named("nota.example")), Err(Fault::NameConstraints));
    // Positive case
    assert_eq!(world.leaf(named("relay.a.example")), Ok(()));
    assert_eq!(World::new().leaf(named("b.example")), Ok(()));
}

/// KEY-01
#[test]
fn a_path_ends_at_an_anchor_and_nowhere_else() {
    let world = World::new();
    let leaf = world.issuing.issue(leaf_spec());
    let fault = |leaf: &Certificate, intermediates: &[Certificate]| {
        let result =
            world.anchors().validate(leaf, intermediates, NOW, Purpose::SignMessages, Revocation::IfPresent);
        result.map(|_| ()).map_err(|error| error.fault)
    };
    let issuing = world.issuing.certificate().clone();
    // Another root, also as an intermediate.
    let other =
        Ca::from_spec(LeafSpec::authority("TEST Other CA", keys::rsa2048(3).public_key()), keys::rsa2048(3));
    let foreign = other.issue(leaf_spec());
    assert_eq!(fault(&foreign, &[other.certificate().clone()]), Err(Fault::UnknownIssuer));
    // Self-signed.
    let own = Ca::from_spec(leaf_spec(), keys::p256(1)).certificate().clone();
    assert_eq!(fault(&own, std::slice::from_ref(&own)), Err(Fault::UnknownIssuer));
    // The right name of the root with another key.
    let twin =
        Ca::from_spec(LeafSpec::authority("TEST Root CA", keys::rsa2048(3).public_key()), keys::rsa2048(3));
    assert_eq!(fault(&twin.issue(leaf_spec()), &[twin.certificate().clone()]), Err(Fault::UnknownIssuer));
    // A signature that was changed.
    let mut forged = leaf.der().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(
        fault(&Certificate::from_der(&forged).unwrap(), std::slice::from_ref(&issuing)),
        Err(Fault::Signature)
    );
    // The intermediate is missing.
    assert_eq!(fault(&leaf, &[]), Err(Fault::UnknownIssuer));
    // Positive case, with certificates that do not help among the others.
    assert_eq!(fault(&leaf, &[other.certificate().clone(), own, issuing]), Ok(()));
}

#[test]
fn anchors_are_authorities_with_sound_keys() {
    let world = World::new();
    let fault = |certificate: &Certificate| {
        TrustAnchors::new(vec![certificate.clone()]).err().map(|error| error.fault)
    };
    let weak = LeafSpec {
        spki: keys::weak_spki(keys::RSA1024),
        ..LeafSpec::authority("TEST Weak CA", keys::p256(1).public_key())
    };
    assert_eq!(fault(&world.issuing.issue(leaf_spec())), Some(Fault::BasicConstraints));
    assert_eq!(fault(&world.issuing.issue(weak)), Some(Fault::Key));
    // Positive case
    assert_eq!(fault(world.root.certificate()), None);
    // Nobody relies on an anchor's own signature.
    let old =
        LeafSpec { sha1: true, ..LeafSpec::authority("TEST Old Root CA", keys::rsa3072().public_key()) };
    let old = Ca::from_spec(old, keys::rsa3072());
    let anchors = TrustAnchors::new(vec![old.certificate().clone()]).unwrap();
    let leaf = old.issue(leaf_spec());
    assert!(anchors.validate(&leaf, &[], NOW, Purpose::SignMessages, Revocation::IfPresent).is_ok());
}

/// The table of [`Purpose`], row by row.
#[test]
fn each_purpose_demands_its_usage() {
    use key_usage::{DIGITAL_SIGNATURE, KEY_CERT_SIGN, KEY_ENCIPHERMENT, NON_REPUDIATION};
    let world = World::new();
    let all = DIGITAL_SIGNATURE | NON_REPUDIATION | KEY_ENCIPHERMENT;
    let purposes: [(Purpose, u8, &[&'static [u8]]); 5] = [
        (
            Purpose::SignMessages,
            DIGITAL_SIGNATURE | NON_REPUDIATION,
            &[oid::EMAIL_PROTECTION, oid::CLIENT_AUTH],
        ),
        (Purpose::SignDocuments, NON_REPUDIATION, &[oid::EMAIL_PROTECTION]),
        (Purpose::TlsClient, DIGITAL_SIGNATURE, &[oid::CLIENT_AUTH]),
        (Purpose::TlsServer, DIGITAL_SIGNATURE, &[oid::SERVER_AUTH]),
        (Purpose::WrapKeys, KEY_ENCIPHERMENT, &[oid::EMAIL_PROTECTION]),
    ];
    for (purpose, usage, extended) in purposes {
        let ask = |usage: u8, extended: Vec<&'static [u8]>| {
            let leaf = world.issuing.issue(LeafSpec {
                key_usage: usage,
                extended_key_usage: extended,
                ..leaf_spec()
            });
            world.ask(&leaf, purpose).map(|_| ()).map_err(|error| error.fault)
        };
        for bit in [DIGITAL_SIGNATURE, NON_REPUDIATION, KEY_ENCIPHERMENT] {
            let expected = if usage & bit == 0 { Err(Fault::KeyUsage) } else { Ok(()) };
            assert_eq!(ask(bit, vec![extended[0]]), expected, "{purpose:?} with key usage {bit:02x}");
        }
        for one in [oid::SERVER_AUTH, oid::CLIENT_AUTH, oid::EMAIL_PROTECTION, oid::TIME_STAMPING] {
            let expected = if extended.contains(&one) { Ok(()) } else { Err(Fault::ExtendedKeyUsage) };
            assert_eq!(ask(all, vec![one]), expected, "{purpose:?} with extended key usage {one:02x?}");
        }
        let without = if purpose == Purpose::TlsServer { Err(Fault::ExtendedKeyUsage) } else { Ok(()) };
        assert_eq!(ask(all, vec![]), without, "{purpose:?} without extended key usage");
    }
    let authority = |usage| {
        let spec = LeafSpec {
            key_usage: usage,
            ..LeafSpec::authority("TEST Sub CA", keys::rsa2048(2).public_key())
        };
        world
            .ask(&world.issuing.issue(spec), Purpose::SignCertificates)
            .map(|_| ())
            .map_err(|error| error.fault)
    };
    assert_eq!(authority(key_usage::CRL_SIGN), Err(Fault::KeyUsage));
    assert_eq!(authority(KEY_CERT_SIGN), Ok(()));
    let leaf = world.issuing.issue(leaf_spec());
    assert_eq!(world.ask(&leaf, Purpose::SignCertificates).unwrap_err().fault, Fault::BasicConstraints);
}

/// KEY-12
#[test]
fn weak_keys_are_refused_wherever_they_stand() {
    let world = World::new();
    let leaf = world.issuing.issue(leaf_spec());
    let intermediates = [world.issuing.certificate().clone()];
    for key in [keys::p256(1), keys::rsa2048(1), keys::rsa3072()] {
        let anchors = world.anchors().with_weak_keys(WeakKeys::new([key.public_key().spki_sha256()]));
        let result =
            anchors.validate(&leaf, &intermediates, NOW, Purpose::SignMessages, Revocation::IfPresent);
        assert_eq!(result.unwrap_err().fault, Fault::Key);
    }
    // Positive case: another key is on the list.
    let anchors = world.anchors().with_weak_keys(WeakKeys::new([keys::p256(3).public_key().spki_sha256()]));
    assert!(
        anchors.validate(&leaf, &intermediates, NOW, Purpose::SignMessages, Revocation::IfPresent).is_ok()
    );
}

#[test]
fn certificates_have_one_form() {
    let world = World::new();
    let good = world.issuing.issue(leaf_spec());
    let der = good.der();
    let large = TestExtension { oid: oid::UNKNOWN.to_vec(), critical: false, value: vec![4; 17_000] };
    let twice = LeafSpec { extensions: vec![unknown(false), unknown(false)], ..leaf_spec() };
    for (what, bad) in [
        ("empty", Vec::new()),
        ("truncated", der[..der.len() - 1].to_vec()),
        ("octets left over", [der, &[0]].concat()),
        ("more than 16 KiB", world.issuing.issue_der(&LeafSpec { extensions: vec![large], ..leaf_spec() })),
        ("version 2", {
            let version = der.windows(5).position(|octets| octets == [0xa0, 3, 2, 1, 2]).unwrap();
            [&der[..version + 4], &[1], &der[version + 5..]].concat()
        }),
        ("an extension twice", world.issuing.issue_der(&twice)),
        ("a key", keys::p256(1).public_key().spki_der().to_vec()),
    ] {
        let error = Certificate::from_der(&bad).unwrap_err();
        assert_eq!(error.reason(), Reason::Certificate(Fault::Encoding), "{what}");
    }
    // Positive case
    assert_eq!(Certificate::from_der(der).unwrap(), good);
    let pem = |certificate: &Certificate| String::from_utf8(certificate.x509().to_pem().unwrap()).unwrap();
    let chain = pem(&good) + &pem(world.issuing.certificate());
    assert_eq!(Certificate::from_pem(&pem(&good)).unwrap(), good);
    assert_eq!(Certificate::chain_from_pem(&chain).unwrap(), [good, world.issuing.certificate().clone()]);
    assert!(Certificate::from_pem(&chain).is_err(), "two where one is wanted");
}

#[test]
fn the_test_pki_gives_the_same_bytes_each_time() {
    let make = || Ca::new("TEST CA").issue(leaf_spec());
    assert_eq!(make(), make());
    assert_ne!(make().der(), Ca::new("TEST CA 2").issue(leaf_spec()).der());
}

/// Every fault that the list of reasons names is produced by a test of this file or the next.
#[test]
fn every_fault_has_a_test() {
    let here = concat!(include_str!("paths.rs"), include_str!("revocation.rs"));
    for fault in Fault::PLAIN {
        assert!(here.contains(&format!("Fault::{fault:?}")), "{fault:?}");
    }
}
