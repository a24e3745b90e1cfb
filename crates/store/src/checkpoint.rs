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
use chukei_ledger::{Checkpoint, Hash, Head, HeadsLeaf, KeyUse, Note, SignerKey, VerifierKey};
use chukei_relay::Unavailable;

use crate::ledger::octets;
use crate::location::Location;
use crate::sql::{self, Connection, Error, values};
use crate::writer::Verdict;
use crate::{Store, server};

/// Leaves that are booked in one step: the more, the fewer pages for each.
const BOOKED: u64 = 16_384;
/// Leaves that are put into tiles in one step.
const TILED: u64 = 4096;
/// Pages of the map that are written in one transaction.
const PAGES: usize = 64;
/// Leaves that are booked in the transaction that ends the tree with the map: so few that nobody waits for them.
const FEW: u64 = 16;
/// How often is booked what came meanwhile, until it is few.
const ROUNDS: usize = 8;

/// The ledger cannot do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// The store does not answer, and why.
    Unavailable(Unavailable),
    /// There is no checkpoint that covers the map of heads: make one.
    NoCheckpoint,
    /// Another process makes a checkpoint.
    Busy,
    /// What is published cannot be written.
    Folder {
        /// Which file, and what the system says.
        error: String,
    },
    /// There is no key to sign with, or it cannot sign.
    Key,
    /// None of the keys has signed the last checkpoint, or not under this origin. Nothing is signed.
    OtherKey,
    /// One of the keys has signed for this log already, or under this origin: its successor has another name and another key.
    SameLog,
    /// The state was restored from a copy that lacks what was signed. Nothing is signed until a successor goes on.
    Behind {
        /// Size of the largest tree that was signed.
        signed: u64,
    },
    /// What is published is not what the tree begins with. Nothing is written.
    Published {
        /// Size of the published checkpoint.
        size: u64,
    },
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
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::NoCheckpoint => f.write_str("no checkpoint covers the ledger as it is; make one"),
            Self::Busy => f.write_str("another process makes a checkpoint; try again"),
            Self::Folder { error } => f.write_str(error),
            Self::Key => f.write_str("there is no key that can sign"),
            Self::OtherKey => {
                f.write_str("the last checkpoint was signed by another key, or under another origin")
            }
            Self::SameLog => {
                f.write_str("the successor of a log needs a name and a key that it has not signed with")
            }
            Self::Behind { signed } => {
                write!(
                    f,
                    "it was restored from a copy and lacks what was signed, up to size {signed}; another log has to succeed it"
                )
            }
            Self::Published { size } => {
                write!(f, "the tree does not begin with the one that is published, of size {size}")
            }
            Self::Damaged => f.write_str("the ledger contradicts itself; fsck says where"),
            Self::Diverged { size } => {
                write!(f, "the tree does not begin with the one that was signed at size {size}")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

impl From<Unavailable> for LedgerError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

/// A checkpoint that is being made.
struct Making {
    /// A number of its own. Who begins later has another, and then this one is over: two that write at a time would mix their
    /// pages.
    maker: i64,
    /// The row that only one has. When the connection is dropped, another has it.
    _held: Option<Connection>,
}

/// Tiles and pages on a connection.
pub(crate) struct Reader<'c>(pub(crate) &'c Connection);

