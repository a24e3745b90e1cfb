//! What `chukei run` and `doctor` do to a product and to earlier outputs when the set-up is at fault.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "support/mock.rs"]
mod mock;
mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use mock::Mock;
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

#[test]
fn a_run_that_does_not_begin_leaves_earlier_outputs_alone() {
    let folder = Folder::new();
    let at = |name: &str| folder.path.join(name);
    let missing = ["--profile", "card@1.0", "--image", "missing.toml", "--out", "result"];
    assert_eq!(folder.chukei("en", "run", &missing, "").code, 2);
    assert!(!at("result").exists());
    assert_eq!(
        folder.chukei("en", "card", &["issue", "--type", "mynumber-like", "--out", "card"], "").code,
        0
    );
    let said = judged(&folder, "en", "signature = \"ABC123\"\n", "result");
    assert!(said.code < 2, "{}", said.err);
    let described = fs::read_to_string(at("result/sut.toml")).unwrap();
    assert_eq!(folder.chukei("en", "run", &missing, "").code, 2);
    assert_eq!(fs::read_to_string(at("result/sut.toml")).unwrap(), described);
}

/// Describes the responder of the mock world, with test control at this address.
fn describe(mock: &Mock, folder: &Folder, control: &str) {
    let linkage = mock.ready["endpoints"]["insurer-b"].as_str().unwrap();
    let text = format!(
        "profile = \"responder@1.0\"\nclaims = [\"test-control\"]\n[product]\nvendor = \"TEST\"\nname = \"mock\"\nversion = \"1\"\n\
         [world]\ndir = \"world\"\nparty = \"insurer-b\"\n[endpoints]\nlinkage = \"{linkage}\"\n[control]\nurl = \"{control}\"\n"
    );
    fs::write(folder.path.join("sut.toml"), text).unwrap();
}

#[test]
fn a_product_that_remembers_is_reset_so_that_a_failure_shows_again() {
    let folder = Folder::new();
    assert_eq!(folder.chukei("en", "world", &["--dir", "world"], "").code, 0);
    let mock = Mock::start(
        &folder,
        "responder",
        &["--control", "127.0.0.1:0", "--fault", "skips:envelope.audience.self"],
    );
    describe(&mock, &folder, mock.ready["control"]["insurer-b"].as_str().unwrap());
    let run = folder.chukei("en", "run", &["envelope/audience", "--epoch", "1790000000", "--out", "q 1"], "");
    assert_eq!(run.code, 1, "{} {}", run.out, run.err);
    let replay =
        "chukei replay 'q 1/evidence.chukei' responder/envelope/audience/other --sut sut.toml --out again";
    assert!(run.out.contains(replay), "{}", run.out);
    let sarif = fs::read_to_string(folder.path.join("q 1/results.sarif")).unwrap();
    assert!(sarif.contains(replay), "it can be typed where the run was begun");
    let words = ["q 1/evidence.chukei", "responder/envelope/audience/other", "--out", "q2"];
    let again = folder.chukei("en", "replay", &words, "");
    assert_eq!(again.code, 1, "{} {}", again.out, again.err);
    assert!(again.out.contains("✕ envelope.audience.self"), "{}", again.out);
    let verified = folder.chukei("en", "verify", &["q2/evidence.chukei"], "");
    assert_eq!(verified.code, 0, "{}", verified.err);
}

