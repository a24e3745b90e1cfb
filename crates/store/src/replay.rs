//! What was used once. A file has one process that writes it: that process remembers, and the file is what it reads when it
//! begins. A database has several, and decides itself.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chukei_crypto::{UnixTime, sha256};
use chukei_relay::{ReplayStore, Unavailable};

use crate::Store;
use crate::sql::{self, Connection, Row, values};
use crate::writer::Verdict;

/// A second use never shortens the memory of the first.
const INSERT_ONCE: &str = "INSERT INTO used (owner, id, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const FORGET: &str = "DELETE FROM used WHERE until < ?1";

/// A file has no index of them: they are at its end in the order in which they come, and the oldest go.
const INSERT: &str = "INSERT INTO used (owner, id, until) VALUES (?1, ?2, ?3)";
const OLDEST: &str = "DELETE FROM used WHERE place < coalesce(
        (SELECT place FROM used WHERE until >= ?1 ORDER BY place LIMIT 1),
        (SELECT max(place) + 1 FROM used))
     RETURNING owner, id";

impl ReplayStore for Store {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let (owner, id) = (owner.to_owned(), id.to_owned());
        if self.is_shared() {
            return self.writer.write(move |connection| {
                Ok(connection.execute(INSERT_ONCE, values![&owner, &id, until.0])? == 1)
            });
        }
        let is_first = self.remember(owner, id, until)?;
        if is_first {
            self.write_uses(|_| Ok(()))?;
        }
        Ok(is_first)
    }
}

/// Memory of a party that records each use before anything leaves: a first use is on the disk no later than anything that is
/// recorded after it, and nobody waits for it alone.
#[derive(Clone, Debug)]
pub struct EarlyReplay(pub Arc<Store>);

impl ReplayStore for EarlyReplay {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let Self(store) = self;
        if store.is_shared() {
            return store.first_use(owner, id, until);
        }
        store.remember(owner.to_owned(), id.to_owned(), until)
    }
}

/// Stands for an owner and an identifier: half of a digest.
type Mark = [u8; 16];

/// Uses of the process that writes the file.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Uses>>);

#[derive(Default)]
struct Uses {
    /// All that are remembered. Nothing until somebody asks.
    known: Option<HashSet<Mark>>,
    /// Those that are not on the disk yet.
    waiting: Vec<Use>,
}

struct Use {
    owner: String,
    id: String,
    until: i64,
}

/// Uses in a transaction that has not ended. Dropped, they wait again.
pub(crate) struct Written {
    memory: Memory,
    uses: Vec<Use>,
}

impl Memory {
    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits. To be called in every transaction that records something.
    pub(crate) fn write(&self, connection: &Connection) -> sql::Result<Written> {
        let uses = std::mem::take(&mut self.uses().waiting);
        let written = Written { memory: self.clone(), uses };
        for Use { owner, id, until } in &written.uses {
            connection.execute(INSERT, values![owner, id, *until])?;
        }
        Ok(written)
    }
}

impl Written {
    /// The transaction is on the disk.
    pub(crate) fn keep(mut self) {
        self.uses.clear();
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.uses.is_empty() {
            self.memory.uses().waiting.append(&mut self.uses);
        }
    }
}

impl Store {
    /// Whether nobody has used it before; from now on somebody has.
    fn remember(&self, owner: String, id: String, until: UnixTime) -> Result<bool, Unavailable> {
        let mut uses = self.memory.uses();
        if uses.known.is_none() {
            let used = |row: &Row<'_>| Ok(mark(row.get(0)?, row.get(1)?));
            let known = self.read(|connection| connection.rows("SELECT owner, id FROM used", &[], used))?;
            uses.known = Some(known.into_iter().collect());
        }
        let is_first = uses.known.as_mut().is_some_and(|known| known.insert(mark(&owner, &id)));
        if is_first {
            uses.waiting.push(Use { owner, id, until: until.0 });
        }
        Ok(is_first)
    }

    /// Writes what waits, and something else with it.
    fn write_uses<T: Send + 'static>(
        &self,
        mut with: impl FnMut(&Connection) -> sql::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let memory = self.memory.clone();
        let job = move |connection: &Connection| Ok((memory.write(connection)?, with(connection)?));
        let (written, done) = self.writer.write(job)?;
        written.keep();
        Ok(done)
    }

    /// Forgets what was to be remembered until before `now`; in a file, in the order in which it was used, so that one that
    /// is remembered for longer keeps those after it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn forget_before(&self, now: UnixTime) -> Result<usize, Unavailable> {
        if self.is_shared() {
            return self.writer.write(move |connection| connection.execute(FORGET, values![now.0]));
        }
        let forgotten = self.write_uses(move |connection| {
            connection.rows(OLDEST, values![now.0], |row| Ok(mark(row.get(0)?, row.get(1)?)))
        })?;
        if let Some(known) = &mut self.memory.uses().known {
            for mark in &forgotten {
                known.remove(mark);
            }
        }
        Ok(forgotten.len())
    }
}

/// The length keeps apart what the octets alone would not.
fn mark(owner: &str, id: &str) -> Mark {
    let digest = sha256(format!("{} {owner} {id}", owner.len()).as_bytes());
    digest.first_chunk().copied().unwrap_or_default()
}

/// What was used without a record after it is written at the end.
impl Drop for Store {
    fn drop(&mut self) {
        let memory = self.memory.clone();
        let job = move |connection: &Connection| memory.write(connection).map(Verdict::Keep);
        // A store that does not answer any more was told so to whoever asked.
        let _ = self.writer.begin(job, |written| written.map_or((), Written::keep));
    }
}
