//! One run against a product, from its description to the transcript.

use std::{
    collections::BTreeSet,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    contacts,
    explain::nearest,
    say::{Exit, Failure},
};
use chukei_conformance::{self as conformance, Case, SelectError, Stage};
use chukei_evidence::{Product, RecordError, Recorder, Transcript};
use chukei_harness::{Clock, Contacts, Counter, Face, Limits, Pins, Setup, Sut, Terminal, Visitor, World};

/// What to run.
pub(crate) struct Order<'o> {
    pub(crate) select: &'o [String],
    pub(crate) seed: u64,
    pub(crate) epoch: Option<i64>,
    pub(crate) limits: Limits,
}

/// Set by Ctrl-C: the run ends after the case that it is in, and is incomplete.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// The cases that were asked for, their twins with them.
pub(crate) fn chosen(sut: &Sut, select: &[String]) -> Result<Vec<&'static Case>, Failure> {
    conformance::select(sut.profile, &sut.claims, select).map_err(|error| match error {
        SelectError::Nothing(asked) => {
            let near = near(sut, &asked);
            let failure = Failure::new(Exit::Empty, "run.empty", [asked]);
            match near {
                Some(near) => failure.fix("explain.near", [near]),
                None => failure.fix("run.empty-fix", [sut.profile.name]),
            }
        }
        _ => Failure::new(Exit::Empty, "run.empty", [select.join(" ")]),
    })
}

