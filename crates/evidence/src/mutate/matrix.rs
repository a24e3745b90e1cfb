//! Which mutator kills which judge.

use std::fmt::Write as _;

use super::{MUTATORS, Mutator, Scene};
use crate::{Judge, Registry, Transcript, Verdict};

/// Verdicts of one judge on all variants of one mutator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Variants that still pass.
    pub passed: u32,
    /// Variants in which the judge says that it was not shown enough.
    pub unreached: u32,
    /// Variants that the judge calls violations.
    pub violated: u32,
}

impl Cell {
    /// `V` killed by a violation, `u` at most unreached, `.` untouched, `-` nothing to bend.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self { violated: 1.., .. } => 'V',
            Self { unreached: 1.., .. } => 'u',
            Self { passed: 1.., .. } => '.',
            Self { .. } => '-',
        }
    }

    fn add(&mut self, verdict: &Verdict) {
        let count = match verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::Unreached { .. } => &mut self.unreached,
            Verdict::Violated { .. } => &mut self.violated,
        };
        *count = count.saturating_add(1);
    }
}

/// One judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The judge.
    pub judge: &'static str,
    /// Scenes that it passes as recorded; the mutants are made from these.
    pub scenes: u32,
    /// By mutator.
    pub cells: Vec<(&'static str, Cell)>,
}

impl Row {
    /// Whether some mutant is called a violation: the judge can fail.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.cells.iter().any(|(_, cell)| cell.violated > 0)
    }

    /// Whether it passes something that shows it nothing: such a judge is wrong.
    #[must_use]
    pub fn passes_nothing(&self) -> bool {
        self.cells.iter().any(|(id, cell)| *id == "empty" && (cell.passed > 0 || cell.violated > 0))
    }
}

/// Judges by mutators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// A row for every judge, in their order.
    pub rows: Vec<Row>,
}

/// Octets by which scenes differ when one takes more time.
const COARSE: usize = 1 << 18;
/// Mutants are made from at most so many scenes of a judge.
const SCENES: usize = 3;

/// Shows every judge every mutant of what it passes in `golden`. `more` are mutators beside [`MUTATORS`].
#[must_use]
pub fn matrix(golden: &Transcript, registry: &Registry<'_>, more: &[Mutator]) -> Matrix {
    let row = |judge: &Judge| {
        let declared = |id: &str| {
            let case = registry.case(id);
            case.is_some_and(|case| case.sentences.iter().any(|sentence| sentence.id == judge.sentence.id))
        };
        let mut all = Scene::seen_by(golden, judge.cases, &declared);
        // Of several as good, those that take less time; a few octets, which differ from world to world, decide nothing.
        all.sort_by_key(|scene| scene.size() / COARSE);
        let passed = all.into_iter().filter(|scene| (judge.rule)(&scene.exchange()).is_pass());
        let scenes: Vec<Scene<'_>> = if judge.cases == crate::Cases::Whole {
            Scene::passed_by(golden, judge).into_iter().collect()
        } else {
            passed.take(SCENES).collect()
        };
        let cell = |mutator: &Mutator| {
            let mut cell = Cell::default();
            let verdicts = scenes.iter().flat_map(|scene| mutator.verdicts(judge, scene));
            verdicts.for_each(|verdict| cell.add(&verdict));
            (mutator.id, cell)
        };
        let cells = MUTATORS.iter().chain(more).map(cell).collect();
        Row { judge: judge.id, scenes: u32::try_from(scenes.len()).unwrap_or(u32::MAX), cells }
    };
    Matrix { rows: registry.judges.iter().map(row).collect() }
}

impl Matrix {
    /// The committed form: one line a judge, one column a mutator.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "# Judges by mutators of a recorded run. Generated; do not edit.\n\
             # V: some mutant is a violation. u: some is unreached, none a violation. .: all pass. -: nothing to bend.\n",
        );
        let width = self.rows.iter().map(|row| row.judge.len()).max().unwrap_or(0);
        if let Some(row) = self.rows.first() {
            let names: Vec<&str> = row.cells.iter().map(|(id, _)| *id).collect();
            let _ = writeln!(text, "{:width$}  {}", "#", names.join(" "));
        }
        for row in &self.rows {
            let _ = write!(text, "{:width$} ", row.judge);
            for (id, cell) in &row.cells {
                let _ = write!(text, " {:<1$}", cell.letter(), id.len());
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }
}
