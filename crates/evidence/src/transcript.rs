//! The transcript: header, events, footer, one JSON object a line, each with the hash of the line before it.

use std::{fmt, io, ops::Range};

use serde::{Deserialize, Serialize};

use crate::{Event, Header, What, sha256_hex};

/// Version of the line format.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    transcript: u32,
    header: Header,
}

#[derive(Serialize)]
struct Line<'a> {
    prev: &'a str,
    seq: u32,
    at: i64,
    what: &'a What,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnedLine {
    prev: String,
    #[serde(default)]
    footer: Option<Footer>,
    seq: Option<u32>,
    at: Option<i64>,
    what: Option<What>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    events: u32,
}

#[derive(Serialize)]
struct Last<'a> {
    prev: &'a str,
    footer: Footer,
}

/// A recorded run. Without a footer it is not [`complete`](Transcript::complete) and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    header: Header,
    events: Vec<Event>,
    complete: bool,
    bytes: Vec<u8>,
}

/// Why a transcript cannot be used: the line, from 1, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFault {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: ChainError,
}

/// What can be wrong with a line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainError {
    /// Not JSON of the expected shape; the parser's words.
    Shape(String),
    /// A format that this version does not read.
    Format(u32),
    /// `prev` is not the hash of the line before.
    Hash,
    /// `seq` is not one more than before.
    Sequence {
        /// The number that had to come.
        expected: u32,
        /// The number that came.
        found: u32,
    },
    /// The same content could be written otherwise: white space, order, escapes or an unknown field.
    Form,
    /// A case begins inside another, ends without having begun, or is still open in the footer.
    Case(String),
    /// The footer counts other than the lines.
    Count {
        /// Events there are.
        expected: u32,
        /// What the footer says.
        found: u32,
    },
    /// Something follows the footer.
    AfterFooter,
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(why) => write!(f, "not a line of a transcript: {why}"),
            Self::Format(found) => write!(f, "format {found}, and this reads {FORMAT}"),
            Self::Hash => f.write_str("its prev is not the hash of the line before"),
            Self::Sequence { expected, found } => write!(f, "event {found} where event {expected} follows"),
            Self::Form => f.write_str("not in the one form in which it is written"),
            Self::Case(case) => write!(f, "case {case:?} begins or ends in the wrong place"),
            Self::Count { expected, found } => {
                write!(f, "the footer counts {found} events, there are {expected}")
            }
            Self::AfterFooter => f.write_str("stands after the footer"),
        }
    }
}

impl std::error::Error for ChainFault {}

impl Transcript {
    /// Reads a transcript and checks the chain, the numbers, the brackets of the cases and the form of every line.
    ///
    /// A transcript without a footer is read as far as whole lines go, and is not [`complete`](Self::complete).
    ///
    /// # Errors
    /// The first line that is wrong, and how.
    pub fn read(bytes: &[u8]) -> Result<Self, ChainFault> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..);
        let (first, _) = lines.next().unwrap_or_default();
        let fault = |line, what| ChainFault { line, what };
        let opening: First = parse(first, 1)?;
        if opening.transcript != FORMAT {
            return Err(fault(1, ChainError::Format(opening.transcript)));
        }
        let mut recorder =
            Recorder::new(opening.header, None).map_err(|e| fault(1, ChainError::Shape(e.to_string())))?;
        if recorder.bytes != first {
            return Err(fault(1, ChainError::Form));
        }
        for (raw, number) in lines {
            if raw.last() != Some(&b'\n') {
                // Cut inside a line: as if the line had not been written.
                break;
            }
            let line: OwnedLine = parse(raw, number)?;
            if line.prev != recorder.prev {
                return Err(fault(number, ChainError::Hash));
            }
            if let Some(footer) = line.footer {
                let expected = recorder.next - 1;
                if footer.events != expected {
                    return Err(fault(number, ChainError::Count { expected, found: footer.events }));
                }
                let length = recorder.bytes.len();
                let read = recorder.finish().map_err(|e| fault(number, ChainError::Case(e.to_string())))?;
                if read.bytes.get(length..) != Some(raw) {
                    return Err(fault(number, ChainError::Form));
                }
                if read.bytes.len() != bytes.len() {
                    return Err(fault(number + 1, ChainError::AfterFooter));
                }
                return Ok(read);
            }
            let (Some(seq), Some(at), Some(what)) = (line.seq, line.at, line.what) else {
                return Err(fault(number, ChainError::Shape("neither an event nor a footer".into())));
            };
            if seq != recorder.next {
                return Err(fault(number, ChainError::Sequence { expected: recorder.next, found: seq }));
            }
            let length = recorder.bytes.len();
            recorder.record(at, what).map_err(|e| fault(number, ChainError::Case(e.to_string())))?;
            if recorder.bytes.get(length..) != Some(raw) {
                return Err(fault(number, ChainError::Form));
            }
        }
        Ok(recorder.stop())
    }

    /// What run it was.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What happened.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The event with this number.
    #[must_use]
    pub fn event(&self, seq: u32) -> Option<&Event> {
        self.events.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// Whether the run came to its end.
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.complete
    }

    /// The lines as they are stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Every run of every case in order, each as the range of its events.
    #[must_use]
    pub fn cases(&self) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        let mut start = None;
        for (index, event) in self.events.iter().enumerate() {
            match &event.what {
                What::CaseStart { case, .. } => start = Some((index, case)),
                What::CaseEnd { .. } => {
                    if let Some((from, case)) = start.take() {
                        let before = runs.iter().filter(|run| run.case == *case).count();
                        let repeat = u32::try_from(before).unwrap_or(u32::MAX);
                        runs.push(Run { case, repeat, events: from..index + 1 });
                    }
                }
                _ => {}
            }
        }
        runs
    }
}

