//! The first load: into an empty store rows go in the order of the file, the index by number is made afterwards in one
//! sorted pass, and in its order two answers for one key stand side by side.

use std::collections::BTreeMap;

use chukei_relay::changes::{Action, Change, MappingFault};
use chukei_relay::numbers::NumberKind;

use super::{Stop, Teller, Work};
use crate::rows::{self, Row};
use crate::sql;

/// What makes it faster than looking up.
const WITHOUT: &str = "DROP INDEX mapping_by_number";
const WITH: &str = "CREATE INDEX mapping_by_number ON mapping (number, kind, party, valid_until)";

impl Work<'_> {
    /// Whether all changes were new persons without a fault, and are loaded. If not, nothing is changed.
    pub(super) fn first_load<E>(
        &mut self,
        changes: impl Iterator<Item = Result<Change, E>>,
        teller: &mut Teller<'_>,
    ) -> sql::Result<bool> {
        let next = self.next;
        self.connection.batch("SAVEPOINT first")?;
        let is_loaded = self.load(changes, teller)?;
        if !is_loaded {
            self.connection.batch("ROLLBACK TO first")?;
            (self.next, self.done) = (next, super::Applied::default());
        }
        self.connection.batch("RELEASE first")?;
        Ok(is_loaded)
    }

    fn load<E>(
        &mut self,
        changes: impl Iterator<Item = Result<Change, E>>,
        teller: &mut Teller<'_>,
    ) -> sql::Result<bool> {
        self.connection.batch(WITHOUT)?;
        for change in changes {
            let Ok(change) = change else { return Ok(false) };
            match self.newborn(&change) {
                Ok(true) => {}
                Ok(false) | Err(Stop::Fault(..)) => return Ok(false),
                Err(Stop::Store(error)) => return Err(error),
            }
            self.done.changes = self.done.changes.saturating_add(1);
            teller.tell(self.done.changes);
        }
        self.connection.long_batch(WITH)?;
        self.leads_to_one()
    }

    /// A person whom nobody knew; false for every other change.
    fn newborn(&mut self, change: &Change) -> Result<bool, Stop> {
        let Action::State { numbers, from, until } = &change.action else { return Ok(false) };
        if change.version != 1 || from >= until || !numbers.contains(&change.key) {
            return Ok(false);
        }
        let mut kinds = BTreeMap::new();
        let mut rows = Vec::with_capacity(numbers.len());
        for assigned in numbers {
            let kind = assigned.number.kind();
            let party = self.party(assigned)?;
            if kinds.insert((kind.code(), party.party), ()).is_some() && !kind.is_multiple() {
                return Err(MappingFault::Overlap.into());
            }
            rows.push(Row {
                kind: kind.code(),
                party: party.party,
                number: assigned.number.expose().to_owned(),
                from: from.0,
                until: until.0,
                held: None,
                source: self.source,
                since: 1,
                doubtful: is_doubtful(assigned),
            });
        }
        // In the order of the table, so that it grows at its end.
        rows.sort_unstable_by_key(|row| (row.kind, row.party));
        let person = self.newcomer();
        for row in &rows {
            rows::put(self.connection, person, row)?;
        }
        self.done.added = self.done.added.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        self.record(person, change)?;
        Ok(true)
    }

    /// Whether no number leads to two persons. At different times either, for then it may be one of whom two rows tell.
    fn leads_to_one(&self) -> sql::Result<bool> {
        let sql = "SELECT number, kind, party FROM mapping ORDER BY number, kind, party";
        let (mut number, mut key) = (String::new(), (0_i64, 0_i64));
        let mut leads_to_one = true;
        self.connection.stream(sql, |row| {
            let (text, this) = (row.get::<&str>(0)?, (row.get(1)?, row.get(2)?));
            let is_same = text == number && this == key;
            leads_to_one = !(is_same && NumberKind::from_code(this.0).is_none_or(NumberKind::identifies));
            if !is_same {
                number.clear();
                number.push_str(text);
                key = this;
            }
            Ok(leads_to_one)
        })?;
        Ok(leads_to_one)
    }
}

/// Whether a number is kept though its check digit is wrong.
pub(super) fn is_doubtful(assigned: &chukei_relay::changes::Assigned) -> bool {
    matches!(assigned.number.kind(), NumberKind::Scheme(_)) && assigned.number.identifier().is_none()
}
