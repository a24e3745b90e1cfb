//! Which numbers belong to one person: lookups, each one query by an index.

use chukei_crypto::UnixTime;
use chukei_profile::{Identifier, Scheme};
use chukei_relay::changes::{Assigned, KeyStore, Standing};
use chukei_relay::numbers::NumberKind;
use chukei_relay::{MappingStore, Person, Unavailable};

use crate::sql::{self, Connection, values};
use crate::{Store, maps};

/// That a party knows a person by a number, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingRow {
    /// The person.
    pub person: Person,
    /// Entity identifier of the party.
    pub party: String,
    /// The number.
    pub number: Identifier,
    /// From when on it counts.
    pub from: UnixTime,
    /// From when on it counts no more.
    pub until: UnixTime,
}

impl Store {
    /// Adds rows as they are, wrong ones too: all of them, or none. For mock relays and tests, whose registers may lead to
    /// two persons on purpose; what sources report goes through [`Store::apply`].
    ///
    /// # Errors
    /// When the store does not answer, or a row counts never.
    pub fn add_mappings(&self, rows: Vec<MappingRow>) -> Result<(), Unavailable> {
        self.maps.writer.write(move |connection| fill(connection, &rows))
    }

    /// Puts rows in the place of all that were added as they are; what came in files stays. Nobody sees the store without
    /// the ones or the others.
    ///
    /// # Errors
    /// As for [`Store::add_mappings`].
    pub fn replace_mappings(&self, rows: Vec<MappingRow>) -> Result<(), Unavailable> {
        self.maps.writer.write(move |connection| {
            connection.execute("DELETE FROM mapping WHERE source = 0", &[])?;
            fill(connection, &rows)
        })
    }
}

fn fill(connection: &Connection, rows: &[MappingRow]) -> sql::Result<()> {
    for row in rows {
        let number = (NumberKind::Scheme(row.number.scheme()), row.number.expose());
        maps::fill(connection, row.person.0, &row.party, number, (row.from.0, row.until.0))?;
    }
    Ok(())
}

impl MappingStore for Store {
    fn person(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Option<Person>, Unavailable> {
        Ok(self.persons(party, number, at)?.first().copied())
    }

    fn persons(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Vec<Person>, Unavailable> {
        let mut persons = self.maps.read(|connection| {
            // The number leads to few rows, the party to up to hundreds of insurers: the number goes first.
            let sql = "SELECT mapping.person FROM mapping CROSS JOIN party
                 WHERE mapping.party = party.party AND number = ?2 AND kind = ?3 AND entity = ?1
                     AND valid_from <= ?4 AND ?4 < valid_until";
            let kind = NumberKind::Scheme(number.scheme()).code();
            connection.rows(sql, values![party, number.expose(), kind, at.0], |row| row.get(0).map(Person))
        })?;
        // Two rows of one person are one person. SQLite would make a table to find that out.
        persons.sort_unstable();
        persons.dedup();
        Ok(persons)
    }

    fn numbers(
        &self,
        person: Person,
        scheme: Scheme,
        at: UnixTime,
    ) -> Result<Vec<(String, Identifier)>, Unavailable> {
        let rows = self.maps.read(|connection| {
            let sql = "SELECT entity, number FROM mapping CROSS JOIN party
                 WHERE mapping.party = party.party AND person = ?1 AND kind = ?2
                     AND valid_from <= ?3 AND ?3 < valid_until AND entity IS NOT NULL AND doubtful = 0";
            connection.rows(sql, values![person.0, NumberKind::Scheme(scheme).code(), at.0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })?;
        // Only numbers of the right form go in without a doubt, so one without it is a damaged store.
        let identified = |(party, number): (String, String)| {
            let identified = Identifier::new(scheme, &number).map(|number| (party, number));
            identified.map_err(|_| Unavailable::new("a number that has not the form of its scheme"))
        };
        rows.into_iter().map(identified).collect()
    }
}

impl KeyStore for Store {
    fn standing(&self, key: &Assigned, at: UnixTime) -> Result<Standing, Unavailable> {
        if !chukei_relay::changes::is_key(&key.number) {
            return Ok(Standing::Unknown);
        }
        let found = self.maps.read(|connection| {
            let sql =
                "SELECT DISTINCT mapping.person, CASE WHEN ?4 >= valid_until THEN 1 ELSE 0 END FROM mapping
                 WHERE number = ?2 AND kind = ?3 AND party = (SELECT party FROM party WHERE code = ?1)
                     AND valid_from <= ?4 AND ?4 < coalesce(held_until, valid_until) LIMIT 2";
            let key = values![&key.party, key.number.expose(), key.number.kind().code(), at.0];
            connection.rows(sql, key, |row| Ok((Person(row.get(0)?), row.get::<bool>(1)?)))
        })?;
        Ok(match found.as_slice() {
            [] => Standing::Unknown,
            [(person, false)] => Standing::Current(*person),
            [(person, true)] => Standing::Suspended(*person),
            _ => Standing::Ambiguous,
        })
    }
}
