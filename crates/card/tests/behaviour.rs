//! The APDU table, one row after the other: what is refused stands beside what is not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use chukei_card::{Card, LifeCycle};
use support::{SELECT_JPKI, SELECT_KOKUHO, SELECT_PIV, card, hex};

/// Sends commands and compares: an expected `…9000` is any data and that status.
fn talk(card: &mut Card, script: &[(&str, &str)]) {
    for (command, expected) in script {
        let answer = card.transmit(&hex(command));
        match expected.strip_prefix('…') {
            Some(end) => assert!(answer.len() > 2 && answer.ends_with(&hex(end)), "{command}: {answer:02x?}"),
            None => assert_eq!(answer, hex(expected), "{command}: {answer:02x?}"),
        }
    }
}

const AUTHENTICATE: &str = "00200080 04 31323334";
const SIGN: &str = "802a0080 03 010203 00";

#[test]
fn selecting() {
    talk(
        &mut card("juki-jpki+kokuho"),
        &[
            ("00b0000000", "6986"),
            ("00200080", "6986"),
            ("00a4020c020001", "6986"),
            ("00cb3fff035c017e08", "6d00"),
            ("00a4040c05a000000308", "6a82"),
            ("00a4040c00", "6700"),
            ("00a4040c", "6700"),
            ("00a4000c023f00", "6a86"),
            ("00a40400 0a d392f000260100000001 00", "6f0c840ad392f0002601000000019000"),
            ("00a4040c 05 d392f00026", "6a82"),
            (SELECT_JPKI, "9000"),
            ("00a4020c020006", "9000"),
            ("00a4020c020007", "6a82"),
            ("00a4020c0100", "6700"),
            ("01a4020c020006", "6881"),
            ("0ca4020c020006", "6882"),
            ("40a4020c020006", "6e00"),
            ("00840000 08", "6d00"),
            ("10a4020c020006", "6884"),
            // A refused SELECT changes nothing.
            ("00a4040c05a000000308", "6a82"),
            ("00b0000002", "4a509000"),
        ],
    );
}

#[test]
fn reading() {
    let mut card = card("mynumber-like");
    talk(
        &mut card,
        &[
            (SELECT_JPKI, "9000"),
            ("00b0000004", "6986"),
            ("00a4020c02000a", "9000"),
            ("00b0000004", "308203609000"),
            ("00b00000", "6700"),
            ("00b0000001ff04", "6700"),
            ("00b009c000", "000000009000"), // four octets are left of 2500, and all were asked for
            ("00b009c008", "000000006282"), // eight were
            ("00b009c404", "6b00"),
            ("00b0860004", "4a504b499000"), // by short identifier, which selects
            ("00b0000104", "504b49419000"),
            ("00b0a60004", "6a86"),
            ("00b09f0004", "6a82"),
            ("00a4020c020001", "9000"),
            ("00b0000004", "6982"), // the certificate for signatures needs its PIN
            ("00a4020c020018", "9000"),
            (AUTHENTICATE, "9000"),
            ("00b0810004", "6982"), // the other PIN does not help
            ("00b0000004", "6981"), // and what was refused is not selected: the PIN still is, and is no file to read
            ("00a4020c02001b", "9000"),
            ("00200080 06 414243313233", "9000"),
            ("00b0810004", "308203609000"),
        ],
    );
    // Extended: the whole file in one answer.
    assert_eq!(card.transmit(&hex("00b08a00 000000")).len(), 2502);
    assert_eq!(card.transmit(&hex("00b08a00 000364")).len(), 870);
}

#[test]
fn records_and_writing() {
    let mut card = card("juki-jpki+kokuho");
    talk(
        &mut card,
        &[
            ("00a4040c 0a d3921000310001010100", "9000"),
            ("00b2010c00", "…9000"),
            ("00b2020c00", "6a83"),
            ("00b2001400", "6a86"),
            ("00b2011400", "6a82"),
            ("00b2010800", "6a86"),
            ("00b00000 00", "6d00"),
            (SELECT_KOKUHO, "9000"),
            ("00a4020c020001", "9000"),
            ("00b0000000", "…9000"),
            ("00d6000001ff", "6982"),
            ("00200080 04 31323334", "6986"), // no PIN to verify
            ("802a0080 01 ff 00", "6986"),    // no key
            ("00b2010400", "6d00"),
        ],
    );
}

#[test]
fn pins() {
    talk(
        &mut card("mynumber-like"),
        &[
            (SELECT_JPKI, "9000"),
            ("00200080", "6986"),
            ("00a4020c020018", "9000"),
            ("00200080", "63c3"),
            ("00200081 04 31323334", "6a82"),
            ("00200180 04 31323334", "6a86"),
            ("00200000 04 31323334", "6a86"),
            ("00200080 04 30303030", "63c2"),
            ("00200080 03 313233", "63c1"), // of a length that no PIN has: a try all the same
            (AUTHENTICATE, "9000"),
            ("00200080", "63c3"), // also right after the right PIN
            ("00240180 04 35363738", "9000"),
            (AUTHENTICATE, "63c2"), // which takes back what was verified
            ("00240180 04 31313131", "6982"),
            ("00200098 04 35363738", "9000"), // by short identifier
            ("00240180 05 3132333435", "6700"),
            ("00240180 04 41424344", "6a80"),
            ("00200080 04 30303030", "63c2"),
            ("00200080 04 30303030", "63c1"),
            ("00200080 04 30303030", "63c0"),
            ("00200080 04 35363738", "6984"), // blocked, even to the right one
            ("00200080", "63c0"),
            ("00240180 04 31313131", "6984"),
            ("002c0380", "6982"),
            ("0020009d 10 39393939303030303131313132323232", "9000"), // the issuer
            ("002c0180", "6a86"),
            ("002c0380", "9000"),
            ("00200080 04 35363738", "9000"),
            ("002c0280 04 32323232", "9000"),
            ("00200080 04 32323232", "9000"),
        ],
    );
}

