//! Chapter 60: cards. What is refused in a case stands beside the same thing done rightly.

use chukei_evidence::Pin;
use chukei_harness::{Broken, Terminal, terminal::Response};
use chukei_spec::req;

use crate::{
    card::{AUTHENTICATION_KEY, AUTHENTICATION_PIN, AUTHORITY, CERTIFICATE, JPKI, KEY, NHI, NUMBER, PIN},
    case::Case,
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.extend([
        Case::card("answer/always", &[req!("card.answer.always")], strange),
        Case::card("answer/instruction", &[req!("card.answer.instruction")], instruction),
        Case::card("answer/class", &[req!("card.answer.class")], class),
        Case::card("answer/length", &[req!("card.answer.length")], length),
        Case::card("reset/protocol", &[req!("card.reset.protocol")], |_| Ok(())),
        Case::card("reset/forgets", &[req!("card.reset.forgets")], reset),
        Case::card("select/application", &[req!("card.select.application")], application),
        Case::card("select/template", &[req!("card.select.template")], template),
        Case::card("select/file", &[req!("card.select.file")], select_file),
        Case::card("read/free", &[req!("card.read.free")], free),
        Case::card("read/guarded", &[req!("card.read.guarded")], guarded),
        Case::card("read/secret", &[req!("card.read.secret")], secret),
        Case::card("read/end", &[req!("card.read.end")], end),
        Case::card("file/fixed", &[req!("card.file.fixed")], fixed),
        Case::card("pin/tries", &[req!("card.pin.tries")], tries),
        Case::card("pin/wrong", &[req!("card.pin.wrong"), req!("card.pin.right")], wrong),
        Case::card("pin/survives", &[req!("card.pin.survives")], survives),
        Case::card("pin/forgotten", &[req!("card.pin.forgotten")], forgotten),
        Case::card("pin/own", &[req!("card.pin.own")], own).needing(&["authentication"]),
        Case::card("pin/blocked", &[req!("card.pin.blocked")], blocked).needing(&["blocking"]),
        Case::card("key/guarded", &[req!("card.key.guarded")], key_guarded),
        Case::card("key/signs", &[req!("card.key.signs"), req!("card.certificate.issued")], signs),
        Case::card("key/length", &[req!("card.key.length")], key_length),
        Case::card("nhi/apart", &[req!("card.apart")], apart).needing(&["nhi"]),
        Case::card("nhi/number", &[req!("card.nhi.number"), req!("card.nhi.nothing-else")], number)
            .needing(&["nhi"]),
        Case::card("nhi/no-pin", &[req!("card.nhi.no-pin")], no_pin).needing(&["nhi"]),
        Case::card("nhi/fixed", &[req!("card.nhi.fixed")], number_fixed).needing(&["nhi"]),
    ]);
}

/// An AID that nobody has.
const NOBODY: &[u8] = b"\xf0TESTABSENT";
/// Octets of a DigestInfo before a SHA-256 digest (RFC 8017 §9.2, note 1).
const DIGEST_INFO: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

fn command(head: [u8; 4], data: &[u8], le: bool) -> Vec<u8> {
    let lc = u8::try_from(data.len()).unwrap_or(u8::MAX);
    let mut command = head.to_vec();
    if !data.is_empty() {
        command.push(lc);
        command.extend(data);
    }
    command.extend(le.then_some(0x00));
    command
}

fn select(card: &Terminal, aid: &[u8]) -> Option<Response> {
    card.send(&command([0x00, 0xa4, 0x04, 0x0c], aid, false))
}

fn file(card: &Terminal, id: u16) -> Option<Response> {
    card.send(&command([0x00, 0xa4, 0x02, 0x0c], &id.to_be_bytes(), false))
}

fn read(card: &Terminal, offset: u16) -> Option<Response> {
    let [high, low] = offset.to_be_bytes();
    card.send(&command([0x00, 0xb0, high, low], &[], true))
}

