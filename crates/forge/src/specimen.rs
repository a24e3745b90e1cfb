//! The valid world: parties with TEST keys, and one message of each kind. A test starts here and shows one deviation.
//!
//! Content is a function of the seed. With [`Suite::Rsa`] signatures are too; ECDSA signatures and ciphertexts are
//! fresh at each call.

mod saml;
mod soap;

use std::sync::OnceLock;

use chukei_crypto::{Certificate, PrivateKey, sha256, test_pki};
use chukei_xml::lexical::DateTime;

use crate::{
    raw::{Element, Message},
    redirect::QuerySpec,
    seal::SealSpec,
    sign::{SignatureSpec, x509_key_info},
};

/// With which algorithm the parties sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// RSA with 2048 bits and SHA-256.
    Rsa,
    /// ECDSA with P-256 and SHA-256.
    P256,
}

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Specimen {
    /// A signed `saml:Assertion` of the relay.
    Assertion,
    /// An unsigned `samlp:Response` with that assertion.
    Response,
    /// The same, with the response signed as well.
    SignedResponse,
    /// A signed `saml:Assertion` with a `saml:EncryptedID` for the responder: the envelope.
    Envelope,
    /// A SOAP message of the requester, signed with the certificate in it.
    Soap,
    /// A signed `md:EntityDescriptor` of the relay.
    Metadata,
}

/// Somebody with a name and keys.
#[derive(Clone, Debug)]
pub struct Party {
    /// The entity identifier, which is the `providerID` as well.
    pub entity_id: &'static str,
    /// The key that signs.
    pub key: PrivateKey,
    /// The certificate of that key.
    pub certificate: Certificate,
    /// The key that opens what is sealed for this party.
    pub decryption_key: PrivateKey,
    /// The certificate of that key.
    pub encryption_certificate: Certificate,
}

/// The parties, the time and the seed.
pub struct World {
    /// With which algorithm the parties sign.
    pub suite: Suite,
    /// All content is derived from it.
    pub seed: u64,
    /// Seconds since 1970-01-01T00:00:00Z at which every message is valid.
    pub now: i64,
    /// Issues assertions, metadata and envelopes.
    pub relay: Party,
    /// Insurer A, who asks.
    pub requester: Party,
    /// Insurer B, for whom envelopes are sealed.
    pub responder: Party,
    /// Nobody's partner. The certificate is self-signed.
    pub attacker: Party,
    /// Who certified the parties, the attacker left out.
    pub authority: Certificate,
}

/// A message before it is signed, with what will sign it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The message.
    pub message: Message,
    /// Path of the parent and what is put there, in the order of signing.
    pub signatures: Vec<(String, SignatureSpec)>,
}

/// The NameID of the person: Japanese text, full-width digits.
pub const PERSON: &str = "港いろは１２３４";
/// The portal that reads the login assertions.
pub const PORTAL: &str = "https://portal.example.test/sp";
/// Where the portal takes responses.
pub const PORTAL_CONSUMER: &str = "https://portal.example.test/acs";

impl Suite {
    /// Every suite.
    pub const ALL: &'static [Self] = &[Self::Rsa, Self::P256];
}

impl Specimen {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Assertion, Self::Response, Self::SignedResponse, Self::Envelope, Self::Soap, Self::Metadata];
}

