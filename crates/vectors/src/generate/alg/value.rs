//! Signature values: elliptic curves, PKCS#1 v1.5, PSS (rows ALG-06 … ALG-08).

use chukei_crypto::{SignatureAlgorithm, test_pki::keys};
use chukei_forge::{
    raw::Element,
    sign::{Secret, SignatureSpec, uri},
};
use chukei_reason::Reason;
use chukei_xml::lexical::{decode_base64, encode_base64};

use crate::{
    generate::{
        Book, der,
        old::Hash,
        rsa::{INFO_SHA1, INFO_SHA256, Pss, pkcs1, sum},
        signed::world,
        small::{
            Line, NUMBER, assertion, changed, elliptic, key_of, knows, relay_parts, row, signature, signed,
            signed_block, signed_by_hand, verified_by,
        },
    },
    schema::{Flag, Kind},
};

const REFUSED: Reason = Reason::Algorithm;

/// A padded block for a digest.
type OfDigest = fn(&[u8]) -> Vec<u8>;
/// A change of a signature value.
type OfValue = fn(Vec<u8>) -> Vec<u8>;

pub(super) fn generate(book: &mut Book) {
    elliptic_values(book);
    rsa_padding(book);
    pss_parameters(book);
}

fn elliptic_values(book: &mut Book) {
    let mut row = book.row("ALG-06", Kind::XmlSignature, Flag::SignatureValue);
    let relay = world().relay.entity_id;
    row.context(verified_by(knows(vec![key_of(relay, keys::p256(1).public_key())])));
    row.valid(0, signed(&elliptic(1)), "signed with P-256", "P-256の署名").reads("NameID", NUMBER).random();
    let mut case = 0;
    let mut value = |change: fn(&[u8], &[u8]) -> Vec<u8>, en: &str, ja: &str| {
        case += 1;
        let mut root = assertion();
        elliptic(1).sign(&mut root, ".");
        let at = root.find_mut("ds:Signature/ds:SignatureValue");
        let octets = decode_base64(&at.content()).expect("a signature");
        let (r, s) = octets.split_at(32);
        at.set_content(&encode_base64(&change(r, s)));
        row.invalid(case, root.write(), Reason::Signature, en, ja).random();
    };
    value(|_, s| [&[0; 32], s].concat(), "r is zero", "rが0");
    value(|r, _| [r, &[0; 32]].concat(), "s is zero", "sが0");
    value(|_, _| vec![0; 64], "both are zero", "両方が0");
    value(|_, s| [&ORDER, s].concat(), "r is the order", "rが位数");
    value(|r, _| [r, &ORDER].concat(), "s is the order", "sが位数");
    value(|_, _| [ORDER, ORDER].concat(), "both are the order", "両方が位数");
    value(|_, _| vec![0xff; 64], "both above the order", "両方が位数超過");
    value(|_, _| [[0; 31].as_slice(), &[1], &[0; 31], &[1]].concat(), "both are one", "両方が1");
    value(|r, s| [s, r].concat(), "r and s exchanged", "rとsを交換");
    value(|r, s| der::value(0x30, &[&der::unsigned(r), &der::unsigned(s)]), "DER", "DER形式");
    value(|r, s| [r, s, &[0]].concat(), "an octet too many", "1オクテット過多");
    value(|r, s| [r, &s[..31]].concat(), "an octet too few", "1オクテット不足");
    value(|r, s| [&[0], r, &[0], s].concat(), "both with a leading zero", "両方の先頭に0");
    value(|r, s| [&[0; 16], r, &[0; 16], s].concat(), "as long as one of P-384", "P-384の長さ");
    value(|r, s| [&sum(r, &ORDER), s].concat(), "r plus the order", "rに位数を加算");
    value(|r, _| r.to_vec(), "r alone", "rのみ");
    value(|_, _| vec![0], "one octet", "1オクテット");
    let mut root = assertion();
    elliptic(1).sign(&mut root, ".");
    let at = root.find_mut("ds:Signature/ds:SignatureValue");
    let octets = decode_base64(&at.content()).expect("a signature");
    let (r, s) = octets.split_at(32);
    at.set_content(&encode_base64(&[r, &order_minus(s)].concat()));
    row.inert(30, root.write(), "the order minus s", "sの代わりに位数－s")
        .reads("NameID", NUMBER)
        .deviates(
            "R:Signature",
            "the second valid signature of the same message; a signature's octets are no identity",
            "同じ電文のもう一つの正しい署名。署名のオクテット列を同一性の根拠にしてはならない",
        )
        .random();
    for (case, (method, en, ja)) in (40..).zip([
        (ECDSA_SHA384, "ECDSA with SHA-384, by name", "SHA-384のECDSAを名乗る"),
        (DSA_SHA256, "DSA with SHA-256, by name", "SHA-256のDSAを名乗る"),
        (EDDSA, "Ed25519, by name", "Ed25519を名乗る"),
    ]) {
        let spec = SignatureSpec { method: method.to_owned(), ..elliptic(1) };
        row.invalid(case, signed(&spec), REFUSED, en, ja)
            .deviates("R:Signature", "refused by its name already", "名前の時点で拒否する")
            .random();
    }
    row.context(verified_by(knows(vec![key_of(relay, keys::p384().public_key())])));
    row.invalid(
        50,
        signed(&elliptic(1)),
        Reason::Key,
        "the signer is known with a P-384 key only",
        "署名者の登録鍵がP-384のみ",
    )
    .deviates(
        "R:Signature",
        "no key of the signer fits the algorithm",
        "署名者の鍵でこの方式に合うものがない",
    )
    .random();
}

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `order − number`.
fn order_minus(number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = ORDER
        .iter()
        .rev()
        .zip(number.iter().rev())
        .map(|(from, taken)| {
            let difference = i16::from(*from) - i16::from(*taken) - borrow;
            borrow = i16::from(difference < 0);
            u8::try_from(difference.rem_euclid(256)).expect("an octet")
        })
        .collect();
    difference.reverse();
    difference
}

