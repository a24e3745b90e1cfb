//! Chapter 35: receipts, and proofs that have to hold.

use std::collections::{BTreeMap, BTreeSet};

use chukei_evidence::{Answer, Exchange, Finding, Judge, Phrase, Sent, Verdict};
use chukei_ledger::{Bundle, Content, Note, Trust, VerifierKey, chain::KEPT, goes_on, verify};
use chukei_spec::req;
use chukei_xml::lexical::{DateTime, decode_base64};

use super::{declared, each, has_set_clock, mapping::telling, repeated, skew, whole};
use crate::{
    ledger::{self, Proof},
    read::{Message, attribute},
    refuse,
};

/// What the clocks of several relays on one ledger may differ by, in seconds.
const SKEW: i64 = 5;
/// Octets of a commitment.
const COMMITMENT: usize = 32;

pub(super) const JUDGES: &[Judge] = &[
    whole(req!("ledger.receipt.given"), given),
    whole(req!("ledger.receipt.salted"), salted),
    declared(req!("ledger.receipt.kept"), kept),
    declared(req!("ledger.proof.portal-only"), refuse::refused),
    whole(req!("ledger.proof.holds"), holds),
    declared(req!("ledger.proof.current"), current),
    declared(req!("ledger.proof.since"), since),
    whole(req!("ledger.checkpoint.one-log"), one_log),
    declared(req!("ledger.status.current"), covers),
    declared(req!("ledger.status.period"), period),
    declared(req!("ledger.entry.content"), contents),
    whole(req!("ledger.entry.kept"), kept_for_long),
    whole(req!("ledger.entry.no-number"), no_number),
];

/// What was asked and answered, as messages.
pub(super) fn talks<'t>(exchange: &Exchange<'t>) -> Vec<(Sent<'t>, Answer<'t>, Message, Message)> {
    let answered = exchange.answered();
    let read = answered.filter_map(|(sent, answer)| {
        Some((sent, answer, Message::of(sent.body)?, Message::of(answer.body)?))
    });
    read.collect()
}

/// A receipt at least for every entry, since a number that two persons have is recorded for both; and for what is forbidden, one.
/// Where nothing else of a request may be recorded twice, one for each input.
fn given(exchange: &Exchange<'_>) -> Verdict {
    let wanted = talks(exchange).into_iter().filter_map(|(sent, answer, asked, told)| {
        let wanted = ledger::recorded(exchange, sent.from, &asked, &told).len();
        let has = |code: &str| told.statuses().iter().any(|(_, own)| *own == code);
        let is_exact = told.kind() == "IdentityMappingResponse" && has("Forbidden") && !has("Duplicate");
        (wanted > 0).then_some((answer, told, wanted, is_exact))
    });
    each(wanted, "missing.an-access", |(answer, told, wanted, is_exact)| {
        let receipts = ledger::receipts(&told);
        let is_one = |text: &&&str| decode_base64(text).is_some_and(|octets| octets.len() == COMMITMENT);
        let found = receipts.iter().filter(is_one).count();
        if (found == wanted || found > wanted && !is_exact) && found == receipts.len() {
            return Ok(());
        }
        Err(Finding::new("ledger.receipts", wanted.to_string(), found.to_string()).at([answer.seq]))
    })
}

/// No receipt twice, but for a second notice about one envelope.
fn salted(exchange: &Exchange<'_>) -> Verdict {
    let (mut seen, mut noticed) = (BTreeMap::new(), BTreeSet::new());
    let mut all = Vec::new();
    for (_, answer, _, told) in talks(exchange) {
        let envelope = told.content().map(|content| attribute(content, "envelope").to_owned());
        if told.kind() == "DisclosureReceipt" && !noticed.insert(envelope) {
            continue;
        }
        all.extend(ledger::receipts(&told).into_iter().map(|receipt| (answer.seq, receipt.to_owned())));
    }
    each(all, "missing.a-ledger-receipt", |(seq, receipt)| match seen.insert(receipt.clone(), seq) {
        Some(first) => repeated("ledger.same-receipt", &receipt, [first, seq]),
        None => Ok(()),
    })
}

/// The last proof of the case, if it can be read, and what came before it in the case.
fn last(exchange: &Exchange<'_>) -> Option<(u32, Bundle)> {
    let Proof { seq, bundle, .. } = ledger::proofs(exchange).pop()?;
    Some((seq, bundle.ok()?))
}

