//! One request over one fresh connection. Whatever the product does, this ends with an answer or with its absence.

use std::{error::Error, time::Duration};

use chukei_evidence::NoAnswer;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, body::Bytes};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use tokio_openssl::SslStream;

use super::{heading::Heading, tls};
use crate::{message::Finished, world::World};

/// How long to wait and how much to read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a connection and its handshake.
    pub connect: Duration,
    /// For the whole answer.
    pub answer: Duration,
    /// Octets of an answer's body.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(10), bytes: 4 << 20 }
    }
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Header fields in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Sends a message to an endpoint.
pub(crate) async fn send(
    world: &World,
    url: &Endpoint,
    message: &Finished,
    limits: Limits,
) -> Result<Response, NoAnswer> {
    let stream = timeout(limits.connect, connect(world, url, message.tls.as_deref(), message.old_tls))
        .await
        .map_err(|_| NoAnswer::Timeout)??;
    timeout(limits.answer, exchange(stream, url, message, limits.bytes))
        .await
        .map_err(|_| NoAnswer::Timeout)?
}

/// The certificate that the server at an endpoint shows, DER.
pub(crate) async fn certificate(
    world: &World,
    url: &Endpoint,
    party: &str,
    wait: Duration,
) -> Result<Vec<u8>, NoAnswer> {
    let stream =
        timeout(wait, connect(world, url, Some(party), false)).await.map_err(|_| NoAnswer::Timeout)??;
    stream.ssl().peer_certificate().and_then(|shown| shown.to_der().ok()).ok_or(NoAnswer::TlsRefused)
}

async fn connect(
    world: &World,
    url: &Endpoint,
    party: Option<&str>,
    old: bool,
) -> Result<SslStream<TcpStream>, NoAnswer> {
    let ssl = tls::client(world, party, old).map_err(|_| NoAnswer::TlsRefused)?;
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(|_| NoAnswer::Refused)?;
    let _ = stream.set_nodelay(true);
    let mut stream = SslStream::new(ssl, stream).map_err(|_| NoAnswer::TlsRefused)?;
    std::pin::Pin::new(&mut stream).connect().await.map_err(|_| NoAnswer::TlsRefused)?;
    Ok(stream)
}

async fn exchange(
    stream: SslStream<TcpStream>,
    url: &Endpoint,
    message: &Finished,
    bytes: usize,
) -> Result<Response, NoAnswer> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(1 << 18)
        .max_headers(1000)
        .handshake(TokioIo::new(Heading::new(stream, message.first_length())))
        .await
        .map_err(|error| how(&error))?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(message.method.as_str())
        .uri(message.path.as_deref().unwrap_or(&url.path))
        .header("host", url.authority());
    for (name, value) in &message.headers {
        request = request.header(name, value);
    }
    let request =
        request.body(Full::new(Bytes::from(message.body.clone()))).map_err(|_| NoAnswer::NotHttp)?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(|error| how(&error))?;
        let status = answer.status().as_u16();
        let headers = fields(answer.headers());
        let body = Limited::new(answer.into_body(), bytes).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { NoAnswer::TooLarge } else { NoAnswer::Closed }
        })?;
        Ok(Response { status, headers, body: body.to_bytes().to_vec() })
    };
    let answer = answer.await;
    driver.abort();
    answer
}

/// Header fields as text; octets beyond Latin-1 cannot come.
pub(crate) fn fields(headers: &hyper::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &hyper::header::HeaderValue| {
        value.as_bytes().iter().map(|octet| char::from(*octet)).collect()
    };
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn how(error: &hyper::Error) -> NoAnswer {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = source {
        // TLS 1.3 tells a client after its handshake that its certificate does not do.
        if cause.to_string().contains("alert") {
            return NoAnswer::TlsRefused;
        }
        source = cause.source();
    }
    if error.is_parse() { NoAnswer::NotHttp } else { NoAnswer::Closed }
}

/// An `https` URL of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The URL as it is written.
    pub url: String,
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path, with its slash.
    pub path: String,
}

impl Endpoint {
    /// Reads a URL `https://host[:port]/path`.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let default = if url.starts_with("https") { 443 } else { 80 };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash)?,
            None => (rest, "/"),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, default),
        };
        let plain = !host.is_empty() && !host.contains(['@', ' ', '?', '#']);
        plain.then(|| Self { url: url.to_owned(), host: host.to_owned(), port, path: path.to_owned() })
    }

    /// Host and port, as in the header field `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let endpoint = Endpoint::parse("https://127.0.0.1:8443/linkage").unwrap();
        assert_eq!((endpoint.authority().as_str(), endpoint.path.as_str()), ("127.0.0.1:8443", "/linkage"));
        assert_eq!(
            Endpoint::parse("https://a.example.test").map(|e| (e.port, e.path)),
            Some((443, "/".into()))
        );
        for wrong in ["ftp://a/", "https://", "https://a:x/", "https://u@a/", ""] {
            assert_eq!(Endpoint::parse(wrong), None, "{wrong}");
        }
    }
}
