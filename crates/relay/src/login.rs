//! Login with cards (chapter 34 of the standard; design.md §4.4): who is there is decided by a certificate's issuer and
//! serial number, after its path, its revocation and a signature. What is given is a session, for one party and one purpose.

use std::{cell::OnceCell, sync::Arc};

use chukei_crypto::{Certificate, Purpose as Use, Revocation, TrustAnchors, UnixTime};
use chukei_idwsf::{Checks, Refusal, Status, Unavailable, code, xml_id};
use chukei_profile::{
    Purpose,
    history::Kind,
    login::{
        AccessApplication, By, CONSENT, Challenge, Challenged, Context, Given, Login, LoginAnswer, Patient,
        Shown, TITLE,
    },
};
use chukei_reason::{CertificateFault, Reason};
use chukei_xml::lexical::DateTime;

#[cfg(feature = "danger-faults")]
use crate::faults::Fault;
use crate::{
    NewEntry, Person, Relay, Reply,
    changes::{Assigned, KeyStore, Standing},
    numbers::{Level, Number, NumberKind},
    relay::Asker,
};

mod door;

/// How long a challenge waits for its answer.
const CHALLENGE: i64 = 120;
/// Outcome of a login that is refused.
const REFUSED: &str = "refused";
/// How long a session lasts.
const SESSION: i64 = 600;
/// How old an access application may be, and how far ahead.
const APPLICATION: (i64, i64) = (300, 180);
/// The role in the certificate of a member of staff who may read patients' cards.
const ROLE: &str = "eligibility-check";

/// What a relay needs to log people in.
#[derive(Clone)]
pub struct Cards {
    /// Authorities of people's cards, with their revocation lists.
    pub cards: TrustAnchors,
    /// Authorities of staff's tokens, with their revocation lists.
    pub operators: TrustAnchors,
    /// Whose certificate or visible number it is.
    pub keys: Arc<dyn KeyStore>,
    /// Party that has given out the visible numbers, as `keys` names it.
    pub visible: String,
    /// Challenges and sessions.
    pub logins: Arc<dyn Logins>,
    /// Whether a card at a reception has to sign.
    pub possession: bool,
    /// Where cards are presented over TLS ([`Relay::present`]), if anywhere.
    pub door: Option<String>,
}

/// What a relay has given out and waits for.
pub trait Logins: Send + Sync {
    /// Remembers a challenge of this party; may forget those that have ended.
    ///
    /// # Errors
    /// When the store does not answer.
    fn challenge(&self, party: &str, value: &str, until: UnixTime, now: UnixTime) -> Result<(), Unavailable>;

    /// Remembers which card was presented with a challenge of this party, and says until when that is good. Nothing is
    /// done if the challenge is not there, has ended, or a card was presented with it before.
    ///
    /// # Errors
    /// When the store does not answer.
    fn present(
        &self,
        party: &str,
        value: &str,
        presented: Presented,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, Unavailable>;

    /// Takes a challenge of this party away; nothing if it was not there or had ended.
    ///
    /// # Errors
    /// When the store does not answer.
    fn take(&self, party: &str, value: &str, now: UnixTime) -> Result<Option<Taken>, Unavailable>;

    /// Remembers a session; may forget those that have ended.
    ///
    /// # Errors
    /// When the store does not answer.
    fn open(&self, id: &str, session: Session, now: UnixTime) -> Result<(), Unavailable>;

    /// A session, whosever it is.
    ///
    /// # Errors
    /// When the store does not answer.
    fn session(&self, id: &str) -> Result<Option<Session>, Unavailable>;
}

/// A challenge that was taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The card that was presented with it, if one was.
    pub presented: Option<Presented>,
}

/// A card that a TLS client has presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// SHA-256 of the ticket that the client was given.
    pub ticket: [u8; 32],
    /// Whose card it is; nobody's, if it is not registered.
    pub person: Option<Person>,
    /// What for.
    pub purpose: Purpose,
}

