//! Trees that may say anything: names, prefixes and declarations are plain strings, and nothing is checked.
//!
//! An [`Element`] is what stands in the bytes. A declaration is an attribute called `xmlns` or `xmlns:p`, a prefix is
//! part of a name, and [`Node::Verbatim`] is written as it is, so that anything ill-formed can be said too. Parts are
//! found by paths over names as they are spelled (`saml:Subject/saml:NameID`); see [`crate::path`].

use std::fmt::Write;

use chukei_xml::{Document, Namespace, XmlError};

/// An element as it is spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Name with its prefix.
    pub name: String,
    /// Names with their prefixes, and values before escaping. Declarations are among them.
    pub attributes: Vec<(String, String)>,
    /// Content.
    pub children: Vec<Node>,
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, escaped when it is written.
    Text(String),
    /// A CDATA section.
    Cdata(String),
    /// A comment, without its delimiters.
    Comment(String),
    /// A processing instruction, without its delimiters.
    Pi(String),
    /// Written as it is.
    Verbatim(String),
}

/// A whole message: what stands before the root element, the root, and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Written as it is before the root: an XML declaration, a document type, a comment.
    pub prolog: String,
    /// The root element.
    pub root: Element,
    /// Written as it is behind the root.
    pub epilog: String,
}

impl Element {
    /// An element of this name, without attributes and content.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), attributes: Vec::new(), children: Vec::new() }
    }

    /// An element that declares its namespace with the usual prefix.
    #[must_use]
    pub fn declared(namespace: Namespace, local: &str) -> Self {
        Self::new(&format!("{}:{local}", namespace.prefix())).declare(namespace)
    }

    /// Declares a namespace with its usual prefix.
    #[must_use]
    pub fn declare(self, namespace: Namespace) -> Self {
        self.attribute(&format!("xmlns:{}", namespace.prefix()), namespace.uri())
    }

    /// Adds an attribute behind the others.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a piece of content behind the others.
    #[must_use]
    pub fn child(mut self, node: impl Into<Node>) -> Self {
        self.children.push(node.into());
        self
    }

    /// Adds pieces of content behind the others.
    #[must_use]
    pub fn children<N: Into<Node>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.children.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// Adds text behind the other content.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.child(Node::Text(text.to_owned()))
    }

    /// Value of the first attribute of this name as spelled.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Sets the first attribute of this name, or adds one.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.attributes.iter_mut().find(|(own, _)| own == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.attributes.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Takes every attribute of this name away.
    pub fn unset(&mut self, name: &str) {
        self.attributes.retain(|(own, _)| own != name);
    }

    /// Texts and CDATA sections among the children, joined.
    #[must_use]
    pub fn content(&self) -> String {
        let texts = self.children.iter().filter_map(|node| match node {
            Node::Text(text) | Node::Cdata(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Puts one text in the place of all content.
    pub fn set_content(&mut self, text: &str) {
        self.children = vec![Node::Text(text.to_owned())];
    }

    /// Child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(Node::as_element)
    }

    /// This element and all elements inside, in document order.
    #[must_use]
    pub fn descendants(&self) -> Vec<&Element> {
        let mut found = vec![self];
        found.extend(self.elements().flat_map(Element::descendants));
        found
    }

    /// Calls `change` on this element and all elements inside, in document order.
    pub fn each_mut(&mut self, change: &mut impl FnMut(&mut Element)) {
        change(self);
        for child in self.children.iter_mut().filter_map(Node::as_element_mut) {
            child.each_mut(change);
        }
    }

    /// Value of the identifier attribute, whichever of the five usual ones it is.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        ["ID", "wsu:Id", "Id", "id", "AssertionID"].iter().find_map(|name| self.value(name))
    }

    /// The element as it stands in the bytes.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = String::new();
        self.write_to(&mut text);
        text
    }

    fn write_to(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"{}\"", escape(value, true));
        }
        out.push('>');
        self.children.iter().for_each(|node| node.write_to(out));
        let _ = write!(out, "</{}>", self.name);
    }
}

