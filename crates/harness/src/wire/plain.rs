//! JSON over plain HTTP on the loopback interface: the test-control API.

use std::time::Duration;

use chukei_evidence::NoAnswer;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, body::Bytes};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::client::Endpoint;

/// Octets of an answer that are read.
const LONGEST: usize = 16 << 20;

/// Calls a verb: status and body of the answer.
pub(crate) async fn call(
    base: &Endpoint,
    method: &str,
    verb: &str,
    body: Vec<u8>,
    patience: Duration,
) -> Result<(u16, Vec<u8>), NoAnswer> {
    let exchange = async {
        let stream =
            TcpStream::connect((base.host.as_str(), base.port)).await.map_err(|_| NoAnswer::Refused)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| NoAnswer::Closed)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{verb}", base.path.trim_end_matches('/')))
            .header("host", base.authority())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| NoAnswer::NotHttp)?;
        let answer = sender.send_request(request).await;
        let answer =
            answer.map_err(|error| if error.is_parse() { NoAnswer::NotHttp } else { NoAnswer::Closed })?;
        let status = answer.status().as_u16();
        let body =
            Limited::new(answer.into_body(), LONGEST).collect().await.map_err(|_| NoAnswer::TooLarge)?;
        driver.abort();
        Ok((status, body.to_bytes().to_vec()))
    };
    timeout(patience, exchange).await.map_err(|_| NoAnswer::Timeout)?
}
