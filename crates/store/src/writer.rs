//! One thread that writes, and commits what is waiting together: a commit costs the same for one entry and for a hundred.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chukei_relay::Unavailable;
use rusqlite::{Connection, TransactionBehavior};

/// Jobs that wait for the writer; more make their callers wait.
const QUEUE: usize = 1024;
/// Jobs of one commit.
const BATCH: usize = 256;
/// How long a commit waits for company, if the last one had some: fewer commits, and fewer changes of thread.
const LINGER: Duration = Duration::from_millis(1);

/// Tells the caller how the commit ended.
type Tell = Box<dyn FnOnce(bool) + Send>;
/// What to do in a transaction; says whether that is to be committed.
type Job = Box<dyn FnOnce(&Connection, Company) -> (Tell, bool) + Send>;

/// Whether jobs share their commits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// Many small ones: what waits is committed together, and each is undone alone.
    Shared,
    /// Few that may be very large: each is a transaction of its own. A savepoint would write every page twice.
    Alone,
}

/// What becomes of what a job did.
pub(crate) enum Verdict<T> {
    Keep(T),
    Undo(T),
}

/// The writer. Dropping it ends the thread after everything that was accepted is committed.
pub(crate) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, company: Company) -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("store writer".to_owned());
        let thread = thread.spawn(move || work(connection, &waiting, company))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does the job in a transaction and returns when that is on the disk. What a failing job did is undone; it does not
    /// disturb others.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.decide(move |connection| job(connection).map(Verdict::Keep))
    }

    /// The same for a job that says itself whether what it did is to stay.
    pub(crate) fn decide<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<Verdict<T>> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (told, done) = mpsc::sync_channel(1);
        // A caller that is gone needs no answer.
        self.begin(job, move |result| {
            let _ = told.send(result);
        })?;
        done.recv().ok().flatten().ok_or(Unavailable)
    }

    /// The same, but returns at once; `tell` hears what came of it, from the writer's thread: nothing, if nothing was kept.
    /// Jobs are done in the order in which they were begun.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<Verdict<T>> + Send + 'static,
        tell: impl FnOnce(Option<T>) + Send + 'static,
    ) -> Result<(), Unavailable> {
        let job: Job = Box::new(move |connection, company| {
            let (result, stays) = match company {
                Company::Shared => (nested(connection, job), true),
                Company::Alone => decided(job(connection)),
            };
            let tell: Tell = Box::new(move |committed| tell(result.ok().filter(|_| committed)));
            (tell, stays)
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or(Unavailable)
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

fn nested<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> rusqlite::Result<Verdict<T>>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT job")?;
    let (result, stays) = decided(job(connection));
    connection.execute_batch(if stays { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" })?;
    result
}

/// The result, and whether what was done stays.
fn decided<T>(done: rusqlite::Result<Verdict<T>>) -> (rusqlite::Result<T>, bool) {
    match done {
        Ok(Verdict::Keep(result)) => (Ok(result), true),
        Ok(Verdict::Undo(result)) => (Ok(result), false),
        Err(error) => (Err(error), false),
    }
}

fn work(mut connection: Connection, waiting: &Receiver<Job>, company: Company) {
    let mut had_company = false;
    while let Ok(first) = waiting.recv() {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let Ok(transaction) = transaction else {
            // Callers are told by the drop of their channels; who came meanwhile has waited, too. The next job tries again.
            let meanwhile: Vec<Job> = waiting.try_iter().collect();
            drop((first, meanwhile));
            continue;
        };
        let (tell, stays) = first(&transaction, company);
        if company == Company::Alone {
            let ended = if stays { transaction.commit() } else { transaction.rollback() };
            tell(ended.is_ok());
            continue;
        }
        let mut tells = vec![tell];
        let until = Instant::now() + LINGER;
        while tells.len() < BATCH {
            match waiting.try_recv() {
                Ok(job) => tells.push(job(&transaction, company).0),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) if !had_company => break,
                Err(TryRecvError::Empty) => {
                    match waiting.recv_timeout(until.saturating_duration_since(Instant::now())) {
                        Ok(job) => tells.push(job(&transaction, company).0),
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                    }
                }
            }
        }
        had_company = tells.len() > 1;
        crash_point!("appended");
        let committed = transaction.commit().is_ok();
        crash_point!("committed");
        for tell in tells {
            tell(committed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> (tempfile::TempDir, Writer) {
        let scratch = tempfile::tempdir().unwrap();
        let connection = Connection::open(scratch.path().join("test.db")).unwrap();
        connection.execute_batch("CREATE TABLE t (x TEXT UNIQUE)").unwrap();
        (scratch, Writer::start(connection, Company::Shared).unwrap())
    }

    fn insert(writer: &Writer, text: &str) -> Result<usize, Unavailable> {
        let text = text.to_owned();
        writer.write(move |connection| connection.execute("INSERT INTO t VALUES (?1)", [text]))
    }

    fn count(writer: &Writer) -> i64 {
        writer
            .write(|connection| connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)))
            .unwrap()
    }

    #[test]
    fn a_full_disk_refuses_and_loses_nothing() {
        let (_scratch, writer) = writer();
        let big = "a".repeat(20_000);
        assert_eq!(insert(&writer, &big), Ok(1));
        let limit = |pages: i64| {
            writer.write(move |connection| {
                connection.pragma_query_value(None, "page_count", |row| row.get(0)).and_then(|now: i64| {
                    connection.pragma_update_and_check(None, "max_page_count", now + pages, |_| Ok(()))
                })
            })
        };
        limit(0).unwrap();
        assert_eq!(insert(&writer, &format!("{big}b")), Err(Unavailable));
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
        assert_eq!(writer.write::<()>(|_| panic!("a mistake of ours")), Err(Unavailable));
        assert_eq!(insert(&writer, "b"), Err(Unavailable));
    }
}