fn rsa_padding(book: &mut Book) {
    let mut row = row(book, "ALG-07", Flag::SignatureValue);
    let digest = |octets: &[u8]| Hash::Sha256.digest(octets);
    let blocks: [Line<OfDigest>; 15] = [
        (|d| pkcs1(&without_null(d)), "no NULL in DigestInfo", "DigestInfoにNULLがない"),
        (
            |d| pkcs1(&[INFO_SHA1, &d[..20]].concat()),
            "the name of SHA-1 in DigestInfo",
            "DigestInfoがSHA-1を名乗る",
        ),
        (|d| pkcs1(d), "the digest without DigestInfo", "DigestInfoなしの裸のダイジェスト"),
        (
            |d| pkcs1(&[INFO_SHA256, &d[..31]].concat()),
            "a digest cut by an octet",
            "1オクテット短いダイジェスト",
        ),
        (
            |d| pkcs1(&[INFO_SHA256, d, &[0]].concat()),
            "an octet behind the digest",
            "ダイジェストの後ろに1オクテット",
        ),
        (
            |d| short_padding(&[INFO_SHA256, d].concat()),
            "eight octets of padding, then garbage behind the digest",
            "パディング8オクテット、ダイジェストの後ろにごみ",
        ),
        (
            |d| pkcs1(&[&[0x30, 0x81, 0x31], &INFO_SHA256[2..], d].concat()),
            "a long form of length",
            "長さの長形式",
        ),
        (
            |d| pkcs1(&nested_garbage(d)),
            "octets in the parameters of the algorithm",
            "アルゴリズム引数にオクテット列",
        ),
        (|d| first(pkcs1(&[INFO_SHA256, d].concat()), &[1]), "the first octet is one", "先頭オクテットが1"),
        (|d| first(pkcs1(&[INFO_SHA256, d].concat()), &[0, 2]), "block type 2", "ブロック種別2"),
        (|d| first(pkcs1(&[INFO_SHA256, d].concat()), &[0, 0]), "block type 0", "ブロック種別0"),
        (
            |d| first(pkcs1(&[INFO_SHA256, d].concat()), &[0, 1, 0xfe]),
            "another octet in the padding",
            "パディングに別のオクテット",
        ),
        (|d| first(pkcs1(&[INFO_SHA256, d].concat()), &[0, 1, 0]), "a zero in the padding", "パディングに0"),
        (
            |d| pkcs1(&[&[0], INFO_SHA256, d].concat()),
            "two zeros behind the padding",
            "パディングの後ろに0が二つ",
        ),
        (
            |d| pkcs1(&[INFO_SHA256, &[0; 32], d].concat()),
            "a digest of zeros before the digest",
            "ダイジェストの前に0の列",
        ),
    ];
    let mut case = 0;
    for (block, en, ja) in blocks {
        case += 1;
        let input = signed_block(uri::RSA_SHA256, |octets| block(&digest(octets)));
        row.invalid(case, input, Reason::Signature, en, ja);
    }
    let right = |octets: &[u8]| relay_parts().private(&pkcs1(&[INFO_SHA256, &digest(octets)].concat()));
    let values: [Line<OfValue>; 8] = [
        (|value| [vec![0], value].concat(), "a leading zero", "先頭に0を追加"),
        (|value| [value, vec![0]].concat(), "an octet behind it", "末尾に1オクテット追加"),
        (|value| value[..255].to_vec(), "an octet too few", "1オクテット不足"),
        (|value| sum(&value, &relay_parts().modulus), "the modulus added", "法を加算"),
        (|_| vec![0; 256], "zero", "0"),
        (|_| [vec![0; 255], vec![1]].concat(), "one", "1"),
        (|_| vec![0xff; 256], "above the modulus", "法を超える値"),
        (|value| relay_parts().public(&value), "the padded block itself", "パディング済みブロックそのもの"),
    ];
    for (case, (change, en, ja)) in (30..).zip(values) {
        let input = signed_by_hand(assertion(), &signature(), Hash::Sha256, |octets| change(right(octets)));
        row.invalid(case, input, Reason::Signature, &format!("value: {en}"), &format!("署名値：{ja}"));
    }
    let input = signed_by_hand(assertion(), &signature(), Hash::Sha256, right);
    assert_eq!(input, signed(&signature()), "by hand as by the library");
}

