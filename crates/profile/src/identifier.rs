//! Numbers of persons, each in the one form of its scheme. Nothing is folded, trimmed or normalised: two numbers are the
//! same person's only if they are the same characters. A display form exists for people, never for comparison.

use std::fmt;

use chukei_crypto::Zeroizing;

/// Who numbers, and how. On the wire it is `Format` of a `saml:NameID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// 介護保険被保険者番号: ten characters, digits but for a leading `H`; nine digits occur.
    CareInsured,
    /// 医療保険 記号・番号: free text of the insurer, 1 to 64 characters, none of them a control character, and no white
    /// space at either end.
    MedicalInsured,
    /// 後期高齢者医療 被保険者番号: eight digits, the last a check digit (M10-21).
    LateElderly,
    /// 基礎年金番号: ten digits, shown as 4-6.
    BasicPension,
    /// 住民票コード: eleven digits, the last a check digit (M11, weights 2 to 7).
    Resident,
    /// 鴨川実証の個人識別ID: 44 digits.
    Kamogawa,
}

/// A number without the form of its scheme. Carries nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A number of a person. No `Display`, nothing in `Debug`, overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    scheme: Scheme,
    value: Zeroizing<String>,
}

/// Characters of a 記号・番号, at most.
const LONGEST_FREE_TEXT: usize = 64;

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 6] = [
        Self::CareInsured,
        Self::MedicalInsured,
        Self::LateElderly,
        Self::BasicPension,
        Self::Resident,
        Self::Kamogawa,
    ];

    /// Its identifier on the wire.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::CareInsured => "urn:chukei:1.0:identifier:care-insured",
            Self::MedicalInsured => "urn:chukei:1.0:identifier:medical-insured",
            Self::LateElderly => "urn:chukei:1.0:identifier:late-elderly",
            Self::BasicPension => "urn:chukei:1.0:identifier:basic-pension",
            Self::Resident => "urn:chukei:1.0:identifier:resident",
            Self::Kamogawa => "urn:chukei:1.0:identifier:kamogawa",
        }
    }

    /// The scheme of this identifier.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.uri() == uri)
    }

    /// Whether these characters have the form of the scheme.
    #[must_use]
    pub fn admits(self, text: &str) -> bool {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::CareInsured => match text.len() {
                9 => digits(text),
                10 => digits(text.strip_prefix('H').unwrap_or(text)),
                _ => false,
            },
            Self::MedicalInsured => {
                let fits = (1..=LONGEST_FREE_TEXT).contains(&text.chars().count());
                fits && !text.contains(char::is_control) && text.trim() == text
            }
            Self::LateElderly => text.len() == 8 && digits(text) && checked(text, m10_21),
            Self::BasicPension => text.len() == 10 && digits(text),
            Self::Resident => text.len() == 11 && digits(text) && checked(text, m11),
            Self::Kamogawa => text.len() == 44 && digits(text),
        }
    }
}

impl Identifier {
    /// A number in the form of this scheme.
    ///
    /// # Errors
    /// [`Malformed`] for other lengths, characters or check digits.
    pub fn new(scheme: Scheme, text: &str) -> Result<Self, Malformed> {
        if !scheme.admits(text) {
            return Err(Malformed);
        }
        Ok(Self { scheme, value: Zeroizing::new(text.to_owned()) })
    }

    /// Its scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The number as it was written, to be compared, stored and sealed. Not for logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// The number as it is printed for people. Not for logs.
    #[must_use]
    pub fn display_form(&self) -> Zeroizing<String> {
        let shown = match (self.scheme, self.value.split_at_checked(4)) {
            (Scheme::BasicPension, Some((symbol, number))) => format!("{symbol}-{number}"),
            _ => self.value.as_str().to_owned(),
        };
        Zeroizing::new(shown)
    }
}

/// The scheme; never the number.
impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({:?}, …)", self.scheme)
    }
}

/// Whether the last digit is the check digit of those before it.
fn checked(digits: &str, algorithm: fn(&mut dyn Iterator<Item = u32>) -> u32) -> bool {
    let mut reversed = digits.chars().rev().filter_map(|digit| digit.to_digit(10));
    reversed.next().is_some_and(|check| algorithm(&mut reversed) == check)
}

/// Modulus 10, weights 2 and 1, sums of digits. Takes the payload from its last digit on.
fn m10_21(payload: &mut dyn Iterator<Item = u32>) -> u32 {
    let weighted = payload.zip([2, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight);
    let total: u32 = weighted.map(|product| product / 10 + product % 10).sum();
    (10 - total % 10) % 10
}

/// Modulus 11, weights 2 to 7. Takes the payload from its last digit on.
fn m11(payload: &mut dyn Iterator<Item = u32>) -> u32 {
    let total: u32 = payload.zip((2..=7).cycle()).map(|(digit, weight)| digit * weight).sum();
    match total % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_has_one_form() {
        let long = "1".repeat(64);
        let kamogawa = "1234567890".repeat(4) + "1234";
        let cases: [(Scheme, &[&str], &[&str]); 6] = [
            (
                Scheme::CareInsured,
                &["0000123456", "H000123456", "123456789"],
                &[
                    "",
                    "12345678",
                    "12345678901",
                    "0000H12345",
                    "０000123456",
                    "h000123456",
                    "H12345678",
                    "000012345 ",
                ],
            ),
            (
                Scheme::MedicalInsured,
                &["港いろは１２３４", "港 1234", "𠮷・1", &long],
                &["", " 港", "港\u{3000}", "港\u{0}", "港\n1", "1\u{7f}", &"1".repeat(65)],
            ),
            (
                Scheme::LateElderly,
                &["33120015", "31120017", "06130017"],
                &["33120016", "3312001", "331200150", "3312００15"],
            ),
            (Scheme::BasicPension, &["0987654321"], &["0987-654321", "098765432", "09876543210"]),
            (
                Scheme::Resident,
                &["24727059608", "24846016224", "25208017643"],
                &["25208017644", "2520801764"],
            ),
            (Scheme::Kamogawa, &[&kamogawa], &["1", &"1".repeat(45)]),
        ];
        for (scheme, good, bad) in cases {
            for text in good {
                assert_eq!(Identifier::new(scheme, text).unwrap().expose(), *text);
            }
            for text in bad {
                assert_eq!(Identifier::new(scheme, text).err(), Some(Malformed), "{scheme:?} {text:?}");
            }
            assert_eq!(Scheme::from_uri(scheme.uri()), Some(scheme));
        }
    }

    #[test]
    fn no_folding_no_telling() {
        let wide = Identifier::new(Scheme::MedicalInsured, "港いろは１２３４").unwrap();
        let narrow = Identifier::new(Scheme::MedicalInsured, "港いろは1234").unwrap();
        assert_ne!(wide, narrow);
        assert_eq!(wide, wide.clone());
        assert_eq!(format!("{wide:?}"), "Identifier(MedicalInsured, …)");
        let pension = Identifier::new(Scheme::BasicPension, "0987654321").unwrap();
        assert_eq!(pension.display_form().as_str(), "0987-654321");
        assert_eq!(wide.display_form().as_str(), "港いろは１２３４");
    }
}
