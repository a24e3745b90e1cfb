//! Chapters 32 and 33 as the responder lives them.

use std::sync::Arc;

use chukei_forge::raw::{Element, Node};
use chukei_harness::{Broken, Draft, Face, Reply, Scripted, kit::USUAL_PERSON, message::body};
use chukei_spec::{Role, req};

use crate::{
    acts::{self, ITEMS, scripted},
    case::{Case, Kind, Row, bends},
    cases::relay::BEYOND,
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.extend(ROWS.iter().map(|row| Case::row(Kind::Query, row)));
    let person = &[req!("linkage.answer.person"), req!("linkage.answer.items")];
    let scene = |id: &str, scene: fn(&Face) -> Result<(), Broken>| {
        Case::scene(Role::Responder, id, (None, ""), person, scene)
    };
    cases.extend([
        scene("linkage/person/homonym-1", |face| ask(face, "homonym-1", &ITEMS)),
        scene("linkage/person/homonym-2", |face| ask(face, "homonym-2", &ITEMS)),
        scene("linkage/person/late-elderly", |face| ask(face, "late-elderly", &ITEMS)),
        scene("linkage/person/longest", |face| ask(face, "longest", &ITEMS)),
        scene("linkage/items/eligibility", |face| ask(face, USUAL_PERSON, &["eligibility"])),
        scene("linkage/items/benefits", |face| ask(face, USUAL_PERSON, &["benefits"])),
        scene("linkage/items/as-of", |face| ask_about(face, USUAL_PERSON, "2026-01-15")),
    ]);
    // The day on which everybody's insurance began in the world, and the day before.
    let period = &[req!("linkage.answer.period")];
    let on = |id: &str, scene: fn(&Face) -> Result<(), Broken>| {
        Case::scene(Role::Responder, id, (None, ""), period, scene)
    };
    cases.push(on("linkage/period/first-day", |face| ask_about(face, USUAL_PERSON, "2008-04-01")));
    cases.push(on("linkage/period/day-before", |face| ask_about(face, USUAL_PERSON, "2008-03-31")));
    cases.push(on("linkage/period/two-at-once", |face| ask_about(face, "overlapping", "2021-01-01")));
    cases.push(on("linkage/period/two-ended", |face| ask_about(face, "overlapping", "2013-01-01")));
    let no_data = &[req!("linkage.answer.no-data")];
    for (id, play) in [
        ("linkage/no-data/member", (|face| ask(face, "no-data", &ITEMS)) as fn(&Face) -> Result<(), Broken>),
        ("linkage/no-data/number-of-nobody", |face| {
            sealed(face, &face.kit().number("unknown", "insurer-b").1)
        }),
        ("linkage/no-data/beyond-the-basic-plane", |face| sealed(face, &BEYOND.repeat(64))),
    ] {
        cases.push(Case::scene(Role::Responder, id, (None, ""), no_data, play));
    }
    for (id, deviation, play) in RECEIPTS {
        let mut required = vec![req!("linkage.disclosure.required")];
        if *id == "linkage/receipt/of-another-request" {
            required.push(req!("message.relates-to.answered"));
        }
        let case = Case::scene(Role::Responder, id, (Some("query"), deviation), &required, *play);
        cases.push(case.covering(&["SOAP-10", "SOAP-11", "WSA-04"]));
    }
}

const ROWS: &[Row] = bends![
    "xml/schema/target-identity-text" "xml.schema.closed" "Header/TargetIdentity#=text" []
        |d| d.change(|root| root.find_mut("soap:Header/sb:TargetIdentity").children.push(Node::Text("x".into())));
    "linkage/query/no-item" "linkage.query.form" "Body/LinkageQuery=no-item" []
        |d| d.body = body::linkage_query(&[]);
    "linkage/query/unknown-item" "linkage.query.form" "Body/LinkageQuery/Item=name" []
        |d| d.body = body::linkage_query(&["name", "benefits"]);
    "linkage/query/item-twice" "linkage.query.form" "Body/LinkageQuery/Item[2]=twice" []
        |d| d.body = body::linkage_query(&["eligibility", "eligibility"]);
    "linkage/query/nine-items" "linkage.query.form" "Body/LinkageQuery=nine-items" []
        |d| d.body = body::linkage_query(&["eligibility", "benefits", "a", "b", "c", "d", "e", "f", "g"]);
    "linkage/query/other-element" "linkage.query.form" "Body/LinkageQuery/Select=Select" []
        |d| d.body.children.push(Element::new("ck:Select").into());
    "xml/datetime/as-of" "xml.date.form" "Body/LinkageQuery@asOf=day-month-year" []
        |d| d.body.set("asOf", "01-06-2026");
    "xml/date/no-such-day" "xml.date.form" "Body/LinkageQuery@asOf=february-30" []
        |d| d.body.set("asOf", "2026-02-30");
    "xml/date/before-meiji" "xml.date.form" "Body/LinkageQuery@asOf=1867-12-31" []
        |d| d.body.set("asOf", "1867-12-31");
    "xml/date/white-space" "xml.date.form" "Body/LinkageQuery@asOf=white-space-before" []
        |d| d.body.set("asOf", " 2026-06-01");
    "xml/date/zone" "xml.date.form" "Body/LinkageQuery@asOf=with-a-zone" []
        |d| d.body.set("asOf", "2026-06-01Z");
    "xml/schema/attribute" "xml.schema.closed" "Body/LinkageQuery@number=attribute" []
        |d| d.body.set("number", "1");
];

