//! Products that the suite has to see through, with the outcomes of every sentence for each.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use chukei_conformance as conformance;
use chukei_evidence::{Cases, Model, Outcome, Standing, judge};
use chukei_harness::Limits;
use chukei_world::Faults;

use super::{ROLES, Scratch, lost};
use crate::{engine, say::Failure};

/// Name, and the fault switch that makes it.
const STUBS: [(&str, &str); 11] = [
    ("accept-all", "AcceptsEverything"),
    ("reject-all", "RefusesEverything"),
    ("silent", "AnswersNothing"),
    ("crash-first", "ClosesAtOnce"),
    ("garbage", "AnswersGarbage"),
    ("endless", "AnswersEndlessly"),
    ("replays-last", "AnswersAsBefore"),
    ("dies-inside", "DiesInside"),
    ("order-dependent", "RefusesEverySecond"),
    ("lying-adapter", "AnswersUnknownVerbs"),
    ("logs-plaintext", "LogsNumber"),
];
/// How many there are.
pub(super) const COUNT: usize = STUBS.len();
/// Orders in which the one that depends on it is played once more. Two of them may be alike by chance.
const ORDERS: [u64; 3] = [2, 3, 4];
/// Stubs that do nothing that a twin asks for: no refusal of theirs may count.
const MUTE: [&str; 5] = ["reject-all", "silent", "crash-first", "garbage", "endless"];
/// What they are shown: something of every kind.
const SELECT: [&str; 7] = [
    "query",
    "linkage",
    "envelope/audience",
    "envelope/opening",
    "message/timestamp",
    "privacy/logs",
    "control",
];

/// Plays every stub as responder, in the world that is for nobody else. Gives the table that is committed.
pub(super) fn run(scratch: &Scratch, faults: &mut Vec<String>) -> Result<String, Failure> {
    let mut columns = Vec::new();
    for (name, switch) in STUBS {
        columns.push((name, play(scratch, switch, 1)?));
    }
    for (name, model) in &columns {
        // Of a part of the cases, the best that can be said is that the selection is met.
        if matches!(model.standing, Standing::Conformant | Standing::SelectionMet) {
            faults.push(format!("stub {name} is not seen through"));
        }
        let negative = |id: &str| {
            let judges = conformance::registry().judges;
            judges.iter().any(|judge| judge.id == id && judge.cases == Cases::Declared)
        };
        let passed =
            model.with(Outcome::Pass).filter(|one| negative(&one.id) && !one.id.starts_with("control."));
        let passed: Vec<&str> = passed.map(|one| one.id.as_str()).collect();
        if MUTE.contains(name) && !passed.is_empty() {
            faults.push(format!("stub {name} passes {passed:?}"));
        }
    }
    // In some other order it does otherwise, which is how it shows.
    let first = columns.iter().find(|(name, _)| *name == "order-dependent").map(|(_, model)| outcomes(model));
    let mut differs = false;
    for seed in ORDERS {
        differs = differs || first != Some(outcomes(&play(scratch, "RefusesEverySecond", seed)?));
    }
    if !differs {
        faults.push("stub order-dependent does the same in every other order".to_owned());
    }
    if !is_stopped_by_doctor(scratch)? {
        faults.push("stub lying-adapter passes the doctor".to_owned());
    }
    Ok(table(&columns))
}

/// Who says yes to everything would also say yes to what it does not do.
fn is_stopped_by_doctor(scratch: &Scratch) -> Result<bool, Failure> {
    let [responder, ..] = ROLES;
    let faults = Faults::named(["AnswersUnknownVerbs"]).map_err(|_| lost())?;
    let (handle, sut) = scratch.start(super::WORKERS, responder, faults)?;
    let found = sut.examine(engine::limits());
    handle.stop();
    Ok(found.faults.iter().any(|fault| fault.code == "setup.control.dishonest"))
}

fn play(scratch: &Scratch, switch: &str, seed: u64) -> Result<Model, Failure> {
    let [responder, ..] = ROLES;
    let select = SELECT.map(str::to_owned);
    // Who answers nothing is not worth waiting for.
    let patience = if switch == "AnswersNothing" { 100 } else { 500 };
    let limits = Limits { answer: Duration::from_millis(patience), bytes: 1 << 20, ..engine::limits() };
    let faults = Faults::named([switch]).map_err(|_| lost())?;
    let played = scratch.play_within(super::WORKERS, responder, faults, &select, (seed, limits))?;
    Ok(judge(&played, conformance::registry()))
}

fn outcomes(model: &Model) -> BTreeMap<&str, Outcome> {
    model.sentences.iter().map(|one| (one.id.as_str(), one.outcome)).collect()
}

fn table(columns: &[(&str, Model)]) -> String {
    let mut text = String::from(
        "# Sentences by stubs, products that a suite has to see through. Generated; do not edit.\n\
         # P: passed. F: violated. W: a SHOULD that is violated. u: not reached. -: not judged.\n",
    );
    let vectors: Vec<BTreeMap<&str, Outcome>> = columns.iter().map(|(_, model)| outcomes(model)).collect();
    let ids: std::collections::BTreeSet<&str> =
        vectors.iter().flat_map(|vector| vector.keys().copied()).collect();
    let width = ids.iter().map(|id| id.len()).max().unwrap_or(0);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "{:width$}  {}", "#", names.join(" "));
    for id in ids {
        let _ = write!(text, "{id:width$} ");
        for (name, vector) in names.iter().zip(&vectors) {
            let letter = match vector.get(id) {
                Some(Outcome::Pass | Outcome::Info) => 'P',
                Some(Outcome::Fail) => 'F',
                Some(Outcome::Warn) => 'W',
                Some(Outcome::Unreached) => 'u',
                _ => '-',
            };
            let _ = write!(text, " {letter:<0$}", name.len());
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}
