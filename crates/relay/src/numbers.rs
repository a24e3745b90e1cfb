//! Numbers as a relay keeps them: those that travel (`chukei-profile`), and the keys and service numbers that never do
//! (design.md §4.7; the 15 columns of Nabari, the pairs of Kamogawa, the row of the basic plan).
//!
//! A number is a string with one canonical form, in which it is stored and compared, and a display form for people. Written
//! numbers are read at a [`Level`]: digits of a scheme may be full-width and hyphenated (港区の見本 ０９８７－６５４３２１),
//! free text is never folded. What identifies is never a name.

use std::fmt;

use chukei_crypto::Zeroizing;
use chukei_profile::{Identifier, Scheme};

/// What sort of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberKind {
    /// One that travels, in a scheme of the standard.
    Scheme(Scheme),
    /// 電子証明書シリアル番号, at its issuer 電子証明書発行者: unique there and nowhere else. Hexadecimal.
    Certificate,
    /// 保健医療番号（仮称） or 社会保障番号（仮）: visible on the card, unchanged when the insurer changes.
    Visible,
    /// SAML固有ID(UserID).
    UserId,
    /// 整理番号 of the row.
    Reference,
    /// 住民番号 of a municipality.
    Resident,
    /// 世帯番号 of a municipality: shared by a household, so it leads to nobody.
    Household,
    /// 被保険者証番号 of employees' insurance.
    EmployeeCard,
    /// 管理番号 of employees' insurance.
    EmployeeControl,
    /// 公費区分 and 受給者番号, joined by a colon. A person may have several at once.
    PublicCost,
    /// サービス別ID at a グループID. Opaque.
    Service,
    /// その他の番号. Opaque; a person may have several at once.
    Other,
}

/// How much is asked of a written number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Level {
    /// A wrong check digit is an error.
    #[default]
    Strict,
    /// A wrong check digit, and the nine digits of the seeds' care number, are doubts that are reported.
    Lenient,
}

/// Why a text is no number of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Length or characters.
    Form,
    /// The check digit does not follow from the rest.
    CheckDigit,
}

/// What is to be reported about a number that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Doubts {
    /// It was written in full-width or with hyphens.
    pub folded: bool,
    /// Its check digit is wrong. It is kept, and leads nobody anywhere on the wire until it is corrected.
    pub check_digit: bool,
    /// A care number of nine digits, as in the seeds' sample.
    pub short: bool,
}

/// A number in its canonical form. Nothing of it in `Debug`, overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Number {
    kind: NumberKind,
    text: Zeroizing<String>,
}

/// Octets of a serial number, at most (RFC 5280 §4.1.2.2).
const LONGEST_SERIAL: usize = 20;
/// Characters of an opaque number, at most.
const LONGEST_OPAQUE: usize = 128;

