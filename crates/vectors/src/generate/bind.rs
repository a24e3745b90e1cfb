//! `BIND-01` … `BIND-05`: signatures over the query of an HTTP-Redirect request (SAML 2.0 bindings §3.4.4.1).

use chukei_forge::{
    redirect::{QuerySpec, percent_encode, percent_encode_small},
    sign::uri,
    specimen::Specimen,
};
use chukei_reason::Reason;

use super::{
    Book, Row,
    signed::{context, trusted, world},
};
use crate::{
    context::{MessageShape, Trusted},
    schema::{Flag, Kind},
};

const STATE: &str = "状態 1&2";

pub(super) fn generate(book: &mut Book) {
    unsigned(book);
    encodings(book);
    doubled(book);
    order(book);
    algorithms(book);
}

fn spec() -> QuerySpec {
    let request = "<samlp:AuthnRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_q\"/>";
    QuerySpec::request(request, Some(STATE), &world().requester.key)
}

fn open<'b>(book: &'b mut Book, id: &str, flag: Flag) -> Row<'b> {
    let mut group = context(Specimen::Metadata);
    let verifier = group.verifier.as_mut().expect("a verifier");
    let requester = &world().requester;
    (verifier.shape, verifier.signer) = (MessageShape::Query, Some(requester.entity_id.to_owned()));
    verifier.trust = vec![Trusted { certificate: None, ..trusted(requester) }];
    let mut row = book.row(id, Kind::RedirectSignature, flag);
    row.context(group);
    row
}

fn valid(row: &mut Row<'_>) -> String {
    let query = spec().write();
    row.valid(0, query.clone(), "a signed request", "署名済みの要求").reads("RelayState", STATE);
    query
}

/// The query without the parameter of this name.
fn without(query: &str, name: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
    kept.collect::<Vec<_>>().join("&")
}

fn unsigned(book: &mut Book) {
    let mut row = open(book, "BIND-01", Flag::Structure);
    let query = valid(&mut row);
    let refuse = Reason::Unsigned;
    row.invalid(1, without(&query, "Signature"), refuse, "without Signature", "Signatureなし");
    row.invalid(2, without(&query, "SigAlg"), refuse, "without SigAlg", "SigAlgなし");
    let bare = without(&without(&query, "Signature"), "SigAlg");
    row.invalid(3, bare, refuse, "without both", "両方なし");
    let empty = format!("{}&Signature=", without(&query, "Signature"));
    row.invalid(4, empty, Reason::Base64, "with an empty Signature", "空のSignature").deviates(
        "Unsigned",
        "an empty value is there, and is no base64 of a signature",
        "値は存在するが、署名のbase64ではない",
    );
}

fn encodings(book: &mut Book) {
    let mut row = open(book, "BIND-02", Flag::Canonical);
    let query = valid(&mut row);
    let small = QuerySpec { encode: percent_encode_small, ..spec() }.write();
    row.inert(1, small, "signed with small hexadecimal digits", "小文字の16進数で署名")
        .reads("RelayState", STATE);
    fn plus(octets: &[u8]) -> String {
        percent_encode(octets).replace("%20", "+")
    }
    let plus = QuerySpec { encode: plus, ..spec() }.write();
    row.inert(2, plus, "signed with + for a space", "空白を+として署名").reads("RelayState", STATE);
    let refuse = Reason::Signature;
    row.invalid(
        3,
        query.replacen("%E7", "%e7", 1),
        refuse,
        "a digit made small after signing",
        "署名後に16進数を小文字に",
    );
    row.invalid(4, query.replacen("%20", "+", 1), refuse, "+ for a space after signing", "署名後に空白を+に");
    row.invalid(
        5,
        query.replacen("RelayState=", "RelayState=%", 1),
        refuse,
        "a broken escape",
        "壊れた%表記",
    );
}

fn doubled(book: &mut Book) {
    let mut row = open(book, "BIND-03", Flag::Wrapping);
    let query = valid(&mut row);
    let note = |made: super::Made<'_>| {
        made.deviates(
            "Params",
            "a query of another shape has the reason of shapes",
            "形の異なるクエリは形の理由で拒否する",
        );
    };
    let refuse = Reason::Structure;
    for (case, (added, en, ja)) in (1..).zip([
        ("&SAMLRequest=PHgvPg%3D%3D", "SAMLRequest twice", "SAMLRequestが二つ"),
        ("&RelayState=x", "RelayState twice", "RelayStateが二つ"),
        ("&SAMLResponse=PHgvPg%3D%3D", "SAMLRequest and SAMLResponse", "SAMLRequestとSAMLResponse"),
        ("&SigAlg=x", "SigAlg twice", "SigAlgが二つ"),
        ("&Signature=AAAA", "Signature twice", "Signatureが二つ"),
    ]) {
        note(row.invalid(case, format!("{query}{added}"), refuse, en, ja));
        let before = format!("{}&{query}", added.trim_start_matches('&'));
        note(row.invalid(
            case + 10,
            before,
            refuse,
            &format!("{en}, the other first"),
            &format!("{ja}、逆順"),
        ));
    }
}

fn order(book: &mut Book) {
    let mut row = open(book, "BIND-04", Flag::Wrapping);
    let query = valid(&mut row);
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.reverse();
    let reversed = pairs.join("&");
    row.inert(1, reversed, "parameters in another order", "パラメータの順序違い").reads("RelayState", STATE);
    row.inert(
        2,
        format!("{query}&lang=ja"),
        "one more parameter, never read",
        "余分なパラメータ、読まれない",
    )
    .reads("RelayState", STATE);
    let refuse = Reason::Signature;
    row.invalid(3, without(&query, "RelayState"), refuse, "RelayState removed", "RelayStateを削除");
    let emptied = format!("{}&RelayState=", without(&query, "RelayState"));
    row.invalid(4, emptied, refuse, "RelayState emptied", "RelayStateを空に");
    let stateless = QuerySpec { relay_state: None, ..spec() }.write();
    row.invalid(5, format!("{stateless}&RelayState=x"), refuse, "RelayState added", "RelayStateを追加");
    let renamed = query.replacen("SAMLRequest=", "SAMLResponse=", 1);
    row.invalid(6, renamed, refuse, "the request called a response", "要求を応答と改名");
}

fn algorithms(book: &mut Book) {
    let mut row = open(book, "BIND-05", Flag::Algorithm);
    let query = valid(&mut row);
    let labelled = |label: &str| QuerySpec { algorithm: label.to_owned(), ..spec() }.write();
    let refuse = Reason::Algorithm;
    for (case, (label, en, ja)) in (1..).zip([
        (uri::RSA_SHA1, "RSA with SHA-1", "SHA-1のRSA"),
        (uri::HMAC_SHA256, "HMAC", "HMAC"),
        ("", "empty", "空"),
        ("http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256", "in capitals", "大文字"),
        ("urn:example:unknown", "unknown", "未知"),
    ]) {
        row.invalid(case, labelled(label), refuse, en, ja);
    }
    row.invalid(
        10,
        labelled(uri::ECDSA_SHA256),
        Reason::Key,
        "of another kind of key",
        "別種の鍵のアルゴリズム",
    )
    .deviates(
        "Algorithm",
        "the algorithm is allowed, but the signer has no key for it",
        "許されるアルゴリズムだが、署名者にその鍵がない",
    );
    let twice = percent_encode(percent_encode(uri::RSA_SHA256.as_bytes()).as_bytes());
    let once = percent_encode(uri::RSA_SHA256.as_bytes());
    row.invalid(11, query.replacen(&once, &twice, 1), refuse, "encoded twice", "二重に符号化");
}
