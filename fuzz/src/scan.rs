//! A second reader of canonical XML, which knows nothing of the product's.
//!
//! It reads the output of Exclusive XML Canonicalization 1.0 and nothing else: whatever has no place in it, a
//! reference that should be a character, a declaration out of order or without need, stops the fuzzer.

use std::collections::BTreeMap;

use chukei_xml::{Element, Node};

/// What a reader of a document sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Namespace and local part of the name, and the same of each attribute with its value, in canonical
    /// order.
    Start(String, String, Vec<(String, String, String)>),
    /// Text between two tags.
    Text(String),
    /// An end tag.
    End,
}

/// What may differ from the plain exclusive form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'f> {
    /// `InclusiveNamespaces PrefixList`.
    pub prefixes: &'f str,
    /// `xmlns=""` on the apex, as the STR Dereference Transform writes it.
    pub apex_default: bool,
}

/// What the product's readers see of an element.
#[must_use]
pub fn view(element: Element<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = vec![Some(Node::Element(element))];
    while let Some(step) = rest.pop() {
        match step {
            None => events.push(Event::End),
            Some(Node::Text(text)) => events.push(Event::Text(text.to_owned())),
            Some(Node::Element(element)) => {
                let attributes = element
                    .attributes()
                    .map(|a| (a.namespace().to_owned(), a.local().to_owned(), a.value().to_owned()));
                let (namespace, local) = (element.namespace().to_owned(), element.local().to_owned());
                events.push(Event::Start(namespace, local, attributes.collect()));
                rest.push(None);
                let from = rest.len();
                rest.extend(element.nodes().map(Some));
                rest[from..].reverse();
            }
        }
    }
    join(events)
}

/// What canonical octets say.
///
/// # Panics
/// When they are not canonical.
#[must_use]
pub fn canonical(octets: &[u8], form: Form<'_>) -> Vec<Event> {
    let text = std::str::from_utf8(octets).expect("UTF-8");
    let mut scanner = Scanner { rest: text, form, open: Vec::new(), events: Vec::new() };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    assert!(scanner.open.is_empty(), "every element ends");
    join(scanner.events)
}

/// Text of the first child of the apex that has this name.
#[must_use]
pub fn child_text<'e>(events: &'e [Event], namespace: &str, local: &str) -> Option<&'e str> {
    let mut depth = 0;
    for (index, event) in events.iter().enumerate() {
        match event {
            Event::Start(n, l, _) if depth == 1 && n == namespace && l == local => {
                return match events.get(index + 1)? {
                    Event::Text(text) => Some(text),
                    _ => Some(""),
                };
            }
            Event::Start(..) => depth += 1,
            Event::End => depth -= 1,
            Event::Text(_) => {}
        }
    }
    None
}

/// Where a subtree is left out, the texts around it are one text to a reader of the octets.
fn join(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::with_capacity(events.len());
    for event in events {
        match (joined.last_mut(), event) {
            (Some(Event::Text(before)), Event::Text(text)) => before.push_str(&text),
            (_, event) => joined.push(event),
        }
    }
    joined
}

struct Scanner<'t> {
    rest: &'t str,
    form: Form<'t>,
    open: Vec<Open<'t>>,
    events: Vec<Event>,
}

struct Open<'t> {
    name: &'t str,
    bindings: BTreeMap<&'t str, String>,
}

impl<'t> Scanner<'t> {
    fn step(&mut self) {
        if let Some(rest) = self.rest.strip_prefix("</") {
            let (name, rest) = rest.split_once('>').expect("an end tag");
            assert_eq!(
                self.open.pop().expect("an open element").name,
                name,
                "the end tag of the open element"
            );
            self.rest = rest;
            self.events.push(Event::End);
        } else if let Some(rest) = self.rest.strip_prefix('<') {
            self.start_tag(rest);
        } else {
            assert!(!self.open.is_empty(), "no text outside the apex");
            let end = self.rest.find('<').expect("text ends at a tag");
            let (raw, rest) = self.rest.split_at(end);
            assert!(!raw.contains(['>', '\r']), "`>` and CR are references in text");
            self.rest = rest;
            self.events.push(Event::Text(decode(raw, &["amp", "lt", "gt", "#xD"])));
        }
    }

