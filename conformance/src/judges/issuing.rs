//! Chapter 31 for the relay: every envelope that it issues, in the whole run.

use std::collections::BTreeSet;

use chukei_evidence::{Answer, Body, Exchange, Finding, Judge, Phrase, Place, Verdict};
use chukei_spec::req;
use chukei_xml::{Document, Element, Node, ns};

use super::{declared, each, envelope_form, whole};
use crate::{
    read::{self, Message, Opened, attribute, inside, stated, text},
    refuse, trust,
};

pub(super) const JUDGES: &[Judge] = &[
    whole(req!("envelope.issue.form"), |exchange| issued(exchange, envelope_form::form)),
    whole(req!("envelope.issue.signed"), |exchange| issued(exchange, signed)),
    whole(req!("envelope.issue.encrypted"), |exchange| issued(exchange, encrypted)),
    whole(req!("envelope.issue.padded"), |exchange| issued(exchange, padded)),
    whole(req!("encryption.plaintext.padded"), |exchange| issued(exchange, padded)),
    whole(req!("envelope.issue.audience"), |exchange| issued(exchange, audience)),
    whole(req!("envelope.issue.holder"), |exchange| issued(exchange, holder)),
    whole(req!("envelope.issue.window"), |exchange| issued(exchange, window)),
    whole(req!("envelope.issue.bound"), |exchange| issued(exchange, bound)),
    whole(req!("envelope.issue.name-id"), |exchange| issued(exchange, name_id)),
    whole(req!("envelope.issue.fresh"), fresh),
    whole(req!("encryption.key.fresh"), fresh),
    declared(req!("metadata.encryption.first-rsa"), for_usable_key),
    declared(req!("privacy.ciphertext.unlinkable"), unlinkable),
    declared(req!("privacy.ciphertext.size"), size),
];

/// Seconds for which an envelope may be good.
const LONGEST: i64 = 300;

/// An envelope with what it was issued for.
pub(super) struct Issue<'i, 'e> {
    exchange: &'i Exchange<'e>,
    from: &'i str,
    asked: &'e Body,
    request: &'i Message,
    answer: Answer<'e>,
    message: &'i Message,
    req_ref: &'i str,
    pub(super) envelope: Element<'i>,
}

impl Issue<'_, '_> {
    pub(super) fn wrong(
        &self,
        code: &'static str,
        expected: impl Into<Phrase>,
        observed: impl Into<Phrase>,
    ) -> Result<(), Verdict> {
        let source = self.envelope.position();
        let place = Place::bytes(self.answer.seq, &source.span);
        Err(Finding::new(code, expected, observed).at([place]))
    }

    /// The input that the envelope answers.
    pub(super) fn input(&self) -> Option<Element<'_>> {
        let inputs = self.request.content()?.elements();
        inputs.into_iter().find(|input| attribute(*input, "reqID") == self.req_ref)
    }

    /// Entity of the target that the input names.
    fn target(&self) -> Option<&str> {
        inside(self.input()?, ns::SAMLP.name("NameIDPolicy"))?.attribute("SPNameQualifier")
    }

    fn opened(&self) -> Option<Opened> {
        read::open(self.exchange, self.envelope)
    }
}

/// Shows every envelope of the view to a check.
fn issued(exchange: &Exchange<'_>, check: fn(&Issue<'_, '_>) -> Result<(), Verdict>) -> Verdict {
    let answered: Vec<_> = exchange
        .answered()
        .filter_map(|(sent, answer)| Some((sent, answer, Message::of(sent.body)?, Message::of(answer.body)?)))
        .collect();
    let mut issues = Vec::new();
    for (sent, answer, request, message) in &answered {
        for (req_ref, envelope) in message.outputs() {
            issues.push(Issue {
                exchange,
                from: sent.from,
                asked: sent.body,
                request,
                answer: *answer,
                message,
                req_ref,
                envelope,
            });
        }
    }
    each(&issues, "missing.an-envelope", check)
}

fn signed(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let product = issue.exchange.header().product.party.as_str();
    let expected = || Phrase::key("expected.signed-by", [product]);
    match trust::envelope_signer(issue.exchange.world(), issue.message.document(), issue.envelope) {
        Ok(signer) if signer == product => Ok(()),
        Ok(signer) => issue.wrong("envelope.signer", expected(), signer),
        Err(why) => {
            let finding =
                Finding::new("envelope.unsigned", expected(), Phrase::plain("observed.no-signature"));
            Err(why.into_iter().fold(finding, Finding::with).at([issue.answer.seq]))
        }
    }
}

