//! `chukei login`: a person logs in at the portal of a mock world with a card and a PIN, also over TLS, or a hospital of that world reads the card
//! without one (chapter 34).

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use chukei_crypto::{UnixTime, sha256};
use chukei_harness::{CardPlace, Clock, Contacts, Task};
use chukei_profile::{
    Purpose, Scheme,
    history::Range,
    login::{By, Challenged, Given, Login, Patient, SESSION, Shown},
};
use chukei_relay::Commitment;
use chukei_world::{Handle, Link, Options, Party, Via, World, folder::entity};
use chukei_xml::lexical::{DateTime, encode_base64};
use clap::{ArgGroup, Args};

use crate::{
    card,
    client::{Digest, Outcome, Terminal},
    contacts::{self, InProcess},
    entries, ledger,
    mapping::date,
    mock::failed,
    output::{self, Readers},
    say::{Exit, Failure, Say},
    token,
};

mod door;

#[derive(Args)]
#[command(group = ArgGroup::new("card").required(true).multiple(true).args(["reader", "image", "tls"]))]
pub(crate) struct LoginArgs {
    #[arg(long, value_name = "DIR")]
    world: PathBuf,
    #[arg(long, value_name = "NAME", conflicts_with = "image")]
    reader: Option<String>,
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    #[arg(long, conflicts_with_all = ["reader", "operator"])]
    tls: bool,
    #[arg(long, value_name = "FILE")]
    operator: Option<PathBuf>,
    #[arg(long, value_name = "PARTY", default_value = "insurer-b", requires = "operator")]
    insurer: String,
    #[arg(long, value_name = "FILE", conflicts_with = "operator")]
    proof: Option<PathBuf>,
    #[arg(long, value_name = "SIZE", requires = "proof")]
    since: Option<u64>,
    #[arg(long, value_name = "DATE", conflicts_with = "operator")]
    from: Option<String>,
    #[arg(long, value_name = "DATE", conflicts_with = "operator")]
    until: Option<String>,
    #[arg(long, value_name = "NUMBER", conflicts_with = "operator", value_parser = clap::value_parser!(u64).range(1..))]
    before: Option<u64>,
    #[arg(long, value_name = "NUMBER", conflicts_with = "operator", value_parser = clap::value_parser!(u64).range(1..=Range::LIMIT))]
    limit: Option<u64>,
}

impl LoginArgs {
    fn shows(&self) -> Result<Shows<'_>, Failure> {
        let day = |text: &Option<String>| text.as_deref().map(date).transpose();
        let (from, until) = (day(&self.from)?, day(&self.until)?);
        if from.zip(until).is_some_and(|(from, until)| from.0 >= until.0) {
            let days = [&self.from, &self.until].map(|day| day.clone().unwrap_or_default());
            return Err(Failure::new(Exit::Usage, "login.no-day", days).fix("login.no-day-fix", [""; 0]));
        }
        let moment = |day: UnixTime| DateTime { seconds: day.0, nanoseconds: 0 };
        let range = Range {
            from: from.map(moment),
            until: until.map(moment),
            before: self.before,
            limit: self.limit.unwrap_or(Range::LIMIT),
        };
        Ok(Shows { proof: self.proof.as_deref(), since: self.since, range })
    }
}

/// What the portal asks for about who has logged in.
#[derive(Clone, Copy)]
struct Shows<'a> {
    /// Where the proof goes.
    proof: Option<&'a Path>,
    /// With which checkpoint it begins.
    since: Option<u64>,
    /// Which part of the history.
    range: Range,
}

