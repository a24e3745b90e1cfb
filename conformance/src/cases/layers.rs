//! Chapters 10 to 13, as far as the forge's named mutations do not show them in these messages; and logs.

use chukei_forge::{
    raw::{Element, Node},
    sign::SignatureSpec,
};
use chukei_harness::{Broken, Draft, Face, kit::USUAL_PERSON, world::SEALING};
use chukei_spec::{Role, req};
use chukei_xml::ns;

use crate::{
    acts,
    case::{Case, Kind, Row, bends},
    cases::login,
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    for kind in [Kind::Query, Kind::Mapping, Kind::LinkageAnswer] {
        cases.extend(ANY.iter().chain(LARGE).map(|row| Case::row(kind, row)));
    }
    cases.extend(ENVELOPES.iter().map(|row| Case::row(Kind::Query, row)));
    cases.extend(IN_QUERIES.iter().map(|row| Case::row(Kind::Query, row)));
    cases.extend(IN_MAPPINGS.iter().map(|row| Case::row(Kind::Mapping, row)));
    cases.extend(IN_ANSWERS.iter().map(|row| Case::row(Kind::LinkageAnswer, row)));
    let sentence = &[req!("privacy.log.no-identifier")];
    for (role, scene) in [
        (Role::Responder, query_and_logs as fn(&Face) -> Result<(), Broken>),
        (Role::Relay, mapping_and_logs),
        (Role::Requester, link_and_logs),
    ] {
        let case = Case::scene(role, "privacy/logs", (None, ""), sentence, scene);
        cases.push(case.covering(&["ENV-07", "LOG-02"]).needing(&["test-control"]));
    }
    let logs = |id: &str, scene: fn(&Face) -> Result<(), Broken>| {
        Case::scene(Role::Relay, id, (None, ""), sentence, scene)
    };
    cases.extend([
        logs("privacy/logs/login", login_and_logs).needing(&["login", "test-control"]),
        logs("privacy/logs/ticket", ticket_and_logs).needing(&["login", "tls-login", "test-control"]),
    ]);
}

/// Logs in by the number on a card's face, and uses the session of another login, before the logs are looked at.
fn login_and_logs(face: &Face) -> Result<(), Broken> {
    let mut draft = acts::draft(face, Kind::Reception)?;
    let number = draft.world.visible_number(USUAL_PERSON).to_owned();
    draft.relogin(|login| login.visible = Some(number));
    face.send("mapping", draft);
    let session = login::logged_in(face, Kind::Application)?;
    login::look(face, &session, false);
    face.control("GET", "logs", None).map(drop)
}

/// Logs in with a ticket of the card door before the logs are looked at.
fn ticket_and_logs(face: &Face) -> Result<(), Broken> {
    let draft = acts::draft(face, Kind::Ticket)?;
    face.send("mapping", draft);
    face.control("GET", "logs", None).map(drop)
}

/// Signs another way: what is signed is changed, the rest of the message is in order.
fn resign(draft: &mut Draft, change: fn(&mut SignatureSpec)) {
    draft.signature.push(change);
}

