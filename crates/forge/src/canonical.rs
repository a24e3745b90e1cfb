//! Canonical forms of raw trees, written from the standards a second time and on their own.
//!
//! Signing what no parser of ours would read (equal identifiers, comments, reserved attributes) needs its canonical
//! bytes, and a mistake in the product's canonicaliser must not be signed by the tests as well. For documents that the
//! product reads, tests hold both forms against each other.
//!
//! Exclusive XML Canonicalization 1.0 §3; Canonical XML 1.0 §2.3, with the inheritance of `xml:` attributes of its §2.4.

use std::collections::BTreeMap;

use crate::{
    path::Location,
    raw::{Element, Node},
};

/// Which canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Exclusive canonicalisation; else Canonical XML 1.0.
    pub exclusive: bool,
    /// With comments.
    pub comments: bool,
    /// `InclusiveNamespaces PrefixList`, separated by spaces.
    pub prefixes: String,
    /// `xmlns=""` on an apex without default namespace (WSS SOAP Message Security 1.1 §8.3).
    pub apex_default: bool,
}

impl Default for Form {
    /// Exclusive, without comments, without prefix list.
    fn default() -> Self {
        Self { exclusive: true, comments: false, prefixes: String::new(), apex_default: false }
    }
}

/// Prefix → namespace name.
type Bindings = BTreeMap<String, String>;

impl Form {
    /// Canonical bytes of the element at `apex`, leaving out the subtree at `omitted`.
    ///
    /// Names with undeclared prefixes are written as they are, and so is [`Node::Verbatim`].
    #[must_use]
    pub fn octets(&self, root: &Element, apex: &[usize], omitted: Option<&[usize]>) -> Vec<u8> {
        let (mut scope, mut inherited) = (Bindings::new(), BTreeMap::new());
        for depth in 0..apex.len() {
            let ancestor = root.at(&apex[..depth]);
            scope = bind(&scope, ancestor);
            let reserved = ancestor.attributes.iter().filter(|(name, _)| name.starts_with("xml:"));
            inherited.extend(reserved.cloned());
        }
        let mut writer = Writer { form: self, root, apex, omitted, inherited, out: String::new() };
        writer.element(apex.to_vec(), &scope, &Bindings::new());
        writer.out.into_bytes()
    }
}

struct Writer<'r> {
    form: &'r Form,
    root: &'r Element,
    apex: &'r [usize],
    omitted: Option<&'r [usize]>,
    inherited: BTreeMap<String, String>,
    out: String,
}

impl Writer<'_> {
    fn element(&mut self, location: Location, scope: &Bindings, rendered: &Bindings) {
        let element = self.root.at(&location);
        let is_apex = location == self.apex;
        let scope = bind(scope, element);
        let mut rendered = rendered.clone();
        self.out.push('<');
        self.out.push_str(&element.name);
        let mut wanted = self.wanted(element, &scope);
        let forced = is_apex && self.form.apex_default;
        if forced {
            wanted.entry(String::new()).or_default();
        }
        for (prefix, namespace) in wanted {
            let old = rendered.get(&prefix).map(String::as_str).unwrap_or_default();
            if old != namespace || (forced && prefix.is_empty()) {
                let colon = if prefix.is_empty() { "" } else { ":" };
                self.attribute(&format!("xmlns{colon}{prefix}"), &namespace);
            }
            rendered.insert(prefix, namespace);
        }
        for (name, value) in self.attributes(element, is_apex, &scope) {
            self.attribute(&name, &value);
        }
        self.out.push('>');
        for (index, node) in element.children.iter().enumerate() {
            let place = [location.as_slice(), &[index]].concat();
            match node {
                _ if self.omitted == Some(&place) => {}
                Node::Element(_) => self.element(place, &scope, &rendered),
                Node::Text(text) | Node::Cdata(text) => self.text(text),
                Node::Comment(text) if self.form.comments => self.out.push_str(&format!("<!--{text}-->")),
                Node::Comment(_) => {}
                Node::Pi(text) => self.out.push_str(&format!("<?{text}?>")),
                Node::Verbatim(text) => self.out.push_str(text),
            }
        }
        self.out.push_str(&format!("</{}>", element.name));
    }

    /// What has to be declared here, unless an output ancestor has declared the same; sorted by prefix.
    fn wanted(&self, element: &Element, scope: &Bindings) -> Bindings {
        let listed: Vec<&str> = self.form.prefixes.split_ascii_whitespace().collect();
        let is_listed = |prefix: &str| listed.contains(&if prefix.is_empty() { "#default" } else { prefix });
        let uses = |prefix: &str| {
            prefix_of(&element.name) == prefix
                || (!prefix.is_empty() && attributes(element).any(|(name, _)| prefix_of(name) == prefix))
        };
        let mut wanted = scope.clone();
        wanted.entry(String::new()).or_default();
        wanted.retain(|prefix, _| {
            prefix != "xml" && (!self.form.exclusive || uses(prefix) || is_listed(prefix))
        });
        wanted
    }

    /// Attributes in canonical order: by namespace name, then local part.
    fn attributes(&self, element: &Element, is_apex: bool, scope: &Bindings) -> Vec<(String, String)> {
        let mut sorted: Vec<(String, String)> = attributes(element).cloned().collect();
        if is_apex && !self.form.exclusive {
            let missing = self.inherited.iter().filter(|(name, _)| element.value(name).is_none());
            sorted.extend(missing.map(|(name, value)| (name.clone(), value.clone())));
        }
        let key = |name: &str| match name.split_once(':') {
            Some(("xml", local)) => ("http://www.w3.org/XML/1998/namespace".to_owned(), local.to_owned()),
            Some((prefix, local)) => (scope.get(prefix).cloned().unwrap_or_default(), local.to_owned()),
            None => (String::new(), name.to_owned()),
        };
        sorted.sort_by_cached_key(|(name, _)| key(name));
        sorted
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let value = value.replace('\t', "&#x9;").replace('\n', "&#xA;").replace('\r', "&#xD;");
        self.out.push_str(&format!(" {name}=\"{value}\""));
    }

    fn text(&mut self, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.out.push_str(&text.replace('\r', "&#xD;"));
    }
}

