//! Parsing, canonical forms and writing.

use chukei_forge::random;
use chukei_oracle::{Apex, exclusive_c14n, well_formed, wheel};
use chukei_reason::Reason;
use chukei_xml::{Document, Element};

use super::{Claim, Disagreement, Report};

/// Runs the documents of these seeds, as they are and changed.
pub fn run(report: &Report, seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let generated = random::Document::from_seed(seed);
        let xml = generated.xml.as_bytes();
        let origin = |what: &str| format!("{what} of seed {seed}");
        report.count("documents generated", 1);
        report.check(Claim::Reads, xml, || origin("document"));
        match Document::parse(xml) {
            Err(error) if generated.bad_namespace && error.reason() == Reason::C14n => {
                report.count("documents refused for a namespace name that is no URI", 1);
            }
            Err(error) if matches!(error.reason(), Reason::DuplicateId | Reason::Limit(_)) => {
                report.count("documents refused for a rule of the standard", 1);
            }
            Err(error) => report.fault(format!("seed {seed}: a well-formed document is refused: {error}")),
            Ok(document) => {
                one_form(report, &document, &generated, seed);
                if seed.is_multiple_of(8) {
                    report.count("documents in all forms", 1);
                    report.check(Claim::Forms, xml, || origin("document"));
                    report.count("documents written", 1);
                    report.check(Claim::Writes, xml, || origin("document"));
                }
            }
        }
        let changed = random::Document::mutated_from_seed(seed);
        report.count("documents changed", 1);
        let claims: &[Claim] = match Document::parse(changed.as_slice()) {
            Ok(_) => {
                report.count("documents changed, read all the same", 1);
                &[Claim::Reads, Claim::Forms]
            }
            Err(_) => &[Claim::Refuses],
        };
        claims.iter().for_each(|claim| report.check(*claim, &changed, || origin("change")));

        let named = format!("<a xmlns=\"{}\"/>", namespace_name(seed));
        report.count("namespace names", 1);
        report.check(Claim::Reads, named.as_bytes(), || origin("namespace name"));
        report.check(Claim::Forms, named.as_bytes(), || origin("namespace name"));
    }
}

/// Something like a URI.
fn namespace_name(seed: u64) -> String {
    const PARTS: [&str; 24] = [
        "a", "b1", "9", "%", "%41", "%zz", "/", "//", "?", "#", ":", "@", "!", "(", ",;", "=", "-", ".",
        "_~", "urn:", "http://", "..", ":80", "'",
    ];
    let mut state = seed;
    let mut below = |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % count
    };
    let start = ["urn:", "http://", "x:", ""][below(4)];
    let length = below(9);
    start.chars().map(String::from).chain((0..length).map(|_| PARTS[below(PARTS.len())].to_owned())).collect()
}

/// The form that the generator asks for: one apex, one prefix list.
fn one_form(report: &Report, document: &Document, generated: &random::Document, seed: u64) {
    let xml = generated.xml.as_bytes();
    let apex = document.root().descendants().nth(generated.apex).expect("an apex");
    report.count("canonical forms", 1);
    let list: Vec<&str> = generated.prefixes.split_ascii_whitespace().collect();
    if let Some(detail) = form_differs(document, xml, generated.apex, apex, &list) {
        let origin = format!("document of seed {seed}, element {}, list {list:?}", generated.apex);
        report.disagree(Disagreement { claim: Claim::Forms, input: xml.to_vec(), detail, origin });
    }
    if seed.is_multiple_of(16)
        && let Some(wheel) = wheel::shared()
    {
        report.count("canonical forms of a newer libxml2", 1);
        let ours = document.canonical(apex).inclusive(&generated.prefixes).map(|form| form.to_vec());
        let theirs = wheel.c14n(xml, Apex::Element(generated.apex), &list);
        if ours.ok() != theirs.clone().ok() {
            report.fault(format!("seed {seed}: the newer libxml2 has another form: {theirs:?}"));
        }
    }
}

pub(super) fn reads_too_much(input: &[u8]) -> Option<String> {
    let read = Document::parse(input).is_ok() && well_formed(input) == Ok(false);
    read.then(|| "we read it, libxml2 finds it ill-formed".into())
}

/// Reasons that mean: not well-formed, or not namespace-well-formed.
const ILL_FORMED: &[Reason] = &[
    Reason::Char,
    Reason::DuplicateAttribute,
    Reason::Empty,
    Reason::Name,
    Reason::Namespace,
    Reason::NotWellFormed,
    Reason::UnboundPrefix,
];

pub(super) fn refuses_too_much(input: &[u8]) -> Option<String> {
    let reason = Document::parse(input).err()?.reason();
    let refused = ILL_FORMED.contains(&reason) && well_formed(input) == Ok(true);
    refused.then(|| format!("{reason} to us, well-formed to libxml2"))
}

pub(super) fn forms_differ(document: &Document, xml: &[u8]) -> Option<String> {
    if well_formed(xml) != Ok(true) {
        return None; // which is another claim
    }
    let all: Vec<&str> =
        document.declared_prefixes().map(|p| if p.is_empty() { "#default" } else { p }).collect();
    let lists = [vec![], all.clone(), all.into_iter().step_by(2).collect()];
    let apexes = document.root().descendants().take(60).enumerate();
    apexes.into_iter().find_map(|(number, apex)| {
        let mut differences = lists.iter().map(|list| {
            // Only what is in scope may be listed for us.
            let known: Vec<&str> = list
                .iter()
                .copied()
                .filter(|prefix| document.canonical(apex).inclusive(prefix).is_ok())
                .collect();
            form_differs(document, xml, number, apex, &known)
        });
        differences.find_map(|difference| difference)
    })
}

fn form_differs(
    document: &Document,
    xml: &[u8],
    number: usize,
    apex: Element<'_>,
    list: &[&str],
) -> Option<String> {
    let ours = match document.canonical(apex).inclusive(&list.join(" ")) {
        Ok(form) => form.to_vec(),
        Err(error) => return Some(format!("no form of ours for {list:?}: {error}")),
    };
    match exclusive_c14n(xml, Apex::Element(number), list) {
        Ok(theirs) if theirs == ours => None,
        theirs => {
            let theirs = theirs.map(|theirs| String::from_utf8_lossy(&theirs).into_owned());
            Some(format!(
                "element {number}, list {list:?}: {:?} to us, {theirs:?} to libxml2",
                String::from_utf8_lossy(&ours)
            ))
        }
    }
}

pub(super) fn writes_otherwise(document: &Document, xml: &[u8]) -> Option<String> {
    let written = document.write();
    let again = Document::parse(written.as_slice());
    if again.as_ref() != Ok(document) {
        return Some(format!("read again as another document: {}", String::from_utf8_lossy(&written)));
    }
    let (first, second) =
        (exclusive_c14n(xml, Apex::Element(0), &[]), exclusive_c14n(&written, Apex::Element(0), &[]));
    (first != second).then(|| format!("another document to libxml2: {}", String::from_utf8_lossy(&written)))
}
