//! A row of a file, as cells of text that know their place.

use std::borrow::Cow;

use crate::file::Encoding;
use crate::report::{Cause, Finding};
use crate::text::characters;

/// Where a cell stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// So many octets from the start of its line.
    Octet(usize),
    /// A line and a column of a file in XML.
    At(u64, u64),
}

/// A cell.
#[derive(Debug)]
pub(crate) struct Cell<'r> {
    pub(crate) text: Cow<'r, str>,
    pub(crate) place: Place,
}

/// A row.
#[derive(Debug)]
pub(crate) struct Row<'r> {
    pub(crate) line: u64,
    pub(crate) raw: &'r [u8],
    pub(crate) encoding: Encoding,
    pub(crate) cells: Vec<Cell<'r>>,
}

impl Row<'_> {
    /// The text of each cell.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.cells.iter().map(|cell| cell.text.as_ref()).collect()
    }

    /// The text of a cell; nothing where there is none or it is empty.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        self.cells.get(at).map(|cell| cell.text.as_ref()).filter(|text| !text.is_empty())
    }

    /// A finding about a cell, or the row where there is no such cell.
    pub(crate) fn finding(&self, at: usize, cause: Cause) -> Finding {
        let (line, column) = match self.cells.get(at).map(|cell| cell.place) {
            None => (self.line, 1),
            Some(Place::At(line, column)) => (line, column),
            Some(Place::Octet(at)) => {
                let before = characters(self.raw.get(..at).unwrap_or(self.raw), self.encoding);
                (self.line, u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1))
            }
        };
        Finding { line, column, cause }
    }
}
