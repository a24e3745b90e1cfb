//! Exclusive XML Canonicalization 1.0 without comments, and plain writing; one loop for both.

use chukei_reason::Reason;

use crate::{
    chars,
    document::{AttributeData, Declaration, Document, ElementData, Kind, NodeId, Slice, offset},
    element::Element,
    error::XmlError,
    scope::{NamespaceNumber, PrefixId, Scope},
};

/// Takes canonical bytes as they are made.
pub trait Sink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Whether it will take no more. The canonical form is then left unfinished, and the owner of the sink has to
    /// treat it as failed.
    fn is_full(&self) -> bool {
        false
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The exclusive canonical form of one subtree (Exclusive XML Canonicalization 1.0 §3).
#[derive(Clone, Debug)]
pub struct Canonical<'d> {
    document: &'d Document,
    apex: Element<'d>,
    omitted: Option<NodeId>,
    inclusive: Vec<PrefixId>,
    apex_default: bool,
}

impl<'d> Canonical<'d> {
    pub(crate) fn new(document: &'d Document, apex: Element<'d>) -> Self {
        Self { document, apex, omitted: None, inclusive: Vec::new(), apex_default: false }
    }

    /// Leaves one subtree out: the enveloped-signature transform (XML Signature §6.6.4).
    #[must_use]
    pub fn omit(mut self, part: NodeId) -> Self {
        self.omitted = Some(part);
        self
    }

    /// Treats these prefixes as inclusive canonicalisation does: `InclusiveNamespaces PrefixList` (§3), white-space
    /// separated, `#default` for no prefix.
    ///
    /// # Errors
    /// `C14n` for a prefix that is not in scope at the apex or below: nothing sensible can be meant by it.
    pub fn inclusive(mut self, prefix_list: &str) -> Result<Self, XmlError> {
        for prefix in prefix_list.split_ascii_whitespace() {
            let known = match prefix {
                "#default" => Some(0),
                "xml" => Some(1),
                name => self.declared(name),
            };
            self.inclusive.push(known.ok_or_else(|| {
                let found = prefix.escape_debug();
                self.apex
                    .error(Reason::C14n, format!("prefixes in PrefixList that are declared, not `{found}`"))
            })?);
        }
        Ok(self)
    }

    /// The number of a prefix that is declared at the apex, above or below it.
    fn declared(&self, name: &str) -> Option<PrefixId> {
        let known = &self.document.tree.prefixes;
        let index = known.iter().position(|slice| self.document.bytes(*slice) == name.as_bytes())?;
        let prefix = u16::try_from(index + 2).ok()?;
        let mut scopes = self.apex.ancestors().chain(self.apex.descendants()).filter_map(Element::data);
        let declares = |declared: &Declaration| declared.prefix == prefix;
        scopes.any(|data| self.document.declarations(data).iter().any(declares)).then_some(prefix)
    }

    /// Treats every prefix as inclusive. Only for finding out what a faulty signer did.
    #[must_use]
    pub fn all_inclusive(mut self) -> Self {
        let end = u16::try_from(self.document.tree.prefixes.len() + 2).unwrap_or(u16::MAX);
        self.inclusive = (0..end).filter(|prefix| *prefix != 1).collect();
        self
    }

    /// Writes `xmlns=""` on an apex without default namespace, as the STR Dereference Transform demands
    /// (WSS SOAP Message Security 1.1 §8.3).
    #[must_use]
    pub fn with_apex_default(mut self) -> Self {
        self.apex_default = true;
        self
    }

