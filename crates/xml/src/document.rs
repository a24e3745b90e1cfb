//! The tree: one arena in document order, strings as spans.

use std::{fmt, ops::Range};

use chukei_reason::Reason;

use crate::{
    budget::{Budget, Limits},
    canonical::Canonical,
    element::Element,
    error::XmlError,
    input::Input,
    lexical::{base64_length, encode_base64},
    name::ns,
    scope::{NamespaceNumber, PrefixId},
    tokens,
};

/// A well-formed document within the limits of its [`Budget`].
///
/// Cheap to read from many places: every string is a span of the source, or of one arena of decoded text.
#[derive(Clone)]
pub struct Document {
    pub(crate) input: Input,
    pub(crate) tree: Tree,
    /// The source is what [`Document::write`] gives.
    pub(crate) spelled: bool,
}

/// A node by its place in document order; only meaningful in the document that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Text that differs from its spelling in the source.
    pub(crate) decoded: String,
    /// In document order; the root element is first.
    pub(crate) nodes: Vec<NodeData>,
    pub(crate) attributes: Vec<AttributeData>,
    pub(crate) declarations: Vec<Declaration>,
    /// Beyond "" (0) and `xml` (1).
    pub(crate) prefixes: Vec<Slice>,
    /// Beyond the table of [`ns`].
    pub(crate) namespaces: Vec<Slice>,
    /// Sorted by value.
    pub(crate) ids: Vec<Id>,
    /// Offsets of comments in the source, ascending.
    pub(crate) comments: Vec<u32>,
    /// `ds:Signature` elements, in document order.
    pub(crate) signatures: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct NodeData {
    pub(crate) parent: u32,
    /// The node after this one's subtree.
    pub(crate) end: u32,
    /// Octets in the source.
    pub(crate) start: u32,
    pub(crate) stop: u32,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Element(ElementData),
    /// `plain`: the canonical spelling is the text itself.
    Text {
        text: Slice,
        plain: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct ElementData {
    pub(crate) name: QName,
    /// First of this element's attributes, in canonical order.
    pub(crate) attributes: u32,
    pub(crate) declarations: u32,
    pub(crate) attribute_count: u16,
    pub(crate) declaration_count: u16,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct QName {
    /// `prefix:local` or `local`.
    pub(crate) text: Slice,
    /// Octets before the local part.
    pub(crate) local: u16,
    pub(crate) prefix: PrefixId,
    pub(crate) namespace: NamespaceNumber,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AttributeData {
    pub(crate) name: QName,
    pub(crate) value: Slice,
    /// The canonical spelling of the value is the value itself.
    pub(crate) plain: bool,
    /// All of it stands in canonical spelling: a space, the name, `="`, the plain value, `"`.
    pub(crate) verbatim: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Declaration {
    pub(crate) prefix: PrefixId,
    pub(crate) namespace: NamespaceNumber,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Id {
    pub(crate) value: Slice,
    pub(crate) node: u32,
    /// In a namespace that does not define identifiers.
    pub(crate) foreign: bool,
}

/// A span of the source, or (top bit) of the decoded text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slice {
    start: u32,
    length: u32,
}

const DECODED: u32 = 1 << 31;

impl Slice {
    pub(crate) fn source(range: Range<usize>) -> Self {
        Self { start: offset(range.start), length: offset(range.len()) }
    }

    pub(crate) fn decoded(range: Range<usize>) -> Self {
        let slice = Self::source(range);
        Self { start: slice.start | DECODED, ..slice }
    }

    /// From one octet before this slice to one octet after another one behind it.
    pub(crate) fn around(self, end: Self) -> Self {
        Self {
            start: self.start.wrapping_sub(1),
            length: (end.start + end.length).wrapping_sub(self.start) + 2,
        }
    }

    pub(crate) fn is_decoded(self) -> bool {
        self.start & DECODED != 0
    }

    pub(crate) fn range(self) -> Range<usize> {
        let start = (self.start & !DECODED) as usize;
        start..start + self.length as usize
    }

    pub(crate) fn len(self) -> usize {
        self.length as usize
    }
}

/// Offsets fit: input is below 2 GiB (checked by [`Input`]), and decoded text is never longer than its spelling.
#[inline]
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(DECODED - 1)
}

impl Tree {
    #[inline]
    pub(crate) fn str<'t>(&'t self, source: &'t str, slice: Slice) -> &'t str {
        let arena = if slice.is_decoded() { &self.decoded } else { source };
        arena.get(slice.range()).unwrap_or_default()
    }

    /// The same without asking whether characters begin and end there.
    #[inline]
    pub(crate) fn bytes<'t>(&'t self, source: &'t str, slice: Slice) -> &'t [u8] {
        let arena = if slice.is_decoded() { &self.decoded } else { source };
        arena.as_bytes().get(slice.range()).unwrap_or_default()
    }

    pub(crate) fn prefix<'t>(&'t self, source: &'t str, prefix: PrefixId) -> &'t str {
        match usize::from(prefix).checked_sub(2) {
            Some(index) => self.prefixes.get(index).map(|slice| self.str(source, *slice)).unwrap_or_default(),
            None if prefix == 1 => "xml",
            None => "",
        }
    }

    pub(crate) fn namespace<'t>(&'t self, source: &'t str, namespace: NamespaceNumber) -> &'t str {
        let index = usize::from(namespace);
        match index.checked_sub(ns::TABLE.len()) {
            Some(own) => self.namespaces.get(own).map(|slice| self.str(source, *slice)).unwrap_or_default(),
            None => ns::TABLE.get(index).map(|entry| entry.0).unwrap_or_default(),
        }
    }
}

impl Document {
    /// Parses a message under the limits of [`Limits::message`].
    ///
    /// # Errors
    /// The first rule that the bytes break; see the crate's front page.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Self, XmlError> {
        Self::parse_within(bytes, &mut Budget::new(Limits::message()))
    }

    /// Parses a message that shares `budget` with everything else that is done for it.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_within(bytes: impl Into<Vec<u8>>, budget: &mut Budget) -> Result<Self, XmlError> {
        let input = Input::read(bytes.into(), budget)?;
        match tokens::parse(&input.text, budget) {
            Ok(tree) => Ok(Self { input, tree, spelled: false }),
            Err(failure) => Err(failure.at(&input)),
        }
    }

    /// The root element.
    pub fn root(&self) -> Element<'_> {
        Element::new(self, 0)
    }

    /// The element with this place in document order; `None` for a text.
    pub fn element(&self, node: NodeId) -> Option<Element<'_>> {
        matches!(self.node(node.0)?.kind, Kind::Element(_)).then(|| Element::new(self, node.0))
    }

    /// The element whose identifier attribute (`ID`, `Id`, `id`, `AssertionID`, `wsu:Id`) has this value.
    pub fn by_id(&self, value: &str) -> Option<Element<'_>> {
        self.same_ids(value).find(|id| !id.foreign).map(|id| Element::new(self, id.node))
    }

    /// Every attribute with this value that is an identifier, or looks like one.
    pub(crate) fn same_ids(&self, value: &str) -> impl Iterator<Item = &Id> {
        let first = self.tree.ids.partition_point(|id| self.str(id.value) < value);
        let rest = self.tree.ids.get(first..).unwrap_or_default();
        rest.iter().take_while(move |id| self.str(id.value) == value)
    }

    /// Every `ds:Signature`, in document order.
    pub fn signatures(&self) -> impl Iterator<Item = Element<'_>> {
        self.tree.signatures.iter().map(|node| Element::new(self, *node))
    }

    /// Every prefix that some declaration binds, `""` for the default. For diagnosis.
    pub fn declared_prefixes(&self) -> impl Iterator<Item = &str> {
        std::iter::once("").chain(self.tree.prefixes.iter().map(|slice| self.str(*slice)))
    }

    /// Octets of an element as they came, without those of another one inside it. For diagnosis.
    pub fn source_of(&self, node: NodeId, without: NodeId) -> Option<Vec<u8>> {
        let (whole, part) = (self.node(node.0)?, self.node(without.0)?);
        let text = &self.input.text;
        let before = text.get(whole.start as usize..part.start as usize)?;
        let after = text.get(part.stop as usize..whole.stop as usize)?;
        Some([before, after].concat().into_bytes())
    }

    /// Exclusive canonical form of a subtree; see [`Canonical`].
    pub fn canonical<'d>(&'d self, apex: Element<'d>) -> Canonical<'d> {
        Canonical::new(self, apex)
    }

    /// The document as bytes that parse to an equal document: declarations where they stand, attributes in canonical
    /// order, values and texts as the canonical form escapes them. No XML declaration, no final line end.
    pub fn write(&self) -> Vec<u8> {
        if self.spelled {
            return self.input.text.clone().into_bytes();
        }
        let mut bytes = Vec::with_capacity(self.input.text.len());
        Canonical::new(self, self.root()).emit(false, &mut bytes);
        bytes
    }

    /// [`Self::write`] when the tree is no longer needed: of what was built, the bytes themselves and no copy.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.spelled { self.input.text.into_bytes() } else { self.write() }
    }

    #[inline]
    pub(crate) fn node(&self, index: u32) -> Option<&NodeData> {
        self.tree.nodes.get(index as usize)
    }

    #[inline]
    pub(crate) fn str(&self, slice: Slice) -> &str {
        self.tree.str(&self.input.text, slice)
    }

    #[inline]
    pub(crate) fn bytes(&self, slice: Slice) -> &[u8] {
        self.tree.bytes(&self.input.text, slice)
    }

    #[inline]
    pub(crate) fn local(&self, name: QName) -> &[u8] {
        self.bytes(name.text).get(usize::from(name.local)..).unwrap_or_default()
    }

    pub(crate) fn prefix(&self, prefix: PrefixId) -> &str {
        self.tree.prefix(&self.input.text, prefix)
    }

    pub(crate) fn namespace(&self, namespace: NamespaceNumber) -> &str {
        self.tree.namespace(&self.input.text, namespace)
    }

    pub(crate) fn attributes(&self, element: &ElementData) -> &[AttributeData] {
        let start = element.attributes as usize;
        self.tree.attributes.get(start..start + usize::from(element.attribute_count)).unwrap_or_default()
    }

    pub(crate) fn declarations(&self, element: &ElementData) -> &[Declaration] {
        let start = element.declarations as usize;
        self.tree.declarations.get(start..start + usize::from(element.declaration_count)).unwrap_or_default()
    }

    /// Puts octets as base64 in the place of a [`Writer::placeholder`](crate::Writer::placeholder) for so many: a
    /// signature value that was not yet known.
    ///
    /// # Errors
    /// `Internal` when `node` is no such text.
    pub fn fill(&mut self, node: NodeId, octets: &[u8]) -> Result<(), XmlError> {
        match self.node(node.0).map(|node| &node.kind) {
            Some(Kind::Text { text: old, plain: true })
                if !old.is_decoded() && old.len() == base64_length(octets.len()) =>
            {
                let range = old.range();
                self.input.text.replace_range(range, &encode_base64(octets));
                Ok(())
            }
            _ => Err(self.input.error(Reason::Internal, "a placeholder of this length", 0..0)),
        }
    }
}

/// Equal as trees: names, namespaces, declarations, attributes and texts; spelling and places do not count.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.write() == other.write()
    }
}

/// Its size; content may be a person's.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} octets, {} nodes)", self.input.text.len(), self.tree.nodes.len())
    }
}
