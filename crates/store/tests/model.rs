//! Random changes, held against a model that knows for each second who has which number. Every number is invented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use chukei_crypto::UnixTime;
use chukei_profile::Scheme;
use chukei_relay::changes::{Action, Assigned, Change, KeyStore, Standing};
use chukei_relay::{MappingStore, Person};
use proptest::prelude::*;
use support::*;

/// Seconds of the model; the last one stands for all that come.
const SECONDS: usize = 8;

/// Party, kind, number.
type Key = (String, &'static str, String);

#[derive(Clone)]
struct Cell {
    person: usize,
    held: bool,
    source: &'static str,
}

#[derive(Clone, Default)]
struct Model {
    seconds: Vec<BTreeMap<Key, Cell>>,
    versions: BTreeMap<(usize, &'static str), i64>,
    persons: usize,
}

fn key(assigned: &Assigned) -> Key {
    let number = &assigned.number;
    (assigned.party.clone(), number.kind().name(), number.expose().to_owned())
}

fn owner(party: &str) -> Option<&'static str> {
    match party {
        "town" => Some(TOWN),
        "x" => Some(X),
        "y" => Some(Y),
        _ => None,
    }
}

fn may(source: &str, party: &str) -> bool {
    match source {
        TOWN => true,
        OTHER_TOWN => owner(party) != Some(TOWN),
        _ => owner(party) == Some(source),
    }
}

fn second(at: UnixTime) -> usize {
    usize::try_from(at.0).unwrap_or(SECONDS).min(SECONDS)
}

impl Model {
    fn new() -> Self {
        Self { seconds: vec![BTreeMap::new(); SECONDS], ..Self::default() }
    }

    fn holders(&self, key: &Key, from: usize, until: usize) -> BTreeSet<usize> {
        let cells = self.seconds[from.min(SECONDS)..until.min(SECONDS)].iter().filter_map(|now| now.get(key));
        cells.map(|cell| cell.person).collect()
    }

    /// Seconds from `from` on in which this person has the number.
    fn whose(&self, key: &Key, person: usize, from: usize) -> Vec<usize> {
        let is = |at: &usize| self.seconds[*at].get(key).is_some_and(|cell| cell.person == person);
        (from..SECONDS).filter(is).collect()
    }

    fn person(&self, key: &Key, at: usize) -> Option<usize> {
        let mut found = self.holders(key, at, at + 1);
        if found.is_empty() {
            found = self.holders(key, 0, SECONDS);
        }
        if found.len() == 1 { found.pop_first() } else { None }
    }

    fn follow(&mut self, person: usize, source: &'static str, version: i64) -> Option<()> {
        let last = self.versions.entry((person, source)).or_default();
        *last += 1;
        (*last == version).then_some(())
    }

    /// What a change makes of it, or nothing.
    fn apply(&self, source: &'static str, change: &Change) -> Option<Self> {
        let mut next = self.clone();
        next.change(source, change)?;
        Some(next)
    }

    fn change(&mut self, source: &'static str, change: &Change) -> Option<()> {
        let about = key(&change.key);
        match &change.action {
            Action::State { numbers, from, until } => {
                self.state(source, change, numbers, (second(*from), second(*until)))
            }
            Action::Join { number, from } => {
                let (new, from) = (key(number), second(*from));
                if !may(source, &number.party) {
                    return None;
                }
                let person = self.person(&about, from)?;
                if self.holders(&new, from, SECONDS).iter().any(|other| *other != person) {
                    return None;
                }
                self.follow(person, source, change.version)?;
                for at in from..SECONDS {
                    let pairs: Vec<Key> = self.pairs(at, person, &new);
                    for pair in pairs {
                        let cell = &self.seconds[at][&pair];
                        if cell.source == source || owner(&new.0) != Some(source) {
                            return None;
                        }
                        self.seconds[at].remove(&pair);
                    }
                    self.seconds[at].insert(new.clone(), Cell { person, held: false, source });
                }
                Some(())
            }
            Action::Leave { at } => {
                let person = self.own(source, change, second(*at))?;
                let when = self.whose(&about, person, second(*at));
                self.may_change(source, &about, &when)?;
                self.follow(person, source, change.version)?;
                for at in &when {
                    self.seconds[*at].remove(&about);
                }
                (!when.is_empty()).then_some(())
            }
            Action::Suspend { at } => {
                let at = second(*at);
                let person = self.own(source, change, at)?;
                let when = self.whose(&about, person, at);
                if when.first() != Some(&at) || self.seconds[at][&about].held {
                    return None;
                }
                let mut free = when.clone();
                free.retain(|at| !self.seconds[*at][&about].held);
                self.may_change(source, &about, &free)?;
                self.follow(person, source, change.version)?;
                for at in when {
                    self.seconds[at].get_mut(&about)?.held = true;
                }
                Some(())
            }
            Action::Resume { at } => {
                let at = second(*at);
                let person = self.own(source, change, at)?;
                let mut held = self.whose(&about, person, 0);
                held.retain(|at| self.seconds[*at][&about].held);
                if *held.first()? > at || *held.last()? < at {
                    return None;
                }
                self.may_change(source, &about, &held)?;
                self.follow(person, source, change.version)?;
                for second in held {
                    if second < at {
                        self.seconds[second].remove(&about);
                    } else {
                        self.seconds[second].get_mut(&about)?.held = false;
                    }
                }
                Some(())
            }
            Action::Rekey { number, at } => {
                let (new, at) = (key(number), second(*at));
                if new == about || new.1 != about.1 || !may(source, &number.party) {
                    return None;
                }
                let person = self.own(source, change, at)?;
                let when = self.whose(&about, person, at);
                if when.first() != Some(&at) {
                    return None;
                }
                self.may_change(source, &about, &when)?;
                let last = *when.last()?;
                if self.holders(&new, at, last + 1).iter().any(|other| *other != person) {
                    return None;
                }
                for at in at..=last {
                    if self.pairs(at, person, &new).iter().any(|pair| *pair != about) {
                        return None;
                    }
                }
                self.follow(person, source, change.version)?;
                for at in when {
                    self.seconds[at].remove(&about);
                    self.seconds[at].insert(new.clone(), Cell { person, held: false, source });
                }
                Some(())
            }
        }
    }

    /// The person's numbers of that kind at that party.
    fn pairs(&self, at: usize, person: usize, of: &Key) -> Vec<Key> {
        let own = self.seconds[at].iter().filter(|(_, cell)| cell.person == person);
        own.filter(|(key, _)| (&key.0, key.1) == (&of.0, of.1)).map(|(key, _)| key.clone()).collect()
    }

    /// Whether what stands there is the source's own word, or that of others about a party of its own.
    fn may_change(&self, source: &str, key: &Key, when: &[usize]) -> Option<()> {
        let mut words = when.iter().map(|at| self.seconds[*at][key].source);
        (owner(&key.0) == Some(source) || words.all(|word| word == source)).then_some(())
    }

    fn own(&self, source: &str, change: &Change, at: usize) -> Option<usize> {
        let about = key(&change.key);
        if may(source, &about.0) { self.person(&about, at) } else { None }
    }

    fn state(
        &mut self,
        source: &'static str,
        change: &Change,
        numbers: &[Assigned],
        (from, until): (usize, usize),
    ) -> Option<()> {
        if from >= until || !numbers.iter().all(|number| may(source, &number.party)) {
            return None;
        }
        let about = key(&change.key);
        let mut news: Vec<Key> = numbers.iter().map(key).collect();
        let pairs: BTreeSet<_> = news.iter().map(|new| (new.0.clone(), new.1)).collect();
        if pairs.len() < news.len() {
            return None;
        }
        let mut found = BTreeSet::new();
        news.iter().for_each(|new| found.extend(self.holders(new, from, until)));
        if found.is_empty() {
            found = self.holders(&about, 0, SECONDS);
            found.retain(|person| self.versions.contains_key(&(*person, source)));
        }
        let person = match found.len() {
            0 => {
                self.persons += 1;
                self.persons
            }
            1 => found.pop_first()?,
            _ => return None,
        };
        let keys: BTreeSet<Key> = (from..until).flat_map(|at| self.pairs(at, person, &about)).collect();
        if !keys.is_empty() && !keys.contains(&about) {
            return None;
        }
        self.follow(person, source, change.version)?;
        // What somebody else has the last word about, and has said.
        let is_foreign = |cell: &Cell, key: &Key| cell.source != source && owner(&key.0) != Some(source);
        let mut said = BTreeSet::new();
        for at in from..until {
            for new in &news {
                for pair in self.pairs(at, person, new) {
                    if is_foreign(&self.seconds[at][&pair], &pair) {
                        if pair == *new {
                            said.insert(pair);
                        } else if news.contains(&pair) {
                            continue;
                        } else {
                            return None;
                        }
                    }
                }
            }
        }
        news.retain(|new| !said.contains(new));
        let held: BTreeMap<Key, usize> = news
            .iter()
            .filter_map(|new| {
                let mut when = self.whose(new, person, from).into_iter();
                when.find(|at| self.seconds[*at][new].held).map(|at| (new.clone(), at))
            })
            .collect();
        for at in from..SECONDS {
            let gone: Vec<Key> = self.seconds[at]
                .iter()
                .filter(|(key, cell)| {
                    let is_about = cell.source == source
                        || numbers
                            .iter()
                            .any(|new| (&new.party, new.number.kind().name()) == (&key.0, key.1));
                    cell.person == person && is_about && !is_foreign(cell, key) && !said.contains(key)
                })
                .map(|(key, _)| key.clone())
                .collect();
            for key in &gone {
                self.seconds[at].remove(key);
            }
            if at < until {
                for new in &news {
                    let held = held.get(new).is_some_and(|since| *since <= at);
                    self.seconds[at].insert(new.clone(), Cell { person, held, source });
                }
            }
        }
        Some(())
    }
}

fn sources() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just(TOWN), 1 => Just(OTHER_TOWN), 2 => Just(X), 2 => Just(Y)]
}

