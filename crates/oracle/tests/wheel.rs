//! The Python wheel.
#![allow(clippy::print_stdout, clippy::string_slice, clippy::unwrap_used)]

mod support;

use chukei_oracle::wheel::shared;
use chukei_oracle::{Apex, Opinion, open_encrypted, seal_template};
use std::fs::read;
use support::*;

const IDS: &[(&str, &str)] = &[("Assertion", "ID")];
const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";

#[test]
fn what_is_signed_verifies_and_what_is_changed_does_not() {
    let (Some(wheel), Some(rsa), Some(p256)) = (shared(), rsa(), p256()) else { return };
    println!("{}", wheel.versions());
    for (pair, algorithm) in [(&rsa, RSA_SHA256), (&rsa, RSA_PSS_SHA256), (&p256, ECDSA_SHA256)] {
        let signed = wheel.sign(template(algorithm, 500).as_bytes(), &pair.private).unwrap();
        assert_eq!(wheel.verify(&signed, &pair.public, IDS, 0), Opinion::Valid, "{algorithm}");
        assert_eq!(wheel.verify(&signed, &pair.certificate, IDS, 0), Opinion::Valid, "{algorithm}");
        let changed = replace(&signed, "present", "absent");
        assert_eq!(wheel.verify(&changed, &pair.public, IDS, 0), Opinion::Invalid, "{algorithm}");
        assert!(matches!(wheel.verify(&signed, &pair.public, IDS, 1), Opinion::Error(_)));
        assert!(matches!(wheel.verify(&signed, &pair.public, &[], 0), Opinion::Error(_)));
        let twice = replace(&signed, "<saml:Issuer>", r#"<saml:Assertion ID="_a"/><saml:Issuer>"#);
        assert!(matches!(wheel.verify(&twice, &pair.public, IDS, 0), Opinion::Error(_)));
    }
}

#[test]
fn nothing_outside_of_the_document_is_read() {
    let (Some(wheel), Some(pair)) = (shared(), rsa()) else { return };
    let signed = wheel.sign(template_with(RSA_SHA256, "", ENVELOPED, 100).as_bytes(), &pair.private).unwrap();
    assert_eq!(wheel.verify(&signed, &pair.public, IDS, 0), Opinion::Valid);
    let outside = replace(&signed, "URI=\"\"", "URI=\"file:///etc/hostname\"");
    assert!(matches!(wheel.verify(&outside, &pair.public, IDS, 0), Opinion::Unsupported(_)));
    let entity = |target: &str| format!(r#"<!DOCTYPE a [<!ENTITY e {target}>]><a>&e;</a>"#);
    assert_eq!(wheel.c14n(entity("'in'").as_bytes(), Apex::Document, &[]).unwrap(), b"<a>in</a>");
    let file = wheel.c14n(entity("SYSTEM '/etc/hostname'").as_bytes(), Apex::Document, &[]);
    assert!(file.is_err() || file.is_ok_and(|form| form == b"<a></a>"));
}

#[test]
fn what_is_sealed_opens_for_the_recipient_only() {
    let (Some(_), Some(ours), Some(theirs)) = (shared(), rsa(), rsa()) else { return };
    let plaintext = "<saml:NameID xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion'>番号</saml:NameID>   ";
    let sealed = seal_template(encrypted_template().as_bytes(), plaintext.as_bytes(), &ours.public).unwrap();
    assert_eq!(open_encrypted(&sealed, &ours.private).unwrap(), plaintext.as_bytes());
    assert!(open_encrypted(&sealed, &theirs.private).is_err());
    let again = seal_template(encrypted_template().as_bytes(), plaintext.as_bytes(), &ours.public).unwrap();
    assert_ne!(sealed, again, "a new content key and IV each time");
    let other_digest = replace(&sealed, &format!("{XENC11}mgf1sha256"), &format!("{XENC11}mgf1sha512"));
    assert!(open_encrypted(&other_digest, &ours.private).is_err());
}

#[test]
fn an_encrypted_key_may_stand_beside_the_data() {
    let (Some(_), Some(pair)) = (shared(), rsa()) else { return };
    let sealed = seal_template(encrypted_template().as_bytes(), b"<a/>", &pair.public).unwrap();
    let text = String::from_utf8(sealed.clone()).unwrap();
    let (start, end) = (text.find("<ds:KeyInfo").unwrap(), text.find("</ds:KeyInfo>").unwrap());
    let key_info = &text[start..end + "</ds:KeyInfo>".len()];
    let key =
        &key_info[key_info.find("<xenc:EncryptedKey").unwrap()..key_info.find("</ds:KeyInfo>").unwrap()];
    let without = text.replace(key_info, "");
    let beside = without.replace("</xenc:EncryptedData>", &format!("</xenc:EncryptedData>{key}"));
    assert_eq!(open_encrypted(&sealed, &pair.private).unwrap(), b"<a/>");
    assert_eq!(open_encrypted(beside.as_bytes(), &pair.private).unwrap(), b"<a/>");
    assert!(open_encrypted(without.as_bytes(), &pair.private).is_err());
}

#[test]
fn foreign_ciphertext_opens() {
    let (Some(_), Some(folder)) = (shared(), corpus("xmlsec1")) else { return };
    let file = |name: &str| folder.join("aleksey-xmlenc-01").join(name);
    let name = "enc-aes256-kt-rsa_oaep_sha256_mgf1_sha256";
    let pem = read(folder.join("keys/rsa/rsa-4096-key.pem")).unwrap();
    let xml = read(file(name).with_extension("xml")).unwrap();
    let expected = String::from_utf8(read(file(name).with_extension("data")).unwrap()).unwrap();
    let opened = String::from_utf8(open_encrypted(&xml, &pem).unwrap()).unwrap();
    assert!(opened.contains("4019 2445") && expected.contains(&opened), "{opened} is not in {expected}");
    assert!(open_encrypted(&xml, &read(folder.join("keys/rsa/rsa-2048-key.pem")).unwrap()).is_err());
}

#[test]
fn canonical_form_of_a_part() {
    let Some(wheel) = shared() else { return };
    let xml = br#"<a xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"
    ><p:b Id="x" z="1" y="2">t<!--c--><c/></p:b></a>"#;
    let form = |apex, list: &[&str]| String::from_utf8(wheel.c14n(xml, apex, list).unwrap()).unwrap();
    let plain = r#"<p:b xmlns:p="urn:p" Id="x" y="2" z="1">t<c xmlns="urn:d"></c></p:b>"#;
    assert_eq!(form(Apex::Element(1), &[]), plain);
    let listed = r#"<p:b xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q" Id="x" y="2" z="1">t<c></c></p:b>"#;
    assert_eq!(form(Apex::Id("x"), &["#default", "q"]), listed);
    assert!(wheel.c14n(xml, Apex::Element(3), &[]).is_err());
}

fn encrypted_template() -> String {
    format!(
        r#"<saml:EncryptedID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
    ><xenc:EncryptedData xmlns:xenc="{XENC}" Type="{XENC}Element"
    ><xenc:EncryptionMethod Algorithm="{XENC11}aes256-gcm"
    /><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey xmlns:xenc="{XENC}"
    ><xenc:EncryptionMethod Algorithm="{XENC11}rsa-oaep"
    ><ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="{XENC}sha256"
    /><xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{XENC11}mgf1sha256"/></xenc:EncryptionMethod
    ><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo
    ><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData></saml:EncryptedID>"#
    )
}
