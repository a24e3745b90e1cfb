//! The relay: maps numbers into envelopes, receipts disclosures, shows histories, forwards queries.

use std::collections::BTreeSet;
use std::sync::Arc;

use chukei_crypto::UnixTime;
use chukei_idwsf::{
    Accepted, Content, Parts, Payload, PeerAnswer, Refusal, Request, Status, Unavailable, code,
    ims::MappingRequest,
};
use chukei_profile::{
    Identifier, Purpose, Scheme,
    disclosure::{Notice, Receipt},
    history::{Entry, GRANTED, History, HistoryQuery, Kind, Range, SHOWN, Withheld},
    linkage::RelayedQuery,
    login::{ChallengeRequest, Login, SESSION},
    proof::{Proof, ProofQuery, StatusQuery},
};
use chukei_reason::Reason;
use chukei_saml::NameId;
use chukei_xml::{Budget, Element, Name, XmlError};

use crate::{
    AccessLog, Agreements, Issuance, MappingStore, NewEntry, Page, Party, Person, Proofs, Recorded, Relaying,
    Reply, Step,
    login::{Cards, LoggedIn, Session},
};

/// Seconds by which the clocks of a relay and of a responder may differ.
const NOTICE_SKEW: i64 = 180;
/// Seconds after an access for which it may be withheld from the person: three years (interpretation 0028).
const LONGEST_WITHHOLDING: i64 = (3 * 365 + 1) * 86_400;

/// A relay and its stores.
#[derive(Clone)]
pub struct Relay {
    /// The relay as a party.
    pub party: Party,
    /// Which numbers belong to one person.
    pub mappings: Arc<dyn MappingStore>,
    /// What it did.
    pub log: Arc<dyn AccessLog>,
    /// Who may ask what.
    pub agreements: Arc<dyn Agreements>,
    /// What it needs to log people in with cards, if it does that.
    pub cards: Option<Box<Cards>>,
    /// Proves histories, if it has a ledger.
    pub proofs: Option<Arc<dyn Proofs>>,
}

/// What a relay is asked.
enum Asked {
    Mapping(MappingRequest),
    Notice(Notice),
    History(HistoryQuery),
    Proof(ProofQuery),
    Status,
    Relayed(RelayedQuery),
    Challenge,
    Login(Login),
}

impl Payload for Asked {
    const NAMES: &'static [Name] = &[
        chukei_idwsf::ims::REQUEST,
        chukei_profile::disclosure::NOTICE,
        chukei_profile::history::QUERY,
        chukei_profile::proof::QUERY,
        chukei_profile::proof::STATUS_QUERY,
        chukei_profile::linkage::RELAYED,
        chukei_profile::login::CHALLENGE_REQUEST,
        chukei_profile::login::REQUEST,
    ];

    fn read(element: Element<'_>, parts: &Parts<'_>) -> Result<Self, XmlError> {
        if element.is(chukei_idwsf::ims::REQUEST) {
            return MappingRequest::read(element, parts).map(Self::Mapping);
        }
        if element.is(chukei_profile::disclosure::NOTICE) {
            return Notice::read(element, parts).map(Self::Notice);
        }
        if element.is(chukei_profile::history::QUERY) {
            return HistoryQuery::read(element, parts).map(Self::History);
        }
        if element.is(chukei_profile::proof::QUERY) {
            return ProofQuery::read(element, parts).map(Self::Proof);
        }
        if element.is(chukei_profile::proof::STATUS_QUERY) {
            return StatusQuery::read(element, parts).map(|StatusQuery| Self::Status);
        }
        if element.is(chukei_profile::login::CHALLENGE_REQUEST) {
            return ChallengeRequest::read(element, parts).map(|ChallengeRequest| Self::Challenge);
        }
        if element.is(chukei_profile::login::REQUEST) {
            return Login::read(element, parts).map(Self::Login);
        }
        RelayedQuery::read(element, parts).map(Self::Relayed)
    }

    fn asks_about_a_person(&self) -> bool {
        !matches!(self, Self::Notice(_) | Self::Status | Self::Challenge)
    }

    fn shows_an_envelope(&self) -> bool {
        matches!(self, Self::Relayed(_))
    }
}

