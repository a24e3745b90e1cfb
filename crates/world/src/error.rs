//! What can go wrong with a world before any message flows.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chukei_reason::Reason;

/// Why a world cannot be made or read, or a party not started. A matter of set-up, never of conformance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorldError {
    /// An address cannot be listened on.
    Bind {
        /// The address.
        address: String,
        /// What the system says.
        error: String,
    },
    /// The folder is there already and not empty.
    Exists(PathBuf),
    /// No fault has this name.
    Fault {
        /// The name.
        name: String,
        /// The nearest that there are, if any is near.
        nearest: Vec<String>,
    },
    /// `cards.json` is not one.
    Cards(String),
    /// A file or folder cannot be read or written.
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// A file holds no usable key or certificate.
    Key {
        /// Which.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The world could not be made: our own mistake, or the library's.
    Made(String),
    /// A metadata document is refused.
    Metadata {
        /// Whose.
        name: String,
        /// Why.
        reason: Reason,
    },
    /// The world has no party of this name, or none that can do what was asked.
    Party {
        /// The name.
        name: String,
        /// Those that would do.
        known: Vec<String>,
    },
    /// The last checkpoint of the relay's log was signed by another key than the one in this file.
    OtherKey {
        /// The file.
        path: PathBuf,
        /// Name of the log.
        origin: String,
    },
    /// The relay's ledger was restored from a copy that lacks what was signed, up to this size.
    Behind {
        /// The size.
        signed: u64,
    },
    /// `people.json` is not one.
    People(String),
    /// Not enough ports from this one on.
    Ports {
        /// The first.
        base: u16,
    },
    /// A world that was started does not do what it should.
    Smoke(String),
    /// The state cannot be opened.
    Store(String),
    /// `world.toml` is not one.
    Toml {
        /// Which.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong there; the parser's words.
        error: String,
    },
}

impl WorldError {
    /// Exit status of a command that ends with it: 2 for a wrong word on the command line, 3 for a wrong set-up.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Fault { .. } | Self::Party { .. } => 2,
            _ => 3,
        }
    }

    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error: error.to_string() }
    }
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, error } => write!(f, "cannot listen on {address}: {error}"),
            Self::Cards(error) => write!(f, "cards.json: {error}"),
            Self::Exists(dir) => write!(f, "{} is there already and not empty", dir.display()),
            Self::Fault { name, nearest } => {
                write!(f, "no fault is called {name:?}; near it are {nearest:?}")
            }
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Key { path, what } => write!(f, "{}: no usable key or certificate: {what}", path.display()),
            Self::Made(what) => write!(f, "the world could not be made: {what}"),
            Self::Metadata { name, reason } => write!(f, "metadata of {name} is refused: {reason}"),
            Self::Party { name, known } => {
                write!(f, "no such party: {name:?}; there are {}", known.join(", "))
            }
            Self::OtherKey { path, origin } => {
                write!(f, "the last checkpoint of {origin} was signed by another key than {}", path.display())
            }
            Self::Behind { signed } => {
                write!(f, "the ledger lacks what was signed already, up to size {signed}")
            }
            Self::People(error) => write!(f, "people.json: {error}"),
            Self::Ports { base } => write!(f, "too few ports from {base} on"),
            Self::Smoke(what) => write!(f, "the world was started, but does not work: {what}"),
            Self::Store(error) => write!(f, "the state cannot be opened: {error}"),
            Self::Toml { path, line, column, error } => {
                write!(f, "{}:{line}:{column}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for WorldError {}
