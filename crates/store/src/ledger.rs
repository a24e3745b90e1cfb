//! Entries of the access history become leaves of the ledger, in the transaction that records them.

use chukei_ledger::chain::{commitment, label};
use chukei_ledger::{Content, Hash, Link};
use chukei_profile::history::Kind;
use rusqlite::{Connection, OptionalExtension, Row, types::FromSqlError};

/// For how long salt and content are kept, in seconds: seven years, as long as the records of 番号法23条. It is committed
/// to with every entry.
pub(crate) const KEPT: i64 = (7 * 365 + 2) * 86_400;

/// What is to be recorded about one access, as both tables need it.
pub(crate) struct Access<'a> {
    pub(crate) person: Option<i64>,
    pub(crate) at: i64,
    pub(crate) actor: &'a str,
    pub(crate) kind: Kind,
    pub(crate) outcome: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) items: &'a [String],
    pub(crate) envelope: Option<&'a str>,
    pub(crate) target: Option<&'a str>,
}

/// Where an entry was put.
pub(crate) struct Place {
    pub(crate) leaf: i64,
    pub(crate) number: i64,
}

impl Access<'_> {
    /// The record of 番号法23条: the requester of a disclosure is who got the envelope.
    fn content(&self, connection: &Connection) -> rusqlite::Result<Content> {
        let owned = |text: &str| text.to_owned();
        let mut content = Content {
            kind: owned(self.kind.name()),
            requester: owned(self.actor),
            provider: self.target.map(owned),
            requested_at: self.at,
            items: self.items.to_vec(),
            purpose: owned(self.purpose),
            outcome: owned(self.outcome),
            envelope: self.envelope.map(owned),
            ..Content::default()
        };
        if self.kind == Kind::Disclosure {
            content.provider = Some(owned(self.actor));
            content.answered_at = Some(self.at);
            let mut issued = connection
                .prepare_cached("SELECT actor, at FROM access WHERE envelope = ?1 AND target IS NOT NULL")?;
            let asked = issued.query_row([self.envelope], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if let Some((requester, at)) = asked {
                (content.requester, content.requested_at) = (requester, at);
            }
        }
        Ok(content)
    }
}

/// Puts an entry at the end of its chain and of the tree.
pub(crate) fn book(connection: &Connection, access: &Access<'_>) -> rusqlite::Result<Place> {
    let content = access.content(connection)?.octets().map_err(other)?;
    let mut known =
        connection.prepare_cached("SELECT chain, key, number, hash FROM chain WHERE person IS ?1")?;
    let known = known.query_row([access.person], |row| {
        Ok((row.get::<_, i64>(0)?, octets(row, 1)?, row.get::<_, i64>(2)?, octets(row, 3)?))
    });
    let (chain, key, last, previous) = match known.optional()? {
        Some(known) => known,
        None => {
            let key = Hash(chukei_crypto::random_bytes().map_err(other)?);
            let mut begin = connection
                .prepare_cached("INSERT INTO chain (person, key, number, hash) VALUES (?1, ?2, 0, ?3)")?;
            let chain = begin.insert((access.person, key.0, Hash::ZERO.0))?;
            (chain, key, 0, Hash::ZERO)
        }
    };
    let salt = Hash(chukei_crypto::random_bytes().map_err(other)?);
    let number = last.checked_add(1).ok_or(rusqlite::Error::InvalidQuery)?;
    let link = Link {
        label: label(&key),
        number: number.unsigned_abs(),
        previous,
        keep_until: access.at.saturating_add(KEPT),
        withheld_until: 0,
        commitment: commitment(&salt, &content),
    };
    let mut insert = connection.prepare_cached(
        "INSERT INTO leaf VALUES (
             (SELECT coalesce(max(leaf) + 1, 0) FROM leaf), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let leaf = insert.insert((
        link.leaf(),
        chain,
        number,
        previous.0,
        link.keep_until,
        link.withheld_until,
        link.commitment.0,
        salt.0,
        content,
    ))?;
    let mut grow = connection.prepare_cached("UPDATE chain SET number = ?2, hash = ?3 WHERE chain = ?1")?;
    grow.execute((chain, number, link.hash().0))?;
    Ok(Place { leaf, number })
}

/// Gives leaves to the entries of a file of before the ledger, in their order.
pub(crate) fn adopt(connection: &Connection) -> rusqlite::Result<()> {
    let mut strays = connection.prepare(
        "SELECT sequence, person, at, actor, kind, outcome, purpose, envelope, target FROM access
         WHERE leaf IS NULL ORDER BY sequence",
    )?;
    let mut rows = strays.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at| row.get::<_, String>(at);
        let (actor, kind, outcome, purpose) = (text(3)?, text(4)?, text(5)?, text(6)?);
        let (envelope, target): (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
        let place = book(
            connection,
            &Access {
                person: row.get(1)?,
                at: row.get(2)?,
                actor: &actor,
                kind: Kind::from_name(&kind).ok_or(rusqlite::Error::InvalidQuery)?,
                outcome: &outcome,
                purpose: &purpose,
                items: &[],
                envelope: envelope.as_deref(),
                target: target.as_deref(),
            },
        )?;
        let sequence: i64 = row.get(0)?;
        connection.execute("UPDATE access SET leaf = ?2 WHERE sequence = ?1", (sequence, place.leaf))?;
    }
    Ok(())
}

/// 32 octets of a column.
pub(crate) fn octets(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column).map(Hash)
}

/// An error of ours, inside a transaction that it undoes.
pub(crate) fn other(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    FromSqlError::Other(Box::new(error)).into()
}
