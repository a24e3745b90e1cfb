//! Ciphertexts of another shape, for others, and with something else in them (rows ENC-*).

use chukei_xml::{lexical::encode_base64, ns};

use super::{
    ASSERTION,
    Change::{After, Before, Seal},
    ENVELOPE, Mutation,
    Verdict::{Above, Inert, Refuse},
    row,
};
use crate::{
    raw::{Element, Node},
    seal::{KeyPlace, SealSpec, uri},
    specimen::World,
};

const ALGORITHM: super::Verdict = Refuse("Algorithm");
const DECRYPT: super::Verdict = Refuse("Decrypt");
const PLAINTEXT: super::Verdict = Refuse("Plaintext");
const STRUCTURE: super::Verdict = Refuse("Structure");

const DATA: &str = "saml:Subject/saml:EncryptedID/xenc:EncryptedData";
const KEY: &str = "saml:Subject/saml:EncryptedID/xenc:EncryptedData/ds:KeyInfo/xenc:EncryptedKey";

/// Seals otherwise.
macro_rules! sealed {
    ($name:literal, $rows:expr, $verdict:expr, $change:expr) => {
        row($name, $rows, ENVELOPE, $verdict, &[Seal($change)])
    };
}

/// Seals something else.
macro_rules! holding {
    ($name:literal, $rows:expr, $verdict:expr, $plaintext:expr) => {
        row(
            $name,
            $rows,
            ENVELOPE,
            $verdict,
            &[Seal(|s, world| {
                let plaintext: fn(String, &World) -> String = $plaintext;
                let own = String::from_utf8(std::mem::take(&mut s.plaintext)).expect("text");
                s.plaintext = plaintext(own, world).into_bytes();
            })],
        )
    };
}

/// Changes the sealed envelope before it is signed.
macro_rules! edited {
    ($name:literal, $rows:expr, $verdict:expr, $path:expr, $edit:expr) => {
        row(
            $name,
            $rows,
            ENVELOPE,
            $verdict,
            &[Before(|d, _| {
                let edit: fn(&mut Element) = $edit;
                edit(d.message.root.find_mut($path));
            })],
        )
    };
}

