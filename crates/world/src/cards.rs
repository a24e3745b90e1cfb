//! `cards.json`: TEST cards of the world's persons and staff, good and bad, and the authorities that a relay believes.
//!
//! Cards share one key, and good and forged authorities one each: what differs between them is what their certificates say.

use chukei_crypto::test_pki::{self, Ca, CrlSpec, LeafSpec, key_usage, oid};
use chukei_crypto::{Certificate, Crl, PrivateKey, TrustAnchors, UnixTime};
use openssl::error::ErrorStack;
use openssl::x509::{X509, X509Crl};
use serde::{Deserialize, Serialize};

use crate::WorldError;
use crate::keys;

/// Party of the visible numbers, as a relay keeps them.
pub const VISIBLE: &str = "visible";

/// `cards.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// Whom a relay believes.
    pub authorities: Vec<AuthorityEntry>,
    /// The cards.
    pub cards: Vec<CardEntry>,
    /// 保健医療番号（仮称）.
    pub visible_numbers: Vec<VisibleEntry>,
}

/// An authority that a relay believes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEntry {
    /// Whose certificates it issues.
    pub of: Holder,
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub revocation_list: String,
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// A person's card.
    Card,
    /// A member of staff.
    Operator,
}

/// A card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardEntry {
    /// Its name in the file.
    pub id: String,
    /// Whose it is.
    pub of: Holder,
    /// The person for whom its certificate is registered; nobody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// PEM.
    pub certificate: String,
    /// PEM: the key in the card; absent for a card that keeps its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A certificate of a card that was issued elsewhere, with its authority. Each is PEM.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// Whose.
    pub of: Holder,
    /// Name in the file.
    pub id: &'a str,
    /// The person, of a person's card.
    pub person: Option<&'a str>,
    /// The certificate.
    pub certificate: &'a str,
    /// The authority that issued it.
    pub authority: &'a str,
    /// The authority's list.
    pub revocation_list: &'a str,
}

/// The visible number of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisibleEntry {
    /// Whose.
    pub person: String,
    /// The number.
    pub number: String,
}

impl CardFile {
    /// Reads `cards.json`.
    ///
    /// # Errors
    /// What serde_json says, with line and column.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Adds a card. A relay believes its authority from then on, and revokes whatever any list of that says.
    pub fn register(&mut self, new: &Registration<'_>) {
        self.cards.retain(|card| card.id != new.id);
        self.cards.push(CardEntry {
            id: new.id.to_owned(),
            of: new.of,
            person: new.person.map(str::to_owned),
            certificate: new.certificate.to_owned(),
            key: None,
        });
        let authority = AuthorityEntry {
            of: new.of,
            certificate: new.authority.to_owned(),
            revocation_list: new.revocation_list.to_owned(),
        };
        if !self.authorities.contains(&authority) {
            self.authorities.push(authority);
        }
    }

    /// The authorities of these holders, with their lists.
    pub(crate) fn anchors(&self, of: Holder) -> Result<TrustAnchors, WorldError> {
        let wrong = |error: &dyn std::fmt::Display| WorldError::Cards(error.to_string());
        let (mut anchors, mut lists) = (Vec::new(), Vec::new());
        for entry in self.authorities.iter().filter(|entry| entry.of == of) {
            let anchor = Certificate::from_pem(&entry.certificate).map_err(|error| wrong(&error))?;
            if !anchors.contains(&anchor) {
                anchors.push(anchor);
            }
            lists.push(Crl::from_pem(&entry.revocation_list).map_err(|error| wrong(&error))?);
        }
        Ok(TrustAnchors::new(anchors).map_err(|error| wrong(&error))?.with_crls(lists))
    }
}

/// Years are enough; a day is not needed.
const YEAR: i64 = 365 * 86_400;

