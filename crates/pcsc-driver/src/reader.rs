//! A reader: a socket at which a card, which is another process, connects. While the connection is open, the card is in.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long a card may think. One that takes longer counts as removed: its late answer must not be taken for the next.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets that move the power, and the question for the answer to reset, as vpcd has them.
const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

/// A reader.
pub(crate) struct Reader {
    path: PathBuf,
    listener: UnixListener,
    state: Mutex<State>,
    /// Both ends of what wakes [`Reader::wait`].
    bell: (UnixStream, UnixStream),
}

#[derive(Default)]
struct State {
    card: Option<Arc<UnixStream>>,
    /// A card was lost, and the thread that follows the reader has not been told.
    lost: bool,
    /// The thread that follows the reader: it asks, then waits, then asks.
    follower: Option<ThreadId>,
    /// What it was answered since it last waited: anything, and that a card is in.
    answered: bool,
    answered_in: bool,
    atr: Vec<u8>,
}

/// The card is gone, mute or out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Reader {
    /// Makes the socket. One that a dead process has left behind is replaced.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && UnixStream::connect(path).is_err() => {
                fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            other => other?,
        };
        listener.set_nonblocking(true)?;
        Ok(Self { path: path.to_owned(), listener, state: Mutex::default(), bell: UnixStream::pair()? })
    }

    /// Whether a card is in. A removal is told to the thread that follows the reader, even if the next card is there
    /// already: until then no card is in, whoever asks and however often. (pcscd asks before each change of power too.)
    pub(crate) fn is_present(&self) -> bool {
        let mut state = self.lock();
        let is_in = self.look(&mut state);
        if state.follower.is_none_or(|follower| follower == thread::current().id()) {
            state.answered = true;
            state.answered_in |= is_in;
        }
        is_in
    }

    fn look(&self, state: &mut State) -> bool {
        if state.card.as_ref().is_some_and(|card| has_hung_up(card)) {
            state.lose();
        }
        if state.lost {
            return false;
        }
        if state.card.is_none() {
            let accepted = self.listener.accept().and_then(|(card, _)| {
                card.set_nonblocking(false)?;
                card.set_read_timeout(Some(PATIENCE))?;
                card.set_write_timeout(Some(PATIENCE))?;
                Ok(card)
            });
            state.card = accepted.ok().map(Arc::new);
        }
        state.card.is_some()
    }

    /// Gives the card power, or resets it; its answer to reset.
    pub(crate) fn power_on(&self, is_reset: bool) -> Result<Vec<u8>, Gone> {
        let mut state = self.lock();
        state.atr.clear();
        state.send(&[if is_reset { RESET } else { POWER_ON }])?;
        state.send(&[GET_ATR])?;
        let atr = state.receive()?;
        if atr.is_empty() {
            return Err(Gone); // dead, and still in
        }
        state.atr.clone_from(&atr);
        Ok(atr)
    }

    /// Takes the power away.
    pub(crate) fn power_off(&self) {
        let mut state = self.lock();
        state.atr.clear();
        let _ = state.send(&[POWER_OFF]); // a card that is gone has no power either
    }

    /// The last answer to reset.
    pub(crate) fn atr(&self) -> Vec<u8> {
        self.lock().atr.clone()
    }

    /// Carries a command to the card; its answer has two octets or more. A card may also answer nothing at all, as it looks
    /// over vpcd when it has just gone: what a client makes of that is the client's affair.
    pub(crate) fn transmit(&self, command: &[u8]) -> Result<Vec<u8>, Gone> {
        let mut state = self.lock();
        state.send(command)?;
        let answer = state.receive()?;
        if answer.len() == 1 {
            state.lose();
            return Err(Gone);
        }
        Ok(answer)
    }

    /// Waits until a card comes or goes, or somebody rings. Only the thread that follows the reader waits.
    pub(crate) fn wait(&self, timeout: Duration) {
        let card = {
            let mut state = self.lock();
            state.follower = Some(thread::current().id());
            let is_told = std::mem::take(&mut state.answered) && !std::mem::take(&mut state.answered_in);
            if state.lost && !is_told {
                return;
            }
            state.lost = false;
            state.card.clone()
        };
        let mut fds = vec![PollFd::new(&self.bell.1, PollFlags::IN)];
        match &card {
            Some(card) => fds.push(PollFd::new(card, PollFlags::RDHUP)),
            None => fds.push(PollFd::new(&self.listener, PollFlags::IN)),
        }
        let timeout = Timespec::try_from(timeout).ok();
        let _ = poll(&mut fds, timeout.as_ref()); // after an error pcscd looks for itself
    }

    /// Ends [`Reader::wait`], now and from now on.
    pub(crate) fn ring(&self) {
        let _ = (&self.bell.0).write(&[0]);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl State {
    fn send(&mut self, frame: &[u8]) -> Result<(), Gone> {
        let length = u16::try_from(frame.len()).map_err(|_| Gone)?.to_be_bytes();
        let whole = [&length, frame].concat();
        let sent = self.card.as_deref().map(|mut card| card.write_all(&whole));
        self.settle(sent)
    }

    fn receive(&mut self) -> Result<Vec<u8>, Gone> {
        let received = self.card.as_deref().map(|mut card| {
            let mut length = [0; 2];
            card.read_exact(&mut length)?;
            let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
            card.read_exact(&mut frame)?;
            Ok(frame)
        });
        self.settle(received)
    }

    /// A card with which the exchange went wrong is lost: nobody knows what its next octets answer.
    fn settle<T>(&mut self, outcome: Option<io::Result<T>>) -> Result<T, Gone> {
        match outcome {
            Some(Ok(value)) => Ok(value),
            Some(Err(_)) => {
                self.lose();
                Err(Gone)
            }
            None => Err(Gone),
        }
    }

    fn lose(&mut self) {
        if let Some(card) = self.card.take() {
            let _ = card.shutdown(Shutdown::Both); // wakes who waits for it
            self.lost = true;
            self.atr.clear();
        }
    }
}

fn has_hung_up(card: &UnixStream) -> bool {
    let mut fds = [PollFd::new(card, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok_and(|events| events > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> (tempfile::TempDir, Reader) {
        let folder = tempfile::tempdir().unwrap();
        let reader = Reader::open(&folder.path().join("reader.sock")).unwrap();
        (folder, reader)
    }

    /// A card that answers every frame with the next of these; no answer to the octets that move the power.
    fn card(reader: &Reader, answers: Vec<Vec<u8>>) -> std::thread::JoinHandle<()> {
        let mut card = UnixStream::connect(&reader.path).unwrap();
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            let mut length = [0; 2];
            while card.read_exact(&mut length).is_ok() {
                let mut frame = vec![0; u16::from_be_bytes(length).into()];
                card.read_exact(&mut frame).unwrap();
                if !matches!(frame[..], [POWER_OFF | POWER_ON | RESET]) {
                    let Some(answer) = answers.next() else { return };
                    let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                    card.write_all(&[&length[..], &answer].concat()).unwrap();
                }
            }
        })
    }

    #[test]
    fn a_card_comes_answers_and_goes() {
        let (_folder, reader) = reader();
        assert!(!reader.is_present());
        assert_eq!(reader.transmit(&[0; 4]), Err(Gone));
        let first = card(&reader, vec![vec![0x3b, 0], vec![0x90, 0]]);
        reader.wait(Duration::from_secs(60));
        assert!(reader.is_present());
        assert_eq!(reader.power_on(false), Ok(vec![0x3b, 0]));
        assert_eq!(reader.atr(), [0x3b, 0]);
        assert_eq!(reader.transmit(&[0; 4]), Ok(vec![0x90, 0]));
        let second = card(&reader, vec![vec![], vec![], vec![0x90]]);
        assert_eq!(reader.transmit(&[0; 4]), Err(Gone), "removed in the middle");
        first.join().unwrap();
        assert!(!reader.is_present(), "the removal is told, although another card waits");
        assert!(!reader.is_present(), "to everybody who asks");
        reader.wait(Duration::from_secs(60));
        assert!(
            !reader.is_present(),
            "and once more to who has followed, and had been told that a card is in"
        );
        reader.wait(Duration::from_secs(60));
        assert!(reader.is_present());
        assert_eq!(reader.power_on(true), Err(Gone), "dead");
        assert!(reader.is_present(), "and still in");
        assert_eq!(reader.transmit(&[0; 4]), Ok(vec![]), "no octet");
        assert_eq!(reader.transmit(&[0; 4]), Err(Gone), "an answer without status");
        second.join().unwrap();
    }

    #[test]
    fn waiting_ends() {
        let (_folder, reader) = reader();
        let first = card(&reader, vec![]);
        assert!(reader.is_present());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| reader.wait(Duration::from_secs(60)));
            assert_eq!(reader.transmit(&[0; 4]), Err(Gone));
            waiting.join().unwrap();
        });
        first.join().unwrap();
        assert!(!reader.is_present());
        reader.ring();
        reader.wait(Duration::from_secs(60));
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let (folder, reader) = reader();
        assert!(Reader::open(&reader.path).is_err());
        let stale = folder.path().join("stale.sock");
        drop(UnixListener::bind(&stale).unwrap());
        assert!(Reader::open(&stale).is_ok());
        assert!(!stale.exists(), "and is removed with its reader");
    }
}
