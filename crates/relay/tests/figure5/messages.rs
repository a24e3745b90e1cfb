//! What B refuses of a message, one deviation at a time (attacks SOAP-01 … 09, WSA-01 … 05, WSF-01 … 05).

use chukei_forge::raw::{self, Element};
use chukei_profile::linkage::Item;
#[cfg(feature = "danger-faults")]
use chukei_profile::{Scheme, history::Range};
use chukei_reason::{Answer, Reason};
use chukei_relay::{Outgoing, Request};
use chukei_xml::{
    lexical::{DateTime, encode_base64},
    ns,
};

use crate::world::*;

const HEADER: &str = "soap:Header";
const SECURITY: &str = "soap:Header/wsse:Security";
const TOKEN: &str = "soap:Header/wsse:Security/wsse:BinarySecurityToken";

/// A fresh query of A's to B, changed, signed again, sent: why it is refused.
fn refused(world: &World, change: impl FnOnce(&mut Element)) -> Option<Reason> {
    refused_over(world, A, &[], change)
}

fn refused_over(
    world: &World,
    signer: &str,
    unsigned: &[&str],
    change: impl FnOnce(&mut Element),
) -> Option<Reason> {
    let sent = world.query();
    let body = resigned_over(&sent.body, signer, unsigned, change);
    world.refused_by_b(&with_body(&sent, body), A)
}

fn block(name: &str, text: &str) -> Element {
    Element::new(name).attribute("wsu:Id", "_more").text(text)
}

fn foreign(must_understand: &str) -> Element {
    Element::new("x:Unknown")
        .attribute("xmlns:x", "urn:example:unknown")
        .attribute("soap:mustUnderstand", must_understand)
}

fn set_text(path: &'static str, text: &str) -> impl FnOnce(&mut Element) {
    let text = text.to_owned();
    move |root| root.find_mut(path).set_content(&text)
}

fn remove(path: &'static str) -> impl FnOnce(&mut Element) {
    move |root| {
        root.remove(path);
    }
}

#[test]
fn the_shape_of_soap_1_1() {
    let world = World::new();
    assert_eq!(refused(&world, |_| {}), None);
    type Change = fn(&mut Element);
    let cases: [(&str, Change); 6] = [
        ("Body first", |root| root.swap("soap:Header", "soap:Body")),
        ("two Bodies", |root| root.append(".", Element::new("soap:Body"))),
        ("something after Body", |root| root.append(".", Element::new("soap:After"))),
        ("two Headers", |root| root.insert_before("soap:Body", Element::new("soap:Header"))),
        ("text in Header", |root| root.find_mut(HEADER).children.insert(0, "x".into())),
        ("SOAP 1.2", |root| root.set("xmlns:soap", "http://www.w3.org/2003/05/soap-envelope")),
    ];
    for (name, change) in cases {
        assert_eq!(refused(&world, change), Some(Reason::Soap), "{name}");
    }
    // One child of Body, of a kind that is taken.
    for change in [
        (|root: &mut Element| root.duplicate("soap:Body/ck:LinkageQuery")) as Change,
        |root| drop(root.remove("soap:Body/ck:LinkageQuery")),
        |root| root.find_mut("soap:Body/ck:LinkageQuery").name = "ck:Other".into(),
        |root| root.find_mut("soap:Body").children.push("x".into()),
    ] {
        assert_eq!(refused(&world, change), Some(Reason::Body));
    }
}

