//! What happened: one [`Event`] per line of a transcript.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use chukei_xml::lexical::{decode_base64, encode_base64};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

/// One thing that happened, with its number and its (virtual) time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Position in the transcript, from 1 without a gap.
    pub seq: u32,
    /// Seconds since 1970 on the run's virtual clock.
    pub at: i64,
    /// What happened.
    pub what: What,
}

/// What can happen in a run.
///
/// Everything between a [`CaseStart`](What::CaseStart) and its [`CaseEnd`](What::CaseEnd) belongs to that case;
/// what stands outside is set-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// A case begins.
    CaseStart {
        /// Its id, such as `envelope/audience/other`.
        case: String,
        /// The case that differs from it in the deviation only, and has to be accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        twin: Option<String>,
        /// The one declared difference, such as `envelope.audience=insurer-c`. Empty in a positive case.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        deviation: String,
    },
    /// A party of the suite sent an HTTP request to the product.
    Sent {
        /// Number of the exchange; [`Answered`](What::Answered) or [`NoAnswer`](What::NoAnswer) has the same.
        exchange: u32,
        /// The party (short name) that speaks.
        from: String,
        /// The party whose certificate the TLS client showed; none without a client certificate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls_client: Option<String>,
        /// That certificate, if it is no party's: DER in base64.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls_certificate: Option<String>,
        /// The endpoint, as `[endpoints]` of `sut.toml` names it: `linkage`, `mapping`, …
        url_role: String,
        /// HTTP method.
        method: String,
        /// HTTP header fields in order, as sent.
        headers: Vec<(String, String)>,
        /// HTTP body.
        body: Body,
        /// Whether this request carries the declared deviation of the case.
        #[serde(default, skip_serializing_if = "is_false")]
        deviates: bool,
    },
    /// What the product answered.
    Answered {
        /// Number of the exchange.
        exchange: u32,
        /// HTTP status.
        status: u16,
        /// HTTP header fields in order.
        headers: Vec<(String, String)>,
        /// HTTP body.
        body: Body,
    },
    /// The product gave no complete answer.
    NoAnswer {
        /// Number of the exchange.
        exchange: u32,
        /// What came instead.
        how: NoAnswer,
    },
    /// The product called a party of the suite.
    Called {
        /// Number of the exchange; [`Replied`](What::Replied) has the same.
        exchange: u32,
        /// The party (short name) that was called.
        to: String,
        /// The party whose certificate the product showed; an unknown certificate is named `unknown`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls_client: Option<String>,
        /// HTTP method.
        method: String,
        /// Path and query of the request.
        path: String,
        /// HTTP header fields in order.
        headers: Vec<(String, String)>,
        /// HTTP body.
        body: Body,
    },
    /// What the suite answered to such a call.
    Replied {
        /// Number of the exchange.
        exchange: u32,
        /// HTTP status.
        status: u16,
        /// HTTP header fields in order.
        headers: Vec<(String, String)>,
        /// HTTP body.
        body: Body,
        /// Whether this answer carries the declared deviation of the case.
        #[serde(default, skip_serializing_if = "is_false")]
        deviates: bool,
    },
    /// The product connected to a party of the suite, whose server showed another certificate than the party's. A message
    /// over this connection is a [`Called`](What::Called) of the same exchange.
    Shown {
        /// Number of the exchange.
        exchange: u32,
        /// The party (short name) that the product took for the one that it called.
        to: String,
        /// The certificate, DER in base64.
        certificate: String,
    },
    /// A verb of the test-control API and its answer. Bodies stay bytes: a product may answer anything.
    Control {
        /// Method and path, such as `POST /reset`.
        verb: String,
        /// What was asked, JSON; empty without a body.
        request: Body,
        /// HTTP status; 0 when nothing came back.
        status: u16,
        /// What came back.
        answer: Body,
    },
    /// A card was put into the reader of the product, or stands in the place of the one before, without notice.
    Inserted {
        /// What it is: `sound`, or what is wrong with it from its issue on; `other` is the card of another person.
        card: String,
        /// What is to go wrong with it, as `chukei mock card` is told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<String>,
    },
    /// The card is out of the reader.
    Removed,
    /// The product began a visit: it was given a task, and somebody who enters PINs.
    Started {
        /// The task, as chapter 61 names it.
        task: String,
        /// What the person enters, in order, when asked for a PIN.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        entries: Vec<Pin>,
        /// The visible number that is typed in before, where no card is put in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<String>,
    },
    /// The product ended a visit.
    Ended {
        /// Exit status; none when it did not end by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit: Option<i32>,
        /// What it showed last. The octets of a PIN are not recorded: each is `*`.
        shown: Body,
        /// Whether it showed a PIN.
        #[serde(default, skip_serializing_if = "is_false")]
        shows_pin: bool,
    },
    /// The card was reset: by the suite, or by the reader that a product uses.
    Reset {
        /// Number of the exchange.
        exchange: u32,
        /// Its answer to reset (ATR), in hexadecimal digits; empty when none came.
        atr: Body,
        /// Whether the card lost its state by itself, and nobody was told.
        #[serde(default, skip_serializing_if = "is_false")]
        silent: bool,
        /// Whether it is the token of a member of staff, in a reader of its own, and not the person's card.
        #[serde(default, skip_serializing_if = "is_false")]
        token: bool,
    },
    /// The suite, or the product, sent a command to the card; [`Responded`](What::Responded) or [`NoAnswer`](What::NoAnswer) has the same
    /// number.
    Command {
        /// Number of the exchange.
        exchange: u32,
        /// The command in hexadecimal digits. The octets of a PIN are not recorded: each is `**`.
        apdu: Body,
        /// What stands in their place: the right PIN or another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pin: Option<Pin>,
        /// Whether it is the token of a member of staff, in a reader of its own, and not the person's card.
        #[serde(default, skip_serializing_if = "is_false")]
        token: bool,
    },
    /// What the card answered.
    Responded {
        /// Number of the exchange.
        exchange: u32,
        /// The answer in hexadecimal digits; its last two octets are the status word.
        apdu: Body,
    },
    /// A content key that a party of the suite unwrapped, so that a judge can open the ciphertext without a private key.
    Unwrapped {
        /// The party whose private key was used.
        party: String,
        /// `CipherValue` of the `EncryptedKey`, base64 without white space.
        wrapped: String,
        /// The content key, base64.
        content_key: String,
    },
    /// The product was asked something valid afterwards and answered it.
    Alive {
        /// The exchange that shows it.
        exchange: u32,
    },
    /// The product was asked something valid afterwards and did not answer.
    NotAlive {
        /// The exchange that shows it, when one came about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exchange: Option<u32>,
        /// What was seen instead.
        how: NoAnswer,
    },
    /// The case needs something that this product does not offer, such as a verb of the test-control API.
    Lacking {
        /// What is missing, such as `control POST /people`.
        missing: String,
    },
    /// The suite itself failed, or sent something that it had not declared. The run is void.
    Broken {
        /// What failed, for the suite's maintainers.
        what: String,
    },
    /// A case ends.
    CaseEnd {
        /// Its id.
        case: String,
    },
}

