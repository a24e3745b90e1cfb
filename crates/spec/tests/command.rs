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
    for (words, told) in [
        (&[][..], "what is to be done?"),
        (&["chekc"], "there is no command chekc; there are check, lock, list, reasons"),
        (&["--frist"], "there is no option --frist; there are check"),
        (&["check", "--all"], "there is no option --all of check"),
        (&["check", "a", "b"], "there is one FOLDER at most"),
    ] {
        let (code, out, err) = spec(words);
        let begins = err.starts_with(&format!("spec: {told}")) && err.contains("\n\nusage: ");
        assert!(code == 2 && out.is_empty() && begins, "{words:?}: {out}{err}");
    }
    let (code, _, err) = spec(&["check", "/nowhere/at/all"]);
    assert_eq!((code, err.as_str()), (2, "spec: /nowhere/at/all: No such file or directory\n"));
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
    // One fault is one line: nothing is said of the lock, which is not at fault.
    fs::write(&chapter, text.replacen(" MUST ", " SHOULD ", 1)).unwrap();
    let (code, _, err) = spec(&["check", name]);
    let told = "the two languages do not say the same keywords: Japanese MUST, English SHOULD";
    assert!(code == 1 && err.lines().count() == 1 && err.contains(told), "{err}");
    fs::write(&chapter, b"r[a.b] relay\n\xff\n").unwrap();
    let (code, _, err) = spec(&["check", name]);
    assert!(code == 2 && err.ends_with(": 31-envelope.md: it is not UTF-8\n"), "{err}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_folder_without_chapters_gets_no_lock() {
    let folder = std::env::temp_dir().join(format!("chukei-spec-empty-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    for command in ["lock", "check", "list"] {
        let (code, out, err) = spec(&[command, folder.to_str().unwrap()]);
        assert!(code == 2 && out.is_empty() && err.contains("no chapter"), "{command}: {out}{err}");
    }
    assert!(!folder.join("index.lock").exists());
    fs::write(folder.join("10-a.md"), "r[a.b] relay\n行わなければならない。\nIt MUST be done.\n").unwrap();
    assert_eq!(spec(&["lock", folder.to_str().unwrap()]), (0, String::new(), String::new()));
    assert!(folder.join("index.lock").exists());
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
