//! What the system and the libraries say is English and speaks of error numbers. Here it becomes a text of the catalogue, in the
//! reader's language, like the causes for which our own code has short words (`why.…`). What is not known here stays as it is.

use std::io;

use chukei_evidence::{Lang, Phrase};

use crate::say::catalogue;

/// What a phrase says, its arguments too.
pub(crate) fn say(phrase: &Phrase, lang: Lang) -> String {
    let phrase = match phrase {
        Phrase::Key { key, with } => Phrase::key(key, with.iter().map(|text| said(text, lang))),
        Phrase::Value(text) => Phrase::Value(text.clone()),
    };
    catalogue().say(&phrase, lang)
}

/// The same in the reader's language, with the names of files before it.
fn said(text: &str, lang: Lang) -> String {
    if let Some(known) = known(text, lang) {
        return known;
    }
    match text.split_once(": ") {
        Some((head, rest)) => {
            let head = known(head, lang).unwrap_or_else(|| head.to_owned());
            format!("{head}: {}", said(rest, lang))
        }
        None => text.to_owned(),
    }
}

fn known(text: &str, lang: Lang) -> Option<String> {
    let of_system = || of_system(text).map(|number| format!("os.{number}"));
    let plain = of_system().or_else(|| of_library(text).map(|name| format!("library.{name}")));
    let own = || format!("why.{}", text.replace([' ', ','], "-").replace('\'', ""));
    if let Some(found) = catalogue().text(&plain.unwrap_or_else(own), lang) {
        return Some(found.to_owned());
    }
    of_json(text, lang).or_else(|| of_toml(text, lang))
}

/// The number of an error of the system, when the text is its own words.
fn of_system(text: &str) -> Option<i32> {
    let (_, number) = text.strip_suffix(')')?.rsplit_once("(os error ")?;
    let number = number.parse().ok()?;
    (io::Error::from_raw_os_error(number).to_string() == text).then_some(number)
}

fn of_library(text: &str) -> Option<&'static str> {
    Some(match text {
        "stream did not contain valid UTF-8" => "encoding",
        "file is not a database" => "no-database",
        "database disk image is malformed" => "damaged-database",
        "database is locked" => "locked-database",
        "attempt to write a readonly database" => "readonly-database",
        "unable to open database file" => "unopened-database",
        "error connecting to server" => "no-server",
        "The Smart card resource manager is not running" => "no-pcscd",
        "i/o error" => "cut-archive",
        "Invalid checksum" => "checksum",
        text if text.starts_with("invalid utf-8 sequence") || text.starts_with("incomplete utf-8") => {
            "encoding"
        }
        text if text.starts_with("invalid Zip archive") => "no-archive",
        text if text.starts_with("error:") && text.contains(" routines:") => "openssl",
        "the key is not in the one form that is read" => "key-form",
        "invalid digit found in string" => "number",
        "number too large to fit in target type" => "number-large",
        "invalid socket address syntax" => "address",
        text if text.contains(" is not in 0..") || text.contains(" is not in 1..") => "number-large",
        _ => return None,
    })
}

/// What `serde_json` says, with its place before it.
fn of_json(text: &str, lang: Lang) -> Option<String> {
    let (what, place) = text.rsplit_once(" at line ")?;
    let (line, column) = place.split_once(" column ")?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let key = if what.starts_with("EOF while parsing") { "library.json-end" } else { "library.json" };
    let what = of_toml(what, lang).or_else(|| catalogue().text(key, lang).map(str::to_owned))?;
    Some(format!("{line}:{column}: {what}"))
}

