//! What was used once. A file has one process that remembers it: it reads the file when it begins, and records nothing any more
//! as soon as another one has begun. A database has several, and decides itself.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chukei_crypto::{UnixTime, random_bytes, sha256};
use chukei_relay::{ReplayStore, Unavailable};

use crate::Store;
use crate::agreements::Agreed;
use crate::sql::{self, Connection, Error, Row, values};
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

/// What the process that writes a file remembers of it.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    uses: Mutex<Uses>,
    /// One at a time reads the file.
    reading: Mutex<()>,
}

#[derive(Default)]
struct Uses {
    /// Nothing until somebody asks.
    own: Option<Own>,
    /// Uses that are not on the disk yet.
    waiting: Vec<Use>,
}

struct Own {
    /// Stands in the file until another process begins.
    token: i64,
    /// Every use.
    known: HashSet<Mark>,
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
        self.0.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self) -> Option<i64> {
        self.uses().own.as_ref().map(|own| own.token)
    }

    /// Writes what waits.
    fn write(&self, connection: &Connection) -> sql::Result<Written> {
        let uses = std::mem::take(&mut self.uses().waiting);
        let written = Written { memory: self.clone(), uses };
        for Use { owner, id, until } in &written.uses {
            connection.execute(INSERT, values![owner, id, *until])?;
        }
        Ok(written)
    }
}

/// What a transaction was begun with: it is recorded only if that is so still.
pub(crate) struct Believed {
    memory: Memory,
    /// Nobody else remembers what was used.
    token: Option<i64>,
    /// Nobody has changed these agreements.
    version: Option<i64>,
    agreed: Agreed,
}

impl Believed {
    /// Writes what was used. To be called in every transaction that records something.
    pub(crate) fn write(&self, connection: &Connection) -> sql::Result<Written> {
        if self.token.is_some() || self.version.is_some() {
            let sql = "SELECT who, agreed FROM remembers";
            let both = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?));
            let (who, version) = connection.only(sql, &[], both)?;
            if self.token.is_some_and(|token| token != who) {
                return Err(Error::of("another process remembers what was used"));
            }
            if let Some(believed) = self.version.filter(|believed| *believed != version) {
                self.agreed.doubt(believed);
                return Err(Error::of("another process has changed the agreements"));
            }
        }
        self.memory.write(connection)
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
        self.remembering()?;
        let mut uses = self.memory.uses();
        let own = uses.own.as_mut().ok_or_else(|| Unavailable::new("nothing is remembered"))?;
        let is_first = own.known.insert(mark(&owner, &id));
        if is_first {
            uses.waiting.push(Use { owner, id, until: until.0 });
        }
        Ok(is_first)
    }

    /// What is believed now, for a transaction that is to be begun.
    pub(crate) fn believed(&self) -> Believed {
        let (memory, agreed) = (self.memory.clone(), self.agreed.clone());
        Believed { token: memory.token(), version: agreed.version(), memory, agreed }
    }

    /// Begins to remember, if this process does not.
    fn remembering(&self) -> Result<(), Unavailable> {
        if self.memory.token().is_some() {
            return Ok(());
        }
        let _alone = self.memory.0.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.memory.token().is_some() {
            return Ok(());
        }
        let token = random_bytes().map(i64::from_be_bytes).map_err(Error::of)?;
        let known = self.writer.write(move |connection| {
            connection.execute("UPDATE remembers SET who = ?1", values![token])?;
            let used = |row: &Row<'_>| Ok(mark(row.get(0)?, row.get(1)?));
            connection.rows("SELECT owner, id FROM used", &[], used)
        })?;
        self.memory.uses().own = Some(Own { token, known: known.into_iter().collect() });
        Ok(())
    }

    /// Writes what waits, and something else with it.
    fn write_uses<T: Send + 'static>(
        &self,
        mut with: impl FnMut(&Connection) -> sql::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let believed = self.believed();
        let job = move |connection: &Connection| Ok((believed.write(connection)?, with(connection)?));
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
        if let Some(own) = &mut self.memory.uses().own {
            for mark in &forgotten {
                own.known.remove(mark);
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
        let believed = self.believed();
        let job = move |connection: &Connection| believed.write(connection).map(Verdict::Keep);
        // A store that does not answer any more was told so to whoever asked.
        let _ = self.writer.begin(job, |written| written.map_or_else(drop, Written::keep));
    }
}
