//! What each port promises, held by the stores in memory and by those in databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod carried;
mod replay;
#[path = "../support/mod.rs"]
mod support;

use std::sync::{Arc, Barrier};

use chukei_crypto::UnixTime;
use chukei_profile::history::{Entry, Kind, Range};
use chukei_profile::login::Context;
use chukei_profile::{Identifier, Purpose, Scheme};
use chukei_relay::login::LoggedIn;
use chukei_relay::memory::{MemoryAgreements, MemoryLog, MemoryMappings, MemoryReplay};
use chukei_relay::{
    AccessLog, Agreements, Carried, Disclosed, Issuance, MappingStore, NewEntry, Page, Person, ReplayStore,
    Unavailable,
};
use chukei_store::{Agreement, Difference, EarlyReplay, MappingRow, Store, Theirs};
use chukei_xml::lexical::DateTime;
use support::Place;

const A: &str = "https://insurer-a.example.test/";
const B: &str = "https://insurer-b.example.test/";
const C: &str = "https://insurer-c.example.test/";
const T: UnixTime = UnixTime(1_790_000_000);

fn on_both(test: impl Fn(&Store)) {
    in_both(|place| test(&place.store()));
}

#[allow(clippy::print_stderr, reason = "which one fails")]
fn in_both(test: impl Fn(&Place)) {
    for place in [Some(Place::file()), Place::schema()].iter().flatten() {
        eprintln!("in {}", place.location());
        test(place);
    }
}

fn number(scheme: Scheme, value: &str) -> Identifier {
    Identifier::new(scheme, value).unwrap()
}

fn care(value: &str) -> Identifier {
    number(Scheme::CareInsured, value)
}

fn medical(value: &str) -> Identifier {
    number(Scheme::MedicalInsured, value)
}

fn entry(person: i64, kind: Kind) -> NewEntry {
    let items = vec!["eligibility".to_owned()];
    NewEntry { kind, outcome: "OK".to_owned(), items, ..support::entry(person) }
}

fn issued(person: i64, envelope: &str) -> NewEntry {
    let (envelope, target) = (Some(envelope.to_owned()), Some(B.to_owned()));
    NewEntry { envelope, target, ..entry(person, Kind::Mapping) }
}

mod mappings {
    use super::*;

    type Add<'a> = &'a dyn Fn(i64, &str, Identifier, i64, i64);

    /// Numbers are compared character by character, at a party, in a scheme, for a time.
    fn keeps(store: &dyn MappingStore, add: Add<'_>) {
        add(1, A, care("1234567890"), 0, 100);
        add(1, B, medical("港いろは１２３４"), 10, 20);
        add(1, B, medical("港いろは５６７８"), 20, 100);
        add(1, C, medical("港いろは１２３４"), 0, 100);
        add(2, B, medical("港いろは1234"), 0, 100);
        let person = |party, number: &Identifier, at| store.person(party, number, UnixTime(at)).unwrap();
        let numbers = |person, scheme, at| store.numbers(Person(person), scheme, UnixTime(at)).unwrap();

        assert_eq!(person(A, &care("1234567890"), 0), Some(Person(1)));
        assert_eq!(person(B, &care("1234567890"), 0), None, "another party");
        assert_eq!(person(A, &medical("1234567890"), 0), None, "another scheme");
        assert_eq!(person(A, &care("123456789"), 0), None, "another number");
        // Nothing is folded, trimmed or normalised.
        assert_eq!(person(B, &medical("港いろは１２３４"), 10), Some(Person(1)));
        assert_eq!(person(B, &medical("港いろは1234"), 10), Some(Person(2)));
        assert_eq!(person(B, &medical("港イロハ１２３４"), 10), None);
        // Half-open: the first second counts, the last does not.
        assert_eq!(person(B, &medical("港いろは１２３４"), 9), None);
        assert_eq!(person(B, &medical("港いろは１２３４"), 20), None);
        assert_eq!(person(A, &care("1234567890"), 100), None);

        let both =
            vec![(B.to_owned(), medical("港いろは１２３４")), (C.to_owned(), medical("港いろは１２３４"))];
        assert_eq!(numbers(1, Scheme::MedicalInsured, 19), both);
        assert_eq!(numbers(1, Scheme::MedicalInsured, 20)[0], (B.to_owned(), medical("港いろは５６７８")));
        assert_eq!(numbers(1, Scheme::MedicalInsured, 9).len(), 1);
        assert_eq!(numbers(1, Scheme::Kamogawa, 19), []);
        assert_eq!(numbers(3, Scheme::MedicalInsured, 19), []);
    }

