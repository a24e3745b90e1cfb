//! Certificates, keys and revocation lists from arbitrary octets: each in its one spelling, and no path to
//! the anchor but for the certificate that the authority has issued.

use std::sync::LazyLock;

use chukei_crypto::{
    Certificate, Crl, KeyKind, PrivateKey, PublicKey, Purpose, Revocation, TrustAnchors, sha256,
    test_pki::NOW,
};

const AUTHORITY: &[u8] = include_bytes!("../../seeds/der/authority");
const LEAF: &[u8] = include_bytes!("../../seeds/der/leaf");
const CRL: &[u8] = include_bytes!("../../seeds/der/crl");

static ANCHORS: LazyLock<TrustAnchors> = LazyLock::new(|| {
    TrustAnchors::new(vec![Certificate::from_der(AUTHORITY).expect("a seed")]).expect("an authority")
});

/// Runs the target.
pub fn run(data: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(data) {
        check_certificate(&certificate, data);
    }
    if let Ok(key) = PublicKey::from_spki_der(data) {
        check_key(&key, data);
    }
    if let Ok(key) = PrivateKey::from_pkcs8_der(data) {
        check_key(key.public_key(), key.public_key().spki_der());
        assert!(!format!("{key:?}").is_empty());
    }
    if let Ok(crl) = Crl::from_der(data) {
        assert!(one_line(&format!("{crl:?}")));
        let leaf = Certificate::from_der(LEAF).expect("a seed");
        let anchors = ANCHORS.clone().with_crls(vec![crl]);
        let path = anchors.validate(&leaf, &[], NOW, Purpose::SignMessages, Revocation::Required);
        assert_eq!(path.is_ok(), data == CRL, "only the list that the authority has signed counts");
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let chain = Certificate::chain_from_pem(text).unwrap_or_default();
        assert_eq!(Certificate::from_pem(text).is_ok(), chain.len() == 1);
        let keys = [PublicKey::from_spki_pem(text).ok(), private_key_from_pem(text)];
        keys.iter().flatten().for_each(|key| check_key(key, key.spki_der()));
    }
}

fn private_key_from_pem(text: &str) -> Option<PublicKey> {
    Some(PrivateKey::from_pem(text).ok()?.public_key().clone())
}

fn check_certificate(certificate: &Certificate, data: &[u8]) {
    assert_eq!((certificate.der(), certificate.sha256()), (data, sha256(data)));
    let names =
        [certificate.subject(), certificate.issuer(), certificate.serial(), format!("{certificate:?}")];
    assert!(names.iter().all(|name| one_line(name)), "{names:?}");
    if let Ok(key) = certificate.public_key() {
        check_key(&key, key.spki_der());
    }
    let purposes = [Purpose::SignMessages, Purpose::TlsClient, Purpose::WrapKeys, Purpose::SignCertificates];
    for purpose in purposes {
        if let Ok(path) = ANCHORS.validate(certificate, &[], NOW, purpose, Revocation::IfPresent) {
            assert!(path.leaf() == certificate && path.certificates().len() <= 2);
            assert!(data == LEAF || data == AUTHORITY, "a certificate that nobody issued");
        }
    }
}

fn check_key(key: &PublicKey, spki: &[u8]) {
    assert_eq!((key.spki_der(), key.spki_sha256()), (spki, sha256(spki)));
    assert!(PublicKey::from_spki_der(spki).is_ok_and(|again| again == *key && again.kind() == key.kind()));
    if let KeyKind::Rsa { bits } = key.kind() {
        assert!((2048..=4096).contains(&bits) && spki.len() * 8 > bits as usize);
    }
    assert!(one_line(&format!("{key:?}")));
}

fn one_line(text: &str) -> bool {
    !text.contains(char::is_control)
}
