//! What the command says to people: in their language, results to standard output, everything else to standard error.

use std::{
    fmt,
    io::{BufRead, IsTerminal, Read, Write},
    path::Path,
    process::ExitCode,
    sync::{Mutex, OnceLock, PoisonError},
};

use chukei_evidence::{Catalogue, Lang, Phrase};
use chukei_harness::Setup;

use crate::foreign;

/// Exit codes; the numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything selected is met.
    Conformant,
    /// At least one demand is not met, or not shown to be.
    Nonconformant,
    /// Wrong use, or a mistake in a file.
    Usage,
    /// The set-up is at fault.
    Setup,
    /// The suite is at fault.
    Harness,
    /// The baseline has to be mended.
    Baseline,
    /// Nothing selected, or the run did not end.
    Empty,
    /// The evidence does not verify.
    Unverified,
}

impl Exit {
    /// The code with this number, as the engine's policies give it.
    pub(crate) const fn of(code: u8) -> Self {
        match code {
            0 => Self::Conformant,
            1 => Self::Nonconformant,
            2 => Self::Usage,
            3 => Self::Setup,
            5 => Self::Baseline,
            6 => Self::Empty,
            7 => Self::Unverified,
            _ => Self::Harness,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Conformant => 0,
            Self::Nonconformant => 1,
            Self::Usage => 2,
            Self::Setup => 3,
            Self::Harness => 4,
            Self::Baseline => 5,
            Self::Empty => 6,
            Self::Unverified => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// Why the command stops early, and with which code.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    what: Phrase,
    /// `FILE:LINE:COLUMN`, where a file is at fault.
    place: Option<String>,
    fix: Option<Phrase>,
}

impl Failure {
    pub(crate) fn new<S: Into<String>>(exit: Exit, key: &str, with: impl IntoIterator<Item = S>) -> Self {
        Self { exit, what: Phrase::key(key, with), place: None, fix: None }
    }

    /// The same for what already is a phrase.
    pub(crate) const fn of(exit: Exit, what: Phrase) -> Self {
        Self { exit, what, place: None, fix: None }
    }

    /// With what to do about it.
    pub(crate) fn fix<S: Into<String>>(mut self, key: &str, with: impl IntoIterator<Item = S>) -> Self {
        self.fix = Some(Phrase::key(key, with));
        self
    }

    /// With the place in a file that is at fault.
    pub(crate) fn at(mut self, file: &std::path::Path, line: usize, column: usize) -> Self {
        self.place = Some(format!("{}:{line}:{column}", file.display()));
        self
    }

    /// With the option that is at fault.
    pub(crate) fn by(mut self, option: &str) -> Self {
        self.place = Some(option.to_owned());
        self
    }

    /// What is wrong, without place and fix.
    #[cfg(test)]
    pub(crate) fn told(&self, lang: Lang) -> String {
        foreign::say(&self.what, lang)
    }

    /// A set-up fault of the product that `file` describes; one with a place in it is a mistake there.
    pub(crate) fn setup(fault: &Setup, file: &str) -> Self {
        Self {
            exit: if fault.place.is_some() { Exit::Usage } else { Exit::Setup },
            what: fault.phrase(),
            place: fault.place.map(|(line, column)| format!("{file}:{line}:{column}")),
            fix: fault.fix.as_ref().map(|fix| match fix.phrase() {
                // Some say where to write something: that is their last argument.
                Phrase::Key { key, with } => Phrase::key(&key, with.into_iter().chain([file.to_owned()])),
                value => value,
            }),
        }
    }

    /// The same as a wrong use of the command.
    pub(crate) const fn usage(mut self) -> Self {
        self.exit = Exit::Usage;
        self
    }

    /// A folder or file that cannot be written.
    pub(crate) fn write(path: &std::path::Path, error: &dyn fmt::Display) -> Self {
        Self::new(Exit::Setup, "failure.write", [path.display().to_string(), error.to_string()])
            .fix("failure.write-fix", [path.display().to_string()])
    }

    /// A file that cannot be read.
    pub(crate) fn read(path: &std::path::Path, error: &dyn fmt::Display) -> Self {
        Self::new(Exit::Usage, "failure.read", [path.display().to_string(), error.to_string()])
    }
}

/// The voice of the command.
#[derive(Debug)]
pub(crate) struct Say {
    pub(crate) lang: Lang,
    pub(crate) quiet: bool,
}

/// All texts: the engine's, the suite's, the command's.
pub(crate) fn catalogue() -> &'static Catalogue {
    static ALL: OnceLock<Catalogue> = OnceLock::new();
    ALL.get_or_init(|| {
        let own = Catalogue::parse(include_str!("../messages/ja.toml"), include_str!("../messages/en.toml"));
        let ledger = Catalogue::parse(
            include_str!("../messages/ledger.ja.toml"),
            include_str!("../messages/ledger.en.toml"),
        );
        let mapping = Catalogue::parse(
            include_str!("../messages/mapping.ja.toml"),
            include_str!("../messages/mapping.en.toml"),
        );
        // A test reads the files; if they could not be read, keys would be shown in place of texts.
        let suite = Catalogue::builtin().clone().and(chukei_conformance::catalogue());
        suite.and(&own.unwrap_or_default()).and(&ledger.unwrap_or_default()).and(&mapping.unwrap_or_default())
    })
}

/// What standard output said when a result was lost.
static LOST: Mutex<Option<String>> = Mutex::new(None);

/// A reader that has gone away has what it wanted; any other result that is lost is a failure.
fn lose(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::BrokenPipe {
        *LOST.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

impl Say {
    /// A text with its arguments.
    pub(crate) fn text<S: Into<String>>(&self, key: &str, with: impl IntoIterator<Item = S>) -> String {
        catalogue().say(&Phrase::key(key, with), self.lang)
    }

    /// A word of the protocol in the reader's language, or as it is.
    pub(crate) fn word(&self, group: &str, word: &str) -> String {
        catalogue().text(&format!("{group}.{word}"), self.lang).unwrap_or(word).to_owned()
    }

    /// One of two texts.
    pub(crate) const fn pick<'t>(&self, ja: &'t str, en: &'t str) -> &'t str {
        match self.lang {
            Lang::Ja => ja,
            Lang::En => en,
        }
    }

    /// A result, to standard output. A reader that has gone away is no failure.
    pub(crate) fn result(&self, text: impl fmt::Display) {
        if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
            lose(&error);
        }
    }

    /// Why a result has not reached standard output, if one has not.
    pub(crate) fn unwritten(&self) -> Option<Failure> {
        if let Err(error) = std::io::stdout().lock().flush() {
            lose(&error);
        }
        let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Failure::new(Exit::Setup, "failure.output", [lost]))
    }

    /// News for whoever watches, to standard error.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// Says what standard input is read for, to somebody at a terminal who would wait for nothing.
    pub(crate) fn ask(&self, key: &str) {
        if std::io::stdin().is_terminal() {
            let _ = writeln!(std::io::stderr().lock(), "{}", self.text(key, [""; 0]));
        }
    }

    /// A number from standard input, which ends at the end of the line.
    pub(crate) fn ask_number(&self) -> Result<String, Failure> {
        /// Octets of the largest that is read.
        const LARGEST: u64 = 4096;
        self.ask("login.type-number");
        let mut line = String::new();
        let read = std::io::stdin().lock().take(LARGEST).read_line(&mut line);
        read.map_err(|error| Failure::read(Path::new("-"), &error))?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Progress: one line that is written over at a terminal, one line in ten per cent elsewhere.
    pub(crate) fn progress(&self, done: usize, all: usize) {
        if self.quiet || all == 0 {
            return;
        }
        let text = self.text("run.progress", [done.to_string(), all.to_string()]);
        let mut stderr = std::io::stderr().lock();
        if stderr.is_terminal() {
            let end = if done == all { "\n" } else { "" };
            let _ = write!(stderr, "\r{text}{end}");
            let _ = stderr.flush();
        } else if done * 10 / all != done.saturating_sub(1) * 10 / all {
            let _ = writeln!(stderr, "{text}");
        }
    }

    /// Says what a run can go on with, but hardly as it was meant.
    pub(crate) fn doubt(&self, doubt: &Failure) {
        if !self.quiet {
            let _ = self.failure(doubt);
        }
    }

    /// Says why it stops, even when quiet.
    pub(crate) fn failure(&self, failure: &Failure) -> Exit {
        let mut stderr = std::io::stderr().lock();
        let what = foreign::say(&failure.what, self.lang);
        let place = failure.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        let _ = writeln!(stderr, "chukei: {place}{what}");
        if let Some(fix) = &failure.fix {
            let _ = writeln!(stderr, "  → {}", foreign::say(fix, self.lang));
        }
        failure.exit
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Two texts of one key would stand in each other's place.
    #[test]
    fn the_command_says_nothing_under_a_key_of_the_suite() {
        let suite = chukei_conformance::catalogue();
        for (key, lang) in suite.keys().flat_map(|key| [(key, Lang::Ja), (key, Lang::En)]) {
            assert_eq!(catalogue().text(key, lang), suite.text(key, lang), "{key}");
        }
        assert!(catalogue().keys().count() > suite.keys().count());
    }

    /// Every key that the engine writes has its texts.
    #[test]
    fn everything_that_the_engine_says_has_a_text() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut checked = 0;
        for source in ["harness/src", "chukei/src", "card/src"] {
            for entry in std::fs::read_dir(folder.join(source)).unwrap() {
                let path = entry.unwrap().path();
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                for word in text.split('"').skip(1).step_by(2) {
                    let is_key =
                        ["setup.", "fix.", "doctor.", "image."].iter().any(|area| word.starts_with(area));
                    if is_key && word.chars().all(|c| c.is_ascii_lowercase() || ".-0123456789".contains(c)) {
                        assert!(catalogue().keys().any(|key| key == word), "{}: {word}", path.display());
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked > 40, "{checked}");
    }
}
