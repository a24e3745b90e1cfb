//! What this standard adds: identifiers, purposes, the envelope, insurer linkage, disclosure and access history.

#![forbid(unsafe_code)]
