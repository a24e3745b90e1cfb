//! The frame of a file: header, parties, columns, rows, trailer. What is checked here is whether the file is whole, and
//! whether it is the one that is due (R-238, R-240).

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use chukei_crypto::sha256;
use chukei_relay::changes::Change;
use chukei_relay::numbers::{Level, NumberKind, is_municipality, party_code};

use crate::csv::fields;
use crate::fields::{Cell, Place, Row};
use crate::layout::{Columns, Layout, Parties, Reading};
use crate::report::{Cause, Finding};
use crate::text::{characters, decoded};
use crate::xml;

/// Name and version of the format.
const FORMAT: [&str; 2] = ["chukei-import", "1"];
/// Notes that are kept; a register exported in full-width has one on every row.
const NOTES: usize = 1000;

/// How characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// Shift_JIS as Windows writes it (CP932).
    ShiftJis,
}

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// How its characters are written.
    pub encoding: Encoding,
    /// Name of the source.
    pub source: String,
    /// Code of the municipality, if it is one's.
    pub town: Option<String>,
    /// Its place among the source's files, from 1.
    pub sequence: i64,
    /// What its rows are.
    pub layout: Layout,
    /// Digest of the file before it; `None` for the first.
    pub previous: Option<[u8; 32]>,
}

/// The file that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected<'e> {
    /// Name of the source.
    pub source: &'e str,
    /// Its town.
    pub town: Option<&'e str>,
    /// The file's place.
    pub sequence: i64,
    /// Digest of the file before it.
    pub previous: Option<[u8; 32]>,
}

/// A whole file: nothing of it is cut off, added or changed since its trailer was written.
#[derive(Clone, Debug)]
pub struct File {
    pub(crate) octets: Arc<Vec<u8>>,
    pub(crate) header: Header,
    pub(crate) parties: Parties,
    /// Codes of parties, and where they are declared.
    declared: Vec<(String, Finding)>,
    body: Body,
    rows: u64,
    digest: [u8; 32],
    notes: Arc<Mutex<Notes>>,
}

#[derive(Clone, Debug)]
enum Body {
    Csv { columns: Columns, data: Range<usize>, line: u64 },
    Xml(Arc<chukei_xml::Document>),
}

/// What was looked at and taken.
#[derive(Debug, Default)]
struct Notes {
    listed: Vec<Finding>,
    more: u64,
}

/// The changes of a file, in its order.
pub struct Changes {
    file: File,
    at: usize,
    line: u64,
    reading: Reading,
    waiting: std::vec::IntoIter<Result<Change, Finding>>,
    is_over: bool,
}

impl Encoding {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "UTF-8" => Some(Self::Utf8),
            "Shift_JIS" => Some(Self::ShiftJis),
            _ => None,
        }
    }
}

impl Header {
    /// The values of a header, whichever way it is written; or which of them is wrong, and how.
    pub(crate) fn read(
        [encoding, source, town, sequence, layout, previous]: [&str; 6],
    ) -> Result<Self, (usize, Cause)> {
        let is_digits =
            (1..=18).contains(&sequence.len()) && sequence.bytes().all(|octet| octet.is_ascii_digit());
        let number = sequence.parse().ok().filter(|sequence| is_digits && *sequence > 0);
        let town = Some(town).filter(|town| !town.is_empty());
        let is_town = town.is_none_or(is_municipality);
        let before = if previous.is_empty() { Some(None) } else { digest_of(previous).map(Some) };
        Ok(Self {
            encoding: Encoding::from_name(encoding).ok_or((0, Cause::HeaderEncoding))?,
            source: Some(source).filter(|name| !name.is_empty()).ok_or((1, Cause::HeaderSource))?.to_owned(),
            town: is_town.then(|| town.map(str::to_owned)).ok_or((2, Cause::HeaderTown))?,
            sequence: number.ok_or((3, Cause::HeaderSequence))?,
            layout: Layout::from_name(layout).ok_or((4, Cause::HeaderLayout))?,
            previous: before.ok_or((5, Cause::HeaderPrevious))?,
        })
    }
}

