//! Cards that break one rule each. They are lies between the terminal and a right card, and so share nothing with it.

use std::{collections::BTreeSet, sync::OnceLock};

use chukei_card::{Card, Image, LifeCycle};
use chukei_evidence::{NoAnswer, Transcript};
use chukei_harness::{Contacts, Pins};
use chukei_reader::{Deviation, Holder, OpenSsl, Order as Issue};

use super::{
    alone::{found, play_alone},
    lost,
};
use crate::{
    contacts::InProcess,
    engine,
    say::{Exit, Failure},
};

/// The profile.
pub(super) const PROFILE: &str = "card@1.0";
const SIGNATURE: &[u8] = b"ABC123";
const AUTHENTICATION: &[u8] = b"1234";
const JPKI: &[u8] = b"\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01";
const OK: [u8; 2] = [0x90, 0x00];
const DENIED: [u8; 2] = [0x69, 0x82];

/// A card that breaks a rule.
struct Switch {
    name: &'static str,
    /// What it violates; nothing else.
    sentences: &'static [&'static str],
    lie: Lie,
}

enum Lie {
    /// Answers a command in place of the card; `None` leaves it to the card.
    Command(fn(&mut Liar, &[u8]) -> Option<Vec<u8>>),
    /// Changes what the card answered.
    Answer(fn(&Liar, &[u8], &mut Vec<u8>)),
    /// Changes a reset.
    Reset(fn(&mut Liar) -> Option<Vec<u8>>),
    /// Is issued wrongly.
    Issued(&'static str),
    /// Does not answer.
    Mute(fn(&[u8]) -> bool),
}

/// The switches.
const SWITCHES: &[Switch] = &[
    lie(
        "mute",
        &["card.answer.always", "card.answer.class"],
        Lie::Mute(|command| command.starts_with(&[0x60])),
    ),
    lie(
        "instruction-as-class",
        &["card.answer.instruction"],
        Lie::Answer(|_, command, answer| {
            if matches!(command, [0x00, 0x02 | 0x52 | 0x94, ..]) {
                *answer = vec![0x6e, 0x00];
            }
        }),
    ),
    lie(
        "class-ignored",
        &["card.answer.class"],
        Lie::Command(|card, command| match command {
            [0x60 | 0xd0, rest @ ..] => Some(card.right(&[&[0x00], rest].concat())),
            _ => None,
        }),
    ),
    lie(
        "length-ignored",
        &["card.answer.length"],
        Lie::Answer(|_, command, answer| {
            if command.starts_with(b"\x00\xa4\x02\x0c") && answer == b"\x67\x00" {
                *answer = OK.to_vec();
            }
        }),
    ),
    lie(
        "only-t0",
        &["card.reset.protocol"],
        Lie::Reset(|card| card.inner.reset().is_ok().then(|| b"\x3b\x02\x14\x50".to_vec())),
    ),
    lie("reset-forgets-nothing", &["card.reset.forgets"], Lie::Reset(|card| Some(card.atr.clone()))),
    lie(
        "absent-application",
        &["card.select.application"],
        Lie::Answer(|_, command, answer| {
            if command.ends_with(b"ABSENT") {
                *answer = OK.to_vec();
            }
        }),
    ),
    lie(
        "absent-application-deselects",
        &["card.select.application"],
        Lie::Command(|card, command| {
            if command.ends_with(b"ABSENT") {
                let _ = card.inner.reset();
            }
            None
        }),
    ),
    lie(
        "no-template",
        &["card.select.template"],
        Lie::Answer(|_, command, answer| {
            if command.starts_with(b"\x00\xa4\x04\x00") {
                *answer = OK.to_vec();
            }
        }),
    ),
    lie(
        "absent-file",
        &["card.select.file"],
        Lie::Answer(|_, command, answer| {
            if command.ends_with(b"\x3f\xfe") {
                *answer = OK.to_vec();
            }
        }),
    ),
    lie(
        "authority-behind-pin",
        &["card.read.free", "card.read.end"],
        Lie::Answer(|card, command, answer| {
            if command == b"\x00\xb0\x00\x00\x00" && card.file == 0x0002 && card.verified.is_empty() {
                *answer = DENIED.to_vec();
            }
        }),
    ),
    lie(
        "certificate-free",
        &["card.read.guarded"],
        Lie::Answer(|card, command, answer| {
            if is_read(command) && card.file == 0x0001 && card.is_jpki() && card.verified.is_empty() {
                *answer = b"\x30\x82\x01\x00\x90\x00".to_vec();
            }
        }),
    ),
    lie(
        "secret-readable",
        &["card.read.secret"],
        Lie::Answer(|card, command, answer| {
            if is_read(command) && matches!(card.file, 0x001a | 0x001b) {
                *answer = b"\x00\x90\x00".to_vec();
            }
        }),
    ),
    lie(
        "end-is-empty",
        &["card.read.end"],
        Lie::Answer(|_, command, answer| {
            if command.starts_with(b"\x00\xb0\x7f\xff") {
                *answer = OK.to_vec();
            }
        }),
    ),
    lie(
        "certificate-writable",
        &["card.file.fixed"],
        Lie::Answer(|card, command, answer| {
            if command.starts_with(b"\x00\xd6") && card.is_jpki() {
                *answer = OK.to_vec();
            }
        }),
    ),
    lie(
        "asking-costs-a-try",
        &["card.pin.tries"],
        Lie::Answer(|card, command, answer| {
            if is_question(command) && card.before == command {
                count_down(answer);
            }
        }),
    ),
    lie(
        "wrong-pin-costs-nothing",
        &["card.pin.wrong", "card.pin.survives"],
        Lie::Command(|card, command| {
            let is_wrong =
                is_pin(command) && !command.ends_with(SIGNATURE) && !command.ends_with(AUTHENTICATION);
            is_wrong.then(|| card.right(b"\x00\x20\x00\x80"))
        }),
    ),
    lie(
        "right-pin-restores-nothing",
        &["card.pin.right"],
        Lie::Answer(|card, command, answer| {
            if is_question(command) && card.wrong && is_pin(&card.before) && card.before.ends_with(SIGNATURE)
            {
                count_down(answer);
            }
        }),
    ),
    lie(
        "reset-restores-tries",
        &["card.pin.survives"],
        Lie::Reset(|card| {
            let _ = card.inner.reset();
            card.right(&[b"\x00\xa4\x04\x0c\x0a", JPKI].concat());
            card.verify_signature();
            None
        }),
    ),
    lie(
        "selection-forgets-nothing",
        &["card.pin.forgotten", "card.pin.own"],
        Lie::Command(|card, command| {
            let again = card.is_jpki() && command.starts_with(b"\x00\xa4\x04\x0c") && command.ends_with(JPKI);
            again.then(|| OK.to_vec())
        }),
    ),
    lie(
        "any-pin",
        &["card.pin.own"],
        Lie::Command(|card, command| {
            if is_sign(command) && card.file == 0x001a && card.verified == [0x0018] {
                card.verify_signature();
                card.right(b"\x00\xa4\x02\x0c\x02\x00\x1a");
            }
            None
        }),
    ),
    lie(
        "authenticates-for-everybody",
        &["card.pin.own"],
        Lie::Command(|card, command| {
            if is_sign(command) && card.file == 0x0017 {
                card.right(b"\x00\xa4\x02\x0c\x02\x00\x18");
                card.right(&[b"\x00\x20\x00\x80\x04", AUTHENTICATION].concat());
                card.right(b"\x00\xa4\x02\x0c\x02\x00\x17");
            }
            None
        }),
    ),
    lie(
        "blocked-pin-works",
        &["card.pin.blocked"],
        Lie::Answer(|_, _, answer| {
            if matches!(answer.as_slice(), [0x69, 0x83 | 0x84]) {
                *answer = OK.to_vec();
            }
        }),
    ),
    lie(
        "signs-for-everybody",
        &["card.key.guarded", "card.pin.forgotten", "card.pin.own", "card.reset.forgets"],
        Lie::Command(|card, command| {
            if is_sign(command) && card.file == 0x001a {
                card.verify_signature();
                card.right(b"\x00\xa4\x02\x0c\x02\x00\x1a");
            }
            None
        }),
    ),
    lie(
        "wrong-signature",
        &["card.key.signs"],
        Lie::Answer(|_, command, answer| {
            if let (true, [first, _, _, ..]) = (is_sign(command), answer.as_mut_slice()) {
                *first ^= 1;
            }
        }),
    ),
    lie(
        "signs-anything",
        &["card.key.length"],
        Lie::Answer(|card, command, answer| {
            if is_sign(command) && answer == b"\x67\x00" && card.is_jpki() {
                *answer = [&[0x5a; 256][..], &OK].concat();
            }
        }),
    ),
    lie("other-key", &["card.key.signs"], Lie::Issued("other-key")),
    lie("expired", &["card.certificate.issued"], Lie::Issued("expired")),
    lie("unknown-issuer", &["card.certificate.issued"], Lie::Issued("unknown-issuer")),
    lie(
        "files-of-all",
        &["card.apart"],
        Lie::Command(|card, command| {
            if !card.is_nhi() {
                return None;
            }
            match command {
                [0x00, 0xa4, 0x02, 0x0c, 0x02, 0x00, 0x02 | 0x1a | 0x1b] => {
                    card.wrong = true;
                    Some(OK.to_vec())
                }
                [0x00, 0xa4, ..] => {
                    card.wrong = false;
                    None
                }
                [0x00, 0xb0, ..] if card.wrong => Some(DENIED.to_vec()),
                _ => None,
            }
        }),
    ),
    lie(
        "number-is-none",
        &["card.nhi.number"],
        Lie::Answer(|card, command, answer| {
            if is_read(command) && card.is_nhi() {
                *answer = b"\x81\x03ABC\x90\x00".to_vec();
            }
        }),
    ),
    lie(
        "another-file",
        &["card.nhi.nothing-else"],
        Lie::Command(|card, command| {
            if !card.is_nhi() || command != b"\x00\xa4\x02\x0c\x02\x00\x05" {
                return None;
            }
            card.right(b"\x00\xa4\x02\x0c\x02\x00\x01");
            Some(OK.to_vec())
        }),
    ),
    lie(
        "number-and-more",
        &["card.nhi.nothing-else"],
        Lie::Answer(|card, command, answer| {
            if is_read(command) && card.is_nhi() {
                *answer = b"\x81\x01\x37\x82\x01\x41\x90\x00".to_vec();
            }
        }),
    ),
    lie(
        "nhi-has-a-pin",
        &["card.nhi.no-pin"],
        Lie::Answer(|card, command, answer| {
            if is_question(command) && card.is_nhi() {
                *answer = vec![0x63, 0xc3];
            }
        }),
    ),
    lie(
        "number-writable",
        &["card.nhi.fixed"],
        Lie::Answer(|card, command, answer| {
            if command.starts_with(b"\x00\xd6") && card.is_nhi() {
                *answer = OK.to_vec();
            }
        }),
    ),
];

const fn lie(name: &'static str, sentences: &'static [&'static str], lie: Lie) -> Switch {
    Switch { name, sentences, lie }
}

fn is_read(command: &[u8]) -> bool {
    command.starts_with(b"\x00\xb0")
}

fn is_sign(command: &[u8]) -> bool {
    command.starts_with(b"\x80\x2a")
}

fn is_question(command: &[u8]) -> bool {
    command == b"\x00\x20\x00\x80"
}

fn is_pin(command: &[u8]) -> bool {
    command.starts_with(b"\x00\x20\x00\x80") && !is_question(command)
}

fn count_down(answer: &mut [u8]) {
    if let [0x63, tries @ 0xc1..=0xcf] = answer {
        *tries -= 1;
    }
}

/// A right card, and what stands between it and the terminal.
struct Liar {
    inner: InProcess,
    lie: Option<&'static Lie>,
    atr: Vec<u8>,
    application: Vec<u8>,
    file: u16,
    verified: Vec<u16>,
    before: Vec<u8>,
    wrong: bool,
}

impl Liar {
    fn right(&mut self, command: &[u8]) -> Vec<u8> {
        self.inner.transmit(command).unwrap_or_default()
    }

    fn is_jpki(&self) -> bool {
        self.application == JPKI
    }

    fn is_nhi(&self) -> bool {
        !self.application.is_empty() && !self.is_jpki()
    }

    fn verify_signature(&mut self) {
        self.right(b"\x00\xa4\x02\x0c\x02\x00\x1b");
        self.right(&[b"\x00\x20\x00\x80\x06", SIGNATURE].concat());
    }

    /// Remembers what a right card would.
    fn remember(&mut self, command: &[u8], answer: &[u8]) {
        match (command, answer.ends_with(&OK)) {
            ([0x00, 0xa4, 0x04, _, _, aid @ ..], true) if self.application != *aid => {
                (self.application, self.file) = (aid.get(..10).unwrap_or(aid).to_vec(), 0);
                self.verified.clear();
            }
            ([0x00, 0xa4, 0x04, ..], true) => self.verified.clear(),
            ([0x00, 0xa4, 0x02, _, 0x02, high, low], true) => self.file = u16::from_be_bytes([*high, *low]),
            (pin, true) if is_pin(pin) => self.verified.push(self.file),
            (pin, false) if is_pin(pin) => self.wrong = true,
            _ => {}
        }
        self.before = command.to_vec();
    }
}

impl Contacts for Liar {
    fn reset(&mut self) -> Result<Vec<u8>, NoAnswer> {
        if self.atr.is_empty() {
            self.atr = self.inner.reset()?;
        }
        if let Some(Lie::Reset(lie)) = self.lie
            && let Some(atr) = lie(self)
        {
            return Ok(atr);
        }
        (self.application, self.file, self.wrong) = (Vec::new(), 0, false);
        self.verified.clear();
        self.inner.reset()
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        let instead = match self.lie {
            Some(Lie::Mute(is)) if is(command) => return Err(NoAnswer::Timeout),
            Some(Lie::Command(lie)) => lie(self, command),
            _ => None,
        };
        let mut answer = match instead {
            Some(answer) => answer,
            None => self.inner.transmit(command)?,
        };
        if let Some(Lie::Answer(lie)) = self.lie {
            lie(self, command, &mut answer);
        }
        self.remember(command, &answer);
        Ok(answer)
    }
}

/// Every switch has to violate the sentences that it names, and no other. Violated sentences are added to `killed`.
pub(super) fn switches(killed: &mut BTreeSet<String>, faults: &mut Vec<String>) -> Result<usize, Failure> {
    for switch in SWITCHES {
        found(("card", switch.name), switch.sentences, &play(Some(switch))?, killed, faults);
    }
    Ok(SWITCHES.len())
}

/// Plays every case with a right card.
pub(super) fn reference() -> Result<Transcript, Failure> {
    play(None)
}

fn play(switch: Option<&'static Switch>) -> Result<Transcript, Failure> {
    let lie = switch.map(|switch| &switch.lie);
    let deviation = match lie {
        Some(Lie::Issued(name)) => Some(Deviation::named(name).ok_or_else(lost)?),
        _ => None,
    };
    let liar = Liar {
        inner: InProcess::new(card(deviation)?),
        lie,
        atr: Vec::new(),
        application: Vec::new(),
        file: 0,
        verified: Vec::new(),
        before: Vec::new(),
        wrong: false,
    };
    let mut pins = Pins::default();
    pins.set(0x001b, "ABC123");
    pins.set(0x0018, "1234");
    play_alone(PROFILE, "[card]\nimage = \"card.toml\"\n", |sut, order, cases| {
        engine::play_card(sut, (Box::new(liar), pins), order, cases, None, &|_, _| ())
    })
}

/// A TEST card with everything that the profile knows.
fn card(deviation: Option<Deviation>) -> Result<Card, Failure> {
    // Keys are made once.
    static SOUND: OnceLock<Option<Image>> = OnceLock::new();
    let image = match deviation {
        None => SOUND.get_or_init(|| issued(Vec::new()).ok()).clone().ok_or_else(lost)?,
        Some(deviation) => issued(vec![deviation])?,
    };
    Card::new(image, &OpenSsl).map_err(|error| failed(&error))
}

fn issued(deviations: Vec<Deviation>) -> Result<Image, Failure> {
    let image = chukei_card::named("mynumber-like+kokuho").ok_or_else(lost)?;
    let (holder, issued) = (Holder::synthetic(1, ""), crate::card::ISSUED);
    let issue = Issue { image, holder, seed: 1, issued, serial: None, deviations };
    let mut image = chukei_reader::issue(&issue).map_err(|error| failed(&error))?.image;
    image.state = LifeCycle::Activated;
    Ok(image)
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Harness, "card.failed", [error.to_string()])
}

#[cfg(test)]
mod tests {
    use chukei_evidence::{Standing, judge};

    use super::*;

    #[test]
    fn a_right_card_conforms_and_every_switch_is_found() {
        let model = judge(&reference().unwrap_or_else(|_| panic!("no card")), chukei_conformance::registry());
        let broken: Vec<_> = model.broken.iter().collect();
        assert_eq!(model.standing, Standing::Conformant, "{} {broken:?}", super::super::unmet(&model));
        let (mut killed, mut faults) = (BTreeSet::new(), Vec::new());
        assert!(switches(&mut killed, &mut faults).is_ok());
        assert_eq!(faults, [""; 0]);
        let judged = model.sentences.iter().filter(|one| !killed.contains(&one.id));
        assert_eq!(judged.map(|one| one.id.as_str()).collect::<Vec<_>>(), [""; 0], "no card breaks it");
    }
}
