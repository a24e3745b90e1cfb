//! What `chukei login` shows of the access history, and which proofs it takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "support/mock.rs"]
mod mock;
mod support;

use mock::Mock;
use support::{Folder, Said};

#[test]
fn older_entries_and_unknown_checkpoints_are_told() {
    let folder = Folder::new();
    assert_eq!(folder.chukei("en", "world", &["--dir", "world"], "").code, 0);
    let card = ["issue", "--type", "kamogawa", "--world", "world", "--person", "seed-sample", "--register"];
    let issued = folder.chukei("en", "card", &[&card[..], &["--out", "card"]].concat(), "");
    assert_eq!(issued.code, 0, "{}", issued.err);
    let relay = Mock::start(&folder, "relay", &["--keep"]);
    assert!(relay.ready["endpoints"]["relay"].is_string(), "{}", relay.ready);
    let log_in = |lang: &str, more: &[&str]| -> Said {
        let words = ["--world", "world", "--image", "card/card.toml"];
        folder.chukei(lang, "login", &[&words[..], more].concat(), "1234\n")
    };
    for _ in 0..2 {
        let said = log_in("en", &[]);
        assert!(said.code == 0 && !said.out.contains("--before"), "{} {}", said.out, said.err);
    }
    // The hint can be typed, and there is one only where something older is.
    for (lang, part) in [("en", "entries of the period are shown"), ("ja", "項目を示しました")] {
        let newest = log_in(lang, &["--limit", "1"]);
        assert!(newest.out.contains(part), "{} {}", newest.out, newest.err);
        let before = newest.out.split_once("--before ").unwrap().1.trim();
        let all = log_in(lang, &["--before", before]);
        assert!(all.code == 0 && all.out.contains(part), "{} {}", all.out, all.err);
        assert!(!all.out.contains("--before"), "nothing is older: {}", all.out);
    }

    let proof = log_in("en", &["--proof", "proof.json"]);
    assert_eq!(proof.code, 0, "{}", proof.err);
    let verified = folder.chukei("en", "ledger", &["verify", "proof.json"], "").out;
    let size = verified.split_once(", size ").unwrap().1.split(':').next().unwrap().to_owned();
    for (lang, told) in [("en", "no checkpoint of size 9999"), ("ja", "大きさ 9999 のチェックポイント")]
    {
        let beyond = log_in(lang, &["--proof", "beyond.json", "--since", "9999"]);
        assert!(beyond.code == 2 && beyond.err.contains(told), "{} {}", beyond.out, beyond.err);
        assert!(beyond.err.contains('→') && !folder.path.join("beyond.json").exists());
    }
    let known = log_in("en", &["--proof", "known.json", "--since", &size]);
    assert!(known.code == 0 && folder.path.join("known.json").exists(), "{size}: {}", known.err);
}
