//! Public keys that foreign files bring along or that stand beside them, for the product and for the oracles.

use chukei_crypto::PublicKey;
use chukei_oracle::{Opinion, TrustedKey, verify_at, wheel};
use chukei_xml::{Document, Element, Namespace, lexical::encode_base64, ns};

use crate::folder::{Folder, lenient_base64};

/// Identifier attributes that the oracles follow: every one that the product or a foreign file uses.
const IDS: &[(&str, &str)] = &[
    ("*", "Id"),
    ("*", "ID"),
    ("*", "id"),
    ("*", "AssertionID"),
    ("*", "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"),
];

/// A key that may have made a signature.
pub struct Candidate {
    /// The same in PEM.
    pub pem: String,
    /// As the product loads it, or why it refuses.
    pub own: Result<PublicKey, String>,
    /// As libxmlsec1 loads it.
    oracle: Option<TrustedKey>,
    /// Whether it stood in the message itself.
    pub embedded: bool,
}

impl Candidate {
    /// From a certificate in DER.
    #[must_use]
    pub fn from_certificate(der: &[u8], embedded: bool) -> Self {
        let pem = armour("CERTIFICATE", der);
        // Of a certificate only its key counts here; which certificates may be relied on is another question.
        let spki = spki_of(der).ok_or("no certificate".to_owned());
        let own = spki.and_then(|spki| PublicKey::from_spki_der(spki).map_err(|error| error.to_string()));
        let oracle = TrustedKey::from_certificate_pem(pem.as_bytes()).ok();
        Self { pem, own, oracle, embedded }
    }

    /// From a SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn from_spki(der: &[u8], embedded: bool) -> Self {
        let pem = armour("PUBLIC KEY", der);
        let oracle = TrustedKey::from_spki_pem(pem.as_bytes()).ok();
        let own = PublicKey::from_spki_der(der).map_err(|error| error.to_string());
        Self { pem, own, oracle, embedded }
    }

    /// Every key in the `ds:KeyInfo` elements of a document.
    #[must_use]
    pub fn embedded_in(document: &Document) -> Vec<Self> {
        let elements: Vec<Element<'_>> = document.root().descendants().collect();
        let octets = |element: &Element<'_>| lenient_base64(&text(*element)).unwrap_or_default();
        let all = |local: &'static str, namespace: Namespace| {
            elements.iter().copied().filter(move |e| e.is(namespace.name(local)))
        };
        let mut found: Vec<Self> =
            all("X509Certificate", ns::DS).map(|e| Self::from_certificate(&octets(&e), true)).collect();
        let spki = all("DEREncodedKeyValue", ns::DSIG11).map(|e| octets(&e));
        let spki = spki.chain(all("RSAKeyValue", ns::DS).filter_map(rsa_spki));
        let spki = spki.chain(all("DSAKeyValue", ns::DS).filter_map(dsa_spki));
        let spki = spki.chain(all("ECKeyValue", ns::DSIG11).filter_map(ec_spki));
        found.extend(spki.map(|spki| Self::from_spki(&spki, true)));
        found
    }

    /// Keys and certificates in PEM among the files of a folder.
    #[must_use]
    pub fn beside(folder: &Folder, path: &str) -> Vec<Self> {
        let files = folder.files(path).filter(|file| {
            [".pem", ".crt", ".cer"].iter().any(|end| file.ends_with(end)) && !file.contains("-win")
        });
        let mut found: Vec<Self> = Vec::new();
        for file in files {
            let text = String::from_utf8_lossy(&folder.read(file)).into_owned();
            let certificates = blocks(&text, "CERTIFICATE").into_iter();
            let keys = blocks(&text, "PUBLIC KEY").into_iter();
            let candidates = certificates
                .map(|der| Self::from_certificate(&der, false))
                .chain(keys.map(|der| Self::from_spki(&der, false)));
            for candidate in candidates {
                if found.iter().all(|known| known.pem != candidate.pem) {
                    found.push(candidate);
                }
            }
        }
        found
    }

    /// What libxmlsec1 says about the signature number `index` under this key: in process, else through the
    /// wheel.
    #[must_use]
    pub fn opinion(&self, xml: &[u8], index: usize) -> Opinion {
        let first = match &self.oracle {
            Some(key) => verify_at(xml, key, IDS, index),
            None => Opinion::Unsupported("a key that libxmlsec1 does not load".into()),
        };
        match wheel::shared() {
            Some(wheel) if matches!(first, Opinion::Unsupported(_)) => {
                wheel.verify(xml, self.pem.as_bytes(), IDS, index)
            }
            _ => first,
        }
    }

    /// As [`Self::opinion`], but valid if either of the two says so: what a foreign file was made for may be right
    /// for one of them only.
    #[must_use]
    pub fn best_opinion(&self, xml: &[u8], index: usize) -> Opinion {
        let first = self.opinion(xml, index);
        let second = || Some(wheel::shared()?.verify(xml, self.pem.as_bytes(), IDS, index));
        if first == Opinion::Valid || second() == Some(Opinion::Valid) { Opinion::Valid } else { first }
    }
}

/// All text in an element, joined.
#[must_use]
pub fn text(element: Element<'_>) -> String {
    let nodes = element.descendants().flat_map(Element::nodes);
    let texts = nodes.filter_map(|node| match node {
        chukei_xml::Node::Text(text) => Some(text),
        chukei_xml::Node::Element(_) => None,
    });
    texts.collect()
}

