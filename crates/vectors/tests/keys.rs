//! What a vector cannot say about keys: that nothing is fetched, that nothing is used twice, that all answers are one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test, helpers included")]

use std::{
    collections::HashSet,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
};

use chukei_crypto::{
    ContentKey, KeyTransport, PrivateKey, Purpose, Revocation, TrustAnchors, Unwrapper,
    test_pki::{Ca, LeafSpec, NOW, TestExtension, keys, oid},
};
use chukei_forge::{
    raw::{Element, parse},
    sign::SignatureSpec,
};
use chukei_reason::{Answer, CertificateFault, Reason};
use chukei_vectors::{Kind, Outcome, run, store};
use chukei_xml::{
    Budget, Document, Name, Writer, XmlError,
    lexical::{decode_base64, encode_base64},
    ns,
};
use chukei_xml_security::{
    FromSigned, Recipient, Sealed, Shape, Signed, TrustStore, TrustedKey, Unverified, open,
};

const NAME_ID: Name = ns::SAML.name("NameID");
const RELAY: &str = "https://relay.example.test/idp";

/// KEY-05 (also KEY-04, ENC-13): every address that a message or a certificate can name is that of a listener of ours,
/// and nobody calls.
#[test]
fn nothing_is_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}/x");
    let nobody_called = || listener.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);

    let root = Ca::new("TEST Root");
    let extensions = vec![authority_information(&url), distribution_point(&url)];
    let spec = LeafSpec::authority("TEST Issuing CA", keys::rsa2048(1).public_key());
    let issuing = root.subordinate(LeafSpec { extensions: extensions.clone(), ..spec }, keys::rsa2048(1));
    let spec = LeafSpec::new("TEST Insurer A", keys::p256(1).public_key());
    let leaf = issuing.issue(LeafSpec { extensions, ..spec });
    assert!(leaf.der().windows(url.len()).filter(|octets| *octets == url.as_bytes()).count() == 3);
    let anchors = TrustAnchors::new(vec![root.certificate().clone()]).unwrap();
    let ask = |intermediates: &[_], revocation| {
        let path = anchors.validate(&leaf, intermediates, NOW, Purpose::SignMessages, revocation);
        path.map(|_| ()).map_err(|error| error.fault)
    };
    let all = [issuing.certificate().clone()];
    assert_eq!(ask(&all, Revocation::Required), Err(CertificateFault::RevocationUnknown));
    assert_eq!(ask(&[], Revocation::IfPresent), Err(CertificateFault::UnknownIssuer));
    assert_eq!(ask(&all, Revocation::IfPresent), Ok(()));
    assert!(nobody_called(), "for a certificate");

    for key_info in ["ds:RetrievalMethod", "ds:KeyName", "ds:X509Data/ds:X509SubjectName"] {
        let _ = verify(&signed(key_info, &url), &url);
    }
    assert_eq!(verify(&signed("ds:RetrievalMethod", &url), &url), Err(Reason::KeyInfo));
    assert_eq!(verify(&signed("ds:KeyName", &url), &url), Ok(()));
    assert!(nobody_called(), "for a signature");

    let key = keys::rsa2048(3);
    let mut referring = parse(&sealed(&key, b"x")).unwrap();
    let reference = Element::new("xenc:CipherReference").attribute("URI", &url);
    referring.find_mut("xenc:EncryptedData/xenc:CipherData").children = vec![reference.into()];
    assert_eq!(opened(&referring.write(), &key), Err(Reason::Structure));
    assert!(nobody_called(), "for a ciphertext");

    // Positive case: the listener notices one who calls.
    let _caller = TcpStream::connect(address).unwrap();
    listener.set_nonblocking(false).unwrap();
    assert!(listener.accept().is_ok());
}