    /// The canonical bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes);
        bytes
    }

    /// The canonical bytes, into a sink.
    pub fn write_to(&self, sink: &mut impl Sink) {
        if self.document.spelled { self.emit_spelled(sink) } else { self.emit(true, sink) }
    }

    /// Of a source that is spelled as it is written, long pieces: it differs in declarations alone.
    fn emit_spelled(&self, sink: &mut impl Sink) {
        let source = |from: u32, to: u32| self.document.bytes(Slice::source(from as usize..to as usize));
        let Some(apex) = self.document.node(self.apex.index()) else { return };
        let mut state = State::new(self);
        let (mut from, mut index) = (apex.start, self.apex.index());
        while let Some(node) = self.document.node(index).filter(|_| index < apex.end) {
            if self.omitted == Some(NodeId(index)) {
                sink.put(source(from, node.start));
                (from, index) = (node.stop, node.end);
                continue;
            }
            if let Kind::Element(data) = &node.kind {
                while let Some(tag) = state.open.pop_if(|tag| tag.end <= index) {
                    state.restore(&tag);
                }
                let marks = state.marks();
                state.wanted(data, index == self.apex.index());
                if data.declaration_count > 0 || !state.prefixes.is_empty() {
                    // Declarations stand between the name and the attributes.
                    sink.put(source(from, node.start + offset("<".len() + data.name.text.len())));
                    state.declarations(data, true, sink);
                    // Behind the start tag.
                    let first = self.document.node(index + 1).filter(|_| index + 1 < node.end);
                    let content = first
                        .map_or(node.stop - offset("</>".len() + data.name.text.len()), |first| first.start);
                    let attribute = self.document.attributes(data).first();
                    from = attribute.map_or(content, |first| offset(first.name.text.range().start)) - 1;
                    state.open.push(OpenTag { end: node.end, name: data.name.text, marks });
                }
            }
            index += 1;
        }
        sink.put(source(from, apex.stop));
    }

    /// The canonical bytes, or the same with declarations where they stand in the document.
    pub(crate) fn emit(&self, canonical: bool, sink: &mut impl Sink) {
        let mut state = State::new(self);
        let mut index = self.apex.index();
        let end = self.apex.end();
        while index < end {
            let Some(node) = self.document.node(index) else { break };
            if sink.is_full() {
                return;
            }
            state.close_until(index, sink);
            if self.omitted == Some(NodeId(index)) {
                index = node.end;
                continue;
            }
            match &node.kind {
                Kind::Text { text, plain: true } => sink.put(self.document.bytes(*text)),
                Kind::Text { text, plain: false } => {
                    escape(self.document.str(*text), false, |piece| sink.put(piece.as_bytes()));
                }
                Kind::Element(data) => {
                    let marks = state.marks();
                    if canonical {
                        state.wanted(data, index == self.apex.index());
                    }
                    state.start_tag(data, canonical, sink);
                    state.open.push(OpenTag { end: node.end, name: data.name.text, marks });
                }
            }
            index += 1;
        }
        state.close_until(end, sink);
    }

    /// Bindings above the apex; only wanted when some prefix is treated as inclusive.
    fn outer_scope(&self) -> Scope {
        let mut scope = Scope::default();
        if !self.inclusive.is_empty() {
            let mut above: Vec<_> = self.apex.ancestors().filter_map(Element::data).collect();
            above.reverse();
            for declared in above.into_iter().flat_map(|data| self.document.declarations(data)) {
                scope.bind(declared.prefix, declared.namespace);
            }
        }
        scope
    }

    #[inline(always)]
    fn attribute(&self, attribute: &AttributeData, sink: &mut impl Sink) {
        let AttributeData { name, value, plain, verbatim } = attribute;
        if *verbatim {
            return sink.put(self.document.bytes(name.text.around(*value)));
        }
        sink.put(b" ");
        sink.put(self.document.bytes(name.text));
        sink.put(b"=\"");
        if *plain {
            sink.put(self.document.bytes(*value));
        } else {
            escape(self.document.str(*value), true, |piece| sink.put(piece.as_bytes()));
        }
        sink.put(b"\"");
    }

    fn declaration(&self, prefix: PrefixId, namespace: NamespaceNumber, sink: &mut impl Sink) {
        let (prefix, namespace) = (self.document.prefix(prefix), self.document.namespace(namespace));
        declaration(prefix, namespace, |piece| sink.put(piece.as_bytes()));
    }
}

