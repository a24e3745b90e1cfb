//! The responder (figure 5, ⑤ and ⑥): verifies the envelope itself, opens it, notifies the relay, answers.

use std::{collections::BTreeSet, sync::Arc};

use chukei_crypto::{UnixTime, Unwrapper};
use chukei_idwsf::{Accepted, Awaited, PeerAnswer, Refusal, Request};
use chukei_profile::{
    Date, Scheme,
    disclosure::{Notice, Outcome, Receipt},
    envelope::{Acceptor, Opened, Presentation},
    linkage::{Answer, Item, Query},
};
use chukei_reason::Reason;
use chukei_xml::{Budget, lexical::DateTime};

use crate::{Outgoing, Party, Record, Records, Reply, Step};

/// An insurer that is asked.
#[derive(Clone)]
pub struct Responder {
    /// The insurer as a party.
    pub party: Party,
    /// Schemes of its numbers.
    pub schemes: Vec<Scheme>,
    /// Its keys, the current one first.
    pub keys: Vec<Arc<dyn Unwrapper>>,
    /// Its register.
    pub records: Arc<dyn Records>,
}

/// An answer that waits until the relay has receipted its disclosure.
#[must_use]
#[derive(Debug)]
pub struct Disclosing {
    awaited: Awaited,
    envelope: String,
    prepared: Prepared,
}

/// An answer that has not left yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// MessageID of the query.
    pub(crate) request: String,
    pub(crate) answer: Answer,
    #[cfg(feature = "danger-faults")]
    pub(crate) danger: crate::telling::Telling,
}

/// Seconds that Japan is ahead of UTC.
const JAPAN: i64 = 9 * 3600;

impl Responder {
    /// Refuses a query, or prepares the answer and the notice that goes to the relay before it.
    pub fn handle(&self, request: &Request<'_>, now: UnixTime) -> Step<Disclosing> {
        match self.accept(request, now) {
            Ok(step) => step,
            Err(refusal) => Step::Reply(self.party.refuse(refusal, request)),
        }
    }

    /// Answers once the relay's receipt is there; `None` when there was no answer at all.
    pub fn complete(&self, disclosing: Disclosing, receipt: Option<&PeerAnswer<'_>>, now: UnixTime) -> Reply {
        let nothing = Request { body: &[], soap_action: None, tls_client: None };
        self.answer(disclosing, receipt, now).unwrap_or_else(|refusal| self.party.refuse(refusal, &nothing))
    }

    fn accept(&self, request: &Request<'_>, now: UnixTime) -> Result<Step<Disclosing>, Refusal> {
        let mut budget = Budget::default();
        let accepted: Accepted<Query> = self.party.receiver(now).request(request, &mut budget)?;
        let items = accepted.check(&self.party.checks)?;
        let opened = match self.open(&accepted, now, &mut budget) {
            Ok(opened) => opened,
            #[cfg(feature = "danger-faults")]
            Err(refusal) if faulty!(self.party, NotifiesRefusals) => {
                return self.notify_anyway(&accepted, items, refusal, request, now);
            }
            Err(refusal) => return Err(refusal),
        };
        let as_of = match &accepted.as_of {
            Some(day) => day.clone(),
            None if faulty!(self.party, AnswersInUtc) => today(UnixTime(now.0.saturating_sub(JAPAN)))?,
            None => today(now)?,
        };
        // [envelope.exact-number]
        #[cfg(feature = "danger-faults")]
        let opened = self.party.faults.fold(opened);
        let held_on = match faulty!(self.party, HoldsInUtc) {
            true => today(UnixTime(now.0.saturating_sub(JAPAN)))?,
            false => as_of.clone(),
        };
        // [linkage.answer.person], [linkage.answer.period]
        let record = self.records.find(&opened.identifier, &held_on)?;
        #[cfg(feature = "danger-faults")]
        let record = self.party.faults.redate(record, &as_of);
        #[cfg(feature = "danger-faults")]
        let record = self.party.faults.mix_up(record, || self.records.danger_another(&opened.identifier));

        // [linkage.answer.items]
        let answer = select(record.as_ref(), &items);
        // [linkage.answer.facts]
        #[cfg(feature = "danger-faults")]
        let answer = {
            let another = || self.records.danger_another(&opened.identifier);
            self.party.faults.misstate(answer, &as_of, another)
        };
        // [linkage.disclosure.content]
        let outcome = if answer.has_data() { Outcome::Answered } else { Outcome::NoData };
        let notice = Notice {
            envelope: opened.envelope.clone(),
            requester: opened.requester.clone(),
            at: DateTime { seconds: now.0, nanoseconds: 0 },
            outcome,
            items,
            purpose: opened.purpose,
        };
        #[cfg(feature = "danger-faults")]
        let (answer, notice) = self.party.faults.spoil(answer, notice, record.as_ref());

        // [linkage.disclosure.before-answer]
        let sent = self.party.ask(&self.party.relay, &notice, None, None, now)?;
        let prepared = Prepared {
            request: accepted.message_id().to_owned(),
            answer,
            #[cfg(feature = "danger-faults")]
            danger: self.party.faults.telling(&opened, record.as_ref()),
        };
        self.order(sent, opened.envelope, prepared, now)
    }

