//! Relay state in SQLite.

#![forbid(unsafe_code)]