/// Who asked, and how: what is left of an accepted message beside its body.
pub(crate) struct Asker<'a> {
    pub(crate) sender: &'a str,
    pub(crate) message_id: &'a str,
    pub(crate) certificate: &'a [u8],
    pub(crate) purpose: Option<Purpose>,
    /// Until when the sender wants the entries withheld from the person.
    pub(crate) withheld_until: Option<UnixTime>,
    pub(crate) now: UnixTime,
}

impl Relay {
    /// Answers a request, or says what is to be sent on first.
    pub fn handle(&self, request: &Request<'_>, now: UnixTime) -> Step<Relaying> {
        match self.accept(request, now) {
            Ok(step) => step,
            Err(refusal) => Step::Reply(self.party.refuse(refusal, request)),
        }
    }

    /// Answers the requester with what the responder has answered; `None` when there was no answer at all.
    pub fn resume(&self, relaying: Relaying, answer: Option<&PeerAnswer<'_>>, now: UnixTime) -> Reply {
        let nothing = Request { body: &[], soap_action: None, tls_client: None };
        self.relay_answer(relaying, answer, now, |refusal| self.party.refuse(refusal, &nothing))
    }

    /// What is answered in place of a reply whose recording has failed: no ledger, no answer.
    pub fn unrecorded(&self, why: Unavailable, request: &Request<'_>) -> Reply {
        self.party.refuse(why.into(), request)
    }

    fn accept(&self, request: &Request<'_>, now: UnixTime) -> Result<Step<Relaying>, Refusal> {
        let mut budget = Budget::default();
        let receiver = self.party.receiver(now);
        #[cfg(feature = "danger-faults")]
        let receiver = self.party.faults.receive(receiver, request);
        let accepted: Accepted<Asked> = receiver.request(request, &mut budget)?;
        let asker = Asker {
            sender: accepted.sender(),
            message_id: accepted.message_id(),
            certificate: accepted.certificate(),
            purpose: accepted.headers().purpose.as_deref().and_then(Purpose::from_uri),
            withheld_until: accepted.headers().withheld_until,
            now,
        };
        self.may_withhold(&asker, &accepted).or_else(|refusal| {
            if faulty!(self.party, RecordsRefusedWithholding)
                && let Asked::Proof(ProofQuery { name_id, .. }) | Asked::History(HistoryQuery { name_id, .. }) =
                    &*accepted
                && let Some((person, login)) = self.looked_at(&asker, name_id)?
            {
                self.look(&asker, person, login)?.recording.wait()?;
            }
            #[cfg(feature = "danger-faults")]
            if faulty!(self.party, RecordsWithheldLogins)
                && let Asked::Login(login) = &*accepted
            {
                self.danger_record_refused(&asker, login)?;
            }
            Err(refusal)
        })?;
        match &*accepted {
            Asked::Mapping(mapping) => self.map(&asker, mapping).map(Step::Reply),
            Asked::Notice(notice) => self.receipt(&asker, notice).map(Step::Reply),
            Asked::History(query) => self.history(&asker, query).map(Step::Reply),
            Asked::Proof(query) => self.prove(&asker, query).map(Step::Reply),
            Asked::Status => self.status(&asker).map(Step::Reply),
            Asked::Relayed(query) => {
                self.forward(&asker, query, accepted.headers().target.as_ref()).map(Step::Send)
            }
            Asked::Challenge => self.challenge(&asker).map(Step::Reply),
            Asked::Login(login) => self.login(&asker, login).map(Step::Reply),
        }
    }

    /// Whether what is recorded may be withheld as the sender wants it.
    fn may_withhold(&self, asker: &Asker<'_>, asked: &Asked) -> Result<(), Refusal> {
        let checks = &self.party.checks;
        let Some(until) = asker.withheld_until else { return Ok(()) };
        if let Asked::Login(_) = asked {
            // [login.withholding.none]
            let expected = "a login of which nothing is withheld";
            return checks.require("login.withholding.none", false, Reason::NotAuthorised, expected);
        }
        // [ledger.withhold.right]
        let is_known = self.agreements.may_withhold(asker.sender);
        let expected = "a party that may withhold";
        checks.require("ledger.withhold.right", is_known, Reason::NotAuthorised, expected)?;
        // [ledger.withhold.right]: who has a query carried, asks for nothing on his own account.
        let is_own =
            matches!(asked, Asked::Mapping(_) | Asked::Notice(_) | Asked::History(_) | Asked::Proof(_));
        let expected = "an access of the sender's own";
        checks.require("ledger.withhold.right", is_own, Reason::NotAuthorised, expected)?;
        // [ledger.withhold.until]
        let longest = asker.now.0.saturating_add(LONGEST_WITHHOLDING);
        let is_ahead = asker.now < until && until.0 <= longest;
        let expected = "a day ahead, within three years";
        checks.require("ledger.withhold.until", is_ahead, Reason::DateTime, expected)
    }

