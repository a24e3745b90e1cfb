//! What a person gets: all entries about them, proved. And what becomes of entries that have been kept long enough.

use std::collections::BTreeSet;

use chukei_crypto::UnixTime;
use chukei_ledger::bundle::{Bundle, Chain, Entry, FORMAT, Heads, VERSION};
use chukei_ledger::chain::{KEPT, label};
use chukei_ledger::tiles::Prover;
use chukei_ledger::{Content, Hash, HeadsLeaf, Part, VerifierKey, heads};
use chukei_relay::{Person, Unavailable};

use crate::Store;
use crate::checkpoint::{LedgerError, Reader, damaged, heads_error, last, proof_error, state};
use crate::ledger::octets;
use crate::sql::{self, Connection, Row, values};

/// Entries that are destroyed in one transaction.
const STEP: usize = 256;
/// Entries that are looked at at once.
const PAGE: usize = 4096;
/// Entries whose content is there, behind a leaf.
const OLDEST: &str =
    "SELECT leaf.leaf, access.at, leaf.keep_until FROM access JOIN leaf ON leaf.leaf = access.leaf
     WHERE access.leaf > ?1 ORDER BY access.leaf LIMIT ?2";

impl Store {
    /// All entries about the person, proved in the tree of the last checkpoint; with the earlier checkpoints of these
    /// sizes, as far as there are such, and the proofs that the tree grew from each to the next.
    ///
    /// # Errors
    /// [`LedgerError::NoCheckpoint`] unless a checkpoint covers the newest map of heads; else the others.
    pub fn bundle(&self, person: Person, since: &[u64], log: &VerifierKey) -> Result<Bundle, LedgerError> {
        let ready = self.ask(|connection| {
            let reader = Reader(connection);
            let (Some((checkpoint, note)), (_, Some((leaf, values)))) =
                (last(connection)?, state(connection)?)
            else {
                return Ok(None);
            };
            let root = heads::root(&reader).map_err(heads_error)?;
            if leaf.saturating_add(1) != checkpoint.size || root.hash != values.root {
                return Ok(None);
            }
            let prover = Prover::new(&reader, checkpoint.size);
            let sql = "SELECT chain, key FROM chain WHERE person = ?1";
            let chain =
                connection.row(sql, values![person.0], |row| Ok((row.get::<i64>(0)?, octets(row, 1)?)))?;
            // Somebody about whom nothing is recorded: any label that is nobody's shows it.
            let key = chain.map_or(Hash::ZERO, |(_, key)| key);
            let mut entries = Vec::new();
            for leaf in chain.map_or(Ok(Vec::new()), |(chain, _)| leaves_of(connection, chain, person))? {
                if leaf.unsigned_abs() < checkpoint.size {
                    let inclusion = prover.inclusion(leaf.unsigned_abs()).map_err(proof_error)?;
                    entries.push(entry(connection, leaf, inclusion, &values)?);
                }
            }
            let proof = heads::prove(&reader, &label(&key)).map_err(heads_error)?;
            // Pages below are written before those above: somebody makes the next checkpoint.
            let root = Part { hash: values.root, total: values.total };
            if proof.verify(&label(&key), &root).is_none() {
                return Ok(None);
            }
            let inclusion = prover.inclusion(leaf).map_err(proof_error)?;
            let heads = Heads { values, leaf, inclusion, proof };
            let mut checkpoints = earlier(connection, since, checkpoint.size)?;
            checkpoints.push((checkpoint.size, note));
            let mut consistency = Vec::new();
            for pair in checkpoints.windows(2) {
                if let [(old, _), (new, _)] = pair {
                    consistency.push(Prover::new(&reader, *new).consistency(*old).map_err(proof_error)?);
                }
            }
            Ok(Some(Bundle {
                format: FORMAT.to_owned(),
                version: VERSION,
                log: log.to_string(),
                checkpoints: checkpoints.into_iter().map(|(_, note)| note).collect(),
                consistency,
                chain: Chain { key, entries },
                heads,
            }))
        })?;
        ready.ok_or(LedgerError::NoCheckpoint)
    }

