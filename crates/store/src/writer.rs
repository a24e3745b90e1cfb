//! One thread that writes, and commits what is waiting together: a commit costs the same for one entry and for a hundred.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chukei_relay::Unavailable;

use crate::location::Database;
use crate::sql::{self, Connection, Error};
use crate::{BUSY, server};

/// Jobs that wait for the writer; more make their callers wait.
const QUEUE: usize = 1024;
/// Jobs of one commit.
const BATCH: usize = 256;
/// How long a job waits for company, if the last one had some: fewer commits, and fewer changes of thread.
const LINGER: Duration = Duration::from_millis(2);
/// How long a transaction waits before it is done once more, after the database has found a conflict with another's.
const PAUSE: Duration = Duration::from_millis(2);

/// What is to be done in a transaction, and who is to hear of it.
trait Job: Send {
    /// Does it, again too if what was done is undone; says whether it is to be committed. After an error nothing of the whole
    /// transaction is.
    fn run(&mut self, connection: &Connection) -> sql::Result<bool>;

    /// Tells how the transaction ended.
    fn tell(self: Box<Self>, ended: sql::Result<()>);
}

struct Task<T, J, L> {
    job: J,
    result: Option<sql::Result<T>>,
    tell: L,
}

/// Whether jobs share their commits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// Many small ones: what waits is committed together, and one that fails is undone alone.
    Shared,
    /// Few that may be very large: each is a transaction of its own.
    Alone,
}

/// What becomes of what a job did.
pub(crate) enum Verdict<T> {
    Keep(T),
    Undo(T),
}

/// The connection of a writer.
pub(crate) struct Line {
    connection: Option<Connection>,
    /// Where another is had when this one is lost, and what is changed first in a transaction.
    server: Option<(Database, &'static str)>,
}

impl Line {
    pub(crate) const fn file(connection: Connection) -> Self {
        Self { connection: Some(connection), server: None }
    }

    pub(crate) const fn server(
        connection: Option<Connection>,
        database: Database,
        lock: &'static str,
    ) -> Self {
        Self { connection, server: Some((database, lock)) }
    }

    /// Begins a transaction: on a new connection if the old one is lost.
    fn begin(&mut self) -> sql::Result<&Connection> {
        let lock = self.server.as_ref().map_or("", |(_, lock)| *lock);
        if let Some(connection) = &self.connection {
            match connection.begin(lock) {
                Err(Error::Lost(_)) => self.connection = None,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        if self.connection.is_none()
            && let Some((database, _)) = &self.server
        {
            let connection = server::connect(database)?;
            connection.begin(lock)?;
            self.connection = Some(connection);
        }
        self.connection.as_ref().ok_or_else(|| Error::Lost("no connection".to_owned()))
    }
}

/// The writer. Dropping it ends the thread after everything that was accepted is committed.
pub(crate) struct Writer {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(line: Line, company: Company) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("store writer".to_owned());
        let thread = thread.spawn(move || work(line, &waiting, company))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does the job in a transaction and returns when that is on the disk. What a failing job did is undone; it does not
    /// disturb others.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        mut job: impl FnMut(&Connection) -> sql::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.decide(move |connection| job(connection).map(Verdict::Keep))
    }

    /// The same for a job that says itself whether what it did is to stay.
    pub(crate) fn decide<T: Send + 'static>(
        &self,
        job: impl FnMut(&Connection) -> sql::Result<Verdict<T>> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (told, done) = mpsc::sync_channel(1);
        // A caller that is gone needs no answer.
        self.begin(job, move |result| {
            let _ = told.send(result);
        })?;
        done.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// The same, but returns at once; `tell` hears what came of it, from the writer's thread.
    /// Jobs are done in the order in which they were begun.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        job: impl FnMut(&Connection) -> sql::Result<Verdict<T>> + Send + 'static,
        tell: impl FnOnce(Result<T, Unavailable>) + Send + 'static,
    ) -> Result<(), Unavailable> {
        let task = Box::new(Task { job, result: None, tell });
        self.jobs.as_ref().and_then(|jobs| jobs.send(task).ok()).ok_or_else(stopped)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already failed every caller that waited.
            let _ = thread.join();
        }
    }
}

impl<T, J, L> Job for Task<T, J, L>
where
    T: Send,
    J: FnMut(&Connection) -> sql::Result<Verdict<T>> + Send,
    L: FnOnce(Result<T, Unavailable>) + Send,
{
    fn run(&mut self, connection: &Connection) -> sql::Result<bool> {
        // What came of it before is undone.
        self.result = None;
        let (result, stays) = match (self.job)(connection) {
            Ok(Verdict::Keep(result)) => (Ok(result), true),
            Ok(Verdict::Undo(result)) => (Ok(result), false),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => (Err(error), false),
        };
        self.result = Some(result);
        Ok(stays)
    }

    fn tell(self: Box<Self>, ended: sql::Result<()>) {
        // What a job fails at may end the transaction too; then its own error says more.
        let result = match (self.result, ended) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(error)) => Err(error),
            (result, Ok(())) => result.unwrap_or_else(|| Err(Error::of("it was not done"))),
        };
        (self.tell)(result.map_err(Unavailable::from));
    }
}

fn stopped() -> Unavailable {
    Unavailable::new("its writer has stopped")
}

