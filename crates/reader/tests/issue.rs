//! Issued cards, read by the product and by OpenSSL.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use chukei_card::{Card, LifeCycle};
use chukei_crypto::{Certificate, Crl, Purpose, Revocation, TrustAnchors, UnixTime};
use chukei_reader::{Deviation, Holder, Issued, OpenSsl, Order, issue};
use openssl::hash::MessageDigest;
use openssl::rsa::Padding;
use openssl::sign::Verifier;
use openssl::x509::X509;

const NOW: i64 = 1_767_225_600;

fn order(kind: &str, deviations: &[Deviation]) -> Order {
    Order {
        image: chukei_card::named(kind).unwrap(),
        holder: Holder::synthetic(1, ""),
        seed: 1,
        issued: NOW,
        serial: None,
        deviations: deviations.to_vec(),
    }
}

fn issued(kind: &str, deviations: &[Deviation]) -> Issued {
    issue(&order(kind, deviations)).unwrap()
}

fn card(issued: &Issued) -> Card {
    let mut card = Card::new(issued.image.clone(), &OpenSsl).unwrap();
    assert!(card.advance(LifeCycle::Activated));
    card
}

/// Sends commands that all succeed; the data of the last.
fn talk(card: &mut Card, commands: &[&[u8]]) -> Vec<u8> {
    let mut answer = Vec::new();
    for command in commands {
        answer = card.transmit(command);
        assert_eq!(answer.split_off(answer.len() - 2), [0x90, 0], "{command:02x?}");
    }
    answer
}

const SELECT: &[u8] = b"\x00\xa4\x04\x0c\x0a\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01";

/// A signature over `message` by the JPKI card edge.
fn sign(card: &mut Card, pin: (u8, &[u8]), key: u8, digest: MessageDigest, message: &[u8]) -> Vec<u8> {
    let prefix: &[u8] = if digest == MessageDigest::sha1() {
        b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14"
    } else {
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
    };
    let info = [prefix, &openssl::hash::hash(digest, message).unwrap()].concat();
    let length = |octets: &[u8]| u8::try_from(octets.len()).unwrap();
    let verify = [&[0, 0x20, 0, 0x80 | pin.0, length(pin.1)], pin.1].concat();
    let sign = [&[0x80, 0x2a, 0, 0x80, length(&info)], &info[..], &[0]].concat();
    talk(card, &[SELECT, &verify, &[0, 0xa4, 2, 0x0c, 2, 0, key], &sign])
}

fn verifies(certificate: &str, digest: MessageDigest, message: &[u8], signature: &[u8]) -> bool {
    let key = X509::from_pem(certificate.as_bytes()).unwrap().public_key().unwrap();
    Verifier::new(digest, &key).unwrap().verify_oneshot(signature, message).unwrap()
}

#[test]
fn cards_sign_what_their_certificates_verify() {
    let (sha1, sha256) = (MessageDigest::sha1(), MessageDigest::sha256());
    let signature: (u8, &[u8]) = (0x1b, b"ABC123");
    let authentication: (u8, &[u8]) = (0x18, b"1234");
    for (kind, place, pin, key, digest) in [
        ("juki-2010", 0, signature, 0x1a, sha1),
        ("juki-jpki", 0, signature, 0x1a, sha256),
        ("juki-jpki+kokuho", 0, signature, 0x1a, sha1),
        ("mynumber-like", 0, signature, 0x1a, sha256),
        ("mynumber-like", 1, authentication, 0x17, sha256),
        ("kamogawa", 0, authentication, 0x17, sha256),
    ] {
        let sound = issued(kind, &[]);
        let made = sign(&mut card(&sound), pin, key, digest, b"access application");
        let certificate = &sound.certificates[place].certificate;
        assert!(verifies(certificate, digest, b"access application", &made), "{kind}");
        assert!(!verifies(certificate, digest, b"access applicatiom", &made), "{kind}");
        let other = issued(kind, &[Deviation::OtherKey]);
        assert_eq!(&other.certificates[place].certificate, certificate);
        let copied = sign(&mut card(&other), pin, key, digest, b"access application");
        assert!(!verifies(certificate, digest, b"access application", &copied), "{kind}");
    }
}

#[test]
fn the_operators_token_signs_in_parts() {
    let sound = issued("operator-token", &[]);
    let mut card = card(&sound);
    let certificate = X509::from_pem(sound.certificates[0].certificate.as_bytes()).unwrap();
    talk(&mut card, &[b"\x00\xa4\x04\x00\x09\xa0\x00\x00\x03\x08\x00\x00\x10\x00\x00"]);
    let object = card.transmit(b"\x00\xcb\x3f\xff\x00\x00\x05\x5c\x03\x5f\xc1\x05\x00\x00");
    let der = certificate.to_der().unwrap();
    assert!(object.windows(der.len()).any(|window| window == der));

    let block = [&[0, 1][..], &[0xff; 250], &[0], b"abc"].concat();
    let template = [b"\x7c\x82\x01\x06\x82\x00\x81\x82\x01\x00", &block[..]].concat();
    let (first, last) = template.split_at(255);
    talk(&mut card, &[b"\x00\x20\x00\x80\x08123456\xff\xff"]);
    talk(&mut card, &[&[b"\x10\x87\x07\x9a\xff", first].concat()]);
    let mut answer = card.transmit(&[b"\x00\x87\x07\x9a\x0b", last, &[0]].concat());
    assert_eq!(answer.split_off(256), [0x61, 0x08]);
    let rest = talk(&mut card, &[b"\x00\xc0\x00\x00\x08"]);
    let signature = [&answer[8..], &rest].concat();
    let mut back = vec![0; 256];
    let key = certificate.public_key().unwrap().rsa().unwrap();
    key.public_decrypt(&signature, &mut back, Padding::NONE).unwrap();
    assert_eq!(back, block);
}

