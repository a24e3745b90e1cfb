//! The stages from end to end, each deviation beside its twin.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use chukei_crypto::{KeyKind, PrivateKey, SignatureAlgorithm, UnixTime};
use chukei_reason::{LimitKind, Reason};
use chukei_xml::{Budget, Document, Name, Writer, XmlError, ns};
use chukei_xml_security::{
    FromSigned, KeyUse, Part, Recipient, Sealed, Shape, Signed, Signing, TrustStore, TrustedKey, Unverified,
    open, sign_query, verify_query,
};

const ASSERTION: Name = ns::SAML.name("Assertion");
const RESPONSE: Name = ns::SAMLP.name("Response");
const ISSUER: Name = ns::SAML.name("Issuer");
const NAME_ID: Name = ns::SAML.name("NameID");
const RELAY: &str = "https://relay.example.test/";
const NOW: UnixTime = UnixTime(1_800_000_000);

#[derive(Debug)]
struct Subject(String);

impl FromSigned for Subject {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let mut children = signed.element()?.children();
        children.required(ISSUER)?;
        let name = children.required(NAME_ID)?.text()?.to_owned();
        children.finish()?;
        Ok(Self(name))
    }
}

struct World {
    key: PrivateKey,
    algorithm: SignatureAlgorithm,
    trust: TrustStore,
}

impl World {
    fn new(kind: KeyKind, algorithm: SignatureAlgorithm) -> Self {
        let key = PrivateKey::generate(kind).unwrap();
        let mut trust = TrustStore::new();
        trust.add(RELAY, TrustedKey::new(key.public_key().clone()));
        Self { key, algorithm, trust }
    }

    fn p256() -> Self {
        Self::new(KeyKind::P256, SignatureAlgorithm::EcdsaSha256)
    }

    fn assertion(&self) -> String {
        let signer = self.key.signer(self.algorithm).unwrap();
        let document = Signing::new(&signer).document(|w, slot| {
            w.open(ASSERTION).attribute("ID", "_a").element(ISSUER, RELAY);
            slot.enveloped(w, "_a");
            w.element(NAME_ID, "港いろは１２３４\n〜").close();
        });
        String::from_utf8(document.unwrap().write()).unwrap()
    }

    fn verify(&self, xml: &str, shape: &Shape) -> Result<String, Reason> {
        let mut budget = Budget::default();
        let document = Document::parse_within(xml, &mut budget).map_err(|e| e.reason())?;
        let unverified =
            Unverified::<Subject>::locate(document, shape, &mut budget).map_err(|e| e.reason())?;
        unverified.verify(&self.trust, NOW, &mut budget).map(|v| v.into_value().0).map_err(|r| r.reason())
    }
}

#[test]
fn an_assertion_is_read_from_what_was_signed() {
    for (kind, algorithm) in [
        (KeyKind::P256, SignatureAlgorithm::EcdsaSha256),
        (KeyKind::Rsa { bits: 2048 }, SignatureAlgorithm::RsaSha256),
        (KeyKind::Rsa { bits: 2048 }, SignatureAlgorithm::RsaPssSha256),
    ] {
        let world = World::new(kind, algorithm);
        let xml = world.assertion();
        let shape = Shape::root(ASSERTION);
        assert_eq!(world.verify(&xml, &shape).as_deref(), Ok("港いろは１２３４\n〜"));
        assert_eq!(world.verify(&xml.replace("１２３４", "１２３５"), &shape), Err(Reason::Digest));
        assert_eq!(
            world.verify(&xml.replace(RELAY, "https://other.example.test/"), &shape),
            Err(Reason::Key)
        );
        let other = World::new(kind, algorithm);
        assert_eq!(other.verify(&xml, &shape), Err(Reason::Signature));
    }
}

