//! Kills a writing process with SIGKILL, at random moments and at every named place, and looks at what it leaves behind.
//! `ci/crash` starts it.
//!
//! usage: crash [ROUNDS] [sqlite|postgres]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test, too long to be one of `cargo test`"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use chukei_crypto::{UnixTime, random_bytes};
use chukei_ledger::{Ed25519PrivateKey, KeyUse, Policy, SignerKey, Trust, verify};
use chukei_profile::Purpose;
use chukei_profile::history::Kind;
use chukei_relay::{AccessLog, Carried, NewEntry, Person, ReplayStore};
use chukei_store::{EarlyReplay, Location, Store, danger};
use place::Place;
use server::Server;

#[path = "../tests/support/place.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "a test uses more")]
mod place;
#[path = "../tests/support/server.rs"]
#[allow(dead_code, reason = "a test uses more")]
mod server;

const NOW: UnixTime = UnixTime(1_790_000_000);
/// Persons about whom the writers write; one more has entries that are destroyed at once.
const PERSONS: i64 = 4;
/// Rounds on one file.
const ROUNDS: usize = 10;
/// Whose identifiers are used once.
const OWNER: &str = "messages";
/// Whether a writer answers after it has recorded or before, and whether it notes queries that leave.
const HONEST: &str = "honest";
const LYING: &str = "lying";
const CARELESS: &str = "careless";
/// What a relay may take until it answers again.
const RECOVERY: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [child, path, point, pass, manner] = words.as_slice()
        && child == "child"
    {
        write(Path::new(path), point, pass.parse().unwrap(), manner);
    }
    // Stopped when this ends, in whatever way.
    let server = match words.get(1).map(String::as_str) {
        None | Some("sqlite") => None,
        Some("postgres") => match Server::start() {
            None => {
                println!("crash: not run: PostgreSQL is not installed");
                return ExitCode::FAILURE;
            }
            started => started,
        },
        Some(other) => {
            println!("crash: {other} is no backend");
            return ExitCode::from(2);
        }
    };
    let place = || server.as_ref().map_or_else(Place::file, Place::in_server);
    for (manner, noticed) in
        [(LYING, "was answered, and is not recorded"), (CARELESS, "has left, and has 0 entries")]
    {
        if !is_caught(&place(), manner, noticed) {
            println!("crash: the self-test failed: a {manner} writer was not noticed");
            return ExitCode::FAILURE;
        }
    }
    let rounds = words.first().map_or(10, |rounds| rounds.parse().expect("a number of rounds"));
    let mut seen = Seen::default();
    let mut scratch = place();
    for round in 0..rounds {
        if round % ROUNDS == 0 {
            scratch = place();
            seen.new_file();
        }
        if let Err(fault) = seen.round(&scratch.written(), round) {
            println!("crash: round {round}: {fault}");
            seen.faults += 1;
        }
    }
    println!(
        "crash: {rounds} rounds: {} at random moments, {}; {} entries answered, {} checkpoints signed, slowest recovery {} ms",
        seen.random,
        seen.points.iter().map(|(point, times)| format!("{times} at {point}")).collect::<Vec<_>>().join(", "),
        seen.all_answered,
        seen.all_signed,
        seen.slowest.as_millis()
    );
    println!(
        "crash: {}",
        if seen.faults == 0 { "passed".to_owned() } else { format!("FAILED, {} faults", seen.faults) }
    );
    if seen.faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A writer that does not record what it does is noticed, else nothing that follows would mean anything. Not at each moment
/// is there something that it has not recorded.
fn is_caught(place: &Place, manner: &str, noticed: &str) -> bool {
    let (mut seen, path): (_, PathBuf) = (Seen::default(), place.written());
    (20..40).any(|pass| {
        seen.kill(&path, Some("appended"), pass, Duration::ZERO, manner).unwrap();
        seen.look(&path).is_err_and(|fault| fault.contains(noticed))
    })
}

fn open(written: &Path) -> Result<Store, String> {
    Location::read(written).and_then(Store::open).map_err(|error| error.to_string())
}

fn key() -> SignerKey {
    let key = Ed25519PrivateKey::from_seed(&[1; 32]).unwrap();
    SignerKey::new("relay.example.test/ledger", KeyUse::Log, key).unwrap()
}