/// ENC-06: a nonce used twice under one key gives AES-GCM's authentication away (Joux 2006). The catalogue asks for 2^20
/// envelopes; a generator that repeats itself at all does so long before.
#[test]
fn every_sealing_has_its_own_key_and_iv() {
    let key = keys::rsa2048(3);
    let parts: Vec<(Vec<u8>, Vec<u8>)> = (0..1 << 14).map(|_| octets(&sealed(&key, b"x"))).collect();
    let ivs: HashSet<&[u8]> = parts.iter().map(|(_, content)| &content[..12]).collect();
    assert_eq!(ivs.len(), parts.len(), "each initialisation vector once");
    let wrapped: HashSet<&[u8]> = parts.iter().map(|(wrapped, _)| wrapped.as_slice()).collect();
    assert_eq!(wrapped.len(), parts.len(), "each wrapped key once");

    // A content key opens what was sealed under it: one that was used twice would open two of these.
    let some = &parts[..256];
    let content_keys: Vec<ContentKey> =
        some.iter().map(|(wrapped, _)| key.unwrap(KeyTransport::RsaOaepSha256, wrapped).unwrap()).collect();
    for (mine, content_key) in content_keys.iter().enumerate() {
        for (theirs, (_, content)) in some.iter().enumerate() {
            assert_eq!(content_key.open(content).is_ok(), mine == theirs, "{mine} opens {theirs}");
        }
    }
    // Positive case: a key used twice is noticed in this way.
    let (one, two) = (content_keys[0].seal(b"x").unwrap(), content_keys[0].seal(b"x").unwrap());
    assert!(content_keys[0].open(&one).is_ok() && content_keys[0].open(&two).is_ok());
    assert_ne!(one[..12], two[..12]);
}

/// ENC-22: each bit of the wrapped key, of the initialisation vector, of the ciphertext and of the tag.
#[test]
fn every_changed_bit_has_one_answer() {
    let key = keys::rsa2048(3);
    let name_id = format!("<NameID xmlns=\"{}\">20260001</NameID>", ns::SAML.uri());
    let xml = sealed(&key, name_id.as_bytes());
    let (wrapped, content) = octets(&xml);
    let mut count = 0;
    let mut try_each = |octets: &[u8]| {
        for bit in 0..8 * octets.len() {
            let mut changed = octets.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let (before, after) = (encode_base64(octets), encode_base64(&changed));
            let reason = opened(&xml.replace(&before, &after), &key).unwrap_err();
            assert_eq!(reason.answer(), Answer::Dec, "bit {bit} of {} octets: {reason}", octets.len());
            count += 1;
        }
    };
    try_each(&wrapped);
    try_each(&content);
    assert_eq!(count, 8 * (wrapped.len() + content.len()));
    // Positive case: unchanged it opens.
    assert_eq!(opened(&xml, &key).as_deref(), Ok("20260001"));
}

/// ENC-01 … ENC-04, ENC-10, ENC-12 … ENC-14, ENC-24, ENC-25: a wrong shape or a wrong name is refused before any key is
/// used, private or public.
#[test]
fn a_refused_shape_costs_no_key_operation() {
    let (mut refused, mut opened) = (0, 0);
    for (id, entry) in store::read() {
        let of_shape =
            ["Algorithm", "Structure", "Base64", "Order"].map(Some).contains(&entry.vector.reason.as_deref());
        if entry.kind != Kind::XmlEncryption || entry.context.verifier.is_some() {
            continue;
        }
        let ran = run::run(&entry);
        if of_shape {
            assert_eq!((ran.spent.operations, ran.private_operations), (0, 0), "{id}");
            refused += 1;
        } else if entry.vector.result == Outcome::Valid {
            // Positive case: where it is right, the key is used, and the budget knows.
            assert!(ran.private_operations == 1 && ran.spent.operations >= 1, "{id}");
            opened += 1;
        }
    }
    assert!(refused > 80 && opened > 20, "{refused} refused, {opened} opened");
}

/// ENC-21, and the group of answers that ciphertexts share: the runner does not let a refusal tell whether it opened.
#[test]
fn an_answer_that_tells_something_is_noticed() {
    let entries = store::read();
    for (id, before_the_key) in [("ENC-002101", true), ("ENC-000101", true), ("ENC-000501", false)] {
        let entry = &entries[id];
        let ran = run::run(entry);
        // Positive case: as it really ran.
        assert_eq!(
            (run::compare(entry, &ran), ran.private_operations == 0),
            (Ok(()), before_the_key),
            "{id}"
        );
        let private_operations = usize::from(before_the_key);
        let telling = run::Ran { private_operations, ..ran };
        assert!(run::compare(entry, &telling).is_err(), "{id} after {private_operations} operations");
    }
}