/// The last proof shows whatever was promised in the case until then.
fn kept(exchange: &Exchange<'_>) -> Verdict {
    let Some((seq, bundle)) = last(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.a-proof"));
    };
    let shown: BTreeSet<[u8; COMMITMENT]> =
        bundle.chain.entries.iter().map(|entry| entry.commitment.0).collect();
    let promised: Vec<String> = talks(exchange)
        .into_iter()
        .filter(|(_, answer, _, _)| answer.seq <= seq)
        .flat_map(|(_, _, _, told)| {
            ledger::receipts(&told).into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    each(promised, "missing.a-ledger-receipt", |receipt| {
        let octets = decode_base64(&receipt).and_then(|octets| octets.try_into().ok());
        if octets.is_some_and(|octets: [u8; COMMITMENT]| shown.contains(&octets)) {
            return Ok(());
        }
        Err(Finding::new("ledger.not-kept", receipt, "–").at([seq]))
    })
}

/// Each for itself, and beside the one before it about the same number.
fn holds(exchange: &Exchange<'_>) -> Verdict {
    let mut before: BTreeMap<String, Bundle> = BTreeMap::new();
    let is_set = has_set_clock(exchange);
    each(ledger::proofs(exchange), "missing.a-proof", |proof| {
        let wrong = |observed: Phrase| Finding::new("ledger.proof", "–", observed);
        let bundle = proof.bundle.as_ref().map_err(|error| wrong(error.clone()).at([proof.seq]))?;
        let mut findings = verify(bundle, Trust::Named, &[], proof.at).err().unwrap_or_default();
        if let Some(earlier) = before.insert(proof.about.clone(), bundle.clone()) {
            findings.extend(goes_on(&earlier, bundle));
        }
        // Times that go back where the suite has put the clock back are its own doing.
        let is_time = |finding: &chukei_ledger::Finding| {
            matches!(finding, chukei_ledger::Finding::Due { .. } | chukei_ledger::Finding::Withdrawn { .. })
        };
        findings.retain(|finding| !is_set || !is_time(finding));
        let mut told = findings.iter().map(ledger::unproved);
        let Some(first) = told.next() else { return Ok(()) };
        Err(told.fold(wrong(first), Finding::with).at([proof.seq]))
    })
}

/// No entry that a proof shows may be destroyed too soon.
fn kept_for_long(exchange: &Exchange<'_>) -> Verdict {
    let proofs =
        ledger::proofs(exchange).into_iter().filter_map(|proof| Some((proof.seq, proof.bundle.ok()?)));
    let shown =
        proofs.flat_map(|(seq, bundle)| bundle.chain.entries.into_iter().map(move |entry| (seq, entry)));
    let told = shown.filter_map(|(seq, entry)| Some((seq, entry.content.as_ref()?.at(), entry)));
    each(told, "missing.a-proof", |(seq, at, entry)| {
        let least = at.max(entry.withheld_until).saturating_add(KEPT);
        if entry.keep_until >= least {
            return Ok(());
        }
        let time = |seconds| DateTime { seconds, nanoseconds: 0 }.format();
        let wanted = format!("≥ {}", time(least));
        Err(Finding::new("ledger.kept-briefly", wanted, time(entry.keep_until)).at([seq]))
    })
}

/// First and last proof of a case, and what has to be recorded after the first until the last.
type Between = (Bundle, u32, Bundle, Vec<Wanted>);

/// What has to be recorded, without its times, and between which two it was asked for and answered.
struct Wanted {
    content: Content,
    requested: Option<Span>,
    answered: Option<Span>,
}

/// Seconds since 1970, both ends included.
type Span = (i64, i64);

fn between(exchange: &Exchange<'_>) -> Option<Between> {
    let mut proofs = ledger::proofs(exchange).into_iter();
    let first = proofs.next()?;
    let last = proofs.next_back()?;
    let talks = talks(exchange);
    let between = talks.iter().filter(|(_, answer, _, _)| first.seq < answer.seq && answer.seq <= last.seq);
    let issued = |envelope: &str| {
        let is_it =
            |told: &Message| told.outputs().iter().any(|(_, issued)| attribute(*issued, "ID") == envelope);
        let (sent, answer, ..) = talks.iter().find(|(_, _, _, told)| is_it(told))?;
        Some((sent.at, answer.at))
    };
    let wanted = between.flat_map(|(sent, answer, asked, told)| {
        let then = (sent.at, answer.at);
        let recorded = ledger::recorded(exchange, sent.from, asked, told).into_iter();
        recorded.map(move |content| {
            let (requested, answered) = match content.kind.as_str() {
                "disclosure" => (content.envelope.as_deref().and_then(issued), Some(then)),
                "relayed" => (Some(then), Some(then)),
                _ => (Some(then), None),
            };
            Wanted { content, requested, answered }
        })
    });
    Some((first.bundle.ok()?, last.seq, last.bundle.ok()?, wanted.collect()))
}

/// The last proof has as many entries more than the first as were recorded since.
fn current(exchange: &Exchange<'_>) -> Verdict {
    let Some((first, seq, last, wanted)) = between(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.proofs"));
    };
    let wanted = first.chain.entries.len().saturating_add(wanted.len());
    let found = last.chain.entries.len();
    if found == wanted {
        return Verdict::Pass;
    }
    Finding::new("ledger.entries", wanted.to_string(), found.to_string()).at([seq])
}

/// Entries that are new in the last proof say what happened.
fn contents(exchange: &Exchange<'_>) -> Verdict {
    let Some((first, seq, last, wanted)) = between(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.proofs"));
    };
    let fresh = last.chain.entries.iter().skip(first.chain.entries.len());
    let mut found = fresh.filter_map(|entry| entry.content.clone());
    let skew = skew(exchange);
    each(wanted, "missing.an-access", |Wanted { content: wanted, requested, answered }| {
        let entry = found.next();
        let found = entry.clone().map(|content| Content { requested_at: 0, answered_at: None, ..content });
        if let Some(entry) = entry.filter(|_| found.as_ref() == Some(&wanted)) {
            let is_of = |at: i64, (from, until): Span| {
                from.saturating_sub(skew) <= at && at <= until.saturating_add(skew)
            };
            let is_timed = requested.is_none_or(|span| is_of(entry.requested_at, span))
                && match (entry.answered_at, answered) {
                    (None, None) => true,
                    (Some(at), Some(span)) => is_of(at, span),
                    _ => false,
                };
            if is_timed {
                return Ok(());
            }
            let time = |seconds| DateTime { seconds, nanoseconds: 0 }.format();
            let span = |span: Option<Span>| {
                span.map_or("–".into(), |(from, until)| format!("{} … {}", time(from), time(until)))
            };
            let wanted = format!("requestedAt {}; answeredAt {}", span(requested), span(answered));
            let answered = entry.answered_at.map_or("–".into(), time);
            let told = format!("requestedAt {}; answeredAt {answered}", time(entry.requested_at));
            return Err(Finding::new("ledger.time", wanted, told).at([seq]));
        }
        let told = |content: &Content| {
            let octets = content.octets().unwrap_or_default();
            String::from_utf8_lossy(&octets).trim_end().replace('\n', "; ")
        };
        Err(Finding::new("ledger.content", told(&wanted), found.as_ref().map_or("–".into(), told)).at([seq]))
    })
}

/// A proof since a checkpoint that the product gave out in the case, in a proof or as the state of its ledger, begins with it.
fn since(exchange: &Exchange<'_>) -> Verdict {
    let proofs = ledger::proofs(exchange).into_iter();
    let proved = proofs.filter_map(|proof| Some((proof.seq, proof.since, proof.bundle.ok()?.checkpoints)));
    let told = ledger::statuses(exchange).into_iter();
    let told = told.map(|status| (status.seq, String::new(), vec![status.note]));
    let mut shown: Vec<(u32, String, Vec<String>)> = proved.chain(told).collect();
    shown.sort_by_key(|(seq, _, _)| *seq);
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    let mut asked = Vec::new();
    for (seq, since, notes) in shown {
        let wanted = given.get(&since).cloned();
        let checkpoints = notes.iter().filter_map(|note| ledger::checkpoint(note));
        given.extend(checkpoints.map(|checkpoint| (checkpoint.size.to_string(), checkpoint.text())));
        asked.extend(wanted.map(|wanted| (seq, wanted, notes)));
    }
    each(asked, "missing.proofs", |(seq, wanted, notes)| {
        let first = notes.first().and_then(|note| ledger::checkpoint(note)).map(|first| first.text());
        if first.as_ref() == Some(&wanted) {
            return Ok(());
        }
        Err(Finding::new("ledger.since", wanted, first.unwrap_or_default()).at([seq]))
    })
}

/// One key, one origin, one root for each size, and no log that shrinks: in proofs, and where a state is told.
fn one_log(exchange: &Exchange<'_>) -> Verdict {
    // What cannot be read shows no log.
    let readable =
        ledger::proofs(exchange).into_iter().filter_map(|proof| Some((proof.seq, proof.bundle.ok()?)));
    let proved = readable.map(|(seq, bundle)| (seq, Some(bundle.log), bundle.checkpoints));
    let told = ledger::statuses(exchange).into_iter().map(|status| (status.seq, None, vec![status.note]));
    let mut shown: Vec<_> = proved.chain(told).collect();
    shown.sort_by_key(|(seq, _, _)| *seq);
    let Some(log) = shown.iter().find_map(|(_, log, _)| log.clone()) else {
        return Verdict::unreached(Phrase::plain("missing.a-proof"));
    };
    let (key, mut before) = (VerifierKey::parse(&log), 0);
    let mut roots: BTreeMap<u64, String> = BTreeMap::new();
    each(shown, "missing.a-proof", |(seq, own, notes)| {
        let wrong = |expected: String, observed: String| {
            Err(Finding::new("ledger.other-log", expected, observed).at([seq]))
        };
        if own.as_ref().is_some_and(|own| *own != log) {
            return wrong(log.clone(), own.unwrap_or_default());
        }
        let checkpoints: Vec<_> = notes.iter().filter_map(|note| ledger::checkpoint(note)).collect();
        for checkpoint in &checkpoints {
            let text = checkpoint.text();
            let root = roots.entry(checkpoint.size).or_insert_with(|| text.clone());
            if *root != text {
                return wrong(root.clone(), text);
            }
        }
        if own.is_none() && !notes.iter().all(|note| is_signed(note, key.as_ref())) {
            return wrong(log.clone(), notes.concat());
        }
        let size = checkpoints.last().map_or(0, |last| last.size);
        if size < before {
            return wrong(format!("≥ {before}"), size.to_string());
        }
        before = size;
        Ok(())
    })
}

/// Whether the log with this key has signed it.
fn is_signed(note: &str, key: Option<&VerifierKey>) -> bool {
    let Some((note, key)) = Note::parse(note).zip(key) else { return false };
    note.by(key).any(|signature| key.verifies(&note.text, signature).is_some())
}

/// What was promised before a state of the ledger was asked for stands, by the last proof, in the tree of its checkpoint.
fn covers(exchange: &Exchange<'_>) -> Verdict {
    let Some((proved, bundle)) = last(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.a-proof"));
    };
    let talks = talks(exchange);
    each(ledger::statuses(exchange), "missing.a-status", |status| {
        let Some(checkpoint) = ledger::checkpoint(&status.note) else {
            return Err(Finding::new("ledger.status", Phrase::plain("expected.checkpoint"), status.note)
                .at([status.seq]));
        };
        let before = talks.iter().filter(|(_, answer, _, _)| answer.seq < status.asked);
        let promised: BTreeSet<Vec<u8>> =
            before.flat_map(|(_, _, _, told)| ledger::receipts(told)).filter_map(decode_base64).collect();
        let entries = bundle.chain.entries.iter().filter(|entry| promised.contains(&entry.commitment.0[..]));
        match entries.map(|entry| entry.leaf).max() {
            None => Err(Verdict::unreached(Phrase::plain("missing.a-ledger-receipt"))),
            Some(leaf) if leaf < checkpoint.size => Ok(()),
            Some(leaf) => Err(Finding::new(
                "ledger.status",
                format!("≥ {}", leaf.saturating_add(1)),
                checkpoint.size.to_string(),
            )
            .at([status.seq, proved])),
        }
    })
}

/// Entries that the checkpoint covers, and whose content the last proof shows, are of the period.
fn period(exchange: &Exchange<'_>) -> Verdict {
    let Some((proved, bundle)) = last(exchange) else {
        return Verdict::unreached(Phrase::plain("missing.a-proof"));
    };
    each(ledger::statuses(exchange), "missing.a-status", |status| {
        let checkpoint = ledger::checkpoint(&status.note);
        let is_covered = |leaf| checkpoint.as_ref().is_some_and(|checkpoint| leaf < checkpoint.size);
        let covered = bundle.chain.entries.iter().filter(|entry| is_covered(entry.leaf));
        let contents = covered.filter_map(|entry| entry.content.as_ref());
        let times = contents.map(|content| content.answered_at.unwrap_or(content.requested_at));
        let Some((first, last)) = times.clone().min().zip(times.max()) else {
            return Err(Verdict::unreached(Phrase::plain("missing.a-covered-entry")));
        };
        match status.period {
            Some((from, until)) if from <= first && last <= until.saturating_add(SKEW) => Ok(()),
            period => {
                let told = period.map_or("–".into(), |(from, until)| format!("{from}, {until}"));
                let wanted = format!("≤ {first}, ≥ {last}");
                Err(Finding::new("ledger.period", wanted, told).at([status.seq, proved]))
            }
        }
    })
}

fn no_number(exchange: &Exchange<'_>) -> Verdict {
    let telling = telling(exchange);
    let shown =
        talks(exchange).into_iter().filter_map(|(_, answer, _, told)| Some((answer, ledger::octets(&told)?)));
    each(shown, "missing.a-proof", |(answer, octets)| match telling.find(&octets) {
        Some(value) => {
            Err(Finding::new("ledger.number", Phrase::plain("expected.no-number"), value).at([answer.seq]))
        }
        None => Ok(()),
    })
}
