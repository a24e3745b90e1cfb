//! What a message of the suite says, one fact per place, with everything that is fresh in each message made equal: so
//! that the difference between a case and its twin can be seen in the delivered bytes.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use chukei_crypto::sha256;
use chukei_evidence::{Answer, Body, Exchange, Phrase, Sent, Shown, What};
use chukei_harness::message::SESSION;
use chukei_xml::{Document, Element, Node, ns};

use crate::{
    login,
    read::{self, ASSERTION, attribute, text},
    refuse, trust,
};

/// Place and what stands there.
pub(crate) type Facts = BTreeMap<String, String>;

/// The message that carries the deviation, or in a twin the one in its place: of a request, or of an answer.
enum Subject<'t> {
    Sent(Sent<'t>),
    Reply(Answer<'t>),
}

/// Why the declared deviation is not what was delivered; nothing if it is.
///
/// The deviation `PLACES=WHAT` names places, joined by `+`, each standing for all below it. The first is what is bent; the
/// others follow from it and may show it too. `forge=NAME`, a named mutation of the forge, and `bytes=WHAT`, which leaves no
/// message that could be read, may change anything, but something.
pub(crate) fn undeclared(exchange: &Exchange<'_>) -> Option<Phrase> {
    thread_local! {
        static FOUND: RefCell<HashMap<[u8; 32], Option<Phrase>>> = RefCell::default();
    }
    let question = question(exchange);
    if let Some(found) = FOUND.with_borrow(|found| found.get(&question).cloned()) {
        return found;
    }
    let answer = undeclared_anew(exchange);
    FOUND.with_borrow_mut(|found| {
        if found.len() >= read::REMEMBERED {
            found.clear();
        }
        found.insert(question, answer.clone());
    });
    answer
}

/// What [`undeclared`] is a function of: mutants of a transcript ask it again and again about what the suite sent.
fn question(exchange: &Exchange<'_>) -> [u8; 32] {
    let mut asked = format!("{} {}", exchange.deviation(), exchange.run().len());
    let twin = exchange.twin();
    for (own, events) in [(true, exchange.events()), (false, twin.as_ref().map_or(&[][..], Exchange::events))]
    {
        for event in events {
            let mut add = |what: &dyn std::fmt::Debug| asked += &format!(" {own} {} {what:?}", event.at);
            match &event.what {
                // Beside the deviating message, it matters only what was sent before it.
                What::Sent { body, tls_client, deviates: false, .. } if own => {
                    asked += &format!(" {tls_client:?} {:?}", body.digest());
                }
                What::Sent {
                    exchange,
                    from,
                    tls_client,
                    tls_certificate,
                    url_role,
                    method,
                    headers,
                    body,
                    deviates,
                } => {
                    let client = (from, tls_client, tls_certificate);
                    add(&(exchange, client, url_role, method, headers, body.digest(), deviates));
                    if *deviates {
                        break;
                    }
                }
                What::Replied { exchange, status, headers, body, deviates } => {
                    add(&(exchange, status, headers, body.digest(), deviates));
                }
                What::Shown { to, certificate, .. } => add(&(to, certificate)),
                What::Called { exchange, to, .. } => asked += &format!(" {exchange} {to}"),
                What::Alive { .. } | What::NotAlive { .. } if !own => add(&event.what),
                _ => {}
            }
        }
    }
    sha256(asked.as_bytes())
}

fn undeclared_anew(exchange: &Exchange<'_>) -> Option<Phrase> {
    let (places, what) = exchange.deviation().split_once('=')?;
    let twin = exchange.twin()?;
    if places == "receipt" || places == "reply" {
        // The suite's own answer deviates, in a way that need not even be a message.
        let call =
            exchange.calls().find(|call| exchange.reply(call.exchange).is_none_or(|reply| reply.deviates));
        return call.is_none().then(|| Phrase::key("missing.deviation-in-bytes", [exchange.deviation()]));
    }
    if places == "tls.server" {
        let is_another = |shown: Shown<'_>| {
            let shown_by = trust::party_of(exchange.world(), shown.certificate);
            shown_by.as_deref() != Some(shown.to)
        };
        let is_shown = exchange.shown().any(is_another);
        return (!is_shown).then(|| Phrase::key("missing.deviation-in-bytes", [exchange.deviation()]));
    }
    let (own, other) = subjects(exchange, &twin)?;
    let changed = difference(&facts(exchange, &own), &facts(&twin, &other));
    if changed.is_empty() {
        return Some(Phrase::key("missing.deviation-in-bytes", [exchange.deviation()]));
    }
    if places == "forge" || places == "bytes" {
        return None;
    }
    let bent = places.split('+').next().unwrap_or_default();
    let declared: Vec<&str> = places.split('+').flat_map(alias).collect();
    let undeclared: Vec<&str> = changed
        .iter()
        .map(String::as_str)
        .filter(|place| !declared.iter().any(|prefix| is_below(place, prefix)))
        .collect();
    let named = alias(bent).iter().any(|prefix| changed.iter().any(|place| is_below(place, prefix)));
    match (undeclared.as_slice(), named) {
        ([], true) => None,
        ([], false) => Some(Phrase::key("missing.deviation-in-bytes", [exchange.deviation()])),
        (more, _) => Some(Phrase::key("missing.declared", [format!("{} ({what})", more.join(", "))])),
    }
}

