//! Signatures as raw trees (XML Signature 1.1), in which what is said and what is done are set apart.
//!
//! [`SignatureSpec::enveloped`] is the one valid shape; every part of it is a field. The URIs of a spec are only
//! written, never looked at: what is digested and how it is signed is said by [`ReferenceSpec::target`],
//! [`ReferenceSpec::form`] and [`Secret`]. So a test can keep the cryptography sound under a wrong label, or the other
//! way round, and shows one deviation.

use chukei_crypto::{KeyKind, PrivateKey, SignatureAlgorithm, Signer, sha256};
use chukei_xml::{lexical::encode_base64, ns};

use crate::{
    canonical::Form,
    path::Location,
    raw::{Element, Node},
};

/// Algorithm identifiers, allowed and refused ones.
pub mod uri {
    #![allow(missing_docs, reason = "the names are the standards'")]
    pub const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
    pub const EXC_C14N_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
    pub const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
    pub const C14N_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
    pub const C14N11: &str = "http://www.w3.org/2006/12/xml-c14n11";
    pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    pub const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    pub const XPATH_FILTER2: &str = "http://www.w3.org/2002/06/xmldsig-filter2";
    pub const XSLT: &str = "http://www.w3.org/TR/1999/REC-xslt-19991116";
    pub const BASE64: &str = "http://www.w3.org/2000/09/xmldsig#base64";
    pub const DECRYPT: &str = "http://www.w3.org/2002/07/decrypt#XML";
    pub const STR_TRANSFORM: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";
    pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
    pub const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
    pub const MD5: &str = "http://www.w3.org/2001/04/xmldsig-more#md5";
    pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    pub const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
    pub const RSA_MD5: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-md5";
    pub const RSA_PSS_SHA256: &str = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1";
    pub const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    pub const DSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#dsa-sha1";
    pub const HMAC_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";
    pub const HMAC_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
}

/// What makes the signature value.
#[derive(Clone, Debug)]
pub enum Secret {
    /// A private key and the algorithm that is really used.
    Key(PrivateKey, SignatureAlgorithm),
    /// HMAC with SHA-256 under these octets.
    Hmac(Vec<u8>),
    /// These octets, whatever is signed.
    Octets(Vec<u8>),
}

/// Everything about a `ds:Signature`.
#[derive(Clone, Debug)]
pub struct SignatureSpec {
    /// Prefix of the signature's own names.
    pub prefix: String,
    /// `Id`.
    pub id: Option<String>,
    /// Algorithm of `CanonicalizationMethod`.
    pub canonicalization: String,
    /// How `SignedInfo` is really canonicalised. Its prefix list is written.
    pub form: Form,
    /// Algorithm of `SignatureMethod`.
    pub method: String,
    /// Content of `SignatureMethod`.
    pub method_content: Vec<Node>,
    /// The references.
    pub references: Vec<ReferenceSpec>,
    /// What signs.
    pub secret: Secret,
    /// `KeyInfo`.
    pub key_info: Option<Element>,
    /// What stands behind `KeyInfo`.
    pub objects: Vec<Node>,
    /// Where the signature stands in its parent.
    pub place: Place,
    /// Changes `SignedInfo` before it is signed.
    pub signed_info: Option<fn(&mut Element)>,
    /// Changes the text of `SignatureValue`.
    pub value: Option<fn(String) -> String>,
}

/// Everything about a `ds:Reference`.
#[derive(Clone, Debug)]
pub struct ReferenceSpec {
    /// `URI`; without one the attribute is missing.
    pub uri: Option<String>,
    /// The element that is really digested.
    pub target: Target,
    /// Whether the signature is really left out of it.
    pub enveloped: bool,
    /// How it is really canonicalised.
    pub form: Form,
    /// The transforms that are written; none for no `Transforms`.
    pub transforms: Vec<TransformSpec>,
    /// Algorithm of `DigestMethod`.
    pub digest_method: String,
    /// Changes the octets of the digest.
    pub digest: Option<fn(Vec<u8>) -> Vec<u8>>,
}

/// What is digested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The parent of the signature.
    Parent,
    /// The element with this identifier.
    Id(String),
    /// The element at this path from the root.
    Path(String),
    /// These octets.
    Octets(Vec<u8>),
}

/// A `ds:Transform`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformSpec {
    /// `Algorithm`.
    pub algorithm: String,
    /// Content.
    pub content: Vec<Node>,
}

/// A place among the children of the signature's parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the others.
    First,
    /// Behind the others.
    Last,
    /// Behind the first child of this name.
    After(String),
}

