//! Making documents: each call writes its bytes at once, and the same builder that parses checks them and grows the tree
//! beside them. The bytes are those that [`Document::write`] gives, so that nothing is spelled out twice.

use std::ops::Range;

use chukei_reason::Reason;

use crate::{
    budget::{Budget, Limits},
    build::{Builder, Failure, Outcome, check, refuse},
    canonical::{declaration, escape},
    chars,
    document::{AttributeData, Document, NodeId, QName, Slice, offset},
    element::{Element, Node},
    error::XmlError,
    input::Input,
    lexical::{base64_length, encode_base64},
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
    /// What is written so far is the source of the tree.
    builder: Builder<'b, String>,
    /// Whether a start tag still takes attributes, and has those so far behind its declarations in canonical order.
    tag: Option<bool>,
    /// Number of the usual prefix of each namespace of the standard, once it was used.
    usual: [Option<PrefixId>; ns::TABLE.len()],
    failure: Option<Failure>,
    /// Whether every tag so far has its attributes behind its declarations in canonical order.
    spelled: bool,
}

impl Writer<'_> {
    /// Builds one document.
    ///
    /// # Errors
    /// The first rule that the calls broke: `Char`, `Name`, `DuplicateAttribute`, `DuplicateId`, `NotWellFormed`
    /// (unbalanced), limits.
    pub fn build(content: impl FnOnce(&mut Writer<'_>)) -> Result<Document, XmlError> {
        let mut budget = Budget::new(Limits::message());
        // Most messages are shorter.
        let mut builder = Builder::new(String::with_capacity(1 << 14), &mut budget);
        builder.tree.decoded.reserve(1 << 10);
        builder.tree.nodes.reserve(128);
        builder.tree.attributes.reserve(128);
        let usual = [None; ns::TABLE.len()];
        let mut writer = Writer { builder, tag: None, usual, failure: None, spelled: true };
        content(&mut writer);
        writer.settle();
        match writer.failure.map_or_else(|| writer.builder.finish(), Err) {
            Ok((text, tree)) => Ok(Document { input: Input::written(text), tree, spelled: writer.spelled }),
            Err(failure) => Err(failure.at(&Input::default())),
        }
    }

    /// Opens an element.
    pub fn open(&mut self, name: Name) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            let prefix = this.usual_prefix(name.namespace)?;
            this.start(prefix, name.namespace.0, name.namespace.prefix(), name.local)
        })
    }

    /// Opens an element and gives its place.
    pub fn open_at(&mut self, name: Name) -> NodeId {
        self.open(name);
        NodeId(offset(self.builder.tree.nodes.len().saturating_sub(1)))
    }

    /// Opens an element with a prefix of one's own choice.
    pub fn open_as(&mut self, prefix: &str, namespace: &str, local: &str) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            let (id, number) = this.numbers(prefix, namespace)?;
            this.start(id, number, prefix, local)
        })
    }

    /// Adds an attribute in no namespace to the element just opened.
    pub fn attribute(&mut self, local: &str, value: &str) -> &mut Self {
        self.attempt(|this| this.push_attribute((0, 0), "", local, value))
    }

    /// Adds an attribute in a namespace.
    pub fn attribute_in(&mut self, name: Name, value: &str) -> &mut Self {
        self.attempt(|this| {
            let prefix = this.usual_prefix(name.namespace)?;
            this.declare_unless(prefix, name.namespace.0)?;
            this.push_attribute((prefix, name.namespace.0), name.namespace.prefix(), name.local, value)
        })
    }

    /// Declares a namespace although no name uses it: for QNames in content (`xsi:type`).
    pub fn declare(&mut self, namespace: Namespace) -> &mut Self {
        self.attempt(|this| match this.tag {
            Some(_) => {
                let prefix = this.usual_prefix(namespace)?;
                this.declare_unless(prefix, namespace.0)
            }
            None => refuse(Reason::Internal, "a declaration before any content", 0..0),
        })
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            if check(text)? & chars::TEXT_SPECIAL == 0 {
                this.push_text(None, |source| source.push_str(text))
            } else {
                this.push_text(Some(text), |source| escape(text, false, |piece| source.push_str(piece)))
            }
        })
    }

    /// Adds octets as base64 without line ends.
    pub fn base64(&mut self, octets: &[u8]) -> &mut Self {
        self.settle();
        let text = encode_base64(octets);
        self.attempt(|this| this.push_text(None, |source| source.push_str(&text)))
    }

    /// Adds a text for so many octets as base64, which [`Document::fill`] will fill in, and gives its place.
    pub fn placeholder(&mut self, octets: usize) -> NodeId {
        self.text(&"A".repeat(base64_length(octets)));
        NodeId(offset(self.builder.tree.nodes.len().saturating_sub(1)))
    }

    /// Closes the innermost element.
    pub fn close(&mut self) -> &mut Self {
        self.settle();
        self.attempt(|this| {
            if let Some(name) = this.builder.open_name() {
                let source = &mut this.builder.source;
                source.push_str("</");
                source.extend_from_within(name.text.range());
                source.push('>');
            }
            this.builder.leave(this.builder.source.len())
        })
    }

    /// Adds an element with only text.
    pub fn element(&mut self, name: Name, text: &str) -> &mut Self {
        self.open(name).text(text).close()
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
        let (prefix, local) = split(element.qualified());
        self.open_as(prefix, element.namespace(), local);
        self.attempt(|this| {
            for (prefix, namespace) in element.own_declarations() {
                let (id, number) = this.numbers(prefix, namespace)?;
                this.declare_unless(id, number)?;
            }
            for attribute in element.attributes() {
                let (prefix, local) = split(attribute.qualified());
                let mut numbers = (0, 0);
                if !prefix.is_empty() {
                    numbers = this.numbers(prefix, attribute.namespace())?;
                    this.declare_unless(numbers.0, numbers.1)?;
                }
                this.push_attribute(numbers, prefix, local, attribute.value())?;
            }
            Ok(())
        });
    }

    #[inline(always)]
    fn attempt(&mut self, step: impl FnOnce(&mut Self) -> Outcome) -> &mut Self {
        if self.failure.is_none() {
            self.failure = step(self).err();
        }
        self
    }

    /// Begins a start tag.
    #[inline]
    fn start(&mut self, prefix: PrefixId, namespace: NamespaceNumber, written: &str, local: &str) -> Outcome {
        let start = self.builder.source.len();
        self.builder.begin(start..start)?;
        self.builder.source.push('<');
        let name = self.qname((prefix, namespace), written, local)?;
        self.declare_unless(prefix, namespace)?;
        self.builder.element(name, start);
        self.tag = Some(true);
        Ok(())
    }

    /// Ends a start tag that took attributes until now.
    #[inline]
    fn settle(&mut self) {
        if let Some(spelled) = self.tag.take() {
            self.attempt(|this| {
                this.builder.source.push('>');
                this.builder.complete(this.builder.source.len());
                this.spelled &= spelled;
                if spelled { Ok(()) } else { this.builder.disordered() }
            });
        }
    }

    fn push_attribute(
        &mut self,
        numbers: (PrefixId, NamespaceNumber),
        written: &str,
        local: &str,
        value: &str,
    ) -> Outcome {
        let Some(spelled) = self.tag else {
            return refuse(Reason::Internal, "an attribute before any content", 0..0);
        };
        let plain = check(value)? & chars::VALUE_SPECIAL == 0;
        self.builder.source.push(' ');
        let name = self.qname(numbers, written, local)?;
        let Builder { source, tree, .. } = &mut self.builder;
        source.push_str("=\"");
        let value = if plain {
            Slice::source(push(source, value))
        } else {
            escape(value, true, |piece| source.push_str(piece));
            Slice::decoded(push(&mut tree.decoded, value))
        };
        source.push('"');
        self.tag = Some(spelled && self.builder.in_order(name));
        self.builder.note(name, value, self.builder.tree.nodes.len().saturating_sub(1))?;
        self.builder.attribute(AttributeData { name, value, plain, verbatim: plain })
    }

    /// Adds a text that `spell` writes. `decoded`: the text, unless it is what is written.
    #[inline]
    fn push_text(&mut self, decoded: Option<&str>, spell: impl FnOnce(&mut String)) -> Outcome {
        if !self.builder.is_open() {
            return refuse(Reason::NotWellFormed, "no text outside the root element", 0..0);
        }
        let start = self.builder.source.len();
        spell(&mut self.builder.source);
        let span = start..self.builder.source.len();
        match decoded {
            Some(text) => self.builder.text_decoded(text, false, span),
            None if self.builder.in_text => {
                let text = self.builder.source.get(span.clone()).unwrap_or_default().to_owned();
                self.builder.text_decoded(&text, true, span)
            }
            None => self.builder.text(Slice::source(span.clone()), true, span),
        }
    }

    #[inline(always)]
    fn qname(
        &mut self,
        (prefix, namespace): (PrefixId, NamespaceNumber),
        written: &str,
        local: &str,
    ) -> Outcome<QName> {
        if !chars::is_ncname(local) {
            return refuse(Reason::Name, "an NCName", 0..0);
        }
        let source = &mut self.builder.source;
        let start = source.len();
        if !written.is_empty() {
            source.push_str(written);
            source.push(':');
        }
        let before = source.len() - start;
        source.push_str(local);
        let text = Slice::source(start..source.len());
        Ok(QName { namespace, ..self.builder.qname(prefix, before, text)? })
    }

    /// The number of a namespace's usual prefix.
    #[inline]
    fn usual_prefix(&mut self, namespace: Namespace) -> Outcome<PrefixId> {
        let slot = usize::from(namespace.0);
        if let Some(prefix) = self.usual.get(slot).copied().flatten() {
            return Ok(prefix);
        }
        let prefix = self.number_prefix(namespace.prefix())?;
        if let Some(known) = self.usual.get_mut(slot) {
            *known = Some(prefix);
        }
        Ok(prefix)
    }

    fn number_prefix(&mut self, prefix: &str) -> Outcome<PrefixId> {
        let name = Slice::decoded(push(&mut self.builder.tree.decoded, prefix));
        self.builder.prefix_id(name)
    }

    /// The numbers of a prefix of one's own choice and of its namespace.
    fn numbers(&mut self, prefix: &str, namespace: &str) -> Outcome<(PrefixId, NamespaceNumber)> {
        if !(prefix.is_empty() || chars::is_ncname(prefix)) {
            return refuse(Reason::Name, "an NCName as prefix", 0..0);
        }
        // Namespaces in XML 1.0 §2.2: only names without a prefix can be in no namespace.
        if !prefix.is_empty() && namespace.is_empty() {
            return refuse(Reason::UnboundPrefix, "a prefix with a namespace", 0..0);
        }
        let prefix = self.number_prefix(prefix)?;
        check(namespace)?;
        let name = Slice::decoded(push(&mut self.builder.tree.decoded, namespace));
        Ok((prefix, self.builder.namespace_number(name)?))
    }

    /// Declares a prefix unless it already means the namespace here.
    #[inline]
    fn declare_unless(&mut self, prefix: PrefixId, namespace: NamespaceNumber) -> Outcome {
        if self.builder.scope.get(prefix) == namespace {
            Ok(())
        } else {
            self.push_declaration(prefix, namespace)
        }
    }

    /// Declares a prefix, behind the other declarations of the tag.
    fn push_declaration(&mut self, prefix: PrefixId, namespace: NamespaceNumber) -> Outcome {
        // A name of this tag that already uses the prefix would move to another namespace.
        let used = self.tag.is_some() && self.builder.open_name().is_some_and(|name| name.prefix == prefix);
        if used || self.builder.attribute_uses(prefix) {
            return refuse(Reason::Namespace, "one meaning of a prefix on one element", 0..0);
        }
        self.builder.declare(prefix, namespace, 0..0)?;
        if self.tag.is_some() && self.builder.has_attributes() {
            self.tag = Some(false);
        }
        let Builder { source, tree, .. } = &mut self.builder;
        // Prefixes and other namespaces than those of the standard are decoded text.
        let (prefix, namespace) = (tree.prefix("", prefix), tree.namespace("", namespace));
        declaration(prefix, namespace, |piece| source.push_str(piece));
        Ok(())
    }
}

enum Step<'d> {
    Node(Node<'d>),
    Close,
}

#[inline]
fn push(to: &mut String, text: &str) -> Range<usize> {
    let start = to.len();
    to.push_str(text);
    start..to.len()
}

fn split(qualified: &str) -> (&str, &str) {
    qualified.split_once(':').unwrap_or(("", qualified))
}
