//! The little DER (X.690) that certificates and revocation lists need beside what OpenSSL's builders write.

/// One value.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    let mut out = vec![tag];
    match (content.len(), u8::try_from(length.len())) {
        (short @ ..=0x7f, _) => out.extend(u8::try_from(short)),
        (_, count) => {
            out.push(0x80 | count.unwrap_or_default());
            out.extend(length);
        }
    }
    out.extend(content);
    out
}

/// An object identifier in dotted form; none if it is not one.
pub(crate) fn oid(dotted: &str) -> Option<Vec<u8>> {
    let arcs: Vec<u32> = dotted.split('.').map(|arc| arc.parse().ok()).collect::<Option<_>>()?;
    let (&[first @ 0..=2, second @ 0..=39], rest) = arcs.split_first_chunk()? else { return None };
    let mut content = vec![u8::try_from(first * 40 + second).ok()?];
    for arc in rest {
        let groups = (0..5).rev().map(|group| arc >> (7 * group) & 0x7f).skip_while(|group| *group == 0);
        let mut groups: Vec<u8> = groups.filter_map(|group| u8::try_from(group | 0x80).ok()).collect();
        match groups.last_mut() {
            Some(last) => *last &= 0x7f,
            None => groups.push(0),
        }
        content.extend(groups);
    }
    Some(tlv(0x06, &[&content]))
}

/// A non-negative INTEGER.
pub(crate) fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = big_endian.iter().copied().skip_while(|octet| *octet == 0).collect();
    let sign: &[u8] = if digits.first().is_none_or(|octet| *octet >= 0x80) { &[0] } else { &[] };
    tlv(0x02, &[sign, &digits])
}

/// UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5), of seconds since 1970.
pub(crate) fn time(at: i64) -> Vec<u8> {
    let (days, seconds) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    // Civil date from days: years that begin in March, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        tlv(0x17, &[format!("{:02}{rest}", year % 100).as_bytes()])
    } else {
        tlv(0x18, &[format!("{year:04}{rest}").as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_standard() {
        assert_eq!(tlv(4, &[&[1], &[2]]), [4, 2, 1, 2]);
        assert_eq!(tlv(4, &[&[0; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[&[0; 256]])[..4], [4, 0x82, 1, 0]);
        assert_eq!(
            oid("1.2.840.113549.1.1.11").unwrap()[2..],
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]
        );
        assert_eq!(oid("2.5.29.0").unwrap(), [6, 3, 0x55, 29, 0]);
        assert_eq!((oid("1"), oid("3.1"), oid("1.x")), (None, None, None));
        assert_eq!(unsigned(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0]), [2, 1, 0]);
        for (at, expected) in [
            (0, "700101000000Z"),
            (951_827_696, "000229123456Z"),
            (1_767_225_600, "260101000000Z"),
            (2_524_607_999, "491231235959Z"),
            (2_524_608_000, "20500101000000Z"),
        ] {
            assert_eq!(time(at)[2..], *expected.as_bytes());
        }
    }
}
