//! Decides, from a message, a time and its stores, what the relay answers and records. Sans-IO.

#![forbid(unsafe_code)]
