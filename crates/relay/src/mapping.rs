//! Identity mapping (figure 5, ① to ③): each input is decided alone, everything is recorded, then answered.

use chukei_crypto::{Certificate, UnixTime};
use chukei_idwsf::{
    Refusal, Status, code,
    ims::{MappingInput, MappingRequest, Outputs},
};
use chukei_profile::{
    Identifier, Purpose, Scheme,
    envelope::{Issued, Mint},
    history::{GRANTED, Kind},
    login::SESSION,
};
use chukei_reason::Reason;

use crate::{NewEntry, Person, Recorded, Relay, Reply, login::Session, relay::Asker};

/// Whose number, and what is to be put into an envelope.
struct Granted {
    target: String,
    identifier: Identifier,
}

impl Relay {
    pub(crate) fn map(&self, asker: &Asker<'_>, request: &MappingRequest) -> Result<Reply, Refusal> {
        request.check(&self.party.checks)?;
        let unstated = Refusal::new("message.usage-directive.purpose", Reason::Purpose, "a purpose");
        let purpose = asker.purpose.ok_or(unstated)?;
        let holder = self.party.federation.certificate(asker.certificate);
        let holder = holder.ok_or_else(|| Refusal::internal("a certificate"))?;

        let mut entries = Vec::with_capacity(request.inputs.len());
        let mut outputs = Vec::with_capacity(request.inputs.len());
        let mut parts = Vec::new();
        // Whether the answer has a receipt for the entry.
        let mut is_told = Vec::with_capacity(request.inputs.len());
        for input in &request.inputs {
            let session = self.session_of(input, asker)?;
            // [login.session.foreign] Whoever uses it.
            let own_only = faulty!(self.party, ForgetsForeignSessions);
            let is_recorded = |session: &&Session| !own_only || session.party == asker.sender;
            let persons = match &session {
                Some(session) => session.iter().filter(is_recorded).map(|session| session.person).collect(),
                None => self.persons(input, asker)?,
            };
            let mut entry = NewEntry {
                person: None,
                at: asker.now,
                actor: asker.sender.to_owned(),
                kind: Kind::Mapping,
                outcome: GRANTED.to_owned(),
                purpose,
                items: Scheme::from_uri(&input.wanted)
                    .map(|scheme| scheme.uri().to_owned())
                    .into_iter()
                    .collect(),
                envelope: None,
                target: None,
                carried_to: None,
                asked: None,
                login: session.iter().flatten().find_map(|session| self.way(&session.login)),
                withheld_until: asker.withheld_until,
            };
            if faulty!(self.party, TellsNumberInLedger) {
                entry.items.push(input.name_id.value.to_string());
            }
            match self.decide(input, session.as_ref(), &persons, purpose, asker)? {
                Ok(granted) => {
                    let issued = self.envelope(&granted, input, purpose, &holder, asker)?;
                    entry.envelope = Some(issued.id);
                    entry.target = Some(granted.target);
                    outputs.push((input.req_id.clone(), issued.document));
                }
                Err(refused) => {
                    entry.outcome = refused.to_owned();
                    parts.push(Status::new(refused).about(&input.req_id));
                }
            }
            // [ledger.receipt.given] Not how many persons have a number, to whom no agreement allows to know.
            let for_all = faulty!(self.party, ReceiptsForAll);
            let beside = faulty!(self.party, ReceiptsBesideGranted);
            let all = entry.outcome != code::FORBIDDEN || for_all || beside && !outputs.is_empty();
            is_told.extend((0..persons.len().max(1)).map(|place| all || place == 0));
            if persons.is_empty() {
                entries.push(entry.clone());
            }
            entries
                .extend(persons.into_iter().map(|person| NewEntry { person: Some(person), ..entry.clone() }));
        }
        if faulty!(self.party, OmitsInput) && parts.pop().is_none() {
            outputs.pop();
        }

        // [mapping.status.levels]
        let level = match (outputs.is_empty(), parts.is_empty()) {
            (_, true) => code::OK,
            (false, false) => code::PARTIAL,
            (true, false) => code::FAILED,
        };
        let level = if faulty!(self.party, OkDespiteFailure) { code::OK } else { level };
        // [mapping.log.before-answer] The answer is made meanwhile.
        let recorded = match faulty!(self.party, SkipsMappingLog) {
            false => {
                let Recorded { recording, receipts } = self.record(entries)?;
                let told = receipts.into_iter().zip(is_told).filter(|(_, is_told)| *is_told);
                Some(Recorded { recording, receipts: told.map(|(receipt, _)| receipt).collect() })
            }
            true => None,
        };
        let response = Outputs { status: Status { parts, ..Status::new(level) }, outputs };
        let reply = self.tell(asker, &response, recorded)?;
        #[cfg(feature = "danger-faults")]
        let reply = Reply { danger_log: self.party.faults.log_numbers(request), ..reply };
        Ok(reply)
    }

