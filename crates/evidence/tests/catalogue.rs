//! Texts in two languages.
#![allow(clippy::unwrap_used, reason = "tests")]

use chukei_evidence::{Catalogue, Lang, Phrase};

#[test]
fn the_files_of_this_crate_agree() {
    let parsed =
        Catalogue::parse(include_str!("../messages/ja.toml"), include_str!("../messages/en.toml")).unwrap();
    assert_eq!(&parsed, Catalogue::builtin());
    assert!(parsed.keys().count() > 30);
}

#[test]
fn languages_that_differ_are_refused() {
    assert!(Catalogue::parse("a = 'あ {0}'", "a = 'a {0}'").is_ok());
    for (ja, en) in [
        ("a = 'あ'", "b = 'b'"),
        ("", "a = 'a'"),
        ("a = 'あ {0}'", "a = 'a {1}'"),
        ("a = 1", "a = 1"),
        ("a", ""),
    ] {
        assert!(Catalogue::parse(ja, en).is_err(), "{ja} / {en}");
    }
}

#[test]
fn arguments_are_filled_in_and_never_read_again() {
    let texts = Catalogue::parse("[x]\ny = '{1} は {0}、{x} {'", "[x]\ny = '{0} of {1}, {x} {'").unwrap();
    let phrase = Phrase::key("x.y", ["{1}", "b"]);
    assert_eq!(texts.say(&phrase, Lang::En), "{1} of b, {x} {");
    assert_eq!(texts.say(&phrase, Lang::Ja), "b は {1}、{x} {");
    assert_eq!(texts.say(&Phrase::key("x.z", ["a"]), Lang::En), "x.z (a)");
    assert_eq!(texts.say(&Phrase::from("x.y"), Lang::En), "x.y");
    assert_eq!(
        texts.say(&Phrase::plain("missing.probe"), Lang::En),
        Catalogue::builtin().text("missing.probe", Lang::En).unwrap()
    );
}

#[test]
fn a_word_goes_with_its_number() {
    let texts = Catalogue::parse("x = '{0} 件'", "x = '{0} {0:case|cases}{0:}'").unwrap();
    let said = |number: &str, lang| texts.say(&Phrase::key("x", [number]), lang);
    assert_eq!(said("1", Lang::En), "1 case{0:}");
    assert_eq!(said("0", Lang::En), "0 cases{0:}");
    assert_eq!(said("12", Lang::En), "12 cases{0:}");
    assert_eq!(said("1", Lang::Ja), "1 件");
}