const ANY: &[Row] = bends![
    "xml/namespace/relative" "xml.namespace.absolute" "bytes=relative-namespace" ["C14N-09"]
        |d| d.change(|root| root.find_mut("soap:Body").set("xmlns:x", "relative/name"));
    "xml/id/twice" "xml.id.unique" "bytes=Body-and-Timestamp-with-one-Id" ["SIG-06"]
        |d| d.tamper(|root| {
            let id = root.find("soap:Body").value("wsu:Id").unwrap_or_default().to_owned();
            root.find_mut("soap:Header/wsse:Security/wsu:Timestamp").set("wsu:Id", &id);
        });
    "xml/attribute/xml-id" "xml.attribute.reserved" "bytes=xml:id" ["XSW-23"]
        |d| d.change(|root| root.find_mut("soap:Body").set("xml:id", "body"));
    "xml/datetime/without-zone" "xml.datetime.form" "Header/Security/Timestamp/Created=without-Z" []
        |d| d.change(|root| {
            let created = root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Created");
            let text = created.content().replace('Z', "");
            created.set_content(&text);
        });
    "xml/datetime/white-space" "xml.datetime.form" "Header/Security/Timestamp/Created=white-space-before" []
        |d| d.change(|root| {
            let created = root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Created");
            let text = format!(" {}", created.content());
            created.set_content(&text);
        });
    "xml/datetime/offset" "xml.datetime.form" "Header/Security/Timestamp/Created=+09:00" []
        |d| d.change(|root| {
            let created = root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Created");
            let text = created.content().replace('Z', "+00:00");
            created.set_content(&text);
        });
    "xml/base64/token" "xml.base64.canonical" "Header/Security/BinarySecurityToken+signer=padding" []
        |d| d.change(|root| {
            let token = root.find_mut("soap:Header/wsse:Security/wsse:BinarySecurityToken");
            let text = token.content() + "====";
            token.set_content(&text);
        });
    "signature/root/assertion" "signature.position.root" "bytes=Body-as-root" []
        |d| d.tamper(|root| {
            let mut body = root.remove("soap:Body");
            body.name = "soap:Body".into();
            body.set("xmlns:soap", ns::SOAP.uri());
            body.set("xmlns:wsu", ns::WSU.uri());
            *root = body;
        });
    "signature/position/header-block" "signature.position.schema" "Header+signer=signature-outside-Security" ["XSW-27"]
        |d| d.tamper(|root| {
            let signature = root.remove("soap:Header/wsse:Security/ds:Signature");
            root.append("soap:Header", signature);
        });
    "signature/position/in-body" "signature.position.schema" "bytes=signature-in-Body" ["XSW-27"]
        |d| d.tamper(|root| {
            let signature = root.find("soap:Header/wsse:Security/ds:Signature").clone();
            root.append("soap:Body/*", signature);
        });
    "signature/value/of-another" "signature.value.verifies" "signer=value-of-zeros" ["SIG-17"]
        |d| resign(d, |spec| spec.value = Some(|_| chukei_xml::lexical::encode_base64(&[0; 256])));
    "signature/digest/of-another" "signature.digest.match" "signer=digest-of-nothing" ["SIG-16"]
        |d| resign(d, |spec| spec.references.iter_mut().take(1).for_each(|r| r.digest = Some(|_| vec![0; 32])));
    "signature/algorithm/sha-1" "signature.algorithm.closed" "Header/Security/Signature+signer=rsa-sha1" ["ALG-01"]
        |d| resign(d, |spec| spec.method = chukei_forge::sign::uri::RSA_SHA1.into());
    "signature/algorithm/digest-sha-1" "signature.algorithm.closed" "Header/Security/Signature+signer=sha1" ["ALG-01"]
        |d| resign(d, |spec| spec.references.iter_mut().for_each(|r| {
            r.digest_method = chukei_forge::sign::uri::SHA1.into();
        }));
    "signature/transform/xslt" "signature.transform.closed" "Header/Security/Signature+signer=xslt" ["SIG-11"]
        |d| resign(d, |spec| spec.references.iter_mut().take(1).for_each(|r| {
            r.transforms.push(chukei_forge::sign::TransformSpec::new(chukei_forge::sign::uri::XSLT));
        }));
    "signature/canonical/inclusive" "signature.algorithm.closed" "Header/Security/Signature+signer=c14n" ["C14N-01"]
        |d| resign(d, |spec| spec.canonicalization = chukei_forge::sign::uri::C14N.into());
    "signature/canonical/undeclared-prefix" "signature.canonical.exists" "Header/Security/Signature+signer=PrefixList" ["C14N-06"]
        |d| resign(d, |spec| {
            let first = spec.references.swap_remove(0).with_prefixes("undeclared");
            spec.references.insert(0, first);
        });
    "signature/reference/external" "signature.reference.fragment" "Header/Security/Signature+signer=http-uri" ["SIG-04"]
        |d| resign(d, |spec| spec.references.iter_mut().take(1).for_each(|r| {
            r.uri = Some("https://evil.example.test/body".into());
        }));
    "signature/reference/whole-document" "signature.reference.fragment" "Header/Security/Signature+signer=empty-uri" ["SIG-04"]
        |d| resign(d, |spec| spec.references.iter_mut().take(1).for_each(|r| r.uri = Some(String::new())));
    "signature/structure/object" "signature.structure.one-shape" "Header/Security/Signature+signer=Object" ["SIG-08", "XSW-08"]
        |d| resign(d, |spec| spec.objects.push(Element::new("ds:Object").into()));
    "signature/structure/two" "signature.structure.one-shape" "bytes=second-Signature" ["SIG-07"]
        |d| d.tamper(|root| root.duplicate("soap:Header/wsse:Security/ds:Signature"));
    "signature/key-info/retrieval" "key.info.hint-only" "Header/Security/Signature+signer=RetrievalMethod" ["KEY-05"]
        |d| resign(d, |spec| {
            let retrieval = Element::new("ds:RetrievalMethod").attribute("URI", "https://evil.example.test/key");
            spec.key_info = Some(Element::new("ds:KeyInfo").child(retrieval));
        });
    "signature/key-info/external-token" "key.info.hint-only" "Header/Security/Signature+signer=token-elsewhere" ["SOAP-08"]
        |d| resign(d, |spec| spec.key_info.iter_mut().for_each(|info| {
            info.find_mut("//wsse:Reference").set("URI", "https://evil.example.test/token");
        }));
    "signature/key/stranger" "key.trust.metadata-only" "speaker+Header/Sender=stranger-as-himself" ["META-03"]
        |d| d.speak_as("stranger");
    "signature/key/stranger-as-another" "key.trust.metadata-only" "signer+Header/Security/BinarySecurityToken=stranger" ["META-03"]
        |d| { d.signer = "stranger".into(); d.token = "stranger".into(); };
    // An envelope that names this very certificate as its holder's, so that nothing else is wrong with it.
    "signature/key/for-encryption" "key.trust.metadata-only" "signer+Header/Security/BinarySecurityToken+Envelope=key-for-encryption" ["KEY-10"]
        |d| {
            let own = format!("{SEALING}{}", d.signer);
            d.envelopes.iter_mut().for_each(|envelope| envelope.confirmation().holder = Some(own.clone()));
            d.signer.clone_from(&own);
            d.token = own;
        };
    "limit/bytes/canonical" "limit.bytes" "bytes=2-MiB-of-white-space" ["DOS-01"]
        |d| d.bytes.push(|mut bytes| { bytes.resize(bytes.len().max((2 << 20) + 1), b' '); bytes });
];

