//! Signatures over the query string of the HTTP-Redirect binding (SAML 2.0 bindings §3.4.4.1).

use std::fmt;

use chukei_crypto::{SignatureAlgorithm, Signer, UnixTime, sha256};
use chukei_reason::Reason;
use chukei_xml::{
    Budget, XmlError,
    lexical::{decode_base64, encode_base64},
};

use crate::trust::TrustStore;

/// A query whose signature was verified over its octets as they came.
#[must_use]
pub struct VerifiedQuery {
    signer: String,
    message: String,
    relay_state: Option<String>,
    is_request: bool,
}

/// The signer; messages and states may be a person's.
impl fmt::Debug for VerifiedQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedQuery(signed by {:?})", self.signer)
    }
}

impl VerifiedQuery {
    /// The entity whose key signed; the issuer inside the message has to be the same.
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// `SAMLRequest` or `SAMLResponse`, percent-decoded: base64 of a deflated message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it came as `SAMLRequest`.
    pub const fn is_request(&self) -> bool {
        self.is_request
    }

    /// `RelayState`, percent-decoded.
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }
}

/// Makes a signed query from a message in base64.
///
/// # Errors
/// `Internal` when the key does not sign.
pub fn sign_query(
    is_request: bool,
    message: &str,
    relay_state: Option<&str>,
    signer: &dyn Signer,
) -> Result<String, XmlError> {
    let name = if is_request { "SAMLRequest" } else { "SAMLResponse" };
    let relay_state = relay_state.map_or(String::new(), |state| format!("&RelayState={}", encode(state)));
    let algorithm = encode(signer.algorithm().uri());
    let query = format!("{name}={}{relay_state}&SigAlg={algorithm}", encode(message));
    let value = signer.sign(&sha256(query.as_bytes()));
    let value = value.map_err(|_| XmlError::in_text(Reason::Internal, "a key that signs", 0..0))?;
    Ok(format!("{query}&Signature={}", encode(&encode_base64(&value))))
}

/// Verifies a query (without `?`) by the keys of `signer`, over the octets of its values as they came.
///
/// # Errors
/// `Unsigned`, `Structure` (a parameter twice, both messages, broken escapes), `Algorithm`, `Base64`, `Key`,
/// `Signature`.
pub fn verify_query(
    query: &str,
    signer: &str,
    trust: &TrustStore,
    at: UnixTime,
    budget: &mut Budget,
) -> Result<VerifiedQuery, XmlError> {
    let parameters = parameters(query)?;
    let raw = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let refuse = |reason, expected: &'static str| XmlError::in_text(reason, expected, 0..query.len());
    let (name, message) = match (raw("SAMLRequest"), raw("SAMLResponse")) {
        (Some(request), None) => ("SAMLRequest", request),
        (None, Some(response)) => ("SAMLResponse", response),
        _ => return Err(refuse(Reason::Structure, "either SAMLRequest or SAMLResponse")),
    };
    let (Some(algorithm), Some(signature)) = (raw("SigAlg"), raw("Signature")) else {
        return Err(refuse(Reason::Unsigned, "SigAlg and Signature"));
    };
    // Bindings §3.4.4.1: these parameters in this order, each as it was spelled.
    let signed = [name, "RelayState", "SigAlg"].into_iter();
    let signed: Vec<_> = signed.filter_map(|name| raw(name).map(|value| format!("{name}={value}"))).collect();

    let decoded = |raw: &str| decode(raw).ok_or_else(|| refuse(Reason::Structure, "percent-encoded UTF-8"));
    let algorithm = SignatureAlgorithm::from_uri(&decoded(algorithm)?);
    let algorithm =
        algorithm.ok_or_else(|| refuse(Reason::Algorithm, "a signature algorithm of the standard"))?;
    let value = decode_base64(&decoded(signature)?).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| refuse(Reason::Base64, "canonical base64 as Signature"))?;
    let digest = sha256(signed.join("&").as_bytes());
    let candidates = trust.candidates(signer, algorithm, at);
    if candidates.is_empty() {
        return Err(refuse(Reason::Key, "a trusted key of the signer"));
    }
    for key in candidates {
        budget.pay_operation().map_err(|kind| refuse(Reason::Limit(kind), "fewer signatures to verify"))?;
        if key.key().verify(algorithm, &digest, &value).is_ok() {
            return Ok(VerifiedQuery {
                signer: signer.to_owned(),
                message: decoded(message)?,
                relay_state: raw("RelayState").map(decoded).transpose()?,
                is_request: name == "SAMLRequest",
            });
        }
    }
    Err(refuse(Reason::Signature, "a signature over the query as it stands"))
}

/// SAML defines five parameters; a query may bring a few of its own, which are never read.
const MOST_PARAMETERS: usize = 16;

/// Names and raw values, each name once.
fn parameters(query: &str) -> Result<Vec<(&str, &str)>, XmlError> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut start = 0;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if found.iter().any(|(known, _)| *known == name) || found.len() >= MOST_PARAMETERS {
            let span = start..start + pair.len();
            return Err(XmlError::in_text(Reason::Structure, "each of a few parameters once", span));
        }
        found.push((name, value));
        start += pair.len() + 1;
    }
    Ok(found)
}

/// RFC 3986 §2.1, every octet that is not unreserved.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len().saturating_mul(2));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Percent-decoding, with `+` as space (HTML 4.01 §17.13.4.1).
fn decode(raw: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        octets.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}
