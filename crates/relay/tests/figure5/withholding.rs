//! Withheld entries (chapter 35): the person sees that they are there, and later what they say.

use std::sync::Arc;

use chukei_crypto::UnixTime;
use chukei_profile::{
    Date, Scheme,
    history::{History, Range},
    linkage::Item,
};
use chukei_reason::Reason;
#[cfg(feature = "danger-faults")]
use chukei_relay::faults::Fault;
use chukei_relay::{Ask, Outgoing, Step, memory::MemoryAgreements};
use chukei_xml::lexical::DateTime;
#[cfg(feature = "danger-faults")]
use chukei_xml::ns;

use crate::world::*;

/// A day after [`NOW`]; it begins in Japan 15 hours after NOW.
pub(crate) const DAY: &str = "2026-07-02";
const UNTIL: UnixTime = UnixTime(NOW.0 + 15 * 3600);

/// A world where A and B may withhold.
pub(crate) fn world() -> World {
    let mut world = World::new();
    let mut agreements = MemoryAgreements::default();
    agreements.pairs.clone_from(&world.agreements.pairs);
    agreements.relayed.clone_from(&world.agreements.relayed);
    agreements.portals.clone_from(&world.agreements.portals);
    agreements.withholders = [A, B].map(str::to_owned).into();
    world.agreements = Arc::new(agreements);
    world.relay.agreements = world.agreements.clone();
    world
}

fn withheld(world: &World, asks: &[Ask], until: &str) -> Outgoing<chukei_relay::Mapping> {
    world.a.map_withheld(asks, PURPOSE, &Date::parse(until).unwrap(), NOW).unwrap()
}

/// A mapping that is withheld, and what follows from it: a query, and its disclosure.
fn linked(world: &World) {
    let sent = withheld(world, &[ask(0)], DAY);
    let mapped = world.relay(&sent, A);
    let mapped = world.a.take_mapping(sent.pending, &answer(&mapped), NOW).unwrap();
    let envelope = mapped.results.into_iter().next().unwrap().1.unwrap();
    let query = world.a.query(envelope, &Item::ALL, None, NOW).unwrap();
    let Step::Send(notice) = world.b.handle(&request(&query, A), NOW) else { panic!("a notice") };
    assert_eq!(world.relay(&notice, B).status, 200);
}

/// The same without what waits for the answer.
fn with<P>(sent: &Outgoing<P>) -> Outgoing<()> {
    Outgoing {
        to: sent.to.clone(),
        endpoint: sent.endpoint.clone(),
        soap_action: sent.soap_action.clone(),
        body: sent.body.clone(),
        pending: (),
    }
}

fn history(world: &World, at: UnixTime) -> History {
    history_in(world, at, Range::default())
}

fn history_in(world: &World, at: UnixTime, range: Range) -> History {
    let whom = number(Scheme::CareInsured, CARE[0]).into();
    let sent = world.portal.history(A, &whom, range, at).unwrap();
    let reply = reply(world.relay.handle(&request(&sent, PORTAL), at));
    world.portal.take_history(sent.pending, &answer(&reply), at).unwrap()
}

/// Numbers of the entries that are shown, and of those that are withheld.
fn numbers(history: &History) -> (Vec<u64>, Vec<u64>) {
    let shown = history.entries.iter().map(|entry| entry.number);
    (shown.collect(), history.withheld.iter().map(|entry| entry.number).collect())
}

#[test]
fn the_person_sees_that_something_is_there_and_later_what() {
    let world = world();
    world.relay(&world.map(&[ask(0)]), A);
    linked(&world);
    let early = history(&world, NOW);
    // The look is the fifth; what follows from the envelope is withheld with it.
    assert_eq!(numbers(&early), (vec![1, 4], vec![2, 3]));
    assert!(early.withheld.iter().all(|entry| entry.until.seconds == UNTIL.0));
    let just_before = history(&world, UnixTime(UNTIL.0 - 1));
    assert_eq!(numbers(&just_before), (vec![1, 4, 5], vec![2, 3]));
    let late = history(&world, UNTIL);
    assert_eq!(numbers(&late), (vec![1, 2, 3, 4, 5, 6], vec![]));
    // Each says until when it was withheld.
    let untils: Vec<_> = late.entries.iter().map(|entry| entry.withheld_until.is_some()).collect();
    assert_eq!(untils, [false, true, true, false, false, false]);
}

