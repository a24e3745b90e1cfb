//! One message that wants to cost much, in a process whose allocator counts: `worst-cases NAME`, or `--list`.
//!
//! The hostile part stands inside an assertion whose signature is valid, with the right digest if it can be had: so
//! it passes as many stages as it can. What is timed is what happens to a message that arrives: strict parse,
//! structure, canonical form, digest, signature, typed read.

#[allow(dead_code, reason = "shared with the program that compares")]
mod documents;
#[allow(dead_code, reason = "shared with the program that compares")]
mod keys;
#[allow(dead_code, reason = "shared with the program that compares")]
mod own;
#[allow(dead_code, reason = "shared with the program that compares")]
mod random;

use std::alloc::System;

use cap::Cap;
use chukei_bench_side::{Scheme, ThreadTime};
use chukei_xml::Document;

use documents::{SAML, signature, signature_value, signed_info};
use keys::KeyPair;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MIB: usize = 1 << 20;
const RUNS: usize = 7;
const MOST_MS: f64 = 100.0;
const MOST_MIB: f64 = 16.0;
const ISSUER: &str = "https://relay.example.jp/saml";

/// Where the hostile part stands.
enum Part {
    /// Content of an attribute value.
    Content(String),
    /// More attributes on the root.
    Attributes(String),
    /// White space and more in the signature value.
    Value(String),
    /// So many references instead of one.
    References(usize),
    /// Children of the transform.
    Transform(String),
}
use Part::{Attributes, Content, References, Transform, Value};

type Make = fn() -> Part;

const CASES: &[(&str, Make)] = &[
    ("elements-nested-10^6", || Content("<a>".repeat(1_000_000) + &"</a>".repeat(1_000_000))),
    ("elements-nested-1MiB", || Content("<a>".repeat(MIB / 7) + &"</a>".repeat(MIB / 7))),
    ("siblings-10^6", || Content("<a/>".repeat(1_000_000))),
    ("siblings-1MiB", || Content("<a/>".repeat(MIB / 4))),
    ("siblings-10^5", || Content("<a/>".repeat(100_000))),
    ("attributes-10^5", || Content(format!("<a{}/>", numbered(100_000, |n| format!(" a{n}=''"))))),
    ("attributes-60-on-1500", || {
        Content(format!("<a{}/>", numbered(60, |n| format!(" a{n}=''"))).repeat(1_500))
    }),
    ("namespaces-10^4-on-10^3", || {
        let declared = numbered(10_000, |n| format!(" xmlns:p{n}='urn:x:{n}'"));
        Content(format!("<a{declared}>{}</a>", numbered(1_000, |n| format!("<p{n}:b/>"))))
    }),
    ("namespaces-50-on-2000", || {
        let declared = numbered(50, |n| format!(" xmlns:p{n}='urn:x:{n}'"));
        let used = numbered(50, |n| format!(" p{n}:a=''"));
        Content(format!("<a{declared}>{}</a>", format!("<b{used}/>").repeat(MIB / 450)))
    }),
    ("namespaces-redeclared", || {
        Content("<a:a xmlns:a='urn:a'><a:b xmlns:a='urn:b'/></a:a>".repeat(MIB / 51))
    }),
    ("name-1MiB", || Content(format!("<{}/>", "a".repeat(MIB)))),
    ("text-1MiB", || Content("a".repeat(MIB))),
    ("text-500KB", || Content("港".repeat(166_000))),
    ("attribute-1MiB", || Content(format!("<a a='{}'/>", "a".repeat(MIB)))),
    ("attribute-tabs-60KB", || Content(format!("<a a='{}'/>", "\t".repeat(60_000)).repeat(17))),
    ("ids-10^4", || Content(numbered(10_000, |n| format!("<a ID='i{n}'/>")))),
    ("comments-in-one-text", || Content("x<!---->".repeat(MIB / 8))),
    ("references-in-one-text", || Content("&amp;".repeat(MIB / 5))),
    ("characters-by-number", || Content("&#x6E2F;".repeat(MIB / 8))),
    ("reference-of-1MiB", || Content(format!("&#x{}41;", "0".repeat(MIB)))),
    ("cdata-in-one-text", || Content("<![CDATA[x]]>".repeat(MIB / 13))),
    ("carriage-returns-1MiB", || Content("x\r\n".repeat(MIB / 3))),
    ("base64-5MiB", || Value("A".repeat(5 * MIB))),
    ("base64-500KB", || Value("A".repeat(500_000))),
    ("base64-10^6-newlines", || Value("\n".repeat(1_000_000))),
    ("base64-500KB-newlines", || Value("\n".repeat(500_000))),
    ("references-1000", || References(1_000)),
    ("prefix-list-60KB", || {
        let list = "a ".repeat(30_000);
        let namespace = "http://www.w3.org/2001/10/xml-exc-c14n#";
        Transform(format!("<ec:InclusiveNamespaces xmlns:ec='{namespace}' PrefixList='{list}'/>"))
    }),
    ("signatures-1MiB", || {
        Content("<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>".repeat(MIB / 63))
    }),
    ("attribute-on-root-60KB", || Attributes(format!(" xml:lang='{}'", "a".repeat(60_000)))),
];

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "--list" {
        CASES.iter().for_each(|(name, _)| println!("{name}"));
        return;
    }
    let Some((_, make)) = CASES.iter().find(|(other, _)| *other == name) else {
        eprintln!("no case {name}");
        std::process::exit(2);
    };
    let pair = KeyPair::generate(Scheme::P256);
    let message = message(make(), &pair);
    let trust = own::trust(&pair, &[ISSUER]);

    let mut times = Vec::new();
    let mut outcome = String::new();
    let mut inputs: Vec<_> = (0..RUNS).map(|_| message.clone()).collect();
    // Setting up may have needed more than the message does: then the peak would not be seen to rise.
    let filler = vec![0_u8; ALLOCATOR.max_allocated().saturating_sub(ALLOCATOR.allocated())];
    let baseline = ALLOCATOR.allocated();
    while let Some(input) = inputs.pop() {
        let start = ThreadTime::now();
        let result = own::receive(input, &trust);
        outcome = match result {
            Ok(value) => format!("accepted, {} attributes", value.attributes.len()),
            Err(error) => error,
        };
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let peak_mib = ALLOCATOR.max_allocated().saturating_sub(baseline) as f64 / MIB as f64;
    drop(filler);
    times.sort_unstable_by(f64::total_cmp);
    let (time_ms, median_ms) = (times[RUNS - 1], times[RUNS / 2]);
    outcome.truncate(outcome.floor_char_boundary(160));
    let reached = time_ms < MOST_MS && peak_mib < MOST_MIB;
    let bytes = message.len();
    let case = serde_json::json!({
        "name": name, "bytes": bytes, "time_ms": time_ms, "median_ms": median_ms,
        "peak_mib": peak_mib, "outcome": outcome, "reached": reached,
    });
    println!("{case}");
}

