//! Chapters 30, 31 and 33 as the relay lives them.

use std::sync::Arc;

use chukei_forge::raw::{Element, Node};
use chukei_harness::{
    Broken, Draft, Face, Input, Reply, Scripted,
    kit::{USUAL_PERSON, USUAL_PURPOSE, find},
    message::{PURPOSE, SCHEME, body},
};
use chukei_spec::{Role, Sentence, req};
use chukei_xml::lexical::DateTime;

use crate::{
    acts,
    case::{Case, Kind, Row, bends},
    cases::withholding::FAR_AHEAD,
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.push(Case::usual(
        Kind::Relayed,
        &[req!("relayed.forward.unchanged"), req!("relayed.answer.unchanged")],
    ));
    cases.extend(INPUTS.iter().map(|row| Case::row(Kind::Mapping, row)));
    cases.extend(NOTICES.iter().map(|row| Case::watched(Kind::Notice, row)));
    cases.extend(HISTORY.iter().map(|row| Case::row(Kind::History, row)));
    cases.extend(RELAYED.iter().map(|row| Case::row(Kind::Relayed, row)));
    cases.extend(CARRIED.iter().map(|row| Case::row(Kind::RelayedAnswer, row)));
    let again = |id: &str, twin, sentence, scene: fn(&Face) -> Result<(), Broken>| {
        Case::scene(Role::Relay, id, twin, &[sentence], scene)
    };
    cases.push(again("disclosure/notice/again", (None, ""), req!("disclosure.notice.again"), |face| {
        noticed_again(face, |face, draft| drop(face.send("disclosure", draft)))
    }));
    let twin = |deviation| (Some(Kind::Notice.name()), deviation);
    cases.push(again(
        "disclosure/notice/other-outcome",
        twin("Body/DisclosureNotice@outcome=no-data"),
        req!("disclosure.notice.same"),
        |face| {
            noticed_again(face, |face, mut draft| {
                draft.body.set("outcome", "no-data");
                face.send_deviating("disclosure", draft);
            })
        },
    ));
    cases.push(again(
        "disclosure/notice/other-items",
        twin("Body/DisclosureNotice/Item=benefits"),
        req!("disclosure.notice.same"),
        |face| {
            noticed_again(face, |face, mut draft| {
                draft.body.find_mut("ck:Item").children = vec![Node::Text("benefits".into())];
                face.send_deviating("disclosure", draft);
            })
        },
    ));
    for (id, sentences, scene) in SCENES {
        cases.push(Case::scene(Role::Relay, id, (None, ""), sentences(), *scene));
    }
    let entries = |id: &str, scene: fn(&Face) -> Result<(), Broken>| {
        Case::scene(Role::Relay, id, (None, ""), &[req!("history.entry.content")], scene)
    };
    cases.push(
        entries("history/entries/relayed", |face| between_looks(face, Kind::Relayed)).needing(&["relayed"]),
    );
    cases.push(
        entries("history/entries/login", |face| between_looks(face, Kind::Application)).needing(&["login"]),
    );
    for (id, fate) in FATES {
        let recorded = &[req!("relayed.recorded")];
        cases.push(Case::scene(Role::Relay, id, (None, ""), recorded, *fate).needing(&["relayed"]));
    }
}

/// Changes the one input of a mapping request.
fn input(draft: &mut Draft, change: fn(&mut Input, &chukei_harness::World)) {
    let kit = chukei_harness::Kit {
        world: std::sync::Arc::clone(&draft.world),
        ids: chukei_harness::Ids::new(0, ""),
        now: draft.now,
        product: Vec::new(),
        plays: "relay".into(),
    };
    let mut input = kit.input(USUAL_PERSON, "insurer-b", 1);
    change(&mut input, &draft.world);
    draft.body = body::mapping_request(&[input]);
}

/// As many inputs as this, each with a `reqID` of its own or all with the same.
fn inputs(draft: &mut Draft, count: usize, same: bool) {
    let input = draft.body.elements().next().cloned();
    draft.body.children = input
        .into_iter()
        .flat_map(|input| std::iter::repeat_n(input, count))
        .zip(1..)
        .map(|(mut input, number)| {
            input.set("reqID", if same { "1".into() } else { number.to_string() }.as_str());
            input.into()
        })
        .collect();
}