    /// The session that stands in the place of a number, if one does; and nothing in it, if it is unknown or has ended.
    fn session_of(
        &self,
        input: &MappingInput,
        asker: &Asker<'_>,
    ) -> Result<Option<Option<Session>>, Refusal> {
        match input.name_id.format.as_deref() == Some(SESSION) && self.cards.is_some() {
            true => Ok(Some(self.session(&input.name_id.value, asker.now)?)),
            false => Ok(None),
        }
    }

    /// Whom the number leads to, whoever asks: refusals too are recorded in a person's history.
    fn persons(&self, input: &MappingInput, asker: &Asker<'_>) -> Result<Vec<Person>, Refusal> {
        let party = input.name_id.name_qualifier.as_deref().unwrap_or_default();
        match number(input) {
            Some(number) => Ok(self.mappings.persons(party, &number, self.day(asker))?),
            None => Ok(Vec::new()),
        }
    }

    /// A time of the day that counts; [mapping.validity.day]
    fn day(&self, asker: &Asker<'_>) -> UnixTime {
        let behind = if faulty!(self.party, MapsInUtc) { 9 * 3600 } else { 0 };
        UnixTime(asker.now.0.saturating_sub(behind))
    }

    /// Whether an envelope is issued, or the status code that is answered instead.
    fn decide(
        &self,
        input: &MappingInput,
        session: Option<&Option<Session>>,
        persons: &[Person],
        purpose: Purpose,
        asker: &Asker<'_>,
    ) -> Result<Result<Granted, &'static str>, Refusal> {
        let checks = &self.party.checks;
        let holds = |sentence, holds: bool| holds || checks.skips(sentence);
        let target = input.target.as_deref();

