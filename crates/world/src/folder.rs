//! The world folder: who exists, with which keys, where, and what they know. Made once from a seed, then only read.
//!
//! ```text
//! world.toml                      seed, parties, agreements
//! people.json                     synthetic persons (module `people`)
//! cards.json                      their cards, and whom a relay believes (module `cards`)
//! ca/ca.pem                       the TEST certification authority; its key is not kept
//! federation/{key.pem,cert.pem}   signs the metadata
//! metadata/NAME.xml               of everybody but the stranger
//! keys/NAME/{sign.key,sign.pem}   RSA, signs messages and is the TLS identity
//! keys/NAME/{decrypt.key,decrypt.pem}
//! keys/NAME/sign-p256.{key,pem}   a second signing key, of the insurers A to D
//! keys/NAME/sign-expired.{key,pem}     a signing key whose certificate has ended, of `insurer-a` and `insurer-b`
//! keys/NAME/decrypt-expired.{key,pem}  the same for opening, of `insurer-c`
//! ```
//!
//! Apart from the ports, which are the caller's or free ones, one seed always gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chukei_crypto::{Certificate, PrivateKey, PublicKey, UnixTime};
use chukei_saml::metadata::{Entity, Federation};
use serde::{Deserialize, Serialize};

use crate::cards::{CardFile, Registration};
use crate::people::People;
use crate::{WorldError, making};

/// How many persons a world has beside the special ones.
pub const CROWD: usize = 240;

/// What to make a world from.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides keys, numbers and everything else but the ports.
    pub seed: u64,
    /// The parties listen on this port and the following ones; `None` takes ports that are free now.
    pub base_port: Option<u16>,
    /// Persons beside the special ones.
    pub crowd: usize,
    /// Whether every party has a P-256 key, and not two of them only.
    pub p256: bool,
}

impl Plan {
    /// The usual size, on free ports.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, base_port: None, crowd: CROWD, p256: false }
    }

    /// On this port and the following ones.
    #[must_use]
    pub const fn at(self, base_port: u16) -> Self {
        Self { base_port: Some(base_port), ..self }
    }
}

/// What a party is in the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// 中継DB.
    Relay,
    /// 照会元, insurer A.
    Requester,
    /// 照会先, insurer B.
    Responder,
    /// Asks for the access history on a person's behalf.
    Portal,
    /// Has a certificate of the authority, but is in nobody's metadata.
    Stranger,
}

/// `[[party]]` of `world.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyEntry {
    /// Name of its folder and on the command line.
    pub name: String,
    /// Entity identifier.
    pub entity: String,
    /// What it is.
    pub role: Role,
    /// Where messages for it go: `Location` of its metadata and `wsa:To`.
    pub endpoint: String,
    /// A member of the federation whose numbers the relay maps, but that takes no queries at present.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_service: bool,
    /// Whether the relay lets it have entries withheld from the person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_withhold: bool,
}

/// `[[agreement]]` of `world.toml`: who may ask for the numbers of whom, for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementEntry {
    /// Name of the party that asks.
    pub requester: String,
    /// Name of the party whose number is wanted.
    pub target: String,
    /// Purposes, without `urn:chukei:1.0:purpose:`.
    pub purposes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    pub(crate) seed: u64,
    pub(crate) party: Vec<PartyEntry>,
    pub(crate) agreement: Vec<AgreementEntry>,
}

/// A world folder, read. Clones share the keys that were loaded.
#[derive(Clone, Debug)]
pub struct World {
    dir: PathBuf,
    index: Index,
    /// Loading a key proves its primes, which takes longer than everything else at the start of a party.
    keys: Arc<Mutex<BTreeMap<String, PartyKeys>>>,
}

/// Private keys and certificates of one party.
#[derive(Clone, Debug)]
pub struct PartyKeys {
    /// Signs messages; the TLS identity.
    pub sign: (PrivateKey, Certificate),
    /// Opens what was sealed for the party.
    pub decrypt: (PrivateKey, Certificate),
    /// The second signing key, if it has one.
    pub p256: Option<(PrivateKey, Certificate)>,
}

