//! Mutants of transcripts: what a judge is shown to prove that it can fail.
//!
//! A judge that passes a recorded case must not pass all of its mutants, and passes none that shows it nothing. [`matrix`]
//! computes which mutator kills which judge; its text is committed and reviewed in diffs.

mod catalogue;
mod matrix;
mod scene;

pub use catalogue::MUTATORS;
pub use matrix::{Cell, Matrix, Row, matrix};
pub use scene::Scene;

use crate::{Judge, Verdict};

/// A way to bend what was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Mutator {
    /// Its name in the matrix.
    pub id: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Every variant of a scene. Empty where there is nothing to bend.
    pub bend: for<'t> fn(&Scene<'t>) -> Vec<Scene<'t>>,
}

impl Mutator {
    /// What a judge says about every variant of a scene.
    #[must_use]
    pub fn verdicts(&self, judge: &Judge, scene: &Scene<'_>) -> Vec<Verdict> {
        (self.bend)(scene).iter().map(|bent| (judge.rule)(&bent.exchange())).collect()
    }
}
