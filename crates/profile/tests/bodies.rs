//! Bodies of this standard: what is written is read, one deviation at a time is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;

use chukei_idwsf::{Checks, Content, Parts, Payload, Status};
use chukei_profile::{
    Date, Purpose, Scheme,
    disclosure::{Notice, Outcome, Receipt},
    history::{Entry, History, HistoryQuery, Kind, Range, Withheld},
    linkage::{Answer, Benefit, Eligibility, Item, Query, RelayedQuery, Validity, eligibility_on},
    login::Context,
    proof::{LedgerStatus, Proof, ProofQuery, StatusQuery},
};
use chukei_reason::Reason;
use chukei_saml::NameId;
use chukei_xml::{
    Document, Writer, XmlError,
    lexical::{DateTime, LARGEST_NUMBER},
    ns,
};
use chukei_xml_security::{FromSigned, Shape, Signed, Signing, TrustStore, TrustedKey, Unverified};

const A: &str = "https://insurer-a.example.test/";
const B: &str = "https://insurer-b.example.test/";
const AT: DateTime = DateTime { seconds: 1_782_864_000, nanoseconds: 0 };

/// Reads a body from a signed message, the one way there is.
struct Carried<T>(T);

impl<T: Payload> FromSigned for Carried<T> {
    fn read(signed: &Signed<'_>) -> Result<Self, XmlError> {
        let element = signed.element()?.children().any()?;
        T::read(element.unwrap(), &Parts::Signed(*signed)).map(Self)
    }
}

fn read<T: Payload>(body: &Document) -> Result<T, Reason> {
    let key = chukei_crypto::test_pki::keys::p256(1);
    let signer = key.signer(chukei_crypto::SignatureAlgorithm::EcdsaSha256).unwrap();
    let around = Signing::new(&signer).document(|w, slot| {
        w.open(ns::CK.name("Around")).attribute("ID", "_around");
        slot.enveloped(w, "_around");
        w.graft(body.root()).close();
    });
    let mut trust = TrustStore::new();
    trust.add(A, TrustedKey::new(key.public_key().clone()));
    let mut budget = chukei_xml::Budget::default();
    let document = Document::parse_within(around.unwrap().write(), &mut budget).unwrap();
    let unverified =
        Unverified::<Carried<T>>::locate(document, &Shape::root(ns::CK.name("Around")), &mut budget);
    let verified = unverified.unwrap().verify_by(A, &trust, chukei_crypto::UnixTime(0), &mut budget);
    verified.map(|verified| verified.into_value().0).map_err(|refusal| refusal.reason())
}

fn written<C: Content>(content: &C) -> Document {
    Writer::build(|w| content.write(w)).unwrap()
}

/// What is read again is the same, and each change is refused for its reason.
fn holds<T: Payload + Content + PartialEq + std::fmt::Debug>(content: &T, changes: &[(&str, &str, Reason)]) {
    let document = written(content);
    assert_eq!(read::<T>(&document).unwrap(), *content);
    let text = String::from_utf8(document.write()).unwrap();
    for (from, to, reason) in changes {
        assert!(text.contains(from), "{from} in {text}");
        let changed = Document::parse(text.replacen(from, to, 1)).unwrap();
        assert_eq!(read::<T>(&changed).err(), Some(*reason), "{to}");
    }
}

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn eligibility(from: &str, until: Option<&str>) -> Eligibility {
    Eligibility {
        scheme: Scheme::MedicalInsured,
        insurer: B.to_owned(),
        from: date(from),
        until: until.map(date),
        as_of: date("2026-07-01"),
        recorded_at: AT,
        validity: Validity::Valid,
    }
}

