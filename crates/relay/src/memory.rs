//! Stores in memory: for tests, and for parties whose state need not outlive them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use chukei_crypto::UnixTime;
use chukei_idwsf::{ReplayStore, Unavailable};
use chukei_profile::{
    Date, Identifier, Purpose, Scheme,
    history::{Entry, Kind, Range},
    linkage::eligibility_on,
};
use chukei_xml::lexical::DateTime;

use crate::{
    AccessLog, Agreements, Carried, Disclosed, Issuance, MappingStore, NewEntry, Page, Person, Record,
    Recorded, Recording, Records,
    changes::{Assigned, KeyStore, Standing},
    login::{Logins, Presented, Session, Taken},
};

fn locked<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, Unavailable> {
    mutex.lock().map_err(|_| Unavailable::new("whoever changed it last has panicked"))
}

/// [`ReplayStore`] in memory. Keeps everything until it is told to forget.
#[derive(Debug, Default)]
pub struct MemoryReplay {
    used: Mutex<BTreeMap<(String, String), i64>>,
}

impl MemoryReplay {
    /// Forgets what was to be remembered until before `now`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn forget_before(&self, now: UnixTime) -> Result<(), Unavailable> {
        locked(&self.used)?.retain(|_, until| *until >= now.0);
        Ok(())
    }
}

impl ReplayStore for MemoryReplay {
    fn first_use(&self, owner: &str, id: &str, until: UnixTime) -> Result<bool, Unavailable> {
        Ok(locked(&self.used)?.insert((owner.to_owned(), id.to_owned()), until.0).is_none())
    }
}

/// [`MappingStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryMappings {
    rows: Mutex<Vec<Row>>,
}

#[derive(Debug)]
struct Row {
    person: Person,
    party: String,
    number: Identifier,
    from: UnixTime,
    until: UnixTime,
}

impl MemoryMappings {
    /// Records that `party` knows `person` by this number, in the half-open interval `from..until`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn add(
        &self,
        person: Person,
        party: &str,
        number: Identifier,
        from: UnixTime,
        until: UnixTime,
    ) -> Result<(), Unavailable> {
        locked(&self.rows)?.push(Row { person, party: party.to_owned(), number, from, until });
        Ok(())
    }
}

impl MappingStore for MemoryMappings {
    fn person(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Option<Person>, Unavailable> {
        Ok(self.persons(party, number, at)?.into_iter().next())
    }

    fn persons(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Vec<Person>, Unavailable> {
        let rows = locked(&self.rows)?;
        let known = rows
            .iter()
            .filter(|row| row.party == party && row.number == *number && (row.from..row.until).contains(&at));
        let persons: BTreeSet<Person> = known.map(|row| row.person).collect();
        Ok(persons.into_iter().collect())
    }

    fn numbers(
        &self,
        person: Person,
        scheme: Scheme,
        at: UnixTime,
    ) -> Result<Vec<(String, Identifier)>, Unavailable> {
        let rows = locked(&self.rows)?;
        let current = rows.iter().filter(|row| {
            row.person == person && row.number.scheme() == scheme && (row.from..row.until).contains(&at)
        });
        Ok(current.map(|row| (row.party.clone(), row.number.clone())).collect())
    }
}

/// [`KeyStore`] in memory: who has which certificate or visible number.
#[derive(Debug, Default)]
pub struct MemoryKeys {
    rows: Mutex<Vec<(Assigned, Standing)>>,
}

impl MemoryKeys {
    /// Records whose key it is, from now on and for all times.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn set(&self, key: Assigned, standing: Standing) -> Result<(), Unavailable> {
        let mut rows = locked(&self.rows)?;
        rows.retain(|(known, _)| *known != key);
        rows.push((key, standing));
        Ok(())
    }
}

impl KeyStore for MemoryKeys {
    fn standing(&self, key: &Assigned, _: UnixTime) -> Result<Standing, Unavailable> {
        let rows = locked(&self.rows)?;
        Ok(rows.iter().find(|(known, _)| known == key).map_or(Standing::Unknown, |(_, standing)| *standing))
    }
}

/// [`Logins`] in memory: who is logged in logs in again after a restart. What has ended is forgotten with the next one.
#[derive(Debug, Default)]
pub struct MemoryLogins {
    challenges: Mutex<BTreeMap<(String, String), (UnixTime, Taken)>>,
    sessions: Mutex<BTreeMap<String, Session>>,
}

impl Logins for MemoryLogins {
    fn challenge(&self, party: &str, value: &str, until: UnixTime, now: UnixTime) -> Result<(), Unavailable> {
        let mut challenges = locked(&self.challenges)?;
        challenges.retain(|_, (until, _)| now < *until);
        challenges.insert((party.to_owned(), value.to_owned()), (until, Taken::default()));
        Ok(())
    }

