//! Checks a folder of chapters, writes its lock, or lists its sentences or the reasons of `chukei-reason` with the sentence
//! that demands the refusal. Without a folder: `spec/` of this repository.
//!
//! Exit codes: 0 done, 1 the chapters have faults, 2 wrong use, or a folder that cannot be read or written.

#![allow(clippy::print_stderr, reason = "a command")]

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use chukei_spec::{lock, parse};

const USAGE: &str = "\
usage: spec check|lock|list|reasons [FOLDER]

  check    chapters in order, and index.lock that of their sentences?
  lock     writes index.lock anew; review its diff
  list     id, role, level, evidence and place of every sentence
  reasons  every ground for refusal, with the sentence that demands it

FOLDER has the chapters; without it, spec/ of this repository.
Exit codes: 0 done, 1 the chapters have faults, 2 wrong use, or a folder that cannot be read or written.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().unwrap_or_default();
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec");
    let spec = arguments.next().map_or_else(|| PathBuf::from(own), PathBuf::from);
    if arguments.next().is_some() {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    }
    match run(command.to_str().unwrap_or_default(), &spec) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            ExitCode::FAILURE
        }
        // A reader that has gone away has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("spec: {}: {error}", spec.display());
            ExitCode::from(2)
        }
    }
}

fn run(command: &str, spec: &Path) -> io::Result<Vec<String>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let path = spec.join("index.lock");
    let mut faults = Vec::new();
    match command {
        "check" => {
            let sentences;
            (sentences, faults) = parse::folder(spec)?;
            let there = fs::read_to_string(&path).unwrap_or_default();
            faults.extend(lock::differences(&there, &lock::lock(&sentences)));
        }
        "lock" => {
            let sentences;
            (sentences, faults) = parse::folder(spec)?;
            if faults.is_empty() {
                fs::write(&path, lock::lock(&sentences))?;
            }
        }
        "list" => {
            let sentences;
            (sentences, faults) = parse::folder(spec)?;
            for s in &sentences {
                let evidence = s.evidence();
                let (id, role, level) = (&s.id, s.role.name(), s.level.name());
                writeln!(out, "{id}\t{role}\t{level}\t{evidence}\t{}.md:{}", s.chapter, s.line)?;
            }
        }
        "reasons" => {
            chukei_reason::Reason::all().try_for_each(|r| writeln!(out, "{r}\t{}", r.sentence()))?;
        }
        "--help" | "-h" => write!(out, "{USAGE}")?,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    }
    out.flush()?;
    Ok(faults)
}