fn numbers_of(source: &'static str) -> Vec<Assigned> {
    let each = |make: fn(&str) -> Assigned| (1..=2).map(move |n: u8| make(&n.to_string()));
    let all = each(resident)
        .chain(each(certificate))
        .chain(each(|n| insured("x", n)))
        .chain(each(|n| insured("y", n)));
    all.filter(|number| may(source, &number.party)).collect()
}

fn changes() -> impl Strategy<Value = (&'static str, Change)> {
    sources().prop_flat_map(|source| {
        let any = prop::sample::select(numbers_of(TOWN));
        let own = prop::sample::select(numbers_of(source));
        let at = || (0..i64::try_from(SECONDS).unwrap()).prop_map(UnixTime);
        let until = prop_oneof![Just(UnixTime(i64::MAX)), at()];
        let stated = prop::sample::subsequence(numbers_of(source), 1..=numbers_of(source).len().min(4));
        let action = prop_oneof![
            4 => (stated, at(), until).prop_map(|(numbers, from, until)| Action::State { numbers, from, until }),
            3 => (own.clone(), at()).prop_map(|(number, from)| Action::Join { number, from }),
            2 => at().prop_map(|at| Action::Leave { at }),
            2 => at().prop_map(|at| Action::Suspend { at }),
            2 => at().prop_map(|at| Action::Resume { at }),
            2 => (own.clone(), at()).prop_map(|(number, at)| Action::Rekey { number, at }),
        ];
        let key = prop_oneof![3 => own, 1 => any];
        (key, action, 0_i64..10).prop_map(move |(mut key, action, skew)| {
            if let Action::State { numbers, .. } = &action {
                key = numbers[0].clone();
            }
            // Most versions are right: the test puts in what is due, plus this.
            (source, change(i64::from(skew == 9), &key, action))
        })
    })
}

