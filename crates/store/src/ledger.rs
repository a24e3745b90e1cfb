//! Entries of the access history become leaves of the ledger, in the transaction that records them.

use chukei_ledger::chain::{KEPT, commitment, label};
use chukei_ledger::{Content, Hash, Link};
use chukei_profile::history::Kind;

use crate::sql::{self, Connection, Error, Row, values};

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
    pub(crate) carried_to: Option<&'a str>,
    /// Who had asked for what is disclosed or carried, and when.
    pub(crate) asked: Option<(&'a str, i64)>,
    /// How the person had logged in, and with which member of staff.
    pub(crate) authentication: Option<&'a str>,
    pub(crate) operator: Option<&'a str>,
    /// Until when the content is withheld from the person; 0 where it is not.
    pub(crate) withheld_until: i64,
}

/// What is committed to, before it has its place.
pub(crate) struct Sealed {
    salt: Hash,
    content: Vec<u8>,
    /// What stands for it.
    pub(crate) commitment: Hash,
}

/// Where an entry was put.
pub(crate) struct Place {
    pub(crate) leaf: i64,
    pub(crate) number: i64,
}

impl Access<'_> {
    /// The record of 番号法23条: the requester of a disclosure is who got the envelope, and that of a carried query its sender.
    fn content(&self) -> Content {
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
            authentication: self.authentication.map(owned),
            operator: self.operator.map(owned),
            ..Content::default()
        };
        match self.kind {
            Kind::Disclosure => content.provider = Some(owned(self.actor)),
            Kind::Relayed => content.provider = self.carried_to.map(owned),
            _ => {}
        }
        if let Kind::Disclosure | Kind::Relayed = self.kind {
            content.answered_at = Some(self.at);
        }
        if let Some((requester, at)) = self.asked {
            (content.requester, content.requested_at) = (owned(requester), at);
        }
        content
    }

    /// Commits to it, with a salt of its own.
    pub(crate) fn seal(&self) -> sql::Result<Sealed> {
        let content = self.content().octets().map_err(Error::of)?;
        let salt = Hash(chukei_crypto::random_bytes().map_err(Error::of)?);
        Ok(Sealed { commitment: commitment(&salt, &content), salt, content })
    }
}

/// Puts an entry at the end of its chain and of the tree.
pub(crate) fn book(connection: &Connection, access: &Access<'_>, sealed: &Sealed) -> sql::Result<Place> {
    let of_chain =
        |row: &Row<'_>| Ok((row.get::<i64>(0)?, octets(row, 1)?, row.get::<i64>(2)?, octets(row, 3)?));
    let known = match access.person {
        Some(person) => {
            let sql = "SELECT chain, key, number, hash FROM chain WHERE person = ?1";
            connection.row(sql, values![person], of_chain)?
        }
        None => {
            let sql = "SELECT chain, key, number, hash FROM chain WHERE person IS NULL";
            connection.row(sql, &[], of_chain)?
        }
    };
    let (chain, key, last, previous) = match known {
        Some(known) => known,
        None => {
            let key = Hash(chukei_crypto::random_bytes().map_err(Error::of)?);
            let sql = "INSERT INTO chain (chain, person, key, number, hash)
                 VALUES ((SELECT coalesce(max(chain) + 1, 1) FROM chain), ?1, ?2, 0, ?3) RETURNING chain";
            let chain = connection.insert(sql, values![access.person, &key.0, &Hash::ZERO.0])?;
            (chain, key, 0, Hash::ZERO)
        }
    };
    let number = last.checked_add(1).ok_or_else(|| Error::of("a number too large"))?;
    let link = Link {
        label: label(&key),
        number: number.unsigned_abs(),
        previous,
        // Counted from the access it would tell the person when that was.
        keep_until: access.at.max(access.withheld_until).saturating_add(KEPT),
        withheld_until: access.withheld_until,
        commitment: sealed.commitment,
    };
    let sql = "INSERT INTO leaf VALUES (
             (SELECT coalesce(max(leaf) + 1, 0) FROM leaf), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING leaf";
    let data = link.leaf();
    let values = values![
        &data,
        chain,
        number,
        &previous.0,
        link.keep_until,
        link.withheld_until,
        &link.commitment.0,
        &sealed.salt.0,
        &sealed.content,
    ];
    let leaf = connection.insert(sql, values)?;
    let grow = "UPDATE chain SET number = ?2, hash = ?3 WHERE chain = ?1";
    connection.execute(grow, values![chain, number, &link.hash().0])?;
    Ok(Place { leaf, number })
}

/// Gives leaves to the entries of a file of before the ledger, in their order.
pub(crate) fn adopt(connection: &Connection) -> sql::Result<()> {
    let sql = "SELECT sequence, person, at, actor, kind, outcome, purpose, envelope, target,
             (SELECT actor FROM access asked WHERE asked.envelope = access.envelope AND asked.target IS NOT NULL),
             (SELECT at FROM access asked WHERE asked.envelope = access.envelope AND asked.target IS NOT NULL)
         FROM access WHERE leaf IS NULL ORDER BY sequence";
    connection.stream(sql, |row| {
        let access = Access {
            person: row.get(1)?,
            at: row.get(2)?,
            actor: row.get(3)?,
            kind: Kind::from_name(row.get(4)?).ok_or_else(|| Error::of("an unknown kind"))?,
            outcome: row.get(5)?,
            purpose: row.get(6)?,
            items: &[],
            envelope: row.get(7)?,
            target: row.get(8)?,
            carried_to: None,
            asked: row.get::<Option<&str>>(9)?.zip(row.get(10)?),
            authentication: None,
            operator: None,
            withheld_until: 0,
        };
        let place = book(connection, &access, &access.seal()?)?;
        let values = values![row.get::<i64>(0)?, place.leaf];
        connection.execute("UPDATE access SET leaf = ?2 WHERE sequence = ?1", values)?;
        Ok(true)
    })
}

/// 32 octets of a column.
pub(crate) fn octets(row: &Row<'_>, column: usize) -> sql::Result<Hash> {
    row.get(column).map(Hash)
}
