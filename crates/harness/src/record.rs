//! What a run records, whatever the product is.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use chukei_evidence::{RecordError, Recorder, Transcript, What};

use crate::clock::Clock;

/// The case's author asked for something that the product does not offer, or made a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The product lacks what the case needs.
    Lacking(String),
    /// The suite failed.
    Suite(String),
}

/// The recorder of a run with its clock and its numbers.
#[derive(Debug)]
pub struct Record {
    clock: Clock,
    recorder: Mutex<Option<Recorder>>,
    failure: Mutex<Option<RecordError>>,
    exchange: AtomicU32,
}

impl Record {
    pub(crate) const fn new(clock: Clock, recorder: Recorder) -> Self {
        Self {
            clock,
            recorder: Mutex::new(Some(recorder)),
            failure: Mutex::new(None),
            exchange: AtomicU32::new(0),
        }
    }

    /// The run's clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How many exchanges there were so far.
    #[must_use]
    pub fn exchanges(&self) -> u32 {
        self.exchange.load(Ordering::SeqCst)
    }

    /// How many events there are so far.
    #[must_use]
    pub fn events(&self) -> usize {
        lock(&self.recorder).as_ref().map_or(0, |recorder| recorder.events().len())
    }

    /// Whether recording failed: then the run has to stop.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    /// Why recording failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<RecordError> {
        lock(&self.failure).take()
    }

    pub(crate) fn next_exchange(&self) -> u32 {
        self.exchange.fetch_add(1, Ordering::SeqCst).wrapping_add(1)
    }

    pub(crate) fn add(&self, what: What) {
        let mut recorder = lock(&self.recorder);
        if let Some(Err(error)) = recorder.as_mut().map(|recorder| recorder.record(self.clock.now(), what)) {
            lock(&self.failure).get_or_insert(error);
        }
    }

    /// Begins a case.
    pub(crate) fn begin(&self, case: &str, twin: Option<&str>, deviation: &str) {
        self.add(What::CaseStart {
            case: case.to_owned(),
            twin: twin.map(str::to_owned),
            deviation: deviation.to_owned(),
        });
    }

    /// Ends a case.
    pub(crate) fn end(&self, case: &str) {
        self.add(What::CaseEnd { case: case.to_owned() });
    }

    /// Records that the case cannot be run, or that the suite failed in it.
    pub fn broken(&self, broken: Broken) {
        self.add(match broken {
            Broken::Lacking(missing) => What::Lacking { missing },
            Broken::Suite(what) => What::Broken { what },
        });
    }

    pub(crate) fn close(&self, whole: bool) -> Result<Transcript, RecordError> {
        let recorder = lock(&self.recorder).take().ok_or(RecordError::Full)?;
        if whole { recorder.finish() } else { Ok(recorder.stop()) }
    }
}

/// Upper-case hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