#[test]
fn the_product_relies_on_sound_certificates_only() {
    let holds = |kind: &str, deviation: Option<Deviation>, purpose, at| {
        let made = issued(kind, deviation.as_slice());
        let made = &made.certificates[0];
        let anchors = TrustAnchors::new(vec![Certificate::from_pem(&made.authority).unwrap()]).unwrap();
        let anchors = anchors.with_crls(vec![Crl::from_pem(&made.revocation_list).unwrap()]);
        let leaf = Certificate::from_pem(&made.certificate).unwrap();
        anchors.validate(&leaf, &[], UnixTime(at), purpose, Revocation::Required).is_ok()
    };
    let day = 86_400;
    for (kind, purpose) in [("juki-jpki", Purpose::SignDocuments), ("kamogawa", Purpose::TlsClient)] {
        assert!(holds(kind, None, purpose, NOW + day), "{kind}");
        for deviation in [
            Deviation::Expired,
            Deviation::NotYetValid,
            Deviation::Revoked,
            Deviation::UnknownIssuer,
            Deviation::ForgedIssuer,
        ] {
            assert!(!holds(kind, Some(deviation), purpose, NOW + day), "{kind} {deviation:?}");
        }
        for deviation in [Deviation::SameSerial, Deviation::Renewed, Deviation::OtherKey] {
            assert!(holds(kind, Some(deviation), purpose, NOW + day), "{kind} {deviation:?}");
        }
    }
    assert!(holds("operator-token", None, Purpose::TlsClient, NOW + day));
    // SHA-1 and 1024 bits are for readers of cards of 2010; the product's path does not take them.
    let old = issued("juki-2010", &[]);
    let old = Certificate::from_pem(&old.certificates[0].certificate);
    assert!(old.is_err() || old.unwrap().public_key().is_err());
}

#[test]
fn who_is_who_by_issuer_and_serial_number() {
    let key = |deviation: Option<Deviation>| {
        let made = issued("juki-jpki", deviation.as_slice());
        let certificate = Certificate::from_pem(&made.certificates[0].certificate).unwrap();
        (certificate.issuer(), certificate.serial())
    };
    let sound = key(None);
    let (other_issuer, same_serial) = key(Some(Deviation::SameSerial));
    assert_ne!(other_issuer, sound.0);
    assert_eq!(same_serial, sound.1);
    let (same_issuer, other_serial) = key(Some(Deviation::Renewed));
    assert_eq!(same_issuer, sound.0);
    assert_ne!(other_serial, sound.1);
    let made = issue(&Order { serial: Some(77), ..order("juki-jpki", &[]) }).unwrap();
    assert_eq!(
        Certificate::from_pem(&made.certificates[0].certificate).unwrap().serial().to_uppercase(),
        "4D"
    );
}

#[test]
fn the_id_of_kamogawa_stands_in_the_subject() {
    let subject = |deviation: Option<Deviation>| {
        let made = issued("kamogawa", deviation.as_slice());
        let certificate = X509::from_pem(made.certificates[0].certificate.as_bytes()).unwrap();
        let name = certificate.subject_name().entries_by_nid(openssl::nid::Nid::COMMONNAME).next().unwrap();
        String::from_utf8(name.data().as_slice().to_vec()).unwrap()
    };
    let sound = subject(None);
    assert!(sound.len() == 44 && sound.bytes().all(|octet| octet.is_ascii_digit()));
    assert_eq!(subject(Some(Deviation::Id43)).len(), 43);
    assert_eq!(subject(Some(Deviation::Id45)).len(), 45);
    let letter = subject(Some(Deviation::IdLetter));
    assert!(letter.len() == 44 && !letter.bytes().all(|octet| octet.is_ascii_digit()));
}

#[test]
fn an_order_makes_one_card_and_a_blocked_one_is_blocked() {
    let toml = |seed| issue(&Order { seed, ..order("kamogawa", &[]) }).unwrap().image.to_toml().unwrap();
    assert_eq!(toml(1), toml(1));
    assert_ne!(toml(1), toml(2));
    let again = chukei_card::Image::parse(&toml(1)).unwrap();
    assert!(Card::new(again, &OpenSsl).is_ok());

    let verify = b"\x00\x20\x00\x98\x041234";
    let mut sound = card(&issued("kamogawa", &[]));
    talk(&mut sound, &[SELECT, verify]);
    let mut blocked = card(&issued("kamogawa", &[Deviation::Blocked]));
    talk(&mut blocked, &[SELECT]);
    assert_eq!(blocked.transmit(verify), [0x69, 0x84]);
}
