//! Reading an image, and what TOML alone cannot say about it.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::hex::Hex;
use crate::image::{Access, Application, Image, Pin};

/// What is wrong with an image, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected.
    pub message: String,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ImageError {}

impl ImageError {
    fn at(text: &str, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column, message: message.into() }
    }
}

impl Image {
    /// Reads an image.
    ///
    /// # Errors
    /// [`ImageError`] with line, column and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let image: Self =
            toml::from_str(text).map_err(|error| ImageError::at(text, error.span(), error.message()))?;
        image.check().map_err(|(span, message)| ImageError::at(text, Some(span), message))?;
        Ok(image)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Never in practice; the format cannot say so.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    fn check(&self) -> Result<(), Fault> {
        if !is_t1(&self.atr.get_ref().0) {
            return fault(
                self.atr.span(),
                "expected an answer to reset that offers T=1 and ends with its check octet",
            );
        }
        let mut aids = BTreeSet::new();
        for application in &self.applications {
            let aid = &application.aid;
            if !(5..=16).contains(&aid.get_ref().0.len()) {
                return fault(aid.span(), "expected an application identifier of 5 to 16 octets");
            }
            if !aids.insert(&aid.get_ref().0) {
                return fault(aid.span(), "expected an application identifier that no other application has");
            }
            application.check()?;
        }
        let keys: Vec<_> = self.applications.iter().flat_map(|application| &application.keys).collect();
        for plan in &self.certificates {
            if !keys.iter().any(|key| key.name == *plan.key.get_ref()) {
                return fault(plan.key.span(), "expected the name of a key of this card");
            }
            if !plan.authority.get_ref().contains("TEST") {
                return fault(
                    plan.authority.span(),
                    "expected a name with TEST, so that nobody takes it for a real one",
                );
            }
        }
        Ok(())
    }
}

type Fault = (Range<usize>, String);

fn fault(span: Range<usize>, message: impl Into<String>) -> Result<(), Fault> {
    Err((span, message.into()))
}

impl Application {
    fn check(&self) -> Result<(), Fault> {
        let mut names = BTreeSet::new();
        for pin in &self.pins {
            if !names.insert(pin.name.get_ref()) || matches!(pin.name.get_ref().as_str(), "always" | "never")
            {
                return fault(
                    pin.name.span(),
                    "expected a name that no other PIN has, and not always or never",
                );
            }
        }
        let ids = self.files.iter().map(|file| (&file.read, file.id, &file.tag));
        let ids = ids.chain(self.keys.iter().map(|key| (&key.usage, key.id, &key.reference)));
        let mut seen = BTreeSet::new();
        for (near, id, other) in ids {
            let key = (id.map(|id| id.0), other.as_ref().map(|other| &other.0));
            if id.is_none() == other.is_none() || !seen.insert(key) {
                return fault(near.span(), "expected for each file and key one identifier that no other has");
            }
        }
        let rules = self.files.iter().flat_map(|file| [&file.read, &file.update]);
        for rule in rules.chain(self.keys.iter().map(|key| &key.usage)) {
            if let Access::Pin(name) = rule.get_ref()
                && !names.contains(name)
            {
                let known: Vec<_> = names.iter().map(|name| name.as_str()).collect();
                let message =
                    format!("expected always, never or a PIN of this application: {}", known.join(", "));
                return fault(rule.span(), message);
            }
        }
        for pin in &self.pins {
            if let Some(unblock) = &pin.unblock
                && !names.contains(unblock.get_ref())
            {
                return fault(unblock.span(), "expected the name of a PIN of this application");
            }
            pin.check()?;
        }
        for key in &self.keys {
            if let Some(private) = &key.private
                && Hex::parse(&private.get_ref().0).is_none()
            {
                return fault(private.span(), "expected PKCS#8 as hexadecimal digits");
            }
        }
        Ok(())
    }
}

