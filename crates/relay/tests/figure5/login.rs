//! Chapter 34: each way to log in, and each deviation beside it.

use std::sync::Arc;

use chukei_crypto::{
    Certificate, PrivateKey, SignatureAlgorithm, TrustAnchors, UnixTime, sha256,
    test_pki::{Ca, CrlSpec, LeafSpec, NOT_AFTER, NOT_BEFORE, key_usage, keys},
};
use chukei_forge::raw::Element;
use chukei_idwsf::code;
use chukei_profile::{
    Purpose,
    history::{Kind, Range},
    login::{AccessApplication, By, Challenged, Context, Given, Login, LoginAnswer, Patient, Shown},
};
use chukei_reason::Reason;
use chukei_relay::{
    Ask, Person, Refusal, Requester, Whom,
    changes::{Assigned, Standing},
    login::{Cards, LoggedIn},
    memory::{MemoryAgreements, MemoryKeys, MemoryLogins},
    numbers::{Level, Number, NumberKind},
};
use chukei_xml::ns;
use chukei_xml_security::Signing;

use crate::world::*;

/// Who signs with what: certificates are this desk's, keys the three TEST keys on P-256.
pub struct Desk {
    pub world: World,
    cards: Ca,
    staff: Ca,
    keys: Arc<MemoryKeys>,
    pub usual: Certificate,
    pub clerk: Certificate,
}

fn signer(number: usize) -> impl chukei_crypto::Signer {
    keys::p256(number).signer(SignatureAlgorithm::EcdsaSha256).unwrap()
}

/// The key of every card, and the one of every member of staff.
const CARD: usize = 1;
const STAFF: usize = 2;

pub fn card(name: &str) -> LeafSpec {
    LeafSpec::new(name, keys::p256(CARD).public_key())
}

fn clerk(title: Option<&str>) -> LeafSpec {
    LeafSpec {
        title: title.map(str::to_owned),
        ..LeafSpec::new("TEST Clerk", keys::p256(STAFF).public_key())
    }
}

impl Desk {
    pub fn new() -> Self {
        let authority = |name: &str| {
            let key: PrivateKey = keys::p256(3);
            Ca::from_spec(LeafSpec::authority(name, key.public_key()), key)
        };
        let (cards, staff) = (authority("TEST Card CA"), authority("TEST Operator CA"));
        let (usual, clerk) = (cards.issue(card("TEST Card")), staff.issue(clerk(Some("eligibility-check"))));
        let mut world = World::new();
        let mut agreements = MemoryAgreements::default();
        for purpose in [Purpose::EligibilityCheck, PURPOSE] {
            agreements.pairs.insert((A.to_owned(), B.to_owned(), purpose));
        }
        agreements.pairs.insert((D.to_owned(), B.to_owned(), PURPOSE));
        agreements.portals = [PORTAL.to_owned()].into();
        world.relay.agreements = Arc::new(agreements);
        let keys = Arc::new(MemoryKeys::default());
        let (visible, _) = Number::read(NumberKind::Visible, "TEST12345678", Level::Strict).unwrap();
        let visible = Assigned { party: "visible".to_owned(), number: visible };
        keys.set(visible, Standing::Current(Person(1))).unwrap();
        let anchors = |ca: &Ca, revoked| {
            let list = ca.crl(&CrlSpec { revoked, ..CrlSpec::default() });
            TrustAnchors::new(vec![ca.certificate().clone()]).unwrap().with_crls(vec![list])
        };
        world.relay.cards = Some(Box::new(Cards {
            cards: anchors(&cards, Vec::new()),
            operators: anchors(&staff, Vec::new()),
            keys: keys.clone(),
            visible: "visible".to_owned(),
            logins: Arc::new(MemoryLogins::default()),
            possession: false,
            door: None,
        }));
        let desk = Self { world, cards, staff, keys, usual, clerk };
        desk.register(&desk.usual, Standing::Current(Person(1)));
        desk
    }

