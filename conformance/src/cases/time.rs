//! What the clock shows: what ends, and what is remembered until it does. The product has to let its clock be set.

use chukei_harness::{
    Broken, Draft, Exchanged, Face,
    kit::{USUAL_PERSON, find},
    message::{CardPresentation, SCHEME, Way},
};
use chukei_spec::{Role, Sentence, req};
use chukei_xml::lexical::DateTime;
use serde_json::{Value, json};

use crate::{
    acts::{self, ITEMS},
    case::{Case, Kind},
    cases::login,
};

const CONTROL: &[&str] = &["test-control"];
const LOGIN: &[&str] = &["login", "test-control"];
const DOOR: &[&str] = &["login", "tls-login", "test-control"];

/// How far ahead of the time something may be made, and how much later it is still good: just.
const AHEAD: i64 = 170;
const LATER: i64 = 460;
const LONGEST: i64 = 300;
/// How much later than the usual one an envelope has to end for that.
const END: i64 = 200;

pub(crate) fn add(cases: &mut Vec<Case>) {
    for scene in SCENES {
        let bent = scene.bent.first().map_or((None, ""), |(twin, deviation)| (Some(*twin), *deviation));
        let case = Case::scene(scene.role, scene.id, bent, &[(scene.sentence)()], scene.play);
        cases.push(case.needing(scene.features));
    }
}

struct Scene {
    role: Role,
    features: &'static [&'static str],
    id: &'static str,
    /// Its twin, and what is declared to differ; nothing, where all is valid.
    bent: &'static [(&'static str, &'static str)],
    sentence: fn() -> &'static Sentence,
    play: fn(&Face) -> Result<(), Broken>,
}

macro_rules! scenes {
    ($( $role:ident $features:ident $id:literal [$($twin:literal $deviation:literal)?] $sentence:literal $play:expr; )*) => {
        &[$( Scene {
            role: Role::$role,
            features: $features,
            id: $id,
            bent: &[$(($twin, $deviation))?],
            sentence: || req!($sentence),
            play: $play,
        } ),*]
    };
}

const SCENES: &[Scene] = scenes![
    Responder CONTROL "message/id/late" [] "message.answer.headers"
        |face| late(face, Kind::Query, false);
    Responder CONTROL "message/id/late-again" ["message/id/late" "repeats.message=true"] "message.id.once"
        |face| late(face, Kind::Query, true);
    Relay CONTROL "message/id/late" [] "message.answer.headers"
        |face| late(face, Kind::Mapping, false);
    Relay CONTROL "message/id/late-again" ["message/id/late" "repeats.message=true"] "message.id.once"
        |face| late(face, Kind::Mapping, true);
    Responder CONTROL "envelope/use/late" [] "linkage.answer.items"
        |face| late_envelope(face, false);
    Responder CONTROL "envelope/use/late-again" ["envelope/use/late" "repeats.envelope=true"] "envelope.use.once"
        |face| late_envelope(face, true);
    Relay LOGIN "login/application/late" [] "login.answer.context"
        |face| late_application(face, false);
    Relay LOGIN "login/application/late-again" ["login/application/late" "repeats.application=used-before"] "login.application.once"
        |face| late_application(face, true);
    Relay LOGIN "login/response/challenge-ended" ["login-response" "Body/LoginRequest/Response@challenge=ended"] "login.challenge.own"
        |face| {
            let challenge = ended_challenge(face)?;
            deliver(face, Kind::Response, face.kit().login(Way::Response, "portal", &challenge), true);
            Ok(())
        };
    Relay LOGIN "login/session/ended" ["login/session" "Body/IdentityMappingRequest/MappingInput/Token/NameID=ended"] "login.session.own"
        |face| {
            let session = ended_session(face, Kind::Reception)?;
            login::map(face, &session, |_| {}, true);
            Ok(())
        };
    Relay LOGIN "login/session/ended-unrecorded" [] "login.session.ended"
        |face| {
            let session = ended_session(face, Kind::Reception)?;
            acts::look(face);
            login::map(face, &session, |_| {}, false);
            acts::look(face);
            Ok(())
        };
    Relay LOGIN "login/session/history-ended" ["login/logged" "Body/AccessHistoryQuery/NameID=ended"] "login.session.history"
        |face| {
            let session = ended_session(face, Kind::Application)?;
            login::look(face, &session, true);
            Ok(())
        };
    Relay DOOR "login/tls/challenge-ended" ["login/tls/presented" "CardPresentation@challenge=ended"] "login.presentation.challenge"
        |face| {
            let challenge = ended_challenge(face)?;
            face.present(&CardPresentation::new(&challenge), true);
            acts::probe(face, Kind::Ticket);
            Ok(())
        };
    Relay DOOR "login/tls/ticket-ended" ["login-tls" "Body/LoginRequest/Ticket=ended"] "login.challenge.own"
        |face| {
            let challenge = acts::challenge(face, "portal")?;
            let given = face.present(&CardPresentation::new(&challenge), false);
            let ticket = ended(face, given, "Presented", "ticket")?;
            deliver(face, Kind::Ticket, acts::ticketed(face, "portal", &challenge, &ticket), true);
            Ok(())
        };
    Relay CONTROL "mapping/day" [] "mapping.validity.day" days;
    Responder CONTROL "linkage/day" [] "linkage.answer.as-of" days_of_queries;
    Responder CONTROL "linkage/period/midnight" [] "linkage.answer.period" days_of_periods;
];

