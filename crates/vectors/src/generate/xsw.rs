//! `XSW-*` that are no named mutation: signed parts at another place, unsigned ones at theirs.

use chukei_forge::{
    raw::{Element, Message},
    seal::SealSpec,
    sign::SignatureSpec,
    specimen::{PERSON, Specimen},
};
use chukei_reason::Reason;
use chukei_xml::ns;

use super::{
    Book,
    message::{Assertion as Plain, NUMBER, response},
    signed::{context, signed_row, world},
};
use crate::{
    context::MessageShape,
    schema::{Flag, Group, Kind, Reader},
};

use Specimen::{Assertion, Response, SignedResponse, Soap};

pub(super) fn generate(book: &mut Book) {
    moved_response(book);
    nested_assertion(book);
    header_for_another(book);
    logout(book);
    sealed_assertion(book);
}

/// `XSW-02`: with the signature of the response alone, so that no other signature is out of place.
fn moved_response(book: &mut Book) {
    let world = world();
    let mut group = context(SignedResponse);
    group.verifier.as_mut().expect("a verifier").shape = MessageShape::Response;
    let mut response = world.draft(SignedResponse).message.root;
    let statement = "saml:Assertion/saml:AttributeStatement";
    response.find_mut(statement).children.truncate(1);
    world.enveloped(&world.id("response"), &world.relay).sign(&mut response, ".");
    let mut row = book.row("XSW-02", Kind::XmlSignature, Flag::Wrapping);
    row.context(group);
    let number = "Assertion.NameID";
    let (en, ja) = ("a response signed as a whole", "全体に署名した応答");
    row.valid(10, Message::new(response.clone()).bytes(), en, ja).reads(number, PERSON);
    let mut forged = response.clone();
    let signature = response.remove("ds:Signature");
    forged.set("ID", "_evil");
    forged.find_mut("saml:Assertion").set("ID", "_evil-assertion");
    forged.find_mut("saml:Assertion/saml:Subject/saml:NameID").set_content("99999999");
    forged.replace("ds:Signature", signature);
    forged.insert_before("samlp:Status", Element::new("samlp:Extensions").child(response));
    let (en, ja) = (
        "the original in Extensions of a forged one that has its signature",
        "署名を持つ偽応答のExtensions内に元の応答",
    );
    row.invalid(11, Message::new(forged).bytes(), Reason::ReferenceTarget, en, ja);
}

/// `XSW-04`: what a reader of the schema says to an assertion inside an assertion.
fn nested_assertion(book: &mut Book) {
    let mut row = book.row("XSW-04", Kind::XmlParse, Flag::Schema);
    row.context(Group { reader: Some(Reader::Response), ..Group::default() });
    let plain = Plain::default();
    let (en, ja) = ("one assertion", "アサーション一つ");
    row.valid(2, response("", &plain.xml()), en, ja).reads("Assertion.NameID", NUMBER);
    let inner = plain.xml().replace("\"_a\"", "\"_b\"");
    let nested = Plain { attributes: inner.clone(), ..plain.clone() };
    let (en, ja) = ("another one at its end", "末尾に別のアサーション");
    row.invalid(3, response("", &nested.xml()), Reason::Schema, en, ja);
    let advice = Plain { advice: format!("<saml:Advice>{inner}</saml:Advice>"), ..plain };
    let (en, ja) = ("another one in its Advice is not read", "Advice内の別のものは読まれない");
    row.control(4, response("", &advice.xml()), en, ja).reads("Assertion.ID", "_a");
}

/// `XSW-20`: a signed header block is made one for another actor.
fn header_for_another(book: &mut Book) {
    let mut row = signed_row(book, "XSW-20", Flag::Wrapping, Soap);
    for (case, name, value) in [(2, "soap:actor", "urn:evil"), (3, "soap:mustUnderstand", "0")] {
        let mut message = world().message(Soap);
        message.root.find_mut("soap:Header/wsa:To").set(name, value);
        let (en, ja) = (format!("{name} of the signed To changed"), format!("署名済みToの{name}を変更"));
        row.invalid(case, message.bytes(), Reason::Digest, &en, &ja).deviates(
            "ReferenceTarget",
            "the block stands where it stood; its attributes are signed, so the digest shows the change",
            "ブロックの位置は同じで、属性は署名されているためダイジェストで判明する",
        );
    }
}