/// The cards of a new world.
pub(crate) fn made(seed: u64) -> Result<CardFile, WorldError> {
    let [own, issuing, forging] = keys(seed)?;
    let authority = |name: &str, key: &PrivateKey| {
        Ca::from_spec(LeafSpec::authority(name, key.public_key()), key.clone())
    };
    let (cards, other) = (authority("TEST Card CA", &issuing), authority("TEST Other Card CA", &issuing));
    let (unlisted, staff) =
        (authority("TEST Unlisted Card CA", &issuing), authority("TEST Operator CA", &issuing));
    let (unknown, forged) =
        (authority("TEST Unknown Card CA", &forging), authority("TEST Card CA", &forging));

    let (begin, end) = (test_pki::NOT_BEFORE, test_pki::NOT_AFTER);
    let spec = |name: &str| LeafSpec {
        key_usage: key_usage::DIGITAL_SIGNATURE | key_usage::NON_REPUDIATION,
        ..LeafSpec::new(&format!("TEST {name}"), own.public_key())
    };
    let mut file = CardFile::default();
    let key = own.to_pkcs8_pem().map_err(broken)?;
    let mut add = |id: &str, of, person: Option<&str>, issuer: &Ca, spec: LeafSpec| {
        let certificate = issuer.issue(spec);
        file.cards.push(CardEntry {
            id: id.to_owned(),
            of,
            person: person.map(str::to_owned),
            certificate: certificate_pem(&certificate)?,
            key: Some(key.to_string()),
        });
        Ok::<_, WorldError>(certificate)
    };
    let sample = Some("seed-sample");
    // The first certificate of each authority has the same serial number.
    add("usual", Holder::Card, sample, &cards, spec("Card 1"))?;
    add("same-serial", Holder::Card, None, &other, spec("Card 1"))?;
    add("forged", Holder::Card, None, &forged, spec("Card 1"))?;
    add("unknown-issuer", Holder::Card, sample, &unknown, spec("Card 2"))?;
    add("another", Holder::Card, Some("both"), &cards, spec("Card 3"))?;
    add("renewed", Holder::Card, None, &cards, spec("Card 4"))?;
    add(
        "expired",
        Holder::Card,
        sample,
        &cards,
        LeafSpec { not_before: UnixTime(begin.0 - YEAR), not_after: begin, ..spec("Card 5") },
    )?;
    add(
        "not-yet-valid",
        Holder::Card,
        sample,
        &cards,
        LeafSpec { not_before: end, not_after: UnixTime(end.0 + YEAR), ..spec("Card 6") },
    )?;
    let revoked = add("revoked", Holder::Card, sample, &cards, spec("Card 7"))?;
    add("unlisted", Holder::Card, sample, &unlisted, spec("Card 8"))?;
    add(
        "signature-only",
        Holder::Card,
        sample,
        &cards,
        LeafSpec { key_usage: key_usage::NON_REPUDIATION, ..spec("Card 9") },
    )?;
    add(
        "authentication-only",
        Holder::Card,
        sample,
        &cards,
        LeafSpec { key_usage: key_usage::DIGITAL_SIGNATURE, ..spec("Card 10") },
    )?;
    let operator = |name: &str, title: &str| LeafSpec {
        title: Some(title.to_owned()),
        extended_key_usage: vec![oid::CLIENT_AUTH],
        ..spec(name)
    };
    add("reception", Holder::Operator, None, &staff, operator("Operator 1", "eligibility-check"))?;
    add("registration", Holder::Operator, None, &staff, operator("Operator 2", "registration"))?;
    let dismissed =
        add("dismissed", Holder::Operator, None, &staff, operator("Operator 3", "eligibility-check"))?;

    let list =
        |revoked: Vec<Certificate>, next_update| CrlSpec { revoked, next_update, ..CrlSpec::default() };
    for (of, authority, spec) in [
        (Holder::Card, &cards, list(vec![revoked], Some(end))),
        (Holder::Card, &other, list(Vec::new(), Some(end))),
        // The list that ended the second after it began.
        (Holder::Card, &unlisted, list(Vec::new(), Some(UnixTime(begin.0 + 1)))),
        (Holder::Operator, &staff, list(vec![dismissed], Some(end))),
    ] {
        file.authorities.push(AuthorityEntry {
            of,
            certificate: certificate_pem(authority.certificate())?,
            revocation_list: list_pem(&authority.crl_der(&spec))?,
        });
    }
    file.visible_numbers.push(VisibleEntry {
        person: "seed-sample".to_owned(),
        number: format!("TEST{:08}", seed % 100_000_000),
    });
    Ok(file)
}

/// The key of the cards, of the authorities, and of who forges them.
fn keys(seed: u64) -> Result<[PrivateKey; 3], WorldError> {
    let make = |purpose| {
        let pem =
            keys::rsa2048(seed, purpose).and_then(|key| key.private_key_to_pem_pkcs8()).map_err(broken)?;
        PrivateKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(broken)
    };
    std::thread::scope(|scope| {
        let jobs =
            ["card", "card-authority", "card-forger"].map(|purpose| scope.spawn(move || make(purpose)));
        let [own, issuing, forging] =
            jobs.map(|job| job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok([own?, issuing?, forging?])
    })
}

fn certificate_pem(certificate: &Certificate) -> Result<String, WorldError> {
    text(X509::from_der(certificate.der()).and_then(|certificate| certificate.to_pem()))
}

fn list_pem(der: &[u8]) -> Result<String, WorldError> {
    text(X509Crl::from_der(der).and_then(|list| list.to_pem()))
}

fn text(pem: Result<Vec<u8>, ErrorStack>) -> Result<String, WorldError> {
    String::from_utf8(pem.map_err(broken)?).map_err(broken)
}

/// A mistake of ours, or the library's.
fn broken(error: impl std::fmt::Display) -> WorldError {
    WorldError::Made(error.to_string())
}
