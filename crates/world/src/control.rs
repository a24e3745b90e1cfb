//! Test control: JSON over HTTP/1.1 on the loopback interface, eight verbs below `/v1` (chapter 50 of the standard).
//!
//! What a party does not offer is answered 501 and nothing is done: only requesters have an act, `link`.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use chukei_crypto::{Certificate, UnixTime};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::WorldError;
use crate::core::Core;
use crate::faults::Own as Fault;
use crate::folder::{AgreementEntry, Role};
use crate::link::{Link, Outcome};
use crate::people::People;
use crate::server::Server;

/// Octets of a body: people may be many.
const BODY: usize = 64 << 20;
/// An act that takes longer is answered before it has ended.
const ACT: Duration = Duration::from_secs(5);
/// A connection that is idle this long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Characters of a correlation.
const CORRELATION: usize = 1024;

/// Verbs, in the order of the standard.
const VERBS: [&str; 8] = ["identity", "reset", "act", "trust", "people", "clock", "outcome", "logs"];

/// A running test control.
pub(crate) struct ControlServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Binds the address, which has to be one of the loopback interface.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, WorldError> {
    let wrong = |error: String| WorldError::Bind { address: address.to_string(), error };
    if !address.ip().is_loopback() {
        return Err(wrong("test control is for the loopback interface only".to_owned()));
    }
    TcpListener::bind(address).map_err(|error| wrong(error.to_string()))
}

struct Shared {
    core: Arc<Core>,
    /// The party's endpoint, whose authority `trust` replaces.
    server: Option<Arc<Server>>,
}

impl ControlServer {
    pub(crate) fn start(
        listener: TcpListener,
        core: Arc<Core>,
        server: Option<Arc<Server>>,
    ) -> Result<Self, WorldError> {
        let wrong = |error: std::io::Error| WorldError::Bind {
            address: "test control".to_owned(),
            error: error.to_string(),
        };
        listener.set_nonblocking(true).map_err(wrong)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Arc::new(Shared { core, server }), stopped));
        Ok(Self { address, stop, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(request, &shared));
                    let mut builder = http1::Builder::new();
                    builder.timer(TokioTimer::new()).header_read_timeout(IDLE).auto_date_header(false);
                    // The caller is gone, or does not speak HTTP: his loss.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
    connections.shutdown().await;
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let (status, value) = match Limited::new(body, BODY).collect().await {
        Err(_) => (400, json!({ "error": "the body is too large or did not come" })),
        Ok(body) => shared.verb(&head.method, head.uri.path(), &body.to_bytes()).await,
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

type Told = (u16, Value);

fn done() -> Told {
    (200, json!({}))
}

/// The body has not the form that it should have. What it holds is not repeated.
fn malformed(expected: &str) -> Told {
    (400, json!({ "error": format!("expected {expected}") }))
}

fn changed(result: Result<(), WorldError>) -> Told {
    match result {
        Ok(()) => done(),
        Err(error @ (WorldError::Io { .. } | WorldError::Store(_) | WorldError::Made(_))) => {
            (500, json!({ "error": error.to_string() }))
        }
        Err(error) => (400, json!({ "error": error.to_string() })),
    }
}

/// The body of `POST /clock`; `now` has to be there, but may be null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    #[serde(deserialize_with = "Option::deserialize")]
    now: Option<i64>,
}

/// The body of `POST /trust`; what is missing stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trust {
    ca: Option<String>,
    federation: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
    agreements: Option<Vec<AgreementEntry>>,
}

impl Shared {
    async fn verb(&self, method: &Method, path: &str, body: &[u8]) -> Told {
        let Some(verb) = path.strip_prefix("/v1/") else { return self.unknown() };
        let core = &self.core;
        match (method, verb.split_once('/').unwrap_or((verb, ""))) {
            (&Method::GET, ("identity", "")) => (200, self.identity()),
            (&Method::POST, ("reset", "")) => changed(self.reset()),
            (&Method::POST, ("act", "")) => self.act(body).await,
            (&Method::POST, ("trust", "")) => self.trust(body),
            (&Method::POST, ("people", "")) => match serde_json::from_slice::<People>(body) {
                Ok(people) => changed(core.people(people)),
                Err(_) => malformed("the content of people.json"),
            },
            (&Method::POST, ("clock", "")) => match serde_json::from_slice::<Clock>(body) {
                Ok(Clock { now }) => {
                    core.clock().set(now.map(UnixTime));
                    done()
                }
                Err(_) => malformed("{\"now\": seconds since 1970, or null}"),
            },
            (&Method::GET, ("outcome", correlation)) if !correlation.is_empty() => {
                match decoded(correlation).and_then(|correlation| core.outcome_of(&correlation)) {
                    Some(outcome) => (200, json!(outcome)),
                    None => (404, json!({ "error": "an unknown correlation" })),
                }
            }
            (&Method::GET, ("logs", "")) => (200, json!({ "lines": core.log.lines() })),
            _ => self.unknown(),
        }
    }

