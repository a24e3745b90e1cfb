//! Receipts and proofs as they travel (chapter 35).

use chukei_evidence::{Exchange, Phrase};
use chukei_ledger::{Bundle, Checkpoint, Content, Distrust, Finding, Note};
use chukei_xml::{
    Element,
    lexical::{DateTime, decode_base64},
    ns,
};

use crate::read::{Message, attribute, seconds, text};

/// Commitments in the receipts of an answer.
pub(crate) fn receipts(message: &Message) -> Vec<&str> {
    let block = message.header(ns::CK.name("Receipts"));
    let receipts = block.into_iter().flat_map(Element::elements);
    receipts.map(|receipt| attribute(receipt, "commitment")).collect()
}

/// The octets of a proof; none of another message, and of one about nobody.
pub(crate) fn octets(message: &Message) -> Option<Vec<u8>> {
    let content = message.content().filter(|content| content.is(ns::CK.name("AccessProof")))?;
    let parts: Vec<Element<'_>> = content.elements().collect();
    let octets = parts.iter().map(|part| text(*part).and_then(decode_base64));
    // A part that cannot be read leaves octets that are no bundle.
    (!parts.is_empty()).then(|| octets.flatten().flatten().collect())
}

/// A proof that the product has given.
pub(crate) struct Proof {
    /// The event.
    pub(crate) seq: u32,
    /// When it came.
    pub(crate) at: i64,
    /// Whom the query is about: what its content says beside `since`.
    pub(crate) about: String,
    /// `since` of the query; empty for none.
    pub(crate) since: String,
    /// The bundle, or what is wrong with it.
    pub(crate) bundle: Result<Bundle, Phrase>,
}

/// Every proof, in order.
pub(crate) fn proofs(exchange: &Exchange<'_>) -> Vec<Proof> {
    let proof = |(sent, answer): (chukei_evidence::Sent<'_>, chukei_evidence::Answer<'_>)| {
        let octets = octets(&Message::of(answer.body)?)?;
        let asked = Message::of(sent.body);
        let since =
            asked.as_ref().and_then(Message::content).map(|query| attribute(query, "since").to_owned());
        let bundle = Bundle::parse(&octets)
            .map_err(|error| Phrase::key("observed.proof-unreadable", [error.to_string()]));
        let number = asked.as_ref().and_then(Message::content).and_then(|query| query.elements().next());
        let about = number.map(|number| {
            let value = |name| attribute(number, name).to_owned();
            [value("Format"), value("NameQualifier"), text(number).unwrap_or_default().to_owned()].join(" ")
        });
        let about = about.unwrap_or_default();
        Some(Proof { seq: answer.seq, at: answer.at, about, since: since.unwrap_or_default(), bundle })
    };
    exchange.answered().filter_map(proof).collect()
}

/// How a relay says that its ledger stands.
pub(crate) struct Status {
    /// The event.
    pub(crate) seq: u32,
    /// The event that asked.
    pub(crate) asked: u32,
    /// Seconds of the period's ends, if they can be read.
    pub(crate) period: Option<(i64, i64)>,
    /// The checkpoint, as it was signed.
    pub(crate) note: String,
}

/// Every answer about the state of the ledger, in order.
pub(crate) fn statuses(exchange: &Exchange<'_>) -> Vec<Status> {
    let status = |(sent, answer): (chukei_evidence::Sent<'_>, chukei_evidence::Answer<'_>)| {
        let told = Message::of(answer.body)?;
        let content = told.content().filter(|content| content.is(ns::CK.name("LedgerStatus")))?;
        let octets = content.elements().next().and_then(text).and_then(decode_base64);
        Some(Status {
            seq: answer.seq,
            asked: sent.seq,
            period: seconds(attribute(content, "from")).zip(seconds(attribute(content, "until"))),
            note: octets.and_then(|octets| String::from_utf8(octets).ok()).unwrap_or_default(),
        })
    };
    exchange.answered().filter_map(status).collect()
}

/// What a signed checkpoint says.
pub(crate) fn checkpoint(note: &str) -> Option<Checkpoint> {
    Checkpoint::parse(&Note::parse(note)?.text)
}

/// What has to be in the ledger of an exchange: the message, and the answer to it.
pub(crate) fn recorded(
    exchange: &Exchange<'_>,
    from: &str,
    asked: &Message,
    answer: &Message,
) -> Vec<Content> {
    let actor = exchange.world().party(from).map(|party| party.entity.clone()).unwrap_or_default();
    let purpose = asked.purpose().unwrap_or_default().to_owned();
    let look = |any: bool| {
        let content = Content {
            kind: "history".into(),
            requester: actor.clone(),
            purpose: purpose.clone(),
            outcome: "shown".into(),
            ..Content::default()
        };
        any.then_some(content).into_iter().collect()
    };
    let Some(content) = asked.content() else { return Vec::new() };
    match answer.kind() {
        "IdentityMappingResponse" => {
            let inputs = content.elements().filter(|input| input.is(ns::IMS.name("MappingInput")));
            inputs.map(|input| mapping(&actor, &purpose, input, answer)).collect()
        }
        "DisclosureReceipt" if answer.status() == Some("OK") => vec![disclosure(&actor, content)],
        "LinkageAnswer" if asked.kind() == "RelayedQuery" => {
            vec![carried(&actor, &purpose, asked, content)]
        }
        "AccessHistory" => look(answer.content().is_some_and(|history| history.elements().next().is_some())),
        "AccessProof" => look(octets(answer).is_some()),
        "LoginAnswer" => {
            vec![Content { kind: "login".into(), requester: actor, purpose, ..Content::default() }]
        }
        _ => Vec::new(),
    }
}

