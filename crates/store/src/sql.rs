//! One way to speak with both databases. Every operation of the store is written once, in SQL that SQLite and PostgreSQL
//! read alike: placeholders `?1`, whole numbers, texts and octets, and nothing that a distributed database that speaks
//! PostgreSQL's protocol lacks. Only opening, schema and locks differ.

use std::fmt;

use chukei_relay::Unavailable;
use rusqlite::ErrorCode;
use rusqlite::types::{ToSqlOutput, ValueRef};

mod postgres;

pub(crate) use postgres::Link;

/// Statements that a connection to a file keeps prepared.
const STATEMENTS: usize = 64;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a statement has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// What is stored is not what was stored.
    Damaged(String),
    /// The database is gone, or does not answer in time. What was not committed is undone.
    Lost(String),
    /// Another transaction came between. Nothing of this one is done; the same again may succeed.
    Conflict(String),
    /// It cannot be done: a rule of the schema, a full disk, a lock that is not given.
    Failed(String),
}

/// A value that goes into a statement, or one of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'v> {
    Null,
    Int(i64),
    Text(&'v str),
    Octets(&'v [u8]),
}

/// Values of a statement, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// A connection; used by one thread at a time.
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Link>),
}

/// A row of a result.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// What a value of a row is read as.
pub(crate) trait Column<'v>: Sized {
    /// Nothing if it is of another kind.
    fn of(value: Value<'v>) -> Option<Self>;
}

impl Connection {
    /// A file of SQLite.
    pub(crate) fn file(connection: rusqlite::Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Self::Sqlite(connection)
    }

    /// Rows that were changed.
    pub(crate) fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize> {
        match self {
            Self::Sqlite(sqlite) => {
                Ok(sqlite.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values))?)
            }
            Self::Postgres(link) => link.execute(sql, values),
        }
    }

    /// What is read of each row. For results that are short.
    pub(crate) fn rows<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match self {
            Self::Sqlite(sqlite) => {
                let mut statement = sqlite.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    all.push(read(&Row::Sqlite(row))?);
                }
                Ok(all)
            }
            Self::Postgres(link) => {
                link.query(sql, values)?.iter().map(|row| read(&Row::Postgres(row))).collect()
            }
        }
    }

    /// What is read of the first row, if there is one.
    pub(crate) fn row<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match self {
            Self::Sqlite(sqlite) => {
                let mut statement = sqlite.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
            }
            Self::Postgres(link) => {
                link.query(sql, values)?.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// Puts in a row and gives its number: that of the statement's `RETURNING`, which in a file is the row's own.
    pub(crate) fn insert(&self, sql: &'static str, values: &[Value<'_>]) -> Result<i64> {
        match self {
            Self::Sqlite(sqlite) => {
                let (insert, _) = sql.split_once(" RETURNING ").unwrap_or((sql, ""));
                self.execute(insert, values)?;
                Ok(sqlite.last_insert_rowid())
            }
            Self::Postgres(_) => self.only(sql, values, |row| row.get(0)),
        }
    }

    /// The one row that there always is.
    pub(crate) fn only<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.row(sql, values, read)?.ok_or_else(|| Error::Damaged(format!("no row: {sql}")))
    }

    /// Whether there is a row.
    pub(crate) fn exists(&self, sql: &'static str, values: &[Value<'_>]) -> Result<bool> {
        match self {
            Self::Sqlite(sqlite) => {
                Ok(sqlite.prepare_cached(sql)?.exists(rusqlite::params_from_iter(values))?)
            }
            Self::Postgres(link) => Ok(!link.query(sql, values)?.is_empty()),
        }
    }

    /// Shows each row of a result that may be as long as the store, until one says that it is enough. Inside a transaction.
    pub(crate) fn stream(
        &self,
        sql: &'static str,
        mut show: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => {
                let mut statement = sqlite.prepare_cached(sql)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    if !show(&Row::Sqlite(row))? {
                        break;
                    }
                }
                Ok(())
            }
            Self::Postgres(link) => link.stream(sql, |row| show(&Row::Postgres(row))),
        }
    }

    /// Statements without values.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => Ok(sqlite.execute_batch(sql)?),
            Self::Postgres(link) => link.batch(sql),
        }
    }

    /// The same, if they may take long: a change of the tables.
    pub(crate) fn long_batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(_) => self.batch(sql),
            Self::Postgres(link) => link.long_batch(sql),
        }
    }

    /// Begins to write. Nobody else writes until this ends: in a file there is one writer, in PostgreSQL the row that `lock`
    /// changes has one. It is changed, not only locked, so that a database that serialises by conflicts finds one.
    pub(crate) fn begin(&self, lock: &str) -> Result<()> {
        match self {
            Self::Sqlite(_) => self.batch("BEGIN IMMEDIATE"),
            Self::Postgres(link) => {
                let begun = link.batch(&format!("BEGIN; {lock}"));
                if begun.is_err() {
                    self.undo();
                }
                begun
            }
        }
    }

    /// Begins to read: one state of the store, whatever is written meanwhile.
    pub(crate) fn begin_reading(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => self.batch("BEGIN"),
            Self::Postgres(_) => self.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }

    /// Prepares for a table that grows in this transaction from nothing to millions of rows. A plan that PostgreSQL made when
    /// it was small reads the whole table for each lookup, and nothing that this transaction does would make it a new one.
    pub(crate) fn expect_growth(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(link) => link.expect_growth(),
        }
    }

    /// Ends the transaction; when this returns, what was written in it is on the disk.
    pub(crate) fn commit(&self) -> Result<()> {
        let committed = self.batch("COMMIT");
        if committed.is_err() {
            self.undo();
        }
        committed
    }

    /// Ends the transaction, and nothing of it is left.
    pub(crate) fn rollback(&self) -> Result<()> {
        self.batch("ROLLBACK")
    }

    /// The same after an error, which is told instead of what becomes of this. A connection that is lost has undone it already.
    pub(crate) fn undo(&self) {
        let _ = self.rollback();
    }

    /// What the database itself finds wrong with its files, if it can say so.
    pub(crate) fn integrity(&self) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(_) => {
                let says = self.rows("PRAGMA integrity_check(10)", &[], |row| row.get::<String>(0))?;
                Ok(says.into_iter().filter(|says| says != "ok").collect())
            }
            // It tells of a damaged page when that is read.
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }
}

