//! Moves a device by lines of text, from a script or over an AF_UNIX socket. Each line gets one: `ok …` or `no …`.
//!
//! ```text
//! insert [FILE]   puts the card in, or the card of this image
//! eject           takes it out
//! fault LINE      adds a fault; how it is written stands in chukei_card::Fault
//! clear           removes every fault
//! other FILE      lays the card ready that `swap` brings
//! advance STATE   personalised, activated, suspended or terminated, as the issuer does it
//! save FILE       writes the card as it is now
//! state           says where the card is, its type, state and tries left
//! pause MS        waits (in scripts)
//! stop            ends the mock
//! ```

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chukei_card::{Card, Fault, Image, ImageError, LifeCycle, Slot, UnusableKey};

use crate::{Device, OpenSsl};

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// See the module.
    Insert(Option<PathBuf>),
    /// See the module.
    Eject,
    /// See the module.
    Fault(Fault),
    /// See the module.
    Clear,
    /// See the module.
    Other(PathBuf),
    /// See the module.
    Advance(LifeCycle),
    /// See the module.
    Save(PathBuf),
    /// See the module.
    State,
    /// See the module.
    Pause(Duration),
    /// See the module.
    Stop,
}

/// A line that asks for nothing known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoVerb {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected there: a key of the command's messages, such as `script.file`, which has it in the reader's language.
    pub code: &'static str,
    /// Arguments of the message: the words that may stand there.
    pub with: Vec<String>,
}

impl fmt::Display for NoVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.code)?;
        if self.with.is_empty() { Ok(()) } else { write!(f, " ({})", self.with.join("; ")) }
    }
}

impl std::error::Error for NoVerb {}

/// A card that cannot be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    File(io::Error),
    /// It is no image.
    Image(ImageError),
    /// One of its keys is none.
    Key(UnusableKey),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Image(error) => write!(f, "{error}"),
            Self::Key(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// A verb that is not done.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotDone {
    /// There is no such verb.
    Line(NoVerb),
    /// Its card cannot be loaded.
    Load(PathBuf, LoadError),
    /// It cannot be done now: a key of the command's messages, with its arguments.
    Now(&'static str, Vec<String>),
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(error) => write!(f, "{error}"),
            Self::Load(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Now(code, with) => write!(f, "{code} {}", with.join("; ")),
        }
    }
}

impl std::error::Error for NotDone {}

/// Tells people why a verb is not done, in their language.
pub type Tell = Arc<dyn Fn(&NotDone) -> String + Send + Sync>;

/// Reads a card image and loads its keys.
///
/// # Errors
/// [`LoadError`].
pub fn load(path: &Path) -> Result<Card, LoadError> {
    let text = std::fs::read_to_string(path).map_err(LoadError::File)?;
    let image = Image::parse(&text).map_err(LoadError::Image)?;
    Card::new(image, &OpenSsl).map_err(LoadError::Key)
}

/// Reads a script: one verb to a line; empty lines and lines that begin with `#` ask for nothing.
///
/// # Errors
/// [`NoVerb`].
pub fn script(text: &str) -> Result<Vec<Verb>, NoVerb> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines.map(|(number, line)| verb(line).map_err(|fault| NoVerb { line: number + 1, ..fault })).collect()
}

