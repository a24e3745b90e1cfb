//! Faults of responders: what they answer, and to whom they tell more than that. Exists with the feature `danger-faults` only.

use chukei_crypto::UnixTime;
use chukei_idwsf::{Content, Refusal};
use chukei_profile::{
    Date, Identifier,
    disclosure::Notice,
    envelope::Opened,
    linkage::{ANSWER, Answer, Benefit},
};
use chukei_xml::{Document, Name, Writer};

use crate::{
    Party, Record, Reply,
    faults::{Fault, Faults},
    responder::Prepared,
};

/// What a responder tells beside the answer, or leaves out of it.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    pub(crate) number: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) log: Option<String>,
    pub(crate) refused: Option<Reply>,
}

impl Faults {
    pub(crate) fn fold(&self, opened: Opened) -> Opened {
        if !self.has(Fault::FoldsNumber) {
            return opened;
        }
        let half = |c: char| match u32::from(c) {
            wide @ 0xFF01..=0xFF5E => char::from_u32(wide.saturating_sub(0xFEE0)).unwrap_or(c),
            _ => c,
        };
        let folded: String = opened.identifier.expose().chars().map(half).collect();
        let identifier = Identifier::new(opened.identifier.scheme(), &folded);
        Opened { identifier: identifier.unwrap_or_else(|_| opened.identifier.clone()), ..opened }
    }

    /// What is held on another day, as if it were of this one.
    pub(crate) fn redate(&self, mut record: Option<Record>, as_of: &Date) -> Option<Record> {
        if let Some(record) = record.as_mut().filter(|_| self.has(Fault::HoldsInUtc)) {
            record.eligibility.iter_mut().for_each(|period| period.as_of = as_of.clone());
        }
        record
    }

    pub(crate) fn mix_up(
        &self,
        record: Option<Record>,
        another: impl FnOnce() -> Option<Record>,
    ) -> Option<Record> {
        if self.has(Fault::AnswersForAnotherPerson) { another() } else { record }
    }

    /// What is answered in the place of this.
    pub(crate) fn misstate(
        &self,
        mut answer: Answer,
        as_of: &Date,
        another: impl FnOnce() -> Option<Record>,
    ) -> Answer {
        let is_alone = answer.benefits.is_empty() && !answer.eligibility.is_empty();
        if self.has(Fault::MixesUpEligibility)
            && is_alone
            && let Some(another) = another()
        {
            answer.eligibility = another.eligibility;
            answer.eligibility.iter_mut().for_each(|period| period.as_of = as_of.clone());
        }
        if self.has(Fault::AnswersOnePeriod) {
            answer.eligibility.truncate(1);
        }
        for period in &mut answer.eligibility {
            if self.has(Fault::MisstatesRecorded) {
                period.recorded_at.seconds = period.recorded_at.seconds.saturating_add(86_400);
            }
            if self.has(Fault::NamesAnotherInsurer) {
                period.insurer = "https://nobody.example.test/".to_owned();
            }
        }
        if self.has(Fault::RenamesBenefits) {
            answer.benefits.iter_mut().for_each(|benefit| benefit.kind = "other".to_owned());
        }
        answer
    }

    pub(crate) fn spoil(
        &self,
        mut answer: Answer,
        mut notice: Notice,
        record: Option<&Record>,
    ) -> (Answer, Notice) {
        if let Some(record) = record.filter(|_| self.has(Fault::AddsItems)) {
            let Answer { mut eligibility, mut benefits, .. } = answer;
            if eligibility.is_empty() {
                eligibility.clone_from(&record.eligibility);
            }
            if benefits.is_empty() {
                benefits.clone_from(&record.benefits);
            }
            if let (true, Some(own)) = (benefits.is_empty(), eligibility.first()) {
                let (kind, from) = ("other".to_owned(), own.from.clone());
                benefits.push(Benefit { kind, from, until: None, amount: None });
            }
            answer = Answer::new(eligibility, benefits);
        }
        if self.has(Fault::WrongNotice) {
            notice.requester = "https://nobody.example.test/".to_owned();
        }
        (answer, notice)
    }

    pub(crate) fn telling(&self, opened: &Opened, record: Option<&Record>) -> Telling {
        let number = || opened.identifier.expose().to_owned();
        Telling {
            number: self.has(Fault::EchoesNumber).then(number),
            name: record.and_then(|record| record.name.clone()).filter(|_| self.has(Fault::TellsName)),
            log: self.has(Fault::LogsNumber).then(number).or_else(|| self.logged_name(record)),
            refused: None,
        }
    }

    fn logged_name(&self, record: Option<&Record>) -> Option<String> {
        record.and_then(|record| record.name.clone()).filter(|_| self.has(Fault::LogsName))
    }

    pub(crate) fn tell(&self, party: &Party, prepared: Prepared, now: UnixTime) -> Result<Reply, Refusal> {
        let Prepared { request, answer, danger: Telling { number, name, log, refused } } = prepared;
        if let Some(refused) = refused {
            return Ok(refused);
        }
        if self.has(Fault::FaultForNoData) && !answer.has_data() {
            return Err(Refusal::internal("data"));
        }
        let mut text = String::from_utf8_lossy(&Writer::build(|w| answer.write(w))?.write()).into_owned();
        for (element, told) in [("Number", number), ("Name", name)] {
            if let Some(told) = told {
                let told = told.replace('&', "&amp;").replace('<', "&lt;");
                text = text.replace(
                    "</ck:LinkageAnswer>",
                    &format!("<ck:{element}>{told}</ck:{element}></ck:LinkageAnswer>"),
                );
            }
        }
        if let (true, Some(own)) = (self.has(Fault::OmitsAsOf), answer.eligibility.first()) {
            text = text.replacen(&format!(" asOf=\"{}\"", own.as_of.as_str()), "", 1);
        }
        let reply = party.answer(&request, &Altered(Document::parse(text)?), now)?;
        Ok(Reply { danger_log: log, ..reply })
    }
}

/// An answer whose text was changed.
struct Altered(Document);

impl Content for Altered {
    const NAME: Name = ANSWER;

    fn write(&self, w: &mut Writer<'_>) {
        w.graft(self.0.root());
    }
}
