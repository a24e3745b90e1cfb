//! Where a store is: a file, or a database of PostgreSQL that several relays share.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::StoreError;

/// How URLs of PostgreSQL begin.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where a store is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of SQLite; the one of the mappings lies beside it.
    File(PathBuf),
    /// A database of PostgreSQL, or of one that speaks its protocol.
    Postgres(Database),
}

/// A database on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Database(Box<Config>);

impl Location {
    /// Reads what a user has written: a URL that begins with `postgres://` or `postgresql://`, else the path of a file.
    ///
    /// # Errors
    /// [`StoreError::Url`] and [`StoreError::Remote`].
    pub fn read(written: &Path) -> Result<Self, StoreError> {
        match written.to_str().filter(|text| SCHEMES.iter().any(|scheme| text.starts_with(scheme))) {
            Some(url) => Database::parse(url).map(Self::Postgres),
            // A path has no reason to hold this; a mistyped URL does.
            None if written.to_str().is_some_and(|text| text.contains("://")) => Err(StoreError::Url {
                error: "it begins with none of postgres:// and postgresql://".to_owned(),
            }),
            None => Ok(Self::File(written.to_owned())),
        }
    }
}

impl Database {
    /// Reads a URL as libpq does: `postgres://USER@%2Frun%2Fpostgresql/NAME?options=-csearch_path%3DSCHEMA`.
    ///
    /// # Errors
    /// [`StoreError::Url`], and [`StoreError::Remote`] for another machine: what goes there goes unencrypted.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        // What is wrong with it is told without the URL, which may have a password.
        let config = Config::from_str(url).map_err(|error| StoreError::Url { error: error.to_string() })?;
        let is_here = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        };
        let hosts = config.get_hosts();
        let addresses = config.get_hostaddrs();
        if hosts.is_empty() && addresses.is_empty() {
            return Err(StoreError::Url { error: "it names no host".to_owned() });
        }
        if let Some(Host::Tcp(host)) = hosts.iter().find(|host| !is_here(host)) {
            return Err(StoreError::Remote { host: host.clone() });
        }
        if let Some(address) = addresses.iter().find(|address| !address.is_loopback()) {
            return Err(StoreError::Remote { host: address.to_string() });
        }
        Ok(Self(Box::new(config)))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(database) => database.fmt(f),
        }
    }
}

/// Without the password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.0.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => self.0.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        write!(f, "postgres {host} {}", self.0.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &str) -> Result<Location, StoreError> {
        Location::read(Path::new(written))
    }

    #[test]
    fn a_url_names_a_database_of_this_machine_and_all_else_a_file() {
        assert_eq!(read("state/relay.db"), Ok(Location::File("state/relay.db".into())));
        assert_eq!(read("postgres.db"), Ok(Location::File("postgres.db".into())));
        assert!(matches!(read("postgre://chukei@localhost/relay"), Err(StoreError::Url { .. })));
        for url in [
            "postgres://chukei@%2Frun%2Fpostgresql/relay",
            "postgresql:///relay?host=/run/postgresql&user=chukei",
            "postgres://chukei:secret@localhost/relay?options=-csearch_path%3Dtest",
            "postgres://chukei@127.0.0.1:5432/relay",
            "postgres://chukei@[::1]/relay",
        ] {
            let location = read(url).unwrap();
            assert!(matches!(location, Location::Postgres(_)), "{url}");
            assert!(!format!("{location} {location:?}").contains("secret"), "{url}");
        }
        for url in ["postgres://chukei@db.example.test/relay", "postgres://chukei@localhost,10.1.2.3/relay"] {
            assert!(matches!(read(url), Err(StoreError::Remote { .. })), "{url}");
        }
        let address = read("postgres://chukei@localhost/relay?hostaddr=10.1.2.3");
        assert_eq!(address, Err(StoreError::Remote { host: "10.1.2.3".to_owned() }));
        for url in ["postgres://chukei@localhost:port/relay", "postgres:///relay", "postgres://a/b?what=1"] {
            assert!(matches!(read(url), Err(StoreError::Url { .. })), "{url}");
        }
    }
}
