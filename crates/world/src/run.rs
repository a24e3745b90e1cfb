//! Parties as processes: started by the command, stopped by a signal.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use chukei_profile::{Scheme, history::Kind};
use serde::Serialize;
use serde_json::json;

use crate::folder::{PartyEntry, Role};
use crate::link::{Ending, Link, Outcome};
use crate::{Handle, Options, Party, World, WorldError};

/// What a process prints on one line when its parties take messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Where messages go, by party.
    pub endpoints: BTreeMap<String, String>,
    /// Base URL of test control, by party.
    pub control: BTreeMap<String, String>,
    /// Where cards are taken over TLS, by party.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub card_doors: BTreeMap<String, String>,
}

impl Ready {
    fn of<'h>(parties: impl IntoIterator<Item = &'h Handle>) -> Self {
        let mut ready = Self::default();
        for party in parties {
            if let Some(endpoint) = party.endpoint() {
                ready.endpoints.insert(party.name().to_owned(), endpoint.to_owned());
            }
            if let Some(control) = party.control() {
                ready.control.insert(party.name().to_owned(), control);
            }
            if let Some(door) = party.card_door() {
                ready.card_doors.insert(party.name().to_owned(), door.to_owned());
            }
        }
        ready
    }
}

/// Runs one party until the process is told to stop (SIGINT, SIGTERM). Prints one line of JSON when it takes messages.
///
/// # Errors
/// As [`Party::start`]; [`WorldError::Party`] when the party of this name is of another role.
pub fn mock(world: &World, name: &str, role: Role, options: Options) -> Result<(), WorldError> {
    let stop = Signals::new()?;
    let of_role = |party: &&PartyEntry| party.role == role;
    if world.party(name)?.role != role {
        let known = world.parties().iter().filter(of_role).map(|party| party.name.clone()).collect();
        return Err(WorldError::Party { name: name.to_owned(), known });
    }
    let party = Party::start(world, name, options)?;
    print(&json!(Ready::of([&party])))?;
    stop.wait();
    party.stop();
    Ok(())
}

/// A whole world at work.
#[derive(Debug)]
pub struct Running {
    parties: Vec<Handle>,
}

impl Running {
    /// Starts everybody who is in service, and introduces them to each other. `options` says how one is started, by name.
    ///
    /// # Errors
    /// As [`Party::start`]; whoever was started is stopped again.
    pub fn start(world: &World, options: impl Fn(&PartyEntry) -> Options) -> Result<Self, WorldError> {
        let present =
            world.parties().iter().filter(|party| party.role != Role::Stranger && !party.out_of_service);
        let start = |party: &PartyEntry| Party::start(world, &party.name, options(party));
        let parties = present.map(start).collect::<Result<Vec<_>, _>>()?;
        // Whoever listens elsewhere than the metadata says is introduced to the others.
        let endpoints = Ready::of(&parties).endpoints;
        let moved = |name: &String, url: &String| world.party(name).is_ok_and(|party| party.endpoint != *url);
        if endpoints.iter().any(|(name, url)| moved(name, url)) {
            for party in &parties {
                party.meet(endpoints.clone())?;
            }
        }
        Ok(Self { parties })
    }

    /// The party of this name.
    #[must_use]
    pub fn party(&self, name: &str) -> Option<&Handle> {
        self.parties.iter().find(|party| party.name() == name)
    }

    /// Where everybody is.
    #[must_use]
    pub fn ready(&self) -> Ready {
        Ready::of(&self.parties)
    }

    /// One linkage about the seeds' sample person, and the history that the person then sees.
    ///
    /// # Errors
    /// What did not work.
    pub fn smoke(&self, world: &World) -> Result<Outcome, WorldError> {
        let broken = |what: String| WorldError::Smoke(what);
        let people = world.people()?;
        let sample = people.person("seed-sample").ok_or_else(|| broken("no sample person".to_owned()))?;
        let number = |party: &str| {
            sample.number(party).ok_or_else(|| broken(format!("the sample person has no number at {party}")))
        };
        let party = |name: &str| self.party(name).ok_or_else(|| broken(format!("{name} is not running")));

        let target = crate::folder::entity("insurer-b");
        let begun = party("relay")?.clock().now();
        let link = Link::new(number("insurer-a")?, Scheme::MedicalInsured, &target);
        let outcome = party("insurer-a")?.link(link);
        if outcome.state != Ending::Accepted || outcome.answer.is_none() {
            return Err(broken(format!("the linkage ended with {}", outcome.code)));
        }
        let history = party("portal")?.history(number("portal")?).map_err(broken)?;
        // Whoever keeps state has more entries from before, and others may be at work meanwhile.
        let fresh = history.entries.iter().filter(|entry| entry.at.seconds >= begun.0);
        let mut wanted = [Kind::Mapping, Kind::Disclosure, Kind::History].into_iter().peekable();
        for entry in fresh.clone() {
            wanted.next_if_eq(&entry.kind);
        }
        if wanted.peek().is_some() {
            let kinds: Vec<&str> = fresh.map(|entry| entry.kind.name()).collect();
            return Err(broken(format!("the history shows {kinds:?}")));
        }
        Ok(outcome)
    }

    /// Stops everybody, askers first, so that what they have begun can end.
    pub fn stop(self) {
        let (askers, others): (Vec<_>, Vec<_>) =
            self.parties.into_iter().partition(|party| party.endpoint().is_none());
        let (relay, responders): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|party| party.name() == "relay");
        for party in askers.into_iter().chain(responders).chain(relay) {
            party.stop();
        }
    }
}

/// Starts a whole world with its state beside it in SQLite and test control on free ports, tries one linkage, prints one line of
/// JSON, and runs until the process is told to stop.
///
/// # Errors
/// As [`Running::start`] and [`Running::smoke`].
pub fn mock_world(world: &World, options: impl Fn(&PartyEntry) -> Options) -> Result<(), WorldError> {
    let stop = Signals::new()?;
    let running = Running::start(world, |party| Options {
        control: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        state: Some(world.dir().join("state")),
        ..options(party)
    })?;
    let smoke = running.smoke(world);
    if let Ok(outcome) = &smoke {
        let mut ready = json!(running.ready());
        if let Some(fields) = ready.as_object_mut() {
            fields.insert("smoke".to_owned(), json!(outcome.code));
        }
        print(&ready)?;
        stop.wait();
    }
    running.stop();
    smoke.map(drop)
}

fn print(line: &serde_json::Value) -> Result<(), WorldError> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|error| WorldError::io("standard output".as_ref(), error))
}

/// SIGINT and SIGTERM, from now on.
struct Signals {
    runtime: tokio::runtime::Runtime,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, WorldError> {
        use tokio::signal::unix::{SignalKind, signal};
        let wrong = |error: io::Error| WorldError::Made(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(wrong)?;
        let inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
        let terminate = signal(SignalKind::terminate()).map_err(wrong)?;
        drop(inside);
        Ok(Self { runtime, interrupt, terminate })
    }

    fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
        });
    }
}
