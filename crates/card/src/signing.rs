//! The signature commands of the two card edges.

use crate::apdu::Command;
use crate::card::{Answer, Card, Element, Outcome, tlv};
use crate::{Access, Key, Status};

/// PIV's name for RSA with 1024 and 2048 bits (NIST SP 800-78-4 table 6-2).
const RSA: [(u8, usize); 2] = [(0x06, 128), (0x07, 256)];

impl Card {
    /// `80 2A 00 80`: pads the data, normally a DigestInfo, by PKCS#1 v1.5 (RFC 8017 §9.2) and signs with the selected key.
    pub(crate) fn sign(&mut self, command: &Command) -> Outcome {
        if command.parameters() != [0x00, 0x80] {
            return Err(Status::WRONG_PARAMETERS);
        }
        let Some(Element::Key(place)) = self.session.current else { return Err(Status::NO_CURRENT_FILE) };
        let length = self.usable(place)?;
        if command.data.is_empty() || command.le.is_none() || command.data.len() + 11 > length {
            return Err(Status::WRONG_LENGTH);
        }
        let filling = length - command.data.len() - 3;
        let block = [&[0, 1][..], &vec![0xff; filling], &[0], &command.data].concat();
        Ok(Answer::data(self.private(place, &block)?))
    }

    /// `00 87`: the bare private operation, in a dynamic authentication template `7C { 82 00, 81 block }`.
    pub(crate) fn general_authenticate(&mut self, command: &Command) -> Outcome {
        let is = |key: &Key| key.reference.as_ref().is_some_and(|own| own.0 == [command.p2]);
        let place = self.application()?.keys.iter().position(is).ok_or(Status::WRONG_PARAMETERS)?;
        let length = self.usable(place)?;
        if !RSA.contains(&(command.p1, length)) {
            return Err(Status::WRONG_PARAMETERS);
        }
        let template =
            value(&command.data, 0x7c).filter(|(_, rest)| rest.is_empty()).ok_or(Status::WRONG_DATA)?;
        let (mut challenge, mut left) = (None, template.0);
        while let Some(&tag) = left.first() {
            let (content, rest) = value(left, tag).ok_or(Status::WRONG_DATA)?;
            match tag {
                0x81 => challenge = Some(content),
                0x82 if content.is_empty() => {}
                _ => return Err(Status::WRONG_DATA),
            }
            left = rest;
        }
        let block = challenge.filter(|block| block.len() == length).ok_or(Status::WRONG_DATA)?;
        let signature = self.private(place, block).map_err(|_| Status::WRONG_DATA)?;
        Ok(Answer::data(tlv(0x7c, &tlv(0x82, &signature))))
    }

    /// Octets of the modulus, if the key is installed and the security status allows its use.
    fn usable(&self, place: usize) -> Result<usize, Status> {
        let length = self.modulus_octets(place)?;
        let key = self.application()?.keys.get(place).ok_or(Status::CARD_FAULT)?;
        let rule: &Access = key.usage.get_ref();
        self.allows(rule)?;
        Ok(length)
    }
}

/// The content of the value with this tag at the beginning, and what follows it. Lengths up to two octets.
fn value(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *octets.strip_prefix(&[tag])? {
        [short @ ..=0x7f, ref rest @ ..] => (usize::from(short), rest),
        [0x81, length, ref rest @ ..] => (usize::from(length), rest),
        [0x82, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}