/// Envelopes in queries.
const ENVELOPES: &[Row] = bends![
    "signature/assertion/two" "signature.position.one-assertion" "Envelope[2]+signer=unsigned-second" ["XSW-12", "ENV-14"]
        |d| {
            let mut second = d.envelope().clone();
            second.seed = second.seed.wrapping_add(1);
            second.id = d.world.forge(second.seed, 0).id("envelope");
            second.signer = None;
            d.envelopes.push(second);
        };
    "signature/presence/envelope-of-another-key" "signature.presence.all" "Envelope+signer=signed-by-insurer-c" ["ENV-05"]
        |d| d.envelope().signer = Some("insurer-c".into());
    "signature/key/envelope-by-key-for-encryption" "key.trust.metadata-only" "Envelope+signer=key-for-encryption" ["KEY-10"]
        |d| d.envelope().signer = Some(format!("{SEALING}relay"));
    "signature/presence/envelope-changed" "signature.presence.all" "Envelope+signer=changed-after-signing" ["ENV-06"]
        |d| d.envelope().after.push(|root| root.find_mut("saml:Conditions").set("NotOnOrAfter", "2035-01-01T00:00:00Z"));
    "signature/signer/of-message" "signature.signer.one" "Envelope+signer=signed-by-requester" ["ENV-05"]
        |d| d.envelope().signer = Some("insurer-a".into());
    "encryption/structure/no-key" "encryption.structure.one-shape" "Envelope=without-EncryptedKey" ["ENC-12"]
        |d| d.envelope().seal.push(|spec| spec.key_place = chukei_forge::seal::KeyPlace::Missing);
    "encryption/structure/key-beside" "encryption.structure.one-shape" "Envelope=EncryptedKey-beside" ["ENC-12"]
        |d| d.envelope().seal.push(|spec| spec.key_place = chukei_forge::seal::KeyPlace::Beside);
    "encryption/structure/type-content" "encryption.structure.one-shape" "Envelope=type-Content" ["ENC-18"]
        |d| d.envelope().seal.push(|spec| {
            spec.attributes = vec![("Type".into(), chukei_forge::seal::uri::CONTENT.into())];
        });
    "encryption/structure/cipher-reference" "encryption.structure.one-shape" "Envelope=CipherReference" ["ENC-15"]
        |d| d.envelope().before.push(|root| {
            let data = root.find_mut("saml:Subject/saml:EncryptedID/xenc:EncryptedData/xenc:CipherData");
            data.children = vec![Element::new("xenc:CipherReference").attribute("URI", "https://evil.example.test/").into()];
        });
    "encryption/order/signed-inside" "encryption.order.encrypt-then-sign" "Envelope+Header/TargetIdentity+signer=sealed-assertion" ["ENC-20"]
        |d| {
            // Signed, and then sealed as a whole: an EncryptedAssertion in the place of the envelope.
            let (world, now) = (std::sync::Arc::clone(&d.world), d.now);
            let signed = d.envelope().build(&world, now);
            let mut spec = chukei_forge::seal::SealSpec::encrypted_id(&signed, &world.recipient("insurer-b"));
            spec.wrapper = Some("saml:EncryptedAssertion".into());
            spec.content_key = Some(d.envelope().content_key);
            spec.fixed = Some(d.envelope().content_key);
            let mut sealed = spec.seal();
            sealed.set("xmlns:saml", ns::SAML.uri());
            d.change(move |root| root.find_mut("soap:Header/sb:TargetIdentity").children = vec![sealed.clone().into()]);
        };
    "encryption/opening/unverified" "encryption.open.after-verify" "Envelope+signer=unsigned-and-sealed-for-another" ["ENV-06", "ENC-21"]
        |d| {
            let envelope = d.envelope();
            envelope.sealed_for = "insurer-c".into();
            envelope.signer = Some("insurer-c".into());
        };
    "limit/encryption/nested" "limit.encryption-depth" "Envelope.number=sealed-again" ["ENC-24"]
        |d| {
            let world = std::sync::Arc::clone(&d.world);
            let number = d.envelope().name_id.build();
            let mut inner = chukei_forge::seal::SealSpec::encrypted_id(&number, &world.recipient("insurer-b"));
            inner.content_key = Some([7; 32]);
            inner.fixed = Some([7; 32]);
            let mut name_id = d.envelope().name_id.build();
            name_id.children = vec![Node::Element(inner.seal().elements().next().cloned().unwrap_or(Element::new("x")))];
            d.envelope().plaintext = Some(name_id.write().into_bytes());
        };
];

