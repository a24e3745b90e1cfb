//! The suite as all counterparts of the product.
//!
//! A case speaks through a [`Face`]. Whatever is sent, answered, called or replied is recorded; whatever the product does,
//! every call here returns.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chukei_crypto::{KeyTransport, Unwrapper, test_pki::fixed};
use chukei_evidence::{Body, NoAnswer, RecordError, Recorder, Transcript, What};
use chukei_forge::raw::{Element, parse};
use chukei_xml::lexical::{decode_base64, encode_base64};
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::{
    clock::Clock,
    control::Control,
    kit::{Kit, find, local},
    message::{CardPresentation, Draft, Finished},
    record::{Broken, Record, lock},
    seed::Ids,
    setup::{Fix, Setup},
    wire::{
        Endpoint, Limits, Reply, Response, client,
        listener::{self, Callee},
    },
    world::World,
};

/// The product as the suite sees it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The party that it plays.
    pub party: String,
    /// Its endpoints by role of the URL.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Its test-control API.
    pub control: Option<Endpoint>,
}

/// Role of the URL at which a relay takes cards over TLS; never where messages go.
pub const CARD_DOOR: &str = "card";

impl Target {
    /// The endpoint of this role.
    #[must_use]
    pub fn endpoint(&self, role: &str) -> Option<&Endpoint> {
        let any = || self.endpoints.iter().find(|(name, _)| *name != CARD_DOOR).map(|(_, url)| url);
        self.endpoints.get(role).or_else(|| if role == CARD_DOOR { None } else { any() })
    }
}

/// What a script does with a call: answers with a message of its own, or leaves it to the usual answer.
pub type Script = Arc<dyn Fn(&Called<'_>, &mut Kit) -> Option<Scripted> + Send + Sync>;

/// Something that is done beside an answer.
pub type Act = Arc<dyn Fn() + Send + Sync>;

/// An answer of a script.
pub struct Scripted {
    /// The answer.
    pub reply: Reply,
    /// Whether it carries the deviation of the case.
    pub deviates: bool,
}

/// A call of the product, for scripts.
#[derive(Clone, Copy, Debug)]
pub struct Called<'c> {
    /// The party that was called.
    pub to: &'c str,
    /// Local name of the child of Body; empty when there is none.
    pub kind: &'c str,
    /// The message, if it can be read.
    pub message: Option<&'c Element>,
}

/// An exchange that the suite began.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// Its number.
    pub exchange: u32,
    /// The answer, or why there is none.
    pub answer: Result<Response, NoAnswer>,
}

/// See the module.
pub struct Face {
    shared: Arc<Shared>,
    runtime: Runtime,
    listeners: Vec<JoinHandle<()>>,
    target: Target,
    limits: Limits,
}

struct Shared {
    world: Arc<World>,
    record: Arc<Record>,
    seed: u64,
    product: Vec<(String, String)>,
    plays: String,
    scene: Mutex<Scene>,
}

