//! Records of one line each, in CSV (RFC 4180) read strictly. Common readers take a quotation mark anywhere and a field of
//! several lines; in a register's file both are mistakes, and what follows a stray mark would be taken for one long field.
//!
//! Fields are cut as octets: in Shift_JIS the second octet of a character is never a comma, a mark or a line end.

use std::borrow::Cow;

use crate::report::Cause;

/// A field: where it begins in its line, in octets, and what stands in it.
pub(crate) type Field<'f> = (usize, Cow<'f, [u8]>);

/// The fields of a line; or where a mistake is.
pub(crate) fn fields(line: &[u8]) -> Result<Vec<Field<'_>>, (usize, Cause)> {
    let mut fields = Vec::with_capacity(16);
    let mut at = 0;
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let (field, length) = match rest.first() {
            Some(b'"') => quoted(rest).map_err(|place| (at.saturating_add(place), Cause::Quote))?,
            _ => {
                let end = rest.iter().position(|octet| *octet == b',').unwrap_or(rest.len());
                let field = rest.get(..end).unwrap_or_default();
                if let Some(place) = field.iter().position(|octet| *octet == b'"') {
                    return Err((at.saturating_add(place), Cause::Quote));
                }
                (Cow::Borrowed(field), end)
            }
        };
        if let Some(place) = field.iter().position(|octet| *octet < 0x20 || *octet == 0x7f) {
            return Err((at.saturating_add(place), Cause::Control));
        }
        fields.push((at, field));
        at = at.saturating_add(length);
        match line.get(at) {
            None => return Ok(fields),
            Some(b',') => at = at.saturating_add(1),
            Some(_) => return Err((at, Cause::Quote)),
        }
    }
}

/// A field in quotation marks, and its length with them; or where a mark is due.
fn quoted(rest: &[u8]) -> Result<(Cow<'_, [u8]>, usize), usize> {
    let mut at = 1;
    let mut joined: Option<Vec<u8>> = None;
    let mut from = 1;
    loop {
        let next = rest.get(at..).and_then(|rest| rest.iter().position(|octet| *octet == b'"'));
        let mark = next.map(|next| at.saturating_add(next)).ok_or(rest.len())?;
        let part = rest.get(from..mark).unwrap_or_default();
        let after = mark.saturating_add(1);
        if rest.get(after) != Some(&b'"') {
            let field = match joined {
                None => Cow::Borrowed(part),
                Some(mut joined) => {
                    joined.extend_from_slice(part);
                    Cow::Owned(joined)
                }
            };
            return Ok((field, after));
        }
        // Two marks are one.
        let joined = joined.get_or_insert_default();
        joined.extend_from_slice(part);
        joined.push(b'"');
        at = after.saturating_add(1);
        from = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<String>, (usize, Cause)> {
        let fields = fields(line.as_bytes())?;
        Ok(fields.into_iter().map(|(_, field)| String::from_utf8(field.into_owned()).unwrap()).collect())
    }

    #[test]
    fn fields_are_what_stands_between_commas() {
        for (line, due) in [
            ("", vec![""]),
            ("a", vec!["a"]),
            ("a,,b", vec!["a", "", "b"]),
            (",", vec!["", ""]),
            ("\"a,b\",\"\"", vec!["a,b", ""]),
            ("\"say \"\"x\"\"\",港", vec!["say \"x\"", "港"]),
            ("\"\"\"\"", vec!["\""]),
            (" a ", vec![" a "]),
        ] {
            assert_eq!(read(line), Ok(due.into_iter().map(str::to_owned).collect()), "{line}");
        }
    }

    #[test]
    fn a_stray_mark_is_a_mistake_with_its_place() {
        for (line, place) in
            [("a\"b", 1), ("a,\"b", 4), ("\"a\"b", 3), ("\"", 1), ("x,\"a\" ,", 5), ("\"\"\"", 3)]
        {
            assert_eq!(read(line), Err((place, Cause::Quote)), "{line}");
        }
        assert_eq!(read("ab,c\td"), Err((4, Cause::Control)));
        assert!(read("ab,cd").is_ok());
    }
}
