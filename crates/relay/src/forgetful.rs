//! Faults of memory: what was used is forgotten after a minute, or where it was no mapping request. Exists with the feature
//! `danger-faults` only.

use std::{
    fmt,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use chukei_crypto::UnixTime;
use chukei_idwsf::{Checks, Receiver, ReplayStore, Request, Unavailable};

use crate::faults::{Fault, Faults};

/// The memory of one party. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Forgetful(Arc<OnceLock<Memory>>);

impl fmt::Debug for Forgetful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forgetful")
    }
}

impl Forgetful {
    /// The party's memory at this time.
    pub(crate) fn memory(
        &self,
        faults: &Faults,
        store: &Arc<dyn ReplayStore>,
        now: UnixTime,
    ) -> Option<&Memory> {
        let kinds = [Fault::ForgetsEnvelopes, Fault::ForgetsApplications, Fault::ForgetsMessages];
        let has = kinds.map(|fault| faults.has(fault));
        if has == [false; 3] {
            return None;
        }
        let memory = self.0.get_or_init(|| Memory { has, store: Arc::clone(store), now: AtomicI64::new(0) });
        memory.now.store(now.0, Ordering::SeqCst);
        Some(memory)
    }
}

/// What was used, for a minute.
pub(crate) struct Memory {
    has: [bool; 3],
    store: Arc<dyn ReplayStore>,
    now: AtomicI64,
}

impl Faults {
    /// Who takes this request, if it is taken otherwise than a mapping request is.
    pub(crate) fn receive<'r>(&self, receiver: Receiver<'r>, request: &Request<'_>) -> Receiver<'r> {
        let is_mapping =
            request.soap_action.is_some_and(|action| action.ends_with(":IdentityMappingRequest\""));
        let checks = if self.has(Fault::ChecksMappingsOnly) && !is_mapping { &*LAX } else { receiver.checks };
        let forgets = self.has(Fault::RemembersMappingsOnly) && !is_mapping;
        let replay: &dyn ReplayStore = if forgets { &Nothing } else { receiver.replay };
        Receiver { checks, replay, ..receiver }
    }
}

/// What is checked of other requests than for mappings.
static LAX: LazyLock<Checks> =
    LazyLock::new(|| Checks::danger_skipping(["message.usage-directive.purpose", "message.id.form"]));

/// A memory that keeps nothing.
pub(crate) struct Nothing;

impl ReplayStore for Nothing {
    fn first_use(&self, _: &str, _: &str, _: UnixTime) -> Result<bool, Unavailable> {
        Ok(true)
    }
}

impl ReplayStore for Memory {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        let [envelopes, applications, messages] = self.has;
        let forgets = match owner {
            owner if owner.starts_with("envelope of ") => envelopes,
            owner if owner.starts_with("application ") => applications,
            _ => messages,
        };
        // Under another name each minute.
        let minute = self.now.load(Ordering::SeqCst).div_euclid(60);
        let id = if forgets { format!("{id} {minute}") } else { id.to_owned() };
        self.store.first_use(owner, &id, until)
    }
}