fn alias(place: &str) -> Vec<&str> {
    match place {
        // One party speaks in the place of another.
        "speaker" => vec!["from", "tls", "signer", "Header/Sender", "Header/Security/BinarySecurityToken"],
        other => vec![other],
    }
}

fn is_below(place: &str, prefix: &str) -> bool {
    place
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@', '[', '{', '#', '.']))
}

fn difference(own: &Facts, other: &Facts) -> BTreeSet<String> {
    let keys: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
    let changed = keys.into_iter().filter(|key| own.get(*key) != other.get(*key));
    // That other children stand somewhere shows at the children; only another order of equal ones is a fact of its own.
    let is_order = |key: &str| !key.ends_with(".order") || sorted(own, key) == sorted(other, key);
    changed.filter(|key| is_order(key)).cloned().collect()
}

fn sorted<'f>(facts: &'f Facts, key: &str) -> Vec<&'f str> {
    let mut names: Vec<&str> = facts.get(key).map(String::as_str).unwrap_or_default().split(' ').collect();
    names.sort_unstable();
    names
}

/// The deviating message, and in the twin what stands in its place: the last request that was no probe, or the answer
/// to a call of the same party.
fn subjects<'t>(exchange: &Exchange<'t>, twin: &Exchange<'t>) -> Option<(Subject<'t>, Subject<'t>)> {
    if let Some(sent) = exchange.sent().find(|sent| sent.deviates) {
        return Some((Subject::Sent(sent), Subject::Sent(refuse::last_sent(twin)?)));
    }
    let reply = exchange.replies().find(|reply| reply.deviates)?;
    let called = |exchange: &Exchange<'t>, number| exchange.calls().find(|call| call.exchange == number);
    let party = called(exchange, reply.exchange)?.to;
    let other =
        twin.replies().find(|other| called(twin, other.exchange).is_some_and(|call| call.to == party))?;
    Some((Subject::Reply(reply), Subject::Reply(other)))
}

fn facts(exchange: &Exchange<'_>, subject: &Subject<'_>) -> Facts {
    let mut facts = Facts::new();
    let (at, seq, body) = match subject {
        Subject::Sent(sent) => {
            facts.insert("from".into(), sent.from.into());
            facts.insert("tls".into(), sent.tls_client.unwrap_or("-").into());
            facts.insert("tls.certificate".into(), sent.tls_certificate.unwrap_or("-").into());
            facts.insert("http.method".into(), sent.method.into());
            facts.insert("http.path".into(), sent.url_role.into());
            fields(&mut facts, sent.fields.0);
            (sent.at, sent.seq, sent.body)
        }
        Subject::Reply(reply) => {
            facts.insert("http.status".into(), reply.status.to_string());
            fields(&mut facts, reply.fields.0);
            (reply.at, reply.seq, reply.body)
        }
    };
    repeats(&mut facts, exchange, seq, body);
    message(&mut facts, exchange, (at, seq, matches!(subject, Subject::Sent(_))), body);
    facts
}

fn fields(facts: &mut Facts, fields: &[(String, String)]) {
    for (name, value) in fields {
        let place = format!("http.{}", name.to_ascii_lowercase());
        facts
            .entry(place)
            .and_modify(|old| old.push_str(&format!(", {value}")))
            .or_insert_with(|| value.clone());
    }
}

/// Whether the same message, or the same envelope, was sent before in the case.
fn repeats(facts: &mut Facts, exchange: &Exchange<'_>, seq: u32, body: &Body) {
    let mut seen = (false, false);
    let mut is_applied_again = false;
    let own = read::Message::of(body);
    let message_id = own.as_ref().and_then(|own| own.header_text(ns::WSA.name("MessageID")));
    let envelope = own.as_ref().and_then(|own| Some(attribute(*own.envelopes().first()?, "ID")));
    for event in exchange.events().iter().filter(|event| event.seq < seq) {
        let What::Sent { body: earlier, .. } = &event.what else { continue };
        let contains = |text: Option<&str>| {
            let text = text.filter(|text| !text.is_empty());
            text.zip(earlier.text()).is_some_and(|(text, earlier)| earlier.contains(text))
        };
        let document = own.as_ref().and_then(|own| login::document(own));
        is_applied_again |= contains(document);
        seen.0 |= contains(message_id);
        seen.1 |= contains(envelope);
    }
    facts.insert("repeats.application".into(), is_applied_again.to_string());
    facts.insert("repeats.message".into(), seen.0.to_string());
    facts.insert("repeats.envelope".into(), seen.1.to_string());
}

