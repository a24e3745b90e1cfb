//! What `chukei` says to somebody who has made a mistake: with the exit code that README.md promises, in the reader's language, and
//! in no words but ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs;

use support::{Folder, Said};

/// A failure says `chukei: `, and nothing that only a programmer of this program, or a reader of English, understands.
fn told(said: &Said, code: i32, begins: &str) {
    assert_eq!(said.code, code, "{}", said.err);
    assert!(said.err.starts_with(&format!("chukei: {begins}")), "{begins}: {}", said.err);
    let english: &[&str] = if begins.is_ascii() { &[] } else { &["expected", "invalid ", "cannot", " is "] };
    for foreign in ["os error", "Os {", "error:", "panicked", "Some("].iter().chain(english) {
        assert!(!said.err.contains(foreign), "{}", said.err);
    }
}

#[test]
fn a_wrong_command_line_is_told_in_both_languages() {
    let folder = Folder::new();
    for (command, words, ja, en) in [
        ("frobnicate", &[][..], "コマンド frobnicate はありません。", "There is no command frobnicate"),
        ("run", &[], "--out <DIR> が要ります。", "--out <DIR> is missing"),
        ("run", &["--out", "x", "--sed", "3"], "--sed はここには書けません。", "--sed is not expected here"),
        (
            "run",
            &["--out", "x", "--seed", "abc"],
            "--seed <SEED> に abc は使えません: 符号のない整数を書いてください",
            "--seed <SEED> cannot be abc: a whole number",
        ),
        (
            "run",
            &["--out", "x", "--out", "y"],
            "--out <DIR> が二度以上あります。",
            "--out <DIR> stands there more than once",
        ),
        ("mock", &["wrld"], "<WHO> に wrld は使えません。", "<WHO> cannot be wrld"),
        (
            "mock",
            &["card", "--image", "a", "--type", "b"],
            "--image <FILE> は --type <TYPE> と一緒には使えません。",
            "--image <FILE> cannot be used together with --type <TYPE>",
        ),
        (
            "login",
            &["--world", "w"],
            "<--reader <NAME>|--image <FILE>|--tls> が要ります。",
            "<--reader <NAME>|--image <FILE>|--tls> is missing",
        ),
        (
            "run",
            &["--profile", "relay@1.0", "--image", "x", "--out", "o"],
            "relay@1.0 の判定には、製品の記述が要ります。",
            "relay@1.0 is judged with a description",
        ),
        (
            "run",
            &["--profile", "terminal@1.0", "--reader", "X", "--out", "o"],
            "terminal@1.0 の判定では端末を起動しますが",
            "terminal@1.0 is judged by starting the terminal",
        ),
        (
            "run",
            &["--profile", "card@1.0", "--client", "c", "--reader", "X", "--out", "o"],
            "card@1.0 は端末の判定ではない",
            "card@1.0 judges no terminal",
        ),
        (
            "run",
            &[
                "--profile",
                "terminal@1.0",
                "--client",
                "c",
                "--reader",
                "X",
                "--claim",
                "portal",
                "--out",
                "o",
            ],
            "--world <DIR> が要ります。",
            "--world <DIR> is missing",
        ),
        (
            "run",
            &["--profile", "card@1.0", "--image", "x", "--claim", "foo", "--out", "o"],
            "--claim: foo はこのプロファイルの機能ではありません。",
            "--claim: foo is no feature of this profile",
        ),
        ("-q", &[], "コマンドが要ります。", "A command is missing"),
        (
            "card",
            &["issue", "--type", "kamogawa", "--person", "x"],
            "--world <DIR> が要ります。",
            "--world <DIR> is missing",
        ),
        (
            "card",
            &["issue", "--type", "kamogawa", "--world", "w"],
            "<--person <ID>|--register> が要ります。",
            "<--person <ID>|--register> is missing",
        ),
        (
            "login",
            &["--world", "w", "--image", "x", "--insurer", "b"],
            "--operator <FILE> が要ります。",
            "--operator <FILE> is missing",
        ),
        (
            "mock",
            &["relay", "--world", "w", "--type", "x"],
            "--type は mock relay と一緒には使えません。",
            "--type cannot be used together with mock relay",
        ),
        (
            "mock",
            &["card", "--type", "kamogawa", "--fault", "x"],
            "--fault は mock card と一緒には使えません。",
            "--fault cannot be used together with mock card",
        ),
        (
            "mock",
            &["world", "--world", "w", "--party", "relay"],
            "--fault <NAME> が要ります。",
            "--fault <NAME> is missing",
        ),
        (
            "mock",
            &["responder", "--world", "w", "--control", "10.0.0.1:99"],
            "--control: 10.0.0.1:99 はループバックのアドレスではありません。",
            "--control: 10.0.0.1:99 is no address of the loopback interface",
        ),
        (
            "run",
            &["--profile", "crd@1.0", "--image", "x", "--out", "o"],
            "プロファイル crd@1.0 はありません。",
            "There is no profile crd@1.0",
        ),
    ] {
        told(&folder.chukei("ja", command, words, ""), 2, ja);
        told(&folder.chukei("en", command, words, ""), 2, en);
    }
    let help = folder.chukei("ja", "run", &["--help"], "");
    assert!(
        help.code == 0 && help.out.contains("使い方: chukei run") && help.out.contains("[既定: sut.toml]"),
        "{}",
        help.out
    );
    for english in ["Usage", "Options", "Arguments", "Print", "default", "possible"] {
        assert!(!help.out.contains(english), "{english}: {}", help.out);
    }
    assert!(folder.chukei("en", "run", &["--help"], "").out.contains("Usage: chukei run"));
}

