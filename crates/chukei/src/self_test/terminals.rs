//! Terminals that break one rule each. They are lies around a right terminal: towards the card, or towards who starts it.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, OnceLock},
};

use chukei_crypto::{Certificate, UnixTime};
use chukei_evidence::{NoAnswer, Transcript};
use chukei_harness::{Broken, Contacts, Counter, Task, visitor::End};
use chukei_profile::{
    Purpose,
    history::Range,
    login::{Given, Login, Patient, Shown},
};
use chukei_world::{Clock, Handle, Options, Party, Plan};

use super::{
    EPOCH,
    alone::{SEED, found, play_alone},
    lost,
};
use crate::{
    client::{self, HOSPITAL, Outcome, PORTAL, Relay, Terminal},
    counter::{Booth, Cards, Near, Product, Readers},
    engine,
    say::{Exit, Failure},
};

/// The profile.
pub(super) const PROFILE: &str = "terminal@1.0";
const SELECT: &[u8] = b"\x00\xa4\x04\x0c\x0a\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01";
const SELECT_PIN: &[u8] = b"\x00\xa4\x02\x0c\x02\x00\x18";
const SELECT_KEY: &[u8] = b"\x00\xa4\x02\x0c\x02\x00\x17";

/// A terminal that breaks a rule.
struct Switch {
    name: &'static str,
    /// What it violates; nothing else.
    sentences: &'static [&'static str],
    lie: Lie,
}

