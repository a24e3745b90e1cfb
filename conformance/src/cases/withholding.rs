//! Chapter 35: entries that are withheld from the person for a while.

use chukei_harness::{
    Broken, Draft, Face,
    kit::{USUAL_PERSON, ck},
};
use chukei_spec::{Role, Sentence, req};

use crate::{
    acts,
    case::{Case, Kind, Row, bends},
    read,
};

/// The feature of `ledger@1.0`.
pub(crate) const FEATURE: &str = "withholding";
const DAY: i64 = 86_400;
/// A moment after everything that can be recorded.
pub(crate) const FAR_AHEAD: &str = "2999-01-01T00:00:00Z";

pub(crate) fn add(cases: &mut Vec<Case>) {
    cases.push(Case::usual(Kind::Withheld, &[req!("ledger.receipt.given")]));
    cases.push(Case::usual(Kind::Status, &[req!("ledger.checkpoint.one-log")]));
    for (kind, rows) in [(Kind::Proof, PROOFS), (Kind::Status, STATUSES), (Kind::Withheld, MAPPINGS)] {
        cases.extend(rows.iter().map(|row| Case::watched(kind, row)));
    }
    for (id, sentences, scene) in SCENES {
        let sentences: Vec<&'static Sentence> = sentences();
        cases.push(Case::scene(Role::Ledger, id, (None, ""), &sentences, *scene).needing(&[FEATURE]));
    }
}

/// Has what is recorded withheld for so many days.
pub(crate) fn withhold(draft: &mut Draft, days: i64) {
    draft.more.retain(|block| block.name != "ck:Withholding");
    let until = read::day(draft.now.saturating_add(days.saturating_mul(DAY)));
    draft.more.push(ck("Withholding").attribute("until", &until));
}

const PROOFS: &[Row] = bends![
    "withholding/right/portal" "ledger.withhold.right" "Header/Withholding+Header/Security/Signature=by-portal" []
        |d| withhold(d, 1);
];

const STATUSES: &[Row] = bends![
    "withholding/right/kind" "ledger.withhold.right" "Header/Withholding+Header/Security/Signature=of-a-status-query" []
        |d| withhold(d, 1);
];

const MAPPINGS: &[Row] = bends![
    "withholding/right/requester" "ledger.withhold.right" "speaker=insurer-d" []
        |d| d.speak_as("insurer-d");
    "withholding/until/today" "ledger.withhold.until" "Header/Withholding@until=today" []
        |d| withhold(d, 0);
    "withholding/until/past" "ledger.withhold.until" "Header/Withholding@until=1000-days-ago" []
        |d| withhold(d, -1000);
    "withholding/until/too-far" "ledger.withhold.until" "Header/Withholding@until=in-1098-days" []
        |d| withhold(d, 1098);
];

type Scene = (&'static str, fn() -> Vec<&'static Sentence>, fn(&Face) -> Result<(), Broken>);

const SCENES: &[Scene] = &[
    (
        "withholding/shown/before",
        || vec![req!("ledger.withhold.hidden"), req!("ledger.withhold.envelope")],
        |face| {
            acts::look(face);
            let mut kit = withheld(face)?;
            look(face);
            let period = [("from", FAR_AHEAD)];
            face.send("history", kit.history_part("portal", USUAL_PERSON, "portal", &period));
            Ok(())
        },
    ),
    (
        "withholding/shown/after",
        || vec![req!("ledger.withhold.hidden"), req!("ledger.withhold.opened")],
        |face| {
            acts::look(face);
            withheld(face)?;
            look(face);
            acts::around_midnight(face, look)
        },
    ),
];

/// A mapping that is withheld, and a notice about its envelope that says nothing of that.
fn withheld(face: &Face) -> Result<chukei_harness::Kit, Broken> {
    let draft = acts::draft(face, Kind::Withheld)?;
    let id = acts::envelope_id(&acts::answered(face.send("mapping", draft))?);
    let mut kit = face.kit();
    let notice = kit.notice("insurer-b", &id);
    face.send("disclosure", notice);
    Ok(kit)
}

/// What the person is shown.
fn look(face: &Face) {
    acts::look(face);
    let proof = face.kit().proof("portal", USUAL_PERSON, "portal", None);
    face.send("history", proof);
}
