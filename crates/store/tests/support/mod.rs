//! Places for stores; sources, parties and changes for tests. Every number is invented.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test file uses some")]

mod place;
mod server;

use std::convert::Infallible;

use chukei_crypto::UnixTime;
use chukei_profile::Purpose;
use chukei_profile::history::Kind;
use chukei_relay::changes::{Action, Assigned, Change, OPEN};
use chukei_relay::numbers::{Level, Number, NumberKind};
use chukei_relay::{NewEntry, Person};
use chukei_store::{Applied, Batch, Outcome, PartyEntry, Refused, Registry, Role, SourceEntry, Store};

pub(crate) const TOWN: &str = "kamogawa-city";
pub(crate) const OTHER_TOWN: &str = "motoyama-town";
pub(crate) const X: &str = "insurer-x";
pub(crate) const Y: &str = "insurer-y";
pub(crate) use place::{Place, on_both};
pub(crate) use server::Server;

/// Endpoint that both insurers share.
pub(crate) const ENDPOINT: &str = "https://shared.example.test/";
pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);

/// Of a look-up of that person that was refused.
pub(crate) fn entry(person: i64) -> NewEntry {
    NewEntry {
        person: Some(Person(person)),
        at: NOW,
        actor: "https://insurer-a.example.test/".to_owned(),
        kind: Kind::Mapping,
        outcome: "NotMember".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: vec![],
        envelope: None,
        target: None,
        carried_to: None,
        asked: None,
        login: None,
        withheld_until: None,
    }
}

pub(crate) struct Desk<'p> {
    pub(crate) place: &'p Place,
    pub(crate) store: Store,
}

pub(crate) fn source(name: &str, role: Role) -> SourceEntry {
    SourceEntry { name: name.to_owned(), role, town: None }
}

pub(crate) fn party(code: &str, entity: Option<&str>, source: Option<&str>) -> PartyEntry {
    let owned = |text: &str| text.to_owned();
    PartyEntry { code: owned(code), entity: entity.map(owned), source: source.map(owned) }
}

impl<'p> Desk<'p> {
    /// In a place that is empty.
    pub(crate) fn new(place: &'p Place) -> Self {
        let store = place.store();
        let sources = vec![
            source(TOWN, Role::Municipality),
            source(OTHER_TOWN, Role::Municipality),
            source(X, Role::Provider),
            source(Y, Role::Provider),
        ];
        let parties = vec![
            party("town", None, Some(TOWN)),
            party("other-town", None, Some(OTHER_TOWN)),
            party("CN=TEST CA", None, None),
            party("x", Some(ENDPOINT), Some(X)),
            party("y", Some(ENDPOINT), Some(Y)),
        ];
        store.register(Registry { sources, parties }).unwrap();
        Self { place, store }
    }

    pub(crate) fn batch(
        &self,
        source: &str,
        changes: Vec<Change>,
    ) -> Batch<impl FnMut() -> std::vec::IntoIter<Result<Change, Infallible>> + Send + 'static> {
        let state = self.store.source(source).unwrap().unwrap();
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&state.next.to_be_bytes());
        Batch {
            source: source.to_owned(),
            sequence: state.next,
            previous: state.digest,
            digest,
            at: NOW,
            dry_run: false,
            changes: move || changes.iter().cloned().map(Ok).collect::<Vec<_>>().into_iter(),
            progress: Box::new(|_| {}),
        }
    }

    pub(crate) fn apply(
        &self,
        source: &str,
        changes: Vec<Change>,
    ) -> Result<Applied, Vec<Refused<Infallible>>> {
        match self.store.apply(self.batch(source, changes)).unwrap() {
            Outcome::Applied(applied) => Ok(applied),
            Outcome::Refused(why) => Err(why),
        }
    }

    /// All rows of all tables about mappings, to see that nothing has changed.
    pub(crate) fn dump(&self) -> Vec<String> {
        let mut all = Vec::new();
        let tables = ["source", "file", "party", "mapping", "past", "version", "numbering"];
        if !self.place.is_file() {
            for table in tables {
                let rows = self.place.psql(&format!("SELECT * FROM {table}")).unwrap();
                let mut rows: Vec<_> = rows.lines().map(|row| format!("{table}: {row}")).collect();
                // What was changed comes last there.
                rows.sort();
                all.append(&mut rows);
            }
            return all;
        }
        let path = self.place.path().with_extension("mappings.db");
        let connection = rusqlite::Connection::open(path).unwrap();
        for table in tables {
            let mut select = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = select.column_count();
            let mut rows = select.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<String> =
                    (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
                all.push(format!("{table}: {}", values.join(" ")));
            }
        }
        all
    }
}

pub(crate) fn of(party: &str, kind: &str, number: &str) -> Assigned {
    let kind = NumberKind::from_name(kind).unwrap();
    let (number, _) = Number::read(kind, number, Level::Strict).unwrap();
    Assigned { party: party.to_owned(), number }
}

pub(crate) fn resident(number: &str) -> Assigned {
    of("town", "resident-number", number)
}

pub(crate) fn certificate(serial: &str) -> Assigned {
    of("CN=TEST CA", "certificate", serial)
}

pub(crate) fn insured(party: &str, number: &str) -> Assigned {
    of(party, "medical-insured", number)
}

pub(crate) fn state(version: i64, numbers: &[Assigned], from: i64, until: i64) -> Change {
    let until = if until == i64::MAX { OPEN } else { UnixTime(until) };
    let action = Action::State { numbers: numbers.to_vec(), from: UnixTime(from), until };
    change(version, &numbers[0], action)
}

pub(crate) fn change(version: i64, key: &Assigned, action: Action) -> Change {
    Change { line: 1, key: key.clone(), version, action }
}
