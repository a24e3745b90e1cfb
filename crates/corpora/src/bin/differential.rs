//! Generated documents and messages against libxml2 and libxmlsec1; see the crate's front page.
//!
//! `--seed N`: another seed than the fixed one. `--count N`: another number of documents than 20,000.

#![allow(clippy::print_stdout, reason = "a command")]

use std::{
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use chukei_corpora::differential::{Report, messages, seals, texts};
use chukei_forge::specimen::{Specimen, Suite};
use chukei_oracle::{available, versions, wheel};

const SEED: u64 = 20_100_401;
const COUNT: u64 = 20_000;

/// The least that a full run looks at.
const LEAST: &[(&str, usize)] = &[
    ("canonical forms", 18_000),
    ("documents changed, read all the same", 500),
    ("messages changed", 30_000),
    ("messages changed, accepted all the same", 3_000),
    ("messages that we signed", 900),
    ("messages that libxmlsec1 signed", 900),
];

fn main() -> ExitCode {
    let Some((seed, count)) = arguments() else {
        println!("usage: differential [--seed N] [--count N]");
        return ExitCode::from(2);
    };
    let allowed = std::env::var_os("CHUKEI_ALLOW_NOT_RUN").is_some_and(|value| value == "1");
    if !available() {
        println!("gate-differential: not run, libxml2 and libxmlsec1 are not compiled in");
        return if allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    println!("seed {seed}, {count} documents; {}", versions());
    println!("{}", wheel::shared().map_or("no wheel", wheel::Wheel::versions));

    let report = Report::default();
    work(parts(&report, seed, count));
    let mut passed = report.finish();
    for (what, least) in LEAST.iter().filter(|_| count >= COUNT) {
        if report.counted(what) < *least {
            println!("fault: {} {what}, {least} at least", report.counted(what));
            passed = false;
        }
    }
    if wheel::shared().is_none() {
        println!("not run: ciphertexts and PSS, because there is no wheel");
        passed &= allowed;
    }
    println!("gate-differential: {}, seed {seed}", if passed { "passed" } else { "FAILED" });
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Work<'r> = Box<dyn FnOnce() + Send + 'r>;

/// The run in parts that do not depend on each other.
fn parts(report: &Report, seed: u64, count: u64) -> Vec<Work<'_>> {
    let ranges = |count: u64, size: u64| {
        let starts = (0..count).step_by(usize::try_from(size).unwrap_or(1));
        starts.map(move |start| seed + start..seed + count.min(start + size))
    };
    let mut parts: Vec<Work<'_>> = Vec::new();
    for suite in [Suite::Rsa, Suite::P256] {
        parts.push(Box::new(move || messages::run_named(report, suite, seed)));
        for specimen in Specimen::ALL {
            parts.push(Box::new(move || messages::run_small_changes(report, suite, *specimen, seed)));
        }
    }
    for seeds in ranges(count, 500) {
        parts.push(Box::new(move || texts::run(report, seeds)));
    }
    for seeds in ranges(count / 40, 25) {
        parts.push(Box::new(move || messages::run_signing(report, seeds)));
    }
    if wheel::shared().is_some() {
        for seeds in ranges(count / 80, 50) {
            parts.push(Box::new(move || seals::run(report, seeds)));
        }
    }
    parts
}

/// Does all parts, as many at once as there are processors. Both libraries let one in at a time.
fn work(parts: Vec<Work<'_>>) {
    let (start, all) = (Instant::now(), parts.len());
    let waiting = Mutex::new(parts.into_iter().enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some((number, part)) = next() {
            part();
            if number % 10 == 9 || number + 1 == all {
                println!("{:>6.1} s  part {} of {all}", start.elapsed().as_secs_f32(), number + 1);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8);
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(worker))));
}

fn arguments() -> Option<(u64, u64)> {
    let (mut seed, mut count) = (SEED, COUNT);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next()?.parse().ok()?;
        match name.as_str() {
            "--seed" => seed = value,
            "--count" => count = value,
            _ => return None,
        }
    }
    Some((seed, count))
}
