//! Entries on their way to the disk: an answer is made meanwhile, and leaves when they are there.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use chukei_idwsf::Unavailable;

type Tell = Box<dyn FnOnce(bool) + Send>;

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
    /// Whether the entries are on the disk.
    Ended(bool),
}

impl Recording {
    /// One that has not ended, and what ends it.
    pub fn begun() -> (Self, Ending) {
        let recording = Self(Arc::new(Mutex::new(Stage::Open(Vec::new()))));
        (recording.clone(), Ending(recording))
    }

    /// One that has ended: the entries are where they belong.
    pub fn done() -> Self {
        Self(Arc::new(Mutex::new(Stage::Ended(true))))
    }

    /// Tells whether the entries are recorded, as soon as that is known: at once, or from the store's thread.
    pub fn then(self, tell: impl FnOnce(bool) + Send + 'static) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *stage {
            Stage::Open(waiting) => waiting.push(Box::new(tell)),
            Stage::Ended(recorded) => {
                let recorded = *recorded;
                drop(stage);
                tell(recorded);
            }
        }
    }

    /// Waits until the entries are recorded.
    ///
    /// # Errors
    /// They are not.
    pub fn wait(self) -> Result<(), Unavailable> {
        let (told, ended) = mpsc::sync_channel(1);
        self.then(move |recorded| {
            let _ = told.send(recorded); // who waits is there
        });
        if ended.recv() == Ok(true) { Ok(()) } else { Err(Unavailable) }
    }
}

impl Ending {
    /// Ends it.
    pub fn tell(self, recorded: bool) {
        self.end(recorded);
    }

    fn end(&self, recorded: bool) {
        let mut stage = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Open(waiting) = &mut *stage {
            let waiting = std::mem::take(waiting);
            *stage = Stage::Ended(recorded);
            drop(stage);
            waiting.into_iter().for_each(|tell| tell(recorded));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_once_whenever_he_asks() {
        assert_eq!(Recording::done().wait(), Ok(()));
        for (recorded, expected) in [(true, Ok(())), (false, Err(Unavailable))] {
            let (recording, ending) = Recording::begun();
            let early = recording.clone();
            let waiting = std::thread::spawn(move || early.wait());
            ending.tell(recorded);
            assert_eq!((waiting.join().unwrap(), recording.wait()), (expected, expected));
        }
        let (recording, ending) = Recording::begun();
        drop(ending);
        assert_eq!(recording.wait(), Err(Unavailable));
    }
}
