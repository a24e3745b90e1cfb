//! Neighbouring messages as a sequence diagram: who said what to whom.

use std::collections::BTreeMap;

use chukei_evidence::{Event, Exchange, Pin, Place, What};
use serde::Serialize;

use crate::{Words, escape::one_line, message::kind};

/// A sequence diagram.
#[derive(Debug, Serialize)]
pub(crate) struct Ladder {
    /// Lifelines from left to right.
    pub(crate) parties: Vec<Party>,
    /// Messages and notes from top to bottom.
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) product: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The event; 0 where several are left out.
    pub(crate) seq: u32,
    /// Lifelines, from 1, that the arrow joins, left and right; equal for a note.
    pub(crate) left: usize,
    pub(crate) right: usize,
    /// `right`, `left`, `lost` (an arrow without a head) or `note`.
    pub(crate) way: &'static str,
    /// What is said, in pieces between which a line may break.
    pub(crate) text: Vec<String>,
    /// HTTP status or method beside the text.
    pub(crate) aside: String,
    /// Sender and receiver, for readers who do not see the arrow.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) here: bool,
    pub(crate) deviates: bool,
}

/// More rows than this are cut to those near a place.
const MOST: usize = 14;
/// Rows that stay on either side of a place.
const NEAR: usize = 3;

/// The messages of a case around some places. `None` when it has none.
pub(crate) fn ladder(exchange: &Exchange<'_>, places: &[Place], words: &Words<'_>) -> Option<Ladder> {
    let product = exchange.header().product.party.as_str();
    let drawing = Drawing { exchange, product, places, words };
    let mut steps: Vec<Step> = exchange.events().iter().filter_map(|event| drawing.step(event)).collect();
    if steps.is_empty() {
        return None;
    }
    let near: Vec<bool> = {
        let here: Vec<usize> = steps.iter().enumerate().filter(|(_, s)| s.row.here).map(|(i, _)| i).collect();
        let within = |index: usize| here.iter().any(|place| place.abs_diff(index) <= NEAR);
        (0..steps.len())
            .map(|index| steps.len() <= MOST || within(index) || (here.is_empty() && index < MOST))
            .collect()
    };
    let mut kept = Vec::new();
    let mut omitted = 0_usize;
    for (step, near) in steps.drain(..).zip(near) {
        if near {
            if omitted > 0 {
                kept.push(drawing.omitted(omitted));
                omitted = 0;
            }
            kept.push(step);
        } else {
            omitted += 1;
        }
    }
    if omitted > 0 {
        kept.push(drawing.omitted(omitted));
    }
    Some(arrange(kept, product, words))
}

/// Who speaks to a card.
const TERMINAL: &str = "terminal";
/// Who answers a terminal.
const CARD: &str = "card";
/// Hexadecimal digits of a command that are shown beside its name.
const HEX: usize = 24;

/// The data of an answer, and its status word.
fn halves(hex: &str) -> Option<(&str, &str)> {
    hex.split_at_checked(hex.len().checked_sub(4)?)
}

/// The name of a command (ISO/IEC 7816-4 §5.4.2).
fn command(hex: &str) -> &'static str {
    match hex.get(2..4) {
        Some("A4") => "SELECT",
        Some("B0") => "READ BINARY",
        Some("D6") => "UPDATE BINARY",
        Some("20") => "VERIFY",
        Some("2A") => "SIGN",
        _ => "APDU",
    }
}

struct Drawing<'a> {
    exchange: &'a Exchange<'a>,
    product: &'a str,
    places: &'a [Place],
    words: &'a Words<'a>,
}

/// A row before its lifelines have places.
struct Step {
    from: String,
    to: String,
    row: Row,
}

