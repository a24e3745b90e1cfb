//! The one place through which every check of a sentence goes.

use chukei_reason::Reason;

use crate::Refusal;

/// Which checks are made: all of them.
///
/// With the feature `danger-faults`, a mock party can be told to skip sentences by id; without it, there is nothing to tell.
///
/// ```
/// # use chukei_idwsf::Checks; use chukei_reason::Reason;
/// let refused = Checks::default().require("message.to.is-receiver", false, Reason::To, "our endpoint");
/// assert_eq!(refused.unwrap_err().reason(), Reason::To);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Checks {
    #[cfg(feature = "danger-faults")]
    skipped: std::collections::BTreeSet<String>,
}

impl Checks {
    /// Skips these sentences: a named fault of a mock party.
    #[cfg(feature = "danger-faults")]
    #[must_use]
    pub fn danger_skipping<S: Into<String>>(sentences: impl IntoIterator<Item = S>) -> Self {
        Self { skipped: sentences.into_iter().map(Into::into).collect() }
    }

    /// Refuses unless it holds.
    ///
    /// # Errors
    /// The refusal that the sentence demands.
    pub fn require(
        &self,
        sentence: &'static str,
        holds: bool,
        reason: Reason,
        expected: &'static str,
    ) -> Result<(), Refusal> {
        if holds || self.skips(sentence) { Ok(()) } else { Err(Refusal::new(sentence, reason, expected)) }
    }

    /// Whether a mock party skips this sentence. Never, without the feature.
    #[cfg(not(feature = "danger-faults"))]
    #[must_use]
    #[inline]
    pub const fn skips(&self, _: &str) -> bool {
        false
    }

    /// Whether a mock party skips this sentence.
    #[cfg(feature = "danger-faults")]
    #[must_use]
    pub fn skips(&self, sentence: &str) -> bool {
        self.skipped.contains(sentence)
    }
}
