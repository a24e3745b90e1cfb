//! What signs, with which algorithm, and what is said about the key (rows ALG-*, KEY-*); signatures over other bytes.

use chukei_crypto::{SignatureAlgorithm, test_pki};
use chukei_xml::lexical::{decode_base64, encode_base64};

use super::{
    ASSERTION,
    Change::{After, Signature},
    ENVELOPED, Mutation, SOAP,
    Verdict::{Inert, Refuse},
    only, row,
};
use crate::{
    raw::{Element, Node},
    sign::{Secret, uri, x509_key_info},
    specimen::{Suite, World},
};

const ALGORITHM: super::Verdict = Refuse("Algorithm");
const KEY: super::Verdict = Refuse("Key");
const KEY_INFO: super::Verdict = Refuse("KeyInfo");
const SIGNATURE: super::Verdict = Refuse("Signature");
const STRUCTURE: super::Verdict = Refuse("Structure");

const VALUE: &str = "ds:Signature/ds:SignatureValue";
const DIGEST_VALUE: &str = "ds:Signature/ds:SignedInfo/ds:Reference/ds:DigestValue";

/// Labels the signature method otherwise; the signature stays sound.
macro_rules! with_method {
    ($name:literal, $rows:expr, $uri:expr) => {
        row($name, $rows, ENVELOPED, ALGORITHM, &[Signature(|s, _| s.method = $uri.into())])
    };
}

/// Labels the digest method otherwise.
macro_rules! with_digest {
    ($name:literal, $rows:expr, $uri:expr) => {
        row(
            $name,
            $rows,
            ENVELOPED,
            ALGORITHM,
            &[Signature(|s, _| s.references[0].digest_method = $uri.into())],
        )
    };
}

/// Edits the signature after signing.
macro_rules! edited {
    ($name:literal, $rows:expr, $verdict:expr, $path:expr, $edit:expr) => {
        row(
            $name,
            $rows,
            ENVELOPED,
            $verdict,
            &[After(|m, _| {
                let edit: fn(&mut Element) = $edit;
                edit(m.root.find_mut($path));
            })],
        )
    };
}

/// Another KeyInfo; the signature is that of the relay.
macro_rules! with_key_info {
    ($name:literal, $rows:expr, $verdict:expr, $key_info:expr) => {
        row(
            $name,
            $rows,
            ENVELOPED,
            $verdict,
            &[Signature(|s, world| {
                let key_info: fn(&World) -> Option<Element> = $key_info;
                s.key_info = key_info(world);
            })],
        )
    };
}

