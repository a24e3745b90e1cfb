//! Chapters → sentences. Used by the build script, which embeds the result, and at run time on any folder.
//!
//! ```text
//! r[area.topic.point] role
//! 日本語の文。
//! The English sentence.
//! untestable: 理由 / reason; evidence: inspection; owner: operator      (or) covered-by: vectors/public-key
//! ```

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::model::{Level, Role, Substitute, english_keywords, japanese_keywords};

/// A sentence as it stands in a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// `area.topic.point`.
    pub id: String,
    /// Whom it binds.
    pub role: Role,
    /// From its first keyword.
    pub level: Level,
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
    /// File name without `.md`.
    pub chapter: String,
    /// Line of `r[…]`, from 1.
    pub line: usize,
    /// Why it cannot be observed.
    pub untestable: Option<ParsedUntestable>,
    /// Its evidence are these vectors: a folder in `vectors/`.
    pub by_vectors: Option<String>,
}

impl Parsed {
    /// What shows that it is kept: `suite`, `vectors/FOLDER`, `inspection` or `attestation`.
    #[must_use]
    pub fn evidence(&self) -> String {
        match (&self.untestable, &self.by_vectors) {
            (Some(untestable), _) => untestable.evidence.name().to_owned(),
            (None, Some(folder)) => format!("vectors/{folder}"),
            (None, None) => "suite".to_owned(),
        }
    }
}

/// Why a sentence cannot be observed, and what stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedUntestable {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
    /// What stands in for a test.
    pub evidence: Substitute,
    /// Who provides it.
    pub owner: String,
}

/// Something wrong in a chapter: `chapter.md:line: what`.
pub type Fault = String;

/// Reads every chapter of a folder: files `NN-name.md`. Faults are told all at once.
///
/// # Errors
/// When the folder or a file cannot be read; which file is said.
pub fn folder(spec: &Path) -> io::Result<(Vec<Parsed>, Vec<Fault>)> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(spec)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".md") && name.starts_with(|c: char| c.is_ascii_digit()) {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut sentences, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let text = fs::read_to_string(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{name}.md: {}", plain(&error))))?;
        chapter(&name, &text, &mut sentences, &mut faults);
    }
    let mut first = BTreeMap::new();
    for sentence in &sentences {
        let place = format!("{}.md:{}", sentence.chapter, sentence.line);
        if let Some(earlier) = first.insert(sentence.id.as_str(), place.clone()) {
            faults.push(format!("{place}: {} stands at {earlier} too", sentence.id));
        }
    }
    Ok((sentences, faults))
}

/// What the system says, without its numbers.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        _ if error.kind() == io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Reads one chapter.
pub fn chapter(name: &str, text: &str, sentences: &mut Vec<Parsed>, faults: &mut Vec<Fault>) {
    let mut lines = text.lines().zip(1_usize..);
    let mut code = false;
    while let Some((line, number)) = lines.next() {
        let at = |what: &str| format!("{name}.md:{number}: {what}");
        code ^= line.starts_with("```");
        if code || line.starts_with("```") {
            continue;
        }
        if line.starts_with("r[") {
            let body: Vec<&str> =
                lines.by_ref().map(|(line, _)| line).take_while(|line| !line.is_empty()).collect();
            match sentence(name, number, line, &body) {
                Ok(sentence) => sentences.push(sentence),
                Err(what) => faults.push(at(&what)),
            }
        } else if !english_keywords(line).is_empty() || bare_japanese(line) {
            faults.push(at("a normative keyword in a line without r[…] before it"));
        }
    }
}

/// 「てよい」 is everyday language; the others bind.
fn bare_japanese(line: &str) -> bool {
    japanese_keywords(line).iter().any(|level| *level != Level::May)
}

fn sentence(chapter: &str, line: usize, head: &str, body: &[&str]) -> Result<Parsed, String> {
    let (id, role) = head
        .strip_prefix("r[")
        .and_then(|rest| rest.split_once("] "))
        .ok_or("expected r[area.topic.point] and a role behind it")?;
    check_id(id)?;
    let role = Role::from_name(role).ok_or_else(|| format!("{id}: {role} is no role"))?;
    let (ja, en, evidence) = match body {
        [ja, en] => (*ja, *en, None),
        [ja, en, evidence] => (*ja, *en, Some(*evidence)),
        _ => {
            return Err(format!(
                "{id}: expected one line of Japanese, one of English, at most one of evidence"
            ));
        }
    };
    if !ja.ends_with('。') || en.contains('。') || !en.ends_with('.') {
        return Err(format!("{id}: expected Japanese first, then English, each to its full stop"));
    }
    let english = english_keywords(en);
    let mut sorted = english.clone();
    sorted.sort();
    let japanese = japanese_keywords(ja);
    if japanese != sorted {
        let names = |levels: &[Level]| match levels {
            [] => "none".to_owned(),
            levels => levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(" "),
        };
        return Err(format!(
            "{id}: the two languages do not say the same keywords: Japanese {}, English {}",
            names(&japanese),
            names(&sorted)
        ));
    }
    let level = *english.first().ok_or_else(|| format!("{id}: no keyword"))?;
    let by_vectors = evidence.and_then(|text| text.strip_prefix("covered-by: vectors/")).map(str::to_owned);
    let untestable = match evidence {
        Some(text) if by_vectors.is_none() => Some(
            untestable(text)
                .ok_or_else(|| format!("{id}: expected untestable: 理由 / reason; evidence: …; owner: …"))?,
        ),
        _ => None,
    };
    Ok(Parsed {
        id: id.to_owned(),
        role,
        level,
        ja: ja.to_owned(),
        en: en.to_owned(),
        chapter: chapter.to_owned(),
        line,
        untestable,
        by_vectors,
    })
}

fn check_id(id: &str) -> Result<(), String> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let words: Vec<&str> = id.split('.').collect();
    if (2..=4).contains(&words.len()) && words.into_iter().all(word) {
        Ok(())
    } else {
        Err(format!("{id}: an id is two to four words of a-z, 0-9 and -, joined by dots"))
    }
}

fn untestable(text: &str) -> Option<ParsedUntestable> {
    let mut parts = text.strip_prefix("untestable: ")?.split("; ");
    let (ja, en) = parts.next()?.split_once(" / ")?;
    let evidence = match parts.next()?.strip_prefix("evidence: ")? {
        "inspection" => Substitute::Inspection,
        "attestation" => Substitute::Attestation,
        _ => return None,
    };
    let owner = parts.next()?.strip_prefix("owner: ")?;
    let known = ["vendor", "operator", "authority"].contains(&owner);
    (known && parts.next().is_none() && !ja.is_empty() && !en.is_empty()).then(|| ParsedUntestable {
        ja: ja.to_owned(),
        en: en.to_owned(),
        evidence,
        owner: owner.to_owned(),
    })
}
