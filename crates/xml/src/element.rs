//! Reading the tree.

use std::{borrow::Cow, fmt};

use chukei_reason::Reason;

use crate::{
    chars::is_space,
    document::{AttributeData, Document, ElementData, Kind, NodeId, QName},
    error::{Position, XmlError},
    name::{Name, Namespace},
    scope::NamespaceNumber,
};

/// An element of a [`Document`].
#[derive(Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document,
    index: u32,
    /// A subtree that readers do not see; `u32::MAX` if there is none.
    hidden: u32,
    /// Nothing above this node is seen; 0 for the whole document.
    top: u32,
}

/// A child: element or text.
#[derive(Clone, Copy)]
pub enum Node<'d> {
    /// An element.
    Element(Element<'d>),
    /// Everything between two tags.
    Text(&'d str),
}

/// Name and place; content may be a person's.
impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Element({:?} at {})", self.local(), self.index)
    }
}

/// An attribute that is no declaration.
#[derive(Clone, Copy)]
pub struct Attribute<'d> {
    document: &'d Document,
    data: &'d AttributeData,
}

impl<'d> Attribute<'d> {
    /// Namespace name; empty for none.
    pub fn namespace(&self) -> &'d str {
        self.document.namespace(self.data.name.namespace)
    }

    /// Local part of the name.
    pub fn local(&self) -> &'d str {
        self.document.str(self.data.name.text).get(usize::from(self.data.name.local)..).unwrap_or_default()
    }

    /// Name as spelled.
    pub fn qualified(&self) -> &'d str {
        self.document.str(self.data.name.text)
    }

    /// Normalised value.
    pub fn value(&self) -> &'d str {
        self.document.str(self.data.value)
    }
}

impl<'d> Element<'d> {
    pub(crate) fn new(document: &'d Document, index: u32) -> Self {
        Self { document, index, hidden: u32::MAX, top: 0 }
    }

    pub(crate) const fn index(self) -> u32 {
        self.index
    }

    pub(crate) fn end(self) -> u32 {
        self.document.node(self.index).map_or(self.index, |node| node.end)
    }

