//! Making documents. The same builder that parses checks what is written.

use chukei_reason::Reason;

use crate::{
    budget::{Budget, Limits},
    build::{Builder, Failure, Outcome},
    chars,
    document::{Document, NodeId, QName, Slice, offset},
    element::{Element, Node},
    error::XmlError,
    input::{Input, forbidden_char},
    name::{Name, Namespace},
};

/// Builds a [`Document`], declaring each namespace on the first element that uses it, with its usual prefix.
///
/// The first mistake is kept and comes out of [`Writer::finish`], so that building needs no error handling.
///
/// ```
/// # use chukei_xml::{Writer, ns};
/// let document = Writer::build(|w| {
///     w.open(ns::SAML.name("NameID")).attribute("Format", "urn:x").text("港いろは１２３４").close();
/// })?;
/// let expected = r#"<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Format="urn:x">港いろは１２３４</saml:NameID>"#;
/// assert_eq!(document.write(), expected.as_bytes());
/// # Ok::<(), chukei_xml::XmlError>(())
/// ```
pub struct Writer<'b> {
    builder: Builder<'static, 'b>,
    /// Name of the start tag that still takes attributes.
    pending: Option<QName>,
    failure: Option<Failure>,
}

impl Writer<'_> {
    /// Builds one document.
    ///
    /// # Errors
    /// The first rule that the calls broke: `Char`, `Name`, `DuplicateAttribute`, `DuplicateId`, `NotWellFormed`
    /// (unbalanced), limits.
    pub fn build(content: impl FnOnce(&mut Writer<'_>)) -> Result<Document, XmlError> {
        let mut budget = Budget::new(Limits::message());
        let mut writer = Writer { builder: Builder::new("", &mut budget), pending: None, failure: None };
        content(&mut writer);
        writer.settle();
        let input = Input::default();
        let tree = match writer.failure {
            Some(failure) => Err(failure),
            None => writer.builder.finish(),
        };
        tree.map(|tree| Document { input: Input::default(), tree }).map_err(|failure| failure.at(&input))
    }

    /// Opens an element.
    pub fn open(&mut self, name: Name) -> &mut Self {
        self.open_as(name.namespace.prefix(), name.namespace.uri(), name.local)
    }

    /// Opens an element and gives its place.
    pub fn open_at(&mut self, name: Name) -> NodeId {
        self.open(name);
        NodeId(offset(self.builder.tree.nodes.len()))
    }

    /// Opens an element with a prefix of one's own choice.
    pub fn open_as(&mut self, prefix: &str, namespace: &str, local: &str) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            this.builder.begin(0..0)?;
            let name = this.qname(prefix, local)?;
            this.bind(prefix, namespace)?;
            this.pending = Some(name);
            Ok(())
        })
    }

    /// Adds an attribute in no namespace to the element just opened.
    pub fn attribute(&mut self, local: &str, value: &str) -> &mut Self {
        self.attribute_as("", "", local, value)
    }

    /// Adds an attribute in a namespace.
    pub fn attribute_in(&mut self, name: Name, value: &str) -> &mut Self {
        self.attribute_as(name.namespace.prefix(), name.namespace.uri(), name.local, value)
    }

    fn attribute_as(&mut self, prefix: &str, namespace: &str, local: &str, value: &str) -> &mut Self {
        self.attempt(|this| {
            if this.pending.is_none() {
                return Err(Failure::new(Reason::Internal, "an attribute before any content", 0..0));
            }
            let name = this.qname(prefix, local)?;
            if !prefix.is_empty() {
                this.bind(prefix, namespace)?;
            }
            let slice = this.push(value)?;
            this.builder.attribute(name, slice, !value.contains(['&', '<', '"', '\t', '\n', '\r']))
        })
    }

    /// Declares a namespace although no name uses it: for QNames in content (`xsi:type`).
    pub fn declare(&mut self, namespace: Namespace) -> &mut Self {
        self.attempt(|this| this.bind(namespace.prefix(), namespace.uri()))
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            if let Some(bad) = forbidden_char(text) {
                return Err(Failure::new(
                    Reason::Char,
                    format!("characters that XML allows, not U+{:04X}", u32::from(bad)),
                    0..0,
                ));
            }
            this.builder.text_decoded(text, !text.contains(['&', '<', '>', '\r']), 0..0)
        })
    }

    /// Adds a text that [`Document::replace_text`] will fill in, and gives its place.
    pub fn placeholder(&mut self) -> NodeId {
        self.text("-");
        NodeId(offset(self.builder.tree.nodes.len()))
    }

    /// Closes the innermost element.
    pub fn close(&mut self) -> &mut Self {
        self.settle();
        self.attempt(|this| this.builder.leave(0))
    }

    /// Adds an element with only text.
    pub fn element(&mut self, name: Name, text: &str) -> &mut Self {
        self.open(name);
        if !text.is_empty() {
            self.text(text);
        }
        self.close()
    }

    /// Adds a copy of an element of another document, with its prefixes and its own declarations, so that its
    /// exclusive canonical form, and with it a signature, stays.
    ///
    /// Declarations above the element are not copied; a `PrefixList` that names one of them would no longer resolve.
    pub fn graft(&mut self, element: Element<'_>) -> &mut Self {
        // A stack of what is still to be written, so that depth costs no stack frames.
        let mut rest = vec![Step::Node(Node::Element(element))];
        while let Some(step) = rest.pop() {
            match step {
                Step::Close => {
                    self.close();
                }
                Step::Node(Node::Text(text)) => {
                    self.text(text);
                }
                Step::Node(Node::Element(element)) => {
                    self.graft_start(element);
                    rest.push(Step::Close);
                    let from = rest.len();
                    rest.extend(element.nodes().map(Step::Node));
                    rest.get_mut(from..).unwrap_or_default().reverse();
                }
            }
        }
        self
    }

    fn graft_start(&mut self, element: Element<'_>) {
        let (name_prefix, local) = split(element.qualified());
        self.open_as(name_prefix, element.namespace(), local);
        for (prefix, namespace) in element.own_declarations() {
            self.attempt(|this| this.bind(prefix, namespace));
        }
        for attribute in element.attributes() {
            let (prefix, local) = split(attribute.qualified());
            self.attribute_as(prefix, attribute.namespace(), local, attribute.value());
        }
    }

    fn attempt(&mut self, step: impl FnOnce(&mut Self) -> Outcome) -> &mut Self {
        if self.failure.is_none() {
            self.failure = step(self).err();
        }
        self
    }

    /// Ends a start tag that took attributes until now.
    fn settle(&mut self) {
        if let Some(name) = self.pending.take() {
            self.attempt(|this| this.builder.enter(name, 0..0));
        }
    }

    fn push(&mut self, text: &str) -> Outcome<Slice> {
        if forbidden_char(text).is_some() {
            return Err(Failure::new(Reason::Char, "characters that XML 1.0 allows", 0..0));
        }
        let start = self.builder.tree.decoded.len();
        self.builder.tree.decoded.push_str(text);
        Ok(Slice::decoded(start..self.builder.tree.decoded.len()))
    }

    fn qname(&mut self, prefix: &str, local: &str) -> Outcome<QName> {
        if !chars::is_ncname(local) || !(prefix.is_empty() || chars::is_ncname(prefix)) {
            return Err(Failure::new(Reason::Name, "an NCName", 0..0));
        }
        let start = self.builder.tree.decoded.len();
        let decoded = &mut self.builder.tree.decoded;
        if !prefix.is_empty() {
            decoded.push_str(prefix);
            decoded.push(':');
        }
        decoded.push_str(local);
        let text = Slice::decoded(start..decoded.len());
        let prefix = (!prefix.is_empty()).then(|| Slice::decoded(start..start.saturating_add(prefix.len())));
        self.builder.qname(prefix, text)
    }

    /// Declares `prefix` unless it already means `namespace` here.
    fn bind(&mut self, prefix: &str, namespace: &str) -> Outcome {
        let prefix = self.push(prefix)?;
        let prefix = self.builder.prefix_id(prefix)?;
        let name = self.push(namespace)?;
        let number = self.builder.namespace_number(name)?;
        if self.builder.scope.get(prefix) == number {
            return Ok(());
        }
        self.builder.declare(prefix, name, 0..0)
    }
}

enum Step<'d> {
    Node(Node<'d>),
    Close,
}

fn split(qualified: &str) -> (&str, &str) {
    qualified.split_once(':').unwrap_or(("", qualified))
}
