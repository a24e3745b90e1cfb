//! The card types that come with Chukei.

use crate::Image;

macro_rules! card_types {
    ($($name:literal = $($part:literal)+;)*) => {
        /// Name, and what the type is put together from: a card, and further applications for it.
        const TYPES: &[(&str, &[&str])] =
            &[$(($name, &[$(include_str!(concat!("../types/", $part, ".toml"))),+])),*];
    };
}

card_types! {
    "juki-2010" = "juki-2010";
    "juki-jpki" = "juki-jpki";
    "juki-jpki+kokuho" = "juki-jpki" "kokuho-only";
    "kokuho-only" = "kokuho-only";
    "kamogawa" = "kamogawa";
    "operator-token" = "operator-token";
    "mynumber-like" = "mynumber-like";
    "mynumber-like+kokuho" = "mynumber-like" "kokuho-only";
}

/// Names of the card types.
pub fn types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name)
}

/// An unpersonalised card of this type.
#[must_use]
pub fn named(name: &str) -> Option<Image> {
    let (_, parts) = TYPES.iter().find(|(known, _)| *known == name)?;
    let mut images = parts.iter().map(|text| Image::parse(text));
    let first = images.next()?.ok()?; // a test reads them all
    images.try_fold(Image { kind: name.to_owned(), ..first }, |mut image, part| {
        let part = part.ok()?;
        image.applications.extend(part.applications);
        image.certificates.extend(part.certificates);
        Some(image)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LifeCycle;

    #[test]
    fn every_type_is_sound_and_empty() {
        for (name, parts) in TYPES {
            for text in *parts {
                Image::parse(text).unwrap_or_else(|error| panic!("{name}:{error}"));
            }
            let image = named(name).unwrap();
            assert_eq!((image.kind.as_str(), image.state), (*name, LifeCycle::Manufactured));
            let mut keys = image.applications.iter().flat_map(|application| &application.keys);
            assert!(keys.all(|key| key.private.is_none()));
        }
        assert_eq!(named("juki-jpki+kokuho").unwrap().applications.len(), 3);
        assert!(named("juki").is_none());
    }
}