    /// Times of the oldest and of the newest entry whose content is kept, if there is one. Clocks of several relays differ a
    /// little, and one may have been set back, so more than one is looked at.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn kept(&self) -> Result<Option<(UnixTime, UnixTime)>, Unavailable> {
        let sql = "SELECT min(oldest.at), max(newest.at) FROM (SELECT at FROM access ORDER BY leaf LIMIT 1000) AS oldest,
                (SELECT max(at) AS at FROM (SELECT at FROM access ORDER BY leaf DESC LIMIT 1000) AS last) AS newest";
        let (oldest, newest): (Option<i64>, Option<i64>) =
            self.read(|connection| connection.only(sql, &[], |row| Ok((row.get(0)?, row.get(1)?))))?;
        Ok(oldest.map(UnixTime).zip(newest.map(UnixTime)))
    }

    /// Destroys salt and content of entries whose time was over before `now`, and takes them out of the access history.
    /// Leaves and links stay, so every proof of the others holds. Gives their number. Only what was over when the newest map of
    /// heads was made: a proof in its tree would lack what is not old enough by it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn destroy_before(&self, now: UnixTime) -> Result<usize, Unavailable> {
        let (_, newest) = self.read(state)?;
        let now = newest.map_or(i64::MIN, |(_, heads)| heads.at.min(now.0));
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let (mut destroyed, mut looked_at) = (0, -1);
        loop {
            let page: Vec<(i64, i64, i64)> = self.read(|connection| {
                let entry = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                connection.rows(OLDEST, values![looked_at, limit], entry)
            })?;
            let due: Vec<i64> =
                page.iter().filter(|(_, _, until)| *until <= now).map(|(leaf, ..)| *leaf).collect();
            for step in due.chunks(STEP) {
                self.destroy(step.to_vec())?;
            }
            destroyed += due.len();
            // What is withheld is kept for longer, and may stand before whatever is due.
            let is_old = |(_, at, _): &(i64, i64, i64)| at.saturating_add(KEPT) <= now;
            match page.last() {
                Some((last, ..)) if page.len() == PAGE && page.iter().any(is_old) => looked_at = *last,
                _ => return Ok(destroyed),
            }
        }
    }

    fn destroy(&self, leaves: Vec<i64>) -> Result<(), Unavailable> {
        self.writer.write(move |connection| {
            for leaf in &leaves {
                let destroy = "UPDATE leaf SET salt = NULL, content = NULL WHERE leaf = ?1";
                connection.execute(destroy, values![*leaf])?;
                connection.execute("DELETE FROM access WHERE leaf = ?1", values![*leaf])?;
            }
            Ok(())
        })?;
        crash_point!("destroyed");
        Ok(())
    }
}

/// A person's leaves, oldest first: those whose content is destroyed have left the access history.
fn leaves_of(connection: &Connection, chain: i64, person: Person) -> sql::Result<Vec<i64>> {
    let mut leaves = Vec::new();
    for (sql, key) in [
        ("SELECT number, leaf FROM leaf WHERE chain = ?1 AND salt IS NULL ORDER BY number", chain),
        ("SELECT number, leaf FROM access WHERE person = ?1 ORDER BY number", person.0),
    ] {
        let found = connection.rows(sql, values![key], |row| Ok((row.get(0)?, row.get(1)?)))?;
        leaves.extend::<Vec<(i64, i64)>>(found);
    }
    leaves.sort_unstable();
    Ok(leaves.into_iter().map(|(_, leaf)| leaf).collect())
}

fn entry(connection: &Connection, leaf: i64, inclusion: Vec<Hash>, heads: &HeadsLeaf) -> sql::Result<Entry> {
    let sql = "SELECT number, previous, keep_until, withheld_until, commitment, salt, content
         FROM leaf WHERE leaf = ?1";
    connection.only(sql, values![leaf], |row| {
        let withheld_until = row.get(3)?;
        let (salt, content) = if withheld_until > heads.at { (None, None) } else { opening(row)? };
        Ok(Entry {
            number: row.get::<i64>(0)?.unsigned_abs(),
            previous: octets(row, 1)?,
            keep_until: row.get(2)?,
            withheld_until,
            commitment: octets(row, 4)?,
            salt,
            content,
            leaf: leaf.unsigned_abs(),
            inclusion,
        })
    })
}

fn opening(row: &Row<'_>) -> sql::Result<(Option<Hash>, Option<Content>)> {
    let Some(content) = row.get::<Option<&[u8]>>(6)? else { return Ok((None, None)) };
    let content = Content::parse(content).ok_or_else(damaged)?;
    Ok((Some(octets(row, 5)?), Some(content)))
}

/// Checkpoints of these sizes that are smaller than the last one.
fn earlier(connection: &Connection, since: &[u64], last: u64) -> sql::Result<Vec<(u64, String)>> {
    let sizes: BTreeSet<u64> = since.iter().copied().filter(|size| *size < last).collect();
    let mut found = Vec::new();
    for size in sizes {
        let sql = "SELECT note FROM checkpoint WHERE size = ?1";
        let note: Option<String> = connection.row(sql, values![size.cast_signed()], |row| row.get(0))?;
        found.extend(note.map(|note| (size, note)));
    }
    Ok(found)
}
