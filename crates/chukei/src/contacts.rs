//! Where a card under test is: in a PC/SC reader, or, for a TEST card, in this process.

use std::{path::Path, time::Duration};

use chukei_card::{Card, Contact, Slot};
use chukei_evidence::NoAnswer;
use chukei_harness::{CardPlace, Contacts, Pins, Unproved};
use serde::Deserialize;

use crate::{
    card,
    say::{Exit, Failure},
};

/// Files of the PINs that a card's owner can name (chapter 60).
const PINS: [(&str, u16); 2] = [("signature", 0x001b), ("authentication", 0x0018)];

/// The card, with its contacts.
pub(crate) fn open(place: &CardPlace) -> Result<Box<dyn Contacts>, Failure> {
    match (&place.image, &place.reader) {
        (Some(image), _) => Ok(Box::new(InProcess::new(card::load(image)?))),
        (None, reader) => pcsc::open(reader.as_deref().unwrap_or_default()),
    }
}

/// The right PINs, from a TOML file: `signature = "…"`, `authentication = "…"`.
pub(crate) fn pins(file: Option<&Path>) -> Result<Pins, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        signature: Option<String>,
        authentication: Option<String>,
    }
    let mut pins = Pins::default();
    let Some(path) = file else { return Ok(pins) };
    let text = std::fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let known = PINS.map(|(name, _)| name).join(", ");
        // The parser's own words could show a PIN.
        let line =
            error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().matches('\n').count());
        Failure::new(Exit::Usage, "pins.misread", [path.display().to_string()])
            .at(path, line + 1, 1)
            .fix("pins.fix", [known])
    })?;
    for ((_, id), pin) in PINS.into_iter().zip([file.signature, file.authentication]) {
        if let Some(pin) = pin {
            pins.set(id, &pin);
        }
    }
    Ok(pins)
}

/// Shows that the card accepts the PINs that were told, before a run enters them again and again.
///
/// # Errors
/// The first that it refuses, with what is to be done.
pub(crate) fn prove(
    contacts: &mut dyn Contacts,
    pins: &mut Pins,
    file: Option<&Path>,
) -> Result<(), Failure> {
    // A card that does not answer is the cases' matter.
    let _ = contacts.reset();
    pins.prove(contacts).map_err(|unproved| refused(unproved, file))
}

/// A PIN of this file is not the card's.
pub(crate) fn refused(unproved: Unproved, file: Option<&Path>) -> Failure {
    let place = file.unwrap_or(Path::new("")).display().to_string();
    let name = PINS.iter().find(|(_, id)| *id == unproved.file).map_or("", |(name, _)| name).to_owned();
    let left = unproved.left.map_or_else(|| "–".to_owned(), |left| left.to_string());
    match (unproved.refused, unproved.left) {
        (_, Some(0)) => Failure::new(Exit::Setup, "pins.blocked", [name]).fix("pins.blocked-fix", [""; 0]),
        (None, _) => Failure::new(Exit::Setup, "pins.last-try", [name]).fix("pins.last-try-fix", [""; 0]),
        (Some(status), _) => {
            Failure::new(Exit::Setup, "pins.refused", [place.clone(), name, format!("{status:04X}"), left])
                .fix("pins.refused-fix", [place])
        }
    }
}

/// A TEST card in this process.
pub(crate) struct InProcess(Slot);

impl InProcess {
    /// A slot with this card in it.
    pub(crate) fn new(card: Card) -> Self {
        Self(Slot::with(card))
    }
}

impl Contacts for InProcess {
    fn reset(&mut self) -> Result<Vec<u8>, NoAnswer> {
        self.0.power_on().map(<[u8]>::to_vec).ok_or(NoAnswer::Closed)
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        match self.0.transmit(command).answer {
            Contact::Answer(answer) => Ok(answer),
            Contact::Silence => Err(NoAnswer::Timeout),
            Contact::Broken(_) | Contact::Removed => Err(NoAnswer::Closed),
        }
    }
}

/// Whether pcscd shows a card with this answer to reset, in some reader, within this time. Without pcscd nobody can be shown
/// one, and nothing is waited for.
pub(crate) fn is_shown(atr: &[u8], within: Duration) -> bool {
    pcsc::is_shown(atr, within)
}

#[cfg(feature = "pcsc")]
mod pcsc {
    use std::ffi::CString;
    use std::time::{Duration, Instant};

    use ::pcsc::{
        Card, Context, Disposition, Error, MAX_BUFFER_SIZE_EXTENDED, Protocols, ReaderState, Scope,
        ShareMode, State,
    };
    use chukei_evidence::NoAnswer;
    use chukei_harness::Contacts;

    use crate::say::{Exit, Failure};

    /// How long a card that was just put in may take to be seen.
    const SEEN_WITHIN: Duration = Duration::from_secs(2);

