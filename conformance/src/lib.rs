//! The content of the suite: cases, judges, mutants and messages.

#![forbid(unsafe_code)]
