//! The one shape of a ciphertext (rows ENC-10, ENC-12 … ENC-14, ENC-23 … ENC-25).

use chukei_crypto::test_pki::keys;
use chukei_forge::{
    raw::{Element, Node},
    seal::uri,
    sign::x509_key_info,
};
use chukei_reason::Reason;
use chukei_xml::{lexical::encode_base64, ns};

use super::sealed::{CONTENT_KEY, DATA, KEY, KEY_METHOD, Sealed, row};
use crate::generate::{
    Book, Made,
    rsa::{Oaep, Parts},
    signed::world,
    small::{Line, NUMBER},
};

const ALGORITHM: Reason = Reason::Algorithm;
const STRUCTURE: Reason = Reason::Structure;

/// A change of the element around a ciphertext.
type Change<'c> = &'c dyn Fn(&mut Element);

pub(super) fn generate(book: &mut Book) {
    oaep_parameters(book);
    several_keys(book);
    references(book);
    types(book);
    other_recipients(book);
    key_wrap(book);
    key_agreement(book);
}

fn oaep_parameters(book: &mut Book) {
    let mut row = row(book, "ENC-10");
    let method = |change: fn(&mut Element)| Sealed::new().changed(|root| change(root.find_mut(KEY_METHOD)));
    let cases: [Line<fn(&mut Element)>; 11] = [
        (|m| m.find_mut("ds:DigestMethod").set("Algorithm", uri::SHA1), "digest SHA-1", "ダイジェストSHA-1"),
        (|m| m.find_mut("ds:DigestMethod").set("Algorithm", SHA512), "digest SHA-512", "ダイジェストSHA-512"),
        (|m| m.find_mut("ds:DigestMethod").unset("Algorithm"), "digest without name", "ダイジェスト名なし"),
        (|m| m.find_mut("xenc11:MGF").set("Algorithm", uri::MGF1_SHA1), "MGF1 with SHA-1", "MGF1のSHA-1"),
        (|m| m.find_mut("xenc11:MGF").unset("Algorithm"), "MGF without name", "MGF名なし"),
        (|m| drop(m.remove("ds:DigestMethod")), "no digest", "ダイジェストなし"),
        (|m| drop(m.remove("xenc11:MGF")), "no MGF, which stands for SHA-1", "MGFなし（既定はSHA-1）"),
        (|m| m.children.clear(), "no parameter", "引数なし"),
        (
            |m| m.children.insert(0, Element::new("xenc:OAEPparams").text("AAAA").into()),
            "a label",
            "ラベルあり",
        ),
        (|m| m.children.insert(0, Element::new("xenc:OAEPparams").into()), "an empty label", "空のラベル"),
        (|m| m.children.push(Element::new("xenc:KeySize").text("2048").into()), "a key size", "鍵長の指定"),
    ];
    for (case, (change, en, ja)) in (1..).zip(cases) {
        row.invalid(case, method(change), ALGORITHM, en, ja);
    }
    let twice: [Line<fn(&mut Element)>; 2] = [
        (|m| m.duplicate("ds:DigestMethod"), "the digest twice", "ダイジェストが二つ"),
        (|m| m.duplicate("xenc11:MGF"), "the MGF twice", "MGFが二つ"),
    ];
    for (case, (change, en, ja)) in (20..).zip(twice) {
        row.invalid(case, method(change), STRUCTURE, en, ja).deviates(
            "R:Algorithm",
            "an element twice is no matter of algorithms",
            "要素の重複は方式でなく構造の誤り",
        );
    }
    row.control(30, method(|m| m.children.reverse()), "the parameters in the other order", "引数の順序が逆")
        .reads("NameID", NUMBER);
}

