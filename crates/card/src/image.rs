//! Card images: everything that a card holds, as TOML. A card type is an image whose slots are empty.
//!
//! ```toml
//! type = "kokuho-only"
//! state = "activated"
//! atr = "3be000ff8131fe4514"
//!
//! [[application]]
//! name = "kokuho"
//! aid = "f04b4f4b55484f415031"
//! commands = ["select", "read-binary"]
//! file = [{ name = "user-number", id = "0001", read = "always", from = "{user-number}", content = "810a30313233343536373839" }]
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::apdu::Instruction;
use crate::hex::{FileId, Hex};
use crate::status::Status;

/// Everything that a card holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Name of the card type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the card stands in its life.
    pub state: LifeCycle,
    /// Answer to reset (ISO/IEC 7816-3 §8.2).
    pub atr: Spanned<Hex>,
    /// The applications, each behind its own wall.
    #[serde(rename = "application", default)]
    pub applications: Vec<Application>,
    /// What personalisation issues for the card.
    #[serde(rename = "certificate", default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificatePlan>,
}

impl Image {
    /// Puts a private key (PKCS#8) into the key of this name. Whether there is one.
    pub fn install_key(&mut self, name: &str, pkcs8: &[u8]) -> bool {
        let mut keys = self.applications.iter_mut().flat_map(|application| &mut application.keys);
        let key = keys.find(|key| key.name == name);
        let private = Secret(Hex(pkcs8.to_vec()).to_string());
        key.map(|key| key.private = Some(Spanned::new(0..0, private))).is_some()
    }

    /// Sets a PIN that the type has, and all its tries. Whether there is one of this name and form.
    pub fn set_pin(&mut self, name: &str, value: &str) -> bool {
        let mut pins = self.applications.iter_mut().flat_map(|application| &mut application.pins);
        let pin = pins
            .find(|pin| pin.name.get_ref() == name && pin.value.is_some() && pin.admits(value.as_bytes()));
        pin.map(|pin| {
            pin.value = Some(Spanned::new(0..0, Secret(value.to_owned())));
            *pin.left.get_mut() = pin.tries;
        })
        .is_some()
    }

    /// Uses up the tries of the PIN of this name. Whether there is one.
    pub fn block_pin(&mut self, name: &str) -> bool {
        let mut pins = self.applications.iter_mut().flat_map(|application| &mut application.pins);
        pins.find(|pin| pin.name.get_ref() == name).map(|pin| *pin.left.get_mut() = 0).is_some()
    }
}

/// The life of a card. Only an activated one lets its applications be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeCycle {
    /// Layout, no content.
    Manufactured,
    /// Keys and certificates are in, the holder has not got it yet.
    Personalised,
    /// In the holder's hands.
    Activated,
    /// Reported lost; may come back.
    Suspended,
    /// Over, for good.
    Terminated,
}

impl LifeCycle {
    /// Whether the issuer may bring a card from here to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use LifeCycle::{Activated, Manufactured, Personalised, Suspended, Terminated};
        match (self, next) {
            (Terminated, _) => false,
            (Manufactured, Personalised)
            | (Personalised | Suspended, Activated)
            | (Activated, Suspended)
            | (_, Terminated) => true,
            _ => false,
        }
    }

    /// Its name in images, scripts and on the control socket.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manufactured => "manufactured",
            Self::Personalised => "personalised",
            Self::Activated => "activated",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all =
            [Self::Manufactured, Self::Personalised, Self::Activated, Self::Suspended, Self::Terminated];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// An application: files, PINs and keys that nothing outside it can reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Application {
    /// Name, for people.
    pub name: String,
    /// Application identifier, 5 to 16 octets (ISO/IEC 7816-4 §8.2.1.2).
    pub aid: Spanned<Hex>,
    /// Whether its beginning, 5 octets or more, selects it too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
    /// What SELECT with P2 = 00 answers, if not `6F { 84 AID }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fci: Option<Hex>,
    /// Commands beside SELECT.
    pub commands: Vec<Instruction>,
    /// Commands that may come in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chaining: Vec<Instruction>,
    /// The answer to VERIFY for a blocked PIN.
    #[serde(default = "blocked")]
    pub blocked: Blocked,
    /// What VERIFY without data answers when the PIN has been verified.
    #[serde(default)]
    pub verified: VerifiedAnswer,
    /// What VERIFY makes of a PIN of a length that no PIN has.
    #[serde(default)]
    pub wrong_length: WrongLength,
    /// Elementary files and data objects.
    #[serde(rename = "file", default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// PIN objects.
    #[serde(rename = "pin", default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// Keys.
    #[serde(rename = "key", default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
}

/// Two families of cards say "blocked" differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocked {
    /// 6984, as JPKI cards do.
    #[serde(rename = "6984")]
    ReferenceDataNotUsable,
    /// 6983, as PIV cards do.
    #[serde(rename = "6983")]
    AuthenticationMethodBlocked,
}

impl Blocked {
    pub(crate) const fn status(self) -> Status {
        match self {
            Self::ReferenceDataNotUsable => Status(0x6984),
            Self::AuthenticationMethodBlocked => Status(0x6983),
        }
    }
}

const fn blocked() -> Blocked {
    Blocked::ReferenceDataNotUsable
}

/// What VERIFY without data says after a right PIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifiedAnswer {
    /// 63Cx, as if nothing had happened: JPKI cards.
    #[default]
    Tries,
    /// 9000: PIV cards.
    Ok,
}

