//! The standard in `spec/` as an index of its sentences, embedded when this crate is built.
//!
//! A sentence is named by its id, and the id is checked at compile time:
//!
//! ```
//! use chukei_spec::{Level, req};
//! let sentence = req!("message.framework.version");
//! assert_eq!(sentence.level, Level::Must);
//! ```
//! ```compile_fail,E0080
//! let sentence = chukei_spec::req!("message.framework.colour");
//! ```
//!
//! Level and role come from the chapter and are said nowhere else. A [`Profile`] is what a product of one kind claims:
//! every sentence that binds its roles, but for those that its file in `spec/profiles/` takes out, and those of other roles
//! that it adds, with the reason.
//!
//! [`parse`] and [`lock`](mod@lock) read any folder at run time; `spec/index.lock` is written and checked with them
//! (`cargo run -p chukei-spec --bin spec -- lock`, `… check`).

#![forbid(unsafe_code)]

pub mod lock;
mod model;
pub mod parse;

pub use model::{Level, Role, Substitute, english_keywords, japanese_keywords};

/// One normative sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// `area.topic.point`; never changes its meaning.
    pub id: &'static str,
    /// Whom it binds.
    pub role: Role,
    /// How strongly: its first keyword.
    pub level: Level,
    /// Japanese.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
    /// File in `spec/`, without `.md`.
    pub chapter: &'static str,
    /// Line of `r[…]` in that file, from 1.
    pub line: u32,
    /// Why no test can show it.
    pub untestable: Option<Untestable>,
    /// Shown not over the wire but by vectors, which a product runs in its own house: their folder in `vectors/`.
    pub by_vectors: Option<&'static str>,
}

impl Sentence {
    /// The first word of the id: what the sentence is about.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(area, _)| area)
    }

    /// Whether the suite has to judge it.
    #[must_use]
    pub const fn is_for_suite(&self) -> bool {
        self.untestable.is_none() && self.by_vectors.is_none()
    }
}

/// Why a sentence cannot be observed, and what stands in for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untestable {
    /// Japanese.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
    /// What stands in.
    pub evidence: Substitute,
    /// Who provides it: `vendor`, `operator` or `authority`.
    pub owner: &'static str,
}

/// What a product of one kind claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `responder@1.0`.
    pub name: &'static str,
    /// Japanese.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
    /// Roles whose sentences apply.
    pub roles: &'static [Role],
    /// Ids that every such product claims, in the order of the chapters.
    pub sentences: &'static [&'static str],
    /// What a product may claim beside them.
    pub features: &'static [Feature],
}

impl Profile {
    /// Sentences that a product with these features claims, in the order of the chapters.
    pub fn claimed<'f>(
        &'static self,
        features: &'f [&'f str],
    ) -> impl Iterator<Item = &'static Sentence> + 'f {
        let chosen = |feature: &&Feature| features.contains(&feature.name);
        Index::sentences().iter().filter(move |sentence| {
            let mut ids = self.features.iter().filter(chosen).flat_map(|feature| feature.sentences);
            self.sentences.contains(&sentence.id) || ids.any(|id| *id == sentence.id)
        })
    }

    /// Whether a product with these features claims the sentence.
    #[must_use]
    pub fn claims(&'static self, id: &str, features: &[&str]) -> bool {
        self.claimed(features).any(|sentence| sentence.id == id)
    }
}

/// Sentences that a product claims only if it offers something optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// As `sut.toml` names it.
    pub name: &'static str,
    /// Japanese.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
    /// Ids.
    pub sentences: &'static [&'static str],
}

/// The whole standard.
#[derive(Clone, Copy, Debug)]
pub struct Index;

impl Index {
    /// Every sentence, in the order of the chapters.
    #[must_use]
    pub fn sentences() -> &'static [Sentence] {
        &embedded::SENTENCES
    }

    /// The sentence with this id.
    #[must_use]
    pub fn sentence(id: &str) -> Option<&'static Sentence> {
        Self::sentences().iter().find(|sentence| sentence.id == id)
    }

    /// Every profile.
    #[must_use]
    pub fn profiles() -> &'static [Profile] {
        &embedded::PROFILES
    }

    /// The profile of this name, such as `responder@1.0`.
    #[must_use]
    pub fn profile(name: &str) -> Option<&'static Profile> {
        Self::profiles().iter().find(|profile| profile.name == name)
    }

    /// SHA-256 of `spec/index.lock` as it belongs to these sentences, in hexadecimal digits.
    #[must_use]
    pub const fn digest() -> &'static str {
        embedded::DIGEST
    }
}

mod embedded {
    use super::{Feature, Level, Profile, Role, Sentence, Substitute, Untestable};
    include!(concat!(env!("OUT_DIR"), "/index.rs"));
}

/// The sentence with this id; one that does not exist does not compile.
#[macro_export]
macro_rules! req {
    ($id:literal) => {
        const { $crate::at_compile_time($id) }
    };
}

/// For [`req!`]; at run time use [`Index::sentence`].
///
/// # Panics
/// When there is no such sentence. In a constant, that is an error of compilation.
#[doc(hidden)]
#[must_use]
#[allow(clippy::panic, clippy::indexing_slicing, reason = "evaluated when compiling")]
pub const fn at_compile_time(id: &str) -> &'static Sentence {
    let mut at = 0;
    while at < embedded::SENTENCES.len() {
        if equal(embedded::SENTENCES[at].id.as_bytes(), id.as_bytes()) {
            return &embedded::SENTENCES[at];
        }
        at += 1;
    }
    panic!("the standard has no sentence with this id")
}

#[allow(clippy::indexing_slicing, reason = "bounded by the lengths")]
const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
