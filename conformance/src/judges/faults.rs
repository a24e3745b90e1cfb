//! Chapter 20, refusals: what faults look like, and what they do not tell.

use std::collections::BTreeMap;

use chukei_evidence::{Answer, Exchange, Finding, Judge, Phrase, Place, Sent, Verdict, What};
use chukei_forge::mutation::Change;
use chukei_reason::{Answer as Group, Reason};
use chukei_spec::req;
use chukei_xml::{Document, Node, ns};

use super::{each, whole};
use crate::{
    case::{Bend, Play},
    read::{self, Message, text},
};

pub(super) const JUDGES: &[Judge] = &[
    whole(req!("message.fault.shape"), shape),
    whole(req!("message.fault.no-echo"), no_echo),
    whole(req!("message.fault.auth-equal"), |exchange| equal(exchange, Group::Auth)),
    whole(req!("message.fault.dec-equal"), |exchange| equal(exchange, Group::Dec)),
    whole(req!("message.fault.status"), |exchange| coded(exchange, CODES)),
    whole(req!("login.refused.code"), |exchange| coded(exchange, LOGIN_CODES)),
    whole(req!("answer.coarse"), coarse),
];

/// Refusals of the run, with the request and the case.
fn refusals<'t>(exchange: &Exchange<'t>) -> Vec<(&'t str, Sent<'t>, Answer<'t>)> {
    let mut case = "";
    let mut cases = BTreeMap::new();
    for event in exchange.run() {
        match &event.what {
            What::CaseStart { case: started, .. } => case = started,
            What::Sent { exchange, .. } => drop(cases.insert(*exchange, case)),
            _ => {}
        }
    }
    let is_refusal = |answer: &Answer<'_>| {
        answer.status >= 400 || Message::of(answer.body).is_some_and(|message| message.fault().is_some())
    };
    let refused = exchange.whole().answered().filter(|(_, answer)| is_refusal(answer));
    refused.filter_map(|(sent, answer)| Some((*cases.get(&sent.exchange)?, sent, answer))).collect()
}

fn shape(exchange: &Exchange<'_>) -> Verdict {
    each(refusals(exchange), "missing.a-refusal", |(case, sent, answer)| {
        let wrong = |expected: Phrase, observed: String| {
            Err(Finding::new("refusal.shape", expected, observed).at([answer.seq]))
        };
        let wanted = table(case, sent);
        if !wanted.statuses.contains(&answer.status) {
            let statuses: Vec<String> = wanted.statuses.iter().map(u16::to_string).collect();
            let expected = Phrase::key("expected.status-of-refusal", [statuses.join(", ")]);
            return wrong(expected, answer.status.to_string());
        }
        if wanted.is_of_http && answer.status != 500 {
            return Ok(()); // turned away by HTTP, before there was a message
        }
        let kind = answer.fields.get("content-type").unwrap_or_default();
        if !kind.starts_with("text/xml") {
            return wrong(Phrase::plain("expected.text-xml"), kind.to_owned());
        }
        let Some(message) = Message::of(answer.body) else {
            return wrong(Phrase::plain("expected.fault"), String::new());
        };
        let others = message.body().map_or(0, |body| body.elements().count());
        if message.fault().is_none() || others != 1 || message.root().elements().count() != 1 {
            return wrong(Phrase::plain("expected.nothing-but-fault"), message.kind().to_owned());
        }
        match message.fault_code() {
            Some((_, namespace)) if namespace == ns::SOAP.uri() || namespace == ns::SBF.uri() => Ok(()),
            Some((local, namespace)) => {
                wrong(Phrase::plain("expected.faultcode"), format!("{{{namespace}}}{local}"))
            }
            None => wrong(Phrase::plain("expected.faultcode"), String::new()),
        }
    })
}

/// What chapter 20's table has for a refusal.
struct Told {
    statuses: &'static [u16],
    /// Whether HTTP refuses (chapter 21), with whatever body. Else the message is read, and refused as any other.
    is_of_http: bool,
}

const fn told(statuses: &'static [u16]) -> Told {
    Told { statuses, is_of_http: false }
}

/// Sentences about the form of signatures. What breaks them may break a schema too.
const SIGNED_FORM: &[&str] =
    &["signature.canonical.", "signature.position.", "signature.structure.", "key.info."];

/// The line of the table for what a case sends. Some rules of form are found to be broken while the octets are read, or later.
fn table(case: &str, sent: Sent<'_>) -> Told {
    let about = crate::registry().case(case).filter(|_| sent.deviates);
    let Some(about) = about else {
        return told(&[400, 500]); // nothing that a case declares to be wrong
    };
    let has = |beginnings: &[&str]| {
        let mut ids = about.sentences.iter().map(|sentence| sentence.id);
        ids.any(|id| beginnings.iter().any(|beginning| id.starts_with(beginning)))
    };
    if has(&["transport.content-type"]) {
        return Told { statuses: &[400, 500], is_of_http: true };
    }
    if has(&["transport.", "limit.bytes"]) {
        return Told { statuses: &[400, 404, 405, 413, 415, 431, 500], is_of_http: true };
    }
    let is_form =
        has(&["xml.", "limit.", "message.soap.shape", "mapping.input.own-number", "history.query.limit"]);
    match group(case) {
        Some(Group::Bytes) if is_form => told(&[400]),
        // A wrapped EncryptedID breaks the schema of the envelope as well.
        _ if is_form || has(SIGNED_FORM) || case.contains("/encrypted-id-") => told(&[400, 500]),
        _ => told(&[500]),
    }
}

