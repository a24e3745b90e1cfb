//! What a running party does with a message: the sans-IO logic decides, this carries.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chukei_idwsf::{PeerAnswer, Refusal, Request};
use chukei_reason::{LimitKind, Reason};
use chukei_relay::{Outgoing, Recording, Reply, Step, Unavailable};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::checkpoints;
use crate::client::Client;
use crate::faults::{Own, Stub};
use crate::folder::{PartyEntry, Role, World};
use crate::link::Outcome;
use crate::log::{Log, Seen};
use crate::party::Options;
use crate::people::People;
use crate::random::Ids;
use crate::server::{Answer, Handler, Reaction, Received};
use crate::state::{Beliefs, Fixed, Kind, State, Trust};
use crate::steady::Steady;
use crate::tls::TlsIdentity;
use crate::{Clock, WorldError};

/// What the relay waits for the disk for, before it has an answer.
const WAITING: [&str; 5] =
    ["AccessHistoryQuery", "AccessProofQuery", "LedgerStatusQuery", "ChallengeRequest", "LoginRequest"];
/// Outcomes that are remembered for test control.
const OUTCOMES: usize = 10_000;
/// How often replay memory is cleared of what has passed: every so many messages.
const FORGET: u64 = 512;
/// A notice that comes too late, by a fault, comes this much later than the answer.
const LATE: Duration = Duration::from_millis(250);

/// A party at work.
pub(crate) struct Core {
    fixed: Fixed,
    pub(crate) log: Log,
    state: RwLock<Arc<State>>,
    /// What test control has set; the world's otherwise.
    provisioned: Mutex<Provisioned>,
    client: RwLock<Client>,
    /// As the world has it: for a reset.
    first_client: Client,
    outcomes: Mutex<Outcomes>,
    changed: watch::Sender<u64>,
    tasks: Mutex<JoinSet<()>>,
    handled: AtomicU64,
    steady: Steady,
    /// The first good answer, for the fault that repeats it; and how many messages came to be refused by turns.
    first: OnceLock<Answer>,
    turns: AtomicU64,
}

struct Provisioned {
    trust: Trust,
    people: People,
    /// Where others are, if not where their metadata says.
    peers: BTreeMap<String, String>,
}

impl Provisioned {
    const fn beliefs(&self) -> Beliefs<'_> {
        Beliefs { trust: &self.trust, people: &self.people, peers: &self.peers }
    }
}

#[derive(Default)]
struct Outcomes {
    known: HashMap<String, Outcome>,
    order: VecDeque<String>,
}

/// What came back for a message of ours.
pub(crate) struct Came {
    status: u16,
    body: Vec<u8>,
}

impl Came {
    pub(crate) fn as_answer(&self) -> PeerAnswer<'_> {
        PeerAnswer { status: self.status, body: &self.body }
    }
}

/// How long a party waits for an answer, if a relay waits this long: who asked first waits longest (chapter 33).
fn patience(role: Role, of_relay: Duration) -> Duration {
    match role {
        Role::Responder => of_relay / 2,
        Role::Requester | Role::Portal => of_relay.saturating_mul(2),
        Role::Relay | Role::Stranger => of_relay,
    }
}

