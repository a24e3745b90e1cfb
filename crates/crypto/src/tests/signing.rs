//! Signatures: made, verified, forged.

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;

use crate::SignatureAlgorithm::{EcdsaSha256, RsaPssSha256, RsaSha256};
use crate::test_pki::keys;
use crate::{CryptoError, PrivateKey, SignatureAlgorithm, Signer, VerifyError, sha256};

const MESSAGE: &[u8] = b"who said this?";

fn sign(key: &PrivateKey, algorithm: SignatureAlgorithm) -> Vec<u8> {
    key.signer(algorithm).unwrap().sign(&sha256(MESSAGE)).unwrap()
}

fn verify(key: &PrivateKey, algorithm: SignatureAlgorithm, signature: &[u8]) -> Result<(), VerifyError> {
    key.public_key().verify(algorithm, &sha256(MESSAGE), signature)
}

#[test]
fn what_was_signed_verifies_with_this_key_and_these_bytes_only() {
    for (key, other, algorithm) in [
        (keys::rsa2048(1), keys::rsa2048(2), RsaSha256),
        (keys::rsa3072(), keys::rsa2048(2), RsaSha256),
        (keys::rsa2048(1), keys::rsa2048(2), RsaPssSha256),
        (keys::p256(1), keys::p256(2), EcdsaSha256),
    ] {
        let signer = key.signer(algorithm).unwrap();
        assert_eq!(signer.algorithm(), algorithm);
        for _ in 0..3 {
            let signature = signer.sign(&sha256(MESSAGE)).unwrap(); // from the second on, on a used context
            assert_eq!(verify(&other, algorithm, &signature), Err(VerifyError::Signature));
            let wrong = key.public_key().verify(algorithm, &sha256(b"other"), &signature);
            assert_eq!(wrong, Err(VerifyError::Signature));
            assert_eq!(verify(&key, algorithm, &signature), Ok(()));
        }
    }
}

/// OpenSSL's own one-call interface agrees, so that nothing above only agrees with itself.
#[test]
fn the_library_verifies_what_we_sign() {
    for (key, algorithm) in
        [(keys::rsa2048(1), RsaSha256), (keys::rsa2048(1), RsaPssSha256), (keys::p256(1), EcdsaSha256)]
    {
        let library = PKey::public_key_from_der(key.public_key().spki_der()).unwrap();
        let mut verifier = openssl::sign::Verifier::new(MessageDigest::sha256(), &library).unwrap();
        let mut signature = sign(&key, algorithm);
        match algorithm {
            RsaPssSha256 => {
                verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(32)).unwrap();
            }
            EcdsaSha256 => signature = crate::ecdsa::to_der(&signature).unwrap(),
            RsaSha256 => {}
        }
        assert!(verifier.verify_oneshot(&signature, MESSAGE).unwrap());
    }
}

#[test]
fn a_key_is_for_its_algorithms_only() {
    let signature = sign(&keys::p256(1), EcdsaSha256);
    for (key, wrong) in [
        (keys::p256(1), RsaSha256),
        (keys::p256(1), RsaPssSha256),
        (keys::rsa2048(1), EcdsaSha256),
        (keys::p384(), EcdsaSha256),
        (keys::p384(), RsaSha256),
    ] {
        assert!(!key.public_key().accepts(wrong));
        assert_eq!(verify(&key, wrong, &signature), Err(VerifyError::KeyMismatch));
        assert_eq!(key.signer(wrong).err(), Some(CryptoError::Algorithm));
    }
    // PKCS#1 v1.5 is not PSS.
    assert_eq!(
        verify(&keys::rsa2048(1), RsaPssSha256, &sign(&keys::rsa2048(1), RsaSha256)),
        Err(VerifyError::Signature)
    );
    assert_eq!(
        verify(&keys::rsa2048(1), RsaSha256, &sign(&keys::rsa2048(1), RsaPssSha256)),
        Err(VerifyError::Signature)
    );
    // Positive case
    assert!(keys::p256(1).public_key().accepts(EcdsaSha256));
    assert_eq!(verify(&keys::p256(1), EcdsaSha256, &signature), Ok(()));
}

