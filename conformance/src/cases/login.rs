//! Chapter 34: logging in with cards, and what a session is good for.

use chukei_forge::raw::Element;
use chukei_harness::{
    Broken, Draft, Face, Input,
    kit::{USUAL_PERSON, find},
    message::{Login, PURPOSE, SESSION, Way, body},
};
use chukei_spec::{Role, Sentence, req};

use crate::{
    acts,
    case::{Case, Kind, Row, bends},
    cases::withholding::withhold,
};

/// What a relay claims that logs people in, and that takes no copies.
const LOGIN: &str = "login";
const POSSESSION: &str = "possession";

pub(crate) fn add(cases: &mut Vec<Case>) {
    for kind in [Kind::Application, Kind::Response, Kind::Reception] {
        cases.push(Case::usual(kind, &[req!("login.answer.context")]));
    }
    cases.extend(APPLICATIONS.iter().map(|row| Case::row(Kind::Application, row)));
    cases.extend(RESPONSES.iter().map(|row| Case::row(Kind::Response, row)));
    cases.extend(RECEPTIONS.iter().map(|row| Case::row(Kind::Reception, row)));
    for (kind, row) in [Kind::Application, Kind::Reception].into_iter().zip(WITHHELD) {
        cases.push(Case::watched(kind, row));
    }
    // The known limit of a card that is read without a PIN, beside what closes it.
    let present = "login/reception/present";
    let sentences = &[req!("login.answer.context")];
    cases.push(Case::scene(Role::Relay, present, (None, ""), sentences, present_card).needing(&[POSSESSION]));
    let bent = (Some(present), "Body/LoginRequest/Reception/Card/Signature=missing");
    let sentences = &[req!("login.reception.copied")];
    let copied = Case::scene(Role::Relay, "login/reception/copied", bent, sentences, copied_card);
    cases.push(copied.needing(&[POSSESSION]));
    for &(id, twin, deviation, sentence, scene) in SCENES {
        cases.push(Case::scene(Role::Relay, id, (twin, deviation), &[sentence], scene).needing(&[LOGIN]));
    }
}

fn with(draft: &mut Draft, change: fn(&mut Login)) {
    draft.relogin(change);
}

/// Another second, after it was signed.
fn later(application: &mut Element) {
    let at = application.find_mut("ck:AppliedAt");
    let text = at.content();
    let second = if text.ends_with("0Z") { "1Z" } else { "0Z" };
    at.set_content(&format!("{}{second}", text.get(..text.len().saturating_sub(2)).unwrap_or_default()));
}

const APPLICATIONS: &[Row] = bends![
    "login/application/expired" "login.certificate.path" "Body/LoginRequest/Application/Certificate+AccessApplication=expired" []
        |d| with(d, |login| login.card = "expired".into());
    "login/application/not-yet-valid" "login.certificate.path" "Body/LoginRequest/Application/Certificate+AccessApplication=not-yet-valid" []
        |d| with(d, |login| login.card = "not-yet-valid".into());
    "login/application/forged" "login.certificate.path" "Body/LoginRequest/Application/Certificate+AccessApplication=forged-issuer" []
        |d| with(d, |login| login.card = "forged".into());
    "login/application/unknown-issuer" "login.certificate.path" "Body/LoginRequest/Application/Certificate+AccessApplication=unknown-issuer" []
        |d| with(d, |login| login.card = "unknown-issuer".into());
    "login/application/of-staff" "login.certificate.path" "Body/LoginRequest/Application/Certificate+AccessApplication=staff" []
        |d| with(d, |login| login.card = "reception".into());
    "login/application/revoked" "login.certificate.revoked" "Body/LoginRequest/Application/Certificate+AccessApplication=revoked" []
        |d| with(d, |login| login.card = "revoked".into());
    "login/application/unlisted" "login.certificate.revoked" "Body/LoginRequest/Application/Certificate+AccessApplication=no-current-list" []
        |d| with(d, |login| login.card = "unlisted".into());
    "login/application/usage" "login.certificate.usage" "Body/LoginRequest/Application/Certificate+AccessApplication=authentication-only" []
        |d| with(d, |login| login.card = "authentication-only".into());
    "login/application/other-key" "login.application.signature" "AccessApplication=signed-by-another-key" []
        |d| with(d, |login| login.key = Some("portal".into()));
    "login/application/changed" "login.application.signature" "AccessApplication=changed-after-signing" []
        |d| with(d, |login| login.tampered = Some(later));
    "login/application/title" "login.application.content" "AccessApplication/Title=other" []
        |d| with(d, |login| login.title = "申請書".into());
    "login/application/consent" "login.application.content" "AccessApplication/Consent=other" []
        |d| with(d, |login| login.consent = "urn:example:test:consent".into());
    "login/application/relay" "login.application.addressed" "AccessApplication/Relay=insurer-b" []
        |d| with(d, |login| login.relay = "insurer-b".into());
    "login/application/portal" "login.application.addressed" "AccessApplication/Portal=insurer-a" []
        |d| with(d, |login| login.sender = "insurer-a".into());
    "login/application/purpose" "login.application.purpose" "AccessApplication/Purpose=eligibility-check" []
        |d| with(d, |login| login.purpose = format!("{PURPOSE}eligibility-check"));
    "login/application/old" "login.application.fresh" "AccessApplication/AppliedAt=15-minutes-ago" []
        |d| with(d, |login| login.at = -900);
    "login/application/ahead" "login.application.fresh" "AccessApplication/AppliedAt=10-minutes-ahead" []
        |d| with(d, |login| login.at = 600);
    "login/application/by-insurer" "login.request.sender" "speaker+AccessApplication/Portal=insurer-a" []
        |d| {
            d.speak_as("insurer-a");
            with(d, |login| login.sender = "insurer-a".into());
        };
    "login/application/by-hospital" "login.request.sender" "speaker+AccessApplication/Portal=hospital" []
        |d| {
            d.speak_as("hospital");
            with(d, |login| login.sender = "hospital".into());
        };
];

