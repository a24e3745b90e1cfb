//! What a party keeps, behind traits. Every implementation is one call per decision, so that concurrent requests cannot
//! come between; `memory` has those for tests, `chukei-store` those on SQLite.

use std::fmt;

use chukei_crypto::UnixTime;
use chukei_idwsf::{Commitment, Unavailable};
use chukei_profile::{
    Date, Identifier, Purpose, Scheme,
    history::{Entry, Kind, NO_ANSWER, Range},
    linkage::{Benefit, Eligibility},
    proof::LedgerStatus,
};

use crate::{Recording, login::LoggedIn};

/// A person, as a relay knows one: a number of its own that never leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person(pub i64);

/// Which numbers belong to one person. Rows are valid in a half-open interval of time.
pub trait MappingStore: Send + Sync {
    /// The person whom this party knows by this number.
    ///
    /// # Errors
    /// When the store does not answer.
    fn person(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Option<Person>, Unavailable>;

    /// Everybody whom this party knows by this number; more than one only where registers are wrong.
    ///
    /// # Errors
    /// When the store does not answer.
    fn persons(&self, party: &str, number: &Identifier, at: UnixTime) -> Result<Vec<Person>, Unavailable> {
        Ok(self.person(party, number, at)?.into_iter().collect())
    }

    /// Each party that has a number of this scheme for the person, with the number.
    ///
    /// # Errors
    /// When the store does not answer.
    fn numbers(
        &self,
        person: Person,
        scheme: Scheme,
        at: UnixTime,
    ) -> Result<Vec<(String, Identifier)>, Unavailable>;
}

/// What the relay does with a person's numbers, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The person; `None` for a number that the relay does not know.
    pub person: Option<Person>,
    /// When.
    pub at: UnixTime,
    /// The party that asked or disclosed.
    pub actor: String,
    /// What was done.
    pub kind: Kind,
    /// As in [`Entry::outcome`].
    pub outcome: String,
    /// What for.
    pub purpose: Purpose,
    /// What was asked for or disclosed: URI of a scheme of numbers, or names of items of information.
    pub items: Vec<String>,
    /// `ID` of the envelope, if there is one.
    pub envelope: Option<String>,
    /// Whom a new envelope was issued for; `None` for everything else.
    pub target: Option<String>,
    /// Whom a query was carried to; `None` for everything else.
    pub carried_to: Option<String>,
    /// Who had asked for what is disclosed or carried, and when; `None` for everything else.
    pub asked: Option<(String, UnixTime)>,
    /// How the person had logged in; `None` for what is done without a session, except for a login that is granted.
    pub login: Option<LoggedIn>,
    /// Until when its content is withheld from the person; `None` where it is not.
    pub withheld_until: Option<UnixTime>,
}

/// What was asked for of a history, withheld or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// How many the period has.
    pub total: u64,
}

/// Entries on their way to the disk, and what stands for each of them in the ledger.
#[must_use = "nothing that follows from the entries may leave before they are recorded"]
pub struct Recorded {
    /// Ends when they are there.
    pub recording: Recording,
    /// In the order of the entries; none where there is no ledger.
    pub receipts: Vec<Commitment>,
}

/// An envelope that the relay has issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    /// Whom it is about.
    pub person: Person,
    /// Who may open it.
    pub target: String,
    /// Who asked for it.
    pub requester: String,
    /// What for.
    pub purpose: Purpose,
    /// When.
    pub at: UnixTime,
    /// Until when that is withheld from the person, and with it whatever is recorded about the envelope.
    pub withheld_until: Option<UnixTime>,
    /// What its target has told about it, if it has.
    pub disclosed: Option<Disclosed>,
}

/// What a responder has told about an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosed {
    /// As in [`Entry::outcome`].
    pub outcome: String,
    /// Names of items of information, in any order.
    pub items: Vec<String>,
}

/// A query that the relay is about to carry: what is recorded of it, however it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// `wsa:MessageID` of the relay's own message.
    pub id: String,
    /// Until when it may have an outcome.
    pub until: UnixTime,
    /// Whom it is about, as far as the relay knows.
    pub person: Option<Person>,
    /// When it was asked for.
    pub at: UnixTime,
    /// Who asked for it.
    pub requester: String,
    /// Whom it is carried to.
    pub responder: String,
    /// What for.
    pub purpose: Purpose,
    /// Names of the items of information that were asked for.
    pub items: Vec<String>,
    /// `ID` of its envelope.
    pub envelope: String,
    /// Until when its entry is withheld from the person.
    pub withheld_until: Option<UnixTime>,
}

impl Carried {
    /// The entry, when it has ended.
    #[must_use]
    pub fn entry(&self, outcome: &str, at: UnixTime) -> NewEntry {
        NewEntry {
            person: self.person,
            at,
            actor: self.requester.clone(),
            kind: Kind::Relayed,
            outcome: outcome.to_owned(),
            purpose: self.purpose,
            items: self.items.clone(),
            envelope: Some(self.envelope.clone()),
            target: None,
            carried_to: Some(self.responder.clone()),
            asked: Some((self.requester.clone(), self.at)),
            login: None,
            withheld_until: self.withheld_until,
        }
    }