const INPUTS: &[Row] = bends![
    "mapping/input/none" "mapping.input.count" "Body=no-input" []
        |d| d.body.children.clear();
    "mapping/input/33" "mapping.input.count" "Body=33-inputs" []
        |d| inputs(d, 33, false);
    "mapping/input/same-id" "mapping.input.count" "Body/IdentityMappingRequest/MappingInput[2]=same-reqID" []
        |d| inputs(d, 2, true);
    "mapping/input/without-id" "mapping.input.count" "Body/IdentityMappingRequest/MappingInput@reqID=missing" []
        |d| input(d, |input, _| input.req_id = None);
    "mapping/input/id-fragment" "mapping.input.id" "Body/IdentityMappingRequest/MappingInput@reqID=with-a-fragment" []
        |d| input(d, |input, _| input.req_id = Some("a#b".into()));
    "mapping/input/id-long" "mapping.input.id" "Body/IdentityMappingRequest/MappingInput@reqID=65-characters" []
        |d| input(d, |input, _| input.req_id = Some("1".repeat(65)));
    "mapping/form/short" "mapping.input.form" "Body=eight-digits" ["ENV-16"]
        |d| input(d, |input, _| input.number.truncate(8));
    "mapping/form/letter" "mapping.input.form" "Body=letter-inside" ["ENV-16"]
        |d| input(d, |input, _| input.number.replace_range(4..5, "X"));
    "mapping/form/full-width" "mapping.input.form" "Body=full-width" ["ENV-16"]
        |d| input(d, |input, _| input.number = "１２３４５６７８９０".into());
    "mapping/form/overlong" "mapping.input.form" "Body=10000-digits" ["ENV-16"]
        |d| input(d, |input, _| input.number = "1".repeat(10_000));
    "mapping/form/sql" "mapping.input.form" "Body=metacharacters" ["ENV-16"]
        |d| input(d, |input, _| input.number = "1' OR '1'='1".into());
    "mapping/form/check-digit" "mapping.input.form" "Body=wrong-check-digit" ["ENV-16"]
        |d| input(d, |input, _| {
            input.scheme = Some(format!("{SCHEME}late-elderly"));
            input.number = "33120010".into();
        });
    "mapping/form/check-digit-resident" "mapping.input.form" "Body=wrong-check-digit-M11" ["ENV-16"]
        |d| input(d, |input, _| {
            input.scheme = Some(format!("{SCHEME}resident"));
            input.number = "12345678901".into();
        });
    "mapping/form/short-kamogawa" "mapping.input.form" "Body=43-digits" ["ENV-16"]
        |d| input(d, |input, _| {
            input.scheme = Some(format!("{SCHEME}kamogawa"));
            input.number = "1".repeat(43);
        });
    "mapping/form/long-insured" "mapping.input.form" "Body=65-characters" ["ENV-16"]
        |d| input(d, |input, _| {
            input.scheme = Some(format!("{SCHEME}medical-insured"));
            input.number = "記".repeat(65);
        });
    "mapping/form/space" "mapping.input.form" "Body=space-at-the-end" ["ENV-16"]
        |d| input(d, |input, _| {
            input.scheme = Some(format!("{SCHEME}medical-insured"));
            input.number = "記号123 ".into();
        });
    "mapping/form/no-break-space" "mapping.input.form" "Body=no-break-space-at-the-end" ["ENV-16"]
        |d| input(d, |input, _| {
            input.scheme = Some(format!("{SCHEME}medical-insured"));
            input.number = "記号123\u{a0}".into();
        });
    "mapping/form/unknown-scheme" "mapping.input.form" "Body=unknown-scheme" ["ENV-09"]
        |d| input(d, |input, _| input.scheme = Some(format!("{SCHEME}unknown")));
    "mapping/owner/another" "mapping.input.own-number" "Body=NameQualifier-insurer-d" ["ENV-09", "ENV-13"]
        |d| input(d, |input, world| input.owner = Some(world.entity("insurer-d")));
    "mapping/owner/missing" "mapping.input.own-number" "Body=NameQualifier-missing" ["ENV-09"]
        |d| input(d, |input, _| input.owner = None);
    "mapping/owner/another-speaker" "mapping.input.own-number" "speaker=insurer-d" ["ENV-13"]
        |d| d.speak_as("insurer-d");
    "mapping/agreement/purpose" "mapping.agreement.pair" "Header/UsageDirective/Purpose=history" ["ENV-13"]
        |d| d.purpose = Some(format!("{PURPOSE}history"));
    "mapping/loop/relay" "mapping.loop.none" "Body/IdentityMappingRequest/MappingInput/TokenPolicy=relay" ["ENV-17"]
        |d| input(d, |input, world| input.target = Some(world.entity("relay")));
    "xml/schema/mapping-input" "xml.schema.closed" "Body/IdentityMappingRequest/MappingInput/Extra=element" []
        |d| d.body.find_mut("ims:MappingInput").children.push(Element::new("ims:Extra").into());
];