/// Logs somebody in. PINs are lines of standard input: the person's, or the one of the member of staff.
pub(crate) fn run(asked: &LoginArgs, say: &Say) -> Result<Exit, Failure> {
    let shows = asked.shows()?;
    shows.proof.map_or(Ok(()), output::free)?;
    let world = World::open(&asked.world).map_err(|error| failed(&asked.world, &error))?;
    let party = if asked.operator.is_some() { "hospital" } else { "portal" };
    let handle = Party::start(&world, party, Options::default());
    let handle = handle.map_err(|error| failed(&asked.world, &error))?;
    if asked.tls {
        return shown(&handle, door::login(&handle, asked.image.as_deref(), say)?, shows, say);
    }
    let place =
        CardPlace { reader: asked.reader.clone(), image: asked.image.clone(), ..CardPlace::default() };
    let mut contacts = contacts::open(&place)?;
    match &asked.operator {
        None => at_the_portal(&handle, contacts.as_mut(), shows, say),
        Some(token) => at_the_hospital(&handle, contacts.as_mut(), token, &asked.insurer, say),
    }
}

/// The person's card answers a challenge, after the PIN.
fn at_the_portal(
    handle: &Handle,
    contacts: &mut dyn Contacts,
    shows: Shows<'_>,
    say: &Say,
) -> Result<Exit, Failure> {
    let challenge = handle.challenge().map_err(|code| refused(&code))?.value;
    let (relay, sender) = (entity("relay"), entity("portal"));
    let digest = |certificate: &[u8]| {
        let (by, purpose, subject) = (By::Response, Purpose::History, sha256(certificate));
        Challenged { by, relay: &relay, sender: &sender, purpose, challenge: &challenge, subject }.digest()
    };
    let mut typed = std::io::stdin().lock().lines().map_while(Result::ok);
    say.ask("login.type-pin");
    let signed = visit(contacts, Task::Login, Some(&digest), &mut typed)?;
    let signed = match signed {
        Ok(signed) => signed,
        Err(outcome) => return Err(told(&outcome)),
    };
    let card = Shown { certificate: signed.certificate, signature: signed.signature };
    shown(handle, Login::Response { challenge: challenge.clone(), card }, shows, say)
}

/// The portal logs the person in, shows the access history, and gets its proof for the person.
fn shown(
    handle: &Handle,
    login: Login,
    Shows { proof, since, range }: Shows<'_>,
    say: &Say,
) -> Result<Exit, Failure> {
    let given = granted(handle, login, Purpose::History)?;
    say.result(say.text("login.portal", [say.word("history-outcome", given.context.name())]));
    let history = handle.history_of(&given.id, range).map_err(|code| refused(&code))?;
    let lines = entries::of_history(&history, say);
    lines.iter().for_each(|(_, line)| say.result(line));
    let listed = lines.len().to_string();
    if history.total == 0 {
        say.result(say.text("login.none", [""; 0]));
    }
    if listed != history.total.to_string() {
        say.result(say.text("login.part", [listed.clone(), history.total.to_string()]));
        // Fewer than were asked for are the oldest ones.
        let is_full = listed == range.limit.to_string();
        if let Some((oldest, _)) = lines.first().filter(|_| is_full) {
            say.result(say.text("login.older", [oldest.to_string()]));
        }
    }
    if let Some(path) = proof {
        let unproved = |code| {
            Failure::new(Exit::Nonconformant, "login.unproved", [code]).fix("login.unproved-fix", [""; 0])
        };
        let proof = handle.proof_of(&given.id, since).map_err(unproved)?;
        let since: Vec<u64> = since.into_iter().collect();
        ledger::begins_since(&ledger::bundle(path, &proof.bundle)?, &since)?;
        output::write_new(path, &proof.bundle, Readers::Usual)?;
        say.result(say.text("login.proof", [path.display().to_string()]));
    }
    Ok(Exit::Conformant)
}