impl File {
    /// Reads the frame of a file, in CSV or XML.
    ///
    /// # Errors
    /// What is wrong with the frame: the header, the parties, the columns, the count, the digest.
    pub fn open(octets: Vec<u8>) -> Result<Self, Finding> {
        let start = if octets.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        if octets.get(start..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"<")) {
            return Self::open_xml(octets);
        }
        Self::open_csv(octets, start)
    }

    fn open_csv(octets: Vec<u8>, start: usize) -> Result<Self, Finding> {
        let mut lines = Lines { octets: &octets, at: start, line: 0 };
        // Only the trailer may be without a line end.
        let is_cut =
            |raw: &[u8], at: usize| octets.get(at.saturating_add(raw.len())..).is_none_or(<[u8]>::is_empty);
        let (_, first, at) = lines.next().unwrap_or((1, &[], start));
        let header = header(first, is_cut(first, at))?;
        let encoding = header.encoding;
        if start > 0 && encoding != Encoding::Utf8 {
            return Err(Finding { line: 1, column: 1, cause: Cause::Encoding });
        }

        let mut parties = Parties::default();
        let mut declared = Vec::new();
        let columns = loop {
            let line = lines.line;
            let whole = lines.next().filter(|(_, raw, at)| !is_cut(raw, *at));
            let Some((line, raw, _)) = whole else {
                return Err(Finding { line: line.max(lines.line), column: 1, cause: Cause::Truncated });
            };
            let row = record(raw, line, encoding)?;
            match row.texts().as_slice() {
                ["P", name, code, rest @ ..] => {
                    let kind = rest.first().copied().filter(|kind| !kind.is_empty());
                    parties.declare(name, code, kind).map_err(|(at, cause)| row.finding(at, cause))?;
                    declared.push((party_code(code), row.finding(2, Cause::Party)));
                }
                ["C", ..] => break Columns::read(header.layout, &row)?,
                _ => return Err(row.finding(0, Cause::Line)),
            }
        };

        let (first, line) = (lines.at, lines.line);
        let (mut rows, mut trailer) = (0_u64, None);
        for (line, raw, at) in lines {
            if trailer.is_some() {
                return Err(Finding { line, column: 1, cause: Cause::After });
            }
            match raw {
                [b'D', b',', ..] => rows = rows.saturating_add(1),
                [b'T', b',', ..] => trailer = Some((line, raw, at)),
                _ if is_cut(raw, at) => return Err(Finding { line, column: 1, cause: Cause::Truncated }),
                _ => return Err(Finding { line, column: 1, cause: Cause::Line }),
            }
        }
        let last = line.saturating_add(rows);
        let (line, raw, at) = trailer.ok_or(Finding { line: last, column: 1, cause: Cause::Truncated })?;
        let row = record(raw, line, encoding)?;
        let (said, digest) = match row.texts().as_slice() {
            ["T", count, digest] => (count.parse().ok(), digest_of(digest)),
            _ => (None, None),
        };
        // A trailer of which a part is missing is one that was cut.
        let said: u64 = said.ok_or_else(|| row.finding(0, Cause::Truncated))?;
        let digest = digest.ok_or_else(|| row.finding(0, Cause::Truncated))?;
        if said != rows {
            return Err(row.finding(1, Cause::Count { said, found: rows }));
        }
        if sha256(octets.get(..at).unwrap_or_default()) != digest {
            return Err(row.finding(2, Cause::Digest));
        }
        let body = Body::Csv { columns, data: first..at, line: last.saturating_sub(rows) };
        let (octets, notes) = (Arc::new(octets), Arc::default());
        Ok(Self { octets, header, parties, declared, body, rows, digest, notes })
    }

    fn open_xml(octets: Vec<u8>) -> Result<Self, Finding> {
        let xml::Frame { document, header, parties, declared, rows, digest } = xml::open(&octets)?;
        let body = Body::Xml(Arc::new(document));
        let (octets, notes) = (Arc::new(octets), Arc::default());
        Ok(Self { octets, header, parties, declared, body, rows, digest, notes })
    }

    /// What it says about itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Line and column that declare the party of this code, if one does.
    #[must_use]
    pub fn declares(&self, code: &str) -> Option<(u64, u64)> {
        let found = self.declared.iter().find(|(known, _)| known == code);
        found.map(|(_, place)| (place.line, place.column))
    }

    /// Its rows.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Its digest, which the next file of the source names.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether it is the file that is due.
    #[must_use]
    pub fn check(&self, expected: &Expected<'_>) -> Vec<Finding> {
        let Header { source, town, sequence, previous, .. } = &self.header;
        let (due, found) = (expected.sequence, *sequence);
        let mut causes = Vec::new();
        if source != expected.source {
            causes.push(Cause::Source);
        }
        if town.as_deref() != expected.town {
            causes.push(Cause::Town);
        }
        match found.cmp(&due) {
            std::cmp::Ordering::Less => causes.push(Cause::Repeated { due, found }),
            std::cmp::Ordering::Greater => causes.push(Cause::Lost { due, found }),
            std::cmp::Ordering::Equal if *previous != expected.previous => causes.push(Cause::Chain),
            std::cmp::Ordering::Equal => {}
        }
        causes.into_iter().map(|cause| Finding { line: 1, column: 1, cause }).collect()
    }

    /// Its changes, from the first one.
    #[must_use]
    pub fn changes(&self, level: Level) -> Changes {
        *self.notes.lock().unwrap_or_else(PoisonError::into_inner) = Notes::default();
        let (at, line, columns) = match &self.body {
            Body::Csv { columns, data, line } => (data.start, *line, columns.clone()),
            Body::Xml(_) => (0, 0, Columns::default()),
        };
        let mut reading = Reading::new(self.header.layout, columns, self.parties.clone(), level);
        let waiting = match &self.body {
            Body::Csv { .. } => Vec::new(),
            Body::Xml(document) => xml::changes(document, &mut reading),
        };
        let is_over = matches!(self.body, Body::Xml(_));
        let mut changes =
            Changes { file: self.clone(), at, line, reading, waiting: waiting.into_iter(), is_over };
        changes.note();
        changes
    }

    /// What was to be looked at in the changes that were given last, and how many more there were.
    #[must_use]
    pub fn notes(&self) -> (Vec<Finding>, u64) {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        (notes.listed.clone(), notes.more)
    }
}