    pub fn register(&self, certificate: &Certificate, standing: Standing) {
        let number = Number::certificate(&certificate.serial()).unwrap();
        self.keys.set(Assigned { party: certificate.issuer(), number }, standing).unwrap();
    }

    /// A card of the first person, with this certificate.
    pub fn own(&self, spec: LeafSpec) -> Certificate {
        let certificate = self.cards.issue(spec);
        self.register(&certificate, Standing::Current(Person(1)));
        certificate
    }

    fn by(&self, party: &str) -> &Requester {
        match party {
            PORTAL => &self.world.portal,
            D => &self.world.d,
            _ => &self.world.a,
        }
    }

    pub fn challenge(&self, party: &str) -> String {
        let sent = self.by(party).challenge(NOW).unwrap();
        let reply = self.world.relay(&sent, party);
        self.by(party).take_challenge(sent.pending, &answer(&reply), NOW).unwrap().value
    }

    /// What the relay answers, or why it refuses.
    pub fn login(
        &self,
        party: &str,
        login: &Login,
        purpose: Purpose,
        at: UnixTime,
    ) -> Result<LoginAnswer, Refusal> {
        let sent = self.by(party).login(login, purpose, at).unwrap();
        let told = reply(self.world.relay.handle(&request(&sent, party), at));
        match told.refusal {
            Some(refusal) => Err(refusal),
            None => self.by(party).take_login(sent.pending, &answer(&told), at),
        }
    }

    /// The session of a login that is granted.
    pub fn session(&self, party: &str, login: &Login, purpose: Purpose) -> Given {
        let answer = self.login(party, login, purpose, NOW).unwrap();
        answer.session.unwrap_or_else(|| panic!("{:?}", answer.status))
    }

    /// Why the usual application is refused that wants to be withheld from the person.
    fn withheld_login(&self) -> Option<Refusal> {
        let login = self.application(&self.usual, |_| {});
        let sent = self.world.portal.login(&login, Purpose::History, NOW).unwrap();
        let wish = Element::declared(ns::CK, "Withholding").attribute("until", "2026-07-02");
        let wish = wish.attribute("wsu:Id", "_withholding");
        let body = resigned(&sent.body, PORTAL, |root| root.append("soap:Header", wish));
        reply(self.world.relay.handle(&request(&with_body(&sent, body), PORTAL), NOW)).refusal
    }

    pub fn application(
        &self,
        certificate: &Certificate,
        change: impl FnOnce(&mut AccessApplication),
    ) -> Login {
        self.application_by(CARD, certificate, change)
    }

    fn application_by(
        &self,
        key: usize,
        certificate: &Certificate,
        change: impl FnOnce(&mut AccessApplication),
    ) -> Login {
        let mut application = AccessApplication::new("_1", NOW, Purpose::History, RELAY, PORTAL);
        change(&mut application);
        let signer = signer(key);
        let document = application.sign(&Signing::new(&signer).with_certificate(certificate)).unwrap();
        Login::Application { certificate: certificate.der().to_vec(), document }
    }

