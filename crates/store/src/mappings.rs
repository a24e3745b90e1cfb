//! Which numbers belong to one person.

use chukei_crypto::UnixTime;
use chukei_profile::{Identifier, Scheme};
use chukei_relay::{MappingStore, Person, Unavailable};

use crate::Store;

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
    /// Adds rows: all of them, or none.
    ///
    /// # Errors
    /// When the store does not answer, or a row counts never.
    pub fn add_mappings(&self, rows: Vec<MappingRow>) -> Result<(), Unavailable> {
        self.writer.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO mapping (person, party, scheme, number, valid_from, valid_until)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for row in &rows {
                let (scheme, number) = (row.number.scheme().uri(), row.number.expose());
                insert.execute((row.person.0, &row.party, scheme, number, row.from.0, row.until.0))?;
            }
            Ok(())
        })
    }

    /// Removes every mapping.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn clear_mappings(&self) -> Result<(), Unavailable> {
        self.writer.write(|connection| connection.execute("DELETE FROM mapping", []).map(drop))
    }
}

impl MappingStore for Store {
    fn person(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Option<Person>, Unavailable> {
        Ok(self.persons(party, number, at)?.first().copied())
    }

    fn persons(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Vec<Person>, Unavailable> {
        self.read(|connection| {
            // Two rows of one person are one person.
            let mut select = connection.prepare_cached(
                "SELECT person FROM mapping
                 WHERE party = ?1 AND number = ?2 AND scheme = ?3 AND valid_from <= ?4 AND ?4 < valid_until
                 GROUP BY person ORDER BY min(rowid)",
            )?;
            let key = (party, number.expose(), number.scheme().uri(), at.0);
            let persons = select.query_map(key, |row| row.get(0).map(Person))?;
            persons.collect()
        })
    }

    fn numbers(
        &self,
        person: Person,
        scheme: Scheme,
        at: UnixTime,
    ) -> Result<Vec<(String, Identifier)>, Unavailable> {
        let rows = self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT party, number FROM mapping
                 WHERE person = ?1 AND scheme = ?2 AND valid_from <= ?3 AND ?3 < valid_until
                 ORDER BY rowid",
            )?;
            let rows = select.query_map((person.0, scheme.uri(), at.0), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        // Only numbers of the right form go in, so one without it is a damaged store.
        let identified = |(party, number): (String, String)| {
            Identifier::new(scheme, &number).map(|number| (party, number)).map_err(|_| Unavailable)
        };
        rows.into_iter().map(identified).collect()
    }
}
