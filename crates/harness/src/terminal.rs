//! The suite as the terminal that a card is in (chapter 60).
//!
//! A case speaks through a [`Terminal`]. Commands, answers and resets are recorded; the octets of a PIN never are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Mutex,
};

use chukei_evidence::{Body, NoAnswer, Pin, RecordError, Recorder, Transcript, What};

use crate::{
    clock::Clock,
    record::{Broken, Record, hex, lock},
    seed::Ids,
};

/// AID of the JPKI application, in which the PINs are (chapter 60).
const JPKI: &[u8] = b"\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01";

/// A card in a reader, wherever that is.
pub trait Contacts: Send {
    /// Resets the card.
    ///
    /// # Errors
    /// Why there is no answer to reset.
    fn reset(&mut self) -> Result<Vec<u8>, NoAnswer>;

    /// Sends a command and gives the whole answer, status word included.
    ///
    /// # Errors
    /// Why there is none.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer>;
}

/// The right PINs of a card, by the identifier of their file.
#[derive(Clone, Default)]
pub struct Pins {
    right: BTreeMap<u16, Vec<u8>>,
    /// Those that the card has accepted before.
    accepted: BTreeSet<u16>,
}

impl Pins {
    /// Adds a PIN.
    pub fn set(&mut self, file: u16, pin: &str) {
        self.right.insert(file, pin.as_bytes().to_vec());
    }

    /// Enters each PIN once, before a run: one that the card refuses now was told wrongly, and a run would enter it until the card is
    /// blocked. What a card without the application or the file does is left to the cases.
    ///
    /// # Errors
    /// The PIN that the card refuses, or for which a wrong one could be the last try. Nothing is entered after it.
    pub fn prove(&mut self, contacts: &mut dyn Contacts) -> Result<(), Unproved> {
        let mut send = |command: &[u8]| {
            let answer = contacts.transmit(command).ok()?;
            answer.last_chunk().map(|status| u16::from_be_bytes(*status))
        };
        for (&file, pin) in &self.right {
            let head = |head: [u8; 4], octets: &[u8]| {
                [&head[..], &[u8::try_from(octets.len()).unwrap_or(u8::MAX)], octets].concat()
            };
            let application = send(&head([0x00, 0xa4, 0x04, 0x0c], JPKI));
            let selected = send(&head([0x00, 0xa4, 0x02, 0x0c], &file.to_be_bytes()));
            if application != Some(0x9000) || selected != Some(0x9000) {
                continue;
            }
            let asked = send(&[0x00, 0x20, 0x00, 0x80]).and_then(tries);
            if let Some(left @ (0 | 1)) = asked {
                return Err(Unproved { file, refused: None, left: Some(left) });
            }
            match send(&head([0x00, 0x20, 0x00, 0x80], pin)) {
                Some(0x9000) => {
                    self.accepted.insert(file);
                }
                None => {}
                Some(refused) => return Err(Unproved { file, refused: Some(refused), left: tries(refused) }),
            }
        }
        Ok(())
    }
}

/// A PIN that a card has not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unproved {
    /// Identifier of its file.
    pub file: u16,
    /// The status word that refused it; none when it was not entered.
    pub refused: Option<u16>,
    /// How many tries are left, where the card says so.
    pub left: Option<u16>,
}

/// How many tries a status word says to be left.
const fn tries(status: u16) -> Option<u16> {
    match status {
        0x63c0..=0x63cf => Some(status & 0x000f),
        0x6983 | 0x6984 => Some(0),
        _ => None,
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.right.keys()).finish()
    }
}

/// See the module.
pub struct Terminal {
    contacts: Mutex<Box<dyn Contacts>>,
    pins: Mutex<Pins>,
    refused: Mutex<Option<Unproved>>,
    record: Record,
    seed: u64,
}

/// What came back from a card: data and status word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The data.
    pub data: Vec<u8>,
    /// The status word.
    pub status: u16,
}

impl Terminal {
    /// A terminal with a card in it.
    #[must_use]
    pub fn new(contacts: Box<dyn Contacts>, pins: Pins, clock: Clock, seed: u64, recorder: Recorder) -> Self {
        Self {
            contacts: Mutex::new(contacts),
            pins: Mutex::new(pins),
            refused: Mutex::new(None),
            record: Record::new(clock, recorder),
            seed,
        }
    }

