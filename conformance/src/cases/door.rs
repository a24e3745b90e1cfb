//! Chapter 34: a card is presented to the relay over TLS, and the portal logs in with the ticket.

use chukei_harness::{
    Broken, Face,
    message::{CardPresentation, PURPOSE},
};
use chukei_spec::{Role, Sentence, req};

use crate::{
    acts,
    case::{Case, Kind, Row, bends},
};

/// What a relay claims that has a card door.
const TLS_LOGIN: &str = "tls-login";
/// The twin of what is bent at the door, and of what is bent at the login.
const PRESENTED: &str = "login/tls/presented";
const USUAL: &str = "login-tls";

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.push(Case::usual(Kind::Ticket, &[req!("login.answer.context")]));
    cases.extend(TICKETS.iter().map(|row| Case::row(Kind::Ticket, row)));
    for &(id, twin, deviation, sentence, scene) in SCENES {
        let case = Case::scene(Role::Relay, id, (twin, deviation), &[sentence], scene);
        cases.push(case.needing(&[TLS_LOGIN]));
    }
}

const TICKETS: &[Row] = bends![
    "login/tls/unknown-ticket" "login.ticket.given" "Body/LoginRequest/Ticket=unknown" []
        |d| d.relogin(|login| login.ticket = "_0123456789abcdef0123456789abcdef".into());
    "login/tls/purpose" "login.ticket.purpose" "Header/UsageDirective/Purpose=eligibility-check" []
        |d| d.purpose = Some(format!("{PURPOSE}eligibility-check"));
];

type Scene =
    (&'static str, Option<&'static str>, &'static str, &'static Sentence, fn(&Face) -> Result<(), Broken>);