impl Tiles for Reader<'_> {
    type Error = Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> sql::Result<Vec<Hash>> {
        let index = index.cast_signed();
        let sql = "SELECT hashes FROM tile WHERE level = ?1 AND tile = ?2";
        let stored = self.0.row(sql, values![level, index], |row| Ok(Tile::hashes_of(row.get(0)?)))?;
        if let Some(stored) = stored {
            let mut hashes = stored.ok_or_else(damaged)?;
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
    type Error = Error;

    fn page(&self, path: &[u8]) -> sql::Result<Option<Page>> {
        let sql = "SELECT page FROM heads_page WHERE path = ?1";
        self.0.row(sql, values![path], |row| Page::parse(row.get(0)?).ok_or_else(damaged))
    }
}

/// Hashes of the leaves `first..end`.
fn leaves(connection: &Connection, first: i64, end: i64) -> sql::Result<Vec<Hash>> {
    let sql = "SELECT data FROM leaf WHERE leaf >= ?1 AND leaf < ?2 ORDER BY leaf";
    connection.rows(sql, values![first, end], |row| Ok(Hash::of_leaf(row.get(0)?)))
}

/// What is stored is not what was stored.
pub(crate) fn damaged() -> Error {
    Error::Damaged("a value that was never written".to_owned())
}

pub(crate) fn heads_error(error: HeadsError<Error>) -> Error {
    match error {
        HeadsError::Source(error) => error,
        HeadsError::Damaged => damaged(),
    }
}

pub(crate) fn proof_error(error: ProofError<Error>) -> Error {
    match error {
        ProofError::Source(error) => error,
        ProofError::Range | ProofError::Short { .. } => damaged(),
    }
}

/// Leaves that are booked, and the newest map's leaf.
pub(crate) fn state(connection: &Connection) -> sql::Result<(u64, Option<(u64, HeadsLeaf)>)> {
    let sql = "SELECT booked, leaf, data FROM ledger LEFT JOIN leaf ON leaf.leaf = ledger.heads";
    connection.only(sql, &[], |row| {
        let booked = row.get::<i64>(0)?.unsigned_abs();
        let Some(leaf) = row.get::<Option<i64>>(1)? else { return Ok((booked, None)) };
        let heads = HeadsLeaf::parse(row.get(2)?).ok_or_else(damaged)?;
        Ok((booked, Some((leaf.unsigned_abs(), heads))))
    })
}

/// The largest checkpoint that is known to be signed and whose tree is not here, and its note.
pub(crate) fn lost(connection: &Connection) -> sql::Result<Option<(Checkpoint, String)>> {
    let note: Option<String> = connection.only("SELECT lost FROM ledger", &[], |row| row.get(0))?;
    note.map(checkpoint_of).transpose()
}

/// Leaves of the tree.
pub(crate) fn size(connection: &Connection) -> sql::Result<u64> {
    let sql = "SELECT coalesce(max(leaf) + 1, 0) FROM leaf";
    connection.only(sql, &[], |row| row.get(0)).map(i64::unsigned_abs)
}

/// The last checkpoint, and its note.
pub(crate) fn last(connection: &Connection) -> sql::Result<Option<(Checkpoint, String)>> {
    let sql = "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1";
    let note: Option<String> = connection.row(sql, &[], |row| row.get(0))?;
    note.map(checkpoint_of).transpose()
}

fn checkpoint_of(note: String) -> sql::Result<(Checkpoint, String)> {
    read(&note).map(|(checkpoint, _)| (checkpoint, note)).ok_or_else(damaged)
}

/// Reads a checkpoint; `None` when its form is wrong.
pub(crate) fn read(note: &str) -> Option<(Checkpoint, Note)> {
    let note = Note::parse(note)?;
    Some((Checkpoint::parse(&note.text)?, note))
}

impl Store {
    /// Commits to everything that is recorded when it begins, and to what comes until its map: books it in the map of heads,
    /// which ends the tree, makes its tiles, and signs the tree with each of the keys, the first of which names the log. Gives
    /// the signed checkpoint; the last one again if nothing was recorded since.
    ///
    /// # Errors
    /// [`LedgerError`]. What was recorded stays as it was. [`LedgerError::Behind`] and [`LedgerError::OtherKey`] before anything
    /// is recorded. [`LedgerError::Busy`] if another process was at it for too long, or has begun meanwhile.
    pub fn checkpoint(&self, keys: &[SignerKey], at: UnixTime) -> Result<String, LedgerError> {
        self.sign(keys, at, false)
    }

    /// Goes on as another log, which begins with what is here (spec/35-ledger.md, "Successors"): with a first checkpoint of its
    /// own. From then on only its keys sign.
    ///
    /// # Errors
    /// [`LedgerError`]; [`LedgerError::SameLog`], [`LedgerError::NoCheckpoint`] if there is nothing to succeed.
    pub fn succeed(&self, keys: &[SignerKey], at: UnixTime) -> Result<String, LedgerError> {
        self.sign(keys, at, true)
    }

    /// Whether the log is theirs, and has not ended.
    ///
    /// # Errors
    /// [`LedgerError::Behind`], [`LedgerError::OtherKey`].
    pub fn may_go_on(&self, keys: &[SignerKey]) -> Result<(), LedgerError> {
        if let Some((lost, _)) = self.ask(lost)? {
            return Err(LedgerError::Behind { signed: lost.size });
        }
        match self.ask(last)? {
            Some((_, note)) if !is_signed(&note, keys) => Err(LedgerError::OtherKey),
            _ => Ok(()),
        }
    }

    /// Whether there is a log, and theirs is another.
    fn may_succeed(&self, keys: &[SignerKey]) -> Result<(), LedgerError> {
        let sql = "SELECT note FROM checkpoint UNION ALL SELECT lost FROM ledger WHERE lost IS NOT NULL";
        let notes: Vec<String> = self.ask(|connection| connection.rows(sql, &[], |row| row.get(0)))?;
        if notes.is_empty() {
            return Err(LedgerError::NoCheckpoint);
        }
        for note in notes {
            let (before, note) = read(&note).ok_or(LedgerError::Damaged)?;
            for key in keys.iter().map(SignerKey::verifier) {
                // The same key under the other name has another id.
                let has_signed = VerifierKey::new(&before.origin, KeyUse::Log, key.key().clone())
                    .is_some_and(|key| note.by(&key).next().is_some());
                if key.name() == before.origin || has_signed {
                    return Err(LedgerError::SameLog);
                }
            }
        }
        Ok(())
    }

    fn sign(&self, keys: &[SignerKey], at: UnixTime, anew: bool) -> Result<String, LedgerError> {
        let origin = keys.first().ok_or(LedgerError::Key)?.verifier().name();
        let mut edge = self.edge.lock().unwrap_or_else(PoisonError::into_inner);
        let making = self.making()?;
        // From here on nobody else signs without ending this.
        if anew {
            self.may_succeed(keys)?
        } else {
            self.may_go_on(keys)?
        }
        self.book_most(&making)?;
        let size = self.commit_heads(&making, at, anew)?;
        let known = self.ask(last)?;
        // Unless the last one was made elsewhere: tiles never become narrower.
        let signed = known.as_ref().map(|(known, _)| known.size);
        let mut grown = match edge.take().filter(|edge| Some(edge.size()) == signed) {
            Some(edge) => edge,
            None => self
                .ask(|connection| Edge::load(tiled(connection)?, &Reader(connection))?.ok_or_else(damaged))?,
        };
        self.grow(&making, &mut grown, size)?;
        let root = grown.root();
        *edge = Some(grown);

        if let Some((known, note)) = known {
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
        self.step(&making, move |connection| {
            let sql = "INSERT INTO checkpoint VALUES (?1, ?2)";
            connection.execute(sql, values![size.cast_signed(), &stored])?;
            connection.execute("UPDATE ledger SET lost = NULL WHERE lost IS NOT NULL", &[]).map(drop)
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

    /// Whether the tree does not begin with the one that somebody else knows of: it was restored from a copy that lacks some.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn is_behind(&self, known: &Checkpoint) -> Result<bool, LedgerError> {
        self.ask(|connection| {
            if known.size > size(connection)? {
                return Ok(true);
            }
            let root = Prover::new(&Reader(connection), known.size).root().map_err(proof_error)?;
            Ok(root != known.root)
        })
    }

    /// Remembers a checkpoint that was signed and whose tree is not here.
    pub(crate) fn lacks(&self, note: &str) -> Result<(), LedgerError> {
        let note = note.to_owned();
        let sql = "UPDATE ledger SET lost = ?1";
        Ok(self.writer.write(move |connection| connection.execute(sql, values![&note]).map(drop))?)
    }

    /// Reads, and tells a store that is damaged from one that does not answer.
    pub(crate) fn ask<T>(&self, query: impl FnMut(&Connection) -> sql::Result<T>) -> Result<T, LedgerError> {
        self.readers.snapshot(query).map_err(|error| match error {
            Error::Damaged(_) => LedgerError::Damaged,
            Error::Lost(_) | Error::Conflict(_) | Error::Failed(_) => LedgerError::Unavailable(error.into()),
        })
    }

    /// Begins to make a checkpoint, when nobody else does.
    fn making(&self) -> Result<Making, LedgerError> {
        let held = match self.location() {
            Location::File(_) => None,
            Location::Postgres(database) => {
                let connection = server::connect(database).map_err(Unavailable::from)?;
                connection.begin("UPDATE making SET turn = turn").map_err(|error| match error {
                    Error::Failed(_) | Error::Conflict(_) => LedgerError::Busy,
                    Error::Lost(_) | Error::Damaged(_) => LedgerError::Unavailable(error.into()),
                })?;
                Some(connection)
            }
        };
        let maker = self.writer.write(|connection| {
            connection.only("UPDATE ledger SET maker = maker + 1 RETURNING maker", &[], |row| row.get(0))
        })?;
        Ok(Making { maker, _held: held })
    }

    /// Writes a part of a checkpoint, unless another process has begun one: as if it ended here.
    fn step<T: Send + 'static>(
        &self,
        making: &Making,
        mut job: impl FnMut(&Connection) -> sql::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let maker = making.maker;
        let done = self.writer.decide(move |connection| {
            if !connection.exists("SELECT 1 FROM ledger WHERE maker = ?1", values![maker])? {
                return Ok(Verdict::Undo(None));
            }
            job(connection).map(|done| Verdict::Keep(Some(done)))
        })?;
        done.ok_or(LedgerError::Busy)
    }

    /// Books entries until there are few that are not.
    fn book_most(&self, making: &Making) -> Result<(), LedgerError> {
        for _ in 0..ROUNDS {
            let until = self.ask(size)?;
            loop {
                let step = self.ask(|connection| {
                    let (booked, _) = state(connection)?;
                    let end = until.min(booked.saturating_add(BOOKED));
                    if end.saturating_sub(booked) <= FEW {
                        return Ok(None);
                    }
                    book(connection, booked, end).map(|update| Some((update, end)))
                })?;
                let Some((update, end)) = step else { break };
                self.write_pages(making, update, end)?;
            }
            if self.ask(size)?.saturating_sub(until) <= FEW {
                break;
            }
        }
        Ok(())
    }

    /// Pages below before those above; what was written when it ends early is written once more.
    fn write_pages(&self, making: &Making, update: Update, booked: u64) -> Result<(), LedgerError> {
        let mut rest = update.pages.into_iter();
        while rest.len() > 0 {
            let pages: Vec<_> = rest.by_ref().take(PAGES).collect();
            let is_last = rest.len() == 0;
            self.step(making, move |connection| {
                put(connection, &pages)?;
                if is_last {
                    let sql = "UPDATE ledger SET booked = ?1";
                    connection.execute(sql, values![booked.cast_signed()])?;
                }
                Ok(())
            })?;
            crash_point!("paged");
        }
        Ok(())
    }

    /// Ends the tree with a map that covers everything before it, unless it ends with one and none is wanted `anew`. Gives the size of the tree.
    fn commit_heads(&self, making: &Making, at: UnixTime, anew: bool) -> Result<u64, LedgerError> {
        let size = self.step(making, move |connection| {
            let (booked, newest) = state(connection)?;
            let end = size(connection)?;
            // A map that was made by a clock which was ahead is made again: until then nothing would be withheld.
            let is_last = |(leaf, heads): (u64, HeadsLeaf)| leaf.saturating_add(1) == end && heads.at <= at.0;
            if !anew && newest.is_some_and(is_last) {
                return Ok(end);
            }
            let update = book(connection, booked, end)?;
            put(connection, &update.pages)?;
            let leaf = HeadsLeaf { at: at.0, covered: end, total: update.root.total, root: update.root.hash };
            let sql = "INSERT INTO leaf (leaf, data)
                 VALUES ((SELECT coalesce(max(leaf) + 1, 0) FROM leaf), ?1) RETURNING leaf";
            let leaf = connection.insert(sql, values![&leaf.leaf()])?;
            let sql = "UPDATE ledger SET heads = ?1, booked = ?2";
            connection.execute(sql, values![leaf, end.cast_signed()])?;
            Ok(end.saturating_add(1))
        })?;
        crash_point!("headed");
        Ok(size)
    }

    /// Puts the leaves before `size` into tiles.
    fn grow(&self, making: &Making, edge: &mut Edge, size: u64) -> Result<(), LedgerError> {
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
            self.step(making, move |connection| {
                let put = "INSERT INTO tile VALUES (?1, ?2, ?3)
                     ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes";
                for tile in &tiles {
                    connection.execute(put, values![tile.level, tile.index.cast_signed(), &tile.octets()])?;
                }
                Ok(())
            })?;
            crash_point!("tiled");
        }
        Ok(())
    }
}

/// Whether one of the keys has signed it: a key may be replaced, the log may not.
fn is_signed(note: &str, keys: &[SignerKey]) -> bool {
    Note::parse(note).is_some_and(|note| {
        keys.iter()
            .map(SignerKey::verifier)
            .any(|key| note.by(key).any(|signature| key.verifies(&note.text, signature).is_some()))
    })
}

/// What becomes of the map with the last entry of each chain that has one among the leaves `first..end`.
fn book(connection: &Connection, first: u64, end: u64) -> sql::Result<Update> {
    let heads = heads_between(connection, first, end)?;
    heads::update(&Reader(connection), &heads).map_err(heads_error)
}

fn put(connection: &Connection, pages: &[(Vec<u8>, Page)]) -> sql::Result<()> {
    let sql = "INSERT INTO heads_page VALUES (?1, ?2)
         ON CONFLICT (path) DO UPDATE SET page = excluded.page";
    for (path, page) in pages {
        connection.execute(sql, values![path, &page.octets()])?;
    }
    Ok(())
}

/// Leaves that are in tiles: those of the full ones of level 0.
fn tiled(connection: &Connection) -> sql::Result<u64> {
    let sql = "SELECT coalesce(max(tile) + 1, 0) * 256 FROM tile WHERE level = 0";
    connection.only(sql, &[], |row| row.get(0)).map(i64::unsigned_abs)
}

/// The last entry of each chain that has one among the leaves `first..end`.
fn heads_between(connection: &Connection, first: u64, end: u64) -> sql::Result<Vec<Head>> {
    let sql = "SELECT chain, key, leaf.number, data FROM leaf JOIN chain USING (chain)
         WHERE leaf >= ?1 AND leaf < ?2 ORDER BY leaf";
    let mut heads = BTreeMap::new();
    connection.rows(sql, values![first.cast_signed(), end.cast_signed()], |row| {
        let head = Head {
            label: label(&octets(row, 1)?),
            number: row.get::<i64>(2)?.unsigned_abs(),
            hash: Hash::of_leaf(row.get(3)?),
        };
        heads.insert(row.get::<i64>(0)?, head);
        Ok(())
    })?;
    Ok(heads.into_values().collect())
}