/// Shorter values may stand in a fault by chance.
const TELLING: usize = 6;

fn no_echo(exchange: &Exchange<'_>) -> Verdict {
    each(refusals(exchange), "missing.a-refusal", |(_, sent, answer)| {
        let Some(told) = answer.body.text() else { return Ok(()) };
        let fields = answer.fields.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let told: Vec<&str> = fields.map(|(_, value)| value.as_str()).chain([told]).collect();
        for value in values(exchange, sent) {
            if value.chars().count() >= TELLING && told.iter().any(|told| told.contains(value.as_str())) {
                let places = [Place::from(answer.seq), Place::from(sent.seq)];
                return Err(Finding::new("refusal.echo", Phrase::plain("expected.no-echo"), value).at(places));
            }
        }
        Ok(())
    })
}

/// What a request says in texts and attributes that are its own; the standard's own words are everybody's.
fn values(exchange: &Exchange<'_>, sent: Sent<'_>) -> Vec<String> {
    let mut values = Vec::new();
    let is_own = |value: &str| {
        !value.contains("://www.") && !value.contains("://docs.") && !value.contains("://schemas.")
    };
    if let Ok(document) = read::document(sent.body) {
        for element in document.root().descendants() {
            values.extend(element.attributes().map(|attribute| attribute.value().to_owned()));
            values.extend(element.nodes().filter_map(|node| match node {
                Node::Text(text) => Some(text.trim().to_owned()),
                Node::Element(_) => None,
            }));
            if element.is(read::ASSERTION) {
                let opened = read::open(exchange, element);
                let name_id =
                    opened.and_then(|opened| Document::parse(opened.plaintext.trim_ascii_end()).ok());
                values.extend(name_id.and_then(|name_id| text(name_id.root()).map(str::to_owned)));
            }
        }
    }
    values.retain(|value| is_own(value));
    values
}

/// Refusals of logins that say that nobody has proved to be there (chapter 34).
const LOGINS: &[&str] = &[
    "login.certificate.path",
    "login.certificate.revoked",
    "login.certificate.usage",
    "login.application.signature",
    "login.challenge.signature",
    "login.operator.signature",
    "login.reception.possession",
    "login.reception.copied",
    "login.ticket.given",
    "login.presentation.proved",
    "login.presentation.challenge",
];

/// The group to which a case's refusals belong, if all its sentences agree. What is wrong with the form of a ciphertext
/// may be seen before it is opened or after, so it belongs to none; so does what is signed in a strange form.
fn group(case: &str) -> Option<Group> {
    let whole = crate::cases().iter().find(|other| other.about.id == case)?;
    let case = whole.about;
    // The signature over it is in order: what is strange was there before it was signed.
    let is_before_signing = |change: &Change| matches!(change, Change::Seal(_) | Change::Before(_));
    let is_signed_form = match whole.play {
        Play::Bent(_, Bend::Envelope(mutation)) => mutation.changes.iter().all(is_before_signing),
        _ => false,
    };
    let is_form = is_signed_form || whole.rows.iter().any(|row| row.starts_with("ENC-"));
    let is_form_of_ciphertext = |group: Option<Group>| group == Some(Group::Auth) && is_form;
    let of_reason = |id: &str| Reason::all().find(|reason| reason.sentence() == id).map(Reason::answer);
    let of_login = |id: &str| LOGINS.contains(&id).then_some(Group::Auth);
    let mut groups =
        case.sentences.iter().map(|sentence| of_reason(sentence.id).or_else(|| of_login(sentence.id)));
    let first = groups.next()??;
    let one = groups.all(|other| other == Some(first)).then_some(first);
    // Two envelopes may be counted before their signatures are looked at, or after.
    let is_counted = case.sentences.iter().any(|sentence| sentence.id == "signature.position.one-assertion");
    // Whose certificate is that of a patient is no staff either, which may be found first.
    let is_of_patient = case.id.ends_with("/patient-as-staff");
    one.filter(|_| !is_form_of_ciphertext(one) && !is_counted && !is_of_patient)
}

/// Refusals of the run that belong to a group, by the case in which they came, whatever their status.
pub(super) fn refused_as<'t>(exchange: &Exchange<'t>, wanted: Group) -> Vec<(&'t str, Answer<'t>)> {
    let all = refusals(exchange).into_iter();
    // What is found out while the octets are read belongs to the group of what is no message.
    let is_unread = |case: &str, sent, answer: &Answer<'_>| {
        answer.status == 400 && table(case, sent).statuses.contains(&400)
    };
    all.filter(|(case, sent, _)| sent.deviates && group(case) == Some(wanted))
        .filter(|(case, sent, answer)| !is_unread(case, *sent, answer))
        .map(|(case, _, answer)| (case, answer))
        .collect()
}

