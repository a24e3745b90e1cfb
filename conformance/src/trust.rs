//! Who really signed a message that went over the wire.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use chukei_crypto::{Certificate, UnixTime, sha256};
use chukei_diagnosis::Diagnosis;
use chukei_evidence::{Body, Party, Phrase, World};
use chukei_xml::{Budget, Document, Element, Limits, Sink, XmlError};
use chukei_xml_security::{FromSigned, Shape, Signed, TrustStore, TrustedKey, Unverified};

use crate::read::{ASSERTION, REMEMBERED};

/// The certificates of a world: every party's keys stand under every name, so that it shows whose key it was.
struct Known {
    store: TrustStore,
    keys: BTreeMap<[u8; 32], String>,
    /// Digest of all certificates.
    id: [u8; 32],
}

/// Names that no party has: what a message without a sender is verified under.
const ANYBODY: &str = "urn:chukei:1.0:anybody";

/// Reads nothing: the signature alone is of interest.
struct Nothing;

impl FromSigned for Nothing {
    fn read(_: &Signed<'_>) -> Result<Self, XmlError> {
        Ok(Self)
    }
}

/// The party whose key made the signature of a SOAP message over the parts that it names, or why there is none.
pub(crate) fn signer(world: &World, body: &Body) -> Result<String, Vec<Phrase>> {
    verify(world, &body.digest(), || body.bytes().to_vec(), true)
}

/// The party whose key made the enveloped signature of an assertion.
pub(crate) fn envelope_signer(
    world: &World,
    document: &Document,
    envelope: Element<'_>,
) -> Result<String, Vec<Phrase>> {
    let bytes = canonical(document, envelope);
    verify(world, &sha256(&bytes), || bytes, false)
}

/// The exclusive canonical form of an element.
pub(crate) fn canonical(document: &Document, element: Element<'_>) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    document.canonical(element).write_to(&mut bytes);
    bytes.0
}

struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// A function of its arguments, which is remembered: several judges ask about each message.
fn verify(
    world: &World,
    digest: &[u8; 32],
    bytes: impl FnOnce() -> Vec<u8>,
    is_message: bool,
) -> Result<String, Vec<Phrase>> {
    type Said = Result<String, Vec<Phrase>>;
    thread_local! {
        static SAID: RefCell<HashMap<([u8; 32], [u8; 32], bool), Said>> = RefCell::default();
    }
    let known = known(world);
    let question = (*digest, known.id, is_message);
    if let Some(said) = SAID.with_borrow(|said| said.get(&question).cloned()) {
        return said;
    }
    let shape = if is_message { Shape::message() } else { Shape::root(ASSERTION) };
    let answer = verify_anew(&known, bytes(), &shape);
    SAID.with_borrow_mut(|said| {
        if said.len() >= REMEMBERED {
            said.clear();
        }
        said.insert(question, answer.clone());
    });
    answer
}

fn verify_anew(known: &Known, bytes: Vec<u8>, shape: &Shape) -> Result<String, Vec<Phrase>> {
    let refused = |error: XmlError| vec![Phrase::from(error.to_string())];
    // A relay may answer 32 inputs with as many envelopes, beside its own signature.
    let mut budget = Budget::new(Limits { operations: 256, ..Limits::message() });
    let document = Document::parse_within(bytes, &mut budget).map_err(refused)?;
    let located = Unverified::<Nothing>::locate(document, shape, &mut budget).map_err(refused)?;
    let verified = located.verify_by(ANYBODY, &known.store, UnixTime(0), &mut budget).map_err(|refusal| {
        let diagnosis = Diagnosis::of(&refusal, &known.store);
        let mut lines: Vec<Phrase> = vec![refusal.error().to_string().into()];
        lines.extend(diagnosis.causes.iter().map(|cause| Phrase::from(cause.to_string())));
        lines.extend(diagnosis.to_string().lines().take(12).map(Phrase::from));
        lines
    })?;
    Ok(known.keys.get(verified.key()).cloned().unwrap_or_default())
}

/// Reading a key costs as much as verifying with it, and a run has one world.
fn known(world: &World) -> Arc<Known> {
    static MADE: OnceLock<Mutex<BTreeMap<[u8; 32], Arc<Known>>>> = OnceLock::new();
    let all: String =
        world.parties.iter().flat_map(|party| [party.certificate.as_str(), &party.encryption]).collect();
    let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let id = sha256(all.as_bytes());
    Arc::clone(made.entry(id).or_insert_with(|| Arc::new(Known::new(world, id))))
}

impl Known {
    fn new(world: &World, id: [u8; 32]) -> Self {
        let mut known = Self { store: TrustStore::new(), keys: BTreeMap::new(), id };
        for party in &world.parties {
            // A key for both uses is one to sign with.
            for (pem, name) in [(&party.encryption, &sealing(party)), (&party.certificate, &party.name)] {
                let Ok(certificates) = Certificate::chain_from_pem(pem) else { continue };
                for key in certificates.iter().filter_map(|certificate| certificate.public_key().ok()) {
                    known.keys.insert(sha256(key.spki_der()), name.clone());
                    for entity in world.parties.iter().map(|other| other.entity.as_str()).chain([ANYBODY]) {
                        known.store.add(entity, TrustedKey::new(key.clone()));
                    }
                }
            }
        }
        known
    }
}

/// A party's key that its metadata has for encryption, where the name of a party stands.
fn sealing(party: &Party) -> String {
    format!("{} (use=encryption)", party.name)
}

/// Whose certificate this is, DER in base64: the name of a party, as [`signer`] tells it.
pub(crate) fn party_of(world: &World, base64: &str) -> Option<String> {
    let shown: String = base64.split_ascii_whitespace().collect();
    let is_shown = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>() == shown;
    let own = world.parties.iter().find(|party| is_shown(&party.certificate)).map(|party| party.name.clone());
    own.or_else(|| world.parties.iter().find(|party| is_shown(&party.encryption)).map(sealing))
}
