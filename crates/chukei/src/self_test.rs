//! `chukei self-test`: the suite proves itself. The reference passes everything, every judge is killed by a mutant of a
//! transcript, and every fault switch of the mock world is found by the sentence that it breaks.

mod alone;
mod cards;
mod stubs;
mod terminals;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chukei_conformance as conformance;
use chukei_crypto::UnixTime;
use chukei_evidence::{Cases, Model, Outcome, Product, Standing, Transcript, judge, mutate};
use chukei_harness::{Endpoint, Limits, Sut, face::CARD_DOOR};
use chukei_world::{Clock, FaultName, Faults, Handle, Options, Party, Plan, World, fault_names};

use crate::{
    args,
    engine::{self, Order},
    say::{Exit, Failure, Say},
};

/// 2026-07-01T00:00:00Z: when self-tests take place.
const EPOCH: i64 = 1_782_864_000;
/// Runs at a time, each in a world of its own.
const WORKERS: usize = ROLES.len();
/// How long a party that answers nothing may take to stop.
const GRACE: Duration = Duration::from_millis(200);
/// Profile and party of each role.
const ROLES: [(&str, &str); 4] = [
    ("responder@1.0", "insurer-b"),
    ("relay@1.0", "relay"),
    ("requester@1.0", "insurer-a"),
    (LEDGER, "relay"),
];
/// The profile that needs a party with a state on the disk.
const LEDGER: &str = "ledger@1.0";

/// Runs everything and says what did not come out as it has to.
pub(crate) fn run(asked: &args::SelfTest, say: &Say) -> Result<Exit, Failure> {
    // It takes minutes: a folder that cannot be made is told before.
    if let Some(out) = &asked.out {
        std::fs::create_dir_all(out).map_err(|error| Failure::write(out, &error))?;
    }
    let scratch = Scratch::new()?;
    let mut faults = Vec::new();

    let golden = reference(&scratch, &mut faults, say)?;
    say.note(say.text("self-test.reference", [golden.len().to_string()]));
    let (text, mut killed) = mutants(&golden, &mut faults)?;
    if let Some(out) = &asked.out {
        let path = out.join("matrix.golden");
        std::fs::write(&path, &text).map_err(|error| Failure::write(&path, &error))?;
    }
    say.note(say.text("self-test.mutants", [conformance::registry().judges.len().to_string()]));
    // Stubs mostly wait, which leaves time for switches.
    let (stubs, tried) = std::thread::scope(|scope| {
        let stubs = scope.spawn(|| {
            let mut faults = Vec::new();
            Ok((stubs::run(&scratch, &mut faults)?, faults))
        });
        let tried = switches(&scratch, &mut killed, &mut faults, say);
        (stubs.join().unwrap_or_else(|_| Err(lost())), tried)
    });
    let (stubs, surprising) = stubs?;
    faults.extend(surprising);
    if let Some(out) = &asked.out {
        let path = out.join("stubs.golden");
        std::fs::write(&path, &stubs).map_err(|error| Failure::write(&path, &error))?;
    }
    say.note(say.text("self-test.stubs", [stubs::COUNT.to_string()]));
    let switches =
        tried? + cards::switches(&mut killed, &mut faults)? + terminals::switches(&mut killed, &mut faults)?;
    for judge in conformance::registry().judges.iter().filter(|judge| !killed.contains(judge.sentence.id)) {
        faults.push(format!("no mutant of a transcript and no fault switch kills {}", judge.id));
    }
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
    Ok(mutants(&golden, &mut Vec::new())?.0)
}

/// Profiles of the reference, in the order of its transcripts.
fn profiles() -> impl Iterator<Item = &'static str> {
    ROLES.into_iter().map(|(profile, _)| profile).chain([cards::PROFILE, terminals::PROFILE])
}

/// The reference in every role; it has to be conformant.
fn reference(scratch: &Scratch, faults: &mut Vec<String>, say: &Say) -> Result<Vec<Transcript>, Failure> {
    let done = AtomicUsize::new(0);
    let played: Vec<Result<Transcript, Failure>> = std::thread::scope(|scope| {
        let play = |(worker, role)| {
            let played = scratch.play(worker, role, Faults::default(), &[]);
            say.progress(done.fetch_add(1, Ordering::SeqCst) + 1, ROLES.len());
            played
        };
        let threads: Vec<_> =
            ROLES.into_iter().enumerate().map(|role| scope.spawn(move || play(role))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(lost()))).collect()
    });
    let mut golden = played.into_iter().collect::<Result<Vec<_>, _>>()?;
    golden.push(cards::reference()?);
    golden.push(terminals::reference()?);
    for (played, profile) in golden.iter().zip(profiles()) {
        let model = judge(played, conformance::registry());
        if model.standing != Standing::Conformant {
            faults.push(format!("reference as {profile}: {}: {}", model.standing.name(), unmet(&model)));
        }
    }
    Ok(golden)
}

