//! Receipts and proofs (chapter 35) of a relay with a ledger, as it looks from outside.

use std::sync::Arc;

use chukei_crypto::UnixTime;
use chukei_forge::raw;
use chukei_profile::{
    Scheme,
    history::{Kind, Range},
    proof::{LIMIT, LedgerStatus},
};
use chukei_reason::Reason;
use chukei_relay::{
    AccessLog, Ask, Carried, Commitment, Issuance, NewEntry, Page, Person, Proofs, Recorded, Recording,
    Relay, Reply, Unavailable, Whom, memory::MemoryLog,
};
use chukei_xml::lexical::{DateTime, decode_base64, encode_base64};

use crate::world::*;

/// A log whose entries have a commitment each: as many octets `1` as there were entries before.
struct Promising(MemoryLog);

impl AccessLog for Promising {
    fn record(&self, entries: &[NewEntry]) -> Result<Recorded, Unavailable> {
        let before = self.0.all()?.len();
        let one = |at: usize| Commitment([u8::try_from(before + at + 1).unwrap(); 32]);
        Ok(Recorded { receipts: (0..entries.len()).map(one).collect(), ..self.0.record(entries)? })
    }

    fn carry(&self, carried: &Carried) -> Result<Recording, Unavailable> {
        self.0.carry(carried)
    }

    fn conclude(&self, id: &str, entry: &NewEntry) -> Result<Recorded, Unavailable> {
        let before = self.0.all()?.len();
        let receipts = vec![Commitment([u8::try_from(before + 1).unwrap(); 32])];
        Ok(Recorded { receipts, ..self.0.conclude(id, entry)? })
    }

    fn give_up(&self, now: UnixTime) -> Result<usize, Unavailable> {
        self.0.give_up(now)
    }

    fn page(&self, person: Person, range: &Range, now: UnixTime) -> Result<Page, Unavailable> {
        self.0.page(person, range, now)
    }

    fn issuance(&self, envelope: &str) -> Result<Option<Issuance>, Unavailable> {
        self.0.issuance(envelope)
    }
}

/// What it is asked, in the place of a proof.
struct Echo(usize);

impl Proofs for Echo {
    fn prove(&self, person: Person, since: Option<u64>, _: UnixTime) -> Result<Vec<u8>, Unavailable> {
        let text = format!("{} {since:?}", person.0);
        Ok(if self.0 == 0 { text.into_bytes() } else { vec![b' '; self.0] })
    }

    fn status(&self, now: UnixTime) -> Result<LedgerStatus, Unavailable> {
        let at = DateTime { seconds: now.0, nanoseconds: 0 };
        Ok(LedgerStatus { from: at, until: at, checkpoint: self.0.to_string().into_bytes() })
    }
}

/// The relay with a ledger.
pub(crate) fn with_ledger(relay: Relay) -> Relay {
    Relay { log: Arc::new(Promising(MemoryLog::default())), proofs: Some(Arc::new(Echo(0))), ..relay }
}

/// The receipts in an answer.
pub(crate) fn receipts(reply: &Reply) -> Vec<Commitment> {
    let root = raw::parse(std::str::from_utf8(&reply.body).unwrap()).unwrap();
    let Some(block) = root.get("soap:Header/ck:Receipts") else { return Vec::new() };
    let octets = |receipt: &raw::Element| decode_base64(receipt.value("commitment").unwrap()).unwrap();
    block.elements().map(|receipt| Commitment(octets(receipt).try_into().unwrap())).collect()
}

/// How many receipts D gets for a number of two persons, whom no agreement lets it ask about.
pub(crate) fn receipts_of_the_forbidden(world: &World) -> usize {
    let shared = number(Scheme::CareInsured, "0000123488");
    for person in [1, 2] {
        world.mappings.add(Person(person), D, shared.clone(), NOW, later(60)).unwrap();
    }
    let sent = World::new().d.map(&[Ask { whom: shared.into(), ..ask(0) }], PURPOSE, NOW).unwrap();
    let relay = with_ledger(world.relay.clone());
    let answered = reply(relay.handle(&request(&sent, D), NOW));
    assert!(std::str::from_utf8(&answered.body).unwrap().contains("Forbidden"));
    receipts(&answered).len()
}

