//! Making documents. The same builder that parses checks what is written.

use chukei_reason::Reason;

use crate::{
    budget::{Budget, Limits},
    build::{Builder, Failure, Outcome, check, refuse},
    chars,
    document::{AttributeData, Document, NodeId, QName, Slice, offset},
    element::{Element, Node},
    error::XmlError,
    input::Input,
    name::{Name, Namespace, ns},
    scope::{NamespaceNumber, PrefixId},
};

/// Builds a [`Document`], declaring each namespace on the first element that uses it, with its usual prefix.
///
/// The first mistake is kept and comes out of [`Writer::build`], so that building needs no error handling.
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
    /// Number of the usual prefix of each namespace of the standard, once it was used.
    usual: [Option<PrefixId>; ns::TABLE.len()],
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
        let mut builder = Builder::new("", &mut budget);
        builder.tree.decoded.reserve(1 << 12);
        builder.tree.nodes.reserve(64);
        builder.tree.attributes.reserve(64);
        let mut writer = Writer { builder, pending: None, usual: [None; ns::TABLE.len()], failure: None };
        content(&mut writer);
        writer.settle();
        let tree = writer.failure.map_or_else(|| writer.builder.finish(), Err);
        let input = Input::default();
        match tree {
            Ok(tree) => Ok(Document { input, tree }),
            Err(failure) => Err(failure.at(&input)),
        }
    }

    /// Opens an element.
    pub fn open(&mut self, name: Name) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            this.builder.begin(0..0)?;
            let prefix = this.usual_prefix(name.namespace)?;
            this.pending = Some(this.qname(prefix, name.namespace.prefix(), name.local)?);
            Ok(())
        })
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
            let id = this.bind(prefix, namespace)?;
            this.pending = Some(this.qname(id, prefix, local)?);
            Ok(())
        })
    }

    /// Adds an attribute in no namespace to the element just opened.
    pub fn attribute(&mut self, local: &str, value: &str) -> &mut Self {
        self.attempt(|this| this.push_attribute(0, "", local, value))
    }

    /// Adds an attribute in a namespace.
    pub fn attribute_in(&mut self, name: Name, value: &str) -> &mut Self {
        self.attempt(|this| {
            let prefix = this.usual_prefix(name.namespace)?;
            this.push_attribute(prefix, name.namespace.prefix(), name.local, value)
        })
    }

    /// Declares a namespace although no name uses it: for QNames in content (`xsi:type`).
    pub fn declare(&mut self, namespace: Namespace) -> &mut Self {
        self.attempt(|this| match this.pending {
            Some(_) => this.usual_prefix(namespace).map(|_| ()),
            None => refuse(Reason::Internal, "a declaration before any content", 0..0),
        })
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            if !this.builder.is_open() {
                return refuse(Reason::NotWellFormed, "no text outside the root element", 0..0);
            }
            let plain = check(text)? & chars::TEXT_SPECIAL == 0;
            this.builder.text_decoded(text, plain, 0..0)
        })
    }

    /// Adds a text that [`Document::replace_text`] will fill in, and gives its place.
    pub fn placeholder(&mut self) -> NodeId {
        self.text("-");
        NodeId(offset(self.builder.tree.nodes.len().saturating_sub(1)))
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

    /// Adds a copy of what is visible of an element of another document, with its prefixes and its own declarations, so
    /// that its exclusive canonical form, and with it a signature, stays.
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
            self.attempt(|this| this.bind(prefix, namespace).map(|_| ()));
        }
        for attribute in element.attributes() {
            let (prefix, local) = split(attribute.qualified());
            self.attempt(|this| {
                let id = if prefix.is_empty() { 0 } else { this.bind(prefix, attribute.namespace())? };
                this.push_attribute(id, prefix, local, attribute.value())
            });
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

    fn push_attribute(&mut self, prefix: PrefixId, written: &str, local: &str, value: &str) -> Outcome {
        if self.pending.is_none() {
            return refuse(Reason::Internal, "an attribute before any content", 0..0);
        }
        let plain = check(value)? & chars::VALUE_SPECIAL == 0;
        // As it stands in a canonical form, so that it can be put there in one piece.
        self.builder.tree.decoded.push(' ');
        let name = self.qname(prefix, written, local)?;
        self.push("=\"");
        let value = self.push(value);
        self.builder.tree.decoded.push('"');
        self.builder.attribute(AttributeData { name, value, plain, verbatim: plain })
    }

    #[inline]
    fn push(&mut self, text: &str) -> Slice {
        let start = self.builder.tree.decoded.len();
        self.builder.tree.decoded.push_str(text);
        Slice::decoded(start..start + text.len())
    }

    fn qname(&mut self, prefix: PrefixId, written: &str, local: &str) -> Outcome<QName> {
        if !chars::is_ncname(local) {
            return refuse(Reason::Name, "an NCName", 0..0);
        }
        let decoded = &mut self.builder.tree.decoded;
        let start = decoded.len();
        if !written.is_empty() {
            decoded.push_str(written);
            decoded.push(':');
        }
        let before = decoded.len() - start;
        decoded.push_str(local);
        let text = Slice::decoded(start..decoded.len());
        self.builder.qname(prefix, before, text)
    }

    /// The number of a namespace's usual prefix, declared if it does not yet mean that namespace here.
    fn usual_prefix(&mut self, namespace: Namespace) -> Outcome<PrefixId> {
        let slot = usize::from(namespace.0);
        let prefix = match self.usual.get(slot).copied().flatten() {
            Some(prefix) => prefix,
            None => {
                let name = self.push(namespace.prefix());
                let prefix = self.builder.prefix_id(name)?;
                if let Some(known) = self.usual.get_mut(slot) {
                    *known = Some(prefix);
                }
                prefix
            }
        };
        self.declare_unless(prefix, namespace.0)
    }

    /// Numbers `prefix`, and declares it unless it already means `namespace` here.
    fn bind(&mut self, prefix: &str, namespace: &str) -> Outcome<PrefixId> {
        if !(prefix.is_empty() || chars::is_ncname(prefix)) {
            return refuse(Reason::Name, "an NCName as prefix", 0..0);
        }
        let prefix = self.push(prefix);
        let prefix = self.builder.prefix_id(prefix)?;
        check(namespace)?;
        let name = self.push(namespace);
        let namespace = self.builder.namespace_number(name)?;
        self.declare_unless(prefix, namespace)
    }

    fn declare_unless(&mut self, prefix: PrefixId, namespace: NamespaceNumber) -> Outcome<PrefixId> {
        if self.builder.scope.get(prefix) != namespace {
            // A name of this tag that already uses the prefix would move to another namespace.
            if self.pending.is_some_and(|name| name.prefix == prefix) || self.builder.attribute_uses(prefix) {
                return refuse(Reason::Namespace, "one meaning of a prefix on one element", 0..0);
            }
            self.builder.declare(prefix, namespace, 0..0)?;
        }
        Ok(prefix)
    }
}

enum Step<'d> {
    Node(Node<'d>),
    Close,
}

fn split(qualified: &str) -> (&str, &str) {
    qualified.split_once(':').unwrap_or(("", qualified))
}