const NOTICES: &[Row] = bends![
    "disclosure/notice/unknown-envelope" "disclosure.notice.foreign" "Body/DisclosureNotice@envelope=unknown" []
        |d| d.body.set("envelope", "_unknown");
    "disclosure/notice/by-another" "disclosure.notice.foreign" "speaker=insurer-c" []
        |d| d.speak_as("insurer-c");
    "disclosure/notice/other-requester" "disclosure.notice.requester" "Body/DisclosureNotice@requester=insurer-d" []
        |d| {
            let other = d.entity("insurer-d");
            d.body.set("requester", &other);
        };
    "disclosure/notice/other-purpose" "disclosure.notice.purpose" "Body/DisclosureNotice/Purpose=eligibility-check" []
        |d| d.body.find_mut("ck:Purpose").children = vec![Node::Text(format!("{PURPOSE}eligibility-check"))];
    "disclosure/notice/at-early" "disclosure.notice.at" "Body/DisclosureNotice@at=4-minutes-before-the-envelope" []
        |d| notice_at(d, -240);
    "disclosure/notice/at-ahead" "disclosure.notice.at" "Body/DisclosureNotice@at=4-minutes-ahead" []
        |d| notice_at(d, 240);
    "disclosure/notice/body-not-covered" "message.signature.covers" "Header/Security/Signature+signer=body-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("Body");
    "disclosure/notice/other-client" "message.sender.is-tls-client" "tls=insurer-c" ["TLS-04"]
        |d| d.tls = Some("insurer-c".into());
];

const HISTORY: &[Row] = bends![
    "history/query/requester" "history.query.portal-only" "speaker=insurer-a" []
        |d| d.speak_as("insurer-a");
    "history/query/responder" "history.query.portal-only" "speaker=insurer-b" []
        |d| d.speak_as("insurer-b");
    "history/query/other-purpose" "history.query.purpose" "Header/UsageDirective/Purpose=eligibility-check" []
        |d| d.purpose = Some(format!("{PURPOSE}eligibility-check"));
    "history/query/before-zero" "history.query.limit" "Body/AccessHistoryQuery@before=0" []
        |d| d.body.set("before", "0");
    "history/query/limit-zero" "history.query.limit" "Body/AccessHistoryQuery@limit=0" []
        |d| d.body.set("limit", "0");
    "history/query/limit-1001" "history.query.limit" "Body/AccessHistoryQuery@limit=1001" []
        |d| d.body.set("limit", "1001");
    "xml/integer/sign" "xml.integer.form" "Body/AccessHistoryQuery@before=+5" []
        |d| d.body.set("before", "+5");
    "xml/integer/zeros" "xml.integer.form" "Body/AccessHistoryQuery@limit=007" []
        |d| d.body.set("limit", "007");
    "xml/integer/19-digits" "xml.integer.form" "Body/AccessHistoryQuery@before=19-digits" []
        |d| d.body.set("before", "1000000000000000000");
    "history/query/sender-portal" "message.sender.is-signer" "tls+signer+Header/Security/BinarySecurityToken=insurer-a" ["WSF-02"]
        |d| { d.tls = Some("insurer-a".into()); d.signer = "insurer-a".into(); d.token = "insurer-a".into(); };
    "history/query/stranger" "message.sender.is-signer" "speaker=stranger" []
        |d| d.speak_as("stranger");
    "history/query/body-not-covered" "message.signature.covers" "Header/Security/Signature+signer=body-not-covered" ["SOAP-09"]
        |d| d.uncovered.push("Body");
];

