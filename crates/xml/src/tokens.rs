//! The grammar of XML 1.0 over quick-xml's tokens.
//!
//! quick-xml says where a tag, text, reference, comment or section ends. Everything inside is checked here, on spans
//! of our own source; its names, attributes and texts are not used.

use std::ops::Range;

use chukei_reason::{LimitKind, Reason};
use memchr::{memchr, memchr3};
use quick_xml::{Reader, events::Event};

use crate::{
    budget::{Budget, within},
    build::{Builder, Failure, Outcome},
    chars::{self, VALUE_SPECIAL, class, is_space},
    document::{QName, Slice, Tree},
};

/// Parses normalised source.
pub(crate) fn parse(source: &str, budget: &mut Budget) -> Outcome<Tree> {
    let mut reader = Reader::from_str(source);
    let config = reader.config_mut();
    config.check_end_names = false; // compared with the open element's own spelling below
    config.allow_unmatched_ends = true; // found below
    config.check_comments = true;
    let mut tokens = Tokens { source, builder: Builder::new(source, budget) };
    let mut start = 0;
    loop {
        let event = reader.read_event();
        let end = usize::try_from(reader.buffer_position()).unwrap_or(source.len());
        let span = start..end;
        match event {
            Ok(Event::Text(_)) => tokens.text(span)?,
            Ok(Event::Start(_)) => tokens.start_tag(span, 1)?,
            Ok(Event::End(_)) => tokens.end_tag(span)?,
            Ok(Event::Empty(_)) => tokens.start_tag(span, 2)?,
            Ok(Event::GeneralRef(_)) => tokens.reference(span)?,
            Ok(Event::CData(_)) => tokens.cdata(span)?,
            Ok(Event::Comment(_)) => tokens.builder.comment(start),
            Ok(Event::Decl(_)) => tokens.xml_declaration(span)?,
            Ok(Event::PI(_)) => return Err(tokens.processing_instruction(span)),
            Ok(Event::DocType(_)) => return Err(doctype(span)),
            Ok(Event::Eof) => return tokens.builder.finish(),
            Err(_) => return Err(tokens.broken(start..end)),
        }
        start = end;
    }
}

#[cold]
fn doctype(span: Range<usize>) -> Failure {
    Failure::new(Reason::Doctype, "no document type declaration", span)
}

#[cold]
fn not_well_formed(expected: &'static str, span: Range<usize>) -> Failure {
    Failure::new(Reason::NotWellFormed, expected, span)
}

