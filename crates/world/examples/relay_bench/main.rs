//! How many identity mappings a second the relay carries: each verified, looked up, logged durably, minted, signed, over
//! mutual TLS on loopback. The relay is a process of its own; the load comes from this one, on the same cores.
//!
//! `ci/bench relay` runs it: `relay_bench DIR [--rate N] [--seconds N] [--connections N] [--persons N[,N…]] [--backend
//! sqlite|postgres] [--rsa] [--json FILE]`. Without `--rate` the loop is closed: each connection sends as soon as it is
//! answered. With it, messages are due at that rate, and latency counts from the time at which a message was due. Of several
//! numbers of persons each has a relay of its own, and they work in turn, so that what disturbs one disturbs all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench stops at what is wrong, and prints rounded figures"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chukei_store::Location;
use chukei_world::{Options, Party, Plan, World};
use load::Load;
use server::Server;

mod crowd;
mod floor;
mod load;
mod messages;
#[allow(dead_code, reason = "tests kill and pause it")]
#[path = "../../../store/tests/support/server.rs"]
mod server;

/// Turns of each relay, where there are several.
const TURNS: usize = 6;
/// What a closed loop could use up in a second; what is left over is not sent.
const MOST: u64 = 6_000;
/// How long the floor is measured after each turn.
const FLOOR: Duration = Duration::from_secs(1);
/// For the process of a relay: where its state and its world are.
const SERVE: &str = "CHUKEI_BENCH_SERVE";
const PLACE: &str = "CHUKEI_BENCH_WORLD";

struct Asked {
    dir: PathBuf,
    rate: Option<u64>,
    seconds: u64,
    connections: usize,
    persons: Vec<u64>,
    postgres: bool,
    rsa: bool,
    json: Option<PathBuf>,
}

fn asked() -> Asked {
    let mut words = std::env::args().skip(1);
    let dir = words.next().filter(|word| !word.starts_with('-'));
    let mut asked = Asked {
        dir: PathBuf::from(dir.expect("a folder comes first; `ci/bench --help` explains the options")),
        rate: None,
        seconds: 20,
        connections: 64,
        persons: vec![10_000],
        postgres: false,
        rsa: false,
        json: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} takes a value"));
        let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text:?} is no number"));
        match word.as_str() {
            "--rate" => asked.rate = Some(number(&value())),
            "--seconds" => asked.seconds = number(&value()),
            "--connections" => asked.connections = number(&value()) as usize,
            "--persons" => asked.persons = value().split(',').map(number).collect(),
            "--backend" => {
                asked.postgres = match value().as_str() {
                    "sqlite" => false,
                    "postgres" => true,
                    other => panic!("{other:?} is no backend; there are sqlite and postgres"),
                }
            }
            "--rsa" => asked.rsa = true,
            "--json" => asked.json = Some(PathBuf::from(value())),
            other => panic!("{other} is not known"),
        }
    }
    asked
}