/// A member of staff proves to be one, and nobody asks the patient for a PIN; the hospital asks the insurer.
fn at_the_hospital(
    handle: &Handle,
    contacts: &mut dyn Contacts,
    token: &Path,
    insurer: &str,
    say: &Say,
) -> Result<Exit, Failure> {
    let challenge = handle.challenge().map_err(|code| refused(&code))?.value;
    let read = match visit(contacts, Task::Read, None, &mut std::iter::empty())? {
        Ok(read) => read,
        Err(outcome) => return Err(told(&outcome)),
    };
    let (relay, sender) = (entity("relay"), entity("hospital"));
    let (by, purpose, subject) = (By::Operator, Purpose::EligibilityCheck, sha256(&read.certificate));
    let challenged =
        Challenged { by, relay: &relay, sender: &sender, purpose, challenge: &challenge, subject };
    say.ask("login.type-token-pin");
    let pin = std::io::stdin().lock().lines().map_while(Result::ok).next().unwrap_or_default();
    let mut staff = InProcess::new(card::load(token)?);
    let (certificate, signature) = token::sign(&mut staff, &pin, &challenged.digest())
        .map_err(|why| Failure::new(Exit::Nonconformant, "login.token", [why]))?;
    let operator = Shown { certificate, signature: Some(signature) };
    let patient = Patient::Card(Shown { certificate: read.certificate, signature: None });
    let login = Login::Reception { challenge: challenge.clone(), operator, patient };
    let given = granted(handle, login, purpose)?;
    say.result(say.text("login.hospital", [say.word("history-outcome", given.context.name())]));
    let link = Link {
        scheme: SESSION.to_owned(),
        number: given.id,
        wanted: Scheme::MedicalInsured.uri().to_owned(),
        target: Some(entity(insurer)),
        purpose: purpose.uri().to_owned(),
        items: vec!["eligibility".to_owned()],
        as_of: None,
        via: Via::Direct,
    };
    let outcome = handle.link(link);
    let Some(answer) = outcome.answer else { return Err(refused(&outcome.code)) };
    for Commitment(octets) in answer.receipts {
        say.result(say.text("login.receipt", [encode_base64(&octets)]));
    }
    for held in answer.eligibility {
        say.result(
            say.text("login.eligibility", [held.insurer, say.word("validity", &held.validity), held.from]),
        );
    }
    Ok(Exit::Conformant)
}

/// What a card showed, and signed.
struct Signed {
    certificate: Vec<u8>,
    signature: Option<Vec<u8>>,
}

fn visit(
    contacts: &mut dyn Contacts,
    task: Task,
    digest: Option<Digest<'_>>,
    entries: &mut dyn Iterator<Item = String>,
) -> Result<Result<Signed, Outcome>, Failure> {
    let now = UnixTime(Clock::Machine.now());
    let mut terminal = Terminal { digest, ..Terminal::new(contacts, None, now, entries) };
    let outcome = terminal.visit(task);
    let Outcome::Done(_) = outcome else { return Ok(Err(outcome)) };
    let certificate = terminal.shown.as_ref().map(|shown| shown.der().to_vec());
    let certificate = certificate.ok_or_else(|| refused("NoCertificate"))?;
    Ok(Ok(Signed { certificate, signature: terminal.signature }))
}

fn told(outcome: &Outcome) -> Failure {
    let failure = |key: &str, with: Vec<String>| Failure::new(Exit::Nonconformant, key, with);
    match outcome {
        Outcome::WrongPin(tries) => {
            failure("login.wrong-pin", vec![tries.to_string()]).fix("login.wrong-pin-fix", [""; 0])
        }
        Outcome::Blocked => failure("login.blocked", vec![]).fix("login.blocked-fix", [""; 0]),
        Outcome::Refused(why) | Outcome::Failed(why) => failure("login.no-card", vec![(*why).to_owned()]),
        Outcome::Done(_) => failure("login.no-card", vec![String::new()]),
    }
}

fn granted(handle: &Handle, login: Login, purpose: Purpose) -> Result<Given, Failure> {
    let answer = handle.login(login, purpose).map_err(|code| refused(&code))?;
    answer.session.ok_or_else(|| refused(&answer.status.code))
}

fn refused(code: &str) -> Failure {
    if code.starts_with("Transport") {
        return Failure::new(Exit::Setup, "login.no-relay", [code]).fix("login.no-relay-fix", [""; 0]);
    }
    Failure::new(Exit::Nonconformant, "login.refused", [code.to_owned()]).fix("login.refused-fix", [""; 0])
}
