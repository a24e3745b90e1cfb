//! Changes of mappings as sources report them. Every number is invented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use chukei_crypto::UnixTime;
use chukei_profile::{Identifier, Scheme};
use chukei_relay::changes::{Action, Assigned, KeyStore, MappingFault, MappingNote, Standing};
use chukei_relay::numbers::{Level, Number, NumberKind};
use chukei_relay::{AccessLog, MappingStore, Person};
use chukei_store::{Batch, MappingRow, Outcome, Refused, Registry, RegistryFault, Role, SourceEntry};
use support::*;

on_both!(
    the_three_models_are_one_schema,
    one_number_at_two_insurers_of_one_endpoint_is_two_persons_and_told_so,
    versions_follow_one_by_one,
    a_newcomer_is_nobody_who_is_there,
    what_a_registry_leaves_out_stays,
    a_file_is_applied_whole_or_not_at_all,
    a_dry_run_tells_and_changes_nothing,
    files_come_in_order_and_from_whom_is_known,
    a_lost_card_is_suspended_and_resumed_and_a_renewed_one_re_keyed,
    who_changes_insurer_is_never_silently_in_no_scheme,
    nobody_speaks_for_others,
    nobody_ends_what_another_has_reported,
    a_first_load_makes_one_person_of_one_key,
    an_overlap_and_a_number_of_somebody_else_are_refused,
    a_doubtful_number_never_travels,
    the_first_load_finds_what_looking_up_would,
    the_first_load_finds_two_answers,
    a_registry_with_a_mistake_changes_nothing,
    an_import_holds_up_neither_an_entry_nor_a_lookup,
    what_the_owner_of_a_number_has_said_is_left_alone,
    an_owner_that_speaks_later_does_not_speak_for_the_time_before,
    a_suspended_number_that_ends_stays_suspended_until_then,
    a_suspension_may_turn_out_to_have_begun_earlier,
);

const OPEN: i64 = i64::MAX;

fn standing(desk: &Desk<'_>, key: &Assigned, at: i64) -> Standing {
    desk.store.standing(key, UnixTime(at)).unwrap()
}

fn person(desk: &Desk<'_>, key: &Assigned, at: i64) -> Option<Person> {
    match standing(desk, key, at) {
        Standing::Current(person) => Some(person),
        _ => None,
    }
}

fn fault(result: Result<chukei_store::Applied, Vec<Refused<std::convert::Infallible>>>) -> MappingFault {
    match result.unwrap_err().as_slice() {
        [Refused::Change { fault, .. }] => *fault,
        other => panic!("{other:?}"),
    }
}

fn at(at: i64) -> UnixTime {
    UnixTime(at)
}

fn the_three_models_are_one_schema(place: &Place) {
    let desk = Desk::new(place);
    // Nabari's row, Kamogawa's pairs and the row of the basic plan, of one person and another.
    let nabari = [
        resident("0001"),
        of("town", "user-id", "u-1"),
        certificate("0A1F"),
        of("town", "household", "h-1"),
        insured("x", "港いろは１２３４"),
        of("x", "employee-card", "c-1"),
        of("x", "employee-control", "m-1"),
        of("town", "public-cost", "12:1234566"),
        of("town", "public-cost", "54:0000000"),
        of("town", "basic-pension", "0987-654321"),
    ];
    let pairs = [
        of("town", "kamogawa", &"1".repeat(44)),
        of("y", "service", "PLANET-7"),
        of("x", "service", "PLANET-7"),
        of("town", "visible", "V-1"),
        of("town", "household", "h-1"),
    ];
    desk.apply(TOWN, vec![state(1, &nabari, 10, OPEN), state(1, &pairs, 10, 20)]).unwrap();
    let first = person(&desk, &resident("0001"), 10).unwrap();
    for key in nabari.iter().filter(|key| chukei_relay::changes::is_key(&key.number)) {
        assert_eq!(person(&desk, key, 10), Some(first), "{key:?}");
        assert_eq!(person(&desk, key, 9), None, "{key:?}");
    }
    let second = person(&desk, &pairs[0], 19).unwrap();
    assert_ne!(first, second, "a household is shared by persons");
    assert_eq!((person(&desk, &pairs[3], 10), person(&desk, &pairs[3], 20)), (Some(second), None));
    assert_eq!(desk.store.held(first, Some(at(10)), None).unwrap().len(), nabari.len());
    // A provider is shown its own number, and nobody else's.
    let own = desk.store.held(second, Some(at(10)), Some("y")).unwrap();
    let own: Vec<_> =
        own.iter().map(|held| (held.party.as_str(), held.kind.name(), held.number.as_str())).collect();
    assert_eq!(own, [("y", "service", "PLANET-7")]);
    // The wire sees the endpoint, not the insurer's code; two insurers share it.
    let wire = Identifier::new(Scheme::MedicalInsured, "港いろは１２３４").unwrap();
    assert_eq!(desk.store.persons(ENDPOINT, &wire, at(10)).unwrap(), [first]);
    assert_eq!(desk.store.persons("x", &wire, at(10)).unwrap(), []);
    let numbers = desk.store.numbers(first, Scheme::MedicalInsured, at(10)).unwrap();
    assert_eq!(numbers, [(ENDPOINT.to_owned(), wire)]);
}

