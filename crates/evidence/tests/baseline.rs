//! Expected failures: allowed until a date, and only as long as they fail.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use chukei_evidence::*;
use common::*;

const TODAY: Date = Date { year: 2026, month: 6, day: 1 };

fn measure(baseline: &str, product: Behaviour) -> (Measured, u8) {
    let model = judge(&run(product), &registry());
    let measured = Baseline::parse(baseline).unwrap().measure(&model, &registry(), TODAY);
    let code = measured.exit_code(&model);
    (measured, code)
}

const BROKEN: Behaviour = Behaviour { accepts_deviation: true, ..GOOD };

fn entry(what: &str, until: &str) -> String {
    format!("[[expect]]\n{what}\nreason = \"known\"\nuntil = {until}\n")
}

#[test]
fn an_expected_failure_does_not_fail_the_run() {
    let (none, code) = measure("", BROKEN);
    assert_eq!((none.unexpected.as_slice(), code), (&["envelope.audience.self".to_owned()][..], 1));
    for what in [
        "requirement = \"envelope.audience.self\"",
        "case = \"envelope/audience/other\"",
        "case = \"envelope/audience/other\"\nreason_code = \"envelope.audience.accepted\"",
    ] {
        let (measured, code) = measure(&entry(what, "2026-06-01"), BROKEN);
        assert_eq!((measured.expected.len(), measured.unexpected.len(), code), (1, 0, 0), "{what}");
        assert_eq!(measured.problems, []);
    }
}

#[test]
fn every_wrong_entry_has_its_own_error() {
    let audience = "requirement = \"envelope.audience.self\"";
    for (baseline, product, why, code) in [
        (entry("requirement = \"envelope.audience.colour\"", "2026-12-31"), GOOD, Why::Unknown, 5),
        (entry("case = \"envelope/audience/none\"", "2026-12-31"), GOOD, Why::Unknown, 5),
        (entry(audience, "2026-12-31"), GOOD, Why::Stale, 5),
        (entry("requirement = \"mapping.input.known\"", "2026-12-31"), GOOD, Why::Unused, 5),
        (entry(audience, "2026-05-31"), BROKEN, Why::Expired(Date { year: 2026, month: 5, day: 31 }), 1),
        (
            entry(&format!("{audience}\nreason_code = \"other\""), "2026-12-31"),
            BROKEN,
            Why::OtherReason("envelope.audience.accepted".into()),
            1,
        ),
    ] {
        let (measured, found) = measure(&baseline, product);
        assert_eq!(measured.problems.iter().map(|problem| &problem.why).collect::<Vec<_>>(), [&why]);
        assert_eq!(found, code, "{why:?}");
        let problem = measured.problems.first().unwrap();
        assert_eq!(problem.line, 1);
        assert!(
            problem.say(Lang::Ja) != problem.say(Lang::En) && problem.say(Lang::En).contains(&problem.id)
        );
    }
}

#[test]
fn a_void_run_stays_void() {
    let mut events = twin_case(GOOD);
    events.insert(1, What::Broken { what: "x".into() });
    let model = judge(&record(header(), events), &registry());
    let measured = Baseline::default().measure(&model, &registry(), TODAY);
    assert_eq!(measured.exit_code(&model), 4);
}

#[test]
fn mistakes_have_a_place() {
    assert!(Baseline::parse(&entry("case = \"a\"", "2026-12-31")).is_ok());
    for (text, line, column) in [
        ("[[expect]]\ncase = \"a\"\nreasn = \"x\"\n", 3, 1),
        ("[[expect]]\ncase = \"a\"\n", 1, 1),
        ("\n[[expect]]\ncase = \"a\"\nrequirement = \"b\"\nreason = \"x\"\nuntil = 2026-12-31\n", 2, 1),
        ("[[expect]]\nreason = \"x\"\nuntil = 2026-12-31\n", 1, 1),
        ("[[expect]]\ncase = \"a\"\nreason = \" \"\nuntil = 2026-12-31\n", 1, 1),
        ("[[expect]]\ncase = \"a\"\nreason = \"x\"\nuntil = 2026-12-31T00:00:00Z\n", 1, 1),
        ("[[expect]]\ncase = \"a\"\nreason = \"x\"\nuntil = \"soon\"\n", 4, 9),
        ("flaky = []\n", 1, 1),
    ] {
        let error = Baseline::parse(text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
    }
}

#[test]
fn days_are_those_of_utc() {
    for (seconds, day) in [
        (0, "1970-01-01"),
        (86_399, "1970-01-01"),
        (86_400, "1970-01-02"),
        (1_780_271_999, "2026-05-31"),
        (1_780_272_000, "2026-06-01"),
    ] {
        assert_eq!(Date::of(seconds).to_string(), day);
    }
}
