//! Files that a user names and that would be missed: keys, cards, proofs. What is there already is never written over, since
//! nobody could make it again; a pipe or a terminal in the place of a file takes what it is given.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use crate::say::{Exit, Failure};

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    /// Whoever the system lets read new files.
    Usual,
    /// Its owner alone.
    Owner,
}

/// Says before the work begins that its result would have no place.
pub(crate) fn free(path: &Path) -> Result<(), Failure> {
    if is_file(path) { Err(taken(path)) } else { Ok(()) }
}

/// Writes a file that is not there yet; none is left if it could not be written whole.
pub(crate) fn write_new(path: &Path, octets: &[u8], readers: Readers) -> Result<(), Failure> {
    let fails = |error: io::Error| Failure::write(path, &error);
    match new(path, readers) {
        Ok(mut file) => file.write_all(octets).map_err(|error| {
            let _ = fs::remove_file(path); // what failed is told
            fails(error)
        }),
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(fails(error)),
        Err(_) if is_file(path) => Err(taken(path)),
        Err(_) => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut pipe| pipe.write_all(octets))
            .map_err(fails),
    }
}

fn new(path: &Path, readers: Readers) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if matches!(readers, Readers::Owner) {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options.open(path)
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|place| place.is_file())
}

fn taken(path: &Path) -> Failure {
    Failure::new(Exit::Usage, "failure.taken", [path.display().to_string()]).fix("failure.taken-fix", [""; 0])
}