/// One run of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<'t> {
    /// The case.
    pub case: &'t str,
    /// How often the case had run before in this transcript.
    pub repeat: u32,
    /// Its events, as indices into [`Transcript::events`].
    pub events: Range<usize>,
}

fn parse<'de, T: Deserialize<'de>>(line: &'de [u8], number: usize) -> Result<T, ChainFault> {
    serde_json::from_slice(line)
        .map_err(|error| ChainFault { line: number, what: ChainError::Shape(error.to_string()) })
}

/// Writes a transcript, append-only: to memory, and line by line to a sink, so that an interrupted run leaves
/// everything up to the interruption, and no footer.
pub struct Recorder {
    header: Header,
    events: Vec<Event>,
    bytes: Vec<u8>,
    prev: String,
    next: u32,
    open: Option<String>,
    sink: Option<Box<dyn io::Write + Send>>,
}

/// Why an event was not recorded.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordError {
    /// The sink failed: disk full, read-only, …
    Io(io::Error),
    /// A case begins inside another, ends without having begun, or is still open at the end.
    Case(String),
    /// More than 4,294,967,295 events.
    Full,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the transcript cannot be written: {error}"),
            Self::Case(case) => f.write_str(case),
            Self::Full => f.write_str("too many events"),
        }
    }
}

impl std::error::Error for RecordError {}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("events", &self.events.len())
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Begins a transcript; `sink` gets every line as it is recorded.
    ///
    /// # Errors
    /// The sink fails.
    pub fn new(header: Header, sink: Option<Box<dyn io::Write + Send>>) -> Result<Self, RecordError> {
        let first = First { transcript: FORMAT, header };
        let mut recorder = Self {
            header: Header::default(),
            events: Vec::new(),
            bytes: Vec::new(),
            prev: String::new(),
            next: 1,
            open: None,
            sink,
        };
        recorder.append(&first)?;
        recorder.header = first.header;
        Ok(recorder)
    }

    /// Appends an event and returns its number. `at` is the run's virtual time in seconds since 1970.
    ///
    /// # Errors
    /// The sink fails, or a case begins or ends out of turn. Nothing is recorded then.
    pub fn record(&mut self, at: i64, what: What) -> Result<u32, RecordError> {
        let seq = self.next;
        let next = seq.checked_add(1).ok_or(RecordError::Full)?;
        let open = match &what {
            What::CaseStart { case, .. } if self.open.is_none() => Some(case.clone()),
            What::CaseEnd { case } if self.open.as_ref() == Some(case) => None,
            What::CaseStart { case, .. } | What::CaseEnd { case } => {
                return Err(RecordError::Case(case.clone()));
            }
            _ => self.open.clone(),
        };
        let prev = std::mem::take(&mut self.prev);
        let appended = self.append(&Line { prev: &prev, seq, at, what: &what });
        if appended.is_err() {
            self.prev = prev;
        }
        appended?;
        self.open = open;
        self.next = next;
        self.events.push(Event { seq, at, what });
        Ok(seq)
    }

    /// The events so far.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What run it is.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Writes the footer: the run came to its end.
    ///
    /// # Errors
    /// The sink fails, or a case is still open.
    pub fn finish(mut self) -> Result<Transcript, RecordError> {
        if let Some(open) = self.open.take() {
            return Err(RecordError::Case(open));
        }
        let prev = std::mem::take(&mut self.prev);
        self.append(&Last { prev: &prev, footer: Footer { events: self.next - 1 } })?;
        if let Some(sink) = &mut self.sink {
            sink.flush()?;
        }
        Ok(Transcript { complete: true, ..self.stop() })
    }

    /// Stops without a footer: what there is, marked as incomplete.
    #[must_use]
    pub fn stop(self) -> Transcript {
        Transcript { header: self.header, events: self.events, complete: false, bytes: self.bytes }
    }

    fn append<T: Serialize>(&mut self, line: &T) -> Result<(), RecordError> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        text.push(b'\n');
        if let Some(sink) = &mut self.sink {
            sink.write_all(&text)?;
        }
        self.prev = sha256_hex(&text);
        self.bytes.extend_from_slice(&text);
        Ok(())
    }
}
