//! What a party writes down about its own work: times, parties, actions, reasons, MessageIDs. Never a number, a name, or
//! text of a peer.
//!
//! Each party has a log of its own, so that many can run in one process. What a peer chose freely is either known to us
//! (an action of the standard, an entity of the federation), of a harmless form (a UUID), or replaced by a digest.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use chukei_crypto::sha256;
use chukei_idwsf::Refusal;
use chukei_xml::lexical::DateTime;
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::clock::Clock;

/// Lines that are kept; older ones are dropped.
const KEPT: usize = 10_000;

/// A party's log.
#[derive(Clone)]
pub(crate) struct Log {
    dispatch: Dispatch,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Log {
    /// Lines are kept, and also written to standard error if `aloud`.
    pub(crate) fn new(party: &str, clock: Clock, aloud: bool) -> Self {
        let lines = Arc::default();
        let sink = Sink { party: party.to_owned(), lines: Arc::clone(&lines), aloud };
        let subscriber = tracing_subscriber::fmt()
            .with_timer(PartyTime(clock))
            .with_ansi(false)
            .with_target(false)
            .with_level(false)
            .with_writer(sink)
            .finish();
        Self { dispatch: Dispatch::new(subscriber), lines }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Something of our own, in fixed words.
    pub(crate) fn event(&self, what: &'static str) {
        dispatcher::with_default(&self.dispatch, || tracing::info!("{what}"));
    }

    /// Something of our own that did not succeed. Why is told in words that hold nothing of a message.
    pub(crate) fn trouble(&self, what: &'static str, why: &dyn fmt::Display) {
        dispatcher::with_default(&self.dispatch, || tracing::info!(%why, "{what}"));
    }

    /// The transport refused something by itself.
    pub(crate) fn transport(&self, refusal: &Refusal) {
        let (reason, sentence) = (refusal.reason(), refusal.sentence());
        dispatcher::with_default(
            &self.dispatch,
            || tracing::info!(%reason, sentence, "refused by transport"),
        );
    }

    /// A message was received and answered.
    pub(crate) fn received(&self, message: &Seen<'_>, status: u16, outcome: &dyn fmt::Display) {
        let Seen { action, peer, message_id } = message;
        let id = harmless(message_id.unwrap_or_default());
        dispatcher::with_default(
            &self.dispatch,
            || tracing::info!(action, peer, id, status, outcome = %outcome, "received"),
        );
    }

    /// A message was sent, and this became of it.
    pub(crate) fn sent(&self, message: &Seen<'_>, outcome: &dyn fmt::Display) {
        let Seen { action, peer, message_id } = message;
        let id = harmless(message_id.unwrap_or_default());
        dispatcher::with_default(
            &self.dispatch,
            || tracing::info!(action, peer, id, outcome = %outcome, "sent"),
        );
    }

    /// A mistake of a mock party: a number in the log.
    pub(crate) fn danger_number(&self, number: &str) {
        dispatcher::with_default(&self.dispatch, || tracing::info!(number, "looked up"));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

/// What is said about a message. Action and peer are names that we know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) action: &'a str,
    pub(crate) peer: &'a str,
    pub(crate) message_id: Option<&'a str>,
}

/// A MessageID as it may be written: a UUID as it is, of everything else a digest, for it may hold anything.
pub(crate) fn harmless(message_id: &str) -> String {
    let is_uuid = message_id.strip_prefix("urn:uuid:").is_some_and(|uuid| {
        uuid.len() == 36
            && uuid.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    });
    if is_uuid || message_id.is_empty() {
        return message_id.to_owned();
    }
    let digest = sha256(message_id.as_bytes());
    let digits: String = digest.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    format!("sha256:{digits}")
}

struct PartyTime(Clock);

impl FormatTime for PartyTime {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        w.write_str(&DateTime { seconds: self.0.now().0, nanoseconds: 0 }.format())
    }
}

#[derive(Clone)]
struct Sink {
    party: String,
    lines: Arc<Mutex<VecDeque<String>>>,
    aloud: bool,
}

/// Collects one line.
struct Line<'s> {
    sink: &'s Sink,
    octets: Vec<u8>,
}

impl<'s> MakeWriter<'s> for Sink {
    type Writer = Line<'s>;

    fn make_writer(&'s self) -> Self::Writer {
        Line { sink: self, octets: Vec::new() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.octets);
        let text = text.trim_end();
        if self.sink.aloud {
            // Nobody reads the log: no reason to stop working.
            let _ = writeln!(io::stderr(), "{}: {text}", self.sink.party);
        }
        let mut lines = self.sink.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use chukei_crypto::UnixTime;
    use chukei_reason::Reason;

    use super::*;

    fn log() -> Log {
        Log::new("insurer-b", Clock::fixed(UnixTime(1_790_000_000)), false)
    }

    #[test]
    fn a_line_says_when_what_and_how_it_ended() {
        let log = log();
        let id = "urn:uuid:01234567-89ab-4cde-8f01-23456789abcd";
        let seen =
            Seen { action: "LinkageQuery", peer: "https://insurer-a.example.test/", message_id: Some(id) };
        log.received(&seen, 200, &"OK");
        log.transport(&Refusal::new("transport.method.post", Reason::Http, "the method POST"));
        assert_eq!(
            log.lines(),
            [
                format!(
                    "2026-09-21T14:13:20Z received action=\"LinkageQuery\" peer=\"https://insurer-a.example.test/\" id=\"{id}\" status=200 outcome=OK"
                ),
                "2026-09-21T14:13:20Z refused by transport reason=Http sentence=\"transport.method.post\""
                    .to_owned(),
            ]
        );
        log.clear();
        assert!(log.lines().is_empty());
    }

    #[test]
    fn a_message_id_of_the_peers_own_making_is_not_repeated() {
        for evil in [
            "urn:x:港いろは１２３４",
            "a\r\nb",
            "urn:uuid:1234567890",
            "urn:uuid:0123456789abcdef0123456789abcdef\u{1b}[2J",
        ] {
            let log = log();
            log.sent(&Seen { action: "a", peer: "b", message_id: Some(evil) }, &"OK");
            let [line] = log.lines().try_into().unwrap();
            assert!(line.contains("id=\"sha256:") && !line.contains(evil), "{line}");
        }
    }

    #[test]
    fn old_lines_make_room() {
        let log = log();
        for _ in 0..=KEPT {
            log.event("started");
        }
        assert_eq!(log.lines().len(), KEPT);
    }
}