impl NumberKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Scheme(Scheme::CareInsured),
        Self::Scheme(Scheme::MedicalInsured),
        Self::Scheme(Scheme::LateElderly),
        Self::Scheme(Scheme::BasicPension),
        Self::Scheme(Scheme::Resident),
        Self::Scheme(Scheme::Kamogawa),
        Self::Certificate,
        Self::Visible,
        Self::UserId,
        Self::Reference,
        Self::Resident,
        Self::Household,
        Self::EmployeeCard,
        Self::EmployeeControl,
        Self::PublicCost,
        Self::Service,
        Self::Other,
    ];

    /// Its name in files and commands.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheme(Scheme::CareInsured) => "care-insured",
            Self::Scheme(Scheme::MedicalInsured) => "medical-insured",
            Self::Scheme(Scheme::LateElderly) => "late-elderly",
            Self::Scheme(Scheme::BasicPension) => "basic-pension",
            Self::Scheme(Scheme::Resident) => "resident",
            Self::Scheme(Scheme::Kamogawa) => "kamogawa",
            Self::Certificate => "certificate",
            Self::Visible => "visible",
            Self::UserId => "user-id",
            Self::Reference => "reference",
            Self::Resident => "resident-number",
            Self::Household => "household",
            Self::EmployeeCard => "employee-card",
            Self::EmployeeControl => "employee-control",
            Self::PublicCost => "public-cost",
            Self::Service => "service",
            Self::Other => "other",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its number in stored rows; never given to another kind.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Scheme(Scheme::CareInsured) => 1,
            Self::Scheme(Scheme::MedicalInsured) => 2,
            Self::Scheme(Scheme::LateElderly) => 3,
            Self::Scheme(Scheme::BasicPension) => 4,
            Self::Scheme(Scheme::Resident) => 5,
            Self::Scheme(Scheme::Kamogawa) => 6,
            Self::Certificate => 16,
            Self::Visible => 17,
            Self::UserId => 18,
            Self::Reference => 19,
            Self::Resident => 20,
            Self::Household => 21,
            Self::EmployeeCard => 22,
            Self::EmployeeControl => 23,
            Self::PublicCost => 24,
            Self::Service => 25,
            Self::Other => 26,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether such a number leads to one person.
    #[must_use]
    pub const fn identifies(self) -> bool {
        !matches!(self, Self::Household)
    }

    /// Whether a person may have several of one party at the same time.
    #[must_use]
    pub const fn is_multiple(self) -> bool {
        matches!(self, Self::PublicCost | Self::Other)
    }

    /// Whether it says that the person is insured for medical care: nobody is to be left without one.
    #[must_use]
    pub const fn is_medical(self) -> bool {
        matches!(self, Self::Scheme(Scheme::MedicalInsured | Scheme::LateElderly))
    }

    /// Whether digits may be written in full-width and with hyphens.
    const fn folds(self) -> bool {
        use Scheme::{BasicPension, CareInsured, LateElderly, Resident};
        matches!(self, Self::Scheme(CareInsured | LateElderly | BasicPension | Resident))
    }
}

impl Number {
    /// Reads a number as it is written in registers and files.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn read(kind: NumberKind, written: &str, level: Level) -> Result<(Self, Doubts), Wrong> {
        let mut doubts = Doubts::default();
        let text = match kind {
            NumberKind::Certificate => serial(written).ok_or(Wrong::Form)?,
            _ if kind.folds() && !written.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                doubts.folded = true;
                folded(written)
            }
            _ => Zeroizing::new(written.to_owned()),
        };
        if let NumberKind::Scheme(scheme) = kind {
            if !scheme.admits(&text) {
                // The scheme's form has only its check digit to be wrong in, if another digit would be right.
                let is_check_digit = would_pass(scheme, &text);
                match level {
                    Level::Lenient if is_check_digit => doubts.check_digit = true,
                    Level::Lenient | Level::Strict if is_check_digit => return Err(Wrong::CheckDigit),
                    Level::Lenient | Level::Strict => return Err(Wrong::Form),
                }
            }
            if scheme == Scheme::CareInsured && text.len() == 9 {
                if level == Level::Strict {
                    return Err(Wrong::Form);
                }
                doubts.short = true;
            }
        } else if kind == NumberKind::PublicCost {
            public_cost(&text, level, &mut doubts)?;
        } else if !is_opaque(&text) {
            return Err(Wrong::Form);
        }
        Ok((Self { kind, text }, doubts))
    }

    /// A number that travels.
    #[must_use]
    pub fn of(identifier: &Identifier) -> Self {
        let text = Zeroizing::new(identifier.expose().to_owned());
        Self { kind: NumberKind::Scheme(identifier.scheme()), text }
    }

    /// The key of a certificate: its serial number, as `Certificate::serial` gives it.
    ///
    /// # Errors
    /// [`Wrong`] for what is no serial number.
    pub fn certificate(serial: &str) -> Result<Self, Wrong> {
        Self::read(NumberKind::Certificate, serial, Level::Strict).map(|(number, _)| number)
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> NumberKind {
        self.kind
    }

    /// The canonical form, to be compared and stored. Not for logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The number as it travels, if it does.
    #[must_use]
    pub fn identifier(&self) -> Option<Identifier> {
        match self.kind {
            NumberKind::Scheme(scheme) => Identifier::new(scheme, &self.text).ok(),
            _ => None,
        }
    }

    /// The number as it is printed for people. Not for logs.
    #[must_use]
    pub fn display_form(&self) -> Zeroizing<String> {
        match self.identifier() {
            Some(identifier) => identifier.display_form(),
            None => self.text.clone(),
        }
    }
}

/// The kind; never the number.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({}, …)", self.kind.name())
    }
}

