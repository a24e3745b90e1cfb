//! A party of the mock world as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::Folder;

/// Runs until it is dropped.
pub(crate) struct Mock {
    child: Child,
    /// Its first line, which says where it listens.
    pub(crate) ready: Value,
}

impl Mock {
    pub(crate) fn start(folder: &Folder, who: &str, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chukei"))
            .args(["--quiet", "mock", who, "--world", "world"])
            .args(words)
            .current_dir(&folder.path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
