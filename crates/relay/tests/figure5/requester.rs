//! What A refuses of answers (attacks WSA-04, ENV-15, SOAP-10, SOAP-11).

use chukei_forge::raw::Element;
use chukei_profile::linkage::Item;
use chukei_reason::Reason;
use chukei_relay::{Ask, PeerAnswer, Reply};
use chukei_xml::{lexical::encode_base64, ns};

use crate::world::*;

/// The relay's answer to a request about the first person, changed: why A refuses it.
fn refused_mapping(world: &World, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Option<Reason> {
    let sent = world.map(&[ask(0)]);
    let reply = world.relay(&sent, A);
    let body = change(&reply.body);
    let taken = world.a.take_mapping(sent.pending, &PeerAnswer { status: 200, body: &body }, NOW);
    taken.err().map(|refusal| refusal.reason())
}

fn by_relay(change: impl FnOnce(&mut Element)) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |body| resigned(body, RELAY, change)
}

fn envelope(change: impl FnOnce(&mut Element)) -> impl FnOnce(&[u8]) -> Vec<u8> {
    by_relay(|root| reissue_at(IN_ANSWER, root, RELAY, change))
}

/// The message as another party would send it.
fn sent_by(entity: &'static str) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |body| {
        resigned(body, entity, |root| {
            root.find_mut("soap:Header/sb:Sender").set("providerID", entity);
            let token = encode_base64(certificate(entity).der());
            root.find_mut("soap:Header/wsse:Security/wsse:BinarySecurityToken").set_content(&token);
        })
    }
}

#[test]
fn answers_are_of_the_party_asked_and_to_the_request() {
    let world = World::new();
    assert_eq!(refused_mapping(&world, <[u8]>::to_vec), None);
    assert_eq!(refused_mapping(&world, by_relay(|_| {})), None);
    assert_eq!(refused_mapping(&world, sent_by(D)), Some(Reason::Sender));
    assert_eq!(refused_mapping(&world, sent_by(STRANGER)), Some(Reason::Key));
    let altered = |body: &[u8]| {
        String::from_utf8(body.to_vec()).unwrap().replace("code=\"OK\"", "code=\"Failed\"").into_bytes()
    };
    assert_eq!(refused_mapping(&world, altered), Some(Reason::Digest));
    let unsigned = |body: &[u8]| {
        let mut root = chukei_forge::raw::parse(std::str::from_utf8(body).unwrap()).unwrap();
        root.remove("soap:Header/wsse:Security/ds:Signature");
        root.write().into_bytes()
    };
    assert_eq!(refused_mapping(&world, unsigned), Some(Reason::Unsigned));
    let no_security = |body: &[u8]| {
        let mut root = chukei_forge::raw::parse(std::str::from_utf8(body).unwrap()).unwrap();
        root.remove("soap:Header/wsse:Security");
        root.write().into_bytes()
    };
    assert_eq!(refused_mapping(&world, no_security), Some(Reason::Unsigned));

    const RELATES: &str = "soap:Header/wsa:RelatesTo";
    type Change = fn(&mut Element);
    let cases: [(Change, Reason); 6] = [
        (|root| drop(root.remove(RELATES)), Reason::Correlation),
        (|root| root.find_mut(RELATES).set_content("urn:uuid:other"), Reason::Correlation),
        (|root| root.find_mut(RELATES).set("RelationshipType", "urn:example:other"), Reason::Correlation),
        (
            |root| {
                root.duplicate(RELATES);
                root.find_mut("soap:Header/wsa:RelatesTo[2]").set("wsu:Id", "_twice");
            },
            Reason::DuplicateHeader,
        ),
        (|root| root.find_mut("soap:Header/wsa:To").set_content(A), Reason::To),
        (|root| root.find_mut("soap:Header/sbf:Framework").set("version", "1.1"), Reason::Framework),
    ];
    for (change, reason) in cases {
        assert_eq!(refused_mapping(&world, by_relay(change)), Some(reason));
    }

    // ENV-15: the answer to one request is none to another.
    let (one, two) = (world.map(&[ask(0)]), world.map(&[ask(0)]));
    let (to_one, to_two) = (world.relay(&one, A), world.relay(&two, A));
    let crossed = world.a.take_mapping(one.pending, &answer(&to_two), NOW).unwrap_err();
    assert_eq!(crossed.reason(), Reason::Correlation);
    assert!(world.a.take_mapping(two.pending, &answer(&to_two), NOW).is_ok());
    assert_eq!(to_one.status, 200);
}

