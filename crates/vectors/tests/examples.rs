//! `spec/examples/`: one conversation of figure 5 as it travels, with what it takes to check it.
//!
//! The suite's own builder makes the messages from a seed, so equal seeds give equal octets; the reference implementation,
//! which shares no writer with it, verifies and opens them here. `CHUKEI_EXAMPLES=write` writes what the test expects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use chukei_crypto::{UnixTime, Unwrapper, sha256};
use chukei_evidence::{Body, Cases, Exchange as View, Header, Product, Recorder, Verdict, What};
use chukei_forge::raw::{Element, parse};
use chukei_harness::{
    Draft, Ids, Kit, World,
    kit::{find, text_of},
    message::{Finished, body},
};
use chukei_idwsf::{
    Accepted, Awaited, Checks, Payload, PeerAnswer, Receiver, Request,
    ims::{MappingRequest, MappingResponse},
};
use chukei_profile::{
    Purpose, Scheme,
    disclosure::{Notice, Receipt},
    envelope::{Acceptor, Presentation},
    history::{History, HistoryQuery},
    linkage::{Answer, Query},
};
use chukei_relay::memory::MemoryReplay;
use chukei_world::{Plan, World as Folder};
use chukei_xml::{Budget, lexical::encode_base64, ns};

/// 2026-06-01T03:00:00Z, noon in Japan.
const NOW: i64 = 1_780_282_800;
const SEED: u64 = 1;
const PORT: u16 = 18_440;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/examples")
}

/// File name → content.
type Files = BTreeMap<String, Vec<u8>>;

struct Conversation {
    world: Arc<World>,
    ids: u32,
}

impl Conversation {
    /// Messages for a product that plays this party.
    fn kit(&mut self, plays: &str) -> Kit {
        self.ids += 1;
        let roles =
            [("mapping", "relay"), ("disclosure", "relay"), ("history", "relay"), ("linkage", "insurer-b")];
        let url = |party: &str| self.world.endpoint(party, "soap").unwrap();
        Kit {
            world: Arc::clone(&self.world),
            ids: Ids::new(SEED, &format!("examples/{}", self.ids)),
            now: NOW,
            product: roles.map(|(role, party)| (role.to_owned(), url(party))).to_vec(),
            plays: plays.to_owned(),
        }
    }
}

fn tree(message: &Finished) -> Element {
    parse(std::str::from_utf8(&message.body).unwrap()).unwrap()
}

fn entry(
    number: u32,
    actor: &str,
    kind: &str,
    outcome: &str,
    purpose: &str,
    envelope: Option<&str>,
) -> Element {
    let entry = Element::new("ck:Entry")
        .attribute("number", &number.to_string())
        .attribute("at", "2026-06-01T03:00:00Z")
        .attribute("actor", &format!("https://{actor}.example.test/"))
        .attribute("kind", kind)
        .attribute("outcome", outcome)
        .attribute("purpose", &format!("urn:chukei:1.0:purpose:{purpose}"));
    match envelope {
        Some(envelope) => entry.attribute("envelope", envelope),
        None => entry,
    }
}

/// Receipts for invented entries, from this number on.
fn receipts(first: u32, count: u32) -> Element {
    let receipt = |number: u32| {
        let commitment = encode_base64(&sha256(format!("TEST entry {number}").as_bytes()));
        Element::new("ck:Receipt").attribute("commitment", &commitment)
    };
    Element::declared(ns::CK, "Receipts").children((first..first + count).map(receipt))
}

