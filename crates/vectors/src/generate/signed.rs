//! Signed messages: the valid world of `chukei-forge`, and vectors made of its named mutations.

use std::{collections::BTreeMap, sync::OnceLock};

use chukei_crypto::Certificate;
use chukei_forge::{
    mutation::named,
    specimen::{PERSON, Party, Specimen, World},
};
use chukei_reason::Reason;
use chukei_xml::lexical::{DateTime, encode_base64};
use serde::Deserialize;

use super::{Book, Made, Row};
use crate::{
    context::{Expected, MessageShape, Recipient, Trusted, Verifier},
    rows::Rows,
    schema::{Flag, Group, Input, Kind, Part, Text},
};

/// The world that the vectors are from. Its RSA signatures are a function of its seed.
pub(super) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::new(1))
}

/// The valid message of each kind; `SIG-01` has them.
pub(super) const fn twin(specimen: Specimen) -> (u8, &'static str) {
    match specimen {
        Specimen::Assertion => (0, "SIG-000100"),
        Specimen::Response => (1, "SIG-000101"),
        Specimen::SignedResponse => (2, "SIG-000102"),
        Specimen::Envelope => (3, "SIG-000103"),
        Specimen::Soap => (4, "SIG-000104"),
        Specimen::Metadata => (5, "SIG-000105"),
    }
}

/// What is done with a message.
pub(super) const fn kind(specimen: Specimen) -> Kind {
    match specimen {
        Specimen::Envelope => Kind::XmlEncryption,
        _ => Kind::XmlSignature,
    }
}

/// What the verifier of a message knows.
pub(super) fn context(specimen: Specimen) -> Group {
    let world = world();
    let shape = match specimen {
        Specimen::Assertion | Specimen::Envelope => MessageShape::Assertion,
        Specimen::Response => MessageShape::AssertionInResponse,
        Specimen::SignedResponse => MessageShape::Both,
        Specimen::Soap => MessageShape::Message,
        Specimen::Metadata => MessageShape::Metadata,
    };
    let recipient = (specimen == Specimen::Envelope).then(|| Recipient {
        holder: "Subject/EncryptedID".to_owned(),
        expected: Expected::NameId,
        keys: vec![private_key(&world.responder)],
        verifier: None,
    });
    let signer = (specimen == Specimen::Metadata).then(|| world.relay.entity_id.to_owned());
    let trust = vec![trusted(if specimen == Specimen::Soap { &world.requester } else { &world.relay })];
    Group { verifier: Some(Verifier { shape, at: time(0), trust, signer }), recipient, ..Group::default() }
}

/// The key and certificate with which a party is registered.
pub(super) fn trusted(party: &Party) -> Trusted {
    Trusted {
        entity: party.entity_id.to_owned(),
        key: encode_base64(party.key.public_key().spki_der()),
        certificate: Some(certificate(&party.certificate)),
        key_use: None,
        from: None,
        until: None,
    }
}

fn certificate(certificate: &Certificate) -> String {
    encode_base64(certificate.der())
}

/// The decryption key of a party, as `Recipient::keys` has it.
pub(super) fn private_key(party: &Party) -> String {
    let pem = party.decryption_key.to_pkcs8_pem().expect("a TEST key");
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

/// A time so many seconds after the one at which the world's messages are valid.
pub(super) fn time(offset: i64) -> String {
    DateTime { seconds: world().now + offset, nanoseconds: 0 }.format()
}

/// `signed.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    flag: Flag,
    lines: Vec<Line>,
}

/// A vector that is a named mutation of a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    case: u8,
    mutation: String,
    of: Option<String>,
    reason: String,
    en: String,
    ja: String,
    why: Option<Text>,
    #[serde(default)]
    reads: BTreeMap<String, String>,
    repeats: Option<String>,
    #[serde(default)]
    sealed: bool,
    #[serde(default)]
    partner: bool,
}

pub(super) fn generate(book: &mut Book) {
    valid_messages(book);
    let tables: BTreeMap<String, Table> = toml::from_str(include_str!("signed.toml")).expect("signed.toml");
    let rows = Rows::read().rows;
    for (id, Table { flag, lines }) in &tables {
        let verdict = rows[id].verdict.join(", ");
        lines.iter().for_each(|line| add(book, id, *flag, &verdict, line));
    }
}

