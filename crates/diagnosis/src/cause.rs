//! What faulty signers do, in words.

use std::fmt;

use chukei_xml::Position;

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

impl Cause {
    /// The cause in Japanese.
    pub fn in_japanese(&self) -> String {
        let [_, japanese] = self.words();
        japanese
    }

    /// English, Japanese.
    fn words(&self) -> [String; 2] {
        let both = |english: &str, japanese: &str| [english.to_owned(), japanese.to_owned()];
        match self {
            Self::EnvelopedTransformSkipped => both(
                "the digest was made with the Signature still inside: the enveloped-signature transform was not applied",
                "署名要素を除かずにダイジェストを計算しています（enveloped-signature 変換の適用漏れ）",
            ),
            Self::InclusiveCanonicalization => both(
                "canonicalised inclusively (Canonical XML 1.0) instead of exclusively",
                "排他的正規化ではなく包括的正規化（Canonical XML 1.0）で計算しています",
            ),
            Self::NoCanonicalization => both(
                "the bytes were digested as sent, without canonicalisation",
                "正規化せず、送信した文字列のままダイジェストを計算しています",
            ),
            Self::NamespaceDeclared(prefix) => [
                format!(
                    "the signer's canonical form declares the prefix `{prefix}`, which nothing in it uses; is a PrefixList missing?"
                ),
                format!(
                    "使われていない接頭辞「{prefix}」の名前空間宣言を正規形に含めています（PrefixList の指定漏れの可能性）"
                ),
            ],
            Self::PrefixListIgnored => both(
                "the PrefixList of InclusiveNamespaces was ignored by the signer",
                "InclusiveNamespaces の PrefixList を無視して正規化しています",
            ),
            Self::WhiteSpaceAdded => both(
                "white space was added between elements after signing (pretty-printing)",
                "署名後に要素間へ空白または改行が挿入されています（整形出力）",
            ),
            Self::LineEndsChanged => both(
                "line ends inside text were changed after signing",
                "署名後に本文中の改行コードが変換されています",
            ),
            Self::JapaneseMapping(was, became) => {
                let (from, to) = (u32::from(*was), u32::from(*became));
                [
                    format!(
                        "U+{from:04X} became U+{to:04X}: the text went through Shift_JIS/CP932 or another Japanese encoding"
                    ),
                    format!(
                        "文字コード変換により U+{from:04X}「{was}」が U+{to:04X}「{became}」に変わっています（Shift_JIS/CP932 等の経由）"
                    ),
                ]
            }
            Self::DigestOfNothing => both(
                "the signed digest is that of no bytes at all: a failed canonicalisation went unnoticed",
                "空データのダイジェストが署名されています（正規化の失敗を検知していません）",
            ),
            Self::OtherElementDigested(Position { line, column, .. }) => [
                format!("the signed digest is that of another element, at line {line}, column {column}"),
                format!("{line} 行 {column} 桁の別の要素のダイジェストが署名されています"),
            ],
            Self::EcdsaDer => both(
                "the signature value is DER; XML Signature wants r and s, 32 octets each",
                "署名値が DER 形式です。XML 署名では r と s を各 32 オクテットで連結します",
            ),
            Self::KeyOfOtherEntity(entity) => {
                let entity = entity.escape_debug();
                [
                    format!("the signature is sound, but made with a key of `{entity}`"),
                    format!("署名は正しいものの、別の機関「{entity}」の鍵で作られています"),
                ]
            }
            Self::KeyNotTrusted(subject, digest) => {
                let (subject, digest) = (subject.escape_debug(), hex(digest));
                [
                    format!(
                        "the signature is sound, but its key is not registered for the signer (certificate {subject}, SHA-256 {digest})"
                    ),
                    format!(
                        "署名は正しいものの、その鍵は署名者の鍵として登録されていません（証明書: {subject}、SHA-256 {digest}）"
                    ),
                ]
            }
            Self::KeyNotForThis => both(
                "the signature is sound and the key is the signer's, but it is registered for another use or another time",
                "署名は正しく、署名者の鍵ですが、その鍵は別の用途または別の期間について登録されています",
            ),
            Self::NoKeyForAlgorithm => both(
                "no key is registered that fits the signature algorithm",
                "この署名アルゴリズムに使える署名者の鍵が登録されていません",
            ),
            Self::SignedInfoChanged => both(
                "SignedInfo was changed after signing, or signed in another form",
                "SignedInfo が署名後に変更されたか、別の形で署名されています",
            ),
            Self::ContentChanged => both(
                "the content was changed after signing; no known mistake of a signer explains the digest",
                "署名後に内容が変更されています（既知の実装誤りでは説明できません）",
            ),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [english, _] = self.words();
        f.write_str(&english)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
