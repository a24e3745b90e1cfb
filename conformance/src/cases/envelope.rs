//! Chapter 31 as the responder sees it: envelopes that it has to refuse, in queries that are otherwise in order.

use chukei_forge::raw::Element;
use chukei_harness::{
    Broken, Envelope, Face,
    kit::USUAL_PERSON,
    message::{Confirmation, PURPOSE, SCHEME},
};
use chukei_spec::{Role, req};
use chukei_xml::ns;

use crate::{
    acts::{self, ITEMS},
    case::{Case, Kind, Row, bends},
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.extend(ROWS.iter().chain(SEALED).map(|row| Case::row(Kind::Query, row)));
    cases.push(Case::usual(Kind::RelayedIn, &[]));
    cases.extend(RELAYED.iter().map(|row| Case::row(Kind::RelayedIn, row)));
    let once = (Some("query"), "repeats.envelope=true");
    let sentence = &[req!("envelope.use.once")];
    cases.push(
        Case::scene(Role::Responder, "envelope/use/again", once, sentence, again).covering(&["ENV-03"]),
    );
    let deviation = (Some("query"), "repeats.envelope+Body=true");
    let other =
        Case::scene(Role::Responder, "envelope/use/other-question", deviation, sentence, other_question);
    cases.push(other.covering(&["ENV-03"]));
    let exact = &[req!("envelope.exact-number"), req!("linkage.answer.person")];
    for (id, scene) in [
        ("envelope/number/full-width", full_width as fn(&Face) -> Result<(), Broken>),
        ("envelope/number/half-width", half_width),
        ("envelope/number/inner-space", inner_space),
    ] {
        cases.push(Case::scene(Role::Responder, id, (None, ""), exact, scene).covering(&["ENV-16"]));
    }
    let unknown = &[req!("envelope.exact-number")];
    cases.push(Case::scene(Role::Responder, "envelope/number/nobody", (None, ""), unknown, nobody));
}

fn about(face: &Face, person: &str) -> Result<(), Broken> {
    let draft = face.kit().query(person, &ITEMS);
    face.send("linkage", draft);
    Ok(())
}

fn full_width(face: &Face) -> Result<(), Broken> {
    about(face, USUAL_PERSON)
}

fn half_width(face: &Face) -> Result<(), Broken> {
    about(face, "half-width")
}

fn inner_space(face: &Face) -> Result<(), Broken> {
    about(face, "inner-space")
}

/// A number that becomes somebody's when its widths are folded: that of the sample, half in half-width digits.
fn nobody(face: &Face) -> Result<(), Broken> {
    let mut draft = face.kit().query(USUAL_PERSON, &ITEMS);
    let number = &mut draft.envelope().name_id.value;
    *number = number.replace('１', "1");
    face.send("linkage", draft);
    Ok(())
}

fn again(face: &Face) -> Result<(), Broken> {
    present_twice(face, &ITEMS)
}

fn other_question(face: &Face) -> Result<(), Broken> {
    present_twice(face, &["eligibility"])
}

/// The same envelope in two messages of the same requester.
fn present_twice(face: &Face, items: &[&str]) -> Result<(), Broken> {
    let first = face.kit().query(USUAL_PERSON, &ITEMS);
    let mut second = face.kit().query(USUAL_PERSON, items);
    second.envelopes.clone_from(&first.envelopes);
    face.send("linkage", first);
    face.send_deviating("linkage", second);
    acts::probe(face, Kind::Query);
    Ok(())
}

/// Who signed the envelope in the place of the relay.
fn signed_by(envelope: &mut Envelope, party: &str) {
    envelope.signer = Some(party.into());
}

