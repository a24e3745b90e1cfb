//! `ci/bench xml-security`: Chukei beside the floor and beside other libraries, in one run.
//!
//! The floor R of "verify" is SHA-256 of the canonical bytes of the signed element and of `SignedInfo`, and the
//! verification of the signature on a key context that is reused. The floor of the others is their key operations.

mod documents;
mod floor;
mod keys;
mod measure;
mod own;
mod peers;
mod random;
mod report;
mod rows;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, exit};

use report::{Growth, Report, WorstCase};
use rows::{Bench, Options};

const HELP: &str = "usage: ci/bench xml-security [--json FILE] [--quick] [--seed N] [--only TEXT] [--strict]

Measures verify, sign, seal and open beside the floor (nothing but the cryptographic library) and beside other
libraries, on generated documents, batch by batch in turn; then XML work per KiB and worst-case inputs.

  --json FILE   writes the rows: name, ours_us, floor_us, peers{…}, ratio_floor, ratio_best_peer, medians, goals
  --quick       about 20 s instead of several minutes: fewer passes, fewer documents of 1000 KiB; figures are rough
  --seed N      other documents, another order (default 1)
  --only TEXT   only rows whose name contains TEXT
  --no-peers    only Chukei and the floor, e.g. below a profiler; goals against peers are not judged
  --sample FILE writes the first document of verify-rsa-5.4k and does nothing else
  --strict      exit 1 when a goal is missed (a side that fails its check always does)";

fn main() {
    let options = options();
    let directory = std::env::current_exe().expect("this program has a path");
    let directory = directory.parent().expect("it is in a folder");
    let second = std::env::var_os("CHUKEI_BENCH_SECOND_PROCESS").map(PathBuf::from);
    let second = second.unwrap_or_else(|| directory.join("chukei-bench-second-process"));
    let mut bench = Bench::new(&options, second);

    if let Some(path) = &options.sample {
        std::fs::write(path, bench.sample()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    println!("{}", report::head());
    let mut rows = Vec::new();
    for case in bench.cases() {
        let row = bench.run(&case);
        println!("{}", row.line());
        for (peer, error) in &row.left_out {
            println!("{:<22} {peer} is left out: {error}", "");
        }
        rows.push(row);
    }
    let growth: Vec<Growth> = rows::growth(&rows);
    growth.iter().for_each(|growth| println!("{}", growth.line()));
    println!("stages, medians in µs");
    let stages = bench.stages();
    stages.iter().for_each(|stages| println!("{}", stages.line()));
    let worst_cases = worst_cases(&directory.join("worst-cases"), &options);
    if rows.is_empty() && stages.is_empty() && worst_cases.is_empty() {
        eprintln!(
            "no row has {:?} in its name; without --only all rows are shown, e.g. sign-p256-5.4k",
            options.only
        );
        exit(2);
    }

    let goals = rows.iter().flat_map(|row| &row.goals).chain(growth.iter().map(|growth| &growth.goal));
    let reached = goals.map(|goal| goal.reached).chain(worst_cases.iter().map(|case| case.reached));
    let (reached, all) = reached.fold((0, 0), |(reached, all), one| (reached + usize::from(one), all + 1));
    println!("{reached} of {all} goals reached");
    let (seed, quick) = (options.seed, options.quick);
    let report = Report { seed, quick, versions: versions(), rows, growth, stages, worst_cases };
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report).expect("rows are plain values");
        if let Err(error) = std::fs::write(path, json + "\n") {
            eprintln!("{}: {error}", path.display());
            exit(1);
        }
    }
    if options.strict && reached < all {
        exit(1);
    }
}

fn options() -> Options {
    let mut options = Options {
        quick: false,
        strict: false,
        no_peers: false,
        seed: 1,
        only: String::new(),
        json: None,
        sample: None,
    };
    let mut arguments = std::env::args().skip(1);
    let usage = |problem: &str| -> ! {
        eprintln!("{problem}\n\n{HELP}");
        exit(2)
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| usage(&format!("{argument} needs a value")));
        match argument.as_str() {
            "--help" => {
                println!("{HELP}");
                exit(0)
            }
            "--quick" => options.quick = true,
            "--no-peers" => options.no_peers = true,
            "--strict" => options.strict = true,
            "--json" => options.json = Some(PathBuf::from(value())),
            "--sample" => options.sample = Some(PathBuf::from(value())),
            "--only" => options.only = value(),
            "--seed" => options.seed = value().parse().unwrap_or_else(|_| usage("--seed needs a number")),
            other => usage(&format!("{other} is not known")),
        }
    }
    options
}

/// Each in a process of its own: the allocator counts from the start, and the heap is fresh.
fn worst_cases(program: &std::path::Path, options: &Options) -> Vec<WorstCase> {
    println!("worst cases: slowest of several runs < 100 ms, peak above baseline < 16 MiB");
    let run = |argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} {argument} failed: {err}", program.display());
        out.into_owned()
    };
    let mut cases = Vec::new();
    for name in run("--list").lines().filter(|name| name.contains(&options.only)) {
        let case: WorstCase = serde_json::from_str(&run(name)).expect("it writes one case");
        println!("{}", case.line());
        cases.push(case);
    }
    cases
}

fn versions() -> BTreeMap<String, String> {
    let pkg_config = |name: &str| {
        let output = Command::new("pkg-config").args(["--modversion", name]).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    BTreeMap::from([
        ("openssl".to_owned(), openssl::version::version().to_owned()),
        ("libxmlsec1".to_owned(), pkg_config("xmlsec1")),
        ("libxml2".to_owned(), pkg_config("libxml-2.0")),
        ("bergshamra".to_owned(), "0.11.1".to_owned()),
        ("xml-sec".to_owned(), "0.4.1".to_owned()),
        ("gamlastan".to_owned(), "0.9.1".to_owned()),
        ("samael".to_owned(), "0.0.22".to_owned()),
    ])
}
