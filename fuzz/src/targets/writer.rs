//! Any sequence of calls of the writer fails, or makes a document that says what was called and reads as it
//! is.

use chukei_xml::{Document, Name, Namespace, Writer, ns};

use crate::{
    scan::{Event, view},
    source::Program,
};

const NAMESPACES: [Namespace; 6] = [ns::NONE, ns::SAML, ns::SAMLP, ns::DS, ns::XML, ns::WSU];
const LOCALS: [&str; 6] = ["a", "Assertion", "ID", "Id", "lang", "b"];
const PREFIXES: [&str; 6] = ["", "p", "saml", "xml", "xmlns", "q"];
const URIS: [&str; 6] = [
    "",
    "urn:p",
    "urn:q",
    "urn:oasis:names:tc:SAML:2.0:assertion",
    "relative",
    "http://www.w3.org/XML/1998/namespace",
];

/// What was called for, as a reader should see it.
#[derive(Default)]
struct Model {
    events: Vec<Event>,
    depth: usize,
}

impl Model {
    fn start(&mut self, namespace: &str, local: &str) {
        self.events.push(Event::Start(namespace.to_owned(), local.to_owned(), Vec::new()));
        self.depth += 1;
    }

    fn attribute(&mut self, namespace: &str, local: &str, value: &str) {
        if let Some(Event::Start(_, _, attributes)) = self.events.last_mut() {
            attributes.push((namespace.to_owned(), local.to_owned(), value.to_owned()));
            attributes.sort();
        }
    }

    fn text(&mut self, text: &str) {
        match self.events.last_mut() {
            _ if text.is_empty() => {}
            Some(Event::Text(before)) => before.push_str(text),
            _ => self.events.push(Event::Text(text.to_owned())),
        }
    }

    fn end(&mut self) {
        self.events.push(Event::End);
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut program = Program(data);
    let mut model = Model::default();
    let outcome = Writer::build(|w| {
        while !program.is_over() {
            step(&mut program, w, &mut model);
        }
        // Most programs would else fail for their last calls alone.
        for _ in 0..model.depth {
            w.close();
            model.events.push(Event::End);
        }
    });
    let Ok(document) = outcome else { return };
    assert_eq!(view(document.root()), model.events, "the document says what was called");
    let written = document.write();
    let again = Document::parse(written.as_slice());
    let again = again.unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&written)));
    assert!(again == document, "and reads as it is: {}", String::from_utf8_lossy(&written));
    let canonical = |document: &Document| document.canonical(document.root()).to_vec();
    assert_eq!(
        canonical(&document),
        canonical(&again),
        "what is spelled while it is built is spelled as what is read"
    );
}

fn step(program: &mut Program<'_>, w: &mut Writer<'_>, model: &mut Model) {
    match program.below(10) {
        0 => {
            let name = name(program);
            w.open(name);
            model.start(name.namespace.uri(), name.local);
        }
        1 => {
            let (prefix, namespace, local) =
                (program.one(&PREFIXES), program.one(&URIS), program.one(&LOCALS));
            w.open_as(prefix, namespace, local);
            model.start(namespace, local);
        }
        2 => {
            let (local, value) = (program.one(&LOCALS), program.text());
            w.attribute(local, &value);
            model.attribute("", local, &value);
        }
        3 => {
            let (name, value) = (name(program), program.text());
            w.attribute_in(name, &value);
            model.attribute(name.namespace.uri(), name.local, &value);
        }
        4 => {
            w.declare(program.one(&NAMESPACES));
        }
        5 => {
            let text = program.text();
            w.text(&text);
            model.text(&text);
        }
        6 => {
            let octets = program.below(4);
            w.placeholder(1 + octets);
            model.text(["AAAA", "AAAA", "AAAA", "AAAAAAAA"][octets]);
        }
        7 => {
            w.close();
            model.end();
        }
        8 => {
            let (name, text) = (name(program), program.text());
            w.element(name, &text);
            model.start(name.namespace.uri(), name.local);
            model.text(&text);
            model.end();
        }
        _ => graft(program, w, model),
    }
}

/// Grafts a small document, or a child of one.
fn graft(program: &mut Program<'_>, w: &mut Writer<'_>, model: &mut Model) {
    const DOCUMENTS: [&str; 5] = [
        "<a>x</a>",
        "<a xmlns='urn:p'><b xmlns=''>x</b></a>",
        "<p:a xmlns:p='urn:p' xmlns:q='urn:q' q:x='1' y='2'><p:b xmlns:p='urn:q' p:z='3'/></p:a>",
        "<saml:a xmlns:saml='urn:other' xml:lang='ja'><c/>t<c/></saml:a>",
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' ID='i'><b xml:space='preserve'> </b></a>",
    ];
    let document = Document::parse(program.one(&DOCUMENTS)).expect("well-formed");
    let element =
        if program.below(2) == 0 { Some(document.root()) } else { document.root().elements().next() };
    let Some(element) = element else { return };
    w.graft(element);
    for event in view(element) {
        match event {
            Event::Text(text) => model.text(&text),
            event => model.events.push(event),
        }
    }
}

fn name(program: &mut Program<'_>) -> Name {
    program.one(&NAMESPACES).name(program.one(&LOCALS))
}
