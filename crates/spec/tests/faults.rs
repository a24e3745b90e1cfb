//! Each mistake in a chapter is noticed, and the sound twin is not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use chukei_spec::{Level, Role, Substitute, parse};

const HEAD: &str = "r[mapping.loop.none] relay";
const JA: &str = "中継DBは、環を拒否しなければならない。";
const EN: &str = "A relay MUST refuse a loop.";

fn read(text: &str) -> (Vec<parse::Parsed>, Vec<String>) {
    let (mut sentences, mut faults) = (Vec::new(), Vec::new());
    parse::chapter("30-mapping", text, &mut sentences, &mut faults);
    (sentences, faults)
}

#[test]
fn a_sentence_is_read_whole() {
    let (sentences, faults) = read(&format!("# 題 / Title\n\n{HEAD}\n{JA}\n{EN}\n\nprose\n"));
    assert_eq!(faults, Vec::<String>::new());
    let sentence = &sentences[0];
    assert_eq!(
        (sentence.id.as_str(), sentence.role, sentence.level),
        ("mapping.loop.none", Role::Relay, Level::Must)
    );
    assert_eq!((sentence.line, sentence.evidence()), (3, "suite".to_owned()));

    let excuse = "untestable: 見えない / unseen; evidence: inspection; owner: operator";
    let (sentences, _) = read(&format!("{HEAD}\n{JA}\n{EN}\n{excuse}\n"));
    let untestable = sentences[0].untestable.as_ref().unwrap();
    assert_eq!((untestable.en.as_str(), untestable.evidence), ("unseen", Substitute::Inspection));

    let (sentences, _) = read(&format!("{HEAD}\n{JA}\n{EN}\ncovered-by: vectors/xml-parse\n"));
    assert_eq!(sentences[0].evidence(), "vectors/xml-parse");
}

#[test]
fn mistakes_are_noticed() {
    for (what, text) in [
        ("an unknown role", format!("r[mapping.loop.none] relais\n{JA}\n{EN}\n")),
        ("an id of one word", format!("r[mapping] relay\n{JA}\n{EN}\n")),
        ("an id with capitals", format!("r[mapping.Loop] relay\n{JA}\n{EN}\n")),
        ("no role", format!("r[mapping.loop.none]\n{JA}\n{EN}\n")),
        ("one language", format!("{HEAD}\n{JA}\n")),
        ("English first", format!("{HEAD}\n{EN}\n{JA}\n")),
        ("five lines", format!("{HEAD}\n{JA}\n{EN}\ncovered-by: vectors/a\nmore\n")),
        ("no keyword", format!("{HEAD}\n中継DBは拒否する。\nA relay refuses.\n")),
        ("another level in English", format!("{HEAD}\n{JA}\nA relay SHOULD refuse a loop.\n")),
        ("another level in Japanese", format!("{HEAD}\n中継DBは、環を拒否すべきである。\n{EN}\n")),
        ("the opposite in Japanese", format!("{HEAD}\n中継DBは、環を拒否してはならない。\n{EN}\n")),
        (
            "an excuse without reason",
            format!("{HEAD}\n{JA}\n{EN}\nuntestable: evidence: inspection; owner: vendor\n"),
        ),
        (
            "an excuse in one language",
            format!("{HEAD}\n{JA}\n{EN}\nuntestable: x; evidence: inspection; owner: vendor\n"),
        ),
        (
            "an unknown evidence",
            format!("{HEAD}\n{JA}\n{EN}\nuntestable: x / x; evidence: hope; owner: vendor\n"),
        ),
        (
            "an unknown owner",
            format!("{HEAD}\n{JA}\n{EN}\nuntestable: x / x; evidence: inspection; owner: me\n"),
        ),
        ("a bare MUST", "It MUST be so.\n".to_owned()),
        ("a bare Japanese must", "そうしなければならない。\n".to_owned()),
        ("a bare must in a table", "| x | 送ってはならない |\n".to_owned()),
    ] {
        let (_, faults) = read(&text);
        assert_eq!(faults.len(), 1, "{what}: {faults:?}");
        assert!(faults[0].starts_with("30-mapping.md:1: "), "{what}: {faults:?}");
    }
    assert!(read("Everyday MUSTARD and「してよい」.\n```text\nMUST\n```\n").1.is_empty());
}

#[test]
fn an_id_stands_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("10-a.md", &format!("{HEAD}\n{JA}\n{EN}\n"));
    write("README.md", "MUST is explained here.\n");
    assert!(parse::folder(folder.path()).unwrap().1.is_empty());
    write("20-b.md", &format!("{HEAD}\n{JA}\n{EN}\n"));
    assert_eq!(
        parse::folder(folder.path()).unwrap().1,
        ["20-b.md:1: mapping.loop.none stands at 10-a.md:1 too"]
    );
}
