//! Chapter 20: what every receiver refuses, as requests to a responder and a relay, and as answers to a requester.

use chukei_forge::{
    raw::{Element, Node},
    sign::SignatureSpec,
    wss,
};
use chukei_harness::{
    Broken, Draft, Face,
    kit::USUAL_PURPOSE,
    message::{PURPOSE, SoapAction, body},
    world::{EXPIRED, SECOND},
};
use chukei_spec::req;
use chukei_xml::ns;

use crate::{
    acts,
    case::{Case, Kind, Row, bends},
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    for kind in [Kind::Query, Kind::Mapping] {
        cases.push(Case::usual(kind, &[]));
        let tables = [ANY, REQUESTS, ABOUT_PERSONS];
        cases.extend(tables.into_iter().flatten().map(|row| Case::row(kind, row)));
    }
    // A relay takes more kinds than one, and its other doors must not be open wider.
    cases.push(Case::usual(Kind::Notice, &[]));
    cases.push(Case::usual(Kind::History, &[]));
    cases.push(Case::usual(Kind::MappingAnswer, &[]));
    let again = ["message/sender/missing", "message/signature/body", "message/timestamp/missing"];
    for row in ANY.iter().filter(|row| !is_hopeless(row.id)) {
        cases.push(Case::row(Kind::LinkageAnswer, row));
        if again.contains(&row.id) {
            let at = Row { id: forever(&format!("{}/mapping-answer", row.id)), ..*row };
            cases.push(Case::row(Kind::MappingAnswer, &at));
        }
    }
    for row in REQUESTS.iter().filter(|row| row.id.ends_with("third-party")) {
        cases.push(Case::row(Kind::LinkageAnswer, row));
    }
    for row in ANSWERS {
        cases.push(Case::row(Kind::LinkageAnswer, row));
    }
    cases.push(Case::usual(Kind::LinkageAnswer, &[]));
    edges(cases);
    cases.extend([Kind::Query, Kind::Mapping].map(replayed));
    others_of_a_relay(cases);
}

/// What is just beyond what has to be taken. The twin of a request is at the edge, so that it differs in nothing else: signed with
/// another key than the first, good for five minutes.
fn edges(cases: &mut Vec<Case>) {
    type Scene = fn(&Face) -> Result<(), Broken>;
    let second: [Scene; 2] =
        [|face| sent(face, Kind::Query, by_second), |face| sent(face, Kind::Mapping, by_second)];
    let five: [Scene; 2] =
        [|face| sent(face, Kind::Query, five_minutes), |face| sent(face, Kind::Mapping, five_minutes)];
    for (row, id, scenes) in
        [(&ENDED, "message/certificate/second", second), (&BEYOND, "message/timestamp/five-minutes", five)]
    {
        for (kind, scene) in [Kind::Query, Kind::Mapping].into_iter().zip(scenes) {
            let twin = Case::scene(kind.role(), id, (None, ""), &[], scene);
            let mut case = Case::row(kind, row);
            case.about.twin = Some(twin.about.id);
            cases.extend([twin, case]);
        }
        cases.push(Case::row(Kind::LinkageAnswer, row));
    }
}

const ENDED: Row = Row {
    id: "message/certificate/expired",
    sentence: req!("metadata.certificate.window"),
    deviation: "Header/Security/BinarySecurityToken+Header/Security/Signature+signer+Envelope=expired",
    bend: |draft| signed_by(draft, EXPIRED),
    rows: &["META-03"],
};

const BEYOND: Row = Row {
    id: "message/timestamp/millisecond-more",
    sentence: req!("message.timestamp.window"),
    deviation: "Header/Security/Timestamp/Expires=5-minutes-and-a-millisecond",
    bend: |draft| {
        five_minutes(draft);
        draft.change(|root| {
            let expires = root.find_mut("soap:Header/wsse:Security/wsu:Timestamp/wsu:Expires");
            expires.set_content(&expires.content().replace('Z', ".001Z"));
        });
    },
    rows: &["SOAP-06"],
};

/// Sends a message with a bend that must not matter.
fn sent(face: &Face, kind: Kind, bend: fn(&mut Draft)) -> Result<(), Broken> {
    let mut draft = acts::draft(face, kind)?;
    bend(&mut draft);
    face.send(acts::endpoint(kind), draft);
    Ok(())
}

