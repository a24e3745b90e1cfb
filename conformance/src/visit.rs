//! What a terminal did in a visit, read from the commands that reached the card and from how it ended (chapter 61).

use chukei_evidence::{Exchange, Pin, What as Event};
use serde_json::Value;

use crate::{
    card::{Act, JPKI, What, acts},
    read::Message,
};

/// One visit.
#[derive(Default)]
pub(crate) struct Visit {
    /// The event with which it began.
    pub(crate) seq: u32,
    pub(crate) task: String,
    /// What was wrong with the card.
    pub(crate) card: String,
    pub(crate) faults: Vec<String>,
    pub(crate) entries: Vec<Pin>,
    /// The visible number that was typed in.
    pub(crate) number: Option<String>,
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
    /// What the terminal asked of the relay, in order.
    pub(crate) asked: Vec<Asked>,
}

/// A message of the terminal to the relay.
pub(crate) struct Asked {
    pub(crate) seq: u32,
    pub(crate) message: Message,
    /// The event of the answer, and the answer.
    pub(crate) answer: Option<(u32, Message)>,
    /// Whether the relay answers otherwise than it usually does.
    pub(crate) is_refused: bool,
}

impl Asked {
    /// Every message of an exchange to the relay.
    pub(crate) fn of(exchange: &Exchange<'_>) -> Vec<Self> {
        let asked = exchange.calls().filter_map(|call| {
            let reply = exchange.reply(call.exchange);
            Some(Self {
                seq: call.seq,
                message: Message::of(call.body)?,
                answer: reply.and_then(|reply| Some((reply.seq, Message::of(reply.body)?))),
                is_refused: reply.is_some_and(|reply| reply.deviates),
            })
        });
        asked.collect()
    }

    /// Whether it is a login that the relay has granted.
    pub(crate) fn is_granted(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|(_, answer)| answer.kind() == "LoginAnswer" && answer.status() == Some("OK"))
    }

    /// The session that the relay gave.
    pub(crate) fn session(&self) -> Option<&str> {
        let (_, answer) = self.answer.as_ref().filter(|_| self.is_granted())?;
        answer.content()?.attribute("session")
    }
}

impl Visit {
    /// Whether the terminal told that the task is done.
    pub(crate) fn is_done(&self) -> bool {
        self.exit == Some(0)
    }

    /// Whether nothing was wrong with the card, and no wrong PIN was entered.
    pub(crate) fn is_sound(&self) -> bool {
        (self.card == chukei_harness::visitor::SOUND || self.number.is_some())
            && !self.asked.iter().any(|asked| asked.is_refused)
            && self.faults.is_empty()
            && !self.entries.contains(&Pin::Wrong)
    }

    /// Logins that the terminal asked for.
    pub(crate) fn logins(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| asked.message.kind() == "LoginRequest")
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
    let (mut acts, mut asked) = (acts(exchange), Asked::of(exchange));
    let mut visits = Vec::new();
    let mut open: Option<Visit> = None;
    let (mut card, mut faults) = (String::new(), Vec::new());
    for event in exchange.events() {
        match (&event.what, &mut open) {
            (Event::Inserted { .. }, Some(visit)) => visit.swapped = Some(event.seq),
            (Event::Inserted { card: put, faults: to_be }, None) => {
                (card, faults) = (put.clone(), to_be.clone());
            }
            (Event::Started { task, entries, number }, _) => {
                open = Some(Visit {
                    seq: event.seq,
                    task: task.clone(),
                    card: std::mem::take(&mut card),
                    faults: std::mem::take(&mut faults),
                    entries: entries.clone(),
                    number: number.clone(),
                    ..Visit::default()
                });
            }
            (Event::Ended { exit, shown, shows_pin }, _) => {
                let Some(visit) = open.take() else { continue };
                let of_visit = |act: &mut Act| (visit.seq..event.seq).contains(&act.seq);
                let in_visit = |asked: &mut Asked| (visit.seq..event.seq).contains(&asked.seq);
                visits.push(Visit {
                    asked: asked.extract_if(.., in_visit).collect(),
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

/// A file of DER, from what was read of it by commands that the card carried out; none unless it was read to its end.
pub(crate) fn contents(acts: &[Act], file: u16) -> Option<Vec<u8>> {
    let mut reads: Vec<(usize, &[u8])> = acts
        .iter()
        .filter(|act| act.application == JPKI && act.is_done())
        .filter_map(|act| match act.what {
            What::Read(offset) if offset < 0x8000 && act.file == Some(file) => {
                Some((usize::from(offset), act.data.as_slice()))
            }
            What::Read(short) if short >> 8 == 0x80 | file => {
                Some((usize::from(short & 0xff), act.data.as_slice()))
            }
            _ => None,
        })
        .collect();
    reads.sort_by_key(|(offset, _)| *offset);
    let mut octets: Vec<u8> = Vec::new();
    for (offset, data) in reads {
        // What was read twice stands there once.
        let known = octets.len().checked_sub(offset)?;
        octets.extend(data.get(known..).unwrap_or_default());
    }
    let length = match *octets.as_slice() {
        [0x30, 0x82, high, low, ..] => usize::from(u16::from_be_bytes([high, low])) + 4,
        _ => return None,
    };
    (octets.len() >= length).then(|| octets.drain(..length).collect())
}