impl What {
    /// The number of the exchange that it belongs to.
    #[must_use]
    pub const fn exchange(&self) -> Option<u32> {
        match self {
            Self::Sent { exchange, .. }
            | Self::Answered { exchange, .. }
            | Self::NoAnswer { exchange, .. }
            | Self::Called { exchange, .. }
            | Self::Replied { exchange, .. }
            | Self::Shown { exchange, .. }
            | Self::Reset { exchange, .. }
            | Self::Command { exchange, .. }
            | Self::Responded { exchange, .. }
            | Self::Alive { exchange } => Some(*exchange),
            Self::NotAlive { exchange, .. } => *exchange,
            _ => None,
        }
    }

    pub(crate) const fn exchange_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::Sent { exchange, .. }
            | Self::Answered { exchange, .. }
            | Self::NoAnswer { exchange, .. }
            | Self::Called { exchange, .. }
            | Self::Replied { exchange, .. }
            | Self::Shown { exchange, .. }
            | Self::Reset { exchange, .. }
            | Self::Command { exchange, .. }
            | Self::Responded { exchange, .. }
            | Self::Alive { exchange } => Some(exchange),
            Self::NotAlive { exchange, .. } => exchange.as_mut(),
            _ => None,
        }
    }

    /// Every body in it.
    #[must_use]
    pub fn bodies(&self) -> Vec<&Body> {
        match self {
            Self::Sent { body, .. }
            | Self::Answered { body, .. }
            | Self::Called { body, .. }
            | Self::Replied { body, .. }
            | Self::Reset { atr: body, .. }
            | Self::Command { apdu: body, .. }
            | Self::Responded { apdu: body, .. }
            | Self::Ended { shown: body, .. } => vec![body],
            Self::Control { request, answer, .. } => vec![request, answer],
            _ => Vec::new(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Which PIN was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// The one that the card's owner named.
    Right,
    /// Another one of the same length.
    Wrong,
}

/// Why there was no complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoAnswer {
    /// The connection was refused: nothing was delivered.
    Refused,
    /// The TLS handshake failed, or the product closed right after it for want of a certificate.
    TlsRefused,
    /// The connection was closed before the answer was complete.
    Closed,
    /// Nothing came in time.
    Timeout,
    /// The answer exceeded what the suite reads.
    TooLarge,
    /// What came was not HTTP.
    NotHttp,
}

impl NoAnswer {
    /// The name used on the wire of the transcript.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TlsRefused => "tls-refused",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::NotHttp => "not-http",
        }
    }
}