const SCENES: &[Scene] = &[
    (PRESENTED, None, "", req!("login.presentation.ticket"), |face| {
        let challenge = acts::challenge(face, "portal")?;
        acts::ticket(face, &CardPresentation::new(&challenge)).map(drop)
    }),
    ("login/tls/expired", Some(PRESENTED), "tls=expired", req!("login.certificate.path"), |face| {
        shows(face, Some("expired"))
    }),
    (
        "login/tls/not-yet-valid",
        Some(PRESENTED),
        "tls=not-yet-valid",
        req!("login.certificate.path"),
        |face| shows(face, Some("not-yet-valid")),
    ),
    ("login/tls/forged", Some(PRESENTED), "tls=forged-issuer", req!("login.certificate.path"), |face| {
        shows(face, Some("forged"))
    }),
    (
        "login/tls/unknown-issuer",
        Some(PRESENTED),
        "tls=unknown-issuer",
        req!("login.certificate.path"),
        |face| shows(face, Some("unknown-issuer")),
    ),
    ("login/tls/of-staff", Some(PRESENTED), "tls=staff", req!("login.certificate.path"), |face| {
        shows(face, Some("reception"))
    }),
    ("login/tls/revoked", Some(PRESENTED), "tls=revoked", req!("login.certificate.revoked"), |face| {
        shows(face, Some("revoked"))
    }),
    (
        "login/tls/unlisted",
        Some(PRESENTED),
        "tls=no-current-list",
        req!("login.certificate.revoked"),
        |face| shows(face, Some("unlisted")),
    ),
    ("login/tls/usage", Some(PRESENTED), "tls=signature-only", req!("login.certificate.usage"), |face| {
        shows(face, Some("signature-only"))
    }),
    ("login/tls/no-certificate", Some(PRESENTED), "tls=none", req!("login.presentation.proved"), |face| {
        shows(face, None)
    }),
    (
        "login/tls/unknown-challenge",
        Some(PRESENTED),
        "CardPresentation@challenge=unknown",
        req!("login.presentation.challenge"),
        |face| deviating(face, &CardPresentation::new(&"0123456789abcdef".repeat(4))),
    ),
    (
        "login/tls/challenge-of-another",
        Some(PRESENTED),
        "CardPresentation@challenge=of-another",
        req!("login.presentation.challenge"),
        |face| {
            let challenge = acts::challenge(face, "hospital")?;
            deviating(face, &CardPresentation::new(&challenge))
        },
    ),
    (
        "login/tls/presented-twice",
        Some(PRESENTED),
        "CardPresentation@challenge=used-before",
        req!("login.presentation.challenge"),
        |face| {
            let challenge = acts::challenge(face, "portal")?;
            let shown = CardPresentation::new(&challenge);
            acts::ticket(face, &shown)?;
            deviating(face, &shown)
        },
    ),
    ("login/tls/alike", None, "", req!("login.presentation.coarse"), |face| {
        let challenge = acts::challenge(face, "portal")?;
        for card in ["expired", "revoked", "signature-only"] {
            let shown = CardPresentation { card: Some(card.into()), ..CardPresentation::new(&challenge) };
            face.present(&shown, false);
        }
        face.present(&CardPresentation::new(&"0".repeat(64)), false);
        face.present(&CardPresentation::new("no challenge"), false);
        Ok(())
    }),
    (
        "login/tls/ticket-of-another-challenge",
        Some(USUAL),
        "Body/LoginRequest/Ticket=of-another-challenge",
        req!("login.ticket.given"),
        |face| {
            let (other, own) = (acts::challenge(face, "portal")?, acts::challenge(face, "portal")?);
            let ticket = acts::ticket(face, &CardPresentation::new(&other))?;
            acts::ticket(face, &CardPresentation::new(&own))?;
            logs_in(face, "portal", (&own, &ticket))
        },
    ),
    (
        "login/tls/not-presented",
        Some(USUAL),
        "Body/LoginRequest/Ticket=without-presentation",
        req!("login.ticket.given"),
        |face| {
            let (other, own) = (acts::challenge(face, "portal")?, acts::challenge(face, "portal")?);
            let ticket = acts::ticket(face, &CardPresentation::new(&other))?;
            logs_in(face, "portal", (&own, &ticket))
        },
    ),
    (
        "login/tls/ticket-twice",
        Some(USUAL),
        "Body/LoginRequest/Ticket=used-before",
        req!("login.challenge.own"),
        |face| {
            let challenge = acts::challenge(face, "portal")?;
            let ticket = acts::ticket(face, &CardPresentation::new(&challenge))?;
            face.send("mapping", acts::ticketed(face, "portal", &challenge, &ticket));
            logs_in(face, "portal", (&challenge, &ticket))
        },
    ),
    (
        "login/tls/ticket-of-another-portal",
        Some(USUAL),
        "Body/LoginRequest/Ticket=challenge-of-the-hospital",
        req!("login.challenge.own"),
        |face| {
            let granted = of_party(face, "hospital")?;
            logs_in(face, "portal", (&granted.0, &granted.1))
        },
    ),
    (
        "login/tls/by-insurer",
        Some(USUAL),
        "speaker+Body/LoginRequest/Ticket=insurer-a",
        req!("login.request.sender"),
        |face| {
            let granted = of_party(face, "insurer-a")?;
            logs_in(face, "insurer-a", (&granted.0, &granted.1))
        },
    ),
    (
        "login/tls/by-hospital",
        Some(USUAL),
        "speaker+Body/LoginRequest/Ticket=hospital",
        req!("login.request.sender"),
        |face| {
            let granted = of_party(face, "hospital")?;
            logs_in(face, "hospital", (&granted.0, &granted.1))
        },
    ),
    (
        "login/tls/renewed",
        Some(USUAL),
        "Body/LoginRequest/Ticket=for-a-card-that-is-not-registered",
        req!("login.certificate.known"),
        |face| {
            let challenge = acts::challenge(face, "portal")?;
            let renewed =
                CardPresentation { card: Some("renewed".into()), ..CardPresentation::new(&challenge) };
            let ticket = acts::ticket(face, &renewed)?;
            logs_in(face, "portal", (&challenge, &ticket))
        },
    ),
    ("login/tls/logged", None, "", req!("login.answer.logged"), |face| {
        acts::look(face);
        acts::usual(face, Kind::Ticket)?;
        acts::look(face);
        Ok(())
    }),
    ("login/tls/refused", None, "", req!("login.refused.logged"), |face| {
        acts::look(face);
        face.present(&CardPresentation::new(&"0123456789abcdef".repeat(4)), false);
        acts::look(face);
        Ok(())
    }),
];

/// A card that is presented with a challenge of the portal, or none.
fn shows(face: &Face, card: Option<&str>) -> Result<(), Broken> {
    let challenge = acts::challenge(face, "portal")?;
    deviating(face, &CardPresentation { card: card.map(str::to_owned), ..CardPresentation::new(&challenge) })
}

fn deviating(face: &Face, shown: &CardPresentation) -> Result<(), Broken> {
    face.present(shown, true);
    acts::probe(face, Kind::Ticket);
    Ok(())
}

fn logs_in(face: &Face, party: &str, (challenge, ticket): (&str, &str)) -> Result<(), Broken> {
    face.send_deviating("mapping", acts::ticketed(face, party, challenge, ticket));
    acts::probe(face, Kind::Ticket);
    Ok(())
}

/// Challenge and ticket of another party than the portal.
fn of_party(face: &Face, party: &str) -> Result<(String, String), Broken> {
    let challenge = acts::challenge(face, party)?;
    let shown = CardPresentation { portal: party.into(), ..CardPresentation::new(&challenge) };
    let ticket = acts::ticket(face, &shown)?;
    Ok((challenge, ticket))
}
