//! Faults, as a transport sees them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use chukei_card::{Contact, Slot};
use support::{SELECT_JPKI, card, hex};

fn slot(fault: &str) -> Slot {
    let mut slot = Slot::with(card("mynumber-like"));
    slot.add(fault.parse().unwrap());
    slot
}

fn send(slot: &mut Slot, command: &str) -> Contact {
    slot.transmit(&hex(command)).answer
}

fn answer(text: &str) -> Contact {
    Contact::Answer(hex(text))
}

#[test]
fn status_words_sticky_and_once() {
    for (fault, second) in [("select status 6f00", "6f00"), ("select once status 6581", "9000")] {
        let mut slot = slot(fault);
        assert_ne!(send(&mut slot, SELECT_JPKI), answer("9000"));
        assert_eq!(send(&mut slot, SELECT_JPKI), answer(second));
    }
    let mut slot = slot("select after 1 status 6f00");
    assert_eq!(send(&mut slot, SELECT_JPKI), answer("9000"));
    assert_eq!(send(&mut slot, SELECT_JPKI), answer("6f00"));
    slot.clear();
    assert_eq!(send(&mut slot, SELECT_JPKI), answer("9000"));
}

#[test]
fn answers_are_short_or_empty() {
    let mut slot = slot("read-binary short 4");
    send(&mut slot, SELECT_JPKI);
    assert_eq!(send(&mut slot, "00b0860020"), answer("4a504b499000"));
    assert_eq!(send(&mut slot, "00b0860002"), answer("4a509000"), "what is shorter stays");
    slot.clear();
    slot.add("extended empty".parse().unwrap());
    assert_eq!(send(&mut slot, "00b08600000002"), answer(""));
    assert_eq!(send(&mut slot, "00b0860002"), answer("4a509000"), "short lengths are not extended");
}

#[test]
fn removal_ends_the_session() {
    for fault in ["read-binary once remove", "read-binary once half"] {
        let mut slot = slot(fault);
        assert_eq!(send(&mut slot, SELECT_JPKI), answer("9000"));
        let broken = send(&mut slot, "00b0860020");
        assert!(
            matches!(&broken, Contact::Removed)
                || broken == Contact::Broken(hex("4a504b494150494343544f4b454e202020"))
        );
        assert!(!slot.is_in());
        assert_eq!(send(&mut slot, "00b0860020"), Contact::Removed);
        assert_eq!(slot.power_on(), None);
        assert!(slot.insert());
        assert!(slot.power_on().is_some());
        assert_eq!(send(&mut slot, "00b0860020"), answer("6986"), "the session is lost");
    }
}

#[test]
fn the_other_ways_to_go_wrong() {
    let mut silent = slot("any mute");
    assert_eq!(send(&mut silent, SELECT_JPKI), Contact::Silence);

    let mut slow = slot("any slow 200");
    assert_eq!(slow.transmit(&hex(SELECT_JPKI)).delay, Duration::from_millis(200));

    let mut forgetful = slot("read-binary once reset");
    assert_eq!(send(&mut forgetful, SELECT_JPKI), answer("9000"));
    assert_eq!(send(&mut forgetful, "00b0860002"), answer("6986"));

    let mut flipped = slot("read-binary once flip 9");
    assert_eq!(send(&mut flipped, SELECT_JPKI), answer("9000"));
    assert_eq!(send(&mut flipped, "00b0860002"), answer("4a529000"));
    assert_eq!(send(&mut flipped, "00b0860002"), answer("4a509000"));

    let mut locked = slot("verify status 6983");
    assert_eq!(send(&mut locked, SELECT_JPKI), answer("9000"));
    assert_eq!(send(&mut locked, "00200098"), answer("63c3"), "the question for the tries left");
    assert_eq!(send(&mut locked, "00200098 04 31323334"), answer("6983"));

    let mut dead = slot("power once dead");
    assert_eq!(dead.power_on(), None);
    assert!(dead.power_on().is_some());

    let mut swapped = slot("select after 1 once swap");
    swapped.lay_ready(card("kokuho-only"));
    assert_eq!(send(&mut swapped, SELECT_JPKI), answer("9000"));
    assert_eq!(send(&mut swapped, SELECT_JPKI), answer("6a82"), "the other card has no such application");
}
