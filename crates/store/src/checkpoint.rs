//! The ledger's checkpoints: entries are booked in the map of heads, tiles are made, and the tree is signed. It happens
//! beside the recording of entries, in small transactions, so that no answer waits for it; after a crash the next one
//! goes on where it was. The last leaf of a signed tree is always that of a map of heads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;

use chukei_crypto::UnixTime;
use chukei_ledger::chain::label;
use chukei_ledger::heads::{self, HeadsError, Page, Pages, Update};
use chukei_ledger::tiles::{Edge, ProofError, Prover, Tile, Tiles};
use chukei_ledger::{Checkpoint, Hash, Head, HeadsLeaf, Note, Part, SignerKey};
use chukei_relay::Unavailable;
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::Store;
use crate::ledger::octets;

/// Leaves that are booked in one step: the more, the fewer pages for each.
const BOOKED: u64 = 16_384;
/// Leaves that are put into tiles in one step.
const TILED: u64 = 4096;
/// Pages of the map that are written in one transaction.
const PAGES: usize = 64;

/// The ledger cannot do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// The store does not answer.
    Unavailable,
    /// There is no checkpoint that covers the map of heads: make one.
    NoCheckpoint,
    /// What is published cannot be written.
    Folder {
        /// Which file, and what the system says.
        error: String,
    },
    /// There is no key to sign with, or it cannot sign.
    Key,
    /// What is stored contradicts itself; `fsck` says where.
    Damaged,
    /// The tree is not one that the last checkpoint began. Nothing is signed.
    Diverged {
        /// Size of the last checkpoint.
        size: u64,
    },
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("the store does not answer"),
            Self::NoCheckpoint => f.write_str("no checkpoint covers the ledger as it is; make one"),
            Self::Folder { error } => f.write_str(error),
            Self::Key => f.write_str("there is no key that can sign"),
            Self::Damaged => f.write_str("the ledger contradicts itself; fsck says where"),
            Self::Diverged { size } => {
                write!(f, "the tree does not begin with the one that was signed at size {size}")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

impl From<Unavailable> for LedgerError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

/// Tiles and pages on a connection.
pub(crate) struct Reader<'c>(pub(crate) &'c Connection);

impl Tiles for Reader<'_> {
    type Error = rusqlite::Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> rusqlite::Result<Vec<Hash>> {
        let index = index.cast_signed();
        let mut stored = self.0.prepare_cached("SELECT hashes FROM tile WHERE level = ?1 AND tile = ?2")?;
        let stored = stored.query_row((level, index), |row| row.get::<_, Vec<u8>>(0)).optional()?;
        if let Some(stored) = stored {
            let mut hashes = Tile::hashes_of(&stored).ok_or_else(damaged)?;
            hashes.truncate(usize::from(width));
            return Ok(hashes);
        }
        if level > 0 {
            return Ok(Vec::new());
        }
        let first = index.saturating_mul(256);
        leaves(self.0, first, first.saturating_add(i64::from(width)))
    }
}

impl Pages for Reader<'_> {
    type Error = rusqlite::Error;

    fn page(&self, path: &[u8]) -> rusqlite::Result<Option<Page>> {
        let mut select = self.0.prepare_cached("SELECT page FROM heads_page WHERE path = ?1")?;
        let stored = select.query_row([path], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        stored.map(|octets| Page::parse(&octets).ok_or_else(damaged)).transpose()
    }
}

/// Hashes of the leaves `first..end`.
fn leaves(connection: &Connection, first: i64, end: i64) -> rusqlite::Result<Vec<Hash>> {
    let mut select =
        connection.prepare_cached("SELECT data FROM leaf WHERE leaf >= ?1 AND leaf < ?2 ORDER BY leaf")?;
    let hashes = select.query_map([first, end], |row| Ok(Hash::of_leaf(row.get_ref(0)?.as_blob()?)))?;
    hashes.collect()
}

/// What is stored is not what was stored.
pub(crate) fn damaged() -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(0, String::new(), Type::Blob)
}

/// Whether an error says that what is stored is wrong, and not that it cannot be had now.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, InvalidColumnType(..) | FromSqlConversionFailure(..) | IntegralValueOutOfRange(..))
        || matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

pub(crate) fn heads_error(error: HeadsError<rusqlite::Error>) -> rusqlite::Error {
    match error {
        HeadsError::Source(error) => error,
        HeadsError::Damaged => damaged(),
    }
}

pub(crate) fn proof_error(error: ProofError<rusqlite::Error>) -> rusqlite::Error {
    match error {
        ProofError::Source(error) => error,
        ProofError::Range | ProofError::Short { .. } => damaged(),
    }
}

