//! HTTP/1.1 over mutual TLS, with a limit on everything that a peer decides.
//!
//! hyper refuses contradictory lengths, obsolete folding, control characters and the like by itself. What it leaves to
//! its user is here: exactly one fitting `Host`, one method, known paths, the media type, sizes, times, the number of
//! connections. hyper accepts a line feed alone as the end of a header line; behind no proxy, as here, that has no second
//! reading.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use chukei_idwsf::{Checks, Refusal, fault};
use chukei_reason::{LimitKind, Reason};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderValue,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use crate::WorldError;
use crate::stall::Stalling;
use crate::tls::{Clients, TlsIdentity};

/// What a peer may take of us. The defaults are those of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the request line and header fields.
    pub head: usize,
    /// Header fields.
    pub fields: usize,
    /// From the first octet awaited to the end of the header; a connection may be idle as long.
    pub head_time: Duration,
    /// Octets of a body.
    pub body: usize,
    /// From the header to the end of the body.
    pub body_time: Duration,
    /// Without a single octet of an answer taken.
    pub write_time: Duration,
    /// The TLS handshake.
    pub handshake_time: Duration,
    /// A message of a relay's, from its first octet to the last of its answer. A responder waits half, a requester twice as long.
    pub exchange_time: Duration,
    /// Connections at a time; others wait to be accepted.
    pub connections: usize,
    /// What is under way when the party stops has this long to end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 16 * 1024,
            fields: 100,
            head_time: Duration::from_secs(10),
            body: 2 * 1024 * 1024,
            body_time: Duration::from_secs(30),
            write_time: Duration::from_secs(10),
            handshake_time: Duration::from_secs(10),
            exchange_time: Duration::from_secs(10),
            connections: 512,
            grace: Duration::from_secs(10),
        }
    }
}

/// A request that the transport lets through.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its path.
    pub path: String,
    /// The `SOAPAction` field, if there is exactly one.
    pub soap_action: Option<String>,
    /// Its body.
    pub body: Bytes,
    /// DER of the certificate that the TLS client has shown and proved.
    pub client: Option<Arc<[u8]>>,
}

/// What goes back: `text/xml` in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// An answer.
    Answer(Answer),
    /// The connection is closed: by a fault of a mock party.
    Close,
    /// An answer of 1 GiB: by a fault of a mock party.
    Endless,
}

/// What answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request.
    fn handle(&self, received: Received) -> impl Future<Output = Reaction> + Send;

    /// Is told what the transport refused by itself.
    fn refused(&self, refusal: &Refusal);
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Serve {
    /// Sizes and times.
    pub limits: Limits,
    /// Who may connect.
    pub clients: Clients,
    /// What `Host` may say, and an absolute request target.
    pub authorities: Vec<String>,
    /// The paths that there are.
    pub paths: Vec<String>,
    /// What is checked: everything, but for a mock party with a fault.
    pub checks: Checks,
    /// Whether connections are closed in the place of an answer 404 or 405: by a fault of a mock party.
    pub closes_on_others: bool,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    acceptor: Arc<RwLock<SslAcceptor>>,
    clients: Clients,
    checks: Checks,
    stop: watch::Sender<bool>,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Server {
    /// Starts to serve on a listener that is already bound, so that connections succeed from now on.
    ///
    /// # Errors
    /// [`WorldError::Made`] when the TLS identity is of no use, [`WorldError::Bind`] when the listener is.
    pub fn start<H: Handler>(
        listener: std::net::TcpListener,
        identity: &TlsIdentity,
        serve: Serve,
        handler: Arc<H>,
    ) -> Result<Self, WorldError> {
        let bind = |error: std::io::Error| WorldError::Bind {
            address: "the listener".to_owned(),
            error: error.to_string(),
        };
        let (clients, checks) = (serve.clients, serve.checks.clone());
        let acceptor =
            identity.acceptor(clients, &checks).map_err(|error| WorldError::Made(error.to_string()))?;
        listener.set_nonblocking(true).map_err(bind)?;
        let listener = TcpListener::from_std(listener).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (stop, stopped) = watch::channel(false);
        let acceptor = Arc::new(RwLock::new(acceptor));
        let shared = Arc::new(Shared { acceptor: Arc::clone(&acceptor), serve, handler });
        let task = tokio::spawn(accept(listener, shared, stopped));
        Ok(Self { address, acceptor, clients, checks, stop, task: Mutex::new(Some(task)) })
    }

    /// New connections are shaken with this identity and authority from now on.
    ///
    /// # Errors
    /// [`WorldError::Made`] when the identity is of no use; the former one stays.
    pub fn replace_identity(&self, identity: &TlsIdentity) -> Result<(), WorldError> {
        let acceptor = identity.acceptor(self.clients, &self.checks);
        let acceptor = acceptor.map_err(|error| WorldError::Made(error.to_string()))?;
        *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and requests, lets those under way end, and returns when they have.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // The task ends by itself; a panic in it was a handler's.
            let _ = task.await;
        }
    }
}