/// Octets as a PEM block (RFC 7468).
#[must_use]
pub fn armour(label: &str, der: &[u8]) -> String {
    let base64 = encode_base64(der);
    let lines: Vec<&str> =
        (0..base64.len()).step_by(64).map(|at| &base64[at..base64.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Octets of every PEM block of this label.
#[must_use]
pub fn blocks(text: &str, label: &str) -> Vec<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let inner = text.split(&begin).skip(1).filter_map(|rest| rest.split_once(&end));
    inner.filter_map(|(base64, _)| lenient_base64(base64)).collect()
}

/// The SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1): in its first part, the sixth after the version.
fn spki_of(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = next(certificate)?;
    let (_, mut fields, _) = next(certificate)?;
    if let (0xA0, _, rest) = next(fields)? {
        fields = rest;
    }
    for _serial_algorithm_issuer_validity_subject in 0..5 {
        fields = next(fields)?.2;
    }
    let rest = next(fields)?.2;
    fields.get(..fields.len() - rest.len())
}

/// Tag, content and what follows.
fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length, rest) = match der {
        [tag, length @ 0..=0x7F, rest @ ..] => (tag, usize::from(*length), rest),
        [tag, 0x81, length, rest @ ..] => (tag, usize::from(*length), rest),
        [tag, 0x82, high, low, rest @ ..] => (tag, usize::from(*high) << 8 | usize::from(*low), rest),
        _ => return None,
    };
    Some((*tag, rest.get(..length)?, rest.get(length..)?))
}

fn number(parent: Element<'_>, local: &'static str) -> Option<Vec<u8>> {
    let element = parent.elements().find(|e| e.is(ns::DS.name(local)))?;
    let digits: Vec<u8> =
        lenient_base64(&text(element))?.into_iter().skip_while(|octet| *octet == 0).collect();
    let sign = digits.first().is_some_and(|octet| *octet >= 0x80).then_some(0);
    Some(der(0x02, &sign.into_iter().chain(digits).collect::<Vec<u8>>()))
}

fn rsa_spki(value: Element<'_>) -> Option<Vec<u8>> {
    let key = der(0x30, &[number(value, "Modulus")?, number(value, "Exponent")?].concat());
    // 1.2.840.113549.1.1.1 with NULL
    Some(spki(&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0], &key))
}

fn dsa_spki(value: Element<'_>) -> Option<Vec<u8>> {
    let parameters = der(0x30, &[number(value, "P")?, number(value, "Q")?, number(value, "G")?].concat());
    // 1.2.840.10040.4.1
    let algorithm = [&[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], parameters.as_slice()].concat();
    Some(spki(&algorithm, &number(value, "Y")?))
}

fn ec_spki(value: Element<'_>) -> Option<Vec<u8>> {
    let child = |local| value.elements().find(|e| e.is(ns::DSIG11.name(local)));
    let curve: &[u8] = match child("NamedCurve")?.attribute("URI")? {
        "urn:oid:1.2.840.10045.3.1.7" => &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        "urn:oid:1.3.132.0.34" => &[0x06, 5, 0x2b, 0x81, 4, 0, 34],
        "urn:oid:1.3.132.0.35" => &[0x06, 5, 0x2b, 0x81, 4, 0, 35],
        _ => return None,
    };
    // 1.2.840.10045.2.1
    let algorithm = [&[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], curve].concat();
    Some(spki(&algorithm, &lenient_base64(&text(child("PublicKey")?))?))
}

/// SubjectPublicKeyInfo (RFC 5280 §4.1).
fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let key = [&[0], key].concat();
    der(0x30, &[der(0x30, algorithm), der(0x03, &key)].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        length @ 0..0x80 => vec![length as u8],
        length @ 0x80..0x100 => vec![0x81, length as u8],
        length => vec![0x82, (length >> 8) as u8, length as u8],
    };
    [&[tag], length.as_slice(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chukei_crypto::test_pki::keys;

    #[test]
    fn key_values_are_the_keys_that_they_say() {
        let (rsa, p256) = (keys::rsa2048(1), keys::p256(1));
        let (rsa, p256) = (rsa.public_key(), p256.public_key());
        // The modulus stands behind 33 octets of headers, in front of the exponent 65537.
        let modulus = encode_base64(&rsa.spki_der()[33..33 + 256]);
        let point = encode_base64(&p256.spki_der()[26..]);
        let xml = format!(
            "<a xmlns='{}' xmlns:e='{}'><RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>AQAB</Exponent>\
             </RSAKeyValue><e:ECKeyValue><e:NamedCurve URI='urn:oid:1.2.840.10045.3.1.7'/>\
             <e:PublicKey>{point}</e:PublicKey></e:ECKeyValue></a>",
            ns::DS.uri(),
            ns::DSIG11.uri()
        );
        let found = Candidate::embedded_in(&Document::parse(xml).unwrap());
        let keys: Vec<&PublicKey> =
            found.iter().filter_map(|candidate| candidate.own.as_ref().ok()).collect();
        assert_eq!(keys, [rsa, p256]);
        assert_eq!(blocks(&found[0].pem, "PUBLIC KEY"), [rsa.spki_der()]);
        assert!(blocks(&found[0].pem, "CERTIFICATE").is_empty());
    }

    #[test]
    fn the_key_of_a_certificate() {
        let relay = chukei_forge::specimen::World::new(1).relay;
        let candidate = Candidate::from_certificate(relay.certificate.der(), true);
        assert_eq!(candidate.own.as_ref(), Ok(relay.key.public_key()));
        assert!(Candidate::from_certificate(&relay.certificate.der()[1..], true).own.is_err());
    }
}