const RELAYED: &[Row] = bends![
    "relayed/forward/other-sender" "relayed.forward.holder" "speaker=insurer-d" ["ENV-05"]
        |d| d.speak_as("insurer-d");
    "relayed/forward/other-audience" "relayed.forward.audience" "Body/RelayedQuery@to=insurer-c" []
        |d| {
            let other = d.entity("insurer-c");
            d.body.set("to", &other);
        };
    "relayed/forward/principal" "relayed.forward.principal" "Body/RelayedQuery/LinkageQuery@onBehalfOf=insurer-d" []
        |d| {
            let other = d.entity("insurer-d");
            d.body.find_mut("ck:LinkageQuery").set("onBehalfOf", &other);
        };
    "relayed/forward/not-listed" "relayed.forward.holder" "Envelope+signer=relay-not-listed" ["ENV-05"]
        |d| d.carried.iter_mut().for_each(|envelope| {
            drop(envelope.remove("saml:Subject/saml:SubjectConfirmation[2]"));
        });
    "signature/signer/of-message" "signature.signer.one" "Envelope+signer=signed-by-requester" ["ENV-05"]
        |d| homemade(d, "insurer-a");
    "xml/date/relayed" "xml.date.form" "Body/RelayedQuery/LinkageQuery@asOf=february-30" []
        |d| d.body.find_mut("ck:LinkageQuery").set("asOf", "2026-02-30");
    "relayed/forward/holder-changed" "relayed.forward.holder" "Envelope+signer=holder-insurer-d" ["ENV-05", "ENV-06"]
        |d| {
            let other = d.entity("insurer-d");
            d.carried.iter_mut().for_each(|envelope| {
                envelope.find_mut("saml:Subject/saml:SubjectConfirmation/saml:NameID").set_content(&other);
            });
        };
];

/// What the relay cannot have issued: an envelope of the requester's own making.
fn homemade(draft: &mut Draft, signer: &str) {
    let world = std::sync::Arc::clone(&draft.world);
    let mut ids = chukei_harness::Ids::new(draft.seed, "homemade");
    let number = world.public.person(USUAL_PERSON).and_then(|person| person.number_at("insurer-b"));
    let number = number.map(|number| (number.scheme.as_str(), number.value.as_str())).unwrap_or_default();
    let purpose = draft.purpose.clone().unwrap_or_default();
    let parties = ("insurer-a", "insurer-b");
    let mut envelope =
        chukei_harness::Envelope::new(&world, &mut ids, parties, number, &purpose, "urn:example:test:1");
    let relay = draft.entity("relay");
    envelope.list_relay(&relay);
    envelope.signer = Some(signer.into());
    draft.carried = vec![envelope.build(&world, draft.now)];
}

/// The responder's answer to what the relay carries, bent.
const CARRIED: &[Row] = bends![
    "relayed/answer/relates-to-other" "message.relates-to.answered" "Header/RelatesTo=other" ["ENV-15", "WSA-04"]
        |d| d.relates_to = Some("urn:example:test:another-request".into());
    "relayed/answer/relates-to-missing" "message.relates-to.answered" "Header/RelatesTo+Header/Security/Signature=missing" ["WSA-04"]
        |d| d.relates_to = None;
    "relayed/answer/id-missing" "message.id.form" "Header/MessageID+Header/Security/Signature=missing" ["WSA-01"]
        |d| d.message_id = None;
    "relayed/answer/id-relative" "message.id.form" "Header/MessageID=relative" ["WSA-01"]
        |d| d.message_id = Some(super::message::relative(d));
    "relayed/answer/unsigned" "signature.presence.required" "Header/Security/Signature+signer=unsigned" ["SOAP-11"]
        |d| d.tamper(|root| drop(root.remove("soap:Header/wsse:Security/ds:Signature")));
    "relayed/answer/by-another" "message.sender.is-signer" "speaker=insurer-c" ["ENV-05"]
        |d| d.speak_as("insurer-c");
];

/// A character beyond the basic multilingual plane.
pub(super) const BEYOND: &str = "𠮷";