    fn open(
        &self,
        accepted: &Accepted<Query>,
        now: UnixTime,
        budget: &mut Budget,
    ) -> Result<Opened, Refusal> {
        let keys: Vec<&dyn Unwrapper> = self.keys.iter().map(AsRef::as_ref).collect();
        let acceptor = Acceptor {
            own: &self.party.entity,
            relay: &self.party.relay,
            schemes: &self.schemes,
            keys: &keys,
            checks: &self.party.checks,
            replay: self.party.memory(now),
            now,
        };
        let shown = Presentation {
            target: accepted.headers().target.as_ref(),
            presenter: accepted.sender(),
            certificate: accepted.certificate(),
            on_behalf_of: accepted.on_behalf_of.as_deref(),
            purpose: accepted.headers().purpose.as_deref(),
        };
        acceptor.accept(&shown, budget)
    }

    fn answer(
        &self,
        disclosing: Disclosing,
        receipt: Option<&PeerAnswer<'_>>,
        now: UnixTime,
    ) -> Result<Reply, Refusal> {
        let expected = "the relay's receipt";
        let missing = || Refusal::new("linkage.disclosure.required", Reason::Disclosure, expected);
        let Disclosing { awaited, envelope, prepared } = disclosing;
        // [linkage.disclosure.required]
        let receipted = receipt.ok_or_else(missing).and_then(|receipt| {
            let receiver = self.party.receiver(now);
            let accepted = receiver.answer::<Receipt>(awaited, receipt, &mut Budget::default());
            let accepted = accepted.map_err(|_| missing())?;
            if accepted.envelope == envelope && accepted.status.is_ok() { Ok(()) } else { Err(missing()) }
        });
        if !faulty!(self.party, IgnoresMissingReceipt) {
            receipted?;
        }
        self.tell(prepared, now)
    }

    /// The notice first; [linkage.disclosure.before-answer]
    #[cfg(not(feature = "danger-faults"))]
    fn order(
        &self,
        sent: Outgoing<Awaited>,
        envelope: String,
        prepared: Prepared,
        _: UnixTime,
    ) -> Result<Step<Disclosing>, Refusal> {
        Ok(Step::Send(sent.map(|awaited| Disclosing { awaited, envelope, prepared })))
    }

    /// The notice first, or too late, or not at all.
    #[cfg(feature = "danger-faults")]
    fn order(
        &self,
        sent: Outgoing<Awaited>,
        envelope: String,
        prepared: Prepared,
        now: UnixTime,
    ) -> Result<Step<Disclosing>, Refusal> {
        if faulty!(self.party, SkipsDisclosure) {
            return self.tell(prepared, now).map(Step::Reply);
        }
        if faulty!(self.party, DisclosesAfterAnswer) {
            let spent = Prepared {
                request: prepared.request.clone(),
                answer: prepared.answer.clone(),
                danger: crate::telling::Telling::default(),
            };
            let reply = self.tell(prepared, now)?;
            let later = sent.map(|awaited| Disclosing { awaited, envelope, prepared: spent });
            return Ok(Step::DangerReplyThenSend(reply, later));
        }
        Ok(Step::Send(sent.map(|awaited| Disclosing { awaited, envelope, prepared })))
    }

    /// The answer itself; [linkage.answer.no-number], [linkage.answer.no-name]
    #[cfg(not(feature = "danger-faults"))]
    fn tell(&self, prepared: Prepared, now: UnixTime) -> Result<Reply, Refusal> {
        self.party.answer(&prepared.request, &prepared.answer, now)
    }

    /// The answer, with what a mock responder adds to it or leaves out.
    #[cfg(feature = "danger-faults")]
    fn tell(&self, prepared: Prepared, now: UnixTime) -> Result<Reply, Refusal> {
        self.party.faults.tell(&self.party, prepared, now)
    }

    /// Reports a disclosure that there is none of.
    #[cfg(feature = "danger-faults")]
    fn notify_anyway(
        &self,
        accepted: &Accepted<Query>,
        items: BTreeSet<Item>,
        refusal: Refusal,
        request: &Request<'_>,
        now: UnixTime,
    ) -> Result<Step<Disclosing>, Refusal> {
        let shown = accepted.headers().target.as_ref().and_then(|target| target.assertions.first());
        let purpose = accepted.headers().purpose.as_deref().and_then(chukei_profile::Purpose::from_uri);
        let (Some(envelope), Some(purpose)) = (shown, purpose) else { return Err(refusal) };
        let notice = Notice {
            envelope: envelope.id.clone(),
            requester: accepted.sender().to_owned(),
            at: DateTime { seconds: now.0, nanoseconds: 0 },
            outcome: Outcome::Answered,
            items,
            purpose,
        };
        let prepared = Prepared {
            request: accepted.message_id().to_owned(),
            answer: Answer::new(Vec::new(), Vec::new()),
            danger: crate::telling::Telling {
                refused: Some(self.party.refuse(refusal, request)),
                ..Default::default()
            },
        };
        let sent = self.party.ask(&self.party.relay, &notice, None, None, now)?;
        let envelope = envelope.id.clone();
        Ok(Step::Send(sent.map(|awaited| Disclosing { awaited, envelope, prepared })))
    }
}

/// What was asked for, and nothing else; [linkage.answer.no-data]
fn select(record: Option<&Record>, items: &BTreeSet<Item>) -> Answer {
    let wanted = |item| record.filter(|_| items.contains(&item));
    let eligibility = wanted(Item::Eligibility).map(|record| record.eligibility.clone()).unwrap_or_default();
    let benefits = wanted(Item::Benefits).map(|record| record.benefits.clone()).unwrap_or_default();
    Answer::new(eligibility, benefits)
}

/// The day in Japan.
fn today(now: UnixTime) -> Result<Date, Refusal> {
    let japan = DateTime { seconds: now.0.saturating_add(JAPAN), nanoseconds: 0 }.format();
    let day = japan.get(..10).and_then(Date::parse);
    day.ok_or(Refusal::internal("a clock after 1970"))
}