const RESPONSES: &[Row] = bends![
    "login/response/expired" "login.certificate.path" "Body/LoginRequest/Response/Certificate=expired" []
        |d| with(d, |login| login.card = "expired".into());
    "login/response/forged" "login.certificate.path" "Body/LoginRequest/Response/Certificate=forged-issuer" []
        |d| with(d, |login| login.card = "forged".into());
    "login/response/revoked" "login.certificate.revoked" "Body/LoginRequest/Response/Certificate=revoked" []
        |d| with(d, |login| login.card = "revoked".into());
    "login/response/usage" "login.certificate.usage" "Body/LoginRequest/Response/Certificate=signature-only" []
        |d| with(d, |login| login.card = "signature-only".into());
    "login/response/renewed" "login.certificate.known" "Body/LoginRequest/Response/Certificate=not-registered" []
        |d| with(d, |login| login.card = "renewed".into());
    "login/response/same-serial" "login.certificate.known" "Body/LoginRequest/Response/Certificate=same-serial-of-another-issuer" []
        |d| with(d, |login| login.card = "same-serial".into());
    "login/response/other-key" "login.challenge.signature" "Body/LoginRequest/Response/Signature=by-another-key" []
        |d| with(d, |login| login.key = Some("portal".into()));
    "login/response/other-challenge" "login.challenge.signature" "Body/LoginRequest/Response/Signature=over-another-challenge" []
        |d| with(d, |login| login.signed_challenge = Some("0".repeat(64)));
    "login/response/other-relay" "login.challenge.signature" "Body/LoginRequest/Response/Signature=for-another-relay" []
        |d| with(d, |login| login.relay = "insurer-b".into());
    "login/response/unknown-challenge" "login.challenge.own" "Body/LoginRequest/Response@challenge=unknown" []
        |d| with(d, |login| login.challenge = "0123456789abcdef".repeat(4));
];

