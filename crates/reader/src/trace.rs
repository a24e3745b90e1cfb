//! What passed between reader and card, as text: `> command`, `< answer`, `# what else happened`. PINs are stars.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use chukei_card::{Command, Contact, Hex, Instruction};

use crate::device::{Seen, Watch};

/// A file that grows line by line.
#[derive(Debug)]
pub struct Trace(File);

impl Trace {
    /// Begins a file anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn to(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self)
    }

    fn note(&mut self, what: &str) {
        let _ = writeln!(self.0, "# {what}"); // a full disk does not stop a card
    }

    fn command(&mut self, octets: &[u8], contact: &Contact) {
        let answer = match contact {
            Contact::Answer(answer) => format!("< {}", Hex(answer.clone())),
            Contact::Broken(part) => format!("# removed after {} octets", part.len()),
            Contact::Silence => "# no answer".to_owned(),
            Contact::Removed => "# removed".to_owned(),
        };
        let _ = writeln!(self.0, "> {}\n{answer}", shown(octets));
    }
}

impl Watch for Trace {
    fn see(&mut self, seen: &Seen<'_>) {
        match *seen {
            Seen::In => self.note("in the reader"),
            Seen::Out => self.note("out of the reader"),
            Seen::PowerOn(Some(_)) => self.note("power on"),
            Seen::PowerOn(None) => self.note("power on: dead"),
            Seen::PowerOff => self.note("power off"),
            Seen::Reset(_) => self.note("reset"),
            Seen::Command(command, reply) => self.command(command, &reply.answer),
        }
    }
}

/// A command without what only its sender may know.
fn shown(octets: &[u8]) -> String {
    let secret = Command::parse(octets).is_ok_and(|command| {
        let pins = [Instruction::Verify, Instruction::ChangeReferenceData, Instruction::ResetRetryCounter];
        let of_pins = Instruction::of(command.class, command.ins).is_ok_and(|found| pins.contains(&found));
        of_pins && !command.data.is_empty()
    });
    match octets.split_at_checked(5) {
        Some((header, data)) if secret => format!("{}{}", Hex(header.to_vec()), "**".repeat(data.len())),
        _ => Hex(octets.to_vec()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_stars() {
        assert_eq!(shown(&[0, 0x20, 0, 0x80, 4, 0x31, 0x32, 0x33, 0x34]), "0020008004********");
        assert_eq!(shown(&[0, 0x20, 0, 0x80]), "00200080");
        assert_eq!(shown(&[0, 0xa4, 2, 0x0c, 2, 0, 6]), "00a4020c020006");
    }
}
