//! `chukei ledger backup` and `restore`: a state is copied while it is in use, and put back so that nothing of the old one is left
//! beside it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use chukei_ledger::{Checkpoint, Note};
use chukei_store::{Damage, Location, Sound, Store, StoreError};

use crate::{
    args::{LedgerBackup, LedgerRestore},
    ledger::{damage_text, existing, is_state, location, mappings_named, unusable},
    output,
    say::{Exit, Failure, Say},
};

/// Copies a state, and checks the copy.
pub(crate) fn backup(asked: &LedgerBackup, say: &Say) -> Result<Exit, Failure> {
    // A journal of an old file would be played over the copy.
    Store::files(&asked.out).iter().try_for_each(|file| output::free(file))?;
    let store = existing(&asked.state)?;
    store.backup(&asked.out).map_err(|error| why(&asked.state, error))?;
    // Nobody wants to learn in need that a copy is none.
    let copy = Store::open(&asked.out).map_err(|error| unusable(&asked.out, &error))?;
    let checked = copy.fsck(None).map_err(|error| unusable(&asked.out, &error))?;
    told("ledger.copied", &asked.out, checked, say)
}

/// Puts a copy back.
pub(crate) fn restore(asked: &LedgerRestore, say: &Say) -> Result<Exit, Failure> {
    let file = |written: &Path| match location(written)? {
        Location::File(path) => Ok(path),
        database @ Location::Postgres(_) => Err(no_file(&database)),
    };
    let (from, to) = (file(&asked.from)?, file(&asked.state)?);
    is_state(&from)?;
    let known = asked.published.iter().map(|path| published(path).map(|(note, _)| note));
    let known = known.collect::<Result<Vec<_>, _>>()?;
    let owner = owner(&to);
    let is_alone = !Store::files(&to).iter().any(|file| file.exists()) && known.is_empty();
    let restored = Store::restore(&from, &to, asked.replace, &known).map_err(|error| match error {
        StoreError::File { path, error } if Store::files(&from).contains(&path) => {
            Failure::new(Exit::Unverified, "ledger.bad-copy", [path.display().to_string(), error])
                .fix("ledger.bad-copy-fix", [""; 0])
        }
        error => why(&to, error),
    })?;
    let ahead = restored.as_ref().ok().and_then(|restored| Some((restored.ahead?, restored.sound.leaves)));
    let exit = told("ledger.restored", &asked.state, restored.map(|restored| restored.sound), say)?;
    if is_alone {
        say.note(say.text("ledger.not-compared", [""; 0]));
    }
    if exit == Exit::Conformant && owner != self::owner(&to) {
        say.note(say.text("ledger.restored-rights", [asked.state.display().to_string()]));
    }
    if let Some((signed, leaves)) = ahead {
        let state = asked.state.display().to_string();
        say.result(say.text("ledger.behind", [signed.to_string(), leaves.to_string(), state]));
    }
    Ok(exit)
}

/// Whose file it is, and of which group; nobody's if it is not there.
fn owner(path: &Path) -> Option<(u32, u32)> {
    std::fs::metadata(path).ok().map(|file| (file.uid(), file.gid()))
}

/// A checkpoint that somebody has kept, and its note.
pub(crate) fn published(path: &Path) -> Result<(String, Checkpoint), Failure> {
    let note = std::fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    if let Some(checkpoint) = Note::parse(&note).and_then(|note| Checkpoint::parse(&note.text)) {
        return Ok((note, checkpoint));
    }
    Err(Failure::new(Exit::Usage, "ledger.bad-published", [path.display().to_string()])
        .fix("ledger.bad-published-fix", [""; 0]))
}

fn told(key: &str, path: &Path, checked: Result<Sound, Vec<Damage>>, say: &Say) -> Result<Exit, Failure> {
    match checked {
        Ok(sound) => {
            let counts = [sound.leaves, sound.entries].map(|count| count.to_string());
            say.result(say.text(key, [path.display().to_string()].into_iter().chain(counts)));
            Ok(Exit::Conformant)
        }
        Err(damage) => {
            damage.iter().for_each(|damage| say.result(damage_text(damage, say)));
            Err(Failure::new(Exit::Unverified, "ledger.unsound", [damage.len().to_string()])
                .fix("ledger.unsound-fix", [""; 0]))
        }
    }
}

fn no_file(at: &impl ToString) -> Failure {
    let at = at.to_string();
    Failure::new(Exit::Usage, "ledger.no-file", [at.clone()]).fix("ledger.no-file-fix", [at])
}

pub(crate) fn why(state: &Path, error: StoreError) -> Failure {
    match error {
        StoreError::NoFile { at } => no_file(&at),
        StoreError::File { path, error } if Store::files(state).contains(&path) => unusable(&path, &error),
        StoreError::File { path, error } => Failure::write(&path, &error),
        StoreError::Mappings { path } => mappings_named(&path),
        StoreError::Taken { path } => {
            let path = path.display().to_string();
            Failure::new(Exit::Usage, "failure.taken", [path]).fix("ledger.taken-fix", [""; 0])
        }
        StoreError::InUse { path } => {
            let path = path.display().to_string();
            Failure::new(Exit::Setup, "ledger.in-use", [path]).fix("ledger.in-use-fix", [""; 0])
        }
        StoreError::Unread { path } => {
            let path = path.display().to_string();
            Failure::new(Exit::Usage, "ledger.unread", [path.clone()]).fix("ledger.unread-fix", [path])
        }
        StoreError::Parted { path } => {
            let path = path.display().to_string();
            Failure::new(Exit::Usage, "ledger.half-copy", [path]).fix("ledger.half-copy-fix", [""; 0])
        }
        error => unusable(state, &error),
    }
}
