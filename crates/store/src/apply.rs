//! Changes of a file: all of them, or none (R-035, R-238; domain.md §1.7 "mapping row").
//!
//! Nothing is decided by a name. A change that would give one key two answers, jump a version, overlap an interval, or speak
//! for somebody else is a named fault with its line; every fault of the file is found before the file is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chukei_crypto::UnixTime;
use chukei_relay::Unavailable;
use chukei_relay::changes::{Assigned, Change, MappingFault, MappingNote};
use chukei_relay::numbers::NumberKind;

use crate::Store;
use crate::registry::{Role, SourceState, find};
use crate::sql::{self, Connection, values};
use crate::writer::Verdict;

mod first;
mod steps;

/// Faults that are listed; a file with more is hopeless, and is not read to its end.
pub const MOST_FAULTS: usize = 100;
/// Notes that are listed; the others are counted.
const NOTES: usize = 10_000;
/// Changes after which progress is told.
const PROGRESS: u64 = 10_000;
/// How long nothing is told: somebody waits.
const SILENCE: Duration = Duration::from_secs(2);

/// The changes of one file.
pub struct Batch<F> {
    /// Name of the source.
    pub source: String,
    /// The file's place among those of the source, from 1.
    pub sequence: i64,
    /// Digest of the file before it; `None` for the first.
    pub previous: Option<[u8; 32]>,
    /// Digest of the file.
    pub digest: [u8; 32],
    /// Now: when the relay learns of it.
    pub at: UnixTime,
    /// Whether nothing is to be changed, only told.
    pub dry_run: bool,
    /// Gives the changes, from the first one each time that it is called.
    pub changes: F,
    /// Is told how many changes are done: after so many, and every two seconds.
    pub progress: Box<dyn FnMut(u64) + Send>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<E> {
    /// All of it is applied, or would be.
    Applied(Applied),
    /// Nothing of it is applied. If there are [`MOST_FAULTS`], there may be more.
    Refused(Vec<Refused<E>>),
}

/// What a file changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Changes.
    pub changes: u64,
    /// Persons who were not known.
    pub persons: u64,
    /// Rows that are new.
    pub added: u64,
    /// Rows that were replaced or cut.
    pub ended: u64,
    /// What somebody should look at, with its line.
    pub notes: Vec<(u64, MappingNote)>,
    /// Notes beyond those that are listed.
    pub more_notes: u64,
}

/// Why a file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused<E> {
    /// The source is not registered.
    Source,
    /// Another file is due: one is lost, repeated or out of order.
    Sequence {
        /// The next one.
        due: i64,
        /// What came.
        found: i64,
    },
    /// The file does not follow from the one before it: that was another one.
    Chain,
    /// A change that cannot be applied.
    Change {
        /// Its line.
        line: u64,
        /// Why.
        fault: MappingFault,
        /// About which of its numbers, where it is about one.
        about: Option<About>,
    },
    /// What the reader of the file says.
    Reader(E),
}

/// Which number of a change: not the number itself, for reports are kept longer than files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its kind.
    pub kind: NumberKind,
    /// Code of the party that assigned it.
    pub party: String,
}

/// A party, as a batch needs it.
#[derive(Clone, Copy)]
struct Party {
    party: i64,
    /// The source that has the last word, and its role.
    owner: Option<(i64, Role)>,
}

/// A batch at work.
struct Work<'c> {
    connection: &'c Connection,
    source: i64,
    role: Role,
    sequence: i64,
    at: i64,
    parties: BTreeMap<String, Option<Party>>,
    next: i64,
    done: Applied,
    /// Persons who left a medical insurance, when, and the line.
    left: BTreeMap<i64, (i64, u64)>,
}

/// Who is told how far it is, and when last.
struct Teller<'p> {
    progress: &'p mut dyn FnMut(u64),
    told: Instant,
}

/// A fault of the change, or one of the store.
enum Stop {
    Fault(MappingFault, Option<About>),
    Store(sql::Error),
}

impl Stop {
    /// A fault of one number.
    fn about(fault: MappingFault, assigned: &Assigned) -> Self {
        let (kind, party) = (assigned.number.kind(), assigned.party.clone());
        Self::Fault(fault, Some(About { kind, party }))
    }
}

impl From<sql::Error> for Stop {
    fn from(error: sql::Error) -> Self {
        Self::Store(error)
    }
}

impl From<MappingFault> for Stop {
    fn from(fault: MappingFault) -> Self {
        Self::Fault(fault, None)
    }
}