/// A thread of the suite stopped without a word.
fn lost() -> Failure {
    Failure::new(Exit::Harness, "self-test.failed", ["1"])
}

fn unmet(model: &Model) -> String {
    let unmet = model.sentences.iter().filter(|sentence| {
        matches!(sentence.outcome, Outcome::Fail | Outcome::Unreached | Outcome::HarnessError | Outcome::Warn)
    });
    let named = unmet.map(|sentence| format!("{} {}", sentence.outcome.name(), sentence.id));
    let broken = model.broken.iter().map(|broken| format!("broken {}", broken.case));
    named.chain(broken).collect::<Vec<_>>().join(", ")
}

/// Judges pass no empty transcript. Gives the kill matrix, and the sentences whose judges are killed.
fn mutants(golden: &[Transcript], faults: &mut Vec<String>) -> Result<(String, BTreeSet<String>), Failure> {
    let registry = conformance::registry();
    let matrices: Result<Vec<_>, _> = std::thread::scope(|scope| {
        let shown = |transcript| scope.spawn(move || mutate::matrix(transcript, registry, &[]));
        let threads: Vec<_> = golden.iter().map(shown).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| lost())).collect()
    });
    let mut text = String::new();
    let mut killed = BTreeSet::new();
    for (matrix, profile) in matrices?.iter().zip(profiles()) {
        for row in matrix.rows.iter().filter(|row| row.scenes > 0) {
            if row.is_killed() {
                killed.insert(row.judge.to_owned());
            }
            if row.passes_nothing() {
                faults.push(format!("{profile}: {} passes what it was not shown", row.judge));
            }
        }
        text += &format!("## {profile}\n{}", matrix.to_text());
    }
    Ok((text, killed))
}

/// Every fault switch has to violate the sentence that it is for, and no sentence that it does not name.
/// Violated sentences are added to `killed`: their judges have been seen to fail.
fn switches(
    scratch: &Scratch,
    killed: &mut BTreeSet<String>,
    faults: &mut Vec<String>,
    say: &Say,
) -> Result<usize, Failure> {
    let claims = |profile: &str, id: &str| {
        chukei_spec::Index::profile(profile).is_some_and(|profile| profile.claims(id, &features(profile)))
    };
    let mut jobs: Vec<(FaultName, (&str, &str))> = Vec::new();
    for fault in fault_names() {
        let Some(first) = fault.sentences.first() else { continue }; // a stub, which is tried as such
        // Where it says, else where most of what it breaks is claimed.
        let broken = |profile| fault.sentences.iter().filter(|id| claims(profile, id)).count();
        let roles = ROLES.into_iter().rev().filter(|(profile, _)| claims(profile, first));
        match roles.max_by_key(|(profile, _)| (fault.profile == Some(profile), broken(profile))) {
            Some(role) => jobs.push((fault, role)),
            None => faults.push(format!("{}: no profile claims {first}", fault.name)),
        }
    }
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let violated = Mutex::new(BTreeSet::new());
    let found: Vec<Result<Vec<String>, Failure>> = std::thread::scope(|scope| {
        let work = |worker: usize| {
            let mut found = Vec::new();
            while let Some((fault, role)) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                let (failed, surprising) = switch(scratch, worker, *role, fault)?;
                found.extend(surprising);
                violated.lock().unwrap_or_else(PoisonError::into_inner).extend(failed);
                say.progress(done.fetch_add(1, Ordering::SeqCst) + 1, jobs.len());
            }
            Ok(found)
        };
        let threads: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || work(worker))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(lost()))).collect()
    });
    for found in found {
        faults.extend(found?);
    }
    killed.extend(violated.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(jobs.len())
}

fn switch(
    scratch: &Scratch,
    worker: usize,
    role: (&str, &str),
    fault: &FaultName,
) -> Result<(BTreeSet<String>, Vec<String>), Failure> {
    let first = fault.sentences.first().copied().unwrap_or_default();
    let violated = |select: &[String]| -> Result<BTreeSet<String>, Failure> {
        let switch = Faults::named([&fault.name])
            .map_err(|error| Failure::new(Exit::Harness, "mock.fault", [error.to_string()]))?;
        let played = scratch.play(worker, role, switch, select)?;
        Ok(violated(&judge(&played, conformance::registry())))
    };
    let own = [format!("r:{first}")];
    // What a judge of the whole run has to see is mostly seen in a part of it.
    let is_whole = conformance::registry()
        .judges
        .iter()
        .any(|judge| judge.cases == Cases::Whole && judge.sentence.id == first);
    let part = if is_whole { part(role.0) } else { Vec::new() };
    let mut failed = violated(if is_whole { &part } else { &own })?;
    if is_whole && !failed.contains(first) {
        failed = violated(&own)?;
    }
    let mut found = Vec::new();
    if !failed.contains(first) {
        found.push(format!("{}: {first} is not violated; violated: {failed:?}", fault.name));
    }
    let surprising: Vec<&String> =
        failed.iter().filter(|id| !fault.sentences.contains(&id.as_str())).collect();
    if !surprising.is_empty() {
        found.push(format!("{}: also violated: {surprising:?}", fault.name));
    }
    Ok((failed, found))
}

