//! Queries that a relay carries.

use super::*;

fn query(id: &str, person: Option<i64>) -> Carried {
    Carried {
        id: id.to_owned(),
        until: UnixTime(T.0 + 300),
        person: person.map(Person),
        at: T,
        requester: A.to_owned(),
        responder: B.to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec!["eligibility".to_owned(), "benefits".to_owned()],
        envelope: format!("_of-{id}"),
        withheld_until: None,
    }
}

fn noted(log: &dyn AccessLog, id: &str, person: Option<i64>) -> Carried {
    let query = query(id, person);
    log.carry(&query).unwrap().wait().unwrap();
    query
}

fn concluded(log: &dyn AccessLog, query: &Carried) -> Result<(), Unavailable> {
    log.conclude(&query.id, &query.entry("answered", UnixTime(T.0 + 1)))?.recording.wait()
}

/// Outcomes and times of what is recorded about a person.
fn seen(log: &dyn AccessLog, person: i64) -> Vec<(String, i64)> {
    let entries = log.history(Person(person)).unwrap();
    assert!(entries.iter().all(|entry| entry.kind == Kind::Relayed && entry.actor == A));
    entries.into_iter().map(|entry| (entry.outcome, entry.at.seconds)).collect()
}

/// A query that is carried has one entry, whatever becomes of it.
fn keeps(log: &dyn AccessLog) {
    let ends = noted(log, "urn:1", Some(1));
    assert_eq!(seen(log, 1), [], "not before it has an outcome");
    concluded(log, &ends).unwrap();
    concluded(log, &ends).unwrap_err();
    assert_eq!(log.give_up(UnixTime(i64::MAX)), Ok(0));
    assert_eq!(seen(log, 1), [("answered".to_owned(), T.0 + 1)]);

    let lost = noted(log, "urn:2", Some(1));
    let stranger = noted(log, "urn:3", None);
    assert_eq!(log.give_up(lost.until), Ok(0), "its time is not over");
    assert_eq!(seen(log, 1).len(), 1);
    assert_eq!(log.give_up(UnixTime(lost.until.0 + 1)), Ok(2));
    assert_eq!(seen(log, 1)[1..], [("no-answer".to_owned(), lost.until.0)]);
    for late in [&lost, &stranger] {
        concluded(log, late).unwrap_err();
    }
    assert_eq!(log.give_up(UnixTime(i64::MAX)), Ok(0));
    assert_eq!(seen(log, 1).len(), 2, "an outcome that comes later changes nothing");
}

#[test]
fn in_memory() {
    keeps(&MemoryLog::default());
}

#[test]
fn in_databases() {
    on_both(|store| {
        keeps(store);
        assert_eq!(store.count(Kind::Relayed), Ok(3));
        assert!(store.fsck(None).unwrap().is_ok());
    });
}

/// Whoever opens the store next knows what was under way, and records it as it was.
#[test]
fn a_note_outlives_the_relay() {
    in_both(|place| {
        let until = UnixTime(T.0 + 86_400);
        let query = Carried { withheld_until: Some(until), ..query("urn:1", Some(1)) };
        let store = place.store();
        store.carry(&query).unwrap().wait().unwrap();
        drop(store);
        let store = place.store();
        assert_eq!(seen(&store, 1), []);
        assert_eq!(store.give_up(UnixTime(query.until.0 + 1)), Ok(1));
        let entries = store.history(Person(1)).unwrap();
        assert_eq!(entries, [query.lost().numbered(1)]);
        assert_eq!(entries[0].withheld_until.map(|until| until.seconds), Some(until.0));
    });
}

/// A first use is on the disk with the note that follows it, so before the query leaves.
#[test]
fn a_note_brings_first_uses_along() {
    in_both(|place| {
        let store = Arc::new(place.store());
        assert!(EarlyReplay(Arc::clone(&store)).first_use(A, "urn:1", T).unwrap());
        noted(&*store, "urn:2", Some(1));
        assert_eq!(place.count("SELECT count(*) FROM used WHERE id = 'urn:1'"), 1);
    });
}
