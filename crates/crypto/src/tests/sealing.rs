//! Content encryption and key transport.

use std::collections::HashSet;

use openssl::encrypt::Encrypter;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Padding;

use crate::test_pki::keys;
use crate::{ContentKey, CryptoError, DecryptError, KeyTransport::RsaOaepSha256, Unwrapper};

#[test]
fn what_was_sealed_opens() {
    let key = ContentKey::generate().unwrap();
    for length in [0, 1, 15, 16, 17, 4096, 100_000] {
        let plaintext = vec![7; length];
        let sealed = key.seal(&plaintext).unwrap();
        assert_eq!(sealed.len(), 12 + length + 16);
        assert_eq!(**key.open(&sealed).unwrap(), plaintext);
        assert_eq!(ContentKey::generate().unwrap().open(&sealed), Err(DecryptError), "another key");
    }
}

/// ENC-05, ENC-07, ENC-08, DOS-26
#[test]
fn short_ciphertexts_and_short_tags_do_not_open() {
    let key = ContentKey::generate().unwrap();
    let sealed = key.seal(b"").unwrap();
    for length in 0..28 {
        assert_eq!(key.open(&sealed[..length]), Err(DecryptError), "{length} octets");
        assert_eq!(key.open(&vec![0; length]), Err(DecryptError), "{length} zeros");
    }
    let long = key.seal(b"number").unwrap();
    for cut in 1..=16 {
        assert_eq!(key.open(&long[..long.len() - cut]), Err(DecryptError), "tag shorter by {cut}");
        assert_eq!(key.open(&long[cut..]), Err(DecryptError), "IV shorter by {cut}");
    }
    // Positive case
    assert_eq!(**key.open(&sealed).unwrap(), []);
    assert_eq!(**key.open(&long).unwrap(), *b"number");
}

/// ENC-22
#[test]
fn every_flipped_bit_is_noticed() {
    let key = ContentKey::generate().unwrap();
    let sealed = key.seal(b"0123456789").unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.open(&flipped), Err(DecryptError), "bit {bit}");
    }
    // Positive case
    assert!(key.open(&sealed).is_ok());
}

/// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 and 14: the layout is
/// not only our own.
#[test]
fn published_vectors_open() {
    let key = ContentKey::from_octets(&[0; 32]).unwrap();
    let tag_13 = 0x530f_8afb_c745_36b9_a963_b4f1_c4cb_738b_u128.to_be_bytes();
    let text_14 = 0xcea7_403d_4d60_6b6e_074e_c5d3_baf3_9d18_u128.to_be_bytes();
    let tag_14 = 0xd0d1_c8a7_9999_6bf0_265b_98b5_d48a_b919_u128.to_be_bytes();
    assert_eq!(**key.open(&[&[0; 12][..], &tag_13].concat()).unwrap(), []);
    assert_eq!(**key.open(&[&[0; 12][..], &text_14, &tag_14].concat()).unwrap(), [0; 16]);
    assert_eq!(key.open(&[&[0; 12][..], &text_14, &tag_13].concat()), Err(DecryptError));
}

/// ENC-06, ENV-08
#[test]
fn no_two_seals_share_an_iv_and_no_two_envelopes_a_key() {
    let key = ContentKey::generate().unwrap();
    let ivs: HashSet<Vec<u8>> = (0..20_000).map(|_| key.seal(b"").unwrap()[..12].to_vec()).collect();
    assert_eq!(ivs.len(), 20_000);
    let keys: HashSet<Vec<u8>> =
        (0..20_000).map(|_| ContentKey::generate().unwrap().octets().to_vec()).collect();
    assert_eq!(keys.len(), 20_000);
    let random: HashSet<[u8; 16]> = (0..1000).map(|_| crate::random_bytes().unwrap()).collect();
    assert_eq!(random.len(), 1000);
}

/// ENC-11
#[test]
fn a_content_key_has_32_octets() {
    for length in [0, 16, 24, 31, 33, 64] {
        assert_eq!(ContentKey::from_octets(&vec![1; length]).err(), Some(DecryptError), "{length}");
    }
    // Positive case
    assert!(ContentKey::from_octets(&[1; 32]).is_ok());
}