struct Shared<H> {
    acceptor: Arc<RwLock<SslAcceptor>>,
    serve: Serve,
    handler: Arc<H>,
}

async fn accept<H: Handler>(
    listener: TcpListener,
    shared: Arc<Shared<H>>,
    mut stopped: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(shared.serve.limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            Some((slot, listener.accept().await))
        };
        tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = next => {
                let Some((slot, accepted)) = accepted else { break };
                match accepted {
                    Ok((stream, _)) => {
                        let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
                        connections.spawn(async move {
                            connection(stream, &shared, stopped).await;
                            drop(slot);
                        });
                    }
                    // Out of descriptors, or the peer is gone already: others are served meanwhile.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(shared.serve.limits.grace, ended).await.is_err() {
        connections.shutdown().await;
    }
}

/// Returns when the server is told to stop, or is gone.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn connection<H: Handler>(
    stream: TcpStream,
    shared: &Arc<Shared<H>>,
    mut stopped: watch::Receiver<bool>,
) {
    let limits = shared.serve.limits;
    let refused = || shared.handler.refused(&Refusal::new("transport.tls.client", Reason::Tls, "mutual TLS"));
    let _ = stream.set_nodelay(true);
    let ssl = Ssl::new(shared.acceptor.read().unwrap_or_else(PoisonError::into_inner).context());
    let Ok(stream) = ssl.and_then(|ssl| SslStream::new(ssl, stream)) else { return refused() };
    let mut stream = Box::pin(stream);
    let handshake = timeout(limits.handshake_time, stream.as_mut().accept());
    tokio::select! {
        shaken = handshake => if !matches!(shaken, Ok(Ok(()))) { return refused() },
        () = told_to_stop(&mut stopped) => return,
    }
    let client = stream.ssl().peer_certificate().and_then(|certificate| certificate.to_der().ok());
    let client: Option<Arc<[u8]>> = client.map(Into::into);

    let service = service_fn(|request| {
        let client = client.clone();
        async move { answer(request, client, shared).await.ok_or(Closed) }
    });
    let lax_head = shared.serve.checks.skips("transport.header.limit");
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(if lax_head { 64 * limits.head } else { limits.head })
        .max_headers(if lax_head { 64 * limits.fields } else { limits.fields })
        .auto_date_header(false);
    let served = builder.serve_connection(TokioIo::new(Stalling::new(stream, limits.write_time)), service);
    let mut served = std::pin::pin!(served);
    let outcome = tokio::select! {
        outcome = served.as_mut() => Some(outcome),
        () = told_to_stop(&mut stopped) => None,
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = outcome {
        if error.is_parse() {
            shared.handler.refused(&Refusal::new(
                "transport.header.limit",
                Reason::Http,
                "an HTTP/1.1 request",
            ));
        } else if error.is_timeout() {
            shared.handler.refused(&Refusal::new(
                "transport.header.limit",
                Reason::Http,
                "a request in time",
            ));
        }
    }
}

async fn answer<H: Handler>(
    request: Request<Incoming>,
    client: Option<Arc<[u8]>>,
    shared: &Shared<H>,
) -> Option<Response<Told>> {
    match receive(request, client, &shared.serve).await {
        Ok(received) => match shared.handler.handle(received).await {
            Reaction::Answer(answer) => Some(response(answer, false)),
            Reaction::Close => None,
            Reaction::Endless => Some(Response::new(Either::Right(Endless { left: 1 << 14 }))),
        },
        Err((refusal, status)) => {
            shared.handler.refused(&refusal);
            if shared.serve.closes_on_others && matches!(status, Some(404 | 405)) {
                return None;
            }
            let told = fault(refusal.reason());
            Some(response(Answer { status: status.unwrap_or(told.status), body: told.body }, true))
        }
    }
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed by a fault")
    }
}

impl std::error::Error for Closed {}

type Told = Either<Full<Bytes>, Endless>;

/// Zeros, in pieces of 64 KiB of which so many are left.
struct Endless {
    left: u32,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&ZEROS)))))
    }
}

