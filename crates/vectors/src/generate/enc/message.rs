//! What is inside a ciphertext, and the signed message around it (rows ENC-15 … ENC-19, ENC-21).

use chukei_forge::{
    raw::Element,
    sign::{Secret, SignatureSpec},
};
use chukei_reason::Reason;
use chukei_xml::ns;

use super::sealed::{CONTENT_KEY, IV, KEY_METHOD, Sealed, name_id, opened_by, recipient, row};
use crate::{
    context::{Expected, MessageShape, Recipient, Verifier},
    generate::{
        Book,
        old::gcm,
        signed::{time, world},
        small::{Line, NUMBER, assertion, key_of, knows, relay_key, signature},
    },
    schema::{Flag, Kind},
};

const PLAINTEXT: Reason = Reason::Plaintext;

pub(super) fn generate(book: &mut Book) {
    not_one_element(book);
    other_elements(book);
    nested(book);
    unsigned_inside(book);
    order(book);
    before_verification(book);
}

fn not_one_element(book: &mut Book) {
    let mut row = row(book, "ENC-15");
    let own = name_id();
    let bare = "<saml:NameID>20260001</saml:NameID>".to_owned();
    for (case, (plaintext, en, ja)) in (1..).zip([
        (format!("{own}{own}"), "two elements", "二つの要素"),
        (NUMBER.to_owned(), "text alone", "文字列のみ"),
        (format!("x{own}"), "text before the element", "要素の前に文字列"),
        (format!("{own}x"), "text behind the element", "要素の後ろに文字列"),
        (String::new(), "nothing", "空"),
        (" ".repeat(16), "white space alone", "空白のみ"),
        (format!("<!DOCTYPE x>{own}"), "a document type", "文書型宣言"),
        (
            format!(
                "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>{}",
                own.replace(NUMBER, "&e;")
            ),
            "an external entity",
            "外部実体",
        ),
        (format!("<?xml version=\"1.0\"?>{own}"), "an XML declaration", "XML宣言"),
        (format!("<?x y?>{own}"), "a processing instruction", "処理命令"),
        (bare, "a namespace of the message around it", "外側の名前空間に依存"),
        (own.replace("</saml:NameID>", ""), "truncated", "途中で切断"),
        (own.replace(NUMBER, "a & b"), "not well-formed", "整形式でない"),
        (format!("\u{feff}{own}"), "a byte order mark", "BOM"),
        (format!("\n{own}"), "white space before the element", "要素の前に空白"),
        (format!("<!-- x -->{own}"), "a comment before the element", "要素の前にコメント"),
        (own.replace(NUMBER, "\u{0}"), "a NUL", "NUL文字"),
        (own.replace(" xmlns", " ID=\"_a\" xml:id=\"_a\" xmlns"), "a reserved attribute", "予約属性"),
    ]) {
        row.invalid(case, Sealed::of(&plaintext).write(), PLAINTEXT, en, ja);
    }
    let mut octets = own.clone().into_bytes();
    let at = octets.len() - 15;
    octets[at] = 0xff;
    let content = gcm(&CONTENT_KEY, &IV, &octets);
    row.invalid(30, Sealed { content, ..Sealed::new() }.write(), PLAINTEXT, "not UTF-8", "UTF-8でない");
    let filled = format!("{own}{}", " ".repeat(own.len().next_multiple_of(512) - own.len()));
    row.control(
        31,
        Sealed::of(&filled).write(),
        "filled with spaces to 512 octets",
        "空白で512オクテットまで充填",
    )
    .reads("NameID", NUMBER);
    row.control(
        32,
        Sealed::of(&format!("{own}\n\t ")).write(),
        "white space behind the element",
        "要素の後ろに空白",
    )
    .reads("NameID", NUMBER);
    row.control(
        33,
        Sealed::of(&own.replace(NUMBER, "<!-- -->港<![CDATA[い]]>")).write(),
        "a comment and a CDATA section",
        "コメントとCDATA区間",
    )
    .reads("NameID", "港い");
}

