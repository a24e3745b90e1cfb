//! Chapter 35: a relay's ledger, as those see it whom it gives receipts and proofs.

use chukei_harness::{
    Broken, Face, Input,
    kit::{USUAL_PERSON, USUAL_PURPOSE, find},
    message::{PURPOSE, body},
};
use chukei_spec::{Role, Sentence, req};
use chukei_xml::lexical::{LARGEST_NUMBER, decode_base64};

use crate::{
    acts,
    case::{Case, Kind, Row, bends},
    ledger,
    read::Message,
};

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.push(Case::usual(Kind::Proof, &[req!("ledger.proof.holds"), req!("ledger.entry.no-number")]));
    cases.extend(PROOFS.iter().map(|row| Case::row(Kind::Proof, row)));
    for (id, sentences, scene) in SCENES {
        let sentences: Vec<&'static Sentence> = sentences();
        cases.push(Case::scene(Role::Ledger, id, (None, ""), &sentences, *scene));
    }
}

const PROOFS: &[Row] = bends![
    "proof/query/requester" "ledger.proof.portal-only" "speaker=insurer-a" []
        |d| d.speak_as("insurer-a");
    "proof/query/responder" "ledger.proof.portal-only" "speaker=insurer-b" []
        |d| d.speak_as("insurer-b");
    "proof/query/other-purpose" "ledger.proof.purpose" "Header/UsageDirective/Purpose=eligibility-check" []
        |d| d.purpose = Some(format!("{PURPOSE}eligibility-check"));
];

type Scene = (&'static str, fn() -> Vec<&'static Sentence>, fn(&Face) -> Result<(), Broken>);

const SCENES: &[Scene] = &[
    (
        "entries/each-kind",
        || {
            vec![
                req!("ledger.receipt.given"),
                req!("ledger.receipt.kept"),
                req!("ledger.receipt.salted"),
                req!("ledger.proof.current"),
                req!("ledger.entry.content"),
            ]
        },
        each_kind,
    ),
    (
        "entries/forbidden",
        || vec![req!("ledger.receipt.given")],
        |face| {
            // A number of two persons, for what the two parties have not agreed upon.
            let mut draft = face.kit().mapping(&["duplicate-1"], "insurer-b");
            draft.purpose = Some(format!("{PURPOSE}history"));
            face.send("mapping", draft);
            Ok(())
        },
    ),
    (
        "entries/forbidden-beside-granted",
        || vec![req!("ledger.receipt.given")],
        |face| {
            let mut kit = face.kit();
            // Nobody asks insurer-d for numbers.
            let inputs = [kit.input(USUAL_PERSON, "insurer-b", 1), kit.input("duplicate-1", "insurer-d", 2)];
            let request = kit.request("insurer-a", "mapping", body::mapping_request(&inputs));
            face.send("mapping", request.for_purpose(USUAL_PURPOSE));
            Ok(())
        },
    ),
    (
        "proof/since/first",
        || vec![req!("ledger.proof.since"), req!("ledger.checkpoint.one-log")],
        since_first,
    ),
    (
        "status/current",
        || {
            vec![
                req!("ledger.status.current"),
                req!("ledger.status.period"),
                req!("ledger.checkpoint.one-log"),
            ]
        },
        standing,
    ),
    ("proof/since/told", || vec![req!("ledger.proof.since"), req!("ledger.checkpoint.one-log")], since_told),
    (
        "proof/nobody",
        || vec![req!("ledger.proof.nobody")],
        |face| {
            super::relay::about_nobody(face, |scheme, owner, number| {
                body::proof_query(scheme, owner, number, None)
            })
        },
    ),
    (
        "proof/since/unknown-size",
        || vec![req!("ledger.proof.holds")],
        |face| prove(face, Some(LARGEST_NUMBER)).map(drop),
    ),
];

/// Asks for a proof, and gives the size of its last checkpoint.
fn prove(face: &Face, since: Option<u64>) -> Result<u64, Broken> {
    let draft = face.kit().proof("portal", USUAL_PERSON, "portal", since);
    let lacking = || Broken::Lacking("a proof of the product".into());
    let answer = face.send("history", draft).answer.map_err(|_| lacking())?;
    let message = Message::of(&chukei_evidence::Body::from(answer.body)).ok_or_else(lacking)?;
    let bundle = ledger::octets(&message).and_then(|octets| chukei_ledger::Bundle::parse(&octets).ok());
    let last = bundle.as_ref().and_then(|bundle| ledger::checkpoint(bundle.checkpoints.last()?));
    last.map(|last| last.size).ok_or_else(lacking)
}

/// What is recorded about one person, between two proofs: granted and refused mappings, in one message and alone, a
/// disclosure, and looks.
fn each_kind(face: &Face) -> Result<(), Broken> {
    prove(face, None)?;
    let id = acts::envelope_id(&acts::mapped(face)?);
    let mut kit = face.kit();
    let inputs: Vec<Input> = ["insurer-b", "insurer-e"]
        .into_iter()
        .zip(1..)
        .map(|(target, number)| kit.input(USUAL_PERSON, target, number))
        .collect();
    let request =
        kit.request("insurer-a", "mapping", body::mapping_request(&inputs)).for_purpose(USUAL_PURPOSE);
    face.send("mapping", request);
    let notice = face.kit().notice("insurer-b", &id);
    face.send("disclosure", notice);
    acts::look(face);
    prove(face, None).map(drop)
}

/// How the ledger stands, before and after something is recorded, for a portal and for another.
fn standing(face: &Face) -> Result<(), Broken> {
    for party in ["portal", "insurer-b"] {
        acts::mapped(face)?;
        let draft = face.kit().ledger_status(party);
        face.send("history", draft);
    }
    prove(face, None).map(drop)
}

/// A proof that begins where a state that was told ended, after something was recorded.
fn since_told(face: &Face) -> Result<(), Broken> {
    let lacking = || Broken::Lacking("a state of the product's ledger".into());
    let draft = face.kit().ledger_status("portal");
    let answer = acts::answered(face.send("history", draft))?;
    let note = find(&answer, "Checkpoint").and_then(|note| decode_base64(&note.content()));
    let note = note.and_then(|octets| String::from_utf8(octets).ok()).ok_or_else(lacking)?;
    let size = ledger::checkpoint(&note).ok_or_else(lacking)?.size;
    acts::mapped(face)?;
    prove(face, Some(size)).map(drop)
}

/// A proof that begins where an earlier one ended, after something was recorded.
fn since_first(face: &Face) -> Result<(), Broken> {
    let size = prove(face, None)?;
    acts::mapped(face)?;
    prove(face, Some(size)).map(drop)
}
