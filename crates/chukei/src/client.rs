//! `chukei terminal`: a small terminal, right by chapter 61. It shows what the suite asks of one, and the suite is tested with it.

use std::{io::BufRead as _, path::PathBuf};

use chukei_crypto::{
    Certificate, Purpose, Revocation, SignatureAlgorithm, TrustAnchors, UnixTime, Zeroizing, sha256,
};
use chukei_harness::{CardPlace, Clock, Contacts, Task};
use chukei_profile::{
    Purpose as Use,
    history::Range,
    login::{By, Challenged, Login, Patient, Shown},
};
use chukei_world::{Handle, Options, Party, World, folder::entity};

use crate::{
    args, contacts,
    mock::failed as unusable,
    say::{Exit, Failure, Say},
    token,
};

const JPKI: &[u8] = b"\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01";
const CERTIFICATE: u16 = 0x000a;
/// The party whose terminal it is where people log in.
pub(crate) const PORTAL: &str = "portal";
/// The same where patients are received.
pub(crate) const HOSPITAL: &str = "hospital";
const KEY: u16 = 0x0017;
const PIN: u16 = 0x0018;
/// Digits of the id in a certificate.
const DIGITS: usize = 44;
/// Octets of a DigestInfo before a SHA-256 digest (RFC 8017 §9.2, note 1).
pub(crate) const DIGEST_INFO: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// How a visit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The task is done, for the person with this id.
    Done(String),
    /// The PIN was wrong; so many tries are left.
    WrongPin(u8),
    /// The PIN is blocked.
    Blocked,
    /// Card or certificate is not accepted.
    Refused(&'static str),
    /// Anything else.
    Failed(&'static str),
}

impl Outcome {
    /// The result as chapter 61 has it.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Self::Done(id) if id.is_empty() => serde_json::json!({"outcome": "done"}),
            Self::Done(id) => serde_json::json!({"outcome": "done", "id": id}),
            Self::WrongPin(tries) => serde_json::json!({"outcome": "wrong-pin", "tries": tries}),
            Self::Blocked => serde_json::json!({"outcome": "blocked"}),
            Self::Refused(why) => serde_json::json!({"outcome": "refused", "why": why}),
            Self::Failed(why) => serde_json::json!({"outcome": "failed", "why": why}),
        }
        .to_string()
    }

    /// The exit status.
    pub(crate) const fn exit(&self) -> Exit {
        if matches!(self, Self::Done(_)) { Exit::Conformant } else { Exit::Nonconformant }
    }
}

/// Does a task with the card in a PC/SC reader.
pub(crate) fn run(asked: &args::Terminal, say: &Say) -> Result<Exit, Failure> {
    let authority = asked.authority.clone().or_else(|| std::env::var_os("CHUKEI_AUTHORITY").map(Into::into));
    let authority = match authority {
        Some(path) => {
            let text = std::fs::read_to_string(&path).map_err(|error| Failure::read(&path, &error))?;
            Some(Certificate::from_pem(&text).map_err(|error| Failure::read(&path, &error))?)
        }
        None => None,
    };
    let open = |reader| contacts::open(&CardPlace { reader, ..CardPlace::default() });
    let mut typed = std::io::stdin().lock().lines().map_while(Result::ok);
    let now = UnixTime(Clock::Machine.now());
    let authority = authority.as_ref();
    let start = |folder: &PathBuf, party| {
        let world = World::open(folder)?;
        Party::start(&world, party, Options::default())
    };
    let (card, token) = (|| open(Some(asked.reader.clone())), || open(asked.operator.clone()));
    let outcome = match (asked.task, &asked.world) {
        (args::Task::Login, Some(folder)) => {
            let mut contacts = card()?;
            let mut portal = start(folder, PORTAL).map_err(|error| unusable(folder, &error))?;
            log_in(contacts.as_mut(), authority, now, &mut typed, &mut portal)
        }
        (args::Task::Reception, Some(folder)) => {
            let (mut contacts, mut token) = (card()?, token()?);
            let mut hospital = start(folder, HOSPITAL).map_err(|error| unusable(folder, &error))?;
            receive((contacts.as_mut(), token.as_mut()), authority, now, &mut typed, &mut hospital)
        }
        (args::Task::VisibleNumber, Some(folder)) => {
            let mut token = token()?;
            let mut hospital = start(folder, HOSPITAL).map_err(|error| unusable(folder, &error))?;
            receive_number(token.as_mut(), &mut typed, &mut hospital)
        }
        (args::Task::Reception | args::Task::VisibleNumber, None) => Outcome::Failed("no relay"),
        (args::Task::Login, None) => {
            Terminal::new(card()?.as_mut(), authority, now, &mut typed).visit(Task::Login)
        }
        (args::Task::Read, _) => {
            Terminal::new(card()?.as_mut(), authority, now, &mut typed).visit(Task::Read)
        }
    };
    say.result(outcome.to_json());
    Ok(outcome.exit())
}

