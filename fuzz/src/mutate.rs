//! Changes to XML that a byte-wise mutator hardly ever makes: whole elements moved, copied, wrapped and
//! exchanged, attributes copied from one to another, text split by comments and CDATA sections.
//!
//! Reads tags as a blind man would: `<name` to `>`, matched by a stack. What is no well-formed XML is changed
//! as well as it goes.

use std::ops::Range;

use crate::source::hash;

/// An element that was found.
#[derive(Clone, Debug)]
struct Found {
    whole: Range<usize>,
    /// From `<` behind `>` of the start tag.
    tag: Range<usize>,
}

/// A pseudo-random sequence; the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % bound.max(1)
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }
}

/// Texts that split, close or hide others.
const PIECES: [&str; 14] = [
    "<!---->",
    "<!--x-->",
    "<![CDATA[]]>",
    "<![CDATA[x]]>",
    "<?x?>",
    "<!DOCTYPE x>",
    "&#xD;",
    "&#x9;",
    "&lt;",
    "&amp;",
    " ",
    "\n",
    "\r\n",
    "あ",
];
/// Attributes that mean something.
const ATTRIBUTES: [&str; 12] = [
    " xmlns=\"\"",
    " xmlns=\"urn:x\"",
    " xmlns:p=\"urn:p\"",
    " xmlns:ds=\"urn:x\"",
    " xmlns:saml=\"urn:x\"",
    " xml:lang=\"ja\"",
    " xml:id=\"_a\"",
    " xmlns:p=\"urn:p\" p:ID=\"_a\"",
    " ID=\"_a\"",
    " Id=\"_a\"",
    " wsu:Id=\"_a\"",
    " x=\"&#xA;\"",
];
/// Around an element.
const WRAPPERS: [(&str, &str); 6] = [
    ("<x>", "</x>"),
    ("<!--", "-->"),
    ("<![CDATA[", "]]>"),
    ("<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">", "</ds:Object>"),
    ("<saml:Advice xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">", "</saml:Advice>"),
    ("<p:x xmlns:p=\"urn:p\" xmlns=\"urn:x\">", "</p:x>"),
];

/// The input with one change; `None` when there is nothing to change or the result would be too long.
#[must_use]
pub fn xml(input: &[u8], seed: u64, longest: usize) -> Option<Vec<u8>> {
    let elements = elements(input);
    let mut random = Random(hash(&seed.to_le_bytes()));
    let one = random.one(&elements)?.clone();
    let other = random.one(&elements)?.clone();
    let changed = match random.below(14) {
        0 => splice(input, one.whole, b""),
        1 => splice(input, one.whole.end..one.whole.end, &input[one.whole.clone()]),
        2 => splice(input, other.tag.end..other.tag.end, &input[one.whole]),
        3 => splice(input, other.whole.start..other.whole.start, &input[one.whole]),
        4 => moved(input, &one.whole, &other)?,
        5 => swapped(input, &one.whole, &other.whole)?,
        6 => {
            let (before, after) = random.one(&WRAPPERS)?;
            let wrapped = [before.as_bytes(), &input[one.whole.clone()], after.as_bytes()].concat();
            splice(input, one.whole, &wrapped)
        }
        7 => splice(input, one.tag.end..one.tag.end, random.one(&PIECES)?.as_bytes()),
        8 => {
            let inner = one.tag.end..one.whole.end;
            let at = inner.start + random.below(inner.len());
            splice(input, at..at, random.one(&PIECES)?.as_bytes())
        }
        9 => {
            let at = name_end(input, &one.tag);
            splice(input, at..at, random.one(&ATTRIBUTES)?.as_bytes())
        }
        10 => {
            let attributes = attributes(input, &other.tag);
            let copied = random.one(&attributes)?.clone();
            let at = name_end(input, &one.tag);
            splice(input, at..at, &input[copied])
        }
        11 | 12 => {
            let (attributes, theirs) = (attributes(input, &one.tag), attributes(input, &other.tag));
            let own = value(input, random.one(&attributes)?);
            let theirs = value(input, random.one(&theirs)?);
            // A reference stays a reference, to something else.
            let mark = &input[own.start..][..usize::from(input[own.start] == b'#')];
            let theirs = [mark, input[theirs.clone()].strip_prefix(b"#").unwrap_or(&input[theirs])].concat();
            splice(input, own, &theirs)
        }
        _ => {
            let attributes = attributes(input, &one.tag);
            let own = random.one(&attributes)?.clone();
            let theirs = self::attributes(input, &other.tag);
            let theirs = random.one(&theirs).map_or(&b""[..], |range| &input[range.clone()]);
            splice(input, own, theirs)
        }
    };
    (changed.len() <= longest && changed != input).then_some(changed)
}

fn splice(input: &[u8], range: Range<usize>, with: &[u8]) -> Vec<u8> {
    [&input[..range.start], with, &input[range.end..]].concat()
}

fn moved(input: &[u8], one: &Range<usize>, into: &Found) -> Option<Vec<u8>> {
    let at = into.tag.end;
    let piece = &input[one.clone()];
    if at <= one.start {
        Some([&input[..at], piece, &input[at..one.start], &input[one.end..]].concat())
    } else if at >= one.end {
        Some([&input[..one.start], &input[one.end..at], piece, &input[at..]].concat())
    } else {
        None
    }
}

fn swapped(input: &[u8], one: &Range<usize>, other: &Range<usize>) -> Option<Vec<u8>> {
    let (first, second) = if one.start < other.start { (one, other) } else { (other, one) };
    if first.end > second.start {
        return None;
    }
    let (a, b) = (&input[first.clone()], &input[second.clone()]);
    Some([&input[..first.start], b, &input[first.end..second.start], a, &input[second.end..]].concat())
}

fn elements(input: &[u8]) -> Vec<Found> {
    let (mut found, mut open) = (Vec::new(), Vec::<Range<usize>>::new());
    let mut at = 0;
    while let Some(start) = find(input, at, b'<') {
        let Some(end) = find(input, start, b'>').map(|end| end + 1) else { break };
        match input.get(start + 1) {
            Some(b'/') => {
                if let Some(tag) = open.pop() {
                    found.push(Found { whole: tag.start..end, tag });
                }
            }
            Some(b'!' | b'?') => {}
            _ if input[..end].ends_with(b"/>") => found.push(Found { whole: start..end, tag: start..end }),
            _ => open.push(start..end),
        }
        at = end;
    }
    found
}

fn name_end(input: &[u8], tag: &Range<usize>) -> usize {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let inside = &input[tag.clone()];
    tag.start + inside.iter().skip(1).position(is_end).map_or(inside.len(), |at| at + 1)
}

/// Each with the white space before it.
fn attributes(input: &[u8], tag: &Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = name_end(input, tag);
    while let Some(open) = find(&input[..tag.end], at, b'"') {
        let Some(close) = find(&input[..tag.end], open + 1, b'"') else { break };
        found.push(at..close + 1);
        at = close + 1;
    }
    found
}

/// Between the quotes of an attribute.
fn value(input: &[u8], attribute: &Range<usize>) -> Range<usize> {
    let open = find(input, attribute.start, b'"').map_or(attribute.end, |at| at + 1);
    open.min(attribute.end - 1)..attribute.end - 1
}

fn find(input: &[u8], from: usize, byte: u8) -> Option<usize> {
    input.get(from..)?.iter().position(|b| *b == byte).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_within_bounds() {
        let input = b"<a x=\"#1\"><b y=\"2\">t</b><c/></a>";
        let mut seen = std::collections::HashSet::new();
        for seed in 0..4000 {
            if let Some(changed) = xml(input, seed, 80) {
                assert!(changed.len() <= 80);
                assert_eq!(xml(input, seed, 80).as_ref(), Some(&changed), "the same for the same seed");
                seen.insert(changed);
            }
        }
        let has = |text: &str| seen.contains(text.as_bytes());
        assert!(has("<a x=\"#1\"><c/><b y=\"2\">t</b></a>"), "exchanged");
        assert!(has("<a x=\"#1\"><b y=\"2\">t</b><c/><c/></a>"), "copied");
        assert!(has("<a x=\"#1\"><b y=\"2\">t</b><c y=\"2\"/></a>"), "an attribute copied");
        assert!(has("<a x=\"#1\"><c/></a>"), "left out");
        assert!(has("<a x=\"#2\"><b y=\"2\">t</b><c/></a>"), "a reference to something else");
        for broken in ["", "<", "<a", "</a>", "<a x=\"", "<a></a></a>", "<!-- <a> -->"] {
            (0..200).for_each(|seed| drop(xml(broken.as_bytes(), seed, 80)));
        }
    }
}