#[test]
fn a_response_holds_one_signed_assertion_where_the_schema_has_it() {
    let world = World::p256();
    let xml = world.assertion();
    let shape = Shape::child(RESPONSE, ASSERTION);
    let response = |content: &str| {
        format!("<samlp:Response xmlns:samlp='{}'>{content}</samlp:Response>", ns::SAMLP.uri())
    };
    assert!(world.verify(&response(&xml), &shape).is_ok());

    let evil = "<saml:Assertion xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion' ID='_e'/>";
    let cases = [
        (response(""), Reason::AssertionCount),
        (response(&format!("{evil}{xml}")), Reason::AssertionCount),
        (response(evil), Reason::Unsigned),
        (response(&format!("<x>{xml}</x>")), Reason::AssertionCount),
        (response(&format!("<x>{xml}</x>{evil}")), Reason::SignaturePosition),
        (response(&xml.replace("ID=\"_a\"", "ID=\"_b\"")), Reason::ReferenceTarget),
        (response(&format!("<x ID='_a'/>{xml}")), Reason::DuplicateId),
        (xml.clone(), Reason::RootElement),
    ];
    for (case, reason) in cases {
        assert_eq!(world.verify(&case, &shape), Err(reason), "{case}");
    }
    assert_eq!(world.verify(&response(&xml), &Shape::both(RESPONSE, ASSERTION)), Err(Reason::Unsigned));

    // Both signed, inside out.
    let signer = world.key.signer(world.algorithm).unwrap();
    let both = Signing::new(&signer).document(|w, slot| {
        w.open(RESPONSE).attribute("ID", "_r").element(ISSUER, RELAY);
        slot.enveloped(w, "_r");
        w.open(ASSERTION).attribute("ID", "_a").element(ISSUER, RELAY);
        slot.enveloped(w, "_a");
        w.element(NAME_ID, "x").close().close();
    });
    let both = String::from_utf8(both.unwrap().write()).unwrap();
    assert_eq!(world.verify(&both, &Shape::both(RESPONSE, ASSERTION)).as_deref(), Ok("x"));
    assert_eq!(world.verify(&both, &Shape::child(RESPONSE, ASSERTION)).as_deref(), Ok("x"));
    let other = World::p256();
    let signer = other.key.signer(other.algorithm).unwrap();
    let document = Document::parse(xml.as_bytes()).unwrap();
    let around = Signing::new(&signer).document(|w, slot| {
        w.open(RESPONSE).attribute("ID", "_r").element(ISSUER, "https://other.example.test/");
        slot.enveloped(w, "_r");
        w.graft(document.root()).close();
    });
    let mut trust = world.trust.clone();
    trust.add("https://other.example.test/", TrustedKey::new(other.key.public_key().clone()));
    let known = World { trust, ..World::p256() };
    let around = String::from_utf8(around.unwrap().write()).unwrap();
    assert_eq!(known.verify(&around, &Shape::both(RESPONSE, ASSERTION)), Err(Reason::Key));
    let changed = both.replace("ID=\"_r\"", "ID=\"_r\" Consent=\"x\"");
    assert_eq!(world.verify(&changed, &Shape::child(RESPONSE, ASSERTION)), Err(Reason::Digest));
}

#[test]
fn keys_count_for_their_use_and_their_time() {
    let world = World::p256();
    let xml = world.assertion();
    let verify = |key: TrustedKey| {
        let mut trust = TrustStore::new();
        trust.add(RELAY, key);
        World { trust, ..World::p256() }.verify(&xml, &Shape::root(ASSERTION))
    };
    let key = || TrustedKey::new(world.key.public_key().clone());
    let (before, after) = (UnixTime(NOW.0 - 1), UnixTime(NOW.0 + 1));
    assert!(verify(key().for_use(KeyUse::Signing).valid(NOW, after)).is_ok());
    assert_eq!(verify(key().for_use(KeyUse::Encryption)), Err(Reason::Key));
    assert_eq!(verify(key().valid(before, NOW)), Err(Reason::Key));
    assert_eq!(verify(key().valid(after, UnixTime(i64::MAX))), Err(Reason::Key));
}

