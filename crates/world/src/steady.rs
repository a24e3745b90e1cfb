//! Whether the clock can be relied upon to say what is past.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chukei_crypto::UnixTime;

/// For how long a clock has to agree with the time that passes.
const AGREED: Duration = Duration::from_secs(600);
/// Seconds by which it may differ: it is set a little now and then.
const APART: i64 = 300;

/// When the clock was last seen to jump, and what it said then. A clock that is ahead for a moment (a machine that was resumed, a
/// wrong time server) would else have everything forgotten that must not be used twice.
#[derive(Debug, Default)]
pub(crate) struct Steady(Mutex<Option<(Instant, UnixTime)>>);

impl Steady {
    /// Whether the clock, which says `now` at this `moment`, has gone on as time does for ten minutes.
    pub(crate) fn holds(&self, now: UnixTime, moment: Instant) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = since.map(|(then, said)| (moment.saturating_duration_since(then), said));
        let agrees = |(passed, said): &(Duration, UnixTime)| {
            let expected = said.0.saturating_add(i64::try_from(passed.as_secs()).unwrap_or(i64::MAX));
            expected.abs_diff(now.0) <= APART.unsigned_abs()
        };
        match passed.filter(agrees) {
            Some((passed, _)) => passed >= AGREED,
            None => {
                *since = Some((moment, now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_says_nothing_for_ten_minutes() {
        let steady = Steady::default();
        let start = Instant::now();
        let at = |ahead: i64, seconds: u64| {
            let now = UnixTime(1_790_000_000 + ahead + i64::try_from(seconds).unwrap());
            steady.holds(now, start + Duration::from_secs(seconds))
        };
        assert!(!at(0, 0));
        assert!(!at(0, 599));
        assert!(at(0, 600));
        assert!(at(300, 700), "set a little");
        // Two hours ahead for a moment, and back: neither counts before it has lasted.
        assert!(!at(7200, 701));
        assert!(!at(7200, 800));
        assert!(!at(0, 801));
        assert!(!at(0, 1400));
        assert!(at(0, 1401));
        // Whoever sets it right for good is believed after ten minutes.
        assert!(!at(-7200, 1500));
        assert!(at(-7200, 2100));
    }
}
