//! The checkpoints of a relay with a state on the disk: when they are due, and when it stops. The TEST key of its log, and the
//! policy line by which others know it, lie beside its state.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chukei_crypto::UnixTime;
use chukei_ledger::{Bundle, Ed25519PrivateKey, KeyUse, SignerKey, VerifierKey};
use chukei_profile::proof::LedgerStatus;
use chukei_relay::Person;
use chukei_store::{Keeper, LedgerError, Pace, Store};
use chukei_xml::lexical::DateTime;

use crate::WorldError;

/// How often it is looked whether one is due.
pub(crate) const TICK: Duration = Duration::from_millis(200);

/// How often a proof is begun anew when the next checkpoint comes between.
const TRIES: usize = 5;

/// What makes them.
pub(crate) struct Checkpoints {
    store: Arc<Store>,
    keeper: Keeper,
    log: VerifierKey,
}

impl Checkpoints {
    /// The checkpoints of the relay of this name and entity identifier. Makes its key if there is none. `NAME.ledger.next.pem`
    /// signs too, if it is there.
    pub(crate) fn open(
        folder: &Path,
        name: &str,
        entity: &str,
        store: Arc<Store>,
        pace: Pace,
    ) -> Result<Self, WorldError> {
        let wrong = |what: &dyn std::fmt::Display| WorldError::Made(format!("the key of a ledger: {what}"));
        let [path, next, policy] = files(folder, name);
        let origin = match store.last_checkpoint() {
            // A log that has succeeded another has a name of its own.
            Ok((last, _)) => last.origin,
            Err(LedgerError::NoCheckpoint) => {
                format!("{}/ledger", entity.trim_start_matches("https://").trim_end_matches('/'))
            }
            Err(error) => return Err(wrong(&error)),
        };
        let key = match read(&path)? {
            Some(pem) => Ed25519PrivateKey::from_pem(&pem).map_err(|error| wrong(&error))?,
            None => {
                let key = Ed25519PrivateKey::generate().map_err(|error| wrong(&error))?;
                let pem = key.to_pkcs8_pem().map_err(|error| wrong(&error))?;
                secret(&path, pem.as_bytes()).map_err(|error| WorldError::io(&path, error))?;
                key
            }
        };
        let next = read(&next)?.map(|pem| Ed25519PrivateKey::from_pem(&pem)).transpose();
        let mut keys = Vec::new();
        for key in [Some(key), next.map_err(|error| wrong(&error))?].into_iter().flatten() {
            keys.push(SignerKey::new(&origin, KeyUse::Log, key).ok_or_else(|| wrong(&origin))?);
        }
        match store.may_go_on(&keys) {
            Ok(()) => {}
            Err(LedgerError::OtherKey) => return Err(WorldError::OtherKey { path, origin }),
            Err(LedgerError::Behind { signed }) => return Err(WorldError::Behind { signed }),
            Err(error) => return Err(wrong(&error)),
        }
        let mut lines: String = keys.iter().map(|key| format!("log {}\n", key.verifier())).collect();
        lines.push_str("quorum none\n");
        std::fs::write(&policy, lines).map_err(|error| WorldError::io(&policy, error))?;
        let log = keys.first().map(|key| key.verifier().clone()).ok_or_else(|| wrong(&origin))?;
        Ok(Self { store, keeper: Keeper::new(keys, pace), log })
    }

    /// Proves what is recorded about a person until now, with a checkpoint that covers all of it.
    pub(crate) fn prove(
        &self,
        person: Person,
        since: Option<u64>,
        now: UnixTime,
    ) -> Result<Bundle, LedgerError> {
        let since: Vec<u64> = since.into_iter().collect();
        for _ in 1..TRIES {
            self.keep(now, true)?;
            match self.store.bundle(person, &since, &self.log) {
                // Somebody has begun the next one meanwhile.
                Err(LedgerError::NoCheckpoint) => {}
                bundle => return bundle,
            }
        }
        self.keep(now, true)?;
        self.store.bundle(person, &since, &self.log)
    }

    /// How the ledger stands, with a checkpoint that covers all of it.
    pub(crate) fn status(&self, now: UnixTime) -> Result<LedgerStatus, LedgerError> {
        let checkpoint = self.keeper.current(&self.store, now)?.into_bytes();
        // [ledger.status.period] A clock that was set back leaves entries of later times.
        let (from, until) = self.store.kept()?.unwrap_or((now, now));
        let moment = |time: UnixTime| DateTime { seconds: time.0, nanoseconds: 0 };
        Ok(LedgerStatus { from: moment(from.min(now)), until: moment(until.max(now)), checkpoint })
    }