/// What `toml` says, and `serde` about the shape of what was read.
fn of_toml(text: &str, lang: Lang) -> Option<String> {
    const SHAPE: [&str; 7] = [
        "unknown field",
        "unknown variant",
        "missing field",
        "duplicate ",
        "invalid type",
        "invalid value",
        "invalid length",
    ];
    let is_shape = SHAPE.iter().any(|beginning| text.starts_with(beginning));
    if !is_shape && !text.contains(", expected ") {
        return None;
    }
    let (code, with) = chukei_card::mistake(text);
    let word = |word: &str| {
        let name = word.replace(' ', "-");
        catalogue().text(&format!("library.wanted.{name}"), lang).unwrap_or(word).to_owned()
    };
    let words = |list: &String| list.split(", ").map(word).collect::<Vec<_>>().join(", ");
    Some(catalogue().say(&Phrase::key(code, with.iter().map(words)), lang))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Real errors of the system and the libraries: with another version's words, this fails.
    #[test]
    fn what_others_say_is_told_in_both_languages() {
        let missing = std::fs::read("/nowhere/at/all").unwrap_err().to_string();
        let folder = std::fs::read("/").unwrap_err().to_string();
        let json = |text: &str| serde_json::from_str::<Vec<u8>>(text).unwrap_err().to_string();
        let toml = |text: &str| toml::from_str::<toml::Table>(text).unwrap_err().message().to_owned();
        let octets = String::from_utf8(vec![0xff]).unwrap_err().to_string();
        let key = chukei_ledger::Ed25519PrivateKey::from_pem("x").unwrap_err().to_string();
        for (text, en, ja) in [
            (missing.clone(), "there is no such file or folder", "そのようなファイルやフォルダはありません"),
            (
                format!("a/b: {missing}"),
                "a/b: there is no such file or folder",
                "a/b: そのようなファイルやフォルダはありません",
            ),
            (folder, "it is a folder", "フォルダです"),
            (octets, "it is not UTF-8", "UTF-8 ではありません"),
            (key, "it is not a private key as PEM", "PEM の秘密鍵の形ではありません"),
            (json(""), "1:0: it ends too early", "1:0: 途中で終わっています"),
            (json("[x"), "1:2: it is no JSON from here on", "1:2: ここから JSON として読めません"),
            (
                json("[\"x\"]"),
                "1:4: Expected a whole number, not too large",
                "1:4: 範囲内の整数を書いてください",
            ),
            (toml("a = 1\na = 2"), "This key stands here for the second time", "このキーは二度目です"),
            (
                toml("a = x"),
                "It is no TOML; expected here: a text in quotation marks",
                "TOML の文法に合いません。ここに要るもの: 引用符で囲んだ文字列",
            ),
            (
                toml("a = 1.2.3"),
                "A text stands here without quotation marks",
                "ここの文字列に引用符がありません",
            ),
            (
                toml("<a/>"),
                "It is no TOML; expected here: `=`",
                "TOML の文法に合いません。ここに要るもの: `=`",
            ),
        ] {
            let phrase = Phrase::key("failure.read", ["x".to_owned(), text.clone()]);
            assert_eq!(say(&phrase, Lang::En), format!("x cannot be read: {en}"), "{text}");
            assert_eq!(say(&phrase, Lang::Ja), format!("x を読めません: {ja}"), "{text}");
        }
        // What nobody knows, and what somebody wrote himself, stays.
        for text in ["responder@1.0", "C: something else", "expected", "42"] {
            assert_eq!(said(text, Lang::Ja), text);
        }
    }

    /// Every short cause in our own code has its texts.
    #[test]
    fn our_own_causes_have_texts() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut checked = 0;
        for (source, before) in [
            ("chukei/src/client.rs", &["refused(\"", "failed(\"", "Refused(\"", "Failed(\""][..]),
            ("chukei/src/token.rs", &["|_| \"", "ok_or(\"", "Err(\"", "no_signature = \"", ", \""]),
            ("ledger/src/checkpoint.rs", &["wrong(\"", "expected: \""]),
        ] {
            let text = std::fs::read_to_string(crates.join(source)).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for rest in before.iter().flat_map(|before| text.split(before).skip(1)) {
                let cause = rest.split('"').next().unwrap();
                assert_ne!(said(cause, Lang::Ja), cause, "{source}");
                checked += 1;
            }
        }
        assert!(checked > 35, "{checked}");
    }
}