/// How many receipts A gets for an input that is granted and one about a number of two persons that no agreement allows.
pub(crate) fn receipts_beside_granted(world: &World) -> usize {
    let shared = number(Scheme::CareInsured, "0000123488");
    for person in [1, 2] {
        world.mappings.add(Person(person), A, shared.clone(), NOW, later(60)).unwrap();
    }
    let forbidden = Ask { whom: shared.into(), target: Some(D.to_owned()), req_id: "d".into(), ..ask(0) };
    let sent = World::new().map(&[ask(0), forbidden]);
    let relay = with_ledger(world.relay.clone());
    let answered = reply(relay.handle(&request(&sent, A), NOW));
    let told = std::str::from_utf8(&answered.body).unwrap();
    assert!(told.contains("Forbidden") && told.contains("<saml:Assertion"));
    receipts(&answered).len()
}

#[test]
fn who_may_not_ask_is_not_told_how_many_persons_have_a_number() {
    assert_eq!(receipts_of_the_forbidden(&World::new()), 1);
    assert_eq!(receipts_beside_granted(&World::new()), 2);
}

fn asked(relay: &Relay, from: &str, whom: &Whom, since: Option<u64>) -> Reply {
    let world = World::new();
    let asker = if from == PORTAL { &world.portal } else { &world.a };
    let sent = asker.proof(A, whom, since, NOW).unwrap();
    reply(relay.handle(&request(&sent, from), NOW))
}

fn known() -> Whom {
    number(Scheme::CareInsured, CARE[0]).into()
}

#[test]
fn every_answer_has_a_receipt_for_each_entry() {
    let world = World::new();
    let relay = with_ledger(world.relay.clone());
    let log = Arc::clone(&relay.log);
    let stranger =
        Ask { req_id: "nobody".into(), whom: number(Scheme::CareInsured, "0000999999").into(), ..ask(0) };
    let sent = world.map(&[ask(0), stranger]);
    let answered = reply(relay.handle(&request(&sent, A), NOW));
    assert_eq!(receipts(&answered), [Commitment([1; 32]), Commitment([2; 32])]);
    // They are signed with the rest.
    assert!(String::from_utf8(answered.body.clone()).unwrap().contains("URI=\"#_receipts\""));
    // Who asked goes on as before, and can keep them.
    let mapped = world.a.take_mapping(sent.pending, &answer(&answered), NOW).unwrap();
    assert_eq!((mapped.results.len(), &mapped.receipts), (2, &receipts(&answered)));
    // What is no receipt is no answer.
    for (change, reason) in [("AQ==", Reason::Base64), ("", Reason::Base64), ("*", Reason::Base64)] {
        let sent = world.map(&[ask(0)]);
        let mut bent = reply(relay.handle(&request(&sent, A), NOW));
        let receipt = "soap:Header/ck:Receipts/ck:Receipt";
        bent.body = resigned(&bent.body, RELAY, |root| root.find_mut(receipt).set("commitment", change));
        let refused = world.a.take_mapping(sent.pending, &answer(&bent), NOW).unwrap_err();
        assert_eq!(refused.reason(), reason, "{change}");
    }
    // Nor what anybody could have put there.
    let sent = world.map(&[ask(0)]);
    let mut bent = reply(relay.handle(&request(&sent, A), NOW));
    bent.body = resigned_over(&bent.body, RELAY, &["_receipts"], |_| {});
    let refused = world.a.take_mapping(sent.pending, &answer(&bent), NOW).unwrap_err();
    assert_eq!(refused.reason(), Reason::Coverage);

    let sent = world.portal.history(A, &known(), Range::default(), NOW).unwrap();
    let answered = reply(relay.handle(&request(&sent, PORTAL), NOW));
    assert_eq!((receipts(&answered).len(), log.history(Person(1)).unwrap().len()), (1, 6));
    // Nobody's history is no access, and a refusal is none either.
    let nobody = number(Scheme::CareInsured, "0000999999").into();
    let sent = world.portal.history(A, &nobody, Range::default(), NOW).unwrap();
    assert_eq!(receipts(&reply(relay.handle(&request(&sent, PORTAL), NOW))), []);
    assert_eq!(receipts(&asked(&relay, A, &known(), None)), []);
    // Without a ledger there are none.
    assert_eq!(receipts(&world.relay(&world.map(&[ask(0)]), A)), []);
}

