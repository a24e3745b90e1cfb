//! Makes the vectors: one module per prefix of the catalogue.

mod alg;
mod bind;
mod c14n;
mod der;
mod dos;
mod enc;
mod key;
pub mod message;
mod old;
mod rsa;
mod signed;
mod small;
mod xml;
mod xml_message;
mod xml_octets;
mod xsw;

use chukei_reason::Reason;

use crate::{
    schema::{Flag, Group, Input, Kind, Outcome, Text, Vector},
    store::Entry,
};

/// Every module that makes vectors.
const MODULES: &[fn(&mut Book)] = &[
    xml::generate,
    xml_message::generate,
    xml_octets::generate,
    dos::generate,
    c14n::generate,
    signed::generate,
    xsw::generate,
    bind::generate,
    alg::generate,
    key::generate,
    enc::generate,
];

/// Everything that is generated.
#[must_use]
pub fn everything() -> Vec<Entry> {
    let mut book = Book::default();
    MODULES.iter().for_each(|generate| generate(&mut book));
    book.entries
}

/// Collects vectors.
#[derive(Debug, Default)]
pub struct Book {
    entries: Vec<Entry>,
}

impl Book {
    /// Opens a row (`XML-01`) for vectors of one kind.
    pub fn row(&mut self, row: &str, kind: Kind, flag: Flag) -> Row<'_> {
        Row { book: self, row: row.to_owned(), kind, flag, context: Group::default(), twin: None }
    }
}

/// Adds vectors to one row.
#[derive(Debug)]
pub struct Row<'b> {
    book: &'b mut Book,
    row: String,
    kind: Kind,
    flag: Flag,
    context: Group,
    twin: Option<String>,
}

impl Row<'_> {
    /// The context of the vectors that follow.
    pub fn context(&mut self, context: Group) -> &mut Self {
        self.context = context;
        self
    }

    /// The valid vector, of another row, from which those that follow differ.
    pub fn differs_from(&mut self, twin: &str) -> &mut Self {
        self.twin = Some(twin.to_owned());
        self
    }

    /// A valid vector; those that follow differ from it.
    pub fn valid(&mut self, case: u8, input: impl Into<Input>, en: &str, ja: &str) -> Made<'_> {
        self.twin = None;
        let made = self.add(case, input.into(), Outcome::Valid, None, en, ja);
        self.twin = Some(made);
        self.last()
    }

    /// A valid vector with something in it that must change nothing.
    pub fn inert(&mut self, case: u8, input: impl Into<Input>, en: &str, ja: &str) -> Made<'_> {
        self.add(case, input.into(), Outcome::Valid, None, en, ja);
        self.last()
    }

    /// One more valid vector, at the border of what is refused.
    pub fn control(&mut self, case: u8, input: impl Into<Input>, en: &str, ja: &str) -> Made<'_> {
        let twin = self.twin.take();
        self.add(case, input.into(), Outcome::Valid, None, en, ja);
        self.twin = twin;
        self.last()
    }

    /// An invalid vector.
    pub fn invalid(
        &mut self,
        case: u8,
        input: impl Into<Input>,
        reason: Reason,
        en: &str,
        ja: &str,
    ) -> Made<'_> {
        assert!(self.twin.is_some(), "{}: an invalid vector needs a valid one before it", self.row);
        self.add(case, input.into(), Outcome::Invalid, Some(reason), en, ja);
        self.last()
    }

    fn add(
        &mut self,
        case: u8,
        input: Input,
        result: Outcome,
        reason: Option<Reason>,
        en: &str,
        ja: &str,
    ) -> String {
        let (prefix, number) = self.row.split_once('-').expect("a row id");
        let number: u32 = number.parse().expect("a row number");
        let id = format!("{prefix}-{number:04}{case:02}");
        let vector = Vector {
            id: id.clone(),
            rows: vec![self.row.clone()],
            flags: vec![self.flag],
            comment: Text::new(en, ja),
            differs_from: self.twin.clone(),
            apex: None,
            prefix_list: None,
            input,
            output: None,
            reads: Default::default(),
            result,
            reason: reason.map(|reason| reason.to_string()),
            row_verdict: None,
            deviation: None,
        };
        let (kind, row, context) = (self.kind, self.row.clone(), self.context.clone());
        self.book.entries.push(Entry { kind, row, context, vector, random: false });
        id
    }

    fn last(&mut self) -> Made<'_> {
        Made(self.book.entries.last_mut().expect("just added"))
    }
}

/// The vector just added; takes what not every vector has.
#[derive(Debug)]
pub struct Made<'e>(&'e mut Entry);

impl Made<'_> {
    /// What every reader must find: path or field, and value.
    pub fn reads(self, place: &str, value: &str) -> Self {
        self.0.vector.reads.insert(place.to_owned(), value.to_owned());
        self
    }

    /// Covers more rows.
    pub fn also(self, rows: &[&str]) -> Self {
        self.0.vector.rows.extend(rows.iter().map(|row| (*row).to_owned()));
        self
    }

    /// What comes out.
    pub fn output(self, output: impl Into<Input>) -> Self {
        self.0.vector.output = Some(output.into());
        self
    }

    /// The element to be canonicalised.
    pub fn apex(self, path: &str) -> Self {
        self.0.vector.apex = Some(path.to_owned());
        self
    }

    /// `PrefixList` of `InclusiveNamespaces`.
    pub fn prefix_list(self, prefixes: &str) -> Self {
        self.0.vector.prefix_list = Some(prefixes.to_owned());
        self
    }

    /// The catalogue says otherwise, and why we do not follow it.
    pub fn deviates(self, row_verdict: &str, en: &str, ja: &str) -> Self {
        self.0.vector.row_verdict = Some(row_verdict.to_owned());
        self.0.vector.deviation = Some(Text::new(en, ja));
        self
    }

    /// The input has randomness in it: once made, it is kept.
    pub fn random(self) -> Self {
        self.0.random = true;
        self
    }
}
