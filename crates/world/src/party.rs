//! A running party: relay, responder or requester, in a runtime of its own.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use chukei_profile::{
    Purpose,
    history::{History, Range},
    login::{CardPresentation, Challenge, Login, LoginAnswer, Presented},
    proof::{LedgerStatus, Proof},
};
use chukei_store::{Location, Pace};
use tokio::runtime::Runtime;

use crate::control::{self, ControlServer};
use crate::core::{Core, Service};
use crate::door;
use crate::faults::{Faults, Own};
use crate::folder::{Role, World, authority};
use crate::link::{Link, Outcome};
use crate::people::Number;
use crate::server::{Limits, Serve, Server};
use crate::tls::{Clients, TlsIdentity};
use crate::{Clock, WorldError};

/// Threads that answer, of each party.
const WORKERS: usize = 2;
/// Messages that are worked on at a time; their thread waits while the store commits, and company makes commits cheap.
const BLOCKING: usize = 64;
/// A stop takes no longer than this.
const STOP: Duration = Duration::from_secs(20);

/// How to run a party. By default as the standard wants it, where `world.toml` says, with its state in memory.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What it does wrong.
    pub faults: Faults,
    /// Where it offers test control, on the loopback interface; port 0 takes a free one.
    pub control: Option<SocketAddr>,
    /// Where a relay takes cards over TLS (chapter 34), on the loopback interface; nowhere otherwise. Port 0 takes a free
    /// one.
    pub card_door: Option<SocketAddr>,
    /// What it takes for now.
    pub clock: Clock,
    /// Identifiers from this seed; from the operating system otherwise.
    pub seed: Option<u64>,
    /// Where it listens, instead of where `world.toml` says; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// Where others are, by name, instead of where their metadata says.
    pub peers: BTreeMap<String, String>,
    /// Folder of its state, in SQLite; in memory otherwise.
    pub state: Option<PathBuf>,
    /// Where a relay with such a folder keeps its state instead: a database, which several relays may share.
    pub store: Option<Location>,
    /// How long entries of a relay's ledger wait for a checkpoint.
    pub checkpoints: Pace,
    /// Signs with its P-256 key, if it has one.
    pub p256: bool,
    /// A relay that takes no card at a reception unless its key signs.
    pub possession: bool,
    /// Sizes and times.
    pub limits: Limits,
    /// Writes its log to standard error as well.
    pub aloud: bool,
}

/// A party that can be started.
#[derive(Clone, Copy, Debug)]
pub struct Party;

/// A running party. Dropping it ends it at once; [`Handle::stop`] lets it finish what it has begun.
pub struct Handle {
    core: Arc<Core>,
    server: Option<Arc<Server>>,
    door: Option<Arc<Server>>,
    control: Option<ControlServer>,
    runtime: Option<Runtime>,
}

impl Party {
    /// Starts the party of this name. It takes connections when this returns.
    ///
    /// # Errors
    /// [`WorldError`]: no such party, nothing to listen on, unreadable files.
    pub fn start(world: &World, name: &str, options: Options) -> Result<Handle, WorldError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(WORKERS).max_blocking_threads(BLOCKING).enable_all();
        let runtime = builder.thread_name(format!("party {name}")).build();
        let runtime = runtime.map_err(|error| WorldError::Made(error.to_string()))?;
        let _inside = runtime.enter();

