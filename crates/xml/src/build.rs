//! Names, namespaces, duplicates, identifiers and limits, while the tree grows. Knows nothing of syntax.

use std::{borrow::Cow, cmp::Ordering, ops::Range};

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

pub(crate) struct Builder<'s, 'b> {
    pub(crate) source: &'s str,
    pub(crate) tree: Tree,
    pub(crate) budget: &'b mut Budget,
    pub(crate) scope: Scope,
    open: Vec<Open>,
    text: Option<PendingText>,
    /// Declared on the element that is being read.
    declared: usize,
    /// First attribute of the element that is being read.
    attributed: usize,
    /// Whether one of them has a prefix; whether one of them may be an identifier.
    prefixed: bool,
    identified: bool,
    finished: bool,
}

struct Open {
    node: u32,
    mark: usize,
}

struct PendingText {
    slice: Slice,
    plain: bool,
    start: usize,
    stop: usize,
}

impl<'s, 'b> Builder<'s, 'b> {
    pub(crate) fn new(source: &'s str, budget: &'b mut Budget) -> Self {
        let mut scope = Scope::default();
        scope.bind(XML_PREFIX, XML_NAMESPACE);
        let mut tree = Tree::default();
        // A node for every 64 octets is what messages have; more would cross allocator thresholds for nothing.
        tree.nodes.reserve(source.len() / 64);
        tree.attributes.reserve(source.len() / 64);
        tree.declarations.reserve(8);
        Self {
            source,
            tree,
            budget,
            scope,
            open: Vec::with_capacity(16),
            text: None,
            declared: 0,
            attributed: 0,
            prefixed: false,
            identified: false,
            finished: false,
        }
    }

    #[inline]
    fn bytes(&self, slice: Slice) -> &[u8] {
        self.tree.bytes(self.source, slice)
    }

