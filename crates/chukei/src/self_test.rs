//! `chukei self-test`: the suite proves itself. The reference passes everything, every judge is killed by a mutant of a
//! transcript, and every fault switch of the mock world is found by the sentence that it breaks.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use chukei_conformance as conformance;
use chukei_crypto::UnixTime;
use chukei_evidence::{Model, Outcome, Product, Standing, Transcript, judge, mutate};
use chukei_harness::{Endpoint, Sut};
use chukei_world::{Clock, FaultName, Faults, Handle, Options, Party, Plan, World, fault_names};

use crate::{
    args,
    engine::{self, Order},
    say::{Exit, Failure, Say},
};

/// 2026-07-01T00:00:00Z: when self-tests take place.
const EPOCH: i64 = 1_782_864_000;
/// Runs at a time, each in a world of its own.
const WORKERS: usize = 2;
/// Profile and party of each role.
const ROLES: [(&str, &str); 3] =
    [("responder@1.0", "insurer-b"), ("relay@1.0", "relay"), ("requester@1.0", "insurer-a")];

/// Runs everything and says what did not come out as it has to.
pub(crate) fn run(asked: &args::SelfTest, say: &Say) -> Result<Exit, Failure> {
    let scratch = Scratch::new()?;
    let mut faults = Vec::new();

    let golden = reference(&scratch, &mut faults, say)?;
    say.note(say.text("self-test.reference", [golden.len().to_string()]));
    let text = mutants(&golden, &mut faults);
    if let Some(out) = &asked.out {
        std::fs::create_dir_all(out).map_err(|error| Failure::write(out, &error))?;
        let path = out.join("matrix.golden");
        std::fs::write(&path, &text).map_err(|error| Failure::write(&path, &error))?;
    }
    say.note(say.text("self-test.mutants", [conformance::registry().judges.len().to_string()]));
    let switches = switches(&scratch, &mut faults, say)?;
    say.note(say.text("self-test.switches", [switches.to_string()]));

    for fault in &faults {
        say.result(format_args!("✗ {fault}"));
    }
    if faults.is_empty() {
        say.result(say.text(
            "self-test.passed",
            [
                golden.len().to_string(),
                conformance::registry().judges.len().to_string(),
                switches.to_string(),
            ],
        ));
        Ok(Exit::Conformant)
    } else {
        Err(Failure::new(Exit::Harness, "self-test.failed", [faults.len().to_string()]))
    }
}

/// The kill matrix of the reference, as it is committed.
pub(crate) fn matrix(say: &Say) -> Result<String, Failure> {
    let scratch = Scratch::new()?;
    let mut faults = Vec::new();
    let golden = reference(&scratch, &mut faults, say)?;
    Ok(mutants(&golden, &mut Vec::new()))
}

/// The reference in every role; it has to be conformant.
fn reference(scratch: &Scratch, faults: &mut Vec<String>, say: &Say) -> Result<Vec<Transcript>, Failure> {
    let mut golden = Vec::new();
    for (profile, party) in ROLES {
        let progress = |done, all| say.progress(done, all);
        let played = scratch.play(0, (profile, party), Faults::default(), &[], &progress)?;
        let model = judge(&played, conformance::registry());
        if model.standing != Standing::Conformant {
            faults.push(format!("reference as {profile}: {}: {}", model.standing.name(), unmet(&model)));
        }
        golden.push(played);
    }
    Ok(golden)
}

fn unmet(model: &Model) -> String {
    let unmet = model.sentences.iter().filter(|sentence| {
        matches!(sentence.outcome, Outcome::Fail | Outcome::Unreached | Outcome::HarnessError | Outcome::Warn)
    });
    let named = unmet.map(|sentence| format!("{} {}", sentence.outcome.name(), sentence.id));
    let broken = model.broken.iter().map(|broken| format!("broken {}", broken.case));
    named.chain(broken).collect::<Vec<_>>().join(", ")
}

/// Every judge has to be killed, and none may pass an empty transcript.
fn mutants(golden: &[Transcript], faults: &mut Vec<String>) -> String {
    let mut text = String::new();
    let mut killed = BTreeSet::new();
    let registry = conformance::registry();
    for (transcript, (profile, _)) in golden.iter().zip(ROLES) {
        let matrix = mutate::matrix(transcript, registry, &[]);
        for row in matrix.rows.iter().filter(|row| row.scenes > 0) {
            if row.is_killed() {
                killed.insert(row.judge);
            }
            if !row.passes_nothing() {
                faults.push(format!("{profile}: {} passes what it was not shown", row.judge));
            }
        }
        text += &format!("## {profile}\n{}", matrix.to_text());
    }
    for judge in registry.judges.iter().filter(|judge| !killed.contains(judge.id)) {
        faults.push(format!("no mutant of a transcript kills {}", judge.id));
    }
    text
}

