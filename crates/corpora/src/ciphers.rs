//! Foreign ciphertexts: AES-GCM with known keys, keys wrapped by RSA-OAEP, and the order of checks before a
//! key is used.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use chukei_crypto::{ContentKey, DecryptError, KeyTransport, PrivateKey, PublicKey, Unwrapper};
use chukei_oracle::open_encrypted;
use chukei_xml::{Budget, Document, Element, ns};
use chukei_xml_security::open;

use crate::{
    document::Context,
    folder::{Folder, lenient_base64},
    keys::text,
    tally::{Finding, Tally, Verdict},
};

const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const MGF1_SHA256: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";

/// Every ciphertext of a document: refused before a key is used, unless all its algorithms are on the lists;
/// and every wrapped key, which opens exactly if it was made with the one pair of digests that we have.
#[must_use]
pub fn in_document(document: &Document, xml: &[u8], context: &Context<'_>) -> Vec<Finding> {
    let elements: Vec<Element<'_>> = document.root().descendants().collect();
    let named = |local: &'static str| elements.iter().copied().filter(move |e| e.is(ns::XENC.name(local)));
    let mut findings = Vec::new();
    for data in named("EncryptedData") {
        let watched = Watched { calls: AtomicUsize::new(0), key: any_key() };
        let outcome = open(data, ns::SAML.name("NameID"), &[&watched], &mut Budget::default());
        let calls = watched.calls.load(Ordering::Relaxed);
        findings.push(match (outcome, context.indexed.refused(), calls) {
            (Ok(_), ..) => Finding::Differs("a ciphertext for others opened".into()),
            (Err(error), Some(_), 0) => Finding::Outside(format!("ciphertext refused: {}", error.reason())),
            (Err(_), Some(refused), _) => {
                Finding::Differs(format!("a key was used although {refused} is there"))
            }
            (Err(error), None, _) => Finding::Outside(format!("ciphertext for others: {}", error.reason())),
        });
    }
    if let Some((pem, key)) = recipient(context.folder, xml) {
        findings.extend(named("EncryptedKey").filter_map(|element| wrapped(element, &pem, &key, xml)));
    }
    findings
}

/// A key that a test file of libxmlsec1 was made for, by its name.
fn recipient(folder: &Folder, xml: &[u8]) -> Option<(String, PrivateKey)> {
    let xml = String::from_utf8_lossy(xml);
    let sizes = ["2048", "4096"];
    let at = sizes.iter().position(|size| xml.contains(&format!("TestKeyName-rsa-{size}")))?;
    // Checking a private key takes a fraction of a second.
    static LOADED: [OnceLock<Option<(String, PrivateKey)>>; 2] = [const { OnceLock::new() }; 2];
    let load = || {
        let pem = folder.try_read(&format!("xmlsec1/keys/rsa/rsa-{}-key.pem", sizes[at]))?;
        let pem = String::from_utf8(pem).ok()?;
        let key = PrivateKey::from_pem(&pem).ok()?;
        Some((pem, key))
    };
    LOADED[at].get_or_init(load).clone()
}

/// A key wrapped by RSA-OAEP of any kind.
fn wrapped(encrypted: Element<'_>, pem: &str, key: &PrivateKey, xml: &[u8]) -> Option<Finding> {
    let method = child(encrypted, "EncryptionMethod")?;
    let algorithm = method.attribute("Algorithm").unwrap_or_default();
    if !algorithm.contains("rsa-oaep") {
        return None;
    }
    let parameter = |local| child(method, local).and_then(|e| e.attribute("Algorithm"));
    let ours = parameter("DigestMethod") == Some(SHA256)
        && parameter("MGF") == Some(MGF1_SHA256)
        && child(method, "OAEPparams").is_none();
    let octets = child(encrypted, "CipherData").and_then(|data| lenient_base64(&text(data)))?;
    if octets.is_empty() {
        return None; // a template
    }
    let opened = key.unwrap(KeyTransport::RsaOaepSha256, &octets).is_ok();
    Some(match (opened, ours) {
        (true, true) => match open_encrypted(xml, pem.as_bytes()) {
            Err(error) if chukei_oracle::wheel::shared().is_some() => {
                Finding::Differs(format!("a wrapped key opens for us only: {error}"))
            }
            _ => Finding::Agrees("wrapped key opens".into()),
        },
        (true, false) => Finding::Differs("a key wrapped with other digests opens".into()),
        (false, true) => Finding::Differs("a key wrapped with our digests does not open".into()),
        (false, false) => Finding::Agrees("a key wrapped with other digests does not open".into()),
    })
}

fn child<'d>(parent: Element<'d>, local: &str) -> Option<Element<'d>> {
    parent.elements().find(|child| child.local() == local)
}

/// The vectors of NIST for AES-GCM with keys by name: without a plaintext beside it a ciphertext must not
/// open.
pub fn run_nist(folder: &Folder, tally: &mut Tally) {
    for bits in ["128", "192", "256"] {
        let place = format!("xmlsec1/nist-aesgcm/aes{bits}");
        let keys = Document::parse(folder.read(&format!("xmlsec1/nist-aesgcm/keys-aes{bits}-gcm.xml")));
        let keys = keys.expect("a list of keys");
        for path in folder.files(&place).filter(|path| path.ends_with(".xml")) {
            let document = Document::parse(folder.read(path)).expect(path);
            let named = |document: &Document, local: &str| {
                let found = document.root().descendants().find(|e| e.local() == local);
                found.map(text).unwrap_or_default()
            };
            let name = named(&document, "KeyName");
            let key = keys
                .root()
                .elements()
                .find(|info| info.descendants().any(|e| e.local() == "KeyName" && text(e) == name));
            let key = key.and_then(|info| info.descendants().find(|e| e.local() == "AESKeyValue"));
            let key = lenient_base64(&text(key.expect(path))).expect(path);
            let sealed = lenient_base64(&named(&document, "CipherValue")).expect(path);
            let plaintext =
                path.strip_suffix(".xml").and_then(|stem| folder.try_read(&format!("{stem}.data")));
            let plaintext =
                plaintext.map(|text| lenient_base64(&String::from_utf8_lossy(&text)).expect(path));
            let finding = match ContentKey::from_octets(&key) {
                Err(_) if bits != "256" => Finding::Outside(format!("key of {bits} bits refused")),
                Err(_) => Finding::Differs("key refused".into()),
                Ok(_) if bits != "256" => Finding::Differs(format!("key of {bits} bits taken")),
                Ok(key) => match (key.open(&sealed), plaintext) {
                    (Ok(opened), Some(expected)) if *opened == expected => Finding::Agrees("opens".into()),
                    (Err(_), None) => Finding::Agrees("does not open, as expected".into()),
                    (Ok(_), None) => Finding::Differs("opens".into()),
                    _ => Finding::Differs("does not open to the plaintext".into()),
                },
            };
            tally.add("encryption: NIST AES-GCM", Verdict::new(path, "refuses: Structure").with(finding));
        }
    }
}

/// A key that opens nothing of a stranger and counts how often it is asked.
struct Watched {
    calls: AtomicUsize,
    key: PrivateKey,
}

impl Unwrapper for Watched {
    fn unwrap(&self, transport: KeyTransport, wrapped: &[u8]) -> Result<ContentKey, DecryptError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.key.unwrap(transport, wrapped)
    }

    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }
}

fn any_key() -> PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| chukei_crypto::test_pki::keys::rsa2048(1)).clone()
}
