//! When a relay makes checkpoints: after so many entries, or so long after the first that none covers, and when it stops.
//! What it costs is done beside the answers, in the small steps of [`Store::checkpoint`].

use std::fmt;
use std::sync::{Mutex, PoisonError, TryLockError};

use chukei_crypto::UnixTime;
use chukei_ledger::SignerKey;

use crate::Store;
use crate::checkpoint::{LedgerError, size};

/// How long entries wait for a checkpoint at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many entries that no checkpoint covers make one due.
    pub entries: u64,
    /// So many seconds after the first of them has been seen, one is due however few there are.
    pub seconds: i64,
}

impl Default for Pace {
    /// A minute; at the national peak (1,700 accesses per second, domain.md §5.3) every few seconds.
    fn default() -> Self {
        Self { entries: 10_000, seconds: 60 }
    }
}

/// Makes checkpoints at a pace, with keys of the log.
pub struct Keeper {
    keys: Vec<SignerKey>,
    pace: Pace,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// When an entry was seen first that no checkpoint covers.
    since: Option<i64>,
}

impl Keeper {
    /// A keeper; the first of its keys names the log.
    #[must_use]
    pub const fn new(keys: Vec<SignerKey>, pace: Pace) -> Self {
        Self { keys, pace, waiting: Mutex::new(Waiting { since: None }) }
    }

    /// Makes a checkpoint if one is due, and gives it. To be called now and then; who calls while another is at it has
    /// nothing to do.
    ///
    /// # Errors
    /// [`LedgerError`]. Entries stay recorded, and the next call tries again.
    pub fn keep(&self, store: &Store, now: UnixTime) -> Result<Option<String>, LedgerError> {
        let mut waiting = match self.waiting.try_lock() {
            Ok(waiting) => waiting,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        let more = uncovered(store)?;
        if more == 0 {
            waiting.since = None;
            return Ok(None);
        }
        // A clock that is set back begins to wait anew.
        let since = waiting.since.unwrap_or(now.0).min(now.0);
        waiting.since = Some(since);
        if more < self.pace.entries && now.0.saturating_sub(since) < self.pace.seconds {
            return Ok(None);
        }
        match self.make(store, now, &mut waiting) {
            // Another process does what is due here.
            Err(LedgerError::Busy) => Ok(None),
            made => made.map(Some),
        }
    }

    /// Makes a checkpoint of what none covers: when the relay stops. Nothing if there is no such entry.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn finish(&self, store: &Store, now: UnixTime) -> Result<Option<String>, LedgerError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if uncovered(store)? == 0 {
            return Ok(None);
        }
        self.make(store, now, &mut waiting).map(Some)
    }

    /// A checkpoint that covers everything: a new one, or the last one if there is no newer entry.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn current(&self, store: &Store, now: UnixTime) -> Result<String, LedgerError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.make(store, now, &mut waiting)
    }

    fn make(&self, store: &Store, now: UnixTime, waiting: &mut Waiting) -> Result<String, LedgerError> {
        let note = store.checkpoint(&self.keys, now)?;
        waiting.since = None;
        Ok(note)
    }
}

/// Leaves that no checkpoint covers; another process may have made the last one.
fn uncovered(store: &Store) -> Result<u64, LedgerError> {
    store.ask(|connection| {
        let sql = "SELECT coalesce(max(size), 0) FROM checkpoint";
        let covered: i64 = connection.only(sql, &[], |row| row.get(0))?;
        Ok(size(connection)?.saturating_sub(covered.unsigned_abs()))
    })
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("pace", &self.pace).finish_non_exhaustive()
    }
}
