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
    /// What was expected: a key of the command's messages, such as `image.aid-length`, which has it in the reader's language.
    pub code: &'static str,
    /// Arguments of the message: what stands there, what may stand there.
    pub with: Vec<String>,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.code)?;
        if self.with.is_empty() { Ok(()) } else { write!(f, " ({})", self.with.join("; ")) }
    }
}

impl std::error::Error for ImageError {}

impl ImageError {
    fn at(text: &str, span: Option<Range<usize>>, (code, with): Mistake) -> Self {
        let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column, code, with }
    }
}

impl Image {
    /// Reads an image.
    ///
    /// # Errors
    /// [`ImageError`] with line, column and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let image: Self = toml::from_str(text)
            .map_err(|error| ImageError::at(text, error.span(), mistake(error.message())))?;
        image.check().map_err(|(span, mistake)| ImageError::at(text, Some(span), mistake))?;
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
            return fault(self.atr.span(), "image.answer-to-reset");
        }
        let mut aids = BTreeSet::new();
        for application in &self.applications {
            let aid = &application.aid;
            if !(5..=16).contains(&aid.get_ref().0.len()) {
                return fault(aid.span(), "image.aid-length");
            }
            if !aids.insert(&aid.get_ref().0) {
                return fault(aid.span(), "image.aid-twice");
            }
            application.check()?;
        }
        let keys: Vec<_> = self.applications.iter().flat_map(|application| &application.keys).collect();
        for plan in &self.certificates {
            if !keys.iter().any(|key| key.name == *plan.key.get_ref()) {
                return fault(plan.key.span(), "image.key-name");
            }
            if !plan.authority.get_ref().contains("TEST") {
                return fault(plan.authority.span(), "image.test-name");
            }
        }
        Ok(())
    }
}