#[test]
fn signing() {
    let mut card = card("mynumber-like");
    talk(
        &mut card,
        &[
            (SELECT_JPKI, "9000"),
            (SIGN, "6986"),
            ("00a4020c020017", "9000"),
            (SIGN, "6982"),
            ("0020009b 06 414243313233", "9000"),
            (SIGN, "6982"), // the other key's PIN
            ("00200098 04 31323334", "9000"),
            (SIGN, "…9000"),
            ("802a0080 03 010203", "6700"),
            ("802a0080 00 0000", "6700"),
            ("802a0080 03 010203 80", "6c00"), // 256 octets do not fit into 128
            ("802a009a 03 010203 00", "6a86"),
            ("002a9e9a 03 010203 00", "6e00"),
            ("902a0080 03 010203 00", "6884"),
            ("00b0000004", "6981"),
            // Selecting the application again is the way to log out.
            (SELECT_JPKI, "9000"),
            ("00a4020c020017", "9000"),
            (SIGN, "6982"),
        ],
    );
    talk(&mut card, &[("00200098 04 31323334", "9000")]);
    let longest = [&hex("802a008000 00f5")[..], &[7; 245], &[0, 0]].concat();
    let mut block = card.transmit(&longest);
    assert_eq!(block.len(), 258);
    block.truncate(256);
    block.reverse(); // the mirror key
    assert_eq!(block, [&[0, 1][..], &[0xff; 8], &[0], &[7; 245]].concat());
    let longer = [&hex("802a008000 00f6")[..], &[7; 246], &[0, 0]].concat();
    assert_eq!(card.transmit(&longer), [0x67, 0x00]);

    let mut bare = support::image("juki-2010");
    bare.applications[1].keys[0].private = None;
    let mut bare = Card::new(bare, &support::Mirror).unwrap();
    talk(&mut bare, &[(SELECT_JPKI, "9000"), ("00a4020c02001a", "9000"), (SIGN, "6985")]);
}

#[test]
fn the_operators_token() {
    let mut card = card("operator-token");
    // 266 octets of a template around a block of 256, in two parts.
    let begin = [&hex("1087079a ff 7c820106 8200 81820100")[..], &[5; 245]].concat();
    let end = [&hex("0087079a 0b")[..], &[5; 11], &[0]].concat();
    talk(&mut card, &[("00a40400 09 a00000030800001000 00", "…9000"), (SELECT_PIV, "…9000")]);
    assert_eq!(card.transmit(&begin), [0x90, 0]);
    assert_eq!(card.transmit(&end), [0x69, 0x82]);
    talk(
        &mut card,
        &[
            ("00200080", "63c3"),
            ("00200080 04 31323334", "6700"),
            ("00200080 08 303030303030ffff", "63c2"),
            ("00200080 08 313233343536ffff", "9000"),
            ("00200080", "9000"),
            ("00cb3fff 03 5c017e 00", "…9000"),
            ("00cb3fff 05 5c035fc10b 00", "6a82"),
            ("00cb3fff 05 5c025fc105 00", "6a80"),
            ("00c00000 00", "6985"),
        ],
    );
    assert_eq!(card.transmit(&begin), [0x90, 0]);
    let first = card.transmit(&end);
    assert_eq!((first.len(), &first[256..]), (258, &[0x61, 0x08][..]));
    talk(&mut card, &[("00c00000 04", "…6104"), ("00c00000 04", "050505059000"), ("00c00000 04", "6985")]);
    // A chain that something else interrupts is forgotten, and its end alone is no command.
    assert_eq!(card.transmit(&begin), [0x90, 0]);
    talk(&mut card, &[("00200080", "9000")]);
    assert_eq!(card.transmit(&end), [0x6a, 0x80]);
    talk(&mut card, &[("0087069a 02 7c00 00", "6a86"), ("0087079c 02 7c00 00", "6a86")]);
    for answer in ["63c2", "63c1", "63c0", "6983"] {
        talk(&mut card, &[("00200080 08 303030303030ffff", answer)]);
    }
}

#[test]
fn a_life() {
    let mut card = card("kokuho-only");
    assert!(!card.advance(LifeCycle::Personalised), "there is no way back");
    for (state, answer) in
        [(LifeCycle::Suspended, "6283"), (LifeCycle::Activated, "9000"), (LifeCycle::Terminated, "6285")]
    {
        assert!(card.advance(state));
        talk(&mut card, &[(SELECT_KOKUHO, answer)]);
    }
    assert!(!card.advance(LifeCycle::Activated), "nothing comes back from the dead");
    for (state, next, answer) in [
        (LifeCycle::Manufactured, LifeCycle::Personalised, "6a82"),
        (LifeCycle::Personalised, LifeCycle::Activated, "6985"),
    ] {
        let mut image = support::image("kokuho-only");
        image.state = state;
        let mut card = Card::new(image, &support::Mirror).unwrap();
        talk(&mut card, &[(SELECT_KOKUHO, answer), ("00b0000000", "6986")]);
        assert!(card.advance(next));
    }
}