const ROWS: &[Row] = bends![
    "envelope/present/none" "envelope.present.once" "Header/TargetIdentity+Envelope+Header/Security/Signature=missing" ["WSF-03"]
        |d| d.envelopes.clear();
    "envelope/present/empty" "envelope.present.once" "Envelope=empty" ["WSF-03"]
        |d| d.change(|root| root.find_mut("soap:Header/sb:TargetIdentity").children.clear());
    "envelope/present/two" "envelope.present.once" "Envelope[2]=second" ["ENV-14"]
        |d| {
            let mut second = d.envelope().clone();
            second.seed = second.seed.wrapping_add(1);
            second.id = d.world.forge(second.seed, 0).id("envelope");
            d.envelopes.push(second);
        };
    "envelope/present/number-in-clear" "envelope.present.once" "Envelope+Header/TargetIdentity=NameID" ["WSF-03", "ENV-07"]
        |d| {
            let number = d.envelope().name_id.build();
            d.change(move |root| root.find_mut("soap:Header/sb:TargetIdentity").children = vec![number.clone().into()]);
        };
    "envelope/present/encrypted-assertion" "envelope.present.once" "Envelope+Header/TargetIdentity=EncryptedAssertion" ["WSF-03"]
        |d| d.change(|root| {
            let target = root.find_mut("soap:Header/sb:TargetIdentity");
            target.children = vec![Element::declared(ns::SAML, "EncryptedAssertion").into()];
        });
    "message/header/target-identity-twice" "message.header.once" "Header/TargetIdentity[2]=second" ["XSW-19", "ENV-14"]
        |d| d.change(|root| {
            let second = Element::declared(ns::SB, "TargetIdentity").attribute("wsu:Id", "second");
            root.append("soap:Header", second);
        });
    "message/signature/target-identity" "message.signature.covers" "Header/Security/Signature+signer=target-identity-not-covered" ["SOAP-09", "ENV-04"]
        |d| d.uncovered.push("TargetIdentity");
    "envelope/signature/missing" "envelope.signature.relay" "Envelope+signer=unsigned" ["ENV-05"]
        |d| d.envelope().signer = None;
    "envelope/signature/by-requester" "envelope.signature.relay" "Envelope+signer=insurer-a" ["ENV-05"]
        |d| signed_by(d.envelope(), "insurer-a");
    "envelope/signature/by-other-insurer" "envelope.signature.relay" "Envelope+signer=insurer-c" ["ENV-05"]
        |d| signed_by(d.envelope(), "insurer-c");
    "envelope/signature/by-nobody" "envelope.signature.relay" "Envelope+signer=nobody" ["ENV-05"]
        |d| signed_by(d.envelope(), "nobody");
    "envelope/signature/issuer-and-signer-other" "envelope.signature.relay" "Envelope+signer=insurer-c" ["ENV-05"]
        |d| { let other = d.entity("insurer-c"); let envelope = d.envelope(); envelope.issuer = other; signed_by(envelope, "insurer-c"); };
    "envelope/signature/issuer-other" "envelope.signature.relay" "Envelope/Issuer=insurer-c" ["ENV-05"]
        |d| { let other = d.entity("insurer-c"); d.envelope().issuer = other; };
    "envelope/signature/audience-changed-behind" "envelope.signature.relay" "Envelope+signer=changed-after-signing" ["ENV-06"]
        |d| d.envelope().after.push(|root| {
            root.find_mut("//saml:SubjectConfirmationData").set("NotOnOrAfter", "2035-01-01T00:00:00Z");
        });
    "envelope/signature/ciphertext-exchanged" "envelope.signature.relay" "Envelope+signer=ciphertext-of-another" ["ENV-04", "ENV-06"]
        |d| d.envelope().after.push(|root| {
            // The wrapped key of the envelope, over itself: sealed by somebody else.
            let wrapped = root.find("//xenc:EncryptedKey/xenc:CipherData/xenc:CipherValue").content();
            let path = "saml:Subject/saml:EncryptedID/xenc:EncryptedData/xenc:CipherData/xenc:CipherValue";
            root.find_mut(path).set_content(&wrapped);
        });
    "envelope/version/missing" "envelope.version.known" "Envelope/AttributeStatement=missing" ["ENV-11"]
        |d| d.envelope().unset("version");
    "envelope/version/older" "envelope.version.known" "Envelope/AttributeStatement=0.9" ["ENV-11"]
        |d| d.envelope().set("version", "0.9");
    "envelope/version/newer" "envelope.version.known" "Envelope/AttributeStatement=2.0" ["ENV-11"]
        |d| d.envelope().set("version", "2.0");
    "envelope/audience/other" "envelope.audience.self" "Envelope/Conditions/AudienceRestriction=insurer-c" ["ENV-01", "ENV-02", "WSF-07"]
        |d| { let other = d.entity("insurer-c"); d.envelope().audiences = vec![other]; };
    "envelope/audience/both" "envelope.audience.self" "Envelope/Conditions/AudienceRestriction=insurer-b,insurer-c" ["ENV-01"]
        |d| { let other = d.entity("insurer-c"); d.envelope().audiences.push(other); };
    "envelope/audience/missing" "envelope.audience.self" "Envelope/Conditions/AudienceRestriction=missing" ["ENV-01"]
        |d| d.envelope().audiences.clear();
    "envelope/audience/longer" "envelope.audience.self" "Envelope/Conditions/AudienceRestriction=prefix" ["ENV-01"]
        |d| d.envelope().audiences.iter_mut().for_each(|audience| audience.push('x'));
    "envelope/condition/no-one-time-use" "envelope.one-time-use.present" "Envelope/Conditions/OneTimeUse=missing" ["ENV-03"]
        |d| d.envelope().one_time_use = false;
    "envelope/condition/unknown" "envelope.one-time-use.present" "Envelope/Conditions/Unknown=unknown" []
        |d| d.envelope().before.push(|root| {
            let condition = Element::new("x:Unknown").attribute("xmlns:x", "urn:example:test:condition");
            root.append("saml:Conditions", condition);
        });
    "envelope/condition/proxy-restriction" "envelope.one-time-use.present" "Envelope/Conditions/ProxyRestriction=unknown" []
        |d| d.envelope().before.push(|root| {
            root.append("saml:Conditions", Element::new("saml:ProxyRestriction").attribute("Count", "0"));
        });
    "envelope/window/expired" "envelope.window.current" "Envelope/Conditions=expired" ["ENV-12"]
        |d| d.envelope().window = (Some(-330), Some(-60));
    "envelope/window/future" "envelope.window.current" "Envelope/Conditions=in-4-minutes" ["ENV-12"]
        |d| d.envelope().window = (Some(240), Some(480));
    "envelope/window/wide" "envelope.window.current" "Envelope/Conditions=20-minutes" ["ENV-12"]
        |d| d.envelope().window = (Some(-600), Some(600));
    "envelope/window/millisecond-more" "envelope.window.current" "Envelope/Conditions@NotOnOrAfter=5-minutes-and-a-millisecond" ["ENV-12"]
        |d| d.envelope().before.push(|root| {
            let conditions = root.find_mut("saml:Conditions");
            let until = conditions.value("NotOnOrAfter").unwrap_or_default().replace('Z', ".001Z");
            conditions.set("NotOnOrAfter", &until);
        });
    "envelope/window/inverted" "envelope.window.current" "Envelope/Conditions=inverted" ["ENV-12"]
        |d| d.envelope().window = (Some(120), Some(60));
    "envelope/window/without-start" "envelope.window.current" "Envelope/Conditions@NotBefore=missing" ["ENV-12"]
        |d| d.envelope().window.0 = None;
    "envelope/window/without-end" "envelope.window.current" "Envelope/Conditions@NotOnOrAfter=missing" ["ENV-12"]
        |d| d.envelope().window.1 = None;
    "envelope/recipient/other" "envelope.recipient.self" "Envelope/Subject/SubjectConfirmation=insurer-c" ["ENV-01", "ENV-10"]
        |d| { let other = d.entity("insurer-c"); d.envelope().confirmation().recipient = Some(other); };
    "envelope/recipient/missing" "envelope.recipient.self" "Envelope/Subject/SubjectConfirmation=missing" ["ENV-01"]
        |d| d.envelope().confirmation().recipient = None;
    "envelope/holder/other-requester" "envelope.holder.sender" "speaker=insurer-d" ["ENV-05"]
        |d| d.speak_as("insurer-d");
    "envelope/holder/other-key" "envelope.holder.sender" "Envelope/Subject/SubjectConfirmation=key-of-insurer-d" ["ENV-05"]
        |d| d.envelope().confirmation().holder = Some("insurer-d".into());
    "envelope/holder/other-entity" "envelope.holder.sender" "Envelope/Subject/SubjectConfirmation=entity-of-insurer-d" ["ENV-05"]
        |d| { let other = d.entity("insurer-d"); d.envelope().confirmation().entity = Some(other); };
    "envelope/holder/bearer" "envelope.holder.sender" "Envelope/Subject/SubjectConfirmation=bearer" ["WSF-07"]
        |d| d.envelope().confirmation().method = "urn:oasis:names:tc:SAML:2.0:cm:bearer".into();
    "envelope/holder/sender-vouches" "envelope.holder.sender" "Envelope/Subject/SubjectConfirmation=sender-vouches" ["WSF-07"]
        |d| d.envelope().confirmation().method = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches".into();
    "envelope/holder/no-key" "envelope.holder.sender" "Envelope/Subject/SubjectConfirmation=without-key" ["ENV-05"]
        |d| d.envelope().confirmation().holder = None;
    "envelope/holder/none" "envelope.holder.sender" "Envelope/Subject/SubjectConfirmation=none" ["ENV-05"]
        |d| d.envelope().confirmations.clear();
    "envelope/purpose/other" "envelope.purpose.agrees" "Header/UsageDirective/Purpose=eligibility-check" ["ENV-04"]
        |d| d.purpose = Some(format!("{PURPOSE}eligibility-check"));
    "envelope/purpose/of-envelope-other" "envelope.purpose.agrees" "Envelope/AttributeStatement=eligibility-check" ["ENV-04"]
        |d| d.envelope().set("purpose", &format!("{PURPOSE}eligibility-check"));
    "envelope/purpose/missing" "envelope.purpose.agrees" "Envelope/AttributeStatement=missing" ["ENV-04"]
        |d| d.envelope().unset("purpose");
];

