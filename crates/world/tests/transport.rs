//! The transport over real sockets: who is let in, and how much he may take.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use chukei_idwsf::{Checks, Refusal};
use chukei_world::client::{Client, ClientError};
use chukei_world::server::{Answer, Handler, Limits, Reaction, Received, Serve, Server};
use chukei_world::{Clients, TlsIdentity};
use support::*;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Answers each request with its length; says what came and what was refused.
struct Echo {
    /// Lets one answer leave each.
    gate: tokio::sync::Semaphore,
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Received(usize, Option<String>, bool),
    Refused(&'static str),
}

impl Handler for Echo {
    async fn handle(&self, received: Received) -> Reaction {
        let event = Event::Received(received.body.len(), received.soap_action, received.client.is_some());
        self.events.send(event).unwrap();
        self.gate.acquire().await.unwrap().forget();
        Reaction::Answer(Answer { status: 200, body: received.body.len().to_string().into_bytes() })
    }

    fn refused(&self, refusal: &Refusal) {
        let _ = self.events.send(Event::Refused(refusal.sentence()));
    }
}

struct Running {
    runtime: Runtime,
    server: Option<Server>,
    echo: Arc<Echo>,
    events: mpsc::UnboundedReceiver<Event>,
    address: std::net::SocketAddr,
}

impl Running {
    fn new(limits: Limits) -> Self {
        Self::with(limits, Checks::default(), 1000)
    }

    fn with(limits: Limits, checks: Checks, answers: usize) -> Self {
        Self::closing(limits, checks, answers, false)
    }

    fn closing(limits: Limits, checks: Checks, answers: usize, closes_on_others: bool) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Serve {
            limits,
            clients: Clients::Federation,
            authorities: vec![address.to_string(), format!("localhost:{}", address.port())],
            paths: vec!["/relay".to_owned()],
            checks,
            closes_on_others,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let echo = Arc::new(Echo { gate: tokio::sync::Semaphore::new(answers), events: sender });
        let identity = TlsIdentity::of(world(), "relay").unwrap();
        let server = {
            let _runtime = runtime.enter();
            Server::start(listener, &identity, serve, Arc::clone(&echo)).unwrap()
        };
        Self { runtime, server: Some(server), echo, events, address }
    }

    fn event(&mut self) -> Event {
        let next = async { tokio::time::timeout(HANG, self.events.recv()).await };
        self.runtime.block_on(next).expect("the server hangs").expect("the server is gone")
    }

    /// What is answered to these octets of `insurer-a`.
    fn answer(&self, octets: impl AsRef<[u8]>) -> Vec<u16> {
        statuses(&talk(&mut connect_as(self.address, "insurer-a"), octets.as_ref(), 1))
    }