fn one_number_at_two_insurers_of_one_endpoint_is_two_persons_and_told_so(place: &Place) {
    let desk = Desk::new(place);
    desk.apply(X, vec![state(1, &[insured("x", "港１")], 0, OPEN)]).unwrap();
    desk.apply(Y, vec![state(1, &[insured("y", "港１")], 0, OPEN)]).unwrap();
    let wire = Identifier::new(Scheme::MedicalInsured, "港１").unwrap();
    assert_eq!(desk.store.persons(ENDPOINT, &wire, at(0)).unwrap().len(), 2);
    // By the insurer's own code each is one.
    assert_ne!(person(&desk, &insured("x", "港１"), 0), person(&desk, &insured("y", "港１"), 0));
}

fn versions_follow_one_by_one(place: &Place) {
    let desk = Desk::new(place);
    let row = [resident("1")];
    for found in [0, 2, -1, i64::MAX] {
        let why = fault(desk.apply(TOWN, vec![state(found, &row, 0, OPEN)]));
        assert_eq!(why, MappingFault::Version { due: 1, found });
    }
    desk.apply(TOWN, vec![state(1, &row, 0, OPEN), state(2, &row, 5, OPEN)]).unwrap();
    for found in [1, 2, 4] {
        let why = fault(desk.apply(TOWN, vec![state(found, &row, 6, OPEN)]));
        assert_eq!(why, MappingFault::Version { due: 3, found });
    }
    desk.apply(TOWN, vec![state(3, &row, 6, OPEN)]).unwrap();
    // Each source counts its own record of the person.
    let join = Action::Join { number: insured("x", "1"), from: at(7) };
    desk.apply(X, vec![change(1, &resident("1"), join)]).unwrap();
    let person = person(&desk, &resident("1"), 8).unwrap();
    let versions = desk.store.versions(person).unwrap();
    let brief: Vec<_> = versions.iter().map(|v| (v.source.as_str(), v.version, v.what.as_str())).collect();
    assert_eq!(brief, [(X, 1, "join"), (TOWN, 1, "state"), (TOWN, 2, "state"), (TOWN, 3, "state")]);
}

/// A registry that names less than an earlier one takes nothing away.
fn what_a_registry_leaves_out_stays(place: &Place) {
    let desk = Desk::new(place);
    desk.apply(X, vec![state(1, &[insured("x", "港１")], 0, OPEN)]).unwrap();
    let wire = Identifier::new(Scheme::MedicalInsured, "港１").unwrap();
    let town = SourceEntry { town: Some("112233".to_owned()), ..source(TOWN, Role::Municipality) };
    desk.store.register(Registry { sources: vec![town], parties: vec![] }).unwrap();
    let less =
        Registry { sources: vec![source(TOWN, Role::Municipality)], parties: vec![party("x", None, None)] };
    desk.store.register(less).unwrap();
    assert_eq!(desk.store.source(TOWN).unwrap().unwrap().town.as_deref(), Some("112233"));
    assert_eq!(desk.store.persons(ENDPOINT, &wire, at(0)).unwrap().len(), 1);
    // Somebody else still has no say about its numbers.
    let join = Action::Join { number: insured("x", "港２"), from: at(1) };
    desk.apply(Y, vec![change(1, &insured("x", "港１"), join)]).unwrap_err();
    // Positive twin: what is named is changed.
    let moved =
        Registry { sources: vec![], parties: vec![party("x", Some("https://moved.example.test/"), None)] };
    desk.store.register(moved).unwrap();
    assert_eq!(desk.store.persons(ENDPOINT, &wire, at(0)).unwrap().len(), 0);
    assert_eq!(desk.store.persons("https://moved.example.test/", &wire, at(0)).unwrap().len(), 1);
}

