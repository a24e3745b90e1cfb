//! Access histories as they are shown (chapter 33): whole, and in parts.

use chukei_evidence::{Exchange, Finding, Judge, Phrase, Verdict};
use chukei_ledger::Content;
use chukei_spec::req;
use chukei_xml::{Element, lexical::DateTime};

use super::{declared, each, ledger::talks, skew, whole};
use crate::{
    ledger,
    read::{Message, attribute},
    refuse,
};

/// How many entries one answer has at most.
const MOST: u64 = 1000;

pub(super) const JUDGES: &[Judge] = &[
    declared(req!("history.range"), ranges),
    declared(req!("history.total"), totals),
    declared(req!("history.entry.content"), contents),
    declared(req!("history.query.nobody"), |exchange| nothing(exchange, "AccessHistory")),
    declared(req!("ledger.proof.nobody"), |exchange| nothing(exchange, "AccessProof")),
    whole(req!("history.no-number"), super::mapping::no_number),
];

/// An entry of an access history. One that is withheld has a number, and lies in every period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) kind: String,
    pub(super) actor: String,
    pub(super) outcome: String,
    pub(super) envelope: String,
    pub(super) authentication: String,
    pub(super) operator: String,
    purpose: String,
    at: Option<DateTime>,
    /// What an entry does not have.
    strange: Option<String>,
}

/// Attributes of `ck:Entry`.
const ATTRIBUTES: [&str; 10] = [
    "number",
    "at",
    "actor",
    "kind",
    "outcome",
    "purpose",
    "envelope",
    "authentication",
    "operator",
    "withheldUntil",
];

/// A history that was asked for, and given.
pub(super) struct Shown {
    /// The event.
    pub(super) seq: u32,
    pub(super) entries: Vec<Entry>,
    /// `total`, if there is one that is a number.
    total: Option<u64>,
    asked: Asked,
}

impl Shown {
    /// How many entries it lists.
    fn listed(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Whether it fills an answer, so that older entries may not be listed.
    pub(super) fn is_long(&self) -> bool {
        self.listed() >= MOST
    }

    /// Whether `total` is what it lists, or more if it fills an answer.
    fn counts_what_it_lists(&self) -> bool {
        self.total.is_some_and(|total| total == self.listed() || self.is_long() && total > self.listed())
    }
}

/// What part was asked for.
#[derive(Default)]
struct Asked {
    from: Option<DateTime>,
    until: Option<DateTime>,
    before: Option<u64>,
    limit: Option<u64>,
}

impl Asked {
    fn read(query: Element<'_>) -> Self {
        let moment = |name| DateTime::parse(attribute(query, name));
        let number = |name| attribute(query, name).parse().ok();
        Self {
            from: moment("from"),
            until: moment("until"),
            before: number("before"),
            limit: number("limit"),
        }
    }

    /// Whether nothing was left out on purpose.
    const fn is_all(&self) -> bool {
        matches!(self, Self { from: None, until: None, before: None, limit: None })
    }

