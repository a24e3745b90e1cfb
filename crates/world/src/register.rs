//! A responder's register, from `people.json`: what it knows about its insured, by its own numbers.

use chukei_profile::linkage::{Benefit, Eligibility, Validity, eligibility_on};
use chukei_profile::{Date, Identifier, Scheme};
use chukei_relay::{Record, Records, Unavailable};
use chukei_xml::lexical::DateTime;

use crate::WorldError;
use crate::people::{self, EligibilityRow, Number, People};

/// The insured of one insurer.
#[derive(Debug)]
pub(crate) struct Register {
    insurer: String,
    insured: Vec<(Identifier, Insured)>,
}

#[derive(Debug)]
struct Insured {
    name: String,
    periods: Vec<Period>,
    benefits: Vec<Benefit>,
}

#[derive(Debug)]
struct Period {
    from: Date,
    until: Option<Date>,
    recorded: DateTime,
}

/// A number of `people.json` in the form of its scheme.
pub(crate) fn identifier(number: &Number) -> Result<Identifier, WorldError> {
    let scheme = Scheme::from_uri(&format!("urn:chukei:1.0:identifier:{}", number.scheme));
    let identifier = scheme.and_then(|scheme| Identifier::new(scheme, &number.value).ok());
    identifier
        .ok_or_else(|| WorldError::People(format!("a number of scheme {:?} without its form", number.scheme)))
}

pub(crate) fn date(text: &str) -> Result<Date, WorldError> {
    Date::parse(text).ok_or_else(|| WorldError::People(format!("{text:?} is no date")))
}

/// The first second of a day in UTC.
pub(crate) fn first_second(day: &str) -> Result<DateTime, WorldError> {
    let date = date(day)?;
    let first = DateTime::parse(&format!("{}T00:00:00Z", date.as_str()));
    first.ok_or_else(|| WorldError::People(format!("{day:?} is no date")))
}

impl Register {
    /// What the party of this name, with this entity identifier, knows.
    pub(crate) fn of(people: &People, name: &str, entity: &str) -> Result<Self, WorldError> {
        let mut insured = Vec::new();
        for person in &people.people {
            let Some(record) = person.record(name) else { continue };
            for number in person.numbers.iter().filter(|number| number.party == name) {
                let periods = record.eligibility.iter().map(Period::read).collect::<Result<_, _>>()?;
                let benefits = record.benefits.iter().map(benefit).collect::<Result<_, _>>()?;
                insured.push((identifier(number)?, Insured { name: person.name.clone(), periods, benefits }));
            }
        }
        Ok(Self { insurer: entity.to_owned(), insured })
    }

    fn record(&self, number: &Identifier, insured: &Insured, as_of: &Date) -> Record {
        let period = |period: &Period| Eligibility {
            scheme: number.scheme(),
            insurer: self.insurer.clone(),
            from: period.from.clone(),
            until: period.until.clone(),
            as_of: as_of.clone(),
            recorded_at: period.recorded,
            validity: Validity::Valid,
        };
        let periods: Vec<_> = insured.periods.iter().map(period).collect();
        let paid = insured.benefits.iter().filter(|benefit| benefit.from <= *as_of);
        Record {
            eligibility: eligibility_on(&periods, as_of),
            benefits: paid.cloned().collect(),
            name: Some(insured.name.clone()),
        }
    }
}

impl Period {
    fn read(row: &EligibilityRow) -> Result<Self, WorldError> {
        Ok(Self {
            from: date(&row.from)?,
            until: row.until.as_deref().map(date).transpose()?,
            recorded: first_second(&row.recorded)?,
        })
    }
}

fn benefit(row: &people::BenefitRow) -> Result<Benefit, WorldError> {
    Ok(Benefit {
        kind: row.kind.clone(),
        from: date(&row.from)?,
        until: row.until.as_deref().map(date).transpose()?,
        amount: row.amount,
    })
}

impl Records for Register {
    fn find(&self, number: &Identifier, as_of: &Date) -> Result<Option<Record>, Unavailable> {
        let row = self.insured.iter().find(|(own, _)| own == number);
        Ok(row.map(|(own, insured)| self.record(own, insured, as_of)))
    }

    fn danger_another(&self, number: &Identifier) -> Option<Record> {
        let (own, insured) = self.insured.iter().find(|(own, _)| own != number)?;
        let today = Date::parse("2026-06-01")?;
        Some(self.record(own, insured, &today))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: &str = r#"{"people": [{
        "id": "x", "name": "TEST", "kana": "", "born": "1950-01-01",
        "numbers": [{"party": "b", "scheme": "medical-insured", "value": "港１"}, {"party": "c", "scheme": "medical-insured", "value": "港２"}],
        "records": [{"party": "b", "eligibility": [
            {"from": "2020-04-01", "until": "2021-04-01", "recorded": "2020-04-02"},
            {"from": "2022-04-01", "until": "2023-04-01", "recorded": "2022-04-02"},
            {"from": "2023-03-01", "recorded": "2023-03-02"}], "benefits": []}]
    }]}"#;

    fn told(register: &Register, number: &str, day: &str) -> Option<Vec<(Validity, String)>> {
        let number = Identifier::new(Scheme::MedicalInsured, number).unwrap();
        let record = register.find(&number, &date(day).unwrap()).unwrap()?;
        let brief = |told: &Eligibility| (told.validity, told.from.as_str().to_owned());
        Some(record.eligibility.iter().map(brief).collect())
    }

    #[test]
    fn a_day_is_answered_with_what_counts_on_it() {
        let register =
            Register::of(&People::from_json(PEOPLE).unwrap(), "b", "https://b.example.test/").unwrap();
        let on = |day| told(&register, "港１", day).unwrap();
        let valid = |from: &str| (Validity::Valid, from.to_owned());
        assert_eq!(on("2020-03-31"), []);
        assert_eq!(on("2020-04-01"), [valid("2020-04-01")]);
        assert_eq!(on("2021-03-31"), [valid("2020-04-01")]);
        assert_eq!(on("2021-04-01"), [(Validity::Invalid, "2020-04-01".to_owned())]);
        assert_eq!(on("2023-03-15"), [valid("2022-04-01"), valid("2023-03-01")]);
        assert_eq!(on("2030-01-01"), [valid("2023-03-01")]);
        assert_eq!(told(&register, "港1", "2030-01-01"), None, "half width is another number");
        assert_eq!(told(&register, "港２", "2030-01-01"), None, "another insurer's number");
    }

    #[test]
    fn a_wrong_date_or_number_is_a_mistake_in_the_file() {
        for wrong in [PEOPLE.replace("2020-04-02", "2020-02-30"), PEOPLE.replace("港１", "")] {
            let people = People::from_json(&wrong).unwrap();
            assert!(matches!(Register::of(&people, "b", "x"), Err(WorldError::People(_))));
        }
        assert!(Register::of(&People::from_json(PEOPLE).unwrap(), "b", "x").is_ok());
    }
}
