//! The world around the product: who is in it, with which keys. Read from the folder that `chukei world` makes.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    path::Path,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use chukei_crypto::{Certificate, PrivateKey, PublicKey, test_pki};
use chukei_evidence as evidence;
use chukei_forge::specimen;
use openssl::ssl::SslContext;
use serde::Deserialize;

use crate::{
    message::PURPOSE,
    people,
    setup::{Fix, Setup},
};

/// A party that is in nobody's world: its certificate is signed by itself.
pub const NOBODY: &str = "nobody";

/// The role of a party that has no metadata (chapter 51).
const STRANGER: &str = "stranger";

/// Before the name of a card whose certificate a TLS client shows, where else the name of a party stands.
pub const CARD: &str = "card:";

/// Before the name of a party, where it signs: with its other key, which the metadata has for encryption.
pub const SEALING: &str = "sealing:";

/// Before the name of a party, where a server shows a certificate: one of the same key and name, by an authority that nobody
/// knows.
pub const FORGED: &str = "forged:";

/// Behind the name of a party, where it signs: with its second key, P-256.
pub const SECOND: &str = "/sign-p256";

/// The same with a further P-256 key of its metadata, whose certificate has ended.
pub const EXPIRED: &str = "/sign-expired";

/// The parties that sign with those.
const WITH_FURTHER: [&str; 2] = ["insurer-a", "insurer-b"];

/// Parties, keys, agreements and people.
pub struct World {
    /// What everybody may know.
    pub public: evidence::World,
    keys: BTreeMap<String, Keys>,
    /// Further keys to sign with, by the name of the party with [`SECOND`] or [`EXPIRED`] behind it.
    further: BTreeMap<String, Keys>,
    authority: Option<Certificate>,
    contexts: Mutex<Contexts>,
    forge: OnceLock<[specimen::Party; 4]>,
    cards: BTreeMap<String, CardKey>,
    visible: BTreeMap<String, String>,
}

/// A TEST card, as far as it proves anything.
#[derive(Debug)]
pub struct CardKey {
    /// DER of its certificate.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: PrivateKey,
}

/// TLS contexts by the party whose certificate they show, and whether they speak TLS 1.1 only.
pub(crate) type Contexts = BTreeMap<(Option<String>, bool), SslContext>;

/// Keys of a party. Private ones are read when they are first used, and a product's are never needed.
#[derive(Debug)]
struct Keys {
    certificate: Certificate,
    encryption: Option<(Certificate, PublicKey)>,
    sign: Lazy,
    decrypt: Lazy,
}

#[derive(Debug)]
struct Lazy {
    pem: Option<String>,
    key: OnceLock<PrivateKey>,
}

impl Lazy {
    fn new(pem: Option<String>) -> Self {
        Self { pem, key: OnceLock::new() }
    }

    fn get(&self) -> Option<&PrivateKey> {
        if let Some(key) = self.key.get() {
            return Some(key);
        }
        let key = PrivateKey::from_pem(self.pem.as_deref()?).ok()?;
        Some(self.key.get_or_init(|| key))
    }
}

#[derive(Deserialize)]
struct File {
    party: Vec<FileParty>,
    agreement: Vec<FileAgreement>,
}

#[derive(Deserialize)]
struct FileCards {
    cards: Vec<FileCard>,
    visible_numbers: Vec<FileVisible>,
}

#[derive(Deserialize)]
struct FileCard {
    id: String,
    certificate: String,
    key: Option<String>,
}

#[derive(Deserialize)]
struct FileVisible {
    person: String,
    number: String,
}

#[derive(Deserialize)]
struct FileParty {
    name: String,
    entity: String,
    endpoint: String,
    role: String,
}

