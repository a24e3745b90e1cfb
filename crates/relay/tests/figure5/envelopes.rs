//! What B refuses of an envelope, one deviation at a time (attacks ENV-01 … ENV-17).

use chukei_forge::{raw::Element, seal::SealSpec};
use chukei_idwsf::{PeerAnswer, Request};
use chukei_profile::{Scheme, linkage::Item};
use chukei_reason::{Answer, Reason};
use chukei_relay::Ask;
use chukei_xml::{lexical::DateTime, ns};

use crate::world::*;

/// A fresh query whose envelope was changed and signed again by the relay: why B refuses it.
fn refused(world: &World, change: impl FnOnce(&mut Element)) -> Option<Reason> {
    let sent = world.query();
    let body = resigned(&sent.body, A, |root| reissue(root, RELAY, change));
    world.refused_by_b(&with_body(&sent, body), A)
}

/// The same with another number in the ciphertext.
fn sealed(name_id: &Element) -> impl FnOnce(&mut Element) + use<> {
    let spec = SealSpec::encrypted_id(name_id, decryption_key(B).public_key());
    move |envelope| drop(envelope.replace("saml:Subject/saml:EncryptedID", spec.seal()))
}

fn name_id() -> Element {
    Element::declared(ns::SAML, "NameID")
        .attribute("Format", Scheme::MedicalInsured.uri())
        .attribute("NameQualifier", RELAY)
        .attribute("SPNameQualifier", B)
        .text(MEDICAL[0])
}

#[test]
fn who_made_it() {
    let world = World::new();
    assert_eq!(refused(&world, |_| {}), None);
    let by = |issuer: &'static str, change: fn(&mut Element)| {
        let sent = world.query();
        let body = resigned(&sent.body, A, |root| reissue(root, issuer, change));
        world.refused_by_b(&with_body(&sent, body), A)
    };
    // ENV-05: the sender, or another party, cannot speak for the relay, nor for itself.
    assert_eq!(by(A, |_| {}), Some(Reason::Signature));
    assert_eq!(by(D, |_| {}), Some(Reason::Signature));
    assert_eq!(by(A, |envelope| envelope.find_mut("saml:Issuer").set_content(A)), Some(Reason::Key));
    assert_eq!(
        by(RELAY, |envelope| envelope.find_mut("saml:Issuer").set_content(A)),
        Some(Reason::Signature)
    );

    // Under a sound signature of the message: no signature, a changed one, a ciphertext of another envelope.
    let other = world.query();
    let other = chukei_forge::raw::parse(std::str::from_utf8(&other.body).unwrap()).unwrap();
    let ciphertext = other.find(&format!("{IN_QUERY}/saml:Subject/saml:EncryptedID")).clone();
    type Change<'c> = &'c dyn Fn(&mut Element);
    let cases: [(&str, Change<'_>, Reason); 5] = [
        ("unsigned", &|envelope| drop(envelope.remove("ds:Signature")), Reason::Unsigned),
        (
            "ENV-04",
            &|envelope| drop(envelope.replace("saml:Subject/saml:EncryptedID", ciphertext.clone())),
            Reason::Digest,
        ),
        (
            "ENV-06",
            &|envelope| {
                let key = ciphertext.find("xenc:EncryptedData/ds:KeyInfo").clone();
                envelope.replace("saml:Subject/saml:EncryptedID/xenc:EncryptedData/ds:KeyInfo", key);
            },
            Reason::Digest,
        ),
        (
            "audience",
            &|envelope| {
                envelope.find_mut("saml:Conditions/saml:AudienceRestriction/saml:Audience").set_content(C)
            },
            Reason::Digest,
        ),
        ("white space", &|envelope| envelope.children.push(" ".into()), Reason::Digest),
    ];
    for (name, change, reason) in cases {
        let sent = world.query();
        let body = resigned(&sent.body, A, |root| change(root.find_mut(IN_QUERY)));
        assert_eq!(world.refused_by_b(&with_body(&sent, body), A), Some(reason), "{name}");
    }
}

