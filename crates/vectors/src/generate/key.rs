//! Key information in signatures, and the keys that a verifier knows (rows KEY-01 … KEY-04, KEY-07 … KEY-11);
//! certificates are in the modules below.

mod path;
mod status;

use chukei_crypto::{
    Certificate,
    test_pki::{Ca, LeafSpec, keys},
};
use chukei_forge::{
    raw::Element,
    sign::{SignatureSpec, uri, x509_key_info},
};
use chukei_reason::Reason;
use chukei_xml::{Limits, lexical::encode_base64, ns};

use super::{
    Book, Row,
    rsa::{Parts, spki},
    signed::{time, trusted, world},
    small::{NUMBER, changed, key_of, knows, relay_key, relay_parts, signature, signed, verified_by},
};
use crate::{
    context::{Trusted, UseOfKey, Verifier},
    schema::{Flag, Kind, Part},
};

pub(super) fn generate(book: &mut Book) {
    injected(book);
    bare_keys(book);
    misleading(book);
    fetched(book);
    of_another_entity(book);
    hostile_names(book);
    other_forms(book);
    other_use(book);
    rollover(book);
    many_keys(book);
    path::generate(book);
    status::generate(book);
}

/// A row in which the relay is known with its certificate, and shows it.
fn row<'b>(book: &'b mut Book, id: &str) -> Row<'b> {
    let mut row = book.row(id, Kind::XmlSignature, Flag::Key);
    row.context(verified_by(knows(vec![trusted(&world().relay)])));
    row.valid(
        0,
        shown(x509_key_info(relay_certificate())),
        "the relay's signature and certificate",
        "中継DBの署名と証明書",
    )
    .reads("NameID", NUMBER);
    row
}

fn injected(book: &mut Book) {
    let attacker = &world().attacker;
    let same_name =
        Ca::from_spec(LeafSpec::new("TEST Relay", attacker.key.public_key()), attacker.key.clone());
    let mut row = row(book, "KEY-01");
    let reason = Reason::Key;
    let own = x509_key_info(attacker.certificate.der());
    row.invalid(1, by_attacker(Some(own)), reason, "the attacker's certificate", "攻撃者の証明書");
    let named = x509_key_info(same_name.certificate().der());
    row.invalid(
        2,
        by_attacker(Some(named)),
        reason,
        "a self-signed certificate in the relay's name",
        "中継DBの名を騙る自己署名証明書",
    );
    let with_authority = certificates(&[attacker.certificate.der(), world().authority.der()]);
    row.invalid(
        3,
        by_attacker(Some(with_authority)),
        reason,
        "with the true authority's certificate behind it",
        "後ろに本物の認証局証明書",
    );
    row.invalid(4, by_attacker(None), Reason::Signature, "no certificate", "証明書なし").deviates(
        "R:Key",
        "nothing shows that it is another key; only the value is wrong",
        "別の鍵であることを示すものがなく、値が誤っているだけである",
    );
    let mut claims = super::small::assertion();
    claims.find_mut("saml:Issuer").set_content(attacker.entity_id);
    SignatureSpec::enveloped("_a", &attacker.key).sign(&mut claims, ".");
    row.invalid(5, claims.write(), reason, "in the attacker's own name", "攻撃者自身の名で");
}

