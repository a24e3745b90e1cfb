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

use chukei_spec::{
    lock,
    parse::{self, Fault, Parsed},
};

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
    let command = command.to_string_lossy();
    if let Some(wrong) = wrong_use(&command, &spec, arguments.next().is_some()) {
        eprint!("spec: {wrong}\n\n{USAGE}");
        return ExitCode::from(2);
    }
    match run(&command, &spec) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            ExitCode::FAILURE
        }
        // A reader that has gone away has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // What is ours has been said in plain words.
            let is_ours = error.get_ref().is_some();
            let why = if is_ours { error.to_string() } else { parse::plain(&error) };
            eprintln!("spec: {}: {why}", spec.display());
            ExitCode::from(2)
        }
    }
}

fn wrong_use(command: &str, spec: &Path, is_more: bool) -> Option<String> {
    let known = ["check", "lock", "list", "reasons", "--help", "-h"];
    if command.is_empty() {
        return Some("what is to be done?".to_owned());
    }
    if !known.contains(&command) {
        let what = if command.starts_with('-') { "option" } else { "command" };
        return Some(format!("there is no {what} {command}; there are {}", known.join(", ")));
    }
    let option = spec.to_str().filter(|text| text.starts_with('-'));
    let more = is_more.then(|| "there is one FOLDER at most".to_owned());
    option.map(|option| format!("there is no option {option} of {command}")).or(more)
}

/// The sentences of a folder that has some, and its faults. A wrong folder must not get an empty lock.
fn sentences(spec: &Path) -> io::Result<(Vec<Parsed>, Vec<Fault>)> {
    let (sentences, faults) = parse::folder(spec)?;
    if sentences.is_empty() && faults.is_empty() {
        let what = "no chapter (NN-name.md) with a sentence is here; name the folder of the chapters";
        return Err(io::Error::other(what));
    }
    Ok((sentences, faults))
}

fn run(command: &str, spec: &Path) -> io::Result<Vec<String>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let path = spec.join("index.lock");
    let mut faults = Vec::new();
    match command {
        "check" => {
            let sentences;
            (sentences, faults) = self::sentences(spec)?;
            // A sentence with a fault is not among them, and would seem to be gone.
            if faults.is_empty() {
                let there = fs::read_to_string(&path).unwrap_or_default();
                faults.extend(lock::differences(&there, &lock::lock(&sentences)));
            }
        }
        "lock" => {
            let sentences;
            (sentences, faults) = self::sentences(spec)?;
            if faults.is_empty() {
                fs::write(&path, lock::lock(&sentences))?;
            }
        }
        "list" => {
            let sentences;
            (sentences, faults) = self::sentences(spec)?;
            for s in &sentences {
                let evidence = s.evidence();
                let (id, role, level) = (&s.id, s.role.name(), s.level.name());
                writeln!(out, "{id}\t{role}\t{level}\t{evidence}\t{}.md:{}", s.chapter, s.line)?;
            }
        }
        "reasons" => {
            chukei_reason::Reason::all().try_for_each(|r| writeln!(out, "{r}\t{}", r.sentence()))?;
        }
        _ => write!(out, "{USAGE}")?,
    }
    out.flush()?;
    Ok(faults)
}
