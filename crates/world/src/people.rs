//! Synthetic persons: `people.json`, and the same document in `POST /v1/people` of the test-control API.
//!
//! Every number is drawn from the seed and is nobody's. Names begin with TEST. The special persons come first and
//! have telling ids; the crowd follows. Numbers are long and random enough to be searched for in logs, so they serve as
//! canaries too.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::RngCore;
use serde::{Deserialize, Serialize};

use crate::keys;

/// `people.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// The persons.
    pub people: Vec<Person>,
    /// Numbers of the right form that nobody has.
    #[serde(default)]
    pub unknown: Vec<Number>,
}

/// A person, as no party knows him whole: each has its own numbers and records only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Handle within the file; never on any wire.
    pub id: String,
    /// What is special about the person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Name. Insurers know it, the relay does not.
    pub name: String,
    /// Its reading.
    pub kana: String,
    /// Date of birth.
    pub born: String,
    /// The person's numbers; what the relay maps.
    pub numbers: Vec<Number>,
    /// What insurers hold.
    #[serde(default)]
    pub records: Vec<Record>,
}

/// A number of a person at a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Name of the party that assigned it.
    pub party: String,
    /// Scheme, without `urn:chukei:1.0:identifier:`.
    pub scheme: String,
    /// The number, character by character.
    pub value: String,
    /// First day on which it counts.
    #[serde(default = "always")]
    pub from: String,
    /// First day on which it counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What an insurer holds about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Name of the insurer.
    pub party: String,
    /// 資格.
    #[serde(default)]
    pub eligibility: Vec<EligibilityRow>,
    /// 給付.
    #[serde(default)]
    pub benefits: Vec<BenefitRow>,
}

/// One period of insurance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EligibilityRow {
    /// First day.
    pub from: String,
    /// First day after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// When the insurer learned of it.
    pub recorded: String,
}

/// One benefit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenefitRow {
    /// What for.
    pub kind: String,
    /// First day.
    pub from: String,
    /// First day after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Yen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
}

fn always() -> String {
    "2008-04-01".to_owned()
}

impl People {
    /// Reads `people.json`.
    ///
    /// # Errors
    /// What serde_json says, with line and column.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Never in practice; serde_json cannot say so.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The person with this handle.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    /// Every number in the file, to search logs for.
    pub fn canaries(&self) -> impl Iterator<Item = &str> {
        let numbers = self.people.iter().flat_map(|person| &person.numbers);
        numbers.chain(&self.unknown).map(|number| number.value.as_str())
    }
}

impl Person {
    /// The person's current number at a party.
    #[must_use]
    pub fn number(&self, party: &str) -> Option<&Number> {
        self.numbers.iter().find(|number| number.party == party && number.until.is_none())
    }

    /// What a party holds about the person.
    #[must_use]
    pub fn record(&self, party: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.party == party)
    }
}

/// Draws numbers. Each call gives another one.
struct Draw(ChaCha20Rng);

impl Draw {
    fn digits(&mut self, count: usize) -> String {
        // A remainder of 32 bits by ten is uneven by 1 in 10⁹; nobody's secret depends on it.
        (0..count).filter_map(|_| char::from_digit(self.0.next_u32() % 10, 10)).collect()
    }

    fn care(&mut self) -> String {
        self.digits(10)
    }

    /// 記号番号: a sign in kana and a number in full-width digits, as the seeds' sample.
    fn medical(&mut self) -> String {
        const KANA: [char; 8] = ['い', 'ろ', 'は', 'に', 'ほ', 'へ', 'と', 'ち'];
        let kana = |draw: &mut Self| {
            let place = usize::try_from(draw.0.next_u32() % 8).unwrap_or_default();
            KANA.get(place).copied().unwrap_or('い')
        };
        let sign: String = (0..3).map(|_| kana(self)).collect();
        let full_width = |digit: char| digit.to_digit(10).and_then(|value| char::from_u32(0xff10 + value));
        let number: String = self.digits(7).chars().filter_map(full_width).collect();
        format!("港{sign}{number}")
    }

