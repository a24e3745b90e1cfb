//! A PostgreSQL of the tests' own: in a scratch folder, on a socket in it and on no port, as a user who is not root.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// Starts a server, kills and starts it again as it is told, and when nobody can tell it anything any more, stops it and
/// takes the folder away: a test that ends in any way leaves nothing behind.
const KEEPER: &str = r#"
dir=$1; shift
"$@" & pid=$!
while read -r word; do
    case $word in
        kill) kill -9 "$pid" $(ps -o pid= --ppid "$pid"); wait "$pid"; echo "CHUKEI killed" >&2 ;;
        pause) kill -STOP "$pid" $(ps -o pid= --ppid "$pid"); echo "CHUKEI paused" >&2 ;;
        resume) kill -CONT "$pid" $(ps -o pid= --ppid "$pid"); echo "CHUKEI resumed" >&2 ;;
        start) wait "$pid"; "$@" & pid=$! ;;
    esac
done 2>&2
kill -INT "$pid" 2>/dev/null
kill -CONT "$pid" $(ps -o pid= --ppid "$pid") 2>/dev/null
wait "$pid"
rm -rf "$dir"
"#;

/// A server. It ends when this is dropped, or the process ends.
pub(crate) struct Server {
    folder: PathBuf,
    keeper: Child,
    tell: Option<ChildStdin>,
    says: Mutex<Receiver<String>>,
}

impl Server {
    /// Nothing, and a note, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// With further settings.
    #[allow(clippy::print_stderr, reason = "what was not run is said")]
    pub(crate) fn start_with(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CHUKEI_NEED_POSTGRES").is_none(), "PostgreSQL is not installed");
            eprintln!("not run: PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap().keep();
        let plain = plain_user();
        if let Some(user) = plain {
            run(Command::new("chown").arg(user).arg(&folder));
        }
        let as_user = |program: &str| {
            let program = programs.join(program);
            let Some(user) = plain else { return vec![program.into_os_string()] };
            let group = Command::new("id").args(["-g", user]).output().unwrap().stdout;
            let group = String::from_utf8(group).unwrap();
            let words = ["setpriv", "--reuid", user, "--regid", group.trim(), "--clear-groups", "--"];
            words.into_iter().map(Into::into).chain([program.into_os_string()]).collect()
        };
        let initdb = as_user("initdb");
        let (program, words) = initdb.split_first().unwrap();
        let data = folder.join("data");
        // Texts in an order that is not that of their octets: nothing may depend on it.
        run(Command::new(program)
            .args(words)
            .arg("-D")
            .arg(&data)
            .args(["-U", "chukei", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"])
            .args(["--locale-provider=icu", "--icu-locale=ja-JP"])
            .current_dir(&folder));

        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&folder).args(as_user("postgres")).arg("-D").arg(&data);
        keeper.args(["-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=16MB"]);
        keeper.arg("-c").arg(format!("unix_socket_directories={}", folder.display()));
        for setting in settings {
            keeper.args(["-c", setting]);
        }
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).current_dir(&folder);
        let mut keeper = keeper.spawn().unwrap();
        let lines = BufReader::new(keeper.stderr.take().unwrap()).lines();
        let (heard, says) = mpsc::channel();
        // Read to the end, else the server would wait for ever to say something.
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| drop(heard.send(line)));
        });
        let tell = keeper.stdin.take();
        let server = Self { folder, keeper, tell, says: Mutex::new(says) };
        server.is_ready();
        Some(server)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.folder
    }

    /// Kills it with all of its processes, in the middle of whatever they do.
    pub(crate) fn kill(&self) {
        self.order("kill");
        self.wait("CHUKEI killed");
    }

    /// Lets it stand still: it is there, and does not answer.
    pub(crate) fn pause(&self) {
        self.order("pause");
        self.wait("CHUKEI paused");
    }

    /// Lets it go on after [`Server::pause`].
    pub(crate) fn resume(&self) {
        self.order("resume");
        self.wait("CHUKEI resumed");
    }

    /// Starts it again after [`Server::kill`].
    pub(crate) fn restart(&self) {
        self.order("start");
        self.is_ready();
    }

    fn is_ready(&self) {
        // What a killed one has left behind is still ending.
        while self.wait("ready to accept connections|still in use|could not create any").contains("use") {
            self.order("start");
        }
    }

    fn order(&self, word: &str) {
        writeln!(self.tell.as_ref().unwrap(), "{word}").unwrap();
    }

    fn wait(&self, any: &str) -> String {
        let says = self.says.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        loop {
            match says.recv_timeout(PATIENCE) {
                Ok(line) if any.split('|').any(|text| line.contains(text)) => return line,
                Ok(line) => all.push(line),
                Err(error) => panic!("the server does not say {any:?}: {error}\n{}", all.join("\n")),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.tell.take());
        let _ = self.keeper.wait();
    }
}

/// The folder of the server's programs.
fn programs() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok().filter(|told| told.status.success());
    let told = told.and_then(|told| String::from_utf8(told.stdout).ok());
    let told = told.map(|folder| PathBuf::from(folder.trim()));
    let usual = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let usual = usual.map(|version| version.path().join("bin"));
    told.into_iter().chain(usual).find(|folder| folder.join("initdb").exists())
}

/// Whom to be instead of root.
fn plain_user() -> Option<&'static str> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() != b"0" {
        return None;
    }
    let is_there = |user: &&str| {
        let asked = Command::new("id").arg(user).stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    ["postgres", "nobody"].into_iter().find(is_there)
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