fn by_second(draft: &mut Draft) {
    signed_by(draft, SECOND);
}

fn five_minutes(draft: &mut Draft) {
    draft.timestamp = Some((0, 300));
}

/// An envelope is for who holds that key.
fn signed_by(draft: &mut Draft, further: &str) {
    let holders = draft.envelopes.iter_mut().flat_map(|envelope| &mut envelope.confirmations);
    holders.filter_map(|confirmed| confirmed.holder.as_mut()).for_each(|holder| *holder += further);
    draft.signer += further;
    draft.token += further;
}

/// What a relay is asked beside mappings: MessageID and purpose count there too.
fn others_of_a_relay(cases: &mut Vec<Case>) {
    let of = |kind: Kind, sentence: &'static str| {
        let rows = ANY.iter().chain(ABOUT_PERSONS).filter(move |row| row.sentence.id == sentence);
        rows.map(move |row| {
            let id = forever(&format!("{}/{}", row.id, kind.name()));
            Case::row(kind, &Row { id, ..*row })
        })
    };
    cases.push(Case::usual(Kind::Challenge, &[]));
    let status = Row {
        id: "message/place/usage-directive/ledger-status",
        sentence: req!("message.header.place"),
        deviation: "Header/UsageDirective+Header/Security/Signature=about-nobody",
        bend: |draft| draft.purpose = Some(format!("{PURPOSE}{USUAL_PURPOSE}")),
        rows: &[],
    };
    cases.push(Case::row(Kind::Status, &status));
    let looks = [Kind::Notice, Kind::History, Kind::Proof, Kind::Status];
    for kind in looks.into_iter().chain([Kind::Relayed, Kind::Challenge, Kind::Application]) {
        cases.extend(of(kind, "message.id.form"));
        if ![Kind::Notice, Kind::Status, Kind::Challenge].contains(&kind) {
            cases.extend(of(kind, "message.usage-directive.purpose"));
        }
        cases.push(replayed(kind));
    }
}

