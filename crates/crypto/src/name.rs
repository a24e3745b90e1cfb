//! Distinguished names as text (RFC 2253 §2, as XML Signature 1.1 §4.5.4 wants them).

use std::fmt::Write as _;

use crate::der::{Der, OID, SEQUENCE, SET};

/// The attribute types that RFC 2253 §2.3 names, by the content octets of their object identifiers.
const KEYWORDS: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];

/// The text of a DER Name; `None` when it is not one.
pub(crate) fn rfc2253(name: &[u8]) -> Option<String> {
    let mut names = Der::only(name, SEQUENCE)?;
    let mut relative = Vec::new();
    while !names.is_empty() {
        let mut set = Der(names.take(SET)?);
        let mut pairs = Vec::new();
        while !set.is_empty() {
            pairs.push(pair(Der(set.take(SEQUENCE)?))?);
        }
        relative.push(pairs.join("+"));
    }
    relative.reverse();
    Some(relative.join(","))
}

fn pair(mut attribute: Der<'_>) -> Option<String> {
    let oid = attribute.take(OID)?;
    let value = attribute.next()?;
    attribute.end()?;
    let keyword = KEYWORDS.iter().find(|(known, _)| *known == oid).map(|(_, keyword)| *keyword);
    Some(match (keyword, string(value.tag, value.content)) {
        (Some(keyword), Some(text)) => format!("{keyword}={}", escape(&text)),
        (Some(keyword), None) => format!("{keyword}=#{}", hex(value.whole)),
        (None, _) => format!("{}=#{}", dotted(oid)?, hex(value.whole)),
    })
}

fn string(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        // UTF8String; PrintableString and IA5String are subsets of it.
        0x0c | 0x13 | 0x16 => String::from_utf8(content.to_vec()).ok(),
        // BMPString
        0x1e => {
            let units = content.chunks(2).map(|unit| Some(u16::from_be_bytes(unit.try_into().ok()?)));
            String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
        }
        _ => None,
    }
}

/// RFC 2253 §2.4; what ends a line, moves a cursor or turns the direction of writing as hexadecimal pairs, so that a name
/// stays one line and looks like what it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, char) in text.chars().enumerate() {
        match char {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => escaped.extend(['\\', char]),
            '#' if at == 0 => escaped.push_str("\\#"),
            ' ' if at == 0 || at == last => escaped.push_str("\\ "),
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => pairs(&mut escaped, char),
            _ if char.is_control() => pairs(&mut escaped, char),
            _ => escaped.push(char),
        }
    }
    escaped
}

fn pairs(escaped: &mut String, char: char) {
    for octet in char.encode_utf8(&mut [0; 4]).bytes() {
        escaped.push_str(&format!("\\{octet:02X}"));
    }
}

fn dotted(oid: &[u8]) -> Option<String> {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for octet in oid {
        arc = arc.checked_mul(128)? + u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            arcs.push(std::mem::take(&mut arc));
        }
    }
    let (first, rest) = arcs.split_first()?;
    let root = (first / 40).min(2);
    let mut text = format!("{root}.{}", first - 40 * root);
    for arc in rest {
        write!(text, ".{arc}").ok()?;
    }
    (oid.last()? & 0x80 == 0).then_some(text)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat()
    }

    fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(SEQUENCE, &[tlv(OID, oid), tlv(tag, value)].concat())
    }

    #[test]
    fn names_read_from_the_most_specific_and_cannot_break_a_line() {
        let country = tlv(SET, &attribute(&[0x55, 4, 6], 0x13, b"JP"));
        let both = [attribute(&[0x55, 4, 3], 0x0c, " 番,号\n".as_bytes()), attribute(&[0x2a, 3], 0x0c, b"x")]
            .concat();
        let name = tlv(SEQUENCE, &[country.clone(), tlv(SET, &both)].concat());
        assert_eq!(rfc2253(&name).unwrap(), "CN=\\ 番\\,号\\0A+1.2.3=#0c0178,C=JP");
        let bmp = tlv(SEQUENCE, &tlv(SET, &attribute(&[0x55, 4, 10], 0x1e, &[0x75, 0x6a])));
        assert_eq!(rfc2253(&bmp).unwrap(), "O=番");
        let organization = |text: &str| {
            let value = attribute(&[0x55, 4, 10], 0x0c, text.as_bytes());
            rfc2253(&tlv(SEQUENCE, &tlv(SET, &value))).unwrap()
        };
        assert_eq!(organization("番\u{85}\u{2028}\u{202e}号"), "O=番\\C2\\85\\E2\\80\\A8\\E2\\80\\AE号");
        assert_eq!(organization("番\u{a0}号"), "O=番\u{a0}号");
        // Not a name: a set without its sequence; two names; an unfinished object identifier.
        assert_eq!(rfc2253(&country), None);
        assert_eq!(rfc2253(&[name.clone(), name].concat()), None);
        assert_eq!(rfc2253(&tlv(SEQUENCE, &tlv(SET, &attribute(&[0x2a, 0x83], 0x0c, b"x")))), None);
    }
}
