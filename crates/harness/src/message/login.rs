//! `ck:LoginRequest` (chapter 34): valid by default, every part a public field to bend.

use chukei_crypto::{PrivateKey, SignatureAlgorithm, sha256};
use chukei_forge::{
    raw::Element,
    sign::{Place, SignatureSpec, x509_key_info},
    specimen,
};
use chukei_xml::{lexical::encode_base64, ns};

use super::{Finished, PURPOSE, assemble::apply, time};
use crate::world::{CARD, World};

/// Title of an access application.
pub const TITLE: &str = "アクセス申請書";
/// Consent in an access application.
pub const CONSENT: &str = "urn:chukei:1.0:consent:authentication-by-this-signature";
/// `Format` of a session as a `saml:NameID`.
pub const SESSION: &str = "urn:chukei:1.0:identifier:session";

/// How somebody logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// An access application.
    Application,
    /// A response to a challenge.
    Response,
    /// A ticket, for a card that was presented over TLS.
    Ticket,
    /// A reception.
    Reception,
}

/// A login.
#[derive(Clone, Debug)]
pub struct Login {
    /// How.
    pub way: Way,
    /// The card whose certificate is shown.
    pub card: String,
    /// The party whose key signs in the place of the card's.
    pub key: Option<String>,
    /// `ID` of the application.
    pub id: String,
    /// `ck:Title`.
    pub title: String,
    /// `ck:AppliedAt`, in seconds from now.
    pub at: i64,
    /// `ck:Purpose` of the application, and of what is signed.
    pub purpose: String,
    /// `ck:Consent`.
    pub consent: String,
    /// `ck:Relay`, and the relay in what is signed: a party.
    pub relay: String,
    /// `ck:Portal`, and the sender in what is signed: a party.
    pub sender: String,
    /// A change of the application after it was signed.
    pub tampered: Option<fn(&mut Element)>,
    /// `challenge`.
    pub challenge: String,
    /// The challenge in what is signed, if it is another.
    pub signed_challenge: Option<String>,
    /// The content of `ck:Ticket`.
    pub ticket: String,
    /// The member of staff whose certificate is shown.
    pub operator: String,
    /// The party whose key signs in the place of the operator's.
    pub operator_key: Option<String>,
    /// The card that the operator's signature is about, if it is another.
    pub about: Option<String>,
    /// Whether the patient's card signs.
    pub possession: bool,
    /// `ck:VisibleNumber` in the place of the card.
    pub visible: Option<String>,
}

impl Login {
    /// The usual login of this way, by the card `usual`.
    #[must_use]
    pub fn new(way: Way, sender: &str, id: String, challenge: &str) -> Self {
        let purpose = if way == Way::Reception { "eligibility-check" } else { "history" };
        Self {
            way,
            card: "usual".into(),
            key: None,
            id,
            title: TITLE.into(),
            at: 0,
            purpose: format!("{PURPOSE}{purpose}"),
            consent: CONSENT.into(),
            relay: "relay".into(),
            sender: sender.into(),
            tampered: None,
            challenge: challenge.into(),
            signed_challenge: None,
            ticket: String::new(),
            operator: "reception".into(),
            operator_key: None,
            about: None,
            possession: true,
            visible: None,
        }
    }

    /// The element.
    #[must_use]
    pub fn build(&self, world: &World, seed: u64, now: i64) -> Element {
        let request = Element::declared(ns::CK, "LoginRequest");
        let certificate =
            |card: &str| Element::new("ck:Certificate").text(&encode_base64(&world.card(card).certificate));
        let own = || self.signing(world, self.key.as_deref(), &self.card);
        request.child(match self.way {
            Way::Application => {
                let document = self.application(world, &own(), seed, now).write();
                let document = Element::new("ck:Document").text(&encode_base64(document.as_bytes()));
                Element::new("ck:Application").child(certificate(&self.card)).child(document)
            }
            Way::Response => Element::new("ck:Response")
                .attribute("challenge", &self.challenge)
                .child(certificate(&self.card))
                .child(self.signature(world, "response", &own(), self.subject(world))),
            Way::Ticket => {
                Element::new("ck:Ticket").attribute("challenge", &self.challenge).text(&self.ticket)
            }
            Way::Reception => {
                let about = self.about.as_ref().map(|card| sha256(&world.card(card).certificate));
                let about = about.unwrap_or_else(|| self.subject(world));
                let key = self.signing(world, self.operator_key.as_deref(), &self.operator);
                let operator = Element::new("ck:Operator")
                    .child(certificate(&self.operator))
                    .child(self.signature(world, "operator", &key, about));
                let reception =
                    Element::new("ck:Reception").attribute("challenge", &self.challenge).child(operator);
                match &self.visible {
                    Some(number) => reception.child(Element::new("ck:VisibleNumber").text(number)),
                    None => {
                        let signature = || self.signature(world, "possession", &own(), self.subject(world));
                        let card = Element::new("ck:Card").child(certificate(&self.card));
                        reception.child(card.children(self.possession.then(signature)))
                    }
                }
            }
        })
    }