fn main() {
    let asked = asked();
    if let Some(state) = std::env::var_os(SERVE) {
        return serve(&asked, Path::new(&state));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runs: Vec<Run> = asked.persons.iter().map(|persons| Run::start(&asked, *persons)).collect();
    let turns = if runs.len() == 1 { 1 } else { TURNS };
    let each = asked.seconds.div_ceil(turns as u64);
    for turn in 1..=turns {
        for run in &mut runs {
            let count = (asked.rate.unwrap_or(MOST) * each) as usize;
            eprintln!("turn {turn} of {turns}, {} persons: signing {count} messages, measuring", run.persons);
            let messages = messages::signed(&run.world, &run.endpoint, count, run.persons, asked.rsa);
            runtime.block_on(async {
                // Anew each turn: the relay closes what is idle for too long.
                let load =
                    Load::connect(&run.world, crowd::REQUESTER, &run.endpoint, asked.connections).await;
                let before = run.usage().0;
                let (latencies, took) = load.send(messages, asked.rate, Duration::from_secs(each)).await;
                run.latencies.extend(latencies);
                run.took += took;
                run.work += run.usage().0 - before;
            });
            run.floors.push(floor::microseconds(&run.world, asked.rsa, FLOOR));
        }
    }
    let rows: Vec<String> = runs.iter_mut().map(|run| run.row(&asked)).collect();
    if let [first, .., last] = &runs[..] {
        println!(
            "processor time of a mapping with {} persons: {:.3} x that with {}",
            last.persons,
            last.cpu() / first.cpu(),
            first.persons
        );
    }
    drop(runtime);
    if let Some(path) = &asked.json {
        std::fs::write(path, format!("[{}]\n", rows.join(",\n"))).unwrap();
    }
}

/// A relay with so many persons, and what was measured of it.
struct Run {
    persons: u64,
    world: World,
    child: Child,
    endpoint: String,
    latencies: Vec<u64>,
    took: Duration,
    /// Seconds of processor time.
    work: f64,
    /// What the cryptography alone takes, in microseconds, measured after each turn.
    floors: Vec<f64>,
    /// Ends with the relay.
    _database: Option<Server>,
}

impl Run {
    fn start(asked: &Asked, persons: u64) -> Self {
        let database =
            asked.postgres.then(|| Server::start_with(&["shared_buffers=256MB"]).expect("PostgreSQL"));
        let state = match &database {
            Some(server) => {
                let socket = server.socket().display().to_string().replace('/', "%2F");
                PathBuf::from(format!("postgres://chukei@{socket}/postgres"))
            }
            None => {
                let folder = asked.dir.join(format!("state-{persons}"));
                std::fs::create_dir_all(&folder).unwrap();
                folder.join("relay.db")
            }
        };
        // Each has a world of its own: a relay takes what is meant for the place where its metadata says it is.
        let dir = asked.dir.join(format!("world-{persons}"));
        if !dir.exists() {
            World::generate(&dir, Plan { p256: true, ..Plan::new(persons) }).unwrap();
        }
        let world = World::open(&dir).unwrap();
        eprintln!("{persons} persons: filling the store");
        if let Some(rate) = crowd::fill(&Location::read(&state).unwrap(), persons) {
            eprintln!("{persons} persons: {rate:.0} numbers a second");
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(std::env::args().skip(1))
            .env(SERVE, &state)
            .env(PLACE, &dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut endpoint = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
        let endpoint = endpoint.trim().to_owned();
        let (latencies, took) = (Vec::new(), Duration::ZERO);
        Self {
            persons,
            world,
            child,
            endpoint,
            latencies,
            took,
            work: 0.0,
            floors: Vec::new(),
            _database: database,
        }
    }

    /// Seconds of processor time, and the most memory in KiB.
    fn usage(&self) -> (f64, u64) {
        let process = self.child.id().to_string();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        (processor_time(&process), peak.split_whitespace().next().unwrap().parse().unwrap())
    }

    /// Microseconds of processor time for an answer.
    fn cpu(&self) -> f64 {
        self.work * 1e6 / self.latencies.len() as f64
    }

    fn row(&mut self, asked: &Asked) -> String {
        let peak = self.usage().1 / 1024;
        self.latencies.sort_unstable();
        let answers = self.latencies.len();
        let at = |share: f64| self.latencies[((answers - 1) as f64 * share) as usize] as f64 / 1000.0;
        let took = self.took.as_secs_f64();
        let floor = self.floors.iter().sum::<f64>() / self.floors.len() as f64;
        let row = format!(
            "{{\"name\": \"{}\", \"backend\": \"{}\", \"algorithm\": \"{}\", \"persons\": {}, \"connections\": {}, \
             \"seconds\": {took:.1}, \"answers\": {answers}, \"per_second\": {:.0}, \"p50_ms\": {:.2}, \"p99_ms\": {:.2}, \
             \"p999_ms\": {:.2}, \"max_ms\": {:.2}, \"server_cpu_us\": {:.0}, \"floor_us\": {floor:.0}, \"ratio_floor\": {:.2}, \
             \"peak_mib\": {peak}}}",
            asked.rate.map_or_else(|| "closed".to_owned(), |rate| format!("open {rate}/s")),
            if asked.postgres { "postgres" } else { "sqlite" },
            if asked.rsa { "RSA-2048" } else { "P-256" },
            self.persons,
            asked.connections,
            answers as f64 / took,
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            self.cpu(),
            self.cpu() / floor,
        );
        println!("{row}");
        row
    }
}

/// Seconds of processor time that a process has used.
fn processor_time(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The relay, until its input ends.
fn serve(asked: &Asked, state: &Path) {
    let world = World::open(Path::new(&std::env::var_os(PLACE).unwrap())).unwrap();
    let (folder, store) = match Location::read(state).unwrap() {
        Location::File(file) => (file.parent().unwrap().to_owned(), None),
        other => (asked.dir.join(format!("checkpoints-{}", std::process::id())), Some(other)),
    };
    let options = Options { state: Some(folder), store, p256: !asked.rsa, ..Options::default() };
    let handle = Party::start(&world, "relay", options).unwrap();
    println!("{}", handle.endpoint().unwrap());
    let _ = std::io::stdin().read(&mut [0]);
    handle.stop();
}
