//! What a run was: suite, standard, seed, product, and the public side of the world it played.

use serde::{Deserialize, Serialize};

/// First line of a transcript. Nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the suite that ran.
    pub suite: String,
    /// SHA-256 (hex) of the index of sentences that it judged by.
    pub spec: String,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// Start of the virtual clock, seconds since 1970.
    pub epoch: i64,
    /// What is claimed, such as `responder@1.0`.
    pub profile: String,
    /// Optional features of the profile that are claimed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// What was selected of the profile's cases; empty means all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selection: Vec<String>,
    /// The product.
    pub product: Product,
    /// The world that the suite played around it.
    pub world: World,
}

/// Whose product it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Vendor.
    pub vendor: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Build digest, where the vendor names one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build: String,
    /// The party that the product plays, by short name.
    pub party: String,
    /// Control level that the product offered: 0 endpoints only, 1 … 3.
    #[serde(default)]
    pub control: u8,
}

impl Product {
    /// What stands for a vendor or version that nobody knows: a card says neither.
    pub const UNKNOWN: &'static str = "–";

    /// Name and version, as people say them.
    #[must_use]
    pub fn title(&self) -> String {
        known(&[&self.name, &self.version])
    }

    /// The same with the vendor before it.
    #[must_use]
    pub fn full_title(&self) -> String {
        known(&[&self.vendor, &self.name, &self.version])
    }
}

fn known(parts: &[&str]) -> String {
    let known: Vec<&str> = parts.iter().copied().filter(|part| *part != Product::UNKNOWN).collect();
    known.join(" ")
}

/// Public data of the world: enough for a judge, and no private key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Every party.
    pub parties: Vec<Party>,
    /// Who may ask about whose members, for what.
    #[serde(default)]
    pub agreements: Vec<Agreement>,
    /// Synthetic persons with their numbers and canaries.
    #[serde(default)]
    pub people: Vec<Person>,
    /// The TEST certification authority, PEM.
    #[serde(default)]
    pub ca: String,
}

/// One party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Short name, such as `insurer-b`.
    pub name: String,
    /// Entity id.
    pub entity: String,
    /// `relay`, `requester`, `responder`, `portal`, or empty for a stranger.
    #[serde(default)]
    pub role: String,
    /// Endpoints by role of the URL: (`linkage`, `https://…`).
    #[serde(default)]
    pub endpoints: Vec<(String, String)>,
    /// Certificate that signs messages and is the TLS identity, PEM.
    pub certificate: String,
    /// Certificate to encrypt to, PEM; empty when the party receives nothing encrypted.
    #[serde(default)]
    pub encryption: String,
    /// Whether the party is in the federation's metadata.
    #[serde(default)]
    pub member: bool,
}

/// One agreement between two parties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Short name of the one that asks.
    pub requester: String,
    /// Short name of the one that is asked.
    pub target: String,
    /// Purpose URI.
    pub purpose: String,
}

/// One synthetic person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Short name inside the run, such as `person-a`.
    pub name: String,
    /// Names and addresses that must not show up where they have no business.
    #[serde(default)]
    pub canaries: Vec<String>,
    /// Numbers.
    pub numbers: Vec<Number>,
    /// What insurers hold about the person, by short name of the insurer: text of the eligibility or benefit element.
    #[serde(default)]
    pub holdings: Vec<Holding>,
}

/// A number of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The scheme's URI.
    pub scheme: String,
    /// Short name of the insurer that gave it.
    pub insurer: String,
    /// The number, character by character.
    pub value: String,
}

/// Facts that an insurer holds about a person, as attribute name and value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Short name of the insurer.
    pub insurer: String,
    /// `eligibility` or `benefits`.
    pub item: String,
    /// Attribute names and values.
    pub facts: Vec<(String, String)>,
}

impl World {
    /// The party with this short name.
    #[must_use]
    pub fn party(&self, name: &str) -> Option<&Party> {
        self.parties.iter().find(|party| party.name == name)
    }

    /// The party with this entity id.
    #[must_use]
    pub fn entity(&self, entity: &str) -> Option<&Party> {
        self.parties.iter().find(|party| party.entity == entity)
    }

    /// The person with this short name.
    #[must_use]
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// The party that the product plays is named in [`Product::party`]; this is its entry, or of any other name.
    #[must_use]
    pub fn endpoint(&self, party: &str, role: &str) -> Option<&str> {
        let (_, url) = self.party(party)?.endpoints.iter().find(|(name, _)| name == role)?;
        Some(url)
    }
}

impl Person {
    /// The person's number at an insurer.
    #[must_use]
    pub fn number_at(&self, insurer: &str) -> Option<&Number> {
        self.numbers.iter().find(|number| number.insurer == insurer)
    }

    /// What an insurer holds about the person under an item.
    pub fn holdings_at<'a>(&'a self, insurer: &'a str, item: &'a str) -> impl Iterator<Item = &'a Holding> {
        self.holdings.iter().filter(move |holding| holding.insurer == insurer && holding.item == item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_not_said() {
        let product = |vendor: &str, version: &str| Product {
            vendor: vendor.into(),
            name: "card a".into(),
            version: version.into(),
            ..Product::default()
        };
        let unknown = product(Product::UNKNOWN, Product::UNKNOWN);
        assert_eq!((unknown.title().as_str(), unknown.full_title().as_str()), ("card a", "card a"));
        let known = product("V", "1");
        assert_eq!((known.title().as_str(), known.full_title().as_str()), ("card a 1", "V card a 1"));
    }
}