impl SignatureSpec {
    /// The one valid shape of a signature that is enveloped in the SAML element with the identifier `id`
    /// (SAML 2.0 core §5.4): behind `saml:Issuer`, one reference, two transforms, no `KeyInfo`.
    #[must_use]
    pub fn enveloped(id: &str, key: &PrivateKey) -> Self {
        Self {
            references: vec![ReferenceSpec::enveloped(id)],
            place: Place::After("saml:Issuer".to_owned()),
            ..Self::over_nothing(key)
        }
    }

    /// A signature without references at the end of its parent: the start of every other shape.
    #[must_use]
    pub fn over_nothing(key: &PrivateKey) -> Self {
        let algorithm = algorithm_of(key);
        Self {
            prefix: "ds".to_owned(),
            id: None,
            canonicalization: uri::EXC_C14N.to_owned(),
            form: Form::default(),
            method: algorithm.uri().to_owned(),
            method_content: Vec::new(),
            references: Vec::new(),
            secret: Secret::Key(key.clone(), algorithm),
            key_info: None,
            objects: Vec::new(),
            place: Place::Last,
            signed_info: None,
            value: None,
        }
    }

    /// Signs with another key; the method that is written follows.
    pub fn set_key(&mut self, key: &PrivateKey) {
        let algorithm = algorithm_of(key);
        algorithm.uri().clone_into(&mut self.method);
        self.secret = Secret::Key(key.clone(), algorithm);
    }

    /// Puts a signature into the element at `parent`.
    ///
    /// # Panics
    /// When `parent`, a target or the place does not exist, or the key does not fit its algorithm.
    pub fn sign(&self, root: &mut Element, parent: &str) {
        let parent = root.locate(parent).expect("the parent of the signature");
        let name = |local: &str| format!("{}:{local}", self.prefix);
        let index = self.index(root.at(&parent));
        root.at_mut(&parent).children.insert(index, self.skeleton().into());
        let signature = [parent.as_slice(), &[index]].concat();
        let signed_info = [signature.as_slice(), &[0]].concat();

        // A thousand references to one element are digested once.
        let mut last: Option<(&ReferenceSpec, Vec<u8>)> = None;
        for (number, reference) in self.references.iter().enumerate() {
            let digest = match last.take() {
                Some((same, digest)) if same.digests_as(reference) => digest,
                _ => reference.octets_digest(root, &parent, &signature),
            };
            let value = reference.digest.map_or(digest.clone(), |change| change(digest.clone()));
            last = Some((reference, digest));
            let reference =
                root.at_mut(&signed_info).find_mut(&format!("{}[{}]", name("Reference"), number + 1));
            reference.find_mut(&name("DigestValue")).set_content(&encode_base64(&value));
        }
        if let Some(change) = self.signed_info {
            change(root.at_mut(&signed_info));
        }
        let value = encode_base64(&self.secret.sign(&self.form.octets(root, &signed_info, None)));
        let value = self.value.map_or(value.clone(), |change| change(value));
        root.at_mut(&signature).find_mut(&name("SignatureValue")).set_content(&value);
    }

    fn index(&self, parent: &Element) -> usize {
        match &self.place {
            Place::First => 0,
            Place::Last => parent.children.len(),
            Place::After(name) => parent.locate(name).expect("the element before the signature")[0] + 1,
        }
    }

    fn skeleton(&self) -> Element {
        let name = |local: &str| Element::new(&format!("{}:{local}", self.prefix));
        let algorithm = |local: &str, uri: &str| name(local).attribute("Algorithm", uri);
        let references = self.references.iter().map(|reference| {
            let transforms = reference.transforms.iter().map(|transform| {
                algorithm("Transform", &transform.algorithm).children(transform.content.clone())
            });
            let mut element = name("Reference");
            element.attributes.extend(reference.uri.iter().map(|uri| ("URI".to_owned(), uri.clone())));
            let transforms = name("Transforms").children(transforms);
            element
                .children((!reference.transforms.is_empty()).then_some(transforms))
                .child(algorithm("DigestMethod", &reference.digest_method))
                .child(name("DigestValue"))
        });
        let prefix_list = (!self.form.prefixes.is_empty()).then(|| inclusive_namespaces(&self.form.prefixes));
        let signed_info = name("SignedInfo")
            .child(algorithm("CanonicalizationMethod", &self.canonicalization).children(prefix_list))
            .child(algorithm("SignatureMethod", &self.method).children(self.method_content.clone()))
            .children(references);
        let mut signature = name("Signature").attribute(&format!("xmlns:{}", self.prefix), ns::DS.uri());
        signature.attributes.extend(self.id.iter().map(|id| ("Id".to_owned(), id.clone())));
        signature
            .child(signed_info)
            .child(name("SignatureValue"))
            .children(self.key_info.clone())
            .children(self.objects.clone())
    }
}

