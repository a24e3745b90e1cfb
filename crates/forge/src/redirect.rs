//! Signed query strings of the HTTP-Redirect binding (SAML 2.0 bindings §3.4.4.1).

use chukei_xml::lexical::encode_base64;

use crate::sign::{Secret, SignatureSpec};

/// Everything about a signed query.
#[derive(Clone, Debug)]
pub struct QuerySpec {
    /// `SAMLRequest` or `SAMLResponse`.
    pub name: String,
    /// What stands deflated in it.
    pub message: String,
    /// `RelayState`.
    pub relay_state: Option<String>,
    /// `SigAlg` as it is written.
    pub algorithm: String,
    /// What signs.
    pub secret: Secret,
    /// Spells octets of a value; [`percent_encode`] unless a test says otherwise.
    pub encode: fn(&[u8]) -> String,
}

impl QuerySpec {
    /// A signed request.
    #[must_use]
    pub fn request(message: &str, relay_state: Option<&str>, key: &chukei_crypto::PrivateKey) -> Self {
        let SignatureSpec { method, secret, .. } = SignatureSpec::over_nothing(key);
        Self {
            name: "SAMLRequest".to_owned(),
            message: message.to_owned(),
            relay_state: relay_state.map(str::to_owned),
            algorithm: method,
            secret,
            encode: percent_encode,
        }
    }

    /// What is signed: the parameters in their order, as they are spelled in the query.
    #[must_use]
    pub fn signed(&self) -> String {
        let message = (self.encode)(encode_base64(&deflate(self.message.as_bytes())).as_bytes());
        let relay_state =
            self.relay_state.as_ref().map(|state| format!("&RelayState={}", (self.encode)(state.as_bytes())));
        let algorithm = (self.encode)(self.algorithm.as_bytes());
        format!("{}={message}{}&SigAlg={algorithm}", self.name, relay_state.unwrap_or_default())
    }

    /// The whole query.
    #[must_use]
    pub fn write(&self) -> String {
        let signed = self.signed();
        let signature = encode_base64(&self.secret.sign(signed.as_bytes()));
        format!("{signed}&Signature={}", (self.encode)(signature.as_bytes()))
    }
}

/// Percent-encodes all octets but the unreserved ones (RFC 3986 §2.3), with capital digits.
#[must_use]
pub fn percent_encode(octets: &[u8]) -> String {
    percent(octets, |octet| format!("%{octet:02X}"))
}

/// The same with small digits: other octets of the query, the same value.
#[must_use]
pub fn percent_encode_small(octets: &[u8]) -> String {
    percent(octets, |octet| format!("%{octet:02x}"))
}

/// DEFLATE (RFC 1951 §3.2.4) with stored blocks: readable by every decompressor, the same bytes everywhere.
#[must_use]
pub fn deflate(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut blocks = octets.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        let length = block.len() as u16;
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    if octets.is_empty() {
        out.extend([1, 0, 0, 0xFF, 0xFF]);
    }
    out
}

fn percent(octets: &[u8], spell: impl Fn(u8) -> String) -> String {
    let one = |octet: &u8| match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*octet).to_string(),
        other => spell(*other),
    };
    octets.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling() {
        assert_eq!(percent_encode("a-Z_~.9 +/=あ".as_bytes()), "a-Z_~.9%20%2B%2F%3D%E3%81%82");
        assert_eq!(percent_encode_small(b"a+"), "a%2b");
        assert_eq!(deflate(b"ab"), [1, 2, 0, 0xFD, 0xFF, b'a', b'b']);
        assert_eq!(deflate(&[7; 0x1_0000]).len(), 0x1_0000 + 10);
    }
}
