//! Opening: the shape is checked before a key is used, and what is given back is the plaintext that was
//! sealed.

use std::sync::atomic::{AtomicUsize, Ordering};

use chukei_crypto::{ContentKey, DecryptError, KeyTransport, PublicKey, Unwrapper, test_pki::keys};
use chukei_reason::{LimitKind, Reason};
use chukei_xml::{Budget, Document, Element, XmlError, lexical::encode_base64, ns};
use chukei_xml_security::open;

/// The content key of every seed.
pub const CONTENT_KEY: [u8; 32] = [7; 32];
const CONTENT: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";

/// Gives the one content key for every wrapped key of 256 octets, and counts how often it is asked.
struct AnyKey {
    public: PublicKey,
    asked: AtomicUsize,
}

impl Unwrapper for AnyKey {
    fn unwrap(&self, _: KeyTransport, wrapped: &[u8]) -> Result<ContentKey, DecryptError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if wrapped.len() == 256 { ContentKey::from_octets(&CONTENT_KEY) } else { Err(DecryptError) }
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

/// Runs the target: XML that may hold a ciphertext, or behind any other octet than `<` a plaintext that is
/// sealed here.
pub fn run(data: &[u8]) {
    let key = AnyKey { public: keys::p256(1).public_key().clone(), asked: AtomicUsize::new(0) };
    if let Some((first, plaintext)) = data.split_first()
        && *first != b'<'
    {
        return sealed(plaintext, &key);
    }
    let mut budget = Budget::default();
    let Ok(document) = Document::parse_within(data, &mut budget) else { return };
    let holders = document
        .root()
        .descendants()
        .filter(|element| element.is(ns::XENC.name("EncryptedData")) || element.local() == "EncryptedID");
    for holder in holders.take(4) {
        let before = key.asked.load(Ordering::Relaxed);
        let mut budget = budget.clone();
        let outcome = open_with(holder, &key, &mut budget);
        let asked = key.asked.load(Ordering::Relaxed) - before;
        assert_eq!(
            (asked, asked),
            (budget.spent().operations.min(8), asked.min(1)),
            "each use of the key is paid"
        );
        check(outcome, asked, holder);
    }
}

fn open_with(holder: Element<'_>, key: &AnyKey, budget: &mut Budget) -> Result<Document, XmlError> {
    open(holder, ns::SAML.name("NameID"), &[key], budget)
}

fn check(outcome: Result<Document, XmlError>, asked: usize, holder: Element<'_>) {
    match outcome {
        Ok(opened) => {
            assert!(opened.root().is(ns::SAML.name("NameID")));
            assert!(opened.root().descendants().all(|element| element.namespace() != ns::XENC.uri()));
            let method = holder.descendants().find(|element| element.local() == "EncryptionMethod");
            assert_eq!(method.and_then(|method| method.attribute("Algorithm")), Some(CONTENT));
            assert_eq!(asked, 1);
        }
        Err(error) => {
            let of_plaintext = matches!(
                error.reason(),
                Reason::Decrypt | Reason::Plaintext | Reason::Limit(LimitKind::EncDepth)
            );
            let of_shape = matches!(
                error.reason(),
                Reason::Structure | Reason::Algorithm | Reason::Base64 | Reason::KeyInfo
            );
            assert!(of_plaintext || of_shape, "{error}");
            assert_eq!(of_plaintext, asked == 1, "structure before the key: {error}");
        }
    }
}

fn sealed(plaintext: &[u8], key: &AnyKey) {
    let content =
        ContentKey::from_octets(&CONTENT_KEY).and_then(|key| key.seal(plaintext).map_err(|_| DecryptError));
    let xml = SHAPE
        .replace("{wrapped}", &encode_base64(&[9; 256]))
        .replace("{content}", &encode_base64(&content.expect("a ciphertext")));
    let holder = Document::parse(xml).expect("well-formed");
    let outcome = open_with(holder.root(), key, &mut Budget::default());
    let read = Document::parse(plaintext);
    let begins = plaintext.starts_with(b"<") && !matches!(plaintext.get(1), Some(b'?' | b'!'));
    let is_name_id = |document: &Document| document.root().is(ns::SAML.name("NameID"));
    let is_nested =
        |document: &Document| document.root().descendants().any(|e| e.namespace() == ns::XENC.uri());
    match (outcome, read) {
        (Ok(opened), Ok(read)) => {
            assert!(
                opened == read && begins && is_name_id(&read) && !is_nested(&read),
                "the plaintext that was sealed"
            );
        }
        (Ok(_), Err(error)) => panic!("opened what cannot be read: {error}"),
        (Err(error), Ok(read)) if is_name_id(&read) && begins => {
            assert_eq!(error.reason(), Reason::Limit(LimitKind::EncDepth), "{error}");
            assert!(is_nested(&read));
        }
        (Err(error), _) => assert_eq!(error.reason(), Reason::Plaintext, "{error}"),
    }
}

/// The one shape of the standard.
const SHAPE: &str = "<xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" \
    Type=\"http://www.w3.org/2001/04/xmlenc#Element\">\
    <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/>\
    <ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><xenc:EncryptedKey>\
    <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#rsa-oaep\">\
    <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
    <xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" \
    Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/></xenc:EncryptionMethod>\
    <xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData>\
    </xenc:EncryptedKey></ds:KeyInfo>\
    <xenc:CipherData><xenc:CipherValue>{content}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>";