/// Text in pieces, which has to be read as one.
/// What is within the limits is taken.
const LARGE: &[Row] = bends![
    "limit/accepted/large" "limit.accepted" "Header/Unknown=1900-KiB" []
        |d| enlarge(d);
];

const IN_QUERIES: &[Row] = bends![
    "xml/text/comment" "xml.text.whole" "pieces=comment-in-Item" ["C14N-02"]
        |d| d.tamper(|root| pieces(root.find_mut("soap:Body/ck:LinkageQuery/ck:Item"), Node::Comment("x".into())));
    "xml/text/cdata" "xml.text.whole" "pieces=CDATA-in-Item" ["C14N-02"]
        |d| d.tamper(|root| {
            let item = root.find_mut("soap:Body/ck:LinkageQuery/ck:Item");
            item.children = vec![Node::Text("eligi".into()), Node::Cdata("bility".into())];
        });
    "xml/text/comment-in-audience" "xml.text.whole" "pieces=comment-in-Audience" ["SAML-05"]
        |d| d.tamper(|root| pieces(root.find_mut("//saml:Audience"), Node::Comment("x".into())));
];

const IN_MAPPINGS: &[Row] = bends![
    "xml/text/comment" "xml.text.whole" "pieces=comment-in-number" ["C14N-02"]
        |d| d.tamper(|root| pieces(root.find_mut("//saml:NameID"), Node::Comment("x".into())));
    "xml/text/cdata" "xml.text.whole" "pieces=CDATA-in-number" ["C14N-02"]
        |d| d.tamper(|root| {
            let number = root.find_mut("//saml:NameID");
            number.children = vec![Node::Cdata(number.content())];
        });
];

