//! The file of the mappings. It stands beside the file of the ledger, so that an import of millions of rows, which is one
//! transaction, never keeps an access from being recorded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chukei_relay::Unavailable;
use chukei_relay::numbers::NumberKind;

use crate::location::Database;
use crate::readers::{Readers, Source};
use crate::sql::{self, Connection, Error, values};
use crate::writer::{Company, Line, Writer};
use crate::{StoreError, file_to_write};

/// Each step brings a file from the version of its place in the list to the next.
const STEPS: &[&str] = &["
    -- Who speaks in files, and which file comes next. Source 0 is whoever fills the store without files.
    CREATE TABLE source (
        source   INTEGER PRIMARY KEY,
        name     TEXT    NOT NULL UNIQUE,
        role     TEXT    NOT NULL,
        town     TEXT,
        sequence INTEGER NOT NULL CHECK (sequence >= 0),
        digest   BLOB    CHECK ((digest IS NULL) = (sequence = 0))
    ) STRICT;
    INSERT INTO source VALUES (0, '', 'filled', NULL, 0, NULL);
    CREATE TRIGGER source_follows BEFORE UPDATE ON source
        WHEN NEW.sequence NOT IN (OLD.sequence, OLD.sequence + 1)
        BEGIN SELECT RAISE (ABORT, 'files come one after the other'); END;
    CREATE TABLE file (
        source   INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        digest   BLOB    NOT NULL CHECK (length(digest) = 32),
        changes  INTEGER NOT NULL,
        at       INTEGER NOT NULL,
        PRIMARY KEY (source, sequence)
    ) STRICT, WITHOUT ROWID;

    -- Who assigns numbers, and the party that answers for them: several insurers may share one. The source is the one
    -- that has the last word about them.
    CREATE TABLE party (
        party  INTEGER PRIMARY KEY,
        code   TEXT    NOT NULL UNIQUE,
        entity TEXT,
        source INTEGER REFERENCES source (source)
    ) STRICT;
    CREATE INDEX party_by_entity ON party (entity);

    -- Which numbers belong to one person, in half-open intervals of time. A person is a number of our own. A row that is
    -- held is suspended from valid_until on; without that it would count until held_until.
    CREATE TABLE mapping (
        person      INTEGER NOT NULL,
        kind        INTEGER NOT NULL,
        party       INTEGER NOT NULL,
        number      TEXT    NOT NULL,
        valid_from  INTEGER NOT NULL,
        valid_until INTEGER NOT NULL,
        held_until  INTEGER CHECK (held_until > valid_until),
        source      INTEGER NOT NULL,
        since       INTEGER NOT NULL,
        doubtful    INTEGER NOT NULL,
        CHECK (valid_from < valid_until OR (valid_from = valid_until AND held_until IS NOT NULL)),
        PRIMARY KEY (person, kind, party, number, valid_from)
    ) STRICT, WITHOUT ROWID;
    -- With the rest of the key, it has everything that a lookup by number asks for.
    CREATE INDEX mapping_by_number ON mapping (number, kind, party, valid_until);

    -- What a later version has replaced.
    CREATE TABLE past (
        place       INTEGER PRIMARY KEY,
        person      INTEGER NOT NULL,
        kind        INTEGER NOT NULL,
        party       INTEGER NOT NULL,
        number      TEXT    NOT NULL,
        valid_from  INTEGER NOT NULL,
        valid_until INTEGER NOT NULL,
        held_until  INTEGER,
        source      INTEGER NOT NULL,
        since       INTEGER NOT NULL,
        gone_by     INTEGER NOT NULL,
        gone        INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX past_by_person ON past (person);
    CREATE TRIGGER past_keeps BEFORE UPDATE ON past
        BEGIN SELECT RAISE (ABORT, 'what was known stays'); END;
    CREATE TRIGGER past_stays BEFORE DELETE ON past
        BEGIN SELECT RAISE (ABORT, 'what was known stays'); END;

    -- A source's record of a person: 1, 2, 3 and so on.
    CREATE TABLE version (
        person   INTEGER NOT NULL,
        source   INTEGER NOT NULL,
        version  INTEGER NOT NULL,
        at       INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        line     INTEGER NOT NULL,
        what     TEXT    NOT NULL,
        PRIMARY KEY (person, source, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER version_follows BEFORE INSERT ON version
        WHEN NEW.version <> 1 + (
            SELECT coalesce(max(version), 0) FROM version WHERE person = NEW.person AND source = NEW.source)
        BEGIN SELECT RAISE (ABORT, 'a version follows the one before it'); END;
    CREATE TRIGGER version_keeps BEFORE UPDATE ON version
        BEGIN SELECT RAISE (ABORT, 'a version stays'); END;
    CREATE TRIGGER version_stays BEFORE DELETE ON version
        BEGIN SELECT RAISE (ABORT, 'a version stays'); END;

    -- Which file of the ledger this one belongs to.
    CREATE TABLE beside (one INTEGER PRIMARY KEY CHECK (one = 1), mark BLOB NOT NULL) STRICT;
    CREATE TABLE numbering (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL) STRICT;
    INSERT INTO numbering VALUES (1, 1);
"];

/// Memory of the writing connection for pages, in KiB: changes come in no order, and each touches some five pages.
const CACHE: i64 = 256 * 1024;
/// Octets of the journal that stay between imports; that of a large import is as long as what it changed.
const JOURNAL: i64 = 64 << 20;
/// Whether a file was ever applied, or a number filled in.
const USED: &str = "SELECT 1 FROM mapping UNION ALL SELECT 1 FROM file LIMIT 1";
/// What a writer of mappings changes first in a database.
const MAPPINGS: &str = "UPDATE numbering SET next = next";

/// The file of the mappings, or their tables.
pub(crate) struct Maps {
    readers: Arc<Readers>,
    pub(crate) writer: Writer,
}

impl Maps {
    /// The file that belongs to a file of the ledger.
    pub(crate) fn path(store: &Path) -> PathBuf {
        store.with_extension("mappings.db")
    }

    /// Opens the file that has the mark, or makes one with a new mark if there has been none. Gives the mark.
    pub(crate) fn open(path: PathBuf, due: Option<[u8; 16]>) -> Result<(Self, [u8; 16]), StoreError> {
        // A relay without its mappings would tell of everybody that nobody knows them.
        if due.is_some() && !path.exists() {
            return Err(StoreError::Parted { path });
        }
        let file =
            |error: &dyn std::fmt::Display| StoreError::File { path: path.clone(), error: error.to_string() };
        let connection = file_to_write(&path, CACHE).map_err(|error| file(&error))?;
        let limit = format!("PRAGMA journal_size_limit = {JOURNAL}");
        connection.batch(&limit).map_err(|error| file(&error))?;
        let found = crate::schema::steps(&connection, STEPS, |_| Ok(())).map_err(|error| file(&error))?;
        found.or_refuse(&path)?;
        let known = crate::schema::mark(&connection).map_err(|error| file(&error))?;
        let mark = match (due, known) {
            // A new ledger beside mappings that are in use is one whose file was lost.
            (None, Some(_)) if connection.exists(USED, &[]).map_err(|error| file(&error))? => {
                return Err(StoreError::Alone { path });
            }
            (None, Some(mark)) => mark,
            (Some(due), Some(mark)) if due == mark => mark,
            (Some(_), _) => return Err(StoreError::Parted { path }),
            (None, None) => {
                let mark: [u8; 16] = chukei_crypto::random_bytes().map_err(|error| file(&error))?;
                let put = connection.execute("INSERT INTO beside VALUES (1, ?1)", values![&mark]);
                put.map_err(|error| file(&error))?;
                mark
            }
        };
        let writer = Writer::start(Line::file(connection), Company::Alone).map_err(|error| file(&error))?;
        Ok((Self { writer, readers: Arc::new(Readers::of(Source::File(path))) }, mark))
    }

    /// The tables of a database that is open.
    pub(crate) fn of(database: &Database, readers: Arc<Readers>) -> std::io::Result<Self> {
        let writer = Writer::start(Line::server(None, database.clone(), MAPPINGS), Company::Alone)?;
        Ok(Self { readers, writer })
    }

    /// Reads what is committed.
    pub(crate) fn read<T>(&self, query: impl FnMut(&Connection) -> sql::Result<T>) -> Result<T, Unavailable> {
        Ok(self.readers.read(query)?)
    }
}

/// A row of a file in which mappings and ledger were together.
pub(crate) struct Old {
    pub(crate) person: i64,
    pub(crate) party: String,
    pub(crate) scheme: String,
    pub(crate) number: String,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// Takes over rows of a file in which mappings and ledger were together. Doing it twice is doing it once.
pub(crate) fn adopt(connection: &Connection, rows: &[Old]) -> sql::Result<()> {
    for row in rows {
        let kind = chukei_profile::Scheme::from_uri(&row.scheme).map(NumberKind::Scheme);
        let kind = kind.ok_or_else(|| Error::of("an unknown scheme"))?;
        fill(connection, row.person, &row.party, (kind, &row.number), (row.from, row.until))?;
    }
    Ok(())
}

/// Puts in a row that no file has brought. The same row again, with another end, counts until the later one.
pub(crate) fn fill(
    connection: &Connection,
    person: i64,
    party: &str,
    (kind, number): (NumberKind, &str),
    (from, until): (i64, i64),
) -> sql::Result<()> {
    let party = own_party(connection, party)?;
    let sql = "INSERT INTO mapping VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, 0, 0, 0)
         ON CONFLICT (person, kind, party, number, valid_from) DO UPDATE SET valid_until = excluded.valid_until
         WHERE mapping.source = 0 AND mapping.valid_until < excluded.valid_until";
    connection.execute(sql, values![person, kind.code(), party, number, from, until]).map(drop)
}

/// The party whose code is its entity identifier.
fn own_party(connection: &Connection, entity: &str) -> sql::Result<i64> {
    let known = "SELECT party FROM party WHERE code = ?1";
    if let Some(party) = connection.row(known, values![entity], |row| row.get(0))? {
        return Ok(party);
    }
    let insert = "INSERT INTO party (code, entity) VALUES (?1, ?1) RETURNING party";
    connection.insert(insert, values![entity])
}
