//! `chukei world`: a folder with everything that a test needs around a product.

use chukei_world::{Plan, World, WorldError};

use crate::{
    args,
    mock::failed,
    say::{Exit, Failure, Say},
};

/// Makes the folder, or says what it holds if it is there already.
pub(crate) fn make(asked: &args::World, say: &Say) -> Result<Exit, Failure> {
    if asked.dir.join("world.toml").exists() {
        return Err(Failure::new(Exit::Setup, "world.exists", [asked.dir.display().to_string()])
            .fix("world.exists-fix", [asked.dir.display().to_string()]));
    }
    let plan = Plan { base_port: asked.base_port, ..Plan::new(asked.seed) };
    let world = World::generate(&asked.dir, plan).map_err(|error| match &error {
        WorldError::Io { path, error } => Failure::write(path, error),
        other => failed(&asked.dir, other),
    })?;
    say.note(say.text("world.made", [asked.dir.display().to_string()]));
    for party in world.parties() {
        say.result(format_args!("{:<12} {}", party.name, party.endpoint));
    }
    say.note(say.text("world.next", [asked.dir.display().to_string()]));
    Ok(Exit::Conformant)
}