/// Whoever came in without a file has a number too, and so has whoever only the ledger speaks about: the mappings may be older.
fn a_newcomer_is_nobody_who_is_there(place: &Place) {
    let desk = Desk::new(place);
    let row = |person, number: &str| MappingRow {
        person: Person(person),
        party: "https://insurer-a.example.test/".to_owned(),
        number: Identifier::new(Scheme::CareInsured, number).unwrap(),
        from: at(0),
        until: at(OPEN),
    };
    desk.store.add_mappings(vec![row(1, "1234567890"), row(2, "1234567891")]).unwrap();
    desk.apply(TOWN, vec![state(1, &[resident("1")], 0, OPEN)]).unwrap();
    assert_eq!(person(&desk, &resident("1"), 1), Some(Person(3)));
    desk.store.append(&[entry(1), entry(7)]).unwrap();
    desk.apply(TOWN, vec![state(1, &[resident("2")], 0, OPEN)]).unwrap();
    assert_eq!(person(&desk, &resident("2"), 1), Some(Person(8)));
    // Persons of a test world have numbers of their own kind, above all of these.
    desk.store.add_mappings(vec![row(i64::MAX, "1234567892")]).unwrap();
    desk.apply(TOWN, vec![state(1, &[resident("3")], 0, OPEN)]).unwrap();
    assert_eq!(person(&desk, &resident("3"), 1), Some(Person(9)));
}

fn a_file_is_applied_whole_or_not_at_all(place: &Place) {
    let desk = Desk::new(place);
    desk.apply(TOWN, vec![state(1, &[resident("1"), certificate("a1")], 0, OPEN)]).unwrap();
    let before = desk.dump();
    let good = state(1, &[resident("2"), certificate("b2")], 0, OPEN);
    let two_answers = state(1, &[resident("3"), certificate("a1"), insured("x", "1")], 0, OPEN);
    // A row whose numbers lead to two persons is not decided.
    let both = state(2, &[resident("1"), certificate("b2")], 1, OPEN);
    assert_eq!(fault(desk.apply(TOWN, vec![good.clone(), both])), MappingFault::TwoAnswers);
    assert_eq!(fault(desk.apply(TOWN, vec![good.clone(), two_answers.clone()])), MappingFault::TwoAnswers);
    assert_eq!(desk.dump(), before);
    let never = state(1, &[resident("4")], 5, 5);
    assert_eq!(fault(desk.apply(TOWN, vec![good.clone(), never])), MappingFault::Never);
    let unknown = state(1, &[resident("4"), insured("nobody", "1")], 0, OPEN);
    assert_eq!(fault(desk.apply(TOWN, vec![good.clone(), unknown])), MappingFault::UnknownParty);
    // All faults of the file are found.
    let many = vec![state(7, &[resident("5")], 0, OPEN), good.clone(), state(8, &[resident("6")], 0, OPEN)];
    assert_eq!(desk.apply(TOWN, many).unwrap_err().len(), 2);
    assert_eq!(desk.dump(), before);
    desk.apply(TOWN, vec![good]).unwrap();
    // One town does not speak for another.
    let joined = desk.apply(OTHER_TOWN, vec![two_answers]);
    assert_eq!(fault(joined), MappingFault::Foreign);
}

fn a_dry_run_tells_and_changes_nothing(place: &Place) {
    let desk = Desk::new(place);
    let before = desk.dump();
    let mut batch = desk.batch(TOWN, vec![state(1, &[resident("1")], 0, OPEN)]);
    batch.dry_run = true;
    let Outcome::Applied(told) = desk.store.apply(batch).unwrap() else { panic!() };
    assert_eq!((told.persons, told.added), (1, 1));
    assert_eq!(desk.dump(), before);
    assert_eq!(desk.apply(TOWN, vec![state(1, &[resident("1")], 0, OPEN)]).unwrap(), told);
}

