//! All sides in turn on the same batch of documents, so that noise of the machine hits everybody alike.
//!
//! A batch is a few different documents in random order. Before a side is timed on it, it runs untimed on a few
//! others, because the side before has driven its code out of the caches. Who begins is drawn for each batch. A pass
//! goes once through all documents.

use std::time::{Duration, Instant};

use chukei_bench_side::Side;

use crate::random::Random;

#[derive(Clone, Copy)]
pub struct Plan {
    pub documents: usize,
    /// Documents that are timed together.
    pub batch: usize,
    /// Documents before them that are not timed.
    pub warm: usize,
    /// Passes go on for so long; there is always one.
    pub time: Duration,
}

/// Microseconds per operation, one figure per batch; all sides have their batches in the same order.
pub struct Series(pub Vec<f64>);

impl Series {
    pub fn minimum(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        (low + high) / 2.0
    }

    /// Batch by batch, how many times the other one.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one / other).collect())
    }
}

/// Times every side, in the order of `sides`.
pub fn interleaved(sides: &mut [Box<dyn Side>], plan: Plan, random: &mut Random) -> Vec<Series> {
    let mut series: Vec<Series> = sides.iter().map(|_| Series(Vec::new())).collect();
    let mut documents: Vec<usize> = (0..plan.documents).collect();
    let mut order: Vec<usize> = (0..sides.len()).collect();
    let start = Instant::now();
    while series[0].0.is_empty() || start.elapsed() < plan.time {
        random.shuffle(&mut documents);
        for batch in documents.chunks_exact(plan.batch) {
            let others: Vec<usize> = documents.iter().copied().filter(|one| !batch.contains(one)).collect();
            let start = random.below(others.len() - plan.warm + 1);
            let warm = &others[start..start + plan.warm];
            random.shuffle(&mut order);
            for side in &order {
                sides[*side].time(warm);
                let time = sides[*side].time(batch);
                series[*side].0.push(time.as_secs_f64() * 1e6 / batch.len() as f64);
            }
        }
    }
    series
}