#[test]
fn exactly_one_stands_in_target_identity() {
    let world = World::new();
    const AT: &str = "soap:Header/sb:TargetIdentity";
    let refused = |change: &dyn Fn(&mut Element)| {
        let sent = world.query();
        let body = resigned(&sent.body, A, |root| change(root));
        world.refused_by_b(&with_body(&sent, body), A)
    };
    assert_eq!(refused(&|_| {}), None);
    let second = world.query();
    let second =
        chukei_forge::raw::parse(std::str::from_utf8(&second.body).unwrap()).unwrap().find(IN_QUERY).clone();
    // ENV-14, WSF-03
    assert_eq!(refused(&|root| root.append(AT, second.clone())), Some(Reason::TargetIdentity));
    assert_eq!(refused(&|root| drop(root.remove(IN_QUERY))), Some(Reason::TargetIdentity));
    assert_eq!(
        refused(&|root| root.append(AT, Element::declared(ns::CK, "Other"))),
        Some(Reason::TargetIdentity)
    );
    assert_eq!(refused(&|root| drop(root.replace(IN_QUERY, name_id()))), Some(Reason::TargetIdentity));
    let clear = |root: &mut Element| {
        reissue(root, RELAY, |envelope| {
            envelope.replace("saml:Subject/saml:EncryptedID", name_id());
        });
    };
    assert_eq!(refused(&clear), Some(Reason::TargetIdentity));
}

#[test]
fn for_whom_when_and_how_often() {
    let world = World::new();
    let text = |path: &'static str, text: &str| {
        let text = text.to_owned();
        move |envelope: &mut Element| envelope.find_mut(path).set_content(&text)
    };
    const CONDITIONS: &str = "saml:Conditions";
    const AUDIENCE: &str = "saml:Conditions/saml:AudienceRestriction/saml:Audience";
    const DATA: &str = "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData";
    assert_eq!(refused(&world, |_| {}), None);

    // ENV-01, ENV-02: what is for B is of no use at C, nor the other way round.
    assert_eq!(refused(&world, text(AUDIENCE, C)), Some(Reason::Audience));
    assert_eq!(refused(&world, |e| e.duplicate(AUDIENCE)), Some(Reason::Audience));
    assert_eq!(
        refused(&world, |e| e.duplicate("saml:Conditions/saml:AudienceRestriction")),
        Some(Reason::Audience)
    );
    assert_eq!(
        refused(&world, |e| drop(e.remove("saml:Conditions/saml:AudienceRestriction"))),
        Some(Reason::Audience)
    );
    let sent = world.query();
    let to_c = resigned(&sent.body, A, |root| root.find_mut("soap:Header/wsa:To").set_content(&endpoint(C)));
    let at_c = Request { body: &to_c, ..request(&sent, A) };
    assert_eq!(reply(world.c.handle(&at_c, NOW)).refusal.unwrap().reason(), Reason::Audience);
    assert_eq!(refused(&world, |e| e.find_mut(DATA).set("Recipient", C)), Some(Reason::Recipient));
    assert_eq!(refused(&world, |e| e.find_mut(DATA).unset("Recipient")), Some(Reason::Recipient));

    // ENV-12
    let window = |from: i64, until: i64| {
        let time = |offset| DateTime { seconds: NOW.0 + offset, nanoseconds: 0 }.format();
        move |envelope: &mut Element| {
            envelope.find_mut(CONDITIONS).set("NotBefore", &time(from));
            envelope.find_mut(CONDITIONS).set("NotOnOrAfter", &time(until));
        }
    };
    for (from, until) in [(0, 300), (180, 480), (-299, 1)] {
        assert_eq!(refused(&world, window(from, until)), None, "{from} {until}");
    }
    for (from, until) in [(181, 400), (-300, 0), (0, 301), (10, 5), (-600, -300)] {
        assert_eq!(refused(&world, window(from, until)), Some(Reason::EnvelopeWindow), "{from} {until}");
    }
    for missing in ["NotBefore", "NotOnOrAfter"] {
        assert_eq!(refused(&world, |e| e.find_mut(CONDITIONS).unset(missing)), Some(Reason::EnvelopeWindow));
    }
    assert_eq!(refused(&world, |e| e.find_mut(DATA).unset("NotOnOrAfter")), Some(Reason::EnvelopeWindow));

    assert_eq!(
        refused(&world, |e| drop(e.remove("saml:Conditions/saml:OneTimeUse"))),
        Some(Reason::Condition)
    );
    let unknown = |e: &mut Element| e.append(CONDITIONS, Element::new("saml:ProxyRestriction"));
    assert_eq!(refused(&world, unknown), Some(Reason::Condition));

    // ENV-11
    const VERSION: &str = "saml:AttributeStatement/saml:Attribute[3]/saml:AttributeValue";
    for old in ["0.9", "1.1", "", "1.0 "] {
        assert_eq!(refused(&world, text(VERSION, old)), Some(Reason::Version), "{old}");
    }
    assert_eq!(refused(&world, |e| e.set("Version", "1.1")), Some(Reason::Version));
    assert_eq!(
        refused(&world, |e| drop(e.remove("saml:AttributeStatement/saml:Attribute[3]"))),
        Some(Reason::Version)
    );

    // The purpose of the message is that of the envelope.
    let other = chukei_profile::Purpose::EligibilityCheck.uri();
    const PURPOSE: &str = "saml:AttributeStatement/saml:Attribute[1]/saml:AttributeValue";
    assert_eq!(refused(&world, text(PURPOSE, other)), Some(Reason::PurposeMismatch));
    let sent = world.query();
    let stated = resigned(&sent.body, A, |root| {
        root.find_mut("soap:Header/sb:UsageDirective/ck:Purpose").set_content(other);
    });
    assert_eq!(world.refused_by_b(&with_body(&sent, stated), A), Some(Reason::PurposeMismatch));

    // ENV-03: in another message, too.
    let sent = world.query();
    let again =
        resigned(&sent.body, A, |root| root.find_mut("soap:Header/wsa:MessageID").set_content("urn:x:2"));
    assert_eq!(world.refused_by_b(&sent, A), None);
    assert_eq!(world.refused_by_b(&with_body(&sent, again), A), Some(Reason::EnvelopeReplay));
}

