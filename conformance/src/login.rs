//! What is delivered and answered when somebody logs in (chapter 34).

use chukei_crypto::{Certificate, SignatureAlgorithm, UnixTime, sha256};
use chukei_evidence::{Body, Exchange};
use chukei_harness::message::lines;
use chukei_xml::{Budget, Document, Element, Name, lexical::decode_base64, ns};
use chukei_xml_security::{FromSigned, Shape, Signed, TrustStore, TrustedKey, Unverified};

use crate::read::{self, Message, attribute, text};

const APPLICATION: Name = ns::CK.name("AccessApplication");
/// What a person's client says at a card door.
pub(crate) const PRESENTATION: Name = ns::CK.name("CardPresentation");
const PRESENTED: Name = ns::CK.name("Presented");
const HOLDER: &str = "holder";

/// Reads nothing: the signature alone is of interest.
struct Nothing;

impl FromSigned for Nothing {
    fn read(_: &Signed<'_>) -> Result<Self, chukei_xml::XmlError> {
        Ok(Self)
    }
}

/// The child of this local name.
pub(crate) fn child<'d>(element: Element<'d>, local: &str) -> Option<Element<'d>> {
    element.elements().find(|child| child.local() == local)
}

fn octets(element: Element<'_>) -> Option<Vec<u8>> {
    decode_base64(text(element)?)
}

/// The certificate that stands beside something.
fn certificate_beside(element: Element<'_>) -> Option<Certificate> {
    Certificate::from_der(&octets(child(element.parent()?, "Certificate")?)?).ok()
}

/// An access application as it was delivered, and whether the certificate beside it has signed it.
pub(crate) fn application(document: Element<'_>) -> Option<(Document, bool)> {
    let octets = octets(document)?;
    let read = Document::parse(octets.clone()).ok()?;
    let is_signed = || {
        let certificate = certificate_beside(document)?;
        let mut budget = Budget::default();
        let mut trust = TrustStore::new();
        let key = TrustedKey::new(certificate.public_key().ok()?).with_certificate(&certificate);
        trust.add(HOLDER, key);
        let document = Document::parse_within(octets, &mut budget).ok()?;
        let located = Unverified::<Nothing>::locate(document, &Shape::root(APPLICATION), &mut budget).ok()?;
        located.verify_by(HOLDER, &trust, UnixTime(0), &mut budget).ok()
    };
    let is_signed = is_signed().is_some();
    Some((read, is_signed))
}

/// The access application in a message, in base64.
pub(crate) fn document(message: &Message) -> Option<&str> {
    text(child(message.content()?.elements().next()?, "Document")?)
}

/// Whether a `ck:Signature` is, by the certificate beside it, over what chapter 34 says.
pub(crate) fn verifies(exchange: &Exchange<'_>, message: Element<'_>, signature: Element<'_>) -> bool {
    let verified = || {
        let shown = signature.parent()?;
        let (by, outer) = match shown.local() {
            "Response" => ("response", shown),
            "Operator" => ("operator", shown.parent()?),
            _ => ("possession", shown.parent()?),
        };
        let subject = match (child(outer, "Card"), child(outer, "VisibleNumber")) {
            (Some(card), _) => sha256(&octets(child(card, "Certificate")?)?),
            (None, Some(number)) => sha256(text(number)?.as_bytes()),
            (None, None) => sha256(&octets(child(shown, "Certificate")?)?),
        };
        let header = child(message, "Header")?;
        let sender = attribute(child(header, "Sender")?, "providerID");
        let purpose = text(child(child(header, "UsageDirective")?, "Purpose")?)?;
        let relay = &exchange.world().party("relay")?.entity;
        let signed = lines(by, relay, sender, purpose, attribute(outer, "challenge"), subject);
        let key = certificate_beside(signature)?.public_key().ok()?;
        key.verify(SignatureAlgorithm::RsaSha256, &sha256(signed.as_bytes()), &octets(signature)?).ok()
    };
    verified().is_some()
}

/// What the product has said about a value that it has given out, before this event: to whom and for what; whether it was used since, and
/// whether its time is over.
pub(crate) fn given(
    exchange: &Exchange<'_>,
    value: &str,
    (at, seq): (i64, u32),
    (kind, name): (&str, &str),
) -> String {
    let gave = exchange.answered().filter(|(_, answer)| answer.seq < seq).find_map(|(asked, answer)| {
        let message = Message::of(answer.body).filter(|message| message.kind() == kind)?;
        let content = message.content().filter(|content| attribute(*content, name) == value)?;
        let purpose = Message::of(asked.body).and_then(|asked| asked.purpose().map(str::to_owned));
        let whose = format!("{} {}", asked.from, purpose.unwrap_or_default());
        Some((whose, answer.seq, attribute(content, "notOnOrAfter").to_owned()))
    });
    let Some((whose, given, until)) = gave else { return "unknown".into() };
    format!("of {whose}{}", since(exchange, value, (given, seq), (&until, at)))
}

/// What became of a value between two events: whether it was sent, and whether its time is over.
fn since(exchange: &Exchange<'_>, value: &str, (given, seq): (u32, u32), (until, at): (&str, i64)) -> String {
    let is_used = exchange.sent().any(|sent| {
        sent.seq > given && sent.seq < seq && sent.body.text().is_some_and(|text| text.contains(value))
    });
    let has_ended = read::seconds(until).is_some_and(|until| until <= at);
    [(is_used, ", used"), (has_ended, ", ended")]
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, what)| *what)
        .collect()
}

/// The answer to a card that was presented, if it is one.
pub(crate) fn presented(body: &Body) -> Option<(String, String)> {
    let document = read::document(body).ok()?;
    let root = document.root();
    let text = |name| attribute(root, name).to_owned();
    root.is(PRESENTED).then(|| (text("ticket"), text("notOnOrAfter")))
}

/// What the product has given a ticket for, before this event: the challenge, and the card of the client; whether the ticket
/// was used since, and whether its time is over.
pub(crate) fn ticket(
    exchange: &Exchange<'_>,
    element: Element<'_>,
    ticket: &str,
    (at, seq): (i64, u32),
) -> String {
    let gave = exchange.answered().filter(|(_, answer)| answer.seq < seq).find_map(|(shown, answer)| {
        let (given, until) = presented(answer.body)?;
        (given == ticket).then_some((shown, answer.seq, until))
    });
    let Some((shown, given, until)) = gave else { return "unknown".into() };
    let challenge = attribute(element, "challenge");
    let is_own = read::document(shown.body).is_ok_and(|of| attribute(of.root(), "challenge") == challenge);
    let (whose, card) = (if is_own { "this" } else { "another" }, shown.tls_client.unwrap_or("nobody"));
    let since = since(exchange, ticket, (given, seq), (&until, at));
    format!("for {whose} challenge and {card}{since}")
}

/// The last part of the context that belongs to a login request.
pub(crate) fn context(request: Element<'_>) -> Option<&'static str> {
    let way = request.elements().next()?;
    Some(match way.local() {
        "Application" => "application",
        "Response" => "challenge",
        "Ticket" => "tls-client",
        "Reception" => match child(way, "Card") {
            None => "visible-number",
            Some(card) if child(card, "Signature").is_some() => "card-present",
            Some(_) => "card-without-pin",
        },
        _ => return None,
    })
}

/// Serial number of the certificate of the member of staff whom a login names.
pub(crate) fn operator(request: Element<'_>) -> Option<String> {
    let shown = request.descendants().find(|inner| inner.local() == "Operator")?;
    let der = decode_base64(text(child(shown, "Certificate")?)?)?;
    Some(Certificate::from_der(&der).ok()?.serial())
}
