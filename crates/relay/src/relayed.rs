//! Linkage via the relay (figure 5, ※): the same envelope, presented by the relay on behalf of the requester.

use chukei_crypto::UnixTime;
use chukei_idwsf::{Awaited, PeerAnswer, Refusal, TargetIdentity};
use chukei_profile::history::{ANSWERED, NO_ANSWER, REFUSED, UNSOUND};
use chukei_profile::linkage::{Answer, Item, Query, RelayedQuery};
use chukei_reason::Reason;
use chukei_saml::{Assertion, ENTITY, HOLDER_OF_KEY, SubjectConfirmation};
use chukei_xml::Budget;

use crate::{Carried, Outgoing, Recording, Relay, Reply, relay::Asker};

/// Seconds after which a carried query has no outcome any more: what answers it then is too old to be accepted.
const LONGEST: i64 = 300;

/// A query that the relay has forwarded.
#[must_use]
pub struct Relaying {
    awaited: Awaited,
    /// MessageID of the requester's request.
    request: String,
    /// What is recorded when it has an outcome.
    carried: Carried,
    /// Ends when it is noted.
    noted: Option<Recording>,
}

impl Relaying {
    /// What has to be recorded before the query leaves.
    #[must_use]
    pub fn recording(&self) -> Option<Recording> {
        self.noted.clone()
    }
}

impl Relay {
    /// Forwards a query, unchanged, under the relay's own signature.
    pub(crate) fn forward(
        &self,
        asker: &Asker<'_>,
        relayed: &RelayedQuery,
        target: Option<&TargetIdentity>,
    ) -> Result<Outgoing<Relaying>, Refusal> {
        let checks = &self.party.checks;
        // [envelope.present.once]
        let envelope =
            target.filter(|target| target.others == 0).and_then(|target| match &target.assertions[..] {
                [envelope] => Some(envelope),
                _ => None,
            });
        let expected = "one envelope in sb:TargetIdentity";
        let none = Refusal::new("envelope.present.once", Reason::TargetIdentity, expected);
        let envelope = envelope.ok_or(none)?;

        // [envelope.signature.relay]
        let ours = envelope.signer.as_deref() == Some(self.party.entity.as_str());
        checks.require("envelope.signature.relay", ours, Reason::Key, "an envelope of the relay's own")?;
        // [relayed.forward.audience]
        let is_for = envelope.conditions.is_only_for(&relayed.to);
        let expected = "the envelope's audience as responder";
        checks.require("relayed.forward.audience", is_for, Reason::Audience, expected)?;
        // [relayed.forward.principal]
        let is_own = relayed.query.on_behalf_of.is_none();
        let expected = "a query without a principal of its own";
        checks.require("relayed.forward.principal", is_own, Reason::Query, expected)?;

        // [relayed.forward.holder]
        let holds = first_holder(envelope) == Some(asker.sender)
            && envelope
                .subject
                .confirmations
                .iter()
                .any(|own| holder(own) == Some(self.party.entity.as_str()));
        let expected = "an envelope of the sender's that lists the relay";
        checks.require("relayed.forward.holder", holds, Reason::HolderOfKey, expected)?;

        // [relayed.forward.unchanged]
        let mut query = Query { on_behalf_of: Some(asker.sender.to_owned()), ..relayed.query.clone() };
        if faulty!(self.party, AltersRelayedQuery) {
            query.as_of = chukei_profile::Date::parse("2000-01-01");
        }
        let sent = self.party.ask(&relayed.to, &query, Some(envelope.form()), asker.purpose, asker.now)?;
        let request = asker.message_id.to_owned();
        let carried = self.carried(asker, envelope, relayed, &sent.pending.message_id)?;
        // [relayed.recorded]
        let noted = match faulty!(self.party, SkipsRelayedLog) {
            false => Some(self.log.carry(&carried)?),
            true => None,
        };
        Ok(sent.map(|awaited| Relaying { awaited, request, carried, noted }))
    }

    /// What is recorded about a query that is carried to the audience of this envelope.
    fn carried(
        &self,
        asker: &Asker<'_>,
        envelope: &Assertion,
        relayed: &RelayedQuery,
        id: &str,
    ) -> Result<Carried, Refusal> {
        let unstated = || Refusal::new("message.usage-directive.purpose", Reason::Purpose, "a purpose");
        let issued = self.log.issuance(&envelope.id)?;
        Ok(Carried {
            id: id.to_owned(),
            until: UnixTime(asker.now.0.saturating_add(LONGEST)),
            person: issued.as_ref().map(|issued| issued.person),
            at: asker.now,
            requester: asker.sender.to_owned(),
            responder: relayed.to.clone(),
            purpose: asker.purpose.ok_or_else(unstated)?,
            // Words that the standard does not have stay with who sent them.
            items: relayed
                .query
                .items
                .iter()
                .filter_map(|item| Item::from_name(item))
                .map(|item| item.name().to_owned())
                .collect(),
            envelope: envelope.id.clone(),
            withheld_until: self.withheld(issued.as_ref(), asker.now),
        })
    }

    /// Records what became of a carried query, and tells the requester.
    pub(crate) fn relay_answer(
        &self,
        relaying: Relaying,
        answer: Option<&PeerAnswer<'_>>,
        now: UnixTime,
        refuse: impl Fn(Refusal) -> Reply,
    ) -> Reply {
        let Relaying { awaited, request, carried, noted } = relaying;
        let told = self.take(awaited, answer, now);
        let outcome = match (answer, &told) {
            (None, _) => NO_ANSWER,
            (_, Ok(_)) => ANSWERED,
            (_, Err(refusal)) if refusal.reason() == Reason::PeerFault => REFUSED,
            _ => UNSOUND,
        };
        // [relayed.recorded]
        let entry = carried.entry(outcome, now);
        #[cfg(feature = "danger-faults")]
        let entry = self.party.faults.book(entry);
        let recorded = match noted.map(|_| self.log.conclude(&carried.id, &entry)).transpose() {
            Ok(recorded) => recorded,
            Err(error) => return refuse(error.into()),
        };
        // A refusal too leaves when it is recorded.
        let recording = recorded.as_ref().map(|recorded| recorded.recording.clone());
        let reply = told.and_then(|content| self.tell_about(&request, &content, recorded, now));
        Reply { recording, ..reply.unwrap_or_else(refuse) }
    }

    fn take(
        &self,
        awaited: Awaited,
        answer: Option<&PeerAnswer<'_>>,
        now: UnixTime,
    ) -> Result<Answer, Refusal> {
        // That the responder refused is told; that it did not answer, or not soundly, is a failure behind the relay.
        let behind = |refusal: Refusal| match refusal.reason() {
            Reason::PeerFault => refusal,
            _ => Refusal::internal("a sound answer of the responder"),
        };
        let answer = answer.ok_or(Refusal::internal("an answer of the responder"))?;
        let receiver = self.party.receiver(now);
        let accepted = receiver.answer::<Answer>(awaited, answer, &mut Budget::default());
        // [relayed.answer.unchanged]
        let mut content = accepted.map_err(behind)?.into_body();
        if faulty!(self.party, AltersRelayedAnswer) {
            content.benefits.clear();
        }
        Ok(content)
    }
}

fn first_holder(envelope: &Assertion) -> Option<&str> {
    envelope.subject.confirmations.first().and_then(holder)
}

fn holder(confirmation: &SubjectConfirmation) -> Option<&str> {
    let entity = confirmation.entity.as_ref().filter(|entity| entity.format.as_deref() == Some(ENTITY));
    entity.filter(|_| confirmation.method == HOLDER_OF_KEY).map(|entity| entity.value.as_str())
}