/// Between ciphertext and number.
const SEALED: &[Row] = bends![
    "envelope/opening/for-another" "envelope.open.one-answer" "Envelope=sealed-for-insurer-c" ["ENV-02", "ENV-06"]
        |d| d.envelope().sealed_for = "insurer-c".into();
    "envelope/opening/no-name-id" "envelope.open.one-answer" "Envelope.number=text" ["ENV-09"]
        |d| d.envelope().plaintext = Some(b"0123456789".to_vec());
    "envelope/opening/other-element" "envelope.open.one-answer" "Envelope.number=Issuer" ["ENV-09"]
        |d| d.envelope().plaintext = Some(Element::declared(ns::SAML, "Issuer").text("x").write().into_bytes());
    "envelope/name-id/sp-other" "envelope.name-id.qualifiers" "Envelope.number@SPNameQualifier=insurer-c" ["ENV-09", "ENV-10"]
        |d| { let other = d.entity("insurer-c"); d.envelope().name_id.sp_qualifier = Some(other); };
    "envelope/name-id/sp-missing" "envelope.name-id.qualifiers" "Envelope.number@SPNameQualifier=missing" ["ENV-09"]
        |d| d.envelope().name_id.sp_qualifier = None;
    "envelope/name-id/qualifier-other" "envelope.name-id.qualifiers" "Envelope.number@NameQualifier=insurer-a" ["ENV-09"]
        |d| { let other = d.entity("insurer-a"); d.envelope().name_id.qualifier = Some(other); };
    "envelope/name-id/qualifier-missing" "envelope.name-id.qualifiers" "Envelope.number@NameQualifier=missing" ["ENV-09"]
        |d| d.envelope().name_id.qualifier = None;
    "envelope/name-id/format-unknown" "envelope.name-id.format" "Envelope.number@Format=unknown" ["ENV-09"]
        |d| d.envelope().name_id.format = Some(format!("{SCHEME}unknown"));
    "envelope/name-id/format-persistent" "envelope.name-id.format" "Envelope.number@Format=persistent" ["ENV-09"]
        |d| d.envelope().name_id.format = Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".into());
    "envelope/name-id/format-missing" "envelope.name-id.format" "Envelope.number@Format=missing" ["ENV-09"]
        |d| d.envelope().name_id.format = None;
    "envelope/name-id/empty" "envelope.name-id.format" "Envelope.number#=empty" ["ENV-16"]
        |d| d.envelope().name_id.value.clear();
    "envelope/name-id/overlong" "envelope.name-id.format" "Envelope.number#=10000-digits" ["ENV-16"]
        |d| d.envelope().name_id.value = "1".repeat(10_000);
    "envelope/name-id/line-feed" "envelope.name-id.format" "Envelope.number#=line-feed" ["ENV-16"]
        |d| d.envelope().name_id.value.push('\n');
    "envelope/name-id/check-digit" "envelope.name-id.format" "Envelope.number@Format+Envelope.number#=wrong-check-digit" ["ENV-16"]
        |d| {
            let number = &mut d.envelope().name_id;
            number.format = Some(format!("{SCHEME}late-elderly"));
            number.value = "33120010".into();
        };
    "envelope/name-id/full-width-digits" "envelope.name-id.format" "Envelope.number@Format+Envelope.number#=full-width" ["ENV-16"]
        |d| {
            let number = &mut d.envelope().name_id;
            number.format = Some(format!("{SCHEME}late-elderly"));
            number.value = "３３１２００１５".into();
        };
];

/// What a query that the relay carries must have.
const RELAYED: &[Row] = bends![
    "relayed/present/not-listed" "relayed.present.listed" "Envelope/Subject=relay-not-listed" ["ENV-05"]
        |d| d.envelope().confirmations.truncate(1);
    "relayed/present/without-principal" "relayed.present.listed" "Body/LinkageQuery@onBehalfOf=missing" ["WSF-08"]
        |d| d.body.unset("onBehalfOf");
    "relayed/present/other-principal" "relayed.present.listed" "Body/LinkageQuery@onBehalfOf=insurer-d" ["WSF-08"]
        |d| { let other = d.entity("insurer-d"); d.body.set("onBehalfOf", &other); };
    "relayed/present/other-order" "relayed.present.listed" "Envelope/Subject=relay-first" ["ENV-05"]
        |d| d.envelope().confirmations.reverse();
    "relayed/present/other-key" "relayed.present.listed" "Envelope/Subject=relay-with-key-of-insurer-d" ["ENV-05"]
        |d| {
            let envelope = d.envelope();
            let second: Option<&mut Confirmation> = envelope.confirmations.get_mut(1);
            second.into_iter().for_each(|second| second.holder = Some("insurer-d".into()));
        };
];