#[test]
fn envelopes_are_for_us_and_for_what_we_asked() {
    let world = World::new();
    assert_eq!(refused_mapping(&world, envelope(|_| {})), None);
    const AUDIENCE: &str = "saml:Conditions/saml:AudienceRestriction/saml:Audience";
    type Change = fn(&mut Element);
    let cases: [(Change, Reason); 9] = [
        (|e| e.find_mut(AUDIENCE).set_content(C), Reason::Audience),
        (|e| e.duplicate(AUDIENCE), Reason::Audience),
        (
            |e| e.find_mut("saml:AttributeStatement/saml:Attribute[1]/saml:AttributeValue").set_content("x"),
            Reason::Unrequested,
        ),
        (
            |e| e.find_mut("saml:AttributeStatement/saml:Attribute[2]/saml:AttributeValue").set_content("x"),
            Reason::Unrequested,
        ),
        (
            |e| {
                e.find_mut("saml:AttributeStatement/saml:Attribute[3]/saml:AttributeValue").set_content("2.0")
            },
            Reason::Version,
        ),
        (
            |e| e.find_mut("saml:Conditions").set("NotOnOrAfter", "2026-07-01T01:00:00Z"),
            Reason::EnvelopeWindow,
        ),
        (
            |e| e.find_mut("saml:Conditions").set("NotOnOrAfter", "2026-06-30T23:59:59Z"),
            Reason::EnvelopeWindow,
        ),
        (
            |e| e.find_mut("saml:Subject/saml:SubjectConfirmation/saml:NameID").set_content(D),
            Reason::HolderOfKey,
        ),
        (
            |e| {
                let clear = Element::declared(ns::SAML, "NameID").text("x");
                e.replace("saml:Subject/saml:EncryptedID", clear);
            },
            Reason::TargetIdentity,
        ),
    ];
    for (at, (change, reason)) in cases.into_iter().enumerate() {
        assert_eq!(refused_mapping(&world, envelope(change)), Some(reason), "{at}");
    }
    let unsigned = by_relay(|root| drop(root.remove(&format!("{IN_ANSWER}/ds:Signature"))));
    assert_eq!(refused_mapping(&world, unsigned), Some(Reason::Unsigned));
    let by_b = by_relay(|root| {
        reissue_at(IN_ANSWER, root, B, |e| e.find_mut("saml:Issuer").set_content(B));
    });
    assert_eq!(refused_mapping(&world, by_b), Some(Reason::Key));

    // Each input answered once, and nothing else.
    const OUTPUT: &str = "soap:Body/ims:IdentityMappingResponse/ims:MappingOutput";
    let renamed = by_relay(|root| root.find_mut(OUTPUT).set("reqRef", "other"));
    assert_eq!(refused_mapping(&world, renamed), Some(Reason::Unrequested));
    assert_eq!(
        refused_mapping(&world, by_relay(|root| drop(root.remove(OUTPUT)))),
        Some(Reason::Unrequested)
    );
    let both = by_relay(|root| {
        let part = Element::new("lu:Status").attribute("code", "NotMember").attribute("ref", "r0");
        root.append("soap:Body/ims:IdentityMappingResponse/lu:Status", part);
    });
    assert_eq!(refused_mapping(&world, both), Some(Reason::Unrequested));

    // Two envelopes, exchanged.
    let sent = world.map(&[ask(0), ask(1)]);
    let reply = world.relay(&sent, A);
    let swapped = resigned(&reply.body, RELAY, |root| {
        root.find_mut(&format!("{OUTPUT}[1]")).set("reqRef", "r1");
        root.find_mut(&format!("{OUTPUT}[2]")).set("reqRef", "r0");
    });
    let refused = world.a.take_mapping(sent.pending, &PeerAnswer { status: 200, body: &swapped }, NOW);
    assert_eq!(refused.unwrap_err().reason(), Reason::Unrequested);
}

