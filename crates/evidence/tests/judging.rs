//! The three policies: outcome, negative, standing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use chukei_evidence::*;
use chukei_spec::{Index, Level, Role};
use common::*;

#[test]
fn the_level_decides_what_a_violation_is() {
    let violated = Finding::new("x", "a", "b").at([1]);
    let unreached = Verdict::unreached("x");
    for (level, expected) in [
        (Level::Must, Outcome::Fail),
        (Level::MustNot, Outcome::Fail),
        (Level::Should, Outcome::Warn),
        (Level::ShouldNot, Outcome::Warn),
        (Level::May, Outcome::Info),
    ] {
        assert_eq!(outcome(level, &violated, true), expected);
        assert_eq!(outcome(level, &Verdict::Pass, true), Outcome::Pass);
        assert_eq!(outcome(level, &unreached, true), Outcome::Unreached);
        for verdict in [&violated, &unreached, &Verdict::Pass] {
            assert_eq!(outcome(level, verdict, false), Outcome::NotClaimed);
        }
    }
}

/// The verdict on the negative case, and the standing of the run.
fn verdict(product: Behaviour) -> (Verdict, Standing) {
    let model = judge(&run(product), &registry());
    let sentence = model.sentence("envelope.audience.self").unwrap();
    let result = sentence.results.iter().find(|result| result.case == OTHER_AUDIENCE).unwrap();
    (result.verdict.clone(), model.standing)
}