    /// Until when what is recorded about an envelope is withheld; [ledger.withhold.envelope]
    pub(crate) fn withheld(&self, issued: Option<&Issuance>, now: UnixTime) -> Option<UnixTime> {
        if faulty!(self.party, ShowsWithheldEnvelope) {
            return None;
        }
        issued?.withheld_until.filter(|until| now < *until)
    }

    /// Records a disclosure before it receipts it.
    fn receipt(&self, asker: &Asker<'_>, notice: &Notice) -> Result<Reply, Refusal> {
        let checks = &self.party.checks;
        let issued = self.log.issuance(&notice.envelope)?;
        let entry = || NewEntry {
            person: issued.as_ref().map(|issued| issued.person),
            at: asker.now,
            actor: asker.sender.to_owned(),
            kind: Kind::Disclosure,
            outcome: notice.outcome.name().to_owned(),
            purpose: notice.purpose,
            items: notice.items.iter().map(|item| item.name().to_owned()).collect(),
            envelope: Some(notice.envelope.clone()),
            target: None,
            login: None,
            withheld_until: asker.withheld_until.max(self.withheld(issued.as_ref(), asker.now)),
            carried_to: None,
            asked: issued.as_ref().map(|issued| (issued.requester.clone(), issued.at)),
        };
        // [disclosure.notice.foreign]
        let ours = issued.as_ref().is_some_and(|issued| issued.target == asker.sender);
        if !ours && faulty!(self.party, RecordsForeignNotices) {
            self.record(vec![entry()])?.recording.wait()?;
        }
        let expected = "an envelope that was issued for the sender";
        checks.require("disclosure.notice.foreign", ours, Reason::NotAuthorised, expected)?;
        // [disclosure.notice.requester]
        let agrees = issued.as_ref().is_none_or(|issued| issued.requester == notice.requester);
        if !agrees && faulty!(self.party, RecordsRefusedNotices) {
            self.record(vec![entry()])?.recording.wait()?;
        }
        let expected = "the party that the envelope was issued to";
        checks.require("disclosure.notice.requester", agrees, Reason::NotAuthorised, expected)?;
        self.agrees(asker, notice, issued.as_ref())?;

        // [disclosure.notice.recorded], [disclosure.notice.again]
        let is_recorded = !faulty!(self.party, LosesNotices);
        let mut entry = entry();
        let is_again = issued.as_ref().is_some_and(|issued| issued.disclosed.is_some());
        if is_again && faulty!(self.party, RecordsNoticesAgain) {
            entry.envelope = entry.envelope.map(|envelope| format!("{envelope}-2"));
        }
        let recorded = is_recorded.then(|| self.record(vec![entry])).transpose()?;
        let receipt = Receipt { envelope: notice.envelope.clone(), status: Status::new(code::OK) };
        self.tell(asker, &receipt, recorded)
    }

    /// Whether a notice agrees with what is known about its envelope.
    fn agrees(&self, asker: &Asker<'_>, notice: &Notice, issued: Option<&Issuance>) -> Result<(), Refusal> {
        let checks = &self.party.checks;
        let Some(issued) = issued else { return Ok(()) };
        // [disclosure.notice.purpose]
        let is_for_it = notice.purpose == issued.purpose;
        checks.require(
            "disclosure.notice.purpose",
            is_for_it,
            Reason::PurposeMismatch,
            issued.purpose.uri(),
        )?;
        // [disclosure.notice.at]
        let (at, skew) = (notice.at.seconds, NOTICE_SKEW);
        let is_of_then = issued.at.0.saturating_sub(skew) <= at && at <= asker.now.0.saturating_add(skew);
        let expected = "a time after the envelope was issued, and not ahead";
        checks.require("disclosure.notice.at", is_of_then, Reason::DateTime, expected)?;
        // [disclosure.notice.same], [disclosure.notice.again]
        let Some(earlier) = &issued.disclosed else { return Ok(()) };
        let items: BTreeSet<&str> = notice.items.iter().map(|item| item.name()).collect();
        let told: BTreeSet<&str> = earlier.items.iter().map(String::as_str).collect();
        let is_same = notice.outcome.name() == earlier.outcome && items == told;
        let expected = "outcome and items of the earlier notice";
        checks.require("disclosure.notice.same", is_same, Reason::Query, expected)
    }

