//! Core validation of any XML Signature with the product's own primitives, without the product's rules about
//! shape.
//!
//! XML Signature 1.1 §3.2: references, then the value over SignedInfo. Only what the product has the means
//! for; everything else is *outside*. Digests that the standard refuses are computed elsewhere, since here
//! they only show that the canonical bytes are right.

use chukei_crypto::{PublicKey, SignatureAlgorithm, sha256};
use chukei_oracle::{Apex, exclusive_c14n};
use chukei_xml::{Canonical, Document, Element, Name, NodeId, ns};
use sha1::{Digest as _, Sha1};
use sha2::{Sha224, Sha384, Sha512};

use crate::{folder::lenient_base64, keys::text};

/// Whether something is as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is.
    Holds,
    /// It is not.
    Fails,
    /// The product has no means to tell.
    Outside(String),
}

/// A signature, its references checked.
pub struct Signature {
    /// One for each reference.
    pub references: Vec<Check>,
    /// `SignatureMethod`.
    pub method: String,
    signed_info: Result<Vec<u8>, String>,
    value: Vec<u8>,
}

impl Signature {
    /// Every signature of a document, in document order.
    #[must_use]
    pub fn all(document: &Document) -> Vec<Self> {
        document.signatures().map(|signature| Self::read(document, signature)).collect()
    }

    fn read(document: &Document, signature: Element<'_>) -> Self {
        let signed_info = child(signature, "SignedInfo");
        let references = signed_info.map(Element::elements).into_iter().flatten();
        let references = references.filter(|e| e.is(ds("Reference")));
        let method = signed_info.and_then(|info| child(info, "SignatureMethod"));
        let value = child(signature, "SignatureValue").and_then(|value| lenient_base64(&text(value)));
        Self {
            references: references.map(|r| check(reference(document, signature, r))).collect(),
            method: method.and_then(|m| m.attribute("Algorithm")).unwrap_or_default().to_owned(),
            signed_info: signed_info.map_or(Err("no SignedInfo".into()), |i| canonical_info(document, i)),
            value: value.unwrap_or_default(),
        }
    }

    /// Whether this key made the value.
    #[must_use]
    pub fn value(&self, key: &PublicKey) -> Check {
        let Some(algorithm) = SignatureAlgorithm::from_uri(&self.method) else {
            return Check::Outside(format!("algorithm {}", self.method));
        };
        if !key.accepts(algorithm) {
            return Check::Outside("not a key for this algorithm in the standard".into());
        }
        match &self.signed_info {
            Ok(octets) if key.verify(algorithm, &sha256(octets), &self.value).is_ok() => Check::Holds,
            Ok(_) => Check::Fails,
            Err(why) => Check::Outside(why.clone()),
        }
    }

    /// All references in one word: fails if one does, holds if all do.
    #[must_use]
    pub fn digests(&self) -> Check {
        if self.references.is_empty() {
            return Check::Outside("no reference".into());
        }
        if self.references.contains(&Check::Fails) {
            return Check::Fails;
        }
        let outside = self.references.iter().find(|check| matches!(check, Check::Outside(_)));
        outside.cloned().unwrap_or(Check::Holds)
    }
}

fn check(outcome: Result<bool, String>) -> Check {
    match outcome {
        Ok(true) => Check::Holds,
        Ok(false) => Check::Fails,
        Err(why) => Check::Outside(why),
    }
}

/// Whether libxml2's exclusive form of what each failing reference points at has another digest than is
/// written as well; `None` where that cannot be computed. The signature is cut out of the octets where the
/// enveloped-signature transform leaves it out.
#[must_use]
pub fn fails_for_libxml2_too(xml: &[u8], number: usize) -> Option<bool> {
    let document = Document::parse(xml).ok()?;
    let signature = document.signatures().nth(number)?;
    let references = child(signature, "SignedInfo")?.elements().filter(|e| e.is(ds("Reference")));
    let failing = references.filter(|e| reference(&document, signature, *e) == Ok(false));
    let verdicts: Option<Vec<bool>> = failing.map(|e| other_form_fails(xml, signature, e)).collect();
    verdicts.map(|verdicts| verdicts.into_iter().all(|fails| fails))
}

