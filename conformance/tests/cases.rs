//! The tables of cases: twins, ids, sentences.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use chukei_conformance as conformance;
use chukei_evidence::Cases;

#[test]
fn every_negative_case_has_a_positive_twin_of_its_role() {
    let cases: BTreeMap<&str, _> = conformance::cases().iter().map(|case| (case.about.id, case)).collect();
    assert_eq!(cases.len(), conformance::cases().len(), "two cases have one id");
    let mut negative = 0;
    for case in cases.values().filter(|case| !case.about.deviation.is_empty()) {
        negative += 1;
        let twin = case.about.twin.unwrap_or_else(|| panic!("{} has no twin", case.about.id));
        let twin = cases.get(twin).unwrap_or_else(|| panic!("{}: {twin} is no case", case.about.id));
        assert!(twin.is_positive() && twin.about.deviation.is_empty(), "{}", case.about.id);
        assert_eq!(twin.about.role, case.about.role, "{}", case.about.id);
        // The twin has to be there whenever the case is.
        assert!(
            twin.about.feature.is_none() || twin.about.feature == case.about.feature,
            "{}",
            case.about.id
        );
        assert!(case.about.deviation.contains('='), "{}: {}", case.about.id, case.about.deviation);
    }
    assert!(negative > 400, "{negative}");
}

#[test]
fn every_declared_sentence_has_a_judge_and_every_judge_a_case() {
    let registry = conformance::registry();
    let judged: BTreeSet<&str> = registry.judges.iter().map(|judge| judge.sentence.id).collect();
    let mut declared = BTreeSet::new();
    for sentence in conformance::cases().iter().flat_map(|case| case.about.sentences) {
        assert!(judged.contains(sentence.id), "{}", sentence.id);
        declared.insert(sentence.id);
    }
    for judge in registry.judges.iter().filter(|judge| judge.cases == Cases::Declared) {
        assert!(declared.contains(judge.sentence.id), "no case declares {}", judge.sentence.id);
    }
}