fn message(facts: &mut Facts, exchange: &Exchange<'_>, (at, seq, opens): (i64, u32, bool), body: &Body) {
    let document = match read::document(body) {
        Ok(document) => document,
        Err(reason) => {
            facts.insert("bytes".into(), reason.to_string());
            return;
        }
    };
    let signer = trust::signer(exchange.world(), body).unwrap_or_else(|why| {
        let first = why.first().map(|phrase| format!("{phrase:?}")).unwrap_or_default();
        format!("nobody: {}", first.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default())
    });
    facts.insert("signer".into(), signer);
    if document.root().is(login::PRESENTATION) {
        let is_given = false;
        Reader { facts, exchange, document: &document, at, seq, opens, is_given }
            .element(document.root(), "");
        return;
    }
    let prolog = body.text().and_then(|text| text.split("<soap").next()).unwrap_or_default();
    if !prolog.is_empty() {
        facts.insert("bytes".into(), prolog.into());
    }
    let comments =
        body.text().map_or(0, |text| text.matches("<!--").chain(text.matches("<![CDATA[")).count());
    facts.insert("pieces".into(), comments.to_string());
    let mut reader = Reader { facts, exchange, document: &document, at, seq, opens, is_given: false };
    reader.order(document.root(), "");
    for child in document.root().elements() {
        reader.element(child, "");
    }
}

struct Reader<'r, 'e> {
    facts: &'r mut Facts,
    exchange: &'r Exchange<'e>,
    document: &'r Document,
    at: i64,
    seq: u32,
    /// Whether the suite knows what is sealed: in what it sends. What it answers is opened by whoever gets it next, if
    /// anybody does.
    opens: bool,
    /// Whether it is in an envelope of the product, whose times have whatever fractions they have.
    is_given: bool,
}

impl Reader<'_, '_> {
    fn element(&mut self, element: Element<'_>, parent: &str) {
        let place = place(element, parent);
        let was_given = self.is_given;
        if element.is(ASSERTION) {
            let signer = trust::envelope_signer(self.exchange.world(), self.document, element);
            self.is_given =
                signer.as_ref().is_ok_and(|signer| *signer == self.exchange.header().product.party);
            self.facts.insert(format!("{place}.signer"), signer.unwrap_or_else(|_| "nobody".into()));
            if self.opens {
                self.number(element, &place);
            }
        }
        self.facts.insert(format!("{place}{{}}"), element.namespace().to_owned());
        self.order(element, &place);
        for attribute in element.attributes() {
            let value = match attribute.qualified() {
                "until" if element.is(ns::CK.name("Withholding")) => self.days(attribute.value()),
                "challenge" => self.given(attribute.value(), "Challenge", "value"),
                _ => self.value(attribute.value()),
            };
            self.facts.insert(
                format!("{place}@{}", attribute.qualified().rsplit(':').next().unwrap_or_default()),
                value,
            );
        }
        let (mut plain, mut is_padded) = (String::new(), false);
        for node in element.nodes() {
            match node {
                Node::Element(child) => self.element(child, &place),
                Node::Text(text) => {
                    is_padded |= text.trim() != text && !text.trim().is_empty();
                    plain.push_str(text.trim());
                }
            }
        }
        if !plain.is_empty() {
            let value = match element.local() {
                "DigestValue" | "SignatureValue" | "CipherValue" => "…".into(),
                "Signature" => {
                    let root = self.document.root();
                    login::verifies(self.exchange, root, element).to_string()
                }
                "Document" => self.application(element),
                "Ticket" => login::ticket(self.exchange, element, &plain, (self.at, self.seq)),
                "NameID" if attribute(element, "Format") == SESSION => {
                    self.given(&plain, "LoginAnswer", "session")
                }
                "BinarySecurityToken" | "X509Certificate" => {
                    trust::party_of(self.exchange.world(), &plain).unwrap_or(plain)
                }
                _ => self.value(&plain),
            };
            let padded = if is_padded { " (white space)" } else { "" };
            self.facts.insert(format!("{place}#"), format!("{value}{padded}"));
        }
        self.is_given = was_given;
    }

    /// What the product has given out.
    fn given(&self, value: &str, kind: &str, name: &str) -> String {
        login::given(self.exchange, value, (self.at, self.seq), (kind, name))
    }

