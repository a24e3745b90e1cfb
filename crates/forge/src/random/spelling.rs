//! One meaning, many spellings: quotes, white space, references, sections, comments, line ends.

use super::Tape;

/// Texts that some reader has got wrong.
const TEXTS: &[&str] = &[
    "t",
    "adm",
    "港いろは１２３４",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\u{1F600}",
    "\u{10FFFD}",
    "e\u{301}",
    "\u{A0}",
    "\u{85}",
    "\u{2028}",
    "\u{FFFD}",
    "]",
    "]]",
    "\"",
    "'",
    "-",
    "=",
    "/",
    "\u{200B}",
    "\u{202E}",
    "\u{7F}",
    "@example.test",
];
const REFERENCES: &[&str] = &[
    "&amp;",
    "&lt;",
    "&gt;",
    "&quot;",
    "&apos;",
    "&#65;",
    "&#x41;",
    "&#xD;",
    "&#13;",
    "&#10;",
    "&#x9;",
    "&#x3042;",
    "&#x1F600;",
    "&#x10FFFF;",
    "&#00065;",
    "&#x85;",
    "&#60;",
    "&#38;",
    "&#x26;",
];

pub(super) struct Spelling {
    tape: Tape,
}

impl Spelling {
    pub(super) fn new(tape: Tape) -> Self {
        Self { tape }
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.tape.below(count)
    }

    /// Byte order mark, XML declaration, comments and white space.
    pub(super) fn prolog(&mut self) -> String {
        let mark = if self.below(20) == 1 { "\u{FEFF}" } else { "" };
        let declaration = match self.below(8) {
            1 => "<?xml version=\"1.0\"?>",
            2 => "<?xml version='1.0' encoding='UTF-8'?>",
            3 => "<?xml version=\"1.0\"\n encoding = \"utf-8\" ?>",
            _ => "",
        };
        format!("{mark}{declaration}{}", self.misc())
    }

    /// What may stand outside the root element.
    pub(super) fn misc(&mut self) -> String {
        match self.below(6) {
            1 => "\n".to_owned(),
            2 => self.comment(),
            3 => format!(" \r\n{}\t", self.comment()),
            _ => String::new(),
        }
    }

    /// White space, of which there may be none if it is optional.
    pub(super) fn space(&mut self, optional: bool) -> String {
        let spaces: &[&str] = if optional {
            &["", "", "", " ", "\n", "\t", "\r\n", "  "]
        } else {
            &[" ", " ", "\n", "\t ", "\r", "  "]
        };
        spaces[self.below(spaces.len())].to_owned()
    }

    /// An attribute with a value that is given.
    pub(super) fn attribute(&mut self, name: &str, value: &str) -> String {
        let mut spelled = String::new();
        for c in value.chars() {
            match c {
                '&' => spelled.push_str("&amp;"),
                '<' => spelled.push_str("&lt;"),
                '"' => spelled.push_str("&quot;"),
                '\'' => spelled.push_str("&#x27;"),
                c if self.below(30) == 1 => spelled.push_str(&format!("&#x{:x};", u32::from(c))),
                c => spelled.push(c),
            }
        }
        self.spelled_attribute(name, &spelled)
    }

    /// An attribute with a value that is spelled already, and holds no quotes.
    pub(super) fn spelled_attribute(&mut self, name: &str, value: &str) -> String {
        let quote = if self.below(2) == 0 { '"' } else { '\'' };
        let value = value.replace(quote, if quote == '"' { "&#34;" } else { "&apos;" });
        let (before, left, right) = (self.space(false), self.space(true), self.space(true));
        format!("{before}{name}{left}={right}{quote}{value}{quote}")
    }

    /// A value as it is spelled.
    pub(super) fn any_value(&mut self, name: &str) -> String {
        if name == "xml:lang" {
            return ["ja", "en", "ja-JP", ""][self.below(4)].to_owned();
        }
        if name == "xml:space" {
            return ["default", "preserve"][self.below(2)].to_owned();
        }
        let mut value = String::new();
        for _ in 0..self.below(5) {
            match self.below(4) {
                3 => value.push_str(REFERENCES[self.below(REFERENCES.len())]),
                2 => value.push('>'),
                _ => value.push_str(TEXTS[self.below(TEXTS.len())]),
            }
        }
        value
    }

    /// A text, a CDATA section, a comment or a reference, to be put behind `before`.
    pub(super) fn content(&mut self, before: &str) -> String {
        let piece = match self.below(8) {
            5 => self.section(),
            6 => self.comment(),
            7 | 4 => REFERENCES[self.below(REFERENCES.len())].to_owned(),
            3 => ">".to_owned(),
            _ => TEXTS[self.below(TEXTS.len())].to_owned(),
        };
        // Nothing that is put together here may spell the end of a section.
        let joined = [
            &before[before.len() - before.chars().rev().take(2).map(char::len_utf8).sum::<usize>()..],
            &piece,
        ];
        if piece.starts_with('>') && joined.concat().contains("]]>") { "&gt;".to_owned() } else { piece }
    }

    pub(super) fn shuffle(&mut self, parts: &mut [String]) {
        for index in (1..parts.len()).rev() {
            let other = index - self.below(index + 1);
            parts.swap(index, other);
        }
    }

    fn section(&mut self) -> String {
        let pieces = ["", "<&", "]]", "<a>", "&amp;", "港", "\r\n", "]", ">", "<!--"];
        let mut text = String::new();
        for _ in 0..self.below(4) {
            text.push_str(pieces[self.below(pieces.len())]);
        }
        let text = if text.contains("]]>") { text.replace('>', "") } else { text };
        format!("<![CDATA[{text}]]>")
    }

    fn comment(&mut self) -> String {
        let pieces = ["", " c ", "<a>", "&amp;", "港", "- ", "\r", "]]>", "x=\"1\""];
        format!("<!--{}-->", pieces[self.below(pieces.len())])
    }
}