impl Pin {
    fn check(&self) -> Result<(), Fault> {
        if self.id.is_none() == self.reference.is_none() {
            return fault(self.name.span(), "expected a PIN with either id or reference");
        }
        if self.min == 0 || self.min > self.max || self.max > 255 {
            return fault(self.name.span(), "expected a PIN with 1 ≤ min ≤ max ≤ 255");
        }
        if *self.left.get_ref() > self.tries.min(15) {
            return fault(self.left.span(), "expected no more tries left than there are, and 15 at most");
        }
        match &self.value {
            Some(value) if !self.admits(value.get_ref().0.as_bytes()) => {
                fault(value.span(), "expected a PIN of the declared length and characters")
            }
            _ => Ok(()),
        }
    }
}

/// Whether an answer to reset offers T=1 and is well formed (ISO/IEC 7816-3 §8.2): with T=0 alone, a reader drops `Le`.
fn is_t1(atr: &[u8]) -> bool {
    let (Some(&0x3b), Some(&format)) = (atr.first(), atr.get(1)) else { return false };
    let (mut indicator, mut at, mut offers) = (format, 2, false);
    loop {
        at += usize::try_from((indicator & 0x70).count_ones()).unwrap_or_default();
        if indicator & 0x80 == 0 {
            break;
        }
        let Some(&next) = atr.get(at) else { return false };
        offers |= next & 0x0f == 1;
        indicator = next;
        at += 1;
    }
    let length = at + usize::from(format & 0x0f) + 1;
    let check = atr.iter().skip(1).fold(0, |sum, octet| sum ^ octet);
    offers && atr.len() == length && check == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"type = "x"
state = "activated"
atr = "3be000ff8131fe4514"

[[application]]
name = "x"
aid = "f000000001"
commands = ["read-binary", "verify"]
file = [{ name = "a", id = "0001", read = "p" }, { name = "b", id = "0002", read = "always" }]
pin = [{ name = "p", id = "0018", min = 4, max = 4, characters = "digits", tries = 3, left = 3, value = "1234" }]
key = [{ name = "k", id = "0017", use = "p", bits = 2048 }]

[[certificate]]
name = "c"
key = "k"
authority = "TEST CA"
subject = [["CN", "{name}"]]
years = 3
"#;

    #[test]
    fn a_mistake_is_named_with_line_and_column() {
        assert_eq!(Image::parse(SOUND).map(|_| ()), Ok(()));
        for (right, wrong, place, expected) in [
            ("activated", "active", (2, 9), "unknown variant"),
            ("3be000ff8131fe4514", "3be000ff8131fe4515", (3, 7), "check octet"),
            ("3be000ff8131fe4514", "3b00", (3, 7), "T=1"),
            ("3be000ff8131fe4514", "3bz", (3, 7), "hexadecimal"),
            ("f000000001", "f0", (7, 7), "5 to 16"),
            ("\"verify\"]", "\"verfy\"]", (8, 28), "unknown variant"),
            ("id = \"0002\"", "id = \"0001\"", (9, 84), "no other"),
            ("id = \"0002\"", "id = \"002\"", (9, 69), "hexadecimal"),
            ("read = \"p\"", "read = \"q\"", (9, 43), "a PIN of this application: p"),
            ("left = 3", "left = 4", (10, 94), "tries"),
            ("\"1234\"", "\"12345\"", (10, 105), "length"),
            ("key = \"k\"", "key = \"j\"", (15, 7), "key of this card"),
            ("TEST CA", "CA", (16, 13), "TEST"),
            ("years = 3", "yeers = 3", (18, 1), "unknown field"),
        ] {
            let error = Image::parse(&SOUND.replacen(right, wrong, 1)).unwrap_err();
            assert!(error.message.contains(expected), "{wrong}: {error}");
            assert_eq!((error.line, error.column), place, "{wrong}: {error}");
        }
    }

    #[test]
    fn an_image_survives_a_file() {
        let image = Image::parse(SOUND).unwrap();
        let again = Image::parse(&image.to_toml().unwrap()).unwrap();
        assert_eq!(again.to_toml().unwrap(), image.to_toml().unwrap());
        assert!(!format!("{image:?}").contains("1234\""), "a PIN is shown nowhere");
    }
}
