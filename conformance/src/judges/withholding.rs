//! Chapter 35: entries that are withheld from the person for a while.

use std::collections::BTreeSet;

use chukei_evidence::{Exchange, Finding, Judge, Phrase, Verdict};
use chukei_ledger::Bundle;
use chukei_spec::req;
use chukei_xml::{
    Element,
    lexical::{DateTime, decode_base64},
    ns,
};

use super::{declared, each, history::unrecorded, ledger::talks};
use crate::{
    ledger,
    read::{self, Message, attribute},
};

pub(super) const JUDGES: &[Judge] = &[
    declared(req!("ledger.withhold.right"), unrecorded),
    declared(req!("ledger.withhold.until"), unrecorded),
    declared(req!("ledger.withhold.hidden"), hidden),
    declared(req!("ledger.withhold.opened"), opened),
    declared(req!("ledger.withhold.envelope"), envelope),
];

/// An access whose entries are withheld.
struct Withheld {
    seq: u32,
    until: i64,
    /// What stands for them in the ledger.
    commitments: Vec<Vec<u8>>,
    /// Envelopes that were issued.
    envelopes: BTreeSet<String>,
    /// Whether that follows from the envelope, and was not asked for.
    follows: bool,
    /// The last number of the history before it.
    last: u64,
    /// How many entries are withheld in the case with it.
    count: usize,
}

/// What a person was shown.
struct Look {
    seq: u32,
    at: i64,
    /// Whether a period was asked for; a withheld entry lies in every one.
    is_part: bool,
    shown: Shown,
}

enum Shown {
    History(Message),
    Proof(Box<Bundle>),
}

impl Look {
    /// The entries of a history; none for a proof.
    fn entries(&self) -> Vec<Element<'_>> {
        match &self.shown {
            Shown::History(history) => history.content().into_iter().flat_map(Element::elements).collect(),
            Shown::Proof(_) => Vec::new(),
        }
    }

    /// The last number that a history lists.
    fn last(&self) -> u64 {
        self.entries().into_iter().map(number).max().unwrap_or(0)
    }

    /// Time limits of the withheld entries that a history lists, of those that are recorded since the access was.
    fn limits(&self, one: &Withheld) -> Vec<i64> {
        let entries = self.entries().into_iter();
        let since = entries.filter(|entry| entry.local() == "WithheldEntry" && number(*entry) > one.last);
        since.filter_map(|entry| read::seconds(attribute(entry, "until"))).collect()
    }
}

fn number(entry: Element<'_>) -> u64 {
    attribute(entry, "number").parse().unwrap_or(0)
}

/// When the day of `ck:Withholding` begins in Japan.
fn until(asked: &Message) -> Option<i64> {
    let day = attribute(asked.header(ns::CK.name("Withholding"))?, "until");
    Some(read::seconds(&format!("{day}T00:00:00Z"))?.saturating_sub(read::JAPAN))
}

/// What has to be withheld, and the looks at the history of the same person.
fn observed(exchange: &Exchange<'_>) -> (Vec<Withheld>, Vec<Look>) {
    let (mut all, mut looks) = (Vec::<Withheld>::new(), Vec::<Look>::new());
    for (_, answer, asked, told) in talks(exchange) {
        let (seq, at) = (answer.seq, answer.at);
        let named = asked.content().map(|content| attribute(content, "envelope").to_owned());
        let before = all.iter().find(|one| named.as_ref().is_some_and(|id| one.envelopes.contains(id)));
        let inherited = before.map(|before| before.until).filter(|until| at < *until);
        if let Some(until) = until(&asked).or(inherited) {
            let commitments: Vec<_> = ledger::receipts(&told).into_iter().filter_map(decode_base64).collect();
            let ids = told.outputs().into_iter().map(|(_, envelope)| attribute(envelope, "ID").to_owned());
            let envelopes = if inherited.is_some() { named.into_iter().collect() } else { ids.collect() };
            let follows = inherited.is_some();
            let first = all.first();
            // What the last look showed before anything of the case was withheld.
            let last =
                first.map_or_else(|| looks.iter().map(Look::last).max().unwrap_or(0), |first| first.last);
            let earlier = all.last().map_or(0, |earlier| earlier.count);
            let count = earlier.saturating_add(commitments.len());
            all.push(Withheld { seq, until, commitments, envelopes, follows, last, count });
        }
        let is_part = asked.content().is_some_and(|content| content.attribute("from").is_some());
        let bundle = || Bundle::parse(&ledger::octets(&told)?).ok();
        match told.kind() {
            "AccessProof" => {
                looks.extend(bundle().map(|bundle| Look {
                    seq,
                    at,
                    is_part,
                    shown: Shown::Proof(Box::new(bundle)),
                }));
            }
            "AccessHistory" => looks.push(Look { seq, at, is_part, shown: Shown::History(told) }),
            _ => {}
        }
    }
    (all, looks)
}