enum Lie {
    /// Does something to the card in place of sending a command; `None` sends it.
    Command(fn(&mut Liar<'_>, &[u8]) -> Option<Vec<u8>>),
    /// Tells the terminal another answer.
    Answer(fn(&mut Liar<'_>, &[u8], &mut Vec<u8>)),
    /// Ends in another way.
    End(fn(&Ended<'_>) -> Option<Outcome>),
    /// Shows something else at the end; none: does not end.
    Shown(fn(&Ended<'_>) -> Option<String>),
    /// Trusts every authority.
    Trusting,
    /// Asks something else of the relay than the login that it is given; what the relay granted in the visit before stands beside.
    Login(fn(&Handle, Login, Option<&str>) -> Option<Given>),
}

/// What a lie about the end may depend on.
struct Ended<'v> {
    task: Task,
    entries: &'v [String],
    outcome: &'v Outcome,
    /// How the visit before ended.
    before: Option<&'v Outcome>,
}

/// The switches.
const SWITCHES: &[Switch] = &[
    lie(
        "hangs",
        &["terminal.visit.ends"],
        Lie::Shown(|end| (*end.outcome != GONE).then(|| end.outcome.to_json())),
    ),
    lie(
        "needs-a-restart",
        &["terminal.visit.next"],
        Lie::End(|end| (is_done(end) && end.before == Some(&GONE)).then_some(Outcome::Failed("a lie"))),
    ),
    lie(
        "signs-without-the-card",
        &["terminal.visit.true", "terminal.relay.told"],
        Lie::End(|end| (*end.outcome == Outcome::Failed("the card does not sign")).then(done)),
    ),
    lie(
        "reads-what-it-has-not",
        &["terminal.visit.true"],
        Lie::End(|end| (*end.outcome == Outcome::Failed("the certificate cannot be read")).then(done)),
    ),
    lie(
        "goes-on-after-reset",
        &["terminal.select.again"],
        Lie::Command(|liar, command| (liar.lost && command == SELECT).then(|| vec![0x90, 0x00])),
    ),
    lie(
        "goes-on-with-another-card",
        &["terminal.card.same"],
        Lie::Answer(|liar, command, answer| {
            if *answer != [0x69, 0x86] || liar.entries.len() < 2 {
                return;
            }
            let pin = liar.pin.clone();
            if command == pin {
                liar.right(SELECT);
                liar.right(SELECT_PIN);
                *answer = liar.right(command);
            } else if is_sign(command) {
                for step in [SELECT, SELECT_PIN, &pin, SELECT_KEY] {
                    liar.right(step);
                }
                *answer = liar.right(command);
            }
        }),
    ),
    lie(
        "asks-for-tries-at-the-counter",
        &["terminal.read.no-pin"],
        Lie::Command(|liar, command| {
            if liar.task == Task::Read && command == SELECT {
                liar.right(b"\x00\x20\x00\x80");
            }
            None
        }),
    ),
    lie(
        "takes-256-octets-for-granted",
        &["terminal.read.whole"],
        Lie::Answer(|_, command, answer| {
            if is_read(command) && answer.len() == 66 {
                answer.splice(64..64, [0; 192]);
            }
        }),
    ),
    lie(
        "knows-no-exact-length",
        &["terminal.read.whole"],
        Lie::Answer(|_, _, answer| {
            if let [first @ 0x6c, _] = answer.as_mut_slice() {
                *first = 0x6f;
            }
        }),
    ),
    lie(
        "knows-extended-lengths-only",
        &["terminal.read.whole"],
        Lie::Command(|liar, command| match *command {
            [0x00, 0xb0, high, low, _] => Some(liar.right(&[0x00, 0xb0, high, low, 0x00, 0x00, 0x00])),
            _ => None,
        }),
    ),
    lie(
        "counts-no-digits",
        &["terminal.id.digits"],
        Lie::End(|end| (*end.outcome == Outcome::Refused("the id has not 44 digits")).then(done)),
    ),
    lie("trusts-everybody", &["terminal.certificate.valid"], Lie::Trusting),
    lie(
        "does-not-log-in",
        &["terminal.login.signs"],
        Lie::End(|end| {
            let is_first = end.before.is_none_or(|before| matches!(before, Outcome::Done(_)));
            (is_done(end) && end.task == Task::Login && is_first).then_some(Outcome::Failed("a lie"))
        }),
    ),
    lie(
        "sends-the-pin-anywhere",
        &["terminal.pin.selected"],
        Lie::Answer(|liar, command, answer| {
            if command == SELECT
                && *answer == [0x6a, 0x82]
                && let Some(entry) = liar.entries.first()
            {
                liar.right(&[b"\x00\x20\x00\x80\x04", entry.as_bytes()].concat());
            }
        }),
    ),
    lie(
        "tries-again",
        &["terminal.pin.once"],
        Lie::Answer(|liar, command, answer| {
            if command == liar.pin && matches!(answer.as_slice(), [0x63, _]) {
                *answer = liar.right(command);
            }
        }),
    ),
    lie(
        "knows-no-6983",
        &["terminal.pin.blocked"],
        Lie::Answer(|_, _, answer| {
            if *answer == [0x69, 0x83] {
                *answer = vec![0x63, 0xc1];
            }
        }),
    ),
    lie(
        "knows-no-6984",
        &["terminal.pin.blocked"],
        Lie::Answer(|_, _, answer| {
            if *answer == [0x69, 0x84] {
                *answer = vec![0x63, 0xc1];
            }
        }),
    ),
    lie(
        "shows-the-pin",
        &["terminal.pin.hidden"],
        Lie::Shown(|end| Some(format!("PIN: {}\n{}", end.entries.join(" "), end.outcome.to_json()))),
    ),
    lie(
        "verifies-no-signature",
        &["terminal.signature.verified", "terminal.relay.told"],
        Lie::End(|end| (*end.outcome == Outcome::Refused("the signature does not verify")).then(done)),
    ),
    lie(
        "logs-in-without-the-relay",
        &["terminal.relay.told"],
        Lie::End(|end| (*end.outcome == Outcome::Refused("the relay refuses the login")).then(done)),
    ),
    lie(
        "shows-another-certificate",
        &["terminal.relay.certificate"],
        Lie::Login(|portal, login, _| ask(portal, changed(login, |card| card.certificate.reverse()))),
    ),
    lie(
        "signs-without-the-key",
        &["terminal.relay.signature"],
        Lie::Login(|portal, login, _| {
            ask(portal, changed(login, |card| card.signature.iter_mut().for_each(|value| value.reverse())))
        }),
    ),
    lie(
        "logs-in-again",
        &["terminal.relay.once"],
        Lie::Login(|portal, login, _| ask(portal, login.clone()).or_else(|| ask(portal, login))),
    ),
    lie(
        "keeps-a-session",
        &["terminal.relay.session"],
        Lie::Login(|portal, login, before| {
            let _ = before.map(|session| portal.history_of(session, Range::default()));
            ask(portal, login)
        }),
    ),
    lie(
        "asks-without-the-card",
        &["terminal.relay.session"],
        Lie::Command(|liar, command| (!liar.pin.is_empty() && command == SELECT).then(|| vec![0x90, 0x00])),
    ),
    lie(
        "sends-the-patient-first",
        &["terminal.reception.staff-first", "terminal.reception.operator"],
        Lie::Login(|party, login, _| {
            if matches!(login, Login::Reception { patient: Patient::Card(_), .. }) {
                ask(party, of_staff(login.clone(), |staff| staff.signature = Some(vec![0; 256])));
            }
            ask(party, login)
        }),
    ),
    lie(
        "sends-the-number-first",
        &["terminal.reception.number", "terminal.reception.operator"],
        Lie::Login(|party, login, _| {
            if matches!(login, Login::Reception { patient: Patient::VisibleNumber(_), .. }) {
                ask(party, of_staff(login.clone(), |staff| staff.signature = Some(vec![0; 256])));
            }
            ask(party, login)
        }),
    ),
    lie(
        "shows-another-operator",
        &["terminal.reception.operator", "terminal.reception.number"],
        Lie::Login(|party, login, _| ask(party, of_staff(login, |staff| staff.certificate.reverse()))),
    ),
    lie(
        "tells-nothing",
        &["terminal.result.form", "terminal.pin.tries"],
        Lie::Shown(|_| Some(String::new())),
    ),
    lie(
        "contradicts-itself",
        &["terminal.result.form"],
        Lie::Shown(|end| {
            Some(if *end.outcome == Outcome::Blocked { done() } else { end.outcome.clone() }.to_json())
        }),
    ),
    lie(
        "tells-no-tries",
        &["terminal.pin.tries"],
        Lie::Shown(|end| {
            Some(match end.outcome {
                Outcome::WrongPin(_) => "{\"outcome\": \"wrong-pin\"}".to_owned(),
                other => other.to_json(),
            })
        }),
    ),
    lie(
        "counts-tries-itself",
        &["terminal.pin.tries"],
        Lie::Answer(|_, _, answer| {
            if let [0x63, tries @ 0xc1..=0xcf] = answer.as_mut_slice() {
                *tries -= 1;
            }
        }),
    ),
];

const fn lie(name: &'static str, sentences: &'static [&'static str], lie: Lie) -> Switch {
    Switch { name, sentences, lie }
}

/// How a right terminal ends when the card is taken out.
const GONE: Outcome = Outcome::Failed("the card is gone");

fn done() -> Outcome {
    Outcome::Done("0".repeat(44))
}

const fn is_done(end: &Ended<'_>) -> bool {
    matches!(end.outcome, Outcome::Done(_))
}

fn is_read(command: &[u8]) -> bool {
    command.starts_with(b"\x00\xb0")
}

fn is_sign(command: &[u8]) -> bool {
    command.starts_with(b"\x80\x2a")
}

/// What the relay grants for a login.
fn ask(party: &Handle, login: Login) -> Option<Given> {
    let purpose = match login {
        Login::Reception { .. } => Purpose::EligibilityCheck,
        _ => Purpose::History,
    };
    party.login(login, purpose).ok()?.session
}

/// A login with another card.
fn changed(mut login: Login, change: impl FnOnce(&mut Shown)) -> Login {
    if let Login::Response { card, .. } = &mut login {
        change(card);
    }
    login
}

/// A reception with another member of staff.
fn of_staff(mut login: Login, change: impl FnOnce(&mut Shown)) -> Login {
    if let Login::Reception { operator, .. } = &mut login {
        change(operator);
    }
    login
}

/// What stands between a right terminal and the relay.
struct Desk<'v> {
    party: &'v mut Handle,
    lie: Option<&'static Lie>,
    session: &'v mut Option<String>,
}

impl Relay for Desk<'_> {
    fn challenge(&mut self) -> Option<String> {
        Relay::challenge(self.party)
    }

    fn log_in(&mut self, login: Login) -> Option<String> {
        let given = match self.lie {
            Some(Lie::Login(lie)) => lie(self.party, login, self.session.as_deref()),
            _ => ask(self.party, login),
        };
        *self.session = given.map(|given| given.id);
        self.session.clone()
    }

    fn look(&mut self, session: &str) {
        self.party.look(session);
    }
}

/// What stands between a right terminal and the card.
struct Liar<'v> {
    inner: Near<'v>,
    lie: Option<&'static Lie>,
    task: Task,
    entries: &'v [String],
    /// Whether the card has told that nothing is selected.
    lost: bool,
    /// The last VERIFY with a PIN.
    pin: Vec<u8>,
}

impl Liar<'_> {
    fn right(&mut self, command: &[u8]) -> Vec<u8> {
        self.inner.transmit(command).unwrap_or_default()
    }
}

impl Contacts for Liar<'_> {
    fn reset(&mut self) -> Result<Vec<u8>, NoAnswer> {
        self.inner.reset()
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        if command.starts_with(b"\x00\x20\x00\x80\x04") {
            command.clone_into(&mut self.pin);
        }
        let instead = match self.lie {
            Some(Lie::Command(lie)) => lie(self, command),
            _ => None,
        };
        let mut answer = match instead {
            Some(answer) => answer,
            None => self.inner.transmit(command)?,
        };
        if let Some(Lie::Answer(lie)) = self.lie {
            lie(self, command, &mut answer);
        }
        self.lost |= answer == [0x69, 0x86];
        Ok(answer)
    }
}

/// A right terminal, and a lie.
struct Faker {
    lie: Option<&'static Lie>,
    authority: Certificate,
    before: Option<Outcome>,
    portal: Handle,
    hospital: Handle,
    /// What the relay gave last.
    session: Option<String>,
}

impl Product for Faker {
    fn visit(&mut self, readers: &Readers, task: Task, entries: &[String]) -> Result<End, Broken> {
        let (lie, inner) = (self.lie, Near(&readers.card));
        let mut liar = Liar { inner, lie, task, entries, lost: false, pin: Vec::new() };
        let authority = (!matches!(lie, Some(Lie::Trusting))).then_some(&self.authority);
        let mut entered = entries.iter().cloned();
        let outcome = match task {
            Task::Read => Terminal::new(&mut liar, authority, UnixTime(EPOCH), &mut entered).visit(task),
            Task::Login => {
                let mut desk = Desk { party: &mut self.portal, lie, session: &mut self.session };
                client::log_in(&mut liar, authority, UnixTime(EPOCH), &mut entered, &mut desk)
            }
            Task::VisibleNumber => {
                let mut desk = Desk { party: &mut self.hospital, lie, session: &mut self.session };
                client::receive_number(&mut Near(&readers.token), &mut entered, &mut desk)
            }
            Task::Reception => {
                let mut desk = Desk { party: &mut self.hospital, lie, session: &mut self.session };
                let both: (&mut dyn Contacts, &mut dyn Contacts) = (&mut liar, &mut Near(&readers.token));
                client::receive(both, authority, UnixTime(EPOCH), &mut entered, &mut desk)
            }
        };
        let end = Ended { task, entries, outcome: &outcome, before: self.before.as_ref() };
        let told = match lie {
            Some(Lie::End(lie)) => lie(&end).unwrap_or_else(|| outcome.clone()),
            _ => outcome.clone(),
        };
        let shown = match lie {
            Some(Lie::Shown(lie)) => lie(&end),
            _ => Some(told.to_json()),
        };
        let exit = if matches!(told, Outcome::Done(_)) { 0 } else { 1 };
        self.before = Some(outcome);
        Ok(match shown {
            Some(shown) => End { exit: Some(exit), shown: shown.into_bytes() },
            None => End::default(),
        })
    }
}

/// Every switch has to violate the sentences that it names, and no other. Violated sentences are added to `killed`.
pub(super) fn switches(killed: &mut BTreeSet<String>, faults: &mut Vec<String>) -> Result<usize, Failure> {
    let around = Around::new()?;
    for switch in SWITCHES {
        found(
            ("terminal", switch.name),
            switch.sentences,
            &play(&around, Some(&switch.lie))?,
            killed,
            faults,
        );
    }
    Ok(SWITCHES.len())
}

/// Plays every case with a right terminal.
pub(super) fn reference() -> Result<Transcript, Failure> {
    play(&Around::new()?, None)
}

fn play(around: &Around, lie: Option<&'static Lie>) -> Result<Transcript, Failure> {
    // Keys are made once.
    static CARDS: OnceLock<Option<(Cards, Certificate)>> = OnceLock::new();
    let made = CARDS.get_or_init(|| {
        let cards = Cards::new(SEED, EPOCH);
        let authority = Certificate::from_pem(&cards.authority().ok()?).ok()?;
        Some((cards, authority))
    });
    let (cards, authority) = made.clone().ok_or_else(lost)?;
    let start = |party| {
        let options = Options { clock: Clock::fixed(UnixTime(EPOCH)), seed: Some(1), ..Options::default() };
        Party::start(&around.world, party, options)
            .map_err(|error| Failure::new(Exit::Harness, "mock.stopped", [error.to_string()]))
    };
    let (portal, hospital) = (start(PORTAL)?, start(HOSPITAL)?);
    let booth = Booth::within(cards, Faker { lie, authority, before: None, portal, hospital, session: None });
    let place = format!(
        "[terminal]\nclient = \"chukei terminal\"\nreader = \"TEST\"\noperator = \"TEST\"\n\
         [world]\ndir = \"TEST\"\nparty = \"{PORTAL}\"\n"
    );
    play_alone(PROFILE, &place, |sut, order, cases| {
        let terminal = (Box::new(booth) as Box<dyn Counter>, Some(Arc::clone(&around.own)));
        engine::play_terminal(sut, terminal, order, cases, None, &|_, _| ())
    })
}

/// The world around a terminal: a folder that is gone when dropped.
struct Around {
    _folder: tempfile::TempDir,
    /// As the portal sees it, and as the suite does.
    world: chukei_world::World,
    own: Arc<chukei_harness::World>,
}

impl Around {
    fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| Failure::write(Path::new("TMPDIR"), &error))?;
        let world = chukei_world::World::generate(folder.path(), Plan::new(1));
        let world = world.map_err(|error| Failure::write(folder.path(), &error))?;
        let own = chukei_harness::World::load(folder.path());
        let own = Arc::new(own.map_err(|fault| Failure::setup(&fault, "self-test"))?);
        Ok(Self { _folder: folder, world, own })
    }
}

#[cfg(test)]
mod tests {
    use chukei_evidence::{Standing, judge};

    use super::*;

    #[test]
    fn a_right_terminal_conforms_and_every_switch_is_found() {
        let played = reference().unwrap_or_else(|failure| panic!("{failure:?}"));
        let model = judge(&played, chukei_conformance::registry());
        let broken: Vec<_> = model.broken.iter().collect();
        assert_eq!(model.standing, Standing::Conformant, "{} {broken:?}", super::super::unmet(&model));
        let (mut killed, mut faults) = (BTreeSet::new(), Vec::new());
        assert!(switches(&mut killed, &mut faults).is_ok());
        assert_eq!(faults, [""; 0]);
        let judged = model.sentences.iter().filter(|one| !killed.contains(&one.id));
        assert_eq!(judged.map(|one| one.id.as_str()).collect::<Vec<_>>(), [""; 0], "no terminal breaks it");
    }
}
