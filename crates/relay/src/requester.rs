//! The requester (figure 5, ①, ④, ⑥): asks the relay for envelopes, forwards each to its audience, takes the answer.

use std::collections::BTreeSet;

use chukei_crypto::UnixTime;
use chukei_idwsf::{
    Accepted, Awaited, Commitment, Payload, PeerAnswer, Refusal, SKEW, code,
    ims::{MappingInput, MappingRequest, MappingResponse},
};
use chukei_profile::{
    Date, Identifier, Purpose, Scheme,
    envelope::{LONGEST, PURPOSE, REQUEST, VERSION, VERSION_ATTRIBUTE},
    history::{History, HistoryQuery, Range},
    linkage::{Answer, Item, Query, RelayedQuery},
    login::{Challenge, ChallengeRequest, Login, LoginAnswer, SESSION},
    proof::{LedgerStatus, Proof, ProofQuery, StatusQuery},
};
use chukei_reason::Reason;
use chukei_saml::{Assertion, ENTITY, HOLDER_OF_KEY, NameId};
use chukei_xml::{Budget, Document};

use crate::{Outgoing, Party};

/// An insurer, or a portal, that asks.
#[derive(Clone)]
pub struct Requester {
    /// The insurer as a party.
    pub party: Party,
}

/// Whom something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The person with this number of ours.
    Number(Identifier),
    /// The person who logged in to this session.
    Session(String),
}

impl From<Identifier> for Whom {
    fn from(number: Identifier) -> Self {
        Self::Number(number)
    }
}

/// One person, and what is wanted for them.
#[derive(Clone, Debug)]
pub struct Ask {
    /// A name for this input, unique in its request.
    pub req_id: String,
    /// The person.
    pub whom: Whom,
    /// The scheme that is wanted.
    pub wanted: Scheme,
    /// The party whose number is wanted; `None` for whoever has one.
    pub target: Option<String>,
    /// Whether the relay shall carry the query.
    pub via_relay: bool,
}

/// A mapping request that waits for its answer.
#[must_use]
#[derive(Debug)]
pub struct Mapping {
    awaited: Awaited,
    /// reqID and target of each input.
    inputs: Vec<(String, Option<String>)>,
    purpose: Purpose,
}

/// What became of a mapping request: an envelope or a status code for each reqID, in the order of the inputs.
#[derive(Debug)]
pub struct Mapped {
    /// One for each input.
    pub results: Vec<(String, Result<Envelope, String>)>,
    /// What the relay promises to have in its ledger: the requester's proof that it asked by the rules.
    pub receipts: Vec<Commitment>,
}

/// An envelope that may be forwarded, once.
#[must_use]
#[derive(Debug)]
pub struct Envelope {
    /// `ID` of the assertion.
    pub id: String,
    /// Its audience.
    pub target: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether the relay may present it too.
    pub via_relay: bool,
    document: Document,
}

/// A query that waits for its answer.
#[must_use]
#[derive(Debug)]
pub struct Asking {
    awaited: Awaited,
    items: BTreeSet<Item>,
}

/// A history query that waits for its answer.
#[must_use]
#[derive(Debug)]
pub struct HistoryAsked {
    awaited: Awaited,
}

impl Requester {
    /// ① Asks the relay for envelopes.
    ///
    /// # Errors
    /// `Key` when the relay is not in the federation, `Internal` when our own key or randomness fails.
    pub fn map(&self, asks: &[Ask], purpose: Purpose, now: UnixTime) -> Result<Outgoing<Mapping>, Refusal> {
        self.map_until(asks, purpose, None, now)
    }

    /// ① The same, and wants what is recorded of it withheld from the persons until this day (chapter 35).
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn map_withheld(
        &self,
        asks: &[Ask],
        purpose: Purpose,
        until: &Date,
        now: UnixTime,
    ) -> Result<Outgoing<Mapping>, Refusal> {
        self.map_until(asks, purpose, Some(until), now)
    }

