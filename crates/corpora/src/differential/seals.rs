//! What we seal libxmlsec1 opens, and the other way. It needs the newer libxmlsec1 of the wheel.

use chukei_crypto::{PrivateKey, test_pki::keys};
use chukei_forge::random;
use chukei_oracle::{open_encrypted, seal_template};
use chukei_xml::{Budget, Document, Writer, ns};
use chukei_xml_security::{Recipient, Sealed, open};

use super::Report;
use crate::keys::armour;

/// One message each way for every seed.
pub fn run(report: &Report, seeds: impl Iterator<Item = u64>) {
    let recipients = [keys::rsa2048(1), keys::rsa3072()];
    for seed in seeds {
        let recipient = &recipients[seed as usize % recipients.len()];
        let plaintext = plaintext(seed);
        let block = [1, 16, 512][seed as usize % 3];
        ours(report, recipient, &plaintext, block, seed);
        theirs(report, recipient, &plaintext, seed);
    }
}

/// An element with random content.
fn plaintext(seed: u64) -> Vec<u8> {
    let content = Document::parse(random::Document::from_seed(seed).xml);
    let document = Writer::build(|w| {
        w.open(ns::SAML.name("NameID"))
            .attribute("Format", "urn:example:test:seed")
            .text(&format!("港{seed}"));
        if let Ok(content) = &content {
            w.graft(content.root());
        }
        w.close();
    });
    document.expect("a document").write()
}

fn ours(report: &Report, recipient: &PrivateKey, plaintext: &[u8], block: usize, seed: u64) {
    let sealed = Sealed::new(plaintext, Recipient { key: recipient.public_key(), name: None }, block);
    let sealed = sealed.expect("a ciphertext");
    let document = Writer::build(|w| {
        w.open(ns::SAML.name("EncryptedID"));
        sealed.write(w);
        w.close();
    });
    let pem = recipient.to_pkcs8_pem().expect("a key");
    match open_encrypted(&document.expect("a document").write(), pem.as_bytes()) {
        Ok(opened) if opened.trim_ascii_end() == plaintext && opened.len() % block == 0 => {
            report.count("ciphertexts of ours that libxmlsec1 opened", 1);
        }
        other => report.fault(format!("seed {seed}: our ciphertext: {other:?}")),
    }
}

fn theirs(report: &Report, recipient: &PrivateKey, plaintext: &[u8], seed: u64) {
    let public = armour("PUBLIC KEY", recipient.public_key().spki_der());
    let sealed = match seal_template(TEMPLATE.as_bytes(), plaintext, public.as_bytes()) {
        Ok(sealed) => sealed,
        Err(error) => return report.fault(format!("seed {seed}: libxmlsec1 does not seal: {error}")),
    };
    let document = Document::parse(sealed).expect("a document");
    let expected = ns::SAML.name("NameID");
    let open_with = |key: &PrivateKey| open(document.root(), expected, &[key], &mut Budget::default());
    match (open_with(recipient), Document::parse(plaintext)) {
        (Ok(opened), Ok(sent)) if opened == sent => {
            report.count("ciphertexts of libxmlsec1 that we opened", 1)
        }
        (other, _) => report.fault(format!("seed {seed}: ciphertext of libxmlsec1: {other:?}")),
    }
    if open_with(&keys::rsa2048(2)).is_ok() {
        report.fault(format!("seed {seed}: a ciphertext for another recipient opened"));
    }
}

const TEMPLATE: &str = r#"<saml:EncryptedID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
    ><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"
    Type="http://www.w3.org/2001/04/xmlenc#Element"
    ><xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"
    /><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey
    ><xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"
    ><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"
    /><xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#"
    Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/></xenc:EncryptionMethod
    ><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo
    ><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData></saml:EncryptedID>"#;