    /// Shows a person's history to a portal; that it was shown is recorded first, and shown with it.
    fn history(&self, asker: &Asker<'_>, query: &HistoryQuery) -> Result<Reply, Refusal> {
        // [history.query.portal-only]
        self.portals_only("history.query.portal-only", asker)?;
        // [history.query.purpose]
        self.for_looks("history.query.purpose", asker)?;
        let Some((person, login)) = self.looked_at(asker, &query.name_id)? else {
            return self.party.answer(asker.message_id, &History::default(), asker.now);
        };
        let recorded = self.look(asker, person, login)?;
        // [history.complete], [history.range], [history.total]
        let range = match query.range {
            _ if faulty!(self.party, IgnoresRange) => Range::default(),
            range if faulty!(self.party, IgnoresFrom) => Range { from: None, ..range },
            range => range,
        };
        // [ledger.withhold.hidden]
        let now = if faulty!(self.party, TellsWithheldTime) { UnixTime(i64::MAX) } else { asker.now };
        let Page { mut entries, total } = self.log.page(person, &range, now)?;
        let total = match faulty!(self.party, CountsListed) {
            true => u64::try_from(entries.len()).unwrap_or(u64::MAX),
            false => total,
        };
        if faulty!(self.party, HidesRefusals) {
            entries.retain(|entry| entry.kind != Kind::Mapping || entry.outcome == GRANTED);
        }
        if faulty!(self.party, MisstatesHistory) {
            entries.iter_mut().for_each(|entry| entry.purpose = Purpose::EligibilityCheck);
        }
        if faulty!(self.party, TellsNumberInHistory) {
            entries.iter_mut().for_each(|entry| entry.outcome.push_str(&query.name_id.value));
        }
        // [ledger.withhold.hidden], [ledger.withhold.opened]
        let hidden =
            |entry: &mut Entry| entry.withheld_until.is_some_and(|until| asker.now.0 < until.seconds);
        let withheld = entries.extract_if(.., hidden);
        let withheld = withheld
            .filter_map(|entry| Some(Withheld { number: entry.number, until: entry.withheld_until? }));
        let withheld = withheld.collect();
        self.tell(asker, &History { total, entries, withheld }, Some(recorded))
    }

    /// Proves a person's history to a portal; that it was shown is recorded first, and proved with it.
    fn prove(&self, asker: &Asker<'_>, query: &ProofQuery) -> Result<Reply, Refusal> {
        let proofs = self.ledger()?;
        // [ledger.proof.portal-only]
        self.portals_only("ledger.proof.portal-only", asker)?;
        // [ledger.proof.purpose]
        self.for_looks("ledger.proof.purpose", asker)?;
        let Some((person, login)) = self.looked_at(asker, &query.name_id)? else {
            return self.party.answer(asker.message_id, &Proof { bundle: Vec::new() }, asker.now);
        };
        let recorded = self.look(asker, person, login)?;
        // [ledger.proof.current], [ledger.proof.since]
        let bundle = proofs.prove(person, query.since, asker.now)?;
        // Chapter 35: else the operator gives it as a file.
        if bundle.len() > chukei_profile::proof::LIMIT {
            return Err(Refusal::internal("a proof that fits into a message"));
        }
        self.tell(asker, &Proof { bundle }, Some(recorded))
    }

    /// Tells anybody how the ledger stands.
    fn status(&self, asker: &Asker<'_>) -> Result<Reply, Refusal> {
        // [ledger.status.current], [ledger.status.period]
        let status = self.ledger()?.status(asker.now)?;
        self.tell(asker, &status, None)
    }

    fn ledger(&self) -> Result<&Arc<dyn Proofs>, Refusal> {
        let none = || Refusal::new("message.body.one-child", Reason::Body, "what this relay takes");
        self.proofs.as_ref().ok_or_else(none)
    }