impl Core {
    pub(crate) fn new(
        world: &World,
        entry: PartyEntry,
        endpoint: String,
        door: Option<String>,
        options: Options,
    ) -> Result<Self, WorldError> {
        let clock = options.clock.clone();
        let log = Log::new(&entry.name, clock.clone(), options.aloud);
        let patience = patience(entry.role, options.limits.exchange_time);
        let client = Client::new(&TlsIdentity::of(world, &entry.name)?, patience, &options.faults.checks())?;
        let keys = world.keys(&entry.name)?;
        let ids = Arc::new(Ids::new(options.seed, &entry.name));
        let started = clock.stands();
        let fixed = Fixed { world: world.clone(), entry, endpoint, door, keys, options, clock, started, ids };
        let peers = fixed.options.peers.clone();
        let provisioned = Provisioned { trust: Trust::of(world)?, people: world.people()?, peers };
        let state = State::new(&fixed, &provisioned.beliefs())?;
        if let Kind::Relay(relay) = &state.kind {
            // What a relay that was killed has left.
            let silent = |_| WorldError::Store("it does not answer".to_owned());
            relay.log.give_up(fixed.clock.now()).map_err(silent)?;
        }
        Ok(Self {
            fixed,
            log,
            state: RwLock::new(Arc::new(state)),
            provisioned: Mutex::new(provisioned),
            client: RwLock::new(client.anew()),
            first_client: client,
            outcomes: Mutex::default(),
            changed: watch::Sender::new(0),
            tasks: Mutex::default(),
            handled: AtomicU64::new(0),
            steady: Steady::default(),
            first: OnceLock::new(),
            turns: AtomicU64::new(0),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.fixed.entry.name
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.fixed.endpoint
    }

    pub(crate) const fn world(&self) -> &World {
        &self.fixed.world
    }

    pub(crate) fn door(&self) -> Option<&str> {
        self.fixed.door.as_deref()
    }

    pub(crate) const fn entry(&self) -> &PartyEntry {
        &self.fixed.entry
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.fixed.options
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.fixed.clock
    }

    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Back to the state right after start, with nothing remembered. Gives the identity that it has from now on.
    pub(crate) fn reset(&self) -> Result<TlsIdentity, WorldError> {
        if self.options().faults.has(Own::ResetKeepsState) {
            return self.trust(|_| {});
        }
        let world = &self.fixed.world;
        self.fixed.clock.set(self.fixed.started);
        let mut provisioned = self.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
        let peers = provisioned.peers.clone();
        let fresh = Provisioned { trust: Trust::of(world)?, people: world.people()?, peers };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = Arc::new(State::empty(&self.fixed, &fresh.beliefs())?);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = self.first_client.anew();
        *provisioned = fresh;
        *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner) = Outcomes::default();
        self.log.clear();
        TlsIdentity::of(world, self.name())
    }

    /// Believes others from now on.
    pub(crate) fn trust(&self, change: impl FnOnce(&mut Trust)) -> Result<TlsIdentity, WorldError> {
        let mut provisioned = self.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
        let mut trust = provisioned.trust.clone();
        change(&mut trust);
        let identity =
            TlsIdentity { authority: trust.ca.clone(), ..TlsIdentity::of(&self.fixed.world, self.name())? };
        let patience = patience(self.fixed.entry.role, self.options().limits.exchange_time);
        let client = Client::new(&identity, patience, &self.options().faults.checks())?;
        self.change(&Beliefs { trust: &trust, ..provisioned.beliefs() })?;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        provisioned.trust = trust;
        Ok(identity)
    }

    /// Knows other people from now on.
    pub(crate) fn people(&self, people: People) -> Result<(), WorldError> {
        let mut provisioned = self.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
        self.change(&Beliefs { people: &people, ..provisioned.beliefs() })?;
        provisioned.people = people;
        Ok(())
    }

    /// Finds others elsewhere from now on.
    pub(crate) fn meet(&self, peers: BTreeMap<String, String>) -> Result<(), WorldError> {
        let mut provisioned = self.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
        self.change(&Beliefs { peers: &peers, ..provisioned.beliefs() })?;
        provisioned.peers = peers;
        Ok(())
    }

    /// The same memory, other beliefs.
    fn change(&self, beliefs: &Beliefs<'_>) -> Result<(), WorldError> {
        let state = self.state().changed(&self.fixed, beliefs)?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        Ok(())
    }

    /// Remembers what became of something.
    pub(crate) fn outcome(&self, correlation: &str, outcome: Outcome) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        if outcomes.known.insert(correlation.to_owned(), outcome).is_none() {
            outcomes.order.push_back(correlation.to_owned());
        }
        if outcomes.order.len() > OUTCOMES
            && let Some(oldest) = outcomes.order.pop_front()
        {
            outcomes.known.remove(&oldest);
        }
        drop(outcomes);
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn outcome_of(&self, correlation: &str) -> Option<Outcome> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).known.get(correlation).cloned()
    }

    /// Does something beside answering, which a stop waits for.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Waits until everything that was begun has ended.
    pub(crate) async fn finish(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
        self.checkpoint(true).await;
    }

    /// Looks now and then, as long as the party is there, whether a checkpoint is due and whether a carried query has lost
    /// its outcome. No answer waits for it.
    pub(crate) fn keep_ledger(self: &Arc<Self>) {
        if self.state().checkpoints().is_none() {
            return;
        }
        let this = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(checkpoints::TICK);
            loop {
                ticks.tick().await;
                let Some(this) = this.upgrade() else { return };
                this.checkpoint(false).await;
                this.give_up().await;
            }
        });
    }

    async fn give_up(self: &Arc<Self>) {
        let this = Arc::clone(self);
        let given_up = blocking(move || match &this.state().kind {
            Kind::Relay(relay) => relay.log.give_up(this.clock().now()),
            Kind::Responder(_) | Kind::Requester(_) => Ok(0),
        });
        match given_up.await {
            Some(Ok(0)) => {}
            Some(Ok(_)) => self.log.event("carried queries without an outcome were recorded"),
            Some(Err(why)) => self.log.trouble("carried queries without an outcome were not recorded", &why),
            None => self.log.event("carried queries without an outcome were not recorded"),
        }
    }

    async fn checkpoint(&self, is_end: bool) {
        let Some(checkpoints) = self.state().checkpoints() else { return };
        let now = self.clock().now();
        match blocking(move || checkpoints.keep(now, is_end)).await {
            Some(Ok(true)) => self.log.event("checkpoint"),
            Some(Ok(false)) => {}
            Some(Err(why)) => self.log.trouble("a checkpoint was not made", &why),
            None => self.log.event("a checkpoint was not made"),
        }
    }

    /// Sends a message to the party that it is for, and nobody else.
    pub(crate) async fn send<P>(&self, outgoing: Outgoing<P>) -> (P, Result<Came, &'static str>) {
        let Outgoing { to, endpoint, soap_action, body, pending } = outgoing;
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        let state = self.state();
        let is_party = |der: &[u8]| state.federation.entity(&to).is_some_and(|to| to.signs_with(der));
        let id = claimed_message_id(&body).map(str::to_owned);
        let came = client.post(&endpoint, &soap_action, body, is_party).await;
        let came = came.map_err(crate::client::ClientError::code).map(|answered| Came {
            // What is not text/xml is no answer of the standard, whatever its status says.
            status: if answered.xml { answered.status } else { 0 },
            body: answered.body.into(),
        });
        let seen = Seen { action: known_action(&soap_action), peer: &to, message_id: id.as_deref() };
        match &came {
            Ok(came) => self.log.sent(&seen, &came.status),
            Err(code) => self.log.sent(&seen, code),
        }
        (pending, came)
    }

    async fn relay(self: &Arc<Self>, received: Arc<Received>) -> Reply {
        let (state, now) = (self.state(), self.clock().now());
        let Kind::Relay(relay) = &state.kind else { return nothing() };
        let unrecorded = |why| relay.unrecorded(why, &request(&received));
        // Who asks for a history or its proof, or logs somebody in, waits for the disk, and everybody for a database; everything
        // else is done here, and waits without a thread.
        let action = known_action(received.soap_action.as_deref().unwrap_or_default());
        let step = if state.asks_database() || WAITING.contains(&action) {
            let (state, received) = (Arc::clone(&state), Arc::clone(&received));
            let handle = move || match &state.kind {
                Kind::Relay(relay) => Some(relay.handle(&request(&received), now)),
                Kind::Responder(_) | Kind::Requester(_) => None,
            };
            blocking(handle).await.flatten()
        } else {
            catch_unwind(AssertUnwindSafe(|| relay.handle(&request(&received), now))).ok()
        };
        match step {
            None => nothing(),
            Some(Step::Reply(reply) | Step::DangerReplyThenSend(reply, _)) => {
                once_recorded(reply).await.unwrap_or_else(unrecorded)
            }
            Some(Step::Send(outgoing)) => {
                // That it is carried, and what was used for it, is on the disk before anybody hears of it.
                if let Some(recording) = outgoing.pending.recording()
                    && let Err(why) = recorded(recording).await
                {
                    return unrecorded(why);
                }
                let (relaying, came) = self.send(outgoing).await;
                let this = Arc::clone(self);
                let resumed = blocking(move || {
                    let answer = came.as_ref().ok().map(Came::as_answer);
                    match &this.state().kind {
                        Kind::Relay(relay) => {
                            Some(relay.resume(relaying, answer.as_ref(), this.clock().now()))
                        }
                        Kind::Responder(_) | Kind::Requester(_) => None,
                    }
                });
                let reply = resumed.await.flatten().unwrap_or_else(nothing);
                once_recorded(reply).await.unwrap_or_else(unrecorded)
            }
        }
    }

    async fn respond(self: &Arc<Self>, received: Arc<Received>) -> Reply {
        let this = Arc::clone(self);
        let step = blocking(move || match &this.state().kind {
            Kind::Responder(responder) => Some(responder.handle(&request(&received), this.clock().now())),
            Kind::Relay(_) | Kind::Requester(_) => None,
        });
        match step.await.flatten() {
            None => nothing(),
            Some(Step::Reply(reply)) => reply,
            Some(Step::DangerReplyThenSend(reply, outgoing)) => {
                let this = Arc::clone(self);
                self.spawn(async move {
                    tokio::time::sleep(LATE).await;
                    drop(this.send(outgoing).await);
                });
                reply
            }
            Some(Step::Send(outgoing)) => {
                let (disclosing, came) = self.send(outgoing).await;
                let this = Arc::clone(self);
                let completed = blocking(move || {
                    let receipt = came.as_ref().ok().map(Came::as_answer);
                    match &this.state().kind {
                        Kind::Responder(responder) => {
                            Some(responder.complete(disclosing, receipt.as_ref(), this.clock().now()))
                        }
                        Kind::Relay(_) | Kind::Requester(_) => None,
                    }
                });
                completed.await.flatten().unwrap_or_else(nothing)
            }
        }
    }

    /// Writes down what was done, and now and then forgets what has passed.
    fn note(self: &Arc<Self>, received: &Received, reply: &Reply) {
        let state = self.state();
        let signer = received.client.as_deref().and_then(|der| state.federation.signer(der));
        let id = claimed_message_id(&received.body);
        let seen = Seen {
            action: known_action(received.soap_action.as_deref().unwrap_or_default()),
            peer: signer.unwrap_or("unknown"),
            message_id: id,
        };
        let outcome = match &reply.refusal {
            None => {
                self.log.received(&seen, reply.status, &"accepted");
                Outcome::accepted("OK")
            }
            Some(refusal) => {
                self.log.received(&seen, reply.status, refusal);
                Outcome::rejected(&refusal.reason().to_string())
            }
        };
        if let Some(id) = id {
            self.outcome(id, outcome);
        }
        if let Some(number) = &reply.danger_log {
            self.log.danger_number(number);
        }
        if self.handled.fetch_add(1, Ordering::Relaxed) % FORGET == FORGET - 1 {
            let this = Arc::clone(self);
            self.spawn(async move {
                let now = this.clock().now();
                if !this.steady.holds(now, Instant::now()) {
                    return;
                }
                if !matches!(blocking(move || state.forget(now)).await, Some(Ok(()))) {
                    this.log.event("replay memory was not cleared");
                }
            });
        }
    }
}

