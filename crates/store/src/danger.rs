//! Places where a process stands still, to be killed there by the crash tests.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

static WANTED: Mutex<Option<&'static str>> = Mutex::new(None);
static PASSES: AtomicU64 = AtomicU64::new(0);

/// Every place, in the order in which an entry and a checkpoint come by. `answered` is the caller's, after
/// [`append`](chukei_relay::AccessLog::append) has returned and before anybody is told.
pub const POINTS: [&str; 8] =
    ["appended", "committed", "answered", "paged", "headed", "tiled", "signed", "destroyed"];

/// Lets the process stand still at the `pass`-th time that it comes by this place, from 1.
pub fn stop_at(point: &'static str, pass: u64) {
    *WANTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(point);
    PASSES.store(pass, Ordering::SeqCst);
}

/// A place. Says `standing at NAME` on standard output when it stops here.
pub fn point(name: &str) {
    let is_wanted = *WANTED.lock().unwrap_or_else(PoisonError::into_inner) == Some(name);
    if is_wanted && PASSES.fetch_sub(1, Ordering::SeqCst) == 1 {
        // Whoever waits for this line waits for ever if it cannot be written; so does this thread.
        let _ = std::io::stdout().lock().write_all(format!("standing at {name}\n").as_bytes());
        loop {
            std::thread::park();
        }
    }
}
