//! `spec/schema/chukei.xsd` accepts what the reference implementation writes, and refuses what it refuses. libxml2's `xmllint`
//! validates; where it is not installed, "not run" is printed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use chukei_idwsf::{Content, Status};
use chukei_profile::{
    Date, Purpose, Scheme,
    disclosure::{Notice, Outcome, Receipt},
    history::{Entry, History, HistoryQuery, Kind, Range, Withheld},
    linkage::{Answer, Benefit, Eligibility, Item, Query, RelayedQuery, Validity},
    login::{
        CardPresentation, Challenge, ChallengeRequest, Context, Given, Login, LoginAnswer, Patient,
        Presented, Shown,
    },
    proof::{LedgerStatus, Proof, ProofQuery, StatusQuery},
};
use chukei_saml::NameId;
use chukei_xml::{Writer, lexical::DateTime};

const A: &str = "https://insurer-a.example.test/";
const B: &str = "https://insurer-b.example.test/";

/// As `chukei-idwsf` writes it into a header.
const RECEIPTS: &str = "<ck:Receipts xmlns:ck=\"urn:chukei:1.0\" xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\" \
    wsu:Id=\"_receipts\"><ck:Receipt commitment=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"></ck:Receipt></ck:Receipts>";

const WITHHOLDING: &str = "<ck:Withholding xmlns:ck=\"urn:chukei:1.0\" xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\" \
    until=\"2026-12-31\" wsu:Id=\"_withholding\"></ck:Withholding>";

/// As `chukei-profile` has a card sign it, without the content of the signature.
const APPLICATION: &str = "<ck:AccessApplication xmlns:ck=\"urn:chukei:1.0\" ID=\"_1\">\
    <ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></ds:Signature>\
    <ck:Title>アクセス申請書</ck:Title><ck:AppliedAt>2026-02-28T00:00:00Z</ck:AppliedAt>\
    <ck:Purpose>urn:chukei:1.0:purpose:history</ck:Purpose>\
    <ck:Consent>urn:chukei:1.0:consent:authentication-by-this-signature</ck:Consent>\
    <ck:Relay>https://relay.example.test/</ck:Relay><ck:Portal>https://portal.example.test/</ck:Portal></ck:AccessApplication>";

/// Whether each document validates; `None` without xmllint.
fn validate(documents: &[(String, Vec<u8>)]) -> Option<Vec<bool>> {
    if Command::new("xmllint").arg("--version").output().is_err() {
        eprintln!("not run: xmllint is not installed");
        return None;
    }
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/schema/chukei.xsd");
    let scratch = tempfile::tempdir().unwrap();
    let valid = |(at, (_, document)): (usize, &(String, Vec<u8>))| {
        let path = scratch.path().join(format!("{at}.xml"));
        fs::write(&path, document).unwrap();
        let run =
            Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).arg(&schema).arg(&path).output();
        let run = run.unwrap();
        // 0: valid, 3: invalid; anything else is a mistake in the schema or in how it is called.
        assert!(matches!(run.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&run.stderr));
        run.status.success()
    };
    Some(documents.iter().enumerate().map(valid).collect())
}

fn written(content: &impl Content) -> Vec<u8> {
    Writer::build(|w| content.write(w)).unwrap().write()
}

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn answer() -> Answer {
    let eligibility = Validity::ALL.map(|(validity, _)| Eligibility {
        scheme: Scheme::MedicalInsured,
        insurer: B.to_owned(),
        from: day("2008-04-01"),
        until: Some(day("2026-04-01")),
        as_of: day("2026-02-01"),
        recorded_at: DateTime { seconds: 1_767_571_200, nanoseconds: 500_000_000 },
        validity,
    });
    let benefit = |amount| Benefit {
        kind: "high-cost-medical".to_owned(),
        from: day("2025-08-01"),
        until: None,
        amount,
    };
    Answer::new(eligibility.to_vec(), vec![benefit(Some(0)), benefit(Some(48_200)), benefit(None)])
}

