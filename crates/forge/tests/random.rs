//! Random documents are what they say, to two parsers and two canonicalisers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops and says why"
)]

use std::{fs, process::Command};

use chukei_forge::{
    canonical::Form,
    path::inside,
    random::Document,
    raw::{Element, parse},
};
use chukei_reason::Reason;

const SEEDS: u64 = 3000;

#[test]
fn documents_parse_and_both_canonicalisers_agree() {
    let (mut bad, mut comments, mut listed, mut bytes) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let document = Document::from_seed(seed);
        let parsed = chukei_xml::Document::parse(document.xml.as_bytes());
        if document.bad_namespace {
            assert_eq!(parsed.map(drop).unwrap_err().reason(), Reason::C14n, "{seed}: {}", document.xml);
            bad += 1;
            continue;
        }
        let parsed = parsed.unwrap_or_else(|error| panic!("{seed}: {error}\n{}", document.xml));
        let apex = parsed.root().descendants().nth(document.apex).unwrap();
        let theirs = parsed.canonical(apex).inclusive(&document.prefixes).unwrap().to_vec();

        let root = parse(&document.xml).unwrap();
        let form = Form { prefixes: document.prefixes.clone(), ..Form::default() };
        let ours = form.octets(&root, &nth_element(&root, document.apex), None);
        assert_eq!(
            String::from_utf8(ours).unwrap(),
            String::from_utf8(theirs).unwrap(),
            "{seed}: {}",
            document.xml
        );

        assert_eq!(parse(&root.write()).unwrap(), root, "{seed}");
        comments += usize::from(document.xml.contains("<!--"));
        listed += usize::from(!document.prefixes.is_empty());
        bytes += document.xml.len();
    }
    println!(
        "{SEEDS} documents, {bytes} octets, {bad} without canonical form, {comments} with comments, {listed} with a list"
    );
    assert!(bad > 10 && bad < 300 && comments > 300 && listed > 300);
}

fn nth_element(root: &Element, index: usize) -> Vec<usize> {
    if index == 0 { Vec::new() } else { inside(root).remove(index - 1) }
}

#[test]
fn mutated_documents_are_mostly_refused_and_never_the_same() {
    let mut refused = 0;
    for seed in 0..SEEDS {
        let mutated = Document::mutated_from_seed(seed);
        refused += u64::from(chukei_xml::Document::parse(mutated).is_err());
    }
    assert!(refused > SEEDS / 2 && refused < SEEDS, "{refused} of {SEEDS}");
}

/// libxml2 agrees that they are well-formed. One call for all, because starting the program takes longest.
#[test]
fn another_parser_reads_them_too() {
    if Command::new("xmllint").arg("--version").output().is_err() {
        println!("not run: the xmllint program is not installed");
        return;
    }
    let scratch = std::env::temp_dir().join(format!("chukei-forge-random-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let lint = |seeds: std::ops::Range<u64>, broken: bool| {
        let mut command = Command::new("xmllint");
        command.args(["--nonet", "--noout"]);
        for seed in seeds {
            let path = scratch.join(format!("{seed}.xml"));
            let xml = Document::from_seed(seed).xml;
            fs::write(&path, if broken { format!("{xml}<") } else { xml }).unwrap();
            command.arg(path);
        }
        command.output().unwrap()
    };
    let output = lint(0..400, false);
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    // libxml2 warns about relative namespace names, which it reads nevertheless.
    assert!(output.status.success(), "{complaints}");
    assert!(!lint(0..1, true).status.success());
    fs::remove_dir_all(&scratch).unwrap();
}
