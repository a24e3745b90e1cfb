//! Whether a bundle shows what it says: the person's whole history, in a log that was only ever added to.

use crate::bundle::{Bundle, Entry};
use crate::chain::{KEPT, LONGEST_WITHHOLDING, commitment, label};
use crate::checkpoint::{Checkpoint, Distrust, Policy, Trusted};
use crate::{Content, Hash, Head, Part, VerifierKey, tree};

/// What clocks may differ by, in seconds.
const SKEW: i64 = 300;
/// What entries may be out of order by, in seconds: several relays record in one ledger, and a query that was carried is recorded at
/// its end.
const DISORDER: i64 = 86_400;

/// A ground for not believing a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There is no checkpoint, or not one proof of consistency for each after the first.
    Checkpoints,
    /// A checkpoint is not believed.
    Distrusted {
        /// Its place in the bundle, from 1; 0 for one that was seen before.
        place: usize,
        /// Why.
        why: Distrust,
    },
    /// A checkpoint is of another log than the last, and not of one that it succeeds.
    Origin {
        /// Its place in the bundle, from 1; 0 for one that was seen before.
        place: usize,
    },
    /// Two checkpoints of one size have different roots: the log has shown different people different histories.
    Fork {
        /// Their size.
        size: u64,
    },
    /// The newer tree does not begin with the older: something was changed or taken away.
    Inconsistent {
        /// Size of the older.
        from: u64,
        /// Size of the newer.
        to: u64,
    },
    /// A checkpoint that was seen before is not among those of the bundle, so nothing connects them.
    Unconnected {
        /// Its size.
        size: u64,
    },
    /// A checkpoint that was seen before is of a log that has ended, and the bundle does not go on from it: what was recorded up to
    /// it may be lost.
    Ended {
        /// Its size.
        size: u64,
    },
    /// A checkpoint that was seen before is larger than all of the bundle: the bundle is older, or its log was cut.
    Smaller {
        /// Size of the bundle's last checkpoint.
        size: u64,
        /// Size of what was seen.
        seen: u64,
    },
    /// The numbers of the entries have a gap, or one stands twice.
    Gap {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// An entry does not name the one before it.
    Link {
        /// Its number.
        number: u64,
    },
    /// Salt and content of an entry are not what was committed to.
    Content {
        /// Its number.
        number: u64,
    },
    /// The content of an entry is missing, though it is neither withheld nor old enough to be destroyed.
    Missing {
        /// Its number.
        number: u64,
    },
    /// An entry may be destroyed sooner than seven years after the access, or after its content is shown.
    KeptBriefly {
        /// Its number.
        number: u64,
    },
    /// An entry is withheld for longer than three years.
    WithheldLong {
        /// Its number.
        number: u64,
    },
    /// An entry is withheld by the time of the map of heads, though another entry tells a time at which it was due.
    Due {
        /// Its number.
        number: u64,
    },
    /// An earlier proof showed the content of an entry, which is not old enough to be destroyed, and this one does not.
    Withdrawn {
        /// Its number.
        number: u64,
    },
    /// An entry does not stand in the tree where it says.
    Inclusion {
        /// Its number.
        number: u64,
    },
    /// An entry stands in the tree before one with a lower number.
    Order {
        /// Its number.
        number: u64,
    },
    /// The map of heads is not the last leaf of the tree, does not cover everything before it, so that what came later could be left
    /// out, or counts more entries than there are leaves before it.
    HeadsInclusion,
    /// The map of heads says that it was made later than now: it would excuse contents whose time is not over.
    Future {
        /// When it was made, as it says, in seconds since 1970.
        at: i64,
    },
    /// The chain's place in the map of heads is not proved.
    HeadsProof,
    /// The map of heads commits to more entries than are shown: the newest are left out.
    Omitted {
        /// Entries that are shown.
        shown: u64,
        /// Entries that were committed to.
        committed: u64,
    },
    /// The last entry that the map of heads commits to is another one than is shown.
    Head {
        /// Its number.
        number: u64,
    },
    /// An entry is not booked in the map of heads.
    Unbooked {
        /// Its number.
        number: u64,
    },
    /// An earlier proof was about another chain: entries that it showed could be left out.
    OtherChain,
    /// An entry of an earlier proof is another one now, or is not there.
    Lost {
        /// Its number.
        number: u64,
    },
    /// An entry that an earlier proof did not show, though it stood in the tree that the proof was about.
    Hidden {
        /// Its number.
        number: u64,
    },
}

