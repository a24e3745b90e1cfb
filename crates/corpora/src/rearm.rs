//! Old attacks in current algorithms.
//!
//! Most foreign attack files use SHA-1 and short keys, so they would be refused for a reason that says
//! nothing about the attack. Here their signatures are made again: algorithms of the standard, a trusted key,
//! the same structure, the same references. What is refused then, is refused for its structure.

use chukei_crypto::SignatureAlgorithm;
use chukei_forge::{
    canonical::Form,
    path::{Location, inside},
    raw::{Element, Node, parse},
    sign::{Secret, uri},
    specimen::{Party, World},
};
use chukei_oracle::{Opinion, available};
use chukei_xml::{Document, lexical::encode_base64};

use crate::{
    document::{read_what_was_signed, signature_of},
    keys::Candidate,
    policy::{Answer, answer},
    tally::{Finding, Verdict},
};

/// The same document with every signature made again by this party, in the algorithms of the standard.
///
/// `None` where that is not possible: not read, no signature, transforms that we cannot compute, a reference
/// to nothing.
#[must_use]
pub fn rearm(xml: &[u8], by: &Party) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(xml).ok()?;
    if text.contains("<!--") {
        return rearm_in_place(text, by);
    }
    let mut root = parse(text).ok()?;
    let mut signatures: Vec<Location> =
        inside(&root).into_iter().filter(|place| local(&root.at(place).name) == "Signature").collect();
    // What stands deeper is covered by what stands higher.
    signatures.sort_by_key(|place| std::cmp::Reverse(place.len()));
    if signatures.is_empty() {
        return None;
    }
    for place in &signatures {
        sign(&mut root, place, by)?;
    }
    Some(root.write().into_bytes())
}

/// The file in current algorithms: refused, although libxmlsec1 finds it valid, or read as it was signed.
#[must_use]
pub fn judge(path: &str, xml: &[u8], world: &World) -> Option<Verdict> {
    let signed = rearm(xml, &world.relay)?;
    let key = world.relay.key.public_key();
    let answer = answer(&signed, std::slice::from_ref(key));
    let candidate = Candidate::from_spki(key.spki_der(), false);
    let document = Document::parse(signed.as_slice()).ok();
    let count = document.as_ref().map_or(0, |document| document.signatures().count());
    let is_valid = |index: &usize| candidate.opinion(&signed, *index) == Opinion::Valid;
    let valid = (0..count).filter(is_valid).count();
    let relied_on = |seen| document.as_ref().and_then(|document| signature_of(document, seen));
    let finding = match &answer {
        Answer::Refuses(reason) if valid == 0 => {
            Finding::Outside(format!("{reason}; not valid for libxmlsec1 either"))
        }
        Answer::Refuses(reason) => Finding::Agrees(format!(
            "{reason}, although {valid} of {count} signatures are valid for libxmlsec1"
        )),
        Answer::Accepts(seen) if available() && !relied_on(seen).is_some_and(|index| is_valid(&index)) => {
            Finding::Differs("accepted, but not valid for libxmlsec1".into())
        }
        Answer::Accepts(seen) => match read_what_was_signed(seen, &signed) {
            Ok(()) => Finding::Agrees("accepted, reads what was signed".into()),
            Err(error) => Finding::Differs(error),
        },
    };
    Some(Verdict::new(format!("{path} made again"), answer.to_string()).with(finding))
}

