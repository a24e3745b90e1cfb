//! `spec` as an editor of the standard uses it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

fn spec(words: &[&str]) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_spec")).args(words).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn wrong_use_is_told_from_a_fault_of_the_chapters() {
    let (code, out, err) = spec(&["--help"]);
    assert!(code == 0 && out.starts_with("usage: spec check") && err.is_empty(), "{out}{err}");
    for words in [&[][..], &["chekc"], &["check", "a", "b"]] {
        let (code, out, err) = spec(words);
        assert!(code == 2 && out.is_empty() && err.starts_with("usage: "), "{words:?}: {out}{err}");
    }
    let (code, _, err) = spec(&["check", "/nowhere/at/all"]);
    assert!(code == 2 && err.starts_with("spec: /nowhere/at/all: "), "{err}");
    assert_eq!(spec(&["check"]).0, 0);
}

#[test]
fn a_changed_sentence_is_named() {
    let folder = std::env::temp_dir().join(format!("chukei-spec-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    for entry in fs::read_dir(own).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let name = folder.to_str().unwrap();
    assert_eq!(spec(&["check", name]), (0, String::new(), String::new()));
    let chapter = folder.join("31-envelope.md");
    let text = fs::read_to_string(&chapter).unwrap();
    fs::write(&chapter, text.replacen("is itself the one Audience", "is itself an Audience", 1)).unwrap();
    let (code, _, err) = spec(&["check", name]);
    assert_eq!(code, 1);
    assert!(
        err.starts_with("envelope.audience.self: is not as in index.lock\nindex.lock is not that"),
        "{err}"
    );
    assert_eq!(spec(&["lock", name]).0, 0);
    assert_eq!(spec(&["check", name]).0, 0);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_reader_that_goes_away_makes_no_panic() {
    let mut list = Command::new(env!("CARGO_BIN_EXE_spec"));
    let mut list = list.arg("list").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(list.stdout.take());
    let list = list.wait_with_output().unwrap();
    assert_eq!((list.status.code(), list.stderr.as_slice()), (Some(0), &[][..]));
    assert!(spec(&["list"]).1.contains("envelope.audience.self\tresponder\tMUST\t"));
}
