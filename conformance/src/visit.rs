//! What a terminal did in a visit, read from the commands that reached the card and from how it ended (chapter 61).

use chukei_evidence::{Exchange, Pin, What as Event};
use serde_json::Value;

use crate::card::{Act, What, acts};

/// One visit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visit {
    /// The event with which it began.
    pub(crate) seq: u32,
    pub(crate) task: String,
    /// What was wrong with the card.
    pub(crate) card: String,
    pub(crate) faults: Vec<String>,
    pub(crate) entries: Vec<Pin>,
    /// Everything that reached the card.
    pub(crate) acts: Vec<Act>,
    /// Where the card of another person took its place.
    pub(crate) swapped: Option<u32>,
    /// The event of the end.
    pub(crate) end: u32,
    /// Exit status; none when it did not end by itself.
    pub(crate) exit: Option<i32>,
    /// What was shown last.
    pub(crate) shown: String,
    pub(crate) shows_pin: bool,
}

impl Visit {
    /// Whether the terminal told that the task is done.
    pub(crate) fn is_done(&self) -> bool {
        self.exit == Some(0)
    }

    /// Whether nothing was wrong with the card, and no wrong PIN was entered.
    pub(crate) fn is_sound(&self) -> bool {
        self.card == chukei_harness::visitor::SOUND
            && self.faults.is_empty()
            && !self.entries.contains(&Pin::Wrong)
    }

    /// VERIFY with a PIN.
    pub(crate) fn entered(&self) -> impl Iterator<Item = &Act> {
        self.acts.iter().filter(|act| matches!(act.what, What::Enter(_)))
    }

    /// What was done between one reset and the next.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &[Act]> {
        self.acts.split(|act| act.what == What::Reset)
    }

    /// Acts that the terminal could know to come after a reset, or a swap, that nobody told it of: all but the first.
    pub(crate) fn aware(&self) -> impl Iterator<Item = &Act> {
        let before = std::iter::once(None).chain(self.acts.iter().map(Some));
        let pairs = self.acts.iter().zip(before);
        pairs.filter(|(_, before)| !before.is_some_and(|before| before.silent)).map(|(act, _)| act)
    }

    /// The result, when the last line is one: `outcome` and `tries`.
    pub(crate) fn result(&self) -> Option<(String, Option<u64>)> {
        let last = self.shown.lines().rfind(|line| !line.trim().is_empty())?;
        let value: Value = serde_json::from_str(last).ok()?;
        let outcome = value.get("outcome")?.as_str()?.to_owned();
        Some((outcome, value.get("tries").and_then(Value::as_u64)))
    }
}

/// Every visit of an exchange that was ended, in order.
pub(crate) fn visits(exchange: &Exchange<'_>) -> Vec<Visit> {
    let mut acts = acts(exchange);
    let mut visits = Vec::new();
    let mut open: Option<Visit> = None;
    let (mut card, mut faults) = (String::new(), Vec::new());
    for event in exchange.events() {
        match (&event.what, &mut open) {
            (Event::Inserted { .. }, Some(visit)) => visit.swapped = Some(event.seq),
            (Event::Inserted { card: put, faults: to_be }, None) => {
                (card, faults) = (put.clone(), to_be.clone());
            }
            (Event::Started { task, entries }, _) => {
                open = Some(Visit {
                    seq: event.seq,
                    task: task.clone(),
                    card: card.clone(),
                    faults: faults.clone(),
                    entries: entries.clone(),
                    ..Visit::default()
                });
            }
            (Event::Ended { exit, shown, shows_pin }, _) => {
                let Some(visit) = open.take() else { continue };
                let of_visit = |act: &mut Act| (visit.seq..event.seq).contains(&act.seq);
                visits.push(Visit {
                    acts: acts.extract_if(.., of_visit).collect(),
                    end: event.seq,
                    exit: *exit,
                    shown: shown.text().unwrap_or_default().to_owned(),
                    shows_pin: *shows_pin,
                    ..visit
                });
            }
            _ => {}
        }
    }
    visits
}
