//! Values that messages spell as text: base64 and date-time, each in the one form that the standard allows.

use std::ops::Range;

use crate::chars::is_space;

/// Whether `name` is an `NCName` (Namespaces in XML 1.0 §3).
#[must_use]
pub fn is_ncname(name: &str) -> bool {
    crate::chars::is_ncname(name)
}

/// Seconds and nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Whole seconds.
    pub seconds: i64,
    /// The rest.
    pub nanoseconds: u32,
}

impl DateTime {
    /// `YYYY-MM-DDThh:mm:ss(.f{1,9})?Z`, years 1970 to 9999, no leap second, no 24:00 (SAML 2.0 core §1.3.3 asks for
    /// UTC; the rest is the standard's own narrowing of XML Schema part 2 §3.2.7). White space around is allowed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']).as_bytes();
        let (head, rest) = text.split_at_checked(19)?;
        let shape = head.iter().zip(b"0000-00-00T00:00:00").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        });
        let fraction = rest.strip_suffix(b"Z")?;
        if !shape {
            return None;
        }
        let number = |range: Range<usize>| head.get(range).map_or(0, decimal);
        let (year, month, day) = (number(0..4), number(5..7), number(8..10));
        let (hour, minute, second) = (number(11..13), number(14..16), number(17..19));
        let valid = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !valid {
            return None;
        }
        let nanoseconds = match fraction {
            [] => 0,
            [b'.', digits @ ..]
                if (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) =>
            {
                (digits.len()..9).fold(decimal(digits), |value, _| value.saturating_mul(10))
            }
            _ => return None,
        };
        let days = days_since_epoch(year, month, day);
        let seconds = days.saturating_mul(86_400).saturating_add(hour * 3600 + minute * 60 + second);
        Some(Self { seconds, nanoseconds: u32::try_from(nanoseconds).ok()? })
    }

    /// The form that [`Self::parse`] reads, with milliseconds if there are any.
    #[must_use]
    pub fn format(self) -> String {
        let (days, second) = (self.seconds.div_euclid(86_400), self.seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let fraction = match self.nanoseconds / 1_000_000 {
            0 => String::new(),
            milliseconds => format!(".{milliseconds:03}"),
        };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }
}

fn decimal(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value: i64, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0')))
    })
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar; March is month 0 of a year that ends in February.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let in_era = days.rem_euclid(146_097);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

/// Octets of canonical base64 (RFC 4648 §4): XML white space anywhere, padding complete, no bits left over.
///
/// `None` for anything else: another spelling of the same octets would make signatures malleable.
#[must_use]
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    let value = |byte: u8| DIGITS.get(usize::from(byte)).copied().unwrap_or(INVALID);
    // Four digits at a time, as far as nothing else stands between them.
    let mut rest = text.as_bytes();
    while let [a, b, c, d, tail @ ..] = rest {
        let (a, b, c, d) = (value(*a), value(*b), value(*c), value(*d));
        if (a | b | c | d) >= PADDING {
            break;
        }
        octets.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
        rest = tail;
    }
    let mut group = 0u32;
    let mut count = 0u32;
    let mut padding = 0u32;
    for byte in rest {
        let six = value(*byte);
        if six >= PADDING {
            match six {
                SPACE => continue,
                PADDING if count >= 2 && count.saturating_add(padding) < 4 => {
                    padding = padding.saturating_add(1)
                }
                _ => return None,
            }
            continue;
        }
        if padding != 0 {
            return None;
        }
        group = group << 6 | u32::from(six);
        count = count.saturating_add(1);
        if count == 4 {
            let [_, a, b, c] = group.to_be_bytes();
            octets.extend_from_slice(&[a, b, c]);
            (group, count) = (0, 0);
        }
    }
    match (count, padding) {
        (0, 0) => {}
        (2, 2) if group & 0xF == 0 => octets.push(u8::try_from(group >> 4).ok()?),
        (3, 1) if group & 3 == 0 => octets.extend_from_slice(&u16::try_from(group >> 2).ok()?.to_be_bytes()),
        _ => return None,
    }
    Some(octets)
}

/// Base64 without line ends.
#[must_use]
pub fn encode_base64(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3).saturating_mul(4));
    for chunk in octets.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |group, octet| group << 8 | u32::from(*octet)) << (8 * (3 - chunk.len()));
        for place in 0..4usize {
            let six = group >> (18 - 6 * place) & 63;
            let digit = ALPHABET.get(six as usize).copied().unwrap_or(b'=');
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING: u8 = 64;
const SPACE: u8 = 65;
const INVALID: u8 = 66;

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "evaluated by the compiler")]
const DIGITS: [u8; 256] = {
    let mut table = [INVALID; 256];
    let mut index = 0;
    while index < 64 {
        table[ALPHABET[index] as usize] = index as u8;
        index += 1;
    }
    table[b'=' as usize] = PADDING;
    table[b' ' as usize] = SPACE;
    table[b'\t' as usize] = SPACE;
    table[b'\n' as usize] = SPACE;
    table[b'\r' as usize] = SPACE;
    table
};

/// Text without white space at its ends (the `collapse` facet of XML Schema types without inner spaces).
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| u8::try_from(c).is_ok_and(is_space))
}
