//! Both ends compared: the envelopes that the relay has issued, and the disclosures that were reported to it, or that a responder
//! says it has made (domain.md §6.2).

use std::collections::BTreeSet;

use chukei_crypto::UnixTime;
use chukei_profile::envelope::LONGEST;

use crate::Store;
use crate::checkpoint::LedgerError;

/// How far clocks may be apart, in seconds (chapter 20).
const SKEW: i64 = 180;

/// What does not fit together about an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Nobody has reported a disclosure. It need not have been presented.
    Unreported,
    /// The disclosure was reported when the envelope could no longer be opened.
    Late,
    /// The disclosure was for another purpose.
    Purpose,
    /// The responder says that it has disclosed, and has not reported it.
    OnlyTheirs,
    /// The responder has reported a disclosure that it does not know of.
    OnlyOurs,
}

/// An envelope with a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlike {
    /// What it is.
    pub difference: Difference,
    /// `ID` of the envelope.
    pub envelope: String,
    /// Who asked for it; empty if the relay has not issued it.
    pub requester: String,
    /// Whom it was for; the same.
    pub target: String,
    /// When it was issued, if it was.
    pub at: Option<UnixTime>,
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Envelopes that were issued.
    pub issued: u64,
    /// Those of them that a disclosure was reported of.
    pub reported: u64,
    /// What differs.
    pub unlike: Vec<Unlike>,
}

/// A responder's own list.
#[derive(Clone, Debug)]
pub struct Theirs {
    /// Its entity identifier.
    pub target: String,
    /// `ID` of each envelope with which it has disclosed something.
    pub envelopes: BTreeSet<String>,
}

impl Store {
    /// Who could have a list: for whom an envelope was issued, who has reported a disclosure, and whom the registry names.
    /// Reads the whole history.
    ///
    /// # Errors
    /// When the store does not answer, or is damaged.
    pub fn responders(&self) -> Result<BTreeSet<String>, LedgerError> {
        let mut known = self.ask(|connection| {
            let mut known = BTreeSet::new();
            for sql in [
                "SELECT DISTINCT target FROM access WHERE target IS NOT NULL",
                "SELECT DISTINCT actor FROM access WHERE kind = 'disclosure'",
            ] {
                known.extend(connection.rows(sql, &[], |row| row.get::<String>(0))?);
            }
            Ok(known)
        })?;
        known.extend(self.maps.read(|connection| {
            let sql = "SELECT DISTINCT entity FROM party WHERE entity IS NOT NULL";
            connection.rows(sql, &[], |row| row.get::<String>(0))
        })?);
        Ok(known)
    }

    /// Compares what was issued in the half-open interval `from..until` with what was reported about it, until `now`. With a
    /// responder's own list, only what is between the relay and that one.
    ///
    /// # Errors
    /// When the store does not answer, or is damaged.
    pub fn reconcile(
        &self,
        (from, until): (UnixTime, UnixTime),
        theirs: Option<&Theirs>,
        now: UnixTime,
    ) -> Result<Reconciled, LedgerError> {
        self.ask(|connection| {
            let mut done = Reconciled::default();
            let mut unknown = theirs.map(|theirs| theirs.envelopes.clone()).unwrap_or_default();
            let target = theirs.map(|theirs| theirs.target.as_str());
            let sql = "SELECT issued.envelope, issued.actor, issued.target, issued.at, issued.purpose, told.at, told.purpose
                 FROM access issued LEFT JOIN access told ON told.envelope = issued.envelope AND told.kind = 'disclosure'
                 WHERE issued.target IS NOT NULL";
            // Row by row: a ledger is longer than memory.
            connection.stream(sql, |row| {
                let (at, own) = (row.get::<i64>(3)?, row.get::<&str>(2)?);
                // Whatever was issued to the responder is known, in the period or not.
                let is_own = target.is_none_or(|target| target == own);
                let is_theirs = match theirs {
                    Some(_) => Some(is_own && unknown.remove(row.get::<&str>(0)?)),
                    None => None,
                };
                if !(from.0..until.0).contains(&at) || !is_own {
                    return Ok(true);
                }
                let [envelope, requester, target, purpose]: [String; 4] =
                    [row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?];
                let (told, told_purpose) = (row.get::<Option<i64>>(5)?, row.get::<Option<String>>(6)?);
                done.issued += 1;
                done.reported += u64::from(told.is_some());
                let over = at.saturating_add(LONGEST + SKEW);
                let mut unlike = |difference, is_so: bool| {
                    if is_so {
                        let (envelope, requester, target) = (envelope.clone(), requester.clone(), target.clone());
                        let at = Some(UnixTime(at));
                        done.unlike.push(Unlike { difference, envelope, requester, target, at });
                    }
                };
                unlike(Difference::Unreported, told.is_none() && is_theirs != Some(true) && over < now.0);
                unlike(Difference::Late, told.is_some_and(|told| told > over));
                unlike(Difference::Purpose, told_purpose.is_some_and(|told| told != purpose));
                unlike(Difference::OnlyTheirs, told.is_none() && is_theirs == Some(true));
                unlike(Difference::OnlyOurs, told.is_some() && is_theirs == Some(false));
                Ok(true)
            })?;
            done.unlike.extend(unknown.into_iter().map(|envelope| Unlike {
                difference: Difference::OnlyTheirs,
                envelope,
                requester: String::new(),
                target: target.unwrap_or_default().to_owned(),
                at: None,
            }));
            done.unlike.sort_by(|a, b| {
                (a.difference, a.at.map(|at| at.0), &a.envelope).cmp(&(b.difference, b.at.map(|at| at.0), &b.envelope))
            });
            Ok(done)
        })
    }
}
