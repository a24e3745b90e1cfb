//! Set-up faults: what is wrong before anything is judged, and what to do about it. They never become verdicts.

use std::fmt;

use chukei_evidence::Phrase;

/// A fault of the set-up. The texts of its code are in the suite's catalogue of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Key of the catalogue, such as `setup.file.missing`.
    pub code: &'static str,
    /// Its arguments.
    pub with: Vec<String>,
    /// What to do.
    pub fix: Option<Fix>,
    /// Line and column, from 1, where a file is at fault.
    pub place: Option<(usize, usize)>,
}

/// What to do about a set-up fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Make the world folder anew.
    MakeWorld(String),
    /// Put a sound file in the place of this one.
    Replace(String),
    /// Start the product, or correct its address.
    StartProduct(String),
    /// Put the world's certificate and key of this party into the product.
    UseIdentity(String),
    /// Set the clock by so many seconds.
    SetClock(i64),
    /// Set the clock.
    CheckClock,
    /// Stop whoever uses this port, or make the world with other ports.
    FreePort(u16),
    /// Write this instead.
    Write(String),
    /// Write one of these instead.
    OneOf(String),
    /// Describe the product in this file.
    WriteSut(String),
    /// Write it as the example of a description.
    SutForm,
    /// Answer 501 to what is not offered.
    AnswerNotOffered,
    /// Let the product trust the world's authority.
    TrustAuthority(String),
    /// Leave out one of these.
    LeaveOneOut(String),
    /// Put the value into quotation marks.
    Quote,
    /// Correct the path of this address.
    CorrectPath(String),
    /// Move this line above the first table.
    MoveUp(String),
}

impl Setup {
    /// A fault with its arguments.
    pub fn new<S: Into<String>>(code: &'static str, with: impl IntoIterator<Item = S>) -> Self {
        Self { code, with: with.into_iter().map(Into::into).collect(), fix: None, place: None }
    }

    /// A fault that needs no arguments.
    #[must_use]
    pub const fn plain(code: &'static str) -> Self {
        Self { code, with: Vec::new(), fix: None, place: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// The same with its place in a file.
    #[must_use]
    pub const fn at(mut self, line: usize, column: usize) -> Self {
        self.place = Some((line, column));
        self
    }

    /// What is wrong, to be shown in the reader's language.
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        Phrase::key(self.code, self.with.iter().cloned())
    }
}

impl Fix {
    /// What to do, to be shown in the reader's language.
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::MakeWorld(folder) => Phrase::key("fix.make-world", [folder]),
            Self::Replace(file) => Phrase::key("fix.replace", [file]),
            Self::StartProduct(url) => Phrase::key("fix.start-product", [url]),
            Self::UseIdentity(party) => Phrase::key("fix.use-identity", [party]),
            Self::SetClock(seconds) => Phrase::key("fix.set-clock", [seconds.to_string()]),
            Self::CheckClock => Phrase::plain("fix.check-clock"),
            Self::FreePort(port) => Phrase::key("fix.free-port", [port.to_string()]),
            Self::Write(text) => Phrase::key("fix.write", [text]),
            Self::OneOf(known) => Phrase::key("fix.one-of", [known]),
            Self::WriteSut(file) => Phrase::key("fix.write-sut", [file]),
            Self::SutForm => Phrase::plain("fix.sut-form"),
            Self::AnswerNotOffered => Phrase::plain("fix.answer-501"),
            Self::LeaveOneOut(keys) => Phrase::key("fix.leave-one-out", [keys]),
            Self::Quote => Phrase::plain("fix.quote"),
            Self::MoveUp(key) => Phrase::key("fix.move-up", [key]),
            Self::CorrectPath(url) => Phrase::key("fix.correct-path", [url]),
            Self::TrustAuthority(file) => Phrase::key("fix.trust-authority", [file]),
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code, self.with.join(", "))
    }
}

impl std::error::Error for Setup {}