fn work(mut line: Line, waiting: &Receiver<Box<dyn Job>>, company: Company) {
    let mut had_company = false;
    while let Ok(first) = waiting.recv() {
        let mut jobs = vec![first];
        if had_company {
            // Not woken by each of them, and nobody is kept from the database meanwhile.
            std::thread::sleep(LINGER);
        }
        // As long as one waits for a lock.
        let until = Instant::now() + BUSY;
        let ended = loop {
            let ended = transaction(&mut line, &mut jobs, waiting, company);
            match ended {
                Err(Stop::Begun(Error::Conflict(_)) | Stop::Beginning(Error::Conflict(_)))
                    if Instant::now() < until =>
                {
                    std::thread::sleep(PAUSE);
                }
                ended => break ended,
            }
        };
        had_company = jobs.len() > 1;
        if let Err(Stop::Beginning(_)) = ended {
            // Who came meanwhile has waited, too. The next job tries again.
            jobs.extend(waiting.try_iter());
        }
        let ended = ended.map_err(|(Stop::Beginning(error) | Stop::Begun(error))| error);
        for job in jobs {
            job.tell(ended.clone());
        }
    }
}

/// Where a transaction has failed.
enum Stop {
    Beginning(Error),
    Begun(Error),
}

/// Does the jobs and those that come meanwhile, and commits them.
fn transaction(
    line: &mut Line,
    jobs: &mut Vec<Box<dyn Job>>,
    waiting: &Receiver<Box<dyn Job>>,
    company: Company,
) -> Result<(), Stop> {
    let mut connection = line.begin().map_err(Stop::Beginning)?;
    let mut stays = match company {
        Company::Shared => together(connection, jobs, waiting),
        Company::Alone => jobs.iter_mut().try_fold(true, |_, job| job.run(connection)),
    };
    if stays == Ok(false) && company == Company::Shared {
        // Few fail, so savepoints are only for those who meet one: they cost more than the work.
        connection.rollback().map_err(Stop::Begun)?;
        connection = line.begin().map_err(Stop::Beginning)?;
        stays = jobs.iter_mut().try_for_each(|job| apart(connection, job.as_mut())).map(|()| true);
    }
    match stays {
        Ok(true) => {}
        Ok(false) => return connection.rollback().map_err(Stop::Begun),
        Err(error) => {
            connection.undo();
            return Err(Stop::Begun(error));
        }
    }
    if company == Company::Shared {
        crash_point!("appended");
    }
    let committed = connection.commit();
    if company == Company::Shared {
        crash_point!("committed");
    }
    committed.map_err(Stop::Begun)
}

/// Does the jobs and those that come meanwhile; says whether all of them stay.
fn together(
    connection: &Connection,
    jobs: &mut Vec<Box<dyn Job>>,
    waiting: &Receiver<Box<dyn Job>>,
) -> sql::Result<bool> {
    for job in jobs.iter_mut() {
        if !job.run(connection)? {
            return Ok(false);
        }
    }
    while jobs.len() < BATCH
        && let Ok(mut job) = waiting.try_recv()
    {
        let ran = job.run(connection);
        jobs.push(job);
        if !ran? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Does one job so that it can fail alone.
fn apart(connection: &Connection, job: &mut dyn Job) -> sql::Result<()> {
    connection.batch("SAVEPOINT job")?;
    let stays = job.run(connection)?;
    connection.batch(if stays { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::values;

    fn writer() -> (tempfile::TempDir, Writer) {
        let scratch = tempfile::tempdir().unwrap();
        let connection = crate::file_to_write(&scratch.path().join("test.db"), 1024).unwrap();
        connection.batch("CREATE TABLE t (x TEXT UNIQUE)").unwrap();
        (scratch, Writer::start(Line::file(connection), Company::Shared).unwrap())
    }

    fn insert(writer: &Writer, text: &str) -> Result<usize, Unavailable> {
        let text = text.to_owned();
        writer.write(move |connection| connection.execute("INSERT INTO t VALUES (?1)", values![&text]))
    }

    fn count(writer: &Writer) -> i64 {
        writer.write(|connection| connection.only("SELECT count(*) FROM t", &[], |row| row.get(0))).unwrap()
    }

    #[test]
    fn a_full_disk_refuses_and_loses_nothing() {
        let (_scratch, writer) = writer();
        let big = "a".repeat(20_000);
        assert_eq!(insert(&writer, &big), Ok(1));
        let limit = |pages: i64| {
            writer.write(move |connection| {
                let now: i64 = connection.only("PRAGMA page_count", &[], |row| row.get(0))?;
                connection.batch(&format!("PRAGMA max_page_count = {}", now + pages))
            })
        };
        limit(0).unwrap();
        let full = Unavailable::new("database or disk is full");
        assert_eq!(insert(&writer, &format!("{big}b")), Err(full));
        assert_eq!(count(&writer), 1);
        limit(1000).unwrap();
        assert_eq!(insert(&writer, &format!("{big}b")), Ok(1));
        assert_eq!(count(&writer), 2);
    }

    #[test]
    fn a_failing_job_does_not_disturb_its_company() {
        let (_scratch, writer) = writer();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let insert = |turn: usize| {
                insert(&writer, if turn.is_multiple_of(2) { "same" } else { ["a", "b", "c", "d"][turn / 2] })
            };
            let jobs: Vec<_> = (0..8).map(|turn| scope.spawn(move || insert(turn))).collect();
            jobs.into_iter().map(|job| job.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
        assert_eq!(count(&writer), 5);
    }

    #[test]
    fn a_job_that_panics_fails_its_caller_and_those_after_it() {
        let (_scratch, writer) = writer();
        assert_eq!(insert(&writer, "a"), Ok(1));
        assert_eq!(writer.write::<()>(|_| panic!("a mistake of ours")), Err(stopped()));
        assert_eq!(insert(&writer, "b"), Err(stopped()));
    }
}
