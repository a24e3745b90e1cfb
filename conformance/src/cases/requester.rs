//! Chapter 32 as the requester lives it: what the suite answers as relay and as insurer B.

use std::sync::Arc;

use chukei_forge::raw::Element;
use chukei_harness::{
    Broken, Draft, Face, Reply, Scripted,
    kit::USUAL_PERSON,
    message::{PURPOSE, body},
};
use chukei_spec::{Role, Sentence, req};

use crate::{
    acts::{ITEMS, Inquiry, link},
    case::{Case, Kind, Row, bends},
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.extend(ENVELOPES.iter().map(|row| Case::row(Kind::MappingAnswer, row)));
    cases.extend(ANSWERS.iter().map(|row| Case::row(Kind::LinkageAnswer, row)));
    for (id, deviation, scene) in FAULTS {
        let sentences: &[&'static Sentence] = &[req!("requester.answer.fault")];
        let twin = (Some("linkage-answer"), *deviation);
        cases.push(Case::scene(Role::Requester, id, twin, sentences, *scene).covering(&["SOAP-11"]));
    }
    let scene = |id: &str, scene: fn(&Face) -> Result<(), Broken>| {
        Case::scene(Role::Requester, id, (None, ""), &[], scene)
    };
    cases.extend([
        scene("link/eligibility", |face| {
            link(face, &Inquiry { items: &["eligibility"], ..Inquiry::default() }).map(drop)
        }),
        scene("link/other-person", |face| {
            link(face, &Inquiry { person: "homonym-1", ..Inquiry::default() }).map(drop)
        }),
        scene("link/not-member", |face| {
            link(face, &Inquiry { person: "not-member", ..Inquiry::default() }).map(drop)
        }),
        scene("relayed/link", |face| link(face, &VIA_RELAY).map(drop)).needing(&["relayed"]),
        scene("relayed/not-listed", not_listed).needing(&["relayed"]).covering(&["ENV-05"]),
    ]);
}

const VIA_RELAY: Inquiry = Inquiry { person: USUAL_PERSON, items: &ITEMS, via: "relay" };

/// The relay gives an envelope that does not list it as presenter: the requester may not send it there.
fn not_listed(face: &Face) -> Result<(), Broken> {
    face.bend("relay", "IdentityMappingRequest", |draft| {
        draft.reissue(|envelope| envelope.confirmations.truncate(1));
    });
    link(face, &VIA_RELAY)?;
    face.unscript();
    link(face, &VIA_RELAY).map(drop)
}

/// Changes the envelope in the relay's answer. It is signed before, by the relay: so what is changed here is made anew.
fn envelope(draft: &mut Draft, change: impl Fn(&mut chukei_harness::Envelope)) {
    draft.reissue(change);
}

const ENVELOPES: &[Row] = bends![
    "requester/envelope/unsigned" "requester.envelope.check" "Envelope+signer=unsigned" ["ENV-06"]
        |d| envelope(d, |e| e.signer = None);
    "requester/envelope/signed-by-another" "requester.envelope.check" "Envelope+signer=insurer-c" ["ENV-06"]
        |d| envelope(d, |e| e.signer = Some("insurer-c".into()));
    "requester/envelope/issuer-and-signer-other" "requester.envelope.check" "Envelope+signer=insurer-c" ["ENV-06"]
        |d| { let other = d.entity("insurer-c"); envelope(d, |e| { e.signer = Some("insurer-c".into()); e.issuer.clone_from(&other); }); };
    "requester/envelope/changed" "requester.envelope.check" "Envelope+signer=changed-after-signing" ["ENV-06"]
        |d| envelope(d, |e| e.after.push(|root| {
            root.find_mut("//saml:SubjectConfirmationData").set("NotOnOrAfter", "2035-01-01T00:00:00Z");
        }));
    "requester/envelope/other-audience" "requester.envelope.check" "Envelope/Conditions/AudienceRestriction=insurer-c" ["ENV-01"]
        |d| { let other = d.entity("insurer-c"); envelope(d, |e| e.audiences = vec![other.clone()]); };
    "requester/envelope/other-purpose" "requester.envelope.check" "Envelope/AttributeStatement=eligibility-check" ["ENV-04"]
        |d| envelope(d, |e| e.set("purpose", &format!("{PURPOSE}eligibility-check")));
    "requester/envelope/other-request" "requester.envelope.check" "Envelope/AttributeStatement=another-request" ["ENV-15"]
        |d| envelope(d, |e| e.set("request", "urn:example:test:another-request#1"));
    "signature/presence/envelope-changed" "signature.presence.all" "Envelope+signer=changed-after-signing" ["ENV-06"]
        |d| envelope(d, |e| e.after.push(|root| root.find_mut("saml:Conditions").set("NotOnOrAfter", "2035-01-01T00:00:00Z")));
    "signature/signer/of-message" "signature.signer.one" "Envelope+signer=signed-by-insurer-c" ["ENV-05"]
        |d| envelope(d, |e| e.signer = Some("insurer-c".into()));
    "signature/assertion/two" "signature.position.one-assertion" "Envelope[2]+signer=second-Assertion" ["XSW-12"]
        |d| {
            let token = d.body.find_mut("ims:MappingOutput/sec:Token");
            let mut second = token.find("saml:Assertion").clone();
            second.set("ID", "_second");
            drop(second.remove("ds:Signature"));
            token.children.push(second.into());
        };
    "requester/envelope/other-req-ref" "requester.envelope.check" "Body/IdentityMappingResponse/MappingOutput@reqRef=another" ["ENV-15"]
        |d| d.body.find_mut("ims:MappingOutput").set("reqRef", "another");
];

const ANSWERS: &[Row] = bends![
    "requester/answer/unsigned" "requester.answer.verified" "Header/Security/Signature+signer=unsigned" ["SOAP-11"]
        |d| d.tamper(|root| drop(root.remove("soap:Header/wsse:Security/ds:Signature")));
    "requester/answer/without-security" "requester.answer.verified" "Header/Security+signer=missing" ["SOAP-11"]
        |d| d.tamper(|root| drop(root.remove("soap:Header/wsse:Security")));
    "requester/answer/changed" "requester.answer.verified" "Body/LinkageAnswer+signer=changed-after-signing" ["ENV-06"]
        |d| d.tamper(|root| root.find_mut("soap:Body/ck:LinkageAnswer/ck:Benefit").set("amount", "1"));
    "requester/answer/by-another" "requester.answer.verified" "speaker=insurer-c" ["ENV-05"]
        |d| d.speak_as("insurer-c");
    "requester/answer/by-relay" "requester.answer.verified" "speaker=relay" ["ENV-05"]
        |d| d.speak_as("relay");
    "requester/answer/by-stranger" "requester.answer.verified" "speaker=stranger" ["ENV-05"]
        |d| d.speak_as("stranger");
    "xml/schema/attribute" "xml.schema.closed" "Body/LinkageAnswer/Benefit@name=attribute" []
        |d| d.body.find_mut("ck:Benefit").set("name", "x");
    "xml/schema/element" "xml.schema.closed" "Body/LinkageAnswer/Name=element" []
        |d| d.body.children.push(Element::new("ck:Name").text("x").into());
    "requester/status/no-data-with-data" "requester.answer.fault" "Body/LinkageAnswer/Status@code=NoData" ["SOAP-11"]
        |d| d.body.find_mut("lu:Status").set("code", "NoData");
    "requester/status/failed" "requester.answer.fault" "Body/LinkageAnswer/Status@code=Failed" ["SOAP-11"]
        |d| d.body.find_mut("lu:Status").set("code", "Failed");
];

type Fault = (&'static str, &'static str, fn(&Face) -> Result<(), Broken>);

/// Insurer B answers with something that is no answer.
const FAULTS: &[Fault] = &[
    ("requester/fault/server", "reply=fault", |face| reply(face, 500, || body::fault("soap:Server", "busy"))),
    ("requester/fault/as-success", "reply=fault-with-status-200", |face| {
        reply(face, 200, || body::fault("soap:Client", "refused"))
    }),
    ("requester/fault/with-data", "reply=fault-with-data", |face| {
        reply(face, 200, || {
            let fault = String::from_utf8(body::fault("soap:Client", "refused")).unwrap_or_default();
            let data =
                body::linkage_answer("OK", vec![Element::new("ck:Benefit").attribute("amount", "99999")]);
            fault
                .replace("</soap:Fault>", &format!("<detail>{}</detail></soap:Fault>", data.write()))
                .into_bytes()
        })
    }),
    ("requester/answer/empty", "reply=empty", |face| reply(face, 200, Vec::new)),
    ("requester/answer/garbage", "reply=garbage", |face| reply(face, 200, || b"OK".to_vec())),
];

fn reply(face: &Face, status: u16, body: fn() -> Vec<u8>) -> Result<(), Broken> {
    face.script(Arc::new(move |call, _| {
        let headers = vec![("content-type".to_owned(), "text/xml; charset=utf-8".to_owned())];
        let reply = Reply::Answer { status, headers, body: body() };
        (call.to == "insurer-b").then_some(Scripted { reply, deviates: true })
    }));
    link(face, &Inquiry::default())?;
    face.unscript();
    let before = face.calls();
    link(face, &Inquiry::default())?;
    face.probed(before);
    Ok(())
}