/// How somebody has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The way.
    pub context: Context,
    /// Serial number of the certificate of the member of staff, in hexadecimal, if it was a reception.
    pub operator: Option<String>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The party that it was given to.
    pub party: String,
    /// Who logged in.
    pub person: Person,
    /// How.
    pub login: LoggedIn,
    /// What for.
    pub purpose: Purpose,
    /// From when on no more.
    pub until: UnixTime,
}

impl Session {
    /// Whether this party may use it now.
    pub(crate) fn is_of(&self, party: &str, now: UnixTime) -> bool {
        self.party == party && now < self.until
    }
}

/// Who was found, and how; or the status code that is answered instead.
type Found = Result<(Person, LoggedIn), &'static str>;

impl Relay {
    fn desk(&self) -> Result<&Cards, Refusal> {
        let none = || Refusal::new("message.body.one-child", Reason::Body, "what this relay takes");
        self.cards.as_deref().ok_or_else(none)
    }

    /// The session of this name that has not ended, whosever it is; [login.session.ended]
    pub(crate) fn session(&self, id: &str, now: UnixTime) -> Result<Option<Session>, Refusal> {
        let session = self.cards.as_ref().map(|desk| desk.logins.session(id)).transpose()?.flatten();
        let is_eternal = faulty!(self.party, EternalSessions);
        let until = |session: &Session| if is_eternal { UnixTime(i64::MAX) } else { session.until };
        let session = session.map(|session| Session { until: until(&session), ..session });
        let records_ended = faulty!(self.party, RecordsEndedSessions);
        Ok(session.filter(|session| now < session.until || records_ended))
    }

    /// How the person had logged in, as it is recorded; [login.session.recorded]
    pub(crate) fn way(&self, login: &LoggedIn) -> Option<LoggedIn> {
        if faulty!(self.party, ForgetsLogin) { None } else { Some(login.clone()) }
    }

    /// Whether a refused login is not recorded, by a fault.
    fn forgets_refused(&self, refusal: &Refusal) -> bool {
        if faulty!(self.party, LogsBadSignaturesOnly) {
            return !matches!(refusal.reason(), Reason::Signature | Reason::Digest);
        }
        faulty!(self.party, SkipsRefusedLogins)
    }

    /// Records a login that is refused before anybody looks at the card.
    #[cfg(feature = "danger-faults")]
    pub(crate) fn danger_record_refused(&self, asker: &Asker<'_>, login: &Login) -> Result<(), Refusal> {
        let purpose = asker.purpose.unwrap_or(Purpose::History);
        let desk = Desk { relay: self, cards: self.desk()?, asker, purpose, presented: OnceCell::new() };
        if let Some(person) = desk.shown(login)? {
            self.record(vec![desk.entry(Some(person), REFUSED)])?.recording.wait()?;
        }
        Ok(())
    }

    /// Gives a challenge.
    pub(crate) fn challenge(&self, asker: &Asker<'_>) -> Result<Reply, Refusal> {
        let desk = self.desk()?;
        // [login.challenge.fresh]
        let randomness = self.party.randomness.as_ref();
        let value = match faulty!(self.party, SameChallenge) {
            true => "0".repeat(64),
            false => [xml_id(randomness)?, xml_id(randomness)?].concat().replace('_', ""),
        };
        #[cfg(feature = "danger-faults")]
        let value = self.party.faults.count(Fault::CountsChallenges, value);
        let until = UnixTime(asker.now.0.saturating_add(CHALLENGE));
        desk.logins.challenge(asker.sender, &value, until, asker.now)?;
        let until = DateTime { seconds: until.0, nanoseconds: 0 };
        let door = desk.door.clone();
        self.party.answer(asker.message_id, &Challenge { value, until, door }, asker.now)
    }

