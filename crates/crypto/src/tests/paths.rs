//! Certificate paths: one deviation from a valid world in each case (KEY-05, KEY-06).

use chukei_reason::{CertificateFault as Fault, Reason};

use crate::test_pki::{
    Ca, CrlSpec, LeafSpec, NOT_AFTER, NOT_BEFORE, NOW, TestExtension, key_usage, keys, oid,
};
use crate::{
    Certificate, CertificateError, CertificatePath, Crl, Purpose, Revocation, TrustAnchors, UnixTime,
    WeakKeys,
};

/// Root, issuing authority below it, and leaves by the latter.
struct World {
    root: Ca,
    issuing: Ca,
}

impl World {
    fn new() -> Self {
        Self::with_issuing(issuing_spec())
    }

    fn with_issuing(spec: LeafSpec) -> Self {
        let root = Ca::new("TEST Root CA");
        let issuing = root.subordinate(spec, keys::rsa2048(1));
        Self { root, issuing }
    }

    fn anchors(&self) -> TrustAnchors {
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

fn issuing_spec() -> LeafSpec {
    LeafSpec::authority("TEST Issuing CA", keys::rsa2048(1).public_key())
}

fn leaf_spec() -> LeafSpec {
    LeafSpec::new("TEST Insurer A", keys::p256(1).public_key())
}

fn unknown(critical: bool) -> TestExtension {
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
    assert_eq!(leaf.validity(), (NOT_BEFORE, NOT_AFTER));
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
        (Fault::Expired, LeafSpec { not_after: NOW, ..leaf_spec() }), // OpenSSL is a second stricter than RFC 5280
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

#[test]
fn revocation_is_looked_up_in_the_lists_at_hand() {
    use Revocation::{IfPresent, Required};
    let world = World::new();
    let (good, bad) = (world.issuing.issue(leaf_spec()), world.issuing.issue(leaf_spec()));
    let revoked = vec![bad.clone()];
    let root_list = world.root.crl(&CrlSpec::default());
    let list = |spec: CrlSpec| vec![root_list.clone(), world.issuing.crl(&spec)];
    let ask = |crls: Vec<Crl>, leaf: &Certificate, revocation| {
        let anchors = world.anchors().with_crls(crls);
        let intermediates = [world.issuing.certificate().clone()];
        let result = anchors.validate(leaf, &intermediates, NOW, Purpose::SignMessages, revocation);
        result.map(|_| ()).map_err(|error| error.fault)
    };
    let current = || CrlSpec { revoked: revoked.clone(), ..CrlSpec::default() };
    let stale = || CrlSpec { next_update: Some(UnixTime(NOW.0 - 1)), ..current() };
    let early = || CrlSpec { this_update: UnixTime(NOW.0 + 1), ..current() };
    let endless = || CrlSpec { next_update: None, ..current() };
    for (what, spec, of_good) in [
        ("current", current(), Ok(())),
        ("out of date", stale(), Err(Fault::RevocationUnknown)),
        ("not yet issued", early(), Err(Fault::RevocationUnknown)),
        ("without end", endless(), Err(Fault::RevocationUnknown)),
    ] {
        for revocation in [Required, IfPresent] {
            assert_eq!(ask(list(spec.clone()), &good, revocation), of_good, "{what}");
            assert_eq!(ask(list(spec.clone()), &bad, revocation), Err(Fault::Revoked), "{what}");
        }
    }
    // A current list makes up for a stale one.
    let both = [list(stale()), list(CrlSpec::default())].concat();
    assert_eq!(ask(both.clone(), &good, Required), Ok(()));
    assert_eq!(ask(both, &bad, Required), Err(Fault::Revoked));
    // No list; none of the root; one by somebody else in the issuer's name.
    assert_eq!(ask(vec![], &good, Required), Err(Fault::RevocationUnknown));
    assert_eq!(ask(vec![], &good, IfPresent), Ok(()));
    assert_eq!(ask(vec![world.issuing.crl(&current())], &good, Required), Err(Fault::RevocationUnknown));
    let impostor = Ca::from_spec(
        LeafSpec::authority("TEST Issuing CA", keys::rsa2048(3).public_key()),
        keys::rsa2048(3),
    );
    let forged = vec![root_list.clone(), impostor.crl(&CrlSpec::default())];
    assert_eq!(ask(forged.clone(), &good, Required), Err(Fault::RevocationUnknown));
    assert_eq!(ask(forged, &good, IfPresent), Ok(()));
    // The authority itself is revoked.
    let authority = CrlSpec { revoked: vec![world.issuing.certificate().clone()], ..CrlSpec::default() };
    let lists = vec![world.root.crl(&authority), world.issuing.crl(&current())];
    assert_eq!(ask(lists, &good, Required), Err(Fault::Revoked));
}

#[test]
fn an_authority_without_the_right_to_sign_lists_revokes_nothing() {
    let fault = |usage| {
        let world = World::with_issuing(LeafSpec { key_usage: usage, ..issuing_spec() });
        let leaf = world.issuing.issue(leaf_spec());
        let lists = vec![world.root.crl(&CrlSpec::default()), world.issuing.crl(&CrlSpec::default())];
        let intermediates = [world.issuing.certificate().clone()];
        let anchors = world.anchors().with_crls(lists);
        let result =
            anchors.validate(&leaf, &intermediates, NOW, Purpose::SignMessages, Revocation::Required);
        result.map(|_| ()).map_err(|error| error.fault)
    };
    assert_eq!(fault(key_usage::KEY_CERT_SIGN), Err(Fault::RevocationUnknown));
    // Positive case
    assert_eq!(fault(key_usage::KEY_CERT_SIGN | key_usage::CRL_SIGN), Ok(()));
}

#[test]
fn partial_lists_are_not_read_as_complete_ones() {
    let world = World::new();
    let part =
        TestExtension { oid: oid::ISSUING_DISTRIBUTION_POINT.to_vec(), critical: true, value: vec![0x30, 0] };
    let revoked = vec![world.issuing.issue(leaf_spec())];
    let read = |spec: &CrlSpec| Crl::from_der(&world.issuing.crl_der(spec)).err().map(|error| error.fault);
    let good = || CrlSpec { revoked: revoked.clone(), ..CrlSpec::default() };
    assert_eq!(read(&CrlSpec { extensions: vec![part], ..good() }), Some(Fault::CriticalExtension));
    assert_eq!(
        read(&CrlSpec { entry_extensions: vec![unknown(true)], ..good() }),
        Some(Fault::CriticalExtension)
    );
    assert_eq!(read(&CrlSpec { sha1: true, ..good() }), Some(Fault::Signature));
    let der = world.issuing.crl_der(&good());
    assert_eq!(Crl::from_der(&der[..der.len() - 1]).err().map(|error| error.fault), Some(Fault::Encoding));
    assert_eq!(
        Crl::from_der(&[&der[..], &[0]].concat()).err().map(|error| error.fault),
        Some(Fault::Encoding)
    );
    assert_eq!(Crl::from_pem("").err().map(|error| error.fault), Some(Fault::Encoding));
    // Positive case
    let harmless =
        CrlSpec { extensions: vec![unknown(false)], entry_extensions: vec![unknown(false)], ..good() };
    for spec in [
        good(),
        harmless,
        CrlSpec { next_update: None, ..good() },
        CrlSpec { next_update: None, ..CrlSpec::default() },
    ] {
        assert_eq!(read(&spec), None);
    }
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

/// KEY-05: an address in a certificate is not visited; a listener on that address sees nobody.
#[test]
fn nothing_is_fetched() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/list.crl", listener.local_addr().unwrap());
    let wrap =
        |tag: u8, content: Vec<u8>| [&[tag, u8::try_from(content.len()).unwrap()][..], &content].concat();
    let value = wrap(0x30, wrap(0x30, wrap(0xa0, wrap(0xa0, wrap(0x86, url.into_bytes())))));
    let extension = TestExtension { oid: oid::CRL_DISTRIBUTION_POINTS.to_vec(), critical: false, value };
    let world = World::new();
    let leaf = world.issuing.issue(LeafSpec { extensions: vec![extension], ..leaf_spec() });
    assert_eq!(leaf.x509().crl_distribution_points().unwrap().len(), 1, "the address is there");
    let intermediates = [world.issuing.certificate().clone()];
    let ask =
        |revocation| world.anchors().validate(&leaf, &intermediates, NOW, Purpose::SignMessages, revocation);
    assert_eq!(ask(Revocation::Required).unwrap_err().fault, Fault::RevocationUnknown);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // Positive case
    assert!(ask(Revocation::IfPresent).is_ok());
}

#[test]
fn the_test_pki_gives_the_same_bytes_each_time() {
    let make = || Ca::new("TEST CA").issue(leaf_spec());
    assert_eq!(make(), make());
    assert_ne!(make().der(), Ca::new("TEST CA 2").issue(leaf_spec()).der());
}

/// Every fault that the list of reasons names is produced by a test of this file.
#[test]
fn every_fault_has_a_test() {
    let here = include_str!("paths.rs");
    for fault in Fault::ALL {
        assert!(here.contains(&format!("Fault::{fault:?}")), "{fault:?}");
    }
}
