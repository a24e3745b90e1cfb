//! What a party believes and keeps: replaced as a whole by test control, so that no request sees half of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chukei_crypto::{Certificate, PublicKey, SignatureAlgorithm, Signer, UnixTime, Unwrapper, sha256};
use chukei_profile::{Purpose, Scheme};
use chukei_relay::changes::{Assigned, Standing};
use chukei_relay::login::{Cards, Logins};
use chukei_relay::memory::{
    MemoryAgreements, MemoryKeys, MemoryLog, MemoryLogins, MemoryMappings, MemoryReplay,
};
use chukei_relay::numbers::{Level, Number as Kept, NumberKind};
use chukei_relay::{
    AccessLog, Agreements, MappingStore, Party, Person, Proofs, Randomness, Relay, ReplayStore, Requester,
    Responder, Unavailable,
};
use chukei_saml::metadata::Federation;
use chukei_store::{Agreement, EarlyReplay, Location, MappingRow, Store};
use chukei_xml_security::KeyUse;

use crate::cards::{Holder, VISIBLE};
use crate::checkpoints::{self, Checkpoints};
use crate::faults::Own;
use crate::folder::{AgreementEntry, PartyEntry, PartyKeys, Role, World, verified};
use crate::party::Options;
use crate::people::{Number, People};
use crate::prover::Prover;
use crate::random::Ids;
use crate::register::{Register, first_second, identifier};
use crate::{Clock, WorldError};

/// Seconds that Japan is ahead of UTC: a day begins so much earlier there.
const JAPAN: i64 = 9 * 3600;
/// What can no longer be presented is forgotten this many seconds later.
const MEMORY: i64 = 3600;

/// Whom a party believes.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) ca: String,
    pub(crate) federation_key: PublicKey,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) agreements: Vec<AgreementEntry>,
}

/// What a party believes.
#[derive(Clone, Copy)]
pub(crate) struct Beliefs<'a> {
    pub(crate) trust: &'a Trust,
    pub(crate) people: &'a People,
    /// Where others are, by name, if not where their metadata says.
    pub(crate) peers: &'a BTreeMap<String, String>,
}

/// What does not change while a party runs.
pub(crate) struct Fixed {
    pub(crate) world: World,
    pub(crate) entry: PartyEntry,
    pub(crate) endpoint: String,
    /// Where a relay takes cards over TLS.
    pub(crate) door: Option<String>,
    pub(crate) keys: PartyKeys,
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    /// Where the clock stood when the party was started.
    pub(crate) started: Option<UnixTime>,
    /// Goes on over every reset: an identifier never comes again.
    pub(crate) ids: Arc<Ids>,
}

/// A party at work.
pub(crate) struct State {
    pub(crate) federation: Arc<Federation>,
    pub(crate) kind: Kind,
    keeping: Keeping,
}

pub(crate) enum Kind {
    Relay(Relay),
    Responder(Responder),
    Requester(Requester),
}

/// Where it keeps things.
#[derive(Clone)]
enum Keeping {
    Memory { replay: Arc<MemoryReplay>, log: Arc<MemoryLog>, logins: Arc<MemoryLogins> },
    Store { store: Arc<Store>, checkpoints: Option<Arc<Checkpoints>> },
}

/// What a relay looks up.
type Mapped = (Arc<dyn MappingStore>, Arc<dyn Agreements>);

impl Trust {
    pub(crate) fn of(world: &World) -> Result<Self, WorldError> {
        Ok(Self {
            ca: world.ca_pem()?,
            federation_key: world.federation_key()?,
            metadata: world.metadata()?,
            agreements: world.agreements().to_vec(),
        })
    }
}