/// What a PIN of an impossible length costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrongLength {
    /// A try, as any wrong PIN.
    #[default]
    Try,
    /// Nothing: 6700.
    Refused,
}

/// Who may read or write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Access {
    /// Whoever has the card.
    Always,
    /// Nobody.
    Never,
    /// Whoever has verified the PIN of this name.
    Pin(String),
}

impl From<String> for Access {
    fn from(text: String) -> Self {
        match text.as_str() {
            "always" => Self::Always,
            "never" => Self::Never,
            _ => Self::Pin(text),
        }
    }
}

impl From<Access> for String {
    fn from(access: Access) -> Self {
        match access {
            Access::Always => "always".to_owned(),
            Access::Never => "never".to_owned(),
            Access::Pin(name) => name,
        }
    }
}

/// An elementary file, or a PIV data object.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Name, for people.
    pub name: String,
    /// File identifier; its value is the short identifier too if it is below 31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<FileId>,
    /// Tag of a PIV data object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Hex>,
    /// Who may read it: `always`, `never` or the name of a PIN.
    pub read: Spanned<Access>,
    /// Who may write it.
    #[serde(default = "never")]
    pub update: Spanned<Access>,
    /// Octets of the file; zeros follow the content. Without it, the file is as long as its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// Whether it has records in place of content.
    #[serde(default, skip_serializing_if = "is_false")]
    pub linear: bool,
    /// What personalisation puts there: `certificate:NAME` or `authority:NAME` (of a [`CertificatePlan`]),
    /// `piv-certificate:NAME` (in a PIV object), `chuid:TEXT` (NIST SP 800-73-4 part 1 §3.1.2) or `tlv:TAG:TEXT`, where
    /// `{attribute}`s in the text are the holder's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Hex>,
    /// The records, from number 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Hex>,
}

fn never() -> Spanned<Access> {
    Spanned::new(0..0, Access::Never)
}

/// A PIN object.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Name, for access rules and people.
    pub name: Spanned<String>,
    /// File identifier of its PIN file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<FileId>,
    /// Reference for P2, where there are no PIN files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Hex>,
    /// Shortest.
    pub min: usize,
    /// Longest.
    pub max: usize,
    /// Of what it is made.
    pub characters: Characters,
    /// Octet with which VERIFY fills the PIN up to the longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<Hex>,
    /// Wrong tries in a row that block it.
    pub tries: u8,
    /// How many of them are left.
    pub left: Spanned<u8>,
    /// Name of the PIN with which the issuer unblocks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unblock: Option<Spanned<String>>,
    /// The PIN. Without one nothing verifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Spanned<Secret>>,
}

impl Pin {
    /// Whether these octets have the form of the PIN.
    pub(crate) fn admits(&self, octets: &[u8]) -> bool {
        (self.min..=self.max).contains(&octets.len())
            && octets.iter().all(|octet| self.characters.admit(*octet))
    }

    /// What VERIFY brings, without its padding.
    pub(crate) fn bare<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        match self.padding.as_ref().map(|padding| padding.0.as_slice()) {
            Some(&[padding]) if octets.len() == self.max => {
                let end = octets.iter().rposition(|octet| *octet != padding).map_or(0, |last| last + 1);
                octets.get(..end).unwrap_or(octets)
            }
            _ => octets,
        }
    }
}

/// The characters of a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Characters {
    /// 0 to 9.
    Digits,
    /// A to Z, 0 to 9.
    UpperAlphanumeric,
}

impl Characters {
    const fn admit(self, octet: u8) -> bool {
        match self {
            Self::Digits => octet.is_ascii_digit(),
            Self::UpperAlphanumeric => octet.is_ascii_digit() || octet.is_ascii_uppercase(),
        }
    }
}

/// A PIN or a private key of a TEST card: written to images, shown nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…")
    }
}

/// A key pair.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Name, for certificates and people.
    pub name: String,
    /// File identifier of its key file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<FileId>,
    /// Reference for P2, where there are no key files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Hex>,
    /// Who may sign with it.
    #[serde(rename = "use")]
    pub usage: Spanned<Access>,
    /// Bits of the RSA modulus.
    pub bits: u32,
    /// PKCS#8, as hexadecimal digits. Without one the key is not installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<Spanned<Secret>>,
}

/// A certificate that personalisation issues.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificatePlan {
    /// Name, for files and people.
    pub name: String,
    /// Name of the key that it is for.
    pub key: Spanned<String>,
    /// Common name of the authority; contains TEST.
    pub authority: Spanned<String>,
    /// The subject: pairs of attribute and value with `{attribute}`s of the holder.
    pub subject: Vec<(String, String)>,
    /// Whether the four basic items of the holder stand in it (name, sex, birth date, address).
    #[serde(default)]
    pub basic_items: bool,
    /// Policy, as a dotted object identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Whether its signatures are meant as declarations (nonRepudiation).
    #[serde(default)]
    pub declares: bool,
    /// Whether it identifies a TLS client.
    #[serde(default)]
    pub tls_client: bool,
    /// Years from issue to expiry.
    pub years: u8,
    /// Digest of the authority's signature.
    #[serde(default)]
    pub digest: Digest,
}

/// Digest of an authority's signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Digest {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-1, as in 2010. Only cards and their authorities have it.
    Sha1,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