    /// The entry of one whose relay has lost the outcome: there was none in time.
    #[must_use]
    pub fn lost(&self) -> NewEntry {
        self.entry(NO_ANSWER, self.until)
    }
}

/// The access history.
pub trait AccessLog: Send + Sync {
    /// Begins to record all or none of the entries, each under the next number of its person, from 1 without a gap. What was
    /// begun earlier is recorded earlier, or at the same time.
    ///
    /// # Errors
    /// When it cannot begin.
    fn record(&self, entries: &[NewEntry]) -> Result<Recorded, Unavailable>;

    /// Records the entries and returns when they are on the disk.
    ///
    /// # Errors
    /// When they are not recorded.
    fn append(&self, entries: &[NewEntry]) -> Result<Vec<Commitment>, Unavailable> {
        let Recorded { recording, receipts } = self.record(entries)?;
        recording.wait().map(|()| receipts)
    }

    /// Begins to note that a query is carried, so that it is recorded even if the relay does not live to see its outcome.
    ///
    /// # Errors
    /// When it cannot begin.
    fn carry(&self, carried: &Carried) -> Result<Recording, Unavailable>;

    /// Begins to record what became of the query with this [`Carried::id`], in the place of the note. It fails if there is
    /// none any more: then it is recorded already.
    ///
    /// # Errors
    /// When it cannot begin.
    fn conclude(&self, id: &str, entry: &NewEntry) -> Result<Recorded, Unavailable>;

    /// Records every query that was noted, is not concluded, and had its outcome until before `now`, as
    /// [`lost`](Carried::lost). How many there were.
    ///
    /// # Errors
    /// When they are not recorded; they stay noted.
    fn give_up(&self, now: UnixTime) -> Result<usize, Unavailable>;

    /// What this range has about the person; what is withheld now lies in every period.
    ///
    /// # Errors
    /// When the store does not answer.
    fn page(&self, person: Person, range: &Range, now: UnixTime) -> Result<Page, Unavailable>;

    /// Everything about the person, oldest first, withheld or not.
    ///
    /// # Errors
    /// When the store does not answer.
    fn history(&self, person: Person) -> Result<Vec<Entry>, Unavailable> {
        let (mut all, mut range) = (Vec::new(), Range::default());
        loop {
            let Page { mut entries, .. } = self.page(person, &range, UnixTime(0))?;
            let Some(first) = entries.first() else { return Ok(all) };
            range.before = Some(first.number);
            entries.append(&mut all);
            all = entries;
        }
    }

    /// The entry that recorded the issuing of this envelope.
    ///
    /// # Errors
    /// When the store does not answer.
    fn issuance(&self, envelope: &str) -> Result<Option<Issuance>, Unavailable>;
}

/// Proves the access history of a person, with the ledger behind it.
pub trait Proofs: Send + Sync {
    /// Everything that is recorded about the person, proved (chapter 35): a bundle, JSON in UTF-8. It begins with the
    /// checkpoint of the size `since`, if there was one.
    ///
    /// # Errors
    /// When the ledger does not answer.
    fn prove(&self, person: Person, since: Option<u64>, now: UnixTime) -> Result<Vec<u8>, Unavailable>;

    /// How the ledger stands, with a checkpoint that covers all of it (chapter 35).
    ///
    /// # Errors
    /// When the ledger does not answer.
    fn status(&self, now: UnixTime) -> Result<LedgerStatus, Unavailable>;
}

/// Who may ask what: configuration, and the state of the parties.
pub trait Agreements: Send + Sync {
    /// Whether `requester` may ask for numbers of `target`, or of anybody at all, for this purpose.
    fn allow(&self, requester: &str, target: Option<&str>, purpose: Purpose) -> bool;

    /// Whether the relay carries queries of this pair, where the requester asks it to.
    fn via_relay(&self, requester: &str, target: &str) -> bool;

    /// Whether the party may ask for access histories.
    fn is_portal(&self, party: &str) -> bool;

    /// Whether the party may have entries withheld from the person.
    fn may_withhold(&self, party: &str) -> bool;

    /// Whether the party takes queries at present.
    fn in_service(&self, party: &str) -> bool;
}

/// What a responder knows about one of its insured.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The insurance on the day asked about (see [`eligibility_on`](chukei_profile::linkage::eligibility_on)).
    pub eligibility: Vec<Eligibility>,
    /// What was paid until that day.
    pub benefits: Vec<Benefit>,
    /// Name of the insured: a responder has it and never tells it.
    pub name: Option<String>,
}

/// How much there is; content is a person's.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} periods, {} benefits)", self.eligibility.len(), self.benefits.len())
    }
}

/// A responder's register.
pub trait Records: Send + Sync {
    /// What is known about the person with this number, compared character by character, as of this day.
    ///
    /// # Errors
    /// When the register does not answer.
    fn find(&self, number: &Identifier, as_of: &Date) -> Result<Option<Record>, Unavailable>;

    /// Somebody else's record, for a mock responder that mixes people up.
    #[cfg(feature = "danger-faults")]
    fn danger_another(&self, _number: &Identifier) -> Option<Record> {
        None
    }
}