fn missing(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Unreached { missing: Phrase::Key { key, .. } } => key,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_negative_case_passes_only_if_all_four_conditions_hold() {
    assert_eq!(verdict(GOOD), (Verdict::Pass, Standing::Conformant));

    // (a) A product that refuses everything proves nothing.
    let (refuses_all, standing) = verdict(Behaviour { accepts_twin: false, ..GOOD });
    assert_eq!(missing(&refuses_all), "missing.twin-accepted");
    assert_eq!(standing, Standing::Unproven);

    // (b) A refused connection delivers nothing.
    let (undelivered, _) = verdict(Behaviour { delivered: false, ..GOOD });
    assert_eq!(missing(&undelivered), "missing.delivery");

    // (c) No probe shows nothing; a probe without an answer shows that the product died of it.
    let (unprobed, _) = verdict(Behaviour { probed: false, ..GOOD });
    assert_eq!(missing(&unprobed), "missing.probe");
    let (dead, standing) = verdict(Behaviour { alive: false, ..GOOD });
    assert!(matches!(&dead, Verdict::Violated { because, .. } if because.code == "product.dead"));
    assert_eq!(standing, Standing::Nonconformant);

    // (d) An accepted deviation is a violation, whatever else holds.
    for product in [GOOD, Behaviour { accepts_twin: false, ..GOOD }, Behaviour { alive: false, ..GOOD }] {
        let (accepted, standing) = verdict(Behaviour { accepts_deviation: true, ..product });
        let Verdict::Violated { because, at } = &accepted else { panic!("{accepted:?}") };
        assert_eq!(because.code, "envelope.audience.accepted");
        assert_eq!(because.expected, Phrase::key("expected.refusal", ["envelope.audience=insurer-c"]));
        assert_eq!(at, &[Place::from(7)]);
        assert_eq!(standing, Standing::Nonconformant);
    }
}

#[test]
fn silence_is_never_a_refusal() {
    let mut events = [twin_case(GOOD), negative_case(GOOD)].concat();
    let at = events.iter().position(|what| *what == answered(2, false)).unwrap();
    *events.get_mut(at).unwrap() = What::NoAnswer { exchange: 2, how: NoAnswer::Timeout };
    let model = judge(&record(header(), events), &registry());
    let sentence = model.sentence("envelope.audience.self").unwrap();
    assert_eq!(sentence.outcome, Outcome::Unreached);
    assert_eq!(model.standing, Standing::Unproven);
}

#[test]
fn a_twin_that_did_not_run_is_missing() {
    let model = judge(&record(header(), negative_case(GOOD)), &registry());
    let results = &model.sentence("envelope.audience.self").unwrap().results;
    let keys: Vec<&str> = results.iter().map(|result| missing(&result.verdict)).collect();
    assert_eq!(keys, ["missing.case", "missing.twin"]);
}

#[test]
fn a_case_of_a_feature_that_is_not_claimed_says_why_it_did_not_run() {
    let cases = CASES.map(|case| Case { features: &["test-control"], ..case });
    let why = |features: &[&str]| {
        let header = Header { features: features.iter().map(|f| (*f).into()).collect(), ..header() };
        let model = judge(&record(header, negative_case(GOOD)), &Registry { cases: &cases, ..registry() });
        let results = &model.sentence("envelope.audience.self").unwrap().results;
        missing(&results.first().unwrap().verdict).to_owned()
    };
    assert_eq!(why(&[]), "missing.case-of-feature");
    assert_eq!(why(&["test-control"]), "missing.case");
}

/// A relay that does not mediate is not asked for what only one that does is shown; whoever claims it is.
#[test]
fn a_case_of_a_feature_is_needed_by_whoever_claims_it() {
    let [_, other, _] = &CASES;
    let optional = Case { id: "relayed/audience/other", features: &["relayed"], ..*other };
    let both = [&CASES[..], &[optional]].concat();
    let standing = |cases: &[Case], features: &[&str]| {
        let header = Header { features: features.iter().map(|f| (*f).into()).collect(), ..header() };
        let events = [twin_case(GOOD), negative_case(GOOD)].concat();
        judge(&record(header, events), &Registry { cases, ..registry() }).standing
    };
    assert_eq!(standing(&both, &[]), Standing::Conformant);
    assert_eq!(standing(&both, &["relayed"]), Standing::Unproven);
    // What nothing else shows stays unproven.
    let alone = CASES.map(|case| Case { features: &["relayed"], ..case });
    let unseen: Vec<Case> = alone.into_iter().map(|case| Case { id: "relayed/unseen", ..case }).collect();
    assert_eq!(standing(&unseen, &[]), Standing::Unproven);
}

#[test]
fn nothing_is_green_by_default() {
    let empty = judge(&record(header(), []), &registry());
    assert_eq!(empty.standing, Standing::Empty);
    assert_eq!(empty.standing.exit_code(), 6);
    assert_eq!(empty.totals.of(Outcome::Pass), 0);

    let no_judges = Registry { judges: &[], ..registry() };
    let unjudged = judge(&run(GOOD), &no_judges);
    assert_eq!(unjudged.standing, Standing::Unproven);
    assert_eq!(unjudged.totals.of(Outcome::Pass), 0);

    let unknown_profile =
        judge(&record(Header { profile: "responder@9".into(), ..header() }, twin_case(GOOD)), &registry());
    assert_eq!(unknown_profile.standing, Standing::Empty);
    assert_eq!(judge(&run(GOOD), &registry()).standing, Standing::Conformant);
}

#[test]
fn a_failure_of_the_suite_voids_the_run() {
    let with = |what: What| {
        let mut events = twin_case(GOOD);
        events.insert(2, what);
        judge(&record(header(), [events, negative_case(GOOD)].concat()), &registry())
    };
    let void = with(What::Broken { what: "undeclared deviation".into() });
    assert_eq!(void.standing, Standing::Void);
    assert_eq!(void.standing.exit_code(), 4);
    assert_eq!(void.broken.first().map(|broken| (broken.case.as_str(), broken.seq)), Some((TWIN, 3)));
    assert_eq!(void.sentence("envelope.audience.self").unwrap().outcome, Outcome::HarnessError);
    let control =
        What::Control { verb: "GET /identity".into(), request: "".into(), status: 200, answer: "{}".into() };
    assert_eq!(with(control).standing, Standing::Conformant);
}

#[test]
fn what_the_product_does_not_offer_is_named() {
    let lacking = What::Lacking { missing: "control POST /people".into() };
    let case = vec![start(OTHER_AUDIENCE, Some(TWIN), "x"), lacking, end(OTHER_AUDIENCE)];
    let model = judge(&record(header(), [twin_case(GOOD), case].concat()), &registry());
    let sentence = model.sentence("envelope.audience.self").unwrap();
    let expected = Verdict::unreached(Phrase::key("missing.offer", ["control POST /people"]));
    assert_eq!(sentence.results.last().unwrap().verdict, expected);
    assert_eq!(model.standing, Standing::Unproven);
}

#[test]
fn a_selection_says_nothing_about_the_rest() {
    let selected = |ids: &[&str], events: Vec<What>| {
        let selection = ids.iter().map(|id| (*id).to_owned()).collect();
        judge(&record(Header { selection, ..header() }, events), &registry())
    };
    let both = selected(&[TWIN, OTHER_AUDIENCE], [twin_case(GOOD), negative_case(GOOD)].concat());
    assert_eq!(both.standing, Standing::SelectionMet);
    assert_eq!(both.standing.exit_code(), 0);
    let twin = selected(&[TWIN], twin_case(GOOD));
    assert_eq!(twin.sentence("envelope.audience.self").unwrap().results.len(), 1);
    // What only the whole run shows, here that anything is said, was not asked for.
    let silent: Vec<What> =
        twin_case(GOOD).into_iter().filter(|what| !matches!(what, What::Answered { .. })).collect();
    let said = |model: &Model| model.sentence("message.answer.fresh").map(|sentence| sentence.outcome);
    assert_eq!(said(&twin), Some(Outcome::Pass));
    assert_eq!(said(&selected(&[TWIN], silent.clone())), None);
    assert_eq!(said(&selected(&[], silent)), Some(Outcome::Unreached));
    let none = selected(&["linkage/other"], twin_case(GOOD));
    assert_eq!(none.sentence("envelope.audience.self"), None);
    assert!(none.not_selected.contains(&"envelope.audience.self".to_owned()));
}

#[test]
fn cases_of_other_roles_are_not_needed() {
    assert_eq!(CASES.iter().filter(|case| case.role == Role::Relay).count(), 1);
    let model = judge(&run(GOOD), &registry());
    let cases = model.sentences.iter().flat_map(|sentence| &sentence.results).map(|result| &result.case);
    assert!(cases.clone().any(|case| case == TWIN));
    assert!(!cases.clone().any(|case| case == "mapping/answered"));
}

#[test]
fn a_case_with_two_verdicts_is_unsteady_and_counts_as_the_worse() {
    let again = negative_case(Behaviour { accepts_deviation: true, ..GOOD });
    let events = |second: Vec<What>| [twin_case(GOOD), negative_case(GOOD), second].concat();
    let steady = judge(&record(header(), events(negative_case(GOOD))), &registry());
    assert!(!steady.sentence("envelope.audience.self").unwrap().unsteady);
    let unsteady = judge(&record(header(), events(again)), &registry());
    let sentence = unsteady.sentence("envelope.audience.self").unwrap();
    assert!(sentence.unsteady);
    assert_eq!(sentence.outcome, Outcome::Fail);
    assert_eq!(sentence.results.iter().map(|result| result.repeat).max(), Some(1));
}

#[test]
fn every_sentence_of_the_profile_is_somewhere_once() {
    let model = judge(&run(GOOD), &registry());
    let mut ids: Vec<&str> = model.sentences.iter().map(|sentence| sentence.id.as_str()).collect();
    ids.extend(model.elsewhere.iter().map(String::as_str));
    ids.extend(model.not_selected.iter().map(String::as_str));
    ids.sort_unstable();
    let profile = Index::profile("responder@1.0").unwrap();
    let features = profile.features.iter().flat_map(|feature| feature.sentences);
    let mut expected: Vec<&str> = profile.sentences.iter().chain(features).copied().collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert!(!model.elsewhere.is_empty());
    let sum: u32 = model.totals.sentences.values().sum();
    assert_eq!(usize::try_from(sum).unwrap(), model.sentences.len());
}
