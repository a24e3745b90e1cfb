//! The shape of a signature and its references (rows SIG-*).

use chukei_xml::lexical::{decode_base64, encode_base64};

use super::{
    ASSERTION,
    Change::{After, Before, Signature},
    ENVELOPED, Mutation, SIGNED_RESPONSE, SOAP,
    Verdict::{Inert, Refuse},
    c14n::{xpath, xslt},
    row,
};
use crate::{
    raw::{Element, Node},
    sign::{ReferenceSpec, SignatureSpec, TransformSpec, uri},
    specimen::World,
};

const BASE64: super::Verdict = Refuse("Base64");
const STRUCTURE: super::Verdict = Refuse("Structure");
const TRANSFORM: super::Verdict = Refuse("Transform");
const REFERENCE_URI: super::Verdict = Refuse("ReferenceUri");

const VALUE: &str = "ds:Signature/ds:SignatureValue";
const SIGNED_INFO: &str = "ds:Signature/ds:SignedInfo";
const REFERENCE: &str = "ds:Signature/ds:SignedInfo/ds:Reference";
const DIGEST_VALUE: &str = "ds:Signature/ds:SignedInfo/ds:Reference/ds:DigestValue";

/// Signs under another reference URI; what is digested stays.
macro_rules! with_uri {
    ($name:literal, $rows:expr, $verdict:expr, $uri:expr) => {
        row($name, $rows, ENVELOPED, $verdict, &[Signature(|s, _| s.references[0].uri = $uri)])
    };
}

/// Puts a transform between the two that are allowed.
macro_rules! with_transform {
    ($name:literal, $transform:expr) => {
        row(
            $name,
            &["SIG-11"],
            ENVELOPED,
            TRANSFORM,
            &[Signature(|s, _| {
                s.references[0].transforms.insert(1, $transform);
            })],
        )
    };
}

/// Edits the signature after signing.
macro_rules! edited {
    ($name:literal, $rows:expr, $verdict:expr, $path:expr, $edit:expr) => {
        row(
            $name,
            $rows,
            ENVELOPED,
            $verdict,
            &[After(|m, _| {
                let edit: fn(&mut Element) = $edit;
                edit(m.root.find_mut($path));
            })],
        )
    };
}

