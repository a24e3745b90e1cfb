//! A person, or a member of staff with a person's card, proves to the relay who is there (chapter 34 of the standard;
//! design.md §4.4).
//!
//! What a card signs stands apart from the message that carries it: an [`AccessApplication`] is a document of its own, octet by
//! octet as it was signed, and a [`Challenged`] signature is over seven lines of text.

use chukei_crypto::{PublicKey, SignatureAlgorithm, Signer, Zeroizing, sha256};
use chukei_idwsf::{Content, Parts, Payload, Status};
use chukei_reason::Reason;
use chukei_xml::{
    Element, Name, Writer, XmlError,
    lexical::{DateTime, decode_base64},
    ns,
};

use crate::{Purpose, read};

mod application;
mod presentation;

pub use application::{ACCESS_APPLICATION, AccessApplication, CONSENT, TITLE};
pub use presentation::{CARD_PRESENTATION, CardPresentation, PRESENTED, Presented};

/// `ck:ChallengeRequest`.
pub const CHALLENGE_REQUEST: Name = ns::CK.name("ChallengeRequest");
/// `ck:Challenge`.
pub const CHALLENGE: Name = ns::CK.name("Challenge");
/// `ck:LoginRequest`.
pub const REQUEST: Name = ns::CK.name("LoginRequest");
/// `ck:LoginAnswer`.
pub const ANSWER: Name = ns::CK.name("LoginAnswer");
/// `Format` of a session as a `saml:NameID`.
pub const SESSION: &str = "urn:chukei:1.0:identifier:session";

const APPLICATION: Name = ns::CK.name("Application");
const RESPONSE: Name = ns::CK.name("Response");
const RECEPTION: Name = ns::CK.name("Reception");
const TICKET: Name = ns::CK.name("Ticket");
const PORTAL: Name = ns::CK.name("Portal");
const OPERATOR: Name = ns::CK.name("Operator");
const CARD: Name = ns::CK.name("Card");
const VISIBLE_NUMBER: Name = ns::CK.name("VisibleNumber");
const CERTIFICATE: Name = ns::CK.name("Certificate");
const SIGNATURE: Name = ns::CK.name("Signature");
const DOCUMENT: Name = ns::CK.name("Document");
/// First line of what is signed.
const LOGIN: &str = "urn:chukei:1.0:login";

/// `ck:ChallengeRequest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeRequest;

/// `ck:Challenge`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// `value`.
    pub value: String,
    /// `notOnOrAfter`.
    pub until: DateTime,
    /// `door`: where a card may be presented over TLS, if the relay takes cards so.
    pub door: Option<String>,
}

/// `ck:LoginRequest`.
#[derive(Clone, Debug)]
pub enum Login {
    /// `ck:Application`: a signed access application.
    Application {
        /// DER of the certificate.
        certificate: Vec<u8>,
        /// The octets that were signed, signature included.
        document: Vec<u8>,
    },
    /// `ck:Response`: the person's card answers a challenge.
    Response {
        /// `challenge`.
        challenge: String,
        /// The card.
        card: Shown,
    },
    /// `ck:Ticket`: the person's client has presented the card over TLS.
    Ticket {
        /// `challenge`.
        challenge: String,
        /// What that client was given.
        ticket: Zeroizing<String>,
    },
    /// `ck:Reception`: a member of staff answers a challenge, for a patient who is there.
    Reception {
        /// `challenge`.
        challenge: String,
        /// The member of staff.
        operator: Shown,
        /// The patient.
        patient: Patient,
    },
}

/// A certificate, and what its key signed.
#[derive(Clone, Debug)]
pub struct Shown {
    /// DER of the certificate.
    pub certificate: Vec<u8>,
    /// The signature value; nothing where nothing was signed.
    pub signature: Option<Vec<u8>>,
}

/// What a patient shows at a reception.
#[derive(Clone, Debug)]
pub enum Patient {
    /// A card; its signature is optional.
    Card(Shown),
    /// 保健医療番号（仮称）, on the card's face.
    VisibleNumber(Zeroizing<String>),
}

impl Patient {
    /// What a signature of this reception is about: SHA-256 of certificate or number.
    #[must_use]
    pub fn subject(&self) -> [u8; 32] {
        match self {
            Self::Card(card) => sha256(&card.certificate),
            Self::VisibleNumber(number) => sha256(number.as_bytes()),
        }
    }
}

/// `ck:LoginAnswer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAnswer {
    /// `lu:Status`.
    pub status: Status,
    /// What was given; nothing unless the status is `OK`.
    pub session: Option<Given>,
}

