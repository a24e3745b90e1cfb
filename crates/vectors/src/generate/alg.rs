//! Algorithms that a signature names (rows ALG-01 … ALG-05, ALG-10); values and keys are in the modules below.

mod key;
mod value;

use chukei_forge::{
    raw::Element,
    sign::{Place, SignatureSpec, uri},
};
use chukei_reason::Reason;
use chukei_xml::{lexical::encode_base64, ns};

use super::{
    Book, der,
    old::{Hash, hmac},
    rsa::{INFO_SHA1, INFO_SHA256, pkcs1},
    signed::world,
    small::{
        Line, NUMBER, assertion, canonicalised, changed, knows, relay_key, relay_parts, row, signature,
        signed, signed_block, signed_by_hand, verified_by,
    },
};
use crate::{
    context::{MessageShape, Verifier},
    schema::{Flag, Kind},
};

const REFUSED: Reason = Reason::Algorithm;

/// Another spelling of an identifier.
type Spelling = fn(&str) -> String;

pub(super) fn generate(book: &mut Book) {
    truncated_hmac(book);
    public_key_as_secret(book);
    broken_digests(book);
    half_broken(book);
    misspelled(book);
    metadata(book);
    value::generate(book);
    key::generate(book);
}

fn truncated_hmac(book: &mut Book) {
    let mut row = row(book, "ALG-01", Flag::Algorithm);
    for (case, (method, hash, bits)) in (1..).zip([
        (uri::HMAC_SHA1, Hash::Sha1, Some(0)),
        (uri::HMAC_SHA1, Hash::Sha1, Some(1)),
        (uri::HMAC_SHA1, Hash::Sha1, Some(8)),
        (uri::HMAC_SHA1, Hash::Sha1, Some(40)),
        (uri::HMAC_SHA1, Hash::Sha1, Some(80)),
        (uri::HMAC_SHA256, Hash::Sha256, Some(0)),
        (uri::HMAC_SHA256, Hash::Sha256, Some(8)),
        (uri::HMAC_SHA256, Hash::Sha256, Some(128)),
        (uri::HMAC_SHA1, Hash::Sha1, None),
        (uri::HMAC_SHA256, Hash::Sha256, None),
    ]) {
        let length =
            bits.map(|bits: usize| Element::new("ds:HMACOutputLength").text(&bits.to_string()).into());
        let spec = SignatureSpec {
            method: method.to_owned(),
            method_content: length.into_iter().collect(),
            ..signature()
        };
        // The empty secret: what a verifier uses that was configured with no key for HMAC.
        let input = signed_by_hand(assertion(), &spec, Hash::Sha256, |octets| {
            let mut value = hmac(hash, b"", octets);
            value.truncate(bits.map_or(usize::MAX, |bits| bits.div_ceil(8)));
            value
        });
        let name = if hash == Hash::Sha1 { "HMAC-SHA-1" } else { "HMAC-SHA-256" };
        let (en, ja) = match bits {
            Some(bits) => (format!("{name} cut to {bits} bits"), format!("{bits}ビットに切り詰めた{name}")),
            None => (format!("{name} in full"), format!("切り詰めない{name}")),
        };
        row.invalid(case, input, REFUSED, &en, &ja);
    }
}

fn public_key_as_secret(book: &mut Book) {
    let mut row = row(book, "ALG-02", Flag::Algorithm);
    let key = world().relay.key.public_key().spki_der();
    let certificate = world().relay.certificate.der();
    let pem = der::pem("PUBLIC KEY", key);
    let certificate_pem = der::certificates(&[certificate]);
    let one_line = encode_base64(certificate);
    let modulus = relay_parts().modulus;
    for (case, (secret, en, ja)) in (1..).zip([
        (key, "the DER public key", "公開鍵のDER"),
        (pem.as_bytes(), "the PEM public key", "公開鍵のPEM"),
        (
            pem.trim_end().as_bytes(),
            "the PEM public key without its last line end",
            "末尾改行のない公開鍵PEM",
        ),
        (certificate, "the DER certificate", "証明書のDER"),
        (certificate_pem.as_bytes(), "the PEM certificate", "証明書のPEM"),
        (one_line.as_bytes(), "the base64 of the certificate", "証明書のbase64"),
        (&modulus, "the modulus", "法の数値"),
    ]) {
        for (case, method, hash) in
            [(case, uri::HMAC_SHA256, Hash::Sha256), (case + 10, uri::HMAC_SHA1, Hash::Sha1)]
        {
            let spec = SignatureSpec { method: method.to_owned(), ..signature() };
            let input = signed_by_hand(assertion(), &spec, Hash::Sha256, |octets| hmac(hash, secret, octets));
            row.invalid(
                case,
                input,
                REFUSED,
                &format!("HMAC keyed with {en}"),
                &format!("{ja}を鍵とするHMAC"),
            );
        }
    }
}