fn files_come_in_order_and_from_whom_is_known(place: &Place) {
    let desk = Desk::new(place);
    let change = || vec![state(1, &[resident("1")], 0, OPEN)];
    let refused = |batch| match desk.store.apply(batch).unwrap() {
        Outcome::Refused(why) => why,
        Outcome::Applied(_) => panic!(),
    };
    let mut batch = desk.batch(TOWN, change());
    batch.sequence = 2;
    assert_eq!(refused(batch), [Refused::Sequence { due: 1, found: 2 }]);
    let mut batch = desk.batch(TOWN, change());
    batch.previous = Some([1; 32]);
    assert_eq!(refused(batch), [Refused::Chain]);
    let mut batch = desk.batch(TOWN, change());
    batch.source = "nobody".to_owned();
    assert_eq!(refused(batch), [Refused::Source]);
    let mut again = desk.batch(TOWN, change());
    desk.apply(TOWN, change()).unwrap();
    again.changes = desk.batch(TOWN, change()).changes;
    assert_eq!(refused(again), [Refused::Sequence { due: 2, found: 1 }]);
}

fn a_lost_card_is_suspended_and_resumed_and_a_renewed_one_re_keyed(place: &Place) {
    let desk = Desk::new(place);
    let (old, new) = (certificate("a1"), certificate("b2"));
    desk.apply(TOWN, vec![state(1, &[resident("1"), old.clone()], 0, 100)]).unwrap();
    let one = person(&desk, &old, 0).unwrap();
    desk.apply(TOWN, vec![change(2, &old, Action::Suspend { at: at(10) })]).unwrap();
    assert_eq!(standing(&desk, &old, 9), Standing::Current(one));
    assert_eq!(standing(&desk, &old, 10), Standing::Suspended(one));
    assert_eq!(standing(&desk, &old, 100), Standing::Unknown);
    // Once is enough, and a register that still lists it does not wake it up.
    assert_eq!(
        fault(desk.apply(TOWN, vec![change(3, &old, Action::Suspend { at: at(11) })])),
        MappingFault::NotCurrent
    );
    desk.apply(TOWN, vec![state(3, &[resident("1"), old.clone()], 12, 200)]).unwrap();
    assert_eq!(standing(&desk, &old, 150), Standing::Suspended(one));
    assert_eq!(standing(&desk, &resident("1"), 150), Standing::Current(one));
    desk.apply(TOWN, vec![change(4, &old, Action::Resume { at: at(20) })]).unwrap();
    assert_eq!(
        (standing(&desk, &old, 19), standing(&desk, &old, 20)),
        (Standing::Unknown, Standing::Current(one))
    );
    assert_eq!(
        fault(desk.apply(TOWN, vec![change(5, &old, Action::Resume { at: at(21) })])),
        MappingFault::NotSuspended
    );
    // Renewal: the old serial stops working at that second.
    let rekey = Action::Rekey { number: new.clone(), at: at(50) };
    desk.apply(TOWN, vec![change(5, &old, rekey)]).unwrap();
    assert_eq!(
        (standing(&desk, &old, 49), standing(&desk, &old, 50)),
        (Standing::Current(one), Standing::Unknown)
    );
    assert_eq!(
        (standing(&desk, &new, 49), standing(&desk, &new, 50)),
        (Standing::Unknown, Standing::Current(one))
    );
    assert_eq!(standing(&desk, &new, 200), Standing::Unknown, "for the rest of its time");
    let other = Action::Rekey { number: of("town", "user-id", "u"), at: at(60) };
    assert_eq!(fault(desk.apply(TOWN, vec![change(6, &new, other)])), MappingFault::Kind);
    // What was known stays known.
    let versions = desk.store.versions(one).unwrap();
    let what: Vec<_> = versions.iter().map(|version| version.what.as_str()).collect();
    assert_eq!(what, ["state", "suspend", "state", "resume", "rekey"]);
    assert!(versions.iter().all(|version| version.replaced > 0 || version.version == 1));
}

