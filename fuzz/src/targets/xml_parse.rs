//! What is accepted keeps every rule that the crate promises; what is refused is refused at a place in the
//! input.

use std::collections::BTreeSet;

use chukei_reason::Reason;
use chukei_xml::{Budget, Document, Element, Limits, Node, XmlError, ns};

use crate::{source::STANDARD, work};

/// So tight that small inputs reach each of them.
const TIGHT: Limits = Limits {
    bytes: 1 << 20,
    depth: 6,
    nodes: 48,
    attributes: 4,
    namespaces: 3,
    name: 12,
    namespace: 88,
    value: 96,
    text: 32,
    canonical: 1 << 12,
    references: 2,
    operations: 2,
};

/// Runs the target.
pub fn run(data: &[u8]) {
    let (wide, wide_budget) = parse(data, Limits::message());
    let (tight, tight_budget) = parse(data, TIGHT);
    match (&wide, &tight) {
        (Ok(wide), Ok(tight)) => assert!(wide == tight, "limits change no content"),
        (Ok(_), Err(error)) => assert!(matches!(error.reason(), Reason::Limit(_)), "{error}"),
        (Err(error), Ok(_)) => panic!("accepted under tighter limits: {error}"),
        (Err(_), Err(_)) => {}
    }
    for (outcome, budget) in [(&wide, &wide_budget), (&tight, &tight_budget)] {
        match outcome {
            Ok(document) => {
                check_counters(document, data, budget);
                check_limits(document, budget.limits());
            }
            Err(error) => check_error(error, data),
        }
    }
    if let Ok(document) = &wide {
        check_tree(document, data);
        check_bytes(data);
    }
}

fn parse(data: &[u8], limits: Limits) -> (Result<Document, XmlError>, Budget) {
    let mut budget = Budget::new(limits);
    let (outcome, allocated) = work::of(|| Document::parse_within(data, &mut budget));
    assert!(allocated <= 96 * (data.len() + 512), "{allocated} octets of memory for {}", data.len());
    let spent = budget.spent();
    assert!(spent.steps <= 64 * (data.len() as u64 + 64), "{} steps for {}", spent.steps, data.len());
    (outcome, budget)
}

fn check_counters(document: &Document, data: &[u8], budget: &Budget) {
    let all = |element: Element<'_>| {
        let texts = element.nodes().filter(|node| matches!(node, Node::Text(_))).count();
        1 + texts + element.attributes().count() + element.own_declarations().count()
    };
    let nodes: usize = document.root().descendants().map(all).sum();
    let spent = budget.spent();
    assert_eq!((spent.bytes, spent.nodes, spent.operations), (data.len(), nodes, 0));
    assert!(spent.nodes <= budget.limits().nodes && spent.bytes <= budget.limits().bytes);
}

fn check_limits(document: &Document, limits: &Limits) {
    let (mut prefixes, mut namespaces) = (BTreeSet::new(), BTreeSet::new());
    for element in document.root().descendants() {
        let depth = std::iter::successors(Some(element), |e| e.parent()).count();
        assert!(depth <= limits.depth);
        assert!(element.attributes().count() + element.own_declarations().count() <= limits.attributes);
        assert!(element.qualified().len() <= limits.name);
        assert!(
            element
                .attributes()
                .all(|a| { a.qualified().len() <= limits.name && a.value().len() <= limits.value })
        );
        assert!(element.nodes().all(|node| !matches!(node, Node::Text(t) if t.len() > limits.text)));
        for (prefix, namespace) in element.own_declarations() {
            assert!(namespace.len() <= limits.namespace);
            prefixes.extend((!matches!(prefix, "" | "xml")).then_some(prefix));
            namespaces.extend((!STANDARD.iter().any(|known| known.uri() == namespace)).then_some(namespace));
        }
    }
    assert!(prefixes.len() <= limits.namespaces && namespaces.len() <= limits.namespaces);
}