/// Leaves that are booked, and the newest map's leaf.
pub(crate) fn state(connection: &Connection) -> rusqlite::Result<(u64, Option<(u64, HeadsLeaf)>)> {
    let mut select = connection
        .prepare_cached("SELECT booked, leaf, data FROM ledger LEFT JOIN leaf ON leaf.leaf = ledger.heads")?;
    select.query_row([], |row| {
        let booked = row.get::<_, i64>(0)?.unsigned_abs();
        let Some(leaf) = row.get::<_, Option<i64>>(1)? else { return Ok((booked, None)) };
        let heads = HeadsLeaf::parse(row.get_ref(2)?.as_blob()?).ok_or_else(damaged)?;
        Ok((booked, Some((leaf.unsigned_abs(), heads))))
    })
}

/// Leaves of the tree.
pub(crate) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let mut select = connection.prepare_cached("SELECT coalesce(max(leaf) + 1, 0) FROM leaf")?;
    select.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// The last checkpoint, and its note.
pub(crate) fn last(connection: &Connection) -> rusqlite::Result<Option<(Checkpoint, String)>> {
    let mut select = connection.prepare_cached("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")?;
    let note: Option<String> = select.query_row([], |row| row.get(0)).optional()?;
    let read = |note: String| {
        let checkpoint = Note::parse(&note).and_then(|parsed| Checkpoint::parse(&parsed.text));
        checkpoint.map(|checkpoint| (checkpoint, note)).ok_or_else(damaged)
    };
    note.map(read).transpose()
}

impl Store {
    /// Commits to everything that is recorded when it begins: books it in the map of heads, makes its tiles, and signs the
    /// tree with each of the keys, the first of which names the log. Gives the signed checkpoint; the last one again if
    /// nothing was recorded since.
    ///
    /// # Errors
    /// [`LedgerError`]. What was recorded stays as it was.
    pub fn checkpoint(&self, keys: &[SignerKey], at: UnixTime) -> Result<String, LedgerError> {
        let origin = keys.first().ok_or(LedgerError::Key)?.verifier().name();
        let mut edge = self.edge.lock().unwrap_or_else(PoisonError::into_inner);
        let root = self.book_all()?;
        let size = self.commit_heads(root, at)?;
        let mut grown = match edge.take() {
            Some(edge) => edge,
            None => self
                .ask(|connection| Edge::load(tiled(connection)?, &Reader(connection))?.ok_or_else(damaged))?,
        };
        self.grow(&mut grown, size)?;
        let root = grown.root();
        *edge = Some(grown);

        if let Some((known, note)) = self.ask(last)? {
            // Nothing is signed that is inconsistent with what was signed.
            let before = self
                .ask(|connection| Prover::new(&Reader(connection), known.size).root().map_err(proof_error))?;
            if before != known.root || known.size > size {
                return Err(LedgerError::Diverged { size: known.size });
            }
            if known.size == size {
                return Ok(note);
            }
        }
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
        let note = checkpoint.sign(keys).map_err(|_| LedgerError::Key)?.to_string();
        crash_point!("signed");
        let stored = note.clone();
        self.writer.write(move |connection| {
            let mut insert = connection.prepare_cached("INSERT INTO checkpoint VALUES (?1, ?2)")?;
            insert.execute((size.cast_signed(), &stored)).map(drop)
        })?;
        Ok(note)
    }

    /// The last checkpoint, and its note.
    ///
    /// # Errors
    /// [`LedgerError::NoCheckpoint`].
    pub fn last_checkpoint(&self) -> Result<(Checkpoint, String), LedgerError> {
        self.ask(last)?.ok_or(LedgerError::NoCheckpoint)
    }

