//! Small ciphertexts for the responder, by hand and therefore the same at every run; each octet can be replaced.

use std::sync::OnceLock;

use chukei_forge::{raw::Element, seal::SealSpec};
use chukei_xml::{lexical::encode_base64, ns};

use crate::{
    context::{Expected, Recipient, Verifier},
    generate::{
        Book, Row,
        old::gcm,
        rsa::{Oaep, Parts},
        signed::{private_key, world},
        small::NUMBER,
    },
    schema::{Flag, Group, Kind},
};

/// The content key of every ciphertext here, unless a vector has its own.
pub(super) const CONTENT_KEY: [u8; 32] = [9; 32];
/// The initialisation vector.
pub(super) const IV: [u8; 12] = [3; 12];

pub(super) const DATA: &str = "xenc:EncryptedData";
pub(super) const KEY: &str = "xenc:EncryptedData/ds:KeyInfo/xenc:EncryptedKey";
pub(super) const CONTENT_METHOD: &str = "xenc:EncryptedData/xenc:EncryptionMethod";
pub(super) const KEY_METHOD: &str = "xenc:EncryptedData/ds:KeyInfo/xenc:EncryptedKey/xenc:EncryptionMethod";

/// What is wrapped, what is sealed, and what is done to the element.
pub(super) struct Sealed {
    /// The element around `xenc:EncryptedData`.
    pub(super) holder: &'static str,
    /// What the recipient's private operation gives.
    pub(super) wrapped: Vec<u8>,
    /// `iv ‖ ciphertext ‖ tag`.
    pub(super) content: Vec<u8>,
}

impl Sealed {
    /// The identifier, sealed as the standard says; without filling, so that the vectors stay small.
    pub(super) fn new() -> Self {
        Self::of(&name_id())
    }

    /// Something else.
    pub(super) fn of(plaintext: &str) -> Self {
        let content = gcm(&CONTENT_KEY, &IV, plaintext.as_bytes());
        Self { holder: "saml:EncryptedID", wrapped: wrapped(&CONTENT_KEY), content }
    }

    /// The element.
    pub(super) fn element(&self) -> Element {
        let mut root = template(self.holder);
        let mut set = |path: &str, octets: &[u8]| {
            root.find_mut(&format!("{path}/xenc:CipherData/xenc:CipherValue"))
                .set_content(&encode_base64(octets));
        };
        set(DATA, &self.content);
        set(KEY, &self.wrapped);
        root
    }

    /// The document.
    pub(super) fn write(&self) -> String {
        self.element().write()
    }

    /// The document after a change.
    pub(super) fn changed(&self, change: impl FnOnce(&mut Element)) -> String {
        let mut root = self.element();
        change(&mut root);
        root.write()
    }
}

/// `saml:NameID` with the identifier, complete on its own.
pub(super) fn name_id() -> String {
    Element::declared(ns::SAML, "NameID").text(NUMBER).write()
}

/// A content key wrapped for the responder. The seed is fixed.
pub(super) fn wrapped(content_key: &[u8]) -> Vec<u8> {
    responder().public(&Oaep::new(content_key).block())
}

/// The responder's key, taken apart.
pub(super) fn responder() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| Parts::of(&world().responder.decryption_key))
}

/// What the responder knows: the identifier is in the root element, nothing is signed.
pub(super) fn recipient() -> Recipient {
    let keys = vec![private_key(&world().responder)];
    Recipient { holder: ".".to_owned(), expected: Expected::NameId, keys, verifier: None }
}

/// The context of vectors for this recipient, and for a verifier of what is around the ciphertext.
pub(super) fn opened_by(recipient: Recipient, verifier: Option<Verifier>) -> Group {
    Group { verifier, recipient: Some(recipient), ..Group::default() }
}

/// A row of ciphertexts at the root; it begins with the valid one.
pub(super) fn row<'b>(book: &'b mut Book, id: &str) -> Row<'b> {
    let mut row = book.row(id, Kind::XmlEncryption, Flag::Decryption);
    row.context(opened_by(recipient(), None));
    row.valid(0, Sealed::new().write(), "sealed for the recipient", "受信者宛ての暗号文")
        .reads("NameID", NUMBER);
    row
}

/// The one shape, with values that [`Sealed::element`] replaces.
fn template(holder: &str) -> Element {
    static SHAPE: OnceLock<Element> = OnceLock::new();
    let shape = SHAPE.get_or_init(|| {
        let recipient = world().responder.decryption_key.public_key();
        SealSpec { padding: 1, ..SealSpec::encrypted_id(&Element::new("x"), recipient) }.seal()
    });
    let mut root = shape.clone();
    holder.clone_into(&mut root.name);
    root.set("xmlns:saml", ns::SAML.uri());
    root
}