fn ask_tries(card: &Terminal) -> Option<u16> {
    let answer = card.send(&[0x00, 0x20, 0x00, 0x80])?;
    (answer.status & 0xfff0 == 0x63c0).then_some(answer.status & 0x000f)
}

/// Enters a PIN into its file.
fn enter(card: &Terminal, pin: u16, which: Pin) -> Result<(), Broken> {
    file(card, pin);
    card.enter(pin, which).map(drop)
}

/// Enters a wrong PIN, if two tries or more are left.
fn enter_wrong(card: &Terminal) -> Result<(), Broken> {
    file(card, PIN);
    match ask_tries(card) {
        Some(left) if left >= 2 => card.enter(PIN, Pin::Wrong).map(drop),
        _ => Err(Broken::Lacking("two tries".into())),
    }
}

/// Has something signed with the key of a file. What is signed depends on the seed.
fn sign(card: &Terminal, key: u16) {
    file(card, key);
    let digest = card.octets(&format!("sign {key:04X}"));
    card.send(&command([0x80, 0x2a, 0x00, 0x80], &[DIGEST_INFO, &digest].concat(), true));
}

/// Reads a file of DER as far as its length goes.
fn read_all(card: &Terminal, id: u16) {
    file(card, id);
    let mut offset = 0_u16;
    let mut whole = u16::MAX;
    while offset < whole {
        let Some(answer) = read(card, offset) else { return };
        if let (0, &[0x30, 0x82, high, low, ..]) = (offset, answer.data.as_slice()) {
            whole = u16::from_be_bytes([high, low]).saturating_add(4);
        }
        let Some(length) = u16::try_from(answer.data.len()).ok().filter(|length| *length > 0) else { return };
        offset = offset.saturating_add(length);
    }
}

/// Nothing here does anything on a real card: what is unknown, and selecting and reading what is not there.
fn strange(card: &Terminal) -> Result<(), Broken> {
    for round in 0_u8..8 {
        let octets = card.octets(&format!("strange {round}"));
        let [first, second, rest @ ..] = octets;
        let length = usize::from(first) % 24;
        let some = rest.get(..length).unwrap_or_default();
        card.send(&[&[0x60, second, first, first][..], some].concat());
        card.send(&[&[0x00, 0xa4, first, second][..], some].concat());
        card.send(&[&[0x00, 0xb0, first, second][..], some].concat());
    }
    select(card, JPKI);
    Ok(())
}

fn instruction(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    for unknown in [0x02, 0x52, 0x94] {
        card.send(&[0x00, unknown, 0x00, 0x00]);
    }
    file(card, AUTHORITY);
    Ok(())
}

fn class(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    for unknown in [0x60, 0xd0] {
        card.send(&command([unknown, 0xa4, 0x02, 0x0c], &AUTHORITY.to_be_bytes(), false));
    }
    file(card, AUTHORITY);
    Ok(())
}

fn length(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    let [high, low] = AUTHORITY.to_be_bytes();
    for wrong in [&[0x04, high, low][..], &[0x02, high, low, 0x00, 0x00], &[0x00, 0x00, 0x04, high, low]] {
        card.send(&[&[0x00, 0xa4, 0x02, 0x0c], wrong].concat());
    }
    file(card, AUTHORITY);
    Ok(())
}

fn reset(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    sign(card, KEY);
    card.reset();
    file(card, KEY);
    select(card, JPKI);
    sign(card, KEY);
    Ok(())
}

fn application(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    select(card, NOBODY);
    file(card, AUTHORITY);
    Ok(())
}

fn template(card: &Terminal) -> Result<(), Broken> {
    card.send(&command([0x00, 0xa4, 0x04, 0x00], JPKI, true));
    Ok(())
}

fn select_file(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    file(card, AUTHORITY);
    file(card, 0x3ffe);
    Ok(())
}

fn free(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    file(card, AUTHORITY);
    read(card, 0);
    Ok(())
}