    #[test]
    fn in_memory() {
        let store = MemoryMappings::default();
        keeps(&store, &|person, party, number, from, until| {
            store.add(Person(person), party, number, UnixTime(from), UnixTime(until)).unwrap();
        });
    }

    fn row(person: i64, party: &str, number: Identifier, from: i64, until: i64) -> MappingRow {
        let (person, from, until) = (Person(person), UnixTime(from), UnixTime(until));
        MappingRow { person, party: party.to_owned(), number, from, until }
    }

    #[test]
    fn in_databases() {
        on_both(|store| {
            keeps(store, &|person, party, number, from, until| {
                store.add_mappings(vec![row(person, party, number, from, until)]).unwrap();
            });
        });
    }

    #[test]
    fn a_database_adds_all_rows_or_none() {
        on_both(|store| {
            let good = row(1, A, care("1234567890"), 0, 1);
            let never = row(1, B, medical("a"), 5, 5);
            store.add_mappings(vec![good.clone(), never]).unwrap_err();
            assert_eq!(store.person(A, &good.number, UnixTime(0)), Ok(None));
            store.add_mappings(vec![good.clone()]).unwrap();
            assert_eq!(store.person(A, &good.number, UnixTime(0)), Ok(Some(Person(1))));
            let other = row(2, A, care("1234567891"), 0, 1);
            store.replace_mappings(vec![other.clone()]).unwrap();
            assert_eq!(store.person(A, &good.number, UnixTime(0)), Ok(None));
            assert_eq!(store.person(A, &other.number, UnixTime(0)), Ok(Some(Person(2))));
        });
    }
}

mod access {
    use super::*;

