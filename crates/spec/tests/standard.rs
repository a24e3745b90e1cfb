//! What stands beside the chapters names sentences that exist, and the lock is that of the chapters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use chukei_reason::Reason;
use chukei_spec::{Index, Level, Role, lock::lock, parse, req};
use serde::Deserialize;

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec")
}

fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(spec().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_str().unwrap().ends_with(suffix));
    paths.sort();
    assert!(!paths.is_empty(), "{folder}");
    paths
}

fn known(id: &str) -> bool {
    Index::sentence(id).is_some()
}

#[test]
fn the_lock_is_current_and_what_is_embedded_is_what_is_read() {
    let (sentences, faults) = parse::folder(&spec()).unwrap();
    assert_eq!(faults, Vec::<String>::new());
    assert!(lock(&sentences) == fs::read_to_string(spec().join("index.lock")).unwrap(), "run `spec lock`");
    assert_eq!(Index::digest(), chukei_spec::lock::digest(&lock(&sentences)));
    let embedded: Vec<_> = Index::sentences().iter().map(|s| (s.id, s.role, s.level, s.ja, s.en)).collect();
    let read: Vec<_> = sentences.iter().map(|s| (&*s.id, s.role, s.level, &*s.ja, &*s.en)).collect();
    assert_eq!(embedded, read);
    assert!(embedded.len() >= 100);
}

#[test]
fn every_reason_has_its_sentence() {
    for reason in Reason::all() {
        assert!(known(reason.sentence()), "{reason}: {}", reason.sentence());
    }
    assert!(!known("message.nonsense"));
}

#[test]
fn a_sentence_is_named_at_compile_time() {
    let sentence = req!("message.fault.status");
    assert_eq!((sentence.role, sentence.level), (Role::Sender, Level::Should));
    assert_eq!((sentence.area(), sentence.chapter), ("message", "20-messages"));
    assert_eq!(Index::sentence("message.fault.status"), Some(sentence));
    assert!(sentence.is_for_suite() && !req!("privacy.relay.minimum").is_for_suite());
}

#[test]
fn each_sentence_is_claimed_by_a_profile() {
    let mut claimed = BTreeSet::new();
    for profile in Index::profiles() {
        let all: Vec<&str> = profile.features.iter().map(|feature| feature.name).collect();
        let plain = profile.claimed(&[]).count();
        let adds = profile.features.is_empty() || plain < profile.claimed(&all).count();
        assert!(adds, "{}: features add", profile.name);
        claimed.extend(profile.claimed(&all).map(|sentence| sentence.id));
    }
    let names: Vec<_> = Index::profiles().iter().map(|profile| profile.name).collect();
    assert_eq!(
        names,
        ["card@1.0", "ledger@1.0", "relay@1.0", "requester@1.0", "responder@1.0", "terminal@1.0"]
    );
    let unclaimed: Vec<_> =
        Index::sentences().iter().map(|s| s.id).filter(|id| !claimed.contains(id)).collect();
    assert_eq!(unclaimed, Vec::<&str>::new());
    let responder = Index::profile("responder@1.0").unwrap();
    assert!(responder.claims("envelope.use.once", &[]) && !responder.claims("mapping.loop.none", &[]));
    assert!(!responder.claims("control.reset", &[]) && responder.claims("control.reset", &["test-control"]));
}

