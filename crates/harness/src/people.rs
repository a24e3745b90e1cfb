//! The synthetic persons of a world folder, as far as judges need them: the special ones, without the crowd.

use std::path::Path;

use chukei_evidence::{Holding, Number, Person};
use serde::Deserialize;

use crate::{
    message::SCHEME,
    setup::{Fix, Setup},
    world::read,
};

/// The person who stands for the numbers that nobody has.
pub const UNKNOWN: &str = "unknown";

#[derive(Deserialize)]
struct File {
    people: Vec<FilePerson>,
    #[serde(default)]
    unknown: Vec<FileNumber>,
}

#[derive(Deserialize)]
struct FilePerson {
    id: String,
    name: String,
    kana: String,
    numbers: Vec<FileNumber>,
    #[serde(default)]
    records: Vec<FileRecord>,
}

#[derive(Deserialize)]
struct FileNumber {
    party: String,
    scheme: String,
    value: String,
    until: Option<String>,
}

#[derive(Deserialize)]
struct FileRecord {
    party: String,
    #[serde(default)]
    eligibility: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    benefits: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Reads `people.json`.
pub(crate) fn load(folder: &Path) -> Result<Vec<Person>, Setup> {
    let path = folder.join("people.json");
    let file: File = serde_json::from_str(&read(folder, "people.json")?).map_err(|error| {
        Setup::new("setup.people.json", [path.display().to_string(), error.to_string()])
            .fix(Fix::MakeWorld(folder.display().to_string()))
    })?;
    let unknown = Person {
        name: UNKNOWN.into(),
        numbers: file.unknown.into_iter().map(FileNumber::read).collect(),
        ..Person::default()
    };
    let special = file.people.into_iter().filter(|person| !person.id.starts_with("crowd-"));
    Ok(special.map(FilePerson::read).chain([unknown]).collect())
}

impl FilePerson {
    fn read(self) -> Person {
        let holdings = self.records.into_iter().flat_map(FileRecord::each).collect();
        Person {
            name: self.id,
            canaries: vec![self.name, self.kana],
            // A number that counts no more is one that the person does not have.
            numbers: self.numbers.into_iter().filter(|n| n.until.is_none()).map(FileNumber::read).collect(),
            holdings,
        }
    }
}

impl FileNumber {
    fn read(self) -> Number {
        Number { scheme: format!("{SCHEME}{}", self.scheme), insurer: self.party, value: self.value }
    }
}

impl FileRecord {
    fn each(self) -> Vec<Holding> {
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let holding = |item: &str, row: serde_json::Map<String, serde_json::Value>| Holding {
            insurer: self.party.clone(),
            item: item.to_owned(),
            facts: row.into_iter().map(|(name, value)| (name, text(value))).collect(),
        };
        let eligibility = self.eligibility.into_iter().map(|row| holding("eligibility", row));
        eligibility.chain(self.benefits.into_iter().map(|row| holding("benefits", row))).collect()
    }
}