fn several_keys(book: &mut Book) {
    let mut row = row(book, "ENC-12");
    let others = |sealed: &Sealed| {
        let stranger = Parts::of(&world().requester.decryption_key);
        let wrapped = stranger.public(&Oaep::new(&CONTENT_KEY).block());
        let other = Sealed { holder: sealed.holder, wrapped, content: sealed.content.clone() };
        other.element().find(KEY).clone()
    };
    let changed = |change: &dyn Fn(&mut Element)| Sealed::new().changed(|root| change(root));
    let cases: [Line<Change>; 9] = [
        (&|root| root.duplicate(KEY), "the wrapped key twice", "同じ暗号化鍵が二つ"),
        (
            &|root| root.insert_before(KEY, others(&Sealed::new())),
            "another recipient's before ours",
            "前に他の受信者の鍵",
        ),
        (
            &|root| root.insert_after(KEY, others(&Sealed::new())),
            "another recipient's behind ours",
            "後ろに他の受信者の鍵",
        ),
        (&|root| drop(root.remove(KEY)), "no wrapped key", "暗号化鍵なし"),
        (&|root| drop(root.remove("xenc:EncryptedData/ds:KeyInfo")), "no KeyInfo", "KeyInfoなし"),
        (&|root| beside(root), "the wrapped key beside the ciphertext", "暗号文の外に置いた暗号化鍵"),
        (
            &|root| root.append(KEY, Element::new("xenc:CarriedKeyName").text("x")),
            "CarriedKeyName",
            "CarriedKeyName",
        ),
        (
            &|root| root.append(KEY, reference_list("#_elsewhere")),
            "a list of references elsewhere",
            "別の場所を指す参照一覧",
        ),
        (
            &|root| root.insert_before(KEY, Element::new("ds:KeyName").text("x")),
            "a key name before it",
            "前にKeyName",
        ),
    ];
    for (case, (change, en, ja)) in (1..).zip(cases) {
        row.invalid(case, changed(change), STRUCTURE, en, ja);
    }
    let stranger = Parts::of(&world().requester.decryption_key).public(&Oaep::new(&CONTENT_KEY).block());
    row.invalid(
        20,
        Sealed { wrapped: stranger, ..Sealed::new() }.write(),
        Reason::Decrypt,
        "sealed for another",
        "他者宛ての暗号文",
    )
    .deviates(
        "R:Structure",
        "its shape is right; only our key does not open it",
        "形は正しく、我々の鍵で開かないだけである",
    );
}

/// Moves the wrapped key behind the ciphertext.
fn beside(root: &mut Element) {
    let key = root.remove(KEY).declare(ns::XENC).declare(ns::DS);
    root.remove("xenc:EncryptedData/ds:KeyInfo");
    root.children.push(key.into());
}

fn reference_list(uri: &str) -> Element {
    Element::new("xenc:ReferenceList").child(Element::new("xenc:DataReference").attribute("URI", uri))
}

fn references(book: &mut Book) {
    let mut row = row(book, "ENC-13");
    let transform = Element::new("ds:Transform").attribute("Algorithm", chukei_forge::sign::uri::XPATH);
    let transforms = Element::new("xenc:Transforms").declare(ns::DS).child(transform);
    let reference = |uri: &str| Element::new("xenc:CipherReference").attribute("URI", uri);
    let mut case = 0;
    for (place, name, name_ja) in [(DATA, "content", "内容"), (KEY, "key", "鍵")] {
        for (reference, en, ja) in [
            (reference("http://127.0.0.1:9/"), "over HTTP", "HTTP"),
            (reference("file:///etc/hostname"), "of a file", "ファイル"),
            (reference("#_a"), "to an element", "要素"),
            (reference(""), "to the document", "文書"),
            (reference("#_a").child(transforms.clone()), "with XPath", "XPath変換付き"),
        ] {
            case += 1;
            let path = format!("{place}/xenc:CipherData");
            let input = Sealed::new().changed(|root| root.find_mut(&path).children = vec![reference.into()]);
            let (en, ja) = (format!("{name} by reference {en}"), format!("{name_ja}の参照：{ja}"));
            row.invalid(case, input, STRUCTURE, &en, &ja);
        }
    }
    let both =
        Sealed::new().changed(|root| root.append("xenc:EncryptedData/xenc:CipherData", reference("#_a")));
    row.invalid(20, both, STRUCTURE, "value and reference", "値と参照の両方");
    let comment = Sealed::new().changed(|root| {
        let value = root.find_mut("xenc:EncryptedData/xenc:CipherData/xenc:CipherValue");
        value.children.insert(0, Node::Comment("x".into()));
    });
    row.invalid(21, comment, STRUCTURE, "a comment in the value", "値の中のコメント");
}

