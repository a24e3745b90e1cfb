//! Drives a product: faces it as its counterparts, keeps seed and clock, finds set-up faults.

#![forbid(unsafe_code)]
