//! What `chukei run` and `doctor` do to a product and to earlier outputs when the set-up is at fault.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;

use support::{Folder, Said};

/// Judges the TEST card in the folder, with these PINs.
fn judged(folder: &Folder, lang: &str, pins: &str, out: &str) -> Said {
    fs::write(folder.path.join("pins.toml"), pins).unwrap();
    let words = ["--profile", "card@1.0", "--image", "card/card.toml", "--pins", "pins.toml", "--out", out];
    folder.chukei(lang, "run", &words, "")
}

#[test]
fn a_card_is_not_judged_with_a_pin_that_it_refuses() {
    let folder = Folder::new();
    let issued = folder.chukei("en", "card", &["issue", "--type", "mynumber-like", "--out", "card"], "");
    assert_eq!(issued.code, 0, "{}", issued.err);
    let wrong = "signature = \"WRONG1\"\nauthentication = \"1234\"\n";
    let said = judged(&folder, "en", wrong, "result");
    assert_eq!((said.code, said.out.as_str()), (3, ""), "{}", said.err);
    assert!(
        said.err.contains(
            "pins.toml does not have this card's PIN: signature was refused with 63C4. Tries left: 4"
        )
    );
    assert!(
        judged(&folder, "ja", wrong, "result")
            .err
            .contains("pins.toml の PIN はこのカードのものではありません")
    );
    assert!(!folder.path.join("result").exists(), "nothing was judged");

    let said = judged(&folder, "en", "signature = \"ABC123\"\nauthentication = \"1234\"\n", "result");
    assert!(said.out.contains("card@1.0"), "{} {}", said.out, said.err);
    assert!(said.code < 2 && folder.path.join("result/report.html").exists(), "{}", said.err);
}
