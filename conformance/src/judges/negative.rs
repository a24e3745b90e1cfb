//! Sentences that demand a refusal: each judged over the cases that declare it, by one rule and its variants.

use chukei_evidence::{Call, Exchange, Finding, Judge, Phrase, Place, Seen, Verdict};
use chukei_harness::face::CARD_DOOR;
use chukei_reason::Answer;
use chukei_spec::req;
use serde_json::Value;

use super::declared;
use crate::{
    read::Message,
    refuse::{self, answered, connected, refused_by},
};

macro_rules! judges {
    ($( $rule:expr => $($sentence:literal)+; )*) => {
        /// The judges of refusals.
        pub(super) const JUDGES: &[Judge] = &[$($( declared(req!($sentence), $rule), )+)*];
    };
}

judges! {
    refused =>
        "message.soap.shape" "message.body.one-child" "message.header.once" "message.header.place" "message.sender.is-signer"
        "message.sender.is-tls-client" "message.id.form" "message.id.once" "message.to.is-receiver"
        "message.action.agrees" "message.relates-to.answered" "message.timestamp.window"
        "message.token.certificate" "message.security.for-receiver" "message.signature.covers" "message.processing-context.none"
        "transport.content-type"
        "envelope.present.once" "envelope.signature.relay" "envelope.audience.self" "envelope.recipient.self"
        "envelope.window.current" "envelope.holder.sender" "envelope.use.once" "envelope.one-time-use.present"
        "envelope.purpose.agrees" "envelope.version.known" "envelope.name-id.qualifiers" "envelope.name-id.format"
        "linkage.query.form" "relayed.present.listed"
        "mapping.input.count" "mapping.input.id" "history.query.portal-only" "history.query.limit"
        "login.certificate.path" "login.certificate.revoked" "login.certificate.usage" "login.request.sender"
        "login.application.signature" "login.application.content" "login.application.addressed"
        "login.application.purpose" "login.application.fresh" "login.application.once"
        "login.challenge.own" "login.challenge.signature" "login.operator.signature" "login.operator.role"
        "login.presentation.proved" "login.presentation.challenge" "login.ticket.given" "login.ticket.purpose"
        "login.reception.purpose" "login.reception.possession" "login.reception.copied"
        "xml.encoding.utf8" "xml.char.allowed" "xml.declaration.form" "xml.document.well-formed"
        "xml.document.one-root" "xml.doctype.forbidden" "xml.pi.forbidden" "xml.name.form" "xml.prefix.bound"
        "xml.namespace.declaration" "xml.namespace.absolute" "xml.attribute.unique" "xml.attribute.reserved"
        "xml.id.unique" "xml.schema.closed" "xml.base64.canonical" "xml.datetime.form"
        "xml.date.form" "xml.integer.form"
        "signature.presence.required" "signature.position.root" "signature.position.schema"
        "signature.position.one-assertion" "signature.presence.all" "signature.structure.one-shape"
        "signature.reference.fragment" "signature.reference.parent" "signature.transform.closed"
        "signature.algorithm.closed" "signature.canonical.exists" "signature.signer.one"
        "signature.digest.match" "signature.value.verifies" "signature.coverage.all-parts"
        "encryption.structure.one-shape" "encryption.order.encrypt-then-sign"
        "encryption.open.one-answer" "encryption.plaintext.one-element" "envelope.open.one-answer"
        "key.trust.metadata-only" "key.info.hint-only" "metadata.certificate.window"
        "limit.depth" "limit.nodes" "limit.attributes" "limit.namespaces" "limit.token" "limit.references"
        "limit.encryption-depth"
        "requester.envelope.check" "requester.answer.verified" "requester.answer.fault";
    not_understood => "message.header.understood";
    wrong_framework => "message.framework.version";
    no_purpose => "message.usage-directive.purpose" "history.query.purpose" "ledger.proof.purpose";
    replied_elsewhere => "message.reply-to.anonymous";
    not_posted => "transport.method.post";
    not_told => "transport.tls.server";
    no_tls => "transport.tls.client" "transport.tls.version";
    encoded => "transport.encoding.none";
    doubled => "transport.field.once";
    body_overlong => "transport.body.limit";
    header_overlong => "transport.header.limit";
    invalid => "mapping.input.form";
    not_own => "mapping.input.own-number";
    forbidden => "mapping.loop.none" "login.session.own" "login.session.purpose";
    not_forwarded => "relayed.forward.holder" "relayed.forward.audience" "relayed.forward.principal";
    no_receipt => "linkage.disclosure.required";
    turned_away => "limit.bytes";
    not_opened => "encryption.open.after-verify";
    read_whole => "xml.text.whole";
    taken => "limit.accepted";
}

fn is_requester(exchange: &Exchange<'_>) -> bool {
    exchange.case().starts_with("requester/")
}

