//! Ciphertexts as raw trees (XML Encryption 1.1), in which every part can be replaced.
//!
//! As in [`crate::sign`], identifiers are only written. What is done is RSA-OAEP with SHA-256 and AES-256-GCM, unless
//! [`SealSpec::sealed`] or [`SealSpec::wrapped`] changes the octets.

use chukei_crypto::{ContentKey, KeyKind, KeyTransport, PublicKey, sha256, test_pki::fixed};
use chukei_xml::{lexical::encode_base64, ns};

use crate::{
    raw::{Element, Node},
    sign::x509_key_info,
};

/// Algorithm and type identifiers, allowed and refused ones.
pub mod uri {
    #![allow(missing_docs, reason = "the names are the standards'")]
    pub const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
    pub const CONTENT: &str = "http://www.w3.org/2001/04/xmlenc#Content";
    pub const ENCRYPTED_KEY: &str = "http://www.w3.org/2001/04/xmlenc#EncryptedKey";
    pub const AES256_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
    pub const AES128_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
    pub const AES256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
    pub const TRIPLEDES_CBC: &str = "http://www.w3.org/2001/04/xmlenc#tripledes-cbc";
    pub const RSA_OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
    pub const RSA_OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
    pub const RSA_1_5: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";
    pub const AES256_KW: &str = "http://www.w3.org/2001/04/xmlenc#kw-aes256";
    pub const ECDH_ES: &str = "http://www.w3.org/2009/xmlenc11#ECDH-ES";
    pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
    pub const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
    pub const MGF1_SHA256: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";
    pub const MGF1_SHA1: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha1";
}

/// Everything about a sealed element.
#[derive(Clone, Debug)]
pub struct SealSpec {
    /// The element around `xenc:EncryptedData`; none for none.
    pub wrapper: Option<String>,
    /// What is encrypted.
    pub plaintext: Vec<u8>,
    /// White space is added behind the plaintext until its length is a multiple of this.
    pub padding: usize,
    /// For whom.
    pub recipient: PublicKey,
    /// Octets of the content key; a fresh one without them.
    pub content_key: Option<[u8; 32]>,
    /// Where the IV and the OAEP seed come from, so that equal specifications give equal octets; fresh ones without
    /// it. It takes a `content_key` as well.
    pub fixed: Option<[u8; 32]>,
    /// Attributes of `EncryptedData`.
    pub attributes: Vec<(String, String)>,
    /// Algorithm of its `EncryptionMethod`.
    pub content_method: String,
    /// Content of that.
    pub content_method_content: Vec<Node>,
    /// Algorithm of the `EncryptionMethod` of `EncryptedKey`.
    pub key_method: String,
    /// Content of that.
    pub key_method_content: Vec<Node>,
    /// Attributes of `EncryptedKey`.
    pub key_attributes: Vec<(String, String)>,
    /// `KeyInfo` of `EncryptedKey`.
    pub key_info: Option<Element>,
    /// Where `EncryptedKey` stands.
    pub key_place: KeyPlace,
    /// Changes `iv ‖ ciphertext ‖ tag`.
    pub sealed: Option<fn(Vec<u8>) -> Vec<u8>>,
    /// Changes the wrapped key.
    pub wrapped: Option<fn(Vec<u8>) -> Vec<u8>>,
}

/// A place of `xenc:EncryptedKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In `ds:KeyInfo` of the `EncryptedData`.
    Inside,
    /// Behind the `EncryptedData`.
    Beside,
    /// Nowhere.
    Missing,
}

impl SealSpec {
    /// The one valid shape: an `saml:EncryptedID` that holds `plaintext` for one recipient.
    #[must_use]
    pub fn encrypted_id(plaintext: &Element, recipient: &PublicKey) -> Self {
        let algorithm = |name: Element, uri: &str| Node::Element(name.attribute("Algorithm", uri));
        Self {
            wrapper: Some("saml:EncryptedID".to_owned()),
            plaintext: plaintext.write().into_bytes(),
            padding: 512,
            recipient: recipient.clone(),
            content_key: None,
            fixed: None,
            attributes: vec![("Type".to_owned(), uri::ELEMENT.to_owned())],
            content_method: uri::AES256_GCM.to_owned(),
            content_method_content: Vec::new(),
            key_method: uri::RSA_OAEP.to_owned(),
            key_method_content: vec![
                algorithm(Element::new("ds:DigestMethod"), uri::SHA256),
                algorithm(Element::declared(ns::XENC11, "MGF"), uri::MGF1_SHA256),
            ],
            key_attributes: Vec::new(),
            key_info: None,
            key_place: KeyPlace::Inside,
            sealed: None,
            wrapped: None,
        }
    }

    /// Names the recipient's certificate in `KeyInfo` of `EncryptedKey`.
    pub fn name_recipient(&mut self, certificate: &[u8]) {
        self.key_info = Some(x509_key_info(certificate));
    }