    /// An access application, as a message of its own.
    fn application(&mut self, element: Element<'_>) -> String {
        let Some((document, is_signed)) = login::application(element) else { return "unreadable".into() };
        let Self { exchange, at, seq, opens, is_given, .. } = *self;
        let mut inner =
            Reader { facts: &mut *self.facts, exchange, document: &document, at, seq, opens, is_given };
        inner.element(document.root(), "");
        self.facts.insert("AccessApplication.signed".into(), is_signed.to_string());
        "AccessApplication".into()
    }

    fn order(&mut self, element: Element<'_>, place: &str) {
        let names: Vec<&str> = element.elements().map(Element::local).collect();
        if names.len() > 1 {
            self.facts.insert(format!("{place}.order"), names.join(" "));
        }
    }

    /// Facts about the sealed number.
    fn number(&mut self, envelope: Element<'_>, place: &str) {
        let opened = read::open(self.exchange, envelope);
        let plaintext = opened.and_then(|opened| String::from_utf8(opened.plaintext).ok());
        let document = plaintext.as_deref().map(str::trim_end).and_then(|text| Document::parse(text).ok());
        match (&plaintext, &document) {
            (_, Some(document)) => {
                let root = document.root();
                for attribute in root.attributes() {
                    self.facts.insert(
                        format!("{place}.number@{}", attribute.qualified()),
                        attribute.value().into(),
                    );
                }
                self.facts.insert(format!("{place}.number#"), text(root).unwrap_or_default().into());
            }
            (Some(plaintext), None) => {
                self.facts.insert(format!("{place}.number"), plaintext.trim_end().into());
            }
            (None, None) => {}
        }
    }

    /// A day, counted from today in Japan.
    fn days(&self, day: &str) -> String {
        const DAY: i64 = 86_400;
        let today = self.at.saturating_add(read::JAPAN).div_euclid(DAY);
        match read::seconds(&format!("{day}T00:00:00Z")) {
            Some(seconds) => format!("d{:+}", seconds.div_euclid(DAY).saturating_sub(today)),
            None => day.to_owned(),
        }
    }

    /// Times become offsets, identifiers become the place that they name.
    fn value(&self, value: &str) -> String {
        // What is long ago, or long ahead, is data: it does not move with the clock.
        let near = |seconds: &i64| seconds.abs_diff(self.at) <= 86_400;
        if let Some(seconds) = read::seconds(value).filter(near) {
            // Whole tens, so that a second between making and sending makes no difference.
            let tens = (seconds.saturating_sub(self.at).saturating_add(5)).div_euclid(10).saturating_mul(10);
            return match value.trim().get(19..).unwrap_or_default() {
                fraction if fraction.len() > 1 && !self.is_given => format!("t{tens:+} {fraction}"),
                _ => format!("t{tens:+}"),
            };
        }
        let id = value.strip_prefix('#').unwrap_or(value);
        if is_fresh(id) {
            return match self.document.by_id(id) {
                Some(target) => format!("→{}", target.local()),
                None => "fresh".into(),
            };
        }
        match value.strip_prefix("urn:uuid:") {
            Some(rest) if rest.len() >= 36 => format!("uuid{}", rest.get(36..).unwrap_or_default()),
            _ => value.to_owned(),
        }
    }
}

/// Identifiers of the suite: `_` and 32 hexadecimal digits.
fn is_fresh(id: &str) -> bool {
    id.strip_prefix('_').is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The place of an element: local names, with a number from the second of equal names on. The envelope is called so
/// wherever it stands, and a reference after what it refers to.
fn place(element: Element<'_>, parent: &str) -> String {
    if element.is(ASSERTION) && (parent.ends_with("TargetIdentity") || parent.ends_with("Token")) {
        let before = siblings_before(element);
        return if before == 0 {
            "Envelope".into()
        } else {
            format!("Envelope[{}]", before.saturating_add(1))
        };
    }
    let mut name = element.local().to_owned();
    if element.is(ns::DS.name("Reference")) {
        let uri = attribute(element, "URI").trim_start_matches('#').to_owned();
        let target = element.by_id(&uri).map_or_else(|| "nothing".into(), |target| target.local().to_owned());
        name = format!("Reference({target})");
    } else {
        let before = siblings_before(element);
        if before > 0 {
            name = format!("{name}[{}]", before.saturating_add(1));
        }
    }
    if parent.is_empty() { name } else { format!("{parent}/{name}") }
}

fn siblings_before(element: Element<'_>) -> usize {
    let Some(parent) = element.parent() else { return 0 };
    let equal = parent.elements().take_while(|other| other.id() != element.id());
    equal.filter(|other| other.local() == element.local()).count()
}