impl World {
    /// A world with RSA signatures.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(Suite::Rsa, seed)
    }

    /// A world.
    #[must_use]
    pub fn with(suite: Suite, seed: u64) -> Self {
        let Parties { relay, requester, responder, attacker, authority } = Parties::of(suite).clone();
        Self { suite, seed, now: test_pki::NOW.0, relay, requester, responder, attacker, authority }
    }

    /// The signed message.
    #[must_use]
    pub fn message(&self, specimen: Specimen) -> Message {
        self.draft(specimen).sign()
    }

    /// The message before signing.
    #[must_use]
    pub fn draft(&self, specimen: Specimen) -> Draft {
        self.draft_with(specimen, &self.seal())
    }

    /// The message before signing, with another seal around the identifier of an [`Specimen::Envelope`].
    #[must_use]
    pub fn draft_with(&self, specimen: Specimen, seal: &SealSpec) -> Draft {
        let relay = |id: &str| self.enveloped(id, &self.relay);
        let (root, signatures) = match specimen {
            Specimen::Assertion => (saml::assertion(self), vec![(".", relay(&self.id("assertion")))]),
            Specimen::Response => {
                (saml::response(self), vec![("saml:Assertion", relay(&self.id("assertion")))])
            }
            Specimen::SignedResponse => (
                saml::response(self),
                vec![("saml:Assertion", relay(&self.id("assertion"))), (".", relay(&self.id("response")))],
            ),
            Specimen::Envelope => (saml::envelope(self, seal), vec![(".", relay(&self.id("envelope")))]),
            Specimen::Soap => {
                (soap::request(self), vec![("soap:Header/wsse:Security", soap::signature(self))])
            }
            Specimen::Metadata => {
                let spec = SignatureSpec { place: crate::sign::Place::First, ..relay(&self.id("metadata")) };
                (saml::metadata(self), vec![(".", spec)])
            }
        };
        let signatures = signatures.into_iter().map(|(path, spec)| (path.to_owned(), spec)).collect();
        Draft { message: Message::new(root), signatures }
    }

    /// The seal around the identifier in the envelope.
    #[must_use]
    pub fn seal(&self) -> SealSpec {
        let recipient = self.responder.decryption_key.public_key();
        let mut spec = SealSpec::encrypted_id(&saml::sealed_name_id(self), recipient);
        spec.key_attributes = vec![("Recipient".to_owned(), self.responder.entity_id.to_owned())];
        spec
    }

    /// A signed authentication request of the portal as a query string; the requester's key stands in for the portal's.
    #[must_use]
    pub fn query(&self) -> QuerySpec {
        QuerySpec::request(&saml::authn_request(self).write(), Some("状態 1&2"), &self.requester.key)
    }

    /// An unsigned assertion of the relay about somebody else: what an attacker would like to be believed.
    #[must_use]
    pub fn evil_assertion(&self) -> Element {
        let mut evil = saml::assertion(self);
        evil.set("ID", &self.id("evil"));
        evil.find_mut("saml:Subject/saml:NameID").set_content("悪意のある者９９９９");
        evil
    }

    /// The one valid signature on a SAML element, by this party, with its certificate in `KeyInfo`.
    #[must_use]
    pub fn enveloped(&self, id: &str, by: &Party) -> SignatureSpec {
        SignatureSpec {
            key_info: Some(x509_key_info(by.certificate.der())),
            ..SignatureSpec::enveloped(id, &by.key)
        }
    }

    /// The identifier of a part of the messages: `_` and 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self, label: &str) -> String {
        let digest = sha256(format!("{}/{label}", self.seed).as_bytes());
        let digits: String = digest[..16].iter().map(|octet| format!("{octet:02x}")).collect();
        format!("_{digits}")
    }

    /// A time so many seconds after [`Self::now`].
    #[must_use]
    pub fn time(&self, offset: i64) -> String {
        DateTime { seconds: self.now + offset, nanoseconds: 0 }.format()
    }
}

impl Draft {
    /// Signs.
    #[must_use]
    pub fn sign(mut self) -> Message {
        for (path, spec) in &self.signatures {
            spec.sign(&mut self.message.root, path);
        }
        self.message
    }
}

/// Loading and checking keys takes most of a second, so that is done once.
#[derive(Clone)]
struct Parties {
    relay: Party,
    requester: Party,
    responder: Party,
    attacker: Party,
    authority: Certificate,
}

impl Parties {
    fn of(suite: Suite) -> &'static Self {
        static MADE: [OnceLock<Parties>; 2] = [const { OnceLock::new() }; 2];
        MADE[suite as usize].get_or_init(|| Self::make(suite))
    }

    fn make(suite: Suite) -> Self {
        use test_pki::keys::{p256, rsa2048};
        let authority = test_pki::Ca::new("TEST Root");
        let party = |entity_id, name: &str, number| {
            let decryption_key = rsa2048(number);
            let key = if suite == Suite::Rsa { decryption_key.clone() } else { p256(number) };
            let signing = test_pki::LeafSpec::new(&format!("TEST {name}"), key.public_key());
            let encryption = test_pki::LeafSpec {
                key_usage: test_pki::key_usage::KEY_ENCIPHERMENT,
                ..test_pki::LeafSpec::new(&format!("TEST {name} encryption"), decryption_key.public_key())
            };
            let (certificate, encryption_certificate) =
                (authority.issue(signing), authority.issue(encryption));
            Party { entity_id, key, certificate, decryption_key, encryption_certificate }
        };
        Self {
            relay: party("https://relay.example.test/idp", "Relay", 1),
            requester: party("https://insurer-a.example.test/wsc", "Insurer A", 2),
            responder: party("https://insurer-b.example.test/wsp", "Insurer B", 3),
            attacker: attacker(suite),
            authority: authority.certificate().clone(),
        }
    }
}

fn attacker(suite: Suite) -> Party {
    let rsa = PrivateKey::from_pem(include_str!("../test-keys/attacker-rsa2048.pem")).expect("a key");
    let key = match suite {
        Suite::Rsa => rsa.clone(),
        Suite::P256 => PrivateKey::from_pem(include_str!("../test-keys/attacker-p256.pem")).expect("a key"),
    };
    let own = |key: &PrivateKey| {
        let spec = test_pki::LeafSpec::new("TEST Attacker", key.public_key());
        test_pki::Ca::from_spec(spec, key.clone()).certificate().clone()
    };
    Party {
        entity_id: "https://attacker.example.test/",
        certificate: own(&key),
        key,
        encryption_certificate: own(&rsa),
        decryption_key: rsa,
    }
}