/// Refused: with a fault by who takes requests, by not using the answer by who asks.
fn refused(exchange: &Exchange<'_>) -> Verdict {
    let is_at_door = || exchange.sent().any(|sent| sent.deviates && sent.url_role == CARD_DOOR);
    // What a card door does not take may fail in the handshake.
    let see = if is_requester(exchange) {
        used
    } else if is_at_door() {
        connected
    } else {
        answered
    };
    refused_by(exchange, see)
}

fn not_understood(exchange: &Exchange<'_>) -> Verdict {
    if is_requester(exchange) {
        refused(exchange)
    } else {
        refuse::refused_with_code(exchange, "MustUnderstand")
    }
}

fn wrong_framework(exchange: &Exchange<'_>) -> Verdict {
    if is_requester(exchange) {
        return refused(exchange);
    }
    refuse::refused_with_code(exchange, "FrameworkVersionMismatch")
}

fn no_purpose(exchange: &Exchange<'_>) -> Verdict {
    refuse::refused_with_status(exchange, "CannotHonourUsageDirective")
}

/// Refused, and nobody was called at the address.
fn replied_elsewhere(exchange: &Exchange<'_>) -> Verdict {
    let verdict = refused(exchange);
    match exchange.calls().find(|call| call.to == "insurer-c") {
        Some(call) if !verdict.is_unreached() => {
            Finding::new("reply-to.followed", Phrase::plain("expected.no-call"), call.to).at([call.seq])
        }
        _ => verdict,
    }
}

fn not_posted(exchange: &Exchange<'_>) -> Verdict {
    let is_path = exchange.deviation().starts_with("http.path");
    let is_method = exchange.deviation().contains("http.method");
    // A connection that is closed is no answer.
    match (is_path, is_method) {
        (true, true) => refuse::answered_with(exchange, &[404, 405]),
        (true, false) => refuse::answered_with(exchange, &[404]),
        _ => refuse::answered_with(exchange, &[405]),
    }
}

fn turned_away(exchange: &Exchange<'_>) -> Verdict {
    if is_requester(exchange) { refused(exchange) } else { refuse::turned_away(exchange) }
}

fn body_overlong(exchange: &Exchange<'_>) -> Verdict {
    refuse::turned_away_with(exchange, &[413])
}

fn encoded(exchange: &Exchange<'_>) -> Verdict {
    refuse::answered_with(exchange, &[400, 415])
}

fn doubled(exchange: &Exchange<'_>) -> Verdict {
    refuse::turned_away_with(exchange, &[400])
}

fn header_overlong(exchange: &Exchange<'_>) -> Verdict {
    refuse::turned_away_with(exchange, &[400, 431])
}

/// No answer of any kind: TLS has to fail before there is HTTP.
fn no_tls(exchange: &Exchange<'_>) -> Verdict {
    refused_by(exchange, |exchange| match refuse::answer(exchange) {
        Some(answer) => Seen::Accepted {
            observed: Phrase::key("observed.http-status", [answer.status.to_string()]),
            at: vec![Place::from(answer.seq)],
        },
        None => connected(exchange),
    })
}

/// No message came to a server that showed the certificate of another.
fn not_told(exchange: &Exchange<'_>) -> Verdict {
    refused_by(exchange, |exchange| {
        let shown = exchange.shown().next();
        let is_misled = |call: &Call<'_>| {
            shown.is_none() || exchange.shown().any(|shown| shown.exchange == call.exchange)
        };
        match (exchange.calls().find(is_misled), shown) {
            (Some(call), _) => Seen::Accepted {
                observed: Phrase::key("observed.called", [call.to]),
                at: vec![call.seq.into()],
            },
            (None, Some(shown)) => Seen::Refused(vec![shown.seq.into()]),
            (None, None) => Seen::Neither { missing: Phrase::plain("missing.a-request") },
        }
    })
}

fn invalid(exchange: &Exchange<'_>) -> Verdict {
    refuse::input_refused(exchange, "Invalid")
}

fn forbidden(exchange: &Exchange<'_>) -> Verdict {
    refuse::input_refused(exchange, "Forbidden")
}

/// Forbidden; a number without a qualifier may fail as a message too.
fn not_own(exchange: &Exchange<'_>) -> Verdict {
    let is_missing = exchange.deviation().ends_with("NameQualifier-missing");
    let told = refuse::answer(exchange).and_then(|answer| Message::of(answer.body));
    let is_mapped = told.is_some_and(|told| told.kind() == "IdentityMappingResponse");
    if is_missing && !is_mapped { refused(exchange) } else { forbidden(exchange) }
}

/// Refused, and no responder was asked.
fn not_forwarded(exchange: &Exchange<'_>) -> Verdict {
    let verdict = refused(exchange);
    let delivered = exchange.delivered().map_or(u32::MAX, |(_, seq)| seq);
    match exchange.calls().find(|call| call.seq > delivered && call.to.starts_with("insurer-")) {
        Some(call) if !verdict.is_unreached() => {
            Finding::new("relayed.forwarded", Phrase::plain("expected.no-call"), call.to).at([call.seq])
        }
        _ => verdict,
    }
}