fn who_changes_insurer_is_never_silently_in_no_scheme(place: &Place) {
    let desk = Desk::new(place);
    desk.apply(TOWN, vec![state(1, &[resident("1")], 0, OPEN), state(1, &[resident("2")], 0, OPEN)]).unwrap();
    let join = |to: &str, from| Action::Join { number: insured(to, "1"), from: at(from) };
    desk.apply(X, vec![change(1, &resident("1"), join("x", 0))]).unwrap();
    let one = person(&desk, &resident("1"), 0).unwrap();
    let leave = vec![change(2, &insured("x", "1"), Action::Leave { at: at(10) })];
    let mut batch = desk.batch(X, leave.clone());
    batch.dry_run = true;
    let Outcome::Applied(told) = desk.store.apply(batch).unwrap() else { panic!() };
    assert_eq!(told.notes, [(1, MappingNote::NoScheme { from: 10 })]);

    // The new insurer was quicker, and is found by the old one's number.
    let applied = desk.apply(Y, vec![change(1, &insured("x", "1"), join("y", 10))]).unwrap();
    assert_eq!(applied.notes, [(1, MappingNote::TwoSchemes)]);
    let at_two = desk.store.numbers(one, Scheme::MedicalInsured, at(10)).unwrap();
    assert_eq!(at_two.len(), 2, "a relay that knows two answers with neither");
    assert_eq!(desk.apply(X, leave).unwrap().notes, []);
    assert_eq!(desk.store.numbers(one, Scheme::MedicalInsured, at(10)).unwrap().len(), 1);
    assert_eq!(desk.store.without_scheme(at(10)).unwrap(), []);
    let applied = desk.apply(Y, vec![change(2, &insured("y", "1"), Action::Leave { at: at(20) })]).unwrap();
    assert_eq!(applied.notes, [(1, MappingNote::NoScheme { from: 20 })]);
    assert_eq!(desk.store.without_scheme(at(19)).unwrap(), []);
    assert_eq!(desk.store.without_scheme(at(20)).unwrap(), [one]);
    // A number that has ended still says whom a joiner file means.
    desk.apply(
        X,
        vec![change(3, &insured("y", "1"), Action::Join { number: insured("x", "2"), from: at(25) })],
    )
    .unwrap();
    assert_eq!(desk.store.without_scheme(at(25)).unwrap(), []);
    assert_eq!(desk.store.without_scheme(at(24)).unwrap(), [one]);
}

fn nobody_speaks_for_others(place: &Place) {
    let desk = Desk::new(place);
    desk.apply(TOWN, vec![state(1, &[resident("1"), insured("x", "1")], 0, OPEN)]).unwrap();
    let foreign = |source, version, key: &Assigned, action| {
        assert_eq!(fault(desk.apply(source, vec![change(version, key, action)])), MappingFault::Foreign);
    };
    foreign(Y, 1, &insured("x", "1"), Action::Leave { at: at(5) });
    foreign(Y, 1, &resident("1"), Action::Join { number: insured("x", "2"), from: at(5) });
    foreign(X, 1, &resident("1"), Action::Suspend { at: at(5) });
    foreign(OTHER_TOWN, 1, &resident("1"), Action::Leave { at: at(5) });
    foreign(
        OTHER_TOWN,
        1,
        &of("other-town", "resident-number", "1"),
        Action::Rekey { number: resident("2"), at: at(5) },
    );
    // The municipality has reported the insurer's number first; the insurer's own word counts from then on.
    let join = Action::Join { number: insured("x", "2"), from: at(5) };
    let applied = desk.apply(X, vec![change(1, &resident("1"), join)]).unwrap();
    assert_eq!(applied.notes, [(1, MappingNote::Superseded)]);
    let why = fault(desk.apply(TOWN, vec![state(2, &[resident("1"), insured("x", "1")], 6, OPEN)]));
    assert_eq!(why, MappingFault::Overlap);
    desk.apply(TOWN, vec![state(2, &[resident("1"), insured("x", "2")], 6, OPEN)]).unwrap();
    let one = person(&desk, &resident("1"), 7).unwrap();
    assert_eq!(desk.store.numbers(one, Scheme::MedicalInsured, at(7)).unwrap().len(), 1);
}

fn nobody_ends_what_another_has_reported(place: &Place) {
    let desk = Desk::new(place);
    let (card, other) = (certificate("a1"), certificate("b1"));
    desk.apply(X, vec![state(1, &[insured("x", "1")], 0, OPEN)]).unwrap();
    desk.apply(TOWN, vec![state(1, &[resident("1"), card.clone(), insured("x", "1")], 0, OPEN)]).unwrap();
    let someone = person(&desk, &card, 5).unwrap();
    // Not the insurer's word, and not that of another municipality about a party without a source.
    let actions = |number: Assigned| {
        [Action::Leave { at: at(5) }, Action::Suspend { at: at(5) }, Action::Rekey { number, at: at(5) }]
    };
    for (key, number) in [(insured("x", "1"), insured("x", "2")), (card.clone(), other.clone())] {
        for action in actions(number) {
            let why = fault(desk.apply(OTHER_TOWN, vec![change(1, &key, action)]));
            assert_eq!(why, MappingFault::Foreign, "{key:?}");
        }
        assert_eq!(standing(&desk, &key, 9), Standing::Current(someone));
    }
    for action in actions(insured("x", "2")) {
        let why = fault(desk.apply(TOWN, vec![change(2, &insured("x", "1"), action)]));
        assert_eq!(why, MappingFault::Foreign);
    }
    // Each its own: the card is suspended, resumed and renewed by the town that has reported it.
    let mine = |version, action| desk.apply(TOWN, vec![change(version, &card, action)]).unwrap();
    mine(2, Action::Suspend { at: at(5) });
    let resume =
        |source, version| desk.apply(source, vec![change(version, &card, Action::Resume { at: at(6) })]);
    assert_eq!(fault(resume(OTHER_TOWN, 1)), MappingFault::Foreign);
    resume(TOWN, 3).unwrap();
    mine(4, Action::Rekey { number: other.clone(), at: at(7) });
    assert_eq!(standing(&desk, &other, 8), Standing::Current(someone));
}