#[test]
fn a_message_is_what_its_signature_covers() {
    struct Parts(String);
    impl FromSigned for Parts {
        fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
            assert_eq!(signed.element().unwrap_err().reason(), Reason::Coverage);
            let body = signed.body()?;
            let action = signed.header(ns::WSA.name("Action"))?;
            Ok(Self(format!(
                "{}/{}",
                body.only(NAME_ID)?.text()?,
                action.map_or("none", |a| a.text().unwrap())
            )))
        }
    }
    let world = World::p256();
    let signer = world.key.signer(world.algorithm).unwrap();
    let wsu = ns::WSU.name("Id");
    let message = |parts: &[Part<'_>]| {
        let document = Signing::new(&signer).document(|w, slot| {
            w.open(ns::SOAP.name("Envelope")).open(ns::SOAP.name("Header"));
            w.open(ns::SB.name("Sender")).attribute_in(wsu, "_s").attribute("providerID", RELAY).close();
            w.open(ns::WSA.name("Action")).attribute_in(wsu, "_act").text("urn:x").close();
            w.open(ns::WSSE.name("Security"));
            w.open(ns::WSSE.name("BinarySecurityToken")).attribute_in(wsu, "_t").text("AAAA").close();
            slot.message(w, parts, "_str", "_t");
            w.close().close();
            w.open(ns::SOAP.name("Body")).attribute_in(wsu, "_b").element(NAME_ID, "あ").close().close();
        });
        String::from_utf8(document.unwrap().write()).unwrap()
    };
    let verify = |xml: &str| {
        let mut budget = Budget::default();
        let document = Document::parse(xml).map_err(|e| e.reason())?;
        let unverified =
            Unverified::<Parts>::locate(document, &Shape::message(), &mut budget).map_err(|e| e.reason())?;
        unverified.verify(&world.trust, NOW, &mut budget).map(|v| v.into_value().0).map_err(|r| r.reason())
    };
    let all = [Part::Element("_b"), Part::Element("_act"), Part::Element("_s"), Part::Token("_str", "_t")];
    let xml = message(&all);
    assert_eq!(verify(&xml).as_deref(), Ok("あ/urn:x"));
    assert_eq!(verify(&message(&all[..1])), Err(Reason::Coverage));
    assert_eq!(verify(&message(&[Part::Element("_act")])), Err(Reason::Coverage));
    assert_eq!(verify(&xml.replace("AAAA", "AAAB")), Err(Reason::Digest));
    assert_eq!(verify(&xml.replace(">あ<", ">い<")), Err(Reason::Digest));
    let wrapped = xml.replace("<wsa:Action", "<x><wsa:Action").replace("</wsa:Action>", "</wsa:Action></x>");
    assert_eq!(verify(&wrapped), Err(Reason::ReferenceTarget));
    let for_another = xml.replacen("<wsse:Security", "<wsse:Security soap:actor=\"urn:x\"", 1);
    assert_eq!(verify(&for_another), Err(Reason::Unsigned));
    // A signed header block inside wsse:Security is no header block any more.
    let (before, rest) = xml.split_once("<wsa:Action").unwrap();
    let (action, rest) = rest.split_once("</wsa:Action>").unwrap();
    let action = format!("<wsa:Action{action}</wsa:Action>");
    let (open, rest) = rest.split_once('>').unwrap();
    assert_eq!(verify(&format!("{before}{open}>{action}{rest}")).as_deref(), Ok("あ/none"));
}