fn guarded(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    file(card, CERTIFICATE);
    read(card, 0);
    enter(card, PIN, Pin::Right)?;
    file(card, CERTIFICATE);
    read(card, 0);
    Ok(())
}

fn secret(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    for id in [KEY, PIN, AUTHORITY] {
        file(card, id);
        read(card, 0);
    }
    Ok(())
}

fn end(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    file(card, AUTHORITY);
    read(card, 0x7fff);
    read(card, 0);
    Ok(())
}

/// What is written is what stands there: a card that lets it happen is not harmed.
fn fixed(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    file(card, AUTHORITY);
    read(card, 0);
    card.send(&command([0x00, 0xd6, 0x00, 0x00], &[0x30], false));
    Ok(())
}

fn tries(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    file(card, PIN);
    ask_tries(card);
    ask_tries(card);
    Ok(())
}

fn wrong(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter_wrong(card)?;
    ask_tries(card);
    card.enter(PIN, Pin::Right)?;
    ask_tries(card);
    Ok(())
}

fn survives(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter_wrong(card)?;
    card.reset();
    select(card, JPKI);
    file(card, PIN);
    ask_tries(card);
    card.enter(PIN, Pin::Right).map(drop)
}

fn forgotten(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    sign(card, KEY);
    select(card, JPKI);
    sign(card, KEY);
    Ok(())
}

fn own(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    sign(card, AUTHENTICATION_KEY);
    enter(card, AUTHENTICATION_PIN, Pin::Right)?;
    sign(card, KEY);
    sign(card, AUTHENTICATION_KEY);
    // Which is forgotten now.
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    sign(card, AUTHENTICATION_KEY);
    sign(card, KEY);
    Ok(())
}

/// The last case of a run, and only of a card that may be blocked.
fn blocked(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    // No counter has more than four bits.
    for _ in 0..16 {
        if matches!(ask_tries(card), Some(0) | None) {
            break;
        }
        card.enter(PIN, Pin::Wrong)?;
    }
    card.enter(PIN, Pin::Right)?;
    sign(card, KEY);
    Ok(())
}

fn key_guarded(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    sign(card, KEY);
    enter(card, PIN, Pin::Right)?;
    sign(card, KEY);
    Ok(())
}

fn signs(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    read_all(card, AUTHORITY);
    read_all(card, CERTIFICATE);
    sign(card, KEY);
    Ok(())
}

fn key_length(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    enter(card, PIN, Pin::Right)?;
    file(card, KEY);
    card.send(&[0x80, 0x2a, 0x00, 0x80, 0x00]);
    card.send(&command([0x80, 0x2a, 0x00, 0x80], &[0xff; 246], true));
    sign(card, KEY);
    Ok(())
}

fn apart(card: &Terminal) -> Result<(), Broken> {
    select(card, JPKI);
    file(card, AUTHORITY);
    select(card, NHI);
    for foreign in [AUTHORITY, KEY, PIN] {
        file(card, foreign);
    }
    Ok(())
}

fn number(card: &Terminal) -> Result<(), Broken> {
    select(card, NHI);
    file(card, NUMBER);
    read(card, 0);
    for other in 0x0002..=0x001f {
        if file(card, other).is_some_and(|answer| answer.status == 0x9000) {
            read(card, 0);
        }
    }
    Ok(())
}

fn no_pin(card: &Terminal) -> Result<(), Broken> {
    select(card, NHI);
    file(card, NUMBER);
    read(card, 0);
    ask_tries(card);
    card.send(&command([0x80, 0x2a, 0x00, 0x80], &[DIGEST_INFO, &card.octets("sign")].concat(), true));
    Ok(())
}

/// The tag of the number is what stands there.
fn number_fixed(card: &Terminal) -> Result<(), Broken> {
    select(card, NHI);
    file(card, NUMBER);
    read(card, 0);
    card.send(&command([0x00, 0xd6, 0x00, 0x00], &[0x81], false));
    Ok(())
}