/// A party as its server sees it.
pub(crate) struct Service(pub(crate) Arc<Core>);

impl Handler for Service {
    async fn handle(&self, received: Received) -> Reaction {
        if let Some(reaction) = self.stubbed().await {
            return reaction;
        }
        if self.0.options().faults.has(Own::RefusesLarge) && received.body.len() > LARGE {
            let told = chukei_idwsf::fault(Reason::Limit(LimitKind::Depth));
            return Reaction::Answer(Answer { status: told.status, body: told.body });
        }
        let received = Arc::new(received);
        let reply = match &self.0.state().kind {
            Kind::Relay(_) => self.0.relay(Arc::clone(&received)).await,
            Kind::Responder(_) | Kind::Requester(_) => self.0.respond(Arc::clone(&received)).await,
        };
        self.0.note(&received, &reply);
        let answer = Answer { status: reply.status, body: reply.body };
        match self.0.options().faults.stub() {
            Some(Stub::AnswersAsBefore) if answer.status == 200 => {
                let _ = self.0.first.set(answer.clone());
            }
            Some(Stub::DiesInside) if answer.status != 200 => {
                self.0.turns.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        }
        Reaction::Answer(answer)
    }

    fn refused(&self, refusal: &Refusal) {
        self.0.log.transport(refusal);
    }
}

/// Octets that a mock party takes at most that refuses what is large.
const LARGE: usize = 100 * 1024;

/// Refusals that the stub bears that is dead afterwards.
const ENOUGH: u64 = 20;

impl Service {
    /// What a stub does instead of reading the message.
    async fn stubbed(&self) -> Option<Reaction> {
        let refusal = || {
            let told = chukei_idwsf::fault(Reason::Structure);
            Reaction::Answer(Answer { status: told.status, body: told.body })
        };
        match self.0.options().faults.stub()? {
            Stub::AcceptsEverything => None,
            Stub::RefusesEverything => Some(refusal()),
            Stub::RefusesEverySecond => {
                let turn = self.0.turns.fetch_add(1, Ordering::SeqCst);
                (turn % 2 == 1).then(refusal)
            }
            Stub::DiesInside => (self.0.turns.load(Ordering::SeqCst) >= ENOUGH).then(refusal),
            Stub::AnswersAsBefore => self.0.first.get().cloned().map(Reaction::Answer),
            Stub::AnswersNothing => std::future::pending().await,
            Stub::ClosesAtOnce => Some(Reaction::Close),
            Stub::AnswersGarbage => Some(Reaction::Answer(Answer { status: 200, body: vec![0xff; 100] })),
            Stub::AnswersEndlessly => Some(Reaction::Endless),
        }
    }
}

pub(crate) fn request(received: &Received) -> Request<'_> {
    Request {
        body: &received.body,
        soap_action: received.soap_action.as_deref(),
        tls_client: received.client.as_deref(),
    }
}

