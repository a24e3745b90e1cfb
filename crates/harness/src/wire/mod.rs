//! Bytes to and from the product: HTTP/1.1 over mutual TLS, on a runtime of its own behind blocking calls.

pub(crate) mod client;
mod heading;
pub(crate) mod listener;
pub(crate) mod plain;
pub(crate) mod tls;

pub use client::{Endpoint, Limits, Response};
pub use listener::Reply;