/// What a bundle shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The last checkpoint.
    pub trusted: Trusted,
    /// When the heads were committed to, in seconds since 1970: until then the history is complete.
    pub complete_until: i64,
    /// Entries, and those among them whose content is withheld, and destroyed.
    pub entries: usize,
    /// Entries without content that are withheld.
    pub withheld: usize,
    /// Entries without content that are older than the time for which they are kept.
    pub destroyed: usize,
}

/// Whose signature counts.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'p> {
    /// That of the key which the bundle itself names: shows that the bundle is of one piece, not who made it.
    Named,
    /// Those of a policy.
    Policy(&'p Policy),
}

/// What was seen before, and has to be true still.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A signed checkpoint.
    Checkpoint(String),
    /// A proof about the same person.
    Bundle(Box<Bundle>),
}

impl Seen {
    /// The checkpoint in which it ends.
    fn checkpoint(&self) -> &str {
        match self {
            Self::Checkpoint(note) => note,
            Self::Bundle(bundle) => bundle.checkpoints.last().map_or("", String::as_str),
        }
    }
}

/// Verifies a bundle at a time, in seconds since 1970, and that what was `seen` before is true still: the log has grown from each
/// checkpoint, and every entry of an earlier proof is there.
///
/// # Errors
/// Every ground that was found, at least one.
pub fn verify(bundle: &Bundle, trust: Trust<'_>, seen: &[Seen], now: i64) -> Result<Shown, Vec<Finding>> {
    let mut findings = Vec::new();
    let shown = judge(bundle, trust, seen, now, &mut findings);
    match shown {
        Some(shown) if findings.is_empty() => Ok(shown),
        _ => Err(findings),
    }
}

/// `None` where nothing further can be judged.
fn judge(
    bundle: &Bundle,
    trust: Trust<'_>,
    seen: &[Seen],
    now: i64,
    findings: &mut Vec<Finding>,
) -> Option<Shown> {
    let trusted = checkpoints(bundle, trust, seen, findings)?;
    let last = &trusted.checkpoint;
    let heads = &bundle.heads;
    let label = label(&bundle.chain.key);

    let leaf = Hash::of_leaf(&heads.values.leaf());
    let stands = tree::includes(&leaf, heads.leaf, last.size, &heads.inclusion, &last.root);
    let is_last = heads.leaf.checked_add(1) == Some(last.size);
    let counts = heads.values.covered == heads.leaf && heads.values.total <= heads.values.covered;
    if !stands || !is_last || !counts {
        findings.push(Finding::HeadsInclusion);
    }
    if heads.values.at > now.saturating_add(SKEW) {
        findings.push(Finding::Future { at: heads.values.at });
    }
    let root = Part { hash: heads.values.root, total: heads.values.total };
    let head = heads.proof.verify(&label, &root);
    if head.is_none() {
        findings.push(Finding::HeadsProof);
    }
    let mut shown = Shown {
        complete_until: heads.values.at,
        entries: bundle.chain.entries.len(),
        withheld: 0,
        destroyed: 0,
        trusted: trusted.clone(),
    };
    entries(bundle, label, last, findings, &mut shown);
    if let Some(head) = head {
        complete(&bundle.chain.entries, label, head, findings);
    }
    // A smaller tree is older, and has no place for the leaves behind its end: one finding says that it is smaller.
    let is_smaller = findings.iter().any(|finding| matches!(finding, Finding::Smaller { .. }));
    for earlier in seen {
        if let Seen::Bundle(earlier) = earlier {
            let beyond = |finding: &Finding| match finding {
                Finding::Lost { number } => {
                    let mut entries = earlier.chain.entries.iter();
                    entries.any(|entry| entry.number == *number && entry.leaf >= last.size)
                }
                Finding::Withdrawn { .. } => true,
                _ => false,
            };
            findings.extend(goes_on(earlier, bundle).into_iter().filter(|lost| !is_smaller || !beyond(lost)));
        }
    }
    Some(shown)
}

