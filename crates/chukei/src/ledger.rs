//! `chukei ledger`: proofs for persons, and the whole ledger for operators.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use chukei_crypto::UnixTime;
use chukei_ledger::{
    Bundle, BundleError, Checkpoint, Ed25519PrivateKey, Finding, KeyUse, Note, Policy, Seen, SignerKey, Trust,
};
use chukei_profile::{Identifier, Scheme, proof};
use chukei_relay::MappingStore;
use chukei_store::{Damage, LedgerError, Location, Store, StoreError};
use chukei_world::{Options, Party, World};
use chukei_xml::lexical::{DateTime, decode_base64};

use crate::{
    args::{
        Ledger, LedgerDestroy, LedgerFsck, LedgerKey, LedgerProve, LedgerPublish, LedgerStatus,
        LedgerSucceed, LedgerVerify,
    },
    backup, entries,
    mock::failed,
    output::{self, Readers},
    say::{Exit, Failure, Say, catalogue},
};

/// How a file of SQLite begins (SQLite, Database File Format, 1.3).
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// Does what was asked of the ledger.
pub(crate) fn run(asked: &Ledger, say: &Say) -> Result<Exit, Failure> {
    match asked {
        Ledger::Verify(asked) => verify(asked, say),
        Ledger::Prove(asked) => prove(asked, say),
        Ledger::Publish(asked) => publish(asked, say),
        Ledger::Fsck(asked) => fsck(asked, say),
        Ledger::Reconcile(asked) => crate::reconcile::run(asked, say),
        Ledger::Key(asked) => key(asked, say),
        Ledger::Cosign(asked) => crate::cosign::cosign(asked, say),
        Ledger::Backup(asked) => crate::backup::backup(asked, say),
        Ledger::Destroy(asked) => destroy(asked, say),
        Ledger::Restore(asked) => crate::backup::restore(asked, say),
        Ledger::Status(asked) => status(asked, say),
        Ledger::Succeed(asked) => succeed(asked, say),
    }
}

fn verify(asked: &LedgerVerify, say: &Say) -> Result<Exit, Failure> {
    let proof = bundle(&asked.bundle, &read(&asked.bundle)?)?;
    let policy = asked.policy.as_deref().map(|path| policy(path, &asked.earlier)).transpose()?;
    let mut seen = Vec::new();
    for path in &asked.seen {
        let octets = read(path)?;
        // A checkpoint as it was published, or a whole bundle.
        match String::from_utf8(octets) {
            Ok(text) if !text.trim_start().starts_with('{') => {
                if Note::parse(&text).is_none() {
                    return Err(Failure::new(Exit::Usage, "ledger.bad-seen", [path.display().to_string()])
                        .fix("ledger.unreadable-fix", [""; 0]));
                }
                seen.push(Seen::Checkpoint(text));
            }
            Ok(text) => seen.push(Seen::Bundle(Box::new(bundle(path, text.as_bytes())?))),
            Err(error) => return Err(Failure::read(path, &error).usage()),
        }
    }
    let trust = policy.as_ref().map_or(Trust::Named, Trust::Policy);
    let shown = match chukei_ledger::verify(&proof, trust, &seen, now().0) {
        Ok(shown) => shown,
        Err(findings) => {
            let text = |finding| catalogue().say(&chukei_conformance::unproved(finding), say.lang);
            findings.iter().for_each(|finding| say.result(text(finding)));
            let is_smaller = findings.iter().all(|finding| matches!(finding, Finding::Smaller { .. }));
            let fix = if is_smaller { "ledger.smaller-fix" } else { "ledger.refused-fix" };
            return Err(Failure::new(Exit::Unverified, "ledger.refused", [findings.len().to_string()])
                .fix(fix, [""; 0]));
        }
    };
    for receipt in &asked.receipt {
        kept(receipt, &proof)?;
    }
    let checkpoint = &shown.trusted.checkpoint;
    let until = DateTime { seconds: shown.complete_until, nanoseconds: 0 }.format();
    let (size, entries) = (checkpoint.size.to_string(), shown.entries.to_string());
    say.result(say.text("ledger.holds", [checkpoint.origin.clone(), size, entries, until]));
    if shown.entries == 0 {
        say.result(say.text("ledger.no-entries", [""; 0]));
    }
    for entry in &proof.chain.entries {
        match &entry.content {
            Some(content) if asked.list => say.result(entries::of_proof(entry.number, content, say)),
            None if entry.withheld_until > shown.complete_until => {
                let until = DateTime { seconds: entry.withheld_until, nanoseconds: 0 };
                say.result(entries::withheld(entry.number, until, say));
            }
            None if asked.list => say.result(say.text("entry.destroyed", [entry.number.to_string()])),
            Some(_) | None => {}
        }
    }
    for (key, count) in [("ledger.withheld", shown.withheld), ("ledger.destroyed", shown.destroyed)] {
        if count > 0 {
            say.result(say.text(key, [count.to_string()]));
        }
    }
    if !shown.trusted.witnesses.is_empty() {
        let names: Vec<&str> = shown.trusted.witnesses.keys().map(String::as_str).collect();
        say.result(say.text("ledger.witnesses", [names.join(", ")]));
    }
    if !asked.receipt.is_empty() {
        say.result(say.text("ledger.kept", [asked.receipt.len().to_string()]));
    }
    if policy.is_none() {
        say.result(say.text("ledger.named-key", [""; 0]));
    }
    Ok(Exit::Conformant)
}