/// A slip of the pen is answered with what may be meant, and with nothing that is far from it.
#[test]
fn a_name_that_is_none_is_answered_with_the_nearest() {
    let folder = Folder::new();
    let made = folder.chukei("en", "world", &["--dir", "w"], "");
    assert_eq!(made.code, 0, "{}", made.err);
    let product = "[product]\nvendor = \"TEST\"\nname = \"x\"\nversion = \"1\"\n";
    let world = "[world]\ndir = \"w\"\nparty = \"insurer-b\"\n";
    let text = format!("profile = \"responder@1.0\"\nclaims = []\n{product}{world}");
    fs::write(folder.path.join("mine.toml"), text).unwrap();
    let near = "did you mean";
    for (command, words, code, fix) in [
        ("explain", &["xml.text"][..], 2, "write one of these 1: xml.text.whole"),
        ("explain", &["responder/envelope/audience/other"], 2, "of these sentences: envelope.audience.self"),
        ("explain", &["envelope.audiense.self"], 2, "did you mean envelope.audience.self?"),
        ("explain", &["frobnicate"], 2, "chukei list"),
        ("list", &["--profile", "relay"], 2, "did you mean relay@1.0?"),
        ("list", &["--profile", "frobnicate"], 2, "write one of: card@1.0"),
        ("mock", &["relay", "--fault", "LogNumber", "--world", "w"], 2, "did you mean LogsNumber"),
        ("mock", &["relay", "--fault", "skips:nope", "--world", "w"], 2, "all of them: chukei mock world"),
        ("run", &["enveloppe", "--sut", "mine.toml", "--out", "o"], 6, "did you mean envelope?"),
        ("run", &["r:envelope.audiense", "--sut", "mine.toml", "--out", "o"], 6, "mean r:envelope.audience?"),
        (
            "run",
            &["frobnicate", "--sut", "mine.toml", "--out", "o"],
            6,
            "chukei list --profile responder@1.0",
        ),
    ] {
        let said = folder.chukei("en", command, words, "");
        assert!(said.code == code && said.err.contains(fix), "{words:?}: {} {}", said.code, said.err);
        assert_eq!(said.err.contains(near), fix.contains("mean"), "{}", said.err);
        let said = folder.chukei("ja", command, words, "");
        assert_eq!(said.err.contains("のことですか"), fix.contains("mean"), "{}", said.err);
    }
    // What is to be mended stands in the file that was named, whatever it is called.
    let unreachable = folder.chukei("en", "doctor", &["--sut", "mine.toml"], "");
    assert!(unreachable.code == 3 && unreachable.err.contains("mine.toml"), "{}", unreachable.err);
    assert!(!unreachable.err.contains("sut.toml"), "{}", unreachable.err);
}