pub(super) const MUTATIONS: &[Mutation] = &[
    row(
        "signed-by-other-partner",
        &["SIG-17"],
        ENVELOPED,
        KEY,
        &[Signature(|s, world| {
            s.set_key(&world.requester.key);
            s.key_info = Some(x509_key_info(world.requester.certificate.der()));
        })],
    ),
    row(
        "signed-by-other-partner-unnamed",
        &["SIG-17"],
        ENVELOPED,
        SIGNATURE,
        &[Signature(|s, world| {
            s.set_key(&world.requester.key);
            s.key_info = None;
        })],
    ),
    row(
        "content-tampered",
        &["SIG-16"],
        ASSERTION,
        Refuse("Digest"),
        &[After(|m, _| {
            m.root.find_mut("saml:Subject/saml:NameID").set_content("港いろは９９９９");
        })],
    ),
    row(
        "body-tampered",
        &["SIG-16"],
        SOAP,
        Refuse("Digest"),
        &[After(|m, _| {
            m.root.find_mut("//saml:NameID").set_content("港いろは９９９９");
        })],
    ),
    row(
        "token-tampered",
        &["SIG-16", "SOAP-07"],
        SOAP,
        Refuse("Digest"),
        &[After(|m, _| {
            m.root.find_mut("//wsse:BinarySecurityToken").set("ValueType", "urn:example:test:other");
        })],
    ),
    edited!("digest-value-tampered", &["SIG-16"], SIGNATURE, DIGEST_VALUE, |e| e
        .set_content(&encode_base64(&[0; 32]))),
    edited!("signature-value-tampered", &["SIG-16", "ALG-07"], SIGNATURE, VALUE, |e| {
        let mut octets = decode_base64(&e.content()).expect("octets");
        octets[40] ^= 1;
        e.set_content(&encode_base64(&octets));
    }),
    with_method!("method-hmac-truncated-label", &["ALG-01"], uri::HMAC_SHA1),
    row(
        "method-hmac-truncated",
        &["ALG-01"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, _| {
            s.method = uri::HMAC_SHA256.into();
            s.method_content = vec![Element::new("ds:HMACOutputLength").text("8").into()];
            s.secret = Secret::Octets(vec![0]);
        })],
    ),
    row(
        "method-hmac-with-public-key",
        &["ALG-02"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, world| {
            s.method = uri::HMAC_SHA256.into();
            s.secret = Secret::Hmac(world.relay.key.public_key().spki_der().to_vec());
        })],
    ),
    row(
        "method-hmac-with-certificate",
        &["ALG-02"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, world| {
            s.method = uri::HMAC_SHA256.into();
            s.secret = Secret::Hmac(world.relay.certificate.der().to_vec());
        })],
    ),
    with_method!("method-rsa-sha1", &["ALG-03"], uri::RSA_SHA1),
    with_method!("method-rsa-md5", &["ALG-03"], uri::RSA_MD5),
    with_digest!("digest-sha1", &["ALG-03", "ALG-04"], uri::SHA1),
    with_digest!("digest-md5", &["ALG-03"], uri::MD5),
    with_method!("method-empty", &["ALG-05"], ""),
    with_method!("method-in-capitals", &["ALG-05"], "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256"),
    with_method!("method-with-space", &["ALG-05"], "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256 "),
    with_method!("method-unknown", &["ALG-05"], "urn:example:test:signature"),
    with_digest!("digest-empty", &["ALG-05"], ""),
    with_digest!("digest-unknown", &["ALG-05"], "urn:example:test:digest"),
    with_method!("method-dsa", &["ALG-06"], uri::DSA_SHA1),
    row(
        "method-of-other-key-type",
        &["ALG-06"],
        ENVELOPED,
        KEY,
        &[Signature(|s, _| {
            let other = if s.method == uri::RSA_SHA256 { uri::ECDSA_SHA256 } else { uri::RSA_SHA256 };
            s.method = other.into();
        })],
    ),
    row(
        "signature-all-zero",
        &["ALG-06"],
        ENVELOPED,
        SIGNATURE,
        &[Signature(|s, world| s.secret = Secret::Octets(vec![0; length(world)]))],
    ),
    row(
        "signature-all-ones",
        &["ALG-06"],
        ENVELOPED,
        SIGNATURE,
        &[Signature(|s, world| s.secret = Secret::Octets(vec![0xFF; length(world)]))],
    ),
    only(
        &[Suite::P256],
        row(
            "ecdsa-as-der",
            &["ALG-06"],
            ENVELOPED,
            SIGNATURE,
            &[Signature(|s, _| {
                s.value = Some(|value| encode_base64(&der_of(&decode_base64(&value).expect("octets"))));
            })],
        ),
    ),
    only(
        &[Suite::P256],
        row(
            "ecdsa-s-negated",
            &["ALG-06"],
            ENVELOPED,
            Inert,
            &[Signature(|s, _| {
                s.value = Some(|value| encode_base64(&negated(&decode_base64(&value).expect("octets"))));
            })],
        ),
    ),
    row(
        "signature-of-wrong-length",
        &["ALG-06", "ALG-07"],
        ENVELOPED,
        SIGNATURE,
        &[Signature(|s, _| {
            s.value = Some(|value| {
                let octets = decode_base64(&value).expect("octets");
                encode_base64(&octets[1..])
            });
        })],
    ),
    only(
        &[Suite::Rsa],
        row(
            "pss-under-pkcs1-label",
            &["ALG-08"],
            ENVELOPED,
            SIGNATURE,
            &[Signature(|s, world| {
                s.method = uri::RSA_SHA256.into();
                s.secret = Secret::Key(world.relay.decryption_key.clone(), SignatureAlgorithm::RsaPssSha256);
                s.key_info = None;
            })],
        ),
    ),
    only(
        &[Suite::Rsa],
        row(
            "pss",
            &["ALG-08"],
            ASSERTION,
            Inert,
            &[Signature(|s, world| {
                s.method = uri::RSA_PSS_SHA256.into();
                s.secret = Secret::Key(world.relay.decryption_key.clone(), SignatureAlgorithm::RsaPssSha256);
            })],
        ),
    ),
    row(
        "signed-by-attacker",
        &["KEY-01"],
        ENVELOPED,
        KEY,
        &[Signature(|s, world| {
            s.set_key(&world.attacker.key);
            s.key_info = Some(x509_key_info(world.attacker.certificate.der()));
        })],
    ),
    row(
        "signed-by-attacker-under-relay-certificate",
        &["KEY-03"],
        ENVELOPED,
        SIGNATURE,
        &[Signature(|s, world| {
            s.set_key(&world.attacker.key);
        })],
    ),
    row(
        "signed-by-attacker-with-key-value",
        &["KEY-02"],
        ENVELOPED,
        SIGNATURE,
        &[Signature(|s, world| {
            s.set_key(&world.attacker.key);
            let key = encode_base64(world.attacker.key.public_key().spki_der());
            let value = Element::new("dsig11:DEREncodedKeyValue").attribute("xmlns:dsig11", DSIG11);
            s.key_info = info(value.text(&key));
        })],
    ),
    with_key_info!("key-info-missing", &["KEY-03"], Inert, |_| None),
    with_key_info!("key-value", &["KEY-02"], Inert, |world| {
        let modulus = encode_base64(world.attacker.key.public_key().spki_der());
        let rsa = Element::new("ds:RSAKeyValue")
            .child(Element::new("ds:Modulus").text(&modulus))
            .child(Element::new("ds:Exponent").text("AQAB"));
        info(Element::new("ds:KeyValue").child(rsa))
    }),
    with_key_info!("key-value-der", &["KEY-02"], Inert, |world| {
        let key = encode_base64(world.attacker.key.public_key().spki_der());
        let value = Element::new("dsig11:DEREncodedKeyValue").attribute("xmlns:dsig11", DSIG11);
        info(value.text(&key))
    }),
    with_key_info!("certificates-several", &["KEY-03"], Inert, |world| {
        let certificate = |der: &[u8]| Element::new("ds:X509Certificate").text(&encode_base64(der));
        let both = [certificate(world.authority.der()), certificate(world.relay.certificate.der())];
        info(Element::new("ds:X509Data").children(both.map(Node::Element)))
    }),
    with_key_info!("certificate-of-same-subject", &["KEY-03", "KEY-07"], Inert, |world| {
        let spec = test_pki::LeafSpec::new("TEST Relay", world.attacker.key.public_key());
        Some(x509_key_info(test_pki::Ca::new("TEST Root").issue(spec).der()))
    }),
    with_key_info!("retrieval-method-http", &["KEY-04"], KEY_INFO, |_| {
        info(Element::new("ds:RetrievalMethod").attribute("URI", "http://127.0.0.1:9/key"))
    }),
    with_key_info!("retrieval-method-file", &["KEY-04"], KEY_INFO, |_| {
        info(Element::new("ds:RetrievalMethod").attribute("URI", "file:///etc/hostname"))
    }),
    with_key_info!("key-info-reference", &["KEY-04"], KEY_INFO, |_| {
        let reference = Element::new("dsig11:KeyInfoReference").attribute("xmlns:dsig11", DSIG11);
        info(reference.attribute("URI", "#x"))
    }),
    with_key_info!("key-name-path", &["KEY-08"], Inert, |_| info(
        Element::new("ds:KeyName").text("../../etc/passwd")
    )),
    with_key_info!("key-info-pgp", &["KEY-09"], Inert, |_| info(Element::new("ds:PGPData"))),
    with_key_info!("key-info-spki", &["KEY-09"], Inert, |_| info(Element::new("ds:SPKIData"))),
    with_key_info!("key-info-management", &["KEY-09"], Inert, |_| info(
        Element::new("ds:MgmtData").text("x")
    )),
    with_key_info!("key-info-empty", &["KEY-09"], STRUCTURE, |_| Some(Element::new("ds:KeyInfo"))),
];

const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";

/// Octets of a signature of the relay.
fn length(world: &World) -> usize {
    if world.suite == Suite::Rsa { 256 } else { 64 }
}

/// `r ‖ s` as the SEQUENCE of INTEGERs that certificates use.
fn der_of(signature: &[u8]) -> Vec<u8> {
    let integer = |octets: &[u8]| [&[2, 33, 0], octets].concat();
    let (r, s) = signature.split_at(32);
    [vec![0x30, 70], integer(r), integer(s)].concat()
}

/// `r ‖ n - s`, which verifies whenever `r ‖ s` does.
fn negated(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut negated = signature.to_vec();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        negated[32 + at] = difference.rem_euclid(256) as u8;
    }
    negated
}

fn info(content: Element) -> Option<Element> {
    Some(Element::new("ds:KeyInfo").child(content))
}
