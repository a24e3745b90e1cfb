//! Makes input small while it still breaks its claim: whole elements, tags, attributes, then any octets.

use std::ops::Range;

use super::Claim;

/// Attempts for one input.
const ATTEMPTS: usize = 20_000;

/// A smaller input that breaks the same claim.
#[must_use]
pub fn minimise(claim: Claim, input: &[u8]) -> Vec<u8> {
    smallest(input, |candidate| claim.broken_by(candidate).is_some())
}

/// The smallest input that can be found by leaving parts out, for which `holds` is still true.
pub fn smallest(input: &[u8], holds: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut current = input.to_vec();
    let mut attempts = 0;
    loop {
        let before = current.len();
        let mut size = current.len();
        while size > 0 {
            // Parts of the tree first, from large to small; they keep a document well-formed.
            let mut parts = tree_parts(&current);
            let length = |(first, second): &Part| first.len() + second.len();
            parts.retain(|part| length(part) >= size / 2);
            parts.sort_by_key(|part| std::cmp::Reverse(length(part)));
            let pieces = (0..current.len()).step_by(size).map(|at| whole(at..current.len().min(at + size)));
            parts.extend(pieces);
            let smaller = parts.iter().find_map(|part| {
                attempts += 1;
                let candidate = without(&current, part);
                (candidate.len() < current.len() && holds(&candidate)).then_some(candidate)
            });
            match smaller {
                Some(smaller) => {
                    current = smaller;
                    size = size.min(current.len());
                }
                None => size /= 2,
            }
            if attempts > ATTEMPTS {
                return current;
            }
        }
        if current.len() == before {
            return current;
        }
    }
}

/// Two pieces that go together: a tag and its end tag.
type Part = (Range<usize>, Range<usize>);

fn whole(range: Range<usize>) -> Part {
    (range, 0..0)
}

fn without(input: &[u8], (first, second): &Part) -> Vec<u8> {
    let kept = input.iter().enumerate().filter(|(at, _)| !first.contains(at) && !second.contains(at));
    kept.map(|(_, octet)| *octet).collect()
}

/// Elements, their tags without their content, and attributes. Good enough for most text; nothing depends on
/// it.
fn tree_parts(input: &[u8]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut open: Vec<Range<usize>> = Vec::new();
    for tag in tags(input) {
        match &input[tag.clone()] {
            [b'<', b'!' | b'?', ..] => parts.push(whole(tag)),
            [b'<', b'/', ..] => {
                if let Some(start) = open.pop() {
                    parts.push(whole(start.start..tag.end));
                    parts.push((start, tag));
                }
            }
            [.., b'/', b'>'] => parts.push(whole(tag.clone())),
            _ => open.push(tag.clone()),
        }
    }
    for tag in tags(input) {
        parts.extend(attributes(input, &tag).map(whole));
    }
    parts
}

/// Everything between `<` and `>`, quotes respected.
fn tags(input: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + input.get(at..)?.iter().position(|octet| *octet == b'<')?;
        let (mut end, mut quote) = (start + 1, None);
        while let Some(octet) = input.get(end) {
            match (quote, octet) {
                (None, b'>') => break,
                (None, b'"' | b'\'') => quote = Some(*octet),
                (Some(open), octet) if open == *octet => quote = None,
                _ => {}
            }
            end += 1;
        }
        at = (end + 1).min(input.len());
        Some(start..at)
    })
}

/// From a space to the quote that ends the value.
fn attributes<'i>(input: &'i [u8], tag: &Range<usize>) -> impl Iterator<Item = Range<usize>> + 'i {
    let (mut at, end) = (tag.start, tag.end);
    std::iter::from_fn(move || {
        let start = at + input.get(at..end)?.iter().position(u8::is_ascii_whitespace)?;
        let open = start + input[start..end].iter().position(|octet| matches!(octet, b'"' | b'\''))?;
        let close = open + 1 + input[open + 1..end].iter().position(|octet| *octet == input[open])?;
        at = close + 1;
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_matters_is_left() {
        let holds = |input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            chukei_xml::Document::parse(input).is_ok() && text.contains("needle='1'")
        };
        let input = b"<a x='1' y='2'><b><c d='e'>text</c><hay><d needle='1' z='3'>more</d></hay></b>\n</a>";
        assert!(holds(input));
        assert_eq!(String::from_utf8(smallest(input, holds)).unwrap(), "<d needle='1'></d>");
    }

    #[test]
    fn parts_of_a_tree() {
        let input = "<a b='>' c=\"2\"><d/>t</a><!--x-->";
        let parts = tree_parts(input.as_bytes());
        let texts: Vec<(&str, &str)> =
            parts.iter().map(|(first, second)| (&input[first.clone()], &input[second.clone()])).collect();
        for part in
            [("<d/>", ""), ("<a b='>' c=\"2\">", "</a>"), (" c=\"2\"", ""), (" b='>'", ""), ("<!--x-->", "")]
        {
            assert!(texts.contains(&part), "{part:?} is not among {texts:?}");
        }
    }
}