    pub(crate) fn data(self) -> Option<&'d ElementData> {
        match &self.document.node(self.index)?.kind {
            Kind::Element(element) => Some(element),
            Kind::Text { .. } => None,
        }
    }

    /// The same element to readers that shall see nothing around it, nor `part` of it: what a signature covered, and
    /// not the signature that it left out.
    #[must_use]
    pub fn confined(self, part: Option<NodeId>) -> Self {
        let hidden = if self.hidden == u32::MAX { part.map_or(u32::MAX, |part| part.0) } else { self.hidden };
        Self { hidden, top: self.index, ..self }
    }

    /// The document; `None` when the view is confined.
    pub fn document(self) -> Option<&'d Document> {
        (self.top == 0 && self.hidden == u32::MAX).then_some(self.document)
    }

    /// Whether it is an element of this very document.
    pub fn belongs_to(self, document: &Document) -> bool {
        std::ptr::eq(self.document, document)
    }

    /// The element with this identifier, if it is within view.
    #[must_use]
    pub fn by_id(self, value: &str) -> Option<Self> {
        let found = self.document.by_id(value)?;
        self.sees(found.index).then_some(Self { index: found.index, ..self })
    }

    /// How many attributes in the subtree look like an identifier, whatever their namespace, and have this value.
    pub fn lookalike_ids(self, value: &str) -> usize {
        let range = self.index..self.end();
        self.document.same_ids(value).filter(|id| range.contains(&id.node)).count()
    }

    fn sees(self, index: u32) -> bool {
        let within =
            |node: u32| self.document.node(node).is_some_and(|data| (node..data.end).contains(&index));
        within(self.top) && !(self.hidden != u32::MAX && within(self.hidden))
    }

    /// The place in document order.
    pub const fn id(self) -> NodeId {
        NodeId(self.index)
    }

    /// Whether it has this expanded name.
    pub fn is(self, name: Name) -> bool {
        self.data().is_some_and(|data| {
            data.name.namespace == name.namespace.0 && self.document.local(data.name) == name.local.as_bytes()
        })
    }

    /// Whether it is in this namespace.
    pub fn is_in(self, namespace: Namespace) -> bool {
        self.data().is_some_and(|data| data.name.namespace == namespace.0)
    }

    /// Namespace name; empty for none.
    pub fn namespace(self) -> &'d str {
        self.data().map_or("", |data| self.document.namespace(data.name.namespace))
    }

    /// Local part of the name.
    pub fn local(self) -> &'d str {
        let name = self.data().map(|data| data.name);
        name.and_then(|name| self.document.str(name.text).get(usize::from(name.local)..)).unwrap_or_default()
    }

    /// Name as spelled, for people.
    pub fn qualified(self) -> &'d str {
        self.data().map_or("", |data| self.document.str(data.name.text))
    }

    /// Attributes in canonical order.
    pub fn attributes(self) -> impl ExactSizeIterator<Item = Attribute<'d>> {
        let document = self.document;
        let own = self.data().map(|data| document.attributes(data)).unwrap_or_default();
        own.iter().map(move |data| Attribute { document, data })
    }

    /// Declarations that stand on this element: prefix and namespace name.
    pub fn own_declarations(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let document = self.document;
        let declared = self.data().map(|data| document.declarations(data)).unwrap_or_default();
        declared.iter().map(|d| (document.prefix(d.prefix), document.namespace(d.namespace)))
    }

    /// Value of the attribute of this name in no namespace.
    pub fn attribute(self, local: &str) -> Option<&'d str> {
        self.find_attribute(0, local)
    }

    /// Value of the attribute of this expanded name.
    pub fn attribute_in(self, name: Name) -> Option<&'d str> {
        self.find_attribute(name.namespace.0, name.local)
    }

    fn find_attribute(self, namespace: NamespaceNumber, local: &str) -> Option<&'d str> {
        let mut attributes = self.document.attributes(self.data()?).iter();
        let is = |name: QName| name.namespace == namespace && self.document.local(name) == local.as_bytes();
        attributes.find(|a| is(a.name)).map(|attribute| self.document.str(attribute.value))
    }

    /// Value of a required attribute in no namespace.
    ///
    /// # Errors
    /// `Schema`, naming the attribute.
    pub fn required_attribute(self, local: &'static str) -> Result<&'d str, XmlError> {
        self.attribute(local).ok_or_else(|| self.schema(format!("attribute {local} on {}", self.qualified())))
    }

    /// Checks that no attribute in no namespace has a name outside the list, and that none has a namespace.
    ///
    /// # Errors
    /// `Schema`, naming what is allowed.
    pub fn only_attributes(self, allowed: &[&str]) -> Result<(), XmlError> {
        let own = self.data().map(|data| self.document.attributes(data)).unwrap_or_default();
        let listed = |name: QName| {
            let local = self.document.bytes(name.text);
            name.namespace == 0 && allowed.iter().any(|allowed| allowed.as_bytes() == local)
        };
        if own.iter().all(|attribute| listed(attribute.name)) {
            return Ok(());
        }
        Err(self.schema(format!("on {} no attribute but [{}]", self.qualified(), allowed.join(", "))))
    }

    /// The parent; `None` for the root, and at the edge of a confined view.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let parent = self.document.node(self.index)?.parent;
        (self.index != self.top).then_some(Self { index: parent, ..self })
    }

    /// Its parent, the parent of that, and so on.
    pub(crate) fn ancestors(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), |element| element.parent())
    }

    /// Whether `other` is this element or inside it.
    pub fn contains(self, other: Element<'_>) -> bool {
        (self.index..self.end()).contains(&other.index)
    }

    /// Children, elements and texts.
    pub fn nodes(self) -> impl Iterator<Item = Node<'d>> {
        let mut next = self.index.saturating_add(1);
        std::iter::from_fn(move || {
            let (node, after) = self.child_at(next)?;
            next = after;
            Some(node)
        })
    }

    /// The child at this place, or behind it where that is hidden, and the place after it.
    #[inline]
    fn child_at(self, mut index: u32) -> Option<(Node<'d>, u32)> {
        if index == self.hidden {
            index = self.document.node(index)?.end;
        }
        let data = self.document.node(index).filter(|_| index < self.end())?;
        let node = match &data.kind {
            Kind::Element(_) => Node::Element(Self { index, ..self }),
            Kind::Text { text, .. } => Node::Text(self.document.str(*text)),
        };
        Some((node, data.end))
    }

    /// Child elements.
    pub fn elements(self) -> impl Iterator<Item = Self> {
        self.nodes().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Elements of the subtree, itself included, in document order.
    pub fn descendants(self) -> impl Iterator<Item = Self> {
        let hidden = self.document.node(self.hidden).map_or(0..0, |node| self.hidden..node.end);
        let seen = (self.index..self.end()).filter(move |index| !hidden.contains(index));
        seen.map(move |index| Self { index, ..self }).filter(|element| element.data().is_some())
    }

    /// Whether a comment stands inside the element. (Texts are read across comments; see the front page.)
    pub fn has_comment(self) -> bool {
        let Some(node) = self.document.node(self.index) else { return false };
        let comments = &self.document.tree.comments;
        let first = comments.partition_point(|at| *at < node.start);
        comments.get(first).is_some_and(|at| *at < node.stop)
    }

    /// Content of an element that holds only text; empty if it holds nothing.
    ///
    /// # Errors
    /// `Schema` when there is an element in it.
    #[inline]
    pub fn text(self) -> Result<&'d str, XmlError> {
        let mut nodes = self.nodes();
        match (nodes.next(), nodes.next()) {
            (None, _) => Ok(""),
            (Some(Node::Text(text)), None) => Ok(text),
            _ => Err(self.schema(format!("only text in {}", self.qualified()))),
        }
    }

    /// Checks that the element has no content.
    ///
    /// # Errors
    /// `Schema` when there is an element or text other than white space in it.
    pub fn empty(self) -> Result<(), XmlError> {
        self.children().finish()
    }

    /// A cursor over the children of an element that holds only elements.
    pub fn children(self) -> Children<'d> {
        Children { parent: self, next: self.index.saturating_add(1) }
    }

    /// The only child element.
    ///
    /// # Errors
    /// `Schema` when there is another child, or none.
    pub fn only(self, name: Name) -> Result<Self, XmlError> {
        let mut children = self.children();
        let child = children.required(name)?;
        children.finish()?;
        Ok(child)
    }

    /// The place in the bytes as they came.
    pub fn position(self) -> Position {
        let node = self.document.node(self.index);
        self.document.input.position(node.map_or(0..0, |node| node.start as usize..node.stop as usize))
    }

    /// An error about this element.
    #[cold]
    pub fn error(self, reason: Reason, expected: impl Into<Cow<'static, str>>) -> XmlError {
        XmlError::new(reason, expected, self.position())
    }

    #[cold]
    fn schema(self, expected: String) -> XmlError {
        self.error(Reason::Schema, expected)
    }
}

