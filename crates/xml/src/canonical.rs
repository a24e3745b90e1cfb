//! Exclusive XML Canonicalization 1.0 without comments, and plain writing; one loop for both.

use chukei_reason::Reason;

use crate::{
    chars,
    document::{AttributeData, Declaration, Document, ElementData, Kind, NodeId, Slice},
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
        self.emit(true, sink);
    }

    pub(crate) fn write_as_declared(&self, sink: &mut impl Sink) {
        self.emit(false, sink);
    }

    fn emit(&self, canonical: bool, sink: &mut impl Sink) {
        let mut state = State {
            this: self,
            rendered: Scope::default(),
            scope: self.outer_scope(),
            open: Vec::with_capacity(16),
            prefixes: Vec::with_capacity(8),
        };
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
                Kind::Text { text, plain: false } => escape(self.document.bytes(*text), false, sink),
                Kind::Element(data) => {
                    let marks = (state.rendered.mark(), state.scope.mark());
                    sink.put(b"<");
                    sink.put(self.document.bytes(data.name.text));
                    if canonical {
                        state.render_namespaces(data, index == self.apex.index(), sink);
                    } else {
                        for Declaration { prefix, namespace } in self.document.declarations(data) {
                            self.declaration(*prefix, *namespace, sink);
                        }
                    }
                    for attribute in self.document.attributes(data) {
                        self.attribute(attribute, sink);
                    }
                    sink.put(b">");
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

    #[inline]
    fn attribute(&self, attribute: &AttributeData, sink: &mut impl Sink) {
        let AttributeData { name, value, plain, verbatim } = attribute;
        if *verbatim {
            return sink.put(self.document.bytes(name.text.around(*value)));
        }
        sink.put(b" ");
        sink.put(self.document.bytes(name.text));
        sink.put(b"=\"");
        match self.document.bytes(*value) {
            value if *plain => sink.put(value),
            value => escape(value, true, sink),
        }
        sink.put(b"\"");
    }

    fn declaration(&self, prefix: PrefixId, namespace: NamespaceNumber, sink: &mut impl Sink) {
        sink.put(b" xmlns");
        if prefix != 0 {
            sink.put(b":");
            sink.put(self.document.prefix(prefix).as_bytes());
        }
        sink.put(b"=\"");
        // An absolute URI has no character that is escaped.
        sink.put(self.document.namespace(namespace).as_bytes());
        sink.put(b"\"");
    }
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

impl State<'_, '_> {
    #[inline]
    fn close_until(&mut self, index: u32, sink: &mut impl Sink) {
        while self.open.last().is_some_and(|tag| tag.end <= index) {
            let Some(tag) = self.open.pop() else { break };
            sink.put(b"</");
            sink.put(self.this.document.bytes(tag.name));
            sink.put(b">");
            self.rendered.restore(tag.marks.0);
            self.scope.restore(tag.marks.1);
        }
    }

    /// §3: a namespace is declared where its prefix is visibly utilised and no output ancestor has declared the same.
    #[inline]
    fn render_namespaces(&mut self, data: &ElementData, apex: bool, sink: &mut impl Sink) {
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
        for prefix in &self.prefixes {
            self.this.declaration(*prefix, self.rendered.get(*prefix), sink);
        }
    }
}

/// Canonical XML 1.0 §2.3: the characters that are written as references.
fn escape(mut rest: &[u8], in_attribute: bool, sink: &mut impl Sink) {
    let special = if in_attribute { chars::VALUE_SPECIAL } else { chars::TEXT_SPECIAL };
    while let Some((run, [byte, tail @ ..])) = rest.split_at_checked(chars::run(rest, special)) {
        sink.put(run);
        sink.put(reference(*byte, in_attribute).unwrap_or(&[*byte]));
        rest = tail;
    }
    sink.put(rest);
}

#[inline]
fn reference(byte: u8, in_attribute: bool) -> Option<&'static [u8]> {
    match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'\r' => Some(b"&#xD;"),
        b'>' if !in_attribute => Some(b"&gt;"),
        b'"' if in_attribute => Some(b"&quot;"),
        b'\t' if in_attribute => Some(b"&#x9;"),
        b'\n' if in_attribute => Some(b"&#xA;"),
        _ => None,
    }
}
