//! The valid world is valid: held against recomputation, the product's canonicaliser and the openssl program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::{fs, process::Command};

use chukei_crypto::{ContentKey, KeyTransport, SignatureAlgorithm, Unwrapper, sha256};
use chukei_forge::{
    canonical::Form,
    raw::{Element, parse},
    sign::uri,
    specimen::{PERSON, Party, Specimen, Suite, World},
};
use chukei_xml::{Document, lexical::decode_base64};

/// Checks every signature of a message with nothing but the product's canonicaliser and the signer's public key.
fn check(bytes: &[u8], signer: &Party) -> usize {
    let document = Document::parse(bytes).unwrap();
    let root = parse(std::str::from_utf8(bytes).unwrap()).unwrap();
    let signatures: Vec<_> = document.signatures().collect();
    for signature in &signatures {
        let child = |parent: chukei_xml::Element<'_>, local: &str| {
            parent.elements().find(|e| e.local() == local).unwrap().id()
        };
        let element = |id| document.element(id).unwrap();
        let signed_info = element(child(*signature, "SignedInfo"));
        let method = element(child(signed_info, "SignatureMethod")).attribute("Algorithm").unwrap();
        let value = decode_base64(element(child(*signature, "SignatureValue")).text().unwrap()).unwrap();
        let digest = sha256(&document.canonical(signed_info).to_vec());
        let algorithm = SignatureAlgorithm::from_uri(method).unwrap();
        signer.key.public_key().verify(algorithm, &digest, &value).unwrap();

        for reference in signed_info.elements().filter(|e| e.local() == "Reference") {
            let id = reference.attribute("URI").unwrap().strip_prefix('#').unwrap();
            let target = document.by_id(id).unwrap();
            let transforms = element(child(reference, "Transforms"));
            let first = transforms.elements().next().unwrap().attribute("Algorithm").unwrap();
            let octets = match first {
                uri::ENVELOPED => document.canonical(target).omit(signature.id()).to_vec(),
                uri::STR_TRANSFORM => {
                    let token = target.elements().next().unwrap().attribute("URI").unwrap();
                    let token = document.by_id(token.strip_prefix('#').unwrap()).unwrap();
                    document.canonical(token).with_apex_default().to_vec()
                }
                _ => {
                    // The second canonicaliser, on the tree as it was read, agrees.
                    let own = Form::default().octets(&root, &root.locate_id(id).unwrap(), None);
                    assert_eq!(own, document.canonical(target).to_vec());
                    own
                }
            };
            let digest = decode_base64(element(child(reference, "DigestValue")).text().unwrap()).unwrap();
            assert_eq!(digest, sha256(&octets), "{id}");
        }
    }
    signatures.len()
}

#[test]
fn every_message_verifies_by_recomputation() {
    for suite in [Suite::Rsa, Suite::P256] {
        let world = World::with(suite, 7);
        for specimen in Specimen::ALL {
            let signer = if *specimen == Specimen::Soap { &world.requester } else { &world.relay };
            let bytes = world.message(*specimen).bytes();
            let count = if *specimen == Specimen::SignedResponse { 2 } else { 1 };
            assert_eq!(check(&bytes, signer), count, "{specimen:?}");
        }
    }
}

#[test]
fn content_is_a_function_of_the_seed() {
    for specimen in [Specimen::Assertion, Specimen::SignedResponse, Specimen::Soap, Specimen::Metadata] {
        let bytes = World::new(1).message(specimen).bytes();
        assert_eq!(bytes, World::new(1).message(specimen).bytes());
        assert_ne!(bytes, World::new(2).message(specimen).bytes());
    }
    // What is sealed is fresh at each call; everything else stays.
    let world = World::new(1);
    let without = |mut message: chukei_forge::raw::Message| {
        message.root.remove("saml:Subject/saml:EncryptedID");
        message.root.remove("ds:Signature");
        message.bytes()
    };
    let [one, two] = [(), ()].map(|()| world.message(Specimen::Envelope));
    assert_ne!(one.bytes(), two.bytes());
    assert_eq!(without(one), without(two));
}

#[test]
fn the_openssl_program_verifies_what_was_signed() {
    let world = World::new(3);
    let query = world.query();
    let message = world.message(Specimen::Assertion);
    let signature = message.root.find("ds:Signature");
    let value = decode_base64(&signature.find("ds:SignatureValue").content()).unwrap();
    let signed_info = Form::default().octets(signature, &signature.locate("ds:SignedInfo").unwrap(), None);
    assert!(openssl_verifies(&signed_info, &value, &world.relay));
    assert!(!openssl_verifies(&signed_info, &value, &world.attacker));

    let signed = query.signed();
    assert!(openssl_verifies(signed.as_bytes(), &query.secret.sign(signed.as_bytes()), &world.requester));
    assert!(query.write().starts_with(&signed));
}

fn openssl_verifies(octets: &[u8], signature: &[u8], signer: &Party) -> bool {
    let scratch =
        std::env::temp_dir().join(format!("chukei-forge-{}-{}", std::process::id(), signer.entity_id.len()));
    fs::create_dir_all(&scratch).unwrap();
    let file = |name: &str, octets: &[u8]| {
        let path = scratch.join(name);
        fs::write(&path, octets).unwrap();
        path
    };
    let output = Command::new("openssl")
        .args(["dgst", "-sha256", "-keyform", "DER", "-verify"])
        .arg(file("key", signer.key.public_key().spki_der()))
        .arg("-signature")
        .arg(file("signature", signature))
        .arg(file("octets", octets))
        .output()
        .expect("the openssl program");
    fs::remove_dir_all(&scratch).unwrap();
    output.status.success()
}

#[test]
fn the_envelope_opens_for_its_recipient_alone() {
    let world = World::new(4);
    let envelope = world.message(Specimen::Envelope).root;
    let data = envelope.find("saml:Subject/saml:EncryptedID/xenc:EncryptedData");
    let octets = |path: &str| decode_base64(&data.find(path).content()).unwrap();
    let wrapped = octets("ds:KeyInfo/xenc:EncryptedKey/xenc:CipherData/xenc:CipherValue");
    let sealed = octets("xenc:CipherData/xenc:CipherValue");
    let open = |party: &Party| -> Option<Vec<u8>> {
        let key: ContentKey = party.decryption_key.unwrap(KeyTransport::RsaOaepSha256, &wrapped).ok()?;
        key.open(&sealed).ok().map(|plaintext| plaintext.to_vec())
    };
    assert_eq!((open(&world.relay), open(&world.requester), open(&world.attacker)), (None, None, None));
    let plaintext = open(&world.responder).unwrap();
    assert_eq!(plaintext.len() % 512, 0);
    let name_id: Element = parse(std::str::from_utf8(&plaintext).unwrap()).unwrap();
    assert_eq!((name_id.name.as_str(), name_id.content().as_str()), ("saml:NameID", PERSON));
}
