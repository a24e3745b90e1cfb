//! The same files in XML: `ck:Import`, with `Party`, `Row` of `F`, and `Trailer`. In UTF-8, and small enough to be held at once;
//! what is larger comes as several files.

use chukei_crypto::sha256;
use chukei_relay::changes::Change;
use chukei_relay::numbers::party_code;
use chukei_xml::{Budget, Document, Element, Limits, Name, Node, XmlError, ns};

use crate::fields::{Cell, Place, Row};
use crate::file::{Encoding, Header, digest_of};
use crate::layout::{Columns, Parties, Reading};
use crate::report::{Cause, Finding};

/// The frame of a file in XML.
pub(crate) struct Frame {
    pub(crate) document: Document,
    pub(crate) header: Header,
    pub(crate) parties: Parties,
    pub(crate) declared: Vec<(String, Finding)>,
    pub(crate) rows: u64,
    pub(crate) digest: [u8; 32],
}

/// What a file may have: an export of a hospital, not a message.
const fn limits() -> Limits {
    Limits {
        bytes: 256 << 20, // about half a million rows
        nodes: 1 << 24,
        ..Limits::message()
    }
}

const fn name(local: &'static str) -> Name {
    ns::CK.name(local)
}

pub(crate) fn open(octets: &[u8]) -> Result<Frame, Finding> {
    let document =
        Document::parse_within(octets, &mut Budget::new(limits())).map_err(|error| finding(&error))?;
    let header = header(document.root())?;
    let (parties, declared, rows, digest) = frame(octets, document.root())?;
    Ok(Frame { document, header, parties, declared, rows, digest })
}

fn header(root: Element<'_>) -> Result<Header, Finding> {
    let value = |local| root.attribute(local).unwrap_or_default();
    let known = ["version", "source", "town", "sequence", "layout", "previous"];
    if !root.is(name("Import")) || root.only_attributes(&known).is_err() {
        return Err(place(root, Cause::Header));
    }
    if value("version") != "1" {
        return Err(place(root, Cause::HeaderVersion));
    }
    let values = ["source", "town", "sequence", "layout", "previous"].map(value);
    let [source, town, sequence, layout, previous] = values;
    Header::read(["UTF-8", source, town, sequence, layout, previous]).map_err(|(_, cause)| place(root, cause))
}

/// Parties, where each is declared, rows and digest.
type Rest = (Parties, Vec<(String, Finding)>, u64, [u8; 32]);

fn frame(octets: &[u8], root: Element<'_>) -> Result<Rest, Finding> {
    let wrong = |element: Element<'_>, cause| place(element, cause);
    let mut declared = Vec::new();
    let mut parties = Parties::default();
    let (mut rows, mut trailer) = (0_u64, None);
    for child in elements(root)? {
        if trailer.is_some() {
            return Err(wrong(child, Cause::After));
        }
        if child.is(name("Party")) && rows == 0 {
            child.only_attributes(&["name", "code", "kind"]).map_err(|error| finding(&error))?;
            let value = |local| child.attribute(local).unwrap_or_default();
            parties
                .declare(value("name"), value("code"), child.attribute("kind"))
                .map_err(|(_, cause)| wrong(child, cause))?;
            declared.push((party_code(value("code")), wrong(child, Cause::Party)));
        } else if child.is(name("Row")) {
            rows = rows.saturating_add(1);
        } else if child.is(name("Trailer")) {
            trailer = Some(child);
        } else {
            return Err(wrong(child, Cause::Line));
        }
    }
    let trailer = trailer.ok_or_else(|| wrong(root, Cause::Truncated))?;
    trailer.only_attributes(&["count", "digest"]).map_err(|error| finding(&error))?;
    let said = trailer.attribute("count").and_then(|count| count.parse().ok());
    let said: u64 = said.ok_or_else(|| wrong(trailer, Cause::Truncated))?;
    let digest = trailer.attribute("digest").and_then(digest_of);
    let digest = digest.ok_or_else(|| wrong(trailer, Cause::Truncated))?;
    if said != rows {
        return Err(wrong(trailer, Cause::Count { said, found: rows }));
    }
    let before = octets.get(..trailer.position().span.start).unwrap_or_default();
    if sha256(before) != digest {
        return Err(wrong(trailer, Cause::Digest));
    }
    Ok((parties, declared, rows, digest))
}

/// Every change of a file.
pub(crate) fn changes(document: &Document, reading: &mut Reading) -> Vec<Result<Change, Finding>> {
    let mut changes = Vec::new();
    for element in document.root().elements().filter(|element| element.is(name("Row"))) {
        match row(element, reading) {
            Ok(None) => {}
            Ok(Some(change)) => changes.push(Ok(change)),
            Err(finding) => changes.push(Err(finding)),
        }
    }
    changes.extend(reading.finish());
    changes
}

/// A row whose fields name their columns: one that is not there is empty.
fn row(element: Element<'_>, reading: &mut Reading) -> Result<Option<Change>, Finding> {
    let empty = |text: &'static str| Cell { text: text.into(), place: at(element) };
    let mut names = vec![empty("C")];
    let mut values = vec![empty("D")];
    for field in elements(element)? {
        let column =
            field.attribute("n").filter(|_| field.is(name("F")) && field.only_attributes(&["n"]).is_ok());
        let column = column.ok_or_else(|| place(field, Cause::Xml))?;
        let text = field.text().map_err(|error| finding(&error))?;
        if text.contains(char::is_control) {
            return Err(place(field, Cause::Control));
        }
        names.push(Cell { text: column.into(), place: at(field) });
        values.push(Cell { text: text.into(), place: at(field) });
    }
    let (due, _) = reading.layout().columns();
    for column in due {
        if !names.iter().any(|cell| cell.text == *column) {
            names.push(Cell { text: (*column).into(), place: at(element) });
            values.push(Cell { text: "".into(), place: at(element) });
        }
    }
    let line = line(element.position().line);
    let of = |cells| Row { line, raw: &[], encoding: Encoding::Utf8, cells };
    reading.renamed(Columns::read(reading.layout(), &of(names))?);
    reading.row(&of(values))
}

/// Elements that have nothing but white space between them.
fn elements(parent: Element<'_>) -> Result<Vec<Element<'_>>, Finding> {
    let mut elements = Vec::new();
    for node in parent.nodes() {
        match node {
            Node::Element(element) => elements.push(element),
            Node::Text(text) if text.trim().is_empty() => {}
            Node::Text(_) => return Err(place(parent, Cause::Xml)),
        }
    }
    Ok(elements)
}

fn line(line: usize) -> u64 {
    u64::try_from(line).unwrap_or(u64::MAX)
}

fn at(element: Element<'_>) -> Place {
    let position = element.position();
    Place::At(line(position.line), line(position.column))
}

fn place(element: Element<'_>, cause: Cause) -> Finding {
    let position = element.position();
    Finding { line: line(position.line), column: line(position.column), cause }
}

fn finding(error: &XmlError) -> Finding {
    let position = error.position();
    Finding { line: line(position.line), column: line(position.column), cause: Cause::Xml }
}