impl Changes {
    /// Keeps what was noted.
    fn note(&mut self) {
        if self.reading.notes.is_empty() {
            return;
        }
        let mut kept = self.file.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for note in self.reading.notes.drain(..) {
            if kept.listed.len() < NOTES {
                kept.listed.push(note);
            } else {
                kept.more = kept.more.saturating_add(1);
            }
        }
    }

    /// The next row of a file in CSV; nothing at its end.
    fn read_row(&mut self) -> Option<Result<Option<Change>, Finding>> {
        let Body::Csv { data, .. } = &self.file.body else { return None };
        let octets = Arc::clone(&self.file.octets);
        let rows = octets.get(..data.end)?;
        let mut lines = Lines { octets: rows, at: self.at, line: self.line };
        let (line, raw, _) = lines.next()?;
        (self.at, self.line) = (lines.at, line);
        Some(record(raw, line, self.file.header.encoding).and_then(|row| self.reading.row(&row)))
    }
}

impl Iterator for Changes {
    type Item = Result<Change, Finding>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(change) = self.waiting.next() {
            return Some(change);
        }
        while !self.is_over {
            let read = match self.read_row() {
                Some(read) => read.transpose(),
                None => {
                    self.is_over = true;
                    self.reading.finish()
                }
            };
            self.note();
            if read.is_some() {
                return read;
            }
        }
        None
    }
}

/// Lines with their numbers and where they begin; LF or CRLF ends one.
struct Lines<'o> {
    octets: &'o [u8],
    at: usize,
    line: u64,
}