fn verb(line: &str) -> Result<Verb, NoVerb> {
    let start = line.len() - line.trim_start().len();
    let (name, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let rest = rest.trim_start();
    let column = |octets: usize| line.get(..octets).unwrap_or(line).chars().count() + 1;
    let second = column(line.trim_end().len() - rest.len());
    let expected = |code| NoVerb { line: 1, column: second, code, with: Vec::new() };
    let one_of =
        |column, words: &str| NoVerb { line: 1, column, code: "script.one-of", with: vec![words.to_owned()] };
    let file = || match rest {
        "" => Err(expected("script.file")),
        path => Ok(PathBuf::from(path)),
    };
    let alone = |verb| if rest.is_empty() { Ok(verb) } else { Err(expected("script.end")) };
    match name {
        "insert" if !rest.is_empty() => file().map(|path| Verb::Insert(Some(path))),
        "insert" => Ok(Verb::Insert(None)),
        "eject" => alone(Verb::Eject),
        "fault" => rest.parse().map(Verb::Fault).map_err(|error: chukei_card::NoFault| NoVerb {
            line: 1,
            column: second + error.column - 1,
            code: error.code,
            with: error.with,
        }),
        "clear" => alone(Verb::Clear),
        "other" => file().map(Verb::Other),
        "advance" => match LifeCycle::named(rest) {
            Some(state) => Ok(Verb::Advance(state)),
            None => Err(one_of(second, "personalised, activated, suspended, terminated")),
        },
        "save" => file().map(Verb::Save),
        "state" => alone(Verb::State),
        "pause" => match rest.parse() {
            Ok(milliseconds) => Ok(Verb::Pause(Duration::from_millis(milliseconds))),
            Err(_) => Err(expected("script.milliseconds")),
        },
        "stop" => alone(Verb::Stop),
        _ => Err(one_of(
            column(start),
            "insert, eject, fault, clear, other, advance, save, state, pause, stop",
        )),
    }
}

/// Does it.
///
/// # Errors
/// Why it cannot be done.
pub fn obey(device: &Device, verb: &Verb) -> Result<String, NotDone> {
    let loaded = |path: &Path| load(path).map_err(|error| NotDone::Load(path.to_owned(), error));
    let now = |code| NotDone::Now(code, Vec::new());
    match verb {
        Verb::Insert(path) => {
            if device.with(|slot| slot.is_in()) {
                return Err(now("script.card-is-in"));
            }
            match path.as_deref().map(loaded).transpose()? {
                Some(card) => device.with(|slot| slot.put(card)),
                None if device.with(Slot::insert) => {}
                None => return Err(now("script.no-card")),
            }
        }
        Verb::Eject => device.with(Slot::eject),
        Verb::Fault(fault) => device.with(|slot| slot.add(fault.clone())),
        Verb::Clear => device.with(Slot::clear),
        Verb::Other(path) => {
            let card = loaded(path)?;
            device.with(|slot| slot.lay_ready(card));
        }
        Verb::Advance(state) => {
            let may = device.with(|slot| slot.card_mut().is_some_and(|card| card.advance(*state)));
            if !may {
                return Err(NotDone::Now("script.cannot-become", vec![state.name().to_owned()]));
            }
        }
        Verb::Save(path) => {
            let image = device.with(|slot| slot.card().map(|card| card.image().clone()));
            let image = image.ok_or_else(|| now("script.no-card"))?;
            let unwritten =
                |error: String| NotDone::Now("script.unwritten", vec![path.display().to_string(), error]);
            let text = image.to_toml().map_err(|error| unwritten(error.to_string()))?;
            std::fs::write(path, text).map_err(|error| unwritten(error.to_string()))?;
        }
        Verb::State => return Ok(state(device)),
        Verb::Pause(time) => thread::sleep(*time),
        Verb::Stop => device.stop(),
    }
    Ok(String::new())
}

/// `in juki-jpki activated faults=0 jpki/signature=5 …`.
fn state(device: &Device) -> String {
    device.with(|slot| {
        let place = if slot.is_in() { "in" } else { "out" };
        let faults = slot.faults().len();
        let Some(card) = slot.card() else { return format!("{place} none faults={faults}") };
        let tries: String =
            card.counters().map(|(application, pin, left)| format!(" {application}/{pin}={left}")).collect();
        format!("{place} {} {} faults={faults}{tries}", card.image().kind, card.image().state.name())
    })
}

/// Offers the device at a socket of this path, which must not be there yet, in a thread of its own.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(device: &Arc<Device>, path: &Path, tell: Tell) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    let device = Arc::clone(device);
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let (device, tell) = (Arc::clone(&device), Arc::clone(&tell));
            // One thread for each visitor; one that goes away in the middle harms nobody.
            let _ = thread::Builder::new()
                .name("visitor".to_owned())
                .spawn(move || attend(&device, stream, &tell));
        }
    })?;
    Ok(())
}

fn attend(device: &Device, stream: UnixStream, tell: &Tell) -> io::Result<()> {
    let mut answers = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let done = match verb(&line?) {
            Ok(verb) => obey(device, &verb),
            Err(fault) => Err(NotDone::Line(fault)),
        };
        let answer = match done {
            Ok(told) => format!("ok {told}"),
            Err(why) => format!("no {}", tell(&why).replace('\n', " ")),
        };
        answers.write_all(format!("{}\n", answer.trim_end()).as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_before_it_runs() {
        let text = "# a comment\n\ninsert\n  fault sign once status 6f00\npause 20\nadvance suspended\n";
        let verbs = script(text).unwrap();
        assert_eq!(verbs.len(), 4);
        assert_eq!(verbs[0], Verb::Insert(None));
        assert_eq!(verbs[2], Verb::Pause(Duration::from_millis(20)));
        for (text, line, column) in [
            ("insert\n  injekt", 2, 3),
            ("eject now", 1, 7),
            ("fault sign onze mute", 1, 12),
            ("advance dead", 1, 9),
            ("pause long", 1, 7),
            ("save", 1, 5),
        ] {
            let fault = script(text).unwrap_err();
            assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault}");
        }
    }
}