    /// What is recorded.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Begins a case. The card is reset, so that no case depends on another.
    pub fn begin(&self, case: &str, twin: Option<&str>, deviation: &str) {
        self.record.begin(case, twin, deviation);
        self.reset();
    }

    /// Ends a case.
    pub fn end(&self, case: &str) {
        self.record.end(case);
    }

    /// Octets that depend on the seed and this name.
    #[must_use]
    pub fn octets(&self, name: &str) -> [u8; 32] {
        Ids::new(self.seed, name).octets()
    }

    /// Resets the card.
    pub fn reset(&self) {
        let exchange = self.record.next_exchange();
        let atr = lock(&self.contacts).reset().unwrap_or_default();
        self.record.add(What::Reset { exchange, atr: Body::from(hex(&atr)), silent: false, token: false });
    }

    /// Sends a command.
    pub fn send(&self, command: &[u8]) -> Option<Response> {
        self.deliver(command, hex(command), None)
    }

    /// A PIN that the card has refused as the right one without ever having accepted it: then it is not this card's, and the run has
    /// to stop. A card that accepted it before breaks a rule, which is the judges' matter.
    #[must_use]
    pub fn refused(&self) -> Option<Unproved> {
        *lock(&self.refused)
    }

    /// Enters the right PIN of the selected file, or another one of the same length.
    ///
    /// # Errors
    /// [`Broken::Lacking`] when the suite was not told the right one, or the card has shown that it was not.
    pub fn enter(&self, file: u16, which: Pin) -> Result<Option<Response>, Broken> {
        let known = lock(&self.pins).right.get(&file).cloned().filter(|_| self.refused().is_none());
        let right = known.ok_or_else(|| Broken::Lacking(format!("PIN of file {file:04X}")))?;
        let pin = if which == Pin::Right { right } else { other(&right) };
        let head = [0x00, 0x20, 0x00, 0x80, u8::try_from(pin.len()).unwrap_or(u8::MAX)];
        let shown = hex(&head) + &"**".repeat(pin.len());
        let answer = self.deliver(&[&head[..], &pin].concat(), shown, Some(which));
        if let (Pin::Right, Some(Response { status, .. })) = (which, &answer) {
            let accepted = &mut lock(&self.pins).accepted;
            if *status == 0x9000 {
                accepted.insert(file);
            } else if let (Some(left), false) = (tries(*status), accepted.contains(&file)) {
                *lock(&self.refused) = Some(Unproved { file, refused: Some(*status), left: Some(left) });
            }
        }
        Ok(answer)
    }

    fn deliver(&self, command: &[u8], shown: String, pin: Option<Pin>) -> Option<Response> {
        let exchange = self.record.next_exchange();
        self.record.add(What::Command { exchange, apdu: Body::from(shown), pin, token: false });
        let answer = lock(&self.contacts).transmit(command);
        let answer = match answer {
            Ok(answer) => answer,
            Err(how) => {
                self.record.add(What::NoAnswer { exchange, how });
                return None;
            }
        };
        self.record.add(What::Responded { exchange, apdu: Body::from(hex(&answer)) });
        let (data, status) = answer.split_last_chunk::<2>()?;
        Some(Response { data: data.to_vec(), status: u16::from_be_bytes(*status) })
    }

    /// Closes the terminal. `whole` says that the run came to its end; else the transcript is marked incomplete.
    ///
    /// # Errors
    /// The transcript cannot be written.
    pub fn close(self, whole: bool) -> Result<Transcript, RecordError> {
        self.record.close(whole)
    }
}

