//! Who speaks in files, for which parties, and which file comes next: configuration, so that a new service or insurer needs
//! no program.

use std::fmt;

use chukei_relay::Unavailable;

use crate::Store;
use crate::sql::{self, Connection, Error, values};
use crate::writer::Verdict;

/// What a source may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A municipality with its issuance database: every number of a person, but those of another municipality's parties.
    Municipality,
    /// An insurer or hospital: numbers of its own parties only.
    Provider,
}

/// A system that sends files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEntry {
    /// Its name in files.
    pub name: String,
    /// What it may say.
    pub role: Role,
    /// Code of the municipality, if it is one's.
    pub town: Option<String>,
}

/// Who assigns numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyEntry {
    /// Its code in files, as `chukei_relay::numbers::party_code` gives it.
    pub code: String,
    /// Entity identifier of the party that answers for it; several may share one.
    pub entity: Option<String>,
    /// Name of the source that has the last word about its numbers.
    pub source: Option<String>,
}

/// Sources and parties.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Registry {
    /// Sources.
    pub sources: Vec<SourceEntry>,
    /// Parties.
    pub parties: Vec<PartyEntry>,
}

/// What a registry has wrong. Nothing of it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryFault {
    /// The store does not answer, and why.
    Unavailable(Unavailable),
    /// A source without a name, or one name twice.
    Source(String),
    /// A party without a code, one code twice, or one whose source is not there.
    Party(String),
}

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Its town.
    pub town: Option<String>,
    /// The sequence number of its next file, from 1.
    pub next: i64,
    /// The digest of its last file.
    pub digest: Option<[u8; 32]>,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Municipality => "municipality",
            Self::Provider => "provider",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Municipality, Self::Provider].into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for RegistryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Source(name) => write!(f, "source {name:?}"),
            Self::Party(code) => write!(f, "party {code:?}"),
        }
    }
}

impl std::error::Error for RegistryFault {}

impl From<Unavailable> for RegistryFault {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl Registry {
    /// Whether it can be registered where nothing is known yet, for a state that is not to be made in vain.
    ///
    /// # Errors
    /// [`RegistryFault::Source`] and [`RegistryFault::Party`].
    pub fn check_alone(&self) -> Result<(), RegistryFault> {
        self.check_sources()?;
        for (at, party) in self.parties.iter().enumerate() {
            let is_twice = self.parties.iter().take(at).any(|other| other.code == party.code);
            let has_source = |name: &String| self.sources.iter().any(|source| source.name == *name);
            if party.code.is_empty() || is_twice || !party.source.as_ref().is_none_or(has_source) {
                return Err(RegistryFault::Party(party.code.clone()));
            }
        }
        Ok(())
    }

    fn check_sources(&self) -> Result<(), RegistryFault> {
        for (at, source) in self.sources.iter().enumerate() {
            let is_known = self.sources.iter().take(at).any(|other| other.name == source.name);
            if source.name.is_empty() || is_known {
                return Err(RegistryFault::Source(source.name.clone()));
            }
        }
        Ok(())
    }
}

impl Store {
    /// Makes sources and parties known, or changes what is known of them; none is ever forgotten, and what is left out stays: a party
    /// without its entity would be nobody's, and all mappings to it would end.
    ///
    /// # Errors
    /// [`RegistryFault`].
    pub fn register(&self, registry: Registry) -> Result<(), RegistryFault> {
        registry.check_sources()?;
        self.maps.writer.decide(move |connection| {
            for source in &registry.sources {
                connection.execute(
                    "INSERT INTO source (name, role, town, sequence) VALUES (?1, ?2, ?3, 0)
                     ON CONFLICT (name) DO UPDATE
                     SET role = excluded.role, town = coalesce(excluded.town, source.town)",
                    values![&source.name, source.role.name(), &source.town],
                )?;
            }
            let mut seen = std::collections::BTreeSet::new();
            for party in &registry.parties {
                let source = match &party.source {
                    Some(name) => find(connection, name)?.map(|(source, ..)| Some(source)),
                    None => Some(None),
                };
                let (Some(source), false, true) = (source, party.code.is_empty(), seen.insert(&party.code))
                else {
                    return Ok(Verdict::Undo(Err(RegistryFault::Party(party.code.clone()))));
                };
                connection.execute(
                    "INSERT INTO party (code, entity, source) VALUES (?1, ?2, ?3)
                     ON CONFLICT (code) DO UPDATE SET entity = coalesce(excluded.entity, party.entity),
                         source = coalesce(excluded.source, party.source)",
                    values![&party.code, &party.entity, source],
                )?;
            }
            Ok(Verdict::Keep(Ok(())))
        })?
    }

    /// What is known of a source; `None` if it is not registered.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn source(&self, name: &str) -> Result<Option<SourceState>, Unavailable> {
        let found = self.maps.read(|connection| find(connection, name))?;
        Ok(found.map(|(_, _, state)| state))
    }
}

/// A source that sends files: its number, role and state.
pub(crate) fn find(connection: &Connection, name: &str) -> sql::Result<Option<(i64, Role, SourceState)>> {
    let sql = "SELECT source, role, town, sequence, digest FROM source WHERE name = ?1 AND source > 0";
    connection.row(sql, values![name], |row| {
        let role = Role::from_name(row.get(1)?).ok_or_else(|| Error::of("an unknown role"))?;
        let sequence: i64 = row.get(3)?;
        let digest = if sequence == 0 { None } else { Some(row.get(4)?) };
        let next = sequence.saturating_add(1);
        Ok((row.get(0)?, role, SourceState { town: row.get(2)?, next, digest }))
    })
}
