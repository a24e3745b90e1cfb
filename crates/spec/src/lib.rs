//! Reads the standard in spec/ into an index of its sentences.

#![forbid(unsafe_code)]
