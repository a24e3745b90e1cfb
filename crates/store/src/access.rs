//! The access history with its leaves in the ledger, and with it the envelopes that were issued.

use chukei_crypto::UnixTime;
use chukei_ledger::{Content, Hash};
use chukei_profile::Purpose;
use chukei_profile::history::{Entry, Kind, Range};
use chukei_profile::login::Context;
use chukei_relay::{
    AccessLog, Carried, Commitment, Disclosed, Issuance, NewEntry, Page, Person, Recorded, Recording,
    Unavailable,
};
use chukei_xml::lexical::DateTime;

use crate::Store;
use crate::checkpoint::damaged;
use crate::ledger::{Access, Sealed, book, octets};
use crate::replay::Written;
use crate::sql::{self, Connection, Error, Row, values};
use crate::writer::Verdict;

/// Whether a disclosure is recorded.
const KNOWN: &str = "SELECT 1 FROM access WHERE kind = 'disclosure' AND envelope = ?1";
const INSERT: &str =
    "INSERT INTO access (person, number, at, actor, kind, outcome, purpose, envelope, target, leaf, authentication, operator)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
/// How many entries a period has, and the last; what is withheld lies in every one.
const COUNT: &str = "SELECT count(*), coalesce(max(access.number), 0)
     FROM access JOIN leaf ON leaf.leaf = access.leaf
     WHERE person = ?1 AND (at >= ?2 AND at < ?3 OR withheld_until > ?4)";
/// The last of them before a number.
const LIST: &str =
    "SELECT access.number, at, actor, kind, outcome, purpose, envelope, withheld_until, authentication, operator
     FROM access JOIN leaf ON leaf.leaf = access.leaf
     WHERE person = ?1 AND (at >= ?2 AND at < ?3 OR withheld_until > ?4) AND access.number < ?5
     ORDER BY access.number DESC LIMIT ?6";

impl AccessLog for Store {
    fn record(&self, entries: &[NewEntry]) -> Result<Recorded, Unavailable> {
        self.record_and(entries, |_| Ok(()))
    }

    fn carry(&self, carried: &Carried) -> Result<Recording, Unavailable> {
        self.note(carried)
    }

    fn conclude(&self, id: &str, entry: &NewEntry) -> Result<Recorded, Unavailable> {
        self.end(id, entry)
    }

    fn give_up(&self, now: UnixTime) -> Result<usize, Unavailable> {
        self.record_overdue(now)
    }

    fn page(&self, person: Person, range: &Range, now: UnixTime) -> Result<Page, Unavailable> {
        let from = range.from.map_or(i64::MIN, whole_second);
        let until = range.until.map_or(i64::MAX, whole_second);
        let (total, rows) = self.read(|connection| {
            let count = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?));
            let (total, last) = connection.only(COUNT, values![person.0, from, until, now.0], count)?;
            // What is recorded meanwhile is not counted, and not listed.
            let after = last.saturating_add(1);
            let before = range.before.and_then(|before| before.try_into().ok()).unwrap_or(after).min(after);
            let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
            let rows = connection.rows(LIST, values![person.0, from, until, now.0, before, limit], entry)?;
            Ok((total.unsigned_abs(), rows))
        })?;
        // A kind or purpose that we do not know is a damaged store; nothing of a history is left out.
        let entries = rows.into_iter().rev().collect::<Option<_>>().ok_or_else(unknown)?;
        Ok(Page { entries, total })
    }

    fn issuance(&self, envelope: &str) -> Result<Option<Issuance>, Unavailable> {
        let (row, disclosed) = self.read(|connection| {
            let sql = "SELECT person, target, actor, purpose, at, withheld_until
                 FROM access JOIN leaf ON leaf.leaf = access.leaf WHERE envelope = ?1 AND target IS NOT NULL";
            let issuance = |row: &Row<'_>| {
                let (person, target, requester) = (Person(row.get(0)?), row.get(1)?, row.get(2)?);
                let purpose = Purpose::from_uri(row.get(3)?);
                let at = UnixTime(row.get(4)?);
                let withheld_until = withheld(row.get(5)?).map(UnixTime);
                let disclosed = None;
                let issuance =
                    |purpose| Issuance { person, target, requester, purpose, at, withheld_until, disclosed };
                Ok(purpose.map(issuance))
            };
            let issued = connection.row(sql, values![envelope], issuance)?;
            let sql = "SELECT leaf.content FROM access JOIN leaf ON leaf.leaf = access.leaf
                 WHERE access.kind = 'disclosure' AND access.envelope = ?1";
            let content = |row: &Row<'_>| Ok(Content::parse(row.get(0)?));
            Ok((issued, connection.row(sql, values![envelope], content)?))
        })?;
        let Some(issued) = row else { return Ok(None) };
        let mut issued = issued.ok_or_else(unknown)?;
        if let Some(content) = disclosed {
            let Content { outcome, items, .. } = content.ok_or_else(damaged)?;
            issued.disclosed = Some(Disclosed { outcome, items });
        }
        Ok(Some(issued))
    }
}

