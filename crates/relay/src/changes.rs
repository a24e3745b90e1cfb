//! Changes of what a relay maps, as a source reports them and a store applies them: all of a file, or none of it
//! (design.md §4.7, §4.9; domain.md §1.7 "mapping row"; ).
//!
//! What a source knows about a person is its *record*. Each change of it has the next version, 1, 2, 3 …; numbers count in
//! half-open intervals of time. Who a change is about is decided by numbers alone.

use std::fmt;

use chukei_crypto::UnixTime;
use chukei_profile::Date;
use chukei_xml::lexical::DateTime;

use crate::numbers::{Number, NumberKind};

/// The end of what has none.
pub const OPEN: UnixTime = UnixTime(i64::MAX);
/// Seconds that Japan is ahead of UTC: a day begins so much earlier there.
const JAPAN: i64 = 9 * 3600;

/// A number at the party that assigned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Code of the party: an insurer's number, a グループID, an issuer of certificates, an entity identifier.
    pub party: String,
    /// The number.
    pub number: Number,
}

/// A change of what one source knows about one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it stands in its file, from 1.
    pub line: u64,
    /// Whom it is about.
    pub key: Assigned,
    /// Version of the record after the change.
    pub version: i64,
    /// What changes.
    pub action: Action,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// These are all of the numbers that the source knows, in `from..until`. The key is one of them.
    State {
        /// The numbers.
        numbers: Vec<Assigned>,
        /// From when on.
        from: UnixTime,
        /// From when on no more.
        until: UnixTime,
    },
    /// 加入: the person has a number of an insurer from then on.
    Join {
        /// The new number.
        number: Assigned,
        /// From when on.
        from: UnixTime,
    },
    /// 脱退: the key counts no more from then on.
    Leave {
        /// From when on no more.
        at: UnixTime,
    },
    /// 停止: the key leads nowhere from then on, until it is resumed: a lost card.
    Suspend {
        /// From when on.
        at: UnixTime,
    },
    /// 再開: the key leads to the person again.
    Resume {
        /// From when on.
        at: UnixTime,
    },
    /// 更新: another key takes the place of this one, for the rest of its time.
    Rekey {
        /// The new key; of the same kind.
        number: Assigned,
        /// From when on.
        at: UnixTime,
    },
}

impl Action {
    /// Its name in histories.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Suspend { .. } => "suspend",
            Self::Resume { .. } => "resume",
            Self::Rekey { .. } => "rekey",
        }
    }
}

/// Why a change is not applied, and with it nothing of its file. Tells nothing about other parties' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MappingFault {
    /// A number would lead to two persons at one time, or the change's numbers already lead to different persons.
    TwoAnswers,
    /// The version does not follow: a change is lost, repeated or out of order.
    Version {
        /// The next one.
        due: i64,
        /// What came.
        found: i64,
    },
    /// The person has another number of this kind at this party at that time.
    Overlap,
    /// The interval has no second.
    Never,
    /// Nobody is known by the key at that time.
    Unknown,
    /// A party that the relay does not know.
    UnknownParty,
    /// Not for this source to say.
    Foreign,
    /// The key is suspended already, or was never current.
    NotCurrent,
    /// The key is not suspended.
    NotSuspended,
    /// A number of another kind, or one of a household, where a key is needed.
    Kind,
}

impl MappingFault {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TwoAnswers => "two-answers",
            Self::Version { .. } => "version",
            Self::Overlap => "overlap",
            Self::Never => "never",
            Self::Unknown => "unknown",
            Self::UnknownParty => "unknown-party",
            Self::Foreign => "foreign",
            Self::NotCurrent => "not-current",
            Self::NotSuspended => "not-suspended",
            Self::Kind => "kind",
        }
    }
}

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoAnswers => f.write_str("two answers for one key"),
            Self::Version { due, found } => write!(f, "version {found} where {due} is due"),
            Self::Overlap => f.write_str("an interval that overlaps"),
            Self::Never => f.write_str("an interval without a second"),
            Self::Unknown => f.write_str("a key that leads to nobody"),
            Self::UnknownParty => f.write_str("a party that is not registered"),
            Self::Foreign => f.write_str("a number of a party for which the source does not answer"),
            Self::NotCurrent => f.write_str("a key that is not current"),
            Self::NotSuspended => f.write_str("a key that is not suspended"),
            Self::Kind => f.write_str("a number of the wrong kind"),
        }
    }
}

impl std::error::Error for MappingFault {}

/// What is applied, and yet somebody should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MappingNote {
    /// The person is left in no medical insurance from that time on.
    NoScheme {
        /// From when on.
        from: i64,
    },
    /// The person is in two medical insurances at one time (複数該当).
    TwoSchemes,
    /// The number was known to the relay under an older one that another source reported; the insurer's own word counts.
    Superseded,
}

/// What a number is at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has it.
    Unknown,
    /// It leads to a person.
    Current(crate::Person),
    /// It would, if it were not suspended.
    Suspended(crate::Person),
    /// It leads to several persons: a register is wrong.
    Ambiguous,
}

/// Keys that lead to persons: what a login asks (a certificate, a visible number, an id).
pub trait KeyStore: Send + Sync {
    /// What the number is at this time.
    ///
    /// # Errors
    /// When the store does not answer.
    fn standing(&self, key: &Assigned, at: UnixTime) -> Result<Standing, chukei_idwsf::Unavailable>;
}

/// When a day begins in Japan.
#[must_use]
pub fn midnight(day: &Date) -> Option<UnixTime> {
    let first = DateTime::parse(&format!("{}T00:00:00Z", day.as_str()))?;
    first.seconds.checked_sub(JAPAN).map(UnixTime)
}

/// The day in Japan of this second, as `YYYY-MM-DD`; nothing for [`OPEN`].
#[must_use]
pub fn day(at: UnixTime) -> Option<String> {
    if at == OPEN {
        return None;
    }
    let text = DateTime { seconds: at.0.checked_add(JAPAN)?, nanoseconds: 0 }.format();
    text.get(..10).map(str::to_owned)
}

/// Whether a number may serve as the key of a change.
#[must_use]
pub fn is_key(number: &Number) -> bool {
    number.kind().identifies() && !matches!(number.kind(), NumberKind::PublicCost | NumberKind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_japan() {
        let date = Date::parse("2009-04-01").unwrap();
        let begin = midnight(&date).unwrap();
        assert_eq!(begin, UnixTime(1_238_511_600));
        assert_eq!(day(begin).as_deref(), Some("2009-04-01"));
        assert_eq!(day(UnixTime(begin.0 - 1)).as_deref(), Some("2009-03-31"));
        assert_eq!(day(OPEN), None);
    }
}
