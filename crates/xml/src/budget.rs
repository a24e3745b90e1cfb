//! One budget for everything that a sender can multiply (attacks DOS-01 … DOS-14).

use chukei_reason::LimitKind;

/// How much one message may have. `Limits::message()` is the default of every entry point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the message, plaintexts opened from it included.
    pub bytes: usize,
    /// Elements inside elements.
    pub depth: usize,
    /// Elements, texts, attributes and declarations together.
    pub nodes: usize,
    /// Attributes and declarations on one element.
    pub attributes: usize,
    /// Different prefixes, and different namespace names, in one document.
    pub namespaces: usize,
    /// Octets of one name.
    pub name: usize,
    /// Octets of one namespace name. A canonical form repeats it at every use.
    pub namespace: usize,
    /// Octets of one attribute value.
    pub value: usize,
    /// Octets of one text.
    pub text: usize,
    /// Octets canonicalised for digests.
    pub canonical: u64,
    /// References of one signature.
    pub references: usize,
    /// Signatures verified and keys unwrapped.
    pub operations: usize,
}

impl Limits {
    /// Limits of a protocol message.
    pub const fn message() -> Self {
        Self {
            bytes: 2 << 20, // metadata aggregates and record sets of the pilots stay below 1 MiB
            depth: 64,      // the deepest message of the standard has 14
            nodes: 1 << 17, // a 1 MiB record set has about 40,000; 44 octets each in memory
            attributes: 64, // the widest element of the standard has 11
            namespaces: 64, // the widest message has 16; every use of a name is a search among them
            name: 1 << 10,
            namespace: 1 << 8,  // the longest of the standard has 88
            value: 1 << 16,     // the longest are URLs
            text: 1 << 19,      // 384 KiB of plaintext as base64: larger record sets come in pages
            canonical: 8 << 20, // a canonical form is about as long as the message
            references: 32,     // Body, ten headers, the tokens
            operations: 32,     // a message, its token, and envelopes in a batch; keys in change count twice
        }
    }
}

/// What a message has used so far. Tests assert growth on these counters, never on time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Octets parsed.
    pub bytes: usize,
    /// Elements, texts, attributes and declarations made.
    pub nodes: usize,
    /// Steps of the parser that depend on content: octets joined, prefixes and namespaces compared.
    pub steps: u64,
    /// Octets canonicalised for digests.
    pub canonical: u64,
    /// Signatures verified and keys unwrapped.
    pub operations: usize,
}

/// The limits of one message and what it has used of them.
///
/// One value goes by `&mut` through parsing, verification and opening, so that a plaintext cannot start afresh.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    spent: Spent,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Limits::message())
    }
}

impl Budget {
    /// A fresh budget. Limits beyond what the tree can number are lowered to that.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits {
            bytes: limits.bytes.min(1 << 30),
            attributes: limits.attributes.min(usize::from(u16::MAX)),
            namespaces: limits.namespaces.min(usize::from(u16::MAX) / 2),
            name: limits.name.min(usize::from(u16::MAX)),
            ..limits
        };
        Self { limits, spent: Spent::default() }
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What was used.
    pub const fn spent(&self) -> Spent {
        self.spent
    }

    /// Pays for octets to parse.
    pub(crate) fn pay_bytes(&mut self, octets: usize) -> Result<(), LimitKind> {
        self.spent.bytes = self.spent.bytes.saturating_add(octets);
        within(self.spent.bytes, self.limits.bytes, LimitKind::Bytes)
    }

    /// Pays for one node.
    #[inline]
    pub(crate) fn pay_node(&mut self) -> Result<(), LimitKind> {
        self.spent.nodes = self.spent.nodes.saturating_add(1);
        within(self.spent.nodes, self.limits.nodes, LimitKind::Nodes)
    }

    #[inline]
    pub(crate) fn note_steps(&mut self, steps: usize) {
        self.spent.steps = self.spent.steps.saturating_add(steps as u64);
    }

    /// Canonical octets that may still be digested.
    pub const fn canonical_left(&self) -> u64 {
        self.limits.canonical.saturating_sub(self.spent.canonical)
    }

    /// Pays for canonical octets that were digested.
    ///
    /// # Errors
    /// `LimitKind::Bytes` when the message has used them up.
    pub fn pay_canonical(&mut self, octets: u64) -> Result<(), LimitKind> {
        self.spent.canonical = self.spent.canonical.saturating_add(octets);
        if self.spent.canonical <= self.limits.canonical { Ok(()) } else { Err(LimitKind::Bytes) }
    }

    /// Pays for one public- or private-key operation.
    ///
    /// # Errors
    /// `LimitKind::Operations` when the message has used them up.
    pub fn pay_operation(&mut self) -> Result<(), LimitKind> {
        self.spent.operations = self.spent.operations.saturating_add(1);
        within(self.spent.operations, self.limits.operations, LimitKind::Operations)
    }

    /// Checks the number of references of one signature.
    ///
    /// # Errors
    /// `LimitKind::References` when there are more than allowed.
    pub fn check_references(&self, count: usize) -> Result<(), LimitKind> {
        within(count, self.limits.references, LimitKind::References)
    }
}

/// The one comparison behind every limit.
#[inline]
pub(crate) const fn within(value: usize, limit: usize, kind: LimitKind) -> Result<(), LimitKind> {
    if value <= limit { Ok(()) } else { Err(kind) }
}
