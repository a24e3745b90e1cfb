//! Days of the Gregorian calendar.

use std::fmt;

/// A day, `YYYY-MM-DD`, from 1868 (the first year of Meiji) to 9999.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(String);

impl Date {
    /// Reads the one form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        shaped.then_some(())?;
        let mut numbers = text.split('-').filter_map(|digits| digits.parse::<u32>().ok());
        let (year, month, day) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (year >= 1868 && (1..=days).contains(&day)).then(|| Self(text.to_owned()))
    }

    /// The form that [`Self::parse`] reads.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn days_that_exist_in_the_one_form() {
        for good in ["1868-01-01", "2008-02-29", "2000-02-29", "9999-12-31"] {
            assert_eq!(Date::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "1867-12-31",
            "2009-02-29",
            "2100-02-29",
            "2008-13-01",
            "2008-04-31",
            "2008-4-1",
            "２008-01-01",
            "",
            "2008-01-01Z",
            "2008-01-00",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }
}
