//! A reader's slot: the card in it or beside it, and the faults that are to happen. What a transport sees.

use std::time::Duration;

use crate::{Card, Command, Fault, Instruction, Mishap, fault::Moment};

/// A card, in the reader or out of it, with its faults.
#[derive(Debug, Default)]
pub struct Slot {
    card: Option<Card>,
    is_in: bool,
    is_dead: bool,
    other: Option<Card>,
    faults: Vec<Fault>,
}

/// What a transport has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To wait before the answer.
    pub delay: Duration,
    /// The answer.
    pub answer: Contact,
    /// What went wrong on the way.
    pub mishap: Option<Mishap>,
}

/// What comes over the contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// A whole answer: two octets or more, or none at all ([`Mishap::Empty`]).
    Answer(Vec<u8>),
    /// These octets of a longer answer; then the card is gone.
    Broken(Vec<u8>),
    /// Nothing, and the card is still there.
    Silence,
    /// The card is gone.
    Removed,
}

impl Slot {
    /// A slot with this card in it.
    #[must_use]
    pub fn with(card: Card) -> Self {
        Self { card: Some(card), is_in: true, ..Self::default() }
    }

    /// Puts a card in, in place of the last one.
    pub fn put(&mut self, card: Card) {
        self.card = Some(card);
        self.insert();
    }

    /// Puts the card in that lies beside the reader. Whether there is one.
    pub fn insert(&mut self) -> bool {
        self.is_in = self.card.is_some();
        self.reset();
        self.is_in
    }

    /// Takes the card out; it lies beside the reader.
    pub fn eject(&mut self) {
        self.is_in = false;
        self.reset();
    }

    /// The card that `swap` brings.
    pub fn lay_ready(&mut self, other: Card) {
        self.other = Some(other);
    }

    /// Whether a card is in.
    #[must_use]
    pub const fn is_in(&self) -> bool {
        self.is_in
    }

    /// The card, in or out.
    #[must_use]
    pub const fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }

    /// The card, in or out: for what its issuer does to it.
    pub const fn card_mut(&mut self) -> Option<&mut Card> {
        self.card.as_mut()
    }

    /// Adds a fault. The first one that strikes at a command is the one that happens.
    pub fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Removes every fault.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// The faults that are still to happen.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Power off, or reset: the card forgets its session.
    pub fn reset(&mut self) {
        if let Some(card) = &mut self.card {
            card.reset();
        }
    }

    /// Power on: gives the answer to reset, or none when there is no card or a dead one.
    pub fn power_on(&mut self) -> Option<&[u8]> {
        self.reset();
        self.is_dead = self.is_in && self.strike(Moment::Power) == Some(Mishap::Dead);
        self.atr()
    }

    /// The answer to the last reset.
    #[must_use]
    pub fn atr(&self) -> Option<&[u8]> {
        self.card.as_ref().filter(|_| self.is_in && !self.is_dead).map(Card::atr)
    }

    /// Carries a command to the card.
    pub fn transmit(&mut self, command: &[u8]) -> Reply {
        let mishap = if self.is_in { self.mishap(command) } else { Some(Mishap::Remove) };
        let delay = if let Some(Mishap::Slow(time)) = mishap { time } else { Duration::ZERO };
        let answer = self.contact(command, mishap);
        if matches!(answer, Contact::Broken(_) | Contact::Removed) {
            self.eject();
        }
        Reply { delay, answer, mishap }
    }

    fn mishap(&mut self, command: &[u8]) -> Option<Mishap> {
        let parsed = Command::parse(command).ok();
        // The question for the tries left is no VERIFY with a PIN: clients ask it before they know what to do.
        let asks = |parsed: &Command| parsed.ins == 0x20 && parsed.data.is_empty();
        let instruction = parsed
            .filter(|parsed| !asks(parsed))
            .and_then(|parsed| Instruction::of(parsed.class, parsed.ins).ok());
        let extended = matches!(command, [_, _, _, _, 0, _, _, ..]);
        self.strike(Moment::Command { instruction, extended })
    }

    fn contact(&mut self, command: &[u8], mishap: Option<Mishap>) -> Contact {
        match mishap {
            Some(Mishap::Status(status)) => return Contact::Answer(status.octets().to_vec()),
            Some(Mishap::Mute) => return Contact::Silence,
            Some(Mishap::Empty) => return Contact::Answer(Vec::new()),
            Some(Mishap::Remove) => return Contact::Removed,
            Some(Mishap::Swap) => {
                std::mem::swap(&mut self.card, &mut self.other);
                self.reset();
            }
            Some(Mishap::Reset) => self.reset(),
            Some(Mishap::Half | Mishap::Short(_) | Mishap::Slow(_) | Mishap::Flip(_) | Mishap::Dead)
            | None => {}
        }
        let Some(card) = &mut self.card else { return Contact::Removed };
        let mut answer = card.transmit(command);
        match mishap {
            Some(Mishap::Half) => {
                answer.truncate(answer.len() / 2);
                return Contact::Broken(answer);
            }
            Some(Mishap::Short(most)) => {
                let length = answer.len().saturating_sub(2);
                answer.drain(most.min(length)..length);
            }
            Some(Mishap::Flip(bit)) => {
                let length = answer.len().saturating_sub(2);
                if let Some(octet) = (bit / 8).checked_rem(length).and_then(|place| answer.get_mut(place)) {
                    *octet ^= 1 << (bit % 8);
                }
            }
            _ => {}
        }
        Contact::Answer(answer)
    }

    /// The fault that happens now. One that happens once is gone afterwards.
    fn strike(&mut self, moment: Moment) -> Option<Mishap> {
        let place = self.faults.iter_mut().position(|fault| fault.strikes(moment))?;
        let fault = self.faults.get(place)?.clone();
        if fault.once {
            self.faults.remove(place);
        }
        Some(fault.what)
    }
}
