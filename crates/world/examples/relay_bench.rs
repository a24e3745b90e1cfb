//! How many identity mappings a second the relay carries: each verified, looked up, logged durably, minted, signed, over
//! mutual TLS on loopback. The relay is a process of its own; the load comes from this one, on the same cores.
//!
//! `ci/bench relay` runs it: `relay_bench DIR [--rate N] [--seconds N] [--connections N] [--persons N] [--rsa] [--json FILE]`.
//! Without `--rate` the loop is closed: each connection sends as soon as it is answered. With it, messages are due at that
//! rate, and latency counts from the time at which a message was due.
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

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    pin::Pin,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chukei_crypto::{SignatureAlgorithm, Signer, UnixTime};
use chukei_profile::{Identifier, Purpose, Scheme};
use chukei_relay::{Ask, Party as Sender, Requester, memory::MemoryReplay};
use chukei_world::{Options, Party, Plan, World};
use openssl::ssl::{Ssl, SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_openssl::SslStream;

const PURPOSE: &str = "urn:chukei:1.0:purpose:eligibility-check";
const REQUESTER: &str = "insurer-a";
const TARGET: &str = "insurer-b";

struct Asked {
    dir: PathBuf,
    rate: Option<u64>,
    seconds: u64,
    connections: usize,
    persons: usize,
    rsa: bool,
    json: Option<PathBuf>,
}

fn asked() -> Asked {
    let mut words = std::env::args().skip(1);
    let dir = PathBuf::from(words.next().expect("a folder"));
    let mut asked =
        Asked { dir, rate: None, seconds: 20, connections: 64, persons: 10_000, rsa: false, json: None };
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a number");
        match word.as_str() {
            "--rate" => asked.rate = Some(number()),
            "--seconds" => asked.seconds = number(),
            "--connections" => asked.connections = number() as usize,
            "--persons" => asked.persons = number() as usize,
            "--rsa" => asked.rsa = true,
            "--json" => asked.json = Some(PathBuf::from(words.next().expect("a file"))),
            other => panic!("{other} is not known"),
        }
    }
    asked
}

fn main() {
    if std::env::var_os("CHUKEI_BENCH_SERVE").is_some() {
        return serve(&asked());
    }
    let asked = asked();
    let world = asked.dir.join("world");
    if !world.exists() {
        World::generate(&world, Plan { crowd: asked.persons, p256: true, ..Plan::new(1) }).unwrap();
    }
    let world = World::open(&world).unwrap();
    let mut relay = Relay::start();
    // A closed loop takes what it can get; what is left over is not measured.
    let count = (asked.rate.unwrap_or(12_000) * asked.seconds) as usize;
    eprintln!("signing {count} messages");
    let messages = messages(&world, &relay.endpoint, count, asked.rsa);
    eprintln!("measuring");
    let before = relay.usage();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut latencies, elapsed) = runtime.block_on(load(&world, &relay.endpoint, messages, &asked));
    let after = relay.usage();
    relay.stop();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let mut row = String::new();
    let _ = write!(
        row,
        "{{\"name\": \"{}\", \"algorithm\": \"{}\", \"persons\": {}, \"connections\": {}, \"seconds\": {:.1}, \"answers\": {}, \
         \"per_second\": {:.0}, \"p50_ms\": {:.2}, \"p99_ms\": {:.2}, \"p999_ms\": {:.2}, \"max_ms\": {:.2}, \
         \"server_cpu_us\": {:.0}, \"peak_mib\": {}}}",
        asked.rate.map_or_else(|| "closed".to_owned(), |rate| format!("open {rate}/s")),
        if asked.rsa { "RSA-2048" } else { "P-256" },
        asked.persons,
        asked.connections,
        elapsed.as_secs_f64(),
        latencies.len(),
        latencies.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        (after.0 - before.0) * 1e6 / latencies.len() as f64,
        after.1 / 1024,
    );
    println!("{row}");
    if let Some(path) = &asked.json {
        std::fs::write(path, format!("[{row}]\n")).unwrap();
    }
}

