//! Octets as text: UTF-8, or Shift_JIS as Windows writes it (CP932), in which 外字 are those of the private use area.

use std::borrow::Cow;

use encoding_rs::SHIFT_JIS;

use crate::file::Encoding;

/// The text of some octets; nothing if they are none.
pub(crate) fn decoded(octets: &[u8], encoding: Encoding) -> Option<Cow<'_, str>> {
    match encoding {
        Encoding::Utf8 => std::str::from_utf8(octets).ok().map(Cow::Borrowed),
        Encoding::ShiftJis => SHIFT_JIS.decode_without_bom_handling_and_without_replacement(octets),
    }
}

/// Characters before this place of a line; as many octets where they are no text.
pub(crate) fn characters(octets: &[u8], encoding: Encoding) -> usize {
    decoded(octets, encoding).map_or(octets.len(), |text| text.chars().count())
}

/// Whether a character means something only in the register that wrote it, or says that another was lost (domain.md §2.5).
pub(crate) const fn is_gaiji(character: char) -> bool {
    matches!(character,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '●' | '〓' | '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_give_the_same_characters() {
        let shift_jis = [0x8d, 0x60, 0x82, 0xa2, 0x82, 0xeb, 0x82, 0xcd, 0x82, 0x50, 0x31];
        assert_eq!(decoded(&shift_jis, Encoding::ShiftJis).as_deref(), Some("港いろは１1"));
        assert_eq!(decoded("港いろは１1".as_bytes(), Encoding::Utf8).as_deref(), Some("港いろは１1"));
        assert_eq!(decoded(&shift_jis, Encoding::Utf8), None);
        assert_eq!(decoded(&[0x8d], Encoding::ShiftJis), None);
        assert_eq!(characters(&shift_jis[..4], Encoding::ShiftJis), 2);
        // NEC and IBM extensions are characters, not 外字; user-defined ones are.
        assert_eq!(decoded(&[0xfb, 0xfc], Encoding::ShiftJis).as_deref(), Some("髙"));
        let own = decoded(&[0xf0, 0x40], Encoding::ShiftJis).unwrap();
        assert!(own.chars().all(is_gaiji) && !"髙﨑𠮷藤\u{e0103}ー".chars().any(is_gaiji) && is_gaiji('●'));
    }
}
