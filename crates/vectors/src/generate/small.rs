//! Small signed messages, one place each open for a deviation; and what their verifier knows.

use chukei_crypto::{PublicKey, SignatureAlgorithm, test_pki::keys};
use chukei_forge::{
    canonical::Form,
    raw::Element,
    sign::{ReferenceSpec, Secret, SignatureSpec, TransformSpec},
};
use chukei_xml::{lexical::encode_base64, ns};

use super::{
    Book, Row,
    old::Hash,
    rsa::Parts,
    signed::{time, world},
};
use crate::{
    context::{MessageShape, Trusted, Verifier},
    schema::{Flag, Group, Kind},
};

/// A deviation with its comment in both languages.
pub(super) type Line<F> = (F, &'static str, &'static str);

/// The identifier in every message here.
pub(super) const NUMBER: &str = "20260001";

/// An assertion of the relay, not signed.
pub(super) fn assertion() -> Element {
    let name_id = Element::new("saml:NameID").text(NUMBER);
    Element::declared(ns::SAML, "Assertion")
        .attribute("ID", "_a")
        .attribute("Version", "2.0")
        .attribute("IssueInstant", &time(0))
        .child(Element::new("saml:Issuer").text(world().relay.entity_id))
        .child(Element::new("saml:Subject").child(name_id))
}

/// The relay's signature on it.
pub(super) fn signature() -> SignatureSpec {
    SignatureSpec::enveloped("_a", &world().relay.key)
}

/// The assertion with a signature.
pub(super) fn signed(spec: &SignatureSpec) -> String {
    let mut root = assertion();
    spec.sign(&mut root, ".");
    root.write()
}

/// The relay's signature after a change, on the assertion.
pub(super) fn changed(change: impl FnOnce(&mut SignatureSpec)) -> String {
    let mut spec = signature();
    change(&mut spec);
    signed(&spec)
}

/// An element with a signature whose digest and value are made by hand; the rest is as `spec` says.
pub(super) fn signed_by_hand(
    mut root: Element,
    spec: &SignatureSpec,
    hash: Hash,
    value: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let mut spec = spec.clone();
    spec.secret = Secret::Octets(vec![0]);
    spec.sign(&mut root, ".");
    let place = root.locate("ds:Signature").expect("the signature");
    let digest = hash.digest(&Form::default().octets(&root, &[], Some(&place)));
    let digest_value = root.find_mut("ds:Signature/ds:SignedInfo/ds:Reference/ds:DigestValue");
    digest_value.set_content(&encode_base64(&digest));
    let signed_info = root.locate("ds:Signature/ds:SignedInfo").expect("what is signed");
    let value = value(&Form::default().octets(&root, &signed_info, None));
    root.find_mut("ds:Signature/ds:SignatureValue").set_content(&encode_base64(&value));
    root.write()
}

/// The assertion with a signature of the relay whose padded block is made by hand.
pub(super) fn signed_block(method: &str, block: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let spec = SignatureSpec { method: method.to_owned(), ..signature() };
    signed_by_hand(assertion(), &spec, Hash::Sha256, |octets| relay_parts().private(&block(octets)))
}

/// The relay's key, taken apart.
pub(super) fn relay_parts() -> Parts {
    Parts::of(&keys::rsa2048(1))
}

/// A signature by a P-256 key.
pub(super) fn elliptic(number: usize) -> SignatureSpec {
    let key = keys::p256(number);
    let mut spec = SignatureSpec::enveloped("_a", &key);
    spec.secret = Secret::Key(key, SignatureAlgorithm::EcdsaSha256);
    spec
}

/// Replaces the second of the transforms.
pub(super) fn canonicalised(reference: &mut ReferenceSpec, algorithm: &str) {
    reference.transforms[1] = TransformSpec::new(algorithm);
}

/// A key registered for an entity without certificate.
pub(super) fn key_of(entity: &str, key: &PublicKey) -> Trusted {
    Trusted {
        entity: entity.to_owned(),
        key: encode_base64(key.spki_der()),
        certificate: None,
        key_use: None,
        from: None,
        until: None,
    }
}

/// The relay's key, registered.
pub(super) fn relay_key() -> Trusted {
    key_of(world().relay.entity_id, world().relay.key.public_key())
}

/// A verifier of assertions that knows these keys.
pub(super) fn knows(trust: Vec<Trusted>) -> Verifier {
    Verifier { shape: MessageShape::Assertion, at: time(0), trust, signer: None }
}

/// The context of vectors for this verifier.
pub(super) fn verified_by(verifier: Verifier) -> Group {
    Group { verifier: Some(verifier), ..Group::default() }
}

/// A row of assertions that the relay signs; it begins with the valid one.
pub(super) fn row<'b>(book: &'b mut Book, id: &str, flag: Flag) -> Row<'b> {
    let mut row = book.row(id, Kind::XmlSignature, flag);
    row.context(verified_by(knows(vec![relay_key()])));
    row.valid(0, signed(&signature()), "signed by the relay", "中継DBの署名").reads("NameID", NUMBER);
    row
}