/// The messages, in the order in which they travel.
fn conversation(world: &Arc<World>) -> Vec<(&'static str, Finished)> {
    let mut parties = Conversation { world: Arc::clone(world), ids: 0 };
    let items = ["eligibility", "benefits"];
    let mapping = parties.kit("relay").mapping(&["seed-sample", "not-member"], "insurer-b").finish();
    let mut mapped = parties.kit("insurer-a").reply("relay", &tree(&mapping)).unwrap();
    mapped.more.push(receipts(1, 2));
    let mapped = mapped.finish();
    let envelope = find(&tree(&mapped), "Assertion").unwrap().clone();
    let id = envelope.value("ID").unwrap().to_owned();

    let mut kit = parties.kit("insurer-b");
    let mut query: Draft = kit.query("seed-sample", &items);
    query.envelopes.clear();
    query.carried = vec![envelope];
    let query = query.finish();

    let mut kit = parties.kit("relay");
    let notice = body::disclosure_notice(
        (NOW, "answered"),
        &id,
        &world.entity("insurer-a"),
        "combined-high-cost",
        &items,
    );
    let notice = kit.request("insurer-b", "disclosure", notice).finish();
    let mut receipt = parties.kit("insurer-b").reply("relay", &tree(&notice)).unwrap();
    receipt.more.push(receipts(3, 1));
    let receipt = receipt.finish();
    let answer = parties.kit("insurer-a").reply("insurer-b", &tree(&query)).unwrap().finish();

    let asked = parties.kit("relay").history("portal", "seed-sample", "insurer-b").finish();
    let history = Element::declared(ns::CK, "AccessHistory")
        .attribute("total", "3")
        .child(entry(1, "insurer-a", "mapping", "granted", "combined-high-cost", Some(&id)))
        .child(entry(2, "insurer-b", "disclosure", "answered", "combined-high-cost", Some(&id)))
        .child(entry(3, "portal", "history", "shown", "history", None));
    let ids = parties.kit("portal").ids;
    let shown = text_of(&tree(&asked), "MessageID").unwrap();
    let mut shown = Draft::answer(world, ids, NOW, "relay", &shown, history);
    shown.more.push(receipts(4, 1));
    let shown = shown.finish();
    vec![
        ("1-mapping-request.xml", mapping),
        ("2-mapping-response.xml", mapped),
        ("3-linkage-query.xml", query),
        ("4-disclosure-notice.xml", notice),
        ("5-disclosure-receipt.xml", receipt),
        ("6-linkage-answer.xml", answer),
        ("7-history-query.xml", asked),
        ("8-history.xml", shown),
    ]
}

/// What it takes to check the messages, out of a world folder.
fn around(folder: &Folder) -> Files {
    let mut names = vec!["ca/ca.pem".to_owned(), "federation/cert.pem".to_owned()];
    names.extend(["relay", "insurer-a", "insurer-b", "portal"].map(|party| format!("metadata/{party}.xml")));
    names.push("keys/insurer-b/decrypt.key".to_owned());
    let read = |name: String| {
        let content = fs::read(folder.dir().join(&name)).unwrap();
        (format!("world/{name}"), content)
    };
    names.into_iter().map(read).collect()
}

fn made() -> (tempfile::TempDir, Folder, Vec<(&'static str, Finished)>) {
    let scratch = tempfile::tempdir().unwrap();
    let plan = Plan { crowd: 0, ..Plan::new(SEED).at(PORT) };
    let folder = Folder::generate(&scratch.path().join("world"), plan).unwrap();
    let world = Arc::new(World::load(folder.dir()).unwrap());
    let messages = conversation(&world);
    (scratch, folder, messages)
}

#[test]
fn the_examples_are_what_their_seed_makes() {
    let (_scratch, world, messages) = made();
    let mut expected = around(&world);
    expected.extend(messages.into_iter().map(|(name, message)| (name.to_owned(), message.body)));
    let write = std::env::var("CHUKEI_EXAMPLES").is_ok_and(|value| value == "write");
    for (name, content) in &expected {
        let path = folder().join(name);
        if write {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
        }
        let found = fs::read(&path).unwrap_or_default();
        assert!(found == *content, "{name} is not what is made; CHUKEI_EXAMPLES=write writes it");
    }
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    for name in expected.keys().filter(|name| !name.starts_with("world/")) {
        assert!(page.contains(&format!("({name})")), "README.md does not list {name}");
    }
}

/// A product of the conversation: what it is asked, and what it asks.
struct Role {
    profile: &'static str,
    party: &'static str,
    /// Who asks it, what, and its answer.
    asked: &'static [(&'static str, &'static str, &'static str)],
    /// Whom it asks, what, and the answer.
    asks: &'static [(&'static str, &'static str, &'static str)],
    /// Judges that see what they look for here.
    seen: &'static [&'static str],
}

const ROLES: [Role; 3] = [
    Role {
        profile: "relay@1.0",
        party: "relay",
        asked: &[
            ("insurer-a", "1-mapping-request.xml", "2-mapping-response.xml"),
            ("insurer-b", "4-disclosure-notice.xml", "5-disclosure-receipt.xml"),
            ("portal", "7-history-query.xml", "8-history.xml"),
        ],
        asks: &[],
        seen: &[
            "envelope.issue.form",
            "envelope.issue.signed",
            "envelope.issue.encrypted",
            "envelope.issue.padded",
            "envelope.issue.audience",
            "envelope.issue.holder",
            "envelope.issue.window",
            "envelope.issue.bound",
            "envelope.issue.name-id",
            "mapping.input.each-answered",
            "mapping.status.levels",
            "message.answer.headers",
            "message.answer.signed",
            "message.answer.fresh",
            "message.answer.timestamp",
            "ledger.receipt.given",
            "ledger.receipt.salted",
        ],
    },
    Role {
        profile: "responder@1.0",
        party: "insurer-b",
        asked: &[("insurer-a", "3-linkage-query.xml", "6-linkage-answer.xml")],
        asks: &[("relay", "4-disclosure-notice.xml", "5-disclosure-receipt.xml")],
        seen: &["linkage.disclosure.before-answer", "message.answer.headers", "message.answer.signed"],
    },
    Role {
        profile: "requester@1.0",
        party: "insurer-a",
        asked: &[],
        asks: &[
            ("relay", "1-mapping-request.xml", "2-mapping-response.xml"),
            ("insurer-b", "3-linkage-query.xml", "6-linkage-answer.xml"),
        ],
        seen: &[
            "requester.query.headers",
            "requester.query.purpose",
            "requester.envelope.unchanged",
            "requester.envelope.only-target",
        ],
    },
];

