//! Chapter 61: terminals. A visit in which something goes wrong is followed by one with a sound card.

use chukei_evidence::Pin::{Right, Wrong};
use chukei_harness::{Task, Visit};
use chukei_spec::{Sentence, req};

use crate::case::Case;

/// To read a sound card.
const READ: Visit = Visit::to(Task::Read);
/// To log in with a sound card and the right PIN.
const LOGIN: Visit = Visit::to(Task::Login).entering(&[Right]);

/// To receive a person with a sound card, for a member of staff who enters the right PIN of the token.
const RECEPTION: Visit = Visit::to(Task::Reception).entering(&[Right]);

/// The same without a card, for the visible number.
const NUMBER: Visit = Visit::to(Task::VisibleNumber).entering(&[Right]);

/// Feature, id, sentences, and what is visited before the sound card.
type Row = (&'static str, &'static str, &'static [&'static Sentence], &'static [Visit]);

const CUT: &[&Sentence] = &[req!("terminal.visit.ends"), req!("terminal.visit.next")];
const WHOLE: &[&Sentence] = &[req!("terminal.read.whole")];
const LOST: &[&Sentence] = &[req!("terminal.select.again")];
const STAFF: &[&Sentence] = &[req!("terminal.reception.staff-first"), req!("terminal.reception.operator")];
const NUMBERED: &[&Sentence] = &[req!("terminal.reception.number"), req!("terminal.reception.operator")];
const TRUE: &[&Sentence] = &[req!("terminal.visit.true")];

const ROWS: &[Row] = &[
    ("eligibility", "read/sound", &[req!("terminal.read.no-pin")], &[]),
    ("eligibility", "read/short", WHOLE, &[READ.when(&["read-binary short 64"])]),
    ("eligibility", "read/exact", WHOLE, &[READ.when(&["read-binary once status 6c40"])]),
    ("eligibility", "read/extended", WHOLE, &[READ.when(&["extended status 6700"])]),
    (
        "eligibility",
        "read/digits",
        &[req!("terminal.id.digits")],
        &[READ.with("id-43"), READ.with("id-45"), READ.with("id-letter")],
    ),
    ("eligibility", "read/removed", CUT, &[READ.when(&["read-binary once remove"])]),
    ("eligibility", "read/half", CUT, &[READ.when(&["read-binary once half"])]),
    ("eligibility", "read/mute", CUT, &[READ.when(&["read-binary once mute"])]),
    ("eligibility", "read/empty", CUT, &[READ.when(&["read-binary empty"])]),
    ("eligibility", "read/reset", LOST, &[READ.when(&["read-binary once reset"])]),
    ("eligibility", "read/swapped", LOST, &[READ.when(&["read-binary once swap"])]),
    ("eligibility", "read/denied", TRUE, &[READ.when(&["read-binary status 6982"])]),
    ("eligibility", "read/nothing", TRUE, &[READ.with("no-application")]),
    (
        "checks-certificate",
        "read/certificate",
        &[req!("terminal.certificate.valid")],
        &[
            READ.with("expired"),
            READ.with("not-yet-valid"),
            READ.with("unknown-issuer"),
            READ.with("forged-issuer"),
        ],
    ),
    ("login", "login/right", &[req!("terminal.login.signs"), req!("terminal.pin.hidden")], &[]),
    (
        "login",
        "login/wrong",
        &[req!("terminal.pin.once")],
        &[LOGIN.entering(&[Wrong]), LOGIN.entering(&[Wrong, Right])],
    ),
    (
        "login",
        "login/blocked-6983",
        &[req!("terminal.pin.blocked")],
        &[LOGIN.entering(&[Right, Right]).when(&["verify status 6983"])],
    ),
    (
        "login",
        "login/blocked-6984",
        &[req!("terminal.pin.blocked")],
        &[LOGIN.entering(&[Right, Right]).when(&["verify status 6984"])],
    ),
    ("login", "login/used-up", TRUE, &[LOGIN.with("blocked")]),
    ("login", "login/nothing", &[req!("terminal.pin.selected")], &[LOGIN.with("no-application")]),
    ("login", "login/removed", CUT, &[LOGIN.when(&["verify once remove"]), LOGIN.when(&["sign once half"])]),
    ("login", "login/mute", CUT, &[LOGIN.when(&["sign once mute"])]),
    ("login", "login/empty", CUT, &[LOGIN.when(&["sign empty"])]),
    (
        "login",
        "login/reset",
        LOST,
        &[LOGIN.when(&["read-binary once reset"]), LOGIN.when(&["sign once reset"])],
    ),
    (
        "login",
        "login/swapped",
        &[req!("terminal.card.same")],
        &[
            LOGIN.entering(&[Right, Right]).when(&["verify once swap"]),
            LOGIN.entering(&[Right, Right]).when(&["sign once swap"]),
        ],
    ),
    ("login", "login/denied", TRUE, &[LOGIN.when(&["sign status 6f00"]), LOGIN.when(&["sign status 6982"])]),
    ("login", "login/once", TRUE, &[LOGIN.when(&["sign once status 6581"])]),
    ("result", "login/tries", &[req!("terminal.pin.tries")], &[LOGIN.entering(&[Wrong])]),
    ("result", "login/result", &[req!("terminal.result.form")], &[LOGIN.with("blocked")]),
    ("portal", "relay/granted", &[req!("terminal.relay.told"), req!("terminal.relay.certificate")], &[]),
    ("portal", "relay/signed", &[req!("terminal.relay.signature")], &[LOGIN.entering(&[Wrong])]),
    (
        "portal",
        "relay/refused",
        &[req!("terminal.relay.once"), req!("terminal.relay.told")],
        &[LOGIN.refused("NotMember")],
    ),
    ("portal", "relay/session", &[req!("terminal.relay.session")], &[LOGIN, LOGIN.entering(&[Wrong])]),
    ("portal", "relay/pulled", &[req!("terminal.relay.session")], &[LOGIN.pulled()]),
    ("reception", "reception/sound", STAFF, &[]),
    ("reception", "reception/wrong-pin", STAFF, &[RECEPTION.entering(&[Wrong])]),
    ("reception", "number/typed", NUMBERED, &[]),
    ("reception", "number/wrong-pin", NUMBERED, &[NUMBER.entering(&[Wrong])]),
    (
        "checks-signature",
        "login/signature",
        &[req!("terminal.signature.verified")],
        &[LOGIN.with("other-key"), LOGIN.when(&["sign flip 9"])],
    ),
];

pub(crate) fn add(cases: &mut Vec<Case>) {
    for (feature, id, sentences, visits) in ROWS.iter().copied() {
        let last = match id.split_once('/') {
            Some(("read", _)) => READ,
            Some(("reception", _)) => RECEPTION,
            Some(("number", _)) => NUMBER,
            _ => LOGIN,
        };
        let all = visits.iter().copied().chain([last]).collect();
        cases.push(Case::visits(id, sentences, all).needing(Box::leak(Box::new([feature]))));
    }
}
