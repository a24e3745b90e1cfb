//! What the tests with real sockets share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests; each file uses a part"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use chukei_world::{Plan, World};
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;

/// A deadlock of ours fails a test after this long; nothing waits for it otherwise.
pub const HANG: Duration = Duration::from_secs(30);

/// The world of a test binary.
pub fn world() -> &'static World {
    static WORLD: OnceLock<(tempfile::TempDir, World)> = OnceLock::new();
    let made = || {
        let scratch = tempfile::tempdir().unwrap();
        let world = World::generate(&scratch.path().join("world"), Plan::new(7)).unwrap();
        (scratch, world)
    };
    &WORLD.get_or_init(made).1
}

/// A connection with this identity, or none, or the error of the handshake.
pub fn connect(address: SocketAddr, identity: Option<(&str, &str)>) -> Result<SslStream<TcpStream>, String> {
    connect_with(address, identity, |_| {})
}

pub fn connect_with(
    address: SocketAddr,
    identity: Option<(&str, &str)>,
    bend: impl FnOnce(&mut openssl::ssl::SslConnectorBuilder),
) -> Result<SslStream<TcpStream>, String> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap(); // refusals of the server show in the handshake
    if let Some((key, certificate)) = identity {
        builder.set_private_key(&PKey::private_key_from_pem(key.as_bytes()).unwrap()).unwrap();
        builder.set_certificate(&X509::from_pem(certificate.as_bytes()).unwrap()).unwrap();
    }
    bend(&mut builder);
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    builder.build().connect("127.0.0.1", stream).map_err(|error| error.to_string())
}

/// Connected as this party.
pub fn connect_as(address: SocketAddr, party: &str) -> SslStream<TcpStream> {
    let (key, certificate) = world().tls_pem(party).unwrap();
    connect(address, Some((&key, &certificate))).unwrap()
}

/// Sends octets and reads until the server closes, or until `answers` heads of answers have come.
pub fn talk(stream: &mut SslStream<TcpStream>, octets: &[u8], answers: usize) -> String {
    // The server may answer and close before it has taken everything.
    let _ = stream.write_all(octets).and_then(|()| stream.flush());
    hear(stream, answers)
}

pub fn hear(stream: &mut SslStream<TcpStream>, answers: usize) -> String {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while complete(&heard) < answers {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the server hangs"),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// Answers that are complete, by their `content-length`.
fn complete(heard: &[u8]) -> usize {
    let text = String::from_utf8_lossy(heard);
    let (mut rest, mut count) = (text.as_ref(), 0);
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let Some(next) = after.get(length..) else { break };
        (rest, count) = (next, count + 1);
    }
    count
}

/// Status codes of the answers.
pub fn statuses(heard: &str) -> Vec<u16> {
    let lines = heard.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line.get(..3).unwrap().parse().unwrap()).collect()
}

/// On a free port, with no state and no fault.
pub fn anywhere() -> chukei_world::Options {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    chukei_world::Options { listen, ..chukei_world::Options::default() }
}

/// Calls a verb of a test control: status and body.
pub fn verb(control: &str, method: &str, verb: &str, body: &str) -> (u16, serde_json::Value) {
    let (authority, base) = control.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    let length = body.len();
    let head = format!("{method} /{base}/{verb} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}
