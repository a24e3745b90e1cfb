//! The one shape of `xenc:EncryptedData`: AES-256-GCM content, its key wrapped once by RSA-OAEP inside `ds:KeyInfo`.
//!
//! XML Encryption 1.1 §3, §5.2.4, §5.5.2; what is narrower than there is the standard's chapter on encryption.

use chukei_crypto::{ContentCipher, ContentKey, CryptoError, KeyTransport, PublicKey, Unwrapper};
use chukei_reason::{LimitKind, Reason};
use chukei_xml::{Budget, Document, Element, Name, Writer, XmlError, ns};

use crate::{
    names::*,
    sign::empty,
    structure::{algorithm, base64, check_key_info, over, single, structure},
};

/// Whom to seal for.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'k> {
    /// The recipient's key, from metadata.
    pub key: &'k PublicKey,
    /// The recipient's entity identifier, for `EncryptedKey/@Recipient`; a hint for people.
    pub name: Option<&'k str>,
}

/// A ciphertext with its wrapped key, ready to be written into a message.
#[derive(Debug)]
pub struct Sealed {
    wrapped: Vec<u8>,
    content: Vec<u8>,
    recipient: Option<String>,
}

impl Sealed {
    /// Seals one element, given as the bytes of a document, under a fresh key and a fresh IV.
    ///
    /// `block`: the plaintext is filled up with trailing spaces to a multiple of this many octets, so that the size
    /// of the ciphertext does not tell the size of what is in it; 1 for none.
    ///
    /// # Errors
    /// When the cryptographic library fails, or the key cannot wrap.
    pub fn new(plaintext: &[u8], recipient: Recipient<'_>, block: usize) -> Result<Self, CryptoError> {
        let length = plaintext.len().checked_next_multiple_of(block.max(1)).unwrap_or(plaintext.len());
        let key = ContentKey::generate()?;
        let content = key.seal_filled_up(plaintext, length - plaintext.len())?;
        let wrapped = recipient.key.wrap(KeyTransport::RsaOaepSha256, &key)?;
        Ok(Self { wrapped, content, recipient: recipient.name.map(str::to_owned) })
    }

    /// Writes `xenc:EncryptedData`.
    pub fn write(&self, w: &mut Writer<'_>) {
        w.open(ENCRYPTED_DATA).attribute("Type", ELEMENT_TYPE);
        empty(w, ENCRYPTION_METHOD, ContentCipher::Aes256Gcm.uri());
        w.open(KEY_INFO).open(ENCRYPTED_KEY);
        if let Some(recipient) = &self.recipient {
            w.attribute("Recipient", recipient);
        }
        w.open(ENCRYPTION_METHOD).attribute("Algorithm", KeyTransport::RsaOaepSha256.uri());
        empty(w, DIGEST_METHOD, KeyTransport::DIGEST_URI);
        empty(w, MGF, KeyTransport::MGF_URI).close();
        w.open(CIPHER_DATA).open(CIPHER_VALUE).base64(&self.wrapped).close().close().close().close();
        w.open(CIPHER_DATA).open(CIPHER_VALUE).base64(&self.content).close().close().close();
    }
}