    pub fn response(&self, certificate: &Certificate, change: impl FnOnce(&mut Challenged<'_>)) -> Login {
        let challenge = self.challenge(PORTAL);
        let mut signed = Challenged {
            by: By::Response,
            relay: RELAY,
            sender: PORTAL,
            purpose: Purpose::History,
            challenge: &challenge,
            subject: sha256(certificate.der()),
        };
        change(&mut signed);
        let signature = Some(signed.sign(&signer(CARD)).unwrap());
        let card = Shown { certificate: certificate.der().to_vec(), signature };
        Login::Response { challenge, card }
    }

    /// A reception at A: of a card whose key signs, by default.
    pub fn reception(&self, change: impl FnOnce(&mut Reception<'_>)) -> Login {
        let challenge = self.challenge(A);
        let mut reception = Reception {
            challenge: &challenge,
            clerk: self.clerk.clone(),
            staff_key: STAFF,
            card: Some(self.usual.clone()),
            card_key: Some(CARD),
            about: None,
            purpose: Purpose::EligibilityCheck,
        };
        change(&mut reception);
        let patient = match &reception.card {
            Some(card) => Patient::Card(Shown { certificate: card.der().to_vec(), signature: None }),
            None => Patient::VisibleNumber(chukei_crypto::Zeroizing::new("TEST12345678".to_owned())),
        };
        let subject = patient.subject();
        let sign = |by, key, subject| {
            let Reception { purpose, challenge, .. } = reception;
            let signed = Challenged { by, relay: RELAY, sender: A, purpose, challenge, subject };
            signed.sign(&signer(key)).unwrap()
        };
        let operator = Shown {
            certificate: reception.clerk.der().to_vec(),
            signature: Some(sign(By::Operator, reception.staff_key, reception.about.unwrap_or(subject))),
        };
        let patient = match patient {
            Patient::Card(card) => {
                let signature = reception.card_key.map(|key| sign(By::Possession, key, subject));
                Patient::Card(Shown { signature, ..card })
            }
            number => number,
        };
        let challenge = challenge.clone();
        Login::Reception { challenge, operator, patient }
    }
}

pub struct Reception<'a> {
    challenge: &'a str,
    clerk: Certificate,
    staff_key: usize,
    card: Option<Certificate>,
    pub card_key: Option<usize>,
    about: Option<[u8; 32]>,
    purpose: Purpose,
}

/// The sentence that this login breaks.
pub fn broken(told: Result<LoginAnswer, Refusal>) -> &'static str {
    match told {
        Ok(answer) => panic!("{:?}", answer.status),
        Err(refusal) => refusal.sentence(),
    }
}

#[test]
fn an_application_logs_in_and_is_good_once() {
    let desk = Desk::new();
    let login = desk.application(&desk.usual, |_| {});
    let given = desk.session(PORTAL, &login, Purpose::History);
    assert_eq!((given.context, given.until.seconds), (Context::Application, NOW.0 + 600));
    let again = |at| desk.login(PORTAL, &login, Purpose::History, at);
    assert_eq!(broken(again(NOW)), "login.application.once");
    assert_eq!(broken(again(later(300))), "login.application.once");
    // Another card may use the same ID.
    let other = desk.own(card("TEST Card 2"));
    desk.session(PORTAL, &desk.application(&other, |_| {}), Purpose::History);
}

#[test]
fn an_application_is_what_it_should_be() {
    let desk = Desk::new();
    let usual = &desk.usual;
    let mut count = 0;
    let mut refused = |sentence, change: fn(&mut AccessApplication)| {
        count += 1;
        let bent = desk.application(usual, |application| {
            application.id = format!("_{count}");
            change(application);
        });
        assert_eq!(broken(desk.login(PORTAL, &bent, Purpose::History, NOW)), sentence);
    };
    refused("login.application.content", |a| a.title = "申請書".to_owned());
    refused("login.application.content", |a| a.consent = "urn:example:test".to_owned());
    refused("login.application.addressed", |a| a.relay = A.to_owned());
    refused("login.application.addressed", |a| a.portal = A.to_owned());
    refused("login.application.purpose", |a| a.purpose = Purpose::EligibilityCheck);
    refused("login.application.fresh", |a| a.at.seconds -= 301);
    refused("login.application.fresh", |a| a.at.seconds += 181);
    refused("login.application.fresh", |a| {
        a.at.seconds += 180;
        a.at.nanoseconds = 1_000_000;
    });
    let edges: [fn(&mut AccessApplication); 2] = [|a| a.at.seconds -= 300, |a| a.at.seconds += 180];
    for (edge, id) in edges.into_iter().zip(["_before", "_ahead"]) {
        let login = desk.application(usual, |application| {
            application.id = id.to_owned();
            edge(application);
        });
        desk.session(PORTAL, &login, Purpose::History);
    }

    let others_key = desk.application_by(STAFF, usual, |_| {});
    let Login::Application { certificate, mut document } = desk.application(usual, |_| {}) else { panic!() };
    let place = document.windows(7).position(|octets| octets == b"history").unwrap();
    document[place] = b'H';
    let altered = Login::Application { certificate: certificate.clone(), document };
    let nothing = Login::Application { certificate, document: b"<nothing/>".to_vec() };
    for login in [others_key, altered, nothing] {
        assert_eq!(broken(desk.login(PORTAL, &login, Purpose::History, NOW)), "login.application.signature");
    }
}

