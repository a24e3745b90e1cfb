//! With real keys: a signature that we accept, libxmlsec1 accepts. Never the reverse, see `chukei-oracle`.

use std::sync::LazyLock;

use chukei_oracle::{Opinion, TrustedKey, verify_at};
use chukei_xml::{Budget, Document, lexical::encode_base64};

use crate::{
    seeds::{SIGNED, certificate, trust},
    signed::{Read, SIGNERS, shapes, verify},
};

const IDS: [(&str, &str); 4] = [("*", "ID"), ("*", "Id"), ("*", "id"), ("*", "AssertionID")];

/// The keys of the seeds.
static KEYS: LazyLock<Vec<TrustedKey>> = LazyLock::new(|| {
    let pem = |seed: &&[u8]| {
        let base64 = encode_base64(certificate(seed).der());
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    SIGNED.iter().map(|seed| TrustedKey::from_certificate_pem(pem(seed).as_bytes()).expect("a key")).collect()
});

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(document) = Document::parse(data) else { return };
    if document.root().local() == "Envelope" {
        return; // libxmlsec1 has no STR-Transform
    }
    let accepted = shapes(&document).iter().any(|shape| {
        [None, Some(SIGNERS[0])]
            .into_iter()
            .any(|signer| verify::<Read>(&document, shape, signer, trust(), &mut Budget::default()).is_ok())
    });
    if accepted {
        for index in 0..document.signatures().count() {
            let opinions: Vec<Opinion> = KEYS.iter().map(|key| verify_at(data, key, &IDS, index)).collect();
            assert!(opinions.contains(&Opinion::Valid), "libxmlsec1 refuses signature {index}: {opinions:?}");
        }
    }
}
