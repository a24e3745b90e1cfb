//! Values that messages spell as text: base64, date-time and numbers, each in the one form that the standard allows.

use std::ops::Range;

pub use crate::chars::is_ncname;
use crate::chars::is_space;

/// Seconds and nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Whole seconds.
    pub seconds: i64,
    /// The rest.
    pub nanoseconds: u32,
}

impl DateTime {
    /// `YYYY-MM-DDThh:mm:ss(.f{1,9})?Z`, years 1868 to 9999, no leap second, no 24:00 (SAML 2.0 core §1.3.3 asks for
    /// UTC; the rest is the standard's own narrowing of XML Schema part 2 §3.2.7), no white space.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.as_bytes().split_at_checked(19)?;
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
        // A day that the calendar lacks is the number of another day.
        let days = days_since_epoch(year, month, day);
        let exists = year >= 1868 && civil(days) == (year, month, day);
        if !exists || hour >= 24 || minute >= 60 || second >= 60 {
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
        let seconds = days.saturating_mul(86_400).saturating_add(hour * 3600 + minute * 60 + second);
        Some(Self { seconds, nanoseconds: u32::try_from(nanoseconds).ok()? })
    }

    /// So many seconds later.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self { seconds: self.seconds.saturating_add(seconds), ..self }
    }

    /// The form that [`Self::parse`] reads, with milliseconds if there are any.
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

/// The largest number that [`parse_number`] reads.
pub const LARGEST_NUMBER: u64 = 999_999_999_999_999_999;

/// A number of at most 18 digits, without a sign, a needless zero or white space.
pub fn parse_number(text: &str) -> Option<u64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_one_form = is_number && (text == "0" || !text.starts_with('0'));
    has_one_form.then(|| text.parse().ok()).flatten()
}

/// Octets of canonical base64 (RFC 4648 §4): XML white space anywhere, padding complete, no bits left over.
///
/// `None` for anything else: another spelling of the same octets would make signatures malleable. Not for secrets: they
/// would decide where a table is read.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut digits = text.as_bytes().to_vec();
    if digits.iter().fold(false, |any, byte| any | (*byte <= b' ')) {
        digits.retain(|byte| !is_space(*byte));
    }
    let complete = digits.len().is_multiple_of(4);
    let padding = digits.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    // The digit without bits.
    digits.iter_mut().rev().take(padding).for_each(|digit| *digit = b'A');
    let (groups, _) = digits.as_chunks::<4>();
    let mut octets = vec![0; groups.len().saturating_mul(3)];
    let mut any = 0;
    let [first, second, third, fourth] = &SIX_BITS;
    let bits = |of: &[u32; 256], digit: u8| of.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT);
    for (place, [a, b, c, d]) in octets.as_chunks_mut().0.iter_mut().zip(groups) {
        let word = bits(first, *a) | bits(second, *b) | bits(third, *c) | bits(fourth, *d);
        any |= word;
        let [_, one, two, three] = word.to_be_bytes();
        *place = [one, two, three];
    }
    let left_over = octets.split_off(octets.len().saturating_sub(padding));
    (complete && any < NO_DIGIT && left_over.iter().all(|octet| *octet == 0)).then_some(octets)
}

/// Base64 without line ends. Not for secrets, as [`decode_base64`].
pub fn encode_base64(octets: &[u8]) -> String {
    let (groups, rest) = octets.as_chunks::<24>();
    let mut last = [0; 24];
    last.iter_mut().zip(rest).for_each(|(place, octet)| *place = *octet);
    let mut text = vec![0; octets.len().div_ceil(24).saturating_mul(32)];
    let (places, _) = text.as_chunks_mut::<32>();
    places.iter_mut().zip(groups).for_each(|(place, group)| put_digits(place, group));
    places.iter_mut().skip(groups.len()).for_each(|place| put_digits(place, &last));
    text.truncate(base64_length(octets.len()));
    text.iter_mut().skip(octets.len().saturating_mul(4).div_ceil(3)).for_each(|digit| *digit = b'=');
    String::from_utf8(text).unwrap_or_default()
}

/// The digits of four times six octets, which three words hold.
#[inline]
fn put_digits(digits: &mut [u8; 32], octets: &[u8; 24]) {
    let mut words = [0; 3];
    words.iter_mut().zip(octets.as_chunks().0).for_each(|(word, of)| *word = u64::from_be_bytes(*of));
    let [a, b, c] = words;
    let sixes = [a >> 16, a << 32 | b >> 32, b << 16 | c >> 48, c];
    for (place, six) in digits.as_chunks_mut::<8>().0.iter_mut().zip(sixes) {
        for (pair, below) in place.as_chunks_mut::<2>().0.iter_mut().zip([36, 24, 12, 0]) {
            *pair = PAIRS.get((six >> below & 0xFFF) as usize).copied().unwrap_or_default();
        }
    }
}

/// Digits and padding of so many octets.
pub(crate) const fn base64_length(octets: usize) -> usize {
    octets.div_ceil(3).saturating_mul(4)
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Above the three octets of a group.
const NO_DIGIT: u32 = 1 << 24;

/// Two digits for every twelve bits.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
static PAIRS: [[u8; 2]; 1 << 12] = {
    let mut pairs = [[0; 2]; 1 << 12];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = [DIGITS[bits >> 6], DIGITS[bits & 63]];
        bits += 1;
    }
    pairs
};

/// What every byte stands for as the first, second, third and fourth digit of a group.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
static SIX_BITS: [[u32; 256]; 4] = {
    let mut bits = [[NO_DIGIT; 256]; 4];
    let mut six = 0;
    while six < 64 {
        let digit = DIGITS[six as usize] as usize;
        (bits[0][digit], bits[1][digit]) = (six << 18, six << 12);
        (bits[2][digit], bits[3][digit]) = (six << 6, six);
        six += 1;
    }
    bits
};

/// Text without white space at its ends (the `collapse` facet of XML Schema types without inner spaces).
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| u8::try_from(c).is_ok_and(is_space))
}
