//! A card: an image, and what it remembers between two resets.

use std::collections::BTreeSet;
use std::fmt;

use crate::apdu::{Command, Instruction};
use crate::image::{Access, Application, Image, LifeCycle};
use crate::keys::{CardKeys, PrivateOperation};
use crate::{Hex, Status};

/// A card with power.
pub struct Card {
    pub(crate) image: Image,
    keys: CardKeys,
    pub(crate) session: Session,
}

/// What is lost by a reset.
#[derive(Default)]
pub(crate) struct Session {
    /// Place of the selected application.
    application: Option<usize>,
    pub(crate) current: Option<Element>,
    /// Names of the PINs of the application that have been verified.
    pub(crate) verified: BTreeSet<String>,
    chain: Option<Command>,
    pending: Vec<u8>,
}

/// The selected element of an application, by its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    File(usize),
    Pin(usize),
    Key(usize),
}

/// A key of an image that the cryptography does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableKey {
    /// Its name.
    pub key: String,
}

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private key of {} is no RSA key of the declared size", self.key)
    }
}

impl std::error::Error for UnusableKey {}

/// Octets that a chained command may have in all.
const LONGEST_CHAIN: usize = 0x1_0000;

/// Data and status of an answer.
pub(crate) type Outcome = Result<Answer, Status>;

/// An answer that is no error: with 9000, or with a warning.
pub(crate) struct Answer {
    data: Vec<u8>,
    status: Status,
}

impl Answer {
    pub(crate) const fn data(data: Vec<u8>) -> Self {
        Self { data, status: Status::OK }
    }

    pub(crate) const fn empty() -> Self {
        Self::data(Vec::new())
    }

    pub(crate) const fn warning(data: Vec<u8>, status: Status) -> Self {
        Self { data, status }
    }
}

impl Card {
    /// Puts the card together; `cryptography` loads its keys.
    ///
    /// # Errors
    /// [`UnusableKey`].
    pub fn new(image: Image, cryptography: &dyn PrivateOperation) -> Result<Self, UnusableKey> {
        let keys = CardKeys::load(&image, cryptography)?;
        Ok(Self { image, keys, session: Session::default() })
    }