fn a_first_load_makes_one_person_of_one_key(place: &Place) {
    let own = insured("x", "1");
    let parts =
        || vec![state(1, std::slice::from_ref(&own), 0, 10), state(1, std::slice::from_ref(&own), 10, OPEN)];
    let desk = Desk::new(place);
    let refused = MappingFault::Version { due: 2, found: 1 };
    assert_eq!(fault(desk.apply(X, parts())), refused);
    let rows =
        vec![state(1, std::slice::from_ref(&own), 0, 10), state(2, std::slice::from_ref(&own), 10, OPEN)];
    desk.apply(X, rows).unwrap();
    assert_eq!(person(&desk, &own, 5), person(&desk, &own, 15));
}

fn an_overlap_and_a_number_of_somebody_else_are_refused(place: &Place) {
    let desk = Desk::new(place);
    desk.apply(X, vec![state(1, &[insured("x", "1")], 0, OPEN), state(1, &[insured("x", "2")], 0, 10)])
        .unwrap();
    let join = |number, from| Action::Join { number: insured("x", number), from: at(from) };
    let refused = |action| fault(desk.apply(X, vec![change(2, &insured("x", "1"), action)]));
    assert_eq!(refused(join("3", 5)), MappingFault::Overlap);
    assert_eq!(refused(join("1", 5)), MappingFault::Overlap);
    assert_eq!(refused(join("2", 9)), MappingFault::TwoAnswers);
    assert_eq!(refused(Action::Rekey { number: insured("x", "2"), at: at(9) }), MappingFault::TwoAnswers);
    assert_eq!(refused(Action::Resume { at: at(9) }), MappingFault::NotSuspended);
    let nobody = change(1, &insured("x", "9"), Action::Leave { at: at(5) });
    assert_eq!(fault(desk.apply(X, vec![nobody])), MappingFault::Unknown);
    let household = change(1, &of("town", "household", "h"), Action::Leave { at: at(5) });
    assert_eq!(fault(desk.apply(TOWN, vec![household])), MappingFault::Kind);
    // A number is given anew when nobody has it any more.
    desk.apply(
        X,
        vec![change(2, &insured("x", "1"), Action::Rekey { number: insured("x", "2"), at: at(10) })],
    )
    .unwrap();
}

fn a_doubtful_number_never_travels(place: &Place) {
    let desk = Desk::new(place);
    let (number, doubts) =
        Number::read(NumberKind::Scheme(Scheme::LateElderly), "33120016", Level::Lenient).unwrap();
    assert!(doubts.check_digit);
    let doubtful = Assigned { party: "x".to_owned(), number };
    desk.apply(TOWN, vec![state(1, &[resident("1"), doubtful], 0, OPEN)]).unwrap();
    let one = person(&desk, &resident("1"), 0).unwrap();
    assert_eq!(desk.store.numbers(one, Scheme::LateElderly, at(0)).unwrap(), []);
    assert!(desk.store.held(one, Some(at(0)), None).unwrap().iter().any(|held| held.is_doubtful));
    let right = of("x", "late-elderly", "33120015");
    desk.apply(TOWN, vec![state(2, &[resident("1"), right], 0, OPEN)]).unwrap();
    assert_eq!(desk.store.numbers(one, Scheme::LateElderly, at(0)).unwrap().len(), 1);
}

