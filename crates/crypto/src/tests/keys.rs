//! Loading keys.

use openssl::bn::BigNum;
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;

use crate::test_pki::{Ca, LeafSpec, keys};
use crate::{
    CertificateError, CryptoError, Identity, KeyError, KeyKind, PrivateKey, PublicKey, WeakKeys, shared_prime,
};
use chukei_reason::{CertificateFault, Reason};

fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let (n, e) = (BigNum::from_slice(modulus).unwrap(), BigNum::from_slice(exponent).unwrap());
    PKey::from_rsa(Rsa::from_public_components(n, e).unwrap()).unwrap().public_key_to_der().unwrap()
}

fn modulus(number: usize) -> Vec<u8> {
    keys::rsa2048(number).public_key().modulus().unwrap().to_vec()
}

#[test]
fn keys_are_what_they_say() {
    for (key, kind) in [
        (keys::rsa2048(1), KeyKind::Rsa { bits: 2048 }),
        (keys::rsa3072(), KeyKind::Rsa { bits: 3072 }),
        (keys::p256(1), KeyKind::P256),
        (keys::p384(), KeyKind::P384),
    ] {
        assert_eq!(key.public_key().kind(), kind);
        let again = PublicKey::from_spki_der(key.public_key().spki_der()).unwrap();
        assert_eq!(again, *key.public_key());
        assert_eq!(again.spki_sha256(), crate::sha256(key.public_key().spki_der()));
        assert_eq!(PrivateKey::from_pem(&key.to_pkcs8_pem().unwrap()).unwrap().public_key(), &again);
    }
    let made = PrivateKey::generate(KeyKind::P256).unwrap();
    assert_ne!(made.public_key(), PrivateKey::generate(KeyKind::P256).unwrap().public_key());
    assert_eq!(
        PrivateKey::generate(KeyKind::Rsa { bits: 2048 }).unwrap().public_key().kind(),
        KeyKind::Rsa { bits: 2048 }
    );
    let short = PrivateKey::generate(KeyKind::Rsa { bits: 1024 });
    assert_eq!(short.err(), Some(CryptoError::Key(KeyError::Size { bits: 1024 })));
}

/// ALG-09, DOS-15
#[test]
fn rsa_keys_have_a_sane_size_and_exponent() {
    let n = modulus(1);
    for (what, spki, error) in [
        ("1024 bits", keys::weak_spki(keys::RSA1024), KeyError::Size { bits: 1024 }),
        ("2047 bits", rsa_spki(&[&[0x7f], &n[1..]].concat(), &[1, 0, 1]), KeyError::Size { bits: 2047 }),
        ("4104 bits", rsa_spki(&[&n[..], &n, &[0xff]].concat(), &[1, 0, 1]), KeyError::Size { bits: 4104 }),
        ("64 Kibit", rsa_spki(&n.repeat(32), &[1, 0, 1]), KeyError::Size { bits: 65536 }),
        ("exponent 3", keys::weak_spki(keys::RSA2048_EXPONENT_3), KeyError::Exponent),
        ("exponent 1", rsa_spki(&n, &[1]), KeyError::Exponent),
        ("exponent 65535", rsa_spki(&n, &[0xff, 0xff]), KeyError::Exponent),
        ("exponent 65538", rsa_spki(&n, &[1, 0, 2]), KeyError::Exponent),
        ("exponent 2^32 + 1", rsa_spki(&n, &[1, 0, 0, 0, 1]), KeyError::Exponent),
        ("exponent of 2048 bits", rsa_spki(&n, &n), KeyError::Exponent),
        ("even modulus", rsa_spki(&[&n[..255], &[0]].concat(), &[1, 0, 1]), KeyError::SmallFactor),
    ] {
        assert_eq!(PublicKey::from_spki_der(&spki).err(), Some(error), "{what}");
    }
    // Positive case
    for exponent in [&[1, 0, 1][..], &[1, 0, 3], &[0xff, 0xff, 0xff, 0xff]] {
        assert!(PublicKey::from_spki_der(&rsa_spki(&n, exponent)).is_ok(), "{exponent:?}");
    }
    assert_eq!(PrivateKey::from_pem(keys::RSA1024).err(), Some(KeyError::Size { bits: 1024 }));
    assert_eq!(PrivateKey::from_pem(keys::RSA2048_EXPONENT_3).err(), Some(KeyError::Exponent));
}

/// KEY-12
#[test]
fn broken_generators_are_noticed() {
    assert_eq!(PublicKey::from_spki_pem(keys::RSA2048_ROCA).err(), Some(KeyError::Roca));
    // 3 divides a modulus whose last octets are turned until it does.
    let mut n = BigNum::from_slice(&modulus(1)).unwrap();
    while n.mod_word(3).unwrap() != 0 {
        n.add_word(2).unwrap();
    }
    assert_eq!(
        PublicKey::from_spki_der(&rsa_spki(&n.to_vec(), &[1, 0, 1])).err(),
        Some(KeyError::SmallFactor)
    );
    // A key that shares a prime with the first: its other factor is the second prime of the second key.
    let sibling = PublicKey::from_spki_pem(keys::RSA2048_SIBLING).unwrap();
    let [one, two, three] = [1, 2, 3].map(|number| keys::rsa2048(number).public_key().clone());
    let curve = keys::p256(1).public_key().clone();
    assert_eq!(shared_prime(&[curve.clone(), three.clone(), one.clone(), sibling.clone()]), Some((2, 3)));
    assert_eq!(shared_prime(&[two.clone(), curve.clone(), sibling]), Some((0, 2)));
    // Positive case: different keys, and one key twice.
    assert_eq!(shared_prime(&[one.clone(), curve, two, three, one]), None);
}

