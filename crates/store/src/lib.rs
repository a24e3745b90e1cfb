//! The relay's state in SQLite, or for several relays in PostgreSQL: implementations of the ports of `chukei-relay`.
//!
//! * What a call has returned `Ok` for is on the disk: WAL with `synchronous=FULL`, or PostgreSQL with `fsync`, and one
//!   writer that commits what is waiting together.
//! * What was not committed was never acknowledged, and leaves nothing behind.
//! * A database that is gone refuses; when it is back, the next call finds it.
//! * A file has one relay: it remembers what was used and who may ask what, and records nothing once another has begun.
//! * A query that is carried is noted before it leaves; if its relay does not live to see the outcome, whoever opens the store
//!   next records it without one.
//! * The access history is append-only, in a file by triggers, and numbered for each person from 1 without a gap, by a key.
//! * Each entry is a leaf of the ledger (`chukei-ledger`), in the same transaction. [`Store::checkpoint`] commits to all of
//!   them and to every person's last one, [`Store::bundle`] is what a person gets, [`Store::fsck`] recomputes everything.
//! * Which numbers belong to one person stands in a file of its own, `….mappings.db`, or in tables of their own, so that an
//!   import never holds up an entry of the ledger. [`Store::apply`] takes all changes of a file, or none.
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
mod backup;
mod carried;
mod checkpoint;
#[cfg(feature = "danger-crash-points")]
pub mod danger;
mod fsck;
mod keeper;
mod ledger;
mod location;
mod logins;
mod look;
mod mappings;
mod maps;
mod proof;
mod publish;
mod readers;
mod reconcile;
mod registry;
mod replay;
mod rows;
mod schema;
mod server;
mod sql;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chukei_ledger::tiles::Edge;
use chukei_relay::Unavailable;
use maps::Maps;
use readers::{Readers, Source};
use sql::{Connection, values};
use writer::{Company, Line, Writer};

pub use agreements::Agreement;
pub use apply::{About, Applied, Batch, MOST_FAULTS, Outcome, Refused};
pub use backup::Restored;
pub use checkpoint::LedgerError;
pub use fsck::{Damage, Sound};
pub use keeper::{Keeper, Pace};
pub use location::{Database, Location};
pub use look::{Held, Version};
pub use mappings::MappingRow;
pub use reconcile::{Difference, Reconciled, Theirs, Unlike};
pub use registry::{PartyEntry, Registry, RegistryFault, Role, SourceEntry, SourceState};
pub use replay::EarlyReplay;

/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// Memory of the writing connection for pages, in KiB: entries about many persons touch many pages, and one that has to be
/// read again, or is written twice in a transaction, costs more than the entry.
const CACHE: i64 = 64 * 1024;
/// What a writer of entries changes first in a database.
const ENTRIES: &str = "UPDATE ledger SET maker = maker";

