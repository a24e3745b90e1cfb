//! `chukei-ratchet parse|canonical N`: parses one signed assertion N times, or writes its canonical form N times.
//!
//! Run under callgrind by `ci/gate-instructions`, twice; the difference is free of what happens once.

use std::hint::black_box;

use chukei_xml::{Document, Sink};

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
        other => panic!("{other:?} is neither parse nor canonical"),
    }
}
