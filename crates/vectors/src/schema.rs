//! What a vector file holds. `vectors/schema.json` says the same to readers in other languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::context::{Authority, Recipient, Register, Verifier};

/// What the input of a vector is, and what is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A message to be parsed, and read if the group names a reader.
    #[serde(rename = "xml-parse.v1")]
    XmlParse,
    /// A document to be written in exclusive canonical form.
    #[serde(rename = "c14n.v1")]
    C14n,
    /// A value spelled as text.
    #[serde(rename = "lexical.v1")]
    Lexical,
    /// A message whose signature is to be verified and whose signed content is to be read.
    #[serde(rename = "xml-signature.v1")]
    XmlSignature,
    /// A message whose ciphertext is to be opened.
    #[serde(rename = "xml-encryption.v1")]
    XmlEncryption,
    /// The query of an HTTP-Redirect request whose signature is to be verified.
    #[serde(rename = "redirect-signature.v1")]
    RedirectSignature,
    /// PEM certificates, the leaf first, from which a path is to be built.
    #[serde(rename = "certificate-path.v1")]
    CertificatePath,
    /// A PEM public key that is to be registered.
    #[serde(rename = "public-key.v1")]
    PublicKey,
}

impl Kind {
    /// Folder below `vectors/`.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::XmlParse => "xml-parse",
            Self::C14n => "c14n",
            Self::Lexical => "lexical",
            Self::XmlSignature => "xml-signature",
            Self::XmlEncryption => "xml-encryption",
            Self::RedirectSignature => "redirect-signature",
            Self::CertificatePath => "certificate-path",
            Self::PublicKey => "public-key",
        }
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Kind and version of the form.
    pub schema: Kind,
    /// Version of the standard that the verdicts belong to.
    pub spec: String,
    /// What made the file.
    pub generator: String,
    /// What the flags of the vectors mean.
    pub notes: BTreeMap<Flag, Note>,
    /// Vectors that share a context.
    pub groups: Vec<Group>,
}

/// A text in both languages of the standard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Text {
    /// Both languages.
    #[must_use]
    pub fn new(en: &str, ja: &str) -> Self {
        Self { en: en.to_owned(), ja: ja.to_owned() }
    }
}

/// What goes wrong in a product that accepts an invalid vector with a flag, or misreads a valid one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Class of the bug.
    #[serde(rename = "bugType")]
    pub bug_type: BugType,
    /// Its effect.
    pub effect: Text,
}

/// Classes of bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BugType {
    /// Somebody else's words are taken for the signer's.
    AuthBypass,
    /// What is encrypted, or what is outside the message, becomes known.
    Confidentiality,
    /// Two programs see different things in the same bytes.
    Differential,
    /// One message costs too much time or memory.
    DenialOfService,
    /// A correct message is refused or misread.
    Interoperability,
}

/// Vectors that share a context; which fields there are depends on the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// `xml-parse`: what the root element is read as, after parsing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<Reader>,
    /// `lexical`: the type of the values.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub lexical_type: Option<LexicalType>,
    /// `xml-signature`, `redirect-signature`: what the verifier knows. `xml-encryption`: the same for the message around
    /// the ciphertext; without it the ciphertext is opened as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier: Option<Verifier>,
    /// `xml-encryption`: what the recipient knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Recipient>,
    /// `certificate-path`: what decides about the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// `public-key`: what decides about the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<Register>,
    /// The vectors.
    pub tests: Vec<Vector>,
}

/// A typed reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// `saml:Assertion`.
    Assertion,
    /// `samlp:Response` with one assertion.
    Response,
}

/// A type of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LexicalType {
    /// Base64; `output` is its spelling without white space.
    Base64,
    /// Date and time; `output` has at most milliseconds.
    DateTime,
}

/// One input and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Permanent; prefix, row (four digits) and case (two digits).
    pub id: String,
    /// Rows of the catalogue of bad inputs.
    pub rows: Vec<String>,
    /// Keys of the file's notes.
    pub flags: Vec<Flag>,
    /// What is special about the input.
    pub comment: Text,
    /// The twin: a valid vector without this one's deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs_from: Option<String>,
    /// `c14n`: path of the element to be canonicalised; the root if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apex: Option<String>,
    /// `c14n`: `PrefixList` of `InclusiveNamespaces`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_list: Option<String>,
    /// The bytes.
    pub input: Input,
    /// `c14n`, `lexical`: what comes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Input>,
    /// What every reader must find: path or field, and value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reads: BTreeMap<String, String>,
    /// The verdict.
    pub result: Outcome,
    /// Name of the reason for an invalid one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Verdict of the catalogue, where this vector's differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_verdict: Option<String>,
    /// Why it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviation: Option<Text>,
}

/// The verdicts. There is no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Must be accepted, and read as `reads` says.
    Valid,
    /// Must be refused.
    Invalid,
}

/// Bytes: UTF-8 text as itself, anything else in base64, huge inputs as a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Input {
    /// UTF-8.
    Text(String),
    /// Any octets.
    Base64 {
        /// RFC 4648 §4.
        base64: String,
    },
    /// Parts, one after the other.
    Recipe {
        /// The parts.
        recipe: Vec<Part>,
    },
}