fn unknown() -> Error {
    Error::Damaged("an entry of an unknown kind or purpose".to_owned())
}

/// Records an entry in a transaction that is under way.
pub(crate) fn put(connection: &Connection, entry: &NewEntry) -> sql::Result<()> {
    let access = access(entry);
    insert(connection, &access, &access.seal()?)
}

fn insert(connection: &Connection, access: &Access<'_>, seal: &Sealed) -> sql::Result<()> {
    let place = book(connection, access, seal)?;
    let values = values![
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
        access.authentication,
        access.operator,
    ];
    connection.execute(INSERT, values).map(drop)
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
        carried_to: entry.carried_to.as_deref(),
        asked: entry.asked.as_ref().map(|(requester, at)| (requester.as_str(), at.0)),
        authentication: entry.login.as_ref().map(|login| login.context.name()),
        operator: entry.login.as_ref().and_then(|login| login.operator.as_deref()),
        withheld_until: entry.withheld_until.map_or(0, |until| until.0),
    }
}

/// The first whole second from this moment on: entries have no fractions.
const fn whole_second(moment: DateTime) -> i64 {
    if moment.nanoseconds == 0 { moment.seconds } else { moment.seconds.saturating_add(1) }
}

/// As links have it, 0 is no time at all.
const fn withheld(until: i64) -> Option<i64> {
    if until == 0 { None } else { Some(until) }
}

fn entry(row: &Row<'_>) -> sql::Result<Option<Entry>> {
    let kind = Kind::from_name(row.get(3)?);
    let purpose = Purpose::from_uri(row.get(5)?);
    let authentication: Option<&str> = row.get(8)?;
    let context = authentication.map(Context::from_name);
    let (Some(kind), Some(purpose)) = (kind, purpose) else { return Ok(None) };
    if context == Some(None) {
        return Ok(None);
    }
    Ok(Some(Entry {
        number: row.get::<i64>(0)?.unsigned_abs(),
        at: DateTime { seconds: row.get(1)?, nanoseconds: 0 },
        actor: row.get(2)?,
        kind,
        outcome: row.get(4)?,
        purpose,
        envelope: row.get(6)?,
        authentication: context.flatten(),
        operator: row.get(9)?,
        withheld_until: withheld(row.get(7)?).map(|seconds| DateTime { seconds, nanoseconds: 0 }),
    }))
}

impl Store {
    /// Records the entries, with something else in the same transaction.
    pub(crate) fn record_and(
        &self,
        entries: &[NewEntry],
        mut with: impl FnMut(&Connection) -> sql::Result<()> + Send + 'static,
    ) -> Result<Recorded, Unavailable> {
        let mut receipts = Vec::with_capacity(entries.len());
        let mut sealed = Vec::with_capacity(entries.len());
        for entry in entries {
            // [disclosure.notice.recorded] A second notice about one envelope is no second disclosure.
            if let Some(commitment) = self.disclosed(entry)? {
                receipts.push(Commitment(commitment.0));
                continue;
            }
            let seal = access(entry).seal()?;
            receipts.push(Commitment(seal.commitment.0));
            sealed.push((entry.clone(), seal));
        }
        let believed = self.believed();
        let (recording, ending) = Recording::begun();
        let job = move |connection: &Connection| {
            let written = believed.write(connection)?;
            with(connection)?;
            for (entry, seal) in &sealed {
                // Two notices about one envelope at once: who gave the second one tries again, and gets the receipt of the first.
                if entry.kind == Kind::Disclosure && connection.exists(KNOWN, values![&entry.envelope])? {
                    return Err(Error::of("a disclosure that was recorded meanwhile"));
                }
                insert(connection, &access(entry), seal)?;
            }
            Ok(Verdict::Keep(written))
        };
        self.writer.begin(job, move |ended| ending.tell(ended.map(Written::keep)))?;
        Ok(Recorded { recording, receipts })
    }

    /// What stands for this disclosure, if it is recorded.
    fn disclosed(&self, entry: &NewEntry) -> Result<Option<Hash>, Unavailable> {
        if entry.kind != Kind::Disclosure {
            return Ok(None);
        }
        self.read(|connection| {
            let sql = "SELECT leaf.commitment FROM access JOIN leaf ON leaf.leaf = access.leaf
                 WHERE access.kind = 'disclosure' AND access.envelope = ?1";
            connection.row(sql, values![&entry.envelope], |row| octets(row, 0))
        })
    }

    /// Entries of this kind, about whomever.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn count(&self, kind: Kind) -> Result<u64, Unavailable> {
        let count = self.read(|connection| {
            let sql = "SELECT count(*) FROM access WHERE kind = ?1";
            connection.only(sql, values![kind.name()], |row| row.get::<i64>(0))
        })?;
        Ok(count.unsigned_abs())
    }
}