/// State in two files or in a database. Shared by reference; dropping it waits for what is being written.
pub struct Store {
    location: Location,
    // Closed before the writer, which tidies up.
    readers: Arc<Readers>,
    writer: Writer,
    maps: Maps,
    /// Who may ask what, if this process is the one that writes that.
    agreed: agreements::Agreed,
    /// What was used, as far as this process decides that.
    memory: replay::Memory,
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
    /// The database cannot be reached, or does not let us in.
    Database {
        /// Which, without password.
        at: String,
        /// What PostgreSQL says.
        error: String,
    },
    /// What should be a URL of a database is none.
    Url {
        /// What is wrong with it.
        error: String,
    },
    /// The database is on another machine, and what would go there is not encrypted.
    Remote {
        /// Which machine.
        host: String,
    },
    /// With this setting the database may lose what it has acknowledged.
    Unsafe {
        /// Which database.
        at: String,
        /// The setting.
        setting: String,
    },
    /// Only files are copied by us.
    NoFile {
        /// Which database.
        at: String,
    },
    /// It was written by a later release.
    Newer {
        /// Which file or database.
        at: String,
        /// Its version.
        version: i64,
    },
    /// It is a database of something else; no table is made in it.
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file of the ledger is not there, though its mappings are: another ledger under the same key would be a lie.
    Alone {
        /// The mappings.
        path: PathBuf,
    },
    /// It is the file of the mappings; the ledger's is to be named.
    Mappings {
        /// Which file.
        path: PathBuf,
    },
    /// A file that would be written is there already.
    Taken {
        /// Which.
        path: PathBuf,
    },
    /// Another process has the file open.
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// A state that is to be replaced cannot be read: nothing tells up to where it has signed.
    Unread {
        /// Which.
        path: PathBuf,
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
            Self::Database { at, error } => write!(f, "{at}: {error}"),
            Self::Url { error } => write!(f, "not the URL of a database: {error}"),
            Self::Remote { host } => {
                write!(
                    f,
                    "the database on {host} is on another machine, and what goes there is not encrypted"
                )
            }
            Self::Unsafe { at, setting } => {
                write!(f, "{at}: with {setting} the database may lose what it has acknowledged")
            }
            Self::NoFile { at } => write!(f, "{at}: a database is copied with pg_dump"),
            Self::Newer { at, version } => {
                write!(f, "{at}: version {version} of the schema is newer than this program")
            }
            Self::Foreign { path } => write!(f, "{}: a database, but not a relay's state", path.display()),
            Self::Alone { path } => write!(
                f,
                "{}: the ledger that belongs to these mappings is not here; put its file back, or move these away too",
                path.display()
            ),
            Self::Mappings { path } => {
                write!(f, "{}: the file of the mappings; name the ledger's", path.display())
            }
            Self::Taken { path } => write!(f, "{}: is there already", path.display()),
            Self::InUse { path } => write!(f, "{}: another process has it open", path.display()),
            Self::Unread { path } => {
                write!(f, "{}: what it has signed cannot be read", path.display())
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
    pub fn open(location: impl Into<Location>) -> Result<Self, StoreError> {
        let location = location.into();
        match &location {
            Location::File(path) => Self::open_file(path),
            Location::Postgres(database) => Self::open_database(database),
        }
    }

    fn open_file(path: &Path) -> Result<Self, StoreError> {
        let file =
            |error: &dyn fmt::Display| StoreError::File { path: path.to_owned(), error: error.to_string() };
        let connection = file_to_write(path, CACHE).map_err(|error| file(&error))?;
        if schema::is_mappings(&connection).map_err(|error| file(&error))? {
            return Err(StoreError::Mappings { path: path.to_owned() });
        }
        schema::migrate(&connection).map_err(|error| file(&error))?.or_refuse(path)?;
        let moving = schema::moving(&connection).map_err(|error| file(&error))?;
        let due = schema::mark(&connection).map_err(|error| file(&error))?;
        let writer = Writer::start(Line::file(connection), Company::Shared).map_err(|error| file(&error))?;
        let readers = Arc::new(Readers::of(Source::File(path.to_owned())));
        let (maps, mark) = Maps::open(Maps::path(path), due)?;
        let (agreed, memory, edge) = Default::default();
        let store = Self { location: path.into(), writer, readers, maps, agreed, memory, edge };
        if let Some(rows) = moving {
            store.move_mappings(rows).map_err(|error| file(&error))?;
        }
        if due.is_none() {
            let put = move |connection: &Connection| {
                connection.execute("INSERT INTO beside VALUES (1, ?1)", values![&mark])
            };
            store.writer.write(put).map_err(|error| file(&error))?;
        }
        Ok(store)
    }

    fn open_database(database: &Database) -> Result<Self, StoreError> {
        let fails = |error: std::io::Error| StoreError::Database {
            at: database.to_string(),
            error: error.to_string(),
        };
        let connection = server::open(database)?;
        let line = Line::server(Some(connection), database.clone(), ENTRIES);
        let writer = Writer::start(line, Company::Shared).map_err(fails)?;
        let readers = Arc::new(Readers::of(Source::Server(database.clone())));
        let maps = Maps::of(database, Arc::clone(&readers)).map_err(fails)?;
        let (agreed, memory, edge) = Default::default();
        Ok(Self {
            location: Location::Postgres(database.clone()),
            writer,
            readers,
            maps,
            agreed,
            memory,
            edge,
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
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

    /// Whether there is a state, ours or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn exists(location: &Location) -> Result<bool, StoreError> {
        match location {
            Location::Postgres(database) => server::exists(database),
            Location::File(path) => path
                .try_exists()
                .map_err(|error| StoreError::File { path: path.clone(), error: error.to_string() }),
        }
    }

    /// Takes away everything, for mock relays that are to forget: the files, or the tables. Whoever has the store open finds
    /// nothing there any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn erase(location: &Location) -> Result<(), StoreError> {
        let path = match location {
            Location::Postgres(database) => return server::erase(database),
            Location::File(path) => path,
        };
        for path in Self::files(path) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::File { path, error: error.to_string() });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether several processes may write it. Then every call asks a database, and waits for it.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self.location, Location::Postgres(_))
    }

    /// Reads what is committed.
    fn read<T>(&self, query: impl FnMut(&Connection) -> sql::Result<T>) -> Result<T, Unavailable> {
        Ok(self.readers.read(query)?)
    }

    /// Mappings that still stand in the file of the ledger go to their own. What is interrupted is done again.
    fn move_mappings(&self, rows: Vec<maps::Old>) -> Result<(), Unavailable> {
        self.maps.writer.write(move |connection| maps::adopt(connection, &rows))?;
        self.writer.write(|connection| connection.batch("DROP TABLE mapping_moves"))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("location", &self.location).finish_non_exhaustive()
    }
}

/// A file to write in, with so many KiB of memory for its pages.
fn file_to_write(path: &Path, cache: i64) -> rusqlite::Result<Connection> {
    // For nobody else to read, and so are its journals. What is wrong with the path is said by whoever opens it.
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -cache)?;
    // What is deleted (replay memory, mappings that were withdrawn) is overwritten, not only forgotten.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(Connection::file(connection))
}
