//! The counter at which a terminal under test stands: TEST cards for its visits, a reader of pcscd, and the terminal as a process.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use chukei_card::{Card, CardKey, Contact, Image, LifeCycle, Mishap, PrivateOperation, Reply};
use chukei_evidence::NoAnswer;
use chukei_harness::{
    Broken, Contacts, Counter, Task, TerminalPlace, Visit,
    face::Act,
    visitor::{End, SOUND, Tell, Told},
};
use chukei_reader::{Address, Deviation, Device, Holder, OpenSsl, Order, Seen, Watch};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{
    contacts,
    say::{Exit, Failure},
};

/// How long pcscd may take to see a card.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// How long a visit may take (chapter 61).
const PATIENCE: Duration = Duration::from_secs(30);
/// How long what a terminal wrote may take to arrive after its end.
const AFTER: Duration = Duration::from_secs(1);
/// Octets of the output of a terminal that are kept.
const KEPT: usize = 4096;
/// Where pcscd is told of readers.
const READERS: &str = "/etc/reader.conf.d";
/// Cards are a day old.
const DAY: i64 = 86_400;
/// The card that has no JPKI application.
const NO_APPLICATION: &str = "no-application";

/// The cards of a run. Keys are made once, for all copies.
#[derive(Clone)]
pub(crate) struct Cards {
    seed: u64,
    issued: i64,
    made: Arc<Mutex<BTreeMap<(String, String), Image>>>,
    keys: Keys,
}

impl Cards {
    /// Cards of a seed, issued a day ago.
    pub(crate) fn new(seed: u64, now: i64) -> Self {
        Self { seed, issued: now.saturating_sub(DAY), made: Arc::default(), keys: Keys::default() }
    }

    /// The certificate of the authority that a terminal has to trust, as PEM.
    pub(crate) fn authority(&self) -> Result<String, Failure> {
        let image = chukei_card::named("kamogawa").ok_or_else(|| failed(&"kamogawa"))?;
        let issued = chukei_reader::issue(&self.order(image, "", None)).map_err(|error| failed(&error))?;
        let first = issued.certificates.into_iter().next().ok_or_else(|| failed(&"kamogawa"))?;
        Ok(first.authority)
    }

    fn order(&self, image: Image, id: &str, deviation: Option<Deviation>) -> Order {
        Order {
            image,
            holder: Holder::synthetic(self.seed, id),
            seed: self.seed,
            issued: self.issued,
            serial: None,
            deviations: deviation.into_iter().collect(),
        }
    }

    /// The card that a visit names, with this PIN.
    fn card(&self, name: &str, pin: &str) -> Option<Card> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let image = match made.entry((name.to_owned(), pin.to_owned())) {
            Entry::Occupied(made) => made.get().clone(),
            Entry::Vacant(place) => place.insert(self.image(name, pin)?).clone(),
        };
        drop(made);
        Card::new(image, &self.keys).ok()
    }

    fn image(&self, name: &str, pin: &str) -> Option<Image> {
        if name == TOKEN {
            let mut image = chukei_card::named(TOKEN)?;
            if !image.set_pin("pin", pin) {
                return None;
            }
            let mut image = chukei_reader::issue(&self.order(image, TOKEN, None)).ok()?.image;
            image.state = LifeCycle::Activated;
            return Some(image);
        }
        let has_none = name == NO_APPLICATION;
        let mut image = chukei_card::named(if has_none { "kokuho-only" } else { "kamogawa" })?;
        if !has_none && !image.set_pin("authentication", pin) {
            return None;
        }
        let (id, deviation) = match name {
            SOUND | NO_APPLICATION => ("", None),
            OTHER => (OTHER, None),
            name => ("", Some(Deviation::named(name)?)),
        };
        let mut image = chukei_reader::issue(&self.order(image, id, deviation)).ok()?.image;
        image.state = LifeCycle::Activated;
        Some(image)
    }
}

/// Keys that are loaded once: checking one takes longer than a visit.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<LoadedKeys>>);

/// By their PKCS#8.
type LoadedKeys = BTreeMap<Vec<u8>, Arc<dyn CardKey>>;

impl PrivateOperation for Keys {
    fn load(&self, pkcs8: &[u8], bits: u32) -> Option<Box<dyn CardKey>> {
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = match loaded.entry(pkcs8.to_vec()) {
            Entry::Occupied(loaded) => Arc::clone(loaded.get()),
            Entry::Vacant(place) => Arc::clone(place.insert(OpenSsl.load(pkcs8, bits)?.into())),
        };
        drop(loaded);
        Some(Box::new(Loaded(key)))
    }
}

struct Loaded(Arc<dyn CardKey>);

impl CardKey for Loaded {
    fn modulus_octets(&self) -> usize {
        self.0.modulus_octets()
    }