    fn start_tag(&mut self, after: &'t str) {
        assert!(!self.open.is_empty() || self.events.is_empty(), "one apex");
        let end = after.find([' ', '>']).expect("a name ends");
        let (name, mut rest) = after.split_at(end);
        let (mut declared, mut attributes) = (Vec::new(), Vec::new());
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (name, value) = attribute.split_once("=\"").expect("`=\"` after a name");
            let (raw, after) = value.split_once('"').expect("a closing quote");
            assert!(!name.is_empty() && !name.contains(char::is_whitespace), "one space before a name");
            assert!(!raw.contains(['<', '\t', '\n', '\r']), "references in values");
            let value = decode(raw, &["amp", "lt", "quot", "#x9", "#xA", "#xD"]);
            let prefix = if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") };
            match prefix {
                Some(prefix) => {
                    assert!(attributes.is_empty(), "declarations before attributes");
                    declared.push((prefix, value));
                }
                None => attributes.push((name, value)),
            }
            rest = after;
        }
        self.rest = rest.strip_prefix('>').expect("`>` after the last value");
        self.enter(name, declared, attributes);
    }

    /// Exclusive XML Canonicalization 1.0 §3 and Canonical XML 1.0 §2.2.
    fn enter(&mut self, name: &'t str, declared: Vec<(&'t str, String)>, attributes: Vec<(&'t str, String)>) {
        assert!(declared.is_sorted_by(|a, b| a.0 < b.0), "declarations are sorted, none twice");
        let outer = self.open.last().map(|open| open.bindings.clone()).unwrap_or_default();
        let mut bindings = outer.clone();
        bindings.extend(declared.iter().cloned());
        let used = |prefix: &str| {
            split(name).0 == prefix
                || (!prefix.is_empty() && attributes.iter().any(|(name, _)| split(name).0 == prefix))
        };
        for (prefix, namespace) in &declared {
            let listed = if prefix.is_empty() { "#default" } else { prefix };
            let listed = self.form.prefixes.split_ascii_whitespace().any(|own| own == listed);
            let forced = self.form.apex_default && self.open.is_empty() && prefix.is_empty();
            assert!(used(prefix) || listed || forced, "a declaration of {prefix} that nothing uses");
            let before = outer.get(prefix).map_or("", String::as_str);
            assert!(before != namespace || forced, "a declaration of {prefix} that an ancestor has made");
            assert!(!namespace.is_empty() || prefix.is_empty(), "a prefix without namespace");
        }
        let resolve = |prefix: &str| match prefix {
            "xml" => "http://www.w3.org/XML/1998/namespace".to_owned(),
            "" => bindings.get("").cloned().unwrap_or_default(),
            prefix => bindings.get(prefix).cloned().expect("every used prefix is declared"),
        };
        let read: Vec<_> = attributes
            .into_iter()
            .map(|(name, value)| match split(name) {
                ("", local) => (String::new(), local.to_owned(), value),
                (prefix, local) => (resolve(prefix), local.to_owned(), value),
            })
            .collect();
        assert!(read.is_sorted_by(|a, b| (&a.0, &a.1) < (&b.0, &b.1)), "attributes are sorted, none twice");
        let (prefix, local) = split(name);
        self.events.push(Event::Start(resolve(prefix), local.to_owned(), read));
        self.open.push(Open { name, bindings });
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// Replaces references; only these may stand.
fn decode(raw: &str, allowed: &[&str]) -> String {
    let mut pieces = raw.split('&');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once(';').expect("`;` after a reference");
        assert!(allowed.contains(&name), "&{name}; has no place here");
        text.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#x9" => '\t',
            "#xA" => '\n',
            _ => '\r',
        });
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn canonical_octets_are_read_and_others_refused() {
        let good = "<p:a xmlns:p=\"urn:p\" x=\"&#xA;\" p:x=\"\"><b>t&gt;</b>\n</p:a>";
        let events = canonical(good.as_bytes(), Form::default());
        assert_eq!(child_text(&events, "", "b"), Some("t>"));
        assert_eq!(events, view(chukei_xml::Document::parse(good).unwrap().root()));
        for bad in [
            good.replace("&gt;", ">"),
            good.replace("&#xA;", "\n"),
            good.replace(" x=", "  x="),
            good.replace("xmlns:p", "xmlns:q"),
            good.replace("<b>", "<b xmlns:p=\"urn:p\">"),
            good.replace("<b>", "<b xmlns=\"\">"),
            good.replace("</b>", ""),
            good.replace("x=\"&#xA;\" p:x=\"\"", "p:x=\"\" x=\"&#xA;\""),
            format!("{good}<c></c>"),
        ] {
            assert!(catch_unwind(|| canonical(bad.as_bytes(), Form::default())).is_err(), "{bad}");
        }
    }
}
