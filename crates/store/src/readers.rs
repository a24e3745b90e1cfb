//! Connections that read: as many as there are calls, up to a limit, and kept open.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::OpenFlags;

use crate::location::Database;
use crate::sql::{Connection, Error, Result};
use crate::{BUSY, server};

/// Connections to a file that are kept open.
const KEPT: usize = 64;
/// Pages that each of them holds, in KiB (SQLite counts those below zero): 512 MiB at most in all.
const CACHE: i32 = -8192;
/// Connections to a database at a time: one takes a hundred by default, and several relays share it.
const AT_A_TIME: usize = 16;

/// What is read from.
pub(crate) enum Source {
    File(PathBuf),
    Server(Database),
}

pub(crate) struct Readers {
    source: Source,
    pool: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Default)]
struct Pool {
    free: Vec<Connection>,
    /// Open, free or not.
    open: usize,
    /// Calls that wait for one.
    waiting: usize,
}

/// A connection in use. Its place is given back when it is dropped.
struct Seat<'r> {
    readers: &'r Readers,
    /// Given back too, unless something has failed.
    connection: Option<Connection>,
}

impl Readers {
    pub(crate) fn of(source: Source) -> Self {
        Self { source, pool: Mutex::default(), freed: Condvar::new() }
    }

    /// Reads what is committed. A query may be asked twice: once more if a connection was lost while nobody used it.
    pub(crate) fn read<T>(&self, query: impl FnMut(&Connection) -> Result<T>) -> Result<T> {
        self.ask(query, false)
    }

    /// The same, in one state of the store.
    pub(crate) fn snapshot<T>(&self, query: impl FnMut(&Connection) -> Result<T>) -> Result<T> {
        self.ask(query, true)
    }

    fn ask<T>(&self, mut query: impl FnMut(&Connection) -> Result<T>, is_snapshot: bool) -> Result<T> {
        let (mut seat, is_old) = self.seat()?;
        let read = seat.read(&mut query, is_snapshot);
        if !is_old || !matches!(read, Err(Error::Lost(_))) {
            return read;
        }
        drop(seat);
        // What lost one has lost the others too.
        let mut pool = self.pool();
        pool.open = pool.open.saturating_sub(pool.free.len());
        let lost = std::mem::take(&mut pool.free);
        drop(pool);
        drop(lost);
        self.freed.notify_all();
        self.seat()?.0.read(&mut query, is_snapshot)
    }

    /// A connection, and whether it has been open.
    fn seat(&self) -> Result<(Seat<'_>, bool)> {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.free.pop() {
                return Ok((Seat { readers: self, connection: Some(connection) }, true));
            }
            if pool.open < self.limit() {
                break;
            }
            pool.waiting = pool.waiting.saturating_add(1);
            pool = self.freed.wait(pool).unwrap_or_else(PoisonError::into_inner);
            pool.waiting = pool.waiting.saturating_sub(1);
        }
        pool.open = pool.open.saturating_add(1);
        drop(pool);
        let mut seat = Seat { readers: self, connection: None };
        seat.connection = Some(self.open()?);
        Ok((seat, false))
    }

    fn limit(&self) -> usize {
        match self.source {
            Source::File(_) => usize::MAX,
            Source::Server(_) => AT_A_TIME,
        }
    }

    fn open(&self) -> Result<Connection> {
        match &self.source {
            Source::File(path) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = rusqlite::Connection::open_with_flags(path, flags)?;
                connection.busy_timeout(BUSY)?;
                connection.pragma_update(None, "cache_size", CACHE)?;
                Ok(Connection::file(connection))
            }
            Source::Server(database) => server::connect(database),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    fn read<T>(&mut self, query: impl FnOnce(&Connection) -> Result<T>, is_snapshot: bool) -> Result<T> {
        let connection = self.connection.take().ok_or_else(|| Error::Lost("no connection".to_owned()))?;
        if is_snapshot {
            connection.begin_reading()?;
        }
        let read = query(&connection)?;
        if !is_snapshot || connection.rollback().is_ok() {
            self.connection = Some(connection);
        }
        Ok(read)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool();
        match self.connection.take() {
            Some(connection) if pool.free.len() < KEPT => pool.free.push(connection),
            _ => pool.open = pool.open.saturating_sub(1),
        }
        let is_awaited = pool.waiting > 0;
        drop(pool);
        if is_awaited {
            self.readers.freed.notify_one();
        }
    }
}
