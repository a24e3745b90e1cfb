//! Examples in the chapters are what the reference implementation writes, octet for octet.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path};

use chukei_idwsf::fault;
use chukei_reason::{Answer, LimitKind, Reason};

/// Blocks of code by what stands behind the three backticks.
fn blocks(chapter: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec").join(chapter);
    let text = fs::read_to_string(path).unwrap();
    let mut parts = text.split("\n```");
    let mut found = BTreeMap::new();
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        let (info, content) = block.split_once('\n').unwrap();
        found.insert(info.to_owned(), content.to_owned());
    }
    found
}

#[test]
fn faults_have_the_octets_that_chapter_20_shows() {
    let blocks = blocks("20-messages.md");
    let shown = [
        ("xml auth", Reason::Signature),
        ("xml dec", Reason::Decrypt),
        ("xml semantic", Reason::Window),
        ("xml framework", Reason::Framework),
    ];
    for (info, reason) in shown {
        let block = blocks.get(info).unwrap_or_else(|| panic!("{info}"));
        assert_eq!(block, std::str::from_utf8(&fault(reason).body).unwrap(), "{info}");
    }
}

/// The table of groups: HTTP status, faultcode and faultstring of each.
#[test]
fn the_table_of_groups_is_what_is_answered() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/20-messages.md")).unwrap();
    for reason in Reason::all() {
        let group = match reason.answer() {
            Answer::Bytes => "bytes",
            Answer::TooLarge => "too-large",
            Answer::Auth => "auth",
            Answer::Dec => "dec",
            Answer::Semantic => "semantic",
            Answer::Internal => "internal",
            other => panic!("{other:?}"),
        };
        let row = text.lines().find(|line| line.starts_with(&format!("| {group} |"))).unwrap();
        let answered = fault(reason);
        let body = String::from_utf8(answered.body).unwrap();
        let between =
            |from: &str, to: &str| body.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
        assert!(row.contains(&format!("| {}", answered.status)), "{reason}: {row}");
        assert!(
            row.contains(&format!("`{}`", between("<faultstring>", "</faultstring>"))),
            "{reason}: {row}"
        );
        let code = between("<faultcode", "</faultcode>").split_once('>').unwrap().1.to_owned();
        if group == "semantic" {
            let detail = between("code=\"", "\"");
            assert!(text.contains(&format!("\n| `{detail}` |")), "{reason}: {detail}");
            assert!(text.contains(&format!("`{code}`")), "{reason}: {code}");
        } else {
            assert!(row.contains(&format!("`{code}`")), "{reason}: {row}");
            assert!(!body.contains("detail"), "{reason}: {body}");
        }
    }
    assert_eq!(fault(Reason::Limit(LimitKind::Bytes)).status, 413);
}
