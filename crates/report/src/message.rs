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
    /// Lines that stand in the evidence only.
    pub(crate) left_out: usize,
}

impl Shown {
    /// Without the lines that are folded.
    pub(crate) fn thin(mut self) -> Self {
        for group in self.groups.iter_mut().filter(|group| group.folded) {
            group.left_out = std::mem::take(&mut group.lines).len();
        }
        self
    }
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
            _ => groups.push(Group { folded, lines: vec![line], left_out: 0 }),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::single_range_in_vec_init, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn text(shown: &Shown, marked_only: bool) -> String {
        let lines = shown.groups.iter().flat_map(|group| &group.lines);
        let spans = lines.flat_map(|line| &line.spans).filter(|span| span.kind != "o");
        spans.filter(|span| !marked_only || span.marked).map(|span| span.text.as_str()).collect()
    }

    #[test]
    fn one_element_a_line() {
        let shown = show(b"<?xml version='1.0'?><a x='1>2'><b>t</b><c/><!-- <d> -->\n<e></e>tail</a>", &[]);
        let lines: Vec<(usize, String)> = shown
            .groups
            .iter()
            .flat_map(|group| &group.lines)
            .map(|line| (line.depth, line.spans.iter().map(|span| span.text.as_str()).collect()))
            .collect();
        let expected = [
            (0, "<?xml version='1.0'?>"),
            (0, "<a x='1>2'>"),
            (1, "<b>t</b>"),
            (1, "<c/>"),
            (1, "<!-- <d> -->"),
            (1, "<e></e>"),
            (1, "tail"),
            (0, "</a>"),
        ];
        assert_eq!(lines, expected.map(|(depth, text)| (depth, text.to_owned())));
    }

    #[test]
    fn the_marked_bytes_are_marked_and_no_others() {
        let body = b"<a><b c='d'>text</b></a>";
        for from in 0..body.len() {
            for to in from + 1..=body.len() {
                let shown = show(body, std::slice::from_ref(&(from..to)));
                assert_eq!(text(&shown, true).as_bytes(), body.get(from..to).unwrap());
            }
        }
        assert_eq!(text(&show(body, &[]), true), "");
    }

    #[test]
    fn long_text_is_shortened_unless_a_mark_ends_in_it() {
        let body = format!("<a>{}</a>", "x".repeat(1000));
        let shown = show(body.as_bytes(), &[]);
        assert!(text(&shown, false).len() < 120);
        let whole = show(body.as_bytes(), &[3..1003]);
        assert!(text(&whole, false).len() < 120);
        let part = show(body.as_bytes(), &[500..510]);
        assert_eq!(text(&part, true), "x".repeat(10));
        assert_eq!(text(&part, false), body);
    }

    #[test]
    fn far_lines_are_folded() {
        let body: String = (0..100).map(|n| format!("<e{n}/>")).collect();
        let at = body.find("<e50/>").unwrap();
        let shown = show(body.as_bytes(), &[at..at + 6]);
        let folds: Vec<(bool, usize)> =
            shown.groups.iter().map(|group| (group.folded, group.lines.len())).collect();
        assert_eq!(folds, [(true, 47), (false, 7), (true, 46)]);
        assert_eq!(show(b"<a><b/></a>", &[]).groups.len(), 1);
    }

    #[test]
    fn kinds_are_named() {
        for (body, expected) in [
            (
                "<S:Envelope><S:Header><x/></S:Header><S:Body><ck:LinkageQuery a='b'/></S:Body></S:Envelope>",
                "ck:LinkageQuery",
            ),
            (
                "<e:Envelope><e:Body><e:Fault><faultcode>e:Client</faultcode></e:Fault></e:Body></e:Envelope>",
                "Fault e:Client",
            ),
        ] {
            assert_eq!(kind(body.as_bytes()).as_deref(), Some(expected));
        }
        for body in ["", "<a/>", "<S:Body>", "text", "<S:Body></S:Body>"] {
            assert_eq!(kind(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_shown(body in proptest::collection::vec(
            prop_oneof![Just(b'<'), Just(b'>'), Just(b'/'), Just(b'!'), Just(b'-'), Just(b'"'), Just(b'a'), Just(b' '), any::<u8>()],
            0..300,
        ), from in 0..300_usize, length in 0..300_usize) {
            let shown = show(&body, &[from..from + length]);
            prop_assert_eq!(shown.bytes, body.len());
            let _ = kind(&body);
            // Nothing but blank text between elements is left out.
            let printable = |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric()).count();
            if text(&shown, false).len() == text(&show(&body, &[0..body.len()]), false).len() && body.is_ascii() {
                let ascii = std::str::from_utf8(&body).unwrap();
                let raw: usize = crate::escape::visible(ascii).chars().filter(|c| c.is_ascii_alphanumeric()).count();
                prop_assert_eq!(printable(&text(&shown, false)), raw);
            }
        }
    }
}