fn types(book: &mut Book) {
    let mut row = row(book, "ENC-14");
    let data = |change: fn(&mut Element)| Sealed::new().changed(|root| change(root.find_mut(DATA)));
    let cases: [Line<fn(&mut Element)>; 9] = [
        (|d| d.unset("Type"), "no Type", "Typeなし"),
        (|d| d.set("Type", uri::CONTENT), "Type of content", "Typeが内容"),
        (|d| d.set("Type", ""), "an empty Type", "空のType"),
        (|d| d.set("Type", "http://www.w3.org/2009/xmlenc11#EXI"), "Type of EXI", "TypeがEXI"),
        (
            |d| d.set("Type", "http://www.w3.org/2001/04/xmlenc#element"),
            "Type in small letters",
            "Typeが小文字",
        ),
        (|d| d.set("MimeType", "text/xml"), "MimeType", "MimeType"),
        (|d| d.set("Encoding", "http://www.w3.org/2000/09/xmldsig#base64"), "Encoding", "Encoding"),
        (|d| d.set("x", "y"), "an unknown attribute", "未知の属性"),
        (
            |d| d.children.push(Element::new("xenc:EncryptionProperties").into()),
            "EncryptionProperties",
            "EncryptionProperties",
        ),
    ];
    for (case, (change, en, ja)) in (1..).zip(cases) {
        row.invalid(case, data(change), STRUCTURE, en, ja);
    }
    row.control(20, data(|d| d.set("Id", "_e")), "an Id", "Idあり").reads("NameID", NUMBER);
    let bare = Sealed::new().element().find(DATA).clone();
    row.control(21, bare.write(), "EncryptedData at the root", "ルートがEncryptedData")
        .reads("NameID", NUMBER);
    let twice = Sealed::new().changed(|root| root.duplicate(DATA));
    row.invalid(22, twice, STRUCTURE, "two ciphertexts in the holder", "暗号文が二つ");
}

fn other_recipients(book: &mut Book) {
    let mut row = row(book, "ENC-23");
    let hint = |key_info: Element| Sealed::new().changed(|root| root.insert_after(KEY_METHOD, key_info));
    let key_name = Element::new("ds:KeyInfo").child(Element::new("ds:KeyName").text("../other"));
    let read = |made: Made<'_>| {
        made.reads("NameID", NUMBER);
    };
    let own = x509_key_info(world().responder.encryption_certificate.der());
    let other = x509_key_info(world().requester.encryption_certificate.der());
    read(row.inert(1, hint(own), "our certificate named", "自らの証明書を表示"));
    read(row.inert(2, hint(other), "another's certificate named", "他者の証明書を表示"));
    read(row.inert(3, hint(key_name), "another's key name", "他者の鍵名を表示"));
    let named = |name: &str| Sealed::new().changed(|root| root.find_mut(KEY).set("Recipient", name));
    read(row.inert(4, named(world().responder.entity_id), "we are named as recipient", "自らを受信者と表示"));
    read(row.inert(
        5,
        named(world().requester.entity_id),
        "another is named as recipient",
        "他者を受信者と表示",
    ));
    read(row.inert(6, named(""), "nobody is named as recipient", "受信者の表示が空"));
}