#[derive(Default)]
struct Scene {
    scope: String,
    drafts: u32,
    calls: u32,
    scripts: Vec<Script>,
    after: Vec<(&'static str, Act)>,
    /// Whose certificates are shown in the place of those of parties.
    disguises: BTreeMap<String, String>,
}

impl Face {
    /// Opens the suite's side: a listener for each party that the product may call.
    ///
    /// # Errors
    /// A port that is in use, or a missing key.
    pub fn open(
        world: Arc<World>,
        target: Target,
        clock: Clock,
        seed: u64,
        limits: Limits,
        recorder: Recorder,
    ) -> Result<Self, Setup> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Setup::new("setup.runtime", [error.to_string()]))?;
        // A second run with the same seed shall not look like a replay of the first.
        let seed = Ids::new(seed, &format!("epoch/{}", clock.now())).seed();
        let product = target
            .endpoints
            .iter()
            .filter(|(role, _)| *role != CARD_DOOR)
            .map(|(role, url)| (role.clone(), url.url.clone()))
            .collect();
        let shared = Arc::new(Shared {
            world,
            record: Arc::new(Record::new(clock, recorder)),
            seed,
            product,
            plays: target.party.clone(),
            scene: Mutex::new(Scene::default()),
        });
        let mut face = Self { shared, runtime, listeners: Vec::new(), target, limits };
        face.listen()?;
        Ok(face)
    }

    fn listen(&mut self) -> Result<(), Setup> {
        let world = Arc::clone(&self.shared.world);
        for party in &world.public.parties {
            let callable = matches!(party.role.as_str(), "relay" | "responder");
            if !callable || party.name == self.target.party {
                continue;
            }
            let Some(endpoint) = world.endpoint(&party.name, "soap").and_then(|url| Endpoint::parse(&url))
            else {
                continue;
            };
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, endpoint.port));
            let callee = Arc::clone(&self.shared);
            let listening = listener::listen(Arc::clone(&world), party.name.clone(), address, callee);
            let handle = self.runtime.block_on(listening).map_err(|error| {
                if error.raw_os_error().is_none() {
                    // No port is in the way: the party has no identity to listen with.
                    let key = format!("keys/{}/sign.key", party.name);
                    let fault = Setup::new("setup.key.unreadable", [key.clone(), error.to_string()]);
                    return fault.fix(Fix::Replace(key));
                }
                Setup::new("setup.port.in-use", [address.to_string(), party.name.clone(), error.to_string()])
                    .fix(Fix::FreePort(endpoint.port))
            })?;
            self.listeners.push(handle);
        }
        Ok(())
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.shared.world
    }

    /// The product.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The run's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.shared.record.clock()
    }

    /// What is recorded.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.shared.record
    }

    pub(crate) fn shared_record(&self) -> Arc<Record> {
        Arc::clone(&self.shared.record)
    }

    /// Valid messages of this moment.
    #[must_use]
    pub fn kit(&self) -> Kit {
        let mut scene = lock(&self.shared.scene);
        scene.drafts = scene.drafts.wrapping_add(1);
        self.shared.kit(&format!("{}/draft/{}", scene.scope, scene.drafts))
    }

    /// Begins a case.
    pub fn begin(&self, case: &str, twin: Option<&str>, deviation: &str) {
        *lock(&self.shared.scene) = Scene { scope: case.to_owned(), ..Scene::default() };
        self.shared.record.begin(case, twin, deviation);
    }

    /// Ends a case, and forgets its scripts.
    pub fn end(&self, case: &str) {
        *lock(&self.shared.scene) = Scene::default();
        self.shared.record.end(case);
    }

    /// Sends a message to an endpoint of the product.
    pub fn send(&self, role: &str, draft: Draft) -> Exchanged {
        self.deliver(role, draft, false)
    }

    /// The same for the message that carries the deviation of the case.
    pub fn send_deviating(&self, role: &str, draft: Draft) -> Exchanged {
        self.deliver(role, draft, true)
    }

    /// Presents a card at the door of the product, as a person's client.
    pub fn present(&self, shown: &CardPresentation, deviates: bool) -> Exchanged {
        self.deliver_bytes(CARD_DOOR, "person", &shown.finish(self.world()), deviates)
    }

    fn deliver(&self, role: &str, draft: Draft, deviates: bool) -> Exchanged {
        let from = draft.from.clone();
        self.deliver_bytes(role, &from, &draft.finish(), deviates)
    }

    /// Sends finished bytes: for what is sent twice.
    pub fn deliver_bytes(&self, role: &str, from: &str, message: &Finished, deviates: bool) -> Exchanged {
        let exchange = self.shared.record.next_exchange();
        self.shared.record.add(What::Sent {
            exchange,
            from: from.to_owned(),
            tls_client: message
                .tls
                .clone()
                .map(|party| if message.old_tls { party + " (TLS 1.1)" } else { party }),
            tls_certificate: message
                .tls
                .as_deref()
                .and_then(|shown| self.shared.world.card_named(shown))
                .map(|card| encode_base64(&card.certificate)),
            url_role: message.path.clone().unwrap_or_else(|| role.to_owned()),
            method: message.method.clone(),
            headers: message.first_length().into_iter().chain(message.headers.iter().cloned()).collect(),
            body: Body::from(message.body.clone()),
            deviates,
        });
        for (party, wrapped, content_key) in message.keys.iter().cloned() {
            self.shared.record.add(What::Unwrapped { party, wrapped, content_key });
        }
        let answer = match self.target.endpoint(role) {
            Some(url) => self.runtime.block_on(client::send(&self.shared.world, url, message, self.limits)),
            None => Err(NoAnswer::Refused),
        };
        match &answer {
            Ok(response) => {
                self.shared.record.add(What::Answered {
                    exchange,
                    status: response.status,
                    headers: response.headers.clone(),
                    body: Body::from(response.body.clone()),
                });
                self.shared.record_keys(&response.body);
            }
            Err(how) => self.shared.record.add(What::NoAnswer { exchange, how: *how }),
        }
        Exchanged { exchange, answer }
    }

    /// Sends something valid and records whether the product answered.
    pub fn probe(&self, role: &str, draft: Draft) {
        let Exchanged { exchange, answer } = self.send(role, draft);
        self.shared.record.add(match answer {
            Ok(_) => What::Alive { exchange },
            Err(how) => What::NotAlive { exchange: Some(exchange), how },
        });
    }

    /// How many exchanges there were so far.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.shared.record.exchanges()
    }

    /// Records whether the product, told to do something valid after `before` exchanges, has begun an exchange.
    pub fn probed(&self, before: u32) {
        let now = self.calls();
        self.shared.record.add(if now > before {
            What::Alive { exchange: now }
        } else {
            What::NotAlive { exchange: None, how: NoAnswer::Timeout }
        });
    }

    /// Answers the calls of this case with a script before the usual answers.
    pub fn script(&self, script: Script) {
        lock(&self.shared.scene).scripts.push(script);
    }

    /// Does something when a message of this kind is answered: after that is recorded, and before the answer leaves.
    pub fn after(&self, kind: &'static str, act: Act) {
        lock(&self.shared.scene).after.push((kind, act));
    }

    /// Bends the usual answer of `party` to messages of a kind.
    pub fn bend(
        &self,
        party: &'static str,
        kind: &'static str,
        bend: impl Fn(&mut Draft) + Send + Sync + 'static,
    ) {
        self.script(Arc::new(move |call, kit| {
            let message = call.message.filter(|_| call.to == party && call.kind == kind)?;
            let mut draft = kit.reply(party, message)?;
            bend(&mut draft);
            Some(Scripted { reply: answer(draft.finish()), deviates: true })
        }));
    }

    /// Shows the certificate of `other` to the product where it calls `party`: of another party, or as [`World::certificate`]
    /// names one.
    pub fn disguise(&self, party: &str, other: &str) {
        lock(&self.shared.scene).disguises.insert(party.to_owned(), other.to_owned());
    }

    /// Forgets the scripts and disguises of the case: the usual answers again.
    pub fn unscript(&self) {
        let mut scene = lock(&self.shared.scene);
        scene.disguises.clear();
        scene.scripts.clear();
        scene.after.clear();
    }

    /// A verb of the product's test-control API: status and JSON of the answer.
    ///
    /// # Errors
    /// [`Broken::Lacking`] when the product has no such API or does not offer the verb.
    pub fn control(
        &self,
        method: &str,
        verb: &str,
        request: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Broken> {
        let what = format!("{method} /{verb}");
        let Some(base) = &self.target.control else {
            return Err(Broken::Lacking(format!("control {what}")));
        };
        let (status, body) = self.runtime.block_on(Control::new(base).call(method, verb, request));
        self.record_control(&what, request, status, body)
    }

    /// What the product's test-control API says about itself, with the status: 0 when nothing came. Nothing is recorded.
    pub(crate) fn identity(&self) -> (u16, serde_json::Value) {
        let Some(base) = &self.target.control else { return (0, serde_json::Value::Null) };
        let (status, body) = self.runtime.block_on(Control::new(base).call("GET", "identity", None));
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn record_control(
        &self,
        what: &str,
        request: Option<&serde_json::Value>,
        status: u16,
        body: Vec<u8>,
    ) -> Result<serde_json::Value, Broken> {
        let answer = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
        self.shared.record.add(What::Control {
            verb: what.to_owned(),
            request: Body::from(request.map_or_else(String::new, ToString::to_string)),
            status,
            answer: Body::from(body),
        });
        if status == 501 { Err(Broken::Lacking(format!("control {what}"))) } else { Ok(answer) }
    }

    /// What became of a correlation, once it is decided; only that is recorded.
    ///
    /// # Errors
    /// As [`Self::control`].
    pub fn outcome(&self, correlation: &str, patience: Duration) -> Result<serde_json::Value, Broken> {
        let verb = format!("outcome/{correlation}");
        let what = format!("GET /{verb}");
        let Some(base) = &self.target.control else {
            return Err(Broken::Lacking("control GET /outcome".into()));
        };
        let started = Instant::now();
        loop {
            let (status, body) = self.runtime.block_on(Control::new(base).call("GET", &verb, None));
            let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let is_pending = answer.get("state").and_then(serde_json::Value::as_str) == Some("pending");
            if !is_pending || started.elapsed() > patience {
                return self.record_control(&what, None, status, body);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Resets the product; its clock is then told the time of the run again.
    ///
    /// # Errors
    /// As [`Self::control`].
    pub fn reset(&self) -> Result<(), Broken> {
        self.control("POST", "reset", Some(&serde_json::json!({})))?;
        if self.shared.record.clock().is_virtual() { self.set_product_clock() } else { Ok(()) }
    }

    /// Moves the clock of the run and of the product.
    ///
    /// # Errors
    /// [`Broken::Lacking`] when the product's clock cannot be set.
    pub fn advance(&self, seconds: i64) -> Result<(), Broken> {
        if !self.shared.record.clock().is_virtual() {
            return Err(Broken::Lacking("control POST /clock".into()));
        }
        self.shared.record.clock().advance(seconds);
        self.set_product_clock()
    }

    /// Tells the product the time of the run.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn set_product_clock(&self) -> Result<(), Broken> {
        let now = serde_json::json!({ "now": self.shared.record.clock().now() });
        self.control("POST", "clock", Some(&now)).map(drop)
    }

    /// Gives the product its own clock back: after a run, whole or not, it is no longer told the time.
    pub fn release_product_clock(&self) {
        if self.shared.record.clock().is_virtual() {
            // A product that lacks the verb was never told the time.
            let _ = self.control("POST", "clock", Some(&serde_json::json!({ "now": null })));
        }
    }

    /// The certificate that the product's endpoint shows to `party`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn certificate(&self, url: &Endpoint, party: &str) -> Result<Vec<u8>, NoAnswer> {
        self.runtime.block_on(client::certificate(&self.shared.world, url, party, self.limits.connect))
    }

    /// Closes the suite's side. `whole` says that the run came to its end; else the transcript is marked incomplete.
    ///
    /// # Errors
    /// The transcript cannot be written.
    pub fn close(self, whole: bool) -> Result<Transcript, RecordError> {
        self.listeners.iter().for_each(JoinHandle::abort);
        let closed = self.shared.record.close(whole);
        self.runtime.shutdown_background();
        closed
    }
}

impl Shared {
    fn kit(&self, scope: &str) -> Kit {
        Kit {
            world: Arc::clone(&self.world),
            ids: Ids::new(self.seed, scope),
            now: self.record.clock().now(),
            product: self.product.clone(),
            plays: self.plays.clone(),
        }
    }

    /// Records the content keys of what the product has sealed for parties of the suite.
    fn record_keys(&self, message: &[u8]) {
        let Some(root) = readable(message) else { return };
        for key in root.descendants().into_iter().filter(|element| local(&element.name) == "EncryptedKey") {
            let Some(wrapped) = find(key, "CipherValue").map(Element::content) else { continue };
            let mut parties = self.world.names().filter(|party| *party != self.plays);
            let opened = parties.find_map(|party| Some((party, unwrap(&self.world, party, &wrapped)?)));
            if let Some((party, content_key)) = opened {
                self.record.add(What::Unwrapped {
                    party: party.to_owned(),
                    wrapped: wrapped.split_ascii_whitespace().collect(),
                    content_key: encode_base64(&content_key),
                });
            }
        }
    }
}

impl Callee for Shared {
    fn disguise(&self, party: &str) -> Option<String> {
        lock(&self.scene).disguises.get(party).cloned()
    }

    fn shown(&self, party: &str, certificate: &[u8]) -> u32 {
        let exchange = self.record.next_exchange();
        let certificate = encode_base64(certificate);
        self.record.add(What::Shown { exchange, to: party.to_owned(), certificate });
        exchange
    }

    fn called(&self, call: listener::Call) -> Reply {
        let exchange = call.exchange.unwrap_or_else(|| self.record.next_exchange());
        let (scope, scripts, after) = {
            let mut scene = lock(&self.scene);
            scene.calls = scene.calls.wrapping_add(1);
            (format!("{}/call/{}", scene.scope, scene.calls), scene.scripts.clone(), scene.after.clone())
        };
        self.record.add(What::Called {
            exchange,
            to: call.to.clone(),
            tls_client: call.tls_client,
            method: call.method,
            path: call.path,
            headers: call.headers,
            body: Body::from(call.body.clone()),
        });
        self.record_keys(&call.body);
        let message = readable(&call.body);
        let kind = message.as_ref().and_then(|root| root.elements().last()?.elements().next());
        let kind = kind.map_or("", |child| local(&child.name));
        let called = Called { to: &call.to, kind, message: message.as_ref() };
        let mut kit = self.kit(&scope);
        let scripted = scripts.iter().find_map(|script| script(&called, &mut kit));
        let Scripted { reply, deviates } = scripted.unwrap_or_else(|| {
            let usual = message.as_ref().and_then(|message| kit.reply(&call.to, message));
            let reply = usual.map_or_else(refuse, |draft| answer(draft.finish()));
            Scripted { reply, deviates: false }
        });
        if let Reply::Answer { status, headers, body } = &reply {
            let (status, headers, body) = (*status, headers.clone(), Body::from(body.clone()));
            self.record.add(What::Replied { exchange, status, headers, body, deviates });
        }
        after.iter().filter(|(when, _)| *when == kind).for_each(|(_, act)| act());
        reply
    }
}

/// A finished message as an answer.
#[must_use]
pub fn answer(message: Finished) -> Reply {
    Reply::Answer { status: message.status, headers: message.headers, body: message.body }
}

fn refuse() -> Reply {
    let body = crate::message::body::fault("soap:Client", "refused");
    Reply::Answer {
        status: 500,
        headers: vec![("content-type".into(), "text/xml; charset=utf-8".into())],
        body,
    }
}

fn readable(message: &[u8]) -> Option<Element> {
    parse(std::str::from_utf8(message).ok()?).ok()
}

/// The content key that a party opens, where its key is at hand.
pub(crate) fn unwrap(world: &World, party: &str, wrapped: &str) -> Option<Vec<u8>> {
    let key = world.opener(party)?;
    let wrapped: String = wrapped.split_ascii_whitespace().collect();
    let content_key = key.unwrap(KeyTransport::RsaOaepSha256, &decode_base64(&wrapped)?).ok()?;
    Some(fixed::content_key(&content_key))
}
