//! A connection to PostgreSQL, or to a database that speaks its protocol. Calls wait on the caller's thread; a database that
//! does not answer in time counts as lost.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

use bytes::BytesMut;
use tokio::runtime::{Handle, Runtime, RuntimeFlavor};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{self, IsNull, ToSql};
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::{Error, Result, Value};

/// How long a statement waits for another process that writes, as with a file.
const LOCK: &str = "SET lock_timeout = '5s'";
/// Until the transaction ends, plans use indexes, and each is made for the table as it is then. Databases that only speak the
/// protocol may not know a setting, and then it is not in the list.
const GROWTH: &str =
    "SELECT set_config(name, CASE name WHEN 'enable_seqscan' THEN 'off' ELSE 'force_custom_plan' END, true)
     FROM pg_settings WHERE name IN ('enable_seqscan', 'plan_cache_mode')";
/// How long an answer may take: longer than a lock.
const ANSWER: Duration = Duration::from_secs(15);
/// How long one may take that goes through the whole store, or changes its tables.
const LONG: Duration = Duration::from_secs(3600);
/// How long it may take to connect, unless the URL says so.
const CONNECT: Duration = Duration::from_secs(5);
/// Rows of a long result that are fetched at a time.
const FETCHED: usize = 1000;

/// A connection.
pub(crate) struct Link {
    waiting: Waiting,
    client: Client,
    statements: RefCell<HashMap<&'static str, Statement>>,
    is_lost: Cell<bool>,
}

/// Lets the caller's thread wait, with or without a runtime around it. Has a runtime until it is dropped.
struct Waiting(Option<Runtime>);

/// What the database will say.
trait Answer<T>: Future<Output = std::result::Result<T, tokio_postgres::Error>> + Send {}

impl<T, F: Future<Output = std::result::Result<T, tokio_postgres::Error>> + Send> Answer<T> for F {}