/// ALG-06
#[test]
fn ecdsa_has_one_spelling() {
    let key = keys::p256(1);
    let good = sign(&key, EcdsaSha256);
    let (r, s) = good.split_at(32);
    let order =
        openssl::bn::BigNum::from_hex_str("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    let order = order.unwrap().to_vec();
    let zero = [0; 32];
    let one = [&[0; 31][..], &[1]].concat();
    for (what, bad) in [
        ("r = 0", [&zero, s].concat()),
        ("s = 0", [r, &zero].concat()),
        ("both 0", vec![0; 64]),
        ("r = n", [&order[..], s].concat()),
        ("s = n", [r, &order[..]].concat()),
        ("r above n", [&[0xff; 32], s].concat()),
        ("r = s = 1", [one.clone(), one].concat()),
        ("swapped", [s, r].concat()),
        ("DER", crate::ecdsa::to_der(&good).unwrap()),
        ("one octet less", good[..63].to_vec()),
        ("one octet more", [&good[..], &[0]].concat()),
        ("wide scalars", [&[0], r, &[0], s].concat()),
        ("as P-384", [&[0; 16], r, &[0; 16], s].concat()),
        ("empty", Vec::new()),
    ] {
        assert_eq!(verify(&key, EcdsaSha256, &bad), Err(VerifyError::Signature), "{what}");
        // Positive case, on the context that a failure must not have spoilt.
        assert_eq!(verify(&key, EcdsaSha256, &good), Ok(()), "after {what}");
    }
}

/// ALG-07: blocks that a careless reader of PKCS#1 v1.5 takes, signed with the real private key.
#[test]
fn rsa_has_one_padding() {
    let key = keys::rsa2048(1);
    let private = key.library_key().rsa().unwrap();
    let info = |algorithm: &[u8], digest: &[u8]| {
        let rest = [algorithm, &[0x04, u8::try_from(digest.len()).unwrap()], digest].concat();
        [&[0x30, u8::try_from(rest.len()).unwrap()][..], &rest].concat()
    };
    let sha256_null = [0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0];
    let sha256_bare = [0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    let sha1_null = [0x30, 0x09, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];
    let digest = sha256(MESSAGE);
    let right = info(&sha256_null, &digest);
    let block = |kind: u8, padding: usize, info: &[u8], garbage: usize| {
        [&[0, kind][..], &vec![0xff; padding], &[0], info, &vec![0; garbage]].concat()
    };
    let raw = |block: &[u8]| {
        let mut signature = vec![0; 256];
        private.private_encrypt(block, &mut signature, Padding::NONE).unwrap();
        signature
    };
    let full = 256 - 3 - right.len();
    let good = raw(&block(1, full, &right, 0));
    let bare = info(&sha256_bare, &digest);
    let sha1 = info(&sha1_null, &digest[..20]);
    for (what, bad) in [
        ("garbage after the digest (BB06)", raw(&block(1, 8, &right, full - 8))),
        ("one octet of garbage", raw(&block(1, full - 1, &right, 1))),
        ("block type 2", raw(&block(2, full, &right, 0))),
        ("no NULL", raw(&block(1, 256 - 3 - bare.len(), &bare, 0))),
        ("SHA-1", raw(&block(1, 256 - 3 - sha1.len(), &sha1, 0))),
        ("digest without its name", raw(&block(1, 256 - 3 - 32, &digest, 0))),
        ("signature of 1", [&[0; 255][..], &[1]].concat()),
        ("zeros", vec![0; 256]),
        ("above the modulus", vec![0xff; 256]),
        ("one octet less", good[..255].to_vec()),
        ("leading zero", [&[0], &good[..]].concat()),
        ("empty", Vec::new()),
    ] {
        assert_eq!(verify(&key, RsaSha256, &bad), Err(VerifyError::Signature), "{what}");
        // Positive case
        assert_eq!(verify(&key, RsaSha256, &good), Ok(()), "after {what}");
    }
}

/// ALG-08
#[test]
fn pss_has_one_set_of_parameters() {
    let key = keys::rsa2048(1);
    let made = |digest: MessageDigest, mgf: MessageDigest, salt: i32| {
        let mut signer = openssl::sign::Signer::new(digest, key.library_key()).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_mgf1_md(mgf).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt)).unwrap();
        signer.sign_oneshot_to_vec(MESSAGE).unwrap()
    };
    let (sha256, sha1, sha512) = (MessageDigest::sha256(), MessageDigest::sha1(), MessageDigest::sha512());
    for (digest, mgf, salt) in [
        (sha256, sha256, 0),
        (sha256, sha256, 31),
        (sha256, sha256, 33),
        (sha256, sha1, 32),
        (sha512, sha512, 32),
    ] {
        assert_eq!(
            verify(&key, RsaPssSha256, &made(digest, mgf, salt)),
            Err(VerifyError::Signature),
            "salt {salt}"
        );
        // Positive case
        let good = made(sha256, sha256, 32);
        assert_eq!(verify(&key, RsaPssSha256, &good[..255]), Err(VerifyError::Signature));
        assert_eq!(verify(&key, RsaPssSha256, &[&[0], &good[..]].concat()), Err(VerifyError::Signature));
        assert_eq!(verify(&key, RsaPssSha256, &good), Ok(()));
    }
}

#[test]
fn contexts_are_kept_after_success_and_dropped_after_failure() {
    let pool = crate::pool::Pool::new();
    let key = keys::rsa2048(1);
    let make = || crate::pool::signature_context(key.library_key(), RsaSha256, |context| context.sign_init());
    pool.run(make, |_| Err::<(), VerifyError>(VerifyError::Signature)).unwrap_err();
    assert_eq!(pool.idle(), 0);
    pool.run(make, |_| Ok::<(), VerifyError>(())).unwrap();
    pool.run(make, |_| Ok::<(), VerifyError>(())).unwrap();
    assert_eq!(pool.idle(), 1);
    pool.run(make, |_| Err::<(), VerifyError>(VerifyError::Signature)).unwrap_err();
    assert_eq!(pool.idle(), 0);
}

#[test]
fn one_key_serves_many_threads() {
    let key = keys::p256(1);
    let signer = key.signer(EcdsaSha256).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let (key, signer) = (key.public_key().clone(), &signer);
            scope.spawn(move || {
                for round in 0..50_u8 {
                    let digest = sha256(&[thread, round]);
                    let signature = signer.sign(&digest).unwrap();
                    assert_eq!(key.verify(EcdsaSha256, &digest, &signature), Ok(()));
                    assert_eq!(
                        key.verify(EcdsaSha256, &sha256(b""), &signature),
                        Err(VerifyError::Signature)
                    );
                }
            });
        }
    });
}

#[cfg(feature = "danger-fake-crypto")]
#[test]
fn only_the_fake_key_takes_everything() {
    let fake = crate::PublicKey::danger_fake();
    assert!(fake.skips_digest() && fake.accepts(RsaSha256) && fake.accepts(EcdsaSha256));
    assert_eq!(fake.verify(RsaSha256, &[0; 32], b"nonsense"), Ok(()));
    // A real key of the same build does not.
    let real = keys::p256(1);
    assert!(!real.public_key().skips_digest());
    assert_eq!(verify(&real, EcdsaSha256, b"nonsense"), Err(VerifyError::Signature));
}
