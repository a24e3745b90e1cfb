//! The grammar of XML 1.0 over quick-xml's tokens.
//!
//! quick-xml's parsers say where a comment, an instruction or a tag ends. Everything inside is checked here, on spans of
//! our own source. A start tag that is sound ends where its grammar ends, so quick-xml is asked about it only when it is
//! not; that both agree is asserted wherever debug assertions are on, in tests and fuzzing.

use std::ops::Range;

use chukei_reason::{LimitKind, Reason};
use memchr::{memchr, memchr2, memchr3, memmem};
use quick_xml::parser::{CommentParser, ElementParser, Parser, PiParser};

use crate::{
    budget::{Budget, within},
    build::{Builder, Failure, Outcome, over, refuse},
    chars::{self, TEXT_SPECIAL, VALUE_SPECIAL, is_space},
    document::{AttributeData, QName, Slice, Tree, offset},
};

/// Parses normalised source.
pub(crate) fn parse(source: &str, budget: &mut Budget) -> Outcome<Tree> {
    let mut tokens = Tokens { source, builder: Builder::new(source, budget) };
    let mut at = 0;
    while at < source.len() {
        at = match tokens.byte(at) {
            b'<' => tokens.markup(at)?,
            b'&' => tokens.reference(at)?,
            _ => tokens.text(at)?,
        };
    }
    tokens.builder.finish().map(|(_, tree)| tree)
}

/// Stands for the end of a tag in which something is wrong before it; see [`Tokens::in_tag`].
const OPEN_END: usize = usize::MAX;

struct Tokens<'s, 'b> {
    source: &'s str,
    builder: Builder<'b, &'s str>,
}