fn broken_digests(book: &mut Book) {
    let mut row = row(book, "ALG-03", Flag::Algorithm);
    let sha1 = |octets: &[u8]| [INFO_SHA1, &Hash::Sha1.digest(octets)].concat();
    let mut spec = SignatureSpec { method: uri::RSA_SHA1.to_owned(), ..signature() };
    spec.references[0].digest_method = uri::SHA1.to_owned();
    let input = signed_by_hand(assertion(), &spec, Hash::Sha1, |o| relay_parts().private(&pkcs1(&sha1(o))));
    row.invalid(1, input, REFUSED, "SHA-1 in signature and digest", "署名もダイジェストもSHA-1");
    for (case, (method, digest, en, ja)) in (2..).zip([
        (uri::RSA_MD5, uri::MD5, "MD5, by name", "MD5を名乗る"),
        (RSA_RIPEMD160, RIPEMD160, "RIPEMD-160, by name", "RIPEMD-160を名乗る"),
        (RSA_SHA224, SHA224, "SHA-224, by name", "SHA-224を名乗る"),
        (uri::DSA_SHA1, uri::SHA1, "DSA with SHA-1, by name", "SHA-1のDSAを名乗る"),
        (ECDSA_SHA1, uri::SHA1, "ECDSA with SHA-1, by name", "SHA-1のECDSAを名乗る"),
        (RSA_SHA512, SHA512, "SHA-512, strong and not on the list", "強いが一覧にないSHA-512を名乗る"),
    ]) {
        let input = changed(|spec| {
            spec.method = method.to_owned();
            spec.references[0].digest_method = digest.to_owned();
        });
        row.invalid(case, input, REFUSED, en, ja);
    }
}

fn half_broken(book: &mut Book) {
    let mut row = row(book, "ALG-04", Flag::Algorithm);
    let mut weak_digest = signature();
    weak_digest.references[0].digest_method = uri::SHA1.to_owned();
    let sha256 = |octets: &[u8]| [INFO_SHA256, &Hash::Sha256.digest(octets)].concat();
    let input =
        signed_by_hand(assertion(), &weak_digest, Hash::Sha1, |o| relay_parts().private(&pkcs1(&sha256(o))));
    row.invalid(
        1,
        input,
        REFUSED,
        "RSA with SHA-256 over a SHA-1 digest",
        "RSA-SHA256署名、ダイジェストはSHA-1",
    );
    let weak = SignatureSpec { method: uri::RSA_SHA1.to_owned(), ..signature() };
    let sha1 = |octets: &[u8]| [INFO_SHA1, &Hash::Sha1.digest(octets)].concat();
    let input = signed_by_hand(assertion(), &weak, Hash::Sha256, |o| relay_parts().private(&pkcs1(&sha1(o))));
    row.invalid(
        2,
        input,
        REFUSED,
        "RSA with SHA-1 over a SHA-256 digest",
        "RSA-SHA1署名、ダイジェストはSHA-256",
    );
    // Under the right name the algorithm does not change.
    let input = signed_block(uri::RSA_SHA256, |octets| pkcs1(&sha1(octets)));
    row.invalid(
        3,
        input,
        Reason::Signature,
        "RSA with SHA-1 under the name of SHA-256",
        "SHA-256を名乗るRSA-SHA1署名",
    )
    .deviates(
        "R:Algorithm",
        "the names are those of the list, so the value is what is wrong",
        "名前は一覧のもので、誤っているのは署名値である",
    );
}

fn misspelled(book: &mut Book) {
    let mut row = row(book, "ALG-05", Flag::Algorithm);
    let spellings: [Line<Spelling>; 11] = [
        (|uri| uri.to_uppercase(), "in capitals", "大文字"),
        (
            |uri| uri.replace("rsa-sha256", "RSA-SHA256").replace("#sha256", "#SHA256"),
            "fragment in capitals",
            "フラグメントのみ大文字",
        ),
        (|uri| format!("{uri} "), "with a space behind it", "後ろに空白"),
        (|uri| format!(" {uri}"), "with a space before it", "前に空白"),
        (|uri| format!("{uri}\n"), "with a line end behind it", "後ろに改行"),
        (|uri| uri.replace("http:", "https:"), "with another scheme", "別のスキーム"),
        (|uri| uri.replace("www.w3.org", "WWW.W3.ORG"), "with the host in capitals", "ホスト名が大文字"),
        (|uri| uri.replace("sha256", "sha%32%35%36"), "with escapes", "パーセント符号化"),
        (
            |uri| uri.split_once('#').expect("a fragment").1.to_owned(),
            "the fragment alone",
            "フラグメントのみ",
        ),
        (|_| String::new(), "empty", "空"),
        (|_| "urn:example:test:algorithm".to_owned(), "unknown", "未知"),
    ];
    let mut case = 0;
    for (spell, en, ja) in spellings {
        for (place, place_ja) in [("SignatureMethod", "署名方式"), ("DigestMethod", "ダイジェスト方式")]
        {
            case += 1;
            let input = changed(|spec| {
                let digest = place == "DigestMethod";
                let at = if digest { &mut spec.references[0].digest_method } else { &mut spec.method };
                *at = spell(at);
            });
            row.invalid(case, input, REFUSED, &format!("{place} {en}"), &format!("{place_ja}：{ja}"));
        }
    }
    let input =
        changed(|spec| spec.signed_info = Some(|s| s.find_mut("ds:SignatureMethod").unset("Algorithm")));
    row.invalid(30, input, REFUSED, "SignatureMethod without Algorithm", "Algorithmのない署名方式");
    for (case, (algorithm, en, ja)) in (31..).zip([
        (uri::EXC_C14N.to_uppercase(), "in capitals", "大文字"),
        (format!("{} ", uri::EXC_C14N), "with a space behind it", "後ろに空白"),
        (uri::EXC_C14N.replace('#', ""), "without its number sign", "末尾の#なし"),
        (String::new(), "empty", "空"),
    ]) {
        let spec = SignatureSpec { canonicalization: algorithm.clone(), ..signature() };
        let (en, ja) = (format!("CanonicalizationMethod {en}"), format!("正規化方式：{ja}"));
        row.invalid(case, signed(&spec), REFUSED, &en, &ja);
        let input = changed(|spec| canonicalised(&mut spec.references[0], &algorithm));
        row.invalid(
            case + 10,
            input,
            Reason::Transform,
            &en.replace("CanonicalizationMethod", "Transform"),
            &ja.replace("正規化方式", "変換"),
        )
        .deviates(
            "R:Algorithm",
            "as a transform an unknown algorithm is refused as a transform",
            "変換としての未知のアルゴリズムは変換として拒否する",
        );
    }
}