/// LOG-02
#[test]
fn secrets_do_not_show() {
    let key = ContentKey::from_octets(&[0xab; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "ContentKey(..)");
    let shown = format!("{:?}", keys::p256(1));
    assert!(shown.starts_with("PrivateKey(of PublicKey(P256, "), "{shown}");
    assert!(shown.len() < 60, "{shown}");
}

#[test]
fn a_wrapped_key_opens_for_its_recipient_only() {
    let content = ContentKey::generate().unwrap();
    let recipient = keys::rsa2048(1);
    let wrapped = recipient.public_key().wrap(RsaOaepSha256, &content).unwrap();
    assert!(recipient.unwrap(RsaOaepSha256, &wrapped).unwrap().octets() == content.octets());
    assert!(wrapped != recipient.public_key().wrap(RsaOaepSha256, &content).unwrap(), "ENV-08");
    assert_eq!(keys::rsa2048(2).unwrap(RsaOaepSha256, &wrapped).err(), Some(DecryptError));
    assert_eq!(keys::rsa3072().unwrap(RsaOaepSha256, &wrapped).err(), Some(DecryptError));
    assert_eq!(keys::p256(1).unwrap(RsaOaepSha256, &wrapped).err(), Some(DecryptError));
    assert_eq!(keys::p256(1).public_key().wrap(RsaOaepSha256, &content), Err(CryptoError::Algorithm));
}

/// ENC-03, ENC-09, ENC-10: what another party may have wrapped in another way.
#[test]
fn only_one_way_of_wrapping_opens() {
    let key = keys::rsa2048(1);
    let library = PKey::public_key_from_der(key.public_key().spki_der()).unwrap();
    let wrap = |padding,
                oaep: Option<MessageDigest>,
                mgf: Option<MessageDigest>,
                label: Option<&[u8]>,
                octets: &[u8]| {
        let mut encrypter = Encrypter::new(&library).unwrap();
        encrypter.set_rsa_padding(padding).unwrap();
        oaep.inspect(|digest| encrypter.set_rsa_oaep_md(*digest).unwrap());
        mgf.inspect(|digest| encrypter.set_rsa_mgf1_md(*digest).unwrap());
        label.inspect(|label| encrypter.set_rsa_oaep_label(label).unwrap());
        let mut wrapped = vec![0; encrypter.encrypt_len(octets).unwrap()];
        let length = encrypter.encrypt(octets, &mut wrapped).unwrap();
        wrapped.truncate(length);
        wrapped
    };
    let (oaep, sha256, sha1) =
        (Padding::PKCS1_OAEP, Some(MessageDigest::sha256()), Some(MessageDigest::sha1()));
    let good = wrap(oaep, sha256, sha256, None, &[9; 32]);
    for (what, bad) in [
        ("MGF1 with SHA-1", wrap(oaep, sha256, sha1, None, &[9; 32])),
        ("digest SHA-1", wrap(oaep, sha1, sha256, None, &[9; 32])),
        ("both SHA-1", wrap(oaep, sha1, sha1, None, &[9; 32])),
        ("label", wrap(oaep, sha256, sha256, Some(b"label"), &[9; 32])),
        ("PKCS#1 v1.5", wrap(Padding::PKCS1, None, None, None, &[9; 32])),
        ("16 octets", wrap(oaep, sha256, sha256, None, &[9; 16])),
        ("33 octets", wrap(oaep, sha256, sha256, None, &[9; 33])),
        ("nothing", wrap(oaep, sha256, sha256, None, &[])),
        ("zeros", vec![0; 256]),
        ("above the modulus", vec![0xff; 256]),
        ("one octet less", good[..255].to_vec()),
        ("one octet more", [&good[..], &[0]].concat()),
        ("empty", Vec::new()),
    ] {
        assert_eq!(key.unwrap(RsaOaepSha256, &bad).err(), Some(DecryptError), "{what}");
        // Positive case, on the context that a failure must not have spoilt.
        assert_eq!(key.unwrap(RsaOaepSha256, &good).unwrap().octets(), [9; 32], "after {what}");
    }
}