#[test]
fn queries() {
    let query =
        Query { on_behalf_of: Some(A.to_owned()), ..Query::new(&Item::ALL, Some(date("2026-07-01"))) };
    holds(
        &query,
        &[
            ("asOf=\"2026-07-01\"", "asOf=\"2026-7-1\"", Reason::DateTime),
            ("<ck:Item>", "<ck:Item x=\"1\">", Reason::Schema),
            ("<ck:Item>", "x<ck:Item>", Reason::Schema),
            ("<ck:Item>", "<ck:Other></ck:Other><ck:Item>", Reason::Schema),
            (" asOf", " extra=\"1\" asOf", Reason::Schema),
        ],
    );
    let checks = Checks::default();
    assert_eq!(query.check(&checks).unwrap().len(), 2);
    for items in
        [&[][..], &["eligibility", "eligibility"], &["name"], &["Eligibility"], &["eligibility", " benefits"]]
    {
        let query = Query { items: items.iter().map(|item| (*item).to_owned()).collect(), ..query.clone() };
        assert_eq!(query.check(&checks).unwrap_err().reason(), Reason::Query, "{items:?}");
    }
    let relayed = RelayedQuery { to: B.to_owned(), query: Query::new(&[Item::Benefits], None) };
    holds(
        &relayed,
        &[(" to=", " for=", Reason::Schema), ("<ck:LinkageQuery>", "x<ck:LinkageQuery>", Reason::Schema)],
    );
    assert!(query.asks_about_a_person() && relayed.asks_about_a_person());
}

#[test]
fn answers() {
    let benefit = Benefit {
        kind: "high-cost-medical".to_owned(),
        from: date("2025-08-01"),
        until: None,
        amount: Some(90_000),
    };
    let answer = Answer::new(
        vec![eligibility("2008-04-01", None), eligibility("2000-01-01", Some("2008-04-01"))],
        vec![benefit],
    );
    holds(
        &answer,
        &[
            ("validity=\"valid\"", "validity=\"true\"", Reason::Schema),
            (" asOf=\"2026-07-01\"", "", Reason::Schema),
            (" recordedAt=\"2026-07-01T00:00:00Z\"", "", Reason::Schema),
            ("recordedAt=\"2026-07-01T00:00:00Z\"", "recordedAt=\"2026-07-01\"", Reason::DateTime),
            ("identifier:medical-insured", "identifier:other", Reason::Schema),
            ("from=\"2008-04-01\"", "from=\"2008-04-31\"", Reason::DateTime),
            ("amount=\"90000\"", "amount=\"-1\"", Reason::Schema),
            ("amount=\"90000\"", "amount=\"090000\"", Reason::Schema),
            ("amount=\"90000\"", "amount=\"９\"", Reason::Schema),
            ("kind=\"high-cost-medical\"", "kind=\"試験太郎\"", Reason::Schema),
            ("kind=\"high-cost-medical\"", "kind=\"-a\"", Reason::Schema),
            ("<ck:Benefit", "<ck:Name>x</ck:Name><ck:Benefit", Reason::Schema),
            ("<lu:Status xmlns:lu=\"urn:liberty:util:2006-08\" code=\"OK\"></lu:Status>", "", Reason::Schema),
        ],
    );
    let none = Answer::new(Vec::new(), Vec::new());
    assert_eq!((none.status.code.as_str(), none.has_data()), ("NoData", false));
    holds(&none, &[("code=", "kode=", Reason::Schema)]);
}

#[test]
fn eligibility_is_that_of_the_day() {
    let periods = [
        eligibility("2000-04-01", Some("2008-04-01")),
        eligibility("2008-04-01", Some("2026-07-01")),
        eligibility("2027-01-01", None),
    ];
    let on = |day: &str| -> Vec<(String, Validity)> {
        let found = eligibility_on(&periods, &date(day));
        assert!(found.iter().all(|one| one.as_of == date(day)));
        found.into_iter().map(|one| (one.from.as_str().to_owned(), one.validity)).collect()
    };
    assert_eq!(on("2008-04-01"), [("2008-04-01".to_owned(), Validity::Valid)]);
    assert_eq!(on("2008-03-31"), [("2000-04-01".to_owned(), Validity::Valid)]);
    assert_eq!(on("2026-07-01"), [("2008-04-01".to_owned(), Validity::Invalid)]);
    assert_eq!(on("2027-01-01"), [("2027-01-01".to_owned(), Validity::Valid)]);
    assert_eq!(on("1999-12-31"), []);
    // Of two that ended on one day the later one, wherever it stands; two of one day are both in force.
    let periods = [
        eligibility("2011-04-01", Some("2012-04-01")),
        eligibility("2008-04-01", Some("2012-04-01")),
        eligibility("2015-04-01", None),
        eligibility("2020-04-01", None),
    ];
    let on = |day: &str| -> Vec<(String, Validity)> {
        let found = eligibility_on(&periods, &date(day));
        found.into_iter().map(|one| (one.from.as_str().to_owned(), one.validity)).collect()
    };
    assert_eq!(on("2013-01-01"), [("2011-04-01".to_owned(), Validity::Invalid)]);
    let both = ["2015-04-01", "2020-04-01"].map(|from| (from.to_owned(), Validity::Valid));
    assert_eq!(on("2021-01-01"), both);
}

