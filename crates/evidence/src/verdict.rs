//! What a judge says, and what it means by the level of the sentence.

use std::ops::Range;

use chukei_spec::Level;
use serde::{Deserialize, Serialize};

/// What a judge says about one case. It never says how grave that is: [`outcome`] reads that from the sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// The sentence was put to the test and holds.
    Pass,
    /// It does not hold.
    Violated {
        /// What was found.
        because: Finding,
        /// Where in the transcript, the most telling place first.
        at: Vec<Place>,
    },
    /// It was not put to the test.
    Unreached {
        /// The premise that is missing.
        missing: Phrase,
    },
}

/// What was found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Reason code such as `envelope.audience.accepted`; its text is in the catalogue of messages.
    pub code: String,
    /// What the sentence demands here.
    pub expected: Phrase,
    /// What the product did.
    pub observed: Phrase,
    /// What helps to mend it, such as the diagnosis of a signature; likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<Phrase>,
}

impl Finding {
    /// A finding without further detail.
    pub fn new(code: &str, expected: impl Into<Phrase>, observed: impl Into<Phrase>) -> Self {
        Self { code: code.into(), expected: expected.into(), observed: observed.into(), detail: Vec::new() }
    }

    /// The same with one more detail.
    #[must_use]
    pub fn with(mut self, detail: impl Into<Phrase>) -> Self {
        self.detail.push(detail.into());
        self
    }

    /// The verdict, with its places.
    pub fn at<P: Into<Place>>(self, at: impl IntoIterator<Item = P>) -> Verdict {
        Verdict::Violated { because: self, at: at.into_iter().map(Into::into).collect() }
    }
}

/// Something said in a report: a literal value, or a key of the catalogue with arguments for `{0}`, `{1}`, …
///
/// `"insurer-c".into()` is a value and is shown as it is; `Phrase::key("refusal", ["…"])` is shown in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Phrase {
    /// A value, the same in every language.
    Value(String),
    /// A text of the catalogue.
    Key {
        /// Its key.
        key: String,
        /// What stands for `{0}`, `{1}`, …
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<String>,
    },
}

impl Phrase {
    /// A text of the catalogue.
    pub fn key<S: Into<String>>(key: &str, with: impl IntoIterator<Item = S>) -> Self {
        Self::Key { key: key.into(), with: with.into_iter().map(Into::into).collect() }
    }

    /// A text of the catalogue without arguments.
    #[must_use]
    pub fn plain(key: &str) -> Self {
        Self::Key { key: key.into(), with: Vec::new() }
    }
}

impl From<&str> for Phrase {
    fn from(value: &str) -> Self {
        Self::Value(value.into())
    }
}

impl From<String> for Phrase {
    fn from(value: String) -> Self {
        Self::Value(value)
    }
}

/// A place in the transcript: an event, and the bytes of its body where they can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The event.
    pub seq: u32,
    /// Bytes of its body: first, and one past the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<(u32, u32)>,
}

impl Place {
    /// Bytes of a body; a range beyond 4 GiB marks the whole event.
    #[must_use]
    pub fn bytes(seq: u32, range: &Range<usize>) -> Self {
        let bytes = u32::try_from(range.start).ok().zip(u32::try_from(range.end).ok());
        Self { seq, bytes }
    }
}

impl From<u32> for Place {
    fn from(seq: u32) -> Self {
        Self { seq, bytes: None }
    }
}

impl Verdict {
    /// Not put to the test.
    pub fn unreached(missing: impl Into<Phrase>) -> Self {
        Self::Unreached { missing: missing.into() }
    }

    /// Whether it is a pass.
    #[must_use]
    pub const fn is_pass(&self) -> bool {
        matches!(self, Self::Pass)
    }

    /// Whether it is a violation.
    #[must_use]
    pub const fn is_violated(&self) -> bool {
        matches!(self, Self::Violated { .. })
    }

    /// Whether the sentence was not put to the test.
    #[must_use]
    pub const fn is_unreached(&self) -> bool {
        matches!(self, Self::Unreached { .. })
    }
}

/// What a verdict means for the product, in ascending order of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The sentence is not claimed by the profile.
    NotClaimed,
    /// It holds.
    Pass,
    /// A MAY was not used.
    Info,
    /// A SHOULD does not hold.
    Warn,
    /// Not put to the test: counts against the product, and is never green.
    Unreached,
    /// A MUST does not hold.
    Fail,
    /// The suite failed. The run is void.
    HarnessError,
}

impl Outcome {
    /// Every outcome, the gravest first.
    pub const GRAVEST_FIRST: [Self; 7] = [
        Self::HarnessError,
        Self::Fail,
        Self::Unreached,
        Self::Warn,
        Self::Info,
        Self::Pass,
        Self::NotClaimed,
    ];

    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotClaimed => "not-claimed",
            Self::Pass => "pass",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Unreached => "unreached",
            Self::Fail => "fail",
            Self::HarnessError => "harness-error",
        }
    }
}

/// **The policy.** The level of the sentence and the judge's verdict decide; nothing else does.
///
/// | verdict | MUST, MUST NOT | SHOULD, SHOULD NOT | MAY |
/// |---|---|---|---|
/// | `Pass` | Pass | Pass | Pass |
/// | `Violated` | **Fail** | Warn | Info |
/// | `Unreached` | **Unreached** | Unreached | Unreached |
/// | not claimed | NotClaimed | NotClaimed | NotClaimed |
///
/// A case in which the suite itself failed has no verdict: [`Outcome::HarnessError`], and the run is void.
#[must_use]
pub const fn outcome(level: Level, verdict: &Verdict, claimed: bool) -> Outcome {
    if !claimed {
        return Outcome::NotClaimed;
    }
    match (verdict, level) {
        (Verdict::Pass, _) => Outcome::Pass,
        (Verdict::Unreached { .. }, _) => Outcome::Unreached,
        (Verdict::Violated { .. }, Level::Must | Level::MustNot) => Outcome::Fail,
        (Verdict::Violated { .. }, Level::Should | Level::ShouldNot) => Outcome::Warn,
        (Verdict::Violated { .. }, Level::May) => Outcome::Info,
    }
}
