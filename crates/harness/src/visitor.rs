//! The suite as the person at a terminal: puts a card into its reader, and enters the PIN (chapter 61).
//!
//! A case speaks through a [`Visitor`]. What reaches the card, and how the product ends, is recorded; the octets of a PIN
//! never are.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use chukei_evidence::{Body, NoAnswer, Pin, RecordError, Recorder, Transcript, What};

use crate::{
    clock::Clock,
    face::{Act, Face, Script, Scripted, answer},
    kit::USUAL_PERSON,
    record::{Broken, Record, hex, lock},
    seed::Ids,
};

/// What a terminal is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// To read the certificate, without a PIN.
    Read,
    /// To have the card sign, with the PIN.
    Login,
    /// To read the certificate without a PIN, for a member of staff whose token signs.
    Reception,
    /// The same for a patient whose visible number is typed in, without a card.
    VisibleNumber,
}

impl Task {
    /// As chapter 61 spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Login => "login",
            Self::Reception => "reception",
            Self::VisibleNumber => "visible-number",
        }
    }
}

impl Task {
    /// Whether it takes the token of a member of staff.
    const fn is_of_staff(self) -> bool {
        matches!(self, Self::Reception | Self::VisibleNumber)
    }
}

/// A card, and what is asked of the terminal while it is in.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The task.
    pub task: Task,
    /// The card: [`SOUND`], or what is wrong with it.
    pub card: &'static str,
    /// What goes wrong with it, as `chukei mock card` is told.
    pub faults: &'static [&'static str],
    /// What the person enters.
    pub entries: &'static [Pin],
    /// The status with which the relay refuses a login in this visit; none where it grants it.
    pub refusal: Option<&'static str>,
    /// Whether the card is taken out as soon as the relay has granted the login.
    pub pulled: bool,
}

/// A card with which nothing is wrong.
pub const SOUND: &str = "sound";
/// The card of another person, which takes the place of the first one.
const OTHER: &str = "other";

impl Visit {
    /// A task with a sound card, for which nothing is entered.
    #[must_use]
    pub const fn to(task: Task) -> Self {
        Self { task, card: SOUND, faults: &[], entries: &[], refusal: None, pulled: false }
    }

    /// The same with another card.
    #[must_use]
    pub const fn with(self, card: &'static str) -> Self {
        Self { card, ..self }
    }

    /// The same with faults.
    #[must_use]
    pub const fn when(self, faults: &'static [&'static str]) -> Self {
        Self { faults, ..self }
    }

    /// The same with somebody who enters PINs.
    #[must_use]
    pub const fn entering(self, entries: &'static [Pin]) -> Self {
        Self { entries, ..self }
    }

    /// The same with a relay that refuses the login.
    #[must_use]
    pub const fn refused(self, code: &'static str) -> Self {
        Self { refusal: Some(code), ..self }
    }

    /// The same with a card that is taken out as soon as the relay has granted the login.
    #[must_use]
    pub const fn pulled(self) -> Self {
        Self { pulled: true, ..self }
    }
}

/// What passed at the reader.
#[derive(Clone, Debug)]
pub enum Told {
    /// The card was reset; its answer to reset, if it gave one.
    Reset(Option<Vec<u8>>),
    /// The card lost its state, and nobody was told.
    Forgot,
    /// The card of another person stands in its place, and nobody was told.
    Swapped,
    /// A command, and what came of it.
    Command(Vec<u8>, Result<Vec<u8>, NoAnswer>),
    /// The card is out.
    Removed,
}

/// Takes in what passed.
pub type Tell = Arc<dyn Fn(Told) + Send + Sync>;

/// How a product ended a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Exit status; none when it had to be ended.
    pub exit: Option<i32>,
    /// The end of what it wrote to standard output.
    pub shown: Vec<u8>,
}

/// A product with the reader before it, wherever that is.
pub trait Counter: Send {
    /// Puts in the card of a visit, with this PIN, and waits until it is seen. What passes is told from then on.
    ///
    /// # Errors
    /// What is missing.
    fn insert(&mut self, visit: &Visit, pin: &str, tell: Tell) -> Result<(), Broken>;