    fn late_elderly(&mut self) -> String {
        let payload = self.digits(7);
        let check = check_m10(&payload);
        format!("{payload}{check}")
    }

    fn resident(&mut self) -> String {
        let payload = self.digits(10);
        let check = check_m11(&payload);
        format!("{payload}{check}")
    }
}

/// 検証番号: weights 2, 1, 2, … from the right, digits of the products summed.
fn check_m10(payload: &str) -> u32 {
    let weighted = |(place, digit): (usize, u32)| match if place % 2 == 0 { digit * 2 } else { digit } {
        product if product > 9 => product - 9,
        product => product,
    };
    let total: u32 = payload.chars().rev().filter_map(|c| c.to_digit(10)).enumerate().map(weighted).sum();
    (10 - total % 10) % 10
}

/// Weights 2 … 7, 2 … from the right; remainders 0 and 1 give 0.
fn check_m11(payload: &str) -> u32 {
    let digits = payload.chars().rev().filter_map(|c| c.to_digit(10));
    let total: u32 =
        digits.zip([2, 3, 4, 5, 6, 7].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    match total % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn number(party: &str, scheme: &str, value: impl Into<String>) -> Number {
    Number {
        party: party.to_owned(),
        scheme: scheme.to_owned(),
        value: value.into(),
        from: always(),
        until: None,
    }
}

fn care(party: &str, draw: &mut Draw) -> Number {
    number(party, "care-insured", draw.care())
}

fn insured(party: &str, amount: u64) -> Record {
    Record {
        party: party.to_owned(),
        eligibility: vec![period("2008-04-01", None)],
        benefits: vec![BenefitRow {
            kind: "high-cost-medical".to_owned(),
            from: "2025-08-01".to_owned(),
            until: Some("2026-08-01".to_owned()),
            amount: Some(amount),
        }],
    }
}

fn period(from: &str, until: Option<&str>) -> EligibilityRow {
    let recorded = "2026-01-05".to_owned();
    EligibilityRow { from: from.to_owned(), until: until.map(str::to_owned), recorded }
}

fn person(
    id: &str,
    note: &str,
    name: (&str, &str, &str),
    numbers: Vec<Number>,
    records: Vec<Record>,
) -> Person {
    let (name, kana, born) = name;
    Person {
        id: id.to_owned(),
        note: note.to_owned(),
        name: format!("TEST {name}"),
        kana: format!("テスト {kana}"),
        born: born.to_owned(),
        numbers,
        records,
    }
}

/// A number of 64 characters that take 318 octets in XML: no other is much longer.
const LONGEST: &str = "港&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&";

/// The special persons, then `crowd` ordinary ones.
pub(crate) fn made(seed: u64, crowd: usize) -> People {
    let mut draw = Draw(keys::stream(seed, "people"));
    let mut people = special(&mut draw, &mut Draw(keys::stream(seed, "longest")));
    let ordinary = |index: usize| {
        let (other, amount) = (if index % 4 == 3 { "insurer-c" } else { "insurer-b" }, 1_000 + index as u64);
        person(
            &format!("crowd-{index:04}"),
            "",
            (&format!("群衆 {index:04}"), "グンシュウ", "1948-05-15"),
            vec![
                care("insurer-a", &mut draw),
                number(other, "medical-insured", draw.medical()),
                number("portal", "kamogawa", draw.digits(44)),
            ],
            vec![insured(other, amount)],
        )
    };
    people.extend((0..crowd).map(ordinary));
    let unknown = vec![
        care("insurer-a", &mut draw),
        care("insurer-d", &mut draw),
        number("insurer-b", "medical-insured", draw.medical()),
        number("portal", "kamogawa", draw.digits(44)),
    ];
    People { people, unknown }
}

#[allow(clippy::too_many_lines, reason = "a table: one entry for each special person")]
fn special(draw: &mut Draw, longest: &mut Draw) -> Vec<Person> {
    let seed_sample = "港いろは１２３４";
    let homonym = ("鈴木 一郎", "スズキ イチロウ", "1946-02-11");
    let shared = care("insurer-a", draw);
    vec![
        person(
            "seed-sample",
            "the sample of seed 003, known to every kind of party",
            ("港 花子", "ミナト ハナコ", "1944-11-03"),
            vec![
                care("insurer-a", draw),
                number("insurer-b", "medical-insured", seed_sample),
                number("portal", "kamogawa", draw.digits(44)),
                number("portal", "resident", draw.resident()),
                number("portal", "basic-pension", draw.digits(10)),
            ],
            vec![insured("insurer-b", 48_200)],
        ),
        person(
            "half-width",
            "whose number is the seed sample's after width folding: another person",
            ("港 葉子", "ミナト ヨウコ", "1951-06-21"),
            vec![care("insurer-a", draw), number("insurer-b", "medical-insured", "港いろは1234")],
            vec![Record { eligibility: vec![period("2009-10-01", None)], ..insured("insurer-b", 17_300) }],
        ),
        person(
            "inner-space",
            "whose number is the seed sample's after removal of spaces: another person",
            ("港 陽子", "ミナト ヨウコ", "1952-07-22"),
            vec![care("insurer-a", draw), number("insurer-b", "medical-insured", "港いろは　１２３４")],
            vec![insured("insurer-b", 23_900)],
        ),
        person(
            "no-data",
            "a member of insurer-b about whom it holds nothing",
            ("佐藤 二郎", "サトウ ジロウ", "1949-01-30"),
            vec![care("insurer-a", draw), number("insurer-b", "medical-insured", draw.medical())],
            vec![],
        ),
        person(
            "not-member",
            "a member of insurer-c, not of insurer-b",
            ("高橋 三郎", "タカハシ サブロウ", "1947-09-09"),
            vec![care("insurer-a", draw), number("insurer-c", "medical-insured", draw.medical())],
            vec![insured("insurer-c", 31_000)],
        ),
        person(
            "former-member",
            "left insurer-b on 2026-04-01",
            ("田中 四郎", "タナカ シロウ", "1950-12-24"),
            vec![
                care("insurer-a", draw),
                Number {
                    until: Some("2026-04-01".to_owned()),
                    ..number("insurer-b", "medical-insured", draw.medical())
                },
            ],
            vec![Record {
                eligibility: vec![EligibilityRow {
                    from: always(),
                    until: Some("2026-04-01".to_owned()),
                    recorded: "2026-04-06".to_owned(),
                }],
                ..insured("insurer-b", 5_500)
            }],
        ),
        person(
            "both",
            "a member of insurer-b and insurer-c",
            ("伊藤 五月", "イトウ サツキ", "1943-05-05"),
            vec![
                care("insurer-a", draw),
                number("insurer-b", "medical-insured", draw.medical()),
                number("insurer-c", "medical-insured", draw.medical()),
            ],
            vec![insured("insurer-b", 61_000), insured("insurer-c", 62_000)],
        ),
        person(
            "homonym-1",
            "same name, reading and birthday as homonym-2",
            homonym,
            vec![care("insurer-a", draw), number("insurer-b", "medical-insured", draw.medical())],
            vec![insured("insurer-b", 71_100)],
        ),
        person(
            "homonym-2",
            "same name, reading and birthday as homonym-1",
            homonym,
            vec![care("insurer-a", draw), number("insurer-b", "medical-insured", draw.medical())],
            vec![insured("insurer-b", 72_200)],
        ),
        person(
            "duplicate-1",
            "insurer-a gave duplicate-2 the same number by mistake",
            ("渡辺 六花", "ワタナベ リッカ", "1941-03-31"),
            vec![shared.clone(), number("insurer-b", "medical-insured", draw.medical())],
            vec![insured("insurer-b", 81_100)],
        ),
        person(
            "duplicate-2",
            "insurer-a gave duplicate-1 the same number by mistake",
            ("渡辺 六香", "ワタナベ リッカ", "1942-03-31"),
            vec![shared, number("insurer-b", "medical-insured", draw.medical())],
            vec![insured("insurer-b", 82_200)],
        ),
        person(
            "nine-digits",
            "a care number of nine digits, as in the seeds",
            ("中村 七海", "ナカムラ ナナミ", "1940-07-07"),
            vec![
                number("insurer-a", "care-insured", draw.digits(9)),
                number("insurer-b", "medical-insured", draw.medical()),
            ],
            vec![insured("insurer-b", 9_900)],
        ),
        person(
            "with-h",
            "a care number that begins with H",
            ("小林 八重", "コバヤシ ヤエ", "1939-08-08"),
            vec![
                number("insurer-a", "care-insured", format!("H{}", draw.digits(9))),
                number("insurer-b", "medical-insured", draw.medical()),
            ],
            vec![insured("insurer-b", 12_300)],
        ),
        person(
            "late-elderly",
            "known to insurer-b by a number of the late-elderly scheme",
            ("加藤 九美", "カトウ クミ", "1932-09-19"),
            vec![care("insurer-a", draw), number("insurer-b", "late-elderly", draw.late_elderly())],
            vec![insured("insurer-b", 44_000)],
        ),
        person(
            "unreachable",
            "a member of insurer-e, which is out of service",
            ("吉田 十和", "ヨシダ トワ", "1945-10-10"),
            vec![care("insurer-a", draw), number("insurer-e", "medical-insured", draw.medical())],
            vec![insured("insurer-e", 1_100)],
        ),
        person(
            "other-pair",
            "a member of insurer-d, insurer-b and insurer-c; no agreement covers insurer-d and insurer-b",
            ("山田 百合", "ヤマダ ユリ", "1953-02-02"),
            vec![
                care("insurer-d", draw),
                number("insurer-b", "medical-insured", draw.medical()),
                number("insurer-c", "medical-insured", draw.medical()),
            ],
            vec![insured("insurer-b", 13_000), insured("insurer-c", 14_000)],
        ),
        person(
            "longest",
            "a member of insurer-b by a number of 64 characters, the longest that there is",
            ("佐々木 千尋", "ササキ チヒロ", "1938-04-04"),
            vec![care("insurer-a", longest), number("insurer-b", "medical-insured", LONGEST)],
            vec![insured("insurer-b", 15_000)],
        ),
        person(
            "two-numbers",
            "a member of insurer-b, which gave two numbers by mistake",
            ("松本 双葉", "マツモト フタバ", "1937-02-22"),
            vec![
                care("insurer-a", longest),
                number("insurer-b", "medical-insured", longest.medical()),
                number("insurer-b", "medical-insured", longest.medical()),
            ],
            vec![insured("insurer-b", 16_000)],
        ),
        person(
            "overlapping",
            "insured with insurer-b for periods that overlap, two of which ended on one day",
            ("井上 重", "イノウエ カサネ", "1936-06-16"),
            vec![care("insurer-a", longest), number("insurer-b", "medical-insured", longest.medical())],
            vec![Record {
                eligibility: vec![
                    period("2011-04-01", Some("2012-04-01")),
                    period("2008-04-01", Some("2012-04-01")),
                    period("2015-04-01", None),
                    period("2020-04-01", None),
                ],
                ..insured("insurer-b", 17_000)
            }],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn people_survive_a_file() {
        let people = made(7, 20);
        assert_eq!(People::from_json(&people.to_json().unwrap()).unwrap(), people);
        assert!(People::from_json(r#"{"people": [], "peple": []}"#).is_err());
    }

    #[test]
    fn only_the_declared_duplicate_shares_a_number() {
        let people = made(7, 500);
        let numbers: Vec<_> = people.people.iter().flat_map(|person| &person.numbers).collect();
        let different: BTreeSet<_> = numbers.iter().map(|n| (&n.party, &n.scheme, &n.value)).collect();
        assert_eq!(numbers.len() - different.len(), 1);
        let known = |n: &Number| different.contains(&(&n.party, &n.scheme, &n.value));
        assert!(!people.unknown.iter().any(known));
    }

    #[test]
    fn check_digits_are_those_of_published_samples() {
        assert_eq!((check_m10("3312001"), check_m10("0613001"), check_m10("3913001")), (5, 7, 8));
        assert_eq!((check_m11("2472705960"), check_m11("2484601622"), check_m11("2520801764")), (8, 4, 3));
    }
}
