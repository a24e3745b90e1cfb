//! What has no canonical form, or was canonicalised in another way than it says (rows C14N-*).

use super::{
    ASSERTION,
    Change::{After, Before, Bytes, Signature},
    ENVELOPED, Mutation, RESPONSE,
    Verdict::{Inert, Refuse},
    replace, row,
};
use crate::{
    raw::Element,
    sign::{Target, TransformSpec, inclusive_namespaces, uri},
};

const C14N: super::Verdict = Refuse("C14n");
const ALGORITHM: super::Verdict = Refuse("Algorithm");
const TRANSFORM: super::Verdict = Refuse("Transform");

pub(super) const MUTATIONS: &[Mutation] = &[
    row(
        "void-canonicalisation",
        &["C14N-01"],
        RESPONSE,
        C14N,
        &[
            Signature(|s, _| s.references[0].target = Target::Octets(Vec::new())),
            After(|m, _| m.root.set("xmlns:example", "1")),
        ],
    ),
    row(
        "namespace-relative",
        &["C14N-01"],
        ENVELOPED,
        C14N,
        &[Before(|d, _| d.message.root.set("xmlns:n", "../n"))],
    ),
    row(
        "namespace-not-a-uri",
        &["C14N-02"],
        ENVELOPED,
        C14N,
        &[Before(|d, _| {
            d.message.root.set("xmlns:n", "http://example.com\u{80}");
        })],
    ),
    row(
        "digest-of-nothing",
        &["C14N-03"],
        ENVELOPED,
        Refuse("Digest"),
        &[Signature(|s, _| {
            s.references[0].target = Target::Octets(Vec::new());
        })],
    ),
    row(
        "xpath-selects-nothing",
        &["C14N-04", "SIG-11"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            s.references[0].transforms.insert(1, xpath("false()"));
            s.references[0].target = Target::Octets(Vec::new());
        })],
    ),
    row(
        "c14n-with-comments",
        &["C14N-05"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, _| {
            (s.canonicalization, s.form.comments) = (uri::EXC_C14N_COMMENTS.into(), true);
        })],
    ),
    row(
        "transform-with-comments",
        &["C14N-05"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, _| {
            s.references[0].transforms[1].algorithm = uri::EXC_C14N_COMMENTS.into();
            s.references[0].form.comments = true;
        })],
    ),
    row(
        "c14n-inclusive",
        &["C14N-06"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, _| {
            (s.canonicalization, s.form.exclusive) = (uri::C14N.into(), false);
        })],
    ),
    row(
        "transform-inclusive",
        &["C14N-06"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, _| {
            s.references[0].transforms[1].algorithm = uri::C14N.into();
            s.references[0].form.exclusive = false;
        })],
    ),
    row(
        "c14n-1.1",
        &["C14N-06", "C14N-09"],
        ENVELOPED,
        ALGORITHM,
        &[Signature(|s, _| {
            (s.canonicalization, s.form.exclusive) = (uri::C14N11.into(), false);
        })],
    ),
    row(
        "prefix-list",
        &["C14N-07"],
        ENVELOPED,
        Inert,
        &[
            Before(|d, _| d.message.root.set("xmlns:extra", "urn:extra")),
            Signature(|s, _| {
                s.references = vec![s.references[0].clone().with_prefixes("extra #default")];
                s.form.prefixes = "extra".into();
            }),
        ],
    ),
    row(
        "prefix-list-unknown",
        &["C14N-07"],
        ENVELOPED,
        C14N,
        &[Signature(|s, _| {
            s.references = vec![s.references[0].clone().with_prefixes("nowhere")];
        })],
    ),
    row(
        "prefix-list-unknown-in-signed-info",
        &["C14N-07", "C14N-02"],
        ENVELOPED,
        C14N,
        &[Signature(|s, _| {
            s.form.prefixes = "nowhere".into();
        })],
    ),
    row(
        "prefix-list-long",
        &["C14N-07"],
        ENVELOPED,
        C14N,
        &[Signature(|s, _| {
            let list: String = (0..5_000).map(|n| format!("p{n} ")).collect();
            s.references = vec![s.references[0].clone().with_prefixes(list.trim_end())];
        })],
    ),
    row(
        "prefix-list-added",
        &["C14N-07"],
        ENVELOPED,
        Refuse("Signature"),
        &[After(|m, _| {
            m.root.set("xmlns:extra", "urn:extra");
            m.root.find_mut("//ds:CanonicalizationMethod").children =
                vec![inclusive_namespaces("extra").into()];
        })],
    ),
    row(
        "attributes-in-any-order",
        &["C14N-08", "C14N-10", "C14N-11"],
        ASSERTION,
        Inert,
        &[Before(|d, _| {
            // U+10000 sorts behind U+FF21 by code point, and before it by UTF-16 unit.
            let one = Element::new("e").attribute("xmlns", "urn:d").attribute("\u{10000}", "1");
            let one =
                one.attribute("\u{FF21}", "2").attribute("z:a", "\t\n\r\"'<>&").attribute("xmlns:z", "urn:a");
            let one = one.attribute("b:z", "").attribute("xmlns:b", "urn:z").attribute("xml:lang", "ja");
            let inner =
                Element::new("f").attribute("xmlns", "").child(Element::new("g").attribute("xmlns", "urn:d"));
            d.message.root.find_mut("//saml:AttributeValue").children =
                vec![one.child(inner).text("\r\n\t]]>&<\"'").into()];
        })],
    ),
    row(
        "c14n-other-than-declared",
        &["C14N-12"],
        ENVELOPED,
        ALGORITHM,
        &[After(|m, _| {
            m.root.find_mut("//ds:CanonicalizationMethod").set("Algorithm", uri::C14N);
        })],
    ),
    row(
        "c14n-other-than-done",
        &["C14N-12"],
        ENVELOPED,
        Refuse("Signature"),
        &[
            Before(|d, _| d.message.root.set("xmlns:extra", "urn:extra")),
            Signature(|s, _| s.form.exclusive = false),
        ],
    ),
    row(
        "digest-c14n-other-than-done",
        &["C14N-12"],
        ENVELOPED,
        Refuse("Digest"),
        &[
            Before(|d, _| d.message.root.set("xmlns:extra", "urn:extra")),
            Signature(|s, _| s.references[0].form.exclusive = false),
        ],
    ),
    row(
        "white-space-added",
        &["C14N-12", "XML-16"],
        ENVELOPED,
        Refuse("Digest"),
        &[Bytes(|bytes, _| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let end = &text[text.rfind("</").expect("an end tag")..];
            replace(&bytes, end, &format!("\n{end}"))
        })],
    ),
];

pub(super) fn xpath(expression: &str) -> TransformSpec {
    let xpath = Element::new("ds:XPath").text(expression);
    TransformSpec { algorithm: uri::XPATH.to_owned(), content: vec![xpath.into()] }
}

pub(super) fn xslt(content: Element) -> TransformSpec {
    let template = Element::new("xsl:template").attribute("match", "/").child(content);
    let stylesheet = Element::new("xsl:stylesheet")
        .attribute("xmlns:xsl", "http://www.w3.org/1999/XSL/Transform")
        .attribute("version", "1.0");
    TransformSpec { algorithm: uri::XSLT.to_owned(), content: vec![stylesheet.child(template).into()] }
}