    /// Logs somebody in: recorded, then answered.
    pub(crate) fn login(&self, asker: &Asker<'_>, login: &Login) -> Result<Reply, Refusal> {
        let unstated = Refusal::new("message.usage-directive.purpose", Reason::Purpose, "a purpose");
        let purpose = asker.purpose.ok_or(unstated)?;
        let desk = Desk { relay: self, cards: self.desk()?, asker, purpose, presented: OnceCell::new() };
        let found = match login {
            Login::Application { certificate, document } => desk.application(certificate, document),
            Login::Response { challenge, card } => desk.response(challenge, card),
            Login::Ticket { challenge, ticket } => desk.ticket(challenge, ticket),
            Login::Reception { challenge, operator, patient } => desk.reception(challenge, operator, patient),
        };
        let found = match found {
            Ok(found) => found,
            Err(refusal) => {
                // [login.refused.logged]
                if let Some(person) = desk.shown(login)?
                    && !self.forgets_refused(&refusal)
                {
                    self.record(vec![desk.entry(Some(person), REFUSED)])?.recording.wait()?;
                }
                return Err(refusal);
            }
        };
        #[cfg(feature = "danger-faults")]
        let asked = login;
        let (person, login) = match found {
            Ok(found) => found,
            Err(code) => {
                let recorded = self.record(vec![desk.entry(None, code)])?;
                let answer = LoginAnswer { status: Status::new(code), session: None };
                return self.tell(asker, &answer, Some(recorded));
            }
        };

        let context = if faulty!(self.party, HidesContext) { Context::Challenge } else { login.context };
        let login = LoggedIn { context, ..login };
        let lasting = if faulty!(self.party, LongSession) { 24 * 3600 } else { SESSION };
        let until = UnixTime(asker.now.0.saturating_add(lasting));
        let id = xml_id(self.party.randomness.as_ref())?;
        #[cfg(feature = "danger-faults")]
        let id = self.party.faults.count(Fault::CountsSessions, id);
        let session =
            Session { party: asker.sender.to_owned(), person, login: login.clone(), purpose, until };
        desk.cards.logins.open(&id, session, asker.now)?;
        // [login.answer.logged] The answer is made meanwhile.
        let recorded = match faulty!(self.party, SkipsLoginLog) {
            false => {
                let entry = NewEntry { login: self.way(&login), ..desk.entry(Some(person), context.name()) };
                Some(self.record(vec![entry])?)
            }
            true => None,
        };
        #[cfg(feature = "danger-faults")]
        let danger_log = self.party.faults.log_login(asked, &id);
        // [login.answer.context]
        let until = DateTime { seconds: until.0, nanoseconds: 0 };
        let answer =
            LoginAnswer { status: Status::new(code::OK), session: Some(Given { id, until, context }) };
        let reply = self.tell(asker, &answer, recorded)?;
        #[cfg(feature = "danger-faults")]
        let reply = Reply { danger_log, ..reply };
        Ok(reply)
    }
}

/// One login.
struct Desk<'a> {
    relay: &'a Relay,
    cards: &'a Cards,
    asker: &'a Asker<'a>,
    purpose: Purpose,
    /// Whose card was presented over TLS for this login.
    presented: OnceCell<Person>,
}

