//! Well-formed bytes that readers have read differently from what was signed (rows XML-11 … XML-17, XML-33 … XML-45).

use super::{
    ANY, ASSERTION,
    Change::{After, Before, Bytes},
    Mutation, NAME_ID, RESPONSE, SOAP,
    Verdict::{Above, Inert, Refuse},
    name_id, replace, row, text,
};
use crate::{
    raw::{Element, Node},
    specimen::PERSON,
};

pub(super) const MUTATIONS: &[Mutation] = &[
    row(
        "comment-splits-name-id",
        &["XML-11"],
        ASSERTION,
        Inert,
        &[After(|m, _| {
            let (head, tail) = PERSON.split_at("港い".len());
            name_id(m, &[head.into(), Node::Comment(" x ".into()), tail.into()]);
        })],
    ),
    row(
        "comment-splits-name-id-signed",
        &["XML-11"],
        ASSERTION,
        Inert,
        &[Before(|d, _| {
            name_id(
                &mut d.message,
                &["a@x.example".into(), Node::Comment(String::new()), ".evil.example".into()],
            );
        })],
    ),
    row(
        "comment-splits-audience",
        &["XML-11"],
        ASSERTION,
        Inert,
        &[After(|m, _| {
            let audience = m.root.find_mut("//saml:Audience");
            let text = audience.content();
            let (head, tail) = text.split_at(12);
            audience.children = vec![head.into(), Node::Comment("x".into()), tail.into()];
        })],
    ),
    row(
        "pi-in-text",
        &["XML-12"],
        ASSERTION,
        Refuse("Pi"),
        &[After(|m, _| {
            m.root.find_mut(NAME_ID).children.insert(0, Node::Pi("x".into()));
        })],
    ),
    row(
        "pi-hides-text",
        &["XML-13"],
        ASSERTION,
        Refuse("Pi"),
        &[Before(|d, _| {
            name_id(&mut d.message, &[Node::Pi("p not-an-?".into()), "admin".into()]);
        })],
    ),
    row(
        "cdata-splits-name-id",
        &["XML-14"],
        ASSERTION,
        Inert,
        &[After(|m, _| {
            let (head, tail) = PERSON.split_at("港い".len());
            name_id(m, &[head.into(), Node::Cdata(tail.into()), Node::Cdata(String::new())]);
        })],
    ),
    row(
        "references-in-name-id",
        &["XML-15"],
        ASSERTION,
        Inert,
        &[After(|m, _| {
            let spelled = PERSON.chars().map(|c| format!("&#x{:X};", u32::from(c))).collect();
            name_id(m, &[Node::Verbatim(spelled)]);
        })],
    ),
    row(
        "reference-to-cr-added",
        &["XML-15", "XML-16"],
        ASSERTION,
        Refuse("Digest"),
        &[After(|m, _| {
            m.root.find_mut(NAME_ID).children.push("\r".into());
        })],
    ),
    row(
        "line-ends-crlf",
        &["XML-16"],
        ASSERTION,
        Inert,
        &[
            Before(|d, _| d.message.root.find_mut("saml:Subject").children.insert(0, "\n\n".into())),
            Bytes(|bytes, _| replace(&bytes, "\n\n", "\r\n\r")),
        ],
    ),
    row(
        "attribute-normalised",
        &["XML-17"],
        ASSERTION,
        Inert,
        &[
            Before(|d, _| d.message.root.find_mut("//saml:Attribute").set("FriendlyName", "a b c d")),
            Bytes(|bytes, _| replace(&bytes, "a b c d", "a\tb\nc\r\nd")),
        ],
    ),
    row(
        "attribute-tab-reference",
        &["XML-17"],
        ASSERTION,
        Refuse("Digest"),
        &[
            Before(|d, _| d.message.root.find_mut("//saml:Attribute").set("FriendlyName", "a b")),
            Bytes(|bytes, _| replace(&bytes, "a b", "a&#9;b")),
        ],
    ),
    row(
        "name-id-ascii-digits",
        &["XML-33"],
        ASSERTION,
        Refuse("Digest"),
        &[After(|m, _| {
            name_id(m, &["港いろは1234".into()]);
        })],
    ),
    row(
        "name-id-decomposed",
        &["XML-33"],
        ASSERTION,
        Refuse("Digest"),
        &[
            Before(|d, _| name_id(&mut d.message, &["が".into()])),
            After(|m, _| name_id(m, &["か\u{3099}".into()])),
        ],
    ),
    row(
        "name-id-zero-width",
        &["XML-33"],
        ASSERTION,
        Refuse("Digest"),
        &[After(|m, _| {
            name_id(m, &["港い\u{200B}ろは１２３４".into()]);
        })],
    ),
    row(
        "name-id-trailing-space",
        &["XML-33"],
        ASSERTION,
        Refuse("Digest"),
        &[After(|m, _| {
            m.root.find_mut(NAME_ID).children.push("\u{A0}".into());
        })],
    ),
    row(
        "decoy-in-foreign-namespace",
        &["XML-34"],
        RESPONSE,
        Inert,
        &[After(|m, _| {
            let decoy = Element::new("Assertion").attribute("xmlns", "urn:evil").attribute("Version", "2.0");
            m.root.insert_before("saml:Assertion", decoy.child(Element::new("Issuer").text("evil")));
        })],
    ),
    row(
        "id-in-foreign-namespace",
        &["XML-35"],
        ASSERTION,
        Refuse("DuplicateId"),
        &[Before(|d, world| {
            d.message.root.find_mut("saml:Subject").attributes =
                vec![("xmlns:evil".into(), "urn:evil".into()), ("evil:ID".into(), world.id("assertion"))];
        })],
    ),
    row(
        "id-in-other-case",
        &["XML-35"],
        ASSERTION,
        Refuse("DuplicateId"),
        &[Before(|d, world| {
            d.message.root.find_mut("saml:Subject").set("Id", &world.id("assertion"));
        })],
    ),
    row(
        "id-of-saml-1",
        &["XML-35"],
        ASSERTION,
        Refuse("DuplicateId"),
        &[Before(|d, world| {
            d.message.root.find_mut("saml:Subject").set("AssertionID", &world.id("assertion"));
        })],
    ),
    row(
        "xml-id",
        &["XML-36", "XSW-23"],
        ASSERTION,
        Refuse("UnexpectedAttribute"),
        &[Before(|d, world| {
            d.message.root.find_mut("saml:Subject").set("xml:id", &world.id("assertion"));
        })],
    ),
    row(
        "xml-base",
        &["XML-36"],
        ANY,
        Refuse("UnexpectedAttribute"),
        &[Before(|d, _| {
            d.message.root.set("xml:base", "http://evil.example.test/");
        })],
    ),
    row(
        "prefix-redefined",
        &["XML-37"],
        ASSERTION,
        Above("Schema"),
        &[Before(|d, _| {
            d.message.root.find_mut("saml:Subject").set("xmlns:saml", "urn:evil");
        })],
    ),
    row(
        "schema-location",
        &["XML-39"],
        ASSERTION,
        Above("Schema"),
        &[Before(|d, _| {
            d.message.root.set("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
            d.message.root.set("xsi:schemaLocation", "urn:evil http://127.0.0.1:9/evil.xsd");
        })],
    ),
    row(
        "type-unknown",
        &["XML-39"],
        ASSERTION,
        Above("Schema"),
        &[Before(|d, _| {
            let value = d.message.root.find_mut("//saml:AttributeValue");
            value.set("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
            value.set("xsi:type", "evil:Type");
        })],
    ),
    row(
        "xinclude",
        &["XML-40"],
        RESPONSE,
        Above("Schema"),
        &[After(|m, _| {
            let include = Element::new("xi:include").attribute("xmlns:xi", "http://www.w3.org/2001/XInclude");
            let include = include.attribute("href", "file:///etc/passwd");
            m.root.insert_before("samlp:Status", Element::new("samlp:Extensions").child(include));
        })],
    ),
    row(
        "text-in-signature",
        &["XML-42"],
        ASSERTION,
        Refuse("Structure"),
        &[After(|m, _| {
            m.root.insert_after("ds:Signature/ds:SignedInfo", "text");
        })],
    ),
    row(
        "child-unknown",
        &["XML-43"],
        ASSERTION,
        Above("Schema"),
        &[Before(|d, _| {
            d.message.root.append("saml:Subject", Element::new("saml:Unknown"));
        })],
    ),
    row(
        "ampersand-in-name-id",
        &["XML-44"],
        ASSERTION,
        Inert,
        &[Before(|d, _| {
            name_id(&mut d.message, &["adm&in<x>".into()]);
        })],
    ),
    row(
        "empty-element-tags",
        &["XML-45"],
        SOAP,
        Inert,
        &[Bytes(|bytes, _| {
            text(&bytes).replace("></sb:Sender>", "/>").replace("\"></ds:Transform>", "\"/>").into_bytes()
        })],
    ),
];