impl Link {
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let waiting = Waiting(Some(runtime.map_err(|error| Error::Lost(error.to_string()))?));
        let limit = config.get_connect_timeout().copied().unwrap_or(CONNECT);
        let (client, connection) = waiting.until(limit, config.connect(NoTls))?;
        // How it ends is told by the next call.
        waiting.beside(async { drop(connection.await) });
        let (statements, is_lost) = Default::default();
        let link = Self { waiting, client, statements, is_lost };
        link.batch(LOCK)?;
        Ok(link)
    }

    pub(crate) fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize> {
        let statement = self.statement(sql)?;
        let changed = self.wait(ANSWER, self.client.execute_raw(&statement, values))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(crate) fn query(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>> {
        let statement = self.statement(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        self.wait(ANSWER, self.client.query(&statement, &values))
    }

    pub(crate) fn stream(&self, sql: &'static str, mut show: impl FnMut(&Row) -> Result<bool>) -> Result<()> {
        // One at a time on a connection.
        self.wait(LONG, self.client.batch_execute(&format!("DECLARE long NO SCROLL CURSOR FOR {sql}")))?;
        let fetch = format!("FETCH {FETCHED} FROM long");
        let fetch = self.wait(ANSWER, self.client.prepare(&fetch))?;
        loop {
            let rows = self.wait(LONG, self.client.query(&fetch, &[]))?;
            for row in &rows {
                if !show(row)? {
                    return self.batch("CLOSE long");
                }
            }
            if rows.len() < FETCHED {
                return self.batch("CLOSE long");
            }
        }
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.wait(ANSWER, self.client.batch_execute(sql))
    }

    /// See [`super::Connection::expect_growth`]. Without the settings it is only slower.
    pub(crate) fn expect_growth(&self) -> Result<()> {
        self.batch("SAVEPOINT growth")?;
        match self.batch(GROWTH) {
            Ok(()) => self.batch("RELEASE growth"),
            Err(error) if error.is_final() => Err(error),
            Err(_) => self.batch("ROLLBACK TO growth; RELEASE growth"),
        }
    }

    /// Statements that may take long.
    pub(crate) fn long_batch(&self, sql: &str) -> Result<()> {
        self.wait(LONG, self.client.batch_execute(sql))
    }

    fn statement(&self, sql: &'static str) -> Result<Statement> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.wait(ANSWER, self.client.prepare(&sql.replace('?', "$")))?;
        self.statements.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    fn wait<T: Send>(&self, limit: Duration, answer: impl Answer<T>) -> Result<T> {
        if self.is_lost.get() {
            return Err(gone());
        }
        let answered = self.waiting.until(limit, answer);
        if matches!(answered, Err(Error::Lost(_))) {
            self.is_lost.set(true);
        }
        answered
    }
}

impl Waiting {
    fn until<T: Send>(&self, limit: Duration, answer: impl Answer<T>) -> Result<T> {
        let runtime = self.0.as_ref().ok_or_else(gone)?;
        let wait = || runtime.block_on(async { tokio::time::timeout(limit, answer).await });
        // One runtime must not wait in another's thread unless that is told, or cannot be in its way.
        let answered = match Handle::try_current().map(|around| around.runtime_flavor()) {
            Err(_) => wait(),
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
            Ok(_) => std::thread::scope(|scope| scope.spawn(wait).join()).map_err(|_| gone())?,
        };
        let late = |_| Error::Lost("the database does not answer in time".to_owned());
        answered.map_err(late)?.map_err(Error::from)
    }

    /// Goes on whenever somebody waits.
    fn beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(task);
        }
    }
}

/// Wherever it is dropped: in a runtime, one must not wait for another to end.
impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn gone() -> Error {
    Error::Lost("the connection is closed".to_owned())
}

/// A value of a row.
pub(super) fn value(row: &Row, at: usize) -> Result<Value<'_>> {
    let wrong = |error: tokio_postgres::Error| Error::Damaged(error.to_string());
    let column = row.columns().get(at).ok_or_else(|| Error::Damaged(format!("there is no column {at}")))?;
    let kind = column.type_();
    let value = if *kind == types::Type::INT8 {
        row.try_get::<_, Option<i64>>(at).map_err(wrong)?.map(Value::Int)
    } else if *kind == types::Type::INT4 {
        row.try_get::<_, Option<i32>>(at).map_err(wrong)?.map(|number| Value::Int(number.into()))
    } else if *kind == types::Type::BYTEA {
        row.try_get::<_, Option<&[u8]>>(at).map_err(wrong)?.map(Value::Octets)
    } else {
        row.try_get::<_, Option<&str>>(at).map_err(wrong)?.map(Value::Text)
    };
    Ok(value.unwrap_or(Value::Null))
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &types::Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) if *kind == types::Type::INT8 => number.to_sql(kind, out),
            Self::Text(text) if <&str>::accepts(kind) => text.to_sql(kind, out),
            Self::Octets(octets) if *kind == types::Type::BYTEA => octets.to_sql(kind, out),
            _ => Err(format!("a {kind} is wanted").into()),
        }
    }

    fn accepts(_: &types::Type) -> bool {
        true
    }

    types::to_sql_checked!();
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            // Sending a value that does not fit is our mistake; everything else is the link's.
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let is_ours = error.to_string().starts_with("error serializing parameter");
            let says = format!("{error}{cause}");
            return if is_ours { Self::Failed(says) } else { Self::Lost(says) };
        };
        // Of these two classes a message may repeat a value.
        let is_about_value = ["22", "23"].iter().any(|class| told.code().code().starts_with(class));
        let says = if is_about_value { "a value that does not fit" } else { told.message() };
        let says = format!("{says} ({})", told.code().code());
        let is = |codes: &[SqlState]| codes.contains(told.code());
        if is(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]) {
            Self::Conflict(says)
        } else if is(&[SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED]) {
            Self::Damaged(says)
        } else if is(&[SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW])
            || told.code().code().starts_with("08")
            || told.severity() == "FATAL"
        {
            Self::Lost(says)
        } else {
            Self::Failed(says)
        }
    }
}
