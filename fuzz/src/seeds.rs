//! The signed messages among the seeds, and trust in the keys that signed them.

use std::sync::LazyLock;

use chukei_crypto::Certificate;
use chukei_xml::{Document, lexical::decode_base64};
use chukei_xml_security::{TrustStore, TrustedKey};

use crate::signed::SIGNERS;

macro_rules! signed {
    ($($name:literal),*) => { &[$(include_bytes!(concat!("../seeds/signed/", $name, ".xml"))),*] };
}

/// Everything that was ever signed with the keys of [`trust`] and is within the fuzzer's reach.
pub const SIGNED: &[&[u8]] = signed!(
    "assertion",
    "assertion-p256",
    "envelope",
    "metadata",
    "response",
    "signed-response",
    "soap",
    "soap-p256"
);

/// Trust in the certificates that the seeds show, each for the entity that signed.
pub fn trust() -> &'static TrustStore {
    static TRUST: LazyLock<TrustStore> = LazyLock::new(|| {
        let mut trust = TrustStore::new();
        for (seed, entity) in SIGNED.iter().zip(signers()) {
            let key = certificate(seed).public_key().expect("a key");
            trust.add(entity, TrustedKey::new(key).with_certificate(&certificate(seed)));
        }
        trust
    });
    &TRUST
}

fn signers() -> impl Iterator<Item = &'static str> {
    let [relay, requester, _] = SIGNERS;
    SIGNED.iter().map(move |seed| if seed.starts_with(b"<soap:") { requester } else { relay })
}

/// The certificate of a seed's signer: in the first key information of a signature, or the token of a SOAP
/// message.
///
/// # Panics
/// When it is no seed.
#[must_use]
pub fn certificate(seed: &[u8]) -> Certificate {
    let document = Document::parse(seed).expect("a seed");
    let shown = |element: &chukei_xml::Element<'_>| {
        let holder = element.parent().and_then(|p| p.parent()).and_then(|p| p.parent());
        let in_signature = holder.is_some_and(|holder| holder.local() == "Signature");
        element.local() == "BinarySecurityToken" || (element.local() == "X509Certificate" && in_signature)
    };
    let text = document.root().descendants().find(shown).expect("a certificate").text().expect("text");
    Certificate::from_der(&decode_base64(text).expect("base64")).expect("a certificate")
}
