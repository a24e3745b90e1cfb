//! The tables, as a list of steps that only grows.

use std::path::Path;

use crate::StoreError;
use crate::maps::Old;
use crate::sql::{Connection, Result, values};

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
", "
    -- The ledger (chukei-ledger). A chain holds all entries about one person, or about nobody that the relay knows.
    CREATE TABLE chain (
        chain  INTEGER PRIMARY KEY,
        person INTEGER UNIQUE,
        key    BLOB    NOT NULL CHECK (length(key) = 32),
        number INTEGER NOT NULL,
        hash   BLOB    NOT NULL CHECK (length(hash) = 32)
    ) STRICT;
    CREATE UNIQUE INDEX chain_about_nobody ON chain (person IS NULL) WHERE person IS NULL;
    CREATE TRIGGER chain_grows BEFORE UPDATE ON chain
        WHEN NEW.number <> OLD.number + 1 OR NEW.key <> OLD.key OR NEW.person IS NOT OLD.person
        BEGIN SELECT RAISE (ABORT, 'a chain grows by one entry at a time'); END;
    CREATE TRIGGER chain_stays BEFORE DELETE ON chain
        BEGIN SELECT RAISE (ABORT, 'a chain is never deleted'); END;

    -- The tree: a leaf for each entry, and for each map of heads, which has no chain. Salt and content are destroyed when
    -- they have been kept long enough; the rest stays.
    CREATE TABLE leaf (
        leaf           INTEGER PRIMARY KEY CHECK (leaf >= 0),
        data           BLOB    NOT NULL,
        chain          INTEGER REFERENCES chain (chain),
        number         INTEGER,
        previous       BLOB,
        keep_until     INTEGER,
        withheld_until INTEGER,
        commitment     BLOB,
        salt           BLOB,
        content        BLOB CHECK ((content IS NULL) = (salt IS NULL))
    ) STRICT;
    CREATE INDEX leaf_destroyed ON leaf (chain, number) WHERE chain IS NOT NULL AND salt IS NULL;
    CREATE TRIGGER leaf_follows BEFORE INSERT ON leaf
        WHEN NEW.leaf <> (SELECT coalesce(max(leaf) + 1, 0) FROM leaf)
        BEGIN SELECT RAISE (ABORT, 'the tree has no gap'); END;
    CREATE TRIGGER leaf_keeps BEFORE UPDATE ON leaf
        WHEN NEW.salt IS NOT NULL OR NEW.leaf <> OLD.leaf OR NEW.data <> OLD.data OR NEW.chain IS NOT OLD.chain
            OR NEW.number IS NOT OLD.number OR NEW.previous IS NOT OLD.previous
            OR NEW.keep_until IS NOT OLD.keep_until OR NEW.withheld_until IS NOT OLD.withheld_until
            OR NEW.commitment IS NOT OLD.commitment
        BEGIN SELECT RAISE (ABORT, 'the tree is append-only'); END;
    CREATE TRIGGER leaf_stays BEFORE DELETE ON leaf
        BEGIN SELECT RAISE (ABORT, 'the tree is append-only'); END;

    -- Made from the leaves: full tiles of level 0, all of the levels above, and the map of heads.
    CREATE TABLE tile (
        level  INTEGER NOT NULL,
        tile   INTEGER NOT NULL,
        hashes BLOB    NOT NULL,
        PRIMARY KEY (level, tile)
    ) STRICT;
    -- Pages of the map lie in the order of labels, in which they are changed.
    CREATE TABLE heads_page (path BLOB PRIMARY KEY, page BLOB NOT NULL) STRICT, WITHOUT ROWID;
    -- Leaves before booked are in the map; the newest leaf of a map.
    CREATE TABLE ledger (one INTEGER PRIMARY KEY CHECK (one = 1), booked INTEGER NOT NULL, heads INTEGER) STRICT;
    INSERT INTO ledger VALUES (1, 0, NULL);
    CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
    CREATE TRIGGER checkpoint_keeps BEFORE UPDATE ON checkpoint
        BEGIN SELECT RAISE (ABORT, 'what was signed stays'); END;
    CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint
        BEGIN SELECT RAISE (ABORT, 'what was signed stays'); END;

    -- Each entry of the history has its leaf, and goes with its content.
    ALTER TABLE access ADD COLUMN leaf INTEGER REFERENCES leaf (leaf);
    CREATE UNIQUE INDEX access_leaf ON access (leaf);
    DROP TRIGGER access_keeps;
    DROP TRIGGER access_stays;
    DROP TRIGGER access_follows;