#[derive(Deserialize)]
struct FileAgreement {
    requester: String,
    target: String,
    purposes: Vec<String>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl World {
    /// Reads a world folder.
    ///
    /// # Errors
    /// The file that is missing or cannot be read, with the fix.
    pub fn load(folder: &Path) -> Result<Self, Setup> {
        let text = read(folder, "world.toml")?;
        let file: File = toml::from_str(&text).map_err(|error| {
            Setup::new(
                "setup.world.toml",
                [place(&folder.join("world.toml"), &text, error.span()), error.message().to_owned()],
            )
            .fix(Fix::MakeWorld(folder.display().to_string()))
        })?;
        let mut world = Self {
            public: evidence::World {
                agreements: file.agreement.iter().flat_map(FileAgreement::each).collect(),
                ca: read(folder, "ca/ca.pem")?,
                ..evidence::World::default()
            },
            keys: BTreeMap::new(),
            further: BTreeMap::new(),
            authority: None,
            contexts: Mutex::default(),
            forge: OnceLock::new(),
            cards: BTreeMap::new(),
            visible: BTreeMap::new(),
        };
        world.authority = Some(parse(&world.public.ca, &folder.join("ca/ca.pem"))?);
        world.public.people = people::load(folder)?;
        for party in file.party {
            world.add_folder(folder, party)?;
        }
        world.add_nobody();
        world.add_cards(folder)?;
        Ok(world)
    }

    fn add_folder(&mut self, folder: &Path, party: FileParty) -> Result<(), Setup> {
        let keys = folder.join("keys").join(&party.name);
        let certificate = read(folder, &format!("keys/{}/sign.pem", party.name))?;
        let encryption = std::fs::read_to_string(keys.join("decrypt.pem")).unwrap_or_default();
        let own = |name: &str| Lazy::new(std::fs::read_to_string(keys.join(name)).ok());
        self.keys.insert(
            party.name.clone(),
            Keys {
                certificate: parse(&certificate, &keys.join("sign.pem"))?,
                encryption: if encryption.is_empty() {
                    None
                } else {
                    let certificate = parse(&encryption, &keys.join("decrypt.pem"))?;
                    certificate.public_key().ok().map(|key| (certificate, key))
                },
                sign: own("sign.key"),
                decrypt: own("decrypt.key"),
            },
        );
        for further in [SECOND, EXPIRED] {
            let stem = format!("keys/{}{further}", party.name);
            let Ok(certificate) = std::fs::read_to_string(folder.join(format!("{stem}.pem"))) else {
                continue;
            };
            let certificate = parse(&certificate, &folder.join(&stem))?;
            let sign = Lazy::new(std::fs::read_to_string(folder.join(format!("{stem}.key"))).ok());
            let keys = Keys { certificate, encryption: None, sign, decrypt: Lazy::new(None) };
            self.further.insert(format!("{}{further}", party.name), keys);
        }
        let member = party.role != STRANGER;
        if member {
            read(folder, &format!("metadata/{}.xml", party.name))?; // the product will need it
        }
        self.public.parties.push(evidence::Party {
            name: party.name,
            entity: party.entity,
            role: party.role,
            endpoints: vec![("soap".into(), party.endpoint)],
            certificate,
            encryption,
            member,
        });
        Ok(())
    }

    /// Older worlds have none.
    fn add_cards(&mut self, folder: &Path) -> Result<(), Setup> {
        let path = folder.join("cards.json");
        if !path.exists() {
            return Ok(());
        }
        let wrong = |what: String| {
            Setup::new("setup.cards.json", [path.display().to_string(), what])
                .fix(Fix::MakeWorld(folder.display().to_string()))
        };
        let file: FileCards =
            serde_json::from_str(&read(folder, "cards.json")?).map_err(|error| wrong(error.to_string()))?;
        // They share keys, and loading one proves its primes.
        let mut keys: BTreeMap<String, PrivateKey> = BTreeMap::new();
        for card in file.cards {
            // A card that keeps its own key proves nothing here.
            let Some(pem) = card.key else { continue };
            let key = match keys.get(&pem) {
                Some(key) => key.clone(),
                None => PrivateKey::from_pem(&pem).map_err(|error| wrong(error.to_string()))?,
            };
            let certificate = parse(&card.certificate, &path)?.der().to_vec();
            keys.insert(pem, key.clone());
            self.cards.insert(card.id, CardKey { certificate, key });
        }
        self.visible = file.visible_numbers.into_iter().map(|entry| (entry.person, entry.number)).collect();
        Ok(())
    }

    /// Somebody who certifies himself.
    fn add_nobody(&mut self) {
        let key = test_pki::keys::rsa2048(1);
        let spec = test_pki::LeafSpec::new("TEST Nobody", key.public_key());
        let certificate = test_pki::Ca::from_spec(spec, key.clone()).certificate().clone();
        let pem = openssl::x509::X509::from_der(certificate.der()).and_then(|x509| x509.to_pem());
        let encryption = Some((certificate.clone(), key.public_key().clone()));
        let sign = Lazy::new(key.to_pkcs8_pem().ok().map(|pem| pem.to_string()));
        let _ = sign.key.set(key);
        self.keys.insert(NOBODY.into(), Keys { certificate, encryption, sign, decrypt: Lazy::new(None) });
        self.public.parties.push(evidence::Party {
            name: NOBODY.into(),
            entity: "https://nobody.example.test/".into(),
            certificate: String::from_utf8(pem.unwrap_or_default()).unwrap_or_default(),
            ..evidence::Party::default()
        });
    }

    /// Whether the folder is whole: every party but the product has its keys, and every member metadata that can be read.
    ///
    /// # Errors
    /// The file that is missing or damaged, with the fix. Without this, a run would blame the product.
    pub fn check(&self, folder: &Path, product: &str) -> Result<(), Setup> {
        for party in self.public.parties.iter().filter(|party| party.name != NOBODY) {
            if party.member {
                let name = format!("metadata/{}.xml", party.name);
                let text = read(folder, &name)?;
                let root = chukei_forge::raw::parse(&text).ok();
                if root.as_ref().and_then(|root| root.value("entityID")) != Some(party.entity.as_str()) {
                    return Err(damaged(folder, "setup.metadata.unreadable", &name, &party.name));
                }
                if text.contains("use=\"encryption\"") {
                    read(folder, &format!("keys/{}/decrypt.pem", party.name))?; // others seal for it
                }
            }
            let Some(keys) = self.keys.get(&party.name).filter(|_| party.name != product) else { continue };
            // A world of an earlier version has none.
            for further in [SECOND, EXPIRED].iter().filter(|_| WITH_FURTHER.contains(&party.name.as_str())) {
                read(folder, &format!("keys/{}{further}.key", party.name))?;
            }
            let sealing = keys.encryption.as_ref().map(|(_, key)| key);
            for (file, own, public) in [
                ("sign.key", &keys.sign, keys.certificate.public_key().ok().as_ref()),
                ("decrypt.key", &keys.decrypt, sealing),
            ] {
                let name = format!("keys/{}/{file}", party.name);
                let Some(public) = public else { continue };
                read(folder, &name)?;
                if own.get().map(PrivateKey::public_key) != Some(public) {
                    return Err(damaged(folder, "setup.key.damaged", &name, &party.name));
                }
            }
        }
        Ok(())
    }

    /// Entity id of a party.
    ///
    /// # Panics
    /// Here and below: when there is no such party or key, which the doctor finds before a run.
    #[must_use]
    pub fn entity(&self, party: &str) -> String {
        required(self.public.party(party), party).entity.clone()
    }

    /// Where a party takes messages.
    #[must_use]
    pub fn endpoint(&self, party: &str, role: &str) -> Option<String> {
        let endpoints = &self.public.party(party)?.endpoints;
        let named = endpoints.iter().find(|(name, _)| name == role).or_else(|| endpoints.first())?;
        Some(named.1.clone())
    }

    /// DER of the certificate with which a party signs and is known in TLS.
    #[must_use]
    pub fn certificate(&self, party: &str) -> Vec<u8> {
        match (party.strip_prefix(SEALING), party.strip_prefix(FORGED)) {
            (Some(party), _) => self.encryption_certificate(party),
            (None, Some(party)) => forged(party, self.key(party).public_key()),
            (None, None) => self.keys(party).certificate.der().to_vec(),
        }
    }

    /// The key with which a party signs.
    #[must_use]
    pub fn key(&self, party: &str) -> PrivateKey {
        match party.strip_prefix(SEALING) {
            Some(own) => required(self.opener(own), party).clone(),
            None => required(self.signing_key(party).as_ref(), party).clone(),
        }
    }

    /// The same, where it is at hand.
    #[must_use]
    pub fn signing_key(&self, party: &str) -> Option<PrivateKey> {
        self.keys.get(party).or_else(|| self.further.get(party))?.sign.get().cloned()
    }

    /// PEM of that key, for TLS.
    #[must_use]
    pub fn key_pem(&self, party: &str) -> Option<&str> {
        self.keys.get(party.strip_prefix(FORGED).unwrap_or(party))?.sign.pem.as_deref()
    }

    /// The key for which others seal.
    #[must_use]
    pub fn recipient(&self, party: &str) -> PublicKey {
        required(self.keys(party).encryption.as_ref(), party).1.clone()
    }

    /// DER of the certificate for which others seal.
    #[must_use]
    pub fn encryption_certificate(&self, party: &str) -> Vec<u8> {
        required(self.keys(party).encryption.as_ref(), party).0.der().to_vec()
    }

    /// The certificate of the authority.
    ///
    /// # Panics
    /// When the world has none.
    #[must_use]
    pub fn authority(&self) -> Certificate {
        required(self.authority.as_ref(), "ca").clone()
    }

    /// The key with which a party opens, where the folder has it.
    #[must_use]
    pub fn opener(&self, party: &str) -> Option<&PrivateKey> {
        self.keys.get(party)?.decrypt.get()
    }

    /// The party with this certificate.
    #[must_use]
    pub fn party_of(&self, certificate: &[u8]) -> Option<&str> {
        let mut all = self.keys.iter();
        all.find(|(_, keys)| keys.certificate.der() == certificate).map(|(name, _)| name.as_str())
    }

    pub(crate) fn contexts(&self) -> MutexGuard<'_, Contexts> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn forge_parties(&self) -> &OnceLock<[specimen::Party; 4]> {
        &self.forge
    }

