//! A copy of the state while it is in use, and the way back. A database has its own tools for both: `pg_dump` copies one state
//! of it, `psql` puts it back.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::checkpoint::{LedgerError, lost, read};
use crate::fsck::{Damage, Sound};
use crate::location::Location;
use crate::maps::Maps;
use crate::{BUSY, Store, StoreError};

/// Behind the names of files that a restored state has replaced.
const ASIDE: &str = ".replaced";

/// What was put in the place of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the copy holds.
    pub sound: Sound,
    /// The size of the largest tree that is known to be signed and is not in the copy: nothing is signed until another log
    /// succeeds this one ([`Store::succeed`]).
    pub ahead: Option<u64>,
}

impl Store {
    /// Copies the state into a file that is not there yet, and its mappings beside it, while entries are recorded and files
    /// imported. What was acknowledged before this was called is in the copy, which [`Store::open`] opens.
    ///
    /// # Errors
    /// [`StoreError::Taken`], if a file is there already, [`StoreError::File`], if one cannot be written: nothing of the copy is
    /// left then. [`StoreError::NoFile`] for a database.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let Location::File(from) = self.location() else {
            return Err(StoreError::NoFile { at: self.location().to_string() });
        };
        none_of(&Self::files(to))?;
        both(from, to)
    }

    /// Puts a copy in the place of a state. It is copied and checked first, and files of the state that are there are moved
    /// aside, if `replace` says so: a journal that has outlived a crash would else be played over what was restored. If the copy
    /// lacks something of what the old state has signed, or of these `known` checkpoints (signed notes), it signs nothing more.
    ///
    /// # Errors
    /// [`StoreError::Taken`] without `replace`, or if what would be moved aside has no place; [`StoreError::InUse`];
    /// [`StoreError::Parted`] for half a copy; [`StoreError::Unread`] where nothing tells what was signed; [`StoreError::File`]. The
    /// state is as it was then, unless files could not be renamed.
    pub fn restore(
        from: &Path,
        to: &Path,
        replace: bool,
        known: &[String],
    ) -> Result<Result<Restored, Vec<Damage>>, StoreError> {
        let old: Vec<PathBuf> = Self::files(to).into_iter().filter(|file| is_there(file)).collect();
        if !replace {
            none_of(&old)?;
        }
        none_of(&old.iter().map(|file| behind(file, ASIDE)).collect::<Vec<_>>())?;
        Self::unused(to)?;
        let signed = signed(to);
        // Another tree of a size that was signed would show two histories, and a damaged state is what one restores over.
        if !old.is_empty() && signed.is_none() && known.is_empty() {
            return Err(StoreError::Unread { path: to.to_owned() });
        }
        let known: Vec<String> = known.iter().cloned().chain(signed.into_iter().flatten()).collect();
        let parted = || StoreError::Parted { path: Maps::path(from) };
        if !is_there(&Maps::path(from)) {
            return Err(parted());
        }
        // In the same folder, where renaming is one step.
        let new = to.with_extension("restoring.db");
        none_of(&Self::files(&new))?;
        both(from, &new)?;
        let put = match Self::open(&new)
            .and_then(|store| store.checked(&known).map_err(|error| file_error(from, &error)))
        {
            Ok(Ok(restored)) => change_places(&old, &new, to).map(|()| Ok(restored)),
            Ok(Err(damage)) => Ok(Err(damage)),
            Err(StoreError::Parted { .. }) => Err(parted()),
            // What is wrong with what was just copied is wrong with the copy.
            Err(StoreError::File { path, error }) if Self::files(&new).contains(&path) => {
                Err(StoreError::File { path: from.to_owned(), error })
            }
            Err(error) => Err(error),
        };
        // Nothing of it, where it took its place.
        Self::files(&new).iter().for_each(|file| drop(fs::remove_file(file)));
        put
    }
}

impl Store {
    /// Fails while another process works with a state in files.
    ///
    /// # Errors
    /// [`StoreError::InUse`].
    pub fn unused(path: &Path) -> Result<(), StoreError> {
        match [path.to_owned(), Maps::path(path)].into_iter().find(|file| is_in_use(file)) {
            Some(path) => Err(StoreError::InUse { path }),
            None => Ok(()),
        }
    }

    /// A copy that is sound, and what it lacks.
    fn checked(&self, known: &[String]) -> Result<Result<Restored, Vec<Damage>>, LedgerError> {
        let sound = match self.fsck(None)? {
            Ok(sound) => sound,
            Err(damage) => return Ok(Err(damage)),
        };
        let mut lacks = self.ask(lost)?;
        for note in known {
            // One that cannot be read is no reason to trust the copy less than without it.
            let Some((checkpoint, _)) = read(note) else { continue };
            let is_larger = lacks.as_ref().is_none_or(|(lost, _)| lost.size < checkpoint.size);
            if is_larger && self.is_behind(&checkpoint)? {
                self.lacks(note)?;
                lacks = Some((checkpoint, note.clone()));
            }
        }
        Ok(Ok(Restored { sound, ahead: lacks.map(|(lost, _)| lost.size) }))
    }
}