impl Store {
    /// Applies all changes of a file, in their order, or none of them. The file of the ledger is not touched, and no lookup
    /// waits.
    ///
    /// # Errors
    /// When the store does not answer. Nothing is applied then.
    pub fn apply<F, I, E>(&self, mut batch: Batch<F>) -> Result<Outcome<E>, Unavailable>
    where
        F: FnMut() -> I + Send + 'static,
        I: Iterator<Item = Result<Change, E>>,
        E: Send + 'static,
    {
        // Mappings that were put back from an older copy do not know of everybody whom the ledger speaks about.
        let recorded = self.read(|connection| largest(connection, &RECORDED))?;
        self.maps.writer.decide(move |connection| run(connection, recorded, &mut batch))
    }
}

/// Above this are persons who were put in without a file, under numbers of whoever did it.
const OWN: i64 = 1 << 62;

/// Of persons whom the mappings speak about, or spoke.
const KNOWN: [&str; 3] = [
    "SELECT max(person) FROM mapping WHERE person < ?1",
    "SELECT max(person) FROM past WHERE person < ?1",
    "SELECT max(person) FROM version WHERE person < ?1",
];
const RECORDED: [&str; 1] = ["SELECT max(person) FROM chain WHERE person < ?1"];

/// The largest number of a person that is one of ours; 0 for none.
fn largest(connection: &Connection, of: &[&'static str]) -> sql::Result<i64> {
    let mut largest = 0;
    for sql in of {
        let found: Option<i64> = connection.only(sql, values![OWN], |row| row.get(0))?;
        largest = largest.max(found.unwrap_or(0));
    }
    Ok(largest)
}

fn run<F, I, E>(
    connection: &Connection,
    recorded: i64,
    batch: &mut Batch<F>,
) -> sql::Result<Verdict<Outcome<E>>>
where
    F: FnMut() -> I,
    I: Iterator<Item = Result<Change, E>>,
{
    let refuse = |why| Ok(Verdict::Undo(Outcome::Refused(vec![why])));
    let Some((source, role, state)) = find(connection, &batch.source)? else {
        return refuse(Refused::Source);
    };
    let SourceState { next: due, digest, .. } = state;
    if batch.sequence != due {
        return refuse(Refused::Sequence { due, found: batch.sequence });
    }
    if batch.previous != digest {
        return refuse(Refused::Chain);
    }
    // Nobody gets the number of somebody who is there, however they came in.
    let known = largest(connection, &KNOWN)?.max(recorded);
    let next: i64 = connection.only("SELECT next FROM numbering", &[], |row| row.get(0))?;
    let next = next.max(known.saturating_add(1));
    let mut work = Work {
        connection,
        source,
        role,
        sequence: batch.sequence,
        at: batch.at.0,
        parties: BTreeMap::new(),
        next,
        done: Applied::default(),
        left: BTreeMap::new(),
    };
    // Into an empty store rows go without looking each of them up. If there is more in the file than that, one by one.
    let is_first = !connection.exists("SELECT 1 FROM mapping LIMIT 1", &[])?;
    let mut teller = Teller { progress: &mut batch.progress, told: Instant::now() };
    if !is_first || !work.first_load((batch.changes)(), &mut teller)? {
        connection.expect_growth()?;
        let faults = work.one_by_one((batch.changes)(), &mut teller)?;
        if !faults.is_empty() {
            return Ok(Verdict::Undo(Outcome::Refused(faults)));
        }
    }
    work.without_scheme()?;
    connection.execute("UPDATE numbering SET next = ?1", values![work.next])?;
    connection.execute(
        "UPDATE source SET sequence = ?2, digest = ?3 WHERE source = ?1",
        values![source, batch.sequence, &batch.digest],
    )?;
    connection.execute(
        "INSERT INTO file VALUES (?1, ?2, ?3, ?4, ?5)",
        values![source, batch.sequence, &batch.digest, work.done.changes.cast_signed(), batch.at.0],
    )?;
    let outcome = Outcome::Applied(work.done);
    Ok(if batch.dry_run { Verdict::Undo(outcome) } else { Verdict::Keep(outcome) })
}

impl Teller<'_> {
    fn tell(&mut self, done: u64) {
        if done.is_multiple_of(PROGRESS) || self.told.elapsed() >= SILENCE {
            self.told = Instant::now();
            (self.progress)(done);
        }
    }
}