/// The judges of the suite that look at everything that a product says find nothing wrong with what the examples say.
#[test]
fn the_judges_find_nothing_wrong_with_them() {
    let (_scratch, folder, messages) = made();
    let world = World::load(folder.dir()).unwrap();
    let find_message = |name: &str| &messages.iter().find(|(own, _)| *own == name).unwrap().1;
    let mut judged = 0;
    for role in ROLES {
        let header = Header {
            suite: "examples".to_owned(),
            epoch: NOW,
            profile: role.profile.to_owned(),
            features: Vec::new(),
            product: Product { party: role.party.to_owned(), ..Product::default() },
            world: world.public.clone(),
            ..Header::default()
        };
        let mut recorder = Recorder::new(header, None).unwrap();
        let mut add = |what| {
            recorder.record(NOW, what).unwrap();
        };
        for (exchange, (from, request, answer)) in (1..).zip(role.asked) {
            let [request, answer] = [request, answer].map(|name| find_message(name));
            add(What::Sent {
                exchange,
                from: (*from).to_owned(),
                tls_client: request.tls.clone(),
                tls_certificate: None,
                url_role: "soap".to_owned(),
                method: request.method.clone(),
                headers: request.headers.clone(),
                body: Body::from(request.body.clone()),
                deviates: false,
            });
            let (headers, body) = (answer.headers.clone(), Body::from(answer.body.clone()));
            // What the party asks before it answers stands between.
            for (inner, (to, request, answer)) in (10..).zip(role.asks) {
                add(called(inner, to, find_message(request)));
                add(replied(inner, find_message(answer)));
            }
            add(What::Answered { exchange, status: 200, headers, body });
        }
        for (exchange, (to, request, answer)) in (10..).zip(role.asks).filter(|_| role.asked.is_empty()) {
            add(called(exchange, to, find_message(request)));
            add(replied(exchange, find_message(answer)));
        }
        for (_, message) in &messages {
            for wrapped in tree(message).descendants().iter().filter(|key| key.name == "xenc:EncryptedKey") {
                let wrapped = find(wrapped, "CipherValue").unwrap().content();
                let octets = chukei_xml::lexical::decode_base64(&wrapped).unwrap();
                let key = folder.keys("insurer-b").unwrap().decrypt.0;
                let key = key.unwrap(chukei_crypto::KeyTransport::RsaOaepSha256, &octets).unwrap();
                let content_key = encode_base64(&chukei_crypto::test_pki::fixed::content_key(&key));
                add(What::Unwrapped { party: "insurer-b".to_owned(), wrapped, content_key });
            }
        }
        let transcript = recorder.finish().unwrap();
        let whole = View::new(transcript.header(), transcript.events(), None, transcript.events());
        let profile = chukei_spec::Index::profile(role.profile).unwrap();
        let is_bound = |id: &str| role.seen.contains(&id) || profile.claims(id, &[]);
        let judges = chukei_conformance::registry().judges.iter();
        for judge in judges.filter(|judge| judge.cases == Cases::Whole && is_bound(judge.id)) {
            let verdict = (judge.rule)(&whole);
            let is_seen = role.seen.contains(&judge.id);
            let is_right = match verdict {
                Verdict::Pass => true,
                Verdict::Unreached { .. } => !is_seen,
                Verdict::Violated { .. } => false,
            };
            assert!(is_right, "{} of {}: {verdict:?}", judge.id, role.party);
            judged += usize::from(is_seen);
        }
    }
    assert_eq!(judged, ROLES.iter().map(|role| role.seen.len()).sum::<usize>());
}

fn called(exchange: u32, to: &str, request: &Finished) -> What {
    What::Called {
        exchange,
        to: to.to_owned(),
        tls_client: request.tls.clone(),
        method: request.method.clone(),
        path: "/".to_owned(),
        headers: request.headers.clone(),
        body: Body::from(request.body.clone()),
    }
}

fn replied(exchange: u32, answer: &Finished) -> What {
    What::Replied {
        exchange,
        status: 200,
        headers: answer.headers.clone(),
        body: Body::from(answer.body.clone()),
        deviates: false,
    }
}