#[test]
fn a_certificate_is_believed_only_if_everything_about_it_holds() {
    let mut desk = Desk::new();
    let year = 365 * 86_400;
    let ended =
        LeafSpec { not_before: UnixTime(NOT_BEFORE.0 - year), not_after: NOT_BEFORE, ..card("TEST 2") };
    let to_come =
        LeafSpec { not_before: NOT_AFTER, not_after: UnixTime(NOT_AFTER.0 + year), ..card("TEST 3") };
    let key = keys::rsa2048(1);
    let forger = Ca::from_spec(LeafSpec::authority("TEST Card CA", key.public_key()), key);
    let forged = forger.issue(card("TEST Card"));
    assert_eq!((forged.issuer(), forged.serial()), (desk.usual.issuer(), desk.usual.serial()));
    let stranger = Ca::new("TEST Unknown CA").issue(card("TEST Card"));
    desk.register(&stranger, Standing::Current(Person(1)));
    let only = |usage| LeafSpec { key_usage: usage, ..card("TEST Card 9") };
    let signs = desk.own(only(key_usage::NON_REPUDIATION));
    let authenticates = desk.own(only(key_usage::DIGITAL_SIGNATURE));
    let (path, usage) = ("login.certificate.path", "login.certificate.usage");
    for (certificate, sentences) in [
        (desk.own(ended), [path; 2]),
        (desk.own(to_come), [path; 2]),
        (forged, [path; 2]),
        (stranger, [path; 2]),
        (desk.clerk.clone(), [path; 2]),
        (signs, ["", usage]),
        (authenticates, [usage, ""]),
    ] {
        let application = desk.application(&certificate, |_| {});
        let response = desk.response(&certificate, |_| {});
        for (login, sentence) in [application, response].into_iter().zip(sentences) {
            let told = desk.login(PORTAL, &login, Purpose::History, NOW);
            if sentence.is_empty() {
                assert!(told.unwrap().session.is_some());
            } else {
                assert_eq!(broken(told), sentence);
            }
        }
    }

    // On the list, and without a list.
    for revoked in [Some(vec![desk.usual.clone()]), None] {
        let authority = TrustAnchors::new(vec![desk.cards.certificate().clone()]).unwrap();
        let lists = revoked.map(|revoked| desk.cards.crl(&CrlSpec { revoked, ..CrlSpec::default() }));
        let login = desk.application(&desk.usual, |_| {});
        desk.world.relay.cards.as_mut().unwrap().cards = authority.with_crls(lists.into_iter().collect());
        let told = desk.login(PORTAL, &login, Purpose::History, NOW);
        assert_eq!(broken(told), "login.certificate.revoked");
    }
}

