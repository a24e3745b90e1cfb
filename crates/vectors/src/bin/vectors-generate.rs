//! Adds to `vectors/` what the generator makes and what is not there yet.
//!
//! `--check`: changes nothing; fails if anything would change. `--replace PREFIX…`: forgets the vectors whose
//! ids begin so; only for ids that no release has published. `--reasons`: prints all reasons, each
//! with the sentence that demands the refusal.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::process::ExitCode;

use chukei_vectors::{generate, store};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut existing = store::read();
    let check = match arguments.as_slice() {
        [] => false,
        ["--check"] => true,
        ["--replace", prefixes @ ..] => {
            existing.retain(|id, _| !prefixes.iter().any(|prefix| id.starts_with(prefix)));
            false
        }
        ["--reasons"] => {
            chukei_reason::Reason::all().for_each(|reason| println!("{reason} {}", reason.sentence()));
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("usage: vectors-generate [--check | --replace PREFIX… | --reasons]");
            return ExitCode::from(2);
        }
    };
    let merged = store::merge(&existing, generate::everything());
    for id in &merged.changed {
        eprintln!("{id} is there with another meaning; give the new vector a new id");
    }
    let differences = store::differences(&merged);
    if check {
        differences.iter().for_each(|path| eprintln!("vectors/{path} is not what the generator makes"));
    } else {
        store::write(&merged);
    }
    println!("{} vectors, {} new, {} without generator", merged.count, merged.added.len(), merged.kept.len());
    let sound = merged.changed.is_empty() && (!check || differences.is_empty());
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