#[test]
fn a_party_of_another_role_is_there() {
    let folder = Folder::new();
    assert_eq!(folder.chukei("en", "world", &["--dir", "w"], "").code, 0);
    let words = ["responder", "--world", "w", "--party", "relay"];
    let said = folder.chukei("en", "mock", &words, "");
    told(&said, 2, "--party: relay is a relay in this world, not a responder");
    assert!(said.err.contains("insurer-b"), "{}", said.err);
    told(
        &folder.chukei("ja", "mock", &words, ""),
        2,
        "--party: relay はこの世界では relay で、responder ではありません。",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_wrong_use_whatever_stands_in_its_place() {
    let folder = Folder::new();
    let path = |name: &str| folder.path.join(name);
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("utf16"), b"\xff\xfep\0r\0").unwrap();
    fs::write(path("sut.toml"), "profile = responder").unwrap();
    for (name, ja, en) in [
        ("nowhere", "そのようなファイルやフォルダはありません", "there is no such file or folder"),
        ("folder", "フォルダです", "it is a folder"),
        ("utf16", "UTF-8 ではありません", "it is not UTF-8"),
    ] {
        for (command, before) in [
            ("doctor", &["--sut"][..]),
            ("run", &["--out", "o", "--sut"]),
            ("matrix", &["--check"]),
            (
                "ledger",
                &["cosign", "public", "--key", "k", "--name", "n", "--memory", "m", "--out", "o", "--policy"],
            ),
            ("mapping", &["register", "--state", "s.db"]),
        ] {
            let words = [before, &[name]].concat();
            told(&folder.chukei("ja", command, &words, ""), 2, &format!("{name} を読めません: {ja}"));
            told(&folder.chukei("en", command, &words, ""), 2, &format!("{name} cannot be read: {en}"));
        }
    }
    let said = folder.chukei("ja", "doctor", &[], "");
    told(&said, 2, "sut.toml:1:11: TOML の文法に合いません");
    assert!(said.err.contains("引用符で囲んだ文字列") && said.err.contains("→"), "{}", said.err);
}

/// Its keys are known to everybody, so it is offered to nobody elsewhere.
#[test]
fn a_card_door_is_on_the_loopback_interface() {
    let folder = Folder::new();
    let words = |door| ["relay", "--world", "world", "--card-door", door];
    told(
        &folder.chukei("ja", "mock", &words("0.0.0.0:0"), ""),
        2,
        "--card-door: 0.0.0.0:0 はループバックのアドレスではありません。",
    );
    told(
        &folder.chukei("en", "mock", &words("[::]:0"), ""),
        2,
        "--card-door: [::]:0 is no address of the loopback interface",
    );
    let elsewhere = ["responder", "--world", "world", "--card-door", "127.0.0.1:0"];
    told(&folder.chukei("en", "mock", &elsewhere, ""), 2, "--card-door: only a relay takes it");
    let there = folder.chukei("en", "mock", &words("127.0.0.1:0"), "");
    assert!(there.code == 3 && there.err.contains("world is not a world folder"), "{}", there.err);
}

#[test]
fn what_is_no_relays_state_is_not_found_sound() {
    let folder = Folder::new();
    fs::write(folder.path.join("empty.db"), "").unwrap();
    fs::write(folder.path.join("text.db"), "This is a text of more than sixteen octets.").unwrap();
    for name in ["empty.db", "text.db"] {
        let before = fs::read(folder.path.join(name)).unwrap();
        told(
            &folder.chukei("en", "ledger", &["fsck", name], ""),
            2,
            &format!("{name} is no state of a relay."),
        );
        told(
            &folder.chukei("ja", "ledger", &["fsck", name], ""),
            2,
            &format!("{name} は中継DBの状態ではありません。"),
        );
        assert_eq!(fs::read(folder.path.join(name)).unwrap(), before, "it was left alone");
    }
    fs::write(folder.path.join("registry.toml"), "").unwrap();
    folder.chukei("en", "mapping", &["register", "--state", "relay.db", "registry.toml"], "");
    let sound = folder.chukei("en", "ledger", &["fsck", "relay.db"], "");
    assert!(sound.code == 0 && sound.out.starts_with("Sound: "), "{} {}", sound.out, sound.err);
}

#[test]
fn a_mistake_in_a_registry_or_a_policy_has_its_place() {
    let folder = Folder::new();
    let put = |name: &str, text: &str| fs::write(folder.path.join(name), text).unwrap();
    let sound = "[[source]]\nname = \"a\"\nrole = \"municipality\"\ntown = \"122238\"\n";
    for (right, wrong, en) in [
        ("municipality", "city", "registry.toml:3:8: city is no role"),
        ("\"122238\"", "122238", "registry.toml:4:8: The registry cannot be read: Expected a text"),
        ("122238", "122239", "registry.toml:4:8: 122239 is no code of a municipality"),
        ("town", "twn", "registry.toml:4:1: The registry cannot be read: There is no key twn"),
    ] {
        put("registry.toml", &sound.replace(right, wrong));
        let said = folder.chukei("en", "mapping", &["register", "--state", "s.db", "registry.toml"], "");
        told(&said, 2, en);
    }
    put("registry.toml", sound);
    assert_eq!(folder.chukei("en", "mapping", &["register", "--state", "s.db", "registry.toml"], "").code, 0);

    put("policy", "lug x\n");
    put("proof", "{}");
    let said = folder.chukei(
        "ja",
        "ledger",
        &["cosign", "p", "--policy", "policy", "--key", "k", "--name", "n", "--memory", "m", "--out", "o"],
        "",
    );
    told(&said, 2, "policy:1:1: policy をポリシーとして読めません。必要なもの: log、witness");
    told(
        &folder.chukei("ja", "ledger", &["verify", "proof"], ""),
        2,
        "proof: 証明ファイルではありません: 1:2: ここにキー format が要ります",
    );
}

#[test]
fn a_slip_of_the_pen_makes_no_world() {
    let folder = Folder::new();
    let skipping = "skips:envelope.audience.self";
    let said = folder.chukei(
        "ja",
        "mock",
        &["world", "--world", "w", "--fault", "skips:envelope.audiense.self"],
        "",
    );
    told(&said, 2, "不具合のスイッチ skips:envelope.audiense.self はありません。");
    assert!(said.err.contains(skipping), "{}", said.err);
    // A fault that nobody has would be asked for in vain.
    told(
        &folder.chukei("en", "mock", &["world", "--world", "w", "--fault", skipping], ""),
        2,
        "Nothing says which party",
    );
    assert!(!folder.path.join("w").exists());
    assert_eq!(folder.chukei("en", "world", &["--dir", "w"], "").code, 0);
    let said = folder.chukei(
        "ja",
        "mock",
        &["world", "--world", "w", "--party", "insurer-z", "--fault", "LogsNumber"],
        "",
    );
    told(&said, 2, "この世界に insurer-z という当事者はいません。");
    fs::write(folder.path.join("w/world.toml"), "seed = 1\nparty = 3\n").unwrap();
    told(
        &folder.chukei("ja", "mock", &["relay", "--world", "w"], ""),
        3,
        "w/world.toml:2:9 を解釈できません",
    );
}

#[test]
fn a_relay_that_is_not_there_is_no_wrong_card() {
    let folder = Folder::new();
    assert_eq!(folder.chukei("en", "world", &["--dir", "w"], "").code, 0);
    let card = ["issue", "--type", "kamogawa", "--world", "w", "--person", "seed-sample", "--out", "card"];
    assert_eq!(folder.chukei("en", "card", &card, "").code, 0);
    let login = ["--world", "w", "--image", "card/card.toml"];
    told(&folder.chukei("ja", "login", &login, "1234\n"), 3, "この世界の中継DBに接続できません");
    told(&folder.chukei("en", "login", &login, "1234\n"), 3, "The relay of this world cannot be reached");
}

#[test]
fn a_kind_that_is_none_is_told_before_a_number_is_asked_for() {
    let folder = Folder::new();
    let words = |kind: &'static str| ["show", "--state", "none.db", "--party", "town", "--kind", kind];
    told(
        &folder.chukei("ja", "mapping", &words("resident-nummer"), ""),
        2,
        "番号の種別 resident-nummer はありません。",
    );
    told(&folder.chukei("en", "mapping", &words("resident-number"), "x\n"), 2, "none.db cannot be read");
    told(
        &folder.chukei("en", "mapping", &words("resident"), "x\n"),
        2,
        "What standard input holds is no number",
    );
}

/// Keys and proofs that are there could not be made again, and a refusal changes nothing.
#[test]
fn what_is_there_is_not_written_over() {
    let folder = Folder::new();
    let read = |file: &str| fs::read(folder.path.join(file)).unwrap();
    assert_eq!(folder.chukei("en", "world", &["--dir", "w"], "").code, 0);
    let issue = |lang: &str, seed: &str, out: &str| {
        let words = ["issue", "--type", "kamogawa", "--world", "w", "--register", "--person"];
        let words = [&words[..], &["seed-sample", "--seed", seed, "--out", out]].concat();
        folder.chukei(lang, "card", &words, "")
    };
    assert_eq!(issue("en", "1", "card").code, 0);
    let (card, registered) = (read("card/card.toml"), read("w/cards.json"));
    let english = "card/card.toml is there already, and nothing is written over it";
    told(&issue("en", "2", "card"), 2, english);
    let said = issue("ja", "2", "card");
    told(&said, 2, "card/card.toml はすでにあります。上書きはしません。");
    assert!(said.err.contains("別の名を指定する"), "{}", said.err);
    assert!(read("card/card.toml") == card && read("w/cards.json") == registered, "they are as they were");
    // Nor is half a card laid over what is left of another one.
    fs::remove_file(folder.path.join("card/card.toml")).unwrap();
    assert_eq!(issue("en", "2", "card").code, 2);
    assert!(!folder.path.join("card/card.toml").exists());
    fs::create_dir(folder.path.join("other")).unwrap();
    fs::write(folder.path.join("other/notes.txt"), "somebody's").unwrap();
    assert_eq!(issue("en", "2", "other").code, 0);
    assert!(read("other/card.toml") != card && read("w/cards.json") != registered);

    // It is told before anybody is asked, though no relay runs here.
    fs::write(folder.path.join("kept"), "kept").unwrap();
    let login = |proof| {
        let words = ["--world", "w", "--image", "other/card.toml", "--proof", proof];
        folder.chukei("en", "login", &words, "1234\n")
    };
    let status = |out| folder.chukei("en", "ledger", &["status", "--world", "w", "--out", out], "");
    told(&login("kept"), 2, "kept is there already");
    told(&status("kept"), 2, "kept is there already");
    told(&login("new"), 3, "The relay of this world cannot be reached");
    told(&status("new"), 1, "The relay does not tell how its ledger stands");
    assert_eq!(read("kept"), b"kept");
}

/// A period without a day would show an empty history, as if nobody had looked.
#[test]
fn a_period_without_a_day_is_told_before_a_pin_is_asked_for() {
    let folder = Folder::new();
    assert_eq!(folder.chukei("en", "world", &["--dir", "w"], "").code, 0);
    assert_eq!(folder.chukei("en", "card", &["issue", "--type", "kamogawa", "--out", "card"], "").code, 0);
    let login = |lang, until| {
        let words = ["--world", "w", "--image", "card/card.toml", "--from", "2026-07-02", "--until", until];
        folder.chukei(lang, "login", &words, "1234\n")
    };
    for until in ["2026-07-01", "2026-07-02"] {
        told(&login("ja", until), 2, &format!("2026-07-02 から {until} までの期間には、一日もありません。"));
        told(&login("en", until), 2, &format!("The period from 2026-07-02 until {until} has no day"));
    }
    told(&login("en", "2026-07-03"), 3, "The relay of this world cannot be reached");
}

/// A result that nobody got is no success; a reader that has gone away wants no more.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_is_lost_is_a_failure() {
    use std::process::{Command, Stdio};

    let list = |out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chukei"));
        command.args(["--lang", "en", "list", "--json"]).stdout(out).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let lost = list(full.into()).wait_with_output().unwrap();
    let told = String::from_utf8(lost.stderr).unwrap();
    assert_eq!((lost.status.code(), told.contains("no space is left")), (Some(3), true), "{told}");
    let mut gone = list(Stdio::piped());
    drop(gone.stdout.take());
    let gone = gone.wait_with_output().unwrap();
    assert_eq!((gone.status.code(), gone.stderr.as_slice()), (Some(0), &[][..]));
    assert_eq!(list(Stdio::piped()).wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn quiet_leaves_the_results() {
    let folder = Folder::new();
    assert_eq!(
        folder.chukei("en", "card", &["issue", "--type", "mynumber-like", "--out", "card"], "").code,
        0
    );
    fs::write(folder.path.join("pins.toml"), "signature = \"ABC123\"\nauthentication = \"1234\"\n").unwrap();
    let words =
        ["--profile", "card@1.0", "--image", "card/card.toml", "--pins", "pins.toml", "--out", "result"];
    let said = folder.chukei("en", "run", &[&words[..], &["--quiet"]].concat(), "");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(said.out.contains("conforms to card@1.0"), "{}", said.out);
    let said = folder.chukei("en", "run", &words, "");
    assert!(said.code == 0 && said.err.contains("Report: result/report.html"), "{}", said.err);
}
