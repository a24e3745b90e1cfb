//! The card door of a relay (chapter 34, TLS client authentication): an address of its own, whose TLS clients show the
//! certificates of cards. The sans-IO logic decides what those are worth.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use chukei_idwsf::{Checks, Refusal};
use chukei_profile::login::{CardPresentation, Presented};

use crate::WorldError;
use crate::client::Client;
use crate::core::{Core, blocking, nothing, request};
use crate::faults::Own;
use crate::folder::{World, authority, entity};
use crate::log::Seen;
use crate::server::{Answer, Handler, Reaction, Received, Serve, Server};
use crate::state::Kind;
use crate::tls::{Clients, TlsIdentity};

/// Where cards are presented.
const PATH: &str = "/card";

/// Presents a card, with its key and certificate as PEM, at the door of the relay of this party: what the person's client does.
pub(crate) async fn present(
    core: Arc<Core>,
    door: String,
    (key, certificate): (String, String),
    presentation: CardPresentation,
) -> Result<Presented, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let authority = core.world().ca_pem().map_err(|error| told(&error))?;
    let identity = TlsIdentity { key, certificate, authority };
    let patience = core.options().limits.exchange_time;
    let client = Client::new(&identity, patience, &Checks::default()).map_err(|error| told(&error))?;
    let (state, relay) = (core.state(), entity("relay"));
    let is_relay = |der: &[u8]| state.federation.entity(&relay).is_some_and(|relay| relay.signs_with(der));
    let body = presentation.write().map_err(|error| told(&error))?;
    let answered = client.post(&door, "\"\"", body, is_relay).await;
    let answered = answered.map_err(|error| error.code().to_owned())?;
    if answered.status != 200 {
        return Err("Refused".to_owned());
    }
    Presented::read(&answered.body).map_err(|error| told(&error))
}

/// An address that is listened to, and its URL.
pub(crate) fn bind(address: SocketAddr) -> Result<(TcpListener, String), WorldError> {
    if !address.ip().is_loopback() {
        let error = "cards are taken on the loopback interface only".to_owned();
        return Err(WorldError::Bind { address: address.to_string(), error });
    }
    let bound = TcpListener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (bound, listener) =
        bound.map_err(|error| WorldError::Bind { address: address.to_string(), error: error.to_string() })?;
    Ok((listener, format!("https://{bound}{PATH}")))
}

/// Takes cards from now on.
pub(crate) fn open(
    world: &World,
    core: &Arc<Core>,
    (listener, url): (TcpListener, String),
) -> Result<Server, WorldError> {
    let own = authority(&url).map(|(own, port)| vec![own.to_owned(), format!("localhost:{port}")]);
    let serve = Serve {
        limits: core.options().limits,
        clients: Clients::Cards,
        authorities: own.unwrap_or_default(),
        paths: vec![PATH.to_owned()],
        checks: core.options().faults.checks(),
        closes_on_others: core.options().faults.has(Own::ClosesOnOthers),
    };
    Server::start(listener, &TlsIdentity::of(world, core.name())?, serve, Arc::new(Door(Arc::clone(core))))
}

/// The door as its server sees it.
struct Door(Arc<Core>);

impl Handler for Door {
    async fn handle(&self, received: Received) -> Reaction {
        let (state, now) = (self.0.state(), self.0.clock().now());
        let present = move || match &state.kind {
            Kind::Relay(relay) => Some(relay.present(&request(&received), now)),
            Kind::Responder(_) | Kind::Requester(_) => None,
        };
        let reply = blocking(present).await.flatten().unwrap_or_else(nothing);
        let seen = Seen { action: "CardPresentation", peer: "card", message_id: None };
        match &reply.refusal {
            None => self.0.log.received(&seen, reply.status, &"accepted"),
            Some(refusal) => self.0.log.received(&seen, reply.status, refusal),
        }
        Reaction::Answer(Answer { status: reply.status, body: reply.body })
    }

    fn refused(&self, refusal: &Refusal) {
        self.0.log.transport(refusal);
    }
}