type Scene = (&'static str, fn() -> &'static [&'static Sentence], fn(&Face) -> Result<(), Broken>);

/// What cannot be said by one bend of one message.
const SCENES: &[Scene] = &[
    (
        "mapping/known/unknown-number",
        || leak(&[req!("mapping.input.known"), req!("mapping.no-transient")]),
        |face| {
            let mut kit = face.kit();
            let number = kit.number("unknown", "insurer-a").1;
            let mut input = kit.input(USUAL_PERSON, "insurer-b", 1);
            input.number = number;
            map(face, &mut kit, &[input])
        },
    ),
    (
        // 64 characters, none of which is one unit of UTF-16.
        "mapping/known/beyond-the-basic-plane",
        || leak(&[req!("mapping.input.known")]),
        |face| {
            let mut kit = face.kit();
            let mut input = kit.input(USUAL_PERSON, "insurer-b", 1);
            input.scheme = Some(format!("{SCHEME}medical-insured"));
            input.number = BEYOND.repeat(64);
            map(face, &mut kit, &[input])
        },
    ),
    (
        "mapping/member/of-another",
        || leak(&[req!("mapping.target.member"), req!("mapping.no-transient")]),
        |face| one(face, "not-member", "insurer-b"),
    ),
    (
        "mapping/member/former",
        || leak(&[req!("mapping.target.member"), req!("mapping.no-transient")]),
        |face| one(face, "former-member", "insurer-b"),
    ),
    (
        "mapping/target/unreachable",
        || leak(&[req!("mapping.unreachable.distinct")]),
        |face| one(face, "unreachable", "insurer-e"),
    ),
    (
        "mapping/target/several",
        || leak(&[req!("mapping.unambiguous")]),
        |face| {
            let mut kit = face.kit();
            let mut input = kit.input("both", "insurer-b", 1);
            input.target = None;
            map(face, &mut kit, &[input])
        },
    ),
    (
        "mapping/target/two-numbers",
        || leak(&[req!("mapping.unambiguous")]),
        |face| one(face, "two-numbers", "insurer-b"),
    ),
    (
        // The person has numbers with insurer-b and insurer-c, and insurer-d an agreement with the second alone.
        "mapping/target/agreed",
        || leak(&[req!("mapping.target.agreed")]),
        |face| of_insurer_d(face, "other-pair", None, USUAL_PURPOSE),
    ),
    (
        "mapping/agreement/none-known",
        || leak(&[req!("mapping.agreement.any")]),
        |face| of_insurer_d(face, "other-pair", None, "benefit-adjustment"),
    ),
    (
        "mapping/agreement/none-unknown",
        || leak(&[req!("mapping.agreement.any")]),
        |face| of_insurer_d(face, "unknown", None, "benefit-adjustment"),
    ),
    (
        "mapping/target/number-of-two",
        || leak(&[req!("mapping.unambiguous")]),
        |face| one(face, "duplicate-1", "insurer-b"),
    ),
    (
        "mapping/agreement/pair-known",
        || leak(&[req!("mapping.agreement.pair")]),
        |face| of_insurer_d(face, "other-pair", Some("insurer-b"), USUAL_PURPOSE),
    ),
    (
        "mapping/agreement/pair-unknown",
        || leak(&[req!("mapping.agreement.pair")]),
        |face| of_insurer_d(face, "unknown", Some("insurer-b"), USUAL_PURPOSE),
    ),
    (
        "mapping/input/several",
        || leak(&[req!("mapping.input.each-answered"), req!("mapping.status.levels")]),
        |face| {
            let mut kit = face.kit();
            let persons = [USUAL_PERSON, "not-member", "homonym-1", "late-elderly"];
            let inputs: Vec<Input> =
                persons.iter().zip(1..).map(|(p, n)| kit.input(p, "insurer-b", n)).collect();
            map(face, &mut kit, &inputs)
        },
    ),
    (
        "mapping/input/all-of-32",
        || leak(&[req!("mapping.input.each-answered"), req!("mapping.status.levels")]),
        |face| {
            let mut kit = face.kit();
            let inputs: Vec<Input> =
                (1..=32).map(|number| kit.input(USUAL_PERSON, "insurer-b", number)).collect();
            map(face, &mut kit, &inputs)
        },
    ),
    (
        "mapping/envelopes/unlike",
        || {
            leak(&[
                req!("envelope.issue.fresh"),
                req!("privacy.ciphertext.unlinkable"),
                req!("privacy.ciphertext.size"),
                req!("encryption.key.fresh"),
            ])
        },
        |face| {
            // Two of one person with another's between them, and of two persons with numbers of other lengths.
            for person in [USUAL_PERSON, "homonym-1", USUAL_PERSON, "late-elderly", "longest"] {
                one(face, person, "insurer-b")?;
            }
            Ok(())
        },
    ),
    (
        "mapping/envelopes/other-pair",
        || {
            leak(&[
                req!("envelope.issue.audience"),
                req!("envelope.issue.holder"),
                req!("metadata.encryption.first-rsa"),
            ])
        },
        |face| one(face, "both", "insurer-c"),
    ),
    (
        "history/complete/granted-and-refused",
        || {
            leak(&[
                req!("history.complete"),
                req!("mapping.log.before-answer"),
                req!("disclosure.notice.recorded"),
            ])
        },
        history,
    ),
    (
        "history/complete/refused",
        || leak(&[req!("history.complete")]),
        |face| {
            acts::look(face);
            // The person is not a member there; then, what the two have not agreed upon, which is seen before the number is looked at.
            one(face, USUAL_PERSON, "insurer-c")?;
            let mut draft = face.kit().mapping(&[USUAL_PERSON], "insurer-b");
            draft.purpose = Some(format!("{PURPOSE}history"));
            face.send("mapping", draft);
            acts::look(face);
            Ok(())
        },
    ),
    ("history/entries", || leak(&[req!("history.entry.content")]), history),
    (
        "history/nobody",
        || leak(&[req!("history.query.nobody")]),
        |face| about_nobody(face, body::history_query),
    ),
    ("history/parts", || leak(&[req!("history.range"), req!("history.total")]), parts_of_history),
];

/// What may become of a query that the relay carries.
const FATES: &[(&str, fn(&Face) -> Result<(), Broken>)] = &[
    ("relayed/recorded/answered", |face| carried(face, |draft| acts::scripted(draft, false))),
    ("relayed/recorded/refused", |face| carried(face, |_| Scripted { reply: fault(), deviates: false })),
    ("relayed/recorded/no-answer", |face| {
        carried(face, |_| Scripted { reply: Reply::Close, deviates: false })
    }),
    ("relayed/recorded/unsound", |face| {
        carried(face, |mut draft| {
            draft.relates_to = Some("urn:example:test:another-request".into());
            acts::scripted(draft, false)
        })
    }),
];

/// A carried query between two looks at the history, and what the responder does about it.
fn carried(face: &Face, reply: fn(Draft) -> Scripted) -> Result<(), Broken> {
    acts::look(face);
    let draft = acts::draft(face, Kind::Relayed)?;
    face.script(Arc::new(move |call, kit| {
        let usual = (call.to == "insurer-b").then(|| kit.reply(call.to, call.message?)).flatten();
        usual.map(reply)
    }));
    face.send("mapping", draft);
    face.unscript();
    acts::look(face);
    Ok(())
}

/// The usual message of a kind between two looks at the history.
fn between_looks(face: &Face, kind: Kind) -> Result<(), Broken> {
    let draft = acts::draft(face, kind)?;
    acts::look(face);
    face.send(acts::endpoint(kind), draft);
    acts::look(face);
    Ok(())
}

fn fault() -> Reply {
    let headers = vec![("content-type".into(), "text/xml; charset=utf-8".into())];
    Reply::Answer { status: 500, headers, body: body::fault("soap:Client", "refused") }
}

fn leak(sentences: &[&'static Sentence]) -> &'static [&'static Sentence] {
    Box::leak(sentences.to_vec().into_boxed_slice())
}

fn one(face: &Face, person: &str, target: &str) -> Result<(), Broken> {
    let mut kit = face.kit();
    let input = kit.input(person, target, 1);
    map(face, &mut kit, &[input])
}

fn map(face: &Face, kit: &mut chukei_harness::Kit, inputs: &[Input]) -> Result<(), Broken> {
    let body = body::mapping_request(inputs);
    let draft = kit.request("insurer-a", "mapping", body).for_purpose(USUAL_PURPOSE);
    face.send("mapping", draft);
    Ok(())
}

/// `insurer-d` asks for a number of a person. No agreement lets it ask for those of `insurer-b`.
fn of_insurer_d(face: &Face, person: &str, target: Option<&str>, purpose: &str) -> Result<(), Broken> {
    let mut kit = face.kit();
    let (scheme, number) = kit.number(person, "insurer-d");
    let input = Input {
        scheme: Some(scheme),
        number,
        owner: Some(kit.world.entity("insurer-d")),
        target: target.map(|target| kit.world.entity(target)),
        ..kit.input(USUAL_PERSON, "insurer-b", 1)
    };
    let body = body::mapping_request(&[input]);
    let draft = kit.request("insurer-d", "mapping", body).for_purpose(purpose);
    face.send("mapping", draft);
    Ok(())
}

/// Queries whose numbers do not lead to one person: one unknown, one of two persons, one too short, one of no known scheme.
pub(super) fn about_nobody(face: &Face, query: fn(&str, &str, &str) -> Element) -> Result<(), Broken> {
    let kit = face.kit();
    let (scheme, unknown) = kit.number("unknown", "portal");
    let (care, shared) = kit.number("duplicate-1", "insurer-a");
    let (_, known) = kit.number(USUAL_PERSON, "portal");
    let (short, strange) = ("1".repeat(43), format!("{SCHEME}unknown"));
    for (owner, scheme, number) in [
        ("portal", &scheme, &unknown),
        ("insurer-a", &care, &shared),
        ("portal", &scheme, &short),
        ("portal", &strange, &known),
    ] {
        let query = query(scheme, &kit.world.entity(owner), number);
        let draft = face.kit().request("portal", "history", query).for_purpose("history");
        face.send("history", draft);
    }
    Ok(())
}

/// Parts of a history, between two looks at all of it.
fn parts_of_history(face: &Face) -> Result<(), Broken> {
    let ask = |range: &[(&str, &str)]| {
        let draft = face.kit().history_part("portal", USUAL_PERSON, "portal", range);
        acts::answered(face.send("history", draft))
    };
    let lacking = || Broken::Lacking("a history of the product".into());
    let whole = ask(&[])?;
    let history = find(&whole, "AccessHistory").ok_or_else(lacking)?;
    let last = history.elements().last().ok_or_else(lacking)?;
    let (number, at) = last.value("number").zip(last.value("at")).ok_or_else(lacking)?;
    ask(&[("limit", "1")])?;
    ask(&[("limit", "2"), ("before", number)])?;
    ask(&[("before", "1")])?;
    ask(&[("from", at)])?;
    ask(&[("from", at), ("until", at)])?;
    ask(&[("from", at), ("limit", "1")])?;
    ask(&[("from", FAR_AHEAD)])?;
    ask(&[]).map(drop)
}

/// A second notice about an envelope, as it is given, between two looks at the history.
fn noticed_again(face: &Face, send: impl FnOnce(&Face, Draft)) -> Result<(), Broken> {
    let id = acts::envelope_id(&acts::mapped(face)?);
    if id.is_empty() {
        return Err(Broken::Lacking("an envelope of the product".into()));
    }
    let notice = |face: &Face| face.kit().notice("insurer-b", &id);
    acts::answered(face.send("disclosure", notice(face)))?;
    acts::look(face);
    send(face, notice(face));
    acts::look(face);
    acts::probe(face, Kind::Notice);
    Ok(())
}

/// Moves the time of a notice by so many seconds.
fn notice_at(draft: &mut Draft, by: i64) {
    let at = DateTime { seconds: draft.now.saturating_add(by), nanoseconds: 0 };
    draft.body.set("at", &at.format());
}

/// The history of a person before and after a granted mapping, a refused one, and a disclosure, and while it is asked for.
fn history(face: &Face) -> Result<(), Broken> {
    acts::look(face);
    let id = acts::envelope_id(&acts::mapped(face)?);
    acts::look(face);
    one(face, USUAL_PERSON, "insurer-e")?;
    let notice = face.kit().notice("insurer-b", &id);
    face.send("disclosure", notice);
    acts::look(face);
    Ok(())
}
