//! Character classes of XML 1.0 (fifth edition) §2.2 and §2.3.

/// Bits of [`class`].
pub(crate) const NAME_START: u8 = 1;
pub(crate) const NAME: u8 = 2;
pub(crate) const SPACE: u8 = 4;
/// Ends an attribute value, is written as a reference in its canonical form, or is normalised.
pub(crate) const VALUE_SPECIAL: u8 = 8;
/// Is written as a reference in the canonical form of a text.
pub(crate) const TEXT_SPECIAL: u8 = 16;
/// May be, or begin, a character that is not allowed.
pub(crate) const SUSPICIOUS: u8 = 32;

const CLASSES: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0u8;
    while byte < 255 {
        let start = byte.is_ascii_alphabetic() || byte == b'_';
        let inside = start || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let in_value = matches!(byte, b'&' | b'<' | b'"' | b'\'' | b'\t' | b'\n' | b'\r');
        let in_text = matches!(byte, b'&' | b'<' | b'>' | b'\r');
        let suspicious = byte < b' ' || byte == 0xEF;
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            table[byte as usize] = (start as u8 * NAME_START)
                | (inside as u8 * NAME)
                | (space as u8 * SPACE)
                | (in_value as u8 * VALUE_SPECIAL)
                | (in_text as u8 * TEXT_SPECIAL)
                | (suspicious as u8 * SUSPICIOUS);
        }
        byte += 1;
    }
    table
};

/// Class bits of an ASCII byte; of longer characters only whether they are suspicious.
#[inline]
pub(crate) fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Bits of any of the bytes.
#[inline]
fn classes(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |any, byte| any | class(*byte))
}

/// Which bytes of a text need a second look: [`VALUE_SPECIAL`], [`TEXT_SPECIAL`] and [`SUSPICIOUS`] count, other bits do
/// not. Most texts have none, which their first and last block tell; the two may overlap.
#[inline]
pub(crate) fn specials(text: &str) -> u8 {
    let bytes = text.as_bytes();
    let any = match bytes.len() {
        0..8 => true,
        8..=16 => any_special(bytes.first_chunk::<8>()) | any_special(bytes.last_chunk::<8>()),
        17..=32 => any_special(bytes.first_chunk::<16>()) | any_special(bytes.last_chunk::<16>()),
        33..=64 => any_special(bytes.first_chunk::<32>()) | any_special(bytes.last_chunk::<32>()),
        _ => {
            let (blocks, _) = bytes.as_chunks::<32>();
            any_special(bytes.last_chunk::<32>()) || blocks.iter().any(|block| any_special(Some(block)))
        }
    };
    if any { classes(bytes) } else { 0 }
}

#[inline]
fn any_special<const N: usize>(block: Option<&[u8; N]>) -> bool {
    let special = |byte: u8| {
        (byte < b' ') | (byte == b'"') | (byte & !1 == b'&') | (byte & !2 == b'<') | (byte == 0xEF)
    };
    block.is_some_and(|block| block.iter().fold(false, |any, byte| any | special(*byte)))
}

#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    class(byte) & SPACE != 0
}

/// Octets before the first of a class. Not inlined: a loop with nothing else in its registers is worth the call.
#[inline(never)]
pub(crate) fn run(bytes: &[u8], of: u8) -> usize {
    let (groups, _) = bytes.as_chunks::<8>();
    let start = groups.iter().take_while(|group| classes(*group) & of == 0).count() * 8;
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| class(**byte) & of == 0).count()
}

/// Where in UTF-8 the first character stands that is not allowed: `Char` (§2.2) without U+FEFF, which is only a byte
/// order mark here. Blocks without a suspicious byte are passed in one vectorised sweep.
pub(crate) fn forbidden(bytes: &[u8]) -> Option<usize> {
    let suspicious = |b: &u8| u8::from(*b < 0x20) & u8::from(*b != b'\n') | u8::from(*b == 0xEF);
    let (blocks, rest) = bytes.as_chunks::<64>();
    for (block, start) in blocks.iter().zip((0..).step_by(64)) {
        if block.iter().fold(0, |any, b| any | suspicious(b)) != 0
            && let Some(at) = forbidden_in(bytes, start, block)
        {
            return Some(at);
        }
    }
    forbidden_in(bytes, bytes.len() - rest.len(), rest)
}