/// The bytes of a message. Written as a JSON string where that is readable, else as `{"base64": …}`.
///
/// Copies share the bytes and their digest: judges are shown each message many times.
#[derive(Clone)]
pub struct Body(Arc<Shared>);

struct Shared {
    content: Content,
    digest: OnceLock<[u8; 32]>,
}

/// Decided once: judges ask for the text of a body many times.
#[derive(PartialEq, Eq)]
enum Content {
    Readable(String),
    Octets(Vec<u8>),
}

impl Body {
    fn new(content: Content) -> Self {
        Self(Arc::new(Shared { content, digest: OnceLock::new() }))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.0.content {
            Content::Readable(text) => text.as_bytes(),
            Content::Octets(bytes) => bytes,
        }
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *self.0.digest.get_or_init(|| Sha256::digest(self.bytes()).into())
    }

    /// The text, when the bytes are UTF-8 without control characters but line feed, carriage return and tab.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.0.content {
            Content::Readable(text) => Some(text),
            Content::Octets(_) => None,
        }
    }

    /// The JSON in it, when it is JSON.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(self.bytes()).ok()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }
}

/// Whether UTF-8 text has no control character but line feed, carriage return and tab. Those are C0, DEL, and C1, which
/// is `C2 80` … `C2 9F`.
fn is_readable(text: &str) -> bool {
    let bytes = text.as_bytes();
    let second = bytes.iter().skip(1).chain([&0]);
    bytes.iter().zip(second).all(|(byte, next)| match byte {
        b'\n' | b'\r' | b'\t' => true,
        0..0x20 | 0x7f => false,
        0xc2 => *next >= 0xa0,
        _ => true,
    })
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.content == other.0.content
    }
}

impl Eq for Body {}

impl Default for Body {
    fn default() -> Self {
        Self::new(Content::Readable(String::new()))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::from(text),
            Err(error) => Self::new(Content::Octets(error.into_bytes())),
        }
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::new(if is_readable(&text) {
            Content::Readable(text)
        } else {
            Content::Octets(text.into_bytes())
        })
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.content {
            Content::Readable(text) => write!(f, "{text:?}"),
            Content::Octets(bytes) => write!(f, "base64 {}", encode_base64(bytes)),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base64 {
    base64: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Octets(Base64),
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.content {
            Content::Readable(text) => serializer.serialize_str(text),
            Content::Octets(bytes) => Base64 { base64: encode_base64(bytes) }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Text(text) => Ok(Self::from(text)),
            Written::Octets(Base64 { base64 }) => decode_base64(&base64)
                .map(Self::from)
                .ok_or_else(|| D::Error::custom("a body whose base64 cannot be read")),
        }
    }
}