/// Every fault switch has to violate the sentence that it is for, and no sentence that it does not name.
fn switches(scratch: &Scratch, faults: &mut Vec<String>, say: &Say) -> Result<usize, Failure> {
    let jobs: Vec<(FaultName, (&str, &str))> = fault_names()
        .into_iter()
        .filter_map(|fault| {
            let role = ROLES.into_iter().find(|(profile, _)| {
                let profile = chukei_spec::Index::profile(profile);
                fault
                    .sentences
                    .first()
                    .is_some_and(|id| profile.is_some_and(|profile| profile.claims(id, &features(profile))))
            })?;
            Some((fault, role))
        })
        .collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found: Vec<Result<Vec<String>, Failure>> = std::thread::scope(|scope| {
        let work = |worker: usize| {
            let mut found = Vec::new();
            while let Some((fault, role)) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                found.extend(switch(scratch, worker, *role, fault)?);
                say.progress(done.fetch_add(1, Ordering::SeqCst) + 1, jobs.len());
            }
            Ok(found)
        };
        let threads: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        let lost = || Failure::new(Exit::Harness, "self-test.failed", ["1"]);
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(lost()))).collect()
    });
    for found in found {
        faults.extend(found?);
    }
    Ok(jobs.len())
}

fn switch(
    scratch: &Scratch,
    worker: usize,
    role: (&str, &str),
    fault: &FaultName,
) -> Result<Vec<String>, Failure> {
    let switch = Faults::named([&fault.name])
        .map_err(|error| Failure::new(Exit::Harness, "mock.fault", [error.to_string()]))?;
    let select: Vec<String> = fault.sentences.iter().map(|id| format!("r:{id}")).collect();
    let played = scratch.play(worker, role, switch, &select, &|_, _| ())?;
    let model = judge(&played, conformance::registry());
    let failed = |sentence: &&chukei_evidence::SentenceResult| {
        matches!(sentence.outcome, Outcome::Fail | Outcome::Warn)
    };
    let failed: BTreeSet<&str> =
        model.sentences.iter().filter(failed).map(|sentence| sentence.id.as_str()).collect();
    let first = fault.sentences.first().copied().unwrap_or_default();
    let mut found = Vec::new();
    if !failed.contains(first) {
        found.push(format!("{}: {first} is not violated; violated: {failed:?}", fault.name));
    }
    let surprising: Vec<&&str> = failed.iter().filter(|id| !fault.sentences.contains(id)).collect();
    if !surprising.is_empty() {
        found.push(format!("{}: also violated: {surprising:?}", fault.name));
    }
    Ok(found)
}

fn features(profile: &chukei_spec::Profile) -> Vec<&'static str> {
    profile.features.iter().map(|feature| feature.name).collect()
}

/// A folder with a world for each worker, gone when dropped.
struct Scratch {
    folder: tempfile::TempDir,
    worlds: Vec<World>,
}

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("chukei-self-test-").tempdir();
        let folder = folder.map_err(|error| Failure::write(Path::new("TMPDIR"), &error))?;
        let worlds = (0..WORKERS).map(|worker| {
            let dir = folder.path().join(format!("world-{worker}"));
            World::generate(&dir, Plan::new(1)).map_err(|error| Failure::write(&dir, &error))
        });
        let worlds = worlds.collect::<Result<_, _>>()?;
        Ok(Self { folder, worlds })
    }

    /// Plays cases against a mock party in this process.
    fn play(
        &self,
        worker: usize,
        (profile, party): (&str, &str),
        faults: Faults,
        select: &[String],
        progress: &dyn Fn(usize, usize),
    ) -> Result<Transcript, Failure> {
        let lost = || Failure::new(Exit::Harness, "self-test.failed", ["1"]);
        let world = self.worlds.get(worker).ok_or_else(lost)?;
        let options = Options {
            faults,
            control: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            clock: Clock::fixed(UnixTime(EPOCH)),
            seed: Some(1),
            ..Options::default()
        };
        let started = Party::start(world, party, options);
        let handle: Handle =
            started.map_err(|error| Failure::new(Exit::Harness, "mock.stopped", [error.to_string()]))?;
        let known = chukei_spec::Index::profile(profile).ok_or_else(lost)?;
        let sut = Sut {
            profile: known,
            claims: features(known),
            product: Product {
                vendor: "Chukei".into(),
                name: "reference (TEST)".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                party: party.to_owned(),
                ..Product::default()
            },
            endpoints: std::collections::BTreeMap::new(),
            world: self.folder.path().join(format!("world-{worker}")),
            control: handle.control().and_then(|url| Endpoint::parse(&url)),
            text: String::new(),
        };
        let order = Order { select, seed: 1, epoch: Some(EPOCH), limits: engine::limits() };
        let cases = engine::chosen(&sut, select)?;
        let played = engine::play(&sut, &order, &cases, (3, true), None, progress);
        handle.stop();
        played
    }
}
