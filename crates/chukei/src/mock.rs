//! `chukei mock`: the parties of the mock world, as processes.

use std::io::Write as _;

use chukei_world::{
    Faults, Options, Plan, World, fault_names,
    folder::{PartyEntry, Role},
    run::{mock, mock_world},
};

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
    if asked.who == Who::Card {
        return crate::card::mock(&asked.card, say);
    }
    let Some(folder) = &asked.world else {
        return Err(Failure::new(Exit::Usage, "mock.no-world", [""; 0]).fix("mock.no-world-fix", [""; 0]));
    };
    let world = if asked.who == Who::World && !folder.join("world.toml").exists() {
        let made =
            World::generate(folder, Plan::new(SEED)).map_err(|error| Failure::write(folder, &error))?;
        say.note(say.text("world.made", [folder.display().to_string()]));
        made
    } else {
        World::open(folder).map_err(|error| {
            Failure::new(Exit::Setup, "mock.world", [folder.display().to_string(), error.to_string()])
                .fix("mock.world-fix", [folder.display().to_string()])
        })?
    };
    let faults = Faults::named(&asked.fault).map_err(|error| {
        Failure::new(Exit::Usage, "mock.fault", [error.to_string()]).fix("mock.fault-fix", [""; 0])
    })?;
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
    stopped.map_err(|error| Failure::new(Exit::Setup, "mock.stopped", [error.to_string()]))?;
    Ok(Exit::Conformant)
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
    let mut out = std::io::stdout().lock();
    for fault in fault_names() {
        let _ = writeln!(out, "{:<44} {}", fault.name, say.pick(&fault.ja, &fault.en));
    }
    Exit::Conformant
}
