//! A message as a person reads it: one element a line, marked where a judge points, nothing of it executed or obeyed.
//!
//! This looks at any bytes that a product may send. It is no parser: what is not well-formed is shown as it stands.

use std::ops::Range;

use serde::Serialize;

use crate::escape::visible;

/// A body, cut into lines and folded where nothing is marked.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    /// Lines, in groups; a folded group is shown on demand.
    pub(crate) groups: Vec<Group>,
    /// Length of the body.
    pub(crate) bytes: usize,
}

/// Neighbouring lines.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    pub(crate) folded: bool,
    pub(crate) lines: Vec<Line>,
}

/// One line.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Depth of the element.
    pub(crate) depth: usize,
    /// First byte of it.
    pub(crate) at: usize,
    /// Whether something in it is marked.
    pub(crate) marked: bool,
    pub(crate) spans: Vec<Span>,
}

/// Text of one kind.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Span {
    /// `t` tag, `a` attribute name, `v` attribute value, `x` text, `c` comment, `o` left out.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) marked: bool,
}

/// Lines around a mark that are not folded.
const CONTEXT: usize = 3;
/// Lines that a message may have and still be shown whole.
const SHORT: usize = 24;
/// Deeper elements are not indented further.
const DEEPEST: usize = 12;
/// Longer text is shortened in the middle, unless a mark ends in it.
const LONG: usize = 160;
/// Of shortened text, these many bytes at either end are shown.
const ENDS: usize = 48;
/// More of a message is not shown.
const MOST: usize = 256 * 1024;

/// Cuts a body into lines, with these bytes marked.
pub(crate) fn show(body: &[u8], marks: &[Range<usize>]) -> Shown {
    let shown = body.get(..MOST).unwrap_or(body);
    let mut page = Page { body: shown, marks, lines: Vec::new() };
    page.read();
    if shown.len() < body.len() {
        let text = format!("… {}", body.len() - shown.len());
        page.lines.push(Line {
            depth: 0,
            at: shown.len(),
            marked: false,
            spans: vec![Span { kind: "o", text, marked: false }],
        });
    }
    Shown { groups: fold(page.lines), bytes: body.len() }
}

struct Page<'a> {
    body: &'a [u8],
    marks: &'a [Range<usize>],
    lines: Vec<Line>,
}

/// What stands between two places of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Empty,
    Other,
    Text,
}

impl Page<'_> {
    fn read(&mut self) {
        let tokens = tokens(self.body);
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some((token, range)) = tokens.get(at).cloned() {
            at += 1;
            let following = |index: usize| tokens.get(index).map(|(token, _)| *token);
            match token {
                Token::Text => {
                    if !self.is_blank(&range) || self.touches(&range) {
                        self.line(depth, &[(token, range)]);
                    }
                }
                Token::Close => {
                    depth = depth.saturating_sub(1);
                    self.line(depth, &[(token, range)]);
                }
                Token::Open => {
                    // `<a>text</a>` and `<a></a>` stay on one line.
                    let alone = match (following(at), following(at + 1)) {
                        (Some(Token::Close), _) => 1,
                        (Some(Token::Text), Some(Token::Close)) => 2,
                        _ => 0,
                    };
                    let mut parts = vec![(token, range)];
                    parts.extend(tokens.get(at..at + alone).unwrap_or_default().iter().cloned());
                    self.line(depth, &parts);
                    at += alone;
                    if alone == 0 {
                        depth += 1;
                    }
                }
                Token::Empty | Token::Other => self.line(depth, &[(token, range)]),
            }
        }
    }

    fn is_blank(&self, range: &Range<usize>) -> bool {
        self.body.get(range.clone()).is_some_and(|text| text.iter().all(u8::is_ascii_whitespace))
    }

    fn touches(&self, range: &Range<usize>) -> bool {
        self.marks.iter().any(|mark| mark.start < range.end && range.start < mark.end)
    }

    fn line(&mut self, depth: usize, parts: &[(Token, Range<usize>)]) {
        let mut spans = Vec::new();
        for (token, range) in parts {
            match token {
                Token::Text => self.text("x", range.clone(), &mut spans),
                Token::Other => self.text("c", range.clone(), &mut spans),
                Token::Open | Token::Close | Token::Empty => self.tag(range.clone(), &mut spans),
            }
        }
        let at = parts.first().map_or(0, |(_, range)| range.start);
        let marked = spans.iter().any(|span| span.marked);
        self.lines.push(Line { depth: depth.min(DEEPEST), at, marked, spans });
    }

    /// A tag: its name, then names and values of attributes.
    fn tag(&self, range: Range<usize>, spans: &mut Vec<Span>) {
        let Some(tag) = self.body.get(range.clone()) else { return };
        let name = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
        self.piece("t", range.start..range.start + name, spans);
        let mut from = name;
        while let Some(quote) =
            tag.get(from..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\'')))
        {
            let open = from + quote;
            let mark = tag.get(open).copied().unwrap_or(b'"');
            let close = tag.get(open + 1..).and_then(|rest| rest.iter().position(|b| *b == mark));
            let end = close.map_or(tag.len(), |close| open + close + 2);
            self.piece("a", range.start + from..range.start + open, spans);
            self.text("v", range.start + open..range.start + end, spans);
            from = end;
        }
        self.piece("t", range.start + from..range.end, spans);
    }

    /// Text, shortened in the middle where it is long and no mark ends in it.
    fn text(&self, kind: &'static str, range: Range<usize>, spans: &mut Vec<Span>) {
        let inside = |at: usize| range.start < at && at < range.end;
        let cut = self.marks.iter().any(|mark| inside(mark.start) || inside(mark.end));
        if range.len() <= LONG || cut {
            self.piece(kind, range, spans);
            return;
        }
        let (head, tail) = (range.start + ENDS, range.end - ENDS);
        self.piece(kind, range.start..head, spans);
        let text = format!(" ⋯ {} ⋯ ", tail - head);
        spans.push(Span { kind: "o", text, marked: self.touches(&range) });
        self.piece(kind, tail..range.end, spans);
    }

    /// Bytes of one kind, cut where marks begin and end.
    fn piece(&self, kind: &'static str, range: Range<usize>, spans: &mut Vec<Span>) {
        let mut cuts: Vec<usize> = self.marks.iter().flat_map(|mark| [mark.start, mark.end]).collect();
        cuts.retain(|cut| range.start < *cut && *cut < range.end);
        cuts.extend([range.start, range.end]);
        cuts.sort_unstable();
        cuts.dedup();
        for (from, to) in cuts.iter().zip(cuts.iter().skip(1)) {
            let Some(bytes) = self.body.get(*from..*to) else { continue };
            let text = visible(&String::from_utf8_lossy(bytes));
            if !text.is_empty() {
                spans.push(Span { kind, text, marked: self.touches(&(*from..*to)) });
            }
        }
    }
}