/// How the ledger of a running relay stands, as a party of its world is told.
fn status(asked: &LedgerStatus, say: &Say) -> Result<Exit, Failure> {
    asked.out.as_deref().map_or(Ok(()), output::free)?;
    let policy = asked.policy.as_deref().map(|path| policy(path, &[])).transpose()?;
    let world = World::open(&asked.world).map_err(|error| failed(&asked.world, &error))?;
    let handle = Party::start(&world, &asked.party, Options::default());
    let handle = handle.map_err(|error| failed(&asked.world, &error))?;
    let unanswered = |code: String| {
        Failure::new(Exit::Nonconformant, "ledger.no-status", [code]).fix("ledger.no-status-fix", [""; 0])
    };
    let proof::LedgerStatus { from, until, checkpoint } = handle.ledger_status().map_err(unanswered)?;
    let distrusted = || {
        let place = "ck:Checkpoint";
        Failure::new(Exit::Unverified, "ledger.cosign-untrusted", [place])
            .fix("ledger.cosign-untrusted-fix", [""; 0])
    };
    let note = String::from_utf8(checkpoint).map_err(|_| distrusted())?;
    let read = match &policy {
        Some(policy) => policy.trust_log(&note).ok().map(|trusted| trusted.checkpoint),
        None => Note::parse(&note).and_then(|note| Checkpoint::parse(&note.text)),
    };
    let checkpoint = read.ok_or_else(distrusted)?;
    let size = checkpoint.size.to_string();
    say.result(say.text("ledger.standing", [checkpoint.origin, size, from.format(), until.format()]));
    if let Some(path) = &asked.out {
        output::write_new(path, note.as_bytes(), Readers::Usual)?;
    }
    Ok(Exit::Conformant)
}

/// What a receipt promises has to be there.
fn kept(receipt: &str, bundle: &Bundle) -> Result<(), Failure> {
    let bad =
        || Failure::new(Exit::Usage, "ledger.bad-receipt", [receipt]).fix("ledger.bad-receipt-fix", [""; 0]);
    let octets: [u8; 32] =
        decode_base64(receipt).and_then(|octets| octets.try_into().ok()).ok_or_else(bad)?;
    if bundle.chain.entries.iter().any(|entry| entry.commitment.0 == octets) {
        return Ok(());
    }
    Err(Failure::new(Exit::Unverified, "ledger.receipt-not-kept", [receipt])
        .fix("ledger.receipt-not-kept-fix", [""; 0]))
}

