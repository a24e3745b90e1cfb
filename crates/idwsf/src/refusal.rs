//! Why a message was refused, and by which sentence.

use std::{borrow::Cow, fmt};

use chukei_reason::{Answer, Reason};
use chukei_xml::{Position, XmlError};

/// A refusal. It stays inside; a peer is told what [`crate::fault()`] says. Its `Display` holds nothing that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    answer: Answer,
    sentence: &'static str,
    expected: Cow<'static, str>,
    position: Option<Position>,
}

impl Refusal {
    /// A refusal that this sentence demands.
    #[must_use]
    pub const fn new(sentence: &'static str, reason: Reason, expected: &'static str) -> Self {
        Self { reason, answer: reason.answer(), sentence, expected: Cow::Borrowed(expected), position: None }
    }

    /// Our own mistake, or a store or device that failed us.
    #[must_use]
    pub const fn internal(expected: &'static str) -> Self {
        Self::new("answer.internal.server-fault", Reason::Internal, expected)
    }

    /// The same, with what was found in its place: words of ours.
    pub(crate) fn because(expected: &'static str, found: &str) -> Self {
        Self { expected: Cow::Owned(format!("{expected} ({found})")), ..Self::internal(expected) }
    }

    /// The same refusal of another sentence, with the answer of another group: inside a ciphertext, everything has one.
    #[must_use]
    pub const fn answered(mut self, sentence: &'static str, answer: Answer) -> Self {
        (self.sentence, self.answer) = (sentence, answer);
        self
    }

    /// What the peer is told.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        self.answer
    }

    /// The ground for refusal.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Id of the sentence in `spec/` that demands it.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        self.sentence
    }

    /// What was expected, for a developer's eyes: may name elements of the message.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Where in the bytes, if a place is to blame.
    #[must_use]
    pub const fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }
}

impl From<XmlError> for Refusal {
    fn from(error: XmlError) -> Self {
        Self {
            reason: error.reason(),
            answer: error.reason().answer(),
            sentence: error.reason().sentence(),
            expected: Cow::Owned(error.expected().to_owned()),
            position: Some(error.position().clone()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.sentence)?;
        // What failed us is for who runs the party; what a peer did wrong is in the reason.
        if self.reason == Reason::Internal {
            write!(f, ": expected {}", self.expected)?;
        }
        match &self.position {
            Some(place) => write!(f, " at line {}, column {}", place.line, place.column),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unavailable;

    #[test]
    fn what_failed_us_is_told_and_what_a_peer_did_is_not() {
        let full = Refusal::from(Unavailable::new("database or disk is full"));
        assert_eq!(
            full.to_string(),
            "Internal (answer.internal.server-fault): expected a store that answers (database or disk is full)"
        );
        let to = Refusal::new("message.to.self", Reason::To, "our own address");
        assert_eq!(to.to_string(), "To (message.to.self)");
    }
}
