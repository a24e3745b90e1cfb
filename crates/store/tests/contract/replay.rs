//! Memory of what was used.

use super::*;

/// An id of an owner is used once, however often and from wherever it comes.
fn keeps(store: &dyn ReplayStore) {
    let first = |owner, id| store.first_use(owner, id, T).unwrap();
    assert!(first(A, "urn:1"));
    assert!(!first(A, "urn:1"));
    assert!(first(A, "urn:2") && first(B, "urn:1"), "another id, another owner");
    assert!(first(A, "URN:1") && first(A, "urn:1 ") && first(A, "urn:１"), "other characters");

    const RIVALS: usize = 16;
    let barrier = Barrier::new(RIVALS);
    let firsts = std::thread::scope(|scope| {
        let rival = || {
            barrier.wait();
            store.first_use(A, "urn:3", T).unwrap()
        };
        let rivals: Vec<_> = (0..RIVALS).map(|_| scope.spawn(rival)).collect();
        rivals.into_iter().filter(|_| true).map(|rival| rival.join().unwrap()).filter(|first| *first).count()
    });
    assert_eq!(firsts, 1, "of concurrent uses one is the first");
}

#[test]
fn in_memory() {
    keeps(&MemoryReplay::default());
}

#[test]
fn in_databases() {
    on_both(|store| keeps(store));
}

#[test]
fn in_databases_before_the_log() {
    in_both(|place| {
        let open = || Arc::new(place.store());
        keeps(&EarlyReplay(open()));
        let store = open();
        let early = EarlyReplay(Arc::clone(&store));
        assert!(!early.first_use(A, "urn:1", T).unwrap(), "it outlives a restart");
        assert!(early.first_use(A, "urn:4", T).unwrap());
        // What is recorded later is on the disk no earlier.
        store.append(&[entry(1, Kind::Mapping)]).unwrap();
        let other = open();
        assert!(!other.first_use(A, "urn:4", T).unwrap());
        assert!(other.first_use(A, "urn:5", T).unwrap());
    });
}

/// A transaction that fails loses no use: whatever is recorded next brings it to the disk.
#[test]
fn a_use_outlives_a_transaction_that_fails() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("state.db");
    let store = Arc::new(Store::open(&path).unwrap());
    let early = EarlyReplay(Arc::clone(&store));
    let rival = rusqlite::Connection::open(&path).unwrap();
    assert!(early.first_use(A, "urn:0", T).unwrap());
    rival.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(early.first_use(A, "urn:1", T).unwrap());
    store.append(&[entry(1, Kind::Mapping)]).unwrap_err();
    rival.execute_batch("ROLLBACK").unwrap();
    assert!(!early.first_use(A, "urn:1", T).unwrap());
    let on_disk = || {
        let count = "SELECT count(*) FROM used WHERE id = 'urn:1'";
        rival.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(on_disk(), 0);
    store.append(&[entry(1, Kind::Mapping)]).unwrap();
    assert_eq!(on_disk(), 1);
    assert!(!early.first_use(A, "urn:1", T).unwrap());
}

/// Two relays on one file: what one remembers is worth nothing as soon as the other has begun, and nothing follows from it.
#[test]
fn a_relay_records_nothing_once_another_has_begun() {
    let place = Place::file();
    let [one, two] = [(); 2].map(|()| Arc::new(place.store()));
    let first = |store: &Arc<Store>, id| EarlyReplay(Arc::clone(store)).first_use(A, id, T).unwrap();
    let records = |store: &Arc<Store>| store.append(&[entry(1, Kind::Mapping)]).is_ok();
    assert!(first(&one, "urn:1") && records(&one));
    assert!(!first(&two, "urn:1") && first(&two, "urn:2") && records(&two));
    // It does not know better, but nothing comes of it.
    assert!(first(&one, "urn:2") && !records(&one) && !records(&one));
    assert!(records(&two) && !first(&two, "urn:1") && !first(&two, "urn:2"));
}

#[test]
fn a_database_forgets_what_can_no_longer_be_used_and_nothing_else() {
    on_both(|store| {
        assert!(store.first_use(A, "old", UnixTime(99)).unwrap());
        assert!(store.first_use(A, "new", UnixTime(100)).unwrap());
        assert_eq!(store.forget_before(UnixTime(100)), Ok(1));
        assert!(store.first_use(A, "old", UnixTime(300)).unwrap());
        assert!(!store.first_use(A, "new", UnixTime(300)).unwrap());
        // A second use has not changed how long the first is remembered.
        assert_eq!(store.forget_before(UnixTime(101)), Ok(1));
        // In a file one that is remembered for longer keeps those after it, and in the end all of them go.
        assert!(store.first_use(A, "short", UnixTime(99)).unwrap());
        let in_order = usize::from(store.is_shared());
        assert_eq!(store.forget_before(UnixTime(300)), Ok(in_order));
        assert!(!store.first_use(A, "old", UnixTime(300)).unwrap());
        assert_eq!(store.forget_before(UnixTime(301)), Ok(2 - in_order));
        for id in ["old", "new", "short"] {
            assert!(store.first_use(A, id, UnixTime(300)).unwrap(), "{id} is forgotten");
        }
    });
}
