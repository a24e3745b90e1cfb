//! One spelling for every string of octets, and no other is read.

use chukei_xml::lexical::{decode_base64, encode_base64};

const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Runs the target.
pub fn run(data: &[u8]) {
    let encoded = encode_base64(data);
    assert_eq!(encoded.len(), data.len().div_ceil(3) * 4);
    assert_eq!(decode_base64(&encoded).as_deref(), Some(data), "what was written is read");
    assert_eq!(encoded, encode(data), "RFC 4648 §4");

    let Ok(text) = std::str::from_utf8(data) else { return };
    let dense: String = text.chars().filter(|c| !" \t\n\r".contains(*c)).collect();
    let decoded = decode_base64(text);
    assert_eq!(decoded, decode(&dense), "RFC 4648 §4, canonical (§3.5)");
    if let Some(octets) = decoded {
        assert_eq!(encode_base64(&octets), dense, "no second spelling");
    }
}

fn encode(octets: &[u8]) -> String {
    let mut bits: String = octets.iter().map(|octet| format!("{octet:08b}")).collect();
    bits.push_str(&"0".repeat((6 - bits.len() % 6) % 6));
    let digits = bits.as_bytes().chunks(6).map(|six| {
        let value = six.iter().fold(0, |value, bit| value * 2 + usize::from(bit - b'0'));
        &DIGITS[value..=value]
    });
    let text: String = digits.collect();
    format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bits = String::new();
    for digit in digits.chars() {
        bits.push_str(&format!("{:06b}", DIGITS.find(digit)?));
    }
    let (whole, rest) = bits.split_at(bits.len() / 8 * 8);
    let sound = text.len().is_multiple_of(4)
        && text.len() - digits.len() <= 2
        && !rest.contains('1')
        && rest.len() < 6;
    let octets =
        whole.as_bytes().chunks(8).map(|eight| eight.iter().fold(0, |value, bit| value << 1 | (bit - b'0')));
    sound.then(|| octets.collect())
}