/// The last checkpoint, believed and connected with all others.
fn checkpoints(
    bundle: &Bundle,
    trust: Trust<'_>,
    seen: &[Seen],
    findings: &mut Vec<Finding>,
) -> Option<Trusted> {
    let named;
    let policy = match trust {
        Trust::Policy(policy) => policy,
        Trust::Named => {
            let Some(key) = VerifierKey::parse(&bundle.log) else {
                findings.push(Finding::Distrusted { place: 1, why: Distrust::NoKey });
                return None;
            };
            named = Policy::of_log(key);
            &named
        }
    };
    let Some((newest, older)) = bundle.checkpoints.split_last() else {
        findings.push(Finding::Checkpoints);
        return None;
    };
    if bundle.consistency.len() != older.len() {
        findings.push(Finding::Checkpoints);
    }
    let mut believe = |place, believed: Result<Trusted, Distrust>| {
        believed.map_err(|why| findings.push(Finding::Distrusted { place, why })).ok()
    };
    let last = believe(bundle.checkpoints.len(), policy.trust(newest))?;
    // Witnesses vouch for the last, and the last for those before it.
    let older: Option<Vec<Trusted>> =
        (1..).zip(older).map(|(place, note)| believe(place, policy.trust_earlier(note))).collect();
    let older = older?;
    let all: Vec<&Checkpoint> = older.iter().chain([&last]).map(|trusted| &trusted.checkpoint).collect();
    let origin = &last.checkpoint.origin;
    let mut is_own = false;
    for (place, checkpoint) in (1..).zip(&all) {
        is_own |= checkpoint.origin == *origin;
        if checkpoint.origin != *origin && (is_own || !policy.is_ended(&checkpoint.origin)) {
            findings.push(Finding::Origin { place });
        }
    }
    for (pair, proof) in all.windows(2).zip(&bundle.consistency) {
        if let [old, new] = pair {
            connect(old, new, proof, findings);
        }
    }
    for seen in seen {
        match policy.trust_earlier(seen.checkpoint()) {
            Err(why) => findings.push(Finding::Distrusted { place: 0, why }),
            Ok(seen) => {
                let seen = seen.checkpoint;
                let size = seen.size;
                let is_ours = seen.origin == *origin;
                match all.iter().find(|checkpoint| checkpoint.size == size) {
                    _ if !is_ours && !policy.is_ended(&seen.origin) => {
                        findings.push(Finding::Origin { place: 0 });
                    }
                    Some(same) if same.root == seen.root => {}
                    Some(_) if is_ours => findings.push(Finding::Fork { size }),
                    None if is_ours && size > last.checkpoint.size => {
                        findings.push(Finding::Smaller { size: last.checkpoint.size, seen: size });
                    }
                    None if is_ours => findings.push(Finding::Unconnected { size }),
                    Some(_) | None => findings.push(Finding::Ended { size }),
                }
            }
        }
    }
    Some(last)
}

fn connect(old: &Checkpoint, new: &Checkpoint, proof: &[Hash], findings: &mut Vec<Finding>) {
    let (from, to) = (old.size, new.size);
    if from == to && old.root != new.root {
        findings.push(Finding::Fork { size: from });
    } else if !tree::extends((from, &old.root), (to, &new.root), proof) {
        findings.push(Finding::Inconsistent { from, to });
    }
}