#[test]
fn header_blocks_are_understood_and_stand_once() {
    let world = World::new();
    for ignored in [foreign("0"), foreign("1").attribute("soap:actor", "urn:example:other"), foreign("2")] {
        assert_eq!(refused(&world, |root| root.append(HEADER, ignored)), None);
    }
    for mandatory in [
        foreign("1"),
        foreign("true"),
        foreign(" 1 "),
        foreign("1").attribute("soap:actor", "http://schemas.xmlsoap.org/soap/actor/next"),
    ] {
        assert_eq!(refused(&world, |root| root.append(HEADER, mandatory)), Some(Reason::MustUnderstand));
    }
    for name in ["wsa:MessageID", "wsa:To", "wsa:Action", "sb:Sender", "sbf:Framework", "sb:UsageDirective"] {
        let twice = |root: &mut Element| {
            root.duplicate(&format!("{HEADER}/{name}"));
            root.find_mut(&format!("{HEADER}/{name}[2]")).set("wsu:Id", "_twice");
        };
        assert_eq!(refused(&world, twice), Some(Reason::DuplicateHeader), "{name}");
    }
    let twice = |root: &mut Element| {
        root.duplicate(&format!("{SECURITY}/wsu:Timestamp"));
        root.find_mut(&format!("{SECURITY}/wsu:Timestamp[2]")).set("wsu:Id", "_twice");
    };
    assert_eq!(refused(&world, twice), Some(Reason::DuplicateHeader));
    for actor in [None, Some("urn:example:other")] {
        let mut empty = Element::declared(ns::WSSE, "Security");
        if let Some(actor) = actor {
            empty = empty.attribute("soap:actor", actor);
        }
        assert_eq!(refused(&world, |root| root.append(HEADER, empty)), Some(Reason::DuplicateHeader));
    }
    let for_another = |root: &mut Element| root.find_mut(SECURITY).set("soap:actor", "urn:example:other");
    assert_eq!(refused(&world, for_another), Some(Reason::Unsigned));
}

#[test]
fn a_part_that_is_not_covered_does_not_exist() {
    let world = World::new();
    for part in [
        "_body",
        "_framework",
        "_sender",
        "_message",
        "_to",
        "_action",
        "_target",
        "_usage",
        "_timestamp",
        "_token",
    ] {
        assert_eq!(refused_over(&world, A, &[part], |_| {}), Some(Reason::Coverage), "{part}");
    }
    assert_eq!(refused_over(&world, A, &[], |_| {}), None);
    // Blocks that the standard allows are covered too, if they are there.
    let reply_to =
        || block("wsa:ReplyTo", "").child(Element::new("wsa:Address").text(chukei_idwsf::ANONYMOUS));
    assert_eq!(refused(&world, |root| root.append(HEADER, reply_to())), None);
    let uncovered = refused_over(&world, A, &["_more"], |root| root.append(HEADER, reply_to()));
    assert_eq!(uncovered, Some(Reason::Coverage));
}

#[test]
fn signer_sender_token_and_tls_client_are_one() {
    let world = World::new();
    let sender = |entity: &'static str| {
        move |root: &mut Element| root.find_mut("soap:Header/sb:Sender").set("providerID", entity)
    };
    let token = |entity: &'static str| {
        move |root: &mut Element| {
            root.find_mut(TOKEN).set_content(&encode_base64(certificate(entity).der()));
        }
    };
    assert_eq!(refused(&world, |_| {}), None);
    assert_eq!(refused(&world, sender(D)), Some(Reason::Sender));
    assert_eq!(refused(&world, remove("soap:Header/sb:Sender")), Some(Reason::Sender));
    assert_eq!(refused(&world, sender("https://nobody.example.test/")), Some(Reason::Sender));
    // Signed by D, said to be A's: whatever token is shown.
    assert_eq!(refused_over(&world, D, &[], |_| {}), Some(Reason::Signature));
    assert_eq!(refused_over(&world, D, &[], token(D)), Some(Reason::Sender));
    assert_eq!(refused(&world, token(D)), Some(Reason::Token));
    assert_eq!(refused(&world, token(STRANGER)), Some(Reason::Token));
    assert_eq!(
        refused_over(&world, STRANGER, &[], |root| {
            token(STRANGER)(root);
            sender(STRANGER)(root);
        }),
        Some(Reason::Key)
    );
    // The token's form.
    type Change = fn(&mut Element);
    for change in [
        (|root: &mut Element| drop(root.remove(TOKEN))) as Change,
        |root| root.find_mut(TOKEN).set("ValueType", "urn:example:other"),
        |root| root.find_mut(TOKEN).set("EncodingType", "urn:example:other"),
        |root| {
            root.insert_after(TOKEN, Element::new("wsse:BinarySecurityToken").attribute("wsu:Id", "_second"))
        },
        |root| root.append(SECURITY, Element::new("wsse:UsernameToken").attribute("wsu:Id", "_user")),
    ] {
        let sent = world.query();
        let mut root = chukei_forge::raw::parse(std::str::from_utf8(&sent.body).unwrap()).unwrap();
        root.remove("soap:Header/wsse:Security/ds:Signature");
        change(&mut root);
        let unsigned: &[&str] = if root.get(TOKEN).is_some() { &[] } else { &["_token"] };
        sign_message(&mut root, A, unsigned);
        let body = root.write().into_bytes();
        assert_eq!(world.refused_by_b(&with_body(&sent, body), A), Some(Reason::Token));
    }
    // The TLS client.
    let sent = world.query();
    assert_eq!(world.refused_by_b(&sent, D), Some(Reason::TlsClient));
    let none = Request { tls_client: None, ..request(&sent, A) };
    assert_eq!(reply(world.b.handle(&none, NOW)).refusal.unwrap().reason(), Reason::TlsClient);
    assert_eq!(world.refused_by_b(&sent, A), None);
}