/// Ids of the cases of a profile in which everything is sent that is valid, and something is refused of every group.
fn part(profile: &str) -> Vec<String> {
    let all = chukei_spec::Index::profile(profile)
        .and_then(|profile| conformance::select(profile, &features(profile), &[]).ok());
    let is_refused = |id: &str| {
        ["/timestamp/", "/opening/", "/signature/value/", "/signature/digest/", "/signature/by-"]
            .iter()
            .any(|area| id.contains(area))
    };
    let wanted = |case: &&conformance::Case| case.is_positive() || is_refused(case.about.id);
    all.into_iter().flatten().filter(wanted).map(|case| case.about.id.to_owned()).collect()
}

/// Sentences that are violated.
fn violated(model: &Model) -> BTreeSet<String> {
    let failed = model.sentences.iter().filter(|one| matches!(one.outcome, Outcome::Fail | Outcome::Warn));
    failed.map(|sentence| sentence.id.clone()).collect()
}

fn features(profile: &chukei_spec::Profile) -> Vec<&'static str> {
    profile.features.iter().map(|feature| feature.name).collect()
}

/// A folder with a world for each worker and one for stubs, gone when dropped.
struct Scratch {
    folder: tempfile::TempDir,
    /// As the mock parties see it, and as the suite does: its keys are read once.
    worlds: Vec<(World, Arc<chukei_harness::World>)>,
}

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("chukei-self-test-").tempdir();
        let folder = folder.map_err(|error| Failure::write(Path::new("TMPDIR"), &error))?;
        let worlds = (0..=WORKERS).map(|worker| {
            let dir = folder.path().join(format!("world-{worker}"));
            let world = World::generate(&dir, Plan::new(1)).map_err(|error| Failure::write(&dir, &error))?;
            let own = chukei_harness::World::load(&dir);
            Ok((world, Arc::new(own.map_err(|fault| Failure::setup(&fault, "self-test"))?)))
        });
        let worlds = worlds.collect::<Result<_, Failure>>()?;
        Ok(Self { folder, worlds })
    }

    /// Plays cases against a mock party in this process.
    fn play(
        &self,
        worker: usize,
        role: (&str, &str),
        faults: Faults,
        select: &[String],
    ) -> Result<Transcript, Failure> {
        self.play_within(worker, role, faults, select, (1, engine::limits()))
    }

    /// The same with another seed and patience.
    fn play_within(
        &self,
        worker: usize,
        role: (&str, &str),
        faults: Faults,
        select: &[String],
        (seed, limits): (u64, Limits),
    ) -> Result<Transcript, Failure> {
        let (_, own) = self.worlds.get(worker).ok_or_else(lost)?;
        let (handle, sut) = self.start(worker, role, faults)?;
        let order = Order { select, seed, epoch: Some(EPOCH), limits };
        let cases = engine::chosen(&sut, select)?;
        let played = engine::play(&sut, own, &order, &cases, (3, true), None, &|_, _| ());
        handle.stop();
        played
    }

    /// Starts a mock party in this process, as a product.
    fn start(
        &self,
        worker: usize,
        (profile, party): (&str, &str),
        faults: Faults,
    ) -> Result<(Handle, Sut), Failure> {
        let (world, _) = self.worlds.get(worker).ok_or_else(lost)?;
        let state = (profile == LEDGER).then(|| tempfile::tempdir_in(self.folder.path())).transpose();
        let state = state.map_err(|error| Failure::write(self.folder.path(), &error))?;
        let options = Options {
            possession: true,
            faults,
            // It goes with the whole folder.
            state: state.map(tempfile::TempDir::keep),
            control: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            card_door: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            clock: Clock::fixed(UnixTime(EPOCH)),
            seed: Some(1),
            // Made when somebody asks, and never by time: proofs of equal runs are equally long.
            checkpoints: chukei_world::Pace { entries: u64::MAX, seconds: i64::MAX },
            limits: chukei_world::server::Limits { grace: GRACE, ..Default::default() },
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
            endpoints: handle
                .card_door()
                .and_then(Endpoint::parse)
                .map(|url| (CARD_DOOR.to_owned(), url))
                .into_iter()
                .collect(),
            world: self.folder.path().join(format!("world-{worker}")),
            card: None,
            terminal: None,
            control: handle.control().and_then(|url| Endpoint::parse(&url)),
            text: String::new(),
        };
        Ok((handle, sut))
    }
}
