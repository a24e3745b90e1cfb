//! VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER. Counters rise by the right PIN and by the issuer, and in no other way.

use crate::apdu::Command;
use crate::card::{Answer, Card, Element, Outcome};
use crate::image::{Pin, Secret, VerifiedAnswer, WrongLength};
use crate::{Status, image::Access};

impl Card {
    pub(crate) fn verify(&mut self, command: &Command) -> Outcome {
        let (place, pin) = self.pin_of(command, &[0x00])?;
        let name = pin.name.get_ref().clone();
        let (blocked, left) = (self.application()?.blocked.status(), *pin.left.get_ref());
        if command.data.is_empty() {
            let is_verified = self.session.verified.contains(&name);
            return match self.application()?.verified {
                VerifiedAnswer::Ok if is_verified => Ok(Answer::empty()),
                VerifiedAnswer::Ok | VerifiedAnswer::Tries => Err(Status::tries_left(left)),
            };
        }
        if left == 0 {
            return Err(blocked);
        }
        let given = pin.bare(&command.data);
        if !pin.admits(given) && self.application()?.wrong_length == WrongLength::Refused {
            return Err(Status::WRONG_LENGTH);
        }
        let right = pin.value.as_ref().is_some_and(|value| same(value.get_ref().0.as_bytes(), given));
        let left = if right { pin.tries } else { left - 1 };
        *self.pin_mut(place)?.left.get_mut() = left;
        if right {
            self.session.verified.insert(name);
            return Ok(Answer::empty());
        }
        self.session.verified.remove(&name);
        Err(Status::tries_left(left))
    }

    /// By the holder, who has verified the old PIN before; the data field is the new one.
    pub(crate) fn change_reference_data(&mut self, command: &Command) -> Outcome {
        let (place, pin) = self.pin_of(command, &[0x01])?;
        if *pin.left.get_ref() == 0 {
            return Err(self.application()?.blocked.status());
        }
        self.allows(&Access::Pin(pin.name.get_ref().clone()))?;
        self.set_pin(place, &command.data)
    }

    /// By the issuer, whose PIN has been verified before: P1 = 02 sets a new PIN, P1 = 03 keeps it.
    pub(crate) fn reset_retry_counter(&mut self, command: &Command) -> Outcome {
        let (place, pin) = self.pin_of(command, &[0x02, 0x03])?;
        let Some(issuer) = &pin.unblock else { return Err(Status::NOT_ALLOWED) };
        self.allows(&Access::Pin(issuer.get_ref().clone()))?;
        if command.p1 == 0x02 {
            self.set_pin(place, &command.data)?;
        } else if !command.data.is_empty() {
            return Err(Status::WRONG_LENGTH);
        }
        let pin = self.pin_mut(place)?;
        if pin.value.is_some() {
            *pin.left.get_mut() = pin.tries;
        }
        Ok(Answer::empty())
    }

    fn set_pin(&mut self, place: usize, value: &[u8]) -> Outcome {
        let pin = self.pin_mut(place)?;
        let value = pin.bare(value);
        if !(pin.min..=pin.max).contains(&value.len()) {
            return Err(Status::WRONG_LENGTH);
        }
        if !pin.admits(value) {
            return Err(Status::WRONG_DATA);
        }
        let text = String::from_utf8(value.to_vec()).map_err(|_| Status::WRONG_DATA)?;
        let old = pin.value.as_mut().ok_or(Status::CONDITIONS)?;
        *old.get_mut() = Secret(text);
        Ok(Answer::empty())
    }

    /// The PIN that P2 means: 80 the selected one, 80 with a short identifier that one, else the one with that reference.
    fn pin_of(&self, command: &Command, p1: &[u8]) -> Result<(usize, &Pin), Status> {
        let application = self.application()?;
        if !p1.contains(&command.p1) {
            return Err(Status::WRONG_PARAMETERS);
        }
        let has_reference =
            |pin: &Pin| pin.reference.as_ref().is_some_and(|reference| reference.0 == [command.p2]);
        let place = match application.pins.iter().position(has_reference) {
            Some(place) => place,
            None => match (command.p2 & 0xe0, command.p2 & 0x1f) {
                (0x80, 0) => match self.session.current {
                    Some(Element::Pin(place)) => place,
                    _ => return Err(Status::NO_CURRENT_FILE),
                },
                (0x80, short) => match application.element(u16::from(short)) {
                    Some(Element::Pin(place)) => place,
                    _ => return Err(Status::NOT_FOUND),
                },
                _ => return Err(Status::WRONG_PARAMETERS),
            },
        };
        application.pins.get(place).map(|pin| (place, pin)).ok_or(Status::CARD_FAULT)
    }

    fn pin_mut(&mut self, place: usize) -> Result<&mut Pin, Status> {
        self.application_mut()?.pins.get_mut(place).ok_or(Status::CARD_FAULT)
    }
}

/// Compares without telling by time where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b));
    a.len() == b.len() && std::hint::black_box(difference) == 0
}
