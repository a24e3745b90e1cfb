//! Which cases run, in which order.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
};

use chukei_evidence::{self as evidence, RecordError, Transcript};
use chukei_harness::{Broken, Face, Ids, Record, Terminal, Visitor};
use chukei_spec::{Index, Profile};

use crate::case::{Case, Play};

/// Why nothing was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectError {
    /// No case has an id that begins so, and no sentence of the profile has this id.
    Nothing(String),
}

/// The cases that a product of this profile is put through.
///
/// `patterns` are beginnings of ids of cases, with or without the role before them, or `r:` and the beginning of an id of
/// a sentence; without any, every case of the profile. Twins come along.
///
/// # Errors
/// A pattern that selects nothing.
pub fn select(
    profile: &Profile,
    claims: &[&str],
    patterns: &[String],
) -> Result<Vec<&'static Case>, SelectError> {
    let is_claimed =
        |case: &&Case| case.about.unclaimed(claims).is_none() && profile.roles.contains(&case.about.role);
    let all: Vec<&'static Case> = crate::cases().iter().filter(is_claimed).collect();
    let fits = |case: &Case, pattern: &str| match pattern.strip_prefix("r:") {
        Some(id) => case.about.sentences.iter().any(|sentence| is_below(sentence.id, id)),
        None => {
            let id = case.about.id;
            let own = id.split_once('/').map_or(id, |(_, own)| own);
            is_below(id, pattern) || is_below(own, pattern)
        }
    };
    for pattern in patterns {
        let of_whole_run = pattern.strip_prefix("r:").is_some_and(|id| {
            let whole = crate::registry().judges.iter().filter(|judge| judge.cases == evidence::Cases::Whole);
            whole.into_iter().any(|judge| is_below(judge.sentence.id, id))
        });
        if !of_whole_run && !all.iter().any(|case| fits(case, pattern)) {
            return Err(SelectError::Nothing(pattern.clone()));
        }
    }
    let whole = |pattern: &String| {
        pattern.strip_prefix("r:").is_some_and(|id| {
            !all.iter().any(|c| c.about.sentences.iter().any(|sentence| is_below(sentence.id, id)))
        })
    };
    let chosen: Vec<&'static Case> = all
        .iter()
        .filter(|case| {
            patterns.is_empty() || patterns.iter().any(|pattern| whole(pattern) || fits(case, pattern))
        })
        .copied()
        .collect();
    let is_twin = |case: &Case| chosen.iter().any(|other| other.about.twin == Some(case.about.id));
    Ok(all
        .into_iter()
        .filter(|case| is_twin(case) || chosen.iter().any(|c| c.about.id == case.about.id))
        .collect())
}

/// Whether `id` begins with `beginning`, up to a border between its parts.
fn is_below(id: &str, beginning: &str) -> bool {
    id.strip_prefix(beginning.trim_end_matches(['/', '.', '*']))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']) || beginning.ends_with('*'))
}

/// What a transcript begins with. A selection of everything is none.
#[must_use]
pub fn header(
    profile: &Profile,
    claims: &[&str],
    product: &evidence::Product,
    world: &evidence::World,
    (seed, epoch): (u64, i64),
    selection: &[&Case],
) -> evidence::Header {
    let all = select(profile, claims, &[]).map_or(0, |all| all.len());
    let named = if selection.len() == all { &[][..] } else { selection };
    evidence::Header {
        suite: crate::VERSION.to_owned(),
        spec: Index::digest().to_owned(),
        seed,
        epoch,
        profile: profile.name.to_owned(),
        features: claims.iter().map(|&claim| claim.to_owned()).collect(),
        selection: named.iter().map(|case| case.about.id.to_owned()).collect(),
        product: product.clone(),
        world: world.clone(),
    }
}

/// What a product is faced from: its counterparts for a party, a terminal for a card, a person with cards for a terminal.
pub enum Stage {
    /// The counterparts of a party.
    Face(Box<Face>),
    /// The terminal that a card is in.
    Terminal(Box<Terminal>),
    /// The person who uses a terminal.
    Visitor(Box<Visitor>),
}

impl Stage {
    /// What is recorded.
    #[must_use]
    pub fn record(&self) -> &Record {
        match self {
            Self::Face(face) => face.record(),
            Self::Terminal(terminal) => terminal.record(),
            Self::Visitor(visitor) => visitor.record(),
        }
    }

    /// Whether recording failed, or a card has shown that the suite was told a wrong PIN: then the run has to stop.
    fn has_failed(&self) -> bool {
        let refused = matches!(self, Self::Terminal(terminal) if terminal.refused().is_some());
        refused || self.record().has_failed()
    }

    /// Ends the recording; `whole` when every case was played.
    ///
    /// # Errors
    /// The transcript cannot be written.
    pub fn close(self, whole: bool) -> Result<Transcript, RecordError> {
        match self {
            Self::Face(face) => face.close(whole),
            Self::Terminal(terminal) => terminal.close(whole),
            Self::Visitor(visitor) => visitor.close(whole),
        }
    }
}

/// Plays cases in an order of the seed; what cannot be undone comes last. `false` when it was told to stop before the end,
/// or recording failed.
pub fn run(
    stage: &Stage,
    cases: &[&Case],
    seed: u64,
    stop: &AtomicBool,
    mut progress: impl FnMut(usize, usize),
) -> bool {
    let mut order: Vec<&Case> = cases.to_vec();
    Ids::new(seed, "order").shuffle(&mut order);
    order.sort_by_key(|case| case.about.features.contains(&"blocking"));
    for (done, case) in order.iter().enumerate() {
        progress(done, order.len());
        if stop.load(Ordering::SeqCst) || stage.has_failed() {
            return false;
        }
        play(stage, case);
    }
    progress(order.len(), order.len());
    !stage.has_failed()
}

/// Plays one case between its brackets. A mistake of the case voids the run, and does not end it.
fn play(stage: &Stage, case: &Case) {
    let (id, twin, deviation) = (case.about.id, case.about.twin, case.about.deviation);
    match stage {
        Stage::Face(face) => face.begin(id, twin, deviation),
        Stage::Terminal(terminal) => terminal.begin(id, twin, deviation),
        Stage::Visitor(visitor) => visitor.begin(id, twin, deviation),
    }
    let broken = match catch_unwind(AssertUnwindSafe(|| case.play(stage))) {
        Ok(played) => played.err(),
        Err(panic) => Some(Broken::Suite(said(panic.as_ref()))),
    };
    if let Some(broken) = broken {
        stage.record().broken(broken);
    }
    match stage {
        Stage::Face(face) => face.end(id),
        Stage::Terminal(terminal) => terminal.end(id),
        Stage::Visitor(visitor) => visitor.end(id),
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a case stopped without a word").to_owned()
}

impl Case {
    /// Whether the case sends something valid only: a twin, or a scene without a deviation.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        matches!(self.play, Play::Usual(_)) || self.about.deviation.is_empty()
    }
}
