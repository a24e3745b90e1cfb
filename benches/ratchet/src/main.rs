//! `chukei-ratchet parse|canonical|build|base64 N`: parses one signed assertion N times, writes its canonical form, builds
//! and writes one like it, or spells it as base64 and reads that.
//!
//! Run under callgrind by `ci/gate-instructions`, twice; the difference is free of what happens once.

use std::hint::black_box;

use chukei_xml::{Document, Sink, Writer, lexical, ns};

/// A signed assertion of 5.4 KB with ten attributes, half of it Japanese; `ci/gate-instructions --help` says where
/// it comes from.
const DOCUMENT: &[u8] = include_bytes!("../document.xml");

/// Takes bytes as a hash does, without being one.
struct Count(usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += black_box(bytes).len();
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let times: usize = arguments.next().and_then(|times| times.parse().ok()).expect("a number of times");
    let parse = || Document::parse(DOCUMENT).expect("the document is sound");
    match what.as_str() {
        "parse" => (0..times).for_each(|_| drop(black_box(parse()))),
        "canonical" => {
            let document = parse();
            let signature = document.signatures().next().expect("it is signed").id();
            for _ in 0..times {
                let mut count = Count(0);
                document.canonical(document.root()).omit(signature).write_to(&mut count);
                assert!(black_box(count.0) > 4_000);
            }
        }
        "build" => (0..times).for_each(|_| assert!(black_box(build()).len() > 2_000)),
        "base64" => {
            for _ in 0..times {
                let text = black_box(lexical::encode_base64(DOCUMENT));
                assert!(lexical::decode_base64(&text).is_some());
            }
        }
        other => panic!("{other:?} is not known"),
    }
}

fn build() -> Vec<u8> {
    let document = Writer::build(|w| {
        w.open(ns::SAML.name("Assertion")).attribute("ID", "_1").attribute("Version", "2.0");
        w.element(ns::SAML.name("Issuer"), "https://relay.example.test/")
            .open(ns::SAML.name("AttributeStatement"));
        for name in 0..10 {
            w.open(ns::SAML.name("Attribute")).attribute("FriendlyName", "保険者番号");
            w.attribute("Name", &format!("urn:example:attribute:{name}"))
                .attribute("NameFormat", "urn:example:uri");
            w.open(ns::SAML.name("AttributeValue")).attribute_in(ns::XSI.name("type"), "xs:string");
            w.text("架空 花子 & １２３４").close().close();
        }
        w.close().close();
    });
    document.expect("what is built is sound").into_bytes()
}
