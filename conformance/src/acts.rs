//! What cases do with a product, by kind of message.

use std::time::Duration;

use chukei_forge::raw::{Element, parse};
use chukei_harness::{
    Broken, Draft, Exchanged, Face, Scripted,
    face::answer,
    kit::{USUAL_PERSON, USUAL_PURPOSE, find, local},
    message::{CardPresentation, PURPOSE, SCHEME, Way, body},
    world::FORGED,
};
use serde_json::{Value, json};

use crate::{
    case::{Bend, Kind},
    cases::withholding,
    read::{self, JAPAN},
};

/// The items of queries that say nothing else.
pub(crate) const ITEMS: [&str; 2] = ["eligibility", "benefits"];

/// Sends, or answers with, the usual message of a kind.
pub(crate) fn usual(face: &Face, kind: Kind) -> Result<(), Broken> {
    match kind.role() {
        chukei_spec::Role::Requester => link(face, &Inquiry::default()).map(drop),
        _ => {
            let draft = draft(face, kind)?;
            face.send(endpoint(kind), draft);
            Ok(())
        }
    }
}

/// The same with a bend, and then whether the product is alive.
pub(crate) fn bent(face: &Face, kind: Kind, bend: Bend) -> Result<(), Broken> {
    match kind {
        Kind::MappingAnswer => bent_answer(face, "relay", "IdentityMappingRequest", bend),
        Kind::RelayedAnswer => {
            face.bend("insurer-b", "LinkageQuery", move |draft| bend.apply(draft));
            let draft = draft(face, Kind::Relayed)?;
            face.send(endpoint(kind), draft);
            face.unscript();
            probe(face, kind);
            Ok(())
        }
        Kind::LinkageAnswer => bent_answer(face, "insurer-b", "LinkageQuery", bend),
        _ => {
            let mut draft = draft(face, kind)?;
            bend.apply(&mut draft);
            face.send_deviating(endpoint(kind), draft);
            probe(face, kind);
            Ok(())
        }
    }
}

/// The same between two looks at the history of the usual person.
pub(crate) fn watched(face: &Face, kind: Kind, bend: Bend) -> Result<(), Broken> {
    let mut draft = draft(face, kind)?;
    bend.apply(&mut draft);
    look(face);
    face.send_deviating(endpoint(kind), draft);
    look(face);
    probe(face, kind);
    Ok(())
}

/// The usual message, while the party that the product calls for it shows the certificate of another.
pub(crate) fn disguised(face: &Face, kind: Kind, other: &str) -> Result<(), Broken> {
    let called = match kind {
        Kind::Relayed | Kind::LinkageAnswer => "insurer-b",
        _ => "relay",
    };
    let other = if other == FORGED { format!("{FORGED}{called}") } else { other.to_owned() };
    face.disguise(called, &other);
    usual(face, kind)?;
    face.unscript();
    if kind.role() == chukei_spec::Role::Requester {
        return probe_requester(face);
    }
    probe(face, kind);
    Ok(())
}

fn bent_answer(face: &Face, party: &'static str, kind: &'static str, bend: Bend) -> Result<(), Broken> {
    face.bend(party, kind, move |draft| bend.apply(draft));
    link(face, &Inquiry::default())?;
    face.unscript();
    probe_requester(face)
}

/// The portal asks for the history of the usual person.
pub(crate) fn look(face: &Face) {
    let draft = face.kit().history("portal", USUAL_PERSON, "portal");
    face.send("history", draft);
}

/// The next midnight in Japan, and the day that begins then.
pub(crate) fn midnight(now: i64) -> (i64, String) {
    const DAY: i64 = 86_400;
    let today = now.saturating_add(JAPAN).div_euclid(DAY);
    let midnight = today.saturating_add(1).saturating_mul(DAY).saturating_sub(JAPAN);
    (midnight, read::day(midnight))
}

