//! Runs the foreign corpora; see the crate's front page. `--list` prints every verdict too.

#![allow(clippy::print_stdout, reason = "a command")]

use std::process::ExitCode;

use chukei_corpora::{
    canonical, ciphers,
    document::{Context, judge},
    folder::Folder,
    keys::Candidate,
    rearm,
    tally::{Class, Tally, write_below_target},
    wycheproof,
};
use chukei_forge::specimen::World;
use chukei_oracle::{available, versions, wheel};

/// Corpus, folder, and the folder with its keys.
const DOCUMENTS: &[(&str, &str, &str)] = &[
    ("signature: merlin-xmldsig-twenty-three", "xmlsec1/merlin-xmldsig-twenty-three", ""),
    ("signature: phaos-xmldsig-three", "xmlsec1/phaos-xmldsig-three", ""),
    ("signature: aleksey-xmldsig-01", "xmlsec1/aleksey-xmldsig-01", "xmlsec1/keys"),
    ("signature: xmldsig11-interop-2012", "xmlsec1/xmldsig11-interop-2012", ""),
    ("signature: xmldsig2ed-tests", "xmlsec1/xmldsig2ed-tests", ""),
    ("signature: merlin, other sets", "xmlsec1/merlin-c14n-three", ""),
    ("signature: merlin, other sets", "xmlsec1/merlin-exc-c14n-one", ""),
    ("signature: merlin, other sets", "xmlsec1/merlin-xpath-filter2-three", ""),
    ("signature: Santuario interop", "santuario/org/w3c/www/interop", ""),
    ("signature: Santuario interop", "santuario/interop", ""),
    ("signature: Santuario interop", "santuario/org/apache", ""),
    ("signature: Santuario merlin", "santuario/ie", ""),
    ("signature: IAIK", "santuario/at", ""),
    ("encryption: merlin-xmlenc-five", "xmlsec1/merlin-xmlenc-five", ""),
    ("encryption: phaos-xmlenc-3", "xmlsec1/01-phaos-xmlenc-3", ""),
    ("encryption: aleksey-xmlenc-01", "xmlsec1/aleksey-xmlenc-01", "xmlsec1/keys"),
    ("encryption: xmlenc11-interop-2012", "xmlsec1/xmlenc11-interop-2012", ""),
    ("encryption: Santuario phaos", "santuario/com", ""),
    ("documents: libxml2-c14n", "libxml2-c14n/test", ""),
    ("documents: xmlsec1 keys and data", "xmlsec1/keys", ""),
    ("documents: xmlsec1 keys and data", "xmlsec1/external-data", ""),
    ("documents: xmlsec1 keys and data", "xmlsec1/keysstore", ""),
    ("documents: defusedxml", "defusedxml", ""),
    ("saml: crewjam", "saml-negative/crewjam", "saml-negative/crewjam"),
    ("saml: pysaml2", "saml-negative/pysaml2", ""),
    ("saml: python3-saml", "saml-negative/python3-saml", ""),
    ("saml: ruby-saml", "saml-negative/ruby-saml", ""),
    ("saml: samael", "saml-negative/samael", "saml-negative/samael"),
    ("saml: samlify", "saml-negative/samlify", "saml-negative/samlify/key"),
    ("saml: xml-crypto", "saml-negative/xml-crypto", "saml-negative/xml-crypto"),
    ("saml: xmlseclibs", "saml-negative/xmlseclibs", "saml-negative/xmlseclibs"),
];

/// Parts of names that say that something is wrong with a file.
const BAD_NAMES: &[&str] = &[
    "attack",
    "bad",
    "concealed",
    "doubled",
    "Malformed",
    "false_signed",
    "injected",
    "Injected",
    "invalid",
    "tmpl",
    "template",
    "Template",
    "wrapped",
    "wrapping",
    "xsw",
    "Xsw",
    "no_signature",
    "multiple_signed",
    "unsigned",
];

/// The least that has to be as expected, so that no run passes that has looked at nothing.
const LEAST: &[(&str, usize)] = &[
    ("encryption: NIST AES-GCM", 60),
    ("wycheproof: aes_gcm", 50),
    ("wycheproof: ecdsa_secp256r1_sha256_p1363", 262),
    ("wycheproof: rsa_oaep_2048_sha256_mgf1sha256", 20),
    ("wycheproof: rsa_signature_2048_sha256", 257),
    ("c14n: Santuario exclusive", 4),
    ("c14n: libxml2 exclusive", 7),
];

