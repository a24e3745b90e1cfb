//! A reader with its card, and its connection to pcscd.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use chukei_card::{Contact, Reply, Slot};

use crate::frames::{self, GET_ATR, POWER_OFF, POWER_ON, RESET};

/// How often a driver that is not there yet is looked for.
const RETRY: Duration = Duration::from_millis(20);
/// How long a card that was taken out of vpcd stays out at least: pcscd looks every 400 ms. Our driver needs no look.
const OUT: Duration = Duration::from_millis(500);

/// What passes at a reader.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A driver has taken up the card.
    In,
    /// The driver has lost it.
    Out,
    /// The card got power; its answer to reset, none if it is dead.
    PowerOn(Option<&'a [u8]>),
    /// The card has no power any more.
    PowerOff,
    /// The card was reset; its answer to reset.
    Reset(Option<&'a [u8]>),
    /// A command, and what came of it.
    Command(&'a [u8], &'a Reply),
}

/// Somebody who looks on. The reader waits until he has seen.
pub trait Watch: Send {
    /// Sees one thing.
    fn see(&mut self, seen: &Seen<'_>);
}

/// A reader with its card. One thread serves it, others move it.
#[derive(Default)]
pub struct Device {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    slot: Slot,
    link: Option<Link>,
    watch: Option<Box<dyn Watch>>,
    is_over: bool,
}

/// Where a driver listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// vpcd, at a TCP port.
    Vpcd(SocketAddr),
    /// Our own driver, at the path that its reader's DEVICENAME ends with.
    Driver(PathBuf),
}

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    /// A path contains a slash, everything else is an address and port.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') { Ok(Self::Driver(text.into())) } else { text.parse().map(Self::Vpcd) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vpcd(address) => write!(f, "{address}"),
            Self::Driver(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The connection to a driver. While it is open the card is in.
#[derive(Debug)]
enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Device {
    /// A reader with this slot.
    #[must_use]
    pub fn new(slot: Slot) -> Self {
        Self { state: Mutex::new(State { slot, ..State::default() }), changed: Condvar::new() }
    }

    /// Shows somebody everything that passes from now on.
    pub fn watch(&self, watch: impl Watch + 'static) {
        self.lock().watch = Some(Box::new(watch));
    }

    /// Does something with card and faults. A card that is out afterwards is out for pcscd too.
    pub fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        let mut state = self.lock();
        let done = act(&mut state.slot);
        if !state.slot.is_in() {
            state.hang_up();
        }
        self.changed.notify_all();
        done
    }

    /// Gives the card power, as every transport does; its answer to reset, or none when it is out or dead.
    pub fn power_on(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let atr = state.slot.power_on().map(<[u8]>::to_vec);
        state.show(&Seen::PowerOn(atr.as_deref()));
        atr
    }

    /// Carries a command to the card, as every transport does. Waiting is left to the caller.
    pub fn transmit(&self, command: &[u8]) -> Reply {
        let mut state = self.lock();
        let reply = state.slot.transmit(command);
        state.show(&Seen::Command(command, &reply));
        reply
    }

    /// Ends [`Device::serve`].
    pub fn stop(&self) {
        let mut state = self.lock();
        state.is_over = true;
        state.hang_up();
        self.changed.notify_all();
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Is the card for the driver at this address whenever a card is in, until it is stopped. A driver that is not there
    /// is waited for.
    pub fn serve(&self, address: &Address) {
        while self.wait_until_in() {
            let Ok(mut link) = Link::to(address) else {
                thread::sleep(RETRY);
                continue;
            };
            if self.take_up(&link).is_ok() {
                let _ = self.converse(&mut link); // a broken connection is a removed card or a driver that is gone
            }
            self.lock().hang_up();
            if matches!(address, Address::Vpcd(_)) {
                thread::sleep(OUT);
            }
        }
    }

    /// Waits for a card. Whether there is one; not if it is over.
    fn wait_until_in(&self) -> bool {
        let state = self.lock();
        let state = self.changed.wait_while(state, |state| !state.is_over && !state.slot.is_in());
        !state.unwrap_or_else(PoisonError::into_inner).is_over
    }

    fn take_up(&self, link: &Link) -> io::Result<()> {
        let mut state = self.lock();
        if state.is_over || !state.slot.is_in() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        state.link = Some(link.try_clone()?);
        state.show(&Seen::In);
        Ok(())
    }

    fn converse(&self, link: &mut Link) -> io::Result<()> {
        while let Some(frame) = link.read()? {
            match *frame.as_slice() {
                [] => {}
                [POWER_OFF] => {
                    let mut state = self.lock();
                    state.slot.reset();
                    state.show(&Seen::PowerOff);
                }
                [RESET] => {
                    let mut state = self.lock();
                    state.slot.reset();
                    let atr = state.slot.atr().map(<[u8]>::to_vec);
                    state.show(&Seen::Reset(atr.as_deref()));
                }
                [POWER_ON] => drop(self.power_on()),
                [GET_ATR] => {
                    let atr = self.lock().slot.atr().map(<[u8]>::to_vec);
                    match atr {
                        Some(atr) => link.write(&atr, atr.len())?,
                        None => match link {
                            Link::Unix(_) => link.write(&[], 0)?,
                            Link::Tcp(_) => return self.give_up(), // to vpcd a dead chip is no card
                        },
                    }
                }
                _ => {
                    let Reply { delay, answer, .. } = self.transmit(&frame);
                    thread::sleep(delay);
                    match answer {
                        // vpcd, and pcscd with it, would wait for ever for an answer without an octet.
                        Contact::Answer(answer) if answer.is_empty() && matches!(link, Link::Tcp(_)) => {
                            return self.give_up();
                        }
                        Contact::Answer(answer) => link.write(&answer, answer.len())?,
                        Contact::Broken(part) => return link.write(&part, part.len() + 2),
                        Contact::Silence => {}
                        Contact::Removed => return Ok(()),
                    }
                }
            }
        }
        Ok(())
    }

    fn give_up(&self) -> io::Result<()> {
        self.lock().slot.eject();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hang_up(&mut self) {
        if let Some(link) = self.link.take() {
            link.close();
            self.slot.reset();
            self.show(&Seen::Out);
        }
    }

    fn show(&mut self, seen: &Seen<'_>) {
        if let Some(watch) = &mut self.watch {
            watch.see(seen);
        }
    }
}

impl Link {
    fn to(address: &Address) -> io::Result<Self> {
        match address {
            Address::Vpcd(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Address::Driver(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Tcp(stream) => frames::read(&mut Quick(stream)),
            Self::Unix(stream) => frames::read(stream),
        }
    }

    fn write(&mut self, frame: &[u8], promised: usize) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => frames::write(stream, frame, promised),
            Self::Unix(stream) => frames::write(stream, frame, promised),
        }
    }

    fn close(&self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

/// Acknowledges at once. vpcd sends length and command apart and waits for the acknowledgement of the first (Nagle); a
/// delayed one makes 44 ms of every command. Linux forgets the setting, so it is renewed at each reading.
struct Quick<'a>(&'a mut TcpStream);

impl io::Read for Quick<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        rustix::net::sockopt::set_tcp_quickack(&*self.0, true)?;
        Ok(length)
    }
}
