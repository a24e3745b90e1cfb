//! One change after the other: who it is about, whether it follows, and what becomes of the person's rows.

use std::collections::BTreeSet;

use chukei_crypto::UnixTime;
use chukei_relay::changes::{Action, Assigned, Change, MappingFault, MappingNote, OPEN, is_key};
use chukei_relay::numbers::NumberKind;

use super::first::is_doubtful;
use super::{Party, Stop, Work, is_medical, only};
use crate::rows::{self, Of, Row, Writing};
use crate::sql::values;

/// A number that a change brings.
struct New<'a> {
    assigned: &'a Assigned,
    party: Party,
    /// Since when it is suspended, if it is.
    suspended: Option<i64>,
    /// Whether it stands in the store by now.
    is_put: bool,
    /// Whether who has the last word about it has said so already: what the source says adds nothing, and ends nothing.
    is_said: bool,
}

impl<'a> New<'a> {
    fn of(&self) -> Of<'a> {
        let number = &self.assigned.number;
        Of { kind: number.kind().code(), party: self.party.party, number: number.expose() }
    }

    const fn kind(&self) -> NumberKind {
        self.assigned.number.kind()
    }

    fn row(&self, writing: Writing, from: i64, until: i64) -> Row {
        let Of { kind, party, number } = self.of();
        let (number, doubtful) = (number.to_owned(), is_doubtful(self.assigned));
        let (source, since) = (writing.source, writing.version);
        // What is suspended stays so, whatever a register says, until it is resumed.
        let held = self.suspended.filter(|at| *at < until).map(|_| until);
        let until = self.suspended.map_or(until, |at| until.min(at.max(from)));
        Row { kind, party, number, from, until, held, source, since, doubtful }
    }
}

