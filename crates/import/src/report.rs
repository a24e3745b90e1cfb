//! What is wrong with a file, and where.

use std::fmt;

/// Something about a file that somebody has to look at. Carries nothing of what the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What.
    pub cause: Cause,
}

/// What is wrong with a file, or to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The first line is no header of this format.
    Header,
    /// The header has more or fewer fields than it should.
    HeaderFields {
        /// What it should have.
        due: usize,
        /// What it has.
        found: usize,
    },
    /// The header is not plain ASCII.
    HeaderText,
    /// A version of the format that is not read.
    HeaderVersion,
    /// An encoding that is not read.
    HeaderEncoding,
    /// No source is named.
    HeaderSource,
    /// No code of a municipality.
    HeaderTown,
    /// No sequence number: a number from 1 on.
    HeaderSequence,
    /// A layout that is not known.
    HeaderLayout,
    /// No digest of the file before.
    HeaderPrevious,
    /// Octets that are no text in the encoding that the file names.
    Encoding,
    /// Not the source under whose name it was sent.
    Source,
    /// Another town's file.
    Town,
    /// A file before this one has not come.
    Lost {
        /// The next one.
        due: i64,
        /// What came.
        found: i64,
    },
    /// The file has come before.
    Repeated {
        /// The next one.
        due: i64,
        /// What came.
        found: i64,
    },
    /// The file before this one was another one.
    Chain,
    /// There is no trailer: the file is cut short.
    Truncated,
    /// The trailer counts other rows than there are.
    Count {
        /// What it says.
        said: u64,
        /// What there is.
        found: u64,
    },
    /// The octets are not those whose digest the trailer has.
    Digest,
    /// Something stands after the trailer.
    After,
    /// A line of no known sort.
    Line,
    /// A quotation mark where none may be, or none where one is due.
    Quote,
    /// A control character.
    Control,
    /// More or fewer fields than columns.
    Fields {
        /// Columns.
        due: usize,
        /// Fields.
        found: usize,
    },
    /// A column that the layout does not have, or one twice.
    Column,
    /// A column that the layout needs is not there.
    Missing,
    /// A field that may not be empty is.
    Empty,
    /// A field is filled that has no meaning here.
    Filled,
    /// A number without the form of its kind.
    Form,
    /// A number with a wrong check digit.
    CheckDigit,
    /// A character that is not portable (外字) in a number.
    NumberCharacter,
    /// No day of the calendar.
    Date,
    /// An interval without a day.
    Interval,
    /// No version: a number from 1 on.
    Version,
    /// No kind of numbers.
    Kind,
    /// No sort of change.
    Action,
    /// A party that no line of the file declares.
    Party,
    /// A group of columns whose party two lines declare.
    DeclaredTwice,
    /// Rows of one person that do not agree.
    Inconsistent,
    /// No well-formed file in XML, or not of its shape.
    Xml,

    /// To be looked at: a character that is not portable (外字) in a name or an address.
    Gaiji,
    /// To be looked at: a number in full-width or with hyphens was read as its canonical form.
    Folded,
    /// To be looked at: a number with a wrong check digit was taken.
    Doubtful,
    /// To be looked at: a care number of nine digits was taken.
    Short,
}

impl Cause {
    /// Its name in reports and catalogues of texts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::HeaderFields { .. } => "header-fields",
            Self::HeaderText => "header-text",
            Self::HeaderVersion => "header-version",
            Self::HeaderEncoding => "header-encoding",
            Self::HeaderSource => "header-source",
            Self::HeaderTown => "header-town",
            Self::HeaderSequence => "header-sequence",
            Self::HeaderLayout => "header-layout",
            Self::HeaderPrevious => "header-previous",
            Self::Encoding => "encoding",
            Self::Source => "source",
            Self::Town => "town",
            Self::Lost { .. } => "lost",
            Self::Repeated { .. } => "repeated",
            Self::Chain => "chain",
            Self::Truncated => "truncated",
            Self::Count { .. } => "count",
            Self::Digest => "digest",
            Self::After => "after",
            Self::Line => "line",
            Self::Quote => "quote",
            Self::Control => "control",
            Self::Fields { .. } => "fields",
            Self::Column => "column",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Filled => "filled",
            Self::Form => "form",
            Self::CheckDigit => "check-digit",
            Self::NumberCharacter => "number-character",
            Self::Date => "date",
            Self::Interval => "interval",
            Self::Version => "version",
            Self::Kind => "kind",
            Self::Action => "action",
            Self::Party => "party",
            Self::DeclaredTwice => "declared-twice",
            Self::Inconsistent => "inconsistent",
            Self::Xml => "xml",
            Self::Gaiji => "gaiji",
            Self::Folded => "folded",
            Self::Doubtful => "doubtful",
            Self::Short => "short",
        }
    }

    /// What the text of the catalogue is filled with.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        match self {
            Self::Lost { due, found } | Self::Repeated { due, found } => {
                vec![due.to_string(), found.to_string()]
            }
            Self::Count { said, found } => vec![said.to_string(), found.to_string()],
            Self::Fields { due, found } | Self::HeaderFields { due, found } => {
                vec![due.to_string(), found.to_string()]
            }
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.cause.name())
    }
}