    /// A card in a PC/SC reader, for nobody else while the run goes on.
    struct Reader {
        card: Card,
        // The connection ends when the context does.
        _context: Context,
    }

    /// Connects to the card in the reader whose name is this or begins so.
    pub(super) fn open(name: &str) -> Result<Box<dyn Contacts>, Failure> {
        let failure = |key: &str, with: &[&str], fix: &str, known: String| {
            Failure::new(Exit::Setup, key, with.iter().copied()).fix(fix, [known])
        };
        let context = Context::establish(Scope::User).map_err(|error| {
            failure("pcsc.service", &[&error.to_string()], "pcsc.service-fix", String::new())
        })?;
        let readers: Vec<CString> = match context.list_readers_owned() {
            Ok(readers) => readers,
            Err(Error::NoReadersAvailable) => Vec::new(),
            Err(error) => {
                return Err(failure(
                    "pcsc.service",
                    &[&error.to_string()],
                    "pcsc.service-fix",
                    String::new(),
                ));
            }
        };
        let names: Vec<&str> = readers.iter().filter_map(|reader| reader.to_str().ok()).collect();
        let known = || if names.is_empty() { "–".to_owned() } else { names.join(", ") };
        let fitting = |reader: &&CString| reader.to_str().is_ok_and(|reader| reader == name);
        let beginning = |reader: &&CString| reader.to_str().is_ok_and(|reader| reader.starts_with(name));
        let reader = readers.iter().find(fitting).or_else(|| readers.iter().find(beginning));
        let reader = reader.ok_or_else(|| failure("pcsc.reader", &[name], "pcsc.reader-fix", known()))?;
        let card = connect(&context, reader).map_err(|error| {
            failure("pcsc.card", &[name, &error.to_string()], "pcsc.card-fix", String::new())
        })?;
        Ok(Box::new(Reader { card, _context: context }))
    }

    pub(super) fn is_shown(atr: &[u8], within: Duration) -> bool {
        let begin = Instant::now();
        let Ok(context) = Context::establish(Scope::User) else { return true };
        let Ok(readers) = context.list_readers_owned() else { return true };
        let mut states: Vec<_> =
            readers.into_iter().map(|reader| ReaderState::new(reader, State::UNAWARE)).collect();
        loop {
            let left = within.saturating_sub(begin.elapsed());
            if left.is_zero() || context.get_status_change(left, &mut states).is_err() {
                return false;
            }
            let shows =
                |state: &ReaderState| state.event_state().contains(State::PRESENT) && state.atr() == atr;
            if states.iter().any(shows) {
                return true;
            }
            states.iter_mut().for_each(ReaderState::sync_current_state);
        }
    }

    /// Connects to the card, as soon as there is one.
    fn connect(context: &Context, reader: &CString) -> Result<Card, Error> {
        let begin = Instant::now();
        let mut states = [ReaderState::new(reader.clone(), State::UNAWARE)];
        loop {
            let absent = match context.connect(reader, ShareMode::Exclusive, Protocols::ANY) {
                Err(absent @ (Error::NoSmartcard | Error::RemovedCard)) => absent,
                other => return other,
            };
            let left = SEEN_WITHIN.saturating_sub(begin.elapsed());
            if left.is_zero() || context.get_status_change(left, &mut states).is_err() {
                return Err(absent);
            }
            states.iter_mut().for_each(ReaderState::sync_current_state);
        }
    }

    impl Contacts for Reader {
        fn reset(&mut self) -> Result<Vec<u8>, NoAnswer> {
            self.card
                .reconnect(ShareMode::Exclusive, Protocols::ANY, Disposition::ResetCard)
                .and_then(|()| self.card.status2_owned())
                .map(|status| status.atr().to_vec())
                .map_err(why)
        }

        fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
            let mut answer = vec![0; MAX_BUFFER_SIZE_EXTENDED];
            self.card.transmit(command, &mut answer).map(<[u8]>::to_vec).map_err(why)
        }
    }

    const fn why(error: Error) -> NoAnswer {
        match error {
            Error::Timeout => NoAnswer::Timeout,
            Error::NoSmartcard | Error::RemovedCard | Error::ResetCard | Error::UnpoweredCard => {
                NoAnswer::Closed
            }
            _ => NoAnswer::Refused,
        }
    }
}

#[cfg(not(feature = "pcsc"))]
mod pcsc {
    use std::time::Duration;

    use chukei_harness::Contacts;

    use crate::say::{Exit, Failure};

    pub(super) const fn is_shown(_: &[u8], _: Duration) -> bool {
        true
    }

    pub(super) fn open(name: &str) -> Result<Box<dyn Contacts>, Failure> {
        Err(Failure::new(Exit::Usage, "pcsc.without", [name]).fix("pcsc.without-fix", [""; 0]))
    }
}