/// Reads child elements in the order of a schema sequence.
///
/// ```
/// # use chukei_xml::{Document, ns};
/// let document = Document::parse(r#"<a xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><Issuer>x</Issuer></a>"#)?;
/// let mut children = document.root().children();
/// assert_eq!(children.required(ns::SAML.name("Issuer"))?.text()?, "x");
/// assert!(children.optional(ns::SAML.name("Subject"))?.is_none());
/// children.finish()?;
/// # Ok::<(), chukei_xml::XmlError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Children<'d> {
    parent: Element<'d>,
    next: u32,
}

impl<'d> Children<'d> {
    /// The next child, if it has this name.
    ///
    /// # Errors
    /// `Schema` when text other than white space stands before it.
    #[inline]
    pub fn optional(&mut self, name: Name) -> Result<Option<Element<'d>>, XmlError> {
        Ok(self.peek()?.filter(|child| child.is(name)).inspect(|child| self.next = child.end()))
    }

    /// The next child, which has to have this name.
    ///
    /// # Errors
    /// `Schema`, naming what was expected and what stands there.
    #[inline]
    pub fn required(&mut self, name: Name) -> Result<Element<'d>, XmlError> {
        match self.optional(name)? {
            Some(child) => Ok(child),
            None => Err(self.unexpected(&format!("{name}"))),
        }
    }

    /// The next child, whatever its name.
    ///
    /// # Errors
    /// `Schema` when text other than white space stands before it.
    pub fn any(&mut self) -> Result<Option<Element<'d>>, XmlError> {
        Ok(self.peek()?.inspect(|child| self.next = child.end()))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// `Schema`, naming what is left.
    pub fn finish(mut self) -> Result<(), XmlError> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.unexpected("nothing more")),
        }
    }

    /// The next child, without going past it.
    ///
    /// # Errors
    /// `Schema` when text other than white space stands before it.
    pub fn peek(&mut self) -> Result<Option<Element<'d>>, XmlError> {
        while let Some((node, after)) = self.parent.child_at(self.next) {
            match node {
                Node::Element(child) => return Ok(Some(child)),
                Node::Text(text) if text.bytes().all(is_space) => self.next = after,
                Node::Text(_) => {
                    let parent = self.parent;
                    let expected = format!("no text between the elements of {}", parent.qualified());
                    return Err(parent.schema(expected));
                }
            }
        }
        Ok(None)
    }

    #[cold]
    fn unexpected(&mut self, expected: &str) -> XmlError {
        let parent = self.parent.qualified();
        match self.peek() {
            Ok(Some(child)) => child.schema(format!("{expected} in {parent}, found {}", child.qualified())),
            Ok(None) => self.parent.schema(format!("{expected} in {parent}")),
            Err(error) => error,
        }
    }
}
