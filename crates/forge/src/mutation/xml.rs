//! Bytes that are no XML of ours: document types, grammar, names, characters, encodings (rows XML-01 … XML-32).

use super::{
    ANY, ASSERTION,
    Change::{After, Bytes},
    Mutation,
    Verdict::{self, Inert, Refuse},
    inside_root, name_id, replace, row, text,
};
use crate::raw::{Element, Message, Node};

const DOCTYPE: Verdict = Refuse("Doctype");
const NOT_WELL_FORMED: Verdict = Refuse("NotWellFormed");

pub(super) const MUTATIONS: &[Mutation] = &[
    row("doctype-empty", &["XML-01"], ANY, DOCTYPE, &[After(|m, _| m.prolog = "<!DOCTYPE x>".into())]),
    row(
        "entity-external-file",
        &["XML-02"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>".into();
            name_id(m, &[Node::Verbatim("&e;".into())]);
        })],
    ),
    row(
        "entity-external-http",
        &["XML-03"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = "<!DOCTYPE x [<!ENTITY % d SYSTEM \"http://127.0.0.1:9/\">%d;]>".into();
        })],
    ),
    row(
        "doctype-external-subset",
        &["XML-04"],
        ANY,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\">".into();
        })],
    ),
    row(
        "entity-billion-laughs",
        &["XML-05"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            let level = |n: u8| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10));
            let levels: String = (1..10).map(level).collect();
            m.prolog = format!("<!DOCTYPE x [<!ENTITY e0 \"ha\">{levels}]>");
            name_id(m, &[Node::Verbatim("&e9;".into())]);
        })],
    ),
    row(
        "entity-quadratic",
        &["XML-06"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = format!("<!DOCTYPE x [<!ENTITY e \"{}\">]>", "a".repeat(50_000));
            name_id(m, &[Node::Verbatim("&e;".repeat(10_000))]);
        })],
    ),
    row(
        "entity-recursive",
        &["XML-07"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = "<!DOCTYPE x [<!ENTITY a \"&b;\"><!ENTITY b \"&a;\">]>".into();
            name_id(m, &[Node::Verbatim("&a;".into())]);
        })],
    ),
    row(
        "entity-parameter-recursive",
        &["XML-07"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = "<!DOCTYPE x [<!ENTITY % a '&#37;b;'><!ENTITY % b '&#37;a;'>%a;]>".into();
        })],
    ),
    row(
        "entity-in-id",
        &["XML-08"],
        ASSERTION,
        DOCTYPE,
        &[Bytes(|bytes, world| {
            let id = world.id("assertion");
            let bytes = replace(&bytes, &format!(" ID=\"{id}\""), " ID=\"&idref;\"");
            prepend(&format!("<!DOCTYPE x [<!ENTITY idref \"{id}\">]>"), &bytes)
        })],
    ),
    row(
        "attlist-default",
        &["XML-09"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = "<!DOCTYPE x [<!ATTLIST Signature xmlns CDATA #FIXED \"http://www.w3.org/2000/09/xmldsig#\">]>".into();
        })],
    ),
    row(
        "doctype-mixed-quotes",
        &["XML-10"],
        ASSERTION,
        DOCTYPE,
        &[After(|m, _| {
            m.prolog = "<!DOCTYPE response SYSTEM 'x\"><!--'>".into();
            m.epilog = "<!--\"-->".into();
        })],
    ),
    row(
        "doctype-in-root",
        &["XML-01"],
        ANY,
        DOCTYPE,
        &[Bytes(|bytes, _| inside_root(&bytes, "<!DOCTYPE x>"))],
    ),
    row("doctype-behind-root", &["XML-01"], ANY, DOCTYPE, &[After(|m, _| m.epilog = "<!DOCTYPE x>".into())]),
    row("element-behind-root", &["XML-18"], ANY, NOT_WELL_FORMED, &[After(|m, _| m.epilog = "<r/>".into())]),
    row(
        "second-root-evil",
        &["XML-18"],
        ASSERTION,
        NOT_WELL_FORMED,
        &[After(|m, world| {
            m.prolog = world.evil_assertion().write();
        })],
    ),
    row("text-before-root", &["XML-19"], ANY, NOT_WELL_FORMED, &[After(|m, _| m.prolog = "x".into())]),
    row("text-behind-root", &["XML-19"], ANY, NOT_WELL_FORMED, &[After(|m, _| m.epilog = "x".into())]),
    row(
        "cdata-behind-root",
        &["XML-19"],
        ANY,
        NOT_WELL_FORMED,
        &[After(|m, _| m.epilog = "<![CDATA[ ]]>".into())],
    ),
    row(
        "truncated",
        &["XML-20"],
        ANY,
        NOT_WELL_FORMED,
        &[Bytes(|mut bytes, _| {
            let end = bytes.windows(2).rposition(|pair| pair == b"</").expect("an end tag");
            bytes.truncate(end);
            bytes
        })],
    ),
    row("empty", &["XML-21"], ANY, Refuse("Empty"), &[Bytes(|_, _| Vec::new())]),
    row("white-space-only", &["XML-21"], ANY, Refuse("Empty"), &[Bytes(|_, _| b" \n\t".to_vec())]),
    row(
        "attribute-twice",
        &["XML-22"],
        ANY,
        Refuse("DuplicateAttribute"),
        &[After(|m, _| {
            m.root.attributes.extend([("a".into(), "1".into()), ("a".into(), "2".into())]);
        })],
    ),
    row(
        "attribute-twice-by-namespace",
        &["XML-22"],
        ANY,
        Refuse("DuplicateAttribute"),
        &[After(|m, _| {
            let attributes = [("xmlns:p", "urn:u"), ("xmlns:q", "urn:u"), ("p:x", "1"), ("q:x", "2")];
            m.root.attributes.extend(attributes.map(|(name, value)| (name.into(), value.into())));
        })],
    ),
    row(
        "prefix-unbound-element",
        &["XML-23"],
        ANY,
        Refuse("UnboundPrefix"),
        &[After(|m, _| {
            m.root.children.push(Element::new("nowhere:a").into());
        })],
    ),
    row(
        "prefix-unbound-attribute",
        &["XML-23"],
        ANY,
        Refuse("UnboundPrefix"),
        &[After(|m, _| {
            m.root.set("nowhere:a", "");
        })],
    ),
    row(
        "prefix-undeclared",
        &["XML-24"],
        ANY,
        Refuse("Namespace"),
        &[After(|m, _| m.root.set("xmlns:p", ""))],
    ),
    row(
        "prefix-xml-rebound",
        &["XML-24"],
        ANY,
        Refuse("Namespace"),
        &[After(|m, _| {
            m.root.set("xmlns:xml", "urn:x");
        })],
    ),
    row(
        "prefix-xmlns-bound",
        &["XML-24"],
        ANY,
        Refuse("Namespace"),
        &[After(|m, _| {
            m.root.set("xmlns:xmlns", "http://www.w3.org/2000/xmlns/");
        })],
    ),
    row(
        "default-namespace-xml",
        &["XML-24"],
        ANY,
        Refuse("Namespace"),
        &[After(|m, _| {
            m.root.set("xmlns", "http://www.w3.org/XML/1998/namespace");
        })],
    ),
    row("name-starts-with-digit", &["XML-25"], ANY, Refuse("Name"), &[After(|m, _| child(m, "<1a/>"))]),
    row("name-two-colons", &["XML-25"], ANY, Refuse("Name"), &[After(|m, _| child(m, "<a:b:c/>"))]),
    row("name-empty", &["XML-25"], ANY, Refuse("Name"), &[After(|m, _| child(m, "<></>"))]),
    row("name-with-nul", &["XML-25"], ANY, Refuse("Char"), &[After(|m, _| child(m, "<a\0/>"))]),
    row("char-nul", &["XML-26"], ANY, Refuse("Char"), &[After(|m, _| child(m, "\0"))]),
    row("char-control", &["XML-26"], ANY, Refuse("Char"), &[After(|m, _| child(m, "\u{1}"))]),
    row("char-noncharacter", &["XML-26"], ANY, Refuse("Char"), &[After(|m, _| child(m, "\u{FFFE}"))]),
    row("char-reference-control", &["XML-26"], ANY, Refuse("Char"), &[After(|m, _| child(m, "&#x1;"))]),
    row(
        "char-reference-noncharacter",
        &["XML-26"],
        ANY,
        Refuse("Char"),
        &[After(|m, _| child(m, "&#xFFFF;"))],
    ),
    row("char-reference-surrogate", &["XML-26"], ANY, Refuse("Char"), &[After(|m, _| child(m, "&#xD800;"))]),
    row("less-than-in-attribute", &["XML-27"], ANY, NOT_WELL_FORMED, &[After(|m, _| child(m, "<a b='<'/>"))]),
    row("cdata-end-in-text", &["XML-27"], ANY, NOT_WELL_FORMED, &[After(|m, _| child(m, "]]>"))]),
    row(
        "no-space-between-attributes",
        &["XML-27"],
        ANY,
        NOT_WELL_FORMED,
        &[After(|m, _| child(m, "<a b='1'c='2'/>"))],
    ),
    row("hyphens-in-comment", &["XML-27"], ANY, NOT_WELL_FORMED, &[After(|m, _| child(m, "<!-- -- -->"))]),
    row("entity-undefined", &["XML-44"], ANY, NOT_WELL_FORMED, &[After(|m, _| child(m, "&foo;"))]),
    row("ampersand-bare", &["XML-44"], ANY, NOT_WELL_FORMED, &[After(|m, _| child(m, "a & b"))]),
    row(
        "declaration-not-first",
        &["XML-28"],
        ANY,
        Refuse("XmlDecl"),
        &[After(|m, _| {
            m.prolog = "\n<?xml version=\"1.0\"?>".into();
        })],
    ),
    row(
        "declaration-twice",
        &["XML-28"],
        ANY,
        Refuse("XmlDecl"),
        &[After(|m, _| {
            m.prolog = "<?xml version=\"1.0\"?><?xml version=\"1.0\"?>".into();
        })],
    ),
    row(
        "declaration-version",
        &["XML-28"],
        ANY,
        Refuse("XmlDecl"),
        &[After(|m, _| {
            m.prolog = "<?xml version=\"1.1\"?>".into();
        })],
    ),
    row(
        "declaration-in-root",
        &["XML-28"],
        ANY,
        Refuse("XmlDecl"),
        &[After(|m, _| child(m, "<?xml version='1.0'?>"))],
    ),
    row(
        "declaration-standalone",
        &["XML-28"],
        ANY,
        Refuse("XmlDecl"),
        &[After(|m, _| {
            m.prolog = "<?xml version=\"1.0\" standalone=\"yes\"?>".into();
        })],
    ),
    row("encoding-utf-7", &["XML-29"], ANY, Refuse("Encoding"), &[After(|m, _| declare(m, "UTF-7"))]),
    row(
        "encoding-utf-16-declared",
        &["XML-29"],
        ANY,
        Refuse("Encoding"),
        &[After(|m, _| declare(m, "UTF-16"))],
    ),
    row("encoding-latin-1", &["XML-29"], ANY, Refuse("Encoding"), &[After(|m, _| declare(m, "ISO-8859-1"))]),
    row("encoding-ebcdic", &["XML-29"], ANY, Refuse("Encoding"), &[After(|m, _| declare(m, "ebcdic-us"))]),
    row("encoding-utf-8-declared", &["XML-29"], ANY, Inert, &[After(|m, _| declare(m, "UTF-8"))]),
    row(
        "utf-16-little-endian",
        &["XML-30"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|b, _| utf16(&b, u16::to_le_bytes))],
    ),
    row(
        "utf-16-big-endian",
        &["XML-30"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|b, _| utf16(&b, u16::to_be_bytes))],
    ),
    row(
        "utf-16-with-mark",
        &["XML-30"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|bytes, _| utf16(&[&b"\xEF\xBB\xBF"[..], &bytes].concat(), u16::to_le_bytes))],
    ),
    row(
        "utf-32",
        &["XML-30"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|bytes, _| text(&bytes).chars().flat_map(|c| u32::from(c).to_be_bytes()).collect())],
    ),
    row(
        "utf-8-overlong",
        &["XML-31"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|b, _| octets_inside(&b, &[0xC0, 0xBC]))],
    ),
    row(
        "utf-8-surrogate",
        &["XML-31"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|b, _| octets_inside(&b, &[0xED, 0xA0, 0x80]))],
    ),
    row(
        "utf-8-five-octets",
        &["XML-31"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|b, _| octets_inside(&b, &[0xF8, 0x88, 0x80, 0x80, 0x80]))],
    ),
    row(
        "utf-8-cut-at-end",
        &["XML-31"],
        ANY,
        Refuse("Encoding"),
        &[Bytes(|b, _| [b, vec![0xE3, 0x81]].concat())],
    ),
    row("byte-order-mark", &["XML-32"], ANY, Inert, &[After(|m, _| m.prolog = "\u{FEFF}".into())]),
    row(
        "byte-order-mark-twice",
        &["XML-32"],
        ANY,
        Refuse("Char"),
        &[After(|m, _| m.prolog = "\u{FEFF}\u{FEFF}".into())],
    ),
    row("byte-order-mark-inside", &["XML-32"], ANY, Refuse("Char"), &[After(|m, _| child(m, "\u{FEFF}"))]),
    row(
        "attribute-starts-with-colon",
        &["XML-38"],
        ANY,
        Refuse("Name"),
        &[After(|m, _| child(m, "<a :x=''/>"))],
    ),
    row("element-starts-with-colon", &["XML-38"], ANY, Refuse("Name"), &[After(|m, _| child(m, "<:a/>"))]),
    row(
        "stylesheet",
        &["XML-41"],
        ANY,
        Refuse("Pi"),
        &[After(|m, _| {
            m.prolog = "<?xml-stylesheet href=\"http://127.0.0.1:9/\"?>".into();
        })],
    ),
];

fn child(message: &mut Message, verbatim: &str) {
    message.root.children.push(Node::Verbatim(verbatim.into()));
}

fn declare(message: &mut Message, encoding: &str) {
    message.prolog = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>");
}

fn prepend(head: &str, bytes: &[u8]) -> Vec<u8> {
    [head.as_bytes(), bytes].concat()
}

fn utf16(bytes: &[u8], order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text(bytes).encode_utf16().flat_map(order).collect()
}

fn octets_inside(bytes: &[u8], octets: &[u8]) -> Vec<u8> {
    let at = bytes.iter().position(|byte| *byte == b'>').expect("a start tag") + 1;
    [&bytes[..at], octets, &bytes[at..]].concat()
}