#[test]
fn anybody_is_told_how_the_ledger_stands_and_nothing_is_recorded() {
    let world = World::new();
    let relay = with_ledger(world.relay.clone());
    for (party, entity) in [(&world.portal, PORTAL), (&world.a, A)] {
        let sent = party.ledger_status(NOW).unwrap();
        let told = reply(relay.handle(&request(&sent, entity), NOW));
        let status = party.take_ledger_status(sent.pending, &answer(&told), NOW).unwrap();
        assert_eq!((status.until.seconds, status.checkpoint.as_slice()), (NOW.0, b"0".as_slice()));
        assert_eq!(receipts(&told), []);
    }
    assert!(relay.log.history(Person(1)).unwrap().is_empty());
    // A relay without a ledger does not take the question.
    let sent = world.portal.ledger_status(NOW).unwrap();
    assert_eq!(world.refused_by_relay(&sent, PORTAL), Some(Reason::Body));
}

#[test]
fn a_portal_gets_a_proof_that_was_recorded_first() {
    let relay = with_ledger(World::new().relay);
    let told = |whom: &Whom, since| {
        let answered = asked(&relay, PORTAL, whom, since);
        (answered.status, receipts(&answered).len(), String::from_utf8(answered.body).unwrap())
    };
    let (status, receipts, body) = told(&known(), Some(7));
    assert!((status, receipts) == (200, 1) && body.contains(&encode_base64(b"1 Some(7)")), "{body}");
    let kinds: Vec<_> = relay.log.history(Person(1)).unwrap().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::History]);
    // About nobody there is nothing to prove, and nothing was looked at.
    let (status, receipts, body) = told(&number(Scheme::CareInsured, "0000999999").into(), None);
    assert!((status, receipts) == (200, 0) && body.contains("AccessProof") && !body.contains("ck:Part"));
}

#[test]
fn nobody_else_gets_one() {
    let relay = with_ledger(World::new().relay);
    let refused = asked(&relay, A, &known(), None);
    assert_eq!((refused.status, refused.refusal.unwrap().reason()), (500, Reason::NotAuthorised));
    assert!(relay.log.history(Person(1)).unwrap().is_empty());
    // A relay without a ledger does not take the question.
    let refused = asked(&World::new().relay, PORTAL, &known(), None);
    assert_eq!(refused.refusal.unwrap().reason(), Reason::Body);
    // What does not fit into a message is a fault, never a part; what just fits is given.
    let with = |octets| Relay { proofs: Some(Arc::new(Echo(octets))), ..relay.clone() };
    assert_eq!(asked(&with(LIMIT + 1), PORTAL, &known(), None).status, 500);
    let whole = asked(&with(LIMIT), PORTAL, &known(), None);
    assert!(whole.status == 200 && whole.body.len() > LIMIT);
    let world = World::new();
    let sent = world.portal.proof(A, &known(), None, NOW).unwrap();
    let answered = reply(with(LIMIT).handle(&request(&sent, PORTAL), NOW));
    let proof = world.portal.take_proof(sent.pending, &answer(&answered), NOW).unwrap();
    assert_eq!(proof.bundle.len(), LIMIT);
}
