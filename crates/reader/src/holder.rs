//! Whose card it is: attributes that card types put into files and certificates.

use std::collections::BTreeMap;

use rand_chacha::rand_core::RngCore;

use crate::keys::stream;

/// Attributes of a made-up person, or member of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder(BTreeMap<&'static str, String>);

/// What card types ask of a holder.
pub const ATTRIBUTES: [&str; 14] = [
    "name",
    "born",
    "sex",
    "address",
    "prefecture",
    "city",
    "issued",
    "card-number",
    "user-number",
    "kamogawa-id",
    "authentication-id",
    "institution",
    "operator",
    "role",
];

impl Holder {
    /// A person of this name that the seed makes up.
    #[must_use]
    pub fn synthetic(seed: u64, id: &str) -> Self {
        let mut stream = stream(seed, &format!("holder:{id}"));
        let mut digits = |count: usize| -> String {
            // Uneven by 1 in 10⁹; nobody's secret depends on it.
            (0..count).filter_map(|_| char::from_digit(stream.next_u32() % 10, 10)).collect()
        };
        let values = [
            "TEST 港 花子".to_owned(),
            "1944-11-03".to_owned(),
            "2".to_owned(),
            "TEST 県 TEST 市 1-2-3".to_owned(),
            "TEST-ken".to_owned(),
            "TEST-shi".to_owned(),
            "20260101000000".to_owned(),
            digits(16),
            digits(10),
            digits(44),
            digits(16),
            "TEST 病院".to_owned(),
            "TEST 職員 0001".to_owned(),
            "eligibility-check".to_owned(),
        ];
        Self(ATTRIBUTES.into_iter().zip(values).collect())
    }

    /// Sets an attribute. Whether there is one of this name.
    pub fn set(&mut self, attribute: &str, value: impl Into<String>) -> bool {
        let known = ATTRIBUTES.into_iter().find(|known| *known == attribute);
        known.map(|known| self.0.insert(known, value.into())).is_some()
    }

    /// An attribute; none if no card type asks for it.
    #[must_use]
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.0.get(attribute).map(String::as_str)
    }

    /// The text with each `{attribute}` replaced; none if there is no such attribute.
    pub(crate) fn fill(&self, text: &str) -> Option<String> {
        let mut parts = text.split('{');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (attribute, rest) = part.split_once('}')?;
            filled.push_str(self.get(attribute)?);
            filled.push_str(rest);
        }
        Some(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_stand_in_texts() {
        let mut holder = Holder::synthetic(1, "a");
        assert_eq!(holder, Holder::synthetic(1, "a"));
        for other in [Holder::synthetic(2, "a"), Holder::synthetic(1, "b")] {
            assert_ne!(holder.get("user-number"), other.get("user-number"));
        }
        assert_eq!(holder.get("kamogawa-id").map(str::len), Some(44));
        assert!(holder.set("name", "TEST 山田"));
        assert!(!holder.set("nmae", "x"));
        assert_eq!(holder.fill("a {name}, {born}.").as_deref(), Some("a TEST 山田, 1944-11-03."));
        assert_eq!(holder.fill("{nmae}"), None);
        assert_eq!(holder.fill("{name"), None);
    }
}
