//! The tables of cases: twins, ids, sentences.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use chukei_conformance as conformance;
use chukei_evidence::{Case, Cases};
use chukei_spec::Index;

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
            twin.about.features.iter().all(|feature| case.about.features.contains(feature)),
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

/// Without test control nobody sees logs, or moves the clock, and what is not seen does not pass (README, "Test your product in ten minutes").
const UNSEEN: ([&str; 3], &str) =
    (["privacy.log.no-identifier", "mapping.validity.day", "login.session.ended"], "test-control");

/// A product that claims no feature, or some of them, can conform: whatever it claims is shown by cases that it is put to.
#[test]
fn what_is_claimed_is_shown_by_cases_that_are_offered() {
    let registry = conformance::registry();
    for profile in Index::profiles() {
        let features: Vec<&str> = profile.features.iter().map(|feature| feature.name).collect();
        // A terminal claims one of its tasks at least, and everything else together with one of them (terminal.toml).
        let is_terminal = profile.name == "terminal@1.0";
        let can_stand = |feature: &&&str| !is_terminal || ["eligibility", "login"].contains(*feature);
        let alone = features.iter().filter(can_stand).map(|feature| vec![*feature]);
        let nothing = (!is_terminal).then(Vec::new);
        for claims in alone.chain(nothing).chain([features.clone()]) {
            for sentence in profile.claimed(&claims) {
                for judge in registry.judges.iter().filter(|judge| judge.sentence.id == sentence.id) {
                    let shows = |case: &&Case| match judge.cases {
                        Cases::Declared => case.sentences.iter().any(|shown| shown.id == sentence.id),
                        Cases::Each(ids) => ids.contains(&case.id),
                        // Many cases may show it; one that is made for it does.
                        Cases::Any(beginning) => {
                            case.id.starts_with(beginning)
                                && case.sentences.iter().any(|shown| shown.id == sentence.id)
                        }
                        Cases::Whole => true,
                    };
                    let offered = |case: &&Case| {
                        profile.roles.contains(&case.role) && case.unclaimed(&claims).is_none()
                    };
                    let is_shown = registry.cases.iter().filter(offered).any(|case| shows(&case));
                    let is_unseen = UNSEEN.0.contains(&sentence.id) && !claims.contains(&UNSEEN.1);
                    assert!(
                        is_shown != is_unseen,
                        "{} with {claims:?}: nothing shows {}",
                        profile.name,
                        sentence.id
                    );
                }
            }
        }
    }
}
