//! Names, namespaces, duplicates, identifiers and limits, while the tree grows. Knows nothing of syntax.

use std::{
    borrow::Cow,
    cmp::Ordering,
    ops::{Deref, Range},
};

use chukei_reason::{LimitKind, Reason};

use crate::{
    budget::{Budget, within},
    chars,
    document::{AttributeData, Declaration, ElementData, Id, Kind, NodeData, QName, Slice, Tree, offset},
    error::XmlError,
    input::Input,
    name::ns,
    scope::{NamespaceNumber, PrefixId, Scope},
};

/// A broken rule, at a span of the normalised source. Boxed, for it is rare and would widen every result.
#[derive(Debug)]
pub(crate) struct Failure(Box<(Reason, Cow<'static, str>, Range<usize>)>);

impl Failure {
    #[cold]
    pub(crate) fn new(reason: Reason, expected: impl Into<Cow<'static, str>>, span: Range<usize>) -> Self {
        Self(Box::new((reason, expected.into(), span)))
    }

    /// The same, with the span cut at the end of the token.
    pub(crate) fn until(mut self, end: usize) -> Self {
        self.0.2.end = self.0.2.end.min(end);
        self
    }

    pub(crate) fn at(self, input: &Input) -> XmlError {
        let (reason, expected, span) = *self.0;
        input.error(reason, expected, span)
    }
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

#[cold]
pub(crate) fn refuse<T>(reason: Reason, expected: &'static str, span: Range<usize>) -> Outcome<T> {
    Err(Failure::new(reason, expected, span))
}

/// Makes a failure of a limit that was passed.
#[inline]
pub(crate) fn over(span: Range<usize>) -> impl FnOnce(LimitKind) -> Failure {
    |kind| Failure::new(Reason::Limit(kind), "less of it in one message", span)
}

/// Prefix 1 and namespace 1 are bound for ever.
const XML_PREFIX: PrefixId = 1;
const XML_NAMESPACE: NamespaceNumber = ns::XML.0;

/// Refuses what XML 1.0 §2.2 does; gives what [`chars::specials`] does.
pub(crate) fn check(text: &str) -> Outcome<u8> {
    let specials = chars::specials(text);
    if specials & chars::SUSPICIOUS != 0
        && let Some(at) = chars::forbidden(text.as_bytes())
    {
        let bad = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, u32::from);
        let expected = format!("characters that XML allows, not U+{bad:04X}");
        return Err(Failure::new(Reason::Char, expected, 0..0));
    }
    Ok(specials)
}

/// The place of a string among those of its kind, where it is put if it is new.
#[inline]
fn number(known: &mut Vec<Slice>, found: Option<usize>, new: Slice, most: usize) -> Outcome<u16> {
    let index = found.unwrap_or(known.len());
    if index == known.len() {
        within(known.len() + 1, most, LimitKind::Namespaces).map_err(over(new.range()))?;
        known.push(new);
    }
    Ok(index_u16(index))
}

/// Limits keep such numbers below half of what fits; see [`Budget::new`].
fn index_u16(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX / 2)
}

/// `source`: what is parsed, or what was written so far.
pub(crate) struct Builder<'b, S> {
    pub(crate) source: S,
    pub(crate) tree: Tree,
    pub(crate) budget: &'b mut Budget,
    pub(crate) scope: Scope,
    /// Elements that are not closed, each with the mark to restore the scope to.
    open: Vec<(u32, usize)>,
    /// The last node is a text that may go on.
    pub(crate) in_text: bool,
    recent: [(Slice, PrefixId); 8],
    /// First declaration and first attribute of the element that is being read.
    declared: usize,
    attributed: usize,
}

impl<'b, S: Deref<Target = str>> Builder<'b, S> {
    pub(crate) fn new(source: S, budget: &'b mut Budget) -> Self {
        let mut scope = Scope::default();
        scope.bind(XML_PREFIX, XML_NAMESPACE);
        let mut tree = Tree::default();
        // A node for every 64 octets is what messages have; more would cross allocator thresholds for nothing.
        tree.nodes.reserve(source.len() / 64);
        tree.attributes.reserve(source.len() / 64);
        tree.declarations.reserve(8);
        let (open, recent) = (Vec::with_capacity(16), Default::default());
        Self { source, tree, budget, scope, open, in_text: false, recent, declared: 0, attributed: 0 }
    }

    #[inline]
    fn bytes(&self, slice: Slice) -> &[u8] {
        self.tree.bytes(&self.source, slice)
    }