fn equal(exchange: &Exchange<'_>, wanted: Group) -> Verdict {
    let refused = refused_as(exchange, wanted);
    let Some(((case, first), rest)) = refused.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Verdict::unreached(Phrase::plain("missing.two-refusals"));
    };
    each(rest, "missing.two-refusals", |(other_case, other)| {
        if other.body == first.body && other.status == first.status {
            return Ok(());
        }
        let (one, two) = (first.body.text().unwrap_or_default(), other.body.text().unwrap_or_default());
        // From a little before the first difference.
        let equal = one.chars().zip(two.chars()).take_while(|(one, two)| one == two).count();
        let from = equal.saturating_sub(40);
        let told = |status: u16, text: &str| {
            let shown: String = text.chars().skip(from).take(200).collect();
            format!("HTTP {status} {}{shown}", if from > 0 { "…" } else { "" })
        };
        let places = [Place::from(other.seq), Place::from(first.seq)];
        let finding = Finding::new("refusal.told-apart", told(first.status, one), told(other.status, two));
        Err(finding.with(Phrase::key("observed.apart", [*case, *other_case])).at(places))
    })
}

fn coarse(exchange: &Exchange<'_>) -> Verdict {
    let auth = equal(exchange, Group::Auth);
    // Who opens no ciphertext has but one group to keep equal.
    match equal(exchange, Group::Dec) {
        Verdict::Unreached { .. } => auth,
        dec if auth.is_pass() => dec,
        _ => auth,
    }
}

/// Sentences and the codes of chapter 20's table.
const CODES: &[(&str, &str)] = &[
    ("message.framework.", "FrameworkVersionMismatch"),
    ("message.action.", "ActionNotSupported"),
    ("message.timestamp.", "StaleMsg"),
    ("message.id.once", "DuplicateMsg"),
    ("message.processing-context.", "ProcCtxUnwilling"),
    ("message.usage-directive.", "CannotHonourUsageDirective"),
    ("envelope.purpose.", "CannotHonourUsageDirective"),
    ("disclosure.notice.purpose", "CannotHonourUsageDirective"),
    ("disclosure.notice.foreign", "ProviderIDNotValid"),
    ("disclosure.notice.at", "InvalidRequest"),
    ("disclosure.notice.same", "InvalidRequest"),
    ("history.query.portal-only", "ProviderIDNotValid"),
    ("history.query.purpose", "CannotHonourUsageDirective"),
    ("envelope.present.", "TargetIdentityNotValid"),
    ("envelope.version.", "TargetIdentityNotValid"),
    ("envelope.audience.", "TargetIdentityNotValid"),
    ("envelope.recipient.", "TargetIdentityNotValid"),
    ("envelope.window.", "TargetIdentityNotValid"),
    ("envelope.holder.", "TargetIdentityNotValid"),
    ("envelope.use.", "TargetIdentityNotValid"),
    ("envelope.one-time-use.", "TargetIdentityNotValid"),
    ("message.header.understood", "InvalidRequest"),
    ("message.to.", "InvalidRequest"),
    ("message.id.form", "InvalidRequest"),
    ("message.reply-to.", "InvalidRequest"),
    ("linkage.query.", "InvalidRequest"),
    ("mapping.input.count", "InvalidRequest"),
    ("mapping.input.id", "InvalidRequest"),
    ("relayed.forward.audience", "TargetIdentityNotValid"),
    ("relayed.forward.principal", "InvalidRequest"),
];

/// Sentences and the codes of chapter 34's table.
const LOGIN_CODES: &[(&str, &str)] = &[
    ("login.request.sender", "ProviderIDNotValid"),
    ("login.operator.role", "ProviderIDNotValid"),
    ("login.reception.purpose", "ProviderIDNotValid"),
    ("login.withholding.none", "ProviderIDNotValid"),
    ("login.application.purpose", "CannotHonourUsageDirective"),
    ("login.ticket.purpose", "CannotHonourUsageDirective"),
    ("login.application.addressed", "TargetIdentityNotValid"),
    ("login.application.fresh", "StaleMsg"),
    ("login.application.once", "DuplicateMsg"),
    ("login.challenge.own", "DuplicateMsg"),
    ("login.application.content", "InvalidRequest"),
];

/// Refusals for a ground of the table have its code.
fn coded(exchange: &Exchange<'_>, codes: &[(&str, &'static str)]) -> Verdict {
    let semantic = refusals(exchange).into_iter().filter_map(|(case, sent, answer)| {
        let case = crate::registry().case(case).filter(|_| sent.deviates)?;
        let [sentence] = case.sentences else { return None };
        let (_, code) = codes.iter().find(|(beginning, _)| sentence.id.starts_with(beginning))?;
        Some((*code, answer))
    });
    each(semantic, "missing.a-refusal", |(code, answer)| {
        let message = Message::of(answer.body);
        let found = message.as_ref().and_then(Message::fault_status).unwrap_or("–");
        if found == code { Ok(()) } else { Err(Finding::new("refusal.status", code, found).at([answer.seq])) }
    })
}