/// The same where libxml2 and libxmlsec1 are at hand, which document type declarations and old attacks need.
const LEAST_WITH_ORACLE: &[(&str, usize)] = &[
    ("c14n: Santuario exclusive", 5),
    ("c14n: Santuario inclusive", 8),
    ("c14n: Santuario c14n11", 10),
    ("c14n: Santuario interop", 11),
    ("c14n: libxml2 exclusive", 9),
    ("c14n: libxml2 inclusive", 25),
    ("c14n: merlin-c14n-three", 4),
    ("c14n: merlin-exc-c14n-one", 3),
    (AGAIN_BAD, 60),
    (AGAIN, 100),
];
const AGAIN_BAD: &str = "saml: made again, named as bad";
const AGAIN: &str = "saml: made again, others";

fn main() -> ExitCode {
    let list = std::env::args().any(|argument| argument == "--list");
    let Some(folder) = Folder::find() else {
        println!("gate-corpora: not run, no corpora at CHUKEI_SHARED, nor beside the repository");
        return ExitCode::SUCCESS;
    };
    println!("{}", versions());
    println!("{}", wheel::shared().map_or("no wheel", wheel::Wheel::versions));
    if !available() {
        println!("not run: the comparisons with libxml2 and libxmlsec1, which are not compiled in");
    }
    let mut tally = Tally::default();
    canonical::run(&folder, &mut tally);
    ciphers::run_nist(&folder, &mut tally);
    wycheproof::run(&folder, &mut tally);
    let mut faults = Vec::new();
    for (corpus, place, keys) in DOCUMENTS {
        println!("... {place}");
        if documents(&folder, &mut tally, corpus, place, keys) == 0 {
            faults.push(format!("{place}: no document"));
        }
    }
    write_below_target("corpora/verdicts.tsv", tally.lines().as_bytes());
    if list {
        print!("{}", tally.lines());
    }
    let more = if available() { LEAST_WITH_ORACLE } else { &[] };
    for (corpus, least) in LEAST.iter().chain(more) {
        let count = tally.count(corpus, Class::AsExpected);
        if count < *least {
            faults.push(format!("{corpus}: {count} as expected, {least} before"));
        }
    }
    if tally.accepted(AGAIN) < 70 {
        faults.push(format!("{AGAIN}: only {} accepted, so refusals say nothing", tally.accepted(AGAIN)));
    }
    faults.extend(forgotten(&folder).map(|path| format!("{path}: belongs to no corpus of this gate")));
    let complete = available() && wheel::shared().is_some();
    let sound = tally.report(complete);
    faults.iter().for_each(|fault| println!("fault: {fault}"));
    let passed = sound && faults.is_empty();
    println!("gate-corpora: {}, {} cases", if passed { "passed" } else { "FAILED" }, tally.len());
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the documents of a folder; how many there are.
fn documents(folder: &Folder, tally: &mut Tally, corpus: &str, place: &str, keys: &str) -> usize {
    let beside = if keys.is_empty() { Vec::new() } else { Candidate::beside(folder, keys) };
    let world = World::new(1);
    let mut count = 0;
    for path in folder.files(place) {
        let xml = folder.document(path);
        if !is_document(&xml) {
            continue;
        }
        count += 1;
        let named_bad = BAD_NAMES.iter().any(|part| path.contains(part));
        let indexed = folder.indexed(path);
        let trust_embedded = !path.contains("random-embedded-cert");
        let context = Context { folder, indexed, beside: &beside, named_bad, trust_embedded };
        tally.add(corpus, judge(path, &xml, &context));
        if place.starts_with("saml-negative")
            && let Some(verdict) = rearm::judge(path, &xml, &world)
        {
            tally.add(if named_bad { AGAIN_BAD } else { AGAIN }, verdict);
        }
    }
    count
}

/// Files that no part of this gate looks at.
fn forgotten(folder: &Folder) -> impl Iterator<Item = &str> {
    let others = ["libxml2-c14n/result", "xmlsec1/nist-aesgcm", "wycheproof"];
    let places = DOCUMENTS.iter().map(|(_, place, _)| *place).chain(others);
    let places: Vec<String> = places.map(|place| format!("{place}/")).collect();
    let is_note = |path: &str| path.ends_with("LICENSE") || path.ends_with("NOTICE");
    folder.all().filter(move |path| !is_note(path) && !places.iter().any(|place| path.starts_with(place)))
}

fn is_document(octets: &[u8]) -> bool {
    let text = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets).trim_ascii_start();
    text.starts_with(b"<") && !text.starts_with(b"<html") && !text.starts_with(b"<!DOCTYPE html")
}
