//! Chapters 20 and 11 for senders: everything that the product sends, in the whole run.

use std::collections::BTreeMap;

use chukei_evidence::{Answer, Exchange, Finding, Judge, Phrase, Place, Said, Verdict};
use chukei_spec::req;
use chukei_xml::{Element, Name, ns};

use super::{each, skew, whole};
use crate::{
    read::{Message, attribute},
    trust,
};

pub(super) const JUDGES: &[Judge] = &[
    whole(req!("message.answer.headers"), headers),
    whole(req!("message.answer.signed"), signed),
    whole(req!("message.answer.fresh"), fresh),
    whole(req!("message.answer.timestamp"), timestamp),
    whole(req!("signature.algorithm.sent"), algorithms),
];

const MESSAGE_ID: Name = ns::WSA.name("MessageID");
const ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
/// Seconds for which a message may be good.
const LONGEST: i64 = 300;

/// Header blocks that every message has once.
pub(super) const REQUIRED: [Name; 6] = [
    ns::SBF.name("Framework"),
    ns::SB.name("Sender"),
    MESSAGE_ID,
    ns::WSA.name("To"),
    ns::WSA.name("Action"),
    ns::WSSE.name("Security"),
];

/// Answers of the product that are no faults, with the request.
fn answers<'t>(exchange: &Exchange<'t>) -> Vec<(&'t str, Answer<'t>, Message)> {
    exchange
        .answered()
        .filter(|(_, answer)| answer.status == 200)
        .filter_map(|(sent, answer)| Some((sent.body.text()?, answer, Message::of(answer.body)?)))
        .filter(|(_, _, message)| message.fault().is_none() && !message.kind().is_empty())
        .collect()
}

fn headers(exchange: &Exchange<'_>) -> Verdict {
    each(answers(exchange), "missing.an-answer", |(request, answer, message)| {
        let wrong = |what: &Name, observed: &str| {
            Err(Finding::new("answer.header", what.to_string(), observed.to_owned()).at([answer.seq]))
        };
        let related = ns::WSA.name("RelatesTo");
        for name in REQUIRED.iter().chain([&related]) {
            let count = message.headers(*name).len();
            if count != 1 {
                return wrong(name, &count.to_string());
            }
        }
        if message.header_text(ns::WSA.name("To")) != Some(ANONYMOUS) {
            return wrong(&ns::WSA.name("To"), message.header_text(ns::WSA.name("To")).unwrap_or_default());
        }
        let requested =
            Message::of(&request.into()).and_then(|r| r.header_text(MESSAGE_ID).map(str::to_owned));
        if message.header_text(related).map(str::to_owned) != requested {
            return wrong(&related, message.header_text(related).unwrap_or_default());
        }
        let content = message.content();
        let action = content.map(|content| format!("{}:{}", content.namespace(), content.local()));
        if message.header_text(ns::WSA.name("Action")).map(str::to_owned) != action {
            return wrong(
                &ns::WSA.name("Action"),
                message.header_text(ns::WSA.name("Action")).unwrap_or_default(),
            );
        }
        let version = message.header(ns::SBF.name("Framework")).and_then(|block| block.attribute("version"));
        if version != Some("2.0") {
            return wrong(&ns::SBF.name("Framework"), version.unwrap_or_default());
        }
        Ok(())
    })
}

fn signed(exchange: &Exchange<'_>) -> Verdict {
    each(answers(exchange), "missing.an-answer", |(_, answer, message)| {
        well_signed(exchange, answer.body, &message, answer.seq)
    })
}

/// By the product, over everything.
pub(super) fn well_signed(
    exchange: &Exchange<'_>,
    body: &chukei_evidence::Body,
    message: &Message,
    seq: u32,
) -> Result<(), Verdict> {
    let product = exchange.header().product.party.as_str();
    let expected = || Phrase::key("expected.signed-by", [product]);
    let signer = trust::signer(exchange.world(), body).map_err(|why| {
        let finding = Finding::new("answer.unsigned", expected(), Phrase::plain("observed.no-signature"));
        why.into_iter().fold(finding, Finding::with).at([seq])
    })?;
    if signer != product {
        return Err(Finding::new("answer.signer", expected(), signer).at([seq]));
    }
    let sender = message.header(ns::SB.name("Sender")).map(|block| attribute(block, "providerID"));
    let own = exchange.product().map(|party| party.entity.as_str());
    if sender != own {
        return Err(
            Finding::new("answer.sender", own.unwrap_or_default(), sender.unwrap_or_default()).at([seq])
        );
    }
    match uncovered(message) {
        Some(part) => {
            Err(Finding::new("answer.not-covered", Phrase::plain("expected.covered"), part).at([seq]))
        }
        None => Ok(()),
    }
}