/// What any reader may rely on.
fn check_tree(document: &Document, data: &[u8]) {
    let mut ids = BTreeSet::new();
    for (index, element) in document.root().descendants().enumerate() {
        check_name(element.qualified(), element.local());
        let mut names = BTreeSet::new();
        for attribute in element.attributes() {
            check_name(attribute.qualified(), attribute.local());
            assert!(attribute.value().chars().all(is_allowed));
            assert!(names.insert((attribute.namespace(), attribute.local())), "each attribute once");
            assert!(!(attribute.qualified().contains(':') && attribute.namespace().is_empty()));
            let reserved = attribute.namespace() == ns::XML.uri();
            assert!(!reserved || matches!(attribute.local(), "lang" | "space"));
            let is_id = match attribute.namespace() {
                "" => matches!(attribute.local(), "ID" | "Id" | "id" | "AssertionID"),
                other => other == ns::WSU.uri() && attribute.local() == "Id",
            };
            if is_id {
                assert!(ids.insert(attribute.value()), "each identifier once");
                assert_eq!(document.by_id(attribute.value()).map(Element::id), Some(element.id()));
            }
        }
        for (prefix, namespace) in element.own_declarations() {
            assert!(prefix != "xmlns" && namespace != ns::XMLNS.uri());
            assert_eq!(prefix == "xml", namespace == ns::XML.uri());
            assert!(
                namespace.split_once(':').is_some_and(|(_, rest)| !rest.is_empty()) || namespace.is_empty()
            );
            assert!(!namespace.is_empty() || prefix.is_empty());
        }
        let mut after_text = false;
        for node in element.nodes() {
            let text = match node {
                Node::Text(text) => text,
                Node::Element(child) => {
                    assert_eq!(child.parent().map(Element::id), Some(element.id()));
                    after_text = false;
                    continue;
                }
            };
            assert!(
                !text.is_empty() && text.chars().all(is_allowed) && !after_text,
                "one text between two tags"
            );
            after_text = true;
        }
        if index < 16 {
            let position = element.position();
            let source = &data[position.span.clone()];
            assert!(source.starts_with(b"<") && source.ends_with(b">"), "the place of an element");
            let name = element.qualified().as_bytes();
            assert!(source[1..].starts_with(name));
            check_position(position.line, position.column, position.span.start, data);
        }
    }
}

fn check_name(qualified: &str, local: &str) {
    assert!(qualified.ends_with(local) && !local.is_empty() && !local.contains(':'));
    assert!(qualified.matches(':').count() <= 1 && !qualified.starts_with(':'));
    let bad = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-._:".contains(c);
    assert!(!qualified.contains(bad), "{qualified:?}");
    assert!(!local.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.'));
}

/// XML 1.0 §2.2, production 2, written as the standard has it; a byte order mark is none in content.
fn is_allowed(c: char) -> bool {
    let allowed =
        matches!(u32::from(c), 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x10000..=0x10FFFF);
    allowed && c != '\u{FEFF}'
}

/// What can be seen in the bytes without reading them: no declaration but at the start, no document type.
fn check_bytes(data: &[u8]) {
    let text = std::str::from_utf8(data).expect("UTF-8");
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if !text.contains("<!--") && !text.contains("<![CDATA[") {
        assert!(!text.contains("<!"), "neither document type nor entity");
        assert!(!text.contains("]]>") || text.contains(['"', '\'']), "`]]>` in text");
        let after = text.strip_prefix("<?xml").map_or(text, |rest| rest.split_once("?>").expect("an end").1);
        assert!(!after.contains("<?"), "no processing instruction");
        assert!(text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('<'));
        assert!(text.trim_end_matches([' ', '\t', '\r', '\n']).ends_with('>'));
    }
}

fn check_error(error: &XmlError, data: &[u8]) {
    let position = error.position();
    assert!(position.span.start <= position.span.end && position.span.end <= data.len(), "{error}");
    assert!(!error.expected().is_empty());
    check_position(position.line, position.column, position.span.start, data);
}

/// Lines end at LF, CR LF and CR; columns count characters.
fn check_position(line: usize, column: usize, at: usize, data: &[u8]) {
    let mark = if data.starts_with(b"\xEF\xBB\xBF") { at.min(3) } else { 0 };
    let (mut lines, mut columns) = (1, 1);
    for (index, byte) in data.iter().enumerate().take(at).skip(mark) {
        match byte {
            b'\r' if data.get(index + 1) == Some(&b'\n') && index + 1 < at => {}
            b'\r' | b'\n' => (lines, columns) = (lines + 1, 1),
            0x80..=0xBF => {}
            _ => columns += 1,
        }
    }
    assert_eq!((line, column), (lines, columns), "line and column of octet {at}");
}