/// Does something a minute before the next midnight in Japan, and again just after it.
pub(crate) fn around_midnight(face: &Face, play: impl Fn(&Face)) -> Result<(), Broken> {
    let (midnight, _) = midnight(face.clock().now());
    for at in [midnight.saturating_sub(60), midnight.saturating_add(5)] {
        face.advance(at.saturating_sub(face.clock().now()).max(0))?;
        play(face);
    }
    Ok(())
}

/// The endpoint that takes a kind.
pub(crate) const fn endpoint(kind: Kind) -> &'static str {
    match kind {
        Kind::Query | Kind::RelayedIn => "linkage",
        Kind::Notice => "disclosure",
        Kind::History | Kind::Proof | Kind::Status => "history",
        _ => "mapping",
    }
}

/// Asks whether the product is alive.
pub(crate) fn probe(face: &Face, kind: Kind) {
    let mut kit = face.kit();
    let (role, draft) = match kind {
        Kind::Query | Kind::RelayedIn => ("linkage", kit.query(USUAL_PERSON, &ITEMS)),
        _ => ("mapping", kit.mapping(&[USUAL_PERSON], "insurer-b")),
    };
    face.probe(role, draft);
}

fn probe_requester(face: &Face) -> Result<(), Broken> {
    let before = face.calls();
    link(face, &Inquiry::default())?;
    face.probed(before);
    Ok(())
}

/// The usual message of a kind, ready to be bent. What has to happen before it happens here.
pub(crate) fn draft(face: &Face, kind: Kind) -> Result<Draft, Broken> {
    Ok(match kind {
        Kind::Query => face.kit().query(USUAL_PERSON, &ITEMS),
        Kind::RelayedIn => relayed_in(face),
        Kind::Mapping => face.kit().mapping(&[USUAL_PERSON], "insurer-b"),
        Kind::Withheld => {
            let mut draft = face.kit().mapping(&[USUAL_PERSON], "insurer-b");
            withholding::withhold(&mut draft, 1);
            draft
        }
        Kind::Notice => {
            let id = envelope_id(&mapped(face)?);
            face.kit().notice("insurer-b", &id)
        }
        Kind::History => face.kit().history("portal", USUAL_PERSON, "portal"),
        Kind::Proof => face.kit().proof("portal", USUAL_PERSON, "portal", None),
        Kind::Status => face.kit().ledger_status("insurer-a"),
        Kind::Relayed | Kind::RelayedAnswer => relayed(face)?,
        Kind::Challenge => face.kit().challenge_request("portal"),
        Kind::Application => face.kit().login(Way::Application, "portal", ""),
        Kind::Response => {
            let challenge = challenge(face, "portal")?;
            face.kit().login(Way::Response, "portal", &challenge)
        }
        Kind::Ticket => {
            let challenge = challenge(face, "portal")?;
            let ticket = ticket(face, &CardPresentation::new(&challenge))?;
            ticketed(face, "portal", &challenge, &ticket)
        }
        Kind::Reception => {
            let challenge = challenge(face, "hospital")?;
            face.kit().login(Way::Reception, "hospital", &challenge)
        }
        Kind::MappingAnswer | Kind::LinkageAnswer => {
            return Err(Broken::Suite("answers are bent on the way".into()));
        }
    })
}

/// A query as the relay carries it.
fn relayed_in(face: &Face) -> Draft {
    let mut kit = face.kit();
    let mut draft = kit.query(USUAL_PERSON, &ITEMS);
    let requester = draft.entity("insurer-a");
    draft.body.set("onBehalfOf", &requester);
    let relay = draft.entity("relay");
    draft.envelope().list_relay(&relay);
    draft.speak_as("relay");
    draft
}