fn prove(asked: &LedgerProve, say: &Say) -> Result<Exit, Failure> {
    output::free(&asked.out)?;
    let keys = signers(&asked.key, &asked.origin)?;
    let log = keys.first().map(|key| key.verifier().clone()).ok_or_else(|| bad_origin(&asked.origin))?;
    let bad_number =
        || Failure::new(Exit::Usage, "ledger.bad-number", [""; 0]).fix("ledger.bad-number-fix", [""; 0]);
    let scheme = Scheme::from_uri(&asked.scheme).ok_or_else(bad_number)?;
    let number = Identifier::new(scheme, &say.ask_number()?).map_err(|_| bad_number())?;

    let store = existing(&asked.state)?;
    let fails = |error: &dyn std::fmt::Display| unusable(&asked.state, error);
    let now = now();
    let persons = store.persons(&asked.party, &number, now).map_err(|error| fails(&error))?;
    let [person] = persons.as_slice() else {
        return Err(Failure::new(Exit::Usage, "ledger.nobody", [""; 0]).fix("ledger.nobody-fix", [""; 0]));
    };
    let made = store.checkpoint(&keys, now);
    made.map_err(|error| unsigned(&error, &asked.state, &asked.key).unwrap_or_else(|| fails(&error)))?;
    let bundle = store.bundle(*person, &asked.since, &log).map_err(|error| fails(&error))?;
    begins_since(&bundle, &asked.since)?;
    let json = bundle.json().map_err(|error| Failure::write(&asked.out, &error))?;
    output::write_new(&asked.out, json.as_bytes(), Readers::Usual)?;
    let size = store.last_checkpoint().map(|(checkpoint, _)| checkpoint.size).unwrap_or_default();
    let (out, entries) = (asked.out.display().to_string(), bundle.chain.entries.len().to_string());
    say.result(say.text("ledger.made", [out, entries, size.to_string()]));
    Ok(Exit::Conformant)
}

/// Checkpoints that were asked for are in the proof: a relay leaves out what it has not signed.
pub(crate) fn begins_since(bundle: &Bundle, since: &[u64]) -> Result<(), Failure> {
    let size = |note: &String| Some(Checkpoint::parse(&Note::parse(note)?.text)?.size);
    let sizes: Vec<u64> = bundle.checkpoints.iter().filter_map(size).collect();
    let Some(lacking) = since.iter().find(|size| !sizes.contains(size)) else { return Ok(()) };
    let newest = sizes.last().map_or_else(|| "–".to_owned(), u64::to_string);
    Err(Failure::new(Exit::Usage, "ledger.no-since", [lacking.to_string(), newest])
        .fix("ledger.no-since-fix", [""; 0]))
}

/// Why nothing is signed.
fn unsigned(error: &LedgerError, state: &Path, keys: &[PathBuf]) -> Option<Failure> {
    let state = state.display().to_string();
    match error {
        // Another key than the one that has signed until now begins another log.
        LedgerError::OtherKey => {
            let keys: Vec<_> = keys.iter().map(|key| key.display().to_string()).collect();
            let failure = Failure::new(Exit::Usage, "ledger.other-key", [keys.join(", ")]);
            Some(failure.fix("ledger.other-key-fix", [""; 0]))
        }
        LedgerError::Behind { signed } => {
            let failure = Failure::new(Exit::Setup, "ledger.lacks", [state.clone(), signed.to_string()]);
            Some(failure.fix("ledger.lacks-fix", [state]))
        }
        _ => None,
    }
}