const IN_ANSWERS: &[Row] = bends![
    "xml/text/comment" "xml.text.whole" "pieces=comment-in-RelatesTo" ["C14N-02"]
        |d| d.tamper(|root| pieces(root.find_mut("soap:Header/wsa:RelatesTo"), Node::Comment("x".into())));
    "xml/datetime/no-such-day" "xml.datetime.form" "Body/LinkageAnswer/Eligibility@recordedAt=february-30" []
        |d| d.body.find_mut("ck:Eligibility").set("recordedAt", "2026-02-30T00:00:00Z");
    "xml/datetime/leap-second" "xml.datetime.form" "Body/LinkageAnswer/Eligibility@recordedAt=leap-second" []
        |d| d.body.find_mut("ck:Eligibility").set("recordedAt", "2016-12-31T23:59:60Z");
    "xml/date/no-such-day" "xml.date.form" "Body/LinkageAnswer/Eligibility@from=february-30" []
        |d| d.body.find_mut("ck:Eligibility").set("from", "2008-02-30");
    "xml/integer/sign" "xml.integer.form" "Body/LinkageAnswer/Benefit@amount=+48200" []
        |d| d.body.find_mut("ck:Benefit").set("amount", "+48200");
];

/// Almost as many octets as a message may have, in a header block that nobody has to read.
fn enlarge(draft: &mut Draft) {
    draft.change(|root| {
        let text = "x".repeat(475 * 1024);
        let parts = std::iter::repeat_n(Element::new("x:Part").text(&text), 4);
        let block = Element::new("x:Unknown").attribute("xmlns:x", "urn:example:test:unknown");
        root.append("soap:Header", block.children(parts));
    });
}

/// Divides a text in the middle.
fn pieces(element: &mut Element, by: Node) {
    let text: Vec<char> = element.content().chars().collect();
    let (before, after) = text.split_at(text.len() / 2);
    let text = |part: &[char]| Node::Text(part.iter().collect());
    element.children = vec![text(before), by, text(after)];
}

fn query_and_logs(face: &Face) -> Result<(), Broken> {
    let good = acts::draft(face, Kind::Query)?;
    face.send("linkage", good);
    let mut bad = acts::draft(face, Kind::Query)?;
    bad.envelope().name_id.qualifier = None;
    face.send("linkage", bad);
    face.control("GET", "logs", None).map(drop)
}

fn mapping_and_logs(face: &Face) -> Result<(), Broken> {
    let good = acts::draft(face, Kind::Mapping)?;
    face.send("mapping", good);
    let mut bad = acts::draft(face, Kind::Mapping)?;
    bad.speak_as("insurer-d");
    face.send("mapping", bad);
    face.control("GET", "logs", None).map(drop)
}

fn link_and_logs(face: &Face) -> Result<(), Broken> {
    acts::link(face, &acts::Inquiry::default())?;
    face.control("GET", "logs", None).map(drop)
}
