//! Revocation lists: what is at hand is read strictly, and nothing else is looked for (KEY-05, KEY-06).

use chukei_reason::CertificateFault as Fault;

use super::paths::{World, issuing_spec, leaf_spec, unknown};
use crate::test_pki::{Ca, CrlSpec, LeafSpec, NOW, TestExtension, key_usage, keys, oid};
use crate::{Certificate, Crl, Purpose, Revocation, UnixTime};

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
    // Another authority with the same key has its own serial numbers.
    let namesake = LeafSpec::authority("TEST Other CA", keys::rsa2048(1).public_key());
    let other = vec![root_list.clone(), Ca::from_spec(namesake, keys::rsa2048(1)).crl(&current())];
    assert_eq!(ask(other.clone(), &bad, IfPresent), Ok(()));
    assert_eq!(ask(other, &good, Required), Err(Fault::RevocationUnknown));
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

/// No octet of a certificate or list is without a meaning that the signature covers, and none makes the
/// reader stumble.
#[test]
fn every_changed_octet_is_noticed() {
    let world = World::new();
    let leaf = world.issuing.issue(leaf_spec());
    let spec = CrlSpec { revoked: vec![leaf.clone()], ..CrlSpec::default() };
    let (list, root_list) = (world.issuing.crl_der(&spec), world.root.crl(&CrlSpec::default()));
    let intermediates = [world.issuing.certificate().clone()];
    let ask = |leaf: &Certificate, crls: Vec<Crl>, revocation| {
        let anchors = world.anchors().with_crls(crls);
        anchors
            .validate(leaf, &intermediates, NOW, Purpose::SignMessages, revocation)
            .map_err(|error| error.fault)
    };
    for at in 0..leaf.der().len() {
        for bit in [0x01, 0x80] {
            let mut changed = leaf.der().to_vec();
            changed[at] ^= bit;
            let Ok(changed) = Certificate::from_der(&changed) else { continue };
            assert!(ask(&changed, vec![], Revocation::IfPresent).is_err(), "octet {at} of the certificate");
        }
        assert!(Certificate::from_der(&leaf.der()[..at]).is_err());
    }
    for at in 0..list.len() {
        for bit in [0x01, 0x80] {
            let mut changed = list.clone();
            changed[at] ^= bit;
            let Ok(changed) = Crl::from_der(&changed) else { continue };
            let lists = vec![root_list.clone(), changed];
            assert!(ask(&leaf, lists, Revocation::Required).is_err(), "octet {at} of the list");
        }
        assert!(Crl::from_der(&list[..at]).is_err());
    }
    // Positive case: unchanged, the certificate is taken and the list is read.
    assert!(ask(&leaf, vec![], Revocation::IfPresent).is_ok());
    let lists = vec![root_list.clone(), Crl::from_der(&list).unwrap()];
    assert_eq!(ask(&leaf, lists, Revocation::Required).unwrap_err(), Fault::Revoked);
    let clean = world.issuing.crl(&CrlSpec::default());
    assert!(ask(&leaf, vec![root_list, clean], Revocation::Required).is_ok());
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