fn bare_keys(book: &mut Book) {
    let key = &world().attacker.key;
    let numbers = Parts::of(key);
    let base64 = |octets: &[u8]| encode_base64(octets);
    let rsa = Element::new("ds:KeyValue").child(
        Element::new("ds:RSAKeyValue")
            .child(Element::new("ds:Modulus").text(&base64(&numbers.modulus)))
            .child(Element::new("ds:Exponent").text("AQAB")),
    );
    let der = dsig11("DEREncodedKeyValue").text(&base64(key.public_key().spki_der()));
    let point = keys::p256(2).public_key().spki_der()[26..].to_vec();
    let curve = Element::new("dsig11:NamedCurve").attribute("URI", "urn:oid:1.2.840.10045.3.1.7");
    let public = Element::new("dsig11:PublicKey").text(&base64(&point));
    let elliptic = Element::new("ds:KeyValue").child(dsig11("ECKeyValue").child(curve).child(public));
    let dsa = ["P", "Q", "G", "Y"].into_iter().fold(Element::new("ds:DSAKeyValue"), |value, name| {
        value.child(Element::new(&format!("ds:{name}")).text("AQAB"))
    });
    let dsa = Element::new("ds:KeyValue").child(dsa);
    let mut row = row(book, "KEY-02");
    let forms = [
        (&rsa, "RSAKeyValue", true),
        (&der, "DEREncodedKeyValue", true),
        (&elliptic, "ECKeyValue", false),
        (&dsa, "DSAKeyValue", false),
    ];
    for (case, (value, name, is_signer)) in (1..).zip(forms) {
        let (en, ja) = (format!("another key as {name}"), format!("別の鍵の{name}"));
        row.inert(case, shown(key_info(value.clone())), &en, &ja).reads("NameID", NUMBER);
        if is_signer {
            let input = by_attacker(Some(key_info(value.clone())));
            let (en, ja) = (format!("the signer's key as {name}"), format!("署名した攻撃者の鍵の{name}"));
            row.invalid(case + 10, input, Reason::Signature, &en, &ja).deviates(
                "ignored/R:KeyInfo",
                "ignored, so that only the value is wrong",
                "無視するので、値が誤っているだけである",
            );
        }
    }
}

fn misleading(book: &mut Book) {
    let relay = &world().relay.certificate;
    let requester = world().requester.certificate.der();
    let data = |content: Element| key_info(Element::new("ds:X509Data").child(content));
    let text = |name: &str, text: &str| Element::new(name).text(text);
    let serial = |certificate: &Certificate| {
        let number = u64::from_str_radix(&certificate.serial(), 16).expect("a short serial number");
        Element::new("ds:X509IssuerSerial")
            .child(text("ds:X509IssuerName", &certificate.issuer()))
            .child(text("ds:X509SerialNumber", &number.to_string()))
    };
    let digest = |octets: &[u8]| {
        dsig11("X509Digest")
            .attribute("Algorithm", uri::SHA256)
            .text(&encode_base64(&chukei_crypto::sha256(octets)))
    };
    let of_key = |certificate: &Certificate| {
        let spki = certificate.public_key().expect("a key").spki_sha256();
        text("ds:X509SKI", &encode_base64(&spki[..20]))
    };
    let issuing = &world().requester.certificate;
    let hints = [
        (
            certificates(&[relay_certificate(), world().authority.der()]),
            "the authority's certificate behind it",
            "後ろに認証局証明書",
        ),
        (
            certificates(&[world().authority.der(), relay_certificate()]),
            "the authority's certificate before it",
            "前に認証局証明書",
        ),
        (certificates(&[requester]), "another partner's certificate", "他の参加者の証明書"),
        (
            certificates(&[relay_certificate(), relay_certificate()]),
            "the certificate twice",
            "同じ証明書が二つ",
        ),
        (data(serial(relay)), "issuer and serial number", "発行者と通番"),
        (data(serial(issuing)), "issuer and serial number of another", "他者の発行者と通番"),
        (data(text("ds:X509SubjectName", &relay.subject())), "the subject", "主体者名"),
        (data(text("ds:X509SubjectName", "CN=TEST Nobody")), "an unknown subject", "未知の主体者名"),
        (data(of_key(relay)), "the key identifier", "鍵識別子"),
        (data(of_key(issuing)), "the key identifier of another", "他者の鍵識別子"),
        (data(digest(relay.der())), "the digest of the certificate", "証明書のダイジェスト"),
        (data(digest(requester)), "the digest of another certificate", "他の証明書のダイジェスト"),
        (data(text("ds:X509CRL", "AAAA")), "a broken revocation list", "壊れた失効リスト"),
    ];
    let mut row = row(book, "KEY-03");
    for (case, (key_info, en, ja)) in (1..).zip(hints) {
        row.inert(case, shown(key_info), en, ja).reads("NameID", NUMBER);
    }
    let note = (
        "hint only",
        "a hint at the relay's key does not make the attacker's signature the relay's",
        "中継DBの鍵を示しても攻撃者の署名は中継DBの署名にならない",
    );
    for (case, (key_info, en, ja)) in (30..).zip([
        (
            certificates(&[relay_certificate()]),
            "the attacker's signature, the relay's certificate",
            "攻撃者の署名と中継DBの証明書",
        ),
        (
            data(serial(relay)),
            "the attacker's signature, the relay's serial number",
            "攻撃者の署名と中継DBの通番",
        ),
        (
            certificates(&[world().attacker.certificate.der(), relay_certificate()]),
            "both certificates",
            "両者の証明書",
        ),
    ]) {
        row.invalid(case, by_attacker(Some(key_info)), Reason::Signature, en, ja)
            .deviates(note.0, note.1, note.2);
    }
}

