//! The whole ledger, computed once more from its leaves, and compared with everything that is kept beside them.

use std::collections::BTreeMap;

use chukei_ledger::chain::{commitment, label};
use chukei_ledger::heads::{self, Page, Pages};
use chukei_ledger::tiles::{Edge, Tile};
use chukei_ledger::{Checkpoint, Content, Hash, Head, HeadsLeaf, Link, Note, Part, Policy};
use chukei_profile::history::Kind;

use crate::Store;
use crate::checkpoint::{LedgerError, state};
use crate::ledger::octets;
use crate::sql::{self, Connection, Error, Row, values};

/// Findings that are listed; more say nothing more.
const LIMIT: usize = 100;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The database finds its file damaged.
    File {
        /// What it says.
        says: String,
    },
    /// The database finds the file of the mappings damaged.
    Mappings {
        /// What it says.
        says: String,
    },
    /// A leaf is missing, or does not follow from its entry: chain, number, the one before, dates and commitment.
    Leaf {
        /// Its index.
        leaf: u64,
    },
    /// Salt and content are not what was committed to.
    Content {
        /// Index of the leaf.
        leaf: u64,
    },
    /// The access history says something else than the ledger.
    History {
        /// Index of the leaf.
        leaf: u64,
    },
    /// The access history has entries that the ledger has not, or the other way round.
    Entries {
        /// Entries of the history.
        history: u64,
        /// Entries of the ledger that are not destroyed.
        ledger: u64,
    },
    /// A chain says that it has another last entry than the leaves.
    Chain {
        /// Number of its last entry among the leaves.
        number: u64,
    },
    /// A tile has other hashes than the leaves, or is missing.
    Tile {
        /// Its level.
        level: u8,
        /// Its place.
        index: u64,
    },
    /// A map of heads in the tree has other counts than the leaves before it, or the newest one another root.
    Heads {
        /// Index of its leaf.
        leaf: u64,
    },
    /// The stored map of heads is damaged, or not the one that was committed to.
    Map,
    /// A checkpoint has another root than the leaves, or no key of the policy has signed it.
    Checkpoint {
        /// Its size.
        size: u64,
    },
}

/// What was found sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Leaves of the tree.
    pub leaves: u64,
    /// Entries among them.
    pub entries: u64,
    /// Entries whose content is destroyed.
    pub destroyed: u64,
    /// Chains.
    pub chains: u64,
    /// Checkpoints.
    pub checkpoints: u64,
}

impl Store {
    /// Recomputes every hash from the leaves: chains, commitments, history, tiles, map of heads and checkpoints; with a
    /// policy, the signatures too. Of the mappings, the database reads its file. Entries may be recorded meanwhile; a checkpoint may
    /// not be made.
    ///
    /// # Errors
    /// `Ok(Err)`: what was found, at least one and at most 100. `Err`: the file cannot be opened at all.
    pub fn fsck(&self, policy: Option<&Policy>) -> Result<Result<Sound, Vec<Damage>>, LedgerError> {
        let mappings = self.maps.read(Connection::integrity).unwrap_or_else(|error| vec![error.to_string()]);
        self.ask(|connection| {
            let mut check = Check { policy, ..Check::default() };
            check.damage.extend(mappings.iter().map(|says| Damage::Mappings { says: says.clone() }));
            type Stage<'p> = fn(&mut Check<'p>, &Connection) -> sql::Result<()>;
            let stages: [Stage<'_>; 6] =
                [Check::file, Check::leaves, Check::chains, Check::tiles, Check::heads, Check::entries];
            for stage in stages {
                match stage(&mut check, connection) {
                    Ok(()) => {}
                    Err(error) if error.is_final() => return Err(error),
                    // What cannot be read is damaged, and the rest is worth looking at.
                    Err(error) => check.damage.push(Damage::File { says: error.to_string() }),
                }
            }
            check.damage.truncate(LIMIT);
            Ok(if check.damage.is_empty() { Ok(check.sound()) } else { Err(check.damage) })
        })
    }
}

#[derive(Default)]
struct Check<'p> {
    policy: Option<&'p Policy>,
    damage: Vec<Damage>,
    edge: Edge,
    /// Chain → key, last number, hash of the last leaf: as the leaves say.
    chains: BTreeMap<i64, (Hash, u64, Hash)>,
    /// The same, up to the newest map of heads.
    booked: BTreeMap<Hash, Head>,
    entries: u64,
    destroyed: u64,
    checkpoints: BTreeMap<u64, String>,
    checked: u64,
}

