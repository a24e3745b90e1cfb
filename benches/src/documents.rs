//! Assertions with invented data, made without the code that is measured.
//!
//! [`Assertion::write`] spells one out twice: as a sender does, and in exclusive canonical form, which the floor
//! hashes. That both belong together is shown by every side that verifies the signed document.

use openssl::base64::encode_block;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;

use chukei_bench_side::Scheme;

use crate::random::Random;

pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const URI_FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
pub const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
pub const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
pub const SMARTCARD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI";

/// How characters beyond ASCII are spelled in the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spelling {
    /// As themselves, in UTF-8.
    Japanese,
    /// As character references, which some libraries always write.
    Ascii,
}

/// The content of an assertion.
pub struct Assertion {
    pub id: String,
    pub instant: String,
    pub issuer: String,
    pub name_id: String,
    pub in_response_to: String,
    pub not_on_or_after: String,
    pub recipient: String,
    pub audience: String,
    pub session: String,
    pub attributes: Vec<Attribute>,
}

pub struct Attribute {
    pub name: String,
    pub friendly: String,
    pub value: String,
}

/// An assertion with its signature, and what the floor needs of it.
pub struct Signed {
    pub document: String,
    pub canonical: Vec<u8>,
    pub signed_info: Vec<u8>,
    /// As the cryptographic library takes it.
    pub value: Vec<u8>,
}

impl Assertion {
    /// Invents one whose signed document has nearly `size` octets, or as few as it can have.
    pub fn invent(random: &mut Random, size: usize, scheme: Scheme, spelling: Spelling) -> Self {
        let party =
            |random: &mut Random, what: &str| format!("https://{what}-{}.example.jp/saml", random.digits(3));
        let (day, minute) =
            (format!("2026-{:02}-{:02}", 1 + random.below(12), 1 + random.below(28)), random.below(50));
        let instant = |minute: usize| format!("{day}T09:{minute:02}:00Z");
        let mut assertion = Self {
            id: format!("_{}", random.hex(32)),
            instant: instant(minute),
            issuer: party(random, "relay"),
            name_id: random.hex(40),
            in_response_to: format!("_{}", random.hex(32)),
            not_on_or_after: instant(minute + 5),
            recipient: party(random, "portal") + "/acs",
            audience: party(random, "portal"),
            session: random.hex(24),
            attributes: Vec::new(),
        };
        let signature =
            signature(&signed_info(&assertion.id, &[0; 32], scheme, false), &vec![0; value_size(scheme)]);
        let length = |a: &Self| a.write(Some(&signature), spelling, false).len();
        let mut octets = length(&assertion) + "<saml:AttributeStatement></saml:AttributeStatement>".len();
        loop {
            let attribute = Attribute::invent(random, assertion.attributes.len());
            octets += attribute.write(spelling, "").len();
            if octets > size {
                break;
            }
            assertion.attributes.push(attribute);
        }
        // The rest goes into one value, so that all documents of a size are of that size.
        let one = spell("あ", spelling).len();
        let missing = size.saturating_sub(length(&assertion)) / one;
        if let Some(last) = assertion.attributes.last_mut() {
            last.value
                .extend((0..missing).map(|_| random.pick(&["あ", "い", "う", "え", "お", "か", "き", "く"])));
        }
        assertion
    }

    /// The document with an empty signature, which most libraries want to be given for signing.
    pub fn template(&self, scheme: Scheme, spelling: Spelling) -> String {
        let empty = signed_info(&self.id, b"", scheme, false);
        self.write(Some(&signature(&empty, b"")), spelling, false)
    }

    /// Signs it with nothing but the cryptographic library.
    pub fn sign(&self, key: &PKey<Private>, scheme: Scheme, spelling: Spelling) -> Signed {
        let canonical = self.write(None, Spelling::Japanese, true).into_bytes();
        let digest = sha256(&canonical);
        let signed_info_canonical = signed_info(&self.id, &digest, scheme, true).into_bytes();
        let hash = sha256(&signed_info_canonical);
        let (value, in_document) = signature_value(&hash, key, scheme);
        let signature = signature(&signed_info(&self.id, &digest, scheme, false), &in_document);
        let document = self.write(Some(&signature), spelling, false);
        Signed { document, canonical, signed_info: signed_info_canonical, value }
    }