/// Which of our keys does not open a ciphertext must not show in running out of operations: all are paid beforehand.
#[test]
fn operations_run_out_before_a_key_is_used() {
    let entry = &store::read()["ENC-001220"];
    let most = chukei_xml::Limits::message().operations;
    let with = |count: usize| {
        let mut entry = entry.clone();
        let recipient = entry.context.recipient.as_mut().unwrap();
        recipient.keys = vec![recipient.keys[0].clone(); count];
        let ran = run::run(&entry);
        (ran.result.unwrap_err().to_string(), ran.private_operations)
    };
    assert_eq!(with(most + 1), ("Limit(Operations)".to_owned(), 0));
    // Positive case: as many keys as there are operations are all tried.
    assert_eq!(with(most), ("Decrypt".to_owned(), most));
}

struct Subject;

impl FromSigned for Subject {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        signed.element().map(|_| Self)
    }
}

/// An assertion with an element of this path and content, and an attribute URI, in KeyInfo.
fn signed(path: &str, url: &str) -> String {
    let mut steps = path.rsplit('/');
    let innermost = Element::new(steps.next().unwrap()).attribute("URI", url).text(url);
    let content = steps.fold(innermost, |inner, step| Element::new(step).child(inner));
    let mut root = Element::declared(ns::SAML, "Assertion")
        .attribute("ID", "_a")
        .child(Element::new("saml:Issuer").text(RELAY));
    let key_info = Some(Element::new("ds:KeyInfo").child(content));
    SignatureSpec { key_info, ..SignatureSpec::enveloped("_a", &keys::rsa2048(1)) }.sign(&mut root, ".");
    root.write()
}

fn verify(xml: &str, url: &str) -> Result<(), Reason> {
    assert!(xml.contains(url));
    let mut trust = TrustStore::new();
    trust.add(RELAY, TrustedKey::new(keys::rsa2048(1).public_key().clone()));
    let mut budget = Budget::default();
    let document = Document::parse(xml).map_err(|error| error.reason())?;
    let shape = Shape::root(ns::SAML.name("Assertion"));
    let located =
        Unverified::<Subject>::locate(document, &shape, &mut budget).map_err(|error| error.reason())?;
    located.verify(&trust, NOW, &mut budget).map(|_| ()).map_err(|refusal| refusal.reason())
}

/// `saml:EncryptedID` with these octets sealed for this key.
fn sealed(key: &PrivateKey, plaintext: &[u8]) -> String {
    let sealed = Sealed::new(plaintext, Recipient { key: key.public_key(), name: None }, 1).unwrap();
    let document = Writer::build(|w| {
        w.open(ns::SAML.name("EncryptedID"));
        sealed.write(w);
        w.close();
    });
    String::from_utf8(document.unwrap().write()).unwrap()
}

/// The wrapped key, and `iv ‖ ciphertext ‖ tag`.
fn octets(xml: &str) -> (Vec<u8>, Vec<u8>) {
    let document = Document::parse(xml).unwrap();
    let mut values = document.root().descendants().filter(|element| element.is(ns::XENC.name("CipherValue")));
    let mut next = || decode_base64(values.next().unwrap().text().unwrap()).unwrap();
    (next(), next())
}

fn opened(xml: &str, key: &PrivateKey) -> Result<String, Reason> {
    let document = Document::parse(xml).map_err(|error| error.reason())?;
    let plaintext = open(document.root(), NAME_ID, &[key], &mut Budget::default());
    plaintext.map(|document| document.root().text().unwrap().to_owned()).map_err(|error| error.reason())
}

/// `cRLDistributionPoints` (RFC 5280 §4.2.1.13).
fn distribution_point(url: &str) -> TestExtension {
    let value = [0x86, 0xa0, 0xa0, 0x30, 0x30].into_iter().fold(url.as_bytes().to_vec(), wrap);
    TestExtension { oid: oid::CRL_DISTRIBUTION_POINTS.to_vec(), critical: false, value }
}

/// `authorityInfoAccess` (RFC 5280 §4.2.2.1): OCSP and the issuer's certificate.
fn authority_information(url: &str) -> TestExtension {
    let access = |method: u8| {
        let method = wrap(vec![0x2b, 6, 1, 5, 5, 7, 48, method], 6);
        wrap([method, wrap(url.as_bytes().to_vec(), 0x86)].concat(), 0x30)
    };
    let value = wrap([access(1), access(2)].concat(), 0x30);
    TestExtension { oid: vec![0x2b, 6, 1, 5, 5, 7, 1, 1], critical: false, value }
}

fn wrap(content: Vec<u8>, tag: u8) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 0x80, "short form");
    [vec![tag, length], content].concat()
}