/// Code and arguments.
type Mistake = (&'static str, Vec<String>);
type Fault = (Range<usize>, Mistake);

const fn fault(span: Range<usize>, code: &'static str) -> Result<(), Fault> {
    Err((span, (code, Vec::new())))
}

/// A key of the command's messages with its arguments, for what the parser says: by the forms that serde gives to what it says in
/// English. The texts are those of any TOML file.
#[must_use]
pub fn mistake(message: &str) -> (&'static str, Vec<String>) {
    let names = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let known = |names: &[String]| names.get(1..).unwrap_or_default().join(", ");
    let begins = |beginning: &str| message.starts_with(beginning);
    let names = names(message);
    let first = || names.first().cloned().unwrap_or_default();
    let wanted = message.rsplit_once("expected ").map(|(_, wanted)| wanted.trim());
    match wanted {
        Some("an even number of hexadecimal digits") => ("image.hexadecimal", Vec::new()),
        Some("a file identifier of four hexadecimal digits") => ("image.file-id", Vec::new()),
        _ if begins("unknown field") => ("image.unknown-key", vec![first(), known(&names)]),
        _ if begins("unknown variant") => ("image.unknown-value", vec![first(), known(&names)]),
        _ if begins("missing field") => ("image.missing", vec![first()]),
        _ if begins("duplicate") => ("image.twice", Vec::new()),
        Some(wanted) if begins("invalid type") || begins("invalid value") || begins("invalid length") => {
            let numbers = ["u8", "u16", "u32", "u64", "usize", "i64"];
            match wanted {
                "a string" => ("image.text", Vec::new()),
                "a boolean" => ("image.flag", Vec::new()),
                "a sequence" => ("image.list", Vec::new()),
                wanted if numbers.contains(&wanted) => ("image.number", Vec::new()),
                wanted if wanted == "a map" || wanted.starts_with("struct") => ("image.table", Vec::new()),
                wanted => ("image.other-kind", vec![wanted.to_owned()]),
            }
        }
        // After what TOML took for a number.
        Some("nothing") => ("image.bare", Vec::new()),
        Some(wanted) => ("image.syntax-wants", vec![wanted.to_owned()]),
        None => ("image.syntax", vec![message.replace('\n', " ")]),
    }
}

impl Application {
    fn check(&self) -> Result<(), Fault> {
        let mut names = BTreeSet::new();
        for pin in &self.pins {
            if !names.insert(pin.name.get_ref()) || matches!(pin.name.get_ref().as_str(), "always" | "never")
            {
                return fault(pin.name.span(), "image.pin-name");
            }
        }
        let ids = self.files.iter().map(|file| (&file.read, file.id, &file.tag));
        let ids = ids.chain(self.keys.iter().map(|key| (&key.usage, key.id, &key.reference)));
        let mut seen = BTreeSet::new();
        for (near, id, other) in ids {
            let key = (id.map(|id| id.0), other.as_ref().map(|other| &other.0));
            if id.is_none() == other.is_none() || !seen.insert(key) {
                return fault(near.span(), "image.identifier");
            }
        }
        let rules = self.files.iter().flat_map(|file| [&file.read, &file.update]);
        for rule in rules.chain(self.keys.iter().map(|key| &key.usage)) {
            if let Access::Pin(name) = rule.get_ref()
                && !names.contains(name)
            {
                let known: Vec<_> = names.iter().map(|name| name.as_str()).collect();
                return Err((rule.span(), ("image.access", vec![known.join(", ")])));
            }
        }
        for pin in &self.pins {
            if let Some(unblock) = &pin.unblock
                && !names.contains(unblock.get_ref())
            {
                return fault(unblock.span(), "image.unblock");
            }
            pin.check()?;
        }
        for key in &self.keys {
            if let Some(private) = &key.private
                && Hex::parse(&private.get_ref().0).is_none()
            {
                return fault(private.span(), "image.pkcs8");
            }
        }
        Ok(())
    }
}

impl Pin {
    fn check(&self) -> Result<(), Fault> {
        if self.id.is_none() == self.reference.is_none() {
            return fault(self.name.span(), "image.pin-place");
        }
        if self.min == 0 || self.min > self.max || self.max > 255 {
            return fault(self.name.span(), "image.pin-lengths");
        }
        if *self.left.get_ref() > self.tries.min(15) {
            return fault(self.left.span(), "image.tries-left");
        }
        match &self.value {
            Some(value) if !self.admits(value.get_ref().0.as_bytes()) => {
                fault(value.span(), "image.pin-value")
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
            ("activated", "active", (2, 9), "image.unknown-value (active; manufactured, personalised"),
            ("3be000ff8131fe4514", "3be000ff8131fe4515", (3, 7), "image.answer-to-reset"),
            ("3be000ff8131fe4514", "3b00", (3, 7), "image.answer-to-reset"),
            ("3be000ff8131fe4514", "3bz", (3, 7), "image.hexadecimal"),
            ("f000000001", "f0", (7, 7), "image.aid-length"),
            ("\"verify\"]", "\"verfy\"]", (8, 28), "image.unknown-value (verfy; "),
            ("id = \"0002\"", "id = \"0001\"", (9, 84), "image.identifier"),
            ("id = \"0002\"", "id = \"002\"", (9, 69), "image.hexadecimal"),
            ("id = \"0002\"", "id = \"000002\"", (9, 69), "image.file-id"),
            ("read = \"p\"", "read = \"q\"", (9, 43), "image.access (p)"),
            ("left = 3", "left = 4", (10, 94), "image.tries-left"),
            ("tries = 3", "tries = 300", (10, 84), "image.number"),
            ("min = 4", "min = \"4\"", (10, 41), "image.number"),
            ("id = \"0018\", ", "", (10, 17), "image.pin-place"),
            ("\"1234\"", "\"12345\"", (10, 105), "image.pin-value"),
            ("\"1234\"", "1234", (10, 105), "image.text"),
            ("key = \"k\"", "key = \"j\"", (15, 7), "image.key-name"),
            ("TEST CA", "CA", (16, 13), "image.test-name"),
            ("years = 3", "yeers = 3", (18, 1), "image.unknown-key (yeers; name, key"),
            ("years = 3\n", "", (13, 1), "image.missing (years)"),
            ("years = 3", "years = 3\nyears = 3", (19, 1), "image.twice"),
            ("[[certificate]]", "[[certificate]", (13, 15), "image.syntax-wants"),
            ("[[\"CN\", \"{name}\"]]", "3", (17, 11), "image.list"),
        ] {
            let error = Image::parse(&SOUND.replacen(right, wrong, 1)).unwrap_err();
            assert!(error.to_string().contains(expected), "{wrong}: {error}");
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
