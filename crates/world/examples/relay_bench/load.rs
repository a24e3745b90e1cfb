//! The load: requests over mutual TLS, as many connections as asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chukei_world::World;
use openssl::ssl::{Ssl, SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

type Stream = Pin<Box<SslStream<TcpStream>>>;

/// Connections to one relay.
pub(crate) struct Load {
    streams: Vec<Stream>,
}

impl Load {
    pub(crate) async fn connect(world: &World, requester: &str, endpoint: &str, connections: usize) -> Self {
        let address = endpoint.split('/').nth(2).unwrap().to_owned();
        let connector = connector(world, requester);
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(connect(&connector, &address).await);
        }
        Self { streams }
    }

    /// Sends the messages, at `rate` a second or as fast as they are answered, for so long at most; gives the latency of each
    /// answer in microseconds, and how long it took altogether.
    pub(crate) async fn send(
        self,
        messages: Vec<Vec<u8>>,
        rate: Option<u64>,
        most: Duration,
    ) -> (Vec<u64>, Duration) {
        let (messages, next) = (Arc::new(messages), Arc::new(AtomicUsize::new(0)));
        let begin = Instant::now();
        let end = begin + most;
        let tasks: Vec<_> = self
            .streams
            .into_iter()
            .map(|mut stream| {
                let (messages, next) = (Arc::clone(&messages), Arc::clone(&next));
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
                    latencies
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        (all, begin.elapsed())
    }
}

fn connector(world: &World, requester: &str) -> SslConnector {
    let file = |name: &str| world.dir().join(name);
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_ca_file(file("ca/ca.pem")).unwrap();
    let key = |end: &str| file(&format!("keys/{requester}/sign.{end}"));
    builder.set_private_key_file(key("key"), SslFiletype::PEM).unwrap();
    builder.set_certificate_file(key("pem"), SslFiletype::PEM).unwrap();
    builder.set_verify(SslVerifyMode::PEER);
    builder.build()
}

async fn connect(connector: &SslConnector, address: &str) -> Stream {
    let tcp = TcpStream::connect(address).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let configuration = connector.configure().unwrap().verify_hostname(false);
    let ssl: Ssl = configuration.into_ssl("127.0.0.1").unwrap();
    let mut stream = Box::pin(SslStream::new(ssl, tcp).unwrap());
    stream.as_mut().connect().await.unwrap();
    stream
}

/// Sends one request and reads the whole answer, which has to be a mapping.
async fn exchange(stream: &mut Stream, message: &[u8], buffer: &mut Vec<u8>) {
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