    fn request(&self, fields: &str, body: &str) -> String {
        let (host, length) = (self.address, body.len());
        format!(
            "POST /relay HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml; charset=utf-8\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        )
    }
}

#[test]
fn only_a_client_of_the_authority_gets_a_connection() {
    let mut running = Running::new(Limits::default());
    let talk = |identity| connect(running.address, identity).map(|_| ());
    let (key, certificate) = world().tls_pem("insurer-a").unwrap();
    talk(Some((&key, &certificate))).unwrap();

    talk(None).unwrap_err();
    assert_eq!(running.event(), Event::Refused("transport.tls.client"));

    // Another world's party of the same name.
    let scratch = tempfile::tempdir().unwrap();
    let plan = chukei_world::Plan { crowd: 1, ..chukei_world::Plan::new(8) };
    let other = chukei_world::World::generate(&scratch.path().join("other"), plan).unwrap();
    let (key, certificate) = other.tls_pem("insurer-a").unwrap();
    connect(running.address, Some((&key, &certificate))).unwrap_err();
    assert_eq!(running.event(), Event::Refused("transport.tls.client"));

    // In TLS 1.3 a client learns of the refusal after its handshake; it gets no answer all the same.
    let modern = |identity| {
        let bend = |builder: &mut openssl::ssl::SslConnectorBuilder| {
            builder.set_max_proto_version(Some(openssl::ssl::SslVersion::TLS1_3)).unwrap();
        };
        let stream = connect_with(running.address, identity, bend);
        stream.map_or_else(
            |_| String::new(),
            |mut stream| support::talk(&mut stream, running.request("", "x").as_bytes(), 1),
        )
    };
    let (own_key, own_certificate) = world().tls_pem("insurer-a").unwrap();
    assert_eq!(statuses(&modern(Some((&own_key, &own_certificate)))), [200]);
    assert_eq!(modern(None), "");
    assert_eq!(modern(Some((&key, &certificate))), "");

    // A certificate of the authority that is not for TLS.
    let read = |name: &str| std::fs::read_to_string(world().dir().join("keys/insurer-a").join(name)).unwrap();
    connect(running.address, Some((&read("decrypt.key"), &read("decrypt.pem")))).unwrap_err();
}

#[test]
fn old_versions_and_weak_ciphers_are_refused() {
    let running = Running::new(Limits::default());
    let (key, certificate) = world().tls_pem("insurer-a").unwrap();
    let shake = |bend: fn(&mut openssl::ssl::SslConnectorBuilder)| {
        connect_with(running.address, Some((&key, &certificate)), bend).is_ok()
    };
    assert!(shake(|_| {}));
    assert!(shake(|builder| builder.set_cipher_list("ECDHE-RSA-AES256-GCM-SHA384").unwrap()));
    assert!(!shake(|builder| builder.set_cipher_list("AES128-GCM-SHA256").unwrap()), "no forward secrecy");
    assert!(!shake(|builder| builder.set_cipher_list("ECDHE-RSA-AES128-SHA").unwrap()), "CBC and SHA-1");
    assert!(!shake(|builder| {
        builder.set_min_proto_version(None).unwrap();
        builder.set_max_proto_version(Some(openssl::ssl::SslVersion::TLS1_1)).unwrap();
        builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    }));
    // Plain HTTP on the TLS port.
    let mut plain = std::net::TcpStream::connect(running.address).unwrap();
    plain.set_read_timeout(Some(HANG)).unwrap();
    plain.write_all(running.request("", "x").as_bytes()).unwrap();
    let mut heard = Vec::new();
    let _ = std::io::Read::read_to_end(&mut plain, &mut heard);
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");
}

#[test]
fn the_handler_gets_body_action_and_client() {
    let mut running = Running::new(Limits::default());
    assert_eq!(running.answer(running.request("SOAPAction: \"urn:a\"\r\n", "four")), [200]);
    assert_eq!(running.event(), Event::Received(4, Some("\"urn:a\"".to_owned()), true));
    // Two of them are none.
    assert_eq!(running.answer(running.request("SOAPAction: \"a\"\r\nsoapaction: \"a\"\r\n", "four")), [200]);
    assert_eq!(running.event(), Event::Received(4, None, true));
}

#[test]
fn answers_say_nothing_but_what_they_must() {
    let running = Running::new(Limits::default());
    let heard =
        talk(&mut connect_as(running.address, "insurer-a"), running.request("", "four").as_bytes(), 1);
    let expected = "HTTP/1.1 200 OK\r\ncontent-type: text/xml; charset=utf-8\r\ncache-control: no-store\r\n\
        content-length: 1\r\n\r\n4";
    assert_eq!(heard, expected);
}

#[test]
fn only_post_to_a_known_path_with_our_host_passes() {
    let running = Running::new(Limits::default());
    let good = running.request("", "four");
    let host = running.address.to_string();
    assert_eq!(running.answer(&good), [200]);
    assert_eq!(
        running.answer(
            good.replace(&format!("Host: {host}"), &format!("Host: LOCALHOST:{}", running.address.port()))
        ),
        [200]
    );
    for method in ["GET", "PUT", "TRACE", "OPTIONS", "PATCH"] {
        assert_eq!(running.answer(good.replacen("POST", method, 1)), [405], "{method}");
    }
    for path in ["/", "/relay/", "/relay?wsdl", "/other", "/relay/../relay"] {
        assert_eq!(running.answer(good.replacen("/relay", path, 1)), [404], "{path}");
    }
    let line = format!("Host: {host}\r\n");
    for (what, wrong) in [
        ("no Host", good.replace(&line, "")),
        ("two Hosts", good.replace(&line, &format!("{line}{line}"))),
        ("another Host", good.replace(&line, "Host: relay.example.test\r\n")),
        ("userinfo", good.replace(&line, &format!("Host: a@{host}\r\n"))),
        ("absolute target elsewhere", good.replacen("/relay", "https://relay.example.test/relay", 1)),
        ("HTTP/1.0", good.replacen("HTTP/1.1", "HTTP/1.0", 1)),
    ] {
        let heard = talk(&mut connect_as(running.address, "insurer-a"), wrong.as_bytes(), 1);
        assert!(heard.contains(" 400 ") && heard.contains("The request is not a message"), "{what}: {heard}");
    }
    assert_eq!(running.answer(good.replacen("/relay", &format!("https://{host}/relay"), 1)), [200]);
    assert_eq!(running.answer(good.replacen("POST /relay", &format!("CONNECT {host}"), 1)).len(), 1);
}

#[test]
fn only_xml_in_utf_8_passes() {
    let running = Running::new(Limits::default());
    let with = |field: &str| {
        let good = running.request("", "four");
        running.answer(good.replace("Content-Type: text/xml; charset=utf-8\r\n", field))
    };
    for good in ["text/xml", "text/xml;charset=UTF-8", "TEXT/XML ; charset=\"utf-8\""] {
        assert_eq!(with(&format!("Content-Type: {good}\r\n")), [200], "{good}");
    }
    for wrong in
        ["application/soap+xml", "text/xml; charset=utf-16", "text/xml; charset=utf-8; a=b", "text/plain"]
    {
        assert_eq!(with(&format!("Content-Type: {wrong}\r\n")), [400], "{wrong}");
    }
    assert_eq!(with(""), [400]);
    assert_eq!(with("Content-Type: text/xml\r\nContent-Type: text/xml\r\n"), [400]);
    assert_eq!(with("Content-Type: text/xml\r\nContent-Encoding: gzip\r\n"), [400]);
}

#[test]
fn a_header_beyond_the_limits_is_refused() {
    let mut running = Running::new(Limits::default());
    let field = |length: usize| format!("X: {}\r\n", "a".repeat(length));
    assert_eq!(running.answer(running.request(&field(15 * 1024), "x")), [200]);
    assert_eq!(running.answer(running.request(&field(17 * 1024), "x")), [431]);
    assert_eq!(running.answer(running.request(&"X: a\r\n".repeat(90), "x")), [200]);
    assert_eq!(running.answer(running.request(&"X: a\r\n".repeat(101), "x")), [431]);
    for _ in 0..4 {
        let event = running.event();
        assert!(matches!(event, Event::Received(..) | Event::Refused("transport.header.limit")), "{event:?}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused_unread() {
    let running = Running::new(Limits { body: 1000, ..Limits::default() });
    let good = running.request("", &"a".repeat(1000));
    assert_eq!(running.answer(&good), [200]);
    // Announced, and never sent: the answer does not wait for it.
    assert_eq!(running.answer(good.replace("Content-Length: 1000", "Content-Length: 1001")), [413]);
    assert_eq!(running.answer(good.replace("Content-Length: 1000", "Content-Length: 99999999999999")), [413]);
    // Not announced.
    let chunked = |body: &str| {
        let head = good.split("\r\n\r\n").next().unwrap();
        let head = head.replace("Content-Length: 1000", "Transfer-Encoding: chunked");
        format!("{head}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    };
    assert_eq!(running.answer(chunked(&"a".repeat(1000))), [200]);
    assert_eq!(running.answer(chunked(&"a".repeat(1001))), [413]);
}

#[test]
fn contradictory_lengths_are_refused() {
    let running = Running::new(Limits::default());
    assert_eq!(running.answer(running.request("", "four")), [200]);
    assert_eq!(running.answer(running.request("Content-Length: 5\r\n", "four")), [400]);
    assert_eq!(running.answer(running.request("Transfer-Encoding: xchunked\r\n", "four")), [400]);
    assert_eq!(running.answer(running.request("X: a\r\n b\r\n", "four")), [400]);
    assert_eq!(running.answer(running.request("X: a\0b\r\n", "four")), [400]);
}

#[test]
fn the_slow_are_not_waited_for() {
    let short = Duration::from_millis(200);
    let limits = Limits { head_time: short, body_time: short, handshake_time: short, ..Limits::default() };
    let running = Running::new(limits);
    let whole = running.request("", "four");
    assert_eq!(running.answer(&whole), [200]);
    // Each of these would hang if the server waited.
    let mut idle = std::net::TcpStream::connect(running.address).unwrap();
    idle.set_read_timeout(Some(HANG)).unwrap();
    assert_eq!(std::io::Read::read(&mut idle, &mut [0; 1]).unwrap_or(0), 0, "no handshake");
    assert_eq!(running.answer(&whole[..30]).len(), 0, "half a header");
    assert_eq!(running.answer(&whole[..whole.len() - 1]), [408], "half a body");
    let mut kept = connect_as(running.address, "insurer-a");
    assert_eq!(statuses(&talk(&mut kept, whole.as_bytes(), 2)), [200], "idle after an answer");
}

#[test]
fn connections_beyond_the_cap_wait() {
    let running = Running::new(Limits { connections: 1, ..Limits::default() });
    let whole = running.request("", "four");
    let mut first = connect_as(running.address, "insurer-a");
    assert_eq!(statuses(&talk(&mut first, whole.as_bytes(), 1)), [200]);
    let (sender, second) = std::sync::mpsc::channel();
    let (address, request) = (running.address, whole.clone());
    let thread = std::thread::spawn(move || {
        let answer = talk(&mut connect_as(address, "insurer-b"), request.as_bytes(), 1);
        sender.send(statuses(&answer)).unwrap();
    });
    assert_eq!(statuses(&talk(&mut first, whole.as_bytes(), 1)), [200]);
    assert!(second.try_recv().is_err(), "the second connection has no slot yet");
    drop(first);
    assert_eq!(second.recv_timeout(HANG).unwrap(), [200]);
    thread.join().unwrap();
}

#[test]
fn a_stop_lets_what_is_under_way_end() {
    let mut running = Running::with(Limits::default(), Checks::default(), 0);
    let whole = running.request("", "four");
    let mut stream = connect_as(running.address, "insurer-a");
    stream.write_all(whole.as_bytes()).unwrap();
    assert_eq!(running.event(), Event::Received(4, None, true));
    let server = running.server.take().unwrap();
    let stopping = running.runtime.spawn(async move { server.stop().await });
    let started = std::time::Instant::now();
    while std::net::TcpStream::connect(running.address).is_ok() {
        assert!(started.elapsed() < HANG, "connections are still accepted");
        std::thread::yield_now();
    }
    assert!(!stopping.is_finished(), "one request is under way");
    running.echo.gate.add_permits(1);
    assert_eq!(statuses(&hear(&mut stream, 2)), [200]);
    running.runtime.block_on(async { tokio::time::timeout(HANG, stopping).await.unwrap().unwrap() });
}

#[test]
fn a_fault_switch_opens_its_own_check_only() {
    let skip = |sentence: &str| {
        Running::with(Limits { body: 10, ..Limits::default() }, Checks::danger_skipping([sentence]), 9)
    };
    let running = skip("transport.content-type");
    let request = running.request("", "four").replace("text/xml", "text/plain");
    assert_eq!(running.answer(&request), [200]);
    assert_eq!(running.answer(request.replace("POST", "PUT")), [405]);
    let running = skip("transport.encoding.none");
    let coded = running.request("Content-Encoding: identity\r\n", "four");
    assert_eq!(running.answer(&coded), [200]);
    let twice = running.request("Content-Type: text/xml\r\n", "four");
    assert_eq!(running.answer(&twice), [400]);
    let running = skip("transport.field.once");
    assert_eq!(running.answer(running.request("Content-Type: text/xml\r\n", "four")), [200]);
    assert_eq!(running.answer(running.request("Content-Encoding: identity\r\n", "four")), [400]);
    assert_eq!(running.answer(running.request("Content-Length: 1\r\n", "four")), [400]);
    let running = skip("transport.body.limit");
    assert_eq!(running.answer(running.request("", "ten octets")), [200]);
    assert_eq!(running.answer(running.request("", "more than ten octets")), [500], "read, and then failed");
    assert_eq!(running.answer(running.request("", "four").replace("text/xml", "text/plain")), [400]);
    let running = skip("transport.method.post");
    assert_eq!(running.answer(running.request("", "four").replace("POST", "PUT")), [200]);
    let running = Running::closing(Limits::default(), Checks::default(), 9, true);
    let sound = running.request("", "four");
    for (bent, status) in [(sound.replace("POST", "PUT"), 405), (sound.replace("/relay", "/nowhere"), 404)] {
        assert_eq!(running.answer(&bent), [0; 0], "closed without a word");
        let clean = Running::new(Limits::default());
        let own = bent.replace(&running.address.to_string(), &clean.address.to_string());
        assert_eq!(clean.answer(own), [status]);
    }
    assert_eq!(running.answer(&sound), [200]);
    let running = skip("transport.header.limit");
    assert_eq!(running.answer(running.request(&"X: a\r\n".repeat(200), "four")), [200]);
    let running = skip("transport.tls.version");
    let (key, certificate) = world().tls_pem("insurer-a").unwrap();
    let old = |builder: &mut openssl::ssl::SslConnectorBuilder| {
        builder.set_min_proto_version(None).unwrap();
        builder.set_max_proto_version(Some(openssl::ssl::SslVersion::TLS1_1)).unwrap();
        builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    };
    let stream = connect_with(running.address, Some((&key, &certificate)), old).unwrap();
    assert_eq!(stream.ssl().version2(), Some(openssl::ssl::SslVersion::TLS1_1));
    connect_with(running.address, None, old).unwrap_err();
    let mut running = skip("transport.tls.client");
    let mut anonymous = connect(running.address, None).unwrap();
    assert_eq!(statuses(&talk(&mut anonymous, running.request("", "four").as_bytes(), 1)), [200]);
    assert_eq!(running.event(), Event::Received(4, None, false));
}

#[test]
fn the_client_talks_to_the_party_asked_and_keeps_the_connection() {
    let running = Running::new(Limits::default());
    let every = Checks::default();
    let client = Client::new(&TlsIdentity::of(world(), "insurer-a").unwrap(), HANG, &every).unwrap();
    let relay = world().keys("relay").unwrap().sign.1;
    let url = format!("https://{}/relay", running.address);
    let post = |client: &Client, url: &str, certificate: &chukei_crypto::Certificate| {
        let asked = client.post(url, "\"urn:a\"", b"four".to_vec(), |der| der == certificate.der());
        running.runtime.block_on(asked).map(|answer| (answer.status, answer.xml, answer.body.to_vec()))
    };
    for _ in 0..3 {
        assert_eq!(post(&client, &url, &relay), Ok((200, true, b"4".to_vec())));
    }
    let other = world().keys("insurer-b").unwrap().sign.1;
    assert_eq!(post(&client, &url, &other), Err(ClientError::Identity));
    assert_eq!(post(&client, &url.replace("https", "http"), &relay), Err(ClientError::Address));
    assert_eq!(post(&client, "https://127.0.0.1:1/relay", &relay), Err(ClientError::Connect));
    let (key, certificate) = world().tls_pem("insurer-a").unwrap();
    let authority = std::fs::read_to_string(world().dir().join("keys/insurer-a/sign.pem")).unwrap();
    let identity = TlsIdentity { key, certificate, authority };
    let deceived = Client::new(&identity, HANG, &every).unwrap();
    assert_eq!(post(&deceived, &url, &relay), Err(ClientError::Tls));
    let credulous = Checks::danger_skipping(["transport.tls.server"]);
    let credulous = Client::new(&identity, HANG, &credulous).unwrap();
    assert_eq!(
        post(&credulous, &url, &other),
        Ok((200, true, b"4".to_vec())),
        "another party's, of no authority"
    );
}

#[test]
fn a_kept_connection_that_the_server_closed_is_replaced() {
    let running = Running::new(Limits { head_time: Duration::from_millis(100), ..Limits::default() });
    let identity = TlsIdentity::of(world(), "insurer-a").unwrap();
    let client = Client::new(&identity, HANG, &Checks::default()).unwrap();
    let url = format!("https://{}/relay", running.address);
    let post = || {
        running.runtime.block_on(client.post(&url, "\"urn:a\"", b"four".to_vec(), |_| true)).unwrap().status
    };
    assert_eq!(post(), 200);
    // Another idle connection of the same age shows when the server has closed them.
    let mut witness = connect_as(running.address, "insurer-b");
    assert_eq!(hear(&mut witness, 1), "");
    assert_eq!(post(), 200);
}
