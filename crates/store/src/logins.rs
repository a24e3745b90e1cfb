//! Challenges and sessions of people who log in with cards. Of a session only the digest of its name is kept.

use chukei_crypto::{UnixTime, sha256};
use chukei_profile::{Purpose, login::Context};
use chukei_relay::login::{LoggedIn, Logins, Presented, Session, Taken};
use chukei_relay::{Person, Unavailable};

use crate::Store;
use crate::sql::{Error, values};

impl Logins for Store {
    fn challenge(&self, party: &str, value: &str, until: UnixTime, now: UnixTime) -> Result<(), Unavailable> {
        let (party, value) = (party.to_owned(), value.to_owned());
        self.writer.write(move |connection| {
            connection.execute("DELETE FROM challenge WHERE until <= ?1", values![now.0])?;
            let values = values![&party, &value, until.0];
            connection.execute("INSERT INTO challenge (party, value, until) VALUES (?1, ?2, ?3)", values)?;
            Ok(())
        })
    }

    fn present(
        &self,
        party: &str,
        value: &str,
        presented: Presented,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let (party, value) = (party.to_owned(), value.to_owned());
        self.writer.write(move |connection| {
            let sql = "SELECT until FROM challenge
                WHERE party = ?1 AND value = ?2 AND until > ?3 AND ticket IS NULL";
            let until =
                connection.row(sql, values![&party, &value, now.0], |row| row.get(0).map(UnixTime))?;
            if until.is_some() {
                let Presented { ticket, person, purpose } = &presented;
                let person = person.map(|person| person.0);
                let sql = "UPDATE challenge SET ticket = ?3, person = ?4, purpose = ?5
                    WHERE party = ?1 AND value = ?2";
                let values = values![&party, &value, ticket.as_slice(), person, purpose.uri()];
                connection.execute(sql, values)?;
            }
            Ok(until)
        })
    }

    fn take(&self, party: &str, value: &str, now: UnixTime) -> Result<Option<Taken>, Unavailable> {
        let (party, value) = (party.to_owned(), value.to_owned());
        self.writer.write(move |connection| {
            let sql = "SELECT ticket, person, purpose FROM challenge
                WHERE party = ?1 AND value = ?2 AND until > ?3";
            let taken = connection.row(sql, values![&party, &value, now.0], |row| {
                let (ticket, purpose): (Option<Vec<u8>>, Option<String>) = (row.get(0)?, row.get(2)?);
                let Some((ticket, purpose)) = ticket.zip(purpose) else {
                    return Ok(Taken { presented: None });
                };
                let unknown = || Error::Damaged(format!("{purpose} is no purpose"));
                let ticket = ticket.as_slice().try_into();
                let presented = Presented {
                    ticket: ticket.map_err(|_| Error::Damaged("no digest of a ticket".to_owned()))?,
                    person: row.get::<Option<i64>>(1)?.map(Person),
                    purpose: Purpose::from_uri(&purpose).ok_or_else(unknown)?,
                };
                Ok(Taken { presented: Some(presented) })
            })?;
            connection
                .execute("DELETE FROM challenge WHERE party = ?1 AND value = ?2", values![&party, &value])?;
            Ok(taken)
        })
    }

    fn open(&self, id: &str, session: Session, now: UnixTime) -> Result<(), Unavailable> {
        let digest = sha256(id.as_bytes());
        self.writer.write(move |connection| {
            connection.execute("DELETE FROM session WHERE until <= ?1", values![now.0])?;
            let Session { party, person, login: LoggedIn { context, operator }, purpose, until } = &session;
            let values =
                values![digest.as_slice(), party, person.0, purpose.uri(), until.0, context.name(), operator];
            let sql = "INSERT INTO session (id, party, person, purpose, until, context, operator)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            connection.execute(sql, values)?;
            Ok(())
        })
    }

    fn session(&self, id: &str) -> Result<Option<Session>, Unavailable> {
        let digest = sha256(id.as_bytes());
        self.read(|connection| {
            let sql = "SELECT party, person, purpose, until, context, operator FROM session WHERE id = ?1";
            connection.row(sql, values![digest.as_slice()], |row| {
                let (purpose, context): (String, String) = (row.get(2)?, row.get(4)?);
                let unknown = || Error::Damaged(format!("{purpose} is no purpose"));
                let no_context = || Error::Damaged(format!("{context} is no way to log in"));
                let login = LoggedIn {
                    context: Context::from_name(&context).ok_or_else(no_context)?,
                    operator: row.get(5)?,
                };
                Ok(Session {
                    party: row.get(0)?,
                    person: Person(row.get(1)?),
                    login,
                    purpose: Purpose::from_uri(&purpose).ok_or_else(unknown)?,
                    until: UnixTime(row.get(3)?),
                })
            })
        })
    }
}