#[test]
fn nobody_finds_the_time_of_a_withheld_entry_by_asking_for_periods() {
    let world = world();
    linked(&world);
    let from = DateTime::parse("2999-01-01T00:00:00Z");
    let ahead = |at| history_in(&world, at, Range { from, ..Range::default() });
    let early = ahead(NOW);
    assert_eq!((numbers(&early), early.total), ((vec![], vec![1, 2]), 2));
    // Afterwards it is an entry like any other.
    let late = ahead(UNTIL);
    assert_eq!((numbers(&late), late.total), ((vec![], vec![]), 0));
}

#[test]
fn a_requester_learns_the_same_either_way() {
    let world = world();
    let plain = world.relay(&world.map(&[ask(0)]), A);
    let hidden = world.relay(&withheld(&world, &[ask(0)], DAY), A);
    assert_eq!((plain.status, plain.body.len()), (hidden.status, hidden.body.len()));
    assert!(!String::from_utf8(hidden.body).unwrap().contains("ithh"));
}

#[test]
fn nobody_else_withholds_anything_and_nobody_forever() {
    let world = world();
    let refused = |sent: &Outgoing<()>, from| {
        let before = world.log.all().unwrap().len();
        let refusal = reply(world.relay.handle(&request(sent, from), NOW)).refusal;
        assert_eq!(world.log.all().unwrap().len() - before, usize::from(refusal.is_none()));
        refusal.map(|refusal| (refusal.sentence(), refusal.reason()))
    };
    for (day, wrong) in [
        ("2026-07-01", true),
        ("2026-06-30", true),
        (DAY, false),
        ("2029-07-01", false),
        ("2029-07-02", true),
        ("9999-12-31", true),
    ] {
        let found = refused(&with(&withheld(&world, &[ask(0)], day)), A);
        assert_eq!(found, wrong.then_some(("ledger.withhold.until", Reason::DateTime)), "{day}");
    }
    let right = Some(("ledger.withhold.right", Reason::NotAuthorised));
    let until = Date::parse(DAY).unwrap();
    let by_d = world.d.map_withheld(&[ask(0)], PURPOSE, &until, NOW).unwrap();
    assert_eq!(refused(&with(&by_d), D), right);
    // What is no day is no message.
    let bent = |value: &str| {
        let sent = withheld(&world, &[ask(0)], DAY);
        let change = |root: &mut chukei_forge::raw::Element| {
            root.find_mut("soap:Header/ck:Withholding").set("until", value);
        };
        let body = resigned(&sent.body, A, change);
        refused(&Outgoing { body, ..with(&sent) }, A).map(|(_, reason)| reason)
    };
    assert_eq!([bent("2026-07-02"), bent("tomorrow")], [None, Some(Reason::DateTime)]);
    // Nor is a wish that the signature does not cover.
    let sent = withheld(&world, &[ask(0)], DAY);
    let body = resigned_over(&sent.body, A, &["_withholding"], |_| {});
    let uncovered = refused(&Outgoing { body, ..with(&sent) }, A);
    assert_eq!(uncovered.map(|(_, reason)| reason), Some(Reason::Coverage));
}

/// Whether a world shows this deviation.
#[cfg(feature = "danger-faults")]
pub(crate) fn shows(fault: Fault, faulty: &World) -> bool {
    let mut world = world();
    world.relay.party.faults = faulty.relay.party.faults.clone();
    linked(&world);
    match fault {
        Fault::IgnoresWithholding => history(&world, NOW).withheld.is_empty(),
        Fault::TellsWithheldTime => {
            let from = DateTime::parse("2999-01-01T00:00:00Z");
            history_in(&world, NOW, Range { from, ..Range::default() }).withheld.is_empty()
        }
        Fault::RecordsRefusedWithholding => {
            let whom = number(Scheme::CareInsured, CARE[0]).into();
            let sent = world.portal.history(A, &whom, Range::default(), NOW).unwrap();
            let wish = chukei_forge::raw::Element::declared(ns::CK, "Withholding").attribute("until", DAY);
            let wish = wish.attribute("wsu:Id", "_withholding");
            let body = resigned(&sent.body, PORTAL, |root| root.append("soap:Header", wish));
            let before = world.log.all().unwrap().len();
            let sent = Outgoing { body, ..with(&sent) };
            assert_eq!(world.refused_by_relay(&sent, PORTAL), Some(Reason::NotAuthorised));
            world.log.all().unwrap().len() > before
        }
        Fault::WithholdsLonger | Fault::WithholdsToUtcMidnight => !history(&world, UNTIL).withheld.is_empty(),
        _ => history(&world, NOW).withheld.len() == 1,
    }
}