    #[inline]
    fn local(&self, name: QName) -> &[u8] {
        self.bytes(name.text).get(usize::from(name.local)..).unwrap_or_default()
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Name of the innermost open element.
    #[inline]
    pub(crate) fn open_name(&self) -> Option<QName> {
        match &self.tree.nodes.get(self.open.last()?.0 as usize)?.kind {
            Kind::Element(element) => Some(element.name),
            Kind::Text { .. } => None,
        }
    }

    /// A name whose namespace is resolved later. `local`: octets before the local part.
    #[inline]
    pub(crate) fn qname(&mut self, prefix: PrefixId, local: usize, text: Slice) -> Outcome<QName> {
        within(text.len(), self.budget.limits().name, LimitKind::Token).map_err(over(text.range()))?;
        Ok(QName { text, local: u16::try_from(local).unwrap_or(u16::MAX), prefix, namespace: 0 })
    }

    /// Numbers a prefix. Few have the same length, so the last one of each length is found at once.
    #[inline]
    pub(crate) fn prefix_id(&mut self, prefix: Slice) -> Outcome<PrefixId> {
        match self.recent.get(prefix.len() % 8) {
            Some((recent, id)) if self.bytes(*recent) == self.bytes(prefix) => Ok(*id),
            _ => self.search_prefix(prefix),
        }
    }

    #[cold]
    fn search_prefix(&mut self, prefix: Slice) -> Outcome<PrefixId> {
        let name = self.bytes(prefix);
        let id = match name {
            [] => 0,
            b"xml" => XML_PREFIX,
            _ => {
                let found = self.tree.prefixes.iter().position(|known| self.bytes(*known) == name);
                self.budget.note_steps(self.tree.prefixes.len());
                2 + number(&mut self.tree.prefixes, found, prefix, self.budget.limits().namespaces)?
            }
        };
        if let Some(recent) = self.recent.get_mut(prefix.len() % 8) {
            *recent = (prefix, id);
        }
        Ok(id)
    }

    /// Numbers a namespace name.
    pub(crate) fn namespace_number(&mut self, name: Slice) -> Outcome<NamespaceNumber> {
        self.budget.note_steps(self.tree.namespaces.len());
        within(name.len(), self.budget.limits().namespace, LimitKind::Token).map_err(over(name.range()))?;
        let uri = self.tree.str(&self.source, name);
        if let Some(index) = ns::TABLE.iter().position(|entry| entry.0 == uri) {
            return Ok(index_u16(index));
        }
        let found = self.tree.namespaces.iter().position(|known| self.bytes(*known) == uri.as_bytes());
        // Canonical XML 1.0 §1.3: a relative namespace name has no canonical form.
        if found.is_none() && !chars::is_absolute_uri(uri) {
            return refuse(Reason::C14n, "an absolute URI as namespace name", name.range());
        }
        let own = number(&mut self.tree.namespaces, found, name, self.budget.limits().namespaces)?;
        Ok(index_u16(ns::TABLE.len()) + own)
    }

    /// Begins an element; its attributes and declarations follow, then [`Self::enter`].
    pub(crate) fn begin(&mut self, span: Range<usize>) -> Outcome {
        self.in_text = false;
        let root = self.open.is_empty();
        if root && !self.tree.nodes.is_empty() {
            return refuse(Reason::NotWellFormed, "nothing after the root element", span);
        }
        (self.declared, self.attributed) = (self.tree.declarations.len(), self.tree.attributes.len());
        within(self.open.len() + 1, self.budget.limits().depth, LimitKind::Depth)
            .and_then(|()| self.budget.pay_node())
            .map_err(over(span))?;
        self.open.push((offset(self.tree.nodes.len()), self.scope.mark()));
        Ok(())
    }

    /// `xmlns` (prefix 0) or `xmlns:prefix`; Namespaces in XML 1.0 §2.2, §3, §5.
    pub(crate) fn declare(&mut self, prefix: PrefixId, to: NamespaceNumber, span: Range<usize>) -> Outcome {
        let reserved = (to == XML_NAMESPACE) != (prefix == XML_PREFIX)
            || to == ns::XMLNS.0
            || self.tree.prefix(&self.source, prefix) == "xmlns";
        if reserved || (to == 0 && prefix != 0) {
            return refuse(Reason::Namespace, "a declaration that Namespaces in XML 1.0 allows", span);
        }
        let own = self.tree.declarations.get(self.declared..).unwrap_or_default();
        if own.iter().any(|declaration| declaration.prefix == prefix) {
            return refuse(Reason::DuplicateAttribute, "one declaration of a prefix", span);
        }
        self.budget.note_steps(own.len());
        self.count_attribute(span)?;
        self.tree.declarations.push(Declaration { prefix, namespace: to });
        self.scope.bind(prefix, to);
        Ok(())
    }

    #[inline]
    pub(crate) fn attribute(&mut self, attribute: AttributeData) -> Outcome {
        self.count_attribute(attribute.name.text.range())?;
        self.tree.attributes.push(attribute);
        Ok(())
    }

    /// Whether an attribute of the element that is being read has this prefix.
    pub(crate) fn attribute_uses(&self, prefix: PrefixId) -> bool {
        let own = self.tree.attributes.get(self.attributed..).unwrap_or_default();
        prefix != 0 && own.iter().any(|attribute| attribute.name.prefix == prefix)
    }

    /// Attributes and declarations of the element that is being read.
    #[inline]
    fn counts(&self) -> (usize, usize) {
        (self.tree.attributes.len() - self.attributed, self.tree.declarations.len() - self.declared)
    }

    #[inline]
    fn count_attribute(&mut self, span: Range<usize>) -> Outcome {
        let (attributes, declarations) = self.counts();
        within(attributes + declarations + 1, self.budget.limits().attributes, LimitKind::Attributes)
            .and_then(|()| self.budget.pay_node())
            .map_err(over(span))
    }

    /// Ends the start tag: resolves prefixes, notes identifiers, orders attributes.
    pub(crate) fn enter(&mut self, mut name: QName, span: Range<usize>) -> Outcome {
        name.namespace = self.resolve(name)?;
        let mut own = std::mem::take(&mut self.tree.attributes);
        let settled = self.settle(own.get_mut(self.attributed..).unwrap_or_default());
        self.tree.attributes = own;
        settled?;
        self.element(name, span.start);
        self.complete(span.end);
        Ok(())
    }

    /// Adds the element that was begun; attributes and declarations that follow are counted by [`Self::complete`].
    #[inline]
    pub(crate) fn element(&mut self, name: QName, start: usize) {
        if name.namespace == ns::DS.0 && self.local(name) == b"Signature" {
            self.tree.signatures.push(offset(self.tree.nodes.len()));
        }
        let kind = Kind::Element(ElementData {
            name,
            attributes: offset(self.attributed),
            declarations: offset(self.declared),
            attribute_count: 0,
            declaration_count: 0,
        });
        let parent = self.open.iter().rev().nth(1).map_or(0, |open| open.0);
        self.push_node(parent, kind, start..start);
    }

    /// Ends the start tag of the element that was added last.
    #[inline]
    pub(crate) fn complete(&mut self, stop: usize) {
        let (attributes, declarations) = self.counts();
        if let Some(NodeData { kind: Kind::Element(data), stop: place, .. }) = self.tree.nodes.last_mut() {
            *place = offset(stop);
            (data.attribute_count, data.declaration_count) = (index_u16(attributes), index_u16(declarations));
        }
    }

    /// A node without children.
    #[inline]
    fn push_node(&mut self, parent: u32, kind: Kind, span: Range<usize>) {
        let end = offset(self.tree.nodes.len() + 1);
        self.tree.nodes.push(NodeData {
            parent,
            end,
            start: offset(span.start),
            stop: offset(span.end),
            kind,
        });
    }

    #[inline]
    fn resolve(&self, name: QName) -> Outcome<NamespaceNumber> {
        match self.scope.get(name.prefix) {
            0 if name.prefix != 0 => {
                refuse(Reason::UnboundPrefix, "a prefix that is declared in scope", name.text.range())
            }
            namespace => Ok(namespace),
        }
    }

    /// Resolves and orders the attributes of an element whose node comes next.
    #[inline]
    fn settle(&mut self, own: &mut [AttributeData]) -> Outcome {
        for AttributeData { name, value, .. } in own.iter_mut() {
            if name.prefix != 0 {
                name.namespace = self.resolve(*name)?;
            }
            self.note(*name, *value, self.tree.nodes.len())?;
        }
        self.budget.note_steps(own.len());
        if own.is_sorted_by(|a, b| self.compare(a.name, b.name) == Ordering::Less) {
            Ok(())
        } else {
            self.order(own)
        }
    }

    /// Notes an identifier. Refuses what `xml:` does not have.
    #[inline]
    pub(crate) fn note(&mut self, name: QName, value: Slice, node: usize) -> Outcome {
        if name.namespace == XML_NAMESPACE && !matches!(self.local(name), b"lang" | b"space") {
            let expected = "no reserved attribute but xml:lang and xml:space";
            return refuse(Reason::UnexpectedAttribute, expected, name.text.range());
        }
        if matches!(name.text.len() - usize::from(name.local), 2 | 11)
            && let local @ (b"ID" | b"Id" | b"id" | b"AssertionID") = self.local(name)
        {
            let own = name.namespace == 0 || (name.namespace == ns::WSU.0 && local == b"Id");
            self.tree.ids.push(Id { value, node: offset(node), foreign: !own });
        }
        Ok(())
    }

    /// Canonical order (Canonical XML 1.0 §2.2): namespace name, then local part.
    #[inline]
    fn compare(&self, a: QName, b: QName) -> Ordering {
        let namespace = |name: QName| self.tree.namespace(&self.source, name.namespace);
        let by_namespace = || namespace(a).cmp(namespace(b));
        let order = if a.namespace == b.namespace { Ordering::Equal } else { by_namespace() };
        order.then_with(|| self.local(a).cmp(self.local(b)))
    }

    /// Orders the attributes of the element that was added last, which stand in the source in another order.
    #[cold]
    pub(crate) fn disordered(&mut self) -> Outcome {
        let mut own = self.tree.attributes.split_off(self.attributed);
        let ordered = self.order(&mut own);
        self.tree.attributes.append(&mut own);
        ordered
    }

    /// Whether the element that is being read has attributes.
    pub(crate) fn has_attributes(&self) -> bool {
        self.tree.attributes.len() > self.attributed
    }

    /// Whether an attribute of this name stands in canonical order behind those of the element so far.
    #[inline]
    pub(crate) fn in_order(&self, name: QName) -> bool {
        let own = self.tree.attributes.get(self.attributed..).unwrap_or_default();
        own.last().is_none_or(|last| self.compare(last.name, name) == Ordering::Less)
    }

    /// Puts attributes in canonical order, in which equal names become neighbours.
    fn order(&self, own: &mut [AttributeData]) -> Outcome {
        own.sort_unstable_by(|a, b| self.compare(a.name, b.name));
        let mut pairs = own.iter().zip(own.iter().skip(1));
        match pairs.find(|(a, b)| self.compare(a.name, b.name) == Ordering::Equal) {
            Some((_, twin)) => {
                refuse(Reason::DuplicateAttribute, "each attribute once", twin.name.text.range())
            }
            None => Ok(()),
        }
    }

    /// Ends the innermost element.
    pub(crate) fn leave(&mut self, stop: usize) -> Outcome {
        self.in_text = false;
        let Some((node, mark)) = self.open.pop() else {
            return refuse(Reason::NotWellFormed, "no end tag without its start tag", stop..stop);
        };
        self.scope.restore(mark);
        let end = offset(self.tree.nodes.len());
        if let Some(node) = self.tree.nodes.get_mut(node as usize) {
            (node.end, node.stop) = (end, offset(stop));
        }
        Ok(())
    }

    /// A piece of text that differs from its spelling. Looks only at what is added, however long the text is.
    pub(crate) fn text_decoded(&mut self, piece: &str, plain: bool, span: Range<usize>) -> Outcome {
        self.budget.note_steps(piece.len());
        let mut start = self.tree.decoded.len();
        if self.in_text
            && let Some(NodeData { kind: Kind::Text { text, plain: all }, stop, .. }) =
                self.tree.nodes.last_mut()
        {
            if text.is_decoded() {
                start = text.range().start;
            } else {
                self.budget.note_steps(text.len());
                self.tree.decoded.push_str(self.source.get(text.range()).unwrap_or_default());
            }
            self.tree.decoded.push_str(piece);
            *text = Slice::decoded(start..self.tree.decoded.len());
            (*all, *stop) = (*all && plain, offset(span.end));
            return within(text.len(), self.budget.limits().text, LimitKind::Token).map_err(over(span));
        }
        self.tree.decoded.push_str(piece);
        self.text(Slice::decoded(start..self.tree.decoded.len()), plain, span)
    }

    /// Text as it stands in the source, unless there is text before it.
    #[inline]
    pub(crate) fn text(&mut self, text: Slice, plain: bool, span: Range<usize>) -> Outcome {
        let Some((parent, _)) = self.open.last().copied().filter(|_| text.len() > 0) else { return Ok(()) };
        within(text.len(), self.budget.limits().text, LimitKind::Token)
            .and_then(|()| self.budget.pay_node())
            .map_err(over(span.clone()))?;
        self.push_node(parent, Kind::Text { text, plain }, span);
        self.in_text = true;
        Ok(())
    }

    /// Checks what can only be known at the end.
    pub(crate) fn finish(mut self) -> Outcome<(S, Tree)> {
        let end = self.source.len();
        if self.is_open() {
            return refuse(Reason::NotWellFormed, "the end tag of every element", end..end);
        }
        if self.tree.nodes.is_empty() {
            return refuse(Reason::Empty, "one root element", end..end);
        }
        let mut ids = std::mem::take(&mut self.tree.ids);
        ids.sort_by(|a, b| self.bytes(a.value).cmp(self.bytes(b.value)));
        for same in ids.chunk_by(|a, b| self.bytes(a.value) == self.bytes(b.value)) {
            if let Some(second) = same.iter().filter(|id| !id.foreign).nth(1) {
                return refuse(Reason::DuplicateId, "each identifier once", second.value.range());
            }
        }
        self.tree.ids = ids;
        Ok((self.source, self.tree))
    }
}
