//! Every party of the mock world as a process, each deviation a named fault switch.

#![forbid(unsafe_code)]