    fn private(&self, block: &[u8]) -> Option<Vec<u8>> {
        self.0.private(block)
    }
}

/// The type of the token of a member of staff.
const TOKEN: &str = "operator-token";
/// The card of another person.
const OTHER: &str = "other";

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Harness, "card.failed", [error.to_string()])
}

/// A terminal under test.
pub(crate) trait Product: Send {
    /// Does a task with the card in the reader.
    ///
    /// # Errors
    /// It cannot be started.
    fn visit(&mut self, readers: &Readers, task: Task, entries: &[String]) -> Result<End, Broken>;
}

/// The readers before a terminal.
#[derive(Clone, Default)]
pub(crate) struct Readers {
    /// For the person's card.
    pub(crate) card: Arc<Device>,
    /// For the token of a member of staff.
    pub(crate) token: Arc<Device>,
}

/// See the module.
pub(crate) struct Booth<P> {
    readers: Readers,
    cards: Cards,
    product: P,
    /// Carry the devices to pcscd, by name of the reader; none in this process.
    served: Option<(String, JoinHandle<()>)>,
    token_served: Option<(String, JoinHandle<()>)>,
}

impl<P: Product> Booth<P> {
    /// A booth in this process, for a product that takes the device as it is.
    pub(crate) fn within(cards: Cards, product: P) -> Self {
        Self { readers: Readers::default(), cards, product, served: None, token_served: None }
    }
}

impl Booth<Process> {
    /// A booth with a reader of pcscd. What the terminal writes to standard error is added to a file in `out`, and the
    /// authority's certificate is put there.
    pub(crate) fn open(place: &TerminalPlace, cards: Cards, out: &Path) -> Result<Self, Failure> {
        let out = std::path::absolute(out).map_err(|error| Failure::write(out, &error))?;
        if !can_start(&place.client) {
            let client = [place.client.as_str()];
            return Err(
                Failure::new(Exit::Setup, "terminal.client", client).fix("terminal.client-fix", [""; 0])
            );
        }
        let product = Process {
            client: place.client.clone(),
            authority: out.join("authority.pem"),
            log: out.join("client.log"),
        };
        let readers = Readers::default();
        let served = Some(serve(&readers.card, &place.reader)?);
        let token_served = place.operator.as_ref().map(|name| serve(&readers.token, name)).transpose()?;
        let mut booth = Self { readers, cards, product, served, token_served };
        let nothing: Tell = Arc::new(|_| ());
        let visit = Visit::to(Task::Read);
        let unseen = |reader: &str| {
            Failure::new(Exit::Setup, "terminal.reader", [reader]).fix("terminal.reader-fix", [""; 0])
        };
        booth.insert(&visit, "0000", Arc::clone(&nothing)).map_err(|_| unseen(&place.reader))?;
        if let Some(name) = &place.operator {
            booth.lay_token("000000", nothing).map_err(|_| unseen(name))?;
        }
        booth.remove();
        // Nothing of an earlier run is written over by one that does not begin.
        fs::write(&booth.product.authority, booth.cards.authority()?)
            .and_then(|()| fs::write(&booth.product.log, ""))
            .map_err(|error| Failure::write(&out, &error))?;
        Ok(booth)
    }
}

impl<P> Drop for Booth<P> {
    fn drop(&mut self) {
        self.readers.card.stop();
        self.readers.token.stop();
        for (_, served) in self.served.take().into_iter().chain(self.token_served.take()) {
            let _ = served.join(); // it has no way to fail
        }
    }
}

impl<P: Product> Counter for Booth<P> {
    fn insert(&mut self, visit: &Visit, pin: &str, tell: Tell) -> Result<(), Broken> {
        let no_card = || Broken::Suite(format!("no card {}", visit.card));
        let card = self.cards.card(visit.card, pin).ok_or_else(no_card)?;
        let other = self.cards.card(OTHER, pin).ok_or_else(no_card)?;
        let faults = visit.faults.iter().map(|line| line.parse());
        let faults: Vec<chukei_card::Fault> = faults
            .collect::<Result<_, chukei_card::NoFault>>()
            .map_err(|error| Broken::Suite(error.to_string()))?;
        let (powered, seen) = mpsc::channel();
        self.readers.card.watch(Watcher { tell, powered });
        self.readers.card.with(|slot| {
            slot.clear();
            slot.put(card);
            slot.lay_ready(other);
            faults.into_iter().for_each(|fault| slot.add(fault));
        });
        match &self.served {
            Some((reader, _)) => wait(&seen, reader),
            None => Ok(()),
        }
    }