    /// Seals.
    ///
    /// # Panics
    /// When the recipient's key is not RSA.
    #[must_use]
    pub fn seal(&self) -> Element {
        let (sealed, wrapped) = self.octets();
        let sealed = self.sealed.map_or(sealed.clone(), |change| change(sealed));
        let wrapped = self.wrapped.map_or(wrapped.clone(), |change| change(wrapped));

        let key = self.encrypted_key(&wrapped);
        let key_info = Element::declared(ns::DS, "KeyInfo");
        let mut encrypted = Element::declared(ns::XENC, "EncryptedData");
        encrypted.attributes.extend(self.attributes.iter().cloned());
        let encrypted = encrypted
            .child(method(&self.content_method, &self.content_method_content))
            .children((self.key_place == KeyPlace::Inside).then(|| key_info.child(key.clone())))
            .child(cipher_data(&sealed));
        match &self.wrapper {
            Some(name) => {
                let beside = (self.key_place == KeyPlace::Beside).then(|| {
                    let declarations = [ns::XENC, ns::DS].into_iter();
                    declarations.fold(key, |key, namespace| key.declare(namespace))
                });
                Element::new(name).child(encrypted).children(beside)
            }
            None => encrypted,
        }
    }

    /// The sealed content and the wrapped key.
    fn octets(&self) -> (Vec<u8>, Vec<u8>) {
        if let (Some(key), Some(seed)) = (&self.content_key, &self.fixed) {
            let [iv @ .., _, _, _, _] = sha256(&[seed.as_slice(), b"iv"].concat());
            let iv = iv.first_chunk().expect("12 of 28 octets");
            let block = oaep(key, &sha256(&[seed.as_slice(), b"oaep"].concat()), &self.recipient);
            return (fixed::aes256_gcm(key, iv, &self.padded()), fixed::rsa_public(&self.recipient, &block));
        }
        let key = match &self.content_key {
            Some(octets) => ContentKey::from_octets(octets).expect("32 octets"),
            None => ContentKey::generate().expect("entropy"),
        };
        let wrapped = self.recipient.wrap(KeyTransport::RsaOaepSha256, &key).expect("an RSA key");
        (key.seal(&self.padded()).expect("a ciphertext"), wrapped)
    }

    fn padded(&self) -> Vec<u8> {
        let mut plaintext = self.plaintext.clone();
        plaintext.resize(plaintext.len().next_multiple_of(self.padding.max(1)), b' ');
        plaintext
    }

    fn encrypted_key(&self, wrapped: &[u8]) -> Element {
        let mut key = Element::new("xenc:EncryptedKey");
        key.attributes.extend(self.key_attributes.iter().cloned());
        key.child(method(&self.key_method, &self.key_method_content))
            .children(self.key_info.clone())
            .child(cipher_data(wrapped))
    }
}

fn method(algorithm: &str, content: &[Node]) -> Element {
    Element::new("xenc:EncryptionMethod").attribute("Algorithm", algorithm).children(content.to_vec())
}

fn cipher_data(octets: &[u8]) -> Element {
    Element::new("xenc:CipherData").child(Element::new("xenc:CipherValue").text(&encode_base64(octets)))
}

/// EME-OAEP with SHA-256 for both (RFC 8017 §7.1.1), with an empty label and this seed.
fn oaep(message: &[u8], seed: &[u8; 32], recipient: &PublicKey) -> Vec<u8> {
    let KeyKind::Rsa { bits } = recipient.kind() else { panic!("OAEP needs an RSA key") };
    let length = bits as usize / 8;
    let mut block = sha256(b"").to_vec();
    block.resize(length - 33 - message.len() - 1, 0);
    block.push(1);
    block.extend_from_slice(message);
    let masked: Vec<u8> = xor(&block, &mgf1(seed, block.len()));
    let seed = xor(seed, &mgf1(&masked, 32));
    [&[0][..], &seed, &masked].concat()
}

fn mgf1(seed: &[u8], length: usize) -> Vec<u8> {
    let blocks = (0u32..).flat_map(|counter| sha256(&[seed, &counter.to_be_bytes()].concat()));
    blocks.take(length).collect()
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use chukei_crypto::{Unwrapper, test_pki::keys};

    use super::*;

    #[test]
    fn equal_seeds_give_equal_octets_that_open() {
        let key = keys::rsa2048(1);
        let spec = SealSpec {
            content_key: Some([7; 32]),
            fixed: Some([1; 32]),
            ..SealSpec::encrypted_id(&Element::new("x"), key.public_key())
        };
        let (sealed, wrapped) = spec.octets();
        let content = key.unwrap(KeyTransport::RsaOaepSha256, &wrapped).unwrap();
        assert_eq!(*content.open(&sealed).unwrap(), spec.padded());
        assert_eq!(spec.octets(), (sealed.clone(), wrapped.clone()));
        // Another seed, other octets; no seed, fresh ones.
        let other = SealSpec { fixed: Some([2; 32]), ..spec.clone() }.octets();
        assert!(other.0 != sealed && other.1 != wrapped);
        let fresh = SealSpec { fixed: None, ..spec };
        assert_ne!(fresh.octets().0, fresh.octets().0);
    }
}
