//! A relay makes checkpoints by itself: in time, beside its entries, and of all of them at the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use chukei_crypto::UnixTime;
use chukei_ledger::{Ed25519PrivateKey, KeyUse, SignerKey};
use chukei_profile::history::Kind;
use chukei_relay::{AccessLog, NewEntry};
use chukei_store::{Keeper, Pace, Store};
use support::{Place, entry, on_both};

on_both!(
    a_checkpoint_is_due_after_entries_or_after_seconds,
    after_a_restart_it_goes_on_where_the_last_one_was,
    entries_go_on_while_checkpoints_are_made,
    the_state_of_a_ledger_covers_all_of_it,
    two_that_keep_one_store_do_not_disturb_each_other,
);

fn keeper(entries: u64, seconds: i64) -> Keeper {
    let key = Ed25519PrivateKey::from_seed(&[1; 32]).unwrap();
    let key = SignerKey::new("relay.example.test/ledger", KeyUse::Log, key).unwrap();
    Keeper::new(vec![key], Pace { entries, seconds })
}

fn add(store: &Store, entries: i64) {
    store.append(&(0..entries).map(entry).collect::<Vec<_>>()).unwrap();
}

fn a_checkpoint_is_due_after_entries_or_after_seconds(place: &Place) {
    let store = &place.store();
    let keeper = keeper(10, 60);
    let kept = |at| keeper.keep(store, UnixTime(at)).unwrap().is_some();
    let size = || store.last_checkpoint().map_or(0, |(checkpoint, _)| checkpoint.size);
    assert!(!kept(0) && !kept(1000), "nothing is recorded, nothing is due");
    add(store, 9);
    assert!(!kept(1000) && !kept(1059) && size() == 0);
    add(store, 1);
    assert!(kept(1059) && size() == 11, "ten entries and the map");
    add(store, 1);
    assert!(!kept(1060) && !kept(1119));
    assert!(kept(1120) && !kept(9999) && size() == 13);
    // A clock that is set back waits its time and no longer.
    add(store, 1);
    assert!(!kept(5000) && !kept(100) && !kept(159) && kept(160));
    assert!(store.fsck(None).unwrap().is_ok());
}

fn after_a_restart_it_goes_on_where_the_last_one_was(place: &Place) {
    let store = &place.store();
    let first = keeper(10, 60);
    add(store, 10);
    assert!(first.keep(store, UnixTime(0)).unwrap().is_some());
    let second = keeper(10, 60);
    assert!(second.keep(store, UnixTime(100)).unwrap().is_none(), "all is covered");
    add(store, 3);
    assert!(second.keep(store, UnixTime(100)).unwrap().is_none());
    assert!(second.finish(store, UnixTime(100)).unwrap().is_some());
    assert!(second.finish(store, UnixTime(100)).unwrap().is_none(), "nothing is left");
    assert_eq!(store.last_checkpoint().unwrap().0.size, 15);
    assert!(second.keep(store, UnixTime(1000)).unwrap().is_none());
    assert!(store.fsck(None).unwrap().is_ok());
}

fn entries_go_on_while_checkpoints_are_made(place: &Place) {
    let store = &place.store();
    let (keeper, ended) = (keeper(50, 60), AtomicBool::new(false));
    let made = std::thread::scope(|scope| {
        let keepers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut made = 0;
                    while !ended.load(Ordering::SeqCst) {
                        made += usize::from(keeper.keep(store, UnixTime(0)).unwrap().is_some());
                    }
                    made
                })
            })
            .collect();
        for _ in 0..200 {
            add(store, 5);
        }
        ended.store(true, Ordering::SeqCst);
        keepers.into_iter().map(|keeper| keeper.join().unwrap()).sum::<usize>()
    });
    assert!((1..=20).contains(&made), "{made} checkpoints of 1000 entries");
    keeper.finish(store, UnixTime(0)).unwrap();
    assert_eq!(store.count(Kind::Mapping), Ok(1000));
    assert!(store.fsck(None).unwrap().is_ok());
}

fn the_state_of_a_ledger_covers_all_of_it(place: &Place) {
    let store = &place.store();
    let keeper = keeper(1000, 1000);
    let current = |at| {
        let note = keeper.current(store, UnixTime(at)).unwrap();
        let (last, signed) = store.last_checkpoint().unwrap();
        assert_eq!(note, signed);
        (last.size, note)
    };
    // Before anything is recorded there is the map alone.
    assert_eq!(store.kept().unwrap(), None);
    let (empty, note) = current(100);
    assert_eq!(current(101), (empty, note), "nothing is new");
    add(store, 3);
    let with = |at| NewEntry { at: UnixTime(at), ..entry(9) };
    store.append(&[with(1_790_000_500), with(1_789_999_999)]).unwrap();
    // Clocks of several relays differ: the oldest is not always the first, nor the newest the last.
    assert_eq!(store.kept().unwrap(), Some((UnixTime(1_789_999_999), UnixTime(1_790_000_500))));
    let (covered, _) = current(102);
    assert!(covered >= empty + 5, "{empty} {covered}");
    add(store, 1);
    assert!(current(103).0 > covered);
}

/// Two processes with one store: each records, and each makes checkpoints when it thinks that one is due.
fn two_that_keep_one_store_do_not_disturb_each_other(place: &Place) {
    drop(place.store());
    let made = std::thread::scope(|scope| {
        let relays: Vec<_> = (0..2)
            .map(|relay| {
                scope.spawn(move || {
                    let key = Ed25519PrivateKey::from_seed(&[7; 32]).unwrap();
                    let key = SignerKey::new("relay.example.test/ledger", KeyUse::Log, key).unwrap();
                    let (store, keeper) =
                        (place.store(), Keeper::new(vec![key], Pace { entries: 1, seconds: 60 }));
                    let mut made = 0;
                    for turn in 0..60 {
                        add(&store, 20 + relay + turn % 7);
                        made += usize::from(keeper.keep(&store, UnixTime(turn)).unwrap().is_some());
                    }
                    made
                })
            })
            .collect();
        relays.into_iter().map(|relay| relay.join().unwrap()).sum::<usize>()
    });
    let store = place.store();
    let kept = keeper(1, 60);
    assert!(made >= 10, "{made} checkpoints");
    assert!(store.fsck(None).unwrap().is_ok());
    kept.finish(&store, UnixTime(100)).unwrap();
    let sound = store.fsck(None).unwrap().unwrap();
    assert_eq!(sound.leaves, store.last_checkpoint().unwrap().0.size);
    assert_eq!(sound.entries, 2808);
}
