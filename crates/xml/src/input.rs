//! First pass over the bytes: UTF-8, characters and line ends. After it no other code thinks about these.

use std::ops::Range;

use chukei_reason::Reason;
use memchr::memchr;

use crate::{
    budget::Budget,
    chars,
    error::{Position, XmlError},
};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The text of a document with line ends normalised (XML 1.0 §2.11), and the way back to the bytes as they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    pub(crate) text: String,
    /// 3 if a byte order mark was cut off.
    offset: usize,
    /// Offsets in `text` of every LF that was CRLF. CR alone became LF without a change of length.
    shortened: Vec<u32>,
}

impl Input {
    /// A text that needs no first pass.
    pub(crate) fn written(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    pub(crate) fn read(mut bytes: Vec<u8>, budget: &mut Budget) -> Result<Self, XmlError> {
        let start = Position { line: 1, column: 1, span: 0..bytes.len() };
        budget
            .pay_bytes(bytes.len())
            .map_err(|kind| XmlError::new(Reason::Limit(kind), "a smaller message", start.clone()))?;
        if matches!(bytes.get(..2), Some([0xFE, 0xFF] | [0xFF, 0xFE] | [0, _] | [b'<', 0])) {
            return Err(XmlError::new(Reason::Encoding, "UTF-8", start));
        }
        let offset = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        bytes.drain(..offset);
        let mut input = match String::from_utf8(bytes) {
            Ok(text) => Self { text, offset, shortened: Vec::new() },
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let bad = error.utf8_error().error_len().unwrap_or(1);
                let text =
                    String::from_utf8_lossy(error.as_bytes().get(..at).unwrap_or_default()).into_owned();
                let input = Self { text, offset, shortened: Vec::new() };
                return Err(input.error(Reason::Encoding, "UTF-8", at..at.saturating_add(bad)));
            }
        };
        if let Some(at) = chars::forbidden(input.text.as_bytes()) {
            return Err(input.error(Reason::Char, "a character that XML 1.0 allows", at..at + 1));
        }
        if memchr(b'\r', input.text.as_bytes()).is_some() {
            input.normalise_line_ends();
        }
        Ok(input)
    }

    fn normalise_line_ends(&mut self) {
        let old = std::mem::take(&mut self.text);
        self.text.reserve(old.len());
        let mut pieces = old.split('\r');
        self.text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            if piece.starts_with('\n') {
                self.shortened.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
            } else {
                self.text.push('\n');
            }
            self.text.push_str(piece);
        }
    }

    #[cold]
    pub(crate) fn error(
        &self,
        reason: Reason,
        expected: impl Into<std::borrow::Cow<'static, str>>,
        span: Range<usize>,
    ) -> XmlError {
        XmlError::new(reason, expected, self.position(span))
    }

    /// Line, column and span in the bytes as they came, of a span of `text`.
    pub(crate) fn position(&self, span: Range<usize>) -> Position {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        // CR stands here only while line ends are not yet normalised; before LF it is part of one line end.
        let ends = |at: &usize| match before.get(*at) {
            Some(b'\n') => true,
            Some(b'\r') => self.text.as_bytes().get(at.saturating_add(1)) != Some(&b'\n'),
            _ => false,
        };
        let line = (0..before.len()).filter(ends).count().saturating_add(1);
        let last = (0..before.len()).rfind(ends).map_or(0, |at| at.saturating_add(1));
        let last = before.get(last..).unwrap_or_default();
        // Octets that are not continuation octets of UTF-8.
        let column = last.iter().filter(|b| **b & 0xC0 != 0x80).count().saturating_add(1);
        let original = |offset: usize| {
            let removed = self.shortened.partition_point(|at| (*at as usize) < offset);
            offset.saturating_add(removed).saturating_add(self.offset)
        };
        Position { line, column, span: original(span.start)..original(span.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Input, XmlError> {
        Input::read(bytes.to_vec(), &mut Budget::default())
    }

    #[test]
    fn places_are_those_of_the_bytes_as_they_came() {
        let input = read(b"\xEF\xBB\xBFa\r\nb\r\xE3\x81\x82c").unwrap();
        assert_eq!(input.text, "a\nb\nあc");
        // `c` stands after the mark (3), a CR LF (3), b CR (2), あ (3).
        let position = input.position(7..8);
        assert_eq!((position.line, position.column, position.span), (3, 2, 11..12));
    }

    #[test]
    fn characters() {
        for bad in ["a\0", "\u{1}", "\u{FEFF}\u{FEFF}", "x\u{FFFE}", "\u{FFFF}", "\u{1F}"] {
            assert_eq!(read(bad.as_bytes()).unwrap_err().reason(), Reason::Char, "{bad:?}");
        }
        for good in ["\u{FEFF}a", "１２３４\u{FFFD}", "\t\n\r", "\u{7F}\u{85}\u{10FFFF}"] {
            assert!(read(good.as_bytes()).is_ok(), "{good:?}");
        }
    }
}