impl Desk<'_> {
    fn entry(&self, person: Option<Person>, outcome: &str) -> NewEntry {
        NewEntry {
            person,
            at: self.asker.now,
            actor: self.asker.sender.to_owned(),
            kind: Kind::Login,
            outcome: outcome.to_owned(),
            purpose: self.purpose,
            items: Vec::new(),
            envelope: None,
            target: None,
            carried_to: None,
            asked: None,
            login: None,
            withheld_until: None,
        }
    }

    /// Whose card is shown, if it may be believed that far.
    fn shown(&self, login: &Login) -> Result<Option<Person>, Refusal> {
        let (der, purpose) = match login {
            Login::Application { certificate, .. } => (certificate, Use::SignDocuments),
            Login::Response { card, .. } | Login::Reception { patient: Patient::Card(card), .. } => {
                (&card.certificate, Use::TlsClient)
            }
            Login::Ticket { .. } => return Ok(self.presented.get().copied()),
            Login::Reception { patient: Patient::VisibleNumber(_), .. } => return Ok(None),
        };
        self.believed(der, purpose)
    }

    /// Whose certificate this is, if everything about it holds.
    fn believed(&self, der: &[u8], purpose: Use) -> Result<Option<Person>, Refusal> {
        let Ok(certificate) = Certificate::from_der(der) else { return Ok(None) };
        let path =
            self.cards.cards.validate(&certificate, &[], self.asker.now, purpose, Revocation::Required);
        if path.is_err() {
            return Ok(None);
        }
        // Which way it would have been does not matter here.
        Ok(self.registered(&certificate)?.ok())
    }

    /// The time at which challenges are looked at.
    fn now(&self) -> UnixTime {
        if faulty!(self.relay.party, EternalChallenges) { UnixTime(0) } else { self.asker.now }
    }

    fn checks(&self) -> &Checks {
        &self.relay.party.checks
    }

    /// Nabari: the person has signed an application with the card's signature key.
    fn application(&self, certificate: &[u8], document: &[u8]) -> Result<Found, Refusal> {
        self.portal_only()?;
        let certificate = self.certified(&self.cards.cards, certificate, Use::SignDocuments)?;
        let application = self.signed(document, &certificate)?;

        // [login.application.content]
        let is_usual = application.title == TITLE && application.consent == CONSENT;
        self.checks().require("login.application.content", is_usual, Reason::Schema, "title and consent")?;
        // [login.application.addressed]
        let is_ours = application.relay == self.relay.party.entity && application.portal == self.asker.sender;
        let expected = "an application to this relay by this portal";
        self.checks().require("login.application.addressed", is_ours, Reason::Audience, expected)?;
        // [login.application.purpose]
        let agrees = application.purpose == self.purpose;
        self.checks().require(
            "login.application.purpose",
            agrees,
            Reason::PurposeMismatch,
            "the same purpose",
        )?;
        // [login.application.fresh]
        let now = DateTime { seconds: self.asker.now.0, nanoseconds: 0 };
        let (before, ahead) = APPLICATION;
        let is_fresh = now <= application.at.plus(before) && application.at <= now.plus(ahead);
        self.checks().require(
            "login.application.fresh",
            is_fresh,
            Reason::Window,
            "an application of these minutes",
        )?;
        // [login.application.once] As long as it could be fresh.
        let digest: String = certificate.sha256().iter().map(|octet| format!("{octet:02x}")).collect();
        let owner = format!("application {digest}");
        let until = UnixTime(application.at.plus(before).seconds);
        let is_first = self.relay.party.memory(self.asker.now).first_use(&owner, &application.id, until)?;
        self.checks().require(
            "login.application.once",
            is_first,
            Reason::Replay,
            "an application not used before",
        )?;

        self.holder(&certificate, LoggedIn { context: Context::Application, operator: None })
    }

    /// MHLW, Kamogawa at home: the card's authentication key answers a challenge.
    fn response(&self, challenge: &str, card: &Shown) -> Result<Found, Refusal> {
        self.portal_only()?;
        self.take(challenge)?;
        let certificate = self.certified(&self.cards.cards, &card.certificate, Use::TlsClient)?;
        let subject = chukei_crypto::sha256(&card.certificate);
        let verifies =
            self.verifies(By::Response, challenge, subject, &certificate, card.signature.as_deref());
        let expected = "a signature by the key of the certificate";
        self.checks().require("login.challenge.signature", verifies, Reason::Signature, expected)?;
        self.holder(&certificate, LoggedIn { context: Context::Challenge, operator: None })
    }

    /// Kamogawa at home: the person's client has shown the card to us, and was given the ticket for that.
    fn ticket(&self, challenge: &str, ticket: &str) -> Result<Found, Refusal> {
        self.portal_only()?;
        let presented = self.take(challenge)?.and_then(|taken| taken.presented);
        let unpresented =
            || Refusal::new("login.ticket.given", Reason::Signature, "a card that was presented");
        let Presented { ticket: given, person, purpose } = presented.ok_or_else(unpresented)?;
        if let Some(person) = person {
            // Set once: a login has one ticket.
            let _ = self.presented.set(person);
        }
        // [login.ticket.given]
        let is_given = chukei_crypto::sha256(ticket.as_bytes()) == given;
        let expected = "the ticket that was given for the challenge";
        self.checks().require("login.ticket.given", is_given, Reason::Signature, expected)?;
        // [login.ticket.purpose]
        let agrees = purpose == self.purpose;
        self.checks().require(
            "login.ticket.purpose",
            agrees,
            Reason::PurposeMismatch,
            "the purpose that the card was presented for",
        )?;
        // [login.certificate.known]
        let login = LoggedIn { context: Context::TlsClient, operator: None };
        Ok(person.map(|person| (person, login)).ok_or(code::NOT_MEMBER))
    }

    /// A member of staff, and a patient's card that nobody enters a PIN for, or the number on its face.
    fn reception(&self, challenge: &str, operator: &Shown, patient: &Patient) -> Result<Found, Refusal> {
        // [login.request.sender]
        let may = self.is_reception() || self.has_either_right();
        let expected = "a sender with an agreement for checking eligibility";
        self.checks().require("login.request.sender", may, Reason::NotAuthorised, expected)?;
        // [login.reception.purpose]
        let is_check = self.purpose == Purpose::EligibilityCheck;
        self.checks().require(
            "login.reception.purpose",
            is_check,
            Reason::NotAuthorised,
            "an eligibility check",
        )?;
        self.take(challenge)?;

        let staff = self.certified(&self.cards.operators, &operator.certificate, Use::TlsClient)?;
        // [login.operator.signature]
        let signature = operator.signature.as_deref();
        let verifies = self.verifies(By::Operator, challenge, patient.subject(), &staff, signature);
        let expected = "a signature by the key of the certificate, about this patient";
        self.checks().require("login.operator.signature", verifies, Reason::Signature, expected)?;
        // [login.operator.role]
        let is_reception = staff.subject_title().as_deref() == Some(ROLE);
        self.checks().require(
            "login.operator.role",
            is_reception,
            Reason::NotAuthorised,
            "staff of a reception",
        )?;

        let operator = Some(staff.serial());
        let card = match patient {
            Patient::VisibleNumber(number) => return self.visible(number, operator),
            Patient::Card(card) => card,
        };
        let certificate = self.certified(&self.cards.cards, &card.certificate, Use::TlsClient)?;
        // [login.reception.possession], [login.reception.copied]
        let signature = card.signature.as_deref();
        let signs = signature.is_some()
            && self.verifies(By::Possession, challenge, patient.subject(), &certificate, signature);
        let expected = "a signature by the key of the certificate";
        let as_it_should = signature.is_none() || signs;
        self.checks().require("login.reception.possession", as_it_should, Reason::Signature, expected)?;
        let present = signature.is_some() || !self.cards.possession;
        self.checks().require("login.reception.copied", present, Reason::Signature, expected)?;
        let context = if signs { Context::CardPresent } else { Context::CardWithoutPin };
        self.holder(&certificate, LoggedIn { context, operator })
    }

    /// [login.request.sender]
    fn portal_only(&self) -> Result<(), Refusal> {
        let may = self.relay.agreements.is_portal(self.asker.sender) || self.has_either_right();
        self.checks().require("login.request.sender", may, Reason::NotAuthorised, "a portal as sender")
    }

    fn is_reception(&self) -> bool {
        self.relay.agreements.allow(self.asker.sender, None, Purpose::EligibilityCheck)
    }

    /// Whether portals and receptions are told apart no more, by a fault.
    fn has_either_right(&self) -> bool {
        let is_either = || self.is_reception() || self.relay.agreements.is_portal(self.asker.sender);
        faulty!(self.relay.party, OneRightForLogins) && is_either()
    }

    /// [login.challenge.own] Each is good for one login, even for one that fails. Nothing where that is not checked.
    fn take(&self, challenge: &str) -> Result<Option<Taken>, Refusal> {
        let taken = self.cards.logins.take(self.asker.sender, challenge, self.now())?;
        self.checks().require(
            "login.challenge.own",
            taken.is_some(),
            Reason::Replay,
            "a challenge that waits for an answer",
        )?;
        Ok(taken)
    }

    /// [login.certificate.path], [login.certificate.revoked], [login.certificate.usage]
    fn certified(&self, anchors: &TrustAnchors, der: &[u8], purpose: Use) -> Result<Certificate, Refusal> {
        let sentence = "login.certificate.path";
        let unread = |error: chukei_crypto::CertificateError| {
            Refusal::new(sentence, Reason::Certificate(error.fault), "a certificate")
        };
        let certificate = Certificate::from_der(der).map_err(unread)?;
        let path = anchors.validate(&certificate, &[], self.asker.now, purpose, Revocation::Required);
        if let Err(error) = path {
            let sentence = match error.fault {
                CertificateFault::KeyUsage | CertificateFault::ExtendedKeyUsage => "login.certificate.usage",
                CertificateFault::Revoked | CertificateFault::RevocationUnknown => {
                    "login.certificate.revoked"
                }
                _ => sentence,
            };
            let expected = "a certificate that may be relied on";
            self.checks().require(sentence, false, Reason::Certificate(error.fault), expected)?;
        }
        Ok(certificate)
    }

    /// [login.application.signature]
    fn signed(&self, document: &[u8], certificate: &Certificate) -> Result<AccessApplication, Refusal> {
        #[cfg(feature = "danger-faults")]
        if self.checks().skips("login.application.signature") {
            return Ok(AccessApplication::danger_read_unverified(document)?);
        }
        AccessApplication::read(document, certificate, self.asker.now).map_err(|error| {
            Refusal::new("login.application.signature", error.reason(), "an application signed by the card")
        })
    }

    fn verifies(
        &self,
        by: By,
        challenge: &str,
        subject: [u8; 32],
        certificate: &Certificate,
        signature: Option<&[u8]>,
    ) -> bool {
        let relay = &self.relay.party.entity;
        let Asker { sender, .. } = *self.asker;
        let signed = Challenged { by, relay, sender, purpose: self.purpose, challenge, subject };
        match (certificate.public_key(), signature) {
            (Ok(key), Some(signature)) => signed.verifies(&key, signature),
            _ => false,
        }
    }

    /// [login.certificate.known]
    fn holder(&self, certificate: &Certificate, login: LoggedIn) -> Result<Found, Refusal> {
        Ok(self.registered(certificate)?.map(|person| (person, login)))
    }

    fn registered(&self, certificate: &Certificate) -> Result<Result<Person, &'static str>, Refusal> {
        let serial = Number::certificate(&certificate.serial());
        let unformed = |_| Refusal::internal("a serial number");
        self.person(certificate.issuer(), serial.map_err(unformed)?)
    }

    fn visible(&self, number: &str, operator: Option<String>) -> Result<Found, Refusal> {
        let Ok((number, _)) = Number::read(NumberKind::Visible, number, Level::Strict) else {
            return Ok(Err(code::NOT_MEMBER));
        };
        let found = self.person(self.cards.visible.clone(), number)?;
        Ok(found.map(|person| (person, LoggedIn { context: Context::VisibleNumber, operator })))
    }

    fn person(&self, party: String, number: Number) -> Result<Result<Person, &'static str>, Refusal> {
        Ok(match self.cards.keys.standing(&Assigned { party, number }, self.asker.now)? {
            Standing::Current(person) => Ok(person),
            // A person that nobody has registered, by a fault.
            _ if faulty!(self.relay.party, InventsLogin) => Ok(Person(0)),
            Standing::Unknown | Standing::Suspended(_) | Standing::Ambiguous => Err(code::NOT_MEMBER),
        })
    }
}
