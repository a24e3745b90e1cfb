//! Why a signature does not verify, found out by trying what faulty signers do. For people only.

use std::fmt;

use chukei_crypto::{Certificate, SignatureAlgorithm, sha256};
use chukei_reason::Reason;
use chukei_xml::{
    Canonical, Document, Element, Limits, Position, Sink,
    lexical::{decode_base64, encode_base64},
};

use crate::{
    locate::Located,
    structure::{Reference, SignatureStructure},
    trust::TrustStore,
    verified::{Refusal, canonical, canonical_signed_info, claimed_signer, element, hints},
};

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

/// What a signer, or something between signer and us, probably did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Digested the element with the signature still in it.
    EnvelopedTransformSkipped,
    /// Canonicalised inclusively instead of exclusively.
    InclusiveCanonicalization,
    /// Digested the bytes as they stand, without canonicalisation.
    NoCanonicalization,
    /// Declared this prefix in the canonical form although nothing in it uses the prefix visibly (or the PrefixList
    /// that says so is missing).
    NamespaceDeclared(String),
    /// Left out `InclusiveNamespaces` that the transform names.
    PrefixListIgnored,
    /// White space between elements was added after signing (pretty-printing).
    WhiteSpaceAdded,
    /// Line ends in text were changed.
    LineEndsChanged,
    /// Text went through another character encoding: UTF-8 read as Latin-1.
    ReadAsLatin1,
    /// Text went through a Japanese encoding: this character became that one.
    JapaneseMapping(char, char),
    /// The digest is that of no bytes at all: canonicalisation failed unnoticed.
    DigestOfNothing,
    /// The digest is right, but was made over another element of the message, at this place.
    OtherElementDigested(Position),
    /// The signature value is DER; XML Signature wants r and s, 32 octets each.
    EcdsaDer,
    /// The signature is sound, but was made with a key of this other entity.
    KeyOfOtherEntity(String),
    /// The signature is sound, and the key is the signer's, but is registered for another use or another time.
    KeyNotForThis,
    /// The signature is sound, but its key is not trusted for the signer; the certificate shown has this subject
    /// and SHA-256.
    KeyNotTrusted(String, [u8; 32]),
    /// The named signer has no key for this algorithm.
    NoKeyForAlgorithm,
    /// SignedInfo was changed after signing, or signed in another form.
    SignedInfoChanged,
    /// Nothing that was tried explains the digest: the content was changed after signing.
    ContentChanged,
}

impl Diagnosis {
    pub(crate) fn of(refusal: &Refusal, located: &Located, trust: &TrustStore) -> Self {
        let document = &located.document;
        let mut diagnosis = Self {
            reason: refusal.reason(),
            references: Vec::new(),
            signed_info: Vec::new(),
            algorithm: SignatureAlgorithm::RsaSha256,
            keys: Vec::new(),
            causes: Vec::new(),
        };
        for signature in &located.signatures {
            diagnosis.algorithm = signature.algorithm;
            for reference in &signature.references {
                diagnosis.add_reference(document, signature, reference);
            }
            diagnosis.add_signature(document, signature, trust);
        }
        diagnosis
    }