fn fetched(book: &mut Book) {
    let retrieval = |uri: &str| Element::new("ds:RetrievalMethod").attribute("URI", uri);
    let reference = |uri: &str| dsig11("KeyInfoReference").attribute("URI", uri);
    let transform = Element::new("ds:Transform").attribute("Algorithm", uri::XSLT);
    let transformed = retrieval("#_k").child(Element::new("ds:Transforms").child(transform));
    let token = |uri: &str| {
        Element::declared(ns::WSSE, "SecurityTokenReference")
            .child(Element::new("wsse:Reference").attribute("URI", uri))
    };
    let mut row = row(book, "KEY-04");
    for (case, (content, en, ja)) in (1..).zip([
        (retrieval("http://127.0.0.1:9/key"), "RetrievalMethod over HTTP", "HTTPのRetrievalMethod"),
        (retrieval("file:///etc/hostname"), "RetrievalMethod of a file", "ファイルのRetrievalMethod"),
        (retrieval("#_k"), "RetrievalMethod of nothing", "存在しないIDのRetrievalMethod"),
        (retrieval("#_a"), "RetrievalMethod of the message itself", "電文自身のRetrievalMethod"),
        (retrieval(""), "RetrievalMethod of the document", "文書全体のRetrievalMethod"),
        (transformed, "RetrievalMethod with a style sheet", "XSLT変換付きRetrievalMethod"),
        (reference("http://127.0.0.1:9/key"), "KeyInfoReference over HTTP", "HTTPのKeyInfoReference"),
        (reference("#_a"), "KeyInfoReference to the message itself", "電文自身のKeyInfoReference"),
        (encrypted_key(), "EncryptedKey", "EncryptedKey"),
        (token("http://127.0.0.1:9/token"), "a token reference over HTTP", "HTTPのトークン参照"),
        (token("#_k"), "a token reference to nothing", "存在しないトークンの参照"),
    ]) {
        let mut both = x509_key_info(relay_certificate());
        both.children.push(content.into());
        row.invalid(case, shown(both), Reason::KeyInfo, en, ja);
    }
}

