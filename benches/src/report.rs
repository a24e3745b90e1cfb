//! Rows: as JSON, and as a table for people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::peers;

#[derive(Serialize)]
pub struct Report {
    pub seed: u64,
    pub quick: bool,
    pub versions: BTreeMap<String, String>,
    pub rows: Vec<Row>,
    pub growth: Vec<Growth>,
    pub stages: Vec<Stages>,
    pub worst_cases: Vec<WorstCase>,
}

/// One operation on documents of one size. Times are microseconds; those outside `median` are minima.
#[derive(Serialize)]
pub struct Row {
    pub name: String,
    pub bytes: usize,
    pub documents: usize,
    pub batches: usize,
    pub ours_us: f64,
    pub floor_us: f64,
    pub peers: BTreeMap<String, f64>,
    pub ratio_floor: f64,
    pub ratio_best_peer: Option<f64>,
    pub median: Medians,
    pub goals: Vec<Goal>,
    /// Peers that have the operation and did not pass the check before it, with what they said.
    pub left_out: BTreeMap<String, String>,
}

/// Medians over the batches; the ratios are medians of the ratios batch by batch.
#[derive(Serialize)]
pub struct Medians {
    pub ours_us: f64,
    pub floor_us: f64,
    pub peers: BTreeMap<String, f64>,
    pub ratio_floor: f64,
    pub ratio_best_peer: Option<f64>,
}

#[derive(Serialize)]
pub struct Goal {
    pub what: String,
    pub at_most: f64,
    pub value: f64,
    pub reached: bool,
}

/// What XML costs per KiB at several sizes: (ours − floor) / KiB.
#[derive(Serialize)]
pub struct Growth {
    pub name: String,
    pub us_per_kib: BTreeMap<usize, f64>,
    pub median_us_per_kib: BTreeMap<usize, f64>,
    pub goal: Goal,
}

/// Where the time of one row goes. The stages are measured together with all before them and subtracted.
#[derive(Serialize)]
pub struct Stages {
    pub name: String,
    pub parse_us: f64,
    pub locate_us: f64,
    pub canonical_us: f64,
    pub floor_us: f64,
    /// Typed read, dropping the value, choosing the key, handing the canonical form to the hash in pieces.
    pub rest_us: f64,
}

#[derive(Serialize, Deserialize)]
pub struct WorstCase {
    pub name: String,
    pub bytes: usize,
    /// The slowest of several runs.
    pub time_ms: f64,
    pub median_ms: f64,
    /// Peak of live allocations above what was there before, the message itself not counted.
    pub peak_mib: f64,
    /// What became of it.
    pub outcome: String,
    pub reached: bool,
}

impl Goal {
    pub fn new(what: &str, at_most: f64, value: f64) -> Self {
        Self { what: what.to_owned(), at_most, value, reached: value <= at_most }
    }

    pub fn verdict(&self) -> String {
        let verdict = if self.reached { "reached" } else { "MISSED" };
        format!("{} ≤ {}: {:.2} {verdict}", self.what, self.at_most, self.value)
    }
}

pub fn head() -> String {
    let peers: String = peers::NAMES.iter().map(|name| format!(" {:>11}", short(name))).collect();
    format!(
        "µs, minimum (median)\n{:<22} {:>7} {:>15} {:>15}{peers} {:>13} {:>13}  goals (minima)",
        "", "octets", "chukei", "floor", "× floor", "× best peer"
    )
}

impl Row {
    pub fn line(&self) -> String {
        let peer = |name: &&str| match self.peers.get(*name) {
            Some(time) => format!(" {time:>11.1}"),
            None if self.left_out.contains_key(*name) => format!(" {:>11}", "fails"),
            None => format!(" {:>11}", "-"),
        };
        let median = &self.median;
        let both = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => format!("{one:.2} ({other:.2})"),
            _ => "-".to_owned(),
        };
        let goals: Vec<_> = self.goals.iter().map(Goal::verdict).collect();
        format!(
            "{:<22} {:>7} {:>15} {:>15}{} {:>13} {:>13}  {}",
            self.name,
            self.bytes,
            format!("{:.1} ({:.1})", self.ours_us, median.ours_us),
            format!("{:.1} ({:.1})", self.floor_us, median.floor_us),
            peers::NAMES.iter().map(peer).collect::<String>(),
            both(Some(self.ratio_floor), Some(median.ratio_floor)),
            both(self.ratio_best_peer, median.ratio_best_peer),
            goals.join("; ")
        )
    }
}

impl Growth {
    pub fn line(&self) -> String {
        let sizes = self.us_per_kib.iter().zip(self.median_us_per_kib.values());
        let sizes: Vec<_> =
            sizes.map(|((kib, one), other)| format!("{kib} KiB {one:.2} ({other:.2})")).collect();
        format!("{}: (ours − floor)/KiB in µs: {}; {}", self.name, sizes.join(", "), self.goal.verdict())
    }
}

impl Stages {
    pub fn line(&self) -> String {
        format!(
            "{}: parse and drop {:.1}, structure {:.1}, canonical form {:.1}, floor {:.1}, typed read and the rest {:.1}",
            self.name, self.parse_us, self.locate_us, self.canonical_us, self.floor_us, self.rest_us
        )
    }
}

impl WorstCase {
    pub fn line(&self) -> String {
        let verdict = if self.reached { "reached" } else { "MISSED" };
        format!(
            "{:<28} {:>9} octets {:>8.2} ms (median {:>7.2}) {:>7.2} MiB  {verdict:<8} {}",
            self.name, self.bytes, self.time_ms, self.median_ms, self.peak_mib, self.outcome
        )
    }
}

fn short(name: &str) -> &str {
    match name {
        "bergshamra-rustcrypto" => "bergsh.-rc",
        "bergshamra-aws-lc" => "bergsh.-aws",
        name => name,
    }
}
