//! `chukei mock`: the parties of the mock world, as processes.

use std::path::Path;

use chukei_world::{
    Faults, Options, Plan, World, WorldError, fault_names,
    folder::{PartyEntry, Role},
    run::{mock, mock_world},
};

use clap::ValueEnum as _;

use crate::{
    args::{Mock, Who},
    say::{Exit, Failure, Say},
};

/// Seed of a world that is made on the way, as `chukei world` has it.
const SEED: u64 = 1;

/// Starts a party, or all of them, and runs until told to stop.
pub(crate) fn run(asked: Mock, say: &Say) -> Result<Exit, Failure> {
    if asked.faults {
        return Ok(list_faults(say));
    }
    misplaced(&asked)?;
    if asked.who == Who::Card {
        return crate::card::mock(&asked.card, say);
    }
    let Some(folder) = &asked.world else {
        return Err(Failure::new(Exit::Usage, "mock.no-world", [""; 0]).fix("mock.no-world-fix", [""; 0]));
    };
    for (option, address) in [("--control", asked.control), ("--card-door", asked.card_door)] {
        if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
            return Err(Failure::new(Exit::Usage, "mock.loopback", [address.to_string()])
                .by(option)
                .fix("mock.loopback-fix", [option]));
        }
    }
    let of_relays = [
        ("--store", asked.store.is_some()),
        ("--possession", asked.possession),
        ("--card-door", asked.card_door.is_some()),
    ];
    let is_other = matches!(asked.who, Who::Requester | Who::Responder);
    if let Some((option, _)) = of_relays.iter().find(|(_, is_given)| is_other && *is_given) {
        return Err(Failure::new(Exit::Usage, "mock.of-relays", [""; 0])
            .by(option)
            .fix("mock.of-relays-fix", [""; 0]));
    }
    // Before a world is made: a slip of the pen leaves nothing behind.
    let faults = Faults::named(&asked.fault).map_err(|error| failed(folder, &error))?;
    if asked.who == Who::World && !asked.fault.is_empty() && asked.party.is_none() {
        return Err(Failure::new(Exit::Usage, "mock.no-party", [""; 0]).fix("mock.no-party-fix", [""; 0]));
    }
    if asked.who == Who::World && asked.control.is_some() {
        return Err(Failure::new(Exit::Usage, "mock.no-control", [""; 0]).fix("mock.no-control-fix", [""; 0]));
    }
    let world = if asked.who == Who::World && !folder.join("world.toml").exists() {
        let made = World::generate(folder, Plan::new(SEED)).map_err(|error| failed(folder, &error))?;
        say.note(say.text("world.made", [folder.display().to_string()]));
        made
    } else {
        World::open(folder).map_err(|error| failed(folder, &error))?
    };
    if let Some(name) = &asked.party {
        let party = world.party(name).map_err(|error| failed(folder, &error))?;
        if let Some((wanted, _)) = role(asked.who).filter(|(wanted, _)| *wanted != party.role) {
            let fitting = world.parties().iter().filter(|party| party.role == wanted);
            let fitting: Vec<&str> = fitting.map(|party| party.name.as_str()).collect();
            return Err(Failure::new(Exit::Usage, "mock.role", [name, word(party.role), word(wanted)])
                .by("--party")
                .fix("fix.one-of", [fitting.join(", ")]));
        }
    }
    let store = asked.store.as_deref().map(crate::ledger::location).transpose()?;
    // The key of the ledger lies beside the world, whoever else uses the database.
    let state = (asked.keep || store.is_some()).then(|| world.dir().join("state"));
    let control = asked.control;
    let (possession, card_door) = (asked.possession, asked.card_door);
    let options = Options {
        faults,
        control,
        state,
        store,
        possession,
        card_door,
        aloud: !say.quiet,
        ..Options::default()
    };
    let stopped = match role(asked.who) {
        None => mock_world(&world, |party: &PartyEntry| {
            let is_asked = asked.party.as_ref().is_some_and(|name| *name == party.name);
            let store = options.store.clone();
            let aloud = Options { store, possession, card_door, aloud: !say.quiet, ..Options::default() };
            if is_asked { Options { faults: options.faults.clone(), ..aloud } } else { aloud }
        }),
        Some((role, usual)) => mock(&world, asked.party.as_deref().unwrap_or(usual), role, options),
    };
    stopped.map_err(|error| failed(world.dir(), &error))?;
    Ok(Exit::Conformant)
}

