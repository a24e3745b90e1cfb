//! The relay's state in SQLite: implementations of the ports of `chukei-relay`.
//!
//! * What a call has returned `Ok` for is on the disk: WAL with `synchronous=FULL`, and one writer that commits what
//!   is waiting together.
//! * What was not committed was never acknowledged, and leaves nothing behind.
//! * The access history is append-only, by triggers, and numbered for each person from 1 without a gap, by a key.
//! * Each entry is a leaf of the ledger (`chukei-ledger`), in the same transaction. [`Store::checkpoint`] commits to all of
//!   them and to every person's last one, [`Store::bundle`] is what a person gets, [`Store::fsck`] recomputes everything.
//! * Which numbers belong to one person stands in a file of its own, `….mappings.db`, so that an import never holds up an
//!   entry of the ledger. [`Store::apply`] takes all changes of a file, or none.
//! * There is no column for a name, an address, eligibility or a benefit.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = chukei_store::Store::open(std::path::Path::new("state/relay.db"))?;
//! let mappings: std::sync::Arc<dyn chukei_relay::MappingStore> = std::sync::Arc::new(store);
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]

/// A place where the crash tests end the process; nothing without their feature.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "danger-crash-points")]
        $crate::danger::point($name)
    };
}

mod access;
mod agreements;
mod apply;
mod checkpoint;
#[cfg(feature = "danger-crash-points")]
pub mod danger;
mod fsck;
mod keeper;
mod ledger;
mod look;
mod mappings;
mod maps;
mod proof;
mod publish;
mod registry;
mod replay;
mod rows;
mod schema;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chukei_ledger::tiles::Edge;
use chukei_relay::Unavailable;
use maps::Maps;
use rusqlite::{Connection, OpenFlags};

pub use agreements::Agreement;
pub use apply::{Applied, Batch, Outcome, Refused};
pub use checkpoint::LedgerError;
pub use fsck::{Damage, Sound};
pub use keeper::{Keeper, Pace};
pub use look::{Held, Version};
pub use mappings::MappingRow;
pub use registry::{PartyEntry, Registry, RegistryFault, Role, SourceEntry, SourceState};
pub use replay::EarlyReplay;

/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// Memory of the writing connection for pages, in KiB: entries about many persons touch many pages, and one that has to be
/// read again, or is written twice in a transaction, costs more than the entry.
const CACHE: i64 = 64 * 1024;
/// Read connections that are kept open.
const READERS: usize = 64;

/// State in two files. Shared by reference; dropping it waits for what is being written.
pub struct Store {
    path: PathBuf,
    // Closed before the writer, which tidies up.
    readers: Readers,
    writer: writer::Writer,
    maps: Maps,
    /// First uses that are not on the disk yet.
    fresh: replay::Fresh,
    /// End of the tree up to the last checkpoint that was made here; who holds it makes the next.
    edge: Mutex<Option<Edge>>,
}

/// A state that cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is not a database, or cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What SQLite or the system says.
        error: String,
    },
    /// The file was written by a later release.
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// The file of the mappings is not there, or is another ledger's: a copy or a backup was put back in part.
    Parted {
        /// Where it should be.
        path: PathBuf,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Newer { path, version } => {
                write!(f, "{}: version {version} of the schema is newer than this program", path.display())
            }
            Self::Parted { path } => {
                write!(f, "{}: the mappings that belong to this ledger are not here", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl Store {
    /// Opens the state, or makes an empty one, and brings an older one up to date.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file =
            |error: &dyn fmt::Display| StoreError::File { path: path.to_owned(), error: error.to_string() };
        let mut connection = Connection::open(path).map_err(|error| file(&error))?;
        configure(&connection).map_err(|error| file(&error))?;
        match schema::migrate(&mut connection) {
            Ok(None) => {}
            Ok(Some(version)) => return Err(StoreError::Newer { path: path.to_owned(), version }),
            Err(error) => return Err(file(&error)),
        }
        let moving = schema::moving(&connection).map_err(|error| file(&error))?;
        let due = schema::mark(&connection).map_err(|error| file(&error))?;
        let writer =
            writer::Writer::start(connection, writer::Company::Shared).map_err(|error| file(&error))?;
        let readers = Readers::of(path.to_owned());
        let (maps, mark) = Maps::open(Maps::path(path), due)?;
        let (fresh, edge) = Default::default();
        let store = Self { path: path.to_owned(), writer, readers, maps, fresh, edge };
        if let Some(rows) = moving {
            store.move_mappings(rows).map_err(|error| file(&error))?;
        }
        if due.is_none() {
            let put = move |connection: &Connection| {
                connection.execute("INSERT INTO beside VALUES (1, ?1)", [mark])
            };
            store.writer.write(put).map_err(|error| file(&error))?;
        }
        Ok(store)
    }

    /// The file of the ledger.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every file that belongs to the store in this file.
    #[must_use]
    pub fn files(path: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for file in [path.to_owned(), Maps::path(path)] {
            for suffix in ["", "-wal", "-shm"] {
                let mut name = file.clone().into_os_string();
                name.push(suffix);
                files.push(name.into());
            }
        }
        files
    }

    /// Reads what is committed.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Unavailable> {
        self.readers.read(query)
    }

    /// Mappings that still stand in the file of the ledger go to their own. What is interrupted is done again.
    fn move_mappings(&self, rows: Vec<maps::Old>) -> Result<(), Unavailable> {
        self.maps.writer.write(move |connection| maps::adopt(connection, &rows))?;
        self.writer.write(|connection| connection.execute_batch("DROP TABLE mapping_moves"))
    }
}

/// Connections that read a file.
struct Readers {
    path: PathBuf,
    kept: Mutex<Vec<Connection>>,
}

impl Readers {
    const fn of(path: PathBuf) -> Self {
        Self { path, kept: Mutex::new(Vec::new()) }
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Unavailable> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.open().map_err(|_| Unavailable)?,
        };
        let result = query(&connection).map_err(|_| Unavailable)?;
        // A connection that has failed is not kept.
        let mut readers = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS {
            readers.push(connection);
        }
        Ok(result)
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    // What is deleted (replay memory, mappings that were withdrawn) is overwritten, not only forgotten.
    connection.pragma_update(None, "secure_delete", true)
}