    fn lay_token(&mut self, pin: &str, tell: Tell) -> Result<(), Broken> {
        let token = self.cards.card(TOKEN, pin).ok_or_else(|| Broken::Suite("no token".into()))?;
        let (powered, seen) = mpsc::channel();
        self.readers.token.watch(Watcher { tell, powered });
        self.readers.token.with(|slot| {
            slot.clear();
            slot.put(token);
        });
        self.token_served.as_ref().map_or(Ok(()), |(reader, _)| wait(&seen, reader))
    }

    fn run(&mut self, task: Task, entries: &[String]) -> Result<End, Broken> {
        self.product.visit(&self.readers, task, entries)
    }

    fn puller(&self) -> Act {
        let card = Arc::clone(&self.readers.card);
        Arc::new(move || card.with(chukei_card::Slot::eject))
    }

    fn remove(&mut self) {
        self.readers.card.with(chukei_card::Slot::eject);
        self.readers.token.with(chukei_card::Slot::eject);
    }
}

/// Waits until pcscd has given the card power, and shows it to its clients: that is a moment later.
fn wait(seen: &Receiver<Option<Vec<u8>>>, reader: &str) -> Result<(), Broken> {
    let lacking = || Broken::Lacking(format!("reader {reader}"));
    match seen.recv_timeout(SEEN_WITHIN).map_err(|_| lacking())? {
        Some(atr) if !contacts::is_shown(&atr, SEEN_WITHIN) => Err(lacking()),
        _ => Ok(()),
    }
}

/// Tells a run what passes at the device.
struct Watcher {
    tell: Tell,
    /// Gets the answer to reset; none of a card that is mute.
    powered: Sender<Option<Vec<u8>>>,
}

impl Watch for Watcher {
    fn see(&mut self, seen: &Seen<'_>) {
        let tell = &self.tell;
        match *seen {
            Seen::PowerOn(atr) => {
                let atr = atr.map(<[u8]>::to_vec);
                tell(Told::Reset(atr.clone()));
                let _ = self.powered.send(atr); // nobody waits any more
            }
            Seen::Reset(atr) => tell(Told::Reset(atr.map(<[u8]>::to_vec))),
            Seen::Command(command, Reply { answer, mishap, .. }) => {
                match mishap {
                    Some(Mishap::Reset) => tell(Told::Forgot),
                    Some(Mishap::Swap) => tell(Told::Swapped),
                    _ => {}
                }
                let (answer, is_out) = match answer {
                    Contact::Answer(answer) => (Ok(answer.clone()), false),
                    Contact::Silence => (Err(NoAnswer::Timeout), false),
                    Contact::Broken(_) | Contact::Removed => (Err(NoAnswer::Closed), true),
                };
                tell(Told::Command(command.to_vec(), answer));
                if is_out {
                    tell(Told::Removed);
                }
            }
            Seen::In | Seen::Out | Seen::PowerOff => {}
        }
    }
}

/// The card in a device, for a product in this process.
pub(crate) struct Near<'d>(pub(crate) &'d Device);

impl Contacts for Near<'_> {
    fn reset(&mut self) -> Result<Vec<u8>, NoAnswer> {
        self.0.power_on().ok_or(NoAnswer::Closed)
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        match self.0.transmit(command).answer {
            Contact::Answer(answer) => Ok(answer),
            Contact::Silence => Err(NoAnswer::Timeout),
            Contact::Broken(_) | Contact::Removed => Err(NoAnswer::Closed),
        }
    }
}

/// A terminal as a command of its maker's shell.
pub(crate) struct Process {
    client: String,
    authority: PathBuf,
    log: PathBuf,
}

impl Product for Process {
    fn visit(&mut self, _: &Readers, task: Task, entries: &[String]) -> Result<End, Broken> {
        let lacking = |error: std::io::Error| Broken::Lacking(format!("client: {error}"));
        let log = OpenOptions::new().append(true).open(&self.log).map_err(lacking)?;
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("{} \"$@\"", self.client))
            .args(["client", task.name()])
            .env("CHUKEI_AUTHORITY", &self.authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(lacking)?;
        let group = Pid::from_child(&child);
        if let Some(mut keyboard) = child.stdin.take() {
            let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
            let _ = keyboard.write_all(lines.as_bytes()); // who does not read asks for nothing
        }
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (closed, closes) = mpsc::channel();
        if let Some(mut screen) = child.stdout.take() {
            let shown = Arc::clone(&shown);
            thread::spawn(move || {
                let mut some = [0; KEPT];
                while let Ok(length @ 1..) = screen.read(&mut some) {
                    let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                    shown.extend_from_slice(some.get(..length).unwrap_or_default());
                    let surplus = shown.len().saturating_sub(KEPT);
                    shown.drain(..surplus);
                }
                let _ = closed.send(()); // nobody waits any more
            });
        }
        let (ended, ends) = mpsc::channel();
        thread::spawn(move || ended.send(child.wait()));
        let exit = match ends.recv_timeout(PATIENCE) {
            Ok(status) => status.map_err(lacking)?.code(),
            Err(_) => None,
        };
        // Whatever it has started ends with it.
        let _ = kill_process_group(group, Signal::KILL);
        if let Some(code @ (126 | 127)) = exit {
            return Err(Broken::Lacking(format!("client {} (sh: {code})", self.client))); // no such program
        }
        let _ = closes.recv_timeout(AFTER);
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(End { exit, shown })
    }
}

