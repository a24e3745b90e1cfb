//! What the pools are for. `cargo test --release -p chukei-crypto -- --ignored --nocapture speed`

use std::hint::black_box;
use std::time::Instant;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;

use crate::SignatureAlgorithm::{EcdsaSha256, RsaSha256};
use crate::pool::{oaep_context, signature_context};
use crate::test_pki::{Ca, CrlSpec, LeafSpec, NOW, keys};
use crate::{
    ContentKey, KeyTransport, PublicKey, Purpose, Revocation, Sha256, Signer, TrustAnchors, Unwrapper, sha256,
};

/// Nanoseconds of one call: the least of 200 rounds, so that what else the machine does is left out.
fn least<R>(calls: u32, mut operation: impl FnMut() -> R) -> u128 {
    let round = |operation: &mut dyn FnMut() -> R| {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(operation());
        }
        start.elapsed().as_nanos() / u128::from(calls)
    };
    (0..200).map(|_| round(&mut operation)).min().unwrap()
}

#[test]
#[ignore = "prints figures, asserts nothing about time"]
fn speed() {
    let digest = sha256(b"message");
    println!(
        "{:<40} {:>10} {:>10} {:>10}",
        "ns per operation, least of 200 rounds", "pooled", "fresh", "one call"
    );
    for (name, key, algorithm) in
        [("RSA-2048", keys::rsa2048(1), RsaSha256), ("P-256", keys::p256(1), EcdsaSha256)]
    {
        let signer = key.signer(algorithm).unwrap();
        let signature = signer.sign(&digest).unwrap();
        let library = PKey::public_key_from_der(key.public_key().spki_der()).unwrap();
        let der = if algorithm == EcdsaSha256 {
            crate::ecdsa::to_der(&signature).unwrap()
        } else {
            signature.clone()
        };
        let pooled = least(50, || key.public_key().verify(algorithm, &digest, &signature).unwrap());
        let fresh = least(50, || {
            let mut context =
                signature_context(&library, algorithm, |context| context.verify_init()).unwrap();
            assert!(context.verify(&digest, &der).unwrap());
        });
        let one_call = least(50, || {
            let mut verifier = openssl::sign::Verifier::new(MessageDigest::sha256(), &library).unwrap();
            assert!(verifier.verify_oneshot(&der, b"message").unwrap());
        });
        println!("{:<40} {pooled:>10} {fresh:>10} {one_call:>10}", format!("{name} verify"));
        let pooled = least(10, || signer.sign(&digest).unwrap());
        let fresh = least(200, || {
            let mut context =
                signature_context(key.library_key(), algorithm, |context| context.sign_init()).unwrap();
            let mut signature = vec![0; key.library_key().size()];
            context.sign(&digest, Some(&mut signature)).unwrap()
        });
        println!("{:<40} {pooled:>10} {fresh:>10} {:>10}", format!("{name} sign"), "");
    }
    let (key, content) = (keys::rsa2048(1), ContentKey::generate().unwrap());
    let library = PKey::public_key_from_der(key.public_key().spki_der()).unwrap();
    let transport = KeyTransport::RsaOaepSha256;
    let wrapped = key.public_key().wrap(transport, &content).unwrap();
    let pooled = least(50, || key.public_key().wrap(transport, &content).unwrap());
    let fresh = least(50, || {
        let mut context = oaep_context(&library, |context| context.encrypt_init()).unwrap();
        let mut wrapped = vec![0; 256];
        context.encrypt(content.octets(), Some(&mut wrapped)).unwrap()
    });
    println!("{:<40} {pooled:>10} {fresh:>10}", "RSA-OAEP wrap");
    let pooled = least(10, || key.unwrap(transport, &wrapped).unwrap());
    let fresh = least(10, || {
        let mut context = oaep_context(key.library_key(), |context| context.decrypt_init()).unwrap();
        let mut octets = vec![0; 256];
        context.decrypt(&wrapped, Some(&mut octets)).unwrap()
    });
    println!("{:<40} {pooled:>10} {fresh:>10}", "RSA-OAEP unwrap");

    let sealed = content.seal(&[0; 1024]).unwrap();
    let mut tag = [0; 16];
    let aead = openssl::symm::Cipher::aes_256_gcm();
    let (seal, open) =
        (least(200, || content.seal(&[0; 1024]).unwrap()), least(200, || content.open(&sealed).unwrap()));
    let raw = least(200, || {
        openssl::symm::encrypt_aead(aead, &[0; 32], Some(&[0; 12]), &[], &[0; 1024], &mut tag).unwrap()
    });
    println!("{:<40} {seal:>10} {:>10} {raw:>10}", "AES-256-GCM seal 1 KiB", "");
    println!("{:<40} {open:>10}", "AES-256-GCM open 1 KiB");

    let text = vec![b'x'; 4096];
    let pieces = least(200, || {
        let mut hash = Sha256::new();
        text.chunks(12).for_each(|piece| hash.update(piece));
        hash.finish()
    });
    let unbuffered = least(200, || {
        let mut hash = openssl::sha::Sha256::new();
        text.chunks(12).for_each(|piece| hash.update(piece));
        hash.finish()
    });
    let whole = least(200, || sha256(&text));
    println!("{:<40} {pieces:>10} {unbuffered:>10} {whole:>10}", "SHA-256 4 KiB in 12s, raw, whole");

    let spki = key.public_key().spki_der();
    println!(
        "{:<40} {:>10}",
        "load an RSA-2048 public key",
        least(200, || PublicKey::from_spki_der(spki).unwrap())
    );
    let keys_of_both = [1, 2].map(|number| keys::rsa2048(number).public_key().clone());
    println!("{:<40} {:>10}", "shared prime of a pair", least(2, || crate::shared_prime(&keys_of_both)));
    let (root, curve) = (Ca::new("TEST Root CA"), keys::p256(1));
    let spec = LeafSpec::authority("TEST Issuing CA", keys::rsa2048(1).public_key());
    let issuing = root.subordinate(spec, keys::rsa2048(1));
    let leaf = issuing.issue(LeafSpec::new("TEST leaf", curve.public_key()));
    let anchors = TrustAnchors::new(vec![root.certificate().clone()]).unwrap();
    let anchors = anchors.with_crls(vec![root.crl(&CrlSpec::default()), issuing.crl(&CrlSpec::default())]);
    let intermediates = [issuing.certificate().clone()];
    let path = least(20, || {
        anchors.validate(&leaf, &intermediates, NOW, Purpose::SignMessages, Revocation::Required).unwrap()
    });
    println!("{:<40} {path:>10}", "validate a path of three, with lists");
}
