//! Why a signature does not verify, found out by trying what faulty signers do. For people, never for a decision.
//!
//! [`Diagnosis::of`] takes a [`Refusal`], which verification has made and which cannot be verified again: whatever is
//! found here, the message stays refused.

#![forbid(unsafe_code)]

mod cause;

use std::{cell::Cell, fmt};

use chukei_crypto::{Certificate, SignatureAlgorithm, ecdsa_from_der, sha256};
use chukei_reason::Reason;
use chukei_xml::{
    Canonical, Document, Element, Limits, Position, Sink,
    lexical::{decode_base64, encode_base64},
    ns,
};
use chukei_xml_security::{Reference, Refusal, SignatureStructure, TrustStore, TrustedKey};

pub use crate::cause::Cause;
use crate::cause::hex;

/// What a person needs to mend a signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The ground for refusal.
    pub reason: Reason,
    /// Every reference, with what was digested.
    pub references: Vec<ReferenceDiagnosis>,
    /// The canonical SignedInfo: what the signature value is made over.
    pub signed_info: Vec<u8>,
    /// The algorithm.
    pub algorithm: SignatureAlgorithm,
    /// SHA-256 of the SubjectPublicKeyInfo of every trusted key, with its entity, that fits the algorithm.
    pub keys: Vec<(String, [u8; 32])>,
    /// Likely causes, the likeliest first; empty when nothing that was tried explains the failure.
    pub causes: Vec<Cause>,
}

/// One reference.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReferenceDiagnosis {
    /// `URI`.
    pub uri: String,
    /// The place of the referenced element.
    pub position: Position,
    /// The canonical bytes that were digested.
    pub canonical: Vec<u8>,
    /// `DigestValue`.
    pub expected: [u8; 32],
    /// The digest of `canonical`.
    pub actual: [u8; 32],
}

impl Diagnosis {
    /// Finds out, by trying, what probably went wrong. Does work without budget.
    pub fn of(refusal: &Refusal, trust: &TrustStore) -> Self {
        let document = refusal.document();
        let mut diagnosis = Self {
            reason: refusal.reason(),
            references: Vec::new(),
            signed_info: Vec::new(),
            algorithm: SignatureAlgorithm::RsaSha256,
            keys: Vec::new(),
            causes: Vec::new(),
        };
        for signature in refusal.signatures() {
            diagnosis.algorithm = signature.algorithm;
            for reference in &signature.references {
                diagnosis.add_reference(document, signature, reference);
            }
            diagnosis.add_signature(refusal, signature, trust);
        }
        diagnosis
    }

    fn add_reference(&mut self, document: &Document, signature: &SignatureStructure, reference: &Reference) {
        let (Ok(form), Some(target)) =
            (signature.canonical(document, reference), document.element(reference.target))
        else {
            return;
        };
        let bytes = octets(&form);
        let actual = sha256(&bytes);
        if actual != reference.digest && self.causes.is_empty() {
            let cause =
                Trial { document, signature, reference, form: &form, bytes: &bytes, tried: Cell::new(0) }
                    .cause();
            self.causes.push(cause.unwrap_or(Cause::ContentChanged));
        }
        let uri = document.element(reference.node).and_then(|node| node.attribute("URI")).unwrap_or_default();
        self.references.push(ReferenceDiagnosis {
            uri: uri.to_owned(),
            position: target.position(),
            canonical: bytes,
            expected: reference.digest,
            actual,
        });
    }