    /// Puts the token of a member of staff, with this PIN, into the reader for it, and waits until it is seen.
    ///
    /// # Errors
    /// What is missing.
    fn lay_token(&mut self, pin: &str, tell: Tell) -> Result<(), Broken>;

    /// Starts the product on the task, and waits for its end.
    ///
    /// # Errors
    /// The product cannot be started.
    fn run(&mut self, task: Task, entries: &[String]) -> Result<End, Broken>;

    /// Takes the card out while the product is at work.
    fn puller(&self) -> Act;

    /// Takes card and token out.
    fn remove(&mut self);
}

/// See the module.
pub struct Visitor {
    counter: Mutex<Box<dyn Counter>>,
    record: Arc<Record>,
    pin: String,
    token_pin: String,
    /// The relay at which the terminal logs people in.
    face: Option<Face>,
}

impl Visitor {
    /// A person with cards, at this counter. The PIN follows from the seed.
    #[must_use]
    pub fn new(counter: Box<dyn Counter>, clock: Clock, seed: u64, recorder: Recorder) -> Self {
        Self::with(counter, Arc::new(Record::new(clock, recorder)), seed, None)
    }

    /// The same at a terminal that is a party's: the suite is its relay too. One record holds cards and messages in one order.
    #[must_use]
    pub fn beside(counter: Box<dyn Counter>, face: Face, seed: u64) -> Self {
        Self::with(counter, face.shared_record(), seed, Some(face))
    }

    fn with(counter: Box<dyn Counter>, record: Arc<Record>, seed: u64, face: Option<Face>) -> Self {
        let digit = |octet: &u8| char::from(b'0'.saturating_add(octet % 10));
        let digits =
            |scope: &str, count| Ids::new(seed, scope).octets().iter().take(count).map(digit).collect();
        let (pin, token_pin) = (digits("PIN", 4), digits("PIN of the token", 6));
        Self { counter: Mutex::new(counter), record, pin, token_pin, face }
    }

    /// What is recorded.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Begins a case.
    pub fn begin(&self, case: &str, twin: Option<&str>, deviation: &str) {
        match &self.face {
            Some(face) => face.begin(case, twin, deviation),
            None => self.record.begin(case, twin, deviation),
        }
    }

    /// Ends a case.
    pub fn end(&self, case: &str) {
        match &self.face {
            Some(face) => face.end(case),
            None => self.record.end(case),
        }
    }

    /// Plays a visit, from the card's insertion to its removal.
    ///
    /// # Errors
    /// What is missing.
    pub fn visit(&self, visit: &Visit) -> Result<End, Broken> {
        let mut counter = lock(&self.counter);
        if let (Some(face), Some(code)) = (&self.face, visit.refusal) {
            face.script(refusing(code));
        }
        let pin = if visit.task.is_of_staff() { &self.token_pin } else { &self.pin };
        if visit.task.is_of_staff() {
            counter.lay_token(pin, self.tell(Arc::default(), pin, true))?;
        }
        let is_out = Arc::new(AtomicBool::new(false));
        let number = match visit.task {
            Task::VisibleNumber => {
                is_out.store(true, Ordering::SeqCst);
                let face = self.face.as_ref().ok_or_else(|| Broken::Lacking("a relay".into()))?;
                Some(face.world().visible_number(USUAL_PERSON).to_owned())
            }
            _ => {
                self.insert(counter.as_mut(), visit, &is_out)?;
                None
            }
        };
        if let Some(face) = self.face.as_ref().filter(|_| visit.pulled) {
            let (pull, record, is_out) = (counter.puller(), Arc::clone(&self.record), Arc::clone(&is_out));
            let pull = move || {
                pull();
                if !is_out.swap(true, Ordering::SeqCst) {
                    record.add(What::Removed);
                }
            };
            face.after("LoginRequest", Arc::new(pull));
        }
        self.record.add(What::Started {
            task: visit.task.name().to_owned(),
            entries: visit.entries.to_vec(),
            number: number.clone(),
        });
        let pins = visit.entries.iter().map(|&which| entry(pin, which));
        let entries: Vec<String> = number.into_iter().chain(pins).collect();
        let ended = counter.run(visit.task, &entries);
        if let Ok(end) = &ended {
            let (shown, shows_pin) = hidden(&end.shown, &[entry(pin, Pin::Right), entry(pin, Pin::Wrong)]);
            self.record.add(What::Ended { exit: end.exit, shown: Body::from(shown), shows_pin });
        }
        counter.remove();
        if !is_out.swap(true, Ordering::SeqCst) {
            self.record.add(What::Removed);
        }
        self.face.iter().for_each(Face::unscript);
        ended
    }