/// A message from as far ahead as may be, delivered when it is almost over; and one with its MessageID at once, too.
fn late(face: &Face, kind: Kind, again: bool) -> Result<(), Broken> {
    let draft = || {
        let mut draft = acts::draft(face, kind)?;
        draft.timestamp = Some((AHEAD, AHEAD.saturating_add(LONGEST)));
        draft.envelopes.iter_mut().for_each(|envelope| envelope.postpone(END));
        Ok(draft)
    };
    let (first, mut second) = (draft()?, draft()?);
    second.message_id.clone_from(&first.message_id);
    if again {
        face.send(acts::endpoint(kind), first);
    }
    face.advance(LATER)?;
    deliver(face, kind, second, again);
    Ok(())
}

/// The same with an envelope, in messages that are new.
fn late_envelope(face: &Face, again: bool) -> Result<(), Broken> {
    let mut first = acts::draft(face, Kind::Query)?;
    first.envelope().postpone(END);
    let mut second = acts::draft(face, Kind::Query)?;
    second.envelopes.clone_from(&first.envelopes);
    twice(face, (first, second), again)
}

/// The same with an access application.
fn late_application(face: &Face, again: bool) -> Result<(), Broken> {
    let mut first = acts::draft(face, Kind::Application)?;
    first.relogin(|login| login.at = AHEAD);
    let mut second = acts::draft(face, Kind::Application)?;
    second.relogin(|login| login.clone_from(first.login.as_ref().unwrap_or(&login.clone())));
    twice(face, (first, second), again)
}

/// Sends the second later, which has something of the first; and the first before that, if it shall be there again.
fn twice(face: &Face, (first, mut second): (Draft, Draft), again: bool) -> Result<(), Broken> {
    let kind = if first.login.is_some() { Kind::Application } else { Kind::Query };
    if again {
        face.send(acts::endpoint(kind), first);
    }
    face.advance(LATER)?;
    second.timestamp = second
        .timestamp
        .map(|(created, expires)| (created.saturating_add(LATER), expires.saturating_add(LATER)));
    deliver(face, kind, second, again);
    Ok(())
}

/// Sends something that is right, or deviates.
fn deliver(face: &Face, kind: Kind, draft: Draft, deviates: bool) {
    if deviates {
        face.send_deviating(acts::endpoint(kind), draft);
        acts::probe(face, kind);
    } else {
        face.send(acts::endpoint(kind), draft);
    }
}

