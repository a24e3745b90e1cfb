//! `chukei ledger cosign`: one relay is the witness of another's ledger (domain.md §6.2). It signs that it saw a checkpoint, and
//! only if that one goes on from the last one that it signed, so that nobody is shown another history, and if every map of heads
//! in between counts the entries before it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use chukei_ledger::{
    Checkpoint, Distrust, Hash, HeadsLeaf, KeyUse, Link, Note, Policy, Trusted,
    tiles::{Edge, Tile, Tiles, WIDTH, entries_of, entries_path, width_of},
};

use rustix::fs::{FlockOperation, flock};

use crate::{
    args::LedgerCosign,
    ledger::{now, policy, signer},
    say::{Exit, Failure, Say},
};

/// A published tree of one size.
struct Published<'p> {
    folder: &'p Path,
    size: u64,
}

impl Published<'_> {
    /// The leaves of a tile of level 0, as they were published with this tree.
    fn leaves(&self, index: u64) -> Option<Vec<Vec<u8>>> {
        let path = entries_path(index, usize::from(width_of(0, index, self.size)));
        entries_of(&fs::read(self.folder.join(path)).ok()?)
    }
}

impl Tiles for Published<'_> {
    type Error = PathBuf;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, PathBuf> {
        // The tile as it was published with this tree; a proof may need less of it.
        let published = usize::from(width_of(level, index, self.size));
        let path = self.folder.join(Tile { level, index, hashes: vec![Hash::ZERO; published] }.path());
        let hashes = fs::read(&path).ok().and_then(|octets| Tile::hashes_of(&octets));
        let mut hashes = hashes.ok_or(path)?;
        hashes.truncate(usize::from(width));
        Ok(hashes)
    }
}

/// Signs the published checkpoint of another log, or says why not.
pub(crate) fn cosign(asked: &LedgerCosign, say: &Say) -> Result<Exit, Failure> {
    let policy = policy(&asked.policy, &asked.earlier)?;
    let key = signer(&asked.key, &asked.name, KeyUse::Witness)?;
    let (note, seen) = trusted(&asked.dir.join("checkpoint"), |note| policy.trust_log(note))?;
    let _alone = alone(&asked.memory)?;
    let before = match fs::metadata(&asked.memory) {
        Ok(_) => Some(trusted(&asked.memory, |note| policy.trust_earlier(note))?.1),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::read(&asked.memory, &error)),
    };
    let first = Checkpoint { origin: seen.origin.clone(), size: 0, root: Edge::default().root() };
    grown(asked, &policy, before.as_ref().unwrap_or(&first), &seen)?;
    let fails = |error: &dyn std::fmt::Display| Failure::write(&asked.out, error);
    let signature = key.sign(&note.text, now().0.unsigned_abs()).map_err(|error| fails(&error))?;
    let text = note.to_string();
    let signed =
        Note { text: note.text, signatures: note.signatures.into_iter().chain([signature]).collect() };
    // What was signed is remembered before anybody has it: a witness that forgets could sign another history.
    write(&asked.memory, &text).map_err(|error| Failure::write(&asked.memory, &error))?;
    write(&asked.out, &signed.to_string()).map_err(|error| fails(&error))?;
    let key = if before.is_some() { "ledger.cosigned" } else { "ledger.cosigned-first" };
    say.result(say.text(key, [seen.origin.clone(), seen.size.to_string(), asked.name.clone()]));
    Ok(Exit::Conformant)
}

/// Two at a time could each go on from the same checkpoint to another history. Nobody else is at it until this is dropped.
fn alone(memory: &Path) -> Result<fs::File, Failure> {
    let mut path = memory.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let file = fs::File::create(&path).map_err(|error| Failure::write(&path, &error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Failure::new(Exit::Setup, "ledger.cosign-busy", [memory.display().to_string()])
            .fix("ledger.cosign-busy-fix", [""; 0])
    })?;
    Ok(file)
}

/// A checkpoint that a log of the policy has signed.
fn trusted(
    path: &Path,
    trust: impl FnOnce(&str) -> Result<Trusted, Distrust>,
) -> Result<(Note, Checkpoint), Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    let refused = || {
        Failure::new(Exit::Unverified, "ledger.cosign-untrusted", [path.display().to_string()])
            .fix("ledger.cosign-untrusted-fix", [""; 0])
    };
    let trusted = trust(&text).map_err(|_| refused())?;
    let note = Note::parse(&text).ok_or_else(refused)?;
    Ok((note, trusted.checkpoint))
}

/// Whether the tree is the one that was signed before with the published leaves behind it, and its maps of heads count right.
fn grown(
    asked: &LedgerCosign,
    policy: &Policy,
    before: &Checkpoint,
    seen: &Checkpoint,
) -> Result<(), Failure> {
    let refused = |key: &str| {
        Failure::new(Exit::Unverified, key, [before.size.to_string(), seen.size.to_string()])
            .fix("ledger.cosign-refused-fix", [""; 0])
    };
    if before.origin != seen.origin && !policy.is_ended(&before.origin) {
        return Err(refused("ledger.cosign-other"));
    }
    if seen.size < before.size {
        return Err(refused("ledger.cosign-shrunk"));
    }
    let inconsistent = || refused("ledger.cosign-inconsistent");
    if seen.size == before.size {
        return if seen.root == before.root { Ok(()) } else { Err(inconsistent()) };
    }
    let published = Published { folder: &asked.dir, size: seen.size };
    let missing = || refused("ledger.cosign-no-proof");
    let edge = Edge::load(before.size, &published).map_err(|_| missing())?;
    let mut edge = edge.filter(|edge| edge.root() == before.root).ok_or_else(inconsistent)?;
    // What was signed before ends with a map, whose count was found right.
    let mut entries = match before.size.checked_sub(1) {
        Some(last) => {
            let leaves = published.leaves(last / u64::from(WIDTH)).ok_or_else(missing)?;
            let leaf =
                leaves.get(usize::from(width_of(0, last / u64::from(WIDTH), before.size)).saturating_sub(1));
            leaf.and_then(|leaf| HeadsLeaf::parse(leaf)).ok_or_else(inconsistent)?.total
        }
        None => 0,
    };
    for index in before.size / u64::from(WIDTH)..=seen.size.saturating_sub(1) / u64::from(WIDTH) {
        let known = width_of(0, index, before.size);
        for leaf in published.leaves(index).ok_or_else(missing)?.iter().skip(usize::from(known)) {
            let place = edge.size();
            let is_map =
                HeadsLeaf::parse(leaf).is_some_and(|map| (map.covered, map.total) == (place, entries));
            if Link::is_leaf(leaf) {
                entries = entries.saturating_add(1);
            } else if !is_map {
                let place = [place.to_string(), entries.to_string()];
                return Err(Failure::new(Exit::Unverified, "ledger.cosign-miscounted", place)
                    .fix("ledger.cosign-refused-fix", [""; 0]));
            }
            edge.push(Hash::of_leaf(leaf));
        }
    }
    if (edge.size(), edge.root()) == (seen.size, seen.root) { Ok(()) } else { Err(inconsistent()) }
}

/// Writes a file at once or not at all, and on the disk.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = fs::File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
