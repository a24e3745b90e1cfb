//! Queries under way: noted before they leave, so that each has its entry even if the relay dies before it has an outcome.

use chukei_crypto::UnixTime;
use chukei_profile::Purpose;
use chukei_relay::{Carried, NewEntry, Person, Recorded, Recording, Unavailable};

use crate::Store;
use crate::access::put;
use crate::sql::{self, Error, Row, values};

const INSERT: &str =
    "INSERT INTO carried (id, until, person, at, requester, responder, purpose, items, envelope, withheld_until)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const OVERDUE: &str =
    "SELECT id, until, person, at, requester, responder, purpose, items, envelope, withheld_until
     FROM carried WHERE until < ?1 ORDER BY until, id";
const DELETE: &str = "DELETE FROM carried WHERE id = ?1";

impl Store {
    pub(crate) fn note(&self, carried: &Carried) -> Result<Recording, Unavailable> {
        let carried = carried.clone();
        let noted = self.record_and(&[], move |connection| {
            let items = carried.items.join(" ");
            let values = values![
                &carried.id,
                carried.until.0,
                carried.person.map(|person| person.0),
                carried.at.0,
                &carried.requester,
                &carried.responder,
                carried.purpose.uri(),
                &items,
                &carried.envelope,
                carried.withheld_until.map(|until| until.0),
            ];
            connection.execute(INSERT, values).map(drop)
        })?;
        Ok(noted.recording)
    }

    /// Takes the note away, in the transaction that records `entry`.
    pub(crate) fn end(&self, id: &str, entry: &NewEntry) -> Result<Recorded, Unavailable> {
        let id = id.to_owned();
        self.record_and(std::slice::from_ref(entry), move |connection| {
            let is_noted = connection.execute(DELETE, values![&id])? == 1;
            is_noted.then_some(()).ok_or_else(|| Error::of("a query that was given up"))
        })
    }

    pub(crate) fn record_overdue(&self, now: UnixTime) -> Result<usize, Unavailable> {
        // Most of the time there is none, and nobody is to wait for the answer.
        let sql = "SELECT 1 FROM carried WHERE until < ?1";
        if !self.read(|connection| connection.exists(sql, values![now.0]))? {
            return Ok(0);
        }
        self.writer.write(move |connection| {
            let overdue = connection.rows(OVERDUE, values![now.0], carried)?;
            for carried in &overdue {
                connection.execute(DELETE, values![&carried.id])?;
                put(connection, &carried.lost())?;
            }
            Ok(overdue.len())
        })
    }
}

fn carried(row: &Row<'_>) -> sql::Result<Carried> {
    let purpose = Purpose::from_uri(row.get(6)?);
    Ok(Carried {
        id: row.get(0)?,
        until: UnixTime(row.get(1)?),
        person: row.get::<Option<i64>>(2)?.map(Person),
        at: UnixTime(row.get(3)?),
        requester: row.get(4)?,
        responder: row.get(5)?,
        purpose: purpose.ok_or_else(|| Error::Damaged("an unknown purpose".to_owned()))?,
        items: row.get::<&str>(7)?.split_whitespace().map(str::to_owned).collect(),
        envelope: row.get(8)?,
        withheld_until: row.get::<Option<i64>>(9)?.map(UnixTime),
    })
}