/// A PIN of the same length and alphabet that differs in every place.
fn other(pin: &[u8]) -> Vec<u8> {
    let next = |octet: &u8| match octet {
        b'9' => b'0',
        b'Z' => b'A',
        b'z' => b'a',
        octet => octet.wrapping_add(1),
    };
    pin.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use chukei_evidence::Header;

    use super::*;

    struct Echo;

    impl Contacts for Echo {
        fn reset(&mut self) -> Result<Vec<u8>, NoAnswer> {
            Ok(vec![0x3b])
        }

        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
            if command.is_empty() { Err(NoAnswer::Timeout) } else { Ok([command, &[0x90, 0x00]].concat()) }
        }
    }

    /// A card with the PIN `1234` in every file, that counts how often it was entered.
    struct Counting {
        left: u16,
        entered: u32,
        has_files: bool,
    }

    impl Contacts for Counting {
        fn reset(&mut self) -> Result<Vec<u8>, NoAnswer> {
            Ok(vec![0x3b])
        }

        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
            let left = 0x63c0 + self.left;
            let status: u16 = match command {
                [_, 0xa4, 0x02, ..] if !self.has_files => 0x6a82,
                [_, 0xa4, ..] => 0x9000,
                [_, 0x20, _, _] => left,
                _ => {
                    self.entered += 1;
                    if command.ends_with(b"1234") { 0x9000 } else { left - 1 }
                }
            };
            Ok(status.to_be_bytes().to_vec())
        }
    }

    #[test]
    fn a_pin_that_was_told_wrongly_is_entered_once_and_never_as_the_last_try() {
        let proved = |left, pin: &str, has_files| {
            let mut pins = Pins::default();
            pins.set(0x18, pin);
            pins.set(0x1b, pin);
            let mut card = Counting { left, entered: 0, has_files };
            (pins.prove(&mut card), card.entered)
        };
        let unproved = |refused, left| Err(Unproved { file: 0x18, refused, left: Some(left) });
        assert_eq!(proved(5, "9999", true), (unproved(Some(0x63c4), 4), 1));
        assert_eq!(proved(2, "9999", true), (unproved(Some(0x63c1), 1), 1));
        assert_eq!(proved(1, "1234", true), (unproved(None, 1), 0));
        assert_eq!(proved(0, "1234", true), (unproved(None, 0), 0));
        assert_eq!(proved(5, "9999", false), (Ok(()), 0), "left to the cases");
        assert_eq!(proved(2, "1234", true), (Ok(()), 2));
    }

    #[test]
    fn a_pin_that_was_never_accepted_is_not_entered_again() {
        let terminal = |pin: &str, has_files: bool| {
            let mut pins = Pins::default();
            pins.set(0x18, pin);
            let mut card = Counting { left: 5, entered: 0, has_files };
            let _ = pins.prove(&mut card);
            let recorder = Recorder::new(Header::default(), None).unwrap();
            Terminal::new(Box::new(card), pins, Clock::virtual_from(0), 1, recorder)
        };
        let wrong = terminal("9999", false);
        assert_eq!(wrong.enter(0x18, Pin::Right).unwrap().unwrap().status, 0x63c4);
        assert_eq!(wrong.refused(), Some(Unproved { file: 0x18, refused: Some(0x63c4), left: Some(4) }));
        assert!(matches!(wrong.enter(0x18, Pin::Right), Err(Broken::Lacking(_))));
        let right = terminal("1234", false);
        assert_eq!(right.enter(0x18, Pin::Right).unwrap().unwrap().status, 0x9000);
        assert_eq!(right.enter(0x18, Pin::Wrong).unwrap().unwrap().status, 0x63c4);
        assert_eq!(right.refused(), None);
    }

    #[test]
    fn a_pin_reaches_the_card_and_no_transcript() {
        let mut pins = Pins::default();
        pins.set(0x1b, "ABZ9");
        let recorder = Recorder::new(Header::default(), None).unwrap();
        let terminal = Terminal::new(Box::new(Echo), pins, Clock::virtual_from(0), 1, recorder);
        terminal.begin("card/x", None, "");
        let entered = |which| terminal.enter(0x1b, which).unwrap().unwrap().data;
        assert_eq!(entered(Pin::Right), b"\x00\x20\x00\x80\x04ABZ9");
        assert_eq!(entered(Pin::Wrong), b"\x00\x20\x00\x80\x04BCA0");
        assert_eq!(terminal.enter(0x18, Pin::Right), Err(Broken::Lacking("PIN of file 0018".into())));
        assert_eq!(terminal.send(&[]), None);
        terminal.end("card/x");
        let transcript = terminal.close(true).unwrap();
        let commands: Vec<_> = transcript
            .events()
            .iter()
            .filter_map(|event| match &event.what {
                What::Command { apdu, pin, .. } => Some((apdu.text().unwrap().to_owned(), *pin)),
                _ => None,
            })
            .collect();
        let hidden = "0020008004********".to_owned();
        assert_eq!(
            commands,
            [(hidden.clone(), Some(Pin::Right)), (hidden, Some(Pin::Wrong)), (String::new(), None)]
        );
    }
}