#[test]
fn a_fault_is_no_data() {
    let world = World::new();
    let fault = |reason| {
        let fault = chukei_idwsf::fault(reason);
        Reply { status: fault.status, ..Reply::message(fault.body) }
    };
    let take = |reply: &Reply| {
        let sent = world.query();
        world.a.take_answer(sent.pending, &answer(reply), NOW).err().map(|refusal| refusal.reason())
    };
    for reason in [Reason::To, Reason::Signature, Reason::Decrypt, Reason::Internal] {
        assert_eq!(take(&fault(reason)), Some(Reason::PeerFault));
        // Even with the status of success.
        assert_eq!(take(&Reply { status: 200, ..fault(reason) }), Some(Reason::PeerFault));
    }
    let answered = |items: &[Item], change: &dyn Fn(&mut Element)| {
        let sent = world.a.query(world.envelope(&ask(0)), items, None, NOW).unwrap();
        let reply = world.answer_of_b(&sent, A);
        let body = resigned(&reply.body, B, |root| change(root));
        let taken = world.a.take_answer(sent.pending, &PeerAnswer { status: 200, body: &body }, NOW);
        taken.err().map(|refusal| refusal.reason())
    };
    const ANSWER: &str = "soap:Body/ck:LinkageAnswer";
    let status = |code: &'static str| {
        move |root: &mut Element| root.find_mut("soap:Body/ck:LinkageAnswer/lu:Status").set("code", code)
    };
    assert_eq!(answered(&Item::ALL, &|_| {}), None);
    for code in ["Failed", "NoData", "Partial", "ok"] {
        assert_eq!(answered(&Item::ALL, &status(code)), Some(Reason::PeerFault), "{code}");
    }
    let empty = |root: &mut Element| {
        root.remove(&format!("{ANSWER}/ck:Eligibility"));
        root.remove(&format!("{ANSWER}/ck:Benefit"));
    };
    assert_eq!(answered(&Item::ALL, &empty), Some(Reason::PeerFault));
    let extra = |root: &mut Element| {
        let benefit = Element::new("ck:Benefit").attribute("kind", "other").attribute("from", "2026-01-01");
        root.append(ANSWER, benefit);
    };
    assert_eq!(answered(&Item::ALL, &extra), None);
    assert_eq!(answered(&[Item::Eligibility], &extra), Some(Reason::Unrequested));
    let named = |root: &mut Element| root.append(ANSWER, Element::new("ck:Name").text("x"));
    assert_eq!(answered(&Item::ALL, &named), Some(Reason::Schema));
    let no_day = |root: &mut Element| root.find_mut(&format!("{ANSWER}/ck:Eligibility")).unset("asOf");
    assert_eq!(answered(&Item::ALL, &no_day), Some(Reason::Schema));
    // Signed by the relay, whom nobody asked this time.
    let sent = world.query();
    let reply = world.answer_of_b(&sent, A);
    let body = sent_by(RELAY)(&reply.body);
    let taken = world.a.take_answer(sent.pending, &PeerAnswer { status: 200, body: &body }, NOW);
    assert_eq!(taken.unwrap_err().reason(), Reason::Sender);
    assert!(world.linkage(&Ask { target: None, ..ask(1) }, &Item::ALL).is_ok());
}