/// Spells a declaration. An absolute URI has no character that is escaped.
#[inline]
pub(crate) fn declaration(prefix: &str, namespace: &str, mut put: impl FnMut(&str)) {
    put(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
    put(prefix);
    put("=\"");
    put(namespace);
    put("\"");
}

struct OpenTag {
    end: u32,
    name: Slice,
    marks: (usize, usize),
}

struct State<'c, 'd> {
    this: &'c Canonical<'d>,
    /// What output ancestors have declared.
    rendered: Scope,
    /// What the source has in scope; kept only for inclusive prefixes.
    scope: Scope,
    open: Vec<OpenTag>,
    /// Of one tag, to be sorted.
    prefixes: Vec<PrefixId>,
}

impl<'c, 'd> State<'c, 'd> {
    fn new(this: &'c Canonical<'d>) -> Self {
        Self {
            this,
            rendered: Scope::default(),
            scope: this.outer_scope(),
            open: Vec::with_capacity(16),
            prefixes: Vec::with_capacity(8),
        }
    }

    #[inline]
    fn marks(&self) -> (usize, usize) {
        (self.rendered.mark(), self.scope.mark())
    }

    #[inline]
    fn restore(&mut self, tag: &OpenTag) {
        self.rendered.restore(tag.marks.0);
        self.scope.restore(tag.marks.1);
    }

    #[inline]
    fn close_until(&mut self, index: u32, sink: &mut impl Sink) {
        while self.open.last().is_some_and(|tag| tag.end <= index) {
            let Some(tag) = self.open.pop() else { break };
            sink.put(b"</");
            sink.put(self.this.document.bytes(tag.name));
            sink.put(b">");
            self.restore(&tag);
        }
    }

    /// §3: a namespace is declared where its prefix is visibly utilised and no output ancestor has declared the same.
    #[inline(always)]
    fn wanted(&mut self, data: &ElementData, apex: bool) {
        let document = self.this.document;
        let attributes = document.attributes(data);
        let inclusive = !self.this.inclusive.is_empty();
        if inclusive {
            for declared in document.declarations(data) {
                self.scope.bind(declared.prefix, declared.namespace);
            }
        }
        self.prefixes.clear();
        let mut wants = |prefix: PrefixId, namespace: NamespaceNumber| {
            if prefix != 1 && self.rendered.get(prefix) != namespace {
                self.rendered.bind(prefix, namespace);
                self.prefixes.push(prefix);
            }
        };
        wants(data.name.prefix, data.name.namespace);
        for attribute in attributes.iter().filter(|attribute| attribute.name.prefix != 0) {
            wants(attribute.name.prefix, attribute.name.namespace);
        }
        if inclusive {
            for prefix in &self.this.inclusive {
                wants(*prefix, self.scope.get(*prefix));
            }
        }
        if apex && self.this.apex_default && self.rendered.get(0) == 0 {
            self.prefixes.push(0);
        }
        if self.prefixes.len() > 1 {
            self.prefixes.sort_unstable_by(|a, b| document.prefix(*a).cmp(document.prefix(*b)));
            self.prefixes.dedup();
        }
    }

    /// A start tag with the declarations that are wanted, or with its own.
    #[inline(always)]
    fn start_tag(&self, data: &ElementData, canonical: bool, sink: &mut impl Sink) {
        sink.put(b"<");
        sink.put(self.this.document.bytes(data.name.text));
        self.declarations(data, canonical, sink);
        for attribute in self.this.document.attributes(data) {
            self.this.attribute(attribute, sink);
        }
        sink.put(b">");
    }

    #[inline(always)]
    fn declarations(&self, data: &ElementData, canonical: bool, sink: &mut impl Sink) {
        if canonical {
            for prefix in &self.prefixes {
                self.this.declaration(*prefix, self.rendered.get(*prefix), sink);
            }
        } else {
            for Declaration { prefix, namespace } in self.this.document.declarations(data) {
                self.this.declaration(*prefix, *namespace, sink);
            }
        }
    }
}

/// Canonical XML 1.0 §2.3: the characters that are written as references.
pub(crate) fn escape(mut rest: &str, in_attribute: bool, mut put: impl FnMut(&str)) {
    let special = if in_attribute { chars::VALUE_SPECIAL } else { chars::TEXT_SPECIAL };
    while let Some((run, tail)) = rest.split_at_checked(chars::run(rest.as_bytes(), special))
        && let Some((one, tail)) = tail.split_at_checked(1)
    {
        put(run);
        put(reference(one, in_attribute).unwrap_or(one));
        rest = tail;
    }
    put(rest);
}

#[inline]
fn reference(one: &str, in_attribute: bool) -> Option<&'static str> {
    match one {
        "&" => Some("&amp;"),
        "<" => Some("&lt;"),
        "\r" => Some("&#xD;"),
        ">" if !in_attribute => Some("&gt;"),
        "\"" if in_attribute => Some("&quot;"),
        "\t" if in_attribute => Some("&#x9;"),
        "\n" if in_attribute => Some("&#xA;"),
        _ => None,
    }
}
