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
    /// MessageID of the query.
    request: String,
    answer: Answer,
    #[cfg(feature = "danger-faults")]
    danger: crate::faults::Telling,
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
            None => today(now)?,
        };
        // [envelope.exact-number]
        #[cfg(feature = "danger-faults")]
        let opened = self.party.faults.fold(opened);
        // [linkage.answer.person]
        let record = self.records.find(&opened.identifier, &as_of)?;
        #[cfg(feature = "danger-faults")]
        let record = self.party.faults.mix_up(record, || self.records.danger_another(&opened.identifier));

        // [linkage.answer.items]
        let answer = select(record.as_ref(), &items);
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
        let sent = self.party.ask(&self.party.relay, &notice, None, None, now)?.map(|awaited| Disclosing {
            awaited,
            envelope: opened.envelope.clone(),
            request: accepted.message_id().to_owned(),
            answer,
            #[cfg(feature = "danger-faults")]
            danger: self.party.faults.telling(&opened, record.as_ref()),
        });
        #[cfg(feature = "danger-faults")]
        return self.danger_order(sent, now);
        #[cfg(not(feature = "danger-faults"))]
        Ok(Step::Send(sent))
    }

    fn open(&self, accepted: &Accepted<Query>, now: UnixTime, budget: &mut Budget) -> Result<Opened, Refusal> {
        let keys: Vec<&dyn Unwrapper> = self.keys.iter().map(AsRef::as_ref).collect();
        let acceptor = Acceptor {
            own: &self.party.entity,
            relay: &self.party.relay,
            schemes: &self.schemes,
            keys: &keys,
            checks: &self.party.checks,
            replay: self.party.replay.as_ref(),
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
        #[cfg(feature = "danger-faults")]
        if let Some(refused) = disclosing.danger.refused {
            return Ok(refused);
        }
        let Disclosing { awaited, envelope, .. } = &disclosing;
        let awaited = Awaited { message_id: awaited.message_id.clone(), party: awaited.party.clone() };
        // [linkage.disclosure.required]
        let receipted = receipt.ok_or_else(missing).and_then(|receipt| {
            let receiver = self.party.receiver(now);
            let accepted = receiver.answer::<Receipt>(awaited, receipt, &mut Budget::default());
            let accepted = accepted.map_err(|_| missing())?;
            if accepted.envelope == *envelope && accepted.status.is_ok() { Ok(()) } else { Err(missing()) }
        });
        if !faulty!(self.party, IgnoresMissingReceipt) {
            receipted?;
        }
        self.tell(disclosing, now)
    }

    /// The answer itself; [linkage.answer.no-number], [linkage.answer.no-name]
    fn tell(&self, disclosing: Disclosing, now: UnixTime) -> Result<Reply, Refusal> {
        #[cfg(feature = "danger-faults")]
        return self.party.faults.tell(&self.party, disclosing.danger, &disclosing.answer, &disclosing.request, now);
        #[cfg(not(feature = "danger-faults"))]
        self.party.answer(&disclosing.request, &disclosing.answer, now)
    }

    /// Notifies too late, or not at all.
    #[cfg(feature = "danger-faults")]
    fn danger_order(&self, sent: Outgoing<Disclosing>, now: UnixTime) -> Result<Step<Disclosing>, Refusal> {
        if faulty!(self.party, SkipsDisclosure) {
            return self.tell(sent.pending, now).map(Step::Reply);
        }
        if faulty!(self.party, DisclosesAfterAnswer) {
            let Disclosing { awaited, envelope, request, answer, danger } = sent.pending;
            let again = Disclosing {
                awaited,
                envelope: envelope.clone(),
                request: request.clone(),
                answer: answer.clone(),
                danger: crate::faults::Telling::default(),
            };
            let first = Disclosing {
                awaited: Awaited { message_id: String::new(), party: String::new() },
                envelope,
                request,
                answer,
                danger,
            };
            let later = Outgoing {
                to: sent.to,
                endpoint: sent.endpoint,
                soap_action: sent.soap_action,
                body: sent.body,
                pending: again,
            };
            return Ok(Step::DangerReplyThenSend(self.tell(first, now)?, later));
        }
        Ok(Step::Send(sent))
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
        let refused = Some(self.party.refuse(refusal, request));
        let sent = self.party.ask(&self.party.relay, &notice, None, None, now)?;
        Ok(Step::Send(sent.map(|awaited| Disclosing {
            awaited,
            envelope: envelope.id.clone(),
            request: accepted.message_id().to_owned(),
            answer: Answer::new(None, Vec::new()),
            danger: crate::faults::Telling { refused, ..Default::default() },
        })))
    }
}

/// What was asked for, and nothing else; [linkage.answer.no-data]
fn select(record: Option<&Record>, items: &BTreeSet<Item>) -> Answer {
    let wanted = |item| record.filter(|_| items.contains(&item));
    let eligibility = wanted(Item::Eligibility).and_then(|record| record.eligibility.clone());
    let benefits = wanted(Item::Benefits).map(|record| record.benefits.clone()).unwrap_or_default();
    Answer::new(eligibility, benefits)
}

/// The day in Japan.
fn today(now: UnixTime) -> Result<Date, Refusal> {
    let japan = DateTime { seconds: now.0.saturating_add(JAPAN), nanoseconds: 0 }.format();
    let day = japan.get(..10).and_then(Date::parse);
    day.ok_or(Refusal::internal("a clock after 1970"))
}