/// `XSW-15`: the signature of an assertion on a request.
fn logout(book: &mut Book) {
    let world = world();
    let request = |id: &str, name_id: &str| {
        Element::declared(ns::SAMLP, "LogoutRequest")
            .declare(ns::SAML)
            .attribute("ID", id)
            .attribute("Version", "2.0")
            .child(Element::new("saml:Issuer").text(world.relay.entity_id))
            .child(Element::new("saml:NameID").text(name_id))
    };
    let mut signed = request("_logout", "20260001");
    world.enveloped("_logout", &world.relay).sign(&mut signed, ".");
    let mut group = context(Assertion);
    group.verifier.as_mut().expect("a verifier").shape = MessageShape::LogoutRequest;
    let mut row = book.row("XSW-15", Kind::XmlSignature, Flag::Wrapping);
    row.context(group);
    row.valid(0, Message::new(signed).bytes(), "a signed request", "署名済みの要求")
        .reads("NameID", "20260001");
    let mut assertion = world.message(Assertion).root;
    let signature = assertion.remove("ds:Signature");
    let mut forged = request("_logout", "99999999");
    forged.insert_after("saml:Issuer", signature);
    forged.insert_before("saml:NameID", Element::new("samlp:Extensions").child(assertion.clone()));
    let (en, ja) =
        ("with the signature of an assertion, which is carried along", "同梱したアサーションの署名を付す");
    row.invalid(1, Message::new(forged).bytes(), Reason::ReferenceTarget, en, ja);
    let mut carried = request("_logout", "99999999");
    carried
        .insert_before("saml:NameID", Element::new("samlp:Extensions").child(world.message(Assertion).root));
    let (en, ja) = (
        "without one, but with a signed assertion in Extensions",
        "署名はなく、Extensionsに署名済みアサーション",
    );
    row.invalid(2, Message::new(carried).bytes(), Reason::SignaturePosition, en, ja).deviates(
        "ReferenceTarget",
        "a signature at any other place than the schema's is refused first",
        "スキーマにない位置の署名は先に拒否する",
    );
}

/// `XSW-22`, `XSW-26`: an assertion that is encrypted beside, or instead of, the signed one.
fn sealed_assertion(book: &mut Book) {
    let world = world();
    let mut spec =
        SealSpec::encrypted_id(&world.evil_assertion(), world.responder.decryption_key.public_key());
    spec.wrapper = Some("saml:EncryptedAssertion".to_owned());
    let sealed = spec.seal();
    let mut message = world.message(Response);
    message.root.insert_after("saml:Assertion", sealed.clone());
    let mut row = signed_row(book, "XSW-22", Flag::Wrapping, Response);
    let (en, ja) = ("an encrypted assertion behind the signed one", "署名済みの後に暗号化アサーション");
    row.invalid(2, message.bytes(), Reason::AssertionCount, en, ja).random();
    let mut message = world.message(Response);
    message.root.insert_before("saml:Assertion", sealed.clone());
    let (en, ja) = ("an encrypted assertion before the signed one", "署名済みの前に暗号化アサーション");
    row.invalid(3, message.bytes(), Reason::AssertionCount, en, ja).random();

    let mut draft = world.draft(SignedResponse);
    draft.message.root.replace("saml:Assertion", sealed);
    let outer: SignatureSpec = draft.signatures.remove(1).1;
    outer.sign(&mut draft.message.root, ".");
    let mut row = signed_row(book, "XSW-26", Flag::Wrapping, SignedResponse);
    let (en, ja) =
        ("an encrypted assertion inside the response's signature", "応答の署名の内側に暗号化アサーション");
    row.invalid(2, draft.message.bytes(), Reason::Order, en, ja).random().deviates(
        "ReferenceTarget",
        "the response is well signed, but the standard seals identifiers inside signed assertions, never assertions",
        "応答の署名は正しいが、本標準は署名済みアサーション内の識別子を封じ、アサーション自体は封じない",
    );
}