/// KEY-12
#[test]
fn the_operator_refuses_keys_by_name() {
    let [one, two] = [1, 2].map(|number| keys::rsa2048(number).public_key().clone());
    let weak = WeakKeys::new([one.spki_sha256()]);
    assert_eq!(weak.check(&one), Err(KeyError::Blocked));
    // Positive case
    assert_eq!(weak.check(&two), Ok(()));
}

/// ALG-06, ENC-25: curves and points.
#[test]
fn curves_are_named_and_points_lie_on_them() {
    let good = keys::p256(1).public_key().spki_der().to_vec();
    let spki = |curve, flag| {
        let mut group = EcGroup::from_curve_name(curve).unwrap();
        group.set_asn1_flag(flag);
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap().public_key_to_der().unwrap()
    };
    let mut off_curve = good.clone();
    *off_curve.last_mut().unwrap() ^= 1;
    let mut compressed = good[..good.len() - 32].to_vec();
    for (at, octet) in [(1, 0x39), (24, 0x22), (26, 2 + (good.last().unwrap() & 1))] {
        compressed[at] = octet;
    }
    PKey::public_key_from_der(&compressed).expect("the library itself takes the compressed point");
    let infinity = [&[0x30, 0x19], &good[2..23], &[0x03, 0x02, 0x00, 0x00]].concat();
    for (what, bad, error) in [
        ("off the curve", off_curve, KeyError::Point),
        ("all zero", [&good[..27], &[0; 64]].concat(), KeyError::Point),
        ("compressed", compressed, KeyError::Kind),
        ("infinity", infinity, KeyError::Kind),
        ("P-521", spki(Nid::SECP521R1, Asn1Flag::NAMED_CURVE), KeyError::Kind),
        ("secp256k1", spki(Nid::SECP256K1, Asn1Flag::NAMED_CURVE), KeyError::Kind),
        ("explicit parameters", spki(Nid::X9_62_PRIME256V1, Asn1Flag::EXPLICIT_CURVE), KeyError::Kind),
        ("Ed25519", PKey::generate_ed25519().unwrap().public_key_to_der().unwrap(), KeyError::Kind),
    ] {
        assert_eq!(PublicKey::from_spki_der(&bad).err(), Some(error), "{what}");
    }
    // Positive case
    assert!(PublicKey::from_spki_der(&good).is_ok());
    assert!(PublicKey::from_spki_der(&spki(Nid::SECP384R1, Asn1Flag::NAMED_CURVE)).is_ok());
}

/// One key, one spelling: otherwise a list of keys is evaded.
#[test]
fn a_public_key_has_one_spelling() {
    let good = keys::rsa2048(1).public_key().spki_der().to_vec();
    // 30 82 0122 | 30 0d 06 09 … 05 00 | 03 82 010f 00 | …
    let no_null = [&[0x30, 0x82, 0x01, 0x20, 0x30, 0x0b][..], &good[6..17], &good[19..]].concat();
    let long_length = [&[0x30, 0x83, 0x00, 0x01, 0x22], &good[4..]].concat();
    let curve = keys::p256(1).public_key().spki_der().to_vec();
    let wrap = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    };
    let numbers = |modulus: &[u8], exponent: &[u8]| {
        let key = wrap(0x30, &[&wrap(2, modulus)[..], exponent].concat());
        wrap(0x30, &[&good[4..19], &wrap(3, &[&[0], &key[..]].concat())].concat())
    };
    let modulus = [&[0][..], &modulus(1)].concat();
    assert_eq!(numbers(&modulus, &[2, 3, 1, 0, 1]), good, "the writer of this test is right");
    for (what, bad) in [
        ("modulus with two zeros", numbers(&[&[0], &modulus[..]].concat(), &[2, 3, 1, 0, 1])),
        ("negative modulus", numbers(&modulus[1..], &[2, 3, 1, 0, 1])),
        ("exponent with a zero", numbers(&modulus, &[2, 4, 0, 1, 0, 1])),
        ("exponent without octets", numbers(&modulus, &[2, 0])),
        ("a third number", numbers(&modulus, &[2, 3, 1, 0, 1, 2, 1, 1])),
        ("curve, octets left over", [&curve[..], &[0]].concat()),
        ("curve, truncated", curve[..curve.len() - 1].to_vec()),
        ("curve, hybrid point", [&curve[..26], &[6 + (curve[90] & 1)], &curve[27..]].concat()),
        ("octets left over", [&good[..], &[0]].concat()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("no NULL", no_null),
        ("length with a leading zero", long_length),
        ("empty", Vec::new()),
        ("PKCS#1", good[24..].to_vec()),
        ("a certificate", Ca::new("TEST CA").certificate().der().to_vec()),
    ] {
        assert_eq!(PublicKey::from_spki_der(&bad).err(), Some(KeyError::Encoding), "{what}");
    }
    // Positive case
    assert!(PublicKey::from_spki_der(&good).is_ok());
}

