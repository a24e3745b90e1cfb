//! Why a bundle is refused.

use std::fmt;

use crate::{Catalogue, ChainError, ChainFault, Lang, Phrase};

/// Why a bundle is refused. [`Fault::say`] tells it in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Not an archive; the library's words.
    Archive(String),
    /// Other files than those of a bundle.
    Files(Vec<String>),
    /// The run did not come to its end: it was interrupted after this many events.
    Incomplete(usize),
    /// A file cannot be read; the parser's words.
    Shape {
        /// The file.
        file: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Made by another version of the suite, whose judges are not here.
    Suite {
        /// The version that the bundle names.
        bundle: String,
        /// This version.
        this: String,
    },
    /// Made with another text of the standard.
    Spec {
        /// The digest that the bundle names.
        bundle: String,
        /// The digest of the standard here.
        this: String,
    },
    /// A file is not the one that the manifest names.
    Digest(String),
    /// The manifest says otherwise than the transcript.
    Manifest,
    /// The signature does not verify.
    Signature,
    /// Signed by a key that is not trusted: this public key.
    Signer(String),
    /// The transcript's chain is broken.
    Chain(ChainFault),
    /// A recorded verdict is not what the judges say about the transcript.
    Verdict {
        /// The sentence.
        sentence: String,
        /// The case, when one verdict differs.
        case: Option<String>,
        /// What is recorded, by outcome.
        recorded: String,
        /// What the judges say.
        judged: String,
    },
    /// Something around the verdicts differs: counts, order, statement.
    Summary,
    /// Not in the one form in which a bundle is written; the first byte that differs.
    Form(usize),
}

impl Fault {
    /// What is wrong, for [`Catalogue::say`].
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        let key = |key: &str, with: &[&str]| Phrase::key(key, with.iter().copied());
        match self {
            Self::Archive(why) => key("fault.archive", &[why]),
            Self::Files(found) => key("fault.files", &[&found.join(", ")]),
            Self::Incomplete(events) => key("fault.incomplete", &[&events.to_string()]),
            Self::Shape { file, why } => key("fault.shape", &[file, why]),
            Self::Suite { bundle, this } => key("fault.suite", &[bundle, this]),
            Self::Spec { bundle, this } => key("fault.spec", &[bundle, this]),
            Self::Digest(file) => key("fault.digest", &[file]),
            Self::Manifest => Phrase::plain("fault.manifest"),
            Self::Signature => Phrase::plain("fault.signature"),
            Self::Signer(signer) => key("fault.signer", &[signer]),
            Self::Chain(fault) => {
                let line = fault.line.to_string();
                match &fault.what {
                    ChainError::Shape(why) => key("chain.shape", &[&line, why]),
                    ChainError::Format(found) => key("chain.format", &[&line, &found.to_string()]),
                    ChainError::Hash => key("chain.hash", &[&line]),
                    ChainError::Sequence { expected, found } => {
                        key("chain.sequence", &[&line, &expected.to_string(), &found.to_string()])
                    }
                    ChainError::Form => key("chain.form", &[&line]),
                    ChainError::Case(case) => key("chain.case", &[&line, case]),
                    ChainError::Count { expected, found } => {
                        key("chain.count", &[&line, &expected.to_string(), &found.to_string()])
                    }
                    ChainError::AfterFooter => key("chain.after-footer", &[&line]),
                }
            }
            Self::Verdict { sentence, case: Some(case), recorded, judged } => {
                key("fault.verdict", &[sentence, case, recorded, judged])
            }
            Self::Verdict { sentence, case: None, recorded, judged } => {
                key("fault.sentence", &[sentence, recorded, judged])
            }
            Self::Summary => Phrase::plain("fault.summary"),
            Self::Form(at) => key("fault.form", &[&at.to_string()]),
        }
    }

    /// What is wrong, in the reader's language.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        Catalogue::builtin().say(&self.phrase(), lang)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Lang::En))
    }
}

impl std::error::Error for Fault {}