fn tokens(body: &[u8]) -> Vec<(Token, Range<usize>)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let rest = body.get(at..).unwrap_or_default();
        if rest.first() != Some(&b'<') {
            let end = rest.iter().position(|byte| *byte == b'<').unwrap_or(rest.len());
            tokens.push((Token::Text, at..at + end));
            at += end;
            continue;
        }
        let (token, end) = match rest {
            [b'<', b'!', b'-', b'-', ..] => (Token::Other, after(rest, b"-->")),
            [b'<', b'!', b'[', ..] => (Token::Other, after(rest, b"]]>")),
            [b'<', b'?', ..] => (Token::Other, after(rest, b"?>")),
            [b'<', b'!', ..] => (Token::Other, after(rest, b">")),
            [b'<', b'/', ..] => (Token::Close, after(rest, b">")),
            _ => tag_end(rest).map_or((Token::Open, None), |end| match rest.get(end.saturating_sub(2)) {
                Some(b'/') => (Token::Empty, Some(end)),
                _ => (Token::Open, Some(end)),
            }),
        };
        // What never ends is shown as text.
        let Some(end) = end else {
            tokens.push((Token::Text, at..body.len()));
            break;
        };
        tokens.push((token, at..at + end));
        at += end;
    }
    tokens
}

fn after(rest: &[u8], mark: &[u8]) -> Option<usize> {
    rest.windows(mark.len()).position(|window| window == mark).map(|at| at + mark.len())
}

/// One past the `>` that ends a tag; those in attribute values do not.
fn tag_end(rest: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in rest.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Groups lines; those far from a mark are folded, or those beyond the first when nothing is marked.
fn fold(lines: Vec<Line>) -> Vec<Group> {
    let marks: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.marked).map(|(index, _)| index).collect();
    let short = lines.len() <= SHORT;
    let near = |index: usize| match marks.as_slice() {
        _ if short => true,
        [] => index < SHORT - 4,
        marks => marks.iter().any(|mark| mark.abs_diff(index) <= CONTEXT),
    };
    let mut groups: Vec<Group> = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        let folded = !near(index);
        match groups.last_mut() {
            Some(group) if group.folded == folded => group.lines.push(line),
            _ => groups.push(Group { folded, lines: vec![line] }),
        }
    }
    groups
}

/// What kind of message it is: the name of the first element in the SOAP Body, with the fault code if it is a fault.
pub(crate) fn kind(body: &[u8]) -> Option<String> {
    let tokens = tokens(body.get(..MOST).unwrap_or(body));
    let name = |range: &Range<usize>| {
        let tag = body.get(range.clone())?;
        let name =
            tag.get(1..)?.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>')).next()?;
        Some(String::from_utf8_lossy(name).into_owned())
    };
    let local = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
    let mut elements =
        tokens.iter().enumerate().filter(|(_, (token, _))| matches!(token, Token::Open | Token::Empty));
    elements.find(|(_, (_, range))| name(range).is_some_and(|name| local(&name) == "Body"))?;
    let (_, (_, range)) = elements.next()?;
    let first = name(range)?;
    if local(&first) != "Fault" {
        return Some(visible(&first));
    }
    let (index, _) =
        elements.find(|(_, (_, range))| name(range).is_some_and(|name| local(&name) == "faultcode"))?;
    let code = match tokens.get(index + 1) {
        Some((Token::Text, range)) => String::from_utf8_lossy(body.get(range.clone())?).into_owned(),
        _ => String::new(),
    };
    Some(visible(&format!("Fault {}", code.chars().take(60).collect::<String>())).trim().to_owned())
}