    #[inline]
    fn local(&self, name: QName) -> &[u8] {
        self.bytes(name.text).get(usize::from(name.local)..).unwrap_or_default()
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Name of the innermost open element, as spelled.
    pub(crate) fn open_name(&self) -> Option<Slice> {
        let node = self.tree.nodes.get(self.open.last()?.node as usize)?;
        match &node.kind {
            Kind::Element(element) => Some(element.name.text),
            Kind::Text { .. } => None,
        }
    }

    /// A name whose namespace is resolved later. `local`: octets before the local part.
    #[inline]
    pub(crate) fn qname(&mut self, prefix: PrefixId, local: usize, text: Slice) -> Outcome<QName> {
        within(text.len(), self.budget.limits().name, LimitKind::Token).map_err(over(text.range()))?;
        Ok(QName { text, local: u16::try_from(local).unwrap_or(u16::MAX), prefix, namespace: 0 })
    }

    #[inline]
    pub(crate) fn prefix_id(&mut self, prefix: Slice) -> Outcome<PrefixId> {
        let name = self.bytes(prefix);
        match name {
            [] => return Ok(0),
            [b'x', b'm', b'l'] => return Ok(XML_PREFIX),
            _ => {}
        }
        let same = |known: &Slice| known.len() == prefix.len() && self.bytes(*known) == name;
        let found = self.tree.prefixes.iter().position(same);
        self.budget.note_steps(self.tree.prefixes.len());
        Ok(2 + number(&mut self.tree.prefixes, found, prefix, self.budget.limits().namespaces)?)
    }

    /// Numbers a namespace name.
    pub(crate) fn namespace_number(&mut self, name: Slice) -> Outcome<NamespaceNumber> {
        self.budget.note_steps(self.tree.namespaces.len());
        within(name.len(), self.budget.limits().namespace, LimitKind::Token).map_err(over(name.range()))?;
        let uri = self.tree.str(self.source, name);
        if let Some(index) = ns::TABLE.iter().position(|entry| entry.0 == uri) {
            return Ok(index_u16(index));
        }
        let found = self.tree.namespaces.iter().position(|known| self.bytes(*known) == uri.as_bytes());
        // Canonical XML 1.0 §1.3: a relative namespace name has no canonical form.
        if found.is_none() && !chars::is_absolute_uri(uri) {
            return Err(Failure::new(Reason::C14n, "an absolute URI as namespace name", name.range()));
        }
        let own = number(&mut self.tree.namespaces, found, name, self.budget.limits().namespaces)?;
        Ok(index_u16(ns::TABLE.len()) + own)
    }

    /// Begins an element; its attributes and declarations follow, then [`Self::enter`].
    pub(crate) fn begin(&mut self, span: Range<usize>) -> Outcome {
        self.flush_text()?;
        if self.finished {
            return Err(Failure::new(Reason::NotWellFormed, "nothing after the root element", span));
        }
        (self.declared, self.attributed) = (self.tree.declarations.len(), self.tree.attributes.len());
        let depth = self.open.len().saturating_add(1);
        within(depth, self.budget.limits().depth, LimitKind::Depth)
            .and_then(|()| self.budget.pay_node())
            .map_err(over(span.clone()))?;
        self.open.push(Open { node: offset(self.tree.nodes.len()), mark: self.scope.mark() });
        Ok(())
    }

    /// `xmlns` (prefix 0) or `xmlns:prefix`; Namespaces in XML 1.0 §2.2, §3, §5.
    pub(crate) fn declare(
        &mut self,
        prefix: PrefixId,
        namespace: NamespaceNumber,
        span: Range<usize>,
    ) -> Outcome {
        let reserved = (namespace == XML_NAMESPACE) != (prefix == XML_PREFIX)
            || namespace == ns::XMLNS.0
            || self.tree.prefix(self.source, prefix) == "xmlns";
        if reserved || (namespace == 0 && prefix != 0) {
            return Err(Failure::new(
                Reason::Namespace,
                "a declaration that Namespaces in XML 1.0 allows",
                span,
            ));
        }
        let own = self.tree.declarations.get(self.declared..).unwrap_or_default();
        if own.iter().any(|declaration| declaration.prefix == prefix) {
            return Err(Failure::new(Reason::DuplicateAttribute, "one declaration of a prefix", span));
        }
        self.budget.note_steps(own.len());
        self.count_attribute(&span)?;
        self.tree.declarations.push(Declaration { prefix, namespace });
        self.scope.bind(prefix, namespace);
        Ok(())
    }

    #[inline]
    pub(crate) fn attribute(&mut self, attribute: AttributeData) -> Outcome {
        let name = attribute.name;
        self.count_attribute(&name.text.range())?;
        self.prefixed |= name.prefix != 0;
        self.identified |= matches!(name.text.len().saturating_sub(usize::from(name.local)), 2 | 11);
        self.tree.attributes.push(attribute);
        Ok(())
    }

    /// Whether an attribute of the element that is being read has this prefix.
    pub(crate) fn attribute_uses(&self, prefix: PrefixId) -> bool {
        let own = self.tree.attributes.get(self.attributed..).unwrap_or_default();
        prefix != 0 && own.iter().any(|attribute| attribute.name.prefix == prefix)
    }

    #[inline]
    fn count_attribute(&mut self, span: &Range<usize>) -> Outcome {
        let attributes = self.tree.attributes.len().saturating_sub(self.attributed);
        let declared = self.tree.declarations.len().saturating_sub(self.declared);
        let count = attributes.saturating_add(declared).saturating_add(1);
        within(count, self.budget.limits().attributes, LimitKind::Attributes)
            .and_then(|()| self.budget.pay_node())
            .map_err(over(span.clone()))
    }

    /// Ends the start tag: resolves prefixes, orders attributes, notes identifiers.
    pub(crate) fn enter(&mut self, mut name: QName, span: Range<usize>) -> Outcome {
        name.namespace = self.resolve(name.prefix, name.text)?;
        if std::mem::take(&mut self.prefixed) {
            self.resolve_attributes()?;
        }
        if self.tree.attributes.len() > self.attributed.saturating_add(1) {
            self.order_attributes()?;
        }
        let index = offset(self.tree.nodes.len());
        if std::mem::take(&mut self.identified) {
            self.note_ids(index);
        }
        if name.namespace == ns::DS.0 && self.local(name) == b"Signature" {
            self.tree.signatures.push(index);
        }
        let parent = self.open.len().checked_sub(2).and_then(|above| self.open.get(above));
        let attribute_count = self.tree.attributes.len().saturating_sub(self.attributed);
        let declaration_count = self.tree.declarations.len().saturating_sub(self.declared);
        self.tree.nodes.push(NodeData {
            parent: parent.map_or(0, |open| open.node),
            end: 0,
            start: offset(span.start),
            stop: offset(span.end),
            kind: Kind::Element(ElementData {
                name,
                attributes: offset(self.attributed),
                declarations: offset(self.declared),
                attribute_count: u16::try_from(attribute_count).unwrap_or(u16::MAX),
                declaration_count: u16::try_from(declaration_count).unwrap_or(u16::MAX),
            }),
        });
        Ok(())
    }

    #[inline]
    fn resolve(&self, prefix: PrefixId, name: Slice) -> Outcome<NamespaceNumber> {
        match self.scope.get(prefix) {
            0 if prefix != 0 => {
                Err(Failure::new(Reason::UnboundPrefix, "a prefix that is declared in scope", name.range()))
            }
            namespace => Ok(namespace),
        }
    }

    fn resolve_attributes(&mut self) -> Outcome {
        for index in self.attributed..self.tree.attributes.len() {
            let Some(AttributeData { name, .. }) = self.tree.attributes.get(index).copied() else { break };
            if name.prefix == 0 {
                continue;
            }
            let namespace = self.resolve(name.prefix, name.text)?;
            if namespace == XML_NAMESPACE && !matches!(self.local(name), b"lang" | b"space") {
                let expected = "no reserved attribute but xml:lang and xml:space";
                return Err(Failure::new(Reason::UnexpectedAttribute, expected, name.text.range()));
            }
            if let Some(attribute) = self.tree.attributes.get_mut(index) {
                attribute.name.namespace = namespace;
            }
        }
        Ok(())
    }

    /// Canonical order (Canonical XML 1.0 §2.2: namespace name, then local part); equal names become neighbours.
    fn order_attributes(&mut self) -> Outcome {
        let mut attributes = std::mem::take(&mut self.tree.attributes);
        let own = attributes.get_mut(self.attributed..).unwrap_or_default();
        let compare = |a: &AttributeData, b: &AttributeData| {
            let (a, b) = (a.name, b.name);
            let namespace = |name: QName| self.tree.namespace(self.source, name.namespace);
            let by_namespace = || namespace(a).cmp(namespace(b));
            let order = if a.namespace == b.namespace { Ordering::Equal } else { by_namespace() };
            order.then_with(|| self.local(a).cmp(self.local(b)))
        };
        let rising = |pair: &[AttributeData]| !matches!(pair, [a, b] if compare(a, b) != Ordering::Less);
        let mut twins = None;
        if !own.windows(2).all(rising) {
            own.sort_unstable_by(compare);
            twins = own
                .windows(2)
                .find(|pair| !rising(pair))
                .and_then(|pair| pair.last())
                .map(|a| a.name.text.range());
        }
        let count = own.len();
        self.tree.attributes = attributes;
        self.budget.note_steps(count);
        twins
            .map_or(Ok(()), |span| Err(Failure::new(Reason::DuplicateAttribute, "each attribute once", span)))
    }

    fn note_ids(&mut self, node: u32) {
        for index in self.attributed..self.tree.attributes.len() {
            let Some(AttributeData { name, value, .. }) = self.tree.attributes.get(index).copied() else {
                break;
            };
            if let local @ (b"ID" | b"Id" | b"id" | b"AssertionID") = self.local(name) {
                let own = name.namespace == 0 || (name.namespace == ns::WSU.0 && local == b"Id");
                self.tree.ids.push(Id { value, node, foreign: !own });
            }
        }
    }

    /// Ends the innermost element.
    pub(crate) fn leave(&mut self, stop: usize) -> Outcome {
        self.flush_text()?;
        let Some(open) = self.open.pop() else {
            return Err(Failure::new(Reason::NotWellFormed, "no end tag without its start tag", stop..stop));
        };
        self.scope.restore(open.mark);
        let end = offset(self.tree.nodes.len());
        if let Some(node) = self.tree.nodes.get_mut(open.node as usize) {
            (node.end, node.stop) = (end, offset(stop));
        }
        self.finished = self.open.is_empty();
        Ok(())
    }

    /// A piece of text as it stands in the source.
    pub(crate) fn text_piece(&mut self, span: Range<usize>, plain: bool) -> Outcome {
        match &mut self.text {
            None => {
                self.check_text(span.len(), &span)?;
                let (start, stop) = (span.start, span.end);
                self.text = Some(PendingText { slice: Slice::source(span), plain, start, stop });
                Ok(())
            }
            Some(_) => {
                let piece = self.source.get(span.clone()).unwrap_or_default();
                self.text_decoded(piece, plain, span)
            }
        }
    }

    /// A piece of text that differs from its spelling. Looks only at what is added, however long the text is.
    pub(crate) fn text_decoded(&mut self, piece: &str, plain: bool, span: Range<usize>) -> Outcome {
        let mut pending = self.text.take().unwrap_or(PendingText {
            slice: Slice::decoded(self.tree.decoded.len()..self.tree.decoded.len()),
            plain: true,
            start: span.start,
            stop: span.end,
        });
        self.budget.note_steps(piece.len());
        let mut range = pending.slice.range();
        if !pending.slice.is_decoded() {
            let first = self.source.get(range).unwrap_or_default();
            self.budget.note_steps(first.len());
            let start = self.tree.decoded.len();
            self.tree.decoded.push_str(first);
            range = start..self.tree.decoded.len();
        }
        self.tree.decoded.push_str(piece);
        range.end = self.tree.decoded.len();
        self.check_text(range.len(), &span)?;
        pending.slice = Slice::decoded(range);
        pending.plain &= plain;
        pending.stop = span.end;
        self.text = Some(pending);
        Ok(())
    }

    fn check_text(&self, length: usize, span: &Range<usize>) -> Outcome {
        within(length, self.budget.limits().text, LimitKind::Token).map_err(over(span.clone()))
    }

    fn flush_text(&mut self) -> Outcome {
        let Some(PendingText { slice, plain, start, stop }) = self.text.take() else { return Ok(()) };
        if slice.len() == 0 {
            return Ok(());
        }
        let Some(parent) = self.open.last() else { return Ok(()) };
        self.budget.pay_node().map_err(over(start..stop))?;
        let end = offset(self.tree.nodes.len().saturating_add(1));
        self.tree.nodes.push(NodeData {
            parent: parent.node,
            end,
            start: offset(start),
            stop: offset(stop),
            kind: Kind::Text { text: slice, plain },
        });
        Ok(())
    }

    pub(crate) fn comment(&mut self, at: usize) {
        self.tree.comments.push(offset(at));
    }

    /// Checks what can only be known at the end.
    pub(crate) fn finish(mut self) -> Outcome<Tree> {
        let end = self.source.len();
        if !self.open.is_empty() {
            return Err(Failure::new(Reason::NotWellFormed, "the end tag of every element", end..end));
        }
        if !self.finished {
            return Err(Failure::new(Reason::Empty, "one root element", end..end));
        }
        let mut ids = std::mem::take(&mut self.tree.ids);
        ids.sort_by(|a, b| self.bytes(a.value).cmp(self.bytes(b.value)));
        for pair in ids.chunk_by(|a, b| self.bytes(a.value) == self.bytes(b.value)) {
            let mut own = pair.iter().filter(|id| !id.foreign);
            if let (Some(_), Some(second)) = (own.next(), own.next()) {
                return Err(Failure::new(Reason::DuplicateId, "each identifier once", second.value.range()));
            }
        }
        self.tree.ids = ids;
        Ok(self.tree)
    }
}
