//! The tables, as a list of steps that only grows.

use rusqlite::{Connection, TransactionBehavior};

/// Each step brings a file from the version of its place in the list to the next.
const STEPS: &[&str] = &["
    -- Which numbers belong to one person, in half-open intervals of time. A person is a number of our own.
    CREATE TABLE mapping (
        person      INTEGER NOT NULL,
        party       TEXT    NOT NULL,
        scheme      TEXT    NOT NULL,
        number      TEXT    NOT NULL,
        valid_from  INTEGER NOT NULL,
        valid_until INTEGER NOT NULL CHECK (valid_from < valid_until)
    ) STRICT;
    CREATE INDEX mapping_by_number ON mapping (party, number, scheme);
    CREATE INDEX mapping_by_person ON mapping (person, scheme);

    -- Who may ask for the numbers of whom, for what.
    CREATE TABLE agreement (
        requester TEXT    NOT NULL,
        target    TEXT    NOT NULL,
        purpose   TEXT    NOT NULL,
        via_relay INTEGER NOT NULL,
        PRIMARY KEY (requester, target, purpose)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE portal (party TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE out_of_service (party TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

    -- MessageIDs and envelopes that were used, as long as they could be used again.
    CREATE TABLE used (
        owner TEXT    NOT NULL,
        id    TEXT    NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (owner, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX used_until ON used (until);

    -- What was done with a person's numbers. The target is there where an envelope was issued.
    CREATE TABLE access (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        person   INTEGER,
        number   INTEGER CHECK ((person IS NULL) = (number IS NULL) AND number > 0),
        at       INTEGER NOT NULL,
        actor    TEXT    NOT NULL,
        kind     TEXT    NOT NULL,
        outcome  TEXT    NOT NULL,
        purpose  TEXT    NOT NULL,
        envelope TEXT,
        target   TEXT    CHECK (target IS NULL OR (envelope IS NOT NULL AND person IS NOT NULL)),
        UNIQUE (person, number)
    ) STRICT;
    CREATE UNIQUE INDEX access_issued ON access (envelope) WHERE target IS NOT NULL;
    CREATE UNIQUE INDEX access_disclosed ON access (envelope) WHERE kind = 'disclosure';
    CREATE TRIGGER access_keeps BEFORE UPDATE ON access
        BEGIN SELECT RAISE (ABORT, 'the access history is append-only'); END;
    CREATE TRIGGER access_stays BEFORE DELETE ON access
        BEGIN SELECT RAISE (ABORT, 'the access history is append-only'); END;
    CREATE TRIGGER access_follows BEFORE INSERT ON access
        WHEN NEW.number <> 1 + (SELECT coalesce(max(number), 0) FROM access WHERE person = NEW.person)
        BEGIN SELECT RAISE (ABORT, 'the access history has no gap'); END;
"];

/// Brings the file up to date. A version that is newer than this program is returned, and nothing is done.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<Option<i64>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let Some(due) = usize::try_from(version).ok().and_then(|done| STEPS.get(done..)) else {
        return Ok(Some(version));
    };
    for step in due {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len())?;
    transaction.commit()?;
    Ok(None)
}
