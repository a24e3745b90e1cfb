//! The access history with its leaves in the ledger, and with it the envelopes that were issued.

use chukei_profile::Purpose;
use chukei_profile::history::{Entry, Kind};
use chukei_relay::{AccessLog, Issuance, NewEntry, Person, Recording, Unavailable};
use chukei_xml::lexical::DateTime;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::Store;
use crate::ledger::{Access, book};
use crate::replay::Written;
use crate::writer::Verdict;

impl AccessLog for Store {
    fn record(&self, entries: &[NewEntry]) -> Result<Recording, Unavailable> {
        let entries = entries.to_vec();
        let fresh = self.fresh.clone();
        let (recording, ending) = Recording::begun();
        let job = move |connection: &Connection| {
            let written = fresh.write(connection)?;
            let mut known = connection
                .prepare_cached("SELECT 1 FROM access WHERE kind = 'disclosure' AND envelope = ?1")?;
            let mut insert = connection.prepare_cached(
                "INSERT INTO access (person, number, at, actor, kind, outcome, purpose, envelope, target, leaf)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            for entry in &entries {
                // A second notice about one envelope is no second disclosure.
                if entry.kind == Kind::Disclosure && known.exists([&entry.envelope])? {
                    continue;
                }
                let access = access(entry);
                let place = book(connection, &access)?;
                insert.execute((
                    access.person,
                    access.person.map(|_| place.number),
                    access.at,
                    access.actor,
                    access.kind.name(),
                    access.outcome,
                    access.purpose,
                    access.envelope,
                    access.target,
                    place.leaf,
                ))?;
            }
            Ok(Verdict::Keep(written))
        };
        self.writer.begin(job, move |kept: Option<Written>| {
            let is_kept = kept.map(Written::keep).is_some();
            ending.tell(is_kept);
        })?;
        Ok(recording)
    }

    fn history(&self, person: Person) -> Result<Vec<Entry>, Unavailable> {
        let rows = self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT number, at, actor, kind, outcome, purpose, envelope FROM access
                 WHERE person = ?1 ORDER BY number",
            )?;
            let rows = select.query_map([person.0], entry)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        // A kind or purpose that we do not know is a damaged store; nothing of a history is left out.
        rows.into_iter().collect::<Option<_>>().ok_or(Unavailable)
    }

    fn issuance(&self, envelope: &str) -> Result<Option<Issuance>, Unavailable> {
        let row = self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT person, target, actor, purpose FROM access WHERE envelope = ?1 AND target IS NOT NULL",
            )?;
            let issuance = |row: &Row<'_>| {
                let (person, target, requester) = (Person(row.get(0)?), row.get(1)?, row.get(2)?);
                let purpose = Purpose::from_uri(&row.get::<_, String>(3)?);
                Ok(purpose.map(|purpose| Issuance { person, target, requester, purpose }))
            };
            select.query_row([envelope], issuance).optional()
        })?;
        row.map(|issuance| issuance.ok_or(Unavailable)).transpose()
    }
}

fn access(entry: &NewEntry) -> Access<'_> {
    Access {
        person: entry.person.map(|person| person.0),
        at: entry.at.0,
        actor: &entry.actor,
        kind: entry.kind,
        outcome: &entry.outcome,
        purpose: entry.purpose.uri(),
        items: &entry.items,
        envelope: entry.envelope.as_deref(),
        target: entry.target.as_deref(),
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let kind = Kind::from_name(&row.get::<_, String>(3)?);
    let purpose = Purpose::from_uri(&row.get::<_, String>(5)?);
    let (Some(kind), Some(purpose)) = (kind, purpose) else { return Ok(None) };
    Ok(Some(Entry {
        number: row.get::<_, i64>(0)?.unsigned_abs(),
        at: DateTime { seconds: row.get(1)?, nanoseconds: 0 },
        actor: row.get(2)?,
        kind,
        outcome: row.get(4)?,
        purpose,
        envelope: row.get(6)?,
    }))
}

impl Store {
    /// Entries of this kind, about whomever.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn count(&self, kind: Kind) -> Result<u64, Unavailable> {
        let count = self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT count(*) FROM access WHERE kind = ?1")?;
            select.query_row([kind.name()], |row| row.get::<_, i64>(0))
        })?;
        Ok(count.unsigned_abs())
    }
}