impl Work<'_> {
    /// Looks everything up, and gives all faults.
    fn one_by_one<E>(
        &mut self,
        changes: impl Iterator<Item = Result<Change, E>>,
        teller: &mut Teller<'_>,
    ) -> sql::Result<Vec<Refused<E>>> {
        let mut faults = Vec::new();
        for change in changes {
            match change {
                Err(error) => faults.push(Refused::Reader(error)),
                Ok(change) => match self.step(&change) {
                    Ok(()) => {}
                    Err(Stop::Fault(fault, about)) => {
                        faults.push(Refused::Change { line: change.line, fault, about });
                    }
                    Err(Stop::Store(error)) => return Err(error),
                },
            }
            if faults.len() >= MOST_FAULTS {
                break;
            }
            self.done.changes = self.done.changes.saturating_add(1);
            teller.tell(self.done.changes);
        }
        Ok(faults)
    }

    /// A registered party for whose numbers the source may speak.
    fn party(&mut self, assigned: &Assigned) -> Result<Party, Stop> {
        let party = self.known_party(assigned)?;
        let is_own = party.owner.is_none_or(|(owner, _)| owner == self.source);
        let may = match self.role {
            Role::Provider => party.owner.is_some() && is_own,
            // One relay serves several towns, and keeps them apart.
            Role::Municipality => is_own || party.owner.is_some_and(|(_, role)| role == Role::Provider),
        };
        if may { Ok(party) } else { Err(Stop::about(MappingFault::Foreign, assigned)) }
    }

    fn known_party(&mut self, assigned: &Assigned) -> Result<Party, Stop> {
        let unknown = || Stop::about(MappingFault::UnknownParty, assigned);
        let code = &assigned.party;
        if let Some(known) = self.parties.get(code) {
            return known.ok_or_else(unknown);
        }
        let sql =
            "SELECT party, source.source, role FROM party LEFT JOIN source ON source.source = party.source
             WHERE code = ?1";
        let found = self.connection.row(sql, values![code], |row| {
            let role: Option<&str> = row.get(2)?;
            let owner = row.get::<Option<i64>>(1)?.zip(role.and_then(Role::from_name));
            Ok(Party { party: row.get(0)?, owner })
        })?;
        self.parties.insert(code.clone(), found);
        found.ok_or_else(unknown)
    }

    fn note(&mut self, line: u64, note: MappingNote) {
        if self.done.notes.len() < NOTES {
            self.done.notes.push((line, note));
        } else {
            self.done.more_notes = self.done.more_notes.saturating_add(1);
        }
    }

    /// The next version of the source's record of the person.
    fn version(&self, person: i64, change: &Change) -> Result<(), Stop> {
        let sql = "SELECT max(version) FROM version WHERE person = ?1 AND source = ?2";
        let last: Option<i64> = self.connection.only(sql, values![person, self.source], |row| row.get(0))?;
        let due = last.unwrap_or(0).saturating_add(1);
        if change.version != due {
            return Err(MappingFault::Version { due, found: change.version }.into());
        }
        self.record(person, change)?;
        Ok(())
    }

    fn record(&self, person: i64, change: &Change) -> sql::Result<()> {
        let line = change.line.cast_signed();
        let values =
            values![person, self.source, change.version, self.at, self.sequence, line, change.action.name()];
        self.connection.execute("INSERT INTO version VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", values)?;
        Ok(())
    }

    /// A number of our own for a person who was not known.
    fn newcomer(&mut self) -> i64 {
        let person = self.next;
        self.next = self.next.saturating_add(1);
        self.done.persons = self.done.persons.saturating_add(1);
        person
    }

    /// Who is left in no medical insurance, after all changes of the file: nobody is, silently.
    fn without_scheme(&mut self) -> sql::Result<()> {
        for (person, (at, line)) in std::mem::take(&mut self.left) {
            let rows = crate::rows::of_person(self.connection, person)?;
            let is_covered = rows.iter().any(|row| is_medical(row.kind) && row.from <= at && at < row.until);
            if !is_covered {
                self.note(line, MappingNote::NoScheme { from: at });
            }
        }
        Ok(())
    }
}

/// Whether such rows say that a person is insured for medical care.
pub(crate) fn is_medical(kind: i64) -> bool {
    chukei_relay::numbers::NumberKind::from_code(kind)
        .is_some_and(chukei_relay::numbers::NumberKind::is_medical)
}

/// Distinct persons to whom a number leads, of whom there must be one at most.
fn only(persons: &BTreeSet<i64>, number: &Assigned) -> Result<Option<i64>, Stop> {
    match persons.len() {
        0 | 1 => Ok(persons.first().copied()),
        _ => Err(Stop::about(MappingFault::TwoAnswers, number)),
    }
}
