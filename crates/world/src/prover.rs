//! How a mock relay proves a history: with a checkpoint of this moment, or wrongly.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chukei_crypto::UnixTime;
use chukei_ledger::{Bundle, Checkpoint, Ed25519PrivateKey, KeyUse, Note, SignerKey};
use chukei_profile::proof::LedgerStatus;
use chukei_relay::faults::{Fault, Faults};
use chukei_relay::{Person, Proofs, Unavailable};

use crate::checkpoints::Checkpoints;

/// Proves histories.
pub(crate) struct Prover {
    checkpoints: Arc<Checkpoints>,
    faults: Faults,
    /// The first proof, for a relay that shows no other.
    first: OnceLock<Vec<u8>>,
    /// The first checkpoint that was asked for alone.
    first_checkpoint: OnceLock<Vec<u8>>,
    /// Sizes of the checkpoints that were asked for alone.
    told: Mutex<BTreeSet<u64>>,
}

impl Prover {
    pub(crate) const fn new(checkpoints: Arc<Checkpoints>, faults: Faults) -> Self {
        Self {
            checkpoints,
            faults,
            first: OnceLock::new(),
            first_checkpoint: OnceLock::new(),
            told: Mutex::new(BTreeSet::new()),
        }
    }

    fn deviate(&self, bundle: &mut Bundle) -> Option<()> {
        if self.faults.has(Fault::DropsEntry) {
            bundle.chain.entries.pop();
        }
        if self.faults.has(Fault::AltersEntry) {
            let contents = bundle.chain.entries.iter_mut().filter_map(|entry| entry.content.as_mut());
            contents.for_each(|content| content.outcome = "altered".to_owned());
        }
        if self.faults.has(Fault::KeepsBriefly) {
            let entries = bundle.chain.entries.iter_mut();
            entries.for_each(|entry| entry.keep_until = entry.keep_until.saturating_sub(86_400));
        }
        if self.faults.has(Fault::ManyLogs) {
            let note = bundle.checkpoints.pop()?;
            let checkpoint = Checkpoint::parse(&Note::parse(&note)?.text)?;
            let key = SignerKey::new(&checkpoint.origin, KeyUse::Log, Ed25519PrivateKey::generate().ok()?)?;
            bundle.checkpoints.push(checkpoint.sign(std::slice::from_ref(&key)).ok()?.to_string());
            bundle.log = key.verifier().to_string();
        }
        Some(())
    }

    /// Whether a checkpoint of this size was told alone, by a relay that forgets that.
    fn has_told(&self, size: u64) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).contains(&size)
    }

    fn remember(&self, note: &[u8]) {
        let read = || Checkpoint::parse(&Note::parse(std::str::from_utf8(note).ok()?)?.text);
        let told = self.faults.has(Fault::ForgetsToldCheckpoints).then(read).flatten();
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(told.map(|checkpoint| checkpoint.size));
    }
}

fn unavailable(error: impl fmt::Display) -> Unavailable {
    Unavailable::new(error.to_string())
}

impl Proofs for Prover {
    fn prove(&self, person: Person, since: Option<u64>, now: UnixTime) -> Result<Vec<u8>, Unavailable> {
        if self.faults.has(Fault::OldProof)
            && let Some(first) = self.first.get()
        {
            return Ok(first.clone());
        }
        let since = since.filter(|_| !self.faults.has(Fault::ForgetsCheckpoints));
        let since = since.filter(|size| !self.has_told(*size));
        // Nobody has this number.
        let is_other = self.faults.has(Fault::AnotherChain) && since.is_some();
        let person = if is_other { Person(i64::MAX) } else { person };
        let mut bundle = self.checkpoints.prove(person, since, now).map_err(unavailable)?;
        self.deviate(&mut bundle).ok_or_else(|| Unavailable::new("a proof cannot be changed so"))?;
        let json = serde_json::to_vec(&bundle).map_err(unavailable)?;
        let _ = self.first.set(json.clone()); // the first stays
        Ok(json)
    }

    fn status(&self, now: UnixTime) -> Result<LedgerStatus, Unavailable> {
        let mut status = self.checkpoints.status(now).map_err(unavailable)?;
        self.remember(&status.checkpoint);
        if self.faults.has(Fault::OldStatus) {
            status.checkpoint = self.first_checkpoint.get_or_init(|| status.checkpoint.clone()).clone();
        }
        if self.faults.has(Fault::ShortPeriod) {
            status.until.seconds = status.until.seconds.saturating_add(60);
            status.from = status.until;
        }
        if self.faults.has(Fault::EndedPeriod) {
            status.until.seconds = status.until.seconds.saturating_sub(3600);
            status.from = status.from.min(status.until);
        }
        Ok(status)
    }
}
