//! What foreign clients send, line by line, and what they have to get. No daemon is needed. A line `# power on` resets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use support::{card, hex};

/// `> command`, `< answer`; in an answer `[n]` stands for n octets of any value.
fn replay(name: &str, text: &str) {
    let mut card = card(name);
    let mut last = (0, Vec::new());
    let mut compared = 0;
    for (number, line) in text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("> ") {
            last = (number + 1, card.transmit(&hex(command)));
        } else if let Some(expected) = line.strip_prefix("< ") {
            let (any, expected) = match expected.strip_prefix('[') {
                Some(rest) => rest.split_once(']').map(|(n, rest)| (n.parse().unwrap(), rest)).unwrap(),
                None => (0, expected),
            };
            assert_eq!(last.1.len(), any + hex(expected).len(), "line {}", last.0);
            assert!(last.1.ends_with(&hex(expected)), "line {}: {:02x?}", last.0, last.1);
            compared += 1;
        } else if line == "# power on" {
            card.reset();
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "line {}", number + 1);
        }
    }
    assert!(compared > 5);
}

#[test]
fn opensc_signs_with_the_authentication_key() {
    replay("mynumber-like", include_str!("transcripts/opensc-sign.txt"));
}

#[test]
fn myna_makes_a_cms_signature() {
    replay("mynumber-like", include_str!("transcripts/myna-cms.txt"));
}

#[test]
fn opensc_probes_a_card_that_it_does_not_know() {
    replay("kokuho-only", include_str!("transcripts/opensc-probes.txt"));
    replay("juki-2010", include_str!("transcripts/opensc-probes.txt"));
}

#[test]
fn jpki_cli_asks_for_tries_reads_a_certificate_and_signs() {
    replay("mynumber-like", include_str!("transcripts/jpki-cli.txt"));
}
