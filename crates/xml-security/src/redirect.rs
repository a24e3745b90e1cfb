//! Signatures over the query string of the HTTP-Redirect binding (SAML 2.0 bindings §3.4.4.1).

use std::{fmt, ops::Range};

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
    let mut query = format!("{name}={}", encode(message));
    if let Some(relay_state) = relay_state {
        query.push_str(&format!("&RelayState={}", encode(relay_state)));
    }
    query.push_str(&format!("&SigAlg={}", encode(signer.algorithm().uri())));
    let internal = |_| XmlError::in_text(Reason::Internal, "a key that signs", 0..0);
    let value = signer.sign(&sha256(query.as_bytes())).map_err(internal)?;
    query.push_str(&format!("&Signature={}", encode(&encode_base64(&value))));
    Ok(query)
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
    let mut parameters = Parameters::read(query)?;
    let refuse = |reason, expected: &'static str| XmlError::in_text(reason, expected, 0..query.len());
    let (name, message) =
        match (parameters.take(query, "SAMLRequest"), parameters.take(query, "SAMLResponse")) {
            (Some(request), None) => ("SAMLRequest", request),
            (None, Some(response)) => ("SAMLResponse", response),
            _ => return Err(refuse(Reason::Structure, "either SAMLRequest or SAMLResponse")),
        };
    let relay_state = parameters.take(query, "RelayState");
    let (Some(algorithm), Some(signature)) =
        (parameters.take(query, "SigAlg"), parameters.take(query, "Signature"))
    else {
        return Err(refuse(Reason::Unsigned, "SigAlg and Signature"));
    };

    // Bindings §3.4.4.1: these parameters in this order, each as it was spelled.
    let mut signed = format!("{name}={message}");
    if let Some(relay_state) = relay_state {
        signed.push_str(&format!("&RelayState={relay_state}"));
    }
    signed.push_str(&format!("&SigAlg={algorithm}"));

    let decoded = |raw: &str| decode(raw).ok_or_else(|| refuse(Reason::Structure, "percent-encoded UTF-8"));
    let algorithm = SignatureAlgorithm::from_uri(&decoded(algorithm)?);
    let algorithm =
        algorithm.ok_or_else(|| refuse(Reason::Algorithm, "a signature algorithm of the standard"))?;
    let value = decode_base64(&decoded(signature)?).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| refuse(Reason::Base64, "canonical base64 as Signature"))?;
    let digest = sha256(signed.as_bytes());
    let mut candidates = trust.candidates(signer, algorithm, at).peekable();
    candidates.peek().ok_or_else(|| refuse(Reason::Key, "a trusted key of the signer"))?;
    for key in candidates {
        budget.pay_operation().map_err(|kind| refuse(Reason::Limit(kind), "fewer signatures to verify"))?;
        if key.key().verify(algorithm, &digest, &value).is_ok() {
            return Ok(VerifiedQuery {
                signer: signer.to_owned(),
                message: decoded(message)?,
                relay_state: relay_state.map(decoded).transpose()?,
                is_request: name == "SAMLRequest",
            });
        }
    }
    Err(refuse(Reason::Signature, "a signature over the query as it stands"))
}

/// Names and places of raw values, each name once.
struct Parameters<'q>(Vec<(&'q str, Range<usize>)>);

impl<'q> Parameters<'q> {
    /// SAML defines five parameters; a query may bring a few of its own, which are never read.
    const MOST: usize = 16;

    fn read(query: &'q str) -> Result<Self, XmlError> {
        let mut found: Vec<(&str, Range<usize>)> = Vec::new();
        let mut start = 0usize;
        for pair in query.split('&') {
            let end = start.saturating_add(pair.len());
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if found.iter().any(|(known, _)| *known == name) || found.len() >= Self::MOST {
                return Err(XmlError::in_text(
                    Reason::Structure,
                    "each of a few parameters once",
                    start..end,
                ));
            }
            found.push((name, end.saturating_sub(value.len())..end));
            start = end.saturating_add(1);
        }
        Ok(Self(found))
    }

    fn take(&mut self, query: &'q str, name: &str) -> Option<&'q str> {
        let (_, range) = self.0.iter().find(|(known, _)| *known == name)?;
        query.get(range.clone())
    }
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