/// A part of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// A text, so many times.
    Repeat {
        /// Text and count.
        repeat: (String, u32),
    },
    /// `before`, a number from 0, `after`; so many times.
    Number {
        /// Before, after, and count.
        number: (String, String, u32),
    },
    /// Every sequence of `times` words out of `words`, each between `before` and `after`.
    Product {
        /// Before, words, times, after.
        product: (String, Vec<String>, u32, String),
    },
}

impl Input {
    /// Text if it is UTF-8, base64 otherwise.
    #[must_use]
    pub fn octets(octets: &[u8]) -> Self {
        match std::str::from_utf8(octets) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64 { base64: chukei_xml::lexical::encode_base64(octets) },
        }
    }

    /// The bytes; `None` if the base64 is none.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.as_bytes().to_vec()),
            Self::Base64 { base64 } => chukei_xml::lexical::decode_base64(base64),
            Self::Recipe { recipe } => Some(recipe.iter().map(Part::text).collect::<String>().into_bytes()),
        }
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Repeat { repeat: (text, count) } => text.repeat(*count as usize),
            Self::Number { number: (before, after, count) } => {
                (0..*count).map(|number| format!("{before}{number}{after}")).collect()
            }
            Self::Product { product: (before, words, times, after) } => {
                let longer = |starts: Vec<String>, _| {
                    starts.iter().flat_map(|s| words.iter().map(move |word| format!("{s}{word}"))).collect()
                };
                let all = (0..*times).fold(vec![String::new()], longer);
                all.iter().map(|word| format!("{before}{word}{after}")).collect()
            }
        }
    }
}

impl From<&str> for Input {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Input {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Input {
    fn from(octets: Vec<u8>) -> Self {
        Self::octets(&octets)
    }
}

impl From<Vec<Part>> for Input {
    fn from(recipe: Vec<Part>) -> Self {
        Self::Recipe { recipe }
    }
}

macro_rules! flags {
    ($( $(#[$doc:meta])* $name:ident = $bug:ident, $en:literal, $ja:literal; )*) => {
        /// What a vector probes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Flag { $( $(#[$doc])* $name, )* }

        impl Flag {
            /// What goes wrong in a product that fails the vector.
            #[must_use]
            pub fn note(self) -> Note {
                match self {
                    $( Self::$name => Note { bug_type: BugType::$bug, effect: Text::new($en, $ja) }, )*
                }
            }
        }
    };
}

flags! {
    /// Algorithms and their parameters.
    Algorithm = AuthBypass, "a weak or confused algorithm is used", "弱い又は取り違えたアルゴリズムが使われる";
    /// The canonical form.
    Canonical = Differential, "signatures of others do not verify, or verify over other content",
        "他者の署名を検証できない、又は別の内容を検証する";
    /// Certificates and paths.
    Certificate = AuthBypass, "a certificate without authority is relied on", "権限のない証明書が信頼される";
    /// Characters, encodings, line ends.
    Character = Differential, "two programs read different texts from the same bytes", "同じバイト列から異なる文字列が読まれる";
    /// Comments, CDATA, references in text.
    TextPieces = AuthBypass, "only a part of a signed value is read", "署名された値の一部だけが読まれる";
    /// Ciphertexts and what is in them.
    Decryption = Confidentiality, "differences in the answer reveal the plaintext", "応答の違いから平文が漏れる";
    /// Document type declarations.
    Doctype = Differential, "entities and defaults change what is read, files are opened, memory is exhausted",
        "実体や既定値により内容が変わり、ファイルが開かれ、メモリが尽きる";
    /// Things that must change nothing.
    Inert = Interoperability, "a correct message is refused, or another value than the signed one is read",
        "正しい電文が拒否される、又は署名された値と異なる値が読まれる";
    /// Identifiers.
    Identifier = AuthBypass, "a signature is taken to cover another element", "署名が別の要素を対象としたと見なされる";
    /// Keys and key information.
    Key = AuthBypass, "a key of the attacker's choice is used", "攻撃者の選んだ鍵が使われる";
    /// Limits.
    Limit = DenialOfService, "one message exhausts memory or time", "一つの電文がメモリ又は時間を使い果たす";
    /// Names and namespaces.
    Namespace = Differential, "an element is taken for another one", "ある要素が別の要素と見なされる";
    /// Order of signing and encrypting.
    Order = AuthBypass, "an unsigned plaintext is believed", "署名のない平文が信用される";
    /// Processing instructions.
    ProcessingInstruction = Differential, "text is hidden from one of two programs", "一方のプログラムから文字列が隠れる";
    /// References of signatures.
    Reference = AuthBypass, "something else than the message is verified", "電文以外のものが検証される";
    /// The schema.
    Schema = AuthBypass, "content at a place that nobody checked is read", "誰も検査しない位置の内容が読まれる";
    /// Signature values.
    SignatureValue = AuthBypass, "a forged signature is accepted", "偽造された署名が受理される";
    /// The shape of Signature.
    Structure = AuthBypass, "the verified part and the part in use differ", "検証された部分と使われる部分が異なる";
    /// Transforms.
    Transform = AuthBypass, "the digest covers something else than what is read, or a transform runs code",
        "ダイジェストの対象が読まれる内容と異なる、又は変換がコードを実行する";
    /// The grammar of XML.
    WellFormed = Differential, "two parsers build different trees", "二つの構文解析器が異なる木を作る";
    /// Signature wrapping.
    Wrapping = AuthBypass, "unsigned content is read beside a valid signature", "正しい署名の傍らの署名のない内容が読まれる";
}