    fn present(
        &self,
        party: &str,
        value: &str,
        presented: Presented,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, Unavailable> {
        let mut challenges = locked(&self.challenges)?;
        let waiting = challenges.get_mut(&(party.to_owned(), value.to_owned()));
        let waiting = waiting.filter(|(until, taken)| now < *until && taken.presented.is_none());
        Ok(waiting.map(|(until, taken)| {
            taken.presented = Some(presented);
            *until
        }))
    }

    fn take(&self, party: &str, value: &str, now: UnixTime) -> Result<Option<Taken>, Unavailable> {
        let taken = locked(&self.challenges)?.remove(&(party.to_owned(), value.to_owned()));
        Ok(taken.filter(|(until, _)| now < *until).map(|(_, taken)| taken))
    }

    fn open(&self, id: &str, session: Session, now: UnixTime) -> Result<(), Unavailable> {
        let mut sessions = locked(&self.sessions)?;
        sessions.retain(|_, session| now < session.until);
        sessions.insert(id.to_owned(), session);
        Ok(())
    }

    fn session(&self, id: &str) -> Result<Option<Session>, Unavailable> {
        Ok(locked(&self.sessions)?.get(id).cloned())
    }
}

/// [`AccessLog`] in memory.
#[derive(Debug, Default)]
pub struct MemoryLog {
    entries: Mutex<Vec<NewEntry>>,
    /// Queries that are carried, by their ids.
    carried: Mutex<BTreeMap<String, Carried>>,
}

impl MemoryLog {
    /// Every entry, in order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn all(&self) -> Result<Vec<NewEntry>, Unavailable> {
        Ok(locked(&self.entries)?.clone())
    }
}

impl AccessLog for MemoryLog {
    fn record(&self, entries: &[NewEntry]) -> Result<Recorded, Unavailable> {
        let mut kept = locked(&self.entries)?;
        for entry in entries {
            // [disclosure.notice.recorded] A second notice about one envelope is no second disclosure.
            let is_same = |old: &NewEntry| old.kind == Kind::Disclosure && old.envelope == entry.envelope;
            if entry.kind != Kind::Disclosure || !kept.iter().any(is_same) {
                kept.push(entry.clone());
            }
        }
        Ok(Recorded { recording: Recording::done(), receipts: Vec::new() })
    }

    fn carry(&self, carried: &Carried) -> Result<Recording, Unavailable> {
        locked(&self.carried)?.insert(carried.id.clone(), carried.clone());
        Ok(Recording::done())
    }

    fn conclude(&self, id: &str, entry: &NewEntry) -> Result<Recorded, Unavailable> {
        locked(&self.carried)?.remove(id).ok_or_else(|| Unavailable::new("a query that was given up"))?;
        self.record(std::slice::from_ref(entry))
    }

    fn give_up(&self, now: UnixTime) -> Result<usize, Unavailable> {
        let mut carried = locked(&self.carried)?;
        let overdue: Vec<Carried> = carried.values().filter(|carried| carried.until < now).cloned().collect();
        carried.retain(|_, carried| carried.until >= now);
        drop(carried);
        locked(&self.entries)?.extend(overdue.iter().map(Carried::lost));
        Ok(overdue.len())
    }

    fn page(&self, person: Person, range: &Range, now: UnixTime) -> Result<Page, Unavailable> {
        let entries = locked(&self.entries)?;
        let own = entries.iter().filter(|entry| entry.person == Some(person));
        let numbered = (1..).zip(own).map(|(number, entry)| entry.numbered(number));
        let in_period = |entry: &Entry| {
            let is_withheld = entry.withheld_until.is_some_and(|until| now.0 < until.seconds);
            let is_late = range.from.is_none_or(|from| from <= entry.at);
            is_withheld || is_late && range.until.is_none_or(|until| entry.at < until)
        };
        let mut entries: Vec<Entry> = numbered.filter(in_period).collect();
        let total = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        entries.retain(|entry| range.before.is_none_or(|before| entry.number < before));
        let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
        entries.drain(..entries.len().saturating_sub(limit));
        Ok(Page { entries, total })
    }