/// The beginning of an id, of as many parts, that differs least from what was asked for, if it is near enough to be meant.
fn near(sut: &Sut, asked: &str) -> Option<String> {
    let asked = asked.trim_end_matches(['/', '.', '*']);
    let is_border = |c: char| "/.".contains(c);
    let beginning = |id: &str| {
        let mut borders = id.match_indices(is_border).map(|(at, _)| at);
        borders.nth(asked.matches(is_border).count()).and_then(|end| id.get(..end)).unwrap_or(id).to_owned()
    };
    let cases = conformance::select(sut.profile, &sut.claims, &[]).unwrap_or_default();
    let ids = cases.iter().flat_map(|case| {
        let id = case.about.id;
        let own = id.split_once('/').map_or(id, |(_, own)| own);
        let sentences = case.about.sentences.iter().map(|sentence| format!("r:{}", sentence.id));
        sentences.chain([id.to_owned(), own.to_owned()])
    });
    let names: BTreeSet<String> = ids.map(|id| beginning(&id)).collect();
    nearest(asked, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Plays the cases against the product and records what happens. `sink` gets every line at once.
///
/// # Errors
/// A fault of the set-up, or of the recording. A run that was stopped gives an incomplete transcript.
pub(crate) fn play(
    sut: &Sut,
    world: &Arc<World>,
    order: &Order<'_>,
    cases: &[&'static Case],
    (level, sets_clock): (u8, bool),
    sink: Option<Box<dyn Write + Send>>,
    progress: &dyn Fn(usize, usize),
) -> Result<Transcript, Failure> {
    let setup = |fault: Setup| Failure::setup(&fault, "sut.toml");
    let target = sut.target(world).map_err(setup)?;
    let clock = match (sets_clock, order.epoch) {
        (true, Some(epoch)) => Clock::virtual_from(epoch),
        (true, None) => Clock::virtual_from(Clock::Machine.now()),
        (false, _) => Clock::Machine,
    };
    let product = Product { control: level, ..sut.product.clone() };
    let seed_and_epoch = (order.seed, clock.now());
    let header =
        conformance::header(sut.profile, &sut.claims, &product, &world.public, seed_and_epoch, cases);
    let recorder = Recorder::new(header, sink).map_err(|error| record(&error))?;
    let face =
        Face::open(Arc::clone(world), target, clock, order.seed, order.limits, recorder).map_err(setup)?;
    // Ids are a function of seed, time and case: to a product that remembers an earlier run with them, valid messages are replays.
    let is_reset = level > 0 && face.reset().is_ok();
    if sets_clock && !is_reset {
        // A product that lacks the verb after all shows so in the cases that need it.
        let _ = face.set_product_clock();
    }
    act(Stage::Face(Box::new(face)), cases, (order.seed, None), progress)
}

/// Plays the cases with a card and records what happens, as [`play`] does with a party.
///
/// # Errors
/// A fault of the recording. A run that was stopped gives an incomplete transcript.
pub(crate) fn play_card(
    sut: &Sut,
    (contacts, pins): (Box<dyn Contacts>, Pins),
    order: &Order<'_>,
    cases: &[&'static Case],
    sink: Option<Box<dyn Write + Send>>,
    progress: &dyn Fn(usize, usize),
) -> Result<Transcript, Failure> {
    let (clock, recorder) = begin(sut, None, order, cases, sink)?;
    let terminal = Terminal::new(contacts, pins, clock, order.seed, recorder);
    let pins = sut.card.as_ref().and_then(|place| place.pins.as_deref());
    act(Stage::Terminal(Box::new(terminal)), cases, (order.seed, pins), progress)
}

/// Plays the visits with a terminal and records what happens, as [`play`] does with a party. With a world, the suite is the
/// terminal's relay too.
///
/// # Errors
/// A fault of the recording. A run that was stopped gives an incomplete transcript.
pub(crate) fn play_terminal(
    sut: &Sut,
    (counter, world): (Box<dyn Counter>, Option<Arc<World>>),
    order: &Order<'_>,
    cases: &[&'static Case],
    sink: Option<Box<dyn Write + Send>>,
    progress: &dyn Fn(usize, usize),
) -> Result<Transcript, Failure> {
    let (clock, recorder) = begin(sut, world.as_deref(), order, cases, sink)?;
    let visitor = match world {
        Some(world) => {
            let setup = |fault: Setup| Failure::setup(&fault, "sut.toml");
            let target = sut.target(&world).map_err(setup)?;
            let face = Face::open(world, target, clock, order.seed, order.limits, recorder).map_err(setup)?;
            Visitor::beside(counter, face, order.seed)
        }
        None => Visitor::new(counter, clock, order.seed, recorder),
    };
    act(Stage::Visitor(Box::new(visitor)), cases, (order.seed, None), progress)
}

/// Clock and recorder of a run with a product that needs no world.
fn begin(
    sut: &Sut,
    world: Option<&World>,
    order: &Order<'_>,
    cases: &[&'static Case],
    sink: Option<Box<dyn Write + Send>>,
) -> Result<(Clock, Recorder), Failure> {
    let clock = order.epoch.map_or(Clock::Machine, Clock::virtual_from);
    let seed_and_epoch = (order.seed, clock.now());
    let world = world.map(|world| world.public.clone()).unwrap_or_default();
    let header = conformance::header(sut.profile, &sut.claims, &sut.product, &world, seed_and_epoch, cases);
    Ok((clock, Recorder::new(header, sink).map_err(|error| record(&error))?))
}

fn act(
    stage: Stage,
    cases: &[&'static Case],
    (seed, pins): (u64, Option<&Path>),
    progress: &dyn Fn(usize, usize),
) -> Result<Transcript, Failure> {
    let whole = conformance::run(&stage, cases, seed, &STOP, progress);
    if let Stage::Face(face) = &stage {
        face.release_product_clock();
    }
    let failure = stage.record().failure();
    let refused = if let Stage::Terminal(terminal) = &stage { terminal.refused() } else { None };
    let transcript = stage.close(whole).map_err(|error| record(&error))?;
    match (failure, refused) {
        (Some(error), _) => Err(record(&error)),
        (_, Some(unproved)) => Err(contacts::refused(unproved, pins)),
        (None, None) => Ok(transcript),
    }
}

/// Lets Ctrl-C and SIGTERM end a run in order; a second one ends it at once.
pub(crate) fn listen_for_stop() {
    let handler = || {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(6_u8));
        }
    };
    // Where no handler can be set, the signal ends the process, and the bundle stays marked as incomplete.
    let _ = ctrlc::set_handler(handler);
}

/// Limits of a run: patience that a slow product deserves.
pub(crate) fn limits() -> Limits {
    Limits { answer: Duration::from_secs(10), ..Limits::default() }
}

fn record(error: &RecordError) -> Failure {
    match error {
        // A full disk is nobody's fault here; the rest is the suite's.
        RecordError::Io(error) => {
            Failure::new(Exit::Setup, "run.record", [error.to_string()]).fix("run.record-fix", [""; 0])
        }
        other => Failure::new(Exit::Harness, "run.record", [other.to_string()]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use chukei_evidence::Lang;

    use super::*;
    use crate::say::Say;

    #[test]
    fn a_full_disk_is_the_set_ups_and_anything_else_the_suites() {
        let full = std::fs::write("/dev/full", "x").unwrap_err();
        let say = Say { lang: Lang::En, quiet: false };
        let told = record(&RecordError::Io(full));
        assert_eq!(told.told(Lang::En), "The transcript cannot be written: no space is left");
        assert_eq!(told.told(Lang::Ja), "記録に書き込めません: 空き容量がありません");
        assert_eq!(say.failure(&told), Exit::Setup);
        assert_eq!(say.failure(&record(&RecordError::Full)), Exit::Harness);
    }
}
