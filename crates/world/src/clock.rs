//! What a party takes for now: the machine's time, or a time that stands still until it is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chukei_crypto::UnixTime;

/// No time is set: the machine's counts.
const MACHINE: i64 = i64::MIN;

/// A clock that several holders share.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicI64>);

impl Default for Clock {
    fn default() -> Self {
        Self::machine()
    }
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn machine() -> Self {
        Self(Arc::new(AtomicI64::new(MACHINE)))
    }

    /// Stands still at this time.
    #[must_use]
    pub fn fixed(now: UnixTime) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    /// Where the clock stands, or nothing for the machine's.
    pub(crate) fn stands(&self) -> Option<UnixTime> {
        Some(UnixTime(self.0.load(Ordering::SeqCst))).filter(|now| now.0 != MACHINE)
    }

    /// Sets the time, or returns to the machine's.
    pub fn set(&self, now: Option<UnixTime>) {
        self.0.store(now.map_or(MACHINE, |now| now.0), Ordering::SeqCst);
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        match self.0.load(Ordering::SeqCst) {
            MACHINE => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
            }
            set => UnixTime(set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_stands_still_for_all_its_holders() {
        let clock = Clock::machine();
        let other = clock.clone();
        assert!(clock.now() > UnixTime(1_767_225_600));
        clock.set(Some(UnixTime(1)));
        assert_eq!((clock.now(), other.now()), (UnixTime(1), UnixTime(1)));
        clock.set(None);
        assert!(other.now() > UnixTime(1_767_225_600));
    }
}
