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
    /// The checkpoints of the relay of this name and entity identifier. Makes its key if there is none.
    pub(crate) fn open(
        folder: &Path,
        name: &str,
        entity: &str,
        store: Arc<Store>,
        pace: Pace,
    ) -> Result<Self, WorldError> {
        let wrong = |what: &dyn std::fmt::Display| WorldError::Made(format!("the key of a ledger: {what}"));
        let [path, policy] = files(folder, name);
        let key = match std::fs::read_to_string(&path) {
            Ok(pem) => Ed25519PrivateKey::from_pem(&pem).map_err(|error| wrong(&error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = Ed25519PrivateKey::generate().map_err(|error| wrong(&error))?;
                let pem = key.to_pkcs8_pem().map_err(|error| wrong(&error))?;
                secret(&path, pem.as_bytes()).map_err(|error| WorldError::io(&path, error))?;
                key
            }
            Err(error) => return Err(WorldError::io(&path, error)),
        };
        let origin = format!("{}/ledger", entity.trim_start_matches("https://").trim_end_matches('/'));
        let key = SignerKey::new(&origin, KeyUse::Log, key).ok_or_else(|| wrong(&origin))?;
        let line = format!("log {}\nquorum none\n", key.verifier());
        std::fs::write(&policy, line).map_err(|error| WorldError::io(&policy, error))?;
        let log = key.verifier().clone();
        Ok(Self { store, keeper: Keeper::new(vec![key], pace), log })
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
        let from = self.store.kept_since()?.unwrap_or(now).min(now);
        let moment = |time: UnixTime| DateTime { seconds: time.0, nanoseconds: 0 };
        Ok(LedgerStatus { from: moment(from), until: moment(now), checkpoint })
    }

    /// Makes one if it is due, or if this is the end.
    pub(crate) fn keep(&self, now: UnixTime, is_end: bool) -> Result<bool, LedgerError> {
        let made =
            if is_end { self.keeper.finish(&self.store, now) } else { self.keeper.keep(&self.store, now) };
        made.map(|made| made.is_some())
    }
}

/// Key and policy. A relay that forgets everything forgets them too: another tree under one key would be a lie.
pub(crate) fn files(folder: &Path, name: &str) -> [PathBuf; 2] {
    [folder.join(format!("{name}.ledger.pem")), folder.join(format!("{name}.ledger.policy"))]
}

fn secret(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(octets)
}