fn encrypted(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let Some(opened) = issue.opened() else {
        return issue.wrong(
            "envelope.not-for-target",
            Phrase::plain("expected.opens"),
            Phrase::plain("observed.closed"),
        );
    };
    let world = issue.exchange.world();
    let target = inside(issue.envelope, ns::SAML.name("Audience")).and_then(text);
    let target = issue.target().or(target).and_then(|entity| world.entity(entity));
    let openers = read::openers(issue.exchange, issue.envelope);
    if let Some(other) = openers.into_iter().find(|party| target.is_some_and(|target| target.name != *party))
    {
        return issue.wrong("envelope.not-for-target", Phrase::plain("expected.opens"), other);
    }
    let number = number_in(&opened).unwrap_or_default();
    let told = issue.answer.body.text().unwrap_or_default();
    if !number.is_empty() && told.contains(number.as_str()) {
        return issue.wrong("envelope.number-in-clear", Phrase::plain("expected.only-encrypted"), number);
    }
    if inside(issue.envelope, ns::SAML.name("EncryptedID")).is_none() {
        return issue.wrong("envelope.no-encrypted-id", "saml:EncryptedID", "–");
    }
    Ok(())
}

/// An envelope that the target opens, though its metadata begins with keys for which nothing can be sealed.
fn for_usable_key(exchange: &Exchange<'_>) -> Verdict {
    let Some(answer) = refuse::answer(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.an-answer"));
    };
    match Message::of(answer.body) {
        Some(message) if !message.outputs().is_empty() => issued(exchange, |issue| {
            let target = issue.target().and_then(|entity| issue.exchange.world().entity(entity));
            let openers = read::openers(issue.exchange, issue.envelope);
            match openers.as_slice() {
                [opener] if target.is_some_and(|target| target.name == *opener) => Ok(()),
                others => {
                    issue.wrong("envelope.not-for-target", Phrase::plain("expected.opens"), others.join(", "))
                }
            }
        }),
        told => {
            let kind = told.as_ref().map_or("–", Message::kind);
            Finding::new("envelope.not-for-target", Phrase::plain("expected.opens"), kind).at([answer.seq])
        }
    }
}

fn number_in(opened: &Opened) -> Option<String> {
    let document = Document::parse(opened.plaintext.trim_ascii_end()).ok()?;
    text(document.root()).map(str::to_owned)
}

fn padded(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let opened = issue.opened().ok_or_else(closed)?;
    let length = opened.plaintext.len();
    let ends = |octet: &u8| matches!(octet, b'\t' | b'\n' | b'\r');
    if length > 0 && length.is_multiple_of(512) && !opened.plaintext.last().is_some_and(ends) {
        return Ok(());
    }
    issue.wrong("envelope.padding", Phrase::plain("expected.multiple-of-512"), length.to_string())
}

/// What is not for a key of the suite cannot be looked at.
fn closed() -> Verdict {
    Verdict::unreached(Phrase::plain("observed.closed"))
}

fn audience(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let texts = |name| {
        let all = issue.envelope.descendants().filter(move |inner| inner.is(ns::SAML.name(name)));
        all.collect::<Vec<_>>()
    };
    let audiences: Vec<&str> = texts("Audience").into_iter().filter_map(text).collect();
    let mut recipients =
        texts("SubjectConfirmationData").into_iter().map(|data| attribute(data, "Recipient"));
    let Some(target) = issue.target().or_else(|| audiences.first().copied()) else {
        return issue.wrong("envelope.audience", "saml:Audience", "–");
    };
    if audiences != [target] {
        return issue.wrong("envelope.audience", target, audiences.join(", "));
    }
    match recipients.find(|recipient| *recipient != target) {
        Some(other) => issue.wrong("envelope.recipient", target, other),
        None => Ok(()),
    }
}