impl<'o> Iterator for Lines<'o> {
    type Item = (u64, &'o [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.octets.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        let begin = self.at;
        self.at = self.at.saturating_add(end).saturating_add(1);
        self.line = self.line.saturating_add(1);
        Some((self.line, line.strip_suffix(b"\r").unwrap_or(line), begin))
    }
}

/// A line as cells of text.
fn record(raw: &[u8], line: u64, encoding: Encoding) -> Result<Row<'_>, Finding> {
    let column = |at: usize| {
        let before = characters(raw.get(..at).unwrap_or(raw), encoding);
        u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
    };
    let cut = fields(raw).map_err(|(at, cause)| Finding { line, column: column(at), cause })?;
    let mut cells = Vec::with_capacity(cut.len());
    for (at, field) in cut {
        let wrong = || Finding { line, column: column(at), cause: Cause::Encoding };
        let text = match field {
            std::borrow::Cow::Borrowed(octets) => decoded(octets, encoding).ok_or_else(wrong)?,
            std::borrow::Cow::Owned(octets) => {
                decoded(&octets, encoding).ok_or_else(wrong)?.into_owned().into()
            }
        };
        cells.push(Cell { text, place: Place::Octet(at) });
    }
    Ok(Row { line, raw, encoding, cells })
}

/// A header line: plain ASCII, whatever the encoding of the rest.
fn header(line: &[u8], is_cut: bool) -> Result<Header, Finding> {
    let at = |at: usize, cause| {
        Err(Finding { line: 1, column: u64::try_from(at).unwrap_or(u64::MAX).saturating_add(1), cause })
    };
    let begin = [b"H,", FORMAT[0].as_bytes(), b","].concat();
    let is_ours = line.starts_with(&begin);
    if is_cut && (is_ours || begin.starts_with(line)) {
        return at(0, Cause::Truncated);
    }
    if !is_ours {
        return at(0, Cause::Header);
    }
    if let Some(place) = line.iter().position(|octet| !octet.is_ascii()) {
        return at(place, Cause::HeaderText);
    }
    let cut = match fields(line) {
        Ok(cut) => cut,
        Err((place, cause)) => return at(place, cause),
    };
    let place = |field: usize| cut.get(field).map_or(0, |(at, _)| *at);
    let texts: Vec<&str> =
        cut.iter().map(|(_, field)| std::str::from_utf8(field).unwrap_or_default()).collect();
    match texts.as_slice() {
        [_, _, version, ..] if *version != FORMAT[1] => at(place(2), Cause::HeaderVersion),
        [_, _, _, values @ ..] => match <[&str; 6]>::try_from(values) {
            Ok(values) => {
                Header::read(values).or_else(|(field, cause)| at(place(field.saturating_add(3)), cause))
            }
            Err(_) => at(0, Cause::HeaderFields { due: 9, found: texts.len() }),
        },
        _ => at(0, Cause::HeaderFields { due: 9, found: texts.len() }),
    }
}

/// 64 hexadecimal digits.
pub(crate) fn digest_of(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, at) in digest.iter_mut().zip((0_usize..).step_by(2)) {
        *octet = u8::from_str_radix(text.get(at..at.checked_add(2)?)?, 16).ok()?;
    }
    Some(digest)
}

impl Parties {
    /// A line or element that says who assigned the numbers of a group of columns, and which kind they are; or which of its
    /// fields is wrong, from 1.
    pub(crate) fn declare(
        &mut self,
        name: &str,
        code: &str,
        kind: Option<&str>,
    ) -> Result<(), (usize, Cause)> {
        if name.is_empty() {
            return Err((1, Cause::Empty));
        }
        if code.is_empty() {
            return Err((2, Cause::Empty));
        }
        let kind = kind.map(|kind| NumberKind::from_name(kind).ok_or((3, Cause::Kind))).transpose()?;
        match self.0.insert(name.to_owned(), (party_code(code), kind)) {
            None => Ok(()),
            Some(_) => Err((1, Cause::DeclaredTwice)),
        }
    }
}
