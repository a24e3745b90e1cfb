//! How long a command to a card takes: in this process, or through PC/SC. `ci/bench card` runs it.
//!
//! usage: `card_bench in-process IMAGE ROUNDS` or `card_bench reader NAME ROUNDS`; prints one JSON object.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench stops at what is wrong"
)]

use std::{path::Path, time::Instant};

use chukei_card::{Contact, Slot};

/// What is asked, in turn: a file is selected, and 16 octets of it are read.
const COMMANDS: [&[u8]; 2] = [b"\x00\xa4\x02\x0c\x02\x00\x02", b"\x00\xb0\x00\x00\x10"];
const SELECT: &[u8] = b"\x00\xa4\x04\x0c\x0a\xd3\x92\xf0\x00\x26\x01\x00\x00\x00\x01";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, what, rounds] = arguments.as_slice() else {
        panic!("usage: in-process IMAGE ROUNDS | reader NAME ROUNDS")
    };
    let rounds = rounds.parse().unwrap();
    let mut times = match how.as_str() {
        "in-process" => {
            let mut slot = Slot::with(chukei_reader::control::load(Path::new(what)).expect("an image"));
            slot.power_on();
            measure(rounds, |command| match slot.transmit(command).answer {
                Contact::Answer(answer) => answer,
                other => panic!("{other:?}"),
            })
        }
        "reader" => over_pcsc(what, rounds),
        _ => panic!("{how} is not known"),
    };
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    println!(
        "{{\"rounds\": {}, \"min_us\": {:.2}, \"median_us\": {:.2}, \"p99_us\": {:.2}}}",
        times.len(),
        at(0),
        at(500),
        at(990)
    );
}

#[cfg(feature = "pcsc")]
fn over_pcsc(name: &str, rounds: usize) -> Vec<f64> {
    use pcsc::{Context, MAX_BUFFER_SIZE, Protocols, Scope, ShareMode};

    let context = Context::establish(Scope::User).unwrap();
    let readers = context.list_readers_owned().unwrap();
    let reader =
        readers.iter().find(|reader| reader.to_string_lossy().starts_with(name)).expect("the reader");
    let card = context.connect(reader, ShareMode::Exclusive, Protocols::ANY).unwrap();
    measure(rounds, |command| {
        let mut buffer = [0; MAX_BUFFER_SIZE];
        card.transmit(command, &mut buffer).unwrap().to_vec()
    })
}

#[cfg(not(feature = "pcsc"))]
fn over_pcsc(_: &str, _: usize) -> Vec<f64> {
    panic!("built without PC/SC")
}

/// Microseconds of each command. The first tenth warms up and is not counted.
fn measure(rounds: usize, mut transmit: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<f64> {
    assert_eq!(transmit(SELECT), [0x90, 0x00]);
    let mut times = Vec::with_capacity(rounds);
    for round in 0..rounds + rounds / 10 {
        let begin = Instant::now();
        let answer = transmit(COMMANDS[round % 2]);
        let taken = begin.elapsed();
        assert!(answer.ends_with(&[0x90, 0x00]), "{answer:02x?}");
        if round >= rounds / 10 {
            times.push(taken.as_secs_f64() * 1e6);
        }
    }
    times
}