impl Drawing<'_> {
    fn step(&self, event: &Event) -> Option<Step> {
        let probe = |exchange: u32| self.exchange.is_probe(exchange);
        let partner =
            |number: u32| self.exchange.sent().find(|sent| sent.exchange == number).map(|sent| sent.from);
        let callee =
            |number: u32| self.exchange.calls().find(|call| call.exchange == number).map(|call| call.to);
        let named = |body: &[u8], otherwise: String| kind(body).unwrap_or(otherwise);
        let length = |body: &[u8]| self.words.t("label.length", &[&body.len().to_string()]);
        Some(match &event.what {
            What::Sent { exchange, .. }
            | What::Answered { exchange, .. }
            | What::NoAnswer { exchange, .. }
                if probe(*exchange) =>
            {
                return None;
            }
            What::Sent { from, method, url_role, body, deviates, .. } => {
                let text = named(body.bytes(), length(body.bytes()));
                let aside = format!("{method} {url_role}");
                self.arrow(event, from, self.product, "right", text, aside, *deviates)
            }
            What::Answered { exchange, status, body, .. } => {
                let text = named(body.bytes(), length(body.bytes()));
                let to = partner(*exchange).unwrap_or_default();
                self.arrow(event, self.product, to, "right", text, status.to_string(), false)
            }
            What::NoAnswer { exchange, how } => {
                let text = self.words.t("label.no-answer", &[how.name()]);
                let to = partner(*exchange).unwrap_or_default();
                let to = if to.is_empty() { TERMINAL } else { to };
                self.arrow(event, self.product, to, "lost", text, String::new(), false)
            }
            What::Called { to, method, path, body, .. } => {
                let text = named(body.bytes(), length(body.bytes()));
                self.arrow(event, self.product, to, "right", text, format!("{method} {path}"), false)
            }
            What::Replied { exchange, status, body, deviates, .. } => {
                let text = named(body.bytes(), length(body.bytes()));
                let from = callee(*exchange).unwrap_or_default();
                self.arrow(event, from, self.product, "right", text, status.to_string(), *deviates)
            }
            What::Shown { to, .. } => self.arrow(
                event,
                to,
                self.product,
                "right",
                self.words.t("label.shown", &[]),
                String::new(),
                true,
            ),
            What::Reset { atr, .. } => {
                self.note(event, "RESET".to_owned(), atr.text().unwrap_or_default().to_owned())
            }
            What::Command { apdu, pin, .. } => {
                let hex = apdu.text().unwrap_or_default();
                let which = pin.map_or("", |pin| if pin == Pin::Right { " ✓" } else { " ✗" });
                let aside = format!("{}{which}", hex.chars().take(HEX).collect::<String>());
                self.arrow(event, TERMINAL, self.card(), "right", command(hex).to_owned(), aside, false)
            }
            What::Responded { apdu, .. } => {
                let (data, word) = apdu.text().and_then(halves).unwrap_or_default();
                let text = if data.is_empty() {
                    word.to_owned()
                } else {
                    length(data.as_bytes().get(..data.len() / 2).unwrap_or_default())
                };
                let aside = if data.is_empty() { "" } else { word };
                self.arrow(event, self.card(), TERMINAL, "right", text, aside.to_owned(), false)
            }
            What::Inserted { card, faults } => {
                self.note(event, self.words.t("label.inserted", &[card]), faults.join(", "))
            }
            What::Removed => self.note(event, self.words.t("label.removed", &[]), String::new()),
            What::Started { task, entries, .. } => {
                let entered = |pin: &Pin| if *pin == Pin::Right { "✓" } else { "✗" };
                let entries = entries.iter().map(entered).collect::<Vec<_>>().join(" ");
                self.note(event, self.words.t("label.started", &[task]), entries)
            }
            What::Ended { exit, shown, .. } => {
                let exit = exit.map_or_else(|| "–".to_owned(), |exit| exit.to_string());
                let last = shown.text().and_then(|text| text.lines().next_back()).unwrap_or_default();
                self.note(event, self.words.t("label.ended", &[&exit]), last.to_owned())
            }
            What::Control { verb, status, .. } => self.note(event, verb.clone(), status.to_string()),
            What::Alive { .. } => self.note(event, self.words.t("label.alive", &[]), String::new()),
            What::NotAlive { how, .. } => {
                self.note(event, self.words.t("label.dead", &[how.name()]), String::new())
            }
            What::Lacking { missing: text } | What::Broken { what: text } => {
                self.note(event, text.clone(), String::new())
            }
            What::CaseStart { .. } | What::CaseEnd { .. } | What::Unwrapped { .. } => return None,
        })
    }

    #[expect(clippy::too_many_arguments, reason = "one call per kind of event, each with all of them")]
    fn arrow(
        &self,
        event: &Event,
        from: &str,
        to: &str,
        way: &'static str,
        text: String,
        aside: String,
        deviates: bool,
    ) -> Step {
        let row = Row {
            seq: event.seq,
            left: 0,
            right: 0,
            way,
            text: pieces(&one_line(&text)),
            aside: one_line(&aside),
            from: one_line(from),
            to: one_line(to),
            here: self.places.iter().any(|place| place.seq == event.seq),
            deviates,
        };
        Step { from: from.into(), to: to.into(), row }
    }

    /// The card, which is the product or what a terminal uses.
    fn card(&self) -> &str {
        if self.product == TERMINAL { CARD } else { self.product }
    }

    fn note(&self, event: &Event, text: String, aside: String) -> Step {
        self.arrow(event, self.product, self.product, "note", text, aside, false)
    }

    fn omitted(&self, count: usize) -> Step {
        let text = self.words.t("label.omitted", &[&count.to_string()]);
        let event = Event { seq: 0, at: 0, what: What::Broken { what: String::new() } };
        let mut step = self.note(&event, text, String::new());
        step.row.here = false;
        step
    }
}

/// Gives lifelines places: who speaks to the product first stands left of it, whom it calls, right.
fn arrange(steps: Vec<Step>, product: &str, words: &Words<'_>) -> Ladder {
    let mut left: Vec<&str> = Vec::new();
    let mut right: Vec<&str> = Vec::new();
    for step in &steps {
        for (name, side) in [(&step.from, true), (&step.to, false)] {
            let known = left.contains(&name.as_str()) || right.contains(&name.as_str());
            if name != product && !known {
                if side { left.push(name) } else { right.push(name) }
            }
        }
    }
    let names: Vec<String> =
        left.iter().copied().chain([product]).chain(right.iter().copied()).map(str::to_owned).collect();
    let index: BTreeMap<&str, usize> = names.iter().map(String::as_str).zip(1..).collect();
    let place = |name: &str| index.get(name).copied().unwrap_or(1);
    let rows = steps.iter().map(|Step { from, to, row }| {
        let (from, to) = (place(from), place(to));
        let way = match row.way {
            "right" if from > to => "left",
            way => way,
        };
        Row {
            left: from.min(to),
            right: from.max(to),
            way,
            text: row.text.clone(),
            aside: row.aside.clone(),
            from: row.from.clone(),
            to: row.to.clone(),
            ..*row
        }
    });
    let rows = rows.collect();
    let party = |name: &String| Party {
        name: if name.is_empty() { words.t("problem.unknown", &[]) } else { one_line(name) },
        product: name == product,
    };
    Ladder { parties: names.iter().map(party).collect(), rows }
}

/// A name, cut after its prefix and before its inner capitals; other text is one piece.
fn pieces(text: &str) -> Vec<String> {
    if text.contains(char::is_whitespace) {
        return vec![text.to_owned()];
    }
    let mut pieces = vec![String::new()];
    let mut last = ' ';
    for c in text.chars() {
        if last == ':' || (last.is_ascii_lowercase() && c.is_ascii_uppercase()) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
        last = c;
    }
    pieces
}