fn the_first_load_finds_what_looking_up_would(place: &Place) {
    // Two rows of one person in the first file: loading at once is given up, and the second row follows the first.
    let desk = Desk::new(place);
    let rows = vec![
        state(1, &[resident("1"), insured("x", "1")], 0, OPEN),
        state(1, &[resident("2")], 0, OPEN),
        state(2, &[resident("1"), insured("x", "2")], 5, OPEN),
    ];
    assert_eq!(desk.apply(TOWN, rows).unwrap().persons, 2);
    assert!(person(&desk, &insured("x", "2"), 5).is_some() && person(&desk, &insured("x", "1"), 5).is_none());
}

/// A key of two persons is found in the order of the index.
fn the_first_load_finds_two_answers(place: &Place) {
    let desk = Desk::new(place);
    let mut second = state(1, &[resident("2"), insured("x", "1")], 9, OPEN);
    second.line = 2;
    let rows = |second| vec![state(1, &[resident("1"), insured("x", "1")], 0, 10), second];
    let before = desk.dump();
    let why = desk.apply(TOWN, rows(second.clone())).unwrap_err();
    assert!(matches!(
        why.as_slice(),
        [Refused::Change { line: 2, fault: MappingFault::TwoAnswers, about: Some(_) }]
    ));
    assert_eq!(desk.dump(), before);
    second.action = state(1, &[resident("2"), insured("x", "1")], 10, OPEN).action;
    assert_eq!(desk.apply(TOWN, rows(second)).unwrap().persons, 2);
}

fn a_registry_with_a_mistake_changes_nothing(place: &Place) {
    let desk = Desk::new(place);
    let before = desk.dump();
    let twice = vec![source("a", Role::Provider), source("a", Role::Provider)];
    let registry = |sources, parties| desk.store.register(Registry { sources, parties });
    assert_eq!(registry(twice, vec![]), Err(RegistryFault::Source("a".to_owned())));
    for wrong in
        [vec![party("p", None, Some("nobody"))], vec![party("p", None, None), party("p", None, None)]]
    {
        let told = registry(vec![source("a", Role::Provider)], wrong);
        assert_eq!(told, Err(RegistryFault::Party("p".to_owned())));
    }
    assert_eq!(desk.dump(), before);
    registry(vec![source("a", Role::Provider)], vec![party("p", None, Some("a"))]).unwrap();
    assert!(desk.store.source("a").unwrap().is_some() && desk.store.source("").unwrap().is_none());
}

fn an_import_holds_up_neither_an_entry_nor_a_lookup(place: &Place) {
    let desk = Desk::new(place);
    desk.apply(TOWN, vec![state(1, &[resident("1")], 0, OPEN)]).unwrap();
    let (begun, half_way) = std::sync::mpsc::channel();
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let state_of = desk.store.source(TOWN).unwrap().unwrap();
    let batch = Batch {
        source: TOWN.to_owned(),
        sequence: state_of.next,
        previous: state_of.digest,
        digest: [9; 32],
        at: NOW,
        dry_run: false,
        changes: move || {
            begun.send(()).unwrap();
            told.lock().unwrap().recv().unwrap();
            vec![Ok::<_, std::convert::Infallible>(state(1, &[resident("2")], 0, OPEN))].into_iter()
        },
        progress: Box::new(|_| {}),
    };
    std::thread::scope(|scope| {
        let import = scope.spawn(|| desk.store.apply(batch).unwrap());
        half_way.recv().unwrap();
        // The import has its transaction open. The ledger is written, and mappings are read as they were.
        desk.store.append(&[entry(1)]).unwrap();
        assert!(person(&desk, &resident("1"), 0).is_some());
        assert_eq!(standing(&desk, &resident("2"), 0), Standing::Unknown);
        go_on.send(()).unwrap();
        assert!(matches!(import.join().unwrap(), Outcome::Applied(_)));
    });
    assert!(person(&desk, &resident("2"), 0).is_some());
}

/// What an insurer has said about its number stays as it is, and so does what the town said about the time before.
fn what_the_owner_of_a_number_has_said_is_left_alone(place: &Place) {
    let desk = Desk::new(place);
    let own = insured("y", "1");
    desk.apply(TOWN, vec![state(1, std::slice::from_ref(&own), 0, OPEN)]).unwrap();
    let someone = person(&desk, &own, 0);
    desk.apply(Y, vec![change(1, &own, Action::Join { number: own.clone(), from: at(6) })]).unwrap();
    let rows = |desk: &Desk<'_>| {
        desk.dump().into_iter().filter(|row| row.starts_with("mapping:")).collect::<Vec<_>>()
    };
    let before = rows(&desk);
    assert_eq!(before.len(), 2);
    desk.apply(TOWN, vec![state(2, std::slice::from_ref(&own), 0, OPEN)]).unwrap();
    assert_eq!(rows(&desk), before);
    assert_eq!((person(&desk, &own, 5), person(&desk, &own, 6)), (someone, someone));
}

