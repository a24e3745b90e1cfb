//! Messages from end to end between two parties, statuses, faults, identifiers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, sync::Mutex};

use chukei_crypto::{
    SignatureAlgorithm, UnixTime,
    test_pki::{Ca, LeafSpec, NOW, keys},
};
use chukei_idwsf::{
    Awaited, Checks, Compose, Content, Parts, Payload, PeerAnswer, Receiver, ReplayStore, Request, Status,
    SystemRandomness, Unavailable, fault, ims, message_id, xml_id,
};
use chukei_reason::{Answer, Reason};
use chukei_saml::{
    NameId,
    metadata::{Entity, Federation},
};
use chukei_xml::{Budget, Document, Element, Name, Writer, XmlError, ns};
use chukei_xml_security::{KeyUse, Signing};

const A: &str = "https://insurer-a.example.test/";
const RELAY: &str = "https://relay.example.test/";
const ENDPOINT: &str = "https://relay.example.test/soap";

#[derive(Default)]
struct Memory(Mutex<BTreeSet<(String, String)>>);

impl ReplayStore for Memory {
    fn first_use(&self, owner: &str, id: &str, _: UnixTime) -> Result<bool, Unavailable> {
        Ok(self.0.lock().map_err(|_| Unavailable::new("a lock"))?.insert((owner.into(), id.into())))
    }
}

/// A store that is down.
struct Down;

impl ReplayStore for Down {
    fn first_use(&self, _: &str, _: &str, _: UnixTime) -> Result<bool, Unavailable> {
        Err(Unavailable::new("it is down"))
    }
}

struct World {
    federation: Federation,
    certificates: Vec<chukei_crypto::Certificate>,
}

impl World {
    fn new() -> Self {
        let ca = Ca::new("TEST CA");
        let mut federation = Federation::new();
        let mut certificates = Vec::new();
        for (number, id) in [A, RELAY].into_iter().enumerate() {
            let certificate = ca.issue(LeafSpec::new("TEST", keys::p256(number + 1).public_key()));
            certificates.push(certificate.clone());
            let certificates = vec![(KeyUse::Signing, certificate)];
            let valid_until = UnixTime(NOW.0 + 1_000_000);
            federation
                .add(Entity { id: id.into(), valid_until, certificates, endpoint: format!("{id}soap") })
                .unwrap();
        }
        Self { federation, certificates }
    }

    fn sign<C: Content>(&self, compose: &Compose<'_>, content: &C, number: usize) -> Vec<u8> {
        let signer = keys::p256(number).signer(SignatureAlgorithm::EcdsaSha256).unwrap();
        let certificate = self.certificates.get(number - 1).unwrap();
        compose.sign(content, &Signing::new(&signer).with_certificate(certificate)).unwrap()
    }

    fn receiver<'a>(&'a self, replay: &'a dyn ReplayStore, checks: &'a Checks) -> Receiver<'a> {
        Receiver {
            endpoint: ENDPOINT,
            federation: &self.federation,
            purposes: &["urn:purpose"],
            checks,
            replay,
            now: NOW,
        }
    }
}

fn mapping_request() -> ims::MappingRequest {
    let input = |number: usize| ims::MappingInput {
        req_id: format!("r{number}"),
        wanted: "urn:scheme:b".into(),
        target: (number == 1).then(|| "https://insurer-b.example.test/".into()),
        issue_to: (number == 1).then(|| RELAY.into()),
        name_id: NameId::new("urn:scheme:a", "0000123456").by(A),
    };
    ims::MappingRequest { inputs: vec![input(1), input(2)] }
}

#[test]
fn a_request_and_its_answer() {
    let (world, memory, checks) = (World::new(), Memory::default(), Checks::default());
    let receiver = world.receiver(&memory, &checks);
    let id = message_id(&SystemRandomness).unwrap();
    let compose = Compose::request(A, ENDPOINT, &id, NOW).for_purpose("urn:purpose");
    let body = world.sign(&compose, &mapping_request(), 1);
    let request = Request {
        body: &body,
        soap_action: Some("\"urn:liberty:ims:2006-08:IdentityMappingRequest\""),
        tls_client: Some(world.certificates.first().unwrap().der()),
    };
    let accepted = receiver.request::<ims::MappingRequest>(&request, &mut Budget::default()).unwrap();
    assert_eq!((accepted.sender(), accepted.message_id()), (A, id.as_str()));
    assert_eq!(accepted.certificate(), world.certificates.first().unwrap().der());
    accepted.check(&checks).unwrap();
    let read: Vec<_> = accepted
        .inputs
        .iter()
        .map(|i| (i.req_id.as_str(), i.target.is_some(), i.issue_to.as_deref(), i.name_id.value.as_str()))
        .collect();
    assert_eq!(read, [("r1", true, Some(RELAY), "0000123456"), ("r2", false, None, "0000123456")]);

    let answer_id = message_id(&SystemRandomness).unwrap();
    let outputs = ims::Outputs { status: Status::new("Failed"), outputs: Vec::new() };
    let body = world.sign(&Compose::answer(RELAY, &id, &answer_id, NOW), &outputs, 2);
    let take = |message_id: &str, party: &str, status| {
        let awaited = Awaited { message_id: message_id.into(), party: party.into() };
        let fresh = Memory::default();
        let receiver = world.receiver(&fresh, &checks);
        let answer = PeerAnswer { status, body: &body };
        let taken = receiver.answer::<ims::MappingResponse>(awaited, &answer, &mut Budget::default());
        taken.map(|taken| taken.into_body().status.code).map_err(|refusal| refusal.reason())
    };
    assert_eq!(take(&id, RELAY, 200).as_deref(), Ok("Failed"));
    assert_eq!(take("urn:uuid:other", RELAY, 200), Err(Reason::Correlation));
    assert_eq!(take(&id, A, 200), Err(Reason::Sender));
    assert_eq!(take(&id, RELAY, 500), Err(Reason::PeerFault));
}