#[test]
fn a_person_is_found_by_issuer_and_serial_number_together() {
    let mut desk = Desk::new();
    let key = keys::p256(3);
    let other = Ca::from_spec(LeafSpec::authority("TEST Other Card CA", key.public_key()), key);
    let same = other.issue(card("TEST Card"));
    assert_eq!(same.serial(), desk.usual.serial());
    let both = [&desk.cards, &other];
    let lists = both.map(|ca| ca.crl(&CrlSpec::default()));
    let authorities = TrustAnchors::new(both.map(|ca| ca.certificate().clone()).into()).unwrap();
    desk.world.relay.cards.as_mut().unwrap().cards = authorities.with_crls(lists.into());
    let desk = desk;
    let told = |certificate: &Certificate| {
        let answer = desk.login(PORTAL, &desk.response(certificate, |_| {}), Purpose::History, NOW).unwrap();
        assert_eq!(answer.session.is_some(), answer.status.is_ok());
        answer.status.code
    };
    assert_eq!(told(&desk.usual), code::OK);
    let renewed = desk.cards.issue(card("TEST Card"));
    assert_eq!(told(&renewed), code::NOT_MEMBER);
    desk.register(&renewed, Standing::Current(Person(1)));
    desk.register(&desk.usual, Standing::Unknown);
    assert_eq!((told(&renewed).as_str(), told(&desk.usual).as_str()), (code::OK, code::NOT_MEMBER));
    for standing in [Standing::Suspended(Person(1)), Standing::Ambiguous] {
        desk.register(&renewed, standing);
        assert_eq!(told(&renewed), code::NOT_MEMBER);
    }
    assert_eq!(told(&same), code::NOT_MEMBER);
    desk.register(&same, Standing::Current(Person(2)));
    assert_eq!(told(&same), code::OK);
}