/// The ledger first: whoever it speaks about is in the later copy of the mappings, and no newcomer there gets a number that an
/// entry already has.
fn both(from: &Path, to: &Path) -> Result<(), StoreError> {
    copy(from, to)?;
    copy(&Maps::path(from), &Maps::path(to)).inspect_err(|_| {
        // Half a copy is none.
        let _ = fs::remove_file(to);
    })
}

/// The old files go, the new ones come, and the ledger's, by which a state is known, is the first to go and the last to come.
fn change_places(old: &[PathBuf], new: &Path, to: &Path) -> Result<(), StoreError> {
    let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| file_error(to, &error));
    // Whoever had it open has put everything into the two files when it is closed.
    none_of(
        &Store::files(new)
            .into_iter()
            .filter(|file| *file != new && *file != Maps::path(new))
            .collect::<Vec<_>>(),
    )?;
    // Whoever runs the relay may be somebody else than who restores.
    for (former, file) in [(to.to_owned(), new.to_owned()), (Maps::path(to), Maps::path(new))] {
        if let Ok(former) = fs::metadata(&former) {
            like(&former, &file).map_err(|error| file_error(&file, &error))?;
        }
    }
    old.iter().try_for_each(|file| rename(file, &behind(file, ASIDE)))?;
    rename(&Maps::path(new), &Maps::path(to))?;
    rename(new, to)?;
    folder_of(to).and_then(|folder| folder.sync_all()).map_err(|error| file_error(to, &error))
}

/// Gives a file the owner and the rights of a former one. Where the owner cannot be given, its rights would be those of another
/// group, so the file stays as it is: for whoever does it alone.
fn like(former: &fs::Metadata, file: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let now = fs::metadata(file)?;
        if (now.uid(), now.gid()) != (former.uid(), former.gid())
            && std::os::unix::fs::chown(file, Some(former.uid()), Some(former.gid())).is_err()
        {
            return Ok(());
        }
    }
    fs::set_permissions(file, former.permissions())
}

/// Whether another process has the file open: one in WAL mode is locked as long as it is. What cannot be read is not in use by
/// a relay.
fn is_in_use(path: &Path) -> bool {
    let read: rusqlite::Result<i64> = alone(path, "SELECT count(*) FROM sqlite_schema");
    let locked = [Some(ErrorCode::DatabaseBusy), Some(ErrorCode::DatabaseLocked)];
    read.is_err_and(|error| locked.contains(&error.sqlite_error_code()))
}

/// The newest checkpoint of a state, and the one that it lacks itself; `None` where that cannot be read. A state of an earlier
/// version has no such table, and lacks none.
fn signed(path: &Path) -> Option<Vec<String>> {
    let mut signed = Vec::new();
    for sql in [
        "PRAGMA integrity_check(checkpoint)",
        "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1",
        "SELECT lost FROM ledger",
    ] {
        match alone::<Option<String>>(path, sql) {
            Ok(Some(says)) if sql.starts_with("PRAGMA") && says != "ok" => return None,
            Ok(note) => signed.extend(note),
            Err(rusqlite::Error::QueryReturnedNoRows) => {}
            // There is no such table.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {}
            Err(_) => return None,
        }
    }
    signed.retain(|note| note != "ok");
    Some(signed)
}

/// A value from a file that nobody else has open. It is only looked at: its journal stays as it is.
fn alone<T: FromSql>(path: &Path, sql: &str) -> rusqlite::Result<T> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.query_row(sql, [], |row| row.get(0))
}

fn none_of(files: &[PathBuf]) -> Result<(), StoreError> {
    match files.iter().find(|file| is_there(file)) {
        Some(path) => Err(StoreError::Taken { path: path.clone() }),
        None => Ok(()),
    }
}

/// A link that leads nowhere is there too.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn behind(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

fn file_error(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::File { path: path.to_owned(), error: error.to_string() }
}

fn folder_of(path: &Path) -> std::io::Result<File> {
    File::open(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// One state of a file, on the disk when it returns.
fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let unread = |error: rusqlite::Error| file_error(from, &error);
    let unwritten = |error: &dyn std::fmt::Display| file_error(to, error);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(to).map_err(|error| unwritten(&error))?;
    let copied = (|| {
        let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unread)?;
        source.busy_timeout(BUSY).map_err(unread)?;
        let mut target = Connection::open(to).map_err(|error| unwritten(&error))?;
        let step = Backup::new(&source, &mut target).and_then(|backup| backup.step(-1));
        match step {
            Ok(StepResult::Done) => {}
            Ok(_) => return Err(unwritten(&"the file is locked")),
            Err(error) if is_damage(&error) => return Err(unread(error)),
            Err(error) => return Err(unwritten(&error)),
        }
        target.close().map_err(|(_, error)| unwritten(&error))?;
        File::open(to).and_then(|file| file.sync_all()).map_err(|error| unwritten(&error))?;
        folder_of(to).and_then(|folder| folder.sync_all()).map_err(|error| unwritten(&error))
    })();
    if copied.is_err() {
        // Half a copy is none.
        let _ = fs::remove_file(to);
    }
    copied
}

/// Whether it is what is read that is wrong.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