#[test]
fn an_assertion_in_a_message_is_verified_by_its_own_issuer() {
    const SENDER: &str = "https://insurer-a.example.test/";
    struct Token(Option<String>);
    impl FromSigned for Token {
        fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
            let holder = signed.header(ns::SB.name("TargetIdentity"))?.unwrap();
            let proven = signed.assertion(holder.only(ASSERTION)?);
            Ok(Self(proven.map(|(assertion, signer)| {
                assert!(assertion.elements().all(|child| !child.is(ns::DS.name("Signature"))));
                signer.to_owned()
            })))
        }
    }
    let (relay, sender) = (World::p256(), World::p256());
    let mut trust = TrustStore::new();
    trust.add(RELAY, TrustedKey::new(relay.key.public_key().clone()));
    trust.add(SENDER, TrustedKey::new(sender.key.public_key().clone()));
    let signer = sender.key.signer(sender.algorithm).unwrap();
    let wsu = ns::WSU.name("Id");
    let message = |envelope: &str| {
        let envelope = Document::parse(envelope).unwrap();
        let document = Signing::new(&signer).document(|w, slot| {
            w.open(ns::SOAP.name("Envelope")).open(ns::SOAP.name("Header"));
            w.open(ns::SB.name("Sender")).attribute_in(wsu, "_s").attribute("providerID", SENDER).close();
            w.open(ns::SB.name("TargetIdentity")).attribute_in(wsu, "_i").graft(envelope.root()).close();
            w.open(ns::WSSE.name("Security"));
            w.open(ns::WSSE.name("BinarySecurityToken")).attribute_in(wsu, "_t").text("AAAA").close();
            slot.message(w, &[Part::Element("_s"), Part::Element("_i"), Part::Element("_b")], "_str", "_t");
            w.close().close();
            w.open(ns::SOAP.name("Body")).attribute_in(wsu, "_b").close().close();
        });
        document.unwrap().write()
    };
    let verify = |xml: Vec<u8>| {
        let mut budget = Budget::default();
        let document = Document::parse(xml).unwrap();
        let unverified =
            Unverified::<Token>::locate(document, &Shape::message(), &mut budget).map_err(|e| e.reason())?;
        unverified.verify(&trust, NOW, &mut budget).map(|v| v.into_value().0).map_err(|r| r.reason())
    };
    let assertion = relay.assertion();
    assert_eq!(verify(message(&assertion)), Ok(Some(RELAY.to_owned())));
    assert_eq!(verify(message(&assertion.replace("１２３４", "１２３５"))), Err(Reason::Digest));
    // The sender, known as it is, cannot speak for the relay.
    assert_eq!(verify(message(&sender.assertion())), Err(Reason::Signature));
    let unsigned = format!("<saml:Assertion xmlns:saml='{}' ID='_a'/>", ns::SAML.uri());
    assert_eq!(verify(message(&unsigned)), Ok(None));
}

#[test]
fn nothing_outside_what_was_signed_can_be_seen() {
    struct Reach(usize);
    impl FromSigned for Reach {
        fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
            let element = signed.element()?;
            assert!(element.document().is_none() && element.parent().is_none());
            assert!(element.by_id("_around").is_none());
            assert!(element.children().any()?.unwrap().parent().unwrap().parent().is_none());
            Ok(Self(element.descendants().filter(|e| e.is(NAME_ID)).count()))
        }
    }
    let world = World::p256();
    let reach = |assertion: &str| {
        let mut budget = Budget::default();
        let around =
            format!("<p:Response xmlns:p='{}'><x ID='_around'/>{assertion}</p:Response>", ns::SAMLP.uri());
        let shape = Shape::child(RESPONSE, ASSERTION);
        let document = Document::parse(around).unwrap();
        let unverified =
            Unverified::<Reach>::locate(document, &shape, &mut budget).map_err(|e| e.reason())?;
        unverified.verify(&world.trust, NOW, &mut budget).map(|v| v.get().0).map_err(|r| r.reason())
    };
    let xml = world.assertion();
    assert_eq!(reach(&xml), Ok(1));
    // A signature does not cover itself, so whatever is put into it must not be read.
    let key_info = |content: &str| {
        xml.replace(
            "</ds:SignatureValue>",
            &format!("</ds:SignatureValue><ds:KeyInfo>{content}</ds:KeyInfo>"),
        )
    };
    assert_eq!(reach(&key_info("<ds:KeyName>x</ds:KeyName>")), Ok(1));
    assert_eq!(reach(&key_info("<ds:KeyValue><saml:NameID>evil</saml:NameID></ds:KeyValue>")), Ok(1));
    assert_eq!(reach(&key_info("<saml:NameID>evil</saml:NameID>")), Err(Reason::KeyInfo));
    assert_eq!(reach(&key_info("")), Err(Reason::Structure));
    // The signature stands after the issuer, not before it.
    let (start, rest) = xml.split_once("<saml:Issuer>").unwrap();
    let (issuer, rest) = rest.split_once("</saml:Issuer>").unwrap();
    let (signature, rest) = rest.split_once("</ds:Signature>").unwrap();
    let swapped = format!("{start}{signature}</ds:Signature><saml:Issuer>{issuer}</saml:Issuer>{rest}");
    assert_eq!(reach(&swapped), Err(Reason::SignaturePosition));
}