fn other_elements(book: &mut Book) {
    let mut row = row(book, "ENC-16");
    let declared = |local: &str| Element::declared(ns::SAML, local);
    let mut encrypted = Sealed::new().element();
    encrypted.set("xmlns:saml", ns::SAML.uri());
    for (case, (plaintext, en, ja)) in (1..).zip([
        (assertion().write(), "an assertion", "アサーション"),
        (encrypted.write(), "an EncryptedID", "EncryptedID"),
        (
            declared("Advice").child(assertion()).write(),
            "an Advice with an assertion",
            "アサーションを含むAdvice",
        ),
        (declared("BaseID").text(NUMBER).write(), "a BaseID", "BaseID"),
        (
            declared("Subject").child(Element::new("saml:NameID").text(NUMBER)).write(),
            "a Subject with a NameID",
            "NameIDを含むSubject",
        ),
        (format!("<NameID>{NUMBER}</NameID>"), "a NameID without namespace", "名前空間なしのNameID"),
        (
            format!("<saml:NameID xmlns:saml=\"urn:x\">{NUMBER}</saml:NameID>"),
            "a NameID of another namespace",
            "別の名前空間のNameID",
        ),
        (format!("<NameId xmlns=\"{}\">{NUMBER}</NameId>", ns::SAML.uri()), "a NameId", "NameId"),
    ]) {
        row.invalid(case, Sealed::of(&plaintext).write(), PLAINTEXT, en, ja);
    }
    let default = format!("<NameID xmlns=\"{}\">{NUMBER}</NameID>", ns::SAML.uri());
    row.control(20, Sealed::of(&default).write(), "a NameID without prefix", "接頭辞なしのNameID")
        .reads("NameID", NUMBER);
}

fn nested(book: &mut Book) {
    let limit = Reason::from_name("Limit(EncDepth)").expect("a reason");
    let mut row = row(book, "ENC-17");
    let holding =
        |inner: &Element| Sealed::of(&Element::declared(ns::SAML, "NameID").child(inner.clone()).write());
    let data = |sealed: &Sealed| sealed.element().find("xenc:EncryptedData").clone();
    let once = holding(&data(&Sealed::new()));
    row.invalid(1, once.write(), limit, "a ciphertext in a ciphertext", "暗号文の中の暗号文");
    let thrice = holding(&data(&holding(&data(&once))));
    row.invalid(2, thrice.write(), limit, "four ciphertexts deep", "四重の暗号");
    let key =
        data(&Sealed::new()).find("ds:KeyInfo/xenc:EncryptedKey").clone().declare(ns::XENC).declare(ns::DS);
    row.invalid(3, holding(&key).write(), limit, "a wrapped key in a ciphertext", "暗号文の中の暗号化鍵");
    let deep = |levels: usize| {
        let shell = || Element::declared(ns::XENC, "EncryptedData");
        (1..levels).fold(shell(), |inner, _| shell().child(inner))
    };
    row.invalid(
        4,
        holding(&deep(50)).write(),
        limit,
        "fifty EncryptedData inside each other",
        "EncryptedDataの50重の入れ子",
    );
    row.invalid(
        5,
        holding(&deep(100)).write(),
        PLAINTEXT,
        "a hundred EncryptedData inside each other",
        "EncryptedDataの100重の入れ子",
    )
    .deviates(
        "L:EncDepth",
        "deeper than any message may be; the answer is the same",
        "電文の深さの上限を超える。応答は同じである",
    );
}

/// The relay's assertion with a ciphertext in it.
fn envelope(sealed: &Sealed) -> Element {
    let mut root = assertion();
    root.replace("saml:Subject/saml:NameID", sealed.element());
    root
}

fn signed(mut root: Element, spec: &SignatureSpec) -> String {
    spec.sign(&mut root, ".");
    root.write()
}

fn in_subject() -> Recipient {
    Recipient { holder: "Subject/EncryptedID".to_owned(), ..recipient() }
}

