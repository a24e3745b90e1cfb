//! The product's test-control API: JSON over loopback HTTP, eight verbs.

use std::time::Duration;

use crate::wire::{Endpoint, plain};

/// A client of the API.
pub(crate) struct Control<'c> {
    base: &'c Endpoint,
}

/// How long a verb may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl<'c> Control<'c> {
    pub(crate) const fn new(base: &'c Endpoint) -> Self {
        Self { base }
    }

    /// Calls a verb: status, 0 when nothing came back, and body.
    pub(crate) async fn call(
        &self,
        method: &str,
        verb: &str,
        request: Option<&serde_json::Value>,
    ) -> (u16, Vec<u8>) {
        let body = request.map_or_else(Vec::new, |request| request.to_string().into_bytes());
        plain::call(self.base, method, verb, body, PATIENCE).await.unwrap_or_default()
    }
}
