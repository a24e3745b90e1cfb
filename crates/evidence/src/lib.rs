//! Transcript, hash chain, verdicts and judges' shapes. Pure: no clock, socket or randomness.

#![forbid(unsafe_code)]
