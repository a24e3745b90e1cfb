//! Random documents in random spelling, from a seed or from the bytes of a fuzzer.
//!
//! The generator knows nothing of any parser: it keeps the rules of XML 1.0 and Namespaces in XML 1.0 by construction.
//! All its decisions come from one tape of small numbers, of which 0 always is the simplest choice; so a shorter or
//! smaller tape is a simpler document, which is how the strategies of proptest shrink.

mod spelling;

use spelling::Spelling;

/// A random document, and which part of it to canonicalise how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The document; well-formed, and namespace-well-formed.
    pub xml: String,
    /// The element to canonicalise, by its place among all elements in document order.
    pub apex: usize,
    /// `InclusiveNamespaces PrefixList`: prefixes that are in scope at the apex.
    pub prefixes: String,
    /// Whether a namespace name is no absolute URI, so that there is no canonical form.
    pub bad_namespace: bool,
}

impl Document {
    /// The document of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Generator::new(Tape::Seed(seed)).document()
    }

    /// The document of these choices; any bytes give one.
    #[must_use]
    pub fn from_choices(choices: &[u8]) -> Self {
        Generator::new(Tape::bytes(choices)).document()
    }

    /// The document of a seed with some octets changed, dropped, doubled or put in: ill-formed in most cases.
    #[must_use]
    pub fn mutated_from_seed(seed: u64) -> Vec<u8> {
        let tape = Tape::Seed(seed ^ 0x6d75_7461_7465);
        mutate(Self::from_seed(seed).xml.into_bytes(), Spelling::new(tape))
    }

    /// The same from choices.
    #[must_use]
    pub fn mutated_from_choices(document: &[u8], edits: &[u8]) -> Vec<u8> {
        mutate(Self::from_choices(document).xml.into_bytes(), Spelling::new(Tape::bytes(edits)))
    }
}

/// Where decisions come from.
#[derive(Clone, Debug)]
enum Tape {
    Seed(u64),
    Bytes(std::vec::IntoIter<u8>),
}

impl Tape {
    fn bytes(choices: &[u8]) -> Self {
        Self::Bytes(Vec::from(choices).into_iter())
    }

