//! Texts in Japanese and English, by key.

use std::{collections::BTreeMap, fmt, sync::OnceLock};

use crate::Phrase;

/// A language of reports and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lang {
    /// 日本語.
    Ja,
    /// English.
    En,
}

impl Lang {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ja, Self::En];

    /// The tag for `lang` attributes and `--lang`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }
}

/// Texts by key and language. `{0}`, `{1}`, … stand for arguments, `{0:case|cases}` for the word that goes with a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    ja: BTreeMap<String, String>,
    en: BTreeMap<String, String>,
}

/// Why a catalogue cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError(String);

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CatalogueError {}

impl Catalogue {
    /// The texts of this crate: premises, faults of bundles and baselines.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            // A test reads both files; if they could not be read, keys would be shown in place of texts.
            Self::parse(include_str!("../messages/ja.toml"), include_str!("../messages/en.toml"))
                .unwrap_or_default()
        })
    }

    /// Reads two TOML files. Tables are joined by points: `[twin] absent = "…"` is `twin.absent`.
    ///
    /// # Errors
    /// One of them is not TOML, has a value that is not a text, or a key or argument that the other lacks.
    pub fn parse(ja: &str, en: &str) -> Result<Self, CatalogueError> {
        let catalogue = Self { ja: flat("ja", ja)?, en: flat("en", en)? };
        for (one, other, lacking) in
            [(&catalogue.ja, &catalogue.en, "en"), (&catalogue.en, &catalogue.ja, "ja")]
        {
            for (key, text) in one {
                let Some(counterpart) = other.get(key) else {
                    return Err(CatalogueError(format!("{lacking} lacks {key}")));
                };
                if arguments(text) != arguments(counterpart) {
                    return Err(CatalogueError(format!("{key} has other arguments in {lacking}")));
                }
            }
        }
        Ok(catalogue)
    }

    /// The texts of both; those of `other` win.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.ja.extend(other.ja.clone());
        self.en.extend(other.en.clone());
        self
    }

    /// The keys, which are the same in both languages.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.en.keys().map(String::as_str)
    }

    /// The text of a key, as it is written.
    #[must_use]
    pub fn text(&self, key: &str, lang: Lang) -> Option<&str> {
        let texts = match lang {
            Lang::Ja => &self.ja,
            Lang::En => &self.en,
        };
        texts.get(key).map(String::as_str)
    }

    /// What a phrase says. A key without a text is shown as the key with its arguments.
    #[must_use]
    pub fn say(&self, phrase: &Phrase, lang: Lang) -> String {
        match phrase {
            Phrase::Value(value) => value.clone(),
            Phrase::Key { key, with } => {
                match self.text(key, lang).or_else(|| Self::builtin().text(key, lang)) {
                    Some(text) => fill(text, with),
                    None if with.is_empty() => key.clone(),
                    None => format!("{key} ({})", with.join(", ")),
                }
            }
        }
    }
}

fn flat(name: &str, text: &str) -> Result<BTreeMap<String, String>, CatalogueError> {
    let table: toml::Table = text.parse().map_err(|error| CatalogueError(format!("{name}: {error}")))?;
    let mut texts = BTreeMap::new();
    let mut open: Vec<(String, toml::Value)> = table.into_iter().collect();
    while let Some((key, value)) = open.pop() {
        match value {
            toml::Value::String(text) => {
                texts.insert(key, text);
            }
            toml::Value::Table(table) => {
                open.extend(table.into_iter().map(|(k, v)| (format!("{key}.{k}"), v)))
            }
            _ => return Err(CatalogueError(format!("{name}: {key} is not a text"))),
        }
    }
    Ok(texts)
}

/// The arguments that a text names, in the order of their numbers.
fn arguments(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = pieces(text).filter_map(|(_, argument)| Some(argument?.0)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn fill(text: &str, with: &[String]) -> String {
    let mut filled = String::new();
    for (literal, argument) in pieces(text) {
        filled.push_str(literal);
        let Some((number, words)) = argument else { continue };
        let value =
            number.parse::<usize>().ok().and_then(|number| with.get(number)).map_or("", String::as_str);
        filled.push_str(match words {
            Some((one, _)) if value == "1" => one,
            Some((_, many)) => many,
            None => value,
        });
    }
    filled
}

/// A number in braces, with the words for one and for many where it has them.
type Argument<'t> = (&'t str, Option<(&'t str, &'t str)>);

/// Literal text, each piece with the argument that follows it.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<Argument<'_>>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest.take()?;
        let mut from = 0;
        while let Some(open) = current.get(from..)?.find('{').map(|at| from + at) {
            let inside = current.get(open + 1..)?;
            let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
            let (number, behind) = inside.split_at_checked(digits)?;
            let words = behind.strip_prefix(':').and_then(|words| words.split_once('}'));
            let words = words.and_then(|(words, behind)| Some((words.split_once('|')?, behind)));
            let ended = match (behind.strip_prefix('}'), words) {
                (Some(behind), _) => Some((None, behind)),
                (None, words) => words.map(|(words, behind)| (Some(words), behind)),
            };
            if let Some((words, behind)) = ended.filter(|_| digits > 0) {
                rest = Some(behind);
                return Some((current.get(..open)?, Some((number, words))));
            }
            from = open + 1;
        }
        Some((current, None))
    })
}
