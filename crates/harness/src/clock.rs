//! What time it is in the run.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of a run.
#[derive(Debug)]
pub enum Clock {
    /// The machine's clock: for products whose clock cannot be set.
    Machine,
    /// Stands still until it is moved: for products with the verb `clock`.
    Virtual(AtomicI64),
}

impl Clock {
    /// A virtual clock that starts at this second since 1970.
    #[must_use]
    pub const fn virtual_from(epoch: i64) -> Self {
        Self::Virtual(AtomicI64::new(epoch))
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        match self {
            Self::Virtual(now) => now.load(Ordering::SeqCst),
            Self::Machine => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_secs()).unwrap_or_default()
            }
        }
    }

    /// Moves a virtual clock. The machine's clock cannot be moved, and then this says `false`.
    pub fn advance(&self, seconds: i64) -> bool {
        match self {
            Self::Virtual(now) => {
                now.fetch_add(seconds, Ordering::SeqCst);
                true
            }
            Self::Machine => false,
        }
    }

    /// Whether the clock can be moved.
    #[must_use]
    pub const fn is_virtual(&self) -> bool {
        matches!(self, Self::Virtual(_))
    }
}
