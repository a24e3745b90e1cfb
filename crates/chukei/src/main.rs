//! The command. `chukei --help` says what it can do; every text stands in `messages/`.

#![forbid(unsafe_code)]
#![allow(clippy::result_large_err, reason = "a failure is made once, before the command ends")]

mod args;
mod backup;
mod card;
mod client;
mod contacts;
mod cosign;
mod counter;
mod engine;
mod entries;
mod explain;
mod foreign;
mod forms;
mod ledger;
mod list;
mod login;
mod mapping;
mod mock;
mod output;
mod reconcile;
mod run;
mod say;
mod self_test;
mod show;
mod token;
mod usage;
mod verify;
mod world;

use std::process::ExitCode;

use args::{Arguments, Command};
use say::{Exit, Say};

fn main() -> ExitCode {
    let (arguments, say) = match args::parse() {
        Ok(parsed) => parsed,
        Err(exit) => return exit.into(),
    };
    let exit = dispatch(arguments, &say).unwrap_or_else(|failure| say.failure(&failure));
    say.unwritten().map_or(exit, |failure| say.failure(&failure)).into()
}

fn dispatch(arguments: Arguments, say: &Say) -> Result<Exit, say::Failure> {
    match arguments.command {
        Command::World(asked) => world::make(&asked, say),
        Command::Mock(asked) => mock::run(asked, say),
        Command::Card(asked) => card::run(&asked, say),
        Command::Terminal(asked) => client::run(&asked, say),
        Command::Login(asked) => login::run(&asked, say),
        Command::Doctor(asked) => run::doctor(&asked, say),
        Command::List(asked) => list::list(&asked, say),
        Command::Run(asked) => run::run(&asked, say),
        Command::Verify(asked) => verify::verify(&asked, say),
        Command::Replay(asked) => run::replay(&asked, say),
        Command::Explain(asked) => explain::explain(&asked, say),
        Command::Matrix(asked) => show::matrix(&asked, say),
        Command::Ledger(asked) => ledger::run(&asked, say),
        Command::Mapping(asked) => mapping::run(&asked, say),
        Command::SelfTest(asked) => self_test::run(&asked, say),
    }
}
