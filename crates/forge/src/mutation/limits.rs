//! More of something than a message may have (rows DOS-*).

use super::{
    ANY, ASSERTION,
    Change::{After, Before, Bytes, Seal, Signature},
    ENVELOPE, ENVELOPED, Mutation, SOAP,
    Verdict::{Inert, Refuse},
    c14n::{xpath, xslt},
    inside_root, row,
};
use crate::{
    raw::{Element, Node},
    sign::{TransformSpec, uri},
};

const TOKEN: super::Verdict = Refuse("Limit(Token)");
const TRANSFORM: super::Verdict = Refuse("Transform");

pub(super) const MUTATIONS: &[Mutation] = &[
    row(
        "nesting-deep",
        &["DOS-01"],
        ANY,
        Refuse("Limit(Depth)"),
        &[Bytes(|bytes, _| {
            inside_root(&bytes, &format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)))
        })],
    ),
    row(
        "nesting-unclosed",
        &["DOS-02"],
        ANY,
        Refuse("Limit(Depth)"),
        &[Bytes(|bytes, _| {
            let tag = bytes.iter().position(|byte| *byte == b'>').expect("a start tag");
            [&bytes[..=tag], "<a>".repeat(300_000).as_bytes()].concat()
        })],
    ),
    row(
        "nesting-at-limit",
        &["DOS-27"],
        ASSERTION,
        Inert,
        &[Before(|d, _| {
            let nested = (0..40).fold(Element::new("a"), |inner, _| Element::new("a").child(inner));
            d.message.root.find_mut("//saml:AttributeValue").children = vec![nested.into()];
        })],
    ),
    row(
        "elements-many",
        &["DOS-03"],
        ANY,
        Refuse("Limit(Nodes)"),
        &[Bytes(|bytes, _| inside_root(&bytes, &"<a/>".repeat(200_000)))],
    ),
    row(
        "attributes-many",
        &["DOS-04"],
        ANY,
        Refuse("Limit(Attributes)"),
        &[Bytes(|bytes, _| {
            let attributes: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
            inside_root(&bytes, &format!("<a{attributes}/>"))
        })],
    ),
    row(
        "namespaces-many",
        &["DOS-05"],
        ANY,
        Refuse("Limit(Namespaces)"),
        &[Bytes(|bytes, _| {
            let one = |n: u32| format!("<n{n}:a xmlns:n{n}='urn:{n}'/>");
            inside_root(&bytes, &(0..10_000).map(one).collect::<String>())
        })],
    ),
    row(
        "name-overlong",
        &["DOS-06"],
        ANY,
        TOKEN,
        &[Bytes(|bytes, _| inside_root(&bytes, &format!("<{}/>", "a".repeat(1 << 20))))],
    ),
    row(
        "value-overlong",
        &["DOS-06"],
        ANY,
        TOKEN,
        &[Bytes(|bytes, _| inside_root(&bytes, &format!("<a b='{}'/>", "a".repeat(1 << 20))))],
    ),
    row(
        "text-overlong",
        &["DOS-06"],
        ANY,
        TOKEN,
        &[Bytes(|bytes, _| inside_root(&bytes, &"a".repeat(1 << 20)))],
    ),
    row(
        "attribute-names-colliding",
        &["DOS-07"],
        ANY,
        Refuse("Limit(Attributes)"),
        &[Bytes(|bytes, _| {
            // `Ez` and `FY` have one DJBX33A value, and so has every sequence of them of one length.
            let pick = |n: u32, bit: u32| if n >> bit & 1 == 0 { "Ez" } else { "FY" };
            let name = |n: u32| (0..12).map(|bit| pick(n, bit)).collect::<String>();
            let attributes: String = (0..4096).map(|n| format!(" {}=''", name(n))).collect();
            inside_root(&bytes, &format!("<a{attributes}/>"))
        })],
    ),
    row(
        "signature-value-overlong",
        &["DOS-08"],
        ENVELOPED,
        TOKEN,
        &[After(|m, _| {
            m.root.find_mut("ds:Signature/ds:SignatureValue").set_content(&"A".repeat(1 << 20));
        })],
    ),
    row(
        "cipher-value-overlong",
        &["DOS-08"],
        ENVELOPE,
        TOKEN,
        &[After(|m, _| {
            m.root.find_mut("//xenc:CipherValue").set_content(&"A".repeat(1 << 20));
        })],
    ),
    row(
        "signature-value-white-space",
        &["DOS-09"],
        ENVELOPED,
        TOKEN,
        &[After(|m, _| {
            m.root
                .find_mut("ds:Signature/ds:SignatureValue")
                .children
                .push("\n".repeat(1 << 20).as_str().into());
        })],
    ),
    row(
        "message-overlong",
        &["DOS-08"],
        ANY,
        Refuse("Limit(Bytes)"),
        &[After(|m, _| {
            m.epilog = " ".repeat(5 << 20);
        })],
    ),
    row(
        "references-many",
        &["DOS-10"],
        ENVELOPED,
        Refuse("Structure"),
        &[Signature(|s, _| {
            s.references = vec![s.references[0].clone(); 1000];
        })],
    ),
    row(
        "references-many-in-message",
        &["DOS-10"],
        SOAP,
        Refuse("Limit(References)"),
        &[Signature(|s, _| {
            s.references = vec![s.references[0].clone(); 1000];
        })],
    ),
    row(
        "transforms-many",
        &["DOS-11"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            s.references[0].transforms.extend(vec![TransformSpec::new(uri::EXC_C14N); 29]);
        })],
    ),
    row(
        "xpath-bomb",
        &["DOS-12"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            let nested = (0..20).fold("1".to_owned(), |inner, _| format!("count(//*[{inner}])"));
            s.references[0].transforms.insert(1, xpath(&nested));
        })],
    ),
    row(
        "xslt-bomb",
        &["DOS-13"],
        ENVELOPED,
        TRANSFORM,
        &[Signature(|s, _| {
            let each =
                |inner: Element, _| Element::new("xsl:for-each").attribute("select", "//*").child(inner);
            let loops = (0..5).fold(Element::new("xsl:copy-of").attribute("select", "/"), each);
            s.references[0].transforms.insert(1, xslt(loops));
        })],
    ),
    row(
        "signatures-many",
        &["DOS-14"],
        ENVELOPED,
        Refuse("Structure"),
        &[After(|m, _| {
            let signature = Node::Element(m.root.find("ds:Signature").clone());
            let at = m.root.locate("ds:Signature").expect("a signature")[0];
            m.root.children.splice(at..at, vec![signature; 200]);
        })],
    ),
    row(
        "encrypted-keys-many",
        &["DOS-14"],
        ENVELOPE,
        Refuse("Structure"),
        &[Before(|d, _| {
            let info = d.message.root.find_mut("saml:Subject/saml:EncryptedID/xenc:EncryptedData/ds:KeyInfo");
            info.children = vec![info.children[0].clone(); 200];
        })],
    ),
    row(
        "key-value-huge",
        &["DOS-15"],
        ENVELOPED,
        Inert,
        &[Signature(|s, _| {
            let value = |name: &str, octets: usize| Element::new(name).text(&"/".repeat(octets / 3 * 4));
            let rsa = Element::new("ds:RSAKeyValue")
                .child(value("ds:Modulus", 8_192))
                .child(value("ds:Exponent", 510));
            s.key_info = Some(Element::new("ds:KeyInfo").child(Element::new("ds:KeyValue").child(rsa)));
        })],
    ),
    row(
        "derived-key",
        &["DOS-16"],
        ENVELOPE,
        Refuse("Structure"),
        &[Before(|d, _| {
            let info = d.message.root.find_mut("saml:Subject/saml:EncryptedID/xenc:EncryptedData/ds:KeyInfo");
            let count = Element::new("xenc11:IterationCount").text("2147483648");
            let method = Element::new("xenc11:KeyDerivationMethod")
                .attribute("Algorithm", "http://www.w3.org/2009/xmlenc11#pbkdf2")
                .child(Element::new("xenc11:PBKDF2-params").child(count));
            let derived = Element::new("xenc11:DerivedKey")
                .attribute("xmlns:xenc11", "http://www.w3.org/2009/xmlenc11#");
            info.children = vec![derived.child(method).into()];
        })],
    ),
    row(
        "retrieval-method-loop",
        &["DOS-17"],
        ENVELOPED,
        Refuse("KeyInfo"),
        &[Signature(|s, _| {
            let method = Element::new("ds:RetrievalMethod").attribute("URI", "#loop");
            s.key_info = Some(Element::new("ds:KeyInfo").attribute("Id", "loop").child(method));
        })],
    ),
    row(
        "encrypted-key-loop",
        &["DOS-17"],
        ENVELOPE,
        Refuse("KeyInfo"),
        &[Seal(|s, _| {
            s.key_attributes.push(("Id".into(), "loop".into()));
            let method = Element::new("ds:RetrievalMethod").attribute("URI", "#loop");
            s.key_info = Some(Element::new("ds:KeyInfo").child(method));
        })],
    ),
    row(
        "date-overlong",
        &["DOS-24"],
        ASSERTION,
        TOKEN,
        &[Before(|d, _| {
            let digits = format!("2026-07-01T00:00:00.{}Z", "0".repeat(100_000));
            d.message.root.set("IssueInstant", &digits);
        })],
    ),
    row(
        "audiences-many",
        &["DOS-25"],
        ASSERTION,
        Refuse("Limit(Nodes)"),
        &[After(|m, _| {
            let restriction = m.root.find_mut("//saml:AudienceRestriction");
            restriction.children = vec![Node::Verbatim("<saml:Audience/>".repeat(125_000))];
            restriction.children.push(Node::Verbatim("<a/>".repeat(7_000)));
        })],
    ),
    row(
        "ciphertext-of-27-octets",
        &["DOS-26", "ENC-08"],
        ENVELOPE,
        Refuse("Decrypt"),
        &[Seal(|s, _| {
            s.sealed = Some(|octets| octets[..27].to_vec());
        })],
    ),
    row(
        "ciphertext-of-3-octets",
        &["DOS-26", "ENC-08"],
        ENVELOPE,
        Refuse("Decrypt"),
        &[Seal(|s, _| {
            s.sealed = Some(|_| vec![0; 3]);
        })],
    ),
    row(
        "ciphertext-empty",
        &["DOS-26", "ENC-08"],
        ENVELOPE,
        Refuse("Decrypt"),
        &[Seal(|s, _| {
            s.sealed = Some(|_| Vec::new());
        })],
    ),
    row(
        "wrapped-key-empty",
        &["DOS-26"],
        ENVELOPE,
        Refuse("Decrypt"),
        &[Seal(|s, _| {
            s.wrapped = Some(|_| Vec::new());
        })],
    ),
];