fn an_owner_that_speaks_later_does_not_speak_for_the_time_before(place: &Place) {
    let desk = Desk::new(place);
    let (x, y) = (insured("x", "1"), insured("y", "1"));
    desk.apply(TOWN, vec![state(1, &[x.clone(), y.clone()], 0, OPEN)]).unwrap();
    desk.apply(X, vec![state(1, std::slice::from_ref(&x), 4, OPEN)]).unwrap();
    assert!(person(&desk, &x, 3).is_some() && person(&desk, &x, 4).is_some());
    // The town takes its own word back, and only that.
    desk.apply(TOWN, vec![state(2, &[y], 0, OPEN)]).unwrap();
    assert_eq!(standing(&desk, &x, 3), Standing::Unknown);
    assert!(person(&desk, &x, 4).is_some());
}

fn a_suspended_number_that_ends_stays_suspended_until_then(place: &Place) {
    let desk = Desk::new(place);
    let own = insured("x", "1");
    desk.apply(X, vec![state(1, std::slice::from_ref(&own), 0, OPEN)]).unwrap();
    let someone = person(&desk, &own, 0).unwrap();
    desk.apply(X, vec![change(2, &own, Action::Suspend { at: at(2) })]).unwrap();
    desk.apply(X, vec![change(3, &own, Action::Leave { at: at(5) })]).unwrap();
    assert_eq!(standing(&desk, &own, 1), Standing::Current(someone));
    assert_eq!(
        (standing(&desk, &own, 2), standing(&desk, &own, 4)),
        (Standing::Suspended(someone), Standing::Suspended(someone))
    );
    assert_eq!(standing(&desk, &own, 5), Standing::Unknown);
}

fn a_suspension_may_turn_out_to_have_begun_earlier(place: &Place) {
    let desk = Desk::new(place);
    let own = insured("x", "1");
    desk.apply(X, vec![state(1, std::slice::from_ref(&own), 0, OPEN)]).unwrap();
    let someone = person(&desk, &own, 0).unwrap();
    desk.apply(X, vec![change(2, &own, Action::Suspend { at: at(6) })]).unwrap();
    desk.apply(X, vec![change(3, &own, Action::Suspend { at: at(2) })]).unwrap();
    assert_eq!(standing(&desk, &own, 1), Standing::Current(someone));
    assert_eq!(
        (standing(&desk, &own, 2), standing(&desk, &own, 9)),
        (Standing::Suspended(someone), Standing::Suspended(someone))
    );
    // Not from where it is suspended already.
    let again = change(4, &own, Action::Suspend { at: at(4) });
    assert_eq!(fault(desk.apply(X, vec![again])), MappingFault::NotCurrent);
}

/// Whoever waits for a slow import is told how far it is.
#[test]
fn progress_is_told_by_time_too() {
    let place = Place::file();
    let desk = Desk::new(&place);
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let apply = |pause: u64, from: i64| {
        let progress = std::sync::Arc::clone(&told);
        let batch =
            desk.batch(TOWN, (from..from + 4).map(|n| state(1, &[resident(&n.to_string())], 0, 9)).collect());
        let mut changes = batch.changes;
        let slow =
            move || changes().inspect(move |_| std::thread::sleep(std::time::Duration::from_millis(pause)));
        let applied = desk.store.apply(chukei_store::Batch {
            source: batch.source,
            sequence: batch.sequence,
            previous: batch.previous,
            digest: batch.digest,
            at: batch.at,
            dry_run: batch.dry_run,
            changes: slow,
            progress: Box::new(move |done| progress.lock().unwrap().push(done)),
        });
        assert!(matches!(applied.unwrap(), chukei_store::Outcome::Applied(_)));
        std::mem::take(&mut *told.lock().unwrap())
    };
    // The first load, and then one by one.
    assert_eq!(apply(700, 0), [3]);
    assert_eq!(apply(700, 4), [3]);
    assert_eq!(apply(0, 8), [0; 0], "a fast one says nothing");
}