const RECEPTIONS: &[Row] = bends![
    "login/reception/revoked-card" "login.certificate.revoked" "Body/LoginRequest/Reception/Card/Certificate=revoked" []
        |d| with(d, |login| login.card = "revoked".into());
    "login/reception/revoked-staff" "login.certificate.revoked" "Body/LoginRequest/Reception/Operator/Certificate=revoked" []
        |d| with(d, |login| login.operator = "dismissed".into());
    "login/reception/patient-as-staff" "login.certificate.path" "Body/LoginRequest/Reception/Operator/Certificate=of-a-patient" []
        |d| with(d, |login| login.operator = "another".into());
    "login/reception/renewed-card" "login.certificate.known" "Body/LoginRequest/Reception/Card/Certificate=not-registered" []
        |d| with(d, |login| login.card = "renewed".into());
    "login/reception/role" "login.operator.role" "Body/LoginRequest/Reception/Operator/Certificate=registration" []
        |d| with(d, |login| login.operator = "registration".into());
    "login/reception/staff-key" "login.operator.signature" "Body/LoginRequest/Reception/Operator/Signature=by-another-key" []
        |d| with(d, |login| login.operator_key = Some("portal".into()));
    "login/reception/other-patient" "login.operator.signature" "Body/LoginRequest/Reception/Operator/Signature=about-another-patient" []
        |d| with(d, |login| login.about = Some("another".into()));
    "login/reception/purpose" "login.reception.purpose" "Header/UsageDirective/Purpose=benefit-adjustment" []
        |d| {
            d.purpose = Some(format!("{PURPOSE}benefit-adjustment"));
            with(d, |login| login.purpose = format!("{PURPOSE}benefit-adjustment"));
        };
    "login/reception/card-key" "login.reception.possession" "Body/LoginRequest/Reception/Card/Signature=by-another-key" []
        |d| with(d, |login| login.key = Some("portal".into()));
];

const WITHHELD: &[Row] = bends![
    "login/application/withheld" "login.withholding.none" "Header/Withholding+Header/Security/Signature=until-tomorrow" []
        |d| withhold(d, 1);
    "login/reception/withheld" "login.withholding.none" "Header/Withholding+Header/Security/Signature=until-tomorrow" []
        |d| withhold(d, 1);
];

type Scene =
    (&'static str, Option<&'static str>, &'static str, &'static Sentence, fn(&Face) -> Result<(), Broken>);