fn entry(person: i64, at: UnixTime, envelope: Option<&str>) -> NewEntry {
    NewEntry {
        person: Some(Person(person)),
        at,
        actor: "https://insurer-a.example.test/".to_owned(),
        kind: Kind::Mapping,
        outcome: "granted".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec![],
        envelope: envelope.map(str::to_owned),
        target: envelope.map(|_| "https://insurer-b.example.test/".to_owned()),
        carried_to: None,
        asked: None,
        login: None,
        withheld_until: None,
    }
}

fn query(person: i64, id: &str) -> Carried {
    Carried {
        id: id.to_owned(),
        until: NOW,
        person: Some(Person(person)),
        at: NOW,
        requester: "https://insurer-a.example.test/".to_owned(),
        responder: "https://insurer-b.example.test/".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec![],
        envelope: id.to_owned(),
        withheld_until: None,
    }
}

fn say(line: &str) {
    // Whole lines only: the parent believes what it reads.
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// A relay under load: writers, checkpoints, and entries whose time is over.
fn write(path: &Path, point: &str, pass: u64, manner: &str) -> ! {
    if let Some(point) = danger::POINTS.into_iter().find(|known| *known == point) {
        danger::stop_at(point, pass);
    }
    let store = Arc::new(open(path).unwrap());
    let replay = EarlyReplay(Arc::clone(&store));
    std::thread::scope(|scope| {
        for writer in 0..PERSONS {
            let (store, replay) = (&store, &replay);
            scope.spawn(move || {
                for turn in 0.. {
                    let id = format!("_{}-{writer}-{turn}", std::process::id());
                    let both = [entry(writer, NOW, Some(&id)), entry((writer + 1) % PERSONS, NOW, None)];
                    if manner == LYING {
                        say(&format!("answered {id}"));
                    }
                    assert!(replay.first_use(OWNER, &id, NOW).unwrap());
                    store.append(&both).unwrap();
                    danger::point("answered");
                    say(&format!("answered {id}"));
                    let query = query(writer, &id);
                    if manner != CARELESS {
                        store.carry(&query).unwrap().wait().unwrap();
                    }
                    say(&format!("left {id}"));
                    // Some never come back.
                    if manner != CARELESS && turn % 8 != 0 {
                        store.conclude(&id, &query.entry("answered", NOW)).unwrap().recording.wait().unwrap();
                    }
                }
            });
        }
        scope.spawn(|| {
            loop {
                let note = store.checkpoint(&[key()], NOW).unwrap();
                say(&format!("signed {}", note.lines().nth(1).unwrap()));
            }
        });
        scope.spawn(|| {
            loop {
                store.append(&[entry(PERSONS, UnixTime(0), None)]).unwrap();
                store.destroy_before(NOW).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    });
    std::process::exit(1)
}

#[derive(Default)]
struct Seen {
    answered: BTreeSet<String>,
    /// Queries that were carried.
    left: BTreeSet<String>,
    signed: BTreeSet<u64>,
    random: usize,
    points: BTreeMap<&'static str, usize>,
    /// Answers and checkpoints of this file that are counted.
    counted: (usize, usize),
    all_answered: usize,
    all_signed: usize,
    slowest: Duration,
    faults: usize,
}

impl Seen {
    fn new_file(&mut self) {
        self.answered.clear();
        self.left.clear();
        self.signed.clear();
        self.counted = (0, 0);
    }

    fn round(&mut self, path: &Path, round: usize) -> Result<(), String> {
        // One round in three at a random moment, the others at each place in turn.
        let point = (!round.is_multiple_of(3))
            .then(|| danger::POINTS[(round - round / 3 - 1) % danger::POINTS.len()]);
        let [chance, more, ..] = random_bytes::<8>().unwrap();
        let often = matches!(point, Some("appended" | "committed" | "answered"));
        let pass = 1 + u64::from(chance) % if often { 200 } else { 4 };
        let moment = Duration::from_millis(u64::from(chance) * 2 + u64::from(more) % 2);
        self.kill(path, point, pass, moment, HONEST)?;
        self.look(path)
    }

    /// Lets a child write until it stands still, or until the moment has come, and kills it.
    fn kill(
        &mut self,
        path: &Path,
        point: Option<&'static str>,
        pass: u64,
        moment: Duration,
        manner: &str,
    ) -> Result<(), String> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", path.to_str().unwrap(), point.unwrap_or("-"), &pass.to_string(), manner])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (told, heard) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        let ear = std::thread::spawn(move || {
            out.lines().map_while(Result::ok).for_each(|line| told.send(line).unwrap())
        });
        let mut lines = Vec::new();
        let started = Instant::now();
        let mut reached = None;
        loop {
            let until = if point.is_some() { PATIENCE } else { moment };
            match heard.recv_timeout(until.saturating_sub(started.elapsed())) {
                Ok(line) if line.starts_with("standing at ") => reached = Some(line),
                Ok(line) => lines.push(line),
                Err(_) => break,
            }
            if reached.is_some() {
                break;
            }
        }
        let is_alive = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        ear.join().unwrap();
        lines.extend(heard.try_iter());
        for line in lines {
            match line.split_once(' ') {
                Some(("answered", id)) => drop(self.answered.insert(id.to_owned())),
                Some(("left", id)) => drop(self.left.insert(id.to_owned())),
                Some(("signed", size)) => drop(self.signed.insert(size.parse().unwrap())),
                _ => {}
            }
        }
        match point {
            _ if !is_alive => return Err("the writer ended by itself".to_owned()),
            Some(point) if reached.is_none() => {
                return Err(format!("{point} was not reached in {PATIENCE:?}"));
            }
            Some(point) => *self.points.entry(point).or_default() += 1,
            None => self.random += 1,
        }
        Ok(())
    }

    /// Everything that was answered is there, nothing stands twice or is missing, and it goes on at once.
    fn look(&mut self, path: &Path) -> Result<(), String> {
        let started = Instant::now();
        let store = Arc::new(open(path)?);
        let replay = EarlyReplay(Arc::clone(&store));
        store.append(&[entry(0, NOW, None)]).map_err(|_| "it does not record")?;
        store.give_up(UnixTime(NOW.0 + 1)).map_err(|_| "it does not record")?;
        store.checkpoint(&[key()], NOW).map_err(|error| format!("it signs no checkpoint: {error}"))?;
        let took = started.elapsed();
        self.slowest = self.slowest.max(took);
        if took > RECOVERY {
            return Err(format!("it took {took:?} to go on"));
        }
        for id in &self.answered {
            if store.issuance(id).map_err(|_| "it does not answer")?.is_none() {
                return Err(format!("{id} was answered, and is not recorded"));
            }
            if replay.first_use(OWNER, id, NOW).map_err(|_| "it does not answer")? {
                return Err(format!("{id} was answered, and could be used again"));
            }
        }
        let policy = Policy::of_log(key().verifier().clone());
        let sound = store.fsck(Some(&policy)).map_err(|error| error.to_string())?;
        let sound = sound.map_err(|damage| format!("{damage:?}"))?;
        let sizes: Vec<u64> = self.signed.iter().copied().collect();
        let mut carried = BTreeMap::<String, usize>::new();
        for person in 0..=PERSONS {
            let history = store.history(Person(person)).map_err(|_| "it does not answer")?;
            let numbers: Vec<u64> = history.iter().map(|entry| entry.number).collect();
            for entry in history.into_iter().filter(|entry| entry.kind == Kind::Relayed) {
                *carried.entry(entry.envelope.unwrap_or_default()).or_insert(0) += 1;
            }
            if person < PERSONS && numbers != (1..=numbers.len() as u64).collect::<Vec<_>>() {
                return Err(format!("the numbers of person {person} have a gap"));
            }
            // All that was signed is still the beginning of what is signed now.
            let bundle =
                store.bundle(Person(person), &sizes, key().verifier()).map_err(|error| error.to_string())?;
            let connected = bundle.checkpoints.len() >= sizes.len();
            if !connected || verify(&bundle, Trust::Policy(&policy), &[], bundle.heads.values.at).is_err() {
                return Err(format!("the bundle of person {person} does not verify"));
            }
        }
        if let Some((id, times)) = carried.iter().find(|(_, times)| **times != 1) {
            return Err(format!("{id} has {times} entries"));
        }
        if let Some(id) = self.left.iter().find(|id| !carried.contains_key(*id)) {
            return Err(format!("{id} has left, and has 0 entries"));
        }
        // The same file is looked at in the next round too.
        self.all_answered +=
            self.answered.len() - std::mem::replace(&mut self.counted.0, self.answered.len());
        let signed = usize::try_from(sound.checkpoints).unwrap();
        self.all_signed += signed - std::mem::replace(&mut self.counted.1, signed);
        Ok(())
    }
}