        let entry = world.party(name)?.clone();
        let listener = match entry.role {
            Role::Relay | Role::Responder => Some(listen(&entry.endpoint, options.listen)?),
            Role::Requester | Role::Portal | Role::Stranger => None,
        };
        let endpoint = match (&listener, options.listen) {
            (Some(listener), Some(_)) => moved(&entry.endpoint, listener)?,
            _ => entry.endpoint.clone(),
        };
        let control = options.control.map(control::bind).transpose()?;
        let door = options.card_door.filter(|_| entry.role == Role::Relay).map(door::bind).transpose()?;
        let url = door.as_ref().map(|(_, url)| url.clone());
        let core = Arc::new(Core::new(world, entry, endpoint, url, options)?);
        let server = match listener {
            Some(listener) => Some(Arc::new(serve(world, name, &core, listener)?)),
            None => None,
        };
        let door = door.map(|door| door::open(world, &core, door)).transpose()?.map(Arc::new);
        let control = match control {
            Some(listener) => Some(ControlServer::start(listener, Arc::clone(&core), server.clone())?),
            None => None,
        };
        core.keep_ledger();
        core.log.event("started");
        drop(_inside);
        Ok(Handle { core, server, door, control, runtime: Some(runtime) })
    }
}

fn serve(world: &World, name: &str, core: &Arc<Core>, listener: TcpListener) -> Result<Server, WorldError> {
    let endpoint = core.endpoint();
    let own = authority(endpoint).map(|(own, port)| vec![own.to_owned(), format!("localhost:{port}")]);
    let path = endpoint.splitn(4, '/').nth(3).unwrap_or_default();
    let serve = Serve {
        limits: core.options().limits,
        clients: Clients::Federation,
        authorities: own.unwrap_or_default(),
        paths: vec![format!("/{path}")],
        checks: core.options().faults.checks(),
        closes_on_others: core.options().faults.has(Own::ClosesOnOthers),
    };
    Server::start(listener, &TlsIdentity::of(world, name)?, serve, Arc::new(Service(Arc::clone(core))))
}

/// Where the party is told to listen, or where its endpoint says.
fn listen(endpoint: &str, told: Option<SocketAddr>) -> Result<TcpListener, WorldError> {
    let own = authority(endpoint).map(|(authority, _)| authority.to_owned()).unwrap_or_default();
    let address = told.map_or(own, |told| told.to_string());
    TcpListener::bind(&address).map_err(|error| WorldError::Bind { address, error: error.to_string() })
}

/// The endpoint with the address that the listener really has.
fn moved(endpoint: &str, listener: &TcpListener) -> Result<String, WorldError> {
    let address = listener
        .local_addr()
        .map_err(|error| WorldError::Bind { address: endpoint.to_owned(), error: error.to_string() })?;
    let path = endpoint.splitn(4, '/').nth(3).unwrap_or_default();
    Ok(format!("https://{address}/{path}"))
}

impl Handle {
    /// Its name in the world.
    #[must_use]
    pub fn name(&self) -> &str {
        self.core.name()
    }