impl Work<'_> {
    pub(super) fn step(&mut self, change: &Change) -> Result<(), Stop> {
        if !is_key(&change.key.number) {
            return Err(MappingFault::Kind.into());
        }
        match &change.action {
            Action::State { numbers, from, until } => self.state(change, numbers, *from, *until),
            Action::Join { number, from } => self.join(change, number, from.0),
            Action::Leave { at } => self.leave(change, at.0),
            Action::Suspend { at } => self.suspend(change, at.0),
            Action::Resume { at } => self.resume(change, at.0),
            Action::Rekey { number, at } => self.rekey(change, number, at.0),
        }
    }

    /// All numbers that the source knows of a person. Any of them finds the person; none may find another.
    fn state(
        &mut self,
        change: &Change,
        numbers: &[Assigned],
        from: UnixTime,
        until: UnixTime,
    ) -> Result<(), Stop> {
        let (from, until) = (from.0, until.0);
        if from >= until {
            return Err(MappingFault::Never.into());
        }
        let mut news = Vec::with_capacity(numbers.len());
        for assigned in numbers {
            let party = self.party(assigned)?;
            let new = New { assigned, party, suspended: None, is_put: false, is_said: false };
            let is_second = |other: &New<'_>| other.kind() == new.kind() && other.party.party == party.party;
            // Several public-cost numbers are several, the same one twice is not.
            let is_twice = news
                .iter()
                .any(|other| is_second(other) && (!new.kind().is_multiple() || other.of() == new.of()));
            if is_twice {
                return Err(Stop::about(MappingFault::Overlap, assigned));
            }
            news.push(new);
        }
        let mut found = BTreeSet::new();
        for new in news.iter().filter(|new| new.kind().identifies()) {
            rows::persons(self.connection, new.of(), from, until, &mut found)?;
            // The first that leads to somebody else than those before it.
            only(&found, new.assigned)?;
        }
        if found.is_empty() {
            self.known_before(change, &mut found)?;
        }
        let person = match only(&found, &change.key)? {
            Some(person) => person,
            None => self.newcomer(),
        };
        let rows = rows::of_person(self.connection, person)?;
        // Found by another number, under another key: a number is common to two persons.
        let key = news.iter().find(|new| *new.assigned == change.key).map(New::of);
        let key = key.ok_or(MappingFault::Kind)?;
        let same = |row: &&Row| row.kind == key.kind && row.party == key.party && row.overlaps(from, until);
        let mut keys = rows.iter().filter(same).peekable();
        if keys.peek().is_some() && !keys.any(|row| row.is(key)) {
            return Err(Stop::about(MappingFault::TwoAnswers, &change.key));
        }
        self.version(person, change)?;
        let writing = Writing { person, source: self.source, version: change.version };
        for new in &mut news {
            let held = rows.iter().filter(|row| row.held.is_some() && row.is(new.of()) && from < row.end());
            new.suspended = held.map(|row| row.until).min();
            let is_foreign = |row: &&Row| row.source != self.source && !self.owns(new.party);
            new.is_said =
                rows.iter().filter(is_foreign).any(|row| row.is(new.of()) && row.overlaps(from, until));
            new.is_put = new.is_said;
        }
        for row in rows {
            self.restate(change, writing, &row, &mut news, (from, until))?;
        }
        for new in news.iter().filter(|new| !new.is_put) {
            self.add(writing, &new.row(writing, from, until))?;
        }
        Ok(())
    }

    /// Somebody about whom the source has spoken under this key, if nothing of it counts any more.
    fn known_before(&mut self, change: &Change, found: &mut BTreeSet<i64>) -> Result<(), Stop> {
        let party = self.known_party(&change.key)?;
        let of = New { assigned: &change.key, party, suspended: None, is_put: false, is_said: false }.of();
        let mut ever = BTreeSet::new();
        rows::persons(self.connection, of, i64::MIN, i64::MAX, &mut ever)?;
        for person in ever {
            let sql = "SELECT 1 FROM version WHERE person = ?1 AND source = ?2 LIMIT 1";
            if self.connection.exists(sql, values![person, self.source])? {
                found.insert(person);
            }
        }
        Ok(())
    }

    /// What becomes of a row when the source says all that it knows from `from` on.
    fn restate(
        &mut self,
        change: &Change,
        writing: Writing,
        row: &Row,
        news: &mut [New<'_>],
        (from, until): (i64, i64),
    ) -> Result<(), Stop> {
        let is_mine = row.source == self.source;
        let pair = news.iter().find(|new| new.kind().code() == row.kind && new.party.party == row.party);
        let pair = pair.map(|new| new.party);
        let same = news.iter_mut().find(|new| row.is(new.of()));
        let is_multiple = NumberKind::from_code(row.kind).is_some_and(NumberKind::is_multiple);
        let is_about = is_mine || same.is_some() || (pair.is_some() && !is_multiple);
        if row.end() <= from || !is_about {
            return Ok(());
        }
        if !is_mine && !pair.is_some_and(|party| self.owns(party)) {
            // Somebody else has said so before, or says something else.
            let contradicts = same.is_none() && row.overlaps(from, until);
            return if contradicts { Err(MappingFault::Overlap.into()) } else { Ok(()) };
        }
        if same.as_ref().is_some_and(|new| new.is_said) {
            return Ok(());
        }
        if let Some(new) = same.filter(|new| !new.is_put) {
            new.is_put = true;
            if !is_mine && row.from < from {
                // What somebody else said about the time before stays his word.
                let begun = new.row(writing, from, until);
                self.cut(writing, row, from)?;
                return self.add(writing, &begun);
            }
            let changed = new.row(writing, row.from.min(from), until);
            let is_same = (changed.from, changed.until, changed.held, changed.source)
                == (row.from, row.until, row.held, row.source);
            return if is_same { Ok(()) } else { self.replace(writing, row, Some(&changed)) };
        }
        if !is_mine {
            self.note(change.line, MappingNote::Superseded);
        }
        if is_medical(row.kind) && pair.is_none() {
            self.left.insert(writing.person, (from.max(row.from), change.line));
        }
        self.cut(writing, row, from)
    }

    fn join(&mut self, change: &Change, number: &Assigned, from: i64) -> Result<(), Stop> {
        let party = self.party(number)?;
        let new = New { assigned: number, party, suspended: None, is_put: false, is_said: false };
        let person = self.person(&change.key, from)?;
        self.no_other(&new, person, from, OPEN.0)?;
        self.version(person, change)?;
        let writing = Writing { person, source: self.source, version: change.version };
        for row in rows::of_person(self.connection, person)? {
            if row.end() <= from {
                continue;
            }
            let is_pair = row.kind == new.kind().code() && row.party == party.party;
            if is_pair && (!new.kind().is_multiple() || row.is(new.of())) {
                // The insurer's own word counts, and its own word does not contradict itself.
                if row.source == self.source || !self.owns(party) {
                    return Err(Stop::about(MappingFault::Overlap, number));
                }
                self.note(change.line, MappingNote::Superseded);
                self.cut(writing, &row, from)?;
            } else if new.kind().is_medical() && is_medical(row.kind) && row.from < row.until {
                self.note(change.line, MappingNote::TwoSchemes);
            }
        }
        self.add(writing, &new.row(writing, from, OPEN.0))
    }

    fn leave(&mut self, change: &Change, at: i64) -> Result<(), Stop> {
        let (person, of, rows) = self.own_key(change, at, |row| row.end() > at)?;
        if rows.is_empty() {
            return Err(MappingFault::NotCurrent.into());
        }
        self.version(person, change)?;
        let writing = Writing { person, source: self.source, version: change.version };
        for row in rows {
            self.cut(writing, &row, at)?;
        }
        if is_medical(of.kind) {
            self.left.insert(person, (at, change.line));
        }
        Ok(())
    }

    fn suspend(&mut self, change: &Change, at: i64) -> Result<(), Stop> {
        let (person, _, rows) = self.own_key(change, at, |row| at < row.until)?;
        if !rows.iter().any(|row| row.from <= at) {
            return Err(MappingFault::NotCurrent.into());
        }
        self.version(person, change)?;
        let writing = Writing { person, source: self.source, version: change.version };
        // Not only until the present interval ends.
        for row in rows {
            let held = Row { until: at.max(row.from), held: Some(row.end()), ..row.clone() };
            self.replace(writing, &row, Some(&held))?;
        }
        Ok(())
    }

    fn resume(&mut self, change: &Change, at: i64) -> Result<(), Stop> {
        let (person, _, rows) = self.own_key(change, at, |row| row.held.is_some())?;
        let since = rows.iter().map(|row| row.until).min().ok_or(MappingFault::NotSuspended)?;
        if at < since || rows.iter().all(|row| row.end() <= at) {
            return Err(MappingFault::Never.into());
        }
        self.version(person, change)?;
        let writing = Writing { person, source: self.source, version: change.version };
        for row in rows {
            let ended = Row { held: None, ..row.clone() };
            if at <= row.until {
                // It was not suspended for a second.
                self.replace(writing, &row, Some(&Row { until: row.end(), ..ended }))?;
                continue;
            }
            self.replace(writing, &row, Some(&ended).filter(|row| row.from < row.until))?;
            if at < row.end() {
                self.add(writing, &Row { from: at, until: row.end(), ..ended })?;
            }
        }
        Ok(())
    }

    fn rekey(&mut self, change: &Change, number: &Assigned, at: i64) -> Result<(), Stop> {
        if number.number.kind() != change.key.number.kind() {
            return Err(MappingFault::Kind.into());
        }
        let party = self.party(number)?;
        let new = New { assigned: number, party, suspended: None, is_put: false, is_said: false };
        let (person, of, old) = self.own_key(change, at, |row| at < row.end())?;
        if new.of() == of {
            return Err(MappingFault::Overlap.into());
        }
        if !old.iter().any(|row| row.from <= at) {
            return Err(MappingFault::NotCurrent.into());
        }
        let until = old.iter().map(|row| row.end()).max().unwrap_or(at);
        self.no_other(&new, person, at, until)?;
        let is_pair = |row: &&Row| row.kind == of.kind && row.party == party.party && !row.is(of);
        let all = rows::of_person(self.connection, person)?;
        if all.iter().filter(is_pair).any(|row| row.overlaps(at, until)) {
            return Err(Stop::about(MappingFault::Overlap, number));
        }
        self.version(person, change)?;
        let writing = Writing { person, source: self.source, version: change.version };
        for row in old {
            // A key that was suspended and is replaced does not come back; the new one is not suspended.
            self.cut(writing, &row, at)?;
            self.add(writing, &new.row(writing, at.max(row.from), row.end()))?;
        }
        Ok(())
    }

    /// Whom a key leads to: at this time, or if to nobody then, ever.
    fn person(&mut self, key: &Assigned, at: i64) -> Result<i64, Stop> {
        let party = self.known_party(key)?;
        let of = New { assigned: key, party, suspended: None, is_put: false, is_said: false }.of();
        let mut found = BTreeSet::new();
        rows::persons(self.connection, of, at, at.saturating_add(1), &mut found)?;
        if found.is_empty() {
            rows::persons(self.connection, of, i64::MIN, i64::MAX, &mut found)?;
        }
        only(&found, key)?.ok_or_else(|| Stop::about(MappingFault::Unknown, key))
    }

    /// A key of which the source may say what becomes of it: whose it is, and those of its rows that the change is about. What
    /// somebody else has said it may not change.
    fn own_key<'k>(
        &mut self,
        change: &'k Change,
        at: i64,
        is_about: impl Fn(&Row) -> bool,
    ) -> Result<(i64, Of<'k>, Vec<Row>), Stop> {
        let party = self.party(&change.key)?;
        let of = New { assigned: &change.key, party, suspended: None, is_put: false, is_said: false }.of();
        let person = self.person(&change.key, at)?;
        let mut rows = rows::of_person(self.connection, person)?;
        rows.retain(|row| row.is(of) && is_about(row));
        if !self.owns(party) && rows.iter().any(|row| row.source != self.source) {
            return Err(MappingFault::Foreign.into());
        }
        Ok((person, of, rows))
    }

    /// Nobody else may have the number in that time.
    fn no_other(&self, new: &New<'_>, person: i64, from: i64, until: i64) -> Result<(), Stop> {
        if !new.kind().identifies() {
            return Ok(());
        }
        let mut found = BTreeSet::new();
        rows::persons(self.connection, new.of(), from, until, &mut found)?;
        let is_free = found.iter().all(|other| *other == person);
        if is_free { Ok(()) } else { Err(Stop::about(MappingFault::TwoAnswers, new.assigned)) }
    }

    fn owns(&self, party: Party) -> bool {
        party.owner.is_some_and(|(owner, _)| owner == self.source)
    }

    /// Lets a row end at this time, suspended until then if it is; or takes it out if it would begin then or later.
    fn cut(&mut self, writing: Writing, row: &Row, at: i64) -> Result<(), Stop> {
        let end = row.end().min(at);
        let until = row.until.min(end);
        let ended = Row { until, held: row.held.filter(|_| until < end).map(|_| end), ..row.clone() };
        self.replace(writing, row, Some(&ended).filter(|row| row.from < row.end()))
    }

    fn replace(&mut self, writing: Writing, row: &Row, with: Option<&Row>) -> Result<(), Stop> {
        rows::take(self.connection, writing, row)?;
        self.done.ended = self.done.ended.saturating_add(1);
        match with {
            Some(row) => self.add(writing, row),
            None => Ok(()),
        }
    }

    fn add(&mut self, writing: Writing, row: &Row) -> Result<(), Stop> {
        rows::put(self.connection, writing.person, row)?;
        self.done.added = self.done.added.saturating_add(1);
        Ok(())
    }
}