/// The relay, until its input ends.
fn serve(asked: &Asked) {
    let state = asked.dir.join("state");
    std::fs::create_dir_all(&state).unwrap();
    let world = World::open(&asked.dir.join("world")).unwrap();
    let options = Options { state: Some(state), p256: !asked.rsa, ..Options::default() };
    let handle = Party::start(&world, "relay", options).unwrap();
    println!("{}", handle.endpoint().unwrap());
    let _ = std::io::stdin().read(&mut [0]);
    handle.stop();
}

struct Relay {
    child: Child,
    endpoint: String,
}

impl Relay {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(std::env::args().skip(1))
            .env("CHUKEI_BENCH_SERVE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut endpoint = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
        Self { child, endpoint: endpoint.trim().to_owned() }
    }

    /// Seconds of processor time, and the most memory in KiB.
    fn usage(&self) -> (f64, u64) {
        let folder = format!("/proc/{}", self.child.id());
        let stat = std::fs::read_to_string(format!("{folder}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        (ticks / 100.0, peak.split_whitespace().next().unwrap().parse().unwrap())
    }

    fn stop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Requests of the requester, each about one person, signed beforehand on all cores.
fn messages(world: &World, endpoint: &str, count: usize, rsa: bool) -> Vec<Vec<u8>> {
    let now = UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed());
    let people = world.people().unwrap();
    let mut numbers: Vec<(Identifier, Scheme)> = Vec::new();
    for person in &people.people {
        let (Some(own), Some(wanted)) = (person.number(REQUESTER), person.number(TARGET)) else { continue };
        // Some persons are special: numbers that end, numbers that two persons share.
        let shared = people
            .people
            .iter()
            .filter(|other| other.number(REQUESTER).is_some_and(|n| n.value == own.value));
        if numbers.len() >= 1000 {
            break; // enough to miss every cache of a message
        }
        if own.until.is_some() || wanted.until.is_some() || shared.count() > 1 {
            continue;
        }
        let scheme = |name: &str| Scheme::from_uri(&format!("urn:chukei:1.0:identifier:{name}")).unwrap();
        let own = Identifier::new(scheme(&own.scheme), &own.value).unwrap();
        numbers.push((own, scheme(&wanted.scheme)));
    }
    assert!(!numbers.is_empty(), "nobody is with both");
    let cores = std::thread::available_parallelism().unwrap().get();
    let (numbers, host) = (&numbers, endpoint.split('/').nth(2).unwrap());
    std::thread::scope(|scope| {
        let make = |core: usize| {
            let requester = requester(world, now, rsa);
            (core..count).step_by(cores).map(move |n| {
                let (number, wanted) = &numbers[(n * 7919) % numbers.len()];
                let ask = Ask {
                    req_id: "1".into(),
                    whom: number.clone().into(),
                    wanted: *wanted,
                    target: Some(chukei_world::folder::entity(TARGET)),
                    via_relay: false,
                };
                let sent = requester.map(&[ask], Purpose::from_uri(PURPOSE).unwrap(), now).unwrap();
                let path = endpoint.splitn(4, '/').nth(3).unwrap();
                let head = format!(
                    "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml; charset=utf-8\r\n\
                     SOAPAction: {}\r\nContent-Length: {}\r\n\r\n",
                    sent.soap_action,
                    sent.body.len()
                );
                [head.as_bytes(), &sent.body].concat()
            })
        };
        let jobs: Vec<_> =
            (0..cores).map(|core| scope.spawn(move || make(core).collect::<Vec<_>>())).collect();
        jobs.into_iter().flat_map(|job| job.join().unwrap()).collect()
    })
}

fn requester(world: &World, now: UnixTime, rsa: bool) -> Requester {
    let keys = world.keys(REQUESTER).unwrap();
    let (key, certificate) = if rsa { keys.sign } else { keys.p256.unwrap() };
    let algorithm = if rsa { SignatureAlgorithm::RsaSha256 } else { SignatureAlgorithm::EcdsaSha256 };
    let signer: Arc<dyn Signer> = Arc::new(key.signer(algorithm).unwrap());
    let own = world.party(REQUESTER).unwrap();
    let relay = world.party("relay").unwrap().entity.clone();
    let federation = Arc::new(world.federation(now).unwrap());
    let replay = Arc::new(MemoryReplay::default());
    Requester {
        party: Sender::new(&own.entity, &own.endpoint, &relay, signer, certificate, federation, replay),
    }
}

/// Sends the messages; gives the latency of each answer in microseconds, and how long it took altogether.
async fn load(world: &World, endpoint: &str, messages: Vec<Vec<u8>>, asked: &Asked) -> (Vec<u64>, Duration) {
    let address = endpoint.split('/').nth(2).unwrap().to_owned();
    let connector = Arc::new(connector(world));
    let mut streams = Vec::new();
    for _ in 0..asked.connections {
        streams.push(connect(&connector, &address).await);
    }
    let (messages, next) = (Arc::new(messages), Arc::new(AtomicUsize::new(0)));
    let all = Arc::new(Mutex::new(Vec::new()));
    let (rate, seconds) = (asked.rate, asked.seconds);
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let (messages, next, all) = (Arc::clone(&messages), Arc::clone(&next), Arc::clone(&all));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                let mut buffer = Vec::with_capacity(64 * 1024);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(message) = messages.get(number) else { break };
                    let mut due = Instant::now();
                    if let Some(rate) = rate {
                        due = begin + Duration::from_nanos(number as u64 * 1_000_000_000 / rate);
                        tokio::time::sleep_until(due.into()).await;
                    } else if due > end {
                        break;
                    }
                    exchange(&mut stream, message, &mut buffer).await;
                    latencies.push(due.elapsed().as_micros() as u64);
                }
                all.lock().unwrap().extend(latencies);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let elapsed = begin.elapsed();
    (Arc::try_unwrap(all).unwrap().into_inner().unwrap(), elapsed)
}

fn connector(world: &World) -> SslConnector {
    let file = |name: &str| world.dir().join(name);
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_ca_file(file("ca/ca.pem")).unwrap();
    let key = |end: &str| file(&format!("keys/{REQUESTER}/sign.{end}"));
    builder.set_private_key_file(key("key"), SslFiletype::PEM).unwrap();
    builder.set_certificate_file(key("pem"), SslFiletype::PEM).unwrap();
    builder.set_verify(SslVerifyMode::PEER);
    builder.build()
}

async fn connect(connector: &SslConnector, address: &str) -> Pin<Box<SslStream<TcpStream>>> {
    let tcp = TcpStream::connect(address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let configuration = connector.configure().unwrap().verify_hostname(false);
    let ssl: Ssl = configuration.into_ssl("127.0.0.1").unwrap();
    let mut stream = Box::pin(SslStream::new(ssl, tcp).unwrap());
    stream.as_mut().connect().await.unwrap();
    stream
}

/// Sends one request and reads the whole answer, which has to be a mapping.
async fn exchange(stream: &mut Pin<Box<SslStream<TcpStream>>>, message: &[u8], buffer: &mut Vec<u8>) {
    stream.write_all(message).await.unwrap();
    buffer.clear();
    let mut whole = usize::MAX;
    while buffer.len() < whole {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the relay closes");
        if whole == usize::MAX
            && let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:")).expect("a length");
            whole = end + 4 + length.trim().parse::<usize>().unwrap();
            assert!(head.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(buffer));
        }
    }
    assert!(buffer.windows(13).any(|part| part == b"EncryptedData"), "{}", String::from_utf8_lossy(buffer));
}