pub(super) const MUTATIONS: &[Mutation] = &[
    sealed!("content-cbc", &["ENC-01", "ENC-02", "ENC-04"], ALGORITHM, |s, _| s.content_method =
        uri::AES256_CBC.into()),
    sealed!("content-3des", &["ENC-01"], ALGORITHM, |s, _| s.content_method = uri::TRIPLEDES_CBC.into()),
    sealed!("content-aes-128", &["ENC-11"], ALGORITHM, |s, _| s.content_method = uri::AES128_GCM.into()),
    sealed!("key-rsa-1-5", &["ENC-03", "ENC-04"], ALGORITHM, |s, _| s.key_method = uri::RSA_1_5.into()),
    sealed!("tag-truncated", &["ENC-05"], DECRYPT, |s, _| s.sealed = Some(|o| o[..o.len() - 4].to_vec())),
    sealed!("tag-removed", &["ENC-05"], DECRYPT, |s, _| s.sealed = Some(|o| o[..o.len() - 16].to_vec())),
    sealed!("tag-flipped", &["ENC-05", "ENC-22"], DECRYPT, |s, _| s.sealed =
        Some(|o| flipped(o, usize::MAX))),
    sealed!("ciphertext-flipped", &["ENC-22"], DECRYPT, |s, _| s.sealed = Some(|o| flipped(o, 100))),
    sealed!("iv-flipped", &["ENC-07", "ENC-22"], DECRYPT, |s, _| s.sealed = Some(|o| flipped(o, 0))),
    sealed!("iv-of-16-octets", &["ENC-07"], DECRYPT, |s, _| s.sealed = Some(|o| [&[0; 4][..], &o].concat())),
    sealed!("wrapped-key-flipped", &["ENC-09", "ENC-22"], DECRYPT, |s, _| s.wrapped =
        Some(|o| flipped(o, 200))),
    sealed!("wrapped-key-first-octet-flipped", &["ENC-09"], DECRYPT, |s, _| s.wrapped =
        Some(|o| flipped(o, 0))),
    sealed!("wrapped-key-short", &["ENC-09"], DECRYPT, |s, _| s.wrapped = Some(|o| o[1..].to_vec())),
    sealed!("oaep-mgf1p", &["ENC-10"], ALGORITHM, |s, _| s.key_method = uri::RSA_OAEP_MGF1P.into()),
    sealed!("oaep-digest-sha1", &["ENC-10"], ALGORITHM, |s, _| parameter(s, 0, uri::SHA1)),
    sealed!("oaep-mgf1-sha1", &["ENC-10"], ALGORITHM, |s, _| parameter(s, 1, uri::MGF1_SHA1)),
    sealed!("oaep-digest-missing", &["ENC-10"], ALGORITHM, |s, _| drop(s.key_method_content.remove(0))),
    sealed!("oaep-mgf-missing", &["ENC-10"], ALGORITHM, |s, _| drop(s.key_method_content.remove(1))),
    sealed!("oaep-digest-twice", &["ENC-10"], STRUCTURE, |s, _| {
        s.key_method_content.insert(0, s.key_method_content[0].clone());
    }),
    sealed!("oaep-label", &["ENC-10"], ALGORITHM, |s, _| {
        s.key_method_content.insert(0, Element::new("xenc:OAEPparams").text("AAAA").into());
    }),
    sealed!("oaep-defaults-only", &["ENC-10"], ALGORITHM, |s, _| s.key_method_content.clear()),
    sealed!("key-size-named", &["ENC-11"], STRUCTURE, |s, _| {
        s.content_method_content = vec![Element::new("xenc:KeySize").text("128").into()];
    }),
    edited!("encrypted-key-twice", &["ENC-12"], STRUCTURE, DATA, |e| e
        .duplicate("ds:KeyInfo/xenc:EncryptedKey")),
    edited!("carried-key-name", &["ENC-12"], STRUCTURE, KEY, |e| e
        .children
        .push(Element::new("xenc:CarriedKeyName").text("x").into())),
    edited!("reference-list", &["ENC-12"], STRUCTURE, KEY, |e| {
        let reference = Element::new("xenc:DataReference").attribute("URI", "#elsewhere");
        e.children.push(Element::new("xenc:ReferenceList").child(reference).into());
    }),
    sealed!("encrypted-key-missing", &["ENC-12"], STRUCTURE, |s, _| s.key_place = KeyPlace::Missing),
    row(
        "encrypted-key-for-others-too",
        &["ENC-12"],
        ENVELOPE,
        STRUCTURE,
        &[Before(|d, world| {
            let other =
                SealSpec { recipient: world.requester.decryption_key.public_key().clone(), ..world.seal() };
            let key = other.seal().find("//xenc:EncryptedKey").clone();
            d.message.root.insert_before(KEY, key);
        })],
    ),
    edited!("cipher-reference", &["ENC-13"], STRUCTURE, DATA, |e| {
        let reference = Element::new("xenc:CipherReference").attribute("URI", "http://127.0.0.1:9/");
        e.find_mut("xenc:CipherData").children = vec![reference.into()];
    }),
    edited!("cipher-reference-file", &["ENC-13"], STRUCTURE, KEY, |e| {
        let reference = Element::new("xenc:CipherReference").attribute("URI", "file:///etc/hostname");
        e.find_mut("xenc:CipherData").children = vec![reference.into()];
    }),
    sealed!("type-missing", &["ENC-14"], STRUCTURE, |s, _| s.attributes.clear()),
    sealed!("type-content", &["ENC-14"], STRUCTURE, |s, _| s.attributes[0].1 = uri::CONTENT.into()),
    sealed!("mime-type", &["ENC-14"], STRUCTURE, |s, _| s
        .attributes
        .push(("MimeType".into(), "text/xml".into()))),
    sealed!("encoding-named", &["ENC-14"], STRUCTURE, |s, _| s
        .attributes
        .push(("Encoding".into(), "UTF-16".into()))),
    holding!("plaintext-two-elements", &["ENC-15"], PLAINTEXT, |own, _| format!("{own}{own}")),
    holding!("plaintext-text", &["ENC-15"], PLAINTEXT, |_, _| "港いろは１２３４".into()),
    holding!("plaintext-text-before", &["ENC-15"], PLAINTEXT, |own, _| format!("x{own}")),
    holding!("plaintext-empty", &["ENC-15", "ENC-07"], PLAINTEXT, |_, _| String::new()),
    holding!("plaintext-doctype", &["ENC-15", "XML-05"], PLAINTEXT, |own, _| {
        format!("<!DOCTYPE x [<!ENTITY e \"x\">]>{own}")
    }),
    holding!("plaintext-xml-declaration", &["ENC-15"], PLAINTEXT, |own, _| format!(
        "<?xml version=\"1.0\"?>{own}"
    )),
    holding!("plaintext-needs-outer-namespaces", &["ENC-15"], PLAINTEXT, |own, _| {
        own.replace(&format!(" xmlns:saml=\"{}\"", ns::SAML.uri()), "")
    }),
    sealed!("plaintext-not-utf-8", &["ENC-15"], PLAINTEXT, |s, _| s.plaintext[20] = 0xFF),
    sealed!("plaintext-not-padded", &["ENC-15"], Inert, |s, _| s.padding = 1),
    holding!("plaintext-assertion", &["ENC-16"], PLAINTEXT, |_, world| world.evil_assertion().write()),
    holding!("plaintext-other-element", &["ENC-16"], PLAINTEXT, |_, _| "<x/>".into()),
    holding!("plaintext-encrypted-id", &["ENC-16", "ENC-17"], PLAINTEXT, |_, world| nested(world, 1)),
    holding!("encryption-100-deep", &["ENC-17"], PLAINTEXT, |_, world| nested(world, 100)),
    row(
        "encrypted-unsigned-assertion",
        &["ENC-18"],
        ASSERTION,
        Refuse("Order"),
        &[After(|m, world| {
            let mut seal = world.seal();
            seal.plaintext = world.evil_assertion().write().into_bytes();
            seal.wrapper = Some("saml:EncryptedAssertion".into());
            let mut sealed = seal.seal();
            sealed.set("xmlns:saml", ns::SAML.uri());
            m.root = sealed;
        })],
    ),
    row(
        "signed-then-sealed",
        &["ENC-19"],
        ENVELOPE,
        Refuse("Digest"),
        &[
            // Signed over the clear identifier, which is sealed only then.
            Before(|d, world| {
                let clear = world.evil_assertion().find("saml:Subject/saml:NameID").clone();
                d.message.root.replace("saml:Subject/saml:EncryptedID", clear);
            }),
            After(|m, world| {
                m.root.replace("saml:Subject/saml:NameID", world.seal().seal());
            }),
        ],
    ),
    row(
        "encrypted-key-of-other-envelope",
        &["ENC-20"],
        ENVELOPE,
        DECRYPT,
        &[Before(|d, world| {
            let other = world.seal().seal();
            d.message.root.replace(KEY, other.find("//xenc:EncryptedKey").clone());
        })],
    ),
    row(
        "outer-signature-broken",
        &["ENC-21"],
        ENVELOPE,
        Refuse("Digest"),
        &[After(|m, _| {
            m.root.find_mut("saml:Conditions").unset("NotBefore");
        })],
    ),
    row(
        "ciphertext-exchanged-after-signing",
        &["ENC-21", "ENV-04"],
        ENVELOPE,
        Refuse("Digest"),
        &[After(|m, world| {
            m.root.replace("saml:Subject/saml:EncryptedID", world.seal().seal());
        })],
    ),
    sealed!("recipient-certificate-of-other", &["ENC-23"], Above("Recipient"), |s, world| {
        s.name_recipient(world.requester.encryption_certificate.der());
    }),
    sealed!("recipient-of-other", &["ENC-23"], Above("Recipient"), |s, world| {
        s.key_attributes = vec![("Recipient".into(), world.requester.entity_id.into())];
    }),
    sealed!("sealed-for-other", &["ENC-12", "ENV-02"], DECRYPT, |s, world| {
        s.recipient = world.requester.decryption_key.public_key().clone();
    }),
    sealed!("key-aes-kw", &["ENC-24"], ALGORITHM, |s, _| {
        s.key_method = uri::AES256_KW.into();
        s.key_method_content.clear();
    }),
    edited!("key-agreement", &["ENC-25"], STRUCTURE, DATA, |e| {
        let agreement = Element::new("xenc:AgreementMethod").attribute("Algorithm", uri::ECDH_ES);
        e.find_mut("ds:KeyInfo").children = vec![agreement.into()];
    }),
    edited!("comment-in-cipher-value", &["ENC-13", "SIG-08"], STRUCTURE, DATA, |e| e
        .find_mut("xenc:CipherData/xenc:CipherValue")
        .children
        .push(Node::Comment("x".into()))),
    edited!("cipher-value-not-base64", &["ENC-22", "SIG-09"], Refuse("Base64"), DATA, |e| e
        .find_mut("xenc:CipherData/xenc:CipherValue")
        .children
        .push("!".into())),
    edited!("cipher-value-white-space", &["SIG-09"], Inert, DATA, |e| {
        let value = e.find_mut("xenc:CipherData/xenc:CipherValue");
        let text = value.content();
        value.set_content(&format!("\n{}\n{}\n", &text[..64], &text[64..]));
    }),
    edited!("wrapped-key-replaced", &["ENV-06"], DECRYPT, KEY, |e| {
        e.find_mut("xenc:CipherData/xenc:CipherValue").set_content(&encode_base64(&[1; 256]));
    }),
];

/// The octet at `at`, or the last one, with one bit changed.
fn flipped(mut octets: Vec<u8>, at: usize) -> Vec<u8> {
    let at = at.min(octets.len() - 1);
    octets[at] ^= 1;
    octets
}

fn parameter(seal: &mut SealSpec, index: usize, uri: &str) {
    seal.key_method_content[index].as_element_mut().expect("a parameter").set("Algorithm", uri);
}

/// Ciphertexts inside ciphertexts.
fn nested(world: &World, levels: usize) -> String {
    let mut seal = SealSpec { padding: 1, ..world.seal() };
    for _ in 0..levels.min(12) {
        let mut sealed = seal.seal();
        sealed.set("xmlns:saml", ns::SAML.uri());
        seal.plaintext = sealed.write().into_bytes();
    }
    String::from_utf8(seal.plaintext).expect("text")
}