#[test]
fn addressing() {
    let world = World::new();
    let cases: [(&str, &'static str, &str, Reason); 11] = [
        ("WSA-01 relative", "soap:Header/wsa:MessageID", "message-1", Reason::MessageId),
        ("WSA-01 empty", "soap:Header/wsa:MessageID", "", Reason::MessageId),
        ("WSA-01 spaces", "soap:Header/wsa:MessageID", "urn:uuid:1 2", Reason::MessageId),
        ("WSA-02 other party", "soap:Header/wsa:To", "https://insurer-c.example.test/soap", Reason::To),
        ("WSA-02 anonymous", "soap:Header/wsa:To", chukei_idwsf::ANONYMOUS, Reason::To),
        ("WSA-02 scheme", "soap:Header/wsa:To", "http://insurer-b.example.test/soap", Reason::To),
        ("WSA-02 port", "soap:Header/wsa:To", "https://insurer-b.example.test:443/soap", Reason::To),
        ("WSA-02 white space", "soap:Header/wsa:To", " https://insurer-b.example.test/soap", Reason::To),
        ("SOAP-04 other", "soap:Header/wsa:Action", "urn:chukei:1.0:DisclosureNotice", Reason::Action),
        ("SOAP-04 empty", "soap:Header/wsa:Action", "", Reason::Action),
        ("WSF-01 empty", "soap:Header/sbf:Framework", "", Reason::Framework),
    ];
    for (name, path, text, reason) in cases {
        let change = |root: &mut Element| {
            root.find_mut(path).set_content(text);
            if reason == Reason::Framework {
                root.find_mut(path).set("version", "1.0");
            }
        };
        assert_eq!(refused(&world, change), Some(reason), "{name}");
    }
    let long = format!("urn:uuid:{}", "1".repeat(248));
    assert_eq!(refused(&world, set_text("soap:Header/wsa:MessageID", &long)), Some(Reason::MessageId));
    assert_eq!(refused(&world, set_text("soap:Header/wsa:MessageID", &long[..256])), None);
    for (path, reason) in [
        ("soap:Header/wsa:MessageID", Reason::MessageId),
        ("soap:Header/wsa:To", Reason::To),
        ("soap:Header/wsa:Action", Reason::Action),
        ("soap:Header/sbf:Framework", Reason::Framework),
        ("soap:Header/sb:UsageDirective", Reason::Purpose),
        ("soap:Header/sb:TargetIdentity", Reason::TargetIdentity),
    ] {
        assert_eq!(refused(&world, remove(path)), Some(reason), "{path}");
    }
    // Another namespace of WS-Addressing is no header block of ours.
    let old = |root: &mut Element| {
        let to = root.find_mut("soap:Header/wsa:To");
        to.set("xmlns:wsa", "http://schemas.xmlsoap.org/ws/2004/08/addressing");
    };
    assert_eq!(refused(&world, old), Some(Reason::To));

    for name in ["wsa:ReplyTo", "wsa:FaultTo"] {
        let to = |address: &str| block(name, "").child(Element::new("wsa:Address").text(address));
        assert_eq!(refused(&world, |root| root.append(HEADER, to(chukei_idwsf::ANONYMOUS))), None);
        for elsewhere in ["https://collector.example.test/", "http://127.0.0.1/", ""] {
            assert_eq!(refused(&world, |root| root.append(HEADER, to(elsewhere))), Some(Reason::ReplyTo));
        }
    }
    let simulate = || block("sb:ProcessingContext", "urn:liberty:sb:2003-08:ProcessingContext:Simulate");
    let before = world.log.all().unwrap().len();
    assert_eq!(refused(&world, |root| root.append(HEADER, simulate())), Some(Reason::ProcessingContext));
    assert_eq!(world.log.all().unwrap().len(), before + 1); // the mapping of the envelope, no disclosure
}

#[test]
fn the_soap_action_says_what_body_is() {
    let world = World::new();
    let refused = |soap_action: Option<&str>| {
        let sent = world.query();
        let request = Request { soap_action, ..request(&sent, A) };
        world.finish(world.b.handle(&request, NOW)).refusal.map(|refusal| refusal.reason())
    };
    assert_eq!(refused(Some("\"urn:chukei:1.0:LinkageQuery\"")), None);
    for wrong in [
        None,
        Some(""),
        Some("\"\""),
        Some("urn:chukei:1.0:LinkageQuery"),
        Some("\"urn:chukei:1.0:LinkageQuery"),
        Some("\"urn:chukei:1.0:DisclosureNotice\""),
        Some("\"urn:chukei:1.0:LinkageQuery\", \"urn:chukei:1.0:LinkageQuery\""),
    ] {
        assert_eq!(refused(wrong), Some(Reason::Action), "{wrong:?}");
    }
}

/// [xml.schema.closed]: what no table has, in what the signature covers.
#[test]
fn header_blocks_and_body_are_closed() {
    type Change = fn(&mut Element);
    let world = World::new();
    let changes: [Change; 7] = [
        |root| root.find_mut("soap:Body").set("class", "x"),
        |root| root.find_mut("soap:Header/sbf:Framework").set_content("x"),
        |root| root.find_mut("soap:Header/sb:Sender").set("affiliationID", "urn:x"),
        |root| root.append("soap:Header/sb:Sender", Element::new("sb:Extra")),
        |root| root.find_mut("soap:Header/wsa:MessageID").set("class", "x"),
        |root| root.find_mut("soap:Header/sb:UsageDirective").set("class", "x"),
        |root| root.find_mut("soap:Header/sb:TargetIdentity").children.push(raw::Node::Text("x".into())),
    ];
    for (change, number) in changes.into_iter().zip(1..) {
        assert_eq!(refused(&world, change), Some(Reason::Schema), "{number}");
    }
    // These may stand on each, and a block that nobody knows may hold anything.
    let allowed = |root: &mut Element| {
        root.find_mut("soap:Header/sb:Sender").set("soap:mustUnderstand", "1");
        root.find_mut("soap:Header/wsa:To").set("soap:actor", "");
        let unknown = Element::declared(ns::DI, "Unknown").attribute("class", "x").text("x");
        root.append("soap:Header", unknown);
    };
    assert_eq!(refused(&world, allowed), None);
}

/// Good for five minutes and a millisecond.
pub fn a_millisecond_more(root: &mut Element) {
    root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Expires")
        .set_content("2026-07-01T00:05:00.001Z");
}

#[test]
fn messages_are_current_and_come_once() {
    let world = World::new();
    let window = |created: i64, expires: i64| {
        let time = |offset| DateTime { seconds: NOW.0 + offset, nanoseconds: 0 }.format();
        move |root: &mut Element| {
            root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Created").set_content(&time(created));
            root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Expires").set_content(&time(expires));
        }
    };
    for (created, expires) in [(0, 300), (-299, 1), (180, 480), (0, 1)] {
        assert_eq!(refused(&world, window(created, expires)), None, "{created} {expires}");
    }
    for (created, expires) in [(0, 301), (-300, 0), (181, 481), (10, 10), (20, 10), (-400, -100)] {
        assert_eq!(refused(&world, window(created, expires)), Some(Reason::Window), "{created} {expires}");
    }
    type Change = fn(&mut Element);
    for change in [
        (|root: &mut Element| drop(root.remove("soap:Header/wsse:Security/wsu:Timestamp"))) as Change,
        |root| drop(root.remove("soap:Header/wsse:Security/wsu:Timestamp/wsu:Expires")),
        |root| drop(root.remove("soap:Header/wsse:Security/wsu:Timestamp/wsu:Created")),
        |root| {
            root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Created")
                .set_content("2026-07-01T09:00:00+09:00")
        },
        a_millisecond_more,
    ] {
        assert_eq!(refused(&world, change), Some(Reason::Window));
    }

    // WSA-01, WSA-04: by (sender, MessageID), and only what was accepted is remembered.
    let (first, second) = (world.query(), world.query());
    let id = |sent: &Outgoing<_>| {
        let root = chukei_forge::raw::parse(std::str::from_utf8(&sent.body).unwrap()).unwrap();
        root.find("soap:Header/wsa:MessageID").content()
    };
    let first_id = id(&first);
    assert_eq!(world.refused_by_b(&first, D), Some(Reason::TlsClient));
    assert_eq!(world.refused_by_b(&first, A), None);
    assert_eq!(world.refused_by_b(&first, A), Some(Reason::Replay));
    let same_id = resigned(&second.body, A, set_text("soap:Header/wsa:MessageID", &first_id));
    assert_eq!(world.refused_by_b(&with_body(&second, same_id), A), Some(Reason::Replay));
}

#[test]
fn purposes_and_items() {
    let world = World::new();
    type Change = fn(&mut Element);
    const DIRECTIVE: &str = "soap:Header/sb:UsageDirective";
    for change in [
        (|root: &mut Element| {
            root.find_mut("soap:Header/sb:UsageDirective/ck:Purpose").set_content("urn:example:any")
        }) as Change,
        |root| root.find_mut(DIRECTIVE).set("ref", "_to"),
        |root| root.find_mut(DIRECTIVE).unset("ref"),
        |root| root.duplicate("soap:Header/sb:UsageDirective/ck:Purpose"),
        |root| drop(root.remove("soap:Header/sb:UsageDirective/ck:Purpose")),
    ] {
        assert_eq!(refused(&world, change), Some(Reason::Purpose));
    }
    assert_eq!(refused(&world, |_| {}), None);
    for change in [
        (|root: &mut Element| root.duplicate("soap:Body/ck:LinkageQuery/ck:Item")) as Change,
        |root| root.find_mut("soap:Body/ck:LinkageQuery/ck:Item").set_content("name"),
        |root| root.find_mut("soap:Body/ck:LinkageQuery").children.clear(),
    ] {
        assert_eq!(refused(&world, change), Some(Reason::Query));
    }
    let schema = |root: &mut Element| root.find_mut("soap:Body/ck:LinkageQuery").set("extra", "1");
    assert_eq!(refused(&world, schema), Some(Reason::Schema));
    let day = |root: &mut Element| root.find_mut("soap:Body/ck:LinkageQuery").set("asOf", "2026-02-30");
    assert_eq!(refused(&world, day), Some(Reason::DateTime));
}

#[test]
fn what_the_relay_refuses_of_a_mapping_request() {
    let world = World::new();
    let refused = |change: &dyn Fn(&mut Element)| {
        let sent = world.map(&[ask(0)]);
        let body = resigned(&sent.body, A, |root| change(root));
        world.refused_by_relay(&with_body(&sent, body), A)
    };
    const INPUT: &str = "soap:Body/ims:IdentityMappingRequest/ims:MappingInput";
    assert_eq!(refused(&|_| {}), None);
    assert_eq!(refused(&|root| root.duplicate(INPUT)), Some(Reason::MappingInput));
    assert_eq!(refused(&|root| root.find_mut(INPUT).unset("reqID")), Some(Reason::MappingInput));
    assert_eq!(refused(&|root| drop(root.remove(INPUT))), Some(Reason::MappingInput));
    let many = |count: usize| {
        move |root: &mut Element| {
            for at in 1..count {
                root.duplicate(INPUT);
                root.find_mut(&format!("{INPUT}[2]")).set("reqID", &format!("n{at}"));
            }
        }
    };
    assert_eq!(refused(&many(32)), None);
    assert_eq!(refused(&many(33)), Some(Reason::MappingInput));
    // Refusals of one input are no faults.
    let status = |change: &dyn Fn(&mut Element)| {
        let sent = world.map(&[ask(0)]);
        let body = resigned(&sent.body, A, |root| change(root));
        let reply = world.relay(&with_body(&sent, body), A);
        assert_eq!(reply.status, 200);
        let text = String::from_utf8(reply.body).unwrap();
        text.split("ref=\"r0\"")
            .next()
            .unwrap()
            .rsplit("code=\"")
            .next()
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    };
    let name_id = |root: &mut Element, text: &str| {
        root.find_mut(&format!("{INPUT}/sec:Token/saml:NameID")).set_content(text)
    };
    for wrong in ["", "123", "0000123456 ", "００００１２３４５６", "' OR 1=1 --", &"1".repeat(10_000)]
    {
        assert_eq!(status(&|root| name_id(root, wrong)), "Invalid", "{wrong}");
    }
    let attribute = |path: &str, name: &str, value: &str| {
        let (path, name, value) = (format!("{INPUT}/{path}"), name.to_owned(), value.to_owned());
        move |root: &mut Element| root.find_mut(&path).set(&name, &value)
    };
    assert_eq!(status(&attribute("sec:Token/saml:NameID", "Format", "urn:example:scheme")), "Invalid");
    assert_eq!(
        status(&attribute("sec:TokenPolicy/samlp:NameIDPolicy", "Format", "urn:example:scheme")),
        "Invalid"
    );
    assert_eq!(status(&attribute("sec:Token/saml:NameID", "NameQualifier", B)), "Forbidden");
    assert_eq!(
        status(&attribute("sec:TokenPolicy/samlp:NameIDPolicy", "SPNameQualifier", RELAY)),
        "Forbidden"
    );
    assert_eq!(status(&attribute("sec:TokenPolicy/samlp:NameIDPolicy", "SPNameQualifier", D)), "Forbidden");
    // ENV-13: without an agreement nobody learns whether a number is known.
    let purpose = |root: &mut Element| {
        let other = chukei_profile::Purpose::BenefitAdjustment.uri();
        root.find_mut("soap:Header/sb:UsageDirective/ck:Purpose").set_content(other);
    };
    assert_eq!(status(&purpose), "Forbidden");
    assert_eq!(
        status(&|root| {
            purpose(root);
            name_id(root, "0000999999");
        }),
        "Forbidden"
    );
    let sent = world.d.map(&[ask(0)], PURPOSE, NOW).unwrap();
    assert!(String::from_utf8(world.relay(&sent, D).body).unwrap().contains("Forbidden"));
}

#[test]
fn equal_answers_within_a_group() {
    let world = World::new();
    let told = |signer: &str, unsigned: &[&str], change: &dyn Fn(&mut Element)| {
        let sent = world.query();
        let body = resigned_over(&sent.body, signer, unsigned, |root| change(root));
        let reply = world.answer_of_b(&with_body(&sent, body), A);
        (reply.refusal.unwrap().answer(), reply.status, reply.body)
    };
    let auth = [
        told(A, &["_to"], &|_| {}),
        told(D, &[], &|_| {}),
        told(A, &[], &|root| root.find_mut("soap:Header/sb:Sender").set("providerID", D)),
        told(A, &[], &|root| root.append(SECURITY, Element::new("wsse:UsernameToken"))),
        told(A, &[], &|root| root.append(HEADER, Element::declared(ns::WSSE, "Security"))),
        told(A, &[], &|root| reissue(root, A, |_| {})),
    ];
    for one in &auth {
        assert_eq!(*one, auth[0]);
        assert_eq!((one.0, one.1), (Answer::Auth, 500));
    }
    let semantic = told(A, &[], &|root| root.find_mut("soap:Header/wsa:To").set_content("urn:x"));
    assert_ne!(semantic, auth[0]);
    let text = String::from_utf8(semantic.2).unwrap();
    assert!(text.contains("code=\"InvalidRequest\"") && !text.contains("urn:x"));
    // Bytes that are no message.
    let sent = world.query();
    for (bytes, status) in [(b"not xml".to_vec(), 400), (vec![b' '; 3 << 20], 413), (Vec::new(), 400)] {
        assert_eq!(world.answer_of_b(&with_body(&sent, bytes), A).status, status);
    }
    assert!(world.a.query(world.envelope(&ask(0)), &[Item::Eligibility], None, NOW).is_ok());
}

/// Whether a relay takes a look at a history as it does not take a mapping request: twice, or for no purpose.
#[cfg(feature = "danger-faults")]
pub fn only_mappings(fault: chukei_relay::faults::Fault, world: &World) -> bool {
    let is_repeated = fault == chukei_relay::faults::Fault::RemembersMappingsOnly;
    let bent = |body: &[u8], from: &str| match is_repeated {
        true => body.to_vec(),
        false => resigned(body, from, remove("soap:Header/sb:UsageDirective")),
    };
    let refused = |sent: &Outgoing<()>, from| {
        let first = world.refused_by_relay(sent, from);
        if is_repeated { world.refused_by_relay(sent, from).is_some() } else { first.is_some() }
    };
    let mapping = world.map(&[ask(0)]);
    assert!(refused(&with_body(&mapping, bent(&mapping.body, A)), A));
    let whom = number(Scheme::CareInsured, CARE[0]).into();
    let look = world.portal.history(A, &whom, Range::default(), NOW).unwrap();
    !refused(&with_body(&look, bent(&look.body, PORTAL)), PORTAL)
}
