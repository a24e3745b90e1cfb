//! HTTP/1.1 over mutual TLS, to one party at a time. Follows nothing: no redirect, no cookie, no proxy.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chukei_idwsf::Checks;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use openssl::ssl::SslConnector;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use crate::WorldError;
use crate::server::is_xml;
use crate::tls::TlsIdentity;

/// A peer that may take this long to be reached.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that was idle this long is not used again: its server closes it after ten seconds.
const IDLE: Duration = Duration::from_secs(5);
/// Idle connections kept to one party.
const KEPT: usize = 64;
/// Octets of the head of an answer.
const HEAD: usize = 16 * 1024;
/// Octets of the body of an answer.
const BODY: usize = 2 * 1024 * 1024;

/// Why there is no answer. Holds nothing that the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// Not `https`, or no port or path.
    Address,
    /// Nobody listens there, or nobody in time.
    Connect,
    /// The connection ended, or what came is not HTTP.
    Http,
    /// Another party than the one asked has answered the connection.
    Identity,
    /// Not in time.
    Timeout,
    /// The TLS handshake failed: their certificate, or ours.
    Tls,
    /// More than an answer may have.
    TooLarge,
}

impl ClientError {
    /// One word for logs and outcomes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address => "TransportAddress",
            Self::Connect => "TransportConnect",
            Self::Http => "TransportHttp",
            Self::Identity => "TransportIdentity",
            Self::Timeout => "TransportTimeout",
            Self::Tls => "TransportTls",
            Self::TooLarge => "TransportTooLarge",
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "the address is not an https URL with port and path",
            Self::Connect => "nobody answers there",
            Self::Http => "the connection ended or did not speak HTTP",
            Self::Identity => "somebody else answers there",
            Self::Timeout => "no answer in time",
            Self::Tls => "the TLS handshake failed",
            Self::TooLarge => "the answer is too large",
        })
    }
}

impl std::error::Error for ClientError {}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Whether it is `text/xml` in UTF-8.
    pub xml: bool,
    /// Its body.
    pub body: Bytes,
}

/// Sends messages and keeps connections.
#[derive(Clone)]
pub struct Client {
    connector: SslConnector,
    /// Whether every server is believed: by a fault of a mock party.
    believes_all: bool,
    /// From the first octet sent to the last received.
    patience: Duration,
    idle: Arc<Mutex<HashMap<String, Vec<Idle>>>>,
}

struct Idle {
    since: Instant,
    connection: Connection,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// DER of the server's certificate.
    server: Vec<u8>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client with this identity, that waits so long for an answer. It makes every check, but for a mock party with a fault.
    ///
    /// # Errors
    /// [`WorldError::Made`] when the identity is of no use.
    pub fn new(identity: &TlsIdentity, patience: Duration, checks: &Checks) -> Result<Self, WorldError> {
        let connector = identity.connector(checks).map_err(|error| WorldError::Made(error.to_string()))?;
        let believes_all = checks.skips("transport.tls.server");
        Ok(Self { connector, believes_all, patience, idle: Arc::default() })
    }

    /// The same without a connection. Setting up another takes longer than many messages, because the library reads the
    /// system's authorities first.
    pub(crate) fn anew(&self) -> Self {
        Self { idle: Arc::default(), ..self.clone() }
    }

    /// Posts a message to the party for which `is_party` knows the certificate, and returns what comes back. `soap_action`
    /// has its quotation marks.
    ///
    /// A message is sent once. Only when a kept connection turns out to be closed before anything was sent, a new one is
    /// taken.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post(
        &self,
        url: &str,
        soap_action: &str,
        body: Vec<u8>,
        is_party: impl Fn(&[u8]) -> bool + Send,
    ) -> Result<Answered, ClientError> {
        let uri: Uri = url.parse().map_err(|_| ClientError::Address)?;
        let authority = uri.authority().filter(|authority| authority.port().is_some());
        let authority =
            authority.filter(|_| uri.scheme_str() == Some("https")).ok_or(ClientError::Address)?;
        let authority = authority.as_str().to_owned();
        let mut request = Request::post(uri.path())
            .header(HOST, &authority)
            .header(CONTENT_TYPE, "text/xml; charset=utf-8")
            .header("SOAPAction", soap_action)
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| ClientError::Address)?;
        // [transport.tls.server]
        let is_party = |der: &[u8]| self.believes_all || is_party(der);
        let exchange = async {
            while let Some(mut connection) = self.kept(&authority) {
                if !is_party(&connection.server) || connection.sender.ready().await.is_err() {
                    continue;
                }
                match connection.sender.try_send_request(request).await {
                    Ok(response) => return self.answered(&authority, connection, response).await,
                    Err(mut error) => request = error.take_message().ok_or(ClientError::Http)?,
                }
            }
            let mut connection = self.connect(&authority).await?;
            if !is_party(&connection.server) {
                return Err(ClientError::Identity);
            }
            let response = connection.sender.send_request(request).await.map_err(|_| ClientError::Http)?;
            self.answered(&authority, connection, response).await
        };
        timeout(self.patience, exchange).await.map_err(|_| ClientError::Timeout)?
    }

    async fn answered(
        &self,
        authority: &str,
        connection: Connection,
        response: Response<hyper::body::Incoming>,
    ) -> Result<Answered, ClientError> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                ClientError::TooLarge
            } else {
                ClientError::Http
            }
        })?;
        self.keep(authority, connection);
        Ok(Answered { status: head.status.as_u16(), xml: is_xml(&head.headers), body: body.to_bytes() })
    }

    async fn connect(&self, authority: &str) -> Result<Connection, ClientError> {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let stream = timeout(CONNECT, TcpStream::connect(authority)).await;
        let stream = stream.map_err(|_| ClientError::Connect)?.map_err(|_| ClientError::Connect)?;
        let _ = stream.set_nodelay(true);
        let tls = || ClientError::Tls;
        let ssl = self.connector.configure().and_then(|c| c.into_ssl(host)).map_err(|_| tls())?;
        let mut stream = Box::pin(SslStream::new(ssl, stream).map_err(|_| tls())?);
        let shaken = timeout(CONNECT, stream.as_mut().connect()).await;
        shaken.map_err(|_| tls())?.map_err(|_| tls())?;
        let server = stream.ssl().peer_certificate().and_then(|certificate| certificate.to_der().ok());
        let server = server.ok_or_else(tls)?;
        let (sender, driver) = http1::Builder::new()
            .max_header_size(HEAD)
            .max_headers(100)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| ClientError::Http)?;
        // Ends with the connection; whoever waits for an answer is told by the sender.
        tokio::spawn(async move { driver.await.unwrap_or_default() });
        Ok(Connection { sender, server })
    }

    fn kept(&self, authority: &str) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(authority)?;
        while let Some(candidate) = kept.pop() {
            if candidate.since.elapsed() < IDLE && !candidate.connection.sender.is_closed() {
                return Some(candidate.connection);
            }
        }
        None
    }

    fn keep(&self, authority: &str, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.entry(authority.to_owned()).or_default();
        if kept.len() < KEPT {
            kept.push(Idle { since: Instant::now(), connection });
        }
    }
}