impl State {
    /// A party right after its start. An existing file of state is opened and goes on.
    pub(crate) fn new(fixed: &Fixed, beliefs: &Beliefs<'_>) -> Result<Self, WorldError> {
        let keeping = match &fixed.options.state {
            None => Keeping::Memory { replay: Arc::default(), log: Arc::default(), logins: Arc::default() },
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| WorldError::io(folder, error))?;
                let store = Store::open(location(fixed, folder));
                let store = Arc::new(store.map_err(|error| WorldError::Store(error.to_string()))?);
                let PartyEntry { name, entity, role, .. } = &fixed.entry;
                let checkpoints = match role {
                    Role::Relay => {
                        let pace = fixed.options.checkpoints;
                        Some(Arc::new(Checkpoints::open(folder, name, entity, Arc::clone(&store), pace)?))
                    }
                    _ => None,
                };
                Keeping::Store { store, checkpoints }
            }
        };
        Self::keeping(fixed, beliefs, keeping)
    }

    /// A party that has forgotten everything.
    pub(crate) fn empty(fixed: &Fixed, beliefs: &Beliefs<'_>) -> Result<Self, WorldError> {
        if let Some(folder) = &fixed.options.state {
            Store::erase(&location(fixed, folder)).map_err(|error| WorldError::Store(error.to_string()))?;
            for path in checkpoints::files(folder, &fixed.entry.name) {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(WorldError::io(&path, error));
                    }
                    _ => {}
                }
            }
        }
        Self::new(fixed, beliefs)
    }

    /// The same memory, other people or other trust.
    pub(crate) fn changed(&self, fixed: &Fixed, beliefs: &Beliefs<'_>) -> Result<Self, WorldError> {
        Self::keeping(fixed, beliefs, self.keeping.clone())
    }

    fn keeping(fixed: &Fixed, beliefs: &Beliefs<'_>, keeping: Keeping) -> Result<Self, WorldError> {
        let Beliefs { trust, people, peers } = *beliefs;
        let federation = Arc::new(verified(
            &trust.federation_key,
            trust.metadata.iter().cloned(),
            fixed.clock.now(),
            |entity| {
                if let Some(moved) = fixed.world.named(&entity.id).and_then(|name| peers.get(name)) {
                    entity.endpoint.clone_from(moved);
                }
                if fixed.options.faults.has(Own::TakesAnyUse) {
                    let sealing = entity.certificates.iter_mut().map(|(key_use, _)| key_use);
                    sealing.filter(|own| **own == KeyUse::Encryption).for_each(|own| *own = KeyUse::Both);
                }
            },
        )?);
        let party = party(fixed, Arc::clone(&federation), keeping.replay(fixed.entry.role))?;
        let kind = match fixed.entry.role {
            Role::Relay => {
                let (mappings, agreements) = keeping.fill(fixed, trust, people)?;
                let cards = cards(fixed, people, keeping.logins())?;
                let proofs = keeping.checkpoints().map(|checkpoints| {
                    Arc::new(Prover::new(checkpoints, fixed.options.faults.sent())) as Arc<dyn Proofs>
                });
                Kind::Relay(Relay { party, mappings, log: keeping.log(), agreements, cards, proofs })
            }
            Role::Responder => Kind::Responder(Responder {
                party,
                schemes: vec![Scheme::MedicalInsured, Scheme::LateElderly],
                keys: vec![opener(fixed)?],
                records: Arc::new(Register::of(people, &fixed.entry.name, &fixed.entry.entity)?),
            }),
            Role::Requester | Role::Portal | Role::Stranger => Kind::Requester(Requester { party }),
        };
        Ok(Self { federation, kind, keeping })
    }

    /// The checkpoints of its ledger, if it has them.
    pub(crate) fn checkpoints(&self) -> Option<Arc<Checkpoints>> {
        self.keeping.checkpoints()
    }

    /// Whether it asks a database, and waits for its answers: a file is asked without waiting for anybody.
    pub(crate) fn asks_database(&self) -> bool {
        matches!(&self.keeping, Keeping::Store { store, .. } if store.is_shared())
    }

    /// Forgets what can no longer be presented.
    pub(crate) fn forget(&self, now: UnixTime) -> Result<(), Unavailable> {
        let before = UnixTime(now.0.saturating_sub(MEMORY));
        match &self.keeping {
            Keeping::Memory { replay, .. } => replay.forget_before(before),
            Keeping::Store { store, .. } => store.forget_before(before).map(drop),
        }
    }
}

impl Keeping {
    fn replay(&self, role: Role) -> Arc<dyn ReplayStore> {
        match self {
            Self::Memory { replay, .. } => Arc::clone(replay) as Arc<dyn ReplayStore>,
            // A relay records before it answers, and forwards nothing before that is on the disk.
            Self::Store { store, .. } if role == Role::Relay => Arc::new(EarlyReplay(Arc::clone(store))),
            Self::Store { store, .. } => Arc::clone(store) as Arc<dyn ReplayStore>,
        }
    }