/// A method that reads a token is given the place where it begins, and gives the place after it.
impl<'s> Tokens<'s, '_> {
    #[inline]
    fn slice(&self, span: Range<usize>) -> &'s str {
        self.source.get(span).unwrap_or_default()
    }

    #[inline]
    fn bytes(&self, span: Range<usize>) -> &'s [u8] {
        self.source.as_bytes().get(span).unwrap_or_default()
    }

    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.source.as_bytes().get(at).copied().unwrap_or_default()
    }

    #[inline]
    fn markup(&mut self, start: usize) -> Outcome<usize> {
        let rest = self.bytes(start..self.source.len());
        match rest {
            [_, b'/', tag @ ..] => self.end_tag(start, tag),
            [_, b'?', ..] => self.instruction(start, PiParser(false).feed(rest)),
            [_, b'!', b'-', b'-', inner @ ..] => self.comment(start, inner),
            [_, b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', inner @ ..] => self.cdata(start, inner),
            [_, b'!', ..] => Err(self.broken(start)),
            _ => {
                let end = self.start_tag(start).map_err(|failure| self.in_tag(start, failure))?;
                debug_assert_eq!(ElementParser::Outside.feed(rest), end.checked_sub(start + 1));
                Ok(end)
            }
        }
    }

    /// A broken rule in a tag, which reaches to its end; a tag without end is broken in the first place.
    #[cold]
    fn in_tag(&self, start: usize, failure: Failure) -> Failure {
        match ElementParser::Outside.feed(self.bytes(start..self.source.len())) {
            Some(last) => failure.until(start + last + 1),
            None => self.broken(start),
        }
    }

    /// What is no token; the reason is read off the place where it begins.
    #[cold]
    fn broken(&self, start: usize) -> Failure {
        let rest = self.bytes(start..self.source.len());
        let length = ElementParser::Outside.feed(rest).map_or(rest.len(), |last| last + 1);
        if rest.get(..9).is_some_and(|word| word.eq_ignore_ascii_case(b"<!doctype")) {
            return Failure::new(Reason::Doctype, "no document type declaration", start..start + length);
        }
        Failure::new(Reason::NotWellFormed, "complete markup", start..start + length)
    }

    /// §2.4 CharData.
    #[inline]
    fn text(&mut self, start: usize) -> Outcome<usize> {
        let rest = self.bytes(start..self.source.len());
        if !self.builder.is_open() {
            return self.text_outside(start, rest);
        }
        let (mut end, mut plain) = (0, true);
        loop {
            let tail = rest.get(end..).unwrap_or_default();
            end += memchr3(b'<', b'&', b'>', tail).unwrap_or(tail.len());
            if rest.get(end) != Some(&b'>') {
                break;
            }
            if rest.get(..end).is_some_and(|before| before.ends_with(b"]]")) {
                let at = start + end;
                return refuse(Reason::NotWellFormed, "`]]>` only as the end of a CDATA section", at..at + 1);
            }
            (end, plain) = (end + 1, false);
        }
        let span = start..start + end;
        if self.builder.in_text {
            self.builder.text_decoded(self.slice(span.clone()), plain, span)?;
        } else {
            self.builder.text(Slice::source(span.clone()), plain, span)?;
        }
        Ok(start + end)
    }

    fn text_outside(&self, start: usize, rest: &[u8]) -> Outcome<usize> {
        let end = memchr2(b'<', b'&', rest).unwrap_or(rest.len());
        match rest.iter().take(end).position(|b| !is_space(*b)) {
            None => Ok(start + end),
            Some(at) => {
                refuse(Reason::NotWellFormed, "no text outside the root element", start + at..start + end)
            }
        }
    }

    /// §2.5. `inner`: everything after `<!--`.
    fn comment(&mut self, start: usize, inner: &[u8]) -> Outcome<usize> {
        let Some(length) = CommentParser::Seen0.feed(inner) else { return Err(self.broken(start)) };
        let end = start + 4 + length;
        if memmem::find(inner, b"--") != Some(length - 3) {
            return refuse(Reason::NotWellFormed, "complete markup", start..end);
        }
        self.builder.tree.comments.push(offset(start));
        Ok(end)
    }

    /// §2.7. `inner`: everything after `<![CDATA[`.
    fn cdata(&mut self, start: usize, inner: &[u8]) -> Outcome<usize> {
        let Some(length) = memmem::find(inner, b"]]>") else { return Err(self.broken(start)) };
        let (from, end) = (start + 9, start + 9 + length + 3);
        if !self.builder.is_open() {
            return refuse(Reason::NotWellFormed, "no CDATA section outside the root element", start..end);
        }
        let text = self.slice(from..from + length);
        // Taken as decoded text even when it is the first piece, so that the text's place starts at the section.
        self.builder.text_decoded(text, chars::specials(text) & TEXT_SPECIAL == 0, start..end)?;
        Ok(end)
    }

    /// §4.1; the five entities of §4.6 and character references.
    fn reference(&mut self, start: usize) -> Outcome<usize> {
        let rest = self.bytes(start + 1..self.source.len());
        let end = start + 1 + memchr3(b';', b'&', b'<', rest).unwrap_or(rest.len());
        if self.byte(end) != b';' {
            return refuse(Reason::NotWellFormed, "complete markup", start..end);
        }
        let span = start..end + 1;
        if !self.builder.is_open() {
            return refuse(Reason::NotWellFormed, "no reference outside the root element", span);
        }
        let c = decode_reference(self.bytes(span.clone()), span.start)?;
        let plain = !matches!(c, '&' | '<' | '>' | '\r');
        self.builder.text_decoded(c.encode_utf8(&mut [0; 4]), plain, span)?;
        Ok(end + 1)
    }

    /// §2.6, §2.8. `last`: where it ends, counted from its start.
    #[cold]
    fn instruction(&self, start: usize, last: Option<usize>) -> Outcome<usize> {
        let span = start..last.map_or(self.source.len(), |last| start + last + 1);
        let inner = self.bytes(start + 2..span.end);
        let target = inner.get(..chars::ncname_length(inner)).unwrap_or_default();
        let declares = inner
            .strip_prefix(b"xml")
            .is_some_and(|rest| rest == b"?>" || rest.first().copied().is_some_and(is_space));
        if last.is_some() && declares {
            return self.xml_declaration(span);
        }
        if target.eq_ignore_ascii_case(b"xml") {
            return refuse(Reason::XmlDecl, "the XML declaration at the very start, once", span);
        }
        refuse(Reason::Pi, "no processing instruction", span)
    }

    /// §2.8: `version`, then `encoding`, then `standalone`.
    #[cold]
    fn xml_declaration(&self, span: Range<usize>) -> Outcome<usize> {
        let failure = |reason, expected| refuse(reason, expected, span.clone());
        if span.start != 0 {
            return failure(Reason::XmlDecl, "the XML declaration at the very start, once");
        }
        let mut rest = self.slice(5..span.end - 2);
        let mut next = |name: &str| -> Result<Option<&'s str>, ()> {
            let trimmed = rest.trim_start_matches([' ', '\t', '\n']);
            let Some(after) = trimmed.strip_prefix(name) else { return Ok(None) };
            let after = after.trim_start_matches([' ', '\t', '\n']).strip_prefix('=').ok_or(())?;
            let after = after.trim_start_matches([' ', '\t', '\n']);
            let quote = if after.starts_with('"') { '"' } else { '\'' };
            let (value, after) = after.strip_prefix(quote).and_then(|v| v.split_once(quote)).ok_or(())?;
            if trimmed.len() == rest.len() {
                return Err(());
            }
            rest = after;
            Ok(Some(value))
        };
        let (version, encoding, standalone) = (next("version"), next("encoding"), next("standalone"));
        let end = rest.trim_matches([' ', '\t', '\n']);
        match (version, encoding, standalone) {
            (Ok(_), Ok(Some(encoding)), Ok(_)) if !encoding.eq_ignore_ascii_case("utf-8") => {
                failure(Reason::Encoding, "encoding=\"UTF-8\"")
            }
            (Ok(Some("1.0")), Ok(_), Ok(None | Some("no"))) if end.is_empty() => Ok(span.end),
            _ => failure(Reason::XmlDecl, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
        }
    }

    /// §3.1.
    fn start_tag(&mut self, start: usize) -> Outcome<usize> {
        self.builder.begin(start..OPEN_END)?;
        let (name, mut at) = self.name(start + 1)?;
        loop {
            let next = self.spaces(at);
            match self.byte(next) {
                b'>' => {
                    self.builder.enter(name, start..next + 1)?;
                    return Ok(next + 1);
                }
                b'/' if self.byte(next + 1) == b'>' => {
                    self.builder.enter(name, start..next + 2)?;
                    self.builder.leave(next + 2)?;
                    return Ok(next + 2);
                }
                _ if next == at => {
                    return refuse(Reason::NotWellFormed, "white space before an attribute", at..OPEN_END);
                }
                _ => at = self.attribute(next)?,
            }
        }
    }

    /// The place after white space.
    #[inline]
    fn spaces(&self, mut at: usize) -> usize {
        while is_space(self.byte(at)) {
            at += 1;
        }
        at
    }

    /// Namespaces in XML 1.0 §4: one colon at most, an NCName on either side.
    #[inline]
    fn name(&mut self, at: usize) -> Outcome<(QName, usize)> {
        let text = self.bytes(at..self.source.len());
        let first = chars::ncname_length(text);
        let (mut local, mut length) = (0, first);
        if text.get(first) == Some(&b':') {
            local = first + 1;
            length = local + chars::ncname_length(text.get(local..).unwrap_or_default());
        }
        let rest = text.get(length..).unwrap_or_default();
        let ends = matches!(rest, [b' ' | b'\t' | b'\n' | b'=' | b'>', ..] | [b'/', b'>', ..]);
        if first == 0 || length == local || !ends {
            let expected = "a name (letters, digits, `-`, `.`, `_`; one colon)";
            return refuse(Reason::Name, expected, at..OPEN_END);
        }
        let prefix = if local == 0 { 0 } else { self.builder.prefix_id(Slice::source(at..at + first))? };
        let name = self.builder.qname(prefix, local, Slice::source(at..at + length))?;
        Ok((name, at + length))
    }

    #[inline]
    fn attribute(&mut self, start: usize) -> Outcome<usize> {
        // `xmlns:p` declares p and is no use of a prefix named xmlns.
        let declares = self.bytes(start..self.source.len()).strip_prefix(b"xmlns").and_then(<[u8]>::first);
        let prefixed = declares == Some(&b':');
        let (name, at) = self.name(if prefixed { start + 6 } else { start })?;
        let at = self.spaces(at);
        if self.byte(at) != b'=' {
            return refuse(
                Reason::NotWellFormed,
                "`=` and a quoted value after the name of an attribute",
                at..OPEN_END,
            );
        }
        let at = self.spaces(at + 1);
        let quote = self.byte(at);
        if !matches!(quote, b'"' | b'\'') {
            return refuse(Reason::NotWellFormed, "a quoted value", at..OPEN_END);
        }
        let (value, plain, stop) = self.value(at + 1, quote)?;
        if prefixed && name.local != 0 {
            return refuse(Reason::Name, "one colon in a name", start..at);
        }
        if prefixed || (declares.is_some() && self.bytes(name.text.range()) == b"xmlns") {
            let prefix = if prefixed { self.builder.prefix_id(name.text)? } else { 0 };
            let namespace = self.builder.namespace_number(value)?;
            self.builder.declare(prefix, namespace, start..stop)?;
        } else {
            let close = value.range().start == name.text.range().end + 2 && self.byte(start - 1) == b' ';
            let verbatim = plain && close && quote == b'"' && !value.is_decoded();
            self.builder.attribute(AttributeData { name, value, plain, verbatim })?;
        }
        Ok(stop + 1)
    }

    /// §3.3.3: references are replaced, white space written as itself becomes a space.
    #[inline]
    fn value(&mut self, open: usize, quote: u8) -> Outcome<(Slice, bool, usize)> {
        let bytes = self.bytes(open..self.source.len());
        // Most values end before anything that needs a second look.
        let first = chars::run(bytes, VALUE_SPECIAL);
        let rest = bytes.get(first..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == quote) else {
            return Err(self.broken(open));
        };
        let span = open..open + first + length;
        within(span.len(), self.builder.budget.limits().value, LimitKind::Token)
            .map_err(over(span.clone()))?;
        let (value, plain) =
            if length == 0 { (Slice::source(span.clone()), true) } else { self.decode_value(span.clone())? };
        Ok((value, plain, span.end))
    }

    fn decode_value(&mut self, span: Range<usize>) -> Outcome<(Slice, bool)> {
        let start = self.builder.tree.decoded.len();
        let mut at = span.start;
        while at < span.end {
            let special = at + chars::run(self.bytes(at..span.end), VALUE_SPECIAL);
            self.builder.tree.decoded.push_str(self.slice(at..special));
            at = special + 1;
            let decoded = match self.byte(special) {
                _ if special == span.end => break,
                b'<' => return refuse(Reason::NotWellFormed, "no `<` in an attribute value", special..at),
                b'\t' | b'\n' => ' ',
                b'&' => {
                    let rest = self.bytes(special..span.end);
                    at = memchr(b';', rest).map_or(span.end, |end| special + end + 1);
                    decode_reference(self.bytes(special..at), special)?
                }
                quote => char::from(quote),
            };
            self.builder.tree.decoded.push(decoded);
        }
        self.builder.budget.note_steps(span.len());
        let decoded = &self.builder.tree.decoded;
        let plain = chars::specials(decoded.get(start..).unwrap_or_default()) & VALUE_SPECIAL == 0;
        Ok((Slice::decoded(start..decoded.len()), plain))
    }

    /// §3.1 ETag: the spelling of the start tag, then white space. `tag`: everything after `</`.
    #[inline]
    fn end_tag(&mut self, start: usize, tag: &[u8]) -> Outcome<usize> {
        let name = self.builder.open_name().map(|name| self.bytes(name.text.range()));
        if let Some(rest) = name.and_then(|name| tag.strip_prefix(name)) {
            let spaces = rest.iter().take_while(|b| is_space(**b)).count();
            if rest.get(spaces) == Some(&b'>') {
                let end = start + 2 + (tag.len() - rest.len()) + spaces + 1;
                self.builder.leave(end)?;
                return Ok(end);
            }
        }
        let last = ElementParser::Outside.feed(tag).ok_or_else(|| self.broken(start))?;
        refuse(
            Reason::NotWellFormed,
            "the end tag of the innermost open element",
            start..start + 2 + last + 1,
        )
    }
}

/// `&…;`, which stands at `start` → character. An unknown entity is not well-formed; a character that XML does not allow is
/// `Char`.
fn decode_reference(text: &[u8], start: usize) -> Outcome<char> {
    let failure = |reason| {
        let expected = "a character reference or one of &amp; &lt; &gt; &apos; &quot;";
        Failure::new(reason, expected, start..start + text.len())
    };
    let (digits, radix) = match text {
        [b'&', b'#', b'x', digits @ .., b';'] => (digits, 16),
        [b'&', b'#', digits @ .., b';'] => (digits, 10),
        b"&amp;" => return Ok('&'),
        b"&lt;" => return Ok('<'),
        b"&gt;" => return Ok('>'),
        b"&apos;" => return Ok('\''),
        b"&quot;" => return Ok('"'),
        _ => return Err(failure(Reason::NotWellFormed)),
    };
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        Some(value.saturating_mul(radix).saturating_add(char::from(*digit).to_digit(radix)?))
    });
    let code = value.filter(|_| !digits.is_empty()).ok_or_else(|| failure(Reason::NotWellFormed))?;
    char::from_u32(code).filter(|c| chars::is_allowed(*c)).ok_or_else(|| failure(Reason::Char))
}