impl Check<'_> {
    fn sound(&self) -> Sound {
        Sound {
            leaves: self.edge.size(),
            entries: self.entries,
            destroyed: self.destroyed,
            chains: u64::try_from(self.chains.len()).unwrap_or(u64::MAX),
            checkpoints: self.checked,
        }
    }

    fn file(&mut self, connection: &Connection) -> sql::Result<()> {
        let says = connection.integrity()?;
        self.damage.extend(says.into_iter().map(|says| Damage::File { says }));
        connection.stream("SELECT size, note FROM checkpoint", |row| {
            self.checkpoints.insert(row.get::<i64>(0)?.unsigned_abs(), row.get(1)?);
            Ok(true)
        })?;
        connection.stream("SELECT chain, key FROM chain", |row| {
            self.chains.insert(row.get(0)?, (octets(row, 1)?, 0, Hash::ZERO));
            Ok(true)
        })
    }

    /// Every leaf in its order, with the row of the history that belongs to it.
    fn leaves(&mut self, connection: &Connection) -> sql::Result<()> {
        // A map's leaf that cannot be read is found below, where its turn comes.
        let newest = state(connection).ok().and_then(|(_, newest)| newest).map(|(_, heads)| heads.covered);
        let sql = "SELECT leaf.leaf, data, chain, leaf.number, previous, keep_until, withheld_until, commitment, salt,
                 content, person, access.number, at, actor, kind, outcome, purpose, envelope, authentication, operator
             FROM leaf LEFT JOIN access ON access.leaf = leaf.leaf ORDER BY leaf.leaf";
        let mut is_whole = true;
        self.signed(0);
        connection.stream(sql, |row| {
            let expected = self.edge.size();
            let leaf = row.get::<i64>(0)?.unsigned_abs();
            is_whole = leaf == expected && self.damage.len() < LIMIT;
            if leaf != expected {
                self.damage.push(Damage::Leaf { leaf: expected });
            }
            if !is_whole {
                return Ok(false);
            }
            let data: &[u8] = row.get(1)?;
            match row.get::<Option<i64>>(2)? {
                // A column of another length or type than was written.
                Some(chain) if self.entry(row, leaf, data, chain).is_err() => {
                    self.damage.push(Damage::Leaf { leaf })
                }
                Some(_) => {}
                None => self.committed(leaf, data),
            }
            for tile in self.edge.push(Hash::of_leaf(data)) {
                let octets = stored(connection, tile.level, tile.index)?;
                // What is younger than the last checkpoint may have no tile yet.
                let is_due =
                    self.checkpoints.keys().next_back().is_some_and(|size| *size >= self.edge.size());
                if octets.as_ref().is_some_and(|octets| *octets != tile.octets())
                    || (octets.is_none() && is_due)
                {
                    self.damage.push(Damage::Tile { level: tile.level, index: tile.index });
                }
            }
            if Some(self.edge.size()) == newest {
                self.booked = self.heads_now();
            }
            self.signed(self.edge.size());
            Ok(true)
        })?;
        if !is_whole {
            return Ok(());
        }
        // What was signed beyond the last leaf.
        let beyond = self.checkpoints.keys().filter(|size| **size > self.edge.size());
        self.damage.extend(beyond.map(|size| Damage::Checkpoint { size: *size }));
        Ok(())
    }

    fn heads_now(&self) -> BTreeMap<Hash, Head> {
        let begun = self.chains.values().filter(|(_, number, _)| *number > 0);
        let head = |(key, number, hash): &(Hash, u64, Hash)| Head {
            label: label(key),
            number: *number,
            hash: *hash,
        };
        begun.map(head).map(|head| (head.label, head)).collect()
    }

    fn entry(&mut self, row: &Row<'_>, leaf: u64, data: &[u8], chain: i64) -> sql::Result<()> {
        self.entries += 1;
        let Some((key, number, previous)) = self.chains.get_mut(&chain) else {
            self.damage.push(Damage::Leaf { leaf });
            return Ok(());
        };
        let link = Link {
            label: label(key),
            number: row.get::<i64>(3)?.unsigned_abs(),
            previous: octets(row, 4)?,
            keep_until: row.get(5)?,
            withheld_until: row.get(6)?,
            commitment: octets(row, 7)?,
        };
        if link.leaf() != data || link.number != *number + 1 || link.previous != *previous {
            self.damage.push(Damage::Leaf { leaf });
        }
        (*number, *previous) = (link.number, Hash::of_leaf(data));
        let Some(content) = row.get::<Option<&[u8]>>(9)? else {
            self.destroyed += 1;
            return Ok(());
        };
        if commitment(&octets(row, 8)?, content) != link.commitment {
            self.damage.push(Damage::Content { leaf });
        }
        if !Content::parse(content).is_some_and(|content| agrees(row, &content, link.number).unwrap_or(false))
        {
            self.damage.push(Damage::History { leaf });
        }
        Ok(())
    }

    /// A map's leaf: its counts are those of the leaves before it.
    fn committed(&mut self, leaf: u64, data: &[u8]) {
        let heads = HeadsLeaf::parse(data);
        let counts = |heads: HeadsLeaf| (heads.covered, heads.total) == (leaf, self.entries);
        if !heads.is_some_and(counts) {
            self.damage.push(Damage::Heads { leaf });
        }
    }

    /// The checkpoint of this size, if there is one.
    fn signed(&mut self, size: u64) {
        let Some(note) = self.checkpoints.get(&size) else { return };
        let read = Note::parse(note).and_then(|note| Checkpoint::parse(&note.text));
        let is_ours = read.is_some_and(|read| (read.size, read.root) == (size, self.edge.root()));
        let is_newest = self.checkpoints.keys().next_back() == Some(&size);
        let is_trusted = |policy: &Policy| {
            let trusted = if is_newest { policy.trust_log(note) } else { policy.trust_earlier(note) };
            trusted.is_ok()
        };
        if !is_ours || !self.policy.is_none_or(is_trusted) {
            self.damage.push(Damage::Checkpoint { size });
        }
        self.checked += 1;
    }

    fn chains(&mut self, connection: &Connection) -> sql::Result<()> {
        connection.stream("SELECT chain, number, hash FROM chain", |row| {
            let says = (row.get::<i64>(1)?.unsigned_abs(), octets(row, 2)?);
            if let Some((_, number, hash)) = self.chains.get(&row.get(0)?)
                && says != (*number, *hash)
            {
                self.damage.push(Damage::Chain { number: *number });
            }
            Ok(true)
        })
    }

    /// Partial tiles above level 0 are as wide as those below are many, or wider than at the last checkpoint.
    fn tiles(&mut self, connection: &Connection) -> sql::Result<()> {
        for tile in self.edge.partial().into_iter().filter(|tile| tile.level > 0) {
            let stored = stored(connection, tile.level, tile.index)?;
            let hashes = stored.as_deref().and_then(Tile::hashes_of).unwrap_or_default();
            if !tile.hashes.starts_with(&hashes) {
                self.damage.push(Damage::Tile { level: tile.level, index: tile.index });
            }
        }
        Ok(())
    }

    /// The newest map, made anew.
    fn heads(&mut self, connection: &Connection) -> sql::Result<()> {
        let (booked, newest) = state(connection)?;
        let Some((leaf, values)) = newest else { return Ok(()) };
        let all: Vec<Head> = self.booked.values().copied().collect();
        let made = heads::update(&Nothing, &all).map(|update| update.root).ok();
        let root = made.filter(|_| !all.is_empty()).unwrap_or(Part::EMPTY);
        if (root.hash, root.total) != (values.root, values.total) {
            self.damage.push(Damage::Heads { leaf });
        }
        // The pages may be ahead of the leaf after a crash; they never are behind.
        let stored = heads::root(&crate::checkpoint::Reader(connection));
        let is_ahead = booked > values.covered;
        if !stored.is_ok_and(|stored| is_ahead || stored == root) {
            self.damage.push(Damage::Map);
        }
        Ok(())
    }

    fn entries(&mut self, connection: &Connection) -> sql::Result<()> {
        let history: i64 = connection.only("SELECT count(*) FROM access", &[], |row| row.get(0))?;
        let (history, ledger) = (history.unsigned_abs(), self.entries - self.destroyed);
        if history != ledger {
            self.damage.push(Damage::Entries { history, ledger });
        }
        Ok(())
    }
}