/// What the relay answers to the notice, in the place of a receipt that can be relied on.
type Receipt = (&'static str, &'static str, fn(&Face) -> Result<(), Broken>);

const RECEIPTS: &[Receipt] = &[
    ("linkage/receipt/closed", "receipt=connection-closed", |face| {
        receipt(face, |_| Scripted { reply: Reply::Close, deviates: true })
    }),
    ("linkage/receipt/fault", "receipt=fault", |face| {
        receipt(face, |_| Scripted { reply: fault(500), deviates: true })
    }),
    ("linkage/receipt/fault-as-success", "receipt=fault-with-status-200", |face| {
        receipt(face, |_| Scripted { reply: fault(200), deviates: true })
    }),
    ("linkage/receipt/unsigned", "receipt=unsigned", |face| {
        bent_receipt(face, |draft| {
            draft.tamper(|root| drop(root.remove("soap:Header/wsse:Security/ds:Signature")));
        })
    }),
    ("linkage/receipt/signed-by-another", "receipt=signed-by-insurer-c", |face| {
        bent_receipt(face, |draft| {
            draft.speak_as("insurer-c");
        })
    }),
    ("linkage/receipt/changed", "receipt=changed-after-signing", |face| {
        bent_receipt(face, |draft| {
            draft.tamper(|root| root.find_mut("soap:Body").set("class", "changed"));
        })
    }),
    ("linkage/receipt/of-another-request", "receipt=RelatesTo-of-another", |face| {
        bent_receipt(face, |draft| {
            draft.relates_to = Some("urn:example:test:another-request".into());
        })
    }),
    ("linkage/receipt/of-another-envelope", "receipt=of-another-envelope", |face| {
        bent_receipt(face, |draft| {
            draft.body.set("envelope", "_00000000000000000000000000000000");
        })
    }),
    ("linkage/receipt/failed", "receipt=status-Failed", |face| {
        bent_receipt(face, |draft| {
            draft.body.find_mut("lu:Status").set("code", "Failed");
        })
    }),
];

fn fault(status: u16) -> Reply {
    let headers = vec![("content-type".into(), "text/xml; charset=utf-8".into())];
    Reply::Answer { status, headers, body: body::fault("soap:Server", "The request could not be processed.") }
}

fn bent_receipt(face: &Face, bend: fn(&mut Draft)) -> Result<(), Broken> {
    receipt(face, move |mut draft| {
        bend(&mut draft);
        scripted(draft, true)
    })
}

/// Asks something that is in order, while the relay answers the notice in its own way.
fn receipt(face: &Face, answer: impl Fn(Draft) -> Scripted + Send + Sync + 'static) -> Result<(), Broken> {
    face.script(Arc::new(move |call, kit| {
        let notice = call.message.filter(|_| call.to == "relay" && call.kind == "DisclosureNotice")?;
        Some(answer(kit.reply("relay", notice)?))
    }));
    let draft = face.kit().query(USUAL_PERSON, &ITEMS);
    face.send_deviating("linkage", draft);
    face.unscript();
    acts::probe(face, Kind::Query);
    Ok(())
}

fn ask(face: &Face, person: &str, items: &[&str]) -> Result<(), Broken> {
    let draft = face.kit().query(person, items);
    face.send("linkage", draft);
    Ok(())
}

fn ask_about(face: &Face, person: &str, day: &str) -> Result<(), Broken> {
    let mut draft = face.kit().query(person, &ITEMS);
    draft.body.set("asOf", day);
    face.send("linkage", draft);
    Ok(())
}

/// A good envelope with a number of the right form that the responder has never heard of.
fn sealed(face: &Face, number: &str) -> Result<(), Broken> {
    let mut draft = face.kit().query(USUAL_PERSON, &ITEMS);
    number.clone_into(&mut draft.envelope().name_id.value);
    face.send("linkage", draft);
    Ok(())
}
