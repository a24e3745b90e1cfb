//! Memory of what was used.

use std::sync::{Arc, PoisonError};

use chukei_crypto::UnixTime;
use chukei_relay::{ReplayStore, Unavailable};
use rusqlite::Connection;

use crate::Store;
use crate::writer::Verdict;

/// A second use never shortens the memory of the first.
const INSERT: &str = "INSERT INTO used (owner, id, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

impl ReplayStore for Store {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        self.writer.write(move |connection| {
            Ok(connection.prepare_cached(INSERT)?.execute((&owner, &id, until.0))? == 1)
        })
    }
}

/// Memory of a party that records each use before anything leaves: a first use is on the disk no later than what is
/// recorded after it, and nobody waits for it alone. One process writes the file.
#[derive(Clone, Debug)]
pub struct EarlyReplay(pub Arc<Store>);

impl ReplayStore for EarlyReplay {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let Self(store) = self;
        let key = (owner.to_owned(), id.to_owned());
        let fresh = || store.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        // Of two at a time, one is not the first; it may be that neither is.
        if !fresh().insert(key.clone()) {
            return Ok(false);
        }
        let known = store.read(|connection| {
            connection.prepare_cached("SELECT 1 FROM used WHERE owner = ?1 AND id = ?2")?.exists((owner, id))
        });
        if !matches!(known, Ok(false)) {
            fresh().remove(&key);
            return known.map(|_| false);
        }
        let to_write = key.clone();
        let job = move |connection: &Connection| {
            let (owner, id) = &to_write;
            connection.prepare_cached(INSERT)?.execute((owner, id, until.0)).map(Verdict::Keep)
        };
        // The writer's thread must not be the last to have the store.
        let store_then = Arc::downgrade(store);
        let forget = move |_| {
            if let Some(store) = store_then.upgrade() {
                store.fresh.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            }
        };
        store.writer.begin(job, forget)?;
        Ok(true)
    }
}

impl Store {
    /// Forgets what was to be remembered until before `now`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn forget_before(&self, now: UnixTime) -> Result<usize, Unavailable> {
        self.writer.write(move |connection| {
            connection.prepare_cached("DELETE FROM used WHERE until < ?1")?.execute([now.0])
        })
    }
}