/// The relay at which a terminal logs people in.
pub(crate) trait Relay {
    /// A challenge, if it gives one.
    fn challenge(&mut self) -> Option<String>;

    /// The session, if it grants a login.
    fn log_in(&mut self, login: Login) -> Option<String>;

    /// Asks what the person wants to see.
    fn look(&mut self, session: &str);
}

/// A portal reaches its relay.
impl Relay for Handle {
    fn challenge(&mut self) -> Option<String> {
        Self::challenge(self).ok().map(|challenge| challenge.value)
    }

    fn log_in(&mut self, login: Login) -> Option<String> {
        let purpose = match login {
            Login::Reception { .. } => Use::EligibilityCheck,
            _ => Use::History,
        };
        Some(self.login(login, purpose).ok()?.session?.id)
    }

    fn look(&mut self, session: &str) {
        let _ = self.history_of(session, Range::default()); // it is shown nowhere
    }
}

/// Logs the person in at the relay: the card answers its challenge, once. A refusal is final. Nothing is asked for a person whose card
/// is out.
pub(crate) fn log_in(
    contacts: &mut dyn Contacts,
    authority: Option<&Certificate>,
    now: UnixTime,
    entries: &mut dyn Iterator<Item = String>,
    relay: &mut dyn Relay,
) -> Outcome {
    let Some(challenge) = relay.challenge() else { return Outcome::Failed("the relay gives no challenge") };
    let (by, purpose) = (By::Response, Use::History);
    let (to, sender) = (entity("relay"), entity(PORTAL));
    let digest = |certificate: &[u8]| {
        let subject = sha256(certificate);
        Challenged { by, relay: &to, sender: &sender, purpose, challenge: &challenge, subject }.digest()
    };
    let mut terminal = Terminal { digest: Some(&digest), ..Terminal::new(contacts, authority, now, entries) };
    let outcome = terminal.visit(Task::Login);
    let (shown, signature) = (terminal.shown.take(), terminal.signature.take());
    let (Outcome::Done(_), Some(shown)) = (&outcome, shown) else { return outcome };
    let card = Shown { certificate: shown.der().to_vec(), signature };
    let Some(session) = relay.log_in(Login::Response { challenge: challenge.clone(), card }) else {
        return Outcome::Refused("the relay refuses the login");
    };
    match contacts.transmit(&application()) {
        Ok(answer) if !answer.is_empty() => relay.look(&session),
        _ => return Outcome::Failed("the card is gone"),
    }
    outcome
}

/// Receives a patient: the card is read without a PIN, and leaves the terminal when the token of a member of staff has signed.
pub(crate) fn receive(
    (contacts, token): (&mut dyn Contacts, &mut dyn Contacts),
    authority: Option<&Certificate>,
    now: UnixTime,
    entries: &mut dyn Iterator<Item = String>,
    relay: &mut dyn Relay,
) -> Outcome {
    let Some(challenge) = relay.challenge() else { return Outcome::Failed("the relay gives no challenge") };
    let mut terminal = Terminal::new(contacts, authority, now, entries);
    let outcome = terminal.visit(Task::Read);
    let (Outcome::Done(_), Some(shown)) = (&outcome, terminal.shown.take()) else { return outcome };
    let patient = Patient::Card(Shown { certificate: shown.der().to_vec(), signature: None });
    staffed(token, challenge, patient, entries, relay).map_or_else(|failed| failed, |()| outcome)
}

/// Receives a patient whose visible number is typed in, before the PIN of the token: it leaves the terminal when that has signed.
pub(crate) fn receive_number(
    token: &mut dyn Contacts,
    entries: &mut dyn Iterator<Item = String>,
    relay: &mut dyn Relay,
) -> Outcome {
    let Some(number) = entries.next() else { return Outcome::Failed("no number was entered") };
    let Some(challenge) = relay.challenge() else { return Outcome::Failed("the relay gives no challenge") };
    let patient = Patient::VisibleNumber(Zeroizing::new(number.trim().to_owned()));
    let done = Outcome::Done(String::new());
    staffed(token, challenge, patient, entries, relay).map_or_else(|failed| failed, |()| done)
}

