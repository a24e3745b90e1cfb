//! `chukei ledger reconcile`: what the relay has issued, beside what responders have reported, and what one of them says itself.

use std::{collections::BTreeSet, fs, path::Path};

use chukei_crypto::UnixTime;
use chukei_store::{Difference, Store, Theirs, Unlike};
use chukei_xml::lexical::DateTime;

use crate::{
    args::LedgerReconcile,
    explain::nearest,
    ledger::{existing, now, unusable},
    mapping::date,
    say::{Exit, Failure, Say},
};

/// Differences that are listed of each kind.
const LISTED: usize = 100;

/// Compares, and lists what differs. Envelopes that nobody presented are listed, and are no failure.
pub(crate) fn run(asked: &LedgerReconcile, say: &Say) -> Result<Exit, Failure> {
    let day = |text: Option<&str>, other| text.map_or(Ok(other), date);
    let between =
        (day(asked.from.as_deref(), UnixTime(i64::MIN))?, day(asked.until.as_deref(), UnixTime(i64::MAX))?);
    if let (Some(from), Some(until)) = (&asked.from, &asked.until)
        && between.0.0 >= between.1.0
    {
        return Err(
            Failure::new(Exit::Usage, "ledger.no-day", [from, until]).fix("ledger.no-day-fix", [""; 0])
        );
    }
    let theirs = asked.responder.as_ref().zip(asked.reported.as_deref());
    let theirs = theirs.map(|(target, path)| theirs_of(target, path)).transpose()?;
    let store = existing(&asked.state)?;
    if let Some(Theirs { target, .. }) = &theirs {
        is_known(target, &store, asked)?;
    }
    let done = store.reconcile(between, theirs.as_ref(), now());
    let done = done.map_err(|error| unusable(&asked.state, &error))?;
    for difference in [
        Difference::Late,
        Difference::Purpose,
        Difference::OnlyTheirs,
        Difference::OnlyOurs,
        Difference::Unreported,
    ] {
        list(difference, &done.unlike, say);
    }
    let faults = done.unlike.iter().filter(|unlike| unlike.difference != Difference::Unreported).count();
    say.result(say.text("ledger.reconciled", [done.issued, done.reported].map(|count| count.to_string())));
    if faults == 0 {
        return Ok(Exit::Conformant);
    }
    Err(Failure::new(Exit::Unverified, "ledger.unlike", [faults.to_string()])
        .fix("ledger.unlike-fix", [""; 0]))
}

/// Under a name that nobody has, each line of the list would be a disclosure that was not reported.
fn is_known(responder: &str, store: &Store, asked: &LedgerReconcile) -> Result<(), Failure> {
    let known = store.responders().map_err(|error| unusable(&asked.state, &error))?;
    if known.contains(responder) {
        return Ok(());
    }
    let refused = Failure::new(Exit::Usage, "ledger.no-responder", [responder]);
    // A short name of it, or a slip of the pen.
    let of_name = known.iter().find(|entity| !responder.is_empty() && entity.contains(responder));
    let near = of_name.map(String::as_str).or_else(|| nearest(responder, known.iter().map(String::as_str)));
    Err(match near {
        Some(near) => refused.fix("ledger.no-responder-near", [near]),
        None => refused.fix("ledger.no-responder-fix", [""; 0]),
    })
}

fn list(difference: Difference, all: &[Unlike], say: &Say) {
    let own: Vec<&Unlike> = all.iter().filter(|unlike| unlike.difference == difference).collect();
    let key = match difference {
        Difference::Unreported => "ledger.unlike-unreported",
        Difference::Late => "ledger.unlike-late",
        Difference::Purpose => "ledger.unlike-purpose",
        Difference::OnlyTheirs => "ledger.unlike-theirs",
        Difference::OnlyOurs => "ledger.unlike-ours",
    };
    for unlike in own.iter().take(LISTED) {
        let Some(at) = unlike.at else {
            // Only a responder tells of what was never issued.
            say.result(say.text("ledger.unlike-unissued", [unlike.envelope.clone(), unlike.target.clone()]));
            continue;
        };
        let at = DateTime { seconds: at.0, nanoseconds: 0 }.format();
        let about = [unlike.envelope.clone(), at, unlike.requester.clone(), unlike.target.clone()];
        say.result(say.text(key, about));
    }
    if own.len() > LISTED {
        say.result(say.text("ledger.unlike-more", [own.len().saturating_sub(LISTED).to_string()]));
    }
}

/// A responder's list: the `ID` of an envelope on each line.
fn theirs_of(target: &str, path: &Path) -> Result<Theirs, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    let mut envelopes = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty()) {
        if line.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Failure::new(Exit::Usage, "ledger.bad-list", [path.display().to_string()])
                .at(path, number, 1)
                .fix("ledger.bad-list-fix", [""; 0]));
        }
        envelopes.insert(line.to_owned());
    }
    Ok(Theirs { target: target.to_owned(), envelopes })
}