/// Opens the `EncryptedData` that is the only child of `holder` (a `saml:EncryptedID`, …), or `holder` itself.
///
/// The plaintext is a document with `expected` as root, read under the same budget, about whose origin nothing is
/// known. Open only what stands inside a verified message, so that a stranger cannot make us use the key.
///
/// `keys` are ours, the current one first; more than one only while keys are being changed.
///
/// # Errors
/// `Structure`, `Algorithm`, `Base64`, `KeyInfo` for the shape, before a key is used; then `Decrypt`, `Plaintext`,
/// `Limit(EncDepth)`, which share one answer; `Limit(Operations)`.
pub fn open(
    holder: Element<'_>,
    expected: Name,
    keys: &[&dyn Unwrapper],
    budget: &mut Budget,
) -> Result<Document, XmlError> {
    let data =
        if holder.is(ENCRYPTED_DATA) { holder } else { holder.only(ENCRYPTED_DATA).map_err(structure)? };
    let (wrapped, content) = ciphertexts(data).map_err(structure)?;

    // Paid before the first key is used: which key failed must not show in running out of operations.
    for _ in keys {
        budget.pay_operation().map_err(over(data, "fewer ciphertexts"))?;
    }
    let open = |key: &&dyn Unwrapper| key.unwrap(KeyTransport::RsaOaepSha256, &wrapped)?.open(&content);
    let plaintext = keys.iter().find_map(|key| open(key).ok());
    let mut plaintext = plaintext.ok_or_else(|| data.error(Reason::Decrypt, "a ciphertext for us"))?;

    let wrong =
        || data.error(Reason::Plaintext, format!("{expected}, alone and self-contained, in the ciphertext"));
    if !plaintext.starts_with(b"<") || plaintext.starts_with(b"<?") || plaintext.starts_with(b"<!") {
        return Err(wrong());
    }
    // The document keeps it for as long as it lives, so that there is no copy to be overwritten.
    let document = Document::parse_within(std::mem::take(&mut *plaintext), budget).map_err(|_| wrong())?;
    if !document.root().is(expected) {
        return Err(wrong());
    }
    if document.root().descendants().any(|element| element.is_in(ns::XENC)) {
        return Err(data.error(Reason::Limit(LimitKind::EncDepth), "no ciphertext inside a ciphertext"));
    }
    Ok(document)
}

/// The wrapped key and the content.
fn ciphertexts(data: Element<'_>) -> Result<(Vec<u8>, Vec<u8>), XmlError> {
    if data.has_comment() {
        return Err(data.error(Reason::Structure, "no comment inside EncryptedData"));
    }
    data.only_attributes(&["Id", "Type"])?;
    if data.attribute("Type") != Some(ELEMENT_TYPE) {
        return Err(data.error(Reason::Structure, "Type of an encrypted element"));
    }
    let mut children = data.children();
    let method = children.required(ENCRYPTION_METHOD)?;
    algorithm(method, ContentCipher::from_uri, ContentCipher::Aes256Gcm.uri())?;
    let key_info = children.required(KEY_INFO)?;
    let content = cipher_value(children.required(CIPHER_DATA)?)?;
    children.finish()?;

    let key = key_info.only(ENCRYPTED_KEY)?;
    key.only_attributes(&["Id", "Recipient"])?;
    let mut children = key.children();
    check_transport(children.required(ENCRYPTION_METHOD)?)?;
    // Names one of our keys; we have few and try them.
    if let Some(hint) = children.optional(KEY_INFO)? {
        check_key_info(hint)?;
    }
    let wrapped = cipher_value(children.required(CIPHER_DATA)?)?;
    children.finish()?;
    Ok((wrapped, content))
}

/// XML Encryption 1.1 §5.5.2: digest and mask generation function both written out, no label.
fn check_transport(method: Element<'_>) -> Result<(), XmlError> {
    let refuse = |at: Element<'_>, expected| Err(at.error(Reason::Algorithm, expected));
    if method.attribute("Algorithm").and_then(KeyTransport::from_uri).is_none() {
        return refuse(method, KeyTransport::RsaOaepSha256.uri());
    }
    let (digest, mgf) = (single(method, DIGEST_METHOD)?, single(method, MGF)?);
    for (parameter, uri, expected) in [
        (digest, KeyTransport::DIGEST_URI, "ds:DigestMethod SHA-256"),
        (mgf, KeyTransport::MGF_URI, "xenc11:MGF mgf1sha256"),
    ] {
        if parameter.and_then(|parameter| parameter.attribute("Algorithm")) != Some(uri) {
            return refuse(method, expected);
        }
    }
    if method.elements().count() != 2 {
        return refuse(method, "no parameter but digest and mask generation function");
    }
    method.only_attributes(&["Algorithm"])
}

fn cipher_value(data: Element<'_>) -> Result<Vec<u8>, XmlError> {
    base64(data.only(CIPHER_VALUE)?)
}