impl World {
    /// Makes a world in a folder that does not exist yet, or is empty. Either the whole world stands there
    /// afterwards or nothing.
    ///
    /// # Errors
    /// [`WorldError::Exists`], [`WorldError::Io`], [`WorldError::Ports`], or [`WorldError::Made`] for a mistake of
    /// ours.
    pub fn generate(dir: &Path, plan: Plan) -> Result<Self, WorldError> {
        making::make(dir, plan)?;
        Self::open(dir)
    }

    /// Opens a world folder.
    ///
    /// # Errors
    /// [`WorldError::Io`] when `world.toml` is not there, [`WorldError::Toml`] when it is not one.
    pub fn open(dir: &Path) -> Result<Self, WorldError> {
        let path = dir.join("world.toml");
        let text = fs::read_to_string(&path).map_err(|error| WorldError::io(&path, error))?;
        let index = toml::from_str(&text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(&text);
            let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
            let line = before.matches('\n').count() + 1;
            WorldError::Toml { path, line, column, error: error.message().to_owned() }
        })?;
        Ok(Self { dir: dir.to_owned(), index, keys: Arc::default() })
    }

    /// Opens the world, or makes it when the folder is not there or empty.
    ///
    /// # Errors
    /// As [`World::open`] and [`World::generate`].
    pub fn open_or_generate(dir: &Path, plan: Plan) -> Result<Self, WorldError> {
        if dir.join("world.toml").exists() { Self::open(dir) } else { Self::generate(dir, plan) }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The seed that the world was made from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.index.seed
    }

    /// Everybody.
    #[must_use]
    pub fn parties(&self) -> &[PartyEntry] {
        &self.index.party
    }

    /// The party of this name.
    ///
    /// # Errors
    /// [`WorldError::Party`] with the names that there are.
    pub fn party(&self, name: &str) -> Result<&PartyEntry, WorldError> {
        self.index.party.iter().find(|party| party.name == name).ok_or_else(|| WorldError::Party {
            name: name.to_owned(),
            known: self.index.party.iter().map(|party| party.name.clone()).collect(),
        })
    }

    /// Who may ask for the numbers of whom.
    #[must_use]
    pub fn agreements(&self) -> &[AgreementEntry] {
        &self.index.agreement
    }

    /// The certificate of the TEST authority, as PEM.
    ///
    /// # Errors
    /// [`WorldError::Io`].
    pub fn ca_pem(&self) -> Result<String, WorldError> {
        self.read("ca/ca.pem")
    }

    /// Key and certificate of a TLS identity, as PEM.
    ///
    /// # Errors
    /// [`WorldError::Io`].
    pub fn tls_pem(&self, name: &str) -> Result<(String, String), WorldError> {
        Ok((self.read(&format!("keys/{name}/sign.key"))?, self.read(&format!("keys/{name}/sign.pem"))?))
    }

    /// The keys of a party.
    ///
    /// # Errors
    /// [`WorldError::Io`]; [`WorldError::Key`] for a file that holds no usable key or certificate.
    pub fn keys(&self, name: &str) -> Result<PartyKeys, WorldError> {
        let known = |keys: &Mutex<BTreeMap<_, PartyKeys>>| {
            keys.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
        };
        if let Some(keys) = known(&self.keys) {
            return Ok(keys);
        }
        let keys = self.load(name)?;
        let mut known = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(name.to_owned()).or_insert(keys).clone())
    }

    fn load(&self, name: &str) -> Result<PartyKeys, WorldError> {
        let pair = |stem: &str| {
            let path = self.dir.join(format!("keys/{name}/{stem}"));
            let wrong = |what: &str| WorldError::Key { path: path.clone(), what: what.to_owned() };
            let key = PrivateKey::from_pem(&self.read(&format!("keys/{name}/{stem}.key"))?);
            let certificate = Certificate::from_pem(&self.read(&format!("keys/{name}/{stem}.pem"))?);
            Ok((
                key.map_err(|error| wrong(&error.to_string()))?,
                certificate.map_err(|error| wrong(&error.to_string()))?,
            ))
        };
        let p256 = self.dir.join(format!("keys/{name}/sign-p256.key")).exists();
        Ok(PartyKeys {
            sign: pair("sign")?,
            decrypt: pair("decrypt")?,
            p256: if p256 { Some(pair("sign-p256")?) } else { None },
        })
    }

    /// Everybody's metadata, verified at `now` under the federation's certificate.
    ///
    /// # Errors
    /// [`WorldError::Io`]; [`WorldError::Metadata`] for a document that does not verify.
    pub fn federation(&self, now: UnixTime) -> Result<Federation, WorldError> {
        verified(&self.federation_key()?, self.metadata()?, now, |_| ())
    }

    /// Name and metadata document of everybody who has one.
    ///
    /// # Errors
    /// [`WorldError::Io`].
    pub fn metadata(&self) -> Result<Vec<(String, String)>, WorldError> {
        let members = self.parties().iter().filter(|party| party.role != Role::Stranger);
        let document = |party: &PartyEntry| {
            Ok((party.name.clone(), self.read(&format!("metadata/{}.xml", party.name))?))
        };
        members.map(document).collect()
    }

    /// Name of the party with this entity identifier.
    #[must_use]
    pub fn named(&self, entity: &str) -> Option<&str> {
        self.parties().iter().find(|party| party.entity == entity).map(|party| party.name.as_str())
    }

    /// The key that metadata is verified with.
    ///
    /// # Errors
    /// [`WorldError::Io`], [`WorldError::Key`].
    pub fn federation_key(&self) -> Result<PublicKey, WorldError> {
        let path = self.dir.join("federation/cert.pem");
        let wrong = |what: String| WorldError::Key { path: path.clone(), what };
        let certificate = Certificate::from_pem(&self.read("federation/cert.pem")?);
        certificate
            .map_err(|error| wrong(error.to_string()))?
            .public_key()
            .map_err(|error| wrong(error.to_string()))
    }

    /// The synthetic persons.
    ///
    /// # Errors
    /// [`WorldError::Io`], [`WorldError::People`].
    pub fn people(&self) -> Result<People, WorldError> {
        People::from_json(&self.read("people.json")?).map_err(|error| WorldError::People(error.to_string()))
    }

    /// The cards, if the world has some.
    ///
    /// # Errors
    /// [`WorldError::Io`], [`WorldError::Cards`].
    pub fn cards(&self) -> Result<Option<CardFile>, WorldError> {
        const NAME: &str = "cards.json";
        if !self.dir.join(NAME).exists() {
            return Ok(None);
        }
        let file = CardFile::from_json(&self.read(NAME)?);
        file.map(Some).map_err(|error| WorldError::Cards(error.to_string()))
    }

    /// Registers a card that was issued elsewhere, for relays that are started from now on.
    ///
    /// # Errors
    /// [`WorldError::Io`], [`WorldError::Cards`].
    pub fn register_card(&self, new: &Registration<'_>) -> Result<(), WorldError> {
        let mut cards = self.cards()?.unwrap_or_default();
        cards.register(new);
        let text =
            serde_json::to_string_pretty(&cards).map_err(|error| WorldError::Cards(error.to_string()))?;
        let (path, beside) = (self.dir.join("cards.json"), self.dir.join(".cards.json.part"));
        let write = || fs::write(&beside, text + "\n").and_then(|()| fs::rename(&beside, &path));
        write().map_err(|error| WorldError::io(&path, error))
    }

    fn read(&self, name: &str) -> Result<String, WorldError> {
        let path = self.dir.join(name);
        fs::read_to_string(&path).map_err(|error| WorldError::io(&path, error))
    }
}