fn other_form_fails(xml: &[u8], signature: Element<'_>, reference: Element<'_>) -> Option<bool> {
    let transforms: Vec<Element<'_>> = child(reference, "Transforms")?.elements().collect();
    let named = |end: &str| {
        transforms.iter().find(|t| t.attribute("Algorithm").is_some_and(|uri| uri.ends_with(end)))
    };
    let span = signature.position().span;
    let cut = [xml.get(..span.start)?, xml.get(span.end..)?].concat();
    let octets = if named("#enveloped-signature").is_some() { cut.as_slice() } else { xml };
    let apex = match reference.attribute("URI")? {
        "" => Apex::Element(0),
        uri => Apex::Id(uri.strip_prefix('#')?),
    };
    let list = named("xml-exc-c14n#")?.elements().next().and_then(|list| list.attribute("PrefixList"));
    let list: Vec<&str> = list.unwrap_or_default().split_ascii_whitespace().collect();
    let form = exclusive_c14n(octets, apex, &list).ok()?;
    let method = child(reference, "DigestMethod")?.attribute("Algorithm")?;
    Some(Some(digest(method, &form).ok()?) != lenient_base64(&text(child(reference, "DigestValue")?)))
}

/// What a chain of transforms has made so far.
enum Data<'d> {
    Nodes { apex: Element<'d>, omitted: Option<NodeId>, comments: bool },
    Octets(Vec<u8>),
}

fn reference(document: &Document, signature: Element<'_>, reference: Element<'_>) -> Result<bool, String> {
    let uri = reference.attribute("URI").ok_or("a reference without URI")?;
    let mut data = dereference(document, uri)?;
    let transforms = child(reference, "Transforms").map(Element::elements).into_iter().flatten();
    for transform in transforms {
        data = apply(document, data, signature, transform)?;
    }
    let octets = match data {
        Data::Octets(octets) => octets,
        // §4.4.3.2: a node-set is canonicalised by Canonical XML 1.0 in the end.
        Data::Nodes { apex, omitted, .. } => inclusive(document, apex, omitted)?,
    };
    let method = child(reference, "DigestMethod").and_then(|method| method.attribute("Algorithm"));
    let expected = child(reference, "DigestValue").and_then(|value| lenient_base64(&text(value)));
    if expected.as_ref().is_some_and(Vec::is_empty) {
        return Err("a template".into());
    }
    Ok(Some(digest(method.unwrap_or_default(), &octets)?) == expected)
}

fn dereference<'d>(document: &'d Document, uri: &str) -> Result<Data<'d>, String> {
    let quoted = |uri: &str| {
        let inner = uri.strip_prefix("#xpointer(id(")?.strip_suffix("))")?;
        Some(inner.trim_matches(['\'', '"']).to_owned())
    };
    let by_id = |id: &str| document.by_id(id).ok_or_else(|| format!("no identifier {id}"));
    // §4.4.3.3: comments belong to the node-set only where an XPointer is used.
    let (apex, comments) = match uri {
        "" => (document.root(), false),
        "#xpointer(/)" => (document.root(), true),
        uri if quoted(uri).is_some() => (by_id(&quoted(uri).unwrap_or_default())?, true),
        uri if uri.starts_with('#') && !uri.contains('(') => (by_id(&uri[1..])?, false),
        uri => return Err(format!("reference {uri}")),
    };
    Ok(Data::Nodes { apex, omitted: None, comments })
}

fn apply<'d>(
    document: &'d Document,
    data: Data<'d>,
    signature: Element<'_>,
    transform: Element<'_>,
) -> Result<Data<'d>, String> {
    let algorithm = transform.attribute("Algorithm").unwrap_or_default();
    let (apex, omitted, comments) = match data {
        Data::Nodes { apex, omitted, comments } => (apex, omitted, comments),
        Data::Octets(octets) if algorithm == "http://www.w3.org/2000/09/xmldsig#base64" => {
            let text = String::from_utf8_lossy(&octets).into_owned();
            return Ok(Data::Octets(lenient_base64(&text).ok_or("base64 of something else")?));
        }
        Data::Octets(_) => return Err(format!("{algorithm} of octets")),
    };
    match algorithm {
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature" => {
            Ok(Data::Nodes { apex, omitted: Some(signature.id()), comments })
        }
        "http://www.w3.org/2000/09/xmldsig#base64" => {
            Ok(Data::Octets(lenient_base64(&text(apex)).ok_or("base64 of something else")?))
        }
        _ => {
            if comments && algorithm.ends_with("#WithComments") && apex.has_comment() {
                return Err("canonical form with comments".into());
            }
            canonical(document, apex, omitted, transform).map(Data::Octets)
        }
    }
}

fn canonical_info(document: &Document, info: Element<'_>) -> Result<Vec<u8>, String> {
    let method = child(info, "CanonicalizationMethod").ok_or("no CanonicalizationMethod")?;
    let with_comments = method.attribute("Algorithm").is_some_and(|uri| uri.ends_with("#WithComments"));
    if with_comments && info.has_comment() {
        return Err("canonical form with comments".into());
    }
    canonical(document, info, None, method)
}