/// Each entry for itself, and behind the one before it.
fn entries(bundle: &Bundle, label: Hash, last: &Checkpoint, findings: &mut Vec<Finding>, shown: &mut Shown) {
    let mut previous = Hash::ZERO;
    let mut leaf_before = None;
    let mut latest = i64::MIN;
    let times = bundle.chain.entries.iter().filter_map(|entry| Some(entry.content.as_ref()?.at()));
    let newest = times.max().unwrap_or(i64::MIN);
    for (expected, entry) in (1..).zip(&bundle.chain.entries) {
        let number = entry.number;
        let link = entry.link(label);
        if number != expected {
            findings.push(Finding::Gap { expected, found: number });
        }
        if entry.previous != previous {
            findings.push(Finding::Link { number });
        }
        previous = link.hash();
        if !tree::includes(&previous, entry.leaf, last.size, &entry.inclusion, &last.root) {
            findings.push(Finding::Inclusion { number });
        }
        if leaf_before.is_some_and(|before| before >= entry.leaf) {
            findings.push(Finding::Order { number });
        }
        leaf_before = Some(entry.leaf);
        match (&entry.salt, &entry.content) {
            (Some(salt), Some(content)) => {
                let opened = content.octets().map(|octets| commitment(salt, &octets));
                if !opened.is_ok_and(|opened| opened == entry.commitment) {
                    findings.push(Finding::Content { number });
                }
            }
            (None, None) if entry.withheld_until > shown.complete_until => {
                shown.withheld += 1;
                if entry.withheld_until <= newest.saturating_sub(SKEW) {
                    findings.push(Finding::Due { number });
                }
            }
            (None, None) if entry.keep_until <= shown.complete_until => shown.destroyed += 1,
            _ => findings.push(Finding::Missing { number }),
        }
        let told = entry.content.as_ref().map(Content::at);
        latest = latest.max(told.unwrap_or(latest));
        if !is_kept(entry, told.unwrap_or(latest.saturating_sub(DISORDER))) {
            findings.push(Finding::KeptBriefly { number });
        }
        let longest = shown.complete_until.saturating_add(LONGEST_WITHHOLDING).saturating_add(SKEW);
        if entry.withheld_until > longest {
            findings.push(Finding::WithheldLong { number });
        }
    }
}

/// Whether an entry of an access at this time or later is kept for long enough.
fn is_kept(entry: &Entry, at: i64) -> bool {
    entry.keep_until >= at.max(entry.withheld_until).saturating_add(KEPT)
}

/// No entry is left out: the map, which covers the whole tree, knows as many as are shown.
fn complete(entries: &[Entry], label: Hash, head: Option<Head>, findings: &mut Vec<Finding>) {
    let shown = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let committed = head.map_or(0, |head| head.number);
    if committed > shown {
        findings.push(Finding::Omitted { shown, committed });
        return;
    }
    let (booked, others) = entries.split_at(usize::try_from(committed).unwrap_or(entries.len()));
    if let (Some(head), Some(last)) = (head, booked.last())
        && last.link(label).hash() != head.hash
    {
        findings.push(Finding::Head { number: last.number });
    }
    findings.extend(others.iter().map(|entry| Finding::Unbooked { number: entry.number }));
}

/// Whether what an earlier proof about the same person showed is there still, in the same chain, and nothing but what was recorded
/// after it has been added. One that showed nothing had no chain. Gives every ground for not believing it.
#[must_use]
pub fn goes_on(earlier: &Bundle, bundle: &Bundle) -> Vec<Finding> {
    let (heads, until) = (&earlier.heads, bundle.heads.values.at);
    let (earlier, now) = (&earlier.chain, &bundle.chain);
    if !earlier.entries.is_empty() && earlier.key != now.key {
        return vec![Finding::OtherChain];
    }
    let label = label(&now.key);
    let is_there = |(place, entry): &(usize, &Entry)| {
        let same = |now: &Entry| (now.leaf, now.link(label)) == (entry.leaf, entry.link(label));
        now.entries.get(*place).is_some_and(same)
    };
    let mut findings = Vec::new();
    let lost = earlier.entries.iter().enumerate().filter(|entry| !is_there(entry));
    findings.extend(lost.map(|(_, entry)| Finding::Lost { number: entry.number }));
    for (shown, entry) in earlier.entries.iter().zip(&now.entries) {
        if shown.content.is_some() && entry.content.is_none() && entry.keep_until > until {
            findings.push(Finding::Withdrawn { number: entry.number });
        }
    }
    for added in now.entries.iter().skip(earlier.entries.len()) {
        let number = added.number;
        if added.leaf < heads.leaf {
            findings.push(Finding::Hidden { number });
        }
        if added.content.is_none() && !is_kept(added, heads.values.at.saturating_sub(DISORDER)) {
            findings.push(Finding::KeptBriefly { number });
        }
    }
    findings
}