    /// Where messages for it go; `None` for those who only ask.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.server.is_some().then(|| self.core.endpoint())
    }

    /// Where it takes cards over TLS.
    #[must_use]
    pub fn card_door(&self) -> Option<&str> {
        self.core.door()
    }

    /// Base URL of its test control.
    #[must_use]
    pub fn control(&self) -> Option<String> {
        self.control.as_ref().map(ControlServer::url)
    }

    /// What it wrote into its log.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        self.core.log.lines()
    }

    /// What it takes for now.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.core.clock()
    }

    /// Finds others elsewhere from now on: URLs by name, in the place of what their metadata says.
    ///
    /// # Errors
    /// [`WorldError::Metadata`] and the like; everything stays as it was.
    pub fn meet(&self, peers: BTreeMap<String, String>) -> Result<(), WorldError> {
        self.core.meet(peers)
    }

    /// Lets a requester ask about a person: maps the number, presents the envelope, takes the answer.
    pub fn link(&self, link: Link) -> Outcome {
        let core = Arc::clone(&self.core);
        self.run(async move { core.link(link).await }).unwrap_or_else(|| Outcome::failed("stopped"))
    }

    /// Lets a portal ask for the history of the person whom a party knows by this number.
    ///
    /// # Errors
    /// The party's own word for what went wrong.
    pub fn history(&self, number: &Number) -> Result<History, String> {
        let (core, number) = (Arc::clone(&self.core), number.clone());
        let asked = self.run(async move { core.history(&number).await });
        asked.unwrap_or_else(|| Err("stopped".to_owned()))
    }

    /// Asks the relay for a challenge.
    ///
    /// # Errors
    /// The party's own word for what went wrong.
    pub fn challenge(&self) -> Result<Challenge, String> {
        let core = Arc::clone(&self.core);
        self.run(async move { core.challenge().await }).unwrap_or_else(|| Err("stopped".to_owned()))
    }

    /// Asks the relay to log somebody in, for this purpose.
    ///
    /// # Errors
    /// The party's own word for what went wrong.
    pub fn login(&self, login: Login, purpose: Purpose) -> Result<LoginAnswer, String> {
        let core = Arc::clone(&self.core);
        let asked = self.run(async move { core.login(login, purpose).await });
        asked.unwrap_or_else(|| Err("stopped".to_owned()))
    }

    /// Lets a person's client present a card, by key and certificate as PEM, at the door of the relay.
    ///
    /// # Errors
    /// The client's own word for what went wrong.
    pub fn present(
        &self,
        door: &str,
        card: (String, String),
        presentation: CardPresentation,
    ) -> Result<Presented, String> {
        let (core, door) = (Arc::clone(&self.core), door.to_owned());
        let presented = self.run(door::present(core, door, card, presentation));
        presented.unwrap_or_else(|| Err("stopped".to_owned()))
    }

    /// Lets a portal ask for a part of the history of the person of a session.
    ///
    /// # Errors
    /// The party's own word for what went wrong.
    pub fn history_of(&self, session: &str, range: Range) -> Result<History, String> {
        let (core, session) = (Arc::clone(&self.core), session.to_owned());
        let asked = self.run(async move { core.history_of(session, range).await });
        asked.unwrap_or_else(|| Err("stopped".to_owned()))
    }

    /// Lets a portal ask for the proof of the history of the person of a session, beginning with the checkpoint of this size.
    ///
    /// # Errors
    /// The party's own word for what went wrong.
    pub fn proof_of(&self, session: &str, since: Option<u64>) -> Result<Proof, String> {
        let (core, session) = (Arc::clone(&self.core), session.to_owned());
        let asked = self.run(async move { core.proof_of(session, since).await });
        asked.unwrap_or_else(|| Err("stopped".to_owned()))
    }

    /// Lets a party ask the relay how its ledger stands.
    ///
    /// # Errors
    /// The party's own word for what went wrong.
    pub fn ledger_status(&self) -> Result<LedgerStatus, String> {
        let core = Arc::clone(&self.core);
        let asked = self.run(async move { core.ledger_status().await });
        asked.unwrap_or_else(|| Err("stopped".to_owned()))
    }

    /// Takes no more connections, and finishes what was begun.
    pub fn drain(&self) {
        self.core.log.event("stopping");
        let core = Arc::clone(&self.core);
        let servers = [self.server.clone(), self.door.clone()];
        let ended = self.run(async move {
            for server in servers.into_iter().flatten() {
                server.stop().await;
            }
            core.finish().await;
        });
        self.core.log.event(if ended.is_some() { "stopped" } else { "stopped before everything had ended" });
    }

    /// Takes no more connections, finishes what was begun, and ends.
    pub fn stop(mut self) {
        if let Some(control) = self.control.take() {
            self.run(control.stop());
        }
        self.drain();
    }

    /// Waits on the caller's thread, so that this works with and without a runtime around it.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (done, wait) = mpsc::sync_channel(1);
        self.runtime.as_ref()?.spawn(async move {
            // Nobody waits any more: the result is for nobody.
            let _ = done.send(work.await);
        });
        wait.recv_timeout(STOP.saturating_mul(3)).ok()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("name", &self.name()).finish_non_exhaustive()
    }
}
