//! Where a test's store is: a file, or a schema of its own in a PostgreSQL that the tests start.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use chukei_store::{Location, Store};
use rusqlite::Connection;

use super::server::Server;

/// One for all tests of an executable.
static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// Where a test's store is.
pub(crate) enum Place {
    File { _folder: tempfile::TempDir, path: PathBuf },
    Schema { socket: PathBuf, name: String },
}

/// A psql that is told line by line.
pub(crate) struct Session {
    psql: Child,
    told: BufReader<ChildStdout>,
}

/// Tests that both databases have to pass: functions of a [`Place`].
macro_rules! on_both {
    ($($test:ident),* $(,)?) => { $(
        mod $test {
            #[test]
            fn sqlite() {
                super::$test(&crate::support::Place::file());
            }

            #[test]
            fn postgres() {
                crate::support::Place::schema().iter().for_each(super::$test);
            }
        }
    )* };
}
pub(crate) use on_both;

impl Place {
    pub(crate) fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        Self::File { _folder: folder, path }
    }

    /// Nothing where PostgreSQL is not installed.
    pub(crate) fn schema() -> Option<Self> {
        SERVER.get_or_init(Server::start).as_ref().map(Self::in_server)
    }

    pub(crate) fn in_server(server: &Server) -> Self {
        let name = format!("test_{}", SCHEMAS.fetch_add(1, Ordering::SeqCst));
        let create = format!("CREATE SCHEMA {name}");
        let place = Self::Schema { socket: server.socket().to_owned(), name };
        place.psql(&create).unwrap();
        place
    }

    /// The name of the schema.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::File { .. } => panic!("not a schema"),
            Self::Schema { name, .. } => name,
        }
    }

    /// Another session, for transactions that stay open.
    pub(crate) fn session(&self) -> Session {
        let Self::Schema { socket, name } = self else { panic!("not a schema") };
        let mut psql = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "chukei", "-d", "postgres", "-h"])
            .arg(socket)
            .env("PGOPTIONS", format!("-c search_path={name}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(psql.stdout.take().unwrap());
        Session { psql, told }
    }

    /// As a user writes it.
    pub(crate) fn written(&self) -> PathBuf {
        match self {
            Self::File { path, .. } => path.clone(),
            Self::Schema { socket, name } => {
                let socket = socket.to_str().unwrap().replace('/', "%2F");
                format!("postgres://chukei@{socket}/postgres?options=-csearch_path%3D{name}").into()
            }
        }
    }

    pub(crate) fn location(&self) -> Location {
        Location::read(&self.written()).unwrap()
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(self.location()).unwrap()
    }

    pub(crate) const fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } => path,
            Self::Schema { .. } => panic!("not a file"),
        }
    }

    /// Somebody with the right to write; in a file triggers still hold.
    pub(crate) fn hand(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::File { path, .. } => {
                Connection::open(path).unwrap().execute_batch(sql).map_err(|error| error.to_string())
            }
            Self::Schema { .. } => self.psql(&in_postgres(sql)).map(drop),
        }
    }

    /// Somebody without respect for triggers.
    pub(crate) fn force(&self, sql: &str) {
        if let Self::File { path, .. } = self {
            let hand = Connection::open(path).unwrap();
            let triggers = "SELECT group_concat('DROP TRIGGER ' || name || ';', ' ') FROM sqlite_schema WHERE type = 'trigger'";
            let drop: Option<String> = hand.query_row(triggers, [], |row| row.get(0)).unwrap();
            hand.execute_batch(&drop.unwrap_or_default()).unwrap();
        }
        self.hand(sql).unwrap();
    }

    /// The number that a query gives.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        match self {
            Self::File { path, .. } => {
                Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Schema { .. } => self.psql(sql).unwrap().trim().parse().unwrap(),
        }
    }

    /// What psql prints.
    pub(crate) fn psql(&self, sql: &str) -> Result<String, String> {
        let Self::Schema { socket, name } = self else { panic!("not a schema") };
        let asked = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "chukei", "-d", "postgres", "-h"])
            .arg(socket)
            .args(["-c", sql])
            .env("PGOPTIONS", format!("-c search_path={name} -c client_min_messages=warning"))
            .output()
            .unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        if asked.status.success() { Ok(text(asked.stdout)) } else { Err(text(asked.stderr)) }
    }
}

impl Session {
    /// Returns when it is done.
    pub(crate) fn say(&mut self, sql: &str) {
        writeln!(self.psql.stdin.as_mut().unwrap(), "{sql}\n\\echo done").unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n", "{sql}");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

/// The same octets, as PostgreSQL writes them.
fn in_postgres(sql: &str) -> String {
    let mut sql = sql.replace("CAST(content AS TEXT)", "convert_from(content, 'UTF8')");
    for length in [16, 31, 32, 64, 8192] {
        sql = sql.replace(&format!("zeroblob({length})"), &format!("decode(repeat('00', {length}), 'hex')"));
    }
    // x'0a' is octets there, and '\x0a' here.
    sql.replace("= x'", "= '\\x").replace("AS BLOB)", "AS BYTEA)")
}