#[test]
fn the_reference_implementation_verifies_reads_and_opens_them() {
    let (_scratch, folder, messages) = made();
    let message = |name: &str| &messages.iter().find(|(own, _)| *own == name).unwrap().1;
    let now = UnixTime(NOW + 1);
    let federation = folder.federation(now).unwrap();
    let purposes = Purpose::ALL.map(Purpose::uri);
    let (checks, replay) = (Checks::default(), MemoryReplay::default());
    let receiver = |party: &str| Receiver {
        endpoint: &folder.party(party).unwrap().endpoint,
        federation: &federation,
        purposes: &purposes,
        checks: &checks,
        replay: &replay,
        now,
    };
    let entity = |party: &str| format!("https://{party}.example.test/");

    let request = |to: &str, from: &str, name: &str| Exchanged {
        message: message(name),
        receiver: receiver(to),
        tls: folder.keys(from).unwrap().sign.1.der().to_vec(),
    };
    let answered = |from: &str, request: &str, name: &str| {
        let awaited = Awaited {
            message_id: text_of(&tree(message(request)), "MessageID").unwrap(),
            party: entity(from),
        };
        (awaited, PeerAnswer { status: 200, body: &message(name).body })
    };
    let budget = &mut Budget::default();

    let mapping = request("relay", "insurer-a", "1-mapping-request.xml").accept::<MappingRequest>();
    assert_eq!(mapping.inputs.len(), 2);
    let (awaited, answer) = answered("relay", "1-mapping-request.xml", "2-mapping-response.xml");
    let mapped = receiver("insurer-a").answer::<MappingResponse>(awaited, &answer, budget).unwrap();
    assert_eq!((mapped.status.code.as_str(), mapped.status.parts[0].code.as_str()), ("Partial", "NotMember"));

    let query = request("insurer-b", "insurer-a", "3-linkage-query.xml").accept::<Query>();
    assert_eq!(query.items, ["eligibility", "benefits"]);
    let key = folder.keys("insurer-b").unwrap().decrypt.0;
    let keys: [&dyn Unwrapper; 1] = [&key];
    let (own, relay) = (entity("insurer-b"), entity("relay"));
    let acceptor = Acceptor {
        own: &own,
        relay: &relay,
        schemes: &[Scheme::MedicalInsured],
        keys: &keys,
        checks: &checks,
        replay: &replay,
        now,
    };
    let shown = Presentation {
        target: query.headers().target.as_ref(),
        presenter: query.sender(),
        certificate: query.certificate(),
        on_behalf_of: None,
        purpose: query.headers().purpose.as_deref(),
    };
    let opened = acceptor.accept(&shown, &mut Budget::default()).unwrap();
    assert_eq!((opened.identifier.expose(), opened.requester), ("港いろは１２３４", entity("insurer-a")));

    let notice = request("relay", "insurer-b", "4-disclosure-notice.xml").accept::<Notice>();
    assert_eq!(notice.envelope, opened.envelope);
    let (awaited, answer) = answered("relay", "4-disclosure-notice.xml", "5-disclosure-receipt.xml");
    let receipt = receiver("insurer-b").answer::<Receipt>(awaited, &answer, &mut Budget::default()).unwrap();
    assert!(receipt.status.is_ok() && receipt.envelope == notice.envelope);
    let (awaited, answer) = answered("insurer-b", "3-linkage-query.xml", "6-linkage-answer.xml");
    let answer = receiver("insurer-a").answer::<Answer>(awaited, &answer, &mut Budget::default()).unwrap();
    assert!(answer.status.is_ok() && !answer.eligibility.is_empty() && !answer.benefits.is_empty());

    let asked = request("relay", "portal", "7-history-query.xml").accept::<HistoryQuery>();
    assert_eq!(asked.name_id.value.as_str(), opened.identifier.expose());
    let (awaited, answer) = answered("relay", "7-history-query.xml", "8-history.xml");
    let history = receiver("portal").answer::<History>(awaited, &answer, &mut Budget::default()).unwrap();
    assert_eq!(history.entries.len(), 3);
}

struct Exchanged<'a> {
    message: &'a Finished,
    receiver: Receiver<'a>,
    tls: Vec<u8>,
}

impl Exchanged<'_> {
    fn accept<B: Payload>(&self) -> Accepted<B> {
        let soap_action =
            self.message.headers.iter().find(|(name, _)| name == "soapaction").map(|(_, v)| v.as_str());
        let request = Request { body: &self.message.body, soap_action, tls_client: Some(&self.tls) };
        self.receiver
            .request::<B>(&request, &mut Budget::default())
            .unwrap_or_else(|refusal| panic!("{}", refusal.reason()))
    }
}