/// The same for the part that begins at `at`.
fn forbidden_in(bytes: &[u8], mut at: usize, part: &[u8]) -> Option<usize> {
    for byte in part {
        if *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r') {
            return Some(at);
        }
        // U+FEFF, U+FFFE and U+FFFF are EF BB BF, EF BF BE and EF BF BF.
        if *byte == 0xEF && matches!(bytes.get(at..), Some([_, 0xBB, 0xBF, ..] | [_, 0xBF, 0xBE | 0xBF, ..]))
        {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The same for one character.
#[inline]
pub(crate) const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}' | '\u{10000}'..)
}

/// `NameStartChar` (§2.3) without the colon.
const fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` (§2.3) without the colon.
const fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Whether `name` is an `NCName` (Namespaces in XML 1.0 §3).
#[inline]
pub fn is_ncname(name: &str) -> bool {
    match name.as_bytes() {
        [] => false,
        [first, ..] if name.bytes().fold(NAME, |all, byte| all & class(byte)) != 0 => {
            class(*first) & NAME_START != 0
        }
        bytes => long_ncname_length(bytes) == bytes.len(),
    }
}

/// Length in octets of the `NCName` that the bytes start with; 0 if there is none.
#[inline]
pub(crate) fn ncname_length(bytes: &[u8]) -> usize {
    let ascii = bytes.iter().take_while(|byte| class(**byte) & NAME != 0).count();
    match bytes {
        _ if bytes.get(ascii).is_some_and(|byte| *byte >= 0x80) => long_ncname_length(bytes),
        [first, ..] if class(*first) & NAME_START != 0 => ascii,
        _ => 0,
    }
}

#[cold]
fn long_ncname_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    let belongs = |byte: &&u8| class(**byte) & NAME != 0 || **byte >= 0x80;
    let end = bytes.iter().take_while(belongs).count();
    let text = bytes.get(..end).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    for c in text.chars() {
        if !(if length == 0 { is_name_start(c) } else { is_name_char(c) }) {
            break;
        }
        length += c.len_utf8();
    }
    length
}

/// An absolute URI (RFC 3986 §3): a scheme, a colon, and only characters of §2, each where libxml2 takes it too.
///
/// Anything else as a namespace name has no canonical form (Canonical XML 1.0 §1.3 leaves relative names out) or is
/// canonicalised differently by different libraries.
pub(crate) fn is_absolute_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let mut letters = scheme.bytes();
    let escapes_whole = rest
        .split('%')
        .skip(1)
        .all(|tail| tail.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    let authority_plain = rest.strip_prefix("//").is_none_or(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
        !host.is_empty()
            && !authority.contains('@')
            && (1..=5).contains(&port.len())
            && port.bytes().all(|b| b.is_ascii_digit())
    });
    letters.next().is_some_and(|b| b.is_ascii_alphabetic())
        && letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#@!$'()*+,;=%".contains(&b))
        && rest.matches('#').count() <= 1
        && escapes_whole
        && authority_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["a", "_1", "氏名", "a-b.c", "é"] {
            assert!(is_ncname(name) && ncname_length(name.as_bytes()) == name.len(), "{name}");
        }
        for name in ["", "1", "-a", "a:b", "a b", "\u{300}", "a\u{FFFE}"] {
            assert!(!is_ncname(name), "{name}");
        }
    }

    #[test]
    fn namespace_names() {
        for uri in [
            "urn:a",
            "urn:a%2Fb",
            "http://h:99/",
            "http://example.test/a?b=c#d",
            "urn:liberty:security:2005-02:ClientTLS:X509",
        ] {
            assert!(is_absolute_uri(uri), "{uri}");
        }
        for uri in [
            "1",
            "a/b",
            "urn:",
            ":a",
            "urn:é",
            "urn:a b",
            "http://e/\"",
            "urn:a&b",
            "../a:b",
            "urn:a%zz",
            "urn:a#b#c",
            "http://h:99x/",
            "http://a@b@c/",
            "http://:/",
            "http:///x",
        ] {
            assert!(!is_absolute_uri(uri), "{uri}");
        }
    }
}