fn of_another_entity(book: &mut Book) {
    let requester = &world().requester;
    let mut row = book.row("KEY-07", Kind::XmlSignature, Flag::Key);
    row.context(verified_by(knows(vec![trusted(&world().relay), trusted(requester)])));
    let by = |signer: &chukei_forge::specimen::Party, issuer: &str| {
        let mut root = super::small::assertion();
        root.find_mut("saml:Issuer").set_content(issuer);
        let spec = SignatureSpec {
            key_info: Some(x509_key_info(signer.certificate.der())),
            ..SignatureSpec::enveloped("_a", &signer.key)
        };
        spec.sign(&mut root, ".");
        root.write()
    };
    let (relay, other) = (world().relay.entity_id, requester.entity_id);
    row.valid(0, by(requester, other), "in its own name", "自身の名で").reads("Issuer", other);
    row.invalid(1, by(requester, relay), Reason::Key, "in the relay's name", "中継DBの名で");
    row.invalid(
        2,
        by(&world().relay, other),
        Reason::Key,
        "the relay in another's name",
        "中継DBが他者の名で",
    );
    for (case, (issuer, en, ja)) in (3..).zip([
        (other.to_uppercase(), "its name in capitals", "名前が大文字"),
        (format!("{other}/"), "its name and a slash", "名前の後ろに斜線"),
        (format!("{other} "), "its name and a space", "名前の後ろに空白"),
        (other.replace("insurer", "ｉnsurer"), "a full-width letter in its name", "名前に全角文字"),
        (String::new(), "no name", "空の名前"),
    ]) {
        row.invalid(case, by(requester, &issuer), Reason::Key, en, ja);
    }
}

fn hostile_names(book: &mut Book) {
    let named = |name: &str| shown(key_info(Element::new("ds:KeyName").text(name)));
    let mut row = row(book, "KEY-08");
    for (case, (name, en, ja)) in (1..).zip([
        ("../../etc/passwd", "a path", "パス"),
        ("/etc/hostname", "an absolute path", "絶対パス"),
        ("file:///etc/hostname", "a URL", "URL"),
        ("*", "a wildcard", "ワイルドカード"),
        ("' or '1'='1", "a quote", "引用符"),
        ("$(id)", "a shell command", "シェルコマンド"),
        ("a\r\nSet-Cookie: x", "a line end", "改行"),
        ("", "an empty name", "空の名前"),
        (world().attacker.entity_id, "the attacker's name", "攻撃者の名前"),
    ]) {
        row.inert(case, named(name), en, ja).reads("NameID", NUMBER);
    }
    let (before, after) = {
        let text = named("NAME");
        let (before, after) = text.split_once("NAME").expect("the name");
        (before.to_owned(), after.to_owned())
    };
    let long = |count| {
        vec![
            Part::Text(before.clone()),
            Part::Repeat { repeat: ("x".into(), count) },
            Part::Text(after.clone()),
        ]
    };
    row.inert(20, long(1000), "1,000 letters", "千文字").reads("NameID", NUMBER);
    let limit = Reason::from_name("Limit(Token)").expect("a reason");
    row.invalid(21, long(1 << 20), limit, "1 MiB", "1 MiB");
}

fn other_forms(book: &mut Book) {
    let new = Element::new;
    let derived = new("xenc11:DerivedKey").attribute("xmlns:xenc11", "http://www.w3.org/2009/xmlenc11#");
    let agreement = new("xenc:AgreementMethod")
        .attribute("xmlns:xenc", ns::XENC.uri())
        .attribute("Algorithm", "http://www.w3.org/2009/xmlenc11#ECDH-ES");
    let mut row = row(book, "KEY-09");
    for (case, (content, en, ja)) in (1..).zip([
        (new("ds:PGPData").child(new("ds:PGPKeyID").text("AAAA")), "PGPData", "PGPData"),
        (new("ds:SPKIData").child(new("ds:SPKISexp").text("AAAA")), "SPKIData", "SPKIData"),
        (new("ds:MgmtData").text("x"), "MgmtData", "MgmtData"),
    ]) {
        row.inert(case, shown(key_info(content)), en, ja).reads("NameID", NUMBER);
    }
    row.inert(10, changed(|spec| spec.key_info = None), "no KeyInfo", "KeyInfoなし").reads("NameID", NUMBER);
    for (case, (content, en, ja)) in (20..).zip([
        (new("x:Unknown").attribute("xmlns:x", "urn:example:test:x"), "an unknown element", "未知の要素"),
        (derived, "DerivedKey", "DerivedKey"),
        (agreement, "AgreementMethod", "AgreementMethod"),
        (encrypted_key(), "EncryptedKey", "EncryptedKey"),
    ]) {
        row.invalid(case, shown(key_info(content)), Reason::KeyInfo, en, ja).deviates(
            "ignored",
            "it could have us derive, agree on or decrypt something for a stranger",
            "見知らぬ者のために鍵の導出・合意・復号をさせ得る",
        );
    }
    row.invalid(30, shown(new("ds:KeyInfo")), Reason::Structure, "an empty KeyInfo", "空のKeyInfo").deviates(
        "ignored",
        "XML Signature 1.1 §4.5 demands a child",
        "XML Signature 1.1 §4.5は子要素を要求する",
    );
}