    fn signing(&self, world: &World, party: Option<&str>, card: &str) -> PrivateKey {
        party.map_or_else(|| world.card(card).key.clone(), |party| world.key(party))
    }

    /// What a signature at a reception is about.
    fn subject(&self, world: &World) -> [u8; 32] {
        match &self.visible {
            Some(number) => sha256(number.as_bytes()),
            None => sha256(&world.card(&self.card).certificate),
        }
    }

    /// The signed access application.
    fn application(&self, world: &World, key: &PrivateKey, seed: u64, now: i64) -> Element {
        let text = |name: &str, text: &str| Element::new(name).text(text);
        let root = Element::declared(ns::CK, "AccessApplication")
            .attribute("ID", &self.id)
            .child(text("ck:Title", &self.title))
            .child(text("ck:AppliedAt", &time(now, self.at)))
            .child(text("ck:Purpose", &self.purpose))
            .child(text("ck:Consent", &self.consent))
            .child(text("ck:Relay", &world.entity(&self.relay)))
            .child(text("ck:Portal", &world.entity(&self.sender)));
        let mut spec = SignatureSpec { place: Place::First, ..SignatureSpec::enveloped(&self.id, key) };
        spec.key_info = Some(x509_key_info(&world.card(&self.card).certificate));
        let draft = specimen::Draft {
            message: chukei_forge::raw::Message::new(root),
            signatures: vec![(".".to_owned(), spec)],
        };
        let mut root = apply(draft, None, &world.forge(seed, now)).root;
        if let Some(change) = self.tampered {
            change(&mut root);
        }
        root
    }

    /// The seven lines, signed.
    #[allow(clippy::expect_used, reason = "a TEST key that does not sign voids the run")]
    fn signature(&self, world: &World, by: &str, key: &PrivateKey, subject: [u8; 32]) -> Element {
        let lines = lines(
            by,
            &world.entity(&self.relay),
            &world.entity(&self.sender),
            &self.purpose,
            self.signed_challenge.as_ref().unwrap_or(&self.challenge),
            subject,
        );
        let signer = key.signer(SignatureAlgorithm::RsaSha256).expect("an RSA key");
        let value = chukei_crypto::Signer::sign(&signer, &sha256(lines.as_bytes())).expect("a signature");
        Element::new("ck:Signature").text(&encode_base64(&value))
    }
}

/// `ck:CardPresentation`, by a client with a card.
#[derive(Clone, Debug)]
pub struct CardPresentation {
    /// The card whose certificate the TLS client shows; none for no certificate.
    pub card: Option<String>,
    /// `challenge`.
    pub challenge: String,
    /// `ck:Portal`: a party.
    pub portal: String,
    /// `ck:Purpose`.
    pub purpose: String,
}

impl CardPresentation {
    /// The usual presentation of the card `usual`, for the portal.
    #[must_use]
    pub fn new(challenge: &str) -> Self {
        Self {
            card: Some("usual".into()),
            challenge: challenge.into(),
            portal: "portal".into(),
            purpose: format!("{PURPOSE}history"),
        }
    }

    /// The request.
    #[must_use]
    pub fn finish(&self, world: &World) -> Finished {
        let root = Element::declared(ns::CK, "CardPresentation")
            .attribute("challenge", &self.challenge)
            .child(Element::new("ck:Portal").text(&world.entity(&self.portal)))
            .child(Element::new("ck:Purpose").text(&self.purpose));
        Finished {
            tls: self.card.as_ref().map(|card| format!("{CARD}{card}")),
            old_tls: false,
            method: "POST".into(),
            path: None,
            status: 200,
            headers: vec![("content-type".into(), "text/xml; charset=utf-8".into())],
            body: root.write().into_bytes(),
            first_length: None,
            keys: Vec::new(),
        }
    }
}

/// What a `ck:Signature` signs (chapter 34).
#[must_use]
pub fn lines(
    by: &str,
    relay: &str,
    sender: &str,
    purpose: &str,
    challenge: &str,
    subject: [u8; 32],
) -> String {
    let subject: String = subject.iter().map(|octet| format!("{octet:02x}")).collect();
    let lines = ["urn:chukei:1.0:login", by, relay, sender, purpose, challenge, &subject];
    lines.map(|line| format!("{line}\n")).concat()
}