/// Test control that only writes down what it is told.
fn scribe(told: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let what = first.split(' ').nth(1).unwrap().to_owned();
            let (status, answer) = match what.as_str() {
                "/v1/identity" => {
                    (200, r#"{"product":"x","build":"1","verbs":["identity","reset","clock"]}"#)
                }
                "/v1/reset" | "/v1/clock" => (200, "{}"),
                _ => (501, "{}"),
            };
            if status == 200 && what != "/v1/identity" {
                told.lock().unwrap().push(format!("{what} {}", String::from_utf8(body).unwrap()));
            }
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.len()
            );
            stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn a_product_has_its_clock_back_after_a_run() {
    let folder = Folder::new();
    assert_eq!(folder.chukei("en", "world", &["--dir", "world"], "").code, 0);
    let mock = Mock::start(&folder, "responder", &[]);
    let told = Arc::new(Mutex::new(Vec::new()));
    describe(&mock, &folder, &scribe(Arc::clone(&told)));
    let run = folder.chukei("en", "run", &["query", "--out", "result"], "");
    assert!(run.code < 2, "{} {}", run.out, run.err);
    let told = told.lock().unwrap().clone();
    assert_eq!(told.first().map(String::as_str), Some("/v1/reset {}"));
    assert!(told[1].starts_with("/v1/clock {\"now\":1"), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("/v1/clock {\"now\":null}"));
}

/// Evidence of a card, with a baseline of which an entry is wrong.
#[test]
fn evidence_names_its_key_in_one_way_and_a_problem_is_told_once() {
    let folder = Folder::new();
    let issued = folder.chukei("en", "card", &["issue", "--type", "mynumber-like", "--out", "card"], "");
    assert_eq!(issued.code, 0, "{}", issued.err);
    fs::write(folder.path.join("own.key"), "11".repeat(32)).unwrap();
    let entry = "[[expect]]\nrequirement = \"card.frobnicate\"\nreason = \"TEST\"\nuntil = 2099-01-01\n";
    fs::write(folder.path.join("baseline.toml"), entry).unwrap();
    let run = |out: &str, more: &[&str]| {
        let words = ["--profile", "card@1.0", "--image", "card/card.toml", "--out", out];
        folder.chukei("en", "run", &[&words, more].concat(), "")
    };
    let verify = |out: &str, more: &[&str]| {
        let bundle = format!("{out}/evidence.chukei");
        folder.chukei("en", "verify", &[&[bundle.as_str()], more].concat(), "")
    };
    let said = run("known", &["--baseline", "baseline.toml"]);
    let problem = "there is no requirement or case card.frobnicate";
    assert_eq!(format!("{}{}", said.out, said.err).matches(problem).count(), 1, "{} {}", said.out, said.err);
    assert!(run("own", &["--key", "own.key"]).code < 2);

    let (known, own) = (verify("known", &[]), verify("own", &[]));
    // This card conforms; of another one the evidence holds too.
    assert_eq!(verify("own", &["--conformant"]).code, run("again", &[]).code);
    let other = folder.chukei("en", "card", &["issue", "--type", "kamogawa", "--out", "kamogawa"], "");
    assert_eq!(other.code, 0, "{}", other.err);
    let words = ["--profile", "card@1.0", "--image", "kamogawa/card.toml", "--out", "bad"];
    assert_eq!(folder.chukei("en", "run", &words, "").code, 1);
    assert_eq!((verify("bad", &[]).code, verify("bad", &["--conformant"]).code), (0, 1));
    // What was allowed until a day is not allowed in a run that plays an earlier one.
    let entry = "[[expect]]\nrequirement = \"card.answer.length\"\nreason = \"TEST\"\nuntil = 2020-01-01\n";
    fs::write(folder.path.join("old.toml"), entry).unwrap();
    let old = folder.chukei(
        "en",
        "run",
        &[&words[..5], &["old", "--baseline", "old.toml", "--epoch", "1577000000"]].concat(),
        "",
    );
    assert!(
        format!("{}{}", old.out, old.err).contains("was allowed to fail until"),
        "{}{}",
        old.out,
        old.err
    );
    assert!(own.out.contains("Nobody vouches for this run"), "{}", own.out);
    let claims = "Features claimed: –. Not claimed: authentication, blocking, nhi. Selected: –. Seed 1.";
    assert!(own.out.contains(claims), "{}", own.out);
    assert!(known.code == 0 && known.out.contains("TEST key of seed 1"), "{} {}", known.out, known.err);
    assert!(own.code == 0 && !own.out.contains("TEST key"), "{} {}", own.out, own.err);
    let signer = own.out.split_once("Signed by ").unwrap().1.split('.').next().unwrap();
    let other = verify("known", &["--key", signer]);
    let known = known.out.split_once("Signed by ").unwrap().1.split('.').next().unwrap();
    assert!(other.code == 7 && other.err.contains(known), "{known}: {}", other.err);
    for key in [signer.to_owned(), signer.to_ascii_uppercase()] {
        let trusted = verify("own", &["--key", &key]);
        assert!(trusted.code == 0 && trusted.out.contains(signer), "{} {}", trusted.out, trusted.err);
        assert!(!trusted.out.contains("Nobody vouches"), "{}", trusted.out);
    }
}

/// What a reader has taken is said, and what is waited for.
#[test]
fn a_card_tells_whether_a_reader_has_taken_it() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap().to_string();
    for (lang, reader, told) in [
        ("en", there.as_str(), "has taken the card."),
        ("ja", there.as_str(), "カードを受け取りました。"),
        ("en", "./none.sock", "has taken the card yet; it waits."),
        ("ja", "./none.sock", "DEVICENAME が ./none.sock で終わる"),
    ] {
        let words = ["--lang", lang, "mock", "card", "--type", "kamogawa", "--reader", reader];
        let mut child = Command::new(env!("CARGO_BIN_EXE_chukei"))
            .args(words)
            .current_dir(&folder.path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _taken = reader.starts_with("127").then(|| listener.accept().unwrap());
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let told_so = lines.take(3).any(|line| line.contains(told));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told_so, "{lang} {reader}: {told}");
    }
}

#[test]
fn a_terminal_whose_reader_is_not_there_leaves_nothing() {
    let folder = Folder::new();
    let words = ["--profile", "terminal@1.0", "--client", "true", "--reader", "Nobody has this", "--out"];
    fs::create_dir(folder.path.join("earlier")).unwrap();
    fs::write(folder.path.join("earlier/client.log"), "read\n").unwrap();
    for (lang, told) in [("en", "give the path behind the colon in DEVICENAME"), ("ja", "コロンの後のパス")]
    {
        for out in ["new", "earlier"] {
            let said = folder.chukei(lang, "run", &[&words[..], &[out]].concat(), "");
            assert!(said.code == 3 && said.err.contains(told), "{} {}", said.code, said.err);
        }
    }
    assert!(!folder.path.join("new").exists());
    assert_eq!(fs::read_to_string(folder.path.join("earlier/client.log")).unwrap(), "read\n");
    assert_eq!(fs::read_dir(folder.path.join("earlier")).unwrap().count(), 1);
}