    fn checkpoints(&self) -> Option<Arc<Checkpoints>> {
        match self {
            Self::Memory { .. } => None,
            Self::Store { checkpoints, .. } => checkpoints.clone(),
        }
    }

    fn logins(&self) -> Arc<dyn Logins> {
        match self {
            Self::Memory { logins, .. } => Arc::clone(logins) as Arc<dyn Logins>,
            Self::Store { store, .. } => Arc::clone(store) as Arc<dyn Logins>,
        }
    }

    fn log(&self) -> Arc<dyn AccessLog> {
        match self {
            Self::Memory { log, .. } => Arc::clone(log) as Arc<dyn AccessLog>,
            Self::Store { store, .. } => Arc::clone(store) as Arc<dyn AccessLog>,
        }
    }

    /// Puts in what the relay maps and who may ask for it, in the place of what was there.
    fn fill(&self, fixed: &Fixed, trust: &Trust, people: &People) -> Result<Mapped, WorldError> {
        let rows = rows(people)?;
        let agreed = agreements(trust)?;
        let parties = fixed.world.parties();
        let portals = parties.iter().filter(|party| party.role == Role::Portal);
        let portals: Vec<String> = portals.map(|party| party.entity.clone()).collect();
        let withholders = parties.iter().filter(|party| party.may_withhold);
        let withholders: Vec<String> = withholders.map(|party| party.entity.clone()).collect();
        let silent = |_| WorldError::Store("it does not answer".to_owned());
        match self {
            Self::Memory { .. } => {
                let mappings = MemoryMappings::default();
                for MappingRow { person, party, number, from, until } in rows {
                    mappings.add(person, &party, number, from, until).map_err(silent)?;
                }
                let mut agreements = MemoryAgreements::default();
                for Agreement { requester, target, purpose, .. } in agreed {
                    agreements.relayed.insert((requester.clone(), target.clone()));
                    agreements.pairs.insert((requester, target, purpose));
                }
                agreements.portals = portals.into_iter().collect();
                agreements.withholders = withholders.into_iter().collect();
                for party in parties {
                    agreements.set_in_service(&party.entity, !party.out_of_service).map_err(silent)?;
                }
                Ok((Arc::new(mappings), Arc::new(agreements)))
            }
            Self::Store { store, .. } => {
                store.replace_mappings(rows).map_err(silent)?;
                store.set_agreements(agreed, portals, withholders).map_err(silent)?;
                for party in parties {
                    store.set_in_service(&party.entity, !party.out_of_service).map_err(silent)?;
                }
                Ok((Arc::clone(store) as Arc<dyn MappingStore>, Arc::clone(store) as Arc<dyn Agreements>))
            }
        }
    }
}

fn location(fixed: &Fixed, folder: &Path) -> Location {
    let named = fixed.options.store.as_ref().filter(|_| fixed.entry.role == Role::Relay);
    named.cloned().unwrap_or_else(|| Location::File(folder.join(format!("{}.db", fixed.entry.name))))
}

fn party(
    fixed: &Fixed,
    federation: Arc<Federation>,
    replay: Arc<dyn ReplayStore>,
) -> Result<Party, WorldError> {
    let wrong = |error: &dyn std::fmt::Display| WorldError::Made(error.to_string());
    let (signer, certificate): (Arc<dyn Signer>, &Certificate) = match &fixed.keys.p256 {
        Some((key, certificate)) if fixed.options.p256 => (
            Arc::new(key.signer(SignatureAlgorithm::EcdsaSha256).map_err(|error| wrong(&error))?),
            certificate,
        ),
        _ => {
            let (_, certificate) = &fixed.keys.sign;
            (rsa(fixed, fixed.options.faults.has(Own::SignsWithPss))?, certificate)
        }
    };
    let is_pss = fixed.options.faults.has(Own::SignsEnvelopesWithPss);
    let danger_issuer = is_pss.then(|| rsa(fixed, true)).transpose()?;
    let relay = fixed.world.parties().iter().find(|party| party.role == Role::Relay);
    let relay = relay.ok_or_else(|| wrong(&"a world without a relay"))?;
    let (entity, endpoint) = (&fixed.entry.entity, &fixed.endpoint);
    let party = Party::new(entity, endpoint, &relay.entity, signer, certificate.clone(), federation, replay);
    Ok(Party {
        randomness: Arc::clone(&fixed.ids) as Arc<dyn Randomness>,
        checks: fixed.options.faults.checks(),
        faults: fixed.options.faults.sent(),
        danger_issuer,
        ..party
    })
}