/// Refused as not authenticated: what stood in the ciphertext, which was no better, was not looked at.
fn not_opened(exchange: &Exchange<'_>) -> Verdict {
    let verdict = refused(exchange);
    let Some(answer) = refuse::answer(exchange).filter(|_| verdict.is_pass()) else { return verdict };
    // What is told of a login says nothing about a key that opens.
    let mut others = super::faults::refused_as(exchange, Answer::Auth);
    others.retain(|(case, other)| other.exchange != answer.exchange && !case.contains("/login/"));
    if others.is_empty() {
        return Verdict::unreached(Phrase::plain("missing.two-refusals"));
    }
    match others.iter().find(|(_, other)| other.body != answer.body || other.status != answer.status) {
        None => Verdict::Pass,
        Some((_, other)) => {
            let places = [Place::from(answer.seq), Place::from(other.seq)];
            Finding::new("opened.unverified", Phrase::plain("expected.not-opened"), "").at(places)
        }
    }
}

fn read_whole(exchange: &Exchange<'_>) -> Verdict {
    let wrong = |observed| {
        Finding::new("text.in-pieces", Phrase::plain("expected.same-as-twin"), Phrase::plain(observed))
    };
    as_twin(exchange, wrong)
}

fn taken(exchange: &Exchange<'_>) -> Verdict {
    let wrong = |observed| {
        Finding::new("limit.refused", Phrase::plain("expected.same-as-twin"), Phrase::plain(observed))
    };
    as_twin(exchange, wrong)
}

/// Accepted, and read as the twin is: a positive case with a deviation that must not matter.
fn as_twin(exchange: &Exchange<'_>, wrong: fn(&'static str) -> Finding) -> Verdict {
    if let Some(missing) = crate::facts::undeclared(exchange) {
        return Verdict::Unreached { missing };
    }
    let (see, twin): (refuse::See, _) =
        (if is_requester(exchange) { used } else { answered }, exchange.twin());
    if !twin.is_some_and(|twin| see(&twin).is_accepted()) {
        return Verdict::unreached(Phrase::key("missing.twin-accepted", exchange.twin_id()));
    }
    let told = |exchange: &Exchange<'_>| {
        let message = Message::of(refuse::answer(exchange)?.body)?;
        let facts = message.content()?.elements().map(|fact| fact.local().to_owned()).collect::<Vec<_>>();
        Some((message.kind().to_owned(), facts))
    };
    match see(exchange) {
        Seen::Accepted { .. } if twin.is_none_or(|twin| told(&twin) == told(exchange)) => Verdict::Pass,
        Seen::Accepted { at, .. } => wrong("observed.other").at(at),
        Seen::Refused(at) => wrong("observed.refused").at(at),
        Seen::Neither { missing } => Verdict::Unreached { missing },
    }
}

/// A Server fault: the fault is not the requester's.
fn no_receipt(exchange: &Exchange<'_>) -> Verdict {
    refuse::refused_with_code(exchange, "Server")
}

/// Used by a requester: an answer is shown as data, or an envelope is sent on. Refused: the outcome says so.
fn used(exchange: &Exchange<'_>) -> Seen {
    let bent = exchange.delivered();
    if let Some((exchanged, seq)) = bent {
        let is_mapping = exchange.calls().any(|call| call.exchange == exchanged && call.to == "relay");
        let first = exchange.controls().find(|control| control.seq > seq && control.verb.contains("outcome"));
        let until = first.map_or(u32::MAX, |outcome| outcome.seq);
        let forwarded =
            exchange.calls().find(|call| call.seq > seq && call.seq < until && call.to == "insurer-b");
        if let Some(call) = forwarded.filter(|_| is_mapping) {
            return Seen::Accepted {
                observed: Phrase::plain("observed.forwarded"),
                at: vec![call.seq.into()],
            };
        }
    }
    let Some(outcome) = exchange.controls().find(|control| control.verb.contains("outcome")) else {
        return Seen::Neither { missing: Phrase::plain("missing.outcome") };
    };
    let shown = outcome.answer.json().unwrap_or_default();
    let has_data = shown.get("answer").is_some_and(shows_data);
    match shown.get("state").and_then(Value::as_str) {
        _ if has_data => {
            Seen::Accepted { observed: Phrase::plain("observed.data-shown"), at: vec![outcome.seq.into()] }
        }
        Some("rejected") => Seen::Refused(vec![outcome.seq.into()]),
        Some("accepted") => {
            Seen::Accepted { observed: Phrase::plain("observed.accepted"), at: vec![outcome.seq.into()] }
        }
        _ => Seen::Neither { missing: Phrase::plain("missing.outcome") },
    }
}

/// Whether an outcome shows facts about a person.
fn shows_data(answer: &Value) -> bool {
    let any = |name: &str| answer.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    any("eligibility") || any("benefits")
}
