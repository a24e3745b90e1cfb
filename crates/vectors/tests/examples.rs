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

use chukei_crypto::{UnixTime, Unwrapper};
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
use chukei_xml::{Budget, ns};

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

/// The messages, in the order in which they travel.
fn conversation(world: &Arc<World>) -> Vec<(&'static str, Finished)> {
    let mut parties = Conversation { world: Arc::clone(world), ids: 0 };
    let items = ["eligibility", "benefits"];
    let mapping = parties.kit("relay").mapping(&["seed-sample", "not-member"], "insurer-b").finish();
    let mapped = parties.kit("insurer-a").reply("relay", &tree(&mapping)).unwrap().finish();
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
    let receipt = parties.kit("insurer-b").reply("relay", &tree(&notice)).unwrap().finish();
    let answer = parties.kit("insurer-a").reply("insurer-b", &tree(&query)).unwrap().finish();

    let asked = parties.kit("relay").history("portal", "seed-sample", "insurer-b").finish();
    let history = Element::declared(ns::CK, "AccessHistory")
        .attribute("total", "3")
        .child(entry(1, "insurer-a", "mapping", "granted", "combined-high-cost", Some(&id)))
        .child(entry(2, "insurer-b", "disclosure", "answered", "combined-high-cost", Some(&id)))
        .child(entry(3, "portal", "history", "shown", "history", None));
    let ids = parties.kit("portal").ids;
    let shown = text_of(&tree(&asked), "MessageID").unwrap();
    let shown = Draft::answer(world, ids, NOW, "relay", &shown, history).finish();
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
