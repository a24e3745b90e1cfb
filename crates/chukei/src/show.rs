//! `chukei matrix`: which judge is killed by which mutant of a transcript.

use std::fs;

use crate::{
    args::Matrix,
    say::{Exit, Failure, Say},
};

/// Prints the matrix that self-test computes, or compares it with a file.
pub(crate) fn matrix(asked: &Matrix, say: &Say) -> Result<Exit, Failure> {
    let computed = crate::self_test::matrix(say)?;
    let Some(path) = &asked.check else {
        say.result(computed.trim_end());
        return Ok(Exit::Conformant);
    };
    let golden = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    match golden.lines().zip(computed.lines()).position(|(old, new)| old != new) {
        None if golden == computed => Ok(Exit::Conformant),
        at => {
            let line = at.unwrap_or_else(|| golden.lines().count().min(computed.lines().count()));
            let new = computed.lines().nth(line).unwrap_or_default().to_owned();
            Err(Failure::new(
                Exit::Nonconformant,
                "matrix.differs",
                [path.display().to_string(), (line + 1).to_string(), new],
            ))
        }
    }
}