/// A session as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `session`.
    pub id: String,
    /// `notOnOrAfter`.
    pub until: DateTime,
    /// `context`.
    pub context: Context,
}

/// The way in which somebody was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// By an access application.
    Application,
    /// By a response to a challenge.
    Challenge,
    /// By a card with which a TLS client has authenticated itself to the relay.
    TlsClient,
    /// By a card at a reception that signed nothing.
    CardWithoutPin,
    /// By a card at a reception whose key has signed.
    CardPresent,
    /// By the number on a card's face, at a reception.
    VisibleNumber,
}

impl Context {
    const ALL: [Self; 6] = [
        Self::Application,
        Self::Challenge,
        Self::TlsClient,
        Self::CardWithoutPin,
        Self::CardPresent,
        Self::VisibleNumber,
    ];

    /// Its name in histories: the last part of its URI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Challenge => "challenge",
            Self::TlsClient => "tls-client",
            Self::CardWithoutPin => "card-without-pin",
            Self::CardPresent => "card-present",
            Self::VisibleNumber => "visible-number",
        }
    }

    /// The context of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|context| context.name() == name)
    }

    /// Its identifier on the wire.
    #[must_use]
    pub fn uri(self) -> String {
        format!("urn:chukei:1.0:context:{}", self.name())
    }

    /// The context of this identifier.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|context| context.uri() == uri)
    }
}

/// What a key signs to answer a challenge.
#[derive(Clone, Copy, Debug)]
pub struct Challenged<'a> {
    /// Whose key.
    pub by: By,
    /// Entity identifier of the relay.
    pub relay: &'a str,
    /// Entity identifier of the party that logs somebody in.
    pub sender: &'a str,
    /// What the session is to be for.
    pub purpose: Purpose,
    /// The challenge.
    pub challenge: &'a str,
    /// SHA-256 of the card's certificate or of the visible number.
    pub subject: [u8; 32],
}

/// Whose key answers a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The person's card at a portal.
    Response,
    /// A member of staff.
    Operator,
    /// The patient's card at a reception.
    Possession,
}

impl Challenged<'_> {
    /// SHA-256 of the seven lines.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let by = match self.by {
            By::Response => "response",
            By::Operator => "operator",
            By::Possession => "possession",
        };
        let subject: String = self.subject.iter().map(|octet| format!("{octet:02x}")).collect();
        let lines = [LOGIN, by, self.relay, self.sender, self.purpose.uri(), self.challenge, &subject];
        sha256(lines.map(|line| format!("{line}\n")).concat().as_bytes())
    }

    /// Signs with a card.
    ///
    /// # Errors
    /// When the card does not sign.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Vec<u8>, chukei_crypto::CryptoError> {
        signer.sign(&self.digest())
    }

    /// Whether this key has made the signature value.
    #[must_use]
    pub fn verifies(&self, key: &PublicKey, signature: &[u8]) -> bool {
        let digest = self.digest();
        [SignatureAlgorithm::RsaSha256, SignatureAlgorithm::EcdsaSha256]
            .into_iter()
            .any(|algorithm| key.verify(algorithm, &digest, signature).is_ok())
    }
}

impl Payload for ChallengeRequest {
    const NAMES: &'static [Name] = &[CHALLENGE_REQUEST];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        element.empty()?;
        Ok(Self)
    }
}

impl Content for ChallengeRequest {
    const NAME: Name = CHALLENGE_REQUEST;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(CHALLENGE_REQUEST).close();
    }
}

impl Payload for Challenge {
    const NAMES: &'static [Name] = &[CHALLENGE];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["value", "notOnOrAfter", "door"])?;
        element.empty()?;
        Ok(Self {
            value: element.required_attribute("value")?.to_owned(),
            until: read::required_date_time(element, "notOnOrAfter")?,
            door: element.attribute("door").map(str::to_owned),
        })
    }
}

impl Content for Challenge {
    const NAME: Name = CHALLENGE;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(CHALLENGE);
        if let Some(door) = &self.door {
            w.attribute("door", door);
        }
        w.attribute("notOnOrAfter", &self.until.format()).attribute("value", &self.value).close();
    }
}