fn metadata(book: &mut Book) {
    let relay = world().relay.entity_id;
    let descriptor = |digest: &str, signing: &str, encryption: &str| {
        let algorithm = |name: &str, uri: &str| Element::new(name).attribute("Algorithm", uri);
        let offered = Element::new("md:Extensions")
            .attribute("xmlns:alg", ALGORITHM_SUPPORT)
            .child(algorithm("alg:DigestMethod", digest))
            .child(algorithm("alg:SigningMethod", signing));
        let key = Element::new("md:KeyDescriptor").child(algorithm("md:EncryptionMethod", encryption));
        let role = Element::new("md:IDPSSODescriptor")
            .attribute("protocolSupportEnumeration", ns::SAMLP.uri())
            .child(key);
        Element::declared(ns::MD, "EntityDescriptor")
            .attribute("ID", "_a")
            .attribute("entityID", relay)
            .child(offered)
            .child(role)
    };
    let weak = || descriptor(uri::SHA1, uri::RSA_SHA1, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc");
    let spec = SignatureSpec { place: Place::First, ..signature() };
    let sign = |mut root: Element| {
        spec.sign(&mut root, ".");
        root.write()
    };
    let trust = || vec![relay_key()];
    let mut row = book.row("ALG-10", Kind::XmlSignature, Flag::Algorithm);
    let signer = Some(relay.to_owned());
    let known = Verifier { shape: MessageShape::Metadata, signer, ..knows(trust()) };
    row.context(verified_by(known));
    let strong = descriptor(uri::SHA256, uri::RSA_SHA256, "http://www.w3.org/2009/xmlenc11#aes256-gcm");
    row.valid(
        0,
        sign(strong),
        "metadata that offers the standard's algorithms",
        "本標準の方式を示すメタデータ",
    )
    .reads("@entityID", relay);
    row.inert(1, sign(weak()), "metadata that offers weak algorithms alone", "弱い方式のみを示すメタデータ")
        .reads("@entityID", relay)
        .deviates(
            "R:Algorithm",
            "soundly signed and readable; its offer changes nothing, as the other vectors of the row show",
            "署名は正しく読める。示された方式は何も変えないことを同じ行の他のベクタが示す",
        );
    let old = SignatureSpec { method: uri::RSA_SHA1.to_owned(), ..spec.clone() };
    let sha1 =
        |octets: &[u8]| relay_parts().private(&pkcs1(&[INFO_SHA1, &Hash::Sha1.digest(octets)].concat()));
    let input = signed_by_hand(weak(), &old, Hash::Sha256, sha1);
    row.invalid(2, input, REFUSED, "signed as it offers itself", "示した弱い方式で署名");
    row.context(verified_by(knows(trust())));
    row.valid(10, signed(&signature()), "an assertion of that entity", "当該エンティティのアサーション")
        .reads("NameID", NUMBER);
    let input = signed_by_hand(
        assertion(),
        &SignatureSpec { method: uri::RSA_SHA1.to_owned(), ..signature() },
        Hash::Sha256,
        sha1,
    );
    row.invalid(
        11,
        input,
        REFUSED,
        "an assertion signed as metadata offers",
        "メタデータの示す弱い方式で署名したアサーション",
    );
}

const RSA_RIPEMD160: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160";

const RIPEMD160: &str = "http://www.w3.org/2001/04/xmlenc#ripemd160";

const RSA_SHA224: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224";

const SHA224: &str = "http://www.w3.org/2001/04/xmldsig-more#sha224";

const RSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512";

const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

const ECDSA_SHA1: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1";

const ALGORITHM_SUPPORT: &str = "urn:oasis:names:tc:SAML:metadata:algsupport";
