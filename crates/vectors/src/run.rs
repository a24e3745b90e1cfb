//! Runs one vector against the product crates.

use std::collections::BTreeMap;

use chukei_reason::Reason;
use chukei_xml::{Budget, Document, Element, Spent, XmlError, lexical};

use crate::{
    model::{Assertion, Fields, Response},
    run_security,
    schema::{Group, Kind, LexicalType, Outcome, Reader, Vector},
    store::Entry,
};

/// What became of a vector.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What was read, or why it was refused.
    pub result: Result<Fields, Reason>,
    /// What came out, where something does.
    pub output: Option<Vec<u8>>,
    /// What it cost.
    pub spent: Spent,
    /// How often a private key was used.
    pub private_operations: usize,
}

/// Runs a vector.
///
/// # Panics
/// When the vector's own form is wrong.
#[must_use]
pub fn run(entry: &Entry) -> Ran {
    run_on(entry, entry.vector.input.bytes().expect("base64 in a vector"))
}

/// [`run`] on bytes that are at hand, so that making them is not measured.
#[must_use]
pub fn run_on(entry: &Entry, input: Vec<u8>) -> Ran {
    let mut budget = Budget::default();
    let (mut output, mut private_operations) = (None, 0);
    let result = match entry.kind {
        Kind::XmlParse => parse(input, &entry.context, &entry.vector, &mut budget),
        Kind::C14n => canonical(input, &entry.vector, &mut budget).map(|bytes| {
            output = Some(bytes);
            Fields::new()
        }),
        Kind::Lexical => value(&input, &entry.context).map(|text| {
            output = Some(text.into_bytes());
            Fields::new()
        }),
        Kind::XmlSignature => run_security::signature(input, &entry.context, &entry.vector, &mut budget),
        Kind::XmlEncryption => {
            let (result, used) = run_security::encryption(input, &entry.context, &mut budget);
            private_operations = used;
            result
        }
        Kind::CertificatePath => run_security::certificate_path(&input, &entry.context),
        Kind::PublicKey => run_security::public_key(&input, &entry.context),
        Kind::RedirectSignature => run_security::query(&input, &entry.context, &mut budget),
    };
    Ran { result, output, spent: budget.spent(), private_operations }
}

/// Compares what became of a vector with its verdict.
///
/// # Errors
/// The difference, for people.
pub fn compare(entry: &Entry, ran: &Ran) -> Result<(), String> {
    let vector = &entry.vector;
    if let Some(oracle) = run_security::reveals(&entry.context, &ran.result, ran.private_operations) {
        return Err(oracle);
    }
    match (&ran.result, vector.result) {
        (Err(found), Outcome::Invalid) => {
            let wanted = vector.reason.as_deref().unwrap_or_default();
            if found.to_string() == wanted {
                Ok(())
            } else {
                Err(format!("refused for {found}, not {wanted}"))
            }
        }
        (Ok(_), Outcome::Invalid) => Err("accepted".to_owned()),
        (Err(found), Outcome::Valid) => Err(format!("refused for {found}")),
        (Ok(fields), Outcome::Valid) => {
            if let Some((place, value)) =
                vector.reads.iter().find(|(place, value)| fields.get(*place) != Some(value))
            {
                return Err(format!("read {:?} at {place}, not {value:?}", fields.get(place)));
            }
            let wanted = vector.output.as_ref().and_then(crate::Input::bytes);
            if ran.output == wanted {
                return Ok(());
            }
            let show = |bytes: &Option<Vec<u8>>| {
                bytes.as_deref().map(String::from_utf8_lossy).map(|s| s.into_owned())
            };
            Err(format!("output {:?}, not {:?}", show(&ran.output), show(&wanted)))
        }
    }
}

fn reason(error: XmlError) -> Reason {
    error.reason()
}

fn parse(input: Vec<u8>, context: &Group, vector: &Vector, budget: &mut Budget) -> Result<Fields, Reason> {
    let document = Document::parse_within(input, budget).map_err(reason)?;
    match context.reader {
        Some(Reader::Assertion) => Assertion::read(document.root()).map(|read| read.0).map_err(reason),
        Some(Reader::Response) => Response::read(document.root()).map(|read| read.0).map_err(reason),
        None => {
            Ok(vector.reads.keys().filter_map(|p| Some((p.clone(), value_at(document.root(), p)?))).collect())
        }
    }
}

fn canonical(input: Vec<u8>, vector: &Vector, budget: &mut Budget) -> Result<Vec<u8>, Reason> {
    let document = Document::parse_within(input, budget).map_err(reason)?;
    let apex = vector.apex.as_deref().map_or(Some(document.root()), |path| element_at(document.root(), path));
    let form = document.canonical(apex.expect("the apex of a vector"));
    let form = form.inclusive(vector.prefix_list.as_deref().unwrap_or_default()).map_err(reason)?;
    Ok(form.to_vec())
}

fn value(input: &[u8], context: &Group) -> Result<String, Reason> {
    let text = std::str::from_utf8(input).map_err(|_| Reason::Encoding)?;
    match context.lexical_type.expect("the type of a lexical vector") {
        LexicalType::Base64 => {
            lexical::decode_base64(text).map(|octets| lexical::encode_base64(&octets)).ok_or(Reason::Base64)
        }
        LexicalType::DateTime => {
            lexical::DateTime::parse(text).map(|time| time.format()).ok_or(Reason::DateTime)
        }
    }
}

/// The value at a path: local names of child elements, `[n]` for the n-th of a name, `@` before an attribute,
/// `.` for the root itself.
pub(crate) fn value_at(root: Element<'_>, path: &str) -> Option<String> {
    match path.rsplit_once('@') {
        Some((steps, attribute)) => {
            element_at(root, steps.trim_end_matches('/'))?.attribute(attribute).map(str::to_owned)
        }
        None => element_at(root, path)?.text().ok().map(str::to_owned),
    }
}

pub(crate) fn element_at<'d>(root: Element<'d>, path: &str) -> Option<Element<'d>> {
    path.split('/').filter(|step| !matches!(*step, "" | ".")).try_fold(root, |element, step| {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()?.checked_sub(1)?),
            None => (step, 0),
        };
        element.elements().filter(|child| child.local() == name).nth(index)
    })
}

/// How many vectors of each kind there are, for people.
#[must_use]
pub fn census<'e>(entries: impl Iterator<Item = &'e Entry>) -> BTreeMap<Kind, usize> {
    entries.fold(BTreeMap::new(), |mut counts, entry| {
        *counts.entry(entry.kind).or_default() += 1;
        counts
    })
}