/// What cannot be said by one bend of one message.
const SCENES: &[Scene] = &[
    (
        "login/application/twice",
        Some("login-application"),
        "repeats.application=used-before",
        req!("login.application.once"),
        |face| {
            let draft = acts::draft(face, Kind::Application)?;
            let again = draft.login.clone();
            face.send("mapping", draft);
            let mut draft = acts::draft(face, Kind::Application)?;
            draft.relogin(|login| *login = again.unwrap_or_else(|| login.clone()));
            face.send_deviating("mapping", draft);
            acts::probe(face, Kind::Application);
            Ok(())
        },
    ),
    (
        "login/response/challenge-of-another",
        Some("login-response"),
        "Body/LoginRequest/Response@challenge=of-another",
        req!("login.challenge.own"),
        |face| {
            let challenge = acts::challenge(face, "hospital")?;
            let draft = face.kit().login(Way::Response, "portal", &challenge);
            face.send_deviating("mapping", draft);
            acts::probe(face, Kind::Response);
            Ok(())
        },
    ),
    (
        "login/response/challenge-twice",
        Some("login-response"),
        "Body/LoginRequest/Response@challenge=used-before",
        req!("login.challenge.own"),
        |face| {
            let challenge = acts::challenge(face, "portal")?;
            let draft = face.kit().login(Way::Response, "portal", &challenge);
            face.send("mapping", draft);
            let draft = face.kit().login(Way::Response, "portal", &challenge);
            face.send_deviating("mapping", draft);
            acts::probe(face, Kind::Response);
            Ok(())
        },
    ),
    (
        "login/response/by-insurer",
        Some("login-response"),
        "speaker+Body/LoginRequest/Response@challenge=insurer-a",
        req!("login.request.sender"),
        |face| by_another(face, Way::Response, "insurer-a"),
    ),
    (
        "login/response/by-hospital",
        Some("login-response"),
        "speaker+Body/LoginRequest/Response@challenge=hospital",
        req!("login.request.sender"),
        |face| by_another(face, Way::Response, "hospital"),
    ),
    (
        "login/reception/by-portal",
        Some("login-reception"),
        "speaker+Body/LoginRequest/Reception@challenge=portal",
        req!("login.request.sender"),
        |face| by_another(face, Way::Reception, "portal"),
    ),
    (
        "login/reception/by-insurer",
        Some("login-reception"),
        "speaker+Body/LoginRequest/Reception@challenge=insurer-b",
        req!("login.request.sender"),
        |face| by_another(face, Way::Reception, "insurer-b"),
    ),
    ("login/challenges", None, "", req!("login.challenge.fresh"), |face| {
        for party in ["portal", "portal", "hospital"] {
            acts::challenge(face, party)?;
        }
        Ok(())
    }),
    ("login/visible-number", None, "", req!("login.answer.context"), |face| {
        let mut draft = acts::draft(face, Kind::Reception)?;
        let number = draft.world.visible_number(USUAL_PERSON).to_owned();
        draft.relogin(|login| login.visible = Some(number));
        face.send("mapping", draft);
        Ok(())
    }),
    (
        "login/visible-number/unknown",
        Some("login/visible-number"),
        "Body/LoginRequest/Reception/VisibleNumber=unknown",
        req!("login.visible.known"),
        |face| visible(face, "TEST00000000"),
    ),
    (
        "login/visible-number/overlong",
        Some("login/visible-number"),
        "Body/LoginRequest/Reception/VisibleNumber=129-characters",
        req!("login.visible.known"),
        |face| visible(face, &"1".repeat(129)),
    ),
    ("login/logged", None, "", req!("login.answer.logged"), |face| {
        acts::look(face);
        let session = logged_in(face, Kind::Application)?;
        look(face, &session, false);
        Ok(())
    }),
    ("login/refused", None, "", req!("login.refused.logged"), |face| {
        acts::look(face);
        let mut draft = acts::draft(face, Kind::Application)?;
        draft.relogin(|login| login.key = Some("portal".into()));
        face.send("mapping", draft);
        acts::look(face);
        Ok(())
    }),
    ("login/refused/addressee", None, "", req!("login.refused.logged"), |face| {
        acts::look(face);
        let mut draft = acts::draft(face, Kind::Application)?;
        draft.relogin(|login| login.relay = "insurer-b".into());
        face.send("mapping", draft);
        acts::look(face);
        Ok(())
    }),
    ("login/refused/used-challenge", None, "", req!("login.refused.logged"), |face| {
        acts::look(face);
        let challenge = acts::challenge(face, "portal")?;
        for _ in 0..2 {
            let draft = face.kit().login(Way::Response, "portal", &challenge);
            face.send("mapping", draft);
        }
        acts::look(face);
        Ok(())
    }),
    ("login/session", None, "", req!("login.answer.context"), |face| {
        let session = logged_in(face, Kind::Reception)?;
        map(face, &session, |_| {}, false);
        Ok(())
    }),
    ("login/session/recorded", None, "", req!("login.session.recorded"), |face| {
        acts::look(face);
        let session = logged_in(face, Kind::Reception)?;
        map(face, &session, |_| {}, false);
        let session = logged_in(face, Kind::Application)?;
        look(face, &session, false);
        acts::look(face);
        Ok(())
    }),
    (
        "login/session/other-sender",
        Some("login/session"),
        "speaker+Body/IdentityMappingRequest/MappingInput/Token/NameID=insurer-a",
        req!("login.session.own"),
        |face| {
            let session = logged_in(face, Kind::Reception)?;
            map(face, &session, |draft| draft.speak_as("insurer-a"), true);
            Ok(())
        },
    ),
    ("login/session/other-sender-recorded", None, "", req!("login.session.foreign"), |face| {
        let session = logged_in(face, Kind::Reception)?;
        acts::look(face);
        map(face, &session, |draft| draft.speak_as("insurer-a"), false);
        acts::look(face);
        Ok(())
    }),
    (
        "login/session/unknown",
        Some("login/session"),
        "Body/IdentityMappingRequest/MappingInput/Token/NameID=unknown",
        req!("login.session.own"),
        |face| {
            logged_in(face, Kind::Reception)?;
            map(face, "_0123456789abcdef0123456789abcdef", |_| {}, true);
            Ok(())
        },
    ),
    (
        "login/session/purpose",
        Some("login/session"),
        "Header/UsageDirective/Purpose=benefit-adjustment",
        req!("login.session.purpose"),
        |face| {
            let session = logged_in(face, Kind::Reception)?;
            let other = |draft: &mut Draft| draft.purpose = Some(format!("{PURPOSE}benefit-adjustment"));
            map(face, &session, other, true);
            Ok(())
        },
    ),
    (
        "login/session/history-of-another",
        Some("login/logged"),
        "Body/AccessHistoryQuery/NameID=of-the-hospital",
        req!("login.session.history"),
        |face| {
            let session = logged_in(face, Kind::Reception)?;
            look(face, &session, true);
            Ok(())
        },
    ),
    (
        "login/session/history-of-another-relay",
        Some("login/logged"),
        "Body/AccessHistoryQuery/NameID@NameQualifier=portal",
        req!("login.session.history"),
        |face| {
            let session = logged_in(face, Kind::Application)?;
            let draft = history_of(face, "portal", &session);
            face.send_deviating("history", draft);
            acts::probe(face, Kind::History);
            Ok(())
        },
    ),
    (
        "login/session/history-of-check",
        Some("login/logged"),
        "Body/AccessHistoryQuery/NameID=of-a-login-for-eligibility-check",
        req!("login.session.history"),
        |face| {
            let mut draft = acts::draft(face, Kind::Application)?;
            let purpose = format!("{PURPOSE}eligibility-check");
            draft.purpose = Some(purpose.clone());
            draft.relogin(|login| login.purpose = purpose);
            let session = session(face, draft)?;
            look(face, &session, true);
            Ok(())
        },
    ),
];