#[test]
fn what_we_write_is_valid() {
    let at = DateTime { seconds: 1_767_571_200, nanoseconds: 0 };
    let query = Query { on_behalf_of: Some(A.to_owned()), ..Query::new(&Item::ALL, Some(day("2026-02-28"))) };
    let entry = |number, kind, purpose| Entry {
        number,
        at,
        actor: A.to_owned(),
        kind,
        outcome: "granted".to_owned(),
        purpose,
        envelope: Some("_1".to_owned()),
        authentication: None,
        operator: None,
        withheld_until: None,
    };
    let entries = vec![
        entry(1, Kind::Mapping, Purpose::ALL[0]),
        entry(2, Kind::Disclosure, Purpose::ALL[1]),
        Entry { envelope: None, ..entry(3, Kind::History, Purpose::ALL[2]) },
        Entry { withheld_until: Some(at), ..entry(4, Kind::Mapping, Purpose::ALL[3]) },
        Entry {
            envelope: None,
            authentication: Some(Context::CardPresent),
            operator: Some("0a1b".to_owned()),
            ..entry(5, Kind::Login, Purpose::ALL[3])
        },
    ];
    let range = Range { from: Some(at), until: Some(at), before: Some(6), limit: 1 };
    let notice = |outcome| Notice {
        envelope: "_1".to_owned(),
        requester: A.to_owned(),
        at,
        outcome,
        items: BTreeSet::from(Item::ALL),
        purpose: Purpose::ALL[0],
    };
    let name_id = NameId::new(Scheme::MedicalInsured.uri(), "港いろは１２３４").by(B);
    let shown = |signature: Option<&[u8]>| Shown {
        certificate: b"certificate".to_vec(),
        signature: signature.map(<[u8]>::to_vec),
    };
    let reception = |patient| Login::Reception {
        challenge: "0".repeat(64),
        operator: shown(Some(b"signature")),
        patient,
    };
    let given = Given { id: "_1".to_owned(), until: at, context: Context::CardWithoutPin };
    let logged_in = |code, session| written(&LoginAnswer { status: Status::new(code), session });
    let presentation =
        CardPresentation { challenge: "0".repeat(64), portal: B.to_owned(), purpose: Purpose::History };
    let documents = [
        ("challenge request", written(&ChallengeRequest)),
        ("challenge", written(&Challenge { value: "0".repeat(64), until: at, door: None })),
        (
            "challenge with a door",
            written(&Challenge {
                value: "0".repeat(64),
                until: at,
                door: Some("https://relay.example.test:8443/card".to_owned()),
            }),
        ),
        ("presentation", presentation.write().unwrap()),
        ("ticket", Presented { ticket: "_1".to_owned().into(), until: at }.write().unwrap()),
        (
            "login with a ticket",
            written(&Login::Ticket { challenge: "0".repeat(64), ticket: "_1".to_owned().into() }),
        ),
        ("application", written(&Login::Application { certificate: vec![1], document: b"<a/>".to_vec() })),
        ("response", written(&Login::Response { challenge: "0".repeat(64), card: shown(Some(b"s")) })),
        ("card that signs", written(&reception(Patient::Card(shown(Some(b"s")))))),
        ("card that does not", written(&reception(Patient::Card(shown(None))))),
        ("number", written(&reception(Patient::VisibleNumber("TEST1".to_owned().into())))),
        ("login", logged_in("OK", Some(given))),
        ("no login", logged_in("NotMember", None)),
        ("query", written(&query)),
        (
            "relayed query",
            written(&RelayedQuery { to: B.to_owned(), query: Query::new(&Item::ALL[..1], None) }),
        ),
        ("answer", written(&answer())),
        ("answer without data", written(&Answer::new(Vec::new(), Vec::new()))),
        ("notice", written(&notice(Outcome::Answered))),
        ("notice without data", written(&notice(Outcome::NoData))),
        ("receipt", written(&Receipt { envelope: "_1".to_owned(), status: Status::new("OK") })),
        ("proof query", written(&ProofQuery { name_id: name_id.clone(), since: None })),
        (
            "proof query since",
            written(&ProofQuery { name_id: name_id.clone(), since: Some(999_999_999_999_999_999) }),
        ),
        ("proof", written(&Proof { bundle: b"{}".to_vec() })),
        ("proof about nobody", written(&Proof { bundle: Vec::new() })),
        ("receipts", RECEIPTS.as_bytes().to_vec()),
        ("withholding", WITHHOLDING.as_bytes().to_vec()),
        ("access application", APPLICATION.as_bytes().to_vec()),
        ("history query", written(&HistoryQuery { name_id: name_id.clone(), range: Range::default() })),
        ("history query of a part", written(&HistoryQuery { name_id, range })),
        (
            "history",
            written(&History { total: 9, entries, withheld: vec![Withheld { number: 6, until: at }] }),
        ),
        ("ledger status query", written(&StatusQuery)),
        ("ledger status", written(&LedgerStatus { from: at, until: at, checkpoint: b"{}".to_vec() })),
        ("empty history", written(&History::default())),
    ];
    let documents = documents.map(|(name, document)| (name.to_owned(), document));
    let Some(valid) = validate(&documents) else { return };
    let invalid: Vec<_> =
        documents.iter().zip(valid).filter(|(_, valid)| !valid).map(|((name, _), _)| name).collect();
    assert_eq!(invalid, Vec::<&String>::new());
}