fn forever(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// What an answer cannot be told to have: answers of the suite carry no request.
fn is_hopeless(id: &str) -> bool {
    id.contains("target-identity")
}

/// A block that stands a second time, under another identifier.
fn twice(draft: &mut Draft, path: &'static str) {
    draft.change(move |root| {
        root.duplicate(path);
        let mut second = root.locate(path).unwrap_or_default();
        if let Some(index) = second.last_mut() {
            *index = index.saturating_add(1);
        }
        root.at_mut(&second).set("wsu:Id", "second");
    });
}

/// No absolute IRI, and another in each message: one that was used before is refused for that.
pub(super) fn relative(draft: &Draft) -> String {
    format!("message-{}", draft.seed)
}

fn unknown_block(draft: &mut Draft, must_understand: &'static str) {
    draft.change(move |root| {
        let block = Element::new("x:Unknown").attribute("xmlns:x", "urn:example:test:unknown");
        root.append("soap:Header", block.attribute("soap:mustUnderstand", must_understand));
    });
}

fn token(draft: &mut Draft, change: fn(&mut Element)) {
    draft.change(move |root| change(root.find_mut("soap:Header/wsse:Security/wsse:BinarySecurityToken")));
}

fn actor(draft: &mut Draft, actor: &'static str) {
    draft.change(move |root| root.find_mut("soap:Header/wsse:Security").set("soap:actor", actor));
}

/// Puts something else in the place of the reference to the token.
fn refer(spec: &mut SignatureSpec, by: Element) {
    for key_info in spec.key_info.iter_mut() {
        key_info.find_mut("wsse:SecurityTokenReference").children = vec![by.clone().into()];
    }
}

fn thumbprint() -> Element {
    Element::new("wsse:KeyIdentifier")
        .attribute(
            "ValueType",
            "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1",
        )
        .text("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
}

fn embedded() -> Element {
    Element::new("wsse:Embedded").child(wss::binary_security_token("embedded", b"nothing"))
}

/// What requests and answers have in common.
const ANY: &[Row] = bends![
    "message/soap/version-1.2" "message.soap.shape" "Header{}+Body{}+signer=soap-1.2" ["SOAP-01"]
        |d| d.change(|root| root.set("xmlns:soap", "http://www.w3.org/2003/05/soap-envelope"));
    "message/soap/element-behind-body" "message.soap.shape" "Extra+signer=element-behind-body" ["SOAP-01"]
        |d| d.tamper(|root| root.children.push(Element::new("x:Extra").attribute("xmlns:x", "urn:example:test").into()));
    "message/soap/header-behind-body" "message.soap.shape" ".order+signer=header-behind-body" ["SOAP-01"]
        |d| d.tamper(|root| { let header = root.remove("soap:Header"); root.children.push(header.into()); });
    "message/soap/two-bodies" "message.soap.shape" "Body[2]+signer=second-body" ["SOAP-01"]
        |d| d.tamper(|root| { root.duplicate("soap:Body"); root.find_mut("soap:Body[2]").set("wsu:Id", "second"); });
    "message/soap/no-header" "message.soap.shape" "Header+Envelope+signer=no-header" ["SOAP-01"]
        |d| d.tamper(|root| drop(root.remove("soap:Header")));
    "message/soap/envelope-in-envelope" "message.soap.shape" "Header+Body+Envelope+signer=envelope-in-envelope" ["SOAP-01"]
        |d| d.tamper(|root| {
            let inner = root.clone();
            root.children = vec![Node::Element(inner)];
        });
    "message/body/empty" "message.body.one-child" "Body=empty" ["SOAP-01"]
        |d| d.change(|root| root.find_mut("soap:Body").children.clear());
    "message/body/two-children" "message.body.one-child" "Body=two-children" ["SOAP-01"]
        |d| d.change(|root| root.duplicate("soap:Body/*"));
    "message/header/unknown-understood" "message.header.understood" "Header/Unknown=must-understand-1" ["SOAP-02"]
        |d| unknown_block(d, "1");
    "message/header/unknown-understood-true" "message.header.understood" "Header/Unknown=must-understand-true" ["SOAP-02"]
        |d| unknown_block(d, "true");
    "message/header/unknown-understood-spaces" "message.header.understood" "Header/Unknown=must-understand-spaces" ["SOAP-02"]
        |d| unknown_block(d, " 1 ");
    "message/header/framework-twice" "message.header.once" "Header/Framework[2]=second" ["XSW-19"]
        |d| twice(d, "soap:Header/sbf:Framework");
    "message/header/sender-twice" "message.header.once" "Header/Sender[2]=second" ["XSW-19"]
        |d| twice(d, "soap:Header/sb:Sender");
    "message/header/message-id-twice" "message.header.once" "Header/MessageID[2]=second" ["XSW-19"]
        |d| twice(d, "soap:Header/wsa:MessageID");
    "message/header/to-twice" "message.header.once" "Header/To[2]=second" ["XSW-19"]
        |d| twice(d, "soap:Header/wsa:To");
    "message/header/action-twice" "message.header.once" "Header/Action[2]=second" ["XSW-19"]
        |d| twice(d, "soap:Header/wsa:Action");
    "message/header/timestamp-twice" "message.header.once" "Header/Security/Timestamp[2]=second" ["XSW-19", "SOAP-06"]
        |d| twice(d, "soap:Header/wsse:Security/wsu:Timestamp");
    "message/header/security-twice" "message.header.once" "Header/Security[2]+signer=second" ["XSW-19", "SOAP-03"]
        |d| d.change(|root| {
            let second = Element::declared(ns::WSSE, "Security").attribute("soap:mustUnderstand", "1");
            root.append("soap:Header", second);
        });
    "xml/schema/body-attribute" "xml.schema.closed" "Body@class=attribute" []
        |d| d.change(|root| root.find_mut("soap:Body").set("class", "x"));
    "xml/schema/framework-text" "xml.schema.closed" "Header/Framework#=text" []
        |d| d.change(|root| root.find_mut("soap:Header/sbf:Framework").set_content("x"));
    "xml/schema/sender-attribute" "xml.schema.closed" "Header/Sender@affiliationID=attribute" []
        |d| d.change(|root| root.find_mut("soap:Header/sb:Sender").set("affiliationID", "urn:example:test"));
    "xml/schema/sender-child" "xml.schema.closed" "Header/Sender/Extra=element" []
        |d| d.change(|root| root.append("soap:Header/sb:Sender", Element::new("sb:Extra")));
    "xml/schema/message-id-attribute" "xml.schema.closed" "Header/MessageID@class=attribute" []
        |d| d.change(|root| root.find_mut("soap:Header/wsa:MessageID").set("class", "x"));
    "message/framework/missing" "message.framework.version" "Header/Framework+Header/Security/Signature=missing" ["WSF-01"]
        |d| d.framework = None;
    "message/framework/version-1.1" "message.framework.version" "Header/Framework@version=1.1" ["WSF-01"]
        |d| d.framework = Some("1.1".into());
    "message/framework/other-namespace" "message.framework.version" "Header/Framework{}+signer=urn:liberty:sb:2006-08" ["WSF-01"]
        |d| d.change(|root| root.find_mut("soap:Header/sbf:Framework").set("xmlns:sbf", ns::SB.uri()));
    "message/sender/missing" "message.sender.is-signer" "Header/Sender+Header/Security/Signature=missing" ["WSF-02"]
        |d| d.sender = None;
    "message/sender/other" "message.sender.is-signer" "Header/Sender@providerID=insurer-d" ["WSF-02"]
        |d| d.sender = Some(d.entity("insurer-d"));
    "message/sender/other-member" "message.sender.is-signer" "Header/Security/BinarySecurityToken+signer=insurer-d" ["WSF-02"]
        |d| { d.signer = "insurer-d".into(); d.token = "insurer-d".into(); };
    "message/sender/stranger" "message.sender.is-signer" "speaker=stranger" ["WSF-02"]
        |d| d.speak_as("stranger");
    "message/id/missing" "message.id.form" "Header/MessageID+Header/Security/Signature=missing" ["WSA-01"]
        |d| d.message_id = None;
    "message/id/relative" "message.id.form" "Header/MessageID=relative" ["WSA-01"]
        |d| d.message_id = Some(relative(d));
    "message/id/overlong" "message.id.form" "Header/MessageID=257-characters" ["WSA-01"]
        |d| d.message_id = Some(format!("urn:example:test:{:x<240}", d.seed));
    "message/id/fragment" "message.id.form" "Header/MessageID=with-a-fragment" ["WSA-01"]
        |d| d.message_id = Some(format!("urn:example:test:{}#x", d.seed));
    "message/timestamp/missing" "message.timestamp.window" "Header/Security/Timestamp+Header/Security/Signature=missing" ["SOAP-06"]
        |d| d.timestamp = None;
    "message/timestamp/ahead" "message.timestamp.window" "Header/Security/Timestamp=created-in-4-minutes" ["SOAP-06"]
        |d| d.timestamp = Some((240, 420));
    "message/timestamp/expired" "message.timestamp.window" "Header/Security/Timestamp=expired" ["SOAP-06"]
        |d| d.timestamp = Some((-200, -20));
    "message/timestamp/inverted" "message.timestamp.window" "Header/Security/Timestamp=expires-before-created" ["SOAP-06"]
        |d| d.timestamp = Some((120, 60));
    "message/timestamp/long" "message.timestamp.window" "Header/Security/Timestamp=10-minutes" ["SOAP-06"]
        |d| d.timestamp = Some((0, 600));
    "message/timestamp/without-end" "message.timestamp.window" "Header/Security/Timestamp/Expires=missing" ["SOAP-06"]
        |d| d.change(|root| drop(root.remove("soap:Header/wsse:Security/wsu:Timestamp/wsu:Expires")));
    "message/processing-context/simulate" "message.processing-context.none" "Header/ProcessingContext+Header/Security/Signature=simulate" ["WSF-04"]
        |d| d.more.push(Element::declared(ns::SB, "ProcessingContext")
            .text("urn:liberty:sb:2003-08:ProcessingContext:Simulate"));
    "message/token/missing" "message.token.certificate" "Header/Security+signer=no-token" ["SOAP-07"]
        |d| d.change(|root| drop(root.remove("soap:Header/wsse:Security/wsse:BinarySecurityToken")));
    "message/token/of-another" "message.token.certificate" "Header/Security/BinarySecurityToken=insurer-d" ["SOAP-07"]
        |d| d.token = "insurer-d".into();
    "message/token/two" "message.token.certificate" "Header/Security/BinarySecurityToken[2]+signer=second" ["SOAP-07"]
        |d| twice(d, "soap:Header/wsse:Security/wsse:BinarySecurityToken");
    "message/token/value-type" "message.token.certificate" "Header/Security/BinarySecurityToken@ValueType=PKIPath" ["SOAP-07"]
        |d| token(d, |token| {
            token.set("ValueType", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509PKIPathv1");
        });
    "message/token/encoding" "message.token.certificate" "Header/Security/BinarySecurityToken@EncodingType=HexBinary" ["SOAP-07"]
        |d| token(d, |token| {
            token.set("EncodingType", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#HexBinary");
        });
    "message/token/no-encoding" "message.token.certificate" "Header/Security/BinarySecurityToken@EncodingType=missing" ["SOAP-07"]
        |d| token(d, |token| token.unset("EncodingType"));
    "message/security/actor-empty" "message.security.for-receiver" "Header/Security@actor+signer=empty" ["SOAP-03"]
        |d| actor(d, "");
    "message/security/actor-next" "message.security.for-receiver" "Header/Security@actor+signer=next" ["SOAP-03"]
        |d| actor(d, "http://schemas.xmlsoap.org/soap/actor/next");
    "message/security/actor-other" "message.security.for-receiver" "Header/Security@actor+signer=other" ["SOAP-03"]
        |d| actor(d, "urn:example:test:actor");
    "message/token/username" "message.token.certificate" "Header/Security/UsernameToken+signer=UsernameToken" ["SOAP-07"]
        |d| d.change(|root| {
            let token = Element::new("wsse:UsernameToken").child(Element::new("wsse:Username").text("operator"));
            root.append("soap:Header/wsse:Security", token);
        });
    "message/token/by-thumbprint" "message.token.certificate" "Header/Security/Signature+signer=thumbprint" ["SOAP-08"]
        |d| d.signature.push(|spec| refer(spec, thumbprint()));
    "message/token/embedded" "message.token.certificate" "Header/Security/Signature+signer=embedded" ["SOAP-08"]
        |d| d.signature.push(|spec| refer(spec, embedded()));
    "message/signature/body" "message.signature.covers" "Header/Security/Signature+signer=body-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("Body");
    "message/signature/framework" "message.signature.covers" "Header/Security/Signature+signer=framework-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("Framework");
    "message/signature/sender" "message.signature.covers" "Header/Security/Signature+signer=sender-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("Sender");
    "message/signature/message-id" "message.signature.covers" "Header/Security/Signature+signer=message-id-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("MessageID");
    "message/signature/to" "message.signature.covers" "Header/Security/Signature+signer=to-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("To");
    "message/signature/action" "message.signature.covers" "Header/Security/Signature+signer=action-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("Action");
    "message/signature/timestamp" "message.signature.covers" "Header/Security/Signature+signer=timestamp-not-covered" ["SOAP-06", "SOAP-09"]
        |d| d.uncovered.push("Timestamp");
    "message/signature/token" "message.signature.covers" "Header/Security/Signature+signer=token-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("BinarySecurityToken");
];

/// What only requests have.
const REQUESTS: &[Row] = bends![
    "message/body/other-kind" "message.body.one-child" "Body+Header/Action+http.soapaction=LinkageAnswer" ["SOAP-01"]
        |d| { d.body = body::linkage_answer("OK", Vec::new()); d.action = Some(body::action(&d.body)); };
    "message/sender/other-client" "message.sender.is-tls-client" "tls=insurer-d" ["TLS-04"]
        |d| d.tls = Some("insurer-d".into());
    "message/sender/stranger-client" "message.sender.is-tls-client" "tls=stranger" ["TLS-04"]
        |d| d.tls = Some("stranger".into());
    "message/to/missing" "message.to.is-receiver" "Header/To+Header/Security/Signature=missing" ["WSA-02"]
        |d| d.to = None;
    "message/to/other-port" "message.to.is-receiver" "Header/To=other-port" ["WSA-02"]
        |d| d.to = d.world.endpoint("insurer-c", "soap");
    "message/to/anonymous" "message.to.is-receiver" "Header/To=anonymous" ["WSA-02"]
        |d| d.to = Some(chukei_harness::message::ANONYMOUS.into());
    "message/to/other-scheme" "message.to.is-receiver" "Header/To=http" ["WSA-02"]
        |d| d.to = d.to.take().map(|to| to.replacen("https:", "http:", 1));
    "message/to/longer" "message.to.is-receiver" "Header/To=slash-behind" ["WSA-02"]
        |d| d.to = d.to.take().map(|to| to + "/");
    "message/action/soapaction-other" "message.action.agrees" "http.soapaction=other" ["SOAP-04"]
        |d| d.http.soap_action = SoapAction::Text("\"urn:chukei:1.0:AccessHistoryQuery\"".into());
    "message/action/soapaction-missing" "message.action.agrees" "http.soapaction=missing" ["SOAP-04"]
        |d| d.http.soap_action = SoapAction::Missing;
    "message/action/soapaction-empty" "message.action.agrees" "http.soapaction=empty" ["SOAP-04"]
        |d| d.http.soap_action = SoapAction::Text("\"\"".into());
    "message/action/wsa-other" "message.action.agrees" "Header/Action+http.soapaction=other" ["SOAP-04"]
        |d| d.action = Some("urn:chukei:1.0:DisclosureReceipt".into());
    "message/action/wsa-missing" "message.action.agrees" "Header/Action+Header/Security/Signature+http.soapaction=missing" ["SOAP-04"]
        |d| d.action = None;
    "message/reply-to/third-party" "message.reply-to.anonymous" "Header/ReplyTo+Header/Security/Signature=insurer-c" ["WSA-03"]
        |d| elsewhere(d, "ReplyTo");
    "message/fault-to/third-party" "message.reply-to.anonymous" "Header/FaultTo+Header/Security/Signature=insurer-c" ["WSA-03"]
        |d| elsewhere(d, "FaultTo");
    "message/place/relates-to" "message.header.place" "Header/RelatesTo+Header/Security/Signature=in-a-request" ["WSA-04"]
        |d| d.relates_to = Some("urn:example:test:another-request".into());
    "message/place/receipts" "message.header.place" "Header/Receipts+Header/Security/Signature=in-a-request" []
        |d| d.more.push(Element::declared(ns::CK, "Receipts"));
    "message/signature/reply-to" "message.signature.covers" "Header/ReplyTo=not-covered" ["SOAP-09"]
        |d| d.change(|root| {
            let address = Element::new("wsa:Address").text(chukei_harness::message::ANONYMOUS);
            root.append("soap:Header", Element::new("wsa:ReplyTo").attribute("wsu:Id", "bare").child(address));
        });
    "message/addressing/older" "message.header.understood" "Header/To=wsa-2004/08" ["WSA-05"]
        |d| d.change(|root| {
            let to = root.find_mut("soap:Header/wsa:To");
            to.set("xmlns:wsa", "http://schemas.xmlsoap.org/ws/2004/08/addressing");
            to.set("soap:mustUnderstand", "1");
        });
];

fn elsewhere(draft: &mut Draft, block: &str) {
    let address = draft.world.endpoint("insurer-c", "soap").unwrap_or_default();
    let block = Element::new(&format!("wsa:{block}")).child(Element::new("wsa:Address").text(&address));
    draft.more.push(block);
}

/// What requests about a person have.
const ABOUT_PERSONS: &[Row] = bends![
    "message/usage-directive/missing" "message.usage-directive.purpose" "Header/UsageDirective+Header/Security/Signature=missing" ["WSF-05"]
        |d| d.purpose = None;
    "message/usage-directive/unknown" "message.usage-directive.purpose" "Header/UsageDirective/Purpose=unknown" ["WSF-05"]
        |d| d.purpose = Some("urn:chukei:1.0:purpose:marketing".into());
    "message/usage-directive/not-of-body" "message.usage-directive.purpose" "Header/UsageDirective@ref=elsewhere" ["WSF-05"]
        |d| d.change(|root| root.find_mut("soap:Header/sb:UsageDirective").set("ref", "elsewhere"));
    "xml/schema/usage-directive-attribute" "xml.schema.closed" "Header/UsageDirective@class=attribute" []
        |d| d.change(|root| root.find_mut("soap:Header/sb:UsageDirective").set("class", "x"));
    "message/usage-directive/two-purposes" "message.usage-directive.purpose" "Header/UsageDirective/Purpose[2]=second" ["WSF-05"]
        |d| d.change(|root| root.duplicate("soap:Header/sb:UsageDirective/ck:Purpose"));
    "message/header/usage-directive-twice" "message.header.once" "Header/UsageDirective[2]=second" ["XSW-19", "WSF-05"]
        |d| twice(d, "soap:Header/sb:UsageDirective");
    "message/signature/usage-directive" "message.signature.covers" "Header/Security/Signature+signer=usage-directive-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("UsageDirective");
];

/// What only answers have.
const ANSWERS: &[Row] = bends![
    "message/relates-to/missing" "message.relates-to.answered" "Header/RelatesTo+Header/Security/Signature=missing" ["WSA-04", "ENV-15", "SOAP-10"]
        |d| d.relates_to = None;
    "message/relates-to/other" "message.relates-to.answered" "Header/RelatesTo=other" ["WSA-04", "ENV-15", "SOAP-10"]
        |d| d.relates_to = Some("urn:example:test:another-request".into());
    "message/place/usage-directive" "message.header.place" "Header/UsageDirective+Header/Security/Signature=in-an-answer" ["WSF-05"]
        |d| d.purpose = Some(format!("{PURPOSE}{USUAL_PURPOSE}"));
    "message/place/reply-to" "message.header.place" "Header/ReplyTo+Header/Security/Signature=in-an-answer" ["WSA-03"]
        |d| d.more.push(Element::new("wsa:ReplyTo").child(Element::new("wsa:Address").text(chukei_harness::message::ANONYMOUS)));
    "message/relates-to/twice" "message.header.once" "Header/RelatesTo[2]=second" ["WSA-04"]
        |d| twice(d, "soap:Header/wsa:RelatesTo");
    "message/relates-to/other-relationship" "message.relates-to.answered" "Header/RelatesTo@RelationshipType=unspecified" ["WSA-04"]
        |d| d.change(|root| root.find_mut("soap:Header/wsa:RelatesTo").set("RelationshipType", "urn:example:test:none"));
    "message/signature/relates-to" "message.signature.covers" "Header/Security/Signature+signer=relates-to-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("RelatesTo");
];

/// A request of this kind with the MessageID of one before it.
fn replayed(kind: Kind) -> Case {
    let (id, scene): (_, fn(&Face) -> Result<(), Broken>) = match kind {
        Kind::Query => ("message/id/again", |face| replay(face, Kind::Query)),
        Kind::Notice => ("message/id/again/notice", |face| replay(face, Kind::Notice)),
        Kind::History => ("message/id/again/history", |face| replay(face, Kind::History)),
        Kind::Proof => ("message/id/again/proof", |face| replay(face, Kind::Proof)),
        Kind::Status => ("message/id/again/ledger-status", |face| replay(face, Kind::Status)),
        Kind::Relayed => ("message/id/again/relayed", |face| replay(face, Kind::Relayed)),
        Kind::Challenge => ("message/id/again/login-challenge", |face| replay(face, Kind::Challenge)),
        Kind::Application => ("message/id/again/login-application", |face| replay(face, Kind::Application)),
        _ => ("message/id/again", |face| replay(face, Kind::Mapping)),
    };
    let deviation = (Some(kind.name()), "repeats.message=true");
    Case::scene(kind.role(), id, deviation, &[req!("message.id.once")], scene)
        .covering(&["WSA-01", "ENV-03"])
        .needing(kind.features())
}

fn replay(face: &Face, kind: Kind) -> Result<(), Broken> {
    let (first, mut second) = (acts::draft(face, kind)?, acts::draft(face, kind)?);
    second.message_id.clone_from(&first.message_id);
    face.send(acts::endpoint(kind), first);
    face.send_deviating(acts::endpoint(kind), second);
    acts::probe(face, kind);
    Ok(())
}
