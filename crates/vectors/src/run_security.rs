//! Runs the vectors in which there is a key: signatures, ciphertexts, certificates, public keys.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use chukei_crypto::{
    Certificate, ContentKey, Crl, DecryptError, KeyTransport, PrivateKey, PublicKey, Purpose, Revocation,
    TrustAnchors, UnixTime, Unwrapper, WeakKeys, shared_prime,
};
use chukei_reason::{Answer, Reason};
use chukei_xml::{Budget, Document, Name, Writer, XmlError, lexical, ns};
use chukei_xml_security::{
    FromSigned, KeyUse, Shape, Signed, TrustStore, TrustedKey, Unverified, open, verify_query,
};

use crate::{
    context::{
        Authority, Expected, MessageShape, PurposeOfCertificate, Recipient, Register, Trusted, UseOfKey,
        Verifier,
    },
    model::{Assertion, Fields, Message, Response},
    run::{element_at, value_at},
    schema::{Group, Vector},
};

/// Verifies a message, and reads what was signed: the fields of an assertion or response, else the paths of
/// `reads`.
pub(crate) fn signature(
    input: Vec<u8>,
    context: &Group,
    vector: &Vector,
    budget: &mut Budget,
) -> Result<Fields, Reason> {
    let document = Document::parse_within(input, budget).map_err(reason)?;
    let verifier = context.verifier.as_ref().expect("the verifier of a signature vector");
    let read = verified(document, verifier, budget)?;
    if read.fields.is_empty() {
        let root = read.element.root();
        let value = |path: &String| Some((path.clone(), value_at(root, path)?));
        return Ok(vector.reads.keys().filter_map(value).collect());
    }
    Ok(read.fields)
}

/// Verifies the query of an HTTP-Redirect request.
pub(crate) fn query(input: &[u8], context: &Group, budget: &mut Budget) -> Result<Fields, Reason> {
    let verifier = context.verifier.as_ref().expect("the verifier of a query vector");
    let signer = verifier.signer.as_deref().expect("the signer of a query");
    let query = std::str::from_utf8(input).expect("a query of ASCII");
    let verified = verify_query(query, signer, &trust_store(verifier), time(&verifier.at), budget);
    let verified = verified.map_err(reason)?;
    let name = if verified.is_request() { "SAMLRequest" } else { "SAMLResponse" };
    let message = (name.to_owned(), verified.message().to_owned());
    let state = verified.relay_state().map(|state| ("RelayState".to_owned(), state.to_owned()));
    Ok([message].into_iter().chain(state).collect())
}

/// Verifies the message around a ciphertext where the context says so, opens the ciphertext, verifies the
/// plaintext where the context says so. Also says how often a private key was used.
pub(crate) fn encryption(
    input: Vec<u8>,
    context: &Group,
    budget: &mut Budget,
) -> (Result<Fields, Reason>, usize) {
    let recipient = context.recipient.as_ref().expect("the recipient of an encryption vector");
    let keys: Vec<Counting> = recipient.keys.iter().map(|key| Counting::new(private_key(key))).collect();
    let result = opened(input, context.verifier.as_ref(), recipient, &keys, budget);
    (result, keys.iter().map(|key| key.used.load(Ordering::Relaxed)).sum())
}

/// What an answer may not tell: before a private key was used nothing is known about the plaintext, and after
/// that there is one answer to everything. A plaintext that is verified in its turn has the answers of a
/// message.
pub(crate) fn reveals(context: &Group, result: &Result<Fields, Reason>, private: usize) -> Option<String> {
    let refused = result.as_ref().err()?;
    let plaintext_is_signed = context.recipient.as_ref()?.verifier.is_some();
    match (private > 0, refused.answer() == Answer::Dec) {
        (true, false) if !plaintext_is_signed => {
            Some(format!("{private} private-key operations before {refused}"))
        }
        (false, true) => Some(format!("{refused} without any private-key operation")),
        _ => None,
    }
}