    fn add_reference(&mut self, document: &Document, signature: &SignatureStructure, reference: &Reference) {
        let (Ok(form), Ok(target)) =
            (canonical(document, signature, reference), element(document, reference.target))
        else {
            return;
        };
        let bytes = octets(&form);
        let actual = sha256(&bytes);
        if actual != reference.digest {
            let cause = Trial { document, signature, reference, form: &form, bytes: &bytes }.cause();
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

    fn add_signature(&mut self, document: &Document, signature: &SignatureStructure, trust: &TrustStore) {
        let Ok(form) = canonical_signed_info(document, signature) else { return };
        self.signed_info = octets(&form);
        let digest = sha256(&self.signed_info);
        let algorithm = signature.algorithm;
        let fits = |(_, key): &(&str, &crate::TrustedKey)| key.key().accepts(algorithm);
        let everyone: Vec<_> = trust.everyone().filter(fits).collect();
        self.keys =
            everyone.iter().map(|(entity, key)| ((*entity).to_owned(), key.key().spki_sha256())).collect();
        if !matches!(self.reason, Reason::Key | Reason::Signature) {
            return;
        }
        let verifies = |digest: &[u8; 32], value: &[u8]| {
            let by =
                |(_, key): &&(&str, &crate::TrustedKey)| key.key().verify(algorithm, digest, value).is_ok();
            everyone.iter().find(by).map(|(entity, _)| (*entity).to_owned())
        };
        let shown: Vec<Certificate> = hints(document, signature)
            .filter_map(decode_base64)
            .filter_map(|der| Certificate::from_der(&der).ok())
            .collect();
        let by_shown = shown.iter().find(|certificate| {
            certificate.public_key().is_ok_and(|key| key.verify(algorithm, &digest, &signature.value).is_ok())
        });
        let signed = document.element(signature.node).and_then(Element::parent);
        let named = signed.and_then(|signed| claimed_signer(document, signed));
        let cause = if let Some(entity) = verifies(&digest, &signature.value) {
            if named == Some(&entity) { Cause::KeyNotForThis } else { Cause::KeyOfOtherEntity(entity) }
        } else if let Some(certificate) = by_shown {
            Cause::KeyNotTrusted(certificate.subject(), certificate.sha256())
        } else if everyone.is_empty() {
            Cause::NoKeyForAlgorithm
        } else if raw_ecdsa(&signature.value).is_some_and(|raw| verifies(&digest, &raw).is_some()) {
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
}

impl Trial<'_, '_> {
    fn is(&self, bytes: &[u8]) -> bool {
        sha256(bytes) == self.reference.digest
    }

    fn cause(&self) -> Option<Cause> {
        let document = self.document;
        let target = document.element(self.reference.target)?;
        let plain = document.canonical(target);
        let omitting = plain.clone().omit(self.signature.node);
        if self.is(b"") {
            return Some(Cause::DigestOfNothing);
        }
        if self.is(&octets(&plain)) {
            return Some(Cause::EnvelopedTransformSkipped);
        }
        if self.is(&octets(&self.form.clone().all_inclusive())) {
            return Some(Cause::InclusiveCanonicalization);
        }
        if self.reference.prefixes.is_some() && self.is(&octets(&omitting)) {
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
        let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let double: String = self.bytes.iter().map(|byte| char::from(*byte)).collect();
        if latin.is_some_and(|bytes| self.is(&bytes)) || self.is(double.as_bytes()) {
            return Some(Cause::ReadAsLatin1);
        }
        for (a, b) in JAPANESE_PAIRS {
            for (was, became) in [(a, b), (b, a)] {
                if text.contains(became) && self.is(text.replace(became, &was.to_string()).as_bytes()) {
                    return Some(Cause::JapaneseMapping(was, became));
                }
            }
        }
        let others = self.document.root().descendants().filter(|other| other.id() != self.reference.target);
        let mut others = others.take(256);
        let other = others
            .find(|other| self.is(&self.document.canonical(*other).omit(self.signature.node).to_vec()))?;
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

/// r‖s of a DER-encoded ECDSA signature over P-256.
fn raw_ecdsa(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, length, body @ ..] = der else { return None };
    if usize::from(*length) != body.len() {
        return None;
    }
    let mut raw = Vec::with_capacity(64);
    let mut rest = body;
    for _ in 0..2 {
        let [0x02, length, tail @ ..] = rest else { return None };
        let (number, after) = tail.split_at_checked(usize::from(*length))?;
        let digits = number.strip_prefix(&[0]).unwrap_or(number);
        raw.extend(std::iter::repeat_n(0, 32usize.checked_sub(digits.len())?));
        raw.extend_from_slice(digits);
        rest = after;
    }
    Some(raw)
}

impl Cause {
    /// The cause in Japanese.
    #[must_use]
    pub fn in_japanese(&self) -> String {
        match self {
            Self::EnvelopedTransformSkipped => {
                "署名要素を除かずにダイジェストを計算しています（enveloped-signature 変換の適用漏れ）".into()
            }
            Self::InclusiveCanonicalization => {
                "排他的正規化ではなく包括的正規化（Canonical XML 1.0）で計算しています".into()
            }
            Self::NoCanonicalization => "正規化せず、送信した文字列のままダイジェストを計算しています".into(),
            Self::NamespaceDeclared(prefix) => format!(
                "使われていない接頭辞「{prefix}」の名前空間宣言を正規形に含めています（PrefixList の指定漏れの可能性）"
            ),
            Self::PrefixListIgnored => "InclusiveNamespaces の PrefixList を無視して正規化しています".into(),
            Self::WhiteSpaceAdded => "署名後に要素間へ空白または改行が挿入されています（整形出力）".into(),
            Self::LineEndsChanged => "署名後に本文中の改行コードが変換されています".into(),
            Self::ReadAsLatin1 => "UTF-8 の文字列が Latin-1 として読み書きされています（文字化け）".into(),
            Self::JapaneseMapping(was, became) => format!(
                "文字コード変換により U+{:04X}「{was}」が U+{:04X}「{became}」に変わっています（Shift_JIS/CP932 等の経由）",
                u32::from(*was),
                u32::from(*became)
            ),
            Self::DigestOfNothing => {
                "空データのダイジェストが署名されています（正規化の失敗を検知していません）".into()
            }
            Self::OtherElementDigested(at) => {
                format!("{} 行 {} 桁の別の要素のダイジェストが署名されています", at.line, at.column)
            }
            Self::EcdsaDer => {
                "署名値が DER 形式です。XML 署名では r と s を各 32 オクテットで連結します".into()
            }
            Self::KeyOfOtherEntity(entity) => {
                format!("署名は正しいものの、別の機関「{}」の鍵で作られています", entity.escape_debug())
            }
            Self::KeyNotTrusted(subject, digest) => format!(
                "署名は正しいものの、その鍵は署名者の鍵として登録されていません（証明書: {}、SHA-256 {}）",
                subject.escape_debug(),
                hex(digest)
            ),
            Self::KeyNotForThis => {
                "署名は正しく、署名者の鍵ですが、その鍵は別の用途または別の期間について登録されています"
                    .into()
            }
            Self::NoKeyForAlgorithm => "この署名アルゴリズムに使える署名者の鍵が登録されていません".into(),
            Self::SignedInfoChanged => "SignedInfo が署名後に変更されたか、別の形で署名されています".into(),
            Self::ContentChanged => {
                "署名後に内容が変更されています（既知の実装誤りでは説明できません）".into()
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnvelopedTransformSkipped => f.write_str(
                "the digest was made with the Signature still inside: the enveloped-signature transform was not applied",
            ),
            Self::InclusiveCanonicalization => {
                f.write_str("canonicalised inclusively (Canonical XML 1.0) instead of exclusively")
            }
            Self::NoCanonicalization => f.write_str("the bytes were digested as sent, without canonicalisation"),
            Self::NamespaceDeclared(prefix) => write!(
                f,
                "the signer's canonical form declares the prefix `{prefix}`, which nothing in it uses; is a PrefixList missing?"
            ),
            Self::PrefixListIgnored => f.write_str("the PrefixList of InclusiveNamespaces was ignored by the signer"),
            Self::WhiteSpaceAdded => {
                f.write_str("white space was added between elements after signing (pretty-printing)")
            }
            Self::LineEndsChanged => f.write_str("line ends inside text were changed after signing"),
            Self::ReadAsLatin1 => f.write_str("UTF-8 text was read or written as Latin-1"),
            Self::JapaneseMapping(was, became) => write!(
                f,
                "U+{:04X} became U+{:04X}: the text went through Shift_JIS/CP932 or another Japanese encoding",
                u32::from(*was),
                u32::from(*became)
            ),
            Self::DigestOfNothing => {
                f.write_str("the signed digest is that of no bytes at all: a failed canonicalisation went unnoticed")
            }
            Self::OtherElementDigested(at) => {
                write!(f, "the signed digest is that of another element, at line {}, column {}", at.line, at.column)
            }
            Self::EcdsaDer => f.write_str("the signature value is DER; XML Signature wants r and s, 32 octets each"),
            Self::KeyOfOtherEntity(entity) => {
                write!(f, "the signature is sound, but made with a key of `{}`", entity.escape_debug())
            }
            Self::KeyNotTrusted(subject, digest) => write!(
                f,
                "the signature is sound, but its key is not registered for the signer (certificate {}, SHA-256 {})",
                subject.escape_debug(),
                hex(digest)
            ),
            Self::KeyNotForThis => f.write_str(
                "the signature is sound and the key is the signer's, but it is registered for another use or another time",
            ),
            Self::NoKeyForAlgorithm => f.write_str("no key is registered that fits the signature algorithm"),
            Self::SignedInfoChanged => f.write_str("SignedInfo was changed after signing, or signed in another form"),
            Self::ContentChanged => {
                f.write_str("the content was changed after signing; no known mistake of a signer explains the digest")
            }
        }
    }
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