    /// Puts the card of a visit in.
    fn insert(
        &self,
        counter: &mut dyn Counter,
        visit: &Visit,
        is_out: &Arc<AtomicBool>,
    ) -> Result<(), Broken> {
        let faults = visit.faults.iter().map(|&fault| fault.to_owned()).collect();
        self.record.add(What::Inserted { card: visit.card.to_owned(), faults });
        let inserted = counter.insert(visit, &self.pin, self.tell(Arc::clone(is_out), &self.pin, false));
        if inserted.is_err() {
            counter.remove();
            self.record.add(What::Removed);
        }
        inserted
    }

    /// Records what passes, until the card is out. A token stays in.
    fn tell(&self, is_out: Arc<AtomicBool>, pin: &str, token: bool) -> Tell {
        let (record, pin) = (Arc::clone(&self.record), pin.to_owned());
        let reset = move |record: &Record, atr: &[u8], silent| {
            let exchange = record.next_exchange();
            record.add(What::Reset { exchange, atr: Body::from(hex(atr)), silent, token });
        };
        Arc::new(move |told| match told {
            _ if is_out.load(Ordering::SeqCst) => {}
            Told::Reset(atr) => reset(&record, &atr.unwrap_or_default(), false),
            Told::Forgot => reset(&record, &[], true),
            Told::Swapped => {
                record.add(What::Inserted { card: OTHER.to_owned(), faults: Vec::new() });
                reset(&record, &[], true);
            }
            Told::Command(command, answer) => {
                let exchange = record.next_exchange();
                let (shown, which) = written(&command, pin.as_bytes());
                record.add(What::Command { exchange, apdu: Body::from(shown), pin: which, token });
                record.add(match answer {
                    Ok(answer) => What::Responded { exchange, apdu: Body::from(hex(&answer)) },
                    Err(how) => What::NoAnswer { exchange, how },
                });
            }
            Told::Removed => {
                is_out.store(true, Ordering::SeqCst);
                record.add(What::Removed);
            }
        })
    }

    /// Closes the run. `whole` says that it came to its end; else the transcript is marked incomplete.
    ///
    /// # Errors
    /// The transcript cannot be written.
    pub fn close(self, whole: bool) -> Result<Transcript, RecordError> {
        match self.face {
            Some(face) => face.close(whole),
            None => self.record.close(whole),
        }
    }
}

/// What a person enters who means the right PIN, or another one.
fn entry(right: &str, which: Pin) -> String {
    let next = |digit: char| digit.to_digit(10).and_then(|digit| char::from_digit((digit + 1) % 10, 10));
    match which {
        Pin::Right => right.to_owned(),
        Pin::Wrong => right.chars().filter_map(next).collect(),
    }
}

/// A relay that refuses every login with this status.
fn refusing(code: &'static str) -> Script {
    Arc::new(move |call, kit| {
        let message = call.message.filter(|_| call.to == "relay" && call.kind == "LoginRequest")?;
        Some(Scripted { reply: answer(kit.refuse_login(message, code)?.finish()), deviates: true })
    })
}

/// Instructions that carry PINs: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO/IEC 7816-4 §11.5).
const OF_PINS: [u8; 3] = [0x20, 0x24, 0x2c];

/// A command as it is recorded, and which PIN is in it.
fn written(command: &[u8], pin: &[u8]) -> (String, Option<Pin>) {
    match command.split_at_checked(5) {
        Some((head @ &[_, ins, ..], data)) if OF_PINS.contains(&ins) && !data.is_empty() => {
            let is_right = data.windows(pin.len().max(1)).any(|part| part == pin);
            let which = if is_right { Pin::Right } else { Pin::Wrong };
            (hex(head) + &"**".repeat(data.len()), Some(which))
        }
        _ => (hex(command), None),
    }
}