impl ReferenceSpec {
    /// A reference to the parent of the signature with the two transforms of SAML 2.0 core §5.4.4.
    #[must_use]
    pub fn enveloped(id: &str) -> Self {
        Self {
            target: Target::Parent,
            enveloped: true,
            transforms: vec![TransformSpec::new(uri::ENVELOPED), TransformSpec::new(uri::EXC_C14N)],
            ..Self::detached(id)
        }
    }

    /// A reference to another element with exclusive canonicalisation.
    #[must_use]
    pub fn detached(id: &str) -> Self {
        Self {
            uri: Some(format!("#{id}")),
            target: Target::Id(id.to_owned()),
            enveloped: false,
            form: Form::default(),
            transforms: vec![TransformSpec::new(uri::EXC_C14N)],
            digest_method: uri::SHA256.to_owned(),
            digest: None,
        }
    }

    /// The same with a prefix list, in what is written and in what is done.
    #[must_use]
    pub fn with_prefixes(mut self, prefixes: &str) -> Self {
        let last = self.transforms.last_mut().expect("the canonicalisation");
        last.content = vec![inclusive_namespaces(prefixes).into()];
        self.form.prefixes = prefixes.to_owned();
        self
    }

    fn octets_digest(&self, root: &Element, parent: &Location, signature: &[usize]) -> Vec<u8> {
        let location = match &self.target {
            Target::Parent => parent.clone(),
            Target::Id(id) => root.locate_id(id).expect("the identifier of a reference"),
            Target::Path(path) => root.locate(path).expect("the path of a reference"),
            Target::Octets(octets) => return sha256(octets).to_vec(),
        };
        sha256(&self.form.octets(root, &location, self.enveloped.then_some(signature))).to_vec()
    }

    fn digests_as(&self, other: &Self) -> bool {
        (&self.target, self.enveloped, &self.form) == (&other.target, other.enveloped, &other.form)
    }
}

impl TransformSpec {
    /// A transform without content.
    #[must_use]
    pub fn new(algorithm: &str) -> Self {
        Self { algorithm: algorithm.to_owned(), content: Vec::new() }
    }
}

impl Secret {
    /// The signature over some octets.
    ///
    /// # Panics
    /// When the key does not fit its algorithm.
    #[must_use]
    pub fn sign(&self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Key(key, algorithm) => {
                let signer = key.signer(*algorithm).expect("a key for this algorithm");
                signer.sign(&sha256(octets)).expect("a signature")
            }
            Self::Hmac(key) => hmac_sha256(key, octets),
            Self::Octets(octets) => octets.clone(),
        }
    }
}

/// The algorithm with which our own messages are signed by a key of this kind.
#[must_use]
pub fn algorithm_of(key: &PrivateKey) -> SignatureAlgorithm {
    match key.public_key().kind() {
        KeyKind::Rsa { .. } => SignatureAlgorithm::RsaSha256,
        KeyKind::P256 | KeyKind::P384 => SignatureAlgorithm::EcdsaSha256,
    }
}

/// `ec:InclusiveNamespaces` with this list.
#[must_use]
pub fn inclusive_namespaces(prefixes: &str) -> Element {
    Element::declared(ns::EXC_C14N, "InclusiveNamespaces").attribute("PrefixList", prefixes)
}

/// `ds:KeyInfo` with the octets of one certificate, to be put into a `ds:Signature`.
#[must_use]
pub fn x509_key_info(certificate: &[u8]) -> Element {
    let certificate = Element::new("ds:X509Certificate").text(&encode_base64(certificate));
    Element::new("ds:KeyInfo").child(Element::new("ds:X509Data").child(certificate))
}

/// HMAC with SHA-256 (RFC 2104), which the product does not know.
#[must_use]
pub fn hmac_sha256(key: &[u8], octets: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { sha256(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |byte: u8| block.iter().map(|octet| octet ^ byte).collect::<Vec<u8>>();
    let inner = sha256(&[pad(0x36).as_slice(), octets].concat());
    sha256(&[pad(0x5c).as_slice(), &inner].concat()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac() {
        // RFC 4231 §4.3.
        let mac = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(mac[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
        assert_ne!(hmac_sha256(&[1; 65], b""), hmac_sha256(&[1; 64], b""));
    }
}