#[test]
fn a_store_that_is_down_lets_nothing_through() {
    let (world, checks) = (World::new(), Checks::default());
    let body = world.sign(
        &Compose::request(A, ENDPOINT, "urn:x:1", NOW).for_purpose("urn:purpose"),
        &mapping_request(),
        1,
    );
    let request = Request {
        body: &body,
        soap_action: Some("\"urn:liberty:ims:2006-08:IdentityMappingRequest\""),
        tls_client: Some(world.certificates.first().unwrap().der()),
    };
    let reach = |replay: &dyn ReplayStore| {
        let accepted =
            world.receiver(replay, &checks).request::<ims::MappingRequest>(&request, &mut Budget::default());
        accepted.map(drop).map_err(|refusal| refusal.reason())
    };
    assert_eq!(reach(&Memory::default()), Ok(()));
    assert_eq!(reach(&Down), Err(Reason::Internal));
}

#[test]
fn what_is_not_asked_about_a_person_needs_no_purpose() {
    struct Note;
    impl Content for Note {
        const NAME: Name = ns::CK.name("Note");
        fn write(&self, w: &mut Writer<'_>) {
            w.open(Self::NAME).close();
        }
    }
    impl Payload for Note {
        const NAMES: &'static [Name] = &[ns::CK.name("Note")];
        fn read(element: Element<'_>, _: &Parts<'_>) -> Result<Self, XmlError> {
            element.empty().map(|()| Self)
        }
    }
    let (world, checks, memory) = (World::new(), Checks::default(), Memory::default());
    let body = world.sign(&Compose::request(A, ENDPOINT, "urn:x:1", NOW), &Note, 1);
    let request = Request {
        body: &body,
        soap_action: Some("\"urn:chukei:1.0:Note\""),
        tls_client: Some(world.certificates.first().unwrap().der()),
    };
    assert!(world.receiver(&memory, &checks).request::<Note>(&request, &mut Budget::default()).is_ok());
    // Another endpoint does not take notes.
    let refused =
        world.receiver(&memory, &checks).request::<ims::MappingRequest>(&request, &mut Budget::default());
    assert_eq!(refused.unwrap_err().reason(), Reason::Body);
}

#[test]
fn statuses_have_two_levels() {
    let status = Status {
        parts: vec![Status::new("NotMember").about("r1"), Status::new("Invalid").about("r2")],
        ..Status::new("Partial")
    };
    let written = Writer::build(|w| status.write(w)).unwrap().write();
    assert_eq!(Status::read(Document::parse(written.clone()).unwrap().root()).unwrap(), status);
    let text = String::from_utf8(written).unwrap();
    for (from, to) in [
        ("code=\"Partial\"", ""),
        ("code=\"Partial\"", "code=\"\""),
        ("ref=\"r1\"></lu:Status>", "ref=\"r1\"><lu:Status code=\"x\"></lu:Status></lu:Status>"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let changed = Document::parse(text.replacen(from, to, 1)).unwrap();
        assert_eq!(Status::read(changed.root()).unwrap_err().reason(), Reason::Schema, "{to}");
    }
}

#[test]
fn faults_are_a_function_of_the_reason() {
    let told = |answer| -> BTreeSet<(u16, Vec<u8>)> {
        let same = Reason::all().filter(|reason| reason.answer() == answer);
        same.map(|reason| {
            let fault = fault(reason);
            (fault.status, fault.body)
        })
        .collect()
    };
    for (answer, status) in [
        (Answer::Auth, 500),
        (Answer::Dec, 500),
        (Answer::Bytes, 400),
        (Answer::TooLarge, 413),
        (Answer::Internal, 500),
    ] {
        let bodies = told(answer);
        assert_eq!(bodies.len(), 1, "{answer:?}");
        assert!(bodies.iter().all(|(code, _)| *code == status));
    }
    assert!(told(Answer::Semantic).len() > 5);
    for reason in Reason::all() {
        let document = Document::parse(fault(reason).body).unwrap();
        let fault =
            document.root().only(ns::SOAP.name("Body")).unwrap().only(ns::SOAP.name("Fault")).unwrap();
        let mut children = fault.children();
        children.required(ns::NONE.name("faultcode")).unwrap();
        children.required(ns::NONE.name("faultstring")).unwrap();
        let detail = children.optional(ns::NONE.name("detail")).unwrap();
        children.finish().unwrap();
        assert_eq!(detail.is_some(), reason.answer() == Answer::Semantic, "{reason}");
    }
    let text = |reason| String::from_utf8(fault(reason).body).unwrap();
    assert!(text(Reason::Framework).contains(">sbf:FrameworkVersionMismatch<"));
    assert!(text(Reason::Framework).contains("xmlns:sbf=\"urn:liberty:sb\""));
    assert!(text(Reason::MustUnderstand).contains(">soap:MustUnderstand<"));
    assert!(text(Reason::Window).contains("code=\"StaleMsg\""));
}

#[test]
fn identifiers_are_fresh_and_of_their_form() {
    let ids: BTreeSet<String> = (0..100).map(|_| message_id(&SystemRandomness).unwrap()).collect();
    assert_eq!(ids.len(), 100);
    for id in ids {
        let parts: Vec<usize> = id.strip_prefix("urn:uuid:").unwrap().split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
    }
    assert!(chukei_xml::lexical::is_ncname(&xml_id(&SystemRandomness).unwrap()));
}
