//! Where bytes were refused, why, and what was expected there.

use std::{borrow::Cow, fmt, ops::Range};

use chukei_reason::Reason;

/// A place in the input, before any normalisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1; CR, LF and CRLF end one.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Octets from the start of the input.
    pub span: Range<usize>,
}

/// Bytes that are not the XML, or not the schema, that was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError {
    reason: Reason,
    expected: Cow<'static, str>,
    position: Position,
}

impl XmlError {
    #[cold]
    pub(crate) fn new(reason: Reason, expected: impl Into<Cow<'static, str>>, position: Position) -> Self {
        Self { reason, expected: expected.into(), position }
    }

    /// An error about text that is no XML, e.g. a query string: line 1, columns are octets.
    pub fn in_text(reason: Reason, expected: impl Into<Cow<'static, str>>, span: Range<usize>) -> Self {
        Self::new(reason, expected, Position { line: 1, column: span.start.saturating_add(1), span })
    }

    /// The ground for refusal.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// What was expected at the place, in words or as the name of an element or attribute.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The place.
    pub const fn position(&self) -> &Position {
        &self.position
    }

    /// The same error under another reason: the same deviation weighs differently inside a signature.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.reason = reason;
        self
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column, span } = &self.position;
        let (start, end, expected) = (span.start, span.end, &self.expected);
        write!(
            f,
            "{} at line {line}, column {column} (octets {start}..{end}): expected {expected}",
            self.reason
        )
    }
}

impl std::error::Error for XmlError {}