/// Logs a patient in on the strength of a token of staff.
fn staffed(
    token: &mut dyn Contacts,
    challenge: String,
    patient: Patient,
    entries: &mut dyn Iterator<Item = String>,
    relay: &mut dyn Relay,
) -> Result<(), Outcome> {
    let (by, purpose, subject) = (By::Operator, Use::EligibilityCheck, patient.subject());
    let (to, sender) = (entity("relay"), entity(HOSPITAL));
    let signed = Challenged { by, relay: &to, sender: &sender, purpose, challenge: &challenge, subject };
    let pin = entries.next().ok_or(Outcome::Failed("no PIN was entered"))?;
    let (certificate, signature) =
        token::sign(token, pin.trim(), &signed.digest()).map_err(Outcome::Failed)?;
    let operator = Shown { certificate, signature: Some(signature) };
    let granted = relay.log_in(Login::Reception { challenge, operator, patient });
    granted.map(drop).ok_or(Outcome::Refused("the relay refuses the login"))
}

/// A terminal with a card in its reader.
pub(crate) struct Terminal<'t> {
    pub(crate) contacts: &'t mut dyn Contacts,
    /// Who has to have issued certificates; without one they are not verified.
    pub(crate) authority: Option<&'t Certificate>,
    pub(crate) now: UnixTime,
    /// What the person enters when asked for the PIN.
    pub(crate) entries: &'t mut dyn Iterator<Item = String>,
    /// What the card is to sign, by its certificate; something new otherwise.
    pub(crate) digest: Option<Digest<'t>>,
    /// The certificate of the last visit that was done.
    pub(crate) shown: Option<Certificate>,
    /// What the card has signed.
    pub(crate) signature: Option<Vec<u8>>,
}

/// From a certificate in DER to a digest.
pub(crate) type Digest<'t> = &'t dyn Fn(&[u8]) -> [u8; 32];

/// Why an attempt stops.
enum Stop {
    /// The card does not know any more what is selected.
    Lost,
    /// The visit is over.
    Over(Outcome),
}

const fn failed(why: &'static str) -> Stop {
    Stop::Over(Outcome::Failed(why))
}

const fn refused(why: &'static str) -> Stop {
    Stop::Over(Outcome::Refused(why))
}

impl<'t> Terminal<'t> {
    /// A terminal that has the card sign something new.
    pub(crate) fn new(
        contacts: &'t mut dyn Contacts,
        authority: Option<&'t Certificate>,
        now: UnixTime,
        entries: &'t mut dyn Iterator<Item = String>,
    ) -> Self {
        Self { contacts, authority, now, entries, digest: None, shown: None, signature: None }
    }

    /// Does a task, to whatever end.
    pub(crate) fn visit(&mut self, task: Task) -> Outcome {
        if self.contacts.reset().is_err() {
            return Outcome::Failed("no card");
        }
        let mut first = None;
        // With a card that has lost its state everything is begun anew, once; it has to be the same card.
        for _ in 0..2 {
            match self.attempt(task, &mut first) {
                Ok(outcome) | Err(Stop::Over(outcome)) => return outcome,
                Err(Stop::Lost) => {}
            }
        }
        Outcome::Failed("the card keeps losing its state")
    }

    fn attempt(&mut self, task: Task, first: &mut Option<Vec<u8>>) -> Result<Outcome, Stop> {
        match self.send(&application())? {
            (_, 0x9000) => {}
            (_, 0x6a82) => return Err(refused("the card has no such application")),
            _ => return Err(failed("the application cannot be selected")),
        }
        let der = self.read(CERTIFICATE)?;
        if *first.get_or_insert_with(|| der.clone()) != der {
            return Err(failed("this is another card"));
        }
        let certificate = Certificate::from_der(&der).map_err(|_| refused("the certificate is none"))?;
        let id = id(&certificate).ok_or_else(|| refused("the id has not 44 digits"))?;
        if let Some(authority) = self.authority {
            let anchors = TrustAnchors::new(vec![authority.clone()]);
            anchors
                .and_then(|anchors| {
                    let purpose = Purpose::TlsClient;
                    anchors.validate(&certificate, &[], self.now, purpose, Revocation::IfPresent)
                })
                .map_err(|_| refused("the certificate is not valid"))?;
        }
        if task == Task::Login {
            self.verify()?;
            self.sign(&certificate)?;
        }
        self.shown = Some(certificate);
        Ok(Outcome::Done(id))
    }