/// An option of parties does nothing to a card, nor one of cards to a party.
fn misplaced(asked: &Mock) -> Result<(), Failure> {
    let of_parties = [
        ("--world", asked.world.is_some()),
        ("--party", asked.party.is_some()),
        ("--fault", !asked.fault.is_empty()),
        ("--control", asked.control.is_some()),
        ("--store", asked.store.is_some()),
        ("--keep", asked.keep),
        ("--possession", asked.possession),
        ("--card-door", asked.card_door.is_some()),
    ];
    let of_cards = asked.card.given();
    let others = if asked.who == Who::Card { &of_parties[..] } else { &of_cards[..] };
    let who = asked.who.to_possible_value().map(|who| who.get_name().to_owned()).unwrap_or_default();
    if let Some((option, _)) = others.iter().find(|(_, is_given)| *is_given) {
        let with = [(*option).to_owned(), format!("mock {who}")];
        return Err(Failure::new(Exit::Usage, "usage.conflict", with).fix("usage.help", ["chukei mock"]));
    }
    if asked.who == Who::World && asked.party.is_some() && asked.fault.is_empty() {
        let missing = Failure::new(Exit::Usage, "usage.missing", ["--fault <NAME>"]);
        return Err(missing.fix("mock.party-fix", [""; 0]));
    }
    Ok(())
}

/// As world.toml and the command line spell it.
const fn word(role: Role) -> &'static str {
    match role {
        Role::Relay => "relay",
        Role::Requester => "requester",
        Role::Responder => "responder",
        Role::Portal => "portal",
        Role::Stranger => "stranger",
    }
}

const fn role(who: Who) -> Option<(Role, &'static str)> {
    match who {
        Who::World | Who::Card => None,
        Who::Relay => Some((Role::Relay, "relay")),
        Who::Requester => Some((Role::Requester, "insurer-a")),
        Who::Responder => Some((Role::Responder, "insurer-b")),
    }
}

fn list_faults(say: &Say) -> Exit {
    for fault in fault_names() {
        say.result(format_args!("{:<44} {}", fault.name, say.pick(&fault.ja, &fault.en)));
    }
    Exit::Conformant
}

/// Why a world cannot be made or read, or a party of it not started.
pub(crate) fn failed(folder: &Path, error: &WorldError) -> Failure {
    let setup = |key: &str, with: Vec<String>| Failure::new(Exit::Setup, key, with);
    let path = |path: &Path| path.display().to_string();
    let inside = |name: &str| path(&folder.join(name));
    let anew = [path(folder)];
    match error {
        WorldError::Bind { address, error } => {
            setup("mock.bind", vec![address.clone(), error.clone()]).fix("mock.bind-fix", [""; 0])
        }
        WorldError::Cards(error) => {
            setup("setup.cards.json", vec![inside("cards.json"), error.clone()]).fix("fix.make-world", anew)
        }
        WorldError::Exists(dir) => setup("mock.exists", vec![path(dir)]).fix("mock.exists-fix", [""; 0]),
        WorldError::Fault { name, nearest } => {
            let failure = Failure::new(Exit::Usage, "mock.fault", [name]);
            match nearest.as_slice() {
                [] => failure.fix("mock.no-fault-fix", [""; 0]),
                near => failure.fix("mock.fault-fix", [near.join(", ")]),
            }
        }
        WorldError::Io { path: file, error } if *file == folder.join("world.toml") => {
            setup("mock.world", vec![path(folder), error.clone()]).fix("mock.world-fix", anew)
        }
        WorldError::Io { path: file, error } => {
            setup("setup.file.missing", vec![path(file), error.clone()]).fix("fix.make-world", anew)
        }
        WorldError::Key { path: file, what } => {
            setup("mock.key", vec![path(file), what.clone()]).fix("fix.make-world", anew)
        }
        WorldError::Made(what) => setup("mock.made", vec![what.clone()]).fix("fix.make-world", anew),
        WorldError::Metadata { name, reason } => {
            let file = inside(&format!("metadata/{name}.xml"));
            setup("mock.metadata", vec![file, reason.to_string()]).fix("fix.make-world", anew)
        }
        WorldError::OtherKey { path: file, origin } => {
            setup("mock.other-key", vec![path(file), origin.clone()]).fix("mock.other-key-fix", [path(file)])
        }
        WorldError::Behind { signed } => {
            setup("mock.behind", vec![signed.to_string()]).fix("mock.behind-fix", [inside("state")])
        }
        WorldError::Party { name, known } => {
            Failure::new(Exit::Usage, "setup.party.unknown", [name]).fix("fix.one-of", [known.join(", ")])
        }
        WorldError::People(error) => {
            setup("setup.people.json", vec![inside("people.json"), error.clone()]).fix("fix.make-world", anew)
        }
        WorldError::Ports { base } => {
            setup("mock.ports", vec![base.to_string()]).fix("mock.ports-fix", [""; 0])
        }
        WorldError::Store(error) => setup("mock.store", vec![error.clone()]).fix("mock.store-fix", [""; 0]),
        WorldError::Toml { path: file, line, column, error } => {
            let place = format!("{}:{line}:{column}", file.display());
            setup("setup.world.toml", vec![place, error.clone()]).fix("fix.make-world", anew)
        }
        other => setup("mock.stopped", vec![other.to_string()]),
    }
}
