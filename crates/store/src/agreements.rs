//! Who may ask what, and who takes queries. A store that does not answer allows nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chukei_profile::Purpose;
use chukei_relay::memory::MemoryAgreements;
use chukei_relay::{Agreements, Unavailable};

use crate::Store;
use crate::sql::{self, Connection, Error, Row, values};

/// Whoever has read them before notices.
const CHANGED: &str = "UPDATE remembers SET agreed = agreed + 1";

/// All of them and their version, as a process has read them in a file: it records nothing with another (replay.rs).
#[derive(Clone, Default)]
pub(crate) struct Agreed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Nothing until somebody asks, and after a change of ours.
    known: RwLock<Option<(i64, MemoryAgreements)>>,
    /// The version that somebody else has changed, or 0, which no version is.
    stale: AtomicI64,
}

impl Agreed {
    fn read(&self) -> RwLockReadGuard<'_, Option<(i64, MemoryAgreements)>> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<(i64, MemoryAgreements)>> {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which agreements are believed, if any.
    pub(crate) fn version(&self) -> Option<i64> {
        self.read().as_ref().map(|(version, _)| *version)
    }

    /// These are to be read again. Waits for nobody.
    pub(crate) fn doubt(&self, version: i64) {
        self.0.stale.store(version, Ordering::SeqCst);
    }

    fn is_doubted(&self, version: i64) -> bool {
        self.0.stale.load(Ordering::SeqCst) == version
    }
}

/// That a requester may ask for the numbers of a target for a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Entity identifier of who asks.
    pub requester: String,
    /// Entity identifier of whose number is wanted.
    pub target: String,
    /// What for.
    pub purpose: Purpose,
    /// Whether the relay may present the envelope too.
    pub via_relay: bool,
}

impl Store {
    /// Replaces all agreements, portals, and parties that may have entries withheld.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn set_agreements(
        &self,
        agreements: Vec<Agreement>,
        portals: Vec<String>,
        withholders: Vec<String>,
    ) -> Result<(), Unavailable> {
        self.agree(move |connection| {
            connection.batch("DELETE FROM agreement; DELETE FROM portal; DELETE FROM withholder;")?;
            for one in &agreements {
                let values = values![&one.requester, &one.target, one.purpose.uri(), one.via_relay];
                connection.execute("INSERT INTO agreement VALUES (?1, ?2, ?3, ?4)", values)?;
            }
            for portal in &portals {
                connection.execute("INSERT INTO portal VALUES (?1)", values![portal])?;
            }
            for party in &withholders {
                connection.execute("INSERT INTO withholder VALUES (?1)", values![party])?;
            }
            Ok(())
        })
    }

    /// Takes a party out of service, or back.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn set_in_service(&self, party: &str, in_service: bool) -> Result<(), Unavailable> {
        let party = party.to_owned();
        let sql = if in_service {
            "DELETE FROM out_of_service WHERE party = ?1"
        } else {
            "INSERT INTO out_of_service VALUES (?1) ON CONFLICT DO NOTHING"
        };
        self.agree(move |connection| connection.execute(sql, values![&party]).map(drop))
    }

    /// Changes something; whoever asks meanwhile waits for it.
    fn agree(
        &self,
        mut change: impl FnMut(&Connection) -> sql::Result<()> + Send + 'static,
    ) -> Result<(), Unavailable> {
        if self.is_shared() {
            return self.writer.write(change);
        }
        let mut agreed = self.agreed.write();
        *agreed = None;
        self.writer.write(move |connection| {
            change(connection)?;
            connection.execute(CHANGED, &[]).map(drop)
        })
    }

    /// What is in memory says it, or the row that a database has. A store that does not answer allows nothing.
    fn allows(
        &self,
        in_memory: impl FnOnce(&MemoryAgreements) -> bool,
        in_database: impl FnMut(&Connection) -> sql::Result<bool>,
    ) -> bool {
        if self.is_shared() {
            return self.read(in_database).unwrap_or(false);
        }
        if let Some((version, agreed)) = &*self.agreed.read()
            && !self.agreed.is_doubted(*version)
        {
            return in_memory(agreed);
        }
        let mut agreed = self.agreed.write();
        self.readers.snapshot(all).is_ok_and(|all| in_memory(&agreed.insert(all).1))
    }
}

impl Agreements for Store {
    fn allow(&self, requester: &str, target: Option<&str>, purpose: Purpose) -> bool {
        let in_memory = |agreed: &MemoryAgreements| agreed.allow(requester, target, purpose);
        self.allows(in_memory, |connection| match target {
            Some(target) => connection.exists(
                "SELECT 1 FROM agreement WHERE requester = ?1 AND purpose = ?2 AND target = ?3",
                values![requester, purpose.uri(), target],
            ),
            None => connection.exists(
                "SELECT 1 FROM agreement WHERE requester = ?1 AND purpose = ?2",
                values![requester, purpose.uri()],
            ),
        })
    }

    fn via_relay(&self, requester: &str, target: &str) -> bool {
        let sql = "SELECT 1 FROM agreement WHERE requester = ?1 AND target = ?2 AND via_relay = 1";
        let in_memory = |agreed: &MemoryAgreements| agreed.via_relay(requester, target);
        self.allows(in_memory, |connection| connection.exists(sql, values![requester, target]))
    }

    fn is_portal(&self, party: &str) -> bool {
        let sql = "SELECT 1 FROM portal WHERE party = ?1";
        let in_memory = |agreed: &MemoryAgreements| agreed.is_portal(party);
        self.allows(in_memory, |connection| connection.exists(sql, values![party]))
    }

    fn may_withhold(&self, party: &str) -> bool {
        let sql = "SELECT 1 FROM withholder WHERE party = ?1";
        let in_memory = |agreed: &MemoryAgreements| agreed.may_withhold(party);
        self.allows(in_memory, |connection| connection.exists(sql, values![party]))
    }

    fn in_service(&self, party: &str) -> bool {
        let sql = "SELECT 1 FROM out_of_service WHERE party = ?1";
        let in_memory = |agreed: &MemoryAgreements| agreed.in_service(party);
        self.allows(in_memory, |connection| connection.exists(sql, values![party]).map(|is_out| !is_out))
    }
}

/// All that is agreed, and its version.
fn all(connection: &Connection) -> sql::Result<(i64, MemoryAgreements)> {
    let version = connection.only("SELECT agreed FROM remembers", &[], |row| row.get(0))?;
    let mut all = MemoryAgreements::default();
    let sql = "SELECT requester, target, purpose, via_relay FROM agreement";
    let rows = connection.rows(sql, &[], |row| {
        let purpose = Purpose::from_uri(row.get(2)?).ok_or_else(|| Error::Damaged("a purpose".to_owned()))?;
        Ok((row.get::<String>(0)?, row.get::<String>(1)?, purpose, row.get::<bool>(3)?))
    })?;
    for (requester, target, purpose, via_relay) in rows {
        if via_relay {
            all.relayed.insert((requester.clone(), target.clone()));
        }
        all.pairs.insert((requester, target, purpose));
    }
    let party = |row: &Row<'_>| row.get::<String>(0);
    all.portals.extend(connection.rows("SELECT party FROM portal", &[], party)?);
    all.withholders.extend(connection.rows("SELECT party FROM withholder", &[], party)?);
    for party in connection.rows("SELECT party FROM out_of_service", &[], party)? {
        all.set_in_service(&party, false).map_err(Error::of)?;
    }
    Ok((version, all))
}