    fn add_signature(&mut self, refusal: &Refusal, signature: &SignatureStructure, trust: &TrustStore) {
        let document = refusal.document();
        let Ok(form) = signature.canonical_signed_info(document) else { return };
        self.signed_info = octets(&form);
        let digest = sha256(&self.signed_info);
        let algorithm = signature.algorithm;
        let fits = |(_, key): &(&str, &TrustedKey)| key.key().accepts(algorithm);
        let everyone: Vec<_> = trust.everyone().filter(fits).collect();
        self.keys =
            everyone.iter().map(|(entity, key)| ((*entity).to_owned(), key.key().spki_sha256())).collect();
        if !matches!(self.reason, Reason::Key | Reason::Signature) {
            return;
        }
        let verifies = |digest: &[u8; 32], value: &[u8]| {
            let by = |(_, key): &&(&str, &TrustedKey)| key.key().verify(algorithm, digest, value).is_ok();
            everyone.iter().find(by).map(|(entity, _)| (*entity).to_owned())
        };
        let shown: Vec<Certificate> = signature
            .hints(document)
            .filter_map(decode_base64)
            .filter_map(|der| Certificate::from_der(&der).ok())
            .collect();
        let by_shown = shown.iter().find(|certificate| {
            certificate.public_key().is_ok_and(|key| key.verify(algorithm, &digest, &signature.value).is_ok())
        });
        let cause = if let Some(entity) = verifies(&digest, &signature.value) {
            if refusal.named_signer(signature) == Some(&entity) {
                Cause::KeyNotForThis
            } else {
                Cause::KeyOfOtherEntity(entity)
            }
        } else if let Some(certificate) = by_shown {
            Cause::KeyNotTrusted(certificate.subject(), certificate.sha256())
        } else if everyone.is_empty() {
            Cause::NoKeyForAlgorithm
        } else if ecdsa_from_der(&signature.value).is_some_and(|raw| verifies(&digest, &raw).is_some()) {
            Cause::EcdsaDer
        } else if verifies(&sha256(&octets(&form.all_inclusive())), &signature.value).is_some() {
            Cause::InclusiveCanonicalization
        } else if std::str::from_utf8(&self.signed_info).is_ok_and(|text| {
            verifies(&sha256(without_space_between_tags(text).as_bytes()), &signature.value).is_some()
        }) {
            Cause::WhiteSpaceAdded
        } else {
            Cause::SignedInfoChanged
        };
        if !self.causes.contains(&cause) {
            self.causes.push(cause);
        }
    }
}

struct Trial<'t, 'd> {
    document: &'d Document,
    signature: &'t SignatureStructure,
    reference: &'t Reference,
    form: &'t Canonical<'d>,
    bytes: &'t [u8],
    /// Octets canonicalised so far. A stranger chooses the message, so there is an end to trying.
    tried: Cell<usize>,
}

impl Trial<'_, '_> {
    fn is(&self, bytes: &[u8]) -> bool {
        sha256(bytes) == self.reference.digest
    }

    fn digests(&self, form: &Canonical<'_>) -> bool {
        if self.tried.get() > 1 << 26 {
            return false;
        }
        let bytes = octets(form);
        self.tried.set(self.tried.get().saturating_add(bytes.len()));
        self.is(&bytes)
    }

    fn cause(&self) -> Option<Cause> {
        let document = self.document;
        let target = document.element(self.reference.target)?;
        let plain = document.canonical(target);
        let omitting = plain.clone().omit(self.signature.node);
        if self.is(b"") {
            return Some(Cause::DigestOfNothing);
        }
        if self.is(&self.with_empty_signature(&plain)) {
            return Some(Cause::EnvelopedTransformSkipped);
        }
        if self.digests(&self.form.clone().all_inclusive()) {
            return Some(Cause::InclusiveCanonicalization);
        }
        if self.reference.prefixes.is_some() && self.digests(&omitting) {
            return Some(Cause::PrefixListIgnored);
        }
        for prefix in document.declared_prefixes() {
            let list = if prefix.is_empty() { "#default" } else { prefix };
            if self.form.clone().inclusive(list).is_ok_and(|form| self.is(&octets(&form))) {
                return Some(Cause::NamespaceDeclared(prefix.to_owned()));
            }
        }
        self.spelling()
    }

    /// The form in which a signer that forgets to take the signature out has digested it: not yet filled in.
    fn with_empty_signature(&self, form: &Canonical<'_>) -> Vec<u8> {
        let mut text = String::from_utf8_lossy(&octets(form)).into_owned();
        let signature = self.document.element(self.signature.node).into_iter().flat_map(Element::descendants);
        for value in signature
            .filter(|part| part.is(ns::DS.name("DigestValue")) || part.is(ns::DS.name("SignatureValue")))
        {
            let filled = format!(">{}<", value.text().unwrap_or_default());
            text = text.replace(&filled, "><");
        }
        text.into_bytes()
    }