fn holder(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let first = inside(issue.envelope, ns::SAML.name("SubjectConfirmation"));
    let method = first.map_or("–", |first| attribute(first, "Method"));
    if method != "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key" {
        return issue.wrong("envelope.confirmation", "holder-of-key", method);
    }
    let world = issue.exchange.world();
    let own = world.party(issue.from).map_or("", |party| party.entity.as_str());
    let entity = first.and_then(|first| text(inside(first, ns::SAML.name("NameID"))?)).unwrap_or("–");
    if entity != own {
        return issue.wrong("envelope.holder", own, entity);
    }
    let certificate = first.and_then(|first| text(inside(first, ns::DS.name("X509Certificate"))?));
    let of = certificate.and_then(|certificate| trust::party_of(world, certificate));
    // Whoever signed the request: of one that nobody signed, a product that answers it can say no more than who sent it.
    let signer = trust::signer(world, issue.asked);
    // A party may have signed with a further key of its metadata, whose certificate is the token of the request.
    let token = inside(issue.request.root(), ns::WSSE.name("BinarySecurityToken")).and_then(text);
    let octets = |base64: Option<&str>| base64.map(|text| text.split_ascii_whitespace().collect::<String>());
    if signer.is_err() && token.is_some() && octets(certificate) == octets(token) {
        return Ok(());
    }
    let signer = signer.unwrap_or_else(|_| issue.from.to_owned());
    if of.as_ref() == Some(&signer) {
        return Ok(());
    }
    issue.wrong("envelope.holder-key", signer, of.unwrap_or_else(|| "–".into()))
}

fn window(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let conditions = inside(issue.envelope, ns::SAML.name("Conditions"));
    let time = |name: &str| read::seconds(conditions?.attribute(name)?);
    let (Some(from), Some(until)) = (time("NotBefore"), time("NotOnOrAfter")) else {
        return issue.wrong("envelope.window", "NotBefore, NotOnOrAfter", "–");
    };
    let length = until.saturating_sub(from);
    if !(1..=LONGEST).contains(&length) {
        return issue.wrong(
            "envelope.window",
            Phrase::plain("expected.at-most-5-minutes"),
            format!("{length} s"),
        );
    }
    if inside(issue.envelope, ns::SAML.name("OneTimeUse")).is_none() {
        return issue.wrong("envelope.one-time-use", "saml:OneTimeUse", "–");
    }
    Ok(())
}

fn bound(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let message_id = issue.request.header_text(ns::WSA.name("MessageID")).unwrap_or_default();
    let wanted = [
        ("purpose", issue.request.purpose().unwrap_or_default().to_owned()),
        ("request", format!("{message_id}#{}", issue.req_ref)),
        ("version", "1.0".to_owned()),
    ];
    for (name, value) in wanted {
        let found = stated(issue.envelope, name).unwrap_or("–");
        if found != value {
            return issue.wrong("envelope.attribute", format!("{name} = {value}"), found);
        }
    }
    Ok(())
}

fn name_id(issue: &Issue<'_, '_>) -> Result<(), Verdict> {
    let opened = issue.opened().ok_or_else(closed)?;
    let Some(document) = Document::parse(opened.plaintext.trim_ascii_end()).ok() else {
        return issue.wrong("envelope.plaintext", "saml:NameID", "–");
    };
    let root = document.root();
    if !root.is(ns::SAML.name("NameID")) {
        return issue.wrong("envelope.plaintext", "saml:NameID", root.qualified());
    }
    let world = issue.exchange.world();
    let audience = inside(issue.envelope, ns::SAML.name("Audience")).and_then(text).unwrap_or_default();
    let relay = issue.exchange.product().map_or("", |party| party.entity.as_str());
    for (name, wanted) in [("SPNameQualifier", issue.target().unwrap_or(audience)), ("NameQualifier", relay)]
    {
        if attribute(root, name) != wanted {
            return issue.wrong("envelope.qualifier", format!("{name} = {wanted}"), attribute(root, name));
        }
    }
    let insurer = world.entity(audience).map_or("", |party| party.name.as_str());
    let own =
        issue.input().and_then(|input| text(inside(input, ns::SAML.name("NameID"))?)).unwrap_or_default();
    let persons = world.people.iter().filter(|p| p.number_at(issue.from).is_some_and(|n| n.value == own));
    let wanted = persons.filter_map(|person| person.number_at(insurer)).next();
    let found = (attribute(root, "Format"), text(root).unwrap_or_default());
    match wanted {
        Some(number) if (number.scheme.as_str(), number.value.as_str()) != found => {
            let wanted = format!("{} {}", number.scheme, number.value);
            issue.wrong("envelope.number", wanted, format!("{} {}", found.0, found.1))
        }
        _ => Ok(()),
    }
}