    fn has(&self, entry: &Entry) -> bool {
        let Some(at) = entry.at else { return true };
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// The histories of a case, in order.
pub(super) fn histories(exchange: &Exchange<'_>) -> Vec<Shown> {
    let shown = |(sent, answer): (chukei_evidence::Sent<'_>, chukei_evidence::Answer<'_>)| {
        let told = Message::of(answer.body).filter(|told| told.kind() == "AccessHistory")?;
        let content = told.content()?;
        let asked = Message::of(sent.body).and_then(|asked| asked.content().map(Asked::read));
        Some(Shown {
            seq: answer.seq,
            entries: content.elements().map(entry).collect(),
            total: attribute(content, "total").parse().ok(),
            asked: asked.unwrap_or_default(),
        })
    };
    exchange.answered().filter_map(shown).collect()
}

/// Refused, and nothing is recorded of it: the first look at the history, before, and the second, after, differ by a look.
pub(super) fn unrecorded(exchange: &Exchange<'_>) -> Verdict {
    let verdict = refuse::refused(exchange);
    if !verdict.is_pass() {
        return verdict;
    }
    let histories = histories(exchange);
    let [before, after] = histories.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    let fresh: Vec<&Entry> = beyond(&before.entries, &after.entries).collect();
    let looks = fresh.iter().filter(|entry| entry.kind == "history").count();
    if looks == fresh.len() && looks <= 1 {
        return Verdict::Pass;
    }
    let told: Vec<String> = fresh.iter().map(|entry| format!("{} {}", entry.kind, entry.outcome)).collect();
    Finding::new("history.refused-recorded", Phrase::plain("expected.no-entry"), told.join("; "))
        .at([after.seq])
}

fn entry(entry: Element<'_>) -> Entry {
    let text = |name: &str| attribute(entry, name).to_owned();
    let mut names = entry.attributes().map(|attribute| attribute.qualified());
    let other = names.find(|name| !ATTRIBUTES.contains(name)).map(str::to_owned);
    let inner = || entry.elements().next().map(|inner| inner.local().to_owned());
    let plain = || entry.text().ok().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    Entry {
        number: attribute(entry, "number").parse().unwrap_or(0),
        kind: text("kind"),
        actor: text("actor"),
        outcome: text("outcome"),
        envelope: text("envelope"),
        authentication: text("authentication"),
        operator: text("operator"),
        purpose: text("purpose"),
        strange: other.or_else(inner).or_else(plain).filter(|_| entry.local() == "Entry"),
        at: DateTime::parse(attribute(entry, "at")),
    }
}

/// What one history has beyond an earlier one.
pub(super) fn beyond<'e>(earlier: &[Entry], later: &'e [Entry]) -> impl Iterator<Item = &'e Entry> {
    let last = earlier.last().map_or(0, |entry| entry.number);
    later.iter().filter(move |entry| entry.number > last)
}

/// Each part that was asked for between two whole histories, with what the person's history had in it at that moment.
fn parts(exchange: &Exchange<'_>) -> Option<Vec<(Shown, Vec<Entry>, u64)>> {
    let mut shown = histories(exchange).into_iter();
    let first = shown.next().filter(|first| first.asked.is_all())?;
    let last = shown.next_back().filter(|last| last.asked.is_all())?;
    // Each look is an entry, the last of its moment.
    let looks = beyond(&first.entries, &last.entries).filter(|entry| entry.kind == "history");
    let mut looks = looks.map(|look| look.number);
    let mut parts = Vec::new();
    for part in shown {
        let look = looks.next()?;
        let until_then = last.entries.iter().filter(|entry| entry.number <= look);
        let period: Vec<Entry> = until_then.filter(|entry| part.asked.has(entry)).cloned().collect();
        // Entries of before the thousand that the last history lists lie in no period of ours.
        let is_period = part.asked.from.is_some() || part.asked.until.is_some();
        let unlisted = if is_period { 0 } else { unlisted(&last)? };
        let total = unlisted.saturating_add(u64::try_from(period.len()).ok()?);
        parts.push((part, period, total));
    }
    (!parts.is_empty()).then_some(parts)
}

/// How many entries a whole history has and does not list.
fn unlisted(whole: &Shown) -> Option<u64> {
    whole.total?.checked_sub(whole.listed())
}

/// The last entries of the period that stand before the number, and no others.
fn ranges(exchange: &Exchange<'_>) -> Verdict {
    let Some(parts) = parts(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    each(parts, "missing.histories", |(part, period, _)| {
        let asked = &part.asked;
        let before = |entry: &&Entry| asked.before.is_none_or(|before| entry.number < before);
        let mut wanted: Vec<u64> = period.iter().filter(before).map(|entry| entry.number).collect();
        let limit = usize::try_from(asked.limit.unwrap_or(MOST)).unwrap_or(usize::MAX);
        wanted.drain(..wanted.len().saturating_sub(limit));
        let found: Vec<u64> = part.entries.iter().map(|entry| entry.number).collect();
        if found == wanted {
            return Ok(());
        }
        Err(Finding::new("history.range", numbers(&wanted), numbers(&found)).at([part.seq]))
    })
}

fn numbers(all: &[u64]) -> String {
    if all.is_empty() {
        return "–".into();
    }
    all.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// As many as the period has; a whole history has as many as it lists, up to the limit.
fn totals(exchange: &Exchange<'_>) -> Verdict {
    let wrong = |seq: u32, wanted: u64, found: Option<u64>| {
        let found = found.map_or("–".into(), |found| found.to_string());
        Finding::new("history.total", wanted.to_string(), found).at([seq])
    };
    let all = histories(exchange);
    if let Some(shown) = all.iter().find(|shown| shown.asked.is_all() && !shown.counts_what_it_lists()) {
        return wrong(shown.seq, shown.listed(), shown.total);
    }
    let Some(parts) = parts(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    each(parts, "missing.histories", |(part, _, total)| {
        if part.total == Some(total) { Ok(()) } else { Err(wrong(part.seq, total, part.total)) }
    })
}

/// Every answer is of this kind, has no children, and a total of 0 if it has one.
fn nothing(exchange: &Exchange<'_>, kind: &str) -> Verdict {
    each(exchange.answers().collect::<Vec<_>>(), "missing.an-answer", |answer| {
        let told = Message::of(answer.body);
        let content = told.as_ref().and_then(Message::content).filter(|content| content.local() == kind);
        let Some(content) = content else {
            let observed = told.as_ref().map_or("–", Message::kind);
            return Err(Finding::new("history.about-nobody", kind, observed).at([answer.seq]));
        };
        let count = content.elements().count();
        let total = if kind == "AccessHistory" { attribute(content, "total") } else { "0" };
        if count == 0 && total == "0" {
            return Ok(());
        }
        let observed = format!("{kind} {count} total={total}");
        Err(Finding::new("history.about-nobody", format!("{kind} 0 total=0"), observed).at([answer.seq]))
    })
}

/// Between the first history of the case and the last, each entry says what happened, as it was asked and answered.
fn contents(exchange: &Exchange<'_>) -> Verdict {
    let shown = histories(exchange);
    let [first, .., last] = shown.as_slice() else {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    };
    let talks = talks(exchange);
    let between = talks.iter().filter(|(_, answer, _, _)| first.seq < answer.seq && answer.seq <= last.seq);
    let wanted = between.flat_map(|(sent, answer, asked, told)| {
        let recorded = ledger::recorded(exchange, sent.from, asked, told).into_iter();
        recorded.map(move |content| (said(content, told), (sent.at, answer.at)))
    });
    let wanted: Vec<_> = wanted.collect();
    let fresh: Vec<&Entry> = beyond(&first.entries, &last.entries).collect();
    // Whether all of them are there is a matter of another sentence.
    if wanted.len() != fresh.len() {
        return Verdict::unreached(Phrase::plain("missing.histories"));
    }
    let skew = skew(exchange);
    each(wanted.into_iter().zip(fresh), "missing.histories", |((wanted, (asked, answered)), entry)| {
        let found = [&entry.kind, &entry.actor, &entry.outcome, &entry.purpose, &entry.envelope];
        let wrong = |wanted: String, found: String| {
            Err(Finding::new("history.other-entry", wanted, found).at([last.seq]))
        };
        if let Some(strange) = &entry.strange {
            return wrong("ck:Entry".to_owned(), strange.clone());
        }
        if found != wanted.each_ref() {
            return wrong(wanted.join(" "), found.map(String::as_str).join(" "));
        }
        let period = asked.saturating_sub(skew)..=answered.saturating_add(skew);
        match entry.at {
            Some(at) if period.contains(&at.seconds) => Ok(()),
            at => {
                let time = |seconds| DateTime { seconds, nanoseconds: 0 }.format();
                let found = at.map(|at| at.format()).unwrap_or_default();
                wrong(format!("at {} … {}", time(asked), time(answered)), format!("at {found}"))
            }
        }
    })
}

/// Kind, actor, outcome, purpose and envelope of an entry about this.
fn said(content: Content, told: &Message) -> [String; 5] {
    let context = || {
        let context = told.content().map(|answer| attribute(answer, "context")).unwrap_or_default();
        context.rsplit(':').next().unwrap_or_default().to_owned()
    };
    let actor = match content.kind.as_str() {
        "disclosure" => content.provider.unwrap_or_default(),
        _ => content.requester,
    };
    let outcome = if content.kind == "login" { context() } else { content.outcome };
    [content.kind, actor, outcome, content.purpose, content.envelope.unwrap_or_default()]
}
