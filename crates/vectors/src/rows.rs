//! `vectors/rows.toml`: which rows of the catalogue have to be covered.

use std::{collections::BTreeMap, fs};

use serde::Deserialize;

use crate::store::folder;

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// By row id.
    pub rows: BTreeMap<String, Row>,
    /// Who shows a reason.
    pub areas: Areas,
    /// Reasons that no input can bring about, by name.
    pub reasons: BTreeMap<String, NamedTest>,
}

/// One row, in our own words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
    /// What the catalogue asks for: names of reasons, `valid`, or a word for what no single verdict says.
    pub verdict: Vec<String>,
    /// The test that stands for the row where no vector can: `package::target::path::of::test`.
    pub named_test: Option<String>,
}

/// Areas of sentences, by who shows the reasons that belong to them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Areas {
    /// One document brings such a reason about: it has a vector.
    pub vectors: Vec<String>,
    /// It takes a dialogue: the conformance suite shows it.
    pub suite: Vec<String>,
}

/// A test that stands for a vector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedTest {
    /// `package::target::path::of::test`; `lib` as target means the tests inside the library.
    pub named_test: String,
}

impl Rows {
    /// Reads the file.
    ///
    /// # Panics
    /// When it is not there or not of this form.
    #[must_use]
    pub fn read() -> Self {
        let path = folder().join("rows.toml");
        let text = fs::read_to_string(&path).expect("vectors/rows.toml");
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}