fn publish(asked: &LedgerPublish, say: &Say) -> Result<Exit, Failure> {
    let keys = signers(&asked.key, &asked.origin)?;
    let store = existing(&asked.state)?;
    let fails = |error: LedgerError| match error {
        LedgerError::Folder { error } => Failure::write(&asked.out, &error),
        LedgerError::Published { size } => {
            let counts = [asked.out.display().to_string(), size.to_string()];
            Failure::new(Exit::Setup, "ledger.published-other", counts)
                .fix("ledger.published-other-fix", [asked.state.display().to_string()])
        }
        error => unsigned(&error, &asked.state, &asked.key).unwrap_or_else(|| unusable(&asked.state, &error)),
    };
    // Before anything is signed that contradicts it.
    store.goes_on_from(&asked.out).map_err(fails)?;
    store.checkpoint(&keys, now()).map_err(fails)?;
    let files = store.publish(&asked.out).map_err(fails)?;
    let (checkpoint, _) = store.last_checkpoint().map_err(fails)?;
    let counts = [files.to_string(), checkpoint.size.to_string()];
    say.result(say.text("ledger.published", [asked.out.display().to_string()].into_iter().chain(counts)));
    Ok(Exit::Conformant)
}

/// The log has ended; its relay goes on with another.
fn succeed(asked: &LedgerSucceed, say: &Say) -> Result<Exit, Failure> {
    let key = signer(&asked.key, &asked.origin, KeyUse::Log)?;
    let line = format!("log {}", key.verifier());
    if let Location::File(path) = location(&asked.state)? {
        Store::unused(&path).map_err(|error| backup::why(&path, error))?;
    }
    let store = existing(&asked.state)?;
    store.succeed(&[key], now()).map_err(|error| match error {
        LedgerError::SameLog => Failure::new(Exit::Usage, "ledger.same-log", [asked.origin.clone()])
            .fix("ledger.same-log-fix", [""; 0]),
        LedgerError::NoCheckpoint => {
            Failure::new(Exit::Usage, "ledger.no-log", [asked.state.display().to_string()])
                .fix("ledger.no-log-fix", [""; 0])
        }
        error => unusable(&asked.state, &error),
    })?;
    let (checkpoint, _) = store.last_checkpoint().map_err(|error| unusable(&asked.state, &error))?;
    say.note(say.text("ledger.succeeded", [checkpoint.origin, checkpoint.size.to_string()]));
    say.result(line);
    Ok(Exit::Conformant)
}

fn fsck(asked: &LedgerFsck, say: &Say) -> Result<Exit, Failure> {
    let policy = asked.policy.as_deref().map(|path| policy(path, &asked.earlier)).transpose()?;
    let published = asked.published.iter().map(|path| backup::published(path));
    let known =
        published.map(|read| read.map(|(_, checkpoint)| checkpoint)).collect::<Result<Vec<_>, _>>()?;
    let store = existing(&asked.state)?;
    match store.fsck(policy.as_ref()).map_err(|error| unusable(&asked.state, &error))? {
        Ok(sound) => {
            let counts = [sound.leaves, sound.entries, sound.destroyed, sound.chains, sound.checkpoints];
            say.result(say.text("ledger.sound", counts.map(|count| count.to_string())));
            known.iter().try_for_each(|known| begins_with(&store, known, &asked.state))?;
            Ok(Exit::Conformant)
        }
        Err(damage) => {
            damage.iter().for_each(|damage| say.result(damage_text(damage, say)));
            let fix = match (&policy, asked.earlier.is_empty()) {
                (Some(_), true) => "ledger.unsound-policy-fix",
                _ => "ledger.unsound-fix",
            };
            Err(Failure::new(Exit::Unverified, "ledger.unsound", [damage.len().to_string()])
                .fix(fix, [""; 0]))
        }
    }
}

/// Whether the ledger begins with the tree of a checkpoint that somebody has kept.
fn begins_with(store: &Store, known: &Checkpoint, state: &Path) -> Result<(), Failure> {
    if !store.is_behind(known).map_err(|error| unusable(state, &error))? {
        return Ok(());
    }
    let shown = state.display().to_string();
    Err(Failure::new(Exit::Unverified, "ledger.lacks", [shown.clone(), known.size.to_string()])
        .fix("ledger.lacks-fix", [shown]))
}