/// Refusals of the transport close the connection: what follows on it may not be what it seems.
fn response(told: Answer, refused: bool) -> Response<Told> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(told.body))));
    *response.status_mut() = StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if refused {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if told.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

type Refused = (Refusal, Option<u16>);

/// Every check of the transport, cheapest first; the body is read last.
async fn receive(
    request: Request<Incoming>,
    client: Option<Arc<[u8]>>,
    serve: &Serve,
) -> Result<Received, Refused> {
    let (head, body) = request.into_parts();
    let checks = &serve.checks;
    let http = |holds, sentence, expected, status| {
        checks.require(sentence, holds, Reason::Http, expected).map_err(|refusal| (refusal, status))
    };

    // RFC 9112 §3.2: one Host, ours, and the same as in an absolute target.
    let hosts: Vec<_> = head.headers.get_all(HOST).iter().collect();
    let host = match hosts.as_slice() {
        [host] => host.to_str().ok(),
        _ => None,
    };
    let fits = |authority: &str| serve.authorities.iter().any(|own| own.eq_ignore_ascii_case(authority));
    let host_fits = host.is_some_and(fits) && head.version == Version::HTTP_11;
    http(host_fits, "transport.method.post", "one Host, ours, in HTTP/1.1", None)?;
    let target_fits = head.uri.authority().is_none_or(|authority| fits(authority.as_str()));
    http(target_fits, "transport.method.post", "a request target that is ours", None)?;

    // [transport.method.post]
    let known = serve.paths.iter().any(|path| path == head.uri.path()) && head.uri.query().is_none();
    http(known, "transport.method.post", "a path that there is", Some(404))?;
    http(head.method == Method::POST, "transport.method.post", "the method POST", Some(405))?;

    // [transport.encoding.none]
    let plain = !head.headers.contains_key(CONTENT_ENCODING);
    http(plain, "transport.encoding.none", "a body without a coding", None)?;
    // [transport.field.once] hyper closes the connection where there are two lengths.
    let types: Vec<_> = head.headers.get_all(CONTENT_TYPE).iter().collect();
    http(types.len() < 2, "transport.field.once", "one Content-Type", None)?;
    // [transport.content-type]
    let xml = types.first().is_some_and(|field| names_xml(field));
    http(xml, "transport.content-type", "text/xml in UTF-8", None)?;

    // [transport.body.limit]
    let large = |sentence| Refusal::new(sentence, Reason::Limit(LimitKind::Bytes), "a body of 2 MiB at most");
    let most = if checks.skips("transport.body.limit") { 32 * serve.limits.body } else { serve.limits.body };
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        // Closed with octets unread, the connection would be reset, and the answer with it.
        let _ = timeout(DRAIN_TIME, drain(body, serve.limits.body.saturating_mul(2))).await;
        return Err((large("transport.body.limit"), None));
    }
    let whole = timeout(serve.limits.body_time, Limited::new(body, most).collect()).await;
    let body = match whole {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err((large("transport.body.limit"), None));
        }
        Ok(Err(_)) => return Err((Refusal::new("transport.body.limit", Reason::Http, "a whole body"), None)),
        Err(_) => {
            return Err((Refusal::new("transport.body.limit", Reason::Http, "a body in time"), Some(408)));
        }
    };
    // Whoever has no limit fails later, in a way of its own: a fault of a mock party.
    if body.len() > serve.limits.body {
        return Err((Refusal::internal("a body that fits"), None));
    }
    let actions: Vec<_> = head.headers.get_all("soapaction").iter().collect();
    let soap_action = match actions.as_slice() {
        [action] => action.to_str().ok().map(str::to_owned),
        _ => None,
    };
    Ok(Received { path: head.uri.path().to_owned(), soap_action, body, client })
}

/// How long what is too large may still come in.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Reads and forgets so many octets.
async fn drain(mut body: Incoming, mut most: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        most = most.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if most == 0 {
            return;
        }
    }
}

/// One `Content-Type` that names it.
pub(crate) fn is_xml(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    matches!((fields.next(), fields.next()), (Some(field), None) if names_xml(field))
}

/// `text/xml`, alone or with `charset=utf-8`.
fn names_xml(field: &HeaderValue) -> bool {
    let Ok(text) = field.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let is_type = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("text/xml"));
    let charset = |parameter: &str| {
        let Some((name, value)) = parameter.split_once('=') else { return false };
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
    };
    let parameters: Vec<_> = parts.collect();
    is_type && parameters.len() <= 1 && parameters.into_iter().all(charset)
}
