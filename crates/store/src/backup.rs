//! A copy of the state while it is in use. A database has its own tools for that: `pg_dump` copies one state of it.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::location::Location;
use crate::maps::Maps;
use crate::{BUSY, Store, StoreError};

impl Store {
    /// Copies the state into a file that is not there yet, and its mappings beside it, while entries are recorded and files
    /// imported. What was acknowledged before this was called is in the copy, which [`Store::open`] opens.
    ///
    /// # Errors
    /// [`StoreError::File`], if a file is there already or cannot be written; [`StoreError::NoFile`] for a database.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let Location::File(from) = self.location() else {
            return Err(StoreError::NoFile { at: self.location().to_string() });
        };
        // The ledger first: whoever it speaks about is in the later copy of the mappings, and no newcomer there gets a number
        // that an entry already has.
        for (from, to) in [(from.clone(), to.to_owned()), (Maps::path(from), Maps::path(to))] {
            copy(&from, &to).map_err(|error| StoreError::File { path: to, error })?;
        }
        Ok(())
    }
}

/// One state of a file, on the disk when it returns.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fn told(error: impl ToString) -> String {
        error.to_string()
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(to).map_err(told)?;
    let copied = (|| {
        let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(told)?;
        source.busy_timeout(BUSY).map_err(told)?;
        let mut target = Connection::open(to).map_err(told)?;
        let step = Backup::new(&source, &mut target).and_then(|backup| backup.step(-1)).map_err(told)?;
        if step != StepResult::Done {
            return Err("the file is locked".to_owned());
        }
        target.close().map_err(|(_, error)| told(error))?;
        File::open(to).and_then(|file| file.sync_all()).map_err(told)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(told)
    })();
    if copied.is_err() {
        // Half a copy is none.
        let _ = fs::remove_file(to);
    }
    copied
}