#[test]
fn vectors_that_a_sentence_names_are_there() {
    let by_vectors: Vec<_> = Index::sentences().iter().filter_map(|s| s.by_vectors).collect();
    assert!(!by_vectors.is_empty());
    for folder in by_vectors {
        assert!(spec().join("../vectors").join(folder).is_dir(), "vectors/{folder}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct External {
    document: String,
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    section: String,
    seen: Seen,
    ja: String,
    en: String,
    sentences: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Seen {
    Official,
    Secondary,
}

#[test]
fn external_rules_name_their_place_and_our_sentences() {
    let mut ids = BTreeSet::new();
    for path in files("external", ".toml") {
        let external: External = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!external.document.is_empty() && !external.rule.is_empty());
        for rule in external.rule {
            assert!(
                rule.ja.ends_with('。') && rule.en.ends_with('.') && !rule.section.is_empty(),
                "{}",
                rule.id
            );
            assert!(!rule.sentences.is_empty(), "{}: we do not lean on it", rule.id);
            rule.sentences.iter().for_each(|id| assert!(known(id), "{}: {id}", rule.id));
            assert!(ids.insert(rule.id.clone()), "{} stands twice", rule.id);
            assert!(matches!(rule.seen, Seen::Official | Seen::Secondary));
        }
    }
}

#[test]
fn interpretations_are_numbered_whole_and_name_our_sentences() {
    let paths = files("interpretations", ".md");
    for (path, number) in paths.iter().zip(1..) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with(&format!("{number:04}-")), "{name}: numbers have no gap");
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with(&format!("# I-{number:04} ")), "{name}: heading");
        let parts: Vec<_> = text.split("\n\n**").skip(1).collect();
        let heads =
            ["問い / Question.", "典拠 / Sources.", "判断 / Decision.", "理由 / Why.", "文 / Sentences."];
        assert_eq!(parts.len(), heads.len(), "{name}");
        for (part, head) in parts.iter().zip(heads) {
            let content = part
                .strip_prefix(&format!("{head}** "))
                .or_else(|| part.strip_prefix(&format!("{head}**\n")));
            assert!(content.is_some_and(|content| content.trim().len() > 10), "{name}: {head}");
        }
        let named: Vec<_> = parts[4].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() && named.iter().all(|id| known(id)), "{name}: {named:?}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    tag: char,
    ja: String,
    en: String,
    #[serde(default)]
    sentences: Vec<String>,
    later: Option<Both>,
    note: Option<Both>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Both {
    ja: String,
    en: String,
}

/// Areas that come from the security of XML and HTTP, not from the pilots' reports.
const NOT_FROM_REPORTS: [&str; 9] =
    ["xml", "signature", "encryption", "key", "limit", "answer", "transport", "message", "metadata"];

#[test]
fn requirements_are_carried_and_sentences_have_a_requirement() {
    let text = fs::read_to_string(spec().join("trace.toml")).unwrap();
    let trace: BTreeMap<String, Requirement> = toml::from_str(&text).unwrap();
    let mut carrying = BTreeSet::new();
    for (id, row) in &trace {
        assert!(!row.ja.is_empty() && !row.en.is_empty(), "{id}");
        row.sentences.iter().for_each(|sentence| assert!(known(sentence), "{id}: {sentence}"));
        let ways = [!row.sentences.is_empty(), row.later.is_some(), row.note.is_some()];
        assert_eq!(ways.iter().filter(|way| **way).count(), 1, "{id}: sentences, later or note");
        assert_eq!(row.tag == 'P', row.note.is_some(), "{id}: a note is for P");
        assert!(['W', 'D', 'P'].contains(&row.tag), "{id}");
        for both in row.later.iter().chain(&row.note) {
            assert!(!both.ja.is_empty() && !both.en.is_empty(), "{id}");
        }
        carrying.extend(row.sentences.iter().map(String::as_str));
    }
    for number in 167..=189 {
        assert!(trace.contains_key(&format!("R-{number}")), "R-{number} of figure 5");
    }
    // The other way round: no area of the reports' own subject without a requirement behind it.
    let behind: BTreeSet<&str> =
        carrying.iter().filter_map(|id| Index::sentence(id)).map(|s| s.area()).collect();
    for sentence in Index::sentences() {
        let area = sentence.area();
        assert!(behind.contains(area) || NOT_FROM_REPORTS.contains(&area), "{}: no requirement", sentence.id);
    }
}
