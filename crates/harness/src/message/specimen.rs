//! The world as the forge's named mutations know it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use chukei_crypto::{Certificate, PrivateKey};
use chukei_forge::specimen;

use crate::world::{NOBODY, World};

impl World {
    /// The parties that mutations speak of: relay, requester (`insurer-a`), responder (`insurer-b`) and an attacker.
    #[must_use]
    pub fn forge(&self, seed: u64, now: i64) -> specimen::World {
        let parties = self
            .forge_parties()
            .get_or_init(|| ["relay", "insurer-a", "insurer-b", NOBODY].map(|name| self.forge_party(name)));
        let [relay, requester, responder, attacker] = parties.clone();
        let authority = self.authority();
        specimen::World {
            suite: specimen::Suite::Rsa,
            seed,
            now,
            relay,
            requester,
            responder,
            attacker,
            authority,
        }
    }

    /// What stands in for the private key of the product, which is not at hand, is nobody's.
    fn forge_party(&self, name: &str) -> specimen::Party {
        let certificate = |der: &[u8]| Certificate::from_der(der).unwrap_or_else(|_| self.authority());
        let or_nobody = |key: Option<PrivateKey>| key.unwrap_or_else(|| self.key(NOBODY));
        specimen::Party {
            entity_id: interned(&self.entity(name)),
            key: or_nobody(self.signing_key(name)),
            certificate: certificate(&self.certificate(name)),
            decryption_key: or_nobody(self.opener(name).cloned()),
            encryption_certificate: certificate(&self.encryption_certificate(name)),
        }
    }
}

/// The forge wants names for ever; there are a dozen.
fn interned(text: &str) -> &'static str {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, &'static str>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(text.to_owned()).or_insert_with(|| Box::leak(text.to_owned().into_boxed_str()))
}