/// The code under which a party stands in files: an insurer's number of six digits is the one of eight with two zeros
/// before it (domain.md §2.1), everything else is as it is written.
#[must_use]
pub fn party_code(written: &str) -> String {
    let is_short = written.len() == 6 && written.bytes().all(|byte| byte.is_ascii_digit());
    if is_short { format!("00{written}") } else { written.to_owned() }
}

/// Whether this is an insurer's number (保険者番号): six or eight digits, the last a check digit (M10-21).
#[must_use]
pub fn is_insurer_number(text: &str) -> bool {
    // Leading zeros do not count, and the form of 後期高齢者 has the same eight digits.
    Scheme::LateElderly.admits(&party_code(text))
}

/// Whether this is the code of a municipality (全国地方公共団体コード): six digits, the last a check digit (modulus 11,
/// weights 6 to 2 from the left; not the one of 住民票コード).
#[must_use]
pub fn is_municipality(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(10)).collect();
    if text.len() != 6 || digits.len() != 6 {
        return false;
    }
    let sum: u32 = digits.iter().zip([6, 5, 4, 3, 2]).map(|(digit, weight)| digit * weight).sum();
    digits.last() == Some(&((11 - sum % 11) % 10))
}

/// Hexadecimal without leading zeros, in lower case: two spellings of one integer are one number.
fn serial(written: &str) -> Option<Zeroizing<String>> {
    let digits = Zeroizing::new(written.replace(':', "").to_ascii_lowercase());
    let digits = digits.trim_start_matches('0');
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = !digits.is_empty() && digits.len() <= 2 * LONGEST_SERIAL;
    (is_hex && fits).then(|| Zeroizing::new(digits.to_owned()))
}

/// Full-width digits and letters as ASCII, without hyphens of any sort.
fn folded(written: &str) -> Zeroizing<String> {
    let narrow = |c: char| match c {
        '０'..='９' | 'Ａ'..='Ｚ' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32),
        '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | 'ー' | '－' | 'ｰ' => None,
        other => Some(other),
    };
    Zeroizing::new(written.chars().filter_map(narrow).collect())
}

/// Whether another last digit would make it a number of the scheme.
fn would_pass(scheme: Scheme, text: &str) -> bool {
    let mut other = Zeroizing::new(text.to_owned());
    if !other.pop().is_some_and(|last| last.is_ascii_digit()) {
        return false;
    }
    ('0'..='9').any(|digit| {
        other.push(digit);
        let passes = scheme.admits(&other);
        other.pop();
        passes
    })
}

/// 公費区分 of two digits; 受給者番号 of seven digits with a check digit, or up to 30 characters of a local scheme (区分 from
/// 40 to 49 and from 80 on).
fn public_cost(text: &str, level: Level, doubts: &mut Doubts) -> Result<(), Wrong> {
    let (class, number) = text.split_once(':').ok_or(Wrong::Form)?;
    let class: u8 = if class.len() == 2 { class.parse().map_err(|_| Wrong::Form)? } else { 0 };
    let is_local = (40..=49).contains(&class) || class >= 80;
    if is_local {
        let fits = (1..=30).contains(&number.chars().count()) && is_opaque(number);
        return if fits { Ok(()) } else { Err(Wrong::Form) };
    }
    if class == 0 || number.len() != 7 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Form);
    }
    // Leading zeros do not change M10-21.
    if !Scheme::LateElderly.admits(&format!("0{number}")) {
        if level == Level::Strict {
            return Err(Wrong::CheckDigit);
        }
        doubts.check_digit = true;
    }
    Ok(())
}