/// The first part that the signature does not refer to.
fn uncovered(message: &Message) -> Option<String> {
    let references: Vec<&str> = message
        .root()
        .descendants()
        .filter(|element| element.is(ns::DS.name("Reference")))
        .map(|reference| attribute(reference, "URI").trim_start_matches('#'))
        .collect();
    let covers =
        |part: Element<'_>| part.attribute_in(ns::WSU.name("Id")).is_some_and(|id| references.contains(&id));
    let security = ns::WSSE.name("Security");
    let header = message.root().elements().next().into_iter().flat_map(Element::elements);
    let blocks = header.filter(|block| !block.is(security));
    let token = references.iter().filter_map(|id| message.root().by_id(id)).any(|target| {
        target.is(ns::WSSE.name("SecurityTokenReference")) || target.is(ns::WSSE.name("BinarySecurityToken"))
    });
    let stamp = message.header(security).into_iter().flat_map(Element::elements);
    let stamp = stamp.filter(|part| part.is(ns::WSU.name("Timestamp")));
    let missing = blocks.chain(stamp).chain(message.body()).find(|part| !covers(*part));
    missing.map(|part| part.local().to_owned()).or_else(|| (!token).then(|| "BinarySecurityToken".to_owned()))
}

/// Every message that the product has sent and that is no fault.
fn messages<'t>(exchange: &Exchange<'t>) -> Vec<(Said<'t>, Message)> {
    let readable = exchange.said().filter_map(|said| Some((said, Message::of(said.body)?)));
    readable.filter(|(_, message)| message.fault().is_none()).collect()
}

fn fresh(exchange: &Exchange<'_>) -> Verdict {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let all = messages(exchange);
    let verdict = each(&all, "missing.a-message", |(said, message)| {
        let id = message.header_text(MESSAGE_ID).unwrap_or_default().to_owned();
        match seen.insert(id.clone(), said.seq) {
            Some(earlier) if !id.is_empty() => {
                let places = [Place::from(said.seq), Place::from(earlier)];
                Err(Finding::new("message-id.again", Phrase::plain("expected.fresh"), id).at(places))
            }
            _ => Ok(()),
        }
    });
    // One message alone cannot show it.
    if verdict.is_pass() && all.len() < 2 {
        Verdict::unreached(Phrase::plain("missing.two-messages"))
    } else {
        verdict
    }
}

fn timestamp(exchange: &Exchange<'_>) -> Verdict {
    let skew = skew(exchange);
    each(messages(exchange), "missing.a-message", |(said, message)| {
        let wrong = |expected: &str, observed: String| {
            Err(Finding::new("timestamp.sent", Phrase::plain(expected), observed).at([said.seq]))
        };
        let Some((created, expires)) = message.timestamp() else {
            return wrong("expected.timestamp", String::new());
        };
        if created > said.at.saturating_add(skew) {
            return wrong("expected.not-ahead", format!("+{} s", created.saturating_sub(said.at)));
        }
        let length = expires.saturating_sub(created);
        if !(1..=LONGEST).contains(&length) {
            return wrong("expected.at-most-5-minutes", format!("{length} s"));
        }
        Ok(())
    })
}

const C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// What the product's own signatures name, whether they verify or not: those of messages, and those of the envelopes that
/// it answers with. An envelope that it passes on is signed by another, and whether there is a signature, and whose, is
/// said elsewhere.
fn algorithms(exchange: &Exchange<'_>) -> Verdict {
    let all = messages(exchange);
    let signatures = all.iter().flat_map(|(said, message)| {
        let security = message.header(ns::WSSE.name("Security"));
        let issued = message.outputs().into_iter().map(|(_, envelope)| envelope);
        let holders = security.into_iter().chain(issued);
        let signatures =
            holders.flat_map(Element::elements).filter(|child| child.is(ns::DS.name("Signature")));
        signatures.map(|signature| (said.seq, signature)).collect::<Vec<_>>()
    });
    each(signatures, "missing.a-signature", |(seq, signature)| {
        let info = signature.elements().find(|child| child.is(ns::DS.name("SignedInfo")));
        for (name, known) in [
            ("CanonicalizationMethod", &[C14N][..]),
            ("SignatureMethod", &[RSA_SHA256, ECDSA_SHA256]),
            ("DigestMethod", &[SHA256]),
        ] {
            let named =
                info.into_iter().flat_map(Element::descendants).filter(|inner| inner.is(ns::DS.name(name)));
            let named: Vec<&str> = named.map(|method| attribute(method, "Algorithm")).collect();
            let other = named.iter().find(|algorithm| !known.contains(algorithm));
            if let Some(found) = other.or(named.is_empty().then_some(&"–")) {
                let expected = format!("{name}: {}", known.join(", "));
                return Err(Finding::new("signature.algorithm-sent", expected, *found).at([seq]));
            }
        }
        Ok(())
    })
}