fn add(book: &mut Book, id: &str, flag: Flag, verdict: &str, line: &Line) {
    let mutation = named(&line.mutation).unwrap_or_else(|| panic!("no mutation {}", line.mutation));
    let name = line.of.as_deref().unwrap_or("Assertion");
    let specimen = Specimen::ALL.iter().find(|specimen| format!("{specimen:?}") == name);
    let specimen = *specimen.unwrap_or_else(|| panic!("no message {name}"));
    let bytes = mutation.apply(world(), specimen);
    let input = match &line.repeats {
        Some(start) => folded(&bytes, start),
        None => Input::octets(&bytes),
    };
    let mut row = signed_row(book, id, flag, specimen);
    if line.partner {
        let mut group = context(specimen);
        group.verifier.as_mut().expect("a verifier").trust.push(trusted(&world().requester));
        row.context(group);
    }
    let mut made = match line.reason.as_str() {
        "valid" => {
            let usual = BTreeMap::from([("NameID".to_owned(), PERSON.to_owned())]);
            let reads = if line.reads.is_empty() { &usual } else { &line.reads };
            let made = row.inert(line.case, input, &line.en, &line.ja);
            reads.iter().fold(made, |made, (field, value)| made.reads(field, value))
        }
        name => {
            let reason = Reason::from_name(name).unwrap_or_else(|| panic!("no reason {name}"));
            row.invalid(line.case, input, reason, &line.en, &line.ja)
        }
    };
    if line.sealed || specimen == Specimen::Envelope {
        made = made.random();
    }
    if let Some(Text { en, ja }) = &line.why {
        made.deviates(verdict, en, ja);
    }
}

/// A row of signed messages; its vectors differ from the valid one of their kind.
pub(super) fn signed_row<'b>(book: &'b mut Book, id: &str, flag: Flag, specimen: Specimen) -> Row<'b> {
    let mut row = book.row(id, kind(specimen), flag);
    row.context(context(specimen)).differs_from(twin(specimen).1);
    row
}

/// Adds the valid messages, from which all others differ.
fn valid_messages(book: &mut Book) {
    let add = |book: &mut Book, specimen, en, ja, reads: &[(&str, &str)]| {
        let mut row = book.row("SIG-01", kind(specimen), Flag::Structure);
        row.context(context(specimen));
        let made = row.valid(twin(specimen).0, world().message(specimen).bytes(), en, ja);
        let made = reads.iter().fold(made, |made: Made<'_>, (field, value)| made.reads(field, value));
        if specimen == Specimen::Envelope {
            made.random();
        }
    };
    let person = [("NameID", PERSON), ("Issuer", world().relay.entity_id)];
    add(book, Specimen::Assertion, "a signed assertion", "署名済みアサーション", &person);
    add(
        book,
        Specimen::Response,
        "a response with a signed assertion",
        "署名済みアサーションを含む応答",
        &person,
    );
    add(book, Specimen::SignedResponse, "both signed", "応答もアサーションも署名済み", &person);
    add(book, Specimen::Envelope, "a signed envelope", "署名済み封筒", &person[..1]);
    let message = [("NameID", PERSON), ("Sender", world().requester.entity_id)];
    add(book, Specimen::Soap, "a signed SOAP message", "署名済みSOAP電文", &message);
    let entity = [("@entityID", world().relay.entity_id)];
    add(book, Specimen::Metadata, "signed metadata", "署名済みメタデータ", &entity);
}

/// The text with the run of equal elements that begin so written as a recipe.
fn folded(bytes: &[u8], start: &str) -> Input {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let tag: String = start.trim_start_matches('<').to_owned();
    let (before, rest) = text.split_once(start).expect("the repeated element");
    let end = format!("</{tag}>");
    let length = rest.find(&end).expect("its end") + end.len();
    let unit = format!("{start}{}", &rest[..length]);
    let run = &text[before.len()..];
    let count = run.as_bytes().chunks(unit.len()).take_while(|chunk| *chunk == unit.as_bytes()).count();
    assert!(count > 1, "{start} is not repeated");
    let after = run[count * unit.len()..].to_owned();
    let repeat = (unit, u32::try_from(count).expect("a small number"));
    vec![Part::Text(before.to_owned()), Part::Repeat { repeat }, Part::Text(after)].into()
}