/// A query to be carried by the relay, with an envelope that it has issued for that.
fn relayed(face: &Face) -> Result<Draft, Broken> {
    let mut kit = face.kit();
    let mut request = kit.mapping(&[USUAL_PERSON], "insurer-b");
    let relay = request.entity("relay");
    request.change(move |root| root.find_mut("//sec:TokenPolicy").set("issueTo", &relay));
    let answer = answered(face.send("mapping", request))?;
    let is_presenter = |element: &&&Element| local(&element.name) == "SubjectConfirmation";
    let envelope = find(&answer, "Assertion").cloned();
    let envelope =
        envelope.filter(|envelope| envelope.descendants().iter().filter(is_presenter).count() == 2);
    let lacking = || Broken::Lacking("an envelope of the product that lists the relay".into());
    let envelope = envelope.ok_or_else(lacking)?;
    let body = body::relayed_query(&kit.world.entity("insurer-b"), &ITEMS);
    let mut draft = kit.request("insurer-a", "mapping", body).for_purpose(USUAL_PURPOSE);
    draft.carried.push(envelope);
    Ok(draft)
}

/// The answer to a valid mapping request about the usual person.
pub(crate) fn mapped(face: &Face) -> Result<Element, Broken> {
    let draft = face.kit().mapping(&[USUAL_PERSON], "insurer-b");
    answered(face.send("mapping", draft))
}

/// A challenge that the product gives to a party.
pub(crate) fn challenge(face: &Face, party: &str) -> Result<String, Broken> {
    let draft = face.kit().challenge_request(party);
    let answer = answered(face.send("mapping", draft))?;
    let value = find(&answer, "Challenge").and_then(|challenge| challenge.value("value"));
    value.map(str::to_owned).ok_or_else(|| Broken::Lacking("a challenge of the product".into()))
}

/// The ticket that the product gives for a card.
pub(crate) fn ticket(face: &Face, shown: &CardPresentation) -> Result<String, Broken> {
    let answer = answered(face.present(shown, false))?;
    let ticket = find(&answer, "Presented").and_then(|presented| presented.value("ticket"));
    ticket.map(str::to_owned).ok_or_else(|| Broken::Lacking("a ticket of the product".into()))
}

/// A login with a ticket.
pub(crate) fn ticketed(face: &Face, party: &str, challenge: &str, ticket: &str) -> Draft {
    let mut draft = face.kit().login(Way::Ticket, party, challenge);
    draft.relogin(|login| login.ticket = ticket.to_owned());
    draft
}

/// The message in an answer.
pub(crate) fn answered(exchanged: Exchanged) -> Result<Element, Broken> {
    let lacking = || Broken::Lacking("a readable answer of the product".into());
    let answer = exchanged.answer.map_err(|_| lacking())?;
    let text = String::from_utf8(answer.body).map_err(|_| lacking())?;
    parse(&text).map_err(|_| lacking())
}

/// `ID` of the envelope in an answer; empty for none.
pub(crate) fn envelope_id(answer: &Element) -> String {
    find(answer, "Assertion").and_then(|envelope| envelope.value("ID")).unwrap_or_default().to_owned()
}

/// What a requester is told to find out.
pub(crate) struct Inquiry {
    pub(crate) person: &'static str,
    pub(crate) items: &'static [&'static str],
    pub(crate) via: &'static str,
}

impl Default for Inquiry {
    fn default() -> Self {
        Self { person: USUAL_PERSON, items: &ITEMS, via: "direct" }
    }
}

/// How long a requester may take for one inquiry.
const PATIENCE: Duration = Duration::from_secs(15);

/// Has the requester link, and waits for the outcome.
pub(crate) fn link(face: &Face, inquiry: &Inquiry) -> Result<Value, Broken> {
    let mut kit = face.kit();
    let (scheme, number) = kit.number(inquiry.person, "insurer-a");
    let correlation: String = kit.ids.id().chars().skip(1).take(16).collect();
    let request = json!({
        "act": "link",
        "correlation": correlation,
        "scheme": scheme,
        "number": number,
        "wanted": format!("{SCHEME}medical-insured"),
        "target": kit.world.entity("insurer-b"),
        "purpose": format!("{PURPOSE}{USUAL_PURPOSE}"),
        "items": inquiry.items,
        "via": inquiry.via,
    });
    face.control("POST", "act", Some(&request))?;
    face.outcome(&correlation, PATIENCE)
}

/// A script's answer from a draft.
pub(crate) fn scripted(draft: Draft, deviates: bool) -> Scripted {
    Scripted { reply: answer(draft.finish()), deviates }
}