/// Whether the shell knows the program of a command; it is asked only about a plain word.
fn can_start(client: &str) -> bool {
    let program = client.split_whitespace().next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if program.is_empty() {
        return false;
    }
    if !program.chars().all(is_plain) {
        return true;
    }
    let mut asked = Command::new("sh");
    asked.args(["-c", "command -v -- \"$1\" >/dev/null 2>&1", "sh", program]).stdin(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// Carries a device to a reader of this name.
fn serve(device: &Arc<Device>, reader: &str) -> Result<(String, JoinHandle<()>), Failure> {
    let (address, carrier) = (address(reader)?, Arc::clone(device));
    Ok((reader.to_owned(), thread::spawn(move || carrier.serve(&address))))
}

/// Where cards for a reader are taken: the path or address itself, or what pcscd's configuration says of this name.
fn address(reader: &str) -> Result<Address, Failure> {
    if let Ok(address) = reader.parse() {
        return Ok(address);
    }
    let files = fs::read_dir(READERS).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    let known: Vec<(String, PathBuf)> = texts.flat_map(|text| readers(&text)).collect();
    let fits = |(name, _): &&(String, PathBuf)| reader.starts_with(name.as_str()) || name.starts_with(reader);
    known.iter().find(fits).map(|(_, path)| Address::Driver(path.clone())).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let names = if names.is_empty() { "–".to_owned() } else { names.join(", ") };
        Failure::new(Exit::Setup, "terminal.no-reader", [reader, READERS])
            .fix("terminal.no-reader-fix", [names])
    })
}

/// Names of readers with the sockets of our driver (reader.conf(5)).
fn readers(text: &str) -> Vec<(String, PathBuf)> {
    let mut name = None;
    let mut found = Vec::new();
    for line in text.lines() {
        match line.trim().split_once(char::is_whitespace) {
            Some(("FRIENDLYNAME", value)) => name = Some(value.trim().trim_matches('"').to_owned()),
            Some(("DEVICENAME", value)) => {
                let path =
                    value.trim().split_once(':').map(|(_, path)| path).filter(|path| path.contains('/'));
                found.extend(name.take().zip(path.map(PathBuf::from)));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn readers_of_our_driver_have_sockets() {
        let text = "# x\nFRIENDLYNAME \"Chukei Patient\"\nDEVICENAME /dev/null:/run/p.sock\nLIBPATH /l\n\n\
                    FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x8C7B\n";
        assert_eq!(readers(text), [("Chukei Patient".to_owned(), PathBuf::from("/run/p.sock"))]);
    }

    #[test]
    fn a_client_that_the_shell_does_not_know_is_told_before_the_first_visit() {
        let folder = tempfile::tempdir().unwrap();
        let known = folder.path().join("known");
        fs::write(&known, "#!/bin/sh\n").unwrap();
        let mut rights = fs::metadata(&known).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
        fs::set_permissions(&known, rights).unwrap();
        for client in ["sh x.sh --y", known.to_str().unwrap(), "cd /; true", "A=1 nobody-has-this", "(true)"]
        {
            assert!(can_start(client), "{client}");
        }
        for client in ["nobody-has-this", "./nobody-has-this x", "/nobody/has/this", "", " "] {
            assert!(!can_start(client), "{client:?}");
        }
    }

    #[test]
    fn a_process_ends_or_is_ended_and_what_it_shows_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (authority, log) = (folder.path().join("authority.pem"), folder.path().join("log"));
        fs::write(&log, "").unwrap();
        let visit = |client: &str| {
            let mut process =
                Process { client: client.into(), authority: authority.clone(), log: log.clone() };
            process.visit(&Readers::default(), Task::Read, &["1".to_owned(), "2".to_owned()]).unwrap()
        };
        let end = visit("f() { tr '\\n' ' '; echo \"$1\" >&2; echo \"$CHUKEI_AUTHORITY\"; exit 3; }; f");
        let shown = format!("1 2 {}\n", authority.display());
        assert_eq!(end, End { exit: Some(3), shown: shown.into_bytes() });
        assert_eq!(fs::read_to_string(&log).unwrap(), "read\n");
        assert_eq!(visit("kill -9 $$; true").exit, None, "a signal is no end of its own");
        // What is left behind holds neither the run nor its output.
        assert_eq!(visit("sleep 100 & true").exit, Some(0));
    }
}