fn unsigned_inside(book: &mut Book) {
    let mut row = book.row("ENC-18", Kind::XmlEncryption, Flag::Order);
    let inner = || Recipient {
        expected: Expected::Assertion,
        verifier: Some(knows(vec![relay_key()])),
        ..recipient()
    };
    let sealed = |plaintext: &str| Sealed { holder: "saml:EncryptedAssertion", ..Sealed::of(plaintext) };
    row.context(opened_by(inner(), None));
    let (good, bad) = (signed(assertion(), &signature()), assertion().write());
    row.valid(0, sealed(&good).write(), "a signed assertion inside", "署名済みアサーションを暗号化")
        .reads("NameID", NUMBER);
    let unsigned = Reason::Unsigned;
    row.invalid(
        1,
        sealed(&bad).write(),
        unsigned,
        "an unsigned assertion inside",
        "無署名のアサーションを暗号化",
    );
    let attacker = signed(assertion(), &SignatureSpec::enveloped("_a", &world().attacker.key));
    row.invalid(
        2,
        sealed(&attacker).write(),
        Reason::Signature,
        "an assertion of the attacker inside",
        "攻撃者の署名したアサーションを暗号化",
    )
    .deviates("R:Unsigned", "it is signed, by another key", "署名はあるが別の鍵による");
    // The message around it is signed, by another partner.
    let other = world().requester.entity_id;
    let trust = || vec![relay_key(), key_of(other, world().requester.key.public_key())];
    let around = Verifier { shape: MessageShape::Response, ..knows(trust()) };
    let holder = Recipient { holder: "EncryptedAssertion".to_owned(), ..inner() };
    row.context(opened_by(holder, Some(around)));
    let spec = SignatureSpec::enveloped("_r", &world().requester.key);
    let response = |plaintext: &str| signed(response(other, sealed(plaintext).element()), &spec);
    row.valid(10, response(&good), "the same in a signed response", "署名済み応答の中の署名済みアサーション")
        .reads("NameID", NUMBER);
    row.invalid(
        11,
        response(&bad),
        unsigned,
        "unsigned in another's signed response",
        "他者の署名した応答の中の無署名アサーション",
    );
}

/// A response of this issuer with an element in it.
fn response(issuer: &str, inside: Element) -> Element {
    let code =
        Element::new("samlp:StatusCode").attribute("Value", "urn:oasis:names:tc:SAML:2.0:status:Success");
    Element::declared(ns::SAMLP, "Response")
        .declare(ns::SAML)
        .attribute("ID", "_r")
        .attribute("Version", "2.0")
        .attribute("IssueInstant", &time(0))
        .child(Element::new("saml:Issuer").text(issuer))
        .child(Element::new("samlp:Status").child(code))
        .child(inside)
}

fn order(book: &mut Book) {
    let mut row = book.row("ENC-19", Kind::XmlEncryption, Flag::Order);
    let around = |shape| Verifier { shape, ..knows(vec![relay_key()]) };
    row.context(opened_by(in_subject(), Some(around(MessageShape::Assertion))));
    row.valid(0, signed(envelope(&Sealed::new()), &signature()), "sealed, then signed", "暗号化してから署名")
        .reads("NameID", NUMBER);
    let good = signed(assertion(), &signature());
    let sealed = Sealed { holder: "saml:EncryptedAssertion", ..Sealed::of(&good) };
    row.invalid(
        1,
        sealed.write(),
        Reason::Order,
        "a signed assertion, sealed",
        "署名してから暗号化したアサーション",
    );
    let data = sealed.element().find("xenc:EncryptedData").clone();
    row.invalid(2, data.write(), Reason::Order, "the same without its holder", "同、EncryptedDataのみ");
    row.context(opened_by(in_subject(), Some(around(MessageShape::AssertionInResponse))));
    let issuer = world().relay.entity_id;
    row.invalid(
        3,
        response(issuer, sealed.element()).write(),
        Reason::Order,
        "the same in a response",
        "応答の中の暗号化アサーション",
    );
    let spec = SignatureSpec::enveloped("_r", &world().relay.key);
    let input = signed(response(issuer, sealed.element()), &spec);
    row.invalid(
        4,
        input,
        Reason::Order,
        "the same in a signed response",
        "署名済み応答の中の暗号化アサーション",
    );
    row.context(opened_by(in_subject(), Some(around(MessageShape::Assertion))));
    let mut late = assertion();
    signature().sign(&mut late, ".");
    late.replace("saml:Subject/saml:NameID", Sealed::new().element());
    row.invalid(
        5,
        late.write(),
        Reason::Digest,
        "signed, then sealed in its place",
        "署名後にその場で暗号化",
    )
    .deviates("R:Order", "what is signed is not what stands there", "署名の対象とその場の内容が異なる");
}