", "
    -- Mappings have a file of their own (maps.rs); what stands here goes there.
    DROP INDEX mapping_by_number;
    DROP INDEX mapping_by_person;
    ALTER TABLE mapping RENAME TO mapping_moves;
    -- Which file of mappings belongs to this one.
    CREATE TABLE beside (one INTEGER PRIMARY KEY CHECK (one = 1), mark BLOB NOT NULL) STRICT;
", "
    -- Who makes the checkpoint: the one before stops when another begins.
    ALTER TABLE ledger ADD COLUMN maker INTEGER NOT NULL DEFAULT 0;
", "
    -- Challenges that wait for an answer, and who has logged in, for whom, until when.
    CREATE TABLE challenge (
        party TEXT    NOT NULL,
        value TEXT    NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (party, value)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX challenge_until ON challenge (until);
    CREATE TABLE session (
        id      BLOB    PRIMARY KEY CHECK (length(id) = 32),
        party   TEXT    NOT NULL,
        person  INTEGER NOT NULL,
        purpose TEXT    NOT NULL,
        until   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_until ON session (until);
", "
    -- Whose card was presented over TLS with a challenge, if it is registered, what for, and the digest of the ticket.
    ALTER TABLE challenge ADD COLUMN ticket BLOB CHECK (length(ticket) = 32);
    ALTER TABLE challenge ADD COLUMN person INTEGER;
    ALTER TABLE challenge ADD COLUMN purpose TEXT CHECK ((purpose IS NULL) = (ticket IS NULL));
", "
    -- Who may have entries withheld from the person.
    CREATE TABLE withholder (party TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
", "
    -- How the person had logged in, and with which member of staff. Who has a session logs in once more.
    ALTER TABLE access ADD COLUMN authentication TEXT;
    ALTER TABLE access ADD COLUMN operator TEXT;
    DROP TABLE session;
    CREATE TABLE session (
        id       BLOB    PRIMARY KEY CHECK (length(id) = 32),
        party    TEXT    NOT NULL,
        person   INTEGER NOT NULL,
        purpose  TEXT    NOT NULL,
        until    INTEGER NOT NULL,
        context  TEXT    NOT NULL,
        operator TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX session_until ON session (until);
", "
    -- Queries that are carried and have no outcome yet: what is recorded of each, if it gets none (carried.rs).
    CREATE TABLE carried (
        id             TEXT    PRIMARY KEY,
        until          INTEGER NOT NULL,
        person         INTEGER,
        at             INTEGER NOT NULL,
        requester      TEXT    NOT NULL,
        responder      TEXT    NOT NULL,
        purpose        TEXT    NOT NULL,
        items          TEXT    NOT NULL,
        envelope       TEXT    NOT NULL,
        withheld_until INTEGER
    ) STRICT, WITHOUT ROWID;
", "
    -- What was used lies in the order in which it came; the process that writes the file knows all of it (replay.rs).
    ALTER TABLE used RENAME TO used_before;
    CREATE TABLE used (
        place INTEGER PRIMARY KEY,
        owner TEXT    NOT NULL,
        id    TEXT    NOT NULL,
        until INTEGER NOT NULL
    ) STRICT;
    INSERT INTO used (owner, id, until) SELECT owner, id, until FROM used_before ORDER BY until;
    DROP TABLE used_before;
    -- A number that the process has drawn that remembers them, and the version of the agreements.
    CREATE TABLE remembers (
        one    INTEGER PRIMARY KEY CHECK (one = 1),
        who    INTEGER NOT NULL,
        agreed INTEGER NOT NULL
    ) STRICT;
    INSERT INTO remembers VALUES (1, 0, 1);
", "
    -- A checkpoint that was signed and whose tree is not here: nothing is signed until another log goes on.
    ALTER TABLE ledger ADD COLUMN lost TEXT;
"];

/// After every step: what may happen to the access history. Entries of before the ledger get their leaf first.
const GUARDS: &str = "
    CREATE TRIGGER IF NOT EXISTS access_keeps BEFORE UPDATE ON access
        BEGIN SELECT RAISE (ABORT, 'the access history is append-only'); END;
    CREATE TRIGGER IF NOT EXISTS access_stays BEFORE DELETE ON access
        WHEN (SELECT salt FROM leaf WHERE leaf = OLD.leaf) IS NOT NULL
        BEGIN SELECT RAISE (ABORT, 'the access history is append-only'); END;
    CREATE TRIGGER IF NOT EXISTS access_follows BEFORE INSERT ON access
        WHEN NEW.leaf IS NULL OR NOT EXISTS (
            SELECT 1 FROM leaf JOIN chain USING (chain)
            WHERE leaf.leaf = NEW.leaf AND chain.person IS NEW.person
                AND (NEW.person IS NULL OR leaf.number = NEW.number))
        BEGIN SELECT RAISE (ABORT, 'the access history has no gap'); END;
";

/// What was found in a file.
pub(crate) enum Found {
    /// Nothing, or an earlier version; it is up to date now.
    Ours,
    /// A later version. Nothing was done.
    Newer(i64),
    /// Tables of something else. Nothing was done.
    Foreign,
}

impl Found {
    /// The error for what cannot be used.
    pub(crate) fn or_refuse(self, path: &Path) -> std::result::Result<(), StoreError> {
        match self {
            Self::Ours => Ok(()),
            Self::Newer(version) => Err(StoreError::Newer { at: path.display().to_string(), version }),
            Self::Foreign => Err(StoreError::Foreign { path: path.to_owned() }),
        }
    }
}

/// Brings the file up to date.
pub(crate) fn migrate(connection: &Connection) -> Result<Found> {
    steps(connection, STEPS, |connection| {
        crate::ledger::adopt(connection)?;
        connection.batch(GUARDS)
    })
}

/// Takes the steps that are due, and then what has to follow, if there were any.
pub(crate) fn steps(
    connection: &Connection,
    steps: &[&str],
    after: impl FnOnce(&Connection) -> Result<()>,
) -> Result<Found> {
    connection.begin("")?;
    let done = (|| {
        let version: i64 = connection.only("PRAGMA user_version", &[], |row| row.get(0))?;
        let Some(due) = usize::try_from(version).ok().and_then(|done| steps.get(done..)) else {
            return Ok(Found::Newer(version));
        };
        if version == 0 && connection.exists("SELECT 1 FROM sqlite_schema", &[])? {
            return Ok(Found::Foreign);
        }
        for step in due {
            connection.batch(step)?;
        }
        if !due.is_empty() {
            after(connection)?;
        }
        connection.batch(&format!("PRAGMA user_version = {}", steps.len()))?;
        Ok(Found::Ours)
    })();
    match done {
        Ok(Found::Ours) => connection.commit().map(|()| Found::Ours),
        other => {
            connection.undo();
            other
        }
    }
}

/// Whether it is the file of mappings: that has who comes next, and no history.
pub(crate) fn is_mappings(connection: &Connection) -> Result<bool> {
    let has = |name| connection.exists("SELECT 1 FROM sqlite_schema WHERE name = ?1", values![name]);
    Ok(has("numbering")? && !has("access")?)
}

/// The mark of the file of mappings that belongs to this one, if there has been one.
pub(crate) fn mark(connection: &Connection) -> Result<Option<[u8; 16]>> {
    connection.row("SELECT mark FROM beside", &[], |row| row.get(0))
}

/// Mappings that have not gone to their own file yet.
pub(crate) fn moving(connection: &Connection) -> Result<Option<Vec<Old>>> {
    if !connection.exists("SELECT 1 FROM sqlite_schema WHERE name = ?1", values!["mapping_moves"])? {
        return Ok(None);
    }
    let sql = "SELECT person, party, scheme, number, valid_from, valid_until FROM mapping_moves";
    let rows = connection.rows(sql, &[], |row| {
        Ok(Old {
            person: row.get(0)?,
            party: row.get(1)?,
            scheme: row.get(2)?,
            number: row.get(3)?,
            from: row.get(4)?,
            until: row.get(5)?,
        })
    })?;
    Ok(Some(rows))
}

#[cfg(test)]
mod tests {
    use chukei_crypto::UnixTime;
    use chukei_profile::{Identifier, Scheme};
    use chukei_relay::{AccessLog, MappingStore, Person, ReplayStore};

    use rusqlite::Connection;

    use super::STEPS;
    use crate::Store;

    #[test]
    fn a_file_of_before_the_ledger_gets_its_leaves() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("state.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        for (person, number, kind, envelope, target) in [
            (Some(1), Some(1), "mapping", Some("_e1"), Some("https://insurer-b.example.test/")),
            (None, None, "mapping", None, None),
            (Some(2), Some(1), "history", None, None),
            (Some(1), Some(2), "disclosure", Some("_e1"), None),
        ] {
            old.execute(
                "INSERT INTO access (person, number, at, actor, kind, outcome, purpose, envelope, target)
                 VALUES (?1, ?2, 1790000000, 'https://insurer-a.example.test/', ?3, 'OK', 'urn:chukei:1.0:purpose:history', ?4, ?5)",
                (person, number, kind, envelope, target),
            )
            .unwrap();
        }
        for (person, number) in [(1, "1234567890"), (2, "1234567891")] {
            old.execute(
                "INSERT INTO mapping VALUES (?1, 'https://insurer-a.example.test/',
                     'urn:chukei:1.0:identifier:care-insured', ?2, 5, 9223372036854775807)",
                (person, number),
            )
            .unwrap();
        }
        old.execute("INSERT INTO used VALUES ('messages', 'urn:1', 1790000000)", []).unwrap();
        drop(old);
        let store = Store::open(&path).unwrap();
        for (id, is_first) in [("urn:1", false), ("urn:2", true)] {
            assert_eq!(store.first_use("messages", id, UnixTime(1_790_000_000)), Ok(is_first));
        }
        // Mappings have gone to a file of their own.
        for (person, number) in [(1, "1234567890"), (2, "1234567891")] {
            let number = Identifier::new(Scheme::CareInsured, number).unwrap();
            let led = |at| store.person("https://insurer-a.example.test/", &number, UnixTime(at)).unwrap();
            assert_eq!((led(4), led(5)), (None, Some(Person(person))));
        }
        assert_eq!(store.mapping_rows(), Ok(2));
        let hand = Connection::open(&path).unwrap();
        let mut known = hand.prepare("SELECT 1 FROM sqlite_schema WHERE name LIKE 'mapping%'").unwrap();
        assert!(!known.exists([]).unwrap());
        drop(known);
        // Interrupted before the old rows were gone, it is done again.
        hand.execute_batch(
            "CREATE TABLE mapping_moves (person, party, scheme, number, valid_from, valid_until);
             INSERT INTO mapping_moves VALUES (1, 'https://insurer-a.example.test/',
                 'urn:chukei:1.0:identifier:care-insured', '1234567890', 5, 9223372036854775807)",
        )
        .unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.mapping_rows(), Ok(2));
        hand.query_row("SELECT count(*) FROM mapping_moves", [], |_| Ok(())).unwrap_err();
        assert_eq!(store.history(Person(1)).unwrap().len(), 2);
        let sound = store.fsck(None).unwrap().unwrap();
        assert_eq!((sound.leaves, sound.entries, sound.chains), (4, 4, 3));
        drop(store);
        assert!(Store::open(&path).unwrap().fsck(None).unwrap().is_ok());
        let hand = Connection::open(&path).unwrap();
        hand.execute("UPDATE access SET outcome = 'x'", []).unwrap_err();
    }
}