fn agree(desk: &Desk<'_>, model: &Model, known: &mut BTreeMap<usize, Person>) {
    for (at, now) in model.seconds.iter().enumerate() {
        let time = UnixTime(i64::try_from(at).unwrap());
        for number in numbers_of(TOWN) {
            let told = desk.store.standing(&number, time).unwrap();
            let cell = now.get(&key(&number));
            let mut person =
                |cell: &Cell, person| assert_eq!(*known.entry(cell.person).or_insert(person), person);
            match (cell, told) {
                (None, Standing::Unknown) => {}
                (Some(cell), Standing::Current(one)) if !cell.held => person(cell, one),
                (Some(cell), Standing::Suspended(one)) if cell.held => person(cell, one),
                (cell, told) => {
                    panic!("{number:?} at {at}: {told:?}, {:?}", cell.map(|cell| (cell.person, cell.held)))
                }
            }
        }
        for (place, person) in &*known {
            let told = desk.store.numbers(*person, Scheme::MedicalInsured, time).unwrap();
            let own = now
                .iter()
                .filter(|(key, cell)| cell.person == *place && key.1 == "medical-insured" && !cell.held);
            assert_eq!(told.len(), own.count(), "{person:?} at {at}");
        }
    }
    assert_eq!(known.values().collect::<BTreeSet<_>>().len(), known.len(), "two persons became one");
}

fn agrees(place: &Place, steps: Vec<(&'static str, Change)>) -> Result<(), TestCaseError> {
    let desk = Desk::new(place);
    let mut model = Model::new();
    let mut known = BTreeMap::new();
    let mut applied = 0;
    for (source, mut change) in steps {
        // The version that is due, if a change goes through with it.
        let skew = change.version;
        let due = (1..=24).find(|due| {
            change.version = *due;
            model.apply(source, &change).is_some()
        });
        change.version = due.unwrap_or(1) + skew;
        let expected = model.apply(source, &change);
        let told = desk.apply(source, vec![change.clone()]);
        prop_assert_eq!(told.is_ok(), expected.is_some(), "{} {:?}: {:?}", source, change, told);
        if let Some(next) = expected {
            model = next;
            applied += 1;
        }
        agree(&desk, &model, &mut known);
    }
    // Every version that was applied is in the histories, once.
    let versions: usize = known.values().map(|person| desk.store.versions(*person).unwrap().len()).sum();
    prop_assert!(versions <= applied);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_and_the_model_agree(steps in prop::collection::vec(changes(), 1..24)) {
        agrees(&Place::file(), steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_in_postgres_and_the_model_agree(steps in prop::collection::vec(changes(), 1..24)) {
        if let Some(place) = Place::schema() {
            agrees(&place, steps)?;
        }
    }
}