impl Row<'_> {
    /// The value of a column, from 0.
    pub(crate) fn get<'a, T: Column<'a>>(&'a self, at: usize) -> Result<T> {
        let value = match self {
            Self::Sqlite(row) => match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) => {
                    Value::Text(str::from_utf8(text).map_err(|error| Error::Damaged(error.to_string()))?)
                }
                ValueRef::Blob(octets) => Value::Octets(octets),
                ValueRef::Real(_) => return Err(Error::Damaged(format!("column {at} is a fraction"))),
            },
            Self::Postgres(row) => postgres::value(row, at)?,
        };
        T::of(value).ok_or_else(|| Error::Damaged(format!("column {at} is of another kind or length")))
    }
}

impl Error {
    /// An error of ours, inside a transaction that it undoes.
    pub(crate) fn of(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Whether the transaction in which it came up is void.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Conflict(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Damaged(says) | Self::Lost(says) | Self::Conflict(says) | Self::Failed(says)) = self;
        f.write_str(says)
    }
}

impl std::error::Error for Error {}

/// No text of a database has a value of ours in it: SQLite tells none, and of PostgreSQL the detail is left out.
impl From<Error> for Unavailable {
    fn from(error: Error) -> Self {
        let (Error::Damaged(says) | Error::Lost(says) | Error::Conflict(says) | Error::Failed(says)) = error;
        Self::new(says)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        let is_damage = matches!(
            error,
            InvalidColumnType(..) | FromSqlConversionFailure(..) | IntegralValueOutOfRange(..)
        ) || matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        );
        if is_damage { Self::Damaged(error.to_string()) } else { Self::Failed(error.to_string()) }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Octets(octets) => ValueRef::Blob(octets),
        }))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u8> for Value<'_> {
    fn from(number: u8) -> Self {
        Self::Int(number.into())
    }
}

/// Yes is 1.
impl From<bool> for Value<'_> {
    fn from(is: bool) -> Self {
        Self::Int(is.into())
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(octets: &'v [u8]) -> Self {
        Self::Octets(octets)
    }
}

impl<'v> From<&'v Vec<u8>> for Value<'v> {
    fn from(octets: &'v Vec<u8>) -> Self {
        Self::Octets(octets)
    }
}

impl<'v, const N: usize> From<&'v [u8; N]> for Value<'v> {
    fn from(octets: &'v [u8; N]) -> Self {
        Self::Octets(octets)
    }
}

impl<'v, T: Into<Self>> From<Option<T>> for Value<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'v> From<&'v Option<String>> for Value<'v> {
    fn from(text: &'v Option<String>) -> Self {
        text.as_ref().into()
    }
}

impl Column<'_> for i64 {
    fn of(value: Value<'_>) -> Option<Self> {
        if let Value::Int(number) = value { Some(number) } else { None }
    }
}

impl Column<'_> for bool {
    fn of(value: Value<'_>) -> Option<Self> {
        i64::of(value).map(|number| number != 0)
    }
}

impl<'v> Column<'v> for &'v str {
    fn of(value: Value<'v>) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl Column<'_> for String {
    fn of(value: Value<'_>) -> Option<Self> {
        <&str>::of(value).map(str::to_owned)
    }
}

impl<'v> Column<'v> for &'v [u8] {
    fn of(value: Value<'v>) -> Option<Self> {
        if let Value::Octets(octets) = value { Some(octets) } else { None }
    }
}

impl Column<'_> for Vec<u8> {
    fn of(value: Value<'_>) -> Option<Self> {
        <&[u8]>::of(value).map(<[u8]>::to_vec)
    }
}

impl<const N: usize> Column<'_> for [u8; N] {
    fn of(value: Value<'_>) -> Option<Self> {
        <&[u8]>::of(value)?.try_into().ok()
    }
}

impl<'v, T: Column<'v>> Column<'v> for Option<T> {
    fn of(value: Value<'v>) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::of(value).map(Some) }
    }
}
