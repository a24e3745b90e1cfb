//! One form of date and time, against a calendar that counts days one by one.

use chukei_xml::lexical::DateTime;

/// Seconds of the year 1868's beginning, and of the year 9999's end.
const START: i64 = -3_218_832_000;
const END: i64 = 253_402_300_800;

/// Runs the target: a text, and the same octets as a number of seconds.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    let mut number = [0; 12];
    let length = data.len().min(12);
    number[..length].copy_from_slice(&data[..length]);
    let [a, b, c, d, e, f, g, h, fraction @ ..] = number;
    let seconds = START + (u64::from_le_bytes([a, b, c, d, e, f, g, h]) % (END - START) as u64) as i64;
    let nanoseconds = u32::from_le_bytes(fraction) % 1_000_000_000;
    let time = DateTime { seconds, nanoseconds };
    let text = time.format();
    let back = DateTime::parse(&text).expect("what was written is read");
    assert_eq!((back.seconds, back.nanoseconds), (time.seconds, nanoseconds / 1_000_000 * 1_000_000));
    read(&text);
}

fn read(text: &str) {
    let read = DateTime::parse(text);
    assert_eq!(read.map(|time| (time.seconds, time.nanoseconds)), reference(text), "{text:?}");
}

fn reference(text: &str) -> Option<(i64, u32)> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if !(1868..=9999).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let is_leap = |year: i64| year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    let months = |year: i64| [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = months(year).get(usize::try_from(month).ok()?.checked_sub(1)?).copied()?;
    if !(1..=length).contains(&day) {
        return None;
    }
    let days_of = |year| 365 + i64::from(is_leap(year));
    let before = (1970..year).map(days_of).sum::<i64>() - (year..1970).map(days_of).sum::<i64>();
    let in_year: i64 = months(year).iter().take(usize::try_from(month).ok()? - 1).sum();
    let days = before + in_year + day - 1;
    let nanoseconds = match fraction {
        None => 0,
        Some(digits) if (1..=9).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit()) => {
            format!("{digits:0<9}").parse().ok()?
        }
        Some(_) => return None,
    };
    Some((((days * 24 + hour) * 60 + minute) * 60 + second, nanoseconds))
}

fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part =
            parts.next().filter(|part| part.len() == length && part.bytes().all(|d| d.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}