    /// Answer to reset.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        &self.image.atr.get_ref().0
    }

    /// Power on, power off or reset: everything but files, counters and the life cycle is forgotten.
    pub fn reset(&mut self) {
        self.session = Session::default();
    }

    /// The card as it is now, to be written to a file.
    #[must_use]
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// Name and tries left of every PIN, with the name of its application.
    pub fn counters(&self) -> impl Iterator<Item = (&str, &str, u8)> {
        self.image.applications.iter().flat_map(|Application { name, pins, .. }| {
            pins.iter().map(|pin| (name.as_str(), pin.name.get_ref().as_str(), *pin.left.get_ref()))
        })
    }

    /// Moves the card on in its life, as the issuer does; resets it. Whether it may go there from where it is.
    pub fn advance(&mut self, to: LifeCycle) -> bool {
        let may = self.image.state.may_become(to);
        if may {
            self.image.state = to;
            self.reset();
        }
        may
    }

    /// Answers a command. Every byte string gets an answer of at least two octets.
    pub fn transmit(&mut self, octets: &[u8]) -> Vec<u8> {
        let (mut data, status) = match Command::parse(octets).and_then(|command| self.process(command)) {
            Ok(answer) => (answer.data, answer.status),
            Err(status) => (Vec::new(), status),
        };
        data.extend(status.octets());
        data
    }

    fn process(&mut self, command: Command) -> Outcome {
        let started = self.session.chain.take().filter(|chain| {
            let header = |command: &Command| (command.class, command.ins, command.parameters());
            header(chain) == header(&command)
        });
        let instruction = Instruction::of(command.class, command.ins)?;
        if instruction == Instruction::GetResponse && !command.chained {
            return self.get_response(&command);
        }
        self.session.pending.clear();
        self.admits(instruction, command.chained)?;
        let command = match started {
            Some(mut chain) => {
                chain.data.extend(&command.data);
                Command { data: chain.data, ..command }
            }
            None => command,
        };
        if command.data.len() > LONGEST_CHAIN {
            return Err(Status::WRONG_LENGTH);
        }
        if command.chained {
            self.session.chain = Some(command);
            return Ok(Answer::empty());
        }
        let answer = match instruction {
            Instruction::Select => self.select(&command),
            Instruction::ReadBinary => self.read_binary(&command),
            Instruction::ReadRecord => self.read_record(&command),
            Instruction::UpdateBinary => self.update_binary(&command),
            Instruction::GetData => self.get_data(&command),
            Instruction::Verify => self.verify(&command),
            Instruction::ChangeReferenceData => self.change_reference_data(&command),
            Instruction::ResetRetryCounter => self.reset_retry_counter(&command),
            Instruction::Sign => self.sign(&command),
            Instruction::GeneralAuthenticate => self.general_authenticate(&command),
            Instruction::GetResponse => Err(Status::UNKNOWN_INSTRUCTION),
        }?;
        self.deliver(answer, &command)
    }

    /// Whether the selected application knows the instruction, in parts or whole.
    fn admits(&self, instruction: Instruction, chained: bool) -> Result<(), Status> {
        let application = self.application();
        if chained && !application.is_ok_and(|application| application.chaining.contains(&instruction)) {
            return Err(Status::NO_CHAINING);
        }
        match application {
            _ if instruction == Instruction::Select => Ok(()),
            Ok(application) if application.commands.contains(&instruction) => Ok(()),
            Ok(application) if application.pins.is_empty() && needs_a_pin_or_key(instruction) => {
                Err(Status::NO_CURRENT_FILE)
            }
            Err(status) if self.knows(instruction) => Err(status),
            _ => Err(Status::UNKNOWN_INSTRUCTION),
        }
    }

    /// Whether any application of the card knows the instruction.
    fn knows(&self, instruction: Instruction) -> bool {
        self.image.applications.iter().any(|application| application.commands.contains(&instruction))
    }

    /// Gives what fits into `Le`; the rest waits for GET RESPONSE, or the command is to be repeated.
    fn deliver(&mut self, answer: Answer, command: &Command) -> Outcome {
        let Answer { mut data, status } = answer;
        let room = command.le.map_or(0, |le| le.max);
        if data.len() <= room {
            return Ok(Answer { data, status });
        }
        let parts = self.application()?.commands.contains(&Instruction::GetResponse);
        if !parts && command.le.is_none() {
            return Ok(Answer { data: Vec::new(), status }); // nobody asked for it
        }
        if !parts {
            return Err(Status::exact_length(data.len()));
        }
        let rest = data.split_off(room);
        let status = Status::more(rest.len());
        self.session.pending = rest;
        Ok(Answer { data, status })
    }

    fn get_response(&mut self, command: &Command) -> Outcome {
        if command.parameters() != [0, 0] {
            return Err(Status::WRONG_PARAMETERS);
        }
        if !command.data.is_empty() || command.le.is_none() {
            return Err(Status::WRONG_LENGTH);
        }
        if self.session.pending.is_empty() {
            return Err(Status::CONDITIONS);
        }
        let waiting = std::mem::take(&mut self.session.pending);
        self.deliver(Answer::data(waiting), command)
    }

    fn select(&mut self, command: &Command) -> Outcome {
        match command.parameters() {
            [0x04, p2 @ (0x00 | 0x0c)] => self.select_application(&command.data, p2 == 0x0c),
            [0x02, 0x0c] => self.select_element(&command.data),
            _ => Err(Status::WRONG_PARAMETERS),
        }
    }

    /// By AID. Everything that the last application knew of its user is forgotten; a refusal changes nothing.
    fn select_application(&mut self, aid: &[u8], silent: bool) -> Outcome {
        if aid.is_empty() {
            return Err(Status::WRONG_LENGTH);
        }
        let found = self.image.applications.iter().enumerate().find(|(_, application)| {
            let own = &application.aid.get_ref().0;
            own == aid || (application.partial && aid.len() >= 5 && own.starts_with(aid))
        });
        let (place, application) = found.ok_or(Status::NOT_FOUND)?;
        match self.image.state {
            LifeCycle::Manufactured => return Err(Status::NOT_FOUND),
            LifeCycle::Personalised => return Err(Status::CONDITIONS),
            LifeCycle::Suspended => return Err(Status::SUSPENDED),
            LifeCycle::Terminated => return Err(Status::TERMINATED),
            LifeCycle::Activated => {}
        }
        let fci = match &application.fci {
            _ if silent => Vec::new(),
            Some(Hex(fci)) => fci.clone(),
            None => {
                let name = tlv(0x84, &application.aid.get_ref().0);
                tlv(0x6f, &name)
            }
        };
        self.session = Session { application: Some(place), ..Session::default() };
        Ok(Answer::data(fci))
    }

    /// By file identifier, within the application. Verified PINs stay verified.
    fn select_element(&mut self, id: &[u8]) -> Outcome {
        let &[high, low] = id else { return Err(Status::WRONG_LENGTH) };
        let id = u16::from_be_bytes([high, low]);
        let found = self.application()?.element(id).ok_or(Status::NOT_FOUND)?;
        self.session.current = Some(found);
        Ok(Answer::empty())
    }

    /// The selected application.
    pub(crate) fn application(&self) -> Result<&Application, Status> {
        let place = self.session.application.ok_or(Status::NO_CURRENT_FILE)?;
        self.image.applications.get(place).ok_or(Status::CARD_FAULT)
    }

    pub(crate) fn application_mut(&mut self) -> Result<&mut Application, Status> {
        let place = self.session.application.ok_or(Status::NO_CURRENT_FILE)?;
        self.image.applications.get_mut(place).ok_or(Status::CARD_FAULT)
    }

    /// 6982 unless the rule is met.
    pub(crate) fn allows(&self, rule: &Access) -> Result<(), Status> {
        let met = match rule {
            Access::Always => true,
            Access::Never => false,
            Access::Pin(name) => self.session.verified.contains(name),
        };
        met.then_some(()).ok_or(Status::NOT_ALLOWED)
    }

    /// The private operation of a key of the selected application.
    pub(crate) fn private(&self, key: usize, block: &[u8]) -> Result<Vec<u8>, Status> {
        let application = self.session.application.ok_or(Status::NO_CURRENT_FILE)?;
        let key = self.keys.get(application, key).ok_or(Status::CONDITIONS)?;
        key.private(block).ok_or(Status::CARD_FAULT)
    }

    /// Octets of the modulus of a key of the selected application; 6985 when it is not installed.
    pub(crate) fn modulus_octets(&self, key: usize) -> Result<usize, Status> {
        let application = self.session.application.ok_or(Status::NO_CURRENT_FILE)?;
        self.keys.get(application, key).map(|key| key.modulus_octets()).ok_or(Status::CONDITIONS)
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Card({}, {})", self.image.kind, self.image.state.name())
    }
}

impl Application {
    /// The file, PIN or key with this file identifier. One that is a file and a PIN or key too is the file.
    pub(crate) fn element(&self, id: u16) -> Option<Element> {
        let is = |known: Option<crate::FileId>| known.is_some_and(|known| known.0 == id);
        let file = self.files.iter().position(|file| is(file.id)).map(Element::File);
        let pin = || self.pins.iter().position(|pin| is(pin.id)).map(Element::Pin);
        let key = || self.keys.iter().position(|key| is(key.id)).map(Element::Key);
        file.or_else(pin).or_else(key)
    }
}

/// In an application without PINs and keys these have nothing to work on.
const fn needs_a_pin_or_key(instruction: Instruction) -> bool {
    matches!(instruction, Instruction::Verify | Instruction::Sign)
}

/// One BER-TLV value with a tag of one octet.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match (u8::try_from(value.len()), u16::try_from(value.len())) {
        (Ok(length @ ..=0x7f), _) => out.push(length),
        (Ok(length), _) => out.extend([0x81, length]),
        (_, length) => {
            out.push(0x82);
            out.extend(length.unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend(value);
    out
}