impl Node {
    /// The element, if it is one.
    #[must_use]
    pub fn as_element(&self) -> Option<&Element> {
        match self {
            Self::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The element, if it is one.
    pub fn as_element_mut(&mut self) -> Option<&mut Element> {
        match self {
            Self::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The node as it stands in the bytes.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = String::new();
        self.write_to(&mut text);
        text
    }

    fn write_to(&self, out: &mut String) {
        let _ = match self {
            Self::Element(element) => {
                element.write_to(out);
                Ok(())
            }
            Self::Text(text) => write!(out, "{}", escape(text, false)),
            Self::Cdata(text) => write!(out, "<![CDATA[{text}]]>"),
            Self::Comment(text) => write!(out, "<!--{text}-->"),
            Self::Pi(text) => write!(out, "<?{text}?>"),
            Self::Verbatim(text) => write!(out, "{text}"),
        };
    }
}

impl Message {
    /// A message of nothing but its root.
    #[must_use]
    pub fn new(root: Element) -> Self {
        Self { prolog: String::new(), root, epilog: String::new() }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        format!("{}{}{}", self.prolog, self.root.write(), self.epilog).into_bytes()
    }
}

impl From<Element> for Node {
    fn from(element: Element) -> Self {
        Self::Element(element)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Element> for Message {
    fn from(root: Element) -> Self {
        Self::new(root)
    }
}

/// Reads a well-formed document. Prefixes and declarations stay; on each element the declarations come first and
/// attributes stand in canonical order. Comments and CDATA sections become part of the text.
///
/// # Errors
/// As [`Document::parse`].
pub fn parse(xml: &str) -> Result<Element, XmlError> {
    Ok(read(Document::parse(xml)?.root()))
}

fn read(element: chukei_xml::Element<'_>) -> Element {
    let mut copy = Element::new(element.qualified());
    for (prefix, namespace) in element.own_declarations() {
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        copy.attributes.push((name, namespace.to_owned()));
    }
    for attribute in element.attributes() {
        copy.attributes.push((attribute.qualified().to_owned(), attribute.value().to_owned()));
    }
    copy.children(element.nodes().map(|node| match node {
        chukei_xml::Node::Element(element) => Node::Element(read(element)),
        chukei_xml::Node::Text(text) => Node::Text(text.to_owned()),
    }))
}

/// Escapes what a parser would not give back as it is.
#[must_use]
pub fn escape(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !in_attribute => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\t' if in_attribute => out.push_str("&#x9;"),
            '\n' if in_attribute => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_gives_back_what_was_written() {
        let element = Element::new("a:b")
            .attribute("xmlns:a", "urn:a")
            .attribute("x", "1 < \"2\" & \t\n\r>")
            .child(Element::new("c").attribute("xmlns", "urn:c").text("港 ]]> & \r\n < >"))
            .text("tail");
        assert_eq!(parse(&element.write()).unwrap(), element);
        assert_eq!(parse(&parse(&element.write()).unwrap().write()).unwrap(), element);
    }

    #[test]
    fn anything_can_be_said() {
        let nodes = [
            Node::Cdata("<&".into()),
            Node::Comment("c".into()),
            Node::Pi("p d".into()),
            Node::Verbatim("<a".into()),
            Node::Text("<".into()),
        ];
        let element = Element::new("1:2:3").attribute("a", "").attribute("a", "").children(nodes);
        assert_eq!(element.write(), "<1:2:3 a=\"\" a=\"\"><![CDATA[<&]]><!--c--><?p d?><a&lt;</1:2:3>");
        // Positive case: the same without what is ill-formed parses.
        assert!(parse(&element.write()).is_err());
        assert!(
            parse(&Element::new("a").attribute("a", "").children([Node::Cdata("<&".into())]).write()).is_ok()
        );
    }
}