    fn portals_only(&self, sentence: &'static str, asker: &Asker<'_>) -> Result<(), Refusal> {
        let is_portal = self.agreements.is_portal(asker.sender);
        self.party.checks.require(sentence, is_portal, Reason::NotAuthorised, "a portal as sender")
    }

    fn for_looks(&self, sentence: &'static str, asker: &Asker<'_>) -> Result<(), Refusal> {
        let is_lax = faulty!(self.party, ChecksMappingsOnly);
        let is_look = is_lax || asker.purpose == Some(Purpose::History);
        self.party.checks.require(sentence, is_look, Reason::Purpose, "the purpose history")
    }

    /// Records that a history is looked at, and waits for that.
    fn look(&self, asker: &Asker<'_>, person: Person, login: Option<LoggedIn>) -> Result<Recorded, Refusal> {
        let recorded = self.record(vec![NewEntry {
            person: Some(person),
            at: asker.now,
            actor: asker.sender.to_owned(),
            kind: Kind::History,
            outcome: SHOWN.to_owned(),
            purpose: Purpose::History,
            items: Vec::new(),
            envelope: None,
            target: None,
            carried_to: None,
            asked: None,
            login: login.and_then(|login| self.way(&login)),
            withheld_until: asker.withheld_until,
        }])?;
        recorded.recording.clone().wait()?;
        Ok(recorded)
    }

    /// Begins to record.
    pub(crate) fn record(&self, entries: Vec<NewEntry>) -> Result<Recorded, Unavailable> {
        #[cfg(feature = "danger-faults")]
        let entries: Vec<NewEntry> = entries.into_iter().map(|entry| self.party.faults.book(entry)).collect();
        self.log.record(&entries)
    }

    /// An answer with the receipts of what was recorded, which leaves when that is on the disk.
    pub(crate) fn tell<C: Content>(
        &self,
        asker: &Asker<'_>,
        content: &C,
        recorded: Option<Recorded>,
    ) -> Result<Reply, Refusal> {
        self.tell_about(asker.message_id, content, recorded, asker.now)
    }

    /// The same to the request with this MessageID.
    pub(crate) fn tell_about<C: Content>(
        &self,
        request: &str,
        content: &C,
        recorded: Option<Recorded>,
        now: UnixTime,
    ) -> Result<Reply, Refusal> {
        let (recording, receipts) =
            recorded.map(|Recorded { recording, receipts }| (recording, receipts)).unzip();
        // [ledger.receipt.given]
        let receipts = receipts.unwrap_or_default();
        #[cfg(feature = "danger-faults")]
        let receipts = self.party.faults.promise(receipts);
        let reply = self.party.answer_with(&receipts, request, content, now)?;
        Ok(Reply { recording, ..reply })
    }

    /// Whose history is asked for, and how that person has logged in. Nobody unless the number leads to one person.
    fn looked_at(
        &self,
        asker: &Asker<'_>,
        name_id: &NameId,
    ) -> Result<Option<(Person, Option<LoggedIn>)>, Refusal> {
        if name_id.format.as_deref() == Some(SESSION) {
            // [login.session.history]
            let is_ours = name_id.name_qualifier.as_deref() == Some(self.party.entity.as_str());
            let usable = |session: &Session| {
                let is_own = session.is_of(asker.sender, asker.now);
                is_ours && is_own && Some(session.purpose) == asker.purpose
                    || self.party.checks.skips("login.session.history")
            };
            let session = self.session(&name_id.value, asker.now)?.filter(usable);
            return Ok(session.map(|session| (session.person, Some(session.login))));
        }
        let scheme = name_id.format.as_deref().and_then(Scheme::from_uri);
        let number = scheme.and_then(|scheme| Identifier::new(scheme, &name_id.value).ok());
        let party = name_id.name_qualifier.as_deref().unwrap_or_default();
        let persons = number.map(|number| self.mappings.persons(party, &number, asker.now)).transpose()?;
        // [history.query.nobody], [ledger.proof.nobody]
        match persons.unwrap_or_default().as_slice() {
            [person] => Ok(Some((*person, None))),
            _ if faulty!(self.party, RefusesNobody) => {
                let expected = "a number of one person";
                Err(Refusal::new("mapping.input.form", Reason::Identifier, expected))
            }
            _ => Ok(None),
        }
    }
}
