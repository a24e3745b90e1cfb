//! Personalisation: fills the slots of a card type with keys, certificates and the holder's numbers.

use std::fmt;

use chukei_card::{CertificatePlan, Hex, Image, LifeCycle};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use openssl::x509::X509;
use rand_chacha::rand_core::RngCore;

use crate::authority::Authority;
use crate::der::tlv;
use crate::holder::Holder;
use crate::keys;

/// What is to be issued.
#[derive(Clone, Debug)]
pub struct Order {
    /// The card type.
    pub image: Image,
    /// For whom.
    pub holder: Holder,
    /// Decides keys and serial numbers; cards of one seed have the same authorities.
    pub seed: u64,
    /// The moment of issue, in seconds since 1970.
    pub issued: i64,
    /// Serial number of the certificates, if it is to be a certain one.
    pub serial: Option<u64>,
    /// What is to be wrong with the card.
    pub deviations: Vec<Deviation>,
}

/// What can be wrong with a card from its issue on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// The certificates ended the day before.
    Expired,
    /// They begin in ten years.
    NotYetValid,
    /// They stand in the revocation list.
    Revoked,
    /// They come from an authority that nobody knows.
    UnknownIssuer,
    /// They come from an authority of the right name with another key.
    ForgedIssuer,
    /// They come from another authority that is known, under the serial number of the sound card.
    SameSerial,
    /// They are the successors of the sound card's: the same person, a new key, a new serial number.
    Renewed,
    /// The keys are not those of the certificates. A card with a copied certificate looks so.
    OtherKey,
    /// The 44-digit id has 43.
    Id43,
    /// It has 45.
    Id45,
    /// It has a letter.
    IdLetter,
    /// No PIN has a try left.
    Blocked,
}

impl Deviation {
    /// Every deviation with its name.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Expired, "expired"),
        (Self::NotYetValid, "not-yet-valid"),
        (Self::Revoked, "revoked"),
        (Self::UnknownIssuer, "unknown-issuer"),
        (Self::ForgedIssuer, "forged-issuer"),
        (Self::SameSerial, "same-serial"),
        (Self::Renewed, "renewed"),
        (Self::OtherKey, "other-key"),
        (Self::Id43, "id-43"),
        (Self::Id45, "id-45"),
        (Self::IdLetter, "id-letter"),
        (Self::Blocked, "blocked"),
    ];

    /// The deviation of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(deviation, _)| deviation)
    }
}

/// A personalised card, and what a relying party needs beside it.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The card, personalised and not yet activated.
    pub image: Image,
    /// Its certificates.
    pub certificates: Vec<IssuedCertificate>,
}

/// A certificate of a card, each part as PEM.
#[derive(Clone, Debug)]
pub struct IssuedCertificate {
    /// Name in the card type.
    pub name: String,
    /// The certificate.
    pub certificate: String,
    /// The authority to be trusted; not the one that issued it, if that is to be unknown or forged.
    pub authority: String,
    /// The revocation list of that authority.
    pub revocation_list: String,
}

/// Why a card cannot be issued.
#[derive(Debug)]
#[non_exhaustive]
pub enum IssueError {
    /// A plan or file of the card type that cannot be filled.
    Type {
        /// Which certificate or file.
        name: String,
    },
    /// What OpenSSL says.
    Library(ErrorStack),
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { name } => write!(f, "the card type does not say rightly what {name} is to hold"),
            Self::Library(error) => write!(f, "OpenSSL: {error}"),
        }
    }
}

impl std::error::Error for IssueError {}

impl From<ErrorStack> for IssueError {
    fn from(error: ErrorStack) -> Self {
        Self::Library(error)
    }
}

const DAY: i64 = 86_400;

/// Issues a card. The same order makes the same card.
///
/// # Errors
/// [`IssueError`].
pub fn issue(order: &Order) -> Result<Issued, IssueError> {
    let mut order = order.clone();
    let id = order.holder.get("kamogawa-id").unwrap_or_default().to_owned();
    for deviation in &order.deviations {
        let id = match deviation {
            Deviation::Id43 => id.get(1..).unwrap_or_default().to_owned(),
            Deviation::Id45 => format!("{id}0"),
            Deviation::IdLetter => format!("{}O", id.get(1..).unwrap_or_default()),
            _ => continue,
        };
        order.holder.set("kamogawa-id", id);
    }
    let mut made = Vec::new();
    for plan in &order.image.certificates {
        made.push(certify(&order, plan)?);
    }
    let Order { mut image, holder, deviations, .. } = order;
    for Made { plan, private, .. } in &made {
        image.install_key(plan.key.get_ref(), &private.private_key_to_pkcs8()?);
    }
    for application in &mut image.applications {
        for file in &mut application.files {
            let Some(from) = &file.from else { continue };
            let content = content(from, &made, &holder)?
                .ok_or_else(|| IssueError::Type { name: format!("{} ({from})", file.name) })?;
            if file.linear {
                file.records = vec![Hex(content)];
            } else {
                file.content = Some(Hex(content));
            }
        }
        if deviations.contains(&Deviation::Blocked) {
            application.pins.iter_mut().for_each(|pin| *pin.left.get_mut() = 0);
        }
    }
    image.state = LifeCycle::Personalised;
    let certificates = made.into_iter().map(|made| made.issued).collect();
    Ok(Issued { image, certificates })
}

