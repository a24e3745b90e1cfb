//! What every party has: a name, keys, the federation, and a way to answer.

use std::{fmt, sync::Arc};

use chukei_crypto::{Certificate, KeyTransport, PublicKey, Signer, UnixTime};
use chukei_idwsf::{
    Awaited, Checks, Commitment, Compose, Content, Fault, Randomness, Receiver, Refusal, ReplayStore,
    Request, SystemRandomness, action, message_id,
};
use chukei_profile::Purpose;
use chukei_reason::Reason;
use chukei_saml::metadata::{Entity, Federation};
use chukei_xml::Document;
use chukei_xml_security::{KeyUse, Signing};

use crate::Recording;

/// A party of the federation.
#[derive(Clone)]
pub struct Party {
    /// Its entity identifier.
    pub entity: String,
    /// Where it receives, exactly as its metadata says.
    pub endpoint: String,
    /// Entity identifier of the relay.
    pub relay: String,
    /// Signs what it sends.
    pub signer: Arc<dyn Signer>,
    /// The certificate of that key, also shown as TLS client.
    pub certificate: Certificate,
    /// Everybody whom it knows.
    pub federation: Arc<Federation>,
    /// What was used before.
    pub replay: Arc<dyn ReplayStore>,
    /// Where identifiers come from.
    pub randomness: Arc<dyn Randomness>,
    /// What it checks of what it receives.
    pub checks: Checks,
    /// What it does wrong.
    #[cfg(feature = "danger-faults")]
    pub faults: crate::faults::Faults,
    /// Signs its envelopes in the place of `signer`.
    #[cfg(feature = "danger-faults")]
    pub danger_issuer: Option<Arc<dyn Signer>>,
}

/// What goes back on the connection that a request came on.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// SOAP message, `text/xml` in UTF-8.
    pub body: Vec<u8>,
    /// Why the request was refused, for the party's own log.
    pub refusal: Option<Refusal>,
    /// What has to be recorded before it leaves.
    pub recording: Option<Recording>,
    /// What a mock party with this fault writes into its log.
    #[cfg(feature = "danger-faults")]
    pub danger_log: Option<String>,
}

/// A request to another party, and what waits for its answer.
#[must_use]
pub struct Outgoing<P> {
    /// Entity identifier of the receiver.
    pub to: String,
    /// Where to post it.
    pub endpoint: String,
    /// Value of the HTTP header `SOAPAction`, with its quotation marks.
    pub soap_action: String,
    /// SOAP message, `text/xml` in UTF-8.
    pub body: Vec<u8>,
    /// To be given back with the answer.
    pub pending: P,
}

/// What a party does about a request.
#[must_use]
#[derive(Debug)]
pub enum Step<P> {
    /// Answers.
    Reply(Reply),
    /// Asks another party first.
    Send(Outgoing<P>),
    /// Answers, and asks the other party only then: a fault.
    #[cfg(feature = "danger-faults")]
    DangerReplyThenSend(Reply, Outgoing<P>),
}

/// Status and size; content may be a person's.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} octets, {:?})", self.status, self.body.len(), self.refusal)
    }
}

/// Receiver and size; content may be a person's.
impl<P> fmt::Debug for Outgoing<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} to {}, {} octets)", self.soap_action, self.to, self.body.len())
    }
}

impl Reply {
    /// A message.
    #[must_use]
    pub const fn message(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            body,
            refusal: None,
            recording: None,
            #[cfg(feature = "danger-faults")]
            danger_log: None,
        }
    }
}

impl<P> Outgoing<P> {
    /// The same with another thing waiting.
    pub fn map<Q>(self, change: impl FnOnce(P) -> Q) -> Outgoing<Q> {
        let Self { to, endpoint, soap_action, body, pending } = self;
        Outgoing { to, endpoint, soap_action, body, pending: change(pending) }
    }
}

impl Party {
    /// A party that makes every check, has no fault, and takes its identifiers from the operating system.
    #[must_use]
    pub fn new(
        entity: &str,
        endpoint: &str,
        relay: &str,
        signer: Arc<dyn Signer>,
        certificate: Certificate,
        federation: Arc<Federation>,
        replay: Arc<dyn ReplayStore>,
    ) -> Self {
        Self {
            entity: entity.to_owned(),
            endpoint: endpoint.to_owned(),
            relay: relay.to_owned(),
            signer,
            certificate,
            federation,
            replay,
            randomness: Arc::new(SystemRandomness),
            checks: Checks::default(),
            #[cfg(feature = "danger-faults")]
            faults: crate::faults::Faults::default(),
            #[cfg(feature = "danger-faults")]
            danger_issuer: None,
        }
    }