    /// A TEST card.
    #[must_use]
    pub fn card(&self, id: &str) -> &CardKey {
        required(self.cards.get(id), id)
    }

    /// The TEST card with this name of a TLS client.
    #[must_use]
    pub fn card_named(&self, tls_client: &str) -> Option<&CardKey> {
        self.cards.get(tls_client.strip_prefix(CARD)?)
    }

    /// The visible number of a person.
    #[must_use]
    pub fn visible_number(&self, person: &str) -> &str {
        required(self.visible.get(person).map(String::as_str), person)
    }

    /// Names of all parties.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    fn keys(&self, party: &str) -> &Keys {
        required(self.keys.get(party).or_else(|| self.further.get(party)), party)
    }
}

#[allow(clippy::panic, reason = "a case that names nobody is a mistake of its author and voids the run")]
fn required<T>(found: Option<T>, party: &str) -> T {
    found.unwrap_or_else(|| panic!("no party or key {party} in this world"))
}

impl FileAgreement {
    fn each(&self) -> impl Iterator<Item = evidence::Agreement> + '_ {
        self.purposes.iter().map(|purpose| evidence::Agreement {
            requester: self.requester.clone(),
            target: self.target.clone(),
            purpose: format!("{PURPOSE}{purpose}"),
        })
    }
}