/// The party's RSA key, ready to sign.
fn rsa(fixed: &Fixed, is_pss: bool) -> Result<Arc<dyn Signer>, WorldError> {
    let algorithm = if is_pss { SignatureAlgorithm::RsaPssSha256 } else { SignatureAlgorithm::RsaSha256 };
    let signer = fixed.keys.sign.0.signer(algorithm).map_err(|error| WorldError::Made(error.to_string()))?;
    Ok(Arc::new(signer))
}

fn opener(fixed: &Fixed) -> Result<Arc<dyn Unwrapper>, WorldError> {
    Ok(Arc::new(fixed.keys.decrypt.0.clone()))
}

fn rows(people: &People) -> Result<Vec<MappingRow>, WorldError> {
    let mut rows = Vec::new();
    for person in &people.people {
        for number in &person.numbers {
            rows.push(MappingRow {
                person: person_of(&person.id),
                party: crate::folder::entity(&number.party),
                number: identifier(number)?,
                from: midnight(&number.from)?,
                until: until(number)?,
            });
        }
    }
    Ok(rows)
}

/// What the relay needs to log people in, if the world has cards. Only persons who exist have any.
fn cards(fixed: &Fixed, people: &People, logins: Arc<dyn Logins>) -> Result<Option<Box<Cards>>, WorldError> {
    let Some(file) = fixed.world.cards()? else { return Ok(None) };
    let wrong = |error: &dyn std::fmt::Display| WorldError::Cards(error.to_string());
    let silent = |_| WorldError::Store("it does not answer".to_owned());
    let keys = MemoryKeys::default();
    let standing = |id: &str| people.person(id).map(|person| Standing::Current(person_of(&person.id)));
    for entry in &file.cards {
        let Some(standing) = entry.person.as_deref().and_then(standing) else { continue };
        let certificate = Certificate::from_pem(&entry.certificate).map_err(|error| wrong(&error))?;
        let number = Kept::certificate(&certificate.serial()).map_err(|_| wrong(&"a serial number"))?;
        keys.set(Assigned { party: certificate.issuer(), number }, standing).map_err(silent)?;
    }
    for entry in &file.visible_numbers {
        let Some(standing) = standing(&entry.person) else { continue };
        let number = Kept::read(NumberKind::Visible, &entry.number, Level::Strict);
        let (number, _) = number.map_err(|_| wrong(&"a visible number"))?;
        keys.set(Assigned { party: VISIBLE.to_owned(), number }, standing).map_err(silent)?;
    }
    Ok(Some(Box::new(Cards {
        cards: file.anchors(Holder::Card)?,
        operators: file.anchors(Holder::Operator)?,
        keys: Arc::new(keys),
        visible: VISIBLE.to_owned(),
        logins,
        possession: fixed.options.possession,
        door: fixed.door.clone(),
    })))
}

fn until(number: &Number) -> Result<UnixTime, WorldError> {
    number.until.as_deref().map_or(Ok(UnixTime(i64::MAX)), midnight)
}

/// When a day begins in Japan.
fn midnight(day: &str) -> Result<UnixTime, WorldError> {
    Ok(UnixTime(first_second(day)?.seconds.saturating_sub(JAPAN)))
}

/// A number of our own for the person, which stays the same when people are provisioned anew.
fn person_of(id: &str) -> Person {
    let digest = sha256(id.as_bytes());
    let octets = digest.first_chunk::<8>().copied().unwrap_or_default();
    Person(i64::from_be_bytes(octets) & i64::MAX)
}

fn agreements(trust: &Trust) -> Result<Vec<Agreement>, WorldError> {
    let mut all = Vec::new();
    for entry in &trust.agreements {
        for purpose in &entry.purposes {
            let known = Purpose::from_uri(&format!("urn:chukei:1.0:purpose:{purpose}"));
            let unknown = || WorldError::Made(format!("{purpose:?} is no purpose"));
            all.push(Agreement {
                requester: crate::folder::entity(&entry.requester),
                target: crate::folder::entity(&entry.target),
                purpose: known.ok_or_else(unknown)?,
                via_relay: true,
            });
        }
    }
    Ok(all)
}