    pub(crate) fn signing(&self) -> Signing<'_> {
        Signing::new(self.signer.as_ref()).with_certificate(&self.certificate)
    }

    /// The same for envelopes.
    #[cfg(feature = "danger-faults")]
    pub(crate) fn issuing(&self) -> Signing<'_> {
        let signer = self.danger_issuer.as_ref().unwrap_or(&self.signer);
        Signing::new(signer.as_ref()).with_certificate(&self.certificate)
    }

    pub(crate) fn receiver(&self, now: UnixTime) -> Receiver<'_> {
        Receiver {
            endpoint: &self.endpoint,
            federation: &self.federation,
            purposes: Purpose::URIS,
            checks: &self.checks,
            replay: self.memory(now),
            now,
        }
    }

    /// What was used before.
    pub(crate) fn memory(&self, now: UnixTime) -> &dyn ReplayStore {
        #[cfg(feature = "danger-faults")]
        if let Some(memory) = self.faults.memory(&self.replay, now) {
            return memory;
        }
        #[cfg(not(feature = "danger-faults"))]
        let _ = now;
        self.replay.as_ref()
    }

    /// The party of this name.
    pub(crate) fn peer(&self, entity: &str) -> Result<&Entity, Refusal> {
        let unknown = || Refusal::new("key.trust.metadata-only", Reason::Key, "a party of the federation");
        self.federation.entity(entity).ok_or_else(unknown)
    }

    /// The key to seal for a party with.
    pub(crate) fn sealing_key(&self, entity: &str, now: UnixTime) -> Option<PublicKey> {
        let entity = self.federation.entity(entity)?;
        let offered = entity.certificates.iter().filter(|(key_use, _)| *key_use != KeyUse::Signing);
        let mut offered = offered.filter_map(|(_, certificate)| certificate.public_key().ok());
        if faulty!(self, SealsForFirstKey) {
            return offered.next();
        }
        if faulty!(self, SealsForExpired) {
            return offered.find(|key| key.wraps(KeyTransport::RsaOaepSha256));
        }
        entity.encryption(now)?.public_key().ok()
    }

    /// Whether the party's metadata may be used: its keys too.
    pub(crate) fn is_current(&self, entity: &str, now: UnixTime) -> bool {
        self.federation.entity(entity).is_some_and(|entity| now < entity.valid_until)
    }

    /// An answer to the request with this MessageID.
    pub(crate) fn answer<C: Content>(
        &self,
        request: &str,
        content: &C,
        now: UnixTime,
    ) -> Result<Reply, Refusal> {
        self.answer_with(&[], request, content, now)
    }

    /// The same with receipts for what was recorded.
    pub(crate) fn answer_with<C: Content>(
        &self,
        receipts: &[Commitment],
        request: &str,
        content: &C,
        now: UnixTime,
    ) -> Result<Reply, Refusal> {
        let id = self.message_id()?;
        let compose = Compose { receipts, ..Compose::answer(&self.entity, request, &id, now) };
        #[cfg(feature = "danger-faults")]
        let compose = self.faults.deviate_answer(compose);
        Ok(Reply::message(compose.sign(content, &self.signing())?))
    }

    /// A request to this party, about the person of this envelope, for this purpose.
    pub(crate) fn ask<C: Content>(
        &self,
        to: &str,
        content: &C,
        target: Option<&Document>,
        purpose: Option<Purpose>,
        now: UnixTime,
    ) -> Result<Outgoing<Awaited>, Refusal> {
        self.ask_until(to, content, target, purpose, None, now)
    }

    /// The same, with what is recorded of it withheld until this day.
    pub(crate) fn ask_until<C: Content>(
        &self,
        to: &str,
        content: &C,
        target: Option<&Document>,
        purpose: Option<Purpose>,
        withheld_until: Option<&str>,
        now: UnixTime,
    ) -> Result<Outgoing<Awaited>, Refusal> {
        let peer = self.peer(to)?;
        let message_id = self.message_id()?;
        let mut compose = Compose::request(&self.entity, &peer.endpoint, &message_id, now);
        compose.target = target;
        compose.purpose = purpose.map(Purpose::uri);
        compose.withheld_until = withheld_until;
        #[cfg(feature = "danger-faults")]
        let compose = self.faults.deviate(compose);
        let body = compose.sign(content, &self.signing())?;
        Ok(Outgoing {
            to: to.to_owned(),
            endpoint: peer.endpoint.clone(),
            soap_action: format!("\"{}\"", action(C::NAME)),
            body,
            pending: Awaited { message_id, party: to.to_owned() },
        })
    }

    /// The answer to a request that is refused.
    pub(crate) fn refuse(&self, refusal: Refusal, request: &Request<'_>) -> Reply {
        let Fault { status, body } = Fault::from(&refusal);
        #[cfg(feature = "danger-faults")]
        let Fault { status, body } = self.faults.deviate_fault(Fault { status, body }, &refusal, request);
        #[cfg(not(feature = "danger-faults"))]
        let _ = request;
        Reply { status, refusal: Some(refusal), ..Reply::message(body) }
    }

    fn message_id(&self) -> Result<String, Refusal> {
        if faulty!(self, ReusesMessageId) {
            return Ok("urn:uuid:00000000-0000-4000-8000-000000000000".to_owned());
        }
        message_id(self.randomness.as_ref())
    }
}