    /// A part of a history: the last entries of a period that stand before a number. What is withheld lies in every period.
    fn gives_parts(log: &dyn AccessLog) {
        let at = |seconds| UnixTime(T.0 + seconds);
        let moment = |seconds, nanoseconds| Some(DateTime { seconds: T.0 + seconds, nanoseconds });
        let entries: Vec<_> = [(0, None), (10, None), (10, Some(at(100))), (20, None), (30, None)]
            .map(|(after, withheld_until)| NewEntry {
                at: at(after),
                withheld_until,
                ..entry(1, Kind::Mapping)
            })
            .into();
        log.append(&entries).unwrap();
        log.append(&[entry(2, Kind::Mapping)]).unwrap();
        let numbers = |range: Range, now| {
            let page = log.page(Person(1), &range, now).unwrap();
            (page.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), page.total)
        };
        let all = Range::default();
        assert_eq!(numbers(all, at(30)), (vec![1, 2, 3, 4, 5], 5));
        assert_eq!(numbers(Range { limit: 2, ..all }, at(30)), (vec![4, 5], 5));
        assert_eq!(numbers(Range { limit: 2, before: Some(4), ..all }, at(30)), (vec![2, 3], 5));
        assert_eq!(numbers(Range { before: Some(1), ..all }, at(30)), (vec![], 5));
        assert_eq!(numbers(Range { before: Some(u64::MAX), ..all }, at(30)), (vec![1, 2, 3, 4, 5], 5));
        // The third is withheld until 100 and lies in every period till then.
        let late = Range { from: moment(20, 0), ..all };
        assert_eq!(numbers(late, at(99)), (vec![3, 4, 5], 3));
        assert_eq!(numbers(late, at(100)), (vec![4, 5], 2));
        assert_eq!(numbers(Range { from: moment(10, 1), ..all }, at(100)), (vec![4, 5], 2));
        assert_eq!(numbers(Range { until: moment(20, 0), ..all }, at(100)), (vec![1, 2, 3], 3));
        assert_eq!(numbers(Range { until: moment(20, 1), ..all }, at(100)), (vec![1, 2, 3, 4], 4));
        let between = Range { from: moment(10, 0), until: moment(30, 0), before: Some(4), limit: 1 };
        assert_eq!(numbers(between, at(100)), (vec![3], 3));
        assert_eq!(log.page(Person(3), &all, at(0)), Ok(Page::default()));
        assert_eq!(log.history(Person(1)).unwrap().len(), 5);
    }

    /// Each person's entries are numbered from 1 without a gap, in the order in which they were recorded.
    fn keeps(log: &dyn AccessLog) {
        assert_eq!(log.history(Person(1)), Ok(vec![]));
        log.append(&[entry(1, Kind::Mapping), entry(2, Kind::Mapping), issued(1, "_e1")]).unwrap();
        let refused = NewEntry { outcome: "Forbidden".to_owned(), ..entry(1, Kind::Mapping) };
        log.append(&[refused]).unwrap();
        let about_nobody = NewEntry { person: None, ..entry(1, Kind::Mapping) };
        log.append(&[about_nobody]).unwrap();
        let told =
            NewEntry { actor: B.to_owned(), envelope: Some("_e1".to_owned()), ..entry(1, Kind::Disclosure) };
        // A second notice about one envelope is no second disclosure.
        log.append(std::slice::from_ref(&told)).unwrap();
        log.append(&[told]).unwrap();

        let seen = log.history(Person(1)).unwrap();
        let brief: Vec<_> =
            seen.iter().map(|e| (e.number, e.kind, e.outcome.as_str(), e.envelope.as_deref())).collect();
        assert_eq!(
            brief,
            [
                (1, Kind::Mapping, "OK", None),
                (2, Kind::Mapping, "OK", Some("_e1")),
                (3, Kind::Mapping, "Forbidden", None),
                (4, Kind::Disclosure, "OK", Some("_e1")),
            ]
        );
        assert_eq!(
            (seen[3].actor.as_str(), seen[3].at.seconds, seen[3].purpose),
            (B, T.0, Purpose::CombinedHighCost)
        );
        assert_eq!(log.history(Person(2)).unwrap().len(), 1);

        let issuance = Issuance {
            person: Person(1),
            target: B.to_owned(),
            requester: A.to_owned(),
            purpose: Purpose::CombinedHighCost,
            at: T,
            withheld_until: None,
            disclosed: Some(Disclosed { outcome: "OK".to_owned(), items: vec!["eligibility".to_owned()] }),
        };
        assert_eq!(log.issuance("_e1"), Ok(Some(issuance.clone())));
        assert_eq!(log.issuance("_e2"), Ok(None));

        // What is withheld is there, with its time, for the relay to decide what it shows.
        let withheld_until = Some(UnixTime(T.0 + 86_400));
        log.append(&[NewEntry { withheld_until, ..issued(9, "_e3") }, entry(9, Kind::Mapping)]).unwrap();
        let until = |entry: &Entry| entry.withheld_until.map(|until| until.seconds);
        let untils: Vec<_> = log.history(Person(9)).unwrap().iter().map(until).collect();
        assert_eq!(untils, [Some(T.0 + 86_400), None]);
        let withheld = Issuance { person: Person(9), withheld_until, disclosed: None, ..issuance };
        assert_eq!(log.issuance("_e3"), Ok(Some(withheld)));

        // How somebody had logged in is kept.
        let login = |operator: Option<&str>| LoggedIn {
            context: Context::CardPresent,
            operator: operator.map(str::to_owned),
        };
        for operator in [None, Some("0a1b")] {
            log.append(&[NewEntry { login: Some(login(operator)), ..entry(6, Kind::Mapping) }]).unwrap();
        }
        let ways: Vec<_> = log.history(Person(6)).unwrap();
        let ways: Vec<_> = ways.iter().map(|e| (e.authentication, e.operator.as_deref())).collect();
        assert_eq!(ways, [(Some(Context::CardPresent), None), (Some(Context::CardPresent), Some("0a1b"))]);

        const WRITERS: usize = 8;
        const EACH: usize = 25;
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    (0..EACH).for_each(|_| {
                        log.append(&[entry(7, Kind::Mapping), entry(8, Kind::History)]).map(drop).unwrap()
                    })
                });
            }
        });
        for person in [7, 8] {
            let numbers: Vec<_> =
                log.history(Person(person)).unwrap().iter().map(|entry| entry.number).collect();
            assert_eq!(numbers, (1..=(WRITERS * EACH) as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn in_memory() {
        keeps(&MemoryLog::default());
        gives_parts(&MemoryLog::default());
    }

    #[test]
    fn parts_in_databases() {
        on_both(|store| gives_parts(store));
    }

    #[test]
    fn in_databases() {
        on_both(|store| {
            keeps(store);
            assert_eq!(store.count(Kind::Disclosure), Ok(1));
            assert_eq!(store.count(Kind::History), Ok(200));
        });
    }

    #[test]
    fn a_database_records_one_disclosure_of_an_envelope() {
        on_both(|store| {
            let told = |envelope: &str| NewEntry {
                envelope: Some(envelope.to_owned()),
                ..entry(1, Kind::Disclosure)
            };
            store.append(&[issued(1, "_e1"), issued(1, "_e2")]).unwrap();
            store.append(&[told("_e1")]).unwrap();
            store.append(&[told("_e1"), told("_e2")]).unwrap();
            assert_eq!(store.count(Kind::Disclosure), Ok(2));
            let numbers: Vec<_> =
                store.history(Person(1)).unwrap().iter().map(|entry| entry.number).collect();
            assert_eq!(numbers, [1, 2, 3, 4]);
        });
    }

    /// Whoever is told that it is recorded has the receipt of what stands there.
    #[test]
    fn notices_at_once_have_one_receipt() {
        on_both(|store| {
            store.append(&[issued(1, "_e1")]).unwrap();
            let told = NewEntry { envelope: Some("_e1".to_owned()), ..entry(1, Kind::Disclosure) };
            let barrier = Barrier::new(8);
            let mut receipts: Vec<_> = std::thread::scope(|scope| {
                let tell = || {
                    barrier.wait();
                    store.append(std::slice::from_ref(&told)).ok()
                };
                let all: Vec<_> = (0..8).map(|_| scope.spawn(tell)).collect();
                all.into_iter().filter_map(|one| one.join().unwrap()).collect()
            });
            receipts.dedup();
            assert_eq!((receipts.len(), receipts[0].len()), (1, 1));
            assert_eq!(store.append(&[told]).unwrap(), receipts[0], "who comes again gets it too");
            assert_eq!(store.count(Kind::Disclosure), Ok(1));
        });
    }

    #[test]
    fn what_was_issued_is_held_against_what_was_reported() {
        on_both(|store| {
            let told = |envelope: &str, after: i64, purpose| NewEntry {
                at: UnixTime(T.0 + after),
                actor: B.to_owned(),
                purpose,
                envelope: Some(envelope.to_owned()),
                ..entry(1, Kind::Disclosure)
            };
            let all = ["_fits", "_late", "_purpose", "_nobody", "_theirs", "_ours"].map(|id| issued(1, id));
            store.append(&all).unwrap();
            let other = Purpose::EligibilityCheck;
            let usual = Purpose::CombinedHighCost;
            for told in [
                told("_fits", 480, usual),
                told("_late", 481, usual),
                told("_purpose", 1, other),
                told("_ours", 1, usual),
            ] {
                store.append(&[told]).unwrap();
            }
            let (ever, later) = ((UnixTime(0), UnixTime(i64::MAX)), UnixTime(T.0 + 481));
            let seen = |between, theirs: Option<&Theirs>, now| {
                let done = store.reconcile(between, theirs, now).unwrap();
                let brief = done.unlike.iter().map(|unlike| (unlike.difference, unlike.envelope.clone()));
                ((done.issued, done.reported), brief.collect::<Vec<_>>())
            };
            let is = |difference, id: &str| (difference, id.to_owned());
            use Difference::{Late, OnlyOurs, OnlyTheirs, Purpose as Other, Unreported};
            let alone = [
                is(Unreported, "_nobody"),
                is(Unreported, "_theirs"),
                is(Late, "_late"),
                is(Other, "_purpose"),
            ];
            assert_eq!(seen(ever, None, later), ((6, 4), alone.to_vec()));
            // As long as a notice may come, none is missed.
            assert_eq!(seen(ever, None, T).1, alone[2..]);
            assert_eq!(seen((UnixTime(0), T), None, later), ((0, 0), vec![]));
            let ids = ["_fits", "_late", "_purpose", "_theirs", "_unknown"].map(str::to_owned);
            let theirs = Theirs { target: B.to_owned(), envelopes: ids.into() };
            let both = [
                is(Unreported, "_nobody"),
                is(Late, "_late"),
                is(Other, "_purpose"),
                is(OnlyTheirs, "_unknown"),
                is(OnlyTheirs, "_theirs"),
                is(OnlyOurs, "_ours"),
            ];
            assert_eq!(seen(ever, Some(&theirs), later), ((6, 4), both.to_vec()));
            // What was issued before the period is in the list of whoever was asked in it.
            assert_eq!(seen((UnixTime(T.0 + 1000), UnixTime(i64::MAX)), Some(&theirs), later), {
                ((0, 0), vec![is(OnlyTheirs, "_unknown")])
            });
            // Another responder's list has nothing to do with these.
            let theirs = Theirs { target: C.to_owned(), envelopes: [].into() };
            assert_eq!(seen(ever, Some(&theirs), later), ((0, 0), vec![]));
        });
    }

    #[test]
    fn a_database_records_all_entries_or_none() {
        on_both(|store| {
            store.append(&[issued(1, "_e1")]).unwrap();
            // An envelope is issued once, and for somebody.
            store.append(&[entry(1, Kind::Mapping), issued(1, "_e1")]).unwrap_err();
            let for_nobody = NewEntry { person: None, ..issued(1, "_e2") };
            store.append(&[entry(1, Kind::Mapping), for_nobody]).unwrap_err();
            assert_eq!(store.history(Person(1)).unwrap().len(), 1);
            store.append(&[issued(1, "_e2")]).unwrap();
            assert_eq!(store.history(Person(1)).unwrap().len(), 2);
        });
    }
}

mod agreements {
    use super::*;

    /// What is not agreed is not allowed.
    fn keeps(store: &dyn Agreements, set_in_service: &dyn Fn(&str, bool)) {
        let purpose = Purpose::CombinedHighCost;
        assert!(store.allow(A, Some(B), purpose));
        assert!(store.allow(A, None, purpose));
        assert!(!store.allow(A, Some(C), purpose), "another target");
        assert!(!store.allow(B, Some(A), purpose), "the other way round");
        assert!(!store.allow(A, Some(B), Purpose::EligibilityCheck), "another purpose");
        assert!(store.allow(A, Some(C), Purpose::EligibilityCheck));
        assert!(store.may_withhold(C) && !store.may_withhold(A));
        assert!(!store.allow(C, None, purpose));
        assert!(store.via_relay(A, B) && !store.via_relay(A, C) && !store.via_relay(B, A));
        assert!(store.is_portal("https://portal.example.test/") && !store.is_portal(A));
        assert!(store.in_service(B));
        set_in_service(B, false);
        assert!(!store.in_service(B) && store.in_service(C));
        set_in_service(B, true);
        assert!(store.in_service(B));
    }

    #[test]
    fn in_memory() {
        let pair = |to: &str, purpose| (A.to_owned(), to.to_owned(), purpose);
        let mut store = MemoryAgreements::default();
        store.pairs.extend([pair(B, Purpose::CombinedHighCost), pair(C, Purpose::EligibilityCheck)]);
        store.relayed.insert((A.to_owned(), B.to_owned()));
        store.portals.insert("https://portal.example.test/".to_owned());
        store.withholders.insert(C.to_owned());
        keeps(&store, &|party, in_service| store.set_in_service(party, in_service).unwrap());
    }

    #[test]
    fn in_databases() {
        on_both(|store| {
            let agreement = |to: &str, purpose, via_relay| Agreement {
                requester: A.to_owned(),
                target: to.to_owned(),
                purpose,
                via_relay,
            };
            let agreed = vec![
                agreement(B, Purpose::CombinedHighCost, true),
                agreement(C, Purpose::EligibilityCheck, false),
            ];
            store
                .set_agreements(agreed, vec!["https://portal.example.test/".to_owned()], vec![C.to_owned()])
                .unwrap();
            keeps(store, &|party, in_service| store.set_in_service(party, in_service).unwrap());
            store.set_agreements(vec![], vec![], vec![]).unwrap();
            assert!(!store.allow(A, Some(B), Purpose::CombinedHighCost));
            assert!(!store.may_withhold(C));
        });
    }

    /// Whoever changes agreements beside a relay is heard before anything follows from the old ones.
    #[test]
    fn what_another_process_has_changed_counts() {
        in_both(|place| {
            let [relay, other] = [(); 2].map(|()| place.store());
            let agreement = Agreement {
                requester: A.to_owned(),
                target: B.to_owned(),
                purpose: Purpose::CombinedHighCost,
                via_relay: true,
            };
            let allows = || relay.allow(A, Some(B), Purpose::CombinedHighCost);
            let records = || relay.append(&[entry(1, Kind::Mapping)]).is_ok();
            other.set_agreements(vec![agreement.clone()], vec![], vec![]).unwrap();
            assert!(allows() && records());
            other.set_agreements(vec![], vec![], vec![]).unwrap();
            // A file's relay has not read them again; a database has said no.
            assert_eq!((allows(), records()), (place.is_file(), !place.is_file()));
            assert!(!allows() && records());
            // Its own changes disturb nobody.
            relay.set_agreements(vec![agreement], vec![], vec![]).unwrap();
            assert!(allows() && records());
            relay.set_in_service(B, false).unwrap();
            assert!(!relay.in_service(B) && records());
        });
    }
}

mod logins {
    use chukei_relay::login::{Logins, Presented, Session, Taken};
    use chukei_relay::memory::MemoryLogins;

    use super::*;

    fn at(seconds: i64) -> UnixTime {
        UnixTime(T.0 + seconds)
    }

    /// A challenge is taken once, by its party, in its time; a session is found until it is forgotten.
    fn keeps(store: &dyn Logins) {
        store.challenge(A, "1", at(10), T).unwrap();
        store.challenge(B, "1", at(10), T).unwrap();
        store.challenge(A, "2", at(10), T).unwrap();
        let take = |party, value, now| store.take(party, value, now).unwrap() == Some(Taken::default());
        assert!(!take(C, "1", T) && !take(A, "3", T), "another's, and nobody's");
        assert!(take(A, "1", at(9)) && !take(A, "1", at(9)), "once");
        assert!(!take(A, "2", at(10)), "too late");
        assert!(take(B, "1", T));

        let session = |seconds| Session {
            party: A.to_owned(),
            person: Person(7),
            login: LoggedIn {
                context: Context::CardWithoutPin,
                operator: (seconds > 600).then(|| "0a".to_owned()),
            },
            purpose: Purpose::EligibilityCheck,
            until: at(seconds),
        };
        store.open("_1", session(600), T).unwrap();
        store.open("_2", session(700), T).unwrap();
        assert_eq!(store.session("_1").unwrap(), Some(session(600)));
        assert_eq!(store.session("_3").unwrap(), None);
        store.open("_3", session(1300), at(600)).unwrap();
        assert_eq!(store.session("_1").unwrap(), None, "what has ended is forgotten");
        assert_eq!(store.session("_2").unwrap(), Some(session(700)));
    }

    /// A card is presented once with a challenge, and is there when that is taken.
    fn keeps_presented(store: &dyn Logins) {
        let presented = |person: Option<i64>, octet| Presented {
            ticket: [octet; 32],
            person: person.map(Person),
            purpose: Purpose::History,
        };
        let present =
            |party, value, octet, now| store.present(party, value, presented(Some(7), octet), now).unwrap();
        store.challenge(A, "p", at(10), T).unwrap();
        store.challenge(A, "q", at(10), T).unwrap();
        assert_eq!((present(B, "p", 1, T), present(A, "r", 1, T)), (None, None), "another's, and nobody's");
        assert_eq!(present(A, "p", 1, at(10)), None, "too late");
        assert_eq!(present(A, "p", 1, at(9)), Some(at(10)));
        assert_eq!(present(A, "p", 2, at(9)), None, "once");
        assert_eq!(store.present(A, "q", presented(None, 3), T).unwrap(), Some(at(10)));
        let taken = |value| store.take(A, value, at(9)).unwrap();
        assert_eq!(taken("p"), Some(Taken { presented: Some(presented(Some(7), 1)) }));
        assert_eq!(taken("q"), Some(Taken { presented: Some(presented(None, 3)) }), "nobody's card");
        assert_eq!((taken("p"), present(A, "p", 1, T)), (None, None), "it is gone");
    }

    /// Of many who take one challenge, one has it.
    fn is_taken_once(store: &(dyn Logins + Sync)) {
        store.challenge(A, "rivals", at(10), T).unwrap();
        let taken = std::thread::scope(|scope| {
            let rivals: Vec<_> =
                (0..8).map(|_| scope.spawn(|| store.take(A, "rivals", T).unwrap().is_some())).collect();
            rivals.into_iter().map(|rival| rival.join().unwrap()).filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
    }

    #[test]
    fn in_memory() {
        keeps(&MemoryLogins::default());
        keeps_presented(&MemoryLogins::default());
        is_taken_once(&MemoryLogins::default());
    }

    #[test]
    fn in_a_store() {
        on_both(|store| {
            keeps(store);
            keeps_presented(store);
            is_taken_once(store);
        });
    }
}
