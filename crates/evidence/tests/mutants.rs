//! Mutants kill judges that are right, and expose those that are not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use chukei_evidence::{
    mutate::{MUTATORS, Scene, matrix},
    *,
};
use chukei_spec::req;
use common::*;

fn judges() -> [Judge; 3] {
    let pick = |id: &str| *registry().judge(id).unwrap();
    [pick("envelope.audience.self"), pick("message.answer.fresh"), pick("message.fault.shape")]
}

#[test]
fn the_matrix_is_this() {
    let judges = judges();
    let registry = Registry { judges: &judges, ..registry() };
    let matrix = matrix(&run(GOOD), &registry, &[]);
    let expected = "\
# Judges by mutators of a recorded run. Generated; do not edit.
# V: some mutant is a violation. u: some is unreached, none a violation. .: all pass. -: nothing to bend.
#                       empty silence drop double reorder truncate party hour bit status bare stale echo refuse twin-refused like-twin renamed counted dead ended
envelope.audience.self  u     V       u    .      .       u        .     .    u   V      .    V     .    V      u            V         -       -       V    -
message.answer.fresh    u     u       .    .      .       u        .     .    .   .      V    .     .    .      -            -         -       -       .    -
message.fault.shape     u     u       u    .      .       u        .     .    .   .      V    .     .    .      .            .         -       -       .    -
";
    assert_eq!(matrix.to_text(), expected);
    assert!(matrix.rows.iter().all(|row| row.is_killed() && !row.passes_nothing() && row.scenes > 0));
}

#[test]
fn a_judge_that_cannot_fail_is_found_out() {
    let blind = Judge {
        id: "blind",
        sentence: req!("envelope.audience.self"),
        cases: Cases::Declared,
        rule: |_| Verdict::Pass,
    };
    let judges = [blind];
    let matrix = matrix(&run(GOOD), &Registry { judges: &judges, ..registry() }, &[]);
    assert!(!matrix.rows[0].is_killed());
    assert!(matrix.rows[0].passes_nothing());
}

#[test]
fn behaving_like_in_the_twin_is_an_acceptance() {
    let transcript = run(GOOD);
    let case = &transcript.cases()[1];
    let scene = Scene::of(&transcript, case);
    let judge = judges()[0];
    assert_eq!((judge.rule)(&scene.exchange()), Verdict::Pass);
    let like_twin = MUTATORS.iter().find(|mutator| mutator.id == "like-twin").unwrap();
    let bent = (like_twin.bend)(&scene);
    let answer = bent[0].exchange().answer(2).unwrap();
    // The answer of the twin, as it would have come to this request, before the probe.
    assert_eq!((answer.status, answer.body.text()), (200, Some("<answered to='urn:uuid:2'/>")));
    assert!(bent[0].exchange().alive_after(answer.seq).is_some());
    assert!(matches!(&like_twin.verdicts(&judge, &scene)[..], [Verdict::Violated { .. }]));
}

/// Every answer of a card is bent by the mutators for answers, its reset too.
#[test]
fn what_a_card_says_is_bent() {
    let transcript = record(header(), card_case());
    let scene = Scene::of(&transcript, &transcript.cases()[0]);
    let answers = |id: &str| -> Vec<Vec<String>> {
        let mutator = MUTATORS.iter().find(|mutator| mutator.id == id).unwrap();
        let said = |apdu: Apdu<'_>| apdu.answer.map_or("-", |(_, text)| text).to_owned();
        let of = |scene: &Scene<'_>| scene.exchange().apdus().map(said).collect();
        (mutator.bend)(&scene).iter().map(of).collect()
    };
    assert_eq!(answers("silence"), [["-", "-", "-"]]);
    assert_eq!(answers("status"), [["3B", "0A6982", "63C3"], ["3B", "0A9000", "9000"]]);
    assert_eq!(answers("renamed"), [["3B", "0A6F42", "63C3"], ["3B", "0A9000", "6F42"]]);
    assert_eq!(answers("counted"), [["3B", "0A9000", "63C4"], ["3B", "0A9000", "63C2"]]);
    assert_eq!(answers("stale"), [["3B", "0A9000", "0A9000"]]);
    assert!(
        answers("bit").iter().any(|one| one[0] != "3B") && answers("bit").iter().any(|one| one[2] != "63C3")
    );
}

/// A visit is ended in every other way.
#[test]
fn how_a_terminal_ends_is_bent() {
    let transcript = record(header(), terminal_case());
    let scene = Scene::of(&transcript, &transcript.cases()[0]);
    let mutator = MUTATORS.iter().find(|mutator| mutator.id == "ended").unwrap();
    let end = |scene: &Scene<'_>| match &scene.events[3].what {
        What::Ended { exit, shown, shows_pin } => (*exit, shown.is_empty(), *shows_pin),
        other => panic!("{other:?}"),
    };
    let ends: Vec<_> = (mutator.bend)(&scene).iter().map(end).collect();
    let bent =
        [(Some(1), false, false), (None, false, false), (Some(0), true, false), (Some(0), false, true)];
    assert_eq!(ends, bent);
}

#[test]
fn mutants_differ_from_what_was_recorded_and_are_named_once() {
    let transcript = run(GOOD);
    let of_card = record(header(), card_case());
    let of_terminal = record(header(), terminal_case());
    for mutator in MUTATORS {
        let transcript = match mutator.id {
            "renamed" | "counted" => &of_card,
            "ended" => &of_terminal,
            _ => &transcript,
        };
        let scene = Scene::of(transcript, transcript.cases().last().unwrap());
        let bent = (mutator.bend)(&scene);
        assert!(!bent.is_empty(), "{}", mutator.id);
        for variant in bent {
            assert!(variant.events != scene.events || variant.twin != scene.twin, "{}", mutator.id);
        }
        assert_eq!(MUTATORS.iter().filter(|other| other.id == mutator.id).count(), 1);
        assert!(mutator.about.ends_with('.'));
    }
}