#[test]
fn what_is_sealed_opens_with_the_one_key_and_says_nothing_otherwise() {
    let (ours, other) = (
        PrivateKey::generate(KeyKind::Rsa { bits: 2048 }).unwrap(),
        PrivateKey::generate(KeyKind::Rsa { bits: 2048 }).unwrap(),
    );
    let holder = ns::SAML.name("EncryptedID");
    let seal = |plaintext: &str, block| {
        let recipient = Recipient { key: ours.public_key(), name: Some("https://insurer-b.example.test/") };
        let sealed = Sealed::new(plaintext.as_bytes(), recipient, block).unwrap();
        let document = Writer::build(|w| {
            w.open(holder);
            sealed.write(w);
            w.close();
        });
        String::from_utf8(document.unwrap().write()).unwrap()
    };
    let open_with = |xml: &str, key: &PrivateKey| {
        let document = Document::parse(xml).unwrap();
        let opened =
            open(document.root(), NAME_ID, &[key], &mut Budget::default()).map_err(|e| e.reason())?;
        Ok::<_, Reason>(opened.root().text().unwrap().to_owned())
    };
    let name = |text: &str| format!("<NameID xmlns='{}'>{text}</NameID>", ns::SAML.uri());
    let (short, long) = (seal(&name("１"), 512), seal(&name("１２３４５６７８"), 512));
    assert_eq!(open_with(&short, &ours).as_deref(), Ok("１"));
    assert_eq!(short.len(), long.len());
    assert_ne!(short, seal(&name("１"), 512));
    assert_eq!(open_with(&short, &other), Err(Reason::Decrypt));
    assert_eq!(
        open_with(&short.replacen("xmlenc11#rsa-oaep", "xmlenc#rsa-1_5", 1), &ours),
        Err(Reason::Algorithm)
    );
    assert_eq!(open_with(&short.replace("#Element", "#Content"), &ours), Err(Reason::Structure));
    for wrong in ["x", "<a/>", "<!DOCTYPE a><a/>", "<?xml version='1.0'?><a/>", &format!("{0}{0}", name("1"))]
    {
        assert_eq!(open_with(&seal(wrong, 1), &ours), Err(Reason::Plaintext), "{wrong}");
    }
    let nested = format!(
        "<NameID xmlns='{}'><e:EncryptedData xmlns:e='{}'/></NameID>",
        ns::SAML.uri(),
        ns::XENC.uri()
    );
    assert_eq!(open_with(&seal(&nested, 1), &ours), Err(Reason::Limit(LimitKind::EncDepth)));
}

#[test]
fn a_query_is_verified_over_its_octets() {
    let world = World::p256();
    let signer = world.key.signer(world.algorithm).unwrap();
    let query = sign_query(true, "fZ+/==", Some("a b&c"), &signer).unwrap();
    let verify = |query: &str| {
        let verified = verify_query(query, RELAY, &world.trust, NOW, &mut Budget::default());
        verified.map(|q| (q.message().to_owned(), q.relay_state().map(str::to_owned))).map_err(|e| e.reason())
    };
    assert_eq!(verify(&query), Ok(("fZ+/==".into(), Some("a b&c".into()))));
    assert_eq!(verify(&format!("x=1&{query}")).map(|_| ()), Ok(()));
    assert_eq!(verify(&query.replace("%2B", "%2b")), Err(Reason::Signature));
    assert_eq!(verify(&query.replace("a%20b", "a%20c")), Err(Reason::Signature));
    assert_eq!(verify(&format!("{query}&RelayState=x")), Err(Reason::Structure));
    assert_eq!(verify(query.split("&SigAlg").next().unwrap()), Err(Reason::Unsigned));
    assert_eq!(verify(&query.replace("ecdsa-sha256", "ecdsa-sha1")), Err(Reason::Algorithm));
}