    fn write(&self, signature: Option<&str>, spelling: Spelling, canonical: bool) -> String {
        let mut out = String::with_capacity(8192);
        // Canonical order of attributes is by name; a sender writes them as it likes.
        out += &if canonical {
            format!(
                r#"<saml:Assertion xmlns:saml="{SAML}" ID="{}" IssueInstant="{}" Version="2.0">"#,
                self.id, self.instant
            )
        } else {
            format!(
                r#"<saml:Assertion xmlns:saml="{SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="{XSI}" Version="2.0" ID="{}" IssueInstant="{}">"#,
                self.id, self.instant
            )
        };
        out += &format!("<saml:Issuer>{}</saml:Issuer>{}", self.issuer, signature.unwrap_or_default());
        let empty = |name: &str| if canonical { format!("></{name}>") } else { "/>".to_owned() };
        out += &format!(
            r#"<saml:Subject><saml:NameID Format="{PERSISTENT}" NameQualifier="{}" SPNameQualifier="{}">{}</saml:NameID>"#,
            self.issuer, self.audience, self.name_id
        );
        out += &format!(
            r#"<saml:SubjectConfirmation Method="{BEARER}"><saml:SubjectConfirmationData InResponseTo="{}" NotOnOrAfter="{}" Recipient="{}"{}</saml:SubjectConfirmation></saml:Subject>"#,
            self.in_response_to,
            self.not_on_or_after,
            self.recipient,
            empty("saml:SubjectConfirmationData")
        );
        out += &format!(
            r#"<saml:Conditions NotBefore="{}" NotOnOrAfter="{}"><saml:AudienceRestriction><saml:Audience>{}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"#,
            self.instant, self.not_on_or_after, self.audience
        );
        out += &format!(
            r#"<saml:AuthnStatement AuthnInstant="{}" SessionIndex="{}"><saml:AuthnContext><saml:AuthnContextClassRef>{SMARTCARD}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"#,
            self.instant, self.session
        );
        if !self.attributes.is_empty() {
            out += "<saml:AttributeStatement>";
            // Of the declarations on the root, exclusive canonical form keeps what is visibly used, where it is used.
            let declaration = if canonical { format!(r#" xmlns:xsi="{XSI}""#) } else { String::new() };
            for attribute in &self.attributes {
                out += &attribute.write(spelling, &declaration);
            }
            out += "</saml:AttributeStatement>";
        }
        out + "</saml:Assertion>"
    }
}

impl Attribute {
    fn write(&self, spelling: Spelling, declaration: &str) -> String {
        let (friendly, value) = (spell(&self.friendly, spelling), spell(&self.value, spelling));
        format!(
            r#"<saml:Attribute FriendlyName="{friendly}" Name="{}" NameFormat="{URI_FORMAT}"><saml:AttributeValue{declaration} xsi:type="xs:string">{value}</saml:AttributeValue></saml:Attribute>"#,
            self.name
        )
    }

    fn invent(random: &mut Random, number: usize) -> Self {
        let family = random.pick(&["見本", "例示", "仮名", "試作", "架空"]);
        let given = random.pick(&["太郎", "花子", "一号", "春", "みなと"]);
        let town = random.pick(&["架空市港町", "見本郡例示村", "試作区中央", "仮名市本町"]);
        let (friendly, value): (&str, String) = match number % 10 {
            0 => ("氏名", format!("{family} {given}")),
            1 => ("氏名カナ", random.pick(&["ミホン タロウ", "レイジ ハナコ", "カメイ イチゴウ"]).to_owned()),
            2 => (
                "生年月日",
                format!(
                    "昭和{}年{}月{}日",
                    10 + random.below(50),
                    1 + random.below(12),
                    1 + random.below(28)
                ),
            ),
            3 => (
                "住所",
                format!(
                    "{town}{}丁目{}番{}号",
                    1 + random.below(9),
                    1 + random.below(30),
                    1 + random.below(20)
                ),
            ),
            4 => ("保険者番号", random.digits(8)),
            5 => ("記号・番号", format!("{}-{}", random.digits(4), random.digits(7))),
            6 => ("負担割合", random.pick(&["3割", "2割", "1割"]).to_owned()),
            7 => ("資格取得日", format!("平成{}年4月1日", 1 + random.below(22))),
            8 => (
                "利用目的",
                random
                    .pick(&["資格の確認 & 窓口での提示", "年金記録の閲覧", "特定健診結果の閲覧"])
                    .to_owned(),
            ),
            _ => ("窓口区分", random.pick(&["本人", "被扶養者", "世帯主"]).to_owned()),
        };
        Self {
            name: format!("urn:example:chukei:attribute:{:04}", number),
            friendly: friendly.to_owned(),
            value,
        }
    }
}

/// A signed document with one octet changed: in what is digested, or in the signature value.
pub fn tampered(document: &str, in_value: bool) -> String {
    let before = if in_value { "<ds:SignatureValue>" } else { "SPNameQualifier=\"" };
    let at = document.find(before).expect("the document has it") + before.len();
    let other = if document[at..].starts_with('A') { "B" } else { "A" };
    [&document[..at], other, &document[at + 1..]].concat()
}

/// A signature over a hash: as the cryptographic library takes it, and as it stands in a document.
pub fn signature_value(hash: &[u8; 32], key: &PKey<Private>, scheme: Scheme) -> (Vec<u8>, Vec<u8>) {
    match scheme {
        Scheme::Rsa => {
            let mut context = openssl::pkey_ctx::PkeyCtx::new(key).unwrap();
            context.sign_init().unwrap();
            context.set_rsa_padding(openssl::rsa::Padding::PKCS1).unwrap();
            context.set_signature_md(openssl::md::Md::sha256()).unwrap();
            let mut value = Vec::new();
            context.sign_to_vec(hash, &mut value).unwrap();
            (value.clone(), value)
        }
        Scheme::P256 => {
            let value = EcdsaSig::sign(hash, &key.ec_key().unwrap()).unwrap();
            let both = [value.r(), value.s()].map(|n| n.to_vec_padded(32).unwrap()).concat();
            (value.to_der().unwrap(), both)
        }
    }
}

pub fn signed_info(id: &str, digest: &[u8], scheme: Scheme, canonical: bool) -> String {
    let declaration = if canonical { format!(r#" xmlns:ds="{DS}""#) } else { String::new() };
    let empty = |name: &str, algorithm: &str| {
        let end = if canonical { format!("></ds:{name}>") } else { "/>".to_owned() };
        format!(r#"<ds:{name} Algorithm="{algorithm}"{end}"#)
    };
    [
        format!("<ds:SignedInfo{declaration}>"),
        empty("CanonicalizationMethod", EXCLUSIVE),
        empty("SignatureMethod", algorithm(scheme)),
        format!(r##"<ds:Reference URI="#{id}"><ds:Transforms>"##),
        empty("Transform", "http://www.w3.org/2000/09/xmldsig#enveloped-signature"),
        empty("Transform", EXCLUSIVE),
        "</ds:Transforms>".to_owned(),
        empty("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256"),
        format!("<ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>", encode_block(digest)),
    ]
    .concat()
}

pub fn signature(signed_info: &str, value: &[u8]) -> String {
    let value = encode_block(value);
    format!(
        r#"<ds:Signature xmlns:ds="{DS}">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"#
    )
}

fn algorithm(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Rsa => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        Scheme::P256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    }
}

fn value_size(scheme: Scheme) -> usize {
    match scheme {
        Scheme::Rsa => 256,
        Scheme::P256 => 64,
    }
}

fn spell(text: &str, spelling: Spelling) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            c if spelling == Spelling::Ascii && !c.is_ascii() => out += &format!("&#x{:X};", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}