#[test]
fn a_challenge_is_good_for_one_login_of_its_party() {
    let desk = Desk::new();
    assert_ne!(desk.challenge(PORTAL), desk.challenge(PORTAL));
    let login = desk.response(&desk.usual, |_| {});
    assert_eq!(desk.session(PORTAL, &login, Purpose::History).context, Context::Challenge);
    assert_eq!(broken(desk.login(PORTAL, &login, Purpose::History, NOW)), "login.challenge.own");
    let late = desk.response(&desk.usual, |_| {});
    assert_eq!(broken(desk.login(PORTAL, &late, Purpose::History, later(120))), "login.challenge.own");

    let (wrong, others) = ("login.challenge.signature", desk.challenge(A));
    let changes: [fn(&mut Challenged<'_>); 5] = [
        |signed| signed.by = By::Possession,
        |signed| signed.relay = A,
        |signed| signed.sender = A,
        |signed| signed.purpose = Purpose::EligibilityCheck,
        |signed| signed.challenge = "0",
    ];
    for change in changes {
        let login = desk.response(&desk.usual, change);
        assert_eq!(broken(desk.login(PORTAL, &login, Purpose::History, NOW)), wrong);
    }
    let Login::Response { card, .. } = desk.response(&desk.usual, |_| {}) else { panic!() };
    let borrowed = Login::Response { challenge: others, card };
    assert_eq!(broken(desk.login(PORTAL, &borrowed, Purpose::History, NOW)), "login.challenge.own");
}

#[test]
fn only_a_portal_logs_persons_in_and_only_who_checks_eligibility_receives() {
    let desk = Desk::new();
    let (login, sender) = (desk.application(&desk.usual, |_| {}), "login.request.sender");
    assert_eq!(broken(desk.login(A, &login, Purpose::History, NOW)), sender);
    desk.session(PORTAL, &login, Purpose::History);
    let login = desk.reception(|_| {});
    assert_eq!(broken(desk.login(D, &login, Purpose::EligibilityCheck, NOW)), sender);
    desk.session(A, &login, Purpose::EligibilityCheck);
}

#[test]
fn a_reception_takes_a_card_without_a_pin_and_says_so() {
    let mut desk = Desk::new();
    let context = |desk: &Desk, change: fn(&mut Reception<'_>)| {
        desk.session(A, &desk.reception(change), Purpose::EligibilityCheck).context
    };
    assert_eq!(context(&desk, |_| {}), Context::CardPresent);
    // Whoever has a copy of the certificate passes: the known limit.
    assert_eq!(context(&desk, |reception| reception.card_key = None), Context::CardWithoutPin);
    assert_eq!(context(&desk, |reception| reception.card = None), Context::VisibleNumber);

    let refused = |desk: &Desk, sentence: &str, change: &dyn Fn(&mut Reception<'_>)| {
        let login = desk.reception(change);
        assert_eq!(broken(desk.login(A, &login, Purpose::EligibilityCheck, NOW)), sentence);
    };
    refused(&desk, "login.reception.possession", &|reception| reception.card_key = Some(STAFF));
    refused(&desk, "login.operator.signature", &|reception| reception.staff_key = CARD);
    refused(&desk, "login.operator.signature", &|reception| reception.about = Some([0; 32]));
    for title in [None, Some("registration")] {
        let other = desk.staff.issue(clerk(title));
        refused(&desk, "login.operator.role", &|reception| reception.clerk = other.clone());
    }
    // A card of a person is no token of staff, and the reverse.
    let patient = desk.usual.clone();
    refused(&desk, "login.certificate.path", &|reception| {
        (reception.clerk, reception.staff_key) = (patient.clone(), CARD);
    });
    let login = desk.reception(|reception| reception.purpose = PURPOSE);
    assert_eq!(broken(desk.login(A, &login, PURPOSE, NOW)), "login.reception.purpose");

    desk.world.relay.cards.as_mut().unwrap().possession = true;
    refused(&desk, "login.reception.copied", &|reception| reception.card_key = None);
    assert_eq!(context(&desk, |_| {}), Context::CardPresent);
}

/// What the relay says about a person by a session.
fn mapped(desk: &Desk, party: &str, session: &str, purpose: Purpose, at: UnixTime) -> String {
    let ask = Ask { whom: Whom::Session(session.to_owned()), ..ask(0) };
    let sent = desk.by(party).map(&[ask], purpose, at).unwrap();
    let told = reply(desk.world.relay.handle(&request(&sent, party), at));
    let mapped = desk.by(party).take_mapping(sent.pending, &answer(&told), at).unwrap();
    mapped.results.into_iter().next().unwrap().1.map_or_else(|code| code, |_| "granted".to_owned())
}

#[test]
fn a_refusal_is_recorded_if_a_person_s_valid_card_was_shown() {
    let desk = Desk::new();
    let outcomes = || {
        let all = desk.world.log.all().unwrap();
        all.into_iter().map(|entry| (entry.person, entry.actor, entry.outcome)).collect::<Vec<_>>()
    };
    let refused = |login: &Login, party| desk.login(party, login, Purpose::History, NOW).unwrap_err();
    // Nobody's, or nobody can say whose. A valid card that nobody has is an entry about nobody.
    let stranger = desk.cards.issue(card("TEST Card"));
    let told = desk.login(PORTAL, &desk.application(&stranger, |_| {}), Purpose::History, NOW).unwrap();
    assert_eq!(told.status.code, code::NOT_MEMBER);
    let nobody = (None, PORTAL.to_owned(), code::NOT_MEMBER.to_owned());
    assert_eq!(outcomes().as_slice(), std::slice::from_ref(&nobody));
    refused(&desk.application_by(STAFF, &stranger, |_| {}), PORTAL);
    refused(&desk.application_by(STAFF, &desk.clerk, |_| {}), PORTAL);
    assert_eq!(outcomes().as_slice(), std::slice::from_ref(&nobody));
    refused(&desk.application_by(STAFF, &desk.usual, |_| {}), PORTAL);
    refused(&desk.response(&desk.usual, |signed| signed.challenge = "0"), PORTAL);
    refused(&desk.application(&desk.usual, |_| {}), A);
    let entry = |actor: &str| (Some(Person(1)), actor.to_owned(), "refused".to_owned());
    assert_eq!(outcomes(), [nobody, entry(PORTAL), entry(PORTAL), entry(A)]);
}

#[test]
fn a_session_stands_for_a_number_of_its_party_and_purpose_for_ten_minutes() {
    let desk = Desk::new();
    let check = Purpose::EligibilityCheck;
    let session = desk.session(A, &desk.reception(|_| {}), check).id;
    assert_eq!(mapped(&desk, A, &session, check, NOW), "granted");
    assert_eq!(mapped(&desk, A, &session, check, later(599)), "granted");
    let mapping = desk.world.log.all().unwrap().pop().unwrap();
    let login = LoggedIn { context: Context::CardPresent, operator: Some(desk.clerk.serial()) };
    assert_eq!((mapping.kind, mapping.login), (Kind::Mapping, Some(login)));
    assert_eq!(mapped(&desk, A, &session, check, later(600)), code::FORBIDDEN);
    assert_eq!(mapped(&desk, A, &session, PURPOSE, NOW), code::FORBIDDEN);
    assert_eq!(mapped(&desk, D, &session, check, NOW), code::FORBIDDEN);
    assert_eq!(mapped(&desk, A, "_unknown", check, NOW), code::FORBIDDEN);
    // What another party asks with it is recorded about the person until its end, and about nobody from then on, by whomever.
    let recorded = |party, at| {
        assert_eq!(mapped(&desk, party, &session, check, at), code::FORBIDDEN);
        desk.world.log.all().unwrap().pop().unwrap().person
    };
    assert_eq!(recorded(D, later(599)), Some(Person(1)));
    assert_eq!((recorded(D, later(600)), recorded(A, later(600))), (None, None));

    // Without cards there are no sessions, and no logins.
    let mut without = Desk::new();
    let login = without.application(&without.usual, |_| {});
    without.world.relay.cards = None;
    assert_eq!(mapped(&without, A, &session, check, NOW), code::INVALID);
    let told = without.login(PORTAL, &login, Purpose::History, NOW);
    assert_eq!(broken(told), "message.body.one-child");
}

#[test]
fn a_person_sees_the_logins_and_only_with_a_session_for_that() {
    let desk = Desk::new();
    desk.session(A, &desk.reception(|reception| reception.card_key = None), Purpose::EligibilityCheck);
    let session = desk.session(PORTAL, &desk.application(&desk.usual, |_| {}), Purpose::History).id;
    let seen = |session: &str, at| {
        let sent =
            desk.world.portal.history("", &Whom::Session(session.to_owned()), Range::default(), at).unwrap();
        let told = reply(desk.world.relay.handle(&request(&sent, PORTAL), at));
        desk.world.portal.take_history(sent.pending, &answer(&told), at).unwrap().entries
    };
    let entries = seen(&session, NOW);
    let told: Vec<_> =
        entries.iter().map(|entry| (entry.kind, entry.actor.as_str(), entry.outcome.as_str())).collect();
    assert_eq!(
        told,
        [
            (Kind::Login, A, "card-without-pin"),
            (Kind::Login, PORTAL, "application"),
            (Kind::History, PORTAL, "shown"),
        ]
    );
    // Each says how the person had logged in, and who was there.
    let ways: Vec<_> =
        entries.iter().map(|entry| (entry.authentication.unwrap(), entry.operator.as_deref())).collect();
    let staff = desk.clerk.serial();
    assert_eq!(
        ways,
        [
            (Context::CardWithoutPin, Some(staff.as_str())),
            (Context::Application, None),
            (Context::Application, None),
        ]
    );
    assert!(seen(&session, later(600)).is_empty());
    assert!(seen("_unknown", NOW).is_empty());
    let sent = desk.world.portal.history("", &Whom::Session(session.clone()), Range::default(), NOW).unwrap();
    let body = resigned(&sent.body, PORTAL, |root| {
        root.find_mut("//saml:NameID").set("NameQualifier", PORTAL);
    });
    let told = desk.world.relay(&with_body(&sent, body), PORTAL);
    let taken = desk.world.portal.take_history(sent.pending, &answer(&told), NOW).unwrap();
    assert!(taken.entries.is_empty(), "a session of another's");
    let other = desk.response(&desk.usual, |signed| signed.purpose = Purpose::EligibilityCheck);
    let other = desk.session(PORTAL, &other, Purpose::EligibilityCheck).id;
    assert!(seen(&other, NOW).is_empty(), "for another purpose");
}

#[test]
fn a_login_is_not_withheld_from_the_person() {
    let desk = Desk::new();
    let told = desk.withheld_login().unwrap();
    assert_eq!((told.sentence(), told.reason()), ("login.withholding.none", Reason::NotAuthorised));
    assert!(desk.world.log.all().unwrap().is_empty());
    // The same login without the wish.
    desk.session(PORTAL, &desk.application(&desk.usual, |_| {}), Purpose::History);
    assert_eq!(desk.world.log.all().unwrap().len(), 1);
}

/// Whether a relay with the faults of this one logs people in as this one says.
#[cfg(feature = "danger-faults")]
pub fn logs_in_wrongly(fault: chukei_relay::faults::Fault, world: &World) -> bool {
    use chukei_relay::faults::Fault;
    let mut desk = Desk::new();
    desk.world.relay.party.faults = world.relay.party.faults.clone();
    let check = Purpose::EligibilityCheck;
    let given = || desk.session(A, &desk.reception(|_| {}), check);
    match fault {
        Fault::SameChallenge => desk.challenge(A) == desk.challenge(A),
        Fault::InventsLogin => {
            desk.register(&desk.usual, Standing::Unknown);
            desk.login(A, &desk.reception(|_| {}), check, NOW).unwrap().session.is_some()
        }
        Fault::LongSession => given().until.seconds > NOW.0 + 600,
        Fault::HidesContext => given().context == Context::Challenge,
        Fault::ForgetsLogin => {
            given();
            desk.world.log.all().unwrap().iter().all(|entry| entry.login.is_none())
        }
        Fault::OneRightForLogins => {
            let login = desk.application(&desk.usual, |application| application.portal = A.to_owned());
            desk.login(A, &login, Purpose::History, NOW).is_ok()
        }
        Fault::CountsSessions => follow(&given().id, &given().id),
        Fault::CountsChallenges => follow(&desk.challenge(A), &desk.challenge(A)),
        Fault::MiscodesLogins => {
            let login = desk.application(&desk.usual, |application| application.at.seconds -= 1000);
            let sent = desk.by(PORTAL).login(&login, Purpose::History, NOW).unwrap();
            let told = String::from_utf8(desk.world.relay(&sent, PORTAL).body).unwrap();
            assert!(told.contains("StaleMsg") != told.contains("InvalidRequest"), "{told}");
            told.contains("InvalidRequest")
        }
        Fault::RecordsWithheldLogins => {
            desk.withheld_login().unwrap();
            !desk.world.log.all().unwrap().is_empty()
        }
        Fault::LogsVisibleNumber | Fault::LogsSession => {
            let login = desk.reception(|reception| reception.card = None);
            let sent = desk.by(A).login(&login, check, NOW).unwrap();
            desk.world.relay(&sent, A).danger_log.is_some()
        }
        Fault::ForgetsForeignSessions | Fault::RecordsEndedSessions => {
            let (party, at) = if fault == Fault::ForgetsForeignSessions { (D, NOW) } else { (A, later(600)) };
            mapped(&desk, party, &given().id, check, at);
            let person = desk.world.log.all().unwrap().pop().unwrap().person;
            person.is_some() == (fault == Fault::RecordsEndedSessions)
        }
        Fault::LogsBadSignaturesOnly => {
            let login = desk.application(&desk.usual, |application| application.relay = A.to_owned());
            desk.login(PORTAL, &login, Purpose::History, NOW).unwrap_err();
            desk.world.log.all().unwrap().is_empty()
        }
        Fault::SkipsRefusedLogins => {
            let login = desk.reception(|reception| reception.card_key = Some(2));
            desk.login(A, &login, check, NOW).unwrap_err();
            desk.world.log.all().unwrap().is_empty()
        }
        _ => {
            given();
            desk.world.log.all().unwrap().is_empty()
        }
    }
}

/// Whether they are as long as each other and differ in one place, as two numbers that follow one another.
#[cfg(feature = "danger-faults")]
pub fn follow(first: &str, second: &str) -> bool {
    let differing = first.bytes().zip(second.bytes()).filter(|(first, second)| first != second).count();
    first.len() == second.len() && differing == 1
}