/// Cryptography and the store's commits take time, and must not keep others from being read.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// The reply, when what has to be recorded before it leaves is.
async fn once_recorded(mut reply: Reply) -> Result<Reply, Unavailable> {
    match reply.recording.take() {
        Some(recording) => recorded(recording).await.map(|()| reply),
        None => Ok(reply),
    }
}

/// Waits until entries are on the disk.
async fn recorded(recording: Recording) -> Result<(), Unavailable> {
    let (tell, told) = oneshot::channel();
    recording.then(move |outcome| {
        let _ = tell.send(outcome); // the peer may be gone
    });
    told.await.unwrap_or_else(|_| Err(Unavailable::new("it has stopped")))
}

/// A mistake of ours.
pub(crate) fn nothing() -> Reply {
    let refusal = Refusal::internal("an answer");
    let told = chukei_idwsf::Fault::from(&refusal);
    Reply { status: told.status, refusal: Some(refusal), ..Reply::message(told.body) }
}

/// The local name of an action of the standard; nothing that a peer made up.
fn known_action(soap_action: &str) -> &'static str {
    const KNOWN: [&str; 10] = [
        "IdentityMappingRequest",
        "DisclosureNotice",
        "AccessHistoryQuery",
        "AccessProofQuery",
        "LedgerStatusQuery",
        "ChallengeRequest",
        "LoginRequest",
        "RelayedQuery",
        "LinkageQuery",
        "AccessHistory",
    ];
    let action = soap_action.trim_matches('"');
    let local = action.rsplit(':').next().unwrap_or_default();
    KNOWN.into_iter().find(|known| *known == local).unwrap_or("unknown")
}

/// What a message says its MessageID is. Not verified, not even parsed: good for a log and for finding outcomes again,
/// and for nothing else.
fn claimed_message_id(message: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(message).ok()?;
    let (_, after) = text.split_once("MessageID")?;
    let (_, content) = after.split_once('>')?;
    let (id, _) = content.split_once('<')?;
    (!id.is_empty() && id.len() <= 1024).then(|| id.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_found_where_it_stands() {
        let message = br#"<S:Header><wsa:MessageID wsu:Id="_m">urn:uuid:1</wsa:MessageID></S:Header>"#;
        assert_eq!(claimed_message_id(message), Some("urn:uuid:1"));
        assert_eq!(claimed_message_id(b"<a/>"), None);
        assert_eq!(claimed_message_id(b"\xff MessageID>x<"), None);
        assert_eq!(claimed_message_id(format!("MessageID>{}<", "x".repeat(2000)).as_bytes()), None);
    }

    #[test]
    fn only_actions_of_the_standard_are_named() {
        assert_eq!(known_action("\"urn:chukei:1.0:LinkageQuery\""), "LinkageQuery");
        assert_eq!(known_action("\"港いろは１２３４\""), "unknown");
    }
}
