//! A store on a disk that fails: full, read-only, one that cannot bring anything to the platter, one that tears writes. While it does,
//! whatever would have to be written is refused; nothing that was acknowledged is lost; and when the disk works again, so does the
//! store, without a restart. The disk is `support/fault_fs.c`, preloaded into a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use chukei_crypto::UnixTime;
use chukei_ledger::{Ed25519PrivateKey, KeyUse, SignerKey};
use chukei_profile::{Purpose, history::Kind};
use chukei_relay::{AccessLog as _, NewEntry, Person, ReplayStore as _};
use chukei_store::Store;

const NOW: UnixTime = UnixTime(1_790_000_000);
/// Where the process finds its state.
const STATE: &str = "CHUKEI_TEST_STATE";
const PERSON: Person = Person(1);

/// The preloaded library, compiled once for all tests.
fn library() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("fault_fs.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/fault_fs.c");
        let made =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(made.unwrap().success());
        (folder, library)
    };
    &MADE.get_or_init(make).1
}

/// A process with a store, on a disk that does what it is told.
struct Desk {
    folder: tempfile::TempDir,
    child: Child,
    to: Option<ChildStdin>,
    from: Lines<BufReader<ChildStdout>>,
    recorded: BTreeSet<String>,
    sent: usize,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("word"), "").unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let mut child = process(folder.path()).spawn().unwrap();
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { folder, child, to, from, recorded: BTreeSet::new(), sent: 0 }
    }

    /// What the disk does from now on.
    fn disk(&self, word: &str) {
        let (path, beside) = (self.folder.path().join("word"), self.folder.path().join("word.part"));
        std::fs::write(&beside, word).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    fn says(&mut self, line: &str) -> String {
        writeln!(self.to.as_mut().unwrap(), "{line}").unwrap();
        loop {
            let said = self.from.next().expect("an answer").unwrap();
            // The test harness of the process says things too, on the same line even.
            if let Some((_, said)) = said.split_once("> ") {
                return said.to_owned();
            }
        }
    }

    fn appends(&mut self) -> String {
        self.sent += 1;
        let id = format!("_{}", self.sent);
        let said = self.says(&format!("append {id}"));
        if said == "done" {
            self.recorded.insert(id);
        }
        said
    }

    /// Ends the process; what it has acknowledged is there, without a gap, and nothing that nobody sent.
    fn close(mut self) {
        drop(self.to.take());
        assert!(self.child.wait().unwrap().success());
        let store = Store::open(&self.folder.path().join("state/relay.db")).unwrap();
        let history = store.history(PERSON).unwrap();
        let found: BTreeSet<String> = history.iter().filter_map(|entry| entry.envelope.clone()).collect();
        assert!(found.is_superset(&self.recorded), "{:?} are lost", self.recorded.difference(&found));
        assert!(found.len() <= self.sent);
        assert!(history.iter().map(|entry| entry.number).eq(1..=history.len() as u64));
        store.fsck(None).unwrap().unwrap();
    }
}

fn process(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_process", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(STATE, folder.join("state/relay.db"));
    command.env("LD_PRELOAD", library()).env("FAULT_WORD", folder.join("word"));
    command.env("FAULT_DIR", folder.join("state"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// What runs in the process: lines say what to do, and each is answered by one.
#[test]
#[ignore = "one of the others' processes"]
fn the_process() {
    let path = std::env::var_os(STATE).unwrap();
    let store = match Store::open(Path::new(&path)) {
        Ok(store) => store,
        Err(error) => {
            println!("> {error}");
            return;
        }
    };
    let key = Ed25519PrivateKey::from_seed(&[7; 32]).unwrap();
    let key = SignerKey::new("relay.example.test/ledger", KeyUse::Log, key).unwrap();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (verb, id) = line.split_once(' ').unwrap_or((&line, ""));
        let said = match verb {
            "append" => store.append(&[entry(id)]).map(|_| true).ok(),
            "use" => store.first_use("owner", id, NOW).ok(),
            _ => store.checkpoint(std::slice::from_ref(&key), NOW).map(|_| true).ok(),
        };
        println!("> {}", said.map_or("refused", |first| if first { "done" } else { "no" }));
    }
}

fn entry(id: &str) -> NewEntry {
    NewEntry {
        person: Some(PERSON),
        at: NOW,
        actor: "https://insurer-a.example.test/".to_owned(),
        kind: Kind::Mapping,
        outcome: "granted".to_owned(),
        purpose: Purpose::CombinedHighCost,
        items: Vec::new(),
        envelope: Some(id.to_owned()),
        target: Some("https://insurer-b.example.test/".to_owned()),
        carried_to: None,
        asked: None,
        login: None,
        withheld_until: None,
    }
}

/// Works, fails, works again; twice, for what a failure leaves behind shows in the next.
fn fails_and_recovers(word: &str) {
    let mut desk = Desk::new();
    for turn in 0..2 {
        for _ in 0..3 {
            assert_eq!(desk.appends(), "done");
        }
        assert_eq!(desk.says("checkpoint"), "done");
        assert_eq!(desk.says(&format!("use before-{turn}")), "done");
        desk.disk(word);
        for _ in 0..3 {
            assert_eq!(desk.appends(), "refused", "{word}");
        }
        assert_eq!(desk.says(&format!("use during-{turn}")), "refused", "{word}");
        assert_eq!(desk.says("checkpoint"), "refused", "{word}");
        desk.disk("");
        assert_eq!(desk.appends(), "done", "by itself, after {word}");
        assert_eq!(desk.says(&format!("use before-{turn}")), "no", "still used");
        assert_eq!(desk.says("checkpoint"), "done");
    }
    desk.close();
}

#[test]
fn a_full_disk() {
    fails_and_recovers("full");
}

#[test]
fn a_read_only_disk() {
    fails_and_recovers("read-only");
}

#[test]
fn a_disk_that_does_not_sync() {
    fails_and_recovers("sync");
}

#[test]
fn a_disk_that_tears_writes() {
    fails_and_recovers("torn");
}

#[test]
fn a_state_that_cannot_be_made_says_which_and_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    for word in ["full", "read-only"] {
        std::fs::write(folder.path().join("word"), word).unwrap();
        let told = process(folder.path()).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let line = told.lines().find_map(|line| line.split_once("> ")).unwrap().1;
        assert!(line.contains("state/relay.db: "), "{line}");
    }
    std::fs::write(folder.path().join("word"), "").unwrap();
    let told = process(folder.path()).output().unwrap();
    assert!(told.status.success() && folder.path().join("state/relay.db").exists());
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("1 passed") && !told.contains("> "), "the same without a fault: {told}");
}