/// DigestInfo without the NULL that RFC 8017 §9.2 demands.
fn without_null(digest: &[u8]) -> Vec<u8> {
    let algorithm = der::value(0x30, &[&INFO_SHA256[4..15]]);
    der::value(0x30, &[&algorithm, &der::value(4, &[digest])])
}

/// DigestInfo with garbage in the parameters of its algorithm (a variant of Bleichenbacher's forgery, 2006).
fn nested_garbage(digest: &[u8]) -> Vec<u8> {
    let algorithm = der::value(0x30, &[&INFO_SHA256[4..15], &der::value(4, &[&[0x55; 120]])]);
    der::value(0x30, &[&algorithm, &der::value(4, &[digest])])
}

/// `00 01 FF×8 00`, what is behind it, and garbage up to the end (Bleichenbacher's forgery, 2006).
fn short_padding(behind: &[u8]) -> Vec<u8> {
    let mut block = [&[0, 1][..], &[0xff; 8], &[0], behind].concat();
    block.resize(256, 0x55);
    block
}

fn first(mut block: Vec<u8>, octets: &[u8]) -> Vec<u8> {
    block[..octets.len()].copy_from_slice(octets);
    block
}

fn pss_parameters(book: &mut Book) {
    let mut row = row(book, "ALG-08", Flag::Algorithm);
    let policy = (
        "policy",
        "the standard allows one form: SHA-256, MGF1 with SHA-256, 32 octets of salt",
        "本標準が許すのはSHA-256、SHA-256によるMGF1、ソルト32オクテットの一形式のみ",
    );
    let library = changed(|spec| {
        spec.method = uri::RSA_PSS_SHA256.to_owned();
        spec.secret = Secret::Key(world().relay.key.clone(), SignatureAlgorithm::RsaPssSha256);
    });
    row.inert(1, library, "PSS in the one form", "許された形式のPSS")
        .reads("NameID", NUMBER)
        .deviates(policy.0, policy.1, policy.2)
        .random();
    let pss = |change: fn(&mut Pss)| {
        signed_block(uri::RSA_PSS_SHA256, |octets| {
            let mut pss = Pss::new();
            change(&mut pss);
            pss.block(octets)
        })
    };
    row.inert(2, pss(|_| ()), "PSS in the one form, by hand", "許された形式のPSS（手製）")
        .reads("NameID", NUMBER)
        .deviates(policy.0, policy.1, policy.2);
    let changes: [Line<fn(&mut Pss)>; 9] = [
        (|pss| pss.salt = Vec::new(), "no salt", "ソルトなし"),
        (|pss| pss.salt = vec![7; 20], "20 octets of salt", "ソルト20オクテット"),
        (|pss| pss.salt = vec![7; 31], "31 octets of salt", "ソルト31オクテット"),
        (|pss| pss.salt = vec![7; 33], "33 octets of salt", "ソルト33オクテット"),
        (|pss| pss.salt = vec![7; 222], "as much salt as fits", "最大長のソルト"),
        (|pss| pss.mask = Hash::Sha1, "MGF1 with SHA-1", "SHA-1によるMGF1"),
        (|pss| (pss.hash, pss.mask) = (Hash::Sha1, Hash::Sha1), "SHA-1 throughout", "全てSHA-1"),
        (|pss| pss.trailer = 0xcc, "another last octet", "末尾オクテット違い"),
        (|pss| pss.first = 0x80, "the highest bit set", "最上位ビットが1"),
    ];
    for (case, (change, en, ja)) in (3..).zip(changes) {
        row.invalid(case, pss(change), Reason::Signature, en, ja).deviates(policy.0, policy.1, policy.2);
    }
    let input = signed_block(uri::RSA_SHA256, |octets| Pss::new().block(octets));
    row.invalid(20, input, Reason::Signature, "PSS under the name of PKCS#1 v1.5", "PKCS#1 v1.5を名乗るPSS")
        .deviates(policy.0, policy.1, policy.2);
    let input = signed_block(uri::RSA_PSS_SHA256, |octets| {
        pkcs1(&[INFO_SHA256, &Hash::Sha256.digest(octets)].concat())
    });
    row.invalid(21, input, Reason::Signature, "PKCS#1 v1.5 under the name of PSS", "PSSを名乗るPKCS#1 v1.5")
        .deviates(policy.0, policy.1, policy.2);
    let parameters = || {
        let salt = Element::new("pss:SaltLength").text("32");
        Element::new("pss:RSAPSSParams").attribute("xmlns:pss", PSS_PARAMETERS).child(salt)
    };
    for (case, (method, content, en, ja)) in (22..).zip([
        (RSA_PSS, vec![parameters().into()], "PSS with parameters in the message", "電文中に引数を持つPSS"),
        (RSA_PSS, Vec::new(), "PSS with default parameters", "既定引数のPSS"),
        (SHA1_RSA_MGF1, Vec::new(), "PSS with SHA-1, by name", "SHA-1のPSSを名乗る"),
        (SHA512_RSA_MGF1, Vec::new(), "PSS with SHA-512, by name", "SHA-512のPSSを名乗る"),
    ]) {
        let spec = SignatureSpec { method: method.to_owned(), method_content: content, ..signature() };
        let input = signed_by_hand(assertion(), &spec, Hash::Sha256, |octets| {
            relay_parts().private(&Pss::new().block(octets))
        });
        row.invalid(case, input, REFUSED, en, ja).deviates(policy.0, policy.1, policy.2);
    }
}

const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";

const DSA_SHA256: &str = "http://www.w3.org/2009/xmldsig11#dsa-sha256";

const EDDSA: &str = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519";

const RSA_PSS: &str = "http://www.w3.org/2007/05/xmldsig-more#rsa-pss";

const PSS_PARAMETERS: &str = "http://www.w3.org/2007/05/xmldsig-more#";

const SHA1_RSA_MGF1: &str = "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1";

const SHA512_RSA_MGF1: &str = "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1";