fn key_wrap(book: &mut Book) {
    let mut row = row(book, "ENC-24");
    for (case, (method, length, en, ja)) in (1..).zip([
        (uri::AES256_KW, 40, "AES-256 key wrap", "AES-256鍵ラップ"),
        (AES128_KW, 40, "AES-128 key wrap", "AES-128鍵ラップ"),
        (TRIPLEDES_KW, 40, "Triple DES key wrap", "トリプルDES鍵ラップ"),
        (AES256_KWP, 40, "AES-256 key wrap with padding", "パディング付きAES-256鍵ラップ"),
        (uri::AES256_KW, 39, "AES-256 key wrap of a wrong length", "長さの誤ったAES-256鍵ラップ"),
        (uri::AES256_KW, 0, "AES-256 key wrap of nothing", "空のAES-256鍵ラップ"),
        (uri::AES256_KW, 256, "OAEP under the name of AES-256 key wrap", "AES-256鍵ラップを名乗るOAEP"),
    ]) {
        let wrapped = if length == 256 { Sealed::new().wrapped } else { vec![0xa6; length] };
        let input = Sealed { wrapped, ..Sealed::new() }.changed(|root| {
            let method_element = root.find_mut(KEY_METHOD);
            method_element.set("Algorithm", method);
            method_element.children.clear();
        });
        row.invalid(case, input, ALGORITHM, en, ja).deviates(
            "R:Decrypt",
            "the standard has no symmetric key transport, so it is refused by its name, before a key is used",
            "本標準に対称鍵による鍵配送はなく、鍵を使う前に名前で拒否する",
        );
    }
}

fn key_agreement(book: &mut Book) {
    let mut row = row(book, "ENC-25");
    let agreement = |point: &[u8]| {
        let key = Element::new("dsig11:ECKeyValue")
            .attribute("xmlns:dsig11", "http://www.w3.org/2009/xmldsig11#")
            .child(Element::new("dsig11:NamedCurve").attribute("URI", "urn:oid:1.2.840.10045.3.1.7"))
            .child(Element::new("dsig11:PublicKey").text(&encode_base64(point)));
        let derivation = Element::new("xenc11:KeyDerivationMethod")
            .attribute("xmlns:xenc11", "http://www.w3.org/2009/xmlenc11#")
            .attribute("Algorithm", "http://www.w3.org/2009/xmlenc11#ConcatKDF")
            .child(
                Element::new("xenc11:ConcatKDFParams")
                    .attribute("AlgorithmID", "00")
                    .child(Element::new("ds:DigestMethod").attribute("Algorithm", uri::SHA256)),
            );
        let originator = Element::new("xenc:OriginatorKeyInfo").child(Element::new("ds:KeyValue").child(key));
        Element::new("xenc:AgreementMethod")
            .attribute("Algorithm", uri::ECDH_ES)
            .child(derivation)
            .child(originator)
    };
    let point = keys::p256(1).public_key().spki_der()[26..].to_vec();
    let off_curve = [&point[..64], &[point[64] ^ 1]].concat();
    for (case, (point, en, ja)) in (1..).zip([
        (point.clone(), "a sound point", "正しい点"),
        (off_curve, "a point that is not on the curve", "曲線上にない点"),
        (vec![0], "the point at infinity", "無限遠点"),
        (vec![4; 65], "a point far from the curve", "曲線から外れた点"),
    ]) {
        let input = Sealed { wrapped: vec![0xa6; 40], ..Sealed::new() }.changed(|root| {
            let method = root.find_mut(KEY_METHOD);
            method.set("Algorithm", uri::AES256_KW);
            method.children.clear();
            root.insert_after(KEY_METHOD, Element::new("ds:KeyInfo").child(agreement(&point)));
        });
        row.invalid(
            case,
            input,
            ALGORITHM,
            &format!("a key wrapped by agreement, {en}"),
            &format!("鍵合意による鍵ラップ：{ja}"),
        );
        let direct = Sealed::new().changed(|root| {
            root.find_mut("xenc:EncryptedData/ds:KeyInfo").children = vec![agreement(&point).into()];
        });
        row.invalid(
            case + 10,
            direct,
            STRUCTURE,
            &format!("content sealed by agreement, {en}"),
            &format!("鍵合意による内容暗号：{ja}"),
        )
        .deviates("R:Algorithm", "there is no EncryptedKey at all", "そもそもEncryptedKeyがない");
    }
}

const AES128_KW: &str = "http://www.w3.org/2001/04/xmlenc#kw-aes128";

const TRIPLEDES_KW: &str = "http://www.w3.org/2001/04/xmlenc#kw-tripledes";

const AES256_KWP: &str = "http://www.w3.org/2009/xmlenc11#kw-aes-256-pad";

const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";