/// Reads metadata documents and refuses the whole when one does not verify. `moved` says where a party is found instead,
/// by its entity identifier.
pub(crate) fn verified(
    key: &PublicKey,
    documents: impl IntoIterator<Item = (String, String)>,
    now: UnixTime,
    change: impl Fn(&mut Entity),
) -> Result<Federation, WorldError> {
    let mut federation = Federation::new();
    for (name, text) in documents {
        let wrong =
            |error: chukei_xml::XmlError| WorldError::Metadata { name: name.clone(), reason: error.reason() };
        let mut entity = Entity::read(text.as_bytes(), key, now).map_err(wrong)?;
        change(&mut entity);
        federation.add(entity).map_err(wrong)?;
    }
    if let Some([name, other]) = federation.shared_prime() {
        return Err(WorldError::Made(format!("keys of {name} and {other} share a prime")));
    }
    Ok(federation)
}

/// The port and authority of an `https` URL with an explicit port.
#[must_use]
pub fn authority(url: &str) -> Option<(&str, u16)> {
    let authority = url.strip_prefix("https://")?.split('/').next()?;
    let port = authority.rsplit_once(':')?.1.parse().ok()?;
    Some((authority, port))
}

/// Entity identifier of a party of this name.
#[must_use]
pub fn entity(name: &str) -> String {
    format!("https://{name}.example.test/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::making::{PARTIES, WITH_P256};
    use crate::pki;

    fn bytes_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        let mut open = vec![dir.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(dir).unwrap().display().to_string();
                    all.push((name, fs::read(path).unwrap()));
                }
            }
        }
        all.sort();
        all
    }

    #[test]
    fn one_seed_and_base_port_make_one_world() {
        let scratch = tempfile::tempdir().unwrap();
        let make = |name: &str, plan: Plan| {
            World::generate(&scratch.path().join(name), Plan { crowd: 3, ..plan }).unwrap();
            bytes_of(&scratch.path().join(name))
        };
        let first = make("one", Plan::new(1).at(20_000));
        assert!(first == make("two", Plan::new(1).at(20_000)));
        let other = make("three", Plan::new(2).at(20_000));
        let same = first.iter().zip(&other).filter(|(one, other)| one.1 == other.1).count();
        assert_eq!(same, 0, "every file depends on the seed");
    }

    #[test]
    fn metadata_with_keys_that_break_each_other_is_refused() {
        use chukei_crypto::test_pki::{Ca, LeafSpec, NOW, keys};
        use chukei_crypto::{SignatureAlgorithm, UnixTime};
        let federation = keys::p256(3);
        let signer = federation.signer(SignatureAlgorithm::EcdsaSha256).unwrap();
        let document = |id: &str, key: &PublicKey| {
            let certificate = Ca::new("TEST CA").issue(LeafSpec::new("TEST", key));
            let entity = Entity {
                id: id.to_owned(),
                valid_until: UnixTime(NOW.0 + 1000),
                certificates: vec![(chukei_xml_security::KeyUse::Signing, certificate)],
                endpoint: format!("{id}soap"),
            };
            let text = entity.write(&chukei_xml_security::Signing::new(&signer)).unwrap();
            (id.to_owned(), String::from_utf8(text).unwrap())
        };
        let read = |key: &PublicKey| {
            let (one, other) = ("https://a.example.test/", "https://b.example.test/");
            let documents = [document(one, keys::rsa2048(1).public_key()), document(other, key)];
            verified(federation.public_key(), documents, NOW, |_| ()).map(|all| all.entities().count())
        };
        assert_eq!(read(keys::rsa2048(2).public_key()).unwrap(), 2);
        let sibling = PublicKey::from_spki_pem(keys::RSA2048_SIBLING).unwrap();
        assert!(matches!(read(&sibling), Err(WorldError::Made(_))));
    }

    #[test]
    fn a_world_is_read_back_and_never_overwritten() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("world");
        let world = World::generate(&dir, Plan { crowd: 3, ..Plan::new(1) }).unwrap();
        let now = UnixTime(pki::NOT_BEFORE);
        let federation = world.federation(now).unwrap();
        assert_eq!(federation.entities().count(), PARTIES.len() - 1, "everybody but the stranger");
        for party in world.parties() {
            let keys = world.keys(&party.name).unwrap();
            let signs = federation.signer(keys.sign.1.der());
            assert_eq!(signs, (party.role != Role::Stranger).then_some(party.entity.as_str()));
            assert_eq!(keys.p256.is_some(), WITH_P256.contains(&party.name.as_str()));
        }
        assert!(matches!(world.federation(UnixTime(pki::NOT_AFTER)), Err(WorldError::Metadata { .. })));
        assert!(matches!(world.party("relay"), Ok(party) if party.role == Role::Relay));
        assert!(matches!(world.party("rely"), Err(WorldError::Party { .. })));

        let before = bytes_of(&dir);
        assert!(matches!(World::generate(&dir, Plan::new(2)), Err(WorldError::Exists(_))));
        assert_eq!(before, bytes_of(&dir));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing else stays behind");
    }

    #[test]
    fn an_authority_has_a_port() {
        assert_eq!(authority("https://127.0.0.1:18443/relay"), Some(("127.0.0.1:18443", 18443)));
        assert_eq!(authority("https://127.0.0.1/relay"), None);
        assert_eq!(authority("http://127.0.0.1:18443/relay"), None);
    }
}
