//! Rows of mappings as changes read and write them. A row that goes is kept under what replaced it.

use std::collections::BTreeSet;

use crate::sql::{self, Connection, values};

/// A number with its kind and party, as rows have it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Of<'a> {
    pub(crate) kind: i64,
    pub(crate) party: i64,
    pub(crate) number: &'a str,
}

/// A row of one person.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: i64,
    pub(crate) party: i64,
    pub(crate) number: String,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) held: Option<i64>,
    pub(crate) source: i64,
    pub(crate) since: i64,
    pub(crate) doubtful: bool,
}

/// The record whose next version writes.
#[derive(Clone, Copy)]
pub(crate) struct Writing {
    pub(crate) person: i64,
    pub(crate) source: i64,
    pub(crate) version: i64,
}

impl Row {
    pub(crate) fn is(&self, of: Of<'_>) -> bool {
        self.kind == of.kind && self.party == of.party && self.number == of.number
    }

    /// When it would end if it were not suspended.
    pub(crate) fn end(&self) -> i64 {
        self.held.unwrap_or(self.until)
    }

    /// Whether it has a time in common with `from..until`, suspended or not.
    pub(crate) fn overlaps(&self, from: i64, until: i64) -> bool {
        self.from < until && from < self.end()
    }
}

/// Every row of a person.
pub(crate) fn of_person(connection: &Connection, person: i64) -> sql::Result<Vec<Row>> {
    let sql = "SELECT kind, party, number, valid_from, valid_until, held_until, source, since, doubtful
         FROM mapping WHERE person = ?1";
    connection.rows(sql, values![person], |row| {
        Ok(Row {
            kind: row.get(0)?,
            party: row.get(1)?,
            number: row.get(2)?,
            from: row.get(3)?,
            until: row.get(4)?,
            held: row.get(5)?,
            source: row.get(6)?,
            since: row.get(7)?,
            doubtful: row.get(8)?,
        })
    })
}

/// Persons to whom a number leads at some time of `from..until`, suspended or not.
pub(crate) fn persons(
    connection: &Connection,
    of: Of<'_>,
    from: i64,
    until: i64,
    found: &mut BTreeSet<i64>,
) -> sql::Result<()> {
    let sql = "SELECT person FROM mapping WHERE number = ?1 AND kind = ?2 AND party = ?3
         AND valid_from < ?5 AND ?4 < coalesce(held_until, valid_until)";
    let persons =
        connection.rows(sql, values![of.number, of.kind, of.party, from, until], |row| row.get(0))?;
    found.extend::<Vec<i64>>(persons);
    Ok(())
}

/// Puts in a row.
pub(crate) fn put(connection: &Connection, person: i64, row: &Row) -> sql::Result<()> {
    let sql = "INSERT INTO mapping VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values = values![
        person,
        row.kind,
        row.party,
        &row.number,
        row.from,
        row.until,
        row.held,
        row.source,
        row.since,
        row.doubtful,
    ];
    connection.execute(sql, values).map(drop)
}

/// Takes a row out, into the past.
pub(crate) fn take(connection: &Connection, writing: Writing, row: &Row) -> sql::Result<()> {
    let sql = "INSERT INTO past
             (person, kind, party, number, valid_from, valid_until, held_until, source, since, gone_by, gone)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let values = values![
        writing.person,
        row.kind,
        row.party,
        &row.number,
        row.from,
        row.until,
        row.held,
        row.source,
        row.since,
        writing.source,
        writing.version,
    ];
    connection.execute(sql, values)?;
    let sql = "DELETE FROM mapping
         WHERE person = ?1 AND kind = ?2 AND party = ?3 AND number = ?4 AND valid_from = ?5";
    let values = values![writing.person, row.kind, row.party, &row.number, row.from];
    connection.execute(sql, values).map(drop)
}