/// A certificate on its way into the card.
struct Made {
    plan: CertificatePlan,
    private: PKey<Private>,
    certificate: X509,
    authority: X509,
    issued: IssuedCertificate,
}

fn certify(order: &Order, plan: &CertificatePlan) -> Result<Made, IssueError> {
    let has = |deviation| order.deviations.contains(&deviation);
    let (seed, name) = (order.seed, plan.authority.get_ref());
    let known = Authority::new(seed, name, plan.digest, false)?;
    let issuer = if has(Deviation::ForgedIssuer) {
        Some(Authority::new(seed, name, plan.digest, true)?)
    } else if has(Deviation::UnknownIssuer) || has(Deviation::SameSerial) {
        Some(Authority::new(seed, &format!("{name} 2"), plan.digest, false)?)
    } else {
        None
    };
    let number = order.holder.get("card-number").unwrap_or_default();
    let generation = if has(Deviation::Renewed) { "second" } else { "first" };
    let purpose = format!("{generation}:{}:{name}:{number}", plan.name);
    // Positive, 63 bits: what RFC 5280 §4.1.2.2 allows in few octets.
    let serial = order
        .serial
        .unwrap_or_else(|| (keys::stream(seed, &format!("serial:{purpose}")).next_u64() >> 1) | 1);
    let life = i64::from(plan.years) * 365 * DAY;
    let begin = if has(Deviation::Expired) {
        order.issued - life - DAY
    } else if has(Deviation::NotYetValid) {
        order.issued + 3650 * DAY
    } else {
        order.issued
    };
    let keys_of_card = order.image.applications.iter().flat_map(|application| &application.keys);
    let bits = keys_of_card.filter(|key| key.name == *plan.key.get_ref()).map(|key| key.bits).next();
    let bits = bits.ok_or_else(|| IssueError::Type { name: plan.name.clone() })?;
    let key = keys::rsa(seed, &format!("key:{purpose}"), bits)?;
    let certificate = issuer
        .as_ref()
        .unwrap_or(&known)
        .issue(plan, &order.holder, serial, (begin, begin + life), &key)?
        .ok_or_else(|| IssueError::Type { name: plan.name.clone() })?;
    let private =
        if has(Deviation::OtherKey) { keys::rsa(seed, &format!("other:{purpose}"), bits)? } else { key };
    // The other authority of the same serial number is as good as the first.
    let trusted = issuer.filter(|_| has(Deviation::SameSerial)).unwrap_or(known);
    let revoked: &[u64] = if has(Deviation::Revoked) { &[serial] } else { &[] };
    let list = trusted.revocation_list(order.issued, revoked)?;
    let issued = IssuedCertificate {
        name: plan.name.clone(),
        certificate: pem("CERTIFICATE", &certificate.to_der()?),
        authority: pem("CERTIFICATE", &trusted.certificate.to_der()?),
        revocation_list: pem("X509 CRL", &list),
    };
    Ok(Made { plan: plan.clone(), private, certificate, authority: trusted.certificate, issued })
}

/// What a file holds; none if `from` asks for something that there is not.
fn content(from: &str, made: &[Made], holder: &Holder) -> Result<Option<Vec<u8>>, ErrorStack> {
    let of = |name: &str| made.iter().find(|made| made.plan.name == name);
    Ok(match from.split_once(':') {
        Some(("certificate", name)) => of(name).map(|made| made.certificate.to_der()).transpose()?,
        Some(("authority", name)) => of(name).map(|made| made.authority.to_der()).transpose()?,
        Some(("piv-certificate", name)) => match of(name) {
            Some(made) => {
                // Certificate, not compressed, without an error detection code (NIST SP 800-73-4 part 1 appendix A).
                let certificate = tlv(0x70, &[&made.certificate.to_der()?]);
                Some(tlv(0x53, &[&certificate, &[0x71, 1, 0, 0xfe, 0]]))
            }
            None => None,
        },
        Some(("chuid", text)) => holder.fill(text).map(|text| {
            let id = sha256(text.as_bytes());
            let guid = tlv(0x34, &[id.get(..16).unwrap_or_default()]);
            let number = tlv(0x30, &[&[0xff; 25]]);
            tlv(0x53, &[&number, &guid, &tlv(0x35, &[b"20460101"]), &[0x3e, 0, 0xfe, 0]])
        }),
        Some(("tlv", rest)) => rest.split_once(':').and_then(|(tag, text)| {
            let tag = u8::from_str_radix(tag, 16).ok()?;
            Some(tlv(tag, &[holder.fill(text)?.as_bytes()]))
        }),
        _ => None,
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = openssl::base64::encode_block(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at_checked(64).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = next;
    }
    out + &format!("-----END {label}-----\n")
}