/// A certificate for a server on this machine, as the authority of the world would issue it.
fn forged(party: &str, key: &PublicKey) -> Vec<u8> {
    /// `localhost` and 127.0.0.1 (RFC 5280 §4.2.1.6).
    const NAMES: &[u8] = b"\x30\x11\x82\x09localhost\x87\x04\x7f\x00\x00\x01";
    let names = test_pki::TestExtension { oid: vec![0x55, 29, 17], critical: false, value: NAMES.to_vec() };
    let spec = test_pki::LeafSpec {
        extended_key_usage: vec![test_pki::oid::SERVER_AUTH, test_pki::oid::CLIENT_AUTH],
        extensions: vec![names],
        ..test_pki::LeafSpec::new(&format!("{party} sign TEST"), key)
    };
    test_pki::Ca::new("TEST CA").issue(spec).der().to_vec()
}

fn damaged(folder: &Path, code: &'static str, name: &str, party: &str) -> Setup {
    Setup::new(code, [folder.join(name).display().to_string(), party.to_owned()])
        .fix(Fix::MakeWorld(folder.display().to_string()))
}

fn parse(pem: &str, path: &Path) -> Result<Certificate, Setup> {
    Certificate::from_pem(pem).map_err(|error| {
        Setup::new("setup.certificate.unreadable", [path.display().to_string(), format!("{:?}", error.fault)])
            .fix(Fix::Replace(path.display().to_string()))
    })
}

/// `FILE:LINE:COLUMN`.
fn place(file: &Path, text: &str, span: Option<Range<usize>>) -> String {
    let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    format!("{}:{}:{column}", file.display(), before.matches('\n').count() + 1)
}

/// A file of the world in `folder`.
pub(crate) fn read(folder: &Path, name: &str) -> Result<String, Setup> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).map_err(|error| {
        Setup::new("setup.file.missing", [path.display().to_string(), error.to_string()])
            .fix(Fix::MakeWorld(folder.display().to_string()))
    })
}