fn is_opaque(text: &str) -> bool {
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_OPAQUE;
    fits && !text.contains(char::is_control) && text.trim() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: NumberKind, text: &str, level: Level) -> Result<(String, Doubts), Wrong> {
        Number::read(kind, text, level).map(|(number, doubts)| (number.expose().to_owned(), doubts))
    }

    fn kind(name: &str) -> NumberKind {
        NumberKind::from_name(name).unwrap()
    }

    #[test]
    fn names_and_codes_are_unique() {
        for one in NumberKind::ALL {
            assert_eq!(NumberKind::from_name(one.name()), Some(one));
            assert_eq!(NumberKind::from_code(one.code()), Some(one));
        }
        assert_eq!((NumberKind::from_name(""), NumberKind::from_code(0)), (None, None));
    }

    #[test]
    fn the_samples_of_the_basic_plan_are_read() {
        let plain = Doubts::default();
        let folded = Doubts { folded: true, ..plain };
        assert_eq!(
            read(kind("basic-pension"), "０９８７－６５４３２１", Level::Strict),
            Ok(("0987654321".into(), folded))
        );
        let short = Doubts { folded: true, short: true, ..plain };
        assert_eq!(
            read(kind("care-insured"), "１２３４－５６７８９", Level::Lenient),
            Ok(("123456789".into(), short))
        );
        assert_eq!(read(kind("care-insured"), "１２３４－５６７８９", Level::Strict), Err(Wrong::Form));
        assert_eq!(
            read(kind("care-insured"), "１２３４－５６７８９０", Level::Strict),
            Ok(("1234567890".into(), folded))
        );
        // Free text is never folded.
        assert_eq!(
            read(kind("medical-insured"), "港いろは１２３４", Level::Strict),
            Ok(("港いろは１２３４".into(), plain))
        );
        assert_eq!(read(kind("kamogawa"), &"１".repeat(44), Level::Lenient), Err(Wrong::Form));
    }

    #[test]
    fn a_wrong_check_digit_is_an_error_or_a_doubt() {
        let doubt = Doubts { check_digit: true, ..Doubts::default() };
        for (name, good, bad) in [
            ("late-elderly", "33120015", "33120016"),
            ("resident", "25208017643", "25208017644"),
            ("public-cost", "12:1234566", "12:1234567"),
        ] {
            assert_eq!(read(kind(name), good, Level::Strict), Ok((good.into(), Doubts::default())), "{name}");
            assert_eq!(read(kind(name), bad, Level::Strict), Err(Wrong::CheckDigit), "{name}");
            assert_eq!(read(kind(name), bad, Level::Lenient), Ok((bad.into(), doubt)), "{name}");
        }
        // A wrong length is one at either level.
        for level in [Level::Strict, Level::Lenient] {
            assert_eq!(read(kind("late-elderly"), "3312001", level), Err(Wrong::Form));
        }
        // What a lenient relay keeps does not travel.
        let (number, _) = Number::read(kind("resident"), "25208017644", Level::Lenient).unwrap();
        assert_eq!(number.identifier(), None);
    }

    #[test]
    fn a_serial_number_is_an_integer() {
        for same in ["00A1:b2", "a1b2", "A1B2", "0000a1b2"] {
            assert_eq!(Number::certificate(same).unwrap().expose(), "a1b2");
        }
        for bad in ["", "0", "00", "xyz", "-1", "ａ１", &"f".repeat(41)] {
            assert_eq!(Number::certificate(bad), Err(Wrong::Form), "{bad}");
        }
        assert_eq!(format!("{:?}", Number::certificate("a1").unwrap()), "Number(certificate, …)");
    }

    #[test]
    fn codes_of_parties_and_towns() {
        assert_eq!(party_code("138016"), "00138016");
        assert_eq!(party_code("１３８０１６"), "１３８０１６");
        assert!(
            is_insurer_number("138016") && is_insurer_number("00138016") && is_insurer_number("33120015")
        );
        assert!(!is_insurer_number("138017") && !is_insurer_number("3312") && !is_insurer_number(""));
        assert!(is_municipality("131016") && !is_municipality("131017") && !is_municipality("13101"));
    }

    #[test]
    fn opaque_numbers_have_no_control_characters_and_an_end() {
        assert!(read(kind("service"), "P-001,\"x\":y", Level::Strict).is_ok());
        for bad in ["", " a", "a\n", "a\0", &"a".repeat(129)] {
            assert_eq!(read(kind("service"), bad, Level::Strict), Err(Wrong::Form), "{bad:?}");
        }
        assert!(read(kind("public-cost"), "80:地方-1", Level::Strict).is_ok());
        for bad in ["12", "1:1234566", "xx:1234566", "12:123456", "80:", "00:1234566"] {
            assert_eq!(read(kind("public-cost"), bad, Level::Strict), Err(Wrong::Form), "{bad}");
        }
    }
}