    fn issuance(&self, envelope: &str) -> Result<Option<Issuance>, Unavailable> {
        let entries = locked(&self.entries)?;
        let about: Vec<_> =
            entries.iter().filter(|entry| entry.envelope.as_deref() == Some(envelope)).collect();
        let disclosed = about.iter().find(|entry| entry.kind == Kind::Disclosure);
        let disclosed =
            disclosed.map(|entry| Disclosed { outcome: entry.outcome.clone(), items: entry.items.clone() });
        let issued = about.iter().find_map(|entry| entry.issuance());
        Ok(issued.map(|issued| Issuance { disclosed, ..issued }))
    }
}

impl NewEntry {
    /// The entry as the person sees it, under this number.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Entry {
        Entry {
            number,
            at: DateTime { seconds: self.at.0, nanoseconds: 0 },
            actor: self.actor.clone(),
            kind: self.kind,
            outcome: self.outcome.clone(),
            purpose: self.purpose,
            envelope: self.envelope.clone(),
            authentication: self.login.as_ref().map(|login| login.context),
            operator: self.login.as_ref().and_then(|login| login.operator.clone()),
            withheld_until: self.withheld_until.map(|until| DateTime { seconds: until.0, nanoseconds: 0 }),
        }
    }

    /// What it says about an envelope that was issued; nothing of what was disclosed for it.
    #[must_use]
    pub fn issuance(&self) -> Option<Issuance> {
        Some(Issuance {
            person: self.person?,
            target: self.target.clone()?,
            requester: self.actor.clone(),
            purpose: self.purpose,
            at: self.at,
            withheld_until: self.withheld_until,
            disclosed: None,
        })
    }
}

/// [`Agreements`] in memory; parties can be taken out of service.
#[derive(Debug, Default)]
pub struct MemoryAgreements {
    /// Requester, target, purpose.
    pub pairs: BTreeSet<(String, String, Purpose)>,
    /// Requester, target: the relay may present their envelopes.
    pub relayed: BTreeSet<(String, String)>,
    /// Parties that may ask for access histories.
    pub portals: BTreeSet<String>,
    /// Parties that may have entries withheld.
    pub withholders: BTreeSet<String>,
    out_of_service: Mutex<BTreeSet<String>>,
}

impl MemoryAgreements {
    /// Takes a party out of service, or back.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn set_in_service(&self, party: &str, in_service: bool) -> Result<(), Unavailable> {
        let mut out = locked(&self.out_of_service)?;
        if in_service {
            out.remove(party)
        } else {
            out.insert(party.to_owned())
        };
        Ok(())
    }
}

impl Agreements for MemoryAgreements {
    fn allow(&self, requester: &str, target: Option<&str>, purpose: Purpose) -> bool {
        let pair = |target: &str| (requester.to_owned(), target.to_owned(), purpose);
        match target {
            Some(target) => self.pairs.contains(&pair(target)),
            // Those of one requester stand together.
            None => {
                let mut own = self.pairs.range(pair("")..).take_while(|(from, ..)| from == requester);
                own.any(|(.., for_what)| *for_what == purpose)
            }
        }
    }

    fn via_relay(&self, requester: &str, target: &str) -> bool {
        self.relayed.contains(&(requester.to_owned(), target.to_owned()))
    }

    fn is_portal(&self, party: &str) -> bool {
        self.portals.contains(party)
    }

    fn may_withhold(&self, party: &str) -> bool {
        self.withholders.contains(party)
    }

    fn in_service(&self, party: &str) -> bool {
        locked(&self.out_of_service).is_ok_and(|out| !out.contains(party))
    }
}

/// [`Records`] in memory.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    /// Number, every period of insurance, and every benefit.
    pub rows: Vec<(Identifier, Record)>,
}

impl Records for MemoryRecords {
    fn find(&self, number: &Identifier, as_of: &Date) -> Result<Option<Record>, Unavailable> {
        let row = self.rows.iter().find(|(own, _)| own == number);
        Ok(row.map(|(_, record)| Record {
            eligibility: eligibility_on(&record.eligibility, as_of),
            benefits: record.benefits.iter().filter(|benefit| benefit.from <= *as_of).cloned().collect(),
            name: record.name.clone(),
        }))
    }

    #[cfg(feature = "danger-faults")]
    fn danger_another(&self, number: &Identifier) -> Option<Record> {
        self.rows.iter().find(|(own, _)| own != number).map(|(_, record)| record.clone())
    }
}
