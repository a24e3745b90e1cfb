//! Faults as data: what goes wrong, at which command, how often. One line each, in scripts and on the control socket.
//!
//! ```text
//! WHERE [after N] [once] WHAT
//!
//! WHERE   any, power, extended (any command with extended lengths), or the name of a command: select, read-binary,
//!         verify (with a PIN), sign, …
//! after N lets the first N of them pass
//! once    goes wrong a single time; else every time
//! WHAT    status SW     answers with this status word and does nothing
//!         slow MS       answers after so many milliseconds
//!         mute          never answers
//!         empty         answers without an octet, as vpcd does for a card that has just gone
//!         short N       answers with N octets of data at most
//!         half          breaks off in the middle of the answer: the card is gone
//!         remove        the card is gone before the answer
//!         swap          another card is there, without notice
//!         reset         the card has lost its state, silently
//!         flip N        bit N of the answer's data is wrong, from 0 on, counted round
//!         dead          no answer to reset (with WHERE power)
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{Instruction, Status};

/// A fault of a card or of its contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Place,
    /// How many pass first.
    pub after: u32,
    /// Whether it happens a single time.
    pub once: bool,
    /// What.
    pub what: Mishap,
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At every command.
    Any,
    /// When the card gets power.
    Power,
    /// At every command with extended lengths.
    Extended,
    /// At this command.
    Command(Instruction),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// This status word, without data and without effect.
    Status(Status),
    /// The right answer, late.
    Slow(Duration),
    /// No answer.
    Mute,
    /// An answer without an octet.
    Empty,
    /// So many octets of data at most.
    Short(usize),
    /// Half an answer, then the card is gone.
    Half,
    /// The card is gone.
    Remove,
    /// Another card is there.
    Swap,
    /// The state of the card is lost before the command.
    Reset,
    /// One bit of the data is wrong.
    Flip(usize),
    /// No answer to reset.
    Dead,
}

/// A line that is no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoFault {
    /// Column in characters of the word at fault, from 1.
    pub column: usize,
    /// What was expected there: a key of the command's messages, such as `script.number`, which has it in the reader's language.
    pub code: &'static str,
    /// Arguments of the message: the words that may stand there.
    pub with: Vec<String>,
}

impl fmt::Display for NoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.column, self.code)?;
        if self.with.is_empty() { Ok(()) } else { write!(f, " ({})", self.with.join("; ")) }
    }
}

impl std::error::Error for NoFault {}

/// When a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The card gets power.
    Power,
    /// A command comes.
    Command { instruction: Option<Instruction>, extended: bool },
}

impl Fault {
    /// Whether it strikes now. Counts.
    pub(crate) fn strikes(&mut self, moment: Moment) -> bool {
        let here = match self.at {
            Place::Any => moment != Moment::Power,
            Place::Power => moment == Moment::Power,
            Place::Extended => matches!(moment, Moment::Command { extended: true, .. }),
            Place::Command(command) => {
                matches!(moment, Moment::Command { instruction: Some(found), .. } if found == command)
            }
        };
        if here && self.after > 0 {
            self.after -= 1;
            return false;
        }
        here
    }
}

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(line: &str) -> Result<Self, NoFault> {
        let mut words = Words::of(line);
        let at = match words.next() {
            "any" => Place::Any,
            "power" => Place::Power,
            "extended" => Place::Extended,
            name => match Instruction::named(name) {
                Some(instruction) => Place::Command(instruction),
                None => {
                    let commands = Instruction::names().collect::<Vec<_>>().join(", ");
                    return Err(words.one_of(format!("any, power, extended, {commands}")));
                }
            },
        };
        let (mut after, mut once) = (0, false);
        let what = loop {
            match words.next() {
                "after" => after = words.number()?,
                "once" => once = true,
                "status" => {
                    let status = u16::from_str_radix(words.next(), 16).ok().filter(|word| *word >= 0x6100);
                    break Mishap::Status(Status(status.ok_or_else(|| words.expected("script.status"))?));
                }
                "slow" => break Mishap::Slow(Duration::from_millis(words.number()?.into())),
                "mute" => break Mishap::Mute,
                "empty" => break Mishap::Empty,
                "short" => break Mishap::Short(usize::try_from(words.number()?).unwrap_or_default()),
                "half" => break Mishap::Half,
                "remove" => break Mishap::Remove,
                "swap" => break Mishap::Swap,
                "reset" => break Mishap::Reset,
                "flip" => break Mishap::Flip(usize::try_from(words.number()?).unwrap_or_default()),
                "dead" => break Mishap::Dead,
                _ => {
                    let known = "after, once, status, slow, mute, empty, short, half, remove, swap, reset, flip, dead";
                    return Err(words.one_of(known.to_owned()));
                }
            }
        };
        if (what == Mishap::Dead) != (at == Place::Power) {
            return Err(words.expected("script.dead"));
        }
        match words.next() {
            "" => Ok(Self { at, after, once, what }),
            _ => Err(words.expected("script.end")),
        }
    }
}

/// The words of a line, and where the last one began.
struct Words<'a> {
    line: &'a str,
    rest: &'a str,
    last: usize,
}

impl<'a> Words<'a> {
    const fn of(line: &'a str) -> Self {
        Self { line, rest: line, last: 0 }
    }

    /// The next word; empty at the end.
    fn next(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        self.last = self.line.len() - rest.len();
        let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        self.rest = rest;
        word
    }

    fn number(&mut self) -> Result<u32, NoFault> {
        let word = self.next();
        word.parse().map_err(|_| self.expected("script.number"))
    }

    fn expected(&self, code: &'static str) -> NoFault {
        let before = self.line.get(..self.last).unwrap_or(self.line);
        NoFault { column: before.chars().count() + 1, code, with: Vec::new() }
    }

    fn one_of(&self, words: String) -> NoFault {
        NoFault { with: vec![words], ..self.expected("script.one-of") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_fault_or_says_where_it_is_none() {
        let fault = |at, after, once, what| Ok(Fault { at, after, once, what });
        let sign = Place::Command(Instruction::Sign);
        for (line, expected) in [
            ("sign status 6F00", fault(sign, 0, false, Mishap::Status(Status(0x6f00)))),
            (" any  after 3 once remove ", fault(Place::Any, 3, true, Mishap::Remove)),
            ("sign slow 200", fault(sign, 0, false, Mishap::Slow(Duration::from_millis(200)))),
            ("power once dead", fault(Place::Power, 0, true, Mishap::Dead)),
            ("sign flip 9", fault(sign, 0, false, Mishap::Flip(9))),
            ("extended empty", fault(Place::Extended, 0, false, Mishap::Empty)),
            ("any short 64", fault(Place::Any, 0, false, Mishap::Short(64))),
        ] {
            assert_eq!(line.parse::<Fault>(), expected, "{line}");
        }
        for (line, column, code) in [
            ("", 1, "script.one-of"),
            ("sing mute", 1, "script.one-of"),
            ("sign", 5, "script.one-of"),
            ("sign mite", 6, "script.one-of"),
            ("sign after x mute", 12, "script.number"),
            ("sign status 1234", 13, "script.status"),
            ("sign status 6f000", 13, "script.status"),
            ("sign mute mute", 11, "script.end"),
            ("sign dead", 6, "script.dead"),
            ("power mute", 7, "script.dead"),
        ] {
            let told = line.parse::<Fault>().map_err(|error| (error.column, error.code));
            assert_eq!(told, Err((column, code)), "{line}");
        }
    }
}