/// What the product has given, after its time.
fn ended(face: &Face, given: Exchanged, element: &str, name: &str) -> Result<String, Broken> {
    let answer = acts::answered(given)?;
    let text = |name| find(&answer, element).and_then(|given| given.value(name)).map(str::to_owned);
    let lacking = || Broken::Lacking(format!("{element} of the product, with its time"));
    let until = text("notOnOrAfter").and_then(|until| DateTime::parse(&until)).ok_or_else(lacking)?;
    face.advance(until.seconds.saturating_add(1).saturating_sub(face.clock().now()).max(0))?;
    text(name).ok_or_else(lacking)
}

fn ended_challenge(face: &Face) -> Result<String, Broken> {
    let given = face.send("mapping", face.kit().challenge_request("portal"));
    ended(face, given, "Challenge", "value")
}

fn ended_session(face: &Face, kind: Kind) -> Result<String, Broken> {
    let given = face.send("mapping", acts::draft(face, kind)?);
    ended(face, given, "LoginAnswer", "session")
}

/// One member leaves and another joins at midnight.
fn days(face: &Face) -> Result<(), Broken> {
    let (_, day) = acts::midnight(face.clock().now());
    let people = [
        member(face, "half-width", &json!({ "until": day }), &json!([])),
        member(face, "inner-space", &json!({ "from": day }), &json!([])),
    ];
    face.control("POST", "people", Some(&json!({ "people": people, "unknown": [] })))?;
    let asked = acts::around_midnight(face, |face| {
        for person in ["half-width", "inner-space"] {
            face.send("mapping", face.kit().mapping(&[person], "insurer-b"));
        }
    });
    face.reset()?;
    asked
}

/// A person as in `people.json`, with an end of the time in which insurer-b knows the number, and with what is held.
fn member(face: &Face, name: &str, end: &Value, records: &Value) -> Value {
    let kit = face.kit();
    let person = kit.person(name);
    let numbers = person.numbers.iter().map(|number| {
        let scheme = number.scheme.strip_prefix(SCHEME);
        let row =
            json!({ "party": number.insurer, "scheme": scheme, "value": number.value, "from": "2008-04-01" });
        match (row, end) {
            (Value::Object(mut row), Value::Object(end)) if number.insurer == "insurer-b" => {
                row.extend(end.clone());
                Value::Object(row)
            }
            (row, _) => row,
        }
    });
    let (called, kana) = (person.canaries.first(), person.canaries.get(1));
    json!({
        "id": name, "note": "TEST", "name": called, "kana": kana, "born": "1950-01-01",
        "numbers": numbers.collect::<Vec<_>>(), "records": records,
    })
}

/// Queries that say no day.
fn days_of_queries(face: &Face) -> Result<(), Broken> {
    acts::around_midnight(face, |face| {
        face.send("linkage", face.kit().query(USUAL_PERSON, &ITEMS));
    })
}

/// One person's insurance ends at midnight and a benefit begins, another's insurance begins.
fn days_of_periods(face: &Face) -> Result<(), Broken> {
    let (_, day) = acts::midnight(face.clock().now());
    let held = |eligibility: Value, benefits: Value| json!([{ "party": "insurer-b", "eligibility": [eligibility], "benefits": benefits }]);
    let (begun, recorded) = ("2008-04-01", "2026-01-05");
    let benefit = json!([{ "kind": "high-cost-medical", "from": day, "amount": 7_300 }]);
    let leaves = held(json!({ "from": begun, "until": day, "recorded": recorded }), benefit);
    let joins = held(json!({ "from": day, "recorded": recorded }), json!([]));
    let people =
        [member(face, "half-width", &json!({}), &leaves), member(face, "inner-space", &json!({}), &joins)];
    face.control("POST", "people", Some(&json!({ "people": people, "unknown": [] })))?;
    let asked = acts::around_midnight(face, |face| {
        for person in ["half-width", "inner-space"] {
            face.send("linkage", face.kit().query(person, &ITEMS));
        }
    });
    face.reset()?;
    asked
}
