//! The ledger as static files (C2SP tlog-tiles), for monitors, witnesses and whoever wants a copy. They tell nothing about
//! anybody: leaves are hashes.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use chukei_ledger::tiles::{Tile, Tiles, entries_octets, entries_path, width_of};

use crate::Store;
use crate::checkpoint::{LedgerError, Reader, read};
use crate::sql::{self, Connection, values};

/// Octets of the shortest leaf in an entry bundle, with its length.
const LEAF: usize = 35;

impl Store {
    /// Whether what is published in a folder, if anything is, is where the tree goes on from.
    ///
    /// # Errors
    /// [`LedgerError::Published`] if it is not, or the others.
    pub fn goes_on_from(&self, folder: &Path) -> Result<(), LedgerError> {
        let path = folder.join("checkpoint");
        let fails =
            |error: &dyn fmt::Display| LedgerError::Folder { error: format!("{}: {error}", path.display()) };
        let note = match fs::read_to_string(&path) {
            // What a loss of power may leave.
            Ok(note) if note.is_empty() => return Ok(()),
            Ok(note) => note,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fails(&error)),
        };
        let (published, _) = read(&note).ok_or_else(|| fails(&"no checkpoint"))?;
        if self.is_behind(&published)? {
            return Err(LedgerError::Published { size: published.size });
        }
        Ok(())
    }

    /// Writes the tree of the last checkpoint into a folder: tiles and leaves that are not there yet, then `checkpoint`.
    /// Gives the number of files that are new.
    ///
    /// # Errors
    /// [`LedgerError`]; the published checkpoint stays the old one then, and all of its files are there.
    pub fn publish(&self, folder: &Path) -> Result<usize, LedgerError> {
        let (checkpoint, note) = self.last_checkpoint()?;
        self.goes_on_from(folder)?;
        let (mut written, mut folders) = (0, BTreeSet::new());
        for level in 0_u8.. {
            let mut tiles = (0..).map(|index| (index, width_of(level, index, checkpoint.size)));
            let mut any = false;
            while let Some((index, width)) = tiles.next().filter(|(_, width)| *width > 0) {
                any = true;
                written += self.publish_tile(folder, level, index, width, &mut folders)?;
            }
            if !any {
                break;
            }
        }
        // What it covers is on the disk before it.
        folders.iter().try_for_each(|folder| sync(folder))?;
        put(&folder.join("checkpoint"), note.as_bytes())?;
        sync(folder)?;
        Ok(written)
    }

    fn publish_tile(
        &self,
        folder: &Path,
        level: u8,
        index: u64,
        width: u16,
        folders: &mut BTreeSet<PathBuf>,
    ) -> Result<usize, LedgerError> {
        let wide = usize::from(width);
        let mut tile = Tile { level, index, hashes: vec![chukei_ledger::Hash::ZERO; wide] };
        let (path, entries) = (folder.join(tile.path()), folder.join(entries_path(index, wide)));
        let mut written = 0;
        let mut publish = |path: &Path, octets: &[u8]| {
            folders.extend(path.ancestors().skip(1).take_while(|inner| *inner != folder).map(Path::to_owned));
            folders.insert(folder.to_owned());
            put(path, octets)
        };
        // What was published under a name never changes. What a loss of power has left of a file is shorter.
        let has = |path: &Path, least: usize| {
            let length = fs::metadata(path).map_or(0, |file| file.len());
            length >= u64::try_from(least).unwrap_or(u64::MAX)
        };
        if !has(&path, 32 * wide) {
            tile.hashes = self.ask(|connection| Reader(connection).tile(level, index, width))?;
            if tile.hashes.len() != wide {
                return Err(LedgerError::Damaged);
            }
            publish(&path, &tile.octets())?;
            written += 1;
        }
        if level == 0 && !has(&entries, LEAF * wide) {
            let leaves = self.ask(|connection| data(connection, index, width))?;
            publish(&entries, &entries_octets(&leaves).ok_or(LedgerError::Damaged)?)?;
            written += 1;
        }
        Ok(written)
    }
}

/// The leaves of a tile of level 0.
fn data(connection: &Connection, index: u64, width: u16) -> sql::Result<Vec<Vec<u8>>> {
    let first = index.saturating_mul(256);
    let end = first.saturating_add(u64::from(width));
    let sql = "SELECT data FROM leaf WHERE leaf >= ?1 AND leaf < ?2 ORDER BY leaf";
    connection.rows(sql, values![first.cast_signed(), end.cast_signed()], |row| row.get(0))
}

/// Writes a file at once or not at all. Its octets are on the disk then, and its name when the folder is.
fn put(path: &Path, octets: &[u8]) -> Result<(), LedgerError> {
    let fails = |error: std::io::Error| LedgerError::Folder { error: format!("{}: {error}", path.display()) };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fails)?;
    }
    // Two processes that publish at once do not write into one draft.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let mut file = File::create(&draft).map_err(fails)?;
    file.write_all(octets).and_then(|()| file.sync_all()).map_err(fails)?;
    fs::rename(&draft, path).map_err(fails)
}

fn sync(folder: &Path) -> Result<(), LedgerError> {
    let fails =
        |error: std::io::Error| LedgerError::Folder { error: format!("{}: {error}", folder.display()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fails)
}