/// Whether the row of the access history says what the content says.
fn agrees(row: &Row<'_>, content: &Content, number: u64) -> sql::Result<bool> {
    let (person, own_number): (Option<i64>, Option<i64>) = (row.get(10)?, row.get(11)?);
    let at: i64 = row.get(12)?;
    let text = |at| row.get::<&str>(at);
    let requester = Some(content.requester.as_str());
    let (actor, when) = match Kind::from_name(text(14)?) {
        Some(Kind::Disclosure) => (content.provider.as_deref(), content.answered_at),
        Some(Kind::Relayed) => (requester, content.answered_at),
        _ => (requester, Some(content.requested_at)),
    };
    Ok(own_number.map(i64::unsigned_abs) == person.map(|_| number)
        && when == Some(at)
        && actor == Some(text(13)?)
        && content.kind == text(14)?
        && content.outcome == text(15)?
        && content.purpose == text(16)?
        && content.envelope.as_deref() == row.get(17)?
        && content.authentication.as_deref() == row.get(18)?
        && content.operator.as_deref() == row.get(19)?)
}

fn stored(connection: &Connection, level: u8, index: u64) -> sql::Result<Option<Vec<u8>>> {
    let sql = "SELECT hashes FROM tile WHERE level = ?1 AND tile = ?2";
    connection.row(sql, values![level, index.cast_signed()], |row| row.get(0))
}

/// A map without pages.
struct Nothing;

impl Pages for Nothing {
    type Error = Error;

    fn page(&self, _: &[u8]) -> sql::Result<Option<Page>> {
        Ok(None)
    }
}