fn before_verification(book: &mut Book) {
    let mut row = book.row("ENC-21", Kind::XmlEncryption, Flag::Order);
    row.context(opened_by(in_subject(), Some(knows(vec![relay_key()]))));
    let whole = || {
        let mut root = envelope(&Sealed::new());
        signature().sign(&mut root, ".");
        root
    };
    row.valid(0, whole().write(), "the signature around it is sound", "外側の署名が正しい")
        .reads("NameID", NUMBER);
    let changed = |change: fn(&mut Element)| {
        let mut root = whole();
        change(&mut root);
        root.write()
    };
    let attacker = SignatureSpec::enveloped("_a", &world().attacker.key);
    let nonsense = SignatureSpec { secret: Secret::Octets(vec![1; 256]), ..signature() };
    row.invalid(
        1,
        signed(envelope(&Sealed::new()), &attacker),
        Reason::Signature,
        "signed by the attacker",
        "攻撃者の署名",
    );
    row.invalid(
        2,
        signed(envelope(&Sealed::new()), &nonsense),
        Reason::Signature,
        "a value of any octets",
        "任意のオクテット列の署名値",
    );
    let note = (
        "R:Signature",
        "refused for what is wrong, before the private key is used",
        "実際の誤りを理由に、秘密鍵を使う前に拒否する",
    );
    let value = "saml:Subject/saml:EncryptedID/xenc:EncryptedData/xenc:CipherData/xenc:CipherValue";
    assert!(whole().get(value).is_some(), "the place of the ciphertext");
    let cases: [Line<fn(&mut Element)>; 6] = [
        (|root| drop(root.remove("ds:Signature")), "no signature", "署名なし"),
        (
            |root| root.find_mut("saml:Issuer").set_content("https://nobody.example.test"),
            "an unknown issuer",
            "未知の発行者",
        ),
        (|root| root.set("IssueInstant", "2026-07-01T00:00:01Z"), "an attribute changed", "属性の改変"),
        (
            |root| drop(root.replace("saml:Subject/saml:EncryptedID", Sealed::of("<x/>").element())),
            "another ciphertext",
            "暗号文の差し替え",
        ),
        (
            |root| drop(root.replace("saml:Subject/saml:EncryptedID", by_reference())),
            "a ciphertext that is to be fetched",
            "取得させる暗号文",
        ),
        (
            |root| drop(root.replace("saml:Subject/saml:EncryptedID", wrapped_by_1_5())),
            "a key wrapped with PKCS#1 v1.5",
            "PKCS#1 v1.5の暗号化鍵",
        ),
    ];
    for (case, (change, en, ja)) in (10..).zip(cases) {
        let reason = match case {
            10 => Reason::Unsigned,
            11 => Reason::Key,
            _ => Reason::Digest,
        };
        row.invalid(case, changed(change), reason, en, ja).deviates(note.0, note.1, note.2);
    }
}

fn by_reference() -> Element {
    let mut root = Sealed::new().element();
    let reference = Element::new("xenc:CipherReference").attribute("URI", "http://127.0.0.1:9/");
    root.find_mut("xenc:EncryptedData/xenc:CipherData").children = vec![reference.into()];
    root
}

fn wrapped_by_1_5() -> Element {
    let mut root = Sealed::new().element();
    root.find_mut(KEY_METHOD).set("Algorithm", chukei_forge::seal::uri::RSA_1_5);
    root
}
