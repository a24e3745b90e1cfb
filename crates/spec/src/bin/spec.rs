//! Checks a folder of chapters, writes its lock, or lists its sentences or the reasons of `chukei-reason` with the sentence
//! that demands the refusal. Without a folder: `spec/` of this repository.
//!
//! usage: `spec check|lock|list|reasons [FOLDER]`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::{fs, path::PathBuf, process::ExitCode};

use chukei_spec::{lock::lock, parse};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec");
    let spec = PathBuf::from(arguments.next().unwrap_or_else(|| own.to_owned()));
    match run(&command, &spec) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("spec: {}: {error}", spec.display());
            ExitCode::from(2)
        }
    }
}

fn run(command: &str, spec: &std::path::Path) -> std::io::Result<Vec<String>> {
    let (sentences, mut faults) = parse::folder(spec)?;
    let path = spec.join("index.lock");
    match command {
        "check" => {
            if fs::read_to_string(&path).unwrap_or_default() != lock(&sentences) {
                faults.push("index.lock is not that of these sentences; `spec lock` writes it".to_owned());
            }
        }
        "lock" if faults.is_empty() => fs::write(&path, lock(&sentences))?,
        "lock" => {}
        "list" => {
            for s in &sentences {
                let evidence = s.evidence();
                let (id, role, level) = (&s.id, s.role.name(), s.level.name());
                println!("{id}\t{role}\t{level}\t{evidence}\t{}.md:{}", s.chapter, s.line);
            }
        }
        "reasons" => chukei_reason::Reason::all().for_each(|r| println!("{r}\t{}", r.sentence())),
        _ => faults.push("usage: spec check|lock|list|reasons [FOLDER]".to_owned()),
    }
    Ok(faults)
}