    /// Not offered: nothing is done.
    fn unknown(&self) -> Told {
        if self.core.options().faults.has(Fault::AnswersUnknownVerbs) {
            return done();
        }
        (501, json!({ "error": "not offered" }))
    }

    fn has_acts(&self) -> bool {
        self.core.entry().role == Role::Requester
    }

    fn identity(&self) -> Value {
        let entry = self.core.entry();
        let mut verbs = VERBS.to_vec();
        verbs.retain(|verb| self.has_acts() || *verb != "act");
        if self.core.options().faults.has(Fault::HidesVerbs) {
            verbs.clear();
        }
        json!({
            "product": format!("Chukei mock {} (TEST)", entry.name),
            "build": env!("CARGO_PKG_VERSION"),
            "verbs": verbs,
            "acts": if self.has_acts() { vec!["link"] } else { vec![] },
            "party": entry.name,
            "role": entry.role,
            "entity": entry.entity,
            "endpoint": self.server.as_ref().map(|_| self.core.endpoint()),
        })
    }

    fn reset(&self) -> Result<(), WorldError> {
        let identity = self.core.reset()?;
        self.server.as_ref().map_or(Ok(()), |server| server.replace_identity(&identity))
    }

    async fn act(&self, body: &[u8]) -> Told {
        const EXPECTED: &str = "an act with its correlation and parameters";
        let Ok(Value::Object(mut act)) = serde_json::from_slice(body) else { return malformed(EXPECTED) };
        let (name, correlation) = (act.remove("act"), act.remove("correlation"));
        if !self.has_acts() || name != Some(Value::from("link")) {
            return self.unknown();
        }
        let correlation = correlation.as_ref().and_then(Value::as_str);
        let correlation = correlation.filter(|text| (1..=CORRELATION).contains(&text.len()));
        let link = serde_json::from_value::<Link>(Value::Object(act));
        let (Some(correlation), Ok(link)) = (correlation, link) else { return malformed(EXPECTED) };

        let (core, correlation) = (Arc::clone(&self.core), correlation.to_owned());
        core.outcome(&correlation, Outcome::pending());
        let (ended, wait) = tokio::sync::oneshot::channel();
        let this = Arc::clone(&core);
        core.spawn(async move {
            let outcome = Arc::clone(&this).link(link).await;
            this.outcome(&correlation, outcome);
            // The caller has not waited.
            let _ = ended.send(());
        });
        // Whether it has ended or only begun, the answer is the same.
        let _ = timeout(ACT, wait).await;
        done()
    }

    fn trust(&self, body: &[u8]) -> Told {
        let Ok(told) = serde_json::from_slice::<Trust>(body) else {
            return malformed("ca, federation, metadata and agreements");
        };
        let federation = match told.federation.map(|pem| Certificate::from_pem(&pem)) {
            None => None,
            Some(read) => match read.ok().and_then(|certificate| certificate.public_key().ok()) {
                Some(key) => Some(key),
                None => return malformed("a certificate with a usable key as federation"),
            },
        };
        changed(
            self.core
                .trust(|trust| {
                    trust.ca = told.ca.unwrap_or_else(|| trust.ca.clone());
                    trust.federation_key = federation.unwrap_or_else(|| trust.federation_key.clone());
                    if let Some(metadata) = told.metadata {
                        trust.metadata = metadata.into_iter().collect();
                    }
                    if let Some(agreements) = told.agreements {
                        trust.agreements = agreements;
                    }
                })
                .and_then(|identity| {
                    self.server.as_ref().map_or(Ok(()), |server| server.replace_identity(&identity))
                }),
        )
    }
}

/// Percent-decoded (RFC 3986 §2.1).
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let digit = |octet: Option<u8>| char::from(octet?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            octets.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_percent_decoded() {
        assert_eq!(decoded("urn%3auuid%3A1%E6%B8%AF").as_deref(), Some("urn:uuid:1港"));
        for wrong in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_clock_has_to_be_told_something() {
        let read = |text: &str| serde_json::from_str::<Clock>(text).map(|clock| clock.now).ok();
        assert_eq!(read(r#"{"now": 5}"#), Some(Some(5)));
        assert_eq!(read(r#"{"now": null}"#), Some(None));
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"now": "5"}"#), None);
    }

    #[test]
    fn only_the_loopback_interface_is_bound() {
        assert!(bind(([127, 0, 0, 1], 0).into()).is_ok());
        assert!(matches!(bind(([0, 0, 0, 0], 0).into()), Err(WorldError::Bind { .. })));
    }
}