fn other_use(book: &mut Book) {
    let used = |key_use| vec![Trusted { key_use, ..relay_key() }];
    let mut row = book.row("KEY-10", Kind::XmlSignature, Flag::Key);
    row.context(verified_by(knows(used(Some(UseOfKey::Signing)))));
    let input = signed(&signature());
    row.valid(0, input.clone(), "registered for signing", "署名用に登録").reads("NameID", NUMBER);
    row.context(verified_by(knows(used(Some(UseOfKey::Encryption)))));
    row.invalid(1, input.clone(), Reason::Key, "registered for encryption", "暗号化用に登録");
    row.context(verified_by(knows(used(None))));
    // SAML 2.0 metadata §2.4.1.1: without use a key is for both.
    row.control(2, input.clone(), "registered without use", "用途なしで登録").reads("NameID", NUMBER);
    let other = key_of(world().relay.entity_id, world().requester.key.public_key());
    let two = vec![Trusted { key_use: Some(UseOfKey::Encryption), ..relay_key() }, other];
    row.context(verified_by(knows(two)));
    row.invalid(
        3,
        input,
        Reason::Signature,
        "registered for encryption, another one for signing",
        "暗号化用に登録、署名用は別の鍵",
    )
    .deviates(
        "R:Key",
        "a key for signing is there, and did not make the value",
        "署名用の鍵はあるが、その鍵の署名ではない",
    );
}

fn rollover(book: &mut Book) {
    let day = 86_400;
    let relay = world().relay.entity_id;
    let second = &world().requester;
    // The new key counts from one day before `now` on, the old one until one day after.
    let old = Trusted { until: Some(time(day)), ..trusted(&world().relay) };
    let new = Trusted { from: Some(time(-day)), entity: relay.to_owned(), ..trusted(second) };
    let at = |offset: i64, trust: &[&Trusted]| {
        let known = knows(trust.iter().map(|key| (*key).clone()).collect());
        verified_by(Verifier { at: time(offset), ..known })
    };
    let by_old =
        |with: bool| changed(|spec| spec.key_info = with.then(|| x509_key_info(relay_certificate())));
    let by_new = |with: bool| {
        changed(|spec| {
            spec.set_key(&second.key);
            spec.key_info = with.then(|| x509_key_info(second.certificate.der()));
        })
    };
    let mut row = book.row("KEY-11", Kind::XmlSignature, Flag::Key);
    row.context(at(0, &[&old, &new]));
    row.valid(0, by_old(true), "the old key while both count", "両方有効な間の旧鍵").reads("NameID", NUMBER);
    row.control(1, by_new(true), "the new key while both count", "両方有効な間の新鍵")
        .reads("NameID", NUMBER);
    let reason = Reason::Key;
    let note = (
        "R:Key",
        "nothing shows that it is another key; only the value is wrong",
        "別の鍵であることを示すものがなく、値が誤っているだけである",
    );
    row.context(at(day, &[&old, &new]));
    row.invalid(2, by_old(true), reason, "the old key at the end of its time", "期限到達時の旧鍵");
    row.invalid(3, by_old(false), Reason::Signature, "the same without certificate", "同、証明書なし")
        .deviates(note.0, note.1, note.2);
    row.context(at(day - 1, &[&old, &new]));
    row.control(4, by_old(true), "the old key a second before", "その1秒前の旧鍵").reads("NameID", NUMBER);
    row.context(at(-day - 1, &[&old, &new]));
    row.invalid(5, by_new(true), reason, "the new key a second before its time", "期間開始1秒前の新鍵");
    row.invalid(6, by_new(false), Reason::Signature, "the same without certificate", "同、証明書なし")
        .deviates(note.0, note.1, note.2);
    row.context(at(-day, &[&old, &new]));
    row.control(7, by_new(true), "the new key at the beginning of its time", "期間開始時の新鍵")
        .reads("NameID", NUMBER);
    row.context(at(day, &[&old]));
    row.invalid(8, by_old(false), reason, "the old key after its time, no other", "期限後の旧鍵、他の鍵なし");
    row.context(at(0, &[]));
    row.invalid(9, by_old(true), reason, "no key at all", "登録鍵なし");
}

