//! What the crate refuses, each beside what it takes. Attack ids are those of the catalogue in `vectors/`.

mod keys;
mod paths;
mod revocation;
mod sealing;
mod signing;
mod speed;
