//! A log that cannot show everything that it signed ends, and another goes on with what is left (spec/35-ledger.md).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use chukei_crypto::UnixTime;
use chukei_ledger::{Checkpoint, Ed25519PrivateKey, KeyUse, Note, Policy, Seen, SignerKey, Trust, verify};
use chukei_relay::{AccessLog, Person};
use chukei_store::{LedgerError, Store};
use support::{NOW, Place, entry, on_both};

on_both!(
    another_log_goes_on_with_what_is_left,
    what_is_published_is_not_contradicted,
    a_relay_that_runs_with_the_old_key_signs_nothing_more,
);

const LOG: &str = "relay.example.test/ledger";
const NEXT: &str = "relay.example.test/ledger-2";

fn key(origin: &str, seed: u8) -> SignerKey {
    SignerKey::new(origin, KeyUse::Log, Ed25519PrivateKey::from_seed(&[seed; 32]).unwrap()).unwrap()
}

fn policy(key: &SignerKey) -> Policy {
    Policy::of_log(key.verifier().clone())
}

fn record(store: &Store, entries: usize) {
    store.append(&vec![entry(1); entries]).unwrap();
}

fn size(note: &str) -> u64 {
    Checkpoint::parse(&Note::parse(note).unwrap().text).unwrap().size
}

fn another_log_goes_on_with_what_is_left(place: &Place) {
    let store = place.store();
    let (old, new) = (key(LOG, 1), key(NEXT, 2));
    let succeed = |keys: &[SignerKey]| store.succeed(keys, NOW);
    assert_eq!(succeed(std::slice::from_ref(&new)), Err(LedgerError::NoCheckpoint));
    record(&store, 3);
    let before = store.checkpoint(&[key(LOG, 1), key(LOG, 3)], NOW).unwrap();
    // The name of before, and keys of before.
    for keys in [[key(LOG, 2)], [key(NEXT, 1)], [key(NEXT, 3)]] {
        assert_eq!(succeed(&keys), Err(LedgerError::SameLog));
    }
    assert_eq!(succeed(&[key(NEXT, 2), key(NEXT, 3)]), Err(LedgerError::SameLog));
    assert_eq!(succeed(&[]), Err(LedgerError::Key));
    assert_eq!(store.last_checkpoint().unwrap().1, before, "nothing was signed");

    // With a checkpoint of its own, though nothing was recorded since.
    let first = succeed(std::slice::from_ref(&new)).unwrap();
    assert_eq!((size(&before), size(&first)), (4, 5));
    assert_eq!(store.checkpoint(std::slice::from_ref(&old), NOW), Err(LedgerError::OtherKey));
    assert_eq!(store.checkpoint(std::slice::from_ref(&new), NOW), Ok(first));
    record(&store, 1);
    store.checkpoint(std::slice::from_ref(&new), NOW).unwrap();
    let bundle = store.bundle(Person(1), &[4, 5], new.verifier()).unwrap();
    assert_eq!(bundle.checkpoints.len(), 3);
    let both = policy(&new).after(&policy(&old));
    let seen = [Seen::Checkpoint(before)];
    let shown = verify(&bundle, Trust::Policy(&both), &seen, bundle.heads.values.at).unwrap();
    assert_eq!(shown.entries, 4);
    assert!(verify(&bundle, Trust::Policy(&policy(&new)), &seen, bundle.heads.values.at).is_err());
    assert!(store.fsck(Some(&both)).unwrap().is_ok());
    assert!(store.fsck(Some(&policy(&new))).unwrap().is_err(), "the first was signed by a log of before");
    // What has ended stays so.
    assert_eq!(store.succeed(&[key(LOG, 4)], NOW), Err(LedgerError::SameLog));
    assert!(store.succeed(&[key("relay.example.test/ledger-3", 4)], NOW).is_ok());
}

fn what_is_published_is_not_contradicted(place: &Place) {
    let store = place.store();
    let folder = tempfile::tempdir().unwrap();
    record(&store, 300);
    assert_eq!(store.goes_on_from(folder.path()), Ok(()));
    store.checkpoint(&[key(LOG, 1)], NOW).unwrap();
    store.publish(folder.path()).unwrap();
    record(&store, 300);
    store.checkpoint(&[key(LOG, 1)], NOW).unwrap();
    assert_eq!(store.goes_on_from(folder.path()), Ok(()));
    store.publish(folder.path()).unwrap();

    // Another ledger, as large and larger; and one that is shorter.
    let other = tempfile::tempdir().unwrap();
    let other = Store::open(&other.path().join("other.db")).unwrap();
    for entries in [1, 1000] {
        record(&other, entries);
        other.checkpoint(&[key(LOG, 1)], NOW).unwrap();
        let is_kept = std::fs::read(folder.path().join("checkpoint")).unwrap();
        assert_eq!(other.publish(folder.path()), Err(LedgerError::Published { size: 602 }));
        assert_eq!(std::fs::read(folder.path().join("checkpoint")).unwrap(), is_kept);
    }
    std::fs::write(folder.path().join("checkpoint"), "nonsense").unwrap();
    assert!(matches!(store.goes_on_from(folder.path()), Err(LedgerError::Folder { .. })));
}

fn a_relay_that_runs_with_the_old_key_signs_nothing_more(place: &Place) {
    let (operator, relay) = (place.store(), place.store());
    record(&relay, 3);
    relay.checkpoint(&[key(LOG, 1)], NOW).unwrap();
    operator.succeed(&[key(NEXT, 2)], UnixTime(NOW.0 + 1)).unwrap();
    record(&relay, 3);
    assert_eq!(relay.checkpoint(&[key(LOG, 1)], UnixTime(NOW.0 + 2)), Err(LedgerError::OtherKey));
    operator.checkpoint(&[key(NEXT, 2)], UnixTime(NOW.0 + 2)).unwrap();
    let both = policy(&key(NEXT, 2)).after(&policy(&key(LOG, 1)));
    assert_eq!(operator.fsck(Some(&both)).unwrap().unwrap().checkpoints, 3);
}
