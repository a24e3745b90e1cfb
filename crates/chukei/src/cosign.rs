//! `chukei ledger cosign`: one relay is the witness of another's ledger (domain.md §6.2). It signs that it saw a checkpoint, and
//! only if that one goes on from the last one that it signed, so that nobody is shown another history.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use chukei_ledger::{
    Checkpoint, Distrust, Hash, KeyUse, Note, Policy, Trusted,
    tiles::{Prover, Tile, Tiles, width_of},
    tree::extends,
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
    if let Some(before) = &before {
        consistent(asked, &policy, before, &seen)?;
    }
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

/// Whether the tree goes on from the one that was signed before.
fn consistent(
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
    let tiles = Published { folder: &asked.dir, size: seen.size };
    let proof = Prover::new(&tiles, seen.size).consistency(before.size);
    let proof = proof.map_err(|_| refused("ledger.cosign-no-proof"))?;
    if extends((before.size, &before.root), (seen.size, &seen.root), &proof) {
        Ok(())
    } else {
        Err(refused("ledger.cosign-inconsistent"))
    }
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
