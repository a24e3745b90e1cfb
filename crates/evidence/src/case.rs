//! The shapes that the suite's content fills: cases and judges.

use chukei_spec::{Role, Sentence};

use crate::{Exchange, Verdict};

/// What is known of a case without running it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its id, a path such as `envelope/audience/other`.
    pub id: &'static str,
    /// The case that differs from it in the deviation only. Every negative case has one.
    pub twin: Option<&'static str>,
    /// The one declared difference, such as `envelope.audience=insurer-c`; empty in a positive case.
    pub deviation: &'static str,
    /// The role that the product plays in it.
    pub role: Role,
    /// The sentences that it puts to the test.
    pub sentences: &'static [&'static Sentence],
    /// The optional features of the profile that it needs: only products that claim them all are put to this test.
    pub features: &'static [&'static str],
}

impl Case {
    /// A feature that it needs and that is not among these claims.
    #[must_use]
    pub fn unclaimed(&self, claims: &[impl AsRef<str>]) -> Option<&'static str> {
        self.features.iter().copied().find(|feature| !claims.iter().any(|claim| claim.as_ref() == *feature))
    }
}

/// A pure function of what was recorded, for one sentence.
#[derive(Clone, Copy, Debug)]
pub struct Judge {
    /// Its id, such as `envelope.audience.self` or `envelope.audience.self/fault`.
    pub id: &'static str,
    /// The sentence; it brings the level.
    pub sentence: &'static Sentence,
    /// What it looks at.
    pub cases: Cases,
    /// The rule. It never returns `Pass` for what it was not shown.
    pub rule: fn(&Exchange<'_>) -> Verdict,
}

/// Which cases a judge looks at, and how their verdicts become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cases {
    /// Every case that declares the sentence. Each has to be reached.
    Declared,
    /// These cases, by id. Each of them that the product's role has, has to be reached.
    Each(&'static [&'static str]),
    /// Every case whose id begins so (all with an empty beginning). One that is reached is enough, none may be violated.
    Any(&'static str),
    /// The whole run at once, as one exchange.
    Whole,
}

/// Everything that judges a run: the suite's cases and judges.
#[derive(Clone, Copy, Debug)]
pub struct Registry<'a> {
    /// Version of the suite; a bundle names the one that made it.
    pub suite: &'a str,
    /// Every case.
    pub cases: &'a [Case],
    /// Every judge.
    pub judges: &'a [Judge],
}

impl Registry<'_> {
    /// The case with this id.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// The judge with this id.
    #[must_use]
    pub fn judge(&self, id: &str) -> Option<&Judge> {
        self.judges.iter().find(|judge| judge.id == id)
    }
}
