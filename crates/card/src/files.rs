//! READ BINARY, READ RECORD, UPDATE BINARY, GET DATA.

use crate::apdu::Command;
use crate::card::{Answer, Card, Element, Outcome};
use crate::{File, Status};

impl Card {
    pub(crate) fn read_binary(&mut self, command: &Command) -> Outcome {
        let (place, offset) = self.file_and_offset(command)?;
        let file = self.file(place)?;
        self.allows(file.read.get_ref())?;
        let content = file.content.as_ref().ok_or(Status::WRONG_FILE_KIND)?;
        let le = command.le.filter(|_| command.data.is_empty()).ok_or(Status::WRONG_LENGTH)?;
        let size = file.size.unwrap_or(0).max(content.0.len());
        if offset >= size {
            return Err(Status::WRONG_OFFSET);
        }
        let length = le.max.min(size - offset);
        let data = content.0.iter().copied().chain(std::iter::repeat(0)).skip(offset).take(length).collect();
        let status = if length < le.max && !le.any { Status::END_OF_FILE } else { Status::OK };
        self.session.current = Some(Element::File(place));
        Ok(Answer::warning(data, status))
    }

    pub(crate) fn update_binary(&mut self, command: &Command) -> Outcome {
        let (place, offset) = self.file_and_offset(command)?;
        let file = self.file(place)?;
        self.allows(file.update.get_ref())?;
        let room = file.size.unwrap_or_else(|| file.content.as_ref().map_or(0, |content| content.0.len()));
        if command.data.is_empty() || command.le.is_some() {
            return Err(Status::WRONG_LENGTH);
        }
        if offset + command.data.len() > room {
            return Err(Status::NO_ROOM);
        }
        let file = self.application_mut()?.files.get_mut(place).ok_or(Status::CARD_FAULT)?;
        let content = &mut file.content.get_or_insert_default().0;
        content.resize(room, 0);
        for (old, new) in content.iter_mut().skip(offset).zip(&command.data) {
            *old = *new;
        }
        self.session.current = Some(Element::File(place));
        Ok(Answer::empty())
    }

    /// P2 holds the short identifier and asks for the record with the number P1.
    pub(crate) fn read_record(&mut self, command: &Command) -> Outcome {
        if command.p2 & 0x07 != 0x04 || command.p1 == 0 {
            return Err(Status::WRONG_PARAMETERS);
        }
        let place = match command.p2 >> 3 {
            0 => self.current_file()?,
            short => self.file_by_short_id(short)?,
        };
        let file = self.file(place)?;
        self.allows(file.read.get_ref())?;
        if !file.linear {
            return Err(Status::WRONG_FILE_KIND);
        }
        if command.le.is_none() || !command.data.is_empty() {
            return Err(Status::WRONG_LENGTH);
        }
        let record = file.records.get(usize::from(command.p1) - 1).ok_or(Status::NO_RECORD)?;
        Ok(Answer::data(record.0.clone()))
    }

    /// A PIV data object (NIST SP 800-73-4 part 2 §3.1.2): P1 P2 = 3FFF, data = 5C, length, tag.
    pub(crate) fn get_data(&mut self, command: &Command) -> Outcome {
        if command.parameters() != [0x3f, 0xff] {
            return Err(Status::WRONG_PARAMETERS);
        }
        let [0x5c, length, tag @ ..] = command.data.as_slice() else { return Err(Status::WRONG_DATA) };
        if usize::from(*length) != tag.len() {
            return Err(Status::WRONG_DATA);
        }
        let is = |file: &&File| file.tag.as_ref().is_some_and(|own| own.0 == tag);
        let file = self.application()?.files.iter().find(is).ok_or(Status::NOT_FOUND)?;
        self.allows(file.read.get_ref())?;
        let content = file.content.as_ref().ok_or(Status::NOT_FOUND)?;
        command.le.ok_or(Status::WRONG_LENGTH)?;
        Ok(Answer::data(content.0.clone()))
    }

    /// The file that READ and UPDATE BINARY mean, and where in it: P1 with bit 8 names a file by its short identifier. Once
    /// that has succeeded, the file is the selected one.
    fn file_and_offset(&self, command: &Command) -> Result<(usize, usize), Status> {
        if command.p1 & 0x80 == 0 {
            let offset = u16::from_be_bytes(command.parameters());
            return Ok((self.current_file()?, usize::from(offset)));
        }
        if command.p1 & 0x60 != 0 {
            return Err(Status::WRONG_PARAMETERS);
        }
        Ok((self.file_by_short_id(command.p1 & 0x1f)?, usize::from(command.p2)))
    }

    fn current_file(&self) -> Result<usize, Status> {
        match self.session.current {
            Some(Element::File(place)) => Ok(place),
            Some(_) => Err(Status::WRONG_FILE_KIND),
            None => Err(Status::NO_CURRENT_FILE),
        }
    }

    fn file_by_short_id(&self, short: u8) -> Result<usize, Status> {
        match self.application()?.element(u16::from(short)).ok_or(Status::NOT_FOUND)? {
            Element::File(place) => Ok(place),
            _ => Err(Status::WRONG_FILE_KIND),
        }
    }

    fn file(&self, place: usize) -> Result<&File, Status> {
        self.application()?.files.get(place).ok_or(Status::CARD_FAULT)
    }
}
