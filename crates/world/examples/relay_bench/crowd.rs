//! Invented persons, each with a number at the requester and one at the target, put into a store as a municipality's first
//! file would.

use std::convert::Infallible;

use chukei_crypto::UnixTime;
use chukei_profile::{Identifier, Scheme};
use chukei_relay::changes::{Action, Assigned, Change, OPEN};
use chukei_relay::numbers::Number;
use chukei_store::{Batch, Location, Outcome, PartyEntry, Registry, Role, SourceEntry, Store};

/// Who asks.
pub(crate) const REQUESTER: &str = "insurer-a";
/// Whose number is wanted.
pub(crate) const TARGET: &str = "insurer-b";
const SOURCE: &str = "TEST town";

/// The person's number at the requester.
pub(crate) fn asked(person: u64) -> Identifier {
    Identifier::new(Scheme::CareInsured, &format!("{:010}", scattered(person, 10_000_000_000))).unwrap()
}

fn wanted(person: u64) -> Identifier {
    Identifier::new(Scheme::MedicalInsured, &format!("群衆{:09}", scattered(person, 1_000_000_000))).unwrap()
}

/// Another place for each place: in no order, and nobody twice.
pub(crate) fn scattered(place: u64, of: u64) -> u64 {
    // The stride has no divisor in common with powers of ten.
    place.wrapping_mul(7_368_787) % of
}

/// Puts in so many persons, unless they are there; gives how many numbers a second.
pub(crate) fn fill(location: &Location, persons: u64) -> Option<f64> {
    let store = Store::open(location.clone()).unwrap();
    if store.source(SOURCE).unwrap().is_some_and(|source| source.next > 1) {
        return None;
    }
    let party = |name: &str| PartyEntry {
        code: format!("TEST {name}"),
        entity: Some(chukei_world::folder::entity(name)),
        source: Some(SOURCE.to_owned()),
    };
    let source = SourceEntry { name: SOURCE.to_owned(), role: Role::Municipality, town: None };
    store
        .register(Registry { sources: vec![source], parties: vec![party(REQUESTER), party(TARGET)] })
        .unwrap();
    let change = |person: u64| {
        let number = |name: &str, identifier: &Identifier| Assigned {
            party: format!("TEST {name}"),
            number: Number::of(identifier),
        };
        let numbers = vec![number(REQUESTER, &asked(person)), number(TARGET, &wanted(person))];
        Change {
            line: person + 1,
            key: numbers[0].clone(),
            version: 1,
            action: Action::State { numbers, from: UnixTime(0), until: OPEN },
        }
    };
    let batch = Batch {
        source: SOURCE.to_owned(),
        sequence: 1,
        previous: None,
        digest: [0; 32],
        at: UnixTime(1),
        dry_run: false,
        changes: move || (0..persons).map(move |person| Ok::<_, Infallible>(change(person))),
        progress: Box::new(move |done| {
            if done % 1_000_000 == 0 {
                eprintln!("  {done} of {persons} persons");
            }
        }),
    };
    let begun = std::time::Instant::now();
    match store.apply(batch).unwrap() {
        Outcome::Applied(applied) => Some(applied.added as f64 / begun.elapsed().as_secs_f64()),
        Outcome::Refused(why) => panic!("{why:?}"),
    }
}