struct Tokens<'s, 'b> {
    source: &'s str,
    builder: Builder<'s, 'b>,
}

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

    /// What quick-xml could not tokenise; the reason is read off the place where the token begins.
    #[cold]
    fn broken(&self, span: Range<usize>) -> Failure {
        let rest = self.slice(span.start..self.source.len());
        let begins =
            |word: &str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if begins("<!doctype") {
            return doctype(span);
        }
        if begins("<?") {
            return self.processing_instruction(span);
        }
        not_well_formed("complete markup", span)
    }

    /// §2.4 CharData.
    fn text(&mut self, span: Range<usize>) -> Outcome {
        let text = self.bytes(span.clone());
        if !self.builder.is_open() {
            return match text.iter().position(|b| !is_space(*b)) {
                None => Ok(()),
                Some(at) => {
                    let at = span.start.saturating_add(at);
                    Err(not_well_formed("no text outside the root element", at..span.end))
                }
            };
        }
        let mut plain = true;
        let mut from = 0;
        while let Some(at) = memchr(b'>', text.get(from..).unwrap_or_default()) {
            plain = false;
            let end = from.saturating_add(at);
            if text.get(..end).is_some_and(|before| before.ends_with(b"]]")) {
                let at = span.start.saturating_add(end);
                return Err(not_well_formed(
                    "`]]>` only as the end of a CDATA section",
                    at..at.saturating_add(1),
                ));
            }
            from = end.saturating_add(1);
        }
        self.builder.text_piece(span, plain)
    }

    /// §2.7.
    fn cdata(&mut self, span: Range<usize>) -> Outcome {
        if !self.builder.is_open() {
            return Err(not_well_formed("no CDATA section outside the root element", span));
        }
        let inner = span.start.saturating_add(9)..span.end.saturating_sub(3);
        let plain = memchr3(b'&', b'<', b'>', self.bytes(inner.clone())).is_none();
        // Taken as decoded text even when it is the first piece, so that the text's place starts at the section.
        self.builder.text_decoded(self.slice(inner), plain, span)
    }

    /// §4.1; the five entities of §4.6 and character references.
    fn reference(&mut self, span: Range<usize>) -> Outcome {
        if !self.builder.is_open() {
            return Err(not_well_formed("no reference outside the root element", span));
        }
        let c = decode_reference(self.slice(span.clone()))
            .map_err(|reason| reference_failure(reason, span.clone()))?;
        let plain = !matches!(c, '&' | '<' | '>' | '\r');
        self.builder.text_decoded(c.encode_utf8(&mut [0; 4]), plain, span)
    }

    /// §2.8: `version`, then `encoding`, then `standalone`.
    #[cold]
    fn xml_declaration(&mut self, span: Range<usize>) -> Outcome {
        let failure = |reason, expected| Err(Failure::new(reason, expected, span.clone()));
        if span.start != 0 {
            return failure(Reason::XmlDecl, "the XML declaration at the very start, once");
        }
        let inner = self.slice(5..span.end.saturating_sub(2));
        let mut rest = inner;
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
            (Ok(Some("1.0")), Ok(_), Ok(None | Some("no"))) if end.is_empty() => Ok(()),
            _ => failure(Reason::XmlDecl, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
        }
    }

    #[cold]
    fn processing_instruction(&self, span: Range<usize>) -> Failure {
        let target = self.bytes(span.start.saturating_add(2)..span.end);
        let length = chars::ncname_length(target);
        if target.get(..length).is_some_and(|name| name.eq_ignore_ascii_case(b"xml")) {
            return Failure::new(Reason::XmlDecl, "the XML declaration at the very start, once", span);
        }
        Failure::new(Reason::Pi, "no processing instruction", span)
    }

    /// §3.1. `closing`: octets after the attributes, `>` or `/>`.
    fn start_tag(&mut self, span: Range<usize>, closing: usize) -> Outcome {
        self.builder.begin(span.clone())?;
        let end = span.end.saturating_sub(closing);
        let (name, mut at) = self.name(span.start.saturating_add(1), end)?;
        while at < end {
            let before = at;
            while at < end && is_space(self.byte(at)) {
                at = at.saturating_add(1);
            }
            if at == end {
                break;
            }
            if at == before {
                return Err(not_well_formed("white space before an attribute", at..end));
            }
            at = self.attribute(at, end)?;
        }
        self.builder.enter(name, span.clone())?;
        if closing == 2 { self.builder.leave(span.end) } else { Ok(()) }
    }

    /// Namespaces in XML 1.0 §4: one colon at most, an NCName on either side.
    #[inline]
    fn name(&mut self, at: usize, end: usize) -> Outcome<(QName, usize)> {
        let text = self.bytes(at..end);
        let first = chars::ncname_length(text);
        let mut length = first;
        let mut prefix = None;
        if text.get(first) == Some(&b':') {
            let local = chars::ncname_length(text.get(first.saturating_add(1)..).unwrap_or_default());
            length = if local == 0 { 0 } else { first.saturating_add(1).saturating_add(local) };
            prefix = Some(Slice::source(at..at.saturating_add(first)));
        }
        let stop = at.saturating_add(length);
        let follows = self.byte(stop);
        if first == 0 || length == 0 || !(stop == end || is_space(follows) || follows == b'=') {
            return Err(Failure::new(
                Reason::Name,
                "a name (letters, digits, `-`, `.`, `_`; one colon)",
                at..end,
            ));
        }
        let (prefix, local) = match prefix {
            None => (0, 0),
            Some(prefix) => (self.builder.prefix_id(prefix)?, first.saturating_add(1)),
        };
        let name = self.builder.qname(prefix, local, Slice::source(at..stop))?;
        Ok((name, stop))
    }

    fn attribute(&mut self, start: usize, end: usize) -> Outcome<usize> {
        // `xmlns:p` declares p and is no use of a prefix named xmlns.
        let declares = self.bytes(start..end).strip_prefix(b"xmlns").and_then(<[u8]>::first);
        let (name, mut at) = match declares {
            Some(b':') => self.name(start.saturating_add(6), end)?,
            _ => self.name(start, end)?,
        };
        let spaces = |from: usize| {
            from.saturating_add(self.bytes(from..end).iter().take_while(|b| is_space(**b)).count())
        };
        at = spaces(at);
        if self.byte(at) != b'=' || at >= end {
            return Err(not_well_formed("`=` and a quoted value after the name of an attribute", at..end));
        }
        at = spaces(at.saturating_add(1));
        let quote = self.byte(at);
        if !matches!(quote, b'"' | b'\'') || at >= end {
            return Err(not_well_formed("a quoted value", at..end));
        }
        let open = at.saturating_add(1);
        let (value, plain, stop) = self.value(open, end, quote)?;
        match declares {
            Some(b':') if name.local != 0 => {
                return Err(Failure::new(Reason::Name, "one colon in a name", start..at));
            }
            Some(b':') => {
                let prefix = self.builder.prefix_id(name.text)?;
                let namespace = self.builder.namespace_number(value)?;
                self.builder.declare(prefix, namespace, start..stop)?;
            }
            _ if declares.is_some() && self.bytes(name.text.range()) == b"xmlns" => {
                let namespace = self.builder.namespace_number(value)?;
                self.builder.declare(0, namespace, start..stop)?;
            }
            _ => self.builder.attribute(name, value, plain)?,
        }
        Ok(stop.saturating_add(1))
    }

    /// §3.3.3: references are replaced, white space written as itself becomes a space.
    #[inline]
    fn value(&mut self, open: usize, end: usize, quote: u8) -> Outcome<(Slice, bool, usize)> {
        let bytes = self.bytes(open..end);
        // Most values end before anything that needs a second look.
        let first = bytes.iter().position(|byte| class(*byte) & VALUE_SPECIAL != 0).unwrap_or(bytes.len());
        let special = bytes.get(first) != Some(&quote);
        let rest = bytes.get(first..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == quote).map(|at| first.saturating_add(at));
        let Some(length) = length else {
            return Err(not_well_formed("the closing quote of a value", open..end));
        };
        let stop = open.saturating_add(length);
        within(length, self.builder.budget.limits().value, LimitKind::Token)
            .map_err(|kind| Failure::limit(kind, open..stop))?;
        if !special {
            return Ok((Slice::source(open..stop), true, stop));
        }
        let (value, plain) = self.decode_value(open..stop)?;
        Ok((value, plain, stop))
    }

    fn decode_value(&mut self, span: Range<usize>) -> Outcome<(Slice, bool)> {
        let raw = self.slice(span.clone());
        let start = self.builder.tree.decoded.len();
        let mut plain = true;
        let mut at = 0;
        while let Some(c) = raw.get(at..).and_then(|rest| rest.chars().next()) {
            let place = span.start.saturating_add(at);
            let mut length = c.len_utf8();
            let decoded = match c {
                '<' => {
                    return Err(not_well_formed(
                        "no `<` in an attribute value",
                        place..place.saturating_add(1),
                    ));
                }
                '\t' | '\n' => ' ',
                '&' => {
                    let rest = raw.get(at..).unwrap_or_default();
                    length = memchr(b';', rest.as_bytes()).map_or(rest.len(), |end| end.saturating_add(1));
                    let text = rest.get(..length).unwrap_or_default();
                    let span = place..place.saturating_add(length);
                    let c = decode_reference(text).map_err(|reason| reference_failure(reason, span))?;
                    plain &= !matches!(c, '&' | '<' | '"' | '\t' | '\n' | '\r');
                    c
                }
                other => {
                    plain &= other != '"';
                    other
                }
            };
            self.builder.tree.decoded.push(decoded);
            at = at.saturating_add(length);
        }
        self.builder.budget.note_steps(raw.len());
        Ok((Slice::decoded(start..self.builder.tree.decoded.len()), plain))
    }

    /// §3.1 ETag: the spelling of the start tag, then white space.
    fn end_tag(&mut self, span: Range<usize>) -> Outcome {
        let inner = self.bytes(span.start.saturating_add(2)..span.end.saturating_sub(1));
        let matches = self.builder.open_name().is_some_and(|name| {
            let rest = inner.strip_prefix(self.bytes(name.range()));
            rest.is_some_and(|rest| rest.iter().all(|b| is_space(*b)))
        });
        if !matches {
            return Err(not_well_formed("the end tag of the innermost open element", span));
        }
        self.builder.leave(span.end)
    }
}

#[cold]
fn reference_failure(reason: Reason, span: Range<usize>) -> Failure {
    Failure::new(reason, "a character reference or one of &amp; &lt; &gt; &apos; &quot;", span)
}

/// `&…;` → character. An unknown entity is not well-formed; a character that XML does not allow is `Char`.
fn decode_reference(text: &str) -> Result<char, Reason> {
    let name = text.strip_prefix('&').and_then(|rest| rest.strip_suffix(';')).ok_or(Reason::NotWellFormed)?;
    match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => {}
    }
    let number = name.strip_prefix('#').ok_or(Reason::NotWellFormed)?;
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
    if digits.is_empty() || !digits.bytes().all(|b| char::from(b).is_digit(radix)) {
        return Err(Reason::NotWellFormed);
    }
    let significant = digits.trim_start_matches('0');
    let code = u32::from_str_radix(if significant.is_empty() { "0" } else { significant }, radix);
    let c = code.ok().and_then(char::from_u32).ok_or(Reason::Char)?;
    if chars::is_char(c) { Ok(c) } else { Err(Reason::Char) }
}