    /// A number below `count`; 0 when the tape has ended.
    fn below(&mut self, count: usize) -> usize {
        let number = match self {
            Self::Seed(state) => split_mix(state),
            Self::Bytes(bytes) if count <= 256 => u64::from(bytes.next().unwrap_or_default()),
            Self::Bytes(bytes) => u64::from_be_bytes([0; 8].map(|_: u8| bytes.next().unwrap_or_default())),
        };
        (number % count as u64) as usize
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const PREFIXES: &[&str] = &["", "a", "b", "c-1.x", "é", "_", "港", "x\u{10000}"];
const LOCALS: &[&str] =
    &["a", "b", "Assertion", "e-1.x", "氏名", "\u{20BB7}", "é", "_", "\u{FF21}", "\u{10000}z", "a\u{301}"];
const NAMESPACES: &[&str] = &[
    "urn:a",
    "urn:b",
    "http://example.test/ns?x=1#y",
    "urn:example:%E6%B8%AF",
    "urn:oasis:names:tc:SAML:2.0:assertion",
    "http://example.test/a;b=(c),'d'!*$@~",
];
const BAD_NAMESPACES: &[&str] =
    &["relative/path", "1", "../x", "urn:é", "urn:a b", "#x", "//example.test/x", "urn:a&b", "urn:\"", "港"];

/// Prefix and namespace name.
type Binding = (&'static str, &'static str);

struct Generator {
    spelling: Spelling,
    out: String,
    /// Bindings in scope, the innermost last.
    scope: Vec<Binding>,
    /// Prefixes in scope at each element.
    in_scope: Vec<Vec<&'static str>>,
    /// Elements that may still be made.
    elements: usize,
    bad_namespace: bool,
}

impl Generator {
    fn new(tape: Tape) -> Self {
        Self {
            spelling: Spelling::new(tape),
            out: String::new(),
            scope: Vec::new(),
            in_scope: Vec::new(),
            elements: 0,
            bad_namespace: false,
        }
    }

    fn document(mut self) -> Document {
        self.elements = 1 + self.below(40);
        let prolog = self.spelling.prolog();
        self.out.push_str(&prolog);
        self.element(0);
        let epilog = self.spelling.misc();
        self.out.push_str(&epilog);

        let apex = if self.below(3) == 0 { 0 } else { self.below(self.in_scope.len()) };
        let candidates = self.in_scope[apex].clone();
        let mut prefixes = Vec::new();
        for prefix in candidates {
            if self.below(4) == 1 {
                prefixes.push(if prefix.is_empty() { "#default" } else { prefix });
            }
        }
        Document { xml: self.out, apex, prefixes: prefixes.join(" "), bad_namespace: self.bad_namespace }
    }

    fn element(&mut self, depth: usize) {
        self.elements = self.elements.saturating_sub(1);
        let outer = self.scope.len();
        let declared = self.declarations();
        let bound = self.bound();
        self.in_scope.push(bound.iter().map(|(prefix, _)| *prefix).collect());

        let name = self.qname(&bound, true);
        let attributes = self.attributes(&bound);
        let mut parts: Vec<String> = Vec::new();
        for (prefix, namespace) in declared {
            let colon = if prefix.is_empty() { "" } else { ":" };
            parts.push(self.spelling.attribute(&format!("xmlns{colon}{prefix}"), namespace));
        }
        for name in attributes {
            let value = self.spelling.any_value(&name);
            parts.push(self.spelling.spelled_attribute(&name, &value));
        }
        self.spelling.shuffle(&mut parts);
        self.out.push('<');
        self.out.push_str(&name);
        parts.iter().for_each(|part| self.out.push_str(part));

        let children = if depth < 30 { self.below(6) } else { 0 };
        let space = self.spelling.space(true);
        self.out.push_str(&space);
        if children == 0 && self.below(2) == 1 {
            self.out.push_str("/>");
        } else {
            self.out.push('>');
            for _ in 0..children {
                self.child(depth);
            }
            let space = self.spelling.space(true);
            self.out.push_str(&format!("</{name}{space}>"));
        }
        self.scope.truncate(outer);
    }

    fn child(&mut self, depth: usize) {
        if self.elements > 0 && self.below(5) >= 2 {
            return self.element(depth + 1);
        }
        let piece = self.spelling.content(&self.out);
        self.out.push_str(&piece);
    }

    /// Declares up to three prefixes on this element.
    fn declarations(&mut self) -> Vec<Binding> {
        let mut declared: Vec<Binding> = Vec::new();
        for _ in 0..self.below(4) {
            let prefix = PREFIXES[self.below(PREFIXES.len())];
            if declared.iter().any(|(other, _)| *other == prefix) {
                continue;
            }
            let namespace = match self.below(400) {
                399 => {
                    self.bad_namespace = true;
                    BAD_NAMESPACES[self.below(BAD_NAMESPACES.len())]
                }
                number if prefix.is_empty() && number % 5 == 4 => "",
                number => NAMESPACES[number % NAMESPACES.len()],
            };
            declared.push((prefix, namespace));
        }
        self.scope.extend(&declared);
        declared
    }

    /// What each prefix means here; the absence of a default namespace is no binding.
    fn bound(&self) -> Vec<Binding> {
        let mut bound: Vec<Binding> = Vec::new();
        for (prefix, namespace) in self.scope.iter().rev() {
            if !bound.iter().any(|(other, _)| other == prefix) {
                bound.push((prefix, namespace));
            }
        }
        bound.retain(|(_, namespace)| !namespace.is_empty());
        bound
    }

    fn qname(&mut self, bound: &[Binding], default: bool) -> String {
        let usable: Vec<&str> =
            bound.iter().map(|(prefix, _)| *prefix).filter(|prefix| !prefix.is_empty()).collect();
        let local = LOCALS[self.below(LOCALS.len())];
        match self.below(usable.len() + 1) {
            0 => local.to_owned(),
            _ if !default && self.below(2) == 1 => local.to_owned(),
            number => format!("{}:{local}", usable[number - 1]),
        }
    }

    /// Names of attributes, no two of which have one expanded name.
    fn attributes(&mut self, bound: &[Binding]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut expanded: Vec<(String, String)> = Vec::new();
        for _ in 0..self.below(5) {
            let name = match self.below(8) {
                6 => "xml:lang".to_owned(),
                7 => "xml:space".to_owned(),
                _ => self.qname(bound, false),
            };
            let (prefix, local) = name.split_once(':').unwrap_or(("", &name));
            let namespace = bound.iter().find(|(own, _)| !prefix.is_empty() && *own == prefix);
            let namespace = namespace.map_or(prefix, |(_, namespace)| namespace);
            let key = (namespace.to_owned(), local.to_owned());
            if !expanded.contains(&key) {
                expanded.push(key);
                names.push(name);
            }
        }
        names
    }

    fn below(&mut self, count: usize) -> usize {
        self.spelling.below(count)
    }
}

/// One to four small edits.
fn mutate(mut bytes: Vec<u8>, mut spelling: Spelling) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"<",
        b">",
        b"&",
        b"\"",
        b"'",
        b"]]>",
        b"--",
        b"<!--",
        b"<![CDATA[",
        b"<?x?>",
        b"<!DOCTYPE a>",
        b"&#0;",
        b"&x;",
        b"\0",
        b"\xFF",
        b"\xC0\xBC",
        b"\xED\xA0\x80",
        b"\xEF\xBB\xBF",
        b"\xEF\xBF\xBE",
        b":",
        b"=",
        b"/",
        b" xmlns:a=''",
        b"<?xml version='1.0'?>",
        b"</a>",
        b"<a>",
        b"&#xD800;",
        b"\x0B",
        b" xml:id='x'",
        b"<a:b:c/>",
    ];
    for _ in 0..=spelling.below(4) {
        let at = spelling.below(bytes.len().max(1)).min(bytes.len());
        let end = (at + 1 + spelling.below(20)).min(bytes.len());
        match spelling.below(4) {
            0 => drop(bytes.splice(at..at, PIECES[spelling.below(PIECES.len())].iter().copied())),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << spelling.below(8);
                }
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_document() {
        assert_eq!(Document::from_seed(5), Document::from_seed(5));
        assert_ne!(Document::from_seed(5), Document::from_seed(6));
        assert_eq!(Document::from_choices(&[]).xml, "<a></a>");
    }
}