fn sign(root: &mut Element, signature: &Location, by: &Party) -> Option<()> {
    let info = child(root, signature, "SignedInfo")?;
    let method = child(root, &info, "CanonicalizationMethod")?;
    let form = Form { prefixes: make_exclusive(root.at_mut(&method)), ..Form::default() };
    let method = child(root, &info, "SignatureMethod")?;
    let method = root.at_mut(&method);
    method.set("Algorithm", uri::RSA_SHA256);
    method.children.clear();

    if let Some(place) = child(root, signature, "KeyInfo") {
        // Only what would be followed belongs to an attack; other certificates are hints that fit no more.
        let followed = |node: &Node| {
            let name = node.as_element().map(|e| local(&e.name));
            name.is_some_and(|name| !matches!(name, "X509Data" | "KeyValue" | "KeyName"))
        };
        root.at_mut(&place).children.retain(followed);
        if root.at(&place).children.is_empty() {
            let (index, parent) = place.split_last()?;
            root.at_mut(parent).children.remove(*index);
        }
    }
    let references = children(root, &info, "Reference");
    for reference in references {
        let target = match root.at(&reference).value("URI") {
            Some("") => Location::new(),
            Some(uri) => root.locate_id(uri.strip_prefix('#')?)?,
            None => signature[..signature.len() - 1].to_vec(),
        };
        let (mut enveloped, mut prefixes) = (false, String::new());
        let transforms = child(root, &reference, "Transforms")?;
        let mut kept = Vec::new();
        for place in children(root, &transforms, "Transform") {
            let mut transform = root.at(&place).clone();
            match transform.value("Algorithm")? {
                uri::ENVELOPED => enveloped = true,
                algorithm if algorithm.contains("c14n") => prefixes = make_exclusive(&mut transform),
                _ => return None,
            }
            kept.push(transform);
        }
        if kept.iter().all(|transform| transform.value("Algorithm") != Some(uri::EXC_C14N)) {
            let name = kept.first()?.name.clone();
            kept.push(Element::new(&name).attribute("Algorithm", uri::EXC_C14N));
        }
        root.at_mut(&transforms).children = kept.into_iter().map(Node::Element).collect();
        let method = child(root, &reference, "DigestMethod")?;
        root.at_mut(&method).set("Algorithm", uri::SHA256);
        let octets =
            Form { prefixes, ..Form::default() }.octets(root, &target, enveloped.then_some(signature));
        let value = child(root, &reference, "DigestValue")?;
        root.at_mut(&value).set_content(&encode_base64(&chukei_crypto::sha256(&octets)));
    }
    let secret = Secret::Key(by.key.clone(), SignatureAlgorithm::RsaSha256);
    let value = child(root, signature, "SignatureValue")?;
    let octets = secret.sign(&form.octets(root, &info, None));
    root.at_mut(&value).set_content(&encode_base64(&octets));
    Some(())
}

/// Where comments stand, which a raw tree would lose, libxmlsec1 signs; it fills the first signature only.
fn rearm_in_place(text: &str, by: &Party) -> Option<Vec<u8>> {
    let mut text = text.to_owned();
    if text.matches("SignatureValue>").count() != 2 {
        return None;
    }
    for (old, new) in [
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", uri::RSA_SHA256),
        ("http://www.w3.org/2000/09/xmldsig#sha1", uri::SHA256),
    ] {
        text = text.replace(old, new);
    }
    let mut comment = String::new();
    for name in ["DigestValue>", "SignatureValue>"] {
        let (start, end) = content(&text, name)?;
        if let (Some(from), Some(to)) = (text[start..end].find("<!--"), text[start..end].find("-->")) {
            comment = text[start + from..start + to + 3].to_owned();
        }
        text.replace_range(start..end, "");
    }
    let pem = by.key.to_pkcs8_pem().ok()?;
    let mut signed = String::from_utf8(chukei_oracle::sign(text.as_bytes(), pem.as_bytes()).ok()?).ok()?;
    // Signatures are over a form without comments, so one that stood in the digest can go back there.
    let (start, _) = content(&signed, "DigestValue>")?;
    signed.insert_str(start, &comment);
    Some(signed.into_bytes())
}

/// Where the content of the first element of this name begins and ends.
fn content(text: &str, name: &str) -> Option<(usize, usize)> {
    let start = text.find(name)? + name.len();
    Some((start, start + text[start..].find("</")?))
}

/// Names exclusive canonicalisation; gives the prefix list, which only that one has.
fn make_exclusive(method: &mut Element) -> String {
    let list =
        method.elements().next().and_then(|list| list.value("PrefixList")).unwrap_or_default().to_owned();
    method.set("Algorithm", uri::EXC_C14N);
    method.children.retain(|node| node.as_element().is_some_and(|e| local(&e.name) == "InclusiveNamespaces"));
    list
}

fn child(root: &Element, parent: &[usize], name: &str) -> Option<Location> {
    children(root, parent, name).into_iter().next()
}

fn children(root: &Element, parent: &[usize], name: &str) -> Vec<Location> {
    let nodes = root.at(parent).children.iter().enumerate();
    let named = nodes.filter(|(_, node)| node.as_element().is_some_and(|e| local(&e.name) == name));
    named.map(|(index, _)| [parent, &[index]].concat()).collect()
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chukei_forge::specimen::Specimen;

    #[test]
    fn what_was_signed_by_somebody_is_signed_by_us() {
        let world = World::new(2);
        let keys = [world.requester.key.public_key().clone()];
        let bytes = world.message(Specimen::SignedResponse).bytes();
        assert!(matches!(answer(&bytes, &keys), Answer::Refuses(_)), "the relay signed it");
        let again = answer(&rearm(&bytes, &world.requester).unwrap(), &keys);
        assert!(matches!(again, Answer::Accepts(_)), "{again}");
        assert_eq!(rearm(b"<a/>", &world.requester), None);
    }
}