/// What was kept long enough goes. The day is told by who runs the relay: a clock that is ahead would take years.
fn destroy(asked: &LedgerDestroy, say: &Say) -> Result<Exit, Failure> {
    let before = crate::mapping::date(&asked.before)?;
    if before > now() {
        return Err(Failure::new(Exit::Usage, "ledger.destroy-later", [asked.before.clone()])
            .fix("ledger.destroy-later-fix", [""; 0]));
    }
    let store = existing(&asked.state)?;
    let count = store.destroy_before(before).map_err(|error| unusable(&asked.state, &error))?;
    say.result(say.text("ledger.destroyed-now", [count.to_string(), asked.before.clone()]));
    Ok(Exit::Conformant)
}

fn key(asked: &LedgerKey, say: &Say) -> Result<Exit, Failure> {
    let out = asked.out.display().to_string();
    let fails = |error: &dyn std::fmt::Display| Failure::write(&asked.out, error);
    let key = Ed25519PrivateKey::generate().map_err(|error| fails(&error))?;
    let pem = key.to_pkcs8_pem().map_err(|error| fails(&error))?;
    let used = if asked.witness { KeyUse::Witness } else { KeyUse::Log };
    let signer = SignerKey::new(&asked.origin, used, key).ok_or_else(|| bad_origin(&asked.origin))?;
    output::write_new(&asked.out, pem.as_bytes(), Readers::Owner)?;
    say.note(say.text("ledger.key-made", [out]));
    let name = signer.verifier().name();
    match used {
        KeyUse::Log => say.result(format_args!("log {}", signer.verifier())),
        KeyUse::Witness => say.result(format_args!("witness {name} {}", signer.verifier())),
    }
    Ok(Exit::Conformant)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::read(path, &error))
}

pub(crate) fn bundle(path: &Path, json: &[u8]) -> Result<Bundle, Failure> {
    Bundle::parse(json).map_err(|error| {
        let why = match error {
            BundleError::Shape { error, .. } => error, // its place stands in it
            error => error.to_string(),
        };
        Failure::new(Exit::Usage, "ledger.unreadable", [path.display().to_string(), why])
            .fix("ledger.unreadable-fix", [""; 0])
    })
}

/// A policy, after those that counted earlier.
pub(crate) fn policy(path: &Path, earlier: &[PathBuf]) -> Result<Policy, Failure> {
    earlier.iter().try_fold(one_policy(path)?, |policy, earlier| Ok(policy.after(&one_policy(earlier)?)))
}

fn one_policy(path: &Path) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    Policy::parse(&text).map_err(|error| {
        let failure = Failure::new(
            Exit::Usage,
            "ledger.bad-policy",
            [path.display().to_string(), error.expected.to_owned()],
        )
        .fix("ledger.bad-policy-fix", [""; 0]);
        if error.line == 0 { failure } else { failure.at(path, error.line, 1) }
    })
}

/// The keys of a log: more than one while one replaces another.
fn signers(paths: &[PathBuf], origin: &str) -> Result<Vec<SignerKey>, Failure> {
    paths.iter().map(|path| signer(path, origin, KeyUse::Log)).collect()
}

pub(crate) fn signer(path: &Path, origin: &str, used: KeyUse) -> Result<SignerKey, Failure> {
    let pem = std::fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
    let key = Ed25519PrivateKey::from_pem(&pem).map_err(|error| {
        let path = path.display().to_string();
        Failure::new(Exit::Usage, "ledger.bad-key", [path.clone(), error.to_string()])
            .fix("ledger.bad-key-fix", [path])
    })?;
    SignerKey::new(origin, used, key).ok_or_else(|| bad_origin(origin))
}

fn bad_origin(origin: &str) -> Failure {
    Failure::new(Exit::Usage, "ledger.bad-origin", [origin]).fix("ledger.bad-origin-fix", [""; 0])
}

/// A state that is there: a slip of the pen must not make an empty ledger and find it sound.
pub(crate) fn existing(written: &Path) -> Result<Store, Failure> {
    let location = location(written)?;
    match &location {
        Location::File(path) => is_state(path)?,
        Location::Postgres(_) => {
            if !Store::exists(&location).map_err(|error| unusable(written, &error))? {
                let at = location.to_string();
                return Err(Failure::new(Exit::Setup, "ledger.empty", [at]).fix("ledger.empty-fix", [""; 0]));
            }
        }
    }
    opened(written, location)
}

