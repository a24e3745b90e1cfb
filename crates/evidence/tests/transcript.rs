//! The chain: what was recorded is read back, and nothing else is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
};

use chukei_evidence::*;
use common::{GOOD, TWIN, answered, end, header, run, sent, start};

#[test]
fn what_was_recorded_is_read_back() {
    let transcript = run(GOOD);
    assert!(transcript.complete());
    assert_eq!(Transcript::read(transcript.bytes()).unwrap(), transcript);
    let cases: Vec<(&str, usize)> =
        transcript.cases().iter().map(|run| (run.case, run.events.len())).collect();
    assert_eq!(cases, [(TWIN, 4), (common::OTHER_AUDIENCE, 7)]);
    assert_eq!(transcript.event(2).unwrap().what, sent(1, false));
    assert_eq!(transcript.event(0), None);
}

#[test]
fn bodies_are_text_where_text_is_readable() {
    let stored = |bytes: &[u8]| serde_json::to_string(&Body::from(bytes)).unwrap();
    for (bytes, json) in [
        (&b"<a>\n\t\xe6\xb8\xaf</a>"[..], "\"<a>\\n\\t\u{6e2f}</a>\""),
        (b"", "\"\""),
        (b"\x00", "{\"base64\":\"AA==\"}"),
        (b"a\x1b[31m", "{\"base64\":\"YRtbMzFt\"}"),
        (b"\xff", "{\"base64\":\"/w==\"}"),
        ("a\u{85}".as_bytes(), "{\"base64\":\"YcKF\"}"),
    ] {
        assert_eq!(stored(bytes), json);
        assert_eq!(serde_json::from_str::<Body>(json).unwrap().bytes(), bytes);
    }
    assert!(serde_json::from_str::<Body>("{\"base64\":\"AA=\"}").is_err());
    assert!(serde_json::from_str::<Body>("{\"base64\":\"AA==\",\"text\":\"\"}").is_err());
}

#[test]
fn every_edited_byte_is_noticed() {
    let good = run(GOOD).bytes().to_vec();
    assert!(Transcript::read(&good).unwrap().complete());
    for at in 0..good.len() {
        for bit in [1, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            // The line before the end is cut when its line feed is gone: incomplete, which `verify` refuses.
            let read = Transcript::read(&bad);
            let last_footer = at > good.len() - 120;
            assert!(
                read.is_err() || (last_footer && !read.as_ref().unwrap().complete()),
                "byte {at} ^ {bit:#x}: {:?}",
                String::from_utf8_lossy(&bad[at.saturating_sub(20)..(at + 20).min(bad.len())]),
            );
        }
    }
}

/// The fault after `edit` has changed the lines and, if `rechain`, all hashes have been made to fit again.
fn fault(edit: impl Fn(&mut Vec<String>), rechain: bool) -> ChainFault {
    let text = String::from_utf8(run(GOOD).bytes().to_vec()).unwrap();
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    edit(&mut lines);
    if rechain {
        let mut prev = sha256_hex(lines[0].as_bytes());
        for line in &mut lines[1..] {
            let rest = line.split_once("\",").unwrap().1.to_owned();
            *line = format!("{{\"prev\":\"{prev}\",{rest}");
            prev = sha256_hex(line.as_bytes());
        }
    }
    Transcript::read(lines.concat().as_bytes()).unwrap_err()
}

#[test]
fn faults_name_line_and_cause() {
    let swap = |lines: &mut Vec<String>| lines.swap(2, 3);
    assert_eq!(fault(swap, false), ChainFault { line: 3, what: ChainError::Hash });
    assert_eq!(
        fault(swap, true),
        ChainFault { line: 3, what: ChainError::Sequence { expected: 2, found: 3 } }
    );
    let spaced = |lines: &mut Vec<String>| lines[2] = lines[2].replacen("\"seq\":2", "\"seq\": 2", 1);
    assert_eq!(fault(spaced, true), ChainFault { line: 3, what: ChainError::Form });
    let unknown = |lines: &mut Vec<String>| lines[2] = lines[2].replacen("\"seq\":2", "\"seq\":2,\"x\":2", 1);
    assert!(matches!(fault(unknown, true), ChainFault { line: 3, what: ChainError::Shape(_) }));
    let footer = |lines: &mut Vec<String>| {
        let last = lines.pop().unwrap();
        lines.push(last.replace("\"events\":11", "\"events\":12"));
    };
    let count = ChainError::Count { expected: 11, found: 12 };
    assert_eq!(fault(footer, true), ChainFault { line: 13, what: count });
    let after = |lines: &mut Vec<String>| lines.push(lines[2].clone());
    assert_eq!(fault(after, false), ChainFault { line: 14, what: ChainError::AfterFooter });
    let nested = |lines: &mut Vec<String>| lines[4] = lines[4].replace("case-end", "case-start");
    assert_eq!(fault(nested, true), ChainFault { line: 5, what: ChainError::Case(TWIN.into()) });
    let format =
        |lines: &mut Vec<String>| lines[0] = lines[0].replace("\"transcript\":1", "\"transcript\":2");
    assert_eq!(fault(format, true), ChainFault { line: 1, what: ChainError::Format(2) });
    assert_eq!(Transcript::read(b"").unwrap_err().line, 1);
}

#[test]
fn an_interrupted_run_is_incomplete_at_every_byte() {
    let whole = run(GOOD);
    let first_line = whole.bytes().iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in first_line..whole.bytes().len() {
        let cut = Transcript::read(&whole.bytes()[..length]).unwrap();
        assert!(!cut.complete());
        assert_eq!(cut.events(), &whole.events()[..cut.events().len()]);
        assert_eq!(judge(&cut, &common::registry()).standing, Standing::Empty);
    }
    assert_eq!(judge(&whole, &common::registry()).standing, Standing::Conformant);
}

/// Takes so many bytes, then the disk is full.
struct Disk(Arc<Mutex<Vec<u8>>>, usize);

impl io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut content = self.0.lock().unwrap();
        if content.len() + bytes.len() > self.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_sink_holds_every_line_as_it_is_recorded() {
    let content = Arc::new(Mutex::new(Vec::new()));
    let mut recorder = Recorder::new(header(), Some(Box::new(Disk(content.clone(), 2200)))).unwrap();
    recorder.record(0, start(TWIN, None, "")).unwrap();
    let before = content.lock().unwrap().clone();
    assert_eq!(Transcript::read(&before).unwrap().events().len(), 1);
    // A full disk is an error, and the recorder is as if nothing had been asked of it.
    let large = What::Broken { what: "x".repeat(4000) };
    assert!(matches!(recorder.record(0, large), Err(RecordError::Io(_))));
    assert_eq!(recorder.record(1, answered(1, true)).unwrap(), 2);
    recorder.record(2, end(TWIN)).unwrap();
    let transcript = recorder.finish().unwrap();
    assert_eq!(*content.lock().unwrap(), transcript.bytes());
    assert_eq!(Transcript::read(transcript.bytes()).unwrap(), transcript);
}

#[test]
fn cases_do_not_nest_and_end_before_the_run() {
    let mut recorder = Recorder::new(header(), None).unwrap();
    recorder.record(0, start(TWIN, None, "")).unwrap();
    assert!(matches!(recorder.record(0, start("b", None, "")), Err(RecordError::Case(_))));
    assert!(matches!(recorder.record(0, end("b")), Err(RecordError::Case(_))));
    assert_eq!(recorder.events().len(), 1);
    assert!(matches!(recorder.finish(), Err(RecordError::Case(_))));
}
