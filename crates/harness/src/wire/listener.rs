//! The suite as a party that the product calls.

use std::{future::poll_fn, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslAcceptor},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_openssl::SslStream;

use super::{client::fields, tls};
use crate::world::World;

/// A call of the product as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub to: String,
    /// The exchange in which the product was shown the certificate of another.
    pub exchange: Option<u32>,
    pub tls_client: Option<String>,
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What the suite does with a call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers.
    Answer {
        /// HTTP status.
        status: u16,
        /// Header fields.
        headers: Vec<(String, String)>,
        /// Body.
        body: Vec<u8>,
    },
    /// Closes the connection without an answer.
    Close,
}

/// The parties of the suite, as the product finds them.
pub(crate) trait Callee: Send + Sync + 'static {
    /// Whose certificate is shown in the place of that of `party`.
    fn disguise(&self, party: &str) -> Option<String>;

    /// That was shown: this certificate, DER. Gives the number of the exchange.
    fn shown(&self, party: &str, certificate: &[u8]) -> u32;

    /// Decides what to do with a call. Runs on a thread where it may take its time.
    fn called(&self, call: Call) -> Reply;
}

/// Octets of a call that are read.
const LONGEST: usize = 4 << 20;
/// How long a handshake, a header section or a body may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens as `party` until the handle is aborted. Each connection serves one message: a disguise counts from the next on.
pub(crate) async fn listen<C: Callee>(
    world: Arc<World>,
    party: String,
    address: SocketAddr,
    callee: Arc<C>,
) -> io::Result<JoinHandle<()>> {
    let acceptor = tls::server(&world, &party).map_err(io::Error::other)?;
    let listener = TcpListener::bind(address).await?;
    Ok(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, world, party) = (acceptor.clone(), Arc::clone(&world), party.clone());
            let callee = Arc::clone(&callee);
            // A product that does not finish its handshake has called nobody.
            tokio::spawn(async move {
                let disguise = callee.disguise(&party);
                let begun = match &disguise {
                    None => begin(&acceptor, stream),
                    Some(other) => tls::server(&world, other).and_then(|other| begin(&other, stream)),
                };
                let Ok(mut stream) = begun else { return };
                // The certificate leaves together with the choice of the ciphers, and is recorded then: what the product does
                // about it comes after that.
                let (mut disguise, mut exchange) = (disguise, None);
                let handshake = poll_fn(|context| {
                    let polled = Pin::new(&mut stream).poll_accept(context);
                    if stream.ssl().current_cipher().is_some()
                        && let Some(other) = disguise.take()
                    {
                        exchange = Some(callee.shown(&party, &world.certificate(&other)));
                    }
                    polled
                });
                let shaken = timeout(PATIENCE, handshake).await;
                if let Ok(Ok(())) = shaken {
                    serve(&world, &party, stream, (callee, exchange)).await;
                }
            });
        }
    }))
}

fn begin(acceptor: &SslAcceptor, stream: TcpStream) -> Result<SslStream<TcpStream>, ErrorStack> {
    let _ = stream.set_nodelay(true);
    SslStream::new(Ssl::new(acceptor.context())?, stream)
}

async fn serve<C: Callee>(
    world: &World,
    party: &str,
    stream: SslStream<TcpStream>,
    (callee, exchange): (Arc<C>, Option<u32>),
) {
    let tls_client = tls::peer(world, stream.ssl().peer_certificate());
    let service = service_fn(|request: Request<Incoming>| {
        let (callee, tls_client, to) = (Arc::clone(&callee), tls_client.clone(), party.to_owned());
        async move {
            let (head, body) = request.into_parts();
            let Ok(Ok(body)) = timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await else {
                return Ok(plain(413, Vec::new(), Vec::new()));
            };
            let call = Call {
                to,
                exchange,
                tls_client,
                method: head.method.to_string(),
                path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
                headers: fields(&head.headers),
                body: body.to_bytes().to_vec(),
            };
            let decided = tokio::task::spawn_blocking(move || callee.called(call)).await;
            match decided {
                Ok(Reply::Answer { status, headers, body }) => Ok(plain(status, headers, body)),
                Ok(Reply::Close) | Err(_) => Err("closed on purpose"),
            }
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .auto_date_header(false)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn plain(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(body))).unwrap_or_default()
}