pub(super) const MUTATIONS: &[Mutation] = &[
    row(
        "signature-removed",
        &["SIG-01"],
        ENVELOPED,
        Refuse("Unsigned"),
        &[After(|m, _| {
            m.root.remove("ds:Signature");
        })],
    ),
    row(
        "signature-of-response-removed",
        &["SIG-18"],
        SIGNED_RESPONSE,
        Refuse("Unsigned"),
        &[After(|m, _| {
            m.root.remove("ds:Signature");
        })],
    ),
    row(
        "signature-of-message-removed",
        &["SIG-01"],
        SOAP,
        Refuse("Unsigned"),
        &[After(|m, _| {
            m.root.remove("soap:Header/wsse:Security/ds:Signature");
        })],
    ),
    edited!("signature-empty", &["SIG-02"], STRUCTURE, "ds:Signature", |e| e.children.clear()),
    edited!("signed-info-empty", &["SIG-02"], STRUCTURE, SIGNED_INFO, |e| e.children.clear()),
    edited!("signature-value-empty", &["SIG-02"], STRUCTURE, VALUE, |e| e.children.clear()),
    edited!("signature-value-missing", &["SIG-02"], STRUCTURE, "ds:Signature", |e| drop(
        e.remove("ds:SignatureValue")
    )),
    edited!("digest-value-empty", &["SIG-02"], Refuse("Digest"), DIGEST_VALUE, |e| e.children.clear()),
    row("reference-missing", &["SIG-03"], ENVELOPED, STRUCTURE, &[Signature(|s, _| s.references.clear())]),
    row(
        "reference-missing-in-message",
        &["SIG-03"],
        SOAP,
        STRUCTURE,
        &[Signature(|s, _| s.references.clear())],
    ),
    with_uri!("reference-without-uri", &["SIG-04"], REFERENCE_URI, None),
    with_uri!("reference-uri-empty", &["SIG-04"], REFERENCE_URI, Some(String::new())),
    with_uri!("reference-uri-hash", &["SIG-04"], REFERENCE_URI, Some("#".into())),
    with_uri!("reference-uri-root-pointer", &["SIG-04"], REFERENCE_URI, Some("#xpointer(/)".into())),
    row(
        "reference-uri-id-pointer",
        &["SIG-04"],
        ENVELOPED,
        REFERENCE_URI,
        &[Signature(|s, _| {
            let id = s.references[0].uri.take().expect("a URI");
            s.references[0].uri = Some(format!("#xpointer(id('{}'))", &id[1..]));
        })],
    ),
    with_uri!("reference-uri-query", &["SIG-04"], REFERENCE_URI, Some("?x".into())),
    with_uri!("reference-uri-http", &["SIG-04"], REFERENCE_URI, Some("http://127.0.0.1:9/x".into())),
    with_uri!("reference-uri-file", &["SIG-04"], REFERENCE_URI, Some("file:///etc/hostname".into())),
    with_uri!("reference-uri-cid", &["SIG-04"], REFERENCE_URI, Some("cid:x@example.test".into())),
    with_uri!("reference-uri-data", &["SIG-04"], REFERENCE_URI, Some("data:,x".into())),
    row(
        "reference-uri-without-hash",
        &["SIG-04"],
        ENVELOPED,
        REFERENCE_URI,
        &[Signature(|s, _| {
            let id = s.references[0].uri.take().expect("a URI");
            s.references[0].uri = Some(id[1..].to_owned());
        })],
    ),
    with_uri!("reference-to-nothing", &["SIG-05"], Refuse("ReferenceTarget"), Some("#nope".into())),
    edited!("signed-info-twice", &["SIG-07"], STRUCTURE, "ds:Signature", |e| e.duplicate("ds:SignedInfo")),
    row(
        "signed-info-empty-second",
        &["SIG-07"],
        ENVELOPED,
        STRUCTURE,
        &[After(|m, _| {
            m.root.insert_after(SIGNED_INFO, Element::new("ds:SignedInfo"));
        })],
    ),
    edited!("comment-in-digest-value", &["SIG-08"], STRUCTURE, DIGEST_VALUE, |e| e
        .children
        .insert(0, Node::Comment("AAAA".into()))),
    edited!("comment-in-signature-value", &["SIG-08"], STRUCTURE, VALUE, |e| e
        .children
        .push(Node::Comment("x".into()))),
    edited!("comment-in-certificate", &["SIG-08"], STRUCTURE, "//ds:X509Certificate", |e| e
        .children
        .push(Node::Comment("x".into()))),
    edited!("element-in-signature-value", &["SIG-08"], STRUCTURE, VALUE, |e| e
        .children
        .push(Element::new("x").into())),
    row(
        "element-in-digest-value",
        &["SIG-08"],
        ENVELOPED,
        STRUCTURE,
        &[Signature(|s, _| {
            s.signed_info =
                Some(|e| e.find_mut("ds:Reference/ds:DigestValue").children.push(Element::new("x").into()));
        })],
    ),
    edited!("signature-value-cdata", &["SIG-08"], Inert, VALUE, |e| e.children =
        vec![Node::Cdata(e.content())]),
    edited!("signature-value-white-space-inside", &["SIG-09"], Inert, VALUE, |e| {
        let value = e.content();
        e.set_content(&format!("\n{}\n\t {}\n", &value[..64], &value[64..]));
    }),
    edited!("base64-url-alphabet", &["SIG-09"], BASE64, VALUE, |e| e
        .set_content(&format!("-_{}", &e.content()[2..]))),
    edited!("base64-garbage-behind", &["SIG-09"], BASE64, VALUE, |e| e.children.push("!".into())),
    edited!("base64-padding-added", &["SIG-09"], BASE64, VALUE, |e| e.children.push("====".into())),
    edited!("base64-padding-missing", &["SIG-09"], BASE64, VALUE, |e| {
        let octets = decode_base64(&e.content()).expect("octets");
        let shorter = if octets.len().is_multiple_of(3) { &octets[1..] } else { &octets };
        e.set_content(encode_base64(shorter).trim_end_matches('='));
    }),
    row(
        "base64-bits-left-over",
        &["SIG-09"],
        ENVELOPED,
        BASE64,
        &[Signature(|s, _| {
            // 32 octets end in one character with two bits to spare.
            s.signed_info = Some(|e| {
                let value = e.find_mut("ds:Reference/ds:DigestValue");
                let text = value.content();
                let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
                let last = alphabet.find(&text[42..43]).expect("a digit");
                value.set_content(&format!("{}{}=", &text[..42], &alphabet[last + 1..last + 2]));
            });
        })],
    ),
    edited!("canonicalization-method-twice", &["SIG-10"], STRUCTURE, SIGNED_INFO, |e| e
        .duplicate("ds:CanonicalizationMethod")),
    edited!("signature-method-twice", &["SIG-10"], STRUCTURE, SIGNED_INFO, |e| e
        .duplicate("ds:SignatureMethod")),
    edited!("digest-method-twice", &["SIG-10"], STRUCTURE, REFERENCE, |e| e.duplicate("ds:DigestMethod")),
    edited!("digest-value-twice", &["SIG-10"], STRUCTURE, REFERENCE, |e| e.duplicate("ds:DigestValue")),
    edited!("transforms-twice", &["SIG-10"], STRUCTURE, REFERENCE, |e| e.duplicate("ds:Transforms")),
    edited!("key-info-twice", &["SIG-10"], STRUCTURE, "ds:Signature", |e| e.duplicate("ds:KeyInfo")),
    with_transform!("transform-xslt", xslt(Element::new("xsl:copy-of").attribute("select", "/"))),
    with_transform!("transform-xpath", xpath("not(ancestor-or-self::ds:Signature)")),
    with_transform!("transform-xpath-filter-2", TransformSpec::new(uri::XPATH_FILTER2)),
    with_transform!("transform-base64", TransformSpec::new(uri::BASE64)),
    with_transform!("transform-decrypt", TransformSpec::new(uri::DECRYPT)),
    with_transform!("transform-str", TransformSpec::new(uri::STR_TRANSFORM)),
    with_transform!("transform-relationship", TransformSpec::new(RELATIONSHIP)),
    with_transform!("transform-unknown", TransformSpec::new("urn:example:test:transform")),
    with_transform!("transform-without-algorithm", TransformSpec::new("")),
    row(
        "transforms-in-other-order",
        &["SIG-12"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            s.references[0].transforms.reverse();
        })],
    ),
    row(
        "transform-enveloped-twice",
        &["SIG-12"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            s.references[0].transforms.insert(0, TransformSpec::new(uri::ENVELOPED));
        })],
    ),
    row(
        "transform-enveloped-missing",
        &["SIG-13"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            s.references[0].transforms.remove(0);
        })],
    ),
    row(
        "transform-c14n-missing",
        &["SIG-13"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            s.references[0].transforms.pop();
            s.references[0].form.exclusive = false;
        })],
    ),
    row(
        "transforms-missing",
        &["SIG-13"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            s.references[0].transforms.clear();
        })],
    ),
    row(
        "object",
        &["SIG-14"],
        ENVELOPED,
        STRUCTURE,
        &[Signature(|s, _| {
            s.objects = vec![Element::new("ds:Object").text("x").into()];
        })],
    ),
    row(
        "manifest",
        &["SIG-14"],
        ENVELOPED,
        STRUCTURE,
        &[Signature(|s, _| {
            let reference = Element::new("ds:Reference").attribute("URI", "http://127.0.0.1:9/");
            s.objects =
                vec![Element::new("ds:Object").child(Element::new("ds:Manifest").child(reference)).into()];
        })],
    ),
    row(
        "signature-properties",
        &["SIG-14"],
        ENVELOPED,
        STRUCTURE,
        &[Signature(|s, _| {
            let property = Element::new("ds:SignatureProperty").attribute("Target", "#x").text("x");
            let properties = Element::new("ds:SignatureProperties").child(property);
            s.objects = vec![Element::new("ds:Object").child(properties).into()];
        })],
    ),
    row(
        "only-timestamp-signed",
        &["SIG-15"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| {
            let timestamp = Some(format!("#{}", world.id("timestamp")));
            s.references.retain(|reference| reference.uri == timestamp);
        })],
    ),
    row(
        "body-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "body"))],
    ),
    row(
        "to-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "to"))],
    ),
    row(
        "action-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "action"))],
    ),
    row(
        "message-id-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "message-id"))],
    ),
    row(
        "sender-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "sender"))],
    ),
    row(
        "framework-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "framework"))],
    ),
    row(
        "timestamp-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "timestamp"))],
    ),
    row(
        "token-not-signed",
        &["SIG-15", "SOAP-09"],
        SOAP,
        Refuse("Coverage"),
        &[Signature(|s, world| unsigned(s, world, "token-reference"))],
    ),
    row(
        "second-signature-invalid",
        &["SIG-16"],
        ENVELOPED,
        STRUCTURE,
        &[After(|m, _| {
            m.root.duplicate("ds:Signature");
            m.root.find_mut("ds:Signature[2]/ds:SignatureValue").set_content("AAAA");
        })],
    ),
    row(
        "second-signature-valid",
        &["SIG-16"],
        ENVELOPED,
        STRUCTURE,
        &[After(|m, _| m.root.duplicate("ds:Signature"))],
    ),
    row(
        "id-twice",
        &["SIG-06"],
        ASSERTION,
        Refuse("DuplicateId"),
        &[Before(|d, world| {
            d.message.root.find_mut("saml:Conditions").set("ID", &world.id("assertion"));
        })],
    ),
];

const RELATIONSHIP: &str = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform";

/// Takes the reference to one part out of the signature of a message.
fn unsigned(spec: &mut SignatureSpec, world: &World, part: &str) {
    let uri = Some(format!("#{}", world.id(part)));
    let count = spec.references.len();
    spec.references.retain(|reference: &ReferenceSpec| reference.uri != uri);
    assert_eq!(spec.references.len() + 1, count, "{part} was signed");
}