/// The examples of the standard: what stands in Body, where it is of our namespace.
#[test]
fn the_examples_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/examples");
    let mut documents = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            let text = fs::read_to_string(&path).unwrap();
            let (_, body) = text.split_once("<soap:Body").unwrap();
            let content =
                body.split_once('>').unwrap().1.strip_suffix("</soap:Body></soap:Envelope>").unwrap();
            if content.starts_with("<ck:") {
                documents.push((path.display().to_string(), content.as_bytes().to_vec()));
            }
        }
    }
    assert!(documents.len() >= 6);
    let Some(valid) = validate(&documents) else { return };
    let invalid: Vec<_> =
        documents.iter().zip(valid).filter(|(_, valid)| !valid).map(|((name, _), _)| name).collect();
    assert_eq!(invalid, Vec::<&String>::new());
}

#[test]
fn what_is_wrong_is_not() {
    let presentation =
        CardPresentation { challenge: "0".repeat(64), portal: B.to_owned(), purpose: Purpose::History };
    let sound = [
        ("query", String::from_utf8(written(&Query::new(&Item::ALL, Some(day("2026-02-28"))))).unwrap()),
        ("answer", String::from_utf8(written(&answer())).unwrap()),
        ("receipts", RECEIPTS.to_owned()),
        ("presentation", String::from_utf8(presentation.write().unwrap()).unwrap()),
        ("withholding", WITHHOLDING.to_owned()),
        ("application", APPLICATION.to_owned()),
    ];
    let wrong = [
        ("application", "no signature", "ds:Signature", "ck:Signature"),
        ("application", "no consent", "ck:Consent", "ck:Reason"),
        ("application", "an attribute", "<ck:Title>", "<ck:Title ID=\"_2\">"),
        ("application", "no ID", " ID=", " Id="),
        ("application", "another purpose", "purpose:history", "purpose:other"),
        ("application", "text beside", "<ck:Title>", "x<ck:Title>"),
        ("withholding", "a time", "2026-12-31", "2026-12-31T00:00:00Z"),
        ("receipts", "30 octets", "AAAA=\"", "\""),
        (
            "receipts",
            "no receipt",
            "<ck:Receipt commitment=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"></ck:Receipt>",
            "",
        ),
        ("receipts", "a receipt with more", " commitment=", " person=\"1\" commitment="),
        ("presentation", "a challenge that is none", "\"000", "\"0"),
        ("presentation", "another purpose", "purpose:history", "purpose:other"),
        ("presentation", "no portal", "ck:Portal", "ck:Party"),
        ("query", "an unknown item", ">benefits<", ">names<"),
        ("query", "an item twice", ">benefits<", ">eligibility<"),
        ("query", "a date that is none", "2026-02-28", "2026-02-30"),
        ("query", "a date with a zone", "2026-02-28", "2026-02-28Z"),
        ("query", "an unknown attribute", "asOf=", "numberOf="),
        ("query", "another namespace", "urn:chukei:1.0", "urn:chukei:1.1"),
        ("answer", "a word that is no validity", "validity=\"invalid\"", "validity=\"multi\""),
        ("answer", "a time without zone", ".500Z", ".500"),
        ("answer", "a time at 24 o'clock", "T00:00:00.500Z", "T24:00:00Z"),
        ("answer", "a day before Meiji", "from=\"2008-04-01\"", "from=\"1867-12-31\""),
        ("answer", "an amount of 19 digits", "amount=\"48200\"", "amount=\"1000000000000000000\""),
        ("answer", "an amount with a sign", "amount=\"48200\"", "amount=\"-48200\""),
        ("answer", "an amount with zeros", "amount=\"48200\"", "amount=\"048200\""),
        ("answer", "a kind with capitals", "high-cost-medical", "High cost"),
        ("answer", "no status", "lu:Status", "lu:State"),
        ("answer", "a name", "insurer=", "name=\"TEST\" insurer="),
    ];
    let mut documents: Vec<(String, Vec<u8>)> =
        sound.iter().map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes())).collect();
    for (which, what, from, to) in wrong {
        let text = &sound.iter().find(|(name, _)| *name == which).unwrap().1;
        assert!(text.contains(from), "{what}: {text}");
        documents.push((what.to_owned(), text.replace(from, to).into_bytes()));
    }
    let Some(valid) = validate(&documents) else { return };
    let accepted: Vec<_> =
        documents.iter().zip(valid).filter(|(_, valid)| *valid).map(|((name, _), _)| name).collect();
    assert_eq!(accepted, ["query", "answer", "receipts", "presentation", "withholding", "application"]);
}