/// Decides about the first of some certificates.
pub(crate) fn certificate_path(input: &[u8], context: &Group) -> Result<Fields, Reason> {
    let Authority { anchors, crls, refused_keys, at, purpose, revocation_required } =
        context.authority.as_ref().expect("the authority of a path vector");
    let certificate = |base64: &String| Certificate::from_der(&octets(base64)).expect("an anchor");
    let crl = |base64: &String| Crl::from_der(&octets(base64)).map_err(|error| error.reason());
    let anchors = TrustAnchors::new(anchors.iter().map(certificate).collect()).expect("anchors");
    let crls = crls.iter().map(crl).collect::<Result<Vec<Crl>, Reason>>()?;
    let anchors = anchors.with_crls(crls).with_weak_keys(weak_keys(refused_keys));
    let pem = String::from_utf8_lossy(input);
    let certificates = Certificate::chain_from_pem(&pem).map_err(|error| error.reason())?;
    let (leaf, intermediates) = certificates.split_first().expect("a leaf");
    let purpose = match purpose {
        PurposeOfCertificate::SignMessages => Purpose::SignMessages,
        PurposeOfCertificate::SignDocuments => Purpose::SignDocuments,
        PurposeOfCertificate::TlsClient => Purpose::TlsClient,
        PurposeOfCertificate::TlsServer => Purpose::TlsServer,
        PurposeOfCertificate::WrapKeys => Purpose::WrapKeys,
        PurposeOfCertificate::SignCertificates => Purpose::SignCertificates,
    };
    let revocation = if *revocation_required { Revocation::Required } else { Revocation::IfPresent };
    let path = anchors.validate(leaf, intermediates, time(at), purpose, revocation);
    let path = path.map_err(|error| error.reason())?;
    let length = path.certificates().len().to_string();
    Ok([("Subject".to_owned(), path.leaf().subject()), ("PathLength".to_owned(), length)].into())
}

/// Decides about a public key.
pub(crate) fn public_key(input: &[u8], context: &Group) -> Result<Fields, Reason> {
    let Register { refused_keys, registered } =
        context.register.as_ref().expect("the register of a key vector");
    let pem = String::from_utf8_lossy(input);
    let key = PublicKey::from_spki_pem(&pem).map_err(|_| Reason::Key)?;
    weak_keys(refused_keys).check(&key).map_err(|_| Reason::Key)?;
    let known = registered.iter().map(|base64| PublicKey::from_spki_der(&octets(base64)).expect("a key"));
    if shared_prime(&known.chain([key.clone()]).collect::<Vec<_>>()).is_some() {
        return Err(Reason::Key);
    }
    Ok([("Kind".to_owned(), format!("{:?}", key.kind()))].into())
}

/// What was signed: its fields, and a copy of the element.
struct Read {
    fields: Fields,
    element: Document,
}

impl FromSigned for Read {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let Ok(element) = signed.element() else {
            let nothing = Writer::build(|w| {
                w.open(Message::NAME).close();
            });
            return Ok(Self { fields: Message::read(signed)?.0, element: nothing? });
        };
        let fields = match element {
            assertion if assertion.is(Assertion::NAME) => Assertion::read(assertion)?.0,
            response if response.is(Response::NAME) => Response::read(response)?.0,
            _ => Fields::new(),
        };
        let copy = Writer::build(|w| {
            w.graft(element);
        });
        Ok(Self { fields, element: copy? })
    }
}

fn verified(document: Document, verifier: &Verifier, budget: &mut Budget) -> Result<Read, Reason> {
    let shape = match verifier.shape {
        MessageShape::Assertion => Shape::root(Assertion::NAME),
        MessageShape::AssertionInResponse => Shape::child(Response::NAME, Assertion::NAME),
        MessageShape::Response => Shape::root(Response::NAME),
        MessageShape::Both => Shape::both(Response::NAME, Assertion::NAME),
        MessageShape::LogoutRequest => Shape::root(ns::SAMLP.name("LogoutRequest")),
        MessageShape::Metadata => Shape::root(ns::MD.name("EntityDescriptor")),
        MessageShape::Message => Shape::message(),
        MessageShape::Query => panic!("a query is no document"),
    };
    let trust = trust_store(verifier);
    let unverified = Unverified::<Read>::locate(document, &shape, budget).map_err(reason)?;
    let verified = unverified.verify_by(verifier.signer.as_deref(), &trust, time(&verifier.at), budget);
    verified.map(chukei_xml_security::Verified::into_value).map_err(|refusal| refusal.reason())
}