    /// Changes to text on the way.
    fn spelling(&self) -> Option<Cause> {
        if self
            .document
            .source_of(self.reference.target, self.signature.node)
            .is_some_and(|raw| self.is(&raw))
        {
            return Some(Cause::NoCanonicalization);
        }
        let text = std::str::from_utf8(self.bytes).ok()?;
        if self.is(without_space_between_tags(text).as_bytes()) {
            return Some(Cause::WhiteSpaceAdded);
        }
        let ends = [text.replace('\n', "&#xD;\n"), text.replace("&#xD;\n", "\n"), text.replace("&#xD;", "")];
        if ends.iter().any(|variant| self.is(variant.as_bytes())) {
            return Some(Cause::LineEndsChanged);
        }
        for (a, b) in JAPANESE_PAIRS {
            for (was, became) in [(a, b), (b, a)] {
                if text.contains(became) && self.is(text.replace(became, &was.to_string()).as_bytes()) {
                    return Some(Cause::JapaneseMapping(was, became));
                }
            }
        }
        let others = self.document.root().descendants().filter(|other| other.id() != self.reference.target);
        let mut others = others.take(64);
        let other =
            others.find(|other| self.digests(&self.document.canonical(*other).omit(self.signature.node)))?;
        Some(Cause::OtherElementDigested(other.position()))
    }
}

/// Characters that JIS X 0208 and CP932 map to different code points.
const JAPANESE_PAIRS: [(char, char); 7] = [
    ('\u{301C}', '\u{FF5E}'),
    ('\u{2212}', '\u{FF0D}'),
    ('\u{2016}', '\u{2225}'),
    ('\u{2014}', '\u{2015}'),
    ('\u{00A2}', '\u{FFE0}'),
    ('\u{00A3}', '\u{FFE1}'),
    ('\u{00AC}', '\u{FFE2}'),
];

fn without_space_between_tags(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for (index, piece) in text.split('>').enumerate() {
        if index > 0 {
            result.push('>');
        }
        let content = piece.split('<').next().unwrap_or_default();
        let only_space = content.chars().all(|c| c.is_ascii_whitespace());
        result.push_str(if only_space { piece.trim_start() } else { piece });
    }
    result
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.reason)?;
        for cause in &self.causes {
            writeln!(f, "  likely cause: {cause}")?;
        }
        for reference in &self.references {
            let verdict = if reference.expected == reference.actual { "matches" } else { "does not match" };
            let Position { line, column, .. } = reference.position;
            writeln!(
                f,
                "  reference {} (line {line}, column {column}): digest {verdict}",
                reference.uri.escape_debug()
            )?;
            writeln!(f, "    signed   {}", encode_base64(&reference.expected))?;
            writeln!(f, "    computed {}", encode_base64(&reference.actual))?;
            writeln!(f, "    over {} octets: {}", reference.canonical.len(), excerpt(&reference.canonical))?;
        }
        writeln!(f, "  {} over {}", self.algorithm.uri(), excerpt(&self.signed_info))?;
        for (entity, key) in &self.keys {
            writeln!(f, "  trusted key of {}: SHA-256 {}", entity.escape_debug(), hex(key))?;
        }
        Ok(())
    }
}

/// A canonical form, cut where a verifier would have given up.
fn octets(form: &Canonical<'_>) -> Vec<u8> {
    let mut sink = Bounded(Vec::new());
    form.write_to(&mut sink);
    sink.0
}

struct Bounded(Vec<u8>);

impl Sink for Bounded {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn is_full(&self) -> bool {
        self.0.len() as u64 > Limits::message().canonical
    }
}

fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut short: String = text.chars().take(400).flat_map(char::escape_debug).collect();
    if text.chars().nth(400).is_some() {
        short.push('…');
    }
    short
}