fn attributes(element: &Element) -> impl Iterator<Item = &(String, String)> {
    element.attributes.iter().filter(|(name, _)| declared_prefix(name).is_none())
}

fn bind(scope: &Bindings, element: &Element) -> Bindings {
    let mut scope = scope.clone();
    for (name, value) in &element.attributes {
        if let Some(prefix) = declared_prefix(name) {
            scope.insert(prefix.to_owned(), value.clone());
        }
    }
    scope
}

/// The prefix that an attribute of this name declares, empty for the default namespace.
pub(crate) fn declared_prefix(name: &str) -> Option<&str> {
    if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") }
}

pub(crate) fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::parse;

    fn form(form: Form, xml: &str, path: &str) -> String {
        let root = parse(xml).unwrap();
        String::from_utf8(form.octets(&root, &root.locate(path).unwrap(), None)).unwrap()
    }

    const XML: &str = "<a xmlns='urn:d' xmlns:p='urn:p' xmlns:q='urn:q' xml:lang='ja'>\
                       <p:b q:z='1' y='&#10;' p:y='2'><c xmlns=''>&#13;&gt;</c></p:b></a>";

    #[test]
    fn exclusive_and_inclusive() {
        let b = "q:z=\"1\"><c>&#xD;&gt;</c></p:b>";
        assert_eq!(
            form(Form::default(), XML, "p:b"),
            format!("<p:b xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" y=\"&#xA;\" p:y=\"2\" {b}")
        );
        let inclusive = Form { exclusive: false, ..Form::default() };
        assert_eq!(
            form(inclusive, XML, "p:b"),
            "<p:b xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\" y=\"&#xA;\" xml:lang=\"ja\" p:y=\"2\" \
             q:z=\"1\"><c xmlns=\"\">&#xD;&gt;</c></p:b>"
        );
    }

    #[test]
    fn prefix_lists_and_the_form_of_tokens() {
        let listed = Form { prefixes: "#default q".into(), ..Form::default() };
        assert_eq!(
            form(listed, "<a xmlns='urn:d' xmlns:q='urn:q'><p:b xmlns:p='urn:p'/></a>", "*"),
            "<p:b xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"></p:b>"
        );
        let token = Form { apex_default: true, ..Form::default() };
        let xml = "<a xmlns='urn:d'><p:b xmlns:p='urn:p'><c><p:e/></c></p:b><d/></a>";
        assert_eq!(
            form(token.clone(), xml, "*"),
            "<p:b xmlns=\"\" xmlns:p=\"urn:p\"><c xmlns=\"urn:d\"><p:e></p:e></c></p:b>"
        );
        assert_eq!(form(token, xml, "d"), "<d xmlns=\"urn:d\"></d>");
    }
}