    fn map_until(
        &self,
        asks: &[Ask],
        purpose: Purpose,
        until: Option<&Date>,
        now: UnixTime,
    ) -> Result<Outgoing<Mapping>, Refusal> {
        let inputs = asks.iter().map(|ask| MappingInput {
            req_id: ask.req_id.clone(),
            wanted: ask.wanted.uri().to_owned(),
            target: ask.target.clone(),
            issue_to: ask.via_relay.then(|| self.party.relay.clone()),
            name_id: self.name_id(&ask.whom, &self.party.entity),
        });
        let request = MappingRequest { inputs: inputs.collect() };
        #[cfg(feature = "danger-faults")]
        let request = self.party.faults.add_foreign(request);
        let inputs =
            request.inputs.iter().map(|input| (input.req_id.clone(), input.target.clone())).collect();
        let to = self.party.relay.as_str();
        let sent = self.party.ask_until(to, &request, None, Some(purpose), until.map(Date::as_str), now)?;
        Ok(sent.map(|awaited| Mapping { awaited, inputs, purpose }))
    }

    /// ③ Takes the relay's answer, and checks each envelope as far as its holder can.
    ///
    /// # Errors
    /// The first sentence that the message breaks; `Unrequested` for an answer that does not fit the inputs. An envelope that
    /// must not be forwarded refuses the whole answer.
    pub fn take_mapping(
        &self,
        mapping: Mapping,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<Mapped, Refusal> {
        let checks = &self.party.checks;
        let message_id = mapping.awaited.message_id.clone();
        let receiver = self.party.receiver(now);
        let accepted: Accepted<MappingResponse> =
            receiver.answer(mapping.awaited, answer, &mut Budget::default())?;
        let receipts = accepted.headers().receipts.clone();
        let MappingResponse { status, outputs } = accepted.into_body();

        // [requester.envelope.check]: every input answered once, and nothing that was not asked.
        let mut answered: Vec<&str> = outputs.iter().map(|output| output.req_ref.as_str()).collect();
        answered.extend(status.parts.iter().filter_map(|part| part.reference.as_deref()));
        answered.sort_unstable();
        let mut asked: Vec<&str> = mapping.inputs.iter().map(|(req_id, _)| req_id.as_str()).collect();
        asked.sort_unstable();
        let fits = answered == asked;
        checks.require("requester.envelope.check", fits, Reason::Unrequested, "one answer to each input")?;

        let mut results = Vec::with_capacity(mapping.inputs.len());
        for (req_id, target) in &mapping.inputs {
            let output = outputs.iter().find(|output| output.req_ref == *req_id);
            let Some(output) = output else {
                let part = status.parts.iter().find(|part| part.reference.as_ref() == Some(req_id));
                let code = part.map_or_else(|| code::FAILED.to_owned(), |part| part.code.clone());
                results.push((req_id.clone(), Err(code)));
                continue;
            };
            let request = format!("{message_id}#{req_id}");
            let envelope =
                self.check(&output.assertion, &request, target.as_deref(), mapping.purpose, now)?;
            results.push((req_id.clone(), Ok(envelope)));
        }
        Ok(Mapped { results, receipts })
    }

    /// What the holder of an envelope can see of it; [requester.envelope.check]
    fn check(
        &self,
        envelope: &Assertion,
        request: &str,
        target: Option<&str>,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<Envelope, Refusal> {
        let require = |holds, reason, expected| {
            self.party.checks.require("requester.envelope.check", holds, reason, expected)
        };
        let relay = self.party.relay.as_str();
        require(envelope.signer.is_some(), Reason::Unsigned, "an envelope signed by itself")?;
        let by_relay = envelope.signer.as_deref() == Some(relay) && envelope.issuer == relay;
        require(by_relay, Reason::Key, "an envelope signed by the relay")?;
        let known = envelope.version == "2.0" && envelope.attribute(VERSION_ATTRIBUTE) == Some(VERSION);
        require(known, Reason::Version, "an envelope of version 1.0")?;

        let conditions = &envelope.conditions;
        let audience = match conditions.audiences.first().map(Vec::as_slice) {
            Some([audience]) => audience.as_str(),
            _ => "",
        };
        let is_targets = conditions.is_only_for(audience)
            && target.is_none_or(|target| audience == target)
            && self.party.federation.entity(audience).is_some();
        require(is_targets, Reason::Audience, "an envelope for the target asked for")?;
        let bound = envelope.attribute(PURPOSE) == Some(purpose.uri())
            && envelope.attribute(REQUEST) == Some(request);
        require(bound, Reason::Unrequested, "an envelope for our request and its purpose")?;
        require(conditions.is_current(now, SKEW, LONGEST), Reason::EnvelopeWindow, "a current envelope")?;
        let names = |party: &str| {
            envelope.subject.confirmations.iter().position(|confirmation| {
                let entity =
                    confirmation.entity.as_ref().filter(|entity| entity.format.as_deref() == Some(ENTITY));
                confirmation.method == HOLDER_OF_KEY
                    && entity.is_some_and(|entity| entity.value.as_str() == party)
            })
        };
        require(names(&self.party.entity) == Some(0), Reason::HolderOfKey, "an envelope for us to present")?;
        let sealed = envelope.subject.encrypted_id.is_some() && envelope.subject.name_id.is_none();
        require(sealed, Reason::TargetIdentity, "a sealed number")?;
        Ok(Envelope {
            id: envelope.id.clone(),
            target: audience.to_owned(),
            purpose,
            via_relay: names(relay).is_some(),
            document: envelope.form().clone(),
        })
    }

    /// ④ Forwards an envelope, as it came, to its audience, with a query about its person.
    ///
    /// # Errors
    /// `Internal` when our own key or randomness fails.
    pub fn query(
        &self,
        envelope: Envelope,
        items: &[Item],
        as_of: Option<Date>,
        now: UnixTime,
    ) -> Result<Outgoing<Asking>, Refusal> {
        #[cfg(feature = "danger-faults")]
        let envelope = self.party.faults.mishandle(envelope, &self.party)?;
        let Envelope { target, purpose, document, .. } = envelope;
        let query = Query::new(items, as_of);
        let sent = self.party.ask(&target, &query, Some(&document), Some(purpose), now)?;
        Ok(sent.map(|awaited| Asking { awaited, items: items.iter().copied().collect() }))
    }

    /// ※ The same through the relay, which the envelope has to list as presenter.
    ///
    /// # Errors
    /// `HolderOfKey` when it does not; else as [`Self::query`].
    pub fn query_via_relay(
        &self,
        envelope: Envelope,
        items: &[Item],
        as_of: Option<Date>,
        now: UnixTime,
    ) -> Result<Outgoing<Asking>, Refusal> {
        // [requester.envelope.only-target]
        let expected = "an envelope that lists the relay as presenter";
        let listed = envelope.via_relay;
        self.party.checks.require("requester.envelope.only-target", listed, Reason::HolderOfKey, expected)?;
        let relayed = RelayedQuery { to: envelope.target, query: Query::new(items, as_of) };
        let (document, purpose) = (envelope.document, envelope.purpose);
        let sent = self.party.ask(&self.party.relay, &relayed, Some(&document), Some(purpose), now)?;
        Ok(sent.map(|awaited| Asking { awaited, items: items.iter().copied().collect() }))
    }

    /// ⑥ Takes the answer.
    ///
    /// # Errors
    /// The first sentence that it breaks; `PeerFault` for a fault, or a status other than `OK` and `NoData`; `Unrequested`
    /// for items that were not asked for.
    pub fn take_answer(
        &self,
        asking: Asking,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<Answer, Refusal> {
        let checks = &self.party.checks;
        let answer = match self.take::<Answer>(asking.awaited, answer, now) {
            Ok(answer) => answer,
            // A mock requester that takes a fault for an answer.
            Err(refusal)
                if refusal.reason() == Reason::PeerFault && checks.skips("requester.answer.fault") =>
            {
                return Ok(Answer {
                    status: chukei_idwsf::Status::new(code::OK),
                    ..Answer::new(Vec::new(), Vec::new())
                });
            }
            Err(refusal) => return Err(refusal),
        };
        // [requester.answer.fault]
        let fits = match answer.status.code.as_str() {
            code::OK => answer.has_data(),
            code::NO_DATA => !answer.has_data(),
            _ => false,
        };
        checks.require(
            "requester.answer.fault",
            fits,
            Reason::PeerFault,
            "OK with data, or NoData without",
        )?;
        let asked = |item| asking.items.contains(&item);
        let extra = (!answer.eligibility.is_empty() && !asked(Item::Eligibility))
            || (!answer.benefits.is_empty() && !asked(Item::Benefits));
        checks.require(
            "linkage.answer.items",
            !extra,
            Reason::Unrequested,
            "no item that was not asked for",
        )?;
        Ok(answer)
    }

    fn name_id(&self, whom: &Whom, party: &str) -> NameId {
        match whom {
            Whom::Number(number) => NameId::new(number.scheme().uri(), number.expose()).by(party),
            Whom::Session(session) => NameId::new(SESSION, session).by(&self.party.relay),
        }
    }

    /// A portal asks for the history of the person whom `party` knows by this number, or who has logged in.
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn history(
        &self,
        party: &str,
        whom: &Whom,
        range: Range,
        now: UnixTime,
    ) -> Result<Outgoing<HistoryAsked>, Refusal> {
        let query = HistoryQuery { name_id: self.name_id(whom, party), range };
        let sent = self.party.ask(&self.party.relay, &query, None, Some(Purpose::History), now)?;
        Ok(sent.map(|awaited| HistoryAsked { awaited }))
    }

    /// Takes a history.
    ///
    /// # Errors
    /// The first sentence that it breaks.
    pub fn take_history(
        &self,
        asked: HistoryAsked,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<History, Refusal> {
        self.take(asked.awaited, answer, now)
    }

    /// A portal asks for the proof of such a history, beginning with the checkpoint of this size.
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn proof(
        &self,
        party: &str,
        whom: &Whom,
        since: Option<u64>,
        now: UnixTime,
    ) -> Result<Outgoing<Awaited>, Refusal> {
        let query = ProofQuery { name_id: self.name_id(whom, party), since };
        self.party.ask(&self.party.relay, &query, None, Some(Purpose::History), now)
    }

    /// Takes a proof. Whether it holds, the person finds out.
    ///
    /// # Errors
    /// The first sentence that it breaks.
    pub fn take_proof(
        &self,
        asked: Awaited,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<Proof, Refusal> {
        self.take(asked, answer, now)
    }

    /// Asks how the relay's ledger stands.
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn ledger_status(&self, now: UnixTime) -> Result<Outgoing<Awaited>, Refusal> {
        self.party.ask(&self.party.relay, &StatusQuery, None, None, now)
    }

    /// Takes that.
    ///
    /// # Errors
    /// The first sentence that it breaks.
    pub fn take_ledger_status(
        &self,
        asked: Awaited,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<LedgerStatus, Refusal> {
        self.take(asked, answer, now)
    }

    fn take<P: Payload>(
        &self,
        awaited: Awaited,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<P, Refusal> {
        let accepted = self.party.receiver(now).answer(awaited, answer, &mut Budget::default());
        accepted.map(Accepted::into_body)
    }

    /// Asks for a challenge that a card is to answer.
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn challenge(&self, now: UnixTime) -> Result<Outgoing<Awaited>, Refusal> {
        self.party.ask(&self.party.relay, &ChallengeRequest, None, None, now)
    }

    /// Takes a challenge.
    ///
    /// # Errors
    /// The first sentence that it breaks.
    pub fn take_challenge(
        &self,
        asked: Awaited,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<Challenge, Refusal> {
        self.take(asked, answer, now)
    }

    /// Logs somebody in with a card, for this purpose.
    ///
    /// # Errors
    /// As [`Self::map`].
    pub fn login(
        &self,
        login: &Login,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<Outgoing<Awaited>, Refusal> {
        self.party.ask(&self.party.relay, login, None, Some(purpose), now)
    }

    /// Takes what became of it.
    ///
    /// # Errors
    /// The first sentence that it breaks.
    pub fn take_login(
        &self,
        asked: Awaited,
        answer: &PeerAnswer<'_>,
        now: UnixTime,
    ) -> Result<LoginAnswer, Refusal> {
        self.take(asked, answer, now)
    }
}

impl Envelope {
    /// The signed assertion, as it came.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    #[cfg(feature = "danger-faults")]
    pub(crate) fn danger_alter(&mut self, document: Document) {
        self.document = document;
    }
}
