//! Memory of what was used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chukei_crypto::UnixTime;
use chukei_relay::{ReplayStore, Unavailable};

use crate::Store;
use crate::sql::{self, Connection, values};
use crate::writer::Verdict;

/// A second use never shortens the memory of the first.
const INSERT: &str = "INSERT INTO used (owner, id, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

impl ReplayStore for Store {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        self.writer
            .write(move |connection| Ok(connection.execute(INSERT, values![&owner, &id, until.0])? == 1))
    }
}

/// Memory of a party that records each use before anything leaves: a first use is on the disk no later than anything that is
/// recorded after it, and nobody waits for it alone. One process writes the file; a database that several write decides itself.
#[derive(Clone, Debug)]
pub struct EarlyReplay(pub Arc<Store>);

impl ReplayStore for EarlyReplay {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let Self(store) = self;
        if store.is_shared() {
            return store.first_use(owner, id, until);
        }
        let key = (owner.to_owned(), id.to_owned());
        if !store.fresh.ask(&key, until.0) {
            return Ok(false);
        }
        let known = store.read(|connection| {
            connection.exists("SELECT 1 FROM used WHERE owner = ?1 AND id = ?2", values![owner, id])
        });
        store.fresh.decide(key, known == Ok(false));
        known.map(|known| !known)
    }
}

/// Owner and identifier.
type Key = (String, String);

/// First uses that are not on the disk yet.
#[derive(Clone, Default)]
pub(crate) struct Fresh(Arc<Mutex<HashMap<Key, Use>>>);

struct Use {
    until: i64,
    stage: Stage,
}

#[derive(PartialEq, Eq)]
enum Stage {
    /// The disk is being asked whether it is the first.
    Asked,
    /// It waits to be written.
    Waiting,
    /// It is written in a transaction that has not ended.
    Writing,
}

/// Uses in a transaction that has not ended. Dropped, they wait again.
pub(crate) struct Written {
    fresh: Fresh,
    keys: Vec<Key>,
}

impl Fresh {
    fn uses(&self) -> MutexGuard<'_, HashMap<Key, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a use that nobody else asks about; false if there is one.
    fn ask(&self, key: &Key, until: i64) -> bool {
        let mut uses = self.uses();
        let is_new = !uses.contains_key(key);
        if is_new {
            uses.insert(key.clone(), Use { until, stage: Stage::Asked });
        }
        is_new
    }

    /// Keeps a use that is the first, and forgets one that is not.
    fn decide(&self, key: Key, is_first: bool) {
        let mut uses = self.uses();
        match uses.get_mut(&key) {
            Some(this) if is_first => this.stage = Stage::Waiting,
            _ => drop(uses.remove(&key)),
        }
    }

    /// Writes what waits. To be called in every transaction that records something.
    pub(crate) fn write(&self, connection: &Connection) -> sql::Result<Written> {
        let mut written = Written { fresh: self.clone(), keys: Vec::new() };
        let mut untils = Vec::new();
        for (key, this) in self.uses().iter_mut().filter(|(_, this)| this.stage == Stage::Waiting) {
            this.stage = Stage::Writing;
            written.keys.push(key.clone());
            untils.push(this.until);
        }
        for ((owner, id), until) in written.keys.iter().zip(untils) {
            connection.execute(INSERT, values![owner, id, until])?;
        }
        Ok(written)
    }
}

impl Written {
    /// The transaction is on the disk.
    pub(crate) fn keep(mut self) {
        let mut uses = self.fresh.uses();
        for key in std::mem::take(&mut self.keys) {
            uses.remove(&key);
        }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let mut uses = self.fresh.uses();
        for key in &self.keys {
            if let Some(this) = uses.get_mut(key) {
                this.stage = Stage::Waiting;
            }
        }
    }
}

impl Store {
    /// Forgets what was to be remembered until before `now`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn forget_before(&self, now: UnixTime) -> Result<usize, Unavailable> {
        let fresh = self.fresh.clone();
        let (written, forgotten) = self.writer.write(move |connection| {
            let written = fresh.write(connection)?;
            let forgotten = connection.execute("DELETE FROM used WHERE until < ?1", values![now.0])?;
            Ok((written, forgotten))
        })?;
        written.keep();
        Ok(forgotten)
    }
}

/// What was used without a record after it is written at the end.
impl Drop for Store {
    fn drop(&mut self) {
        let fresh = self.fresh.clone();
        let job = move |connection: &Connection| fresh.write(connection).map(Verdict::Keep);
        // A store that does not answer any more was told so to whoever asked.
        let _ = self.writer.begin(job, |written| written.map_or((), Written::keep));
    }
}