#[test]
fn its_holder_signs_the_message() {
    let world = World::new();
    const CONFIRMATION: &str = "saml:Subject/saml:SubjectConfirmation";
    const SHOWN: &str = "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData/ds:KeyInfo/ds:X509Data/ds:X509Certificate";
    assert_eq!(refused(&world, |_| {}), None);
    let d = chukei_xml::lexical::encode_base64(certificate(D).der());
    let holder =
        |e: &mut Element| e.find_mut("saml:Subject/saml:SubjectConfirmation/saml:NameID").set_content(D);
    assert_eq!(refused(&world, holder), Some(Reason::HolderOfKey));
    assert_eq!(refused(&world, |e| e.find_mut(SHOWN).set_content(&d)), Some(Reason::HolderOfKey));
    let bearer = |e: &mut Element| {
        e.find_mut(CONFIRMATION).set("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer");
    };
    assert_eq!(refused(&world, bearer), Some(Reason::HolderOfKey));
    let keyless = |e: &mut Element| {
        e.remove("saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData/ds:KeyInfo");
    };
    assert_eq!(refused(&world, keyless), Some(Reason::HolderOfKey));
    assert_eq!(refused(&world, |e| drop(e.remove(CONFIRMATION))), Some(Reason::HolderOfKey));

    // ENV-05: D presents A's envelope in a message of its own.
    let sent = world.query();
    let stolen = resigned(&sent.body, D, |root| {
        root.find_mut("soap:Header/sb:Sender").set("providerID", D);
        root.find_mut("soap:Header/wsse:Security/wsse:BinarySecurityToken").set_content(&d);
    });
    assert_eq!(world.refused_by_b(&with_body(&sent, stolen), D), Some(Reason::HolderOfKey));

    // Nor may A say that it asks for somebody else, and the relay only for the first holder.
    let sent = world.query();
    let on_behalf =
        resigned(&sent.body, A, |root| root.find_mut("soap:Body/ck:LinkageQuery").set("onBehalfOf", A));
    assert_eq!(world.refused_by_b(&with_body(&sent, on_behalf), A), Some(Reason::HolderOfKey));
    let via = Ask { via_relay: true, ..ask(0) };
    let forwarded = || {
        let sent = world.a.query_via_relay(world.envelope(&via), &Item::ALL, None, NOW).unwrap();
        let chukei_relay::Step::Send(forwarded) = world.relay.handle(&request(&sent, A), NOW) else {
            panic!("forwarded")
        };
        forwarded
    };
    let sent = forwarded();
    assert_eq!(world.refused_by_b(&sent, RELAY), None);
    for other in [Some(D), None] {
        let sent = forwarded();
        let body = resigned(&sent.body, RELAY, |root| match other {
            Some(other) => root.find_mut("soap:Body/ck:LinkageQuery").set("onBehalfOf", other),
            None => root.find_mut("soap:Body/ck:LinkageQuery").unset("onBehalfOf"),
        });
        assert_eq!(
            world.refused_by_b(&with_body(&sent, body), RELAY),
            Some(Reason::HolderOfKey),
            "{other:?}"
        );
    }
}

