//! Entries on their way to the disk: an answer is made meanwhile, and leaves when they are there.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use chukei_idwsf::Unavailable;

type Outcome = Result<(), Unavailable>;
type Tell = Box<dyn FnOnce(Outcome) + Send>;

/// Entries on their way to the disk. Nothing that follows from them may leave before they are there.
#[must_use = "nothing that follows from the entries may leave before they are recorded"]
#[derive(Clone)]
pub struct Recording(Arc<Mutex<Stage>>);

/// The store's end of a [`Recording`]. Dropped without a word, it tells that nothing was recorded.
#[must_use]
pub struct Ending(Recording);

enum Stage {
    /// Not ended yet; whom to tell.
    Open(Vec<Tell>),
    /// Whether the entries are on the disk, and why not.
    Ended(Outcome),
}

impl Recording {
    /// One that has not ended, and what ends it.
    pub fn begun() -> (Self, Ending) {
        let recording = Self(Arc::new(Mutex::new(Stage::Open(Vec::new()))));
        (recording.clone(), Ending(recording))
    }

    /// One that has ended: the entries are where they belong.
    pub fn done() -> Self {
        Self(Arc::new(Mutex::new(Stage::Ended(Ok(())))))
    }

    /// Tells whether the entries are recorded, as soon as that is known: at once, or from the store's thread.
    pub fn then(self, tell: impl FnOnce(Result<(), Unavailable>) + Send + 'static) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *stage {
            Stage::Open(waiting) => waiting.push(Box::new(tell)),
            Stage::Ended(outcome) => {
                let outcome = outcome.clone();
                drop(stage);
                tell(outcome);
            }
        }
    }

    /// Waits until the entries are recorded.
    ///
    /// # Errors
    /// They are not.
    pub fn wait(self) -> Result<(), Unavailable> {
        let (told, ended) = mpsc::sync_channel(1);
        self.then(move |outcome| {
            let _ = told.send(outcome); // who waits is there
        });
        ended.recv().unwrap_or_else(|_| Err(forgotten()))
    }
}

impl Ending {
    /// Ends it.
    pub fn tell(self, outcome: Result<(), Unavailable>) {
        self.end(outcome);
    }

    fn end(&self, outcome: Outcome) {
        let mut stage = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Open(waiting) = &mut *stage {
            let waiting = std::mem::take(waiting);
            *stage = Stage::Ended(outcome.clone());
            drop(stage);
            waiting.into_iter().for_each(|tell| tell(outcome.clone()));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end(Err(forgotten()));
    }
}

fn forgotten() -> Unavailable {
    Unavailable::new("it has stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_once_whenever_he_asks() {
        assert_eq!(Recording::done().wait(), Ok(()));
        for outcome in [Ok(()), Err(Unavailable::new("the disk is full"))] {
            let (recording, ending) = Recording::begun();
            let early = recording.clone();
            let waiting = std::thread::spawn(move || early.wait());
            ending.tell(outcome.clone());
            assert_eq!((waiting.join().unwrap(), recording.wait()), (outcome.clone(), outcome));
        }
        let (recording, ending) = Recording::begun();
        drop(ending);
        assert_eq!(recording.wait(), Err(forgotten()));
    }
}