    /// Reads a file of DER to its end.
    fn read(&mut self, file: u16) -> Result<Vec<u8>, Stop> {
        self.select(file)?;
        let mut der: Vec<u8> = Vec::new();
        loop {
            let length = match *der.as_slice() {
                [0x30, 0x82, high, low, ..] => usize::from(u16::from_be_bytes([high, low])) + 4,
                [_, _, _, _, ..] => return Err(refused("the file holds no certificate")),
                _ => usize::MAX,
            };
            if der.len() >= length {
                der.truncate(length);
                return Ok(der);
            }
            let offset = u16::try_from(der.len()).ok().filter(|offset| *offset < 0x8000);
            let [high, low] = offset.ok_or_else(|| refused("the certificate is too long"))?.to_be_bytes();
            let mut answer = self.send(&[0x00, 0xb0, high, low, 0x00])?;
            if let (_, 0x6c00..=0x6cff) = answer {
                let [_, exact] = answer.1.to_be_bytes();
                answer = self.send(&[0x00, 0xb0, high, low, exact])?;
            }
            match answer {
                (data, 0x9000 | 0x6282) if !data.is_empty() => der.extend(data),
                _ => return Err(failed("the certificate cannot be read")),
            }
        }
    }

    /// Has the person's PIN verified: each entry once.
    fn verify(&mut self) -> Result<(), Stop> {
        self.select(PIN)?;
        let mut over = failed("no PIN was entered");
        while let Some(entry) = self.entries.next() {
            let pin = entry.trim().as_bytes();
            let Some(length) = u8::try_from(pin.len()).ok().filter(|length| (4..=16).contains(length)) else {
                continue;
            };
            match self.send(&[&[0x00, 0x20, 0x00, 0x80, length], pin].concat()) {
                Ok((_, 0x9000)) => return Ok(()),
                Ok((_, 0x6983 | 0x6984)) => return Err(Stop::Over(Outcome::Blocked)),
                Ok((_, status)) if status & 0xfff0 == 0x63c0 => {
                    let [_, left] = (status & 0x000f).to_be_bytes();
                    over = Stop::Over(Outcome::WrongPin(left));
                    if left == 0 {
                        break;
                    }
                }
                // The entry is spent; only the person can enter it again.
                Ok(_) | Err(Stop::Lost) => return Err(failed("the PIN cannot be verified")),
                Err(over) => return Err(over),
            }
        }
        Err(over)
    }

    /// Has something new signed, and verifies it with the certificate that was read.
    fn sign(&mut self, certificate: &Certificate) -> Result<(), Stop> {
        let spent = |stop| match stop {
            Stop::Lost => failed("the card has lost the PIN"),
            over @ Stop::Over(_) => over,
        };
        self.select(KEY).map_err(spent)?;
        let digest = match self.digest {
            Some(digest) => digest(certificate.der()),
            None => sha256(format!("Chukei TEST login {}", self.now.0).as_bytes()),
        };
        let head = b"\x80\x2a\x00\x80\x33";
        let (signature, status) =
            self.send(&[head, DIGEST_INFO, &digest, &[0x00]].concat()).map_err(spent)?;
        if status != 0x9000 {
            return Err(failed("the card does not sign"));
        }
        let key = certificate.public_key().map_err(|_| refused("the certificate has no usable key"))?;
        key.verify(SignatureAlgorithm::RsaSha256, &digest, &signature)
            .map_err(|_| refused("the signature does not verify"))?;
        self.signature = Some(signature);
        Ok(())
    }

    fn select(&mut self, file: u16) -> Result<(), Stop> {
        let [high, low] = file.to_be_bytes();
        match self.send(&[0x00, 0xa4, 0x02, 0x0c, 0x02, high, low])? {
            (_, 0x9000) => Ok(()),
            _ => Err(refused("the card has no such file")),
        }
    }

    /// Data and status word of an answer.
    fn send(&mut self, command: &[u8]) -> Result<(Vec<u8>, u16), Stop> {
        let answer = self.contacts.transmit(command).map_err(|_| failed("the card is gone"))?;
        // Some readers give an answer without an octet for a card that has just gone.
        let (data, status) = answer.split_last_chunk::<2>().ok_or_else(|| failed("the card is gone"))?;
        match u16::from_be_bytes(*status) {
            0x6986 => Err(Stop::Lost),
            status => Ok((data.to_vec(), status)),
        }
    }
}

/// Selects the application.
fn application() -> Vec<u8> {
    [b"\x00\xa4\x04\x0c\x0a", JPKI].concat()
}

/// The 44 digits in the common name.
fn id(certificate: &Certificate) -> Option<String> {
    let subject = certificate.subject();
    let id = subject.split(',').find_map(|part| part.trim().strip_prefix("CN="))?;
    (id.len() == DIGITS && id.bytes().all(|octet| octet.is_ascii_digit())).then(|| id.to_owned())
}