/// A state that is there, or is made.
pub(crate) fn made(written: &Path) -> Result<Store, Failure> {
    opened(written, location(written)?)
}

/// A file that begins as those of states do.
pub(crate) fn is_state(path: &Path) -> Result<(), Failure> {
    let mut begins = [0; SQLITE.len()];
    let mut file = std::fs::File::open(path).map_err(|error| Failure::read(path, &error))?;
    match file.read_exact(&mut begins) {
        Ok(()) if begins == *SQLITE => Ok(()),
        Ok(()) => Err(no_state(path)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(no_state(path)),
        Err(error) => Err(Failure::read(path, &error)),
    }
}

fn no_state(path: &Path) -> Failure {
    Failure::new(Exit::Usage, "ledger.no-state", [path.display().to_string()])
        .fix("ledger.no-state-fix", [""; 0])
}

fn opened(written: &Path, location: Location) -> Result<Store, Failure> {
    Store::open(location).map_err(|error| match error {
        StoreError::Unsafe { at, setting } => {
            Failure::new(Exit::Setup, "ledger.unsafe", [at, setting]).fix("ledger.unsafe-fix", [""; 0])
        }
        StoreError::Mappings { path } => mappings_named(&path),
        error => unusable(written, &error),
    })
}

/// The other of the two files of a state was named.
pub(crate) fn mappings_named(path: &Path) -> Failure {
    let path = path.display().to_string();
    let own =
        path.strip_suffix(".mappings.db").map_or_else(|| "relay.db".to_owned(), |stem| format!("{stem}.db"));
    Failure::new(Exit::Usage, "ledger.mappings-file", [path]).fix("ledger.mappings-file-fix", [own])
}

/// A file or a database, as it is written on the command line.
pub(crate) fn location(written: &Path) -> Result<Location, Failure> {
    Location::read(written).map_err(|error| match error {
        StoreError::Remote { host } => {
            Failure::new(Exit::Setup, "ledger.remote", [host]).fix("ledger.remote-fix", [""; 0])
        }
        StoreError::Url { error } => {
            Failure::new(Exit::Usage, "ledger.url", [error]).fix("ledger.url-fix", [""; 0])
        }
        error => unusable(written, &error),
    })
}

pub(crate) fn unusable(written: &Path, error: &dyn std::fmt::Display) -> Failure {
    // A URL may have a password.
    let location = Location::read(written);
    let shown = location.as_ref().map(ToString::to_string).unwrap_or_default();
    let why = error.to_string();
    let why = why.strip_prefix(&format!("{shown}: ")).unwrap_or(&why).to_owned();
    let fix =
        if matches!(location, Ok(Location::Postgres(_))) { "ledger.server-fix" } else { "ledger.store-fix" };
    Failure::new(Exit::Setup, "ledger.store", [shown.clone(), why]).fix(fix, [shown])
}

pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

pub(crate) fn damage_text(damage: &Damage, say: &Say) -> String {
    let one = |key, value: &dyn ToString| (key, vec![value.to_string()]);
    let (key, with) = match damage {
        Damage::File { says } => one("file", says),
        Damage::Mappings { says } => one("mappings", says),
        Damage::Leaf { leaf } => one("leaf", leaf),
        Damage::Content { leaf } => one("content", leaf),
        Damage::History { leaf } => one("history", leaf),
        Damage::Entries { history, ledger } => ("entries", vec![history.to_string(), ledger.to_string()]),
        Damage::Chain { number } => one("chain", number),
        Damage::Tile { level, index } => ("tile", vec![level.to_string(), index.to_string()]),
        Damage::Heads { leaf } => one("heads", leaf),
        Damage::Map => ("map", vec![]),
        Damage::Checkpoint { size } => one("checkpoint", size),
    };
    say.text(&format!("ledger.damage.{key}"), with)
}