/// Each withheld access with each later look, of before or after the time.
fn pairs<'o>(
    all: &'o [Withheld],
    looks: &'o [Look],
    wanted: impl Fn(&Withheld, &Look) -> bool,
) -> Vec<(&'o Withheld, &'o Look)> {
    let later =
        |one: &'o Withheld| looks.iter().filter(move |look| look.seq > one.seq).map(move |look| (one, look));
    all.iter().flat_map(later).filter(|(one, look)| wanted(one, look)).collect()
}

fn hidden(exchange: &Exchange<'_>) -> Verdict {
    let (all, looks) = observed(exchange);
    let pairs = pairs(&all, &looks, |one, look| !one.follows && look.at < one.until);
    each(pairs, "missing.a-withheld-entry", |(one, look)| is_hidden(one, look))
}

/// A notice about the envelope of a withheld mapping, which asks for nothing itself.
fn envelope(exchange: &Exchange<'_>) -> Verdict {
    let (all, looks) = observed(exchange);
    let pairs = pairs(&all, &looks, |one, look| one.follows && look.at < one.until);
    each(pairs, "missing.a-withheld-entry", |(one, look)| is_hidden(one, look))
}

/// It is there, and tells nothing.
fn is_hidden(one: &Withheld, look: &Look) -> Result<(), Verdict> {
    let wrong = |observed: &str| {
        Err(Finding::new("ledger.withheld-shown", Phrase::plain("expected.withheld"), observed)
            .at([look.seq]))
    };
    match &look.shown {
        Shown::Proof(bundle) => {
            for commitment in &one.commitments {
                let entry = bundle.chain.entries.iter().find(|entry| entry.commitment.0 == commitment[..]);
                match entry {
                    // That it is there is what its receipt promises.
                    None => {}
                    Some(entry) if entry.salt.is_some() || entry.content.is_some() => {
                        return wrong("content");
                    }
                    Some(entry) if entry.withheld_until < one.until => return wrong("withheldUntil"),
                    Some(_) => {}
                }
            }
        }
        Shown::History(_) => {
            let entries = look.entries();
            let kind = if one.follows { "disclosure" } else { "mapping" };
            let told = entries.iter().find(|entry| {
                attribute(**entry, "kind") == kind && one.envelopes.contains(attribute(**entry, "envelope"))
            });
            if told.is_some() {
                return wrong("envelope");
            }
            // That it is not longer is of `opened`.
            let limits = look.limits(one);
            let found = limits.iter().filter(|until| **until >= one.until).count();
            if found < one.count {
                return wrong(&found.to_string());
            }
            let known = ["number", "until"];
            let withheld = entries.iter().filter(|entry| entry.local() == "WithheldEntry");
            let more = withheld.flat_map(|entry| entry.attributes());
            if let Some(more) = more.map(|attribute| attribute.qualified()).find(|name| !known.contains(name))
            {
                return wrong(more);
            }
        }
    }
    Ok(())
}

/// Afterwards everything is there, and no later time is told before.
fn opened(exchange: &Exchange<'_>) -> Verdict {
    let (all, looks) = observed(exchange);
    for (one, look) in pairs(&all, &looks, |one, look| look.at < one.until) {
        let later = look.limits(one).into_iter().find(|until| *until > one.until);
        if let Some(later) = later {
            let time = |until| DateTime { seconds: until, nanoseconds: 0 }.format();
            return Finding::new("ledger.still-withheld", time(one.until), time(later)).at([look.seq]);
        }
    }
    let pairs = pairs(&all, &looks, |one, look| !look.is_part && look.at >= one.until);
    each(pairs, "missing.a-withheld-entry", |(one, look)| {
        let wrong = |observed: &str| {
            Err(Finding::new("ledger.still-withheld", Phrase::plain("expected.content"), observed)
                .at([look.seq]))
        };
        match &look.shown {
            Shown::Proof(bundle) => {
                let is_its = |entry: &&chukei_ledger::bundle::Entry| {
                    one.commitments.iter().any(|commitment| entry.commitment.0 == commitment[..])
                };
                let mut entries = bundle.chain.entries.iter().filter(is_its);
                if entries.all(|entry| entry.content.is_some()) { Ok(()) } else { wrong("–") }
            }
            Shown::History(_) => {
                let entries = look.entries();
                let is_shown = |id: &String| entries.iter().any(|entry| attribute(*entry, "envelope") == *id);
                if !one.envelopes.iter().all(is_shown) {
                    return wrong("–");
                }
                if look.limits(one).is_empty() { Ok(()) } else { wrong("WithheldEntry") }
            }
        }
    })
}