/// A reception by a number on a card's face that leads to nobody.
fn visible(face: &Face, number: &str) -> Result<(), Broken> {
    let mut draft = acts::draft(face, Kind::Reception)?;
    draft.relogin(|login| login.visible = Some(number.to_owned()));
    face.send_deviating("mapping", draft);
    acts::probe(face, Kind::Reception);
    Ok(())
}

fn present_card(face: &Face) -> Result<(), Broken> {
    let draft = acts::draft(face, Kind::Reception)?;
    face.send("mapping", draft);
    Ok(())
}

fn copied_card(face: &Face) -> Result<(), Broken> {
    let mut draft = acts::draft(face, Kind::Reception)?;
    with(&mut draft, |login| login.possession = false);
    face.send_deviating("mapping", draft);
    acts::probe(face, Kind::Reception);
    Ok(())
}

/// Somebody who may not logs somebody in, with a challenge of its own.
fn by_another(face: &Face, way: Way, party: &str) -> Result<(), Broken> {
    let challenge = acts::challenge(face, party)?;
    let draft = face.kit().login(way, party, &challenge);
    face.send_deviating("mapping", draft);
    acts::probe(face, Kind::Response);
    Ok(())
}

/// The session of the usual login of a kind.
pub(super) fn logged_in(face: &Face, kind: Kind) -> Result<String, Broken> {
    let draft = acts::draft(face, kind)?;
    session(face, draft)
}

/// The session that a login gives.
fn session(face: &Face, draft: Draft) -> Result<String, Broken> {
    let answer = acts::answered(face.send("mapping", draft))?;
    let session = find(&answer, "LoginAnswer").and_then(|answer| answer.value("session"));
    let lacking = || Broken::Lacking("a session of the product".into());
    session.map(str::to_owned).ok_or_else(lacking)
}

/// The hospital maps with a session.
pub(super) fn map(face: &Face, session: &str, change: impl FnOnce(&mut Draft), deviates: bool) {
    let mut kit = face.kit();
    let input = Input {
        scheme: Some(SESSION.into()),
        owner: Some(kit.world.entity("relay")),
        number: session.into(),
        ..kit.input(USUAL_PERSON, "insurer-b", 1)
    };
    let mut draft = kit.request("hospital", "mapping", body::mapping_request(&[input]));
    draft.purpose = Some(format!("{PURPOSE}eligibility-check"));
    change(&mut draft);
    if deviates {
        face.send_deviating("mapping", draft);
        acts::probe(face, Kind::Mapping);
    } else {
        face.send("mapping", draft);
    }
}

/// A question of the portal for the history of a session that this party is said to have given.
fn history_of(face: &Face, giver: &str, session: &str) -> Draft {
    let mut kit = face.kit();
    let query = body::history_query(SESSION, &kit.world.entity(giver), session);
    kit.request("portal", "history", query).for_purpose("history")
}

/// The portal asks for the history of a session.
pub(super) fn look(face: &Face, session: &str, deviates: bool) {
    let draft = history_of(face, "relay", session);
    if deviates {
        face.send_deviating("history", draft);
        acts::probe(face, Kind::History);
    } else {
        face.send("history", draft);
    }
}