impl Payload for Login {
    const NAMES: &'static [Name] = &[REQUEST];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&[])?;
        let mut children = element.children();
        let login = if let Some(application) = children.optional(APPLICATION)? {
            application.only_attributes(&[])?;
            let mut parts = application.children();
            let certificate = octets(parts.required(CERTIFICATE)?)?;
            let document = octets(parts.required(DOCUMENT)?)?;
            parts.finish()?;
            Self::Application { certificate, document }
        } else if let Some(response) = children.optional(RESPONSE)? {
            response.only_attributes(&["challenge"])?;
            let challenge = response.required_attribute("challenge")?.to_owned();
            Self::Response { challenge, card: Shown::read(response, true)? }
        } else if let Some(ticket) = children.optional(TICKET)? {
            ticket.only_attributes(&["challenge"])?;
            let challenge = ticket.required_attribute("challenge")?.to_owned();
            Self::Ticket { challenge, ticket: Zeroizing::new(ticket.text()?.to_owned()) }
        } else {
            let reception = children.required(RECEPTION)?;
            reception.only_attributes(&["challenge"])?;
            let mut parts = reception.children();
            let operator = parts.required(OPERATOR)?;
            operator.only_attributes(&[])?;
            let patient = match parts.optional(CARD)? {
                Some(card) => {
                    card.only_attributes(&[])?;
                    Patient::Card(Shown::read(card, false)?)
                }
                None => {
                    let number = parts.required(VISIBLE_NUMBER)?;
                    number.only_attributes(&[])?;
                    Patient::VisibleNumber(Zeroizing::new(number.text()?.to_owned()))
                }
            };
            parts.finish()?;
            Self::Reception {
                challenge: reception.required_attribute("challenge")?.to_owned(),
                operator: Shown::read(operator, true)?,
                patient,
            }
        };
        children.finish()?;
        Ok(login)
    }

    fn asks_about_a_person(&self) -> bool {
        true
    }
}

impl Content for Login {
    const NAME: Name = REQUEST;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(REQUEST);
        match self {
            Self::Application { certificate, document } => {
                w.open(APPLICATION).open(CERTIFICATE).base64(certificate).close();
                w.open(DOCUMENT).base64(document).close().close();
            }
            Self::Response { challenge, card } => {
                w.open(RESPONSE).attribute("challenge", challenge);
                card.write(w);
                w.close();
            }
            Self::Ticket { challenge, ticket } => {
                w.open(TICKET).attribute("challenge", challenge).text(ticket).close();
            }
            Self::Reception { challenge, operator, patient } => {
                w.open(RECEPTION).attribute("challenge", challenge).open(OPERATOR);
                operator.write(w);
                w.close();
                match patient {
                    Patient::Card(card) => {
                        w.open(CARD);
                        card.write(w);
                        w.close();
                    }
                    Patient::VisibleNumber(number) => drop(w.element(VISIBLE_NUMBER, number)),
                }
                w.close();
            }
        }
        w.close();
    }
}

impl Shown {
    fn read(element: Element<'_>, must_sign: bool) -> Result<Self, XmlError> {
        let mut parts = element.children();
        let certificate = octets(parts.required(CERTIFICATE)?)?;
        let signature = match must_sign {
            true => Some(parts.required(SIGNATURE)?),
            false => parts.optional(SIGNATURE)?,
        };
        parts.finish()?;
        Ok(Self { certificate, signature: signature.map(octets).transpose()? })
    }

    fn write(&self, w: &mut Writer<'_>) {
        w.open(CERTIFICATE).base64(&self.certificate).close();
        if let Some(signature) = &self.signature {
            w.open(SIGNATURE).base64(signature).close();
        }
    }
}

impl Payload for LoginAnswer {
    const NAMES: &'static [Name] = &[ANSWER];

    fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
        element.only_attributes(&["session", "notOnOrAfter", "context"])?;
        let status = Status::read(element.only(Status::NAME)?)?;
        let session = if status.is_ok() {
            let context = Context::from_uri(element.required_attribute("context")?);
            Some(Given {
                id: element.required_attribute("session")?.to_owned(),
                until: read::required_date_time(element, "notOnOrAfter")?,
                context: context.ok_or_else(|| element.error(Reason::Schema, "a context of the standard"))?,
            })
        } else {
            element.only_attributes(&[])?;
            None
        };
        Ok(Self { status, session })
    }
}

impl Content for LoginAnswer {
    const NAME: Name = ANSWER;

    fn write(&self, w: &mut Writer<'_>) {
        w.open(ANSWER);
        if let Some(Given { id, until, context }) = &self.session {
            w.attribute("context", &context.uri()).attribute("notOnOrAfter", &until.format());
            w.attribute("session", id);
        }
        self.status.write(w);
        w.close();
    }
}

fn octets(element: Element<'_>) -> Result<Vec<u8>, XmlError> {
    element.only_attributes(&[])?;
    decode_base64(element.text()?).ok_or_else(|| element.error(Reason::Base64, "canonical base64"))
}
