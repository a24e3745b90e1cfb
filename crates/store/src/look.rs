//! What a store knows, for operators: a person's numbers at a time, how they came about, and who is left in no scheme.

use chukei_crypto::UnixTime;
use chukei_relay::changes::{Assigned, Standing};
use chukei_relay::numbers::NumberKind;
use chukei_relay::{Person, Unavailable};

use crate::Store;
use crate::sql::{self, Row, values};

/// A number of a person, and when it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its kind.
    pub kind: NumberKind,
    /// Code of the party that assigned it.
    pub party: String,
    /// Entity identifier of who answers for the party.
    pub entity: Option<String>,
    /// The number. Not for logs.
    pub number: chukei_crypto::Zeroizing<String>,
    /// From when on it counts.
    pub from: UnixTime,
    /// From when on it counts no more.
    pub until: UnixTime,
    /// Whether it is suspended, and until when it would count.
    pub held_until: Option<UnixTime>,
    /// Whether its check digit is wrong.
    pub is_doubtful: bool,
    /// Name of the source that reported it; empty if none did.
    pub source: String,
}

/// A version of a source's record of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Name of the source.
    pub source: String,
    /// The version, from 1.
    pub version: i64,
    /// When the relay learned of it.
    pub at: UnixTime,
    /// The file that brought it.
    pub sequence: i64,
    /// Its line there.
    pub line: i64,
    /// What changed: `state`, `join`, `leave`, `suspend`, `resume` or `rekey`.
    pub what: String,
    /// Rows that it replaced or cut.
    pub replaced: i64,
}

impl Store {
    /// Whom a key leads to or ever led to: somebody, nobody, or several.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn ever(&self, key: &Assigned) -> Result<Standing, Unavailable> {
        let found = self.maps.read(|connection| {
            let sql = "SELECT person FROM mapping
                 WHERE number = ?2 AND kind = ?3 AND party = (SELECT party FROM party WHERE code = ?1)
                 GROUP BY person LIMIT 2";
            let key = values![&key.party, key.number.expose(), key.number.kind().code()];
            connection.rows(sql, key, |row| row.get(0).map(Person))
        })?;
        Ok(match found.as_slice() {
            [] => Standing::Unknown,
            [person] => Standing::Current(*person),
            _ => Standing::Ambiguous,
        })
    }

    /// The numbers of a person that count at this time or are suspended at it; all that stand in the store without a time.
    /// With a party, what that one may know: its own numbers.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn held(
        &self,
        person: Person,
        at: Option<UnixTime>,
        party: Option<&str>,
    ) -> Result<Vec<Held>, Unavailable> {
        let rows = self.maps.read(|connection| {
            let sql = "SELECT kind, code, entity, number, valid_from, valid_until, held_until, doubtful, source.name
                 FROM mapping CROSS JOIN party LEFT JOIN source ON source.source = mapping.source
                 WHERE mapping.party = party.party AND person = ?1
                     AND (CAST(?2 AS BIGINT) IS NULL
                         OR (valid_from <= ?2 AND ?2 < coalesce(held_until, valid_until)))
                     AND (CAST(?3 AS TEXT) IS NULL OR code = ?3)";
            connection.rows(sql, values![person.0, at.map(|at| at.0), party], held)
        })?;
        let held = rows.into_iter().collect::<Option<Vec<Held>>>();
        let mut held = held.ok_or_else(|| Unavailable::new("a number of an unknown kind"))?;
        // Here, because databases order texts as their language does.
        held.sort_by(|a, b| {
            let order = |held: &Held| (held.kind.code(), held.from.0);
            let (a_order, b_order) = (order(a), order(b));
            (a_order.0, &a.party, a_order.1, &*a.number).cmp(&(b_order.0, &b.party, b_order.1, &*b.number))
        });
        Ok(held)
    }

    /// How the records of a person came about, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn versions(&self, person: Person) -> Result<Vec<Version>, Unavailable> {
        let mut versions = self.maps.read(|connection| {
            let sql = "SELECT name, version, at, version.sequence, line, what,
                     (SELECT count(*) FROM past WHERE past.person = version.person
                         AND gone_by = version.source AND gone = version.version)
                 FROM version JOIN source USING (source) WHERE person = ?1";
            connection.rows(sql, values![person.0], |row| {
                Ok(Version {
                    source: row.get(0)?,
                    version: row.get(1)?,
                    at: UnixTime(row.get(2)?),
                    sequence: row.get(3)?,
                    line: row.get(4)?,
                    what: row.get(5)?,
                    replaced: row.get(6)?,
                })
            })
        })?;
        versions.sort_by(|a, b| (a.at.0, &a.source, a.version).cmp(&(b.at.0, &b.source, b.version)));
        Ok(versions)
    }

    /// Persons who were in a medical insurance and are in none at this time. Reads the whole store.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn without_scheme(&self, at: UnixTime) -> Result<Vec<Person>, Unavailable> {
        self.maps.read(|connection| {
            let [insured, late] = medical();
            let sql = "SELECT person FROM mapping WHERE kind IN (?2, ?3) AND valid_from <= ?1
                 GROUP BY person HAVING max(valid_until) <= ?1 ORDER BY person";
            connection.rows(sql, values![at.0, insured, late], |row| row.get(0).map(Person))
        })
    }

    /// Rows of mappings.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn mapping_rows(&self) -> Result<u64, Unavailable> {
        let count = self.maps.read(|connection| {
            connection.only("SELECT count(*) FROM mapping", &[], |row| row.get::<i64>(0))
        })?;
        Ok(count.unsigned_abs())
    }
}

/// Codes of the kinds that say that somebody is insured for medical care.
fn medical() -> [i64; 2] {
    use chukei_profile::Scheme::{LateElderly, MedicalInsured};
    [MedicalInsured, LateElderly].map(|scheme| NumberKind::Scheme(scheme).code())
}

fn held(row: &Row<'_>) -> sql::Result<Option<Held>> {
    let Some(kind) = NumberKind::from_code(row.get(0)?) else { return Ok(None) };
    Ok(Some(Held {
        kind,
        party: row.get(1)?,
        entity: row.get(2)?,
        number: row.get::<String>(3)?.into(),
        from: UnixTime(row.get(4)?),
        until: UnixTime(row.get(5)?),
        held_until: row.get::<Option<i64>>(6)?.map(UnixTime),
        is_doubtful: row.get(7)?,
        source: row.get(8)?,
    }))
}
