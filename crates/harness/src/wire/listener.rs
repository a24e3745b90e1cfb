//! The suite as a party that the product calls.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use openssl::ssl::{Ssl, SslAcceptor};
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

/// Decides what to do with a call. Runs on a thread where it may take its time.
pub(crate) type Decide = Arc<dyn Fn(Call) -> Reply + Send + Sync>;

/// Octets of a call that are read.
const LONGEST: usize = 4 << 20;
/// How long a handshake, a header section or a body may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens as `party` until the handle is aborted.
pub(crate) async fn listen(
    world: Arc<World>,
    party: String,
    address: SocketAddr,
    decide: Decide,
) -> io::Result<JoinHandle<()>> {
    let acceptor = tls::server(&world, &party).map_err(io::Error::other)?;
    let listener = TcpListener::bind(address).await?;
    Ok(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, world, party) = (acceptor.clone(), Arc::clone(&world), party.clone());
            let decide = Arc::clone(&decide);
            tokio::spawn(async move {
                // A product that does not finish its handshake has called nobody.
                if let Ok(Ok(stream)) = timeout(PATIENCE, accept(&acceptor, stream)).await {
                    serve(&world, &party, stream, decide).await;
                }
            });
        }
    }))
}

async fn accept(acceptor: &SslAcceptor, stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
    let _ = stream.set_nodelay(true);
    let ssl = Ssl::new(acceptor.context()).map_err(io::Error::other)?;
    let mut stream = SslStream::new(ssl, stream).map_err(io::Error::other)?;
    Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
    Ok(stream)
}

async fn serve(world: &World, party: &str, stream: SslStream<TcpStream>, decide: Decide) {
    let tls_client = tls::peer(world, stream.ssl().peer_certificate());
    let service = service_fn(|request: Request<Incoming>| {
        let (decide, tls_client, to) = (Arc::clone(&decide), tls_client.clone(), party.to_owned());
        async move {
            let (head, body) = request.into_parts();
            let Ok(Ok(body)) = timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await else {
                return Ok(plain(413, Vec::new(), Vec::new()));
            };
            let call = Call {
                to,
                tls_client,
                method: head.method.to_string(),
                path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
                headers: fields(&head.headers),
                body: body.to_bytes().to_vec(),
            };
            let decided = tokio::task::spawn_blocking(move || decide(call)).await;
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
