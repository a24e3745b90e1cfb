//! `chukei matrix`: which judge is killed by which mutant of a transcript.

use std::fs;

use crate::{
    args::Matrix,
    say::{Exit, Failure, Say},
};

/// Prints the matrix that self-test computes, or compares it with a file.
pub(crate) fn matrix(asked: &Matrix, say: &Say) -> Result<Exit, Failure> {
    // Computing takes a while: a slip of the pen is told before.
    let golden = |path| fs::read_to_string(path).map_err(|error| Failure::read(path, &error));
    let golden = asked.check.as_ref().map(|path| golden(path).map(|text| (path, text))).transpose()?;
    let computed = crate::self_test::matrix(say)?;
    let Some((path, golden)) = golden else {
        say.result(computed.trim_end());
        return Ok(Exit::Conformant);
    };
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
