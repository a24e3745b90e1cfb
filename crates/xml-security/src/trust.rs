//! Who may sign, and with which keys. Filled from metadata; messages never add to it.

use std::collections::BTreeMap;

use chukei_crypto::{Certificate, PublicKey, SignatureAlgorithm, UnixTime};
use chukei_xml::lexical::encode_base64;

/// What a key may be used for (SAML 2.0 metadata §2.4.1.1, attribute `use`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// `signing`.
    Signing,
    /// `encryption`.
    Encryption,
    /// No `use` attribute: both.
    Both,
}

/// A key of an entity.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    key: PublicKey,
    /// Base64 of the certificate it was registered with.
    certificate: Option<String>,
    key_use: KeyUse,
    from: UnixTime,
    until: UnixTime,
}

impl TrustedKey {
    /// A key for both uses and all times.
    pub const fn new(key: PublicKey) -> Self {
        let (from, until) = (UnixTime(i64::MIN), UnixTime(i64::MAX));
        Self { key, certificate: None, key_use: KeyUse::Both, from, until }
    }

    /// With the certificate that messages may show as a hint. Whoever adds the key vouches for it.
    #[must_use]
    pub fn with_certificate(mut self, certificate: &Certificate) -> Self {
        self.certificate = Some(encode_base64(certificate.der()));
        self
    }

    /// For one use only.
    #[must_use]
    pub const fn for_use(mut self, key_use: KeyUse) -> Self {
        self.key_use = key_use;
        self
    }

    /// For the half-open interval `from..until`: a new key before its publication and an old one after its grace
    /// period do not count.
    #[must_use]
    pub const fn valid(mut self, from: UnixTime, until: UnixTime) -> Self {
        (self.from, self.until) = (from, until);
        self
    }

    /// The key.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether a certificate shown in a message is the registered one.
    pub(crate) fn is_shown_as(&self, shown: &str) -> bool {
        self.certificate.as_deref().is_some_and(|own| {
            own == shown || shown.bytes().filter(|b| !b.is_ascii_whitespace()).eq(own.bytes())
        })
    }

    fn signs(&self, algorithm: SignatureAlgorithm, at: UnixTime) -> bool {
        self.key_use != KeyUse::Encryption
            && (self.from..self.until).contains(&at)
            && self.key.accepts(algorithm)
    }
}

/// Keys of the entities that we know, by entity identifier. Identifiers are compared code point by code point.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    entities: BTreeMap<String, Vec<TrustedKey>>,
}

impl TrustStore {
    /// Knows nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key of an entity.
    pub fn add(&mut self, entity: impl Into<String>, key: TrustedKey) -> &mut Self {
        self.entities.entry(entity.into()).or_default().push(key);
        self
    }

    /// Keys of `entity` that may have signed with this algorithm at this time.
    pub(crate) fn candidates(
        &self,
        entity: &str,
        algorithm: SignatureAlgorithm,
        at: UnixTime,
    ) -> Vec<&TrustedKey> {
        let keys = self.entities.get(entity).map(Vec::as_slice).unwrap_or_default();
        keys.iter().filter(|key| key.signs(algorithm, at)).collect()
    }

    /// Every key with its entity, for telling people whose key made a signature.
    pub fn everyone(&self) -> impl Iterator<Item = (&str, &TrustedKey)> {
        self.entities.iter().flat_map(|(entity, keys)| keys.iter().map(move |key| (entity.as_str(), key)))
    }
}