/// The canonical form that `method` names, comments left out.
fn canonical(
    document: &Document,
    apex: Element<'_>,
    omitted: Option<NodeId>,
    method: Element<'_>,
) -> Result<Vec<u8>, String> {
    let algorithm = method.attribute("Algorithm").unwrap_or_default();
    match algorithm.trim_end_matches("WithComments") {
        "http://www.w3.org/2001/10/xml-exc-c14n#" => {
            let list = method.elements().find(|e| e.is(ns::EXC_C14N.name("InclusiveNamespaces")));
            let list = list.and_then(|list| list.attribute("PrefixList")).unwrap_or_default();
            let form = omit(document.canonical(own(document, apex)), omitted).inclusive(list);
            Ok(form.map_err(|error| error.to_string())?.to_vec())
        }
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
        | "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#"
        | "http://www.w3.org/2006/12/xml-c14n11"
        | "http://www.w3.org/2006/12/xml-c14n11#" => inclusive(document, apex, omitted),
        _ => Err(format!("transform {algorithm}")),
    }
}

/// Canonical XML 1.0 and 1.1 of a subtree, as far as they are exclusive canonicalisation with every prefix
/// listed: they also inherit attributes in the `xml` namespace (§2.4), which the product cannot.
///
/// # Errors
/// What is missing.
pub fn inclusive(document: &Document, apex: Element<'_>, omitted: Option<NodeId>) -> Result<Vec<u8>, String> {
    let mut above = std::iter::successors(apex.parent(), |element| element.parent());
    if above.any(|element| element.attributes().any(|a| a.namespace() == ns::XML.uri())) {
        return Err("inherited xml: attributes".into());
    }
    Ok(omit(document.canonical(own(document, apex)).all_inclusive(), omitted).to_vec())
}

/// The same element with the document's own lifetime.
fn own<'d>(document: &'d Document, element: Element<'_>) -> Element<'d> {
    document.element(element.id()).expect("an element of this document")
}

fn omit(form: Canonical<'_>, part: Option<NodeId>) -> Canonical<'_> {
    match part {
        Some(part) => form.omit(part),
        None => form,
    }
}

fn digest(method: &str, octets: &[u8]) -> Result<Vec<u8>, String> {
    Ok(match method {
        "http://www.w3.org/2001/04/xmlenc#sha256" => sha256(octets).to_vec(),
        "http://www.w3.org/2000/09/xmldsig#sha1" => Sha1::digest(octets).to_vec(),
        "http://www.w3.org/2001/04/xmldsig-more#sha224" => Sha224::digest(octets).to_vec(),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Sha384::digest(octets).to_vec(),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Sha512::digest(octets).to_vec(),
        _ => return Err(format!("digest {method}")),
    })
}

fn ds(local: &'static str) -> Name {
    ns::DS.name(local)
}

fn child<'d>(parent: Element<'d>, local: &'static str) -> Option<Element<'d>> {
    parent.elements().find(|child| child.is(ds(local)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chukei_forge::specimen::{Specimen, Suite, World};

    #[test]
    fn our_own_messages_hold_and_changed_ones_fail() {
        for suite in [Suite::Rsa, Suite::P256] {
            let world = World::with(suite, 1);
            let bytes = world.message(Specimen::SignedResponse).bytes();
            let checked = |bytes: &[u8]| Signature::all(&Document::parse(bytes).unwrap());
            for signature in checked(&bytes) {
                assert_eq!(signature.digests(), Check::Holds);
                assert_eq!(signature.value(world.relay.key.public_key()), Check::Holds);
                assert_eq!(signature.value(world.attacker.key.public_key()), Check::Fails);
            }
            let changed = String::from_utf8(bytes).unwrap().replace("保険者番号", "保険者番后");
            assert_eq!(checked(changed.as_bytes())[0].digests(), Check::Fails);
        }
    }

    #[test]
    fn digests_that_the_product_does_not_have() {
        // FIPS 180-4: digests of "abc".
        let first = |method: &str| digest(method, b"abc").unwrap()[..2].to_vec();
        assert_eq!(first("http://www.w3.org/2000/09/xmldsig#sha1"), [0xa9, 0x99]);
        assert_eq!(first("http://www.w3.org/2001/04/xmldsig-more#sha384"), [0xcb, 0x00]);
        assert_eq!(first("http://www.w3.org/2001/04/xmlenc#sha512"), [0xdd, 0xaf]);
        assert!(digest("http://www.w3.org/2001/04/xmldsig-more#md5", b"abc").is_err());
    }
}
