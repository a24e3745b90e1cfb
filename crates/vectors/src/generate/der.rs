//! DER (X.690 §10) and its textual spelling (RFC 7468), so far as vectors need them.

use chukei_xml::lexical::encode_base64;

use crate::schema::{Input, Part};

/// A value.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u32::try_from(content.len()).expect("a short value").to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let length = match digits.as_slice() {
        [] => vec![0],
        [short] if *short < 0x80 => vec![*short],
        long => [&[0x80 | u8::try_from(long.len()).expect("four octets")][..], long].concat(),
    };
    [&[tag][..], &length, &content].concat()
}

/// An INTEGER that is not negative.
pub(super) fn unsigned(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|octet| *octet == 0).collect();
    let sign: &[u8] = if digits.first().is_none_or(|octet| *octet >= 0x80) { &[0] } else { &[] };
    value(2, &[sign, &digits])
}

/// Tags and contents of some values in a row.
pub(super) fn children(mut octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [tag, first, rest @ ..] = octets {
        let (digits, rest) = rest.split_at(if *first < 0x80 { 0 } else { usize::from(first & 0x7f) });
        let long = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        let (content, rest) = rest.split_at(if digits.is_empty() { usize::from(*first) } else { long });
        found.push((*tag, content.to_vec()));
        octets = rest;
    }
    found
}

/// A PEM block with lines of 64 characters.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = encode_base64(der);
    let lines: Vec<&str> =
        (0..base64.len()).step_by(64).map(|at| &base64[at..base64.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// PEM blocks `CERTIFICATE`.
pub(super) fn certificates(ders: &[&[u8]]) -> String {
    ders.iter().map(|der| pem("CERTIFICATE", der)).collect()
}

/// A text with many equal lines, short.
pub(super) fn repeating(text: &str) -> Input {
    let mut parts: Vec<(String, u32)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match parts.last_mut() {
            Some((last, count)) if last == line => *count += 1,
            _ => parts.push((line.to_owned(), 1)),
        }
    }
    let part =
        |(line, count)| if count == 1 { Part::Text(line) } else { Part::Repeat { repeat: (line, count) } };
    Input::Recipe { recipe: parts.into_iter().map(part).collect() }
}