/// Signs twice: the first time to learn the digest, if the message can be read at all.
fn message(part: Part, pair: &KeyPair) -> Vec<u8> {
    let first = document(&part, &[0; 32], pair);
    let digest = (|| {
        let document = Document::parse(first.as_bytes()).ok()?;
        let signature = document.signatures().next()?;
        let canonical = document.canonical(document.root()).omit(signature.id()).to_vec();
        Some(openssl::sha::sha256(&canonical))
    })();
    match digest {
        Some(digest) => document(&part, &digest, pair).into_bytes(),
        None => first.into_bytes(),
    }
}

fn document(part: &Part, digest: &[u8; 32], pair: &KeyPair) -> String {
    let (mut content, mut attributes) = ("", "");
    let mut signed_info = signed_info("_1", digest, pair.scheme, false);
    let mut more_value = "";
    match part {
        Content(part) => content = part,
        Attributes(part) => attributes = part,
        Value(part) => more_value = part,
        References(count) => {
            let (start, end) =
                (signed_info.find("<ds:Reference ").unwrap(), signed_info.find("</ds:SignedInfo>").unwrap());
            signed_info.insert_str(end, &signed_info[start..end].repeat(count - 1));
        }
        Transform(part) => {
            let last = signed_info.find("/></ds:Transforms>").unwrap();
            signed_info.replace_range(last..last + 2, &format!(">{part}</ds:Transform>"));
        }
    }
    let hash = canonical_hash(&signature(&signed_info, &[])).unwrap_or_default();
    let (_, value) = signature_value(&hash, &pair.private, pair.scheme);
    let signature = signature(&signed_info, &value)
        .replace("</ds:SignatureValue>", &format!("{more_value}</ds:SignatureValue>"));
    let at = "2026-11-20T09:00:00Z";
    format!(
        "<saml:Assertion xmlns:saml='{SAML}' ID='_1' IssueInstant='{at}' Version='2.0'{attributes}>\
         <saml:Issuer>{ISSUER}</saml:Issuer>{signature}<saml:Subject><saml:NameID>1</saml:NameID>\
         <saml:SubjectConfirmation Method='m'><saml:SubjectConfirmationData NotOnOrAfter='{at}' Recipient='r'/>\
         </saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore='{at}' NotOnOrAfter='{at}'>\
         <saml:AudienceRestriction><saml:Audience>a</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
         <saml:AuthnStatement AuthnInstant='{at}'><saml:AuthnContext><saml:AuthnContextClassRef>c\
         </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>\
         <saml:Attribute Name='n'><saml:AttributeValue>{content}</saml:AttributeValue></saml:Attribute>\
         </saml:AttributeStatement></saml:Assertion>"
    )
}

/// Of the SignedInfo in a signature, if it can be read.
fn canonical_hash(signature: &str) -> Option<[u8; 32]> {
    let document = Document::parse(signature.as_bytes()).ok()?;
    let signed_info = document.root().elements().next()?;
    Some(openssl::sha::sha256(&document.canonical(signed_info).to_vec()))
}

fn numbered(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}