/// More keys are registered than one message may have tried.
fn many_keys(book: &mut Book) {
    let relay = world().relay.entity_id;
    let key = |at: u8| {
        // Some other odd number of the same length; nobody knows its factors.
        let mut modulus = relay_parts().modulus;
        modulus[100] = at;
        chukei_crypto::PublicKey::from_spki_der(&spki(&modulus, &[1, 0, 1])).ok()
    };
    let most = Limits::message().operations;
    let others = (0..)
        .filter_map(key)
        .filter(|key| key != world().relay.key.public_key())
        .take(most)
        .map(|key| key_of(relay, &key));
    let own = Trusted { certificate: Some(encode_base64(relay_certificate())), ..relay_key() };
    let mut row = book.row("KEY-11", Kind::XmlSignature, Flag::Limit);
    row.context(verified_by(knows(others.chain([own]).collect())));
    let input = shown(x509_key_info(relay_certificate()));
    row.valid(
        40,
        input,
        "the last of very many keys, its certificate shown",
        "多数の鍵の最後の鍵、証明書を提示",
    )
    .reads("NameID", NUMBER);
    let limit = Reason::from_name("Limit(Operations)").expect("a reason");
    row.invalid(41, signed(&signature()), limit, "the last of very many keys", "多数の鍵の最後の鍵")
        .deviates(
            "R:Key",
            "without a hint each key is tried, and one message has a limited number of operations",
            "手掛かりがなければ順に試すが、一つの電文に使う鍵演算の回数には上限がある",
        );
}

/// The relay's signature with this key information.
fn shown(key_info: Element) -> String {
    changed(|spec| spec.key_info = Some(key_info))
}

/// The attacker's signature in the relay's name.
fn by_attacker(key_info: Option<Element>) -> String {
    changed(|spec| {
        spec.set_key(&world().attacker.key);
        spec.key_info = key_info;
    })
}

fn relay_certificate() -> &'static [u8] {
    world().relay.certificate.der()
}

fn key_info(content: Element) -> Element {
    Element::new("ds:KeyInfo").child(content)
}

/// `ds:KeyInfo` with these certificates in one `ds:X509Data`.
fn certificates(ders: &[&[u8]]) -> Element {
    let each = |der: &&[u8]| Element::new("ds:X509Certificate").text(&encode_base64(der));
    key_info(Element::new("ds:X509Data").children(ders.iter().map(each)))
}

fn encrypted_key() -> Element {
    let cipher = Element::new("xenc:CipherData").child(Element::new("xenc:CipherValue").text("AAAA"));
    Element::declared(ns::XENC, "EncryptedKey").child(cipher)
}

fn dsig11(local: &str) -> Element {
    Element::new(&format!("dsig11:{local}")).attribute("xmlns:dsig11", "http://www.w3.org/2009/xmldsig11#")
}
