//! Counts verdicts and holds them against `exceptions.toml`.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use serde::Deserialize;

const EXCEPTIONS: &str = include_str!("../exceptions.toml");

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// What the product does is what was expected from elsewhere.
    Agrees(String),
    /// The product has no such mechanism, because the standard refuses it.
    Outside(String),
    /// The product does something else.
    Differs(String),
}

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Path of the file, and which part of it.
    pub case: String,
    /// What the mechanism layer was found to do.
    pub mechanism: Vec<Finding>,
    /// What the policy answers.
    pub policy: String,
    /// Set when that is not what it had to be.
    pub wrong_policy: Option<String>,
}

/// How a case is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// At least one comparison, and all agree.
    AsExpected,
    /// Nothing to compare: what the case needs is refused by the standard, and was refused.
    ByProfile,
    /// Something differs.
    Divergence,
}

/// Verdicts by corpus.
#[derive(Default)]
pub struct Tally {
    corpora: BTreeMap<String, Vec<Verdict>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

/// A divergence that is meant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The cases.
    cases: Vec<String>,
    /// Why we differ, and who is right.
    reason: String,
}

impl Verdict {
    /// A case without any comparison yet.
    #[must_use]
    pub fn new(case: impl Into<String>, policy: impl Into<String>) -> Self {
        Self { case: case.into(), mechanism: Vec::new(), policy: policy.into(), wrong_policy: None }
    }

    /// With one comparison.
    #[must_use]
    pub fn with(mut self, finding: Finding) -> Self {
        self.mechanism.push(finding);
        self
    }

    /// How it is counted.
    #[must_use]
    pub fn class(&self) -> Class {
        let any = |kind: fn(&Finding) -> bool| self.mechanism.iter().any(kind);
        if self.wrong_policy.is_some() || any(|finding| matches!(finding, Finding::Differs(_))) {
            Class::Divergence
        } else if any(|finding| matches!(finding, Finding::Agrees(_))) {
            Class::AsExpected
        } else {
            Class::ByProfile
        }
    }

    fn explain(&self) -> String {
        let mut text = String::new();
        for finding in &self.mechanism {
            let (word, what) = match finding {
                Finding::Agrees(what) => ("", what),
                Finding::Outside(what) => ("outside: ", what),
                Finding::Differs(what) => ("DIFFERS: ", what),
            };
            let _ = write!(text, "{}{word}{what}", if text.is_empty() { "" } else { "; " });
        }
        text
    }
}

impl Tally {
    /// Adds a verdict.
    pub fn add(&mut self, corpus: &str, verdict: Verdict) {
        self.corpora.entry(corpus.to_owned()).or_default().push(verdict);
    }

    /// Every verdict, one a line: corpus, case, class, mechanism, policy.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut text = String::from("corpus\tcase\tclass\tmechanism\tpolicy\n");
        for (corpus, verdict) in self.all() {
            let policy = [Some(verdict.policy.as_str()), verdict.wrong_policy.as_deref()];
            let policy: Vec<&str> = policy.into_iter().flatten().collect();
            let (class, policy) = (verdict.class(), policy.join("; DIFFERS: "));
            let _ = writeln!(text, "{corpus}\t{}\t{class:?}\t{}\t{policy}", verdict.case, verdict.explain());
        }
        text
    }

    /// Prints the table and what is wrong; whether nothing is. Without `complete` an exception may lie idle.
    #[must_use]
    pub fn report(&self, complete: bool) -> bool {
        self.report_with(EXCEPTIONS, complete)
    }

    fn report_with(&self, exceptions: &str, complete: bool) -> bool {
        let exceptions: Exceptions = toml::from_str(exceptions).expect("exceptions.toml");
        let excused: Vec<(&str, &str)> = exceptions
            .exception
            .iter()
            .flat_map(|e| e.cases.iter().map(|case| (case.as_str(), e.reason.as_str())))
            .collect();
        println!(
            "{:44} {:>6} {:>12} {:>20} {:>11}",
            "corpus", "ran", "as expected", "rejected by profile", "divergence"
        );
        let (mut faults, mut sums) = (Vec::new(), [0; 4]);
        for (corpus, verdicts) in &self.corpora {
            let count = |class| verdicts.iter().filter(|verdict| verdict.class() == class).count();
            let counts =
                [verdicts.len(), count(Class::AsExpected), count(Class::ByProfile), count(Class::Divergence)];
            println!("{corpus:44} {:>6} {:>12} {:>20} {:>11}", counts[0], counts[1], counts[2], counts[3]);
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        println!("{:44} {:>6} {:>12} {:>20} {:>11}", "all", sums[0], sums[1], sums[2], sums[3]);
        for (_, verdict) in self.all().filter(|(_, verdict)| verdict.class() == Class::Divergence) {
            if !excused.iter().any(|(case, _)| *case == verdict.case) {
                let policy = verdict.wrong_policy.as_deref().unwrap_or(&verdict.policy);
                faults.push(format!("{}: {} | policy: {policy}", verdict.case, verdict.explain()));
            }
        }
        let diverges = |case: &str| self.all().any(|(_, v)| v.case == case && v.class() == Class::Divergence);
        for (case, _) in excused.iter().filter(|(case, _)| complete && !diverges(case)) {
            faults.push(format!("{case}: the exception no longer applies"));
        }
        faults.iter().for_each(|fault| println!("fault: {fault}"));
        println!("{} divergences are explained in exceptions.toml", sums[3].min(excused.len()));
        sums[0] > 0 && faults.is_empty() && exceptions.exception.iter().all(|e| !e.reason.is_empty())
    }

    /// How many cases there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.corpora.is_empty()
    }

    /// How many cases of a corpus the policy accepts.
    #[must_use]
    pub fn accepted(&self, corpus: &str) -> usize {
        self.all().filter(|(own, verdict)| *own == corpus && verdict.policy.starts_with("accepts")).count()
    }

    /// How many cases of a corpus there are in this class; for floors.
    #[must_use]
    pub fn count(&self, corpus: &str, class: Class) -> usize {
        let verdicts = self.corpora.get(corpus).map(Vec::as_slice).unwrap_or_default();
        verdicts.iter().filter(|verdict| verdict.class() == class).count()
    }

    fn all(&self) -> impl Iterator<Item = (&str, &Verdict)> {
        self.corpora.iter().flat_map(|(corpus, verdicts)| verdicts.iter().map(move |v| (corpus.as_str(), v)))
    }
}

/// Writes a file below the build folder.
///
/// # Panics
/// When that fails.
pub fn write_below_target(path: &str, text: &[u8]) {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
    let path = std::path::Path::new(target).join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder below target");
    fs::write(path, text).expect("a file below target");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergences_and_stale_exceptions_are_faults() {
        let excuse = "[[exception]]\ncases = ['b']\nreason = 'why'";
        let mut tally = Tally::default();
        assert!(!tally.report_with("", true), "nothing ran");
        tally.add("x", Verdict::new("a", "refuses").with(Finding::Agrees("form".into())));
        assert!(tally.report_with("", true));
        assert!(!tally.report_with(excuse, true), "stale");
        assert!(tally.report_with(excuse, false));
        tally.add("x", Verdict::new("b", "refuses").with(Finding::Differs("form".into())));
        assert!(!tally.report_with("", true), "not excused");
        assert!(tally.report_with(excuse, true));
        tally.add("x", Verdict { wrong_policy: Some("accepted".into()), ..Verdict::new("c", "accepts") });
        assert!(!tally.report_with(excuse, true), "another one");
        assert_eq!(tally.count("x", Class::Divergence), 2);
    }
}