#[test]
fn what_the_ciphertext_hides_has_one_answer() {
    let world = World::new();
    assert_eq!(refused(&world, sealed(&name_id())), None);
    let mut told = Vec::new();
    let mut tell = |name: &str, change: Box<dyn FnOnce(&mut Element)>, reason: Reason| {
        let sent = world.query();
        let body = resigned(&sent.body, A, |root| reissue(root, RELAY, change));
        let reply = world.answer_of_b(&with_body(&sent, body), A);
        let refusal = reply.refusal.unwrap_or_else(|| panic!("{name} is refused"));
        assert_eq!((refusal.reason(), refusal.answer()), (reason, Answer::Dec), "{name}");
        told.push((reply.status, reply.body));
    };
    // ENV-02: for C's key.
    let for_c = SealSpec::encrypted_id(&name_id(), decryption_key(C).public_key());
    let replace = |spec: SealSpec| -> Box<dyn FnOnce(&mut Element)> {
        Box::new(move |e| drop(e.replace("saml:Subject/saml:EncryptedID", spec.seal())))
    };
    tell("another's key", replace(for_c), Reason::Decrypt);
    let spec = || SealSpec::encrypted_id(&name_id(), decryption_key(B).public_key());
    let broken = SealSpec {
        sealed: Some(|mut octets| {
            octets[20] ^= 1;
            octets
        }),
        ..spec()
    };
    tell("changed ciphertext", replace(broken), Reason::Decrypt);
    let weak = SealSpec { content_method: chukei_forge::seal::uri::AES256_CBC.to_owned(), ..spec() };
    tell("CBC", replace(weak), Reason::Algorithm);
    for wrong in ["", "x", "<a/>", "<!DOCTYPE a><a/>"] {
        let plain = SealSpec { plaintext: wrong.as_bytes().to_vec(), ..spec() };
        tell(wrong, replace(plain), Reason::Plaintext);
    }
    let mut extra = name_id();
    extra.set("SPProvidedID", "x");
    tell("attribute", Box::new(sealed(&extra)), Reason::Plaintext);
    // ENV-09, ENV-10
    for (attribute, value) in [
        ("SPNameQualifier", Some(C)),
        ("SPNameQualifier", None),
        ("NameQualifier", Some(A)),
        ("NameQualifier", None),
    ] {
        let mut other = name_id();
        match value {
            Some(value) => other.set(attribute, value),
            None => other.unset(attribute),
        }
        tell(attribute, Box::new(sealed(&other)), Reason::NameId);
    }
    for format in [Some(Scheme::LateElderly.uri()), Some("urn:example:scheme"), None] {
        let mut other = name_id();
        match format {
            Some(format) => other.set("Format", format),
            None => other.unset("Format"),
        }
        tell("Format", Box::new(sealed(&other)), Reason::NameIdFormat);
    }
    // ENV-16
    let long = "１".repeat(10_000);
    for number in ["", " ", "港\u{85}", "港１２３４ ", &long] {
        let mut other = name_id();
        other.set_content(number);
        tell(number, Box::new(sealed(&other)), Reason::NameIdFormat);
    }
    assert!(told.iter().all(|one| one == &told[0]) && told[0].0 == 500);
    // Numbers that are well formed, and nobody's, have no data.
    for number in ["' OR 1=1 --", "*)(uid=*", "../../etc", "港いろは１２３5", "0"] {
        let mut other = name_id();
        other.set_content(number);
        let sent = world.query();
        let body = resigned(&sent.body, A, |root| reissue(root, RELAY, sealed(&other)));
        let reply = world.answer_of_b(&with_body(&sent, body), A);
        let answer =
            world.a.take_answer(sent.pending, &PeerAnswer { status: reply.status, body: &reply.body }, NOW);
        assert_eq!(answer.unwrap().status.code, "NoData", "{number}");
    }
}