/// No two envelopes share identifier, content key, IV or ciphertext.
fn fresh(exchange: &Exchange<'_>) -> Verdict {
    let mut seen: BTreeSet<(&'static str, Vec<u8>)> = BTreeSet::new();
    let mut count = 0_u32;
    for (_, answer) in exchange.answered() {
        let Some(message) = Message::of(answer.body) else { continue };
        for (_, envelope) in message.outputs() {
            count = count.saturating_add(1);
            let opened = read::open(exchange, envelope);
            let (iv, sealed) =
                opened.as_ref().map(|o| o.sealed.split_at(o.sealed.len().min(12))).unwrap_or_default();
            let key = opened.as_ref().map(|opened| opened.key.clone()).unwrap_or_default();
            let parts = [
                ("ID", attribute(envelope, "ID").as_bytes().to_vec()),
                ("content key", key),
                ("IV", iv.to_vec()),
                ("ciphertext", sealed.to_vec()),
            ];
            for (what, octets) in parts {
                if !octets.is_empty() && !seen.insert((what, octets)) {
                    return Finding::new("envelope.again", Phrase::plain("expected.fresh"), what)
                        .at([answer.seq]);
                }
            }
        }
    }
    if count < 2 { Verdict::unreached(Phrase::plain("missing.two-envelopes")) } else { Verdict::Pass }
}

/// What stands outside the ciphertexts of each envelope of a case, with the number inside.
fn outsides(exchange: &Exchange<'_>) -> Vec<(String, BTreeSet<String>, u32)> {
    let mut outsides = Vec::new();
    for (_, answer) in exchange.answered() {
        let Some(message) = Message::of(answer.body) else { continue };
        for (_, envelope) in message.outputs() {
            let number =
                read::open(exchange, envelope).and_then(|opened| number_in(&opened)).unwrap_or_default();
            let mut values = BTreeSet::new();
            for element in std::iter::once(envelope).chain(envelope.descendants()) {
                for attribute in element.attributes() {
                    pieces(&format!("@{}", attribute.local()), attribute.value(), &mut values);
                }
                for node in element.nodes() {
                    if let Node::Text(text) = node {
                        pieces(element.local(), text.trim(), &mut values);
                    }
                }
            }
            outsides.push((number, values, answer.seq));
        }
    }
    outsides
}

/// Octets of a long value that two have in common by chance in no run.
const BY_CHANCE: usize = 12;

/// A value, its words, and beginning and end of a long one: what may stand for a person beside what is random.
fn pieces(place: &str, value: &str, into: &mut BTreeSet<String>) {
    let words = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 8);
    let ends = [value.get(..BY_CHANCE), value.len().checked_sub(BY_CHANCE).and_then(|at| value.get(at..))];
    let ends = ends.into_iter().flatten().filter(|_| value.len() >= 2 * BY_CHANCE);
    let all = std::iter::once(value).filter(|value| !value.is_empty()).chain(words).chain(ends);
    into.extend(all.map(|piece| format!("{place}: {piece}")));
}

/// Between two envelopes of one person stands one of another: what the time tells, that has too.
fn unlinkable(exchange: &Exchange<'_>) -> Verdict {
    let all = outsides(exchange);
    let Some((number, first, _)) = all.first() else {
        return Verdict::unreached(Phrase::plain("missing.two-envelopes"));
    };
    let (same, others): (Vec<_>, Vec<_>) = all.iter().skip(1).partition(|(other, ..)| other == number);
    let Some((_, second, seq)) = same.first() else {
        return Verdict::unreached(Phrase::plain("missing.two-envelopes"));
    };
    if number.is_empty() || others.is_empty() {
        return Verdict::unreached(Phrase::plain("missing.two-persons"));
    }
    let common = first.intersection(second);
    let telling =
        common.into_iter().find(|value| !others.iter().any(|(_, values, _)| values.contains(*value)));
    match telling {
        Some(value) => {
            Finding::new("envelope.linkable", Phrase::plain("expected.unlinkable"), value.clone()).at([*seq])
        }
        None => Verdict::Pass,
    }
}

fn size(exchange: &Exchange<'_>) -> Verdict {
    let mut sizes: Vec<(usize, usize, u32)> = Vec::new();
    for (_, answer) in exchange.answered() {
        let Some(message) = Message::of(answer.body) else { continue };
        for (_, envelope) in message.outputs() {
            let Some(opened) = read::open(exchange, envelope) else { continue };
            let number = number_in(&opened).unwrap_or_default();
            sizes.push((number.chars().count(), opened.sealed.len(), answer.seq));
        }
    }
    let lengths: BTreeSet<usize> = sizes.iter().map(|(number, ..)| *number).collect();
    let Some((_, first, _)) = sizes.first().filter(|_| lengths.len() > 1) else {
        return Verdict::unreached(Phrase::plain("missing.two-lengths"));
    };
    match sizes.iter().find(|(_, sealed, _)| sealed != first) {
        Some((_, other, seq)) => {
            Finding::new("envelope.size", first.to_string(), other.to_string()).at([*seq])
        }
        None => Verdict::Pass,
    }
}