    /// Makes one if it is due, or if this is the end.
    pub(crate) fn keep(&self, now: UnixTime, is_end: bool) -> Result<bool, LedgerError> {
        let made =
            if is_end { self.keeper.finish(&self.store, now) } else { self.keeper.keep(&self.store, now) };
        made.map(|made| made.is_some())
    }
}

/// What the file says, if it is there.
fn read(path: &Path) -> Result<Option<String>, WorldError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(WorldError::io(path, error)),
    }
}

/// Key, the key that replaces it while both sign, and policy. A relay that forgets everything forgets them too: another tree under one key would be a lie.
pub(crate) fn files(folder: &Path, name: &str) -> [PathBuf; 3] {
    ["pem", "next.pem", "policy"].map(|what| folder.join(format!("{name}.ledger.{what}")))
}

fn secret(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(octets)
}

#[cfg(test)]
mod tests {
    use chukei_ledger::{Checkpoint, Note, Policy};
    use chukei_profile::{Purpose, history::Kind};
    use chukei_relay::{AccessLog, NewEntry};

    use super::*;

    const ENTITY: &str = "https://relay.example.test/";
    const NOW: UnixTime = UnixTime(1_790_000_000);

    #[test]
    fn a_key_is_replaced_and_another_log_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("relay.db")).unwrap());
        let [path, next, policy] = files(folder.path(), "relay");
        let open = || Checkpoints::open(folder.path(), "relay", ENTITY, Arc::clone(&store), Pace::default());
        let told = || Policy::parse(&std::fs::read_to_string(&policy).unwrap()).unwrap();
        let pem = || Ed25519PrivateKey::generate().unwrap().to_pkcs8_pem().unwrap().to_string();
        let origin = |note: &str| Checkpoint::parse(&Note::parse(note).unwrap().text).unwrap().origin;
        let entry = NewEntry {
            person: Some(Person(1)),
            at: NOW,
            actor: ENTITY.to_owned(),
            kind: Kind::History,
            outcome: "OK".to_owned(),
            purpose: Purpose::History,
            items: vec![],
            envelope: None,
            target: None,
            carried_to: None,
            asked: None,
            login: None,
            withheld_until: None,
        };
        let sign = |checkpoints: &Checkpoints| {
            store.append(std::slice::from_ref(&entry)).unwrap();
            let bundle = checkpoints.prove(Person(1), None, NOW);
            bundle.map(|bundle| bundle.checkpoints.last().unwrap().clone())
        };
        let first = sign(&open().unwrap()).unwrap();
        let old = told();
        assert_eq!(origin(&first), "relay.example.test/ledger");

        std::fs::write(&next, pem()).unwrap();
        let both = open().unwrap();
        let second = sign(&both).unwrap();
        assert!(told().trust(&second).is_ok() && old.trust(&second).is_ok());
        std::fs::rename(&next, &path).unwrap();
        assert!(open().is_ok());
        // A key that never signed; others keep the policy that they know.
        std::fs::write(&path, pem()).unwrap();
        let known = std::fs::read(&policy).unwrap();
        assert!(matches!(open(), Err(WorldError::OtherKey { path: file, .. }) if file == path));
        assert_eq!(std::fs::read(&policy).unwrap(), known);

        let successor = Ed25519PrivateKey::generate().unwrap();
        std::fs::write(&path, successor.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
        let key = SignerKey::new("relay.example.test/ledger-2", KeyUse::Log, successor).unwrap();
        store.succeed(&[key], NOW).unwrap();
        let checkpoints = open().unwrap();
        let third = sign(&checkpoints).unwrap();
        // An hour ago by the clock: what is recorded already has to lie in the period.
        let before = UnixTime(NOW.0 - 3600);
        let status = checkpoints.status(before).unwrap();
        assert_eq!((status.from.seconds, status.until.seconds), (before.0, NOW.0));
        assert_eq!(origin(&third), "relay.example.test/ledger-2");
        assert!(told().trust(&third).is_ok() && told().after(&old).trust_earlier(&first).is_ok());
    }
}