fn mapping(actor: &str, purpose: &str, input: Element<'_>, answer: &Message) -> Content {
    let id = attribute(input, "reqID");
    let policy = input.descendants().find(|inner| inner.local() == "NameIDPolicy");
    let value = |name| policy.map(|policy| attribute(policy, name).to_owned()).unwrap_or_default();
    let envelope =
        answer.outputs().into_iter().find(|(request, _)| *request == id).map(|(_, envelope)| envelope);
    let refused =
        answer.statuses().into_iter().find(|(request, _)| *request == id).map_or("", |(_, code)| code);
    Content {
        kind: "mapping".into(),
        requester: actor.to_owned(),
        provider: envelope.map(|_| value("SPNameQualifier")),
        items: vec![value("Format")],
        purpose: purpose.to_owned(),
        outcome: if envelope.is_some() { "granted" } else { refused }.to_owned(),
        envelope: envelope.map(|envelope| attribute(envelope, "ID").to_owned()),
        ..Content::default()
    }
}

/// What the relay carried, and brought an answer to.
fn carried(actor: &str, purpose: &str, asked: &Message, content: Element<'_>) -> Content {
    let query = content.elements().next();
    let items = query.into_iter().flat_map(Element::elements).filter(|item| item.local() == "Item");
    Content {
        kind: "relayed".into(),
        requester: actor.to_owned(),
        provider: Some(attribute(content, "to").to_owned()),
        items: items.filter_map(text).map(str::to_owned).collect(),
        purpose: purpose.to_owned(),
        outcome: "answered".into(),
        envelope: asked.envelopes().first().map(|envelope| attribute(*envelope, "ID").to_owned()),
        ..Content::default()
    }
}

fn disclosure(actor: &str, notice: Element<'_>) -> Content {
    let named =
        |local: &'static str| notice.elements().filter(move |child| child.local() == local).filter_map(text);
    Content {
        kind: "disclosure".into(),
        requester: attribute(notice, "requester").to_owned(),
        provider: Some(actor.to_owned()),
        items: named("Item").map(str::to_owned).collect(),
        purpose: named("Purpose").next().unwrap_or_default().to_owned(),
        outcome: attribute(notice, "outcome").to_owned(),
        envelope: Some(attribute(notice, "envelope").to_owned()),
        ..Content::default()
    }
}

/// What a person is told about a proof that does not hold, by the suite and by the command.
#[must_use]
pub fn unproved(finding: &Finding) -> Phrase {
    let one = |key, number: &dyn ToString| (key, vec![number.to_string()]);
    let moment = |seconds| DateTime { seconds, nanoseconds: 0 }.format();
    let two =
        |key, first: &dyn ToString, second: &dyn ToString| (key, vec![first.to_string(), second.to_string()]);
    let (key, with) = match finding {
        Finding::Checkpoints => ("observed.proof-checkpoints", vec![]),
        Finding::Distrusted { place, why: Distrust::Form } => one("observed.proof-form", place),
        Finding::Distrusted { place, why: Distrust::NoKey } => one("observed.proof-no-key", place),
        Finding::Distrusted { place, why: Distrust::Signature { name } } => {
            two("observed.proof-signature", place, name)
        }
        Finding::Distrusted { place, why: Distrust::Quorum { signed } } => {
            two("observed.proof-quorum", place, &signed.join(", "))
        }
        Finding::Origin { place } => one("observed.proof-origin", place),
        Finding::Fork { size } => one("observed.proof-fork", size),
        Finding::Inconsistent { from, to } => two("observed.proof-inconsistent", from, to),
        Finding::Smaller { size, seen } => two("observed.proof-smaller", size, seen),
        Finding::Unconnected { size } => one("observed.proof-unconnected", size),
        Finding::Ended { size } => one("observed.proof-ended", size),
        Finding::Gap { expected, found } => two("observed.proof-gap", expected, found),
        Finding::Link { number } => one("observed.proof-link", number),
        Finding::Content { number } => one("observed.proof-content", number),
        Finding::Missing { number } => one("observed.proof-missing", number),
        Finding::KeptBriefly { number } => one("observed.proof-kept-briefly", number),
        Finding::WithheldLong { number } => one("observed.proof-withheld-long", number),
        Finding::Due { number } => one("observed.proof-due", number),
        Finding::Withdrawn { number } => one("observed.proof-withdrawn", number),
        Finding::Inclusion { number } => one("observed.proof-inclusion", number),
        Finding::Order { number } => one("observed.proof-order", number),
        Finding::HeadsInclusion => ("observed.proof-heads-inclusion", vec![]),
        Finding::Future { at } => one("observed.proof-future", &moment(*at)),
        Finding::HeadsProof => ("observed.proof-heads-proof", vec![]),
        Finding::Omitted { shown, committed } => two("observed.proof-omitted", shown, committed),
        Finding::Head { number } => one("observed.proof-head", number),
        Finding::Unbooked { number } => one("observed.proof-unbooked", number),
        Finding::OtherChain => ("observed.proof-other-chain", vec![]),
        Finding::Lost { number } => one("observed.proof-lost", number),
        Finding::Hidden { number } => one("observed.proof-hidden", number),
    };
    Phrase::key(key, with)
}