#[test]
fn private_keys_are_pkcs8_and_consistent() {
    let good = keys::p256(1);
    let pem = good.to_pkcs8_pem().unwrap();
    let library = PKey::private_key_from_pem(pem.as_bytes()).unwrap();
    let old = String::from_utf8(library.ec_key().unwrap().private_key_to_pem().unwrap()).unwrap();
    let der = library.private_key_to_pkcs8().unwrap();
    let rsa = keys::rsa2048(1).library_key().rsa().unwrap();
    let other = keys::rsa2048(2).library_key().rsa().unwrap();
    let mixed = Rsa::from_private_components(
        rsa.n().to_owned().unwrap(),
        rsa.e().to_owned().unwrap(),
        other.d().to_owned().unwrap(),
        rsa.p().unwrap().to_owned().unwrap(),
        rsa.q().unwrap().to_owned().unwrap(),
        rsa.dmp1().unwrap().to_owned().unwrap(),
        rsa.dmq1().unwrap().to_owned().unwrap(),
        rsa.iqmp().unwrap().to_owned().unwrap(),
    );
    let mixed = PKey::from_rsa(mixed.unwrap()).unwrap().private_key_to_pkcs8().unwrap();
    assert_eq!(PrivateKey::from_pem(&old).err(), Some(KeyError::Encoding), "EC PRIVATE KEY");
    assert_eq!(PrivateKey::from_pem("").err(), Some(KeyError::Encoding));
    assert_eq!(PrivateKey::from_pem(&pem.repeat(2)).err(), Some(KeyError::Encoding), "two keys");
    assert_eq!(PrivateKey::from_pkcs8_der(&[&der[..], &[0]].concat()).err(), Some(KeyError::Encoding));
    assert_eq!(PrivateKey::from_pkcs8_der(&mixed).err(), Some(KeyError::Contradiction));
    // Positive case
    assert_eq!(PrivateKey::from_pkcs8_der(&der).unwrap().public_key(), good.public_key());
}

#[test]
fn encrypted_keys_open_with_their_passphrase() {
    let key = keys::rsa2048(1);
    let pem =
        key.library_key().private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"correct").unwrap();
    let pem = String::from_utf8(pem).unwrap();
    for wrong in ["", "wrong", "correct\0", "\0", &"long".repeat(10_000)] {
        assert_eq!(
            PrivateKey::from_encrypted_pem(&pem, wrong).err(),
            Some(KeyError::Passphrase),
            "{wrong:.20}"
        );
    }
    assert_eq!(PrivateKey::from_pem(&pem).err(), Some(KeyError::Encoding), "never asks for a passphrase");
    let plain = key.to_pkcs8_pem().unwrap();
    assert_eq!(PrivateKey::from_encrypted_pem(&plain, "correct").err(), Some(KeyError::Encoding));
    // Positive case
    assert_eq!(PrivateKey::from_encrypted_pem(&pem, "correct").unwrap().public_key(), key.public_key());
}

#[test]
fn pkcs12_holds_a_key_with_its_certificate() {
    let (ca, key) = (Ca::new("TEST CA"), keys::p256(1));
    let certificate = ca.issue(LeafSpec::new("TEST leaf", key.public_key()));
    let file = |key: &PrivateKey, certificate: &crate::Certificate| {
        let mut chain = openssl::stack::Stack::new().unwrap();
        chain.push(ca.certificate().x509().to_owned()).unwrap();
        let mut builder = Pkcs12::builder();
        builder.pkey(key.library_key()).cert(certificate.x509()).ca(chain);
        builder.build2("correct").and_then(|file| file.to_der())
    };
    let good = file(&key, &certificate).unwrap();
    let error = |der: &[u8], passphrase| Identity::from_pkcs12(der, passphrase).err();
    assert_eq!(error(&good, "wrong"), Some(KeyError::Passphrase));
    assert_eq!(error(&good, "correct\0"), Some(KeyError::Passphrase));
    assert_eq!(error(b"nonsense", "correct"), Some(KeyError::Encoding));
    assert!(file(&keys::p256(2), &certificate).is_err(), "the library does not even write a mismatch");
    // Positive case
    let identity = Identity::from_pkcs12(&good, "correct").unwrap();
    assert_eq!(identity.key.public_key(), key.public_key());
    assert_eq!(identity.certificate, certificate);
    assert_eq!(identity.chain, [ca.certificate().clone()]);
}

#[test]
fn errors_name_their_reason() {
    let error = CertificateError { fault: CertificateFault::Expired, detail: "x".to_owned() };
    assert_eq!(error.reason(), Reason::Certificate(CertificateFault::Expired));
}