    /// Reads, and tells a store that is damaged from one that does not answer.
    pub(crate) fn ask<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let mut is_damaged = false;
        let answer = self.read(|connection| {
            // One state of the file, whatever is recorded meanwhile.
            let snapshot = connection.unchecked_transaction()?;
            let answer = query(&snapshot);
            is_damaged = answer.as_ref().is_err_and(is_damage);
            answer
        });
        answer.map_err(|_| if is_damaged { LedgerError::Damaged } else { LedgerError::Unavailable })
    }

    /// Books every entry that is there when it begins, and gives the map's root.
    fn book_all(&self) -> Result<Part, LedgerError> {
        let until = self.ask(size)?;
        loop {
            let step = self.ask(|connection| {
                let (booked, _) = state(connection)?;
                let end = until.min(booked.saturating_add(BOOKED));
                if booked >= end {
                    return heads::root(&Reader(connection)).map_err(heads_error).map(Err);
                }
                let heads = heads_between(connection, booked, end)?;
                heads::update(&Reader(connection), &heads)
                    .map_err(heads_error)
                    .map(|update| Ok((update, end)))
            })?;
            match step {
                Err(root) => return Ok(root),
                Ok((update, end)) => self.write_pages(update, end)?,
            }
        }
    }

    /// Pages below before those above; what was written when it ends early is written once more.
    fn write_pages(&self, update: Update, booked: u64) -> Result<(), LedgerError> {
        let mut rest = update.pages.into_iter();
        while rest.len() > 0 {
            let pages: Vec<_> = rest.by_ref().take(PAGES).collect();
            let is_last = rest.len() == 0;
            self.writer.write(move |connection| {
                let mut put = connection.prepare_cached(
                    "INSERT INTO heads_page VALUES (?1, ?2) ON CONFLICT DO UPDATE SET page = excluded.page",
                )?;
                for (path, page) in &pages {
                    put.execute((path, page.octets()))?;
                }
                if is_last {
                    connection.execute("UPDATE ledger SET booked = ?1", [booked.cast_signed()])?;
                }
                Ok(())
            })?;
            crash_point!("paged");
        }
        Ok(())
    }

    /// Puts the map's root into the tree, unless it is there. Gives the size of the tree that ends with it.
    fn commit_heads(&self, root: Part, at: UnixTime) -> Result<u64, LedgerError> {
        let (covered, newest) = self.ask(state)?;
        if let Some((leaf, _)) = newest.filter(|(_, heads)| heads.root == root.hash) {
            return Ok(leaf.saturating_add(1));
        }
        // A clock that was set back does not take the ledger with it.
        let at = newest.map_or(at.0, |(_, heads)| heads.at.max(at.0));
        let leaf = HeadsLeaf { at, covered, total: root.total, root: root.hash };
        let leaf = self.writer.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO leaf (leaf, data) VALUES ((SELECT coalesce(max(leaf) + 1, 0) FROM leaf), ?1)",
            )?;
            let leaf = insert.insert([leaf.leaf()])?;
            connection.execute("UPDATE ledger SET heads = ?1", [leaf])?;
            Ok(leaf.unsigned_abs())
        })?;
        crash_point!("headed");
        Ok(leaf.saturating_add(1))
    }

    /// Puts the leaves before `size` into tiles.
    fn grow(&self, edge: &mut Edge, size: u64) -> Result<(), LedgerError> {
        while edge.size() < size {
            let (from, end) = (edge.size(), size.min(edge.size().saturating_add(TILED)));
            let more = self.ask(|connection| leaves(connection, from.cast_signed(), end.cast_signed()))?;
            if more.is_empty() {
                return Err(LedgerError::Damaged);
            }
            let mut tiles: Vec<Tile> = more.into_iter().flat_map(|leaf| edge.push(leaf)).collect();
            if tiles.is_empty() {
                continue;
            }
            // Level 0 is read from the leaves until its tile is full.
            tiles.extend(edge.partial().into_iter().filter(|tile| tile.level > 0));
            self.writer.write(move |connection| {
                let mut put = connection.prepare_cached(
                    "INSERT INTO tile VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET hashes = excluded.hashes",
                )?;
                for tile in &tiles {
                    put.execute((tile.level, tile.index.cast_signed(), tile.octets()))?;
                }
                Ok(())
            })?;
            crash_point!("tiled");
        }
        Ok(())
    }
}

/// Leaves that are in tiles: those of the full ones of level 0.
fn tiled(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(tile) + 1, 0) * 256 FROM tile WHERE level = 0";
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// The last entry of each chain that has one among the leaves `first..end`.
fn heads_between(connection: &Connection, first: u64, end: u64) -> rusqlite::Result<Vec<Head>> {
    let mut select = connection.prepare_cached(
        "SELECT chain, key, leaf.number, data FROM leaf JOIN chain USING (chain)
         WHERE leaf >= ?1 AND leaf < ?2 ORDER BY leaf",
    )?;
    let mut heads = BTreeMap::new();
    let mut rows = select.query([first.cast_signed(), end.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let head = Head {
            label: label(&octets(row, 1)?),
            number: row.get::<_, i64>(2)?.unsigned_abs(),
            hash: Hash::of_leaf(row.get_ref(3)?.as_blob()?),
        };
        heads.insert(row.get::<_, i64>(0)?, head);
    }
    Ok(heads.into_values().collect())
}