/// What was shown with stars in the place of PINs that stand alone, and whether there was any.
fn hidden(shown: &[u8], pins: &[String]) -> (String, bool) {
    let mut text = String::from_utf8_lossy(shown).into_owned();
    let mut shows = false;
    for pin in pins {
        let stars = "*".repeat(pin.len());
        let alone = |&(at, _): &(usize, &str)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at.saturating_add(pin.len())..).and_then(|after| after.chars().next());
            !before.into_iter().chain(after).any(|next| next.is_ascii_alphanumeric())
        };
        let places: Vec<usize> = text.match_indices(pin.as_str()).filter(alone).map(|(at, _)| at).collect();
        for at in places {
            text.replace_range(at..at.saturating_add(pin.len()), &stars);
            shows = true;
        }
    }
    (text, shows)
}

#[cfg(test)]
mod tests {
    use chukei_evidence::Header;

    use super::*;

    /// Sends the PIN to the card, and shows it.
    #[derive(Default)]
    struct Blabber(Option<Tell>);

    impl Counter for Blabber {
        fn insert(&mut self, _: &Visit, _: &str, tell: Tell) -> Result<(), Broken> {
            tell(Told::Reset(Some(vec![0x3b])));
            self.0 = Some(tell);
            Ok(())
        }

        fn lay_token(&mut self, _: &str, _: Tell) -> Result<(), Broken> {
            Err(Broken::Lacking("a token".into()))
        }

        fn run(&mut self, _: Task, entries: &[String]) -> Result<End, Broken> {
            let entry = entries[0].as_bytes();
            let command = [&[0x00, 0x20, 0x00, 0x80, 0x04], entry].concat();
            let tell = self.0.clone().unwrap();
            tell(Told::Command(command, Ok(vec![0x90, 0x00])));
            tell(Told::Removed);
            tell(Told::Command(vec![0; 4], Err(NoAnswer::Closed)));
            Ok(End { exit: Some(1), shown: format!("x{0} {0}!", entries[0]).into_bytes() })
        }

        fn puller(&self) -> Act {
            Arc::new(|| {})
        }

        fn remove(&mut self) {}
    }

    #[test]
    fn a_pin_reaches_the_card_and_no_transcript() {
        let recorder = Recorder::new(Header::default(), None).unwrap();
        let visitor = Visitor::new(Box::new(Blabber::default()), Clock::virtual_from(0), 1, recorder);
        let visit = Visit::to(Task::Login).entering(&[Pin::Wrong]);
        visitor.begin("terminal/x", None, "");
        visitor.visit(&visit).unwrap();
        visitor.visit(&visit.entering(&[Pin::Right])).unwrap();
        visitor.end("terminal/x");
        let pins = [entry(&visitor.pin, Pin::Right), entry(&visitor.pin, Pin::Wrong)];
        assert_ne!(pins[0], pins[1]);
        let transcript = visitor.close(true).unwrap();
        let seen: Vec<&What> = transcript.events().iter().map(|event| &event.what).collect();
        let command = |pin| What::Command {
            exchange: 2,
            apdu: "0020008004********".into(),
            pin: Some(pin),
            token: false,
        };
        assert_eq!(seen[4], &command(Pin::Wrong));
        assert!(matches!(seen[6], What::Removed), "once, and nothing passes afterwards: {:?}", seen[7]);
        let What::Ended { exit, shown, shows_pin } = seen[7] else { panic!("{:?}", seen[7]) };
        assert_eq!((*exit, *shows_pin), (Some(1), true));
        assert!(
            shown.text().unwrap().ends_with(" ****!"),
            "what stands in other digits is no PIN: {shown:?}"
        );
        assert!(matches!(seen[8], What::Inserted { .. }));
        assert!(matches!(seen[11], What::Command { pin: Some(Pin::Right), .. }), "{:?}", seen[11]);
    }
}