        // [mapping.input.form]
        let wanted = Scheme::from_uri(&input.wanted);
        let has_form = session.is_some() || number(input).is_some();
        let (Some(wanted), true) = (wanted, holds("mapping.input.form", has_form)) else {
            return Ok(Err(code::INVALID));
        };
        // [mapping.input.own-number], [login.session.own]
        let owner = input.name_id.name_qualifier.as_deref();
        let is_own = match session {
            Some(session) => {
                let is_own = session.as_ref().is_some_and(|own| own.is_of(asker.sender, asker.now));
                holds("login.session.own", is_own && owner == Some(self.party.entity.as_str()))
            }
            None => holds("mapping.input.own-number", owner == Some(asker.sender)),
        };
        // [login.session.purpose]
        let is_for_this = session.and_then(Option::as_ref).is_none_or(|session| session.purpose == purpose);
        if !is_own || !holds("login.session.purpose", is_for_this) {
            return Ok(Err(code::FORBIDDEN));
        }
        // [mapping.loop.none]
        let is_loop = target == Some(self.party.entity.as_str());
        if !holds("mapping.loop.none", !is_loop) {
            return Ok(Err(code::FORBIDDEN));
        }
        // [mapping.agreement.pair], [mapping.agreement.any]
        let agreed = is_loop || self.agreements.allow(asker.sender, target, purpose);
        let sentence = if target.is_some() { "mapping.agreement.pair" } else { "mapping.agreement.any" };
        if !holds(sentence, agreed) {
            return Ok(Err(code::FORBIDDEN));
        }
        // [mapping.input.known], [mapping.unambiguous]
        let person = match persons {
            [] => return Ok(self.invented(target, wanted, true)),
            [person] => *person,
            [first, ..] if checks.skips("mapping.unambiguous") => *first,
            _ => return Ok(Err(code::DUPLICATE)),
        };
        let mut numbers = self.mappings.numbers(person, wanted, self.day(asker))?;
        // [mapping.target.agreed]
        let counts_all = faulty!(self.party, CountsEveryTarget);
        numbers.retain(|(party, _)| match target {
            Some(target) => party == target,
            None => counts_all || self.agreements.allow(asker.sender, Some(party), purpose),
        });
        // [mapping.unambiguous]
        if !holds("mapping.unambiguous", numbers.len() < 2) {
            return Ok(Err(code::DUPLICATE));
        }
        // [mapping.target.member]
        let Some((target, identifier)) = numbers.into_iter().next() else {
            return Ok(self.invented(target, wanted, false));
        };
        // [mapping.unreachable.distinct], [metadata.valid-until]
        let has_key = || self.party.sealing_key(&target, asker.now).is_some();
        if !self.agreements.in_service(&target) || !self.party.is_current(&target, asker.now) || !has_key() {
            return Ok(Err(self.unreachable()));
        }
        Ok(Ok(Granted { target, identifier }))
    }

    fn unreachable(&self) -> &'static str {
        if faulty!(self.party, UnreachableAsNotMember) { code::NOT_MEMBER } else { code::UNREACHABLE }
    }

    /// Nobody, or nobody there: no identifier is made for anybody; [mapping.no-transient]
    fn invented(
        &self,
        target: Option<&str>,
        wanted: Scheme,
        is_stranger: bool,
    ) -> Result<Granted, &'static str> {
        #[cfg(feature = "danger-faults")]
        if let (Some(target), Some(identifier)) = (target, self.party.faults.invent(wanted, is_stranger)) {
            return Ok(Granted { target: target.to_owned(), identifier });
        }
        #[cfg(not(feature = "danger-faults"))]
        let _ = (target, wanted, is_stranger);
        Err(code::NOT_MEMBER)
    }

    fn envelope(
        &self,
        granted: &Granted,
        input: &MappingInput,
        purpose: Purpose,
        holder: &Certificate,
        asker: &Asker<'_>,
    ) -> Result<Issued, Refusal> {
        let no_key = || Refusal::internal("a key of the target to encrypt for");
        let key = self.party.sealing_key(&granted.target, asker.now).ok_or_else(no_key)?;
        let requester = (asker.sender, holder);
        let both = [requester, (self.party.entity.as_str(), &self.party.certificate)];
        // [envelope.issue.holder]
        let relayed = input.issue_to.as_deref() == Some(self.party.entity.as_str())
            && self.agreements.via_relay(asker.sender, &granted.target);
        let holders = if relayed { &both } else { &both[..1] };
        let request = format!("{}#{}", asker.message_id, input.req_id);
        let mint = Mint {
            relay: &self.party.entity,
            holders,
            target: &granted.target,
            key: &key,
            identifier: &granted.identifier,
            purpose,
            request: &request,
            now: asker.now,
            #[cfg(feature = "danger-faults")]
            danger: self.party.faults.envelope(),
        };
        #[cfg(feature = "danger-faults")]
        return self.party.faults.issue(mint, &self.party);
        #[cfg(not(feature = "danger-faults"))]
        mint.issue(&self.party.signing(), self.party.randomness.as_ref())
    }
}

/// The number, if it has the form of its scheme.
fn number(input: &MappingInput) -> Option<Identifier> {
    let scheme = input.name_id.format.as_deref().and_then(Scheme::from_uri)?;
    Identifier::new(scheme, &input.name_id.value).ok()
}