fn opened(
    input: Vec<u8>,
    around: Option<&Verifier>,
    recipient: &Recipient,
    keys: &[Counting],
    budget: &mut Budget,
) -> Result<Fields, Reason> {
    let mut document = Document::parse_within(input, budget).map_err(reason)?;
    if let Some(verifier) = around {
        document = verified(document, verifier, budget)?.element;
    }
    let holder = element_at(document.root(), &recipient.holder).ok_or(Reason::Schema)?;
    let keys: Vec<&dyn Unwrapper> = keys.iter().map(|key| key as &dyn Unwrapper).collect();
    let plaintext = open(holder, expected(recipient.expected), &keys, budget).map_err(reason)?;
    if let Some(verifier) = &recipient.verifier {
        return verified(plaintext, verifier, budget).map(|read| read.fields);
    }
    Ok(match recipient.expected {
        Expected::NameId => {
            let text = plaintext.root().text().map_err(reason)?;
            [("NameID".to_owned(), text.to_owned())].into()
        }
        Expected::Assertion => Assertion::read(plaintext.root()).map_err(reason)?.0,
    })
}

fn trust_store(verifier: &Verifier) -> TrustStore {
    let mut trust = TrustStore::new();
    for trusted in &verifier.trust {
        trust.add(trusted.entity.as_str(), trusted_key(trusted));
    }
    trust
}

const fn expected(expected: Expected) -> Name {
    match expected {
        Expected::NameId => ns::SAML.name("NameID"),
        Expected::Assertion => Assertion::NAME,
    }
}

fn trusted_key(trusted: &Trusted) -> TrustedKey {
    let key = PublicKey::from_spki_der(&octets(&trusted.key)).expect("a key that may be registered");
    let key = TrustedKey::new(key).for_use(match trusted.key_use {
        None => KeyUse::Both,
        Some(UseOfKey::Signing) => KeyUse::Signing,
        Some(UseOfKey::Encryption) => KeyUse::Encryption,
    });
    let bound = |text: &Option<String>, otherwise| text.as_deref().map_or(UnixTime(otherwise), time);
    let key = key.valid(bound(&trusted.from, i64::MIN), bound(&trusted.until, i64::MAX));
    match &trusted.certificate {
        Some(base64) => key.with_certificate(&Certificate::from_der(&octets(base64)).expect("a certificate")),
        None => key,
    }
}

/// A private key that counts how often it is used.
struct Counting {
    key: PrivateKey,
    used: AtomicUsize,
}

impl Counting {
    const fn new(key: PrivateKey) -> Self {
        Self { key, used: AtomicUsize::new(0) }
    }
}

impl Unwrapper for Counting {
    fn unwrap(&self, transport: KeyTransport, wrapped: &[u8]) -> Result<ContentKey, DecryptError> {
        self.used.fetch_add(1, Ordering::Relaxed);
        self.key.unwrap(transport, wrapped)
    }

    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }
}

/// Loaded once, because loading proves the primes of an RSA key.
fn private_key(base64: &str) -> PrivateKey {
    static LOADED: Mutex<Option<HashMap<String, PrivateKey>>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let load = || PrivateKey::from_pkcs8_der(&octets(base64)).expect("a private key");
    loaded.get_or_insert_default().entry(base64.to_owned()).or_insert_with(load).clone()
}

fn weak_keys(digests: &[String]) -> WeakKeys {
    let digit = |at: &[u8]| u8::from_str_radix(std::str::from_utf8(at).expect("digits"), 16).expect("digits");
    let digest = |hex: &String| {
        let octets: Vec<u8> = hex.as_bytes().chunks(2).map(digit).collect();
        <[u8; 32]>::try_from(octets).expect("64 hexadecimal digits")
    };
    WeakKeys::new(digests.iter().map(digest))
}

fn octets(base64: &str) -> Vec<u8> {
    lexical::decode_base64(base64).expect("base64 in a context")
}

fn time(text: &str) -> UnixTime {
    UnixTime(lexical::DateTime::parse(text).expect("a time in a context").seconds)
}

fn reason(error: XmlError) -> Reason {
    error.reason()
}