#[test]
fn disclosures_and_histories() {
    let notice = Notice {
        envelope: "_e".to_owned(),
        requester: A.to_owned(),
        at: AT,
        outcome: Outcome::NoData,
        items: BTreeSet::from(Item::ALL),
        purpose: Purpose::CombinedHighCost,
    };
    holds(
        &notice,
        &[
            ("no-data", "none", Reason::Schema),
            ("benefits", "eligibility", Reason::Query),
            ("benefits", "name", Reason::Query),
            ("purpose:combined-high-cost", "purpose:other", Reason::Purpose),
            (" envelope=\"_e\"", "", Reason::Schema),
            (" at=\"2026-07-01T00:00:00Z\"", "", Reason::Schema),
        ],
    );
    assert!(!notice.asks_about_a_person());
    let nothing = Notice { items: BTreeSet::new(), ..notice };
    assert_eq!(read::<Notice>(&written(&nothing)).err(), Some(Reason::Query));
    holds(
        &Receipt { envelope: "_e".to_owned(), status: Status::new("OK") },
        &[(" envelope=\"_e\"", "", Reason::Schema)],
    );

    let entry = Entry {
        number: 1,
        at: AT,
        actor: A.to_owned(),
        kind: Kind::Mapping,
        outcome: "granted".to_owned(),
        purpose: Purpose::CombinedHighCost,
        envelope: Some("_e".to_owned()),
        authentication: None,
        operator: None,
        withheld_until: None,
    };
    let second = Entry { number: 2, kind: Kind::Disclosure, envelope: None, ..entry.clone() };
    holds(
        &History { total: 2, entries: vec![entry.clone(), second], withheld: Vec::new() },
        &[
            ("number=\"1\"", "number=\"0\"", Reason::Schema),
            ("number=\"1\"", "number=\"one\"", Reason::Schema),
            ("kind=\"mapping\"", "kind=\"other\"", Reason::Schema),
            (" actor=", " name=\"x\" actor=", Reason::Schema),
            ("purpose:combined-high-cost", "purpose:other", Reason::Schema),
            (" total=\"2\"", "", Reason::Schema),
            ("total=\"2\"", "total=\"-2\"", Reason::Schema),
        ],
    );
    let by_card = Entry {
        authentication: Some(Context::CardWithoutPin),
        operator: Some("0a1b".to_owned()),
        ..entry.clone()
    };
    holds(
        &History { total: 1, entries: vec![by_card], withheld: Vec::new() },
        &[
            ("authentication=\"card-without-pin\"", "authentication=\"somehow\"", Reason::Schema),
            ("operator=\"0a1b\"", "operator=\"0A1B\"", Reason::Schema),
            ("operator=\"0a1b\"", "operator=\"0\"", Reason::Schema),
            ("operator=\"0a1b\"", &format!("operator=\"{}\"", "0".repeat(43)), Reason::Schema),
        ],
    );
    let withheld = |number| Withheld { number, until: AT };
    let third = Entry { number: 3, withheld_until: Some(AT), ..entry.clone() };
    holds(
        &History { total: 9, entries: vec![entry.clone(), third], withheld: vec![withheld(2), withheld(4)] },
        &[
            ("WithheldEntry number=\"2\"", "WithheldEntry number=\"0\"", Reason::Schema),
            ("WithheldEntry number=\"2\"", "WithheldEntry actor=\"x\" number=\"2\"", Reason::Schema),
            (" until=", " at=", Reason::Schema),
            (" withheldUntil=\"2", " withheldUntil=\"x", Reason::DateTime),
        ],
    );
    holds(&History::default(), &[("></ck:AccessHistory>", ">x</ck:AccessHistory>", Reason::Schema)]);
    let bundle: Vec<u8> = (0..600_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    let proof = Proof { bundle };
    // Texts of a message have a limit.
    let parts = written(&proof).root().elements().count();
    assert_eq!(parts, 3);
    holds(&proof, &[]);
    holds(&Proof { bundle: Vec::new() }, &[("></ck:AccessProof>", ">x</ck:AccessProof>", Reason::Schema)]);
    holds(
        &Proof { bundle: b"{}".to_vec() },
        &[
            ("e30=", "e31=", Reason::Base64),
            ("e30=", "e3", Reason::Base64),
            ("<ck:Part>", "<ck:Part name=\"x\">", Reason::Schema),
            ("<ck:Part>e30=</ck:Part>", "<ck:Other>e30=</ck:Other>", Reason::Schema),
        ],
    );
    let name_id = NameId::new(Scheme::CareInsured.uri(), "0000123456").by(A);
    for since in [None, Some(0), Some(LARGEST_NUMBER)] {
        let query = ProofQuery { name_id: name_id.clone(), since };
        let again = read::<ProofQuery>(&written(&query)).unwrap();
        assert!(again.name_id == name_id && again.since == since && again.asks_about_a_person());
        assert!(!format!("{again:?}").contains("0000123456"));
    }
    let query = String::from_utf8(written(&ProofQuery { name_id, since: Some(7) }).write()).unwrap();
    for (from, to) in [
        ("since=\"7\"", "since=\"-7\""),
        ("since=\"7\"", "since=\"07\""),
        ("since=\"7\"", "since=\"1000000000000000000\""),
        ("since=\"7\"", "since=\"\""),
        ("since=", "until="),
    ] {
        let changed = Document::parse(query.replace(from, to)).unwrap();
        assert_eq!(read::<ProofQuery>(&changed).unwrap_err(), Reason::Schema, "{to}");
    }
    let name_id = NameId::new(Scheme::CareInsured.uri(), "0000123456").by(A);
    let later = DateTime { seconds: AT.seconds + 1, ..AT };
    let narrow = Range { from: Some(AT), until: Some(later), before: Some(7), limit: 3 };
    for range in [Range::default(), narrow, Range { limit: 1000, ..narrow }] {
        let query = HistoryQuery { name_id: name_id.clone(), range };
        let again = read::<HistoryQuery>(&written(&query)).unwrap();
        assert!(again.name_id == name_id && again.range == range && again.asks_about_a_person());
        assert!(!format!("{again:?}").contains("0000123456"));
    }
    let query = String::from_utf8(written(&HistoryQuery { name_id, range: narrow }).write()).unwrap();
    for (from, to, reason) in [
        ("limit=\"3\"", "limit=\"0\"", Reason::Schema),
        ("limit=\"3\"", "limit=\"1001\"", Reason::Schema),
        ("before=\"7\"", "before=\"0\"", Reason::Schema),
        ("before=\"7\"", "before=\"+7\"", Reason::Schema),
        ("before=", "after=", Reason::Schema),
        ("until=\"2", "until=\"x", Reason::DateTime),
        ("from=\"2", "from=\"", Reason::DateTime),
    ] {
        let changed = Document::parse(query.replace(from, to)).unwrap();
        assert_eq!(read::<HistoryQuery>(&changed).unwrap_err(), reason, "{to}");
    }

    assert!(!read::<StatusQuery>(&written(&StatusQuery)).unwrap().asks_about_a_person());
    let asked = String::from_utf8(written(&StatusQuery).write()).unwrap();
    let changed = Document::parse(asked.replace("></ck:Ledger", ">x</ck:Ledger")).unwrap();
    assert_eq!(read::<StatusQuery>(&changed).err(), Some(Reason::Schema));
    holds(
        &LedgerStatus { from: AT, until: AT, checkpoint: b"{}".to_vec() },
        &[
            ("e30=", "e31=", Reason::Base64),
            (" from=", " since=", Reason::Schema),
            (" until=\"2", " until=\"x", Reason::DateTime),
            ("<ck:Checkpoint>e30=</ck:Checkpoint>", "<ck:Other>e30=</ck:Other>", Reason::Schema),
        ],
    );
}
