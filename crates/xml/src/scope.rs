//! Prefix → namespace bindings with an undo log. Serves the parser (in scope) and the canonicaliser (rendered).

/// Number of a prefix in its document; 0 is the absence of one.
pub(crate) type PrefixId = u16;
/// Number of a namespace in its document; 0 is none.
pub(crate) type NamespaceNumber = u16;

#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    current: Vec<NamespaceNumber>,
    undo: Vec<(PrefixId, NamespaceNumber)>,
}

impl Scope {
    #[inline]
    pub(crate) fn get(&self, prefix: PrefixId) -> NamespaceNumber {
        self.current.get(usize::from(prefix)).copied().unwrap_or_default()
    }

    pub(crate) fn bind(&mut self, prefix: PrefixId, namespace: NamespaceNumber) {
        let index = usize::from(prefix);
        if self.current.len() <= index {
            self.current.resize((index + 1).next_multiple_of(16), 0);
            self.undo.reserve(16);
        }
        if let Some(slot) = self.current.get_mut(index) {
            self.undo.push((prefix, *slot));
            *slot = namespace;
        }
    }

    /// To be given to [`Self::restore`] when the element closes.
    #[inline]
    pub(crate) fn mark(&self) -> usize {
        self.undo.len()
    }

    #[inline]
    pub(crate) fn restore(&mut self, mark: usize) {
        while self.undo.len() > mark {
            let (prefix, namespace) = self.undo.pop().unwrap_or_default();
            if let Some(slot) = self.current.get_mut(usize::from(prefix)) {
                *slot = namespace;
            }
        }
    }
}
